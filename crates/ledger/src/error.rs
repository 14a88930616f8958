//! What can be wrong with a ledger, an envelope or a proof (codes CMT-0301 to CMT-0399).

use miette::Diagnostic;
use thiserror::Error;

/// Why bytes are not what they claim to be. Codes are stable.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[non_exhaustive]
pub enum LedgerError {
    /// An envelope is not DSSE JSON, or goes over a bound.
    #[error("this is not a signed envelope: {0}")]
    #[diagnostic(
        code("CMT-0301"),
        help("ask the sender for the envelope again: it was cut or changed on the way")
    )]
    Envelope(String),
    /// An envelope speaks of another kind of content.
    #[error("the envelope holds `{found}` where `{expected}` was expected")]
    #[diagnostic(code("CMT-0302"), help("this file belongs to another command or another place"))]
    PayloadType {
        /// The type asked for.
        expected: String,
        /// The type the envelope names.
        found: String,
    },
    /// None of the known keys signed.
    #[error("no known key signed this envelope (it names {})", if .named.is_empty() { "none".to_owned() } else { .named.join(", ") })]
    #[diagnostic(
        code("CMT-0303"),
        help("compare the key ids with those in the agreement; a rotated key needs its delegation")
    )]
    NotSigned {
        /// Key ids that the envelope names.
        named: Vec<String>,
    },
    /// One demanded key did not sign.
    #[error("key `{0}` did not sign this envelope")]
    #[diagnostic(code("CMT-0304"), help("have its holder countersign"))]
    SignatureMissing(String),
    /// A signature that names a known key is wrong.
    #[error("the signature of key `{0}` does not fit these bytes")]
    #[diagnostic(
        code("CMT-0305"),
        help("the content was changed after it was signed, or another key signed: do not use it")
    )]
    BadSignature(String),
}
