//! The situation reduced to numbers: parts that can be taken, channels made of parts, groups that know channels.
//!
//! Elsewhere: which ways are lawful (`ways`), how a best choice is found (`solve`).

use crate::{
    Asset, Situation, Stop, StopCode,
    ways::{Law, Ways, stop},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What the planner does with a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Take {
    Leave,
    /// By the way with this number.
    By(usize),
}

/// A target that can be taken.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub target: usize,
    /// Cost and firmness of each way, cheapest first.
    pub ways: Vec<(u64, bool)>,
    pub tenants: u64,
    pub worth: bool,
}

/// Bots that need the same channels closed.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub bots: u64,
    /// Channels that have at least one part to take, sorted.
    pub channels: Vec<usize>,
    /// The parts of all of them, sorted.
    pub parts: Vec<usize>,
}

/// The reduced problem: only groups that could be silenced, only parts that matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Problem {
    pub parts: Vec<Part>,
    pub channels: Vec<Vec<usize>>,
    pub groups: Vec<Group>,
    pub cap: u64,
    pub budget: usize,
    /// Bots of groups that no choice silences.
    pub lost: u64,
}

/// One channel as signatures name it.
pub(crate) struct ChannelState {
    /// Targets of it.
    pub targets: Vec<usize>,
    /// Why it cannot be closed whatever is done to its targets.
    pub stop: Option<Stop>,
}

/// The situation with what is known about each target and channel.
pub(crate) struct Reading<'a> {
    pub law: Law<'a>,
    pub ways: Vec<Ways<'a>>,
    pub channels: BTreeMap<String, ChannelState>,
}

impl<'a> Reading<'a> {
    pub(crate) fn of(situation: &'a Situation) -> Self {
        let law = Law::of(situation);
        let ways = situation.targets.iter().map(|t| law.ways(t)).collect();
        let mut channels: BTreeMap<String, ChannelState> = BTreeMap::new();
        for key in situation.groups.iter().flat_map(|g| &g.signature) {
            channels.entry(key.clone()).or_insert_with(|| ChannelState { targets: Vec::new(), stop: None });
        }
        for (n, target) in situation.targets.iter().enumerate() {
            let state = target.asset.channel_key().and_then(|k| channels.get_mut(&k));
            if let Some(state) = state {
                state.targets.push(n);
            }
        }
        for (key, state) in &mut channels {
            state.stop = if key.starts_with("dga:") {
                missing_names(situation, key, &state.targets)
            } else if state.targets.is_empty() {
                let text = format!("bots know {key}, but no asset sheet says where it stands");
                Some(stop(StopCode::NoTarget, text))
            } else {
                None
            };
        }
        Self { law, ways, channels }
    }

    /// Whether a target neither stands open nor needs an act: it is held, or taken in the plan.
    pub(crate) fn closed(&self, target: usize, taken: &HashSet<usize>) -> bool {
        taken.contains(&target) || self.ways.get(target).is_some_and(|w| w.held && w.hit.is_none())
    }
    /// Whether every part of a channel is closed.
    pub(crate) fn channel_closed(&self, key: &str, taken: &HashSet<usize>) -> bool {
        let state = self.channels.get(key);
        state.is_some_and(|s| s.stop.is_none() && s.targets.iter().all(|t| self.closed(*t, taken)))
    }
}

/// An algorithm's channel can be closed only when every name of every day is some target's.
fn missing_names(situation: &Situation, key: &str, targets: &[usize]) -> Option<Stop> {
    let Some(algorithm) = situation.algorithms.iter().find(|a| a.key == key) else {
        let text = format!("the parameters of {key} are not known, so its names cannot be listed");
        return Some(stop(StopCode::NamesMissing, text));
    };
    let mut listed = HashSet::new();
    for target in targets.iter().filter_map(|t| situation.targets.get(*t)) {
        if let Asset::Generated { day, names, .. } = &target.asset {
            listed.extend(names.iter().map(|n| (*day, n.as_str())));
        }
    }
    let mut generated = 0usize;
    let mut missing = 0usize;
    for day in situation.days() {
        let names = algorithm.spec.names(day);
        // A day without names would mean that the algorithm is not known here: never taken for closed.
        missing += usize::from(names.is_empty());
        generated += names.len();
        missing += names.iter().filter(|n| !listed.contains(&(day, n.as_str()))).count();
    }
    let text =
        format!("{missing} of {generated} names that {key} generates in the horizon are nobody's target");
    (missing > 0).then(|| stop(StopCode::NamesMissing, text))
}

