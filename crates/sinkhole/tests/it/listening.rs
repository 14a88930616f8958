//! What is answered, what is written, and that nothing of a source is in it.

use crate::questions::question;
use crate::support::{Stand, ask_udp, config, exchange, lines, start, start_with, until};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use sinkhole::{Declaration, Kind};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const ALL: [(&str, &str); 6] = [
    ("dns-udp", "127.0.0.1:0"),
    ("dns-tcp", "127.0.0.1:0"),
    ("http", "127.0.0.1:0"),
    ("tls", "127.0.0.1:0"),
    ("tcp", "127.0.0.1:0"),
    ("udp", "127.0.0.1:0"),
];

const CHECK_IN: &[u8] =
    b"POST /gate.php?id=bot-77&token=SECRETQUERY HTTP/1.1\r\nHost: www.seized.example\r\n\
    User-Agent: Mozilla/5.0\r\nCookie: SECRETCOOKIE\r\nContent-Length: 10\r\n\r\nSECRETBODY";
const CLOSED: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

#[test]
fn a_hit_by_every_door_and_nothing_but_the_harmless_answer() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(&ALL, ""), folder.path());
    let udp =
        ask_udp(running.at(Kind::DnsUdp), &question("www.seized.example.", RecordType::A, false)).unwrap();
    assert_eq!(Message::from_vec(&udp).unwrap().answers[0].data.to_string(), "192.0.2.53");
    let refused =
        ask_udp(running.at(Kind::DnsUdp), &question("other.example.", RecordType::A, false)).unwrap();
    assert_eq!(Message::from_vec(&refused).unwrap().metadata.response_code, ResponseCode::Refused);
    // Two questions on one connection, then its end.
    let mut framed = Vec::new();
    for name in ["seized.example.", "plain.example."] {
        let message = question(name, RecordType::A, false);
        framed.extend_from_slice(&u16::try_from(message.len()).unwrap().to_be_bytes());
        framed.extend_from_slice(&message);
    }
    let mut stream = TcpStream::connect(running.at(Kind::DnsTcp)).unwrap();
    stream.write_all(&framed).unwrap();
    for name in ["seized.example.", "plain.example."] {
        let mut length = [0u8; 2];
        stream.read_exact(&mut length).unwrap();
        let mut message = vec![0u8; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut message).unwrap();
        assert_eq!(Message::from_vec(&message).unwrap().queries[0].name().to_ascii(), name);
    }
    drop(stream);
    // HTTP: kept open, then closed by the asker's wish.
    let mut twice = CHECK_IN.to_vec();
    twice.extend_from_slice(b"GET /robots.txt HTTP/1.1\r\nHost: seized.example\r\nConnection: close\r\n\r\n");
    let said = String::from_utf8(exchange(running.at(Kind::Http), &twice)).unwrap();
    assert_eq!(said, format!("HTTP/1.1 204 No Content\r\n\r\n{CLOSED}"));
    assert!(exchange(running.at(Kind::Tcp), b"\xca\xfeSECRETRAW").is_empty());
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    silent.send_to(b"SECRETRAW", running.at(Kind::Udp)).unwrap();
    until("all hits", || running.sinkhole.counts().answered >= 7);
    let counts = running.sinkhole.stop().unwrap();
    assert_eq!((counts.answered, counts.not_ours), (7, 1));

    let hits = lines(folder.path());
    let of = |by: &str| hits.iter().filter(|h| h["by"] == by).collect::<Vec<_>>();
    assert_eq!((of("http").len(), of("tcp").len(), of("udp").len()), (2, 1, 1), "{hits:?}");
    // Questions of one kind within a batch are one line that counts them.
    let questions: u64 = of("dns").iter().map(|h| h["times"].as_u64().unwrap_or(1)).sum();
    assert_eq!(questions, 3, "{hits:?}");
    assert!(of("dns").iter().all(|h| h["class"] == "resolver"));
    let bot = hits.iter().find(|h| h["class"] == "bot" && h["by"] == "http").unwrap();
    assert_eq!((&bot["channel"], &bot["botnet"]), (&"seized.example".into(), &"harbour".into()));
    assert_eq!((&bot["place"], &bot["network"]), (&"BR".into(), &64_500.into()));
    assert_eq!((&bot["asked"], &bot["bytes"]), (&"POST /gate.php".into(), &10.into()));
    assert!(bot["bot"].as_str().unwrap().starts_with("b:") && bot["port"].as_u64().unwrap() > 0);
    assert_eq!(of("tcp")[0]["channel"], "198.51.100.7:4443");
    assert!(hits.iter().any(|h| h["class"] == "crawler" && h["why"] == "it asks for robots.txt"));

    // The telltale: neither an address nor what a victim lost is anywhere in the folder.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for secret in ["127.0.0.1", "SECRET", "bot-77"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn it_declares_itself_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(&[("http", "127.0.0.1:0")], ""), folder.path());
    let said = exchange(running.at(Kind::Http), b"GET /.well-known/sinkhole HTTP/1.1\r\nHost: x\r\n\r\n");
    let text = String::from_utf8(said).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let said: Declaration = serde_json::from_str(body).unwrap();
    assert_eq!((said.custodian.as_str(), said.authority.as_str()), ("Example Partner", "order-de-114"));
    assert_eq!((said.contact.as_str(), said.ended), ("abuse@partner.example", false));
    running.sinkhole.stop().unwrap();
    assert_eq!(lines(folder.path())[0]["class"], "other");
}

