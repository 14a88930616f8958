//! Asking: items are read, ruled on, blinded, committed to, released.

use super::keep::Side;
use super::{
    Keep, KeptMatch, MatchWish, Matched, Node, NodeError, Permitted, count, read_items, unread_lines,
};
use agreement::{Act as Asked, Matching, Request};
use exchange::matching::{Match, Step};
use privacy::Key;
use privacy::psi::{Items, Protocol, PsiError, Question, quietly, reveal, size_only};
use rand_core::{OsRng, RngCore as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{Digest, ExhibitId, Protection};
use threat::CaseState;
use uuid::Uuid;
use zeroize::Zeroizing;

/// What an asker must keep until the answer comes, sealed (`comity.match-secret/1`).
#[derive(Serialize, Deserialize)]
pub(super) struct Secret {
    pub schema: String,
    /// 64 hexadecimal digits.
    pub secret: String,
    pub items: String,
}

impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

/// 32 fresh bytes and the key they are.
pub(super) fn drawn() -> (Zeroizing<[u8; 32]>, Key) {
    let mut bytes = Zeroizing::new([0u8; 32]);
    OsRng.fill_bytes(bytes.as_mut_slice());
    (bytes.clone(), Key::new(bytes))
}

fn question(protocol: Protocol, secret: &Key, items: &Items) -> Result<Question, PsiError> {
    match protocol {
        Protocol::SizeOnly => size_only::Asker::new(secret, items).question(&quietly),
        _ => reveal::Asker::new(protocol, secret, items)?.question(&quietly),
    }
}

impl Node {
    /// Asks a partner. With `dry` only says what the ruling is. A refusal is an error with the clause, and on the ledger.
    ///
    /// # Errors
    /// CMT-1123 no such case, CMT-1130 a case that is closed, CMT-1232 no items or too many, CMT-1238 too few for their
    /// number to be told, CMT-1126 refused.
    pub async fn match_ask(&self, wish: &MatchWish, dry: bool) -> Result<Matched, NodeError> {
        let _counted = self.crossing.lock().await;
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let agreements = self.agreements().await?;
        if self.case_show(wish.case.as_str()).await?.state != CaseState::Open {
            return Err(NodeError::First {
                what: format!("case `{}` is closed: nothing is matched for it", wish.case),
                help: "open it again with `comity case reopen`, or name another case",
            });
        }
        let (items, unread) = read_items(wish.kind, &wish.items)?;
        let set = count(items.len());
        let most = match wish.protocol {
            Protocol::SizeOnly => 0,
            _ => wish.reveal.unwrap_or(set).min(set),
        };
        let before = self.revealed(&wish.with, &wish.case, Side::Asker).await?.sum();
        // What will be refused is not blinded.
        let asked = self.match_request(wish, set, most.saturating_add(before));
        let spent = self.spent(&agreements, &asked, now, "").await?;
        let asked = asked.after(spent);
        let (permit, _) = self.rule_match(&agreements, &asked, dry, now).await?;
        let mut done = Matched {
            schema: "comity.match/1",
            step: "question",
            session: None,
            partner: wish.with.clone(),
            case: wish.case.clone(),
            protocol: wish.protocol.word(),
            kind: wish.kind.word(),
            enumerable: wish.kind.enumerable(),
            set,
            holds: None,
            reveal: most,
            hits: None,
            matches: Vec::new(),
            commitment: None,
            clauses: permit.clauses().iter().map(ToString::to_string).collect(),
            duties: permit.duties().iter().map(ToString::to_string).collect(),
            unread: unread_lines(&unread),
            bundle: Vec::new(),
        };
        if dry {
            return Ok(done);
        }
        drop(permit);
        let (bytes, secret) = drawn();
        let question = question(wish.protocol, &secret, &items)?;
        let commitment = question.commitment();
        let session = Uuid::now_v7().to_string();
        let said = Match {
            session: session.clone(),
            step: Step::Question,
            kind: wish.kind.word().into(),
            set,
            holds: 0,
            reveal: most,
            reason: wish.reason.trim().to_owned(),
            commitment: Digest(commitment.0),
        };
        let categories = BTreeSet::from([wish.category]);
        let payload = self.step(&wish.with, &categories, wish.purpose, &wish.case, said, question.bytes());
        let bytes_of = payload.canonical()?;
        let mut request = payload.request(Digest::of(&bytes_of)).after(spent);
        request.matching = Some(Matching { set, reveal: most.saturating_add(before) });
        let (permit, ruled) = self.rule_match(&agreements, &request, false, now).await?;
        let hidden = Secret {
            schema: "comity.match-secret/1".into(),
            secret: hex::encode(bytes.as_slice()),
            items: wish.items.clone(),
        };
        let hidden = Zeroizing::new(serde_json::to_vec(&hidden).unwrap_or_default());
        let own = self.seal_for_match(&hidden, &format!("asked in match {session}"), now).await?;
        let kept = KeptMatch {
            schema: "comity.kept-match/1".into(),
            case: wish.case.clone(),
            protocol: wish.protocol.word().into(),
            kind: wish.kind.word().into(),
            set,
            holds: 0,
            reveal: most,
            commitment: commitment.to_string(),
            against: None,
            payload: ExhibitId::of(b""),
            secret: Some(own.id),
            hits: None,
        };
        let keep = Keep { session: session.clone(), status: "asked", kept, more: vec![own] };
        let step = Permitted { payload: &payload, bytes: bytes_of, permit, ruled, request };
        done.bundle = self.release_match(step, keep, now).await?;
        (done.session, done.commitment) = (Some(session), Some(commitment.to_string()));
        Ok(done)
    }

    /// What is ruled on: that the holder's items of this category are told to this home, as far as they match.
    fn match_request(&self, wish: &MatchWish, set: u64, reveal: u64) -> Request {
        let mut request = Request::new(
            wish.with.clone(),
            self.partner.clone(),
            Asked::PsiMatch,
            wish.purpose,
            super::HANDLING,
            Digest::of(b""),
        )
        .with(wish.category, Protection::Pseudonym)
        .in_case(wish.case.clone(), wish.reason.clone());
        request.records = set;
        request.matching = Some(Matching { set, reveal });
        request
    }
}
