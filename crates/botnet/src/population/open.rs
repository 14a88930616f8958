//! The open population, fitted: bots come, are seen on some days, and are cured.
//!
//! The model is a superpopulation of Schwarz and Arnason (1996, Biometrics 52) whose bots differ. A bot is of a class of
//! catchability *k*, drawn from a distribution on a fixed grid (Pledger, Pollock and Norris 2003, Biometrics 59; the
//! grid in place of few free classes makes the shape of the duty cycles free), and of a class of survival *m*; on day
//! *t* it is seen with chance *p*, logit *p* = α(k) + τ(t): the days have effects of their own (weekends, a sensor that
//! was down, a day that is not over). It stays infected until the next day with chance φ(m)·s(t). How many of class *m*
//! become infected on day *t* is free.
//!
//! Because class and day add up on the logit scale, a bot's first day, last day and number of days are all the
//! likelihood needs (as in Rasch's model): the table of [`Histories`] is sufficient, whatever the number of bots.
//! The fit is expectation-maximisation over that table; each step costs cells × classes. Ends of the window are held
//! by weak priors on τ and s, because there no free model can tell a change of the chance from one of the number.
#![expect(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "every table here is made with one entry a day or class, and every index comes from a loop over them"
)]

use super::histories::Histories;

/// Chances to survive a day that classes of survival have.
const SURVIVALS: [f64; 7] = [1.0, 0.985, 0.96, 0.91, 0.8, 0.55, 0.2];
/// Points of the grid of catchability.
const CHANCES: usize = 16;
/// The greatest chance of being seen on a day.
const GREATEST: f64 = 0.985;
/// Prior deviation of a day's effect (logit), in bots' worth: its information counts as this many bot-days.
const DAY_PRIOR: f64 = 6.0;
/// Bots' worth of belief that nobody is cured beyond the classes of survival.
const CURE_PRIOR: f64 = 8.0;

/// The parameters of a fit.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    days: usize,
    /// Logits of the grid of catchability.
    alphas: Vec<f64>,
    /// Share of each class of catchability among all that were ever infected; sums to 1.
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
}

/// What a class does from day to day.
struct Course {
    /// Chance not to be seen.
    hidden: Vec<f64>,
    /// Chance to stay until the next day.
    stays: Vec<f64>,
    /// Alive on a day and not seen before it, for share 1.
    pre: Vec<f64>,
    /// Chance never to be seen after a day on which it is alive.
    post: Vec<f64>,
}

/// Sums over complete data.
struct Sums {
    class: Vec<f64>,
    entries: Vec<Vec<f64>>,
    /// Alive by class of catchability and day.
    alive: Vec<Vec<f64>>,
    /// Cured after day t, for the reason that all classes share.
    cured: Vec<f64>,
    /// Alive on day t, all classes.
    all: Vec<f64>,
    never: f64,
}

impl Fit {
    /// The start: all classes alike.
    fn start(data: &Histories) -> Self {
        let days = data.days();
        // A bot that is on less than about once in the window is beyond what any count can tell.
        let least = (0.6 / data.watched().max(1) as f64).clamp(0.02, 0.2);
        let logit = |p: f64| (p / (1.0 - p)).ln();
        let (low, high) = (logit(least), logit(GREATEST));
        let alphas = (0..CHANCES).map(|k| low + (high - low) * k as f64 / (CHANCES - 1) as f64).collect();
        let seen = data.seen() as f64;
        let entries = SURVIVALS
            .iter()
            .map(|s| {
                let each = seen / SURVIVALS.len() as f64;
                let later = 0.5 * (1.0 - s + 0.02) / days as f64;
                (0..days).map(|t| if t == 0 { each } else { each * later }).collect()
            })
            .collect();
        let effects = data.daily().iter().map(|&n| (n > 0).then_some(0.0)).collect();
        Self {
            days,
            alphas,
            shares: vec![1.0 / CHANCES as f64; CHANCES],
            effects,
            survival: vec![1.0; days],
            entries,
            population: vec![0.0; days],
            never_seen: 0.0,
            chance: 0.0,
        }
    }

    /// Fits the model. `rounds` of expectation and maximisation.
    pub(super) fn of(data: &Histories, rounds: usize) -> Self {
        let mut fit = Self::start(data);
        let cells = Cells::of(data);
        for _ in 0..rounds.max(1) {
            let sums = fit.expect(&cells);
            fit.maximise(&cells, sums);
        }
        fit
    }

