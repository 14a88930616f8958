//! Mutants of what the compiler makes: each is caught by the independent interpreter.
//!
//! | operator | of what | why the interpreter must see it |
//! |---|---|---|
//! | dropped | every rule and duty | an answer no longer names its clause or prohibition |
//! | turned round | every rule | what it refused it no longer refuses; what it permitted it refuses |
//! | names another clause | every rule and duty with a clause | answers are compared with all their clauses |
//! | owes nothing | duties with figures of which the least is the strictest | 0 is stricter than what any other clause asks |
//! | a word is missed | a category, purpose or act of a list in a share, a duty, or the scope of a protect or onward rule | the only rule of its clause is not met by the request |
//! | a unit off, or the edge itself | the form of a protect rule; the term | the form or instant on either side of the edge is asked |
//!
//! Each mutant is asked the witness of what it changes: a request of which the interpreter, which knows no mutants, says
//! that this very rule decides on it, with one category alone, so that no other word has the rule met. A rule or word
//! for which it knows none is not mutated: nothing that the text lets happen shows it (a share that another clause
//! always refuses). How many rules have a witness is asserted.
//!
//! Not made:
//! - changes of `purpose` and `opted-out`, which stand in several rules that answers do not tell apart;
//! - one unit beside `clear` and `aggregate(2)`: no request has a form in between.
//!
//! Conditions, connectives, caps, gradings, marks and figures inside of rules: `inside`.

mod inside;

use crate::{
    Agreement, Lasting, Policy, Request, SignedAgreement,
    ask::{Answer, Facts, ask},
    compile, fill, key_text,
    model::{ask::Asker, decide, dice::Dice, made, text},
    parse, sign,
};
use cedar_policy::{Policy as Rule, PolicyId, PolicySet};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use terms::{PartnerId, PersonId, Protection, Role, Timestamp};

const PARTIES: [&str; 2] = ["company", "police"];
/// Texts made by chance, with these seeds from 100 on.
const TEXTS: u64 = 3;
/// How many mutants of each operator are taken by chance from each text, at most.
const EACH: usize = 8;

/// A text made by chance as the crate and as the interpreter read it, with its first emergency declared.
pub(crate) struct World {
    pub agreement: Agreement,
    pub signed: SignedAgreement,
    pub text: text::Text,
    emergency: Option<Lasting>,
}

fn keys() -> [SigningKey; 2] {
    [1, 2].map(|n| SigningKey::from_bytes(&[n; 32]))
}

fn signed(agreement: &Agreement) -> SignedAgreement {
    let envelope = sign(agreement, &PartnerId::new("company").unwrap(), &keys()[0]).unwrap();
    SignedAgreement::new(agreement.clone(), &envelope).unwrap()
}

pub(crate) fn world(seed: u64) -> World {
    let keys = keys();
    let named: Vec<(String, String)> =
        PARTIES.iter().zip(&keys).map(|(p, k)| (format!("{p}.key"), key_text(&k.verifying_key()))).collect();
    let named: Vec<(&str, &str)> = named.iter().map(|(n, k)| (n.as_str(), k.as_str())).collect();
    let written = fill(&made::text(seed, PARTIES, 40), &named);
    let agreement = parse("made", &written).unwrap();
    let signed = signed(&agreement);
    let mut text = text::read(&written);
    let from: Timestamp = "2026-06-01T10:00:00Z".parse().unwrap();
    let emergency = text.emergencies.first().map(|e| Lasting {
        clause: e.number.clone(),
        declared_by: [Role::Counsel, Role::Commander]
            .map(|role| crate::Declarer { person: PersonId(format!("{role:?}")), role }),
        from,
        until: Timestamp(from.0 + e.hours * 3_600_000_000),
        hours: u32::try_from(e.hours).unwrap(),
    });
    text.declared.extend(text.emergencies.first().map(|e| (e.number.clone(), from.0)));
    World { agreement, signed, text, emergency }
}

