//! An order arrives that has to be obeyed: what it compels crosses once two persons approved, and nothing else does.

use crate::samples::{all, hour, partner, time};
use agreement::{
    Act, Agreements, Approver, COMPEL_APPROVAL_TYPE, CompelApproval, Compulsion, DataPeriod, Demanded, Duty,
    Extent, Permit, PermitSource, Prohibition, Request, Ruling,
};
use ed25519_dalek::SigningKey;
use ledger::dsse::{self, Envelope};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use terms::{
    Category, Digest, Handling, HandlingCode, MemberId, PersonId, Place, Protection, Purpose, ReleaseId,
    Role, Timestamp, Tlp,
};

/// An order for the addresses of victims in Germany and France in the first week of March, silent until June.
fn document() -> Value {
    json!({
        "schema": "comity.compulsion/1", "id": "order-de-207", "issuer": "District Court of Harbourstadt",
        "instrument": "production-order", "offence": "computer sabotage", "addressee": "company", "to": "police",
        "member": "de", "purpose": "investigation", "categories": ["victim-ip"], "places": ["DE", "FR"],
        "period": { "from": "2026-03-01", "until": "2026-03-08" }, "targets": ["harbourlight"],
        "served": "2026-03-09", "from": "2026-03-08", "until": "2026-06-01", "gag": "2026-06-15",
        "report-back-hours": 72, "retain-days": 180
    })
}

fn place(word: &str) -> Place {
    word.parse().unwrap()
}

/// One demand in all its parts, right as it stands; rows spoil one part each.
struct Case {
    order: Value,
    request: Request,
    extent: Extent,
    approval: CompelApproval,
    release: ReleaseId,
    people: Vec<Approver>,
    signers: Vec<SigningKey>,
    kind: &'static str,
    now: Timestamp,
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn case() -> Case {
    let bytes = Digest::of(b"the records");
    let handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H1 };
    let mut request = Request::new(
        partner("company"),
        partner("police"),
        Act::Receive,
        Purpose::Investigation,
        handling,
        bytes,
    )
    .with(Category::VictimIp, Protection::Clear)
    .for_member(MemberId::new("de").unwrap());
    request.concerns = BTreeSet::from([place("DE")]);
    let period = DataPeriod { from: time("2026-03-02"), until: time("2026-03-05") };
    let release = ReleaseId::new("r-1").unwrap();
    let approver =
        |name: &str, role, n| Approver { person: PersonId(name.into()), role, key: key(n).verifying_key() };
    let mut case = Case {
        order: document(),
        request,
        extent: Extent { period: Some(period), targets: BTreeSet::from(["harbourlight".to_owned()]) },
        approval: CompelApproval {
            schema: agreement::COMPEL_APPROVAL_SCHEMA.into(),
            authority: Digest::of(b""),
            release: release.clone(),
            bytes,
            to: partner("police"),
            counsel: PersonId("counsel-1".into()),
            second: PersonId("lead-1".into()),
            at: hour(),
        },
        release,
        people: vec![
            approver("counsel-1", Role::Counsel, 1),
            approver("lead-1", Role::CaseLead, 2),
            approver("auditor-1", Role::Auditor, 3),
            approver("twin-1", Role::Analyst, 1),
        ],
        signers: vec![key(1), key(2)],
        kind: COMPEL_APPROVAL_TYPE,
        now: hour(),
    };
    case.approval.authority = case.order().authority();
    case
}

impl Case {
    fn order(&self) -> Compulsion {
        Compulsion::parse(self.order.to_string().as_bytes()).unwrap()
    }
    fn envelope(&self) -> Envelope {
        let text = serde_json::to_vec(&self.approval).unwrap();
        let mut envelope = dsse::sign(self.kind, &text, &self.signers[0]).unwrap();
        self.signers[1..].iter().for_each(|k| envelope.add_signature(k).unwrap());
        envelope
    }
    /// Rules with an order that changed after it was approved only where `approved` says so.
    fn ruled(&self, agreements: &Agreements) -> Ruling {
        let (order, approval) = (self.order(), self.envelope());
        let demanded = Demanded {
            request: &self.request,
            extent: &self.extent,
            release: &self.release,
            approval: &approval,
            people: &self.people,
        };
        agreements.compel(&order, demanded, self.now)
    }
    /// Changes the order, and has the changed one approved.
    fn order_with(&mut self, word: &str, value: Value) {
        self.order[word] = value;
        self.approval.authority = self.order().authority();
    }
}

