//! Holds: placing, listing and lifting preservation duties on exhibits, on a whole case, or on everything.
//!
//! Here: keeping them and putting each on the ledger. Elsewhere: the rule that a hold beats recall, retention and erasure
//! (`evidence::hold`). A case's hold covers what the case holds at the moment of asking, and what it held when it was placed.

use super::Node;
use super::error::NodeError;
use crate::store::Batch;
use crate::store::custody::CustodyRow;
use crate::store::exhibits;
use crate::store::records::{self, Record};
use evidence::Hold;
use evidence::custody::{Act, Event, Why};
use evidence::hold::Scope;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{ExhibitId, ExhibitKind, PersonId, Role, Timestamp};

/// Exhibits of one leaf: with their commitments it stays within a leaf's bounds.
pub(super) const TOGETHER: usize = 200;
/// Characters of a reason: it stands on the ledger.
const MOST_REASON: usize = 500;

/// A hold as it is kept (`comity.hold/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptHold {
    /// Always `comity.hold/1`.
    pub schema: String,
    /// Its name (`hold-1`).
    pub id: String,
    /// The case, an exhibit's id, or `everything`.
    pub on: String,
    /// The exhibits it was placed on; of a case, those of that day.
    pub exhibits: BTreeSet<ExhibitId>,
    /// The authority, or the reason in words.
    pub ground: String,
    /// Who placed it.
    pub by: PersonId,
    /// When.
    pub placed: Timestamp,
    /// The first instant at which it no longer stands; none: until it is lifted.
    pub until: Option<Timestamp>,
    /// Who lifted it, when, and why.
    pub lifted: Option<(PersonId, Timestamp, String)>,
}

/// Why a hold is placed.
#[derive(Debug, Clone)]
pub enum Ground {
    /// An authority, by its id.
    Authority(String),
    /// A reason in words.
    Reason(String),
}

/// A reason that may stand on the ledger.
pub(super) fn reason(text: &str) -> Result<String, NodeError> {
    let text = text.trim();
    // Letters that show nothing (Hangul fillers) are no words either.
    let seen =
        |c: char| c.is_alphanumeric() && !matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}');
    match text.chars().count() {
        _ if !text.chars().any(seen) => Err(NodeError::Value { what: "no reason is given".into() }),
        n if n > MOST_REASON => {
            Err(NodeError::Value { what: format!("the reason has more than {MOST_REASON} characters") })
        }
        _ => Ok(text.to_owned()),
    }
}

impl Node {
    /// Places a hold on a case, an exhibit (its id, or its first digits), or `everything`.
    ///
    /// # Errors
    /// CMT-1123 for what is not here, CMT-1130 for an authority whose document is not, CMT-1132 for an end that has passed
    /// or an empty reason.
    pub async fn hold(
        &self,
        on: &str,
        until: Option<Timestamp>,
        ground: Ground,
    ) -> Result<KeptHold, NodeError> {
        let now = self.clock.now();
        if until.is_some_and(|u| u <= now) {
            return Err(NodeError::Value { what: "the hold would have ended already".into() });
        }
        let (on, exhibits) = self.held_by(on).await?;
        let (why, ground) = match ground {
            Ground::Authority(id) => (self.authority_here(&id).await?, id),
            Ground::Reason(text) => (Why::House(reason(&text)?), reason(&text)?),
        };
        let mut conn = self.state.read().await?;
        let number = records::HOLDS.count(&mut conn).await? + 1;
        drop(conn);
        let hold = KeptHold {
            schema: "comity.hold/1".into(),
            id: format!("hold-{number}"),
            on,
            exhibits,
            ground,
            by: self.person.clone(),
            placed: now,
            until,
            lifted: None,
        };
        let mut event = self.event(Vec::new(), Act::Hold, why, false);
        event.until = until;
        self.keep_hold(&hold, "stands", event).await?;
        Ok(hold)
    }

    /// Lifts a hold: counsel, the data-protection officer or a case's lead may.
    ///
    /// # Errors
    /// CMT-1123 where there is none of that name, CMT-1180 for another role, CMT-1132 where it was lifted before.
    pub async fn lift(&self, id: &str, why: &str) -> Result<KeptHold, NodeError> {
        self.need_role(
            &self.person,
            &[Role::Counsel, Role::DataProtectionOfficer, Role::CaseLead],
            "lifting a hold",
        )
        .await?;
        let mut conn = self.state.read().await?;
        let found: Option<Record<KeptHold>> = records::HOLDS.get(&mut conn, id).await?;
        drop(conn);
        let missing = || NodeError::Missing { what: "hold", id: id.to_owned(), list: "`comity case holds`" };
        let mut hold = found.ok_or_else(missing)?.body;
        if let Some((person, at, _)) = &hold.lifted {
            return Err(NodeError::Value { what: format!("`{id}` was lifted by {person} at {at} already") });
        }
        let why = reason(why)?;
        hold.lifted = Some((self.person.clone(), self.clock.now(), why.clone()));
        let event = self.event(Vec::new(), Act::Lift, Why::House(why), false);
        self.keep_hold(&hold, "lifted", event).await?;
        Ok(hold)
    }

