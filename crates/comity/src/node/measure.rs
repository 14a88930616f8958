//! `measure`: how many bots there are, and what became of them after an operation.
//!
//! Here: the two windows, who is in which class, the chance of seeing a bot. Elsewhere: the estimator (`botnet`), what
//! follows from counts and chances (`takedown::outcome`).
//!
//! How the outcome is measured, in the order of the numbers:
//! 1. **Before.** The population is estimated from the bots' own ids over the two weeks up to the last sighting before
//!    the hour's day. From the same window: the mean share of that population that the sensors see on one day, and on
//!    at least one of two days in a row. These are the chances of seeing a bot that is still infected.
//! 2. **Class.** A bot seen after the hour's day is *migrated* if it called a channel that nobody knew before, else
//!    *surviving* if it called a known channel that the plan did not take, else *contained*. All days after count for
//!    the class, because a bot does not try every channel in every session.
//! 3. **Now.** How many of each class there are is counted on the last two days only and divided by the chance for two
//!    days: machines that were cleaned on the way were seen on the first days and are gone on the last.
//! 4. **Cured** is what is left of the population before.
//! 5. **Survival.** The machines that were infected at the hour are followed day by day, in each country and network, and the
//!    days after are watched for a botnet that comes back (`cohort`). Where the data cannot tell that, the rest stands.
//!
//! Where the plan expects survivors and nothing at all was seen on channels that stand, no sensor watches these: then
//! bots whose variant knows such a channel count as surviving by the plan's own number, marked as not measured.
//! Both windows lie in one month each, because pseudonyms change with the month; they need not be the same month.

use super::Node;
use super::cohort::{self, Following, Survival, Watched};
use super::error::NodeError;
use super::plan::census::{self, Census, Knowledge, one_period};
use super::plan::{self, KeptPlan};
use crate::store::records::{self, Record};
use botnet::Telemetry;
use botnet::telemetry::{Calls, Estimate, Window, estimate};
use privacy::Period;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use takedown::{Asset, DayCount, FollowUp, Outcome, Plan, Population, Seen};
use terms::{Day, PlanId, Timestamp};

/// Most days of the window after: the longest that one population is estimated over.
const MOST_DAYS: i64 = 62;
/// Labels that a population report lists.
const MOST_LABELS: usize = 1_000;

/// Names of the shares of a measured outcome, in this order; an exercise's truth uses the same
/// ([`super::reporting::TruthView`]). They add up to the population before.
pub const SHARES: [&str; 3] = ["contained", "still commanded", "cured"];

/// The bots of a time (`comity.population/1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PopulationReport {
    /// Always `comity.population/1`.
    pub schema: String,
    /// First day.
    pub from: Day,
    /// Last day.
    pub until: Day,
    /// The estimate.
    pub estimate: Estimate,
    /// Distinct bots with an id of their own, by the label of their latest sighting (`family/variant`; empty where
    /// nobody labelled them), largest first; at most 1,000.
    pub labels: Vec<(String, u64)>,
    /// Distinct bots with an id of their own on each day.
    pub days: Vec<(Day, u64)>,
}

/// One day of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DailyCount {
    /// The day.
    pub day: Day,
    /// Distinct bots seen.
    pub seen: u64,
    /// Bots that the criminals could command that day: those seen that they could, divided by the chance of seeing one
    /// on one day.
    pub commanded: f64,
    /// Whether the day lies after the hour's day.
    pub after: bool,
}

/// A measured outcome (`comity.measured/1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasureReport {
    /// Always `comity.measured/1`.
    pub schema: String,
    /// The plan.
    pub plan: PlanId,
    /// When it was measured.
    pub at: Timestamp,
    /// First and last day of the window before.
    pub before: (Day, Day),
    /// First and last day of the window after.
    pub after: (Day, Day),
    /// Days at the end of the window after on which the classes were counted.
    pub counted_on: Vec<Day>,
    /// The estimated population before.
    pub estimate: Estimate,
    /// Chance that a bot is seen on one day.
    pub chance_day: f64,
    /// Chance that a bot is seen on at least one of the days of `counted_on`.
    pub chance_counted: f64,
    /// The outcome.
    pub outcome: Outcome,
    /// Day by day, before and after.
    pub daily: Vec<DailyCount>,
    /// The shares by name ([`SHARES`]), in bots.
    pub shares: Vec<(String, f64)>,
    /// What it says, in sentences.
    pub sentences: Vec<String>,
    /// What became of the machines that were infected at the hour; none where the data cannot tell.
    #[serde(default)]
    pub survival: Option<Survival>,
    /// Why they cannot.
    #[serde(default)]
    pub no_survival: Option<String>,
    /// The watch for a botnet that comes back; none where too few days were seen.
    #[serde(default)]
    pub watched: Option<Watched>,
    /// Why there is none.
    #[serde(default)]
    pub not_watched: Option<String>,
}

