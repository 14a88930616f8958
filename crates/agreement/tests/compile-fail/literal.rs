//! refuse E0451: a permit is not written down, its field is private.
pub fn forge(inner: agreement::Redeemed) -> agreement::Permit {
    agreement::Permit { inner }
}
