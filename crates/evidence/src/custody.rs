//! Custody: every act on an exhibit as a leaf of the ledger: who, what, when, where, why, how.
//!
//! Here: the event, its statement, its signature by the node key, and reading it back. Elsewhere: appending
//! (`ledger::log`), and the exhibit's identity: the leaf holds its salted commitment only.

use crate::{EvidenceError, disclosure::Mark};
use ed25519_dalek::{SigningKey, VerifyingKey};
use ledger::{
    Commitment,
    statement::{PredicateType, Statement},
};
use serde::{Deserialize, Serialize};
use terms::{Category, Digest, Obtained, PartnerId, PersonId, Place, Timestamp};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Sealed into the vault.
    Seal,
    /// Unpacked from another exhibit.
    Derive,
    /// Examined by a tool.
    Examine,
    /// Shown to a person.
    Read,
    /// Given to a case.
    Assign,
    /// Became evidence after it was intelligence.
    Admit,
    /// Sent over a border.
    Release,
    /// Taken in over a border.
    Receive,
    /// Taken back.
    Recall,
    /// Put under hold.
    Hold,
    /// Let go from a hold.
    Lift,
    /// Marked in a case's disclosure schedule.
    Disclose,
    /// Labelled: of which categories it is.
    Label,
    /// Stamped by a time-stamping authority (RFC 3161).
    Stamp,
    /// Packed for an addressee.
    Package,
    /// A pseudonym in it was resolved.
    Reveal,
    /// Checked against its id.
    Check,
    /// Erased.
    Erase,
}

/// Why it was allowed or owed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ground", content = "reference")]
pub enum Why {
    /// Clauses of an agreement (`company-police 3.1`).
    Clauses(Vec<String>),
    /// A ruling, by the digest of its record.
    Ruling(Digest),
    /// An authority, by its id (`order-de-114`).
    Authority(String),
    /// A case's own work.
    Case(String),
    /// The home's own duty: intake, retention, integrity.
    House(String),
}

/// With what it was done.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct How {
    /// The tool (`comity`).
    pub tool: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the tool's program file, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Digest>,
    /// The sandbox profile it ran in, where it ran in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
}

/// One act on one or more exhibits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Commitments of the exhibits, 1 to 1,024. They stand as the statement's subjects.
    #[serde(skip)]
    pub exhibits: Vec<Commitment>,
    /// What was done.
    pub what: Act,
    /// The person, by the name of their key.
    pub who: PersonId,
    /// The node whose key signs.
    pub node: PartnerId,
    /// When, by the node's clock. (A witness's time stands on the checkpoint.)
    pub when: Timestamp,
    /// Where the node stands.
    #[serde(rename = "where")]
    pub place: Place,
    /// Why.
    pub why: Why,
    /// How.
    pub how: How,
    /// How the exhibit came to the home, for acts that take in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obtained: Option<Obtained>,
    /// Commitment of the exhibit this one was unpacked from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<Commitment>,
    /// The second of four eyes, for acts that need them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<PersonId>,
    /// Until when, for a hold that ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Marks in a disclosure schedule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Categories that a label states.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Category>,
    /// SHA-256 of a document that stands behind the act: the approval that two persons signed, a time-stamp token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Digest>,
}

impl Event {
    /// The event as an in-toto statement.
    ///
    /// # Errors
    /// CMT-0306 when a text in it is a mail or network address, or a bound is passed.
    pub fn statement(&self) -> Result<Statement, EvidenceError> {
        let predicate = serde_json::to_value(self).map_err(|e| EvidenceError::Custody(e.to_string()))?;
        Ok(Statement::new(self.exhibits.clone(), PredicateType::Custody, predicate)?)
    }

    /// The event as a leaf, signed by the node's key.
    ///
    /// # Errors
    /// As [`statement`](Self::statement).
    pub fn leaf(&self, node: &SigningKey) -> Result<Vec<u8>, EvidenceError> {
        Ok(self.statement()?.sign(node)?)
    }

    /// Reads an event from a statement.
    ///
    /// # Errors
    /// CMT-0413 when the statement is of another kind.
    pub fn read(statement: &Statement) -> Result<Self, EvidenceError> {
        if statement.predicate_type() != PredicateType::Custody {
            return Err(EvidenceError::Custody(format!(
                "it is of type {}",
                statement.predicate_type().uri()
            )));
        }
        let mut event: Self = serde_json::from_value(statement.predicate().clone())
            .map_err(|e| EvidenceError::Custody(e.to_string()))?;
        event.exhibits = statement.subjects().to_vec();
        Ok(event)
    }

    /// Reads an event from a leaf that one of `keys` signed.
    ///
    /// # Errors
    /// As [`Statement::open`] and [`read`](Self::read).
    pub fn open(leaf: &[u8], keys: &[(String, VerifyingKey)]) -> Result<Self, EvidenceError> {
        Self::read(&Statement::open(leaf, keys)?)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;
    use ledger::dsse;

    fn event() -> Event {
        Event {
            exhibits: vec![Commitment([3; 32])],
            what: Act::Seal,
            who: PersonId("analyst-1".into()),
            node: PartnerId::new("company").unwrap(),
            when: "2026-03-02T00:00:00Z".parse().unwrap(),
            place: "DE".parse().unwrap(),
            why: Why::Clauses(vec!["company-police 3.1".into()]),
            how: How {
                tool: "comity".into(),
                version: "0.1.0".into(),
                program: None,
                sandbox: Some("strict".into()),
            },
            obtained: Some(Obtained::Voluntary),
            derived: None,
            second: None,
            until: None,
            marks: Vec::new(),
            categories: Vec::new(),
            document: None,
        }
    }

    #[test]
    fn an_event_reads_back_from_its_leaf_and_nobody_elses() {
        let (key, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let leaf = event().leaf(&key).unwrap();
        let known = |k: &SigningKey| vec![(dsse::keyid(&k.verifying_key()), k.verifying_key())];
        assert_eq!(Event::open(&leaf, &known(&key)).unwrap(), event());
        assert!(Event::open(&leaf, &known(&other)).is_err());
        assert_eq!(
            event().statement().unwrap().predicate().to_string(),
            r#"{"what":"seal","who":"analyst-1","node":"company","when":"2026-03-02T00:00:00Z","where":"DE","why":{"ground":"clauses","reference":["company-police 3.1"]},"how":{"tool":"comity","version":"0.1.0","sandbox":"strict"},"obtained":"voluntary"}"#
        );
    }

    #[test]
    fn an_address_never_reaches_the_ledger() {
        let mut e = event();
        e.why = Why::House("seen from 203.0.113.9".into());
        assert!(matches!(e.leaf(&SigningKey::from_bytes(&[1; 32])), Err(EvidenceError::Ledger(_))));
    }
}
