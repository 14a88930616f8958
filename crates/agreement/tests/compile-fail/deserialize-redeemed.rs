//! refuse E0277: nor is a redeemed one read.
fn readable<T: serde::de::DeserializeOwned>() {}
pub fn forge() {
    readable::<agreement::Redeemed>();
}
