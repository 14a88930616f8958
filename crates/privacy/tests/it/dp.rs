//! Noisy counts: what one device can change, how far off they are, and samplers broken on purpose.
//!
//! The tests that draw use the sampler's own randomness and no seed. Each says how often it fails though nothing is wrong.

use privacy::dp::{Devices, PLACES, audit, draw, error_bar, places, scale};
use privacy::{Epsilon, PrivacyError};
use proptest::prelude::*;
use terms::Place;

const USUAL: Epsilon = Epsilon::USUAL;
/// High enough that no noise brings it below zero.
const COUNT: u64 = 1_000_000;
/// Tables of 196 draws for an audit: 200,000 draws and more.
const TABLES: usize = 1_024;

fn place(code: &str) -> Place {
    code.parse().unwrap()
}

fn row(code: &str) -> usize {
    places().iter().position(|p| *p == place(code)).unwrap()
}

/// Noise of the real mechanism.
fn noise(tables: usize) -> Vec<Vec<i64>> {
    let counts = vec![COUNT; PLACES.len() + 1];
    let less = |drawn: Vec<i64>| drawn.into_iter().map(|n| n - COUNT as i64).collect();
    (0..tables).map(|_| less(draw(&counts, 1, USUAL).unwrap())).collect()
}

#[test]
fn a_device_counts_once_where_it_was_seen_most() {
    let mut devices = Devices::default();
    for (device, code, times) in [
        ("b:1", "DE", 1),
        ("b:1", "FR", 5),
        ("b:1", "DE", 3),
        ("b:2", "SE", 2),
        ("b:2", "NO", 2),
        ("b:3", "XK", 9),
        ("b:4", "ZZ", 1),
    ] {
        devices.see(device, place(code), times);
    }
    let counts = devices.counted();
    assert_eq!((devices.len(), counts.iter().sum::<u64>(), counts.len()), (4, 4, 196));
    // Most often in France; of two equal ones the first by code; what is on no list is not known.
    assert_eq!((counts[row("FR")], counts[row("NO")], counts[row("SE")], counts[row("ZZ")]), (1, 1, 0, 2));
}

proptest! {
    /// The unit of privacy: take away everything of one device, and one count goes down by one; change everything of it, and
    /// the counts move by two at most in sum (one device less, one device more).
    #[test]
    fn one_device_moves_one_count_by_one(
        seen in prop::collection::vec((0u8..12, 0usize..6, 1u64..4), 0..80),
        mine in prop::collection::vec((0usize..6, 1u64..50), 1..20),
    ) {
        let codes = ["DE", "FR", "NO", "SE", "XX", "ZZ"];
        let mut without = Devices::default();
        let mut with = Devices::default();
        for (device, at, times) in &seen {
            without.see(&format!("b:{device}"), place(codes[*at]), *times);
            with.see(&format!("b:{device}"), place(codes[*at]), *times);
        }
        for (at, times) in &mine {
            with.see("b:mine", place(codes[*at]), *times);
        }
        let moved: Vec<i64> = with.counted().iter().zip(without.counted()).map(|(a, b)| *a as i64 - b as i64).collect();
        prop_assert_eq!(moved.iter().map(|n| n.abs()).sum::<i64>(), 1);
        prop_assert_eq!(moved.iter().sum::<i64>(), 1);
    }
}

#[test]
fn the_places_are_fixed_and_in_order() {
    let rows = places();
    assert_eq!(rows.len(), 196);
    assert!(rows.windows(2).all(|w| w[0] < w[1]));
    assert_eq!(rows.last(), Some(&Place::UNKNOWN));
}

#[test]
fn what_cannot_be_vouched_for_is_not_drawn() {
    for (counts, sensitivity, epsilon) in
        [(vec![1], 0, USUAL), (vec![1], 1, Epsilon::ZERO), (vec![u64::MAX], 1, USUAL)]
    {
        assert!(matches!(draw(&counts, sensitivity, epsilon), Err(PrivacyError::NotDrawn { .. })));
    }
    // Every epsilon that can be written has a scale for which OpenDP vouches.
    for micros in [1, 3, 7, 99_999, 100_000, 300_000, 333_333, 999_999, 1_000_000, 7_777_777, 10_000_000] {
        for sensitivity in [1, 2, 3] {
            draw(&[5, 5], sensitivity, Epsilon::micros(micros)).unwrap();
        }
    }
    assert!(draw(&[], 1, USUAL).unwrap().is_empty());
}

