//! Spans: the day, week or month over which devices are counted.

use crate::{Period, PrivacyError};
use chrono::{Datelike as _, Days, IsoWeek, Months, NaiveDate, Weekday};
use std::{fmt, str::FromStr};
use terms::Timestamp;

/// A calendar day, an ISO 8601 week or a calendar month, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Span {
    /// `2026-03-02`.
    Day(NaiveDate),
    /// `2026-W10`, Monday to Sunday.
    Week(IsoWeek),
    /// `2026-03`.
    Month(Period),
}

impl Span {
    /// The word that clauses use: `day`, `week`, `month`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day(_) => "day",
            Self::Week(_) => "week",
            Self::Month(_) => "month",
        }
    }

    /// The first instant, and the first after it.
    pub fn bounds(self) -> (Timestamp, Timestamp) {
        let first = self.first();
        let after = match self {
            Self::Day(_) => first.checked_add_days(Days::new(1)),
            Self::Week(_) => first.checked_add_days(Days::new(7)),
            Self::Month(_) => first.checked_add_months(Months::new(1)),
        };
        (midnight(first), midnight(after.unwrap_or(NaiveDate::MAX)))
    }

    /// The calendar months it touches, one or two. A bot has a new pseudonym in each, so it is as many devices.
    pub fn months(self) -> Vec<Period> {
        let (from, until) = self.bounds();
        let (first, last) = (Period::of(from), Period::of(until.plus_micros(-1)));
        if first == last { vec![first] } else { vec![first, last] }
    }

    fn first(self) -> NaiveDate {
        let first = match self {
            Self::Day(day) => Some(day),
            Self::Week(week) => NaiveDate::from_isoywd_opt(week.year(), week.week(), Weekday::Mon),
            Self::Month(month) => NaiveDate::from_ymd_opt(
                month.number().div_euclid(12),
                month.number().rem_euclid(12).unsigned_abs() + 1,
                1,
            ),
        };
        first.unwrap_or(NaiveDate::MAX)
    }
}

fn midnight(day: NaiveDate) -> Timestamp {
    Timestamp(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros())
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Week(week) => write!(f, "{:04}-W{:02}", week.year(), week.week()),
            Self::Month(month) => month.fmt(f),
        }
    }
}

impl FromStr for Span {
    type Err = PrivacyError;
    /// Reads the one spelling of each; years 1970 to 9999.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = || PrivacyError::NotASpan { text: crate::error::cut(s) };
        let span = match s.len() {
            10 => Self::Day(NaiveDate::parse_from_str(s, "%Y-%m-%d").map_err(|_| bad())?),
            8 => {
                let (year, week) = s.split_once("-W").ok_or_else(bad)?;
                let monday = NaiveDate::from_isoywd_opt(
                    year.parse().map_err(|_| bad())?,
                    week.parse().map_err(|_| bad())?,
                    Weekday::Mon,
                );
                Self::Week(monday.ok_or_else(bad)?.iso_week())
            }
            7 => Self::Month(s.parse().map_err(|_| bad())?),
            _ => return Err(bad()),
        };
        let first = span.first();
        // One spelling each: what reads is what is written.
        if span.to_string() == s && (1970..=9999).contains(&first.year()) { Ok(span) } else { Err(bad()) }
    }
}
