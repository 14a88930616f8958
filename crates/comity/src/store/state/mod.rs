//! The state store: SQLite inside the home, or PostgreSQL, through one text of SQL.
//!
//! Here: opening and migrating, transactions, running named statements; one file per noun beside this one.
//! Rules that keep one text fit for both: columns are TEXT, BIGINT, DOUBLE PRECISION or BYTEA; ids are text made by
//! us; times are UTC microseconds; placeholders are `$1`. Migrations are added, never edited.
//! Reading takes any connection; writing takes a [`Tx`], so that what belongs together is kept together.

pub mod compacted;
pub mod crossings;
pub mod custody;
pub mod erasure;
pub mod exhibits;
pub mod findings;
pub mod heads;
pub mod jobs;
pub mod leaves;
pub mod manifest;
pub mod odometers;
pub mod records;
pub mod settings;
pub mod statement;
pub mod statements;

use super::{Home, StoreError, files};
use sqlx::{
    Any, AnyConnection, AnyPool, Connection as _, Decode, Executor as _, Row as _, Transaction, Type,
    any::{AnyArguments, AnyPoolOptions, AnyRow},
    migrate::{MigrateError, Migrator},
    pool::PoolConnection,
    query::Query,
};
use statement::Statement;
use std::{
    ops::{Deref, DerefMut},
    path::Path,
    time::{Duration, Instant},
};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// What every connection to SQLite is told first.
/// FULL: a commit is on the disk when it returns. `secure_delete`: what is erased is overwritten.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                       PRAGMA secure_delete = ON; PRAGMA busy_timeout = 20000; PRAGMA temp_store = MEMORY;";

/// Most bytes of one JSON text in a row.
pub const MOST_TEXT: usize = 16 << 20;

/// Which database lies below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file in the home.
    Sqlite,
    /// A server.
    Postgres,
}

/// An open state store; cheap to clone.
#[derive(Debug, Clone)]
pub struct State {
    pool: AnyPool,
    backend: Backend,
}

/// A connection for reading.
#[derive(Debug)]
pub struct Conn(PoolConnection<Any>);

/// A transaction. Dropped without [`Tx::commit`], nothing of it is kept.
#[derive(Debug)]
pub struct Tx {
    inner: Transaction<'static, Any>,
    backend: Backend,
}

impl Deref for Conn {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.0
    }
}
impl DerefMut for Conn {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.0
    }
}
impl Deref for Tx {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}
impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

impl Tx {
    /// Makes everything in it durable: from here on it is acknowledged.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.inner.commit().await.map_err(|e| StoreError::sql("state.commit", e))
    }
    /// Undoes everything in it.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.inner.rollback().await.map_err(|e| StoreError::sql("state.rollback", e))
    }
    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }
}

/// The URL of the embedded store in this file.
pub fn sqlite_url(file: &Path) -> String {
    let mut url = String::from("sqlite://");
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                url.push(char::from(*byte))
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

/// A URL as it may be shown: without its password and parameters.
pub fn shown(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(before, _)| before);
    match url.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((who, host)) => {
                let user = who.split_once(':').map_or(who, |(user, _)| user);
                format!("{scheme}://{user}@{host}")
            }
            None => url.to_owned(),
        },
        None => url.to_owned(),
    }
}

