//! refuse E0277: a permit is not read from a file or message.
fn readable<T: serde::de::DeserializeOwned>() {}
pub fn forge() {
    readable::<agreement::Permit>();
}
