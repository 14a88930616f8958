//! A family's algorithm, its published seeds, and its names.

use super::date::{Date, Period};
use super::error::GeneratedError;
use std::borrow::Cow;
use std::fmt;
use terms::Day;

/// What makes one sample's names differ from another's: published, or read from a sample.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seed {
    name: Cow<'static, str>,
    number: u64,
    text: Cow<'static, str>,
    names: u32,
}

impl Seed {
    /// A published seed.
    pub(super) const fn published(name: &'static str, number: u64, text: &'static str, names: u32) -> Self {
        Self { name: Cow::Borrowed(name), number, text: Cow::Borrowed(text), names }
    }
    /// A seed of a sample: what its configuration holds as number and as text (0 and empty where the family has no
    /// such thing, see [`Generator::seed_help`]), and how many names are wanted of a period.
    pub fn of_sample(name: &str, number: u64, text: &str, names: u32) -> Self {
        Self { name: Cow::Owned(name.into()), number, text: Cow::Owned(text.into()), names }
    }
    /// What the seed is called.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// How many names are given of a period. Where a bot goes on for ever, as many as were published.
    pub fn names(&self) -> u32 {
        self.names
    }
    /// The number the algorithm starts from.
    pub fn number(&self) -> u64 {
        self.number
    }
    /// The number, cut to the 32 bits that most algorithms hold.
    pub(super) fn number32(&self) -> u32 {
        self.number as u32
    }
    /// The text the algorithm starts from.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Writes one name after another. Endless: the seed says how many are taken.
pub(super) trait Stream: Send {
    /// Appends the next name to `out`, which is empty.
    fn write_next(&mut self, out: &mut String);
}

/// What starts an algorithm, or why the seed does not suit it.
pub(super) type Start = fn(&Seed, Date) -> Result<Box<dyn Stream>, &'static str>;

/// The domain-generation algorithm of a family.
pub struct Generator {
    /// The family, lower case.
    pub family: &'static str,
    /// Where the algorithm or its parameters were published.
    pub source: &'static str,
    /// How the date enters.
    pub period: Period,
    /// The published seeds that were held against published names.
    pub seeds: &'static [Seed],
    /// What number and text of a sample's seed mean.
    pub seed_help: &'static str,
    pub(super) start: Start,
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator")
            .field("family", &self.family)
            .field("period", &self.period)
            .field("seeds", &self.seeds.len())
            .finish_non_exhaustive()
    }
}

impl Generator {
    /// The published seed of that name.
    ///
    /// # Errors
    /// [`GeneratedError::UnknownSeed`], which lists the published ones.
    pub fn seed(&self, name: &str) -> Result<&'static Seed, GeneratedError> {
        self.seeds.iter().find(|s| s.name() == name).ok_or_else(|| GeneratedError::UnknownSeed {
            family: self.family,
            name: name.chars().take(80).collect(),
            known: self.seeds.iter().map(Seed::name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The names of a seed on a day, in the order in which a bot makes them where that is known.
    ///
    /// # Errors
    /// [`GeneratedError::Seed`] where the algorithm cannot start from such a seed; never for a published one.
    pub fn names(&self, seed: &Seed, day: Day) -> Result<Names, GeneratedError> {
        let stream = (self.start)(seed, Date::of(day))
            .map_err(|why| GeneratedError::Seed { family: self.family, why })?;
        Ok(Names { stream, left: seed.names, buffer: String::with_capacity(64) })
    }
}

/// Names of one seed on one day. As an iterator it hands out owned names; [`Names::next_name`] lends the buffer that
/// each name is written into.
pub struct Names {
    stream: Box<dyn Stream>,
    left: u32,
    buffer: String,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Names {
    /// The next name, lower case, without a final dot.
    pub fn next_name(&mut self) -> Option<&str> {
        self.left = self.left.checked_sub(1)?;
        self.buffer.clear();
        self.stream.write_next(&mut self.buffer);
        Some(&self.buffer)
    }
}

impl Iterator for Names {
    type Item = String;
    fn next(&mut self) -> Option<String> {
        self.next_name().map(str::to_owned)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}