impl World {
    /// The same with one more clause, which no check of the text saw.
    pub fn with(&self, number: &str, block: &str) -> World {
        let agreement = self.agreement.clone().with_unchecked(number, block).unwrap();
        let mut text = self.text.clone();
        text.clause(number.to_owned(), &block.parse().unwrap());
        World { signed: signed(&agreement), agreement, text, emergency: self.emergency.clone() }
    }

    /// What the policy says, and what the interpreter says, of one crossing.
    pub fn both(
        &self,
        policy: &Policy,
        asked: &(Request, Timestamp),
    ) -> Option<(decide::Answer, decide::Answer)> {
        let (facts, expected) = self.judged(asked)?;
        Some((said(ask(policy, &facts)), expected))
    }

    /// One crossing as the policy sees it, and what the interpreter says of it.
    fn judged(&self, asked: &(Request, Timestamp)) -> Option<(Facts, decide::Answer)> {
        let (request, now) = asked;
        let crossings = decide::crossings(request).ok()?;
        let seen = &crossings[0];
        // As the emergency's own times say, also outside of them.
        let called = (now.0 % 2 == 0).then_some(self.emergency.as_ref()).flatten();
        let mut facts = if seen.giver == request.from.as_str() {
            Facts::direct(request, seen.act, &self.signed, *now)
        } else {
            Facts::handed_on(request, &PartnerId::new(seen.giver).unwrap(), &self.signed, *now)
        };
        facts.emergency = called.cloned();
        let widened =
            called.map(|c| (self.text.emergencies.iter().find(|e| e.number == c.clause).unwrap(), c.from.0));
        let mut expected = self.text.answer_with(request, seen, now.0, widened);
        if let decide::Answer::Permit { duties, .. } = &mut expected {
            // The last instant is not the policy's to say.
            duties.remove("erase");
        }
        Some((facts, expected))
    }
}

fn said(answer: Answer) -> decide::Answer {
    match answer {
        Answer::Unreadable(why) => {
            decide::Answer::Deny { clauses: BTreeSet::from([why]), standing: BTreeSet::new() }
        }
        Answer::Deny { clauses, standing } => decide::Answer::Deny {
            clauses: clauses.into_iter().collect(),
            standing: standing.into_iter().map(|p| p.word()).collect(),
        },
        Answer::Permit { clauses, duties } => {
            let mut all: BTreeSet<String> = clauses.into_iter().collect();
            let mut owed = BTreeMap::new();
            for (clause, note) in duties {
                all.insert(clause);
                for part in note.split(' ') {
                    let (word, n) = part.split_once('=').unwrap();
                    let n: i64 = n.parse().unwrap();
                    let (kind, n) = match word {
                        "retain-days" => ("days", n),
                        "review-days" => ("review", n),
                        "erase-proof-days" => ("proof", n),
                        "report-back-hours" => ("hours", n),
                        "pseudonymise" => ("pseudonymise", n),
                        "actions" => ("actions", n),
                        "attribution" => ("attribution", 2 - n),
                        other => panic!("{other}"),
                    };
                    owed.entry(kind).and_modify(|m: &mut i64| *m = n.min(*m)).or_insert(n);
                }
            }
            decide::Answer::Permit { clauses: all, duties: owed }
        }
    }
}

/// The scope of the protect, onward or duty clause with this number.
fn scope_of(t: &text::Text, number: &str) -> Option<text::Scope> {
    let rules = t.protects.iter().map(|r| (&r.number, &r.scope));
    let rules = rules.chain(t.onwards.iter().map(|r| (&r.number, &r.scope)));
    let mut rules = rules.chain(t.duties.iter().map(|r| (&r.number, &r.scope)));
    rules.find(|(n, _)| *n == number).map(|(_, s)| s.clone())
}

/// What can be told of a rule: whether it permits, and its clause or prohibition (with the category it is about).
type Name = (bool, String);

/// Requests in all and of those that are aimed at each clause, of which witnesses are taken.
const ASKED: usize = 4_000;
const AIMED: usize = 100;

