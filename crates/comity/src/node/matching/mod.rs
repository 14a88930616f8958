//! `match`: private set intersection with a partner, in three steps that cross as sealed bundles.
//!
//! 1. [`Node::match_ask`]: the asker commits to its blinded items on its ledger and releases the question.
//! 2. [`Node::match_answer`]: the holder rules again with its own copy of the agreement and its own odometer, counts the
//!    session, and releases the answer.
//! 3. [`Node::match_finish`]: the asker learns which of its items match, or how many; how many stands on its ledger.
//!
//! What the agreement limits and who holds it: the items asked, by both sides before anything leaves (caps over a case, a
//! month and all sessions count them); the matches revealed, by the holder, which cannot see them and therefore counts the
//! most that an answer can reveal: the smaller of both sets, and over several sessions of a case against one set never
//! more than that set has. A size-only answer reveals none.
//! Here: what the steps share. Elsewhere: the protocols (`privacy::psi`), the ruling (`agreement`), the bundle (`exchange`).

mod answer;
mod ask;
mod finish;

use super::error::NodeError;
use super::share::{HANDLING, KeptRelease, outgoing, refused};
use super::{Act, Node, Why};
use crate::store::Batch;
use crate::store::crossings::{self, Crossing};
use crate::store::custody::CustodyRow;
use crate::store::exhibits::Exhibit;
use crate::store::leaves::NewLeaf;
use crate::store::records::{self, Record};
use agreement::{Act as Asked, Agreements, Permit, Request, Ruling};
use exchange::matching::{MEDIA_TYPE, Match};
use exchange::{Item, Payload, Signer};
use ledger::statement::{PredicateType, Statement};
use privacy::psi::{Items, Kind, Protocol, Unread};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use terms::{CaseId, Category, ExhibitId, Obtained, PartnerId, Protection, Purpose, ReleaseId, Timestamp};
use uuid::Uuid;

/// Most lines that are listed as unreadable.
const MOST_UNREAD: usize = 100;

/// One wish to match.
#[derive(Debug, Clone)]
pub struct MatchWish {
    /// The items, one a line.
    pub items: String,
    /// What they are.
    pub kind: Kind,
    /// Of what category the holder's items are.
    pub category: Category,
    /// With whom.
    pub with: PartnerId,
    /// For which case of this home.
    pub case: CaseId,
    /// Why.
    pub reason: String,
    /// What for.
    pub purpose: Purpose,
    /// What is to be learnt.
    pub protocol: Protocol,
    /// How many matches may be revealed at most; the number of items where none is said.
    pub reveal: Option<u64>,
}

/// What a step of a match did or would do.
#[derive(Debug, Clone, Serialize)]
pub struct Matched {
    /// Always `comity.match/1`.
    pub schema: &'static str,
    /// `question`, `answer` or `result`.
    pub step: &'static str,
    /// The session; none on a dry run.
    pub session: Option<String>,
    /// The other partner.
    pub partner: PartnerId,
    /// The asker's case.
    pub case: CaseId,
    /// `reveal`, `verified` or `size-only`.
    pub protocol: &'static str,
    /// What the items are.
    pub kind: &'static str,
    /// Why the domain can be asked through, where it can.
    pub enumerable: Option<&'static str>,
    /// Items the asker declared.
    pub set: u64,
    /// Items the holder has; not known in a question.
    pub holds: Option<u64>,
    /// How many matches are revealed at most.
    pub reveal: u64,
    /// How many items match; known in a result.
    pub hits: Option<u64>,
    /// The items that match, as the asker's file has them; never on a ledger.
    pub matches: Vec<String>,
    /// What the asker committed to; none on a dry run.
    pub commitment: Option<String>,
    /// The clauses of the permit.
    pub clauses: Vec<String>,
    /// The duties, in words.
    pub duties: Vec<String>,
    /// Lines that are no item of this kind, with the reason; they take no part.
    pub unread: Vec<(usize, String)>,
    /// The sealed bundle; empty in a result and on a dry run.
    #[serde(skip)]
    pub bundle: Vec<u8>,
}

/// What a home keeps of a session (`comity.kept-match/1`). It holds no item.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptMatch {
    /// Always `comity.kept-match/1`.
    pub schema: String,
    /// The asker's case.
    pub case: CaseId,
    /// `reveal`, `verified` or `size-only`.
    pub protocol: String,
    /// What the items are.
    pub kind: String,
    /// Items the asker declared.
    pub set: u64,
    /// Items the holder has; 0 while the asker does not know.
    pub holds: u64,
    /// The most that the answer reveals.
    pub reveal: u64,
    /// What the asker committed to.
    pub commitment: String,
    /// Which of the holder's sets answered: a keyed name, at the holder only.
    pub against: Option<String>,
    /// The payload that was released, sealed.
    pub payload: ExhibitId,
    /// The session's secret and the asked items, sealed; at the asker only.
    pub secret: Option<ExhibitId>,
    /// How many matched; at the asker, once finished.
    pub hits: Option<u64>,
}

fn unread_lines(unread: &[Unread]) -> Vec<(usize, String)> {
    unread.iter().take(MOST_UNREAD).map(|u| (u.line, u.error.to_string())).collect()
}

