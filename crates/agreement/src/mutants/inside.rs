//! Mutants inside of rules: a compiler that forgets a condition, takes `and` for `or`, or is a unit off.
//!
//! | operator | of what |
//! |---|---|
//! | a condition is forgotten | each condition of a share or emergency after its categories, in the `permit` and in every rule that repeats it |
//! | a cap is a unit off | the caps of a share, in the same places |
//! | a standing rule forgets | one side of each `&&` and `\|\|` of a standing prohibition |
//! | and for or | each `&&` and `\|\|` of a rule that forbids |
//! | a mark or grading is off | TLP marks and gradings of the handling clause and of the rule on resharing |
//! | a mark is missed | a handling code, or a purpose that the permitted actions do not suffice for |
//! | a figure is off | the figures of `psi` and `dp` |
//!
//! A mutant is asked every request of a pool of several thousand that chance makes near the edges of each clause, until
//! policy and interpreter disagree. A mutant that no request can tell from the policy is listed in [`ALIKE`] with its
//! reason; any other that survives fails the test.
//!
//! Not made: changes of one copy of a share's or emergency's conditions, in the standing rule of a category or in a protect
//! rule (they are changed together with the `permit`: the compiler has them from one function).

use super::{World, each_part, fewer_words, said, scope_of, world};
use crate::{
    Policy, Request, Spent,
    ask::{Facts, ask, cedar_request},
    compile,
    model::{
        ask::Asker,
        decide::Answer,
        dice::Dice,
        made::{ACTS, CATEGORIES, PURPOSES},
        text::{Form, bit},
    },
};
use cedar_policy::{Authorizer, Entities, Policy as Rule, PolicyId, PolicySet};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use terms::Timestamp;

/// Texts made by chance, with these seeds from 300 on.
const TEXTS: u64 = 2;
/// How many mutants of each operator are taken by chance from each text, at most.
const EACH: usize = 14;
/// Requests in all, and aimed at each clause.
const ASKED: usize = 3_000;
const AIMED: usize = 100;

/// Mutants that no request tells from the policy: the operator, a part of what they change, and the reason.
const ALIKE: &[(&str, &str, &str)] = &[
    (
        "a condition is forgotten",
        ": ==:Var:principal",
        "an agreement is asked about its two parties only, and who gives says who gets",
    ),
    (
        "a condition is forgotten",
        ": !=:context.member",
        "without a member there is no place of its own, and no record concerns a place without a name",
    ),
    (
        "a condition is forgotten",
        "of one's own place: ||",
        "whoever is no member has no place of its own, so that the last condition is not met either",
    ),
    (
        "a condition is forgotten",
        "context.emergencyHours",
        "the hours of a declared emergency are those of its own clause",
    ),
    ("a mark or grading is off", "tlp < 0-1", "no mark is wider than clear"),
];

/// The rules of one text, by their ids.
type Rules = BTreeMap<PolicyId, Value>;

struct Mutant {
    operator: &'static str,
    what: String,
    change: Change,
}

enum Change {
    /// One rule.
    Rule(PolicyId, Value),
    /// These conditions, wherever they are joined, become those.
    Everywhere(Vec<Value>, Vec<Value>),
}

impl Change {
    /// The rules as they are after it.
    fn rules(self, rules: &Rules) -> Vec<(PolicyId, Value)> {
        match self {
            Self::Rule(id, now) => vec![(id, now)],
            Self::Everywhere(was, now) => everywhere(rules, &was, &now),
        }
    }
}

/// What is asked of every mutant of a text.
struct Pool {
    asked: Vec<(Facts, cedar_policy::Request, Answer)>,
}

impl Pool {
    fn of(w: &World, policy: &Policy) -> Self {
        let mut asker = Asker::new(std::slice::from_ref(&w.text), 17);
        let mut all: Vec<(Request, Timestamp)> = (0..ASKED).map(|_| asker.next()).collect();
        for clause in w.agreement.clauses() {
            let number = clause.number().to_owned();
            asker.near = scope_of(&w.text, &number);
            asker.aim = w.text.shares.iter().any(|s| s.number == number).then_some((0, number));
            if asker.near.is_some() || asker.aim.is_some() {
                all.extend((0..AIMED).map(|_| asker.next()));
            }
        }
        let more = |asked| [beside_figures(w, asked), beside_a_cap(w, asked)];
        let beside: Vec<_> = all.iter().flat_map(more).flatten().collect();
        all.extend(beside);
        let judged = all.iter().filter_map(|asked| {
            let (facts, expected) = w.judged(asked)?;
            assert_eq!(said(ask(policy, &facts)), expected, "{asked:?}");
            Some((cedar_request(policy, &facts).unwrap(), facts, expected))
        });
        Self { asked: judged.map(|(request, facts, expected)| (facts, request, expected)).collect() }
    }

