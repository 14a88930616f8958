//! Keystores behave alike; secrets rest wrapped.

use evidence::{
    EvidenceError, FileKeystore, Keystore, MemoryKeystore, ObjectKey,
    sealed::Identity,
    secret::{SecretFile, unwrap_identity, wrap_identity, wrap_with_passphrase},
};
use std::fs;
use terms::ExhibitId;

const NAME: &str = "00112233445566778899aabbccddeeff";

fn both(check: impl Fn(&dyn Keystore)) {
    check(&MemoryKeystore::new());
    let folder = tempfile::tempdir().unwrap();
    check(&FileKeystore::open(&folder.path().join("a/b/objects"), Identity::generate()).unwrap());
}

#[test]
fn a_key_is_kept_once_and_destroyed_for_good() {
    both(|keys| {
        let (a, b) = (ExhibitId::of(b"a"), ExhibitId::of(b"b"));
        let key = ObjectKey::generate(NAME);
        assert!(keys.put(&a, &key).unwrap());
        assert!(!keys.put(&a, &ObjectKey::generate(NAME)).unwrap(), "the first stays");
        let back = keys.get(&a).unwrap().unwrap();
        assert_eq!(back.identity().secret_text(), key.identity().secret_text());
        assert_eq!((back.commitment(&a), back.object()), (key.commitment(&a), NAME));
        assert!(keys.get(&b).unwrap().is_none());
        keys.put(&b, &key).unwrap();
        let mut ids = vec![a, b];
        ids.sort();
        assert_eq!(keys.list().unwrap(), ids);
        assert!(keys.destroy(&a).unwrap());
        assert!(!keys.destroy(&a).unwrap());
        assert!(keys.get(&a).unwrap().is_none());
        assert_eq!(keys.list().unwrap(), [b]);
        assert!(keys.put(&a, &key).unwrap());
    });
}

/// Killed between overwriting and removing, a key is destroyed; damaged in any other way it is damaged, and says so.
#[test]
fn an_overwritten_key_is_a_destroyed_one() {
    let folder = tempfile::tempdir().unwrap();
    let id = ExhibitId::of(b"a");
    let keys = FileKeystore::open(folder.path(), Identity::generate()).unwrap();
    let file = folder.path().join(&id.to_string()[..2]).join(id.to_string());
    keys.put(&id, &ObjectKey::generate(NAME)).unwrap();
    let length = fs::read(&file).unwrap().len();
    for (bytes, damaged) in
        [(vec![0; length], false), (vec![0; 1], false), (vec![], true), (vec![1; length], true)]
    {
        fs::write(&file, &bytes).unwrap();
        match keys.get(&id) {
            Ok(None) => assert!(!damaged && !file.exists()),
            Err(EvidenceError::KeyDamaged(_)) => assert!(damaged && file.exists()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn keys_survive_a_restart_and_open_for_their_home_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (home, id) = (Identity::generate(), ExhibitId::of(b"a"));
    let key = ObjectKey::generate(NAME);
    FileKeystore::open(folder.path(), home.clone()).unwrap().put(&id, &key).unwrap();
    let file = folder.path().join(&id.to_string()[..2]).join(id.to_string());
    let bytes = fs::read(&file).unwrap();
    for secret in [key.identity().secret_text().as_bytes(), key.salt().to_hex().as_bytes()] {
        assert!(!bytes.windows(secret.len()).any(|w| w == secret), "wrapped at rest");
    }
    assert_eq!(format!("{key:?}"), format!("ObjectKey(secret, of {NAME})"));
    // What a killed process left half-written is destroyed when the keystore opens.
    let left = file.with_file_name(".new-left");
    fs::write(&left, &bytes).unwrap();
    let again = FileKeystore::open(folder.path(), home).unwrap();
    assert!(!left.exists());
    assert_eq!(again.list().unwrap(), [id]);
    assert!(again.get(&id).unwrap().is_some());

    let other = FileKeystore::open(folder.path(), Identity::generate()).unwrap();
    assert_eq!(other.get(&id).unwrap_err(), EvidenceError::KeyDamaged(id));
    for at in [0, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&file, changed).unwrap();
        assert_eq!(again.get(&id).unwrap_err(), EvidenceError::KeyDamaged(id), "byte {at}");
    }
}

#[cfg(unix)]
#[test]
fn secrets_are_their_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let home = Identity::generate();
    let path = folder.path().join("keys/node.age");
    SecretFile::write(&path, &home.recipient(), &[9; 32]).unwrap();
    SecretFile::write(&path, &home.recipient(), &[8; 32]).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    assert_eq!(*SecretFile::read(&path, &home).unwrap(), [8; 32]);
    assert!(matches!(SecretFile::read(&path, &Identity::generate()), Err(EvidenceError::Secret(_))));
    assert!(SecretFile::destroy(&path).unwrap());
    assert!(!SecretFile::destroy(&path).unwrap());
    assert!(matches!(SecretFile::read(&path, &home), Err(EvidenceError::File { .. })));
}

#[test]
fn the_homes_identity_opens_with_its_passphrase_alone() {
    let home = Identity::generate();
    let wrapped = wrap_identity(&home, "correct horse", 4).unwrap();
    assert_eq!(unwrap_identity(&wrapped, "correct horse").unwrap().recipient(), home.recipient());
    for wrong in ["", "correct horsf", "correct horse "] {
        assert!(matches!(unwrap_identity(&wrapped, wrong), Err(EvidenceError::Secret(_))), "{wrong:?}");
    }
    for log_n in [0, 23, 64, 255] {
        assert_eq!(wrap_identity(&home, "x", log_n).unwrap_err(), EvidenceError::WorkFactor(log_n));
    }
    let other = wrap_with_passphrase(b"not an identity", "x", 2).unwrap();
    assert!(matches!(unwrap_identity(&other, "x"), Err(EvidenceError::Secret(_))));
    // A file that asks for hours of work is refused, not obeyed.
    let greedy = String::from_utf8_lossy(&wrapped).into_owned();
    let line = greedy.lines().nth(1).unwrap().to_owned();
    let greedy = wrapped_with(&wrapped, line.as_bytes(), line.replace(" 4", " 40").as_bytes());
    assert!(matches!(unwrap_identity(&greedy, "correct horse"), Err(EvidenceError::Secret(_))));
}

fn wrapped_with(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = bytes.windows(old.len()).position(|w| w == old).unwrap();
    [&bytes[..at], new, &bytes[at + old.len()..]].concat()
}
