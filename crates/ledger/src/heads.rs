//! What another node's ledger has shown here, and whether what it shows next continues it.
//!
//! Here: what a node says of its own ledger beside each message ([`Shown`]), what is remembered of it ([`Remembered`]),
//! and the judgement on the next message ([`judge`]). A two-faced node is found at its next message: it said, signed,
//! another root for a size that is remembered, or it shrank between two messages, or it offers a proof that does not hold.
//! Elsewhere: whose signature carries a [`Shown`] (`exchange`), where heads are kept and who lifts an alarm (`comity`).
//! Bounds: 64 earlier heads beside a checkpoint, each with at most 64 hashes; 4,096 heads are remembered of one ledger.

use crate::{Head, LedgerError, checkpoint::SignedHead, proof, proof::MAX_HASHES};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::{Digest, Timestamp};

/// Schema of [`Shown`].
pub const SCHEMA: &str = "comity.ledger-shown/1";
/// Most earlier heads that a message joins to its checkpoint.
pub const MAX_EARLIER: usize = 64;
/// Most heads that are remembered of one ledger.
pub const MAX_REMEMBERED: usize = 4096;

/// A head that was shown to the same reader before, with the proof that the present one continues it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// Its number of leaves.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// The consistency proof from it to the present head (RFC 6962 section 2.1.2); empty for the same size.
    pub proof: Vec<Digest>,
}

/// What a node says of its own ledger beside a message. Its signature is the message's: what it says here it cannot
/// take back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Always `comity.ledger-shown/1`.
    pub schema: String,
    /// When, by the node's clock, read before the head was: of two messages the later one never shows less.
    pub at: Timestamp,
    /// The checkpoint as published (C2SP tlog-checkpoint), with the cosignatures it has.
    pub checkpoint: String,
    /// Heads that this reader was shown before.
    pub earlier: Vec<Earlier>,
    /// The largest size of the reader's own ledger that this node has heard of; what was shown before need not be
    /// joined again.
    pub heard: u64,
}

impl Shown {
    /// A checkpoint, joined to the heads shown before.
    pub fn new(at: Timestamp, checkpoint: String, earlier: Vec<Earlier>, heard: u64) -> Self {
        Self { schema: SCHEMA.into(), at, checkpoint, earlier, heard }
    }

    /// Refuses what is over a bound or of another schema.
    ///
    /// # Errors
    /// CMT-0323.
    pub fn check_bounds(&self) -> Result<(), LedgerError> {
        let bad = |why: &str| Err(LedgerError::Shown(why.into()));
        if self.schema != SCHEMA {
            return bad("it is of another schema");
        }
        if self.earlier.len() > MAX_EARLIER || self.earlier.iter().any(|e| e.proof.len() > MAX_HASHES) {
            return bad("it is larger than any message needs");
        }
        Ok(())
    }
}

/// What is remembered of one ledger: heads of it that were signed or joined by proof, and when the largest was shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Roots by size.
    pub roots: BTreeMap<u64, Digest>,
    /// The latest time, by the other node's clock, at which it showed the largest.
    pub at: Option<Timestamp>,
}

/// How a head that is shown stands to what is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It continues what is remembered, or nothing was. The sizes and roots to remember from now on, the head's among them.
    Continues(Vec<(u64, Digest)>),
    /// It is an earlier head of the same history: a message that was overtaken.
    Overtaken,
    /// Two histories. What is remembered and what was shown prove it together: accept nothing more.
    Forked(String),
    /// The message joins neither the remembered heads nor contradicts them: take nothing from it, ask for another.
    NotShown(String),
}

/// Judges what a node shows of its ledger. `signed` is the opened checkpoint of `shown`.
///
/// # Errors
/// CMT-0323 for more than a message may hold.
pub fn judge(remembered: &Remembered, shown: &Shown, signed: &SignedHead) -> Result<Judgement, LedgerError> {
    shown.check_bounds()?;
    let head = signed.head();
    if let Some(why) = contradiction(remembered, shown, head) {
        return Ok(Judgement::Forked(why));
    }
    let Some((&size, _)) = remembered.roots.last_key_value() else {
        return Ok(joined(shown, head));
    };
    if head.size < size {
        return Ok(if remembered.roots.contains_key(&head.size) {
            Judgement::Overtaken
        } else {
            Judgement::NotShown(format!(
                "it shows {} leaves, {size} were seen, and nothing joins the two",
                head.size
            ))
        });
    }
    if head.size > size && size > 0 && !shown.earlier.iter().any(|e| e.size == size) {
        let why = format!("it shows {} leaves and no proof that they continue the {size} seen", head.size);
        return Ok(Judgement::NotShown(why));
    }
    Ok(joined(shown, head))
}

/// Two roots for one size, or fewer leaves later.
fn contradiction(remembered: &Remembered, shown: &Shown, head: &Head) -> Option<String> {
    let said = std::iter::once((head.size, head.root)).chain(shown.earlier.iter().map(|e| (e.size, e.root)));
    for (size, root) in said {
        if let Some(known) = remembered.roots.get(&size).filter(|known| **known != root) {
            return Some(format!("two roots for {size} leaves: {known} and {root}"));
        }
    }
    let (&size, _) = remembered.roots.last_key_value()?;
    (head.size < size && remembered.at.is_some_and(|at| shown.at > at))
        .then(|| format!("it had {size} leaves and later shows {}", head.size))
}

/// The heads that the message joins to its checkpoint. An honest node checks each proof before it sends it.
fn joined(shown: &Shown, head: &Head) -> Judgement {
    let mut out = vec![(head.size, head.root)];
    for earlier in &shown.earlier {
        let old = Head { origin: head.origin.clone(), size: earlier.size, root: earlier.root };
        if earlier.size > head.size || proof::check_consistency(&old, head, &earlier.proof).is_err() {
            let why = format!(
                "it signed that {} leaves continue {} and gives a proof that does not hold",
                head.size, earlier.size
            );
            return Judgement::Forked(why);
        }
        out.push((earlier.size, earlier.root));
    }
    out.sort_unstable();
    out.dedup();
    Judgement::Continues(out)
}
