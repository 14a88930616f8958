//! Hits and answers per second of processor time: our sinkhole with its durable, chained, pseudonymised log, beside nginx
//! with a buffered access log, under the same load.
//!
//! `cargo run --release -p comity-bench-sinkhole [-- HITS]`. Server and load are processes of their own; what counts is the processor
//! time of the server's processes alone, from /proc, before and after the load. All on loopback, from 250 sources.
//! The pseudonyms are the node's own (`privacy`, taken by path: its other parts need a long build).

mod error;
#[path = "../../figure.rs"]
#[allow(dead_code, reason = "not every program has every kind of line")]
mod figure;
#[path = "../../../crates/privacy/src/key.rs"]
mod key;
mod load;
mod peer;
#[path = "../../../crates/privacy/src/period.rs"]
mod period;
#[path = "../../../crates/privacy/src/pseudonym.rs"]
mod pseudonym;

pub use error::PrivacyError;
pub use key::Key;
pub use period::Period;
pub use pseudonym::Pseudonymiser;

use sinkhole::{Config, Home, Kind, Sinkhole};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use terms::{Place, Timestamp};

/// Ticks of /proc's processor times in a second (`getconf CLK_TCK` on Linux).
const TICKS: f64 = 100.0;

struct Stand(Pseudonymiser);

impl Home for Stand {
    fn address(&self, ip: IpAddr, _: Timestamp) -> String {
        self.0.address(ip)
    }
    fn bot(&self, id: &str, _: Timestamp) -> String {
        self.0.id(id)
    }
    fn locate(&self, _: IpAddr) -> (Place, u32) {
        (Place::UNKNOWN, 0)
    }
    fn seal(&self, _: &[u8]) -> Result<Vec<u8>, String> {
        Err("nothing is kept".into())
    }
}

fn config() -> Config {
    let text = r#"
schema = "comity.sinkhole-config/1"
id = "bench"
authority = "order-1"
until = "2199-01-01T00:00:00Z"
zones = ["seized.example"]
[custodian]
organisation = "Bench"
contact = "bench@partner.example"
[dns]
v4 = "192.0.2.53"
[limits]
per_source = 1000000
burst = 1000000
questions_per_source = 1000000000
requests = 1000
[[family]]
name = "harbour"
channels = ["seized.example"]
method = "POST"
path = "/gate.php"
bot = "query:id"
[[listen]]
kind = "http"
at = "127.0.0.1:0"
[[listen]]
kind = "dns-udp"
at = "127.0.0.1:0"
"#;
    Config::read(text).expect("a configuration")
}

/// The sinkhole, until its standard input ends; it prints where it listens, and at the end how much it wrote.
fn serve(folder: &Path) {
    let key = Key::new(zeroize::Zeroizing::new([7; 32]));
    let home = Arc::new(Stand(Pseudonymiser::new(&key)));
    let told = Arc::new(|told| eprintln!("{told:?}"));
    let running = Sinkhole::start(config(), home, folder, told).expect("a sinkhole");
    let at = |kind| running.addresses().iter().find(|a| a.0 == kind).map(|a| a.1).expect("an address");
    println!("{} {}", at(Kind::Http), at(Kind::DnsUdp));
    let _ = std::io::stdin().lines().next();
    let counts = running.stop().expect("a durable end");
    eprintln!("{counts:?}");
}

/// Processor seconds of a process and, for nginx, of its workers.
fn spent(pids: &[u32]) -> f64 {
    pids.iter()
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (_, rest) = stat.rsplit_once(')')?;
            let mut fields = rest.split_whitespace().skip(11);
            let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            Some((user + system) / TICKS)
        })
        .sum()
}

const EACH: &str = "sinkhole, HTTP, a connection each";
const KEPT: &str = "sinkhole, HTTP, 16 on a connection";

fn measure(what: &str, pids: &[u32], load: impl FnOnce() -> u64) -> f64 {
    let before = spent(pids);
    let done = load();
    // What was taken is made durable within the next commit: it counts.
    std::thread::sleep(std::time::Duration::from_millis(600));
    let seconds = spent(pids) - before;
    println!("| {what} | {done} | {seconds:.2} | {:.0} |", done as f64 / seconds);
    done as f64 / seconds
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|a| a == "serve") {
        return serve(Path::new(&args[2]));
    }
    let hits: u64 =
        args.get(1).and_then(|a| a.parse().ok()).unwrap_or(if figure::small() { 10_000 } else { 200_000 });
    println!("| what | done | CPU-s of the server | per CPU-s |\n|---|---|---|---|");
    let folder = tempfile::tempdir().expect("a folder");
    let me = std::env::current_exe().expect("this program");
    let log = folder.path().join("log");
    let mut child = Command::new(me)
        .arg("serve")
        .arg(&log)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the sinkhole");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("where it listens");
    let mut at = line.split_whitespace().filter_map(|a| a.parse::<SocketAddr>().ok());
    let (http, dns) = (at.next().expect("HTTP"), at.next().expect("DNS"));
    let ours = [child.id()];
    let mut rounds: [Vec<f64>; 3] = Default::default();
    for round in 1..=3 {
        let [each, kept, asked] = &mut rounds;
        each.push(measure(&format!("sinkhole, a connection each ({round})"), &ours, || {
            load::http(http, hits, 1)
        }));
        kept.push(measure(&format!("sinkhole, 16 on a connection ({round})"), &ours, || {
            load::http(http, hits, 16)
        }));
        asked.push(measure(&format!("sinkhole, DNS answers ({round})"), &ours, || load::dns(dns, hits * 5)));
    }
    let [each, kept, asked] = rounds.map(figure::middle);
    figure::ours(EACH, each, "hits/CPU-s", 40e3);
    figure::ours(KEPT, kept, "hits/CPU-s", 0.0);
    figure::ours("sinkhole, DNS", asked, "answers/CPU-s", 200e3);
    drop(child.stdin.take().map(|mut i| i.write_all(b"\n")));
    child.wait().expect("its end");
    let checked = sinkhole::log::check(&log).expect("a chain that holds");
    println!("\nthe chain holds: {checked:?}");
    match peer::Nginx::start(folder.path()) {
        Some(nginx) => {
            let pids = nginx.pids();
            let (mut each, mut kept) = (Vec::new(), Vec::new());
            for round in 1..=3 {
                each.push(measure(&format!("nginx, a connection each ({round})"), &pids, || {
                    load::http(nginx.at, hits, 1)
                }));
                kept.push(measure(&format!("nginx, 16 on a connection ({round})"), &pids, || {
                    load::http(nginx.at, hits, 16)
                }));
            }
            figure::peer(EACH, "nginx", figure::middle(each), "hits/CPU-s");
            figure::peer(KEPT, "nginx", figure::middle(kept), "hits/CPU-s");
        }
        None => {
            [EACH, KEPT].iter().for_each(|what| figure::missing(what, "nginx", "it cannot be started here"))
        }
    }
}
