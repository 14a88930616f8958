//! The clock of the operation.

use crate::Spec;
use terms::{Day, MICROS_PER_SECOND, Timestamp};

/// Day 0: 2026-03-02.
pub(crate) const DAY_0: Day = Day(20_514);
/// Days of the window after the takedown.
pub(crate) const AFTER_DAYS: u32 = 7;

/// When things happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    /// Days before.
    pub(crate) days: i32,
}

impl Calendar {
    pub(crate) fn of(spec: &Spec) -> Self {
        Self { days: i32::try_from(spec.days).unwrap_or(7) }
    }
    pub(crate) fn before(self) -> impl Iterator<Item = Day> {
        (0..self.days).map(|n| DAY_0.plus(n))
    }
    pub(crate) fn last(self) -> Day {
        DAY_0.plus(self.days - 1)
    }
    /// The day of the takedown; day 8 by default.
    pub(crate) fn strike_day(self) -> Day {
        DAY_0.plus(self.days + 1)
    }
    pub(crate) fn takedown(self) -> Timestamp {
        self.strike_day().start().plus_micros(10 * 3_600 * MICROS_PER_SECOND)
    }
    pub(crate) fn after(self) -> impl Iterator<Item = Day> {
        let first = self.strike_day().plus(1);
        (0..AFTER_DAYS.cast_signed()).map(move |n| first.plus(n))
    }
    /// The day whose DNS log and capture are kept, and on which the other researcher's sinkhole answers.
    pub(crate) fn dns_day(self) -> Day {
        DAY_0.plus((self.days - 1).min(4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_has_its_dates() {
        let c = Calendar::of(&Spec::default());
        assert_eq!(DAY_0.to_string(), "2026-03-02");
        assert_eq!(c.last().to_string(), "2026-03-08");
        assert_eq!(c.takedown().to_string(), "2026-03-10T10:00:00Z");
        let after: Vec<String> = c.after().map(|d| d.to_string()).collect();
        assert_eq!(after.first().map(String::as_str), Some("2026-03-11"));
        assert_eq!(after.last().map(String::as_str), Some("2026-03-17"));
    }
}