#[test]
fn after_the_end_date_only_the_declaration_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&[("http", "127.0.0.1:0"), ("dns-udp", "127.0.0.1:0")], "");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
    config.until = terms::Timestamp(i64::try_from(now).unwrap() + 1_500_000);
    let running = start(config, folder.path());
    until("the end", || {
        running.told.lock().unwrap().iter().any(|t| matches!(t, sinkhole::Told::Ended { .. }))
    });
    let before = lines(folder.path()).len();
    assert!(exchange(running.at(Kind::Http), CHECK_IN).is_empty());
    let said = exchange(running.at(Kind::Http), b"GET /.well-known/sinkhole HTTP/1.1\r\n\r\n");
    assert!(String::from_utf8(said).unwrap().contains("\"ended\":true"));
    let dns = ask_udp(running.at(Kind::DnsUdp), &question("seized.example.", RecordType::A, false)).unwrap();
    assert_eq!(Message::from_vec(&dns).unwrap().metadata.response_code, ResponseCode::Refused);
    let counts = running.sinkhole.stop().unwrap();
    assert_eq!(counts.ended, 2);
    assert_eq!(lines(folder.path()).len(), before, "nobody is written down without an authority");
}

#[test]
fn over_ipv6_as_over_ipv4() {
    let folder = tempfile::tempdir().unwrap();
    let all = [("http", "[::1]:0"), ("dns-udp", "[::1]:0"), ("dns-udp", "127.0.0.1:0")];
    let running = start(config(&all, ""), folder.path());
    assert_eq!(
        exchange(running.at(Kind::Http), b"GET / HTTP/1.0\r\nHost: plain.example\r\n\r\n"),
        CLOSED.as_bytes()
    );
    let said =
        ask_udp(running.at(Kind::DnsUdp), &question("seized.example.", RecordType::AAAA, true)).unwrap();
    assert_eq!(Message::from_vec(&said).unwrap().answers[0].data.to_string(), "2001:db8::53");
    running.sinkhole.stop().unwrap();
    assert_eq!(lines(folder.path()).iter().filter(|h| h["class"] == "bot").count(), 1);
}

#[test]
fn tls_is_met_and_a_handshake_alone_is_a_hit() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(&[("tls", "127.0.0.1:0")], ""), folder.path());
    let at = running.at(Kind::Tls);
    // One that trusts nobody leaves after the hello, as a bot with a pinned certificate does.
    let strict =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
    let name = "www.seized.example".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(strict), name).unwrap();
    let mut stream = TcpStream::connect(at).unwrap();
    assert!(client.complete_io(&mut stream).is_err());
    drop(stream);
    // One that takes any certificate asks.
    let mut easy =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
    easy.dangerous().set_certificate_verifier(Arc::new(Anyone));
    let mut client =
        rustls::ClientConnection::new(Arc::new(easy), "seized.example".try_into().unwrap()).unwrap();
    let mut stream = TcpStream::connect(at).unwrap();
    let mut tls = rustls::Stream::new(&mut client, &mut stream);
    tls.write_all(CHECK_IN).unwrap();
    let mut said = [0u8; 27];
    tls.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 204 No Content\r\n\r\n");
    drop(stream);
    until("both hits", || running.sinkhole.counts().answered == 2);
    running.sinkhole.stop().unwrap();
    let hits = lines(folder.path());
    // Two cores took them: either may be written first.
    let mut by: Vec<&str> = hits.iter().map(|h| h["by"].as_str().unwrap()).collect();
    by.sort_unstable();
    assert_eq!(by, ["https", "tls"]);
    assert!(hits.iter().all(|h| h["channel"] == "seized.example"));
}

#[derive(Debug)]
struct Anyone;

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[test]
fn bodies_are_kept_only_under_an_authority_and_then_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let home = Arc::new(Stand::default());
    let keeping = config(&[("http", "127.0.0.1:0")], "[payloads]\nkeep_under = \"warrant-7\"\n");
    let running = start_with(keeping, folder.path(), home.clone());
    let ask = [CHECK_IN, b"GET / HTTP/1.0\r\n\r\n"].concat();
    exchange(running.at(Kind::Http), &ask);
    // What cannot be sealed is not answered for long, and is not lost.
    home.broken.store(true, Ordering::Relaxed);
    exchange(running.at(Kind::Http), &ask);
    until("silence", || {
        running.told.lock().unwrap().iter().any(|t| matches!(t, sinkhole::Told::Silent { .. }))
    });
    until("no answer", || exchange(running.at(Kind::Http), &ask).is_empty());
    home.broken.store(false, Ordering::Relaxed);
    until("an answer", || !exchange(running.at(Kind::Http), &ask).is_empty());
    running.sinkhole.stop().unwrap();
    let kept = sinkhole::log::kept(folder.path()).unwrap();
    assert!(!kept.is_empty());
    let mut opened = String::new();
    for path in kept {
        let bytes: Vec<u8> = std::fs::read(path).unwrap().iter().map(|b| b ^ 0x55).collect();
        opened.push_str(&String::from_utf8(bytes).unwrap());
    }
    let digest = terms::Digest::of(b"SECRETBODY").to_string();
    let with = lines(folder.path()).iter().filter(|h| h["kept"] == digest.as_str()).count();
    assert!(with >= 3, "{with}");
    assert_eq!(opened.lines().filter(|l| l.contains(&digest)).count(), with);
}
