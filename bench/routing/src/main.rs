//! How fast hits find their recipients: `cargo run --release -p comity-bench-routing` in `bench/`. Runs of 2.5, 5 and
//! 10 million hits on two threads with a shelf on disk show the slope; `--hits N` makes one run. Places come from a table of a
//! quarter of a million blocks made here, one binary search an address, as a stand-in for an MMDB file (of which
//! `--mmdb FILE` takes a real one).

#[path = "../../figure.rs"]
#[allow(dead_code, reason = "not every program has every kind of line")]
mod figure;
#[path = "../../../crates/botnet/src/routing/mod.rs"]
#[allow(dead_code, unused_imports)]
mod routing;
/// What the routing needs of its crate's other modules.
mod prepare {
    use std::net::IpAddr;
    pub fn private(ip: IpAddr) -> bool {
        matches!(ip, IpAddr::V4(ip) if ip.is_private() || ip.is_loopback() || ip.is_link_local())
    }
    pub fn nobody(ip: IpAddr) -> bool {
        ip.is_multicast() || ip.is_unspecified()
    }
}

use routing::{Claim, Heaps, Hit, Kind, Later, Places, Routes, Rows, Shelf, Unrouted};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Instant;
use terms::{Place, Timestamp};

const NETWORKS: u32 = 5_000;
const RECIPIENTS: u16 = 2_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().skip_while(|a| *a != name).nth(1).cloned();
    let table = match value("--mmdb") {
        Some(file) => Table::Mmdb(maxminddb::Reader::open_readfile(file).expect("an MMDB file")),
        None => Table::Made(blocks()),
    };
    let sizes: Vec<u64> = match value("--hits") {
        Some(n) => vec![n.parse().expect("a number of hits")],
        None if figure::small() => vec![250_000, 500_000],
        None => vec![2_500_000, 5_000_000, 10_000_000],
    };
    let folder = std::env::temp_dir().join(format!("comity-routing-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the shelf");
    let (mut slopes, mut speeds) = (Vec::new(), Vec::new());
    let mut last: Option<(u64, f64)> = None;
    for hits in sizes {
        let (wall, cpu, told, left) = run(hits, &table, &folder);
        let peak = peak();
        println!(
            "{hits} hits: {wall:.2} s, {cpu:.2} CPU-s, {:.2} M hits/CPU-s, {told} routed to {RECIPIENTS} recipients, {left} to nobody, {peak} MB at most",
            hits as f64 / cpu / 1e6
        );
        if let Some((before, took)) = last {
            let slope = (wall - took) / (hits - before) as f64;
            println!(
                "  slope: {:.0} ns a hit; 500 M hits at this slope: {:.1} min",
                slope * 1e9,
                (wall + slope * (5e8 - hits as f64)) / 60.0
            );
            slopes.push((wall + slope * (5e8 - hits as f64)) / 60.0);
        }
        speeds.push(hits as f64 / cpu);
        last = Some((hits, wall));
    }
    std::fs::remove_dir_all(&folder).expect("the shelf goes");
    figure::ours("hits routed, spilled, read back", speeds.last().copied().unwrap_or(0.0), "hits/CPU-s", 0.0);
    if let Some(minutes) = slopes.last() {
        figure::ours("500 M hits by the last slope (not run)", *minutes, "min", 30.0);
    }
}

/// Largest memory of this process in MB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1024
}

enum Table {
    Made(Vec<(u32, Place, u32)>),
    Mmdb(maxminddb::Reader<Vec<u8>>),
}

#[derive(serde::Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    country_code: Option<&'a str>,
    autonomous_system_number: Option<u32>,
}

impl Places for Table {
    fn at(&self, address: IpAddr, _: Timestamp) -> Option<(Place, u32)> {
        match (self, address) {
            (Self::Made(blocks), IpAddr::V4(v4)) => {
                let after = blocks.partition_point(|(from, ..)| *from <= v4.to_bits());
                after.checked_sub(1).and_then(|i| blocks.get(i)).map(|(_, place, network)| (*place, *network))
            }
            (Self::Made(_), IpAddr::V6(_)) => Some((Place::UNKNOWN, 0)),
            (Self::Mmdb(reader), address) => {
                let found = reader.lookup(address).ok()?.decode::<Record<'_>>().ok().flatten();
                let place = found.as_ref().and_then(|f| f.country_code).and_then(|c| c.parse().ok());
                Some((
                    place.unwrap_or(Place::UNKNOWN),
                    found.and_then(|f| f.autonomous_system_number).unwrap_or(0),
                ))
            }
        }
    }
}

