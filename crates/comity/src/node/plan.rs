//! `plan`: the situation of a case as this home knows it, and the plan that follows from it.
//!
//! Here: filling the situation from telemetry, findings, agreements, authority documents and partners' answers, and
//! keeping plan and situation together. Elsewhere: planning and checking (`takedown`), who knows which channel
//! (`census`), which sheet speaks of which asset (`targets`), which samples harm when cut off (`harm`).
//!
//! Bots are counted in the last two weeks with sightings before the hour's day, by their own ids. Each group is scaled
//! from what was seen to what there is by one factor: the estimated population over the bots seen. Where the estimator
//! refuses, the seen ones count, and the report says so. Where no bot was seen at all, each variant counts as one bot,
//! so that the channels still get their plan.

pub(crate) mod census;
mod harm;
pub(crate) mod targets;

use super::Node;
use super::error::NodeError;
use crate::store::exhibits;
use crate::store::records::{self, Record};
use agreement::Agreements;
use botnet::Telemetry;
use botnet::telemetry::{Estimate, Window, estimate};
use census::{Census, Knowledge};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use takedown::{
    Answer, Asset, Authority, BotGroup, MAX_AUTHORITY_BYTES, MAX_HORIZON_DAYS, Plan, PowerGrant, Situation,
    SituationError, Verdict, Violation,
};
use targets::Register;
pub(crate) use targets::names_of;
use terms::{CaseId, Day, ExhibitKind, Finding, MICROS_PER_SECOND, PartnerId, Timestamp};
use threat::Threat;

/// Days from now to the hour where none is given.
const DEFAULT_DAYS: i64 = 10;
const HOUR: i64 = 3_600 * MICROS_PER_SECOND;
/// Assets of one question to partners (`exchange::question::MAX_ASSETS`).
const MOST_ASKED: usize = exchange::question::MAX_ASSETS;
/// Violations that are shown of a plan that does not stand.
const MOST_SHOWN: usize = 5;

/// What a plan is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanOptions {
    /// The one hour; ten days from now on the full hour where none is given.
    pub hour: Option<Timestamp>,
    /// Days, from the hour's own day on, over which bots must stay silent; 1 to 366.
    pub horizon: u16,
    /// Most innocent tenants that may be cut off over the whole plan.
    pub collateral: u64,
    /// Taken channels that the operator is able to bring back.
    pub rebuild: u32,
}

/// What a partner answered about an asset (`comity.answer/1`): the body of a record of `ANSWERS`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "schema", rename = "comity.answer/1")]
pub struct KeptAnswer {
    /// The asset as it was asked.
    pub asset: String,
    /// Who answered.
    pub partner: PartnerId,
    /// Whether the partner has a stake in it.
    pub hit: bool,
    /// Whom to speak to.
    pub contact: Option<String>,
    /// Until when not to act; none with a hit: until the contact agrees.
    pub until: Option<Timestamp>,
}

/// The situation in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SituationSummary {
    /// Bots of the case, as planned with.
    pub bots: u64,
    /// Of these, seen by their own ids.
    pub seen: u64,
    /// How they were counted, in sentences.
    pub counted: Vec<String>,
    /// First day of the window they were counted in.
    pub first_day: Option<Day>,
    /// Last day of it.
    pub last_day: Option<Day>,
    /// The estimate, where one could be made.
    pub estimate: Option<Estimate>,
    /// Groups of bots that know the same channels.
    pub groups: usize,
    /// Targets.
    pub targets: usize,
    /// Powers of agreements in force at the hour.
    pub powers: usize,
    /// Authority documents, in force or not.
    pub authorities: usize,
    /// Partners' answers.
    pub answers: usize,
}

/// What `plan` says (`comity.plan-report/1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// Always `comity.plan-report/1`.
    pub schema: String,
    /// The case.
    pub case: CaseId,
    /// The plan.
    pub plan: Plan,
    /// What it rests on.
    pub situation: SituationSummary,
    /// What the independent checker found, in a sentence.
    pub checked: String,
    /// What a person should know before relying on it.
    pub warnings: Vec<String>,
}

/// The body of a record of `PLANS`: the report with the whole situation, so that the plan can be replayed in court.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptPlan {
    /// Always `comity.kept-plan/1`.
    pub schema: String,
    /// What was said.
    pub report: PlanReport,
    /// What it was made from.
    pub situation: Situation,
}

