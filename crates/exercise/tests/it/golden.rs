//! The same seed, the same bytes: here, there, and in the next release.

use super::{SMALL, files, made};
use exercise::{ExerciseError, Spec, Taken, aftermath, generate};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use terms::Instrument;

fn digest(dir: &Path) -> String {
    let mut all = Sha256::new();
    for (name, bytes) in files(dir) {
        all.update(format!("{} {name}\n", hex::encode(Sha256::digest(&bytes))));
    }
    hex::encode(all.finalize())
}

/// Spec, and the SHA-256 over "digest name" lines of all files in order of name, before and after an aftermath.
/// They change when the generator does, and when flate2 or zstd come to pack differently.
const GOLDEN: [(Spec, &str, &str); 2] = [
    (
        SMALL,
        "d6a55382dbd7de3b92832c45ed2085aa58b4f051b58bd17f2de81aa82f22f60e",
        "01c4ed8d8a8d028b7f5c3c0572c87dca07160a9d3d25cbb7ed45711eb0085ed5",
    ),
    (
        Spec { seed: 8, bots: 60, days: 3, hosts: 8 },
        "2720fe76d3c094bf0fc8201865d53d2f2fa775b6f58d939d31c8d23e2656caf8",
        "82e05b83ba7d9965c706200db4253a994f59f948b6133d7d65163e1c6ec3e959",
    ),
];

#[test]
fn a_seed_gives_the_same_bytes_everywhere() {
    for (spec, before, after) in &GOLDEN {
        let (dir, truth) = made(spec);
        let (again, _) = made(spec);
        assert!(files(dir.path()) == files(again.path()), "two runs differ for {spec:?}");
        let first = digest(dir.path());
        let taken = [Taken {
            channel_key: "relay-one.com.example".into(),
            instrument: Instrument::Sinkhole,
            at: truth.takedown,
        }];
        aftermath(dir.path(), &taken, &["DE".parse().unwrap()], &mut |_| {}).unwrap();
        assert_eq!((first.as_str(), digest(dir.path()).as_str()), (*before, *after), "{spec:?}");
    }
}

#[test]
fn another_seed_gives_other_bytes() {
    let (one, two) = (made(&SMALL), made(&Spec { seed: 9, ..SMALL }));
    let (one, two) = (files(one.0.path()), files(two.0.path()));
    for name in
        ["company/capture.pcap", "company/sinkhole/day-2026-03-02.ndjson.zst", "fintech/transactions.ndjson"]
    {
        assert_ne!(one[name], two[name], "{name}");
    }
}

#[test]
fn what_is_out_of_bounds_or_in_the_way_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let code = |spec: Spec| match generate(&spec, dir.path(), &mut |_| {}) {
        Err(e) => miette::Diagnostic::code(&e).map(|c| c.to_string()),
        Ok(_) => None,
    };
    for (spec, expected) in [
        (Spec { bots: 49, ..SMALL }, "CMT-1301"),
        (Spec { bots: 1_000_001, ..SMALL }, "CMT-1301"),
        (Spec { days: 1, ..SMALL }, "CMT-1302"),
        (Spec { days: 29, ..SMALL }, "CMT-1302"),
        (Spec { hosts: 7, ..SMALL }, "CMT-1303"),
        (Spec { hosts: 2_001, ..SMALL }, "CMT-1303"),
    ] {
        assert_eq!(code(spec).as_deref(), Some(expected));
    }
    assert!(files(dir.path()).is_empty());
    std::fs::write(dir.path().join("truth.json"), "{}").unwrap();
    assert_eq!(code(SMALL).as_deref(), Some("CMT-1305"));
    assert!(matches!(aftermath(dir.path(), &[], &[], &mut |_| {}), Err(ExerciseError::Truth { .. })));
}
