//! Victims of one place, for that place's own team: a CSV in the form of the Shadowserver reports.
//!
//! Here: the writer, which checks every row's place once more. Elsewhere: which rows there are (`botnet`), whether they
//! may cross (`agreement`). Bounds: 5,000,000 rows, 128 characters a field.
//! Columns: `timestamp` (UTC to the second), `ip`, `port`, `asn`, `geo`, `infection`; fields in double quotes
//! (RFC 4180), lines end in LF.

use crate::ExchangeError;
use std::{fmt::Write as _, net::IpAddr};
use terms::{MICROS_PER_SECOND, MemberId, Place, Timestamp};

/// Most rows of one file.
pub const MAX_ROWS: usize = 5_000_000;
/// The first line.
pub const HEADER: &str = "\"timestamp\",\"ip\",\"port\",\"asn\",\"geo\",\"infection\"\n";

/// One victim's machine, seen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When it was seen.
    pub at: Timestamp,
    /// Its address, or the pseudonym (`p:` and 32 hexadecimal digits) where the agreement asks for one.
    pub source: String,
    /// Its port.
    pub port: u16,
    /// Number of its network; 0 where not known.
    pub network: u32,
    /// Where it is.
    pub place: Place,
    /// The botnet.
    pub infection: String,
}

/// Writes the victims of `member`, whose place is `place`.
///
/// # Errors
/// CMT-0940 for a row of another place, CMT-0941 for a row that cannot be written; no row is written then.
pub fn csv(member: &MemberId, place: Place, rows: &[Row]) -> Result<Vec<u8>, ExchangeError> {
    if rows.len() > MAX_ROWS {
        return Err(ExchangeError::Row {
            row: MAX_ROWS + 1,
            why: "one file has at most 5,000,000 rows".into(),
        });
    }
    let mut out = String::from(HEADER);
    for (index, row) in rows.iter().enumerate() {
        let number = index + 1;
        if row.place != place || place == Place::UNKNOWN {
            let (member, expected) = (member.clone(), place);
            return Err(ExchangeError::Place { row: number, place: row.place, member, expected });
        }
        let bad = |why: &str| ExchangeError::Row { row: number, why: why.into() };
        let at = second(row.at).ok_or_else(|| bad("its time lies outside the years 1 to 9999"))?;
        let source =
            source(&row.source).ok_or_else(|| bad("its source is neither an address nor a pseudonym"))?;
        let infection = plain(&row.infection).ok_or_else(|| bad("its infection is not a plain name"))?;
        let Row { port, network, place, .. } = row;
        // Writing to a String cannot fail.
        let _infallible =
            writeln!(out, "\"{at}\",\"{source}\",\"{port}\",\"{network}\",\"{place}\",\"{infection}\"");
    }
    Ok(out.into_bytes())
}

/// `2026-03-02 00:00:01`, the fraction cut off.
pub(crate) fn second(at: Timestamp) -> Option<String> {
    let whole = Timestamp(at.0.div_euclid(MICROS_PER_SECOND).saturating_mul(MICROS_PER_SECOND)).to_string();
    let text = whole.strip_suffix('Z')?.replace('T', " ");
    (text.len() == "2026-03-02 00:00:01".len()).then_some(text)
}

fn source(text: &str) -> Option<String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.to_string());
    }
    let digits = text.strip_prefix("p:")?;
    (digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_owned())
}

/// A name that no spreadsheet takes for a formula and no reader for two fields.
pub(crate) fn plain(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    (first.is_ascii_alphanumeric() && text.len() <= 128 && text.chars().all(good)).then_some(text)
}
