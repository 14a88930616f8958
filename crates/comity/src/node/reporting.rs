//! `case report`: everything that the page of a case says.
//!
//! Here: choosing and wording. Elsewhere: the page itself (`report`), what is judged (`threat`, `takedown`).
//! Small numbers: countries with fewer than ten bots are not shown by themselves.
//! Bounds: as many findings, exhibits and rows as the page prints (`report::MOST_ROWS`); 6 generated names and 16 nodes
//! of each other kind in the drawing.

use super::Node;
use super::act::PackedReport;
use super::cohort::{Curve, Step, Survival};
use super::error::NodeError;
use super::measure::{MeasureReport, SHARES};
use super::plan::KeptPlan;
use crate::report::{
    ActionRow, ExhibitRow, FindingRow, MOST_ROWS, Moment, Node as Drawn, OutcomeView, PlanView, Report,
    SurvivalStep, SurvivalView, ThreatRow,
};
use crate::store::records::{self, Record};
use crate::store::{exhibits, findings};
use botnet::telemetry::Window;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use takedown::{Action, Basis};
use terms::{Channel, Day, ExhibitId, Finding, FindingBody, FindingId, Place, Timestamp};
use threat::{Case, Graph, NodeKind, Threat};

/// Individuals below which a country is not shown by itself.
const SMALLEST: u32 = 10;
/// Generated names in the drawing; the rest is one algorithm.
const MOST_NAMES: usize = 6;
/// Nodes of another kind in the drawing.
const MOST_OF_KIND: usize = 16;
/// Activity moments of the timeline with the days around the hour kept first.
const MOST_MOMENTS: usize = 200;

/// What is true of an exercise, for drawing it beside what was measured. Nothing else ever reads it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TruthView {
    /// Day (`2026-03-02`) and bots that could be commanded then.
    pub days: Vec<(String, f64)>,
    /// Shares by name: `contained`, `still commanded`, `cured` ([`SHARES`]).
    pub shares: Vec<(String, f64)>,
}

impl TruthView {
    fn day(&self, day: &str) -> Option<f64> {
        self.days.iter().find(|(d, _)| d == day).map(|(_, n)| *n)
    }
    fn share(&self, name: &str) -> Option<f64> {
        self.shares.iter().find(|(n, _)| n == name).map(|(_, n)| *n)
    }
}

/// What a report is put together from.
struct Material {
    case: Case,
    threats: Vec<Threat>,
    /// Findings of the case that stand.
    findings: Vec<Finding>,
    plan: Option<KeptPlan>,
    packages: Vec<Record<PackedReport>>,
    outcome: Option<MeasureReport>,
}

impl Node {
    /// Fills the report of a case from what this home keeps: the newest plan of the case and its newest outcome.
    /// `truth` is drawn beside the outcome where it is given (exercises only).
    ///
    /// # Errors
    /// CMT-1123 where there is no such case; what the stores say.
    pub async fn case_report(&self, case: &str, truth: Option<&TruthView>) -> Result<Report, NodeError> {
        let m = self.material(case).await?;
        let places = self.places().await?;
        let (nodes, edges) = drawing(&m, &places);
        let cited = cited(&m);
        let (findings, exhibit_ids) = self.finding_rows(&m, &cited).await?;
        let head = self.sequencer.head().await?;
        Ok(Report {
            title: m.case.title.clone(),
            case: m.case.id.to_string(),
            partner: self.partner.to_string(),
            made: self.clock.now(),
            summary: summary(&m, &places),
            threats: m.threats.iter().map(threat_row).collect(),
            nodes,
            edges,
            timeline: moments(&m),
            plan: m.plan.as_ref().map(plan_view),
            outcome: m.outcome.as_ref().map(|o| outcome_view(o, truth)),
            places,
            findings,
            exhibits: self.exhibit_rows(&exhibit_ids).await?,
            ledger: format!("{} leaves, root {} ({})", head.size, head.root, head.origin),
        })
    }

