//! Telemetry tables: their Arrow schemas and immutable Parquet files of them.
//!
//! Every column is described in `docs/telemetry.md`, and a test holds that page to the schemas here.
//! A file holds at most [`ROWS_PER_FILE`] rows of one table ([`WEB_ROWS_PER_FILE`] of `http` and `tls`), sorted by time,
//! in row groups of [`ROWS_PER_GROUP`], so that a question about a week reads that week only. Sightings are sorted by day,
//! then place, then time: victims are told place by place, and a question about one place passes over the others' pages.
//! Files are written once, under new names; which of them count is said by the state store's manifest.
//! Times are INT64 microseconds UTC, text is UTF8, exhibits are 64 hexadecimal digits.

mod compact;
mod web;

pub use compact::Compactor;

use crate::prepare::{Prepared, PreparedDns, PreparedFlow, PreparedHttp, PreparedSighting, PreparedTls};
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, StringBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::file::reader::ChunkReader;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload, path::Path};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use terms::{ExhibitId, MICROS_PER_DAY};

/// Most rows of one file.
pub const ROWS_PER_FILE: usize = 250_000;
/// Most rows of one file of `http` or `tls`, whose rows may hold thousands of bytes of text each.
pub const WEB_ROWS_PER_FILE: usize = 50_000;
/// Rows of one row group.
pub const ROWS_PER_GROUP: usize = 50_000;

/// A telemetry table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Table {
    /// Who called whom.
    Flows,
    /// Who asked for which name.
    Dns,
    /// Bots on channels.
    Sightings,
    /// Who asked for which page.
    Http,
    /// Who spoke TLS with whom, and certificates.
    Tls,
    /// Roll-ups: which bots called a channel from a country on a day.
    SightingDays,
    /// The numbers that bots have in roll-ups.
    BotNumbers,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 7] = [
        Self::Flows,
        Self::Dns,
        Self::Sightings,
        Self::Http,
        Self::Tls,
        Self::SightingDays,
        Self::BotNumbers,
    ];

    /// The name in SQL and in paths.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Dns => "dns",
            Self::Sightings => "sightings",
            Self::Http => "http",
            Self::Tls => "tls",
            Self::SightingDays => "sighting_days",
            Self::BotNumbers => "bot_numbers",
        }
    }

    /// The table's columns.
    pub fn schema(self) -> SchemaRef {
        use DataType::{Boolean, Int32, Int64, Utf8};
        let columns: &[(&str, DataType, bool)] = match self {
            Self::Flows => &[
                ("ts", Int64, false),
                ("source", Utf8, false),
                ("source_personal", Boolean, false),
                ("source_place", Utf8, false),
                ("source_network", Int64, false),
                ("remote", Utf8, false),
                ("remote_personal", Boolean, false),
                ("remote_port", Int32, false),
                ("transport", Utf8, false),
                ("service", Utf8, true),
                ("duration_us", Int64, true),
                ("sent", Int64, false),
                ("received", Int64, false),
                ("state", Utf8, true),
                ("exhibit", Utf8, false),
            ],
            Self::Dns => &[
                ("ts", Int64, false),
                ("client", Utf8, true),
                ("client_personal", Boolean, false),
                ("server", Utf8, true),
                ("query", Utf8, false),
                ("qtype", Utf8, true),
                ("rcode", Utf8, true),
                ("answers", Utf8, false),
                ("exhibit", Utf8, false),
            ],
            Self::Sightings => &[
                ("event", Int64, false),
                ("observed", Int64, false),
                ("ingested", Int64, false),
                ("bot", Utf8, false),
                ("source", Utf8, false),
                ("botnet", Utf8, true),
                ("channel", Utf8, false),
                ("network", Int64, false),
                ("place", Utf8, false),
                ("exhibit", Utf8, false),
            ],
            Self::Http => web::HTTP,
            Self::Tls => web::TLS,
            Self::SightingDays => &[
                ("period", Int32, false),
                ("day", Int64, false),
                ("channel", Utf8, false),
                ("place", Utf8, false),
                ("bots", DataType::Binary, false),
                ("sightings", Int64, false),
            ],
            Self::BotNumbers => &[("period", Int32, false), ("number", Int64, false), ("bot", Utf8, false)],
        };
        let field = |(name, kind, null): &(&str, DataType, bool)| Field::new(*name, kind.clone(), *null);
        Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
    }
}

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum TableError {
    /// Columns do not make a batch.
    #[error("rows of table cannot be put into columns: {0}")]
    #[diagnostic(code("CMT-0630"), help("this is a fault of the program: report it with `comity doctor`"))]
    Columns(#[from] ArrowError),
    /// Columns do not make a file.
    #[error("columns cannot be put into a Parquet file: {0}")]
    #[diagnostic(code("CMT-0631"), help("this is a fault of the program: report it with `comity doctor`"))]
    Parquet(#[from] ParquetError),
    /// The store does not take the file, or has one of that name.
    #[error("the telemetry store does not take the file: {0}")]
    #[diagnostic(
        code("CMT-0632"),
        help("check free space and rights of the home's `telemetry`, then ingest again")
    )]
    Store(#[from] object_store::Error),
}

/// One finished file.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// The table it belongs to.
    pub table: Table,
    /// How many rows it holds.
    pub rows: u64,
    /// First time in it, microseconds UTC.
    pub first: i64,
    /// Last time in it.
    pub last: i64,
    /// The file's bytes.
    pub bytes: Vec<u8>,
}

