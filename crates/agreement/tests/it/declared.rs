//! What is declared after the signatures: members, emergencies, notices, amendments, keys, a delegate's mandate.

use crate::samples::{hour, key, partner, sample, sample_text, signed, time};
use agreement::{
    Act, Agreements, Bound, Declarer, Delegation, Emergency, Mandate, MemberChange, Membership, Request,
    Revocation, Ruling, SignedAgreement, Spent, State, Status, StatusChange, countersign_with, parse,
    sign_bound, verify_with,
};
use ed25519_dalek::SigningKey;
use ledger::dsse::Envelope;
use miette::Diagnostic;
use terms::{
    CaseId, Category, Digest, Handling, HandlingCode, MemberId, PersonId, Protection, Purpose, Role,
    Timestamp, Tlp,
};

fn code<T>(result: Result<T, impl Diagnostic>) -> String {
    result.err().and_then(|e| e.code().map(|c| c.to_string())).unwrap_or_else(|| "taken".into())
}
fn police() -> Agreements {
    Agreements::new(vec![signed(sample("company-police"))])
}
fn ask(all: &Agreements, member: Option<&str>, record: (Category, Protection), now: Timestamp) -> Ruling {
    let handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H0 };
    let purpose = match record.0 {
        Category::C2Infrastructure => Purpose::Takedown,
        _ => Purpose::Investigation,
    };
    let bytes = Digest::of(b"x");
    let mut r = Request::new(partner("company"), partner("police"), Act::Receive, purpose, handling, bytes)
        .with(record.0, record.1)
        .in_case(CaseId::new("case-1").unwrap(), "a lead")
        .after(Spent::NONE);
    r.member = member.map(|m| MemberId::new(m).unwrap());
    // Clause 5.1 names the places where records rest.
    r.place = Some("NL".parse().unwrap());
    all.rule(&r, now)
}
fn c2(all: &Agreements, member: &str, now: &str) -> bool {
    !ask(all, Some(member), (Category::C2Infrastructure, Protection::Clear), time(now)).denied()
}

fn person(name: &str, role: Role) -> Declarer {
    Declarer { person: PersonId(name.to_owned()), role }
}
fn emergency(
    from: &str,
    who: [Declarer; 2],
    clause: &str,
    signer: &SigningKey,
) -> Result<Envelope, agreement::SignatureError> {
    let a = sample("company-police");
    Emergency::sign(&a, &partner("police"), clause, who, time(from), "a hospital is blackmailed", signer)
}
fn counsel_and_commander() -> [Declarer; 2] {
    [person("ines", Role::Counsel), person("jan", Role::Commander)]
}

#[test]
fn an_emergency_widens_for_its_hours_and_then_is_over() {
    let mut all = police();
    let addresses = |all: &Agreements, at: &str| {
        ask(all, None, (Category::VictimIp, Protection::Clear), time(at)).permit()
    };
    assert!(addresses(&all, "2026-03-10T12:00:00Z").is_err());
    all.take(&emergency("2026-03-10T10:00:00Z", counsel_and_commander(), "7.1", &key("police")).unwrap())
        .unwrap();
    // Clause 7.1 gives it 48 hours.
    for (at, passes) in [
        ("2026-03-10T09:59:59.999999Z", false),
        ("2026-03-10T10:00:00Z", true),
        ("2026-03-12T09:59:59.999999Z", true),
        ("2026-03-12T10:00:00Z", false),
    ] {
        assert_eq!(addresses(&all, at).is_ok(), passes, "{at}");
    }
    let permit = addresses(&all, "2026-03-12T09:59:00Z").unwrap();
    let clauses: Vec<&str> = permit.clauses().iter().map(|c| c.number.as_str()).collect();
    assert_eq!(clauses, ["3.3", "4.6", "5.6", "7.1"]);
    assert_eq!(permit.expires(), time("2026-03-12T10:00:00Z"), "a permit does not outlive the emergency");
    // Where it is not needed it is not called upon.
    let usual = ask(&all, None, (Category::VictimIp, Protection::Pseudonym), hour()).permit().unwrap();
    assert!(usual.clauses().iter().all(|c| c.number != "7.1"));
    // What never leaves does not leave then either, and no member gets what is for the Bureau itself.
    assert!(ask(&all, None, (Category::Subscriber, Protection::Pseudonym), hour()).denied());
    assert!(ask(&all, Some("de"), (Category::VictimIp, Protection::Clear), hour()).denied());
    // Suspended is suspended.
    let at = time("2026-03-10T11:00:00Z");
    let stop = StatusChange::sign(
        &sample("company-police"),
        &partner("company"),
        Status::Suspended,
        (at, at),
        "now",
        &key("company"),
    );
    all.take(&stop.unwrap()).unwrap();
    assert!(addresses(&all, "2026-03-10T12:00:00Z").is_err());
}

