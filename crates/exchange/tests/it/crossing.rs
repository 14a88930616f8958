//! Release, receipt and everything that refuses one: a table of lies, and bits that changed.

use crate::world::{self, NOW, World, at, for_member, item, partner, payload};
use agreement::{Agreements, Delegation, Permit, Spent, Status};
use evidence::sealed::Identity;
use exchange::question::CovertList;
use exchange::{Accepted, ExchangeError, Payload, Refusal, Released, open_bundle, receipt, receive};
use ledger::dsse::{self, Envelope};
use miette::Diagnostic as _;
use proptest::prelude::*;
use std::sync::OnceLock;
use terms::{Category, Digest, ExhibitKind, Protection, Purpose, ReleaseId};

const COVERT: &[u8] = br#"{"schema":"comity.covert/1","asset":"198.18.9.9","contact":"desk-7@police.example","answer":"delay","until":"2026-05-01T00:00:00Z"}"#;

fn take(world: &World, bundle: &[u8], agreements: &Agreements, now: &str) -> Result<Accepted, ExchangeError> {
    receive(&open_bundle(bundle, &world.identity)?, &partner("police"), agreements, Spent::NONE, at(now))
}

fn accept(world: &World, released: &Released) -> Accepted {
    take(world, &released.bundle, &world.agreements, NOW).unwrap()
}

fn code(error: &ExchangeError) -> String {
    error.code().map(|c| c.to_string()).unwrap_or_default()
}

#[test]
fn what_was_released_arrives_with_its_duties() {
    let world = World::new();
    for payload in [payload(), for_member(payload(), "de")] {
        let released = world.release(&payload);
        assert_eq!(exchange::recognise(&released.bundle), Some(ExhibitKind::Bundle));
        let header = exchange::header(&released.bundle).unwrap();
        assert_eq!(header, released.record.header);
        assert_eq!(header.clauses, ["company-police 3.1", "company-police 6.1", "company-police 7.1"]);
        assert!(header.duties.contains(&"report back within 72 hours".to_owned()), "{:?}", header.duties);
        let accepted = accept(&world, &released);
        assert_eq!(accepted.payload(), &payload);
        assert_eq!(accepted.digest(), released.record.payload);
        assert_eq!(accepted.erase_by(), Some(at(NOW).plus_days(90)));
        // Taken in later, the giver's earlier date still holds.
        let later = take(&world, &released.bundle, &world.agreements, "2026-03-20T00:00:00Z").unwrap();
        assert_eq!(later.erase_by(), Some(at(NOW).plus_days(90)));
        assert_eq!(Digest::of(&released.bundle), released.record.bundle);
    }
}

#[test]
fn the_outside_says_nothing_of_the_content() {
    let world = World::new();
    let released = world.release(&payload());
    let shown = String::from_utf8_lossy(&released.bundle).into_owned();
    for secret in ["relay-one", "198.18", "domains.txt", "amber", &released.record.payload.to_string()] {
        assert!(!shown.contains(secret), "{secret}");
    }
    assert!(!format!("{:?}", open_bundle(&released.bundle, &world.identity).unwrap()).contains("relay-one"));
}

/// Tries to release `bytes` under a permit.
fn try_release(world: &World, permit: Permit, bytes: &[u8], now: &str) -> ExchangeError {
    let id = ReleaseId::new("release-1").unwrap();
    exchange::release(permit, bytes, id, world.signer(), &world.identity.recipient(), at(now)).unwrap_err()
}

/// A permit for the bytes of one payload, ruled on the facts of another.
fn crossed(world: &World, facts: &Payload, bytes: &Payload) -> ExchangeError {
    let bytes = bytes.canonical().unwrap();
    let permit = world.agreements.rule(&facts.request(Digest::of(&bytes)), at(NOW)).permit().unwrap();
    try_release(world, permit, &bytes, NOW)
}

