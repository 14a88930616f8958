//! Zeek and sinkhole logs: recognised by content, read by their header, bad lines counted and never fatal.

use crate::data::rows_of;
use botnet::decompress::{self, Limits};
use botnet::read::MAX_LINE;
use botnet::rows::{Row, Summary};
use botnet::{ReadError, read, recognise};
use proptest::prelude::*;
use std::io::{BufRead, Read, Write as _};
use std::ops::ControlFlow;
use terms::{Compression, ExhibitKind};

const CONN: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n\
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tlabel\n\
#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tstring\n";
const CONN_LINE: &str =
    "19.981745\tC1\t10.0.0.7\t49162\t198.51.100.7\t1177\ttcp\t-\t3.000517\t0\t12\tS0\tT\tF\tBenign\n";

/// Rows and skips as text, one a line: what a golden log reads as.
fn told(bytes: &[u8]) -> String {
    let (kind, rows, summary) = rows_of(bytes);
    let kind = kind.map_or("nothing", ExhibitKind::word);
    let mut text = format!("{kind}\n");
    for row in rows {
        text += &match row {
            Row::Flow(f) => format!(
                "{} {}:{} > {}:{}/{} {} {:?} {}/{} {} {:?}{:?}\n",
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
                f.state.as_deref().unwrap_or("-"),
                f.source_local,
                f.remote_local
            ),
            Row::Dns(d) => format!(
                "{} {} @{} {:?} {} {} {:?}\n",
                d.ts,
                d.client.map_or("-".into(), |ip| ip.to_string()),
                d.server.map_or("-".into(), |ip| ip.to_string()),
                d.query,
                d.qtype.as_deref().unwrap_or("-"),
                d.rcode.as_deref().unwrap_or("-"),
                d.answers
            ),
            Row::Http(_) | Row::Tls(_) => format!("{row:?}\n"),
            Row::Seen(s) => format!(
                "seen {} {} {} {} {} {:?} {:?}\n",
                s.event, s.source, s.place, s.network, s.channel, s.bot, s.botnet
            ),
            Row::Hit(h) => format!(
                "{} {} {}:{:?} {} {:?} {:?}\n",
                h.event, h.observed, h.source, h.source_port, h.channel, h.bot, h.botnet
            ),
        };
    }
    for s in summary.unwrap_or_default().skipped {
        text += &format!("{} x{} at {}\n", s.code, s.records, s.at);
    }
    text
}

