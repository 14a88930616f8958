//! The open population, fitted: bots come, are away for a time, are seen on some days, and are cured.
//!
//! The model is a superpopulation of Schwarz and Arnason (1996, Biometrics 52) whose bots differ. A bot is of a kind
//! *k* (`classes`): a catchability on a fixed grid (Pledger, Pollock and Norris 2003, Biometrics 59), the days of the
//! week that it keeps, and how it is away. On day *t* a bot that is not away is seen with chance *p*, logit *p* =
//! α(k, t) + τ(t): the days have effects of their own (a sensor that was down, a day that is not over). Absence is
//! temporary emigration of the first order (Kendall, Nichols and Hines 1997, Ecology 78, without their secondary
//! periods: here gaps in the middle of histories tell absences from cures). And a bot is of a class of survival *m*: it
//! stays infected until the next day with chance φ(m)·s(t). How many of class *m* become infected on day *t* is free.
//!
//! A bot that is seen is not away, so a history is its first day, its gaps and its last day (`course`). The fit is
//! expectation-maximisation over the distinct histories, of which a weighted part is taken where there are more than
//! [`MOST`]. Ends of the window are held by weak priors on τ and s, because there no free model can tell a change of
//! the chance from one of the number.
#![expect(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "every table here is made with one entry a day or class, and every index comes from a loop over them"
)]

use super::classes::{Class, SURVIVALS, classes, weekend};
use super::course::{Course, Gaps, Tally, step};
use super::histories::Histories;

/// Most distinct histories that are fitted.
const MOST: usize = 12_000;
/// Prior deviation of a day's effect (logit), in bots' worth: its information counts as this many bot-days.
const DAY_PRIOR: f64 = 6.0;
/// Bots' worth of belief that nobody is cured beyond the classes of survival.
const CURE_PRIOR: f64 = 8.0;
/// From this round on, kinds with less than [`LEAST_SHARE`] are left out.
const PRUNED: usize = 12;
/// After so many rounds in which the count moved by less than [`STILL`] of itself, the fit ends.
const STEADY: usize = 10;
/// See [`STEADY`].
const STILL: f64 = 1e-4;
/// The share below which a kind is none.
const LEAST_SHARE: f64 = 1e-4;

/// The parameters of a fit.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    days: usize,
    classes: Vec<Class>,
    /// Which days are the week's end, where weeks can be told.
    weekend: Vec<bool>,
    /// Share of each kind among all that were ever infected; sums to 1.
    shares: Vec<f64>,
    /// Effects of days; none where nobody was watched.
    effects: Vec<Option<f64>>,
    /// Survival beside the classes', from day t to t + 1.
    survival: Vec<f64>,
    /// Bots of each class of survival that become infected on each day (the first: that were before).
    entries: Vec<Vec<f64>>,
    /// Bots infected at noon of each day: of those that come on a day, half come after noon.
    pub(super) population: Vec<f64>,
    /// Bots that were ever infected in the window and never seen.
    pub(super) never_seen: f64,
    /// Mean chance that an infected bot is seen on a watched day.
    pub(super) chance: f64,
    /// Share of the population that is away on a day, in the mean.
    pub(super) away: f64,
    /// Bots that become infected on a day, as a share of the population, in the mean.
    pub(super) turnover: f64,
    /// Logarithm of the likelihood, up to what is the same for every fit.
    pub(super) likelihood: f64,
}

/// What a kind does, by the parameters of a round.
struct Kind {
    seen: Vec<f64>,
    gaps: Gaps,
    /// One for each class of survival.
    courses: Vec<Course>,
    /// At `first * days + last`: all that does not depend on the gaps.
    ends: Vec<f64>,
}

/// Sums over complete data.
struct Sums {
    class: Vec<f64>,
    entries: Vec<Vec<f64>>,
    /// Alive by day.
    alive: Vec<f64>,
    /// Not away, by kind and day.
    here: Vec<Vec<f64>>,
    /// Cured on a day for the reason that all classes share.
    cured: Vec<f64>,
    never: f64,
    likelihood: f64,
}

impl Fit {
    fn start(data: &Histories, rows: &Rows, absence: Option<f64>) -> Self {
        let days = data.days();
        let weekend = weekend(&rows.known());
        let classes = classes(days, data.watched(), absence, weekend.iter().any(|w| *w));
        let entries = SURVIVALS
            .iter()
            .map(|s| {
                let each = rows.bots / SURVIVALS.len() as f64;
                let later = 0.5 * (1.0 - s + 0.02) / days as f64;
                (0..days).map(|t| if t == 0 { each } else { each * later }).collect()
            })
            .collect();
        Self {
            days,
            shares: vec![1.0 / classes.len() as f64; classes.len()],
            classes,
            weekend,
            effects: rows.daily.iter().map(|&n| (n > 0.0).then_some(0.0)).collect(),
            survival: vec![1.0; days],
            entries,
            population: vec![0.0; days],
            never_seen: 0.0,
            chance: 0.0,
            away: 0.0,
            turnover: 0.0,
            likelihood: 0.0,
        }
    }

