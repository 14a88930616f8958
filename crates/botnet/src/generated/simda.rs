//! Simda: consonants and vowels in turn.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::text::pick;

pub(super) static SIMDA: Generator = Generator {
    family: "simda",
    source: "parameters of public knowledge; held against the Stratosphere laboratory's capture of Simda of May 2018",
    period: Period::Always,
    seeds: &[Seed::published("45ae94b2", 0x45AE_94B2, "1676d5775e05c50b46baa5579d4fc7", 1_000)],
    seed_help: "number: the state in the sample; text: its key, of which only the sum of characters counts",
    start: |seed, _| {
        let step = seed.text().bytes().fold(0u32, |sum, b| sum.wrapping_add(u32::from(b)));
        Ok(Box::new(Simda { state: seed.number32(), step }))
    },
};

struct Simda {
    state: u32,
    step: u32,
}

impl Stream for Simda {
    fn write_next(&mut self, out: &mut String) {
        self.state = self.state.wrapping_add(self.step);
        for i in 0..7 {
            let alphabet: &[u8] = if i % 2 == 0 { b"qwrtpsdfghjklzxcvbnm" } else { b"eyuioa" };
            out.push(pick(alphabet, self.state / (3 + 2 * i)));
        }
        out.push_str(".com");
    }
}
