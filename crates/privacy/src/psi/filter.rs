//! The holder's set as the asker gets it: a binary fuse filter (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller
//! Than Xor Filters", 2022) over pseudorandom values.
//!
//! Two filters, one of 32 and one of 8 bits a value, under independent halves of it: about 5.7 bytes an item, nothing is
//! ever missed, and a value that is not there is taken for one with probability 2⁻⁴⁰ each. Of a million questions
//! one in a million sessions has a false match.
//! Building is `xorf`'s; reading is ours, because the bytes are a stranger's and every index must be checked.
//! Bounds: as many fingerprints as `xorf` makes for the declared number of items, and not one more.

use super::{MOST_ITEMS, PsiError};
use xorf::{BinaryFuse8, BinaryFuse32, DmaSerializable};

/// Bytes of a value that are looked at; the rest of a 64-byte output is not used.
pub const VALUE: usize = 16;
const DESCRIPTOR: usize = 20;

/// A value: two keys of 64 bits.
type Value = (u64, u64);

/// The two keys of an output.
pub(crate) fn value(output: &[u8]) -> Option<Value> {
    let (first, rest) = output.split_first_chunk::<8>()?;
    let (second, _) = rest.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*first), u64::from_le_bytes(*second)))
}

/// A set of values that can be asked for membership and not listed.
#[derive(Clone, PartialEq, Eq)]
pub struct Filter {
    items: u32,
    wide: Part<u32>,
    narrow: Part<u8>,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filter of {}", self.items)
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Part<T> {
    shape: Shape,
    fingerprints: Vec<T>,
}

/// How a filter finds its three places.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    seed: u64,
    segment: u32,
    reach: u32,
}

impl Filter {
    /// The filter over the outputs of distinct items.
    ///
    /// # Errors
    /// CMT-1232 for none or too many, CMT-1236 where values repeat (a chance of 2⁻²⁰ and less: draw another key).
    pub fn build<'o>(outputs: impl Iterator<Item = &'o [u8]>) -> Result<Self, PsiError> {
        let values: Vec<Value> = outputs.filter_map(value).collect();
        let size = values.len();
        let items = bounded(size)?;
        let first = distinct(values.iter().map(|v| v.0).collect())?;
        let second = distinct(values.iter().map(|v| v.1).collect())?;
        let wide = BinaryFuse32::try_from(&first).map_err(|_| PsiError::Filter)?;
        let narrow = BinaryFuse8::try_from(&second).map_err(|_| PsiError::Filter)?;
        Ok(Self {
            items,
            wide: Part { shape: Shape::of(&wide)?, fingerprints: wide.fingerprints.into_vec() },
            narrow: Part { shape: Shape::of(&narrow)?, fingerprints: narrow.fingerprints.into_vec() },
        })
    }

    /// How many items it was made of.
    pub fn items(&self) -> usize {
        self.items as usize
    }

    /// Whether an output is among them; wrongly so with probability 2⁻⁴⁰.
    pub fn contains(&self, output: &[u8]) -> bool {
        value(output).is_some_and(|(first, second)| {
            let wide = |i: usize| self.wide.fingerprints.get(i).copied();
            let narrow = |i: usize| self.narrow.fingerprints.get(i).map(|f| u32::from(*f));
            self.wide.shape.holds(first, u32::MAX, wide)
                && self.narrow.shape.holds(second, u32::from(u8::MAX), narrow)
        })
    }

    /// Its bytes: number of items, both shapes, both lists of fingerprints; little-endian.
    pub fn bytes(&self) -> Vec<u8> {
        let (wide, narrow) = (&self.wide, &self.narrow);
        let mut out = Vec::with_capacity(12 + 2 * DESCRIPTOR + wide.fingerprints.len() * 5);
        out.extend(self.items.to_le_bytes());
        for (shape, length) in
            [(wide.shape, wide.fingerprints.len()), (narrow.shape, narrow.fingerprints.len())]
        {
            out.extend(shape.seed.to_le_bytes());
            out.extend(shape.segment.to_le_bytes());
            out.extend(shape.reach.to_le_bytes());
            out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        wide.fingerprints.iter().for_each(|f| out.extend(f.to_le_bytes()));
        out.extend(&narrow.fingerprints);
        out
    }

    /// Reads what [`Self::bytes`] wrote.
    ///
    /// # Errors
    /// CMT-1231 for anything else, CMT-1232 for a number of items out of bounds.
    pub fn read(bytes: &[u8]) -> Result<Self, PsiError> {
        let broken = |why| PsiError::Message { why };
        let mut rest = bytes;
        let items = u32_of(&mut rest).ok_or(broken("the filter does not begin"))?;
        bounded(items as usize)?;
        let (wide, wide_length) = Shape::read(&mut rest, items)?;
        let (narrow, narrow_length) = Shape::read(&mut rest, items)?;
        let (first, second) =
            rest.split_at_checked(wide_length * 4).ok_or(broken("the filter is cut short"))?;
        if second.len() != narrow_length {
            return Err(broken("the filter has another length than it says"));
        }
        let (four, _) = first.as_chunks::<4>();
        Ok(Self {
            items,
            wide: Part { shape: wide, fingerprints: four.iter().map(|b| u32::from_le_bytes(*b)).collect() },
            narrow: Part { shape: narrow, fingerprints: second.to_vec() },
        })
    }
}

