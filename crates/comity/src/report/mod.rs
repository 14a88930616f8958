//! The case report: one self-contained HTML file that opens offline.
//!
//! Here: the report's data, its page and its pictures (SVG by plotters). Every claim links to its finding and every
//! finding to its exhibit, inside the page.
//! Elsewhere: where the data comes from (`node`).
//! Bounds: the page lists at most [`MOST_ROWS`] rows of a table and says how many more there are.

mod charts;
mod graph;
mod page;

use serde::Serialize;
use terms::{Place, Timestamp};

/// Rows of one table that are printed at most.
pub const MOST_ROWS: usize = 400;

/// Everything a report says.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Title of the case.
    pub title: String,
    /// The case's id.
    pub case: String,
    /// The partner whose home this is.
    pub partner: String,
    /// When the report was made.
    pub made: Timestamp,
    /// Sentences of the summary.
    pub summary: Vec<String>,
    /// Threats, ranked.
    pub threats: Vec<ThreatRow>,
    /// Entity graph.
    pub nodes: Vec<Node>,
    /// Edges as indexes into `nodes`.
    pub edges: Vec<(usize, usize)>,
    /// What happened when.
    pub timeline: Vec<Moment>,
    /// The plan, where there is one.
    pub plan: Option<PlanView>,
    /// The outcome, where it was measured.
    pub outcome: Option<OutcomeView>,
    /// Bots per country before the operation, largest first.
    pub places: Vec<(Place, u64)>,
    /// Findings the claims rest on.
    pub findings: Vec<FindingRow>,
    /// Exhibits the findings rest on.
    pub exhibits: Vec<ExhibitRow>,
    /// Size and root of the ledger at the time.
    pub ledger: String,
}

/// One threat.
#[derive(Debug, Clone, Serialize)]
pub struct ThreatRow {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// 0 to 100.
    pub score: u32,
    /// Why, with points.
    pub reasons: Vec<(String, i64)>,
    /// Findings it rests on, as text ids.
    pub findings: Vec<String>,
}

/// One node of the entity graph.
#[derive(Debug, Clone, Serialize)]
pub struct Node {
    /// What it is (`sample`, `domain`, `address`, `country`).
    pub kind: String,
    /// What it is called.
    pub label: String,
    /// Its column in the drawing, from the left.
    pub layer: usize,
    /// Its weight (bots, findings), for its size.
    pub weight: u64,
}

/// One line of the timeline.
#[derive(Debug, Clone, Serialize)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What, in one sentence.
    pub what: String,
    /// The exhibit or finding it rests on, as a text id of this page.
    pub rests_on: Option<String>,
}

/// The plan as shown.
#[derive(Debug, Clone, Serialize)]
pub struct PlanView {
    /// Its id.
    pub id: String,
    /// The one hour.
    pub hour: Timestamp,
    /// Actions.
    pub actions: Vec<ActionRow>,
    /// What is not done, and why.
    pub blocked: Vec<(String, String)>,
    /// Bots before.
    pub before: u64,
    /// Expected to survive.
    pub surviving: u64,
    /// What no partner can reach: sentences.
    pub floor: Vec<String>,
    /// What the independent checker said.
    pub checked: String,
}

/// One action.
#[derive(Debug, Clone, Serialize)]
pub struct ActionRow {
    /// Target.
    pub target: String,
    /// Instrument.
    pub instrument: String,
    /// Partner and member that act.
    pub by: String,
    /// Place.
    pub place: String,
    /// Clause and authority.
    pub under: String,
    /// Why.
    pub why: String,
    /// Findings it rests on.
    pub findings: Vec<String>,
}