    /// Whether a request of the pool tells the mutant from the policy. A request is ruled on only where a changed rule is
    /// met by it and the rule as it was is not, or the other way round.
    fn catches(&self, policy: &Policy, changed: &[(PolicyId, Value)]) -> bool {
        let alone = |rule: Rule| PolicySet::from_policies([rule]).unwrap();
        let pairs: Vec<[PolicySet; 2]> = (changed.iter())
            .map(|(id, now)| {
                let was = policy.rules.policy(id).unwrap().clone();
                [alone(was), alone(Rule::from_json(Some(id.clone()), now.clone()).unwrap())]
            })
            .collect();
        let (authorizer, nothing) = (Authorizer::new(), Entities::empty());
        let met = |set: &PolicySet, request: &cedar_policy::Request| {
            let answer = authorizer.is_authorized(request, set, &nothing);
            let errs = answer.diagnostics().errors().next().is_some();
            (answer.diagnostics().reason().next().is_some(), errs)
        };
        let mutant = with(policy, changed);
        self.asked.iter().any(|(facts, request, expected)| {
            let differs = pairs.iter().any(|[was, now]| met(was, request) != met(now, request));
            differs && said(ask(&mutant, facts)) != *expected
        })
    }
}

/// The same request just beyond the figures of a match or noisy count; nothing where it is neither.
fn beside_figures(w: &World, asked: &(Request, Timestamp)) -> Option<(Request, Timestamp)> {
    let (mut request, now) = asked.clone();
    let turn = turn(now);
    let figures: Vec<&Form> = (w.text.protects.iter().map(|p| &p.says))
        .filter(|f| match f {
            Form::Psi { .. } => request.matching.is_some(),
            Form::Dp { .. } => request.budget.is_some(),
            _ => false,
        })
        .collect();
    match (figures.get(turn % figures.len().max(1))?, &mut request.matching, &mut request.budget) {
        (Form::Psi { set, reveal }, Some(m), _) => {
            m.set = set + u64::from(turn.is_multiple_of(3));
            m.reveal = reveal + u64::from(turn % 3 == 1);
            request.records = request.records.min(*set);
        }
        (Form::Dp { epsilon, .. }, _, Some(b)) => {
            b.spent = b.spent.min(*epsilon);
            b.asked = epsilon - b.spent + u64::from(turn.is_multiple_of(2));
        }
        _ => return None,
    }
    Some((request, now))
}

/// The same request with one record more than a cap of a share that speaks of it allows.
fn beside_a_cap(w: &World, asked: &(Request, Timestamp)) -> Option<(Request, Timestamp)> {
    let (mut request, now) = asked.clone();
    let capped = w.text.shares.iter().filter(|s| {
        let categories = request.counted_categories();
        s.caps.iter().any(Option::is_some)
            && s.from == request.from.as_str()
            && s.to == request.to.as_str()
            && s.scope.acts & bit(&ACTS, request.act.word()) != 0
            && s.scope.purposes & bit(&PURPOSES, request.purpose.word()) != 0
            && categories.iter().any(|c| s.scope.categories & bit(&CATEGORIES, c.word()) != 0)
    });
    let capped: Vec<_> = capped.collect();
    let share = capped.get(turn(now) % capped.len().max(1))?;
    let caps: Vec<(usize, u64)> =
        share.caps.iter().enumerate().filter_map(|(i, cap)| cap.map(|n| (i, n))).collect();
    let (kind, cap) = *caps.get(turn(now) / 7 % caps.len())?;
    (request.records, request.spent) = (1, Spent::NONE);
    match kind {
        0 => request.records = cap + 1,
        1 => request.spent.case = cap,
        2 => request.spent.month = cap,
        _ => request.spent.total = cap,
    }
    Some((request, now))
}

/// A number by chance that goes with a request.
fn turn(now: Timestamp) -> usize {
    usize::try_from(now.0.unsigned_abs() % 1_000).unwrap()
}

