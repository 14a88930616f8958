//! The six signs of one caller, and what they weigh together.
//!
//! Each is between 0 and 1:
//! - **unanswered**: the share of calls that were refused or never answered. People and their programs give up; a bot
//!   has no other master and calls a dead server for ever.
//! - **regular**: how alike the times between calls are (quartile skew and spread around the median, after RITA, and
//!   the share of times near the median). A timer calls, not a person.
//! - **unknown service**: nothing that a sensor recognises is spoken. Bots bring protocols of their own.
//! - **persistent**: the share of the caller's active five-minute spans with a call. An infection lasts.
//! - **uniform**: calls carry alike, small amounts: a check-in, not a page.
//! - **rare**: few of the home's hosts call the endpoint. A popular service is asked by many.
//!
//! The weighted mean of the signs is multiplied by how many calls it rests on, and less where nothing answered and the
//! caller called more than 16 endpoints in vain (it is searching, and obeys each of them as little as there are many); by one half to one as a machine's hand
//! shows (a timer, or calling without end where nobody answers: the greater of regular and unanswered), because an
//! unknown service alone is no sign of command; and by one half to one as the service is unknown *or* the calls are a
//! check-in (regular, uniform and persistent all together, their product): updates, chats and push services call
//! regularly too, and the recognised service explains the calls, but hardly equal calls at equal times without a pause.
//! A service counts as recognised for the address and port on either transport: what speaks HTTP over TLS speaks
//! HTTP/3 over UDP, which older sensors do not know.

use super::calls::Calls;
use super::judge::Endpoint;
use crate::beacon::{self, Observed, Scores, Scratch, Settings};

/// The signs of one caller, each 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Signs {
    /// Share of calls refused or never answered.
    pub unanswered: f64,
    /// How alike the times between calls are.
    pub regular: f64,
    /// Nothing spoken that a sensor recognises.
    pub unknown_service: f64,
    /// Share of the caller's active spans with a call.
    pub persistent: f64,
    /// How alike and small the amounts sent are.
    pub uniform: f64,
    /// How few of the home's hosts call the endpoint.
    pub rare: f64,
    /// How much the calls can bear: by their number, and less where the caller seeks many endpoints in vain.
    pub evidence: f64,
}

/// Endpoints that a caller may call in vain before it is searching.
const SEEKING: f64 = 16.0;

const UNANSWERED: f64 = 0.25;
const REGULAR: f64 = 0.20;
const UNKNOWN: f64 = 0.25;
const PERSISTENT: f64 = 0.12;
const UNIFORM: f64 = 0.08;
const RARE: f64 = 0.10;

impl Signs {
    /// The score of these signs, 0 to 1.
    pub fn score(&self) -> f64 {
        let mean = UNANSWERED * self.unanswered
            + REGULAR * self.regular
            + UNKNOWN * self.unknown_service
            + PERSISTENT * self.persistent
            + UNIFORM * self.uniform
            + RARE * self.rare;
        let hand = self.regular.max(self.unanswered);
        let unexplained = self.unknown_service.max(self.check_in());
        self.evidence * mean * (0.5 + 0.5 * hand) * (0.5 + 0.5 * unexplained)
    }

    /// Equal calls at equal times without a pause.
    pub fn check_in(&self) -> f64 {
        self.regular * self.uniform * self.persistent
    }
}

/// One caller with its signs.
pub(super) struct Caller {
    pub calls: Calls,
    pub interval: f64,
    pub deviation: f64,
    pub signs: Signs,
    pub beacon: Option<Scores>,
}

/// Judges one caller.
pub(super) fn judge(calls: Calls, endpoint: &Endpoint, scratch: &mut Scratch) -> Caller {
    let n = calls.count as f64;
    let mut gaps: Vec<f64> = calls
        .times
        .windows(2)
        .map(|w| w.last().copied().unwrap_or(0).saturating_sub(w.first().copied().unwrap_or(0)) as f64 / 1e6)
        .collect();
    gaps.sort_by(f64::total_cmp);
    let mut sizes: Vec<f64> = calls.sizes.iter().map(|&s| s as f64).collect();
    sizes.sort_by(f64::total_cmp);
    let interval = quantile(&gaps, 0.5);
    let deviation = spread(&gaps, interval);
    let regular = alike(&gaps);
    // Whatever was recognised even once is what the endpoint speaks: sensors miss it when packets are lost.
    let recognised = (calls.recognised as f64 / n).max(endpoint.spoken);
    let size = quantile(&sizes, 0.5);
    let small = 1.0 / (1.0 + size / 65_536.0);
    let others = (endpoint.callers - 1).max(0) as f64 / (endpoint.all_hosts - 1).max(1) as f64;
    let in_vain = calls.unanswered == calls.count;
    let sought = if in_vain { (SEEKING / calls.seeking.max(1) as f64).min(1.0) } else { 1.0 };
    let signs = Signs {
        unanswered: calls.unanswered as f64 / n,
        regular,
        unknown_service: (1.0 - 4.0 * recognised).max(0.0),
        persistent: (calls.spans.len() as f64 / calls.active_spans.max(1) as f64).min(1.0),
        uniform: alike(&sizes) * small,
        rare: 1.0 - others.min(1.0),
        evidence: sought * (1.0 - (-(n - 1.0) / 6.0).exp()),
    };
    let observed = Observed { first: endpoint.first, last: endpoint.last };
    let beacon = beacon::scores(&calls.times, &calls.sizes, observed, &Settings::default(), scratch);
    Caller { calls, interval, deviation, signs, beacon }
}

/// How alike sorted values are, 0 to 1: the mean of three views, each of which alone is easily deceived.
/// Quartile skew (Bowley) sees lopsided times, spread around the median sees jitter, and the share within a fifth of
/// the median sees a timer that was interrupted.
fn alike(sorted: &[f64]) -> f64 {
    if sorted.len() < 2 {
        return 0.0;
    }
    let median = quantile(sorted, 0.5);
    let (q1, q3) = (quantile(sorted, 0.25), quantile(sorted, 0.75));
    let skew = if q3 - q1 < 1e-9 { 0.0 } else { ((q1 + q3 - 2.0 * median) / (q3 - q1)).abs() };
    let off = spread(sorted, median);
    // All equal, also all nothing, is as alike as can be.
    let tight = if off < 1e-9 { 1.0 } else { (1.0 - off / median.max(1e-9)).max(0.0) };
    let near = sorted.iter().filter(|v| (**v - median).abs() <= 0.2 * median + 1e-9).count() as f64;
    ((1.0 - skew.min(1.0)) + tight + near / sorted.len() as f64) / 3.0
}

/// Median absolute deviation.
fn spread(sorted: &[f64], median: f64) -> f64 {
    let mut off: Vec<f64> = sorted.iter().map(|v| (v - median).abs()).collect();
    off.sort_by(f64::total_cmp);
    quantile(&off, 0.5)
}

/// Quantile of sorted values, between neighbours by distance; 0 of nothing.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = q * last as f64;
    let low = at.floor() as usize;
    let a = sorted.get(low).copied().unwrap_or(0.0);
    let b = sorted.get(low + 1).copied().unwrap_or(a);
    a + (b - a) * (at - low as f64)
}

/// Mean of the upper half.
pub(super) fn upper_half(scores: &[f32]) -> f64 {
    let mut sorted: Vec<f64> = scores.iter().map(|&s| f64::from(s)).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let half = sorted.len().div_ceil(2);
    sorted.iter().take(half).sum::<f64>() / half.max(1) as f64
}