#[test]
fn a_permit_serves_for_its_own_crossing_only() {
    let world = World::new();
    let bytes = payload().canonical().unwrap();
    let mut other = bytes.clone();
    other[20] ^= 1;
    assert_eq!(code(&try_release(&world, world.permit(&payload()), &other, NOW)), "CMT-0222");
    let late = try_release(&world, world.permit(&payload()), &bytes, "2026-03-08T10:15:00Z");
    assert_eq!(code(&late), "CMT-0221");
    assert_eq!(
        code(&try_release(&world, world.permit(&payload()), &bytes, "2026-03-08T09:59:59Z")),
        "CMT-0221"
    );

    let member = crossed(&world, &payload(), &for_member(payload(), "de"));
    assert!(matches!(member, ExchangeError::OtherCrossing { what: "member", .. }), "{member}");
    let purpose = Payload { purpose: Purpose::Investigation, ..payload() };
    let purpose = crossed(&world, &payload(), &purpose);
    assert!(matches!(purpose, ExchangeError::OtherCrossing { what: "purpose", .. }), "{purpose}");
    let mut victims = payload();
    victims.items.push(item("victims.txt", Category::VictimIp, Protection::Clear));
    let victims = crossed(&world, &payload(), &victims);
    assert!(matches!(victims, ExchangeError::OtherCrossing { what: "set of categories", .. }), "{victims}");
    let getter = crossed(&world, &payload(), &Payload { to: partner("region"), ..payload() });
    assert!(matches!(getter, ExchangeError::OtherCrossing { what: "getter", .. }), "{getter}");
    for error in [&member, &purpose, &victims, &getter] {
        assert_eq!((code(error).as_str(), error.refusal()), ("CMT-0911", Refusal::Agreement));
    }

    // Bytes that are no payload, though a permit was given for them.
    let request = payload().request(Digest::of(b"not a payload"));
    let permit = world.agreements.rule(&request, at(NOW)).permit().unwrap();
    assert_eq!(code(&try_release(&world, permit, b"not a payload", NOW)), "CMT-0910");
}

#[test]
fn only_a_delegated_key_signs() {
    let mut world = World::new();
    let bytes = payload().canonical().unwrap();
    for delegation in [b"nonsense".to_vec(), world.police_delegation.clone()] {
        world.delegation = delegation;
        assert_eq!(code(&try_release(&world, world.permit(&payload()), &bytes, NOW)), "CMT-0912");
    }
    let node = world.company_node.verifying_key();
    let over = Delegation::sign(
        &partner("company"),
        &node,
        at("2026-01-01T00:00:00Z"),
        at("2026-03-08T10:00:00Z"),
        &world.company_organisation,
    );
    world.delegation = over.unwrap().to_json();
    assert_eq!(code(&try_release(&world, world.permit(&payload()), &bytes, NOW)), "CMT-0912");
}

#[test]
fn a_delegation_by_a_stranger_is_refused_by_the_receiver() {
    let mut world = World::new();
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let node = world.company_node.verifying_key();
    // The node names itself; the other party's organisation key names it.
    for stranger in [&world.company_node.clone(), &world.police_organisation.clone()] {
        let own = Delegation::sign(&partner("company"), &node, from, until, stranger).unwrap();
        world.delegation = own.to_json();
        let error = take(&world, &world.release(&payload()).bundle, &world.agreements, NOW).unwrap_err();
        assert_eq!((code(&error).as_str(), error.refusal()), ("CMT-0925", Refusal::Verification));
    }
}

#[test]
fn a_delegation_that_is_over_ends_the_bundle() {
    let mut world = World::new();
    let node = world.company_node.verifying_key();
    let short = Delegation::sign(
        &partner("company"),
        &node,
        at("2026-01-01T00:00:00Z"),
        at("2026-03-10T00:00:00Z"),
        &world.company_organisation,
    );
    world.delegation = short.unwrap().to_json();
    let released = world.release(&payload());
    assert!(take(&world, &released.bundle, &world.agreements, NOW).is_ok());
    let error = take(&world, &released.bundle, &world.agreements, "2026-03-10T00:00:00Z").unwrap_err();
    assert_eq!(code(&error), "CMT-0925");
}

