//! Release: a payload leaves, under a permit that is used up by it.
//!
//! Here: the only function that makes a sealed bundle. Elsewhere: the ruling (`agreement`), pseudonyms (`privacy`),
//! writing the record to the ledger and moving the file (`comity`).
//! Bounds: see [`crate::payload`] and [`crate::bundle`].

use crate::bundle::{self, Header, Manifest};
use crate::payload::Payload;
use crate::{ExchangeError, signer};
use agreement::{Permit, Redeemed};
use ed25519_dalek::SigningKey;
use evidence::sealed::{self, Recipient};
use ledger::dsse;
use ledger::heads::Shown;
use serde::{Deserialize, Serialize};
use terms::{Digest, ReleaseId, Timestamp};

/// Schema of a record.
pub(crate) const RECORD_SCHEMA: &str = "comity.release-record/1";

/// Our node's key, with the delegation by which our organisation's key names it.
#[derive(Clone, Copy)]
pub struct Signer<'k> {
    /// The node's key.
    pub key: &'k SigningKey,
    /// The delegation, a DSSE envelope as JSON in its canonical spelling.
    pub delegation: &'k [u8],
}

/// A release that is ready to be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The sealed bundle.
    pub bundle: Vec<u8>,
    /// What stays with the giver.
    pub record: ReleaseRecord,
}

/// What the giver keeps of a release: enough to know its receipt, nothing of its content. The payload's digest goes to
/// the ledger only as a salted commitment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRecord {
    /// Always `comity.release-record/1`.
    pub schema: String,
    /// What the bundle says on its outside.
    pub header: Header,
    /// SHA-256 of the payload's canonical bytes.
    pub payload: Digest,
    /// SHA-256 of the bundle.
    pub bundle: Digest,
}

/// Releases a payload: redeems the permit against the very bytes, signs them as our node, and seals them for the
/// receiver. The permit is used up, also when the release is refused. `id` is new for every release.
///
/// # Errors
/// CMT-0221 and CMT-0222 when the permit is over or was given for other bytes; CMT-0911 when giver, getter, member,
/// act, purpose or categories differ from the payload's; CMT-0910 for bytes that are no payload; CMT-0912 when the
/// delegation does not name the signer's key; CMT-0913 when sealing fails. A release that an order compels names the
/// order inside the seal alone.
pub fn release(
    permit: Permit,
    payload: &[u8],
    id: ReleaseId,
    signer: Signer<'_>,
    recipient: &Recipient,
    now: Timestamp,
) -> Result<Released, ExchangeError> {
    release_showing(permit, payload, id, signer, recipient, None, now)
}

/// As [`release()`], and shows the receiver the giver's ledger under the same signature.
///
/// # Errors
/// As [`release()`].
pub fn release_showing(
    permit: Permit,
    payload: &[u8],
    id: ReleaseId,
    signer: Signer<'_>,
    recipient: &Recipient,
    ledger: Option<Shown>,
    now: Timestamp,
) -> Result<Released, ExchangeError> {
    let erase_by = permit.erase_by();
    let digest = Digest::of(payload);
    let redeemed = permit.redeem(digest, now)?;
    let read = Payload::parse(payload)?;
    same_crossing(&redeemed, &read)?;
    signer::ours(&signer, &read, now)?;
    // The getter's own copy of an order says until when; outside the seal nothing of an order is told.
    let erase_by = erase_by.filter(|_| redeemed.source.compelled().is_none());
    let header = header(id, &redeemed, &read, erase_by, payload.len(), now);
    let manifest = Manifest {
        schema: bundle::MANIFEST_SCHEMA.into(),
        header: header.clone(),
        payload: digest,
        authority: redeemed.source.compelled().map(|order| order.authority),
        delegation: signer.delegation.to_vec(),
        ledger,
    };
    let seal = |why: String| ExchangeError::Seal { to: read.to.clone(), why };
    let text = serde_json::to_vec(&manifest).map_err(|e| seal(e.to_string()))?;
    let envelope = dsse::sign(bundle::PAYLOAD_TYPE, &text, signer.key).map_err(|e| seal(e.to_string()))?;
    let inside = bundle::inside(&envelope, payload)?;
    let sealed = sealed::seal(recipient, &inside).map_err(|e| seal(e.to_string()))?;
    let bundle = bundle::join(&header, &sealed)?;
    let record =
        ReleaseRecord { schema: RECORD_SCHEMA.into(), header, payload: digest, bundle: Digest::of(&bundle) };
    Ok(Released { bundle, record })
}

pub(crate) fn header(
    id: ReleaseId,
    ruling: &Redeemed,
    payload: &Payload,
    erase_by: Option<Timestamp>,
    size: usize,
    now: Timestamp,
) -> Header {
    let open = ruling.source.compelled().is_none();
    Header {
        schema: bundle::SCHEMA.into(),
        release: id,
        from: payload.from.clone(),
        to: payload.to.clone(),
        member: ruling.member.clone(),
        purpose: ruling.purpose,
        agreement: ruling.source.agreement().cloned(),
        version: ruling.source.version(),
        clauses: ruling.clauses.iter().map(ToString::to_string).collect(),
        duties: ruling.duties.iter().filter(|_| open).map(ToString::to_string).collect(),
        erase_by,
        released: now,
        size: size as u64,
    }
}

/// The permit speaks of this payload in every word that a ruling looks at.
pub(crate) fn same_crossing(ruling: &Redeemed, payload: &Payload) -> Result<(), ExchangeError> {
    let request = payload.request(ruling.bytes);
    let differs = [
        ("giver", ruling.from != request.from),
        ("getter", ruling.to != request.to),
        ("member", ruling.member != payload.member),
        ("act", ruling.act != payload.act),
        ("purpose", ruling.purpose != payload.purpose),
        ("set of categories", ruling.categories != request.counted_categories()),
    ];
    match differs.iter().find(|(_, differs)| *differs) {
        Some((what, _)) => Err(ExchangeError::OtherCrossing { under: ruling.source.told(), what }),
        None => Ok(()),
    }
}
