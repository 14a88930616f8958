//! A request found by the solver, made plain and replayed.
//!
//! The solver's own words are random where nothing depends on them. Each is set to what a partner would ask, and kept
//! so only if the evaluator still says that the request passes and is bad. So what is told has always been replayed.

use super::{ProofError, query, spec};
use crate::{Act, Agreement, Policy};
use cedar_policy::{Authorizer, Context, Decision, Entities, EvalResult, PolicySet, Request as CedarRequest};
use serde_json::{Map, Value, json};
use terms::{Category, HandlingCode, MICROS_PER_DAY, Tlp};

/// One request in the words of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub act: Act,
    /// The principal: who gets the records, or holds them and hands them on.
    pub to: String,
    pub context: Map<String, Value>,
}

impl Case {
    /// The request that a solver found, with every attribute of the schema.
    pub fn read(policy: &Policy, act: Act, request: &CedarRequest) -> Result<Self, ProofError> {
        let lost = || ProofError::Internal("the solver's request cannot be read".to_owned());
        let to = request.principal().ok_or_else(lost)?.id().unescaped().to_owned();
        let context = request.context().ok_or_else(lost)?;
        let context = (query::attributes(policy, act)?.iter())
            .map(|name| Some((name.clone(), json_of(&context.get(name)?)?)))
            .collect::<Option<Map<_, _>>>()
            .ok_or_else(lost)?;
        Ok(Self { act, to, context })
    }

    /// As it is told.
    pub fn json(&self) -> Value {
        json!({ "act": self.act, "to": self.to, "context": self.context })
    }
    pub fn text(&self, name: &str) -> &str {
        self.context.get(name).and_then(Value::as_str).unwrap_or_default()
    }
    pub fn long(&self, name: &str) -> i64 {
        self.context.get(name).and_then(Value::as_i64).unwrap_or_default()
    }
    pub fn truth(&self, name: &str) -> bool {
        self.context.get(name).and_then(Value::as_bool).unwrap_or_default()
    }
    pub fn texts(&self, name: &str) -> Vec<&str> {
        let list = self.context.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }
    /// The number of the form in which a category is sent.
    pub fn form(&self, category: &str) -> i64 {
        self.context.get("forms").and_then(|f| f.get(category)).and_then(Value::as_i64).unwrap_or_default()
    }

    pub fn cedar(&self, policy: &Policy) -> Result<CedarRequest, ProofError> {
        let wrong = |e: String| ProofError::Internal(e);
        let action = query::uid("Action", self.act.word())?;
        let context = Value::Object(self.context.clone());
        let context = Context::from_json_value(context, Some((&policy.schema, &action)))
            .map_err(|e| wrong(e.to_string()))?;
        let (to, release) = (query::uid("Partner", &self.to)?, query::uid("Release", "asked")?);
        CedarRequest::new(to, action, release, context, Some(&policy.schema))
            .map_err(|e| wrong(e.to_string()))
    }
}

