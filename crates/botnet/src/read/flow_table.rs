//! Flows out of packets, in a table that cannot grow beyond [`MAX_FLOWS`].
//!
//! Two generations, young and old. A flow that is seen moves to the young; when the young is full, or
//! [`FLOW_IDLE`] has passed in the capture, the old is handed over and the young becomes the old. So memory is flat
//! however many flows a scan makes, and each packet costs one or two look-ups. A flow that is cut by the bound goes
//! on as a second flow in state `OTH`.
//!
//! What is said over a TCP connection (`talk`) lives and dies with its flow; all connections together hold at most
//! [`MAX_HELD`] bytes of it. One that would pass that is followed no longer: its flow counts on, its requests end.

use super::talk::{Emit, Ends, Segment, Talk};
use crate::rows::{FlowRow, Row, Transport};
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use terms::MICROS_PER_SECOND;

/// Most flows followed at a time.
pub const MAX_FLOWS: usize = 1 << 17;
/// A flow without a packet for this long has ended, microseconds of capture time.
pub const FLOW_IDLE: i64 = 300 * MICROS_PER_SECOND;

/// Most bytes held of what is said over all connections together.
pub const MAX_HELD: usize = 64 << 20;

/// One end of a flow.
pub(super) type End = (IpAddr, u16);

/// What a packet says about its flow.
pub(super) struct Packet<'a> {
    pub ts: i64,
    pub from: End,
    pub to: End,
    pub transport: Transport,
    /// Payload bytes on the wire.
    pub length: i64,
    /// Payload as captured.
    pub payload: &'a [u8],
    pub flags: Flags,
    /// Sequence number; 0 for other transports than TCP.
    pub seq: u32,
}

/// TCP flags; all unset for other transports.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub syn: bool,
    pub ack: bool,
    pub fin: bool,
    pub rst: bool,
}

#[derive(PartialEq, Eq, Hash, Clone, Copy)]
struct Key {
    low: End,
    high: End,
    transport: Transport,
}

struct Flow {
    first: i64,
    last: i64,
    from: End,
    to: End,
    sent: i64,
    received: i64,
    service: Option<&'static str>,
    ours: Seen,
    theirs: Seen,
    talk: Option<Box<Talk>>,
}

/// What one side was seen to do.
#[derive(Default)]
pub(super) struct Seen {
    any: bool,
    /// Sequence number of the opening.
    opened: Option<u32>,
    syn: bool,
    fin: bool,
    rst: bool,
}

pub(super) struct FlowTable {
    young: HashMap<Key, Flow>,
    old: HashMap<Key, Flow>,
    turned: Option<i64>,
    half: usize,
    /// Bytes held by all talks.
    held: usize,
}

impl FlowTable {
    pub(super) fn new(max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), turned: None, half: (max / 2).max(1), held: 0 }
    }

    /// Takes a packet in; gives `emit` the flows that have ended or have to make room.
    pub(super) fn packet(&mut self, p: &Packet, emit: &mut Emit) -> ControlFlow<()> {
        let turned = *self.turned.get_or_insert(p.ts);
        if self.young.len() >= self.half || p.ts.saturating_sub(turned) > FLOW_IDLE {
            self.turned = Some(p.ts);
            let ended = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.give(ended, emit)?;
        }
        let (low, high) = if p.from <= p.to { (p.from, p.to) } else { (p.to, p.from) };
        let key = Key { low, high, transport: p.transport };
        let known = self.young.remove(&key).or_else(|| self.old.remove(&key));
        let (ended, mut flow) = match known {
            Some(flow) if begins_anew(&flow, p) => (Some(flow), Flow::new(p)),
            Some(flow) => (None, flow),
            None => (None, Flow::new(p)),
        };
        flow.take(p);
        if let Some(flow) = ended {
            self.leave(flow, p.transport, emit)?;
        }
        self.listen(&mut flow, p, emit)?;
        self.young.insert(key, flow);
        ControlFlow::Continue(())
    }

    /// Follows what is said over a TCP connection.
    fn listen(&mut self, flow: &mut Flow, p: &Packet, emit: &mut Emit) -> ControlFlow<()> {
        let Ok(wire @ 1..) = usize::try_from(p.length) else { return ControlFlow::Continue(()) };
        if p.transport != Transport::Tcp {
            return ControlFlow::Continue(());
        }
        let ends = Ends { from: flow.from, to: flow.to };
        let (ours, theirs) = (flow.ours.opened, flow.theirs.opened);
        let talk = flow.talk.get_or_insert_with(|| Box::new(Talk::new(ends, ours, theirs)));
        if talk.passed() {
            return ControlFlow::Continue(());
        }
        let before = talk.held();
        // Data may ride on the opening (RFC 7413), one number after its own.
        let seq = p.seq.wrapping_add(u32::from(p.flags.syn));
        talk.segment(Segment { ts: p.ts, forward: p.from == flow.from, seq, data: p.payload, wire }, emit)?;
        self.held = self.held.saturating_sub(before).saturating_add(talk.held());
        if self.held > MAX_HELD {
            self.held = self.held.saturating_sub(talk.held());
            return talk.finish(p.ts, emit);
        }
        ControlFlow::Continue(())
    }

    /// A flow has ended: what was said in it, then itself.
    fn leave(&mut self, mut flow: Flow, transport: Transport, emit: &mut Emit) -> ControlFlow<()> {
        if let Some(mut talk) = flow.talk.take() {
            self.held = self.held.saturating_sub(talk.held());
            talk.finish(flow.last, emit)?;
        }
        emit(Row::Flow(flow.row(transport)))
    }

    /// Flows leave in the order of their first packet, so that one capture always gives the same rows.
    fn give(&mut self, ended: HashMap<Key, Flow>, emit: &mut Emit) -> ControlFlow<()> {
        let mut flows: Vec<(Key, Flow)> = ended.into_iter().collect();
        flows.sort_by_key(|(k, f)| (f.first, k.low, k.high, k.transport));
        flows.into_iter().try_for_each(|(k, f)| self.leave(f, k.transport, emit))
    }

    /// Hands over what is left, oldest first.
    pub(super) fn finish(mut self, emit: &mut Emit) -> ControlFlow<()> {
        let (old, young) = (std::mem::take(&mut self.old), std::mem::take(&mut self.young));
        self.give(old, emit)?;
        self.give(young, emit)
    }
}

