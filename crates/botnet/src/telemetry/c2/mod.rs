//! Command and control among flows: a ranking of remote endpoints (correlator `botnet.beacon`).
//!
//! Looked at: flows from a person's side to an endpoint that is nobody's (so scans from outside and traffic inside a
//! house are no candidates), whose beginning was seen. What is not known to the score: labels, particular addresses,
//! particular ports.
//!
//! Here: the question and its answer. `signs` has the six signs of one caller and what they weigh, `calls` what is
//! kept of one caller, `judge` goes through the rows, [`priors`] is what the home knows beside its flows, `reason` says
//! why.
//!
//! The middle of a connection (`OTH`: no opening was seen) is not a call: a sensor cuts a long connection that is kept
//! alive into such pieces at its own time-out, and their regularity is the sensor's. Services whose work is to be asked
//! regularly by everybody (DNS, NTP, DHCP and their kin) are no candidates.
//!
//! An endpoint's score is the mean of the upper half of its callers' scores, changed by what the home knows. An
//! **alert** is an endpoint at or above [`C2Options::alert`], 0.25. The number was set between what true servers and
//! the hosts of clean days reach in the labelled logs at hand: the lowest true server had .33, the highest clean
//! endpoint .16; with hours taken away, times blurred and flows lost true servers fell to .12 and clean endpoints rose to
//! .29 (`examples/quality_traffic.rs` prints every row). A recognised service alone, however regular, reaches .5 at most.

mod calls;
mod judge;
pub mod priors;
mod reason;
mod signs;

use super::{Telemetry, TelemetryError, Window};
use crate::beacon::Scores;
use priors::Priors;
use terms::{Channel, ExhibitId, MICROS_PER_SECOND, Unsealed};

pub use signs::Signs;

/// Name of the correlator in findings.
pub const EXAMINER: &str = "botnet.beacon";
/// Its version.
pub const VERSION: u32 = 2;
/// Default of [`C2Options::alert`].
pub const ALERT: f64 = 0.25;

const NAME: &str = "c2.pairs";
/// Width of the spans that persistence counts, microseconds.
const SPAN: i64 = 300 * MICROS_PER_SECOND;
/// Services that every host asks regularly.
pub(super) const ROUTINE: &str = "'dns', 'ntp', 'dhcp', 'mdns', 'llmnr', 'ssdp', 'netbios', 'syslog', 'snmp'";
/// States of calls that were refused or never answered. Not `SH`: who closes what was never opened was answered, and
/// the sensor missed it.
pub(super) const UNANSWERED: [&str; 3] = ["S0", "REJ", "RSTOS0"];

/// How to look.
#[derive(Debug, Clone, Copy)]
pub struct C2Options {
    /// Only flows of this time.
    pub window: Window,
    /// Fewest calls from one caller to one endpoint.
    pub min_calls: u32,
    /// Lowest score that is listed.
    pub min_score: f64,
    /// Lowest score that is an alert.
    pub alert: f64,
    /// Most endpoints listed.
    pub top: usize,
}

impl Default for C2Options {
    /// All of time, at least 4 calls, score 0.05 and above, alerts from [`ALERT`], 100 endpoints.
    fn default() -> Self {
        Self { window: Window::ALL, min_calls: 4, min_score: 0.05, alert: ALERT, top: 100 }
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
    /// Whether the score is at or above the alert threshold.
    pub alert: bool,
    /// Signs of the caller with the highest score.
    pub signs: Signs,
    /// Beacon scores of that caller, where it has them.
    pub beacon: Option<Scores>,
    /// Hosts of the home that called it often enough to be judged.
    pub callers: u64,
    /// The finding, still without id.
    pub finding: Unsealed,
    /// What it rests on.
    pub exhibits: Vec<ExhibitId>,
}

impl Telemetry {
    /// Endpoints by how much they look like command and control, highest first, by their flows alone.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn command_and_control(&self, options: &C2Options) -> Result<Vec<Ranked>, TelemetryError> {
        self.command_and_control_knowing(options, &Priors::default()).await
    }

    /// The same with what the home knows beside its flows.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn command_and_control_knowing(
        &self,
        options: &C2Options,
        priors: &Priors<'_>,
    ) -> Result<Vec<Ranked>, TelemetryError> {
        let known = priors.look_up(self, options.window).await?;
        let mut judge = judge::Judge::new(*options, &known);
        self.each(NAME, &statement(options, &known.addresses()), &mut |batch| judge.batch(batch)).await?;
        Ok(judge.finish())
    }
}

/// Calls of candidates, ordered by endpoint, caller, time. An address that is already known needs no number of calls.
fn statement(options: &C2Options, known: &str) -> String {
    let window = options.window.sql("ts");
    let min = options.min_calls.max(2);
    let unanswered = UNANSWERED.map(super::literal).join(", ");
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
            GROUP BY source, remote, remote_port, transport
            HAVING count(DISTINCT ts) >= {min} OR remote IN ({known})),
        silent AS (
            SELECT source, count(*) AS seeking FROM (
                SELECT source, remote, remote_port, transport FROM outward
                GROUP BY source, remote, remote_port, transport
                HAVING count(*) FILTER (WHERE coalesce(state, '') NOT IN ({unanswered})) = 0)
            GROUP BY source)
        SELECT o.remote, o.remote_port, o.transport, o.source, o.ts, o.service, o.state, o.sent, o.exhibit,
               e.callers, h.spans, (SELECT count(*) FROM hosts) AS all_hosts, s.permille, q.seeking,
               (SELECT min(ts) FROM flows WHERE {window}) AS first, (SELECT max(ts) FROM flows WHERE {window}) AS last
        FROM outward o
        JOIN pairs p ON o.source = p.source AND o.remote = p.remote AND o.remote_port = p.remote_port
             AND o.transport = p.transport
        JOIN ends e ON o.remote = e.remote AND o.remote_port = e.remote_port AND o.transport = e.transport
        JOIN spoken s ON o.remote = s.remote AND o.remote_port = s.remote_port
        JOIN hosts h ON o.source = h.source
        LEFT JOIN silent q ON o.source = q.source
        WHERE e.routine * 2 < e.calls
        ORDER BY o.remote, o.remote_port, o.transport, o.source, o.ts, o.exhibit"
    )
}
