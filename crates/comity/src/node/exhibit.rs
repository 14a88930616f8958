//! `share exhibit`: one exhibit of a case as it is, in the categories its labels come to.
//!
//! Elsewhere: labels (`label`), the ruling and the release (`share`).

use super::Node;
use super::error::NodeError;
use super::share::{KeptRelease, MOST_DOCUMENT, Wish};
use crate::store::Batch;
use crate::store::exhibits::Exhibit;
use crate::store::records::{self, Record};
use agreement::Request;
use evidence::custody::{Act as Did, Why};
use exchange::Item;
use std::collections::BTreeSet;
use terms::{CaseId, ExhibitKind, Protection, Settled};
use threat::Case;

/// The two halves of `CASE/EXHIBIT`.
pub(super) fn halves(of: &str) -> Result<(&str, &str), NodeError> {
    of.split_once('/').ok_or_else(|| NodeError::Value {
        what: format!("`{of}` names no exhibit of a case: write CASE/EXHIBIT (the first 6 digits will do)"),
    })
}

/// The case of `CASE/EXHIBIT`.
pub(super) fn case_of(of: &str) -> Result<CaseId, NodeError> {
    Ok(CaseId::new(halves(of)?.0)?)
}

/// Says of a refusal that nobody labelled what was asked for, where that is so.
pub(super) fn explain(of: &str, settled: &Settled, error: &mut NodeError) {
    if let (NodeError::Refused { sentence, .. }, true) = (error, settled.counts_as_unlabelled()) {
        let case = halves(of).map_or(of, |(case, _)| case);
        sentence.push_str(&format!(
            "; no person labelled the exhibit, and unlabelled counts as the strictest: `comity case label {case} \
             --exhibit ID --category WORD --reason TEXT`"
        ));
    }
}

impl Node {
    /// The exhibit that a wish names. What was received stays with its giver's agreement, and what is about our own
    /// crossings or covert never leaves.
    async fn wished(&self, of: &str) -> Result<(Case, Exhibit), NodeError> {
        let (case, exhibit) = halves(of)?;
        let case = self.case_show(case).await?;
        let exhibit = self.exhibit_of(&case, exhibit, "shared").await?;
        let refuse = |why: String| NodeError::NotThisExhibit { exhibit: exhibit.id, doing: "shared", why };
        if matches!(
            exhibit.kind,
            ExhibitKind::Compulsion
                | ExhibitKind::CovertList
                | ExhibitKind::SinkholeVictims
                | ExhibitKind::Bundle
                | ExhibitKind::Receipt
        ) {
            return Err(refuse(format!("it is a {}, which stays here", exhibit.kind)));
        }
        let one = BTreeSet::from([exhibit.id]);
        self.refuse_withheld(&one).await?;
        self.refuse_silent(&one, None, self.clock.now()).await?;
        let mut conn = self.state.read().await?;
        let releases: Vec<Record<KeptRelease>> = records::RELEASES.all(&mut conn).await?;
        let given = releases.iter().map(|r| &r.body).find(|k| k.items.contains(&exhibit.id));
        if let Some(given) = given {
            let header = &given.record.header;
            return Err(refuse(format!(
                "it came from {} in release {}: its giver shares it",
                header.from, header.release
            )));
        }
        Ok((case, exhibit))
    }

    /// What a wish for an exhibit comes down to, before it is opened; and what its labels come to.
    pub(super) async fn exhibit_asked(
        &self,
        wish: &Wish,
        mut request: Request,
    ) -> Result<(Request, Settled), NodeError> {
        let (case, exhibit) = self.wished(&wish.of).await?;
        let settled = self.settled(&exhibit).await?;
        request.case = Some(case.id);
        for category in settled.categories() {
            request = request.with(*category, Protection::Clear);
        }
        let request = settled.labels().iter().fold(request, Request::labelled);
        Ok((request, settled))
    }

    /// The exhibit as an item.
    pub(super) async fn exhibit_item(&self, wish: &Wish) -> Result<Item, NodeError> {
        let (_, exhibit) = self.wished(&wish.of).await?;
        let settled = self.settled(&exhibit).await?;
        let bytes = self.vault.read(&exhibit.id, MOST_DOCUMENT).await?;
        Ok(Item {
            name: format!("exhibit-{}", exhibit.id),
            media_type: "application/octet-stream".into(),
            categories: settled.categories().clone(),
            protection: Protection::Clear,
            obtained: exhibit.obtained,
            records: 1,
            bytes,
            labels: settled.labels().to_vec(),
        })
    }
    /// The release is an act on the exhibit too, not only on the payload that is kept of it.
    pub(super) async fn note_exhibit(&self, of: &str, clauses: &[String]) -> Result<(), NodeError> {
        let (_, exhibit) = self.wished(of).await?;
        let why = Why::Clauses(clauses.to_vec());
        let event = self.event(vec![exhibit.commitment], Did::Release, why, false);
        let (custody, leaf) = self.custody(exhibit.id, &event)?;
        let batch = Batch { custody: vec![custody], leaves: vec![leaf], ..Batch::default() };
        crate::store::commit(&self.state, &batch, event.when).await?;
        self.sequencer.run().await?;
        Ok(())
    }
}