    fn course(&self, k: usize, m: usize) -> Course {
        let days = self.days;
        let hidden: Vec<f64> = self
            .effects
            .iter()
            .map(|e| e.map_or(1.0, |tau| 1.0 / (1.0 + (self.alphas[k] + tau).exp())))
            .collect();
        let stays: Vec<f64> = self.survival.iter().map(|s| SURVIVALS[m] * s).collect();
        let (mut pre, mut post) = (self.entries[m].clone(), vec![1.0; days]);
        for t in 1..days {
            pre[t] += pre[t - 1] * hidden[t - 1] * stays[t - 1];
        }
        for t in (0..days.saturating_sub(1)).rev() {
            post[t] = (1.0 - stays[t]) + stays[t] * hidden[t + 1] * post[t + 1];
        }
        Course { hidden, stays, pre, post }
    }

    /// Expected sums of complete data: who is of what class, when each came and went, and who was never seen.
    fn expect(&self, cells: &Cells) -> Sums {
        let (days, classes) = (self.days, SURVIVALS.len());
        let courses: Vec<Course> =
            (0..CHANCES * classes).map(|j| self.course(j / classes, j % classes)).collect();
        let mut firsts = vec![vec![0.0; days]; courses.len()];
        let mut lasts = vec![vec![0.0; days]; courses.len()];
        let mut between = vec![vec![0.0; days + 1]; courses.len()];
        let mut chance = vec![0.0; courses.len()];
        // Odds to the power of the number of days: within range, since |α| is below 5 and days are at most 62.
        let powers: Vec<Vec<f64>> = self
            .alphas
            .iter()
            .map(|alpha| (0..=days).map(|count| (alpha * count as f64).exp()).collect())
            .collect();
        for span in &cells.spans {
            // All of one span share what lies between first and last day; only the number of days differs.
            let base: Vec<f64> = courses.iter().enumerate().map(|(j, c)| self.span(j, c, span)).collect();
            let mut power = vec![0.0; courses.len()];
            for &(count, bots) in &span.counts {
                let mut total = 0.0;
                for j in 0..courses.len() {
                    chance[j] = base[j] * powers[j / classes][count];
                    total += chance[j];
                }
                if total > 0.0 {
                    let scale = bots / total;
                    for (sum, c) in power.iter_mut().zip(&chance) {
                        *sum += c * scale;
                    }
                }
            }
            for (j, bots) in power.into_iter().enumerate() {
                firsts[j][span.first] += bots;
                lasts[j][span.last] += bots;
                between[j][span.first] += bots;
                between[j][span.last + 1] -= bots;
            }
        }
        let mut sums = Sums {
            class: vec![0.0; CHANCES],
            entries: vec![vec![0.0; days]; classes],
            alive: vec![vec![0.0; days]; CHANCES],
            cured: vec![0.0; days],
            all: vec![0.0; days],
            never: 0.0,
        };
        for (j, course) in courses.iter().enumerate() {
            self.add_course(
                &mut sums,
                (j / classes, j % classes),
                course,
                &firsts[j],
                &lasts[j],
                &between[j],
            );
        }
        for t in 0..days {
            sums.all[t] = (0..CHANCES).map(|k| sums.alive[k][t]).sum();
        }
        sums
    }

    /// Intensity of a span for a class, without the factor that depends on the number of days seen.
    fn span(&self, j: usize, course: &Course, span: &Span) -> f64 {
        let k = j / SURVIVALS.len();
        let mut product = self.shares[k] * course.pre[span.first] * course.post[span.last];
        for t in span.first..=span.last {
            product *= course.hidden[t];
            if t < span.last {
                product *= course.stays[t];
            }
        }
        product
    }

    fn add_course(
        &self,
        sums: &mut Sums,
        (k, m): (usize, usize),
        course: &Course,
        firsts: &[f64],
        lasts: &[f64],
        between: &[f64],
    ) {
        let days = self.days;
        let share = self.shares[k];
        // Who was seen: back from the first day to when each came.
        let mut waiting = 0.0;
        for t in (0..days).rev() {
            let here = firsts[t] + waiting;
            sums.alive[k][t] += waiting;
            let came =
                if course.pre[t] > 0.0 { here * (self.entries[m][t] / course.pre[t]).min(1.0) } else { here };
            sums.entries[m][t] += came;
            waiting = here - came;
        }
        // Between first and last day: alive.
        let mut inside = 0.0;
        for t in 0..days {
            inside += between[t];
            sums.alive[k][t] += inside;
        }
        // After the last day: on until each was cured.
        let mut going = 0.0;
        for t in 0..days {
            let here = lasts[t] + going;
            sums.alive[k][t] += going;
            if t + 1 < days {
                let goes_on = here * (1.0 - (1.0 - course.stays[t]) / course.post[t].max(1e-12));
                sums.cured[t] += (here - goes_on.max(0.0)) * self.shared_cure(m, t);
                going = goes_on.max(0.0);
            }
        }
        sums.class[k] += firsts.iter().sum::<f64>();
        // Who was never seen: as many as the parameters say.
        let mut never = 0.0;
        for t in 0..days {
            let unseen = share * course.pre[t] * course.hidden[t];
            let came = share * self.entries[m][t] * course.hidden[t] * course.post[t];
            never += came;
            sums.entries[m][t] += came;
            sums.alive[k][t] += unseen * course.post[t];
            if t + 1 < days {
                sums.cured[t] += unseen * (1.0 - course.stays[t]) * self.shared_cure(m, t);
            }
        }
        sums.class[k] += never;
        sums.never += never;
    }

