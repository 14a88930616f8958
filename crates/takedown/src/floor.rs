//! The cheapest improvement of the floor: which new acts would silence further bots, and how many.
//!
//! An act is a power somebody has yet to agree on, an authority somebody has yet to obtain, a holder's answer, or a
//! higher cap on innocent tenants. Nothing makes an innocent owner's, a shared or a covert asset a target.
//! Bounds: the 300 smallest sets of acts are compared.

use crate::{FloorGroup, Improvement, Situation, StopCode, problem::Reading};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use terms::{AssetClass, Standing};

/// What one group lacks.
struct Lack {
    bots: u64,
    /// Acts, as sentences: equal sentences are one act.
    acts: BTreeSet<String>,
    /// Targets that only these acts open.
    targets: BTreeSet<usize>,
    /// Targets to take besides, open already.
    open: BTreeSet<usize>,
}

/// Fewest new acts first, then most bots.
pub(crate) fn cheapest(
    situation: &Situation,
    reading: &Reading<'_>,
    taken: &HashSet<usize>,
    groups: &[FloorGroup],
    collateral: u64,
) -> Option<Improvement> {
    let mut cache: BTreeMap<usize, Option<BTreeSet<String>>> = BTreeMap::new();
    let lacks: Vec<Lack> = groups
        .iter()
        .filter_map(|g| lack(situation, reading, taken, g, &mut cache))
        .map(|l| capped(situation, l, collateral))
        .collect();
    let mut sets: Vec<&BTreeSet<String>> =
        lacks.iter().map(|l| &l.acts).collect::<BTreeSet<_>>().into_iter().collect();
    sets.sort_by_key(|s| s.len());
    let each = sets.into_iter().take(300).map(|acts| improvement(situation, &lacks, acts, collateral));
    each.min_by(|a, b| {
        (a.acts.len(), std::cmp::Reverse(a.bots), &a.acts).cmp(&(
            b.acts.len(),
            std::cmp::Reverse(b.bots),
            &b.acts,
        ))
    })
}

/// The act of cutting off more innocent tenants: it stands for itself until its number is known.
const RAISE: &str = "";

fn improvement(
    situation: &Situation,
    lacks: &[Lack],
    acts: &BTreeSet<String>,
    collateral: u64,
) -> Improvement {
    let mut acts = acts.clone();
    loop {
        let freed: Vec<&Lack> = lacks.iter().filter(|l| l.acts.is_subset(&acts)).collect();
        let targets: BTreeSet<usize> = freed.iter().flat_map(|l| l.targets.iter().copied()).collect();
        let all = freed.iter().flat_map(|l| l.open.iter().copied()).chain(targets.iter().copied());
        let cap = situation.collateral_cap.max(collateral + tenants(situation, &all.collect()));
        // Groups that fit one by one need not fit together.
        if cap > situation.collateral_cap && acts.insert(RAISE.to_owned()) {
            continue;
        }
        let raise = format!(
            "a decision to cut off up to {cap} innocent tenants instead of {}",
            situation.collateral_cap
        );
        let words = acts.into_iter().map(|a| if a == RAISE { raise.clone() } else { a });
        let keys = targets.iter().filter_map(|t| situation.targets.get(*t)).map(|t| t.asset.key());
        return Improvement {
            acts: words.collect(),
            targets: keys.collect(),
            bots: freed.iter().map(|l| l.bots).sum(),
            collateral_cap: cap,
        };
    }
}

fn tenants(situation: &Situation, targets: &BTreeSet<usize>) -> u64 {
    targets.iter().filter_map(|t| situation.targets.get(*t)).map(|t| u64::from(t.tenants)).sum()
}

/// What a group lacks; none where no lawful act would help.
fn lack(
    situation: &Situation,
    reading: &Reading<'_>,
    taken: &HashSet<usize>,
    group: &FloorGroup,
    cache: &mut BTreeMap<usize, Option<BTreeSet<String>>>,
) -> Option<Lack> {
    let mut out =
        Lack { bots: group.bots, acts: BTreeSet::new(), targets: BTreeSet::new(), open: BTreeSet::new() };
    if group.open.is_empty() {
        return None;
    }
    for key in &group.open {
        let state = reading.channels.get(key).filter(|s| s.stop.is_none())?;
        for target in state.targets.iter().copied().filter(|t| !reading.closed(*t, taken)) {
            let acts = cache.entry(target).or_insert_with(|| acts_for(situation, reading, target)).clone()?;
            if acts.is_empty() {
                out.open.insert(target);
            } else {
                out.acts.extend(acts);
                out.targets.insert(target);
            }
        }
    }
    Some(out)
}

/// A group whose own targets pass the cap lacks the decision to raise it, too.
fn capped(situation: &Situation, mut lack: Lack, collateral: u64) -> Lack {
    let all = lack.targets.union(&lack.open).copied().collect();
    if collateral + tenants(situation, &all) > situation.collateral_cap {
        lack.acts.insert(RAISE.to_owned());
    }
    lack
}

/// The acts that open one target: none needed, some, or no act can.
fn acts_for(situation: &Situation, reading: &Reading<'_>, target: usize) -> Option<BTreeSet<String>> {
    let (row, ways) = (situation.targets.get(target)?, reading.ways.get(target)?);
    if !ways.ways.is_empty() {
        return Some(BTreeSet::new());
    }
    if ways.hit.is_some() || !matches!(row.standing, None | Some(Standing::Criminal)) {
        return None;
    }
    if row.place == terms::Place::UNKNOWN {
        return None;
    }
    let key = row.asset.key();
    let mut acts = BTreeSet::new();
    if row.standing.is_none() {
        acts.insert(format!("an asset sheet from {} that says whose {key} is", row.holder));
    }
    let then = reading.law.ways_if_criminal(row);
    let what = match row.class {
        AssetClass::GeneratedDomain => format!("every {} at {}", row.class, row.holder),
        _ => format!("{} {key}", row.class),
    };
    if then.ways.is_empty() {
        let code = then.stops.first().map(|s| s.code);
        acts.insert(match code {
            Some(StopCode::NoPower) => {
                format!(
                    "an agreement that gives a partner a power over a {} in {}, with an authority there",
                    row.class, row.place
                )
            }
            Some(StopCode::Expired) => {
                format!("a fresh order in {} for {what}, in place of the expired one", row.place)
            }
            _ => format!("an authority in {} for {what}, in force at the hour", row.place),
        });
    }
    Some(acts)
}
