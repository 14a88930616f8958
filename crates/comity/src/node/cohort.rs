//! What became of the machines that were infected when a plan's hour came: how many of them still are, day by day, in each
//! country and network; and whether the botnet comes back.
//!
//! Here: which bots are followed, and what is refused. Elsewhere: the curves (`botnet::population::survival`), how long an
//! infected bot is silent anyway (`botnet::population::silence`), the alarm (`botnet::population::alarm`).
//!
//! 1. **Silence.** From the window before the hour: the fewest days for which an infected bot is silent with a chance of at
//!    most 1 %, or else of at most 5 %. Longer than half of the days watched after: the data cannot tell.
//! 2. **Cohort.** The case's bots with ids of their own that were seen on the last days before the hour's day, as many as that
//!    silence has. Bots that know a channel that stands and is watched by no sensor are left out: their silence says nothing.
//! 3. **Gone.** A bot is gone on the day after its last sighting where it was silent from then to the end. Who was seen
//!    later is infected still, as far as anybody can tell (censored). Who was never seen after the hour is gone on the first day.
//!
//! All of it lies in one month, because pseudonyms change with the month. A machine counts in the one country and network
//! in which it was seen before; of fewer than 20 machines nothing is said.

use botnet::population::alarm::Watch;
use botnet::population::silence::Silences;
use botnet::population::survival::{Followed, survival};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::{Day, Place};

/// Level of the intervals.
const LEVEL: f64 = 0.95;
/// Chance at most that an infected bot is taken for a cured one; and the one that is looked for first.
const SILENT: f64 = 0.05;
const HARDLY: f64 = 0.01;
/// Fewest machines of which a share is told.
const LEAST: u64 = 20;
/// Countries and networks that are kept, those with most machines.
const MOST_GROUPS: usize = 300;
/// Days after the hour that are taken for quiet: what comes back is compared with them.
const QUIET: usize = 5;
/// Growth over the quiet days that is to be noticed.
const GROWTH: f64 = 1.5;
/// Days between two false alarms, in the mean.
const BETWEEN: f64 = 365.0;

/// The cohort and its curves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survival {
    /// First and last of the days before the hour on which the cohort was seen.
    pub seen: (Day, Day),
    /// First and last day of the watch.
    pub watched: (Day, Day),
    /// Days of silence after which a machine counts as gone.
    pub silence: u32,
    /// Chance that an infected machine is silent as long.
    pub silent_anyway: f64,
    /// Bots left out, because they know a channel that stands and is watched by no sensor.
    pub unwatched: u64,
    /// All machines of the cohort.
    pub all: Curve,
    /// Country by country, those with most machines first; machines seen in several are in none.
    pub places: Vec<(Place, Curve)>,
    /// Network by network (autonomous system number), likewise.
    pub networks: Vec<(u32, Curve)>,
}

/// How many of a group are infected still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Machines of the group.
    pub machines: u64,
    /// Days on which some were gone; none where nothing is said of the group.
    pub steps: Vec<Step>,
    /// The share that is infected at the end; none for fewer than 20 machines. Its upper end allows for the infected that are
    /// silent anyway.
    pub left: Option<Share>,
}

/// A share of a cohort, 0 to 1, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Best estimate.
    pub best: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// One day of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The day.
    pub day: Day,
    /// Machines that were gone on it.
    pub gone: u64,
    /// The share that is infected after it.
    pub left: Share,
}

/// The alarm over the days after the hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// Bots that could be commanded on a quiet day, in the mean.
    pub quiet: f64,
    /// Days between two false alarms, in the mean.
    pub between: f64,
    /// Days after the quiet ones: bots that could be commanded, and the sum as a share of where it rings.
    pub days: Vec<(Day, u64, f64)>,
    /// Since when it rings; none where it is still on the last day.
    pub since: Option<Day>,
    /// What it says, in a sentence.
    pub why: String,
}

/// The bots of a cohort as they are followed.
#[derive(Debug, Default)]
pub(super) struct Following {
    silences: Silences,
    /// Country, network, last day seen before, last day seen after.
    bots: Vec<(Place, u32, Day, Option<Day>)>,
    unwatched: u64,
}

impl Following {
    /// Adds a bot of the case. `days` are all on which it was seen, `turn` is the first day after the hour's, `unseen` says
    /// that it may call a channel that nobody watches.
    pub(super) fn add(
        &mut self,
        home: (Place, u32),
        days: &std::collections::BTreeSet<Day>,
        turn: Day,
        unseen: bool,
    ) {
        let before = days.range(..turn).copied().collect::<Vec<_>>();
        self.silences.add(&before.iter().map(|d| d.0).collect());
        let Some(last) = before.last() else { return };
        if unseen {
            self.unwatched += 1;
        } else {
            self.bots.push((home.0, home.1, *last, days.range(turn..).next_back().copied()));
        }
    }

