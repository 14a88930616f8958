//! Small files of one table put together into one, sorted as each of them is.

use super::{File, ROWS_PER_GROUP, Table, TableError, opened, strange};
use datafusion::arrow::array::{ArrayRef, AsArray as _, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{
    SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, sort_to_indices, take_record_batch,
};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use std::collections::BTreeSet;
use std::sync::Arc;
use terms::{ExhibitId, MICROS_PER_DAY};

/// Rows of several files of one table.
#[derive(Debug)]
pub struct Compactor {
    table: Table,
    batches: Vec<RecordBatch>,
}

impl Compactor {
    /// Nothing yet.
    pub fn new(table: Table) -> Self {
        Self { table, batches: Vec::new() }
    }

    /// Takes in the rows of a file, without those of some exhibits. Held in memory until [`Self::finish`].
    ///
    /// # Errors
    /// CMT-0631 for what is no Parquet, CMT-0630 for another table, or a table without exhibits (roll-ups).
    pub fn take(&mut self, file: Vec<u8>, without: &BTreeSet<ExhibitId>) -> Result<(), TableError> {
        let without: BTreeSet<String> = without.iter().map(ToString::to_string).collect();
        for batch in opened(file)?.build()? {
            let batch = batch?;
            let exhibits = batch.column_by_name("exhibit").and_then(|c| c.as_string_opt::<i32>());
            let stays: BooleanArray = (exhibits.ok_or_else(strange)?.iter())
                .map(|exhibit| Some(exhibit.is_none_or(|e| !without.contains(e))))
                .collect();
            self.batches.push(filter_record_batch(&batch, &stays)?);
        }
        Ok(())
    }

    /// The file; none where there are no rows.
    ///
    /// # Errors
    /// CMT-0630 where the files' columns differ.
    pub fn finish(self) -> Result<Option<File>, TableError> {
        let Some(first) = self.batches.first() else { return Ok(None) };
        let schema = first.schema();
        // Columns are put together by place: of another version of the table they would be mixed up.
        if self.batches.iter().any(|b| b.schema().fields() != schema.fields()) {
            return Err(strange());
        }
        let all = concat_batches(&schema, &self.batches)?;
        let all = take_record_batch(&all, &order(&all)?)?;
        let times = times(&all)?.values();
        let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return Ok(None) };
        let properties =
            WriterProperties::builder().set_max_row_group_row_count(Some(ROWS_PER_GROUP)).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
        writer.write(&all)?;
        let bytes = writer.into_inner()?;
        Ok(Some(File { table: self.table, rows: all.num_rows() as u64, first: *first, last: *last, bytes }))
    }
}

fn times(rows: &RecordBatch) -> Result<&Int64Array, TableError> {
    rows.columns().first().and_then(|c| c.as_primitive_opt::<Int64Type>()).ok_or_else(strange)
}

/// The order in which rows lie in a file: by time, and where they have a place by day, place and time.
fn order(rows: &RecordBatch) -> Result<UInt32Array, TableError> {
    let time = times(rows)?;
    let Some(place) = rows.column_by_name("place") else {
        return Ok(sort_to_indices(time, None, None)?);
    };
    let days: ArrayRef = Arc::new(time.unary::<_, Int64Type>(|t| t.div_euclid(MICROS_PER_DAY)));
    let columns = [days, Arc::clone(place), Arc::new(time.clone())];
    let columns = columns.map(|values| SortColumn { values, options: None });
    Ok(lexsort_to_indices(&columns, None)?)
}
