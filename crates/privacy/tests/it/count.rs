//! No small count can be worked out from what is shown: tried by listing every world that fits.

use privacy::{Counts, suppress, suppress_under_total};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use terms::Place;

const CODES: [&str; 6] = ["AG", "BB", "DE", "FR", "US", "MX"];

fn rows(counts: &[u64]) -> Vec<(Place, u64)> {
    CODES.iter().zip(counts).map(|(code, n)| (code.parse().unwrap(), *n)).collect()
}

fn show(c: &Counts) -> String {
    let places: Vec<String> = c.places.iter().map(|(p, n)| format!("{p} {n}")).collect();
    format!("{} | other {:?} total {:?} withheld {}", places.join(", "), c.other, c.total, c.withheld)
}

#[test]
fn golden() {
    for (counts, k, plain, under_total) in [
        (&[9, 8, 0][..], 5, "AG 9, BB 8 | other None total Some(17) withheld false", "= "),
        // One small place: the sum would be its count.
        (
            &[9, 3, 8],
            5,
            "AG 9, DE 8 | other None total None withheld true",
            " | other None total None withheld true",
        ),
        // A row of nobody hides no one.
        (
            &[9, 3, 0, 0],
            5,
            "AG 9 | other None total None withheld true",
            " | other None total None withheld true",
        ),
        (&[90, 3, 3, 3, 2], 5, "AG 90 | other Some(11) total Some(101) withheld false", "= "),
        // All four of them, or all of them but one's own: the sum says so.
        (
            &[90, 4, 4, 4],
            5,
            "AG 90 | other None total None withheld true",
            " | other None total None withheld true",
        ),
        (
            &[90, 1, 4, 4, 4],
            5,
            "AG 90 | other None total None withheld true",
            " | other None total None withheld true",
        ),
        (&[1, 1], 5, " | other None total None withheld true", "= "),
        (&[], 5, " | other None total Some(0) withheld false", "= "),
        (&[1, 2], 1, "BB 2, AG 1 | other None total Some(3) withheld false", "= "),
        (&[1, 2], 0, "BB 2, AG 1 | other None total Some(3) withheld false", "= "),
    ] {
        let counts = rows(counts);
        assert_eq!(show(&suppress(&counts, k)), plain, "{counts:?}");
        let under_total = if under_total == "= " { plain } else { under_total };
        assert_eq!(show(&suppress_under_total(&counts, k)), under_total, "{counts:?}");
    }
    let twice: Vec<_> = rows(&[9, 3]).into_iter().chain(rows(&[0, 1])).collect();
    assert_eq!(suppress(&twice, 5), suppress(&rows(&[9, 4]), 5));
}

/// Every table of `n` places with up to `most` each.
fn worlds(n: usize, most: u64) -> Vec<Vec<u64>> {
    (0..n).fold(vec![vec![]], |tables, _| {
        tables.iter().flat_map(|t| (0..=most).map(move |c| t.iter().copied().chain([c]).collect())).collect()
    })
}

