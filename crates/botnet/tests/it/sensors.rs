//! Other sensors: Suricata's events, passive DNS, flow exports; and what clocks and collectors do to all logs.

use crate::captures::{FORMS, capture};
use crate::data::rows_of;
use botnet::rows::{FlowRow, Row};
use botnet::{read, recognise};
use etherparse::PacketBuilder;
use proptest::prelude::*;
use std::ops::ControlFlow;
use terms::ExhibitKind;

/// Rows and skips, one a line.
fn told(bytes: &[u8]) -> String {
    let (kind, rows, summary) = rows_of(bytes);
    let mut text = format!("{}\n", kind.map_or("nothing", ExhibitKind::word));
    let or = |t: &Option<String>| t.clone().unwrap_or_else(|| "-".into());
    for row in rows {
        text += &match row {
            Row::Flow(f) => flow(&f),
            Row::Dns(d) => format!(
                "{} {} {:?} {} {} {:?}\n",
                d.ts,
                d.client.map_or("-".into(), |c| c.to_string()),
                d.query,
                or(&d.qtype),
                or(&d.rcode),
                d.answers
            ),
            Row::Http(h) => format!(
                "{} {} > {}:{} {} {}{} {:?} {:?} {} {:?}\n",
                h.ts,
                h.source,
                h.remote,
                h.remote_port,
                or(&h.method),
                or(&h.host),
                or(&h.uri),
                h.status,
                h.user_agent,
                h.received,
                h.mime
            ),
            Row::Tls(t) => format!(
                "{} {:?} {} {} {} {} {:?} {:?} {:?} {:?}\n",
                t.ts,
                t.remote,
                or(&t.version),
                or(&t.sni),
                or(&t.ja3),
                or(&t.certificate),
                t.subject,
                t.not_before,
                t.not_after,
                t.resumed
            ),
            Row::Hit(_) | Row::Seen(_) => "hit\n".into(),
        };
    }
    for s in summary.unwrap_or_default().skipped {
        text += &format!("{} x{} at {}\n", s.code, s.records, s.at);
    }
    text
}

fn flow(f: &FlowRow) -> String {
    format!(
        "{} {}:{} > {}:{}/{} {} {:?} {}/{} {}\n",
        f.ts,
        f.source,
        f.source_port,
        f.remote,
        f.remote_port,
        f.transport.word(),
        f.service.as_deref().unwrap_or("-"),
        f.duration,
        f.sent,
        f.received,
        f.state.as_deref().unwrap_or("-")
    )
}

