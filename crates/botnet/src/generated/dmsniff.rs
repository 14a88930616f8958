//! DMSniff: a counter times small primes, halved into the alphabet.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::text::letter;

pub(super) static DMSNIFF: Generator = Generator {
    family: "dmsniff",
    source: "J. Reaves and J. Platt, \"DMSniff POS Malware Actively Leveraged to Target Small-, Medium-Sized Businesses\", Flashpoint, March 2019; the arithmetic derived from the published names",
    period: Period::Always,
    // From the 51st on names were not published.
    seeds: &[Seed::published("al", 0, "al 3 5 7 11 13", 50), Seed::published("sn", 0, "sn 7 3 5 11 13", 50)],
    seed_help: "text: the two letters of the sample, then its five factors in their order",
    start: |seed, _| {
        const WHY: &str = "the text is two letters and five factors below 1000, as `al 3 5 7 11 13`";
        let mut words = seed.text().split(' ');
        let prefix = words.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_lowercase()));
        let prefix = prefix.ok_or(WHY)?.to_owned();
        let mut factors = [0; 5];
        for factor in &mut factors {
            *factor = words.next().and_then(|w| w.parse().ok()).filter(|f| *f < 1_000).ok_or(WHY)?;
        }
        Ok(Box::new(Dmsniff { prefix, factors, counter: 0 }))
    },
};

struct Dmsniff {
    prefix: String,
    factors: [u32; 5],
    counter: u32,
}

fn halved(mut n: u32) -> u32 {
    while n > 24 {
        n /= 2;
    }
    n
}

impl Stream for Dmsniff {
    fn write_next(&mut self, out: &mut String) {
        self.counter = self.counter % 1_000_000 + 1;
        let first = halved(self.counter);
        out.push_str(&self.prefix);
        out.push(letter(first));
        out.extend(self.factors.iter().map(|f| letter(halved(f * self.counter))));
        super::text::push_suffix(out, &["com", "org", "net", "ru", "in"], first / 5);
    }
}
