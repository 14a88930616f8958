//! The checker: recomputes everything a plan claims from the situation alone.
//!
//! It shares no code with the planner: it knows the situation's and the plan's types and nothing else, and decides
//! law, survival, recovery and the floor again in its own words. Where both agree, two readings agree.

use crate::{Action, Basis, Plan, Situation, Target};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use terms::Digest;

mod law;
mod numbers;
mod stands;

/// What the checker recomputed and found equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Bots that survive.
    pub surviving: u64,
    /// Bots that the operator can win back.
    pub recovery: u64,
    /// Cents.
    pub cost_cents: u64,
    /// Innocent tenants.
    pub collateral: u64,
    /// Actions found lawful.
    pub actions: usize,
}

/// One thing in a plan that the situation does not bear out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, miette::Diagnostic)]
#[error("{about}: {sentence}")]
#[diagnostic(
    code("CMT-0840"),
    help("`comity plan` makes a new plan from the present situation; do not act on this one")
)]
pub struct Violation {
    /// The action, target, group or number that it is about.
    pub about: String,
    /// What is wrong.
    pub sentence: String,
}

/// What the parts of the checker share: targets by key, and the violations found.
struct Desk<'a> {
    situation: &'a Situation,
    plan: &'a Plan,
    targets: BTreeMap<String, &'a Target>,
    acted: BTreeMap<&'a str, &'a Action>,
    found: Vec<Violation>,
}

impl Desk<'_> {
    fn object(&mut self, about: &str, sentence: impl Into<String>) {
        self.found.push(Violation { about: about.to_owned(), sentence: sentence.into() });
    }
    fn same<T: PartialEq + std::fmt::Display>(&mut self, about: &str, claimed: T, found: T) {
        if claimed != found {
            self.object(about, format!("the plan says {claimed}, the situation gives {found}"));
        }
    }
}

/// Recomputes a plan from the situation.
///
/// # Errors
/// Every violation found: an unlawful action, a number that differs, a group missing from the floor, a target without
/// a reason, an action without effect, a group that could lawfully be silenced within the cap and is not.
pub fn check(situation: &Situation, plan: &Plan) -> Result<Verdict, Vec<Violation>> {
    let mut desk = Desk {
        situation,
        plan,
        targets: situation.targets.iter().map(|t| (t.asset.key(), t)).collect(),
        acted: BTreeMap::new(),
        found: Vec::new(),
    };
    if let Err(refused) = situation.check_bounds() {
        desk.object("situation", refused.to_string());
        return Err(desk.found);
    }
    let digest = Digest::of(serde_json::to_string(situation).unwrap_or_default().as_bytes());
    desk.same("situation", plan.situation, digest);
    desk.same("hour", plan.hour, situation.hour);
    let mut ids = BTreeSet::new();
    for action in &plan.actions {
        if !ids.insert(&action.id) || desk.acted.insert(&action.target, action).is_some() {
            desk.object(action.id.as_str(), format!("it, or its target {}, is listed twice", action.target));
        }
    }
    for action in &plan.actions {
        lawful(&mut desk, action);
    }
    let numbers = numbers::recompute(&mut desk);
    stands::recompute(&mut desk, &numbers);
    let verdict = Verdict {
        surviving: numbers.surviving,
        recovery: numbers.recovery,
        cost_cents: numbers.cost_cents,
        collateral: numbers.collateral,
        actions: plan.actions.len(),
    };
    if desk.found.is_empty() { Ok(verdict) } else { Err(desk.found) }
}

/// Objects to whatever in one action the situation does not allow.
fn lawful(desk: &mut Desk<'_>, action: &Action) {
    let id = action.id.as_str();
    let Some(target) = desk.targets.get(&action.target).copied() else {
        desk.object(id, format!("{} is no target of the situation", action.target));
        return;
    };
    if target.asset != action.asset {
        desk.object(id, "its asset is not the target's");
    }
    if target.place != action.place {
        desk.object(id, format!("its place is {}, the target stands in {}", action.place, target.place));
    }
    if target.evidence != action.evidence {
        desk.object(id, "its evidence is not the target's");
    }
    desk.same(id, action.collateral, u64::from(target.tenants));
    if let Some(no) = law::untouchable(desk.situation, target) {
        desk.object(id, no);
        return;
    }
    let bases: Vec<law::Allowed> = law::allowed(desk.situation, target);
    let mine: Vec<&law::Allowed> = bases
        .iter()
        .filter(|a| {
            a.clause == action.clause
                && a.partner == action.partner
                && a.member == action.member
                && a.instrument == action.instrument
        })
        .collect();
    if mine.is_empty() {
        desk.object(id, "no power of this partner, with an authority or the time to obtain one, allows it");
        return;
    }
    let by_basis: Vec<&&law::Allowed> = mine.iter().filter(|a| a.basis == action.authority).collect();
    if by_basis.is_empty() {
        let what = match &action.authority {
            Basis::InForce { authority } => format!("authority {authority} does not allow it at the hour"),
            Basis::ToServe { authority, .. } => format!("authority {authority} cannot be served as it says"),
            Basis::ToObtain { .. } => "an authority cannot be obtained as it says".to_owned(),
        };
        desk.object(id, what);
        return;
    }
    if !by_basis.iter().any(|a| a.cost == action.cost_cents) {
        desk.object(id, format!("no clause gives it at {} cents", action.cost_cents));
    }
    if !by_basis.iter().any(|a| a.firm == action.firm) {
        desk.object(id, "whether the operator can bring it back is said wrongly");
    }
}