    async fn material(&self, case: &str) -> Result<Material, NodeError> {
        let case = self.case_show(case).await?;
        let threats: Vec<Threat> =
            self.threats().await?.into_iter().filter(|t| case.threats.contains(&t.id)).collect();
        let findings = self.standing().await?;
        let plan = self.newest_plan(&case.id).await?.map(|r| r.body);
        let (mut packages, mut outcome) = (Vec::new(), None);
        if let Some(plan) = &plan {
            let id = &plan.report.plan.id;
            outcome = self.newest_outcome(id).await?;
            let mut conn = self.state.read().await?;
            packages = records::PACKAGES.of(&mut conn, id.as_str()).await?;
        }
        Ok(Material { case, threats, findings, plan, packages, outcome })
    }

    /// Bots per country over all that was seen before the hour; small counts are left out.
    async fn places(&self) -> Result<Vec<(Place, u64)>, NodeError> {
        let places = self.tables().await?.per_place(Window::ALL, 1).await?;
        let counted: Vec<(Place, u64)> = places.into_iter().map(|p| (p.place, p.bots)).collect();
        Ok(privacy::suppress(&counted, SMALLEST).places)
    }

    async fn finding_rows(
        &self,
        m: &Material,
        cited: &[FindingId],
    ) -> Result<(Vec<FindingRow>, BTreeSet<ExhibitId>), NodeError> {
        let known: BTreeMap<FindingId, &Finding> = m.findings.iter().map(|f| (f.id, f)).collect();
        let mut conn = self.state.read().await?;
        let (mut rows, mut ids) = (Vec::new(), BTreeSet::new());
        for id in cited.iter().take(MOST_ROWS) {
            let finding = match known.get(id) {
                Some(f) => (*f).clone(),
                // Refuted since: a claim of the plan rested on it all the same.
                None => match findings::find(&mut conn, id).await? {
                    Some(kept) => kept.finding,
                    None => continue,
                },
            };
            ids.extend(finding.exhibits.iter().copied());
            rows.push(FindingRow {
                id: finding.id.to_string(),
                examiner: format!("{}/{}", finding.examiner, finding.version),
                confidence: finding.confidence.percent(),
                reason: finding.reason,
                exhibits: finding.exhibits.iter().map(ToString::to_string).collect(),
            });
        }
        Ok((rows, ids))
    }

    async fn exhibit_rows(&self, ids: &BTreeSet<ExhibitId>) -> Result<Vec<ExhibitRow>, NodeError> {
        let mut conn = self.state.read().await?;
        let mut rows = Vec::new();
        for id in ids.iter().take(MOST_ROWS) {
            let Some(e) = exhibits::find(&mut conn, id).await? else { continue };
            rows.push(ExhibitRow {
                id: e.id.to_string(),
                kind: e.kind.word().to_owned(),
                name: e.names.first().map(|n| last_part(n)).unwrap_or_default(),
                size: e.size,
                sealed: e.sealed_at,
            });
        }
        Ok(rows)
    }
}

/// The last two parts of a path: a report tells strangers nothing of the folders of this machine.
fn last_part(name: &str) -> String {
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|p| !p.is_empty()).collect();
    parts.iter().skip(parts.len().saturating_sub(2)).copied().collect::<Vec<_>>().join("/")
}

