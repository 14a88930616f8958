//! Batches of rulings that are kept: verifying each against its leaf, and the proof of what was ruled on one record.
//!
//! Elsewhere: making them (`filter`), the tree (`agreement::Rulings`), the leaf's own proof (`witness`).
//! A proof of a ruling (`comity.ruling-proof/1`) verifies by itself: the record with its ruling is in the tree of the root that a
//! signed leaf states, and that leaf is in the ledger under a signed checkpoint. With the salt it says which record it is.
//! Bounds: one part of a batch in memory at a time; a proof is at most 1 MiB.

use super::error::NodeError;
use super::filter::{KeptBatch, KeptRecords, salt_of};
use super::share::KeptRelease;
use super::verify::Verified;
use super::{Node, origin};
use crate::store::leaves;
use crate::store::records::{self, MOST_PAGE, Record};
use agreement::{RuledRecord, Rulings};
use ed25519_dalek::VerifyingKey;
use ledger::proof::TlogProof;
use ledger::statement::Statement;
use ledger::{LedgerError, NoteKey, dsse, tree};
use serde::{Deserialize, Serialize};
use std::path::Path;
use terms::{Digest, PartnerId};

/// The schema of a proof of a ruling.
pub const RULING_PROOF: &str = "comity.ruling-proof/1";
/// The largest proof that is read.
pub(super) const MOST_PROOF: u64 = 1 << 20;

/// What was ruled on one record, with the proof that it stands on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulingProof {
    /// Always `comity.ruling-proof/1`.
    pub schema: String,
    /// Whose ledger it is.
    pub by: PartnerId,
    /// The batch.
    pub batch: String,
    /// The record's place in the batch, from 0.
    pub index: u64,
    /// How many records the batch has.
    pub records: u64,
    /// The record and what was ruled on it, in the bytes that stand in the batch's tree.
    pub record: String,
    /// The way from the record to the batch's root.
    pub path: Vec<Digest>,
    /// The leaf that states the root: a signed statement.
    pub leaf: String,
    /// The C2SP tlog-proof text of the leaf: index, path, signed checkpoint.
    pub proof: String,
    /// The salt of the record's commitment, where its payload was not erased: with it `HMAC-SHA256(salt, SHA-256(record))` is the
    /// commitment for the very bytes of the record (of a file with lines, its line).
    pub salt: Option<String>,
}

/// What a leaf states of its batch.
#[derive(Deserialize)]
struct Stated {
    records: u64,
    root: Digest,
}

fn stated(leaf: &[u8], keys: &[(String, VerifyingKey)]) -> Result<Stated, LedgerError> {
    let statement = Statement::open(leaf, keys)?;
    let batch = statement.predicate().get("batch").cloned().unwrap_or_default();
    serde_json::from_value(batch).map_err(|e| LedgerError::Statement(format!("it states no batch: {e}")))
}

