//! The appender: leaves in, bytes of tiles and entry bundles out (C2SP tlog-tiles).
//!
//! Here: the right edge of a log as a value, and what has to be written for new leaves. Elsewhere: writing with fsync
//! and fencing off a second sequencer (`comity::store`), signing the head ([`crate::checkpoint`]).
//!
//! The order that keeps a log valid at every instant: all files of an [`Append`] durable first, in any order; then
//! the checkpoint of its log durable, under its one name; then the old partial files may go. After a crash in between,
//! [`Log::resume`] from the last durable checkpoint, and remove the [`Log::leftovers`]: files beyond the checkpoint, which no
//! signature covers. (A narrow partial file left there would later lie within a larger checkpoint and not fit it, if
//! other leaves came in its place.) No append ever writes a file that a checkpoint before it covered.

use crate::{
    Head, LedgerError, Read,
    checkpoint::check_name,
    proof,
    tile::{self, Kind, MAX_LEAVES, MAX_LEVEL, TileFile, WIDTH},
};
use terms::Digest;
use tlog_tiles::Hash;

pub use crate::tile::MAX_LEAF;

/// The right edge of a log: enough to append, whatever the log's size (at most 6 × 255 hashes and 255 leaves).
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    origin: String,
    size: u64,
    /// Per level, the hashes of the last tile that is not full: 0 to 255.
    edge: Vec<Vec<Hash>>,
    /// The bundle of the last `size % 256` leaves.
    bundle: Vec<u8>,
}

/// One file that has to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileBytes {
    /// Path below the log's folder, with `/`.
    pub path: String,
    /// All its bytes: write to a temporary name and rename, so that no reader sees half.
    pub bytes: Vec<u8>,
}

/// What an append asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// Index of the first new leaf.
    pub first: u64,
    /// Files to write and make durable, in any order, all before the new checkpoint.
    pub files: Vec<FileBytes>,
    /// Partial files of the size before that the new ones replace. They may be removed once the new checkpoint is
    /// durable and nobody reads the old one any more; leaving them does no harm. A folder that others read keeps them
    /// until the full file is there, as C2SP tlog-tiles demands; what they hold can always be cut from a wider file.
    pub replaced: Vec<String>,
    /// The log after the append. Take it only when the files are durable; drop it when writing failed.
    pub log: Log,
}

impl Log {
    /// A log without leaves.
    ///
    /// # Errors
    /// CMT-0320 when a signed note cannot carry the origin.
    pub fn empty(origin: &str) -> Result<Self, LedgerError> {
        check_name(origin)?;
        let edge = vec![Vec::new(); usize::from(MAX_LEVEL) + 1];
        Ok(Self { origin: origin.to_owned(), size: 0, edge, bundle: Vec::new() })
    }

    /// The log at a head taken from an opened checkpoint, from its right-edge files, each checked against the head.
    ///
    /// # Errors
    /// CMT-0313 or CMT-0314 when an edge file is missing or unreadable, CMT-0315 when one does not give the root.
    pub fn resume(head: &Head, read: &Read<'_>) -> Result<Self, LedgerError> {
        if head.size > MAX_LEAVES {
            return Err(LedgerError::Full);
        }
        let mut log = Self::empty(&head.origin)?;
        log.size = head.size;
        let mut files = Vec::new();
        for (level, edge) in (0..=MAX_LEVEL).zip(&mut log.edge) {
            *edge = match edge_file(Kind::Level(level), head.size) {
                Some(file) => {
                    files.push(file.path());
                    tile::hashes(&proof::need(read, &file.path())?, file.width)
                        .ok_or_else(|| LedgerError::Changed(vec![file.path()]))?
                }
                None => Vec::new(),
            };
        }
        if let Some(file) = edge_file(Kind::Entries, head.size) {
            log.bundle = proof::need(read, &file.path())?;
            log.check_bundle(file)?;
        }
        if log.head().root != head.root {
            return Err(LedgerError::Changed(files));
        }
        Ok(log)
    }

    /// Of the paths stored below `tile/`, those beyond this log's head: what a killed append left. Remove them before
    /// appending again.
    ///
    /// # Errors
    /// CMT-0319 for a path that no log writes.
    pub fn leftovers(&self, stored: &[String]) -> Result<Vec<String>, LedgerError> {
        let mut out = Vec::new();
        for path in stored {
            let file = TileFile::parse(path).ok_or_else(|| LedgerError::Stray(path.clone()))?;
            if file.covered(self.size) < file.width {
                out.push(path.clone());
            }
        }
        Ok(out)
    }

