//! An independent reading of the clause blocks, without Cedar and without the crate's own parser, compared with the
//! crate's rulings on random requests. It shares the text of the agreements and nothing else.

use crate::samples::{TEXTS, all, partner, sample_text, time};
use agreement::{Act, Duty, Period, Request, Ruling, Unit};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use terms::{
    Category, Digest, ExhibitId, Handling, HandlingCode, MemberId, Protection, Purpose, Timestamp, Tlp,
};
use toml::{Table, Value};

struct Text {
    id: String,
    clauses: Vec<(String, Table)>,
}

fn read(text: &str) -> Text {
    let mut clauses = Vec::new();
    for part in text.split("\n### ").skip(1) {
        let number = part.split(' ').next().unwrap().to_owned();
        let block = part.split("```clause\n").nth(1).unwrap().split("\n```").next().unwrap();
        clauses.push((number, block.parse::<Table>().unwrap()));
    }
    let id = clauses.iter().find_map(|(_, c)| c.get("agreement")).unwrap().as_str().unwrap().to_owned();
    Text { id, clauses }
}

fn word<'a>(c: &'a Table, key: &str) -> &'a str {
    c.get(key).and_then(Value::as_str).unwrap_or("")
}
fn words(c: &Table, key: &str) -> Option<Vec<String>> {
    c.get(key).and_then(Value::as_array).map(|a| a.iter().map(|v| v.as_str().unwrap().to_owned()).collect())
}
fn says(c: &Table, key: &str, value: &str) -> bool {
    words(c, key).is_none_or(|w| w.iter().any(|x| x == value))
}
fn day(c: &Table, key: &str) -> Option<i64> {
    c.get(key).map(|v| time(&v.as_datetime().unwrap().to_string()).0)
}

/// How strong a form is, in the order of DESIGN section 6: clear, token, pseudonym, counts by their size.
fn strength(p: Option<&Protection>) -> u64 {
    match p {
        Some(Protection::Token) => 1,
        Some(Protection::Pseudonym) => 2,
        Some(Protection::Aggregate(k)) if *k >= 2 => 100 + u64::from(*k),
        _ => 0,
    }
}
fn asked(form: &str) -> u64 {
    match form {
        "clear" => 0,
        "token" => 1,
        "pseudonym" => 2,
        f => 100 + f.strip_prefix("aggregate(").unwrap().strip_suffix(')').unwrap().parse::<u64>().unwrap(),
    }
}

/// FIRST IEP 2.0, PERMITTED ACTIONS, from least to most.
const IEP: [&str; 5] = [
    "none",
    "contact-for-instruction",
    "internally-visible",
    "externally-visible-indirect",
    "externally-visible-direct",
];
/// Attribution, from the strictest.
const NAMING: [&str; 3] = ["must-not", "must", "may"];

fn visible(purpose: &str) -> usize {
    match purpose {
        "takedown" | "victim-notification" | "evidence-in-court" => 4,
        "investigation" => 3,
        _ => 2,
    }
}