    /// Every hold that was ever placed, in the order of their names.
    ///
    /// # Errors
    /// When the state store cannot be read.
    pub async fn holds_kept(&self) -> Result<Vec<KeptHold>, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(records::HOLDS.all(&mut conn).await?.into_iter().map(|r| r.body).collect())
    }

    /// The holds that were not lifted, as the rule reads them.
    ///
    /// # Errors
    /// When the state store cannot be read.
    pub async fn holds(&self) -> Result<Vec<Hold>, NodeError> {
        let mut out = Vec::new();
        for kept in self.holds_kept().await?.into_iter().filter(|h| h.lifted.is_none()) {
            let scope = if kept.on == "everything" {
                Scope::Everything
            } else {
                let mut these = kept.exhibits.clone();
                if kept.on.parse::<ExhibitId>().is_err() {
                    these.extend(self.case_show(&kept.on).await?.exhibits);
                }
                Scope::Exhibits(these)
            };
            out.push(Hold { id: kept.id, scope, ground: kept.ground, until: kept.until });
        }
        Ok(out)
    }

    /// The authority of this id as custody's "why": its document (an authority, or an order that compels) is an exhibit of
    /// this home that was not erased. A name alone would let anybody hold back an erasure.
    ///
    /// # Errors
    /// CMT-1130 where no document in this home has that id.
    pub(super) async fn authority_here(&self, id: &str) -> Result<Why, NodeError> {
        let (authorities, _) = super::plan::documents(self).await?;
        let mut here = authorities.iter().any(|a| a.id == id);
        if !here {
            for exhibit in self.exhibits_of(ExhibitKind::Compulsion).await? {
                // One that does not read is nobody's authority.
                here |= self.read_order(&exhibit).await.is_ok_and(|order| order.compulsion.id() == id);
            }
        }
        if here {
            return Ok(Why::Authority(id.to_owned()));
        }
        Err(NodeError::First {
            what: format!("no document in this home is the authority `{id}`"),
            help: "take its document in with `comity ingest FILE`; an act that rests on none says `--reason`",
        })
    }

    async fn held_by(&self, on: &str) -> Result<(String, BTreeSet<ExhibitId>), NodeError> {
        if on == "everything" {
            return Ok((on.to_owned(), BTreeSet::new()));
        }
        if let Ok(case) = self.case_show(on).await {
            return Ok((case.id.to_string(), case.exhibits));
        }
        let id = self.exhibit_named(on).await?;
        Ok((id.to_string(), BTreeSet::from([id])))
    }

    /// An exhibit by its id, or by its first digits (at least six) where exactly one begins so.
    pub(super) async fn exhibit_named(&self, text: &str) -> Result<ExhibitId, NodeError> {
        let missing = || NodeError::Missing {
            what: "exhibit",
            id: text.to_owned(),
            list: "`comity case show CASE --json`",
        };
        let mut conn = self.state.read().await?;
        if let Ok(id) = text.parse::<ExhibitId>() {
            return exhibits::find(&mut conn, &id).await?.map(|e| e.id).ok_or_else(missing);
        }
        let digits = text.len() >= 6 && text.len() < 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let first: Option<ExhibitId> = format!("{:0<64}", text.to_ascii_lowercase()).parse().ok();
        let Some(first) = first.filter(|_| digits) else { return Err(missing()) };
        let mut found: Vec<ExhibitId> =
            exhibits::find(&mut conn, &first).await?.map(|e| e.id).into_iter().collect();
        found.extend(exhibits::page(&mut conn, Some(&first), 2).await?.into_iter().map(|e| e.id));
        found.retain(|id| id.to_string().starts_with(&text.to_ascii_lowercase()));
        match found.as_slice() {
            [one] => Ok(*one),
            _ => Err(missing()),
        }
    }

    /// Keeps a hold with its custody. One on everything names no exhibit, and has no leaf of custody.
    async fn keep_hold(&self, hold: &KeptHold, status: &str, event: Event) -> Result<(), NodeError> {
        let batch = self.on_each(&hold.exhibits.iter().copied().collect::<Vec<_>>(), &event).await?;
        let record = Record {
            id: hold.id.clone(),
            belongs: hold.on.clone(),
            status: status.to_owned(),
            at: event.when,
            until: hold.until,
            body: hold.clone(),
        };
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, event.when).await?;
        records::HOLDS.put(&mut tx, &record).await?;
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(())
    }

    /// One event on many exhibits: a leaf for each two hundred, a custody row for each.
    pub(super) async fn on_each(&self, on: &[ExhibitId], event: &Event) -> Result<Batch, NodeError> {
        let mut batch = Batch::default();
        let mut conn = self.state.read().await?;
        for part in on.chunks(TOGETHER) {
            let mut event = event.clone();
            let mut known = Vec::new();
            for id in part {
                if let Some(exhibit) = exhibits::find(&mut conn, id).await? {
                    event.exhibits.push(exhibit.commitment);
                    known.push(*id);
                }
            }
            if known.is_empty() {
                continue;
            }
            let leaf = self.custody_leaf(&event)?;
            let body = serde_json::to_value(&event).unwrap_or_default();
            let word = body.get("what").and_then(|v| v.as_str()).unwrap_or_default().to_owned();
            batch.custody.extend(
                known.into_iter().map(|id| {
                    CustodyRow::new(id, event.when, event.who.clone(), &word, body.clone(), &leaf.id)
                }),
            );
            batch.leaves.push(leaf);
        }
        Ok(batch)
    }
}
