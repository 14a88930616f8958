//! refuse E0451: nor is one taken apart without being redeemed.
pub fn open(permit: agreement::Permit) -> agreement::Redeemed {
    let agreement::Permit { inner } = permit;
    inner
}