#[test]
fn the_receiver_rules_again() {
    let world = World::new();
    let bundle = world.release(&payload()).bundle;
    let rows: &[(Agreements, &str, &str, &str)] = &[
        (Agreements::default(), NOW, "CMT-0924", "does not know"),
        (Agreements::new(vec![world.other_text()]), NOW, "CMT-0924", "another text"),
        (Agreements::new(vec![world.signed.clone(), world.other_text()]), NOW, "CMT-0924", "newer text"),
        (world.with(Status::Suspended, "2026-03-08T00:00:00Z"), NOW, "CMT-0924", "suspended"),
        (world.with(Status::Ended, "2026-03-08T00:00:00Z"), NOW, "CMT-0924", "ended"),
        (world.agreements.clone(), "2027-01-02T00:00:00Z", "CMT-0924", "ended"),
        (world.agreements.clone(), "2025-12-31T00:00:00Z", "CMT-0924", "begins"),
    ];
    for (agreements, now, expected, word) in rows {
        let error = take(&world, &bundle, agreements, now).unwrap_err();
        assert_eq!(code(&error), *expected, "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.refusal(), Refusal::Agreement);
    }
    // Suspended only later: still taken in today.
    assert!(take(&world, &bundle, &world.with(Status::Suspended, "2026-03-09T00:00:00Z"), NOW).is_ok());
}

/// A bundle that a giver makes by hand, without our `release`: its manifest and payload as it likes.
fn forged(world: &World, payload: &[u8], change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let honest = world.release(&world::payload());
    let mut header = serde_json::to_value(&honest.record.header).unwrap();
    header["size"] = payload.len().into();
    let mut manifest = serde_json::json!({
        "schema": "comity.manifest/1", "header": header, "payload": Digest::of(payload),
        "delegation": base64_of(&world.delegation),
    });
    change(&mut manifest);
    let text = serde_json::to_vec(&manifest).unwrap();
    let envelope = dsse::sign("application/vnd.comity.release+json", &text, &world.company_node).unwrap();
    let inside = [envelope.to_json().as_slice(), b"\n", payload].concat();
    let sealed = evidence::sealed::seal(&world.identity.recipient(), &inside).unwrap();
    let header = serde_json::to_vec(&header).unwrap();
    [exchange::BUNDLE_MAGIC, &header, b"\n", &sealed].concat()
}

fn base64_of(bytes: &[u8]) -> String {
    // The envelope's own payload is base64: let it do the work.
    let json: serde_json::Value = serde_json::from_slice(
        &dsse::sign("x/x", bytes, &ed25519_dalek::SigningKey::from_bytes(&[9; 32])).unwrap().to_json(),
    )
    .unwrap();
    json["payload"].as_str().unwrap().to_owned()
}

#[test]
fn a_giver_that_ruled_wrongly_is_refused_with_the_clause() {
    let world = World::new();
    let honest = payload().canonical().unwrap();
    assert!(take(&world, &forged(&world, &honest, |_| {}), &world.agreements, NOW).is_ok());

    let mut victims = payload();
    victims.purpose = Purpose::Investigation;
    victims.items = vec![item("victims.txt", Category::VictimIp, Protection::Clear)];
    let bundle = forged(&world, &victims.canonical().unwrap(), |_| {});
    let error = take(&world, &bundle, &world.agreements, NOW).unwrap_err();
    assert_eq!((code(&error).as_str(), error.refusal()), ("CMT-0926", Refusal::Agreement));
    assert!(error.to_string().contains("4.2"), "{error}");

    let mut unlabelled = payload();
    unlabelled.items[0].categories.clear();
    let error =
        take(&world, &forged(&world, &unlabelled.canonical().unwrap(), |_| {}), &world.agreements, NOW);
    assert_eq!(code(&error.unwrap_err()), "CMT-0926");
}

#[test]
fn a_giver_whose_words_do_not_agree_is_refused() {
    let world = World::new();
    let honest = payload().canonical().unwrap();
    let elsewhere = Payload { to: partner("region"), ..payload() }.canonical().unwrap();
    let spaced = [b" ", honest.as_slice()].concat();
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (forged(&world, &honest, |m| m["header"]["release"] = "release-2".into()), "CMT-0922"),
        (forged(&world, &honest, |m| m["header"]["size"] = 1.into()), "CMT-0922"),
        (forged(&world, &honest, |m| m["payload"] = Digest::of(b"other").to_string().into()), "CMT-0922"),
        (forged(&world, &honest, |m| m["schema"] = "comity.manifest/2".into()), "CMT-0922"),
        (forged(&world, &honest, |m| m["delegation"] = "".into()), "CMT-0925"),
        (
            forged(&world, &honest, |m| m["delegation"] = base64_of(&world.police_delegation).into()),
            "CMT-0925",
        ),
        (forged(&world, &honest, |m| m["more"] = 1.into()), "CMT-0925"),
        (forged(&world, &elsewhere, |_| {}), "CMT-0922"),
        (forged(&world, &for_member(payload(), "de").canonical().unwrap(), |_| {}), "CMT-0922"),
        (forged(&world, &spaced, |_| {}), "CMT-0910"),
        (forged(&world, b"", |_| {}), "CMT-0910"),
    ];
    for (n, (bundle, expected)) in rows.iter().enumerate() {
        let error = take(&world, bundle, &world.agreements, NOW).unwrap_err();
        assert_eq!(code(&error), *expected, "row {n}: {error}");
    }
}

