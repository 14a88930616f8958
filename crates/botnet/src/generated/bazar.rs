//! BazarBackdoor, first version: twelve letters, of which the last six repeat the first six moved by the date.

use super::date::Period;
use super::family::{Generator, Seed, Stream};

pub(super) static BAZARBACKDOOR: Generator = Generator {
    family: "bazarbackdoor",
    source: "J. Bader, \"The DGA of BazarBackdoor\", July 2020 (first version, `.bazar` of EmerDNS)",
    period: Period::Month,
    seeds: &[Seed::published("beta", 0, "", 2_160)],
    seed_help: "no seed: the date alone decides",
    start: |_, date| {
        let number = u64::from(12 - date.month) * 10_000 + (date.year - 18).rem_euclid(10_000) as u64;
        let mut moves = [0; 6];
        let mut rest = number;
        for to in moves.iter_mut().rev() {
            *to = (rest % 10) as u8;
            rest /= 10;
        }
        Ok(Box::new(Bazar { moves, at: 0 }))
    },
};

/// First letter and number of letters at each of six places.
const PLACES: [(u8, u32); 6] = [(b'a', 5), (b'c', 4), (b'e', 4), (b'g', 3), (b'i', 3), (b'k', 3)];

struct Bazar {
    /// The digits of the months left of the year, then of the year less 18.
    moves: [u8; 6],
    at: u32,
}

impl Stream for Bazar {
    fn write_next(&mut self, out: &mut String) {
        let mut letters = [0; 6];
        let mut rest = self.at;
        for (to, (first, choices)) in letters.iter_mut().zip(PLACES).rev() {
            *to = first + (rest % choices) as u8;
            rest /= choices;
        }
        self.at = self.at.wrapping_add(1);
        out.extend(letters.iter().map(|&b| char::from(b)));
        out.extend(letters.iter().zip(self.moves).map(|(&b, by)| char::from(b + by)));
        out.push_str(".bazar");
    }
}