/// A witness for each rule (the word is empty) and each word of it.
struct Witnesses(BTreeMap<(Name, String), (Request, Timestamp)>);

impl Witnesses {
    /// From requests by chance, on each of which policy and interpreter must agree.
    fn of(w: &World, policy: &Policy) -> Self {
        let texts = std::slice::from_ref(&w.text);
        let mut out = Self(BTreeMap::new());
        let mut asker = Asker::new(texts, 99);
        (0..ASKED).for_each(|_| out.take(w, policy, asker.next()));
        for clause in w.agreement.clauses() {
            let number = clause.number().to_owned();
            asker.near = scope_of(&w.text, &number);
            asker.aim = w.text.shares.iter().any(|s| s.number == number).then_some((0, number));
            if asker.near.is_some() || asker.aim.is_some() {
                (0..AIMED).for_each(|_| out.take(w, policy, asker.next()));
            }
        }
        out
    }

    fn take(&mut self, w: &World, policy: &Policy, asked: (Request, Timestamp)) {
        let Some((said, expected)) = w.both(policy, &asked) else { return };
        assert_eq!(said, expected, "{asked:?}");
        let counted = asked.0.counted_categories();
        let alone = counted.first().filter(|_| counted.len() == 1).map(|c| c.word());
        let act = decide::crossings(&asked.0).unwrap()[0].act.word();
        let names: Vec<Name> = match expected {
            decide::Answer::Permit { clauses, .. } => clauses.into_iter().map(|c| (true, c)).collect(),
            decide::Answer::Deny { clauses, standing } => {
                let about = |p: &str| match p {
                    "each-category" | "onward" => alone.map(|c| format!("{p} {c}")),
                    _ => Some(p.to_owned()),
                };
                let standing = standing.into_iter().filter_map(about);
                clauses.into_iter().chain(standing).map(|n| (false, n)).collect()
            }
        };
        for name in names {
            self.0.entry((name.clone(), String::new())).or_insert_with(|| asked.clone());
            for word in alone.into_iter().flat_map(|c| [c, asked.0.purpose.word(), act]) {
                self.0.entry((name.clone(), word.to_owned())).or_insert_with(|| asked.clone());
            }
        }
    }

    fn get(&self, name: &Name, word: &str) -> Option<&(Request, Timestamp)> {
        self.0.get(&(name.clone(), word.to_owned()))
    }
}

struct Mutant {
    operator: &'static str,
    what: String,
    duty: bool,
    id: PolicyId,
    /// Dropped where there is nothing.
    now: Option<Value>,
    asked: Vec<(Request, Timestamp)>,
}

/// The rule's name; `None` for prohibitions that stand in several rules.
fn name(json: &Value) -> Option<Name> {
    let permit = json["effect"] == "permit";
    if let Some(clause) = json["annotations"]["clause"].as_str() {
        return Some((permit, clause.to_owned()));
    }
    let text = json["conditions"][0]["body"].to_string();
    match json["annotations"]["standing"].as_str()? {
        "purpose" | "opted-out" => None,
        word @ ("each-category" | "onward") => {
            let c = made::CATEGORIES.iter().find(|c| text.contains(&format!("\"{c}\"")))?;
            Some((false, format!("{word} {c}")))
        }
        word => Some((false, word.to_owned())),
    }
}

/// Every copy of `v` with one part changed by `change`, with a word on the change.
fn each_part(v: &Value, change: &dyn Fn(&Value) -> Vec<(String, Value)>) -> Vec<(String, Value)> {
    let mut out = change(v);
    let inner: Vec<(String, &Value)> = match v {
        Value::Object(o) => o.iter().map(|(k, v)| (k.clone(), v)).collect(),
        _ => Vec::new(),
    };
    for (key, part) in inner {
        for (what, changed) in each_part(part, change) {
            let mut whole = v.clone();
            whole[key.as_str()] = changed;
            out.push((what, whole));
        }
    }
    out
}

