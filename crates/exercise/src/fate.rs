//! What each channel leads to at a time, given what was taken.

use crate::{
    ExerciseError, Taken,
    calendar::Calendar,
    channels::{
        COMPANY_INDEX, COVERT, DEDICATED, FIXED, Fixed, GROUPS, Group, HANDED_OVER, OPERATOR_INDEX,
        OTHER_INDEX, dga_spec,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};
use terms::{Day, DgaSpec, Instrument, MICROS_PER_SECOND, Timestamp};

/// Where a call over a channel ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// With the operator, at this address.
    Operator(Ipv4Addr),
    /// At the company's sinkhole.
    Sinkhole,
    /// At another researcher's sinkhole.
    OtherSinkhole,
    /// Nowhere.
    Nothing,
}

/// Hours until a told owner has cleaned a compromised host.
const CLEANING_HOURS: i64 = 12;

/// What was done to the channels.
pub(crate) struct Fate {
    calendar: Calendar,
    pub(crate) dga: DgaSpec,
    /// From when each fixed channel is down, if ever.
    down: Vec<Option<Timestamp>>,
    /// From when each generated name is down.
    names: BTreeMap<String, Timestamp>,
    /// Keys acted on that should not have been.
    pub(crate) wrong: BTreeSet<String>,
    /// Accounts of the criminals and their mules, in lower case, with whether each was frozen.
    accounts: BTreeMap<String, bool>,
}

/// The generated names of one day and what each leads to.
pub(crate) struct DayNames {
    pub(crate) names: Vec<String>,
    pub(crate) reach: Vec<Reach>,
    /// The one that the operator holds.
    pub(crate) live: Option<usize>,
    /// The ones that the company's sinkhole answers for.
    pub(crate) sunk: Vec<usize>,
}

impl Fate {
    pub(crate) fn new(
        seed: u64,
        calendar: Calendar,
        taken: &[Taken],
        accounts: &[String],
    ) -> Result<Self, ExerciseError> {
        let mut fate = Self {
            calendar,
            dga: dga_spec(seed),
            down: vec![None; FIXED.len()],
            names: BTreeMap::new(),
            wrong: BTreeSet::new(),
            accounts: accounts.iter().map(|a| (a.to_ascii_lowercase(), false)).collect(),
        };
        let horizon: BTreeSet<String> =
            (0..=60).flat_map(|n| fate.dga.names(crate::calendar::DAY_0.plus(n))).collect();
        for action in taken {
            fate.take(action, &horizon)?;
        }
        Ok(fate)
    }

    fn take(&mut self, action: &Taken, horizon: &BTreeSet<String>) -> Result<(), ExerciseError> {
        let key = action.channel_key.trim().trim_end_matches('.').to_ascii_lowercase();
        if key.is_empty() {
            return Err(ExerciseError::NoChannel { at: action.at });
        }
        if let Some(frozen) = self.accounts.get_mut(&key) {
            *frozen |= action.instrument == Instrument::Freeze;
            return Ok(());
        }
        let Some((i, fixed)) = FIXED.iter().enumerate().find(|(_, f)| f.answers_to(&key)) else {
            let others = self.dga.names(self.calendar.dns_day()).into_iter().nth(OTHER_INDEX);
            let told = action.instrument == Instrument::Notify;
            if !told && (!horizon.contains(&key) || others.as_ref() == Some(&key)) {
                self.wrong.insert(key);
            } else if matches!(action.instrument, Instrument::Seize | Instrument::Sinkhole) {
                earlier(self.names.entry(key).or_insert(action.at), action.at);
            }
            return Ok(());
        };
        let told = action.instrument == Instrument::Notify;
        if (!told && fixed.spared()) || fixed.ip == COVERT {
            self.wrong.insert(fixed.key());
        }
        if fixed.falls_to.contains(&action.instrument) {
            let hours = if told { CLEANING_HOURS } else { 0 };
            let from = action.at.plus_micros(hours * 3_600 * MICROS_PER_SECOND);
            if let Some(slot) = self.down.get_mut(i) {
                earlier(slot.get_or_insert(from), from);
            }
        }
        Ok(())
    }

    /// The criminals' and their mules' accounts that were frozen.
    pub(crate) fn frozen(&self) -> Vec<String> {
        self.accounts.iter().filter(|(_, frozen)| **frozen).map(|(a, _)| a.to_ascii_uppercase()).collect()
    }

    /// Where a call over fixed channel `i` ends at `t`.
    pub(crate) fn fixed(&self, i: usize, t: Timestamp) -> Reach {
        let Some(channel) = FIXED.get(i) else { return Reach::Nothing };
        let down = self.down.get(i).copied().flatten().is_some_and(|from| t >= from);
        match (down, channel.port) {
            (true, 0) => Reach::Sinkhole,
            (true, _) => Reach::Nothing,
            (false, _) if i == HANDED_OVER && t < self.calendar.takedown() => Reach::Sinkhole,
            (false, _) => Reach::Operator(channel.ip),
        }
    }

    /// The generated names of a day. The operator registers the first that is left to it.
    pub(crate) fn names(&self, day: Day) -> DayNames {
        let names = self.dga.names(day);
        let end = day.plus(1).start();
        let mut reach: Vec<Reach> = names
            .iter()
            .enumerate()
            .map(|(i, name)| match i {
                COMPANY_INDEX => Reach::Sinkhole,
                OTHER_INDEX if day == self.calendar.dns_day() => Reach::OtherSinkhole,
                _ if self.names.get(name).is_some_and(|&from| from < end) => Reach::Sinkhole,
                _ => Reach::Nothing,
            })
            .collect();
        let order = (OPERATOR_INDEX..reach.len()).chain(0..OPERATOR_INDEX);
        let live = order.into_iter().find(|&i| reach.get(i) == Some(&Reach::Nothing));
        if let Some(slot) = live.and_then(|i| reach.get_mut(i)) {
            *slot = Reach::Operator(DEDICATED);
        }
        let sunk = (0..reach.len()).filter(|&i| reach.get(i) == Some(&Reach::Sinkhole)).collect();
        DayNames { names, reach, live, sunk }
    }

    /// Over what the operator reaches a group on a day: keys of fixed channels, `generated` for the generated names.
    pub(crate) fn ways(&self, group: &Group, day: Day) -> Vec<String> {
        let open = |i| matches!(self.fixed(i, day.start()), Reach::Operator(_));
        let mut ways: Vec<String> =
            group.channels().filter(|&(i, _)| open(i)).map(|(_, f)| f.key()).collect();
        if group.dga && self.names(day).live.is_some() {
            ways.push("generated".into());
        }
        ways
    }

    /// The days of the window after on which each group can be reached.
    pub(crate) fn reachable(&self) -> Vec<Vec<bool>> {
        let days: Vec<Day> = self.calendar.after().collect();
        GROUPS.iter().map(|g| days.iter().map(|&d| !self.ways(g, d).is_empty()).collect()).collect()
    }
}

fn earlier(slot: &mut Timestamp, from: Timestamp) {
    *slot = from.min(*slot);
}

impl Fixed {
    /// Whether a key, or an address without its port, names this channel.
    fn answers_to(&self, key: &str) -> bool {
        key == self.key() || (self.port != 0 && key.parse::<IpAddr>() == Ok(IpAddr::V4(self.ip)))
    }
    /// Whether nothing but telling its owner may be done to it, by anybody.
    fn spared(&self) -> bool {
        self.standing != terms::Standing::Criminal
    }
}
