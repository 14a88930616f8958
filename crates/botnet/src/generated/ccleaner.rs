//! The backdoor in CCleaner 5.33: one name a month.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::rng::Msvc;

pub(super) static CCLEANER: Generator = Generator {
    family: "ccleaner",
    source: "Cisco Talos, \"CCleanup: A Vast Number of Machines at Risk\", September 2017",
    period: Period::Month,
    seeds: &[Seed::published("5.33", 0, "", 1)],
    seed_help: "no seed: the date alone decides",
    start: |_, date| {
        Ok(Box::new(Ccleaner(Msvc(date.year32().wrapping_mul(10_000).wrapping_add(date.month)))))
    },
};

struct Ccleaner(Msvc);

impl Stream for Ccleaner {
    fn write_next(&mut self, out: &mut String) {
        let (low, a, b) = (self.0.next(), self.0.next(), self.0.next());
        super::text::push_number(out, format_args!("ab{:x}{low:x}.com", a * b));
    }
}