#[test]
fn who_may_declare_an_emergency() {
    let row = |who: [Declarer; 2], clause: &str| {
        code(emergency("2026-03-10T10:00:00Z", who, clause, &key("police")))
    };
    assert_eq!(row(counsel_and_commander(), "7.1"), "taken");
    assert_eq!(row([person("ines", Role::Counsel), person("ines", Role::Commander)], "7.1"), "CMT-0217");
    assert_eq!(row([person("ines", Role::Counsel), person("jan", Role::Counsel)], "7.1"), "CMT-0217");
    assert_eq!(row([person("ines", Role::Counsel), person("jan", Role::Analyst)], "7.1"), "CMT-0217");
    assert_eq!(row(counsel_and_commander(), "3.1"), "CMT-0217");
    assert_eq!(row(counsel_and_commander(), "9.9"), "CMT-0217");
    // A key that nobody vouches for, then a node key with a delegation, then before its first day.
    let node = SigningKey::from_bytes(&[9; 32]);
    let mut all = police();
    let by_node = emergency("2026-03-10T10:00:00Z", counsel_and_commander(), "7.1", &node).unwrap();
    assert_eq!(code(all.take(&by_node)), "CMT-0303");
    let delegation = Delegation::sign(
        &partner("police"),
        &node.verifying_key(),
        time("2026-03-10"),
        time("2026-04-01"),
        &key("police"),
    );
    all.take(&delegation.unwrap()).unwrap();
    assert_eq!(code(all.take(&by_node)), "taken");
    let early = emergency("2026-03-09T10:00:00Z", counsel_and_commander(), "7.1", &node).unwrap();
    assert_eq!(code(all.take(&early)), "CMT-0303");
    // The company's key does not declare for the police.
    let other = emergency("2026-03-10T10:00:00Z", counsel_and_commander(), "7.1", &key("company")).unwrap();
    assert_eq!(code(all.take(&other)), "CMT-0303");
}

#[test]
fn a_member_accedes_and_opts_out_without_the_ministers() {
    let a = sample("company-police");
    let member = |id: &str| MemberId::new(id).unwrap();
    let change = |id: &str, what: MemberChange, from: &str, signer: &str| {
        Membership::sign(&a, &partner("police"), &member(id), what, time(from), &key(signer))
    };
    let norway = || MemberChange::Accedes { place: "NO".parse().unwrap(), name: Some("Norway".into()) };
    let mut all = police();
    assert!(!c2(&all, "no", "2026-03-10"));
    all.take(&change("no", norway(), "2026-03-01", "police").unwrap()).unwrap();
    all.take(&change("de", MemberChange::OptsOut, "2026-03-05", "police").unwrap()).unwrap();
    all.take(&change("no", MemberChange::OptsOut, "2026-06-01", "police").unwrap()).unwrap();
    for (id, at, passes) in [
        ("no", "2026-02-28", false),
        ("no", "2026-03-01", true),
        ("no", "2026-05-31T23:59:59Z", true),
        ("no", "2026-06-01", false),
        ("de", "2026-03-04", true),
        ("de", "2026-03-05", false),
        ("fr", "2026-03-05", true),
        ("se", "2026-03-05", true),
    ] {
        assert_eq!(c2(&all, id, at), passes, "{id} {at}");
    }
    // It has its powers and its own victims, as the listed have.
    let powers = |all: &Agreements, at: &str, id: &str| {
        all.powers(&partner("police"), time(at)).iter().any(|p| p.member == Some(member(id)))
    };
    assert!(
        powers(&all, "2026-03-10", "no")
            && !powers(&all, "2026-03-10", "de")
            && !powers(&all, "2026-06-01", "no")
    );
    let victims = |concerns: &str| {
        let handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H0 };
        let (from, to) = (partner("company"), partner("police"));
        let mut r =
            Request::new(from, to, Act::Receive, Purpose::VictimNotification, handling, Digest::of(b"x"))
                .with(Category::VictimIp, Protection::Clear)
                .for_member(member("no"))
                .after(Spent::NONE);
        r.concerns = [concerns.parse().unwrap()].into();
        r.place = Some("SE".parse().unwrap());
        all.rule(&r, time("2026-03-10"))
    };
    assert!(!victims("NO").denied());
    assert!(victims("SE").denied(), "another's victims");
    // One that left may come back by a new accession; the text's own dates are changed by an amendment only.
    all.take(&change("no", norway(), "2026-09-01", "police").unwrap()).unwrap();
    assert!(!c2(&all, "no", "2026-08-31") && c2(&all, "no", "2026-09-01"));
    assert_eq!(code(change("cy", norway(), "2026-03-01", "police")), "CMT-0218");
    assert_eq!(code(change("no", norway(), "2026-03-01", "company")), "CMT-0211");
    // Of another agreement, or signed by the other party.
    let region = Membership::sign(
        &sample("company-region"),
        &partner("region"),
        &member("no"),
        norway(),
        time("2026-03-01"),
        &key("region"),
    );
    assert_eq!(code(all.take(&region.unwrap())), "CMT-0214");
    let forged = ledger::dsse::sign(
        agreement::MEMBERSHIP_TYPE,
        change("at", MemberChange::OptsOut, "2026-03-01", "police").unwrap().unverified_payload(),
        &key("company"),
    );
    assert_eq!(code(all.take(&forged.unwrap())), "CMT-0303");
}