#[test]
fn logs_read_as_written() {
    let dns_fields = "#fields\tts\tid.orig_h\tid.resp_h\tproto\tquery\tqtype_name\trcode_name\tanswers\n";
    let rows: [(&str, String, &str); 18] = [
        (
            "a conn log",
            format!("{CONN}{CONN_LINE}#close\t2017\n"),
            "zeek-conn\n19981745 10.0.0.7:49162 > 198.51.100.7:1177/tcp - Some(3000517) 0/12 S0 Some(true)Some(false)\n",
        ),
        (
            "windows line ends and a byte-order mark",
            format!("\u{feff}{CONN}{CONN_LINE}").replace('\n', "\r\n"),
            "zeek-conn\n19981745 10.0.0.7:49162 > 198.51.100.7:1177/tcp - Some(3000517) 0/12 S0 Some(true)Some(false)\n",
        ),
        (
            "columns in another order, only #fields",
            "#fields\tconn_state\tid.resp_h\tid.orig_h\tproto\tts\nSF\t2001:db8::1\t::ffff:10.0.0.7\tudp\t1e9\n".into(),
            "zeek-conn\n1000000000000000 10.0.0.7:0 > 2001:db8::1:0/udp - None 0/0 SF NoneNone\n",
        ),
        (
            "bad lines among good ones",
            format!(
                "{CONN}{CONN_LINE}short\tline\n{}{}{}{CONN_LINE}",
                CONN_LINE.replace("19.98", "1x.98"),
                CONN_LINE.replace("10.0.0.7", "10.0.0.777"),
                CONN_LINE.replace("49162", "99999")
            ),
            "zeek-conn\n\
             19981745 10.0.0.7:49162 > 198.51.100.7:1177/tcp - Some(3000517) 0/12 S0 Some(true)Some(false)\n\
             19981745 10.0.0.7:49162 > 198.51.100.7:1177/tcp - Some(3000517) 0/12 S0 Some(true)Some(false)\n\
             CMT-0602 x1 at line 9\nCMT-0603 x1 at line 10\nCMT-0604 x1 at line 11\nCMT-0605 x1 at line 12\n",
        ),
        (
            "a dns log with set values",
            format!("#separator \\x09\n#path\tdns\n{dns_fields}1.5\t10.0.0.7\t192.0.2.53\tudp\tWWW.Shop.Example.\tA\tNOERROR\t192.0.2.1,192.0.2.2\n2\t10.0.0.7\t192.0.2.53\tudp\t-\t-\t-\t-\n"),
            "zeek-dns\n1500000 10.0.0.7 @192.0.2.53 \"www.shop.example\" A NOERROR [\"192.0.2.1\", \"192.0.2.2\"]\n\
             2000000 10.0.0.7 @192.0.2.53 \"\" - - []\n",
        ),
        (
            "another separator",
            "#separator ,\n#set_separator,|\n#path,dns\n#fields,ts,id.orig_h,id.resp_h,query,qtype,answers\n1,10.0.0.7,192.0.2.53,a.example,1,x|y\n".into(),
            "zeek-dns\n1000000 10.0.0.7 @192.0.2.53 \"a.example\" 1 - [\"x\", \"y\"]\n",
        ),
        (
            "a header in the middle that changes the log",
            format!("{CONN}{CONN_LINE}{dns_fields}3\t10.0.0.7\t192.0.2.53\tudp\tb.example\tA\tNXDOMAIN\t-\n#fields\tts\tfuid\n1\tF\n"),
            "zeek-conn\n19981745 10.0.0.7:49162 > 198.51.100.7:1177/tcp - Some(3000517) 0/12 S0 Some(true)Some(false)\n\
             3000000 10.0.0.7 @192.0.2.53 \"b.example\" A NXDOMAIN []\nCMT-0615 x1 at line 12\n",
        ),
        ("another Zeek log", "#separator \\x09\n#path\tftp\n#fields\tts\tid.orig_h\tid.resp_h\thost\n1\t10.0.0.7\t192.0.2.1\ta\n".into(), "zeek-other\n"),
        (
            "conn as JSON",
            "{\"ts\":1596790164.509987,\"uid\":\"C\",\"id.orig_h\":\"10.8.0.61\",\"id.orig_p\":35740,\"id.resp_h\":\"192.0.2.8\",\"id.resp_p\":53,\"proto\":\"udp\",\"service\":\"dns\",\"duration\":0.017912,\"orig_bytes\":48,\"resp_bytes\":64,\"conn_state\":\"SF\",\"local_orig\":true}\n".into(),
            "zeek-conn\n1596790164509987 10.8.0.61:35740 > 192.0.2.8:53/udp dns Some(17912) 48/64 SF Some(true)None\n",
        ),
        (
            "conn as nested JSON with text times, and a broken line",
            "{\"ts\":\"2020-08-07T08:49:24.509987Z\",\"id\":{\"orig_h\":\"10.8.0.61\",\"orig_p\":1,\"resp_h\":\"192.0.2.8\",\"resp_p\":2},\"proto\":\"tcp\",\"conn_state\":\"REJ\"}\n{\"ts\":1,\n\n{\"ts\":1}\n".into(),
            "zeek-conn\n1596790164509987 10.8.0.61:1 > 192.0.2.8:2/tcp - None 0/0 REJ NoneNone\nCMT-0607 x1 at line 2\nCMT-0604 x1 at line 4\n",
        ),
        (
            "dns as JSON with underscored names",
            "{\"ts\":1.0,\"id_orig_h\":\"10.8.0.61\",\"id_resp_h\":\"192.0.2.8\",\"proto\":\"udp\",\"query\":\"A.example\",\"qtype\":28,\"rcode\":3,\"answers\":[\"x,y\"]}\n".into(),
            "zeek-dns\n1000000 10.8.0.61 @192.0.2.8 \"a.example\" 28 3 [\"x y\"]\n",
        ),
        ("another JSON log of Zeek", "{\"ts\":1.0,\"uid\":\"C\",\"id.orig_h\":\"10.8.0.61\",\"id.resp_h\":\"192.0.2.8\",\"host\":\"a\"}\n".into(), "zeek-other\n"),
        (
            "a sinkhole log",
            "{\"schema\":\"comity.sinkhole/1\",\"event\":\"2026-03-02T00:00:01.123456Z\",\"observed\":\"2026-03-02T00:00:02Z\",\"source\":\"240.1.2.3\",\"source_port\":51234,\"channel\":\"Relay-One.com.example\",\"bot\":\"9f0c\",\"botnet\":\"harbourlight\"}\n\
             {\"schema\":\"comity.sinkhole/1\",\"event\":\"2026-03-02T00:00:03Z\",\"source\":\"240.1.2.4\",\"channel\":\"198.18.7.10:4443\",\"bot\":null}\n\
             {\"schema\":\"comity.sinkhole/2\",\"event\":\"2026-03-02T00:00:03Z\",\"source\":\"240.1.2.4\",\"channel\":\"x\"}\nnot json\n".into(),
            "sinkhole-log\n\
             1772409601123456 1772409602000000 240.1.2.3:Some(51234) relay-one.com.example Some(\"9f0c\") Some(\"harbourlight\")\n\
             1772409603000000 1772409603000000 240.1.2.4:None 198.18.7.10:4443 None None\nCMT-0616 x1 at line 3\nCMT-0607 x1 at line 4\n",
        ),
        (
            "a segment of a sinkhole: bots alone, and nothing in the clear",
            "{\"schema\":\"comity.sinkhole-segment/1\",\"segment\":1}\n{\"schema\":\"comity.sinkhole-hit/1\",\"event\":\"2026-03-02T00:00:03.000007Z\",\"source\":\"p:0123456789abcdef0123456789abcdef\",\"port\":51234,\"place\":\"BR\",\"network\":64500,\"by\":\"http\",\"class\":\"bot\",\"why\":\"w\",\"channel\":\"seized.example\",\"botnet\":\"harbour\",\"bot\":\"b:0123456789abcdef0123456789abcdef\"}\n{\"schema\":\"comity.sinkhole-hit/1\",\"event\":\"2026-03-02T00:00:03.000007Z\",\"source\":\"p:0123456789abcdef0123456789abcdef\",\"port\":51234,\"place\":\"BR\",\"network\":64500,\"by\":\"http\",\"class\":\"bot\",\"why\":\"w\",\"channel\":\"seized.example\"}\n{\"schema\":\"comity.sinkhole-hit/1\",\"event\":\"2026-03-02T00:00:03.000007Z\",\"source\":\"p:0123456789abcdef0123456789abcdef\",\"port\":51234,\"place\":\"BR\",\"network\":64500,\"by\":\"http\",\"class\":\"crawler\",\"why\":\"w\",\"channel\":\"seized.example\"}\n{\"schema\":\"comity.sinkhole-hit/1\",\"event\":\"2026-03-02T00:00:03.000007Z\",\"source\":\"p:0123456789abcdef0123456789abcdef\",\"port\":51234,\"place\":\"BR\",\"network\":64500,\"by\":\"http\",\"class\":\"resolver\",\"why\":\"w\",\"channel\":\"seized.example\"}\n{\"schema\":\"comity.sinkhole-hit/1\",\"event\":\"2026-03-02T00:00:03.000007Z\",\"source\":\"p:0123456789abcdef0123456789abcdef\",\"port\":51234,\"place\":\"BR\",\"network\":64500,\"by\":\"http\",\"class\":\"bot\",\"why\":\"w\"}\n{\"schema\":\"comity.sinkhole-hit/1\",\"event\":\"2026-03-02T00:00:03.000007Z\",\"source\":\"192.0.2.7\",\"port\":51234,\"place\":\"BR\",\"network\":64500,\"by\":\"http\",\"class\":\"bot\",\"why\":\"w\",\"channel\":\"seized.example\"}\n{\"schema\":\"comity.sinkhole-hit/1\",\"event\":\"2026-03-02T00:00:03.000007Z\",\"source\":\"p:0123456789abcdef0123456789abcdef\",\"port\":51234,\"place\":\"BR\",\"network\":64500,\"by\":\"http\",\"class\":\"bot\",\"why\":\"w\",\"channel\":\"seized.example\",\"bot\":\"bot-7\"}\n{\"schema\":\"comity.sinkhole-batch/1\",\"batch\":1}\n".into(),
            "sinkhole-log\nseen 1772409603000007 p:0123456789abcdef0123456789abcdef BR 64500 seized.example Some(\"b:0123456789abcdef0123456789abcdef\") Some(\"harbour\")\nseen 1772409603000007 p:0123456789abcdef0123456789abcdef BR 64500 seized.example None None\nCMT-0604 x2 at line 7\n",
        ),
        ("plain text", "hello\n".into(), "nothing\n"),
        ("JSON of another kind", "{\"type\":\"bundle\",\"objects\":[]}\n".into(), "nothing\n"),
        ("a list with a comment", "# my list\nbad.example\n".into(), "nothing\n"),
        ("nothing", String::new(), "nothing\n"),
    ];
    for (what, log, expect) in rows {
        assert_eq!(told(log.as_bytes()), expect, "{what}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn many_lines(n: usize) -> Vec<u8> {
    let mut log = CONN.as_bytes().to_vec();
    for i in 0..n {
        log.extend(CONN_LINE.replace("19.98", &format!("{}.{:02}", i * 7919 % 99_991, i % 100)).bytes());
    }
    log
}

#[test]
fn compression_is_told_by_magic_and_a_torn_stream_keeps_its_rows() {
    let log = many_lines(20_000);
    let (front, back) = log.split_at(log.len() / 2);
    let zstd = zstd::encode_all(&*log, 1).unwrap();
    let two_members = [gzip(front), gzip(back)].concat();
    let two_frames = [zstd::encode_all(front, 1).unwrap(), zstd::encode_all(back, 1).unwrap()].concat();
    let half = |b: &[u8]| b[..b.len() / 2].to_vec();
    let spoilt = |b: &[u8]| [&b[..b.len() / 2], &[0xff; 300][..], &b[b.len() / 2 + 300..]].concat();
    let rows: [(&str, Compression, Vec<u8>, bool); 10] = [
        ("plain", Compression::None, log.clone(), true),
        ("gzip", Compression::Gzip, gzip(&log), true),
        ("gzip of two members", Compression::Gzip, two_members.clone(), true),
        ("zstd", Compression::Zstd, zstd.clone(), true),
        ("zstd of two frames", Compression::Zstd, two_frames, true),
        ("half a gzip", Compression::Gzip, half(&gzip(&log)), false),
        (
            "one member and a half",
            Compression::Gzip,
            two_members[..two_members.len() * 3 / 4].to_vec(),
            false,
        ),
        ("half a zstd", Compression::Zstd, half(&zstd), false),
        ("spoilt gzip", Compression::Gzip, spoilt(&gzip(&log)), false),
        ("spoilt zstd", Compression::Zstd, spoilt(&zstd), false),
    ];
    for (what, compression, bytes, whole) in rows {
        assert_eq!(decompress::open(&*bytes).unwrap().0, compression, "{what}");
        let (kind, rows, summary) = rows_of(&*bytes);
        let summary = summary.unwrap();
        assert_eq!(kind, Some(ExhibitKind::ZeekConn), "{what}");
        assert_eq!(
            rows.len() == 20_000 && summary.skipped.is_empty(),
            whole,
            "{what}: {:?}",
            summary.skipped
        );
        if !whole {
            assert!(rows.len() > 1_000, "{what}: only {} rows", rows.len());
            // Zstandard without a checksum does not notice every spoilt byte; the lines then do.
            let noticed = |code: &str| code == "CMT-0608" || what == "spoilt zstd";
            assert!(summary.skipped.iter().any(|s| noticed(&s.code)), "{what}: {:?}", summary.skipped);
        }
    }
}

fn read_within(bytes: &[u8], limits: Limits) -> Result<Summary, ReadError> {
    let (_, mut reader) = decompress::open_within(bytes, limits).unwrap();
    read(ExhibitKind::ZeekConn, &mut *reader, &mut |_| ControlFlow::Continue(()))
}

#[test]
fn a_bomb_ends_the_reading_with_its_code() {
    let bomb = gzip(&vec![b'a'; 30 << 20]);
    let steep = Limits { output: 1 << 40, ratio: 50, grace: 1 << 20 };
    let large = Limits { output: 1 << 20, ratio: 1 << 40, grace: 0 };
    for limits in [steep, large] {
        let error = read_within(&bomb, limits).unwrap_err();
        assert_eq!(error.code(), "CMT-0622", "{error}");
    }
    assert_eq!(read_within(&bomb, Limits::default()).unwrap().skipped[0].code, "CMT-0601");
}

/// A line without end, made as it is read: nothing of it lies in memory beforehand.
struct LongLine {
    head: std::io::Cursor<Vec<u8>>,
    left: usize,
}

impl Read for LongLine {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.head.read(buf)?;
        if n > 0 || self.left == 0 {
            return Ok(n);
        }
        let n = buf.len().min(self.left);
        buf[..n].fill(b'x');
        self.left -= n;
        Ok(n)
    }
}

#[test]
fn a_line_of_100_megabytes_is_passed_over() {
    let head = std::io::Cursor::new(CONN.as_bytes().to_vec());
    let line = LongLine { head, left: 100 << 20 };
    let tail = format!("\n{CONN_LINE}");
    let (_, rows, summary) = rows_of(line.chain(tail.as_bytes()));
    let skipped = &summary.unwrap().skipped;
    assert_eq!((rows.len(), skipped.len()), (1, 1));
    assert_eq!((skipped[0].code.as_str(), skipped[0].at.as_str()), ("CMT-0601", "line 8"));
}

#[test]
fn a_line_at_the_limit_is_read_and_one_byte_more_is_not() {
    for (extra, expect) in [(0, 1), (1, 0)] {
        let fixed = CONN_LINE.trim_end().len() - "Benign".len();
        let line = CONN_LINE.replace("Benign", &"x".repeat(MAX_LINE - fixed + extra));
        let (_, rows, _) = rows_of(format!("{CONN}{line}").as_bytes());
        assert_eq!(rows.len(), expect, "{extra} bytes beyond");
    }
}

#[test]
fn whoever_takes_the_rows_can_stop() {
    let log = many_lines(100);
    let mut taken = 0;
    let mut reader: &[u8] = &log;
    let summary = read(ExhibitKind::ZeekConn, &mut reader, &mut |_| {
        taken += 1;
        if taken == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!((summary.rows, summary.stopped), (10, true));
}

#[test]
fn what_holds_no_telemetry_is_refused_with_a_code() {
    for &kind in ExhibitKind::ALL.iter().filter(|k| !k.telemetry()) {
        let error = read(kind, &mut &b""[..], &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert_eq!(error.code(), "CMT-0620");
    }
}

#[test]
fn peeking_shows_a_whole_head() {
    let log = many_lines(5_000);
    for bytes in [log.clone(), gzip(&log), zstd::encode_all(&*log, 1).unwrap()] {
        let (_, mut reader) = decompress::open(&*bytes).unwrap();
        let head = reader.fill_buf().unwrap();
        assert!(head.len() >= botnet::HEAD, "{}", head.len());
        assert_eq!(recognise(head), Some(ExhibitKind::ZeekConn));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn mutated_logs_never_stop_the_reader(
        which in 0usize..4, cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        pack in 0u8..3,
    ) {
        let seeds = [
            format!("{CONN}{CONN_LINE}{CONN_LINE}"),
            "{\"ts\":1.5,\"id.orig_h\":\"10.8.0.61\",\"id.resp_h\":\"192.0.2.8\",\"proto\":\"udp\",\"conn_state\":\"SF\"}\n".repeat(3),
            "{\"ts\":1.5,\"id.orig_h\":\"10.8.0.61\",\"id.resp_h\":\"192.0.2.8\",\"query\":\"a.example\",\"answers\":[\"x\"]}\n".repeat(3),
            "{\"schema\":\"comity.sinkhole/1\",\"event\":\"2026-03-02T00:00:03Z\",\"source\":\"240.1.2.4\",\"channel\":\"x\"}\n".repeat(3),
        ];
        let kinds = [ExhibitKind::ZeekConn, ExhibitKind::ZeekConn, ExhibitKind::ZeekDns, ExhibitKind::SinkholeLog];
        let mut bytes = seeds[which].clone().into_bytes();
        if pack == 1 { bytes = gzip(&bytes); }
        if pack == 2 { bytes = zstd::encode_all(&*bytes, 1).unwrap(); }
        for (at, byte) in &cuts {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let lines = 20;
        let (_, mut reader) = decompress::open(&*bytes).unwrap();
        let mut rows = 0;
        let summary = read(kinds[which], &mut *reader, &mut |_| { rows += 1; ControlFlow::Continue(()) });
        // Mutation can make more lines, but not more rows than lines; and every loss has a code.
        prop_assert!(rows <= lines);
        if let Ok(summary) = summary {
            prop_assert_eq!(summary.rows, rows);
            prop_assert!(summary.skipped.iter().all(|s| s.code.starts_with("CMT-06")));
        }
    }

    #[test]
    fn recognising_never_fails(head in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = recognise(&head);
    }

    #[test]
    fn rows_travel_unchanged(ts in any::<i64>(), name in "[a-z.]{0,40}", bot in prop::option::of("[a-f0-9]{16}")) {
        let row = Row::Hit(botnet::rows::HitRow {
            event: ts, observed: ts, source: "240.1.2.3".parse().unwrap(), source_port: None, channel: name, bot, botnet: None,
        });
        let json = serde_json::to_string(&row).unwrap();
        prop_assert_eq!(serde_json::from_str::<Row>(&json).unwrap(), row.clone());
        let packed = postcard::to_stdvec(&row).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Row>(&packed).unwrap(), row);
    }
}
