//! Command and control among flows: a ranking of remote endpoints (correlator `botnet.beacon`).
//!
//! Looked at: flows from a person's side to an endpoint that is nobody's (so scans from outside and traffic inside a
//! house are no candidates), whose beginning was seen. What is not known to the score: labels, particular addresses,
//! particular ports.
//!
//! For each caller of an endpoint six signs between 0 and 1, each with its reason:
//! - **unanswered**: the share of calls that were refused or never answered. People and their programs give up; a bot
//!   has no other master and calls a dead server for ever.
//! - **regular**: how alike the times between calls are (quartile skew and spread around the median, after RITA, and
//!   the share of times near the median). A timer calls, not a person.
//! - **unknown service**: nothing that a sensor recognises is spoken. Bots bring protocols of their own.
//! - **persistent**: the share of the caller's active five-minute spans with a call. An infection lasts.
//! - **uniform**: calls carry alike, small amounts: a check-in, not a page.
//! - **rare**: few of the home's hosts call the endpoint. A popular service is asked by many.
//!
//! The weighted mean of the signs is multiplied by how many calls it rests on; by one half to one as a machine's hand
//! shows (a timer, or calling without end where nobody answers: the greater of regular and unanswered), because an
//! unknown service alone is no sign of command; and by one half to one as the service is unknown: updates, chats
//! and push services call regularly too, and the recognised service explains the calls. It is only halved, because
//! bots speak TLS and HTTP too. A service counts as recognised for the address and port on either transport: what
//! speaks HTTP over TLS speaks HTTP/3 over UDP, which older sensors do not know. Services whose work is to be asked regularly by everybody (DNS, NTP,
//! DHCP and their kin) are no candidates.
//!
//! The middle of a connection (`OTH`: no opening was seen) is not a call: a sensor cuts a long connection that is kept
//! alive into such pieces at its own time-out, and their regularity is the sensor's.
//!
//! An endpoint's score is the mean of the upper half of its callers' scores.

use super::{Columns, Telemetry, TelemetryError, Window};
use std::collections::BTreeSet;
use std::net::IpAddr;
use terms::{Channel, Confidence, ExhibitId, FindingBody, MICROS_PER_SECOND, Unsealed};

/// Name of the correlator in findings.
pub const EXAMINER: &str = "botnet.beacon";
/// Its version.
pub const VERSION: u32 = 1;

const NAME: &str = "c2.pairs";
/// Width of the spans that persistence counts, microseconds.
const SPAN: i64 = 300 * MICROS_PER_SECOND;
/// Calls of one caller whose times are kept; the later ones only count.
const MAX_TIMES: usize = 50_000;
/// Exhibits a finding names.
const MAX_EXHIBITS: usize = 256;
/// Services that every host asks regularly.
const ROUTINE: &str = "'dns', 'ntp', 'dhcp', 'mdns', 'llmnr', 'ssdp', 'netbios', 'syslog', 'snmp'";

/// How to look.
#[derive(Debug, Clone, Copy)]
pub struct C2Options {
    /// Only flows of this time.
    pub window: Window,
    /// Fewest calls from one caller to one endpoint.
    pub min_calls: u32,
    /// Lowest score that is listed.
    pub min_score: f64,
    /// Most endpoints listed.
    pub top: usize,
}

impl Default for C2Options {
    /// All of time, at least 4 calls, score 0.05 and above, 100 endpoints.
    fn default() -> Self {
        Self { window: Window::ALL, min_calls: 4, min_score: 0.05, top: 100 }
    }
}

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
    /// How much the number of calls can bear.
    pub evidence: f64,
}

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
        self.evidence * mean * (0.5 + 0.5 * hand) * (0.5 + 0.5 * self.unknown_service)
    }
}

/// One endpoint in the ranking.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// The endpoint.
    pub channel: Channel,
    /// `tcp` or `udp`.
    pub transport: String,
    /// 0 to 1.
    pub score: f64,
    /// Signs of the caller with the highest score.
    pub signs: Signs,
    /// Hosts of the home that called it often enough to be judged.
    pub callers: u64,
    /// The finding, still without id.
    pub finding: Unsealed,
    /// What it rests on.
    pub exhibits: Vec<ExhibitId>,
}

impl Telemetry {
    /// Endpoints by how much they look like command and control, highest first.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn command_and_control(&self, options: &C2Options) -> Result<Vec<Ranked>, TelemetryError> {
        let mut judge = Judge::new(*options);
        self.each(NAME, &statement(options), &mut |batch| judge.batch(batch)).await?;
        Ok(judge.finish())
    }
}