fn cannot(why: impl ToString) -> NodeError {
    NodeError::CannotTell { why: why.to_string() }
}

/// From the start of the day of `from` (or of the epoch) to the end of the day of `until` (or of time).
pub(crate) fn days(from: Option<Timestamp>, until: Option<Timestamp>) -> Window {
    Window {
        from: from.map_or(Timestamp(0), |t| t.day().start()),
        until: until.map_or(Timestamp(i64::MAX), |t| t.day().plus(1).start()),
    }
}

impl Node {
    /// Counts the bots of a time, all botnets together: seen ones exactly, all of them by estimate. `from` and `until`
    /// name the first and the last day; without them, the two weeks up to the last sighting. The time is cut to one
    /// month, because pseudonyms change with the month.
    ///
    /// # Errors
    /// CMT-1128 where the data cannot tell.
    pub async fn population(
        &self,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<PopulationReport, NodeError> {
        let tables = self.tables().await?;
        let asked = days(from, until);
        let nothing = || cannot("no bot was seen in this time");
        // One line that bears a date to come does not move the window: what is dated up to tomorrow goes first.
        let tomorrow = self.clock.now().day().plus(2).start();
        let near = Window { until: asked.until.min(tomorrow), ..asked };
        let span = match tables.span(near).await? {
            None => tables.span(asked).await?,
            found => found,
        };
        let (_, last) = span.ok_or_else(nothing)?;
        let window = match from {
            Some(_) => one_period(Window { from: asked.from, until: last.day().plus(1).start() }),
            None => census::weeks_before(last),
        };
        let estimate = tables.population(window, None).await?.map_err(cannot)?;
        let (mut labels, mut per_day) = (BTreeMap::<String, u64>::new(), BTreeMap::<Day, u64>::new());
        tables
            .each_bot(window, &mut |calls| {
                *labels.entry(calls.botnet.unwrap_or_default().to_owned()).or_default() += 1;
                for day in calls.seen.iter().map(|(d, _)| *d).collect::<BTreeSet<_>>() {
                    *per_day.entry(day).or_default() += 1;
                }
            })
            .await?;
        let mut labels: Vec<(String, u64)> = labels.into_iter().collect();
        labels.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        labels.truncate(MOST_LABELS);
        Ok(PopulationReport {
            schema: "comity.population/1".into(),
            from: window.from.day(),
            until: window.until.plus_micros(-1).day(),
            estimate,
            labels,
            days: per_day.into_iter().collect(),
        })
    }

    /// Measures what a plan did: the bots before its hour against those after. `from` is the first day of the window
    /// before (default: two weeks up to the last sighting before the hour's day), `until` the last day of the window
    /// after (default: the last day with sightings); both days count whole. The result is kept.
    ///
    /// # Errors
    /// CMT-1123 no such plan, CMT-1128 where the data cannot tell, with the reason.
    pub async fn measure(
        &self,
        plan_id: &str,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<MeasureReport, NodeError> {
        let kept = self.kept_plan(plan_id).await?;
        let plan = &kept.report.plan;
        let case = self.case_show(kept.report.case.as_str()).await?;
        let findings = self.standing().await?;
        let threats: Vec<_> =
            self.threats().await?.into_iter().filter(|t| case.threats.contains(&t.id)).collect();
        let tables = self.tables().await?;
        let found = plan::before(&tables, &threats, &findings, from, plan.hour).await?;
        let (before, _, census) = found.ok_or_else(|| cannot(takedown::CannotTell::Before))?;
        let estimate = estimate(&census.counts()).map_err(cannot)?;
        let chances = census.chances(estimate.bots);
        let (chance_day, chance_pair) = chances.ok_or_else(|| cannot(takedown::CannotTell::Before))?;

        let first = plan.hour.day().plus(1).start();
        let limit = days(None, until).until.min(first.plus_days(MOST_DAYS));
        let late = || cannot(takedown::CannotTell::TooEarly(0));
        if limit <= first {
            return Err(late());
        }
        let (_, last) = tables.span(Window { from: first, until: limit }).await?.ok_or_else(late)?;
        let after = one_period(Window { from: first, until: last.day().plus(1).start() });
        let all_days = plan::days_of(before).chain(plan::days_of(after));
        let sorter = Sorter::new(&kept, Knowledge::new(&threats, &findings, all_days), &census);
        let mut seen = After { last: after.until.plus_micros(-1).day(), ..After::default() };
        tables.each_bot(after, &mut |calls| seen.add(&sorter, calls)).await?;

        let (counted_on, counts, chance_counted) = match seen.days.contains_key(&seen.last.plus(-1)) {
            true => (vec![seen.last.plus(-1), seen.last], seen.last_two, chance_pair),
            false => (vec![seen.last], seen.last_one, chance_day),
        };
        let blind = plan.expected_surviving > 0 && !seen.standing;
        let follow_up = follow_up(&census, &seen, counts, chance_counted, blind);
        let population = Population { bots: estimate.bots, low: estimate.lower, high: estimate.upper };
        let mut outcome = takedown::outcome(&population, &follow_up, plan).map_err(cannot)?;
        let (survival, no_survival) =
            parted(self.followed(&tables, &sorter, (before, plan.hour.day()), limit, blind).await?);
        let commanded: Vec<(Day, u64)> =
            seen.days.iter().map(|(day, c)| (*day, c.surviving + c.migrated)).collect();
        let (watched, not_watched) = parted(cohort::watch(&commanded));
        if let (None, Some((since, why))) =
            (&outcome.resurgence, watched.as_ref().and_then(|w| Some((w.since?, w.why.clone()))))
        {
            outcome.resurgence = Some(takedown::Resurgence { since, why });
        }
        let mut said = sentences(&outcome, plan, &counted_on, chance_counted, blind);
        said.extend(cohort::sentences(survival.as_ref(), no_survival.as_deref()));
        let report = MeasureReport {
            schema: "comity.measured/1".into(),
            plan: plan.id.clone(),
            at: self.clock.now(),
            before: (before.from.day(), before.until.plus_micros(-1).day()),
            after: (after.from.day(), seen.last),
            daily: daily(&census, &seen, chance_day, blind.then_some(outcome.surviving.bots)),
            shares: shares(&outcome),
            sentences: said,
            survival,
            no_survival,
            watched,
            not_watched,
            counted_on,
            estimate,
            chance_day,
            chance_counted,
            outcome,
        };
        self.keep_outcome(&report).await?;
        Ok(report)
    }

    /// The machines that were infected at the hour, followed within the hour's month; in words where the data cannot tell.
    async fn followed(
        &self,
        tables: &Telemetry,
        sorter: &Sorter,
        (before, hour): (Window, Day),
        limit: Timestamp,
        blind: bool,
    ) -> Result<Result<Survival, String>, NodeError> {
        let (first, seen) = (hour.plus(1), before.until.plus_micros(-1).day());
        let month = |day: Day| Period::of(day.start());
        if month(seen) != month(first) {
            let why = "the days before the hour lie in another month than those after it, and pseudonyms change with the month";
            return Ok(Err(why.to_owned()));
        }
        // A month has 31 days at most.
        let end = (0..=31).map(|n| first.plus(n)).find(|d| month(*d) != month(first));
        let until = end.map_or(limit, |d| d.start().min(limit));
        let found = tables.span(Window { from: first.start(), until }).await?;
        let Some((_, last)) = found else {
            return Ok(Err("nothing was seen after the hour in its month".into()));
        };
        let after = Window { from: first.start(), until: last.day().plus(1).start() };
        let mut following = Following::default();
        tables
            .each_followed(before, after, &mut |bot| {
                if sorter.knowledge.concerns(&bot.calls) {
                    let days: BTreeSet<Day> = bot.calls.seen.iter().map(|(d, _)| *d).collect();
                    let knows = || sorter.knowledge.signature(&bot.calls);
                    let unseen = blind && knows().iter().any(|k| sorter.open.contains(k));
                    following.add((bot.place, bot.network), &days, first, unseen);
                }
            })
            .await?;
        Ok(following.judge(seen, (first, last.day())))
    }

    async fn keep_outcome(&self, report: &MeasureReport) -> Result<(), NodeError> {
        let record = Record {
            id: format!("{}/{}", report.plan, report.after.1),
            belongs: report.plan.to_string(),
            status: if report.outcome.resurgence.is_some() { "resurgence".into() } else { "measured".into() },
            at: report.at,
            until: None,
            body: report.clone(),
        };
        let mut tx = self.state.begin().await?;
        records::OUTCOMES.put(&mut tx, &record).await?;
        Ok(tx.commit().await?)
    }

    /// The newest measured outcome of a plan.
    pub(crate) async fn newest_outcome(&self, plan: &PlanId) -> Result<Option<MeasureReport>, NodeError> {
        let mut conn = self.state.read().await?;
        let all: Vec<Record<MeasureReport>> = records::OUTCOMES.of(&mut conn, plan.as_str()).await?;
        Ok(all.into_iter().map(|r| r.body).max_by_key(|r| (r.after.1, r.at)))
    }
}

fn parted<T>(told: Result<T, String>) -> (Option<T>, Option<String>) {
    match told {
        Ok(told) => (Some(told), None),
        Err(why) => (None, Some(why)),
    }
}

/// What a bot seen after the hour is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Contained,
    Surviving,
    Migrated,
    /// It only called taken channels, and its variant knows one that stands.
    Doubtful,
}

/// Bots by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Classes {
    contained: u64,
    surviving: u64,
    migrated: u64,
    doubtful: u64,
}