fn read_items(kind: Kind, text: &str) -> Result<(Items, Vec<Unread>), NodeError> {
    Items::read(kind, text.lines()).map_err(NodeError::from)
}

/// The name under which a session counts.
fn counted_as(session: &str) -> String {
    format!("match-{session}")
}

fn count(n: usize) -> u64 {
    n as u64
}

/// A step that was allowed: what is sealed, signed and kept.
struct Permitted<'a> {
    payload: &'a Payload,
    bytes: Vec<u8>,
    permit: Permit,
    ruled: serde_json::Value,
    request: Request,
}

/// What else belongs to a session's transaction.
struct Keep {
    session: String,
    status: &'static str,
    kept: KeptMatch,
    more: Vec<Own>,
}

/// An exhibit that was sealed for a session: its row and its custody go into the session's transaction.
struct Own {
    id: ExhibitId,
    row: Exhibit,
    custody: CustodyRow<serde_json::Value>,
    leaf: NewLeaf,
}

impl Own {
    fn into_batch(self, batch: &mut Batch) {
        batch.exhibits.push(self.row);
        batch.custody.push(self.custody);
        batch.leaves.push(self.leaf);
    }
}

impl Node {
    /// The payload of one step.
    fn step(
        &self,
        with: &PartnerId,
        category: &BTreeSet<Category>,
        purpose: Purpose,
        case: &CaseId,
        said: Match,
        message: Vec<u8>,
    ) -> Payload {
        let mut payload = Payload::new(self.partner.clone(), with.clone(), purpose, HANDLING);
        payload.act = Asked::PsiMatch;
        payload.case = Some(case.clone());
        payload.items.push(Item {
            name: "match.psi".into(),
            media_type: MEDIA_TYPE.into(),
            categories: category.clone(),
            protection: Protection::Pseudonym,
            obtained: Obtained::Requested,
            records: said.set,
            bytes: message,
        });
        payload.matching = Some(said);
        payload
    }

    /// Rules on a request; a refusal is on the ledger unless this is a dry run.
    async fn rule_match(
        &self,
        agreements: &Agreements,
        request: &Request,
        dry: bool,
        now: Timestamp,
    ) -> Result<(Permit, serde_json::Value), NodeError> {
        let ruling = agreements.rule(request, now);
        let statement = ruling.statement(request, now);
        match ruling {
            Ruling::Permit(permit) => Ok((permit, statement)),
            Ruling::Deny(denial) => {
                if !dry {
                    let text = serde_json::to_vec(request).unwrap_or_default();
                    let sealed = self.vault.seal_bytes(&text).await?;
                    let leaf = Statement::new(vec![sealed.commitment], PredicateType::Ruling, statement)?
                        .sign(&self.keys.node)?;
                    self.note_refusal(sealed.id, sealed.commitment, count(text.len()), leaf, now).await?;
                }
                Err(refused(&denial))
            }
        }
    }

    /// Seals an exhibit of our own for a session.
    async fn seal_for_match(&self, bytes: &[u8], name: &str, now: Timestamp) -> Result<Own, NodeError> {
        let sealed = self.vault.seal_bytes(bytes).await?;
        let row = outgoing(sealed.id, sealed.commitment, count(bytes.len()), name.to_owned(), now);
        let event = self.event(vec![sealed.commitment], Act::Seal, Why::House(name.to_owned()), false);
        let (custody, leaf) = self.custody(sealed.id, &event)?;
        Ok(Own { id: sealed.id, row, custody, leaf })
    }

    /// Releases a step. The session, its count under the caps and its leaves are durable, and the ledger follows, before
    /// the bundle is handed out.
    async fn release_match(
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

    async fn kept_match(&self, session: &str) -> Result<Option<Record<KeptMatch>>, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(records::MATCHES.get(&mut conn, session).await?)
    }

    /// The most that earlier sessions of a case with a partner revealed; each set counts at most once over.
    async fn revealed(&self, partner: &PartnerId, case: &CaseId, status: &str) -> Result<Bounds, NodeError> {
        let mut conn = self.state.read().await?;
        let all: Vec<Record<KeptMatch>> = records::MATCHES.of(&mut conn, partner.as_str()).await?;
        let mut bounds = Bounds::default();
        for kept in all.into_iter().filter(|r| r.status == status && r.body.case == *case).map(|r| r.body) {
            bounds.add(kept.against.as_deref().unwrap_or(&kept.commitment), kept.reveal, kept.holds);
        }
        Ok(bounds)
    }
}

/// What was revealed at most, by set.
#[derive(Debug, Default)]
struct Bounds(BTreeMap<String, (u64, u64)>);

impl Bounds {
    fn add(&mut self, set: &str, reveal: u64, holds: u64) {
        let entry = self.0.entry(set.to_owned()).or_insert((0, holds));
        entry.0 = entry.0.saturating_add(reveal);
    }
    /// A set has no more to tell than its items, however often it is asked.
    fn sum(&self) -> u64 {
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

fn repeated(session: &str) -> NodeError {
    NodeError::Repeated { session: session.to_owned() }
}