fn plural(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

fn summary(m: &Material, places: &[(Place, u64)]) -> Vec<String> {
    let mut out = vec![format!(
        "This case rests on {} and {}, which concern {}.",
        plural(m.case.exhibits.len(), "exhibit", "exhibits"),
        plural(m.case.findings.len(), "finding", "findings"),
        plural(m.threats.len(), "threat", "threats"),
    )];
    if let Some(worst) = m.threats.first() {
        let samples = plural(worst.samples.len(), "sample", "samples");
        let fixed = worst.channels.iter().filter(|v| !matches!(v.channel, Channel::Generated { .. })).count();
        let generated =
            if worst.algorithms.is_empty() { "" } else { " and by names that it generates anew each day" };
        out.push(format!(
            "{} (score {} of 100): {samples}, commanded through {}{generated}.",
            worst.title,
            worst.score,
            plural(fixed, "fixed channel", "fixed channels"),
        ));
    }
    if !places.is_empty() {
        out.push(format!(
            "Infected machines were seen in {} with at least {SMALLEST} each.",
            plural(places.len(), "country", "countries")
        ));
    }
    if let Some(plan) = &m.plan {
        let p = &plan.report.plan;
        out.extend(plan.report.situation.counted.iter().map(|s| format!("{s}.")));
        out.push(format!(
            "The plan takes {} at {}: {} of {} bots are expected to survive it.",
            plural(p.actions.len(), "target", "targets"),
            p.hour,
            p.expected_surviving,
            p.population
        ));
    }
    if !m.packages.is_empty() {
        let orders: usize = m.packages.iter().map(|p| p.body.orders).sum();
        out.push(format!(
            "{} with {} were written, each with the evidence of its own addressee only.",
            plural(m.packages.len(), "package", "packages"),
            plural(orders, "order", "orders")
        ));
    }
    if let Some(outcome) = &m.outcome {
        out.extend(outcome.sentences.iter().take(3).cloned());
    }
    out
}

fn threat_row(t: &Threat) -> ThreatRow {
    ThreatRow {
        id: t.id.to_string(),
        title: t.title.clone(),
        score: u32::from(t.score),
        reasons: t.reasons.iter().map(|r| (r.text.clone(), i64::from(r.points))).collect(),
        findings: t.findings.iter().map(ToString::to_string).collect(),
    }
}

/// The page's words for kinds of nodes.
fn word(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Sample => "sample",
        NodeKind::Threat => "threat",
        NodeKind::Algorithm => "generated",
        NodeKind::Domain => "domain",
        NodeKind::Address => "address",
        NodeKind::Account => "account",
        NodeKind::Institution => "institution",
        NodeKind::OrganisationRole => "role",
        NodeKind::Country => "country",
        NodeKind::Partner => "partner",
    }
}

/// The entity graph, thinned: generated names beyond a few are the algorithm's, and of each other kind the best
/// connected are drawn. A country is drawn where an asset stands, or where enough bots were seen.
fn drawing(m: &Material, places: &[(Place, u64)]) -> (Vec<Drawn>, Vec<(usize, usize)>) {
    let graph = Graph::build(&m.threats, &m.findings);
    let generated: BTreeSet<String> = m
        .threats
        .iter()
        .flat_map(|t| &t.channels)
        .filter(|v| matches!(v.channel, Channel::Generated { .. }))
        .map(|v| v.channel.key())
        .collect();
    let (all, degrees) = (graph.nodes(), graph.degrees());
    let shown: BTreeSet<&str> = places.iter().map(|(p, _)| p.as_str()).collect();
    let law = graph.edges().into_iter().filter(|(_, _, e)| e.relation == "under the law of");
    let law: BTreeSet<usize> = law.flat_map(|(a, b, _)| [a, b]).collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(degrees.get(*i).copied().unwrap_or(0)));
    let (mut names, mut of_kind) = (0, BTreeMap::<NodeKind, usize>::new());
    let mut keep: BTreeSet<usize> = BTreeSet::new();
    for i in order {
        let Some(node) = all.get(i) else { continue };
        if node.kind == NodeKind::Country && !law.contains(&i) && !shown.contains(node.key.as_str()) {
            continue;
        }
        let room = if node.kind == NodeKind::Domain && generated.contains(&node.key) {
            names += 1;
            names <= MOST_NAMES
        } else {
            let n = of_kind.entry(node.kind).or_default();
            *n += 1;
            *n <= MOST_OF_KIND
        };
        if room {
            keep.insert(i);
        }
    }
    let layers: BTreeMap<usize, usize> = graph.layout().iter().map(|p| (p.node, p.layer)).collect();
    let mut index = BTreeMap::new();
    let mut nodes = Vec::new();
    for i in keep {
        let Some(node) = all.get(i) else { continue };
        index.insert(i, nodes.len());
        nodes.push(Drawn {
            kind: word(node.kind).to_owned(),
            label: node.label.clone(),
            layer: layers.get(&i).copied().unwrap_or(0),
            weight: degrees.get(i).copied().unwrap_or(0) as u64,
        });
    }
    let edges =
        graph.edges().into_iter().filter_map(|(a, b, _)| Some((*index.get(&a)?, *index.get(&b)?))).collect();
    (nodes, edges)
}