impl Text {
    fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Table)> {
        self.clauses.iter().filter(move |(_, c)| word(c, "kind") == kind).map(|(n, c)| (n.as_str(), c))
    }
    fn party(&self, id: &str) -> Option<&Table> {
        self.of("party").find(|(_, c)| word(c, "id") == id).map(|(_, c)| c)
    }
    fn member(&self, party: &str, id: &str) -> Option<&Table> {
        let list = self.party(party)?.get("members")?.as_array()?;
        list.iter().map(|m| m.as_table().unwrap()).find(|m| word(m, "id") == id)
    }

    /// Whether the agreement lets `holder` of the records of `giver` do this, with the clauses and duties.
    fn rule(
        &self,
        r: &Request,
        giver: &str,
        getter: &str,
        act: Act,
        onward: Option<&str>,
        now: i64,
    ) -> Option<(BTreeSet<String>, BTreeMap<&'static str, u32>)> {
        let (_, term) = self.of("term").next()?;
        if now < day(term, "from")? || now >= day(term, "until")? + 86_400_000_000 {
            return None;
        }
        self.party(giver)?;
        self.party(getter)?;
        if giver == getter {
            return None;
        }
        let purpose = r.purpose.word();
        if !self.of("purpose").any(|(_, c)| says(c, "purposes", purpose)) {
            return None;
        }
        let court = purpose == "evidence-in-court";
        if (act == Act::UseInCourt && !court) || (act == Act::DpCount && court) {
            return None;
        }
        if act == Act::PsiMatch && (r.case.is_none() || r.reason.as_deref().unwrap_or("").trim().is_empty()) {
            return None;
        }
        let consent = r.consent.is_some();
        if r.handling.code == HandlingCode::H1 && court && !consent {
            return None;
        }
        let member = r.member.as_ref().map(|m| m.as_str());
        if let (Some(m), None) = (member, onward) {
            let m = self.member(getter, m)?;
            if now < day(m, "since")? || day(m, "opted-out").is_some_and(|t| now >= t) {
                return None;
            }
        }
        let categories: BTreeSet<&str> = if r.categories.is_empty() {
            BTreeSet::from(["victim-identity"])
        } else {
            r.categories.iter().map(|c| c.word()).collect()
        };
        let sent = |c: &str| strength(r.protection.get(&Category::from_word(c).unwrap()));
        if categories.contains("victim-identity") && sent("victim-identity") < 2 {
            return None;
        }
        // Marks.
        let (_, marks) = self.of("handling").next()?;
        let order = ["clear", "green", "amber", "amber+strict", "red"];
        let at = |t: &str| order.iter().position(|o| *o == t).unwrap();
        let tlp = at(r.handling.tlp.word());
        if tlp < at(word(marks, "floor")) || !says(marks, "codes", r.handling.code.word()) {
            return None;
        }
        if let Some(n) = IEP.iter().position(|w| *w == word(marks, "actions"))
            && visible(purpose) > n
        {
            return None;
        }
        // Place.
        let seat = match (onward, member) {
            (Some(_), _) => "ZZ".to_owned(),
            (None, Some(m)) => word(self.member(getter, m)?, "place").to_owned(),
            (None, None) => word(self.party(getter)?, "place").to_owned(),
        };
        let place = r.place.map_or(seat, |p| p.to_string());
        for (_, c) in self.of("place").filter(|(_, c)| word(c, "party") == getter) {
            if !says(c, "places", &place) {
                return None;
            }
        }
        let scoped = |c: &Table, category: &str| {
            says(c, "categories", category)
                && says(c, "purpose", purpose)
                && says(c, "act", act.word())
                && (word(c, "to").is_empty() || word(c, "to") == getter)
        };
        let mut cited = BTreeSet::new();
        for category in &categories {
            // Handing on.
            if act == Act::Reshare {
                let (_, rule) = self.of("onward").find(|(_, c)| scoped(c, category))?;
                let may = match word(rule, "onward") {
                    "members-only" => onward.is_none() && member.is_some(),
                    "named" => onward.is_some_and(|o| says(rule, "named", o)),
                    "on-consent" => consent,
                    _ => false,
                };
                if !may || tlp >= 3 || (r.handling.code == HandlingCode::H2 && !consent) {
                    return None;
                }
            }
            // Protection.
            for (_, c) in self.of("protect").filter(|(_, c)| scoped(c, category)) {
                let form = word(c, "form");
                let good = match form.split('(').next().unwrap() {
                    "never" => false,
                    "dp" => {
                        let within: Vec<&str> = form[3..form.len() - 1].split(", ").collect();
                        let most = within[0].parse::<f64>().unwrap() * 1e6;
                        act == Act::DpCount
                            && r.budget.is_some_and(|b| {
                                b.asked as f64 + b.spent as f64 <= most
                                    && b.unit.word() == within[1]
                                    && b.period.word() == within[2]
                            })
                    }
                    "psi" => {
                        let most: Vec<u64> =
                            form[4..form.len() - 1].split(',').map(|n| n.trim().parse().unwrap()).collect();
                        let fits = |m: agreement::Matching| m.set <= most[0] && m.reveal <= most[1];
                        act == Act::PsiMatch && r.records <= most[0] && r.matching.is_some_and(fits)
                    }
                    _ => sent(category) >= asked(form),
                };
                if !good {
                    return None;
                }
            }
            // A share that names it.
            let shares: Vec<&str> = self
                .of("share")
                .filter(|(_, c)| {
                    word(c, "from") == giver
                        && word(c, "to") == getter
                        && says(c, "categories", category)
                        && says(c, "purpose", purpose)
                        && says(c, "act", act.word())
                        && (act == Act::Reshare
                            || match (c.get("members"), member) {
                                (None, m) => m.is_none(),
                                (Some(Value::String(_)), _) => true,
                                (Some(_), m) => m.is_some_and(|m| says(c, "members", m)),
                            })
                        && (word(c, "concerns") != "own"
                            || member.and_then(|m| self.member(getter, m)).is_some_and(|m| {
                                let own = word(m, "place").to_owned();
                                r.concerns.len() == 1 && r.concerns.iter().all(|p| p.as_str() == own)
                            }))
                        && [
                            ("records", Some(0)),
                            ("per-case", r.case.as_ref().map(|_| r.spent.case)),
                            ("per-month", Some(r.spent.month)),
                            ("total", Some(r.spent.total)),
                        ]
                        .iter()
                        .all(|(cap, before)| {
                            c.get("limits").and_then(|l| l.get(*cap)).is_none_or(|n| {
                                let most = u128::try_from(n.as_integer().unwrap()).unwrap();
                                before.is_some_and(|b| u128::from(b) + u128::from(r.records) <= most)
                            })
                        })
                })
                .map(|(n, _)| n)
                .collect();
            if shares.is_empty() {
                return None;
            }
            cited.extend(shares.iter().map(|n| format!("{} {n}", self.id)));
        }
        // Duties: the strictest of each kind.
        let mut duties = BTreeMap::new();
        let mut owe = |kind: &'static str, n: u32| {
            duties.entry(kind).and_modify(|m: &mut u32| *m = n.min(*m)).or_insert(n);
        };
        for (n, c) in self.of("retain").chain(self.of("duty")) {
            if !categories.iter().any(|category| scoped(c, category)) {
                continue;
            }
            cited.insert(format!("{} {n}", self.id));
            for key in ["days", "review", "proof", "hours"] {
                if let Some(v) = c.get(key).and_then(Value::as_integer) {
                    owe(key, u32::try_from(v).unwrap());
                }
            }
            if word(c, "duty") == "pseudonymise" {
                owe("pseudonymise", 1);
            }
        }
        for (n, c) in self.of("handling") {
            for (key, scale) in [("actions", IEP.as_slice()), ("attribution", &NAMING)] {
                if let Some(at) = scale.iter().position(|w| *w == word(c, key)) {
                    cited.insert(format!("{} {n}", self.id));
                    owe(key, u32::try_from(at).unwrap());
                }
            }
        }
        Some((cited, duties))
    }
}

