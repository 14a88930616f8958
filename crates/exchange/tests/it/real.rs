//! Real bundles, where the test data lies beside the project: every object arrives.

#![expect(clippy::disallowed_methods, reason = "the test data lies in files")]
use crate::collect;
use exchange::{Summary, recognise, stix};
use flate2::read::MultiGzDecoder;
use std::{fs, io::Read, path::PathBuf};
use terms::{ExhibitKind, FindingBody};

fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/sharing/stix");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: the test data is not at {}", folder.display());
    None
}

fn arrives(name: &str, bytes: &[u8]) {
    assert_eq!(recognise(&bytes[..bytes.len().min(64 << 10)]), Some(ExhibitKind::StixBundle), "{name}");
    let whole: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    let expected = whole.get("objects").unwrap_or(&whole).as_array().unwrap().len() as u64;
    let mut summary = Summary::default();
    let mut objects = 0;
    let all = collect(|sink| summary = stix::read(&mut &*bytes, sink));
    objects += all.iter().filter(|f| matches!(f.body, FindingBody::StixObject { .. })).count() as u64;
    assert_eq!((objects, summary), (expected, Summary { read: expected, unreadable: 0 }), "{name}");
}

#[test]
fn every_object_of_the_real_bundles_arrives() {
    let Some(folder) = folder() else { return };
    let mut seen = 0;
    let files = fs::read_dir(&folder).unwrap().chain(fs::read_dir(folder.join("examples")).unwrap());
    for entry in files.map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        if name.ends_with(".json.gz") {
            MultiGzDecoder::new(fs::File::open(entry.path()).unwrap()).read_to_end(&mut bytes).unwrap();
        } else if name.ends_with(".json") {
            bytes = fs::read(entry.path()).unwrap();
        } else {
            continue;
        }
        arrives(&name, &bytes);
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} bundles were found");
}