#[test]
fn a_bundle_opens_for_its_addressee_only() {
    let world = World::new();
    let bundle = world.release(&payload()).bundle;
    let error = open_bundle(&bundle, &Identity::generate()).unwrap_err();
    assert_eq!((code(&error).as_str(), error.refusal()), ("CMT-0921", Refusal::Verification));
    let received = open_bundle(&bundle, &world.identity).unwrap();
    let error = receive(&received, &partner("region"), &world.agreements, Spent::NONE, at(NOW)).unwrap_err();
    assert_eq!(code(&error), "CMT-0923");
}

#[test]
fn what_is_no_bundle() {
    let world = World::new();
    let bundle = world.release(&payload()).bundle;
    let header_end = bundle.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(1).unwrap().0;
    let mut spaced = bundle.clone();
    spaced.insert(header_end, b' ');
    for (bytes, expected) in [
        (Vec::new(), "CMT-0920"),
        (b"comity-bundle/2\n".to_vec(), "CMT-0920"),
        (b"comity-bundle/1\n".to_vec(), "CMT-0920"),
        (b"comity-bundle/1\n{}\n".to_vec(), "CMT-0920"),
        ([b"comity-bundle/1\n".to_vec(), vec![b'x'; 70 << 10]].concat(), "CMT-0920"),
        (spaced, "CMT-0920"),
        (bundle[..=header_end].to_vec(), "CMT-0921"),
        ([bundle.clone(), b"x".to_vec()].concat(), "CMT-0921"),
        (vec![0; exchange::MAX_BUNDLE + 1], "CMT-0920"),
    ] {
        let error = open_bundle(&bytes, &world.identity).unwrap_err();
        assert_eq!(code(&error), expected, "{error}");
    }
}

