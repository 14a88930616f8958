//! Every repository method, on both databases.

use super::databases::{Store, each, sqlite};
use comity::store::{
    State, StoreError, commit,
    commit::{Batch, write},
    compacted,
    custody::{self, CustodyRow},
    exhibits::{self, Exhibit},
    findings,
    jobs::NewJob,
    leaves::{self, NewLeaf},
    manifest::{self, TelemetryFile},
    records::{self, Record},
    settings,
};
use futures::TryStreamExt as _;
use ledger::{Commitment, commitment::Salt};
use miette::Diagnostic as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{
    Compression, Confidence, Digest, ExhibitId, ExhibitKind, Finding, FindingBody, Obtained, PersonId,
    Timestamp, Unsealed,
};

pub fn commitment(id: &ExhibitId) -> Commitment {
    ledger::commit(&Salt::from_hex(&"07".repeat(32)).unwrap(), &id.0)
}

pub fn exhibit(content: &str, kind: ExhibitKind, names: &[&str]) -> Exhibit {
    let id = ExhibitId::of(content.as_bytes());
    Exhibit {
        id,
        kind,
        compression: Compression::None,
        size: content.len() as u64,
        names: names.iter().map(|n| (*n).to_owned()).collect(),
        obtained: Obtained::Voluntary,
        sealed_at: Timestamp(1_000_000),
        commitment: commitment(&id),
        derived_from: None,
        erased_at: None,
    }
}

