//! What a text lets pass that another does not.
//!
//! Both ways it is asked whether some request that this program can make is let pass by the one and refused by the
//! other. Each request found is told, and all that is like it (same act, way and purpose, those categories, and what
//! else it needed) is taken out of the question, until the solver says that nothing is left: so the list is complete.

use super::{
    ProofError, enumerate,
    query::{self, Asker, Found},
    run, spec, tell,
    witness::{Case, Replay, needed},
};
use crate::{Act, Agreement, Policy};
use cedar_policy::{PolicyId, PolicySet};
use cedar_policy_symcc::{
    implies_asserts,
    solver::{Solver, SolverError},
};
use serde::Serialize;
use serde_json::{Value, json};

/// Most changes that are told in one direction; where there are more, the result says so.
pub const MOST_CHANGES: usize = 400;

/// One kind of request that only one of two texts lets pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// In one sentence.
    pub sentence: String,
    /// What is done.
    pub act: Act,
    /// Who gives.
    pub from: String,
    /// Who gets.
    pub to: String,
    /// What for.
    pub purpose: String,
    /// Which records.
    pub categories: Vec<String>,
    /// The clauses of the text that lets it pass.
    pub clauses: Vec<String>,
    /// The clauses and standing prohibitions of the other that forbid it; empty where none lets it pass.
    pub forbidden_by: Vec<String>,
    /// A request of the kind, replayed in the evaluator, in the words of the schema.
    pub request: Value,
}

/// What an amendment changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Changes {
    /// What only the new text lets pass.
    pub widens: Vec<Change>,
    /// What only the old text lets pass.
    pub narrows: Vec<Change>,
    /// Members named, no longer named, or with other dates, each as a sentence: rules speak of members by what is known
    /// of them, so that a name alone changes no rule.
    pub members: Vec<String>,
    /// Whether the lists are complete: proved by a solver, or only gone through in the model.
    pub proved: bool,
    /// Whether a list was cut short.
    pub more: bool,
}

impl Changes {
    /// Whether both texts let the same pass, to the same members.
    pub fn none(&self) -> bool {
        self.widens.is_empty() && self.narrows.is_empty() && self.members.is_empty()
    }
}

/// One of the two texts, with what it compiles to.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The text.
    pub agreement: &'a Agreement,
    /// Its policy.
    pub policy: &'a Policy,
}

/// Which way a comparison goes: what the text that lets pass is called, and the other.
const WIDENS: [&str; 2] = ["new", "old"];
const NARROWS: [&str; 2] = ["old", "new"];

/// Proves what the new text widens and narrows.
///
/// # Errors
/// CMT-0240 the solver could not tell, CMT-0241 it failed, CMT-0242 a witness that does not replay.
pub fn diff<S, F>(old: Side<'_>, new: Side<'_>, solver: F) -> Result<Changes, ProofError>
where
    S: Solver + Unpin + Send,
    F: Fn() -> Result<S, SolverError> + Sync,
{
    let solver = &solver;
    let one = |first: Side<'_>, second: Side<'_>, names| {
        run::block_on(async {
            let mut asker = Asker::new(solver()?)?;
            only(&mut asker, first, second, names).await
        })
    };
    let (widens, narrows) = std::thread::scope(|scope| {
        let narrows = run::spawn(scope, || one(old, new, NARROWS))?;
        let widens = run::spawn(scope, || one(new, old, WIDENS))?;
        Ok::<_, ProofError>((run::join(widens)?, run::join(narrows)?))
    })?;
    Ok(Changes {
        more: widens.1 || narrows.1,
        widens: widens.0,
        narrows: narrows.0,
        members: members(old.agreement, new.agreement),
        proved: true,
    })
}

/// The same without a solver: what the requests of the small model show. It proves nothing.
///
/// # Errors
/// CMT-0242 when a rule is of a kind that the model's evaluator does not know.
pub fn diff_by_model(old: Side<'_>, new: Side<'_>) -> Result<Changes, ProofError> {
    let one = |first: Side<'_>, second: Side<'_>, names: [&str; 2]| {
        let (rules, refusing) = (&first.policy.rules, &second.policy.rules);
        let cases = enumerate::difference(first.agreement, rules, refusing)?.0;
        let more = cases.len() > MOST_CHANGES;
        let told: Result<Vec<Change>, ProofError> =
            (cases.into_iter().take(MOST_CHANGES)).map(|case| change(first, second, names, &case)).collect();
        Ok::<_, ProofError>((told?, more))
    };
    let (widens, narrows) = (one(new, old, WIDENS)?, one(old, new, NARROWS)?);
    Ok(Changes {
        more: widens.1 || narrows.1,
        widens: widens.0,
        narrows: narrows.0,
        members: members(old.agreement, new.agreement),
        proved: false,
    })
}

