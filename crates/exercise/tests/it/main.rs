//! The generated operation seen from outside: the same everywhere, consistent with its truth, well formed.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed test should stop")]

mod after;
mod formats;
mod golden;
mod truth;

use exercise::{Spec, Truth, generate};
use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

/// A small operation.
const SMALL: Spec = Spec { seed: 7, bots: 200, days: 7, hosts: 24 };

fn made(spec: &Spec) -> (tempfile::TempDir, Truth) {
    let dir = tempfile::tempdir().unwrap();
    let truth = generate(spec, dir.path(), &mut |_| {}).unwrap();
    (dir, truth)
}

/// Every file below a folder, by its path in it.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut todo: Vec<PathBuf> = vec![root.to_owned()];
    let mut out = BTreeMap::new();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            out.insert(name, fs::read(path).unwrap());
        }
    }
    out
}

/// The text of a file, unpacked.
fn text(name: &str, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    if name.ends_with(".gz") {
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    } else if name.ends_with(".zst") {
        out = zstd::decode_all(bytes).unwrap();
    } else {
        out = bytes.to_vec();
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The lines of all files below a folder.
fn lines(dir: &Path, below: &str) -> Vec<String> {
    files(&dir.join(below))
        .iter()
        .flat_map(|(n, b)| text(n, b).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}
