//! How fast reports of infected machines are read: events per CPU-second, `cargo run --release -p comity-bench-shadowserver`
//! in `bench/`. The report is made here, with the columns of a real one; `--file FILE` reads a report of
//! your own, `--small` less of it. Peers read the same bytes (`peers.py`).

#[path = "../../figure.rs"]
#[allow(dead_code, reason = "not every program has every kind of line")]
mod figure;
#[path = "../../../crates/exchange/src/line.rs"]
#[allow(dead_code)]
mod line;
#[path = "../../../crates/exchange/src/reports/mod.rs"]
#[allow(dead_code)]
mod reports;

use std::fmt::Write as _;
use std::ops::ControlFlow;
use terms::ExhibitKind;

const EVENTS: u32 = 1_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--file", file] => {
            let bytes = std::fs::read(file).expect("a file that can be read");
            let kind = reports::recognise(&bytes).expect("a report");
            measure(file, kind, &bytes);
        }
        _ => {
            let events = if figure::small() { EVENTS / 10 } else { EVENTS };
            let text = report(events);
            measure(REPORT, ExhibitKind::Shadowserver, text.as_bytes());
            beside(text.as_bytes());
            measure("CTIP feed", ExhibitKind::Ctip, feed(events / 2).as_bytes());
        }
    }
}

const REPORT: &str = "Shadowserver, sinkhole report";

/// The peers on the same report, from a file.
fn beside(report: &[u8]) {
    let rows = [(REPORT, "IntelMQ"), (REPORT, "DuckDB"), (REPORT, "Python's csv")];
    let file = std::env::temp_dir().join(format!("comity-shadowserver-{}.csv", std::process::id()));
    match std::fs::write(&file, report) {
        Ok(()) => {
            let script = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers.py"));
            figure::python(script, &[file.as_os_str()], &rows);
        }
        Err(e) => rows.iter().for_each(|(what, who)| figure::missing(what, who, &e.to_string())),
    }
    let _ = std::fs::remove_file(&file);
}

fn measure(name: &str, kind: ExhibitKind, bytes: &[u8]) {
    let mut rounds = Vec::new();
    for round in 1..=3 {
        let before = spent();
        let (mut events, mut check) = (0u64, 0u64);
        let summary = reports::read(kind, &mut { bytes }, &mut |event| {
            events += 1;
            // What the telemetry tables take of an event is made, too.
            check += event.channel().map_or(0, |c| c.key().len() as u64) + u64::from(event.port.unwrap_or(0));
            ControlFlow::Continue(())
        });
        let took = spent() - before;
        rounds.push(events as f64 / took);
        println!(
            "{name}, round {round}: {events} events, {:.0} events/CPU-s, {:.0} MB/CPU-s ({check}; left out: {:?})",
            events as f64 / took,
            bytes.len() as f64 / took / 1e6,
            summary.map(|s| s.skipped)
        );
    }
    figure::ours(name, figure::middle(rounds), "events/CPU-s", 250e3);
}

fn spent() -> f64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
}

fn report(events: u32) -> String {
    let mut out = String::from(
        "\"timestamp\",\"protocol\",\"src_ip\",\"src_port\",\"src_asn\",\"src_geo\",\"src_region\",\"src_city\",\"src_hostname\",\
         \"src_naics\",\"src_sector\",\"device_vendor\",\"device_type\",\"device_model\",\"dst_ip\",\"dst_port\",\"dst_asn\",\
         \"dst_geo\",\"dst_region\",\"dst_city\",\"dst_hostname\",\"dst_naics\",\"dst_sector\",\"public_source\",\"infection\",\
         \"family\",\"tag\",\"application\",\"version\",\"event_id\"\n",
    );
    for i in 0..events {
        let (a, b, c) = (i >> 16 & 0xff, i >> 8 & 0xff, i & 0xff);
        writeln!(
            out,
            "\"2026-03-02 {:02}:{:02}:{:02}\",\"tcp\",\"10.{a}.{b}.{c}\",{},{},\"PE\",\"METROPOLITANA\",\"LIMA\",\
             \"host-{i}.provider.example\",517311,\"Communications, Service Provider, and Hosting Service\",,,,\
             \"198.51.100.{}\",443,64511,\"DE\",\"HESSEN\",\"FRANKFURT AM MAIN\",,518210,\
             \"Communications, Service Provider, and Hosting Service\",\"bench\",\"harbour.{}\",\"harbour\",\"harbour\",,,",
            i / 3600 % 24,
            i / 60 % 60,
            i % 60,
            1024 + i % 60_000,
            64_500 + i % 10,
            i % 250,
            i % 7
        )
        .expect("a string takes it");
    }
    out
}

fn feed(events: u32) -> String {
    let mut out = String::new();
    for i in 0..events {
        let (a, b, c) = (i >> 16 & 0xff, i >> 8 & 0xff, i & 0xff);
        writeln!(
            out,
            "{{\"DataFeed\":\"CTIP-Infected\",\"SourcedFrom\":\"SinkHoleMessage\",\"DateTimeReceivedUtc\":{},\
             \"DateTimeReceivedUtcTxt\":\"Sunday May 24 2020 22:45:28.4870\",\"Malware\":\"Harbour\",\"ThreatCode\":\"B99-HARBOUR\",\
             \"ThreatConfidence\":\"Low\",\"TotalEncounters\":3,\"TLP\":\"Amber\",\"SourceIp\":\"10.{a}.{b}.{c}\",\"SourcePort\":{},\
             \"DestinationIp\":\"198.51.100.9\",\"DestinationPort\":80,\"TargetIp\":\"203.0.113.45\",\"TargetPort\":80,\
             \"SourceIpInfo\":{{\"SourceIpAsnNumber\":\"{}\",\"SourceIpAsnOrgName\":\"Example AS 1\",\"SourceIpCountryCode\":\"AT\",\
             \"SourceIpRegion\":\"\",\"SourceIpCity\":\"\",\"SourceIpPostalCode\":\"\",\"SourceIpLatitude\":48.2,\
             \"SourceIpLongitude\":16.3667,\"SourceIpMetroCode\":0,\"SourceIpAreaCode\":0,\"SourceIpConnectionType\":\"\"}},\
             \"HttpInfo\":{{\"HttpHost\":\"\",\"HttpRequest\":\"\",\"HttpMethod\":\"\",\"HttpReferrer\":\"\",\"HttpUserAgent\":\"\",\
             \"HttpVersion\":\"\"}},\"CustomInfo\":{{\"CustomField1\":\"harbour\",\"CustomField2\":\"\",\"CustomField3\":\"\",\
             \"CustomField4\":\"\",\"CustomField5\":\"\"}}}}",
            132_348_339_284_870_000u64 + u64::from(i) * 10_000_000,
            1024 + i % 60_000,
            64_496 + i % 10
        )
        .expect("a string takes it");
    }
    out
}
