//! The population estimators against simulated truth and published values, and their refusals.

use botnet::population::alarm::Watch;
use botnet::population::survival::{Followed, survival, survival_by};
use botnet::population::{
    Addresses, Contact, Histories, Refusal, count_addresses, count_ids, estimate, normal, quantile,
};
use proptest::prelude::*;

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

/// Histories of bots that are infected and cured: bit *d* is set where a bot was seen on day *d*.
fn histories(bots: usize, days: usize, cured: f64, chance: f64, seed: u64) -> (Vec<u64>, f64) {
    let mut dice = Chance(seed);
    let later = (bots as f64 * cured * days as f64) as usize;
    let (mut all, mut alive_days) = (Vec::new(), 0usize);
    for bot in 0..bots + later {
        let first = if bot < bots { 0 } else { (dice.next() * days as f64) as usize };
        let mut map = 0;
        for day in first..days {
            alive_days += 1;
            map |= u64::from(dice.next() < chance) << day;
            if dice.next() < cured {
                break;
            }
        }
        all.push(map);
    }
    (all, alive_days as f64 / days as f64)
}

fn table(days: usize, maps: &[u64]) -> Histories {
    let mut all = Histories::new(days);
    maps.iter().for_each(|&map| all.add(map));
    all
}

/// Jolly's and Seber's closed formulas (Jolly 1965, Biometrika 52): N = M·n/m with M = R·z/r + m.
fn jolly_seber(marked: f64, seen: f64, released: f64, again: f64, around: f64) -> f64 {
    (released * around / again + marked) * seen / marked
}

#[test]
fn the_open_model_agrees_with_jolly_and_seber_where_bots_are_alike() {
    // Jolly's black-kneed capsids, second and third sample: 511.2 and 779.1 there, from rounded shares.
    assert!((jolly_seber(10.0, 146.0, 143.0, 80.0, 14.0) - 511.2).abs() < 0.5);
    assert!((jolly_seber(37.0, 169.0, 164.0, 70.0, 57.0) - 779.1).abs() < 0.5);
    let days = 10;
    let (maps, _) = histories(4_000, days, 0.05, 0.5, 3);
    let count = count_ids(&table(days, &maps), 0.9).unwrap();
    for day in 3..7 {
        let (before, here, after) =
            (|m: u64| m & ((1 << day) - 1) != 0, |m: u64| m >> day & 1 == 1, |m: u64| m >> (day + 1) != 0);
        let n = |f: &dyn Fn(u64) -> bool| maps.iter().filter(|m| f(**m)).count() as f64;
        let seen = n(&here);
        let expected = jolly_seber(
            n(&|m| before(m) && here(m)),
            seen,
            seen,
            n(&|m| here(m) && after(m)),
            n(&|m| before(m) && !here(m) && after(m)),
        );
        let got = count.days[day].bots;
        // Ours is at noon, theirs over the whole day: half of what comes on a day is between them.
        assert!((got / expected - 1.0).abs() < 0.06, "day {day}: {got} against {expected}");
    }
}

