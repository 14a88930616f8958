//! The beacon scores beside a slow, literal model of their definition, and on calls whose scores can be told by hand.

use crate::beacon_model as model;
use botnet::beacon::{Observed, Scores, Scratch, Settings, scores};
use proptest::prelude::*;

const DAY: i64 = 86_400;
const WHOLE_DAY: Observed = Observed { first: 0, last: DAY * 1_000_000 };

/// When the time observed begins, seconds since 1970.
const START: i64 = 1_596_790_164;

fn ours(seconds: &[i64], sizes: &[i64], end: i64) -> Option<Scores> {
    let times: Vec<i64> = seconds.iter().map(|t| (START + t) * 1_000_000 + 250_000).collect();
    let observed = Observed { first: START * 1_000_000 + 509_987, last: (START + end) * 1_000_000 };
    scores(&times, sizes, observed, &Settings::default(), &mut Scratch::default())
}

fn calls() -> impl Strategy<Value = (Vec<i64>, Vec<i64>, i64)> {
    let jittered = (1i64..4_000, 0i64..400, 4usize..200).prop_flat_map(|(interval, jitter, n)| {
        prop::collection::vec((0..=jitter, prop_oneof![Just(120i64), 0i64..100_000, -5i64..3]), n).prop_map(
            move |calls| {
                let mut t = 0;
                calls
                    .into_iter()
                    .map(|(j, size)| {
                        t += interval + j;
                        (t % DAY, size)
                    })
                    .collect::<Vec<_>>()
            },
        )
    });
    let anywhere = prop::collection::vec((-50i64..90_000, 0i64..70_000), 0..120);
    let bursts =
        prop::collection::vec((0i64..24).prop_flat_map(|h| (h * 3_600..h * 3_600 + 9, 40i64..43)), 0..300);
    let days = prop::collection::vec((-50i64..900_000, 0i64..70_000), 0..300);
    let ends = prop_oneof![Just(DAY), 0i64..90, 1_000i64..90_000, 200_000i64..900_000];
    (prop_oneof![jittered, anywhere, days, bursts], ends).prop_map(|(calls, end)| {
        let (t, s) = calls.into_iter().unzip();
        (t, s, end)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn scores_equal_the_literal_model((times, sizes, end) in calls()) {
        let model = model::all(&times, &sizes, end);
        let ours = ours(&times, &sizes, end);
        prop_assert_eq!(ours.is_some(), model.is_some());
        if let (Some(s), Some(m)) = (ours, model) {
            for (ours, model) in [s.timestamp, s.size, s.duration, s.histogram].into_iter().zip(m) {
                prop_assert!((ours - model).abs() < 0.001, "{:?} {:?}", s, m);
            }
            prop_assert!((s.overall - m.iter().sum::<f64>() / 4.0).abs() < 0.001);
            prop_assert!((0.0..=1.0).contains(&s.overall));
        }
    }

    /// Neither the order of a log nor what the working memory held before is seen.
    #[test]
    fn order_and_a_used_scratch_change_nothing((times, sizes, end) in calls(), seed in any::<u64>()) {
        let mut pairs: Vec<(i64, i64)> = times.iter().copied().zip(sizes.iter().copied()).collect();
        pairs.sort_by_key(|(t, s)| (t.wrapping_mul(seed as i64 | 1), *s));
        let (t, s): (Vec<i64>, Vec<i64>) = pairs.into_iter().unzip();
        let before = ours(&times, &sizes, end);
        let mut scratch = Scratch::default();
        let observed = Observed { first: 0, last: end * 1_000_000 };
        let micros: Vec<i64> = t.iter().map(|t| t * 1_000_000).collect();
        scores(&[5, 1, i64::MAX, i64::MIN], &[i64::MAX, i64::MIN], WHOLE_DAY, &Settings::default(), &mut scratch);
        prop_assert_eq!(before, scores(&micros, &s, observed, &Settings::default(), &mut scratch));
    }
}

#[test]
fn a_perfect_beacon_has_one_and_a_person_little() {
    let timer: Vec<i64> = (0..288).map(|i| i * 300).collect();
    let s = ours(&timer, &[120; 288], DAY).unwrap();
    assert!(s.timestamp == 1.0 && s.duration > 0.99 && s.histogram == 1.0, "{s:?}");
    assert!((s.size - (2.0 + 1.0 - 120.0 / 65_535.0) / 3.0).abs() < 1e-9, "{s:?}");
    // Three bursts of reading a page, in one hour of the day.
    let person = [36_000, 36_001, 36_002, 36_030, 36_031, 36_400, 36_401, 36_403, 37_100];
    let sizes = [700, 1_900, 40_000, 300, 88_000, 2_100, 900, 14_000, 500];
    let s = ours(&person, &sizes, DAY).unwrap();
    assert!(s.overall < 0.3 && s.duration == 0.0, "{s:?}");
}

/// (what, seconds, duration, histogram)
#[test]
fn hours_are_judged_by_runs_around_midnight_and_by_two_heights() {
    let hourly = |hours: &[i64], each: &[i64]| -> Vec<i64> {
        hours
            .iter()
            .zip(each.iter().cycle())
            .flat_map(|(h, n)| (0..*n).map(move |i| h * 3_600 + i * 30))
            .collect()
    };
    let every: Vec<i64> = (0..24).collect();
    let rows: [(&str, Vec<i64>, f64, f64); 4] = [
        ("six hours are too few for a duration", hourly(&[1, 2, 3, 4, 5, 6], &[4]), 0.0, 0.0),
        ("a night around the end", hourly(&[21, 22, 23, 0, 1, 2, 3, 4, 5], &[4]), 82_890.0 / 86_400.0, 0.0),
        ("alternating one and five", hourly(&every, &[1, 5]), 82_920.0 / 86_400.0, 1.0),
        ("seven hours of office", hourly(&[9, 10, 11, 12, 13, 14, 15], &[4]), 7.0 / 12.0, 0.0),
    ];
    for (what, times, duration, histogram) in rows {
        let s = ours(&times, &vec![100; times.len()], DAY).unwrap();
        let consistent = if what.starts_with("alternating") { 1.0 } else { duration };
        assert!((s.duration - consistent).abs() < 1e-9, "{what}: {s:?}");
        assert!(
            (s.histogram - histogram).abs() < 1e-9 || histogram == 0.0 && s.histogram < 0.4,
            "{what}: {s:?}"
        );
    }
}

#[test]
fn too_few_different_seconds_have_no_scores() {
    assert_eq!(ours(&[], &[], DAY), None);
    assert_eq!(ours(&[5; 500], &[1; 500], DAY), None);
    assert_eq!(ours(&[1, 2, 3], &[1; 3], DAY), None);
    assert!(ours(&[1, 2, 3, 4], &[1; 4], DAY).is_some());
    assert!(ours(&[1, 2, 3, 4], &[], DAY).is_some_and(|s| s.size == 0.0), "sizes may be missing");
}
