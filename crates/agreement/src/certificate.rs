//! The certificate of a proof: what was asked about which text and policy, and what the solver said.
//!
//! Here: its form, and whether it speaks of a text ([`Certificate::fits`]), which whoever signs asks without a solver.
//! Elsewhere: making one and asking again (`prove`).
//! It holds no time and no machine: the same text gives the same bytes, so that both parties sign one digest, and
//! anybody who has text and solver makes the questions again, compares their digests, and asks again.
//! Bounds: a certificate above 64 KiB is refused before it is read; only its one spelling is accepted.

use crate::{Agreement, Guarantee, Policy};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use terms::{AgreementId, Digest};

/// Largest certificate that is read, in bytes.
pub const MAX_CERTIFICATE: usize = 64 << 10;
pub(crate) const SCHEMA: &str = "comity.certificate/1";

/// Why a certificate does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("the certificate does not fit: {0}")]
#[diagnostic(code("CMT-0243"), help("`comity agree prove FILE --out CERTIFICATE` makes a new one"))]
pub struct CertificateError(pub String);

/// A certificate. Its fields stand in the order of their names, so that its JSON is canonical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The agreement.
    pub agreement: AgreementId,
    /// The number of its version.
    pub number: u64,
    /// SHA-256 of the compiled policy.
    pub policy: Digest,
    /// Always `comity.certificate/1`.
    pub schema: String,
    /// What answered.
    pub solver: SolverName,
    /// SHA-256 of the text.
    pub text: Digest,
    /// The guarantees, in order.
    pub theorems: Vec<Line>,
}

/// A solver by name and version, as it says them of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SolverName {
    /// `cvc5`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One theorem in a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// `proved`: certificates are made of nothing else.
    pub answer: String,
    /// Questions to the solver.
    pub asked: usize,
    /// Questions whose answer was plain without it.
    pub folded: usize,
    /// Which guarantee.
    pub guarantee: Guarantee,
    /// SHA-256 over the digests of its questions (SMT-LIB scripts), in order.
    pub questions: Digest,
}

impl Certificate {
    /// Its only spelling: one line of canonical JSON (RFC 8785).
    pub fn to_bytes(&self) -> Vec<u8> {
        // Text, numbers and digests always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What parties sign.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Reads a certificate; an end of line after it is allowed.
    ///
    /// # Errors
    /// CMT-0243 too large, not of this form or not in its one spelling, or it claims anything else than ten proofs.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CertificateError> {
        let bad = |why: &str| Err(CertificateError(why.to_owned()));
        if bytes.len() > MAX_CERTIFICATE {
            return bad("it is larger than 64 KiB");
        }
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let Ok(it) = serde_json::from_slice::<Self>(bytes) else {
            return bad("it is not of the form `comity.certificate/1`");
        };
        if it.schema != SCHEMA {
            return bad("its `schema` is not `comity.certificate/1`");
        }
        if it.to_bytes() != bytes {
            return bad("it is not in its one spelling");
        }
        let named: Vec<Guarantee> = it.theorems.iter().map(|t| t.guarantee).collect();
        if named != Guarantee::ALL || it.theorems.iter().any(|t| t.answer != "proved") {
            return bad("it does not name the ten guarantees as proved");
        }
        Ok(it)
    }

    /// Whether it speaks of this very text and of the policy it compiles to.
    ///
    /// # Errors
    /// CMT-0243 for another one.
    pub fn fits(&self, agreement: &Agreement, policy: &Policy) -> Result<(), CertificateError> {
        let of_text = (self.text, &self.agreement, self.number)
            == (agreement.version(), agreement.id(), agreement.number());
        if !of_text {
            return Err(CertificateError("the text differs".to_owned()));
        }
        if self.policy != policy.digest() {
            return Err(CertificateError("the policy it compiles to differs".to_owned()));
        }
        Ok(())
    }
}
