//! The kinds of bots that the open model mixes: how often they are on, which weekdays they keep, how they are away.

/// Chances to survive a day that classes of survival have.
pub(super) const SURVIVALS: [f64; 7] = [1.0, 0.985, 0.96, 0.91, 0.8, 0.55, 0.2];
/// The greatest chance of being seen on a day.
const GREATEST: f64 = 0.985;
/// Points of the grid of catchability of bots that are never away.
const CHANCES: usize = 14;
/// Fewest days over which weeks can be told.
const TWO_WEEKS: usize = 14;
/// Mean lengths of an absence, in days. Those longer than half the window cannot be told from cures, and are left out.
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
    /// Share of the time that it is away.
    pub(super) fn away(self) -> f64 {
        if self.leaves > 0.0 { self.leaves / (self.leaves + self.returns) } else { 0.0 }
    }
}

/// The logit of a chance.
pub(super) fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

/// All kinds for a window of `days`, of which `watched` have sightings. Without `absence`, only kinds whose days are
/// independent of each other.
pub(super) fn classes(days: usize, watched: usize, absence: bool) -> Vec<Class> {
    // A bot that is on less than about once in the window is beyond what any count can tell.
    let least = (0.6 / watched.max(1) as f64).clamp(0.02, 0.2);
    let (low, high) = (logit(least), logit(GREATEST));
    let grid = (0..CHANCES).map(|k| low + (high - low) * k as f64 / (CHANCES - 1) as f64);
    let mut all: Vec<Class> =
        grid.map(|alpha| Class { alpha, week: Week::None, leaves: 0.0, returns: 1.0 }).collect();
    if !absence {
        return all;
    }
    let longest = days as f64 / 2.0;
    for length in AWAY.into_iter().filter(|l| *l <= longest) {
        for share in SHARES {
            let returns = 1.0 / length;
            let leaves = returns * share / (1.0 - share);
            if leaves < 1.0 {
                for p in [0.35, 0.65, 0.88, GREATEST] {
                    all.push(Class { alpha: logit(p), week: Week::None, leaves, returns });
                }
            }
        }
    }
    if days >= TWO_WEEKS {
        for p in [0.12, 0.3, 0.5, 0.7, 0.88, GREATEST] {
            all.push(Class { alpha: logit(p), week: Week::Office, leaves: 0.0, returns: 1.0 });
        }
        for p in [0.3, 0.65, 0.93] {
            all.push(Class { alpha: logit(p), week: Week::Leisure, leaves: 0.0, returns: 1.0 });
        }
        for length in AWAY.into_iter().filter(|l| *l > 3.0 && *l <= longest) {
            let returns = 1.0 / length;
            for p in [0.65, 0.95] {
                let leaves = returns * SHARES[0] / (1.0 - SHARES[0]);
                all.push(Class { alpha: logit(p), week: Week::Office, leaves, returns });
            }
        }
    }
    all
}
