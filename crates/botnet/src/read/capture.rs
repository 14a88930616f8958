//! Packet captures (pcap, pcapng) to flows, DNS questions, HTTP requests and TLS handshakes.
//!
//! Here: blocks, link types, headers, pairing of DNS questions with answers. Elsewhere: flows (`flow_table`), DNS
//! messages (`dns_message`), what is said over TCP (`talk`). Read: Ethernet (with VLAN tags), Linux cooked v1 and v2, raw IP, BSD loopback; TCP, UDP,
//! ICMP. Fragments of IP packets are counted and passed over.
//! Bounds: a packet below 1 MiB, 4,096 interfaces, 65,536 open questions.

use super::dns_message::{self, Message};
use super::flow_table::{End, Flags, FlowTable, MAX_FLOWS, Packet};
use super::netflow::{self, Exports};
use super::{Out, ReadError, Why};
use crate::rows::{DnsRow, Row, Transport};
use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::traits::{PcapNGPacketBlock as _, PcapReaderIterator};
use pcap_parser::{Block, LegacyPcapReader, PcapBlockOwned, PcapError, PcapNGReader};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::rc::Rc;
use terms::{ExhibitKind, MICROS_PER_SECOND};

/// Read buffer: a block must fit. Captures by common tools hold packets of at most 256 KiB.
const BUFFER: usize = 1 << 20;
const MAX_INTERFACES: usize = 4096;
const MAX_QUESTIONS: usize = 1 << 16;
/// A question without an answer for this long stays without, microseconds of capture time.
const QUESTION_WAIT: i64 = 30 * MICROS_PER_SECOND;

/// Remembers why reading failed, because the parser below only says that it did.
struct Input<'a> {
    reader: &'a mut dyn BufRead,
    failed: Rc<RefCell<Option<io::Error>>>,
}

impl Read for Input<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|r| !r.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    // What came before the failure is still read; the end shows itself at the next call.
                    self.failed.borrow_mut().get_or_insert(e);
                    break;
                }
            }
        }
        Ok(done)
    }
}

#[derive(Clone, Copy)]
struct Interface {
    link: i32,
    /// Units a second.
    resolution: u64,
    /// Seconds.
    offset: i64,
}

struct Capture<'o, 's> {
    out: &'o mut Out<'s>,
    flows: FlowTable,
    questions: HashMap<(End, IpAddr, u16, String), (i64, u16)>,
    interfaces: Vec<Interface>,
    exports: Exports,
    packets: u64,
}

