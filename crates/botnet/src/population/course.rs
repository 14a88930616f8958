//! What one kind of bots does from day to day: the chances of a gap between two sightings, of the time before the first
//! and of the time after the last.
//!
//! A bot that is seen is on, so each sighting begins anew: what matters of a history are its gaps. A bot that is out of
//! sight is on and not seen, or away; `[f64; 2]` holds the two.
#![expect(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "every table here is made with one entry a day, and every index comes from a loop over days"
)]

use super::classes::Class;

/// Here and away.
pub(super) type Two = [f64; 2];

/// One day on: who goes away, who comes back.
pub(super) fn step(class: Class, [here, away]: Two) -> Two {
    [here * (1.0 - class.leaves) + away * class.returns, here * class.leaves + away * (1.0 - class.returns)]
}

/// Between two sightings, for bots that stay infected.
#[derive(Debug, Clone)]
pub(super) struct Gaps {
    days: usize,
    /// At `s * days + e`: seen on day s, the chance to be seen next on day e.
    pub(super) next: Vec<f64>,
    /// At `s * days + u`: seen on day s, the chance to be unseen after it up to day u, and on that day not away.
    idle: Vec<f64>,
}

impl Gaps {
    pub(super) fn of(class: Class, seen: &[f64]) -> Self {
        let days = seen.len();
        let (mut next, mut idle) = (vec![0.0; days * days], vec![0.0; days * days]);
        for s in 0..days {
            let mut state = step(class, [1.0, 0.0]);
            for e in s + 1..days {
                next[s * days + e] = state[0] * seen[e];
                state[0] *= 1.0 - seen[e];
                idle[s * days + e] = state[0];
                state = step(class, state);
            }
        }
        Self { days, next, idle }
    }

    /// Bots that were on and not seen, by day, when `used` (at `s * days + e`) had gaps.
    pub(super) fn add_here(&self, used: impl Fn(usize) -> f64, here: &mut [f64]) {
        for s in 0..self.days {
            for e in s + 2..self.days {
                let at = s * self.days + e;
                let (bots, chance) = (used(at), self.next[at]);
                if bots > 1e-9 && chance > 0.0 {
                    for u in s + 1..e {
                        here[u] +=
                            bots * self.idle[s * self.days + u] * self.next[u * self.days + e] / chance;
                    }
                }
            }
        }
    }
}

/// Before the first and after the last sighting.
#[derive(Debug, Clone)]
pub(super) struct Course {
    class: Class,
    /// Chance to be seen on a day, when here.
    seen: Vec<f64>,
    /// Chance to stay infected until the next day.
    stays: Vec<f64>,
    /// Become infected on a day, by state.
    comes: Vec<Two>,
    /// Infected on a day and not seen before it.
    pre: Vec<Two>,
    /// Chance never to be seen after a day on which it is infected.
    post: Vec<Two>,
}

/// What is summed up over the bots of one course.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    pub(super) entries: Vec<f64>,
    /// Infected and out of sight.
    pub(super) alive: Vec<f64>,
    /// Of these, not away.
    pub(super) here: Vec<f64>,
    /// Cured after a day.
    pub(super) cured: Vec<f64>,
    pub(super) never: f64,
}

impl Course {
    /// `entries` are the bots infected on each day. Who was infected before the window is away as often as ever; who
    /// becomes infected is on.
    pub(super) fn new(class: Class, seen: &[f64], stays: Vec<f64>, entries: &[f64]) -> Self {
        let days = seen.len();
        let away = class.away();
        let comes: Vec<Two> = entries
            .iter()
            .enumerate()
            .map(|(t, n)| if t == 0 { [n * (1.0 - away), n * away] } else { [*n, 0.0] })
            .collect();
        let (mut pre, mut post) = (comes.clone(), vec![[1.0; 2]; days]);
        for t in 1..days {
            let [here, away] = pre[t - 1];
            let on = step(class, [here * (1.0 - seen[t - 1]), away]);
            pre[t][0] += on[0] * stays[t - 1];
            pre[t][1] += on[1] * stays[t - 1];
        }
        for t in (0..days.saturating_sub(1)).rev() {
            let (here, away) = ((1.0 - seen[t + 1]) * post[t + 1][0], post[t + 1][1]);
            let unseen = |s: Two| {
                let [h, a] = step(class, s);
                h * here + a * away
            };
            post[t] = [[1.0, 0.0], [0.0, 1.0]].map(|s| 1.0 - stays[t] + stays[t] * unseen(s));
        }
        Self { class, seen: seen.to_vec(), stays, comes, pre, post }
    }

