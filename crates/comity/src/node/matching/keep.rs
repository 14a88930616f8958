//! What of a session stays: its record, its count under the caps, its leaves; all of it durable before a bundle is handed
//! out.
//!
//! Elsewhere: the steps (`ask`, `answer`, `finish`).

use super::super::share::{KeptRelease, outgoing};
use super::super::{Act, Why};
use super::{KeptMatch, Node, NodeError, count, counted_as, repeated};
use crate::store::Batch;
use crate::store::crossings::{self, Crossing};
use crate::store::custody::CustodyRow;
use crate::store::exhibits::Exhibit;
use crate::store::leaves::NewLeaf;
use crate::store::records::{self, Record};
use agreement::{Permit, Request};
use exchange::{Payload, Signer};
use ledger::statement::{PredicateType, Statement};
use privacy::psi::Protocol;
use std::collections::BTreeMap;
use terms::{CaseId, ExhibitId, PartnerId, ReleaseId, Timestamp};
use uuid::Uuid;

/// Whose sessions are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Those that this home asked.
    Asker,
    /// Those that this home answered.
    Holder,
}

/// A step that was allowed: what is sealed, signed and kept.
pub(super) struct Permitted<'a> {
    pub payload: &'a Payload,
    pub bytes: Vec<u8>,
    pub permit: Permit,
    pub ruled: serde_json::Value,
    pub request: Request,
}

/// What else belongs to a session's transaction.
pub(super) struct Keep {
    pub session: String,
    pub status: &'static str,
    pub kept: KeptMatch,
    pub more: Vec<Own>,
}

/// An exhibit that was sealed for a session: its row and its custody go into the session's transaction.
pub(super) struct Own {
    pub id: ExhibitId,
    pub row: Exhibit,
    pub custody: CustodyRow<serde_json::Value>,
    pub leaf: NewLeaf,
}

impl Own {
    pub fn into_batch(self, batch: &mut Batch) {
        batch.exhibits.push(self.row);
        batch.custody.push(self.custody);
        batch.leaves.push(self.leaf);
    }
}

impl Node {
    /// Seals an exhibit of our own for a session.
    pub(super) async fn seal_for_match(
        &self,
        bytes: &[u8],
        name: &str,
        now: Timestamp,
    ) -> Result<Own, NodeError> {
        let sealed = self.vault.seal_bytes(bytes).await?;
        let row = outgoing(sealed.id, sealed.commitment, count(bytes.len()), name.to_owned(), now);
        let event = self.event(vec![sealed.commitment], Act::Seal, Why::House(name.to_owned()), false);
        let (custody, leaf) = self.custody(sealed.id, &event)?;
        Ok(Own { id: sealed.id, row, custody, leaf })
    }