fn moments(m: &Material) -> Vec<Moment> {
    let mut out: Vec<Moment> = threat::timeline(&m.case, &m.findings)
        .into_iter()
        .map(|t| Moment {
            at: if t.kind == "opened" { m.case.opened } else { t.day.start() },
            what: t.text,
            rests_on: t.findings.first().map(ToString::to_string),
        })
        .collect();
    let mut add = |at: Timestamp, what: String| out.push(Moment { at, what, rests_on: None });
    if let Some(plan) = &m.plan {
        let p = &plan.report.plan;
        add(
            plan.situation.now,
            format!("Plan {} was made: {}", p.id, plural(p.actions.len(), "action", "actions")),
        );
        add(p.hour, "The one hour of the plan".into());
    }
    let written: BTreeSet<Timestamp> = m.packages.iter().map(|p| p.at).collect();
    for at in written {
        let n = m.packages.iter().filter(|p| p.at == at).count();
        add(
            at,
            format!("{} written, verified and put on the ledger", plural(n, "package was", "packages were")),
        );
    }
    if let Some(outcome) = &m.outcome {
        add(
            outcome.at,
            format!("The outcome was measured on the days {} to {}", outcome.after.0, outcome.after.1),
        );
        if let Some(alarm) = &outcome.outcome.resurgence {
            add(alarm.since.start(), format!("Alarm: {}", alarm.why));
        }
    }
    out.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.what.cmp(&b.what)));
    // Of a very long history the latest part matters.
    let skip = out.len().saturating_sub(MOST_MOMENTS);
    out.into_iter().skip(skip).collect()
}

fn plan_view(kept: &KeptPlan) -> PlanView {
    let plan = &kept.report.plan;
    PlanView {
        id: plan.id.to_string(),
        hour: plan.hour,
        actions: plan.actions.iter().map(action_row).collect(),
        blocked: plan
            .blocked
            .iter()
            .map(|b| {
                let why: Vec<String> =
                    b.why.iter().map(|s| format!("{} [{}]", s.sentence, s.code.code())).collect();
                let other = if b.planned_otherwise { " (taken another way)" } else { "" };
                (format!("{}{other}", b.target), why.join("; "))
            })
            .collect(),
        before: plan.population,
        surviving: plan.expected_surviving,
        floor: floor(kept),
        checked: kept.report.checked.clone(),
    }
}

fn action_row(action: &Action) -> ActionRow {
    let by = match &action.member {
        Some(member) => format!("{} ({member})", action.partner),
        None => action.partner.to_string(),
    };
    let under = match &action.authority {
        Basis::InForce { authority } => format!("{}; {authority}, in force", action.clause),
        Basis::ToServe { authority, by } => format!("{}; {authority}, to be served by {by}", action.clause),
        Basis::ToObtain { ask_by, .. } => format!("{}; an authority is asked for by {ask_by}", action.clause),
    };
    ActionRow {
        target: action.target.clone(),
        instrument: action.instrument.word().to_owned(),
        by,
        place: action.place.to_string(),
        under,
        why: action.why.clone(),
        findings: action.evidence.iter().map(ToString::to_string).collect(),
    }
}

fn floor(kept: &KeptPlan) -> Vec<String> {
    let plan = &kept.report.plan;
    let mut out = Vec::new();
    if plan.floor.surviving == 0 {
        out.push("No bot keeps a channel: the floor is nobody.".to_owned());
    } else {
        out.push(format!(
            "{} of {} bots keep a channel that no partner can reach with what is agreed and authorised today.",
            plan.floor.surviving, plan.population
        ));
    }
    for because in &plan.floor.because {
        let channel = if because.channel.is_empty() { "unknown channels" } else { because.channel.as_str() };
        out.push(format!(
            "{} bots through {channel}: {} [{}].",
            because.bots,
            because.why.sentence,
            because.why.code.code()
        ));
    }
    if let Some(better) = &plan.floor.improvement {
        out.push(format!(
            "The cheapest act that lowers it by {} bots: {}.",
            better.bots,
            better.acts.join("; and ")
        ));
    }
    if plan.expected_recovery > 0 {
        out.push(format!(
            "The operator could win back up to {} bots within its means.",
            plan.expected_recovery
        ));
    }
    out.extend(kept.report.warnings.iter().cloned());
    out
}

