//! The alarm for a botnet that comes back: a cumulative sum over daily counts with a stated rate of false alarms.
//!
//! Page's scheme (1954, Biometrika 41) for counts as Lucas has it (1985, Technometrics 27): of each day the sum grows by
//! count − k and never falls below 0; above h it rings. k lies between the rate that is quiet and the one that is to be
//! noticed, as the likelihood ratio has it. Daily counts vary more than Poisson's: they are divided by their own
//! variance over mean before. h is the least for which a quiet botnet rings once in the wanted number of days in the
//! mean, found by Brook and Evans' Markov chain (1972, Biometrika 59).

/// What is quiet, what is to be noticed, and how rarely a false alarm may ring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watch {
    /// New bots of a quiet day, in the mean.
    quiet: f64,
    /// Variance of a quiet day over its mean, at least 1.
    spread: f64,
    /// Reference value, in units of the spread.
    reference: f64,
    /// Where it rings, in units of the spread.
    limit: f64,
    /// Days between false alarms in the mean, as computed for this limit.
    between: f64,
}

/// One day of the watch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rung {
    /// The sum after this day, as a share of where it rings.
    pub level: f64,
    /// Whether it rings. It stays on while the sum is above.
    pub alarm: bool,
}

/// Fewest quiet days to learn from.
const LEAST_DAYS: usize = 5;
/// States of the chain.
const STATES: usize = 60;

impl Watch {
    /// Learns from days that were quiet. `growth` is the factor by which a resurgence multiplies them (2.0: twice as
    /// many), `between` the days between two false alarms in the mean (365.0: one a year). None with fewer than five
    /// quiet days, or where growth is not above 1 or `between` not above 1.
    pub fn learn(quiet: &[u64], growth: f64, between: f64) -> Option<Self> {
        let usable = quiet.len() >= LEAST_DAYS && growth > 1.0 && growth.is_finite();
        if !(usable && between > 1.0 && between <= 1e5) {
            return None;
        }
        let n = quiet.len() as f64;
        let mean = (quiet.iter().map(|&c| c as f64).sum::<f64>() / n).max(0.5);
        let variance = quiet.iter().map(|&c| (c as f64 - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let spread = (variance / mean).max(1.0);
        // Of scaled counts: Poisson's with this rate has their mean and variance.
        let rate = mean / spread;
        let reference = rate * (growth - 1.0) / growth.ln();
        let (mut low, mut high) = (0.0, 4.0 + rate.sqrt());
        while run_length(rate, reference, high) < between && high < 1e7 {
            high *= 1.5;
        }
        for _ in 0..24 {
            let middle = f64::midpoint(low, high);
            if run_length(rate, reference, middle) < between {
                low = middle;
            } else {
                high = middle;
            }
        }
        let between = run_length(rate, reference, high);
        Some(Self { quiet: mean, spread, reference, limit: high, between })
    }

    /// New bots of a quiet day, in the mean.
    pub fn quiet(&self) -> f64 {
        self.quiet
    }

    /// Days between two false alarms in the mean.
    pub fn days_between_false_alarms(&self) -> f64 {
        self.between
    }

    /// Goes through days in their order.
    pub fn days(&self, counts: &[u64]) -> Vec<Rung> {
        let mut sum = 0.0f64;
        let day = counts.iter().map(|&count| {
            sum = (sum + count as f64 / self.spread - self.reference).max(0.0);
            Rung { level: sum / self.limit, alarm: sum > self.limit }
        });
        day.collect()
    }
}

/// Mean days until the sum passes `limit`, from 0, when counts are Poisson's with `rate`.
fn run_length(rate: f64, reference: f64, limit: f64) -> f64 {
    let width = limit / (STATES as f64 - 0.5);
    // Chance that a day's count is at most x, for a count with mean and variance `rate`.
    let poisson = Poisson::new(rate);
    let below = |x: f64| poisson.at_most(x);
    let row = |i: usize| -> Vec<f64> {
        let from = i as f64 * width;
        let edge = |j: usize| below((j as f64 + 0.5) * width - from + reference);
        (0..STATES).map(|j| if j == 0 { edge(0) } else { edge(j) - edge(j - 1) }).collect()
    };
    let chain: Vec<Vec<f64>> = (0..STATES).map(row).collect();
    solve(chain)
}

/// Solves (I − chain)·length = 1 by elimination and gives the length from the first state.
fn solve(chain: Vec<Vec<f64>>) -> f64 {
    let n = chain.len();
    let mut rows: Vec<Vec<f64>> = chain
        .into_iter()
        .enumerate()
        .map(|(i, row)| {
            let identity = row.iter().enumerate().map(|(j, p)| f64::from(u8::from(i == j)) - p);
            identity.chain([1.0]).collect()
        })
        .collect();
    // From the last state up, so that the first is solved when all others are gone. No pivot is 0: rows sum to less
    // than 1 where leaving is possible.
    for at in (1..n).rev() {
        let Some(pivot) = rows.pop() else { return f64::INFINITY };
        let by = pivot.get(at).copied().unwrap_or(0.0);
        for row in &mut rows {
            let factor = row.get(at).copied().unwrap_or(0.0) / by;
            for (value, p) in row.iter_mut().zip(&pivot) {
                *value -= factor * p;
            }
        }
    }
    let first = rows.first();
    let value = |j: usize| first.and_then(|r| r.get(j)).copied().unwrap_or(0.0);
    let length = value(n) / value(0);
    if length.is_finite() && length > 0.0 { length } else { f64::INFINITY }
}

/// Poisson's distribution, as sums; above a rate of 500 the normal one with the same mean and variance.
struct Poisson {
    rate: f64,
    sums: Vec<f64>,
}

impl Poisson {
    fn new(rate: f64) -> Self {
        if rate > 500.0 {
            return Self { rate, sums: Vec::new() };
        }
        let (mut term, mut sum, mut sums) = ((-rate).exp(), 0.0, Vec::new());
        let most = (rate + 12.0 * rate.sqrt() + 20.0) as usize;
        for n in 0..=most {
            sum += term;
            sums.push(sum);
            term *= rate / (n + 1) as f64;
        }
        Self { rate, sums }
    }

    fn at_most(&self, x: f64) -> f64 {
        if x < 0.0 {
            return 0.0;
        }
        if self.sums.is_empty() {
            return super::normal((x - self.rate) / self.rate.sqrt());
        }
        self.sums.get(x as usize).copied().unwrap_or(1.0)
    }
}
