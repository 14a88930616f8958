//! The ledger: appends with fsync in groups, their latency from leaf in to checkpoint durable, and the verification of
//! 100,000 leaves; `ct-merkle` hashes the same leaves beside us.
//!
//! The writer is the node's own, its two files taken as they stand: the node itself would be an hour of release build.
//! `BENCH_FOLDER` names the disk to measure on.

use comity_bench::{measured, percentile};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ed25519_dalek::SigningKey;
use files::{Disk, Files as _};
use ledger::statement::{PredicateType, Statement};
use ledger::{Commitment, NoteSigner, Trust, checkpoint, dsse, proof};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use writer::{Group, Placed, WriteError, Writer};

#[allow(dead_code)]
#[path = "../../../crates/comity/src/store/files.rs"]
mod files;
#[allow(dead_code)]
#[path = "../../../crates/comity/src/store/writer.rs"]
mod writer;

/// The one thing that the writer's files need of the crate they come from.
#[derive(Debug)]
pub struct StoreError(pub String);

impl StoreError {
    fn io(act: &str, path: &Path, source: std::io::Error) -> Self {
        Self(format!("{act} {}: {source}", path.display()))
    }
}

const ORIGIN: &str = "bench.comity/ledger";
const LEAVES: u64 = 100_000;
/// Tasks that append at the same time.
const TASKS: usize = 20_000;
const SECONDS: u64 = 5;

fn node() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

/// A custody leaf as a node writes it: a signed statement of about 900 bytes.
fn leaf(n: u64) -> Vec<u8> {
    let mut subject = [0; 32];
    subject[..8].copy_from_slice(&n.to_be_bytes());
    let predicate = serde_json::json!({
        "what": "seal", "who": "key-00112233445566778899aabbccddeeff", "node": "company", "when": "2026-03-02T12:00:00.000001Z",
        "where": "ZZ", "why": {"ground": "clauses", "reference": ["company-police 3.1"]}, "obtained": "voluntary",
        "how": {"tool": "comity", "version": "0.1.0", "sandbox": "strict"}, "n": n,
    });
    Statement::new(vec![Commitment(subject)], PredicateType::Custody, predicate)
        .and_then(|s| s.sign(&node()))
        .expect("a leaf")
}

fn main() {
    let leaves: Vec<Vec<u8>> = (0..LEAVES).map(leaf).collect();
    let bytes: usize = leaves.iter().map(Vec::len).sum();
    println!("{LEAVES} leaves of {} bytes; folder {}", bytes as u64 / LEAVES, folder().display());
    disk();
    hashing(&leaves);
    let kept = appends(&leaves);
    for rate in [20_000, 30_000] {
        offered(&leaves, rate);
    }
    verification(&kept);
    drop(std::fs::remove_dir_all(&kept));
}

fn folder() -> PathBuf {
    std::env::var_os("BENCH_FOLDER").map_or_else(std::env::temp_dir, Into::into)
}

