//! Finds the best choice: exactly where it decomposes or is small, else greedily with local search, and says which.
//!
//! The order of aims: surviving bots, what the operator can win back, stated worth left, cost, innocent tenants.
//! Only the cap on innocent tenants couples targets. Where it does not bind, every group that can be silenced is, and
//! only the choice between a cheap loose way and a dear firm one is left. Elsewhere: the integer model (`milp`).

use crate::{
    Objective, milp,
    problem::{Problem, Take},
};
use std::collections::BTreeSet;

/// Above this many ways, groups or products of both the integer model is not tried.
const EXACT_WAYS: usize = 1_200;
const EXACT_GROUPS: usize = 3_000;
/// Subsets of loosely taken channels that are compared one by one; above, an upper bound stands for the recovery.
const SUBSETS: usize = 2_000;

/// A choice for every part, and what is proven about it.
pub(crate) struct Solved {
    pub takes: Vec<Take>,
    pub proven: bool,
    /// No choice leaves fewer surviving bots.
    pub bound: u64,
    pub method: &'static str,
}

pub(crate) fn solve(problem: &Problem) -> Solved {
    let all: u64 = problem.parts.iter().map(|p| p.tenants).sum();
    let cheapest = vec![Take::By(0); problem.parts.len()];
    if all <= problem.cap {
        let firmest: Vec<Take> =
            problem.parts.iter().map(|p| Take::By(p.ways.len().saturating_sub(1))).collect();
        if recovery(problem, &cheapest) == recovery(problem, &firmest) {
            let method = "decomposed: the cap on innocent tenants does not bind";
            return Solved { takes: cheapest, proven: true, bound: problem.lost, method };
        }
    }
    let fallback = greedy(problem);
    let small = problem.parts.iter().map(|p| p.ways.len()).sum::<usize>() <= EXACT_WAYS
        && problem.groups.len() <= EXACT_GROUPS;
    if small && let Some(found) = milp::solve(problem) {
        let better = evaluate(problem, &found.takes) <= evaluate(problem, &fallback);
        let takes = if better { found.takes } else { fallback };
        let method = if found.proven {
            "integer programme, solved to the end"
        } else {
            "integer programme, stopped at its time limit"
        };
        let bound = if found.proven { evaluate(problem, &takes).surviving } else { problem.lost };
        return Solved { takes, proven: found.proven && better, bound, method };
    }
    Solved { takes: fallback, proven: false, bound: problem.lost, method: "greedy with local search" }
}

fn taken(takes: &[Take], part: usize) -> bool {
    matches!(takes.get(part), Some(Take::By(_)))
}

pub(crate) fn silenced(problem: &Problem, takes: &[Take]) -> Vec<bool> {
    problem.groups.iter().map(|g| g.parts.iter().all(|p| taken(takes, *p))).collect()
}

/// The whole objective of a choice.
pub(crate) fn evaluate(problem: &Problem, takes: &[Take]) -> Objective {
    let silent = silenced(problem, takes);
    let alive: u64 = problem.groups.iter().zip(&silent).filter(|(_, s)| !**s).map(|(g, _)| g.bots).sum();
    let mut out = Objective {
        surviving: problem.lost + alive,
        recovery: recovery(problem, takes),
        worth_left: 0,
        cost_cents: 0,
        collateral: 0,
    };
    for (part, take) in problem.parts.iter().zip(takes) {
        match take {
            Take::Leave => out.worth_left += u64::from(part.worth),
            Take::By(way) => {
                let cost = part.ways.get(*way).map_or(0, |w| w.0);
                out.cost_cents = out.cost_cents.saturating_add(cost);
                out.collateral += part.tenants;
            }
        }
    }
    out
}

