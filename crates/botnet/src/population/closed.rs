//! Capture and recapture: from on how many days each bot was seen to how many there are.
//!
//! The model: the population is closed over the window; bot *i* is seen on a day with its own chance *p_i* (its duty
//! cycle), and these chances follow a Beta distribution. Then the number of days on which a bot is seen is
//! beta-binomial (the heterogeneity model M_h of Otis et al. 1978, in the parametric form of Dorazio and Royle 2003,
//! Biometrics 59). The zero-truncated likelihood of the counts is maximised on a grid; every grid point that the data do
//! not refute (likelihood ratio, 95 %) gives an unseen share, and the interval spans them all, widened by the
//! chance of the unseen. Where the counts lie further from the fitted curve than chance explains, the shape of the duty
//! cycles is another than Beta: the likelihood ratio is widened by that factor (chi-square over its degrees of freedom,
//! the usual variance inflation), and the interval reaches down to Chao's lower bound (1987), which needs no shape.
//! No randomness: the same counts give the same estimate.

use super::MAX_DAYS;
use serde::{Deserialize, Serialize};

/// Fewest days on which heterogeneity can be told from rarity.
pub(super) const MIN_DAYS: usize = 4;
/// Fewest bots seen on more than one day.
pub(super) const MIN_RECAPTURES: u64 = 20;
/// An interval whose ends differ by more than this says nothing.
pub(super) const WIDEST: f64 = 4.0;

/// How many bots there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub bots: f64,
    /// Lower end of the interval; 95 % where `method` names no other level.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
    /// How it was reached.
    pub method: String,
    /// Distinct bots that were seen.
    pub seen: u64,
    /// What it rests on and what to know, in sentences.
    pub reasons: Vec<String>,
}

/// The data cannot tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum Refusal {
    /// No bot that carries an id of its own.
    #[error("the data cannot tell how many bots there are: none that carries an id was seen in this time")]
    #[diagnostic(
        code("CMT-0640"),
        help("ingest a sinkhole's log of this time, then run `comity measure` again")
    )]
    Nothing,
    /// Too few days.
    #[error("the data cannot tell how many bots there are: {days} days with sightings, {least} are needed")]
    #[diagnostic(code("CMT-0641"), help("ingest more days, or ask `comity measure` about a longer time"))]
    TooFewDays {
        /// Days with sightings.
        days: usize,
        /// Days needed.
        least: usize,
    },
    /// Too few bots came again.
    #[error(
        "the data cannot tell how many bots there are: {recaptured} bots were seen on a second day, {least} are needed"
    )]
    #[diagnostic(code("CMT-0642"), help("ingest more days or more channels' logs, then ask again"))]
    TooFewRecaptures {
        /// Bots seen on two days or more.
        recaptured: u64,
        /// How many are needed.
        least: u64,
    },
    /// The interval is too wide.
    #[error("the data cannot tell how many bots there are: anything from {lower} to {upper} fits")]
    #[diagnostic(code("CMT-0643"), help("ingest more days or more channels' logs, then ask again"))]
    TooWide {
        /// Lower end.
        lower: u64,
        /// Upper end.
        upper: u64,
    },
    /// Addresses change hands faster than bots can be followed.
    #[error(
        "the data cannot tell how many bots there are: no network in which a bot keeps its address long enough to be seen again has {least} lines (the largest has {lines})"
    )]
    #[diagnostic(
        code("CMT-0645"),
        help(
            "ids that the bots' protocol carries would tell, or a sensor that sees networks with lasting addresses"
        )
    )]
    ShortLeases {
        /// Most lines of such a network.
        lines: u64,
        /// How many are needed.
        least: u64,
    },
    /// Nothing tells the machines behind one address apart.
    #[error(
        "the data cannot tell how many bots there are: nothing tells the machines behind one address apart"
    )]
    #[diagnostic(
        code("CMT-0646"),
        help("bot ids would tell, or what calls show of the machine (user agent, build, TLS fingerprint)")
    )]
    NoKinds,
    /// Nearly all calls come from addresses that many bots share.
    #[error(
        "the data cannot tell how many bots there are: {percent} % of the calls come from lines of one machine that lasts, {least} % are needed"
    )]
    #[diagnostic(
        code("CMT-0647"),
        help("bot ids would tell, or a sensor that sees networks without shared addresses")
    )]
    TooFewLines {
        /// Percentage of calls from lasting lines of one machine.
        percent: u64,
        /// How many are needed.
        least: u64,
    },
    /// Absence and cure cannot be told apart.
    #[error(
        "the data cannot tell how many bots there are: those out of sight may be away or cured, and from {lower} to {upper} follow from it"
    )]
    #[diagnostic(
        code("CMT-1420"),
        help("ingest more days, at least twice as many as bots are away for, then ask again")
    )]
    Absence {
        /// The count where no absence lasts longer than half of the window in the mean.
        lower: u64,
        /// The count where absences may last as long as the window.
        upper: u64,
    },
    /// Too many days.
    #[error(
        "the data cannot tell how many bots there are at once over {days} days: bots come and go; {most} at most"
    )]
    #[diagnostic(code("CMT-0644"), help("ask `comity measure` about a shorter time"))]
    TooLong {
        /// Days with sightings.
        days: usize,
        /// Most days.
        most: usize,
    },
}

