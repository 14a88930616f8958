//! Counting over roll-ups: by itself, and as what the SQL function `bots` gathers in.

use super::portable::{Container, containers, ends};
use roaring::{RoaringBitmap, RoaringTreemap};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

/// Different bots over any number of bitmaps; those of different periods are counted apart.
#[derive(Debug, Default, Clone)]
pub struct Union {
    periods: BTreeMap<i32, Numbers>,
}

impl Union {
    /// Takes in a bitmap of a period.
    pub fn add(&mut self, period: i32, bitmap: &RoaringBitmap) {
        let of = self.periods.entry(period).or_default();
        bitmap.iter().for_each(|n| of.extend((n >> 16) as u16, 1, std::iter::once(n as u16)));
    }

    /// Takes in a bitmap as it lies in a file: Roaring's portable format.
    ///
    /// # Errors
    /// Where the bytes are no bitmap; some of its numbers may have been taken in then.
    pub fn add_bytes(&mut self, period: i32, bytes: &[u8]) -> io::Result<()> {
        self.periods.entry(period).or_default().read(bytes).map(|_| ()).ok_or_else(none)
    }

    /// Takes in another one as [`Self::take_bytes`] gave it.
    ///
    /// # Errors
    /// Where the bytes are none; some of its numbers may have been taken in then.
    pub fn add_union(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (count, mut rest) = bytes.split_first_chunk::<8>().ok_or_else(none)?;
        for _ in 0..u64::from_le_bytes(*count) {
            let (period, bitmap) = rest.split_first_chunk::<4>().ok_or_else(none)?;
            let of = self.periods.entry(i32::from_le_bytes(*period)).or_default();
            rest = of.read(bitmap).ok_or_else(none)?;
        }
        Ok(())
    }

    /// All of it as bytes, for another worker; nothing is left. Roaring's format of 64 bits, a period above a bot's number.
    ///
    /// # Errors
    /// None with what was added by this type.
    pub fn take_bytes(&mut self) -> io::Result<Vec<u8>> {
        let periods = std::mem::take(&mut self.periods).into_iter();
        let union = RoaringTreemap::from_bitmaps(
            periods.map(|(period, bots)| (period.cast_unsigned(), bots.bitmap())),
        );
        let mut bytes = Vec::with_capacity(union.serialized_size());
        union.serialize_into(&mut bytes)?;
        Ok(bytes)
    }

    /// Bytes that it holds, about.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.periods.values().map(Numbers::size).sum::<usize>()
    }

    /// How many different bots.
    pub fn bots(&self) -> u64 {
        self.periods.values().map(Numbers::len).sum()
    }

    /// How many bots stand in both.
    pub fn common(&self, other: &Self) -> u64 {
        let of = |(period, mine): (&i32, &Numbers)| other.periods.get(period).map_or(0, |o| mine.common(o));
        self.periods.iter().map(of).sum()
    }
}

fn none() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the bytes are no Roaring bitmap")
}

/// Most numbers that are held in one list.
const FEW: usize = 1_024;
/// Most numbers of a part that are listed before its bits take their place.
const LISTED: usize = 4_096;

/// Numbers, gathered without looking whether they are there already.
#[derive(Debug, Default, Clone)]
struct Numbers {
    /// All of them, while they are few: in any order, some more than once.
    few: Vec<u32>,
    /// By their upper half, once they are many.
    parts: Vec<Part>,
}

/// Numbers with one upper half.
#[derive(Debug, Clone)]
enum Part {
    /// In any order, some more than once.
    List(Vec<u16>),
    Bits(Box<[u64; 1_024]>),
}

