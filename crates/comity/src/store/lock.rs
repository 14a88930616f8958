//! One process owns a home.
//!
//! The lock is the operating system's own on the file `lock`, so that a killed process leaves none behind. What is
//! written inside only says who holds it.

use super::StoreError;
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    time::Duration,
};
use terms::Timestamp;

/// Most bytes of a lock file that are read.
const MOST: u64 = 4096;

/// A lock without a holder's name is one that is being taken or only looked at ([`holder`]): it is tried again so often…
const TRIES: u32 = 20;
/// … after such a pause.
const PAUSE: Duration = Duration::from_millis(10);

/// Who holds a home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// The verb it runs (`ingest`).
    pub command: String,
    /// Since when.
    pub since: Timestamp,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} (`{}`) since {}", self.pid, self.command, self.since)
    }
}

/// The ownership of a home; given up when dropped, also by a crash.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock, or says who holds it.
    pub(crate) fn take(home: &Path, command: &str, now: Timestamp) -> Result<Self, StoreError> {
        let path = home.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| StoreError::io("opening", &path, e))?;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => return Err(StoreError::io("locking", &path, e)),
            }
            let told = read(&mut file);
            if told.is_some() || tries == TRIES {
                let holder = told.map_or_else(|| "another process".to_owned(), |h| h.to_string());
                return Err(StoreError::InUse { home: home.display().to_string(), holder });
            }
            tries += 1;
            std::thread::sleep(PAUSE);
        }
        let holder = Holder { pid: std::process::id(), command: command.to_owned(), since: now };
        let text = serde_json::to_string(&holder).unwrap_or_default();
        write(&mut file, &text).map_err(|e| StoreError::io("writing", &path, e))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Only so that a reader is not misled: the lock itself goes with the file handle.
        let _ = write(&mut self.file, "");
    }
}

fn write(file: &mut File, text: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(MOST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Who holds the home now, without waiting and without taking it; none where nobody does.
pub fn holder(home: &Path) -> Option<Holder> {
    let mut file = File::open(home.join("lock")).ok()?;
    match file.try_lock_shared() {
        Ok(()) => None,
        Err(_) => read(&mut file),
    }
}
