//! Answering: the question is taken in and ruled on again, the set prepared or found prepared, the session counted, the
//! answer released.

use super::ask::drawn;
use super::keep::Side;
use super::{
    Keep, KeptMatch, Matched, Node, NodeError, Permitted, count, read_items, repeated, unread_lines,
};
use crate::store::Batch;
use crate::store::records::{self, Record};
use agreement::Matching;
use exchange::matching::{Match, Step};
use privacy::psi::{Items, Kind, Protocol, Question, quietly, reveal, size_only};
use privacy::{Key, Period};
use serde::{Deserialize, Serialize};
use terms::{AgreementId, Digest, ExhibitId, Timestamp};

/// The largest prepared set, in bytes.
const MOST_PREPARED: u64 = 64 << 20;

/// A set that was prepared (`comity.prepared/1`): a filter over pseudorandom values, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Prepared {
    schema: String,
    exhibit: ExhibitId,
    items: u64,
}

impl Node {
    /// Answers a partner's question against the items in `against`, one a line. With `dry` only says what the ruling is.
    /// The session counts from here on, also where the answer is lost afterwards.
    ///
    /// # Errors
    /// CMT-09xx for a bundle that does not hold, or that our own copy of the agreement refuses; CMT-1195 a session that
    /// was answered before; CMT-1196 more would be revealed than was asked for; CMT-1126 refused; CMT-123x for a message
    /// that is none.
    pub async fn match_answer(&self, bundle: &[u8], against: &str, dry: bool) -> Result<Matched, NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let received = exchange::open_bundle(bundle, &self.keys.sealing)?;
        let agreements = self.agreements().await?;
        let _counted = self.crossing.lock().await;
        let asked = exchange::asked(&received)?;
        let spent = self.spent(&agreements, &asked, now, "").await?;
        let accepted = exchange::receive(&received, &self.partner, &agreements, spent, now)?;
        let payload = accepted.payload();
        let said = step_of(payload, Step::Question)?;
        if self.kept_match(&said.session).await?.is_some() {
            return Err(repeated(&said.session));
        }
        let (kind, item) = (kind_of(said)?, payload.items.first());
        let question = Question::read(item.map(|i| i.bytes.as_slice()).unwrap_or_default())?;
        if question.commitment().0 != said.commitment.0 || count(question.items()) != said.set {
            let what =
                format!("the question of match `{}` is not the one its asker committed to", said.session);
            return Err(NodeError::NotVerified { what });
        }
        let (items, unread) = read_items(kind, against)?;
        let (protocol, partner) = (question.protocol(), accepted.header().from.clone());
        let (case, holds) = (payload.case.clone().ok_or_else(no_match)?, count(items.len()));
        let most = if protocol == Protocol::SizeOnly { 0 } else { said.set.min(holds) };
        if most > said.reveal && protocol != Protocol::SizeOnly {
            return Err(NodeError::RevealsMore { most, asked: said.reveal });
        }
        // A match is ruled on under an agreement alone: no order compels one.
        let agreement = accepted.header().agreement.clone().ok_or_else(no_match)?;
        let name = self.set_name(&agreement, &items, now);
        let mut bounds = self.revealed(&partner, &case, Side::Holder).await?;
        bounds.add(&name, most, holds);
        let answer = Match { step: Step::Answer, holds, reveal: most, ..said.clone() };
        let categories = item.map(|i| i.categories.clone()).unwrap_or_default();
        let total = Matching { set: said.set, reveal: bounds.sum() };
        // What will be refused is not worked on.
        let empty = self.step(&partner, &categories, payload.purpose, &case, answer.clone(), Vec::new());
        let mut request = empty.request(Digest::of(b"")).after(spent);
        request.matching = Some(total);
        let (permit, _) = self.rule_match(&agreements, &request, dry, now).await?;
        let mut done = Matched {
            schema: "comity.match/1",
            step: "answer",
            session: (!dry).then(|| said.session.clone()),
            partner: partner.clone(),
            case: case.clone(),
            protocol: protocol.word(),
            kind: kind.word(),
            enumerable: kind.enumerable(),
            set: said.set,
            holds: Some(holds),
            reveal: most,
            hits: None,
            matches: Vec::new(),
            commitment: Some(question.commitment().to_string()),
            clauses: permit.clauses().iter().map(ToString::to_string).collect(),
            duties: permit.duties().iter().map(ToString::to_string).collect(),
            unread: unread_lines(&unread),
            bundle: Vec::new(),
        };
        if dry {
            return Ok(done);
        }
        drop(permit);
        let message = match protocol {
            Protocol::SizeOnly => size_only::answer(&drawn().1, &items, &question, &quietly)?,
            _ => {
                let holder = self.holder(protocol, &agreement, &items, &name, now).await?;
                holder.answer(&question, &self.psi_key("nonces", now), &quietly)?
            }
        };
        let payload = self.step(&partner, &categories, payload.purpose, &case, answer, message);
        let bytes = payload.canonical()?;
        let mut request = payload.request(Digest::of(&bytes)).after(spent);
        request.matching = Some(total);
        let (permit, ruled) = self.rule_match(&agreements, &request, false, now).await?;
        let kept = KeptMatch {
            schema: "comity.kept-match/1".into(),
            case,
            protocol: protocol.word().into(),
            kind: kind.word().into(),
            set: said.set,
            holds,
            reveal: most,
            commitment: question.commitment().to_string(),
            against: Some(name),
            payload: ExhibitId::of(b""),
            secret: None,
            hits: None,
        };
        let keep = Keep { session: said.session.clone(), status: "answered", kept, more: Vec::new() };
        let step = Permitted { payload: &payload, bytes, permit, ruled, request };
        done.bundle = self.release_match(step, keep, now).await?;
        Ok(done)
    }

    /// A key of this home for matching, for a label and the month of `now`.
    fn psi_key(&self, label: &str, now: Timestamp) -> Key {
        Key::derive(&self.keys.pseudonym, &format!("psi {label}"), Period::of(now))
    }

    /// What a set is called under one agreement in one month: without the key it tells nothing of the items.
    fn set_name(&self, agreement: &AgreementId, items: &Items, now: Timestamp) -> String {
        let key = self.psi_key(agreement.as_str(), now);
        privacy::Pseudonymiser::new(&key).id(&hex::encode(items.digest()))
    }

    /// The set under its key, from what was prepared before where it is the same set, agreement and month.
    async fn holder(
        &self,
        protocol: Protocol,
        agreement: &AgreementId,
        items: &Items,
        name: &str,
        now: Timestamp,
    ) -> Result<reveal::Holder, NodeError> {
        let key = || reveal::Holder::key(protocol, &self.psi_key(agreement.as_str(), now), name.as_bytes());
        let id = format!("{name}/{}", protocol.word());
        let known: Option<Record<Prepared>> = {
            let mut conn = self.state.read().await?;
            records::PREPARED.get(&mut conn, &id).await?
        };
        if let Some(known) = known
            && let Ok(bytes) = self.vault.read(&known.body.exhibit, MOST_PREPARED).await
        {
            return Ok(reveal::Holder::again(key()?, &bytes)?);
        }
        let holder = reveal::Holder::prepare(key()?, items, &quietly)?;
        let own = self.seal_for_match(&holder.prepared(), "prepared set", now).await?;
        let prepared =
            Prepared { schema: "comity.prepared/1".into(), exhibit: own.id, items: count(holder.items()) };
        let record = Record {
            id,
            belongs: agreement.to_string(),
            status: "ready".into(),
            at: now,
            until: None,
            body: prepared,
        };
        let mut batch = Batch::default();
        own.into_batch(&mut batch);
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        records::PREPARED.put(&mut tx, &record).await?;
        tx.commit().await?;
        Ok(holder)
    }
}

fn no_match() -> NodeError {
    NodeError::First {
        what: "this bundle is not the step of a match that belongs here".into(),
        help: "a question is answered with `comity match --answer`, an answer finished with `--finish`; everything else is taken in with `comity ingest`",
    }
}

/// What a payload declares, if it is this step of a match.
pub(super) fn step_of(payload: &exchange::Payload, step: Step) -> Result<&Match, NodeError> {
    payload.matching.as_ref().filter(|m| m.step == step).ok_or_else(no_match)
}

pub(super) fn kind_of(said: &Match) -> Result<Kind, NodeError> {
    Kind::from_word(&said.kind)
        .ok_or_else(|| NodeError::Value { what: format!("`{}` is no kind of item", said.kind) })
}