    /// Share of cures on a day whose reason all classes share.
    fn shared_cure(&self, m: usize, t: usize) -> f64 {
        let all = 1.0 - SURVIVALS[m] * self.survival[t];
        if all > 0.0 { (1.0 - self.survival[t]) / all } else { 0.0 }
    }

    fn maximise(&mut self, cells: &Cells, mut sums: Sums) {
        let total: f64 = sums.class.iter().sum();
        self.shares = sums.class.iter().map(|n| n / total.max(1e-12)).collect();
        self.entries = std::mem::take(&mut sums.entries);
        for t in 0..self.days {
            // An additional step of expectation needs a chance above 0 to start from.
            let start = if self.survival[t] >= 1.0 { 0.02 * CURE_PRIOR } else { 0.0 };
            let cured = sums.cured[t] + start;
            self.survival[t] = 1.0 - (cured / (sums.all[t] + CURE_PRIOR)).clamp(0.0, 0.999);
        }
        for t in 0..self.days {
            if let Some(tau) = self.effects[t] {
                self.effects[t] = Some(self.day_effect(&sums, t, tau, cells.daily[t]));
            }
        }
        // Effects are against the mean day: the grid of classes holds the level.
        let watched: Vec<f64> = self.effects.iter().flatten().copied().collect();
        let mut sorted = watched.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        for tau in self.effects.iter_mut().flatten() {
            *tau -= middle;
        }
        let seen: f64 = cells.daily.iter().sum();
        let alive: f64 =
            self.effects.iter().zip(&sums.all).filter(|(e, _)| e.is_some()).map(|(_, n)| n).sum();
        self.chance = seen / alive.max(1e-12);
        self.population = sums.all;
        for t in 1..self.days {
            self.population[t] -= 0.5 * self.entries.iter().map(|e| e[t]).sum::<f64>();
        }
        self.never_seen = sums.never;
    }

    /// How much further the numbers of bots by first and last day lie from the model than chance explains: Pearson's
    /// chi-square over its degrees of freedom, at least 1. Cells in which fewer than five are expected do not count.
    pub(super) fn misfit(&self, data: &Histories) -> f64 {
        let days = self.days;
        let mut seen = vec![vec![0.0; days]; days];
        for cell in data.cells() {
            seen[cell.first][cell.last] += cell.bots as f64;
        }
        let mut expected = vec![vec![0.0; days]; days];
        for j in 0..CHANCES * SURVIVALS.len() {
            let (k, m) = (j / SURVIVALS.len(), j % SURVIVALS.len());
            let course = self.course(k, m);
            for first in 0..days {
                let mut arrives = self.shares[k] * course.pre[first] * (1.0 - course.hidden[first]);
                expected[first][first] += arrives * course.post[first];
                for last in first + 1..days {
                    arrives *= course.stays[last - 1];
                    expected[first][last] += arrives * (1.0 - course.hidden[last]) * course.post[last];
                }
            }
        }
        let (mut sum, mut cells) = (0.0, 0usize);
        for (expected, seen) in expected.iter().flatten().zip(seen.iter().flatten()) {
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
        for (k, alpha) in self.alphas.iter().enumerate() {
            let p = 1.0 / (1.0 + (-alpha - tau).exp());
            expected += sums.alive[k][t] * p;
            slope += sums.alive[k][t] * p * (1.0 - p);
        }
        (tau + ((seen - expected) / slope).clamp(-0.5, 0.5)).clamp(-4.0, 4.0)
    }
}

/// The table, as the fit goes through it.
#[derive(Debug, Clone)]
struct Cells {
    spans: Vec<Span>,
    daily: Vec<f64>,
}

/// Bots with the same first and last day.
#[derive(Debug, Clone)]
struct Span {
    first: usize,
    last: usize,
    /// How many days they were seen on, and how many bots.
    counts: Vec<(usize, f64)>,
}

impl Cells {
    fn of(data: &Histories) -> Self {
        let mut spans: Vec<Span> = Vec::new();
        for cell in data.cells() {
            let one = (cell.days, cell.bots as f64);
            match spans.last_mut() {
                Some(s) if s.first == cell.first && s.last == cell.last => s.counts.push(one),
                _ => spans.push(Span { first: cell.first, last: cell.last, counts: vec![one] }),
            }
        }
        Self { spans, daily: data.daily().iter().map(|&n| n as f64).collect() }
    }
}
