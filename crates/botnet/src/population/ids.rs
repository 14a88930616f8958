//! The count by bot ids.

use super::closed::{MIN_DAYS, MIN_RECAPTURES, WIDEST};
use super::interval::{IDS, Table};
use super::open::Fit;
use super::{Estimate, Histories, Refusal, Signs};
use serde::{Deserialize, Serialize};

/// Rounds of the fit: more of them move the estimate by less than its interval.
const ROUNDS: usize = 150;
/// Where the count is least sure; measured on the second grid of `bench/population`.
pub(super) const ABSENT: &str = "where machines are away for days, keep office weeks and come in campaigns all at once, two weeks of data counted 13 % too few";
/// If the longest absences that are thought possible move the count by more than this (logarithm), it is refused.
const DOUBT: f64 = 0.3;
/// What one day alone adds to the relative error at the ends of the window; less within it.
const DAY: f64 = 0.02;

/// The population of one day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DayCount {
    /// Day of the window, from 0.
    pub day: u32,
    /// Bots infected at noon of it.
    pub bots: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Distinct bots (or lasting lines, where only addresses were seen) that were seen on it.
    pub seen: u64,
}

/// How many bots there are, in the mean and day by day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// Infected at noon of a day, in the mean of the window's days.
    pub mean: Estimate,
    /// Day by day. The first and the last days rest on neighbours more than the others do.
    pub days: Vec<DayCount>,
    /// Share of the population that the model adds to those known to be infected, in the mean.
    pub hidden: f64,
    /// Mean chance that an infected bot is seen on a day.
    pub chance: f64,
    /// How much further the data lie from the model than chance explains (chi-square over its degrees of freedom, at
    /// least 1). Far above 1: bots live otherwise than the model has it, and the interval is wider for it.
    pub misfit: f64,
    /// What the width of the interval goes by.
    #[serde(skip)]
    pub signs: Signs,
}

/// Counts bots by their own ids. `level` is that of the intervals (0.9 for 90 %).
///
/// # Errors
/// A [`Refusal`] where the data cannot tell.
pub fn count_ids(data: &Histories, level: f64) -> Result<Count, Refusal> {
    check(data)?;
    let count = Counted::of(data)?;
    let method = format!(
        "capture-recapture by bot id over days, open population with unequal bots and days, {:.0} % interval",
        100.0 * level
    );
    let reasons = vec![
        format!("{} bots were seen by their own ids over {} days", data.seen(), data.days()),
        format!(
            "an infected bot is seen on {:.0} % of the days in the mean; {:.0} % of the population are added by the model to those known to be infected",
            100.0 * count.chance,
            100.0 * count.signs.hidden
        ),
        format!(
            "an infected bot is away for days on end for {:.0} % of the time in the mean; were all who are away taken for cured, the count would be {:.0}",
            100.0 * count.away,
            count.present
        ),
        "the count is of those infected at noon (UTC) of a day, in the mean of the days".to_owned(),
        format!(
            "were none of those who were lost from sight cured, there would be up to {} bots: an absence longer than the window looks like a cure",
            data.seen()
        ),
        "bots that are on less than about once in the window cannot be told from none".to_owned(),
        ABSENT.to_owned(),
    ];
    count.finish(data, 1.0, (&IDS, level), method, reasons)
}

/// Whether the table can be fitted at all.
pub(super) fn check(data: &Histories) -> Result<(), Refusal> {
    if data.seen() == 0 {
        return Err(Refusal::Nothing);
    }
    if data.watched() < MIN_DAYS {
        return Err(Refusal::TooFewDays { days: data.watched(), least: MIN_DAYS });
    }
    if data.recaptured() < MIN_RECAPTURES {
        return Err(Refusal::TooFewRecaptures { recaptured: data.recaptured(), least: MIN_RECAPTURES });
    }
    Ok(())
}

/// A fit beside what was seen.
pub(super) struct Counted {
    pub(super) population: Vec<f64>,
    pub(super) signs: Signs,
    chance: f64,
    /// Share of the time that an infected bot is away.
    away: f64,
    /// The mean if nobody were ever away.
    present: f64,
}

