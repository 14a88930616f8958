//! Reports of others about infected machines, taken in: each event of a bot on a channel is a sighting, pseudonymous before it
//! is written; what is no such event, or cannot be read, is listed and stays in the exhibit alone.

use crate::support::{ingest, init, options};
use botnet::telemetry::Window;
use comity::node::ingest::Taken;
use std::io::Write as _;
use std::path::Path;
use terms::{ExhibitKind, FindingBody};

const SHADOWSERVER: &str = "\"timestamp\",\"protocol\",\"src_ip\",\"src_port\",\"src_asn\",\"src_geo\",\"dst_ip\",\"dst_port\",\"infection\",\"family\",\"http_host\"\n\
\"2026-03-01 00:00:01\",\"tcp\",\"203.0.113.7\",51234,64500,\"PE\",\"198.51.100.9\",80,\"two\",\"harbour\",\"relay.example\"\n\
\"2026-03-01 00:00:02\",\"tcp\",\"203.0.113.8\",51235,64500,\"PE\",\"198.51.100.9\",4443,\"two\",\"harbour\",\"\"\n\
\"2026-03-01 00:00:03\",\"tcp\",\"2001:db8:77::9\",51236,64500,\"PE\",\"198.51.100.9\",80,\"two\",\"harbour\",\"relay.example\"\n\
\"2026-03-01 00:00:04\",\"tcp\",\"203.0.113.9\",51237,64500,\"PE\",\"198.51.100.9\",80,\"ip-spoofer\",\"\",\"relay.example\"\n\
\"2026-02-30 00:00:05\",\"tcp\",\"203.0.113.10\",51238,64500,\"PE\",\"198.51.100.9\",80,\"two\",\"harbour\",\"relay.example\"\n\
\"2026-03-01 00:00:06\",\"tcp\",\"203.0.113.777\",51239,64500,\"PE\",\"198.51.100.9\",80,\"two\",\"harbour\",\"relay.example\"\n";

const CTIP: &str = concat!(
    r#"{"DataFeed":"CTIP-Infected","DateTimeReceivedUtc":134167968000000000,"Malware":"Harbour","ThreatCode":"two","SourceIp":"203.0.113.21","SourcePort":40001,"DestinationIp":"198.51.100.9","DestinationPort":80,"HttpInfo":{"HttpHost":"relay.example"}}"#,
    "\n",
    r#"{"DataFeed":"CTIP-Infected","DateTimeReceivedUtc":134167968010000000,"Malware":"Harbour","ThreatCode":"two","SourceIp":"203.0.113.22","SourcePort":40002,"DestinationIp":"198.51.100.9","DestinationPort":4443}"#,
    "\n",
    r#"{"DataFeed":"CTIP-Infected","DateTimeReceivedUtc":134167968020000000,"SourceIp":"203.0.113.23","SourcePort":40003}"#,
    "\nnot json\n",
    r#"{"DataFeed":"CTIP-Infected","DateTimeReceivedUtc":134167968030000000,"Malware":"Harbour","SourceIp":"nobody"}"#,
    "\n",
);

/// A report in another spelling stays a text, with what is in it, and is told to be no report.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_looks_like_a_report_is_told() {
    let keep = tempfile::tempdir().unwrap();
    let (options, _clock) = options(&keep.path().join("home"));
    let node = init(&options).await;
    let folder = keep.path().join("reports");
    std::fs::create_dir(&folder).unwrap();
    for (name, head) in [
        ("1", "\"timestamp\";\"src_ip\";\"infection\""),
        ("2", "timestamp,machine,infection"),
        ("3", "src_ip,timestamp,infection"),
        ("4", "a note, of a timestamp, and no table"),
    ] {
        std::fs::write(folder.join(format!("{name}.csv")), format!("{head}\nnothing\n")).unwrap();
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"timestamp\tip\tport\n").unwrap();
    std::fs::write(folder.join("5.csv.gz"), packed.finish().unwrap()).unwrap();
    let done = ingest(&node, &[&folder]).await;
    assert!(done.taken.iter().all(|t| t.kind == ExhibitKind::Text && t.rows == 0), "{done:?}");
    let why = |n: usize| {
        done.taken[n].unreadable.iter().map(|l| (l.code.as_str(), l.why.as_str())).collect::<Vec<_>>()
    };
    for (n, word) in [(0, "commas"), (1, "without a column"), (2, "first column"), (4, "commas")] {
        let told = why(n);
        assert!(matches!(told[..], [("CMT-1475", said)] if said.contains(word)), "{n}: {told:?}");
    }
    assert!(why(3).is_empty(), "a text is a text");
    node.close().await.unwrap();
}