fn outcome_view(measured: &MeasureReport, truth: Option<&TruthView>) -> OutcomeView {
    let curve: Vec<(String, f64, Option<f64>)> = measured
        .daily
        .iter()
        .map(|d| {
            let day = d.day.to_string();
            let true_of = truth.and_then(|t| t.day(&day));
            (day, d.commanded, true_of)
        })
        .collect();
    OutcomeView {
        sentences: measured.sentences.clone(),
        hour_index: measured.daily.iter().position(|d| d.after),
        curve,
        shares: SHARES
            .iter()
            .filter_map(|name| {
                let (_, bots) = measured.shares.iter().find(|(n, _)| n == name)?;
                Some(((*name).to_owned(), *bots, truth.and_then(|t| t.share(name))))
            })
            .collect(),
        survival: measured.survival.as_ref().map(survival_view),
    }
}

/// All machines and the four countries with most, from the hour's day on.
fn survival_view(survival: &Survival) -> SurvivalView {
    let (first, last) = survival.watched;
    let hour = first.plus(-1);
    let of = |name: String, curve: &Curve| {
        let step = |s: &Step| SurvivalStep {
            day: usize::try_from(s.day.0.saturating_sub(hour.0)).unwrap_or(0),
            best: s.left.best,
            low: s.left.low,
            high: s.left.high,
        };
        (name, curve.machines, curve.steps.iter().map(step).collect())
    };
    let told = survival.places.iter().filter(|(_, c)| c.left.is_some()).take(4);
    SurvivalView {
        days: (hour.0..=last.0).map(|d| Day(d).to_string()).collect(),
        curves: std::iter::once(of("all".into(), &survival.all))
            .chain(told.map(|(place, curve)| of(place.to_string(), curve)))
            .collect(),
    }
}

/// The findings that the page cites, those that carry most first: plan and reasons of threats before the rest; of one
/// rank, statements about samples and assets before counts of single days.
fn cited(m: &Material) -> Vec<FindingId> {
    let mut rank: BTreeMap<FindingId, u8> = BTreeMap::new();
    let mut cite = |id: FindingId, n: u8| {
        let known = rank.entry(id).or_insert(n);
        *known = (*known).min(n);
    };
    if let Some(plan) = &m.plan {
        plan.report.plan.actions.iter().flat_map(|a| &a.evidence).for_each(|id| cite(*id, 0));
        plan.report.plan.notifications.iter().flat_map(|n| &n.evidence).for_each(|id| cite(*id, 0));
    }
    for t in &m.threats {
        t.reasons.iter().flat_map(|r| &r.findings).for_each(|id| cite(*id, 1));
        t.findings.iter().for_each(|id| cite(*id, 2));
    }
    m.case.findings.iter().for_each(|id| cite(*id, 3));
    let daily: BTreeSet<FindingId> =
        m.findings.iter().filter(|f| matches!(f.body, FindingBody::Activity { .. })).map(|f| f.id).collect();
    let mut out: Vec<(u8, bool, FindingId)> =
        rank.into_iter().map(|(id, n)| (n, daily.contains(&id), id)).collect();
    out.sort_unstable();
    out.into_iter().map(|(_, _, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_no_folder_of_this_machine() {
        for (name, shown) in [
            ("/somewhere/private/company/samples/a.bin", "samples/a.bin"),
            ("a.bin", "a.bin"),
            ("C:\\cases\\a.bin", "cases/a.bin"),
            ("", ""),
        ] {
            assert_eq!(last_part(name), shown);
        }
    }
}