#[test]
fn events_of_suricata_are_read() {
    let flow = "{\"timestamp\":\"2017-04-07T22:24:38.000000+0100\",\"flow_id\":1,\"event_type\":\"flow\",\"src_ip\":\"10.0.0.7\",\"src_port\":5000,\"dest_ip\":\"198.51.100.7\",\"dest_port\":443,\"proto\":\"TCP\",\"app_proto\":\"tls\",\"flow\":{\"pkts_toserver\":5,\"pkts_toclient\":4,\"bytes_toserver\":500,\"bytes_toclient\":4000,\"start\":\"2017-04-07T22:24:37.251547+0100\",\"end\":\"2017-04-07T22:24:38.251547+0100\",\"age\":1,\"state\":\"closed\"},\"tcp\":{\"tcp_flags\":\"1b\",\"tcp_flags_ts\":\"1b\",\"tcp_flags_tc\":\"1b\"}}\n";
    let scan = flow
        .replace("\"pkts_toclient\":4", "\"pkts_toclient\":0")
        .replace("_ts\":\"1b\"", "_ts\":\"02\"")
        .replace("_tc\":\"1b\"", "_tc\":\"00\"")
        .replace("\"tls\"", "\"failed\"");
    let first = "1491600277251547 10.0.0.7:5000 > 198.51.100.7:443/tcp ssl Some(1000000) 500/4000 SF\n";
    let dns = |kind: &str, id: u8, second: u8, more: &str| {
        format!(
            "{{\"timestamp\":\"2026-03-02T00:00:{second:02}.5+0000\",\"flow_id\":7,\"event_type\":\"dns\",\"src_ip\":\"10.0.0.7\",\"dest_ip\":\"192.0.2.53\",\"proto\":\"UDP\",\"dns\":{{\"version\":2,\"type\":\"{kind}\",\"id\":{id}{more}}}}}\n"
        )
    };
    let name = ",\"rrname\":\"Shop.Example\",\"rrtype\":\"A\"";
    let rows: [(&str, String, String); 7] = [
        ("a flow", flow.into(), format!("suricata-eve\n{first}")),
        (
            "a scan",
            scan,
            "suricata-eve\n1491600277251547 10.0.0.7:5000 > 198.51.100.7:443/tcp - Some(1000000) 500/4000 S0\n".into(),
        ),
        (
            "events without table, and a broken line",
            format!("{{\"timestamp\":\"2026-03-02T00:00:00Z\",\"event_type\":\"stats\",\"stats\":{{}}}}\n{flow}{{\"timestamp\":1\n{}", flow.replace("2017-04-07T22:24:37", "yesterday")),
            format!("suricata-eve\n{first}CMT-0607 x1 at line 3\nCMT-0603 x1 at line 4\n"),
        ),
        (
            "a question with its answer, one alone, and an answer alone",
            [
                dns("query", 1, 1, name),
                dns("query", 2, 2, ",\"rrname\":\"silent.example\",\"rrtype\":\"TXT\""),
                dns("answer", 1, 3, &format!("{name},\"rcode\":\"NOERROR\",\"answers\":[{{\"rdata\":\"192.0.2.1\"}},{{\"rdata\":\"192.0.2.2\"}}]")),
                dns("response", 3, 4, ",\"queries\":[{\"rrname\":\"gone.example\",\"rrtype\":\"AAAA\"}],\"rcode\":\"NXDOMAIN\""),
            ]
            .concat(),
            "suricata-eve\n1772409601500000 10.0.0.7 \"shop.example\" A NOERROR [\"192.0.2.1\", \"192.0.2.2\"]\n\
             1772409604500000 10.0.0.7 \"gone.example\" AAAA NXDOMAIN []\n\
             1772409602500000 10.0.0.7 \"silent.example\" TXT - []\n"
                .into(),
        ),
        (
            "a request",
            "{\"timestamp\":\"2026-03-02T00:00:01Z\",\"event_type\":\"http\",\"src_ip\":\"10.0.0.7\",\"src_port\":1,\"dest_ip\":\"2001:db8::1\",\"dest_port\":80,\"http\":{\"hostname\":\"Shop.Example\",\"url\":\"/gate?id=ada\",\"http_user_agent\":\"A\",\"http_content_type\":\"text/html\",\"http_method\":\"POST\",\"protocol\":\"HTTP/1.1\",\"status\":200,\"length\":12}}\n".into(),
            "suricata-eve\n1772409601000000 10.0.0.7 > 2001:db8::1:80 POST shop.example/gate Some(200) Some(\"A\") 12 Some(\"text/html\")\n".into(),
        ),
        (
            "a handshake",
            "{\"timestamp\":\"2026-03-02T00:00:01Z\",\"event_type\":\"tls\",\"src_ip\":\"10.0.0.7\",\"src_port\":1,\"dest_ip\":\"198.51.100.7\",\"dest_port\":443,\"tls\":{\"subject\":\"CN=a\",\"issuerdn\":\"CN=b\",\"fingerprint\":\"AA:bb:aa:bb:aa:bb:aa:bb:aa:bb:aa:bb:aa:bb:aa:bb:aa:bb:aa:bb\",\"sni\":\"shop.example\",\"version\":\"TLS 1.2\",\"notbefore\":\"1970-01-01T00:00:01\",\"notafter\":\"1970-01-01T00:00:02\",\"ja3\":{\"hash\":\"0123456789abcdef0123456789abcdef\",\"string\":\"\"}}}\n".into(),
            "suricata-eve\n1772409601000000 Some(198.51.100.7) TLSv12 shop.example 0123456789abcdef0123456789abcdef sha1:aabbaabbaabbaabbaabbaabbaabbaabbaabbaabb Some(\"CN=a\") Some(1000000) Some(2000000) Some(false)\n".into(),
        ),
        (
            "passive DNS",
            "{\"rrname\":\"Shop.Example.\",\"rrtype\":\"A\",\"rdata\":[\"192.0.2.1\",\"192.0.2.2\"],\"time_first\":1772409600,\"time_last\":1772409700,\"count\":3}\n\
             {\"rrname\":\"b.example\",\"rrtype\":\"CNAME\",\"rdata\":\"a.example\",\"zone_time_first\":\"1772409600\",\"zone_time_last\":\"1772409600\"}\n\
             {\"rrname\":\"c.example\",\"rrtype\":\"A\",\"rdata\":\"192.0.2.1\"}\n\
             {\"rrname\":\"d.example\"}\n".into(),
            "passive-dns\n1772409600000000 - \"shop.example\" A NOERROR [\"192.0.2.1\", \"192.0.2.2\"]\n\
             1772409700000000 - \"shop.example\" A NOERROR [\"192.0.2.1\", \"192.0.2.2\"]\n\
             1772409600000000 - \"b.example\" CNAME NOERROR [\"a.example\"]\n\
             CMT-0603 x1 at line 3\nCMT-0607 x1 at line 4\n".into(),
        ),
    ];
    for (what, log, expect) in rows {
        assert_eq!(told(log.as_bytes()), expect, "{what}");
    }
}

