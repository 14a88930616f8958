//! Ranbyus, version of May 2015.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::text::{letter, push_suffix};

pub(super) static RANBYUS: Generator = Generator {
    family: "ranbyus",
    source: "J. Bader, \"The DGA of Ranbyus\", May 2015",
    period: Period::Day,
    seeds: &[Seed::published("b6354bc3", 0xB635_4BC3, "", 40)],
    seed_help: "number: the seed in the sample",
    start: |seed, date| {
        Ok(Box::new(Ranbyus {
            day: date.day,
            month: date.month,
            year: date.year32(),
            seed: seed.number32(),
            suffix: date.day,
        }))
    },
};

struct Ranbyus {
    day: u32,
    month: u32,
    year: u32,
    seed: u32,
    suffix: u32,
}

impl Ranbyus {
    fn step(&mut self) -> u32 {
        let Self { day, month, year, seed, .. } = *self;
        let day = day >> 15 ^ (day & 0x1fff ^ (seed ^ day).wrapping_mul(4)).wrapping_mul(16);
        let year = (year & 0xffff_fff0) << 17 ^ (year ^ year.wrapping_mul(7)) >> 11;
        let month = (month & 0xffff_fffe).wrapping_mul(14) ^ (month ^ month.wrapping_mul(4)) >> 8;
        let seed = seed >> 6 ^ day.wrapping_add(seed.wrapping_mul(8)) << 8 & 0x03ff_ff00;
        *self = Self { day, month, year, seed, suffix: self.suffix };
        (day ^ month ^ year) % 25
    }
}

impl Stream for Ranbyus {
    fn write_next(&mut self, out: &mut String) {
        for _ in 0..14 {
            out.push(letter(self.step()));
        }
        push_suffix(out, &["in", "me", "cc", "su", "tw", "net", "com", "pw"], self.suffix);
        self.suffix = self.suffix.wrapping_add(1);
    }
}
