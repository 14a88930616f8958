//! Questions to the telemetry tables, answered by DataFusion over Parquet files.
//!
//! Here: opening the tables, running SQL as a stream, reading columns. Each question has its own file: `c2` (what looks
//! like command and control), `names` (generated names), `long` (connections that stay open), `strobes` (very many calls),
//! `dns_channel` (speech inside names), `bursts` (names that do not exist), `flux` (names with ever new addresses), `peers`
//! (hosts with mutual contacts), `activity` (bots per channel, day, place), `population` (how many bots), `outcome` (before
//! and after), `told` (machines that are gone, network by network). `shape` is what the smaller ones share; `elsewhere` hands plans to another engine where they can run there.
//! Bounds: the memory pool of [`Options`]; what does not fit is spilled into the caller's folder.

mod activity;
mod bursts;
pub mod c2;
mod cohort;
mod dns_channel;
mod elsewhere;
mod flux;
mod long;
mod names;
mod outcome;
mod peers;
mod population;
mod shape;
mod strobes;
mod told;

use crate::tables::Table;
use datafusion::arrow::array::{Array, AsArray as _, RecordBatch};
use datafusion::arrow::datatypes::{Int32Type, Int64Type};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt as _;
use object_store::ObjectStore;
use std::path::PathBuf;
use std::sync::Arc;
use terms::{ExhibitId, Timestamp, Unsealed};

pub use crate::population::{Estimate, Refusal, estimate};
pub use activity::{PlaceBots, Signature, Victim};
pub use bursts::BurstOptions;
pub use c2::priors::Priors;
pub use c2::{C2Options, Ranked, Signs};
pub use cohort::Followable;
pub use dns_channel::DnsChannelOptions;
pub use elsewhere::{Elsewhere, Told};
pub use flux::FluxOptions;
pub use long::LongOptions;
pub use names::{NameOptions, look};
pub use outcome::{Calls, Outcome};
pub use peers::PeerOptions;
pub use strobes::StrobeOptions;
pub use told::NetworkBots;

/// Files that make up the tables, as the state store's manifest lists them: absolute local paths, or URLs under the
/// store of [`Options`].
#[derive(Debug, Clone, Default)]
pub struct Locations {
    /// Files of `flows`.
    pub flows: Vec<String>,
    /// Files of `dns`.
    pub dns: Vec<String>,
    /// Files of `sightings`.
    pub sightings: Vec<String>,
    /// Files of `http`.
    pub http: Vec<String>,
    /// Files of `tls`.
    pub tls: Vec<String>,
    /// Files of `sighting_days`.
    pub sighting_days: Vec<String>,
    /// Files of `bot_numbers`.
    pub bot_numbers: Vec<String>,
}

impl Locations {
    /// Files of one table.
    pub fn of(&self, table: Table) -> &[String] {
        match table {
            Table::Flows => &self.flows,
            Table::Dns => &self.dns,
            Table::Sightings => &self.sightings,
            Table::Http => &self.http,
            Table::Tls => &self.tls,
            Table::SightingDays => &self.sighting_days,
            Table::BotNumbers => &self.bot_numbers,
        }
    }

    /// Files of one table, to be filled.
    pub fn of_mut(&mut self, table: Table) -> &mut Vec<String> {
        match table {
            Table::Flows => &mut self.flows,
            Table::Dns => &mut self.dns,
            Table::Sightings => &mut self.sightings,
            Table::Http => &mut self.http,
            Table::Tls => &mut self.tls,
            Table::SightingDays => &mut self.sighting_days,
            Table::BotNumbers => &mut self.bot_numbers,
        }
    }
}

/// What the questions may use.
#[derive(Clone)]
pub struct Options {
    /// Bytes that sorting and grouping may hold before they spill.
    pub memory: usize,
    /// Where they spill: the home's `tmp/`.
    pub spill: PathBuf,
    /// How many threads share one question.
    pub partitions: usize,
    /// A store beside the local file system, by the URL that its locations begin with (`telemetry://home`).
    pub store: Option<(String, Arc<dyn ObjectStore>)>,
}

impl Options {
    /// 512 MiB, two threads, local files.
    pub fn local(spill: PathBuf) -> Self {
        Self { memory: 512 << 20, spill, partitions: 2, store: None }
    }
}

/// From `from` up to but not including `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First instant in it.
    pub from: Timestamp,
    /// First instant after it.
    pub until: Timestamp,
}

impl Window {
    /// All of time.
    pub const ALL: Self = Self { from: Timestamp(i64::MIN), until: Timestamp(i64::MAX) };

    fn sql(self, column: &str) -> String {
        if self == Self::ALL {
            return "true".to_owned();
        }
        format!("{column} >= {} AND {column} < {}", self.from.0, self.until.0)
    }
}