impl Node {
    /// Plans for a case: who removes what, by which power and authority, at one hour, and what no partner can reach.
    ///
    /// The same home, hour and options at the same instant give the same plan. Plan and situation are kept.
    ///
    /// # Errors
    /// CMT-1123 no such case, CMT-0820 to CMT-0824 a situation that cannot be planned on, CMT-1129 where the
    /// independent checker objects.
    pub async fn plan(&self, case: &str, opts: PlanOptions) -> Result<PlanReport, NodeError> {
        let case = self.case_refresh_if_open(case).await?;
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let hour = opts.hour.unwrap_or_else(|| default_hour(now));
        // Before any work: a horizon of nothing, or an hour that has passed.
        early(opts.horizon, hour, now)?;
        let findings = self.standing().await?;
        let threats: Vec<Threat> =
            self.threats().await?.into_iter().filter(|t| case.threats.contains(&t.id)).collect();
        let days: Vec<Day> = (0..i32::from(opts.horizon)).map(|n| hour.day().plus(n)).collect();
        let tables = self.tables().await?;
        let counted = counted(&tables, &threats, &findings, hour).await?;
        let register = Register::of(&findings);
        let (authorities, mut warnings) = documents(self).await?;
        warnings.extend(register.disputes.iter().cloned());
        warnings.extend(counted.warnings.iter().cloned());
        warnings.extend(harm::warnings(&threats, &findings));
        if threats.is_empty() {
            warnings.push("The case names no threat that stands: there is nothing to remove.".into());
        }
        let knowledge = Knowledge::new(&threats, &findings, days.iter().copied());
        let situation = Situation {
            now,
            hour,
            horizon_days: opts.horizon,
            groups: counted.groups,
            algorithms: targets::algorithms(&knowledge),
            targets: targets::targets(&threats, &knowledge, &findings, &register, &days),
            powers: powers(&*self.agreements().await?, hour),
            authorities,
            deconfliction: self.answers().await?.into_iter().map(answer).collect(),
            rebuild_budget: opts.rebuild,
            collateral_cap: opts.collateral,
        };
        if situation.powers.is_empty() {
            warnings
                .push("No agreement in force at the hour gives anybody a power: nothing can be done.".into());
        }
        let (plan, verdict) = made(situation.clone()).await?;
        let report = PlanReport {
            schema: "comity.plan-report/1".into(),
            case: case.id.clone(),
            situation: SituationSummary {
                bots: plan.population,
                seen: counted.seen,
                counted: counted.sentences,
                first_day: counted.window.map(|w| w.from.day()),
                last_day: counted.window.map(|w| w.until.plus_micros(-1).day()),
                estimate: counted.estimate,
                groups: situation.groups.len(),
                targets: situation.targets.len(),
                powers: situation.powers.len(),
                authorities: situation.authorities.len(),
                answers: situation.deconfliction.len(),
            },
            checked: sentence(&verdict, &plan),
            plan,
            warnings,
        };
        self.keep_plan(&report, situation, now).await?;
        Ok(report)
    }

    /// A plan as it was made.
    ///
    /// # Errors
    /// CMT-1123 where there is none of that id.
    pub async fn plan_show(&self, id: &str) -> Result<PlanReport, NodeError> {
        Ok(self.kept_plan(id).await?.report)
    }

    /// What partners are asked about before a plan is acted on: fixed domains, addresses without port, then generated
    /// names as far as one question holds them (10,000). Accounts are not among them: a question travels as criminals'
    /// infrastructure in clear, and an account is a person's.
    ///
    /// # Errors
    /// CMT-1123 where there is no such plan.
    pub async fn plan_assets(&self, id: &str) -> Result<Vec<String>, NodeError> {
        Ok(asked(&self.kept_plan(id).await?.situation))
    }

    /// A plan with the situation it was made from.
    pub(crate) async fn kept_plan(&self, id: &str) -> Result<KeptPlan, NodeError> {
        let mut conn = self.state.read().await?;
        let found: Option<Record<KeptPlan>> = records::PLANS.get(&mut conn, id).await?;
        let missing = || NodeError::Missing { what: "plan", id: id.to_owned(), list: "`comity case list`" };
        Ok(found.ok_or_else(missing)?.body)
    }