#[test]
fn a_receipt_binds_release_payload_and_answers() {
    let world = World::new();
    let released = world.release(&payload());
    let accepted = accept(&world, &released);
    let answers = accepted.answers(&CovertList::parse(COVERT).unwrap()).unwrap();
    let hits: Vec<_> = answers.iter().map(|a| (a.asset.as_str(), a.hit, a.contact.is_some())).collect();
    assert_eq!(hits, [("198.18.9.9:4443", true, true), ("relay-one.com.example", false, false)]);

    let bytes = receipt::make(&accepted, &world.police_node, World::position(), answers.clone()).unwrap();
    assert_eq!(exchange::recognise(&bytes), Some(ExhibitKind::Receipt));
    let node = world.police_node.verifying_key();
    let keys = [(dsse::keyid(&node), node)];
    let read = receipt::verify(&bytes, &keys).unwrap();
    assert_eq!((read.answers.as_slice(), read.erase_by), (answers.as_slice(), Some(at(NOW).plus_days(90))));
    assert_eq!(read, receipt::unverified(&bytes).unwrap());
    read.fits(&released.record).unwrap();

    // The police's key as an agreement's holder finds it.
    let mut agreements = world.agreements.clone();
    agreements.delegate(&Envelope::from_canonical_json(&world.police_delegation).unwrap()).unwrap();
    assert_eq!(agreements.node_keys(&read.by, at(NOW)), [node]);

    let mut other = released.record.clone();
    other.payload = Digest::of(b"other");
    assert_eq!(code(&read.fits(&other).unwrap_err()), "CMT-0931");
    let mut other = released.record.clone();
    other.header.release = ReleaseId::new("release-2").unwrap();
    assert_eq!(code(&read.fits(&other).unwrap_err()), "CMT-0931");
    let mut other = released.record.clone();
    other.header.to = partner("region");
    assert_eq!(code(&read.fits(&other).unwrap_err()), "CMT-0931");

    let company = world.company_node.verifying_key();
    let error = receipt::verify(&bytes, &[(dsse::keyid(&company), company)]).unwrap_err();
    assert_eq!(code(&error), "CMT-0925");
    for bad in [b"".as_slice(), b"{}", &bytes[..bytes.len() - 1], &[b" ", bytes.as_slice()].concat()] {
        assert_eq!(code(&receipt::verify(bad, &keys).unwrap_err()), "CMT-0930");
    }
    let foreign = dsse::sign("text/plain", b"{}", &world.police_node).unwrap().to_json();
    assert_eq!(code(&receipt::verify(&foreign, &keys).unwrap_err()), "CMT-0925");
    let empty = dsse::sign(receipt::PAYLOAD_TYPE, b"{}", &world.police_node).unwrap().to_json();
    assert_eq!(code(&receipt::verify(&empty, &keys).unwrap_err()), "CMT-0930");
}

#[test]
fn a_question_that_is_none_is_refused() {
    let world = World::new();
    let mut payload = payload();
    payload.items[1].bytes = b"{}".to_vec();
    let accepted = accept(&world, &world.release(&payload));
    assert_eq!(code(&accepted.answers(&CovertList::default()).unwrap_err()), "CMT-0932");
}

/// One world with a bundle and a receipt, made once.
fn fixture() -> &'static (World, Vec<u8>, Vec<u8>) {
    static FIXTURE: OnceLock<(World, Vec<u8>, Vec<u8>)> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let world = World::new();
        let released = world.release(&payload());
        let accepted = accept(&world, &released);
        let bytes = receipt::make(&accepted, &world.police_node, World::position(), Vec::new()).unwrap();
        (world, released.bundle, bytes)
    })
}

proptest! {
    #[test]
    fn any_bit_changed_in_a_bundle_is_refused(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (world, bundle, _) = fixture();
        let mut bundle = bundle.clone();
        let at = at.index(bundle.len());
        bundle[at] ^= 1 << bit;
        prop_assert!(take(world, &bundle, &world.agreements, NOW).is_err(), "byte {}", at);
    }

    #[test]
    fn any_bundle_cut_short_is_refused(at in any::<prop::sample::Index>()) {
        let (world, bundle, _) = fixture();
        prop_assert!(take(world, &bundle[..at.index(bundle.len())], &world.agreements, NOW).is_err());
    }

    #[test]
    fn any_bit_changed_in_a_receipt_is_refused(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (world, _, receipt) = fixture();
        let mut receipt = receipt.clone();
        let at = at.index(receipt.len());
        receipt[at] ^= 1 << bit;
        let node = world.police_node.verifying_key();
        prop_assert!(receipt::verify(&receipt, &[(dsse::keyid(&node), node)]).is_err(), "byte {}", at);
    }
}

#[test]
fn any_bit_changed_in_a_header_is_refused() {
    let (world, bundle, _) = fixture();
    let end = bundle.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(1).unwrap().0;
    for at in 0..=end {
        for bit in 0..8 {
            let mut changed = bundle.clone();
            changed[at] ^= 1 << bit;
            assert!(take(world, &changed, &world.agreements, NOW).is_err(), "byte {at} bit {bit}");
        }
    }
}
