//! A process that commits and publishes is killed; another goes on.

use super::contract::{exhibit, finding};
use comity::store::{
    Batch, Clock as _, Home, InitOptions, Mode, Sequencer, State, SystemClock, commit_and_publish,
    custody::CustodyRow, exhibits, files::Disk, findings, leaves::NewLeaf,
};
use ed25519_dalek::SigningKey;
use ledger::{
    NoteKey, NoteSigner,
    statement::{PredicateType, Statement},
    verify::Trust,
};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};
use terms::{ExhibitKind, PersonId};

const ORIGIN: &str = "company.example/ledger";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

async fn open(dir: &Path) -> (Home, State, Sequencer) {
    let home = Home::open(dir, Mode::Work("ingest"), SystemClock.now()).unwrap();
    let state = State::of_home(&home, None, false).await.unwrap();
    let files = Arc::new(Disk::new(home.ledger()).unwrap());
    let signer = NoteSigner::new(ORIGIN, key()).unwrap();
    let sequencer = Sequencer::new(state.clone(), files, signer, &[], Arc::new(SystemClock), "home");
    (home, state, sequencer)
}

/// Exhibit `n` with a finding, an act of custody and its leaf.
fn batch(n: u64) -> Batch {
    let listed = exhibit(&format!("exhibit {n}"), ExhibitKind::Text, &["a.txt"]);
    let statement =
        Statement::new(vec![listed.commitment], PredicateType::Custody, serde_json::json!({ "n": n }));
    let leaf = NewLeaf { id: format!("leaf-{n}"), body: statement.unwrap().sign(&key()).unwrap() };
    let who = PersonId("analyst-1".into());
    let act = CustodyRow::new(listed.id, SystemClock.now(), who, "sealed", serde_json::json!({}), &leaf.id);
    Batch {
        findings: vec![finding(listed.id, n)],
        custody: vec![act],
        leaves: vec![leaf],
        exhibits: vec![listed],
        ..Batch::default()
    }
}

/// Not a test: the process that is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other side of a test, run by it"]
async fn commit_until_killed() {
    let Some(dir) = std::env::var_os("COMITY_TEST_KILL") else { return };
    let (_home, state, sequencer) = open(Path::new(&dir)).await;
    let mut conn = state.read().await.unwrap();
    let known: u64 = exhibits::count(&mut conn).await.unwrap().iter().map(|(_, n, _)| n).sum();
    drop(conn);
    for n in known.. {
        let (_, published) =
            commit_and_publish(&state, &sequencer, &batch(n), SystemClock.now()).await.unwrap();
        published.unwrap().unwrap();
        println!("\nacknowledged {n}");
        std::io::stdout().flush().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("home");
    let home = Home::init(&dir, &InitOptions::default(), SystemClock.now()).unwrap();
    State::of_home(&home, None, true).await.unwrap().close().await;
    drop(home);
    let mut acknowledged = 0;
    // Each round is killed after another number of commits, in whatever it was doing then.
    for lines in [1_usize, 3, 7, 12, 2] {
        acknowledged = kill_after(&dir, lines).max(acknowledged);
        let (home, state, sequencer) = open(&dir).await;
        sequencer.run().await.unwrap().unwrap();
        let mut conn = state.read().await.unwrap();
        for n in 0..=acknowledged {
            let wanted = batch(n);
            assert!(exhibits::is_here(&mut conn, &wanted.exhibits[0].id).await.unwrap(), "exhibit {n}");
            assert!(
                findings::find(&mut conn, &wanted.findings[0].id).await.unwrap().is_some(),
                "finding {n}"
            );
        }
        drop(conn);
        let keys = [NoteKey::new(ORIGIN, key().verifying_key()).unwrap()];
        let resolve = |_: &str| Some(key().verifying_key());
        let trust = Trust { origin: ORIGIN, keys: &keys, witnesses: &[], demanded: 0, resolve: &resolve };
        let check = comity::store::doctor::ledger(&home, &state, &trust).await;
        assert!(check.ok, "{check:?}");
        let size = sequencer.head().await.unwrap().size;
        // What was being committed at the end may have been kept without its caller hearing of it.
        assert!(
            size == acknowledged + 1 || size == acknowledged + 2,
            "{size} leaves, {acknowledged} acknowledged"
        );
        acknowledged = size - 1;
        state.close().await;
    }
}

/// Runs the other process, kills it when it said so many times what it had acknowledged; the last it said.
fn kill_after(dir: &Path, lines: usize) -> u64 {
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::killed::commit_until_killed", "--ignored", "--nocapture"])
        .env("COMITY_TEST_KILL", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(other.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|l| l.strip_prefix("acknowledged ").map(|n| n.parse::<u64>().unwrap()));
    for _ in 1..lines {
        said.next().unwrap();
    }
    let last = said.next().unwrap();
    other.kill().unwrap();
    let last = said.last().unwrap_or(last);
    other.wait().unwrap();
    last
}
