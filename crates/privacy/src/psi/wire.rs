//! The messages of a session and their one spelling.
//!
//! A question: `comity-psi/1`, a line end, `1`, the protocol's digit, the number of elements (4 bytes, little-endian), the
//! elements. An answer begins alike with `2` and repeats the question's commitment; [`super::reveal`] and
//! [`super::size_only`] say what follows.
//! Bounds: those of [`super`]; a message has exactly the length that follows from its numbers.

use super::{MOST_ITEMS, PsiError};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Bytes of an element.
pub const ELEMENT: usize = 32;
/// First bytes of every message.
pub const MAGIC: &[u8] = b"comity-psi/1\n";

/// Which protocol a session follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The asker learns which of its items match.
    Reveal,
    /// As `Reveal`, with proofs that one key answered.
    Verified,
    /// The asker learns how many match.
    SizeOnly,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::Reveal, Self::Verified, Self::SizeOnly];

    /// The word used in commands and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reveal => "reveal",
            Self::Verified => "verified",
            Self::SizeOnly => "size-only",
        }
    }
    /// What a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.word() == word)
    }
    const fn digit(self) -> u8 {
        match self {
            Self::Reveal => b'0',
            Self::Verified => b'1',
            Self::SizeOnly => b'2',
        }
    }
}

/// What an asker commits to before the holder sees the question: SHA-256 over the protocol, the number of items and the
/// blinded elements. It tells nothing of the items, and whoever is shown session secret and items can make it again.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment(pub [u8; 32]);

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({self})")
    }
}
impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A question: as many blinded elements as items were declared.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    protocol: Protocol,
    elements: Vec<[u8; ELEMENT]>,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Question({}, {} items)", self.protocol.word(), self.elements.len())
    }
}

impl Question {
    /// Of blinded elements, in an order that tells nothing of the items or is the asker's to know.
    pub(crate) fn new(protocol: Protocol, elements: Vec<[u8; ELEMENT]>) -> Result<Self, PsiError> {
        let size = elements.len();
        if !(1..=MOST_ITEMS).contains(&size) {
            return Err(PsiError::Size { size, most: MOST_ITEMS });
        }
        if protocol == Protocol::SizeOnly && !elements.is_sorted_by(|a, b| a < b) {
            return Err(PsiError::Message { why: "its elements are not in order, each once" });
        }
        Ok(Self { protocol, elements })
    }

    /// Reads a question. Whether its elements are of the group shows when they are answered.
    ///
    /// # Errors
    /// CMT-1231 for anything else, CMT-1232 for a number of items out of bounds.
    pub fn read(bytes: &[u8]) -> Result<Self, PsiError> {
        let (protocol, size, rest) = begin(bytes, b'1')?;
        let (elements, rest) = elements(rest, size)?;
        if !rest.is_empty() {
            return Err(PsiError::Message { why: "it is longer than it says" });
        }
        Self::new(protocol, elements.to_vec())
    }

    /// Its one spelling.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MAGIC.len() + 6 + self.elements.len() * ELEMENT);
        begun(&mut out, b'1', self.protocol, self.elements.len());
        out.extend_from_slice(self.elements.as_flattened());
        out
    }

    /// Which protocol it asks for.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }
    /// How many items it declares.
    pub fn items(&self) -> usize {
        self.elements.len()
    }
    /// The blinded elements.
    pub fn elements(&self) -> &[[u8; ELEMENT]] {
        &self.elements
    }

    /// What the asker commits to.
    pub fn commitment(&self) -> Commitment {
        let hash = Sha256::new().chain_update(b"comity.psi/1 declared set");
        let hash = hash.chain_update([self.protocol.digit()]);
        let hash = hash.chain_update((self.elements.len() as u64).to_le_bytes());
        Commitment(hash.chain_update(self.elements.as_flattened()).finalize().into())
    }
}

/// The beginning of a message.
pub(crate) fn begun(out: &mut Vec<u8>, step: u8, protocol: Protocol, size: usize) {
    out.extend(MAGIC);
    out.extend([step, protocol.digit()]);
    out.extend(u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
}

/// Protocol and number of items of a message of this step, and what follows.
pub(crate) fn begin(bytes: &[u8], step: u8) -> Result<(Protocol, usize, &[u8]), PsiError> {
    let broken = |why| PsiError::Message { why };
    let rest = bytes.strip_prefix(MAGIC).ok_or(broken("it is no message of a private match"))?;
    let (&[said, digit], rest) = rest.split_first_chunk::<2>().ok_or(broken("it is cut short"))?;
    if said != step {
        return Err(broken("it is a question where an answer belongs, or an answer where a question does"));
    }
    let protocol =
        Protocol::ALL.into_iter().find(|p| p.digit() == digit).ok_or(broken("its protocol is not known"))?;
    let (size, rest) = number(rest)?;
    Ok((protocol, size, rest))
}

/// A number of items within the bounds.
pub(crate) fn number(bytes: &[u8]) -> Result<(usize, &[u8]), PsiError> {
    let (size, rest) = bytes.split_first_chunk::<4>().ok_or(PsiError::Message { why: "it is cut short" })?;
    let size = u32::from_le_bytes(*size) as usize;
    if !(1..=MOST_ITEMS).contains(&size) {
        return Err(PsiError::Size { size, most: MOST_ITEMS });
    }
    Ok((size, rest))
}

/// So many elements, and what follows.
pub(crate) fn elements(bytes: &[u8], size: usize) -> Result<(&[[u8; ELEMENT]], &[u8]), PsiError> {
    let cut = size.checked_mul(ELEMENT).and_then(|length| bytes.split_at_checked(length));
    let (head, rest) = cut.ok_or(PsiError::Message { why: "it is cut short" })?;
    Ok((head.as_chunks::<ELEMENT>().0, rest))
}

/// So many bytes, and what follows.
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), PsiError> {
    bytes.split_first_chunk::<N>().ok_or(PsiError::Message { why: "it is cut short" })
}
