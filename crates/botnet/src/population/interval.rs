//! How wide an interval is.
//!
//! The width goes by how hard the count is, as its own data show it (`signs`): normalised conformal prediction
//! (Papadopoulos and others 2002; Lei and others 2018, Journal of the American Statistical Association 113). An error has
//! parts, each a sign of its own: chance, of those out of sight and of the calls that scale lines up; comers, of whom some came
//! and went unseen; a great hidden share; turnover (when on a day a bot comes or goes); absences, whose length is a guess;
//! and calls that are unequal. Parts add up in squares, each with a weight, and the two sides have weights of their own: a
//! count that leaves bots out is too low, so its upper side is the wider one. Counts by ids and by addresses have
//! their own tables.
//!
//! The recipe: `bench/population/src/weights.rs`, from worlds drawn by lot (third grid; ids: seeds 1 to 292, addresses: 1 to
//! 105 and 151 to 225). The weights are those under which the errors there are likeliest (Student's distribution of 5 degrees
//! of freedom). Scores are errors in times of what the parts say, of worlds that were left out of the fit, and of them the
//! quantile of a level. Held from below: chance weighs as much as it is at least, and a side's weight is at least a quarter
//! of the other's, for nothing that makes a count hard makes one side of it sure. None of the cells that the command judges
//! was among them.

use super::signs::{PARTS, Signs};

/// What a table has: weights of the parts, and what is there whatever was seen.
pub(super) struct Table {
    low: [f64; PARTS],
    high: [f64; PARTS],
    floor: (f64, f64),
    /// Scores at [`LEVELS`].
    scores: [f64; LEVELS.len()],
}

/// Levels of the scores.
const LEVELS: [f64; 5] = [0.5, 0.8, 0.9, 0.95, 0.99];

/// Of counts by ids.
pub(super) const IDS: Table = Table {
    low: [1.0, 1.0, 1.8962, 0.0385, 0.3534, 0.0564, 0.2351, 0.1354, 0.0],
    high: [1.0, 1.0, 7.5847, 0.154, 1.4135, 0.2256, 0.0588, 0.0338, 0.0],
    floor: (0.003, 0.003),
    scores: [0.77, 1.28, 1.72, 2.26, 4.32],
};

/// Of counts by addresses.
pub(super) const ADDRESSES: Table = Table {
    low: [1.3572, 1.0, 1.4796, 0.0156, 0.5602, 0.0176, 0.0, 0.185, 0.0215],
    high: [2.4286, 1.0, 5.9185, 0.0624, 1.0581, 0.0705, 0.0, 0.0463, 0.0284],
    floor: (0.003, 0.003),
    scores: [0.71, 1.29, 1.85, 2.92, 5.35],
};

impl Table {
    /// The ends around `bots` at a level; `own` is what one day alone adds.
    pub(super) fn around(&self, signs: &Signs, bots: f64, level: f64, own: f64) -> (f64, f64) {
        let score = self.score(level);
        let parts = signs.parts();
        let half = |weights: &[f64; PARTS], floor: f64| {
            let sum: f64 = parts.iter().zip(weights).map(|(part, weight)| (part * weight).powi(2)).sum();
            (score.powi(2) * (sum + floor * floor) + (quantile(level) * own).powi(2)).sqrt()
        };
        let (low, high) = (half(&self.low, self.floor.0), half(&self.high, self.floor.1));
        (bots * (-low).exp(), bots * high.exp())
    }

    /// The score of a level: between those of the table by how they lie to the normal distribution's, outside of it as at its
    /// ends.
    fn score(&self, level: f64) -> f64 {
        let z = quantile(level);
        let points = LEVELS.map(quantile);
        let ratio = |at: usize| self.scores.get(at).zip(points.get(at)).map_or(1.0, |(s, p)| s / p);
        let above = points.iter().position(|p| *p >= z);
        z * match above {
            None => ratio(LEVELS.len() - 1),
            Some(0) => ratio(0),
            Some(at) => {
                let (from, to) =
                    points.get(at - 1).zip(points.get(at)).map_or((z, z + 1.0), |(a, b)| (*a, *b));
                let part = (z - from) / (to - from);
                ratio(at - 1) * (1.0 - part) + ratio(at) * part
            }
        }
    }
}

/// Half width of a two-sided interval of a level (0 to 1, both excluded; else 0.9), in standard errors of the normal
/// distribution.
pub fn quantile(level: f64) -> f64 {
    let level = if level > 0.0 && level < 1.0 { level } else { 0.9 };
    let (mut low, mut high) = (0.0, 9.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if 2.0 * normal(middle) - 1.0 < level {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The normal distribution's sum up to `x`, to 10⁻⁷: Abramowitz and Stegun 7.1.26.
pub fn normal(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * (x.abs() / std::f64::consts::SQRT_2));
    let terms = [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429];
    let sum = terms.iter().rev().fold(0.0, |sum, a| (sum + a) * t);
    let upper = 0.5 * sum * (-x * x / 2.0).exp();
    if x < 0.0 { upper } else { 1.0 - upper }
}
