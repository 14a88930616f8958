//! Salted commitments: what the ledger holds in place of digests (RFC 2104, HMAC with SHA-256).
//!
//! Here: salts, commitments, checking a disclosure. Elsewhere: where salts are kept (`evidence`, beside the object's
//! key, so that both die together). Without its salt a commitment says nothing, even about a digest that is known.

use crate::LedgerError;
use hmac::{Hmac, Mac as _};
use rand_core::{OsRng, RngCore as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::{fmt, str::FromStr};
use terms::Digest;
use zeroize::Zeroize as _;

/// 32 secret random bytes of one object. Overwritten in memory when dropped; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// A new salt from the system's random source.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        OsRng.fill_bytes(&mut bytes);
        Self(bytes)
    }
    /// A salt that was kept or disclosed.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// The secret bytes, for the keystore and for disclosure in a package.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
    /// The salt as 64 hexadecimal digits, for disclosure in a package.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
    /// Reads a disclosed salt.
    ///
    /// # Errors
    /// CMT-0321 when the text is not 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, LedgerError> {
        read_hex(text).map(Self)
    }
}

impl Drop for Salt {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(secret)")
    }
}

/// `HMAC-SHA256(salt, digest)`, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Commitment(pub [u8; 32]);

/// Commits to a digest: the same salt and digest always give the same commitment.
pub fn commit(salt: &Salt, digest: &Digest) -> Commitment {
    Commitment(mac(salt, digest).finalize().into_bytes().into())
}

impl Commitment {
    /// Whether a disclosed salt and digest are what was committed to. Compares in constant time.
    pub fn opens_to(&self, salt: &Salt, digest: &Digest) -> bool {
        mac(salt, digest).verify_slice(&self.0).is_ok()
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104 section 2)")]
fn mac(salt: &Salt, digest: &Digest) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&salt.0).expect("any key length");
    mac.update(&digest.0);
    mac
}

fn read_hex(text: &str) -> Result<[u8; 32], LedgerError> {
    let mut out = [0; 32];
    hex::decode_to_slice(text, &mut out).map_err(|_| LedgerError::NotHex)?;
    Ok(out)
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for Commitment {
    type Err = LedgerError;
    fn from_str(s: &str) -> Result<Self, LedgerError> {
        read_hex(s).map(Self)
    }
}
impl TryFrom<String> for Commitment {
    type Error = LedgerError;
    fn try_from(s: String) -> Result<Self, LedgerError> {
        s.parse()
    }
}
impl From<Commitment> for String {
    fn from(c: Commitment) -> Self {
        c.to_string()
    }
}
