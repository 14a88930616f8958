//! What is said over TCP in a capture: HTTP, TLS and DNS, whatever order, gaps, tags and versions of IP it came in.

use crate::captures::{FORMS, capture};
use crate::data::rows_of;
use botnet::read;
use botnet::read::MAX_FLOWS;
use botnet::rows::{HttpRow, Row, TlsRow};
use etherparse::PacketBuilder;
use proptest::prelude::*;
use std::ops::ControlFlow;
use terms::ExhibitKind;

/// One end's bytes so far, so that each packet has its sequence number.
struct Conversation {
    port: u16,
    v6: bool,
    tagged: bool,
    seq: [u32; 2],
    packets: Vec<Vec<u8>>,
}

impl Conversation {
    /// An opened connection to a port. Sequence numbers begin just below the end of their ring.
    fn open(port: u16) -> Self {
        Self::with(port, false, false)
    }

    fn with(port: u16, v6: bool, tagged: bool) -> Self {
        let mut c = Self { port, v6, tagged, seq: [u32::MAX - 20, u32::MAX - 4], packets: Vec::new() };
        c.packet(true, "S", b"");
        c.packet(false, "SA", b"");
        c
    }

    fn packet(&mut self, forward: bool, flags: &str, payload: &[u8]) {
        let (from, to) = if forward { (50_000, self.port) } else { (self.port, 50_000) };
        let seq = self.seq[usize::from(!forward)];
        let ethernet = PacketBuilder::ethernet2([1; 6], [2; 6]);
        let ends = |a: u8| if forward { (a, a + 1) } else { (a + 1, a) };
        let (a, b) = ends(7);
        let v4 = ([198, 51, 100, a], [198, 51, 100, b]);
        let long = |last| {
            let mut ip = [0u8; 16];
            (ip[0], ip[1], ip[2], ip[3], ip[15]) = (0x20, 1, 0xd, 0xb8, last);
            ip
        };
        let mut builder = match (self.v6, self.tagged) {
            (false, false) => ethernet.ipv4(v4.0, v4.1, 64),
            (true, false) => ethernet.ipv6(long(a), long(b), 64),
            (false, true) => {
                ethernet.double_vlan(5.try_into().unwrap(), 6.try_into().unwrap()).ipv4(v4.0, v4.1, 64)
            }
            (true, true) => ethernet.single_vlan(5.try_into().unwrap()).ipv6(long(a), long(b), 64),
        }
        .tcp(from, to, seq, 1_000);
        for flag in flags.chars() {
            builder = match flag {
                'S' => builder.syn(),
                'A' => builder.ack(1),
                _ => builder.fin(),
            };
        }
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        let opening = u32::from(flags.contains('S'));
        let n = payload.len() as u32;
        self.seq[usize::from(!forward)] = seq.wrapping_add(n + opening);
        self.packets.push(bytes);
    }

    fn say(&mut self, forward: bool, payload: &[u8]) -> &mut Self {
        self.packet(forward, "A", payload);
        self
    }

    fn rows(&self) -> Vec<Row> {
        rows_in(&self.packets)
    }
}

fn rows_in(packets: &[Vec<u8>]) -> Vec<Row> {
    let timed: Vec<_> = packets.iter().enumerate().map(|(i, p)| (i as i64 * 1_000, p.clone())).collect();
    rows_of(&*capture(FORMS[0], &timed)).1
}

fn told(rows: &[Row]) -> Vec<String> {
    let or = |t: &Option<String>| t.clone().unwrap_or_else(|| "-".into());
    rows.iter()
        .filter_map(|r| match r {
            Row::Http(r) => Some(format!(
                "{} {} {}{} {} {} {}/{} {}",
                r.ts,
                or(&r.method),
                or(&r.host),
                or(&r.uri),
                r.status.unwrap_or(0),
                or(&r.version),
                r.sent,
                r.received,
                or(&r.mime)
            )),
            Row::Dns(d) => Some(format!("{} {} {}", d.ts, d.query, or(&d.rcode))),
            _ => None,
        })
        .collect()
}

