//! Time stamps of others: RFC 3161 tokens, accepted and verified offline.
//!
//! Here: reading a token ([`Token::read`]) and verifying it against what was stamped, roots that the operator trusts, and a
//! nonce where one was asked ([`Token::verify`]): message imprint, signed attributes (RFC 5652 section 5.4), the signer by
//! ESSCertID or ESSCertIDv2 (RFC 2634, RFC 5816), the one extended key usage `timeStamping` (RFC 3161 section 2.3), the
//! chain to a root with every certificate valid at the stamped time. Elsewhere: asking an authority for a token (nothing
//! here connects to anything), and where the witness time is kept.
//! Accepted: RSA of 2,048 to 8,192 bits (PKCS #1 v1.5) and ECDSA on P-256 and P-384, with SHA-256, SHA-384 and, for RSA,
//! SHA-512. SHA-1 serves only to name the signer's certificate in an ESSCertID of the first form, whose chain is checked
//! beside it. Revocation is not looked up: nothing is asked outside.
//! Bounds: a token of 64 KiB, chains of 6 certificates, 16 certificates in a token, 1,000 roots.

mod algorithm;
mod chain;
mod token;

pub use algorithm::Hash;
pub use chain::Roots;
pub use token::Token;

use miette::Diagnostic;
use terms::Timestamp;

/// What a token that holds says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stamp {
    /// When the authority saw the digest.
    pub time: Timestamp,
    /// How far the time may be off, in microseconds; `None` where the authority does not say.
    pub accuracy: Option<i64>,
    /// The authority, as its certificate names it.
    pub authority: String,
    /// The root it was traced to.
    pub root: String,
    /// The authority's policy, an object identifier.
    pub policy: String,
    /// The token's serial number, hexadecimal digits.
    pub serial: String,
    /// The digest that was stamped: `sha256`, `sha384` or `sha512`.
    pub hash: Hash,
}

/// Why a token does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum StampError {
    /// Not a token at all, or bytes behind it.
    #[error("these bytes are no RFC 3161 token: {0}")]
    Form(String),
    /// The authority answered with a refusal.
    #[error("the authority granted no token (status {0})")]
    NotGranted(u32),
    /// It stamps something else.
    #[error("it stamps other bytes than these")]
    OtherMessage,
    /// It answers another question.
    #[error("its nonce is not the one that was asked with")]
    Nonce,
    /// A digest or signature that is too weak or not known.
    #[error("{0} is not accepted")]
    Weak(String),
    /// Signed attributes that are missing, double, or do not fit.
    #[error("its signed attributes do not fit: {0}")]
    Attributes(String),
    /// The signer's certificate is not in the token, or not the one the attributes name.
    #[error("the signer's certificate does not fit: {0}")]
    Signer(String),
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// A certificate that may not stamp.
    #[error("the certificate of `{0}` may not be used for time stamps")]
    Usage(String),
    /// A certificate that was not valid then.
    #[error("the certificate of `{who}` was not valid at {time}")]
    Validity {
        /// Whose.
        who: String,
        /// The stamped time.
        time: Timestamp,
    },
    /// No way to a root.
    #[error("no root that is trusted here stands above `{0}`")]
    Untrusted(String),
    /// Roots that cannot be read.
    #[error("the roots cannot be read: {0}")]
    Roots(String),
}

impl From<StampError> for crate::EvidenceError {
    fn from(e: StampError) -> Self {
        Self::Stamp(e)
    }
}
