//! Which crate may know which: DESIGN's house, as a table.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crate, crates of ours it may use, and for its own tests beside those.
const EDGES: &[(&str, &[&str], &[&str])] = &[
    ("terms", &[], &[]),
    ("agreement", &["terms", "ledger"], &[]),
    ("ledger", &["terms"], &[]),
    ("evidence", &["terms", "ledger"], &[]),
    ("privacy", &["terms"], &[]),
    ("malware", &["terms"], &[]),
    ("botnet", &["terms"], &[]),
    ("threat", &["terms"], &[]),
    ("takedown", &["terms", "threat", "agreement"], &[]),
    ("exchange", &["terms", "agreement", "evidence", "ledger", "privacy"], &[]),
    ("exercise", &["terms"], &[]),
    ("cluster", &["terms", "botnet"], &[]),
    ("sinkhole", &["terms"], &[]),
    (
        "comity",
        &[
            "terms",
            "agreement",
            "ledger",
            "evidence",
            "privacy",
            "malware",
            "botnet",
            "threat",
            "takedown",
            "exchange",
            "exercise",
            "cluster",
            "sinkhole",
        ],
        &[],
    ),
    ("xtask", &[], &[]),
];

/// A third-party crate and the crates of ours that may name it: DESIGN's "only home of".
const HOMES: &[(&str, &[&str])] = &[
    ("cedar-policy", &["agreement"]),
    ("cedar-policy-symcc", &["agreement"]),
    ("age", &["evidence"]),
    ("fpe", &["privacy"]),
    ("opendp", &["privacy"]),
    ("ipcrypt-rs", &["privacy"]),
    ("curve25519-dalek", &["privacy"]),
    ("datafusion", &["botnet", "cluster"]),
    ("arrow", &["botnet"]),
    ("good_lp", &["takedown"]),
    ("reqwest", &["exchange"]),
    ("rustls", &["exchange", "sinkhole"]),
    ("ballista", &["cluster"]),
    ("ballista-core", &["cluster"]),
    ("ballista-executor", &["cluster"]),
    ("ballista-scheduler", &["cluster"]),
    ("datafusion-proto", &["cluster"]),
    ("tonic", &["cluster"]),
    ("hickory-proto", &["sinkhole"]),
    ("yara-x", &["malware"]),
    ("axum", &["comity"]),
    ("sqlx", &["comity"]),
];

/// Crates that decide and must not act: each has a `clippy.toml` with calls that are refused.
const WALLED: &[&str] = &["agreement", "ledger", "malware", "threat", "takedown", "exchange", "botnet"];

pub fn root() -> PathBuf {
    // Asked when the test runs: a build folder shared by two checkouts would else remember the other one.
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&here).parent().unwrap().to_path_buf()
}

fn metadata() -> Value {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Package name to its direct dependencies as (name, kind).
fn packages() -> BTreeMap<String, Vec<(String, String)>> {
    metadata()["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            let dependencies = p["dependencies"].as_array().unwrap().iter();
            let text = |v: &Value| v.as_str().unwrap_or("normal").to_owned();
            (text(&p["name"]), dependencies.map(|d| (text(&d["name"]), text(&d["kind"]))).collect())
        })
        .collect()
}

#[test]
fn every_crate_keeps_to_its_edges() {
    let packages = packages();
    let ours: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = EDGES.iter().map(|e| e.0).collect();
    assert_eq!(ours, known, "a crate joined or left the house: change EDGES and ARCHITECTURE.md with it");
    for (name, normal, tests) in EDGES {
        for (dependency, kind) in packages[*name].iter().filter(|d| ours.contains(d.0.as_str())) {
            let allowed = normal.contains(&dependency.as_str())
                || (kind == "dev" && tests.contains(&dependency.as_str()));
            assert!(allowed, "`{name}` must not know `{dependency}` ({kind})");
        }
    }
}

#[test]
fn every_heavy_dependency_has_one_home() {
    for (name, dependencies) in packages() {
        for (dependency, kind) in dependencies {
            if let Some((_, homes)) = HOMES.iter().find(|h| h.0 == dependency) {
                assert!(
                    homes.contains(&name.as_str()),
                    "`{dependency}` lives in {homes:?}, not in `{name}` ({kind})"
                );
            }
        }
    }
}

#[test]
fn no_core_crate_imports_the_exercise() {
    for (name, dependencies) in packages() {
        let imports = dependencies.iter().any(|d| d.0 == "exercise");
        assert!(!imports || name == "comity", "`{name}` imports `exercise`");
    }
}

#[test]
fn every_walled_crate_names_the_calls_it_refuses() {
    for name in WALLED {
        let path = root().join("crates").join(name).join("clippy.toml");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            text.contains("disallowed-methods") && text.contains("reason"),
            "{} is missing",
            path.display()
        );
        assert!(text.contains("SystemTime::now"), "{} lets its crate read a clock", path.display());
    }
}

#[test]
fn every_dependency_comes_from_the_one_registry() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let sources: BTreeSet<&str> = lock.lines().filter(|l| l.starts_with("source = ")).collect();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources.iter().all(|s| s.starts_with("source = \"registry+")), "{sources:?}");
}