const EXPORTED: u32 = 1_772_409_600;

fn be(parts: &[(usize, u64)]) -> Vec<u8> {
    parts.iter().flat_map(|(n, v)| v.to_be_bytes()[8 - n..].to_vec()).collect()
}

/// Version 5: exported when the exporter had run 100 s; flows from 60 s to 61.5 s of it.
fn version_5(records: usize) -> Vec<u8> {
    let header = be(&[
        (2, 5),
        (2, records as u64),
        (4, 100_000),
        (4, EXPORTED.into()),
        (4, 500_000_000),
        (4, 1),
        (4, 0),
    ]);
    let record = be(&[
        (4, 0x0a00_0007),
        (4, 0xc633_6407),
        (4, 0),
        (2, 1),
        (2, 2),
        (4, 9),
        (4, 1_500),
        (4, 60_000),
        (4, 61_500),
        (2, 50_000),
        (2, 443),
        (1, 0),
        (1, 0x1b),
        (1, 6),
        (1, 0),
        (2, 1),
        (2, 2),
        (1, 24),
        (1, 24),
        (2, 0),
    ]);
    [header, record.repeat(records)].concat()
}

/// A set of version 9 or IPFIX.
fn set(id: u16, body: &[u8]) -> Vec<u8> {
    [&be(&[(2, id.into()), (2, body.len() as u64 + 4)]), body].concat()
}

fn version_9(sets: &[Vec<u8>]) -> Vec<u8> {
    let header = be(&[(2, 9), (2, sets.len() as u64), (4, 100_000), (4, EXPORTED.into()), (4, 1), (4, 7)]);
    [header, sets.concat()].concat()
}

fn ipfix(sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    [be(&[(2, 10), (2, 16 + body.len() as u64), (4, EXPORTED.into()), (4, 1), (4, 7)]), body].concat()
}

fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let fields: Vec<u8> =
        fields.iter().flat_map(|(a, b)| be(&[(2, (*a).into()), (2, (*b).into())])).collect();
    [be(&[(2, id.into()), (2, fields.len() as u64 / 4)]), fields].concat()
}

const V9_FIELDS: [(u16, u16); 8] = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (22, 4), (21, 4)];

fn v9_record(port: u64) -> Vec<u8> {
    be(&[
        (4, 0x0a00_0007),
        (4, 0xc633_6407),
        (2, 50_000),
        (2, port),
        (1, 17),
        (4, 99),
        (4, 60_000),
        (4, 60_000),
    ])
}