/// Channels that the operator could bring back: closed for a silenced group, and taken loosely in some part.
fn loose_channels(problem: &Problem, takes: &[Take], silent: &[bool]) -> Vec<usize> {
    let loose = |part: &usize| match (problem.parts.get(*part), takes.get(*part)) {
        (Some(p), Some(Take::By(way))) => p.ways.get(*way).is_some_and(|w| !w.1),
        _ => false,
    };
    let used: BTreeSet<usize> = problem
        .groups
        .iter()
        .zip(silent)
        .filter(|(_, s)| **s)
        .flat_map(|(g, _)| g.channels.clone())
        .collect();
    used.into_iter().filter(|c| problem.channels.get(*c).is_some_and(|ps| ps.iter().any(loose))).collect()
}

pub(crate) fn recovery(problem: &Problem, takes: &[Take]) -> u64 {
    worst(problem, takes).0
}

/// The most bots that as many rebuilt channels as the budget allows win back, and which channels these are. Exact up
/// to 2,000 subsets; above, the sum over the channels that bring back most, at most all silenced bots.
pub(crate) fn worst(problem: &Problem, takes: &[Take]) -> (u64, Vec<usize>) {
    let silent = silenced(problem, takes);
    let loose = loose_channels(problem, takes, &silent);
    let groups: Vec<_> = problem.groups.iter().zip(&silent).filter(|(_, s)| **s).map(|(g, _)| g).collect();
    let wins = |set: &[usize]| -> u64 {
        groups.iter().filter(|g| g.channels.iter().any(|c| set.contains(c))).map(|g| g.bots).sum()
    };
    let k = problem.budget.min(loose.len());
    if k == 0 {
        return (0, Vec::new());
    }
    if k == loose.len() {
        return (wins(&loose), loose);
    }
    if subsets(loose.len(), k) > SUBSETS {
        let mut single: Vec<(u64, usize)> = loose.iter().map(|c| (wins(&[*c]), *c)).collect();
        single.sort_unstable_by(|a, b| b.cmp(a));
        single.truncate(k);
        let sum = single.iter().map(|s| s.0).sum::<u64>();
        let all = groups.iter().map(|g| g.bots).sum();
        return (sum.min(all), single.into_iter().map(|s| s.1).collect());
    }
    let mut best = (0, Vec::new());
    let mut pick: Vec<usize> = (0..k).collect();
    loop {
        let set: Vec<usize> = pick.iter().filter_map(|i| loose.get(*i).copied()).collect();
        let won = wins(&set);
        if won > best.0 || best.1.is_empty() {
            best = (won, set);
        }
        if !next_subset(&mut pick, loose.len()) {
            return best;
        }
    }
}

/// Number of subsets of `k` out of `n`, saturating.
pub(crate) fn subsets(n: usize, k: usize) -> usize {
    (0..k.min(n - k.min(n))).fold(1usize, |c, i| c.saturating_mul(n - i) / (i + 1))
}

/// Steps to the next subset in lexicographic order; false after the last.
fn next_subset(pick: &mut [usize], n: usize) -> bool {
    let k = pick.len();
    for i in (0..k).rev() {
        let at = pick.get(i).copied().unwrap_or(n);
        if at < n + i - k {
            for (step, slot) in pick.iter_mut().skip(i).enumerate() {
                *slot = at + 1 + step;
            }
            return true;
        }
    }
    false
}

/// Groups by bots for each further innocent tenant, then exchanges, then the rest of the aims.
pub(crate) fn greedy(problem: &Problem) -> Vec<Take> {
    if problem.parts.iter().map(|p| p.tenants).sum::<u64>() <= problem.cap {
        let mut takes = vec![Take::By(0); problem.parts.len()];
        firm_up(problem, &mut takes);
        return takes;
    }
    let mut best = fill(problem, vec![Take::Leave; problem.parts.len()], None);
    let mut value = evaluate(problem, &best).surviving;
    // Leave one silenced group out and fill again; a bounded number of rounds.
    let rounds = (2_000_000 / (problem.groups.len() * problem.groups.len() + 1)).min(400);
    for out in (0..problem.groups.len()).take(rounds) {
        let tried = fill(problem, vec![Take::Leave; problem.parts.len()], Some(out));
        let survive = evaluate(problem, &tried).surviving;
        if survive < value {
            (best, value) = (tried, survive);
        }
    }
    add_worth(problem, &mut best);
    firm_up(problem, &mut best);
    best
}

