//! A packet capture of one infected host: libpcap (draft-ietf-opsawg-pcap), Ethernet, IPv4, UDP with DNS, TCP.

use crate::{
    customer::Traffic,
    dice::Dice,
    out::Line,
    zeek::{Conn, Query},
};
use terms::Timestamp;

/// Bytes of payload that are kept of each direction of a connection, at most.
const KEPT: u64 = 4_000;
/// Bytes of payload in one segment.
const SEGMENT: usize = 1_400;
const HOST_MAC: [u8; 6] = [0x02, 0, 0, 0, 0x20, 0x10];
const ROUTER_MAC: [u8; 6] = [0x02, 0, 0, 0, 0x20, 0x01];

const SYN: u8 = 2;
const ACK: u8 = 16;
const PUSH_ACK: u8 = 24;
const FIN_ACK: u8 = 17;

/// The capture file of a host's traffic.
pub(crate) fn pcap(traffic: &Traffic) -> Vec<u8> {
    let mut packets = Vec::new();
    for query in &traffic.queries {
        dns(query, &mut packets);
    }
    for conn in traffic.conns.iter().filter(|c| c.service != "dns") {
        if conn.udp { datagrams(conn, &mut packets) } else { stream(conn, &mut packets) }
    }
    packets.sort_by_key(|(t, _)| *t);
    let mut out = Vec::new();
    // Magic of microseconds, version 2.4, two reserved fields, snapshot length, link type Ethernet.
    for field in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    for (t, frame) in packets {
        let (seconds, micros) = (t.0.div_euclid(1_000_000), t.0.rem_euclid(1_000_000));
        let length = u32::try_from(frame.len()).unwrap_or(0);
        for field in [u32::try_from(seconds).unwrap_or(0), u32::try_from(micros).unwrap_or(0), length, length]
        {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&frame);
    }
    out
}

/// One end of a conversation.
#[derive(Clone, Copy)]
struct End {
    ip: u32,
    port: u16,
    inside: bool,
}

fn ends(host: u32, port: u16, remote: u32, remote_port: u16) -> (End, End) {
    (End { ip: host, port, inside: true }, End { ip: remote, port: remote_port, inside: false })
}

/// The internet checksum (RFC 1071).
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            let (high, low) = (pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0));
            sum += u32::from(u16::from_be_bytes([high, low]));
        }
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// An Ethernet frame with an IPv4 packet (RFC 791). `segment` has its checksum at `sum_at` still zero.
fn frame(from: End, to: End, protocol: u8, mut segment: Vec<u8>, sum_at: usize, id: u16) -> Vec<u8> {
    let length = u16::try_from(segment.len()).unwrap_or(0);
    let (a, b) = (from.ip.to_be_bytes(), to.ip.to_be_bytes());
    let [l1, l2] = length.to_be_bytes();
    let sum = checksum(&[&a, &b, &[0, protocol, l1, l2], &segment]);
    for (slot, byte) in segment.iter_mut().skip(sum_at).zip(sum.to_be_bytes()) {
        *slot = byte;
    }
    let mut header = vec![0x45, 0];
    header.extend_from_slice(&(length + 20).to_be_bytes());
    header.extend_from_slice(&id.to_be_bytes());
    header.extend_from_slice(&[0x40, 0, if from.inside { 128 } else { 57 }, protocol]);
    let sum = checksum(&[&header, &a, &b]).to_be_bytes();
    header.extend_from_slice(&sum);
    let (source, target) = if from.inside { (HOST_MAC, ROUTER_MAC) } else { (ROUTER_MAC, HOST_MAC) };
    [&target[..], &source, &[0x08, 0], &header, &a, &b, &segment].concat()
}

/// A UDP datagram (RFC 768).
fn udp(from: End, to: End, payload: &[u8], id: u16) -> Vec<u8> {
    let mut segment = [from.port.to_be_bytes(), to.port.to_be_bytes()].concat();
    segment.extend_from_slice(&u16::try_from(payload.len() + 8).unwrap_or(8).to_be_bytes());
    segment.extend_from_slice(&[0, 0]);
    segment.extend_from_slice(payload);
    frame(from, to, 17, segment, 6, id)
}

/// A DNS query and its answer (RFC 1035 section 4).
fn dns(query: &Query, packets: &mut Vec<(Timestamp, Vec<u8>)>) {
    let mut question = Vec::new();
    for label in query.name.split('.') {
        question.push(u8::try_from(label.len()).unwrap_or(0));
        question.extend_from_slice(label.as_bytes());
    }
    question.extend_from_slice(&[0, 0, 1, 0, 1]);
    let header = |flags: u16, answers: u16| {
        let mut out = Vec::new();
        for field in [query.transaction, flags, 1, answers, 0, 0] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        out
    };
    let (host, server) = ends(query.host, query.port, query.server, 53);
    let ask = [header(0x0100, 0), question.clone()].concat();
    packets.push((query.t, udp(host, server, &ask, query.transaction)));
    let reply = match query.answer {
        None => [header(0x8183, 0), question].concat(),
        Some(ip) => {
            let mut out = [header(0x8180, 1), question].concat();
            out.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1]);
            out.extend_from_slice(&u32::try_from(query.ttl).unwrap_or(0).to_be_bytes());
            out.extend_from_slice(&[0, 4]);
            out.extend_from_slice(&ip.to_be_bytes());
            out
        }
    };
    packets
        .push((query.t.plus_micros(query.rtt.cast_signed()), udp(server, host, &reply, query.transaction)));
}

