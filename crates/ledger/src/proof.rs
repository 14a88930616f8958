//! Inclusion and consistency proofs (RFC 6962 section 2.1), and the text form of C2SP tlog-proof.
//!
//! Here: making proofs from tiles, checking them, writing and reading `.tlog-proof` text. A proof that is made is
//! checked before it is handed out, so that a damaged tile gives an error and never a false proof.
//! Bounds: a proof has at most 64 hashes; a `.tlog-proof` text 128 KiB.

use crate::{
    Head, LedgerError, NoteKey, Read,
    checkpoint::{self, SignedHead},
    tile::{self, Kind, MAX_LEAVES, TileFile, WIDTH},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{
    cell::RefCell,
    collections::{HashMap, hash_map::Entry},
};
use terms::Digest;
use tlog_tiles::{Hash, HashReader};

/// Most hashes of a proof.
pub const MAX_HASHES: usize = 64;
/// Largest `.tlog-proof` text in bytes that is read.
pub const MAX_TEXT: usize = 128 << 10;
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The hash of a leaf: `SHA-256(0x00 ‖ leaf)`.
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    Digest(tlog_tiles::record_hash(leaf).0)
}

/// The leaf at `index` of the log with this head. The bundle is read, not checked: pair it with [`prove_inclusion`].
///
/// # Errors
/// CMT-0313, CMT-0314 and CMT-0315 for the files; CMT-0317 when the log has no such leaf.
pub fn read_leaf(read: &Read<'_>, head: &Head, index: u64) -> Result<Vec<u8>, LedgerError> {
    let file = TileFile { kind: Kind::Entries, index: index / WIDTH, width: WIDTH }
        .at_size(head.size)
        .ok_or_else(|| no_leaf(head, index))?;
    let path = file.path();
    let bytes = need(read, &path)?;
    let entries = tile::entries(&bytes, file.width).ok_or_else(|| LedgerError::Changed(vec![path]))?;
    let at = usize::try_from(index % WIDTH).map_err(|_| no_leaf(head, index))?;
    entries.get(at).map(|e| e.to_vec()).ok_or_else(|| no_leaf(head, index))
}

/// Proves that the leaf at `index` is in the log with this head. The leaf is read from its bundle.
///
/// # Errors
/// CMT-0313, CMT-0314, CMT-0315 for the files; CMT-0317 when there is no such leaf or the files do not give the head's
/// root.
pub fn prove_inclusion(read: &Read<'_>, head: &Head, index: u64) -> Result<Vec<Digest>, LedgerError> {
    let leaf = read_leaf(read, head, index)?;
    let path = tlog_tiles::prove_record(head.size, index, &Tiles::new(read, head.size)).map_err(told)?;
    let path: Vec<Digest> = path.into_iter().map(|h| Digest(h.0)).collect();
    check_inclusion(head, index, leaf_hash(&leaf), &path)?;
    Ok(path)
}

/// Checks that the leaf with this hash stands at `index` of the log with this head.
///
/// # Errors
/// CMT-0317.
pub fn check_inclusion(head: &Head, index: u64, leaf: Digest, proof: &[Digest]) -> Result<(), LedgerError> {
    check_bounds(head, proof)?;
    let proof = proof.iter().map(|d| Hash(d.0)).collect();
    tlog_tiles::check_record(&proof, head.size, Hash(head.root.0), index, Hash(leaf.0)).map_err(told)
}

/// Proves that the log with head `new` continues the one with head `old`. Empty when either is trivial (`old` without
/// leaves, or the same size).
///
/// # Errors
/// As [`prove_inclusion`].
pub fn prove_consistency(read: &Read<'_>, old: &Head, new: &Head) -> Result<Vec<Digest>, LedgerError> {
    let proof: Vec<Digest> = if old.size == 0 || old.size == new.size {
        Vec::new()
    } else {
        let hashes = tlog_tiles::prove_tree(new.size, old.size, &Tiles::new(read, new.size)).map_err(told)?;
        hashes.into_iter().map(|h| Digest(h.0)).collect()
    };
    check_consistency(old, new, &proof)?;
    Ok(proof)
}

/// Checks that `new` continues `old`: every leaf of `old` stands in `new` at its place.
///
/// # Errors
/// CMT-0317.
pub fn check_consistency(old: &Head, new: &Head, proof: &[Digest]) -> Result<(), LedgerError> {
    check_bounds(new, proof)?;
    if old.size == 0 {
        let empty = old.root.0 == tlog_tiles::EMPTY_HASH.0;
        let same = new.size > 0 || new.root == old.root;
        return if empty && same && proof.is_empty() {
            Ok(())
        } else {
            Err(LedgerError::Proof("an empty log has one root and needs no proof".into()))
        };
    }
    let proof = proof.iter().map(|d| Hash(d.0)).collect();
    tlog_tiles::check_tree(&proof, new.size, Hash(new.root.0), old.size, Hash(old.root.0)).map_err(told)
}

/// A leaf's whole proof as one text that verifies offline: index, path and the (co)signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// The leaf's index, from 0.
    pub index: u64,
    /// The inclusion path.
    pub path: Vec<Digest>,
    /// The checkpoint as published, with its cosignatures.
    pub checkpoint: Vec<u8>,
}

