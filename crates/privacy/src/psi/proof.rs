//! One proof for a batch that every element was evaluated under the named key (DLEQ, RFC 9497 section 2.2).
//!
//! Bounds: 1 to 65,535 pairs a proof, because a pair's number is two bytes; [`super::CHUNK`] is well below.

use super::group;
use super::oprf::{Blinder, PublicKey, SecretKey, Suite};
use super::{ELEMENT, PsiError};
use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar, traits::VartimeMultiscalarMul as _};
use sha2::{Digest as _, Sha512};

/// A proof: challenge and response, 64 bytes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    challenge: Scalar,
    response: Scalar,
}

/// Bytes of a proof.
pub const PROOF: usize = 64;

impl Proof {
    /// Reads a proof; `None` for scalars in another than their one spelling.
    pub fn read(bytes: &[u8; PROOF]) -> Option<Self> {
        let (challenge, response) = bytes.split_first_chunk::<32>()?;
        let scalar = |b: [u8; 32]| Option::<Scalar>::from(Scalar::from_canonical_bytes(b));
        Some(Self { challenge: scalar(*challenge)?, response: scalar(response.try_into().ok()?)? })
    }

    /// Its one spelling.
    pub fn bytes(&self) -> [u8; PROOF] {
        let mut out = [0u8; PROOF];
        let both = self.challenge.as_bytes().iter().chain(self.response.as_bytes());
        out.iter_mut().zip(both).for_each(|(to, from)| *to = *from);
        out
    }
}

impl SecretKey {
    /// GenerateProof (section 2.2.1) that `evaluated` are `blinded` under this key. `nonce` is secret, not 0 and never
    /// used for another batch: who sees two proofs with one nonce knows the key.
    ///
    /// # Errors
    /// CMT-1230 for bytes that are no element, CMT-1231 for lists of different or too great lengths.
    pub fn prove(
        &self,
        blinded: &[[u8; ELEMENT]],
        evaluated: &[[u8; ELEMENT]],
        nonce: Scalar,
    ) -> Result<Proof, PsiError> {
        let suite = &self.suite;
        let weights = weights(suite, &self.public(), blinded, evaluated)?;
        let m = weighted(&weights, blinded)?;
        // Whoever knows the key needs no second sum (ComputeCompositesFast).
        let z = m * self.scalar();
        let commitments = [RistrettoPoint::mul_base(&nonce), m * nonce];
        let challenge = challenge(suite, &self.public(), &[m, z], &commitments);
        Ok(Proof { challenge, response: nonce - challenge * self.scalar() })
    }
}

impl Blinder {
    /// VerifyProof (section 2.2.2). Whether the proof holds.
    ///
    /// # Errors
    /// CMT-1230 for bytes that are no element, CMT-1231 for lists of different or too great lengths.
    pub fn verify(
        &self,
        key: &PublicKey,
        blinded: &[[u8; ELEMENT]],
        evaluated: &[[u8; ELEMENT]],
        proof: &Proof,
    ) -> Result<bool, PsiError> {
        let suite = self.suite();
        let weights = weights(suite, key, blinded, evaluated)?;
        let (m, z) = (weighted(&weights, blinded)?, weighted(&weights, evaluated)?);
        let Proof { challenge: c, response: s } = *proof;
        let base = RistrettoPoint::vartime_double_scalar_mul_basepoint(&c, &key.point(), &s);
        let second = RistrettoPoint::vartime_multiscalar_mul([s, c], [m, z]);
        Ok(challenge(suite, key, &[m, z], &[base, second]) == c)
    }
}

/// The weight of each pair, which depends on all of the key and on the pair (ComputeComposites, section 2.2.1).
fn weights(
    suite: &Suite,
    key: &PublicKey,
    blinded: &[[u8; ELEMENT]],
    evaluated: &[[u8; ELEMENT]],
) -> Result<Vec<Scalar>, PsiError> {
    if blinded.len() != evaluated.len() || blinded.is_empty() {
        return Err(PsiError::Message { why: "a proof is about as many answers as questions" });
    }
    let tag = u16::try_from(suite.seed_tag.len()).unwrap_or(u16::MAX).to_be_bytes();
    let seed = Sha512::new().chain_update([0, 32]).chain_update(key.bytes());
    let seed: [u8; 64] = seed.chain_update(tag).chain_update(&suite.seed_tag).finalize().into();
    blinded
        .iter()
        .zip(evaluated)
        .enumerate()
        .map(|(n, (c, d))| {
            let number =
                u16::try_from(n).map_err(|_| PsiError::Message { why: "a proof over too many pairs" })?;
            let number = number.to_be_bytes();
            Ok(suite.to_scalar.scalar(&[&[0, 64], &seed, &number, &[0, 32], c, &[0, 32], d, b"Composite"]))
        })
        .collect()
}

/// The weighted sum of the elements. In time that depends on the weights: they are public.
fn weighted(weights: &[Scalar], elements: &[[u8; ELEMENT]]) -> Result<RistrettoPoint, PsiError> {
    let points: Vec<RistrettoPoint> = elements
        .iter()
        .enumerate()
        .map(|(place, bytes)| group::read(bytes).ok_or(PsiError::NotAnElement { place }))
        .collect::<Result<_, _>>()?;
    Ok(RistrettoPoint::vartime_multiscalar_mul(weights, &points))
}

fn challenge(
    suite: &Suite,
    key: &PublicKey,
    sums: &[RistrettoPoint; 2],
    commitments: &[RistrettoPoint; 2],
) -> Scalar {
    let spelled = sums.iter().chain(commitments).map(|p| p.compress().to_bytes());
    let mut message = [[0u8, 32].as_slice(), &key.bytes()].concat();
    spelled.for_each(|bytes| message.extend([0u8, 32].iter().chain(&bytes)));
    message.extend(b"Challenge");
    suite.to_scalar.scalar(&[&message])
}