impl State {
    /// Opens a store that is there, and brings its tables up to this program.
    ///
    /// Errors: CMT-1004 where the embedded file is missing, CMT-1012 where a newer program changed the tables,
    /// CMT-1013 where no database answers, CMT-1019 for another kind of URL.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::connect(url, false).await
    }

    /// Makes the embedded file where it is missing, then opens it. A PostgreSQL database is never made: it has to be
    /// there and may be empty.
    pub async fn create(url: &str) -> Result<Self, StoreError> {
        Self::connect(url, true).await
    }

    /// The store of a home: the database that `url` names, else the file in the home. With `create` (at `init`) the
    /// file is made, and its name is durable when this returns.
    pub async fn of_home(home: &Home, url: Option<&str>, create: bool) -> Result<Self, StoreError> {
        let Some(url) = url else {
            let state = Self::connect(&sqlite_url(&home.state_file()), create).await?;
            if create {
                files::sync_folder(home.root())
                    .map_err(|e| StoreError::io("making", &home.state_file(), e))?;
            }
            return Ok(state);
        };
        Self::connect(url, create).await
    }

    async fn connect(url: &str, create: bool) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let (backend, full, connections) = if url.starts_with("sqlite://") {
            (Backend::Sqlite, format!("{url}?mode={}", if create { "rwc" } else { "rw" }), 4)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            (Backend::Postgres, url.to_owned(), 8)
        } else {
            return Err(StoreError::Url {
                store: "state",
                url: shown(url),
                expected: "give `postgres://user@host/database`, or nothing for the file in the home",
            });
        };
        probe(&full, backend).await.map_err(|e| unreachable_store(url, backend, e))?;
        let options = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(30))
            .after_connect(move |conn, _| {
                Box::pin(async move {
                    if backend == Backend::Sqlite {
                        conn.execute(PRAGMAS).await?;
                    }
                    Ok(())
                })
            });
        let pool = options.connect(&full).await.map_err(|e| unreachable_store(url, backend, e))?;
        let state = Self { pool, backend };
        state.migrate().await?;
        Ok(state)
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        MIGRATIONS.run(&self.pool).await.map_err(|e| match e {
            MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => {
                StoreError::sql("state.migrate", e)
            }
            other => StoreError::Migration { why: other.to_string() },
        })
    }

    /// Which database lies below.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Conn, StoreError> {
        self.pool.acquire().await.map(Conn).map_err(|e| StoreError::sql("state.read", e))
    }

    /// Begins a transaction. On SQLite it is the only writer from here on, so that it never fails half-way for
    /// another's sake.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = match self.backend {
            Backend::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await,
            Backend::Postgres => self.pool.begin().await,
        };
        let inner = inner.map_err(|e| StoreError::sql("state.begin", e))?;
        Ok(Tx { inner, backend: self.backend })
    }

    /// Leaves no trace of rows that were deleted: rewrites the file (`VACUUM`), folds the write-ahead log into it and cuts
    /// the log to nothing. `false` on PostgreSQL, where only its operator can.
    ///
    /// Measured (`tests/it/erase.rs`): `secure_delete` and the cut log alone leave none of ten thousand planted texts. The
    /// rewrite stands behind that for pages which another program wrote, or a home of before. It needs memory for the whole
    /// file (`temp_store`), so that nothing of it goes to another folder.
    ///
    /// Errors: CMT-1024 while another connection still reads.
    pub async fn purge(&self) -> Result<bool, StoreError> {
        if self.backend != Backend::Sqlite {
            return Ok(false);
        }
        let mut conn = self.read().await?;
        conn.execute("VACUUM").await.map_err(|e| StoreError::sql("state.vacuum", e))?;
        self.fold(&mut conn).await.map(|()| true)
    }

    /// Folds the write-ahead log into the file and cuts it to nothing.
    async fn fold(&self, conn: &mut Conn) -> Result<(), StoreError> {
        const NAME: &str = "state.checkpoint";
        let done = conn.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)").await;
        let done = done.map_err(|e| StoreError::sql(NAME, e))?;
        let busy: i64 = done.try_get(0).map_err(|e| StoreError::sql(NAME, e))?;
        if busy == 0 { Ok(()) } else { Err(StoreError::Busy { statement: NAME }) }
    }

    /// Closes every connection; on SQLite this also folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Asks every statement of this module of the database, without running it; the names of those it refuses.
    /// A test holds this empty on both databases.
    pub async fn refused_statements(&self) -> Result<Vec<String>, StoreError> {
        let mut conn = self.read().await?;
        let mut refused = Vec::new();
        for statement in statements() {
            let others = match self.backend {
                Backend::Sqlite => "(postgres)",
                Backend::Postgres => "(sqlite)",
            };
            if statement.name.ends_with(others) {
                continue;
            }
            if let Err(e) = conn.prepare(sqlx::SqlStr::from_static(statement.sql)).await {
                refused.push(format!("{}: {e}", statement.name));
            }
        }
        Ok(refused)
    }
}

/// Every statement by name.
pub fn statements() -> impl Iterator<Item = &'static Statement> {
    let lists: [&'static [&'static Statement]; 16] = [
        super::clock::STATEMENTS,
        compacted::STATEMENTS,
        custody::STATEMENTS,
        erasure::STATEMENTS,
        exhibits::STATEMENTS,
        findings::STATEMENTS,
        heads::STATEMENTS,
        jobs::STATEMENTS,
        leaves::STATEMENTS,
        manifest::STATEMENTS,
        odometers::STATEMENTS,
        settings::STATEMENTS,
        crossings::STATEMENTS,
        statements::STATEMENTS,
        records::STATEMENTS,
        super::doctor::STATEMENTS,
    ];
    lists.into_iter().flatten().copied()
}

/// One connection by itself first: a pool would try again for half a minute, and a person wants to hear at once that
/// nobody answers or that the file is damaged.
async fn probe(url: &str, backend: Backend) -> Result<(), sqlx::Error> {
    let mut conn = AnyConnection::connect(url).await?;
    if backend == Backend::Sqlite {
        conn.execute(PRAGMAS).await?;
    }
    conn.close().await
}