fn left(taken: &Taken) -> Vec<(&str, &str, u64)> {
    taken.unreadable.iter().map(|l| (l.code.as_str(), l.at.as_str(), l.records)).collect()
}

/// Whether a text stands in any file below a folder, as it is.
fn stands(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).any(|path| match path.is_dir() {
        true => stands(&path, text),
        false => std::fs::read(&path).unwrap().windows(text.len()).any(|w| w == text.as_bytes()),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bot_of_a_report_is_a_sighting_and_nothing_else_is() {
    let keep = tempfile::tempdir().unwrap();
    let (options, _clock) = options(&keep.path().join("home"));
    let node = init(&options).await;
    let folder = keep.path().join("reports");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("1-sinkhole.csv"), SHADOWSERVER).unwrap();
    // A feed comes compressed, and is the same.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(CTIP.as_bytes()).unwrap();
    std::fs::write(folder.join("2-ctip.json.gz"), packed.finish().unwrap()).unwrap();
    // The same kind with nothing in it that could be read as an event.
    std::fs::write(folder.join("3-empty.csv"), "timestamp,src_ip,infection\nnever,nowhere,nothing\n")
        .unwrap();

    let done = ingest(&node, &[&folder]).await;
    let kinds: Vec<ExhibitKind> = done.taken.iter().map(|t| t.kind).collect();
    assert_eq!(kinds, [ExhibitKind::Shadowserver, ExhibitKind::Ctip, ExhibitKind::Shadowserver]);
    assert_eq!(done.taken.iter().map(|t| t.rows).collect::<Vec<_>>(), [3, 2, 0]);
    assert!(done.partly() && done.not_sealed.is_empty());
    // The one that lets addresses be spoofed is the fourth event; a time and an address cannot be read.
    assert_eq!(
        left(&done.taken[0]),
        [("CMT-1463", "record 6", 1), ("CMT-1464", "record 7", 1), ("CMT-1469", "event 4", 1)]
    );
    assert_eq!(
        left(&done.taken[1]),
        [("CMT-1467", "record 4", 1), ("CMT-1464", "record 5", 1), ("CMT-1469", "event 3", 1)]
    );
    assert_eq!(left(&done.taken[2]), [("CMT-1463", "record 2", 1)]);

    // Both reports fill one table: channel by host name, else by address and port.
    let tables = node.tables().await.unwrap();
    let found = tables.activity(&[], Window::ALL).await.unwrap();
    let mut told: Vec<String> = (found.iter())
        .map(|f| match &f.finding.body {
            FindingBody::Activity { channel, bots, .. } => format!("{channel} {bots}"),
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort();
    assert_eq!(told, ["198.51.100.9:4443 2", "relay.example 3"], "both reports speak of the same day");
    // No report gives an id of its own: such sightings count for no population.
    let mut with_id = 0;
    tables.each_bot(Window::ALL, &mut |_| with_id += 1).await.unwrap();
    assert_eq!(with_id, 0);

    // Taken in again, nothing is counted twice.
    let again = ingest(&node, &[&folder]).await;
    assert!(again.taken.iter().all(|t| !t.fresh && t.rows == 0), "{again:?}");
    drop(tables);
    let home = node.home.root().to_owned();
    node.close().await.unwrap();
    // Machines' addresses stand in no byte of the home: exhibits are sealed, telemetry is pseudonymous.
    for address in
        ["203.0.113.7", "203.0.113.8", "2001:db8:77::9", "203.0.113.9", "203.0.113.21", "203.0.113.23"]
    {
        assert!(!stands(&home, address), "{address}");
    }
    assert!(stands(&keep.path().join("reports"), "203.0.113.7"), "the search finds what is there");
}
