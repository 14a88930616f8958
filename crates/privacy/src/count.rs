//! Counts per place that leave without small numbers (`aggregate(k)` of an agreement).
//!
//! Here: which counts may be shown. Elsewhere: how they were counted (`botnet`), which `k` a clause sets (`agreement`).
//! Bounds: one row per place, so at most 676 after adding up.
//!
//! What is guarded against: a reader who knows the list of places with victims, a reader who is one of the places
//! and subtracts their own count, and a reader who knows the total. Not guarded against: two readings of the same
//! population with a small change between (a budget over releases is the caller's).

use std::collections::BTreeMap;
use terms::Place;

/// Counts that may be shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Places shown by themselves, each with at least `k` individuals; largest first, then by code.
    pub places: Vec<(Place, u64)>,
    /// Individuals of all other places together; `None` where there is none, or where the sum would single one out.
    pub other: Option<u64>,
    /// Individuals of all places. `None` where it must not be shown, because the rest follows from it.
    pub total: Option<u64>,
    /// Whether places were left out altogether: the counts above are then not everything.
    pub withheld: bool,
}

/// The counts that may be shown where nobody is told the total otherwise.
///
/// Places with fewer than `k` individuals go into `other`. Where that sum would single one of them out, it and the
/// total are withheld, and the places with `k` or more stand alone. Rows of one place are added up first; a place with
/// nobody is no place.
///
/// `other` is shown only when, whichever count of 1 to `k - 1` a reader takes away as the own one, at least `k`
/// individuals and two places remain, and these are neither all 1 nor all `k - 1`.
pub fn suppress(counts: &[(Place, u64)], k: u32) -> Counts {
    let k = u64::from(k);
    let (small, large): (Vec<_>, Vec<_>) = added_up(counts).into_iter().partition(|(_, n)| *n < k);
    if small.is_empty() {
        return Counts { total: Some(sum(&large)), places: large, other: None, withheld: false };
    }
    if may_stand(&small, k) {
        let (other, total) = (sum(&small), sum(&small).saturating_add(sum(&large)));
        return Counts { places: large, other: Some(other), total: Some(total), withheld: false };
    }
    Counts { places: large, other: None, total: None, withheld: true }
}

/// The counts that may be shown where the total is known, so that what is left out follows by subtraction.
///
/// As [`suppress`]; but where that would withhold `other`, every other place is withheld with it (complementary
/// suppression of the whole table). Taking only the next larger places away keeps more, but which ones were taken
/// tells of the small ones: tried over every table of four to six places, and found to.
pub fn suppress_under_total(counts: &[(Place, u64)], k: u32) -> Counts {
    let answer = suppress(counts, k);
    if answer.withheld { Counts { places: Vec::new(), ..answer } } else { answer }
}

/// The rule of [`suppress`]. It looks at nothing but the sum and the number of places, which a reader has anyway: a rule
/// that looked at the single counts would tell of them by what it allows.
fn may_stand(hidden: &[(Place, u64)], k: u64) -> bool {
    let (all, most) = (sum(hidden), k.saturating_sub(1));
    let Some(others) = (hidden.len() as u64).checked_sub(1).filter(|n| *n >= 2) else { return false };
    // What remains for a reader whose own count is the largest, or the smallest, that a hidden place can have.
    let (rest_least, rest_most) = (all.saturating_sub(most), all.saturating_sub(1));
    rest_least >= k && rest_least > others && rest_most < others.saturating_mul(most)
}

/// One row per place with anybody in it, largest first, then by code. Sums saturate.
fn added_up(counts: &[(Place, u64)]) -> Vec<(Place, u64)> {
    let mut by_place: BTreeMap<Place, u64> = BTreeMap::new();
    for (place, n) in counts.iter().filter(|(_, n)| *n > 0) {
        let sum = by_place.entry(*place).or_default();
        *sum = sum.saturating_add(*n);
    }
    let mut rows: Vec<_> = by_place.into_iter().collect();
    rows.sort_by_key(|(place, n)| (std::cmp::Reverse(*n), *place));
    rows
}

fn sum(rows: &[(Place, u64)]) -> u64 {
    rows.iter().fold(0, |sum, (_, n)| sum.saturating_add(*n))
}
