//! Counting over roll-ups: by itself, and as what the SQL function `bots` gathers in.

use roaring::{RoaringBitmap, RoaringTreemap};
use std::collections::BTreeMap;
use std::io;

/// Different bots over any number of bitmaps; those of different periods are counted apart.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Union {
    periods: BTreeMap<i32, RoaringBitmap>,
}

impl Union {
    /// Takes in a bitmap of a period.
    pub fn add(&mut self, period: i32, bitmap: &RoaringBitmap) {
        *self.periods.entry(period).or_default() |= bitmap;
    }

    /// Takes in a bitmap as it lies in a file: Roaring's portable format.
    ///
    /// # Errors
    /// Where the bytes are no bitmap.
    pub fn add_bytes(&mut self, period: i32, bytes: &[u8]) -> io::Result<()> {
        let bitmap = RoaringBitmap::deserialize_from(bytes)?;
        *self.periods.entry(period).or_default() |= bitmap;
        Ok(())
    }

    /// Takes in another one as [`Self::take_bytes`] gave it.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn add_union(&mut self, bytes: &[u8]) -> io::Result<()> {
        for (period, bitmap) in RoaringTreemap::deserialize_from(bytes)?.bitmaps() {
            self.add(period.cast_signed(), bitmap);
        }
        Ok(())
    }

    /// All of it as bytes, for another worker; nothing is left. Roaring's format of 64 bits, a period above a bot's number.
    ///
    /// # Errors
    /// None with what was added by this type.
    pub fn take_bytes(&mut self) -> io::Result<Vec<u8>> {
        let periods = std::mem::take(&mut self.periods).into_iter();
        let union =
            RoaringTreemap::from_bitmaps(periods.map(|(period, bots)| (period.cast_unsigned(), bots)));
        let mut bytes = Vec::with_capacity(union.serialized_size());
        union.serialize_into(&mut bytes)?;
        Ok(bytes)
    }

    /// Bytes that it holds, about.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.periods.values().map(RoaringBitmap::serialized_size).sum::<usize>()
    }

    /// How many different bots.
    pub fn bots(&self) -> u64 {
        self.periods.values().map(RoaringBitmap::len).sum()
    }
}
