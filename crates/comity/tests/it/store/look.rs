//! `doctor`: a sound home is well, and each harm is seen by the check it belongs to.

use super::contract::exhibit;
use comity::store::{
    Draft, Home, InitOptions, NodeClock, Sequencer, SetClock, State, TelemetryStore, commit,
    commit::Batch,
    doctor::{self, Check, Depth},
    files::Disk,
    leaves::NewLeaf,
    state::sqlite_url,
    vault,
};
use ed25519_dalek::SigningKey;
use evidence::{MemoryKeystore, Vault};
use ledger::{
    NoteKey, NoteSigner,
    commitment::Salt,
    statement::{PredicateType, Statement},
    verify::Trust,
};
use std::{fs, path::PathBuf, sync::Arc};
use terms::{Digest, ExhibitKind, Timestamp};

const ORIGIN: &str = "company.example/ledger";

struct Node {
    _folder: tempfile::TempDir,
    home: Home,
    state: State,
    vault: Vault,
    telemetry: TelemetryStore,
    clock: Arc<SetClock>,
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

impl Node {
    /// A home with one exhibit, one telemetry file, one leaf.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::init(&folder.path().join("home"), &InitOptions::default(), Timestamp(1)).unwrap();
        let state = State::create(&sqlite_url(&home.state_file())).await.unwrap();
        let vault = vault::open(&home, None, Arc::new(MemoryKeystore::new())).unwrap();
        let telemetry = TelemetryStore::open(&home, None).unwrap();
        let clock = Arc::new(SetClock::new(Timestamp(10_000_000)));
        let sealed = vault.seal_bytes(b"a sample").await.unwrap();
        let mut listed = exhibit("a sample", ExhibitKind::Pe, &["x.exe"]);
        assert_eq!(listed.id, sealed.id);
        listed.commitment = sealed.commitment;
        let draft = telemetry.draft();
        fs::write(&draft, b"columns").unwrap();
        let file = telemetry
            .adopt(&Draft {
                path: &draft,
                table: "flows",
                exhibit: sealed.id,
                part: 0,
                records: 2,
                span: None,
            })
            .unwrap();
        let subject = ledger::commit(&Salt::from_hex(&"0b".repeat(32)).unwrap(), &Digest::of(b"x"));
        let leaf = Statement::new(vec![subject], PredicateType::Custody, serde_json::json!({})).unwrap();
        let batch = Batch {
            exhibits: vec![listed],
            telemetry: vec![file],
            leaves: vec![NewLeaf::new(leaf.sign(&key()).unwrap())],
            ..Batch::default()
        };
        commit(&state, &batch, Timestamp(1)).await.unwrap();
        let node = Self { _folder: folder, home, state, vault, telemetry, clock };
        node.sequencer().run().await.unwrap().unwrap();
        node
    }

    fn sequencer(&self) -> Sequencer {
        let files = Arc::new(Disk::new(self.home.ledger()).unwrap());
        let signer = NoteSigner::new(ORIGIN, key()).unwrap();
        Sequencer::new(self.state.clone(), files, signer, &[], self.clock.clone(), "home")
    }

    async fn look(&self) -> Vec<Check> {
        let keys = [NoteKey::new(ORIGIN, key().verifying_key()).unwrap()];
        let id = ledger::dsse::keyid(&key().verifying_key());
        let resolve = |k: &str| (k == id).then(|| key().verifying_key());
        let trust = Trust { origin: ORIGIN, keys: &keys, witnesses: &[], demanded: 0, resolve: &resolve };
        let mut checks = doctor::folder(self.home.root());
        // How full this machine's disk is, is not what the tests are about.
        checks.push(doctor::disk(self.home.root(), 0));
        checks.extend(doctor::state(&self.state).await);
        checks.push(doctor::telemetry(&self.telemetry, &self.state).await);
        checks.push(doctor::exhibits(&self.state, &self.vault, Depth::Bytes).await);
        checks.push(doctor::ledger(&self.home, &self.state, &trust).await);
        checks.push(doctor::node_clock(&self.state, &NodeClock::new(self.clock.clone(), 2000)).await);
        checks
    }

    /// The names and codes of what is unwell; each says what mends it.
    async fn unwell(&self) -> Vec<(String, String)> {
        let unwell = self.look().await.into_iter().filter(|c| !c.ok);
        unwell
            .map(|c| {
                assert!(c.mend.as_ref().is_some_and(|m| !m.is_empty()), "{c:?}");
                (c.name, c.code.unwrap())
            })
            .collect()
    }

