//! Every request of a small model, evaluated without Cedar and without a solver: an answer of its own.
//!
//! Here: a reader and evaluator for the conditions that our rules use, over 128 situations at a time (one bit each),
//! and the model itself: every act, way and purpose, every one and two categories in six mixtures of forms, in each
//! situation (who receives, when, under which marks, with how many records, in which emergency). Some seven million
//! requests for two parties. What the evaluator does not know is an error, never a guess.

use super::{ProofError, spec};
use crate::Agreement;
use cedar_policy::{Effect, PolicySet};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// One bit for each situation.
pub(crate) type Word = u128;
/// Situations at once.
pub(crate) const LANES: usize = 128;

/// A value of the schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Truth(bool),
    Long(i64),
    Text(String),
    Set(BTreeSet<Value>),
    Entity(String),
}

/// A condition.
#[derive(Debug, Clone)]
enum Expr {
    /// Decided for each situation.
    Bits(Word),
    Value(Value),
    Path(String),
    Set(Vec<Expr>),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(Compare, Box<Expr>, Box<Expr>),
}

#[derive(Debug, Clone, Copy)]
enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    In,
    Contains,
    ContainsAll,
    ContainsAny,
}

const COMPARE: &[(&str, Compare)] = &[
    ("==", Compare::Equal),
    ("!=", Compare::Unequal),
    ("<", Compare::Less),
    ("<=", Compare::LessOrEqual),
    (">", Compare::More),
    (">=", Compare::MoreOrEqual),
    ("in", Compare::In),
    ("contains", Compare::Contains),
    ("containsAll", Compare::ContainsAll),
    ("containsAny", Compare::ContainsAny),
];

fn wrong(what: &str) -> ProofError {
    ProofError::Internal(format!("the model cannot read a rule: {what}"))
}

fn read(json: &Json) -> Result<Expr, ProofError> {
    let Some((op, arg)) = json.as_object().and_then(|o| o.iter().next()) else {
        return Err(wrong("no operator"));
    };
    let side = |name: &str| arg.get(name).ok_or_else(|| wrong(op)).and_then(read).map(Box::new);
    if let Some((_, compare)) = COMPARE.iter().find(|(word, _)| word == op) {
        return Ok(Expr::Compare(*compare, side("left")?, side("right")?));
    }
    match op.as_str() {
        "Value" => value(arg).map(Expr::Value),
        "Var" => Ok(Expr::Path(arg.as_str().ok_or_else(|| wrong("Var"))?.to_owned())),
        "." => {
            let attr = arg.get("attr").and_then(Json::as_str).ok_or_else(|| wrong("."))?;
            match *side("left")? {
                Expr::Path(path) => Ok(Expr::Path(format!("{path}.{attr}"))),
                _ => Err(wrong("an attribute of a value")),
            }
        }
        "Set" => {
            let items = arg.as_array().ok_or_else(|| wrong("Set"))?;
            Ok(Expr::Set(items.iter().map(read).collect::<Result<_, _>>()?))
        }
        "!" => Ok(Expr::Not(side("arg")?)),
        "&&" => Ok(Expr::And(side("left")?, side("right")?)),
        "||" => Ok(Expr::Or(side("left")?, side("right")?)),
        other => Err(wrong(other)),
    }
}

fn value(json: &Json) -> Result<Value, ProofError> {
    match json {
        Json::Bool(b) => Ok(Value::Truth(*b)),
        Json::Number(n) => n.as_i64().map(Value::Long).ok_or_else(|| wrong("a number")),
        Json::String(s) => Ok(Value::Text(s.clone())),
        Json::Array(items) => items.iter().map(value).collect::<Result<_, _>>().map(Value::Set),
        Json::Object(o) => {
            let id = o.get("__entity").and_then(|e| e.get("id")).and_then(Json::as_str);
            id.map(|id| Value::Entity(id.to_owned())).ok_or_else(|| wrong("a record"))
        }
        Json::Null => Err(wrong("null")),
    }
}

/// What is known of a request: the same in every situation, or one value for each.
pub(crate) enum Known<'a> {
    Same(Value),
    Each(&'a [Value]),
}

