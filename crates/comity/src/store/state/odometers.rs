//! The odometers of data sets: what noisy counts have cost, over all partners.
//!
//! Here: reading an odometer, spending, the answers that were drawn. Elsewhere: the amounts and what may be spent
//! (`privacy`), who may ask (`agreement`), the noise (`node::noisy`).
//!
//! A spend is one statement that adds only where the odometer still stands where the ruling saw it and the budget
//! suffices, so two that are made at once cannot both find the same room. It is part of the transaction that keeps the
//! answer, its leaf and the release: whatever is killed when, either nothing was spent and nothing was answered, or
//! it is spent and the answer is kept.

use super::{Tx, execute, from_json, get, json, row, rows, signed, size, statement::Statement};
use crate::store::StoreError;
use privacy::{Epsilon, Odometer};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::AnyConnection;
use terms::Timestamp;

const SPENT: Statement =
    Statement { name: "odometers.spent", sql: "SELECT spent FROM odometers WHERE data_set = $1" };
const BEGIN: Statement = Statement {
    name: "odometers.begin",
    sql: "INSERT INTO odometers (data_set, spent, at) VALUES ($1, 0, $2) ON CONFLICT (data_set) DO NOTHING",
};
const SPEND: Statement = Statement {
    name: "odometers.spend",
    sql: "UPDATE odometers SET spent = spent + $2, at = $3 \
          WHERE data_set = $1 AND spent = $4 AND spent + $2 <= $5",
};
const NOTE: Statement = Statement {
    name: "spends.add",
    sql: "INSERT INTO spends (release, data_set, partner, question, epsilon, leaf, at) \
          VALUES ($1, $2, $3, $4, $5, $6, $7)",
};
const LIST: Statement = Statement {
    name: "odometers.list",
    sql: "SELECT data_set, spent, at FROM odometers WHERE data_set > $1 ORDER BY data_set LIMIT $2",
};
const BY_PARTNER: Statement = Statement {
    name: "spends.by_partner",
    sql: "SELECT partner, CAST(SUM(epsilon) AS BIGINT) AS epsilon, COUNT(*) AS answers FROM spends \
          WHERE data_set = $1 GROUP BY partner ORDER BY partner",
};
const ANSWER: Statement =
    Statement { name: "noisy_answers.get", sql: "SELECT body FROM noisy_answers WHERE question = $1" };
const KEEP: Statement = Statement {
    name: "noisy_answers.add",
    sql: "INSERT INTO noisy_answers (question, body, at) VALUES ($1, $2, $3) ON CONFLICT (question) DO NOTHING",
};
pub(crate) const STATEMENTS: &[&Statement] =
    &[&SPENT, &BEGIN, &SPEND, &NOTE, &LIST, &BY_PARTNER, &ANSWER, &KEEP];

/// Rows of one page.
const PAGE: u32 = 1000;

/// One spend, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// The release with which the answer leaves.
    pub release: String,
    /// The data set (`sightings/2026-03`).
    pub data_set: String,
    /// To whom.
    pub partner: String,
    /// The question, in its one spelling.
    pub question: String,
    /// What it costs; nothing where the answer had been drawn before.
    pub epsilon: Epsilon,
    /// The leaf that says so.
    pub leaf: String,
    /// When.
    pub at: Timestamp,
}

/// What one data set has cost so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// The data set.
    pub data_set: String,
    /// Spent over all partners, in millionths of epsilon.
    pub spent: Epsilon,
    /// When the last was spent.
    pub at: Timestamp,
    /// The same by partner, in the order of their ids.
    pub partners: Vec<ByPartner>,
}

/// What one partner's answers have cost. An answer that was drawn for another one before costs nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ByPartner {
    /// The partner.
    pub partner: String,
    /// Spent, in millionths of epsilon.
    pub spent: Epsilon,
    /// Answers it got.
    pub answers: u64,
}