impl Numbers {
    fn read<'a>(&mut self, bitmap: &'a [u8]) -> Option<&'a [u8]> {
        if self.few.capacity() == 0 && self.parts.is_empty() {
            // Two bytes a number, where it is listed.
            self.few.reserve((bitmap.len() / 2).min(FEW));
        }
        containers(bitmap, &mut |key, container| match container {
            Container::List(list) => {
                self.extend(key, list.len(), list.iter().map(|low| u16::from_le_bytes(*low)));
            }
            Container::Bits(words) => {
                for (mine, word) in self.part(key).bits().iter_mut().zip(words) {
                    *mine |= u64::from_le_bytes(*word);
                }
            }
            Container::Runs(runs) => {
                for (first, last) in runs.iter().map(|run| ends(*run)) {
                    let count = (last - first) as usize + 1;
                    self.extend(key, count, (first..=last).map(|low| low as u16));
                }
            }
        })
    }

    fn extend(&mut self, key: u16, count: usize, lows: impl Iterator<Item = u16>) {
        if self.parts.is_empty() && self.few.len() + count <= FEW {
            self.few.extend(lows.map(|low| u32::from(key) << 16 | u32::from(low)));
        } else {
            self.part(key).extend(count, lows);
        }
    }

    /// The part of an upper half; from now on there are parts.
    fn part(&mut self, key: u16) -> &mut Part {
        let few = std::mem::take(&mut self.few);
        few.iter().for_each(|n| self.part((n >> 16) as u16).extend(1, std::iter::once(*n as u16)));
        let at = usize::from(key);
        if self.parts.len() <= at {
            self.parts.resize_with(at + 1, Part::default);
        }
        #[expect(clippy::indexing_slicing, reason = "there are more parts than that since the line above")]
        &mut self.parts[at]
    }

    fn len(&self) -> u64 {
        (in_order(&self.few).len() as u64) + self.parts.iter().map(Part::len).sum::<u64>()
    }

    fn common(&self, other: &Self) -> u64 {
        if self.parts.is_empty() || other.parts.is_empty() {
            return self.clone().bitmap().intersection_len(&other.clone().bitmap());
        }
        self.parts.iter().zip(&other.parts).map(|(a, b)| a.common(b)).sum()
    }

    fn bitmap(self) -> RoaringBitmap {
        let mut bitmap =
            RoaringBitmap::from_sorted_iter(in_order(&self.few).iter().copied()).unwrap_or_default();
        for (high, part) in (0u32..).zip(&self.parts) {
            bitmap |= part.bitmap(high << 16);
        }
        bitmap
    }

    fn size(&self) -> usize {
        size_of_val(self.few.as_slice()) + self.parts.iter().map(Part::size).sum::<usize>()
    }
}

impl Default for Part {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Part {
    fn extend(&mut self, count: usize, lows: impl Iterator<Item = u16>) {
        match self {
            Self::List(list) if list.len() + count <= LISTED => list.extend(lows),
            _ => set(self.bits(), lows),
        }
    }

    fn bits(&mut self) -> &mut [u64; 1_024] {
        loop {
            match self {
                Self::Bits(bits) => return bits,
                Self::List(list) => {
                    let mut bits = Box::new([0; 1_024]);
                    set(&mut bits, list.iter().copied());
                    *self = Self::Bits(bits);
                }
            }
        }
    }

    fn len(&self) -> u64 {
        match self {
            Self::List(list) => in_order(list).len() as u64,
            Self::Bits(bits) => bits.iter().map(|w| u64::from(w.count_ones())).sum(),
        }
    }

    fn common(&self, other: &Self) -> u64 {
        match (self, other) {
            (Self::Bits(a), Self::Bits(b)) => {
                a.iter().zip(b.iter()).map(|(a, b)| u64::from((a & b).count_ones())).sum()
            }
            (Self::List(list), Self::Bits(bits)) | (Self::Bits(bits), Self::List(list)) => {
                let there = |low: &&u16| {
                    bits.get(usize::from(**low) / 64).is_some_and(|word| word >> (*low % 64) & 1 == 1)
                };
                in_order(list).iter().filter(there).count() as u64
            }
            (Self::List(_), Self::List(_)) => self.bitmap(0).intersection_len(&other.bitmap(0)),
        }
    }

    fn bitmap(&self, high: u32) -> RoaringBitmap {
        match self {
            Self::List(list) => {
                let numbers = in_order(list);
                RoaringBitmap::from_sorted_iter(numbers.iter().map(|low| high | u32::from(*low)))
                    .unwrap_or_default()
            }
            Self::Bits(bits) => {
                let bytes: Vec<u8> = bits.iter().flat_map(|w| w.to_le_bytes()).collect();
                RoaringBitmap::from_lsb0_bytes(high, &bytes)
            }
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::List(list) => size_of::<Self>() + size_of_val(list.as_slice()),
            Self::Bits(bits) => size_of::<Self>() + size_of_val(bits.as_slice()),
        }
    }
}

fn set(bits: &mut [u64; 1_024], lows: impl Iterator<Item = u16>) {
    for low in lows {
        if let Some(word) = bits.get_mut(usize::from(low) / 64) {
            *word |= 1 << (low % 64);
        }
    }
}

/// In order and each once; as they lie where they lie so.
fn in_order<T: Ord + Copy>(numbers: &[T]) -> Cow<'_, [T]> {
    if numbers.is_sorted_by(|a, b| a < b) {
        return Cow::Borrowed(numbers);
    }
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    Cow::Owned(sorted)
}