    fn check_bundle(&self, file: TileFile) -> Result<(), LedgerError> {
        let leaves = tile::entries(&self.bundle, file.width);
        let hashes: Option<Vec<Hash>> = leaves.map(|l| l.into_iter().map(tlog_tiles::record_hash).collect());
        if hashes.is_some() && hashes.as_ref() == self.edge.first() {
            return Ok(());
        }
        Err(LedgerError::Changed(vec![file.path()]))
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }
    /// The log's identity.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The head to sign.
    pub fn head(&self) -> Head {
        let mut below = None;
        for level in &self.edge {
            let mut nodes = level.clone();
            nodes.extend(below);
            below = tile::fold(&nodes);
        }
        let root = below.unwrap_or(tlog_tiles::EMPTY_HASH);
        Head { origin: self.origin.clone(), size: self.size, root: Digest(root.0) }
    }

    /// What appending these leaves writes. Changes nothing: the log after it is in the answer.
    ///
    /// # Errors
    /// CMT-0307 for a leaf above 65,535 bytes, CMT-0308 when the log would pass 2^40 leaves; then nothing is appended.
    pub fn append<L: AsRef<[u8]>>(&self, leaves: &[L]) -> Result<Append, LedgerError> {
        if let Some((index, leaf)) = leaves.iter().enumerate().find(|(_, l)| l.as_ref().len() > MAX_LEAF) {
            return Err(LedgerError::LeafTooLarge { index, size: leaf.as_ref().len() });
        }
        if (leaves.len() as u64).checked_add(self.size).is_none_or(|n| n > MAX_LEAVES) {
            return Err(LedgerError::Full);
        }
        let mut log = self.clone();
        let mut files = Vec::new();
        for (at, leaf) in leaves.iter().enumerate() {
            log.push(leaf.as_ref(), at, &mut |file, bytes| files.push((file, bytes)))?;
        }
        let grew = |file: &TileFile| file.covered(self.size) < file.covered(log.size);
        files.extend(log.partials().into_iter().filter(|(file, _)| grew(file)));
        // Entries before the hashes over them, low levels before high ones.
        files.sort_by_key(|(file, _)| *file);
        let files = files.into_iter().map(|(f, bytes)| FileBytes { path: f.path(), bytes }).collect();
        let replaced = self.partials().into_iter().map(|(f, _)| f).filter(|f| f.covered(log.size) > f.width);
        let replaced = replaced.map(TileFile::path).collect();
        Ok(Append { first: self.size, files, replaced, log })
    }

    /// Adds one leaf and hands out each file that became full.
    pub(crate) fn push(
        &mut self,
        leaf: &[u8],
        at: usize,
        full: &mut dyn FnMut(TileFile, Vec<u8>),
    ) -> Result<(), LedgerError> {
        tile::push_entry(&mut self.bundle, leaf, at)?;
        if (self.size + 1).is_multiple_of(WIDTH) {
            let file = TileFile { kind: Kind::Entries, index: self.size / WIDTH, width: WIDTH };
            full(file, std::mem::take(&mut self.bundle));
        }
        self.push_hash(tlog_tiles::record_hash(leaf), full);
        Ok(())
    }

    /// Adds one leaf's hash without its bytes, and hands out each hash tile that became full: for a verifier, which
    /// reads the bundles that are there and writes none.
    pub(crate) fn push_hash(&mut self, leaf: Hash, full: &mut dyn FnMut(TileFile, Vec<u8>)) {
        let mut node = Some(leaf);
        self.size += 1;
        for (level, edge) in (0..=MAX_LEVEL).zip(&mut self.edge) {
            let Some(hash) = node.take() else { break };
            edge.push(hash);
            if edge.len() as u64 == WIDTH {
                let index = (self.size >> (8 * (u32::from(level) + 1))) - 1;
                full(TileFile { kind: Kind::Level(level), index, width: WIDTH }, tile::tile_bytes(edge));
                node = tile::fold(edge);
                edge.clear();
            }
        }
    }

    /// The partial files of the right edge.
    fn partials(&self) -> Vec<(TileFile, Vec<u8>)> {
        let bundle = edge_file(Kind::Entries, self.size).map(|f| (f, self.bundle.clone()));
        bundle.into_iter().chain(self.partial_tiles()).collect()
    }

    /// The partial hash tiles of the right edge.
    pub(crate) fn partial_tiles(&self) -> Vec<(TileFile, Vec<u8>)> {
        let tiles = (0..=MAX_LEVEL).zip(&self.edge).filter_map(|(level, hashes)| {
            edge_file(Kind::Level(level), self.size).map(|f| (f, tile::tile_bytes(hashes)))
        });
        tiles.collect()
    }
}

/// The partial file at the right edge of a log of `size` leaves, if the last file is not full.
fn edge_file(kind: Kind, size: u64) -> Option<TileFile> {
    let items = match kind {
        Kind::Entries => size,
        Kind::Level(l) => size >> (8 * u32::from(l)),
    };
    let width = items % WIDTH;
    (width > 0).then_some(TileFile { kind, index: items / WIDTH, width })
}