fn permit(ruling: Ruling) -> Permit {
    ruling.permit().unwrap_or_else(|d| panic!("{} {d}", d.code))
}

#[test]
fn an_order_compels_what_an_agreement_does_not_let_pass() {
    let (case, agreements) = (case(), all());
    let Ruling::Deny(silent) = agreements.rule(&case.request, case.now) else {
        panic!("the memorandum gives victims to no police")
    };
    let ruling = case.ruled(&agreements);
    let statement = ruling.statement(&case.request, case.now);
    assert_eq!(
        (&statement["source"], &statement["order"]["id"]),
        (&json!("compulsion"), &json!("order-de-207"))
    );
    assert_eq!(statement["order"]["gag"], "2026-06-15T00:00:00Z");
    assert_eq!(statement["order"]["overrides"]["code"], silent.code);
    let text = statement.to_string();
    for hidden in
        ["counsel-1", "lead-1", &case.request.bytes.to_string(), &case.approval.authority.to_string()]
    {
        assert!(!text.contains(hidden), "`{hidden}` has no place on the ledger: {text}");
    }
    let permit = permit(ruling);
    assert_eq!((permit.agreement(), permit.clauses().len()), (None, 0), "it rests on no agreement");
    let compelled = permit.source().compelled().unwrap();
    assert_eq!(compelled.approved, Some((PersonId("counsel-1".into()), PersonId("lead-1".into()))));
    let overridden = compelled.overrides.as_ref().unwrap();
    assert_eq!((overridden.code.as_str(), overridden.sentence.as_str()), (silent.code, silent.sentence()));
    assert_eq!(overridden.agreement.as_ref().unwrap().as_str(), "company-police");
    assert_eq!(
        permit.duties(),
        [
            Duty::Silence(time("2026-06-15")),
            Duty::RetainDays(180),
            Duty::EraseBy(hour().plus_days(180)),
            Duty::ReportBackHours(72)
        ]
    );
    // It is bound to the bytes and used up as every permit.
    assert!(permit.redeem(Digest::of(b"other records"), case.now).is_err());
    let redeemed = self::permit(case.ruled(&agreements)).redeem(case.request.bytes, case.now).unwrap();
    assert!(matches!(redeemed.source, PermitSource::Compulsion(_)));
    let late = self::permit(case.ruled(&agreements))
        .redeem(case.request.bytes, case.now.plus_micros(agreement::PERMIT_MICROS));
    assert!(late.unwrap_err().to_string().contains("under order `order-de-207`"));
}

#[test]
fn an_order_needs_no_agreement_at_all() {
    let permit = permit(case().ruled(&Agreements::default()));
    let overridden = permit.source().compelled().unwrap().overrides.clone().unwrap();
    assert_eq!((overridden.code.as_str(), overridden.agreement), ("CMT-0201", None));
}

#[test]
fn what_an_agreement_lets_pass_anyway_overrides_nothing() {
    let mut case = case();
    case.order_with("categories", json!(["c2-infrastructure"]));
    case.order_with("member", Value::Null);
    case.request.member = None;
    case.request.categories = BTreeSet::from([Category::C2Infrastructure]);
    let ruling = case.ruled(&all());
    assert!(ruling.statement(&case.request, case.now)["order"]["overrides"].is_null());
    assert_eq!(permit(ruling).source().compelled().unwrap().overrides, None);
}

#[test]
fn a_victims_identity_only_where_the_order_names_it() {
    let mut case = case();
    case.request = case.request.with(Category::VictimIdentity, Protection::Clear);
    let refused = case.ruled(&all());
    assert!(matches!(&refused, Ruling::Deny(d) if d.code == "CMT-0257"), "{refused:?}");
    case.order_with("categories", json!(["victim-ip", "victim-identity"]));
    let overridden = permit(case.ruled(&all())).source().compelled().unwrap().overrides.clone().unwrap();
    assert!(overridden.prohibitions.contains(&"victim-identity".to_owned()), "{overridden:?}");
}

