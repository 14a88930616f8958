//! A home that is none, and a sinkhole on ports of its own.

use sinkhole::{Config, Home, Kind, Sinkhole, Told};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use terms::{Digest, Place, Timestamp};

/// A home whose pseudonyms are hashes under a word, and whose seal can be broken.
#[derive(Default)]
pub struct Stand {
    pub broken: AtomicBool,
}

impl Home for Stand {
    fn address(&self, ip: IpAddr, at: Timestamp) -> String {
        let month = at.0 / (31 * 86_400 * 1_000_000);
        format!("p:{}", &Digest::of(format!("word {month} {ip}").as_bytes()).to_string()[..32])
    }
    fn bot(&self, id: &str, _: Timestamp) -> String {
        format!("b:{}", &Digest::of(format!("word {id}").as_bytes()).to_string()[..32])
    }
    fn locate(&self, ip: IpAddr) -> (Place, u32) {
        if ip.is_loopback() { ("BR".parse().unwrap(), 64_500) } else { (Place::UNKNOWN, 0) }
    }
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, String> {
        if self.broken.load(Ordering::Relaxed) {
            return Err("the seal is broken".into());
        }
        Ok(plain.iter().map(|b| b ^ 0x55).collect())
    }
    fn seal_victims(&self, plain: &[u8]) -> Result<Vec<u8>, String> {
        if self.broken.load(Ordering::Relaxed) {
            return Err("the seal is broken".into());
        }
        Ok(plain.iter().map(|b| b ^ 0x33).collect())
    }
}

pub const BASE: &str = r#"
schema = "comity.sinkhole-config/1"
id = "s-1"
authority = "order-de-114"
until = "2199-01-01T00:00:00Z"
zones = ["seized.example", "plain.example"]
names = ["one.example.net"]
researchers = ["127.0.0.9/32"]
[custodian]
organisation = "Example Partner"
contact = "abuse@partner.example"
[dns]
v4 = "192.0.2.53"
v6 = "2001:db8::53"
ttl = 60
[[family]]
name = "harbour"
channels = ["seized.example"]
method = "POST"
path = "/gate*"
bot = "query:id"
"#;

/// The base with listeners of every kind on loopback, and more text in front of its tables.
pub fn config(listen: &[(&str, &str)], more: &str) -> Config {
    let mut text = BASE.to_owned();
    for (kind, at) in listen {
        let channel = if matches!(*kind, "tcp" | "udp") { "channel = \"198.51.100.7:4443\"\n" } else { "" };
        text.push_str(&format!("[[listen]]\nkind = \"{kind}\"\nat = \"{at}\"\n{channel}"));
    }
    Config::read(&format!("{text}\n{more}")).unwrap()
}

pub struct Running {
    pub sinkhole: Sinkhole,
    pub told: Arc<Mutex<Vec<Told>>>,
}

pub fn start(config: Config, folder: &Path) -> Running {
    start_with(config, folder, Arc::new(Stand::default()))
}

pub fn start_with(config: Config, folder: &Path, home: Arc<Stand>) -> Running {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let say = Arc::new(move |t: Told| heard.lock().unwrap().push(t));
    let sinkhole = Sinkhole::start(config, home, folder, say).unwrap();
    Running { sinkhole, told }
}

impl Running {
    pub fn at(&self, kind: Kind) -> SocketAddr {
        self.sinkhole.addresses().iter().find(|a| a.0 == kind).unwrap().1
    }
}

/// Sends bytes, reads until the other side ends.
pub fn exchange(at: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut out = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut out);
    out
}

pub fn ask_udp(at: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind(if at.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send_to(bytes, at).unwrap();
    let mut buffer = [0u8; 2048];
    let n = socket.recv(&mut buffer).ok()?;
    Some(buffer[..n].to_vec())
}

/// The lines of hits in a folder's segments.
pub fn lines(folder: &Path) -> Vec<serde_json::Value> {
    let mut out = Vec::new();
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "ndjson")) {
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            if value["schema"] == "comity.sinkhole-hit/1" {
                out.push(value);
            }
        }
    }
    out
}

/// Waits until something holds; nothing here measures time.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}
