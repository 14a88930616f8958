//! Tofsee: the number of the week in letters, twice.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::text::letter;

pub(super) static TOFSEE: Generator = Generator {
    family: "tofsee",
    source: "GovCERT.ch, \"Tofsee Spambot features .ch DGA - Reversal and Countermeasures\", December 2016; names in \
             the examples of the public project DGAfamilies",
    period: Period::EpochWeek,
    seeds: &[Seed::published("biz and ch", 0, "", 20)],
    seed_help: "no seed: the date alone decides",
    start: |_, date| {
        let mut week = date.days.div_euclid(7).max(0);
        let mut word = String::new();
        while week > 0 {
            word.insert(0, letter((week % 26) as u32));
            week /= 26;
        }
        Ok(Box::new(Tofsee { word, at: 0 }))
    },
};

struct Tofsee {
    word: String,
    at: u32,
}

impl Stream for Tofsee {
    fn write_next(&mut self, out: &mut String) {
        out.push_str(&self.word);
        out.push_str(&self.word);
        out.push(letter(self.at % 10));
        out.push_str(if (self.at / 10).is_multiple_of(2) { ".biz" } else { ".ch" });
        self.at = self.at.wrapping_add(1);
    }
}
