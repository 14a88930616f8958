//! Certificates of proofs: made, and borne out by a proof made again.

use super::{Proof, Theorem};
use crate::{
    Guarantee,
    certificate::{Certificate, CertificateError, Line, SCHEMA, SolverName},
};

impl Certificate {
    /// The certificate of a proof in which every guarantee was proved.
    ///
    /// # Errors
    /// CMT-0243 when one was not, or one of the ten is missing.
    pub fn of(proof: &Proof, solver: SolverName) -> Result<Self, CertificateError> {
        let asked: Vec<Guarantee> = proof.theorems.iter().map(|t| t.guarantee).collect();
        if asked != Guarantee::ALL || !proof.holds() {
            return Err(CertificateError("not every guarantee was proved".to_owned()));
        }
        Ok(Self::lines(proof, solver))
    }

    fn lines(proof: &Proof, solver: SolverName) -> Self {
        let line = |t: &Theorem| Line {
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

    /// Whether a proof made again bears it out: the same text and policy, the same questions; and, where they were
    /// asked again, the same answers. Another solver may have answered.
    ///
    /// # Errors
    /// CMT-0243 with the first difference.
    pub fn check(&self, again: &Proof) -> Result<(), CertificateError> {
        let differ = |what: &str| Err(CertificateError(format!("{what} differs")));
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
