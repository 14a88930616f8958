//! Goes through the ordered calls, endpoint by endpoint and caller by caller.

use super::calls::Calls;
use super::priors::{Known, Standing};
use super::signs::{Caller, judge, upper_half};
use super::{C2Options, EXAMINER, NAME, Ranked, VERSION, reason};
use crate::beacon::Scratch;
use crate::telemetry::{Columns, TelemetryError};
use std::collections::BTreeSet;
use std::net::IpAddr;
use terms::{Channel, Confidence, ExhibitId, FindingBody, Unsealed};

/// Exhibits a finding names.
const MAX_EXHIBITS: usize = 256;

#[derive(Clone, PartialEq, Default)]
pub(super) struct EndKey {
    pub remote: String,
    pub port: i64,
    transport: String,
}

/// Everything known of the endpoint that is being read.
#[derive(Default)]
pub(super) struct Endpoint {
    key: EndKey,
    pub callers: i64,
    pub all_hosts: i64,
    pub spoken: f64,
    /// The time observed.
    pub first: i64,
    pub last: i64,
    scored: Vec<f32>,
    best: Option<Caller>,
    calls: u64,
    exhibits: BTreeSet<ExhibitId>,
}

pub(super) struct Judge<'a> {
    options: C2Options,
    known: &'a Known<'a>,
    scratch: Scratch,
    endpoint: Endpoint,
    calls: Calls,
    ranked: Vec<Ranked>,
}

impl<'a> Judge<'a> {
    pub fn new(options: C2Options, known: &'a Known<'a>) -> Self {
        Self {
            options,
            known,
            scratch: Scratch::default(),
            endpoint: Endpoint::default(),
            calls: Calls::default(),
            ranked: Vec::new(),
        }
    }

    pub fn batch(&mut self, batch: &datafusion::arrow::array::RecordBatch) -> Result<(), TelemetryError> {
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
                (self.endpoint.first, self.endpoint.last) = (c.int(14, i)?, c.int(15, i)?);
            }
            let source = c.text(3, i)?;
            if self.calls.source != source {
                self.end_caller();
                self.calls.source = source.to_owned();
                self.calls.active_spans = c.int(10, i)?;
                self.calls.seeking = c.int(13, i)?;
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
        let few = calls.count < u64::from(self.options.min_calls.max(2));
        if calls.count == 0 || (few && !self.known.named(&self.endpoint.key.remote)) {
            return;
        }
        let caller = judge(calls, &self.endpoint, &mut self.scratch);
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
        let port = u16::try_from(endpoint.key.port).unwrap_or(0);
        let standing = self.known.standing(ip, port, endpoint.callers, endpoint.all_hosts);
        if standing == Standing::SINKHOLE {
            return;
        }
        let score = standing.weigh(upper_half(&endpoint.scored), best.signs.unknown_service);
        if score < self.options.min_score {
            return;
        }
        let channel = Channel::Address { ip, port };
        let finding = Unsealed {
            examiner: EXAMINER.to_owned(),
            version: VERSION,
            confidence: Confidence::new((score * 100.0).round() as u8),
            reason: reason::reason(best, &endpoint, &standing),
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
            alert: score >= self.options.alert,
            signs: best.signs,
            beacon: best.beacon,
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

    pub fn finish(mut self) -> Vec<Ranked> {
        self.end_endpoint();
        self.cut();
        self.ranked
    }
}