    /// The newest plan of a case.
    pub(crate) async fn newest_plan(&self, case: &CaseId) -> Result<Option<Record<KeptPlan>>, NodeError> {
        let mut conn = self.state.read().await?;
        let all: Vec<Record<KeptPlan>> = records::PLANS.of(&mut conn, case.as_str()).await?;
        // One that packages were written for stands before drafts of the same time.
        let acted = |r: &Record<KeptPlan>| r.status != "planned";
        Ok(all.into_iter().max_by_key(|r| (acted(r), r.body.situation.now, r.id.clone())))
    }

    async fn case_refresh_if_open(&self, id: &str) -> Result<threat::Case, NodeError> {
        let case = self.case_show(id).await?;
        match case.state {
            threat::CaseState::Open => self.case_refresh(id).await,
            threat::CaseState::Closed => Err(threat::CaseError::Closed(case.id).into()),
        }
    }

    async fn keep_plan(
        &self,
        report: &PlanReport,
        situation: Situation,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let record = Record {
            id: report.plan.id.to_string(),
            belongs: report.case.to_string(),
            status: "planned".into(),
            at: now,
            until: Some(report.plan.hour),
            body: KeptPlan { schema: "comity.kept-plan/1".into(), report: report.clone(), situation },
        };
        let mut tx = self.state.begin().await?;
        records::PLANS.put(&mut tx, &record).await?;
        Ok(tx.commit().await?)
    }
}

/// Ten days from now, on the next full hour.
fn default_hour(now: Timestamp) -> Timestamp {
    let later = now.plus_days(DEFAULT_DAYS).0;
    Timestamp(
        later.div_euclid(HOUR).saturating_add(i64::from(later.rem_euclid(HOUR) > 0)).saturating_mul(HOUR),
    )
}

fn early(horizon: u16, hour: Timestamp, now: Timestamp) -> Result<(), SituationError> {
    if horizon == 0 || horizon > MAX_HORIZON_DAYS {
        Err(SituationError::Horizon { days: horizon })
    } else if hour < now {
        Err(SituationError::HourPassed { hour, now })
    } else {
        Ok(())
    }
}

/// Plans and checks beside the asynchronous threads: a large operation takes minutes.
async fn made(situation: Situation) -> Result<(Plan, Verdict), NodeError> {
    let work = move || {
        let plan = takedown::plan(&situation)?;
        let verdict = takedown::check(&situation, &plan).map_err(|v| unsound(&v))?;
        Ok::<_, NodeError>((plan, verdict))
    };
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|e| NodeError::Unsound { what: format!("the planning thread ended: {e}") })?
}

/// The checker's objections as an error.
pub(crate) fn unsound(violations: &[Violation]) -> NodeError {
    NodeError::Unsound { what: objections(violations) }
}

/// The first objections in one line.
pub(crate) fn objections(violations: &[Violation]) -> String {
    let shown: Vec<String> = violations.iter().take(MOST_SHOWN).map(ToString::to_string).collect();
    let more = violations.len().saturating_sub(MOST_SHOWN);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join("; "))
}

fn sentence(verdict: &Verdict, plan: &Plan) -> String {
    format!(
        "The independent checker recomputed the plan from the situation and agrees: {} lawful actions, {} of {} bots \
         survive, {} could be won back, {} innocent tenants cut off, {}.{:02} in costs.",
        verdict.actions,
        verdict.surviving,
        plan.population,
        verdict.recovery,
        verdict.collateral,
        verdict.cost_cents / 100,
        verdict.cost_cents % 100
    )
}

/// The bots of a case before an hour.
struct Counted {
    groups: Vec<BotGroup>,
    seen: u64,
    window: Option<Window>,
    estimate: Option<Estimate>,
    sentences: Vec<String>,
    warnings: Vec<String>,
}

