//! Witnesses: partners that cosign checkpoints (C2SP tlog-cosignature, `cosignature/v1`).
//!
//! Here: cosigning after a consistency check, checking k of n, finding a fork. Elsewhere: who witnesses whom
//! (`agreement`), how checkpoints travel (`exchange`).

use crate::{
    Head, LedgerError, NoteKey, NoteSigner,
    checkpoint::{self, SignedHead},
    proof,
};
use terms::{Digest, Timestamp};

const ALG_COSIGNATURE: u8 = 4;

/// A witness's cosignature that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The witness's name.
    pub witness: String,
    /// When it cosigned, by its own clock (whole seconds).
    pub at: Timestamp,
}

/// What a witness remembers of a log: the last head it cosigned. Keep it durable before handing the cosignature out.
pub type Seen = Option<Head>;

/// Cosigns a checkpoint of the log `origin`, when the log signed it and it continues what this witness saw before.
/// Returns the checkpoint with the cosignature line added (a line of the same witness is replaced) and the head to
/// remember. `proof` is the consistency proof from the remembered size; empty when nothing was seen or nothing grew.
///
/// # Errors
/// CMT-0309 to CMT-0311 for the checkpoint, CMT-0317 for the proof, CMT-0318 when the log forked or shrank.
pub fn cosign(
    bytes: &[u8],
    origin: &str,
    log_keys: &[NoteKey],
    seen: &Seen,
    proof: &[Digest],
    signer: &NoteSigner,
    now: Timestamp,
) -> Result<(Vec<u8>, Head), LedgerError> {
    let signed = checkpoint::open(bytes, origin, log_keys)?;
    if let Some(old) = seen {
        continues(old, signed.head(), proof)?;
    }
    let out = replace_line(bytes, &line(&signed, signer, now)?)?;
    Ok((out, signed.head().clone()))
}

/// The cosignature line of a witness on an opened checkpoint, with its final newline.
///
/// # Errors
/// CMT-0320 when the name cannot stand on a line; CMT-0322 for a time before 1970, which `cosignature/v1` cannot carry
/// (and 0 would say that there is no time).
pub(crate) fn line(signed: &SignedHead, signer: &NoteSigner, now: Timestamp) -> Result<Vec<u8>, LedgerError> {
    let seconds = u64::try_from(now.0.div_euclid(terms::MICROS_PER_SECOND)).ok().filter(|s| *s > 0);
    let seconds = seconds.ok_or_else(|| LedgerError::Request("the witness's clock is before 1970".into()))?;
    signer.line(ALG_COSIGNATURE, &seconds.to_be_bytes(), &message(seconds, signed.text()))
}

/// The checkpoint with a signature line added; an earlier line of the same name and key id goes.
pub(crate) fn replace_line(bytes: &[u8], line: &[u8]) -> Result<Vec<u8>, LedgerError> {
    let bad =
        || LedgerError::Checkpoint { file: checkpoint::FILE.into(), why: "it is not a signed note".into() };
    let parsed = |l: &[u8]| signed_note::Signature::from_bytes(l.strip_suffix(b"\n").unwrap_or(l)).ok();
    let new = parsed(line).ok_or_else(bad)?;
    let text = checkpoint::text_length(bytes).ok_or_else(bad)?;
    let (kept, lines) = bytes.split_at_checked(text + 1).ok_or_else(bad)?;
    let mut out = kept.to_vec();
    for old in lines.split_inclusive(|b| *b == b'\n') {
        if !parsed(old).is_some_and(|s| s.name() == new.name() && s.id() == new.id()) {
            out.extend_from_slice(old);
        }
    }
    out.extend_from_slice(line);
    Ok(out)
}

/// Whether a signature line names one of these witnesses, by name and key id.
pub(crate) fn names_one(line: &[u8], witnesses: &[NoteKey]) -> bool {
    let parsed = signed_note::Signature::from_bytes(line.strip_suffix(b"\n").unwrap_or(line));
    parsed.is_ok_and(|s| witnesses.iter().any(|w| w.name() == s.name() && w.id(ALG_COSIGNATURE) == s.id()))
}

/// The cosignatures of `witnesses` on a checkpoint, each at most once, in the order of `witnesses`.
///
/// # Errors
/// CMT-0311 when a line that names one of them is wrong.
pub fn cosignatures(signed: &SignedHead, witnesses: &[NoteKey]) -> Result<Vec<Cosigned>, LedgerError> {
    let mut out = Vec::new();
    for witness in witnesses {
        let id = witness.id(ALG_COSIGNATURE);
        for line in signed.others().iter().filter(|l| l.name() == witness.name() && l.id() == id) {
            let cosigned =
                read(signed, witness, line.signature()).ok_or_else(|| LedgerError::CheckpointSignature {
                    name: witness.name().to_owned(),
                    why: "does not fit".into(),
                })?;
            if !out.iter().any(|c: &Cosigned| c.witness == cosigned.witness) {
                out.push(cosigned);
            }
        }
    }
    Ok(out)
}

