//! Traffic of every kind through a node: what each sensor wrote is taken in, and each question to it is asked.

use crate::support::{ingest, init, options};
use comity::node::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use terms::{ExhibitKind, FindingBody};

/// Midnight of the exercise's first day.
const START: i64 = 1_772_409_600;

/// One connection of a customer's host: second of the day, host, remote address, seconds that it lasted.
fn connection(log: &mut String, (second, host, remote, lasts): (f64, u8, &str, f64)) {
    let ts = START as f64 + second;
    writeln!(
        log,
        "{ts:.6}\tC{host}x{second}\t10.1.1.{host}\t40000\t{remote}\t4443\ttcp\t-\t{lasts}\t240\t160\tSF\tT\tF\t0\tShADadFf\t4\t200\t4\t220\t-"
    )
    .unwrap();
}

/// One question: second of the day, host, name, type, answer code, answer.
fn question(log: &mut String, (second, host, name, kind, code): (i64, u8, &str, &str, &str)) {
    let ts = START + second;
    writeln!(
        log,
        "{ts}.000001\tD{host}x{second}\t10.1.1.{host}\t5353\t192.0.2.53\t53\tudp\t{name}\t{kind}\t{code}\t-"
    )
    .unwrap();
}

/// Letters that look enciphered.
fn encoded(number: u64, length: usize) -> String {
    let mut dice = crate::support::Dice::new(number);
    (0..length).map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[dice.at(32)])).collect()
}

fn logs(folder: &Path) {
    let mut conn = exercise::zeek_conn_header(terms::Day(START as i32 / 86_400));
    connection(&mut conn, (60.0, 1, "198.18.7.1", 7.0 * 3600.0));
    (0..720).for_each(|i| connection(&mut conn, (f64::from(i) * 0.5, 2, "198.18.7.2", 0.1)));
    std::fs::write(folder.join("conn.log"), conn).unwrap();

    let mut dns = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n\
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tquery\tqtype_name\trcode_name\tanswers\n\
#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tstring\tstring\tvector[string]\n"
        .to_owned();
    for i in 0..200 {
        let tunnel = format!("{}.t.relay.example", encoded(i, 52));
        question(&mut dns, (i as i64, 3, &tunnel, "TXT", "NOERROR"));
    }
    for i in 0..40 {
        question(&mut dns, (i * 5, 4, &format!("harbour{i}lantern.example"), "A", "NXDOMAIN"));
    }
    std::fs::write(folder.join("dns.log"), dns).unwrap();

    let http = "{\"ts\":1772409660.5,\"uid\":\"H1\",\"id.orig_h\":\"10.1.1.5\",\"id.orig_p\":49161,\"id.resp_h\":\"198.18.7.5\",\"id.resp_p\":80,\"trans_depth\":1,\"method\":\"POST\",\"host\":\"shop.example\",\"uri\":\"/gate.php?user=ada\",\"version\":\"1.1\",\"user_agent\":\"Agent/1\",\"request_body_len\":6,\"response_body_len\":154,\"status_code\":200}\n";
    std::fs::write(folder.join("http.json"), http).unwrap();
    let tls = "{\"ts\":1772409661.5,\"uid\":\"S1\",\"id.orig_h\":\"10.1.1.5\",\"id.orig_p\":49162,\"id.resp_h\":\"198.18.7.5\",\"id.resp_p\":443,\"version\":\"TLSv12\",\"cipher\":\"TLS_AES_128_GCM_SHA256\",\"server_name\":\"shop.example\",\"resumed\":false,\"established\":true,\"ssl_history\":\"Cs\"}\n";
    std::fs::write(folder.join("ssl.json"), tls).unwrap();
    let eve = "{\"timestamp\":\"2026-03-02T00:01:02.000000+0000\",\"flow_id\":1,\"event_type\":\"flow\",\"src_ip\":\"10.1.1.6\",\"src_port\":5000,\"dest_ip\":\"198.51.100.7\",\"dest_port\":443,\"proto\":\"TCP\",\"app_proto\":\"tls\",\"flow\":{\"pkts_toserver\":5,\"pkts_toclient\":4,\"bytes_toserver\":500,\"bytes_toclient\":4000,\"start\":\"2026-03-02T00:01:02.000000+0000\",\"end\":\"2026-03-02T00:01:03.000000+0000\",\"age\":1,\"state\":\"closed\"}}\n";
    std::fs::write(folder.join("eve.json"), eve).unwrap();
    let passive = "{\"rrname\":\"relay.example\",\"rrtype\":\"A\",\"rdata\":\"198.18.7.9\",\"time_first\":1772409600,\"time_last\":1772413200,\"count\":3}\n";
    std::fs::write(folder.join("passive.json"), passive).unwrap();
}

