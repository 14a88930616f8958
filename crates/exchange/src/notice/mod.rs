//! Notices: what a recipient is told of its own victims, in four formats and as letters.
//!
//! Here: the rows ([`Victim`]), the items of a notice ([`items`]), the code on a letter ([`code`]), the letter itself
//! ([`letter`]), and the sealed mail in which a notice leaves ([`mail`], under a permit bound to the final bytes).
//! Elsewhere: who gets which row (`botnet::routing`), the ruling (`agreement`), erasing what is kept (`comity`).
//! Every row has its source port and its second in UTC: a provider that puts many customers behind one address finds
//! the customer by both (RFC 6302).
//! Bounds: 50,000 rows of one notice; more are told in several.

pub mod code;
mod formats;
pub mod letter;
pub mod mail;

use crate::victims::{plain, second};
use crate::{ExchangeError, Item};
use std::net::IpAddr;
use terms::{Category, Label, MICROS_PER_SECOND, Obtained, PartnerId, Place, Protection, Timestamp};

pub use letter::Language;

/// Most rows of one notice.
pub const MAX_ROWS: usize = 50_000;
const RULES: u32 = 1;

/// One hit of a machine that is told to the recipient whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Victim {
    /// When.
    pub at: Timestamp,
    /// The machine's address.
    pub source: IpAddr,
    /// Its port, where noted.
    pub port: Option<u16>,
    /// Autonomous system number; 0 where not known.
    pub network: u32,
    /// Country.
    pub place: Place,
    /// The infection.
    pub infection: String,
    /// The channel's key.
    pub channel: String,
    /// The code on the letter for this row.
    pub code: String,
}

/// Who tells whom.
#[derive(Debug, Clone)]
pub struct Notice<'a> {
    /// Who tells.
    pub from: &'a PartnerId,
    /// Its name as the agreement prints it.
    pub from_name: &'a str,
    /// Its address for answers, as mail has it.
    pub contact: &'a str,
    /// The recipient's id.
    pub to: &'a str,
    /// When.
    pub at: Timestamp,
    /// Languages of the letters.
    pub languages: &'a [Language],
}

/// The files of a notice: `victims.csv`, `xarf.ndjson`, `stix.json`, `misp.json`, and a letter a language as text and as a
/// page to print, each with a blank for the code of its row.
///
/// # Errors
/// CMT-1470 without rows or with more than [`MAX_ROWS`], CMT-1471 for a row that cannot be written.
pub fn items(notice: &Notice<'_>, rows: &[Victim]) -> Result<Vec<Item>, ExchangeError> {
    if rows.is_empty() || rows.len() > MAX_ROWS {
        return Err(ExchangeError::NoticeRows { rows: rows.len() });
    }
    for (index, row) in rows.iter().enumerate() {
        check(row).map_err(|why| ExchangeError::NoticeRow { row: index + 1, why })?;
    }
    let records = rows.len() as u64;
    let item = |name: String, media: &str, bytes: Vec<u8>| {
        Item {
            name,
            media_type: media.into(),
            categories: [].into(),
            protection: Protection::Clear,
            obtained: Obtained::Voluntary,
            records,
            bytes,
            labels: Vec::new(),
        }
        .labelled(Label::by_rule("comity.notice", RULES, [Category::VictimIp], notice.at))
    };
    let mut out = vec![
        item("victims.csv".into(), "text/csv", formats::shadowserver(rows)),
        item("xarf.ndjson".into(), "application/x-ndjson", formats::xarf(notice, rows)),
        item("stix.json".into(), "application/stix+json", formats::stix(notice, rows)),
        item("misp.json".into(), "application/json", formats::misp(notice, rows)),
    ];
    for language in notice.languages {
        let blank = letter::Letter { language: *language, code: None, from: notice.from_name };
        let name = |ending: &str| format!("letter-{}.{ending}", language.word());
        out.push(item(name("html"), "text/html", blank.html().into_bytes()));
        out.push(item(name("txt"), "text/plain", blank.text().into_bytes()));
    }
    Ok(out)
}

fn check(row: &Victim) -> Result<(), String> {
    second(row.at).ok_or("its time lies outside the years 1 to 9999")?;
    let named = row.infection.split('/').all(|part| plain(part).is_some()) && row.infection.len() <= 200;
    if !named {
        return Err("its infection is not a plain name".into());
    }
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let first = row.channel.chars().next().is_none_or(|c| c.is_ascii_alphanumeric() || c == '[');
    if !first || row.channel.len() > 300 || !row.channel.chars().all(good) {
        return Err("its channel is neither a host name nor an address with its port".into());
    }
    code::valid(&row.code).then_some(()).ok_or_else(|| "its code is none".into())
}

/// The second of a time as `2026-03-02T00:00:01Z`.
fn instant(at: Timestamp) -> String {
    Timestamp(at.0.div_euclid(MICROS_PER_SECOND).saturating_mul(MICROS_PER_SECOND)).to_string()
}