impl Classes {
    fn count(&mut self, class: Class) {
        match class {
            Class::Contained => self.contained += 1,
            Class::Surviving => self.surviving += 1,
            Class::Migrated => self.migrated += 1,
            Class::Doubtful => self.doubtful += 1,
        }
    }
}

/// Tells the classes apart.
struct Sorter {
    knowledge: Knowledge,
    /// Keys that the plan took: channels, and each generated name.
    taken: HashSet<String>,
    /// Servers that the plan took: each of their ports.
    hosts: HashSet<IpAddr>,
    /// Folded keys that were known before the hour beside those of `knowledge`.
    known: BTreeSet<String>,
    /// Folded keys of channels that stand after the plan and keep bots alive.
    open: BTreeSet<String>,
}

impl Sorter {
    fn new(kept: &KeptPlan, knowledge: Knowledge, before: &Census) -> Self {
        let (mut taken, mut hosts) = (HashSet::new(), HashSet::new());
        for action in &kept.report.plan.actions {
            match &action.asset {
                Asset::Channel { channel } => {
                    taken.insert(channel.key());
                    hosts.extend(channel.ip());
                }
                Asset::Generated { names, .. } => taken.extend(names.iter().cloned()),
                Asset::Account { .. } => {}
            }
        }
        let groups = kept.situation.groups.iter().flat_map(|g| g.signature.iter().cloned());
        let targets = kept.situation.targets.iter().filter_map(|t| t.asset.channel_key());
        let known = groups.chain(targets).chain(before.channels.iter().cloned()).collect();
        let open = kept.report.plan.floor.groups.iter().flat_map(|g| g.open.iter().cloned()).collect();
        Self { knowledge, taken, hosts, known, open }
    }

