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

/// Fewest values for which counting digits is faster than comparing.
const MANY: usize = 96;

/// Sorts by digits of eight bits, lowest first; a digit that all have alike costs nothing.
fn sort(values: &mut [u32], spare: &mut Vec<u32>) {
    if values.len() < MANY {
        values.sort_unstable();
        return;
    }
    let mut counts = [[0u32; 256]; 4];
    for v in values.iter() {
        for (count, digit) in counts.iter_mut().zip(v.to_le_bytes()) {
            if let Some(n) = count.get_mut(usize::from(digit)) {
                *n += 1;
            }
        }
    }
    spare.clear();
    spare.resize(values.len(), 0);
    for (place, count) in counts.iter_mut().enumerate() {
        if count.iter().any(|n| *n as usize == values.len()) {
            continue;
        }
        let mut next = 0;
        for n in count.iter_mut() {
            next += std::mem::replace(n, next);
        }
        for v in values.iter() {
            let digit = usize::from((v >> (8 * place)) as u8);
            if let Some(n) = count.get_mut(digit) {
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