/// Whether a packet of known ends opens a new flow: after silence, or a SYN after the old one was closed.
fn begins_anew(flow: &Flow, p: &Packet) -> bool {
    let closed = flow.ours.rst || flow.theirs.rst || (flow.ours.fin && flow.theirs.fin);
    p.ts.saturating_sub(flow.last) > FLOW_IDLE || (p.flags.syn && !p.flags.ack && closed)
}

impl Flow {
    fn new(p: &Packet) -> Self {
        // The first packet's sender opened the flow, unless it is the answer to an opening that was not captured.
        let (from, to) = if p.flags.syn && p.flags.ack { (p.to, p.from) } else { (p.from, p.to) };
        Self {
            first: p.ts,
            last: p.ts,
            from,
            to,
            sent: 0,
            received: 0,
            service: None,
            ours: Seen::default(),
            theirs: Seen::default(),
            talk: None,
        }
    }

    fn take(&mut self, p: &Packet) {
        self.last = self.last.max(p.ts);
        self.first = self.first.min(p.ts);
        let forward = p.from == self.from;
        let (side, bytes) =
            if forward { (&mut self.ours, &mut self.sent) } else { (&mut self.theirs, &mut self.received) };
        side.any = true;
        if p.flags.syn {
            side.opened.get_or_insert(p.seq);
        }
        side.syn |= p.flags.syn;
        side.fin |= p.flags.fin;
        side.rst |= p.flags.rst;
        *bytes = bytes.saturating_add(p.length);
        if self.service.is_none() {
            self.service = service(p, self.to.1);
        }
    }

    fn row(self, transport: Transport) -> FlowRow {
        let state = Some(state(transport, &self.ours, &self.theirs).to_owned());
        FlowRow {
            ts: self.first,
            source: self.from.0,
            source_port: self.from.1,
            remote: self.to.0,
            remote_port: self.to.1,
            transport,
            service: self.service.map(str::to_owned),
            duration: Some(self.last.saturating_sub(self.first)),
            sent: self.sent,
            received: self.received,
            state,
            source_local: None,
            remote_local: None,
        }
    }
}

impl Seen {
    /// A side whose TCP flags (RFC 9293 section 3.1) are known together; all 0 for other transports.
    pub(super) fn flags(any: bool, flags: u8) -> Self {
        Self { any, opened: None, syn: flags & 2 != 0, fin: flags & 1 != 0, rst: flags & 4 != 0 }
    }
}

/// Zeek's `conn_state` from what was seen.
pub(super) fn state(transport: Transport, a: &Seen, b: &Seen) -> &'static str {
    if transport != Transport::Tcp {
        return match (transport, b.any) {
            (Transport::Icmp, _) => "OTH",
            (_, true) => "SF",
            (_, false) => "S0",
        };
    }
    match (a.syn, b.syn) {
        (false, false) => "OTH",
        (false, true) if b.rst => "RSTRH",
        (false, true) => "SHR",
        (true, false) if b.rst => "REJ",
        (true, false) if a.rst => "RSTOS0",
        (true, false) if a.fin => "SH",
        (true, false) => "S0",
        (true, true) if a.rst => "RSTO",
        (true, true) if b.rst => "RSTR",
        (true, true) => match (a.fin, b.fin) {
            (true, true) => "SF",
            (true, false) => "S2",
            (false, true) => "S3",
            (false, false) => "S1",
        },
    }
}

/// The service a payload's first bytes show.
fn service(p: &Packet, port: u16) -> Option<&'static str> {
    let data = p.payload;
    match p.transport {
        Transport::Tcp => match data {
            // TLS record (RFC 8446 section 5.1): handshake, version 3.x.
            [0x16, 3, 0..=4, ..] => Some("ssl"),
            _ if data.starts_with(b"SSH-") => Some("ssh"),
            _ if ["GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "HTTP/1."]
                .iter()
                .any(|m| data.starts_with(m.as_bytes())) =>
            {
                Some("http")
            }
            _ => None,
        },
        Transport::Udp => match data {
            // NTP (RFC 5905): 48 bytes or more, versions 1 to 4, client or server.
            [first, ..] if data.len() >= 48 && port == 123 && matches!(first & 7, 1..=5) => Some("ntp"),
            // DHCP (RFC 2131): the magic cookie after the fixed part.
            _ if data.get(236..240) == Some(&[99, 130, 83, 99]) => Some("dhcp"),
            // QUIC version 1 (RFC 9000 section 17.2): long header.
            [0xc0..=0xff, 0, 0, 0, 1, ..] => Some("quic"),
            _ if matches!(port, 53 | 5353 | 5355) && super::dns_message::parse(data).is_some() => Some("dns"),
            _ => None,
        },
        Transport::Icmp | Transport::Other => None,
    }
}
