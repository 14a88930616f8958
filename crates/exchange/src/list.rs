//! Plain lists: one domain, address or hash a line.
//!
//! Here: what one line names, and reading a list into indicators. `#` begins a comment. Elsewhere: telling a list from
//! ordinary text ([`crate::recognise`]). Bounds: lines of 64 KiB.

use crate::findings::{LINE_TOO_LONG, LINE_UNKNOWN, Reporter, Sink, Summary};
use crate::line::{self, Line, MAX_LINE};
use std::{
    io::Read,
    net::{IpAddr, SocketAddr},
};
use terms::{Confidence, FindingBody};

/// What one line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub kind: EntryKind,
    /// In one spelling: lower case, addresses as the standard library prints them.
    pub value: String,
    pub label: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Domain,
    Address,
    Hash,
}

impl EntryKind {
    fn word(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Address => "address",
            Self::Hash => "hash",
        }
    }
}

/// Reads a list of domains, addresses or hashes: one `Indicator` finding for every line that names one, also where
/// the list mixes them. Other lines become `Unreadable` findings (CMT-0901, CMT-0902) with their number.
///
/// Addresses may be a network (`198.51.100.0/24`) or have a port (`198.51.100.1:443`, `[2001:db8::1]:443`); hashes are
/// MD5, SHA-1 or SHA-256 in hexadecimal, with a file name after them or not, as `sha256sum` prints them.
pub fn read(source: &mut dyn Read, sink: Sink<'_>) -> Summary {
    let mut report = Reporter::new("exchange.list", sink);
    line::lines(source, MAX_LINE, &mut |line| match line {
        Line::Text { number, bytes } => one_line(number, bytes, &mut report),
        Line::TooLong { number } => {
            report.unreadable(LINE_TOO_LONG, format!("line {number}"), "it is longer than 64 KiB");
        }
        Line::Failed { number, why } => {
            report.unreadable(
                crate::findings::BROKEN_OFF,
                format!("line {number}"),
                &format!("reading failed, {why}"),
            );
        }
    });
    report.finish()
}

fn one_line(number: u64, bytes: &[u8], report: &mut Reporter<'_>) {
    let Some(text) = content(bytes) else {
        return report.unreadable(LINE_UNKNOWN, format!("line {number}"), "it is not UTF-8 text");
    };
    if text.is_empty() {
        return;
    }
    let Some(Entry { kind, value, label }) = entry(text) else {
        return report.unreadable(
            LINE_UNKNOWN,
            format!("line {number}"),
            "it names no domain, address or hash",
        );
    };
    report.count();
    // The list does not say how sure it is: the middle of the scale.
    report.state(
        Confidence::new(50),
        format!("Line {number} of the list names this {}.", kind.word()),
        FindingBody::Indicator { kind: kind.word().into(), value, label },
    );
}

/// The line without its comment and outer white space; `None` when it is not UTF-8.
pub(crate) fn content(line: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(line).ok()?;
    Some(text.split('#').next().unwrap_or_default().trim())
}

/// What the text names, if it names one thing.
pub(crate) fn entry(text: &str) -> Option<Entry> {
    if let Some(value) = address(text) {
        return Some(Entry { kind: EntryKind::Address, value, label: None });
    }
    if let Some((value, label)) = hash(text) {
        return Some(Entry { kind: EntryKind::Hash, value, label });
    }
    domain(text).map(|value| Entry { kind: EntryKind::Domain, value, label: None })
}

fn address(text: &str) -> Option<String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.to_string());
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.to_string());
    }
    let (ip, bits) = text.split_once('/')?;
    let ip: IpAddr = ip.parse().ok()?;
    let digits = bits.bytes().all(|b| b.is_ascii_digit());
    let bits: u8 = if digits { bits.parse().ok()? } else { return None };
    let most = if ip.is_ipv4() { 32 } else { 128 };
    (bits <= most).then(|| format!("{ip}/{bits}"))
}

/// `hash`, or `hash  name` as `md5sum` and its kin print it (` *name` for a file read as binary).
fn hash(text: &str) -> Option<(String, Option<String>)> {
    let (digest, name) = text.split_once([' ', '\t']).map_or((text, ""), |(d, n)| (d, n.trim()));
    let known = matches!(digest.len(), 32 | 40 | 64) && digest.bytes().all(|b| b.is_ascii_hexdigit());
    let name = name.strip_prefix('*').unwrap_or(name);
    let label = (!name.is_empty()).then(|| name.chars().take(256).collect());
    known.then(|| (digest.to_ascii_lowercase(), label))
}

/// A name of two or more labels (RFC 1035 section 2.3.1, with `_` as it occurs), also written `a[.]example`.
pub(crate) fn domain(text: &str) -> Option<String> {
    let name = text.replace("[.]", ".").to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let mut labels = 0;
    for label in name.split('.') {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let edges = label.starts_with('-') || label.ends_with('-');
        if label.is_empty() || label.len() > 63 || !inner || edges {
            return None;
        }
        labels += 1;
    }
    let top = name.rsplit('.').next().unwrap_or_default();
    let top_is_name =
        top.len() >= 2 && (top.bytes().all(|b| b.is_ascii_alphabetic()) || top.starts_with("xn--"));
    (labels >= 2 && name.len() <= 253 && top_is_name).then(|| name.to_owned())
}