/// Examiner to what it says of which channel or host, for the questions to traffic.
async fn told(node: &Node) -> BTreeMap<String, BTreeSet<String>> {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for finding in node.standing().await.unwrap() {
        let what = match &finding.body {
            FindingBody::Beacon { remote, connections, .. } => format!("{} {connections}", remote.key()),
            FindingBody::GeneratedNames { nonexistent, .. } => format!("{nonexistent} missing"),
            _ => continue,
        };
        told.entry(finding.examiner.clone()).or_default().insert(what);
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_log_is_taken_in_and_every_question_is_asked() {
    let keep = tempfile::tempdir().unwrap();
    let (options, _clock) = options(&keep.path().join("home"));
    let node = init(&options).await;
    let folder = keep.path().join("logs");
    std::fs::create_dir(&folder).unwrap();
    logs(&folder);
    let taken = ingest(&node, &[&folder]).await;
    assert!(!taken.partly(), "{taken:?}");
    let kinds: BTreeSet<ExhibitKind> = taken.taken.iter().map(|t| t.kind).collect();
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    // Passive DNS tells of the first and the last time.
    assert_eq!(taken.rows(), 721 + 240 + 1 + 1 + 1 + 2);

    let analyzed = node.analyze(&|_| ()).await.unwrap();
    assert_eq!(analyzed.rows, taken.rows(), "logs are asked and not examined");
    let found: u64 = analyzed.findings.values().sum();
    assert!(found > 0 && analyzed.new_findings == found, "{analyzed:?}");
    let all = told(&node).await;
    let of = |examiner: &str| all.get(examiner).cloned().unwrap_or_default().into_iter().collect::<Vec<_>>();
    assert_eq!(of("botnet.long-connection"), ["198.18.7.1:4443 1"]);
    assert_eq!(of("botnet.strobe"), ["198.18.7.2:4443 720"]);
    assert_eq!(of("botnet.dns-channel"), ["relay.example 200"]);
    assert_eq!(of("botnet.nxdomain-burst"), ["40 missing"]);

    // A connection that stays open and very many calls make no threat by themselves.
    let threats = node.assess().await.unwrap();
    let channels: BTreeSet<String> =
        threats.iter().flat_map(|t| t.channels.iter().map(|c| c.channel.key())).collect();
    assert!(channels.contains("relay.example") && !channels.contains("198.18.7.1:4443"), "{channels:?}");

    // Each correlator states anew what it stated, and nothing of what another did is taken back.
    let more = folder.join("later.log");
    let mut conn = exercise::zeek_conn_header(terms::Day(START as i32 / 86_400));
    connection(&mut conn, (30_000.0, 1, "198.18.7.1", 9.0 * 3600.0));
    std::fs::write(&more, conn).unwrap();
    ingest(&node, &[&more]).await;
    node.analyze(&|_| ()).await.unwrap();
    let again = told(&node).await;
    assert_eq!(again["botnet.long-connection"].iter().collect::<Vec<_>>(), ["198.18.7.1:4443 2"]);
    for examiner in ["botnet.strobe", "botnet.dns-channel", "botnet.nxdomain-burst"] {
        assert_eq!(all[examiner], again[examiner], "{examiner}");
    }
}

/// Connections of hosts that are nobody's as far as the home knows are counted, or it would seem that nobody called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_between_strangers_are_told() {
    let keep = tempfile::tempdir().unwrap();
    let (options, _clock) = options(&keep.path().join("home"));
    let node = init(&options).await;
    let mut conn = exercise::zeek_conn_header(terms::Day(START as i32 / 86_400));
    for second in 0..30_u32 {
        connection(&mut conn, (f64::from(second), 2, "198.18.7.2", 0.1));
    }
    // The sensor knows no side of its own, and the callers' addresses are of no private range.
    let strange = conn.replace("\t10.1.1.", "\t203.0.113.").replace("\tT\tF\t0\t", "\t-\t-\t0\t");
    for (name, text, told) in [("own.log", conn, None), ("strange.log", strange, Some((30, 30)))] {
        let file = keep.path().join(name);
        std::fs::write(&file, text).unwrap();
        let taken = ingest(&node, &[&file]).await;
        assert_eq!((taken.rows(), taken.strangers()), (30, told), "{name}");
    }
}
