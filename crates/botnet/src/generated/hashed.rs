//! Families whose names are digits of an MD5 over the date: Verblecon and Orchard.

use super::date::{Date, Period};
use super::family::{Generator, Seed, Stream};
use super::text::{md5, push_hex, push_iso_date, push_suffix};

pub(super) static VERBLECON: Generator = Generator {
    family: "verblecon",
    source: "Symantec, \"Verblecon: Sophisticated New Loader Used in Low-level Attacks\", March 2022",
    period: Period::Day,
    seeds: &[Seed::published("verble", 0, "verble", 1)],
    seed_help: "text: what is hashed after the date",
    start: |seed, date| Ok(Box::new(Whole(digest(seed, date)))),
};

pub(super) static ORCHARD: Generator = Generator {
    family: "orchard",
    source: "360 Netlab, \"A new botnet Orchard generates DGA domains with Bitcoin transaction information\", August \
             2022; J. Bader, July 2022 (version 3; only the half that the date makes: the other half hashes a balance \
             that nobody can know before)",
    period: Period::Day,
    seeds: &[Seed::published("3", 0, "ojena.duckdns.org", 16)],
    seed_help: "text: what is hashed after the date",
    start: |seed, date| Ok(Box::new(Quarters { digest: digest(seed, date), at: 0 })),
};

fn digest(seed: &Seed, date: Date) -> [u8; 16] {
    let mut text = String::with_capacity(32);
    push_iso_date(&mut text, date);
    text.push_str(seed.text());
    md5(&text)
}

struct Whole([u8; 16]);

impl Stream for Whole {
    fn write_next(&mut self, out: &mut String) {
        push_hex(out, &self.0);
        out.push_str(".tk");
    }
}

struct Quarters {
    digest: [u8; 16],
    at: u32,
}

impl Stream for Quarters {
    fn write_next(&mut self, out: &mut String) {
        let quarter = (self.at / 4 % 4) as usize;
        push_hex(out, self.digest.get(quarter * 4..quarter * 4 + 4).unwrap_or_default());
        push_suffix(out, &["com", "net", "org", "duckdns.org"], self.at);
        self.at = self.at.wrapping_add(1);
    }
}
