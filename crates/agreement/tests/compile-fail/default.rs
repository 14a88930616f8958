//! refuse E0277: there is no permit by default.
fn made<T: Default>() -> T {
    T::default()
}
pub fn forge() -> agreement::Permit {
    made()
}
