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
    /// A statement could carry personal data, or is not an in-toto statement.
    #[error("this statement cannot go on the ledger: {0}")]
    #[diagnostic(
        code("CMT-0306"),
        help("the ledger holds salted commitments and ids only: put personal data into a sealed exhibit")
    )]
    Statement(String),
    /// A leaf does not fit a tlog-tiles entry.
    #[error("leaf {index} has {size} bytes, above 65,535")]
    #[diagnostic(code("CMT-0307"), help("seal the large part as an exhibit and commit to it"))]
    LeafTooLarge {
        /// Position in the batch, from 0.
        index: usize,
        /// Its size in bytes.
        size: usize,
    },
    /// A log would go over 2^40 leaves.
    #[error("the ledger is full: no more than 2^40 leaves fit")]
    #[diagnostic(code("CMT-0308"), help("begin a new ledger under a new origin"))]
    Full,
    /// A checkpoint is not a signed note of this log.
    #[error("`{file}` is not a checkpoint: {why}")]
    #[diagnostic(
        code("CMT-0309"),
        help("restore the checkpoint from a witness or a copy; do not append before")
    )]
    Checkpoint {
        /// The file or source it came from.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A checkpoint of another log.
    #[error("the checkpoint is of `{found}`, not of `{expected}`")]
    #[diagnostic(code("CMT-0310"), help("compare the origin with the one in the agreement"))]
    Origin {
        /// The origin asked for.
        expected: String,
        /// The origin it names.
        found: String,
    },
    /// A signature line of a checkpoint is wrong, missing or of nobody known.
    #[error("the checkpoint's signature by `{name}` {why}")]
    #[diagnostic(
        code("CMT-0311"),
        help(
            "check the key of that name in the agreement; a wrong signature is a forgery or a changed file"
        )
    )]
    CheckpointSignature {
        /// Name on the line, or the name that is missing.
        name: String,
        /// What is wrong, in words.
        why: String,
    },
    /// Fewer witnesses cosigned than demanded.
    #[error("{found} of {demanded} demanded witnesses cosigned; missing: {}", .missing.join(", "))]
    #[diagnostic(code("CMT-0312"), help("ask the missing witnesses to cosign the present checkpoint"))]
    TooFewWitnesses {
        /// How many are demanded.
        demanded: usize,
        /// How many cosigned rightly.
        found: usize,
        /// Who did not.
        missing: Vec<String>,
    },
    /// A file of the log is not there.
    #[error("`{0}` is missing from the ledger")]
    #[diagnostic(
        code("CMT-0313"),
        help("restore the file from a copy; every byte of it can be checked against the checkpoint")
    )]
    FileMissing(String),
    /// A file of the log could not be read.
    #[error("`{file}` could not be read: {why}")]
    #[diagnostic(code("CMT-0314"), help("check the folder's rights and the disk, then try again"))]
    Unreadable {
        /// Which file.
        file: String,
        /// What the reader said.
        why: String,
    },
    /// Files of the log do not fit the signed head.
    #[error("changed since the checkpoint was signed: {}", .0.join(", "))]
    #[diagnostic(
        code("CMT-0315"),
        help("restore these files from a copy; the signed checkpoint says which bytes are right")
    )]
    Changed(Vec<String>),
    /// A leaf is in the log but nobody known signed it.
    #[error("leaf {index} (in `{file}`) is not to be believed: {why}")]
    #[diagnostic(
        code("CMT-0316"),
        help("the node that wrote it used a key that no delegation covers: look at its keys")
    )]
    Leaf {
        /// Its index in the log, from 0.
        index: u64,
        /// The entry bundle it stands in.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// A proof does not prove what it claims.
    #[error("the proof does not hold: {0}")]
    #[diagnostic(code("CMT-0317"), help("ask for the proof again, with the checkpoint it was made for"))]
    Proof(String),
    /// One log, two histories.
    #[error("`{origin}` showed two histories: {why}")]
    #[diagnostic(
        code("CMT-0318"),
        help("keep both checkpoints as exhibits and tell every witness: this cannot happen by mistake")
    )]
    Fork {
        /// The log.
        origin: String,
        /// How it shows.
        why: String,
    },
    /// A file that does not belong to the log lies among its tiles.
    #[error("`{0}` does not belong to a ledger")]
    #[diagnostic(code("CMT-0319"), help("move the file away, after asking how it came there"))]
    Stray(String),
    /// An origin or key name that a signed note cannot carry.
    #[error("`{0}` cannot name a ledger or a key")]
    #[diagnostic(
        code("CMT-0320"),
        help("use 1 to 255 visible characters without spaces and `+`, as `company.comity/ledger`")
    )]
    Name(String),
    /// Text that is not a salt or commitment.
    #[error("this is not a commitment or salt: 64 hexadecimal digits are needed")]
    #[diagnostic(code("CMT-0321"), help("copy the whole value"))]
    NotHex,
    /// A text that asks for a cosignature, or answers, and is none.
    #[error("this is no request for a cosignature and no answer to one: {0}")]
    #[diagnostic(
        code("CMT-0322"),
        help("have the file written again: `comity verify ask`, `comity verify cosign`")
    )]
    Request(String),
    /// What a node shows of its ledger is over a bound.
    #[error("what the message shows of its ledger does not read: {0}")]
    #[diagnostic(code("CMT-0323"), help("ask the sender for the message again"))]
    Shown(String),
    /// A request is for another head than the one cosigned last.
    #[error("the request of `{origin}` begins at {asked} leaves; {seen} were cosigned last")]
    #[diagnostic(code("CMT-0324"), help("have it asked again from the size that was cosigned last"))]
    OtherSize {
        /// The log.
        origin: String,
        /// The size that the request begins at.
        asked: u64,
        /// The size that this witness cosigned last; 0 for none.
        seen: u64,
    },
}