/// The cosignatures, when at least `k` of the witnesses made one.
///
/// # Errors
/// As [`cosignatures`], and CMT-0312 naming those missing.
pub fn demand(signed: &SignedHead, witnesses: &[NoteKey], k: usize) -> Result<Vec<Cosigned>, LedgerError> {
    let found = cosignatures(signed, witnesses)?;
    if found.len() < k {
        let missing = witnesses.iter().map(NoteKey::name).filter(|n| found.iter().all(|c| c.witness != *n));
        return Err(LedgerError::TooFewWitnesses {
            demanded: k,
            found: found.len(),
            missing: missing.map(str::to_owned).collect(),
        });
    }
    Ok(found)
}

/// Signature lines that belong to none of `witnesses`: nobody here can check them.
pub(crate) fn unknown(signed: &SignedHead, witnesses: &[NoteKey]) -> Option<String> {
    let known = |l: &signed_note::Signature| {
        witnesses.iter().any(|w| w.name() == l.name() && w.id(ALG_COSIGNATURE) == l.id())
    };
    signed.others().iter().find(|l| !known(l)).map(|l| l.name().to_owned())
}

/// Whether `new` continues `old`: the same log, not smaller, and the proof shows that every old leaf stands.
///
/// # Errors
/// CMT-0310 another log; CMT-0318 a fork (two roots for one size, or fewer leaves than before); CMT-0317 the proof does
/// not hold, which an honest log cannot cause: ask once more, then treat it as a fork.
pub fn continues(old: &Head, new: &Head, proof: &[Digest]) -> Result<(), LedgerError> {
    forked(old, new)?;
    proof::check_consistency(old, new, proof)
}

/// Refuses what no proof can mend: another log, fewer leaves, two roots for one size.
///
/// # Errors
/// CMT-0310, CMT-0318.
pub(crate) fn forked(old: &Head, new: &Head) -> Result<(), LedgerError> {
    if old.origin != new.origin {
        return Err(LedgerError::Origin { expected: old.origin.clone(), found: new.origin.clone() });
    }
    let fork = |why: String| Err(LedgerError::Fork { origin: new.origin.clone(), why });
    if new.size < old.size {
        return fork(format!("it had {} leaves and now shows {}", old.size, new.size));
    }
    if new.size == old.size && new.root != old.root {
        return fork(format!("two roots for {} leaves: {} and {}", old.size, old.root, new.root));
    }
    Ok(())
}

/// How two checkpoints of one log stand to each other, in whatever order they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Both say the same.
    Same,
    /// The proof shows that the larger continues the smaller.
    Continues,
    /// One size with two roots: the log is two-faced.
    Forked,
    /// The proof does not join them. Ask again; if no proof comes, the log is two-faced.
    NotShown,
}

/// Compares two opened checkpoints of one log; `proof` is the consistency proof from the smaller to the larger.
///
/// # Errors
/// CMT-0310 when they are of different logs.
pub fn compare(a: &SignedHead, b: &SignedHead, proof: &[Digest]) -> Result<Relation, LedgerError> {
    let (old, new) = if a.head().size <= b.head().size { (a.head(), b.head()) } else { (b.head(), a.head()) };
    match continues(old, new, proof) {
        Ok(()) if old.size == new.size => Ok(Relation::Same),
        Ok(()) => Ok(Relation::Continues),
        Err(LedgerError::Fork { .. }) => Ok(Relation::Forked),
        Err(LedgerError::Proof(_)) => Ok(Relation::NotShown),
        Err(other) => Err(other),
    }
}

fn message(seconds: u64, text: &[u8]) -> Vec<u8> {
    let mut out = format!("cosignature/v1\ntime {seconds}\n").into_bytes();
    out.extend_from_slice(text);
    out
}

fn read(signed: &SignedHead, witness: &NoteKey, bytes: &[u8]) -> Option<Cosigned> {
    let (seconds, signature) = bytes.split_first_chunk::<8>()?;
    let seconds = u64::from_be_bytes(*seconds);
    // 0 would say that the witness states no time (C2SP tlog-cosignature); Ed25519 cosignatures state one.
    if seconds == 0 {
        return None;
    }
    let at = i64::try_from(seconds).ok()?.checked_mul(terms::MICROS_PER_SECOND)?;
    witness
        .fits(&message(seconds, signed.text()), signature)
        .then(|| Cosigned { witness: witness.name().to_owned(), at: Timestamp(at) })
}
