//! Too much, too slow, too long, and a disk that takes no more.

use crate::support::{config, exchange, lines, start, until};
use sinkhole::{Kind, Told, log};
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: plain.example\r\nConnection: close\r\n\r\n";

#[test]
fn slow_clients_are_dropped_and_others_do_not_wait_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "[limits]\nlife_ms = 700\nconnections = 64\nconnections_per_source = 1000\nburst = 5000\n";
    let running = start(config(&[("http", "127.0.0.1:0")], limits), folder.path());
    let at = running.at(Kind::Http);
    // More than the table holds, each with half a head and a byte now and then.
    let mut slow: Vec<TcpStream> = (0..400).map(|_| TcpStream::connect(at).unwrap()).collect();
    for stream in &mut slow {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: plain.exa");
    }
    for _ in 0..10 {
        assert!(!exchange(at, GET).is_empty(), "one that asks is answered beside the slow ones");
        for stream in &mut slow {
            let _ = stream.write_all(b"m");
        }
    }
    until("their end", || {
        let counts = running.sinkhole.counts();
        counts.slow + counts.crowded >= 400
    });
    let mut nothing = Vec::new();
    slow[399].set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let _ = slow[399].read_to_end(&mut nothing);
    assert!(nothing.is_empty(), "a slow one is told nothing");
    let counts = running.sinkhole.stop().unwrap();
    assert_eq!(counts.answered, 10);
    assert_eq!(lines(folder.path()).len(), 10);
}

#[test]
fn a_burst_twenty_times_the_limit_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "[limits]\nper_source = 1\nburst = 10\nthreads = 1\n";
    let running = start(config(&[("http", "127.0.0.1:0"), ("udp", "127.0.0.1:0")], limits), folder.path());
    let at = running.at(Kind::Http);
    let answered = (0..200).filter(|_| !exchange(at, GET).is_empty()).count();
    assert!((10..40).contains(&answered), "{answered}");
    // Another address of the same machine is another source.
    let other = UdpSocket::bind("127.0.0.2:0").unwrap();
    let before = running.sinkhole.counts().answered;
    other.send_to(b"x", running.at(Kind::Udp)).unwrap();
    until("the other's hit", || running.sinkhole.counts().answered > before);
    let counts = running.sinkhole.stop().unwrap();
    assert!(counts.limited >= 160, "{counts:?}");
    assert_eq!(lines(folder.path()).len() as u64, counts.answered);
}

#[test]
fn what_is_too_large_is_cut_off_and_still_counted() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(&[("http", "127.0.0.1:0"), ("dns-udp", "127.0.0.1:0")], ""), folder.path());
    let at = running.at(Kind::Http);
    let long = format!("GET /{} HTTP/1.1\r\nHost: plain.example\r\n\r\n", "a".repeat(20_000));
    assert!(exchange(at, long.as_bytes()).is_empty());
    let mut body = b"POST / HTTP/1.1\r\nHost: plain.example\r\nContent-Length: 300000\r\n\r\n".to_vec();
    body.extend(std::iter::repeat_n(b'x', 300_000));
    assert_eq!(exchange(at, &body), b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    assert!(
        exchange(at, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a hello on the wrong port\r\n\r\n")
            .is_empty()
    );
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[0u8; 4_000], running.at(Kind::DnsUdp)).unwrap();
    until("all of it", || running.sinkhole.counts().malformed >= 3);
    running.sinkhole.stop().unwrap();
    let hits = lines(folder.path());
    assert_eq!(hits.len(), 3);
    assert!(hits.iter().any(|h| h["bytes"] == 300_000 && h["class"] == "bot"));
}

#[test]
fn where_the_log_cannot_be_written_nothing_is_answered_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "[limits]\nper_source = 10000\nburst = 10000\n";
    let running = start(config(&[("http", "127.0.0.1:0")], limits), folder.path());
    let at = running.at(Kind::Http);
    // The folder goes away under the log, as a full or failing disk does: no segment can be made.
    let away = folder.path().with_extension("away");
    std::fs::rename(folder.path(), &away).unwrap();
    assert!(!exchange(at, GET).is_empty(), "what can still be made durable within the second is answered");
    until("a word about it", || {
        running.told.lock().unwrap().iter().any(|t| matches!(t, Told::Silent { .. }))
    });
    until("silence", || exchange(at, GET).is_empty());
    std::fs::rename(&away, folder.path()).unwrap();
    until("answers", || !exchange(at, GET).is_empty());
    assert!(running.told.lock().unwrap().contains(&Told::Speaking));
    let counts = running.sinkhole.stop().unwrap();
    assert!(counts.silent > 0);
    assert_eq!(
        log::check(folder.path()).unwrap().lines,
        counts.answered,
        "each that was answered is there, once"
    );
}
