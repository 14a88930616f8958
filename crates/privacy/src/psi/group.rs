//! The group ristretto255 with SHA-512: hashing into it and to its scalars (RFC 9380, RFC 9497 section 4.1), and its
//! elements in batches.
//!
//! Compression is shared by a batch: the library's batch gives the spelling of doubled points, so every scalar is
//! halved first. The group has prime order, so `2·(s/2)·P = s·P`, and the bytes are those of RFC 9496.

use super::{ELEMENT, MOST_ITEM, PsiError};
use curve25519_dalek::{
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::IsIdentity as _,
};
use sha2::{Digest as _, Sha512};

/// Bytes of SHA-512's input block.
const BLOCK: usize = 128;

/// Hashes under one domain separation tag with `expand_message_xmd` (RFC 9380 section 5.3.1) and 64 bytes of output.
#[derive(Clone)]
pub(crate) struct Expander {
    /// SHA-512 after the padding block, the same for every message.
    begun: Sha512,
    /// The tag and its length.
    tag: Vec<u8>,
}

impl Expander {
    /// `tag` is at most 255 bytes: a fixed text of this crate.
    pub fn new(parts: &[&[u8]]) -> Self {
        let mut tag = parts.concat();
        tag.push(u8::try_from(tag.len()).unwrap_or(u8::MAX));
        Self { begun: Sha512::new().chain_update([0u8; BLOCK]), tag }
    }

    /// 64 uniform bytes for a message given in parts.
    fn expand(&self, message: &[&[u8]]) -> [u8; 64] {
        let mut first = self.begun.clone();
        message.iter().for_each(|part| first.update(part));
        // The length of the output (64, two bytes), then the number 0.
        let first = first.chain_update([0, 64, 0]).chain_update(&self.tag).finalize();
        Sha512::new().chain_update(first).chain_update([1]).chain_update(&self.tag).finalize().into()
    }

    /// An element of the group (`hash_to_ristretto255`, RFC 9380 appendix B).
    pub fn element(&self, message: &[&[u8]]) -> RistrettoPoint {
        RistrettoPoint::from_uniform_bytes(&self.expand(message))
    }

    /// A scalar (RFC 9497 section 4.1).
    pub fn scalar(&self, message: &[&[u8]]) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&self.expand(message))
    }
}

/// An element in its one spelling; `None` for any other bytes, and for the identity (RFC 9497 section 4.1).
pub(crate) fn read(bytes: &[u8; ELEMENT]) -> Option<RistrettoPoint> {
    CompressedRistretto(*bytes).decompress().filter(|point| !point.is_identity())
}

/// The spellings of points that were multiplied by halved scalars.
pub(crate) fn doubled(points: &[RistrettoPoint]) -> Vec<[u8; ELEMENT]> {
    RistrettoPoint::double_and_compress_batch(points).into_iter().map(|c| c.to_bytes()).collect()
}

/// The spellings of `item · scalar`, hashing each item into the group first; scalars are halved.
///
/// # Errors
/// CMT-1237 where an item hashes to the identity: with negligible probability.
pub(crate) fn hashed_times<'i>(
    hash: &Expander,
    items: impl Iterator<Item = &'i [u8]>,
    halves: impl Iterator<Item = Scalar>,
) -> Result<Vec<[u8; ELEMENT]>, PsiError> {
    let points: Vec<RistrettoPoint> =
        items.zip(halves).map(|(item, half)| hash.element(&[item]) * half).collect();
    match points.iter().position(|p| p.is_identity()) {
        Some(place) => Err(PsiError::Degenerate { place }),
        None => Ok(doubled(&points)),
    }
}

/// The spellings of `element · scalar`; the scalar is halved. `from` is the place of the first in its message.
///
/// # Errors
/// CMT-1230 for bytes that are no element.
pub(crate) fn read_times(
    elements: &[[u8; ELEMENT]],
    halves: impl Iterator<Item = Scalar>,
    from: usize,
) -> Result<Vec<[u8; ELEMENT]>, PsiError> {
    let points = elements.iter().zip(halves).enumerate().map(|(n, (bytes, half))| {
        read(bytes).map(|point| point * half).ok_or(PsiError::NotAnElement { place: from + n })
    });
    Ok(doubled(&points.collect::<Result<Vec<_>, _>>()?))
}

/// Whether an item has a length that takes part.
pub(crate) fn fits(item: &[u8]) -> bool {
    (1..=MOST_ITEM).contains(&item.len())
}
