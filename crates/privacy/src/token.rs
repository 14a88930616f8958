//! Tokens: a card, an IBAN or an account number under a key of one agreement, in the same form, reversible by the
//! key's holder alone.
//!
//! Here: FF1 of NIST SP 800-38G with AES-256, over exactly the values that have the form of the one given, and the rule
//! of its revision 1 (draft of 2019, section 5.1) that there be at least 1,000,000 of them. Fewer are refused: without the key nobody can
//! turn a token back, but a holder of a few pairs could guess the rest.
//! Elsewhere: which clause asks for tokens (`agreement`), what leaves (`exchange`).
//!
//! Every position keeps its class: a digit becomes a digit, a letter a letter, anything else stays where it is. So the
//! form's values are numbered from 0 to `size - 1`; FF1 of radix 2 permutes the smallest power of two that holds them, and is repeated
//! until it comes out among them again (cycle walking, twice on average at most).
//!
//! A token is never a valid number of its kind, so that nobody pays to one or freezes a stranger's account:
//! - a payment card keeps its length; the last digit is the check digit of ISO/IEC 7812-1 (Luhn) plus 5, which never holds;
//! - an IBAN keeps its country; the check digits are `00`, which ISO 13616 never gives;
//! - an account of an institution has no check that is the same everywhere: it is marked `t:`.
//!
//! The tweak is the agreement, the kind of value, the period and the institution: one number has unlike tokens in two of
//! any of them. Tokens of earlier releases (`a:`, [`crate::Pseudonymiser::account`]) stay names like any other.

use crate::{Key, Period, PrivacyError};
use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};

/// Fewest values that a form must have (SP 800-38G revision 1: `radix^minlen` at least one million).
pub const LEAST_DOMAIN: u128 = 1_000_000;
/// Most values: what is numbered fits 127 bits. An IBAN of 26 letters is within it, or an account of 38 digits.
const MOST_DOMAIN: u128 = 1 << 127;
/// Repetitions before giving up. Each fails with a chance below one half, so this many fail with one of 2^-256.
const MOST_WALKS: usize = 256;

/// Makes and reveals the tokens of one agreement in one period.
pub struct Tokeniser {
    cipher: FF1<Aes256>,
    agreement: String,
    period: Period,
}

impl std::fmt::Debug for Tokeniser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokeniser(secret)")
    }
}

impl Tokeniser {
    /// The tokeniser of `agreement` (its id) in `period`, under a key that [`Key::derive`] made.
    ///
    /// # Errors
    /// CMT-1267 where the cipher cannot be made, which the radix 2 and a key of 32 bytes leave no cause for.
    pub fn new(key: &Key, agreement: &str, period: Period) -> Result<Self, PrivacyError> {
        let secret = key.purpose(b"token").mac(&[b"ff1"]);
        let cipher = FF1::<Aes256>::new(secret.as_slice(), 2)
            .map_err(|e| PrivacyError::NotDrawn { why: e.to_string() })?;
        Ok(Self { cipher, agreement: agreement.to_owned(), period })
    }

    /// The token of a payment card number: 12 to 19 digits, its check digit right. The same length, and no card.
    ///
    /// # Errors
    /// CMT-1261 for anything else.
    pub fn card(&self, number: &str) -> Result<String, PrivacyError> {
        const WHAT: &str = "payment card";
        let (body, check) = card_parts(number, WHAT)?;
        if check != luhn(body) {
            return Err(PrivacyError::NotOfKind { what: WHAT, why: "its check digit does not hold" });
        }
        let token = self.permute(body, WHAT, "", Way::Make)?;
        let off = (luhn(&token) + 5) % 10;
        Ok(format!("{token}{off}"))
    }

    /// The card behind a token of [`Self::card`].
    ///
    /// # Errors
    /// CMT-1261 for what is no such token.
    pub fn reveal_card(&self, token: &str) -> Result<String, PrivacyError> {
        const WHAT: &str = "payment card";
        let (body, check) = card_parts(token, "token")?;
        if check != (luhn(body) + 5) % 10 {
            return Err(PrivacyError::NotOfKind { what: "token", why: "its last digit is not a token's" });
        }
        let number = self.permute(body, WHAT, "", Way::Reveal)?;
        let check = luhn(&number);
        Ok(format!("{number}{check}"))
    }

