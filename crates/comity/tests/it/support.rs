//! What several tests need: a home in a temporary folder, evidence to take in, chance with a seed, the real program.

use comity::node::ingest::{Ingested, Manner, Source, sources};
use comity::node::{Birth, Node, Options};
use comity::store::{SetClock, State, StoreError, exhibits, exhibits::Exhibit, state};
use exercise::{Format, Variant};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use terms::{ExhibitId, PartnerId, PersonId, Timestamp};

pub const PASSPHRASE: &str = "correct horse battery staple";

/// The program under test.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_comity"))
}

/// The program with a home and its passphrase, and nothing of this process's own configuration.
pub fn comity(home: &Path) -> Command {
    let mut command = Command::new(program());
    let nowhere = home.with_extension("no-configuration");
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", nowhere)
        .env("COMITY_HOME", home)
        // How full this machine's disk is, is not what the tests are about.
        .env("COMITY_LEAST_FREE_MIB", "0")
        .env("COMITY_PASSPHRASE", PASSPHRASE);
    command
}

/// Everything a command said, for messages.
pub fn said(output: &Output) -> String {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    format!("{:?}\n{}\n{}", output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Day 0 of the exercise at noon.
pub fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// Options for a home, with a clock that the test holds.
pub fn options(dir: &Path) -> (Options, Arc<SetClock>) {
    let clock = Arc::new(SetClock::new(noon()));
    let mut options = Options::new(dir, PASSPHRASE).unwrap();
    options.clock = clock.clone();
    options.program = program();
    (options, clock)
}

/// A new home.
pub async fn init(options: &Options) -> Node {
    let birth = Birth {
        partner: PartnerId::new("company").unwrap(),
        person: PersonId("analyst-1".into()),
        customer_networks: vec!["10.0.0.0/8".into()],
        geo: None,
    };
    Node::init(options, &birth).await.unwrap()
}

/// Takes in everything below these paths.
pub async fn ingest(node: &Node, paths: &[&Path]) -> Ingested {
    let paths: Vec<PathBuf> = paths.iter().map(|p| (*p).to_owned()).collect();
    let (found, left) = sources(&paths, node.home.root());
    let mut done = node.ingest(found, &Manner::house("test"), &|_| ()).await.unwrap();
    done.not_sealed.extend(left);
    done
}

/// The exhibits that are acknowledged, read from the state store beside whoever owns the home.
pub async fn acknowledged(home: &Path) -> Result<BTreeMap<ExhibitId, Exhibit>, StoreError> {
    let store = State::open(&state::sqlite_url(&home.join("state.db"))).await?;
    let mut conn = store.read().await?;
    let mut all: BTreeMap<ExhibitId, Exhibit> = BTreeMap::new();
    loop {
        let after = all.last_key_value().map(|(id, _)| *id);
        let page = exhibits::page(&mut conn, after.as_ref(), 1000).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page.into_iter().map(|e| (e.id, e)));
    }
    drop(conn);
    store.close().await;
    Ok(all)
}

/// Chance with a seed (splitmix64, public domain by S. Vigna).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
    /// An index into something of this length.
    pub fn at(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }
}

/// A tab-separated conn log with this many connections.
pub fn conn_log(number: u64, lines: u64) -> String {
    let day = noon().day();
    let mut text = exercise::zeek_conn_header(day);
    for i in 0..lines {
        let second = 1_772_409_600 + number * 1000 + i;
        text.push_str(&format!(
            "{second}.000001\tC{number}x{i}\t10.1.{}.{}\t{}\t198.18.7.10\t4443\ttcp\t-\t1.5\t{i}\t20\tSF\tT\tF\t0\tShADadFf\t4\t200\t4\t220\t-\n",
            number % 250,
            i % 250,
            40_000 + i
        ));
    }
    text + &exercise::zeek_close(day)
}

/// Sinkhole lines.
pub fn sinkhole_log(number: u64, lines: u64) -> String {
    let line = |i: u64| {
        format!(
            "{{\"schema\":\"comity.sinkhole/1\",\"event\":\"2026-03-02T00:{:02}:{:02}.000001Z\",\"observed\":\"2026-03-02T01:00:00Z\",\
             \"source\":\"240.1.{}.{}\",\"source_port\":51234,\"channel\":\"relay-one.com.example\",\"bot\":\"{:016x}\",\
             \"botnet\":\"harbourlight/1a\"}}\n",
            i % 60,
            number % 60,
            number % 250,
            i % 250,
            number * 1000 + i
        )
    };
    (0..lines).map(line).collect()
}

