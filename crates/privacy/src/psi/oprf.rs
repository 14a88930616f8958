//! The oblivious pseudorandom function of RFC 9497, suite ristretto255-SHA512: `F(key, item)`, computed by two sides of
//! whom one knows the key and the other the item.
//!
//! Here: modes OPRF (0x00) and VOPRF (0x01), keys, and the functions of RFC 9497 section 3.3 over batches. Not here: mode
//! POPRF, other suites. Blinds and proof nonces are arguments, so that the RFC's vectors can be made; [`super::reveal`]
//! derives them.

use super::group::{self, Expander};
use super::{ELEMENT, PsiError};
use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar, traits::IsIdentity as _};
use sha2::{Digest as _, Sha512};
use zeroize::Zeroize as _;

/// Bytes of an output: those of SHA-512.
pub const OUTPUT: usize = 64;
/// How this suite is called in every tag.
const SUITE: &[u8] = b"ristretto255-SHA512";

/// Whether answers carry proofs (RFC 9497 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// OPRF, 0x00: the asker trusts that one key answers every item.
    Oprf,
    /// VOPRF, 0x01: each batch proves it.
    Voprf,
}

/// The hashes of one mode, each under its own tag.
#[derive(Clone)]
pub(crate) struct Suite {
    pub to_element: Expander,
    pub to_scalar: Expander,
    pub to_key: Expander,
    pub seed_tag: Vec<u8>,
}

impl Suite {
    pub fn of(mode: Mode) -> Self {
        let id = [match mode {
            Mode::Oprf => 0u8,
            Mode::Voprf => 1,
        }];
        // contextString = "OPRFV1-" || I2OSP(mode, 1) || "-" || identifier (section 3.1)
        let context = [b"OPRFV1-".as_slice(), &id, b"-", SUITE].concat();
        Self {
            to_element: Expander::new(&[b"HashToGroup-", &context]),
            to_scalar: Expander::new(&[b"HashToScalar-", &context]),
            to_key: Expander::new(&[b"DeriveKeyPair", &context]),
            seed_tag: [b"Seed-".as_slice(), &context].concat(),
        }
    }
}

/// The holder's key. Wiped when dropped; never shown.
pub struct SecretKey {
    mode: Mode,
    pub(crate) suite: Suite,
    scalar: Scalar,
    half: Scalar,
    public: PublicKey,
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.scalar.zeroize();
        self.half.zeroize();
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey({:?}, secret)", self.mode)
    }
}

/// What a holder names its key by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    point: RistrettoPoint,
    bytes: [u8; ELEMENT],
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.bytes))
    }
}

impl PublicKey {
    /// Reads a key from a message.
    ///
    /// # Errors
    /// CMT-1230 for bytes that are no element.
    pub fn read(bytes: &[u8; ELEMENT]) -> Result<Self, PsiError> {
        let point = group::read(bytes).ok_or(PsiError::NotAnElement { place: 0 })?;
        Ok(Self { point, bytes: *bytes })
    }
    /// Its one spelling.
    pub fn bytes(&self) -> [u8; ELEMENT] {
        self.bytes
    }
    pub(crate) fn point(&self) -> RistrettoPoint {
        self.point
    }
}

impl SecretKey {
    /// DeriveKeyPair (RFC 9497 section 3.2.1): the key of a secret seed for one use, which `info` names.
    ///
    /// # Errors
    /// CMT-1237 where 256 attempts give none: with negligible probability.
    pub fn derive(mode: Mode, seed: &[u8; 32], info: &[u8]) -> Result<Self, PsiError> {
        let suite = Suite::of(mode);
        let length = u16::try_from(info.len()).map_err(|_| PsiError::Degenerate { place: 0 })?.to_be_bytes();
        for counter in 0..=u8::MAX {
            let scalar = suite.to_key.scalar(&[seed, &length, info, &[counter]]);
            if scalar != Scalar::ZERO {
                return Ok(Self::of(mode, suite, scalar));
            }
        }
        Err(PsiError::Degenerate { place: 0 })
    }

    fn of(mode: Mode, suite: Suite, scalar: Scalar) -> Self {
        let point = RistrettoPoint::mul_base(&scalar);
        let public = PublicKey { point, bytes: point.compress().to_bytes() };
        Self { mode, suite, half: scalar.div_by_2(), scalar, public }
    }

