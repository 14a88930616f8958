//! Inputs of the measurements: logs and captures with addresses for documentation, the same on every run.

use std::io::{self, Read, Write};

/// A generator of numbers that repeats (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// A Zeek conn log with all columns that Zeek writes by default.
pub fn conn_log(lines: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n\
#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n");
    let mut n = Numbers(1);
    for i in 0..lines {
        let r = n.next();
        let (proto, service, state, history) = [
            ("tcp", "ssl", "SF", "ShADadFf"),
            ("tcp", "http", "SF", "ShADadfF"),
            ("udp", "dns", "SF", "Dd"),
            ("tcp", "-", "S0", "S"),
            ("tcp", "-", "REJ", "Sr"),
        ][(r % 5) as usize];
        let _ = writeln!(
            out,
            "{}.{:06}\tC{:016x}\t10.{}.{}.{}\t{}\t198.{}.{}.{}\t{}\t{proto}\t{service}\t{}.{:06}\t{}\t{}\t{state}\tT\tF\t0\t{history}\t{}\t{}\t{}\t{}\t-",
            1_772_409_600 + i / 50,
            r % 1_000_000,
            n.next(),
            r >> 8 & 3,
            r >> 16 & 255,
            r >> 24 & 255,
            1024 + (r >> 32 & 0x7fff),
            18 + (r >> 7 & 1),
            r >> 40 & 255,
            r >> 48 & 255,
            [443, 80, 53, 22, 445][(r % 5) as usize],
            r >> 50 & 63,
            r >> 20 & 0x7ffff,
            r >> 30 & 0x3fff,
            r >> 33 & 0xffff,
            r >> 22 & 31,
            r >> 23 & 0x3fff,
            r >> 24 & 31,
            r >> 25 & 0x3fff,
        );
    }
}

/// The same as JSON.
pub fn conn_json(lines: usize, out: &mut Vec<u8>) {
    let mut n = Numbers(1);
    for i in 0..lines {
        let r = n.next();
        let _ = writeln!(
            out,
            "{{\"ts\":{}.{:06},\"uid\":\"C{:016x}\",\"id.orig_h\":\"10.{}.{}.{}\",\"id.orig_p\":{},\"id.resp_h\":\"198.18.{}.{}\",\"id.resp_p\":443,\"proto\":\"tcp\",\"service\":\"ssl\",\"duration\":{}.{:06},\"orig_bytes\":{},\"resp_bytes\":{},\"conn_state\":\"SF\",\"local_orig\":true,\"local_resp\":false,\"missed_bytes\":0,\"history\":\"ShADadFf\",\"orig_pkts\":7,\"orig_ip_bytes\":900,\"resp_pkts\":9,\"resp_ip_bytes\":4000}}",
            1_772_409_600 + i / 50,
            r % 1_000_000,
            n.next(),
            r >> 8 & 3,
            r >> 16 & 255,
            r >> 24 & 255,
            1024 + (r >> 32 & 0x7fff),
            r >> 40 & 255,
            r >> 48 & 255,
            r >> 50 & 63,
            r >> 20 & 0x7ffff,
            r >> 30 & 0x3fff,
            r >> 33 & 0xffff,
        );
    }
}

/// A Zeek http log.
pub fn http_log(lines: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"#separator \\x09\n#path\thttp\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\ttrans_depth\tmethod\thost\turi\treferrer\tversion\tuser_agent\torigin\trequest_body_len\tresponse_body_len\tstatus_code\tstatus_msg\tinfo_code\tinfo_msg\ttags\tusername\tpassword\tproxied\torig_fuids\torig_filenames\torig_mime_types\tresp_fuids\tresp_filenames\tresp_mime_types\n");
    let mut n = Numbers(2);
    for i in 0..lines {
        let r = n.next();
        let _ = writeln!(
            out,
            "{}.{:06}\tC{:016x}\t10.0.{}.{}\t{}\t198.18.{}.{}\t80\t1\tGET\tshop-{}.example\t/a/{:x}/page.html?id={}\thttp://www.example/x\t1.1\tMozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\t-\t0\t{}\t200\tOK\t-\t-\t(empty)\t-\t-\t-\t-\t-\t-\tF{:016x}\t-\ttext/html",
            1_772_409_600 + i / 50,
            r % 1_000_000,
            n.next(),
            r >> 16 & 255,
            r >> 24 & 255,
            1024 + (r >> 32 & 0x7fff),
            r >> 40 & 255,
            r >> 48 & 255,
            r % 5000,
            r >> 20 & 0xffff,
            r >> 30 & 0xffff,
            r >> 33 & 0xffff,
            r,
        );
    }
}

