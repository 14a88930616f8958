//! DNS messages (RFC 1035 section 4) as a capture shows them: the first question and the answers as text.
//!
//! Bounds: a name follows at most 16 compression pointers and is at most 255 bytes; at most 64 answers are read.

use super::values::MAX_ANSWERS;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What is read of one message.
pub(super) struct Message {
    pub id: u16,
    pub response: bool,
    pub query: String,
    pub qtype: u16,
    pub rcode: u8,
    pub answers: Vec<String>,
}

const MAX_POINTERS: usize = 16;
const MAX_WIRE_NAME: usize = 255;

/// Reads one message; none where its header or question is broken. Broken answers end the list of answers only,
/// because captures cut packets short.
pub(super) fn parse(bytes: &[u8]) -> Option<Message> {
    let flags = u16_at(bytes, 2)?;
    let (questions, answers) = (u16_at(bytes, 4)?, u16_at(bytes, 6)?);
    // One question is all that resolvers send; operation codes other than QUERY ask nothing.
    if questions != 1 || (flags >> 11) & 0xf != 0 {
        return None;
    }
    let (query, mut at) = name(bytes, 12)?;
    let qtype = u16_at(bytes, at)?;
    at = at.checked_add(4)?;
    let mut message = Message {
        id: u16_at(bytes, 0)?,
        response: flags & 0x8000 != 0,
        query,
        qtype,
        rcode: (flags & 0xf) as u8,
        answers: Vec::new(),
    };
    for _ in 0..usize::from(answers).min(MAX_ANSWERS) {
        let Some((text, next)) = answer(bytes, at) else { break };
        message.answers.extend(text);
        at = next;
    }
    Some(message)
}

fn answer(bytes: &[u8], at: usize) -> Option<(Option<String>, usize)> {
    let (_, at) = name(bytes, at)?;
    let kind = u16_at(bytes, at)?;
    let length = usize::from(u16_at(bytes, at.checked_add(8)?)?);
    let start = at.checked_add(10)?;
    let end = start.checked_add(length)?;
    let data = bytes.get(start..end)?;
    let text = match kind {
        1 => <[u8; 4]>::try_from(data).ok().map(|a| Ipv4Addr::from(a).to_string()),
        28 => <[u8; 16]>::try_from(data).ok().map(|a| Ipv6Addr::from(a).to_string()),
        2 | 5 | 12 => name(bytes, start).map(|(n, _)| n),
        16 => data.split_first().map(|(_, text)| super::values::answer(&String::from_utf8_lossy(text))),
        _ => None,
    };
    Some((text, end))
}

/// The name at `at` in lower case without final dot, and where the record goes on.
fn name(bytes: &[u8], at: usize) -> Option<(String, usize)> {
    let (mut text, mut at, mut after) = (String::new(), at, None);
    let (mut pointers, mut length) = (0, 0);
    loop {
        let n = *bytes.get(at)?;
        match n {
            0 => return Some((text, after.unwrap_or(at + 1))),
            1..=63 => {
                let label = bytes.get(at + 1..at + 1 + usize::from(n))?;
                length += label.len() + 1;
                if length > MAX_WIRE_NAME {
                    return None;
                }
                if !text.is_empty() {
                    text.push('.');
                }
                for &b in label {
                    match b {
                        b'!'..=b'~' if b != b'.' && b != b',' => {
                            text.push(char::from(b.to_ascii_lowercase()))
                        }
                        _ => text.push_str(&format!("\\{b:03}")),
                    }
                }
                at += 1 + usize::from(n);
            }
            0xc0.. => {
                pointers += 1;
                if pointers > MAX_POINTERS {
                    return None;
                }
                after = after.or(Some(at + 2));
                at = usize::from(u16_at(bytes, at)? & 0x3fff);
            }
            _ => return None,
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(two.try_into().ok()?))
}

/// The name of a type (IANA, DNS parameters), or `TYPE65280`.
pub(super) fn type_name(qtype: u16) -> String {
    let known = match qtype {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        33 => "SRV",
        64 => "SVCB",
        65 => "HTTPS",
        255 => "*",
        other => return format!("TYPE{other}"),
    };
    known.to_owned()
}

/// The name of a response code (RFC 6895 section 2.3), or `RCODE11`.
pub(super) fn rcode_name(rcode: u8) -> String {
    let known = match rcode {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        other => return format!("RCODE{other}"),
    };
    known.to_owned()
}
