//! Beacon scores: pairs per processor second, beside a plain re-statement of the same definition in the same run.
//!
//! Pairs are made, not real: half are timers with jitter, half are people's bursts; lengths as each row says. The plain
//! one is written as the definition reads: sorted copies, a map for the commonest size, a division for each hour.

#[path = "../../../crates/botnet/src/beacon/mod.rs"]
#[allow(dead_code)]
mod beacon;

#[path = "../../figure.rs"]
#[allow(dead_code, reason = "not every program has every kind of line")]
mod figure;

use beacon::{Observed, Scratch, Settings};
use std::collections::HashMap;

const DAY: i64 = 86_400;

struct Pair {
    times: Vec<i64>,
    sizes: Vec<i64>,
}

/// A small generator, so that every run has the same pairs (SplitMix64, Steele and others 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as i64
    }
}

fn pair(random: &mut Random, n: i64) -> Pair {
    let timer = random.below(2) == 0;
    let interval = (DAY / n).max(1);
    let jitter = 1 + random.below(interval / 2 + 1);
    let mut times: Vec<i64> = (0..n)
        .map(|i| {
            let t = if timer {
                i * interval + random.below(jitter)
            } else {
                random.below(24) * 3_600 + random.below(600)
            };
            t * 1_000_000 + random.below(1_000_000)
        })
        .collect();
    times.sort_unstable();
    let sizes =
        (0..n).map(|_| if timer { 120 + 8 * random.below(4) } else { random.below(60_000) }).collect();
    Pair { times, sizes }
}

fn plain(pair: &Pair) -> Option<f64> {
    let mut times: Vec<i64> = pair.times.iter().map(|t| t / 1_000_000).collect();
    times.sort_unstable();
    let mut gaps: Vec<i64> = times.windows(2).map(|w| w[1] - w[0]).filter(|g| *g > 0).collect();
    if gaps.len() < 3 {
        return None;
    }
    gaps.sort_unstable();
    let mut sizes = pair.sizes.clone();
    sizes.sort_unstable();
    let at = |v: &[i64], q: f64| v[(q * (v.len() as f64 - 1.0)).round() as usize] as f64;
    let both = |v: &[i64]| {
        let (low, mid, high) = (at(v, 0.25), at(v, 0.5), at(v, 0.75));
        let skew = if low == mid || mid == high {
            1.0
        } else {
            1.0 - ((low + high - 2.0 * mid) / (high - low)).abs()
        };
        let mut off: Vec<i64> = v.iter().map(|x| (x - mid as i64).abs()).collect();
        off.sort_unstable();
        let spread = if mid == 0.0 { 0.0 } else { (1.0 - at(&off, 0.5) / mid).max(0.0) };
        (skew, spread)
    };
    let (skew, spread) = both(&gaps);
    let timestamp = (skew + spread) / 2.0;
    let mut counts: HashMap<i64, usize> = HashMap::new();
    sizes.iter().for_each(|s| *counts.entry(*s).or_default() += 1);
    let most = counts.values().copied().max().unwrap_or(0);
    let mode = counts.iter().filter(|(_, n)| **n == most).map(|(s, _)| *s).min().unwrap_or(0);
    let (skew, spread) = both(&sizes);
    let size = (skew + spread + (1.0 - mode as f64 / 65_535.0).max(0.0)) / 3.0;
    let mut hours: HashMap<i64, i64> = HashMap::new();
    times.iter().for_each(|t| *hours.entry((t / 3_600).min(23)).or_default() += 1);
    let bars: Vec<i64> = (0..24).map(|h| hours.get(&h).copied().unwrap_or(0)).collect();
    let seen = hours.len();
    let run = (0..24).map(|s| (0..24).take_while(|i| bars[(s + i) % 24] > 0).count()).max().unwrap_or(0);
    let coverage = (times[times.len() - 1] - times[0]) as f64 / DAY as f64;
    let duration = if seen > 6 { coverage.max(run as f64 / 12.0).min(1.0) } else { 0.0 };
    let mean = times.len() as f64 / 24.0;
    let deviation = (bars.iter().map(|b| (*b as f64 - mean).powi(2)).sum::<f64>() / 24.0).sqrt();
    let mut histogram = (1.0 - deviation / mean).max(0.0);
    if seen >= 11 {
        let width = (bars.iter().copied().max().unwrap_or(0) as f64 * 0.05).ceil() as i64;
        let mut heights: HashMap<i64, i64> = HashMap::new();
        bars.iter().filter(|b| **b > 0).for_each(|b| *heights.entry(b / width).or_default() += 1);
        let mut groups: Vec<i64> = heights.into_values().collect();
        groups.sort_unstable();
        let two: i64 = groups.iter().rev().take(2).sum();
        histogram = histogram.max((two as f64 / (seen as f64 - 1.0)).min(1.0));
    }
    Some((timestamp + size + duration + histogram) / 4.0)
}

fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Pairs per processor second, and the sum of the scores.
fn speed(pairs: &[Pair], mut score: impl FnMut(&Pair) -> Option<f64>) -> (f64, f64) {
    let (begun, mut done) = (cpu_seconds(), 0u64);
    loop {
        let sum = pairs.iter().filter_map(&mut score).sum();
        done += pairs.len() as u64;
        let spent = cpu_seconds() - begun;
        if spent > if figure::small() { 0.2 } else { 1.0 } {
            return (done as f64 / spent, sum);
        }
    }
}

fn main() {
    let settings = Settings::default();
    let mut scratch = Scratch::default();
    println!("| calls in a pair | pairs per CPU-s | plain re-statement | ratio |\n|---|---|---|---|");
    for (what, low, high) in [
        ("4 to 48", 4.0, 48.0),
        ("100", 100.0, 100.0),
        ("288 (every five minutes)", 288.0, 288.0),
        ("4 to 2,880, as many short as long", 4.0, 2_880.0_f64),
        ("1,440 (every minute)", 1_440.0, 1_440.0),
    ] {
        let mut random = Random(7);
        let pairs: Vec<Pair> = (0..if figure::small() { 400 } else { 4_000 })
            .map(|_| {
                let share = random.below(1_000_000) as f64 / 1e6;
                pair(&mut random, (low * (high / low).powf(share)) as i64)
            })
            .collect();
        let observed = Observed { first: 0, last: DAY * 1_000_000 };
        let (ours, a) = speed(&pairs, |p| {
            beacon::scores(&p.times, &p.sizes, observed, &settings, &mut scratch).map(|s| s.overall)
        });
        let (other, b) = speed(&pairs, plain);
        assert!((a - b).abs() < 0.001 * pairs.len() as f64, "{what}: the two disagree: {a} {b}");
        println!("| {what} | {ours:.0} | {other:.0} | {:.1} |", ours / other);
        let row = format!("beacon scores, calls a pair: {what}");
        figure::ours(&row, ours, "pairs/CPU-s", 100_000.0);
        figure::peer(&row, "plain re-statement", other, "pairs/CPU-s");
    }
}