#[test]
fn rabbits_that_are_seldom_trapped_are_not_counted_to_a_number_that_is_not_there() {
    // 135 cottontails in a pen, trapped on 18 nights (Edwards and Eberhardt 1967); 76 were seen, most of them once.
    let mut counts = vec![43, 16, 8, 6, 0, 2, 1];
    counts.resize(18, 0);
    match estimate(&counts) {
        Err(Refusal::TooWide { lower, upper }) => assert!(lower < 135 && 135 < upper),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bots_that_come_and_go_are_counted_by_day() {
    for (cured, chance, days) in [(0.0, 0.9, 14), (0.03, 0.5, 14), (0.06, 0.7, 28), (0.03, 0.25, 28)] {
        let (maps, truth) = histories(3_000, days, cured, chance, 9);
        let all = table(days, &maps);
        let count = count_ids(&all, 0.9).unwrap();
        let e = &count.mean;
        // Truth here is over whole days, the count is at noon: a cure a day later is half of a day's cures.
        let noon = truth * (1.0 - cured / 2.0);
        assert!(
            (e.bots / noon - 1.0).abs() < 0.08,
            "cured {cured}, chance {chance}: {} against {noon}",
            e.bots
        );
        assert!(e.lower < e.bots && e.bots < e.upper && count.days.len() == days);
        let wider = count_ids(&all, 0.99).unwrap().mean;
        assert!(wider.lower < e.lower && e.upper < wider.upper);
    }
}

#[test]
fn the_interval_is_as_wide_as_the_count_is_hard() {
    // Logarithms of count over lower end, and of upper end over count. Who comes and goes unseen is left out of a count: the
    // more do, the more its upper side exceeds the lower.
    let sides = |cured: f64, chance: f64| {
        let (maps, _) = histories(3_000, 14, cured, chance, 9);
        let e = count_ids(&table(14, &maps), 0.9).unwrap().mean;
        ((e.bots / e.lower).ln(), (e.upper / e.bots).ln())
    };
    let cases =
        [(0.0, 0.9, (0.00769, 0.00771)), (0.03, 0.5, (0.02941, 0.10657)), (0.06, 0.25, (0.18094, 0.71825))];
    let mut before = 0.0;
    for (cured, chance, (low, high)) in cases {
        let found = sides(cured, chance);
        println!("{cured} {chance}: {found:?}");
        assert!((found.0 / low - 1.0).abs() < 0.02 && (found.1 / high - 1.0).abs() < 0.02, "{found:?}");
        assert!(found.0 + found.1 > before, "harder, and no wider: {found:?}");
        before = found.0 + found.1;
    }
    // Levels lie in each other, also between those of the table and outside of it.
    let (maps, _) = histories(400, 8, 0.03, 0.5, 9);
    let wide = [0.3, 0.7, 0.85, 0.9, 0.98, 0.999].map(|level| {
        let e = count_ids(&table(8, &maps), level).unwrap().mean;
        (e.bots / e.lower, e.upper / e.bots)
    });
    assert!(wide.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1), "{wide:?}");
}

#[test]
fn an_interval_is_never_narrower_than_chance_alone() {
    for (cured, chance) in [(0.0, 0.3), (0.02, 0.2), (0.05, 0.4), (0.05, 0.9)] {
        let (maps, _) = histories(600, 14, cured, chance, 4);
        let count = count_ids(&table(14, &maps), 0.9).unwrap();
        let e = &count.mean;
        let least = quantile(0.9) * (count.hidden / e.seen as f64).sqrt();
        assert!(
            (e.upper / e.bots).ln() >= least && (e.bots / e.lower).ln() >= least,
            "{cured} {chance}: {e:?}"
        );
    }
}

/// 3,000 bots, none of them cured, of which every `nth` is in use for `on` days and away for `off` days in turn; one in use is
/// seen on a day with the chance given.
fn in_turns(days: usize, nth: usize, on: usize, off: usize, chance: f64) -> Vec<u64> {
    let mut dice = Chance(5);
    let mut one = |bot: usize| {
        let phase = (dice.next() * (on + off) as f64) as usize;
        let used = |t: usize| !bot.is_multiple_of(nth) || (t + phase) % (on + off) < on;
        (0..days).filter(|t| used(*t) && dice.next() < chance).fold(0, |map, t| map | 1 << t)
    };
    (0..3_000).map(&mut one).collect()
}

#[test]
fn bots_that_are_away_for_days_are_not_taken_for_cured() {
    for days in [14, 28] {
        let e = count_ids(&table(days, &in_turns(days, 3, 8, 4, 0.9)), 0.9).unwrap().mean;
        assert!((e.bots / 3_000.0 - 1.0).abs() < 0.05, "{days} days: {e:?}");
        assert!(e.lower <= 3_000.0 && 3_000.0 <= e.upper, "{days} days: {e:?}");
    }
}

#[test]
fn absence_that_may_as_well_be_cure_is_refused() {
    // Each bot is away more than twice as long as it is in use: 18 days show hardly anyone's return.
    let told = count_ids(&table(18, &in_turns(18, 1, 6, 14, 0.8)), 0.9);
    assert_eq!(told.unwrap_err().code(), "CMT-1420");
}

#[test]
fn what_cannot_be_told_is_refused() {
    let code = |maps: &[u64], days| count_ids(&table(days, maps), 0.9).unwrap_err().code();
    assert_eq!(code(&[], 14), "CMT-0640");
    assert_eq!(code(&[1; 500], 1), "CMT-0641");
    assert_eq!(code(&[0b111; 500], 14), "CMT-0641");
    let once: Vec<u64> = (0..500).map(|bot| 1 << (bot % 14)).collect();
    assert_eq!(code(&once, 14), "CMT-0642");
    assert_eq!(count_ids(&Histories::new(0), 0.9).unwrap_err().code(), "CMT-0640");
}

/// Calls from `lines` lines on 14 days, each day with a chance of .7; the address of a line is new after `lease` days.
fn contacts(lines: u64, lease: u64, kind: Option<u16>) -> Vec<Vec<Contact>> {
    let mut dice = Chance(5);
    let one = |dice: &mut Chance, line: u64, day: u64| {
        (dice.next() < 0.7).then(|| Contact {
            address: line * 1_000 + (day + line % lease) / lease,
            second: (line * 37 + day) as u32 % 86_400,
            network: 7,
            kind,
        })
    };
    (0..14).map(|day| (0..lines).filter_map(|line| one(&mut dice, line, day)).collect()).collect()
}

fn added(days: Vec<Vec<Contact>>) -> Addresses {
    let mut all = Addresses::new(days.len());
    days.into_iter().enumerate().for_each(|(day, contacts)| assert!(all.add_day(day, contacts)));
    all
}

#[test]
fn lasting_addresses_are_counted_and_others_refused() {
    let e = count_addresses(&added(contacts(1_000, 1_000, Some(3))), 0.9).unwrap().mean;
    assert!((e.bots / 1_000.0 - 1.0).abs() < 0.05, "{e:?}");
    let code = |days| count_addresses(&added(days), 0.9).unwrap_err().code();
    assert_eq!(code(contacts(1_000, 1, Some(3))), "CMT-0645");
    assert_eq!(code(contacts(1_000, 1_000, None)), "CMT-0646");
    assert_eq!(code(vec![vec![]; 14]), "CMT-0640");
    assert_eq!(count_addresses(&Addresses::new(0), 0.9).unwrap_err().code(), "CMT-0640");
    // Beside the lasting lines, one address of a carrier that makes nearly all of the calls.
    let mut days = contacts(400, 1_000, Some(3));
    for day in &mut days {
        day.extend((0..40_000).map(|n| Contact {
            address: u64::MAX,
            second: n * 2,
            network: 8,
            kind: Some((n % 30) as u16),
        }));
    }
    assert_eq!(code(days), "CMT-0647");
}

#[test]
fn order_and_repetition_of_calls_change_nothing() {
    let days = contacts(600, 1_000, Some(1));
    let plain = count_addresses(&added(days.clone()), 0.9).unwrap();
    let mut twice = Addresses::new(14);
    for (day, all) in days.into_iter().enumerate().rev() {
        let mut again: Vec<Contact> = all.iter().rev().chain(&all).copied().collect();
        again.rotate_left(all.len() / 3);
        assert!(twice.add_day(day, again.clone()));
        assert!(!twice.add_day(day, again), "a day is added once");
    }
    assert!(!twice.add_day(14, vec![]));
    assert_eq!(count_addresses(&twice, 0.9).unwrap(), plain);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn sightings_may_come_in_any_order_and_often(
        mut sightings in proptest::collection::vec((0u64..40, -3i64..20), 0..400),
        turn in 0usize..400,
    ) {
        let plain = Histories::of(14, sightings.clone());
        let more = sightings.iter().take(50).copied().collect::<Vec<_>>();
        let at = turn % sightings.len().max(1);
        sightings.rotate_left(at);
        sightings.reverse();
        sightings.extend(more);
        // Other names for the same bots, in another order.
        let renamed = sightings.iter().map(|(bot, day)| (bot.wrapping_mul(0x9e37_79b9_7f4a_7c15), *day));
        prop_assert_eq!(&Histories::of(14, renamed), &plain);
        prop_assert_eq!(count_ids(&Histories::of(14, sightings), 0.9), count_ids(&plain, 0.9));
    }

    #[test]
    fn more_sightings_never_lower_who_was_seen(
        sightings in proptest::collection::vec((0u64..60, 0i64..14), 1..300),
        more in proptest::collection::vec((0u64..60, 0i64..14), 0..100),
    ) {
        let all = Histories::of(14, sightings.iter().chain(&more).copied());
        let few = Histories::of(14, sightings);
        prop_assert!(all.seen() >= few.seen());
        prop_assert!(all.daily().iter().zip(few.daily()).all(|(a, b)| a >= b));
        if let Ok(count) = count_ids(&all, 0.9) {
            prop_assert!(count.mean.lower <= count.mean.bots && count.mean.bots <= count.mean.upper);
            prop_assert!(count.days.iter().all(|d| d.bots.is_finite() && d.bots >= 0.0));
        }
    }

    #[test]
    fn survival_falls_and_stays_within_its_interval(
        bots in proptest::collection::vec((0u32..40, any::<bool>()), 1..300),
    ) {
        let followed = |(days, cured): &(u32, bool)| Followed { days: *days, cured: *cured };
        let steps = survival(bots.iter().map(followed), 0.9);
        let turned = survival(bots.iter().rev().map(followed), 0.9);
        prop_assert_eq!(&steps, &turned);
        let mut before = 1.0;
        for s in &steps {
            prop_assert!(s.surviving <= before && s.lower <= s.surviving + 1e-12 && s.surviving <= s.upper + 1e-12);
            prop_assert!(s.cured <= s.at_risk);
            before = s.surviving;
        }
    }
}

#[test]
fn survival_is_that_of_a_published_cohort() {
    // Remission under 6-MP in weeks (Freireich and others 1963, Blood 21); values as Kalbfleisch and Prentice give them.
    let cured = [6, 6, 6, 7, 10, 13, 16, 22, 23].map(|days| Followed { days, cured: true });
    let censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35].map(|days| Followed { days, cured: false });
    let steps = survival(cured.into_iter().chain(censored), 0.95);
    let expected = [
        (6, 0.857, 0.0764),
        (7, 0.807, 0.0869),
        (10, 0.753, 0.0963),
        (13, 0.690, 0.1068),
        (16, 0.627, 0.1141),
        (22, 0.538, 0.1282),
        (23, 0.448, 0.1346),
    ];
    assert_eq!(steps.len(), expected.len());
    for (step, (day, surviving, error)) in steps.iter().zip(expected) {
        assert_eq!(step.day, day);
        assert!((step.surviving - surviving).abs() < 5e-4 && (step.error - error).abs() < 5e-5, "{step:?}");
    }
    let groups = survival_by(cured.into_iter().map(|b| (b.days % 2, b)), 0.9);
    assert_eq!(groups.keys().copied().collect::<Vec<_>>(), [0, 1]);
    assert!(survival([], 0.9).is_empty());
    assert_eq!(Followed::judge(3, 14, 5), Followed { days: 4, cured: true });
    assert_eq!(Followed::judge(12, 14, 5), Followed { days: 12, cured: false });
}

