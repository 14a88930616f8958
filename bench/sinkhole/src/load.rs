//! The load: check-ins over HTTP and questions of DNS, from many sources of loopback, a bounded number.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Askers at the same time.
const ASKERS: u64 = 32;
/// Questions that one asker has open.
const OPEN: usize = 32;

/// As many check-ins, so many on each connection; how many were answered.
pub fn http(at: SocketAddr, hits: u64, each: u64) -> u64 {
    let answered = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for asker in 0..ASKERS {
            let answered = &answered;
            scope.spawn(move || {
                let mut left = hits / ASKERS;
                while left > 0 {
                    let n = each.min(left);
                    left -= n;
                    if let Some(done) = connection(at, n, asker, left) {
                        answered.fetch_add(done, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    answered.into_inner()
}

fn connection(at: SocketAddr, hits: u64, asker: u64, turn: u64) -> Option<u64> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut done = 0;
    let mut buffer = [0u8; 1024];
    for n in 1..=hits {
        let close = if n == hits { "Connection: close\r\n" } else { "" };
        let request = format!(
            "POST /gate.php?id=bot-{asker}-{} HTTP/1.1\r\nHost: www.seized.example\r\n\
             User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)\r\n{close}Content-Length: 0\r\n\r\n",
            turn % 1_000
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut got = 0;
        // An answer of 204 ends with its head.
        while !buffer[..got].ends_with(b"\r\n\r\n") {
            match stream.read(&mut buffer[got..]).ok()? {
                0 => return Some(done),
                read => got += read,
            }
        }
        done += 1;
    }
    // The server ends a connection: the port's waiting is its own.
    let _ = stream.read(&mut buffer);
    Some(done)
}

/// As many questions; how many were answered.
pub fn dns(at: SocketAddr, questions: u64) -> u64 {
    let answered = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for asker in 0..8u64 {
            let answered = &answered;
            scope.spawn(move || {
                let from = Ipv4Addr::new(127, 0, 1, 1 + asker as u8);
                let socket = UdpSocket::bind((from, 0)).expect("a socket");
                socket.connect(at).expect("an address");
                socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
                let message = question();
                let mut buffer = [0u8; 1024];
                let mut left = questions / 8;
                while left > 0 {
                    let n = (OPEN as u64).min(left);
                    left -= n;
                    for _ in 0..n {
                        let _ = socket.send(&message);
                    }
                    let got = (0..n).take_while(|_| socket.recv(&mut buffer).is_ok()).count();
                    answered.fetch_add(got as u64, Ordering::Relaxed);
                }
            });
        }
    });
    answered.into_inner()
}

/// `www.seized.example`, type A.
fn question() -> Vec<u8> {
    let mut out = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["www", "seized", "example"] {
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.extend_from_slice(&[0, 0, 1, 0, 1]);
    out
}