/// Every kind of request that `first` lets pass and `second` does not; and whether there are more than are told.
async fn only<S: Solver + Unpin + Send>(
    asker: &mut Asker<S>,
    first: Side<'_>,
    second: Side<'_>,
    names: [&str; 2],
) -> Result<(Vec<Change>, bool), ProofError> {
    let mut out = Vec::new();
    for act in Act::ALL {
        let refusing = query::compile(second.policy, *act, &second.policy.rules)?;
        let mut told: Vec<String> = Vec::new();
        loop {
            let left = spec::both(&[spec::askable(first.agreement), spec::negated(&spec::either(&told))]);
            let rules = narrowed(first.policy, &left)?;
            let passing = query::compile(first.policy, *act, &rules)?;
            let env = match asker.ask(&implies_asserts(&passing, &refusing)).await?.found {
                Found::Nothing => break,
                Found::Unknown => {
                    return Err(ProofError::Unknown { about: format!("anything else changes for `{act}`") });
                }
                Found::Request(env) => env,
            };
            if out.len() >= MOST_CHANGES {
                return Ok((out, true));
            }
            let case = Case::read(first.policy, *act, &env.request)?;
            let replay = Replay::new(first.policy, &rules, Vec::new()).refused_by(&second.policy.rules);
            let case = replay.plain(first.agreement, case)?;
            told.push(alike(first.agreement, second.agreement, &case));
            out.push(change(first, second, names, &case)?);
        }
    }
    Ok((out, false))
}

/// The rules of a policy for the requests of a condition only.
fn narrowed(policy: &Policy, condition: &str) -> Result<PolicySet, ProofError> {
    let text = format!("forbid(principal, action, resource) unless {{ {condition} }};");
    let rule = cedar_policy::Policy::parse(Some(PolicyId::new("only")), text)
        .map_err(|e| ProofError::Internal(format!("{e:?}")))?;
    let mut rules = policy.rules.clone();
    rules.add(rule).map_err(|e| ProofError::Internal(e.to_string()))?;
    Ok(rules)
}

/// The requests of one kind with this one.
fn alike(a: &Agreement, other: &Agreement, case: &Case) -> String {
    let (from, end) = other.term();
    let now = case.long("now");
    if now < from.0 || now >= end.0 {
        // A longer term lets everything pass longer: told once.
        return format!("!({} <= context.now && context.now < {})", from.0, end.0);
    }
    let categories: Vec<String> = case.texts("categories").iter().map(|c| format!("\"{c}\"")).collect();
    let mut all = vec![
        format!("context.from == \"{}\"", case.text("from")),
        format!("principal == Comity::Partner::\"{}\"", case.to),
        format!("context.purpose == \"{}\"", case.text("purpose")),
        format!("context.categories.containsAll([{}])", categories.join(", ")),
    ];
    all.extend(needed(a, case));
    spec::both(&all)
}

fn change(first: Side<'_>, second: Side<'_>, names: [&str; 2], case: &Case) -> Result<Change, ProofError> {
    let clauses = Replay::reasons(first.policy, &first.policy.rules, case, "clause")?;
    let mut forbidden_by = Replay::reasons(second.policy, &second.policy.rules, case, "clause")?;
    let standing = Replay::reasons(second.policy, &second.policy.rules, case, "standing")?;
    let [lets, not] = names;
    let refuses = match (forbidden_by.as_slice(), standing.as_slice()) {
        ([], []) => format!("the {not} text lets nothing of the kind pass"),
        ([], standing) => {
            format!("in the {not} text the standing prohibition {} refuses it", tell::join(standing, "and"))
        }
        (clauses, _) => {
            let word = if clauses.len() == 1 { "clause" } else { "clauses" };
            format!("the {not} text refuses it by {word} {}", tell::join(clauses, "and"))
        }
    };
    let word = if clauses.len() == 1 { "clause" } else { "clauses" };
    let sentence = format!(
        "{}: the {lets} text lets it pass by {word} {}, {refuses}.",
        tell::plain_deed(case),
        tell::join(&clauses, "and")
    );
    forbidden_by.extend(standing);
    Ok(Change {
        sentence,
        act: case.act,
        from: case.text("from").to_owned(),
        to: case.to.clone(),
        purpose: case.text("purpose").to_owned(),
        categories: case.texts("categories").into_iter().map(str::to_owned).collect(),
        clauses,
        forbidden_by,
        request: json!({ "act": case.act, "to": case.to, "context": case.context }),
    })
}

fn members(old: &Agreement, new: &Agreement) -> Vec<String> {
    let mut out = Vec::new();
    for party in spec::parties(new) {
        let id = &party.id.value;
        let before =
            spec::parties(old).find(|p| p.id.value == *id).map(|p| p.members.as_slice()).unwrap_or_default();
        for m in &party.members {
            let now = (m.since.value, m.opted_out.as_ref().map(|d| d.value));
            match before.iter().find(|b| b.id.value == m.id.value) {
                None => out.push(format!(
                    "The new text names the member `{}` of the {id}, from {} on.",
                    m.id.value, now.0
                )),
                Some(b) if (b.since.value, b.opted_out.as_ref().map(|d| d.value)) != now => {
                    out.push(format!(
                        "The new text gives the member `{}` of the {id} other dates.",
                        m.id.value
                    ));
                }
                Some(_) => {}
            }
        }
        for b in before.iter().filter(|b| party.members.iter().all(|m| m.id.value != b.id.value)) {
            out.push(format!("The new text no longer names the member `{}` of the {id}.", b.id.value));
        }
    }
    out
}