#[test]
fn flow_exports_are_read() {
    let five = "1772409560500000 10.0.0.7:50000 > 198.51.100.7:443/tcp - Some(1500000) 1500/0 -\n";
    let nine = |port| format!("1772409560000000 10.0.0.7:50000 > 198.51.100.7:{port}/udp - Some(0) 99/0 -\n");
    let learn = set(0, &template(300, &V9_FIELDS));
    let data =
        |ports: &[u64]| set(300, &[ports.iter().flat_map(|p| v9_record(*p)).collect(), vec![0; 3]].concat());
    // IPFIX: IPv6, times in milliseconds, a field of variable length, one of an enterprise, and the other direction's bytes.
    let long: Vec<u8> = [
        be(&[(2, 400), (2, 9)]),
        be(&[
            (2, 27),
            (2, 16),
            (2, 28),
            (2, 16),
            (2, 11),
            (2, 2),
            (2, 4),
            (2, 1),
            (2, 85),
            (2, 8),
            (2, 152),
            (2, 8),
            (2, 153),
            (2, 8),
        ]),
        be(&[(2, 0x8000 | 96), (2, 65_535), (4, 9_999)]),
        be(&[(2, 0x8000 | 85), (2, 4), (4, 29_305)]),
    ]
    .concat();
    let v6 = |last| [be(&[(4, 0x2001_0db8), (8, 0), (4, last)])].concat();
    let record = |text: &[u8]| {
        let short = vec![text.len() as u8];
        [
            v6(1),
            v6(2),
            be(&[(2, 443), (1, 6), (8, 1_234), (8, 1_772_409_500_250), (8, 1_772_409_501_250)]),
            short,
            text.to_vec(),
            be(&[(4, 77)]),
        ]
        .concat()
    };
    let ten = "1772409500250000 2001:db8::1:0 > 2001:db8::2:443/tcp - Some(1000000) 1234/77 -\n";
    let wrapped = {
        let mut packet = version_5(1);
        // The exporter's counter came round since the flow began: first and last lie 500 ms before 0.
        packet[4..8].copy_from_slice(&1_000u32.to_be_bytes());
        packet[24 + 24..24 + 32]
            .copy_from_slice(&[(u32::MAX - 499).to_be_bytes(), (u32::MAX - 499).to_be_bytes()].concat());
        packet
    };
    let icmp = {
        let mut packet = version_5(1);
        packet[24 + 34..24 + 36].copy_from_slice(&[8, 0]);
        packet[24 + 38] = 1;
        packet
    };
    let rows: [(&str, Vec<u8>, String); 10] = [
        (
            "version 5, two packets",
            [version_5(2), version_5(1)].concat(),
            format!("netflow\n{}", five.repeat(3)),
        ),
        (
            "a counter that came round",
            wrapped,
            "netflow\n1772409599000000 10.0.0.7:50000 > 198.51.100.7:443/tcp - Some(0) 1500/0 -\n".into(),
        ),
        (
            "ICMP",
            icmp,
            "netflow\n1772409560500000 10.0.0.7:8 > 198.51.100.7:0/icmp - Some(1500000) 1500/0 -\n".into(),
        ),
        (
            "version 9, template and data apart, then version 5",
            [
                version_9(std::slice::from_ref(&learn)),
                version_9(&[data(&[53, 123]), data(&[80])]),
                version_5(1),
            ]
            .concat(),
            format!("netflow\n{}{}{}{five}", nine(53), nine(123), nine(80)),
        ),
        (
            "data before its template",
            version_9(&[data(&[53]), learn.clone(), data(&[80])]),
            format!("netflow\n{}CMT-0618 x1 at export packet 1\n", nine(80)),
        ),
        (
            "options are about the exporter",
            version_9(&[
                set(1, &be(&[(2, 301), (2, 4), (2, 4), (2, 1), (2, 4), (2, 34), (2, 4)])),
                set(301, &[0; 8]),
                learn.clone(),
                data(&[80]),
            ]),
            format!("netflow\n{}", nine(80)),
        ),
        (
            "IPFIX",
            ipfix(&[set(2, &long), set(400, &[record(b"tls"), record(b"")].concat())]),
            format!("netflow\n{}", ten.repeat(2)),
        ),
        (
            "cut short",
            version_5(3)[..24 + 100].to_vec(),
            format!(
                "netflow\n{}CMT-0617 x1 at export packet 1\nCMT-0608 x0 at after export packet 1\n",
                five.repeat(2)
            ),
        ),
        (
            "something else behind it",
            [version_5(1), b"\x05\x09 not a packet".to_vec()].concat(),
            "nothing\n".into(),
        ),
        (
            "a set that is longer than its packet",
            [
                ipfix(&[set(2, &long), set(400, &record(b""))]),
                {
                    let mut p = ipfix(&[set(400, &record(b""))]);
                    p[18] = 200;
                    p
                },
                ipfix(&[set(400, &record(b""))]),
            ]
            .concat(),
            format!("netflow\n{}CMT-0617 x1 at export packet 2\n", ten.repeat(2)),
        ),
    ];
    for (what, bytes, expect) in rows {
        assert_eq!(told(&bytes), expect, "{what}");
    }
}

#[test]
fn flow_exports_inside_a_capture_are_read() {
    let packet = |payload: &[u8], port| {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .udp(5_000, port)
            .write(&mut bytes, payload)
            .unwrap();
        bytes
    };
    let packets = [
        (0, packet(&version_9(&[set(0, &template(300, &V9_FIELDS))]), 2055)),
        (1, packet(&version_9(&[set(300, &v9_record(53))]), 2055)),
        (2, packet(&version_5(1), 9996)),
        (3, packet(&version_5(1), 1_234)),
    ];
    let told = told(&capture(FORMS[0], &packets));
    let exported = told.lines().filter(|l| l.contains("10.0.0.7")).count();
    assert_eq!(exported, 2, "{told}");
}

