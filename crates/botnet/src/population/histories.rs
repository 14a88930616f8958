//! On which days each bot was seen, summed up: how many bots have which history, and how many have the same first day,
//! last day and number of days.

use std::collections::HashMap;

/// Most days of a window: over a longer time pseudonyms change and no bot can be followed.
pub const MAX_DAYS: usize = 62;

/// What was seen of all bots of a window, by day.
///
/// The table is the same in whatever order bots are added. Memory: 8 bytes a cell, at most 62³ cells, and about 32 bytes
/// for each distinct history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histories {
    days: usize,
    cells: Vec<u64>,
    /// How many bots were seen on just these days.
    maps: HashMap<u64, u64>,
    daily: Vec<u64>,
    bots: u64,
}

/// SplitMix64's finish: an even part is chosen by it.
fn spread(n: u64) -> u64 {
    let z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Bots that have the same first day, last day and number of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// First day seen, from 0.
    pub first: usize,
    /// Last day seen.
    pub last: usize,
    /// On how many days seen.
    pub days: usize,
    /// How many bots.
    pub bots: u64,
}

impl Histories {
    /// No bots yet, over `days` days; more than [`MAX_DAYS`] are cut to it.
    pub fn new(days: usize) -> Self {
        let days = days.min(MAX_DAYS);
        Self { days, cells: vec![0; days * days * days], maps: HashMap::new(), daily: vec![0; days], bots: 0 }
    }

    /// Sightings as pairs of bot and day (from 0), in any order and with any repetition. Days outside of the window do
    /// not count. The pairs are sorted: 16 bytes each.
    pub fn of(days: usize, sightings: impl IntoIterator<Item = (u64, i64)>) -> Self {
        let mut all = Self::new(days);
        let inside = |day: i64| u8::try_from(day).ok().filter(|d| usize::from(*d) < all.days);
        let mut pairs: Vec<(u64, u8)> =
            sightings.into_iter().filter_map(|(bot, day)| Some((bot, inside(day)?))).collect();
        pairs.sort_unstable();
        for one in pairs.chunk_by(|a, b| a.0 == b.0) {
            all.add(one.iter().fold(0, |map, (_, day)| map | (1 << day)));
        }
        all
    }

    /// One more bot: bit *d* is set where it was seen on day *d*. A bot that was never seen, or only outside of the
    /// window, is none.
    pub fn add(&mut self, seen: u64) {
        self.add_many(seen, 1);
    }

    /// `bots` more bots that were all seen on the same days.
    pub fn add_many(&mut self, seen: u64, bots: u64) {
        let seen = seen & (u64::MAX >> (64 - self.days.clamp(1, 64)));
        if seen == 0 || bots == 0 || self.days == 0 {
            return;
        }
        let first = seen.trailing_zeros() as usize;
        let last = 63 - seen.leading_zeros() as usize;
        let count = seen.count_ones() as usize;
        let at = (first * self.days + last) * self.days + count - 1;
        if let Some(cell) = self.cells.get_mut(at) {
            *cell += bots;
        }
        for (day, sum) in self.daily.iter_mut().enumerate() {
            *sum += (seen >> day & 1) * bots;
        }
        *self.maps.entry(seen).or_default() += bots;
        self.bots += bots;
    }

    /// The histories, each as a map of days with the number of bots that it stands for: all where there are at most
    /// `most`, else an even part of about as many (threshold sampling, Duffield, Lund and Thorup 2007, Journal of the ACM
    /// 54): those of many bots each, and of the others some that stand for more. Which they are depends on the histories
    /// alone.
    pub(super) fn part(&self, most: usize) -> Vec<(u64, f64)> {
        let mut all: Vec<(u64, f64)> = self.maps.iter().map(|(map, n)| (*map, *n as f64)).collect();
        all.sort_unstable_by_key(|(map, _)| *map);
        if all.len() <= most {
            return all;
        }
        let (mut low, mut high) = (1.0, self.bots as f64);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            let kept: f64 = all.iter().map(|(_, n)| (n / middle).min(1.0)).sum();
            if kept > most as f64 { low = middle } else { high = middle }
        }
        all.retain_mut(|(map, n)| {
            let chance = (*n / high).min(1.0);
            *n = n.max(high);
            (spread(*map) >> 11) as f64 / (1u64 << 53) as f64 <= chance
        });
        all
    }

    /// Days of the window.
    pub fn days(&self) -> usize {
        self.days
    }

    /// Distinct bots that were seen.
    pub fn seen(&self) -> u64 {
        self.bots
    }

    /// Distinct bots of each day.
    pub fn daily(&self) -> &[u64] {
        &self.daily
    }

    /// Days on which any bot was seen.
    pub fn watched(&self) -> usize {
        self.daily.iter().filter(|&&n| n > 0).count()
    }

    /// Bots that were seen on two days or more.
    pub fn recaptured(&self) -> u64 {
        self.cells().filter(|c| c.days > 1).map(|c| c.bots).sum()
    }

    /// At index `k - 1` the bots seen on exactly `k` days: what the closed model takes.
    pub fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.watched()];
        for cell in self.cells() {
            if let Some(n) = counts.get_mut(cell.days - 1) {
                *n += cell.bots;
            }
        }
        counts
    }

    /// The cells that hold bots.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        let days = self.days.max(1);
        self.cells.iter().enumerate().filter(|(_, bots)| **bots > 0).map(move |(at, &bots)| Cell {
            first: at / days / days,
            last: at / days % days,
            days: at % days + 1,
            bots,
        })
    }
}
