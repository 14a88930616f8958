//! Whose node signed: the chain from the organisation key in an agreement over its delegation to the node's key.
//!
//! Elsewhere: what a delegation is and who may make one (`agreement`).

use crate::bundle::Header;
use crate::release::Signer;
use crate::{ExchangeError, Payload};
use agreement::{Agreements, DELEGATION_TYPE, Delegation, SignedAgreement, State, key_text};
use ed25519_dalek::VerifyingKey;
use ledger::dsse::{self, Envelope};
use terms::{AgreementId, Timestamp};

/// Our own delegation names our key, for now. Whether our organisation signed it is for the receiver to check, and our
/// node's start-up.
pub(crate) fn ours(signer: &Signer<'_>, payload: &Payload, now: Timestamp) -> Result<(), ExchangeError> {
    let read =
        Envelope::from_canonical_json(signer.delegation).ok().filter(|e| e.payload_type() == DELEGATION_TYPE);
    let delegation = read.and_then(|e| serde_json::from_slice::<Delegation>(e.unverified_payload()).ok());
    let key = key_text(&signer.key.verifying_key());
    let holds = |d: Delegation| d.party == payload.from && d.key == key && d.from <= now && now < d.until;
    if delegation.is_some_and(holds) {
        Ok(())
    } else {
        Err(ExchangeError::Delegation { partner: payload.from.clone() })
    }
}

/// The giver's node keys at `now`, its bundle's delegation among them, after that was checked against the organisation
/// key in our copy of the agreement. Nothing signed before counts after its delegation is over: a lost key ages.
pub(crate) fn theirs(
    delegation: &[u8],
    header: &Header,
    agreements: &Agreements,
    now: Timestamp,
) -> Result<Vec<(String, VerifyingKey)>, ExchangeError> {
    match &header.agreement {
        Some(agreement) => in_force(header, agreement, agreements, now)?,
        None if agreements.all().iter().any(|s| s.agreement().parties().contains(&&header.from)) => {}
        None => {
            let (release, from) = (header.release.clone(), header.from.clone());
            let why = format!("and no text in this home says which key is `{from}`'s");
            return Err(ExchangeError::Order { release, from, why });
        }
    }
    let fails = |why: String| ExchangeError::Signature { what: "the giver's delegation".into(), why };
    let envelope = Envelope::from_canonical_json(delegation).map_err(|e| fails(e.to_string()))?;
    let mut known = agreements.clone();
    known.delegate(&envelope).map_err(|e| fails(e.to_string()))?;
    let keys = match header.agreement {
        Some(_) => known.node_keys(&header.from, now),
        None => known.named_keys(&header.from, now),
    };
    Ok(keys.into_iter().map(|key| (dsse::keyid(&key), key)).collect())
}

/// The agreement that the bundle names is here, in force, and in the same version.
fn in_force(
    header: &Header,
    agreement: &AgreementId,
    agreements: &Agreements,
    now: Timestamp,
) -> Result<(), ExchangeError> {
    let refuse = |why: String| {
        let (release, agreement) = (header.release.clone(), agreement.clone());
        Err(ExchangeError::Agreement { release, agreement, why })
    };
    let same = |s: &SignedAgreement| Some(s.agreement().version()) == header.version;
    let Some(ours) = agreements.with_id(agreement).find(|s| same(s)) else {
        let other = agreements.with_id(agreement).next().is_some();
        let why = if other { "of which this home has another text" } else { "which this home does not know" };
        return refuse(why.into());
    };
    match ours.state(now) {
        State::InForce if agreements.in_force(now).any(same) => Ok(()),
        State::InForce => refuse("of which a newer text replaced this version".into()),
        State::Unsigned { .. } => refuse("which not every party signed".into()),
        State::NotBegun { from } => refuse(format!("which begins on {} only", from.day())),
        State::Suspended { by, since } => refuse(format!("which `{by}` suspended on {}", since.day())),
        State::Ended { since } => refuse(format!("which ended on {}", since.plus_micros(-1).day())),
    }
}
