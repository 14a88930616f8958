//! What is declared under an agreement after it was signed: made here or taken in from the other party, checked, kept.
//!
//! Here: changes of state, accessions and opt-outs, emergencies, delegations and revocations of node keys, mandates, and
//! the draft of an amendment. Elsewhere: signing the text itself (`agree`), what each statement means (`agreement`).
//! A statement is kept before its file is written: what this home tells the other party holds here already.

use super::Node;
use super::agree::{envelope, trust};
use super::error::NodeError;
use crate::store::statements::{self, Declared};
use agreement::{
    Agreement, Agreements, DELEGATION_TYPE, Declarer, Delegation, EMERGENCY_TYPE, Emergency, Mandate,
    MemberChange, Membership, REVOCATION_TYPE, Revocation, Status, StatusChange,
};
use ledger::dsse::Envelope;
use serde::Serialize;
use terms::{Digest, MemberId, PersonId, Role, Timestamp};

const ANEW: &str = "ask the party that made it for a new one";
const FITS: &str = "`comity agree show AGREEMENT --plain` says what the text allows";

/// A statement that this home made or took in.
#[derive(Debug, Clone, Serialize)]
pub struct Stated {
    /// Always `comity.stated/1`.
    pub schema: &'static str,
    /// The agreement it is about; empty for keys, which hold under every agreement of this partner.
    pub agreement: String,
    /// The payload type of its envelope.
    pub kind: String,
    /// The SHA-256 of its envelope.
    pub id: String,
    /// Whether it was not here before.
    pub new: bool,
    /// The envelope, for the other party.
    #[serde(skip)]
    pub envelope: Vec<u8>,
}

pub(super) fn refused(e: agreement::SignatureError) -> NodeError {
    NodeError::Signature(e)
}

fn is_key(kind: &str) -> bool {
    matches!(kind, DELEGATION_TYPE | REVOCATION_TYPE)
}

/// Takes every kept statement: keys first, because an emergency may rest on one. An emergency that no longer holds widens
/// nothing and is left out; anything else that does not hold is an error.
pub(super) fn take_all(agreements: &mut Agreements, kept: &[Declared]) -> Result<(), NodeError> {
    let (keys, others): (Vec<_>, Vec<_>) = kept.iter().partition(|d| is_key(&d.kind));
    for declared in keys.into_iter().chain(others) {
        let it = Envelope::from_json(declared.envelope.as_bytes())?;
        match agreements.take(&it) {
            Err(_) if declared.kind == EMERGENCY_TYPE => {}
            other => other.map_err(refused)?,
        }
    }
    Ok(())
}

impl Node {
    /// The agreement with this id whose number is highest.
    async fn newest(&self, id: &str) -> Result<Agreement, NodeError> {
        let agreements = self.agreements().await?;
        let all = agreements.all().iter().map(agreement::SignedAgreement::agreement);
        let newest = all.filter(|a| a.id().as_str() == id).max_by_key(|a| a.number());
        newest.cloned().ok_or_else(|| NodeError::Missing {
            what: "agreement",
            id: id.to_owned(),
            list: "`comity agree list`",
        })
    }

    /// Checks a statement against what is known here and keeps it. Nothing is kept that does not hold.
    pub async fn take_statement(&self, bytes: &[u8]) -> Result<Stated, NodeError> {
        let it = Envelope::from_json(bytes)?;
        let mut known = (*self.agreements().await?).clone();
        known.take(&it).map_err(refused)?;
        let kind = it.payload_type().to_owned();
        let about: serde_json::Value = serde_json::from_slice(it.unverified_payload()).unwrap_or_default();
        let agreement = about.get("agreement").and_then(|a| a.as_str()).unwrap_or_default().to_owned();
        let json = it.to_json();
        let text = String::from_utf8(json.clone()).map_err(|e| trust(e, ANEW))?;
        let id = Digest::of(&json).to_string();
        let at = self.clock.now();
        let kept =
            Declared { id: id.clone(), kind: kind.clone(), agreement: agreement.clone(), at, envelope: text };
        let mut tx = self.state.begin().await?;
        let new = statements::add(&mut tx, &kept).await?;
        tx.commit().await?;
        *self.agreed.lock().await = None;
        Ok(Stated { schema: "comity.stated/1", agreement, kind, id, new, envelope: json })
    }

    async fn state_own(
        &self,
        made: Result<Envelope, agreement::SignatureError>,
    ) -> Result<Stated, NodeError> {
        self.take_statement(&made.map_err(refused)?.to_json()).await
    }

