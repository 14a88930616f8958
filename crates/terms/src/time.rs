//! Time: UTC microseconds since the Unix epoch, as integers.

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Microseconds in a second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds in a day of 86,400 seconds.
pub const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time: give RFC 3339 with a zone, as 2026-03-10T10:00:00Z, or a date, as 2026-03-10")]
pub struct TimeError(pub String);

/// An instant, UTC, in microseconds since 1970-01-01T00:00:00Z. In JSON: RFC 3339 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant `seconds` (which may have a fraction) after the epoch; saturates outside the range of `i64`.
    pub fn from_seconds_f64(seconds: f64) -> Self {
        Self((seconds * MICROS_PER_SECOND as f64).round() as i64)
    }
    /// The instant `micros` later (earlier if negative); saturates.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
    /// The instant `days` later (earlier if negative); saturates.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        self.plus_micros(days.saturating_mul(MICROS_PER_DAY))
    }
    /// The day (UTC) this instant falls on.
    pub fn day(self) -> Day {
        Day(i32::try_from(self.0.div_euclid(MICROS_PER_DAY)).unwrap_or(i32::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.0) {
            Some(t) => f.write_str(&t.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;
    fn from_str(s: &str) -> Result<Self, TimeError> {
        if let Ok(day) = s.parse::<Day>() {
            return Ok(day.start());
        }
        DateTime::parse_from_rfc3339(s)
            .map(|t| Self(t.timestamp_micros()))
            .map_err(|_| TimeError(s.chars().take(80).collect()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(d).map(Self)
        }
    }
}

/// A calendar day, UTC, as days since 1970-01-01. In JSON: `2026-03-10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Day(pub i32);

impl Day {
    /// Midnight at which the day begins.
    pub fn start(self) -> Timestamp {
        Timestamp(i64::from(self.0) * MICROS_PER_DAY)
    }
    /// The day `n` days later (earlier if negative); saturates.
    #[must_use]
    pub fn plus(self, n: i32) -> Self {
        Self(self.0.saturating_add(n))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.start().0) {
            Some(t) => write!(f, "{}", t.format("%Y-%m-%d")),
            None => write!(f, "day {}", self.0),
        }
    }
}

impl FromStr for Day {
    type Err = TimeError;
    fn from_str(s: &str) -> Result<Self, TimeError> {
        let date = chrono::NaiveDate::parse_from_str(s, "%Y-%m-%d")
            .map_err(|_| TimeError(s.chars().take(80).collect()))?;
        let midnight = date.and_time(chrono::NaiveTime::MIN).and_utc();
        Ok(Timestamp(midnight.timestamp_micros()).day())
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_i32(self.0) }
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
        } else {
            i32::deserialize(d).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_time_reads_back_as_written(t in -62_000_000_000_000_000i64..250_000_000_000_000_000) {
            prop_assert_eq!(Timestamp(t).to_string().parse::<Timestamp>(), Ok(Timestamp(t)));
        }
        #[test]
        fn a_day_contains_its_instants(t in 0i64..4_000_000_000_000_000) {
            let day = Timestamp(t).day();
            prop_assert!(day.start() <= Timestamp(t) && Timestamp(t) < day.plus(1).start());
            prop_assert_eq!(day.to_string().parse::<Day>(), Ok(day));
        }
    }

    #[test]
    fn other_zones_become_utc_and_nonsense_is_refused() {
        assert_eq!("2026-03-10T11:00:00+01:00".parse::<Timestamp>(), "2026-03-10T10:00:00Z".parse());
        assert!("2026-03-10 10:00".parse::<Timestamp>().is_err());
        assert!("tomorrow".parse::<Timestamp>().is_err());
    }
}