    fn taken(&self, key: &str) -> bool {
        self.taken.contains(key)
            || key.parse::<std::net::SocketAddr>().is_ok_and(|a| self.hosts.contains(&a.ip()))
    }

    /// The class of a bot of this case by all that it called after the hour; none for another's.
    fn class(&self, calls: &Calls<'_>) -> Option<Class> {
        let standing: Vec<&str> = calls.seen.iter().map(|(_, c)| &**c).filter(|c| !self.taken(c)).collect();
        if !self.knowledge.concerns(calls) {
            return None;
        }
        let known = |c: &&str| self.knowledge.knows(c) || self.known.contains(self.knowledge.fold(c));
        Some(if standing.iter().any(|c| !known(c)) {
            Class::Migrated
        } else if !standing.is_empty() {
            Class::Surviving
        } else if self.knowledge.signature(calls).iter().any(|k| self.open.contains(k)) {
            Class::Doubtful
        } else {
            Class::Contained
        })
    }
}

/// What was seen after the hour's day.
#[derive(Debug, Default)]
struct After {
    last: Day,
    days: BTreeMap<Day, Classes>,
    last_one: Classes,
    last_two: Classes,
    /// Whether any channel that stands, known or new, was seen to be called.
    standing: bool,
}

impl After {
    fn add(&mut self, sorter: &Sorter, calls: &Calls<'_>) {
        let Some(class) = sorter.class(calls) else { return };
        self.standing |= matches!(class, Class::Surviving | Class::Migrated);
        let days: BTreeSet<Day> = calls.seen.iter().map(|(d, _)| *d).collect();
        let (on_last, on_second) = (days.contains(&self.last), days.contains(&self.last.plus(-1)));
        if on_last {
            self.last_one.count(class);
        }
        if on_last || on_second {
            self.last_two.count(class);
        }
        for day in days {
            self.days.entry(day).or_default().count(class);
        }
    }
}

