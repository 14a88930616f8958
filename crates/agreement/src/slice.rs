//! The part of a policy that can matter for a request: what is decided by who gives and gets, for what act and purpose, is
//! decided once and kept.
//!
//! Here: a small evaluator over Cedar's own form of a rule that knows those facts and nothing else. A rule is left out
//! only where it is certainly not satisfied and certainly cannot err; whatever this file does not understand stays in.
//! Elsewhere: the decision itself (`ask`), which Cedar makes on what is left.
//! Bounds: 1,024 slices are kept for each agreement; then it begins anew.

use cedar_policy::{Policy, PolicyId, PolicySet};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use terms::Purpose;

use crate::Act;

const MOST_SLICES: usize = 1_024;

/// What is known of a request before it is ruled on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Known {
    pub getter: String,
    pub giver: String,
    pub act: Act,
    pub purpose: Purpose,
}

/// The rules and duties that can matter.
#[derive(Debug)]
pub(crate) struct Slice {
    pub rules: PolicySet,
    pub duties: PolicySet,
}

/// What stands in the annotations of a rule. Looking one up in Cedar takes longer than a decision.
#[derive(Debug, Default)]
pub(crate) struct Note {
    pub clause: Option<String>,
    pub standing: Option<String>,
    pub duty: Option<String>,
}

/// The rules of one policy, read for slicing, and the slices made so far.
#[derive(Debug)]
pub(crate) struct Slices {
    rules: Vec<(Policy, Expr)>,
    duties: Vec<(Policy, Expr)>,
    rule_notes: HashMap<PolicyId, Note>,
    duty_notes: HashMap<PolicyId, Note>,
    kept: Mutex<BTreeMap<Known, Arc<Slice>>>,
}

impl Slices {
    pub fn new(rules: &PolicySet, duties: &PolicySet) -> Self {
        let read = |set: &PolicySet| -> Vec<(Policy, Expr)> {
            set.policies().map(|p| (p.clone(), rule(p).unwrap_or(Expr::Other))).collect()
        };
        let notes = |set: &PolicySet| set.policies().map(|p| (p.id().clone(), note(p))).collect();
        Self {
            rules: read(rules),
            duties: read(duties),
            rule_notes: notes(rules),
            duty_notes: notes(duties),
            kept: Mutex::default(),
        }
    }

    /// What stands beside a rule.
    pub fn rule(&self, id: &PolicyId) -> Option<&Note> {
        self.rule_notes.get(id)
    }
    /// What stands beside a duty.
    pub fn duty(&self, id: &PolicyId) -> Option<&Note> {
        self.duty_notes.get(id)
    }

    /// The slice for what is known. `None` where it cannot be made: then the whole policy is asked.
    pub fn of(&self, known: Known) -> Option<Arc<Slice>> {
        // A thread that panicked elsewhere leaves no half-made slice: each is put in whole.
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(slice) = kept.get(&known) {
            return Some(slice.clone());
        }
        let left = |all: &[(Policy, Expr)]| {
            let mut out = PolicySet::new();
            for (policy, rule) in all {
                if rule.truth(&known) != Truth::No {
                    out.add(policy.clone()).ok()?;
                }
            }
            Some(out)
        };
        let slice = Arc::new(Slice { rules: left(&self.rules)?, duties: left(&self.duties)? });
        if kept.len() >= MOST_SLICES {
            kept.clear();
        }
        kept.insert(known, slice.clone());
        Some(slice)
    }
}

fn note(p: &Policy) -> Note {
    let text = |key| p.annotation(key).map(str::to_owned);
    Note { clause: text("clause"), standing: text("standing"), duty: text("duty") }
}

/// What can be said of a condition. `Perhaps` cannot err; `Open` might.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    Yes,
    No,
    Perhaps,
    Open,
}

/// As much of a condition as is understood.
#[derive(Debug)]
enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Bool(bool),
    Getter(String),
    Giver(String),
    Acts(Vec<String>),
    Purposes(Vec<String>),
    /// A comparison of the request's attributes with constants: not known, and it cannot err.
    Plain,
    Other,
}

impl Expr {
    fn truth(&self, k: &Known) -> Truth {
        let known = |yes: bool| if yes { Truth::Yes } else { Truth::No };
        match self {
            // As Cedar goes: from the left, and no further than needed.
            Self::And(a, b) => match (a.truth(k), || b.truth(k)) {
                (Truth::No, _) => Truth::No,
                (Truth::Yes, b) => b(),
                (Truth::Perhaps, b) => match b() {
                    Truth::No => Truth::No,
                    Truth::Open => Truth::Open,
                    _ => Truth::Perhaps,
                },
                (Truth::Open, _) => Truth::Open,
            },
            Self::Or(a, b) => match (a.truth(k), || b.truth(k)) {
                (Truth::Yes, _) => Truth::Yes,
                (Truth::No, b) => b(),
                (Truth::Perhaps, b) => match b() {
                    Truth::Yes => Truth::Yes,
                    Truth::Open => Truth::Open,
                    _ => Truth::Perhaps,
                },
                (Truth::Open, _) => Truth::Open,
            },
            Self::Not(a) => match a.truth(k) {
                Truth::Yes => Truth::No,
                Truth::No => Truth::Yes,
                other => other,
            },
            Self::Bool(b) => known(*b),
            Self::Getter(id) => known(k.getter == *id),
            Self::Giver(id) => known(k.giver == *id),
            Self::Acts(all) => known(all.iter().any(|a| a == k.act.word())),
            Self::Purposes(all) => known(all.iter().any(|p| p == k.purpose.word())),
            Self::Plain => Truth::Perhaps,
            Self::Other => Truth::Open,
        }
    }
}