    /// Suspends, resumes or ends an agreement. Without a date: now, and an end as soon as its notice allows.
    pub async fn change(
        &self,
        id: &str,
        status: Status,
        at: Option<Timestamp>,
        reason: &str,
    ) -> Result<Stated, NodeError> {
        let agreement = self.newest(id).await?;
        let now = self.clock.now();
        let notice = agreement.notice_days().filter(|_| status == Status::Ended).unwrap_or(0);
        let soonest = now.plus_days(i64::try_from(notice).unwrap_or(i64::MAX));
        let when = (now, at.unwrap_or(soonest));
        let key = &self.keys.organisation;
        self.state_own(StatusChange::sign(&agreement, &self.partner, status, when, reason, key)).await
    }

    /// Declares that one of our members accedes or opts out.
    pub async fn member(
        &self,
        id: &str,
        member: &MemberId,
        what: MemberChange,
        from: Option<Timestamp>,
    ) -> Result<Stated, NodeError> {
        let agreement = self.newest(id).await?;
        let from = from.unwrap_or_else(|| self.clock.now());
        let key = &self.keys.organisation;
        self.state_own(Membership::sign(&agreement, &self.partner, member, what, from, key)).await
    }

    /// Declares an emergency for two people of this node, who are enrolled here in the roles that they say.
    pub async fn emergency(
        &self,
        id: &str,
        clause: &str,
        people: [(PersonId, Role); 2],
        from: Option<Timestamp>,
        reason: &str,
    ) -> Result<Stated, NodeError> {
        let from = from.unwrap_or_else(|| self.clock.now());
        // It widens the text that is in force by then, not an amendment that is still to begin.
        let agreements = self.agreements().await?;
        let standing = agreements.in_force(from).find(|s| s.agreement().id().as_str() == id);
        let agreement = match standing {
            Some(signed) => signed.agreement().clone(),
            None => self.newest(id).await?,
        };
        for (person, role) in &people {
            let enrolled = self.people().await?.into_iter().find(|p| p.person == *person);
            if enrolled.is_none_or(|p| p.role != *role) {
                let what = format!("`{person}` is not enrolled here in the role that is said");
                return Err(trust(what, "`comity case people` lists who is, and adds or changes one"));
            }
        }
        let declared_by = people.map(|(person, role)| Declarer { person, role });
        let key = &self.keys.organisation;
        let by = &self.partner;
        self.state_own(Emergency::sign(&agreement, by, clause, declared_by, from, reason, key)).await
    }

    /// Delegates a node key: our own where none is given.
    pub async fn delegate(
        &self,
        key: Option<&str>,
        from: Option<Timestamp>,
        until: Timestamp,
    ) -> Result<Stated, NodeError> {
        let node = self.node_key(key)?;
        let from = from.unwrap_or_else(|| self.clock.now());
        self.state_own(Delegation::sign(&self.partner, &node, from, until, &self.keys.organisation)).await
    }

    /// Revokes a node key from a date on.
    pub async fn revoke(&self, key: &str, from: Option<Timestamp>) -> Result<Stated, NodeError> {
        let node = self.node_key(Some(key))?;
        let from = from.unwrap_or_else(|| self.clock.now());
        self.state_own(Revocation::sign(&self.partner, &node, from, &self.keys.organisation)).await
    }

    fn node_key(&self, key: Option<&str>) -> Result<ed25519_dalek::VerifyingKey, NodeError> {
        match key {
            None => Ok(self.keys.node.verifying_key()),
            Some(text) => read_any(text),
        }
    }

    /// Mandates a delegate's key to sign a text of which ministers signed the PDF with this digest.
    pub fn mandate(
        &self,
        agreement: &Agreement,
        pdf: Digest,
        delegate: &str,
        key: &str,
    ) -> Result<Envelope, NodeError> {
        let key = read_any(key)?;
        Mandate::sign(agreement, &self.partner, pdf, delegate, &key, &self.keys.organisation).map_err(refused)
    }

    /// The text of an amendment to begin with: the newest text with the next number, the digest of the former, and its
    /// first day. What it changes is then written into it by hand.
    pub async fn amendment(&self, id: &str, from: terms::Day) -> Result<String, NodeError> {
        let agreement = self.newest(id).await?;
        agreement::amendment(&agreement, from).ok_or_else(|| {
            trust("the term of the text is not written as one block that can be amended", FITS)
        })
    }

    /// The statements kept here, oldest first.
    pub async fn statements(&self) -> Result<Vec<Declared>, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(statements::all(&mut conn).await?)
    }
}

/// A key as agreements hold it, or as `comity agree key` prints a node's.
fn read_any(text: &str) -> Result<ed25519_dalek::VerifyingKey, NodeError> {
    agreement::read_key(text).or_else(|| super::keys::read_key(text)).ok_or_else(|| NodeError::Value {
        what: "this is no public key: `ed25519:` and base64, or 64 hexadecimal digits, was expected".into(),
    })
}

/// The mandates that a signature file carries.
pub(super) fn mandates(values: &[serde_json::Value]) -> Result<Vec<Envelope>, NodeError> {
    values.iter().map(envelope).collect()
}
