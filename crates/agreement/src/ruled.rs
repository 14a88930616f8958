//! What a ruling said, as a plain record; and what of a batch of rulings goes to the ledger: the root over its records in
//! one leaf.
//!
//! Here: [`Ruled`], the words of one record's ruling ([`RuledRecord`]) and the root over them ([`Rulings`]). Elsewhere:
//! the rulings (`batch`), the tree (`ledger::tree`), where records and salts are kept (`comity`).
//! Nothing here opens a door: only a [`Permit`](crate::Permit) does. No personal data: a record is a salted commitment.
//! Bounds: a record's words are refused above 64 KiB; of the denials of a batch 64 kinds are counted apart.

use crate::{Condition, Duty, Prohibition, Ruling};
use ledger::{Commitment, LedgerError, tree};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::{AgreementId, Digest, Timestamp};

/// The schema of one record's ruling.
pub const RULED_RECORD: &str = "comity.ruled-record/1";
/// Largest record that is read, in bytes.
pub const MAX_RULED_RECORD: usize = 64 << 10;
/// Kinds of denial, and clauses, that a statement names.
const MOST_NAMED: usize = 64;

/// What a ruling said, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ruled {
    /// `permit`, `permit-with` where it brings duties, or `deny`.
    pub ruling: String,
    /// The code of a denial.
    pub code: Option<String>,
    /// The agreement that was asked.
    pub agreement: Option<AgreementId>,
    /// Its version, where it permits.
    pub version: Option<Digest>,
    /// The clauses it rests on, or that forbid it.
    pub clauses: Vec<String>,
    /// The strictest duty of each kind.
    pub duties: Vec<Duty>,
    /// The standing prohibitions that forbid it.
    pub prohibitions: Vec<Prohibition>,
    /// The clause that comes nearest to letting it pass.
    pub nearest: Option<String>,
    /// The missing condition.
    pub condition: Option<Condition>,
    /// A denial as one sentence.
    pub sentence: Option<String>,
    /// The first instant at which a permit no longer holds.
    pub expires: Option<Timestamp>,
}

impl Ruled {
    /// What a ruling said.
    pub fn of(ruling: &Ruling) -> Self {
        let words = |clauses: &[terms::ClauseId]| clauses.iter().map(ToString::to_string).collect();
        match ruling {
            Ruling::Permit(p) => Self {
                ruling: if p.duties().is_empty() { "permit" } else { "permit-with" }.to_owned(),
                code: None,
                agreement: p.agreement().cloned(),
                version: p.source().version(),
                clauses: words(p.clauses()),
                duties: p.duties().to_vec(),
                prohibitions: Vec::new(),
                nearest: None,
                condition: None,
                sentence: None,
                expires: Some(p.expires()),
            },
            Ruling::Deny(d) => Self {
                ruling: "deny".to_owned(),
                code: Some(d.code.to_owned()),
                agreement: d.agreement.clone(),
                version: None,
                clauses: words(&d.clauses),
                duties: Vec::new(),
                prohibitions: d.prohibitions.clone(),
                nearest: d.nearest.as_ref().map(ToString::to_string),
                condition: Some(d.condition),
                sentence: Some(d.sentence().to_owned()),
                expires: None,
            },
        }
    }

    /// Whether the record may pass.
    pub fn permitted(&self) -> bool {
        matches!(self.ruling.as_str(), "permit" | "permit-with") && self.code.is_none()
    }

    /// Whether no ruling could be made because an agreement could not be evaluated.
    pub fn broken(&self) -> bool {
        self.condition == Some(Condition::Policy)
    }
}

/// One record of a batch with what was ruled on it (`comity.ruled-record/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuledRecord {
    schema: String,
    /// The salted commitment to the record.
    pub record: Commitment,
    /// What was ruled on it.
    #[serde(flatten)]
    pub ruled: Ruled,
}

impl RuledRecord {
    /// The record behind this commitment, and what was ruled on it.
    pub fn new(record: Commitment, ruled: Ruled) -> Self {
        Self { schema: RULED_RECORD.to_owned(), record, ruled }
    }

    /// Its one spelling: the bytes that stand in the batch's tree.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Texts, numbers and lists always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a record in its one spelling.
    ///
    /// # Errors
    /// CMT-0306 for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        let bad = |why: String| LedgerError::Statement(format!("it is no `{RULED_RECORD}`: {why}"));
        if bytes.len() > MAX_RULED_RECORD {
            return Err(bad("it is above 64 KiB".into()));
        }
        let record: Self = serde_json::from_slice(bytes).map_err(|e| bad(e.to_string()))?;
        if record.schema != RULED_RECORD || record.to_bytes() != bytes {
            return Err(bad("it is not written in the one allowed spelling".into()));
        }
        Ok(record)
    }
}

/// The root over a batch, as its one leaf on the ledger states it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rulings {
    tree: tree::Tree,
    permitted: u64,
    clauses: BTreeMap<String, u64>,
    denials: BTreeMap<(String, Option<String>), u64>,
}

impl Rulings {
    /// Adds the next record.
    pub fn push(&mut self, record: &RuledRecord) {
        self.tree.push(&record.to_bytes());
        let ruled = &record.ruled;
        if ruled.permitted() {
            self.permitted += 1;
            for clause in &ruled.clauses {
                *self.clauses.entry(clause.clone()).or_default() += 1;
            }
        } else {
            let kind = (ruled.code.clone().unwrap_or_default(), ruled.nearest.clone());
            *self.denials.entry(kind).or_default() += 1;
        }
    }

    /// How many records it has.
    pub fn len(&self) -> u64 {
        self.tree.len()
    }
    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }
    /// The root over the records.
    ///
    /// # Errors
    /// CMT-0317; cannot occur.
    pub fn root(&self) -> Result<Digest, LedgerError> {
        self.tree.root()
    }
    /// Proves that the record at `index`, from 0, is in the batch.
    ///
    /// # Errors
    /// CMT-0317 where there is no such record.
    pub fn prove(&self, index: u64) -> Result<Vec<Digest>, LedgerError> {
        self.tree.prove(index)
    }

    /// What the ledger says of the batch (`comity.batch/1`): how many records, the root over them, how many may pass under
    /// which clauses, how many may not and which clause was nearest.
    ///
    /// # Errors
    /// As [`Rulings::root`].
    pub fn statement(&self) -> Result<serde_json::Value, LedgerError> {
        let clauses: Vec<_> = (self.clauses.iter().take(MOST_NAMED))
            .map(|(clause, n)| serde_json::json!({ "clause": clause, "records": n }))
            .collect();
        let denials: Vec<_> = (self.denials.iter().take(MOST_NAMED))
            .map(|((code, nearest), n)| serde_json::json!({ "code": code, "nearest": nearest, "records": n }))
            .collect();
        Ok(serde_json::json!({
            "schema": "comity.batch/1", "records": self.len(), "root": self.root()?, "permitted": self.permitted,
            "denied": self.len() - self.permitted, "clauses": clauses, "denials": denials,
        }))
    }
}
