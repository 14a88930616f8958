//! How alike numbers are: Bowley's skew, spread around the median, smallness.

/// Largest mode that is still small.
const SMALL: f64 = 65_535.0;

/// Mean of the skew score and the dispersion score; 0 of nothing. Sorts.
pub(super) fn alike(values: &mut [u32], spare: &mut Vec<u32>, tied_skew: f64) -> f64 {
    let (skew, dispersion) = both(values, spare, tied_skew);
    (skew + dispersion) / 2.0
}

/// Mean of the two and of smallness; 0 of nothing. Sorts.
pub(super) fn size(values: &mut [u32], spare: &mut Vec<u32>, tied_skew: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let (skew, dispersion) = both(values, spare, tied_skew);
    let small = (1.0 - f64::from(mode(values)) / SMALL).max(0.0);
    (skew + dispersion + small) / 3.0
}

fn both(values: &mut [u32], spare: &mut Vec<u32>, tied_skew: f64) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    sort(values, spare);
    let [low, mid, high] = [1, 2, 3].map(|quarter| at(values, rank(values.len(), quarter)));
    let skew = if low == mid || mid == high {
        tied_skew
    } else {
        let (low, mid, high) = (f64::from(low), f64::from(mid), f64::from(high));
        1.0 - ((low + high - 2.0 * mid) / (high - low)).abs()
    };
    let dispersion = if mid == 0 {
        // Nothing was sent in most calls, which is as alike as can be where it is nothing in all.
        if high == 0 { 1.0 } else { 0.0 }
    } else {
        (1.0 - f64::from(deviation(values, mid)) / f64::from(mid)).max(0.0)
    };
    (skew, dispersion)
}

/// Fewest values for which counting is faster than comparing.
const MANY: usize = 96;
/// Widest range, for each value, of values that are counted one by one: waits of a timer and what it sends lie close
/// together.
const CLOSE: usize = 4;

fn sort(values: &mut [u32], spare: &mut Vec<u32>) {
    if values.len() < MANY {
        values.sort_unstable();
        return;
    }
    let (low, high) = values.iter().fold((u32::MAX, 0), |(low, high), v| (low.min(*v), high.max(*v)));
    let range = (high - low) as usize + 1;
    if range <= CLOSE * values.len() {
        count_each(values, low, range, spare);
    } else {
        count_digits(values, high, spare);
    }
}

/// Sorts by how often there is each of so many values from `low`.
fn count_each(values: &mut [u32], low: u32, range: usize, counts: &mut Vec<u32>) {
    counts.clear();
    counts.resize(range, 0);
    for v in values.iter() {
        if let Some(count) = counts.get_mut((v - low) as usize) {
            *count += 1;
        }
    }
    let mut rest = values;
    for (above, count) in (0..).zip(counts.iter()).filter(|(_, count)| **count > 0) {
        let Some((same, after)) = rest.split_at_mut_checked(*count as usize) else { return };
        same.fill(low + above);
        rest = after;
    }
}

/// Sorts by digits of eight bits, lowest first; digits above the highest value are not looked at, and one that all have
/// alike costs little.
fn count_digits(values: &mut [u32], high: u32, spare: &mut Vec<u32>) {
    spare.clear();
    spare.resize(values.len(), 0);
    let digits = u32::BITS.div_ceil(8) - high.leading_zeros() / 8;
    for shift in (0..digits).map(|digit| 8 * digit) {
        let mut counts = [0u32; 256];
        for v in values.iter() {
            if let Some(n) = counts.get_mut(usize::from((v >> shift) as u8)) {
                *n += 1;
            }
        }
        if counts.iter().any(|n| *n as usize == values.len()) {
            continue;
        }
        let mut next = 0;
        for n in &mut counts {
            next += std::mem::replace(n, next);
        }
        for v in values.iter() {
            if let Some(n) = counts.get_mut(usize::from((v >> shift) as u8)) {
                if let Some(slot) = spare.get_mut(*n as usize) {
                    *slot = *v;
                }
                *n += 1;
            }
        }
        values.copy_from_slice(spare);
    }
}

/// The rank nearest to a number of quarters of the way, halves up.
const fn rank(len: usize, quarters: usize) -> usize {
    (quarters * (len - 1) + 2) / 4
}

fn at(values: &[u32], rank: usize) -> u32 {
    values.get(rank).copied().unwrap_or(0)
}

/// Median of the distances to the median, of sorted values: both sides of the median are sorted by distance already,
/// so that a search for how many of the nearest lie below finds it.
fn deviation(sorted: &[u32], mid: u32) -> u32 {
    let split = sorted.partition_point(|v| *v < mid);
    let near = |i: usize| mid - at(sorted, (split - 1).saturating_sub(i));
    let far = |i: usize| at(sorted, split + i) - mid;
    let wanted = rank(sorted.len(), 2) + 1;
    // The median itself stands above, so that one at least is taken from there.
    let (mut low, mut high) = (wanted.saturating_sub(sorted.len() - split), split.min(wanted - 1));
    while low < high {
        let i = low.midpoint(high);
        if near(i) < far(wanted - i - 1) { low = i + 1 } else { high = i }
    }
    let below = if low > 0 { near(low - 1) } else { 0 };
    below.max(far(wanted - low - 1))
}

/// The commonest of sorted values, of equals the smallest; 0 of nothing.
fn mode(sorted: &[u32]) -> u32 {
    let (mut best, mut most) = (0, 0);
    for run in sorted.chunk_by(|a, b| a == b) {
        if run.len() > most {
            (best, most) = (run.first().copied().unwrap_or(0), run.len());
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_far_apart_and_close_together_are_sorted(
            from in prop_oneof![Just(0), any::<u32>()], range in prop_oneof![1..300_u32, 300..2_500_u32, 60_000..300_000_u32, Just(u32::MAX)],
            shares in prop::collection::vec(any::<u32>(), 0..600),
        ) {
            let mut values: Vec<u32> = shares.iter().map(|s| from.saturating_add(s % range)).collect();
            let mut expect = values.clone();
            expect.sort_unstable();
            sort(&mut values, &mut Vec::new());
            prop_assert_eq!(values, expect);
        }
    }
}
