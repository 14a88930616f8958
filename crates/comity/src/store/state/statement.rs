//! SQL with a name: what reaches logs, metrics and error messages is the name, never a value.

use sqlx::{Any, any::AnyArguments, query::Query};

/// One SQL statement, the same text for SQLite and PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// Its name, `noun.act`.
    pub name: &'static str,
    /// Its text, with `$1` placeholders.
    pub sql: &'static str,
}

impl Statement {
    /// The statement, ready for its values.
    pub(crate) fn query<'q>(&self) -> Query<'q, Any, AnyArguments> {
        sqlx::query(self.sql)
    }
}
