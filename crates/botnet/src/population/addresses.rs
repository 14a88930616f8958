//! The count where there are only addresses.
//!
//! Addresses come and go as bots do: a lease begins, its machine is on from time to time, the lease ends. So the lines
//! of a network are an open population, and the fit of their re-appearance over days (`open`) gives how many are held
//! by an infected machine, on or off. That is the number of bots where a line lasts and holds one machine. Elsewhere
//! (leases of hours, carriers' shared addresses) addresses tell nothing, but calls do: a bot calls as often there. So
//! all bots = lasting lines of one machine × all calls / calls of those lines.
//!
//! What it rests on: bots of one botnet call alike in all networks. Machines behind one address are told apart by what
//! their calls show beside it (`kind`: user agent, build, TLS fingerprint); pairs that show the same are corrected for.

use super::ids::{ABSENT, Counted, check};
use super::interval::ADDRESSES;
use super::{Count, Histories, MAX_DAYS, Refusal};
use std::collections::{BTreeMap, HashMap};

/// Most lines that are kept; of more, an even part chosen by hash is.
const MAX_LINES: usize = 1 << 21;
/// Fewest lasting lines.
const LEAST_LINES: u64 = 300;
/// Fewest calls, in percent, that must come from lasting lines of one machine.
const LEAST_PERCENT: u64 = 3;
/// Of addresses seen again after a day, the share that must be seen again after the longer lag.
const LASTING: f64 = 0.5;

/// One call at a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contact {
    /// The address, as a pseudonym or hash.
    pub address: u64,
    /// Second of the day.
    pub second: u32,
    /// Network of the address; 0 where not known.
    pub network: u32,
    /// What the call shows of the machine beside its address, as a number; none where it shows nothing.
    pub kind: Option<u16>,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    network: u32,
    seen: u64,
    calls: u32,
    kind: Option<u16>,
    mixed: bool,
}

/// Calls by address, summed up day by day.
///
/// Memory: about 40 bytes a line, at most 2 million lines; beyond, an even part of the addresses is kept.
#[derive(Debug, Clone)]
pub struct Addresses {
    days: usize,
    added: u64,
    lines: HashMap<u64, Line>,
    calls: Vec<u64>,
    /// Lines are kept whose hash has this many leading zeros.
    thinned: u32,
    kinds: bool,
}

impl Addresses {
    /// Nothing yet, over `days` days; more than [`MAX_DAYS`] are cut to it.
    pub fn new(days: usize) -> Self {
        let days = days.min(MAX_DAYS);
        Self { days, added: 0, lines: HashMap::new(), calls: vec![0; days], thinned: 0, kinds: false }
    }

    /// Adds all calls of a day, in any order and with any repetition. Days may come in any order; a day outside of the
    /// window, or one that was added before, is not added: then this is false.
    pub fn add_day(&mut self, day: usize, mut contacts: Vec<Contact>) -> bool {
        let Some(sum) = self.calls.get_mut(day) else { return false };
        if self.added >> day & 1 == 1 {
            return false;
        }
        self.added |= 1 << day;
        contacts.sort_unstable();
        contacts.dedup();
        *sum = contacts.len() as u64;
        for c in contacts {
            self.kinds |= c.kind.is_some();
            if !self.kept(c.address) {
                continue;
            }
            let new = Line { network: c.network, seen: 0, calls: 0, kind: c.kind, mixed: false };
            let line = self.lines.entry(c.address).or_insert(new);
            line.seen |= 1 << day;
            line.calls = line.calls.saturating_add(1);
            line.mixed |= line.kind != c.kind;
            if self.lines.len() > MAX_LINES {
                self.thinned += 1;
                let thinned = self.thinned;
                self.lines.retain(|address, _| hash(*address).leading_zeros() >= thinned);
            }
        }
        true
    }

    fn kept(&self, address: u64) -> bool {
        self.thinned == 0 || hash(address).leading_zeros() >= self.thinned
    }

    /// Distinct addresses, as far as they are kept.
    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    /// Networks whose addresses last: longer than a week, or, where there is none, longer than three days.
    fn lasting(&self) -> Vec<u32> {
        let week = self.lasting_over((self.days / 2).clamp(2, 7));
        if week.is_empty() { self.lasting_over((self.days / 2).clamp(2, 3)) } else { week }
    }

    fn lasting_over(&self, lag: usize) -> Vec<u32> {
        let mut networks: BTreeMap<u32, Overlap> = BTreeMap::new();
        for line in self.lines.values().filter(|l| !l.mixed) {
            let of = networks.entry(line.network).or_default();
            of.add(line.seen, self.days, lag);
        }
        networks.into_iter().filter(|(_, o)| o.lasts()).map(|(network, _)| network).collect()
    }
}

