//! Keys from which pseudonyms are made.
//!
//! Here: derivation and wiping. Elsewhere: the master key's rest and its destruction (`evidence`'s keystore).

use crate::Period;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A secret of 32 bytes. Wiped from memory when dropped; never shown, compared or serialised.
///
/// Whoever destroys a key makes every pseudonym under it final: nothing can be revealed any more.
pub struct Key(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(secret)")
    }
}

impl Key {
    /// A key from 32 secret bytes, as the keystore holds them. They must come from a good random source.
    pub fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self(secret)
    }

    /// The key of one label (an agreement's or a case's id, or the home's own) in one period.
    ///
    /// The expand step of HKDF (RFC 5869 section 2.3) with HMAC-SHA256 and one block of output; the master is already
    /// uniform, so there is no extract step. `info` is a fixed word, the label with its length and the period, so no
    /// two (label, period) pairs share one. Knowing a derived key tells nothing of the master or of another period.
    #[must_use]
    pub fn derive(master: &Self, label: &str, period: Period) -> Self {
        let length = (label.len() as u64).to_le_bytes();
        master.expand(&[b"comity.privacy/1 key", &length, label.as_bytes(), &period.number().to_le_bytes()])
    }

    /// A key for one use inside this crate. `use_` is fixed text, never data.
    pub(crate) fn purpose(&self, use_: &'static [u8]) -> Self {
        self.expand(&[b"comity.privacy/1 use", use_])
    }

    /// HMAC-SHA256 under this key over the parts in turn. The caller makes the parts unambiguous.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        // HMAC takes a key of any length (RFC 2104 section 2): the error of `new_from_slice` is for other MACs.
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    fn expand(&self, info: &[&[u8]]) -> Self {
        let parts: Vec<&[u8]> = info.iter().copied().chain([[1u8].as_slice()]).collect();
        Self(self.mac(&parts))
    }
}
