//! The table that a lawyer reads, against the rulings; and the canonical form.

use crate::samples::{TEXTS, all, hour, sample, sample_text};
use agreement::{Act, Budget, Matching, Period, Request, Spent, Unit, canonical};
use proptest::prelude::*;
use terms::{CaseId, Digest, Handling, HandlingCode, Protection, Tlp};

fn form(said: &str) -> Protection {
    match said {
        "clear" => Protection::Clear,
        "token" => Protection::Token,
        "pseudonym" => Protection::Pseudonym,
        s => s
            .strip_prefix("counts over at least ")
            .map_or(Protection::Token, |k| Protection::Aggregate(k.parse().unwrap())),
    }
}

#[test]
fn every_row_of_the_table_is_what_a_ruling_lets_pass() {
    let agreements = all();
    let mut rows = 0;
    for name in TEXTS {
        let text = sample(name);
        for row in text.permissions() {
            let emergency = row.limits.iter().any(|l| l.starts_with("in an emergency"));
            for purpose in &row.purposes {
                for act in &row.acts {
                    rows += 1;
                    let handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H0 };
                    let case = CaseId::new("case-1").unwrap();
                    let mut r = Request::new(
                        row.from.clone(),
                        row.to.clone(),
                        *act,
                        *purpose,
                        handling,
                        Digest::of(b"x"),
                    )
                    .with(row.category, form(&row.form))
                    .in_case(case, "a lead")
                    .after(Spent::NONE);
                    r.matching = Some(Matching { set: 1, reveal: 1 });
                    r.budget = Some(Budget { asked: 1, spent: 0, unit: Unit::Bot, period: Period::Month });
                    let own = row.limits.iter().any(|l| l.contains("own place"));
                    if own || row.limits.iter().any(|l| l.contains("to members")) {
                        let m = agreements.members(&row.to, hour()).into_iter().find(|m| m.active).unwrap();
                        r.concerns = [m.place].into();
                        r.member = Some(m.id);
                    }
                    if *act == Act::Reshare {
                        (r.from, r.origin) = (row.to.clone(), Some(row.from.clone()));
                    }
                    let ruling = agreements.rule(&r, hour());
                    if emergency {
                        assert!(ruling.denied(), "{name} {row:?}: nobody declared it");
                        continue;
                    }
                    let permit =
                        ruling.permit().unwrap_or_else(|d| panic!("{name} {row:?} {act} {purpose}: {d}"));
                    assert!(permit.clauses().contains(&row.clause));
                    // The same in a weaker form does not pass.
                    if form(&row.form) > Protection::Clear && *act == Act::Receive {
                        r.protection.insert(row.category, Protection::Clear);
                        assert!(agreements.rule(&r, hour()).denied(), "{name} {row:?} in clear");
                    }
                }
            }
        }
    }
    assert!(rows > 100, "{rows}");
}

#[test]
fn what_never_leaves_has_no_row() {
    let words: Vec<String> =
        sample("company-police").permissions().iter().map(|p| p.category.to_string()).collect();
    for never in ["victim-identity", "content", "subscriber", "payment-card", "account-credential"] {
        assert!(!words.iter().any(|w| w == never), "{never}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_canonical_form_is_its_own(text in "(\u{feff}|[a-z#`\r\n \t]|\r\n|\n){0,40}") {
        let once = canonical(&text);
        prop_assert_eq!(canonical(&once), once.clone());
        let clean = !once.contains("\r\n") && !once.starts_with('\u{feff}');
        prop_assert!(clean && once.ends_with('\n') && !once.ends_with("\n\n"), "{:?}", once);
    }

    #[test]
    fn ways_of_writing_lines_do_not_change_the_version(
        ends in prop::collection::vec(any::<bool>(), 30), mark in any::<bool>(), tail in 0usize..4,
    ) {
        let text = sample_text("company-fintech");
        let mut written = if mark { String::from("\u{feff}") } else { String::new() };
        for (i, line) in text.lines().enumerate() {
            written.push_str(line);
            written.push_str(if ends[i % ends.len()] { "\r\n" } else { "\n" });
        }
        written.push_str(&"\r\n".repeat(tail));
        let read = agreement::parse("x", &written).unwrap();
        prop_assert_eq!(read.version(), Digest::of(canonical(&text).as_bytes()));
        prop_assert_eq!(read.version(), Digest::of(read.text().as_bytes()));
    }
}