/// A finding with what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The finding, still without id: `finding.seal(exhibits)` gives it one.
    pub finding: Unsealed,
    /// Its exhibits.
    pub exhibits: Vec<ExhibitId>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum TelemetryError {
    /// A table's file is missing or is no table.
    #[error("telemetry file `{location}` cannot be opened: {source}")]
    #[diagnostic(code("CMT-0633"), help("`comity doctor` compares the telemetry folder with the manifest"))]
    Open {
        /// The file.
        location: String,
        /// What is wrong.
        source: Box<DataFusionError>,
    },
    /// The question itself failed.
    #[error("the telemetry question `{name}` failed: {source}")]
    #[diagnostic(
        code("CMT-0634"),
        help(
            "if memory or disk ran out, give more of it or ask about a shorter time; else run `comity doctor`"
        )
    )]
    Query {
        /// The statement's name, as in logs and metrics.
        name: &'static str,
        /// What is wrong.
        source: Box<DataFusionError>,
    },
    /// A table answers with columns of another type: it was not written by this program.
    #[error("the telemetry question `{name}` met a column of another type than its table has")]
    #[diagnostic(code("CMT-0635"), help("`comity doctor` compares the telemetry folder with the manifest"))]
    Column {
        /// The statement's name.
        name: &'static str,
    },
    /// The answer would be larger than a question may give.
    #[error("the answer to `{name}` would have more than {limit} rows")]
    #[diagnostic(code("CMT-0636"), help("ask about a shorter time or fewer channels"))]
    TooMuch {
        /// The statement's name.
        name: &'static str,
        /// Most rows.
        limit: usize,
    },
}

impl TelemetryError {
    /// Whether the answer alone was too large, or what it takes to give it; others can be asked.
    pub fn too_large(&self) -> bool {
        match self {
            Self::TooMuch { .. } => true,
            Self::Query { source, .. } => {
                matches!(source.find_root(), DataFusionError::ResourcesExhausted(_))
            }
            Self::Open { .. } | Self::Column { .. } => false,
        }
    }
}

/// The telemetry tables, ready to be asked.
pub struct Telemetry {
    context: SessionContext,
    elsewhere: Option<Elsewhere>,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Telemetry")
    }
}

impl Telemetry {
    /// Opens the tables. A table without files is empty. Files are opened when a question needs them.
    ///
    /// # Errors
    /// When a location is no path or URL, or the spill folder cannot be used.
    pub async fn open(locations: &Locations, options: &Options) -> Result<Self, TelemetryError> {
        Self::open_on(locations, options, None).await
    }