    /// The curves, `before` being the last day seen before the hour's, `watched` first and last day after it.
    ///
    /// # Errors
    /// In words, where the data cannot tell.
    pub(super) fn judge(&self, before: Day, watched: (Day, Day)) -> Result<Survival, String> {
        let long = u32::try_from(watched.1.0.saturating_sub(watched.0.0) + 1).unwrap_or(0);
        let least = |chance| self.silences.least(chance, long / 2);
        let (silence, silent_anyway) = least(HARDLY).or_else(|| least(SILENT)).ok_or_else(|| {
            format!(
                "half of the days watched are {}, and an infected machine is silent as long with a chance above {:.0} %",
                long / 2,
                SILENT * 100.0
            )
        })?;
        let first = before.plus(1 - i32::try_from(silence).unwrap_or(i32::MAX));
        let hour = watched.0.plus(-1);
        let cohort =
            self.bots.iter().filter(|(.., last, _)| *last >= first).map(|(place, network, _, after)| {
                let last = after.map_or(0, |d| u32::try_from(d.0.saturating_sub(hour.0)).unwrap_or(0));
                (*place, *network, Followed::judge(last, long, silence))
            });
        let (mut all, mut places, mut networks) =
            (Vec::new(), BTreeMap::<Place, Vec<Followed>>::new(), BTreeMap::<u32, Vec<Followed>>::new());
        for (place, network, bot) in cohort {
            all.push(bot);
            if place != Place::UNKNOWN {
                places.entry(place).or_default().push(bot);
            }
            if network != 0 {
                networks.entry(network).or_default().push(bot);
            }
        }
        if (all.len() as u64) < LEAST {
            return Err(format!(
                "{} machines can be followed, and fewer than {LEAST} tell nothing",
                all.len()
            ));
        }
        Ok(Survival {
            seen: (first, before),
            watched,
            silence,
            silent_anyway,
            unwatched: self.unwatched,
            all: curve(all, hour, silent_anyway),
            places: largest(places, hour, silent_anyway),
            networks: largest(networks, hour, silent_anyway),
        })
    }
}

fn largest<K: Ord + Copy>(groups: BTreeMap<K, Vec<Followed>>, hour: Day, silent: f64) -> Vec<(K, Curve)> {
    let mut out: Vec<(K, Curve)> =
        groups.into_iter().map(|(k, bots)| (k, curve(bots, hour, silent))).collect();
    out.sort_by(|a, b| b.1.machines.cmp(&a.1.machines).then_with(|| a.0.cmp(&b.0)));
    out.truncate(MOST_GROUPS);
    out
}

fn curve(bots: Vec<Followed>, hour: Day, silent: f64) -> Curve {
    let machines = bots.len() as u64;
    if machines < LEAST {
        return Curve { machines, steps: Vec::new(), left: None };
    }
    let steps: Vec<Step> = survival(bots, LEVEL)
        .into_iter()
        .map(|s| Step {
            day: hour.plus(i32::try_from(s.day).unwrap_or(i32::MAX)),
            gone: s.cured,
            left: Share { best: s.surviving, low: s.lower, high: s.upper },
        })
        .collect();
    // Nobody gone: of n machines so many may be going all the same (an exact binomial interval).
    let none = Share { best: 1.0, low: ((1.0 - LEVEL) / 2.0).powf(1.0 / machines as f64), high: 1.0 };
    let last = steps.last().map_or(none, |s| s.left);
    let left = Some(Share { high: (last.high / (1.0 - silent)).min(1.0), ..last });
    Curve { machines, steps, left }
}

/// What the cohort says, in sentences.
pub(super) fn sentences(survival: Option<&Survival>, cannot: Option<&str>) -> Vec<String> {
    let mut out = Vec::new();
    if let Some((s, left)) = survival.and_then(|s| Some((s, s.all.left?))) {
        let percent = |share: f64| share * 100.0;
        out.push(format!(
            "Of {} machines that were infected on the last days before the hour ({} to {}), {:.0} % ({:.0} to {:.0} %, 95 %) are \
             infected at the end; one counts as gone after {} without a sighting, which an infected one is with a chance \
             of {:.1} %.",
            s.all.machines,
            s.seen.0,
            s.seen.1,
            percent(left.best),
            percent(left.low),
            percent(left.high),
            if s.silence == 1 { "a day".to_owned() } else { format!("{} days", s.silence) },
            percent(s.silent_anyway)
        ));
        if s.unwatched > 0 {
            out.push(format!(
                "{} machines are not among them: they know a channel that stands and that no sensor watches.",
                s.unwatched
            ));
        }
    }
    if let Some(why) = cannot {
        out.push(format!(
            "How many of the machines infected at the hour still are, the data cannot tell: {why}."
        ));
    }
    out
}

