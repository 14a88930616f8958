//! The people of a node and what they may do; four eyes for what cannot be undone.
//!
//! Here: who is there in which role, and two persons' signatures under one approval. Elsewhere: signing in (a person's key
//! is wrapped for the home, as every key: whoever unlocks the home can sign for each of its people, until people sign in
//! one by one).

use super::error::NodeError;
use super::{Node, keys};
use crate::store::records::{self, Record};
use ledger::dsse;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::{PersonId, Role, Timestamp};

/// DSSE payload type of an approval.
pub const APPROVAL_TYPE: &str = "application/vnd.comity.approval+json";

/// One person (`comity.person/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Always `comity.person/1`.
    pub schema: &'static str,
    /// Their name.
    pub person: PersonId,
    /// What they may do.
    pub role: Role,
    /// Their key, 64 hexadecimal digits.
    pub key: String,
    /// Since when.
    pub since: Timestamp,
}

/// What two persons sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Always `comity.approval/1`.
    pub schema: String,
    /// What is approved: `erase`.
    pub act: String,
    /// Commitments of the exhibits, as the ledger holds them.
    pub exhibits: Vec<String>,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub first: PersonId,
    /// Who approves.
    pub second: PersonId,
    /// When.
    pub at: Timestamp,
}

/// The role in the word in which it is kept.
pub fn role_word(role: Role) -> String {
    serde_json::to_value(role).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn role_of(word: &str) -> Option<Role> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

impl Node {
    /// Everybody, in the order of their names.
    ///
    /// # Errors
    /// When the state store or the public keys cannot be read.
    pub async fn people(&self) -> Result<Vec<Person>, NodeError> {
        let keys: BTreeMap<String, String> = keys::read_public(&self.home.keys())?.people;
        let mut conn = self.state.read().await?;
        let all: Vec<Record<serde_json::Value>> = records::PEOPLE.all(&mut conn).await?;
        Ok(all
            .into_iter()
            .filter_map(|r| {
                let (role, key) = (role_of(&r.belongs)?, keys.get(&r.id)?.clone());
                Some(Person { schema: "comity.person/1", person: PersonId(r.id), role, key, since: r.at })
            })
            .collect())
    }

    /// Adds a person with a key of their own, or gives one that is there another role.
    ///
    /// # Errors
    /// CMT-1132 for a name that cannot be one, CMT-0408 where the key cannot be written.
    pub async fn person_add(&self, person: &PersonId, role: Role) -> Result<Person, NodeError> {
        let now = self.clock.now();
        let key = self.keys.enrol(&self.home.keys(), person)?;
        let record = Record {
            id: person.0.clone(),
            belongs: role_word(role),
            status: "active".into(),
            at: now,
            until: None,
            body: key.clone(),
        };
        let mut tx = self.state.begin().await?;
        records::PEOPLE.put(&mut tx, &record).await?;
        tx.commit().await?;
        Ok(Person { schema: "comity.person/1", person: person.clone(), role, key, since: now })
    }

    /// The role of a person of this node.
    ///
    /// # Errors
    /// CMT-1180 where nobody of that name is here.
    pub async fn role(&self, person: &PersonId) -> Result<Role, NodeError> {
        let mut conn = self.state.read().await?;
        let found: Option<Record<serde_json::Value>> = records::PEOPLE.get(&mut conn, &person.0).await?;
        found
            .and_then(|r| role_of(&r.belongs))
            .ok_or_else(|| four(format!("`{person}` is nobody at this node")))
    }

    /// Refuses a person whose role is none of these.
    ///
    /// # Errors
    /// CMT-1180.
    pub async fn need_role(
        &self,
        person: &PersonId,
        roles: &[Role],
        for_what: &str,
    ) -> Result<(), NodeError> {
        let role = self.role(person).await?;
        if roles.contains(&role) {
            return Ok(());
        }
        let wanted: Vec<String> = roles.iter().map(|r| role_word(*r)).collect();
        Err(four(format!("`{person}` is {}; {for_what} needs {}", role_word(role), wanted.join(" or "))))
    }

    /// Four eyes: this node's person and another, one of them counsel or data-protection officer, neither auditor nor
    /// operator (who see no evidence). Both sign; the envelope comes back.
    ///
    /// # Errors
    /// CMT-1180.
    pub async fn four_eyes(&self, approval: &Approval) -> Result<Vec<u8>, NodeError> {
        let (first, second) = (self.role(&approval.first).await?, self.role(&approval.second).await?);
        if approval.first == approval.second {
            return Err(four(format!("`{}` alone is two eyes, not four", approval.first)));
        }
        for (person, role) in [(&approval.first, first), (&approval.second, second)] {
            if matches!(role, Role::Auditor | Role::Operator) {
                return Err(four(format!("`{person}` is {} and decides on no evidence", role_word(role))));
            }
        }
        if ![first, second].iter().any(|r| matches!(r, Role::Counsel | Role::DataProtectionOfficer)) {
            return Err(four("neither of the two is counsel or data-protection officer".into()));
        }
        let text = serde_json::to_vec(approval).map_err(|e| NodeError::Value { what: e.to_string() })?;
        let folder = self.home.keys();
        let key = |person: &PersonId| self.keys.of_person(&folder, person);
        let mut envelope = dsse::sign(APPROVAL_TYPE, &text, &key(&approval.first)?)?;
        envelope.add_signature(&key(&approval.second)?)?;
        Ok(envelope.to_json())
    }
}

fn four(why: String) -> NodeError {
    NodeError::FourEyes { why }
}
