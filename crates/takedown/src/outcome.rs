//! The measured effect: population before and after, by identity; cure apart from migration; resurgence.
//!
//! Elsewhere: counting bots (the botnet laboratory). Bots are counted by identity, never by address. What the data
//! cannot tell is refused, not guessed.

use crate::Plan;
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use terms::{Day, PlanId};

/// A population with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Infected bots, estimated.
    pub bots: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Distinct bots seen in the window after the hour, and how likely a bot of this kind is seen there at all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Distinct bots by identity.
    pub bots: u64,
    /// Probability, above 0 and at most 1, that such a bot is seen at least once in the window. From the window
    /// before: the share of bots of its first half that were seen again in its second half is a fair estimate.
    pub detection: f64,
}

/// One day's distinct bots by identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount {
    /// The day.
    pub day: Day,
    /// On channels that the plan took, or any channel before the hour.
    pub contained: u64,
    /// On channels that were known and stand.
    pub surviving: u64,
    /// On channels that nobody knew before the hour.
    pub migrated: u64,
}

/// What was seen after the hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FollowUp {
    /// Whether bots were counted by identity. Addresses churn: a count of addresses is refused.
    pub by_identity: bool,
    /// Bots that only call taken channels: infected still, commanded by nobody.
    pub contained: Seen,
    /// Bots that call a known channel that stands; none where no sensor watches those channels.
    pub surviving: Option<Seen>,
    /// Bots that call a channel unknown before the hour.
    pub migrated: Seen,
    /// Daily counts, before and after the hour, any order.
    pub days: Vec<DayCount>,
}

/// A number of the outcome with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Best estimate, in bots.
    pub bots: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// False where it was taken from the plan's floor, because no sensor can see it.
    pub measured: bool,
}

/// Why the botnet seems to come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resurgence {
    /// The first of the days that raised the alarm.
    pub since: Day,
    /// In a sentence, with the numbers.
    pub why: String,
}

/// The measured effect of a plan (`comity.outcome/1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Always `comity.outcome/1`.
    pub schema: String,
    /// The plan measured.
    pub plan: PlanId,
    /// Infected before.
    pub before: Population,
    /// Infected, commanded by nobody.
    pub contained: Estimate,
    /// Commanded over channels nobody knew before.
    pub migrated: Estimate,
    /// Infected no more.
    pub cured: Estimate,
    /// Commanded over known channels that stand.
    pub surviving: Estimate,
    /// What the plan expected to survive.
    pub expected_surviving: u64,
    /// Whether the botnet grows again.
    pub resurgence: Option<Resurgence>,
    /// Days for a drawing, in order.
    pub curve: Vec<CurvePoint>,
}

/// One day of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The counts.
    pub count: DayCount,
    /// Whether the day lies after the hour's day.
    pub after: bool,
}

/// Why an outcome cannot be told (exit code 7).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum CannotTell {
    /// Counted by address.
    #[error("the follow-up counts addresses, which churn and are shared: the effect cannot be told from it")]
    #[diagnostic(code("CMT-0850"), help("measure with logs that carry bot ids"))]
    Addresses,
    /// No population before.
    #[error("the population before the hour is not known well enough")]
    #[diagnostic(
        code("CMT-0851"),
        help("ingest at least two days of logs from before the hour, then `comity measure`")
    )]
    Before,
    /// No days after.
    #[error("{0} days after the hour were seen; at least 3 are needed")]
    #[diagnostic(
        code("CMT-0852"),
        help("ingest the logs of the days after the hour, then `comity measure` again")
    )]
    TooEarly(usize),
    /// The sensors see too little.
    #[error("a bot that is {0} would be seen with a probability below 5 %: its absence says nothing")]
    #[diagnostic(code("CMT-0853"), help("keep the sinkhole running longer, or add a sensor"))]
    Blind(&'static str),
    /// More seen than can be.
    #[error(
        "more bots were seen after the hour than the population before allows: the two windows count differently"
    )]
    #[diagnostic(code("CMT-0854"), help("count both windows with the same ids and key period"))]
    Mismatch,
}

