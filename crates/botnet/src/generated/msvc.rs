//! DNSChanger and m0yv (Expiro): `rand` of Microsoft's C runtime, letter by letter.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::rng::Msvc;
use super::text::letter;

pub(super) static DNSCHANGER: Generator = Generator {
    family: "dnschanger",
    source: "parameters derived from published names: a list of five, and three in examples of the project DGAfamilies",
    period: Period::Always,
    seeds: &[Seed::published("87373", 87_373, "", 5), Seed::published("60000", 60_000, "", 5)],
    seed_help: "number: what the sample hands to `srand`",
    start: |seed, _| Ok(Box::new(Dnschanger(Msvc(seed.number32())))),
};

pub(super) static M0YV: Generator = Generator {
    family: "m0yv",
    source: "parameters derived from the published list of 128 names",
    period: Period::Always,
    seeds: &[Seed::published("2484a00", 0x0248_4A00, "", 128)],
    seed_help: "number: what the sample hands to `srand` for the first name",
    start: |seed, _| Ok(Box::new(M0yv(seed.number32()))),
};

struct Dnschanger(Msvc);

impl Stream for Dnschanger {
    fn write_next(&mut self, out: &mut String) {
        for _ in 0..10 {
            out.push(letter(self.0.next()));
        }
        out.push_str(".com");
    }
}

/// Each name has a seed of its own.
struct M0yv(u32);

impl Stream for M0yv {
    fn write_next(&mut self, out: &mut String) {
        let mut numbers = Msvc(self.0);
        self.0 = self.0.wrapping_add(1);
        for _ in 0..numbers.next() % 5 + 5 {
            out.push(letter(numbers.next()));
        }
        out.push_str(".biz");
    }
}
