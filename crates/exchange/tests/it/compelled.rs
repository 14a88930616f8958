//! What an order compels crosses without an agreement: sealed, bound to the order, ruled on again by who gets it.

use crate::collect;
use crate::world::{NOW, World, at, item, partner, payload};
use agreement::{
    Agreements, Approver, COMPEL_APPROVAL_SCHEMA, COMPEL_APPROVAL_TYPE, CompelApproval, Compulsion,
    DataPeriod, Demanded, Extent, Spent, Status,
};
use ed25519_dalek::SigningKey;
use exchange::{Accepted, ExchangeError, Payload, Refusal, Released, examine, open_bundle, ordered, receipt};
use ledger::dsse;
use miette::Diagnostic as _;
use serde_json::{Value, json};
use terms::{Category, Digest, ExhibitKind, FindingBody, PersonId, Protection, Purpose, ReleaseId, Role};

fn document() -> Value {
    json!({
        "schema": "comity.compulsion/1", "id": "order-de-207", "issuer": "District Court of Harbourstadt",
        "instrument": "production-order", "offence": "computer sabotage", "addressee": "company", "to": "police",
        "purpose": "investigation", "categories": ["victim-ip"], "places": ["DE"],
        "period": { "from": "2026-03-01", "until": "2026-03-08" }, "targets": ["harbourlight"],
        "served": "2026-03-08", "from": "2026-03-07", "until": "2026-06-01", "gag": "2026-06-15", "retain-days": 30
    })
}

fn order(document: &Value) -> Compulsion {
    Compulsion::parse(document.to_string().as_bytes()).unwrap()
}

/// Victims in the clear, which the agreement has as pseudonyms only.
fn victims() -> Payload {
    let mut payload = Payload { purpose: Purpose::Investigation, items: Vec::new(), ..payload() };
    payload.items.push(item("victims-de.csv", Category::VictimIp, Protection::Clear));
    payload.concerns = ["DE".parse().unwrap()].into();
    let period = DataPeriod { from: at("2026-03-02"), until: at("2026-03-04") };
    payload.extent = Some(Extent { period: Some(period), targets: ["harbourlight".to_owned()].into() });
    payload
}

fn release(world: &World, order: &Compulsion, payload: &Payload) -> Released {
    let (bytes, id) = (payload.canonical().unwrap(), ReleaseId::new("release-1").unwrap());
    let request = payload.request(Digest::of(&bytes));
    let (counsel, second) = (SigningKey::from_bytes(&[21; 32]), SigningKey::from_bytes(&[22; 32]));
    let approval = CompelApproval {
        schema: COMPEL_APPROVAL_SCHEMA.into(),
        authority: order.authority(),
        release: id.clone(),
        bytes: request.bytes,
        to: request.to.clone(),
        counsel: PersonId("counsel-1".into()),
        second: PersonId("lead-1".into()),
        at: at(NOW),
    };
    let people = [("counsel-1", Role::Counsel, &counsel), ("lead-1", Role::CaseLead, &second)]
        .map(|(name, role, key)| Approver { person: PersonId(name.into()), role, key: key.verifying_key() });
    let text = serde_json::to_vec(&approval).unwrap();
    let mut envelope = dsse::sign(COMPEL_APPROVAL_TYPE, &text, &counsel).unwrap();
    envelope.add_signature(&second).unwrap();
    let extent = payload.extent.clone().unwrap_or_default();
    let demanded =
        Demanded { request: &request, extent: &extent, release: &id, approval: &envelope, people: &people };
    let permit = world.agreements.compel(order, demanded, at(NOW)).permit().unwrap();
    exchange::release(permit, &bytes, id, world.signer(), &world.identity.recipient(), at(NOW)).unwrap()
}

fn take(
    world: &World,
    bundle: &[u8],
    agreements: &Agreements,
    order: Option<&Compulsion>,
    now: &str,
) -> Result<Accepted, ExchangeError> {
    let received = open_bundle(bundle, &world.identity)?;
    exchange::receive_compelled(&received, &partner("police"), agreements, order, at(now))
}

