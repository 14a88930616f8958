//! The form of a sealed bundle.
//!
//! Here: `comity-bundle/1`: a first line that says what it is, one line of header (JSON, no personal data), then an age
//! file for the receiver's sealing key. Inside: one line with the DSSE envelope of the manifest, then the payload. The
//! manifest repeats the header, names the payload's digest and carries the delegation of the signing node's key, so that
//! no byte outside or inside can change unseen.
//! Elsewhere: who may make one ([`crate::release()`]), who may use one ([`crate::receive()`]).
//! Bounds: header 64 KiB, envelope 1 MiB, payload 64 MiB, bundle 68 MiB.

use crate::ExchangeError;
use crate::payload::MAX_PAYLOAD;
use crate::recognise::BUNDLE_MAGIC;
use evidence::sealed::{self, Identity};
use ledger::dsse::Envelope;
use ledger::heads::Shown;
use serde::{Deserialize, Serialize};
use terms::{AgreementId, Digest, MemberId, PartnerId, Purpose, ReleaseId, Timestamp};

/// Payload type of the manifest's envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.comity.release+json";
/// Schema of the header.
pub const SCHEMA: &str = "comity.release/1";
/// Schema of the manifest.
pub(crate) const MANIFEST_SCHEMA: &str = "comity.manifest/1";
/// Largest bundle in bytes.
pub const MAX_BUNDLE: usize = MAX_PAYLOAD + (4 << 20);
const MAX_HEADER: usize = 64 << 10;
const MAX_ENVELOPE: usize = 1 << 20;

/// What a bundle says on its outside. It holds no personal data and nothing of the payload's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Always `comity.release/1`.
    pub schema: String,
    /// The release.
    pub release: ReleaseId,
    /// Who gives.
    pub from: PartnerId,
    /// Who gets.
    pub to: PartnerId,
    /// The member of `to` for whom it is meant.
    pub member: Option<MemberId>,
    /// What for.
    pub purpose: Purpose,
    /// The agreement it crosses under; `None` where an order compels it. The order is named inside alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementId>,
    /// The agreement's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Digest>,
    /// The clauses the permit rests on (`company-police 3.1`).
    pub clauses: Vec<String>,
    /// The duties that came with the permit, in words; none where an order compels it, for they tell of its silence.
    pub duties: Vec<String>,
    /// By when the giver's ruling has the payload erased.
    pub erase_by: Option<Timestamp>,
    /// When it was released.
    pub released: Timestamp,
    /// Bytes of the payload.
    pub size: u64,
}

/// What the giver's node signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Always `comity.manifest/1`.
    pub schema: String,
    pub header: Header,
    /// SHA-256 of the payload's canonical bytes.
    pub payload: Digest,
    /// SHA-256 of the document of the order that compels it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Digest>,
    /// The delegation of the node's key by its organisation, a DSSE envelope.
    #[serde(with = "crate::encoding")]
    pub delegation: Vec<u8>,
    /// What the giver shows of its ledger, so that a two-faced node is found at this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Shown>,
}

/// A bundle that our key opened. Nothing of it is believed, and nothing of its payload is handed out, before
/// [`crate::receive()`].
pub struct Received {
    pub(crate) header: Header,
    pub(crate) envelope: Envelope,
    pub(crate) payload: Vec<u8>,
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Received {:?}", self.header)
    }
}

impl Received {
    /// The header, not yet verified: for finding the agreement and for telling a person what arrived.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

/// Reads the header of a bundle without opening it. Nothing of it is verified.
///
/// # Errors
/// CMT-0920 for what is no bundle.
pub fn header(bundle: &[u8]) -> Result<Header, ExchangeError> {
    split(bundle).map(|(header, _)| header)
}

/// Opens a bundle with our sealing key.
///
/// # Errors
/// CMT-0920 for what is no whole bundle, CMT-0921 when it was sealed for another key or changed.
pub fn open_bundle(bundle: &[u8], identity: &Identity) -> Result<Received, ExchangeError> {
    let (header, sealed) = split(bundle)?;
    let inside = sealed::open(identity, sealed, MAX_ENVELOPE + MAX_PAYLOAD + 1).map_err(|e| {
        let (release, from) = (header.release.clone(), header.from.clone());
        ExchangeError::NotForUs { release, from, why: e.to_string() }
    })?;
    let (envelope, payload) =
        line(&inside, MAX_ENVELOPE).ok_or_else(|| broken("nothing is signed inside"))?;
    let envelope = Envelope::from_canonical_json(envelope).map_err(|e| broken(&e.to_string()))?;
    Ok(Received { header, envelope, payload: payload.to_vec() })
}

/// The bundle of these parts.
pub(crate) fn join(header: &Header, sealed: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    let text = serde_json::to_vec(header).map_err(|e| broken(&e.to_string()))?;
    if text.len() > MAX_HEADER {
        return Err(ExchangeError::Payload { why: "its header would be larger than 64 KiB".into() });
    }
    Ok([BUNDLE_MAGIC, &text, b"\n", sealed].concat())
}

/// What is sealed: the envelope's line and the payload.
pub(crate) fn inside(envelope: &Envelope, payload: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    let envelope = envelope.to_json();
    if envelope.len() >= MAX_ENVELOPE {
        return Err(ExchangeError::Payload { why: "its manifest would be larger than 1 MiB".into() });
    }
    Ok([&envelope, b"\n".as_slice(), payload].concat())
}

fn split(bundle: &[u8]) -> Result<(Header, &[u8]), ExchangeError> {
    if bundle.len() > MAX_BUNDLE {
        return Err(broken("it is larger than 68 MiB"));
    }
    let rest =
        bundle.strip_prefix(BUNDLE_MAGIC).ok_or_else(|| broken("its first line is not `comity-bundle/1`"))?;
    let (text, sealed) = line(rest, MAX_HEADER + 1).ok_or_else(|| broken("its header does not end"))?;
    let header: Header =
        serde_json::from_slice(text).map_err(|e| broken(&format!("its header does not read ({e})")))?;
    let one_spelling = serde_json::to_vec(&header).is_ok_and(|t| t == text);
    if header.schema != SCHEMA || !one_spelling {
        return Err(broken("its header is not `comity.release/1` in its one spelling"));
    }
    Ok((header, sealed))
}

/// The first line, if it ends within `most` bytes, and what follows it.
fn line(bytes: &[u8], most: usize) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().take(most).position(|&b| b == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((line, rest.get(1..)?))
}

fn broken(why: &str) -> ExchangeError {
    ExchangeError::NotABundle { why: why.into() }
}
