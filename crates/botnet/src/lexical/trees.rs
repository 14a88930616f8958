//! Boosted trees: each asks up to some questions of the features and adds its answer to the log odds.
//!
//! Bytes: `f32` log odds before any tree; `u32` number of trees; for each tree a `u16` number of nodes and the nodes of
//! 8 bytes: feature (`u8`, 255 for a leaf), bytes to the right child in nodes (`u8`), two bytes nought, value (`f32`).
//! A left child follows its parent. Little-endian.

use super::features::{COUNT, Features};

/// The feature number that marks a leaf.
pub const LEAF: u8 = u8::MAX;
const NODE: usize = 8;

/// Trees as they lie in a model.
#[derive(Debug, Clone, Copy)]
pub struct Trees<'a> {
    base: f32,
    nodes: &'a [u8],
    starts: usize,
}

impl<'a> Trees<'a> {
    /// Reads and checks the bytes: every walk ends at a leaf of its tree.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (base, rest) = bytes.split_first_chunk::<4>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let trees = Self {
            base: f32::from_le_bytes(*base),
            nodes: rest,
            starts: u32::from_le_bytes(*count) as usize,
        };
        let mut left = rest;
        for _ in 0..trees.starts {
            let (nodes, tail) = left.split_first_chunk::<2>()?;
            let (tree, tail) = tail.split_at_checked(usize::from(u16::from_le_bytes(*nodes)) * NODE)?;
            let count = tree.len() / NODE;
            for (i, node) in tree.chunks_exact(NODE).enumerate() {
                let (feature, right) = (*node.first()?, usize::from(*node.get(1)?));
                let inside =
                    feature == LEAF || (usize::from(feature) < COUNT && right > 1 && i + right < count);
                if !inside {
                    return None;
                }
            }
            if count == 0 {
                return None;
            }
            left = tail;
        }
        left.is_empty().then_some(trees)
    }

    /// Log odds that the features are those of a generated name.
    pub fn odds(&self, features: &Features) -> f32 {
        let (mut odds, mut left) = (self.base, self.nodes);
        while let Some((nodes, tail)) = left.split_first_chunk::<2>() {
            let Some((tree, tail)) = tail.split_at_checked(usize::from(u16::from_le_bytes(*nodes)) * NODE)
            else {
                break;
            };
            odds += leaf(tree, features);
            left = tail;
        }
        odds
    }
}

fn leaf(tree: &[u8], features: &Features) -> f32 {
    let (nodes, mut at) = (tree.as_chunks::<NODE>().0, 0);
    while let Some([feature, right, _, _, value @ ..]) = nodes.get(at) {
        let value = f32::from_le_bytes(*value);
        let Some(found) = features.0.get(usize::from(*feature)) else {
            return value;
        };
        // A sum and no branch: the processor cannot guess the answers.
        at += if *found <= value { 1 } else { usize::from(*right) };
    }
    0.0
}
