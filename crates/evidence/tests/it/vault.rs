//! Sealing is idempotent and whole; erasing is for good; a hold beats it; any changed byte is found.

use evidence::{
    Durability, EvidenceError, FileKeystore, Hold, Keystore, LocalFolder, MemoryKeystore, StoreIsDurable,
    Vault,
    hold::{Scope, clear},
    sealed::{self, Identity},
};
use futures::future::BoxFuture;
use object_store::{local::LocalFileSystem, memory::InMemory, path::Path as ObjectPath};
use proptest::prelude::*;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use terms::{ExhibitId, Timestamp};
use tokio::io::AsyncReadExt as _;

const NOW: Timestamp = Timestamp(1_773_100_800_000_000);

/// A vault on disk with its keys on disk, as a home has them.
struct OnDisk {
    folder: tempfile::TempDir,
    home: Identity,
    vault: Vault,
    keys: Arc<FileKeystore>,
}

fn on_disk() -> OnDisk {
    let folder = tempfile::tempdir().unwrap();
    let home = Identity::generate();
    let at = folder.path().join("vault");
    fs::create_dir(&at).unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(&at).unwrap());
    let keys = Arc::new(FileKeystore::open(&folder.path().join("keys/objects"), home.clone()).unwrap());
    let vault = Vault::new(store, Arc::clone(&keys) as Arc<dyn Keystore>, Arc::new(LocalFolder::new(&at)));
    OnDisk { folder, home, vault, keys }
}

pub fn in_memory() -> Vault {
    Vault::new(Arc::new(InMemory::new()), Arc::new(MemoryKeystore::new()), Arc::new(StoreIsDurable))
}

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out.sort();
    out
}

#[tokio::test]
async fn the_same_bytes_twice_are_one_object() {
    let home = on_disk();
    let first = home.vault.seal_bytes(b"harbour lights").await.unwrap();
    let second = home.vault.seal_bytes(b"harbour lights").await.unwrap();
    let (a, b) = tokio::join!(home.vault.seal_bytes(b"other"), home.vault.seal_bytes(b"other"));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(first.fresh && !second.fresh && (a.fresh ^ b.fresh));
    assert_eq!(first.id, ExhibitId::of(b"harbour lights"));
    assert_eq!((first.id, first.size, first.commitment), (second.id, 14, second.commitment));
    assert_eq!(a.commitment, b.commitment);
    assert_ne!(first.commitment, a.commitment);
    let left = files(&home.folder.path().join("vault"));
    assert_eq!(left.len(), 2, "two objects and nothing temporary: {left:?}");
    let mut listed = vec![first.id, a.id];
    listed.sort();
    assert_eq!(home.vault.list().await.unwrap(), listed);

    assert_eq!(home.vault.read(&first.id, 14).await.unwrap(), b"harbour lights");
    assert_eq!(
        home.vault.read(&first.id, 13).await.unwrap_err(),
        EvidenceError::TooLarge { id: first.id, max: 13 }
    );
    let salt = home.vault.disclose_salt(&first.id).await.unwrap();
    assert!(first.commitment.opens_to(&salt, &first.id.0));
    assert!(!a.commitment.opens_to(&salt, &first.id.0));
}

#[tokio::test]
async fn nothing_in_the_store_tells_what_it_holds() {
    let home = on_disk();
    let id = home.vault.seal_bytes(b"a sample everybody knows").await.unwrap().id;
    let vault = home.folder.path().join("vault");
    let object = files(&vault).remove(0);
    assert!(!object.to_string_lossy().contains(&id.to_string()[..16]));
    let bytes = fs::read(object).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"), "plain `age` opens it with its identity");
    assert!(!bytes.windows(8).any(|w| w == b"everybod"));
}