/// The policy with some rules changed.
fn with(policy: &Policy, now: &[(PolicyId, Value)]) -> Policy {
    let rules = policy.rules.policies().map(|r| match now.iter().find(|(id, _)| id == r.id()) {
        Some((id, json)) => Rule::from_json(Some(id.clone()), json.clone()).unwrap(),
        None => r.clone(),
    });
    let rules = PolicySet::from_policies(rules).unwrap();
    Policy { rules, slices: std::sync::Arc::default(), ..policy.clone() }
}

/// The conditions that are joined by `&&`, in their order; and such a chain made of them.
fn conditions(v: &Value) -> Vec<Value> {
    match v.get("&&") {
        Some(and) => [&and["left"], &and["right"]].into_iter().flat_map(conditions).collect(),
        None => vec![v.clone()],
    }
}
fn chain(all: &[Value]) -> Value {
    let mut all = all.iter().cloned();
    let first = all.next().unwrap_or(json!({ "Value": true }));
    all.fold(first, |left, right| json!({ "&&": { "left": left, "right": right } }))
}

/// A rule with every such chain replaced, also where it ends a longer one; `None` where it holds none.
fn replaced(v: &Value, chain_was: &[Value], now: &[Value]) -> Option<Value> {
    if v.get("&&").is_some() || chain_was.len() == 1 {
        let all = conditions(v);
        if let Some(lead) = all.len().checked_sub(chain_was.len())
            && lead <= 1
            && all.get(lead..) == Some(chain_was)
        {
            let lead = all.get(..lead).unwrap_or_default();
            return Some(chain(&[lead, now].concat()));
        }
    }
    let mut out = v.clone();
    let mut found = false;
    let parts: Box<dyn Iterator<Item = &mut Value>> = match &mut out {
        Value::Object(o) => Box::new(o.values_mut()),
        Value::Array(a) => Box::new(a.iter_mut()),
        _ => return None,
    };
    for part in parts {
        if let Some(changed) = replaced(part, chain_was, now) {
            *part = changed;
            found = true;
        }
    }
    found.then_some(out)
}

/// Every rule in which a chain of conditions stands, with another in its place.
fn everywhere(rules: &Rules, was: &[Value], now: &[Value]) -> Vec<(PolicyId, Value)> {
    let changed = |(id, json): (&PolicyId, &Value)| {
        let mut out = json.clone();
        let conditions = replaced(&json["conditions"], was, now)?;
        out["conditions"] = conditions;
        Some((id.clone(), out))
    };
    rules.iter().filter_map(changed).collect()
}

/// A comparison of one of these attributes with a figure, a unit more and a unit less.
fn a_unit_off(v: &Value, attributes: &[&str]) -> Vec<(String, Value)> {
    let Some((op, of)) = v.as_object().and_then(|o| o.iter().next()) else { return Vec::new() };
    let (Some(attr), Some(n)) = (of["left"]["."]["attr"].as_str(), of["right"]["Value"].as_i64()) else {
        return Vec::new();
    };
    if !attributes.contains(&attr) || !["<", "<=", ">", ">="].contains(&op.as_str()) {
        return Vec::new();
    }
    let by = |by: i64| {
        let mut of = of.clone();
        of["right"]["Value"] = json!(n + by);
        (format!("{attr} {op} {n}{by:+}"), json!({ op.as_str(): of }))
    };
    vec![by(-1), by(1)]
}

/// The same with the other connective, and with one side alone.
fn other_connective(v: &Value) -> Vec<(String, Value)> {
    let swap =
        |from: &str, to: &str| v.get(from).map(|of| (format!("{from} {}", words(of)), json!({ to: of })));
    [swap("&&", "||"), swap("||", "&&")].into_iter().flatten().collect()
}
fn one_side(v: &Value) -> Vec<(String, Value)> {
    let sides = ["&&", "||"].into_iter().filter_map(|op| v.get(op).map(|of| (op, of)));
    sides
        .flat_map(|(op, of)| {
            ["left", "right"].map(|side| {
                (
                    format!("{op} without its {side} {}", words(&of[side])),
                    of[if side == "left" { "right" } else { "left" }].clone(),
                )
            })
        })
        .collect()
}

/// A condition in a few words: its attributes and figures.
fn words(v: &Value) -> String {
    let text = v.to_string();
    let mut out: String = text.replace(['{', '}', '"', '[', ']'], "");
    for (long, short) in [
        (".:", ""),
        ("left:Var:context,", ""),
        ("attr:", "context."),
        ("left:", ""),
        ("right:", ""),
        ("Value:", ""),
    ] {
        out = out.replace(long, short);
    }
    out.chars().take(120).collect()
}

