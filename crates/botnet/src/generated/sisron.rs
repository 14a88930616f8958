//! Sisron: the date itself in Base64.

use super::date::{Date, Period};
use super::family::{Generator, Seed, Stream};
use super::text::{push_base64_lower, push_suffix};
use terms::Day;

pub(super) static SISRON: Generator = Generator {
    family: "sisron",
    source: "derived from the published list of 40 names and examples of the project DGAfamilies",
    period: Period::Day,
    seeds: &[Seed::published("ten days", 0, "", 40)],
    seed_help: "no seed: the date alone decides",
    start: |_, date| Ok(Box::new(Sisron { today: date.days, at: 0 })),
};

/// Names of the day and of the nine days before it.
struct Sisron {
    today: i64,
    at: u32,
}

impl Stream for Sisron {
    fn write_next(&mut self, out: &mut String) {
        let days = self.today.saturating_sub(i64::from(self.at / 4));
        let date = Date::of(Day(days.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32));
        let text = format!("{:02}{:02}{:04}", date.day, date.month, date.year.rem_euclid(10_000));
        push_base64_lower(out, &text, 12);
        push_suffix(out, &["com", "org", "net", "info"], self.at);
        self.at = self.at.wrapping_add(1);
    }
}
