//! refuse E0451: nor from another one.
pub fn forge(permit: agreement::Permit) -> agreement::Permit {
    agreement::Permit { ..permit }
}
