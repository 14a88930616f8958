//! Noisy counts of bots per place: `comity.noisy-counts/1`, an item of a payload whose act is `dp-count`.
//!
//! Here: the form, and that a reader sees with each count how far it may be off. Elsewhere: the noise and what it
//! protects (`privacy`), what it cost (`comity`).
//! Bounds: 64 KiB, 1 to 677 places in order, each once.

use crate::ExchangeError;
use crate::payload::Item;
use agreement::{Budget, Period, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{Category, Obtained, Place, Protection, Timestamp};

/// Media type of an item of noisy counts.
pub const MEDIA_TYPE: &str = "application/vnd.comity.noisy-counts+json";
/// Schema of noisy counts.
pub const SCHEMA: &str = "comity.noisy-counts/1";
const MAX_BYTES: usize = 64 << 10;
/// All codes of two letters, and one more than enough.
const MAX_PLACES: usize = 677;

/// Counts with noise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Always `comity.noisy-counts/1`.
    pub schema: String,
    /// What was counted over: a day, a week or a month (`2026-03-02`, `2026-W10`, `2026-03`).
    pub span: String,
    /// Which of these it is.
    pub period: Period,
    /// What was counted, each once: whether one of them is there at all cannot be told from the counts.
    pub unit: Unit,
    /// Epsilon in millionths.
    pub epsilon: u64,
    /// By how much one unit may change all counts together.
    pub sensitivity: u32,
    /// Each true count lies within so much of the one shown, at [`Self::confidence`]; a 0 may stand for a negative draw.
    pub error: u64,
    /// In percent.
    pub confidence: u8,
    /// When it was counted. The same question gives the same answer later.
    pub counted: Timestamp,
    /// Every place of a public list, also those with nobody; `ZZ` for all others together.
    pub places: Vec<(Place, u64)>,
}

impl Counts {
    /// Reads the bytes of an item of [`MEDIA_TYPE`].
    ///
    /// # Errors
    /// CMT-0933 for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, ExchangeError> {
        if bytes.len() > MAX_BYTES {
            return Err(refused("they are larger than 64 KiB"));
        }
        let counts: Self =
            serde_json::from_slice(bytes).map_err(|e| refused(&format!("they do not read ({e})")))?;
        counts.check()?;
        Ok(counts)
    }

    /// The counts, where they are what the payload's budget speaks of. One of 0 asked is an answer that was drawn before.
    pub(crate) fn fits(self, budget: Option<Budget>) -> Result<Self, ExchangeError> {
        let fits = |b: Budget| {
            (b.asked == 0 || b.asked == self.epsilon) && b.unit == self.unit && b.period == self.period
        };
        if budget.is_some_and(fits) { Ok(self) } else { Err(refused("they are not what the budget states")) }
    }

    fn check(&self) -> Result<(), ExchangeError> {
        if self.schema != SCHEMA {
            return Err(refused("their schema is not `comity.noisy-counts/1`"));
        }
        if self.places.is_empty() || self.places.len() > MAX_PLACES {
            return Err(refused("they need 1 to 677 places"));
        }
        if !self.places.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(refused("their places are not in order, each once"));
        }
        if self.epsilon == 0 || self.sensitivity == 0 || !(1..100).contains(&self.confidence) {
            return Err(refused("epsilon, sensitivity and confidence must be above 0"));
        }
        let plain = |c: char| c.is_ascii_digit() || matches!(c, '-' | 'W');
        if !(7..=10).contains(&self.span.len()) || !self.span.chars().all(plain) {
            return Err(refused("what they were counted over is no day, week or month"));
        }
        Ok(())
    }

    /// The counts as an item of a payload. Their form is that of a pseudonym, because nobody is named; `aggregate(k)` is more than noise
    /// can claim, since a place with one bot has its row.
    ///
    /// # Errors
    /// CMT-0933 where they break a bound.
    pub fn item(&self, name: &str) -> Result<Item, ExchangeError> {
        self.check()?;
        Ok(Item {
            name: name.into(),
            media_type: MEDIA_TYPE.into(),
            categories: BTreeSet::from([Category::VictimIp]),
            protection: Protection::Pseudonym,
            obtained: Obtained::Voluntary,
            records: self.places.len() as u64,
            bytes: serde_json::to_vec(self).map_err(|e| refused(&e.to_string()))?,
            labels: Vec::new(),
        })
    }
}

fn refused(why: &str) -> ExchangeError {
    ExchangeError::Counts { why: why.to_owned() }
}