/// Compares before and after.
///
/// Contained, surviving and migrated are what was seen, divided by the probability of seeing it; cured is what is left
/// of the population before. Where no sensor watches the channels that stand, the plan's share of surviving bots
/// stands in, with an interval down to zero, and is marked as not measured.
///
/// # Errors
/// Refuses where the data cannot tell; see [`CannotTell`].
pub fn outcome(before: &Population, after: &FollowUp, plan: &Plan) -> Result<Outcome, CannotTell> {
    if !after.by_identity {
        return Err(CannotTell::Addresses);
    }
    let finite = [before.bots, before.low, before.high].iter().all(|n| n.is_finite());
    if !finite || before.low <= 0.0 || before.low > before.bots || before.bots > before.high {
        return Err(CannotTell::Before);
    }
    let hour = plan.hour.day();
    let mut days = after.days.clone();
    days.sort_unstable_by_key(|d| d.day);
    days.dedup_by_key(|d| d.day);
    let late: Vec<DayCount> = days.iter().filter(|d| d.day > hour).copied().collect();
    if late.len() < 3 {
        return Err(CannotTell::TooEarly(late.len()));
    }
    let contained = estimate(after.contained, "contained")?;
    let migrated = estimate(after.migrated, "migrated")?;
    let surviving = match after.surviving {
        Some(seen) => estimate(seen, "surviving")?,
        None => assumed(before, plan),
    };
    let infected = contained.bots + migrated.bots + surviving.bots;
    if contained.low + migrated.low + surviving.low > before.high {
        return Err(CannotTell::Mismatch);
    }
    // Half widths of independent estimates add in squares.
    let up = spread([
        before.high - before.bots,
        contained.bots - contained.low,
        migrated.bots - migrated.low,
        surviving.bots - surviving.low,
    ]);
    let down = spread([
        before.bots - before.low,
        contained.high - contained.bots,
        migrated.high - migrated.bots,
        surviving.high - surviving.bots,
    ]);
    let left = before.bots - infected;
    let cured = Estimate {
        bots: left.max(0.0),
        low: (left - down).max(0.0),
        high: (left + up).clamp(0.0, before.high),
        measured: surviving.measured,
    };
    Ok(Outcome {
        schema: "comity.outcome/1".to_owned(),
        plan: plan.id.clone(),
        before: *before,
        contained,
        migrated,
        cured,
        surviving,
        expected_surviving: plan.expected_surviving,
        resurgence: resurgence(&late),
        curve: days.into_iter().map(|count| CurvePoint { count, after: count.day > hour }).collect(),
    })
}

fn spread(half_widths: [f64; 4]) -> f64 {
    half_widths.iter().map(|w| w * w).sum::<f64>().sqrt()
}

/// Seen bots scaled up by their probability of being seen. The interval is that of a binomial count.
fn estimate(seen: Seen, word: &'static str) -> Result<Estimate, CannotTell> {
    let p = seen.detection;
    if !p.is_finite() || !(0.05..=1.0).contains(&p) {
        return Err(CannotTell::Blind(word));
    }
    let n = seen.bots as f64;
    let bots = n / p;
    let half = 1.96 * (n * (1.0 - p)).sqrt() / p;
    // With none seen, up to 3/p may be there unseen (the rule of three), unless every bot is seen.
    let high = if seen.bots == 0 && p < 1.0 { 3.0 / p } else { bots + half };
    Ok(Estimate { bots, low: (bots - half).max(n), high, measured: true })
}

fn assumed(before: &Population, plan: &Plan) -> Estimate {
    let share = plan.expected_surviving as f64 / plan.population.max(1) as f64;
    let bots = before.bots * share;
    let high = before.high * share;
    Estimate { bots, low: 0.0, high, measured: plan.expected_surviving == 0 }
}

/// The alarm: bots that are commanded (surviving or migrated) on the last three days against the first three after
/// the hour, half as many again and beyond what chance gives (three standard deviations of a Poisson count).
fn resurgence(late: &[DayCount]) -> Option<Resurgence> {
    let active = |d: &DayCount| d.surviving + d.migrated;
    if late.len() < 4 {
        return None;
    }
    let first: u64 = late.iter().take(3).map(active).sum();
    let last_days = late.get(late.len() - 3..)?;
    let last: u64 = last_days.iter().map(active).sum();
    let chance = 3.0 * ((first.max(1)) as f64).sqrt();
    let grown = last as f64 > 1.5 * first as f64 && last as f64 > first as f64 + chance;
    let since = last_days.first()?.day;
    let why = format!("commanded bots rose from {} to {} a day", first / 3, last / 3);
    grown.then_some(Resurgence { since, why })
}
