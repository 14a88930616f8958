//! Daily roll-ups: which bots called a channel from a country on a day, as compressed bitmaps.
//!
//! A bot is a number in a bitmap, given in the order in which bots are met, anew in each pseudonym period (calendar
//! month), because a bot's pseudonym is another one in each: [`Table::BotNumbers`] keeps them. So bots of any range of days,
//! channels and countries are counted by union, exactly as a scan of the sightings counts them. A day's rows may lie in
//! several files; a union does not mind.
//!
//! Here: numbering, gathering, the files. Elsewhere: which sightings are rolled up already (the node), counting in SQL
//! (`bots(period, bots)` in `functions`), counting without it ([`Union`]).
//! Memory: about 60 bytes a bot of the periods in hand, the bitmaps of their days, and a million rows of 8 bytes each.

use crate::generated::Date;
use crate::tables::{File, Table, TableError, file_with, opened, strange};
use datafusion::arrow::array::{ArrayRef, AsArray as _, BinaryArray, Int32Array, Int64Array};
use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Int32Type, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::file::metadata::KeyValue;
use datafusion::parquet::file::properties::WriterProperties;
use std::sync::Arc;
use terms::{Day, MICROS_PER_DAY};

mod gather;
mod portable;
mod union;

pub use gather::{Bot, Gathered, Gatherer, Named, Row};
pub use union::Union;

/// Under which key a file of `sighting_days` says which files it covers: a JSON list.
const COVERS: &str = "comity.covers";
/// Rows of one row group of `sighting_days`: a group is read whole, and a bitmap may be large.
const DAYS_PER_GROUP: usize = 2_000;

/// The pseudonym period of a time: 100 × year + month, UTC.
pub fn period(micros: i64) -> i32 {
    // Every count of microseconds is a day of 32 bits, and its year has six digits at most.
    let date = Date::of(Day(micros.div_euclid(MICROS_PER_DAY) as i32));
    (date.year * 100 + i64::from(date.month)) as i32
}

/// Makes roll-up files of batches of sightings.
#[derive(Debug, Default)]
pub struct Builder {
    gatherer: Gatherer,
    /// The only period taken in; all of them where there is none.
    only: Option<i32>,
    /// Names of the files of sightings that were taken in.
    covers: Vec<String>,
}

impl Builder {
    /// Takes in sightings of one period alone.
    pub fn of(period: i32) -> Self {
        Self { only: Some(period), ..Self::default() }
    }

    /// Takes in a whole file of [`Table::BotNumbers`]. To be called before any sightings.
    ///
    /// # Errors
    /// CMT-0631 for what is no Parquet, CMT-0630 for another table.
    pub fn known_file(&mut self, bytes: Vec<u8>) -> Result<(), TableError> {
        batches(bytes, Table::BotNumbers, &mut |batch| self.known(batch))
    }

    /// Takes in a whole file of [`Table::Sightings`], which the roll-up then covers under this name.
    ///
    /// # Errors
    /// As [`Self::known_file`].
    pub fn sightings_file(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), TableError> {
        self.covers.push(name.to_owned());
        batches(bytes, Table::Sightings, &mut |batch| self.sightings(batch))
    }

    /// Takes in numbers that bots have already, a batch of [`Table::BotNumbers`]. To be called before any sightings.
    ///
    /// # Errors
    /// CMT-0630 for a batch of another table.
    pub fn known(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        let periods = column(batch, "period")?.as_primitive_opt::<Int32Type>().ok_or_else(strange)?;
        let numbers = column(batch, "number")?.as_primitive_opt::<Int64Type>().ok_or_else(strange)?;
        let bots = column(batch, "bot")?.as_string_opt::<i32>().ok_or_else(strange)?;
        for ((period, number), bot) in periods.iter().zip(numbers).zip(bots) {
            let (Some(period), Some(number), Some(bot)) = (period, number, bot) else {
                return Err(strange());
            };
            let number = u32::try_from(number).map_err(|_| strange())?;
            self.gatherer.known(period, number, bot).ok_or_else(strange)?;
        }
        Ok(())
    }

