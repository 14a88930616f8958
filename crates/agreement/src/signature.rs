//! Who signed what: the agreement itself, changes of its state, and the node keys that organisations delegate.
//!
//! Here: [`sign`], [`countersign`], [`verify`], [`SignedAgreement`], [`StatusChange`], [`Delegation`]. Elsewhere: DSSE
//! (`ledger::dsse`), where envelopes are kept and sent.
//! A signature covers the SHA-256 of the canonical text AND of the compiled policy, so that nobody signs something
//! other than what runs. The keys stand in the text: the agreement is the trust anchor of the link, there is no CA.

use crate::{Agreement, Policy, PolicyError, compile};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{SigningKey, VerifyingKey};
use ledger::{
    LedgerError,
    dsse::{self, Envelope},
};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use terms::{AgreementId, Digest, PartnerId, Timestamp};

/// What the payload of an agreement's envelope is.
pub const AGREEMENT_TYPE: &str = "application/vnd.comity.agreement-signature+json";
/// What the payload of a status change's envelope is.
pub const STATUS_TYPE: &str = "application/vnd.comity.agreement-status+json";
/// What the payload of a delegation's envelope is.
pub const DELEGATION_TYPE: &str = "application/vnd.comity.delegation+json";
/// Longest reason of a status change, in bytes.
const MAX_REASON: usize = 1_024;
/// Longest a node key may be delegated for, in days.
const MAX_DELEGATION_DAYS: i64 = 800;

/// What is wrong with a signature or with who gave it. Codes are stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum SignatureError {
    /// The signer is not a party.
    #[error("`{party}` is not a party of agreement `{agreement}`")]
    #[diagnostic(code("CMT-0210"), help("`comity agree show` lists the parties"))]
    NotAParty {
        /// Who.
        party: PartnerId,
        /// Of what.
        agreement: AgreementId,
    },
    /// The key is not the one in the text.
    #[error("this is not the key that agreement `{agreement}` names for `{party}`")]
    #[diagnostic(
        code("CMT-0211"),
        help("sign with the organisation key whose public half stands in the text")
    )]
    OtherKey {
        /// Who.
        party: PartnerId,
        /// Of what.
        agreement: AgreementId,
    },
    /// The signature is over another text or policy.
    #[error(
        "the signatures are not over this text of agreement `{agreement}`, or not over the policy it compiles to"
    )]
    #[diagnostic(
        code("CMT-0212"),
        help(
            "compare the texts byte by byte; a text that was changed after signing is signed anew by all parties"
        )
    )]
    OtherText {
        /// Of what.
        agreement: AgreementId,
    },
    /// Somebody signed whose key does not stand in the text.
    #[error("agreement `{agreement}` carries the signature of a key that does not stand in its text")]
    #[diagnostic(code("CMT-0213"), help("take the envelope from a party again"))]
    Stranger {
        /// Of what.
        agreement: AgreementId,
    },
    /// A statement about an agreement does not fit it.
    #[error("this statement does not fit: {0}")]
    #[diagnostic(code("CMT-0214"), help("ask the party that made it for a new one"))]
    Statement(String),
    /// The envelope itself.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Envelope(#[from] LedgerError),
    /// The policy itself.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Policy(#[from] PolicyError),
}

#[derive(Serialize)]
struct Signed<'a> {
    schema: &'static str,
    agreement: &'a AgreementId,
    number: u64,
    text: Digest,
    policy: Digest,
    parties: Vec<&'a PartnerId>,
}

/// The bytes that the parties sign: the same for every party and at every time.
fn payload(agreement: &Agreement, policy: &Policy) -> Vec<u8> {
    let signed = Signed {
        schema: "comity.agreement-signature/1",
        agreement: agreement.id(),
        number: agreement.number(),
        text: agreement.version(),
        policy: policy.digest(),
        parties: agreement.parties(),
    };
    // Text, numbers and digests always serialise.
    serde_json::to_vec(&signed).unwrap_or_default()
}

fn own_key(agreement: &Agreement, party: &PartnerId, key: &VerifyingKey) -> Result<(), SignatureError> {
    let agreement_id = agreement.id().clone();
    match agreement.key(party) {
        None => Err(SignatureError::NotAParty { party: party.clone(), agreement: agreement_id }),
        Some(k) if k != *key => {
            Err(SignatureError::OtherKey { party: party.clone(), agreement: agreement_id })
        }
        Some(_) => Ok(()),
    }
}

/// Signs an agreement as its first party.
///
/// # Errors
/// CMT-0210 not a party, CMT-0211 another key than the text's, CMT-0206 the text does not compile.
pub fn sign(agreement: &Agreement, party: &PartnerId, key: &SigningKey) -> Result<Envelope, SignatureError> {
    own_key(agreement, party, &key.verifying_key())?;
    let policy = compile(agreement)?;
    Ok(dsse::sign(AGREEMENT_TYPE, &payload(agreement, &policy), key)?)
}

