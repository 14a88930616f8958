//! For how long an infected bot is silent anyway: what a cohort's cures are told by ([`super::survival::Followed::judge`]).
//!
//! Between its first and its last sighting a bot was infected. Of all spans of so many days that lie there, the share without
//! a sighting is the chance that an infected bot is taken for a cured one. It counts whole spans and not single days, because
//! silence lasts: a machine that is off today is likely off tomorrow. First and last day of each bot's time are seen by
//! construction, so that the chance is a little larger in truth.

use std::collections::BTreeSet;

/// A bot whose days lie further apart teaches nothing: pseudonyms last a month.
const MOST: usize = 62;

/// Spans without a sighting, by their length.
#[derive(Debug, Clone, Default)]
pub struct Silences {
    /// At index `days - 1`: spans without a sighting, and all spans.
    spans: Vec<(u64, u64)>,
}

impl Silences {
    /// Adds the days on which one bot was seen.
    pub fn add(&mut self, days: &BTreeSet<i32>) {
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return };
        let long = usize::try_from(last.saturating_sub(*first)).unwrap_or(0) + 1;
        if long > MOST {
            return;
        }
        if self.spans.len() < long {
            self.spans.resize(long, (0, 0));
        }
        let gaps = days.iter().zip(days.iter().skip(1)).map(|(a, b)| b.saturating_sub(*a) as usize);
        let gaps: Vec<usize> = gaps.filter(|g| *g > 1).collect();
        for (length, (silent, all)) in (1..=long).zip(&mut self.spans) {
            *all += (long - length + 1) as u64;
            // Of the gap's own days, one fewer than from sighting to sighting.
            *silent += gaps.iter().map(|gap| gap.saturating_sub(length) as u64).sum::<u64>();
        }
    }

    /// The fewest days, at most `most`, for which the chance is at most `chance`, and that chance. None where no length is
    /// as rare, or where nothing was learned.
    pub fn least(&self, chance: f64, most: u32) -> Option<(u32, f64)> {
        let lengths = (1..=most).zip(&self.spans);
        let of = |(silent, all): (u64, u64)| silent as f64 / all as f64;
        lengths
            .filter(|(_, (_, all))| *all > 0)
            .map(|(days, spans)| (days, of(*spans)))
            .find(|(_, c)| *c <= chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_without_a_sighting_are_counted_as_a_plain_count_has_them() {
        let bots: Vec<BTreeSet<i32>> = [&[1, 2, 3, 4][..], &[1, 5], &[1, 3, 4, 9, 10], &[7]]
            .map(|d| d.iter().copied().collect())
            .to_vec();
        let mut silences = Silences::default();
        bots.iter().for_each(|days| silences.add(days));
        for length in 1..=10i32 {
            let (mut silent, mut all) = (0u64, 0u64);
            for days in &bots {
                let (first, last) = (*days.first().unwrap_or(&0), *days.last().unwrap_or(&0));
                for from in first..=last - length + 1 {
                    all += 1;
                    silent += u64::from(!(from..from + length).any(|d| days.contains(&d)));
                }
            }
            let found = silences.spans.get(length as usize - 1).copied().unwrap_or_default();
            assert_eq!(found, (silent, all), "{length}");
        }
        // Of two days 5 of 16 spans are silent, of three 3 of 13.
        assert_eq!(silences.least(0.25, 10).map(|(days, _)| days), Some(3));
        assert_eq!(silences.least(0.25, 2), None);
        assert_eq!(Silences::default().least(0.5, 10), None);
    }
}
