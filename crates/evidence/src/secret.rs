//! Secrets at rest: the home's identity under a passphrase, every other secret under the home's identity.
//!
//! Here: wrapping with age (scrypt recipient, C2SP age section "scrypt recipient stanza"), files that are written whole,
//! owned by their user alone, flushed, and overwritten before they are removed. Elsewhere: asking for the passphrase, and
//! which keys a node has.
//! Bounds: a secret is at most 1 MiB.

use crate::{
    EvidenceError,
    durable::flush,
    sealed::{self, Identity, Recipient},
};
use age::secrecy::SecretString;
use std::{
    fs::{self, OpenOptions},
    io::{Read as _, Write as _},
    iter,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
};
use zeroize::Zeroizing;

/// The scrypt work factor (log2 of N) that is used unless another is configured.
pub const DEFAULT_WORK_FACTOR: u8 = 15;
/// The largest work factor that is made or accepted: about 15 seconds and 4 GiB.
pub const MAX_WORK_FACTOR: u8 = 22;
const MAX_SECRET: usize = 1 << 20;

/// Wraps a secret under a passphrase.
///
/// # Errors
/// CMT-0412 when `log_n` is not 1 to 22, CMT-0411 when age refuses.
pub fn wrap_with_passphrase(secret: &[u8], passphrase: &str, log_n: u8) -> Result<Vec<u8>, EvidenceError> {
    if !(1..=MAX_WORK_FACTOR).contains(&log_n) {
        return Err(EvidenceError::WorkFactor(log_n));
    }
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
    recipient.set_work_factor(log_n);
    age::encrypt(&recipient, secret).map_err(|e| EvidenceError::Encrypt(e.to_string()))
}

/// Opens what [`wrap_with_passphrase`] made.
///
/// # Errors
/// CMT-0410 for another passphrase, changed bytes, or a work factor above 22.
pub fn unwrap_with_passphrase(wrapped: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, EvidenceError> {
    let refuse = |e: &dyn std::fmt::Display| EvidenceError::Secret(e.to_string());
    let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    let decryptor = age::Decryptor::new(wrapped).map_err(|e| refuse(&e))?;
    let reader = decryptor.decrypt(iter::once(&identity as &dyn age::Identity)).map_err(|e| refuse(&e))?;
    let mut secret = Zeroizing::new(Vec::with_capacity(wrapped.len().min(MAX_SECRET)));
    reader.take(MAX_SECRET as u64 + 1).read_to_end(&mut secret).map_err(|e| refuse(&e))?;
    if secret.len() > MAX_SECRET {
        return Err(EvidenceError::Secret("it is above 1 MiB".into()));
    }
    Ok(secret)
}

/// Wraps the home's identity under its passphrase: the bytes of `keys/home.age`.
///
/// # Errors
/// As [`wrap_with_passphrase`].
pub fn wrap_identity(identity: &Identity, passphrase: &str, log_n: u8) -> Result<Vec<u8>, EvidenceError> {
    wrap_with_passphrase(identity.secret_text().as_bytes(), passphrase, log_n)
}

/// Opens the home's identity.
///
/// # Errors
/// CMT-0410 also when what is inside is not an age identity.
pub fn unwrap_identity(wrapped: &[u8], passphrase: &str) -> Result<Identity, EvidenceError> {
    let secret = unwrap_with_passphrase(wrapped, passphrase)?;
    (std::str::from_utf8(&secret).ok())
        .and_then(|text| Identity::from_secret_text(text).ok())
        .ok_or_else(|| EvidenceError::Secret("it holds no age identity".into()))
}

/// Files that hold one secret each, wrapped for the home's identity: signing keys, pseudonym keys, salts.
#[derive(Debug)]
pub struct SecretFile;

impl SecretFile {
    /// Wraps `secret` for `home` and writes it, replacing what was there; durable when it returns.
    ///
    /// # Errors
    /// CMT-0408, CMT-0411.
    pub fn write(path: &Path, home: &Recipient, secret: &[u8]) -> Result<(), EvidenceError> {
        let wrapped = sealed::seal(home, secret).map_err(|e| EvidenceError::Encrypt(e.to_string()))?;
        write_private(path, &wrapped, true).map(|_| ())
    }

    /// Reads and opens a secret.
    ///
    /// # Errors
    /// CMT-0408 unreadable, CMT-0410 when it does not open under this identity.
    pub fn read(path: &Path, home: &Identity) -> Result<Zeroizing<Vec<u8>>, EvidenceError> {
        let wrapped = read_bounded(path, MAX_SECRET + 4096)?;
        sealed::open(home, &wrapped, MAX_SECRET)
            .map(Zeroizing::new)
            .map_err(|e| EvidenceError::Secret(e.to_string()))
    }

    /// Overwrites, flushes and removes a secret. Returns whether there was one.
    ///
    /// # Errors
    /// CMT-0408.
    pub fn destroy(path: &Path) -> Result<bool, EvidenceError> {
        destroy_file(path)
    }
}

/// Reads a file of at most `max` bytes.
pub(crate) fn read_bounded(path: &Path, max: usize) -> Result<Vec<u8>, EvidenceError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|e| EvidenceError::file("open", path, &e))?;
    file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(|e| EvidenceError::file("read", path, &e))?;
    if bytes.len() > max {
        return Err(EvidenceError::file("read", path, &std::io::Error::other("it is too large")));
    }
    Ok(bytes)
}