/// Adds a party's signature to those already given, after checking them.
///
/// # Errors
/// As [`sign`] and [`verify`].
pub fn countersign(
    agreement: &Agreement,
    mut envelope: Envelope,
    party: &PartnerId,
    key: &SigningKey,
) -> Result<Envelope, SignatureError> {
    own_key(agreement, party, &key.verifying_key())?;
    verify(agreement, &envelope)?;
    envelope.add_signature(key)?;
    Ok(envelope)
}

/// Which parties signed this very text and the policy it compiles to, in the order of the text.
///
/// # Errors
/// CMT-0212 signed something else, CMT-0213 a stranger's key, CMT-0303/0305 no or a wrong signature.
pub fn verify(agreement: &Agreement, envelope: &Envelope) -> Result<Vec<PartnerId>, SignatureError> {
    verify_with(agreement, &compile(agreement)?, envelope)
}

fn verify_with(
    agreement: &Agreement,
    policy: &Policy,
    envelope: &Envelope,
) -> Result<Vec<PartnerId>, SignatureError> {
    let keys: Vec<(PartnerId, String, VerifyingKey)> = (agreement.parties().into_iter())
        .filter_map(|p| agreement.key(p).map(|k| (p.clone(), dsse::keyid(&k), k)))
        .collect();
    let known: Vec<(String, VerifyingKey)> = keys.iter().map(|(_, id, k)| (id.clone(), *k)).collect();
    let bytes = dsse::verify(envelope, AGREEMENT_TYPE, &known)?;
    if bytes != payload(agreement, policy) {
        return Err(SignatureError::OtherText { agreement: agreement.id().clone() });
    }
    if envelope.signatures().iter().any(|s| known.iter().all(|(id, _)| id != s.keyid())) {
        return Err(SignatureError::Stranger { agreement: agreement.id().clone() });
    }
    let good = dsse::verified_keyids(envelope, AGREEMENT_TYPE, &known)?;
    Ok(keys.into_iter().filter(|(_, id, _)| good.contains(id)).map(|(p, _, _)| p).collect())
}

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

/// One party's signed statement about the state of an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    /// Always `comity.agreement-status/1`.
    pub schema: String,
    /// The agreement.
    pub agreement: AgreementId,
    /// Its version: the SHA-256 of its canonical text.
    pub version: Digest,
    /// Who declares it.
    pub by: PartnerId,
    /// What.
    pub status: Status,
    /// From when.
    pub at: Timestamp,
    /// Why, in words.
    pub reason: String,
}

impl StatusChange {
    /// Declares a status of `agreement` from `at` on, signed by a party's organisation key.
    ///
    /// # Errors
    /// CMT-0210 not a party, CMT-0211 another key, CMT-0214 a reason above 1,024 bytes.
    pub fn sign(
        agreement: &Agreement,
        by: &PartnerId,
        status: Status,
        at: Timestamp,
        reason: &str,
        key: &SigningKey,
    ) -> Result<Envelope, SignatureError> {
        own_key(agreement, by, &key.verifying_key())?;
        if reason.len() > MAX_REASON {
            return Err(SignatureError::Statement(format!("its reason is longer than {MAX_REASON} bytes")));
        }
        let change = Self {
            schema: "comity.agreement-status/1".into(),
            agreement: agreement.id().clone(),
            version: agreement.version(),
            by: by.clone(),
            status,
            at,
            reason: reason.to_owned(),
        };
        Ok(dsse::sign(STATUS_TYPE, &serde_json::to_vec(&change).unwrap_or_default(), key)?)
    }
}

/// Lets a node key speak for an organisation for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Always `comity.delegation/1`.
    pub schema: String,
    /// The organisation.
    pub party: PartnerId,
    /// The node key, `ed25519:` and base64.
    pub key: String,
    /// From when.
    pub from: Timestamp,
    /// The first instant at which it no longer holds.
    pub until: Timestamp,
}

impl Delegation {
    /// Delegates `node` for `from..until` (at most 800 days), signed by the organisation key.
    ///
    /// # Errors
    /// CMT-0214 when the time is empty or too long.
    pub fn sign(
        party: &PartnerId,
        node: &VerifyingKey,
        from: Timestamp,
        until: Timestamp,
        organisation: &SigningKey,
    ) -> Result<Envelope, SignatureError> {
        let it = Self {
            schema: "comity.delegation/1".into(),
            party: party.clone(),
            key: key_text(node),
            from,
            until,
        };
        it.check()?;
        Ok(dsse::sign(DELEGATION_TYPE, &serde_json::to_vec(&it).unwrap_or_default(), organisation)?)
    }

