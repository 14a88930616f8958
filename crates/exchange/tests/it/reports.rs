//! Reports of Shadowserver and of CTIP: what is read of them, what is left out, and that nothing hostile costs more than itself.

use exchange::reports::{Event, MAX_RECORD, Summary, read, recognise};
use proptest::prelude::*;
use std::io::Read;
use std::ops::ControlFlow;
use terms::ExhibitKind;

/// One event in one line: `time source:port network place infection channel | column=value …`.
fn shown(event: &Event<'_>) -> String {
    let or = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let mut line = format!(
        "{} {} {} {} {} {} {} |",
        event.at,
        event.source,
        or(event.port.map(|p| p.to_string())),
        or(event.network.map(|n| n.to_string())),
        or(event.place.map(|p| p.to_string())),
        or(event.infection.clone()),
        or(event.channel().map(|c| c.key())),
    );
    event.rest(&mut |name, value| {
        if !value.is_empty() {
            line.push_str(&format!(" {name}={value}"));
        }
    });
    line
}

fn of(kind: ExhibitKind, bytes: &[u8]) -> (Vec<String>, Summary) {
    let mut events = Vec::new();
    let summary = read(kind, &mut { bytes }, &mut |event| {
        events.push(shown(event));
        ControlFlow::Continue(())
    });
    (events, summary.unwrap())
}

/// Code, first record, number of records.
fn skipped(summary: &Summary) -> Vec<(&str, u64, u64)> {
    summary.skipped.iter().map(|s| (s.code, s.first, s.records)).collect()
}

const HEADER: &str = "\"timestamp\",\"protocol\",\"src_ip\",\"src_port\",\"src_asn\",\"src_geo\",\"src_city\",\"dst_ip\",\"dst_port\",\"infection\",\"family\",\"http_host\"\n";

#[test]
fn a_sinkhole_report() {
    let text = format!(
        "{HEADER}\"2026-03-02 00:00:01\",\"tcp\",\"192.0.2.7\",51234,64500,\"PE\",\"LIMA, \"\"CENTRO\"\"\",\"198.51.100.9\",443,\"Harbour-2\",\"harbour\",\"relay.example:443\"\r\n\
         2026-03-02 00:00:02,tcp,2001:db8::7,,0,ZZ,,198.51.100.9,443,harbour,harbour,\n\
         \"2026-03-02 00:00:03\",\"tcp\",\"192.0.2.8\",1,64500,\"PE\",,,,\"ip-spoofer\",,\n\
         \"2026-03-02 00:00:04\",\"tcp\",\"::ffff:192.0.2.9\",1,64500,\"PE\",,,,,,"
    );
    assert_eq!(recognise(text.as_bytes()), Some(ExhibitKind::Shadowserver));
    let (events, summary) = of(ExhibitKind::Shadowserver, text.as_bytes());
    assert_eq!(
        events,
        [
            "2026-03-02T00:00:01Z 192.0.2.7 51234 64500 PE harbour/harbour-2 relay.example | protocol=tcp src_city=LIMA, \"CENTRO\"",
            "2026-03-02T00:00:02Z 2001:db8::7 - - - harbour 198.51.100.9:443 | protocol=tcp",
            "2026-03-02T00:00:03Z 192.0.2.8 1 64500 PE - - | protocol=tcp",
            "2026-03-02T00:00:04Z 192.0.2.9 1 64500 PE - - | protocol=tcp",
        ]
    );
    assert_eq!((summary.events, summary.skipped.len()), (4, 0));
}

#[test]
fn a_scan_report_names_machines_and_no_bot() {
    let text = "timestamp,ip,protocol,port,hostname,tag,asn,geo,infection\n2018-04-14 00:14:34,198.51.100.179,udp,53,host.example,openresolver,64501,AT,dns\n";
    let (events, _) = of(ExhibitKind::Shadowserver, text.as_bytes());
    assert_eq!(
        events,
        [
            "2018-04-14T00:14:34Z 198.51.100.179 53 64501 AT - - | protocol=udp hostname=host.example tag=openresolver infection=dns"
        ]
    );
}

