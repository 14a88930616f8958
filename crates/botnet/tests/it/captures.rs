//! Captures: every magic and byte order, flows with their state, DNS with its answers, hostile bytes.

use crate::data::rows_of;
use botnet::read::MAX_FLOWS;
use botnet::rows::{DnsRow, FlowRow, Row};
use botnet::{read, recognise};
use etherparse::PacketBuilder;
use proptest::prelude::*;
use std::ops::ControlFlow;
use terms::ExhibitKind;

const CLIENT: [u8; 4] = [10, 0, 0, 7];
const SERVER: [u8; 4] = [198, 51, 100, 7];

/// A packet of one connection, from the client (`>`) or the server (`<`), with flags and payload.
fn tcp(step: &str, port: u16) -> Vec<u8> {
    let (way, rest) = step.split_at(1);
    let (flags, payload) = rest.split_once(' ').unwrap_or((rest, ""));
    let (from, to, a, b) = if way == ">" { (CLIENT, SERVER, port, 443) } else { (SERVER, CLIENT, 443, port) };
    let mut builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from, to, 64).tcp(a, b, 1, 1_000);
    for flag in flags.chars() {
        builder = match flag {
            'S' => builder.syn(),
            'A' => builder.ack(1),
            'F' => builder.fin(),
            _ => builder.rst(),
        };
    }
    let mut bytes = Vec::new();
    builder.write(&mut bytes, payload.as_bytes()).unwrap();
    bytes
}