fn fill(problem: &Problem, mut takes: Vec<Take>, without: Option<usize>) -> Vec<Take> {
    let mut used: u64 = 0;
    // The one left out comes last: it may still fit.
    let mut open: Vec<usize> = (0..problem.groups.len()).filter(|g| Some(*g) != without).collect();
    let mut late = without;
    loop {
        let further = |g: usize| -> u64 {
            let parts = problem.groups.get(g).map(|g| g.parts.as_slice()).unwrap_or_default();
            let new = parts.iter().filter(|p| !taken(&takes, **p));
            new.filter_map(|p| problem.parts.get(*p)).map(|p| p.tenants).sum()
        };
        // What no longer fits never fits again: tenants are only added.
        let fits: Vec<(usize, u64)> =
            open.iter().map(|g| (*g, further(*g))).filter(|(_, t)| used + t <= problem.cap).collect();
        let bots = |g: usize| u128::from(problem.groups.get(g).map_or(0, |g| g.bots));
        // Groups that cost no further tenant are all taken at once.
        let mut picks: Vec<(usize, u64)> = fits.iter().copied().filter(|(_, t)| *t == 0).collect();
        if picks.is_empty() {
            picks.extend(fits.iter().copied().max_by(|a, b| {
                // Bots for each tenant, compared as fractions.
                let (l, r) = (bots(a.0) * u128::from(b.1), bots(b.0) * u128::from(a.1));
                l.cmp(&r).then(b.1.cmp(&a.1)).then(b.0.cmp(&a.0))
            }));
        }
        if picks.is_empty() {
            match late.take() {
                Some(g) => open = vec![g],
                None => return takes,
            }
            continue;
        }
        for (g, tenants) in &picks {
            used += tenants;
            for part in problem.groups.get(*g).map(|g| g.parts.clone()).unwrap_or_default() {
                if let Some(slot) = takes.get_mut(part) {
                    *slot = Take::By(0);
                }
            }
        }
        open = fits.into_iter().map(|(g, _)| g).filter(|g| !picks.iter().any(|p| p.0 == *g)).collect();
    }
}

fn add_worth(problem: &Problem, takes: &mut [Take]) {
    let mut used = evaluate(problem, takes).collateral;
    let mut order: Vec<usize> = (0..problem.parts.len()).collect();
    order.sort_by_key(|p| {
        problem.parts.get(*p).map_or((0, 0), |p| (p.tenants, p.ways.first().map_or(0, |w| w.0)))
    });
    for n in order {
        let Some(part) = problem.parts.get(n) else { continue };
        if part.worth && !taken(takes, n) && used + part.tenants <= problem.cap {
            used += part.tenants;
            if let Some(slot) = takes.get_mut(n) {
                *slot = Take::By(0);
            }
        }
    }
}

/// Takes firmly what the operator would else win back, then goes back to the cheap way where that costs nothing.
fn firm_up(problem: &Problem, takes: &mut [Take]) {
    let dual: Vec<usize> = (0..problem.parts.len())
        .filter(|p| problem.parts.get(*p).is_some_and(|p| p.ways.len() > 1))
        .collect();
    let choose = |takes: &mut [Take], part: usize, way: usize| {
        if let Some(slot) = takes.get_mut(part).filter(|t| **t != Take::Leave) {
            *slot = Take::By(way);
        }
    };
    dual.iter().for_each(|p| choose(takes, *p, 1));
    let least = recovery(problem, takes);
    let mut by_saving = dual;
    by_saving.sort_by_key(|p| {
        let ways = problem.parts.get(*p).map(|p| p.ways.clone()).unwrap_or_default();
        std::cmp::Reverse(ways.last().map_or(0, |w| w.0) - ways.first().map_or(0, |w| w.0))
    });
    for part in by_saving.into_iter().take((4_000_000 / (problem.groups.len() * SUBSETS + 1)).clamp(8, 500)) {
        choose(takes, part, 0);
        if recovery(problem, takes) > least {
            choose(takes, part, 1);
        }
    }
}
