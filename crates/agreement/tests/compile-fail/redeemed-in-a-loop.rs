//! refuse E0382: nor once for each of many files.
pub fn often(permit: agreement::Permit) {
    let (bytes, now) = (permit.bytes(), permit.expires());
    for _ in 0..2 {
        let _each = permit.redeem(bytes, now);
    }
}
