//! `ingest` under `kill -9` at random instants: what was acknowledged stays, the ledger verifies, a second run completes.
//!
//! Elsewhere: writes dropped after the last `fsync`, as a power cut would, are simulated where the layers are that write:
//! the ledger's files and the order of a commit in `store::crash` and `store::killed`, the vault's objects and keys in
//! the tests of `evidence`. Here the real program is killed over a whole home; what the operating system has of its
//! writes stays, as it does when only a process dies.

use crate::support::{self, Dice};
use comity::node::{Options, verify};
use comity::store::exhibits::Exhibit;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use terms::ExhibitId;

/// Files to take in.
const FILES: u64 = 60;
/// Kills of each home; there are three.
const KILLS: u64 = 5;

/// Everything acknowledged before is acknowledged still, as it was.
fn nothing_is_lost(before: &BTreeMap<ExhibitId, Exhibit>, after: &BTreeMap<ExhibitId, Exhibit>) {
    for (id, was) in before {
        let is = after.get(id).unwrap_or_else(|| panic!("exhibit {id} was acknowledged and is gone"));
        assert_eq!(
            (is.kind, is.size, is.commitment, is.sealed_at),
            (was.kind, was.size, was.commitment, was.sealed_at)
        );
    }
}

async fn verifies(options: &Options, evidence: &BTreeSet<ExhibitId>) -> BTreeMap<ExhibitId, Exhibit> {
    let seen = verify::home(options, &|_| ()).await.unwrap();
    assert!(seen.whole(), "{:?}", seen.problems);
    let exhibits = support::acknowledged(&options.dir).await.unwrap();
    assert_eq!(seen.exhibits, exhibits.len() as u64, "each acknowledged exhibit opens");
    assert!(exhibits.keys().all(|id| evidence.contains(id)), "and none is another's bytes");
    exhibits
}

/// Ends when the program ends or is killed after `patience`.
fn run_and_kill(home: &Path, evidence: &Path, patience: Duration) {
    let mut child = support::comity(home)
        .arg("ingest")
        .arg(evidence)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The instant is chance: that is what is tested. Whatever it is, the same must hold.
    std::thread::sleep(patience);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Takes evidence in under kills, then to the end.
async fn killed(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let evidence = support::evidence(FILES);
    let from = folder.path().join("evidence");
    support::lay_out(&from, &evidence);
    let ids: BTreeSet<ExhibitId> = evidence.iter().map(|(_, bytes)| ExhibitId::of(bytes)).collect();
    assert_eq!(ids.len() as u64, FILES);

    // How long it takes when nobody kills it.
    let (options, _) = support::options(&folder.path().join("undisturbed"));
    support::init(&options).await.close().await.unwrap();
    let begun = Instant::now();
    let output = support::comity(&options.dir).arg("ingest").arg(&from).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", support::said(&output));
    let whole = u64::try_from(begun.elapsed().as_micros()).unwrap();

    let (options, _) = support::options(&folder.path().join("home"));
    support::init(&options).await.close().await.unwrap();
    let (mut dice, mut before) = (Dice::new(seed), BTreeMap::new());
    for _ in 0..KILLS {
        run_and_kill(&options.dir, &from, Duration::from_micros(dice.below(whole)));
        let after = support::acknowledged(&options.dir).await.unwrap();
        nothing_is_lost(&before, &after);
        assert_eq!(verifies(&options, &ids).await, after, "looking changes nothing");
        before = after;
    }
    let output = support::comity(&options.dir).arg("ingest").arg(&from).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "a run that nobody kills completes: {}",
        support::said(&output)
    );
    let after = verifies(&options, &ids).await;
    nothing_is_lost(&before, &after);
    assert_eq!(after.keys().copied().collect::<BTreeSet<_>>(), ids, "every file is an exhibit, once");
    for (name, bytes) in &evidence {
        let exhibit = &after[&ExhibitId::of(bytes)];
        let path = from.join(name).display().to_string();
        assert_eq!((exhibit.size, &exhibit.names), (bytes.len() as u64, &vec![path]));
    }
    let seen = verify::home(&options, &|_| ()).await.unwrap();
    assert!(seen.notes.is_empty(), "nothing is left lying about: {:?}", seen.notes);
}

/// Three homes, so that kills meet much that is new more than once.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_instants_nothing_acknowledged_is_lost() {
    killed(47).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_of_another_home_at_other_instants() {
    killed(48).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_of_a_third() {
    killed(49).await;
}
