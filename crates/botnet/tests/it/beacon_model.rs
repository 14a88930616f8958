//! The definition of the beacon scores read out loud: copies, full sorts, one pass for each number.

/// Value of rank nearest to `q (n − 1)`.
fn quartile(values: &[i64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort();
    sorted[(q * (sorted.len() as f64 - 1.0) + 0.5).floor() as usize] as f64
}

fn skew(values: &[i64]) -> f64 {
    let (q1, q2, q3) = (quartile(values, 0.25), quartile(values, 0.5), quartile(values, 0.75));
    if q1 == q2 || q2 == q3 { 1.0 } else { 1.0 - ((q1 + q3 - 2.0 * q2) / (q3 - q1)).abs() }
}

fn dispersion(values: &[i64]) -> f64 {
    let median = quartile(values, 0.5);
    let off: Vec<i64> = values.iter().map(|v| (*v as f64 - median).abs() as i64).collect();
    if median == 0.0 {
        return if quartile(values, 0.75) == 0.0 { 1.0 } else { 0.0 };
    }
    f64::max(0.0, 1.0 - quartile(&off, 0.5) / median)
}

fn mode(values: &[i64]) -> i64 {
    let times = |v: i64| values.iter().filter(|w| **w == v).count();
    let most = values.iter().map(|v| times(*v)).max().unwrap();
    values.iter().copied().filter(|v| times(*v) == most).min().unwrap()
}

/// timestamp, size, duration, histogram; times in seconds from the start of the observation.
pub fn all(times: &[i64], sizes: &[i64], end: i64) -> Option<[f64; 4]> {
    let mut times: Vec<i64> = times.iter().map(|t| (*t).clamp(0, end)).collect();
    times.sort();
    let gaps: Vec<i64> = (1..times.len()).map(|i| times[i] - times[i - 1]).filter(|g| *g != 0).collect();
    if gaps.len() < 3 {
        return None;
    }
    let sizes: Vec<i64> = sizes.iter().map(|s| (*s).max(0)).collect();
    let timestamp = (skew(&gaps) + dispersion(&gaps)) / 2.0;
    let smallness = f64::max(0.0, 1.0 - mode(&sizes) as f64 / 65_535.0);
    let size = (skew(&sizes) + dispersion(&sizes) + smallness) / 3.0;

    let mut bars = [0i64; 24];
    for t in &times {
        let step = end / 24;
        bars[if step == 0 { 23 } else { (t / step).min(23) as usize }] += 1;
    }
    let seen = bars.iter().filter(|b| **b > 0).count();
    let mut run = 0;
    for start in 0..24 {
        run = run.max((0..24).take_while(|i| bars[(start + i) % 24] > 0).count());
    }
    let coverage = (times[times.len() - 1] - times[0]) as f64 / f64::max(end as f64, 1.0);
    let duration = if seen > 6 { f64::min(1.0, f64::max(coverage, run as f64 / 12.0)) } else { 0.0 };

    let mean = times.len() as f64 / 24.0;
    let deviation = (bars.iter().map(|b| (*b as f64 - mean).powf(2.0)).sum::<f64>() / 24.0).sqrt();
    let even = f64::max(0.0, 1.0 - deviation / mean);
    let width = (*bars.iter().max().unwrap() as f64 * 0.05).ceil() as i64;
    let heights: Vec<i64> = bars.iter().filter(|b| **b > 0).map(|b| b / width).collect();
    let mut groups: Vec<usize> = (0..=heights.iter().copied().max().unwrap())
        .map(|h| heights.iter().filter(|x| **x == h).count())
        .collect();
    groups.sort();
    groups.reverse();
    let two = groups[0] + groups.get(1).copied().unwrap_or(0);
    let fit = if seen >= 11 { f64::min(1.0, two as f64 / (seen as f64 - 1.0)) } else { 0.0 };
    Some([timestamp, size, duration, f64::max(even, fit)])
}
