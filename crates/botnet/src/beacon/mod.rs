//! How regularly one host calls one endpoint: the four beacon scores of RITA version 5.
//!
//! A re-statement from what the project publishes: the default configuration of version 5 (weights, hours, buckets,
//! fewest connections) and, for the formulas, the manual of the package and the descriptions of the changes 69, 742,
//! 745, 773, 792, 793 and 794 that led to version 4.8, from which version 5 was made. Nothing was written after its code.
//!
//! - **timestamp**: mean of a skew score and a dispersion score over the seconds between calls; calls in one second
//!   count once (change 773). Skew: 1 − |Bowley's skew|. Dispersion: 1 − MADM / median, where MADM is the median
//!   absolute deviation around the median.
//! - **data size**: mean of the same two over the bytes that the caller sent, and of smallness, 1 − mode / 65,535.
//! - **duration**: the greater of coverage (first to last call, of the time observed) and consistency (longest run of
//!   hours with calls, around the end, of 12); nothing where no more than 6 hours have calls.
//! - **histogram**: over calls in each of 24 equal parts of the time observed the greater of 1 − coefficient of
//!   variation and the bimodal fit: bars in the two commonest heights (heights within 5 % of the highest are one), of
//!   all bars but one; the fit only where 11 parts or more have calls.
//!
//! **Not verified**, because nothing published says it: the divisor of the dispersion (the manual of 2022 has 30 s and 32
//! bytes, remarks on later changes the median); how a quartile is read between two ranks (here the value at
//! the rank nearest to *q* (*n* − 1), halves up); the skew score where a quartile equals the median (before change 792
//! it was 1, what it became is not told; [`Settings::tied_skew`]); whether version 5 still measures smallness; how heights
//! are grouped (here by whole multiples); its rounding to three digits (here none). "Equal within .001" therefore means
//! equal to this definition, re-stated a second time in the tests.
//!
//! Pure: slices in, numbers out; the only memory is the caller's [`Scratch`], which is used again.

mod hours;
mod values;

/// Weights and limits. The default is that of RITA version 5.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Fewest calls at different seconds for a pair to have scores.
    pub min_calls: usize,
    /// Weight of the timestamp score.
    pub timestamp: f64,
    /// Weight of the data size score.
    pub size: f64,
    /// Weight of the duration score.
    pub duration: f64,
    /// Weight of the histogram score.
    pub histogram: f64,
    /// There is a duration score only where more parts than this have calls.
    pub duration_parts: u32,
    /// A run of this many parts is as consistent as can be.
    pub ideal_run: u32,
    /// Heights that differ by less than this share of the highest are one height.
    pub sensitivity: f64,
    /// Bars that the bimodal fit does not ask to be in either height.
    pub outliers: u32,
    /// There is a bimodal fit only where at least so many parts have calls.
    pub bimodal_parts: u32,
    /// Skew score where a quartile equals the median and Bowley's skew says nothing.
    pub tied_skew: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            min_calls: 4,
            timestamp: 0.25,
            size: 0.25,
            duration: 0.25,
            histogram: 0.25,
            duration_parts: 6,
            ideal_run: 12,
            sensitivity: 0.05,
            outliers: 1,
            bimodal_parts: 11,
            tied_skew: 1.0,
        }
    }
}

/// The time in which calls could have been seen: first and last microsecond. RITA takes the first and last call of
/// the whole data set, of at most 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// First microsecond.
    pub first: i64,
    /// Last microsecond.
    pub last: i64,
}

/// The scores of one pair, each 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scores {
    /// How alike the times between calls are.
    pub timestamp: f64,
    /// How alike and small what is sent is.
    pub size: f64,
    /// How much of the time the calls go on.
    pub duration: f64,
    /// How even the calls are over the time.
    pub histogram: f64,
    /// The four by their weights.
    pub overall: f64,
}

/// Working memory, used again for every pair.
#[derive(Debug, Default)]
pub struct Scratch {
    seconds: Vec<u32>,
    gaps: Vec<u32>,
    sizes: Vec<u32>,
    spare: Vec<u32>,
}

/// Microseconds whose 64ths fit 32 bits: three days.
const SHORT: i64 = 1 << 38;

/// Scores of the calls of one host to one endpoint: when, in microseconds and in any order, and the bytes sent with
/// each, negative as none. Nothing where there are fewer than [`Settings::min_calls`] different seconds.
///
/// Calls before or after the observed time count as at its edge. Sizes above 4 GiB count as 4 GiB.
pub fn scores(
    times: &[i64],
    sizes: &[i64],
    observed: Observed,
    settings: &Settings,
    scratch: &mut Scratch,
) -> Option<Scores> {
    let Scratch { seconds, gaps, sizes: sent, spare } = scratch;
    let origin = observed.first.div_euclid(1_000_000);
    let end = observed.last.div_euclid(1_000_000).saturating_sub(origin).clamp(0, i64::from(u32::MAX)) as u32;
    let (start, span) = (origin.saturating_mul(1_000_000), i64::from(end) * 1_000_000 + 999_999);
    let since = times.iter().map(|t| t.saturating_sub(start).clamp(0, span).cast_unsigned());
    seconds.clear();
    if span < SHORT {
        // 1,000,000 is 64 times 15,625, and numbers of 32 bits divide several at once.
        seconds.extend(since.map(|micros| (micros >> 6) as u32 / 15_625));
    } else {
        seconds.extend(since.map(|micros| (micros / 1_000_000) as u32));
    }
    // Telemetry comes in order of time mostly, and looking is cheaper than sorting.
    if !seconds.is_sorted() {
        seconds.sort_unstable();
    }
    // Every gap is written and only those that count are kept, which has no branch to guess.
    gaps.clear();
    gaps.resize(seconds.len(), 0);
    let mut kept = 0;
    for (a, b) in seconds.iter().zip(seconds.iter().skip(1)) {
        if let Some(slot) = gaps.get_mut(kept) {
            *slot = b - a;
        }
        kept += usize::from(b > a);
    }
    gaps.truncate(kept);
    if gaps.len() + 1 < settings.min_calls.max(2) {
        return None;
    }
    let bars = hours::bars(seconds, end);
    sent.clear();
    sent.extend(sizes.iter().map(|s| (*s).clamp(0, i64::from(u32::MAX)) as u32));
    let timestamp = values::alike(gaps, spare, settings.tied_skew);
    let size = values::size(sent, spare, settings.tied_skew);
    let duration = hours::duration(&bars, seconds, end, settings);
    let histogram = hours::histogram(&bars, settings);
    let overall = settings.timestamp * timestamp
        + settings.size * size
        + settings.duration * duration
        + settings.histogram * histogram;
    Some(Scores { timestamp, size, duration, histogram, overall })
}
