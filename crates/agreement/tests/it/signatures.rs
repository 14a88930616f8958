//! Signatures, states, delegations: mostly refusals.

use crate::samples::{all, hour, key, partner, sample, sample_text, signed, time};
use agreement::{
    Act, Agreements, Delegation, Request, Ruling, SignedAgreement, State, Status, StatusChange, countersign,
    parse, sign, verify,
};
use ledger::dsse::{self, Envelope};
use miette::Diagnostic;
use terms::{Category, Digest, Handling, HandlingCode, Protection, Purpose, Timestamp, Tlp};

fn code<T>(result: Result<T, impl Diagnostic>) -> String {
    result.err().and_then(|e| e.code().map(|c| c.to_string())).unwrap_or_else(|| "taken".into())
}

#[test]
fn who_may_sign_what() {
    let (a, other) = (sample("company-police"), sample("company-region"));
    let (company, police) = (partner("company"), partner("police"));
    assert_eq!(code(sign(&a, &partner("region"), &key("region"))), "CMT-0210");
    assert_eq!(code(sign(&a, &police, &key("company"))), "CMT-0211");
    let half = sign(&a, &company, &key("company")).unwrap();
    assert_eq!(code(countersign(&a, half.clone(), &police, &key("region"))), "CMT-0211");
    assert_eq!(code(verify(&other, &half)), "CMT-0212");
    // One word of the prose changed after signing.
    let changed =
        parse("x", &sample_text("company-police").replace("thirty days", "three hundred days")).unwrap();
    assert_eq!(code(verify(&changed, &half)), "CMT-0212");
    // A stranger's signature beside a party's.
    let mut crowd = half.clone();
    crowd.add_signature(&key("fintech")).unwrap();
    assert_eq!(code(verify(&a, &crowd)), "CMT-0213");
    // Only a stranger.
    let stranger = dsse::sign(agreement::AGREEMENT_TYPE, half.unverified_payload(), &key("fintech")).unwrap();
    assert_eq!(code(verify(&a, &stranger)), "CMT-0303");
    assert_eq!(verify(&a, &half).unwrap(), vec![company]);
}

#[test]
fn no_bit_of_an_envelope_can_change() {
    let a = sample("company-fintech");
    let json = sign(&a, &partner("company"), &key("company")).unwrap().to_json();
    let policyless = |j: &[u8]| Envelope::from_canonical_json(j).ok();
    for at in (0..json.len()).step_by(7) {
        let mut changed = json.clone();
        changed[at] ^= 1;
        if let Some(e) = policyless(&changed) {
            assert!(verify(&a, &e).is_err(), "byte {at}");
        }
    }
}

fn c2(now: Timestamp, agreements: &Agreements) -> Ruling {
    let handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H0 };
    let r = Request::new(
        partner("company"),
        partner("police"),
        Act::Receive,
        Purpose::Takedown,
        handling,
        Digest::of(b"x"),
    )
    .with(Category::C2Infrastructure, Protection::Clear);
    agreements.rule(&r, now)
}

#[test]
fn only_what_all_signed_is_in_force_and_an_end_is_final() {
    let a = sample("company-police");
    let half = sign(&a, &partner("company"), &key("company")).unwrap();
    let half = SignedAgreement::new(a.clone(), &half).unwrap();
    assert_eq!(half.state(hour()), State::Unsigned { missing: vec![partner("police")] });
    let Ruling::Deny(d) = c2(hour(), &Agreements::new(vec![half])) else { panic!("half-signed") };
    assert_eq!(d.sentence(), "agreement `company-police` is not signed by `police`");

    let change = |by: &str, status, at: &str| {
        let at = time(at);
        let declared = at.plus_days(if status == Status::Ended { -90 } else { 0 });
        StatusChange::sign(&a, &partner(by), status, (declared, at), "for the test", &key(by)).unwrap()
    };
    let full = signed(a.clone());
    let suspended = full.clone().with_change(&change("police", Status::Suspended, "2026-03-05")).unwrap();
    // The company cannot lift what the police declared.
    let not_lifted =
        suspended.clone().with_change(&change("company", Status::Resumed, "2026-03-06")).unwrap();
    let lifted = suspended.clone().with_change(&change("police", Status::Resumed, "2026-03-06")).unwrap();
    let ended = full.clone().with_change(&change("company", Status::Ended, "2026-03-05")).unwrap();
    let not_revived = ended.clone().with_change(&change("company", Status::Resumed, "2026-03-06")).unwrap();
    for (name, s, in_force) in [
        ("full", &full, true),
        ("suspended", &suspended, false),
        ("not lifted", &not_lifted, false),
        ("lifted", &lifted, true),
        ("ended", &ended, false),
        ("not revived", &not_revived, false),
    ] {
        let agreements = Agreements::new(vec![s.clone()]);
        assert_eq!(c2(hour(), &agreements).denied(), !in_force, "{name}");
        assert!(!c2(time("2026-03-04"), &agreements).denied(), "{name} before the change");
        assert_eq!(agreements.powers(&partner("police"), hour()).is_empty(), !in_force, "{name}");
    }
    // A change signed by the wrong party, or about another agreement.
    let forged = dsse::sign(
        agreement::STATUS_TYPE,
        change("police", Status::Ended, "2026-03-05").unverified_payload(),
        &key("company"),
    )
    .unwrap();
    assert_eq!(code(full.clone().with_change(&forged)), "CMT-0303");
    let region = signed(sample("company-region"));
    assert_eq!(code(region.with_change(&change("company", Status::Ended, "2026-03-05"))), "CMT-0214");
}