/// With a sensor on standing channels, a bot that only calls taken ones is contained whatever its variant could do (a
/// standing channel may be dead by itself, as a cleaned host). Without one, the doubtful are left to the plan's number.
fn follow_up(before: &Census, after: &After, counts: Classes, chance: f64, blind: bool) -> FollowUp {
    let sure = |c: &Classes| if blind { c.contained } else { c.contained + c.doubtful };
    let seen = |bots| Seen { bots, detection: chance };
    let earlier =
        before.days.iter().map(|(day, n)| DayCount { day: *day, contained: *n, surviving: 0, migrated: 0 });
    let later = after.days.iter().map(|(day, c)| DayCount {
        day: *day,
        contained: c.contained + c.doubtful,
        surviving: c.surviving,
        migrated: c.migrated,
    });
    FollowUp {
        by_identity: true,
        contained: seen(sure(&counts)),
        surviving: (!blind).then(|| seen(counts.surviving)),
        migrated: seen(counts.migrated),
        days: earlier.chain(later).collect(),
    }
}

/// Day by day the bots that could be commanded. `assumed` stands for the surviving where no sensor sees them.
fn daily(before: &Census, after: &After, chance: f64, assumed: Option<f64>) -> Vec<DailyCount> {
    let whole = |n: u64| n as f64 / chance.max(f64::MIN_POSITIVE);
    let earlier = before.days.iter().map(|(day, seen)| DailyCount {
        day: *day,
        seen: *seen,
        commanded: whole(*seen),
        after: false,
    });
    let later = after.days.iter().map(|(day, c)| DailyCount {
        day: *day,
        seen: c.contained + c.surviving + c.migrated + c.doubtful,
        commanded: assumed.unwrap_or_else(|| whole(c.surviving)) + whole(c.migrated),
        after: true,
    });
    earlier.chain(later).collect()
}

fn shares(outcome: &Outcome) -> Vec<(String, f64)> {
    let values = [outcome.contained.bots, outcome.surviving.bots + outcome.migrated.bots, outcome.cured.bots];
    SHARES.iter().zip(values).map(|(name, bots)| ((*name).to_owned(), bots)).collect()
}

