//! In what state an agreement is, and the statements that change it.
//!
//! Here: [`Status`], [`StatusChange`], [`State`]. Elsewhere: who signed the text itself (`signature`), members and
//! emergencies (`declared`).
//! An end is final and keeps the notice of the text; a suspension is lifted by the party that declared it.

use crate::{Agreement, SignatureError, keys, signature::own_key};
use ed25519_dalek::SigningKey;
use ledger::dsse::{self, Envelope};
use serde::{Deserialize, Serialize};
use terms::{AgreementId, Digest, PartnerId, Timestamp};

/// What the payload of a status change's envelope is.
pub const STATUS_TYPE: &str = "application/vnd.comity.agreement-status+json";
/// Longest reason of a status change, in bytes.
pub(crate) const MAX_REASON: usize = 1_024;
const STATUS: &str = "comity.agreement-status/2";

/// What a party declares about an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Nothing passes until the same party resumes.
    Suspended,
    /// The party's own suspension is over.
    Resumed,
    /// Nothing passes ever again.
    Ended,
}

impl Status {
    /// The word used in commands and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Resumed => "resumed",
            Self::Ended => "ended",
        }
    }
}

/// One party's signed statement about the state of an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    /// Always `comity.agreement-status/2`.
    pub schema: String,
    /// The agreement.
    pub agreement: AgreementId,
    /// Its version: the SHA-256 of its canonical text.
    pub version: Digest,
    /// Who declares it.
    pub by: PartnerId,
    /// What.
    pub status: Status,
    /// When it was declared: from here a notice runs.
    pub declared: Timestamp,
    /// From when it holds.
    pub at: Timestamp,
    /// Why, in words.
    pub reason: String,
}

impl StatusChange {
    /// Declares, at `declared`, a status of `agreement` from `at` on, signed by a party's organisation key.
    ///
    /// # Errors
    /// CMT-0210 not a party, CMT-0211 another key, CMT-0214 it holds before it is declared or its reason is above 1,024
    /// bytes, CMT-0215 an end before the notice of the text is over.
    pub fn sign(
        agreement: &Agreement,
        by: &PartnerId,
        status: Status,
        (declared, at): (Timestamp, Timestamp),
        reason: &str,
        key: &SigningKey,
    ) -> Result<Envelope, SignatureError> {
        own_key(agreement, by, &key.verifying_key())?;
        let change = Self {
            schema: STATUS.into(),
            agreement: agreement.id().clone(),
            version: agreement.version(),
            by: by.clone(),
            status,
            declared,
            at,
            reason: reason.to_owned(),
        };
        change.check(agreement)?;
        keys::seal(STATUS_TYPE, &change, key)
    }

    /// Reads a change of `agreement` that a party's organisation key signed.
    pub(crate) fn verify(envelope: &Envelope, agreement: &Agreement) -> Result<Self, SignatureError> {
        let change: Self = keys::read(envelope)?;
        let key = agreement.key(&change.by).ok_or_else(|| SignatureError::NotAParty {
            party: change.by.clone(),
            agreement: agreement.id().clone(),
        })?;
        dsse::verify(envelope, STATUS_TYPE, &[(dsse::keyid(&key), key)])?;
        change.check(agreement)?;
        Ok(change)
    }

    fn check(&self, agreement: &Agreement) -> Result<(), SignatureError> {
        let bad = |why: String| Err(SignatureError::Statement(why));
        if self.schema != STATUS || self.agreement != *agreement.id() || self.version != agreement.version() {
            return bad(format!("it is not about this version of `{}`", agreement.id()));
        }
        if self.reason.len() > MAX_REASON {
            return bad(format!("its reason is longer than {MAX_REASON} bytes"));
        }
        if self.at < self.declared {
            return bad("it holds from before it was declared".to_owned());
        }
        let notice = agreement.notice_days().unwrap_or(0);
        let earliest = self.declared.plus_days(i64::try_from(notice).unwrap_or(i64::MAX));
        if self.status == Status::Ended && self.at < earliest {
            return Err(SignatureError::Notice { agreement: agreement.id().clone(), days: notice, earliest });
        }
        Ok(())
    }
}

/// In what state an agreement is at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    /// Not every party signed.
    Unsigned {
        /// Who has still to sign.
        missing: Vec<PartnerId>,
    },
    /// Signed; the first day of its term is to come.
    NotBegun {
        /// When it begins.
        from: Timestamp,
    },
    /// In force.
    InForce,
    /// Suspended.
    Suspended {
        /// By whom.
        by: PartnerId,
        /// Since when.
        since: Timestamp,
    },
    /// Ended, by the term or by a party.
    Ended {
        /// Since when.
        since: Timestamp,
    },
}