/// A pcap of about `bytes` bytes: TLS, HTTP and DNS conversations with payloads of about `size` bytes a packet.
pub fn capture(bytes: usize, size: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&[
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0,
    ]);
    let mut n = Numbers(3);
    let mut ts = 1_772_409_600_000_000u64;
    while out.len() < bytes {
        let r = n.next();
        ts += 400;
        let ends = Ends {
            client: [10, 0, (r >> 8) as u8, (r >> 16) as u8],
            server: [198, 18, (r >> 24) as u8, (r >> 32) as u8],
            port: 1024 + (r >> 40) as u16 % 60_000,
        };
        match r % 3 {
            0 => dns(ends, ts, r, out),
            1 => conversation(
                ends,
                80,
                ts,
                &request(r),
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8000\r\n\r\n",
                8000,
                size,
                out,
            ),
            _ => conversation(ends, 443, ts, &client_hello(r), &server_hello(), 8000, size, out),
        }
    }
}

#[derive(Clone, Copy)]
struct Ends {
    client: [u8; 4],
    server: [u8; 4],
    port: u16,
}

fn record(
    ts: u64,
    from: ([u8; 4], u16),
    to: ([u8; 4], u16),
    head: &[u8],
    payload: &[u8],
    protocol: u8,
    out: &mut Vec<u8>,
) {
    let total = 20 + head.len() + payload.len();
    for n in [(ts / 1_000_000) as u32, (ts % 1_000_000) as u32, 14 + total as u32, 14 + total as u32] {
        out.extend_from_slice(&n.to_le_bytes());
    }
    out.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
    out.extend_from_slice(&[0x45, 0, (total >> 8) as u8, total as u8, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
    out.extend_from_slice(&from.0);
    out.extend_from_slice(&to.0);
    out.extend_from_slice(head);
    out.extend_from_slice(payload);
}

fn tcp(
    ts: u64,
    from: ([u8; 4], u16),
    to: ([u8; 4], u16),
    seq: u32,
    flags: u8,
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    let mut head = Vec::with_capacity(20);
    head.extend_from_slice(&from.1.to_be_bytes());
    head.extend_from_slice(&to.1.to_be_bytes());
    head.extend_from_slice(&seq.to_be_bytes());
    head.extend_from_slice(&[0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    record(ts, from, to, &head, payload, 6, out);
}

#[allow(clippy::too_many_arguments, reason = "a recipe")]
fn conversation(
    e: Ends,
    port: u16,
    ts: u64,
    asked: &[u8],
    said: &[u8],
    body: usize,
    size: usize,
    out: &mut Vec<u8>,
) {
    let (c, s) = ((e.client, e.port), (e.server, port));
    tcp(ts, c, s, 99, 2, b"", out);
    tcp(ts + 10, s, c, 499, 0x12, b"", out);
    tcp(ts + 20, c, s, 100, 0x18, asked, out);
    tcp(ts + 30, s, c, 500, 0x18, said, out);
    let mut seq = 500 + said.len() as u32;
    let mut left = body;
    let mut chunk = vec![b'x'; size];
    if port == 443 {
        // Ciphered records.
        chunk[..5].copy_from_slice(&[23, 3, 3, 0x40, 0]);
        tcp(ts + 35, c, s, 100 + asked.len() as u32, 0x18, &[20, 3, 3, 0, 1, 1], out);
    }
    while left > 0 {
        let n = left.min(size);
        tcp(ts + 40, s, c, seq, 0x18, &chunk[..n], out);
        tcp(ts + 45, c, s, 100 + asked.len() as u32, 0x10, b"", out);
        seq += n as u32;
        left -= n;
    }
    tcp(ts + 50, c, s, 100 + asked.len() as u32, 0x11, b"", out);
    tcp(ts + 60, s, c, seq, 0x11, b"", out);
}

fn request(r: u64) -> Vec<u8> {
    format!("GET /a/{:x}?q={} HTTP/1.1\r\nHost: shop-{}.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n\r\n", r >> 20 & 0xffff, r >> 30 & 255, r % 5000).into_bytes()
}

fn dns(e: Ends, ts: u64, r: u64, out: &mut Vec<u8>) {
    let name = format!("host{}", r % 100_000);
    let mut ask = vec![(r >> 8) as u8, r as u8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, name.len() as u8];
    ask.extend_from_slice(name.as_bytes());
    ask.extend_from_slice(b"\x07example\0\0\x01\0\x01");
    let mut say = ask.clone();
    (say[2], say[7]) = (0x81, 1);
    say.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 18, 0, 1]);
    for (from, to, message) in
        [((e.client, e.port), (e.server, 53), ask), ((e.server, 53), (e.client, e.port), say)]
    {
        let mut head = Vec::new();
        head.extend_from_slice(&from.1.to_be_bytes());
        head.extend_from_slice(&to.1.to_be_bytes());
        head.extend_from_slice(&(8 + message.len() as u16).to_be_bytes());
        head.extend_from_slice(&[0, 0]);
        record(ts, from, to, &head, &message, 17, out);
    }
}

fn client_hello(r: u64) -> Vec<u8> {
    let name = format!("shop-{}.example", r % 5000);
    let mut list = Vec::new();
    let mut extension = |kind: u16, data: &[u8]| {
        list.extend_from_slice(&kind.to_be_bytes());
        list.extend_from_slice(&(data.len() as u16).to_be_bytes());
        list.extend_from_slice(data);
    };
    let n = name.len() as u16;
    extension(0, &[&(n + 3).to_be_bytes()[..], &[0], &n.to_be_bytes(), name.as_bytes()].concat());
    extension(10, &[0, 6, 0, 29, 0, 23, 0, 24]);
    extension(11, &[1, 0]);
    extension(13, &[0, 8, 4, 3, 8, 4, 4, 1, 5, 3]);
    extension(16, b"\0\x0c\x02h2\x08http/1.1");
    extension(43, &[4, 3, 4, 3, 3]);
    let mut body = [&[3u8, 3][..], &[7; 32], &[0]].concat();
    body.extend_from_slice(&[0, 10, 0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    body.extend_from_slice(&(list.len() as u16).to_be_bytes());
    body.extend_from_slice(&list);
    framed(1, &body)
}

fn server_hello() -> Vec<u8> {
    let body = [&[3u8, 3][..], &[9; 32], &[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]].concat();
    framed(2, &body)
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let n = body.len();
    let mut out = vec![22, 3, 1, ((n + 4) >> 8) as u8, (n + 4) as u8, kind, 0, (n >> 8) as u8, n as u8];
    out.extend_from_slice(body);
    out
}

/// A capture of SYN packets to ever new ends, made as it is read.
pub struct Scan {
    flows: u64,
    made: u64,
    held: Vec<u8>,
    at: usize,
}

impl Scan {
    pub fn new(flows: u64) -> Self {
        let mut held = Vec::new();
        capture(0, 1, &mut held);
        Self { flows, made: 0, held, at: 0 }
    }
}

impl Read for Scan {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.held.len() && self.made < self.flows {
            self.held.clear();
            self.at = 0;
            for _ in 0..1000.min(self.flows - self.made) {
                let i = self.made;
                self.made += 1;
                let server = [198, 18 + (i >> 24) as u8, (i >> 16) as u8, (i >> 8) as u8];
                tcp(
                    1_772_409_600_000_000 + i * 10,
                    ([10, 0, 0, 7], 50_000),
                    (server, 1 + (i & 255) as u16),
                    1,
                    2,
                    b"",
                    &mut self.held,
                );
            }
        }
        let n = out.len().min(self.held.len() - self.at);
        out[..n].copy_from_slice(&self.held[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
