//! `bots(period, bitmap)`: how many different bots stand in bitmaps.

use datafusion::arrow::array::{ArrayRef, AsArray as _};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int32Type};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use roaring::{RoaringBitmap, RoaringTreemap};
use std::collections::BTreeMap;
use std::sync::Arc;

/// `bots(INT, BYTEA) -> BIGINT`: distinct bots over roll-ups. A bot's number counts within its period alone, as its
/// pseudonym does, so bitmaps of different periods are counted apart. Exact. A bitmap is a Roaring bitmap in the
/// portable format (github.com/RoaringBitmap/RoaringFormatSpec); bytes that are none are an error.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Bots {
    signature: Signature,
}

impl Bots {
    pub(super) fn new() -> Self {
        let kinds = vec![DataType::Int32, DataType::Binary];
        Self { signature: Signature::exact(kinds, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Bots {
    fn name(&self) -> &str {
        "bots"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return exec_err!("bots counts different bots as it is: leave DISTINCT out");
        }
        Ok(Box::new(Union::default()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[union]", args.name), DataType::Binary, true))])
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }
}

/// The union so far, period by period.
#[derive(Debug, Default)]
struct Union {
    periods: BTreeMap<u32, RoaringBitmap>,
}

impl Union {
    fn add(&mut self, period: u32, bitmap: RoaringBitmap) {
        *self.periods.entry(period).or_default() |= bitmap;
    }
}

impl Accumulator for Union {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [periods, bitmaps] = values else {
            return exec_err!("bots wants a period and a bitmap");
        };
        let periods = periods.as_primitive_opt::<Int32Type>();
        let (Some(periods), Some(bitmaps)) = (periods, bitmaps.as_binary_opt::<i32>()) else {
            return exec_err!("bots wants INT and BYTEA");
        };
        for (period, bytes) in periods.iter().zip(bitmaps.iter()) {
            if let (Some(period), Some(bytes)) = (period, bytes) {
                let bitmap = RoaringBitmap::deserialize_from(bytes).map_err(DataFusionError::IoError)?;
                self.add(period.cast_unsigned(), bitmap);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let all: u64 = self.periods.values().map(RoaringBitmap::len).sum();
        Ok(ScalarValue::Int64(Some(i64::try_from(all).unwrap_or(i64::MAX))))
    }

    fn size(&self) -> usize {
        let held: usize = self.periods.values().map(RoaringBitmap::serialized_size).sum();
        size_of::<Self>() + held
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let union = RoaringTreemap::from_bitmaps(std::mem::take(&mut self.periods));
        let mut bytes = Vec::with_capacity(union.serialized_size());
        union.serialize_into(&mut bytes)?;
        Ok(vec![ScalarValue::Binary(Some(bytes))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(states) = states.first().and_then(|s| s.as_binary_opt::<i32>()) else {
            return exec_err!("bots wants the state that it gave");
        };
        for bytes in states.iter().flatten() {
            let union = RoaringTreemap::deserialize_from(bytes)?;
            for (period, bitmap) in union.bitmaps() {
                self.add(period, bitmap.clone());
            }
        }
        Ok(())
    }
}
