//! refuse E0382: it is moved, not copied.
pub fn twice(permit: agreement::Permit) -> (agreement::Permit, agreement::Permit) {
    let first = permit;
    (first, permit)
}