/// A list without one of its words.
fn fewer_words(v: &Value) -> Vec<(String, Value)> {
    let Some(all) = v["Set"].as_array().filter(|a| a.len() > 1) else { return Vec::new() };
    let word = |v: &Value| {
        let v = &v["Value"];
        v.as_str().or_else(|| v["__entity"]["id"].as_str()).map(str::to_owned)
    };
    let less = |i: usize| {
        let mut less = all.clone();
        let gone = word(&less.remove(i))?;
        Some((gone, json!({ "Set": less })))
    };
    (0..all.len()).filter_map(less).collect()
}

/// A comparison with a figure, a unit off or with its edge on the other side. The word is what is compared.
fn other_edges(v: &Value) -> Vec<(String, Value)> {
    let other = |op: &str| match op {
        "<" => Some("<="),
        ">=" => Some(">"),
        _ => None,
    };
    let Some((op, of)) = v.as_object().and_then(|o| o.iter().next()) else { return Vec::new() };
    let (Some(other), Some(n), Some(attr)) =
        (other(op), of["right"]["Value"].as_i64(), of["left"]["."]["attr"].as_str())
    else {
        return Vec::new();
    };
    let form = of["left"]["."]["left"]["."]["attr"] == "forms";
    if !(attr == "now" || form && (n == 1 || n == 2 || n > 12)) {
        return Vec::new();
    }
    let mut out = vec![(attr.to_owned(), json!({ other: of }))];
    for by in [-1, 1] {
        let mut of = of.clone();
        of["right"]["Value"] = json!(n + by);
        out.push((attr.to_owned(), json!({ op.as_str(): of })));
    }
    out
}

/// The request in every form that may lie beside an edge.
fn in_each_form(asked: &(Request, Timestamp)) -> Vec<(Request, Timestamp)> {
    let forms = [Protection::Clear, Protection::Token, Protection::Pseudonym];
    let forms = forms.into_iter().chain((2..=120).map(Protection::Aggregate));
    let mut request = asked.0.clone();
    let c = request.counted_categories().first().copied().unwrap();
    forms
        .map(|f| {
            request.protection.insert(c, f);
            (request.clone(), asked.1)
        })
        .collect()
}

/// The mutants of one rule, each with its witnesses.
fn mutants_of(w: &World, rule: &Rule, duty: bool, known: &Witnesses) -> Vec<Mutant> {
    let json = rule.to_json().unwrap();
    let Some(name) = name(&json) else { return Vec::new() };
    let Some(witness) = known.get(&name, "") else { return Vec::new() };
    let text = json.to_string();
    let mut out = Vec::new();
    let mut add = |operator, word: &str, now, asked| {
        let what = format!("{operator} {}: {word}", name.1);
        out.push(Mutant { operator, what, duty, id: rule.id().clone(), now, asked });
    };
    let one = || vec![witness.clone()];
    add("dropped", "", None, one());
    if !duty {
        let mut turned = json.clone();
        turned["effect"] = json!(if name.0 { "forbid" } else { "permit" });
        add("turned round", "", Some(turned), one());
    }
    let mut other = json.clone();
    if json["annotations"]["clause"].is_string() {
        other["annotations"]["clause"] = json!("99.9");
        add("names another clause", "", Some(other), one());
    }
    let owed = json["annotations"]["duty"].as_str().unwrap_or("");
    if duty && !owed.contains("actions") && !owed.contains("attribution") {
        let kind = owed.split('=').next().unwrap();
        let mut other = json.clone();
        other["annotations"]["duty"] = json!(format!("{kind}=0"));
        add("owes nothing", kind, Some(other), one());
    }
    let clause = json["annotations"]["clause"].is_string();
    let body = &json["conditions"][0]["body"];
    let scope = name.0 || !(text.contains("emergency") || text.contains("tlp"));
    for (word, changed) in each_part(body, &fewer_words) {
        if let Some(seen) = known.get(&name, &word).filter(|_| clause && scope) {
            let mut now = json.clone();
            now["conditions"][0]["body"] = changed;
            add("a word is missed", &word, Some(now), vec![seen.clone()]);
        }
    }
    let (from, end) = (w.text.from, w.text.end);
    for (i, condition) in json["conditions"].as_array().unwrap().iter().enumerate() {
        for (word, changed) in each_part(&condition["body"], &other_edges) {
            let asked = match (name.1.as_str(), word.as_str()) {
                ("term", "now") => {
                    let edges = [from, end].into_iter().flat_map(|t| [t - 1, t, t + 1]);
                    edges.map(|t| (witness.0.clone(), Timestamp(t))).collect()
                }
                (_, "now") => continue,
                (_, word) if clause => match known.get(&name, word) {
                    Some(seen) => in_each_form(seen),
                    None => continue,
                },
                _ => continue,
            };
            let mut now = json.clone();
            now["conditions"][i]["body"] = changed;
            add("a unit off", &word, Some(now), asked);
        }
    }
    out
}

