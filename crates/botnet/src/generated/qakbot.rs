//! QakBot: a Mersenne Twister seeded with a checksum over the third of the month.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::rng::Twister;
use super::text::{crc32, letter, push_suffix};

pub(super) static QAKBOT: Generator = Generator {
    family: "qakbot",
    source: "J. Bader, notes on QakBot's algorithm, 2016; held against a published list",
    period: Period::ThirdOfMonth,
    seeds: &[Seed::published("0", 0, "", 5_000)],
    seed_help: "number: the number of the configuration in the sample",
    start: |seed, date| {
        const MONTHS: [&str; 12] =
            ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
        let month = MONTHS.get(date.month as usize - 1).copied().unwrap_or("jan");
        let text = format!("{}.{month}.{}.{:08x}", date.third(), date.year, seed.number32());
        Ok(Box::new(Qakbot(Twister::new(crc32(text.as_bytes())))))
    },
};

struct Qakbot(Twister);

impl Stream for Qakbot {
    fn write_next(&mut self, out: &mut String) {
        let suffix = self.0.between(0, 5);
        for _ in 0..self.0.between(8, 25) {
            out.push(letter(self.0.between(0, 25)));
        }
        push_suffix(out, &["com", "net", "org", "info", "biz", "org"], suffix);
    }
}
