//! refuse E0382: its clauses are not read after it is gone.
pub fn after(permit: agreement::Permit) -> usize {
    let (bytes, now) = (permit.bytes(), permit.expires());
    let _first = permit.redeem(bytes, now);
    permit.clauses().len()
}
