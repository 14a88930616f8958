//! Writing files so that they survive a power cut.
//!
//! Here: the layer through which ledger tiles, checkpoints and small files of a home are written: a temporary file,
//! `fsync`, a rename, `fsync` of the folder. A file under its own name is therefore whole or absent.
//! Elsewhere: sealed exhibits (`vault`), which go through `object_store` with the same promise.

use super::StoreError;
use ledger::log::FileBytes;
use std::{
    collections::BTreeSet,
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
    /// Puts many files under their names, in any order, each whole; all are durable when this returns. After an error
    /// some of them may be there.
    fn write_all(&self, all: &[FileBytes]) -> io::Result<()> {
        all.iter().try_for_each(|file| self.write(&file.path, &file.bytes))
    }
    /// The paths of all files below `tile/`, but for what a cut-short write left.
    fn tiles(&self) -> io::Result<Vec<String>>;
    /// Keeps every other process that asks for the same out of this folder until the answer is dropped. A process that
    /// sleeps while it holds it keeps the others waiting: none can overtake it and be overwritten later.
    fn hold(&self) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }
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

/// Files that are made durable at the same time: a disk takes many in one turn.
const TOGETHER: usize = 16;

/// Does `work` to each of `all`, many at the same time; the first error.
fn together<T: Sync>(all: &[T], work: impl Fn(&T) -> io::Result<()> + Sync) -> io::Result<()> {
    let share = all.len().div_ceil(TOGETHER).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            all.chunks(share).map(|part| scope.spawn(|| part.iter().try_for_each(&work))).collect();
        let mut done = Ok(());
        for thread in threads {
            let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("a writing thread ended")));
            done = done.and(ended);
        }
        done
    })
}

/// Writes many files whole and durable, with one turn of the disk for many of them: temporary files, `fsync` of each, all
/// renames, `fsync` of each folder.
fn write_many(all: &[(PathBuf, &[u8])]) -> io::Result<()> {
    let folders: BTreeSet<&Path> = all.iter().filter_map(|(path, _)| path.parent()).collect();
    folders.iter().try_for_each(|folder| make_folders(folder))?;
    let temporary: Vec<(PathBuf, &PathBuf, &[u8])> =
        all.iter().map(|(path, bytes)| (beside(path), path, *bytes)).collect();
    let done = together(&temporary, |(name, _, bytes)| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(name)?;
        file.write_all(bytes)?;
        file.sync_all()
    })
    .and_then(|()| temporary.iter().try_for_each(|(name, path, _)| fs::rename(name, path)));
    if done.is_err() {
        for (name, ..) in &temporary {
            // The failed act is what the caller must hear of; a left-over is swept later.
            let _ = fs::remove_file(name);
        }
    }
    done?;
    together(&folders.into_iter().collect::<Vec<_>>(), |folder| sync_folder(folder))
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

    fn write_all(&self, all: &[FileBytes]) -> io::Result<()> {
        let placed: io::Result<Vec<_>> =
            all.iter().map(|f| Ok((self.at(&f.path)?, f.bytes.as_slice()))).collect();
        write_many(&placed?)
    }

    fn tiles(&self) -> io::Result<Vec<String>> {
        let mut folders = vec![self.root.join("tile")];
        let mut paths = Vec::new();
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            for entry in entries {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(inside) = path.strip_prefix(&self.root) {
                    let inside = inside.to_string_lossy().into_owned();
                    if !inside.contains('#') {
                        paths.push(inside);
                    }
                }
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }

    fn hold(&self) -> io::Result<Box<dyn Send>> {
        let folder = File::open(&self.root)?;
        folder.lock()?;
        Ok(Box::new(folder))
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
