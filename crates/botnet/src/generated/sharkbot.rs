//! SharkBot: seven names a week, in four versions.

use super::date::{Date, Period};
use super::family::{Generator, Seed, Stream};
use super::text::{md5, push_base64_lower, push_hex, push_number};

pub(super) static SHARKBOT: Generator = Generator {
    family: "sharkbot",
    source: "Fox-IT/NCC Group, \"SharkBot: a 'new' generation Android banking Trojan\", March 2022; J. Bader, \"The \
             Domain Generation Algorithms of SharkBot\", July 2022",
    // Which day begins a week, and which week is the first, is the phone's setting; this is that of ISO 8601.
    period: Period::Week,
    seeds: &[
        Seed::published("0.0", 0, SECRET, 7),
        Seed::published("1.63", 163, SECRET, 7),
        Seed::published("2.1", 210, "", 7),
        Seed::published("2.8", 280, "", 7),
    ],
    seed_help: "number: a hundred times the version; text: for versions before 2, what is encoded after week and year",
    start: |seed, date| {
        Ok(Box::new(Sharkbot { version: seed.number(), secret: seed.text().into(), date, at: 0 }))
    },
};

const SECRET: &str = "pojBI9LHGFdfgegjjsJ99hvVGHVOjhksdf";
const SUFFIXES: [&str; 7] = ["xyz", "live", "com", "store", "info", "top", "net"];

struct Sharkbot {
    version: u64,
    secret: String,
    date: Date,
    at: usize,
}

impl Stream for Sharkbot {
    fn write_next(&mut self, out: &mut String) {
        let suffix = SUFFIXES.get(self.at % SUFFIXES.len()).copied().unwrap_or("com");
        self.at = self.at.wrapping_add(1);
        let mut text = String::with_capacity(48);
        if self.version >= 200 {
            text.push('.');
            text.push_str(suffix);
        }
        push_number(&mut text, self.date.iso_week());
        if matches!(self.version, 163 | 280) {
            push_number(&mut text, self.date.year);
        }
        if self.version >= 200 {
            push_hex(out, md5(&text).get(..8).unwrap_or_default());
        } else {
            text.push_str(&self.secret);
            push_base64_lower(out, &text, 19);
        }
        out.push('.');
        out.push_str(suffix);
    }
}
