//! Custody: every act on an exhibit. Each row also has a leaf on the ledger, queued in the same transaction.

use super::{Tx, execute, from_json, get, json, records::bounded, rows, statement::Statement};
use crate::store::StoreError;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{AnyConnection, any::AnyRow};
use terms::{ExhibitId, PersonId, Timestamp};
use uuid::Uuid;

/// One act on an exhibit, as the home lists it. The body is the custody event itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CustodyRow<T> {
    /// Its id, in the order of writing.
    pub id: String,
    /// The exhibit.
    pub exhibit: ExhibitId,
    /// When, by the node's clock.
    pub at: Timestamp,
    /// Who.
    pub who: PersonId,
    /// What was done, in one word (`sealed`, `examined`, `released`, `erased`).
    pub act: String,
    /// The event in full.
    pub body: T,
    /// The leaf that stands for it on the ledger.
    pub leaf: String,
}

impl<T> CustodyRow<T> {
    /// An act with a new id.
    pub fn new(exhibit: ExhibitId, at: Timestamp, who: PersonId, act: &str, body: T, leaf: &str) -> Self {
        let (id, act, leaf) = (Uuid::now_v7().to_string(), act.to_owned(), leaf.to_owned());
        Self { id, exhibit, at, who, act, body, leaf }
    }
}

const ADD: Statement = Statement {
    name: "custody.add",
    sql: "INSERT INTO custody (id, exhibit, at, who, act, body, leaf) VALUES ($1, $2, $3, $4, $5, $6, $7) \
          ON CONFLICT (id) DO NOTHING",
};
const OF: Statement = Statement {
    name: "custody.of",
    sql: "SELECT id, exhibit, at, who, act, body, leaf FROM custody WHERE exhibit = $1 AND id > $2 \
          ORDER BY id LIMIT $3",
};
const PAGE: Statement = Statement {
    name: "custody.page",
    sql: "SELECT id, exhibit, at, who, act, body, leaf FROM custody WHERE id > $1 ORDER BY id LIMIT $2",
};
pub(crate) const STATEMENTS: &[&Statement] = &[&ADD, &OF, &PAGE];

/// Adds an act.
pub async fn add<T: Serialize>(tx: &mut Tx, act: &CustodyRow<T>) -> Result<(), StoreError> {
    let query = ADD
        .query()
        .bind(act.id.clone())
        .bind(act.exhibit.to_string())
        .bind(act.at.0)
        .bind(act.who.0.clone())
        .bind(act.act.clone())
        .bind(json("custody", &act.body)?)
        .bind(act.leaf.clone());
    execute(tx, &ADD, query).await.map(|_| ())
}

/// The acts on one exhibit in order, after `after` (empty: from the first); at most `limit` and 1,000.
pub async fn of<T: DeserializeOwned>(
    conn: &mut AnyConnection,
    exhibit: &ExhibitId,
    after: &str,
    limit: u32,
) -> Result<Vec<CustodyRow<T>>, StoreError> {
    let query = OF.query().bind(exhibit.to_string()).bind(after.to_owned()).bind(bounded(limit));
    rows(conn, &OF, query).await?.iter().map(read).collect()
}

/// All acts in order, after `after` (empty: from the first); at most `limit` and 1,000.
pub async fn page<T: DeserializeOwned>(
    conn: &mut AnyConnection,
    after: &str,
    limit: u32,
) -> Result<Vec<CustodyRow<T>>, StoreError> {
    let query = PAGE.query().bind(after.to_owned()).bind(bounded(limit));
    rows(conn, &PAGE, query).await?.iter().map(read).collect()
}

fn read<T: DeserializeOwned>(r: &AnyRow) -> Result<CustodyRow<T>, StoreError> {
    const T: &str = "custody";
    Ok(CustodyRow {
        id: get(r, T, "id")?,
        exhibit: super::parsed(r, T, "exhibit")?,
        at: Timestamp(get(r, T, "at")?),
        who: PersonId(get(r, T, "who")?),
        act: get(r, T, "act")?,
        body: from_json(r, T, "body")?,
        leaf: get(r, T, "leaf")?,
    })
}