#[test]
fn what_cannot_be_read_is_counted_and_the_rest_is_read() {
    let good = "2026-03-02 00:00:02,tcp,192.0.2.7,5,6,PE,,198.51.100.9,443,harbour,,\n";
    for (bad, code) in [
        ("2026-03-02 00:00:02,tcp,192.0.2.7\n".to_owned(), "CMT-1462"),
        (good.replace("03-02", "13-02"), "CMT-1463"),
        (good.replace("192.0.2.7", "192.0.2.777"), "CMT-1464"),
        (good.replace(",5,", ",65536,"), "CMT-1465"),
        (good.replace(",6,", ",-6,"), "CMT-1465"),
        (format!("\"2026-03-02 00:00:02\"x,{good}"), "CMT-1462"),
        (format!("{}\n", ",".repeat(600)), "CMT-1460"),
        (format!("{}\n", "x".repeat(MAX_RECORD + 1)), "CMT-1460"),
        (format!("a,\"{}\n", "x".repeat(3 * MAX_RECORD)), "CMT-1460"),
    ] {
        let text = format!("{HEADER}{good}{bad}{good}{good}");
        let (events, summary) = of(ExhibitKind::Shadowserver, text.as_bytes());
        assert_eq!(
            (events.len(), skipped(&summary)),
            (3, vec![(code, 3, 1)]),
            "{}",
            bad.chars().take(80).collect::<String>()
        );
    }
    // A quote that is never closed takes its own record and no other.
    let open = good.replace("harbour", "\"harbour");
    let (events, summary) =
        of(ExhibitKind::Shadowserver, format!("{HEADER}{good}{open}{good}{good}").as_bytes());
    assert_eq!((events.len(), skipped(&summary)), (3, vec![("CMT-1461", 3, 1)]));
    let (events, summary) = of(ExhibitKind::Shadowserver, good.repeat(3).as_bytes());
    assert_eq!((events.len(), skipped(&summary)), (0, vec![("CMT-1466", 1, 3)]));
}

#[test]
fn reports_one_behind_the_other_are_read_each_by_its_own_header() {
    let text = "\u{feff}\"timestamp\",\"ip\",\"port\"\n2026-03-02 00:00:02,192.0.2.7,5\n\n\"timestamp\",\"port\",\"ip\"\n2026-03-02 00:00:02,6,192.0.2.8\n";
    assert_eq!(recognise(text.as_bytes()), Some(ExhibitKind::Shadowserver));
    let (events, summary) = of(ExhibitKind::Shadowserver, text.as_bytes());
    assert_eq!(
        events,
        ["2026-03-02T00:00:02Z 192.0.2.7 5 - - - - |", "2026-03-02T00:00:02Z 192.0.2.8 6 - - - - |"]
    );
    assert_eq!(skipped(&summary), []);
}

#[test]
fn a_torn_report_gives_what_came_before() {
    struct Torn(usize);
    impl Read for Torn {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let text = format!(
                "{HEADER}2026-03-02 00:00:02,tcp,192.0.2.7,5,6,PE,,198.51.100.9,443,harbour,,\n2026-03"
            );
            let rest = &text.as_bytes()[self.0..];
            if rest.is_empty() {
                return Err(std::io::Error::other("torn"));
            }
            let n = rest.len().min(buffer.len()).min(7);
            buffer[..n].copy_from_slice(&rest[..n]);
            self.0 += n;
            Ok(n)
        }
    }
    let mut events = 0;
    let summary = read(ExhibitKind::Shadowserver, &mut Torn(0), &mut |_| {
        events += 1;
        ControlFlow::Continue(())
    });
    assert_eq!((events, skipped(&summary.unwrap())), (1, vec![("CMT-1462", 3, 1), ("CMT-1468", 4, 0)]));
}

#[test]
fn ctip() {
    let text = r#"{"DataFeed":"CTIP-Infected","DateTimeReceivedUtc":132348339284870000,"Malware":"Harbour","ThreatCode":"B99-HARBOUR","TLP":"Amber","SourceIp":"192.0.2.7","SourcePort":65116,"DestinationIp":"198.51.100.9","DestinationPort":80,"SourceIpInfo":{"SourceIpAsnNumber":"64496","SourceIpCountryCode":"AT"},"HttpInfo":{"HttpHost":"Relay.example","HttpMethod":"GET"}}
{"DataFeed":"CTIP-Infected","DateTimeReceivedUtc":1,"SourceIp":"nobody"}
not json
"#;
    assert_eq!(recognise(text.as_bytes()), Some(ExhibitKind::Ctip));
    let (events, summary) = of(ExhibitKind::Ctip, text.as_bytes());
    assert_eq!(
        events,
        [
            r#"2020-05-24T22:45:28.487Z 192.0.2.7 65116 64496 AT harbour/b99-harbour relay.example | DataFeed="CTIP-Infected" TLP="Amber" SourceIpInfo={"SourceIpAsnNumber":"64496","SourceIpCountryCode":"AT"} HttpInfo={"HttpHost":"Relay.example","HttpMethod":"GET"}"#
        ]
    );
    assert_eq!(skipped(&summary), [("CMT-1464", 2, 1), ("CMT-1467", 3, 1)]);
}

