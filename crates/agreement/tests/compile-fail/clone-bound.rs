//! refuse E0277: nor by code that copies anything.
fn copies<T: Clone>(_: &T) {}
pub fn twice(permit: agreement::Permit) {
    copies(&permit);
}
