//! Why a proof could not be had. Never the same as a guarantee that does not hold.

use miette::Diagnostic;

/// Why nothing was proved.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum ProofError {
    /// The solver gave no answer.
    #[error("the solver could not tell whether {about}")]
    #[diagnostic(
        code("CMT-0240"),
        help("give it longer with `--seconds`, or divide the agreement; nothing is proved until it answers")
    )]
    Unknown {
        /// What was asked.
        about: String,
    },
    /// The solver failed.
    #[error("the solver failed: {0}")]
    #[diagnostic(
        code("CMT-0241"),
        help("cvc5 1.3 or newer is needed: `pip install cvc5`, then `--solver tools/cvc5-smtlib`")
    )]
    Solver(String),
    /// The question could not be put, or its answer not be read: a mistake of this program, on which nothing may rest.
    #[error("the proof contradicts itself: {0}")]
    #[diagnostic(
        code("CMT-0242"),
        help("do not sign this text; report it with the text to the makers of this program")
    )]
    Internal(String),
    /// The solver's finding does not stand before the evaluator: neither proved nor broken.
    #[error("the finding was not reproduced: {what}, and the evaluator says otherwise of {request}")]
    #[diagnostic(
        code("CMT-0244"),
        help(
            "do not sign this text; report it with the text and the solver's version to the makers of this program"
        )
    )]
    NotReproduced {
        /// What the solver found.
        what: String,
        /// The request in the words of the policy's schema.
        request: String,
    },
    /// A certificate does not fit.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Certificate(#[from] crate::CertificateError),
}

impl From<cedar_policy_symcc::solver::SolverError> for ProofError {
    fn from(e: cedar_policy_symcc::solver::SolverError) -> Self {
        Self::Solver(e.to_string())
    }
}

impl From<cedar_policy_symcc::err::Error> for ProofError {
    fn from(e: cedar_policy_symcc::err::Error) -> Self {
        use cedar_policy_symcc::err::Error;
        match e {
            Error::SolverUnknown => Self::Unknown { about: "a guarantee holds".to_owned() },
            Error::SolverError(e) => Self::Solver(e.to_string()),
            Error::PolicyNotWellTyped { errs } => {
                let said: Vec<String> = errs.iter().map(ToString::to_string).collect();
                Self::Internal(said.join("; "))
            }
            other => Self::Internal(other.to_string()),
        }
    }
}
