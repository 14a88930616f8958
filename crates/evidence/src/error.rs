//! What can be wrong with exhibits, keys and packages (codes CMT-0401 to CMT-0490).

use miette::Diagnostic;
use std::path::Path;
use terms::{ExhibitId, Timestamp};
use thiserror::Error;

/// Why evidence could not be kept, read, erased or packed. Codes are stable.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[non_exhaustive]
pub enum EvidenceError {
    /// This home has no such exhibit, or has erased it.
    #[error("exhibit {0} is not in this vault: never sealed here, or erased")]
    #[diagnostic(code("CMT-0401"), help("`comity verify` lists what custody says about it"))]
    Unknown(ExhibitId),
    /// The key is here, the sealed object is gone.
    #[error("the sealed object of exhibit {0} is missing from the vault")]
    #[diagnostic(
        code("CMT-0402"),
        help("restore the vault from a copy, or `comity ingest` the original bytes again")
    )]
    ObjectMissing(ExhibitId),
    /// The sealed object does not open to the exhibit.
    #[error("exhibit {id} was changed in the vault (`{object}`): {why}")]
    #[diagnostic(
        code("CMT-0403"),
        help("keep the damaged object, restore it from a copy, and note the loss in custody")
    )]
    Damaged {
        /// Which exhibit.
        id: ExhibitId,
        /// Where its object lies in the store.
        object: String,
        /// What does not fit.
        why: String,
    },
    /// Larger than the caller reads into memory.
    #[error("exhibit {id} has more than {max} bytes")]
    #[diagnostic(code("CMT-0404"), help("read it as a stream, or raise the limit"))]
    TooLarge {
        /// Which exhibit.
        id: ExhibitId,
        /// The caller's limit in bytes.
        max: u64,
    },
    /// A hold stands against it.
    #[error("exhibit {exhibit} is under hold `{hold}` ({ground}) {}", until_words(*.until))]
    #[diagnostic(
        code("CMT-0405"),
        help(
            "a hold beats recall, retention and erasure: ask again when it has ended, or have counsel lift it"
        )
    )]
    Held {
        /// Which exhibit.
        exhibit: ExhibitId,
        /// The hold that ends last.
        hold: String,
        /// Why it stands.
        ground: String,
        /// When it ends; `None` until it is lifted.
        until: Option<Timestamp>,
    },
    /// The bytes to be sealed could not be read.
    #[error("the input could not be read after {read} bytes: {why}")]
    #[diagnostic(code("CMT-0406"), help("nothing of it was kept; mend the source and ingest it again"))]
    Input {
        /// How many bytes came before.
        read: u64,
        /// What the reader said.
        why: String,
    },
    /// The object store refused.
    #[error("the vault's store failed to {act} `{object}`: {why}")]
    #[diagnostic(code("CMT-0407"), help("check free space, rights and the store's address: `comity doctor`"))]
    Store {
        /// What was tried, as a verb.
        act: &'static str,
        /// On which object.
        object: String,
        /// What the store said.
        why: String,
    },
    /// A file or folder of the home could not be read or written.
    #[error("could not {act} `{path}`: {why}")]
    #[diagnostic(code("CMT-0408"), help("check free space and rights: `comity doctor`"))]
    File {
        /// What was tried, as a verb.
        act: &'static str,
        /// Which file or folder.
        path: String,
        /// What the system said.
        why: String,
    },
    /// A kept key does not open under the home's identity.
    #[error("the key of exhibit {0} does not open under this home's identity")]
    #[diagnostic(
        code("CMT-0409"),
        help("`keys/` belongs to another home or was changed; without it the exhibit stays closed")
    )]
    KeyDamaged(ExhibitId),
    /// A secret file does not open.
    #[error("the secret does not open: {0}")]
    #[diagnostic(
        code("CMT-0410"),
        help(
            "the passphrase is another one, or the file was changed: COMITY_PASSPHRASE or the prompt gives it"
        )
    )]
    Secret(String),
    /// Age refused to encrypt.
    #[error("encrypting failed: {0}")]
    #[diagnostic(code("CMT-0411"), help("`comity doctor` shows whether keys and memory are in order"))]
    Encrypt(String),
    /// A passphrase work factor out of bounds.
    #[error("the passphrase work factor {0} is not between 1 and 22")]
    #[diagnostic(code("CMT-0412"), help("15 takes about a tenth of a second; each step more doubles it"))]
    WorkFactor(u8),
    /// A custody event cannot be stated.
    #[error("this is not a custody event: {0}")]
    #[diagnostic(
        code("CMT-0413"),
        help("the leaf is of another kind, or of a later version of this program")
    )]
    Custody(String),
    /// The ledger refused a statement or envelope.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] ledger::LedgerError),
    /// A package has a name that not every system can carry.
    #[error("`{0}` cannot name a file of a package")]
    #[diagnostic(
        code("CMT-0420"),
        help("use letters, digits, `.`, `-`, `_` and `/`, no `..`, at most 512 characters, each name once")
    )]
    PackagePath(String),
    /// The folder for a package is in use.
    #[error("`{0}` exists already")]
    #[diagnostic(code("CMT-0421"), help("name a folder that does not exist: a package is never changed"))]
    PackageExists(String),
    /// A package's file is not what was signed.
    #[error("`{file}` in the package is not what was signed: {why}")]
    #[diagnostic(code("CMT-0422"), help("do not use the package; ask whoever packed it for it again"))]
    PackageChanged {
        /// Which file, below the package's folder.
        file: String,
        /// What does not fit.
        why: String,
    },
    /// A file of a package is missing.
    #[error("`{0}` is missing from the package")]
    #[diagnostic(code("CMT-0423"), help("do not use the package; ask whoever packed it for it again"))]
    PackageMissing(String),
    /// A file lies in a package that was not packed.
    #[error("`{0}` was added to the package after it was signed")]
    #[diagnostic(
        code("CMT-0424"),
        help("move it out of the folder if it is yours; else ask for the package again")
    )]
    PackageStray(String),
    /// A package is not signed by a known key.
    #[error("the package's signature does not stand: {0}")]
    #[diagnostic(code("CMT-0425"), help("compare the key ids with those in the agreement"))]
    PackageSignature(String),
    /// Marks of a disclosure schedule that do not go together.
    #[error("an exhibit needs a mark, and cannot be both used and unused")]
    #[diagnostic(
        code("CMT-0430"),
        help("mark it `used` or `unused`, and `exculpatory` or `sensitive` beside that where it is so")
    )]
    Marks,
    /// A time-stamp token that does not hold.
    #[error("the time-stamp token does not hold: {0}")]
    #[diagnostic(
        code("CMT-0440"),
        help(
            "ask the authority for a token again; `openssl ts -reply -text -token_in -in FILE` shows what it says"
        )
    )]
    Stamp(crate::timestamp::StampError),
    /// A label or value that bag-info.txt cannot carry.
    #[error("`{0}` cannot stand in a package's description")]
    #[diagnostic(code("CMT-0426"), help("one line of text, 1 to 1,024 bytes, no colon in the label"))]
    PackageInfo(String),
}

fn until_words(until: Option<Timestamp>) -> String {
    until.map_or_else(|| "until it is lifted".to_owned(), |t| format!("until {t}"))
}

impl EvidenceError {
    pub(crate) fn store(
        act: &'static str,
        object: &object_store::path::Path,
        why: &object_store::Error,
    ) -> Self {
        Self::Store { act, object: object.to_string(), why: why.to_string() }
    }
    pub(crate) fn file(act: &'static str, path: &Path, why: &std::io::Error) -> Self {
        Self::File { act, path: path.display().to_string(), why: why.to_string() }
    }
}
