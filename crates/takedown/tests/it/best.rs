//! No plan is better than ours: every combination is tried, by a model that knows the truth by construction.

use crate::made::{Truth, random};
use std::collections::BTreeSet;
use takedown::{Objective, Plan, Situation, check, plan};

/// The objective of one combination: for each target the way it is taken, or none.
fn value(s: &Situation, truths: &[Truth], takes: &[Option<usize>]) -> Option<Objective> {
    let done = |n: usize| truths[n].held || takes[n].is_some();
    let closed = |key: &String| {
        let mut parts = (0..truths.len()).filter(|n| truths[*n].channel == *key).peekable();
        parts.peek().is_some() && parts.all(done)
    };
    let silent = |g: &&takedown::BotGroup| !g.signature.is_empty() && g.signature.iter().all(closed);
    let taken = || (0..truths.len()).filter_map(|n| takes[n].map(|w| (n, truths[n].ways[w])));
    let collateral = taken().map(|(n, _)| truths[n].tenants).sum();
    if collateral > s.collateral_cap {
        return None;
    }
    let loose: BTreeSet<&String> =
        taken().filter(|(_, (_, firm))| !firm).map(|(n, _)| &truths[n].channel).collect();
    let loose: Vec<&String> = loose.into_iter().collect();
    let mut recovery = 0;
    for mask in 0u32..1 << loose.len() {
        if mask.count_ones() <= s.rebuild_budget {
            let back = |k: &String| loose.iter().enumerate().any(|(i, l)| mask >> i & 1 == 1 && *l == k);
            let groups = s.groups.iter().filter(silent).filter(|g| g.signature.iter().any(back));
            recovery = recovery.max(groups.map(|g| g.bots).sum());
        }
    }
    let wanted = (0..truths.len()).filter(|n| {
        truths[*n].worth && !truths[*n].ways.is_empty() && truths[*n].tenants <= s.collateral_cap
    });
    Some(Objective {
        surviving: s.groups.iter().filter(|g| !silent(g)).map(|g| g.bots).sum(),
        recovery,
        worth_left: wanted.filter(|n| takes[*n].is_none()).count() as u64,
        cost_cents: taken().map(|(_, (cost, _))| cost).sum(),
        collateral,
    })
}

fn best(s: &Situation, truths: &[Truth]) -> Objective {
    let mut best = None;
    let mut takes = vec![None; truths.len()];
    loop {
        if let Some(v) = value(s, truths, &takes) {
            best = Some(best.map_or(v, |b: Objective| b.min(v)));
        }
        let mut n = 0;
        loop {
            if n == takes.len() {
                return best.unwrap();
            }
            let next = takes[n].map_or(0, |w| w + 1);
            if next < truths[n].ways.len() {
                takes[n] = Some(next);
                break;
            }
            takes[n] = None;
            n += 1;
        }
    }
}

fn claimed(s: &Situation, truths: &[Truth], p: &Plan) -> Objective {
    let acted = |n: usize| p.actions.iter().any(|a| a.target == s.targets[n].asset.key());
    let wanted = (0..truths.len()).filter(|n| {
        truths[*n].worth && !truths[*n].ways.is_empty() && truths[*n].tenants <= s.collateral_cap
    });
    Objective {
        surviving: p.expected_surviving,
        recovery: p.expected_recovery,
        worth_left: wanted.filter(|n| !acted(*n)).count() as u64,
        cost_cents: p.cost_cents,
        collateral: p.collateral,
    }
}

#[test]
fn no_combination_beats_the_plan() {
    let mut by_method = std::collections::BTreeMap::<String, u32>::new();
    for seed in 0..400 {
        let (s, truths) = random(seed, 4);
        let p = plan(&s).unwrap();
        assert_eq!(claimed(&s, &truths, &p), best(&s, &truths), "seed {seed}: {}", p.gap.method);
        assert!(p.gap.proven, "seed {seed}");
        *by_method.entry(p.gap.method).or_default() += 1;
    }
    assert!(by_method.len() > 1, "both ways of solving were met: {by_method:?}");
}

#[test]
fn planner_and_checker_agree() {
    for seed in 1_000..1_500 {
        let (s, _) = random(seed, 7);
        let p = plan(&s).unwrap();
        match check(&s, &p) {
            Ok(verdict) => assert_eq!(verdict.surviving, p.expected_surviving),
            Err(found) => panic!("seed {seed}: {found:#?}"),
        }
        assert_eq!(plan(&s).unwrap(), p, "seed {seed}: the same situation, another plan");
    }
}

#[test]
fn a_plan_reads_back_from_json() {
    let (s, _) = random(3, 6);
    let p = plan(&s).unwrap();
    let text = serde_json::to_string(&p).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), p);
    let text = serde_json::to_string(&s).unwrap();
    assert_eq!(serde_json::from_str::<Situation>(&text).unwrap(), s);
}

#[test]
fn a_large_operation_is_planned_and_its_gap_is_honest() {
    let (mut s, _) = random(9, 150);
    let keys: Vec<String> = s.targets.iter().filter_map(|t| t.asset.channel_key()).collect();
    for n in 0..300 {
        let signature = vec![keys[n % keys.len()].clone(), keys[(n * 7 + 3) % keys.len()].clone()];
        s.groups.push(takedown::BotGroup { signature, bots: 1 + n as u64 });
    }
    let p = plan(&s).unwrap();
    assert!(check(&s, &p).is_ok(), "{:?}", check(&s, &p));
    assert!(p.gap.bound <= p.expected_surviving);
    assert_eq!(p.gap.surviving == 0.0, p.gap.bound == p.expected_surviving);
}
