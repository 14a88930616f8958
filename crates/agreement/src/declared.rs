//! What is declared under an agreement after it was signed: members that accede or opt out, and emergencies.
//!
//! Here: [`Membership`], [`Emergency`]. Elsewhere: the clauses they rest on (`clause`), changes of state (`state`).
//! The text is not signed anew for either: a member joins by its partner's word, an emergency by two persons' and their
//! organisation's.

use crate::{Agreement, SignatureError, clause::Body, keys, signature::own_key, state::MAX_REASON};
use ed25519_dalek::{SigningKey, VerifyingKey};
use ledger::dsse::{self, Envelope};
use serde::{Deserialize, Serialize};
use terms::{AgreementId, Digest, MICROS_PER_SECOND, MemberId, PartnerId, PersonId, Place, Role, Timestamp};

/// What the payload of a membership's envelope is.
pub const MEMBERSHIP_TYPE: &str = "application/vnd.comity.membership+json";
/// What the payload of an emergency's envelope is.
pub const EMERGENCY_TYPE: &str = "application/vnd.comity.emergency+json";
const MEMBERSHIP: &str = "comity.membership/1";
const EMERGENCY: &str = "comity.emergency/1";
const MAX_NAME: usize = 200;

/// Whether a member joins or leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "change", deny_unknown_fields)]
pub enum MemberChange {
    /// It belongs to the agreement from then on.
    Accedes {
        /// Where it is.
        place: Place,
        /// Its name.
        name: Option<String>,
    },
    /// It receives nothing from then on.
    OptsOut,
}

/// A partner's signed statement that one of its members accedes to an agreement or opts out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// Always `comity.membership/1`.
    pub schema: String,
    /// The agreement.
    pub agreement: AgreementId,
    /// Its version: the SHA-256 of its canonical text. An amendment names its members itself.
    pub version: Digest,
    /// The party whose member it is.
    pub party: PartnerId,
    /// The member.
    pub member: MemberId,
    /// What.
    pub what: MemberChange,
    /// From when.
    pub from: Timestamp,
}

impl Membership {
    /// Declares that `member` accedes or opts out from an instant on, signed by its party's organisation key.
    ///
    /// # Errors
    /// CMT-0210 not a party, CMT-0211 another key, CMT-0218 it does not fit the text.
    pub fn sign(
        agreement: &Agreement,
        party: &PartnerId,
        member: &MemberId,
        what: MemberChange,
        from: Timestamp,
        key: &SigningKey,
    ) -> Result<Envelope, SignatureError> {
        own_key(agreement, party, &key.verifying_key())?;
        let it = Self {
            schema: MEMBERSHIP.into(),
            agreement: agreement.id().clone(),
            version: agreement.version(),
            party: party.clone(),
            member: member.clone(),
            what,
            from,
        };
        it.check(agreement)?;
        keys::seal(MEMBERSHIP_TYPE, &it, key)
    }

    pub(crate) fn verify(envelope: &Envelope, agreement: &Agreement) -> Result<Self, SignatureError> {
        let it: Self = keys::read(envelope)?;
        let key = agreement.key(&it.party).ok_or_else(|| SignatureError::NotAParty {
            party: it.party.clone(),
            agreement: agreement.id().clone(),
        })?;
        dsse::verify(envelope, MEMBERSHIP_TYPE, &[(dsse::keyid(&key), key)])?;
        it.check(agreement)?;
        Ok(it)
    }

    fn check(&self, agreement: &Agreement) -> Result<(), SignatureError> {
        let bad =
            |why: &str| Err(SignatureError::Membership { member: self.member.clone(), why: why.to_owned() });
        if self.schema != MEMBERSHIP
            || self.agreement != *agreement.id()
            || self.version != agreement.version()
        {
            return bad("the statement is about another agreement or another version of it");
        }
        let listed = (agreement.party(&self.party))
            .is_some_and(|p| p.members.iter().any(|m| m.id.value == self.member));
        match &self.what {
            MemberChange::Accedes { .. } if listed => {
                bad("the text lists it with its date; what the text says is changed by an amendment")
            }
            MemberChange::Accedes { name, .. } if name.as_ref().is_some_and(|n| n.len() > MAX_NAME) => {
                bad("its name is longer than 200 bytes")
            }
            _ => Ok(()),
        }
    }
}

