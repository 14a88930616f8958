//! Proslikefan: a worm in JavaScript that hashes as Java hashes texts.

use super::date::{Date, Period};
use super::family::{Generator, Seed, Stream};
use super::text::{letter, push_number};

pub(super) static PROSLIKEFAN: Generator = Generator {
    family: "proslikefan",
    source: "J. Bader, \"The DGA in Proslikefan\", July 2016; a name in the examples of the public project DGAfamilies",
    period: Period::Day,
    seeds: &[Seed::published("prospect", 0, "prospect", 1_000)],
    seed_help: "text: the word in the script that is hashed with the date",
    start: |seed, date| {
        if seed.text().len() > 100 {
            return Err("the text is a word of at most 100 bytes");
        }
        Ok(Box::new(Proslikefan::new(seed.text(), date)))
    },
};

const SUFFIXES: [&str; 10] = ["eu", "biz", "se", "info", "com", "net", "org", "ru", "in", "name"];

/// The magnitude of Java's `String.hashCode` (ASCII).
fn hash(text: &str) -> u64 {
    let h = text.bytes().fold(0u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
    u64::from((h as i32).unsigned_abs())
}

struct Proslikefan {
    /// One hash for each suffix.
    hashes: [u64; 10],
    at: u64,
    text: String,
}

impl Proslikefan {
    fn new(word: &str, date: Date) -> Self {
        let day = format!("{word}.{}.{}.{}", date.month, date.day, date.year);
        Self { hashes: SUFFIXES.map(|s| hash(&format!("{day}.{s}"))), at: 0, text: String::new() }
    }
}

impl Stream for Proslikefan {
    fn write_next(&mut self, out: &mut String) {
        let which = (self.at % 10) as usize;
        let mut n = self.hashes.get(which).copied().unwrap_or(0) + self.at / 10;
        self.at = self.at.wrapping_add(1);
        // The length is asked anew after each letter, so that it depends on the last hash.
        while (out.len() as u64) < n % 7 + 6 {
            self.text.clear();
            self.text.push_str(out);
            push_number(&mut self.text, n);
            n = hash(&self.text);
            out.push(letter((n % 26) as u32));
        }
        out.push('.');
        out.push_str(SUFFIXES.get(which).copied().unwrap_or("com"));
    }
}