    /// The mode it answers in.
    pub fn mode(&self) -> Mode {
        self.mode
    }
    /// What it is named by.
    pub fn public(&self) -> PublicKey {
        self.public
    }
    pub(crate) fn scalar(&self) -> &Scalar {
        &self.scalar
    }
    /// The scalar as its 32 bytes, for comparison with vectors.
    #[doc(hidden)]
    pub fn reveal_scalar(&self) -> [u8; 32] {
        self.scalar.to_bytes()
    }

    /// BlindEvaluate (section 3.3.1) over a batch whose first element has the place `from` in its message.
    ///
    /// # Errors
    /// CMT-1230 for bytes that are no element.
    pub fn blind_evaluate(
        &self,
        blinded: &[[u8; ELEMENT]],
        from: usize,
    ) -> Result<Vec<[u8; ELEMENT]>, PsiError> {
        group::read_times(blinded, std::iter::repeat_n(self.half, blinded.len()), from)
    }

    /// Evaluate (section 3.3.1): the outputs of the holder's own items.
    ///
    /// # Errors
    /// CMT-1237 where an item hashes to the identity: with negligible probability.
    pub fn evaluate(&self, items: &[&[u8]]) -> Result<Vec<[u8; OUTPUT]>, PsiError> {
        let halves = std::iter::repeat_n(self.half, items.len());
        let elements = group::hashed_times(&self.suite.to_element, items.iter().copied(), halves)?;
        Ok(items.iter().zip(&elements).map(|(item, element)| output(item, element)).collect())
    }
}

/// The asker's side of one mode.
pub struct Blinder {
    suite: Suite,
}

impl Blinder {
    /// For this mode.
    pub fn new(mode: Mode) -> Self {
        Self { suite: Suite::of(mode) }
    }

    pub(crate) fn suite(&self) -> &Suite {
        &self.suite
    }

    /// Blind (section 3.3.1) over a batch, item by item with its blind, which is not 0 and used once.
    ///
    /// # Errors
    /// CMT-1237 where an item hashes to the identity: with negligible probability.
    pub fn blind(&self, items: &[&[u8]], blinds: &[Scalar]) -> Result<Vec<[u8; ELEMENT]>, PsiError> {
        let halves = blinds.iter().map(Scalar::div_by_2);
        group::hashed_times(&self.suite.to_element, items.iter().copied(), halves)
    }

    /// Finalize (section 3.3.1) over a batch: outputs of the items, from what the holder answered. The blinds are
    /// inverted in place. `from` is the place of the first element in its message.
    ///
    /// # Errors
    /// CMT-1230 for bytes that are no element.
    pub fn finalize(
        &self,
        items: &[&[u8]],
        blinds: &mut [Scalar],
        evaluated: &[[u8; ELEMENT]],
        from: usize,
    ) -> Result<Vec<[u8; OUTPUT]>, PsiError> {
        Scalar::invert_batch_alloc(blinds);
        let elements = group::read_times(evaluated, blinds.iter().map(Scalar::div_by_2), from)?;
        Ok(items.iter().zip(&elements).map(|(item, element)| output(item, element)).collect())
    }
}

/// A blind from the 32 bytes of a vector; `None` for 0 and for another spelling.
pub fn blind_from(bytes: [u8; 32]) -> Option<Scalar> {
    Option::from(Scalar::from_canonical_bytes(bytes)).filter(|s| *s != Scalar::ZERO)
}

/// The last step of Finalize and Evaluate. Items are at most 256 bytes, so their length fits two.
fn output(item: &[u8], element: &[u8; ELEMENT]) -> [u8; OUTPUT] {
    let length = u16::try_from(item.len()).unwrap_or(u16::MAX).to_be_bytes();
    let hash = Sha512::new().chain_update(length).chain_update(item);
    hash.chain_update([0, 32]).chain_update(element).chain_update(b"Finalize").finalize().into()
}

/// Whether an element is the identity; for tests of what must be refused.
#[doc(hidden)]
pub fn is_identity(bytes: &[u8; ELEMENT]) -> bool {
    curve25519_dalek::ristretto::CompressedRistretto(*bytes).decompress().is_some_and(|p| p.is_identity())
}
