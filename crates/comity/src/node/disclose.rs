//! The disclosure schedule of a case, how each exhibit was obtained, and when intelligence became evidence.
//!
//! Here: marking exhibits, the schedule, admitting intelligence. Elsewhere: what the marks mean and what a prosecutor sees
//! of a sensitive item (`evidence::disclosure`). Each mark and each admission is a leaf with who, when and why.

use super::Node;
use super::error::NodeError;
use super::hold::reason;
use crate::store::custody::{self, CustodyRow};
use crate::store::records::{self, Record};
use crate::store::{erasure, exhibits, findings};
use evidence::custody::{Act, Why};
use evidence::disclosure::{self, Item, Mark};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::{ExhibitId, Obtained, PersonId, Timestamp};
use threat::{Case, CaseEvent};

/// A mark as it is kept (`comity.marked/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marked {
    /// Always `comity.marked/1`.
    pub schema: String,
    /// The case.
    pub case: String,
    /// The exhibit.
    pub exhibit: ExhibitId,
    /// Its marks.
    pub marks: Vec<Mark>,
    /// Who.
    pub by: PersonId,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// What an exhibit was before it became evidence (`comity.admitted/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Admitted {
    /// Always `comity.admitted/1`.
    pub schema: &'static str,
    /// The exhibit.
    pub exhibit: ExhibitId,
    /// When.
    pub at: Timestamp,
    /// Who decided it.
    pub by: PersonId,
    /// Why: the authority's id, or words.
    pub why: String,
}

/// The schedule of a case (`comity.schedule/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// Always `comity.schedule/1`.
    pub schema: &'static str,
    /// The case.
    pub case: String,
    /// Its exhibits, in the order of their ids.
    pub items: Vec<Item>,
}

impl Node {
    /// Gives exhibits to a case, with the findings that rest on them.
    ///
    /// # Errors
    /// CMT-1123, CMT-0701 closed.
    pub async fn gather(&self, case: &str, on: &[String]) -> Result<Case, NodeError> {
        let case = self.case_show(case).await?;
        let (mut ids, mut found) = (Vec::new(), Vec::new());
        for text in on {
            let id = self.exhibit_named(text).await?;
            let mut conn = self.state.read().await?;
            for finding in erasure::findings(&mut conn, &id).await? {
                let kept = findings::find(&mut conn, &finding).await?;
                found.extend(kept.filter(|k| k.refuted_by.is_none()).map(|k| k.finding.id));
            }
            ids.push(id);
        }
        let fresh =
            case.with(&CaseEvent::Gathered { threat: None, exhibits: ids.clone(), findings: found })?;
        let event = self.event(Vec::new(), Act::Assign, Why::Case(case.id.to_string()), false);
        let batch = self.on_each(&ids, &event).await?;
        crate::store::commit(&self.state, &batch, event.when).await?;
        self.keep_case(&fresh, event.when).await?;
        self.sequencer.run().await?;
        Ok(fresh)
    }

    /// The schedule of a case, marked or not.
    ///
    /// # Errors
    /// CMT-1123.
    pub async fn disclosure(&self, case: &str) -> Result<Schedule, NodeError> {
        let case = self.case_show(case).await?;
        let mut conn = self.state.read().await?;
        let marked: Vec<Record<Marked>> = records::DISCLOSURES.of(&mut conn, case.id.as_str()).await?;
        let mut marked: BTreeMap<ExhibitId, Marked> =
            marked.into_iter().map(|r| (r.body.exhibit, r.body)).collect();
        let mut items = Vec::new();
        for id in &case.exhibits {
            let Some(exhibit) = exhibits::find(&mut conn, id).await? else { continue };
            let mark = marked.remove(id);
            items.push(Item {
                number: u32::try_from(items.len() + 1).unwrap_or(u32::MAX),
                exhibit: *id,
                commitment: exhibit.commitment,
                kind: exhibit.kind,
                size: exhibit.size,
                by: mark.as_ref().map(|m| m.by.clone()),
                at: mark.as_ref().map(|m| m.at),
                reason: mark.as_ref().map(|m| m.reason.clone()),
                marks: mark.map(|m| m.marks).unwrap_or_default(),
                erased: exhibit.erased_at.is_some(),
            });
        }
        Ok(Schedule { schema: "comity.schedule/1", case: case.id.to_string(), items })
    }

