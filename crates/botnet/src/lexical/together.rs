//! Names that one host asked for, judged together.
//!
//! A single generated name of eight letters, or of two words, looks like thousands of popular names; ten of them hardly
//! ever look like ten of those. So what counts is the mean log odds of many names, against the means that as many popular
//! names drawn at random have. One odd name cannot carry a group: no name counts for more than even odds.

use super::odds;

/// Fewest names that are judged together.
pub const FEWEST: usize = 5;

/// Of popular names taken so many at a time, one group in a thousand has a higher mean of log odds. More names are held to
/// the last line: a host's own missing names are not popular ones, and a line that sinks on and on would meet them.
/// Drawn from the names that chose [`super::THRESHOLD`]; `quality botnet names` draws them again.
pub const LINES: [(usize, f32); 4] = [(5, -5.06), (6, -5.34), (8, -5.72), (10, -5.98)];

/// Names judged together, as a running sum.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Together {
    names: usize,
    sum: f64,
}

impl Together {
    /// Takes in one name: one of each registrable domain, or a single domain would be a crowd.
    pub fn add(&mut self, name: &str) {
        odds(name).into_iter().for_each(|odds| self.take(odds));
    }

    /// Takes in one name whose log odds are known ([`super::odds`]).
    pub fn take(&mut self, odds: f32) {
        self.names += 1;
        self.sum += f64::from(odds.min(0.0));
    }

    /// How many names were judged.
    pub const fn names(&self) -> usize {
        self.names
    }

    /// The mean log odds that one of them is generated; none where there are fewer than [`FEWEST`].
    pub fn mean(&self) -> Option<f32> {
        (self.names >= FEWEST).then(|| (self.sum / self.names as f64) as f32)
    }

    /// How far the mean lies above the line for so many names; negative below it. None where there are too few.
    pub fn above(&self) -> Option<f32> {
        let line = LINES.iter().rev().find(|(names, _)| self.names >= *names).map(|(_, line)| *line)?;
        Some(self.mean()? - line)
    }

    /// Whether the names together look generated: one group of popular names in a thousand does.
    pub fn generated(&self) -> bool {
        self.above().is_some_and(|above| above > 0.0)
    }
}

impl<'a> FromIterator<&'a str> for Together {
    fn from_iter<T: IntoIterator<Item = &'a str>>(names: T) -> Self {
        let mut all = Self::default();
        names.into_iter().for_each(|name| all.add(name));
        all
    }
}