/// Gathers prepared rows and gives a file whenever one is full. Holds at most one file's rows of each table.
#[derive(Debug, Default)]
pub struct Files {
    flows: Vec<PreparedFlow>,
    dns: Vec<PreparedDns>,
    sightings: Vec<PreparedSighting>,
    http: Vec<PreparedHttp>,
    tls: Vec<PreparedTls>,
}

impl Files {
    /// Nothing gathered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a row in; gives a file when that made one full.
    ///
    /// # Errors
    /// When the rows make no file.
    pub fn push(&mut self, row: Prepared) -> Result<Option<File>, TableError> {
        match row {
            Prepared::Flow(row) => {
                self.flows.push(row);
                full(&mut self.flows, ROWS_PER_FILE, flows)
            }
            Prepared::Dns(row) => {
                self.dns.push(row);
                full(&mut self.dns, ROWS_PER_FILE, dns)
            }
            Prepared::Sighting(row) => {
                self.sightings.push(row);
                full(&mut self.sightings, ROWS_PER_FILE, sightings)
            }
            Prepared::Http(row) => {
                self.http.push(*row);
                full(&mut self.http, WEB_ROWS_PER_FILE, web::http)
            }
            Prepared::Tls(row) => {
                self.tls.push(*row);
                full(&mut self.tls, WEB_ROWS_PER_FILE, web::tls)
            }
        }
    }

    /// Files of what is left; none for a table without rows.
    ///
    /// # Errors
    /// When the rows make no file.
    pub fn finish(self) -> Result<Vec<File>, TableError> {
        let mut files = Vec::new();
        if !self.flows.is_empty() {
            files.push(flows(self.flows)?);
        }
        if !self.dns.is_empty() {
            files.push(dns(self.dns)?);
        }
        if !self.sightings.is_empty() {
            files.push(sightings(self.sightings)?);
        }
        if !self.http.is_empty() {
            files.push(web::http(self.http)?);
        }
        if !self.tls.is_empty() {
            files.push(web::tls(self.tls)?);
        }
        Ok(files)
    }
}

fn full<T>(
    rows: &mut Vec<T>,
    most: usize,
    file: impl Fn(Vec<T>) -> Result<File, TableError>,
) -> Result<Option<File>, TableError> {
    if rows.len() < most { Ok(None) } else { file(std::mem::take(rows)).map(Some) }
}

pub(crate) fn opened(
    bytes: Vec<u8>,
) -> Result<ParquetRecordBatchReaderBuilder<impl ChunkReader + 'static>, TableError> {
    // The store's own type for bytes, which the reader takes.
    let payload = PutPayload::from(bytes);
    let bytes = payload.as_ref().first().cloned().ok_or_else(strange)?;
    Ok(ParquetRecordBatchReaderBuilder::try_new(bytes)?)
}

pub(crate) fn strange() -> TableError {
    TableError::Columns(ArrowError::SchemaError("not a batch of the table that was asked for".into()))
}

/// Writes a file under a new name; an existing one is never written over.
///
/// # Errors
/// When the store fails or has a file of that name.
pub async fn put(store: &dyn ObjectStore, location: &Path, file: &File) -> Result<(), TableError> {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    store.put_opts(location, PutPayload::from(file.bytes.clone()), options).await?;
    Ok(())
}

fn text<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn maybe<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn int(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn flag(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<BooleanArray>())
}

fn exhibits(values: impl Iterator<Item = ExhibitId>) -> ArrayRef {
    let mut column = StringBuilder::new();
    let mut last: Option<(ExhibitId, String)> = None;
    for id in values {
        // Neighbours mostly come from one exhibit.
        if last.as_ref().is_none_or(|(known, _)| *known != id) {
            last = Some((id, id.to_string()));
        }
        column.append_value(last.as_ref().map_or("", |(_, hex)| hex));
    }
    Arc::new(column.finish())
}