fn new_folder(name: &str) -> PathBuf {
    let path = folder().join(format!("comity-bench-ledger-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

fn begin(path: &Path) -> (Group, JoinHandle<Writer>) {
    let files = Arc::new(Disk::new(path).expect("a folder"));
    let signer = NoteSigner::new(ORIGIN, node()).expect("a name");
    Group::begin(Writer::open(files, signer, &[]).expect("a log")).expect("a thread")
}

/// What one durable file costs here: it bounds any log that commits each leaf alone.
fn disk() {
    let path = new_folder("disk");
    let disk = Disk::new(&path).expect("a folder");
    let start = Instant::now();
    for n in 0..50 {
        disk.write(&format!("f{n}"), &[7; 4096]).expect("a file");
    }
    let each = start.elapsed().as_secs_f64() * 1e3 / 50.0;
    println!("one durable file (write, fsync, rename, fsync of the folder): {each:.2} ms");
    drop(std::fs::remove_dir_all(path));
}

fn hashing(leaves: &[Vec<u8>]) {
    let log = ledger::Log::empty(ORIGIN).expect("a name");
    let (ours, cpu, _) = measured(|| log.append(leaves).expect("an append"));
    let (theirs, peer, _) = measured(|| {
        let mut tree = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
        leaves.iter().for_each(|l| tree.push(l.clone()));
        tree.root()
    });
    assert_eq!(&ours.log.head().root.0[..], &theirs.as_bytes()[..], "one root");
    println!("hashing: ours {cpu:.3} CPU-s with tiles and bundles, ct-merkle {peer:.3} CPU-s; same root");
}

/// As fast as it goes: many tasks, each waiting for its answer before its next leaf.
fn appends(leaves: &[Vec<u8>]) -> PathBuf {
    let path = new_folder("closed");
    let (group, thread) = begin(&path);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let work: Vec<Vec<Vec<u8>>> =
        (0..TASKS).map(|t| leaves.iter().skip(t).step_by(TASKS).cloned().collect()).collect();
    let (took, cpu, wall) = measured(|| {
        runtime.block_on(async {
            let spawned: Vec<_> =
                work.into_iter().map(|mine| tokio::spawn(task(group.clone(), mine))).collect();
            let mut took = Vec::new();
            for task in spawned {
                took.extend(task.await.expect("a task"));
            }
            took
        })
    });
    drop(group);
    let writer = thread.join().expect("the writer");
    assert_eq!(writer.log().size(), LEAVES);
    report(&format!("{TASKS} tasks, each waiting for its answer"), took, cpu, wall);
    path
}

async fn task(group: Group, mine: Vec<Vec<u8>>) -> Vec<f64> {
    let mut took = Vec::new();
    for leaf in mine {
        let begun = Instant::now();
        group.append(leaf).await.expect("a place");
        took.push(begun.elapsed().as_secs_f64());
    }
    took
}

type Answer = tokio::sync::oneshot::Receiver<Result<Placed, WriteError>>;

/// At a fixed rate, whatever the log does: latency counts from when the leaf was due, so that a stall is not hidden.
fn offered(leaves: &[Vec<u8>], rate: u64) {
    let path = new_folder("open");
    let (group, thread) = begin(&path);
    let (queue, waiting) = mpsc::channel::<(Instant, Answer)>();
    let collector = std::thread::spawn(move || {
        let mut took = Vec::new();
        for (due, answer) in waiting {
            answer.blocking_recv().expect("an answer").expect("a place");
            took.push(Instant::now().duration_since(due).as_secs_f64());
        }
        took
    });
    let (took, cpu, wall) = measured(|| {
        let start = Instant::now();
        for n in 0..rate * SECONDS {
            let due = start + Duration::from_nanos(n * 1_000_000_000 / rate);
            let early = due.saturating_duration_since(Instant::now());
            if early > Duration::from_millis(1) {
                std::thread::sleep(early);
            }
            let leaf = leaves[(n % LEAVES) as usize].clone();
            queue.send((due, group.send(leaf).expect("a queue"))).expect("a collector");
        }
        drop(queue);
        collector.join().expect("a collector")
    });
    drop(group);
    assert_eq!(thread.join().expect("the writer").log().size(), rate * SECONDS);
    report(&format!("offered {rate} a second for {SECONDS} s"), took, cpu, wall);
    drop(std::fs::remove_dir_all(path));
}

fn report(name: &str, mut took: Vec<f64>, cpu: f64, wall: Duration) {
    took.sort_by(f64::total_cmp);
    let at = |p: f64| percentile(&took, p) * 1e3;
    println!(
        "{name}: {:.0} appends/s, {cpu:.2} CPU-s; leaf in to checkpoint durable: p50 {:.0} ms, p99 {:.0} ms, most {:.0} ms",
        took.len() as f64 / wall.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

fn verification(path: &Path) {
    let disk = Disk::new(path).expect("a folder");
    let read = |p: &str| disk.read(p);
    let stored = disk.tiles().expect("a list");
    let key = node().verifying_key();
    let id = dsse::keyid(&key);
    let resolve = |named: &str| (named == id).then_some(key);
    let keys = [NoteSigner::new(ORIGIN, node()).expect("a name").public().clone()];
    let trust = Trust { origin: ORIGIN, keys: &keys, witnesses: &[], demanded: 0, resolve: &resolve };
    for _ in 0..2 {
        let (tree, cpu, wall) =
            measured(|| ledger::verify_tree(&read, &trust, Some(&stored)).expect("a whole log"));
        let wall = wall.as_secs_f64();
        println!(
            "verify {} leaves, every byte up to the signed root: {wall:.2} s, {cpu:.2} CPU-s",
            tree.head.size
        );
        let (log, cpu, wall) =
            measured(|| ledger::verify_log(&read, &trust, Some(&stored)).expect("a whole log"));
        let wall = wall.as_secs_f64();
        println!("verify {} leaves, every leaf's signature too: {wall:.2} s, {cpu:.2} CPU-s", log.head.size);
    }
    let bytes = disk.read(checkpoint::FILE).expect("a file").expect("a checkpoint");
    let head = checkpoint::open(&bytes, ORIGIN, &keys).expect("a checkpoint").head().clone();
    let (_, cpu, _) = measured(|| {
        (0..1000).for_each(|n| drop(proof::prove_inclusion(&read, &head, n * 99).expect("a proof")));
    });
    println!("an inclusion proof from tiles on disk, made and checked: {:.0} µs CPU", cpu * 1e3);
}
