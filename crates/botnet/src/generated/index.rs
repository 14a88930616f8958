//! Which family makes a name: one name at a time, or many against an index of a window of days.

use super::date::Period;
use super::error::GeneratedError;
use super::family::{Generator, Seed};
use std::ops::RangeInclusive;
use terms::Day;

/// The most names an index holds: 16 bytes each, so at most 64 MiB.
pub const MAX_INDEXED: u64 = 4 << 20;

/// A family and seed that make a name, and on which days of the window.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Known {
    /// The family.
    pub family: &'static str,
    /// The name of its seed.
    pub seed: String,
    /// How the date enters.
    pub period: Period,
    /// The first day of the window on which bots ask for the name.
    pub first: Day,
    /// The last day of the stretch.
    pub last: Day,
}

/// One seed over one stretch of days in which its names stay the same.
#[derive(Debug)]
struct Stretch {
    generator: &'static Generator,
    seed: &'static Seed,
    first: Day,
    last: Day,
}

impl Stretch {
    fn known(&self) -> Known {
        Known {
            family: self.generator.family,
            seed: self.seed.name().into(),
            period: self.generator.period,
            first: self.first,
            last: self.last,
        }
    }
    /// Whether the algorithm makes the very name: the proof.
    fn makes(&self, name: &str) -> bool {
        let Ok(mut names) = self.generator.names(self.seed, self.first) else { return false };
        while let Some(next) = names.next_name() {
            if next == name {
                return true;
            }
        }
        false
    }
}

/// Every published seed of some families over every stretch of a window of days.
fn stretches(families: &[&'static Generator], days: &RangeInclusive<Day>) -> impl Iterator<Item = Stretch> {
    let (start, end) = (*days.start(), *days.end());
    families.iter().copied().flat_map(move |generator| {
        let mut next = (start <= end).then_some(start);
        std::iter::from_fn(move || {
            let first = next?;
            let last = generator.period.around(first).1.min(end);
            next = (last < end).then(|| last.plus(1));
            Some((first, last))
        })
        .flat_map(move |(first, last)| {
            generator.seeds.iter().map(move |seed| Stretch { generator, seed, first, last })
        })
    })
}

/// A name as it is compared: lower case, without a final dot.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Which families make a name on which days of a window, by making every name of every published seed. For many
/// names, or again and again, take an [`Index`].
///
/// Time grows with the window: all families together have some 20,000 names that do not change, some 12,000 a
/// month or a third of one, and some 4,000 a day.
pub fn recognise(name: &str, days: RangeInclusive<Day>) -> Vec<Known> {
    let name = plain(name);
    stretches(super::all(), &days).filter(|s| s.makes(&name)).map(|s| s.known()).collect()
}

/// The names of a window of days, built once. It holds a fingerprint of 64 bits for each; a match is made again
/// before it is told, so that a collision is never a finding.
#[derive(Debug)]
pub struct Index {
    stretches: Vec<Stretch>,
    /// Fingerprint, and the place of its stretch. Sorted.
    names: Vec<(u64, u32)>,
}

impl Index {
    /// The index of all families over a window of days.
    ///
    /// # Errors
    /// [`GeneratedError::TooMany`] where it would hold more than [`MAX_INDEXED`] names; nothing is built then.
    pub fn over(days: RangeInclusive<Day>) -> Result<Self, GeneratedError> {
        Self::of(super::all(), days)
    }

    /// The index of some families over a window of days.
    ///
    /// # Errors
    /// As [`Index::over`].
    pub fn of(families: &[&'static Generator], days: RangeInclusive<Day>) -> Result<Self, GeneratedError> {
        let wide = i64::from(days.end().0) - i64::from(days.start().0) + 1;
        let mut count = 0u64;
        let mut kept = Vec::new();
        for stretch in stretches(families, &days) {
            count += u64::from(stretch.seed.names());
            if count > MAX_INDEXED {
                return Err(GeneratedError::TooMany {
                    days: u64::try_from(wide).unwrap_or(0),
                    names: count,
                    most: MAX_INDEXED,
                });
            }
            kept.push(stretch);
        }
        let mut names = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
        for (at, stretch) in kept.iter().enumerate() {
            let mut stream = stretch.generator.names(stretch.seed, stretch.first)?;
            while let Some(name) = stream.next_name() {
                names.push((fingerprint(name), at as u32));
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(Self { stretches: kept, names })
    }

    /// Which families make the name on which days of the window, in the order of the families.
    pub fn recognise(&self, name: &str) -> Vec<Known> {
        let name = plain(name);
        let print = fingerprint(&name);
        let from = self.names.partition_point(|(p, _)| *p < print);
        self.names
            .iter()
            .skip(from)
            .take_while(|(p, _)| *p == print)
            .filter_map(|(_, at)| self.stretches.get(*at as usize))
            .filter(|s| s.makes(&name))
            .map(Stretch::known)
            .collect()
    }

    /// How many fingerprints the index holds.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether the window holds no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// FNV-1a of 64 bits (Fowler, Noll, Vo): good enough to find, never to prove.
fn fingerprint(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
