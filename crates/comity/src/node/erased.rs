//! What of an erased exhibit stands elsewhere: words in findings, notes, plans and releases by which it would live on.
//!
//! Here: which words of a text could tell of a person or machine ([`words`]), and the set of those that nothing else in the
//! home bears out any more ([`Traces`]). Names of people in running text cannot be told by a machine: what rests on an
//! exhibit by its id or by a finding goes whole, words serve for what only mentions it.
//! Bounds: 64 MiB of an exhibit (unpacked) are read, words of 4 to 256 bytes, 4 million of them.

use std::collections::HashSet;
use std::io::Read;
use std::net::IpAddr;

/// Bytes of an exhibit that are read for words.
pub(super) const MOST_READ: u64 = 64 << 20;
const MOST_WORDS: usize = 4_000_000;

/// The identifying words of a text: addresses, names of hosts, mail addresses, long numbers and ids; in lower case.
pub(super) fn words(text: &[u8], mut each: impl FnMut(&str)) {
    let part = |b: &u8| {
        !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'@' | b'-' | b'_' | b'+') || *b >= 0x80)
    };
    for word in text.split(part) {
        if !(4..=256).contains(&word.len()) {
            continue;
        }
        let Ok(word) = std::str::from_utf8(word) else { continue };
        let word = word.trim_matches(|c: char| matches!(c, '.' | ':' | '-' | '_' | '@' | '+')).to_lowercase();
        if identifies(&word) {
            each(&word);
        }
        // `address:port` and `field:value` hold a word behind the colon, or before it.
        if word.contains(':') && word.parse::<IpAddr>().is_err() {
            word.split(':').filter(|w| w.len() >= 4 && identifies(w)).for_each(&mut each);
        }
    }
}

fn identifies(word: &str) -> bool {
    if word.parse::<IpAddr>().is_ok() || word.contains('@') {
        return true;
    }
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let host = word.contains('.') && letters > 0 && word.len() >= 5;
    let number = digits >= 6 && digits * 2 >= word.len() && !looks_like_time(word);
    let mixed = digits >= 3 && letters >= 3 && word.len() >= 10 && !looks_like_time(word);
    host || number || mixed
}

/// `2026-03-02…`, seconds since 1970: every line of a log has one, and it is nobody's.
fn looks_like_time(word: &str) -> bool {
    let b = word.as_bytes();
    let date = b.len() >= 10 && b.get(4) == Some(&b'-') && b.get(7) == Some(&b'-');
    let seconds = word
        .split('.')
        .next()
        .is_some_and(|w| w.len() == 10 && w.starts_with('1') && w.bytes().all(|c| c.is_ascii_digit()));
    date || seconds
}

/// Words of what is erased.
#[derive(Debug, Default)]
pub(super) struct Traces(HashSet<String>);

impl Traces {
    /// Takes the words of a text.
    pub fn add(&mut self, text: &[u8]) {
        words(text, |w| {
            if self.0.len() < MOST_WORDS {
                self.0.insert(w.to_owned());
            }
        });
    }

    /// Takes the words of an exhibit, unpacked where it is packed; what cannot be read has none.
    pub fn add_exhibit(&mut self, bytes: impl Read + Send) {
        let Ok((_, mut reader)) = botnet::decompress::open(bytes) else { return };
        let mut left = MOST_READ;
        let mut held: Vec<u8> = Vec::new();
        let mut buffer = vec![0u8; 1 << 20];
        while left > 0 {
            let Ok(n) = reader.read(&mut buffer) else { break };
            let Some(chunk) = buffer.get(..n).filter(|c| !c.is_empty()) else { break };
            held.extend_from_slice(chunk);
            left = left.saturating_sub(n as u64);
            // A word that stands across two chunks is kept for the next one.
            let whole = held.iter().rposition(u8::is_ascii_whitespace).map_or(0, |at| at + 1);
            if whole > 0 || held.len() > 4 << 20 {
                let rest = held.split_off(if whole > 0 { whole } else { held.len() });
                self.add(&held);
                held = rest;
            }
        }
        self.add(&held);
    }

    /// Forgets the words of a text that stays in the home: it bears them out by itself.
    pub fn spare(&mut self, text: &[u8]) {
        words(text, |w| {
            self.0.remove(w);
        });
    }

    /// Whether a text holds one of the words.
    pub fn hit(&self, text: &[u8]) -> bool {
        let mut hit = false;
        words(text, |w| hit |= self.0.contains(w));
        hit
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_tell_of_somebody_are_found() {
        for (text, expected) in [
            ("seen from 203.0.113.9:4443 today", &["203.0.113.9"][..]),
            ("\"source\":\"2001:db8::7\",", &["2001:db8::7"]),
            ("mail to Ada.L@Example.org!", &["ada.l@example.org"]),
            ("{\"host\":\"relay-one.com.example\"}", &["relay-one.com.example"]),
            ("account NL91HARB0417164300 moved 12 of", &["nl91harb0417164300"]),
            ("2026-03-02T00:00:01Z 1772409600.000001 tcp SF", &[]),
            ("the harbour is quiet", &[]),
        ] {
            let mut found = Vec::new();
            words(text.as_bytes(), |w| found.push(w.to_owned()));
            for word in expected {
                assert!(found.iter().any(|f| f == word), "{word} in {found:?}");
            }
            assert!(!expected.is_empty() || found.is_empty(), "{found:?} in {text}");
        }
    }

    #[test]
    fn what_stays_bears_its_words_out() {
        let mut traces = Traces::default();
        traces.add(b"198.51.100.7 relay-one.com.example");
        traces.spare(b"a finding about relay-one.com.example");
        assert!(traces.hit(b"a note on 198.51.100.7."));
        assert!(!traces.hit(b"a note on relay-one.com.example"));
    }
}