/// For each answer, each reader and each small place: the counts that place may have, as far as the reader can know
/// who knows how the answer is made, which places have anybody, the own count (`None`: a stranger), and the total if
/// `total_known`. Gives the tables of which a reader can work out a small count.
fn leaks(
    n: usize,
    most: u64,
    k: u32,
    total_known: bool,
    member: bool,
    ask: fn(&[(Place, u64)], u32) -> Counts,
) -> Vec<Vec<u64>> {
    type View = (String, Vec<bool>, Option<u64>, Option<(usize, u64)>, usize);
    let mut seen: BTreeMap<View, BTreeSet<u64>> = BTreeMap::new();
    let views = |t: &[u64]| -> Vec<(View, u64)> {
        let answer = show(&ask(&rows(t), k));
        let present: Vec<bool> = t.iter().map(|c| *c > 0).collect();
        let total = total_known.then(|| t.iter().sum());
        let mut out = Vec::new();
        for (victim, count) in t.iter().enumerate().filter(|(_, c)| **c > 0) {
            out.push(((answer.clone(), present.clone(), total, None, victim), *count));
            for (reader, own) in t.iter().enumerate().filter(|(r, _)| member && *r != victim) {
                out.push(((answer.clone(), present.clone(), total, Some((reader, *own)), victim), *count));
            }
        }
        out
    };
    let all = worlds(n, most);
    for (view, count) in all.iter().flat_map(|t| views(t)) {
        seen.entry(view).or_default().insert(count);
    }
    // What a reader can tell without any answer is no leak of ours.
    let silent = |view: &View| (String::new(), view.1.clone(), view.2, view.3, view.4);
    let mut before: BTreeMap<View, BTreeSet<u64>> = BTreeMap::new();
    for (view, counts) in &seen {
        before.entry(silent(view)).or_default().extend(counts);
    }
    let told = |(v, c): &(View, u64)| *c < u64::from(k) && seen[v].len() == 1 && before[&silent(v)].len() > 1;
    all.into_iter().filter(|t| views(t).iter().any(told)).collect()
}

/// Neither a stranger nor a place that knows its own count learns a small count, in any table of these sizes.
#[test]
fn no_reader_works_out_a_small_count() {
    for (n, most, k) in [(4, 6, 3), (5, 4, 3), (4, 7, 4), (5, 5, 4), (6, 3, 3)] {
        let none: Vec<Vec<u64>> = vec![];
        assert_eq!(leaks(n, most, k, false, true, suppress), none);
        assert_eq!(leaks(n, most, k, true, true, suppress_under_total), none);
    }
}

/// The test above can fail: sums without a rule are found out.
#[test]
fn a_sum_without_a_rule_is_found_out() {
    fn naive(counts: &[(Place, u64)], k: u32) -> Counts {
        let (small, places): (Vec<_>, Vec<_>) = counts.iter().copied().partition(|(_, n)| *n < u64::from(k));
        let other = Some(small.iter().map(|(_, n)| n).sum());
        Counts { places, other, total: Some(counts.iter().map(|(_, n)| n).sum()), withheld: false }
    }
    assert!(leaks(4, 6, 3, false, false, naive).contains(&vec![6, 6, 6, 2]));
    // Under a known total, withholding the small places alone hides nothing.
    assert!(leaks(4, 6, 3, true, false, suppress).contains(&vec![6, 6, 6, 2]));
}

proptest! {
    /// Against the rule in words: nothing small stands alone, and the sums are right.
    #[test]
    fn sums_agree_and_nothing_small_is_shown(counts in prop::collection::vec(0u64..30, 0..6), k in 0u32..12) {
        let given: BTreeMap<Place, u64> = rows(&counts).into_iter().collect();
        let total: u64 = counts.iter().sum();
        for (answer, under_total) in [(suppress(&rows(&counts), k), false), (suppress_under_total(&rows(&counts), k), true)] {
            let shown: u64 = answer.places.iter().map(|(_, n)| n).sum();
            for (place, n) in &answer.places {
                prop_assert_eq!(given[place], *n);
                prop_assert!(*n >= u64::from(k));
            }
            match (answer.other, answer.total) {
                (Some(other), Some(t)) => {
                    prop_assert_eq!((shown + other, t), (total, total));
                    let hidden: Vec<u64> = given.iter().filter(|(p, n)| **n > 0 && !answer.places.iter().any(|(q, _)| q == *p)).map(|(_, n)| *n).collect();
                    prop_assert!(hidden.len() >= 3);
                    prop_assert!(hidden.iter().all(|own| other - own >= u64::from(k)));
                }
                (None, Some(t)) => prop_assert_eq!((shown, t), (total, total)),
                (None, None) => prop_assert!(answer.withheld && (!under_total || answer.places.is_empty())),
                (Some(_), None) => prop_assert!(false, "a sum without its total"),
            }
        }
    }
}
