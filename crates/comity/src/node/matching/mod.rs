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
//! Here: what the steps share; what of them stays is in `keep`. Elsewhere: the protocols (`privacy::psi`), the ruling (`agreement`), the bundle (`exchange`).

mod answer;
mod ask;
mod finish;
mod keep;

use super::Node;
use super::error::NodeError;
use super::share::{HANDLING, refused};
use agreement::{Act as Asked, Agreements, Permit, Request, Ruling};
use exchange::matching::{MEDIA_TYPE, Match};
use exchange::{Item, Payload};
use keep::{Keep, Permitted};
use ledger::statement::{PredicateType, Statement};
use privacy::psi::{Items, Kind, Protocol, Unread};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{CaseId, Category, ExhibitId, Label, Obtained, PartnerId, Protection, Purpose, Timestamp};

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
            labels: vec![Label::by_rule("comity.match", 1, category.iter().copied(), self.clock.now())],
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
}

fn repeated(session: &str) -> NodeError {
    NodeError::Repeated { session: session.to_owned() }
}