/// Clocks and collectors lie: each line is read for itself, so order, doubles and zones change no row.
#[test]
fn time_that_goes_back_doubles_and_zones_change_no_row() {
    let line = |ts: &str| {
        format!(
            "{{\"ts\":{ts},\"id.orig_h\":\"10.8.0.61\",\"id.resp_h\":\"192.0.2.8\",\"proto\":\"udp\",\"conn_state\":\"SF\"}}\n"
        )
    };
    // The same instant in three zones and as a number, one a century off, one before 1970, and the first again.
    let log = [
        "\"2026-03-02T01:00:00+01:00\"",
        "\"2026-03-01T19:00:00.000-05:00\"",
        "1772409600.000000",
        "\"2026-03-02T00:00:00Z\"",
        "4928083200.5",
        "-1.5",
        "\"2026-03-02T01:00:00+01:00\"",
    ]
    .map(line)
    .concat();
    let (_, rows, summary) = rows_of(log.as_bytes());
    let times: Vec<i64> = rows.iter().map(Row::ts).collect();
    let same = 1_772_409_600_000_000;
    assert_eq!(times, [same, same, same, same, 4_928_083_200_500_000, -1_500_000, same]);
    assert_eq!(summary.unwrap().skipped, []);
}

/// Packets whose clock goes back or jumps keep their flows whole.
#[test]
fn a_captures_clock_may_go_back() {
    let packet = |flags: u8, forward: bool| {
        let (from, to, a, b) = if forward {
            ([10, 0, 0, 7], [198, 51, 100, 7], 5_000, 443)
        } else {
            ([198, 51, 100, 7], [10, 0, 0, 7], 443, 5_000)
        };
        let mut builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from, to, 64).tcp(a, b, 1, 1_000);
        if flags & 2 != 0 {
            builder = builder.syn();
        }
        if flags & 16 != 0 {
            builder = builder.ack(1);
        }
        if flags & 1 != 0 {
            builder = builder.fin();
        }
        let mut bytes = Vec::new();
        builder.write(&mut bytes, b"").unwrap();
        bytes
    };
    let steps = [(9_000_000, 2, true), (8_000_000, 18, false), (7_000_000, 17, true), (8_500_000, 17, false)];
    let packets: Vec<_> = steps.iter().map(|(ts, flags, way)| (*ts, packet(*flags, *way))).collect();
    assert_eq!(
        told(&capture(FORMS[0], &packets)),
        "pcap\n7000000 10.0.0.7:5000 > 198.51.100.7:443/tcp - Some(2000000) 0/0 SF\n"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn mutated_exports_and_events_never_stop_the_reader(
        which in 0usize..5,
        marks in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let learn = set(0, &template(300, &V9_FIELDS));
        let seeds = [
            (ExhibitKind::NetFlow, version_5(3)),
            (ExhibitKind::NetFlow, version_9(&[learn, set(300, &[v9_record(53), v9_record(80)].concat())])),
            (ExhibitKind::NetFlow, ipfix(&[set(2, &template(300, &V9_FIELDS)), set(300, &v9_record(53))])),
            (ExhibitKind::SuricataEve, b"{\"timestamp\":\"2026-03-02T00:00:01+0100\",\"event_type\":\"dns\",\"src_ip\":\"10.0.0.7\",\"dest_ip\":\"192.0.2.53\",\"dns\":{\"type\":\"answer\",\"rrname\":\"a\",\"answers\":[{\"rdata\":\"x\"}]}}\n".repeat(3)),
            (ExhibitKind::PassiveDns, b"{\"rrname\":\"a.example\",\"rrtype\":\"A\",\"rdata\":[\"192.0.2.1\"],\"time_first\":1,\"time_last\":2}\n".repeat(3)),
        ];
        let (kind, mut bytes) = seeds[which].clone();
        for (at, byte) in &marks {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let _ = recognise(&bytes);
        let mut rows = 0;
        let mut reader: &[u8] = &bytes;
        let summary = read(kind, &mut reader, &mut |_| { rows += 1; ControlFlow::Continue(()) }).unwrap();
        // A record with two addresses has at least 8 bytes; a line at most two rows.
        prop_assert!(rows <= bytes.len() / 8);
        prop_assert_eq!(summary.rows as usize, rows);
    }
}
