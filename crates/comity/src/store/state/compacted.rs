//! Which exhibits' rows lie together in one telemetry file, since small files were put together.
//!
//! Here: the members of such files. Elsewhere: the files themselves (`manifest`), when they are made and what an erasure
//! leaves of them (`node::compact`).

use super::manifest::TelemetryFile;
use super::{Tx, execute, get, parsed, row, rows, statement::Statement};
use crate::store::StoreError;
use sqlx::AnyConnection;
use terms::ExhibitId;

/// Part of an exhibit that lies in a file with others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The exhibit that the rows were read from.
    pub exhibit: ExhibitId,
    /// The path of the file in which they lay alone.
    pub was: String,
    /// The path of the file in which they lie now.
    pub path: String,
}

const ADD: Statement = Statement {
    name: "compacted.add",
    sql: "INSERT INTO compacted (exhibit, tbl, part, was, path) VALUES ($1, $2, $3, $4, $5)",
};
const HAS: Statement = Statement {
    name: "compacted.has",
    sql: "SELECT path FROM compacted WHERE exhibit = $1 AND tbl = $2 AND part = $3",
};
const OF_TABLE: Statement = Statement {
    name: "compacted.of_table",
    sql: "SELECT exhibit, was, path FROM compacted WHERE tbl = $1 ORDER BY path, was",
};
const OF_EXHIBIT: Statement = Statement {
    name: "compacted.of_exhibit",
    sql: "SELECT exhibit, was, path FROM compacted \
          WHERE path IN (SELECT path FROM compacted WHERE exhibit = $1) ORDER BY path, was",
};
const MOVE: Statement =
    Statement { name: "compacted.move", sql: "UPDATE compacted SET path = $2 WHERE path = $1" };
const FORGET: Statement =
    Statement { name: "compacted.forget", sql: "DELETE FROM compacted WHERE exhibit = $1" };
pub(crate) const STATEMENTS: &[&Statement] = &[&ADD, &HAS, &OF_TABLE, &OF_EXHIBIT, &MOVE, &FORGET];

/// Notes that the rows of a file lie in another now.
pub async fn add(tx: &mut Tx, was: &TelemetryFile, path: &str) -> Result<(), StoreError> {
    let query = ADD
        .query()
        .bind(was.exhibit.to_string())
        .bind(was.table.clone())
        .bind(i64::from(was.part))
        .bind(was.path.clone())
        .bind(path.to_owned());
    execute(tx, &ADD, query).await.map(|_| ())
}

/// Whether this part of an exhibit lies in a file with others.
pub async fn has(
    conn: &mut AnyConnection,
    exhibit: &ExhibitId,
    table: &str,
    part: u32,
) -> Result<bool, StoreError> {
    let query = HAS.query().bind(exhibit.to_string()).bind(table.to_owned()).bind(i64::from(part));
    Ok(row(conn, &HAS, query).await?.is_some())
}

/// Every member of a table's files, file by file.
pub async fn of_table(conn: &mut AnyConnection, table: &str) -> Result<Vec<Member>, StoreError> {
    members(conn, &OF_TABLE, table.to_owned()).await
}

/// Every member of the files in which rows of an exhibit lie, file by file: its own and its neighbours'.
pub async fn around(conn: &mut AnyConnection, exhibit: &ExhibitId) -> Result<Vec<Member>, StoreError> {
    members(conn, &OF_EXHIBIT, exhibit.to_string()).await
}

async fn members(
    conn: &mut AnyConnection,
    statement: &'static Statement,
    key: String,
) -> Result<Vec<Member>, StoreError> {
    let found = rows(conn, statement, statement.query().bind(key)).await?;
    let read = |r| {
        Ok(Member {
            exhibit: parsed(r, "compacted", "exhibit")?,
            was: get(r, "compacted", "was")?,
            path: get(r, "compacted", "path")?,
        })
    };
    found.iter().map(read).collect()
}

/// The members of a file lie in another now.
pub async fn moved(tx: &mut Tx, from: &str, to: &str) -> Result<(), StoreError> {
    execute(tx, &MOVE, MOVE.query().bind(from.to_owned()).bind(to.to_owned())).await.map(|_| ())
}

/// Forgets that rows of an exhibit lay anywhere.
pub async fn forget(tx: &mut Tx, exhibit: &ExhibitId) -> Result<(), StoreError> {
    execute(tx, &FORGET, FORGET.query().bind(exhibit.to_string())).await.map(|_| ())
}
