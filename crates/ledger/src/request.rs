//! Asking for a cosignature and giving it, as texts (C2SP tlog-witness, `add-checkpoint`), carried by files.
//!
//! Here: the request (old size, consistency proof, checkpoint), the witness's checks in the order of the specification,
//! the answer (signature lines), and taking an answer in. Elsewhere: what a witness remembers (`comity`), HTTP.
//! Bounds: 63 hashes, 128 KiB of request, 64 KiB of answer.

use crate::{
    Head, LedgerError, NoteKey, NoteSigner,
    checkpoint::{self, MAX_CHECKPOINT},
    proof::{self, read_hash},
    witness::{self, Cosigned},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use terms::{Digest, Timestamp};

/// Most hashes of a request (C2SP tlog-witness).
pub const MAX_HASHES: usize = 63;
/// Largest request in bytes that is read.
pub const MAX_REQUEST: usize = 128 << 10;

/// A request for a cosignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The size that the witness cosigned last; 0 where it never did.
    pub old: u64,
    /// The consistency proof from that size.
    pub proof: Vec<Digest>,
    /// The checkpoint to cosign.
    pub checkpoint: Vec<u8>,
}

impl Request {
    /// The text of the request.
    pub fn to_text(&self) -> Vec<u8> {
        let mut out = format!("old {}\n", self.old);
        for hash in &self.proof {
            out.push_str(&STANDARD.encode(hash.0));
            out.push('\n');
        }
        out.push('\n');
        [out.as_bytes(), &self.checkpoint].concat()
    }

    /// Reads a request. What reads has one spelling.
    ///
    /// # Errors
    /// CMT-0322 for anything that [`to_text`](Self::to_text) would not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        let bad = || LedgerError::Request("it is not an add-checkpoint text".into());
        if bytes.len() > MAX_REQUEST {
            return Err(LedgerError::Request("it is above 128 KiB".into()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(bad)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|l| l.strip_prefix("old ")?.parse().ok()).ok_or_else(bad)?;
        let proof = lines.map(read_hash).collect::<Option<Vec<_>>>().ok_or_else(bad)?;
        let request = Self { old, proof, checkpoint: checkpoint.as_bytes().to_vec() };
        if request.proof.len() > MAX_HASHES || request.to_text() != bytes {
            return Err(bad());
        }
        Ok(request)
    }

    /// The origin that the checkpoint names, NOT verified: to find the keys to check it with.
    pub fn origin(&self) -> Option<&str> {
        std::str::from_utf8(&self.checkpoint).ok()?.split('\n').next()
    }
}

/// Answers a request as a witness that cosigned `seen` last: the signature line, and the head to remember. Keep it
/// durable before the line is handed out, and let nobody else answer in between.
///
/// # Errors
/// CMT-0309 to CMT-0311 for the checkpoint; CMT-0322 when its old size is above its own; CMT-0324 when the old size is
/// not the one cosigned last; CMT-0317 for the proof; CMT-0318 when the log forked or shrank: keep the request.
pub fn answer(
    request: &Request,
    origin: &str,
    log_keys: &[NoteKey],
    seen: Option<&Head>,
    signer: &NoteSigner,
    now: Timestamp,
) -> Result<(Vec<u8>, Head), LedgerError> {
    let signed = checkpoint::open(&request.checkpoint, origin, log_keys)?;
    let head = signed.head();
    let size = seen.map_or(0, |h| h.size);
    // Before the old size: an equal size with another root, or fewer leaves, is a fork whatever the request says.
    if let Some(old) = seen {
        witness::forked(old, head)?;
    }
    if request.old > head.size {
        return Err(LedgerError::Request("its old size is above its checkpoint's".into()));
    }
    if request.old != size {
        return Err(LedgerError::OtherSize { origin: origin.to_owned(), asked: request.old, seen: size });
    }
    match seen {
        Some(old) => witness::continues(old, head, &request.proof)?,
        None if request.proof.is_empty() => {}
        None => return Err(LedgerError::Proof("nothing was seen before: no proof is needed".into())),
    }
    Ok((witness::line(&signed, signer, now)?, head.clone()))
}

/// Adds the cosignatures of `witnesses` among the signature lines of an answer to a checkpoint; those of others are left
/// out (C2SP tlog-witness: the client must ignore them). Returns the checkpoint and who cosigned it now.
///
/// # Errors
/// CMT-0309 to CMT-0311 for the checkpoint or a line that names a witness and does not fit; CMT-0322 for an answer that
/// holds no line of any of `witnesses`.
pub fn add(
    bytes: &[u8],
    answer: &[u8],
    origin: &str,
    log_keys: &[NoteKey],
    witnesses: &[NoteKey],
) -> Result<(Vec<u8>, Vec<Cosigned>), LedgerError> {
    if answer.len() > MAX_CHECKPOINT || answer.last() != Some(&b'\n') {
        return Err(LedgerError::Request("the answer is no list of signature lines".into()));
    }
    let mut out = bytes.to_vec();
    let mut added = 0;
    for line in answer.split_inclusive(|b| *b == b'\n') {
        if witness::names_one(line, witnesses) {
            out = witness::replace_line(&out, line)?;
            added += 1;
        }
    }
    if added == 0 {
        return Err(LedgerError::Request("no line of the answer is of a known witness".into()));
    }
    let signed = checkpoint::open(&out, origin, log_keys)?;
    let cosigned = witness::cosignatures(&signed, witnesses)?;
    Ok((out, cosigned))
}

/// The request that a log makes of a witness that cosigned `seen` last.
///
/// # Errors
/// CMT-0309 to CMT-0311 for the own checkpoint; as [`proof::prove_consistency`].
pub fn ask(
    read: &crate::Read<'_>,
    checkpoint: Vec<u8>,
    origin: &str,
    log_keys: &[NoteKey],
    seen: Option<&Head>,
) -> Result<Request, LedgerError> {
    let signed = checkpoint::open(&checkpoint, origin, log_keys)?;
    let proof = seen.map(|old| proof::prove_consistency(read, old, signed.head())).transpose()?;
    Ok(Request { old: seen.map_or(0, |h| h.size), proof: proof.unwrap_or_default(), checkpoint })
}
