//! The three memorandums of the repository, filled with keys made here, signed, in force.

use agreement::{
    Agreement, Agreements, SignedAgreement, compile, countersign, fill, key_text, parse, placeholders, sign,
    verify,
};
use ed25519_dalek::SigningKey;
use std::path::PathBuf;
use terms::{AssetClass, Instrument, PartnerId, Place, Timestamp};

pub const PARTNERS: [&str; 4] = ["company", "police", "region", "fintech"];
pub const TEXTS: [&str; 3] = ["company-police", "company-region", "company-fintech"];

pub fn partner(id: &str) -> PartnerId {
    PartnerId::new(id).unwrap()
}
pub fn time(t: &str) -> Timestamp {
    t.parse().unwrap()
}
/// The hour of the takedown.
pub fn hour() -> Timestamp {
    time("2026-03-10T10:00:00Z")
}
pub fn key(id: &str) -> SigningKey {
    let n = PARTNERS.iter().position(|p| *p == id).unwrap();
    SigningKey::from_bytes(&[u8::try_from(n).unwrap() + 1; 32])
}
pub fn sample_text(name: &str) -> String {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../agreements").join(format!("{name}.mou.md"));
    let text = std::fs::read_to_string(path).unwrap();
    let keys: Vec<(String, String)> =
        PARTNERS.iter().map(|p| (format!("{p}.key"), key_text(&key(p).verifying_key()))).collect();
    let keys: Vec<(&str, &str)> = keys.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    fill(&text, &keys)
}
pub fn sample(name: &str) -> Agreement {
    match parse(&format!("{name}.mou.md"), &sample_text(name)) {
        Ok(a) => a,
        Err(d) => panic!("{}", d.render()),
    }
}
pub fn signed(agreement: Agreement) -> SignedAgreement {
    let parties: Vec<PartnerId> = agreement.parties().into_iter().cloned().collect();
    let first = sign(&agreement, &parties[0], &key(parties[0].as_str())).unwrap();
    let both = countersign(&agreement, first, &parties[1], &key(parties[1].as_str())).unwrap();
    SignedAgreement::new(agreement, &both).unwrap()
}
pub fn all() -> Agreements {
    Agreements::new(TEXTS.iter().map(|n| signed(sample(n))).collect())
}

#[test]
fn the_samples_parse_sign_and_compile_strictly() {
    for name in TEXTS {
        let a = sample(name);
        assert_eq!(a.id().as_str(), name);
        assert!((20..=45).contains(&a.clauses().len()), "{name} has {} clauses", a.clauses().len());
        // Every clause is prose first: words a person can read, and more than a line of them for most.
        for c in a.clauses() {
            assert!(c.prose().split_whitespace().count() >= 6, "{name} {}: {}", c.number(), c.prose());
            assert!(c.prose().ends_with('.'), "{name} {}", c.number());
        }
        let policy = compile(&a).unwrap();
        let (rules, duties) = policy.len();
        assert!(rules > 40 && duties >= 2, "{name}: {rules} rules, {duties} duties");
        assert_eq!(policy.digest(), compile(&sample(name)).unwrap().digest());
        let s = signed(a.clone());
        let envelope = sign(&a, &partner("company"), &key("company")).unwrap();
        assert_eq!(verify(&a, &envelope).unwrap(), vec![partner("company")]);
        assert_eq!(s.signers().len(), 2);
        assert_eq!(a.clause("1.1").unwrap().title(), "Meridian Software");
    }
}

#[test]
fn the_samples_hold_no_key() {
    let raw = |n: &str| {
        std::fs::read_to_string(
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../agreements/{n}.mou.md")),
        )
        .unwrap()
    };
    assert_eq!(placeholders(&raw("company-police")), ["company.key", "police.key"]);
    for name in TEXTS {
        assert!(!raw(name).contains("ed25519:"));
        let refused = parse(name, &raw(name)).unwrap_err();
        assert_eq!(refused.problems()[0].code(), "CMT-0122");
    }
}

#[test]
fn members_powers_recipients_and_offences_are_as_written() {
    let all = all();
    let count = |p: &str, at: &str| all.members(&partner(p), time(at)).iter().filter(|m| m.active).count();
    // day, police, region, fintech: accessions and opt-outs take effect on their day.
    for (day, police, region, fintech) in [
        ("2026-01-10", 0, 0, 0),
        ("2026-01-15", 26, 33, 3),
        ("2026-02-15", 25, 33, 3),
        ("2026-02-20", 25, 32, 3),
        ("2026-03-10", 25, 32, 4),
        ("2026-04-15", 26, 32, 4),
        ("2026-05-01", 26, 33, 4),
    ] {
        assert_eq!(
            (count("police", day), count("region", day), count("fintech", day)),
            (police, region, fintech),
            "{day}"
        );
    }
    assert_eq!(all.members(&partner("police"), hour()).len(), 27);
    assert_eq!(all.members(&partner("region"), hour()).len(), 34);

    let seize: Vec<_> = (all.powers(&partner("police"), hour()).into_iter())
        .filter(|p| p.instrument == Instrument::Seize && p.class == AssetClass::Server)
        .collect();
    assert_eq!(seize.len(), 25);
    let germany = seize.iter().find(|p| p.member.as_ref().is_some_and(|m| m.as_str() == "de")).unwrap();
    assert_eq!(germany.places, ["DE".parse::<Place>().unwrap()]);
    assert_eq!(germany.clause.to_string(), "company-police 6.1");
    assert!(all.powers(&partner("company"), hour()).iter().all(|p| p.instrument == Instrument::Sinkhole));
    let freeze = all.powers(&partner("fintech"), hour());
    assert_eq!(freeze.iter().filter(|p| p.instrument == Instrument::Freeze).count(), 4);
    // No agreement, no power.
    assert!(all.powers(&partner("police"), time("2031-01-01")).is_empty());

    let recipients = all.recipients(hour());
    assert_eq!(recipients.len(), 17);
    assert!(recipients.iter().all(|r| r.partner == partner("region") && r.address.ends_with(".example")));
    assert!(all.offences(hour()).iter().any(|o| o.id == "money-laundering"));
    assert!(sample("company-police").without_effect().is_empty(), "every word has an effect");
    let named = sample("company-police").witnesses();
    assert_eq!(
        (named[0].witnesses.clone(), named[0].needed),
        (vec![partner("company"), partner("police")], 1)
    );
}