    /// The same, whose plans run elsewhere where they can ([`Elsewhere`]).
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_on(
        locations: &Locations,
        options: &Options,
        elsewhere: Option<Elsewhere>,
    ) -> Result<Self, TelemetryError> {
        let opening = |location: &str, source: DataFusionError| TelemetryError::Open {
            location: location.to_owned(),
            source: Box::new(source),
        };
        let spill = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![options.spill.clone()]));
        let runtime = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(spill)
            .with_memory_pool(Arc::new(FairSpillPool::new(options.memory)))
            .build_arc()
            .map_err(|e| opening(&options.spill.display().to_string(), e))?;
        let mut config = SessionConfig::new().with_target_partitions(options.partitions.max(1));
        // Text stays UTF8 as the tables declare it; statistics of thousands of files would cost more than they save.
        config.options_mut().execution.parquet.schema_force_view_types = false;
        config.options_mut().execution.collect_statistics = false;
        let context = SessionContext::new_with_config_rt(config, runtime);
        if let Some((url, store)) = &options.store {
            let url = ObjectStoreUrl::parse(url).map_err(|e| opening(url, e))?;
            context.register_object_store(url.as_ref(), Arc::clone(store));
        }
        register_all(&context, locations).await?;
        if let Some(elsewhere) = &elsewhere {
            if let Some((url, store)) = &options.store {
                let url = ObjectStoreUrl::parse(url).map_err(|e| opening(url, e))?;
                elsewhere.context.register_object_store(url.as_ref(), Arc::clone(store));
            }
            register_all(&elsewhere.context, locations).await?;
        }
        Ok(Self { context, elsewhere })
    }

    /// One question in SQL and its answer, row after row as text with ` | ` between values: for the vectors that hold every
    /// engine to the same answers, and for trying things out.
    ///
    /// # Errors
    /// When the question cannot be answered or has more than `limit` rows.
    pub async fn ask(&self, sql: &str, limit: usize) -> Result<Vec<String>, TelemetryError> {
        const NAME: &str = "ask";
        let mut rows = Vec::new();
        self.each(NAME, sql, &mut |batch| {
            if rows.len() + batch.num_rows() > limit {
                return Err(TelemetryError::TooMuch { name: NAME, limit });
            }
            rows.extend(
                elsewhere::shown(batch)
                    .map_err(|source| TelemetryError::Query { name: NAME, source: Box::new(source) })?,
            );
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// Runs a statement and hands over its batches one by one.
    async fn each(
        &self,
        name: &'static str,
        sql: &str,
        take: &mut (dyn FnMut(&RecordBatch) -> Result<(), TelemetryError> + Send),
    ) -> Result<(), TelemetryError> {
        let failed = |source| TelemetryError::Query { name, source: Box::new(source) };
        if let Some(elsewhere) = &self.elsewhere
            && elsewhere.each(name, sql, take).await?
        {
            return Ok(());
        }
        let frame = self.context.sql(sql).await.map_err(failed)?;
        let mut stream = frame.execute_stream().await.map_err(failed)?;
        while let Some(batch) = stream.next().await {
            take(&batch.map_err(failed)?)?;
        }
        Ok(())
    }

    /// Runs a statement and reads each row, at most `limit` rows.
    async fn rows<T: Send>(
        &self,
        name: &'static str,
        sql: &str,
        limit: usize,
        read: impl Fn(&Columns, usize) -> Result<T, TelemetryError> + Send + Sync,
    ) -> Result<Vec<T>, TelemetryError> {
        let mut rows = Vec::new();
        self.each(name, sql, &mut |batch| {
            if rows.len() + batch.num_rows() > limit {
                return Err(TelemetryError::TooMuch { name, limit });
            }
            let columns = Columns { name, batch };
            for i in 0..batch.num_rows() {
                rows.push(read(&columns, i)?);
            }
            Ok(())
        })
        .await?;
        Ok(rows)
    }
}

/// Makes a context know the tables of these files, and our functions.
async fn register_all(context: &SessionContext, locations: &Locations) -> Result<(), TelemetryError> {
    crate::functions::register(context);
    for table in Table::ALL {
        register(context, table, locations.of(table)).await?;
    }
    Ok(())
}

async fn register(context: &SessionContext, table: Table, files: &[String]) -> Result<(), TelemetryError> {
    let failed = |location: &str, source| TelemetryError::Open {
        location: location.to_owned(),
        source: Box::new(source),
    };
    let provider: Arc<dyn datafusion::catalog::TableProvider> = if files.is_empty() {
        // A table in memory does not travel to another machine, a view of nothing does.
        let fields = table.schema();
        let columns: Vec<String> = fields.fields().iter().map(|f| elsewhere::none_of(f)).collect();
        let sql = format!("SELECT {} WHERE false", columns.join(", "));
        context.sql(&sql).await.map_err(|e| failed(table.name(), e))?.into_view()
    } else {
        let urls = files
            .iter()
            .map(|f| ListingTableUrl::parse(f).map_err(|e| failed(f, e)))
            .collect::<Result<Vec<_>, _>>()?;
        let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("");
        let config = ListingTableConfig::new_with_multi_paths(urls)
            .with_listing_options(options)
            .with_schema(table.schema());
        Arc::new(ListingTable::try_new(config).map_err(|e| failed(table.name(), e))?)
    };
    context.register_table(table.name(), provider).map_err(|e| failed(table.name(), e))?;
    Ok(())
}

/// Columns of a batch by position, with types checked.
struct Columns<'a> {
    name: &'static str,
    batch: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    fn column(&self, at: usize) -> Result<&'a dyn Array, TelemetryError> {
        self.batch.columns().get(at).map(AsRef::as_ref).ok_or(TelemetryError::Column { name: self.name })
    }

    fn text(&self, at: usize, row: usize) -> Result<&'a str, TelemetryError> {
        Ok(self.maybe(at, row)?.unwrap_or(""))
    }

    fn maybe(&self, at: usize, row: usize) -> Result<Option<&'a str>, TelemetryError> {
        let wrong = TelemetryError::Column { name: self.name };
        let column = self.column(at)?;
        if column.is_null(row) {
            return Ok(None);
        }
        if let Some(c) = column.as_string_opt::<i32>() {
            return Ok(Some(c.value(row)));
        }
        // What `string_agg` gives.
        if let Some(c) = column.as_string_opt::<i64>() {
            return Ok(Some(c.value(row)));
        }
        column.as_string_view_opt().map(|c| Some(c.value(row))).ok_or(wrong)
    }

    fn int(&self, at: usize, row: usize) -> Result<i64, TelemetryError> {
        let wrong = TelemetryError::Column { name: self.name };
        let column = self.column(at)?;
        if column.is_null(row) {
            return Ok(0);
        }
        if let Some(c) = column.as_primitive_opt::<Int64Type>() {
            return Ok(c.value(row));
        }
        column.as_primitive_opt::<Int32Type>().map(|c| i64::from(c.value(row))).ok_or(wrong)
    }

    fn flag(&self, at: usize, row: usize) -> Result<bool, TelemetryError> {
        let column = self.column(at)?;
        let wrong = TelemetryError::Column { name: self.name };
        column.as_boolean_opt().map(|c| c.is_valid(row) && c.value(row)).ok_or(wrong)
    }

    fn exhibit(&self, at: usize, row: usize) -> Result<ExhibitId, TelemetryError> {
        self.text(at, row)?.parse().map_err(|_| TelemetryError::Column { name: self.name })
    }

    /// Exhibits as a comma-separated list.
    fn exhibits(&self, at: usize, row: usize) -> Result<Vec<ExhibitId>, TelemetryError> {
        let list = self.text(at, row)?;
        list.split(',').map(|t| t.parse().map_err(|_| TelemetryError::Column { name: self.name })).collect()
    }
}

/// Text as an SQL literal: the only character that ends one is doubled.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<String> = texts.map(literal).collect();
    if all.is_empty() { "NULL".to_owned() } else { all.join(", ") }
}