#[test]
fn the_first_and_last_day_belong_to_the_term() {
    let all = all();
    for (at, passes) in [
        ("2025-12-31T23:59:59.999999Z", false),
        ("2026-01-01T00:00:00Z", true),
        ("2028-12-31T23:59:59.999999Z", true),
        ("2029-01-01T00:00:00Z", false),
    ] {
        assert_eq!(!c2(time(at), &all).denied(), passes, "{at}");
    }
}

#[test]
fn a_newer_version_takes_the_place_of_the_older() {
    let amends = format!("version = 2\namends = \"{}\"", sample("company-police").version());
    let newer = sample_text("company-police").replace("version = 1", &amends).replace(
        "purpose = [\"investigation\", \"takedown\", \"threat-assessment\", \"evidence-in-court\"]",
        "purpose = [\"investigation\"]",
    );
    let (old, new) = (sample("company-police"), parse("new", &newer).unwrap());
    let half = sign(&new, &partner("company"), &key("company")).unwrap();
    let half = SignedAgreement::new(new.clone(), &half).unwrap();
    let agreements = Agreements::new(vec![half, signed(old.clone())]);
    assert!(!c2(hour(), &agreements).denied(), "a half-signed version replaces nothing");
    let agreements = Agreements::new(vec![signed(new.clone()), signed(old.clone())]);
    assert!(c2(hour(), &agreements).denied(), "the newer is narrower");
    let end = StatusChange::sign(
        &new,
        &partner("police"),
        Status::Ended,
        (time("2025-12-01"), time("2026-03-01")),
        "over",
        &key("police"),
    )
    .unwrap();
    let agreements = Agreements::new(vec![signed(new).with_change(&end).unwrap(), signed(old)]);
    assert!(c2(hour(), &agreements).denied(), "the older does not come back");
    // The same agreement twice is ambiguous, and so refused.
    let twice = Agreements::new(vec![signed(sample("company-police")), signed(sample("company-police"))]);
    assert!(c2(hour(), &twice).denied());
}

#[test]
fn node_keys_are_delegated_for_a_time() {
    let mut all = all();
    let node = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key();
    let police = partner("police");
    let delegate = |from: &str, until: &str, signer: &str| {
        Delegation::sign(&police, &node, time(from), time(until), &key(signer))
    };
    assert_eq!(code(all.delegate(&delegate("2026-03-01", "2026-04-01", "company").unwrap())), "CMT-0303");
    assert_eq!(code(delegate("2026-03-01", "2026-03-01", "police")), "CMT-0214");
    assert_eq!(code(delegate("2026-03-01", "2036-03-01", "police")), "CMT-0214");
    assert!(all.node_keys(&police, hour()).is_empty());
    all.delegate(&delegate("2026-03-01", "2026-04-01", "police").unwrap()).unwrap();
    assert_eq!(all.node_keys(&police, hour()), [node]);
    assert!(all.node_keys(&police, time("2026-04-01")).is_empty());
    assert!(all.node_keys(&police, time("2026-02-28T23:59:59Z")).is_empty());
    assert!(all.node_keys(&partner("company"), hour()).is_empty());
}

#[test]
fn a_permit_opens_for_its_bytes_and_its_time_only() {
    let all = all();
    let bytes = Digest::of(b"x");
    let permit = || c2(hour(), &all).permit().unwrap();
    assert_eq!(permit().bytes(), bytes);
    assert_eq!(code(permit().redeem(Digest::of(b"y"), hour())), "CMT-0222");
    assert_eq!(code(permit().redeem(bytes, hour().plus_micros(-1))), "CMT-0221");
    assert_eq!(code(permit().redeem(bytes, hour().plus_micros(agreement::PERMIT_MICROS))), "CMT-0221");
    let used = permit().redeem(bytes, hour().plus_micros(1)).unwrap();
    assert_eq!(used.clauses.iter().map(|c| c.number.as_str()).collect::<Vec<_>>(), ["3.1", "4.6", "5.8"]);
    // A permit never outlives its agreement.
    let last = time("2028-12-31T23:59:00Z");
    assert_eq!(c2(last, &all).permit().unwrap().expires(), time("2029-01-01"));
}
