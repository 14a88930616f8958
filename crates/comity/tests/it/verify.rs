//! `verify`: a home as it was left, and with one byte changed anywhere.

use crate::support::{self, Dice};
use comity::node::error::Ending;
use comity::node::verify::{self, SIGNER, Verified};
use comity::node::{Node, Options};
use comity::store::state;
use evidence::package::{Item, write_package};
use ledger::NoteKey;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use terms::Day;

struct Home {
    folder: tempfile::TempDir,
    options: Options,
}

impl Home {
    async fn with(evidence: u64) -> (Self, Node) {
        let folder = tempfile::tempdir().unwrap();
        let (options, _) = support::options(&folder.path().join("home"));
        let node = support::init(&options).await;
        let from = folder.path().join("evidence");
        support::lay_out(&from, &support::evidence(evidence));
        let done = support::ingest(&node, &[&from]).await;
        assert!(done.not_sealed.is_empty() && done.taken.len() as u64 == evidence);
        (Self { folder, options }, node)
    }
    fn root(&self) -> PathBuf {
        self.folder.path().join("home")
    }
}

async fn look(node: &Node) -> Verified {
    node.verify_home(&|_| ()).await.unwrap()
}

/// Changes one bit of a file, and back when dropped.
struct Flipped {
    file: std::fs::File,
    at: u64,
    was: u8,
}

impl Flipped {
    fn new(path: &Path, at: u64, mask: u8) -> Self {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ mask], at).unwrap();
        Self { file, at, was: byte[0] }
    }
}

impl Drop for Flipped {
    fn drop(&mut self) {
        self.file.write_all_at(&[self.was], self.at).unwrap();
    }
}