    /// Fits the model in at most `rounds` of expectation and maximisation. `absence`: the longest mean length of an absence, in
    /// days, that is thought possible; none: bots are never away.
    pub(super) fn of(data: &Histories, rounds: usize, absence: Option<f64>) -> Self {
        let rows = Rows::of(data);
        let mut fit = Self::start(data, &rows, absence);
        let mut before = 0.0;
        for round in 1..=rounds.max(1) {
            let sums = fit.expect(&rows);
            fit.maximise(&rows, sums);
            if round >= PRUNED {
                fit.prune();
            }
            if round % STEADY == 0 {
                let all: f64 = fit.population.iter().sum();
                if (all - before).abs() < STILL * all {
                    break;
                }
                before = all;
            }
        }
        // The weights of a part add up to the whole only in the mean.
        let whole = data.seen() as f64 / rows.bots.max(1e-12);
        fit.population.iter_mut().for_each(|n| *n *= whole);
        fit.entries.iter_mut().flatten().for_each(|n| *n *= whole);
        fit.never_seen *= whole;
        fit
    }

    /// Those that become infected within the window, in times of the mean population.
    pub(super) fn comers(&self) -> f64 {
        let came: f64 = self.entries.iter().map(|e| e.iter().skip(1).sum::<f64>()).sum();
        came * self.days as f64 / self.population.iter().sum::<f64>().max(1e-12)
    }

    fn prune(&mut self) {
        let kept: Vec<bool> = self.shares.iter().map(|s| *s >= LEAST_SHARE).collect();
        let mut each = kept.iter();
        self.classes.retain(|_| *each.next().unwrap_or(&true));
        self.shares.retain(|s| *s >= LEAST_SHARE);
        let all: f64 = self.shares.iter().sum();
        self.shares.iter_mut().for_each(|s| *s /= all);
    }

    fn kind(&self, k: usize) -> Kind {
        let (days, class) = (self.days, self.classes[k]);
        let seen: Vec<f64> = (0..days)
            .map(|t| {
                let alpha = class.on(self.weekend[t]);
                self.effects[t].map_or(0.0, |tau| 1.0 / (1.0 + (-alpha - tau).exp()))
            })
            .collect();
        let courses: Vec<Course> = SURVIVALS
            .iter()
            .zip(&self.entries)
            .map(|(s, entries)| {
                Course::new(class, &seen, self.survival.iter().map(|all| s * all).collect(), entries)
            })
            .collect();
        let mut ends = vec![0.0; days * days];
        for course in &courses {
            for first in 0..days {
                let mut stays = self.shares[k] * course.first(first);
                for last in first..days {
                    ends[first * days + last] += stays * course.last(last);
                    stays *= course.stays(last);
                }
            }
        }
        let gaps = Gaps::of(class, &seen);
        Kind { seen, gaps, courses, ends }
    }

    /// Expected sums of complete data: who is of what kind, when each came and went, who was away, who was never seen.
    fn expect(&self, rows: &Rows) -> Sums {
        let (days, n) = (self.days, self.classes.len());
        let kinds: Vec<Kind> = (0..n).map(|k| self.kind(k)).collect();
        // By place and kind, so that the inner loop runs over the kinds.
        let by_place = |of: &dyn Fn(&Kind, usize) -> f64| -> Vec<f64> {
            (0..days * days).flat_map(|at| kinds.iter().map(move |k| of(k, at))).collect()
        };
        let (next, ends) = (by_place(&|k, at| k.gaps.next[at]), by_place(&|k, at| k.ends[at]));
        let (mut used, mut ended) = (vec![0.0; next.len()], vec![0.0; ends.len()]);
        let mut chance = vec![0.0; n];
        let mut likelihood = 0.0;
        for row in &rows.rows {
            let end = row.end * n;
            chance.copy_from_slice(&ends[end..end + n]);
            for gap in &row.gaps {
                let at = usize::from(*gap) * n;
                chance.iter_mut().zip(&next[at..at + n]).for_each(|(c, p)| *c *= p);
            }
            let total: f64 = chance.iter().sum();
            if total <= 0.0 {
                continue;
            }
            likelihood += row.bots * total.ln();
            let scale = row.bots / total;
            chance.iter_mut().for_each(|c| *c *= scale);
            ended[end..end + n].iter_mut().zip(&chance).for_each(|(e, c)| *e += c);
            for gap in &row.gaps {
                let at = usize::from(*gap) * n;
                used[at..at + n].iter_mut().zip(&chance).for_each(|(u, c)| *u += c);
            }
        }
        let mut sums = Sums {
            class: vec![0.0; n],
            entries: vec![vec![0.0; days]; SURVIVALS.len()],
            alive: vec![0.0; days],
            here: vec![vec![0.0; days]; n],
            cured: vec![0.0; days],
            never: 0.0,
            likelihood,
        };
        for (k, kind) in kinds.iter().enumerate() {
            self.add_kind(&mut sums, k, kind, &|at| ended[at * n + k], &|at| used[at * n + k]);
        }
        sums.likelihood -= self.entries.iter().flatten().sum::<f64>() - sums.never;
        sums
    }

