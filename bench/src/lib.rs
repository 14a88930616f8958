//! What every benchmark here measures with: processor seconds and the largest memory of this process.

use std::time::{Duration, Instant};

/// Processor seconds (user and system) that this process has used, all threads together.
pub fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Processor seconds and wall time that `work` took, with what it gave.
pub fn measured<T>(work: impl FnOnce() -> T) -> (T, f64, Duration) {
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let out = work();
    (out, cpu_seconds() - cpu, wall.elapsed())
}

/// The largest resident memory of this process so far, in bytes (`VmHWM` of `/proc/self/status`).
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kb| kb * 1024)
}

/// The value below which the share `p` (0 to 1) of the sorted `values` lies.
pub fn percentile(sorted: &[f64], p: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(((last as f64) * p).round() as usize).copied().unwrap_or(f64::NAN)
}
