//! CoreBot: names under a provider of dynamic DNS.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::rng::Quick;
use super::text::pick;

pub(super) static COREBOT: Generator = Generator {
    family: "corebot",
    source: "parameters of public knowledge; held against names in examples of the project DGAfamilies",
    period: Period::Day,
    seeds: &[Seed::published("1dba8930", 0x1DBA_8930, "ddns.net", 40)],
    seed_help: "number: the seed in the sample, plus 65536 for each group of names after the first; text: the suffix",
    start: |seed, date| {
        if !super::text::is_host_name(&format!("a.{}", seed.text())) || seed.text().len() > 200 {
            return Err("the text is a suffix, as `ddns.net`");
        }
        let when = date.year32().wrapping_add(date.month << 8 | date.day);
        Ok(Box::new(Corebot {
            numbers: Quick(seed.number32().wrapping_add(when)),
            suffix: seed.text().into(),
        }))
    },
};

struct Corebot {
    numbers: Quick,
    suffix: String,
}

impl Stream for Corebot {
    fn write_next(&mut self, out: &mut String) {
        // Both ranges of characters stop one before their last.
        const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxy012345678";
        for _ in 0..12 + self.numbers.next() % 12 {
            out.push(pick(ALPHABET, self.numbers.next()));
        }
        out.push('.');
        out.push_str(&self.suffix);
    }
}
