//! Paths and bytes of tiles and entry bundles (C2SP tlog-tiles, "Merkle Tree" and "Log Entries").

use crate::LedgerError;
use tlog_tiles::{HASH_SIZE, Hash};

/// Hashes in a full tile, entries in a full bundle.
pub(crate) const WIDTH: u64 = 256;
/// Most leaves of a log: five levels of tiles.
pub(crate) const MAX_LEAVES: u64 = 1 << 40;
/// Levels that a log of [`MAX_LEAVES`] can have.
pub(crate) const MAX_LEVEL: u8 = 5;
/// Largest leaf in bytes: its length is a 16-bit number.
pub const MAX_LEAF: usize = 65_535;

/// What kind of file a path below `tile/` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Entries,
    Level(u8),
}

/// One file below `tile/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TileFile {
    pub kind: Kind,
    pub index: u64,
    /// 1 to 256; 256 is a full file.
    pub width: u64,
}

impl TileFile {
    pub(crate) fn path(self) -> String {
        let kind = match self.kind {
            Kind::Entries => "entries".to_owned(),
            Kind::Level(l) => l.to_string(),
        };
        let mut number = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        let part = if self.width == WIDTH { String::new() } else { format!(".p/{}", self.width) };
        format!("tile/{kind}/{number}{part}")
    }

    /// Reads a path; `None` for anything that [`TileFile::path`] would not write.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        if path.len() > 80 {
            return None;
        }
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Level(level.parse().ok().filter(|l| *l <= MAX_LEVEL)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|w| (1..WIDTH).contains(w))?),
            None => (rest, WIDTH),
        };
        let index = number.split('/').try_fold(0u64, |n, part| {
            let part: u64 = part.strip_prefix('x').unwrap_or(part).parse().ok()?;
            n.checked_mul(1000)?.checked_add(part)
        })?;
        let file = Self { kind, index, width };
        (file.path() == path).then_some(file)
    }

    /// How many of this file's items a log of `size` leaves has: 0 to 256.
    pub(crate) fn covered(self, size: u64) -> u64 {
        let items = match self.kind {
            Kind::Entries => size,
            Kind::Level(l) => size >> (8 * u32::from(l)),
        };
        items.saturating_sub(self.index.saturating_mul(WIDTH)).min(WIDTH)
    }

    /// The file of the same place that a log of `size` leaves publishes; `None` where it has nothing there.
    pub(crate) fn at_size(self, size: u64) -> Option<Self> {
        let width = self.covered(size);
        (width > 0).then_some(Self { width, ..self })
    }
}

/// The files a log of `size` leaves publishes at its right edge or as full tiles, of one kind, in order.
pub(crate) fn files(kind: Kind, size: u64) -> impl Iterator<Item = TileFile> {
    (0..).map_while(move |index| TileFile { kind, index, width: WIDTH }.at_size(size))
}

/// The hashes of a tile of exactly `width` hashes.
pub(crate) fn hashes(bytes: &[u8], width: u64) -> Option<Vec<Hash>> {
    if bytes.len() as u64 != width * HASH_SIZE as u64 {
        return None;
    }
    Some(bytes.chunks_exact(HASH_SIZE).filter_map(|c| c.try_into().ok()).map(Hash).collect())
}

/// The bytes of a tile of these hashes.
pub(crate) fn tile_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|h| h.0).collect()
}

/// The leaves of a bundle of exactly `width` entries, each behind its length as 16 bits, big end first.
pub(crate) fn entries(bytes: &[u8], width: u64) -> Option<Vec<&[u8]>> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let (leaf, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        out.push(leaf);
        rest = tail;
        if out.len() as u64 > width {
            return None;
        }
    }
    (rest.is_empty() && out.len() as u64 == width).then_some(out)
}

/// Adds one leaf to a bundle.
pub(crate) fn push_entry(bundle: &mut Vec<u8>, leaf: &[u8], index: usize) -> Result<(), LedgerError> {
    let length =
        u16::try_from(leaf.len()).map_err(|_| LedgerError::LeafTooLarge { index, size: leaf.len() })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(leaf);
    Ok(())
}

/// The Merkle tree hash over nodes (RFC 6962 section 2.1), left-full: each node but the last is a complete subtree.
/// `None` for no node. Recursion is bounded by the 257 nodes a caller can have.
pub(crate) fn fold(nodes: &[Hash]) -> Option<Hash> {
    match nodes {
        [] => None,
        [one] => Some(*one),
        _ => {
            let (left, right) = nodes.split_at_checked(nodes.len().next_power_of_two() / 2)?;
            Some(tlog_tiles::node_hash(fold(left)?, fold(right)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        for (kind, index, width, path) in [
            (Kind::Level(0), 0, 256, "tile/0/000"),
            (Kind::Level(1), 1_234_067, 256, "tile/1/x001/x234/067"),
            (Kind::Level(3), 0, 1, "tile/3/000.p/1"),
            (Kind::Entries, 1000, 255, "tile/entries/x001/000.p/255"),
        ] {
            let file = TileFile { kind, index, width };
            assert_eq!(file.path(), path);
            assert_eq!(TileFile::parse(path), Some(file));
        }
        for bad in [
            "tile/0/0",
            "tile/0/x000/001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/9/000",
            "tile/00/000",
            "tile/0/../000",
            "checkpoint",
            "tile/entries/",
            "tile/0/x1/000",
            "tile/0/+01",
        ] {
            assert_eq!(TileFile::parse(bad), None, "{bad}");
        }
    }
}
