//! Requests and handshakes: Zeek's http, ssl and x509 logs, what is kept of them, and the tables they fill.

use crate::data::{prepare, rows_of};
use botnet::prepare::Prepared;
use botnet::recognise;
use botnet::rows::{HttpRow, Row, TlsRow};
use botnet::tables::Table;
use proptest::prelude::*;
use terms::ExhibitKind;

const HTTP: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\thttp\n\
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\ttrans_depth\tmethod\thost\turi\treferrer\tversion\tuser_agent\trequest_body_len\tresponse_body_len\tstatus_code\tusername\tpassword\tresp_mime_types\n\
187.535914\tC1\t10.0.0.7\t49161\t198.51.100.7\t80\t1\tGET\tShop.Example\t/login.php?user=ada\thttp://a.example/x?y\t1.1\tAgent/1\t6\t154\t302\tada\tsecret\ttext/html,text/plain\n\
188\tC1\t10.0.0.7\t49161\t2001:db8::1\t80\t2\t-\t-\t-\t-\t-\t-\t0\t0\t-\t-\t-\t(empty)\n";
const HTTP_JSON: &str = "{\"ts\":187.535914,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.7\",\"id.orig_p\":49161,\"id.resp_h\":\"198.51.100.7\",\"id.resp_p\":80,\"trans_depth\":1,\"method\":\"GET\",\"host\":\"Shop.Example\",\"uri\":\"/login.php?user=ada\",\"referrer\":\"http://a.example/x?y\",\"version\":\"1.1\",\"user_agent\":\"Agent/1\",\"request_body_len\":6,\"response_body_len\":154,\"status_code\":302,\"username\":\"ada\",\"password\":\"secret\",\"resp_mime_types\":[\"text/html\",\"text/plain\"]}\n\
{\"ts\":188,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.7\",\"id.orig_p\":49161,\"id.resp_h\":\"2001:db8::1\",\"id.resp_p\":80,\"trans_depth\":2,\"request_body_len\":0,\"response_body_len\":0}\n";
const PRINT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn http_rows() -> [HttpRow; 2] {
    let ip = |t: &str| t.parse().unwrap();
    let some = |t: &str| Some(t.to_owned());
    let first = HttpRow {
        ts: 187_535_914,
        source: ip("10.0.0.7"),
        source_port: 49_161,
        remote: ip("198.51.100.7"),
        remote_port: 80,
        method: some("GET"),
        host: some("shop.example"),
        uri: some("/login.php"),
        uri_dropped: 9,
        user_agent: some("Agent/1"),
        referrer: some("http://a.example/x"),
        version: some("1.1"),
        status: Some(302),
        sent: 6,
        received: 154,
        mime: some("text/html"),
        source_local: None,
        remote_local: None,
    };
    let second = HttpRow {
        ts: 188_000_000,
        remote: ip("2001:db8::1"),
        method: None,
        host: None,
        uri: None,
        uri_dropped: 0,
        user_agent: None,
        referrer: None,
        version: None,
        status: None,
        sent: 0,
        received: 0,
        mime: None,
        ..first.clone()
    };
    [first, second]
}

#[test]
fn requests_read_the_same_from_text_and_json() {
    for log in [HTTP, HTTP_JSON] {
        let (kind, rows, summary) = rows_of(log.as_bytes());
        assert_eq!((kind, summary.unwrap().skipped), (Some(ExhibitKind::ZeekHttp), vec![]));
        let rows: Vec<HttpRow> =
            rows.into_iter().map(|r| if let Row::Http(r) = r { *r } else { panic!("{r:?}") }).collect();
        assert_eq!(rows, http_rows());
    }
}

