//! What passed under which clause: the odometer behind the caps of an agreement.
//!
//! Here: one row for each clause that a crossing rests on, and their sums. Elsewhere: which clauses count for a request
//! (`agreement::Agreements::counted`), noisy counts' budgets.

use super::{Tx, execute, row, signed, size, statement::Statement};
use crate::store::StoreError;
use agreement::Spent;
use sqlx::AnyConnection;
use terms::{CaseId, ClauseId, Timestamp};

/// One crossing, as it counts under each of its clauses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The release, match or count.
    pub release: String,
    /// The clauses it rests on (`company-police 3.1`).
    pub clauses: Vec<String>,
    /// The case it is for.
    pub case: Option<CaseId>,
    /// How many records.
    pub records: u64,
    /// When.
    pub at: Timestamp,
}

const ADD: Statement = Statement {
    name: "crossings.add",
    sql: "INSERT INTO crossings (release, clause, case_id, month, records, at) VALUES ($1, $2, $3, $4, $5, $6) \
          ON CONFLICT (release, clause) DO NOTHING",
};
const SPENT: Statement = Statement {
    name: "crossings.spent",
    sql: "SELECT CAST(COALESCE(SUM(CASE WHEN case_id = $2 THEN records ELSE 0 END), 0) AS BIGINT) AS in_case, \
          CAST(COALESCE(SUM(CASE WHEN month = $3 THEN records ELSE 0 END), 0) AS BIGINT) AS in_month, \
          CAST(COALESCE(SUM(records), 0) AS BIGINT) AS total FROM crossings WHERE clause = $1 AND release <> $4",
};
pub(crate) const STATEMENTS: &[&Statement] = &[&ADD, &SPENT];

/// The calendar month of an instant, `2026-03`.
fn month(at: Timestamp) -> String {
    at.day().to_string().chars().take(7).collect()
}

/// Counts a crossing under each of its clauses; once, however often it is taken in.
pub async fn add(tx: &mut Tx, crossing: &Crossing) -> Result<(), StoreError> {
    let records = signed(crossing.records);
    for clause in &crossing.clauses {
        let query = ADD
            .query()
            .bind(crossing.release.clone())
            .bind(clause.clone())
            .bind(crossing.case.as_ref().map(ToString::to_string).unwrap_or_default())
            .bind(month(crossing.at))
            .bind(records)
            .bind(crossing.at.0);
        execute(tx, &ADD, query).await?;
    }
    Ok(())
}

/// What passed under `clauses` before `at`, of several the most; `but` is not counted.
pub async fn spent(
    conn: &mut AnyConnection,
    clauses: &[ClauseId],
    case: Option<&CaseId>,
    at: Timestamp,
    but: &str,
) -> Result<Spent, StoreError> {
    let mut most = Spent::NONE;
    for clause in clauses {
        let query = SPENT
            .query()
            .bind(clause.to_string())
            .bind(case.map(ToString::to_string).unwrap_or_default())
            .bind(month(at))
            .bind(but.to_owned());
        if let Some(r) = row(conn, &SPENT, query).await? {
            let sum = |column| size(&r, "crossings", column);
            most.case = most.case.max(sum("in_case")?);
            most.month = most.month.max(sum("in_month")?);
            most.total = most.total.max(sum("total")?);
        }
    }
    Ok(most)
}
