//! The certificate of a proof: what was asked about which text and policy, and what the solver said.
//!
//! It holds no time and no machine: the same text gives the same bytes, so that both parties sign one digest, and
//! anybody who has text and solver makes the questions again, compares their digests, and asks again.
//! Bounds: a certificate above 64 KiB is refused before it is read; only its one spelling is accepted.

use super::{Guarantee, Proof, ProofError};
use serde::{Deserialize, Serialize};
use terms::{AgreementId, Digest};

/// Largest certificate that is read, in bytes.
pub const MAX_CERTIFICATE: usize = 64 << 10;
const SCHEMA: &str = "comity.certificate/1";

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
    /// The certificate of a proof in which every guarantee was proved.
    ///
    /// # Errors
    /// CMT-0243 when one was not, or one of the ten is missing.
    pub fn of(proof: &Proof, solver: SolverName) -> Result<Self, ProofError> {
        let asked: Vec<Guarantee> = proof.theorems.iter().map(|t| t.guarantee).collect();
        if asked != Guarantee::ALL || !proof.holds() {
            return Err(ProofError::Certificate("not every guarantee was proved".to_owned()));
        }
        Ok(Self::lines(proof, solver))
    }

    fn lines(proof: &Proof, solver: SolverName) -> Self {
        let line = |t: &super::Theorem| Line {
            answer: t.standing.word().to_owned(),
            asked: t.asked,
            folded: t.folded,
            guarantee: t.guarantee,
            questions: t.questions,
        };
        Self {
            agreement: proof.agreement.clone(),
            number: proof.number,
            policy: proof.policy,
            schema: SCHEMA.to_owned(),
            solver,
            text: proof.text,
            theorems: proof.theorems.iter().map(line).collect(),
        }
    }

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
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        let bad = |why: &str| Err(ProofError::Certificate(why.to_owned()));
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

    /// Whether a proof made again bears it out: the same text and policy, the same questions; and, where they were
    /// asked again, the same answers. Another solver may have answered.
    ///
    /// # Errors
    /// CMT-0243 with the first difference.
    pub fn check(&self, again: &Proof) -> Result<(), ProofError> {
        let differ = |what: &str| Err(ProofError::Certificate(format!("{what} differs")));
        if self.text != again.text || self.agreement != again.agreement || self.number != again.number {
            return differ("the text");
        }
        if self.policy != again.policy {
            return differ("the policy it compiles to");
        }
        if self.theorems.len() != again.theorems.len() {
            return differ("the list of guarantees");
        }
        for (line, theorem) in self.theorems.iter().zip(&again.theorems) {
            if line.guarantee != theorem.guarantee
                || line.questions != theorem.questions
                || (line.asked, line.folded) != (theorem.asked, theorem.folded)
            {
                return differ(&format!("what was asked about `{}`", theorem.guarantee.word()));
            }
            if theorem.standing.word() != "not-asked" && line.answer != theorem.standing.word() {
                return differ(&format!("the answer about `{}`", theorem.guarantee.word()));
            }
        }
        Ok(())
    }
}
