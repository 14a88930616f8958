//! The keys that an organisation key vouches for: node keys for a time, and a delegate's key for one signature.
//!
//! Here: [`Delegation`], [`Revocation`], [`Mandate`], [`NodeKeys`]. Elsewhere: DSSE (`ledger::dsse`), the private halves
//! (`comity`).
//! A newer delegation takes the place of an older one from its first instant on; a revocation ends one from a date.

use crate::{Agreement, SignatureError};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{SigningKey, VerifyingKey};
use ledger::dsse::{self, Envelope};
use serde::{Deserialize, Serialize};
use terms::{AgreementId, Digest, PartnerId, Timestamp};

/// What the payload of a delegation's envelope is.
pub const DELEGATION_TYPE: &str = "application/vnd.comity.delegation+json";
/// What the payload of a revocation's envelope is.
pub const REVOCATION_TYPE: &str = "application/vnd.comity.revocation+json";
/// What the payload of a mandate's envelope is.
pub const MANDATE_TYPE: &str = "application/vnd.comity.mandate+json";
/// Longest a node key may be delegated for, in days.
const MAX_DELEGATION_DAYS: i64 = 800;
const DELEGATION: &str = "comity.delegation/1";
const REVOCATION: &str = "comity.revocation/1";
const MANDATE: &str = "comity.mandate/1";

fn bad<T>(why: impl Into<String>) -> Result<T, SignatureError> {
    Err(SignatureError::Statement(why.into()))
}

/// The statement an envelope holds. It is not to be believed before its signature is checked.
pub(crate) fn read<T: serde::de::DeserializeOwned>(envelope: &Envelope) -> Result<T, SignatureError> {
    serde_json::from_slice(envelope.unverified_payload())
        .map_err(|e| SignatureError::Statement(format!("it cannot be read: {e}")))
}

/// Signs a statement. Statements of plain words, numbers and digests always serialise.
pub(crate) fn seal<T: Serialize>(kind: &str, it: &T, key: &SigningKey) -> Result<Envelope, SignatureError> {
    Ok(dsse::sign(kind, &serde_json::to_vec(it).unwrap_or_default(), key)?)
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
        let it = Self { schema: DELEGATION.into(), party: party.clone(), key: key_text(node), from, until };
        it.check()?;
        seal(DELEGATION_TYPE, &it, organisation)
    }

    fn check(&self) -> Result<VerifyingKey, SignatureError> {
        if self.schema != DELEGATION {
            return bad("it is not a delegation of version 1");
        }
        if self.until <= self.from || self.until > self.from.plus_days(MAX_DELEGATION_DAYS) {
            return bad("a node key is delegated for some time, and at most 800 days");
        }
        node_key(&self.key)
    }
}

/// Ends a delegated node key from a date on, also for what it signed and dated earlier but hands over later: whoever
/// stole it can write any date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Always `comity.revocation/1`.
    pub schema: String,
    /// The organisation.
    pub party: PartnerId,
    /// The node key, `ed25519:` and base64.
    pub key: String,
    /// The first instant at which it no longer holds.
    pub from: Timestamp,
}

impl Revocation {
    /// Revokes `node` from an instant on, signed by the organisation key.
    ///
    /// # Errors
    /// CMT-0301 and on, of the envelope.
    pub fn sign(
        party: &PartnerId,
        node: &VerifyingKey,
        from: Timestamp,
        organisation: &SigningKey,
    ) -> Result<Envelope, SignatureError> {
        let it = Self { schema: REVOCATION.into(), party: party.clone(), key: key_text(node), from };
        seal(REVOCATION_TYPE, &it, organisation)
    }
}

/// The key that signed, of those of `party` that `organisations` knows.
fn signed_by(
    envelope: &Envelope,
    kind: &str,
    party: &PartnerId,
    organisations: impl Fn(&PartnerId) -> Vec<VerifyingKey>,
) -> Result<VerifyingKey, SignatureError> {
    let keys: Vec<(String, VerifyingKey)> =
        organisations(party).into_iter().map(|k| (dsse::keyid(&k), k)).collect();
    dsse::verify(envelope, kind, &keys)?;
    let good = dsse::verified_keyids(envelope, kind, &keys)?;
    match keys.into_iter().find(|(id, _)| good.contains(id)) {
        Some((_, key)) => Ok(key),
        None => bad("nobody known signed it"),
    }
}

/// The delegations and revocations that were checked.
#[derive(Debug, Clone, Default)]
pub struct NodeKeys {
    delegations: Vec<(Delegation, VerifyingKey, VerifyingKey)>,
    revocations: Vec<(Revocation, VerifyingKey, VerifyingKey)>,
}

impl NodeKeys {
    /// Takes a delegation that a key of the party it names signed.
    pub(crate) fn delegate(
        &mut self,
        envelope: &Envelope,
        organisations: impl Fn(&PartnerId) -> Vec<VerifyingKey>,
    ) -> Result<Delegation, SignatureError> {
        let it: Delegation = read(envelope)?;
        let signer = signed_by(envelope, DELEGATION_TYPE, &it.party, organisations)?;
        let node = it.check()?;
        if !self.delegations.iter().any(|(d, _, _)| *d == it) {
            self.delegations.push((it.clone(), node, signer));
        }
        Ok(it)
    }