type Allowed = (BTreeSet<String>, BTreeMap<&'static str, u32>);

/// The whole decision: the agreement of giver and getter, and before it that of the provider.
fn decide(texts: &[Text], r: &Request, now: i64) -> Option<Allowed> {
    let (from, to) = (r.from.as_str(), r.to.as_str());
    let between =
        |a: &str, b: &str| texts.iter().find(|t| a != b && t.party(a).is_some() && t.party(b).is_some());
    let foreign = r.origin.as_ref().map(|o| o.as_str()).filter(|o| *o != from);
    let mut all: Allowed = Default::default();
    let mut add = |(c, d): Allowed| {
        all.0.extend(c);
        for (k, v) in d {
            all.1.entry(k).and_modify(|m| *m = v.min(*m)).or_insert(v);
        }
    };
    if r.act == Act::Reshare && (foreign.is_none() || foreign == Some(to)) {
        return None;
    }
    if let Some(o) = foreign.filter(|o| *o != to) {
        if r.act == Act::Reshare && from == to && r.member.is_none() {
            return None;
        }
        let onward = (from != to).then_some(to);
        add(between(o, from)?.rule(r, o, from, Act::Reshare, onward, now)?);
        if from == to && r.act == Act::Reshare {
            return Some(all);
        }
    }
    let act = if r.act == Act::Reshare { Act::Receive } else { r.act };
    add(between(from, to)?.rule(r, from, to, act, None, now)?);
    Some(all)
}

fn protections() -> impl Strategy<Value = Protection> {
    prop_oneof![
        3 => Just(Protection::Clear),
        2 => Just(Protection::Token),
        3 => Just(Protection::Pseudonym),
        2 => (0u32..25).prop_map(Protection::Aggregate),
        1 => Just(Protection::Never),
    ]
}

fn pick<T: Clone + std::fmt::Debug + 'static>(all: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(all.to_vec())
}

