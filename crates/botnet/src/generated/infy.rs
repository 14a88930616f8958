//! Infy (Foudre): a checksum over year, month, week and a counter.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::text::{crc32, push_hex, push_number, push_suffix};

pub(super) static INFY: Generator = Generator {
    family: "infy",
    source: "Palo Alto Networks Unit 42, \"Prince of Persia - Ride the Lightning: Infy returns as Foudre\", August \
             2017; names in the examples of the public project DGAfamilies",
    period: Period::WeekOfMonth,
    // Ten counters under each of three suffixes; the report does not say where a bot stops.
    seeds: &[Seed::published("NRV1", 0, "NRV1", 30)],
    seed_help: "text: the word in the sample before the year",
    start: |seed, date| {
        let mut text = seed.text().to_owned();
        push_number(&mut text, date.year);
        push_number(&mut text, date.month);
        push_number(&mut text, date.iso_week());
        Ok(Box::new(Infy { length: text.len(), text, at: 0 }))
    },
};

struct Infy {
    text: String,
    length: usize,
    at: u32,
}

impl Stream for Infy {
    fn write_next(&mut self, out: &mut String) {
        self.text.truncate(self.length);
        push_number(&mut self.text, self.at / 3);
        push_hex(out, &crc32(self.text.as_bytes()).to_be_bytes());
        push_suffix(out, &["space", "net", "top"], self.at);
        self.at = self.at.wrapping_add(1);
    }
}
