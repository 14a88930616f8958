//! What this node shows of its ledger beside each message, and what it makes of what others show of theirs.
//!
//! Here: joining our head to those a partner was told of, judging a partner's, cosigning it where a `witness` clause names
//! us, taking cosignatures in, the alarm when a ledger has two faces. Elsewhere: the judgement itself (`ledger::heads`),
//! the messages (`share`, `receive`), asking and answering by files (`witness`).
//! A partner with an open alarm is not heard: nothing of it is taken in until a person says why.
//! The node's one key signs its log and its cosignatures: their names and types differ and so do their key ids (C2SP
//! signed-note, "Verifier keys"); an agreement delegates one node key.

use super::error::NodeError;
use super::{Node, origin};
use crate::store::exhibits::Exhibit;
use crate::store::files::{Disk, Files as _};
use crate::store::heads::{self, Alarm, Cosignature, PartnerHead};
use crate::store::{Batch, commit};
use evidence::custody::{Act as Did, Why};
use ledger::heads::{Earlier, Judgement, Shown, judge};
use ledger::{Head, NoteKey, NoteSigner, checkpoint, proof, request, witness};
use terms::{Compression, ExhibitId, ExhibitKind, Obtained, PartnerId, Timestamp};

/// The name under which a partner cosigns.
pub fn witness_name(partner: &PartnerId) -> String {
    format!("{partner}.comity/witness")
}

impl Node {
    /// Refuses a partner whose ledger showed two faces, until a person has said why.
    ///
    /// # Errors
    /// CMT-1190.
    pub(super) async fn refuse_two_faced(&self, partner: &PartnerId) -> Result<(), NodeError> {
        let mut conn = self.state.read().await?;
        match heads::open_alarm(&mut conn, partner).await? {
            Some(alarm) => Err(two_faced(alarm.partner, alarm.why)),
            None => Ok(()),
        }
    }

    /// What we show a partner of our ledger with a message, noted before it is handed out. `at` was read before.
    ///
    /// # Errors
    /// CMT-1191 when our own ledger does not continue what the partner was told.
    pub(super) async fn show(
        &self,
        partner: &PartnerId,
        message: &str,
        at: Timestamp,
    ) -> Result<Shown, NodeError> {
        let bytes = self.sequencer.checkpoint().await?;
        let name = origin(&self.partner);
        let key = NoteKey::new(&name, self.keys.node.verifying_key())?;
        let now = checkpoint::open(&bytes, &name, &[key])?.head().clone();
        let mut conn = self.state.read().await?;
        let told = heads::told(&mut conn, partner).await?;
        let (_, theirs) = heads::remembered(&mut conn, &origin(partner)).await?;
        drop(conn);
        let earlier = self.joined_heads(partner, told, now.clone()).await?;
        let text = String::from_utf8(bytes).map_err(|e| NodeError::NotVerified { what: e.to_string() })?;
        let mut tx = self.state.begin().await?;
        heads::keep_checkpoint(&mut tx, now.size, now.root, &text, at).await?;
        heads::tell(&mut tx, partner, now.size, message, at).await?;
        tx.commit().await?;
        Ok(Shown::new(at, text, earlier, theirs.first().map_or(0, |h| h.size)))
    }

    /// Each head that was told, with the proof that ours continues it.
    async fn joined_heads(
        &self,
        partner: &PartnerId,
        told: Vec<(u64, terms::Digest)>,
        now: Head,
    ) -> Result<Vec<Earlier>, NodeError> {
        let (folder, partner) = (self.home.ledger(), partner.clone());
        let work = move || {
            let disk = Disk::new(&folder)?;
            let join = |(size, root)| {
                let old = Head { origin: now.origin.clone(), size, root };
                let proof = proof::prove_consistency(&|path| disk.read(path), &old, &now);
                let proof = proof.map_err(|e| NodeError::OwnLedger {
                    partner: partner.clone(),
                    size,
                    why: e.to_string(),
                })?;
                Ok(Earlier { size, root, proof })
            };
            told.into_iter().map(join).collect()
        };
        let ended = tokio::task::spawn_blocking(work).await;
        ended.map_err(|e| NodeError::NotVerified { what: format!("the proving thread ended: {e}") })?
    }