/// One of the two persons who declare an emergency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declarer {
    /// Who.
    pub person: PersonId,
    /// In which role.
    pub role: Role,
}

/// A declared emergency: for some hours it widens what its clause says, and then it is over without a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// Always `comity.emergency/1`.
    pub schema: String,
    /// The agreement.
    pub agreement: AgreementId,
    /// Its version: the SHA-256 of its canonical text.
    pub version: Digest,
    /// The party that declares it.
    pub by: PartnerId,
    /// The number of the `emergency` clause.
    pub clause: String,
    /// The two persons, in the clause's two roles.
    pub declared_by: [Declarer; 2],
    /// From when.
    pub from: Timestamp,
    /// Why, in words.
    pub reason: String,
}

impl Emergency {
    /// Declares an emergency from an instant on, signed by a party's organisation key or a node key it delegated.
    ///
    /// # Errors
    /// CMT-0210 not a party, CMT-0217 it does not fit its clause.
    pub fn sign(
        agreement: &Agreement,
        by: &PartnerId,
        clause: &str,
        declared_by: [Declarer; 2],
        from: Timestamp,
        reason: &str,
        key: &SigningKey,
    ) -> Result<Envelope, SignatureError> {
        let it = Self {
            schema: EMERGENCY.into(),
            agreement: agreement.id().clone(),
            version: agreement.version(),
            by: by.clone(),
            clause: clause.to_owned(),
            declared_by,
            from,
            reason: reason.to_owned(),
        };
        it.check(agreement)?;
        keys::seal(EMERGENCY_TYPE, &it, key)
    }

    /// Reads an emergency that one of `keys` of its party signed: `keys` answers who may speak for whom at an instant.
    pub(crate) fn verify(
        envelope: &Envelope,
        agreement: &Agreement,
        keys: impl Fn(&PartnerId, Timestamp) -> Vec<VerifyingKey>,
    ) -> Result<Self, SignatureError> {
        let it: Self = keys::read(envelope)?;
        it.check(agreement)?;
        let known: Vec<_> = keys(&it.by, it.from).into_iter().map(|k| (dsse::keyid(&k), k)).collect();
        dsse::verify(envelope, EMERGENCY_TYPE, &known)?;
        Ok(it)
    }

    fn check(&self, agreement: &Agreement) -> Result<(), SignatureError> {
        let bad = |why: String| {
            Err(SignatureError::Emergency {
                agreement: agreement.id().clone(),
                clause: self.clause.clone(),
                why,
            })
        };
        if self.schema != EMERGENCY
            || self.agreement != *agreement.id()
            || self.version != agreement.version()
        {
            return bad("the statement is about another agreement or another version of it".into());
        }
        if agreement.key(&self.by).is_none() {
            return Err(SignatureError::NotAParty {
                party: self.by.clone(),
                agreement: agreement.id().clone(),
            });
        }
        let Some(Body::Emergency(e)) = agreement.clause(&self.clause).map(|c| &c.body) else {
            return bad("the text has no `emergency` clause of this number".into());
        };
        let [a, b] = &self.declared_by;
        if a.person == b.person || a.role == b.role {
            return bad("two different persons in two different roles declare it together".into());
        }
        if let Some(d) = self.declared_by.iter().find(|d| !e.roles.contains(&d.role)) {
            let role = crate::clause::role_word(d.role);
            return bad(format!("the clause does not name the role `{role}`"));
        }
        if self.reason.trim().is_empty() || self.reason.len() > MAX_REASON {
            return bad("its reason has 1 to 1,024 bytes".into());
        }
        Ok(())
    }

    /// The first instant at which it is over, and the hours it lasts.
    pub(crate) fn until(&self, agreement: &Agreement) -> Option<(Timestamp, u32)> {
        match agreement.clause(&self.clause).map(|c| &c.body) {
            Some(Body::Emergency(e)) => {
                Some((self.from.plus_micros(i64::from(e.hours) * 3_600 * MICROS_PER_SECOND), e.hours))
            }
            _ => None,
        }
    }
}
