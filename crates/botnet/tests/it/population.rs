//! The population estimator against simulated truth, and its refusals.

use botnet::telemetry::{Refusal, estimate};

/// SplitMix64: plain, repeatable chance.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// On how many days each of `bots` was seen, when a bot's daily chance is drawn by `duty`.
fn counts(bots: usize, days: usize, duty: impl Fn(&mut Chance) -> f64, seed: u64) -> Vec<u64> {
    let mut chance = Chance(seed);
    let mut counts = vec![0; days];
    for _ in 0..bots {
        let p = duty(&mut chance);
        let seen = (0..days).filter(|_| chance.next() < p).count();
        if seen > 0 {
            counts[seen - 1] += 1;
        }
    }
    counts
}

type Duty = fn(&mut Chance) -> f64;

#[test]
fn the_estimate_is_near_the_truth_whatever_the_duty_cycle() {
    let duties: [(&str, usize, Duty); 8] = [
        ("nearly always on", 7, |_| 0.9),
        ("office machines", 7, |c| if c.next() < 0.6 { 0.7 } else { 0.35 }),
        ("all alike and seldom", 7, |_| 0.25),
        ("from a tenth to nine tenths", 7, |c| 0.1 + 0.8 * c.next()),
        ("mostly seldom", 7, |c| 0.15 + 0.6 * c.next() * c.next()),
        ("two weeks, from a twentieth up", 14, |c| 0.05 + 0.6 * c.next()),
        ("four weeks, seldom", 28, |c| 0.03 + 0.3 * c.next()),
        ("five days, two kinds", 5, |c| if c.next() < 0.5 { 0.8 } else { 0.3 }),
    ];
    let mut errors = Vec::new();
    let mut held = 0;
    for (what, days, duty) in duties {
        let mut own = Vec::new();
        for seed in 0..6 {
            let bots = if seed % 2 == 0 { 800 } else { 5_000 };
            let e = estimate(&counts(bots, days, duty, seed)).unwrap();
            own.push((e.bots - bots as f64).abs() / bots as f64);
            held += usize::from(e.lower <= bots as f64 && bots as f64 <= e.upper);
            assert!(
                e.lower <= e.bots && e.bots <= e.upper && e.seen as f64 <= e.lower + 1e-9,
                "{what}: {e:?}"
            );
        }
        own.sort_by(f64::total_cmp);
        println!("{what}: median error {:.3}", own[own.len() / 2]);
        errors.extend(own);
    }
    errors.sort_by(f64::total_cmp);
    let (median, tenth) = (errors[errors.len() / 2], errors[errors.len() * 9 / 10]);
    println!(
        "median error {median:.3}, nine in ten below {tenth:.3}, truth inside {held} of {}",
        errors.len()
    );
    assert!(median <= 0.05 && tenth <= 0.12, "median {median}, nine in ten {tenth}");
    assert!(held * 10 >= errors.len() * 8, "the interval held the truth {held} times of {}", errors.len());
}

#[test]
fn too_little_is_refused_with_its_code() {
    let rows: [(&[u64], &str); 6] = [
        (&[], "CMT-0640"),
        (&[0, 0, 0, 0, 0], "CMT-0640"),
        (&[900, 800, 700], "CMT-0641"),
        (&[900, 5, 3, 0, 0, 0, 0], "CMT-0642"),
        (&[100_000, 30, 0, 0, 0, 0, 0], "CMT-0643"),
        (&[50; 63], "CMT-0644"),
    ];
    for (counts, code) in rows {
        let refusal: Refusal = estimate(counts).unwrap_err();
        assert_eq!(refusal.code(), code, "{counts:?}: {refusal}");
    }
}

#[test]
fn the_same_counts_give_the_same_estimate() {
    let counts = counts(1_000, 7, |c| 0.2 + 0.5 * c.next(), 1);
    assert_eq!(estimate(&counts), estimate(&counts));
}
