//! The verifier: recomputes a whole log from its entry bundles up to the signed root.
//!
//! Here: every hash, every stored byte, every leaf's signature, the checkpoint and its cosignatures, on all cores.
//! Elsewhere: whose keys are whose (the resolver is handed in). Bounds: 64 bundles of together 34 MiB in memory at a time.

use crate::{
    Head, LedgerError, Log, NoteKey, Read, checkpoint, dsse,
    proof::need,
    statement::PAYLOAD_TYPE,
    tile::{self, Kind, TileFile, WIDTH},
    witness::{self, Cosigned},
};
use ed25519_dalek::VerifyingKey;
use rayon::prelude::*;
use tlog_tiles::Hash;

/// Most changed files that one error names.
const MAX_NAMED: usize = 100;
/// Bundles that are worked on together, and the bytes from which on fewer are.
const TOGETHER: usize = 64;
const TOGETHER_BYTES: usize = 17 << 20;

/// Whom to believe about one log.
pub struct Trust<'a> {
    /// The log's identity.
    pub origin: &'a str,
    /// The log's keys, past and present; their name is the origin.
    pub keys: &'a [NoteKey],
    /// The witnesses.
    pub witnesses: &'a [NoteKey],
    /// How many of the witnesses must have cosigned.
    pub demanded: usize,
    /// The key with a key id ([`dsse::keyid`]) that may sign leaves, or `None` for an unknown one.
    pub resolve: &'a (dyn Fn(&str) -> Option<VerifyingKey> + Sync),
}

/// What a verified log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its signed head.
    pub head: Head,
    /// Who cosigned it, and when.
    pub cosigned: Vec<Cosigned>,
    /// Files that were read and compared, the checkpoint included.
    pub files: u64,
    /// Bytes that were read and compared.
    pub bytes: u64,
    /// Stored files beyond the checkpoint, left by a crash or an append in progress: no signature covers them, and
    /// [`Log::leftovers`] has them removed. Only known when the stored paths were given.
    pub beyond: Vec<String>,
}

/// Verifies a log: opens `checkpoint`, reads every bundle and tile it covers, recomputes all hashes, and checks every
/// leaf's DSSE signature. With `stored` (every path below `tile/` that the store holds) older partial files are checked
/// as well, and files that belong to no log are refused.
///
/// A signature line by nobody in `trust` refuses the checkpoint: a byte of it could change unseen.
///
/// # Errors
/// CMT-0309 to CMT-0312 checkpoint; CMT-0313, CMT-0314 missing or unreadable file; CMT-0315 naming each changed file;
/// CMT-0316 a leaf nobody known signed; CMT-0319 a stray file.
pub fn verify_log(
    read: &Read<'_>,
    trust: &Trust<'_>,
    stored: Option<&[String]>,
) -> Result<Report, LedgerError> {
    verify(read, trust, stored, &LeafCheck::Signatures(trust.resolve))
}

/// As [`verify_log`] without the leaves' signatures: that nothing was changed, added or taken away since the checkpoint
/// was signed, by whoever signed the leaves. For a watcher that follows a log it verified before.
///
/// # Errors
/// As [`verify_log`], never CMT-0316.
pub fn verify_tree(
    read: &Read<'_>,
    trust: &Trust<'_>,
    stored: Option<&[String]>,
) -> Result<Report, LedgerError> {
    verify(read, trust, stored, &LeafCheck::Nothing)
}

fn verify(
    read: &Read<'_>,
    trust: &Trust<'_>,
    stored: Option<&[String]>,
    check: &LeafCheck<'_>,
) -> Result<Report, LedgerError> {
    let bytes = need(read, checkpoint::FILE)?;
    let signed = checkpoint::open(&bytes, trust.origin, trust.keys)?;
    let cosigned = witness::demand(&signed, trust.witnesses, trust.demanded)?;
    if let Some(name) = witness::unknown(&signed, trust.witnesses) {
        return Err(LedgerError::CheckpointSignature { name, why: "is of nobody known here".into() });
    }
    let head = signed.head().clone();
    let mut walk = Walk {
        read,
        files: 1,
        bytes: bytes.len() as u64,
        bundles: Vec::new(),
        tiles: Vec::new(),
        leaf: None,
    };
    let log = walk.entries(&head, check)?;
    walk.judge(&log, &head)?;
    let beyond = stored.map(|paths| walk.stored(paths, head.size)).transpose()?.unwrap_or_default();
    Ok(Report { head, cosigned, files: walk.files, bytes: walk.bytes, beyond })
}

struct Walk<'r, 'f> {
    read: &'r Read<'f>,
    files: u64,
    bytes: u64,
    /// Bundles that do not fit their level-0 tile.
    bundles: Vec<String>,
    /// Tiles that do not fit what the bundles give.
    tiles: Vec<String>,
    /// The first leaf that nobody known signed.
    leaf: Option<LedgerError>,
}

