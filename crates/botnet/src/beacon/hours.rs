//! How calls lie in the time observed: parts with calls, runs of them, how even they are.

use super::Settings;

/// Parts of the time observed: hours, where that is a day.
const PARTS: usize = 24;

/// Calls in each part. Parts have whole seconds; the last takes what is left over.
pub(super) fn bars(sorted: &[u32], end: u32) -> [u32; PARTS] {
    let mut bars = [0u32; PARTS];
    let step = end / PARTS as u32;
    let mut rest = sorted;
    for (i, bar) in (1u32..).zip(bars.iter_mut()) {
        // Times are sorted: a search for each edge costs less than a division for each time.
        let here = if i < PARTS as u32 {
            let edge = step.saturating_mul(i);
            rest.partition_point(|t| *t < edge)
        } else {
            rest.len()
        };
        *bar = u32::try_from(here).unwrap_or(u32::MAX);
        rest = rest.get(here..).unwrap_or(&[]);
    }
    bars
}

fn with_calls(bars: &[u32; PARTS]) -> u32 {
    bars.iter().map(|b| u32::from(*b > 0)).sum()
}

/// Longest run of parts with calls, around the end.
fn run(bars: &[u32; PARTS]) -> u32 {
    let (mut run, mut longest) = (0u32, 0);
    for bar in bars.iter().chain(bars) {
        run = if *bar > 0 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest.min(PARTS as u32)
}

pub(super) fn duration(bars: &[u32; PARTS], sorted: &[u32], end: u32, settings: &Settings) -> f64 {
    if with_calls(bars) <= settings.duration_parts {
        return 0.0;
    }
    let span = sorted.last().zip(sorted.first()).map_or(0, |(last, first)| last - first);
    let coverage = f64::from(span) / f64::from(end.max(1));
    let consistency = f64::from(run(bars)) / f64::from(settings.ideal_run.max(1));
    coverage.max(consistency).min(1.0)
}

pub(super) fn histogram(bars: &[u32; PARTS], settings: &Settings) -> f64 {
    even(bars).max(bimodal(bars, settings))
}

/// 1 − coefficient of variation (of the population), not below 0.
fn even(bars: &[u32; PARTS]) -> f64 {
    let mean = bars.iter().map(|b| f64::from(*b)).sum::<f64>() / PARTS as f64;
    if mean == 0.0 {
        return 0.0;
    }
    let variance = bars.iter().map(|b| (f64::from(*b) - mean).powi(2)).sum::<f64>() / PARTS as f64;
    (1.0 - variance.sqrt() / mean).max(0.0)
}

fn bimodal(bars: &[u32; PARTS], settings: &Settings) -> f64 {
    let seen = with_calls(bars);
    if seen == 0 || seen < settings.bimodal_parts {
        return 0.0;
    }
    let highest = bars.iter().copied().max().unwrap_or(0);
    let width = ((f64::from(highest) * settings.sensitivity).ceil() as u32).max(1);
    // Heights as whole multiples; parts without calls have none and go behind all others.
    let mut heights = bars.map(|b| if b == 0 { u32::MAX } else { b / width });
    heights.sort_unstable();
    let (mut first, mut second) = (0, 0);
    for group in heights.chunk_by(|a, b| a == b) {
        let size = if group.first() == Some(&u32::MAX) { 0 } else { group.len() as u32 };
        if size > first {
            (first, second) = (size, first);
        } else {
            second = second.max(size);
        }
    }
    let asked = seen.saturating_sub(settings.outliers).max(1);
    (f64::from(first + second) / f64::from(asked)).min(1.0)
}
