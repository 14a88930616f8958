//! What is said over one TCP connection: the input is cut into segments that come in and out of order, with overlaps and
//! gaps, and reaches the readers of HTTP, TLS and DNS over TCP inside a capture that is otherwise whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow;
use terms::ExhibitKind;

const PORTS: [u16; 3] = [53, 80, 443];

/// A capture of raw IPv4 packets (link type 101) of one connection.
fn capture(bytes: &[u8]) -> Option<Vec<u8>> {
    let (&port, mut rest) = bytes.split_first()?;
    let port = PORTS.get(usize::from(port) % PORTS.len())?;
    let mut out =
        vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0];
    let mut next = [1u32, 1];
    // Each segment begins with its length and with a byte that says its way and how far it is moved.
    while let [length, way, tail @ ..] = rest {
        let (data, after) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = after;
        let back = way & 1;
        let seq = &mut next[usize::from(back)];
        let moved = i32::from((way >> 1) as i8 >> 1).wrapping_mul(i32::from(way & 2 != 0));
        let total = 40 + data.len();
        for n in [0u32, 0, total as u32, total as u32] {
            out.extend(n.to_le_bytes());
        }
        out.extend([
            0x45,
            0,
            (total >> 8) as u8,
            total as u8,
            0,
            0,
            0,
            0,
            64,
            6,
            0,
            0,
            192,
            0,
            2,
            1 + back,
            192,
            0,
            2,
            2 - back,
        ]);
        let (from, to) = if back == 0 { (50_000, *port) } else { (*port, 50_000) };
        out.extend(from.to_be_bytes());
        out.extend(to.to_be_bytes());
        out.extend(seq.wrapping_add_signed(moved).to_be_bytes());
        out.extend([0, 0, 0, 0, 0x50, 16, 0xff, 0xff, 0, 0, 0, 0]);
        out.extend(data);
        *seq = seq.wrapping_add(data.len() as u32);
    }
    Some(out)
}

fuzz_target!(|bytes: &[u8]| {
    let Some(capture) = capture(bytes) else { return };
    let mut reader: &[u8] = &capture;
    let mut rows = 0u64;
    let summary = botnet::read(ExhibitKind::Pcap, &mut reader, &mut |_| {
        rows += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(summary.map(|s| s.rows).ok(), Some(rows), "the summary counts what was handed over");
});