#[test]
fn what_no_order_overrides_is_firm() {
    let firm: Vec<&str> =
        Prohibition::ALL.iter().filter(|p| !Compulsion::may_override(**p)).map(|p| p.word()).collect();
    assert_eq!(firm, ["reshare", "onward", "noisy-counts", "no-fishing"]);
}

/// One row spoils one part; the code says which.
#[test]
fn everything_else_is_refused_with_a_code_of_its_own() {
    type Spoil = fn(&mut Case);
    let rows: &[(&str, &str, Spoil)] = &[
        ("not served", "CMT-0251", |c| c.order_with("served", Value::Null)),
        ("served tomorrow", "CMT-0251", |c| c.order_with("served", json!("2026-03-11"))),
        ("begins tomorrow", "CMT-0251", |c| c.order_with("from", json!("2026-03-11"))),
        ("over", "CMT-0252", |c| c.order_with("until", json!("2026-03-10T10:00:00Z"))),
        ("another is compelled", "CMT-0253", |c| c.order_with("addressee", json!("region"))),
        ("another gets it", "CMT-0253", |c| c.request.to = partner("region")),
        ("another member", "CMT-0253", |c| c.request.member = Some(MemberId::new("fr").unwrap())),
        ("no member", "CMT-0253", |c| c.request.member = None),
        ("a member that is not named", "CMT-0253", |c| c.order_with("member", Value::Null)),
        ("a match", "CMT-0254", |c| c.request.act = Act::PsiMatch),
        ("noisy counts", "CMT-0254", |c| c.request.act = Act::DpCount),
        ("handing on", "CMT-0254", |c| c.request.act = Act::Reshare),
        ("use in court", "CMT-0254", |c| c.request.act = Act::UseInCourt),
        ("another partner's records", "CMT-0254", |c| c.request.origin = Some(partner("fintech"))),
        ("the getter's own records", "CMT-0254", |c| c.request.origin = Some(partner("police"))),
        ("another purpose", "CMT-0255", |c| c.request.purpose = Purpose::VictimNotification),
        ("no label", "CMT-0256", |c| c.request.categories.clear()),
        ("no label, and the strictest is named", "CMT-0256", |c| {
            c.order_with("categories", json!(["victim-identity"]));
            c.request.categories.clear();
        }),
        ("another category", "CMT-0257", |c| c.request.categories = BTreeSet::from([Category::PaymentCard])),
        ("one category more", "CMT-0257", |c| {
            c.request.categories.insert(Category::NetworkIndicator);
        }),
        ("another place", "CMT-0258", |c| c.request.concerns = BTreeSet::from([place("ES")])),
        ("one place more", "CMT-0258", |c| {
            c.request.concerns.insert(place("ES"));
        }),
        ("an unknown place", "CMT-0258", |c| c.request.concerns = BTreeSet::from([Place::UNKNOWN])),
        ("no place stated", "CMT-0258", |c| c.request.concerns.clear()),
        ("earlier", "CMT-0259", |c| c.extent.period.as_mut().unwrap().from = time("2026-02-28T23:59:59Z")),
        ("later", "CMT-0259", |c| c.extent.period.as_mut().unwrap().until = time("2026-03-08T00:00:01Z")),
        ("an empty time", "CMT-0259", |c| c.extent.period.as_mut().unwrap().until = time("2026-03-01")),
        ("no time", "CMT-0259", |c| c.extent.period = None),
        ("another target", "CMT-0260", |c| c.extent.targets = BTreeSet::from(["nightferry".to_owned()])),
        ("one target more", "CMT-0260", |c| {
            c.extent.targets.insert("nightferry".to_owned());
        }),
        ("no target", "CMT-0260", |c| c.extent.targets.clear()),
        ("one person twice", "CMT-0261", |c| c.approval.second = c.approval.counsel.clone()),
        ("one key twice", "CMT-0261", |c| c.approval.second = PersonId("twin-1".into())),
        ("somebody unknown", "CMT-0262", |c| c.approval.second = PersonId("nobody-1".into())),
        ("an unknown counsel", "CMT-0262", |c| c.approval.counsel = PersonId("nobody-1".into())),
        ("nobody is known", "CMT-0262", |c| c.people.clear()),
        ("neither is counsel", "CMT-0263", |c| c.people[0].role = Role::DataProtectionOfficer),
        ("the auditor is second", "CMT-0263", |c| c.approval.second = PersonId("auditor-1".into())),
        ("other bytes", "CMT-0264", |c| c.approval.bytes = Digest::of(b"other")),
        ("bytes changed after", "CMT-0264", |c| c.request.bytes = Digest::of(b"other")),
        ("another order", "CMT-0264", |c| c.approval.authority = Digest::of(b"other")),
        ("the order changed after", "CMT-0264", |c| c.order["retain-days"] = json!(181)),
        ("another release", "CMT-0264", |c| c.release = ReleaseId::new("r-2").unwrap()),
        ("another getter", "CMT-0264", |c| c.approval.to = partner("region")),
        ("another schema", "CMT-0264", |c| c.approval.schema = "comity.approval/1".into()),
        ("counsel alone signed", "CMT-0265", |c| drop(c.signers.pop())),
        ("another signed for counsel", "CMT-0265", |c| c.signers[0] = key(9)),
        ("an approval of an erasure", "CMT-0265", |c| c.kind = "application/vnd.comity.approval+json"),
        ("approved tomorrow", "CMT-0266", |c| c.approval.at = hour().plus_micros(1)),
        ("approved yesterday", "CMT-0266", |c| c.approval.at = hour().plus_days(-1)),
    ];
    let agreements = all();
    let mut codes = BTreeSet::new();
    for (what, code, spoil) in rows {
        let mut case = case();
        spoil(&mut case);
        let ruling = case.ruled(&agreements);
        let said = ruling.statement(&case.request, case.now);
        let Ruling::Deny(denial) = ruling else { panic!("{what}: permitted") };
        assert_eq!(denial.code, *code, "{what}: {denial}");
        assert!(denial.sentence().len() > 20, "{what}: {denial}");
        let help = miette::Diagnostic::help(&denial).unwrap().to_string();
        assert!(!help.contains("agree show"), "{what}: no agreement mends it: {help}");
        assert_eq!((&said["ruling"], &said["code"]), (&json!("deny"), &json!(code)), "{what}");
        codes.insert(*code);
    }
    assert_eq!(codes.len(), 16, "{codes:?}");
}