    /// Judges what a partner shows of its ledger with a message; our cosignature line on its checkpoint, where an
    /// agreement names us as its witness. Nothing of the message may be used before this.
    ///
    /// # Errors
    /// CMT-1192 when it shows nothing, CMT-1193 when it does not join what is remembered, CMT-1190 when its ledger has
    /// two faces: then both signed heads are an exhibit, and an alarm stands until a person says why.
    pub(super) async fn hear(
        &self,
        partner: &PartnerId,
        shown: Option<&Shown>,
    ) -> Result<Option<String>, NodeError> {
        let now = self.clock.now();
        let shown = shown.ok_or_else(|| NodeError::NothingShown { partner: partner.clone() })?;
        let (name, keys) = self.log_keys_of(partner).await?;
        let signed = checkpoint::open(shown.checkpoint.as_bytes(), &name, &keys)?;
        let mut conn = self.state.read().await?;
        let (remembered, known) = heads::remembered(&mut conn, &name).await?;
        drop(conn);
        match judge(&remembered, shown, &signed)? {
            Judgement::Continues(joined) => {
                let each = |(size, root)| PartnerHead {
                    partner: partner.clone(),
                    origin: name.clone(),
                    size,
                    root,
                    shown_at: shown.at,
                    heard_at: now,
                    checkpoint: if size == signed.head().size {
                        shown.checkpoint.clone()
                    } else {
                        String::new()
                    },
                };
                let heads: Vec<PartnerHead> = joined.into_iter().map(each).collect();
                let mut tx = self.state.begin().await?;
                heads::remember(&mut tx, &heads).await?;
                heads::confirm(&mut tx, partner, shown.heard).await?;
                tx.commit().await?;
                self.cosign_shown(partner, shown, &name, &keys, now).await
            }
            Judgement::Overtaken => Ok(None),
            Judgement::NotShown(why) => Err(NodeError::NotJoined { partner: partner.clone(), why }),
            Judgement::Forked(why) => {
                self.raise(partner, &why, shown, &known, now).await?;
                Err(two_faced(partner.clone(), why))
            }
        }
    }

    /// A partner's log, by name and the node keys that agreements in force delegate.
    pub(super) async fn log_keys_of(&self, partner: &PartnerId) -> Result<(String, Vec<NoteKey>), NodeError> {
        let name = origin(partner);
        let agreements = self.agreements().await?;
        let keys = agreements.node_keys(partner, self.clock.now()).into_iter();
        let keys = keys.map(|k| NoteKey::new(&name, k)).collect::<Result<Vec<_>, _>>()?;
        Ok((name, keys))
    }

    /// Whether an agreement in force names us as a witness of this partner's ledger.
    pub(super) async fn witnesses(&self, partner: &PartnerId) -> Result<bool, NodeError> {
        let agreements = self.agreements().await?;
        let theirs =
            agreements.in_force(self.clock.now()).filter(|s| s.agreement().parties().contains(&partner));
        Ok(theirs.flat_map(|s| s.agreement().witnesses()).any(|c| c.witnesses.contains(&self.partner)))
    }

    pub(super) fn cosigner(&self) -> Result<NoteSigner, NodeError> {
        Ok(NoteSigner::new(&witness_name(&self.partner), self.keys.node.clone())?)
    }

    /// The line by which we witness a head that continues all we saw, and remember it before.
    async fn cosign_shown(
        &self,
        partner: &PartnerId,
        shown: &Shown,
        name: &str,
        keys: &[NoteKey],
        now: Timestamp,
    ) -> Result<Option<String>, NodeError> {
        if !self.witnesses(partner).await? {
            return Ok(None);
        }
        let bytes = shown.checkpoint.as_bytes();
        let (note, _) = witness::cosign(bytes, name, keys, &None, &[], &self.cosigner()?, now)?;
        let text = String::from_utf8_lossy(&note).into_owned();
        Ok(text.lines().last().map(|line| format!("{line}\n")))
    }

    /// Takes a partner's cosignature on our checkpoint in, that went out with `message`.
    ///
    /// # Errors
    /// CMT-0311 for a line that does not fit.
    pub(super) async fn take_cosignature(
        &self,
        partner: &PartnerId,
        line: &str,
        message: &str,
    ) -> Result<(), NodeError> {
        let mut conn = self.state.read().await?;
        let Some(size) = heads::told_with(&mut conn, partner, message).await? else { return Ok(()) };
        let Some(text) = heads::checkpoint(&mut conn, size).await? else { return Ok(()) };
        drop(conn);
        self.keep_cosignature(partner, size, &text, line).await.map(|_| ())
    }