impl Counted {
    /// Fits the table three times: with absences whose mean is at most half of the window, with some as long as the
    /// window, and without any. What is counted lies between the first two: the data tell little of which is right.
    pub(super) fn of(data: &Histories) -> Result<Self, Refusal> {
        let days = data.days() as f64;
        let [short, long] =
            [days / 2.0, days].map(|longest| Self::new(data, &Fit::of(data, ROUNDS, Some(longest))));
        let (a, b) = (short.mean(), long.mean());
        let doubt = (b / a).ln().abs();
        if doubt > DOUBT {
            return Err(Refusal::Absence { lower: a.min(b).round() as u64, upper: a.max(b).round() as u64 });
        }
        let middle = |a: f64, b: f64| (a * b).max(0.0).sqrt();
        let present = Fit::of(data, ROUNDS, None).population.iter().sum::<f64>() / days.max(1.0);
        let half = |of: fn(&Signs) -> f64| f64::midpoint(of(&short.signs), of(&long.signs));
        let signs = Signs {
            followed: data.seen() as f64,
            hidden: half(|s| s.hidden),
            misfit: middle(short.signs.misfit, long.signs.misfit),
            turnover: half(|s| s.turnover),
            comers: half(|s| s.comers),
            doubt,
            // Nobody in sight at all: nothing is known of absences either.
            absent: if present > 0.0 { (middle(a, b) / present).ln() } else { f64::INFINITY },
            ..Signs::default()
        };
        Ok(Self {
            population: short.population.iter().zip(&long.population).map(|(a, b)| middle(*a, *b)).collect(),
            signs,
            chance: middle(short.chance, long.chance),
            away: f64::midpoint(short.away, long.away),
            present,
        })
    }

    fn new(data: &Histories, fit: &Fit) -> Self {
        // A bot is known to be infected from its first day to its last.
        let known: u64 = data.cells().map(|c| (c.last - c.first + 1) as u64 * c.bots).sum();
        let all: f64 = fit.population.iter().sum();
        let hidden = (1.0 - known as f64 / all.max(1.0)).clamp(0.0, 1.0);
        let signs = Signs {
            hidden,
            misfit: fit.misfit(data),
            turnover: fit.turnover,
            comers: fit.comers(),
            ..Signs::default()
        };
        Self { population: fit.population.clone(), signs, chance: fit.chance, away: fit.away, present: 0.0 }
    }

    /// Bots of a day in the mean.
    pub(super) fn mean(&self) -> f64 {
        self.population.iter().sum::<f64>() / self.population.len().max(1) as f64
    }

    /// Scales and gives every day its interval.
    pub(super) fn finish(
        self,
        data: &Histories,
        scale: f64,
        (table, level): (&Table, f64),
        method: String,
        reasons: Vec<String>,
    ) -> Result<Count, Refusal> {
        let bots = self.mean() * scale;
        let (lower, upper) = table.around(&self.signs, bots, level, 0.0);
        // What is no number is no answer either.
        let told = bots.is_finite() && upper <= WIDEST * lower;
        if !told {
            return Err(Refusal::TooWide { lower: lower.round() as u64, upper: upper.round() as u64 });
        }
        let days = self.population.iter().zip(data.daily()).enumerate().map(|(day, (&n, &seen))| {
            // A day alone is less sure than their mean, and the more so the nearer the window's ends.
            let ends = (day + 1).min(self.population.len() - day) as f64;
            let bots = n * scale;
            let (lower, upper) = table.around(&self.signs, bots, level, DAY / ends.sqrt());
            DayCount { day: day as u32, bots, lower, upper, seen }
        });
        let days = days.collect();
        let mean = Estimate { bots, lower, upper, method, seen: data.seen(), reasons };
        Ok(Count {
            mean,
            days,
            hidden: self.signs.hidden,
            chance: self.chance,
            misfit: self.signs.misfit,
            signs: self.signs,
        })
    }
}