impl Refusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Nothing => "CMT-0640",
            Self::TooFewDays { .. } => "CMT-0641",
            Self::TooFewRecaptures { .. } => "CMT-0642",
            Self::TooWide { .. } => "CMT-0643",
            Self::TooLong { .. } => "CMT-0644",
            Self::Absence { .. } => "CMT-1420",
            Self::ShortLeases { .. } => "CMT-0645",
            Self::NoKinds => "CMT-0646",
            Self::TooFewLines { .. } => "CMT-0647",
        }
    }
}

/// Estimates the population. `counts` holds at index `k - 1` how many bots were seen on exactly `k` days, and is as
/// long as there were days.
///
/// # Errors
/// A [`Refusal`] when the data cannot tell.
pub fn estimate(counts: &[u64]) -> Result<Estimate, Refusal> {
    let days = counts.len();
    let seen: u64 = counts.iter().sum();
    let once = counts.first().copied().unwrap_or(0);
    let twice = counts.get(1).copied().unwrap_or(0);
    if seen == 0 {
        return Err(Refusal::Nothing);
    }
    if days > MAX_DAYS {
        return Err(Refusal::TooLong { days, most: MAX_DAYS });
    }
    if days < MIN_DAYS {
        return Err(Refusal::TooFewDays { days, least: MIN_DAYS });
    }
    if seen - once < MIN_RECAPTURES {
        return Err(Refusal::TooFewRecaptures { recaptured: seen - once, least: MIN_RECAPTURES });
    }
    let s = seen as f64;
    let fit = fit(counts);
    let chao = chao(s, once as f64, twice as f64, days as f64);
    let bots = s / (1.0 - fit.unseen);
    let chance = |unseen: f64| 1.96 * (s * unseen).sqrt() / (1.0 - unseen);
    let lower = (s / (1.0 - fit.least) - chance(fit.least)).min(chao).min(bots).max(s);
    let upper = (s / (1.0 - fit.most) + chance(fit.most)).max(bots).max(chao);
    if upper > WIDEST * lower {
        return Err(Refusal::TooWide { lower: lower.round() as u64, upper: upper.round() as u64 });
    }
    let reasons = vec![
        format!("{seen} bots were seen by their own ids on {days} days, {once} of them on one day only"),
        format!(
            "a bot is seen on {:.0} % of the days in the mean, with a spread of {:.0} points between bots",
            100.0 * fit.mean,
            100.0 * fit.spread
        ),
        format!("Chao's lower bound, which holds for any duty cycle in expectation, is {chao:.0}"),
        "bots that joined or were cured within the time count as seldom seen and make the estimate larger"
            .to_owned(),
    ];
    let method =
        "capture-recapture by bot id over days, beta-binomial M_h, 95 % likelihood interval".to_owned();
    Ok(Estimate { bots, lower, upper, method, seen, reasons })
}

/// Chao's lower bound for occasions of unequal chance, bias-corrected.
fn chao(seen: f64, once: f64, twice: f64, days: f64) -> f64 {
    seen + (days - 1.0) / days * once * (once - 1.0).max(0.0) / (2.0 * (twice + 1.0))
}

struct Fit {
    unseen: f64,
    least: f64,
    most: f64,
    mean: f64,
    spread: f64,
}

#[derive(Clone, Copy)]
struct Point {
    mean: f64,
    rho: f64,
    likelihood: f64,
    unseen: f64,
}

const MEANS: u32 = 120;
const RHOS: u32 = 48;
/// Correlations beyond this say that bots are on always or never, and "never" cannot be counted.
const MAX_RHO: f64 = 0.7;
/// Half of the 95 % point of chi-square with one degree of freedom.
const RATIO: f64 = 1.92;