fn udp(from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4(from.0, to.0, 64)
        .udp(from.1, to.1)
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

/// How a capture file is written.
#[derive(Clone, Copy)]
pub enum Form {
    Pcap { big: bool, nano: bool },
    Pcapng { big: bool },
}

pub const FORMS: [Form; 6] = [
    Form::Pcap { big: false, nano: false },
    Form::Pcap { big: false, nano: true },
    Form::Pcap { big: true, nano: false },
    Form::Pcap { big: true, nano: true },
    Form::Pcapng { big: false },
    Form::Pcapng { big: true },
];

/// A capture of packets with their times in microseconds.
pub fn capture(form: Form, packets: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let (Form::Pcap { big, .. } | Form::Pcapng { big }) = form;
    let w32 = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let w16 = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let mut out = Vec::new();
    if let Form::Pcap { nano, .. } = form {
        out.extend(w32(if nano { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }));
        out.extend([w16(2), w16(4)].concat());
        out.extend([w32(0), w32(0), w32(65_535), w32(1)].concat());
        for (ts, data) in packets {
            let fraction = (ts % 1_000_000) as u32 * if nano { 1_000 } else { 1 };
            let n = data.len() as u32;
            out.extend([w32((ts / 1_000_000) as u32), w32(fraction), w32(n), w32(n)].concat());
            out.extend(data);
        }
        return out;
    }
    out.extend([w32(0x0a0d_0d0a), w32(28), w32(0x1a2b_3c4d)].concat());
    out.extend([w16(1), w16(0)].concat());
    out.extend([w32(u32::MAX), w32(u32::MAX), w32(28)].concat());
    // An interface whose clock ticks in nanoseconds (option 9, if_tsresol).
    out.extend([w32(1), w32(32)].concat());
    out.extend([w16(1), w16(0)].concat());
    out.extend(w32(0));
    out.extend([w16(9), w16(1)].concat());
    out.extend([9, 0, 0, 0]);
    out.extend([w32(0), w32(32)].concat());
    for (ts, data) in packets {
        let ticks = *ts as u64 * 1_000;
        let padded = data.len().div_ceil(4) * 4;
        let length = w32(32 + padded as u32);
        out.extend([w32(6), length, w32(0), w32((ticks >> 32) as u32), w32(ticks as u32)].concat());
        out.extend([w32(data.len() as u32), w32(data.len() as u32)].concat());
        out.extend(data);
        out.extend(std::iter::repeat_n(0, padded - data.len()));
        out.extend(length);
    }
    out
}

fn flows(rows: Vec<Row>) -> Vec<FlowRow> {
    rows.into_iter().filter_map(|r| if let Row::Flow(f) = r { Some(f) } else { None }).collect()
}

fn questions(rows: Vec<Row>) -> Vec<DnsRow> {
    rows.into_iter().filter_map(|r| if let Row::Dns(d) = r { Some(d) } else { None }).collect()
}

#[test]
fn connections_end_in_zeeks_states() {
    let rows: [(&str, &str, &str, i64, i64); 13] = [
        ("no answer", ">S;>S", "S0 -", 0, 0),
        ("refused", ">S;<RA", "REJ -", 0, 0),
        ("complete", ">S;<SA;>A;>A GET /x;<A HTTP/1.1;>FA;<FA", "SF http", 6, 8),
        ("open", ">S;<SA;>A \x16\x03\x01ab", "S1 ssl", 5, 0),
        ("reset by the source", ">S;<SA;>RA", "RSTO -", 0, 0),
        ("reset by the server", ">S;<SA;>A x;<RA", "RSTR -", 1, 0),
        ("closed by the source", ">S;<SA;>FA", "S2 -", 0, 0),
        ("closed by the server", ">S;<SA;<FA", "S3 -", 0, 0),
        ("half open and reset", ">S;>R", "RSTOS0 -", 0, 0),
        ("half open and closed", ">S;>F", "SH -", 0, 0),
        ("the answer only", "<SA", "SHR -", 0, 0),
        ("the answer and a reset", "<SA;<R", "RSTRH -", 0, 0),
        ("the middle", ">A abc;<A SSH-2.0", "OTH ssh", 3, 7),
    ];
    for (what, steps, expect, sent, received) in rows {
        let packets: Vec<(i64, Vec<u8>)> =
            steps.split(';').enumerate().map(|(i, s)| (1_000_000 + i as i64, tcp(s, 40_000))).collect();
        for form in FORMS {
            let (kind, rows, summary) = rows_of(&*capture(form, &packets));
            assert!(kind.is_some_and(ExhibitKind::telemetry));
            assert!(summary.unwrap().skipped.is_empty(), "{what}");
            let all = flows(rows);
            assert_eq!(all.len(), 1, "{what}");
            let f = &all[0];
            let told = format!("{} {}", f.state.as_deref().unwrap(), f.service.as_deref().unwrap_or("-"));
            assert_eq!((told.as_str(), f.sent, f.received), (expect, sent, received), "{what}");
            assert_eq!((f.ts, f.duration), (1_000_000, Some(packets.len() as i64 - 1)), "{what}");
            assert_eq!((f.source_port, f.remote_port), (40_000, 443), "{what}");
        }
    }
}

/// A DNS message with one question and A answers whose names are pointers to it.
fn dns(id: u16, name: &str, rcode: Option<u8>, answers: &[[u8; 4]]) -> Vec<u8> {
    let flags: u16 = rcode.map_or(0x0100, |r| 0x8180 | u16::from(r));
    let mut m = [id, flags, 1, answers.len() as u16, 0, 0].map(u16::to_be_bytes).concat();
    for label in name.split('.') {
        m.push(label.len() as u8);
        m.extend(label.bytes());
    }
    m.extend([0, 0, 1, 0, 1]);
    for answer in answers {
        m.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        m.extend(answer);
    }
    m
}

#[test]
fn questions_meet_their_answers() {
    let (client, server) = ((CLIENT, 5_353), ([192, 0, 2, 53], 53));
    let ask = |id, name| udp(client, server, &dns(id, name, None, &[]));
    let say =
        |id, name, rcode, answers: &[[u8; 4]]| udp(server, client, &dns(id, name, Some(rcode), answers));
    let packets = [
        ask(1, "Shop.Example"),
        ask(2, "gone.example"),
        say(1, "shop.example", 0, &[[192, 0, 2, 1], [192, 0, 2, 2]]),
        say(2, "gone.example", 3, &[]),
        ask(3, "silent.example"),
        say(4, "unasked.example", 5, &[]),
        udp(client, server, b"\0\x01broken"),
    ];
    let packets: Vec<_> = packets.into_iter().enumerate().map(|(i, p)| (i as i64 * 1_000, p)).collect();
    let (_, rows, summary) = rows_of(&*capture(FORMS[0], &packets));
    let told: Vec<String> = questions(rows)
        .iter()
        .map(|d| {
            format!("{} {} {} {}", d.ts, d.query, d.rcode.as_deref().unwrap_or("-"), d.answers.join("+"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "0 shop.example NOERROR 192.0.2.1+192.0.2.2",
            "1000 gone.example NXDOMAIN ",
            "5000 unasked.example REFUSED ",
            "4000 silent.example - "
        ]
    );
    let skipped = summary.unwrap().skipped;
    assert_eq!(
        (skipped.len(), skipped[0].code.as_str(), skipped[0].at.as_str()),
        (1, "CMT-0611", "packet 7")
    );
}

#[test]
fn names_that_point_in_circles_end() {
    let mut circle = dns(1, "a.example", Some(0), &[]);
    circle.truncate(12);
    circle.extend([0xc0, 12, 0, 1, 0, 1]);
    let packets = [(0, udp(([192, 0, 2, 53], 53), (CLIENT, 5_353), &circle))];
    let (_, rows, summary) = rows_of(&*capture(FORMS[0], &packets));
    assert_eq!((questions(rows).len(), summary.unwrap().skipped[0].code.as_str()), (0, "CMT-0611"));
}

#[test]
fn silence_and_a_new_opening_part_flows() {
    let s = 1_000_000;
    let packets = [
        (0, tcp(">S", 1)),
        (s, tcp("<RA", 1)),
        (2 * s, tcp(">S", 1)),
        (3 * s, tcp("<RA", 1)),
        (900 * s, tcp(">A late", 1)),
    ];
    let (_, rows, _) = rows_of(&*capture(FORMS[0], &packets));
    let told: Vec<_> = flows(rows).into_iter().map(|f| (f.ts / s, f.state.unwrap())).collect();
    assert_eq!(told, [(0, "REJ".into()), (2, "REJ".into()), (900, "OTH".into())]);
}

#[test]
fn a_scan_beyond_the_table_loses_no_flow() {
    let n = MAX_FLOWS as u32 + 5_000;
    let packets: Vec<(i64, Vec<u8>)> = (0..n)
        .map(|i| {
            let [_, a, b, c] = i.to_be_bytes();
            (i64::from(i), udp((CLIENT, 7), ([198, 18, b, c], 1_000 + u16::from(a)), b"x"))
        })
        .collect();
    let capture = capture(FORMS[0], &packets);
    let mut seen = 0u32;
    let mut reader: &[u8] = &capture;
    // How much of the capture was still unread when the first flow had to make room cannot be seen from here, so the
    // order tells: the first flows out are the first that came, and none is lost or doubled.
    let mut sources = std::collections::BTreeSet::new();
    let summary = read(ExhibitKind::Pcap, &mut reader, &mut |row| {
        if let Row::Flow(f) = row {
            assert!(seen > 0 || f.ts == 0);
            sources.insert((f.remote, f.remote_port));
            seen += 1;
        }
        ControlFlow::Continue(())
    });
    assert_eq!(sources.len(), n as usize);
    assert_eq!((seen, summary.unwrap().rows), (n, u64::from(n)));
}

#[test]
fn other_links_and_fragments_are_counted() {
    let mut other = capture(FORMS[0], &[(0, vec![1; 60]), (1, vec![1; 60])]);
    other[20] = 147;
    let (_, _, summary) = rows_of(&*other);
    assert_eq!(
        (summary.clone().unwrap().skipped[0].code.as_str(), summary.unwrap().skipped[0].records),
        ("CMT-0612", 2)
    );

    let mut fragment = tcp(">A abc", 1);
    fragment[14 + 6..14 + 8].copy_from_slice(&[0x20, 0x10]);
    let (_, rows, summary) = rows_of(&*capture(FORMS[0], &[(0, fragment), (1, tcp(">A abc", 1))]));
    assert_eq!((flows(rows).len(), summary.unwrap().skipped[0].code.as_str()), (1, "CMT-0613"));
}

#[test]
fn raw_ip_and_cooked_packets_are_read() {
    let ether = tcp(">S", 1);
    let ip = &ether[14..];
    let cooked = [&[0u8; 14][..], &[8, 0], ip].concat();
    let cooked2 = [&[8u8, 0][..], &[0; 18], ip].concat();
    let loopback = [&[2u8, 0, 0, 0][..], ip].concat();
    for (link, packet) in [(101, ip.to_vec()), (113, cooked), (276, cooked2), (0, loopback)] {
        let mut bytes = capture(FORMS[0], &[(0, packet)]);
        bytes[20..22].copy_from_slice(&u16::to_le_bytes(link));
        let (_, rows, _) = rows_of(&*bytes);
        assert_eq!(flows(rows).len(), 1, "link type {link}");
    }
}

#[test]
fn a_torn_capture_keeps_its_rows_and_a_torn_header_is_an_error() {
    let packets: Vec<_> = (0..100).map(|i| (i64::from(i), tcp(">S", 1_000 + i as u16))).collect();
    for form in FORMS {
        let whole = capture(form, &packets);
        let (_, rows, summary) = rows_of(&whole[..whole.len() - 10]);
        let skipped = summary.unwrap().skipped;
        assert_eq!(
            (rows.len(), skipped[0].code.as_str(), skipped[0].at.as_str()),
            (99, "CMT-0609", "after packet 99")
        );
        let kind = recognise(&whole).unwrap();
        let mut torn = &whole[..14];
        assert_eq!(read(kind, &mut torn, &mut |_| ControlFlow::Continue(())).unwrap_err().code(), "CMT-0623");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn mutated_captures_never_stop_the_reader(
        form in 0usize..6,
        marks in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..10),
        cut in any::<prop::sample::Index>(),
    ) {
        let server = ([192, 0, 2, 53], 53);
        let packets: Vec<_> = [
            tcp(">S", 1), tcp("<SA", 1), udp((CLIENT, 9), server, &dns(1, "a.example", None, &[])),
            udp(server, (CLIENT, 9), &dns(1, "a.example", Some(0), &[[192, 0, 2, 1]])), tcp(">A GET ", 1),
        ].into_iter().enumerate().map(|(i, p)| (i as i64, p)).collect();
        let mut bytes = capture(FORMS[form], &packets);
        let kind = recognise(&bytes).unwrap();
        for (at, byte) in &marks {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let mut reader: &[u8] = &bytes;
        let mut rows = 0;
        let _ = read(kind, &mut reader, &mut |_| { rows += 1; ControlFlow::Continue(()) });
        // Each packet makes at most one flow and one question; each request has a line of its own.
        prop_assert!(rows <= 2 * bytes.len() / 14);
    }

    #[test]
    fn any_dns_payload_is_survived(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let packet = udp(([192, 0, 2, 53], 53), (CLIENT, 9), &payload);
        let (_, rows, _) = rows_of(&*capture(FORMS[0], &[(0, packet)]));
        for d in questions(rows) {
            prop_assert!(d.query.len() <= 4 * 255 && d.answers.len() <= 64);
        }
    }
}
