//! Periods: how long one key makes pseudonyms.

use chrono::{DateTime, Datelike as _};
use std::{fmt, str::FromStr};
use terms::Timestamp;

/// A calendar month, UTC. A bot keeps its pseudonym within a period and gets a new one with the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period {
    /// Months since January of the year 0, so that order is order in time.
    months: i32,
}

impl Period {
    /// The month an instant falls in. Instants beyond the calendar's range fall in its first or last month.
    pub fn of(at: Timestamp) -> Self {
        let day = DateTime::from_timestamp_micros(at.0).unwrap_or(if at.0 < 0 {
            DateTime::<chrono::Utc>::MIN_UTC
        } else {
            DateTime::<chrono::Utc>::MAX_UTC
        });
        Self { months: day.year() * 12 + day.month0() as i32 }
    }
    /// The month after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self { months: self.months.saturating_add(1) }
    }
    pub(crate) fn number(self) -> i32 {
        self.months
    }
}

impl fmt::Display for Period {
    /// `2026-03`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.months.div_euclid(12), self.months.rem_euclid(12) + 1)
    }
}

impl FromStr for Period {
    type Err = crate::PrivacyError;
    /// Reads `2026-03`: a year 0000 to 9999 and a month.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = || crate::PrivacyError::NotAPeriod { text: crate::error::cut(s) };
        let (year, month) = s.split_once('-').ok_or_else(bad)?;
        let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(bad());
        }
        let (year, month): (i32, i32) = (year.parse().map_err(|_| bad())?, month.parse().map_err(|_| bad())?);
        if !(1..=12).contains(&month) {
            return Err(bad());
        }
        Ok(Self { months: year * 12 + month - 1 })
    }
}
