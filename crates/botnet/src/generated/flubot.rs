//! FluBot: the phone's own random numbers, seeded with the month.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::rng::Java;
use super::text::{letter, push_suffix};

pub(super) static FLUBOT: Generator = Generator {
    family: "flubot",
    source: "PRODAFT, \"FluBot: Malware Analysis Report\", March 2021",
    period: Period::Month,
    seeds: &[Seed::published("1136", 1136, "", 5_000)],
    seed_help: "number: the number of the campaign in the sample",
    start: |seed, date| {
        // The platform counts months from 0.
        let (year, month) = (date.year, i64::from(date.month) - 1);
        let mut mixed = (year ^ month).wrapping_mul(2);
        for part in [year, month, 0] {
            mixed = mixed.wrapping_mul(part ^ mixed);
        }
        Ok(Box::new(Flubot { numbers: Java::new((mixed as u64).wrapping_add(seed.number())), at: 0 }))
    },
};

struct Flubot {
    numbers: Java,
    at: u32,
}

impl Stream for Flubot {
    fn write_next(&mut self, out: &mut String) {
        for _ in 0..15 {
            out.push(letter(self.numbers.below(25)));
        }
        let suffix = if self.at.is_multiple_of(3) { 0 } else { 1 + self.at % 2 };
        push_suffix(out, &["ru", "com", "cn"], suffix);
        self.at = self.at.wrapping_add(1);
    }
}