pub(super) fn read(kind: ExhibitKind, reader: &mut dyn BufRead, out: &mut Out) -> Result<(), ReadError> {
    let failed = Rc::new(RefCell::new(None));
    let input = Input { reader, failed: Rc::clone(&failed) };
    let made: Result<Box<dyn PcapReaderIterator + '_>, PcapError<&'static [u8]>> = match kind {
        ExhibitKind::Pcapng => {
            PcapNGReader::new(BUFFER, input).map(|r| -> Box<dyn PcapReaderIterator + '_> { Box::new(r) })
        }
        _ => {
            LegacyPcapReader::new(BUFFER, input).map(|r| -> Box<dyn PcapReaderIterator + '_> { Box::new(r) })
        }
    };
    let mut blocks = match made {
        Ok(blocks) => blocks,
        Err(_) => {
            if let Some(e) = failed.borrow_mut().take() {
                return out.torn(e, "the capture's header".to_owned());
            }
            return Err(ReadError::CaptureHeader("it is cut short or not what its first bytes promise"));
        }
    };
    let mut capture = Capture {
        out,
        flows: FlowTable::new(MAX_FLOWS),
        questions: HashMap::new(),
        interfaces: Vec::new(),
        exports: Exports::default(),
        packets: 0,
    };
    let flow = capture.blocks(&mut *blocks);
    if flow.is_continue() {
        let _ = capture.finish();
    }
    let packets = capture.packets;
    match failed.borrow_mut().take() {
        Some(e) => out.torn(e, format!("after packet {packets}")),
        None => Ok(()),
    }
}

impl Capture<'_, '_> {
    fn blocks(&mut self, blocks: &mut dyn PcapReaderIterator) -> ControlFlow<()> {
        loop {
            let ended = blocks.reader_exhausted();
            let used = match blocks.next() {
                Ok((used, block)) => {
                    self.block(&block)?;
                    used
                }
                Err(PcapError::Eof) => return ControlFlow::Continue(()),
                Err(PcapError::Incomplete(_)) if !ended => {
                    if blocks.refill().is_err() {
                        return self.torn();
                    }
                    continue;
                }
                Err(_) => return self.torn(),
            };
            if used == 0 {
                return self.torn();
            }
            blocks.consume(used);
        }
    }

    fn torn(&mut self) -> ControlFlow<()> {
        let packets = self.packets;
        self.out.skip(Why::TornCapture, 0, || format!("after packet {packets}"));
        ControlFlow::Continue(())
    }

    fn block(&mut self, block: &PcapBlockOwned) -> ControlFlow<()> {
        match block {
            PcapBlockOwned::LegacyHeader(h) => {
                let resolution = if h.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                // The upper bits of the link type say other things (pcap file format, section 4).
                self.interfaces = vec![Interface { link: h.network.0 & 0xffff, resolution, offset: 0 }];
            }
            PcapBlockOwned::Legacy(b) => {
                let Some(&face) = self.interfaces.first() else { return ControlFlow::Continue(()) };
                let fraction = i64::from(b.ts_usec) * MICROS_PER_SECOND / face.resolution.max(1) as i64;
                let ts = i64::from(b.ts_sec) * MICROS_PER_SECOND + fraction;
                return self.packet(face.link, ts, b.data);
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(i)) if self.interfaces.len() < MAX_INTERFACES => {
                self.interfaces.push(Interface {
                    link: i.linktype.0,
                    resolution: resolution(i.if_tsresol),
                    offset: i.if_tsoffset,
                });
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(b)) => {
                let face = usize::try_from(b.if_id).ok().and_then(|i| self.interfaces.get(i)).copied();
                let Some(face) = face else { return self.unread(Why::Packet) };
                let ticks = (u64::from(b.ts_high) << 32) | u64::from(b.ts_low);
                let micros =
                    i128::from(ticks) * i128::from(MICROS_PER_SECOND) / i128::from(face.resolution.max(1));
                let offset = i128::from(face.offset) * i128::from(MICROS_PER_SECOND);
                let ts = i64::try_from(micros.saturating_add(offset)).ok();
                // Half the range of i64, so that a difference of two times cannot overflow.
                let Some(ts) = ts.filter(|t| t.abs() < i64::MAX / 2) else { return self.unread(Why::Time) };
                return self.packet(face.link, ts, b.packet_data());
            }
            // A simple packet has no time, so it can stand in no table.
            PcapBlockOwned::NG(Block::SimplePacket(_)) => return self.unread(Why::Time),
            PcapBlockOwned::NG(_) => {}
        }
        ControlFlow::Continue(())
    }

    fn unread(&mut self, why: Why) -> ControlFlow<()> {
        self.packets += 1;
        self.left_out(why)
    }

    fn left_out(&mut self, why: Why) -> ControlFlow<()> {
        let n = self.packets;
        self.out.skip(why, 1, || format!("packet {n}"));
        ControlFlow::Continue(())
    }

    fn packet(&mut self, link: i32, ts: i64, data: &[u8]) -> ControlFlow<()> {
        self.packets += 1;
        let parsed = match link_layer(link, data) {
            Ok(Some(parsed)) => parsed,
            // ARP and the like: nothing is lost for the tables.
            Ok(None) => return ControlFlow::Continue(()),
            Err(why) => return self.left_out(why),
        };
        let (source, target, fragment) = match &parsed.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let h = ip.header();
                (IpAddr::V4(h.source_addr()), IpAddr::V4(h.destination_addr()), ip.is_payload_fragmented())
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let h = ip.header();
                (IpAddr::V6(h.source_addr()), IpAddr::V6(h.destination_addr()), ip.is_payload_fragmented())
            }
            Some(LaxNetSlice::Arp(_)) => return ControlFlow::Continue(()),
            None if parsed.stop_err.is_some() => return self.left_out(Why::Packet),
            None => return ControlFlow::Continue(()),
        };
        if fragment && parsed.transport.is_none() {
            return self.left_out(Why::Fragment);
        }
        let wire = wire_length(&parsed);
        let mut seq = 0;
        let (from, to, transport, payload, header, flags) = match &parsed.transport {
            Some(TransportSlice::Tcp(t)) => {
                seq = t.sequence_number();
                (
                    (source, t.source_port()),
                    (target, t.destination_port()),
                    Transport::Tcp,
                    t.payload(),
                    t.header_slice().len(),
                    Flags { syn: t.syn(), ack: t.ack(), fin: t.fin(), rst: t.rst() },
                )
            }
            Some(TransportSlice::Udp(u)) => (
                (source, u.source_port()),
                (target, u.destination_port()),
                Transport::Udp,
                u.payload(),
                u.header_slice().len(),
                Flags::default(),
            ),
            Some(TransportSlice::Icmpv4(i)) => {
                let (kind, code) = (u16::from(i.type_u8()), u16::from(i.code_u8()));
                ((source, kind), (target, code), Transport::Icmp, i.payload(), 8, Flags::default())
            }
            Some(TransportSlice::Icmpv6(i)) => {
                let (kind, code) = (u16::from(i.type_u8()), u16::from(i.code_u8()));
                ((source, kind), (target, code), Transport::Icmp, i.payload(), 8, Flags::default())
            }
            Some(TransportSlice::Igmp(_)) => return ControlFlow::Continue(()),
            None if parsed.stop_err.is_some() => return self.left_out(Why::Packet),
            None => return ControlFlow::Continue(()),
        };
        let length = wire.map_or(payload.len(), |w| w.saturating_sub(header).max(payload.len()));
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let packet = Packet { ts, from, to, transport, length, payload, flags, seq };
        let out = &mut *self.out;
        self.flows.packet(&packet, &mut |row| out.row(row))?;
        if transport == Transport::Udp && (from.1 == 53 || to.1 == 53) && !payload.is_empty() {
            return self.dns(&packet);
        }
        if transport == Transport::Udp && netflow::PORTS.contains(&to.1) && netflow::begins(payload) {
            return self.export(payload);
        }
        ControlFlow::Continue(())
    }

    /// Flows that an exporter tells of inside a capture.
    fn export(&mut self, payload: &[u8]) -> ControlFlow<()> {
        let (n, out) = (self.packets, &mut *self.out);
        let told = self.exports.packet(payload, &mut |row| match row {
            Ok(row) => out.row(Row::Flow(row)),
            Err(why) => {
                out.skip(why, 1, || format!("packet {n}"));
                ControlFlow::Continue(())
            }
        });
        told.map_continue(|_| ())
    }

    fn dns(&mut self, p: &Packet) -> ControlFlow<()> {
        let Some(m) = dns_message::parse(p.payload) else { return self.left_out(Why::Dns) };
        if !m.response {
            if self.questions.len() >= MAX_QUESTIONS {
                self.unanswered(p.ts)?;
            }
            self.questions.entry((p.from, p.to.0, m.id, m.query)).or_insert((p.ts, m.qtype));
            return ControlFlow::Continue(());
        }
        let asked = self.questions.remove(&(p.to, p.from.0, m.id, m.query.clone()));
        let ts = asked.map_or(p.ts, |(ts, _)| ts);
        self.out.row(Row::Dns(answered(ts, p, m)))
    }

    /// Hands over questions that nobody answered: those that waited long enough, or all where that frees too little.
    fn unanswered(&mut self, now: i64) -> ControlFlow<()> {
        let late = |asked: i64| now.saturating_sub(asked) > QUESTION_WAIT;
        let few = self.questions.values().filter(|(ts, _)| late(*ts)).count() < MAX_QUESTIONS / 4;
        let mut rows: Vec<DnsRow> = self
            .questions
            .extract_if(|_, (ts, _)| few || late(*ts))
            .map(|((client, server, _, query), (ts, qtype))| DnsRow {
                ts,
                client: Some(client.0),
                server: Some(server),
                query,
                qtype: Some(dns_message::type_name(qtype)),
                rcode: None,
                answers: Vec::new(),
            })
            .collect();
        rows.sort_by(|a, b| (a.ts, a.client, &a.query, &a.qtype).cmp(&(b.ts, b.client, &b.query, &b.qtype)));
        rows.into_iter().try_for_each(|row| self.out.row(Row::Dns(row)))
    }

    fn finish(&mut self) -> ControlFlow<()> {
        let flows = std::mem::replace(&mut self.flows, FlowTable::new(1));
        let out = &mut *self.out;
        flows.finish(&mut |row| out.row(row))?;
        self.unanswered(i64::MAX)
    }
}