impl Problem {
    pub(crate) fn of(situation: &Situation, reading: &Reading<'_>) -> Self {
        let mut out = Self {
            cap: situation.collateral_cap,
            budget: usize::try_from(situation.rebuild_budget).unwrap_or(usize::MAX),
            ..Self::default()
        };
        let takeable = |t: &usize| reading.ways.get(*t).is_some_and(|w| !w.ways.is_empty());
        let none = HashSet::new();
        let mut merged: BTreeMap<BTreeSet<&str>, u64> = BTreeMap::new();
        for group in &situation.groups {
            let signature: BTreeSet<&str> = group.signature.iter().map(String::as_str).collect();
            let open = signature.is_empty()
                || signature.iter().any(|key| {
                    let state = reading.channels.get(*key);
                    state.is_none_or(|s| {
                        s.stop.is_some()
                            || s.targets.iter().any(|t| !takeable(t) && !reading.closed(*t, &none))
                    })
                });
            if open {
                out.lost += group.bots;
            } else if group.bots > 0 {
                *merged.entry(signature).or_default() += group.bots;
            }
        }
        let mut part_of: HashMap<usize, usize> = HashMap::new();
        let mut channel_of: HashMap<&str, usize> = HashMap::new();
        for (signature, bots) in merged {
            out.add_group(situation, reading, &signature, bots, &mut part_of, &mut channel_of);
        }
        for (n, target) in situation.targets.iter().enumerate() {
            if target.worth.is_some() && takeable(&n) && u64::from(target.tenants) <= out.cap {
                out.part(situation, reading, n, &mut part_of);
            }
        }
        out
    }

    fn part(
        &mut self,
        situation: &Situation,
        reading: &Reading<'_>,
        target: usize,
        part_of: &mut HashMap<usize, usize>,
    ) -> usize {
        if let Some(part) = part_of.get(&target) {
            return *part;
        }
        let ways = reading.ways.get(target).map(|w| w.ways.as_slice()).unwrap_or_default();
        let row = situation.targets.get(target);
        self.parts.push(Part {
            target,
            ways: ways.iter().map(|w| (w.power.cost_cents, w.firm)).collect(),
            tenants: row.map_or(0, |t| u64::from(t.tenants)),
            worth: row.is_some_and(|t| t.worth.is_some()),
        });
        part_of.insert(target, self.parts.len() - 1);
        self.parts.len() - 1
    }

    fn add_group<'s>(
        &mut self,
        situation: &Situation,
        reading: &Reading<'_>,
        signature: &BTreeSet<&'s str>,
        bots: u64,
        part_of: &mut HashMap<usize, usize>,
        channel_of: &mut HashMap<&'s str, usize>,
    ) {
        let none = HashSet::new();
        let wanted = |t: &usize| !reading.closed(*t, &none);
        let of = |key: &str| reading.channels.get(key).map(|s| s.targets.as_slice()).unwrap_or_default();
        let tenants: u64 = signature
            .iter()
            .flat_map(|k| of(k).iter().copied().filter(wanted))
            .filter_map(|t| situation.targets.get(t))
            .map(|t| u64::from(t.tenants))
            .sum();
        if tenants > self.cap {
            self.lost += bots;
            return;
        }
        let mut channels = Vec::new();
        let mut parts = BTreeSet::new();
        for key in signature {
            let channel = match channel_of.get(key) {
                Some(known) => *known,
                None => {
                    let targets: Vec<usize> = of(key).iter().copied().filter(wanted).collect();
                    let made = targets.iter().map(|t| self.part(situation, reading, *t, part_of)).collect();
                    self.channels.push(made);
                    channel_of.insert(key, self.channels.len() - 1);
                    self.channels.len() - 1
                }
            };
            let of_channel = self.channels.get(channel).map(Vec::as_slice).unwrap_or_default();
            if !of_channel.is_empty() {
                channels.push(channel);
                parts.extend(of_channel.iter().copied());
            }
        }
        // A group whose channels are all held by others is silent already and asks for nothing.
        if !parts.is_empty() {
            channels.sort_unstable();
            self.groups.push(Group { bots, channels, parts: parts.into_iter().collect() });
        }
    }
}