    fn add_kind(
        &self,
        sums: &mut Sums,
        k: usize,
        kind: &Kind,
        ended: &dyn Fn(usize) -> f64,
        used: &dyn Fn(usize) -> f64,
    ) {
        let days = self.days;
        kind.gaps.add_here(used, &mut sums.here[k]);
        for at in 0..days * days {
            let (first, last) = (at / days, at % days);
            // Seen again at the end of a gap; seen for the first time.
            sums.here[k][last] += used(at);
            sums.here[k][first] += ended(at);
            if ended(at) > 0.0 {
                sums.class[k] += ended(at);
                sums.alive[first..=last].iter_mut().for_each(|n| *n += ended(at));
            }
        }
        for (m, course) in kind.courses.iter().enumerate() {
            let (mut firsts, mut lasts) = (vec![0.0; days], vec![0.0; days]);
            for first in 0..days {
                let mut stays = self.shares[k] * course.first(first);
                for last in first..days {
                    let (bots, all) = (ended(first * days + last), kind.ends[first * days + last]);
                    if bots > 0.0 && all > 0.0 {
                        let own = bots * stays * course.last(last) / all;
                        firsts[first] += own;
                        lasts[last] += own;
                    }
                    stays *= course.stays(last);
                }
            }
            let tally: Tally = course.tally(&firsts, &lasts, self.shares[k]);
            for t in 0..days {
                sums.entries[m][t] += tally.entries[t];
                sums.alive[t] += tally.alive[t];
                sums.here[k][t] += tally.here[t];
                sums.cured[t] += tally.cured[t] * self.shared_cure(m, t);
            }
            sums.class[k] += tally.never;
            sums.never += tally.never;
        }
    }

    /// Share of cures on a day whose reason all classes share.
    fn shared_cure(&self, m: usize, t: usize) -> f64 {
        let all = 1.0 - SURVIVALS[m] * self.survival[t];
        if all > 0.0 { (1.0 - self.survival[t]) / all } else { 0.0 }
    }

    fn maximise(&mut self, rows: &Rows, mut sums: Sums) {
        let total: f64 = sums.class.iter().sum();
        self.shares = sums.class.iter().map(|n| n / total.max(1e-12)).collect();
        self.entries = std::mem::take(&mut sums.entries);
        for t in 0..self.days {
            // An additional step of expectation needs a chance above 0 to start from.
            let start = if self.survival[t] >= 1.0 { 0.02 * CURE_PRIOR } else { 0.0 };
            let cured = sums.cured[t] + start;
            self.survival[t] = 1.0 - (cured / (sums.alive[t] + CURE_PRIOR)).clamp(0.0, 0.999);
        }
        for t in 0..self.days {
            if let Some(tau) = self.effects[t] {
                self.effects[t] = Some(self.day_effect(&sums, t, tau, rows.daily[t]));
            }
        }
        // Effects are against the mean day: the grid of classes holds the level.
        let mut sorted: Vec<f64> = self.effects.iter().flatten().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        for tau in self.effects.iter_mut().flatten() {
            *tau -= middle;
        }
        let seen: f64 = rows.daily.iter().sum();
        let watched = |of: &dyn Fn(usize) -> f64| -> f64 {
            (0..self.days).filter(|t| self.effects[*t].is_some()).map(of).sum()
        };
        let alive = watched(&|t| sums.alive[t]);
        let here = watched(&|t| sums.here.iter().map(|k| k[t]).sum());
        self.chance = seen / alive.max(1e-12);
        self.away = (1.0 - here / alive.max(1e-12)).clamp(0.0, 1.0);
        self.population = sums.alive;
        let mut newly = 0.0;
        for t in 1..self.days {
            let came = self.entries.iter().map(|e| e[t]).sum::<f64>();
            self.population[t] -= 0.5 * came;
            newly += came;
        }
        self.turnover = newly / self.population.iter().sum::<f64>().max(1e-12);
        self.never_seen = sums.never;
        self.likelihood = sums.likelihood;
    }

