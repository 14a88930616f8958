//! refuse E0423: it is no function.
pub fn forge(inner: agreement::Redeemed) -> agreement::Permit {
    agreement::Permit(inner)
}