/// First and last byte and some between.
fn places(length: u64, dice: &mut Dice, between: usize) -> Vec<u64> {
    let mut at = vec![0, length - 1];
    at.extend((0..between).map(|_| dice.below(length)));
    at
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_byte_anywhere_is_found_and_its_file_is_named() {
    let (home, node) = Home::with(7).await;
    let whole = look(&node).await;
    assert!(whole.problems.is_empty() && whole.notes.is_empty(), "{whole:?}");
    let head = whole.ledger.clone().unwrap();
    assert_eq!((whole.exhibits, head.size, head.origin.as_str()), (7, 7, "company.comity/ledger"));

    let mut dice = Dice::new(41);
    let mut changed = 0;
    for folder in ["ledger", "vault", "telemetry"] {
        let files = support::files_below(&home.root(), folder);
        assert!(files.len() > 2, "{folder}: {files:?}");
        for name in files {
            let path = home.root().join(&name);
            let length = std::fs::metadata(&path).unwrap().len();
            for at in places(length, &mut dice, 3) {
                let flipped = Flipped::new(&path, at, 1 << dice.below(8));
                let seen = look(&node).await;
                drop(flipped);
                let named = seen.problems.iter().any(|p| p.file == name && !p.code.is_empty());
                assert!(named, "byte {at} of {length} of {name}: {:?}", seen.problems);
                assert_eq!(seen.into_result().unwrap_err().ending(), Ending::NotVerified);
                changed += 1;
            }
        }
    }
    assert!(changed > 60, "{changed}");
    assert_eq!(look(&node).await, whole, "all is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_or_added_is_found() {
    let (home, node) = Home::with(6).await;
    let root = home.root();
    let first = |folder: &str| support::files_below(&root, folder).into_iter().next().unwrap();
    let tile = first("ledger/tile/entries");
    for (name, code) in [
        (first("vault/objects"), "CMT-0402"),
        (first("keys/objects"), "CMT-0401"),
        (first("telemetry"), "CMT-1021"),
        (tile, "CMT-0313"),
        ("ledger/checkpoint".to_owned(), "CMT-0313"),
    ] {
        let aside = home.folder.path().join("aside");
        std::fs::rename(root.join(&name), &aside).unwrap();
        let seen = look(&node).await;
        std::fs::rename(&aside, root.join(&name)).unwrap();
        assert!(seen.problems.iter().any(|p| p.code == code), "{name}: {:?}", seen.problems);
    }
    // A file among the tiles that is none of them.
    std::fs::write(root.join("ledger/tile/0/stranger"), "x").unwrap();
    let seen = look(&node).await;
    assert_eq!(seen.problems[0].code, "CMT-0319");
    std::fs::remove_file(root.join("ledger/tile/0/stranger")).unwrap();
    // Another's public key.
    let public = root.join("keys/public.json");
    let text = std::fs::read_to_string(&public).unwrap();
    let node_key = comity::node::keys::shown(&node.keys.node.verifying_key());
    std::fs::write(&public, text.replace(&node_key, &"0".repeat(64))).unwrap();
    let seen = look(&node).await;
    assert_eq!(
        (seen.problems[0].code.as_str(), seen.problems[0].file.as_str()),
        ("CMT-1152", "keys/public.json")
    );
    std::fs::write(&public, text).unwrap();
    assert!(look(&node).await.whole());
}

/// Whoever can write to `state.db` is not believed: its rows stand against the vault and the ledger.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_is_found() {
    use sqlx::Connection as _;
    let (home, node) = Home::with(6).await;
    let url = state::sqlite_url(&home.root().join("state.db"));
    for (change, code) in [
        ("UPDATE exhibits SET size = size + 1 WHERE id = (SELECT MIN(id) FROM exhibits)", "CMT-1156"),
        ("UPDATE custody SET who = 'somebody' WHERE id = (SELECT MIN(id) FROM custody)", "CMT-1159"),
        ("UPDATE custody SET body = replace(body, 'voluntary', 'requested')", "CMT-1159"),
        ("DELETE FROM custody WHERE id = (SELECT MIN(id) FROM custody)", "CMT-1158"),
        ("UPDATE exhibits SET commitment = (SELECT MAX(commitment) FROM exhibits)", "CMT-1157"),
        ("UPDATE leaves SET body = (SELECT body FROM leaves WHERE place = 1) WHERE place = 0", "CMT-1017"),
        ("DELETE FROM leaves WHERE place = 2", "CMT-1017"),
        ("UPDATE sequencer SET published = 3, size = 3", "CMT-1017"),
    ] {
        let copy = home.folder.path().join("state.copy");
        // All of it in the file, so that the file alone can be put back.
        let mut conn = sqlx::AnyConnection::connect(&url).await.unwrap();
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut conn).await.unwrap();
        std::fs::copy(home.root().join("state.db"), &copy).unwrap();
        sqlx::query(sqlx::SqlStr::from_static(change)).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let seen = look(&node).await;
        assert!(seen.problems.iter().any(|p| p.code == code), "{change}: {:?}", seen.problems);
        let mut conn = sqlx::AnyConnection::connect(&url).await.unwrap();
        let restore = format!("ATTACH '{}' AS was", copy.display());
        sqlx::query(sqlx::AssertSqlSafe(restore)).execute(&mut conn).await.unwrap();
        for table in ["exhibits", "custody", "leaves", "sequencer"] {
            let back = format!("INSERT OR REPLACE INTO main.{table} SELECT * FROM was.{table}");
            sqlx::query(sqlx::AssertSqlSafe(back)).execute(&mut conn).await.unwrap();
        }
        conn.close().await.unwrap();
        assert!(look(&node).await.whole(), "after `{change}` was put back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cut_short_command_leaves_is_a_note() {
    let (home, node) = Home::with(6).await;
    let before = look(&node).await;
    node.vault.seal_bytes(b"sealed and never acknowledged").await.unwrap();
    std::fs::write(home.root().join("ledger/tile/0/000.p/9#77000001"), "half").unwrap();
    std::fs::write(home.root().join("telemetry/flows/zz.parquet"), "half").unwrap_or_default();
    let seen = look(&node).await;
    assert!(seen.whole(), "{:?}", seen.problems);
    let codes: Vec<&str> = seen.notes.iter().map(|n| n.code.as_str()).collect();
    assert!(codes.contains(&"CMT-1028") && codes.contains(&"CMT-1153"), "{codes:?}");
    assert_eq!(seen.ledger, before.ledger);
    // Opened to work with, the home is tidied.
    node.close().await.unwrap();
    let node = comity::node::Node::open(&home.options, "test").await.unwrap();
    let seen = look(&node).await;
    assert!(
        seen.whole() && seen.notes.iter().all(|n| n.code != "CMT-1153"),
        "{:?} {:?}",
        seen.problems,
        seen.notes
    );
}

/// A home whose ledger was changed cannot be worked with, and can be verified.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_home_is_verified_from_outside() {
    let (home, node) = Home::with(6).await;
    node.close().await.unwrap();
    assert!(verify::home(&home.options, &|_| ()).await.unwrap().whole());
    for name in support::files_below(&home.root(), "ledger") {
        let flipped = Flipped::new(&home.root().join(&name), 3, 0x20);
        let seen = verify::home(&home.options, &|_| ()).await.unwrap();
        assert!(seen.problems.iter().any(|p| p.file == name), "{name}: {:?}", seen.problems);
        drop(flipped);
    }
    assert!(verify::home(&home.options, &|_| ()).await.unwrap().whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_byte_of_a_package_is_found() {
    let (home, node) = Home::with(1).await;
    let key = node.keys.node.verifying_key();
    let signer = NoteKey::new(&comity::node::origin(&node.partner), key).unwrap().to_vkey() + "\n";
    let package = home.folder.path().join("package");
    let items = || {
        [
            Item::payload("orders/order-1.txt", b"seize 198.18.7.10\n".as_slice()),
            Item::payload("evidence/log.txt", b"a log line\n".as_slice()),
            Item::proof("log.vkey", signer.as_bytes()),
        ]
    };
    let day: Day = support::noon().day();
    write_package(&package, items(), &[("Source-Organization", "company")], day, &node.keys.node).unwrap();
    let known = node.package_keys().await.unwrap();
    let whole = verify::verify_package(&package, &known);
    assert!(whole.whole() && whole.notes.is_empty(), "{whole:?}");
    assert_eq!((whole.exhibits, whole.signed_by.len()), (2, 1));
    // Without a home the package's own word is taken, and that is said.
    let alone = verify::verify_package(&package, &[]);
    assert!(alone.whole() && alone.notes[0].code == "CMT-1150", "{alone:?}");

    let files = support::files_below(&package, "");
    assert_eq!(files.len() as u64, whole.files);
    let mut dice = Dice::new(43);
    for name in &files {
        let path = package.join(name);
        let length = std::fs::metadata(&path).unwrap().len();
        for at in places(length, &mut dice, 20) {
            let flipped = Flipped::new(&path, at, 1 << dice.below(8));
            let (seen, alone) =
                (verify::verify_package(&package, &known), verify::verify_package(&package, &[]));
            drop(flipped);
            assert!(
                seen.problems.iter().any(|p| p.file == *name),
                "byte {at} of {name}: {:?}",
                seen.problems
            );
            assert!(!alone.whole(), "byte {at} of {name}");
            assert_eq!(seen.into_result().unwrap_err().ending().code(), 4);
        }
    }
    // A file more, a file less, another's key.
    std::fs::write(package.join("data/more.txt"), "x").unwrap();
    assert_eq!(verify::verify_package(&package, &known).problems[0].file, "data/more.txt");
    std::fs::remove_file(package.join("data/more.txt")).unwrap();
    std::fs::rename(package.join("data/evidence/log.txt"), home.folder.path().join("log.txt")).unwrap();
    assert!(!verify::verify_package(&package, &known).whole());
    std::fs::rename(home.folder.path().join("log.txt"), package.join("data/evidence/log.txt")).unwrap();
    let stranger = node.keys.organisation.verifying_key();
    let seen = verify::verify_package(&package, &[stranger]);
    assert_eq!(seen.problems[0].file, "signature.dsse.json");
    std::fs::remove_file(package.join(SIGNER)).unwrap();
    let seen = verify::verify_package(&package, &[]);
    assert_eq!(seen.problems[0].code, "CMT-1151", "no key, and none in the package");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_receipt_is_not_verified() {
    let (home, node) = Home::with(1).await;
    let path = home.folder.path().join("receipt.json");
    assert!(node.verify_receipt(&path).await.is_err(), "a file that is not there is no verdict");
    std::fs::write(&path, "{}").unwrap();
    let seen = node.verify_receipt(&path).await.unwrap();
    assert_eq!(seen.problems.len(), 1);
    assert!(seen.problems[0].code.starts_with("CMT-09"), "{:?}", seen.problems);
}

/// The program itself: exit 0 on a home as it is, 4 with one byte changed.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_ends_with_4() {
    let (home, node) = Home::with(6).await;
    node.close().await.unwrap();
    let run = || support::comity(&home.root()).args(["verify", "--json"]).output().unwrap();
    let output = run();
    assert_eq!(output.status.code(), Some(0), "{}", support::said(&output));
    for folder in ["ledger", "vault"] {
        let name = support::files_below(&home.root(), folder).pop().unwrap();
        let flipped = Flipped::new(&home.root().join(&name), 40, 1);
        let output = run();
        drop(flipped);
        assert_eq!(output.status.code(), Some(4), "{name}: {}", support::said(&output));
        assert!(support::said(&output).contains(&name), "{name}: {}", support::said(&output));
    }
    let output = run();
    assert_eq!(output.status.code(), Some(0), "{}", support::said(&output));
}
