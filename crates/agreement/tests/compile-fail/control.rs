//! accept: what a holder of a permit may do with it, and what a request may do that a permit may not.
fn readable<T: serde::de::DeserializeOwned + serde::Serialize + Clone>() {}

pub fn once(permit: agreement::Permit) -> Option<agreement::Redeemed> {
    readable::<agreement::Request>();
    let (bytes, now) = (permit.bytes(), permit.expires());
    let _clauses: &[_] = permit.clauses();
    permit.redeem(bytes, now).ok()
}

pub fn ask(all: &agreement::Agreements, request: &agreement::Request, permit: &agreement::Permit) -> bool {
    all.rule(request, permit.expires()).permit().is_ok()
}