/// Maximum likelihood of mean chance and correlation, and the range of unseen shares that the data do not refute.
fn fit(counts: &[u64]) -> Fit {
    let at = |mean: f64, rho: f64| {
        let (likelihood, unseen) = likelihood(counts, mean, rho);
        Point { mean, rho, likelihood, unseen }
    };
    let mut points: Vec<Point> = Vec::new();
    for m in 1..MEANS {
        for r in 0..=RHOS {
            // Squared, because small correlations differ more from each other than large ones.
            let rho = MAX_RHO * (f64::from(r) / f64::from(RHOS)).powi(2);
            points.push(at(f64::from(m) / f64::from(MEANS), rho));
        }
    }
    let best = |points: &[Point]| {
        let start = Point { mean: 0.5, rho: 0.0, likelihood: f64::NEG_INFINITY, unseen: 0.0 };
        points.iter().fold(start, |a, b| if b.likelihood > a.likelihood { *b } else { a })
    };
    let (mut step, mut top) = ((1.0 / f64::from(MEANS), 0.02), best(&points));
    // Climb between grid points: each round looks at neighbours half as far away.
    for _ in 0..24 {
        let near: Vec<Point> = [-1.0, 0.0, 1.0]
            .into_iter()
            .flat_map(|a| [-1.0, 0.0, 1.0].map(|b| (a, b)))
            .map(|(a, b)| {
                let mean: f64 = top.mean + a * step.0;
                let rho: f64 = top.rho + b * step.1;
                at(mean.clamp(0.002, 0.999), rho.clamp(0.0, MAX_RHO))
            })
            .collect();
        let next = best(&near);
        if next.likelihood > top.likelihood + 1e-9 {
            top = next;
        } else {
            step = (step.0 / 2.0, step.1 / 2.0);
        }
        points.extend(near);
    }
    let ratio = RATIO * inflation(counts, top);
    let likely = points.iter().filter(|p| p.likelihood >= top.likelihood - ratio).map(|p| p.unseen);
    let (least, most) = likely.fold((top.unseen, top.unseen), |(a, b), u| (a.min(u), b.max(u)));
    let spread = (top.rho * top.mean * (1.0 - top.mean)).sqrt();
    Fit { unseen: top.unseen, least, most, mean: top.mean, spread }
}

/// How much further the counts lie from the fit than chance explains, at least 1: Pearson's chi-square over its degrees
/// of freedom.
fn inflation(counts: &[u64], fit: Point) -> f64 {
    let logs = log_chances(counts.len(), fit.mean, fit.rho);
    let seen: f64 = counts.iter().map(|&n| n as f64).sum();
    let off = counts.iter().zip(&logs.seen).map(|(&n, log)| {
        let expected = (seen * log.exp()).max(1e-9);
        // Cells with hardly anyone in them would rule the sum by accident.
        if expected < 1.0 { 0.0 } else { (n as f64 - expected).powi(2) / expected }
    });
    let freedom = (counts.len() as f64 - 3.0).max(1.0);
    (off.sum::<f64>() / freedom).max(1.0)
}

/// Zero-truncated log likelihood of the counts, and the chance of never being seen.
fn likelihood(counts: &[u64], mean: f64, rho: f64) -> (f64, f64) {
    let logs = log_chances(counts.len(), mean, rho);
    (counts.iter().zip(&logs.seen).map(|(&n, log)| n as f64 * log).sum(), logs.unseen)
}

struct Chances {
    /// At `k - 1` the logarithm of the chance of being seen on `k` days, given on one at least.
    seen: Vec<f64>,
    /// Chance of never being seen.
    unseen: f64,
}

fn log_chances(days: usize, mean: f64, rho: f64) -> Chances {
    // As rho goes to 0 the Beta becomes a point; a tiny rho stands for it.
    let size = 1.0 / rho.max(1e-6) - 1.0;
    let (a, b) = (mean * size, (1.0 - mean) * size);
    let rising = |x: f64| -> Vec<f64> {
        let mut logs = vec![0.0];
        let mut sum = 0.0;
        for i in 0..days {
            sum += (x + i as f64).ln();
            logs.push(sum);
        }
        logs
    };
    let (ups, downs, all) = (rising(a), rising(b), rising(a + b));
    let total = all.last().copied().unwrap_or(0.0);
    let none = (downs.last().copied().unwrap_or(0.0) - total).exp().min(1.0 - 1e-12);
    let mut choose = 0.0;
    let seen = (1..=days).map(|k| {
        choose += ((days - k + 1) as f64 / k as f64).ln();
        let up = ups.get(k).copied().unwrap_or(0.0);
        let down = downs.get(days - k).copied().unwrap_or(0.0);
        choose + up + down - total - (1.0 - none).ln()
    });
    Chances { seen: seen.collect(), unseen: none }
}
