//! Whether drawn noise is the discrete Laplace law of its scale, and no draw tells of another.
//!
//! Every test here is an event whose chance `p` is known exactly. Of `n` independent trials `k` show it; the chance to see a share so far
//! off is at most `exp(-n KL(k/n, p))` (Chernoff's bound, which holds for every `n`, not only large ones). With the bound set to
//! [`FALSE_ALARM`] over all events and both sides, the true law is accused at most that often.
//!
//! What it can tell: with 200,000 draws a scale that is off by 5 %, a share of draws without noise of 2 %, tails cut at four
//! scales, draws that repeat.

/// The chance that the true law is accused, over all events together.
pub const FALSE_ALARM: f64 = 1e-9;

/// One event that was seen too often or too rarely.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// The event.
    pub event: String,
    /// Its chance under the law.
    pub expected: f64,
    /// The share that was seen.
    pub seen: f64,
    /// Of so many trials.
    pub trials: u64,
}

struct Event {
    name: String,
    chance: f64,
    seen: u64,
    trials: u64,
}

/// Audits tables of noise (what was drawn less what is true), each a list of the same length drawn at once, against the
/// discrete Laplace law of `scale`. Empty where nothing is wrong.
pub fn audit(tables: &[Vec<i64>], scale: f64) -> Vec<Broken> {
    let q = (-1.0 / scale).exp();
    let mut events = single(tables, q, scale);
    events.extend(pairs(tables, q));
    // Each event may be off in two directions.
    let least = (2.0 * events.len() as f64 / FALSE_ALARM).ln();
    let broken = |e: &Event| e.trials as f64 * divergence(e.seen as f64 / e.trials as f64, e.chance) > least;
    let told = |e: Event| Broken {
        seen: e.seen as f64 / e.trials as f64,
        event: e.name,
        expected: e.chance,
        trials: e.trials,
    };
    events.into_iter().filter(|e| e.trials > 0).filter(broken).map(told).collect()
}

/// The relative entropy of a coin of `a` to a coin of `p`.
fn divergence(a: f64, p: f64) -> f64 {
    let part = |a: f64, p: f64| if a > 0.0 { a * (a / p).ln() } else { 0.0 };
    part(a, p) + part(1.0 - a, 1.0 - p)
}

/// Each draw by itself: every value near the middle, and every tail at quarters of the scale.
fn single(tables: &[Vec<i64>], q: f64, scale: f64) -> Vec<Event> {
    let draws = || tables.iter().flatten().copied();
    let trials = draws().count() as u64;
    let zero = (1.0 - q) / (1.0 + q);
    let count = |name: String, chance: f64, holds: &dyn Fn(i64) -> bool| Event {
        name,
        chance,
        seen: draws().filter(|x| holds(*x)).count() as u64,
        trials,
    };
    let near = scale.ceil() as i64;
    let mut events: Vec<Event> = (-near..=near)
        .map(|v| count(format!("x = {v}"), zero * q.powf(v.unsigned_abs() as f64), &|x| x == v))
        .collect();
    let mut steps: Vec<i64> = (1..=40).map(|i| (scale * f64::from(i) / 4.0).ceil() as i64).collect();
    steps.dedup();
    for t in steps {
        let tail = q.powf(t as f64) / (1.0 + q);
        events.push(count(format!("x >= {t}"), tail, &|x| x >= t));
        events.push(count(format!("x <= -{t}"), tail, &|x| x <= -t));
    }
    events
}

/// Draws beside each other in a table, and at the same place of two tables. Every draw is in one pair at most of each kind, so
/// that the pairs are independent.
fn pairs(tables: &[Vec<i64>], q: f64) -> Vec<Event> {
    let beside = || tables.iter().flat_map(|t| t.as_chunks::<2>().0).map(|[a, b]| (*a, *b));
    let across = || {
        let two = tables.as_chunks::<2>().0;
        two.iter().flat_map(|[a, b]| a.iter().copied().zip(b.iter().copied()))
    };
    let zero = (1.0 - q) / (1.0 + q);
    // Sum of the squares of the law.
    let same = zero * zero * (1.0 + q * q) / (1.0 - q * q);
    let positive = q / (1.0 + q);
    let agree = 2.0 * positive * positive;
    let mut events = Vec::new();
    for (name, all) in [("beside", beside().collect::<Vec<_>>()), ("across", across().collect())] {
        let mut event = |what: &str, chance: f64, holds: &dyn Fn(i64, i64) -> bool| {
            events.push(Event {
                name: format!("{name}: {what}"),
                chance,
                seen: all.iter().filter(|(a, b)| holds(*a, *b)).count() as u64,
                trials: all.len() as u64,
            });
        };
        event("both the same", same, &|a, b| a == b);
        event("both of one sign", agree, &|a, b| a.signum() * b.signum() > 0);
        event("of two signs", agree, &|a, b| a.signum() * b.signum() < 0);
        event("one the other's negative", same, &|a, b| a == -b);
    }
    events
}