fn json_of(value: &EvalResult) -> Option<Value> {
    Some(match value {
        EvalResult::Bool(b) => json!(b),
        EvalResult::Long(n) => json!(n),
        EvalResult::String(s) => json!(s),
        EvalResult::Set(s) => Value::Array(s.iter().map(json_of).collect::<Option<_>>()?),
        EvalResult::Record(r) => {
            Value::Object(r.iter().map(|(k, v)| Some((k.clone(), json_of(v)?))).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// The evaluator: whether a request is let pass by some rules and meant by others.
pub(crate) struct Replay<'a> {
    policy: &'a Policy,
    rules: &'a PolicySet,
    /// What makes it a witness: each of the sets permits it.
    meant: Vec<&'a PolicySet>,
    /// Rules that must refuse it.
    refusing: Option<&'a PolicySet>,
}

impl<'a> Replay<'a> {
    pub fn new(policy: &'a Policy, rules: &'a PolicySet, meant: Vec<&'a PolicySet>) -> Self {
        Self { policy, rules, meant, refusing: None }
    }
    pub fn refused_by(self, rules: &'a PolicySet) -> Self {
        Self { refusing: Some(rules), ..self }
    }

    pub fn holds(&self, case: &Case) -> Result<bool, ProofError> {
        let request = case.cedar(self.policy)?;
        let allows = |set: &PolicySet| {
            Authorizer::new().is_authorized(&request, set, &Entities::empty()).decision() == Decision::Allow
        };
        Ok(allows(self.rules)
            && self.meant.iter().all(|m| allows(m))
            && self.refusing.is_none_or(|r| !allows(r)))
    }

    /// Notes of the rules that decide about a request.
    pub fn reasons(
        policy: &Policy,
        rules: &PolicySet,
        case: &Case,
        note: &str,
    ) -> Result<Vec<String>, ProofError> {
        let request = case.cedar(policy)?;
        let answer = Authorizer::new().is_authorized(&request, rules, &Entities::empty());
        let mut out: Vec<String> = (answer.diagnostics().reason())
            .filter_map(|id| rules.annotation(id, note).map(str::to_owned))
            .collect();
        out.sort_by_cached_key(|c| (crate::ask::clause_order(c), c.clone()));
        out.dedup();
        Ok(out)
    }

    /// The same witness in plain words.
    ///
    /// # Errors
    /// CMT-0244 when the evaluator does not agree with the solver.
    pub fn plain(&self, a: &Agreement, case: Case) -> Result<Case, ProofError> {
        if !self.holds(&case)? {
            return Err(not_reproduced("the solver found a request that is let pass", case));
        }
        let mut best = case;
        // Twice: what was needed at first may not be needed beside what is plain now.
        for _ in 0..2 {
            for name in ["categories", "forms"] {
                best = self.fewer(best, name)?;
            }
            for (name, plain) in plain_values(a, &best) {
                for value in plain {
                    let already = best.context.get(name) == Some(&value);
                    let mut tried = best.clone();
                    tried.context.insert(name.to_owned(), value);
                    if already || self.holds(&tried)? {
                        best = tried;
                        break;
                    }
                }
            }
        }
        best = self.least(best)?;
        // Whose records they are and where the member stands go together.
        if let Some(place) = own_place(a, &best) {
            let mut tried = best.clone();
            tried.context.insert("memberPlace".to_owned(), place.clone());
            tried.context.insert("concerns".to_owned(), json!([place]));
            if !best.texts("concerns").is_empty() && self.holds(&tried)? {
                best = tried;
            }
        }
        Ok(best)
    }

    /// The least number of each kind that still makes a witness: the edge of what is let pass.
    fn least(&self, mut best: Case) -> Result<Case, ProofError> {
        let categories = best.texts("categories").into_iter().map(|c| Some(c.to_owned()));
        let forms: Vec<Option<String>> = categories.collect();
        let numbers = ["records", "inCase", "inMonth", "inTotal", "set", "reveal", "epsilon"];
        let all = numbers.iter().map(|n| (*n, None)).chain(forms.into_iter().map(|c| ("forms", c)));
        for (name, category) in all {
            let number = |case: &Case| category.as_ref().map_or_else(|| case.long(name), |c| case.form(c));
            let (mut below, mut holds) = (0, number(&best));
            while holds - below > 1 {
                let middle = below + (holds - below) / 2;
                let mut tried = best.clone();
                match (&category, tried.context.get_mut("forms")) {
                    (Some(c), Some(Value::Object(forms))) => {
                        forms.insert(c.clone(), json!(middle));
                    }
                    _ => {
                        tried.context.insert(name.to_owned(), json!(middle));
                    }
                }
                if self.holds(&tried)? {
                    (best, holds) = (tried, middle);
                } else {
                    below = middle;
                }
            }
        }
        Ok(best)
    }

    /// Leaves out each category, and each protection of one, that is not needed.
    fn fewer(&self, mut best: Case, name: &str) -> Result<Case, ProofError> {
        for c in Category::ALL {
            let mut tried = best.clone();
            match tried.context.get_mut(name) {
                Some(Value::Array(list)) if list.len() > 1 => list.retain(|x| x.as_str() != Some(c.word())),
                Some(Value::Object(_)) => {
                    best = self.weaker(best, c.word())?;
                    continue;
                }
                _ => continue,
            }
            if tried != best && self.holds(&tried)? {
                best = tried;
            }
        }
        Ok(best)
    }

    /// The weakest form of a category that still makes a witness.
    fn weaker(&self, best: Case, category: &str) -> Result<Case, ProofError> {
        for form in [0, 1, 2, 12, 15, 20, 30, 60, 110] {
            let mut tried = best.clone();
            if let Some(Value::Object(forms)) = tried.context.get_mut("forms") {
                forms.insert(category.to_owned(), json!(form));
            }
            if form >= best.form(category) || self.holds(&tried)? {
                return Ok(if form >= best.form(category) { best } else { tried });
            }
        }
        Ok(best)
    }
}

/// Replays a request on which a rule was found to err: what the evaluator says of it.
///
/// # Errors
/// CMT-0244 when the evaluator evaluates the rule without an error.
pub(crate) fn error_of(
    policy: &Policy,
    rule: &cedar_policy::Policy,
    case: &Case,
) -> Result<String, ProofError> {
    let alone = PolicySet::from_policies([rule.clone()]).map_err(|e| ProofError::Internal(e.to_string()))?;
    let answer = Authorizer::new().is_authorized(&case.cedar(policy)?, &alone, &Entities::empty());
    let error = answer.diagnostics().errors().next().map(ToString::to_string);
    error.ok_or_else(|| {
        not_reproduced("the solver found a request on which a rule cannot be evaluated", case.clone())
    })
}

fn not_reproduced(what: &str, case: Case) -> ProofError {
    ProofError::NotReproduced { what: what.to_owned(), request: case.json().to_string() }
}

fn own_place(a: &Agreement, case: &Case) -> Option<Value> {
    let members = spec::parties(a).flat_map(|p| &p.members);
    members.into_iter().find(|m| m.id.value.as_str() == case.text("member")).map(|m| json!(m.place))
}

/// For each word of a request what a partner would ask, the plainest first.
fn plain_values(a: &Agreement, case: &Case) -> Vec<(&'static str, Vec<Value>)> {
    let (from, end) = a.term();
    let party = spec::parties(a).find(|p| p.id.value.as_str() == case.to);
    let member = party.and_then(|p| p.members.iter().find(|m| m.id.value.as_str() == case.text("member")));
    // Well inside the term, then around each of its dates.
    let mut days = vec![from.0 + (end.0 - from.0) / 3, end.0, from.0 - MICROS_PER_DAY];
    for m in spec::parties(a).flat_map(|p| &p.members) {
        days.extend(m.opted_out.as_ref().map(|d| d.value.start().0));
        days.push(m.since.value.start().0 - MICROS_PER_DAY);
    }
    let noon = MICROS_PER_DAY / 2;
    let days = days.into_iter().map(|t| json!(t - t.rem_euclid(MICROS_PER_DAY) + noon)).collect();
    let mut places: Vec<Value> = member.map(|m| json!(m.place)).into_iter().collect();
    places.extend(party.map(|p| json!(p.place)));
    let members = party.map(|p| p.members.iter().map(|m| json!(m.id.value)).collect::<Vec<_>>());
    let elsewhere = spec::parties(a).map(|p| json!(p.id.value)).find(|id| id.as_str() != Some(&case.to));
    let mut out = vec![
        ("consent", vec![json!(false)]),
        ("member", std::iter::once(json!("")).chain(members.unwrap_or_default()).collect()),
        ("onward", std::iter::once(json!("")).chain([json!("a-stranger")]).chain(elsewhere).collect()),
        ("code", HandlingCode::ALL.iter().map(|c| json!(c.word())).collect()),
        ("tlp", [2, 1, 3, 4].iter().filter(|n| **n < Tlp::ALL.len()).map(|n| json!(n)).collect()),
        ("concerns", vec![json!([])]),
        ("records", vec![json!(1)]),
        ("now", days),
        ("place", places.clone()),
        ("memberOf", vec![json!(""), json!(case.to)]),
        ("memberPlace", std::iter::once(json!("")).chain(places).collect()),
        ("memberSince", vec![json!(from.0), json!(i64::MAX)]),
        ("memberUntil", vec![json!(i64::MAX), json!(i64::MIN)]),
        ("case", vec![json!(true)]),
        ("reason", vec![json!(true)]),
        ("source", vec![json!(1)]),
        ("information", vec![json!(1)]),
    ];
    let records = case.long("records");
    out.extend(["inCase", "inMonth", "inTotal", "set"].map(|name| (name, vec![json!(records)])));
    out.extend([("reveal", vec![json!(0)]), ("epsilon", vec![json!(1)])]);
    out.extend([("unit", vec![json!("")]), ("period", vec![json!("")])]);
    out.extend(super::emergency::plain_values(a, case));
    out
}

/// What else a plain witness needs to be one, as conditions: every word that could not be made plain.
pub(crate) fn needed(a: &Agreement, case: &Case) -> Vec<String> {
    let mut out: Vec<String> = (case.texts("categories").into_iter())
        .filter(|c| case.form(c) > 0)
        .map(|c| format!("context.forms[\"{c}\"] >= {}", case.form(c)))
        .collect();
    for (name, plain) in plain_values(a, case) {
        // What is known of a member goes with the member.
        if ["now", "memberOf", "memberPlace", "memberSince", "memberUntil"].contains(&name) {
            continue;
        }
        match case.context.get(name) {
            value if value == plain.first() => {}
            Some(Value::String(s)) => out.push(format!("context.{name} == \"{s}\"")),
            Some(Value::Bool(b)) => out.push(format!("context.{name} == {b}")),
            Some(Value::Number(n)) if name == "tlp" => out.push(format!("context.tlp == {n}")),
            // Emergencies go by their clause.
            Some(Value::Number(_)) if name.starts_with("emergency") => {}
            Some(Value::Number(n)) => out.push(format!("context.{name} >= {n}")),
            Some(Value::Array(all)) if !all.is_empty() => out.push(format!("!context.{name}.isEmpty()")),
            _ => {}
        }
    }
    if case.long("records") > 1 {
        out.push(format!("context.records >= {}", case.long("records")));
    }
    out
}