/// Calls of candidates, ordered by endpoint, caller, time.
fn statement(options: &C2Options) -> String {
    let window = options.window.sql("ts");
    let min = options.min_calls.max(2);
    format!(
        "WITH outward AS (
            SELECT ts, source, remote, remote_port, transport, service, state, sent, exhibit FROM flows
            WHERE source_personal AND NOT remote_personal AND transport IN ('tcp', 'udp') AND {window}
              AND coalesce(state, '') NOT IN ('OTH', 'SHR', 'RSTRH')),
        hosts AS (
            SELECT source, count(DISTINCT ts / {SPAN}) AS spans FROM flows WHERE source_personal AND {window}
            GROUP BY source),
        spoken AS (
            SELECT remote, remote_port, count(service) * 1000 / count(*) AS permille FROM flows
            WHERE NOT remote_personal AND transport IN ('tcp', 'udp') AND {window}
            GROUP BY remote, remote_port),
        ends AS (
            SELECT remote, remote_port, transport, count(DISTINCT source) AS callers,
                   count(*) FILTER (WHERE service IN ({ROUTINE})) AS routine, count(*) AS calls
            FROM outward GROUP BY remote, remote_port, transport),
        pairs AS (
            SELECT source, remote, remote_port, transport FROM outward
            GROUP BY source, remote, remote_port, transport HAVING count(DISTINCT ts) >= {min})
        SELECT o.remote, o.remote_port, o.transport, o.source, o.ts, o.service, o.state, o.sent, o.exhibit,
               e.callers, h.spans, (SELECT count(*) FROM hosts) AS all_hosts, s.permille
        FROM outward o
        JOIN pairs p ON o.source = p.source AND o.remote = p.remote AND o.remote_port = p.remote_port
             AND o.transport = p.transport
        JOIN ends e ON o.remote = e.remote AND o.remote_port = e.remote_port AND o.transport = e.transport
        JOIN spoken s ON o.remote = s.remote AND o.remote_port = s.remote_port
        JOIN hosts h ON o.source = h.source
        WHERE e.routine * 2 < e.calls
        ORDER BY o.remote, o.remote_port, o.transport, o.source, o.ts, o.exhibit"
    )
}

#[derive(Clone, PartialEq, Default)]
struct EndKey {
    remote: String,
    port: i64,
    transport: String,
}

/// Calls of one caller to one endpoint.
#[derive(Default)]
struct Calls {
    source: String,
    times: Vec<i64>,
    sizes: Vec<i64>,
    count: u64,
    unanswered: u64,
    refused: u64,
    recognised: u64,
    service: Option<String>,
    spans: BTreeSet<i64>,
    active_spans: i64,
    first: i64,
    last: i64,
}

struct Caller {
    calls: Calls,
    regular: f64,
    interval: f64,
    deviation: f64,
    signs: Signs,
}

/// Everything known of the endpoint that is being read.
#[derive(Default)]
struct Endpoint {
    key: EndKey,
    callers: i64,
    all_hosts: i64,
    spoken: f64,
    scored: Vec<f32>,
    best: Option<Caller>,
    calls: u64,
    exhibits: BTreeSet<ExhibitId>,
}

struct Judge {
    options: C2Options,
    endpoint: Endpoint,
    calls: Calls,
    ranked: Vec<Ranked>,
}

impl Judge {
    fn new(options: C2Options) -> Self {
        Self { options, endpoint: Endpoint::default(), calls: Calls::default(), ranked: Vec::new() }
    }

    fn batch(&mut self, batch: &datafusion::arrow::array::RecordBatch) -> Result<(), TelemetryError> {
        let c = Columns { name: NAME, batch };
        for i in 0..batch.num_rows() {
            let (remote, port, transport) = (c.text(0, i)?, c.int(1, i)?, c.text(2, i)?);
            let key = &self.endpoint.key;
            if key.port != port || key.remote != remote || key.transport != transport {
                self.end_endpoint();
                self.endpoint.key =
                    EndKey { remote: remote.to_owned(), port, transport: transport.to_owned() };
                self.endpoint.callers = c.int(9, i)?;
                self.endpoint.all_hosts = c.int(11, i)?;
                self.endpoint.spoken = c.int(12, i)? as f64 / 1000.0;
            }
            let source = c.text(3, i)?;
            if self.calls.source != source {
                self.end_caller();
                self.calls.source = source.to_owned();
                self.calls.active_spans = c.int(10, i)?;
            }
            if self.endpoint.exhibits.len() < MAX_EXHIBITS {
                self.endpoint.exhibits.insert(c.exhibit(8, i)?);
            }
            self.calls.take(c.int(4, i)?, c.maybe(5, i)?, c.maybe(6, i)?, c.int(7, i)?);
        }
        Ok(())
    }

    fn end_caller(&mut self) {
        let calls = std::mem::take(&mut self.calls);
        if calls.count < u64::from(self.options.min_calls.max(2)) {
            return;
        }
        let caller = judge(calls, &self.endpoint);
        let score = caller.signs.score();
        self.endpoint.calls += caller.calls.count;
        self.endpoint.scored.push(score as f32);
        if self.endpoint.best.as_ref().is_none_or(|b| score > b.signs.score()) {
            self.endpoint.best = Some(caller);
        }
    }