fn blocks() -> Vec<(u32, Place, u32)> {
    (0..1u32 << 18)
        .map(|i| {
            let letter = |n: u32| char::from(b'A' + (n % 26) as u8);
            let code = format!("{}{}", letter(i / 7), letter(i / 3));
            (i << 14, code.parse().expect("two letters"), 1 + i.wrapping_mul(2_654_435_761) % NETWORKS)
        })
        .collect()
}

struct Folder(PathBuf);
impl Folder {
    fn file(&self, recipient: u16) -> PathBuf {
        self.0.join(recipient.to_string())
    }
}
impl Shelf for Folder {
    fn append(&mut self, recipient: u16, bytes: &[u8]) -> io::Result<()> {
        OpenOptions::new().create(true).append(true).open(self.file(recipient))?.write_all(bytes)
    }
}

fn spent() -> f64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
}

fn run(hits: u64, table: &Table, folder: &Path) -> (f64, f64, u64, u64) {
    // Four in five recipients own networks, the rest receive for places; some networks nobody owns.
    let claims: Vec<Claim> = (0..RECIPIENTS)
        .map(|recipient| {
            let owner = recipient % 5 != 0;
            let letter = |n: u16| char::from(b'A' + (n % 26) as u8);
            let code = format!("{}{}", letter(recipient / 5), letter(recipient / 130));
            Claim {
                recipient,
                kind: if owner { Kind::NetworkOwner } else { Kind::Csirt },
                ranges: Vec::new(),
                networks: if owner {
                    vec![u32::from(recipient) * 2 + 1, u32::from(recipient) * 2 + 2]
                } else {
                    Vec::new()
                },
                place: code.parse().ok().filter(|_| !owner),
            }
        })
        .collect();
    let (routes, later) = (Routes::new(&claims), Later { seed: [1; 32], per_mille: 100 });
    let (began, before) = (Instant::now(), spent());
    let mut told = 0;
    let mut left: BTreeMap<Unrouted, u64> = BTreeMap::new();
    let results: Vec<(Folder, Rows)> = std::thread::scope(|scope| {
        let half = |thread: u64| {
            let shelf = Folder(folder.join(format!("{hits}-{thread}")));
            std::fs::create_dir_all(&shelf.0).expect("a folder");
            let (routes, later) = (routes.clone(), later.clone());
            scope.spawn(move || {
                let mut heaps = Heaps::new(routes, later, shelf);
                let mut state = thread + 1;
                for i in 0..hits / 2 {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    // A bot calls about ten times: as many addresses as a tenth of the hits.
                    let bot = (state >> 33) % (hits / 10).max(1);
                    let source =
                        (bot as u32).wrapping_mul(2_654_435_761) % (0xdf00_0000 - 0x0b00_0000) + 0x0b00_0000;
                    let hit = Hit {
                        at: Timestamp(1_772_000_000_000_000 + i as i64 * 1_000),
                        source: IpAddr::V4(Ipv4Addr::from_bits(source)),
                        port: Some(1024 + (i % 60_000) as u16),
                        infection: ["harbour/one", "harbour/two", "lantern"][(bot % 3) as usize],
                        channel: "relay.example",
                    };
                    heaps.push(&hit, table).expect("a shelf that takes rows");
                }
                heaps.finish().expect("a shelf that takes rows")
            })
        };
        [half(0), half(1)].into_iter().map(|t| t.join().expect("a thread that ends")).collect()
    });
    // Bundles are made out of rows as they are read back, from both shelves.
    for (shelf, rows) in &results {
        for recipient in rows.routed.keys() {
            let mut heap = Vec::new();
            File::open(shelf.file(*recipient)).and_then(|mut f| f.read_to_end(&mut heap)).expect("a heap");
            let mut text = Vec::new();
            for row in rows.read(&heap) {
                told += 1;
                let _ = writeln!(
                    text,
                    "\"{}\",\"{}\",{},{},\"{}\",\"{}\",\"{}\"",
                    row.hit.at.0 / 1_000_000,
                    row.hit.source,
                    row.hit.port.unwrap_or(0),
                    row.network,
                    row.place,
                    row.hit.infection,
                    row.hit.channel
                );
            }
            std::fs::write(shelf.file(*recipient), &text).expect("a bundle");
        }
        for ((why, ..), count) in &rows.unrouted {
            *left.entry(*why).or_default() += count;
        }
    }
    let result = (began.elapsed().as_secs_f64(), spent() - before, told, left.values().sum());
    for (shelf, _) in results {
        std::fs::remove_dir_all(shelf.0).expect("the shelf goes");
    }
    result
}