prop_compose! {
    fn requests()(
        (from, to) in prop_oneof![
            8 => pick(&[("company", "police"), ("company", "region"), ("company", "fintech"), ("police", "company"), ("fintech", "company"), ("region", "company")]),
            2 => pick(&[("police", "police"), ("region", "region"), ("police", "region"), ("police", "fintech"), ("company", "company")]),
        ],
        member in prop_oneof![2 => Just(None), 3 => pick(&["de", "fr", "cy", "mt", "br", "ar", "kn", "harbour-bank", "old-pier-bank"]).prop_map(Some)],
        act in prop_oneof![5 => Just(Act::Receive), 4 => pick(Act::ALL)],
        purpose in pick(Purpose::ALL),
        categories in prop_oneof![
            4 => pick(Category::ALL).prop_map(|c| BTreeSet::from([c])),
            3 => prop::collection::btree_set(pick(&[Category::C2Infrastructure, Category::MalwareSample, Category::NetworkIndicator, Category::SinkholeLog, Category::VictimIp]), 1..3),
            1 => prop::collection::btree_set(pick(Category::ALL), 0..4),
        ],
        protection in prop::collection::btree_map(pick(Category::ALL), protections(), 0..15),
        every in prop::option::of(protections()),
        (tlp, code) in prop_oneof![
            3 => Just((Tlp::Amber, HandlingCode::H0)),
            2 => (pick(Tlp::ALL), pick(HandlingCode::ALL)),
        ],
        origin in prop_oneof![3 => Just(None), 2 => pick(&["company", "police", "region", "fintech"]).prop_map(Some)],
        place in prop_oneof![5 => Just(None), 1 => pick(&["DE", "BR", "US", "NL", "ZZ"]).prop_map(Some)],
        concerns in prop::collection::btree_set(pick(&["DE", "FR", "BR", "AR", "CY"]), 0..2),
        records in pick(&[1u64, 10_000, 10_001, 100_000, 100_001, 1_000_001]),
        consent in any::<bool>(),
        (case, reason) in (prop::bool::weighted(0.7), pick(&[None, Some(""), Some("a lead"), Some("a lead")])),
        spent in pick(&[0u64, 0, 19_000_000, 19_990_001, 20_000_000, u64::MAX]),
        budget in pick(&[None, Some((100_000, 900_000)), Some((100_000, 900_001)), Some((1, 0)), Some((1, u64::MAX))]),
        (unit, period) in (pick(&[Unit::Bot, Unit::Bot, Unit::Person]), pick(&[Period::Month, Period::Month, Period::Day])),
        matching in pick(&[None, Some((1, 1)), Some((100_000, 5_000)), Some((100_001, 5_000)), Some((1, 5_001))]),
        now in pick(&["2025-12-31T23:00:00Z", "2026-01-20", "2026-03-10T10:00:00Z", "2026-05-02", "2027-12-31T23:59:00Z", "2028-06-01", "2029-01-01"]),
    ) -> (Request, Timestamp) {
        let handling = Handling { tlp, code };
        let mut r = Request::new(partner(from), partner(to), act, purpose, handling, Digest::of(b"asked"));
        r.member = member.map(|m| MemberId::new(m).unwrap());
        r.protection = protection;
        if let Some(form) = every {
            r.protection = categories.iter().map(|c| (*c, form)).collect();
        }
        r.categories = categories;
        r.origin = origin.map(partner);
        r.place = place.map(|p| p.parse().unwrap());
        r.concerns = concerns.into_iter().map(|p| p.parse().unwrap()).collect();
        r.records = records;
        r.case = case.then(|| terms::CaseId::new("case-1").unwrap());
        r.reason = reason.map(str::to_owned);
        r.spent = agreement::Spent { case: spent, month: spent, total: spent };
        r.budget = budget.map(|(asked, spent)| agreement::Budget { asked, spent, unit, period });
        r.matching = matching.map(|(set, reveal)| agreement::Matching { set, reveal });
        r.consent = consent.then(|| ExhibitId::of(b"letter"));
        (r, time(now))
    }
}

fn said(ruling: &Ruling) -> Option<Allowed> {
    let Ruling::Permit(p) = ruling else { return None };
    let duties = p.duties().iter().filter_map(|d| match d {
        Duty::RetainDays(n) => Some(("days", *n)),
        Duty::ReviewDays(n) => Some(("review", *n)),
        Duty::EraseProofDays(n) => Some(("proof", *n)),
        Duty::ReportBackHours(n) => Some(("hours", *n)),
        Duty::Pseudonymise => Some(("pseudonymise", 1)),
        Duty::Actions(a) => {
            IEP.iter().position(|w| *w == a.word()).map(|n| ("actions", u32::try_from(n).unwrap()))
        }
        // The stricter counts: written so that the least is the strictest.
        Duty::Attribution(a) => {
            NAMING.iter().position(|w| *w == a.word()).map(|n| ("attribution", u32::try_from(n).unwrap()))
        }
        Duty::EraseBy(_) => None,
    });
    Some((p.clauses().iter().map(ToString::to_string).collect(), duties.collect()))
}

#[test]
fn the_policy_and_an_independent_reader_agree() {
    let texts: Vec<Text> = TEXTS.iter().map(|n| read(&sample_text(n))).collect();
    let agreements = all();
    let permitted = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 6_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&requests(), |(request, now)| {
        let ruling = agreements.rule(&request, now);
        if let Ruling::Deny(d) = &ruling {
            prop_assert!(!d.sentence().is_empty() && !d.missing.is_empty() && d.code.starts_with("CMT-02"));
            prop_assert!(d.agreement.is_none() || d.code == "CMT-0201" || d.nearest.is_some(), "{d:?}");
        } else {
            permitted.set(permitted.get() + 1);
        }
        prop_assert_eq!(said(&ruling), decide(&texts, &request, now.0), "{:?}", ruling);
        Ok(())
    });
    if let Err(e) = result {
        panic!("{e}");
    }
    // Not a test of refusals only.
    assert!(permitted.get() > 60, "{} permitted", permitted.get());
}