    fn file_below(&self, piece: PathBuf) -> PathBuf {
        let mut folders = vec![piece];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    return path;
                }
            }
        }
        panic!("no file there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_home_is_well() {
    let node = Node::new().await;
    assert_eq!(node.unwell().await, []);
    let names: Vec<String> = node.look().await.into_iter().map(|c| c.name).collect();
    let expected = [
        "format",
        "pieces",
        "permissions",
        "lock",
        "disk",
        "state",
        "jobs",
        "outbox",
        "telemetry",
        "vault",
        "ledger",
        "clock",
    ];
    assert_eq!(names, expected);
    assert_eq!(doctor::folder(std::path::Path::new("/nowhere/at/all")).len(), 1);
    let full = doctor::disk(node.home.root(), u64::MAX);
    assert_eq!((full.ok, full.code.as_deref()), (false, Some("CMT-1025")));
}

fn change(path: PathBuf) {
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_harm_is_seen() {
    type Harm = fn(&Node);
    let rows: [(&str, Harm, &str, &str); 9] = [
        ("telemetry changed", |n| change(n.file_below(n.home.telemetry())), "telemetry", "CMT-1021"),
        (
            "telemetry gone",
            |n| fs::remove_file(n.file_below(n.home.telemetry())).unwrap(),
            "telemetry",
            "CMT-1021",
        ),
        (
            "exhibit changed",
            |n| {
                let mut objects: Vec<_> = walk(n.home.vault());
                objects.sort_by_key(|p| std::cmp::Reverse(fs::metadata(p).unwrap().len()));
                change(objects[0].clone());
            },
            "vault",
            "CMT-0403",
        ),
        (
            "bundle changed",
            |n| change(n.file_below(n.home.ledger().join("tile/entries"))),
            "ledger",
            "CMT-03",
        ),
        ("checkpoint changed", |n| change(n.home.ledger().join("checkpoint")), "ledger", "CMT-03"),
        (
            "ledger gone",
            |n| {
                fs::remove_dir_all(n.home.ledger()).unwrap();
                fs::create_dir(n.home.ledger()).unwrap();
            },
            "ledger",
            "CMT-1017",
        ),
        ("clock set back", |n| n.clock.set(Timestamp(1)), "clock", "CMT-1007"),
        ("outbox folder gone", |n| fs::remove_dir(n.home.outbox()).unwrap(), "pieces", "CMT-1004"),
        (
            "keys open",
            |n| {
                use std::os::unix::fs::PermissionsExt as _;
                fs::set_permissions(n.home.keys(), fs::Permissions::from_mode(0o755)).unwrap();
            },
            "permissions",
            "CMT-1005",
        ),
    ];
    for (what, harm, name, code) in rows {
        let node = Node::new().await;
        NodeClock::new(node.clock.clone(), 2000).ruling_time(&node.state).await.unwrap();
        harm(&node);
        let unwell = node.unwell().await;
        assert!(
            unwell.len() == 1 && unwell[0].0 == name && unwell[0].1.starts_with(code),
            "{what}: {unwell:?}"
        );
    }
}

fn walk(root: PathBuf) -> Vec<PathBuf> {
    let mut folders = vec![root];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_and_list_are_held_against_each_other() {
    let node = Node::new().await;
    node.vault.seal_bytes(b"sealed and never listed").await.unwrap();
    assert_eq!(node.unwell().await, [("vault".to_owned(), "CMT-1028".to_owned())]);
    let lost = exhibit("listed and never sealed", ExhibitKind::Text, &[]);
    commit(&node.state, &Batch { exhibits: vec![lost], ..Batch::default() }, Timestamp(1)).await.unwrap();
    assert_eq!(node.unwell().await, [("vault".to_owned(), "CMT-1027".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_takes_only_what_no_row_names() {
    let node = Node::new().await;
    let orphan = node.telemetry.draft();
    fs::write(&orphan, b"left by a crash").unwrap();
    let id = exhibit("other", ExhibitKind::Pe, &[]).id;
    let draft = Draft { path: &orphan, table: "dns", exhibit: id, part: 0, records: 1, span: None };
    let file = node.telemetry.adopt(&draft).unwrap();
    assert!(node.telemetry.folder().unwrap().join(&file.path).is_file() && !orphan.exists());
    fs::create_dir_all(node.home.tmp().join("spill/deep")).unwrap();
    fs::write(node.home.tmp().join("half.parquet"), b"x").unwrap();
    let swept = node.telemetry.sweep(&node.home, &node.state).await.unwrap();
    assert_eq!((swept.files, swept.bytes, swept.temporary), (1, 15, 2));
    assert!(!node.telemetry.folder().unwrap().join(&file.path).exists());
    assert_eq!(node.unwell().await, []);
    for table in ["", "../keys", "Flows", "a/b"] {
        let draft = Draft { table, ..draft.clone() };
        let refused = node.telemetry.adopt(&draft).unwrap_err();
        assert!(matches!(refused, comity::store::StoreError::Telemetry { .. }), "{refused}");
    }
}