fn unreachable_store(url: &str, backend: Backend, error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|e| e.code()).map(|c| c.into_owned());
    if backend == Backend::Sqlite && code.as_deref() == Some("14") {
        let path = url.trim_start_matches("sqlite://").to_owned();
        let mend =
            "restore `state.db` from a backup; a home without it knows none of its exhibits".to_owned();
        return StoreError::Missing { piece: "state.db", path, mend };
    }
    match StoreError::sql("state.open", error) {
        StoreError::Database { source, .. } => {
            StoreError::Unreachable { url: shown(url), why: source.to_string() }
        }
        known => known,
    }
}

type Bound<'q> = Query<'q, Any, AnyArguments>;

/// Runs a statement; how many rows it changed.
pub(crate) async fn execute(
    conn: &mut AnyConnection,
    statement: &Statement,
    query: Bound<'_>,
) -> Result<u64, StoreError> {
    let start = Instant::now();
    let done = query.execute(conn).await.map_err(|e| StoreError::sql(statement.name, e))?;
    noted(statement, start, done.rows_affected());
    Ok(done.rows_affected())
}

/// Runs a question; its rows. The question bounds them.
pub(crate) async fn rows(
    conn: &mut AnyConnection,
    statement: &Statement,
    query: Bound<'_>,
) -> Result<Vec<AnyRow>, StoreError> {
    let start = Instant::now();
    let rows = query.fetch_all(conn).await.map_err(|e| StoreError::sql(statement.name, e))?;
    noted(statement, start, rows.len() as u64);
    Ok(rows)
}

/// Runs a question with at most one row.
pub(crate) async fn row(
    conn: &mut AnyConnection,
    statement: &Statement,
    query: Bound<'_>,
) -> Result<Option<AnyRow>, StoreError> {
    let start = Instant::now();
    let row = query.fetch_optional(conn).await.map_err(|e| StoreError::sql(statement.name, e))?;
    noted(statement, start, u64::from(row.is_some()));
    Ok(row)
}

fn noted(statement: &Statement, start: Instant, rows: u64) {
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(target: "comity::store", statement = statement.name, rows, micros, "statement");
}

/// A column's value.
pub(crate) fn get<'r, T: Decode<'r, Any> + Type<Any>>(
    row: &'r AnyRow,
    table: &'static str,
    column: &'static str,
) -> Result<T, StoreError> {
    row.try_get(column).map_err(|e| StoreError::row(table, "?", format!("column {column}: {e}")))
}

/// A column of text, as what it stands for.
pub(crate) fn parsed<T>(row: &AnyRow, table: &'static str, column: &'static str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let text: &str = get(row, table, column)?;
    text.parse().map_err(|e| StoreError::row(table, text, format!("column {column}: {e}")))
}

/// A column of text or nothing, as what it stands for.
pub(crate) fn parsed_or<T>(
    row: &AnyRow,
    table: &'static str,
    column: &'static str,
) -> Result<Option<T>, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let text: Option<String> = get(row, table, column)?;
    text.map(|t| t.parse().map_err(|e| StoreError::row(table, &t, format!("column {column}: {e}"))))
        .transpose()
}

/// A word of a closed vocabulary.
pub(crate) fn word<T>(
    row: &AnyRow,
    table: &'static str,
    column: &'static str,
    from: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text: &str = get(row, table, column)?;
    from(text)
        .ok_or_else(|| StoreError::row(table, text, format!("column {column}: not a word that is known")))
}

/// A size: integers rest signed in the database.
pub(crate) fn size(row: &AnyRow, table: &'static str, column: &'static str) -> Result<u64, StoreError> {
    let n: i64 = get(row, table, column)?;
    u64::try_from(n).map_err(|_| StoreError::row(table, n, format!("column {column} is negative")))
}

pub(crate) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A value as JSON text.
///
/// Errors: CMT-1023 above 16 MiB.
pub(crate) fn json<T: serde::Serialize + ?Sized>(
    what: &'static str,
    value: &T,
) -> Result<String, StoreError> {
    let text = serde_json::to_string(value).map_err(|e| StoreError::row(what, "new", e))?;
    if text.len() > MOST_TEXT {
        return Err(StoreError::TooLarge { what, size: text.len() as u64, most: MOST_TEXT as u64 });
    }
    Ok(text)
}

/// A column of JSON text as what it stands for.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(
    row: &AnyRow,
    table: &'static str,
    column: &'static str,
) -> Result<T, StoreError> {
    let text: &str = get(row, table, column)?;
    serde_json::from_str(text).map_err(|e| StoreError::row(table, "?", format!("column {column}: {e}")))
}
