//! The manifest: which telemetry files count. A file is visible to questions when its row is committed.

use super::{
    Tx, compacted, execute, get, parsed, records::bounded, row, rows, signed, size, statement::Statement,
};
use crate::store::StoreError;
use serde::Serialize;
use sqlx::{AnyConnection, any::AnyRow};
use terms::{Digest, ExhibitId, Timestamp};

/// One Parquet file of one table, from one exhibit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TelemetryFile {
    /// Path inside the telemetry folder (`flows/ab/…parquet`).
    pub path: String,
    /// The table (`flows`, `dns`, `sightings`).
    pub table: String,
    /// The exhibit its rows were read from.
    pub exhibit: ExhibitId,
    /// Which of the exhibit's files of that table, from 0.
    pub part: u32,
    /// Rows.
    pub records: u64,
    /// Bytes.
    pub size: u64,
    /// Earliest and latest event, where there are rows.
    pub span: Option<(Timestamp, Timestamp)>,
    /// SHA-256 of the file.
    pub sha256: Digest,
}

const ADD: Statement = Statement {
    name: "manifest.add",
    sql: "INSERT INTO manifest (path, tbl, exhibit, part, records, size, first_at, last_at, sha256, committed_at) \
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (exhibit, tbl, part) DO NOTHING",
};
const OF_TABLE: Statement = Statement {
    name: "manifest.of_table",
    sql: "SELECT path, tbl, exhibit, part, records, size, first_at, last_at, sha256 FROM manifest \
          WHERE tbl = $1 AND path > $2 ORDER BY path LIMIT $3",
};
const PAGE: Statement = Statement {
    name: "manifest.page",
    sql: "SELECT path, tbl, exhibit, part, records, size, first_at, last_at, sha256 FROM manifest \
          WHERE path > $1 ORDER BY path LIMIT $2",
};
const OF_EXHIBIT: Statement = Statement {
    name: "manifest.of_exhibit",
    sql: "SELECT path, tbl, exhibit, part, records, size, first_at, last_at, sha256 FROM manifest \
          WHERE exhibit = $1 ORDER BY path LIMIT 1000",
};
const REMOVE: Statement = Statement { name: "manifest.remove", sql: "DELETE FROM manifest WHERE path = $1" };
const HAS: Statement = Statement { name: "manifest.has", sql: "SELECT path FROM manifest WHERE path = $1" };
pub(crate) const STATEMENTS: &[&Statement] = &[&ADD, &OF_TABLE, &PAGE, &OF_EXHIBIT, &REMOVE, &HAS];

/// Makes a file count; false where the exhibit's part of that table counts already (a retried job), alone or in a file with
/// others: the new file then stays an orphan and is swept.
pub async fn add(tx: &mut Tx, file: &TelemetryFile, at: Timestamp) -> Result<bool, StoreError> {
    if compacted::has(tx, &file.exhibit, &file.table, file.part).await? {
        return Ok(false);
    }
    let query = ADD
        .query()
        .bind(file.path.clone())
        .bind(file.table.clone())
        .bind(file.exhibit.to_string())
        .bind(i64::from(file.part))
        .bind(signed(file.records))
        .bind(signed(file.size))
        .bind(file.span.map(|(first, _)| first.0))
        .bind(file.span.map(|(_, last)| last.0))
        .bind(file.sha256.to_string())
        .bind(at.0);
    Ok(execute(tx, &ADD, query).await? == 1)
}

/// The files of one table, in the order of their paths; all of them, page by page inside.
pub async fn of_table(conn: &mut AnyConnection, table: &str) -> Result<Vec<TelemetryFile>, StoreError> {
    let mut all: Vec<TelemetryFile> = Vec::new();
    loop {
        let after = all.last().map_or(String::new(), |f| f.path.clone());
        let query = OF_TABLE.query().bind(table.to_owned()).bind(after).bind(1000_i64);
        let page = rows(conn, &OF_TABLE, query).await?;
        if page.is_empty() {
            return Ok(all);
        }
        for r in &page {
            all.push(read(r)?);
        }
    }
}

/// Files in the order of their paths after `after` (empty: from the first); at most `limit` and 1,000.
pub async fn page(
    conn: &mut AnyConnection,
    after: &str,
    limit: u32,
) -> Result<Vec<TelemetryFile>, StoreError> {
    let query = PAGE.query().bind(after.to_owned()).bind(bounded(limit));
    rows(conn, &PAGE, query).await?.iter().map(read).collect()
}

/// The files that were read from one exhibit; at most 1,000.
pub async fn of_exhibit(
    conn: &mut AnyConnection,
    exhibit: &ExhibitId,
) -> Result<Vec<TelemetryFile>, StoreError> {
    let query = OF_EXHIBIT.query().bind(exhibit.to_string());
    rows(conn, &OF_EXHIBIT, query).await?.iter().map(read).collect()
}

/// Makes a file count no more (erasure, or compaction into another); whether it did. The file itself is swept.
pub async fn remove(tx: &mut Tx, path: &str) -> Result<bool, StoreError> {
    Ok(execute(tx, &REMOVE, REMOVE.query().bind(path.to_owned())).await? == 1)
}

/// Whether a file counts.
pub async fn has(conn: &mut AnyConnection, path: &str) -> Result<bool, StoreError> {
    Ok(row(conn, &HAS, HAS.query().bind(path.to_owned())).await?.is_some())
}

fn read(r: &AnyRow) -> Result<TelemetryFile, StoreError> {
    const T: &str = "manifest";
    let part: i64 = get(r, T, "part")?;
    let first: Option<i64> = get(r, T, "first_at")?;
    let last: Option<i64> = get(r, T, "last_at")?;
    Ok(TelemetryFile {
        path: get(r, T, "path")?,
        table: get(r, T, "tbl")?,
        exhibit: parsed(r, T, "exhibit")?,
        part: u32::try_from(part).map_err(|_| StoreError::row(T, part, "column part is out of range"))?,
        records: size(r, T, "records")?,
        size: size(r, T, "size")?,
        span: first.zip(last).map(|(a, b)| (Timestamp(a), Timestamp(b))),
        sha256: parsed(r, T, "sha256")?,
    })
}
