//! People and their roles inside a partner.

use crate::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A person at a node, by the name of their key (`analyst-1`). Custody's "who".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(pub String);

impl PersonId {
    /// The pseudonym by which the ledger knows a person: it follows from their key (hexadecimal text), and names nobody.
    pub fn of_key(key: &str) -> Self {
        let digest = Digest::of(format!("comity.person/1 {key}").as_bytes()).to_string();
        Self(format!("key-{}", digest.get(..32).unwrap_or_default()))
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a person may do at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Examines exhibits.
    Analyst,
    /// Leads a case.
    CaseLead,
    /// Answers for the law.
    Counsel,
    /// Answers for personal data.
    DataProtectionOfficer,
    /// Orders an operation's actions.
    Commander,
    /// Reads the ledger, no evidence.
    Auditor,
    /// Runs the node, reads no evidence.
    Operator,
}
