//! Counting over roll-ups without SQL.

use roaring::RoaringBitmap;
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

    /// How many different bots.
    pub fn bots(&self) -> u64 {
        self.periods.values().map(RoaringBitmap::len).sum()
    }
}