#[test]
fn other_texts_are_no_reports() {
    for text in [
        "",
        "{}",
        "{\"DataFeed\":\"x\"}",
        "timestamp,value\n1,2\n",
        "time,ip\n",
        "\"timestamp\",\"ip",
        "timestamps,ip\n",
    ] {
        let expected = (text == "\"timestamp\",\"ip").then_some(ExhibitKind::Shadowserver).filter(|_| false);
        assert_eq!(recognise(text.as_bytes()), expected, "{text}");
    }
}

/// Every record that the published parser of fields finds is an event of ours, or is counted.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test data lies in files")]
fn real_reports() {
    let Some(folder) = std::env::var_os("COMITY_DATA") else {
        return eprintln!("skipped: COMITY_DATA names no folder with real reports");
    };
    let folder = std::path::Path::new(&folder).join("sharing");
    let (mut files, mut events) = (0, 0);
    for entry in std::fs::read_dir(folder.join("shadowserver")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "csv") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(recognise(&bytes), Some(ExhibitKind::Shadowserver), "{}", path.display());
        let (found, summary) = of(ExhibitKind::Shadowserver, &bytes);
        // Records with a column too few (another reader of CSV counts the same ones), one whose address has five parts, one of a network.
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let expected = match name.as_str() {
            "blocklist.csv" => vec![("CMT-1464", 4, 1)],
            "event4_honeypot_ddos.csv" => vec![("CMT-1462", 2, 3)],
            "event4_microsoft_sinkhole.csv" => vec![("CMT-1462", 7, 1)],
            "scan_synfulknock.csv" => vec![("CMT-1462", 4, 1)],
            "event4_honeypot_ddos_amp.csv" => vec![("CMT-1464", 6, 1)],
            _ => vec![],
        };
        assert_eq!(skipped(&summary), expected, "{name}");
        assert!(!found.is_empty() || name == "event4_honeypot_ddos.csv", "{name}");
        (files, events) = (files + 1, events + found.len());
    }
    assert_eq!((files, events), (67, 479));
    let bytes = std::fs::read(folder.join("intelmq/microsoft_ctip_azure.txt")).unwrap();
    let (found, summary) = of(ExhibitKind::Ctip, &bytes);
    assert!(summary.skipped.is_empty() && found.len() > 2, "{:?}", summary.skipped);
}

proptest! {
    #[test]
    fn no_bytes_stop_it(bytes in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), Just(b'1'), any::<u8>()], 0..400)) {
        let mut text = b"timestamp,ip\n".to_vec();
        text.extend(&bytes);
        for kind in [ExhibitKind::Shadowserver, ExhibitKind::Ctip] {
            let _ = of(kind, &bytes);
            let _ = of(kind, &text);
        }
        let _ = recognise(&bytes);
    }

    /// Fields of any content, each quoted, come back as they were written.
    #[test]
    fn quoted_fields_come_back(values in proptest::collection::vec("[a-z\",\n\r ]{0,12}", 1..6)) {
        let names: Vec<String> = (0..values.len()).map(|i| format!("c{i}")).collect();
        let quoted: Vec<String> = values.iter().map(|v| format!("\"{}\"", v.replace('"', "\"\""))).collect();
        let text = format!("timestamp,ip,{}\n2026-03-02 00:00:02,192.0.2.7,{}\n", names.join(","), quoted.join(","));
        let mut found = Vec::new();
        let summary = read(ExhibitKind::Shadowserver, &mut text.as_bytes(), &mut |event| {
            event.rest(&mut |_, value| found.push(value.to_owned()));
            ControlFlow::Continue(())
        });
        prop_assert_eq!(found, values);
        prop_assert_eq!(summary.unwrap().skipped, vec![]);
    }
}