#[test]
fn an_end_keeps_its_notice() {
    let a = sample("company-police");
    let end = |declared: &str, at: &str| {
        let when = (time(declared), time(at));
        StatusChange::sign(&a, &partner("company"), Status::Ended, when, "it is enough", &key("company"))
    };
    // Ninety days.
    assert_eq!(code(end("2026-03-01", "2026-05-29")), "CMT-0215");
    assert_eq!(code(end("2026-03-01", "2026-02-01")), "CMT-0214");
    let mut all = police();
    all.take(&end("2026-03-01", "2026-05-30").unwrap()).unwrap();
    let state = |at: &str| all.all()[0].state(time(at));
    assert_eq!(state("2026-05-29T23:59:59Z"), State::InForce);
    assert_eq!(state("2026-05-30"), State::Ended { since: time("2026-05-30") });
    // A suspension needs none.
    let at = time("2026-03-01");
    let stop = StatusChange::sign(&a, &partner("police"), Status::Suspended, (at, at), "", &key("police"));
    assert_eq!(code(stop), "taken");
}

#[test]
fn an_amendment_takes_the_place_of_the_text_it_names() {
    let amended = |former: Digest, from: &str| {
        let term = format!("version = 2\namends = \"{former}\"\nfrom = {from}");
        let text = sample_text("company-police").replace("version = 1\nfrom = 2026-01-01", &term).replace(
            "purpose = [\"investigation\", \"takedown\", \"threat-assessment\", \"evidence-in-court\"]",
            "purpose = [\"investigation\"]",
        );
        parse("amended", &text).unwrap()
    };
    let first = sample("company-police");
    let second = amended(first.version(), "2026-04-01");
    assert_eq!(second.amends(), Some(first.version()));
    let both = Agreements::new(vec![signed(first.clone()), signed(second.clone())]);
    assert!(c2(&both, "de", "2026-03-31T23:59:59Z") && !c2(&both, "de", "2026-04-01"));
    // Of a text that is not here: it takes nobody's place, and alone it is not in force.
    let stray = amended(Digest::of(b"another text"), "2026-04-01");
    let beside = Agreements::new(vec![signed(first), signed(stray.clone())]);
    assert!(c2(&beside, "de", "2026-04-01"));
    let alone = Agreements::new(vec![signed(stray)]);
    let Ruling::Deny(d) =
        ask(&alone, None, (Category::C2Infrastructure, Protection::Clear), time("2026-04-02"))
    else {
        panic!("an amendment of nothing")
    };
    assert_eq!(
        (d.code, d.sentence()),
        ("CMT-0201", "agreement `company-police` amends a text that is not here, signed by both parties")
    );
    assert!(c2(&Agreements::new(vec![signed(sample("company-police"))]), "de", "2026-04-01"));
    let _ = second;
}

#[test]
fn node_keys_rotate_and_are_revoked_by_date() {
    let police_id = partner("police");
    let [old, new] = [9u8, 10].map(|n| SigningKey::from_bytes(&[n; 32]).verifying_key());
    let mut all = police();
    let delegate = |node, from: &str, until: &str| {
        Delegation::sign(&police_id, node, time(from), time(until), &key("police")).unwrap()
    };
    all.take(&delegate(&old, "2026-01-01", "2026-12-31")).unwrap();
    all.take(&delegate(&new, "2026-06-01", "2026-09-01")).unwrap();
    let at = |all: &Agreements, t: &str| all.node_keys(&police_id, time(t));
    assert_eq!(at(&all, "2026-05-31T23:59:59Z"), [old]);
    assert_eq!(at(&all, "2026-06-01"), [new], "the newer takes the place of the older");
    // The older does not come back when the newer is over.
    assert!(at(&all, "2026-09-01").is_empty());
    let revoke =
        |from: &str, signer: &str| Revocation::sign(&police_id, &new, time(from), &key(signer)).unwrap();
    assert_eq!(code(all.revoke(&revoke("2026-07-01", "company"))), "CMT-0303");
    all.take(&revoke("2026-07-01", "police")).unwrap();
    assert_eq!(at(&all, "2026-06-30T23:59:59Z"), [new]);
    assert!(at(&all, "2026-07-01").is_empty(), "and not the older either");
    assert_eq!((all.keys().delegations().len(), all.keys().revocations().len()), (2, 1));
}

