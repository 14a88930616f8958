//! Single values a home remembers: its own partner id, its node key's name, what was last shown.

use super::{Tx, execute, from_json, json, row, statement::Statement};
use crate::store::StoreError;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::AnyConnection;

const GET: Statement = Statement { name: "settings.get", sql: "SELECT value FROM settings WHERE name = $1" };
const PUT: Statement = Statement {
    name: "settings.put",
    sql: "INSERT INTO settings (name, value) VALUES ($1, $2) \
          ON CONFLICT (name) DO UPDATE SET value = excluded.value",
};
pub(crate) const STATEMENTS: &[&Statement] = &[&GET, &PUT];

/// A remembered value.
pub async fn get<T: DeserializeOwned>(conn: &mut AnyConnection, name: &str) -> Result<Option<T>, StoreError> {
    let found = row(conn, &GET, GET.query().bind(name.to_owned())).await?;
    found.map(|r| from_json(&r, "settings", "value")).transpose()
}

/// Remembers a value, over an earlier one.
pub async fn put<T: Serialize>(tx: &mut Tx, name: &str, value: &T) -> Result<(), StoreError> {
    let query = PUT.query().bind(name.to_owned()).bind(json("settings", value)?);
    execute(tx, &PUT, query).await.map(|_| ())
}
