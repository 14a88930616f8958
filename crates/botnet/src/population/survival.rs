//! What became of a cohort: survival by day after an action, for bots that may be out of sight.
//!
//! Kaplan and Meier's estimator (1958, Journal of the American Statistical Association 53) with Greenwood's variance
//! and the interval on the log-minus-log scale, which stays within 0 and 1 (Kalbfleisch and Prentice 2002, section
//! 1.4.1). A bot counts as cured after its last sighting; one that was still seen near the end of the watch is
//! censored: it may live on, unseen.

use std::collections::BTreeMap;

/// How long one bot of a cohort was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Followed {
    /// Days from the action to its last sighting, or to the end of the watch.
    pub days: u32,
    /// Whether it was cured then; else it is censored.
    pub cured: bool,
}

impl Followed {
    /// Judges one bot by its last sighting. A bot that was not seen for `silence` days or more before the end of the
    /// watch counts as cured on the day after its last sighting; choose `silence` so long that an infected bot is
    /// hardly ever silent as long.
    pub fn judge(last_seen: u32, watched: u32, silence: u32) -> Self {
        if watched.saturating_sub(last_seen) >= silence.max(1) {
            Self { days: last_seen.saturating_add(1).min(watched), cured: true }
        } else {
            Self { days: last_seen.min(watched), cured: false }
        }
    }
}

/// One step of a survival curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Days after the action.
    pub day: u32,
    /// Bots under watch just before.
    pub at_risk: u64,
    /// Bots cured on this day.
    pub cured: u64,
    /// Share of the cohort that is infected after this day.
    pub surviving: f64,
    /// Greenwood's standard error of that share.
    pub error: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// The curve of one cohort: a step for each day on which bots were cured. `level` is that of the intervals (0.9). The
/// order of bots changes nothing; no bots give no steps.
pub fn survival(cohort: impl IntoIterator<Item = Followed>, level: f64) -> Vec<Step> {
    let mut days: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    let mut at_risk: u64 = 0;
    for bot in cohort {
        let entry = days.entry(bot.days).or_default();
        if bot.cured {
            entry.0 += 1;
        } else {
            entry.1 += 1;
        }
        at_risk += 1;
    }
    let z = super::quantile(level);
    let (mut surviving, mut sum, mut steps) = (1.0, 0.0, Vec::new());
    for (day, (cured, censored)) in days {
        if cured > 0 {
            let (risk, gone) = (at_risk as f64, cured as f64);
            surviving *= 1.0 - gone / risk;
            sum += gone / (risk * (risk - gone));
            steps.push(step(day, at_risk, cured, surviving, sum, z));
        }
        at_risk -= cured + censored;
    }
    steps
}

fn step(day: u32, at_risk: u64, cured: u64, surviving: f64, sum: f64, z: f64) -> Step {
    let (error, lower, upper) = if surviving <= 0.0 {
        // Nobody is left: Greenwood's sum has no value there.
        (0.0, 0.0, 0.0)
    } else {
        let wide = (z * sum.sqrt() / surviving.ln().abs().max(1e-12)).exp();
        (surviving * sum.sqrt(), surviving.powf(wide), surviving.powf(1.0 / wide))
    };
    Step { day, at_risk, cured, surviving, error, lower, upper }
}

/// The curves of all groups of a cohort, by network or place for example.
pub fn survival_by<K: Ord>(
    cohort: impl IntoIterator<Item = (K, Followed)>,
    level: f64,
) -> BTreeMap<K, Vec<Step>> {
    let mut groups: BTreeMap<K, Vec<Followed>> = BTreeMap::new();
    for (group, bot) in cohort {
        groups.entry(group).or_default().push(bot);
    }
    groups.into_iter().map(|(group, bots)| (group, survival(bots, level))).collect()
}