#[test]
fn the_alarm_rings_as_rarely_as_it_says_and_soon_when_it_must() {
    let mut dice = Chance(11);
    // Poisson's by counting arrivals.
    let mut day = |rate: f64| {
        let (mut sum, mut n) = (0.0, 0u64);
        loop {
            sum -= dice.next().max(1e-15).ln();
            if sum > rate {
                return n;
            }
            n += 1;
        }
    };
    let watch = Watch::learn(&[9, 12, 10, 8, 11, 10, 9, 11, 12, 8], 1.5, 100.0).unwrap();
    assert!((watch.quiet() - 10.0).abs() < 1e-9);
    assert!((watch.days_between_false_alarms() / 100.0 - 1.0).abs() < 0.05, "{watch:?}");
    let runs: Vec<f64> = (0..600)
        .map(|_| {
            let quiet: Vec<u64> = (0..3_000).map(|_| day(10.0)).collect();
            watch.days(&quiet).iter().position(|r| r.alarm).unwrap_or(3_000) as f64 + 1.0
        })
        .collect();
    let mean = runs.iter().sum::<f64>() / runs.len() as f64;
    assert!((mean / 100.0 - 1.0).abs() < 0.2, "a false alarm every {mean} days");
    let back: Vec<u64> = (0..30).map(|_| day(25.0)).collect();
    assert!(watch.days(&back).iter().position(|r| r.alarm).unwrap() < 4);
    assert!(Watch::learn(&[1, 2], 2.0, 100.0).is_none() && Watch::learn(&[5; 9], 1.0, 100.0).is_none());
    assert!(Watch::learn(&[0; 9], 3.0, 365.0).is_some());
}

#[test]
fn the_normal_distribution_has_its_known_points() {
    for (level, z) in [(0.9, 1.644_854), (0.95, 1.959_964), (0.99, 2.575_829)] {
        assert!((quantile(level) - z).abs() < 1e-4, "{level}");
    }
    assert!((normal(-1.0) - 0.158_655).abs() < 1e-6 && (normal(0.0) - 0.5).abs() < 1e-6);
}