impl Expr {
    /// The condition with what is known put in its place.
    fn fold<'k>(&self, known: &dyn Fn(&str) -> Option<Known<'k>>) -> Result<Self, ProofError> {
        Ok(match self {
            Self::Path(path) => match known(path) {
                Some(Known::Same(Value::Truth(b))) => Self::Bits(if b { Word::MAX } else { 0 }),
                Some(Known::Same(v)) => Self::Value(v),
                Some(Known::Each(all)) if all.iter().all(|v| matches!(v, Value::Truth(_))) => {
                    Self::Bits(bits(all.iter().map(|v| *v == Value::Truth(true))))
                }
                _ => self.clone(),
            },
            Self::Value(Value::Truth(b)) => Self::Bits(if *b { Word::MAX } else { 0 }),
            Self::Bits(_) | Self::Value(_) => self.clone(),
            Self::Set(items) => {
                let items: Vec<Self> = items.iter().map(|i| i.fold(known)).collect::<Result<_, _>>()?;
                let plain = items.iter().map(|i| if let Self::Value(v) = i { Some(v.clone()) } else { None });
                match plain.collect::<Option<BTreeSet<Value>>>() {
                    Some(set) => Self::Value(Value::Set(set)),
                    None => Self::Set(items),
                }
            }
            Self::Not(e) => match e.fold(known)? {
                Self::Bits(w) => Self::Bits(!w),
                e => Self::Not(Box::new(e)),
            },
            Self::And(a, b) => match a.fold(known)? {
                Self::Bits(0) => Self::Bits(0),
                Self::Bits(Word::MAX) => b.fold(known)?,
                a => match (a, b.fold(known)?) {
                    (_, Self::Bits(0)) => Self::Bits(0),
                    (a, Self::Bits(Word::MAX)) => a,
                    (Self::Bits(a), Self::Bits(b)) => Self::Bits(a & b),
                    (a, b) => Self::And(Box::new(a), Box::new(b)),
                },
            },
            Self::Or(a, b) => match a.fold(known)? {
                Self::Bits(Word::MAX) => Self::Bits(Word::MAX),
                Self::Bits(0) => b.fold(known)?,
                a => match (a, b.fold(known)?) {
                    (_, Self::Bits(Word::MAX)) => Self::Bits(Word::MAX),
                    (a, Self::Bits(0)) => a,
                    (Self::Bits(a), Self::Bits(b)) => Self::Bits(a | b),
                    (a, b) => Self::Or(Box::new(a), Box::new(b)),
                },
            },
            Self::Compare(op, a, b) => self.compare(*op, a.fold(known)?, b.fold(known)?, known)?,
        })
    }

    fn compare<'k>(
        &self,
        op: Compare,
        a: Self,
        b: Self,
        known: &dyn Fn(&str) -> Option<Known<'k>>,
    ) -> Result<Self, ProofError> {
        if let (Some(a), Some(b)) = (a.constant(), b.constant()) {
            return Ok(Self::Bits(if compare(op, &a, &b)? { Word::MAX } else { 0 }));
        }
        // Where each situation has its own value, each decides by itself.
        let mut word = 0;
        for lane in 0..LANES {
            let (Some(x), Some(y)) = (a.at(lane, known), b.at(lane, known)) else {
                return Ok(Self::Compare(op, Box::new(a), Box::new(b)));
            };
            if compare(op, &x, &y)? {
                word |= 1 << lane;
            }
        }
        Ok(Self::Bits(word))
    }

    fn constant(&self) -> Option<Value> {
        match self {
            Self::Value(v) => Some(v.clone()),
            Self::Bits(0) => Some(Value::Truth(false)),
            Self::Bits(Word::MAX) => Some(Value::Truth(true)),
            _ => None,
        }
    }

    fn at<'k>(&self, lane: usize, known: &dyn Fn(&str) -> Option<Known<'k>>) -> Option<Value> {
        match self {
            Self::Value(v) => Some(v.clone()),
            Self::Bits(w) => Some(Value::Truth(w >> lane & 1 == 1)),
            Self::Path(path) => match known(path)? {
                Known::Same(v) => Some(v),
                Known::Each(all) => all.get(lane).cloned(),
            },
            Self::Set(items) => {
                items.iter().map(|i| i.at(lane, known)).collect::<Option<_>>().map(Value::Set)
            }
            _ => None,
        }
    }
}