#[test]
fn a_delegate_signs_for_the_ministers_of_one_pdf() {
    let a = sample("company-police");
    let (company, bureau) = (partner("company"), partner("police"));
    let envoy = SigningKey::from_bytes(&[21; 32]);
    let pdf = Digest::of(b"%PDF-1.7 signed in The Hague");
    let mandate = |agreement, pdf, signer: &str| {
        Mandate::sign(agreement, &bureau, pdf, "Head of Secretariat", &envoy.verifying_key(), &key(signer))
    };
    assert_eq!(code(mandate(&a, pdf, "company")), "CMT-0211");
    let good = [mandate(&a, pdf, "police").unwrap()];
    let bound = |pdf| Bound { certificate: Some(Digest::of(b"ten theorems")), pdf };
    let first = |b: Bound| sign_bound(&a, b, &company, &key("company"), &[]).unwrap();
    let by_envoy =
        |b: Bound, mandates: &[Envelope]| countersign_with(&a, first(b), &bureau, &envoy, mandates);

    // Without a mandate the key is a stranger's; without the PDF, or with another, it does not count.
    assert_eq!(code(by_envoy(bound(Some(pdf)), &[])), "CMT-0211");
    assert_eq!(code(by_envoy(bound(None), &good)), "CMT-0216");
    assert_eq!(code(by_envoy(bound(Some(Digest::of(b"another PDF"))), &good)), "CMT-0216");
    let other = [mandate(&sample("company-region"), pdf, "police")];
    assert!(other[0].is_err(), "the bureau is no party there");
    let both = by_envoy(bound(Some(pdf)), &good).unwrap();

    let verified = verify_with(&a, &both, &good).unwrap();
    assert_eq!(verified.parties, [company.clone(), bureau.clone()]);
    assert_eq!(verified.bound, bound(Some(pdf)));
    assert_eq!(code(verify_with(&a, &both, &[])), "CMT-0213");
    // A signature that a delegate slipped in without the PDF is refused when it is read, too.
    let mut slipped = first(bound(None));
    slipped.add_signature(&envoy).unwrap();
    assert_eq!(code(verify_with(&a, &slipped, &good)), "CMT-0216");
    let signed = SignedAgreement::with_mandates(a.clone(), &both, &good).unwrap();
    assert_eq!((signed.state(hour()), signed.bound().pdf), (State::InForce, Some(pdf)));
    // The mandate is for this text alone.
    let changed =
        parse("x", &sample_text("company-police").replace("thirty days", "three hundred days")).unwrap();
    let theirs = sign_bound(&changed, bound(Some(pdf)), &company, &key("company"), &[]).unwrap();
    assert_eq!(code(countersign_with(&changed, theirs, &bureau, &envoy, &good)), "CMT-0214");
    // What one party binds in, the other signs: it cannot be taken out again.
    let plain = sign_bound(&a, Bound::default(), &company, &key("company"), &[]).unwrap();
    assert_ne!(plain.unverified_payload(), both.unverified_payload());
    assert!(!String::from_utf8_lossy(plain.unverified_payload()).contains("pdf"));
}

#[test]
fn what_is_no_statement_changes_nothing() {
    let mut all = police();
    let strange = ledger::dsse::sign("application/vnd.other+json", b"{}", &key("police")).unwrap();
    assert_eq!(code(all.take(&strange)), "CMT-0214");
    for kind in [
        agreement::STATUS_TYPE,
        agreement::MEMBERSHIP_TYPE,
        agreement::EMERGENCY_TYPE,
        agreement::DELEGATION_TYPE,
        agreement::REVOCATION_TYPE,
    ] {
        for payload in [&b"{}"[..], b"", b"[1, 2]", b"{\"agreement\": \"company-police\"}"] {
            let odd = ledger::dsse::sign(kind, payload, &key("police")).unwrap();
            assert_eq!(code(all.take(&odd)), "CMT-0214", "{kind}");
        }
    }
    assert!(c2(&all, "de", "2026-03-10"));
}
