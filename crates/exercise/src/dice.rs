//! Chance, as integers: one ChaCha20 generator seeds every kind of choice, and a choice about the n-th thing is a
//! function of (seed, kind, n) alone, so that nothing need be kept and the order of writing does not matter.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// The key of one kind of choice under a seed.
pub(crate) fn key(seed: u64, kind: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update(b"harbour-lights");
    hash.update(seed.to_le_bytes());
    hash.update(kind.as_bytes());
    ChaCha20Rng::from_seed(hash.finalize().into()).next_u64()
}

/// A short run of choices. SplitMix64 (Steele, Lea, Flood 2014) from a ChaCha20 key: cheap enough for 10^6 bots.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The choices about thing `n`, case `m`, under a key.
    pub(crate) fn new(key: u64, n: u64, m: u64) -> Self {
        let mut dice = Self(key ^ n.wrapping_mul(0xd1b5_4a32_d192_ed03));
        let first = dice.next();
        Self(first ^ m.wrapping_mul(0x8cb9_2ba7_2f3d_8dd7))
    }
    /// Any 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// 0 to `bound` - 1; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
    /// `from` to `to`, both included.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }
    /// Whether an event of this many in a thousand happens.
    pub(crate) fn permille(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }
    /// One of a table's entries; the table must not be empty.
    pub(crate) fn pick<'a, T>(&mut self, table: &'a [T]) -> &'a T {
        let i = self.below(table.len() as u64);
        at(table, usize::try_from(i).unwrap_or(0))
    }
    /// Index of a share, drawn by weight.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = u64> + Clone) -> usize {
        let mut left = self.below(weights.clone().sum());
        for (i, weight) in weights.enumerate() {
            if left < weight {
                return i;
            }
            left -= weight;
        }
        0
    }
    /// As many bytes as asked for.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(len + 8);
        while out.len() < len {
            out.extend_from_slice(&self.next().to_le_bytes());
        }
        out.truncate(len);
        out
    }
    /// A version 4 UUID (RFC 9562 section 5.4) as text.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        let (a, b) = ((a & !0xf000) | 0x4000, (b & !(0b11 << 62)) | (0b10 << 62));
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xffff,
            b >> 48,
            b & 0xffff_ffff_ffff
        )
    }
}

/// An entry of a table that is known not to be empty; the index wraps.
#[expect(
    clippy::indexing_slicing,
    reason = "the index is taken modulo the length, and no table here is empty"
)]
pub(crate) fn at<T>(table: &[T], i: usize) -> &T {
    &table[i % table.len().max(1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_choice_stays_in_its_bounds(seed: u64, n: u64, bound in 1u64..1_000_000_007) {
            let mut dice = Dice::new(key(seed, "test"), n, 3);
            prop_assert!(dice.below(bound) < bound);
            let drawn = dice.between(bound, bound + 9);
            prop_assert!((bound..bound + 10).contains(&drawn));
            prop_assert!(dice.weighted([0, bound, 0].into_iter()) == 1);
        }
    }

    #[test]
    fn kinds_and_things_do_not_repeat_each_other() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in ["a", "b"] {
            for n in 0..100 {
                for m in 0..100 {
                    assert!(seen.insert(Dice::new(key(7, kind), n, m).next()));
                }
            }
        }
        assert_eq!(Dice::new(key(7, "a"), 0, 0).uuid().len(), 36);
    }
}
