//! A process killed at any write leaves, after a sweep, whole exhibits and nothing else.

use crate::telltale::Telltale;
use evidence::{EvidenceError, Keystore, MemoryKeystore, StoreIsDurable, Vault, hold::clear, vault::Swept};
use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, memory::InMemory};
use std::sync::Arc;
use terms::{ExhibitId, Timestamp};

const END_OF_TIME: Timestamp = Timestamp(i64::MAX);

fn vault(store: Arc<dyn ObjectStore>, keys: &Arc<MemoryKeystore>) -> Vault {
    Vault::new(store, Arc::clone(keys) as Arc<dyn Keystore>, Arc::new(StoreIsDurable))
}

async fn objects(store: &dyn ObjectStore) -> Vec<String> {
    let all: Vec<_> = store.list(None).try_collect().await.unwrap();
    all.into_iter().map(|m| m.location.to_string()).collect()
}

/// One key to one object, nothing temporary, and every exhibit whole.
async fn whole(store: &dyn ObjectStore, vault: &Vault) -> Vec<ExhibitId> {
    let ids = vault.list().await.unwrap();
    let there = objects(store).await;
    assert_eq!(there.len(), ids.len(), "{there:?}");
    assert!(there.iter().all(|p| p.starts_with("objects/")));
    for id in &ids {
        vault.check(id).await.unwrap();
    }
    ids
}

#[tokio::test]
async fn a_seal_killed_at_any_write_is_swept_and_repeated() {
    // Small: one put. Large: two parts.
    for bytes in [vec![1u8; 1000], vec![2u8; (8 << 20) + 1]] {
        let mut acknowledged = false;
        for n in 0.. {
            let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
            let keys = Arc::new(MemoryKeystore::new());
            let dying = vault(Arc::new(Telltale::new(Arc::clone(&inner), Some(n))), &keys);
            acknowledged = dying.seal_bytes(&bytes).await.is_ok();

            let next = vault(Arc::clone(&inner), &keys);
            next.sweep(END_OF_TIME).await.unwrap();
            let kept = whole(inner.as_ref(), &next).await;
            assert!(!acknowledged || kept == [ExhibitId::of(&bytes)], "acknowledged at {n} and lost");
            next.seal_bytes(&bytes).await.unwrap();
            assert_eq!(whole(inner.as_ref(), &next).await, [ExhibitId::of(&bytes)]);
            if acknowledged {
                break;
            }
        }
        assert!(acknowledged);
    }
}

#[tokio::test]
async fn an_erasure_killed_at_any_write_is_swept_and_repeated() {
    for n in 0.. {
        let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let keys = Arc::new(MemoryKeystore::new());
        let (doomed, stays) = {
            let first = vault(Arc::clone(&inner), &keys);
            (first.seal_bytes(b"doomed").await.unwrap().id, first.seal_bytes(b"stays").await.unwrap().id)
        };
        let dying = vault(Arc::new(Telltale::new(Arc::clone(&inner), Some(n))), &keys);
        let acknowledged = dying.erase(clear(doomed, &[], Timestamp(0)).unwrap()).await.is_ok();

        let next = vault(Arc::clone(&inner), &keys);
        next.sweep(END_OF_TIME).await.unwrap();
        whole(inner.as_ref(), &next).await;
        match next.erase(clear(doomed, &[], Timestamp(0)).unwrap()).await {
            Ok(_) => assert!(!acknowledged),
            Err(e) => assert_eq!(e, EvidenceError::Unknown(doomed)),
        }
        assert_eq!(whole(inner.as_ref(), &next).await, [stays]);
        if acknowledged {
            return;
        }
    }
}

#[tokio::test]
async fn a_sweep_spares_what_is_on_its_way_and_what_is_young() {
    let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let keys = Arc::new(MemoryKeystore::new());
    let dying = vault(Arc::new(Telltale::new(Arc::clone(&inner), Some(1))), &keys);
    dying.seal_bytes(b"left behind").await.unwrap_err();
    assert_eq!(objects(inner.as_ref()).await.len(), 1);
    assert_eq!(dying.sweep(END_OF_TIME).await.unwrap().temporary, 0, "its own");
    let next = vault(Arc::clone(&inner), &keys);
    assert_eq!(next.sweep(Timestamp(0)).await.unwrap().temporary, 0, "too young");
    assert_eq!(next.sweep(END_OF_TIME).await.unwrap().temporary, 1);
    assert!(objects(inner.as_ref()).await.is_empty());
}

#[tokio::test]
async fn a_mark_that_lost_its_bytes_spares_what_has_a_key_and_removes_what_has_none() {
    let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let keys = Arc::new(MemoryKeystore::new());
    let first = vault(Arc::clone(&inner), &keys);
    let kept = first.seal_bytes(b"kept").await.unwrap().id;
    let name = keys.get(&kept).unwrap().unwrap().object().to_owned();
    let orphan = "ff".repeat(16);
    for (path, bytes) in [
        (format!("tmp/{name}.mark"), ""),
        (format!("tmp/{orphan}.mark"), "cut"),
        (format!("objects/ff/{orphan}"), "age"),
    ] {
        inner.put(&path.into(), PutPayload::from(bytes.to_owned())).await.unwrap();
    }
    let next = vault(Arc::clone(&inner), &keys);
    assert_eq!(next.sweep(END_OF_TIME).await.unwrap(), Swept { temporary: 2, keyless: 1 });
    assert_eq!(whole(inner.as_ref(), &next).await, [kept]);
}