    pub(super) async fn keep_cosignature(
        &self,
        partner: &PartnerId,
        size: u64,
        checkpoint: &str,
        answer: &str,
    ) -> Result<Cosignature, NodeError> {
        let name = origin(&self.partner);
        let own = [NoteKey::new(&name, self.keys.node.verifying_key())?];
        let witness = witness_name(partner);
        let agreements = self.agreements().await?;
        let keys = agreements.node_keys(partner, self.clock.now()).into_iter();
        let keys = keys.map(|k| NoteKey::new(&witness, k)).collect::<Result<Vec<_>, _>>()?;
        let (note, cosigned) = request::add(checkpoint.as_bytes(), answer.as_bytes(), &name, &own, &keys)?;
        let text = String::from_utf8_lossy(&note).into_owned();
        let (line, at) = match (text.lines().last(), cosigned.last()) {
            (Some(line), Some(cosigned)) => (format!("{line}\n"), cosigned.at),
            _ => return Err(NodeError::NotVerified { what: "the answer holds no cosignature".into() }),
        };
        let kept = Cosignature { size, witness: partner.clone(), at, line };
        let mut tx = self.state.begin().await?;
        heads::cosign(&mut tx, &kept).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Seals both faces as one exhibit and raises the alarm, in one transaction.
    pub(super) async fn raise(
        &self,
        partner: &PartnerId,
        why: &str,
        shown: &Shown,
        known: &[PartnerHead],
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let signed: Vec<&PartnerHead> = known.iter().filter(|h| !h.checkpoint.is_empty()).take(64).collect();
        let proof = serde_json::json!({
            "schema": "comity.two-heads/1", "partner": partner, "why": why, "found": now, "remembered": signed,
            "shown": shown,
        });
        let name = format!("two heads of {partner}");
        let (exhibit, batch) = self.sealed(&proof, name, "a ledger with two faces", now).await?;
        let mut tx = self.state.begin().await?;
        commit::write(&mut tx, &batch, now).await?;
        heads::raise(&mut tx, partner, why, &exhibit.to_string(), now).await?;
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(())
    }

    /// Seals what the house itself wrote; the batch makes it an exhibit with its custody.
    async fn sealed(
        &self,
        text: &serde_json::Value,
        name: String,
        why: &str,
        now: Timestamp,
    ) -> Result<(ExhibitId, Batch), NodeError> {
        let sealed = self.vault.seal_bytes(text.to_string().as_bytes()).await?;
        let event = self.event(vec![sealed.commitment], Did::Seal, Why::House(why.into()), false);
        let (custody, leaf) = self.custody(sealed.id, &event)?;
        let exhibit = Exhibit {
            id: sealed.id,
            kind: ExhibitKind::Text,
            compression: Compression::None,
            size: sealed.size,
            names: vec![name],
            obtained: Obtained::Voluntary,
            sealed_at: now,
            commitment: sealed.commitment,
            derived_from: None,
            erased_at: None,
        };
        let batch =
            Batch { exhibits: vec![exhibit], custody: vec![custody], leaves: vec![leaf], ..Batch::default() };
        Ok((sealed.id, batch))
    }

    /// What a person says of a partner's two faces: from here on it is heard again, and the next head it shows is the
    /// first. What was said is sealed; the ledger holds none of its words.
    ///
    /// # Errors
    /// CMT-1123 when no alarm about this partner is open, CMT-1132 for an empty reason.
    pub async fn answer_alarm(&self, partner: &PartnerId, reason: &str) -> Result<u64, NodeError> {
        if reason.trim().is_empty() {
            return Err(NodeError::Value { what: "say in words why this partner is heard again".into() });
        }
        let now = self.clock.now();
        let text = serde_json::json!({
            "schema": "comity.alarm-answer/1", "partner": partner, "person": self.person, "reason": reason, "at": now,
        });
        let name = format!("why {partner} is heard again");
        let why = "a person says why a ledger had two faces";
        let (_, batch) = self.sealed(&text, name, why, now).await?;
        let mut tx = self.state.begin().await?;
        let answered = heads::answer(&mut tx, partner, &self.person.0, reason, now).await?;
        if answered == 0 {
            return Err(NodeError::Missing {
                what: "open alarm about",
                id: partner.to_string(),
                list: "`comity verify heads`",
            });
        }
        commit::write(&mut tx, &batch, now).await?;
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(answered)
    }

    /// All alarms.
    ///
    /// # Errors
    /// When the state store cannot be asked.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(heads::alarms(&mut conn).await?)
    }
}

fn two_faced(partner: PartnerId, why: String) -> NodeError {
    NodeError::TwoFaced { partner, why }
}