#[test]
fn what_an_order_compels_arrives_and_tells_nothing_on_its_way() {
    let (world, order) = (World::new(), order(&document()));
    let released = release(&world, &order, &victims());
    let outside = String::from_utf8_lossy(&released.bundle).into_owned();
    let authority = order.authority().to_string();
    for silent in ["order-de-207", &authority, "2026-06-15", "tell nobody", "company-police", "relay-one"] {
        assert!(!outside.contains(silent), "{silent} stands on the outside");
    }
    let received = open_bundle(&released.bundle, &world.identity).unwrap();
    assert_eq!(ordered(&received).unwrap(), Some(order.authority()));
    // The agreement may have ended meanwhile: it still says whose key is whose.
    let ended = world.with(Status::Ended, "2026-03-01T00:00:00Z");
    for agreements in [&world.agreements, &ended] {
        let accepted = take(&world, &released.bundle, agreements, Some(&order), "2026-03-09").unwrap();
        assert_eq!(accepted.payload(), &victims());
        assert_eq!(accepted.ruling().source.compelled().unwrap().id, "order-de-207");
        assert_eq!(
            accepted.erase_by(),
            Some(at("2026-03-09").plus_days(30)),
            "from its own copy of the order"
        );
        let bytes = receipt::make(&accepted, &world.police_node, World::position(), Vec::new()).unwrap();
        let key = world.police_node.verifying_key();
        let receipt = receipt::verify(&bytes, &[(dsse::keyid(&key), key)]).unwrap();
        receipt.fits(&released.record).unwrap();
        assert_eq!(receipt.agreement, None);
    }
}

#[test]
fn what_the_order_does_not_bear_out_is_not_taken_in() {
    let (world, order) = (World::new(), order(&document()));
    let released = release(&world, &order, &victims());
    let with = |word: &str, value: Value| {
        let mut document = document();
        document[word] = value;
        self::order(&document)
    };
    // The same number, and another document: it is another order.
    let others = [with("retain-days", json!(31)), with("categories", json!(["victim-ip", "content"]))];
    let strangers = Agreements::default();
    let rows: Vec<(&str, &Agreements, Option<&Compulsion>, &str)> = vec![
        ("no order is here", &world.agreements, None, "CMT-0951"),
        ("another document", &world.agreements, Some(&others[0]), "CMT-0951"),
        ("a wider document", &world.agreements, Some(&others[1]), "CMT-0951"),
        ("nobody says whose key it is", &strangers, Some(&order), "CMT-0951"),
    ];
    for (what, agreements, order, code) in rows {
        let error = take(&world, &released.bundle, agreements, order, NOW).unwrap_err();
        assert_eq!(error.code().unwrap().to_string(), code, "{what}: {error}");
        assert_eq!(error.refusal(), Refusal::Agreement, "{what}");
        assert!(error.help().is_some(), "{what}");
    }
    // Before it was released, and as a release under an agreement.
    let early = take(&world, &released.bundle, &world.agreements, Some(&order), "2026-03-08T09:59:59Z");
    assert!(early.unwrap_err().to_string().contains("released on"));
    let received = open_bundle(&released.bundle, &world.identity).unwrap();
    let plain = exchange::receive(&received, &partner("police"), &world.agreements, Spent::NONE, at(NOW));
    assert_eq!(plain.unwrap_err().code().unwrap().to_string(), "CMT-0922");
    // A release under an agreement is none under an order.
    let open = world.release(&payload());
    let error = take(&world, &open.bundle, &world.agreements, Some(&order), NOW).unwrap_err();
    assert_eq!(error.code().unwrap().to_string(), "CMT-0951", "{error}");
    // Addressed to another, signed by another's node.
    let received = open_bundle(&released.bundle, &world.identity).unwrap();
    let astray =
        exchange::receive_compelled(&received, &partner("region"), &world.agreements, Some(&order), at(NOW));
    assert_eq!(astray.unwrap_err().code().unwrap().to_string(), "CMT-0923");
}

#[test]
fn any_bit_changed_outside_the_seal_is_noticed() {
    let (world, order) = (World::new(), order(&document()));
    let released = release(&world, &order, &victims());
    let end = released.bundle.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(1).unwrap().0;
    for at in 0..=end {
        for bit in [0x01, 0x20] {
            let mut changed = released.bundle.clone();
            changed[at] ^= bit;
            assert!(take(&world, &changed, &world.agreements, Some(&order), NOW).is_err(), "byte {at}");
        }
    }
}

#[test]
fn an_order_is_told_by_its_schema_and_its_finding_names_no_target() {
    let text = document().to_string();
    assert_eq!(exchange::recognise(text.as_bytes()), Some(ExhibitKind::Compulsion));
    let findings = collect(|sink| {
        examine(ExhibitKind::Compulsion, &mut text.as_bytes(), sink).unwrap();
    });
    let told = serde_json::to_string(&findings[0].body).unwrap() + &findings[0].reason;
    assert!(told.contains("order-de-207") && !told.contains("harbourlight"), "{told}");
    let mut broken = document();
    broken["places"] = json!([]);
    let findings = collect(|sink| {
        examine(ExhibitKind::Compulsion, &mut broken.to_string().as_bytes(), sink).unwrap();
    });
    assert!(
        matches!(&findings[0].body, FindingBody::Unreadable { code, .. } if code == "CMT-0250"),
        "{findings:?}"
    );
}
