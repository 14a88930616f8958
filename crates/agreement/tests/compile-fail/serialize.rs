//! refuse E0277: nor written to one.
fn writable<T: serde::Serialize>() {}
pub fn send() {
    writable::<agreement::Permit>();
}
