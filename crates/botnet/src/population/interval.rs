//! How wide an interval is.
//!
//! A relative error has these parts. Chance: the number of bots that were infected and not in sight varies, and so does
//! what is learnt of them; the further the data lie from the fit, the more (variance inflation, as Lebreton and others
//! 1992 have it, Ecological Monographs 62). Comers: where a great part is hidden and many come and go, some came and went
//! without ever being seen, and how many rests on how long such bots live, which nobody saw. Absence: how long bots can be
//! away is a guess, and counts with shorter and with longer absences lie apart. Where only lines are counted, how unequally
//! bots call. And when on a day a bot comes or goes.
//!
//! The weights are those under which the errors of the third grid of `bench/population`, seeds 1 to 75, are likeliest
//! (Student's distribution of 6 degrees of freedom): there each seed draws another way to live. Weights of the hidden share
//! alone and of how far absences of any length move the count came out as nought beside these. None of the cells that the
//! command judges was among them. They are not proven; what the grids made of them is in `bench/README.md`.

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
    /// Share of the population that becomes infected on a day.
    pub(super) turnover: f64,
}

/// What chance adds, in standard errors of the count of those out of sight.
const CHANCE: f64 = 1.3;
/// The error of those who came unseen, for each unit of the hidden share times the turnover.
const COMERS: f64 = 7.8;
/// The error of absences for each unit that counts with shorter and longer ones lie apart.
const DOUBT: f64 = 0.25;
/// Relative error that is there whatever was seen: when on a day a bot comes or goes.
const FLOOR: f64 = 0.0067;

impl Width {
    /// One standard error, on the logarithmic scale; `own` is what one day alone adds.
    fn error(self, own: f64) -> f64 {
        let chance = CHANCE * (self.misfit * self.hidden / self.followed.max(1.0)).sqrt();
        let comers = COMERS * self.hidden * self.turnover;
        [chance, comers, DOUBT * self.doubt, FLOOR, self.scale, own].iter().map(|e| e * e).sum::<f64>().sqrt()
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