    /// Reads a delegation that one of `organisations`, keys of the party it names, signed.
    pub(crate) fn verify(
        envelope: &Envelope,
        organisations: impl Fn(&PartnerId) -> Vec<VerifyingKey>,
    ) -> Result<(Self, VerifyingKey, VerifyingKey), SignatureError> {
        let it: Self = read(envelope)?;
        let keys: Vec<(String, VerifyingKey)> =
            organisations(&it.party).into_iter().map(|k| (dsse::keyid(&k), k)).collect();
        dsse::verify(envelope, DELEGATION_TYPE, &keys)?;
        let good = dsse::verified_keyids(envelope, DELEGATION_TYPE, &keys)?;
        let signer = keys.into_iter().find(|(id, _)| good.contains(id)).map(|(_, k)| k);
        let node = it.check()?;
        let signer = signer.ok_or_else(|| SignatureError::Statement("nobody known signed it".into()))?;
        Ok((it, node, signer))
    }

    fn check(&self) -> Result<VerifyingKey, SignatureError> {
        let bad = |why: &str| Err(SignatureError::Statement(why.to_owned()));
        if self.schema != "comity.delegation/1" {
            return bad("it is not a delegation of version 1");
        }
        if self.until <= self.from || self.until > self.from.plus_days(MAX_DELEGATION_DAYS) {
            return bad("a node key is delegated for some time, and at most 800 days");
        }
        match read_key(&self.key) {
            Some(k) => Ok(k),
            None => bad("its node key is not `ed25519:` and 32 bytes in base64"),
        }
    }
}

/// A public key as it stands in an agreement: `ed25519:` and standard base64.
pub fn key_text(key: &VerifyingKey) -> String {
    format!("ed25519:{}", STANDARD.encode(key.as_bytes()))
}

fn read_key(text: &str) -> Option<VerifyingKey> {
    let bytes = STANDARD.decode(text.strip_prefix("ed25519:")?).ok()?;
    VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok().filter(|k| !k.is_weak())
}

/// The statement an envelope holds. It is not to be believed before its signature is checked.
fn read<T: serde::de::DeserializeOwned>(envelope: &Envelope) -> Result<T, SignatureError> {
    serde_json::from_slice(envelope.unverified_payload())
        .map_err(|e| SignatureError::Statement(format!("it cannot be read: {e}")))
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

/// An agreement with the signatures that were checked, its policy and its changes of state.
#[derive(Debug, Clone)]
pub struct SignedAgreement {
    agreement: Agreement,
    policy: Policy,
    signers: Vec<PartnerId>,
    changes: Vec<StatusChange>,
}

impl SignedAgreement {
    /// Takes an agreement with its envelope after checking every signature. Half-signed ones are taken too, and are
    /// not in force.
    ///
    /// # Errors
    /// As [`verify`].
    pub fn new(agreement: Agreement, envelope: &Envelope) -> Result<Self, SignatureError> {
        let policy = compile(&agreement)?;
        let signers = verify_with(&agreement, &policy, envelope)?;
        Ok(Self { agreement, policy, signers, changes: Vec::new() })
    }

    /// The same with a signed change of state.
    ///
    /// # Errors
    /// CMT-0214 about another agreement or version, CMT-0210/0303/0305 not signed by a party's organisation key.
    pub fn with_change(mut self, envelope: &Envelope) -> Result<Self, SignatureError> {
        let change: StatusChange = read(envelope)?;
        let a = &self.agreement;
        let key = a.key(&change.by).ok_or_else(|| SignatureError::NotAParty {
            party: change.by.clone(),
            agreement: a.id().clone(),
        })?;
        dsse::verify(envelope, STATUS_TYPE, &[(dsse::keyid(&key), key)])?;
        if change.schema != "comity.agreement-status/1"
            || change.agreement != *a.id()
            || change.version != a.version()
        {
            return Err(SignatureError::Statement(format!("it is not about this version of `{}`", a.id())));
        }
        self.changes.push(change);
        self.changes.sort_by_key(|c| c.at);
        Ok(self)
    }

    /// The text as read.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }
    /// The policy it compiles to.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
    /// The parties whose signatures were checked.
    pub fn signers(&self) -> &[PartnerId] {
        &self.signers
    }
    /// The changes of state, oldest first.
    pub fn changes(&self) -> &[StatusChange] {
        &self.changes
    }

    /// In what state it is at `now`. An end is final; a suspension is lifted by the party that declared it.
    pub fn state(&self, now: Timestamp) -> State {
        let parties = self.agreement.parties();
        let missing: Vec<PartnerId> =
            parties.iter().filter(|p| !self.signers.contains(p)).map(|p| (*p).clone()).collect();
        if !missing.is_empty() || parties.is_empty() {
            return State::Unsigned { missing };
        }
        let past = || self.changes.iter().filter(|c| c.at <= now);
        let (from, end) = self.agreement.term();
        if let Some(c) = past().find(|c| c.status == Status::Ended) {
            return State::Ended { since: c.at };
        }
        if now >= end {
            return State::Ended { since: end };
        }
        for party in parties {
            let last = past().rfind(|c| c.by == *party);
            if let Some(c) = last.filter(|c| c.status == Status::Suspended) {
                return State::Suspended { by: c.by.clone(), since: c.at };
            }
        }
        if now < from { State::NotBegun { from } } else { State::InForce }
    }
}
