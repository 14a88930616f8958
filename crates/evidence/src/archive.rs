//! A package as one sealed file: its folder as a tar (POSIX ustar, IEEE Std 1003.1 `pax`, "ustar Interchange Format"),
//! encrypted with age for one addressee. `age --decrypt` and `tar -x` open it.
//!
//! Here: writing only. What comes back is a folder, and `package::verify_package` is what believes it.
//! Bounds: names as packages have them (each part at most 255 characters; the whole must fit ustar's 100 + 155), files of
//! 8 GiB, memory a few chunks.

use crate::{EvidenceError, durable::flush, sealed::Recipient, secret::TEMP_PREFIX};
use std::{
    fs::{self, File},
    io::{BufWriter, Read as _, Write},
    iter,
    path::Path,
};

const BLOCK: usize = 512;
/// Largest file that a ustar header can state (eleven octal digits).
const MAX_FILE: u64 = (8 << 30) - 1;

/// Writes the package in `folder` into the file `to`, which must not exist, sealed for `recipient`. It appears whole,
/// flushed, or not at all. Inside, everything lies below the folder's own name.
///
/// # Errors
/// CMT-0421 the file exists, CMT-0420 a name that tar cannot carry, CMT-0408 reading or writing, CMT-0411 age refuses.
pub fn seal_folder(folder: &Path, to: &Path, recipient: &Recipient) -> Result<u64, EvidenceError> {
    if to.try_exists().map_err(|e| EvidenceError::file("read", to, &e))? {
        return Err(EvidenceError::PackageExists(to.display().to_string()));
    }
    let above = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let temp = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .tempfile_in(above)
        .map_err(|e| EvidenceError::file("write in", above, &e))?;
    let told = |e: std::io::Error| EvidenceError::file("write", to, &e);
    let refused = |e: &dyn std::fmt::Display| EvidenceError::Encrypt(e.to_string());
    let encryptor = age::Encryptor::with_recipients(iter::once(&recipient.0 as &dyn age::Recipient))
        .map_err(|e| refused(&e))?;
    let mut sealed = encryptor.wrap_output(BufWriter::new(temp.as_file())).map_err(|e| refused(&e))?;
    let name = folder.file_name().map_or_else(|| "package".into(), |n| n.to_string_lossy().into_owned());
    add_folder(folder, &name, &mut sealed)?;
    // Two empty blocks end a tar.
    sealed.write_all(&[0; 2 * BLOCK]).map_err(told)?;
    sealed.finish().and_then(|mut rest| rest.flush()).map_err(told)?;
    temp.as_file().sync_all().map_err(told)?;
    let size = temp.as_file().metadata().map_err(told)?.len();
    temp.persist_noclobber(to).map_err(|e| told(e.error))?;
    flush(above)?;
    Ok(size)
}

fn add_folder(folder: &Path, name: &str, out: &mut impl Write) -> Result<(), EvidenceError> {
    let told = |e| EvidenceError::file("read", folder, &e);
    let mut entries: Vec<_> = fs::read_dir(folder).map_err(told)?.collect::<Result<_, _>>().map_err(told)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let inside = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(told)?.is_dir() {
            add_folder(&path, &inside, out)?;
        } else {
            add_file(&path, &inside, out)?;
        }
    }
    Ok(())
}

fn add_file(path: &Path, name: &str, out: &mut impl Write) -> Result<(), EvidenceError> {
    let read = |e| EvidenceError::file("read", path, &e);
    let mut file = File::open(path).map_err(read)?;
    let size = file.metadata().map_err(read)?.len();
    let header = header(name, size).ok_or_else(|| EvidenceError::PackagePath(name.to_owned()))?;
    let written = |e| EvidenceError::file("write", path, &e);
    out.write_all(&header).map_err(written)?;
    let mut left = size;
    let mut buffer = vec![0u8; 256 << 10];
    while left > 0 {
        let n = file.read(&mut buffer).map_err(read)?;
        let Some(chunk) = buffer.get(..n).filter(|c| !c.is_empty() && n as u64 <= left) else {
            let changed = std::io::Error::other("it changed its size while it was read");
            return Err(EvidenceError::file("read", path, &changed));
        };
        out.write_all(chunk).map_err(written)?;
        left -= n as u64;
    }
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    let pad = [0u8; BLOCK];
    let pad = pad.get(..(BLOCK - over) % BLOCK).unwrap_or_default();
    out.write_all(pad).map_err(written)
}

/// A ustar header for a plain file that everybody may read; none where name or size do not fit. Owner and time are
/// left at nought: a package says when it was made inside, signed.
fn header(name: &str, size: u64) -> Option<[u8; BLOCK]> {
    let (prefix, name) = split(name).filter(|_| size <= MAX_FILE)?;
    let mut out = [0u8; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| -> Option<()> {
        out.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
        Some(())
    };
    put(0, name.as_bytes())?;
    put(100, b"0000644\0")?;
    put(108, b"0000000\0")?;
    put(116, b"0000000\0")?;
    put(124, format!("{size:011o}\0").as_bytes())?;
    put(136, b"00000000000\0")?;
    put(148, b"        ")?;
    put(156, b"0")?;
    put(257, b"ustar\x0000")?;
    put(345, prefix.as_bytes())?;
    let sum: u32 = out.iter().map(|b| u32::from(*b)).sum();
    let sum = format!("{sum:06o}\0 ");
    out.get_mut(148..156)?.copy_from_slice(sum.as_bytes());
    Some(out)
}

/// A name as ustar's prefix (at most 155) and name (at most 100), parted at a `/`.
fn split(name: &str) -> Option<(&str, &str)> {
    if name.len() <= 100 {
        return Some(("", name));
    }
    name.match_indices('/')
        .map(|(at, _)| (name.get(..at).unwrap_or_default(), name.get(at + 1..).unwrap_or_default()))
        .find(|(prefix, rest)| prefix.len() <= 155 && rest.len() <= 100 && !rest.is_empty())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;

    #[test]
    fn long_names_are_parted_and_too_long_ones_refused() {
        assert_eq!(split("a/b"), Some(("", "a/b")));
        let (folder, file) = ("f".repeat(120), "n".repeat(90));
        assert_eq!(split(&format!("{folder}/{file}")), Some((folder.as_str(), file.as_str())));
        assert_eq!(split(&"n".repeat(101)), None);
        assert!(header("a", MAX_FILE + 1).is_none());
        let header = header("a", 5).unwrap();
        assert_eq!(header.get(124..136).unwrap(), b"00000000005\0");
    }
}
