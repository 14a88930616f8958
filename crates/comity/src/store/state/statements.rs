//! Signed statements about agreements: changes of state, accessions and opt-outs, emergencies, keys. Added, never
//! changed: what holds at an instant follows from all of them (`agreement::Agreements::take`).

use super::{Tx, execute, get, rows, statement::Statement};
use crate::store::StoreError;
use sqlx::AnyConnection;
use terms::Timestamp;

/// One statement as it was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The SHA-256 of the envelope's canonical JSON.
    pub id: String,
    /// The payload type of its envelope.
    pub kind: String,
    /// The agreement it is about; empty for keys, which hold under every agreement.
    pub agreement: String,
    /// When it was taken in.
    pub at: Timestamp,
    /// The envelope, as JSON.
    pub envelope: String,
}

const ADD: Statement = Statement {
    name: "statements.add",
    sql: "INSERT INTO statements (id, kind, agreement, at, envelope) VALUES ($1, $2, $3, $4, $5) \
          ON CONFLICT (id) DO NOTHING",
};
const ALL: Statement = Statement {
    name: "statements.all",
    sql: "SELECT id, kind, agreement, at, envelope FROM statements ORDER BY at, id",
};
pub(crate) const STATEMENTS: &[&Statement] = &[&ADD, &ALL];

/// Keeps a statement; whether it was new.
pub async fn add(tx: &mut Tx, one: &Declared) -> Result<bool, StoreError> {
    let query = ADD
        .query()
        .bind(one.id.clone())
        .bind(one.kind.clone())
        .bind(one.agreement.clone())
        .bind(one.at.0)
        .bind(one.envelope.clone());
    Ok(execute(tx, &ADD, query).await? == 1)
}

/// Every statement, in the order in which they were taken in.
pub async fn all(conn: &mut AnyConnection) -> Result<Vec<Declared>, StoreError> {
    let read = |r: &sqlx::any::AnyRow| {
        const T: &str = "statements";
        Ok(Declared {
            id: get(r, T, "id")?,
            kind: get(r, T, "kind")?,
            agreement: get(r, T, "agreement")?,
            at: Timestamp(get(r, T, "at")?),
            envelope: get(r, T, "envelope")?,
        })
    };
    rows(conn, &ALL, ALL.query()).await?.iter().map(read).collect()
}