#[test]
fn a_document_that_does_not_say_all_compels_nothing() {
    let rows: &[(&str, Value)] = &[
        ("schema", json!("comity.authority/1")),
        ("id", json!("")),
        ("id", json!("order 207")),
        ("id", json!("-207")),
        ("issuer", json!("")),
        ("issuer", json!("a\nb")),
        ("offence", json!("")),
        ("instrument", json!("request")),
        ("addressee", json!("police")),
        ("categories", json!([])),
        ("categories", json!(["everything"])),
        ("places", json!([])),
        ("places", json!([Place::UNKNOWN])),
        ("purpose", json!("any")),
        ("targets", json!([""])),
        ("from", json!("2026-06-01")),
        ("until", json!("soon")),
        ("period", json!({ "from": "2026-03-08", "until": "2026-03-08" })),
        ("period", json!({ "from": "2026-03-01" })),
        ("gag", json!("2026-03-08")),
        ("retain-days", json!(0)),
        ("report-back-hours", json!(-1)),
        ("unknown", json!(1)),
    ];
    for (word, value) in rows {
        let mut document = document();
        document[word] = value.clone();
        let error = Compulsion::parse(document.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with("the document compels nothing: "), "{word} {value}: {error}");
    }
    for word in [
        "schema",
        "id",
        "issuer",
        "instrument",
        "offence",
        "addressee",
        "to",
        "purpose",
        "categories",
        "places",
        "from",
        "until",
    ] {
        let mut document = document();
        document.as_object_mut().unwrap().remove(word);
        Compulsion::parse(document.to_string().as_bytes()).unwrap_err();
    }
    let mut large = document().to_string().into_bytes();
    large.resize(agreement::MAX_COMPULSION + 1, b' ');
    Compulsion::parse(&large).unwrap_err();
    large.truncate(agreement::MAX_COMPULSION);
    Compulsion::parse(&large).unwrap();
}