#[test]
fn the_error_bar_is_the_laws() {
    // Summed from the law itself, by the definition.
    for (sensitivity, micros) in [(1, 100_000), (2, 100_000), (1, 1_000_000), (1, 10_000_000), (1, 1_000)] {
        let epsilon = Epsilon::micros(micros);
        let q = (-1.0 / scale(sensitivity, epsilon)).exp();
        let beyond = |t: u64| -> f64 {
            let zero = (1.0 - q) / (1.0 + q);
            let within: f64 = (1..=t).map(|x| 2.0 * zero * q.powf(x as f64)).sum::<f64>() + zero;
            1.0 - within
        };
        let t = error_bar(sensitivity, epsilon, 0.95);
        assert!(beyond(t) <= 0.05 + 1e-9, "{micros}: {t}");
        assert!(t == 0 || beyond(t - 1) > 0.05 - 1e-9, "{micros}: {t} is not the smallest");
    }
    assert_eq!(error_bar(1, USUAL, 0.95), 30);
}

/// 195 places with exactly 1,000 devices, the worst the figure allows, forty times: the median error is at most 1 %. The median of 7,800
/// draws exceeds 10 only if half of them do, where the law says 35 %: a chance below exp(-7800 KL(0.5, 0.35)) < 1e-150.
#[test]
fn the_median_error_at_a_thousand_is_below_one_percent() {
    let mut errors: Vec<f64> = (0..40)
        .flat_map(|_| draw(&[1_000; 195], 1, USUAL).unwrap())
        .map(|n| (n as f64 - 1_000.0).abs() / 1_000.0)
        .collect();
    errors.sort_by(f64::total_cmp);
    let median = errors[errors.len() / 2];
    assert!(median <= 0.01 && median > 0.0, "{median}");
}

#[test]
fn the_sampler_passes_its_audit() {
    // Accuses the true law at most once in a thousand million runs (`audit::FALSE_ALARM`), for each scale.
    assert_eq!(audit::audit(&noise(TABLES), 10.0), []);
    let counts = vec![COUNT; 196];
    let wide: Vec<Vec<i64>> = (0..TABLES)
        .map(|_| draw(&counts, 2, USUAL).unwrap().into_iter().map(|n| n - COUNT as i64).collect())
        .collect();
    assert_eq!(audit::audit(&wide, 20.0), []);
    // And the audit is no rubber stamp: the same draws are not the law of a scale 5 % away.
    assert!(!audit::audit(&wide, 21.0).is_empty() && !audit::audit(&wide, 19.0).is_empty());
}

/// Samplers broken on purpose, made of true draws: each is caught. A row misses with the chance that true draws hide the
/// fault, which for every one here is below 1e-9.
#[test]
fn every_broken_sampler_is_caught() {
    type Fault = fn(Vec<Vec<i64>>) -> Vec<Vec<i64>>;
    fn each(tables: Vec<Vec<i64>>, change: impl Fn(i64) -> i64) -> Vec<Vec<i64>> {
        tables.into_iter().map(|t| t.into_iter().map(&change).collect()).collect()
    }
    let faults: [(&str, Fault); 16] = [
        ("no noise", |t| each(t, |_| 0)),
        ("half the noise", |t| each(t, |x| x / 2)),
        ("twice the noise", |t| each(t, |x| x * 2)),
        ("no noise for one draw in fifty", |t| {
            let one = |i: usize, x: i64| if i.is_multiple_of(50) { 0 } else { x };
            t.into_iter().map(|t| t.into_iter().enumerate().map(|(i, x)| one(i, x)).collect()).collect()
        }),
        ("cut at two scales", |t| each(t, |x| x.clamp(-20, 20))),
        ("cut at four scales", |t| each(t, |x| x.clamp(-40, 40))),
        ("one sign", |t| each(t, i64::abs)),
        ("off by one", |t| each(t, |x| x + 1)),
        ("even only", |t| each(t, |x| x & !1)),
        ("rounded to tens", |t| each(t, |x| x / 10 * 10)),
        ("never zero", |t| each(t, |x| if x == 0 { 1 } else { x })),
        ("one noise for the whole table", |t| t.into_iter().map(|t| vec![t[0]; t.len()]).collect()),
        ("one noise for two places", |t| {
            t.into_iter().map(|t| t.iter().enumerate().map(|(i, _)| t[i & !1]).collect()).collect()
        }),
        ("the same table twice", |t| (0..t.len()).map(|i| t[i & !1].clone()).collect()),
        ("two places that cancel", |t| {
            let turned = |t: &[i64], i: usize| if i.is_multiple_of(2) { t[i] } else { -t[i - 1] };
            t.into_iter().map(|t| (0..t.len()).map(|i| turned(&t, i)).collect()).collect()
        }),
        ("the wrong epsilon by a tenth", |t| {
            let counts = vec![COUNT; 196];
            let eps = Epsilon::micros(110_000);
            let drawn = |_| draw(&counts, 1, eps).unwrap().into_iter().map(|n| n - COUNT as i64).collect();
            t.iter().map(drawn).collect()
        }),
    ];
    let truth = noise(TABLES);
    for (name, fault) in faults {
        let broken = audit::audit(&fault(truth.clone()), 10.0);
        assert!(!broken.is_empty(), "{name} was not caught");
    }
}