    /// Takes a revocation that a key of the party it names signed.
    pub(crate) fn revoke(
        &mut self,
        envelope: &Envelope,
        organisations: impl Fn(&PartnerId) -> Vec<VerifyingKey>,
    ) -> Result<Revocation, SignatureError> {
        let it: Revocation = read(envelope)?;
        let signer = signed_by(envelope, REVOCATION_TYPE, &it.party, organisations)?;
        if it.schema != REVOCATION {
            return bad("it is not a revocation of version 1");
        }
        let node = node_key(&it.key)?;
        if !self.revocations.iter().any(|(r, _, _)| *r == it) {
            self.revocations.push((it.clone(), node, signer));
        }
        Ok(it)
    }

    /// The node keys that may speak for `party` at `now`: the newest delegation that has begun, unless it is over or
    /// revoked. Only what one of `organisation` signed counts.
    pub(crate) fn at(
        &self,
        party: &PartnerId,
        now: Timestamp,
        organisation: &[VerifyingKey],
    ) -> Vec<VerifyingKey> {
        let begun: Vec<_> = (self.delegations.iter())
            .filter(|(d, _, signer)| d.party == *party && d.from <= now && organisation.contains(signer))
            .collect();
        let newest = begun.iter().map(|(d, _, _)| d.from).max();
        let revoked = |key: &VerifyingKey| {
            self.revocations.iter().any(|(r, node, signer)| {
                r.party == *party && node == key && r.from <= now && organisation.contains(signer)
            })
        };
        let mut keys: Vec<VerifyingKey> = Vec::new();
        for (d, node, _) in begun {
            if Some(d.from) == newest && now < d.until && !revoked(node) && !keys.contains(node) {
                keys.push(*node);
            }
        }
        keys
    }

    /// Every delegation, oldest first.
    pub fn delegations(&self) -> Vec<&Delegation> {
        let mut all: Vec<&Delegation> = self.delegations.iter().map(|(d, _, _)| d).collect();
        all.sort_by_key(|d| d.from);
        all
    }
    /// Every revocation, oldest first.
    pub fn revocations(&self) -> Vec<&Revocation> {
        let mut all: Vec<&Revocation> = self.revocations.iter().map(|(r, _, _)| r).collect();
        all.sort_by_key(|r| r.from);
        all
    }
}

/// Lets a delegate's key sign one text for a party whose ministers signed the PDF with this hash. It is good for nothing
/// else and needs no end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mandate {
    /// Always `comity.mandate/1`.
    pub schema: String,
    /// The party for which the delegate signs.
    pub party: PartnerId,
    /// The agreement.
    pub agreement: AgreementId,
    /// Its version: the SHA-256 of its canonical text.
    pub version: Digest,
    /// The SHA-256 of the signed PDF.
    pub pdf: Digest,
    /// The delegate, by name and office.
    pub delegate: String,
    /// The delegate's key, `ed25519:` and base64.
    pub key: String,
}

impl Mandate {
    /// Mandates `key` to sign `agreement`, of which the ministers signed the PDF with this hash.
    ///
    /// # Errors
    /// CMT-0210 not a party, CMT-0211 another key than the text's.
    pub fn sign(
        agreement: &Agreement,
        party: &PartnerId,
        pdf: Digest,
        delegate: &str,
        key: &VerifyingKey,
        organisation: &SigningKey,
    ) -> Result<Envelope, SignatureError> {
        crate::signature::own_key(agreement, party, &organisation.verifying_key())?;
        let it = Self {
            schema: MANDATE.into(),
            party: party.clone(),
            agreement: agreement.id().clone(),
            version: agreement.version(),
            pdf,
            delegate: delegate.to_owned(),
            key: key_text(key),
        };
        seal(MANDATE_TYPE, &it, organisation)
    }

    /// Reads a mandate for `agreement` that the organisation key in its text signed, and the delegate's key.
    pub(crate) fn verify(
        envelope: &Envelope,
        agreement: &Agreement,
    ) -> Result<(Self, VerifyingKey), SignatureError> {
        let it: Self = read(envelope)?;
        signed_by(envelope, MANDATE_TYPE, &it.party, |p| agreement.key(p).into_iter().collect())?;
        if it.schema != MANDATE || it.agreement != *agreement.id() || it.version != agreement.version() {
            return bad(format!("the mandate is not for this text of `{}`", agreement.id()));
        }
        let key = node_key(&it.key)?;
        Ok((it, key))
    }
}

/// A public key as it stands in an agreement: `ed25519:` and standard base64.
pub fn key_text(key: &VerifyingKey) -> String {
    format!("ed25519:{}", STANDARD.encode(key.as_bytes()))
}

/// Reads what [`key_text`] writes. Keys of small order are refused.
pub fn read_key(text: &str) -> Option<VerifyingKey> {
    let bytes = STANDARD.decode(text.strip_prefix("ed25519:")?).ok()?;
    VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok().filter(|k| !k.is_weak())
}

fn node_key(text: &str) -> Result<VerifyingKey, SignatureError> {
    read_key(text).map_or_else(|| bad("its key is not `ed25519:` and 32 sound bytes in base64"), Ok)
}
