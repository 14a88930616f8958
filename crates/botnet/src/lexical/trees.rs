//! Boosted trees: each asks up to some questions of the features and adds its answer to the log odds.
//!
//! Bytes: `f32` log odds before any tree; `u32` number of trees; for each tree a `u32`, the number of its first node and
//! in the highest byte the most questions from its root to a leaf; the nodes of 8 bytes: feature (`u8`, [`LEAF`] for a
//! leaf), nodes to the left child (`u8`, 1) and to the right one (`u8`), both 0 for a leaf, a byte nought, value (`f32`).
//! Little-endian.
//!
//! Several trees are walked side by side, each as many steps as the deepest of them has, and a leaf is its own child: a
//! processor cannot guess answers, but it can wait for several at once. So trees of like depth stand together.

use super::features::{COUNT, Features};

/// The feature number that marks a leaf.
pub const LEAF: u8 = 63;
/// Feature numbers, with room to spare: the value of one that is none is infinite, more than any question's.
const ROOM: usize = 64;
const _: () = assert!(COUNT <= LEAF as usize);
/// Trees that are walked side by side.
const ABREAST: usize = 12;
/// Most questions from the root to a leaf.
const DEEPEST: usize = 24;

type Node = [u8; 8];

/// Trees as they lie in a model.
#[derive(Debug, Clone, Copy)]
pub struct Trees<'a> {
    base: f32,
    starts: &'a [[u8; 4]],
    nodes: &'a [Node],
}

/// The first node of a tree, and how deep it is.
fn start(entry: [u8; 4]) -> (usize, usize) {
    let entry = u32::from_le_bytes(entry);
    ((entry & 0x00ff_ffff) as usize, (entry >> 24) as usize)
}

impl<'a> Trees<'a> {
    /// Reads and checks the bytes: every walk ends at a leaf of its tree.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (base, rest) = bytes.split_first_chunk::<4>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(4)?;
        let (starts, rest) = rest.split_at_checked(count)?;
        let (starts, (nodes, after)) = (starts.as_chunks().0, rest.as_chunks());
        let ends = starts.iter().skip(1).map(|next| start(*next).0).chain([nodes.len()]);
        let mut expected = 0;
        for (entry, end) in starts.iter().zip(ends) {
            let (first, deep) = start(*entry);
            if first != expected || depth(nodes.get(first..end)?)? != deep {
                return None;
            }
            expected = end;
        }
        let whole = after.is_empty() && expected == nodes.len();
        whole.then_some(Self { base: f32::from_le_bytes(*base), starts, nodes })
    }

    /// Log odds that the features are those of a generated name.
    pub fn odds(&self, features: &Features) -> f32 {
        let mut values = [f32::INFINITY; ROOM];
        for (room, value) in values.iter_mut().zip(features.0) {
            *room = value;
        }
        let (groups, rest) = self.starts.as_chunks::<ABREAST>();
        let groups = groups.iter().map(|group| self.walked(group, &values));
        let rest = rest.iter().map(|tree| self.walked(&[*tree], &values));
        groups.chain(rest).fold(self.base, |odds, answer| odds + answer)
    }

    /// The sum of the answers of some trees.
    fn walked<const N: usize>(&self, starts: &[[u8; 4]; N], values: &[f32; ROOM]) -> f32 {
        let mut at = starts.map(|entry| start(entry).0);
        let deepest = starts.iter().map(|entry| start(*entry).1).max().unwrap_or_default();
        for _ in 0..deepest {
            for at in &mut at {
                let Some([feature, steps @ .., _, a, b, c, d]) = self.nodes.get(*at) else { continue };
                let found = values.get(usize::from(*feature) % ROOM).copied().unwrap_or_default();
                // The answer is looked up, not chosen, so that nothing has to be guessed.
                let right = usize::from(found > f32::from_le_bytes([*a, *b, *c, *d]));
                *at += steps.get(right).map_or(0, |step| usize::from(*step));
            }
        }
        at.iter()
            .filter_map(|at| self.nodes.get(*at))
            .map(|[_, _, _, _, value @ ..]| f32::from_le_bytes(*value))
            .sum()
    }
}

/// Most questions of one tree; `None` where a walk would leave it or ask too much.
fn depth(tree: &[Node]) -> Option<usize> {
    // Depth of each node, found before its children, which follow it; nought where nothing leads.
    let mut depths = [0usize; u8::MAX as usize];
    let mut deepest = 0;
    let count = tree.len();
    if count == 0 || count > depths.len() {
        return None;
    }
    for (i, [feature, left, right, _, value @ ..]) in tree.iter().enumerate() {
        let here = *depths.get(i)?;
        deepest = deepest.max(here);
        let (right, value) = (usize::from(*right), f32::from_le_bytes(*value));
        if *feature == LEAF {
            if (*left, right) != (0, 0) || !value.is_finite() {
                return None;
            }
            continue;
        }
        if usize::from(*feature) >= COUNT || *left != 1 || right < 2 || i + right >= count {
            return None;
        }
        for child in [i + 1, i + right] {
            let below = depths.get_mut(child)?;
            *below = (*below).max(here + 1);
        }
    }
    (deepest <= DEEPEST).then_some(deepest)
}
