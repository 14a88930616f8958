//! Finishing: the answer is taken in and ruled on again, the matches are told to the asker, their number to the ledger.

use super::answer::{kind_of, step_of};
use super::ask::Secret;
use super::{KeptMatch, Matched, Node, NodeError, count, counted_as, read_items, repeated};
use crate::store::Batch;
use crate::store::leaves::NewLeaf;
use crate::store::records::{self, Record};
use exchange::matching::Step;
use exchange::{Accepted, Payload};
use ledger::statement::{PredicateType, Statement};
use privacy::Key;
use privacy::psi::{Items, Protocol, Question, quietly, reveal, size_only};
use terms::{CaseId, Timestamp};
use zeroize::Zeroizing;

/// The largest sealed secret of a session, in bytes.
const MOST_SECRET: u64 = 1 << 30;

impl Node {
    /// Finishes a session that this home asked.
    ///
    /// # Errors
    /// CMT-09xx for a bundle that does not hold, or that our own copy of the agreement refuses; CMT-1123 no such session;
    /// CMT-1195 a session that was finished before; CMT-1127 an answer of another partner, or to another question;
    /// CMT-123x for a message that is none or a proof that does not hold.
    pub async fn match_finish(&self, bundle: &[u8]) -> Result<Matched, NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let received = exchange::open_bundle(bundle, &self.keys.sealing)?;
        let agreements = self.agreements().await?;
        let _counted = self.crossing.lock().await;
        let asked = exchange::asked(&received)?;
        // Only a session of our own is looked up, and it counted when it was asked.
        let session = claimed(&received)?;
        let spent = self.spent(&agreements, &asked, now, &counted_as(&session)).await?;
        let accepted = exchange::receive(&received, &self.partner, &agreements, spent, now)?;
        let said = step_of(accepted.payload(), Step::Answer)?;
        let kept = self.kept_match(&said.session).await?.ok_or_else(|| NodeError::Missing {
            what: "match",
            id: said.session.clone(),
            list: "the question's `--json` output, which names its session,",
        })?;
        let case = self.belongs(&accepted, &kept)?;
        let protocol = Protocol::from_word(&kept.body.protocol).ok_or_else(|| NodeError::NotVerified {
            what: format!("match `{}` was kept under no known protocol", kept.id),
        })?;
        let (secret, text) = self.secret_of(&kept).await?;
        let (kind, question) = (kind_of(said)?, self.question_of(&kept).await?);
        let (items, _) = read_items(kind, &text)?;
        let message = accepted.payload().items.first().map(|i| i.bytes.as_slice()).unwrap_or_default();
        let (hits, places, holds) = learnt(protocol, &secret, &items, &question, message)?;
        if holds != said.holds || hits > said.reveal && protocol != Protocol::SizeOnly {
            let what = format!("the answer to match `{}` is not what its sender declared", kept.id);
            return Err(NodeError::NotVerified { what });
        }
        let lines: Vec<&str> = text.lines().collect();
        let matches = places
            .iter()
            .filter_map(|p| items.line(*p).and_then(|l| lines.get(l)).map(|l| l.trim().to_owned()))
            .collect();
        let clauses: Vec<String> = accepted.ruling().clauses.iter().map(ToString::to_string).collect();
        let (mut record, commitment) = (kept, said.commitment.to_string());
        record.body.hits = Some(hits);
        record.body.holds = holds;
        self.keep_finished(&record, &accepted, &clauses, now).await?;
        Ok(Matched {
            schema: "comity.match/1",
            step: "result",
            session: Some(record.id),
            partner: accepted.header().from.clone(),
            case,
            protocol: protocol.word(),
            kind: kind.word(),
            enumerable: kind.enumerable(),
            set: said.set,
            holds: Some(holds),
            reveal: said.reveal,
            hits: Some(hits),
            matches,
            commitment: Some(commitment),
            clauses,
            duties: accepted.duties().iter().map(ToString::to_string).collect(),
            unread: Vec::new(),
            bundle: Vec::new(),
        })
    }

    /// The answer is this session's: asked here, of this partner, not finished, about the elements committed to.
    fn belongs(&self, accepted: &Accepted, kept: &Record<KeptMatch>) -> Result<CaseId, NodeError> {
        if kept.status != "asked" {
            return Err(repeated(&kept.id));
        }
        let said = step_of(accepted.payload(), Step::Answer)?;
        let same = kept.belongs == accepted.header().from.as_str()
            && kept.body.commitment == hex::encode(said.commitment.0)
            && kept.body.set == said.set
            && kept.body.kind == said.kind
            && accepted.payload().case.as_ref() == Some(&kept.body.case);
        if !same {
            let what = format!("the answer is not to the question of match `{}`", kept.id);
            return Err(NodeError::NotVerified { what });
        }
        Ok(kept.body.case.clone())
    }

    async fn secret_of(&self, kept: &Record<KeptMatch>) -> Result<(Key, String), NodeError> {
        let broken = || NodeError::NotVerified { what: format!("what was kept of match `{}`", kept.id) };
        let exhibit = kept.body.secret.ok_or_else(broken)?;
        let bytes = Zeroizing::new(self.vault.read(&exhibit, MOST_SECRET).await?);
        let secret: Secret = serde_json::from_slice(&bytes).map_err(|_| broken())?;
        let mut key = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(secret.secret.as_bytes(), key.as_mut_slice()).map_err(|_| broken())?;
        Ok((Key::new(key), secret.items.clone()))
    }

    async fn question_of(&self, kept: &Record<KeptMatch>) -> Result<Question, NodeError> {
        let most = exchange::payload::MAX_PAYLOAD as u64;
        let payload = Payload::parse(&self.vault.read(&kept.body.payload, most).await?)?;
        Ok(Question::read(payload.items.first().map(|i| i.bytes.as_slice()).unwrap_or_default())?)
    }

    async fn keep_finished(
        &self,
        record: &Record<KeptMatch>,
        accepted: &Accepted,
        clauses: &[String],
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let kept = &record.body;
        let commitment = self.vault.commitment(&kept.payload).await?;
        let predicate = serde_json::json!({
            "schema": "comity.match-leaf/1", "session": record.id, "step": "finished", "partner": record.belongs,
            "case": kept.case, "protocol": kept.protocol, "kind": kept.kind, "set": kept.set, "holds": kept.holds,
            "reveal": kept.reveal, "commitment": kept.commitment, "clauses": clauses, "hits": kept.hits,
            "release": accepted.header().release,
        });
        let leaf =
            Statement::new(vec![commitment], PredicateType::Receipt, predicate)?.sign(&self.keys.node)?;
        let finished = Record { status: "finished".into(), at: now, ..record.clone() };
        let batch = Batch { leaves: vec![NewLeaf::new(leaf)], ..Batch::default() };
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        records::MATCHES.put(&mut tx, &finished).await?;
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(())
    }
}

/// The session that an opened bundle names; nothing of it is verified.
fn claimed(received: &exchange::Received) -> Result<String, NodeError> {
    Ok(exchange::session(received)?.unwrap_or_default())
}

/// How many match, which (by place; none where only the size is told), and how many items the holder has.
fn learnt(
    protocol: Protocol,
    secret: &Key,
    items: &Items,
    question: &Question,
    message: &[u8],
) -> Result<(u64, Vec<usize>, u64), NodeError> {
    if protocol == Protocol::SizeOnly {
        let answer = size_only::Answer::read(message)?;
        let found = size_only::Asker::new(secret, items).finish(question, &answer, &quietly)?;
        return Ok((count(found), Vec::new(), count(answer.holds())));
    }
    let answer = reveal::Answer::read(message)?;
    let places = reveal::Asker::new(protocol, secret, items)?.finish(question, &answer, &quietly)?;
    Ok((count(places.len()), places, count(answer.holds())))
}
