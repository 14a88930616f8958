//! Object keys as files: `<folder>/xx/<id>`, each wrapped for the home's identity, `xx` the first two digits.
//!
//! The name tells which exhibit a key is for, to whoever can read the home's `keys/` folder: the same person who holds
//! the wrapped keys. The vault's store, which may lie elsewhere, knows random names only.

use crate::{
    EvidenceError, Keystore, ObjectKey,
    sealed::{self, Identity},
    secret::{TEMP_PREFIX, destroy_file, make_folder, read_bounded, write_private},
};
use std::{
    fs,
    path::{Path, PathBuf},
};
use terms::ExhibitId;
use zeroize::Zeroizing;

const MAX_FILE: usize = 16 << 10;

/// Keys in a folder of the home (`keys/objects`).
#[derive(Debug)]
pub struct FileKeystore {
    folder: PathBuf,
    home: Identity,
}

impl FileKeystore {
    /// Opens the keystore, making its folder, and destroys what a killed process left half-written. One process owns a
    /// home: nobody else may be writing.
    ///
    /// # Errors
    /// CMT-0408.
    pub fn open(folder: &Path, home: Identity) -> Result<Self, EvidenceError> {
        make_folder(folder)?;
        let store = Self { folder: folder.to_owned(), home };
        for file in store.files()? {
            if file.file_name().is_some_and(|n| n.to_string_lossy().starts_with(TEMP_PREFIX)) {
                destroy_file(&file)?;
            }
        }
        Ok(store)
    }

    fn path(&self, id: &ExhibitId) -> PathBuf {
        let name = id.to_string();
        let shelf = name.get(..2).unwrap_or("00").to_owned();
        self.folder.join(shelf).join(name)
    }

    fn files(&self) -> Result<Vec<PathBuf>, EvidenceError> {
        let mut out = Vec::new();
        for shelf in entries(&self.folder)? {
            if shelf.is_dir() {
                out.extend(entries(&shelf)?);
            }
        }
        Ok(out)
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, EvidenceError> {
    let told = |e| EvidenceError::file("list", folder, &e);
    fs::read_dir(folder).map_err(told)?.map(|e| e.map(|e| e.path()).map_err(told)).collect()
}

impl Keystore for FileKeystore {
    fn put(&self, id: &ExhibitId, key: &ObjectKey) -> Result<bool, EvidenceError> {
        let wrapped = sealed::seal(&self.home.recipient(), &key.to_bytes())
            .map_err(|e| EvidenceError::Encrypt(e.to_string()))?;
        write_private(&self.path(id), &wrapped, false)
    }

    fn get(&self, id: &ExhibitId) -> Result<Option<ObjectKey>, EvidenceError> {
        let path = self.path(id);
        if !path.try_exists().map_err(|e| EvidenceError::file("read", &path, &e))? {
            return Ok(None);
        }
        let wrapped = read_bounded(&path, MAX_FILE)?;
        if !wrapped.is_empty() && wrapped.iter().all(|b| *b == 0) {
            // A destruction that was cut short between overwriting and removing: it is destroyed.
            destroy_file(&path)?;
            return Ok(None);
        }
        let key = sealed::open(&self.home, &wrapped, MAX_FILE).map(Zeroizing::new);
        let key = key.map_err(|_| EvidenceError::KeyDamaged(*id))?;
        ObjectKey::from_bytes(&key).map(Some).ok_or(EvidenceError::KeyDamaged(*id))
    }

    fn destroy(&self, id: &ExhibitId) -> Result<bool, EvidenceError> {
        destroy_file(&self.path(id))
    }

    fn list(&self) -> Result<Vec<ExhibitId>, EvidenceError> {
        let mut ids: Vec<ExhibitId> =
            (self.files()?.iter()).filter_map(|path| path.file_name()?.to_str()?.parse().ok()).collect();
        ids.sort();
        Ok(ids)
    }
}
