//! A run of letters cut into the pieces that ordinary labels are made of: the cut with the fewest bits (Viterbi).

use super::split::MAX_LABEL;
use super::tables::{HASH, MAX_PIECE, PIECE_STEPS, Tables, hashed};

/// Bits of a letter that no piece covers.
pub const LONE_BITS: f32 = 13.0;

/// One piece of a cut.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Piece {
    /// Offset in the label.
    pub start: usize,
    /// Letters.
    pub len: usize,
    /// Bits of it among pieces.
    pub bits: f32,
    /// Bits it would have as the first piece of several, less `bits`.
    pub first: f32,
    /// Bits it would have as the last piece of several, less `bits`.
    pub last: f32,
}

/// The pieces of a label, left to right.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    pieces: [Piece; MAX_LABEL],
    count: usize,
}

impl Default for Cut {
    fn default() -> Self {
        Self { pieces: [Piece::default(); MAX_LABEL], count: 0 }
    }
}

impl Cut {
    /// The pieces.
    pub fn pieces(&self) -> &[Piece] {
        self.pieces.get(..self.count).unwrap_or_default()
    }

    /// Cuts `run`, which begins at `offset` of its label, and appends its pieces.
    pub fn add(&mut self, tables: &Tables<'_>, run: &[u8], offset: usize) {
        let run = run.get(..run.len().min(MAX_LABEL)).unwrap_or_default();
        // best[i]: fewest bits of the first i letters, and the piece that ends there.
        let mut best = [(f32::INFINITY, Piece::default()); MAX_LABEL + 1];
        if let Some(start) = best.first_mut() {
            start.0 = 0.0;
        }
        for start in 0..run.len() {
            let before = best.get(start).map_or(f32::INFINITY, |b| b.0);
            let mut hash = HASH;
            for (i, byte) in run.iter().skip(start).take(MAX_PIECE).enumerate() {
                hash = hashed(hash, byte.to_ascii_lowercase());
                let known = tables.piece(hash).map(|v| v.map(|q| f32::from(q) / PIECE_STEPS));
                let [bits, first, last] = match known {
                    Some(values) => values,
                    None if i == 0 => [LONE_BITS; 3],
                    None => continue,
                };
                if let Some(end) = best.get_mut(start + i + 1)
                    && before + bits < end.0
                {
                    let piece = Piece {
                        start: offset + start,
                        len: i + 1,
                        bits,
                        first: first - bits,
                        last: last - bits,
                    };
                    *end = (before + bits, piece);
                }
            }
        }
        let (mut end, from) = (run.len(), self.count);
        while end > 0 {
            let Some((_, piece)) = best.get(end) else { break };
            let Some(room) = self.pieces.get_mut(self.count) else { break };
            *room = *piece;
            self.count += 1;
            end -= piece.len.clamp(1, end);
        }
        if let Some(new) = self.pieces.get_mut(from..self.count) {
            new.reverse();
        }
    }
}
