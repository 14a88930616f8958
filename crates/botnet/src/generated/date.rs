//! A day in the parts that algorithms take, and how long the names of a day stay the same.

use terms::Day;

/// A day of the proleptic Gregorian calendar, in the parts that algorithms take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    /// Days since 1970-01-01.
    pub(super) days: i64,
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: u32,
    /// 1 to 31.
    pub(super) day: u32,
}

impl Date {
    /// Every `Day` has one; arithmetic of eras of 400 years, in which no leap day is an exception.
    pub(crate) fn of(day: Day) -> Self {
        let days = i64::from(day.0);
        // Counted from 1 March of year 0, so that the leap day is the last of its year.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let in_era = shifted.rem_euclid(146_097);
        let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
        let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * in_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            days,
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: month as u32,
            day: (in_year - (153 * from_march + 2) / 5 + 1) as u32,
        }
    }

    /// The day of a year, month and day of the month, the inverse of [`Date::of`].
    fn days_of(year: i64, month: u32, day: u32) -> i64 {
        let y = year - i64::from(month <= 2);
        let from_march = i64::from((month + 9) % 12);
        let in_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
        let year_of_era = y.rem_euclid(400);
        let in_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + in_year;
        y.div_euclid(400) * 146_097 + in_era - 719_468
    }

    /// The year as a 32-bit machine has it.
    pub(super) fn year32(self) -> u32 {
        self.year as u32
    }

    /// Monday is 0.
    fn weekday(self) -> i64 {
        (self.days + 3).rem_euclid(7)
    }

    /// The week of ISO 8601, 1 to 53.
    pub(super) fn iso_week(self) -> u32 {
        let thursday = self.days - self.weekday() + 3;
        let year = Self::of(clamp(thursday)).year;
        ((thursday - Self::days_of(year, 1, 1)) / 7 + 1) as u32
    }

    /// Which third of its month: 0 for days 1 to 10, 1 for 11 to 20, 2 for the rest.
    pub(super) fn third(self) -> u32 {
        (self.day.saturating_sub(1) / 10).min(2)
    }
}

/// A count of days as a `Day`, which has less room.
fn clamp(days: i64) -> Day {
    Day(days.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32)
}

/// How the date enters a family's names: for how long they stay the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// The date does not enter: a seed has the same names for ever.
    Always,
    /// New names each day.
    Day,
    /// New names on each even day of the month (and on its first).
    TwoDays,
    /// New names each Monday, and at New Year.
    Week,
    /// New names each Monday, and on the 1st of each month.
    WeekOfMonth,
    /// New names each Thursday: weeks since 1970-01-01.
    EpochWeek,
    /// New names on the 1st, 11th and 21st of each month.
    ThirdOfMonth,
    /// New names on the 1st of each month.
    Month,
}

impl Period {
    /// The first and last day of the stretch around `day` in which names stay the same.
    pub fn around(self, day: Day) -> (Day, Day) {
        let date = Date::of(day);
        let days = date.days;
        let to_first = i64::from(date.day) - 1;
        let next_month = if date.month == 12 {
            Date::days_of(date.year + 1, 1, 1)
        } else {
            Date::days_of(date.year, date.month + 1, 1)
        };
        let (first, last) = match self {
            Self::Always => return (Day(i32::MIN), Day(i32::MAX)),
            Self::Day => (days, days),
            Self::TwoDays => {
                let first = days - i64::from(date.day % 2 == 1 && date.day > 1);
                (first, (days + i64::from(date.day.is_multiple_of(2))).min(next_month - 1))
            }
            Self::Week => {
                let monday = days - date.weekday();
                (
                    monday.max(Date::days_of(date.year, 1, 1)),
                    (monday + 6).min(Date::days_of(date.year, 12, 31)),
                )
            }
            Self::WeekOfMonth => {
                let monday = days - date.weekday();
                (monday.max(days - to_first), (monday + 6).min(next_month - 1))
            }
            Self::EpochWeek => {
                let first = days.div_euclid(7) * 7;
                (first, first + 6)
            }
            Self::ThirdOfMonth => {
                let first = days - to_first + i64::from(date.third()) * 10;
                (first, if date.third() == 2 { next_month - 1 } else { first + 9 })
            }
            Self::Month => (days - to_first, next_month - 1),
        };
        (clamp(first), clamp(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_in_parts_is_the_day_that_the_calendar_writes() {
        for day in (-720_000..2_940_000).step_by(17) {
            let date = Date::of(Day(day));
            assert_eq!(Date::days_of(date.year, date.month, date.day), i64::from(day));
            let text = Day(day).to_string();
            if (0..10_000).contains(&date.year) {
                assert_eq!(text, format!("{:04}-{:02}-{:02}", date.year, date.month, date.day));
            }
        }
    }

    #[test]
    fn weeks_are_those_of_iso_8601() {
        // From the standard's own examples and years that begin or end in another year's week.
        for (day, week) in [
            ("2022-05-30", 22),
            ("2022-06-05", 22),
            ("2022-06-06", 23),
            ("2021-01-03", 53),
            ("2021-01-04", 1),
            ("2018-12-31", 1),
            ("2016-01-01", 53),
            ("2024-02-29", 9),
        ] {
            assert_eq!(Date::of(day.parse().unwrap_or_default()).iso_week(), week, "{day}");
        }
    }

    #[test]
    fn stretches_cover_every_day_once() {
        use Period::{Day as Daily, EpochWeek, Month, ThirdOfMonth, TwoDays, Week, WeekOfMonth};
        for period in [Daily, TwoDays, Week, WeekOfMonth, EpochWeek, ThirdOfMonth, Month] {
            let mut day = Day(10_000);
            while day.0 < 20_000 {
                let (first, last) = period.around(day);
                assert!(first <= day && day <= last, "{period:?} {day}");
                assert_eq!(period.around(first), (first, last), "{period:?} {first}");
                assert_eq!(period.around(last), (first, last), "{period:?} {last}");
                assert_ne!(period.around(last.plus(1)), (first, last), "{period:?} {last}");
                day = last.plus(1);
            }
        }
    }
}