/// The whole rule as one condition: its head, every `when`, no `unless`.
fn rule(policy: &Policy) -> Option<Expr> {
    let json = policy.to_json().ok()?;
    let mut all = vec![head(json.get("principal")?, "principal"), head(json.get("action")?, "action")];
    // The resource is the same for every request; a rule that says something of it is not understood.
    all.push(if json.get("resource")?.get("op")? == "All" { Expr::Bool(true) } else { Expr::Other });
    for condition in json.get("conditions")?.as_array()? {
        let body = read(condition.get("body")?);
        all.push(match condition.get("kind")?.as_str()? {
            "when" => body,
            "unless" => Expr::Not(Box::new(body)),
            _ => Expr::Other,
        });
    }
    all.into_iter().reduce(|a, b| Expr::And(Box::new(a), Box::new(b)))
}

fn head(scope: &Value, of: &str) -> Expr {
    let entity = |v: &Value| v.get("id").and_then(Value::as_str).map(str::to_owned);
    let one = scope.get("entity").and_then(entity);
    match (scope.get("op").and_then(Value::as_str), one, of) {
        (Some("All"), _, _) => Expr::Bool(true),
        (Some("=="), Some(id), "principal") => Expr::Getter(id),
        (Some("==" | "in"), Some(id), "action") => Expr::Acts(vec![id]),
        (Some("in"), None, "action") => {
            let all = scope.get("entities").and_then(Value::as_array);
            match all.and_then(|all| all.iter().map(entity).collect()) {
                Some(acts) => Expr::Acts(acts),
                None => Expr::Other,
            }
        }
        _ => Expr::Other,
    }
}

fn read(v: &Value) -> Expr {
    understood(v).unwrap_or_else(|| if plain(v) { Expr::Plain } else { Expr::Other })
}

fn understood(v: &Value) -> Option<Expr> {
    let (op, of) = v.as_object().filter(|o| o.len() == 1)?.iter().next()?;
    let sides = || Some((of.get("left")?, of.get("right")?));
    match op.as_str() {
        "Value" => of.as_bool().map(Expr::Bool),
        "&&" => sides().map(|(a, b)| Expr::And(Box::new(read(a)), Box::new(read(b)))),
        "||" => sides().map(|(a, b)| Expr::Or(Box::new(read(a)), Box::new(read(b)))),
        "!" => Some(Expr::Not(Box::new(read(of.get("arg")?)))),
        "!=" => {
            let (a, b) = sides()?;
            equal(a, b).map(|e| Expr::Not(Box::new(e)))
        }
        "==" => sides().and_then(|(a, b)| equal(a, b)),
        "in" => {
            let (a, b) = sides()?;
            let acts =
                b.get("Set").and_then(Value::as_array)?.iter().map(entity).collect::<Option<Vec<_>>>()?;
            (variable(a)? == "action").then_some(Expr::Acts(acts))
        }
        "contains" => {
            let (a, b) = sides()?;
            (attribute(b)? == "purpose").then_some(Expr::Purposes(texts(a)?))
        }
        _ => None,
    }
}

fn equal(a: &Value, b: &Value) -> Option<Expr> {
    match (variable(a), attribute(a)) {
        (Some("principal"), _) => entity(b).map(Expr::Getter),
        (Some("action"), _) => entity(b).map(|act| Expr::Acts(vec![act])),
        (_, Some("from")) => text(b).map(Expr::Giver),
        (_, Some("purpose")) => text(b).map(|p| Expr::Purposes(vec![p])),
        _ => None,
    }
}

/// Whether it cannot err: attributes that every request has, constants and comparisons; no arithmetic, no call.
fn plain(v: &Value) -> bool {
    let Some((op, of)) = v.as_object().filter(|o| o.len() == 1).and_then(|o| o.iter().next()) else {
        return false;
    };
    match op.as_str() {
        "Value" => true,
        "Var" => true,
        "Set" => of.as_array().is_some_and(|all| all.iter().all(plain)),
        "." => of.get("left").is_some_and(context),
        "!" => of.get("arg").is_some_and(plain),
        "==" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "containsAny" | "containsAll" | "&&" | "||" => {
            of.get("left").is_some_and(plain) && of.get("right").is_some_and(plain)
        }
        _ => false,
    }
}

/// The context, or a record in it: the schema asks for each of its attributes.
fn context(v: &Value) -> bool {
    variable(v) == Some("context") || v.get(".").and_then(|d| d.get("left")).is_some_and(context)
}
fn variable(v: &Value) -> Option<&str> {
    v.get("Var")?.as_str()
}
fn attribute(v: &Value) -> Option<&str> {
    let dot = v.get(".")?;
    (variable(dot.get("left")?)? == "context").then_some(dot.get("attr")?.as_str()?)
}
fn text(v: &Value) -> Option<String> {
    v.get("Value")?.as_str().map(str::to_owned)
}
fn texts(v: &Value) -> Option<Vec<String>> {
    v.get("Set")?.as_array()?.iter().map(text).collect()
}
fn entity(v: &Value) -> Option<String> {
    v.get("Value")?.get("__entity")?.get("id")?.as_str().map(str::to_owned)
}