fn sentences(outcome: &Outcome, plan: &Plan, counted_on: &[Day], chance: f64, blind: bool) -> Vec<String> {
    let b = &outcome.before;
    let commanded = outcome.surviving.bots + outcome.migrated.bots;
    let days: Vec<String> = counted_on.iter().map(ToString::to_string).collect();
    let mut out = vec![
        format!(
            "Before the hour about {:.0} machines were infected ({:.0} to {:.0}, 95 %), and the criminals could command \
             every one.",
            b.bots, b.low, b.high
        ),
        format!(
            "At the end of the days watched they can still command about {commanded:.0}: {:.0} over channels that were \
             known and stand, {:.0} over channels that nobody knew before.",
            outcome.surviving.bots, outcome.migrated.bots
        ),
        format!(
            "About {:.0} machines are infected and commanded by nobody; about {:.0} ({:.0} to {:.0}) were cleaned or \
             have gone.",
            outcome.contained.bots, outcome.cured.bots, outcome.cured.low, outcome.cured.high
        ),
        format!(
            "Counted by the bots' own ids on {}; a machine that is infected is seen in that time with a chance of {:.0} %.",
            days.join(" and "),
            chance * 100.0
        ),
        format!("The plan expected {} of {} bots to survive.", plan.expected_surviving, plan.population),
    ];
    if blind {
        out.push(
            "No sensor watches the channels that stand: the number of those still commanded is the plan's, and was not \
             measured."
                .into(),
        );
    }
    if let Some(alarm) = &outcome.resurgence {
        out.push(format!("ALARM since {}: {}.", alarm.since, alarm.why));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use terms::{Channel, Confidence, ExhibitId, FindingBody, Unsealed};

    fn sorter() -> Sorter {
        let body = FindingBody::Configuration {
            family: "f".into(),
            campaign: None,
            variant: Some("1".into()),
            channels: vec![Channel::domain("one.example"), Channel::domain("two.example")],
            dga: None,
            values: vec![],
        };
        let reason = "read".to_owned();
        let finding =
            Unsealed { examiner: "t".into(), version: 1, confidence: Confidence::new(90), reason, body }
                .seal(vec![ExhibitId::of(b"x")]);
        let threats =
            threat::assess(std::slice::from_ref(&finding), threat::Horizon { from: Day(1), days: 1 });
        Sorter {
            knowledge: Knowledge::new(&threats, &[finding], [Day(1)]),
            taken: HashSet::from(["one.example".to_owned()]),
            hosts: HashSet::from([IpAddr::from([198, 18, 7, 10])]),
            known: BTreeSet::from(["old.example".to_owned()]),
            open: BTreeSet::from(["two.example".to_owned()]),
        }
    }

    fn seen(pairs: &[(i32, &str)]) -> Vec<(Day, Arc<str>)> {
        pairs.iter().map(|(d, c)| (Day(*d), Arc::from(*c))).collect()
    }

    #[test]
    fn classes_follow_from_all_that_a_bot_called() {
        let sorter = sorter();
        for (label, called, expected) in [
            (Some("f/1"), vec!["one.example"], Some(Class::Doubtful)),
            (Some("f/9"), vec!["one.example", "198.18.7.10:80"], Some(Class::Doubtful)),
            (Some("f/1"), vec!["one.example", "two.example"], Some(Class::Surviving)),
            (Some("f/1"), vec!["old.example"], Some(Class::Surviving)),
            (Some("f/1"), vec!["two.example", "new.example"], Some(Class::Migrated)),
            (Some("other"), vec!["two.example"], None),
            (None, vec!["new.example"], None),
        ] {
            let pairs: Vec<(i32, &str)> = called.iter().map(|c| (5, *c)).collect();
            let calls = seen(&pairs);
            assert_eq!(
                sorter.class(&Calls { botnet: label, seen: &calls }),
                expected,
                "{label:?} {called:?}"
            );
        }
    }

    #[test]
    fn the_last_two_days_are_counted_and_all_days_decide_the_class() {
        let sorter = sorter();
        let mut after = After { last: Day(7), ..After::default() };
        for called in [
            seen(&[(1, "two.example"), (7, "one.example")]),
            seen(&[(6, "one.example")]),
            seen(&[(2, "one.example")]),
        ] {
            after.add(&sorter, &Calls { botnet: Some("f/1"), seen: &called });
        }
        assert_eq!((after.last_one.surviving, after.last_one.doubtful), (1, 0));
        assert_eq!((after.last_two.surviving, after.last_two.doubtful), (1, 1));
        assert!(after.standing);
        let all = follow_up(&Census::default(), &after, after.last_two, 0.8, false);
        assert_eq!((all.contained.bots, all.surviving.map(|s| s.bots)), (1, Some(1)));
        let blind = follow_up(&Census::default(), &after, after.last_two, 0.8, true);
        assert_eq!((blind.contained.bots, blind.surviving), (0, None));
        let mut census = Census::default();
        census.days.insert(Day(0), 8);
        let curve = daily(&census, &after, 0.8, None);
        let commanded: Vec<f64> = curve.iter().map(|d| d.commanded).collect();
        assert_eq!(commanded, [10.0, 1.25, 0.0, 0.0, 1.25]);
    }

    #[test]
    fn every_port_of_a_taken_server_is_taken() {
        let sorter = sorter();
        assert!(sorter.taken("198.18.7.10:1") && sorter.taken("one.example"));
        assert!(!sorter.taken("198.18.7.11:1") && !sorter.taken("two.example"));
    }
}