    /// The token of an IBAN (ISO 13616; without spaces, capitals): the same country and length, check digits `00`.
    ///
    /// # Errors
    /// CMT-1261 for what is no IBAN, CMT-1260 where its form has too few values.
    pub fn iban(&self, iban: &str) -> Result<String, PrivacyError> {
        const WHAT: &str = "IBAN";
        let (country, check, body) = iban_parts(iban, WHAT)?;
        if check != iban_check(country, body) {
            return Err(PrivacyError::NotOfKind { what: WHAT, why: "its check digits do not hold" });
        }
        Ok(format!("{country}00{}", self.permute(body, WHAT, country, Way::Make)?))
    }

    /// The IBAN behind a token of [`Self::iban`].
    ///
    /// # Errors
    /// CMT-1261 for what is no such token.
    pub fn reveal_iban(&self, token: &str) -> Result<String, PrivacyError> {
        let (country, check, body) = iban_parts(token, "token")?;
        if check != "00" {
            return Err(PrivacyError::NotOfKind { what: "token", why: "its check digits are not a token's" });
        }
        let body = self.permute(body, "IBAN", country, Way::Reveal)?;
        Ok(format!("{country}{}{body}", iban_check(country, &body)))
    }

    /// The token of an account at an institution: `t:` and the number's own form, letters small (an account is the
    /// same in either case). At most 64 characters, printable ASCII.
    ///
    /// # Errors
    /// CMT-1260 where its form has fewer than a million values (six digits are the least), CMT-1261 for other text.
    pub fn account(&self, institution: &str, number: &str) -> Result<String, PrivacyError> {
        let number = number.to_ascii_lowercase();
        Ok(format!("t:{}", self.permute(&number, "account", institution, Way::Make)?))
    }

    /// The account behind a token of [`Self::account`], letters small.
    ///
    /// # Errors
    /// CMT-1261 for what is no such token.
    pub fn reveal_account(&self, institution: &str, token: &str) -> Result<String, PrivacyError> {
        let bad = PrivacyError::NotOfKind { what: "token", why: "an account's token begins with `t:`" };
        let number = token.strip_prefix("t:").ok_or(bad)?;
        if number.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(PrivacyError::NotOfKind { what: "token", why: "a token has no capitals" });
        }
        self.permute(number, "account", institution, Way::Reveal)
    }

    fn permute(&self, text: &str, what: &'static str, at: &str, way: Way) -> Result<String, PrivacyError> {
        let (number, size) = numbered(text, what)?;
        if size < LEAST_DOMAIN {
            return Err(PrivacyError::DomainTooSmall { what, size, least: LEAST_DOMAIN });
        }
        let tweak = self.tweak(what, at);
        let bits = u128::BITS - (size - 1).leading_zeros();
        let mut at = number;
        for _ in 0..MOST_WALKS {
            at = self.step(at, bits, &tweak, way)?;
            if at < size {
                return Ok(spelt(at, text));
            }
        }
        Err(PrivacyError::NotDrawn { why: "the walk did not come back".into() })
    }

    fn step(&self, number: u128, bits: u32, tweak: &[u8], way: Way) -> Result<u128, PrivacyError> {
        let numerals: Vec<u16> = (0..bits).rev().map(|bit| ((number >> bit) & 1) as u16).collect();
        let numerals = FlexibleNumeralString::from(numerals);
        let done = match way {
            Way::Make => self.cipher.encrypt(tweak, &numerals),
            Way::Reveal => self.cipher.decrypt(tweak, &numerals),
        };
        let done: Vec<u16> = done.map_err(|e| PrivacyError::NotDrawn { why: e.to_string() })?.into();
        Ok(done.into_iter().fold(0, |n, bit| (n << 1) | u128::from(bit)))
    }

    fn tweak(&self, what: &str, at: &str) -> Vec<u8> {
        let mut tweak = b"comity.token/1".to_vec();
        for part in [self.agreement.as_bytes(), what.as_bytes(), at.as_bytes()] {
            tweak.extend((part.len() as u64).to_le_bytes());
            tweak.extend(part);
        }
        tweak.extend(self.period.number().to_le_bytes());
        tweak
    }
}

