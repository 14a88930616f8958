//! The model's tables, as they lie in `model.bin`: read in place, nothing is built at start.
//!
//! Layout: eight bytes `COMLEX02`; six section lengths (`u32`, little-endian); the sections: pairs, grams, pieces,
//! suffixes, levels, trees. Bits are quantised logarithms: an event of probability *p* has −log₂ *p* bits.

use super::features::{COUNT, Feature};
use super::trees::Trees;

/// Shares of ordinary names that have a feature above (and, apart, below) the values in [`Tables::levels`].
pub const LEVELS: [f32; 5] = [0.1, 0.01, 0.001, 0.000_1, 0.000_03];
/// First bytes of a model.
pub const MAGIC: &[u8; 8] = b"COMLEX02";
/// Symbols of a label: its border, 26 letters, any digit, anything else.
pub const SYMBOLS: usize = 29;
/// The border of a label.
pub const BORDER: u8 = 0;
/// Any digit.
pub const DIGIT: u8 = 27;
/// Hyphen, underscore, and bytes that no host name has.
pub const OTHER: u8 = 28;
/// Steps a bit in the tables of letters: 15.9 bits at most.
pub const GRAM_STEPS: f32 = 16.0;
/// Steps a bit in the tables of pieces and suffixes: 21.2 bits at most.
pub const PIECE_STEPS: f32 = 12.0;
/// Longest piece of a label, in letters.
pub const MAX_PIECE: usize = 14;
const SLOT: usize = 8;

/// What a label's byte counts as.
pub const fn symbol(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - b'a' + 1,
        b'A'..=b'Z' => byte - b'A' + 1,
        b'0'..=b'9' => DIGIT,
        _ => OTHER,
    }
}

/// Start of the hash of pieces and suffixes (FNV-1a, 64 bits).
pub const HASH: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash with one byte more.
pub const fn hashed(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3)
}

/// Where the search for a hash begins, and the mark that its entry bears.
pub const fn place(hash: u64, slots: usize) -> (usize, u32) {
    let mixed = hash ^ (hash >> 29);
    ((mixed as usize) & slots.wrapping_sub(1), (mixed >> 32) as u32 | 1)
}

/// The sections of a model.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    /// Bits of a symbol after one other.
    pub pairs: &'a [u8],
    /// Bits of a symbol after three others.
    pub grams: &'a [u8],
    /// Pieces of ordinary labels: bits, bits as first piece, bits as last piece.
    pub pieces: &'a [u8],
    /// Suffixes: bits, mean bits of a letter below it, share of odd labels below it.
    pub suffixes: &'a [u8],
    /// For each feature: its values above which the shares [`LEVELS`] of ordinary names lie, then those below which
    /// they lie (`f32`, little-endian).
    pub levels: &'a [u8],
    /// The trees that weigh the features.
    pub trees: Trees<'a>,
}

impl<'a> Tables<'a> {
    /// Reads the layout above; `None` where the bytes do not have it.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let mut lengths = [0usize; 6];
        for length in &mut lengths {
            let (head, tail) = rest.split_first_chunk::<4>()?;
            *length = u32::from_le_bytes(*head) as usize;
            rest = tail;
        }
        let mut take = |length: usize| {
            let (head, tail) = rest.split_at_checked(length)?;
            rest = tail;
            Some(head)
        };
        let [pairs, grams, pieces, suffixes, levels, trees] = lengths;
        let (pairs, grams) = (take(pairs)?, take(grams)?);
        let (pieces, suffixes) = (take(pieces)?, take(suffixes)?);
        let (levels, trees) = (take(levels)?, take(trees)?);
        let sizes = pairs.len() == SYMBOLS.pow(2)
            && grams.len() == SYMBOLS.pow(4)
            && levels.len() == COUNT * 2 * LEVELS.len() * 4;
        let slots =
            [pieces, suffixes].iter().all(|t| t.len() % SLOT == 0 && (t.len() / SLOT).is_power_of_two());
        (sizes && slots && rest.is_empty()).then_some(Self {
            pairs,
            grams,
            pieces,
            suffixes,
            levels,
            trees: Trees::read(trees)?,
        })
    }

    /// Bits of `next` after `last`.
    pub fn pair(&self, last: u8, next: u8) -> f32 {
        let at = usize::from(last) * SYMBOLS + usize::from(next);
        f32::from(self.pairs.get(at).copied().unwrap_or(u8::MAX)) / GRAM_STEPS
    }

    /// Bits of the last of four symbols, given the three before it.
    pub fn gram(&self, at: usize) -> f32 {
        f32::from(self.grams.get(at).copied().unwrap_or(u8::MAX)) / GRAM_STEPS
    }

    /// The least of [`LEVELS`] whose share of ordinary names has `feature` above `value` (`high`) or below it.
    pub fn share(&self, feature: Feature, value: f32, high: bool) -> Option<f32> {
        let from = (feature as usize * 2 + usize::from(!high)) * LEVELS.len() * 4;
        let values = self.levels.get(from..from + LEVELS.len() * 4)?;
        let beyond = |level: &[u8]| {
            let level = level.first_chunk::<4>().map(|b| f32::from_le_bytes(*b));
            level.is_some_and(|l| if high { value > l } else { value < l })
        };
        LEVELS
            .iter()
            .zip(values.chunks_exact(4))
            .filter(|(_, l)| beyond(l))
            .map(|(share, _)| *share)
            .next_back()
    }

    /// The three values of a piece.
    pub fn piece(&self, hash: u64) -> Option<[u8; 3]> {
        find(self.pieces, hash)
    }

    /// The three values of a suffix.
    pub fn suffix(&self, suffix: &str) -> Option<[u8; 3]> {
        find(self.suffixes, suffix.bytes().fold(HASH, hashed))
    }
}

/// Open addressing: an entry lies at its place or after it; an empty one (mark 0) ends the search.
fn find(table: &[u8], hash: u64) -> Option<[u8; 3]> {
    let slots = table.len() / SLOT;
    let (mut at, mark) = place(hash, slots);
    // A full table, which no recipe writes, must end too.
    for _ in 0..64 {
        let slot = table.get(at * SLOT..at * SLOT + SLOT)?;
        let (head, values) = slot.split_first_chunk::<4>()?;
        match u32::from_le_bytes(*head) {
            0 => return None,
            found if found == mark => return values.first_chunk::<3>().copied(),
            _ => at = (at + 1) & (slots - 1),
        }
    }
    None
}