/// Every mutant of a text, by operator, each with what is needed to make it.
fn mutants(w: &World, rules: &Rules) -> BTreeMap<&'static str, Vec<Mutant>> {
    let mut out: BTreeMap<&'static str, Vec<Mutant>> = BTreeMap::new();
    for (id, json) in rules {
        let body = &json["conditions"][0]["body"];
        let clause = json["annotations"]["clause"].as_str().unwrap_or("");
        let standing = json["annotations"]["standing"].as_str().unwrap_or("");
        let name = if clause.is_empty() { standing } else { clause };
        if json["effect"] == "permit" {
            let all = conditions(body);
            let Some(rest) = all.get(1..) else { continue };
            let own = if body.to_string().contains("memberPlace") { " of one's own place" } else { "" };
            for (i, condition) in rest.iter().enumerate() {
                let mut fewer = rest.to_vec();
                fewer.remove(i);
                let what = format!("{name}{own}: {}", words(condition));
                out.entry("a condition is forgotten").or_default().push(Mutant {
                    operator: "a condition is forgotten",
                    what,
                    change: Change::Everywhere(rest.to_vec(), fewer),
                });
                for (what, off) in a_unit_off(condition, &["records", "inCase", "inMonth", "inTotal"]) {
                    let mut other = rest.to_vec();
                    if let Some(slot) = other.get_mut(i) {
                        *slot = off;
                    }
                    out.entry("a cap is a unit off").or_default().push(Mutant {
                        operator: "a cap is a unit off",
                        what: format!("{name}: {what}"),
                        change: Change::Everywhere(rest.to_vec(), other),
                    });
                }
            }
            continue;
        }
        // Said once more by another of its rules, on purpose.
        if standing == "opted-out" {
            continue;
        }
        let handling = clause == w.text.handling;
        let mut each = |operator, change: &dyn Fn(&Value) -> Vec<(String, Value)>| {
            for at in 0..json["conditions"].as_array().map_or(0, Vec::len) {
                for (what, changed) in each_part(&json["conditions"][at]["body"], change) {
                    let mut now = json.clone();
                    now["conditions"][at]["body"] = changed;
                    let what = format!("{name}: {what}");
                    let change = Change::Rule(id.clone(), now);
                    out.entry(operator).or_default().push(Mutant { operator, what, change });
                }
            }
        };
        let copies = standing == "each-category" || body.to_string().contains("emergency");
        if !copies {
            each("and for or", &other_connective);
        }
        if !standing.is_empty() && !copies {
            each("a standing rule forgets", &one_side);
        }
        each("a mark or grading is off", &|v| a_unit_off(v, &["tlp", "source", "information"]));
        each("a figure is off", &|v| a_unit_off(v, &["set", "reveal", "epsilon"]));
        if handling {
            each("a mark is missed", &fewer_words);
        }
    }
    out
}

#[test]
fn every_mutant_inside_of_a_rule_is_caught_or_listed() {
    let (mut counts, mut alike): (BTreeMap<&str, usize>, BTreeSet<&str>) = Default::default();
    let mut survivors = Vec::new();
    for seed in 0..TEXTS {
        let w = world(300 + seed);
        let policy = compile(&w.agreement).unwrap();
        let rules: Rules = policy.rules.policies().map(|r| (r.id().clone(), r.to_json().unwrap())).collect();
        let pool = Pool::of(&w, &policy);
        let mut dice = Dice::new(seed);
        for (operator, mut all) in mutants(&w, &rules) {
            while all.len() > EACH {
                all.swap_remove(dice.below(all.len()));
            }
            for m in all {
                let changed = m.change.rules(&rules);
                assert!(!changed.is_empty(), "{operator} {} changes nothing", m.what);
                let listed = ALIKE.iter().find(|(o, part, _)| *o == m.operator && m.what.contains(part));
                match (pool.catches(&policy, &changed), listed) {
                    (true, _) => *counts.entry(operator).or_default() += 1,
                    (false, Some((_, _, why))) => _ = alike.insert(why),
                    (false, None) => survivors.push(format!("text {seed}, {operator} {}", m.what)),
                }
            }
        }
    }
    let all: usize = counts.values().sum();
    println!("{all} mutants caught: {counts:?}; alike: {alike:?}");
    assert!(survivors.is_empty(), "{} survived:\n{}", survivors.len(), survivors.join("\n"));
    assert!(all >= 130 && counts.len() == 7, "{counts:?}");
    // Nothing is listed for nothing.
    assert_eq!(alike.len(), ALIKE.len(), "{alike:?}");
}