/// The outcome as shown.
#[derive(Debug, Clone, Serialize)]
pub struct OutcomeView {
    /// Sentences.
    pub sentences: Vec<String>,
    /// Day (`2026-03-02`), bots measured as able to be commanded, truth where it is known (exercises only).
    pub curve: Vec<(String, f64, Option<f64>)>,
    /// Index in `curve` of the first day after the hour.
    pub hour_index: Option<usize>,
    /// Shares: name, measured, truth where known.
    pub shares: Vec<(String, f64, Option<f64>)>,
    /// The machines that were infected at the hour, followed; none where the data cannot tell.
    pub survival: Option<SurvivalView>,
}

/// Curves of the share that is infected, as shown.
#[derive(Debug, Clone, Serialize)]
pub struct SurvivalView {
    /// Days from the hour's day on, as labels (`2026-03-02`).
    pub days: Vec<String>,
    /// All machines first, then countries: name, machines, steps.
    pub curves: Vec<(String, u64, Vec<SurvivalStep>)>,
}

/// One step of such a curve: index in the days, share from there on, its interval.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SurvivalStep {
    /// Index in the days.
    pub day: usize,
    /// Share, 0 to 1.
    pub best: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// One finding.
#[derive(Debug, Clone, Serialize)]
pub struct FindingRow {
    /// Its id.
    pub id: String,
    /// Its examiner and version.
    pub examiner: String,
    /// 0 to 100.
    pub confidence: u8,
    /// Why, in words.
    pub reason: String,
    /// Exhibits, as text ids.
    pub exhibits: Vec<String>,
}

/// One exhibit.
#[derive(Debug, Clone, Serialize)]
pub struct ExhibitRow {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Where it came from.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was sealed.
    pub sealed: Timestamp,
}

impl Report {
    /// The page as HTML text.
    pub fn html(&self) -> String {
        page::page(self).into_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_whole_escapes_what_others_wrote_and_loads_nothing() {
        let id = "ab".repeat(32);
        let report = Report {
            title: "<script>alert(1)</script>".into(),
            findings: vec![FindingRow {
                id: id.clone(),
                examiner: "malware.pe/1".into(),
                confidence: 90,
                reason: "a & b".into(),
                exhibits: vec![id.clone()],
            }],
            threats: vec![ThreatRow {
                id: "t".into(),
                title: "one".into(),
                score: 80,
                reasons: vec![("because".into(), 10)],
                findings: vec![id.clone(), "cd".repeat(32)],
            }],
            nodes: vec![
                Node { kind: "sample".into(), label: "a<b".into(), layer: 0, weight: 3 },
                Node { kind: "domain".into(), label: "b.example".into(), layer: 1, weight: 1 },
            ],
            edges: vec![(0, 1), (1, 7)],
            places: vec![("DE".parse().unwrap_or(Place::UNKNOWN), 12)],
            outcome: Some(OutcomeView {
                sentences: vec![],
                curve: vec![("2026-03-02".into(), 10.0, Some(11.0)), ("2026-03-03".into(), 2.0, Some(2.0))],
                hour_index: Some(1),
                shares: vec![("contained".into(), 8.0, Some(9.0))],
                survival: Some(SurvivalView {
                    days: vec!["2026-03-02".into(), "2026-03-03".into(), "2026-03-04".into()],
                    curves: vec![(
                        "all".into(),
                        40,
                        vec![SurvivalStep { day: 1, best: 0.5, low: 0.4, high: 0.6 }],
                    )],
                }),
            }),
            ..Report::default()
        };
        let html = report.html();
        assert!(!html.contains("<script>alert"), "text of others is escaped");
        assert!(
            !html.contains("http://")
                || html.matches("http://").count() == html.matches("http://www.w3.org/").count()
        );
        assert!(!html.contains("https://"), "nothing is loaded from elsewhere");
        assert!(
            html.contains(&format!("href=\"#f-{}\"", &id[..16]))
                && html.contains(&format!("id=\"f-{}\"", &id[..16]))
        );
        assert!(!html.contains("href=\"#f-cdcd"), "a link to what is not on the page is not made");
        assert!(html.matches("<svg").count() >= 4, "graph, places, curve and survival are drawn");
    }
}
