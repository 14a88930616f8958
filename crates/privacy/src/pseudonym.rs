//! Pseudonyms: the same person under the same key has the same one, and without the key it tells nothing.
//!
//! Here: `p:` for addresses, reversible with the key (ipcrypt-deterministic of draft-denis-ipcrypt, section 3.1: one
//! AES-128 block over the 16 bytes of the address, IPv4 as `::ffff:a.b.c.d`); `b:` for bots and `a:` for accounts,
//! not reversible (HMAC-SHA256, RFC 2104, cut to 128 bits).
//! Elsewhere: which side of a flow is a person's ([`crate::customer`]); caching distinct values is the caller's.
//!
//! What a pseudonym does not hide: that two records speak of the same address within a period. Where that tells
//! too much, an agreement asks for `aggregate(k)` or `never`.

use crate::{Key, PrivacyError, error::cut};
use ipcrypt_rs::{Ipcrypt, bytes_to_ip, ip_to_bytes};
use std::net::{IpAddr, Ipv6Addr};

/// Makes pseudonyms under one key.
pub struct Pseudonymiser {
    address: Ipcrypt,
    bot: Key,
    account: Key,
}

impl std::fmt::Debug for Pseudonymiser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonymiser(secret)")
    }
}

impl Pseudonymiser {
    /// A pseudonymiser under a key made by [`Key::derive`]. Each kind of value gets a key of its own from it.
    pub fn new(key: &Key) -> Self {
        let mut short = [0u8; Ipcrypt::KEY_BYTES];
        short
            .iter_mut()
            .zip(key.purpose(b"address").mac(&[b"ipcrypt"]).iter())
            .for_each(|(to, from)| *to = *from);
        let address = Ipcrypt::new(short);
        zeroize::Zeroize::zeroize(&mut short);
        Self { address, bot: key.purpose(b"bot"), account: key.purpose(b"account") }
    }

    /// The pseudonym of an address: `p:` and 32 lower-case hexadecimal digits. Distinct addresses have distinct
    /// pseudonyms; an IPv4-mapped IPv6 address is the IPv4 address.
    pub fn address(&self, ip: IpAddr) -> String {
        let mut bytes = ip_to_bytes(ip);
        self.address.encrypt_ip16(&mut bytes);
        tagged("p:", &bytes)
    }

    /// The address behind a pseudonym made by [`Self::address`] under the same key.
    ///
    /// The cipher carries no check of its own. An outcome outside the address space in use (IPv4, `2000::/3`,
    /// `fc00::/7`, `fe80::/10`, `64:ff9b::/32`, `::1`) is refused as a wrong key: that catches six in seven wrong
    /// keys, and every one for which IPv4 was expected. The caller chooses the key by agreement and period, from the record
    /// itself, and puts the reveal on the ledger.
    pub fn reveal(&self, pseudonym: &str) -> Result<IpAddr, PrivacyError> {
        let mut bytes =
            untagged(pseudonym).ok_or_else(|| PrivacyError::NotAPseudonym { text: cut(pseudonym) })?;
        self.address.decrypt_ip16(&mut bytes);
        let ip = bytes_to_ip(bytes);
        if in_use(ip) { Ok(ip) } else { Err(PrivacyError::WrongKey { pseudonym: pseudonym.to_owned() }) }
    }

    /// The pseudonym of a bot's own id, as its protocol carries it: `b:` and 32 lower-case hexadecimal digits.
    /// Nobody can turn it back, the key's holder neither: the holder can only test a guess.
    pub fn id(&self, raw: &str) -> String {
        hashed("b:", &self.bot, &[raw.as_bytes()])
    }

    /// The token of an account at an institution: `a:` and 32 lower-case hexadecimal digits, not reversible. The same
    /// number at two institutions gives two tokens.
    pub fn account(&self, institution: &str, number: &str) -> String {
        let length = (institution.len() as u64).to_le_bytes();
        hashed("a:", &self.account, &[&length, institution.as_bytes(), number.as_bytes()])
    }
}

fn hashed(tag: &str, key: &Key, parts: &[&[u8]]) -> String {
    let mac = key.mac(parts);
    let (half, _) = mac.split_at(16);
    tagged(tag, half)
}

fn tagged(tag: &str, bytes: &[u8]) -> String {
    let mut out = String::with_capacity(34);
    out.push_str(tag);
    out.push_str(&hex::encode(bytes));
    out
}

/// The 16 bytes of an address pseudonym; `None` for anything but its one spelling.
fn untagged(s: &str) -> Option<[u8; 16]> {
    let digits = s.strip_prefix("p:")?;
    let lower = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut out = [0u8; 16];
    (lower && hex::decode_to_slice(digits, &mut out).is_ok()).then_some(out)
}

/// Whether an address lies in space that hosts use (IANA IPv6 address space; RFC 4193, RFC 4291, RFC 6052, RFC 8215).
fn in_use(ip: IpAddr) -> bool {
    let IpAddr::V6(v6) = ip else { return true };
    let [first, second, ..] = v6.segments();
    first & 0xe000 == 0x2000
        || first & 0xfe00 == 0xfc00
        || first & 0xffc0 == 0xfe80
        || (first, second) == (0x0064, 0xff9b)
        || v6 == Ipv6Addr::LOCALHOST
}