impl Node {
    /// Every batch: its records give the root that its leaf states.
    pub(super) async fn verify_batches(&self, out: &mut Verified) -> Result<(), NodeError> {
        let key = self.keys.node.verifying_key();
        let ours = [(dsse::keyid(&key), key)];
        let mut after = String::new();
        loop {
            let mut conn = self.state.read().await?;
            let page: Vec<Record<KeptBatch>> = records::BATCHES.page(&mut conn, &after, MOST_PAGE).await?;
            drop(conn);
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.id);
            for batch in &page {
                let told = format!("batch `{}`", batch.id);
                let mut conn = self.state.read().await?;
                let leaf = leaves::find(&mut conn, &batch.id).await?;
                drop(conn);
                let Some(leaf) = leaf else {
                    out.problem("CMT-1199", format!("{told} has no leaf"), "state.db");
                    continue;
                };
                let rulings = self.rulings(batch).await?;
                let root = rulings.as_ref().and_then(|r| Some((r.len(), r.root().ok()?)));
                match stated(&leaf.body, &ours) {
                    Ok(said)
                        if root == Some((said.records, said.root))
                            && (batch.body.records, batch.body.root) == (said.records, said.root) => {}
                    Ok(_) => {
                        let what = format!("the records of {told} do not give the root that its leaf states");
                        out.problem("CMT-1199", what, "state.db");
                    }
                    Err(error) => out.error(&error, "state.db"),
                }
            }
        }
    }

    /// The tree over a kept batch; none where a part of it is not as it was written.
    async fn rulings(&self, batch: &Record<KeptBatch>) -> Result<Option<Rulings>, NodeError> {
        let mut rulings = Rulings::default();
        for number in 0.. {
            let Some(part) = self.part_of(&batch.id, number).await? else { break };
            let Some(records) = part.read(&batch.body.kinds) else { return Ok(None) };
            records.iter().for_each(|r| rulings.push(r));
            if rulings.len() > batch.body.records {
                return Ok(None);
            }
        }
        Ok(Some(rulings))
    }

    async fn part_of(&self, batch: &str, number: u64) -> Result<Option<KeptRecords>, NodeError> {
        let mut conn = self.state.read().await?;
        let found: Option<Record<KeptRecords>> =
            records::BATCH_PARTS.get(&mut conn, &format!("{batch}/{number:06}")).await?;
        Ok(found.map(|r| r.body))
    }

    /// The proof of what was ruled on one record of a batch, which is named by its own id or by its release.
    ///
    /// # Errors
    /// CMT-1123 when there is no such batch or record; CMT-1127 when it is not as it was written; CMT-1130 when no
    /// checkpoint covers its leaf yet.
    pub async fn ruling_proof(&self, of: &str, index: u64) -> Result<RulingProof, NodeError> {
        let batch = self.batch_of(of).await?;
        let missing = |what, id: String| NodeError::Missing { what, id, list: "`comity share --json`" };
        let batch = batch.ok_or_else(|| missing("batch of rulings", of.to_owned()))?;
        let changed = || NodeError::NotVerified {
            what: format!("the records of batch `{}` are not as they were written", batch.id),
        };
        let rulings = self.rulings(&batch).await?.ok_or_else(changed)?;
        if rulings.root()? != batch.body.root {
            return Err(changed());
        }
        let path =
            rulings.prove(index).map_err(|_| missing("record of the batch", format!("{of} {index}")))?;
        let record = self.record_of(&batch, index).await?.ok_or_else(changed)?;
        let leaf = self.leaf_proof(&batch.id).await?;
        let salt = self.vault.disclose_salt(&batch.body.exhibit).await.ok();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(RulingProof {
            schema: RULING_PROOF.into(),
            by: self.partner.clone(),
            batch: batch.id.clone(),
            index,
            records: rulings.len(),
            record: text(record.to_bytes()),
            path,
            leaf: leaf.body,
            proof: leaf.proof,
            salt: salt.map(|s| salt_of(&s, index).to_hex()),
        })
    }

    async fn batch_of(&self, of: &str) -> Result<Option<Record<KeptBatch>>, NodeError> {
        let mut conn = self.state.read().await?;
        if let Some(batch) = records::BATCHES.get(&mut conn, of).await? {
            return Ok(Some(batch));
        }
        let release: Option<Record<KeptRelease>> = records::RELEASES.get(&mut conn, of).await?;
        let Some(release) = release else { return Ok(None) };
        let all = records::BATCHES.of(&mut conn, &release.body.exhibit.to_string()).await?;
        // The same payload may have been ruled on before; the release rests on the last ruling until then.
        Ok(all.into_iter().rfind(|b: &Record<KeptBatch>| b.at <= release.at))
    }

    async fn record_of(
        &self,
        batch: &Record<KeptBatch>,
        index: u64,
    ) -> Result<Option<RuledRecord>, NodeError> {
        let part = super::filter::PART as u64;
        let Some(kept) = self.part_of(&batch.id, index / part).await? else { return Ok(None) };
        let at = usize::try_from(index % part).unwrap_or(usize::MAX);
        Ok(kept.read(&batch.body.kinds).and_then(|all| all.into_iter().nth(at)))
    }

    /// Verifies a proof of a ruling in a file: signed by our node, or by the node of a partner whose ledger it says it is.
    pub(super) async fn verify_ruling_proof(
        &self,
        path: &Path,
        bytes: &[u8],
        claimed: &RulingProof,
    ) -> Result<Verified, NodeError> {
        let mut out = Verified::of("proof of a ruling");
        (out.files, out.bytes) = (1, bytes.len() as u64);
        let keys = if claimed.by == self.partner {
            vec![self.keys.node.verifying_key()]
        } else {
            self.agreements().await?.node_keys(&claimed.by, self.clock.now())
        };
        match checked(claimed, &keys) {
            Ok((record, signer)) => {
                out.signed_by.push(signer);
                out.ruled = Some(record);
            }
            Err(error) => out.error(&error, path.display().to_string()),
        }
        Ok(out)
    }
}

/// What says that it is a proof of a ruling. Nothing of it is verified.
pub(super) fn claimed(bytes: &[u8]) -> Option<RulingProof> {
    let small = bytes.len() as u64 <= MOST_PROOF;
    let read = || serde_json::from_slice::<RulingProof>(bytes).ok();
    read().filter(|p| small && p.schema == RULING_PROOF)
}

/// Checks a proof of a ruling against the node keys of whose ledger it says it is: the record with what was ruled on it,
/// and the id of the key that signed.
///
/// # Errors
/// CMT-0306 what does not read, CMT-0303/0305 a leaf that none of the keys signed, CMT-0309 to CMT-0311 the checkpoint,
/// CMT-0317 a path that does not lead where it should, CMT-0321 a salt that is none.
pub fn checked(proof: &RulingProof, keys: &[VerifyingKey]) -> Result<(RuledRecord, String), LedgerError> {
    let record = RuledRecord::parse(proof.record.as_bytes())?;
    let named: Vec<_> = keys.iter().map(|k| (dsse::keyid(k), *k)).collect();
    let leaf = proof.leaf.as_bytes();
    let said = stated(leaf, &named)?;
    if said.records != proof.records {
        return Err(LedgerError::Statement("its batch has another number of records".into()));
    }
    tree::check(said.root, said.records, proof.index, proof.record.as_bytes(), &proof.path)?;
    let origin = origin(&proof.by);
    let log: Vec<NoteKey> = keys.iter().map(|k| NoteKey::new(&origin, *k)).collect::<Result<_, _>>()?;
    TlogProof::parse(proof.proof.as_bytes())?.check(leaf, &origin, &log)?;
    proof.salt.as_deref().map(ledger::Salt::from_hex).transpose()?;
    let envelope = dsse::Envelope::from_json(leaf)?;
    let signers = dsse::verified_keyids(&envelope, ledger::statement::PAYLOAD_TYPE, &named)?;
    Ok((record, signers.join(", ")))
}
