//! Taking out of the tables what rests on erased exhibits.
//!
//! Here: findings, their links, jobs, names, labels and telemetry rows of an exhibit, and what was unpacked from it. Elsewhere: in
//! which order an erasure goes and what it does to cases and plans (`node::erase`), the file below (`State::purge`).

use super::{Tx, compacted, execute, get, parsed, rows, statement::Statement};
use crate::store::StoreError;
use sqlx::AnyConnection;
use terms::{ExhibitId, FindingId};

const FINDINGS: Statement = Statement {
    name: "erasure.findings",
    sql: "SELECT finding FROM finding_exhibits WHERE exhibit = $1 ORDER BY finding",
};
const UNLINK: Statement =
    Statement { name: "erasure.unlink", sql: "DELETE FROM finding_exhibits WHERE finding = $1" };
const FORGET: Statement = Statement { name: "erasure.forget", sql: "DELETE FROM findings WHERE id = $1" };
const JOBS: Statement = Statement { name: "erasure.jobs", sql: "DELETE FROM jobs WHERE subject = $1" };
const NAMES: Statement =
    Statement { name: "erasure.names", sql: "DELETE FROM exhibit_names WHERE exhibit = $1" };
const MANIFEST: Statement =
    Statement { name: "erasure.manifest", sql: "DELETE FROM manifest WHERE exhibit = $1" };
/// A bitmap cannot forget one exhibit: roll-ups go as a whole and are made anew from what is left.
const ROLLED: Statement = Statement {
    name: "erasure.rolled",
    sql: "DELETE FROM manifest WHERE tbl IN ('sighting_days', 'bot_numbers') \
          AND (EXISTS (SELECT 1 FROM manifest m WHERE m.exhibit = $1 AND m.tbl = 'sightings') \
               OR EXISTS (SELECT 1 FROM compacted c WHERE c.exhibit = $1 AND c.tbl = 'sightings'))",
};
const LABELS: Statement = Statement { name: "erasure.labels", sql: "DELETE FROM labels WHERE belongs = $1" };
const UNPACKED: Statement = Statement {
    name: "erasure.unpacked",
    sql: "SELECT id FROM exhibits WHERE derived_from = $1 AND erased_at IS NULL ORDER BY id",
};
const NAMED: Statement = Statement {
    name: "erasure.named",
    sql: "SELECT exhibit FROM exhibit_names WHERE name = $1 ORDER BY exhibit",
};
pub(crate) const STATEMENTS: &[&Statement] =
    &[&FINDINGS, &UNLINK, &FORGET, &JOBS, &NAMES, &ROLLED, &MANIFEST, &LABELS, &UNPACKED, &NAMED];

/// The findings that rest on an exhibit, alone or among others.
pub async fn findings(conn: &mut AnyConnection, exhibit: &ExhibitId) -> Result<Vec<FindingId>, StoreError> {
    let found = rows(conn, &FINDINGS, FINDINGS.query().bind(exhibit.to_string())).await?;
    found.iter().map(|r| parsed(r, "finding_exhibits", "finding")).collect()
}

/// Takes a finding out, with what binds it to exhibits.
pub async fn forget_finding(tx: &mut Tx, finding: &FindingId) -> Result<(), StoreError> {
    execute(tx, &UNLINK, UNLINK.query().bind(finding.to_string())).await?;
    execute(tx, &FORGET, FORGET.query().bind(finding.to_string())).await.map(|_| ())
}

/// Takes out the names, jobs, telemetry rows (with all roll-ups where sightings are among them) and labels of an exhibit.
pub async fn forget_exhibit(tx: &mut Tx, exhibit: &ExhibitId) -> Result<(), StoreError> {
    for statement in [&JOBS, &NAMES, &ROLLED, &MANIFEST, &LABELS] {
        execute(tx, statement, statement.query().bind(exhibit.to_string())).await?;
    }
    compacted::forget(tx, exhibit).await
}

/// What was unpacked from an exhibit and is here.
pub async fn unpacked(conn: &mut AnyConnection, from: &ExhibitId) -> Result<Vec<ExhibitId>, StoreError> {
    let found = rows(conn, &UNPACKED, UNPACKED.query().bind(from.to_string())).await?;
    found.iter().map(|r| parsed(r, "exhibits", "id")).collect()
}

/// The exhibits that bear exactly this name.
pub async fn named(conn: &mut AnyConnection, name: &str) -> Result<Vec<ExhibitId>, StoreError> {
    let found = rows(conn, &NAMED, NAMED.query().bind(name.to_owned())).await?;
    found
        .iter()
        .map(|r| {
            let id: String = get(r, "exhibit_names", "exhibit")?;
            id.parse().map_err(|e| StoreError::row("exhibit_names", &id, e))
        })
        .collect()
}