    /// Marks exhibits of a case; earlier marks of theirs are replaced, and stay on the ledger.
    ///
    /// # Errors
    /// CMT-1123 for an exhibit that the case does not hold, CMT-0430 marks that exclude each other, CMT-1132 no reason.
    pub async fn mark(
        &self,
        case: &str,
        on: &[String],
        marks: Vec<Mark>,
        why: &str,
    ) -> Result<Vec<Marked>, NodeError> {
        let (marks, why) = (disclosure::settled(marks)?, reason(why)?);
        let case = self.case_show(case).await?;
        let mut ids = Vec::new();
        for text in on {
            let id = self.exhibit_named(text).await?;
            if !case.exhibits.contains(&id) {
                let list = "`comity case disclosure CASE`";
                return Err(NodeError::Missing { what: "exhibit of this case", id: text.clone(), list });
            }
            ids.push(id);
        }
        let mut event = self.event(Vec::new(), Act::Disclose, Why::House(why.clone()), false);
        event.marks.clone_from(&marks);
        let batch = self.on_each(&ids, &event).await?;
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, event.when).await?;
        let mut out = Vec::new();
        for exhibit in ids {
            let marked = Marked {
                schema: "comity.marked/1".into(),
                case: case.id.to_string(),
                exhibit,
                marks: marks.clone(),
                by: self.person.clone(),
                at: event.when,
                reason: why.clone(),
            };
            let words: Vec<&str> = marks.iter().map(|m| m.word()).collect();
            let record = Record {
                id: format!("{}/{exhibit}", case.id),
                belongs: case.id.to_string(),
                status: words.join(" "),
                at: event.when,
                until: None,
                body: marked.clone(),
            };
            records::DISCLOSURES.put(&mut tx, &record).await?;
            out.push(marked);
        }
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(out)
    }

    /// Records that an exhibit, which was intelligence, became evidence: under an authority, or for a reason; and, where it
    /// is said, how it was obtained for that (`compelled` by an order that asked for it again).
    ///
    /// # Errors
    /// CMT-1123, CMT-1130 no document of the authority, CMT-1132 no reason, CMT-1132 where it was erased.
    pub async fn admit(
        &self,
        exhibit: &str,
        why: super::hold::Ground,
        obtained: Option<Obtained>,
    ) -> Result<Admitted, NodeError> {
        let id = self.exhibit_named(exhibit).await?;
        let mut conn = self.state.read().await?;
        let erased = exhibits::find(&mut conn, &id).await?.is_none_or(|e| e.erased_at.is_some());
        drop(conn);
        if erased {
            return Err(NodeError::Value {
                what: format!("exhibit {id} was erased: it is no evidence any more"),
            });
        }
        let (why, told) = match why {
            super::hold::Ground::Authority(a) => (self.authority_here(&a).await?, a),
            super::hold::Ground::Reason(text) => (Why::House(reason(&text)?), text),
        };
        let mut event = self.event(Vec::new(), Act::Admit, why, false);
        event.obtained = obtained;
        let batch = self.on_each(&[id], &event).await?;
        crate::store::commit(&self.state, &batch, event.when).await?;
        self.sequencer.run().await?;
        Ok(Admitted { schema: "comity.admitted/1", exhibit: id, at: event.when, by: event.who, why: told })
    }

    /// Every act on an exhibit, oldest first.
    pub(super) async fn custody_of(
        &self,
        exhibit: &ExhibitId,
    ) -> Result<Vec<CustodyRow<serde_json::Value>>, NodeError> {
        let mut conn = self.state.read().await?;
        let mut all: Vec<CustodyRow<serde_json::Value>> = Vec::new();
        loop {
            let after = all.last().map_or(String::new(), |r| r.id.clone());
            let page = custody::of(&mut conn, exhibit, &after, 1000).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }
}
