//! The kinds of bots that the open model mixes: how often they are on, which weekdays they keep, how they are away.

/// Chances to survive a day that classes of survival have.
pub(super) const SURVIVALS: [f64; 7] = [1.0, 0.985, 0.96, 0.91, 0.8, 0.55, 0.2];
/// The greatest chance of being seen on a day.
const GREATEST: f64 = 0.985;
/// Points of the grid of catchability of bots that are never away.
const CHANCES: usize = 14;
/// What a day that a bot does not keep takes from the logit: odds of a twentieth.
const OFF: f64 = 3.0;
/// Fewest days over which weeks can be told.
const TWO_WEEKS: usize = 14;
/// Mean lengths of an absence, in days.
const AWAY: [f64; 4] = [2.5, 5.0, 10.0, 20.0];
/// Shares of the time that bots are away.
const SHARES: [f64; 3] = [0.12, 0.35, 0.65];

/// Which days of the week a bot keeps, beside the effects of days that all share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Week {
    /// All alike.
    None,
    /// The working days.
    Office,
    /// The others.
    Leisure,
}

/// One kind of bots.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    /// Logit of the chance of being seen on a day, when it is not away.
    pub(super) alpha: f64,
    /// The days it keeps.
    pub(super) week: Week,
    /// Chance to go away from one day to the next.
    pub(super) leaves: f64,
    /// Chance to come back.
    pub(super) returns: f64,
}

impl Class {
    /// Logit of its chance of being seen when it is not away, on a day of the week's end or not.
    pub(super) fn on(self, weekend: bool) -> f64 {
        let kept = match self.week {
            Week::None => true,
            Week::Office => !weekend,
            Week::Leisure => weekend,
        };
        if kept { self.alpha } else { self.alpha - OFF }
    }

    /// Share of the time that it is away.
    pub(super) fn away(self) -> f64 {
        if self.leaves > 0.0 { self.leaves / (self.leaves + self.returns) } else { 0.0 }
    }
}

/// The logit of a chance.
pub(super) fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

/// The week's end: of each week the two days in a row on which the smallest share is seen of those who are known to be
/// infected (seen before the day and after it), if the window has two weeks. Numbers seen would not do: when a campaign
/// doubles them, the days before it are the quietest. `known`: that share by day, and none where nobody is known.
pub(super) fn weekend(known: &[Option<f64>]) -> Vec<bool> {
    let days = known.len();
    let on = |t: usize, first: usize| matches!((t + 7 - first) % 7, 0 | 1);
    let share = |first: usize| -> f64 {
        let chosen = known.iter().enumerate().filter(|(t, _)| on(*t, first)).filter_map(|(_, share)| *share);
        let (n, all) = chosen.fold((0.0, 0.0), |(n, all), share| (n + 1.0, all + share));
        if n > 0.0 { all / n } else { f64::INFINITY }
    };
    let quietest = (0..7).min_by(|a, b| share(*a).total_cmp(&share(*b))).unwrap_or(0);
    known.iter().enumerate().map(|(t, _)| days >= TWO_WEEKS && on(t, quietest)).collect()
}

/// All kinds for a window of `days`, of which `watched` have sightings. `absence`: the longest mean length of an absence in
/// days; without it, only kinds whose days are independent of each other. `weeks`: whether a week's end is known.
pub(super) fn classes(days: usize, watched: usize, absence: Option<f64>, weeks: bool) -> Vec<Class> {
    // A bot that is on less than about once in the window is beyond what any count can tell.
    let least = (0.6 / watched.max(1) as f64).clamp(0.02, 0.2);
    let (low, high) = (logit(least), logit(GREATEST));
    let grid = (0..CHANCES).map(|k| low + (high - low) * k as f64 / (CHANCES - 1) as f64);
    let one = |p: f64, week, leaves, returns| Class { alpha: logit(p), week, leaves, returns };
    let mut all: Vec<Class> =
        grid.map(|alpha| Class { alpha, week: Week::None, leaves: 0.0, returns: 1.0 }).collect();
    let Some(longest) = absence else { return all };
    let longest = longest.min(days as f64);
    for length in AWAY.into_iter().filter(|l| *l <= longest) {
        let returns = 1.0 / length;
        for share in SHARES {
            let leaves = returns * share / (1.0 - share);
            if leaves < 1.0 {
                all.extend([0.35, 0.65, 0.88, GREATEST].map(|p| one(p, Week::None, leaves, returns)));
            }
        }
    }
    if weeks {
        all.extend([0.12, 0.3, 0.5, 0.7, 0.88, GREATEST].map(|p| one(p, Week::Office, 0.0, 1.0)));
        all.extend([0.3, 0.65, 0.93].map(|p| one(p, Week::Leisure, 0.0, 1.0)));
        for length in AWAY.into_iter().filter(|l| *l > 3.0 && *l <= longest) {
            let returns = 1.0 / length;
            let leaves = returns * 0.12 / 0.88;
            all.extend([0.65, 0.95].map(|p| one(p, Week::Office, leaves, returns)));
        }
    }
    all
}