#[tokio::test]
async fn a_copy_taken_before_and_the_home_after_decrypt_nothing() {
    let home = on_disk();
    let doomed = home.vault.seal_bytes(&vec![7u8; 200_000]).await.unwrap();
    let stays = home.vault.seal_bytes(b"stays").await.unwrap();
    let copy: Vec<Vec<u8>> =
        files(&home.folder.path().join("vault")).iter().map(|p| fs::read(p).unwrap()).collect();
    assert_eq!(copy.len(), 2);
    let key_file =
        home.folder.path().join(format!("keys/objects/{}/{}", &doomed.id.to_string()[..2], doomed.id));
    let key_bytes = fs::read(&key_file).unwrap();
    // A second name for the same bytes shows that they were overwritten and not only unlinked.
    let watch = home.folder.path().join("watch");
    fs::hard_link(&key_file, &watch).unwrap();

    let erased = home.vault.erase(clear(doomed.id, &[], NOW).unwrap()).await.unwrap();
    assert_eq!(erased.commitment, doomed.commitment);
    assert_eq!(fs::read(&watch).unwrap(), vec![0u8; key_bytes.len()]);
    fs::remove_file(watch).unwrap();

    for result in [
        home.vault.check(&doomed.id).await.map(|_| ()),
        home.vault.commitment(&doomed.id).await.map(|_| ()),
        home.vault.erase(clear(doomed.id, &[], NOW).unwrap()).await.map(|_| ()),
    ] {
        assert_eq!(result.unwrap_err(), EvidenceError::Unknown(doomed.id));
    }
    // Every secret the home still has, tried on everything the copy holds.
    let mut identities = vec![home.home.clone()];
    for id in home.keys.list().unwrap() {
        identities.push(home.keys.get(&id).unwrap().unwrap().identity().clone());
    }
    let opened: Vec<Vec<u8>> = (copy.iter())
        .flat_map(|object| identities.iter().filter_map(|i| sealed::open(i, object, 1 << 20).ok()))
        .collect();
    assert_eq!(opened, [b"stays"], "only the exhibit that was not erased opens");
    // Nor does any file of the home hold the erased exhibit's name or bytes.
    for file in files(home.folder.path()) {
        assert!(!file.to_string_lossy().contains(&doomed.id.to_string()));
        assert_ne!(fs::read(&file).unwrap(), key_bytes);
    }
    assert_eq!(home.vault.read(&stays.id, 10).await.unwrap(), b"stays");
    // The same bytes may come again: a new key, a new commitment.
    let again = home.vault.seal_bytes(&vec![7u8; 200_000]).await.unwrap();
    assert!(again.fresh);
    assert_ne!(again.commitment, doomed.commitment);
}

#[tokio::test]
async fn a_hold_beats_erasure_until_it_ends() {
    let vault = in_memory();
    let id = vault.seal_bytes(b"evidence under a warrant").await.unwrap().id;
    let hold = Hold {
        id: "hold-1".into(),
        scope: Scope::Exhibits([id].into()),
        ground: "order-de-114".into(),
        until: Some(NOW.plus_days(30)),
    };
    let refused = clear(id, std::slice::from_ref(&hold), NOW).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("exhibit {id} is under hold `hold-1` (order-de-114) until 2026-04-09T00:00:00Z")
    );
    vault.check(&id).await.unwrap();
    let clearance = clear(id, &[hold], NOW.plus_days(30)).unwrap();
    vault.erase(clearance).await.unwrap();
    assert!(!vault.contains(&id).await.unwrap());
}

#[tokio::test]
async fn any_changed_byte_of_an_object_is_found() {
    let home = on_disk();
    let id = home.vault.seal_bytes(b"short").await.unwrap().id;
    let object = files(&home.folder.path().join("vault")).remove(0);
    let bytes = fs::read(&object).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&object, &changed).unwrap();
        let found = home.vault.check(&id).await.unwrap_err();
        assert!(matches!(found, EvidenceError::Damaged { .. }), "byte {at}: {found}");
    }
    for cut in [0, 1, bytes.len() - 1] {
        fs::write(&object, &bytes[..cut]).unwrap();
        assert!(home.vault.check(&id).await.is_err(), "cut at {cut}");
    }
    fs::write(&object, [&bytes[..], b"x"].concat()).unwrap();
    assert!(home.vault.check(&id).await.is_err(), "one byte more");
    fs::remove_file(&object).unwrap();
    assert_eq!(home.vault.check(&id).await.unwrap_err(), EvidenceError::ObjectMissing(id));
    // Bytes that were lost and come again are sealed anew.
    assert!(home.vault.seal_bytes(b"short").await.unwrap().fresh);
    home.vault.check(&id).await.unwrap();
}

