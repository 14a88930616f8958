//! What makes a write durable.
//!
//! `object_store`'s `LocalFileSystem` (0.13.2, read in its source) writes and renames, and never calls fsync: after a
//! power cut an acknowledged object may be empty or gone. So the vault asks a [`Durability`] beside its store: on a
//! local folder it flushes the file and the folders above it, on a remote store it has nothing to do.

use crate::EvidenceError;
use futures::future::BoxFuture;
use object_store::path::Path as ObjectPath;
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// Makes finished writes of an object store durable.
pub trait Durability: Send + Sync + std::fmt::Debug {
    /// Returns when the object's bytes survive a power cut.
    fn bytes<'a>(&'a self, object: &'a ObjectPath) -> BoxFuture<'a, Result<(), EvidenceError>>;
    /// Returns when the object's name, or its absence, survives a power cut.
    fn name<'a>(&'a self, object: &'a ObjectPath) -> BoxFuture<'a, Result<(), EvidenceError>>;
}

/// For stores that acknowledge only what is durable (S3, Azure, GCS), and for memory stores in tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreIsDurable;

impl Durability for StoreIsDurable {
    fn bytes<'a>(&'a self, _: &'a ObjectPath) -> BoxFuture<'a, Result<(), EvidenceError>> {
        Box::pin(std::future::ready(Ok(())))
    }
    fn name<'a>(&'a self, _: &'a ObjectPath) -> BoxFuture<'a, Result<(), EvidenceError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// For a `LocalFileSystem` with this folder as its prefix: fsync of the file, and of each folder from the object's up to
/// the prefix.
#[derive(Debug, Clone)]
pub struct LocalFolder {
    root: PathBuf,
}

impl LocalFolder {
    /// The folder that the local store has as its prefix.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn on_disk(&self, object: &ObjectPath) -> PathBuf {
        // Objects of the vault are named by it: letters, digits, `-` and `.` only, so parts are file names as they are.
        object.parts().fold(self.root.clone(), |path, part| path.join(part.as_ref()))
    }
}

impl Durability for LocalFolder {
    fn bytes<'a>(&'a self, object: &'a ObjectPath) -> BoxFuture<'a, Result<(), EvidenceError>> {
        let path = self.on_disk(object);
        Box::pin(blocking(move || flush(&path)))
    }
    fn name<'a>(&'a self, object: &'a ObjectPath) -> BoxFuture<'a, Result<(), EvidenceError>> {
        let path = self.on_disk(object);
        let root = self.root.clone();
        Box::pin(blocking(move || {
            path.ancestors().skip(1).take_while(|folder| folder.starts_with(&root)).try_for_each(flush)
        }))
    }
}

/// Flushes a file or folder to disk.
pub(crate) fn flush(path: &Path) -> Result<(), EvidenceError> {
    File::open(path).and_then(|f| f.sync_all()).map_err(|e| EvidenceError::file("flush", path, &e))
}

/// Runs file work on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EvidenceError> + Send + 'static,
) -> Result<T, EvidenceError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| EvidenceError::File {
        act: "finish the work on",
        path: "keys or vault".into(),
        why: e.to_string(),
    })?
}