/// What it shows, who said what (the caller: true), and the rows.
type Case = (&'static str, &'static [(bool, &'static str)], &'static [&'static str]);

#[test]
fn requests_meet_their_responses() {
    let rows: [Case; 9] = [
        (
            "one after the other on one connection",
            &[
                (true, "GET /a?x=1 HTTP/1.1\r\nHost: A.example\r\n\r\n"),
                (false, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/html; x\r\n\r\nhello"),
                (true, "POST /b HTTP/1.1\r\nhost: a.example\r\ncontent-length: 3\r\n\r\nabc"),
                (false, "HTTP/1.1 204 No Content\r\n\r\n"),
            ],
            &["2000 GET a.example/a 200 1.1 0/5 text/html", "4000 POST a.example/b 204 1.1 3/0 -"],
        ),
        (
            "pipelined, and cut anywhere",
            &[
                (true, "GET /a HTTP/1.1\r\nHost: a.exa"),
                (true, "mple\r\n\r\nHEAD /b HTTP/1.1\r\nHost: a.example\r"),
                (true, "\n\r\n"),
                (false, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r"),
                (false, "\nokHTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"),
            ],
            &["2000 GET a.example/a 200 1.1 0/2 -", "3000 HEAD a.example/b 200 1.1 0/0 -"],
        ),
        (
            "in chunks, with a trailer",
            &[
                (true, "GET /c HTTP/1.1\r\n\r\nGET /d HTTP/1.1\r\n\r\n"),
                (false, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwi"),
                (
                    false,
                    "ki\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\nHTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                ),
            ],
            &["2000 GET -/c 200 1.1 0/14 -", "2000 GET -/d 404 1.1 0/0 -"],
        ),
        (
            "until the connection closes",
            &[(true, "GET / HTTP/1.0\n\n"), (false, "HTTP/1.0 200 OK\n\nabc"), (false, "def")],
            &["2000 GET -/ 200 1.0 0/6 -"],
        ),
        (
            "an interim response",
            &[
                (true, "PUT /u HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"),
                (false, "HTTP/1.1 100 Continue\r\n\r\n"),
                (true, "data"),
                (false, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
            ],
            &["2000 PUT -/u 201 1.1 4/0 -"],
        ),
        (
            "a tunnel",
            &[
                (true, "CONNECT a.example:443 HTTP/1.1\r\n\r\n"),
                (false, "HTTP/1.1 200 OK\r\n\r\n"),
                (true, "GET /secret HTTP/1.1\r\n\r\n"),
            ],
            &["2000 CONNECT -a.example:443 200 1.1 0/0 -"],
        ),
        ("no answer", &[(true, "GET /a HTTP/1.1\r\n\r\n")], &["2000 GET -/a 0 1.1 0/0 -"]),
        ("no HTTP after all", &[(true, "GET lost in the woods\r\n\r\n"), (false, "what?\r\n\r\n")], &[]),
        ("a server that speaks first", &[(false, "220 mail\r\n"), (true, "GET / HTTP/1.1\r\n\r\n")], &[]),
    ];
    for (what, said, expect) in rows {
        let mut c = Conversation::open(80);
        said.iter().for_each(|(forward, text)| {
            c.say(*forward, text.as_bytes());
        });
        assert_eq!(told(&c.rows()), expect, "{what}");
    }
}

#[test]
fn order_doubles_gaps_tags_and_ip_versions_change_nothing() {
    let request = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n";
    let body = "x".repeat(1000);
    for (v6, tagged) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut c = Conversation::with(8080, v6, tagged);
        c.say(true, &request.as_bytes()[..9]).say(true, &request.as_bytes()[9..]).say(false, head.as_bytes());
        (0..3).for_each(|_| {
            c.say(false, body.as_bytes());
        });
        c.packet(false, "FA", b"");
        let expect = |ts: i64| [format!("{ts} GET a.example/a 200 1.1 0/3000 -")];
        assert_eq!(told(&c.rows()), expect(2_000), "v6 {v6}, tagged {tagged}");

        // Later parts come first, everything twice.
        let p = &c.packets;
        let order = [0, 1, 3, 2, 2, 3, 5, 6, 4, 4, 7, 8, 8];
        let shuffled: Vec<_> = order.iter().map(|&i: &usize| p[i].clone()).collect();
        assert_eq!(told(&rows_in(&shuffled)), expect(3_000), "reordered");

        // A packet of the body that was not captured is counted by the sequence numbers around it.
        let lost: Vec<_> = [0, 1, 2, 3, 4, 5, 7, 8].iter().map(|&i: &usize| p[i].clone()).collect();
        assert_eq!(told(&rows_in(&lost)), expect(2_000), "lost");

        // A part of the request that was not captured leaves no request and no guess.
        let torn: Vec<_> = [0, 1, 3, 4, 5].iter().map(|&i: &usize| p[i].clone()).collect();
        assert_eq!(told(&rows_in(&torn)), Vec::<String>::new(), "torn");
    }
}

#[test]
fn packets_cut_by_the_capture_count_by_their_headers() {
    let mut c = Conversation::open(80);
    c.say(true, b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n");
    c.say(false, &[b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", &[b'x'; 1000][..]].concat());
    c.say(true, b"GET /b HTTP/1.1\r\n\r\n").say(false, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    c.packets.iter_mut().for_each(|p| p.truncate(128));
    assert_eq!(told(&c.rows()), ["2000 GET a.example/a 200 1.1 0/1000 -", "4000 GET -/b 404 1.1 0/0 -"]);
}

fn vector(bytes: usize, list: &[u8]) -> Vec<u8> {
    [&(list.len() as u32).to_be_bytes()[4 - bytes..], list].concat()
}

fn numbers(list: &[u16]) -> Vec<u8> {
    list.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(2, data)].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector(3, body)].concat()
}

/// Handshake bytes in records of at most `size`.
fn records(handshake: &[u8], size: usize) -> Vec<u8> {
    handshake.chunks(size).flat_map(|part| [&[22, 3, 1][..], &vector(2, part)].concat()).collect()
}

/// The hello of the published example of JA4: GREASE everywhere it may be, extensions in another order than sorted.
fn client_hello() -> Vec<u8> {
    let ciphers = [
        0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
        0x009c, 0x009d, 0x002f, 0x0035,
    ];
    let algorithms = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
    let extensions = [
        extension(0x2a2a, b""),
        extension(0x001b, b"\x02\0\x02"),
        extension(0, &vector(2, &[&[0][..], &vector(2, b"Shop.Example")].concat())),
        extension(0x0033, b"key"),
        extension(0x0010, &vector(2, b"\x02h2\x08http/1.1")),
        extension(0x4469, b""),
        extension(0x0017, b""),
        extension(0x002d, b"\x01\x01"),
        extension(0x000d, &vector(2, &numbers(&algorithms))),
        extension(0x0005, b"\x01\0\0\0\0"),
        extension(0x0023, b""),
        extension(0x0012, b""),
        extension(0x002b, &vector(1, &numbers(&[0x1a1a, 0x0304, 0x0303]))),
        extension(0xff01, b"\0"),
        extension(0x000b, b"\x01\0"),
        extension(0x000a, &vector(2, &numbers(&[0x3a3a, 29, 23, 24]))),
        extension(0x0015, &[0; 200]),
        extension(0xaaaa, b"\0"),
    ];
    let body = [
        &[3, 3][..],
        &[7; 32],
        &vector(1, &[5; 32]),
        &vector(2, &numbers(&ciphers)),
        &vector(1, b"\0"),
        &vector(2, &extensions.concat()),
    ];
    message(1, &body.concat())
}

fn server_hello(random: [u8; 32], session: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let body =
        [&[3, 3][..], &random, &vector(1, session), &[0x13, 1], &[0], &vector(2, &extensions.concat())]
            .concat();
    message(2, &body)
}

fn handshakes(rows: Vec<Row>) -> Vec<TlsRow> {
    rows.into_iter().filter_map(|r| if let Row::Tls(r) = r { Some(*r) } else { None }).collect()
}

/// The hello retry request of RFC 8446 section 4.1.3, by its random.
const AGAIN: &str = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
const CIPHERED: [u8; 6] = [20, 3, 3, 0, 1, 1];

#[test]
fn a_handshake_gives_the_published_fingerprint_however_it_is_cut() {
    let picked = [extension(0x002b, &[3, 4]), extension(0x0033, b"key")];
    let answer = server_hello([9; 32], &[5; 32], &picked);
    for (record, segment) in [(4_000, 4_000), (50, 4_000), (4_000, 37), (33, 41), (7, 1)] {
        let mut c = Conversation::open(443);
        records(&client_hello(), record).chunks(segment).for_each(|part| {
            c.say(true, part);
        });
        records(&answer, record).chunks(segment).for_each(|part| {
            c.say(false, part);
        });
        c.say(false, &CIPHERED).say(true, &CIPHERED);
        let told = handshakes(c.rows());
        assert_eq!(told.len(), 1, "{record} {segment}");
        let t = &told[0];
        assert_eq!(t.ja4.as_deref(), Some("t13d1516h2_8daaf6152771_e5627efa2ab1"));
        // MD5 of both lists written out by hand, by another program.
        assert_eq!(t.ja3.as_deref(), Some("c000e2caf3a25423f9de6c8a4b12a975"));
        assert_eq!(t.ja3s.as_deref(), Some("f4febc55ea12b31ae17cfb7e614afda8"));
        assert_eq!(
            (t.sni.as_deref(), t.version.as_deref(), t.cipher.as_deref(), t.alpn.as_deref()),
            (Some("shop.example"), Some("TLSv13"), Some("1301"), Some("h2"))
        );
        assert_eq!((t.resumed, t.established, t.remote_port), (Some(false), Some(true), 443));
    }
}

#[test]
fn retries_resumptions_refusals_and_certificates_are_told() {
    let again: [u8; 32] = hex(AGAIN).try_into().unwrap();
    let tls13 = extension(0x002b, &[3, 4]);
    let first = server_hello(again, &[5; 32], std::slice::from_ref(&tls13));
    let second = server_hello([9; 32], &[5; 32], &[tls13, extension(41, &[0, 0])]);
    let mut c = Conversation::open(443);
    c.say(true, &records(&client_hello(), 4_000)).say(false, &records(&first, 4_000));
    c.say(true, &records(&client_hello(), 4_000)).say(false, &records(&second, 4_000));
    let told = handshakes(c.rows());
    assert_eq!((told.len(), told[0].resumed, told[0].established), (1, Some(true), Some(false)), "retry");

    // Before TLS 1.3 the certificate is in the clear, and a repeated session id resumes.
    let certificate = hex(include_str!("certificate.hex").trim());
    let chain = message(11, &vector(3, &vector(3, &certificate)));
    let old = server_hello([9; 32], &[6; 32], &[extension(16, &vector(2, b"\x08http/1.1"))]);
    let mut c = Conversation::open(443);
    c.say(true, &records(&client_hello(), 4_000)).say(false, &records(&[old, chain].concat(), 100));
    c.say(true, &CIPHERED).say(false, &CIPHERED);
    let told = handshakes(c.rows());
    let t = &told[0];
    assert_eq!((t.version.as_deref(), t.alpn.as_deref()), (Some("TLSv12"), Some("http/1.1")));
    assert_eq!((t.resumed, t.established), (Some(false), Some(true)));
    assert_eq!(
        t.certificate.as_deref(),
        Some("c889e00f47a36590027557c5b64833a38775d047d84d9f7ba996e4169500861b")
    );
    assert_eq!(
        (t.subject.as_deref(), t.issuer.as_deref()),
        (Some("CN=gate.example,O=Harbour,C=NL"), Some("CN=gate.example,O=Harbour,C=NL"))
    );
    assert_eq!((t.not_before, t.not_after), (Some(1_795_829_321_000_000), Some(2_111_189_321_000_000)));
    let resumed = server_hello([9; 32], &[5; 32], &[]);
    let mut c = Conversation::open(443);
    c.say(true, &records(&client_hello(), 4_000)).say(false, &records(&resumed, 4_000));
    assert_eq!(handshakes(c.rows())[0].resumed, Some(true));

    // An alert instead of a hello.
    let mut c = Conversation::open(443);
    c.say(true, &records(&client_hello(), 4_000)).say(false, &[21, 3, 3, 0, 2, 2, 40]);
    let told = handshakes(c.rows());
    assert_eq!((told[0].version.as_deref(), told[0].established, told[0].resumed), (None, Some(false), None));
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn question(id: u8, name: &str, answer: bool) -> Vec<u8> {
    let mut m = vec![0, id, if answer { 0x81 } else { 1 }, 0x03 * u8::from(answer), 0, 1, 0, 0, 0, 0, 0, 0];
    name.split('.').for_each(|l| m.extend(vector(1, l.as_bytes())));
    m.extend([0, 0, 1, 0, 1]);
    vector(2, &m)
}

#[test]
fn dns_over_tcp_is_read_however_it_is_cut() {
    let ask = [question(1, "a.example", false), question(2, "b.example", false)].concat();
    let say = [question(2, "b.example", true), question(9, "c.example", true)].concat();
    for size in [1, 3, 20, 1_000] {
        let mut c = Conversation::open(53);
        ask.chunks(size).for_each(|p| {
            c.say(true, p);
        });
        say.chunks(size).for_each(|p| {
            c.say(false, p);
        });
        let told: Vec<String> =
            told(&c.rows()).iter().map(|t| t.split_once(' ').unwrap().1.to_owned()).collect();
        assert_eq!(told, ["b.example NXDOMAIN", "c.example NXDOMAIN", "a.example -"], "{size}");
    }
}

/// More connections than may be followed, each with a request and something out of order: every flow comes out once.
#[test]
fn many_open_conversations_lose_no_flow() {
    let n = MAX_FLOWS as u32 / 2 + 3_000;
    let packets: Vec<(i64, Vec<u8>)> = (0..n)
        .map(|i| {
            let [_, a, b, c] = i.to_be_bytes();
            let mut bytes = Vec::new();
            PacketBuilder::ethernet2([1; 6], [2; 6])
                .ipv4([10, 0, 0, 7], [198, 18, b, c], 64)
                .tcp(7, 1_000 + u16::from(a), 1, 1)
                .write(&mut bytes, b"GET /open HTTP/1.1\r\nHost: a.example\r\n")
                .unwrap();
            (i64::from(i), bytes)
        })
        .collect();
    let bytes = capture(FORMS[0], &packets);
    let mut reader: &[u8] = &bytes;
    let mut seen = [0u32; 2];
    read(ExhibitKind::Pcap, &mut reader, &mut |row| {
        seen[usize::from(matches!(row, Row::Flow(_)))] += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    // No head was ever complete.
    assert_eq!(seen, [0, n]);
}

fn requests(rows: &[Row]) -> Vec<HttpRow> {
    rows.iter().filter_map(|r| if let Row::Http(r) = r { Some((**r).clone()) } else { None }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// However a conversation is cut into packets, and in whatever nearby order they come, it says the same.
    #[test]
    fn cutting_and_swapping_change_nothing(
        paths in prop::collection::vec("[a-z]{1,12}", 1..6),
        lengths in prop::collection::vec(0usize..300, 6),
        cuts in prop::collection::vec(1usize..90, 1..8),
        swaps in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let asked: String = paths.iter().map(|p| format!("GET /{p} HTTP/1.1\r\nHost: a.example\r\n\r\n")).collect();
        let said: String = paths.iter().zip(&lengths)
            .map(|(_, n)| format!("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n{}", "y".repeat(*n))).collect();
        let mut c = Conversation::open(80);
        for (forward, text) in [(true, &asked), (false, &said)] {
            let (mut rest, mut i) = (text.as_bytes(), 0);
            while !rest.is_empty() {
                let n = cuts[i % cuts.len()].max(12).min(rest.len());
                c.say(forward, &rest[..n]);
                (rest, i) = (&rest[n..], i + 1);
            }
        }
        let mut packets = c.packets.clone();
        for at in swaps {
            // Neighbours of one direction change places; the openings stay in front.
            let at = 2 + at.index(packets.len() - 3);
            // The source's port tells the direction: Ethernet 14 bytes, IPv4 20.
            if packets[at][34..36] == packets[at + 1][34..36] {
                packets.swap(at, at + 1);
            }
        }
        let told: Vec<_> = requests(&rows_in(&packets)).into_iter()
            .map(|r| (r.uri.unwrap(), r.status, r.received)).collect();
        let expect: Vec<_> = paths.iter().zip(&lengths)
            .map(|(p, n)| (format!("/{p}"), Some(200), *n as i64)).collect();
        prop_assert_eq!(told, expect);
    }

    #[test]
    fn any_bytes_are_survived(
        port in prop::sample::select(vec![53u16, 80, 443]),
        begin in 0usize..4,
        said in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 1..12),
    ) {
        let begins: [&[u8]; 4] = [b"", b"GET / HTTP/1.1\r\n\r\n", &[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3], &[0, 30]];
        let mut c = Conversation::open(port);
        c.say(true, begins[begin]);
        for (forward, bytes) in &said {
            c.say(*forward, bytes);
        }
        let rows = c.rows();
        prop_assert_eq!(rows.iter().filter(|r| matches!(r, Row::Flow(_))).count(), 1);
    }

    #[test]
    fn mutated_handshakes_are_survived(
        marks in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..10),
        record in 5usize..300,
    ) {
        let mut hello = records(&client_hello(), record);
        for (at, byte) in &marks {
            let at = at.index(hello.len());
            hello[at] = *byte;
        }
        let mut c = Conversation::open(443);
        c.say(true, &hello);
        let told = handshakes(c.rows());
        prop_assert!(told.len() <= 1);
        for t in told {
            prop_assert_eq!(t.ja4.unwrap().len(), 36);
        }
    }
}