async fn counted(
    tables: &Telemetry,
    threats: &[Threat],
    findings: &[Finding],
    hour: Timestamp,
) -> Result<Counted, NodeError> {
    let Some((window, _, census)) = before(tables, threats, findings, None, hour).await? else {
        return Ok(nobody(threats, findings));
    };
    if census.seen == 0 {
        return Ok(Counted { window: Some(window), ..nobody(threats, findings) });
    }
    let (from, until) = (window.from.day(), window.until.plus_micros(-1).day());
    let mut sentences = vec![format!(
        "{} bots were seen by their own ids from {from} to {until}, {} of them labelled with a variant whose channels \
         are known",
        census.seen, census.labelled
    )];
    let mut warnings = Vec::new();
    let estimate = match estimate(&census.counts()) {
        Ok(found) => {
            sentences.push(format!(
                "{:.0} bots are estimated ({:.0} to {:.0}, 95 %): each group is scaled by {:.3}",
                found.bots,
                found.lower,
                found.upper,
                found.bots / census.seen as f64
            ));
            Some(found)
        }
        Err(refusal) => {
            sentences.push("Only the seen bots are counted".into());
            warnings.push(format!("{refusal}; the plan counts the bots that were seen, and there are more."));
            None
        }
    };
    let factor = estimate.as_ref().map_or(1.0, |e| e.bots / census.seen as f64);
    Ok(Counted {
        groups: scaled(&census.groups, factor),
        seen: census.seen,
        window: Some(window),
        estimate,
        sentences,
        warnings,
    })
}

/// The two weeks up to the last sighting before the hour's day, or the time from `from` on, with who was seen in it.
/// None where there was no sighting.
pub(crate) async fn before(
    tables: &Telemetry,
    threats: &[Threat],
    findings: &[Finding],
    from: Option<Timestamp>,
    hour: Timestamp,
) -> Result<Option<(Window, Knowledge, Census)>, NodeError> {
    let bound = hour.day().start();
    // Times before 1970 are nobody's.
    let all = Window { from: Timestamp(0), until: bound };
    let Some((_, last)) = tables.span(all).await? else { return Ok(None) };
    let window = match from {
        Some(from) => census::one_period(Window {
            from: from.day().start(),
            until: last.day().plus(1).start().min(bound),
        }),
        None => census::weeks_before(last),
    };
    let knowledge = Knowledge::new(threats, findings, days_of(window));
    let mut census = Census::default();
    tables.each_bot(window, &mut |calls| census.add(&knowledge, calls)).await?;
    Ok(Some((window, knowledge, census)))
}

/// The days of a window; at most a year of them.
pub(crate) fn days_of(window: Window) -> impl Iterator<Item = Day> {
    let (first, last) = (window.from.day(), window.until.plus_micros(-1).day());
    (first.0..=last.0).take(usize::from(MAX_HORIZON_DAYS)).map(Day)
}

/// No bot was seen: each variant counts as one, so that its channels are planned against all the same.
fn nobody(threats: &[Threat], findings: &[Finding]) -> Counted {
    let knowledge = Knowledge::new(threats, findings, []);
    let variants: BTreeMap<Vec<String>, u64> = knowledge.signatures.iter().map(|s| (s.keys(), 1)).collect();
    Counted {
        groups: scaled(&variants, 1.0),
        seen: 0,
        window: None,
        estimate: None,
        sentences: vec!["No bot was seen: each variant counts as one bot".into()],
        warnings: vec![
            "No bot of this case was seen at a sinkhole: the plan's numbers of bots say nothing about how many there are."
                .into(),
        ],
    }
}

/// Groups with their numbers scaled and rounded, largest first. A group that was seen never rounds to nobody.
fn scaled(groups: &BTreeMap<Vec<String>, u64>, factor: f64) -> Vec<BotGroup> {
    let mut out: Vec<BotGroup> = groups
        .iter()
        .map(|(signature, bots)| {
            let scaled = (*bots as f64 * factor).round() as u64;
            BotGroup { signature: signature.clone(), bots: scaled.max(u64::from(*bots > 0)) }
        })
        .collect();
    out.sort_by(|a, b| b.bots.cmp(&a.bots).then_with(|| a.signature.cmp(&b.signature)));
    out
}

/// What every party of every agreement in force at the hour can do then, each once.
pub(crate) fn powers(agreements: &Agreements, hour: Timestamp) -> Vec<PowerGrant> {
    let parties: BTreeSet<&PartnerId> =
        agreements.in_force(hour).flat_map(|s| s.agreement().parties()).collect();
    let mut out: Vec<PowerGrant> = Vec::new();
    for partner in parties {
        out.extend(agreements.powers(partner, hour).into_iter().map(|p| PowerGrant {
            clause: p.clause,
            partner: p.partner,
            member: p.member,
            instrument: p.instrument,
            class: p.class,
            places: p.places,
            lead_minutes: p.lead_minutes,
            cost_cents: p.cost_cents,
        }));
    }
    out
}

