//! Proofs of the standing guarantees, for the side that signs.
//!
//! Here: what exactly is promised ([`Guarantee`]), the questions to a solver and what their answers mean ([`prove`]),
//! a counterexample told in one sentence. Elsewhere: the program that answers (`comity` starts it), the policy
//! (`policy`), the encoding of Cedar for solvers (`cedar-policy-symcc`).
//!
//! A guarantee is a theorem over every request of the schema: *the compiled policy lets no bad request pass*. What is
//! bad is stated from the clauses alone (`spec`), so that a wrong compiler is caught as well as a wrong text. For
//! guarantees that clauses can keep by their own words it is asked a second time of the clauses without the standing
//! prohibitions that look at a record's categories one by one: where those alone hold a door, the text is not sound
//! although nothing passes, and whoever signs is told ([`Standing::Open`]).
#![deny(missing_docs)]

mod asked;
mod certify;
mod diff;
mod emergency;
mod enumerate;
mod error;
mod model;
mod query;
mod run;
mod situations;
mod spec;
mod tell;
mod witness;

pub use crate::certificate::{Certificate, CertificateError, Line, MAX_CERTIFICATE, SolverName};
pub use crate::guarantee::Guarantee;
pub use asked::Unanswered;
pub use cedar_policy_symcc::solver::{LocalSolver, Solver, SolverError};
pub use diff::{Change, Changes, MOST_CHANGES, Side, diff, diff_by_model};
pub use enumerate::{Enumeration, enumerate};
pub use error::ProofError;
pub use run::{Counterexample, Proof, Standing, Theorem, prove};

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a failed test should stop, and tests read their rows from files"
)]
mod mutants;
#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test starts the solver itself")]
#[path = "../../tests/it/prove/solver.rs"]
mod solver;
