//! refuse E0277: nor with the ruling around it.
fn copies<T: Clone>(_: &T) {}
pub fn twice(ruling: agreement::Ruling) {
    copies(&ruling);
}
