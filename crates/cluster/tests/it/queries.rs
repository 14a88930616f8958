//! One set of query files with their answers (`conformance/queries`), on both engines.

use crate::house::Cluster;
use crate::{bucket, made};
use botnet::Telemetry;
use botnet::tables::Table;
use botnet::telemetry::{Elsewhere, Locations, Options};
use cluster::{Readable, connect};
use object_store::local::LocalFileSystem;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ROWS: u64 = 12_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/queries")
}

/// Name, SQL, expected answer.
fn queries() -> Vec<(String, String, String)> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path()).collect();
    all.retain(|p| p.extension().is_some_and(|e| e == "sql"));
    all.sort();
    let read = |p: &Path| std::fs::read_to_string(p).unwrap_or_default();
    all.iter()
        .map(|p| {
            let name = p.file_stem().unwrap().to_string_lossy().into_owned();
            (name, read(p), read(&p.with_extension("expected")))
        })
        .collect()
}

fn locations(names: &[(Table, String)], place: impl Fn(&str) -> String) -> Locations {
    let mut locations = Locations::default();
    for (table, name) in names {
        locations.of_mut(*table).push(place(name));
    }
    locations
}

async fn answers(tables: &Telemetry) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (name, sql, _) in queries() {
        let rows = tables.ask(&sql, 10_000).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        all.insert(name, rows.iter().map(|r| format!("{r}\n")).collect());
    }
    all
}

fn compare(engine: &str, answers: &BTreeMap<String, String>) {
    let expected = queries();
    assert!(expected.len() >= 10, "the set of queries is gone");
    for (name, _, expected) in expected {
        assert_eq!(answers[&name], expected, "{name} on {engine}");
    }
}

/// Local files, and the tables over them.
async fn embedded(folder: &Path) -> Telemetry {
    std::fs::create_dir_all(folder).unwrap();
    let store = LocalFileSystem::new_with_prefix(folder).unwrap();
    let names = made::put(&store, &made::files(ROWS)).await;
    let locations = locations(&names, |n| folder.join(n).display().to_string());
    Telemetry::open(&locations, &Options::local(folder.to_owned())).await.unwrap()
}

/// What was run here instead, and why.
type Told = Arc<Mutex<Vec<String>>>;

async fn elsewhere(url: &str, readable: &Readable) -> (Elsewhere, Told) {
    let told = Told::default();
    let into = told.clone();
    let told_of = move |name: &'static str, why: &str| into.lock().unwrap().push(format!("{name}: {why}"));
    let context = connect(url, readable, 4).await.unwrap();
    (Elsewhere { context, told: Arc::new(told_of) }, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_query_files_have_their_answers_embedded() {
    let home = tempfile::tempdir().unwrap();
    let given = answers(&embedded(home.path()).await).await;
    if std::env::var_os("BLESS").is_some() {
        for (name, text) in &given {
            std::fs::write(folder().join(format!("{name}.expected")), text).unwrap();
        }
    }
    compare("the embedded engine", &given);
}

/// The answers of two files, counted again without SQL.
#[test]
fn the_answers_are_those_of_a_plain_count() {
    let mut days: BTreeMap<(i64, String, String), BTreeSet<String>> = BTreeMap::new();
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for s in made::sightings(ROWS) {
        let key = (s.event.div_euclid(terms::MICROS_PER_DAY), s.channel.clone(), s.place.to_string());
        days.entry(key).or_default().insert(s.bot.clone());
        all.entry(s.channel).or_default().insert(s.bot);
    }
    let expected: BTreeMap<String, String> = queries().into_iter().map(|(n, _, e)| (n, e)).collect();
    let counted: String =
        days.iter().map(|((d, c, p), b)| format!("{d} | {c} | {p} | {}\n", b.len())).collect();
    assert_eq!(expected["bots-by-day-channel-country"], counted);
    assert_eq!(expected["rolled-bots-by-day-channel-country"], counted);
    let counted: String = all.iter().map(|(c, b)| format!("{c} | {}\n", b.len())).collect();
    assert_eq!(expected["bots-by-channel"], counted);
    assert_eq!(expected["rolled-bots-by-channel"], counted);
}

/// A scheduler and two executors, each a process, over a bucket; then one executor is killed in mid-query.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_query_files_have_the_same_answers_on_two_executors_over_a_bucket() {
    let home = tempfile::tempdir().unwrap();
    let endpoint = bucket::serve(&home.path().join("s3")).await;
    let store = Arc::new(bucket::client(&endpoint));
    let names = made::put(store.as_ref(), &made::files(ROWS)).await;
    let root = format!("s3://{}", bucket::BUCKET);
    let mut cluster = Cluster::start(home.path(), &bucket::environment(&endpoint)).await;

    let readable = Readable::bucket(&root, store.clone()).unwrap();
    let (elsewhere, told) = elsewhere(&cluster.url, &readable).await;
    let options = Options { store: Some((root.clone(), store)), ..Options::local(home.path().to_owned()) };
    let locations = locations(&names, |n| format!("{root}/{n}"));
    let tables = Telemetry::open_on(&locations, &options, Some(elsewhere)).await.unwrap();
    let tables = Arc::new(tables);

    compare("the cluster", &answers(&tables).await);
    assert_eq!(*told.lock().unwrap(), [""; 0], "every query file runs on the cluster");
    for (_, work) in &cluster.executors {
        assert!(worked(work), "both executors had a part: {}", work.display());
    }

    // What cannot travel is answered here, and says so.
    let counted =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n";
    assert_eq!(tables.ask(counted, 10).await.unwrap(), ["15"]);
    assert!(told.lock().unwrap().iter().any(|t| t.contains("recursive")), "{told:?}");

    // One executor is killed once it has made a part of this query's first stage.
    let (mut victim, work) = cluster.executors.remove(0);
    std::fs::remove_dir_all(&work).unwrap();
    std::fs::create_dir_all(&work).unwrap();
    let (name, sql, expected) = queries().into_iter().find(|(n, ..)| n == "seen-again-the-next-day").unwrap();
    let asked = tokio::spawn({
        let tables = tables.clone();
        async move { tables.ask(&sql, 10_000).await }
    });
    while !worked(&work) {
        assert!(!asked.is_finished(), "the query ended before its executor could be killed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(!asked.is_finished(), "killed in mid-query");
    victim.kill();
    let rows = tokio::time::timeout(Duration::from_secs(240), asked).await.unwrap().unwrap();
    let rows: String =
        rows.unwrap_or_else(|e| panic!("{name}: {e}")).iter().map(|r| format!("{r}\n")).collect();
    assert_eq!(rows, expected, "{name} after an executor was killed");
}

/// Whether an executor has written anything that a task made.
fn worked(work: &Path) -> bool {
    let inside =
        |p: &Path| std::fs::read_dir(p).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>();
    let mut left = inside(work);
    while let Some(path) = left.pop() {
        if path.is_file() {
            return true;
        }
        left.extend(inside(&path));
    }
    false
}