fn bits(of: impl Iterator<Item = bool>) -> Word {
    of.enumerate().filter(|(_, b)| *b).fold(0, |w, (lane, _)| w | 1 << lane)
}

fn compare(op: Compare, a: &Value, b: &Value) -> Result<bool, ProofError> {
    let longs = || match (a, b) {
        (Value::Long(a), Value::Long(b)) => Ok((*a, *b)),
        _ => Err(wrong("numbers were expected")),
    };
    let set =
        |v: &Value| if let Value::Set(s) = v { Ok(s.clone()) } else { Err(wrong("a set was expected")) };
    Ok(match op {
        Compare::Equal => a == b,
        Compare::Unequal => a != b,
        Compare::Less => longs().map(|(a, b)| a < b)?,
        Compare::LessOrEqual => longs().map(|(a, b)| a <= b)?,
        Compare::More => longs().map(|(a, b)| a > b)?,
        Compare::MoreOrEqual => longs().map(|(a, b)| a >= b)?,
        // No entity of ours has a parent.
        Compare::In => a == b || set(b).is_ok_and(|b| b.contains(a)),
        Compare::Contains => set(a)?.contains(b),
        Compare::ContainsAll => set(a)?.is_superset(&set(b)?),
        Compare::ContainsAny => !set(a)?.is_disjoint(&set(b)?),
    })
}

/// Rules, read for the model.
#[derive(Debug, Clone)]
pub(crate) struct Rules(Vec<(Effect, Expr)>);

impl Rules {
    pub fn read(set: &PolicySet) -> Result<Self, ProofError> {
        let mut out = Vec::new();
        for policy in set.policies() {
            let json = policy.to_json().map_err(|e| ProofError::Internal(e.to_string()))?;
            for scope in ["principal", "action", "resource"] {
                if json.get(scope).and_then(|s| s.get("op")).and_then(Json::as_str) != Some("All") {
                    return Err(wrong("a rule with a scope"));
                }
            }
            let mut all = Expr::Bits(Word::MAX);
            for condition in json.get("conditions").and_then(Json::as_array).into_iter().flatten() {
                let body = read(condition.get("body").ok_or_else(|| wrong("no body"))?)?;
                let body = match condition.get("kind").and_then(Json::as_str) {
                    Some("when") => body,
                    Some("unless") => Expr::Not(Box::new(body)),
                    _ => return Err(wrong("a condition of another kind")),
                };
                all = Expr::And(Box::new(all), Box::new(body));
            }
            out.push((policy.effect(), all));
        }
        Ok(Self(out))
    }

    /// The rules that are left when so much is known.
    pub fn given<'k>(&self, known: &dyn Fn(&str) -> Option<Known<'k>>) -> Result<Self, ProofError> {
        let folded = self.0.iter().map(|(effect, e)| Ok((*effect, e.fold(known)?)));
        let kept: Result<Vec<_>, ProofError> = folded.collect();
        Ok(Self(kept?.into_iter().filter(|(_, e)| !matches!(e, Expr::Bits(0))).collect()))
    }

    /// In which situations the rules let the request pass, when everything is known.
    pub fn allowed<'k>(&self, known: &dyn Fn(&str) -> Option<Known<'k>>) -> Result<Word, ProofError> {
        let any = |of: Effect| -> Result<Word, ProofError> {
            let mut any = 0;
            for (_, e) in self.0.iter().filter(|(effect, _)| *effect == of) {
                let Expr::Bits(word) = e.fold(known)? else { return Err(wrong("something is not known")) };
                any |= word;
            }
            Ok(any)
        };
        // Most requests are refused because nothing permits them.
        let permitted = any(Effect::Permit)?;
        if permitted == 0 {
            return Ok(0);
        }
        Ok(permitted & !any(Effect::Forbid)?)
    }
}

/// Situations: for each attribute that varies within a word, its value in each.
pub(crate) type Situations = BTreeMap<String, Vec<Value>>;

/// How the two parties of a model are meant by both texts of a comparison.
pub(crate) fn parties(a: &Agreement) -> Vec<String> {
    spec::parties(a).map(|p| p.id.value.to_string()).collect()
}
