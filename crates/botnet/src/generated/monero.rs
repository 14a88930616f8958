//! The downloader of a Monero miner: digits of an MD5 over the number of the day.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::text::{md5, push_hex, push_number, push_suffix};

pub(super) static MONERODOWNLOADER: Generator = Generator {
    family: "monerodownloader",
    source: "parameters of public knowledge; held against the published list of 2,500 names",
    period: Period::Day,
    seeds: &[Seed::published("jkhhksugrhtijys78g46", 0, "jkhhksugrhtijys78g46", 2_500)],
    seed_help: "text: what is hashed before the number of the day",
    start: |seed, date| {
        let mut text = seed.text().to_owned();
        text.push('-');
        push_number(&mut text, date.days);
        text.push('-');
        Ok(Box::new(Monero { length: text.len(), text, at: 0, label: String::new() }))
    },
};

/// Instead of the first label of each day.
const FIRST: &str = "31b4bd31fg1x2";
const SUFFIXES: &[&str] = &["org", "tickets", "blackfriday", "hosting", "feedback"];

struct Monero {
    text: String,
    length: usize,
    at: u32,
    label: String,
}

impl Stream for Monero {
    fn write_next(&mut self, out: &mut String) {
        let which = self.at % 5;
        if which == 0 {
            self.text.truncate(self.length);
            push_number(&mut self.text, self.at / 5);
            self.label.clear();
            if self.at == 0 {
                self.label.push_str(FIRST);
            } else {
                push_hex(&mut self.label, md5(&self.text).get(..7).unwrap_or_default());
                self.label.truncate(13);
            }
        }
        out.push_str(&self.label);
        push_suffix(out, SUFFIXES, which);
        self.at = self.at.wrapping_add(1);
    }
}