impl TlogProof {
    /// The text of a `.tlog-proof` file.
    pub fn to_text(&self) -> Vec<u8> {
        let mut out = format!("{HEADER}\nindex {}\n", self.index);
        for hash in &self.path {
            out.push_str(&STANDARD.encode(hash.0));
            out.push('\n');
        }
        out.push('\n');
        let mut out = out.into_bytes();
        out.extend_from_slice(&self.checkpoint);
        out
    }

    /// Reads a `.tlog-proof` text. Extra data is refused: no signature covers it and this program writes none.
    ///
    /// # Errors
    /// CMT-0317 for anything that [`to_text`](Self::to_text) would not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        let bad = || LedgerError::Proof("it is not a tlog-proof text".into());
        if bytes.len() > MAX_TEXT {
            return Err(LedgerError::Proof("it is above 128 KiB".into()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(bad)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(bad());
        }
        let index = lines.next().and_then(|l| l.strip_prefix("index ")?.parse().ok()).ok_or_else(bad)?;
        let path = lines.map(read_hash).collect::<Option<Vec<_>>>().ok_or_else(bad)?;
        let proof = Self { index, path, checkpoint: checkpoint.as_bytes().to_vec() };
        if proof.path.len() > MAX_HASHES || proof.to_text() != bytes {
            return Err(bad());
        }
        Ok(proof)
    }

    /// Checks the proof for a leaf: the log signed the checkpoint and the leaf is in its tree. Returns the opened
    /// checkpoint, on which [`crate::witness::demand`] can be asked.
    ///
    /// # Errors
    /// CMT-0309 to CMT-0311 for the checkpoint, CMT-0317 for the path.
    pub fn check(&self, leaf: &[u8], origin: &str, keys: &[NoteKey]) -> Result<SignedHead, LedgerError> {
        let signed = checkpoint::open(&self.checkpoint, origin, keys)?;
        check_inclusion(signed.head(), self.index, leaf_hash(leaf), &self.path)?;
        Ok(signed)
    }
}

pub(crate) fn read_hash(line: &str) -> Option<Digest> {
    Some(Digest(STANDARD.decode(line).ok()?.try_into().ok()?))
}

fn check_bounds(head: &Head, proof: &[Digest]) -> Result<(), LedgerError> {
    if proof.len() > MAX_HASHES || head.size > MAX_LEAVES {
        return Err(LedgerError::Proof("it is larger than any log".into()));
    }
    Ok(())
}

fn no_leaf(head: &Head, index: u64) -> LedgerError {
    LedgerError::Proof(format!("the log has {} leaves and none at index {index}", head.size))
}

pub(crate) fn told(error: tlog_tiles::Error) -> LedgerError {
    LedgerError::Proof(error.to_string())
}

/// Reads one file that has to be there.
pub(crate) fn need(read: &Read<'_>, path: &str) -> Result<Vec<u8>, LedgerError> {
    read(path)
        .map_err(|e| LedgerError::Unreadable { file: path.to_owned(), why: e.to_string() })?
        .ok_or_else(|| LedgerError::FileMissing(path.to_owned()))
}

/// Hashes of the tree, read from the tiles a log of `size` leaves publishes. Keeps the few tiles of one proof.
pub(crate) struct Tiles<'r, 'f> {
    read: &'r Read<'f>,
    size: u64,
    kept: RefCell<HashMap<TileFile, Vec<Hash>>>,
}

impl<'r, 'f> Tiles<'r, 'f> {
    pub(crate) fn new(read: &'r Read<'f>, size: u64) -> Self {
        Self { read, size, kept: RefCell::default() }
    }

    /// The hash of the complete subtree `n` of height `level`.
    fn hash(&self, level: u8, n: u64) -> Result<Hash, LedgerError> {
        let (tile_level, below) = (level / 8, level % 8);
        let first = n << below;
        let file = TileFile { kind: Kind::Level(tile_level), index: first / WIDTH, width: WIDTH }
            .at_size(self.size)
            .ok_or_else(|| LedgerError::Proof("the log is smaller".into()))?;
        let from = usize::try_from(first % WIDTH).unwrap_or(usize::MAX);
        let mut kept = self.kept.borrow_mut();
        let hashes = match kept.entry(file) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(empty) => empty.insert(self.load(file)?),
        };
        from.checked_add(1 << below)
            .and_then(|to| tile::fold(hashes.get(from..to)?))
            .ok_or_else(|| LedgerError::Proof("the log is smaller".into()))
    }

    fn load(&self, file: TileFile) -> Result<Vec<Hash>, LedgerError> {
        let path = file.path();
        let bytes = need(self.read, &path)?;
        tile::hashes(&bytes, file.width).ok_or_else(|| LedgerError::Changed(vec![path]))
    }
}

impl HashReader for Tiles<'_, '_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        (indexes.iter())
            .map(|&i| {
                let (level, n) = tlog_tiles::split_stored_hash_index(i);
                self.hash(level, n).map_err(|e| tlog_tiles::Error::InvalidInput(e.to_string()))
            })
            .collect()
    }
}
