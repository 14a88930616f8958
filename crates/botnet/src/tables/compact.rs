//! Small files of one table put together into one, sorted by time.

use super::{File, ROWS_PER_GROUP, Table, TableError, opened, strange};
use datafusion::arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{concat_batches, filter_record_batch, sort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use std::collections::BTreeSet;
use terms::ExhibitId;

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
        let time = all.columns().first().ok_or_else(strange)?;
        let all = take_record_batch(&all, &sort_to_indices(time, None, None)?)?;
        let times =
            all.columns().first().and_then(|c| c.as_primitive_opt::<Int64Type>()).ok_or_else(strange)?;
        let values = times.values();
        let (Some(first), Some(last)) = (values.first(), values.last()) else { return Ok(None) };
        let properties =
            WriterProperties::builder().set_max_row_group_row_count(Some(ROWS_PER_GROUP)).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
        writer.write(&all)?;
        let bytes = writer.into_inner()?;
        Ok(Some(File { table: self.table, rows: all.num_rows() as u64, first: *first, last: *last, bytes }))
    }
}