    fn end_endpoint(&mut self) {
        self.end_caller();
        let endpoint = std::mem::take(&mut self.endpoint);
        let Some(best) = endpoint.best.as_ref() else { return };
        let Ok(ip) = endpoint.key.remote.parse::<IpAddr>() else { return };
        if crate::prepare::nobody(ip) || crate::prepare::private(ip) {
            return;
        }
        let score = upper_half(&endpoint.scored);
        if score < self.options.min_score {
            return;
        }
        let port = u16::try_from(endpoint.key.port).unwrap_or(0);
        let channel = Channel::Address { ip, port };
        let finding = Unsealed {
            examiner: EXAMINER.to_owned(),
            version: VERSION,
            confidence: Confidence::new((score * 100.0).round() as u8),
            reason: reason(best, &endpoint),
            body: FindingBody::Beacon {
                source: best.calls.source.clone(),
                remote: channel.clone(),
                transport: endpoint.key.transport.clone(),
                connections: endpoint.calls,
                interval: best.interval,
                score,
            },
        };
        self.ranked.push(Ranked {
            channel,
            transport: endpoint.key.transport.clone(),
            score,
            signs: best.signs,
            callers: endpoint.scored.len() as u64,
            finding,
            exhibits: endpoint.exhibits.into_iter().collect(),
        });
        // Twice the wanted number is kept at most, so that a home with many endpoints needs no more memory.
        if self.ranked.len() > self.options.top.saturating_mul(2).max(64) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.ranked.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| a.channel.cmp(&b.channel))
                .then(a.transport.cmp(&b.transport))
        });
        self.ranked.truncate(self.options.top);
    }

    fn finish(mut self) -> Vec<Ranked> {
        self.end_endpoint();
        self.cut();
        self.ranked
    }
}

impl Calls {
    fn take(&mut self, ts: i64, service: Option<&str>, state: Option<&str>, sent: i64) {
        // The same flow in two exhibits (a log and its labelled copy) is one call.
        if self.count > 0 && ts == self.last {
            if self.service.is_none() && service.is_some() {
                self.recognised += 1;
                self.service = service.map(str::to_owned);
            }
            return;
        }
        if self.count == 0 {
            self.first = ts;
        }
        self.last = ts;
        self.count += 1;
        match state {
            Some("REJ" | "RSTOS0") => {
                self.refused += 1;
                self.unanswered += 1;
            }
            Some("S0" | "SH") => self.unanswered += 1,
            _ => {}
        }
        if let Some(service) = service {
            self.recognised += 1;
            self.service.get_or_insert_with(|| service.to_owned());
        }
        if self.times.len() < MAX_TIMES {
            self.times.push(ts);
            self.sizes.push(sent);
            self.spans.insert(ts.div_euclid(SPAN));
        }
    }
}

fn judge(calls: Calls, endpoint: &Endpoint) -> Caller {
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
    let signs = Signs {
        unanswered: calls.unanswered as f64 / n,
        regular,
        unknown_service: (1.0 - 4.0 * recognised).max(0.0),
        persistent: (calls.spans.len() as f64 / calls.active_spans.max(1) as f64).min(1.0),
        uniform: alike(&sizes) * small,
        rare: 1.0 - others.min(1.0),
        evidence: 1.0 - (-(n - 1.0) / 6.0).exp(),
    };
    Caller { calls, regular, interval, deviation, signs }
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

fn upper_half(scores: &[f32]) -> f64 {
    let mut sorted: Vec<f64> = scores.iter().map(|&s| f64::from(s)).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let half = sorted.len().div_ceil(2);
    sorted.iter().take(half).sum::<f64>() / half.max(1) as f64
}

/// The signs in words, strongest facts first.
fn reason(best: &Caller, endpoint: &Endpoint) -> String {
    let calls = &best.calls;
    let span = calls.last.saturating_sub(calls.first);
    let mut facts = vec![format!("{} connections in {} to one endpoint", calls.count, duration(span))];
    let percent = |part: u64| (100.0 * part as f64 / calls.count.max(1) as f64).round();
    if calls.unanswered > 0 {
        let word = if calls.refused * 2 > calls.unanswered { "refused" } else { "unanswered" };
        facts.push(format!("{} % {word}", percent(calls.unanswered)));
    }
    let timing = if best.regular >= 0.5 { "" } else { "irregular, " };
    facts.push(format!("{timing}median interval {} ± {}", seconds(best.interval), seconds(best.deviation)));
    facts.push(match endpoint.callers {
        1 => "asked by one host".to_owned(),
        n => format!("asked by {n} of {} hosts", endpoint.all_hosts),
    });
    facts.push(match &calls.service {
        Some(service) => format!("service {service} recognised in {} %", percent(calls.recognised)),
        None => "no known service".to_owned(),
    });
    facts.push(format!("called in {:.0} % of the time the host was active", 100.0 * best.signs.persistent));
    facts.join(", ")
}

fn seconds(value: f64) -> String {
    if value < 10.0 { format!("{value:.2} s") } else { format!("{value:.0} s") }
}

fn duration(micros: i64) -> String {
    let seconds = micros / MICROS_PER_SECOND;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
