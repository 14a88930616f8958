//! Pseudonyms: the same person under the same key has the same one, and without the key it tells nothing.
//!
//! Here: `p:` for addresses, reversible with the key (ipcrypt-deterministic of draft-denis-ipcrypt, section 3.1: one
//! AES-128 block over the 16 bytes of the address, IPv4 as `::ffff:a.b.c.d`); `b:` for bots and `a:` for accounts,
//! not reversible (HMAC-SHA256, RFC 2104, cut to 128 bits); `n:` for addresses where an agreement wants networks comparable
//! (ipcrypt-pfx, section 3.2 of the draft: two addresses that share their first bits share as many of the pseudonym's).
//!
//! Which modes of the draft are offered, and why: deterministic, because partners join on it; prefix-preserving on request
//! alone, because it tells more: who knows a few addresses behind pseudonyms knows their networks' others too. Not offered are
//! nd and ndx, which give the same address another form each time: nothing can be joined on them, and what nobody joins on is
//! better left out.
//! Elsewhere: which side of a flow is a person's ([`crate::customer`]); caching distinct values is the caller's.
//!
//! What a pseudonym does not hide: that two records speak of the same address within a period. Where that tells
//! too much, an agreement asks for `aggregate(k)` or `never`.

use crate::{Key, PrivacyError, error::cut};
use ipcrypt_rs::{Ipcrypt, IpcryptPfx, bytes_to_ip, ip_to_bytes};
use std::net::{IpAddr, Ipv6Addr};

/// Makes pseudonyms under one key.
pub struct Pseudonymiser {
    address: Ipcrypt,
    network: IpcryptPfx,
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
        let network = IpcryptPfx::new(halves(&key.purpose(b"network")));
        Self { address, network, bot: key.purpose(b"bot"), account: key.purpose(b"account") }
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

    /// The pseudonym of an address that keeps its network comparable: `n:` and 8 (IPv4) or 32 (IPv6) lower-case hexadecimal
    /// digits. Addresses that share their first `k` bits have pseudonyms that share exactly as many.
    pub fn network(&self, ip: IpAddr) -> String {
        match self.network.encrypt_ipaddr(ip.to_canonical()) {
            IpAddr::V4(v4) => tagged("n:", &v4.octets()),
            IpAddr::V6(v6) => tagged("n:", &v6.octets()),
        }
    }

    /// The address behind a pseudonym made by [`Self::network`] under the same key. Another key gives another address,
    /// and nothing tells: the caller chooses the key from the record itself.
    ///
    /// # Errors
    /// CMT-1210 for other text.
    pub fn reveal_network(&self, pseudonym: &str) -> Result<IpAddr, PrivacyError> {
        let bad = || PrivacyError::NotAPseudonym { text: cut(pseudonym) };
        let digits = pseudonym.strip_prefix("n:").filter(|d| lower_hex(d)).ok_or_else(bad)?;
        let bytes = hex::decode(digits).map_err(|_| bad())?;
        let hidden = match (<[u8; 4]>::try_from(bytes.as_slice()), <[u8; 16]>::try_from(bytes.as_slice())) {
            (Ok(v4), _) => IpAddr::from(v4),
            (_, Ok(v6)) => IpAddr::from(v6),
            _ => return Err(bad()),
        };
        Ok(self.network.decrypt_ipaddr(hidden))
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
    let mut out = [0u8; 16];
    (lower_hex(digits) && hex::decode_to_slice(digits, &mut out).is_ok()).then_some(out)
}

fn lower_hex(digits: &str) -> bool {
    digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Two AES-128 keys for ipcrypt-pfx, which stops where they are the same.
fn halves(key: &Key) -> [u8; IpcryptPfx::KEY_BYTES] {
    let mut both: [u8; IpcryptPfx::KEY_BYTES] = *key.mac(&[b"ipcrypt-pfx"]);
    let (one, other) = both.split_at_mut(16);
    // One key in 2^128 has equal halves.
    if one == other
        && let Some(last) = other.last_mut()
    {
        *last ^= 1;
    }
    both
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
