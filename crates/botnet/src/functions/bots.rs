//! `bots(period, bitmap)`: how many different bots stand in bitmaps.

use crate::rollup::Union;
use datafusion::arrow::array::{ArrayRef, AsArray as _};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int32Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
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
        Ok(Box::new(Gathered::default()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[union]", args.name), DataType::Binary, true))])
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }
}

/// The union so far.
#[derive(Debug, Default)]
struct Gathered(Union);

impl Accumulator for Gathered {
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
                self.0.add_bytes(period, bytes)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(i64::try_from(self.0.bots()).unwrap_or(i64::MAX))))
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.0.take_bytes()?))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(states) = states.first().and_then(|s| s.as_binary_opt::<i32>()) else {
            return exec_err!("bots wants the state that it gave");
        };
        for bytes in states.iter().flatten() {
            self.0.add_union(bytes)?;
        }
        Ok(())
    }
}