    /// Chance to stay infected from day `t` to the next.
    pub(super) fn stays(&self, t: usize) -> f64 {
        self.stays[t]
    }

    /// Seen for the first time on a day, if on it.
    pub(super) fn first(&self, t: usize) -> f64 {
        self.pre[t][0] * self.seen[t]
    }

    /// Never seen after a day on which it was.
    pub(super) fn last(&self, t: usize) -> f64 {
        self.post[t][0]
    }

    /// Sums for bots first seen on `firsts`, last seen on `lasts`, and for those never seen: as many as the parameters
    /// say, for a class with this share.
    pub(super) fn tally(&self, firsts: &[f64], lasts: &[f64], share: f64) -> Tally {
        let days = self.seen.len();
        let none = || vec![0.0; days];
        let mut sum = Tally { entries: none(), alive: none(), here: none(), cured: none(), never: 0.0 };
        self.before(firsts, &mut sum);
        self.after(lasts, &mut sum);
        for t in 0..days {
            let hidden = [(1.0 - self.seen[t]) * self.post[t][0], self.post[t][1]];
            let unseen = |s: Two| share * (s[0] * hidden[0] + s[1] * hidden[1]);
            let came = unseen(self.comes[t]);
            sum.never += came;
            sum.entries[t] += came;
            sum.alive[t] += unseen(self.pre[t]);
            sum.here[t] += share * self.pre[t][0] * hidden[0];
            if t + 1 < days {
                let out_of_sight = self.pre[t][0] * (1.0 - self.seen[t]) + self.pre[t][1];
                sum.cured[t] += share * out_of_sight * (1.0 - self.stays[t]);
            }
        }
        sum
    }

    /// Back from the first sighting to when each came.
    fn before(&self, firsts: &[f64], sum: &mut Tally) {
        let mut waits: Two = [0.0; 2];
        for t in (0..self.seen.len()).rev() {
            sum.alive[t] += waits[0] + waits[1];
            sum.here[t] += waits[0];
            let now = [waits[0] + firsts[t], waits[1]];
            waits = [0.0; 2];
            for (x, bots) in now.into_iter().enumerate() {
                let all = self.pre[t][x];
                if bots <= 0.0 || all <= 0.0 || t == 0 {
                    sum.entries[t] += bots;
                    continue;
                }
                let came = (self.comes[t][x] / all).min(1.0);
                sum.entries[t] += bots * came;
                // From which state of the day before.
                let [here, away] = self.pre[t - 1];
                let from_here = step(self.class, [here * (1.0 - self.seen[t - 1]), 0.0])[x];
                let from_away = step(self.class, [0.0, away])[x];
                let both = (from_here + from_away).max(1e-300);
                waits[0] += bots * (1.0 - came) * from_here / both;
                waits[1] += bots * (1.0 - came) * from_away / both;
            }
        }
    }

    /// On from the last sighting until each was cured.
    fn after(&self, lasts: &[f64], sum: &mut Tally) {
        let days = self.seen.len();
        let mut goes: Two = [0.0; 2];
        for t in 0..days {
            sum.alive[t] += goes[0] + goes[1];
            sum.here[t] += goes[0];
            let now = [goes[0] + lasts[t], goes[1]];
            goes = [0.0; 2];
            if t + 1 == days {
                break;
            }
            for (x, bots) in now.into_iter().enumerate() {
                if bots <= 0.0 {
                    continue;
                }
                let post = self.post[t][x].max(1e-12);
                sum.cured[t] += bots * (1.0 - self.stays[t]) / post;
                let [h, a] = step(self.class, if x == 0 { [1.0, 0.0] } else { [0.0, 1.0] });
                let on = bots * self.stays[t] / post;
                goes[0] += on * h * (1.0 - self.seen[t + 1]) * self.post[t + 1][0];
                goes[1] += on * a * self.post[t + 1][1];
            }
        }
    }
}