impl Shape {
    fn of(filter: &impl DmaSerializable) -> Result<Self, PsiError> {
        let mut bytes = [0u8; DESCRIPTOR];
        filter.dma_copy_descriptor_to(&mut bytes);
        let mut rest = bytes.as_slice();
        let read = (u64_of(&mut rest), u32_of(&mut rest), u32_of(&mut rest), u32_of(&mut rest));
        let (Some(seed), Some(segment), Some(_mask), Some(reach)) = read else {
            return Err(PsiError::Filter);
        };
        Ok(Self { seed, segment, reach })
    }

    /// Shape and number of fingerprints. Segments are powers of two, their number and the list's length fit together, and
    /// the list is no longer than the items need.
    fn read(rest: &mut &[u8], items: u32) -> Result<(Self, usize), PsiError> {
        let broken = |why| PsiError::Message { why };
        let read = (u64_of(rest), u32_of(rest), u32_of(rest), u32_of(rest));
        let (Some(seed), Some(segment), Some(reach), Some(length)) = read else {
            return Err(broken("the filter is cut short"));
        };
        let sound = segment.is_power_of_two()
            && segment <= 1 << 18
            && reach > 0
            && reach.is_multiple_of(segment)
            && u64::from(length) == u64::from(reach) + 2 * u64::from(segment)
            && u64::from(length) <= 4 * u64::from(items) + 4096;
        if !sound {
            return Err(broken("the filter has an impossible shape"));
        }
        Ok((Self { seed, segment, reach }, length as usize))
    }

    /// Whether the three fingerprints of a key add up to its own, in the bits of `mask`.
    fn holds(&self, key: u64, mask: u32, at: impl Fn(usize) -> Option<u32>) -> bool {
        let hash = mixed(key.wrapping_add(self.seed));
        let own = (hash ^ (hash >> 32)) as u32;
        let first = ((u128::from(hash) * u128::from(self.reach)) >> 64) as u32;
        let within = self.segment - 1;
        let second = (first + self.segment) ^ ((hash >> 18) as u32 & within);
        let third = (first + 2 * self.segment) ^ (hash as u32 & within);
        let mut found = [first, second, third].into_iter().map(|i| at(i as usize));
        // A place outside the list is in no sound filter: what it would hold is not there.
        found.try_fold(own, |sum, f| Some(sum ^ f?)).is_some_and(|sum| sum & mask == 0)
    }
}

/// MurmurHash3's 64-bit finaliser (A. Appleby, public domain), as the filter's builder uses it.
fn mixed(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

fn bounded(size: usize) -> Result<u32, PsiError> {
    let fits = (1..=MOST_ITEMS).contains(&size);
    u32::try_from(size).ok().filter(|_| fits).ok_or(PsiError::Size { size, most: MOST_ITEMS })
}

/// The keys sorted; repeated ones would keep the builder searching.
fn distinct(mut keys: Vec<u64>) -> Result<Vec<u64>, PsiError> {
    keys.sort_unstable();
    if keys.is_sorted_by(|a, b| a < b) { Ok(keys) } else { Err(PsiError::Filter) }
}

fn u64_of(rest: &mut &[u8]) -> Option<u64> {
    let (head, tail) = rest.split_first_chunk::<8>()?;
    *rest = tail;
    Some(u64::from_le_bytes(*head))
}

fn u32_of(rest: &mut &[u8]) -> Option<u32> {
    let (head, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    Some(u32::from_le_bytes(*head))
}