/// How many address-days are seen again after one day and after a longer lag, of those that could be.
#[derive(Debug, Clone, Copy, Default)]
struct Overlap {
    soon: (u64, u64),
    late: (u64, u64),
}

impl Overlap {
    fn add(&mut self, seen: u64, days: usize, lag: usize) {
        let count = |lag: usize| {
            let could = seen & ((1u64 << days.saturating_sub(lag)) - 1);
            (u64::from((could & seen >> lag).count_ones()), u64::from(could.count_ones()))
        };
        let (soon, late) = (count(1), count(lag));
        self.soon = (self.soon.0 + soon.0, self.soon.1 + soon.1);
        self.late = (self.late.0 + late.0, self.late.1 + late.1);
    }

    fn lasts(&self) -> bool {
        let share = |(again, all): (u64, u64)| again as f64 / all.max(1) as f64;
        self.late.1 > 0 && share(self.late) >= LASTING * share(self.soon) && share(self.late) > 0.0
    }
}

/// Spreads addresses evenly (SplitMix64's finish), so that a part of them is chosen by nothing but chance.
fn hash(address: u64) -> u64 {
    let z = address.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Counts bots by their calls and addresses. `level` is that of the intervals (0.9 for 90 %).
///
/// # Errors
/// A [`Refusal`] where the data cannot tell.
pub fn count_addresses(data: &Addresses, level: f64) -> Result<Count, Refusal> {
    let all: u64 = data.calls.iter().sum();
    if all == 0 {
        return Err(Refusal::Nothing);
    }
    if !data.kinds {
        return Err(Refusal::NoKinds);
    }
    let networks = data.lasting();
    let mut lines = Histories::new(data.days);
    let (mut single, mut mixed, mut calls, mut squares) = (0u64, 0u64, 0u64, 0.0);
    let mut kinds: BTreeMap<Option<u16>, u64> = BTreeMap::new();
    for line in data.lines.values() {
        if networks.binary_search(&line.network).is_err() {
            continue;
        }
        if line.mixed {
            mixed += 1;
            continue;
        }
        single += 1;
        calls += u64::from(line.calls);
        squares += f64::from(line.calls).powi(2);
        lines.add(line.seen);
        *kinds.entry(line.kind).or_default() += 1;
    }
    if single < LEAST_LINES {
        return Err(Refusal::ShortLeases { lines: single, least: LEAST_LINES });
    }
    // Of the whole, by the part that was kept; carriers' few addresses are all or nothing there.
    let part = 2f64.powi(data.thinned.cast_signed());
    let percent = 100.0 * calls as f64 * part / all as f64;
    if (percent as u64) < LEAST_PERCENT {
        return Err(Refusal::TooFewLines { percent: percent as u64, least: LEAST_PERCENT });
    }
    check(&lines)?;
    let mut counted = Counted::of(&lines)?;
    // Two machines of one kind behind one address look like one machine.
    let alike: f64 = kinds.values().map(|&n| (n as f64 / single as f64).powi(2)).sum();
    let doubles = mixed as f64 * alike / (1.0 - alike).max(0.01);
    let factor = (1.0 + doubles / single as f64) * all as f64 / calls as f64;
    // The calls of other bots are told from those of these lines: by as many as there are, which call unequally.
    let unequal = (squares * single as f64 / (calls as f64).powi(2) - 1.0).max(0.0);
    let others = (1.0 - percent / 100.0).clamp(0.0, 1.0);
    counted.signs.unequal = unequal;
    counted.signs.others = others;
    counted.signs.lines = counted.mean() * factor * (1.0 - others);
    let method = format!(
        "re-appearance of addresses over days: lasting lines of one machine, scaled by calls, {:.0} % interval",
        100.0 * level
    );
    let reasons = vec![
        format!("{} addresses made {all} calls over {} days", data.lines.len(), data.days),
        format!(
            "{single} of them, in {} networks whose addresses last, hold one machine each and make {percent:.0} % of the calls",
            networks.len()
        ),
        format!("{mixed} lasting addresses hold more than one machine"),
        "bots are taken to call as often in networks whose addresses change as in those where they last"
            .to_owned(),
        "the count is of those infected at noon (UTC) of a day, in the mean of the days".to_owned(),
        ABSENT.to_owned(),
    ];
    counted.finish(&lines, factor, (&ADDRESSES, level), method, reasons)
}
