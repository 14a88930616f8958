//! How fast the readers of crate `botnet` are: lines and bytes per CPU-second, on inputs that are made here.
//!
//! `readers` measures; `readers scan FLOWS` reads a port scan that is made as it is read and tells the largest memory;
//! `readers rows FILE` prints every row of a file, to hold it against another program's. `--small` reads less.

#![allow(dead_code, unused_imports, reason = "modules of another crate, of which not all is used here")]

#[path = "../../../crates/botnet/src/decompress.rs"]
mod decompress;
#[path = "../../figure.rs"]
mod figure;
mod inputs;
#[path = "../../../crates/botnet/src/read/mod.rs"]
mod read;
#[path = "../../../crates/botnet/src/recognise.rs"]
mod recognise;
#[path = "../../../crates/botnet/src/rows.rs"]
mod rows;

use arrow_array::builder::{
    FixedSizeBinaryBuilder, Int64Builder, StringBuilder, StringDictionaryBuilder, UInt16Builder,
};
use arrow_array::types::Int8Type;
use rows::{FlowRow, Row};
use rustix::time::{ClockId, clock_gettime};
use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;
use terms::ExhibitKind;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["scan", flows] => scan(flows.parse().expect("a number of flows")),
        ["rows", files @ ..] => files.iter().for_each(|f| print_rows(f)),
        _ => measure(),
    }
}

fn measure() {
    let mut conn = Vec::new();
    let lines = if figure::small() { 200_000 } else { 1_500_000 };
    let mut rounds = Vec::new();
    inputs::conn_log(lines, &mut conn);
    for round in 1..=3 {
        let mut columns = Columns::default();
        let spent = run(ExhibitKind::ZeekConn, &conn, &mut |row| {
            if let Row::Flow(flow) = row {
                columns.push(&flow);
            }
        });
        assert_eq!(columns.finish(), lines);
        rounds.push(lines as f64 / spent);
        println!(
            "conn.log to columns, round {round}: {:.2} M lines/CPU-s, {:.0} MB/CPU-s",
            lines as f64 / spent / 1e6,
            conn.len() as f64 / spent / 1e6
        );
    }
    figure::ours(CONN, figure::middle(rounds), "lines/CPU-s", 1.6e6);
    beside(&conn, "conn.log", &[(CONN, "DuckDB"), (CONN, "Polars")]);
    for (name, kind, make) in [
        ("conn.log JSON", ExhibitKind::ZeekConn, inputs::conn_json as fn(usize, &mut Vec<u8>)),
        ("http.log", ExhibitKind::ZeekHttp, inputs::http_log),
    ] {
        let mut bytes = Vec::new();
        let lines = if figure::small() { 100_000 } else { 500_000 };
        make(lines, &mut bytes);
        let mut rows = 0;
        let spent = run(kind, &bytes, &mut |_| rows += 1);
        assert_eq!(rows, lines);
        println!(
            "{name} to rows: {:.2} M lines/CPU-s, {:.0} MB/CPU-s",
            lines as f64 / spent / 1e6,
            bytes.len() as f64 / spent / 1e6
        );
        figure::ours(&format!("Zeek {name} to rows"), lines as f64 / spent, "lines/CPU-s", 0.0);
    }
    drop(conn);
    for (name, size) in [("small packets", 200), ("mixed", 700)] {
        let mut capture = Vec::new();
        inputs::capture(if figure::small() { 20 << 20 } else { 200 << 20 }, size, &mut capture);
        let mut rows = [0u64; 5];
        let spent = run(ExhibitKind::Pcap, &capture, &mut |row| {
            rows[match row {
                Row::Flow(_) => 0,
                Row::Dns(_) => 1,
                Row::Http(_) => 2,
                Row::Tls(_) => 3,
                _ => 4,
            }] += 1;
        });
        println!(
            "pcap, {name}: {:.0} MB/CPU-s; {} flows, {} questions, {} requests, {} handshakes",
            capture.len() as f64 / spent / 1e6,
            rows[0],
            rows[1],
            rows[2],
            rows[3]
        );
        let row = format!("pcap, {name}, flows, DNS, HTTP and TLS");
        figure::ours(&row, capture.len() as f64 / spent, "bytes/CPU-s", 50e6);
        beside(&capture, &format!("{row}.pcap"), &[(&row, "tshark"), (&row, "Suricata")]);
    }
}