/// The file of these flows.
///
/// # Errors
/// When they make no file.
pub fn flows(mut rows: Vec<PreparedFlow>) -> Result<File, TableError> {
    rows.sort_by(|a, b| (a.ts, &a.source, &a.remote).cmp(&(b.ts, &b.source, &b.remote)));
    let r = &rows;
    let columns = vec![
        int(r.iter().map(|r| r.ts)),
        text(r.iter().map(|r| r.source.as_str())),
        flag(r.iter().map(|r| r.source_personal)),
        text(r.iter().map(|r| r.source_place.as_str())),
        int(r.iter().map(|r| r.source_network)),
        text(r.iter().map(|r| r.remote.as_str())),
        flag(r.iter().map(|r| r.remote_personal)),
        Arc::new(Int32Array::from_iter_values(r.iter().map(|r| r.remote_port))) as ArrayRef,
        text(r.iter().map(|r| r.transport.as_str())),
        maybe(r.iter().map(|r| r.service.as_deref())),
        Arc::new(r.iter().map(|r| r.duration_us).collect::<Int64Array>()),
        int(r.iter().map(|r| r.sent)),
        int(r.iter().map(|r| r.received)),
        maybe(r.iter().map(|r| r.state.as_deref())),
        exhibits(r.iter().map(|r| r.exhibit)),
    ];
    file(Table::Flows, columns, r.first().map_or(0, |r| r.ts), r.last().map_or(0, |r| r.ts))
}

/// The file of these DNS questions.
///
/// # Errors
/// When they make no file.
pub fn dns(mut rows: Vec<PreparedDns>) -> Result<File, TableError> {
    rows.sort_by(|a, b| (a.ts, &a.client, &a.query).cmp(&(b.ts, &b.client, &b.query)));
    let r = &rows;
    let columns = vec![
        int(r.iter().map(|r| r.ts)),
        maybe(r.iter().map(|r| r.client.as_deref())),
        flag(r.iter().map(|r| r.client_personal)),
        maybe(r.iter().map(|r| r.server.as_deref())),
        text(r.iter().map(|r| r.query.as_str())),
        maybe(r.iter().map(|r| r.qtype.as_deref())),
        maybe(r.iter().map(|r| r.rcode.as_deref())),
        text(r.iter().map(|r| r.answers.as_str())),
        exhibits(r.iter().map(|r| r.exhibit)),
    ];
    file(Table::Dns, columns, r.first().map_or(0, |r| r.ts), r.last().map_or(0, |r| r.ts))
}

/// The file of these sightings.
///
/// # Errors
/// When they make no file.
pub fn sightings(mut rows: Vec<PreparedSighting>) -> Result<File, TableError> {
    rows.sort_by(|a, b| {
        let key = |r: &PreparedSighting| (r.event.div_euclid(MICROS_PER_DAY), r.place);
        (key(a).cmp(&key(b))).then_with(|| (a.event, &a.bot, &a.channel).cmp(&(b.event, &b.bot, &b.channel)))
    });
    let r = &rows;
    let columns = vec![
        int(r.iter().map(|r| r.event)),
        int(r.iter().map(|r| r.observed)),
        int(r.iter().map(|r| r.ingested)),
        text(r.iter().map(|r| r.bot.as_str())),
        text(r.iter().map(|r| r.source.as_str())),
        maybe(r.iter().map(|r| r.botnet.as_deref())),
        text(r.iter().map(|r| r.channel.as_str())),
        int(r.iter().map(|r| r.network)),
        text(r.iter().map(|r| r.place.as_str())),
        exhibits(r.iter().map(|r| r.exhibit)),
    ];
    let events = || r.iter().map(|r| r.event);
    file(Table::Sightings, columns, events().min().unwrap_or(0), events().max().unwrap_or(0))
}

fn file(table: Table, columns: Vec<ArrayRef>, first: i64, last: i64) -> Result<File, TableError> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(ROWS_PER_GROUP)).build();
    file_with(table, columns, (first, last), properties)
}

pub(crate) fn file_with(
    table: Table,
    columns: Vec<ArrayRef>,
    (first, last): (i64, i64),
    properties: WriterProperties,
) -> Result<File, TableError> {
    let batch = RecordBatch::try_new(table.schema(), columns)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), table.schema(), Some(properties))?;
    writer.write(&batch)?;
    let bytes = writer.into_inner()?;
    Ok(File { table, rows: batch.num_rows() as u64, first, last, bytes })
}