/// What of a data set is spent.
pub async fn spent(conn: &mut AnyConnection, data_set: &str) -> Result<Epsilon, StoreError> {
    let found = row(conn, &SPENT, SPENT.query().bind(data_set.to_owned())).await?;
    found.map_or(Ok(Epsilon::ZERO), |r| size(&r, "odometers", "spent").map(Epsilon::micros))
}

/// Spends, where the odometer stands as `seen`; the odometer after it.
///
/// Errors: CMT-1270 (as [`StoreError::Budget`]) where the budget does not suffice, CMT-1036 where another spend came
/// between. Drop the transaction then: nothing of it may be kept.
pub async fn spend(tx: &mut Tx, spend: &Spend, seen: Odometer) -> Result<Odometer, StoreError> {
    let after = seen.spend(spend.epsilon)?;
    execute(tx, &BEGIN, BEGIN.query().bind(spend.data_set.clone()).bind(spend.at.0)).await?;
    let micros = |e: Epsilon| signed(e.in_micros());
    // What costs nothing is noted also where the budget was lowered below what is spent.
    let budget = seen.budget.max(after.spent);
    let query = SPEND
        .query()
        .bind(spend.data_set.clone())
        .bind(micros(spend.epsilon))
        .bind(spend.at.0)
        .bind(micros(seen.spent))
        .bind(micros(budget));
    if execute(tx, &SPEND, query).await? != 1 {
        return Err(StoreError::OdometerMoved { data_set: spend.data_set.clone() });
    }
    let query = NOTE
        .query()
        .bind(spend.release.clone())
        .bind(spend.data_set.clone())
        .bind(spend.partner.clone())
        .bind(spend.question.clone())
        .bind(micros(spend.epsilon))
        .bind(spend.leaf.clone())
        .bind(spend.at.0);
    execute(tx, &NOTE, query).await?;
    Ok(after)
}

/// The answer that was drawn to a question.
pub async fn answer<T: DeserializeOwned>(
    conn: &mut AnyConnection,
    question: &str,
) -> Result<Option<T>, StoreError> {
    let found = row(conn, &ANSWER, ANSWER.query().bind(question.to_owned())).await?;
    found.map(|r| from_json(&r, "noisy_answers", "body")).transpose()
}

/// Keeps the answer to a question, drawn in this transaction.
///
/// Errors: CMT-1036 where another answer came between: that one stands, and nothing of this transaction may be kept.
pub async fn keep<T: Serialize>(
    tx: &mut Tx,
    question: &str,
    answer: &T,
    at: Timestamp,
) -> Result<(), StoreError> {
    let query = KEEP.query().bind(question.to_owned()).bind(json("noisy_answers", answer)?).bind(at.0);
    if execute(tx, &KEEP, query).await? == 1 {
        return Ok(());
    }
    Err(StoreError::OdometerMoved { data_set: question.to_owned() })
}

/// Every data set that was asked about, with its partners.
pub async fn list(conn: &mut AnyConnection) -> Result<Vec<Spent>, StoreError> {
    let mut all: Vec<Spent> = Vec::new();
    loop {
        let after = all.last().map_or(String::new(), |s| s.data_set.clone());
        let page = rows(conn, &LIST, LIST.query().bind(after).bind(i64::from(PAGE))).await?;
        if page.is_empty() {
            return Ok(all);
        }
        for r in &page {
            let data_set: String = get(r, "odometers", "data_set")?;
            let partners = by_partner(conn, &data_set).await?;
            let spent = Epsilon::micros(size(r, "odometers", "spent")?);
            all.push(Spent { data_set, spent, at: Timestamp(get(r, "odometers", "at")?), partners });
        }
    }
}

async fn by_partner(conn: &mut AnyConnection, data_set: &str) -> Result<Vec<ByPartner>, StoreError> {
    let found = rows(conn, &BY_PARTNER, BY_PARTNER.query().bind(data_set.to_owned())).await?;
    let read = |r: &sqlx::any::AnyRow| {
        Ok(ByPartner {
            partner: get(r, "spends", "partner")?,
            spent: Epsilon::micros(size(r, "spends", "epsilon")?),
            answers: size(r, "spends", "answers")?,
        })
    };
    found.iter().map(read).collect()
}
