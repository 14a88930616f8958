//! Locky, second version: rotations and one multiplier.

use super::date::{Date, Period};
use super::family::{Generator, Seed, Stream};
use super::text::{letter, push_suffix};

pub(super) static LOCKY: Generator = Generator {
    family: "locky",
    source: "Forcepoint Security Labs, \"Locky Ransomware - Encrypts Documents, Databases, Code, BitCoin Wallets and More\", February 2016",
    period: Period::TwoDays,
    seeds: &[Seed::published("62", 62, "", 8)],
    seed_help: "number: the seed in the sample's configuration",
    start: |seed, date| Ok(Box::new(Locky { seed: seed.number32(), date, at: 0 })),
};

const SUFFIXES: &[&str] =
    &["ru", "pw", "eu", "in", "yt", "pm", "us", "fr", "de", "it", "be", "uk", "nl", "tf"];
const ADD: u32 = 0x2710_0001;

struct Locky {
    seed: u32,
    date: Date,
    at: u32,
}

fn mixed(n: u32) -> u32 {
    n.wrapping_mul(0xB119_24E1).rotate_right(7)
}

impl Stream for Locky {
    fn write_next(&mut self, out: &mut String) {
        let n = mixed(self.date.year32().wrapping_add(0x1BF5));
        let n = mixed(n.wrapping_add(self.seed).wrapping_add(ADD));
        let n = mixed(n.wrapping_add(self.date.day / 2).wrapping_add(ADD));
        let n = mixed(n.wrapping_add(self.date.month).wrapping_add(0x2709_A354));
        let which = self.seed.rotate_left(17).wrapping_add((self.at & 7).rotate_left(21));
        let mut n = mixed(n.wrapping_add(which).wrapping_add(ADD)).wrapping_add(ADD);
        self.at = self.at.wrapping_add(1);
        for i in 0..n % 11 + 5 {
            n = mixed(n.rotate_left(i)).wrapping_add(ADD);
            out.push(letter(n % 25));
        }
        push_suffix(out, SUFFIXES, mixed(n).wrapping_add(ADD));
    }
}
