//! The measured effect, and where the data cannot tell.

use crate::made::{empty, group, time};
use takedown::{CannotTell, DayCount, FollowUp, Outcome, Plan, Population, Seen, outcome, plan};

fn the_plan(surviving: u64) -> Plan {
    let mut s = empty();
    s.groups = vec![group(surviving, &["open.com.example"])];
    let mut p = plan(&s).unwrap();
    p.population = 5_000;
    p
}

fn before() -> Population {
    Population { bots: 5_000.0, low: 4_700.0, high: 5_300.0 }
}

fn after() -> FollowUp {
    let first = time("2026-03-08").day();
    let day = |n: i32| DayCount { day: first.plus(n), contained: 3_000, surviving: 300, migrated: 20 };
    FollowUp {
        by_identity: true,
        contained: Seen { bots: 3_600, detection: 0.9 },
        surviving: Some(Seen { bots: 270, detection: 0.9 }),
        migrated: Seen { bots: 45, detection: 0.9 },
        days: (0..9).map(day).collect(),
    }
}

fn measured(change: impl FnOnce(&mut FollowUp)) -> Result<Outcome, CannotTell> {
    let mut a = after();
    change(&mut a);
    outcome(&before(), &a, &the_plan(300))
}

#[test]
fn cure_is_told_from_migration() {
    let o = measured(|_| {}).unwrap();
    assert_eq!((o.contained.bots, o.surviving.bots, o.migrated.bots), (4_000.0, 300.0, 50.0));
    assert_eq!(o.cured.bots, 650.0);
    for e in [o.contained, o.surviving, o.migrated, o.cured] {
        assert!(e.low <= e.bots && e.bots <= e.high && e.measured, "{e:?}");
    }
    assert!(o.cured.high - o.cured.low >= 600.0, "the population's own uncertainty stays in: {:?}", o.cured);
    assert_eq!(o.curve.len(), 9);
    assert_eq!(o.curve.iter().filter(|c| c.after).count(), 6);
    assert_eq!(o.resurgence, None);
}

#[test]
fn where_no_sensor_stands_the_floor_stands_in_and_says_so() {
    let o = measured(|a| a.surviving = None).unwrap();
    assert!(!o.surviving.measured && !o.cured.measured);
    assert_eq!((o.surviving.bots, o.surviving.low), (300.0, 0.0));
}

#[test]
fn a_growing_remnant_raises_the_alarm_and_noise_does_not() {
    let grow = |factor: u64| {
        measured(move |a| {
            for d in a.days.iter_mut().rev().take(3) {
                d.migrated += 100 * factor;
            }
        })
    };
    assert!(grow(0).unwrap().resurgence.is_none());
    assert!(grow(1).unwrap().resurgence.is_none());
    let alarm = grow(5).unwrap().resurgence.unwrap();
    assert_eq!(alarm.since, time("2026-03-14").day());
}

#[test]
fn what_the_data_cannot_tell_is_refused() {
    type Change = fn(&mut FollowUp);
    let rows: &[(CannotTell, Change)] = &[
        (CannotTell::Addresses, |a| a.by_identity = false),
        (CannotTell::TooEarly(2), |a| a.days.truncate(5)),
        (CannotTell::Blind("contained"), |a| a.contained.detection = 0.01),
        (CannotTell::Blind("migrated"), |a| a.migrated.detection = f64::NAN),
        (CannotTell::Blind("surviving"), |a| a.surviving = Some(Seen { bots: 1, detection: 1.5 })),
        (CannotTell::Mismatch, |a| a.contained.bots = 9_000),
    ];
    for (expected, change) in rows {
        assert_eq!(measured(change).unwrap_err(), *expected);
    }
    for (bots, low, high) in [(0.0, 0.0, 0.0), (f64::NAN, 1.0, 2.0), (5.0, 6.0, 7.0)] {
        let b = Population { bots, low, high };
        assert_eq!(outcome(&b, &after(), &the_plan(0)).unwrap_err(), CannotTell::Before);
    }
}
