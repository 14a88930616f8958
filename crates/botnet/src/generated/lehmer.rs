//! Ramnit and DirCrypt: Lehmer's generator, letter by letter.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::rng::Lehmer;
use super::text::letter;

pub(super) static RAMNIT: Generator = Generator {
    family: "ramnit",
    source: "J. Bader, \"The DGA of Ramnit\", December 2014",
    period: Period::Always,
    seeds: &[
        Seed::published("ef214bbf", 0xEF21_4BBF, "", 300),
        Seed::published("28488eea", 0x2848_8EEA, "", 300),
        Seed::published("4bfcbc6a", 0x4BFC_BC6A, "", 300),
        Seed::published("79159c10", 0x7915_9C10, "", 300),
    ],
    seed_help: "number: the seed in the sample",
    start: |seed, _| Ok(Box::new(Ramnit(seed.number32()))),
};

pub(super) static DIRCRYPT: Generator = Generator {
    family: "dircrypt",
    source: "N. Artenstein and M. Shalyt, \"How (and Why) We Defeated DirCrypt\", Check Point, July 2014; names in \
             the examples of the public project DGAfamilies",
    period: Period::Always,
    seeds: &[Seed::published("47bce626", 0x47BC_E626, "", 30)],
    seed_help: "number: the seed in the sample",
    start: |seed, _| Ok(Box::new(Dircrypt(Lehmer(seed.number32())))),
};

struct Ramnit(u32);

impl Stream for Ramnit {
    fn write_next(&mut self, out: &mut String) {
        let first = self.0;
        let mut numbers = Lehmer(first);
        let length = numbers.below(12) + 8;
        let second = numbers.0;
        for _ in 0..length {
            out.push(letter(numbers.below(25)));
        }
        out.push_str(".com");
        // Both halves of the product of the two states become the next one.
        let product = u64::from(first) * u64::from(second);
        self.0 = (product as u32).wrapping_add((product >> 32) as u32);
    }
}

struct Dircrypt(Lehmer);

impl Stream for Dircrypt {
    fn write_next(&mut self, out: &mut String) {
        for _ in 0..self.0.below(13) + 8 {
            out.push(letter(self.0.below(26)));
        }
        out.push_str(".com");
    }
}
