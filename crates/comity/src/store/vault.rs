//! The vault of a home: which store, made durable how, under which keys.
//!
//! Here: choosing them. Elsewhere: sealing and erasing (`evidence`).

use super::{Home, StoreError, state};
use evidence::{Durability, Keystore, LocalFolder, Vault};
use object_store::{ObjectStore, local::LocalFileSystem};
use std::{path::PathBuf, sync::Arc};

/// Opens the vault: the folder in the home, or the folder that `url` names (`file:///…`), under the keys of
/// `keystore`.
///
/// Errors: CMT-1019 for another kind of URL, CMT-1022 where the folder is not there.
pub fn open(home: &Home, url: Option<&str>, keystore: Arc<dyn Keystore>) -> Result<Vault, StoreError> {
    let folder = folder(home, url)?;
    let store = LocalFileSystem::new_with_prefix(&folder)
        .map_err(|e| StoreError::Vault { url: folder.display().to_string(), why: e.to_string() })?;
    let store: Arc<dyn ObjectStore> = Arc::new(store);
    let durable: Arc<dyn Durability> = Arc::new(LocalFolder::new(folder));
    Ok(Vault::new(store, keystore, durable))
}

fn folder(home: &Home, url: Option<&str>) -> Result<PathBuf, StoreError> {
    match url {
        None => Ok(home.vault()),
        Some(url) => local("vault", url),
    }
}

/// The folder of a `file:///…` URL.
pub(crate) fn local(store: &'static str, url: &str) -> Result<PathBuf, StoreError> {
    match url.strip_prefix("file://") {
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        _ => {
            let expected = "give `file:///folder`, or nothing for the folder in the home";
            Err(StoreError::Url { store, url: state::shown(url), expected })
        }
    }
}
