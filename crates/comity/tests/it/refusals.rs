//! What cannot be ruled on, and what cannot be written down, does not leave: it is refused with a code, and nothing is
//! lost.

use crate::batches::{operation, sightings};
use crate::support;
use comity::demo::Operation;
use comity::node::Node;
use comity::node::agree::Kept;
use comity::store::records::{self, Record};
use comity::store::{State, state};
use miette::Diagnostic as _;
use std::path::Path;
use terms::Purpose;

/// How many releases this home gave.
async fn releases(state: &State) -> u64 {
    let mut conn = state.read().await.unwrap();
    records::RELEASES.count(&mut conn).await.unwrap()
}

async fn state_of(home: &Path) -> State {
    State::open(&state::sqlite_url(&home.join("state.db"))).await.unwrap()
}

/// One letter of the text, one of a signature, no signature at all, or no agreement where one should be.
fn broken(kept: &serde_json::Value) -> Vec<(&'static str, serde_json::Value)> {
    let text = kept["text"].as_str().unwrap();
    let with = |key: &str, value: serde_json::Value| {
        let mut other = kept.clone();
        other[key] = value;
        other
    };
    vec![
        ("a wider text", with("text", text.replace("records = 1_000_000", "records = 9_000_000").into())),
        ("half a text", with("text", text[..text.len() / 2].into())),
        ("no text", with("text", "".into())),
        ("no signatures", with("signatures", serde_json::json!({}))),
        ("nothing", serde_json::json!({})),
        ("another thing", serde_json::json!(["agreement"])),
    ]
}

/// A policy in the state that cannot be read, or is not what was signed: every share ends with a code and a way out, no
/// bundle is written, and with what was there before it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_policy_lets_nothing_leave() {
    let folder = tempfile::tempdir().unwrap();
    let operation: Operation = operation(folder.path()).await;
    let home = operation.node("company").home.root().to_owned();
    operation.end().await.unwrap();
    let store = state_of(&home).await;
    let mut conn = store.read().await.unwrap();
    let all: Vec<Record<serde_json::Value>> = records::AGREEMENTS.all(&mut conn).await.unwrap();
    drop(conn);
    let whole = all.into_iter().find(|r| r.id.starts_with("company-police")).unwrap();
    let _: Kept = serde_json::from_value(whole.body.clone()).unwrap();
    let bundle = folder.path().join("to-police.bundle");
    let share = |dry: bool| {
        let mut command = support::comity(&home);
        command.args(["share", "sightings", "--with", "police", "--member", "de", "--purpose"]);
        command.env("COMITY_PASSPHRASE", "an exercise has no secrets");
        command.args(["victim-notification", "--json"]).arg("--out").arg(&bundle);
        if dry {
            command.arg("--dry-run");
        }
        command.output().unwrap()
    };
    for (name, body) in broken(&whole.body) {
        put(&store, &Record { body, ..whole.clone() }).await;
        for dry in [true, false] {
            let output = share(dry);
            let said = support::said(&output);
            assert!(matches!(output.status.code(), Some(1 | 3 | 4)), "{name}: {said}");
            assert!(said.contains("CMT-"), "{name}: {said}");
            assert!(!bundle.exists(), "{name}: it left");
        }
    }
    assert_eq!(releases(&store).await, 0);
    put(&store, &whole).await;
    let output = share(false);
    assert_eq!(output.status.code(), Some(0), "{}", support::said(&output));
    assert!(bundle.exists() && releases(&store).await == 1);
    store.close().await;
}

async fn put(store: &State, record: &Record<serde_json::Value>) {
    let mut tx = store.begin().await.unwrap();
    records::AGREEMENTS.put(&mut tx, record).await.unwrap();
    tx.commit().await.unwrap();
}

/// A ledger that takes no leaf: the ruling cannot be written down, so nothing leaves; what was acknowledged waits, and is on
/// the ledger as soon as there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_without_room_lets_nothing_leave() {
    let folder = tempfile::tempdir().unwrap();
    let operation: Operation = operation(folder.path()).await;
    let company: &Node = operation.node("company");
    let (ledger, away) = (company.home.ledger(), folder.path().join("away"));
    let before = company.sequencer.head().await.unwrap().size;
    std::fs::rename(&ledger, &away).unwrap();
    std::fs::write(&ledger, "no folder, and so no room for a file").unwrap();
    let permitted = sightings(Some("de"), Purpose::VictimNotification, "");
    let denied = sightings(Some("de"), Purpose::MalwareAnalysis, "");
    for wish in [&permitted, &denied] {
        let error = company.share(wish, false).await.expect_err("a ruling that nobody can look up");
        let code = error.code().unwrap().to_string();
        assert!(code.starts_with("CMT-1"), "the ledger is the matter, not the agreement: {code} {error}");
        assert!(error.help().is_some(), "{error}");
    }
    assert_eq!(releases(&company.state).await, 0);
    // A dry run writes nothing, and needs no room.
    assert!(company.share(&permitted, true).await.unwrap().records > 0);

    std::fs::remove_file(&ledger).unwrap();
    std::fs::rename(&away, &ledger).unwrap();
    let shared = company.share(&permitted, false).await.unwrap();
    assert!(!shared.bundle.is_empty() && releases(&company.state).await == 1);
    let seen = company.verify_home(&|_| ()).await.unwrap();
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    // Both rulings that were made without room are on the ledger by now, beside that of the release.
    assert!(seen.ledger.unwrap().size >= before + 5);
    operation.end().await.unwrap();
}
