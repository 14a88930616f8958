//! How hard a count is, as its own data show it.

/// What the width of an interval goes by; each is seen by the estimator, none needs the truth.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Signs {
    /// Bots, or lasting lines, that were followed.
    pub followed: f64,
    /// Share of the population that the model adds to what was seen.
    pub hidden: f64,
    /// How much further the data lie from the model than chance explains, at least 1.
    pub misfit: f64,
    /// Share of the population that becomes infected on a day, in the mean.
    pub turnover: f64,
    /// Those that became infected within the window, in times of the mean population.
    pub comers: f64,
    /// How far the counts with shorter and with longer absences lie apart (logarithm).
    pub doubt: f64,
    /// How far the count lies above the one for which nobody is ever away (logarithm).
    pub absent: f64,
    /// How unequally lines call: squared deviation over squared mean; 0 where bots were counted by their ids.
    pub unequal: f64,
    /// Share of the calls that come from elsewhere than the lines followed; 0 likewise.
    pub others: f64,
    /// What is scaled by calls: bots in the mean; 0 likewise.
    pub lines: f64,
}

/// How many parts an error has.
pub const PARTS: usize = 9;

impl Signs {
    /// The parts of the error, in the order of the weights' tables (`interval`).
    pub fn parts(&self) -> [f64; PARTS] {
        [
            (self.misfit * self.hidden / self.followed.max(1.0)).sqrt(),
            (self.unequal * self.others / self.lines.max(1.0)).sqrt(),
            self.hidden * self.turnover,
            self.hidden * self.comers,
            self.hidden * self.hidden,
            self.turnover,
            self.doubt,
            self.absent.abs(),
            self.unequal.sqrt() * self.others,
        ]
    }
}
