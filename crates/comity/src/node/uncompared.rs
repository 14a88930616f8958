//! What could not be compared with the lists of what must not be viewed, while there are lists: it is not released.
//!
//! Here: which parts of which exhibits nobody compared (a member above a bound, an encrypted one, a stream that breaks off, a
//! child that was stopped, an exhibit that waits for its examination), that a release of them is refused, and that lists which
//! changed are held against everything that is here. Elsewhere: the comparison itself (`withheld`, `derive`).

use super::Node;
use super::error::NodeError;
use super::ingest::examined;
use super::withheld::closure;
use crate::store::exhibits::{self, Exhibit};
use crate::store::jobs::{self, NewJob};
use crate::store::{findings, settings};
use std::collections::BTreeSet;
use terms::{ExhibitId, FindingBody};

/// Codes by which an examination says that a part of the exhibit was not decoded, or not looked through.
const PARTS: &[&str] = &[
    "CMT-0517", "CMT-0530", "CMT-0531", "CMT-0532", "CMT-0533", "CMT-0534", "CMT-0535", "CMT-0538",
    "CMT-0539", "CMT-0540", "CMT-0541", "CMT-0542", "CMT-0619", "CMT-0621", "CMT-0622", "CMT-1101",
    "CMT-1102", "CMT-1103", "CMT-1285",
];
/// The same of a container; of other kinds these speak of tables that hold no files.
const PARTS_OF_CONTAINERS: &[&str] = &["CMT-0501", "CMT-0502", "CMT-0503", "CMT-0504"];
/// Under this name a home remembers which lists everything in it was compared with.
const COMPARED: &str = "withheld-lists-compared";
/// Findings of one exhibit that are looked through for such a code; what has more is not told apart.
const FINDINGS: u32 = 1000;

impl Node {
    /// Refuses to let out any of these of which a part, however deep, was not compared with the lists.
    ///
    /// # Errors
    /// CMT-1286. Where there are no lists nothing is refused.
    pub(super) async fn refuse_uncompared(&self, of: &BTreeSet<ExhibitId>) -> Result<(), NodeError> {
        let lists = self.lists().await?;
        if lists.is_empty() || of.is_empty() {
            return Ok(());
        }
        let refuse = |exhibit: ExhibitId, why: String| Err(NodeError::Uncompared { exhibit, why });
        let mut conn = self.state.read().await?;
        let compared: Option<Vec<ExhibitId>> = settings::get(&mut conn, COMPARED).await?;
        drop(conn);
        if let (Some(first), true) = (of.first(), compared.as_ref() != Some(&lists.ids())) {
            return refuse(*first, "the lists changed since the last `comity analyze`".into());
        }
        let lies = self.where_it_lies().await?;
        for exhibit in of {
            for part in closure(*exhibit, &lies.holds).into_iter().chain([*exhibit]) {
                if let Some(why) = self.uncompared(&part).await? {
                    let inside = if part == *exhibit { String::new() } else { format!("of {part} in it: ") };
                    return refuse(*exhibit, format!("{inside}{why}"));
                }
            }
        }
        Ok(())
    }

    /// Why not all of an exhibit was compared with the lists; none where it was, or is gone.
    async fn uncompared(&self, id: &ExhibitId) -> Result<Option<String>, NodeError> {
        let mut conn = self.state.read().await?;
        let known = exhibits::find(&mut conn, id).await?.filter(|e| e.erased_at.is_none());
        let Some(exhibit) = known else { return Ok(None) };
        if jobs::open(&mut conn, &id.to_string()).await? {
            return Ok(Some("it waits for its examination".into()));
        }
        let mut after = None;
        loop {
            let page = findings::of_exhibit(&mut conn, id, after.as_ref(), FINDINGS).await?;
            let Some(last) = page.last() else { return Ok(None) };
            after = Some(last.finding.id);
            let part = page.iter().filter(|k| k.refuted_by.is_none()).find_map(|k| match &k.finding.body {
                FindingBody::Unreadable { code, .. } if left_open(code, &exhibit) => {
                    Some(format!("{} ({code})", k.finding.reason))
                }
                _ => None,
            });
            if part.is_some() {
                return Ok(part);
            }
        }
    }

    /// Lists that changed are held against everything that is here: what may hold something is examined anew. Without lists
    /// nothing is compared, and that is remembered: what comes meanwhile is compared when there are lists again.
    pub(super) async fn compare_again(&self) -> Result<(), NodeError> {
        let ids = self.lists().await?.ids();
        let mut tx = self.state.begin().await?;
        let before: Option<Vec<ExhibitId>> = settings::get(&mut tx, COMPARED).await?;
        if before.unwrap_or_default() == ids {
            return Ok(());
        }
        let mut after = None;
        while !ids.is_empty() {
            let page = exhibits::page(&mut tx, after.as_ref(), 1000).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for exhibit in page.iter().filter(|e| e.erased_at.is_none() && examined(e.kind)) {
                let job = NewJob::new("examine", &exhibit.id.to_string(), &exhibit.kind, self.clock.now())?;
                jobs::enqueue_again(&mut tx, &job).await?;
            }
        }
        settings::put(&mut tx, COMPARED, &ids).await?;
        Ok(tx.commit().await?)
    }
}

fn left_open(code: &str, exhibit: &Exhibit) -> bool {
    PARTS.contains(&code)
        || (PARTS_OF_CONTAINERS.contains(&code) && malware::opened(exhibit.kind) && !exhibit.kind.program())
}