/// The row of the conn log.
const CONN: &str = "Zeek conn.log to columns";

/// The peers on the same bytes, from a file; what is in `rows` is told of where there is no Python.
fn beside(bytes: &[u8], name: &str, rows: &[(&str, &str)]) {
    let folder = std::env::temp_dir().join(format!("comity-readers-{}", std::process::id()));
    let file = folder.join(name);
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, bytes));
    match written {
        Ok(()) => {
            let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers.py"));
            figure::python(script, &[file.as_os_str()], rows);
        }
        Err(e) => rows.iter().for_each(|(what, who)| figure::missing(what, who, &e.to_string())),
    }
    let _ = std::fs::remove_dir_all(&folder);
}

/// A scan of that many flows, none of which is answered.
fn scan(flows: u64) {
    let mut reader = BufReader::with_capacity(256 << 10, inputs::Scan::new(flows));
    let (before, mut rows) = (cpu(), 0u64);
    read::read(ExhibitKind::Pcap, &mut reader as &mut dyn BufRead, &mut |_| {
        rows += 1;
        ControlFlow::Continue(())
    })
    .expect("the input is whole");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("").to_owned();
    println!("scan: {flows} flows, {rows} rows, {:.1} CPU-s, {peak}", cpu() - before);
}

fn run(kind: ExhibitKind, bytes: &[u8], take: &mut dyn FnMut(Row)) -> f64 {
    let mut reader = BufReader::with_capacity(256 << 10, bytes);
    let before = cpu();
    let summary = read::read(kind, &mut reader as &mut dyn BufRead, &mut |row| {
        take(row);
        ControlFlow::Continue(())
    })
    .expect("the input is whole");
    assert!(summary.skipped.is_empty(), "{:?}", summary.skipped);
    cpu() - before
}

fn cpu() -> f64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
}

/// Flows as Arrow columns.
struct Columns {
    ts: Int64Builder,
    source: FixedSizeBinaryBuilder,
    source_port: UInt16Builder,
    remote: FixedSizeBinaryBuilder,
    remote_port: UInt16Builder,
    transport: StringDictionaryBuilder<Int8Type>,
    service: StringBuilder,
    duration: Int64Builder,
    sent: Int64Builder,
    received: Int64Builder,
    state: StringBuilder,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            ts: Int64Builder::new(),
            source: FixedSizeBinaryBuilder::new(16),
            source_port: UInt16Builder::new(),
            remote: FixedSizeBinaryBuilder::new(16),
            remote_port: UInt16Builder::new(),
            transport: StringDictionaryBuilder::new(),
            service: StringBuilder::new(),
            duration: Int64Builder::new(),
            sent: Int64Builder::new(),
            received: Int64Builder::new(),
            state: StringBuilder::new(),
        }
    }
}

fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

impl Columns {
    fn push(&mut self, f: &FlowRow) {
        self.ts.append_value(f.ts);
        self.source.append_value(octets(f.source)).expect("16 bytes");
        self.source_port.append_value(f.source_port);
        self.remote.append_value(octets(f.remote)).expect("16 bytes");
        self.remote_port.append_value(f.remote_port);
        self.transport.append_value(f.transport.word());
        self.service.append_option(f.service.as_deref());
        self.duration.append_option(f.duration);
        self.sent.append_value(f.sent);
        self.received.append_value(f.received);
        self.state.append_option(f.state.as_deref());
    }

    fn finish(mut self) -> usize {
        use arrow_array::Array as _;
        [self.source.finish().len(), self.state.finish().len(), self.ts.finish().len()]
            .into_iter()
            .min()
            .unwrap_or(0)
    }
}

fn print_rows(path: &str) {
    let file = std::fs::File::open(path).expect("a readable file");
    let (_, mut reader) = decompress::open(file).expect("a readable file");
    let kind = reader.fill_buf().ok().and_then(recognise::recognise);
    let mut out = std::io::stdout().lock();
    let Some(kind) = kind.filter(|k| k.telemetry()) else {
        let _ = writeln!(out, "{path}: {kind:?}");
        return;
    };
    let summary = read::read(kind, &mut *reader, &mut |row| {
        let line = serde_json::to_string(&row).expect("a row is plain data");
        if writeln!(out, "{line}").is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    eprintln!("{path}: {kind:?} {summary:?}");
}
