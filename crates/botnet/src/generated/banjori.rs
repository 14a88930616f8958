//! Banjori: each name changes the first four letters of the one before.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::text::is_host_name;

pub(super) static BANJORI: Generator = Generator {
    family: "banjori",
    source: "J. Bader, \"The DGA of Banjori\", February 2015",
    period: Period::Always,
    seeds: &[Seed::published("earnestnessbiophysicalohax", 0, "earnestnessbiophysicalohax.com", 15_372)],
    seed_help: "text: the name in the sample, from which the next ones are made",
    start: |seed, _| {
        let text = seed.text();
        if !is_host_name(text) || !text.bytes().take(4).all(|b| b.is_ascii_lowercase()) || text.len() < 6 {
            return Err("the text is a domain name that begins with four letters");
        }
        let mut first = [0; 4];
        first.iter_mut().zip(text.bytes()).for_each(|(to, b)| *to = u32::from(b - b'a'));
        Ok(Box::new(Banjori { first, rest: text.get(4..).unwrap_or_default().into() }))
    },
};

struct Banjori {
    /// Letters as numbers from 0.
    first: [u32; 4],
    rest: String,
}

impl Stream for Banjori {
    fn write_next(&mut self, out: &mut String) {
        // The sample adds whole ASCII codes before it goes back to letters, hence the 97s.
        let [a, b, c, d] = self.first.map(|n| n + 97);
        let wrap = |n: u32| (n - 97) % 26 + 97;
        let a = wrap(a + d);
        let b = wrap(a + 2 * b);
        let c = wrap(a + c - 1);
        let d = wrap(b + c + d);
        self.first = [a, b, c, d].map(|n| n - 97);
        out.extend(self.first.iter().map(|&n| super::text::letter(n)));
        out.push_str(&self.rest);
    }
}