/// The policy with one rule changed.
fn with(policy: &Policy, rules: &[Rule], duties: &[Rule], m: &Mutant) -> Option<Policy> {
    let built = |all: &[Rule], change: bool| -> Option<PolicySet> {
        let mut set = PolicySet::new();
        for r in all {
            match (change && *r.id() == m.id, &m.now) {
                (false, _) => set.add(r.clone()).ok()?,
                (true, None) => {}
                (true, Some(now)) => set.add(Rule::from_json(Some(m.id.clone()), now.clone()).ok()?).ok()?,
            }
        }
        Some(set)
    };
    Some(Policy {
        rules: built(rules, !m.duty)?,
        duties: built(duties, m.duty)?,
        slices: std::sync::Arc::default(),
        ..policy.clone()
    })
}

#[test]
fn every_mutant_of_the_compiler_is_caught_by_the_interpreter() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut survivors, mut rules_seen, mut rules_all) = (Vec::new(), 0, 0);
    for seed in 0..TEXTS {
        let w = world(100 + seed);
        let policy = compile(&w.agreement).unwrap();
        // Through JSON once, so that a copy costs little.
        let plain = |set: &PolicySet| -> Vec<Rule> {
            let copy = |p: &Rule| Rule::from_json(Some(p.id().clone()), p.to_json().unwrap()).unwrap();
            set.policies().map(copy).collect()
        };
        let (rules, duties) = (plain(&policy.rules), plain(&policy.duties));
        let known = Witnesses::of(&w, &policy);
        let mut made: BTreeMap<&str, Vec<Mutant>> = BTreeMap::new();
        for (rule, duty) in rules.iter().map(|r| (r, false)).chain(duties.iter().map(|r| (r, true))) {
            let mutants = mutants_of(&w, rule, duty, &known);
            rules_all += 1;
            rules_seen += usize::from(!mutants.is_empty());
            for m in mutants {
                made.entry(m.operator).or_default().push(m);
            }
        }
        let mut dice = Dice::new(seed);
        for (operator, mut all) in made {
            while all.len() > EACH {
                all.swap_remove(dice.below(all.len()));
            }
            for m in all {
                let mutant = with(&policy, &rules, &duties, &m).unwrap_or_else(|| panic!("{}", m.what));
                let caught = m.asked.iter().any(|asked| {
                    let (said, expected) = w.both(&mutant, asked).unwrap();
                    // What is caught is the mutant: the policy as it is agrees.
                    said != expected && w.both(&policy, asked).unwrap().0 == expected
                });
                *counts.entry(operator).or_default() += 1;
                if !caught {
                    survivors.push(format!("text {seed}, {}", m.what));
                }
            }
        }
    }
    let all: usize = counts.values().sum();
    println!("{all} mutants of {rules_seen} of {rules_all} rules: {counts:?}");
    assert!(survivors.is_empty(), "{} survived:\n{}", survivors.len(), survivors.join("\n"));
    assert!(all >= 100 && counts.len() == 6 && counts.values().all(|n| *n >= 10), "{counts:?}");
    assert!(rules_seen * 10 >= rules_all * 6, "only {rules_seen} of {rules_all} rules have a witness");
}
