//! Items in their one spelling, so that both sides mean the same bytes by the same thing.
//!
//! An item is the word of its kind, a 0 byte and the value:
//! `address` 16 bytes, IPv4 as `::ffff:a.b.c.d` · `e-mail` lower case, one `@`, no space · `account` upper case, without
//! spaces and hyphens, 4 to 34 letters and digits (an IBAN is one) · `card` 12 to 19 digits without spaces and hyphens,
//! with a right check digit (ISO/IEC 7812-1) · `domain` lower case without a final dot · `text` as it stands, without
//! white space around it.
//! Bounds: see [`super`]. Empty lines and lines that begin with `#` are no items.

use super::{MOST_ITEM, MOST_ITEMS, PsiError, group};
use crate::error::cut;
use std::net::IpAddr;

/// What items are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An IPv4 or IPv6 address.
    Address,
    /// An e-mail address, or a user name in the form of one.
    Email,
    /// An account at an institution, by its number.
    Account,
    /// A payment card, by its number.
    Card,
    /// A domain name.
    Domain,
    /// Anything else.
    Text,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Address, Self::Email, Self::Account, Self::Card, Self::Domain, Self::Text];

    /// The word used in commands and JSON, and in an item's bytes.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Email => "e-mail",
            Self::Account => "account",
            Self::Card => "card",
            Self::Domain => "domain",
            Self::Text => "text",
        }
    }

    /// What a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.word() == word)
    }

    /// Why the whole domain can be asked through, if it can: then only the caps protect who is in the set.
    pub const fn enumerable(self) -> Option<&'static str> {
        match self {
            Self::Address => Some("there are 2^32 IPv4 addresses, and a network is a small part of them"),
            Self::Card => Some("under a known prefix a card number has fewer than 10^10 values"),
            Self::Account => Some("account numbers of one institution follow each other"),
            Self::Email | Self::Domain | Self::Text => None,
        }
    }

    /// The one spelling of an item.
    ///
    /// # Errors
    /// CMT-1233 for what is none of this kind.
    pub fn canonical(self, text: &str) -> Result<Vec<u8>, PsiError> {
        let refuse = |why| PsiError::Item { text: cut(text), kind: self.word(), why };
        let text = text.trim();
        let value = match self {
            Self::Address => address(text),
            Self::Email => email(text),
            Self::Account => account(text),
            Self::Card => card(text),
            Self::Domain => domain(text),
            Self::Text => Ok(text.as_bytes().to_vec()),
        };
        let value = value.map_err(refuse)?;
        if value.is_empty() {
            return Err(refuse("it is empty"));
        }
        let item = [self.word().as_bytes(), &[0], &value].concat();
        if group::fits(&item) { Ok(item) } else { Err(refuse("it is longer than 256 bytes")) }
    }
}

type Value = Result<Vec<u8>, &'static str>;

fn address(text: &str) -> Value {
    let ip: IpAddr = text.parse().map_err(|_| "it is no IPv4 or IPv6 address")?;
    Ok(match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    })
}

fn email(text: &str) -> Value {
    let (local, domain) = text.split_once('@').ok_or("it has no `@`")?;
    let plain =
        |s: &str| !s.is_empty() && !s.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control());
    if !plain(local) || !plain(domain) {
        return Err("it is not one name, `@` and one domain");
    }
    Ok(text.to_lowercase().into_bytes())
}

fn account(text: &str) -> Value {
    let value: Vec<u8> = joined(text).map(|b| b.to_ascii_uppercase()).collect();
    let good = (4..=34).contains(&value.len()) && value.iter().all(u8::is_ascii_alphanumeric);
    good.then_some(value).ok_or("it is not 4 to 34 letters and digits")
}

fn card(text: &str) -> Value {
    let value: Vec<u8> = joined(text).collect();
    if !(12..=19).contains(&value.len()) || !value.iter().all(u8::is_ascii_digit) {
        return Err("it is not 12 to 19 digits");
    }
    let sum: u32 = (value.iter().rev().enumerate())
        .map(|(n, digit)| {
            let once = u32::from(digit - b'0');
            let twice = once * 2;
            if n % 2 == 0 { once } else { twice / 10 + twice % 10 }
        })
        .sum();
    if sum.is_multiple_of(10) { Ok(value) } else { Err("its check digit is wrong") }
}