/// Watches the days after the hour for a botnet that comes back: bots that could be commanded, the first five days taken for
/// quiet.
///
/// # Errors
/// In words, where the data cannot tell.
pub(super) fn watch(days: &[(Day, u64)]) -> Result<Watched, String> {
    let few = || {
        format!(
            "{} days after the hour were seen; the alarm learns from {QUIET} and watches those behind",
            days.len()
        )
    };
    let (quiet, rest) = days.split_at_checked(QUIET).filter(|(_, rest)| !rest.is_empty()).ok_or_else(few)?;
    let counts = |of: &[(Day, u64)]| of.iter().map(|(_, n)| *n).collect::<Vec<u64>>();
    let watch = Watch::learn(&counts(quiet), GROWTH, BETWEEN).ok_or_else(few)?;
    let rungs = watch.days(&counts(rest));
    let days: Vec<(Day, u64, f64)> = rest.iter().zip(&rungs).map(|((d, n), r)| (*d, *n, r.level)).collect();
    // A sum that fell below again tells of a day that is over.
    let ringing = rungs.iter().rev().take_while(|r| r.alarm).count();
    let since = ringing.checked_sub(1).and_then(|n| rest.iter().rev().nth(n)).map(|(d, _)| *d);
    let last = rest.last().map_or(0, |(_, n)| *n);
    let (mean, between) = (watch.quiet(), watch.days_between_false_alarms());
    let first = quiet.first().map_or_else(Day::default, |(d, _)| *d);
    let raised = match since {
        Some(day) => format!("an alarm of resurgence is raised since {day}"),
        None => "no alarm of resurgence is raised".to_owned(),
    };
    let why = format!(
        "{raised}: {last} bots could be commanded on the last day, {mean:.0} a day in the {QUIET} days from {first} on; without \
         cause it would be raised about once in {between:.0} days"
    );
    Ok(Watched { quiet: mean, between, days, since, why })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test should stop")]
    use super::*;
    use std::collections::BTreeSet;

    /// Bots seen every other day before (days 0 to 9), and after it until the day given (11 is the first day after).
    fn following(bots: &[(&str, u32, i32)]) -> Following {
        let mut out = Following::default();
        for (n, (place, network, until)) in bots.iter().enumerate() {
            let phase = i32::try_from(n % 2).unwrap();
            let days: BTreeSet<Day> =
                (0..10).chain(11..=*until).filter(|d| d % 2 == phase || *d == 9).map(Day).collect();
            out.add((place.parse().unwrap(), *network), &days, Day(11), false);
        }
        out
    }

    #[test]
    fn who_is_silent_to_the_end_is_gone_and_who_was_seen_late_is_not() {
        let mut bots = vec![("PE", 1, 30); 30];
        bots.extend([("AR", 2, 14); 30]);
        bots.extend([("AR", 3, 0); 10]);
        let found = following(&bots).judge(Day(9), (Day(11), Day(30))).unwrap();
        assert_eq!((found.silence, found.all.machines, found.seen.0), (2, 70, Day(8)));
        let left =
            |place: &str| found.places.iter().find(|(p, _)| p.as_str() == place).unwrap().1.left.unwrap();
        assert_eq!((left("PE").best, left("PE").high), (1.0, 1.0));
        assert!((0.85..0.9).contains(&left("PE").low), "{:?}", left("PE"));
        assert_eq!((left("AR").best, left("AR").low, left("AR").high), (0.0, 0.0, 0.0));
        let all = found.all.left.unwrap();
        assert!(
            (all.best - 30.0 / 70.0).abs() < 1e-9 && all.low < all.best && all.best < all.high,
            "{all:?}"
        );
        // Those that were never seen again are gone on the first day, the others behind their last sighting.
        assert_eq!(
            found.all.steps.iter().map(|s| (s.day, s.gone)).collect::<Vec<_>>(),
            [(Day(11), 10), (Day(14), 15), (Day(15), 15)]
        );
        let of = |n: u32| &found.networks.iter().find(|(k, _)| *k == n).unwrap().1;
        assert!(of(3).left.is_none() && of(3).steps.is_empty() && of(2).left.is_some(), "ten tell nothing");
    }

    #[test]
    fn too_few_and_too_short_is_refused() {
        let many = vec![("PE", 1, 30); 30];
        assert!(following(&many).judge(Day(9), (Day(11), Day(13))).unwrap_err().contains("half of the days"));
        assert!(
            following(&many[..19]).judge(Day(9), (Day(11), Day(30))).unwrap_err().starts_with("19 machines")
        );
        assert!(Following::default().judge(Day(9), (Day(11), Day(30))).is_err());
    }

    #[test]
    fn it_rings_where_twice_as_many_are_commanded_and_says_since_when() {
        let days = |counts: &[u64]| counts.iter().zip(11..).map(|(n, d)| (Day(d), *n)).collect::<Vec<_>>();
        let back = watch(&days(&[20, 22, 19, 21, 18, 20, 21, 44, 47, 50])).unwrap();
        assert!(back.since.is_some_and(|d| (Day(18)..=Day(20)).contains(&d)), "{back:?}");
        assert!(back.why.starts_with("an alarm of resurgence is raised since 19"), "{}", back.why);
        let calm = watch(&days(&[20, 22, 19, 21, 18, 20, 23, 19, 21, 20])).unwrap();
        assert_eq!((calm.since, calm.days.len()), (None, 5));
        assert!(calm.why.starts_with("no alarm of resurgence is raised: 20 bots"), "{}", calm.why);
        // None at all is quiet, too.
        assert_eq!(watch(&days(&[0; 9])).unwrap().since, None);
        assert!(watch(&days(&[1, 1, 1, 1, 1])).unwrap_err().starts_with("5 days"));
    }
}