#[derive(Clone, Copy)]
enum Way {
    Make,
    Reveal,
}

/// The class of a character: its first member and how many there are. One that stands for itself has none.
fn class(c: u8) -> Option<(u8, u8)> {
    match c {
        b'0'..=b'9' => Some((b'0', 10)),
        b'a'..=b'z' => Some((b'a', 26)),
        b'A'..=b'Z' => Some((b'A', 26)),
        _ => None,
    }
}

/// The number of a text among the texts of its form, and how many there are.
fn numbered(text: &str, what: &'static str) -> Result<(u128, u128), PrivacyError> {
    if text.len() > 64 || !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return Err(PrivacyError::NotOfKind { what, why: "it needs at most 64 characters, printable ASCII" });
    }
    let (mut number, mut size) = (0u128, 1u128);
    for c in text.bytes() {
        let Some((first, many)) = class(c) else { continue };
        size = size
            .checked_mul(u128::from(many))
            .filter(|s| *s <= MOST_DOMAIN)
            .ok_or(PrivacyError::NotOfKind { what, why: "it is too long" })?;
        number = number * u128::from(many) + u128::from(c - first);
    }
    Ok((number, size))
}

/// The text of the form of `like` with this number.
fn spelt(mut number: u128, like: &str) -> String {
    let mut out: Vec<char> = Vec::with_capacity(like.len());
    for c in like.bytes().rev() {
        let Some((first, many)) = class(c) else {
            out.push(char::from(c));
            continue;
        };
        let digit = (number % u128::from(many)) as u8;
        out.push(char::from(first + digit));
        number /= u128::from(many);
    }
    out.into_iter().rev().collect()
}

fn card_parts<'a>(number: &'a str, what: &'static str) -> Result<(&'a str, u32), PrivacyError> {
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    if !digits || !(12..=19).contains(&number.len()) {
        return Err(PrivacyError::NotOfKind { what, why: "it needs 12 to 19 digits and nothing else" });
    }
    let (body, check) = number.split_at(number.len() - 1);
    Ok((body, check.bytes().fold(0, |n, b| n * 10 + u32::from(b - b'0'))))
}

/// The check digit that belongs behind these digits (ISO/IEC 7812-1, annex B).
fn luhn(body: &str) -> u32 {
    let doubled = |(i, b): (usize, u8)| {
        let digit = u32::from(b.wrapping_sub(b'0'));
        if i % 2 == 1 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
    };
    (10 - body.bytes().rev().enumerate().map(doubled).sum::<u32>() % 10) % 10
}

fn iban_parts<'a>(iban: &'a str, what: &'static str) -> Result<(&'a str, &'a str, &'a str), PrivacyError> {
    let bad = |why| PrivacyError::NotOfKind { what, why };
    if !(15..=34).contains(&iban.len()) || !iban.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'Z')) {
        return Err(bad("it needs 15 to 34 digits and capitals and nothing else"));
    }
    let (country, rest) = iban.split_at(2);
    let (check, body) = rest.split_at(2);
    let starts = country.bytes().all(|b| b.is_ascii_uppercase()) && check.bytes().all(|b| b.is_ascii_digit());
    if starts { Ok((country, check, body)) } else { Err(bad("it begins with a country and two digits")) }
}

/// The check digits that belong to this country and account (ISO 13616, by ISO/IEC 7064 MOD 97-10): `02` to `98`.
fn iban_check(country: &str, body: &str) -> String {
    let rest = body.bytes().chain(country.bytes()).chain(*b"00").fold(0u32, |rest, b| match b {
        b'0'..=b'9' => (rest * 10 + u32::from(b - b'0')) % 97,
        _ => (rest * 100 + u32::from(b.wrapping_sub(b'A')) + 10) % 97,
    });
    format!("{:02}", 98 - rest)
}
