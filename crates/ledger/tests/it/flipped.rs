//! Any one changed byte of any file is found, and the file is named.

use crate::home::{Home, leaf, leaves};
use ledger::{LedgerError, checkpoint};
use proptest::prelude::*;
use std::sync::OnceLock;

/// 3 + 250 + 27 leaves: one full tile, partial tiles on two levels, and older partial files of three sizes.
fn grown() -> &'static Home {
    static HOME: OnceLock<Home> = OnceLock::new();
    HOME.get_or_init(|| {
        let mut home = Home::new();
        for (from, n) in [(0, 3), (3, 250), (253, 27)] {
            home.append(&leaves(from, n));
        }
        home
    })
}

/// The files an error names.
fn named(error: &LedgerError) -> Vec<String> {
    match error {
        LedgerError::Changed(files) => files.clone(),
        LedgerError::Checkpoint { .. }
        | LedgerError::Origin { .. }
        | LedgerError::CheckpointSignature { .. } => {
            vec![checkpoint::FILE.into()]
        }
        LedgerError::FileMissing(file) => vec![file.clone()],
        other => panic!("{other}"),
    }
}

#[test]
fn a_whole_log_verifies_and_counts_itself() {
    let home = grown();
    let report = home.verify().unwrap();
    assert_eq!(report.head.size, 280);
    assert_eq!(report.files, home.files.len() as u64);
    assert!(report.beyond.is_empty());
}

#[test]
fn every_byte_of_a_small_log_counts() {
    let mut home = Home::new();
    home.append(&leaves(0, 2));
    home.append(&leaves(2, 1));
    for (path, bytes) in home.files.clone() {
        for at in 0..bytes.len() {
            let mut changed = home.clone();
            changed.files.get_mut(&path).unwrap()[at] ^= 1 << (at % 8);
            assert_eq!(
                named(&changed.verify().unwrap_err()),
                std::slice::from_ref(&path),
                "byte {at} of {path}"
            );
        }
        for cut in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = home.clone();
            changed.files.get_mut(&path).unwrap().truncate(cut);
            assert_eq!(
                named(&changed.verify().unwrap_err()),
                std::slice::from_ref(&path),
                "{path} cut at {cut}"
            );
        }
        let mut longer = home.clone();
        longer.files.get_mut(&path).unwrap().push(b'\n');
        assert_eq!(
            named(&longer.verify().unwrap_err()),
            std::slice::from_ref(&path),
            "{path} with one byte more"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn one_changed_byte_of_a_larger_log_is_found(
        file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0u32..8,
    ) {
        let mut home = grown().clone();
        let path = home.files.keys().nth(file.index(home.files.len())).unwrap().clone();
        let bytes = home.files.get_mut(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let error = home.verify().unwrap_err();
        prop_assert_eq!(named(&error), [path]);
    }
}

#[test]
fn missing_stray_and_unsigned_things_are_named() {
    for path in ["tile/0/000", "tile/entries/001.p/24", "tile/1/000.p/1", checkpoint::FILE] {
        let mut home = grown().clone();
        home.files.remove(path).unwrap();
        assert_eq!(home.verify().unwrap_err(), LedgerError::FileMissing(path.into()));
    }
    let mut home = grown().clone();
    home.files.insert("tile/0/notes.txt".into(), vec![]);
    assert_eq!(home.verify().unwrap_err(), LedgerError::Stray("tile/0/notes.txt".into()));

    // An old partial file may be gone, and one beyond the checkpoint may lie there.
    let mut home = grown().clone();
    home.files.remove("tile/0/000.p/3").unwrap();
    home.files.insert("tile/0/001.p/200".into(), vec![1]);
    assert_eq!(home.verify().unwrap().beyond, ["tile/0/001.p/200"]);

    let mut home = Home::new();
    home.append(&[leaf(0), b"not an envelope".to_vec()]);
    assert!(matches!(home.verify().unwrap_err(), LedgerError::Leaf { index: 1, .. }));
}

#[test]
fn a_log_without_leaves_verifies() {
    assert_eq!(Home::new().verify().unwrap().head.size, 0);
}