    /// Releases a step. The session, its count under the caps and its leaves are durable, and the ledger follows, before
    /// the bundle is handed out.
    pub(super) async fn release_match(
        &self,
        step: Permitted<'_>,
        keep: Keep,
        now: Timestamp,
    ) -> Result<Vec<u8>, NodeError> {
        let Permitted { payload, bytes, permit, ruled, request } = step;
        let sealed = self.vault.seal_bytes(&bytes).await?;
        let name = format!("match {}", keep.session);
        let row = outgoing(sealed.id, sealed.commitment, count(bytes.len()), name, now);
        let recipient = self.sealing_of(&payload.to).await?;
        let delegation = self.own_delegation().await?;
        let id = ReleaseId::new(&Uuid::now_v7().to_string())?;
        let clauses: Vec<String> = permit.clauses().iter().map(ToString::to_string).collect();
        let signer = Signer { key: &self.keys.node, delegation: &delegation };
        let released = exchange::release(permit, &bytes, id.clone(), signer, &recipient, now)?;
        let header = &released.record.header;
        let leaf = |kind, predicate| -> Result<NewLeaf, NodeError> {
            Ok(NewLeaf::new(Statement::new(vec![sealed.commitment], kind, predicate)?.sign(&self.keys.node)?))
        };
        let release = serde_json::json!({
            "schema": "comity.release-leaf/1", "release": header.release, "from": header.from, "to": header.to,
            "member": header.member, "purpose": header.purpose, "agreement": header.agreement, "clauses": header.clauses,
            "released": header.released,
        });
        let said = leaf(PredicateType::Release, match_leaf(&keep, &payload.to, &clauses))?;
        let event = self.event(vec![sealed.commitment], Act::Release, Why::Clauses(clauses.clone()), false);
        let (custody, custody_leaf) = self.custody(sealed.id, &event)?;
        let Keep { session, status, mut kept, more } = keep;
        kept.payload = sealed.id;
        let mut batch = Batch {
            exhibits: vec![row],
            custody: vec![custody],
            leaves: vec![
                leaf(PredicateType::Ruling, ruled)?,
                leaf(PredicateType::Release, release)?,
                said,
                custody_leaf,
            ],
            ..Batch::default()
        };
        more.into_iter().for_each(|own| own.into_batch(&mut batch));
        let crossing = Crossing {
            release: counted_as(&session),
            clauses,
            case: request.case.clone(),
            records: request.records,
            at: now,
        };
        let record = Record {
            id: header.release.to_string(),
            belongs: payload.to.to_string(),
            status: "released".into(),
            at: now,
            until: header.erase_by,
            body: KeptRelease {
                record: released.record.clone(),
                exhibit: sealed.id,
                erase_by: header.erase_by,
                items: Vec::new(),
                proof_days: None,
                compelled: None,
            },
        };
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        records::RELEASES.put(&mut tx, &record).await?;
        crossings::add(&mut tx, &crossing).await?;
        let session = Record {
            id: session,
            belongs: payload.to.to_string(),
            status: status.into(),
            at: now,
            until: None,
            body: kept,
        };
        if !records::MATCHES.add(&mut tx, &session).await? {
            return Err(repeated(&session.id));
        }
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(released.bundle)
    }

    pub(super) async fn kept_match(&self, session: &str) -> Result<Option<Record<KeptMatch>>, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(records::MATCHES.get(&mut conn, session).await?)
    }

    /// The most that earlier sessions of a case with a partner revealed, of those this home asked or of those it answered;
    /// each set counts at most once over, and a session that was finished here counts what it found.
    pub(super) async fn revealed(
        &self,
        partner: &PartnerId,
        case: &CaseId,
        side: Side,
    ) -> Result<Bounds, NodeError> {
        let mut conn = self.state.read().await?;
        let all: Vec<Record<KeptMatch>> = records::MATCHES.of(&mut conn, partner.as_str()).await?;
        let mut bounds = Bounds::default();
        for Record { status, body: kept, .. } in all.into_iter().filter(|r| r.body.case == *case) {
            match (side, status.as_str()) {
                (Side::Asker, "asked") => bounds.add(&kept.commitment, kept.reveal, 0),
                (Side::Asker, "finished") if kept.protocol != Protocol::SizeOnly.word() => {
                    bounds.add(&kept.commitment, kept.hits.unwrap_or(kept.reveal), 0);
                }
                (Side::Holder, "answered") => {
                    bounds.add(kept.against.as_deref().unwrap_or(&kept.commitment), kept.reveal, kept.holds);
                }
                _ => {}
            }
        }
        Ok(bounds)
    }
}

/// What was revealed at most, by set.
#[derive(Debug, Default)]
pub(super) struct Bounds(BTreeMap<String, (u64, u64)>);

impl Bounds {
    pub fn add(&mut self, set: &str, reveal: u64, holds: u64) {
        let entry = self.0.entry(set.to_owned()).or_insert((0, holds));
        entry.0 = entry.0.saturating_add(reveal);
    }
    /// How many in all. A set has no more to tell than its items, however often it is asked.
    pub fn sum(&self) -> u64 {
        self.0.values().map(|(told, holds)| if *holds == 0 { *told } else { (*told).min(*holds) }).sum()
    }
}

/// What the ledger says of a session: partner, case, sizes, commitment, clauses, hits; never an item.
fn match_leaf(keep: &Keep, partner: &PartnerId, clauses: &[String]) -> serde_json::Value {
    let kept = &keep.kept;
    serde_json::json!({
        "schema": "comity.match-leaf/1", "session": keep.session, "step": keep.status, "partner": partner,
        "case": kept.case, "protocol": kept.protocol, "kind": kept.kind, "set": kept.set, "holds": kept.holds,
        "reveal": kept.reveal, "commitment": kept.commitment, "clauses": clauses, "hits": kept.hits,
    })
}
