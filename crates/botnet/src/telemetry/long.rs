//! Connections that stay open for hours (correlator `botnet.long-connection`).
//!
//! Who keeps one connection open calls seldom and hides from every question about calls. For each pair of a person's
//! host and an endpoint outside: the longest connection, the time that any was open, their number. A sensor cuts a long
//! connection at its own time-out and writes the rest as pieces whose opening it did not see (`OTH`): a piece that
//! begins at most five minutes after the last one ended goes on with it.
//!
//! The score is the longest connection as a share of twelve hours (the highest step of RITA version 5's default
//! configuration; its lowest, one hour, is the default least), half where a service is recognised.

use super::shape::{self, Shape, seconds};
use super::{Columns, Found, Telemetry, TelemetryError, Window};
use std::collections::BTreeSet;
use std::net::IpAddr;
use terms::{Channel, ExhibitId};

/// Name of the correlator in findings.
pub const EXAMINER: &str = "botnet.long-connection";
const NAME: &str = "long.pairs";
/// Most time between two pieces of one connection, microseconds.
const PIECES: i64 = 300_000_000;
/// As long as can be, seconds.
const FULL: f64 = 43_200.0;

/// How to look.
#[derive(Debug, Clone, Copy)]
pub struct LongOptions {
    /// Only flows that began in this time.
    pub window: Window,
    /// Shortest connection that is told, microseconds.
    pub min_duration: i64,
    /// Most findings.
    pub top: usize,
}

impl Default for LongOptions {
    /// All of time, one hour, 100 findings.
    fn default() -> Self {
        Self { window: Window::ALL, min_duration: 3_600_000_000, top: 100 }
    }
}

#[derive(Default)]
struct Pair {
    key: (String, String, i64, String),
    connections: u64,
    open: i64,
    longest: i64,
    /// Begin and end of the connection that is being read, and the last end of any.
    begun: i64,
    ended: i64,
    last_end: i64,
    sent: i64,
    received: i64,
    service: Option<String>,
    exhibits: BTreeSet<ExhibitId>,
}

impl Telemetry {
    /// Pairs with a long connection, longest first, as `Beacon` findings.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn long_connections(&self, options: &LongOptions) -> Result<Vec<Found>, TelemetryError> {
        let sql = format!(
            "SELECT source, remote, remote_port, transport, ts, max(duration_us), max(state), max(sent), max(received),
                    max(service), min(exhibit)
             FROM flows
             WHERE source_personal AND NOT remote_personal AND transport IN ('tcp', 'udp') AND duration_us > 0 AND {}
             GROUP BY source, remote, remote_port, transport, ts
             ORDER BY source, remote, remote_port, transport, ts",
            options.window.sql("ts")
        );
        let (mut pair, mut found) = (Pair::default(), Vec::new());
        self.each(NAME, &sql, &mut |batch| {
            let c = Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                let (source, remote, port, transport) =
                    (c.text(0, i)?, c.text(1, i)?, c.int(2, i)?, c.text(3, i)?);
                let k = &pair.key;
                if k.0 != source || k.1 != remote || k.2 != port || k.3 != transport {
                    found.extend(std::mem::take(&mut pair).found(options));
                    pair.key = (source.to_owned(), remote.to_owned(), port, transport.to_owned());
                }
                pair.take(c.int(4, i)?, c.int(5, i)?, c.text(6, i)? == "OTH");
                pair.sent = pair.sent.saturating_add(c.int(7, i)?);
                pair.received = pair.received.saturating_add(c.int(8, i)?);
                if let Some(service) = c.maybe(9, i)? {
                    pair.service.get_or_insert_with(|| service.to_owned());
                }
                if pair.exhibits.len() < shape::MAX_EXHIBITS {
                    pair.exhibits.insert(c.exhibit(10, i)?);
                }
            }
            Ok(())
        })
        .await?;
        found.extend(pair.found(options));
        Ok(shape::ranked(found, options.top))
    }
}

impl Pair {
    fn take(&mut self, begun: i64, duration: i64, piece: bool) {
        let ended = begun.saturating_add(duration);
        let first = self.connections == 0;
        // What is open twice at one time counts once.
        self.open = self.open.saturating_add((ended - begun.max(self.last_end).min(ended)).max(0));
        if first {
            self.open = duration;
        }
        if piece && !first && begun.saturating_sub(self.ended) <= PIECES {
            self.ended = self.ended.max(ended);
        } else {
            self.connections += 1;
            (self.begun, self.ended) = (begun, ended);
        }
        self.last_end = if first { ended } else { self.last_end.max(ended) };
        self.longest = self.longest.max(self.ended.saturating_sub(self.begun));
    }

    fn found(self, options: &LongOptions) -> Option<Found> {
        let ip: IpAddr = self.key.1.parse().ok()?;
        if self.longest < options.min_duration || crate::prepare::nobody(ip) {
            return None;
        }
        let (longest, open) = (seconds(self.longest), seconds(self.open));
        let service = match &self.service {
            Some(service) => format!("service {service} recognised"),
            None => "no known service".to_owned(),
        };
        Shape {
            examiner: EXAMINER,
            source: self.key.0,
            remote: Channel::Address { ip, port: u16::try_from(self.key.2).unwrap_or(0) },
            transport: self.key.3,
            connections: self.connections,
            interval: 0.0,
            score: (longest / FULL).min(1.0) * if self.service.is_some() { 0.5 } else { 1.0 },
            reason: format!(
                "open for {:.1} h without a break, {:.1} h in all over {} connections, {} bytes sent and {} received, \
                 {service}",
                longest / 3_600.0,
                open / 3_600.0,
                self.connections,
                self.sent,
                self.received
            ),
            exhibits: self.exhibits,
        }
        .found()
    }
}
