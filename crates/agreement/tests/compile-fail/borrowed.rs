//! refuse E0507: who borrowed a permit cannot redeem it.
pub fn borrowed(permit: &agreement::Permit) {
    let _used = permit.redeem(permit.bytes(), permit.expires());
}
