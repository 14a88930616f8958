//! The model gone through from end to end.

use super::{
    Guarantee, ProofError,
    model::{Known, LANES, Rules, Situations, Value, Word, parties},
    query::{self, Rules as Which},
    situations::situations,
    witness::Case,
};
use crate::{Act, Agreement, Policy};
use cedar_policy::PolicySet;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use terms::{Category, Purpose};

/// What the model says of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enumeration {
    /// Requests evaluated.
    pub requests: u64,
    /// The guarantees that some request of the model breaks, or that the clauses by themselves leave open.
    pub fallen: BTreeSet<Guarantee>,
}

/// Goes through every request of the model and says which guarantees fall: an answer to set beside a proof's.
///
/// # Errors
/// CMT-0242 when a rule is of a kind that the model's evaluator does not know.
pub fn enumerate(
    agreement: &Agreement,
    policy: &Policy,
    guarantees: &[Guarantee],
) -> Result<Enumeration, ProofError> {
    let mut questions = Vec::new();
    for which in Which::ALL {
        let rules = Rules::read(&query::rules(policy, *which)?)?;
        let mut bad = Vec::new();
        for g in guarantees {
            if let Some(set) = query::bad(agreement, *g, *which, "true")? {
                bad.push((*g, Rules::read(&set)?));
            }
        }
        questions.push((rules, bad));
    }
    let mut out = Enumeration { requests: 0, fallen: BTreeSet::new() };
    let mut here = Vec::new();
    each_request(agreement, &mut |point, new| {
        out.requests += LANES as u64;
        let known = |path: &str| point.known(path);
        if new {
            here.clear();
            for (rules, bad) in &questions {
                let bad: Result<Vec<_>, ProofError> =
                    bad.iter().map(|(g, b)| Ok((*g, point.scene(b)?))).collect();
                here.push((point.scene(rules)?, bad?));
            }
        }
        for (rules, bad) in &here {
            let allowed = rules.allowed(&known)?;
            for (guarantee, bad) in bad {
                if allowed != 0 && !out.fallen.contains(guarantee) && allowed & bad.allowed(&known)? != 0 {
                    out.fallen.insert(*guarantee);
                }
            }
        }
        Ok(())
    })?;
    Ok(out)
}

/// The requests that `first` lets pass and `second` does not, one for each act, way, purpose and categories.
pub(crate) fn difference(
    agreement: &Agreement,
    first: &PolicySet,
    second: &PolicySet,
) -> Result<(Vec<Case>, u64), ProofError> {
    let (first, second) = (Rules::read(first)?, Rules::read(second)?);
    let mut found: Vec<Case> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut requests = 0;
    let mut here = (first.clone(), second.clone());
    each_request(agreement, &mut |point, new| {
        requests += LANES as u64;
        let known = |path: &str| point.known(path);
        if new {
            here = (point.scene(&first)?, point.scene(&second)?);
        }
        let only: Word = here.0.allowed(&known)? & !here.1.allowed(&known)?;
        let class = (point.act, point.from.to_owned(), point.purpose.to_owned(), point.categories.clone());
        if only != 0 && seen.insert(class) {
            let lane = usize::try_from(only.trailing_zeros()).unwrap_or(0);
            found.extend(point.case(lane));
        }
        Ok(())
    })?;
    Ok((found, requests))
}

/// One act, way, purpose, categories and forms, in every situation.
pub(crate) struct Point<'a> {
    pub act: Act,
    pub from: &'a str,
    pub to: &'a str,
    pub purpose: &'a str,
    pub categories: BTreeSet<Category>,
    forms: BTreeMap<Category, i64>,
    situations: &'a Situations,
}

impl Point<'_> {
    pub fn known(&self, path: &str) -> Option<Known<'_>> {
        let text = |s: &str| Known::Same(Value::Text(s.to_owned()));
        Some(match path {
            "principal" => Known::Same(Value::Entity(self.to.to_owned())),
            "action" => Known::Same(Value::Entity(self.act.word().to_owned())),
            "context.from" => text(self.from),
            "context.purpose" => text(self.purpose),
            "context.categories" => {
                let all = self.categories.iter().map(|c| Value::Text(c.word().to_owned()));
                Known::Same(Value::Set(all.collect()))
            }
            other => match other.strip_prefix("context.forms.") {
                Some(category) => {
                    let form = self.forms.iter().find(|(c, _)| c.word() == category).map(|(_, f)| *f);
                    Known::Same(Value::Long(form.unwrap_or(0)))
                }
                None => Known::Each(self.situations.get(other)?),
            },
        })
    }

    /// The rules that are left for this act, way and purpose.
    pub fn scene(&self, rules: &Rules) -> Result<Rules, ProofError> {
        rules.given(&|path: &str| {
            let later = path == "context.categories" || path.starts_with("context.forms.");
            if later { None } else { self.known(path) }
        })
    }

    /// The request of one situation in the words of the schema.
    pub fn case(&self, lane: usize) -> Option<Case> {
        let mut context = Map::new();
        for (name, values) in self.situations {
            context.insert(name.strip_prefix("context.")?.to_owned(), plain(values.get(lane)?));
        }
        let forms: Map<String, Json> = (Category::ALL.iter())
            .map(|c| (c.word().to_owned(), json!(self.forms.get(c).copied().unwrap_or(0))))
            .collect();
        let categories: Vec<&str> = self.categories.iter().map(|c| c.word()).collect();
        context.insert("from".into(), json!(self.from));
        context.insert("purpose".into(), json!(self.purpose));
        context.insert("categories".into(), json!(categories));
        context.insert("forms".into(), Json::Object(forms));
        Some(Case { act: self.act, to: self.to.to_owned(), context })
    }
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Truth(b) => json!(b),
        Value::Long(n) => json!(n),
        Value::Text(s) | Value::Entity(s) => json!(s),
        Value::Set(all) => Json::Array(all.iter().map(plain).collect()),
    }
}

/// The forms of one or two categories: alike, and the one protected beside the other in the clear.
const FORMS: &[(i64, i64)] = &[(0, 0), (1, 1), (2, 2), (1_010, 1_010), (0, 1_010), (1_010, 0)];

/// Goes through the model; `look` hears with each point whether act, way or purpose are new.
pub(crate) fn each_request(
    agreement: &Agreement,
    look: &mut dyn FnMut(&Point<'_>, bool) -> Result<(), ProofError>,
) -> Result<(), ProofError> {
    let ids = parties(agreement);
    let stranger = "a-stranger".to_owned();
    let mut ways: Vec<(&str, &str)> = Vec::new();
    for from in ids.iter().chain([&stranger]) {
        ways.extend(ids.iter().filter(|to| *to != from).map(|to| (from.as_str(), to.as_str())));
    }
    let purposes: Vec<&str> = Purpose::ALL.iter().map(|p| p.word()).chain(["another"]).collect();
    for (from, to) in ways {
        let situations = situations(agreement, to);
        for act in Act::ALL {
            for purpose in &purposes {
                let mut new = true;
                for (n, first) in Category::ALL.iter().enumerate() {
                    for second in Category::ALL.iter().skip(n) {
                        for (x, y) in FORMS {
                            let forms = BTreeMap::from([(*first, *x), (*second, *y)]);
                            let categories = BTreeSet::from([*first, *second]);
                            let (act, situations) = (*act, &situations);
                            look(&Point { act, from, to, purpose, categories, forms, situations }, new)?;
                            new = false;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}
