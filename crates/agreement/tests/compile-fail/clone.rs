//! refuse E0599: a permit is not copied.
pub fn twice(permit: agreement::Permit) -> (agreement::Permit, agreement::Permit) {
    (permit.clone(), permit)
}
