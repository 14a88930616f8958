//! `utc_day(time)`: the day of a time.

use datafusion::arrow::array::{Array as _, AsArray as _, Int64Array};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use std::sync::Arc;
use terms::MICROS_PER_DAY;

/// `utc_day(BIGINT) -> BIGINT`: microseconds UTC since 1970 to days since 1970, rounded down, also before 1970.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct UtcDay {
    signature: Signature,
}

impl UtcDay {
    pub(super) fn new() -> Self {
        Self { signature: Signature::exact(vec![DataType::Int64], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for UtcDay {
    fn name(&self) -> &str {
        "utc_day"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.as_slice() {
            [ColumnarValue::Scalar(ScalarValue::Int64(time))] => {
                Ok(ColumnarValue::Scalar(ScalarValue::Int64(time.map(|t| t.div_euclid(MICROS_PER_DAY)))))
            }
            [ColumnarValue::Array(times)] => {
                let Some(times) = times.as_primitive_opt::<Int64Type>() else {
                    return exec_err!("utc_day wants BIGINT, not {}", times.data_type());
                };
                let days: Int64Array = times.unary(|t: i64| t.div_euclid(MICROS_PER_DAY));
                Ok(ColumnarValue::Array(Arc::new(days)))
            }
            other => exec_err!("utc_day wants one BIGINT, not {} values", other.len()),
        }
    }
}