/// A STIX 2.1 bundle with this many domains.
pub fn stix_bundle(domains: u64) -> String {
    let one = |i: u64| {
        format!(
            "{{\"type\":\"domain-name\",\"spec_version\":\"2.1\",\"id\":\"domain-name--{i:08x}-0000-4000-8000-000000000000\",\
             \"value\":\"c{i}.com.example\"}}"
        )
    };
    let objects: Vec<String> = (0..domains).map(one).collect();
    format!(
        "{{\"type\":\"bundle\",\"id\":\"bundle--00000000-0000-4000-8000-000000000001\",\"objects\":[{}]}}",
        objects.join(",")
    )
}

/// A capture (libpcap) with this many DNS questions over UDP.
pub fn capture(packets: u32) -> Vec<u8> {
    let mut out =
        Vec::from([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    for i in 0..packets {
        let mut dns = vec![(i >> 8) as u8, i as u8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        dns.extend(b"\x09relay-one\x03com\x07example\x00\x00\x01\x00\x01");
        let udp_length = 8 + dns.len() as u16;
        let mut packet = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        packet.extend((20 + udp_length).to_be_bytes());
        packet.extend([0, 1, 0, 0, 64, 17, 0, 0, 10, 1, 0, (i % 250) as u8, 198, 18, 0, 53]);
        packet.extend((40_000 + (i % 20_000) as u16).to_be_bytes());
        packet.extend(53u16.to_be_bytes());
        packet.extend(udp_length.to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(dns);
        let length = (packet.len() as u32).to_le_bytes();
        out.extend((1_772_409_600 + i).to_le_bytes());
        out.extend([0; 4]);
        out.extend(length);
        out.extend(length);
        out.extend(packet);
    }
    out
}

/// A sample of the exercise.
pub fn sample(seed: u64) -> Vec<u8> {
    let all = Variant::all();
    exercise::sample(all[usize::try_from(seed).unwrap() % all.len()], seed).unwrap()
}

/// A sample of one format.
pub fn sample_of(format: Format, seed: u64) -> Vec<u8> {
    let variant = Variant::all().into_iter().find(|v| v.format == format).unwrap();
    exercise::sample(variant, seed).unwrap()
}

/// Some evidence of many kinds, by name; each has other bytes.
pub fn evidence(count: u64) -> Vec<(String, Vec<u8>)> {
    let one = |i: u64| match i % 6 {
        0 => (format!("note-{i:03}.txt"), format!("note {i}: the harbour is quiet tonight\n").into_bytes()),
        1 => (format!("sample-{i:03}.bin"), sample(i)),
        2 => (format!("conn-{i:03}.log"), conn_log(i, 40).into_bytes()),
        3 => (format!("hits-{i:03}.ndjson"), sinkhole_log(i, 40).into_bytes()),
        4 => (format!("bundle-{i:03}.json"), stix_bundle(3 + i).into_bytes()),
        _ => (format!("capture-{i:03}.pcap"), capture(5 + u32::try_from(i).unwrap())),
    };
    (0..count).map(one).collect()
}

/// Writes evidence into a folder.
pub fn lay_out(folder: &Path, evidence: &[(String, Vec<u8>)]) {
    std::fs::create_dir_all(folder).unwrap();
    evidence.iter().for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes).unwrap());
}

/// Every file below a folder, with paths below `root`, sorted.
pub fn files_below(root: &Path, folder: &str) -> Vec<String> {
    let (mut out, mut folders) = (Vec::new(), vec![root.join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => out.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    out.sort();
    out
}

/// The custody of an exhibit, oldest first.
pub async fn custody(node: &Node, exhibit: &ExhibitId) -> Vec<evidence::custody::Event> {
    let mut conn = node.state.read().await.unwrap();
    let rows =
        comity::store::custody::of::<evidence::custody::Event>(&mut conn, exhibit, "", 1000).await.unwrap();
    rows.into_iter().map(|r| r.body).collect()
}

/// Takes in the document of an authority, so that holds and admissions may rest on it.
pub async fn authority(node: &Node, id: &str) {
    let document = serde_json::json!({
        "schema": "comity.authority/1", "id": id, "issuer": "District Court of Harbourstadt", "kind": "order",
        "holder": "police", "member": "de", "instrument": "seize", "class": "server", "targets": ["198.18.7.10"],
        "places": ["DE"], "offence": "computer-sabotage", "served": "2026-01-05T09:00:00Z",
        "from": "2026-01-05T00:00:00Z", "until": "2026-12-05T00:00:00Z",
    });
    let source = Source::Bytes(format!("{id}.json"), document.to_string().into_bytes());
    let done = node.ingest(vec![source], &Manner::house("served"), &|_| ()).await.unwrap();
    assert_eq!(done.taken[0].kind, terms::ExhibitKind::Authority);
}