fn domain(text: &str) -> Value {
    let name = text.strip_suffix('.').unwrap_or(text).to_lowercase();
    let good = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let labels = name.split('.').all(|l| !l.is_empty());
    if labels && name.chars().all(good) { Ok(name.into_bytes()) } else { Err("it is no domain name") }
}

fn joined(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|b| !matches!(b, b' ' | b'-'))
}

/// A line that is no item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The line, from 1.
    pub line: usize,
    /// Why.
    pub error: PsiError,
}

/// A set of items in their one spelling, sorted, each once.
#[derive(Clone, PartialEq, Eq)]
pub struct Items {
    bytes: Vec<u8>,
    /// End of each item in `bytes`, and the line it came from, from 0.
    ends: Vec<(u32, u32)>,
}

impl std::fmt::Debug for Items {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} items", self.len())
    }
}

impl Items {
    /// Items of one kind, one a line; the lines that are none beside.
    ///
    /// # Errors
    /// CMT-1232 for none, or more than [`MOST_ITEMS`]; CMT-1246 where there are lines and none is of this kind.
    pub fn read<'t>(
        kind: Kind,
        lines: impl IntoIterator<Item = &'t str>,
    ) -> Result<(Self, Vec<Unread>), PsiError> {
        let (mut all, mut unread) = (Vec::new(), Vec::new());
        for (line, text) in lines.into_iter().enumerate() {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            match kind.canonical(text) {
                Ok(item) => all.push((item.into_boxed_slice(), u32::try_from(line).unwrap_or(u32::MAX))),
                Err(error) => unread.push(Unread { line: line + 1, error }),
            }
        }
        all.sort_unstable();
        all.dedup_by(|later, earlier| later.0 == earlier.0);
        let size = all.len();
        if let (0, Some(first)) = (size, unread.first()) {
            return Err(PsiError::NoItem {
                lines: unread.len(),
                line: first.line,
                why: first.error.to_string(),
            });
        }
        if !(1..=MOST_ITEMS).contains(&size) {
            return Err(PsiError::Size { size, most: MOST_ITEMS });
        }
        let (mut bytes, mut ends) =
            (Vec::with_capacity(all.iter().map(|i| i.0.len()).sum()), Vec::with_capacity(size));
        for (item, line) in all {
            bytes.extend_from_slice(&item);
            // 2^21 items of at most 256 bytes end below 2^32.
            ends.push((u32::try_from(bytes.len()).unwrap_or(u32::MAX), line));
        }
        Ok((Self { bytes, ends }, unread))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    /// Whether there is none; never.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One item's bytes; empty where there is none at this place.
    pub fn get(&self, place: usize) -> &[u8] {
        let before = place.checked_sub(1).and_then(|p| self.ends.get(p)).map_or(0, |e| e.0 as usize);
        let end = self.ends.get(place).map_or(before, |e| e.0 as usize);
        self.bytes.get(before..end).unwrap_or_default()
    }

    /// The line one item came from, from 0; of several the first.
    pub fn line(&self, place: usize) -> Option<usize> {
        self.ends.get(place).map(|e| e.1 as usize)
    }

    /// The items in a range of places.
    pub(crate) fn part(&self, places: std::ops::Range<usize>) -> Vec<&[u8]> {
        places.map(|p| self.get(p)).collect()
    }

    /// What the set is called where its content must not be told: SHA-256 over every item with its length.
    pub fn digest(&self) -> [u8; 32] {
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new_with_prefix(b"comity.psi/1 items");
        for place in 0..self.len() {
            let item = self.get(place);
            hash.update((item.len() as u64).to_le_bytes());
            hash.update(item);
        }
        hash.finalize().into()
    }
}

const _: () = assert!(MOST_ITEMS * MOST_ITEM <= u32::MAX as usize);