#[tokio::test]
async fn an_exhibit_cannot_be_passed_off_as_another() {
    let home = on_disk();
    let a = home.vault.seal_bytes(b"exhibit a").await.unwrap().id;
    let before = files(&home.folder.path().join("vault"));
    home.vault.seal_bytes(b"exhibit b").await.unwrap();
    let b_file = files(&home.folder.path().join("vault")).into_iter().find(|f| !before.contains(f)).unwrap();
    fs::copy(b_file, &before[0]).unwrap();
    assert!(matches!(home.vault.check(&a).await.unwrap_err(), EvidenceError::Damaged { .. }));
}

#[derive(Debug, Default)]
struct Watched(Mutex<Vec<String>>);

impl Durability for Watched {
    fn bytes<'a>(&'a self, object: &'a ObjectPath) -> BoxFuture<'a, Result<(), EvidenceError>> {
        self.0.lock().unwrap().push(format!("bytes {}", object.parts().next().unwrap().as_ref()));
        Box::pin(std::future::ready(Ok(())))
    }
    fn name<'a>(&'a self, object: &'a ObjectPath) -> BoxFuture<'a, Result<(), EvidenceError>> {
        self.0.lock().unwrap().push(format!("name {}", object.parts().next().unwrap().as_ref()));
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn an_acknowledged_seal_was_made_durable_bytes_first() {
    let watched = Arc::new(Watched::default());
    let vault = Vault::new(
        Arc::new(InMemory::new()),
        Arc::new(MemoryKeystore::new()),
        Arc::clone(&watched) as Arc<dyn Durability>,
    );
    let id = vault.seal_bytes(b"x").await.unwrap().id;
    assert_eq!(*watched.0.lock().unwrap(), ["bytes tmp", "name objects"]);
    vault.erase(clear(id, &[], NOW).unwrap()).await.unwrap();
    assert_eq!(watched.0.lock().unwrap()[2..], ["bytes tmp", "name tmp", "name objects"]);
}

#[tokio::test]
async fn a_failing_input_leaves_nothing() {
    let home = on_disk();
    let broken = tokio_util::io::StreamReader::new(futures::stream::iter([
        Ok(std::io::Cursor::new(vec![1u8; 100])),
        Err(std::io::Error::other("the disk went away")),
    ]));
    assert_eq!(
        home.vault.seal(broken).await.unwrap_err(),
        EvidenceError::Input { read: 100, why: "the disk went away".into() }
    );
    assert!(files(&home.folder.path().join("vault")).is_empty());
    assert!(home.vault.list().await.unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_goes_in_comes_out(size in prop_oneof![0usize..100, 65_000usize..67_000, Just(1usize << 20)], byte in any::<u8>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let vault = in_memory();
            let bytes: Vec<u8> = (0..size).map(|i| byte.wrapping_add((i % 251) as u8)).collect();
            let sealed = vault.seal_bytes(&bytes).await.unwrap();
            assert_eq!(sealed.id, ExhibitId::of(&bytes));
            let mut streamed = Vec::new();
            vault.open(&sealed.id).await.unwrap().read_to_end(&mut streamed).await.unwrap();
            assert_eq!(streamed, bytes);
            let mut reader = vault.open_blocking(&sealed.id).await.unwrap();
            let blocking = tokio::task::spawn_blocking(move || {
                let mut out = Vec::new();
                std::io::Read::read_to_end(&mut reader, &mut out).map(|_| out)
            });
            assert_eq!(blocking.await.unwrap().unwrap(), bytes);
            assert_eq!(vault.check(&sealed.id).await.unwrap().size, size as u64);
        });
    }
}
