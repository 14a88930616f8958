//! Very many calls in a short time to one endpoint (correlator `botnet.strobe`).
//!
//! A strobe makes no effort to hide. Told is a pair of a person's host and an endpoint outside with at least
//! [`StrobeOptions::min_calls`] calls in some [`SPAN`] (sliding, ten minutes), 600 by default: one a second, the rate
//! that RITA calls a strobe over a day. Services that every host asks regularly are left out. Calls of one microsecond
//! count once, so that a log in two exhibits is not twice as fast; a log with times in whole seconds so shows at most one
//! call a second.
//!
//! The score is .5 at the least number and 1 without end.

use super::c2::ROUTINE;
use super::shape::{self, Shape, seconds};
use super::{Columns, Found, Telemetry, TelemetryError, Window};
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use terms::{Channel, ExhibitId};

/// Name of the correlator in findings.
pub const EXAMINER: &str = "botnet.strobe";
const NAME: &str = "strobes.pairs";
/// Time in which calls are counted, microseconds.
pub const SPAN: i64 = 600_000_000;
/// Calls of one span that are held; more count as so many.
const MAX_HELD: usize = 100_000;

/// How to look.
#[derive(Debug, Clone, Copy)]
pub struct StrobeOptions {
    /// Only flows of this time.
    pub window: Window,
    /// Fewest calls in ten minutes.
    pub min_calls: usize,
    /// Most findings.
    pub top: usize,
}

impl Default for StrobeOptions {
    /// All of time, 600 calls, 100 findings.
    fn default() -> Self {
        Self { window: Window::ALL, min_calls: 600, top: 100 }
    }
}

#[derive(Default)]
struct Pair {
    key: (String, String, i64, String),
    held: VecDeque<i64>,
    peak: usize,
    calls: u64,
    unanswered: u64,
    first: i64,
    last: i64,
    exhibits: BTreeSet<ExhibitId>,
}

impl Telemetry {
    /// Pairs with a strobe, fastest first, as `Beacon` findings.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn strobes(&self, options: &StrobeOptions) -> Result<Vec<Found>, TelemetryError> {
        let (window, min) = (options.window.sql("ts"), options.min_calls.max(2));
        let sql = format!(
            "WITH calls AS (
                SELECT source, remote, remote_port, transport, ts, max(coalesce(service, '')) AS service,
                       max(coalesce(state, '')) AS state, min(exhibit) AS exhibit
                FROM flows
                WHERE source_personal AND NOT remote_personal AND transport IN ('tcp', 'udp') AND {window}
                GROUP BY source, remote, remote_port, transport, ts),
             many AS (
                SELECT source, remote, remote_port, transport FROM calls
                GROUP BY source, remote, remote_port, transport
                HAVING count(*) >= {min} AND count(*) FILTER (WHERE service IN ({ROUTINE})) * 2 < count(*))
             SELECT c.source, c.remote, c.remote_port, c.transport, c.ts, c.state, c.exhibit
             FROM calls c JOIN many m ON c.source = m.source AND c.remote = m.remote
                  AND c.remote_port = m.remote_port AND c.transport = m.transport
             ORDER BY c.source, c.remote, c.remote_port, c.transport, c.ts"
        );
        let (mut pair, mut found) = (Pair::default(), Vec::new());
        self.each(NAME, &sql, &mut |batch| {
            let c = Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                let (source, remote, port, transport) =
                    (c.text(0, i)?, c.text(1, i)?, c.int(2, i)?, c.text(3, i)?);
                let k = &pair.key;
                if k.0 != source || k.1 != remote || k.2 != port || k.3 != transport {
                    found.extend(std::mem::take(&mut pair).found(min));
                    pair.key = (source.to_owned(), remote.to_owned(), port, transport.to_owned());
                }
                pair.take(c.int(4, i)?, c.text(5, i)?);
                if pair.exhibits.len() < shape::MAX_EXHIBITS {
                    pair.exhibits.insert(c.exhibit(6, i)?);
                }
            }
            Ok(())
        })
        .await?;
        found.extend(pair.found(min));
        Ok(shape::ranked(found, options.top))
    }
}

impl Pair {
    fn take(&mut self, ts: i64, state: &str) {
        if self.calls == 0 {
            self.first = ts;
        }
        self.last = ts;
        self.calls += 1;
        self.unanswered += u64::from(super::c2::UNANSWERED.contains(&state));
        while self.held.front().is_some_and(|t| ts.saturating_sub(*t) > SPAN) || self.held.len() >= MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back(ts);
        self.peak = self.peak.max(self.held.len());
    }

    fn found(self, min: usize) -> Option<Found> {
        let ip: IpAddr = self.key.1.parse().ok()?;
        if self.peak < min || crate::prepare::nobody(ip) {
            return None;
        }
        let span = seconds(self.last.saturating_sub(self.first));
        Shape {
            examiner: EXAMINER,
            source: self.key.0,
            remote: Channel::Address { ip, port: u16::try_from(self.key.2).unwrap_or(0) },
            transport: self.key.3,
            connections: self.calls,
            interval: span / (self.calls.saturating_sub(1)).max(1) as f64,
            score: 1.0 - 0.5 * min as f64 / self.peak as f64,
            reason: format!(
                "{} calls to one endpoint within ten minutes, {} in all, {:.0} % unanswered",
                self.peak,
                self.calls,
                100.0 * self.unanswered as f64 / self.calls.max(1) as f64
            ),
            exhibits: self.exhibits,
        }
        .found()
    }
}