fn handshake() -> TlsRow {
    let some = |t: &str| Some(t.to_owned());
    TlsRow {
        ts: 1_655_071_401_469_632,
        source: Some("10.0.0.7".parse().unwrap()),
        source_port: 62_774,
        remote: Some("198.51.100.7".parse().unwrap()),
        remote_port: 443,
        version: some("TLSv12"),
        cipher: some("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        sni: some("shop.example"),
        alpn: some("h2"),
        ja3: some("0123456789abcdef0123456789abcdef"),
        certificate: some(PRINT),
        resumed: Some(false),
        established: Some(true),
        ..TlsRow::default()
    }
}

fn tls_of(log: &str) -> (Option<ExhibitKind>, Vec<TlsRow>, usize) {
    let (kind, rows, summary) = rows_of(log.as_bytes());
    let rows = rows.into_iter().filter_map(|r| if let Row::Tls(r) = r { Some(*r) } else { None }).collect();
    (kind, rows, summary.unwrap().skipped.len())
}

#[test]
fn handshakes_read_the_same_from_text_and_json() {
    let text = format!(
        "#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tversion\tcipher\tserver_name\tresumed\tnext_protocol\testablished\tcert_chain_fps\tja3\n\
         1655071401.469632\t10.0.0.7\t62774\t198.51.100.7\t443\tTLSv12\tTLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\tSHOP.example.\tF\th2\tT\t{},ffff\t0123456789ABCDEF0123456789abcdef\n",
        PRINT.to_uppercase()
    );
    let json = format!(
        "{{\"ts\":\"2022-06-12T22:03:21.469632Z\",\"id\":{{\"orig_h\":\"10.0.0.7\",\"orig_p\":62774,\"resp_h\":\"198.51.100.7\",\"resp_p\":443}},\"version\":\"TLSv12\",\"cipher\":\"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\",\"server_name\":\"shop.example\",\"resumed\":false,\"next_protocol\":\"h2\",\"established\":true,\"cert_chain_fps\":[\"{PRINT}\"],\"ja3\":\"0123456789abcdef0123456789abcdef\"}}\n"
    );
    for log in [text, json] {
        assert_eq!(tls_of(&log), (Some(ExhibitKind::ZeekSsl), vec![handshake()], 0), "{log}");
    }
}

#[test]
fn certificates_read_the_same_from_text_and_json_and_persons_stay_out() {
    let text = format!(
        "#path\tx509\n#fields\tts\tfingerprint\tcertificate.subject\tcertificate.issuer\tcertificate.not_valid_before\tcertificate.not_valid_after\thost_cert\tclient_cert\n\
         2.5\t{PRINT}\tCN=a.example\tCN=b.example\t1.000000\t4e9\tT\tF\n\
         3\t{PRINT}\tCN=Ada\tCN=Staff\t-\t-\tF\tT\n"
    );
    let json = format!(
        "{{\"ts\":2.5,\"fingerprint\":\"{PRINT}\",\"certificate.subject\":\"CN=a.example\",\"certificate.issuer\":\"CN=b.example\",\"certificate.not_valid_before\":1.0,\"certificate.not_valid_after\":4000000000.0,\"host_cert\":true,\"client_cert\":false}}\n\
         {{\"ts\":3,\"fingerprint\":\"{PRINT}\",\"certificate.subject\":\"CN=Ada\",\"certificate.issuer\":\"CN=Staff\",\"host_cert\":false,\"client_cert\":true}}\n"
    );
    let server = TlsRow {
        ts: 2_500_000,
        certificate: Some(PRINT.into()),
        subject: Some("CN=a.example".into()),
        issuer: Some("CN=b.example".into()),
        not_before: Some(1_000_000),
        not_after: Some(4_000_000_000_000_000),
        ..TlsRow::default()
    };
    let person = TlsRow { ts: 3_000_000, certificate: Some(PRINT.into()), ..TlsRow::default() };
    for log in [text, json] {
        assert_eq!(
            tls_of(&log),
            (Some(ExhibitKind::ZeekX509), vec![server.clone(), person.clone()], 0),
            "{log}"
        );
    }
    // Before Zeek 5 the log names a file, which the ssl log names too.
    let old = "#fields\tts\tid\tcertificate.subject\n1\tFXfu\tCN=a.example\n";
    assert_eq!(tls_of(old).1[0].certificate.as_deref(), Some("fuid:FXfu"));
    let old = "{\"ts\":1,\"id\":\"FXfu\",\"certificate.subject\":\"CN=a.example\"}\n";
    assert_eq!(tls_of(old).1[0].certificate.as_deref(), Some("fuid:FXfu"));
}

#[test]
fn a_persons_address_rests_nowhere_in_the_clear() {
    let [mut request, _] = http_rows();
    for (host, uri, rests) in [
        ("10.0.0.7", "/a", "p:10.0.0.7 /a"),
        ("10.0.0.7:8080", "/a", "p:10.0.0.7:8080 /a"),
        ("[fd00::1]:80", "/a", "p:fd00::1:80 /a"),
        ("fd00::1", "/a", "p:fd00::1 /a"),
        ("240.1.2.3", "http://240.1.2.3:81/a", "p:240.1.2.3 http://p:240.1.2.3:81/a"),
        ("198.51.100.7", "http://198.51.100.7", "198.51.100.7 http://198.51.100.7"),
        ("shop.example:80", "/10.0.0.7", "shop.example:80 /10.0.0.7"),
    ] {
        (request.host, request.uri) = (Some(host.into()), Some(uri.into()));
        let Prepared::Http(row) = prepare(b"x", vec![Row::Http(Box::new(request.clone()))]).remove(0) else {
            panic!()
        };
        assert_eq!(format!("{} {}", row.host.unwrap(), row.uri.unwrap()), rests);
        assert_eq!((row.source.as_str(), row.source_personal), ("p:10.0.0.7", true));
        assert_eq!((row.remote.as_str(), row.remote_personal), ("198.51.100.7", false));
    }
    // What the sensor calls its own side is a person's, also where the host repeats the address.
    request.remote_local = Some(true);
    request.host = Some("198.51.100.7".into());
    let Prepared::Http(row) = prepare(b"x", vec![Row::Http(Box::new(request))]).remove(0) else { panic!() };
    assert_eq!((row.host.as_deref(), row.remote.as_str()), (Some("p:198.51.100.7"), "p:198.51.100.7"));

    let tls = TlsRow { sni: Some("10.0.0.9".into()), ..handshake() };
    let Prepared::Tls(row) = prepare(b"x", vec![Row::Tls(Box::new(tls))]).remove(0) else { panic!() };
    assert_eq!(
        (row.sni.as_deref(), row.source.as_deref(), row.remote.as_deref()),
        (Some("p:10.0.0.9"), Some("p:10.0.0.7"), Some("198.51.100.7"))
    );
}

#[test]
fn the_page_of_the_tables_tells_every_column() {
    let page = include_str!("../../../../docs/telemetry.md");
    for table in Table::ALL {
        let part = page.split("\n## ").find(|p| p.starts_with(&format!("`{}`", table.name()))).unwrap();
        let told: Vec<String> = part
            .lines()
            .filter_map(|l| l.strip_prefix("| `"))
            .map(|l| l.split(" | ").take(2).collect::<Vec<_>>().join(" ").replace('`', ""))
            .collect();
        let schema = table.schema();
        let has: Vec<String> = schema
            .fields()
            .iter()
            .map(|f| format!("{} {:?}{}", f.name(), f.data_type(), if f.is_nullable() { "?" } else { "" }))
            .collect();
        assert_eq!(told, has, "{}", table.name());
    }
}

#[tokio::test]
async fn requests_and_handshakes_become_tables() {
    let mut rows: Vec<Row> = http_rows().map(|r| Row::Http(Box::new(r))).to_vec();
    rows.extend([Row::Tls(Box::new(handshake())), Row::Tls(Box::default())]);
    let mut files = botnet::tables::Files::new();
    for row in prepare(b"x", rows) {
        assert!(files.push(row).unwrap().is_none());
    }
    let told: Vec<_> =
        files.finish().unwrap().iter().map(|f| (f.table.name(), f.rows, f.first, f.last)).collect();
    assert_eq!(told, [("http", 2, 187_535_914, 188_000_000), ("tls", 2, 0, 1_655_071_401_469_632)]);
}

/// Rows with long texts fill a file sooner, so that what is gathered stays within memory.
#[test]
fn a_file_of_requests_is_full_before_one_of_flows() {
    use botnet::tables::{ROWS_PER_FILE, WEB_ROWS_PER_FILE};
    let [row, _] = http_rows();
    let row = prepare(b"x", vec![Row::Http(Box::new(row))]).remove(0);
    let mut files = botnet::tables::Files::new();
    let full = (1..=ROWS_PER_FILE).find_map(|n| files.push(row.clone()).unwrap().map(|file| (n, file.rows)));
    assert_eq!(full, Some((WEB_ROWS_PER_FILE, WEB_ROWS_PER_FILE as u64)));
    assert!(files.finish().unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn mutated_logs_never_stop_the_reader(
        json in any::<bool>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = if json { HTTP_JSON } else { HTTP }.as_bytes().to_vec();
        for (at, byte) in &cuts {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let _ = recognise(&bytes);
        let mut rows = 0;
        let mut reader: &[u8] = &bytes;
        let summary = botnet::read(ExhibitKind::ZeekHttp, &mut reader, &mut |row| {
            rows += 1;
            if let Row::Http(r) = row {
                let kept = [&r.uri, &r.referrer].map(|t| t.clone().unwrap_or_default());
                assert!(kept.iter().all(|t| !t.contains('?') && t.len() <= 1024), "{r:?}");
            }
            std::ops::ControlFlow::Continue(())
        }).unwrap();
        prop_assert!(rows <= 14 && summary.rows == rows);
    }
}