impl Walk<'_, '_> {
    /// Reads every bundle, comparing every stored tile with what the bundles give.
    fn entries(&mut self, head: &Head, check: &LeafCheck<'_>) -> Result<Log, LedgerError> {
        let mut log = Log::empty(&head.origin)?;
        let mut files = tile::files(Kind::Entries, head.size);
        loop {
            let mut batch = Vec::with_capacity(TOGETHER);
            let mut bytes = 0;
            while batch.len() < TOGETHER && bytes < TOGETHER_BYTES {
                let Some(file) = files.next() else { break };
                let bundle = self.load(file)?;
                bytes += bundle.len();
                batch.push((file, bundle));
            }
            if batch.is_empty() {
                break;
            }
            let read: Vec<_> =
                batch.par_iter().map(|(file, bundle)| read_bundle(*file, bundle, check)).collect();
            let mut full = Vec::new();
            for bundle in read {
                let (hashes, bad) = bundle?;
                self.leaf = self.leaf.take().or(bad);
                hashes.into_iter().for_each(|h| log.push_hash(h, &mut |f, b| full.push((f, b))));
            }
            for (tile, expected) in full {
                self.compare(tile, &expected)?;
            }
        }
        for (tile, expected) in log.partial_tiles() {
            self.compare(tile, &expected)?;
        }
        Ok(log)
    }

    fn load(&mut self, file: TileFile) -> Result<Vec<u8>, LedgerError> {
        let bytes = need(self.read, &file.path())?;
        self.files += 1;
        self.bytes += bytes.len() as u64;
        Ok(bytes)
    }

    fn compare(&mut self, tile: TileFile, expected: &[u8]) -> Result<(), LedgerError> {
        if self.load(tile)? != expected {
            if tile.kind == Kind::Level(0) {
                self.bundles.push(TileFile { kind: Kind::Entries, ..tile }.path());
            }
            self.tiles.push(tile.path());
        }
        Ok(())
    }

    /// Says which files changed. When the bundles give the signed root they are right, and the tiles that differ are
    /// wrong; else the bundles that differ from their tile are, and when none does, every file was replaced together.
    fn judge(&mut self, log: &Log, head: &Head) -> Result<(), LedgerError> {
        let right = log.head().root == head.root;
        let mut changed =
            if right { std::mem::take(&mut self.tiles) } else { std::mem::take(&mut self.bundles) };
        if !right && changed.is_empty() {
            changed.extend(std::mem::take(&mut self.tiles));
            changed.push(checkpoint::FILE.to_owned());
        }
        if !changed.is_empty() {
            changed.truncate(MAX_NAMED);
            return Err(LedgerError::Changed(changed));
        }
        self.leaf.take().map_or(Ok(()), Err)
    }

    /// Checks the stored files that the head does not name: older partial files must be a prefix of the right bytes.
    fn stored(&mut self, paths: &[String], size: u64) -> Result<Vec<String>, LedgerError> {
        let mut beyond = Vec::new();
        let mut changed = Vec::new();
        for path in paths {
            let file = TileFile::parse(path).ok_or_else(|| LedgerError::Stray(path.clone()))?;
            let Some(now) = file.at_size(size).filter(|now| now.width >= file.width) else {
                beyond.push(path.clone());
                continue;
            };
            if now.width == file.width {
                continue;
            }
            let (old, full) = (self.load(file)?, need(self.read, &now.path())?);
            if prefix(file, now, &full) != Some(old.as_slice()) {
                changed.push(path.clone());
            }
        }
        if changed.is_empty() {
            return Ok(beyond);
        }
        changed.truncate(MAX_NAMED);
        Err(LedgerError::Changed(changed))
    }
}

/// The first items of the file `now`, as the narrower `file` of the same place holds them.
fn prefix(file: TileFile, now: TileFile, full: &[u8]) -> Option<&[u8]> {
    let length = match file.kind {
        Kind::Level(_) => file.width * tlog_tiles::HASH_SIZE as u64,
        Kind::Entries => {
            let leaves = tile::entries(full, now.width)?;
            let narrow = usize::try_from(file.width).ok()?;
            leaves.iter().take(narrow).map(|l| l.len() as u64 + 2).sum()
        }
    };
    full.get(..usize::try_from(length).ok()?)
}

/// What is asked of a leaf beside its place in the tree.
enum LeafCheck<'a> {
    /// That a known key signed it.
    Signatures(&'a (dyn Fn(&str) -> Option<VerifyingKey> + Sync)),
    /// Nothing: only the hashes.
    Nothing,
}

/// The leaf hashes of a bundle, and the first of its leaves that is not to be believed.
fn read_bundle(
    file: TileFile,
    bundle: &[u8],
    check: &LeafCheck<'_>,
) -> Result<(Vec<Hash>, Option<LedgerError>), LedgerError> {
    let leaves = tile::entries(bundle, file.width).ok_or_else(|| LedgerError::Changed(vec![file.path()]))?;
    let hashes = leaves.iter().map(|leaf| tlog_tiles::record_hash(leaf)).collect();
    let bad = match check {
        LeafCheck::Nothing => None,
        LeafCheck::Signatures(resolve) => leaves.iter().enumerate().find_map(|(at, leaf)| {
            let why = check_leaf(leaf, *resolve).err()?.to_string();
            Some(LedgerError::Leaf { index: file.index * WIDTH + at as u64, file: file.path(), why })
        }),
    };
    Ok((hashes, bad))
}

/// A leaf is a DSSE envelope of a statement that a known key signed; every signature of a known key must fit.
fn check_leaf(leaf: &[u8], resolve: &dyn Fn(&str) -> Option<VerifyingKey>) -> Result<(), LedgerError> {
    let envelope = dsse::Envelope::from_json(leaf)?;
    let named = envelope.signatures().iter().map(dsse::EnvelopeSignature::keyid);
    let keys: Vec<(String, VerifyingKey)> =
        named.filter_map(|id| resolve(id).map(|key| (id.to_owned(), key))).collect();
    dsse::verify(&envelope, PAYLOAD_TYPE, &keys).map(|_| ())
}
