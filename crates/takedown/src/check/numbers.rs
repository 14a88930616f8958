//! The checker's own counting: who survives, what can be won back, what it costs.

use super::Desk;
use crate::{Asset, BotGroup};
use std::collections::{BTreeMap, BTreeSet};
use terms::Standing;

/// Subsets compared one by one before a bound stands for the recovery (the plan's own definition).
const SUBSETS: u128 = 2_000;

/// What was counted.
pub(super) struct Numbers {
    pub surviving: u64,
    pub recovery: u64,
    pub cost_cents: u64,
    pub collateral: u64,
    /// Keys of the channels that are closed.
    pub closed: BTreeSet<String>,
    /// Targets by the channel they are part of.
    pub parts: BTreeMap<String, Vec<String>>,
}

pub(super) fn silent(group: &BotGroup, closed: &BTreeSet<String>) -> bool {
    !group.signature.is_empty() && group.signature.iter().all(|k| closed.contains(k))
}

/// Whether a target needs no act: another researcher's sinkhole, that nobody claims as a case.
pub(super) fn held(desk: &Desk<'_>, key: &str) -> bool {
    let Some(target) = desk.targets.get(key) else { return false };
    target.standing == Some(Standing::Sinkhole) && super::law::asked_for(desk.situation, target).is_none()
}

/// Whether the targets of a channel make up the whole of it.
pub(super) fn whole(desk: &Desk<'_>, key: &str, parts: &[String]) -> bool {
    if !key.starts_with("dga:") {
        return !parts.is_empty();
    }
    let Some(algorithm) = desk.situation.algorithms.iter().find(|a| a.key == key) else { return false };
    let mut named: BTreeSet<(i32, &str)> = BTreeSet::new();
    for part in parts {
        if let Some(Asset::Generated { day, names, .. }) = desk.targets.get(part).map(|t| &t.asset) {
            named.extend(names.iter().map(|n| (day.0, n.as_str())));
        }
    }
    let first = desk.situation.hour.day().0;
    (first..first + i32::from(desk.situation.horizon_days)).all(|day| {
        let names = algorithm.spec.names(terms::Day(day));
        !names.is_empty() && names.iter().all(|n| named.contains(&(day, n.as_str())))
    })
}

pub(super) fn recompute(desk: &mut Desk<'_>) -> Numbers {
    let mut parts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for target in &desk.situation.targets {
        if let Some(channel) = target.asset.channel_key() {
            parts.entry(channel).or_default().push(target.asset.key());
        }
    }
    for key in desk.situation.groups.iter().flat_map(|g| &g.signature) {
        parts.entry(key.clone()).or_default();
    }
    let done = |key: &String| desk.acted.contains_key(key.as_str()) || held(desk, key);
    let closed: BTreeSet<String> = parts
        .iter()
        .filter(|(key, of)| of.iter().all(done) && whole(desk, key, of))
        .map(|(key, _)| key.clone())
        .collect();
    let groups = &desk.situation.groups;
    let surviving = groups.iter().filter(|g| !silent(g, &closed)).map(|g| g.bots).sum();
    let cost_cents = desk.plan.actions.iter().fold(0u64, |s, a| s.saturating_add(a.cost_cents));
    let collateral = desk.plan.actions.iter().fold(0u64, |s, a| s.saturating_add(a.collateral));
    let recovery = recovery(desk, &closed, &parts);
    let plan = desk.plan;
    desk.same("population", plan.population, groups.iter().map(|g| g.bots).sum());
    desk.same("surviving bots", plan.expected_surviving, surviving);
    desk.same("recovery", plan.expected_recovery, recovery);
    desk.same("cost", plan.cost_cents, cost_cents);
    desk.same("innocent tenants", plan.collateral, collateral);
    if collateral > desk.situation.collateral_cap {
        desk.object("innocent tenants", format!("{collateral} are more than the cap"));
    }
    if plan.gap.bound > surviving {
        desk.object("gap", "its bound is above what the plan itself reaches");
    }
    let expected = (surviving.saturating_sub(plan.gap.bound)) as f64 / surviving.max(1) as f64;
    if (plan.gap.surviving - expected).abs() > 1e-9 {
        desk.object("gap", "it does not follow from its bound");
    }
    Numbers { surviving, recovery, cost_cents, collateral, closed, parts }
}

/// The most bots that rebuilding as many loosely taken channels as the budget allows brings back.
fn recovery(desk: &Desk<'_>, closed: &BTreeSet<String>, parts: &BTreeMap<String, Vec<String>>) -> u64 {
    let silenced: Vec<&BotGroup> = desk.situation.groups.iter().filter(|g| silent(g, closed)).collect();
    let loose = |key: &str| {
        let of = parts.get(key).map(Vec::as_slice).unwrap_or_default();
        of.iter().any(|t| desk.acted.get(t.as_str()).is_some_and(|a| !a.firm))
    };
    let names: BTreeSet<&str> =
        silenced.iter().flat_map(|g| g.signature.iter().map(String::as_str)).filter(|k| loose(k)).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let budget = usize::try_from(desk.situation.rebuild_budget).unwrap_or(usize::MAX).min(names.len());
    let brings = |set: &BTreeSet<&str>| -> u64 {
        silenced.iter().filter(|g| g.signature.iter().any(|k| set.contains(k.as_str()))).map(|g| g.bots).sum()
    };
    if budget == names.len() {
        return brings(&names.into_iter().collect());
    }
    if choose(names.len() as u128, budget as u128) > SUBSETS {
        let mut single: Vec<u64> = names.iter().map(|n| brings(&BTreeSet::from([*n]))).collect();
        single.sort_unstable();
        let most: u64 = single.iter().rev().take(budget).sum();
        return most.min(silenced.iter().map(|g| g.bots).sum());
    }
    pick(&names, budget, &mut BTreeSet::new(), &brings)
}

fn choose(n: u128, k: u128) -> u128 {
    let mut out = 1u128;
    for i in 1..=k.min(n - k) {
        out = out.saturating_mul(n + 1 - i) / i;
        if out > SUBSETS {
            break;
        }
    }
    out
}

/// Depth is at most the budget, and the number of sets was bounded before.
fn pick<'a>(
    rest: &[&'a str],
    left: usize,
    set: &mut BTreeSet<&'a str>,
    brings: &impl Fn(&BTreeSet<&'a str>) -> u64,
) -> u64 {
    if left == 0 {
        return brings(set);
    }
    let mut best = 0;
    for (n, name) in rest.iter().enumerate().take(rest.len().saturating_sub(left - 1)) {
        set.insert(name);
        best = best.max(pick(rest.get(n + 1..).unwrap_or_default(), left - 1, set, brings));
        set.remove(name);
    }
    best
}
