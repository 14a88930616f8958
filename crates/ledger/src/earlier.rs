//! A log as it stood at an earlier size: its head, and the hash tiles of that size, cut from those of today.
//!
//! Here: what delayed publication and a witness that is far behind need. A tile of an earlier size is the beginning of
//! the tile of today, so nothing older has to be kept. Entry bundles are left out: whoever checks consistency or a leaf
//! that was handed over needs hashes only. Elsewhere: when what is published (`comity::store`).

use crate::{
    Head, LedgerError, Read,
    log::FileBytes,
    proof::{self, Tiles},
    tile::{Kind, MAX_LEVEL, TileFile, WIDTH},
};
use terms::Digest;
use tlog_tiles::HASH_SIZE;

/// The head that the log with head `now` had at `size` leaves. It is checked that `now` continues it.
///
/// # Errors
/// CMT-0317 when the log is smaller; CMT-0313 to CMT-0315 for the files.
pub fn head(read: &Read<'_>, now: &Head, size: u64) -> Result<Head, LedgerError> {
    if size > now.size {
        return Err(LedgerError::Proof(format!("the log has {} leaves, not {size}", now.size)));
    }
    if size == 0 {
        return Head::empty(&now.origin);
    }
    let root = tlog_tiles::tree_hash(size, &Tiles::new(read, now.size))
        .map_err(|e| LedgerError::Proof(e.to_string()))?;
    let old = Head { origin: now.origin.clone(), size, root: Digest(root.0) };
    proof::prove_consistency(read, &old, now)?;
    Ok(old)
}

/// Hands out every hash tile that a log of `to` leaves publishes and one of `from` leaves does not, low levels first.
/// `now` is the log's head; its tiles are read as they are, so check [`head`] first.
///
/// # Errors
/// CMT-0313 to CMT-0315 for the files, and what `put` says.
pub fn tiles<E: From<LedgerError>>(
    read: &Read<'_>,
    now: &Head,
    from: u64,
    to: u64,
    put: &mut dyn FnMut(FileBytes) -> Result<(), E>,
) -> Result<(), E> {
    for level in 0..=MAX_LEVEL {
        let first = (from >> (8 * u32::from(level))) / WIDTH;
        for index in first.. {
            let place = TileFile { kind: Kind::Level(level), index, width: WIDTH };
            let Some(file) = place.at_size(to) else { break };
            if place.covered(from) == file.width {
                continue;
            }
            put(FileBytes { path: file.path(), bytes: cut(read, now, file)? })?;
        }
    }
    Ok(())
}

/// The partial hash tiles of a log of `from` leaves whose full tile a log of `to` leaves has: these alone may go from a
/// folder that others read (C2SP tlog-tiles, "Partial Tiles").
pub fn replaced(from: u64, to: u64) -> Vec<String> {
    let tiles = (0..=MAX_LEVEL).filter_map(|level| {
        let index = (from >> (8 * u32::from(level))) / WIDTH;
        let place = TileFile { kind: Kind::Level(level), index, width: WIDTH };
        let old = place.at_size(from).filter(|old| old.width < WIDTH)?;
        (place.covered(to) == WIDTH).then(|| old.path())
    });
    tiles.collect()
}

fn cut(read: &Read<'_>, now: &Head, file: TileFile) -> Result<Vec<u8>, LedgerError> {
    let stands = file.at_size(now.size).ok_or_else(|| LedgerError::FileMissing(file.path()))?;
    let mut bytes = proof::need(read, &stands.path())?;
    let whole = |width: u64| usize::try_from(width * HASH_SIZE as u64).unwrap_or(usize::MAX);
    if bytes.len() != whole(stands.width) {
        return Err(LedgerError::Changed(vec![stands.path()]));
    }
    bytes.truncate(whole(file.width));
    Ok(bytes)
}
