//! Writing files so that they survive a power cut.
//!
//! Here: the layer through which ledger tiles, checkpoints and small files of a home are written: a temporary file,
//! `fsync`, a rename, `fsync` of the folder. A file under its own name is therefore whole or absent.
//! Elsewhere: sealed exhibits (`vault`), which go through `object_store` with the same promise.

use super::StoreError;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Component, Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// A folder of whole files. `Disk` is a real one; tests stand in one that loses what was not synchronised.
pub trait Files: Send + Sync + std::fmt::Debug {
    /// The bytes of a file, or none when there is no such file.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
    /// Puts a file under its name, whole and durable when this returns: temporary file, `fsync`, rename, `fsync` of
    /// the folder. Folders on the way are made. A file of that name is replaced in one step.
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Takes a file away, if it is there. Not necessarily durable: it may come back after a power cut.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Where the folder is, for messages.
    fn place(&self) -> String;
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A name for a temporary file beside `path` that no other writer uses (`name#123`).
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("#{}{:06}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    PathBuf::from(name)
}

/// Makes the names inside a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes `folder` and every missing one above it, each name durable.
pub(crate) fn make_folders(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|f| !f.as_os_str().is_empty() && !f.is_dir()).collect();
    for new in missing.into_iter().rev() {
        match fs::create_dir(new) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        let above = new.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_folder(above)?;
    }
    Ok(())
}

/// Writes a file whole and durable: see [`Files::write`].
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folders(folder)?;
    let temporary = beside(path);
    let done = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if done.is_err() {
        // The failed act is what the caller must hear of; a left-over is swept later.
        let _ = fs::remove_file(&temporary);
    }
    done?;
    sync_folder(folder)
}

/// Overwrites a file with noughts, takes it away, and makes that durable. On a disk that copies on write, or a solid-state
/// disk, old blocks may linger below the file system.
pub fn shred(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let mut left = file.metadata()?.len();
    let noughts = vec![0_u8; 1 << 20];
    while left > 0 {
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(noughts.len());
        file.write_all(noughts.get(..n).unwrap_or_default())?;
        left -= n as u64;
    }
    file.sync_all()?;
    fs::remove_file(path)?;
    sync_folder(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// A real folder.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// The files of `root`, which must be there.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        if root.is_dir() {
            Ok(Self { root })
        } else {
            let source = io::Error::from(io::ErrorKind::NotFound);
            Err(StoreError::io("opening folder", &root, source))
        }
    }

    fn at(&self, path: &str) -> io::Result<PathBuf> {
        let path = Path::new(path);
        if path.as_os_str().is_empty() || path.components().any(|c| !matches!(c, Component::Normal(_))) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a path inside the folder is wanted"));
        }
        Ok(self.root.join(path))
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.at(path)?) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        write_durably(&self.at(path)?, bytes)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        match fs::remove_file(self.at(path)?) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }
}