    /// Takes in a batch of [`Table::Sightings`]; more columns than `event`, `bot`, `channel`, `place` are passed over.
    ///
    /// # Errors
    /// CMT-0630 for a batch of another table, or where a period has more bots than there are numbers.
    pub fn sightings(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        let events = column(batch, "event")?.as_primitive_opt::<Int64Type>().ok_or_else(strange)?;
        let bots = column(batch, "bot")?.as_string_opt::<i32>().ok_or_else(strange)?;
        let channels = column(batch, "channel")?.as_string_opt::<i32>().ok_or_else(strange)?;
        let places = column(batch, "place")?.as_string_opt::<i32>().ok_or_else(strange)?;
        for (((event, bot), channel), place) in events.iter().zip(bots).zip(channels).zip(places) {
            let (Some(event), Some(bot), Some(channel), Some(place)) = (event, bot, channel, place) else {
                return Err(strange());
            };
            let of = period(event);
            if self.only.is_none_or(|only| only == of) {
                let row = Row { period: of, day: event.div_euclid(MICROS_PER_DAY), bot, channel, place };
                self.gatherer.push(&row).ok_or_else(strange)?;
            }
        }
        Ok(())
    }

    /// The files: days first, then the numbers that are new; none for no sightings.
    ///
    /// # Errors
    /// When the rows make no file.
    pub fn finish(self) -> Result<Vec<File>, TableError> {
        let (days, numbers) = self.gatherer.finish().ok_or_else(strange)?;
        let mut files = Vec::new();
        if !days.is_empty() {
            files.push(days_file(&days, &self.covers)?);
        }
        if !numbers.is_empty() {
            files.push(numbers_file(&numbers)?);
        }
        Ok(files)
    }
}

/// Roll-ups of whole files in memory, with the numbers of `known`.
///
/// # Errors
/// As [`Builder::known_file`].
pub fn of_files(sightings: &[File], known: &[File]) -> Result<Vec<File>, TableError> {
    let mut builder = Builder::default();
    for file in known {
        builder.known_file(file.bytes.clone())?;
    }
    for (i, file) in sightings.iter().enumerate() {
        builder.sightings_file(&i.to_string(), file.bytes.clone())?;
    }
    builder.finish()
}

/// Which files of sightings a file of [`Table::SightingDays`] covers, as it says itself.
///
/// # Errors
/// CMT-0631 for what is no Parquet, CMT-0630 where it does not say.
pub fn covered(bytes: Vec<u8>) -> Result<Vec<String>, TableError> {
    let said = opened(bytes)?;
    let pairs = said.metadata().file_metadata().key_value_metadata();
    let text = pairs.into_iter().flatten().find(|p| p.key == COVERS).and_then(|p| p.value.as_deref());
    text.and_then(|t| serde_json::from_str(t).ok()).ok_or_else(strange)
}

fn batches(
    bytes: Vec<u8>,
    table: Table,
    take: &mut dyn FnMut(&RecordBatch) -> Result<(), TableError>,
) -> Result<(), TableError> {
    let builder = opened(bytes)?;
    let wanted: Vec<&str> = match table {
        Table::Sightings => vec!["event", "bot", "channel", "place"],
        _ => vec!["period", "number", "bot"],
    };
    let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
    for batch in builder.with_projection(mask).build()? {
        take(&batch?)?;
    }
    Ok(())
}

fn days_file(rows: &[Gathered], covers: &[String]) -> Result<File, TableError> {
    let bitmap = |g: &Gathered| {
        let mut bytes = Vec::with_capacity(g.bots.serialized_size());
        g.bots.serialize_into(&mut bytes).map_err(|e| TableError::Columns(ArrowError::from(e)))?;
        Ok::<_, TableError>(bytes)
    };
    let bitmaps = rows.iter().map(bitmap).collect::<Result<Vec<_>, _>>()?;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|g| g.period))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|g| g.day))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|g| g.channel.as_str()))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|g| g.place.as_str()))),
        Arc::new(BinaryArray::from_iter_values(&bitmaps)),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|g| g.sightings.cast_signed()))),
    ];
    let start = |day: i64| day.saturating_mul(MICROS_PER_DAY);
    let days = || rows.iter().map(|g| g.day);
    let first = days().min().map_or(0, start);
    let last = days().max().map_or(0, |d| start(d).saturating_add(MICROS_PER_DAY - 1));
    let covers = serde_json::to_string(covers).map_err(|e| ArrowError::JsonError(e.to_string()))?;
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(DAYS_PER_GROUP))
        .set_key_value_metadata(Some(vec![KeyValue::new(COVERS.to_owned(), covers)]))
        .build();
    file_with(Table::SightingDays, columns, (first, last), properties)
}

fn numbers_file(rows: &[Named]) -> Result<File, TableError> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|n| n.period))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|n| i64::from(n.number)))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|n| n.bot.to_string()))),
    ];
    let properties = WriterProperties::builder().build();
    file_with(Table::BotNumbers, columns, (0, 0), properties)
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, TableError> {
    batch.column_by_name(name).ok_or_else(strange)
}
