//! Real, labelled Zeek logs beside the project; skipped with a message where they are absent.

use crate::data::{prepare, rows_of, tables};
use botnet::prepare::Prepared;
use botnet::telemetry::{C2Options, Ranked};
use std::io::Read as _;
use std::path::{Path, PathBuf};

fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = std::env::var_os("COMITY_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let logs = data.join("botnet/zeek-labelled");
    if logs.is_dir() {
        return Some(logs);
    }
    println!("skipped: no labelled logs at {} (set COMITY_DATA)", logs.display());
    None
}

fn load(folder: &Path, names: &[&str]) -> Vec<Prepared> {
    let mut all = Vec::new();
    for name in names {
        let mut files: Vec<_> =
            std::fs::read_dir(folder.join(name)).unwrap().map(|f| f.unwrap().path()).collect();
        files.sort();
        for file in files {
            let path = file.display().to_string();
            let (kind, rows, summary) = rows_of(std::fs::File::open(&file).unwrap());
            if let Some(summary) = summary {
                assert!(summary.skipped.is_empty(), "{path}: {:?}", summary.skipped);
                assert!(summary.rows > 0, "{path}");
            }
            let labels = path.ends_with("labels.config");
            assert_eq!(kind.is_none(), labels, "{path} is {kind:?}");
            all.extend(prepare(path.as_bytes(), rows));
        }
    }
    all
}

async fn rank(rows: Vec<Prepared>) -> Vec<Ranked> {
    let t = tables(rows).await;
    let options = C2Options { min_score: 0.0, top: 1_000, ..C2Options::default() };
    let all = t.telemetry.command_and_control(&options).await.unwrap();
    for r in all.iter().take(std::env::var("SHOW").ok().and_then(|n| n.parse().ok()).unwrap_or(0)) {
        println!("{:.3} {} {} {} {:?}", r.score, r.channel, r.transport, r.finding.reason, r.signs);
    }
    all
}

fn place(ranked: &[Ranked], key: &str) -> usize {
    ranked.iter().position(|r| r.channel.key() == key).map_or(usize::MAX, |i| i + 1)
}

const CLEAN: [&str; 2] = ["008-zeek-mixed", "010-zeek-mixed"];
const TRUE_C2: [(&str, &str); 3] = [
    ("slips-test18-remcos", "66.63.168.35:5888"),
    ("003-zeek-scenario-malicious", "147.32.83.234:1337"),
    ("001-zeek-scenario-malicious", "41.108.179.197:1177"),
];

#[tokio::test]
async fn the_true_server_is_the_first_of_each_folder_and_an_alert() {
    let Some(folder) = folder() else { return };
    for (name, server) in TRUE_C2 {
        println!("== {name}");
        let ranked = rank(load(&folder, &[name])).await;
        assert_eq!(place(&ranked, server), 1, "{name}: {server}");
        assert!(ranked[0].alert, "{name}: {}", ranked[0].score);
        assert!(!ranked[0].exhibits.is_empty());
    }
}

#[tokio::test]
async fn no_endpoint_of_the_clean_hosts_stands_above_a_true_server() {
    let Some(folder) = folder() else { return };
    for day in CLEAN {
        let alerts = rank(load(&folder, &[day])).await.iter().filter(|r| r.alert).count();
        assert!(alerts <= 1, "{day}: {alerts} alerts");
    }
    let clean = rank(load(&folder, &CLEAN)).await;
    let every: Vec<&str> =
        TRUE_C2.iter().map(|(n, _)| *n).chain(["005-zeek-scenario-malicious"]).chain(CLEAN).collect();
    println!("== all");
    let all = rank(load(&folder, &every)).await;
    for (_, server) in TRUE_C2 {
        let own = place(&all, server);
        for other in &clean {
            let theirs = place(&all, &other.channel.key());
            assert!(own < theirs, "{} ({theirs}) stands above {server} ({own})", other.channel);
        }
    }
}

fn names(folder: &Path, file: &str) -> Vec<String> {
    let mut text = String::new();
    let packed = std::fs::File::open(folder.join("../dga").join(file)).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text.lines().skip(1).map(|l| l.split(',').next().unwrap_or("").to_lowercase()).collect()
}

/// A name alone is no finding, so the look may err on single names; it has to part the two crowds.
#[test]
fn generated_names_look_generated_and_popular_ones_do_not() {
    let Some(folder) = folder() else { return };
    let share = |file: &str| {
        let all = names(&folder, file);
        all.iter().filter(|n| botnet::telemetry::look(n) >= 0.5).count() as f64 / all.len() as f64
    };
    let (generated, popular) = (share("dga_public.csv.gz"), share("benign_public.csv.gz"));
    println!("look of 0.5 and above: {generated:.3} of generated names, {popular:.4} of popular names");
    assert!(generated >= 0.7 && popular <= 0.003, "{generated} {popular}");
}
