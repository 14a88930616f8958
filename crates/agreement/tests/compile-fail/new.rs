//! refuse E0624: its maker is the ruling's own.
pub fn forge(inner: agreement::Redeemed) -> agreement::Permit {
    agreement::Permit::new(inner)
}