/// Writes a file for its user alone: whole under another name, flushed, then put in place and the folder flushed.
/// Without `replace` an existing file stays and the answer is `false`.
pub(crate) fn write_private(path: &Path, bytes: &[u8], replace: bool) -> Result<bool, EvidenceError> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    make_folder(folder)?;
    // `tempfile` makes files that only their user can read.
    let mut temp = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .tempfile_in(folder)
        .map_err(|e| EvidenceError::file("write in", folder, &e))?;
    let written = temp.write_all(bytes).and_then(|()| temp.as_file().sync_all());
    written.map_err(|e| EvidenceError::file("write", path, &e))?;
    let placed = if replace { temp.persist(path) } else { temp.persist_noclobber(path) };
    match placed {
        Ok(_) => flush(folder).map(|()| true),
        Err(e) if !replace && e.error.kind() == std::io::ErrorKind::AlreadyExists => {
            // The file that was not put in place holds a secret: it goes the way every secret goes.
            let left = e.file.into_temp_path();
            destroy_file(&left)?;
            Ok(false)
        }
        Err(e) => Err(EvidenceError::file("write", path, &e.error)),
    }
}

/// How names of files begin that were not put in place yet.
pub(crate) const TEMP_PREFIX: &str = ".new-";

/// Makes a folder and those above it, and flushes the names of those it made.
pub(crate) fn make_folder(folder: &Path) -> Result<(), EvidenceError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
        make_folder(above)?;
    }
    // For its user alone, as everything in a home's `keys/`.
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(EvidenceError::file("make", folder, &e)),
    }
    folder.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Ok(()), flush)
}

/// Overwrites a file in place, flushes it, removes it and flushes its folder. On a disk that copies on write, or a
/// solid-state disk, old blocks may linger below the file system: what was in them is still wrapped.
pub(crate) fn destroy_file(path: &Path) -> Result<bool, EvidenceError> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(EvidenceError::file("open", path, &e)),
    };
    let size = file.metadata().map_err(|e| EvidenceError::file("read", path, &e))?.len();
    let zeros = vec![0u8; usize::try_from(size).unwrap_or(0).min(MAX_SECRET + 4096)];
    file.write_all(&zeros)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::remove_file(path))
        .map_err(|e| EvidenceError::file("destroy", path, &e))?;
    path.parent().map_or(Ok(()), flush).map(|()| true)
}