#[test]
fn who_gets_the_records_rules_by_its_own_copy_and_as_of_the_release() {
    let case = case();
    let order = case.order();
    let taken = order.receive(&case.request, &case.extent, case.now, time("2026-06-05")).unwrap();
    let compelled = taken.source.compelled().unwrap();
    assert_eq!((compelled.id.as_str(), &compelled.approved), ("order-de-207", &None));
    assert!(taken.duties.contains(&Duty::EraseBy(time("2026-06-05").plus_days(180))), "{:?}", taken.duties);
    for (released, now, code) in [
        (time("2026-03-11"), hour(), "CMT-0266"),
        (time("2026-06-01"), time("2026-06-05"), "CMT-0252"),
        (time("2026-03-08"), hour(), "CMT-0251"),
    ] {
        assert_eq!(order.receive(&case.request, &case.extent, released, now).unwrap_err().code, code);
    }
}

const CATEGORIES: [Category; 4] =
    [Category::C2Infrastructure, Category::VictimIp, Category::Subscriber, Category::VictimIdentity];
const PLACES: [&str; 3] = ["DE", "FR", "ES"];
const TARGETS: [&str; 2] = ["harbourlight", "nightferry"];

fn some<T: Clone + std::fmt::Debug + 'static>(
    of: &'static [T],
    least: usize,
) -> impl Strategy<Value = Vec<T>> {
    proptest::sample::subsequence(of.to_vec(), least..=of.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Said a second time, in other words: a permit is given exactly where every record lies within everything that the
    /// order names.
    #[test]
    fn nothing_outside_the_scope_is_ever_permitted(
        named in (some(&CATEGORIES, 1), some(&PLACES, 1), some(&TARGETS, 0), proptest::option::of((0i64..6, 1i64..6))),
        asked in (some(&CATEGORIES, 0), some(&PLACES, 0), some(&TARGETS, 0), proptest::option::of((0i64..6, 1i64..6))),
        (to, member, origin) in (0u8..6, 0u8..6, 0u8..6),
        (served, day) in (4i64..10, 5i64..10),
    ) {
        let start = time("2026-03-01");
        let at = |n: i64| start.plus_days(n);
        let period = |p: Option<(i64, i64)>| p.map(|(from, long)| DataPeriod { from: at(from), until: at(from + long) });
        let mut case = case();
        let words = |v: &[Category]| v.iter().map(|c| c.word()).collect::<Vec<_>>();
        case.order["categories"] = json!(words(&named.0));
        case.order["places"] = json!(named.1);
        case.order["targets"] = json!(named.2);
        case.order["period"] = json!(period(named.3));
        case.order["served"] = json!(at(served));
        case.order_with("until", json!("2026-03-10"));
        case.request.categories = asked.0.iter().copied().collect();
        case.request.concerns = asked.1.iter().map(|p| place(p)).collect();
        case.extent.targets = asked.2.iter().map(|t| (*t).to_owned()).collect();
        case.extent.period = period(asked.3);
        if to == 0 { case.request.to = partner("region") }
        if member == 0 { case.request.member = None }
        if origin == 0 { case.request.origin = Some(partner("fintech")) }
        case.now = at(day);
        case.approval.at = at(day);

        let labelled = !asked.0.is_empty() && asked.0.iter().all(|c| named.0.contains(c));
        let nobodys = asked.0.iter().all(|c| *c == Category::C2Infrastructure);
        let placed = asked.1.iter().all(|p| named.1.contains(p)) && (nobodys || !asked.1.is_empty());
        let aimed = named.2.is_empty() || (!asked.2.is_empty() && asked.2.iter().all(|t| named.2.contains(t)));
        let timed = match (named.3, asked.3) {
            (None, _) => true,
            (Some((from, long)), Some((first, span))) => from <= first && first + span <= from + long,
            (Some(_), None) => false,
        };
        // The order holds from the 8th to the 9th, the eighth and ninth day after the first being 7 and 8.
        let stands = day >= served && (7..9).contains(&day);
        let within = labelled && placed && aimed && timed && stands && to != 0 && member != 0 && origin != 0;
        let ruling = case.ruled(&Agreements::default());
        prop_assert_eq!(!ruling.denied(), within, "{:?}", ruling);
    }
}
