//! Receipts: `comity.receipt/1` in a DSSE envelope, the other side's signed word that it has a release.
//!
//! Here: making and verifying a receipt, and whether it fits a release. Elsewhere: taking a release in
//! ([`crate::receive()`]), whose key is whose (`agreement`). Bounds: 8 MiB.

use crate::question::DeconflictionAnswer;
use crate::{Accepted, ExchangeError, ReleaseRecord};
use ed25519_dalek::{SigningKey, VerifyingKey};
use ledger::dsse::{self, Envelope};
use ledger::heads::Shown;
use serde::{Deserialize, Serialize};
use terms::{AgreementId, Digest, MemberId, PartnerId, ReleaseId, Timestamp};

/// Payload type of a receipt's envelope.
pub const PAYLOAD_TYPE: &str = crate::recognise::RECEIPT_TYPE;
/// Schema of a receipt.
pub const SCHEMA: &str = "comity.receipt/1";
/// Largest receipt in bytes.
pub const MAX_RECEIPT: usize = 8 << 20;

/// Where the receiver's ledger stood when it entered the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerPosition {
    /// The log's origin line.
    pub origin: String,
    /// Leaves in the log, the release's among them.
    pub size: u64,
    /// Its Merkle root at that size.
    pub root: Digest,
}

/// A receipt: who has which release since when, and what they answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Always `comity.receipt/1`.
    pub schema: String,
    /// The release.
    pub release: ReleaseId,
    /// SHA-256 of the payload's canonical bytes.
    pub payload: Digest,
    /// The agreement the receiver ruled under; `None` where an order compelled the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementId>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Digest>,
    /// Who gave.
    pub from: PartnerId,
    /// Who has it now, and signs.
    pub by: PartnerId,
    /// The member it is meant for.
    pub member: Option<MemberId>,
    /// When it was taken in.
    pub received: Timestamp,
    /// By when it will be erased.
    pub erase_by: Option<Timestamp>,
    /// Where the receiver's ledger stands.
    pub ledger: LedgerPosition,
    /// What the receiver shows of its ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
    /// The receiver's cosignature line on the giver's checkpoint, where it witnesses the giver's ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosignature: Option<String>,
    /// Answers to the questions of the payload.
    pub answers: Vec<DeconflictionAnswer>,
}

impl Receipt {
    /// Whether this is the receipt for that release, as it was sent.
    ///
    /// # Errors
    /// CMT-0931 when release, payload, partners or member differ.
    pub fn fits(&self, sent: &ReleaseRecord) -> Result<(), ExchangeError> {
        let same = self.release == sent.header.release
            && self.payload == sent.payload
            && self.from == sent.header.from
            && self.by == sent.header.to
            && self.member == sent.header.member
            && self.agreement == sent.header.agreement;
        if same {
            return Ok(());
        }
        let expected = sent.header.release.clone();
        Err(ExchangeError::OtherRelease { expected, found: self.release.clone(), payload: self.payload })
    }
}

/// Makes the receipt for an accepted release, signed by our node's key. It carries the answers as they are: hand it to
/// the giver only.
///
/// # Errors
/// CMT-0930 when it would be larger than 8 MiB.
pub fn make(
    accepted: &Accepted,
    key: &SigningKey,
    position: LedgerPosition,
    answers: Vec<DeconflictionAnswer>,
) -> Result<Vec<u8>, ExchangeError> {
    make_showing(accepted, key, position, answers, (None, None))
}

/// As [`make`], and shows the giver the receiver's ledger, with the receiver's cosignature on the giver's checkpoint.
///
/// # Errors
/// As [`make`].
pub fn make_showing(
    accepted: &Accepted,
    key: &SigningKey,
    position: LedgerPosition,
    answers: Vec<DeconflictionAnswer>,
    (shown, cosignature): (Option<Shown>, Option<String>),
) -> Result<Vec<u8>, ExchangeError> {
    let header = accepted.header();
    let receipt = Receipt {
        schema: SCHEMA.into(),
        release: header.release.clone(),
        payload: accepted.digest(),
        agreement: accepted.ruling().source.agreement().cloned(),
        version: accepted.ruling().source.version(),
        from: header.from.clone(),
        by: header.to.clone(),
        member: header.member.clone(),
        received: accepted.ruling().ruled,
        erase_by: accepted.erase_by(),
        ledger: position,
        shown,
        cosignature,
        answers,
    };
    let text = serde_json::to_vec(&receipt).map_err(|e| refused(&e.to_string()))?;
    let bytes = dsse::sign(PAYLOAD_TYPE, &text, key).map_err(|e| refused(&e.to_string()))?.to_json();
    if bytes.len() > MAX_RECEIPT { Err(refused("it would be larger than 8 MiB")) } else { Ok(bytes) }
}

/// Reads a receipt that one of `keys` (key id and key of the receiver's nodes) signed. Every byte counts: there is one
/// spelling. Ask [`Receipt::fits`] next.
///
/// # Errors
/// CMT-0930 for what is no receipt, CMT-0925 when none of the keys signed it.
pub fn verify(bytes: &[u8], keys: &[(String, VerifyingKey)]) -> Result<Receipt, ExchangeError> {
    if bytes.len() > MAX_RECEIPT {
        return Err(refused("it is larger than 8 MiB"));
    }
    let envelope = Envelope::from_canonical_json(bytes).map_err(|e| refused(&e.to_string()))?;
    let payload = dsse::verify(&envelope, PAYLOAD_TYPE, keys)
        .map_err(|e| ExchangeError::Signature { what: "the receipt".into(), why: e.to_string() })?;
    read(payload)
}

/// Who a receipt says it is by and for which release, NOT verified: to find the keys to [`verify`] it with.
///
/// # Errors
/// CMT-0930 for what is no receipt.
pub fn unverified(bytes: &[u8]) -> Result<Receipt, ExchangeError> {
    if bytes.len() > MAX_RECEIPT {
        return Err(refused("it is larger than 8 MiB"));
    }
    let envelope = Envelope::from_canonical_json(bytes).map_err(|e| refused(&e.to_string()))?;
    read(envelope.unverified_payload())
}

fn read(payload: &[u8]) -> Result<Receipt, ExchangeError> {
    let receipt: Receipt =
        serde_json::from_slice(payload).map_err(|e| refused(&format!("it does not read ({e})")))?;
    let one_spelling = serde_json::to_vec(&receipt).is_ok_and(|text| text == payload);
    if receipt.schema != SCHEMA || !one_spelling {
        return Err(refused("it is not `comity.receipt/1` in its one spelling"));
    }
    Ok(receipt)
}

fn refused(why: &str) -> ExchangeError {
    ExchangeError::Receipt { why: why.into() }
}
