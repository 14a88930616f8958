//! refuse E0382: it is gone once redeemed.
pub fn twice(permit: agreement::Permit) {
    let (bytes, now) = (permit.bytes(), permit.expires());
    let _first = permit.redeem(bytes, now);
    let _second = permit.redeem(bytes, now);
}
