//! A ledger kept in memory, file by file, as a node keeps it on disk.

use ed25519_dalek::{SigningKey, VerifyingKey};
use ledger::{
    Commitment, Head, LedgerError, Log, NoteKey, NoteSigner, Report, Trust, checkpoint, dsse,
    log::Append,
    statement::{PredicateType, Statement},
    verify_log,
};
use std::{collections::BTreeMap, io};

pub const ORIGIN: &str = "company.comity/ledger";

#[derive(Clone)]
pub struct Home {
    pub files: BTreeMap<String, Vec<u8>>,
    pub log: Log,
}

pub fn node() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

pub fn signer() -> NoteSigner {
    NoteSigner::new(ORIGIN, node()).unwrap()
}

pub fn log_keys() -> Vec<NoteKey> {
    vec![signer().public().clone()]
}

/// A leaf that a custody event could be: small, signed, of its own content.
pub fn leaf(n: u64) -> Vec<u8> {
    let mut commitment = [0; 32];
    commitment[..8].copy_from_slice(&n.to_be_bytes());
    let predicate = serde_json::json!({"n": n, "pad": "x".repeat(usize::try_from(n % 7).unwrap())});
    let statement = Statement::new(vec![Commitment(commitment)], PredicateType::Custody, predicate).unwrap();
    statement.sign(&node()).unwrap()
}

pub fn leaves(from: u64, n: u64) -> Vec<Vec<u8>> {
    (from..from + n).map(leaf).collect()
}

impl Home {
    pub fn new() -> Self {
        let mut home = Self { files: BTreeMap::new(), log: Log::empty(ORIGIN).unwrap() };
        home.sign();
        home
    }

    pub fn sign(&mut self) {
        let bytes = checkpoint::sign(&self.log.head(), &[&signer()]).unwrap();
        self.files.insert(checkpoint::FILE.into(), bytes);
    }

    /// Appends as a node does: files, then the checkpoint.
    pub fn append<L: AsRef<[u8]>>(&mut self, leaves: &[L]) -> Append {
        let append = self.log.append(leaves).unwrap();
        for file in &append.files {
            self.files.insert(file.path.clone(), file.bytes.clone());
        }
        self.log = append.log.clone();
        self.sign();
        append
    }

    pub fn read(&self) -> impl Fn(&str) -> io::Result<Option<Vec<u8>>> + '_ {
        |path| Ok(self.files.get(path).cloned())
    }

    pub fn stored(&self) -> Vec<String> {
        self.files.keys().filter(|p| *p != checkpoint::FILE).cloned().collect()
    }

    pub fn head(&self) -> Head {
        checkpoint::open(&self.files[checkpoint::FILE], ORIGIN, &log_keys()).unwrap().head().clone()
    }

    pub fn verify(&self) -> Result<Report, LedgerError> {
        let known = dsse::keyid(&node().verifying_key());
        let resolve = |id: &str| -> Option<VerifyingKey> { (id == known).then(|| node().verifying_key()) };
        let trust =
            Trust { origin: ORIGIN, keys: &log_keys(), witnesses: &[], demanded: 0, resolve: &resolve };
        verify_log(&self.read(), &trust, Some(&self.stored()))
    }
}