fn answered(ts: i64, p: &Packet, m: Message) -> DnsRow {
    DnsRow {
        ts,
        client: Some(p.to.0),
        server: Some(p.from.0),
        query: m.query,
        qtype: Some(dns_message::type_name(m.qtype)),
        rcode: Some(dns_message::rcode_name(m.rcode)),
        answers: m.answers,
    }
}

/// Ticks a second out of `if_tsresol` (pcapng section 4.2): a power of ten, or of two with the top bit set.
fn resolution(code: u8) -> u64 {
    let power = u32::from(code & 0x7f);
    let base: u64 = if code & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(power).unwrap_or(u64::MAX)
}

/// Payload bytes of the IP packet on the wire, where the header says so and the capture cut it.
fn wire_length(parsed: &LaxSlicedPacket) -> Option<usize> {
    match &parsed.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let h = ip.header();
            usize::from(h.total_len()).checked_sub(usize::from(h.ihl()) * 4)
        }
        Some(LaxNetSlice::Ipv6(ip)) if ip.payload().incomplete => {
            Some(usize::from(ip.header().payload_length()))
        }
        _ => None,
    }
}

/// Link types by the IANA/tcpdump registry of `LINKTYPE_` values.
fn link_layer(link: i32, data: &[u8]) -> Result<Option<LaxSlicedPacket<'_>>, Why> {
    let ip = |data| LaxSlicedPacket::from_ip(data).map(Some).map_err(|_| Why::Packet);
    match link {
        1 => LaxSlicedPacket::from_ethernet(data).map(Some).map_err(|_| Why::Packet),
        101 | 12 | 14 | 228 | 229 => ip(data),
        113 => cooked(data.get(14..16), data.get(16..)),
        276 => cooked(data.get(0..2), data.get(20..)),
        0 | 108 => {
            let rest = data.get(4..).ok_or(Why::Packet)?;
            // The four bytes name a protocol family in the capturing machine's order; the IP version says the same.
            match rest.first().map(|b| b >> 4) {
                Some(4 | 6) => ip(rest),
                _ => Ok(None),
            }
        }
        _ => Err(Why::Link),
    }
}

/// Linux cooked captures: an EtherType and what follows it.
fn cooked<'a>(kind: Option<&[u8]>, rest: Option<&'a [u8]>) -> Result<Option<LaxSlicedPacket<'a>>, Why> {
    match (kind, rest) {
        (Some(&[a, b]), Some(rest)) => {
            Ok(Some(LaxSlicedPacket::from_ether_type(EtherType(u16::from_be_bytes([a, b])), rest)))
        }
        _ => Err(Why::Packet),
    }
}
