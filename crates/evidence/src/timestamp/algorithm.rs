//! Digests and signatures that are accepted.

use super::StampError;
use der::{Decode as _, Encode as _, asn1::ObjectIdentifier};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const EC_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const EC_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// A digest that is strong enough to be stamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The digest of bytes in memory.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    /// Bytes of a digest.
    pub const fn size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(super) fn named(algorithm: &AlgorithmIdentifierOwned) -> Result<Self, StampError> {
        // RFC 5754 section 2: parameters are absent, or NULL.
        if !algorithm.parameters.as_ref().is_none_or(der::asn1::Any::is_null) {
            return Err(StampError::Weak(format!("a digest {} with parameters", algorithm.oid)));
        }
        match algorithm.oid {
            SHA256 => Ok(Self::Sha256),
            SHA384 => Ok(Self::Sha384),
            SHA512 => Ok(Self::Sha512),
            other => Err(StampError::Weak(format!("the digest {other}"))),
        }
    }
}

/// Verifies a signature; `digest` is what stands beside it where the signature algorithm leaves it open (RFC 5652:
/// `rsaEncryption`).
pub(super) fn verify(
    key: &SubjectPublicKeyInfoOwned,
    algorithm: &AlgorithmIdentifierOwned,
    digest: Option<Hash>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), StampError> {
    let weak = |what: &ObjectIdentifier| StampError::Weak(format!("the signature algorithm {what}"));
    let hash = match (algorithm.oid, digest) {
        (RSA_SHA256 | EC_SHA256, None | Some(Hash::Sha256)) | (RSA, Some(Hash::Sha256)) => Hash::Sha256,
        (RSA_SHA384 | EC_SHA384, None | Some(Hash::Sha384)) | (RSA, Some(Hash::Sha384)) => Hash::Sha384,
        (RSA_SHA512, None | Some(Hash::Sha512)) | (RSA, Some(Hash::Sha512)) => Hash::Sha512,
        (other, _) => return Err(weak(&other)),
    };
    let elliptic = matches!(algorithm.oid, EC_SHA256 | EC_SHA384);
    let rule: &'static dyn VerificationAlgorithm = match (key.algorithm.oid, elliptic, hash) {
        (RSA, false, Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (RSA, false, Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (RSA, false, Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (EC, true, _) => curve(key, hash)?,
        (other, _, _) => return Err(weak(&other)),
    };
    let key = key.subject_public_key.as_bytes().ok_or(StampError::Signature)?;
    UnparsedPublicKey::new(rule, key).verify(message, signature).map_err(|_| StampError::Signature)
}

fn curve(
    key: &SubjectPublicKeyInfoOwned,
    hash: Hash,
) -> Result<&'static dyn VerificationAlgorithm, StampError> {
    let named = key.algorithm.parameters.as_ref().and_then(|p| p.to_der().ok());
    let named = named.and_then(|der| ObjectIdentifier::from_der(&der).ok());
    match (named, hash) {
        (Some(P256), Hash::Sha256) => Ok(&signature::ECDSA_P256_SHA256_ASN1),
        (Some(P256), Hash::Sha384) => Ok(&signature::ECDSA_P256_SHA384_ASN1),
        (Some(P384), Hash::Sha256) => Ok(&signature::ECDSA_P384_SHA256_ASN1),
        (Some(P384), Hash::Sha384) => Ok(&signature::ECDSA_P384_SHA384_ASN1),
        _ => Err(StampError::Weak("a curve other than P-256 and P-384".into())),
    }
}
