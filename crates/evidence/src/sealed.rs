//! Bytes sealed for one home: age v1 (<https://age-encryption.org/v1>) with one X25519 recipient.
//!
//! Here: sealing keys, sealing and opening of whole byte strings in memory. Elsewhere: the vault's streaming seal,
//! passphrase-wrapped keys, and what the bytes mean. This crate is the only home of the `age` crate.
//! Bounds: the caller's maximum for what is opened; nothing above it is kept.

use age::secrecy::ExposeSecret as _;
use miette::Diagnostic;
use std::{fmt, io::Read as _, iter, str::FromStr};
use zeroize::Zeroizing;

/// Why bytes were not sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum SealedError {
    /// Not a sealing key as age writes it.
    #[error("this is not a sealing key of the form `age1…` or `AGE-SECRET-KEY-1…`")]
    #[diagnostic(
        code("CMT-0491"),
        help("`comity doctor` prints this home's sealing key; a partner's stands in its agreement")
    )]
    Key,
    /// Sealing failed.
    #[error("sealing failed: {0}")]
    #[diagnostic(code("CMT-0492"), help("`comity doctor` shows whether keys and memory are in order"))]
    Seal(String),
    /// The bytes do not open: another key, or changed bytes.
    #[error("the sealed bytes do not open: {0}")]
    #[diagnostic(
        code("CMT-0493"),
        help("they were sealed for another key or changed: ask the sender for them again")
    )]
    Open(String),
    /// There is more inside than the caller reads.
    #[error("the sealed bytes hold more than {0} bytes")]
    #[diagnostic(code("CMT-0494"), help("ask the sender to split what was sealed"))]
    TooLarge(usize),
}

/// The public half of a home's sealing key, written `age1…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(pub(crate) age::x25519::Recipient);

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for Recipient {
    type Err = SealedError;
    fn from_str(text: &str) -> Result<Self, SealedError> {
        text.parse().map(Self).map_err(|_| SealedError::Key)
    }
}

/// The secret half of a home's sealing key. It shows itself only by [`Identity::secret_text`].
#[derive(Clone)]
pub struct Identity(pub(crate) age::x25519::Identity);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity of {}", self.recipient())
    }
}

impl Identity {
    /// A new key from the system's random source.
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// Reads `AGE-SECRET-KEY-1…`.
    ///
    /// # Errors
    /// CMT-0491.
    pub fn from_secret_text(text: &str) -> Result<Self, SealedError> {
        text.trim().parse().map(Self).map_err(|_| SealedError::Key)
    }

    /// The key as `AGE-SECRET-KEY-1…`, for a keystore only.
    pub fn secret_text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string().expose_secret().to_owned())
    }

    /// Its public half.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }
}

/// Seals `plain` for `recipient`. Two seals of the same bytes differ.
///
/// # Errors
/// CMT-0492.
pub fn seal(recipient: &Recipient, plain: &[u8]) -> Result<Vec<u8>, SealedError> {
    age::encrypt(&recipient.0, plain).map_err(|e| SealedError::Seal(e.to_string()))
}

/// Opens what [`seal`] made, if it holds at most `max` bytes. Every byte is authenticated.
///
/// # Errors
/// CMT-0493 for another key or changed, shortened or lengthened bytes; CMT-0494 for more than `max` bytes.
pub fn open(identity: &Identity, sealed: &[u8], max: usize) -> Result<Vec<u8>, SealedError> {
    let refuse = |e: &dyn fmt::Display| SealedError::Open(e.to_string());
    let decryptor = age::Decryptor::new(sealed).map_err(|e| refuse(&e))?;
    let reader = decryptor.decrypt(iter::once(&identity.0 as &dyn age::Identity)).map_err(|e| refuse(&e))?;
    let mut plain = Vec::with_capacity(sealed.len().min(max));
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_to_end(&mut plain).map_err(|e| refuse(&e))?;
    if plain.len() > max { Err(SealedError::TooLarge(max)) } else { Ok(plain) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;

    #[test]
    fn only_the_recipient_opens_and_every_bit_counts() {
        let (ours, theirs) = (Identity::generate(), Identity::generate());
        let sealed = seal(&ours.recipient(), b"harbour lights").unwrap();
        assert_eq!(open(&ours, &sealed, 14).unwrap(), b"harbour lights");
        assert_eq!(open(&ours, &sealed, 13), Err(SealedError::TooLarge(13)));
        assert!(open(&theirs, &sealed, 100).is_err());
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                if let Some(b) = changed.get_mut(at) {
                    *b ^= 1 << bit;
                }
                assert!(open(&ours, &changed, 100).is_err(), "byte {at} bit {bit}");
            }
        }
        for end in 0..sealed.len() {
            assert!(open(&ours, sealed.get(..end).unwrap(), 100).is_err());
        }
    }

    #[test]
    fn keys_read_back() {
        let key = Identity::generate();
        assert_eq!(key.recipient().to_string().parse::<Recipient>().unwrap(), key.recipient());
        assert_eq!(Identity::from_secret_text(&key.secret_text()).unwrap().recipient(), key.recipient());
        assert!("age1nonsense".parse::<Recipient>().is_err());
    }
}