pub fn finding(exhibit: ExhibitId, n: u64) -> Finding {
    let body = FindingBody::Unreadable { code: "CMT-0601".into(), at: format!("line {n}"), records: n };
    let reason = format!("line {n} is cut short\0");
    Unsealed { examiner: "test".into(), version: 1, confidence: Confidence::new(90), reason, body }
        .seal(vec![exhibit])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_is_understood_and_has_its_own_name() {
    let names: Vec<&str> = comity::store::state::statements().map(|s| s.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(names.len() > 60 && names.iter().all(|n| n.contains('.')));
    each(|Store { state, .. }| async move {
        assert_eq!(state.refused_statements().await.unwrap(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exhibits_are_one_by_their_bytes() {
    each(|Store { state, .. }| async move {
        let first = exhibit("sample", ExhibitKind::Pe, &["b.exe", "nul\0name"]);
        let mut again = exhibit("sample", ExhibitKind::Text, &["a.exe", "b.exe"]);
        again.sealed_at = Timestamp(9);
        let mut derived = exhibit("inner", ExhibitKind::Elf, &[]);
        derived.derived_from = Some(first.id);
        let mut tx = state.begin().await.unwrap();
        assert!(exhibits::put(&mut tx, &first).await.unwrap());
        assert!(!exhibits::put(&mut tx, &again).await.unwrap());
        assert!(exhibits::put(&mut tx, &derived).await.unwrap());
        tx.commit().await.unwrap();
        let mut conn = state.read().await.unwrap();
        let kept = exhibits::find(&mut conn, &first.id).await.unwrap().unwrap();
        assert_eq!(kept.names, ["a.exe", "b.exe", "nul"]);
        assert_eq!(
            (kept.kind, kept.sealed_at, kept.commitment),
            (ExhibitKind::Pe, first.sealed_at, first.commitment)
        );
        assert_eq!(exhibits::find(&mut conn, &derived.id).await.unwrap().unwrap(), derived);
        assert_eq!(exhibits::page(&mut conn, None, 10).await.unwrap().len(), 2);
        let page = exhibits::page(&mut conn, None, 1).await.unwrap();
        let rest = exhibits::page(&mut conn, Some(&page[0].id), 10).await.unwrap();
        assert_eq!(rest.len(), 1);
        let of_kind = exhibits::of_kind(&mut conn, ExhibitKind::Pe, None, 10).await.unwrap();
        assert_eq!(of_kind, [kept]);
        let count = exhibits::count(&mut conn).await.unwrap();
        assert_eq!(count, [(ExhibitKind::Elf, 1, 5), (ExhibitKind::Pe, 1, 6)]);
        drop(conn);

        let mut tx = state.begin().await.unwrap();
        assert!(exhibits::erase(&mut tx, &first.id, Timestamp(5)).await.unwrap());
        assert!(!exhibits::erase(&mut tx, &first.id, Timestamp(6)).await.unwrap());
        assert!(!exhibits::is_here(&mut tx, &first.id).await.unwrap());
        let erased = exhibits::find(&mut tx, &first.id).await.unwrap().unwrap();
        assert_eq!((erased.names.len(), erased.erased_at), (0, Some(Timestamp(5))));
        // The same bytes come in again: sealed anew, they count as new.
        assert!(exhibits::put(&mut tx, &again).await.unwrap());
        assert!(exhibits::is_here(&mut tx, &first.id).await.unwrap());
        tx.rollback().await.unwrap();
        let mut conn = state.read().await.unwrap();
        assert!(exhibits::is_here(&mut conn, &first.id).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_are_kept_once_and_refuted_rather_than_deleted() {
    each(|Store { state, .. }| async move {
        let (a, b) = (exhibit("a", ExhibitKind::Pe, &[]), exhibit("b", ExhibitKind::Elf, &[]));
        // More than one statement's rows, and a rest.
        let of_a: Vec<Finding> = (0..123).map(|n| finding(a.id, n)).collect();
        let other = Unsealed {
            examiner: "other".into(),
            version: 3,
            confidence: Confidence::new(7),
            reason: "both".into(),
            body: FindingBody::Similar { other: b.id, distance: 4 },
        }
        .seal(vec![b.id, a.id]);
        let mut tx = state.begin().await.unwrap();
        exhibits::put(&mut tx, &a).await.unwrap();
        exhibits::put(&mut tx, &b).await.unwrap();
        assert_eq!(findings::put(&mut tx, &of_a, Timestamp(1)).await.unwrap(), 123);
        assert_eq!(findings::put(&mut tx, &of_a, Timestamp(2)).await.unwrap(), 0);
        assert_eq!(findings::put(&mut tx, std::slice::from_ref(&other), Timestamp(3)).await.unwrap(), 1);
        tx.commit().await.unwrap();

        let mut conn = state.read().await.unwrap();
        let kept = findings::find(&mut conn, &other.id).await.unwrap().unwrap();
        assert_eq!((&kept.finding, kept.found_at, kept.refuted_by), (&other, Timestamp(3), None));
        let prefix: String = other.id.to_string().chars().take(12).collect();
        assert_eq!(findings::find_prefix(&mut conn, &prefix).await.unwrap(), Some(kept.clone()));
        for bad in ["", "12", "zzzzzzz", "%%%%%%%", &"0".repeat(65)] {
            assert_eq!(findings::find_prefix(&mut conn, bad).await.unwrap(), None, "{bad}");
        }
        assert_eq!(findings::of_exhibit(&mut conn, &a.id, None, 1000).await.unwrap().len(), 124);
        assert_eq!(
            findings::of_exhibit(&mut conn, &b.id, None, 1000).await.unwrap(),
            std::slice::from_ref(&kept)
        );
        assert_eq!(findings::of_kind(&mut conn, "similar", None, 10).await.unwrap(), [kept]);
        let count = findings::count(&mut conn).await.unwrap();
        assert_eq!(count, [("similar".to_owned(), 1), ("unreadable".to_owned(), 123)]);
        let page = findings::page(&mut conn, None, 100).await.unwrap();
        let rest = findings::page(&mut conn, page.last().map(|k| &k.finding.id), 100).await.unwrap();
        assert_eq!((page.len(), rest.len()), (100, 24));
        drop(conn);
        let all: Vec<_> = findings::stream(&state, None).try_collect().await.unwrap();
        assert_eq!(all.len(), 124);
        // A NUL, which PostgreSQL cannot keep, is the one letter that changes; the id stays that of the original.
        assert!(all.iter().any(|k| k.finding.reason == "line 7 is cut short\u{fffd}"));
        let some: Vec<_> = findings::stream(&state, Some("similar".to_owned())).try_collect().await.unwrap();
        assert_eq!(some.len(), 1);

        let mut tx = state.begin().await.unwrap();
        assert!(findings::refute(&mut tx, &of_a[0].id, &other.id, Timestamp(4)).await.unwrap());
        assert!(!findings::refute(&mut tx, &of_a[0].id, &of_a[1].id, Timestamp(5)).await.unwrap());
        let refuted = findings::find(&mut tx, &of_a[0].id).await.unwrap().unwrap();
        assert_eq!(refuted.refuted_by, Some(other.id));
        // A finding on an exhibit that is not listed is refused.
        let stray = finding(ExhibitId::of(b"never seen"), 1);
        let refused = findings::put(&mut tx, &[stray], Timestamp(6)).await.unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "CMT-1011");
    })
    .await;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Thing {
    schema: String,
    words: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_noun_keeps_whole_things() {
    each(|Store { state, .. }| async move {
        for noun in records::NOUNS {
            let thing = |n: u32, belongs: &str| Record {
                id: format!("thing-{n:04}"),
                belongs: belongs.to_owned(),
                status: "open".to_owned(),
                at: Timestamp(i64::from(n)),
                until: n.is_multiple_of(2).then_some(Timestamp(7)),
                body: Thing {
                    schema: "comity.thing/1".into(),
                    words: vec![format!("word {n} \0 \u{1f512}")],
                },
            };
            let mut tx = state.begin().await.unwrap();
            for n in 0..12 {
                noun.put(&mut tx, &thing(n, if n < 3 { "a" } else { "b" })).await.unwrap();
            }
            assert!(!noun.add(&mut tx, &thing(0, "c")).await.unwrap());
            assert!(noun.add(&mut tx, &thing(12, "c")).await.unwrap());
            noun.put(&mut tx, &thing(1, "b")).await.unwrap();
            assert!(noun.set_status(&mut tx, "thing-0002", "closed", Timestamp(99)).await.unwrap());
            assert!(!noun.set_status(&mut tx, "thing-9999", "closed", Timestamp(99)).await.unwrap());
            assert!(noun.remove(&mut tx, "thing-0011").await.unwrap());
            assert!(!noun.remove(&mut tx, "thing-0011").await.unwrap());
            tx.commit().await.unwrap();
            let mut conn = state.read().await.unwrap();
            assert_eq!(noun.count(&mut conn).await.unwrap(), 12, "{}", noun.table());
            assert_eq!(noun.get::<Thing>(&mut conn, "thing-0004").await.unwrap(), Some(thing(4, "b")));
            assert_eq!(noun.get::<Thing>(&mut conn, "thing-0011").await.unwrap(), None);
            let closed = noun.get::<Thing>(&mut conn, "thing-0002").await.unwrap().unwrap();
            assert_eq!((closed.status.as_str(), closed.at), ("closed", Timestamp(99)));
            assert_eq!(noun.of::<Thing>(&mut conn, "a").await.unwrap().len(), 2);
            assert_eq!(noun.all::<Thing>(&mut conn).await.unwrap().len(), 12);
            let page = noun.page::<Thing>(&mut conn, "thing-0002", 3).await.unwrap();
            let ids: Vec<&str> = page.iter().map(|r| r.id.as_str()).collect();
            assert_eq!(ids, ["thing-0003", "thing-0004", "thing-0005"]);
            // A body of another shape is an error that says where, never a guess.
            let wrong = noun.get::<u32>(&mut conn, "thing-0004").await.unwrap_err();
            assert_eq!(wrong.code().unwrap().to_string(), "CMT-1014");
        }
        let mut tx = state.begin().await.unwrap();
        let huge = "x".repeat(comity::store::state::MOST_TEXT + 1);
        let refused = settings::put(&mut tx, "huge", &huge).await.unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "CMT-1023");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_custody_read_back() {
    each(|Store { state, .. }| async move {
        let id = ExhibitId::of(b"x");
        let who = PersonId("analyst-1".into());
        let acts: Vec<_> = ["sealed", "examined", "released"]
            .iter()
            .map(|act| {
                CustodyRow::new(id, Timestamp(4), who.clone(), act, serde_json::json!({"act": act}), "leaf-1")
            })
            .collect();
        let mut tx = state.begin().await.unwrap();
        for act in &acts {
            custody::add(&mut tx, act).await.unwrap();
        }
        custody::add(&mut tx, &acts[0]).await.unwrap();
        settings::put(&mut tx, "partner", &"company").await.unwrap();
        settings::put(&mut tx, "partner", &"police").await.unwrap();
        tx.commit().await.unwrap();
        let mut conn = state.read().await.unwrap();
        assert_eq!(custody::of(&mut conn, &id, "", 10).await.unwrap(), acts);
        assert_eq!(custody::page(&mut conn, &acts[0].id, 10).await.unwrap(), acts[1..]);
        assert!(
            custody::of::<serde_json::Value>(&mut conn, &ExhibitId::of(b"y"), "", 10)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(settings::get::<String>(&mut conn, "partner").await.unwrap().as_deref(), Some("police"));
        assert_eq!(settings::get::<String>(&mut conn, "other").await.unwrap(), None);
    })
    .await;
}

pub fn telemetry_file(path: &str, exhibit: ExhibitId, part: u32) -> TelemetryFile {
    TelemetryFile {
        path: path.to_owned(),
        table: "flows".to_owned(),
        exhibit,
        part,
        records: 3,
        size: 10,
        span: Some((Timestamp(1), Timestamp(2))),
        sha256: Digest::of(path.as_bytes()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_lies_in_a_file_with_others_counts_there_alone() {
    each(|Store { state, .. }| async move {
        let (x, y) = (ExhibitId::of(b"x"), ExhibitId::of(b"y"));
        let (first, second) =
            (telemetry_file("flows/xx/1.parquet", x, 0), telemetry_file("flows/yy/1.parquet", y, 3));
        let mut tx = state.begin().await.unwrap();
        for file in [&first, &second] {
            assert!(manifest::add(&mut tx, file, Timestamp(1)).await.unwrap());
            assert!(manifest::remove(&mut tx, &file.path).await.unwrap());
            compacted::add(&mut tx, file, "flows/zz/both.parquet").await.unwrap();
            assert!(!manifest::add(&mut tx, file, Timestamp(2)).await.unwrap(), "a retried job");
        }
        compacted::moved(&mut tx, "flows/zz/both.parquet", "flows/zz/anew.parquet").await.unwrap();
        let around = compacted::around(&mut tx, &x).await.unwrap();
        assert_eq!(around, compacted::of_table(&mut tx, "flows").await.unwrap());
        let told: Vec<_> = around.iter().map(|m| (m.exhibit, m.was.as_str(), m.path.as_str())).collect();
        let path = "flows/zz/anew.parquet";
        assert_eq!(told, [(x, first.path.as_str(), path), (y, second.path.as_str(), path)]);
        assert!(compacted::of_table(&mut tx, "dns").await.unwrap().is_empty());
        compacted::forget(&mut tx, &x).await.unwrap();
        assert!(compacted::around(&mut tx, &x).await.unwrap().is_empty());
        assert_eq!(compacted::around(&mut tx, &y).await.unwrap().len(), 1);
        assert!(manifest::add(&mut tx, &first, Timestamp(3)).await.unwrap(), "forgotten, it may come again");
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_an_exhibit_counts_once() {
    each(|Store { state, .. }| async move {
        let (x, y) = (ExhibitId::of(b"x"), ExhibitId::of(b"y"));
        let mut empty = telemetry_file("flows/yy/1.parquet", y, 0);
        (empty.records, empty.span) = (0, None);
        let mut tx = state.begin().await.unwrap();
        let first = telemetry_file("flows/xx/1.parquet", x, 0);
        assert!(manifest::add(&mut tx, &first, Timestamp(1)).await.unwrap());
        let retried = telemetry_file("flows/xx/other-name.parquet", x, 0);
        assert!(!manifest::add(&mut tx, &retried, Timestamp(1)).await.unwrap());
        assert!(manifest::add(&mut tx, &empty, Timestamp(1)).await.unwrap());
        tx.commit().await.unwrap();
        let mut conn = state.read().await.unwrap();
        assert_eq!(manifest::of_table(&mut conn, "flows").await.unwrap(), [first.clone(), empty.clone()]);
        assert!(manifest::of_table(&mut conn, "dns").await.unwrap().is_empty());
        assert_eq!(manifest::of_exhibit(&mut conn, &y).await.unwrap(), [empty]);
        assert_eq!(manifest::page(&mut conn, &first.path, 10).await.unwrap().len(), 1);
        assert!(!manifest::has(&mut conn, &retried.path).await.unwrap());
        drop(conn);
        let mut tx = state.begin().await.unwrap();
        assert!(manifest::remove(&mut tx, &first.path).await.unwrap());
        assert!(!manifest::remove(&mut tx, &first.path).await.unwrap());
        assert!(manifest::add(&mut tx, &retried, Timestamp(2)).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_kept_whole_or_not_at_all() {
    each(|Store { state, .. }| async move {
        let x = exhibit("x", ExhibitKind::ZeekConn, &["conn.log"]);
        let leaf = NewLeaf::new(b"leaf".to_vec());
        let act = CustodyRow::new(
            x.id,
            Timestamp(1),
            PersonId("p".into()),
            "sealed",
            serde_json::json!({}),
            &leaf.id,
        );
        let batch = Batch {
            exhibits: vec![x.clone()],
            custody: vec![act],
            findings: vec![finding(x.id, 1)],
            telemetry: vec![telemetry_file("flows/xx/1.parquet", x.id, 0)],
            leaves: vec![leaf.clone()],
            jobs: vec![NewJob::new("analyze", &x.id.to_string(), &x.id, Timestamp(1)).unwrap()],
            completes: None,
        };
        // A leaf that is too large comes after everything else was written: nothing of it may stay.
        let mut torn = batch.clone();
        torn.leaves.push(NewLeaf::new(vec![0; leaves::MOST_LEAF + 1]));
        assert!(commit(&state, &torn, Timestamp(1)).await.is_err());
        assert!(nothing(&state, &x.id).await);
        // Dropped without a commit: the same.
        let mut tx = state.begin().await.unwrap();
        write(&mut tx, &batch, Timestamp(1)).await.unwrap();
        drop(tx);
        assert!(nothing(&state, &x.id).await);
        let done = commit(&state, &batch, Timestamp(1)).await.unwrap();
        assert_eq!((done.new_exhibits, done.new_findings, done.new_telemetry, done.new_jobs), (1, 1, 1, 1));
        let again = commit(&state, &batch, Timestamp(2)).await.unwrap();
        assert_eq!(
            (again.new_exhibits, again.new_findings, again.new_telemetry, again.new_jobs),
            (0, 0, 0, 0)
        );
        let mut conn = state.read().await.unwrap();
        let kept = leaves::find(&mut conn, &leaf.id).await.unwrap().unwrap();
        assert_eq!((kept.body.as_slice(), kept.place), (b"leaf".as_slice(), None));
    })
    .await;
}

async fn nothing(state: &State, id: &ExhibitId) -> bool {
    let mut conn = state.read().await.unwrap();
    exhibits::find(&mut conn, id).await.unwrap().is_none()
        && leaves::count(&mut conn).await.unwrap() == leaves::LeafCount::default()
        && findings::count(&mut conn).await.unwrap().is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_elsewhere_is_seen_after_its_commit_only() {
    each(|Store { state, .. }| async move {
        let mut tx = state.begin().await.unwrap();
        settings::put(&mut tx, "a", &1).await.unwrap();
        let mut conn = state.read().await.unwrap();
        assert_eq!(settings::get::<u32>(&mut conn, "a").await.unwrap(), None);
        tx.commit().await.unwrap();
        assert_eq!(settings::get::<u32>(&mut conn, "a").await.unwrap(), Some(1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_opens_again_with_what_it_held() {
    each(|store| async move {
        let mut tx = store.state.begin().await.unwrap();
        settings::put(&mut tx, "a", &1).await.unwrap();
        tx.commit().await.unwrap();
        store.state.close().await;
        let again = State::open(&store.url).await.unwrap();
        let mut conn = again.read().await.unwrap();
        assert_eq!(settings::get::<u32>(&mut conn, "a").await.unwrap(), Some(1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_program_s_tables_are_refused() {
    each(|store| async move {
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                   SELECT 9999, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
        let mut tx = store.state.begin().await.unwrap();
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        store.state.close().await;
        let refused = State::open(&store.url).await.unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "CMT-1012", "{refused}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_says_so() {
    let store = sqlite().await;
    let cases = [
        (comity::store::state::sqlite_url(&store.folder.path().join("other.db")), "CMT-1004"),
        ("postgres://who:secret@127.0.0.1:1/none".to_owned(), "CMT-1013"),
        ("mysql://who:secret@127.0.0.1/none".to_owned(), "CMT-1019"),
        (String::new(), "CMT-1019"),
    ];
    for (url, code) in cases {
        let refused = State::open(&url).await.unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), code, "{refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_has_its_own_code() {
    let store = sqlite().await;
    store.state.close().await;
    let file = store.folder.path().join("state.db");
    let whole = std::fs::read(&file).unwrap();
    let mut harmed = whole.clone();
    // The page that holds the list of tables, behind the header.
    harmed[100..4000].fill(0xff);
    for bytes in [b"this is a letter and no database".as_slice(), &harmed] {
        std::fs::write(&file, bytes).unwrap();
        let refused = State::open(&store.url).await.unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "CMT-1029", "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_has_its_own_code() {
    let Store { state, folder: _kept, .. } = sqlite().await;
    let mut tx = state.begin().await.unwrap();
    // As a full disk looks to SQLite: no page can be added.
    sqlx::query("PRAGMA max_page_count = 1").execute(&mut *tx).await.unwrap();
    let refused = loop {
        match settings::put(&mut tx, "big", &"x".repeat(1 << 20)).await {
            Ok(()) => continue,
            Err(e) => break e,
        }
    };
    assert!(matches!(refused, StoreError::Full { .. }), "{refused}");
    assert_eq!(refused.code().unwrap().to_string(), "CMT-1008");
}

/// Migrations are added, never edited: a row here for each, written when it was.
#[test]
fn migrations_are_as_they_were_written() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| {
            let e = e.unwrap();
            (e.file_name().into_string().unwrap(), Digest::of(&std::fs::read(e.path()).unwrap()).to_string())
        })
        .collect();
    found.sort();
    let written = [
        ("0001_first.sql", "bab5e38ca786d57ed5ae4f314d5371a8254ba125736d9e837a74c63f23946d93"),
        ("0002_agreements.sql", "0cf7de4315678adeedc899729155338819fbaf3462f8367f5222b384de7781b5"),
        ("0003_matching.sql", "defbf259eb5368817329f57743170f3207c2bfce14a00b63b1a099d96fb5ee5e"),
        ("0004_odometers.sql", "c2f5a85c51c6e05265b2527bcc2adc435fe9c4d18582f0b61976105695f28daa"),
        ("0005_heads.sql", "66a59418985dbdbb00f0adb40bb2f079eb1489835fbdca2a74e33d9e86e9ba73"),
        ("0006_evidence.sql", "4b49be52b065350540c37d097a013a3292b7b74c4c37a4f3ca3820f20b16aa5f"),
        ("0007_labels.sql", "d8e29931eb65bb84121d7d72382e21354d5d8f7d83c0af5f037c48b2e4ef6644"),
        ("0008_batches.sql", "0f03d1081048e1d883f416f0d70ac4929aba78adb657c681eb9e36563a12de9f"),
        ("0009_compacted.sql", "5f903d3f78f2b34cfeaa3dbb1f003b4b1b0a4c9c068ce6ccd5b112c6d74969db"),
    ];
    assert_eq!(found, written.map(|(n, d)| (n.to_owned(), d.to_owned())));
}