/// The authority documents in the vault, and a sentence for each exhibit that is none: a bad document gives no power
/// and stops nobody else's.
pub(crate) async fn documents(node: &Node) -> Result<(Vec<Authority>, Vec<String>), NodeError> {
    let (mut out, mut bad) = (Vec::<Authority>::new(), Vec::new());
    let mut after = None;
    loop {
        let mut conn = node.state.read().await?;
        let page = exhibits::of_kind(&mut conn, ExhibitKind::Authority, after.as_ref(), 1000).await?;
        drop(conn);
        let Some(last) = page.last().map(|e| e.id) else { break };
        for exhibit in page.iter().filter(|e| e.erased_at.is_none()) {
            let read = node.vault.read(&exhibit.id, MAX_AUTHORITY_BYTES as u64).await;
            let parsed =
                read.map_err(|e| e.to_string()).and_then(|b| Authority::parse(&b).map_err(|e| e.to_string()));
            match parsed {
                Ok(act) if out.contains(&act) => {}
                Ok(act) => out.push(act),
                Err(why) => {
                    let short: String = exhibit.id.to_string().chars().take(16).collect();
                    bad.push(format!("Exhibit {short} was taken for an authority and gives none: {why}."));
                }
            }
        }
        after = Some(last);
    }
    out.sort_by(|a, b| a.id.cmp(&b.id));
    Ok((out, bad))
}

/// A kept answer as a situation has it.
pub(crate) fn answer(kept: KeptAnswer) -> Answer {
    let KeptAnswer { asset, partner, hit, contact, until } = kept;
    Answer { asset, partner, hit, contact, delay_until: until }
}

fn asked(situation: &Situation) -> Vec<String> {
    let fixed: BTreeSet<String> = situation
        .targets
        .iter()
        .filter_map(|t| match &t.asset {
            Asset::Channel { channel } => {
                Some(channel.ip().map_or_else(|| channel.key(), |ip| ip.to_string()))
            }
            Asset::Generated { .. } | Asset::Account { .. } => None,
        })
        .collect();
    let generated = situation.targets.iter().flat_map(|t| match &t.asset {
        Asset::Generated { names, .. } => names.as_slice(),
        _ => &[],
    });
    let mut out: Vec<String> = fixed.iter().cloned().collect();
    out.extend(generated.filter(|n| !fixed.contains(*n)).cloned());
    out.truncate(MOST_ASKED);
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;

    #[test]
    fn the_default_hour_is_full_and_ten_days_away() {
        for (now, hour) in [
            ("2026-03-01T10:00:00Z", "2026-03-11T10:00:00Z"),
            ("2026-03-01T10:00:00.000001Z", "2026-03-11T11:00:00Z"),
            ("2026-02-27T23:30:00Z", "2026-03-10T00:00:00Z"),
        ] {
            assert_eq!(default_hour(now.parse().unwrap()).to_string(), hour);
        }
    }

    #[test]
    fn groups_are_scaled_by_one_factor_and_nobody_is_lost() {
        let group = |names: &[&str], n| (names.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>(), n);
        let groups = BTreeMap::from([group(&["a"], 10), group(&["a", "b"], 300), group(&["c"], 1)]);
        let found: Vec<u64> = scaled(&groups, 1.1).iter().map(|g| g.bots).collect();
        assert_eq!(found, [330, 11, 1]);
        assert_eq!(scaled(&groups, 0.01).iter().map(|g| g.bots).collect::<Vec<_>>(), [3, 1, 1]);
    }

    #[test]
    fn an_answer_keeps_its_schema() {
        let kept = KeptAnswer {
            asset: "a.example".into(),
            partner: PartnerId::new("police").unwrap(),
            hit: true,
            contact: None,
            until: None,
        };
        let text = serde_json::to_string(&kept).unwrap();
        assert!(text.contains("\"schema\":\"comity.answer/1\""), "{text}");
        assert_eq!(serde_json::from_str::<KeptAnswer>(&text).unwrap(), kept);
    }
}