/// A request and a reply over UDP: the network time protocol's first byte, and zeros.
fn datagrams(conn: &Conn, packets: &mut Vec<(Timestamp, Vec<u8>)>) {
    let (host, remote) = ends(conn.host, conn.port, conn.remote, conn.remote_port);
    let body = |first: u8, length: u64| {
        let mut out = vec![first];
        out.resize(usize::try_from(length.min(KEPT)).unwrap_or(1).max(1), 0);
        out
    };
    packets.push((conn.t, udp(host, remote, &body(0x23, conn.sent), 1)));
    if conn.answered {
        let t = conn.t.plus_micros(conn.duration.cast_signed());
        packets.push((t, udp(remote, host, &body(0x24, conn.received), 2)));
    }
}

/// What a connection says: the web in the clear says what it asks for, everything else is opaque.
fn payloads(conn: &Conn) -> (Vec<u8>, Vec<u8>) {
    let mut dice = Dice::new(conn.uid, 1, 0);
    let kept = |n: u64| usize::try_from(n.min(KEPT)).unwrap_or(0);
    if conn.service == "http" {
        let mut host = Line::default();
        host.ip(conn.remote);
        let host = String::from_utf8_lossy(&host.0).into_owned();
        let ask = format!("GET /status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let reply = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return (ask.into_bytes(), reply.as_bytes().to_vec());
    }
    (dice.bytes(kept(conn.sent)), dice.bytes(kept(conn.received)))
}

/// One side's next sequence number, and the packets so far.
struct Talk<'a> {
    packets: &'a mut Vec<(Timestamp, Vec<u8>)>,
    next: [u32; 2],
    count: u16,
}

impl Talk<'_> {
    /// A TCP segment (RFC 9293 section 3.1) from side `side` (0 the host, 1 the remote).
    fn say(&mut self, t: Timestamp, ends: (End, End), from_host: bool, flags: u8, payload: &[u8]) {
        let [host, remote] = self.next;
        let (from, to, sequence, expected) =
            if from_host { (ends.0, ends.1, host, remote) } else { (ends.1, ends.0, remote, host) };
        let mut segment = [from.port.to_be_bytes(), to.port.to_be_bytes()].concat();
        segment.extend_from_slice(&sequence.to_be_bytes());
        segment.extend_from_slice(&(if flags & ACK == 0 { 0 } else { expected }).to_be_bytes());
        segment.extend_from_slice(&[0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        segment.extend_from_slice(payload);
        self.count = self.count.wrapping_add(1);
        self.packets.push((t, frame(from, to, 6, segment, 16, self.count)));
        let used = u32::try_from(payload.len()).unwrap_or(0) + u32::from(flags & 3 != 0);
        let [host, remote] = &mut self.next;
        let slot = if from_host { host } else { remote };
        *slot = slot.wrapping_add(used);
    }
}

/// A whole TCP connection, or a call that nobody answers.
fn stream(conn: &Conn, packets: &mut Vec<(Timestamp, Vec<u8>)>) {
    let ends = ends(conn.host, conn.port, conn.remote, conn.remote_port);
    let mut dice = Dice::new(conn.uid, 2, 0);
    let mut first = || u32::try_from(dice.below(1 << 31)).unwrap_or(0);
    let mut talk = Talk { packets, next: [first(), first()], count: 0 };
    // The connection's packets in steps of a sixteenth of its duration, in order.
    let mut step = 0;
    let mut tick = || {
        step += 1;
        conn.t.plus_micros((conn.duration * (step - 1) / 16).cast_signed())
    };
    talk.say(tick(), ends, true, SYN, &[]);
    if !conn.answered {
        return;
    }
    talk.say(tick(), ends, false, SYN | ACK, &[]);
    talk.say(tick(), ends, true, ACK, &[]);
    let (sent, received) = payloads(conn);
    for (from_host, bytes) in [(true, sent), (false, received)] {
        for piece in bytes.chunks(SEGMENT) {
            talk.say(tick(), ends, from_host, PUSH_ACK, piece);
        }
        talk.say(tick(), ends, !from_host, ACK, &[]);
    }
    talk.say(tick(), ends, true, FIN_ACK, &[]);
    talk.say(tick(), ends, false, FIN_ACK, &[]);
    talk.say(tick(), ends, true, ACK, &[]);
}