    /// How much further the numbers of bots by first and last day lie from the model than chance explains: Pearson's
    /// chi-square over its degrees of freedom, at least 1. Cells in which fewer than five are expected do not count.
    pub(super) fn misfit(&self, data: &Histories) -> f64 {
        let days = self.days;
        let mut seen = vec![0.0; days * days];
        for cell in data.cells() {
            seen[cell.first * days + cell.last] += cell.bots as f64;
        }
        let mut expected = vec![0.0; days * days];
        for (k, class) in self.classes.iter().enumerate() {
            let kind = self.kind(k);
            for course in &kind.courses {
                for first in 0..days {
                    let mut stays = self.shares[k] * course.first(first);
                    let mut state = [1.0, 0.0];
                    expected[first * days + first] += stays * course.last(first);
                    for last in first + 1..days {
                        stays *= course.stays(last - 1);
                        state = step(*class, state);
                        expected[first * days + last] +=
                            stays * state[0] * kind.seen[last] * course.last(last);
                    }
                }
            }
        }
        let (mut sum, mut cells) = (0.0, 0usize);
        for (expected, seen) in expected.iter().zip(&seen) {
            if *expected >= 5.0 {
                sum += (seen - expected).powi(2) / expected;
                cells += 1;
            }
        }
        // Entries, effects and cures of days, and the classes, are fitted to the same numbers.
        let free = (cells as f64 - 3.0 * days as f64).max(cells as f64 / 4.0).max(1.0);
        (sum / free).max(1.0)
    }

    /// One step of Newton's towards the effect that makes as many seen as were seen.
    fn day_effect(&self, sums: &Sums, t: usize, tau: f64, seen: f64) -> f64 {
        let (mut expected, mut slope) = (DAY_PRIOR * tau, DAY_PRIOR);
        for (class, here) in self.classes.iter().zip(&sums.here) {
            let p = 1.0 / (1.0 + (-class.on(self.weekend[t]) - tau).exp());
            expected += here[t] * p;
            slope += here[t] * p * (1.0 - p);
        }
        (tau + ((seen - expected) / slope).clamp(-0.5, 0.5)).clamp(-4.0, 4.0)
    }
}

/// The histories, as the fit goes through them.
#[derive(Debug, Clone)]
struct Rows {
    rows: Vec<Row>,
    daily: Vec<f64>,
    bots: f64,
}

/// Bots with the same history.
#[derive(Debug, Clone)]
struct Row {
    /// First day × days + last day.
    end: usize,
    /// Each: day seen × days + day seen next. Days are at most 62, so a place is below 62².
    gaps: Vec<u16>,
    bots: f64,
}

impl Rows {
    /// By day: of the bots seen before it and after it, the share seen on it; none where there are none, or nobody was
    /// watched.
    fn known(&self) -> Vec<Option<f64>> {
        let days = self.daily.len();
        let (mut infected, mut seen) = (vec![0.0; days], vec![0.0; days]);
        for row in &self.rows {
            let (first, last) = (row.end / days, row.end % days);
            infected[first..last].iter_mut().skip(1).for_each(|n| *n += row.bots);
            // Each gap but the last ends on a day in between.
            for gap in row.gaps.iter().rev().skip(1) {
                seen[usize::from(*gap) % days] += row.bots;
            }
        }
        let share = |t: usize| (self.daily[t] > 0.0 && infected[t] > 0.0).then(|| seen[t] / infected[t]);
        (0..days).map(share).collect()
    }

    fn of(data: &Histories) -> Self {
        let days = data.days();
        let mut all = Self { rows: Vec::new(), daily: vec![0.0; days], bots: 0.0 };
        for (map, bots) in data.part(MOST) {
            let seen: Vec<usize> = (0..days).filter(|t| map >> t & 1 == 1).collect();
            let (Some(first), Some(last)) = (seen.first(), seen.last()) else { continue };
            seen.iter().for_each(|t| all.daily[*t] += bots);
            all.bots += bots;
            let gaps = seen.windows(2).map(|w| (w[0] * days + w[1]) as u16).collect();
            all.rows.push(Row { end: first * days + last, gaps, bots });
        }
        all
    }
}
