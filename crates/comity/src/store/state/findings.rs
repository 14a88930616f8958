//! Findings by content id: a retried job changes nothing. Refuted rather than deleted.

use super::{
    State, Tx, execute, from_json, get, json, parsed, parsed_or, records::bounded, row, rows, size,
    statement::Statement,
};
use crate::store::StoreError;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use sqlx::{AnyConnection, AssertSqlSafe, any::AnyRow};
use std::sync::LazyLock;
use terms::{Confidence, ExhibitId, Finding, FindingBody, FindingId, Timestamp};

/// A finding as the home keeps it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// When it was first written here.
    pub found_at: Timestamp,
    /// The finding that refutes it.
    pub refuted_by: Option<FindingId>,
}

/// Rows of one statement when many are written.
const ROWS: usize = 50;

macro_rules! columns {
    () => {
        "id, kind, examiner, version, confidence, reason, exhibits, body, found_at, refuted_by"
    };
}

const ADD: Statement = Statement {
    name: "findings.add",
    sql: "INSERT INTO findings (id, kind, examiner, version, confidence, reason, exhibits, body, found_at) \
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING",
};
const LINK: Statement = Statement {
    name: "findings.link",
    sql: "INSERT INTO finding_exhibits (exhibit, finding) VALUES ($1, $2) ON CONFLICT (exhibit, finding) DO NOTHING",
};
const GET: Statement =
    Statement { name: "findings.get", sql: concat!("SELECT ", columns!(), " FROM findings WHERE id = $1") };
const PREFIX: Statement = Statement {
    name: "findings.prefix",
    sql: concat!("SELECT ", columns!(), " FROM findings WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT 2"),
};
const PAGE: Statement = Statement {
    name: "findings.page",
    sql: concat!("SELECT ", columns!(), " FROM findings WHERE id > $1 ORDER BY id LIMIT $2"),
};
const OF_KIND: Statement = Statement {
    name: "findings.of_kind",
    sql: concat!("SELECT ", columns!(), " FROM findings WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3"),
};
const KINDS_OF: Statement = Statement {
    name: "findings.kinds_of",
    sql: "SELECT f.kind AS kind, f.examiner AS examiner, f.version AS version, MIN(f.found_at) AS first \
          FROM findings f JOIN finding_exhibits x ON x.finding = f.id \
          WHERE x.exhibit = $1 AND f.refuted_by IS NULL \
          GROUP BY f.kind, f.examiner, f.version ORDER BY first, kind, examiner, version",
};
const OF_EXHIBIT: Statement = Statement {
    name: "findings.of_exhibit",
    sql: concat!(
        "SELECT ",
        columns!(),
        " FROM findings WHERE id IN (SELECT finding FROM finding_exhibits WHERE exhibit = $1) AND id > $2 \
          ORDER BY id LIMIT $3"
    ),
};
const REFUTE: Statement = Statement {
    name: "findings.refute",
    sql: "UPDATE findings SET refuted_by = $2, refuted_at = $3 WHERE id = $1 AND refuted_by IS NULL",
};
const COUNT: Statement = Statement {
    name: "findings.count",
    sql: "SELECT kind, COUNT(*) AS n FROM findings GROUP BY kind ORDER BY kind",
};
pub(crate) const STATEMENTS: &[&Statement] =
    &[&ADD, &LINK, &GET, &PREFIX, &PAGE, &OF_KIND, &KINDS_OF, &OF_EXHIBIT, &REFUTE, &COUNT];

/// The same statements for `ROWS` rows at once; made of the constants above and of nothing that comes from outside.
static ADD_MANY: LazyLock<String> = LazyLock::new(|| widen(ADD.sql, 9));
static LINK_MANY: LazyLock<String> = LazyLock::new(|| widen(LINK.sql, 2));

/// `… VALUES ($1, …, $n) …` with `ROWS` groups of placeholders.
fn widen(sql: &str, columns: usize) -> String {
    let (head, rest) = sql.split_once("VALUES ").unwrap_or((sql, ""));
    let (_, tail) = rest.split_once(") ").unwrap_or(("", rest));
    let group = |row: usize| {
        let places: Vec<String> = (1..=columns).map(|c| format!("${}", row * columns + c)).collect();
        format!("({})", places.join(", "))
    };
    let groups: Vec<String> = (0..ROWS).map(group).collect();
    format!("{head}VALUES {} {tail}", groups.join(", "))
}

/// The word for what a finding states: `type` of its body (`configuration`, `beacon`).
pub fn kind(body: &FindingBody) -> &'static str {
    match body {
        FindingBody::Format { .. } => "format",
        FindingBody::Hashes { .. } => "hashes",
        FindingBody::Configuration { .. } => "configuration",
        FindingBody::Similar { .. } => "similar",
        FindingBody::Beacon { .. } => "beacon",
        FindingBody::GeneratedNames { .. } => "generated-names",
        FindingBody::Activity { .. } => "activity",
        FindingBody::Indicator { .. } => "indicator",
        FindingBody::StixObject { .. } => "stix-object",
        FindingBody::Asset { .. } => "asset",
        FindingBody::Account { .. } => "account",
        FindingBody::ActiveContent { .. } => "active-content",
        FindingBody::Derived { .. } => "derived",
        FindingBody::RuleSet { .. } => "rule-set",
        FindingBody::Scanned { .. } => "scanned",
        FindingBody::RuleMatch { .. } => "rule-match",
        FindingBody::Signature { .. } => "signature",
        FindingBody::Text { .. } => "text",
        FindingBody::Capability { .. } => "capability",
        FindingBody::Code { .. } => "code",
        FindingBody::SharedCode { .. } => "shared-code",
        FindingBody::Family { .. } => "family",
        FindingBody::Withheld { .. } => "withheld",
        FindingBody::Unreadable { .. } => "unreadable",
    }
}

/// Writes findings; how many are new. Their exhibits must be listed already.
pub async fn put(tx: &mut Tx, findings: &[Finding], at: Timestamp) -> Result<u64, StoreError> {
    let mut new = 0;
    let links: Vec<(String, String)> =
        findings.iter().flat_map(|f| f.exhibits.iter().map(|e| (e.to_string(), f.id.to_string()))).collect();
    for chunk in findings.chunks(ROWS) {
        if chunk.len() == ROWS {
            let mut query = sqlx::query(AssertSqlSafe(ADD_MANY.as_str()));
            for finding in chunk {
                query = bind(query, finding, at)?;
            }
            new += execute(tx, &ADD, query).await?;
        } else {
            for finding in chunk {
                new += execute(tx, &ADD, bind(ADD.query(), finding, at)?).await?;
            }
        }
    }
    for chunk in links.chunks(ROWS) {
        if chunk.len() == ROWS {
            let mut query = sqlx::query(AssertSqlSafe(LINK_MANY.as_str()));
            for (exhibit, finding) in chunk {
                query = query.bind(exhibit.clone()).bind(finding.clone());
            }
            execute(tx, &LINK, query).await?;
        } else {
            for (exhibit, finding) in chunk {
                execute(tx, &LINK, LINK.query().bind(exhibit.clone()).bind(finding.clone())).await?;
            }
        }
    }
    Ok(new)
}

fn bind<'q>(
    query: super::Bound<'q>,
    finding: &Finding,
    at: Timestamp,
) -> Result<super::Bound<'q>, StoreError> {
    Ok(query
        .bind(finding.id.to_string())
        .bind(kind(&finding.body))
        .bind(finding.examiner.clone())
        .bind(i64::from(finding.version))
        .bind(i64::from(finding.confidence.percent()))
        .bind(without_nul(&finding.reason))
        .bind(json("findings", &finding.exhibits)?)
        .bind(json("findings", &finding.body)?)
        .bind(at.0))
}

/// PostgreSQL has no NUL in text; in JSON it stands escaped and needs no care.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// One finding.
pub async fn find(conn: &mut AnyConnection, id: &FindingId) -> Result<Option<Kept>, StoreError> {
    row(conn, &GET, GET.query().bind(id.to_string())).await?.map(|r| read(&r)).transpose()
}

/// The finding whose id begins so, where exactly one does. At least 6 and at most 64 hexadecimal digits.
pub async fn find_prefix(conn: &mut AnyConnection, prefix: &str) -> Result<Option<Kept>, StoreError> {
    let prefix = prefix.to_ascii_lowercase();
    if !(6..=64).contains(&prefix.len()) || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(None);
    }
    // No hexadecimal digit sorts behind `f`.
    let query = PREFIX.query().bind(prefix.clone()).bind(format!("{prefix}g"));
    let found = rows(conn, &PREFIX, query).await?;
    match found.as_slice() {
        [one] => read(one).map(Some),
        _ => Ok(None),
    }
}

/// Findings in the order of their ids after `after`; at most `limit` and 1,000.
pub async fn page(
    conn: &mut AnyConnection,
    after: Option<&FindingId>,
    limit: u32,
) -> Result<Vec<Kept>, StoreError> {
    let query = PAGE.query().bind(text(after)).bind(bounded(limit));
    rows(conn, &PAGE, query).await?.iter().map(read).collect()
}

/// Findings of one kind (see [`kind`]) in the order of their ids after `after`; at most `limit` and 1,000.
pub async fn of_kind(
    conn: &mut AnyConnection,
    kind: &str,
    after: Option<&FindingId>,
    limit: u32,
) -> Result<Vec<Kept>, StoreError> {
    let query = OF_KIND.query().bind(kind.to_owned()).bind(text(after)).bind(bounded(limit));
    rows(conn, &OF_KIND, query).await?.iter().map(read).collect()
}

/// Findings that rest on one exhibit, in the order of their ids after `after`; at most `limit` and 1,000.
pub async fn of_exhibit(
    conn: &mut AnyConnection,
    exhibit: &ExhibitId,
    after: Option<&FindingId>,
    limit: u32,
) -> Result<Vec<Kept>, StoreError> {
    let query = OF_EXHIBIT.query().bind(exhibit.to_string()).bind(text(after)).bind(bounded(limit));
    rows(conn, &OF_EXHIBIT, query).await?.iter().map(read).collect()
}

/// Every finding (of one kind, where it is named), page by page: a million of them never lie in memory together.
pub fn stream(state: &State, kind: Option<String>) -> impl Stream<Item = Result<Kept, StoreError>> + Send {
    let start: (State, Option<String>, Option<FindingId>) = (state.clone(), kind, None);
    stream::try_unfold(start, |(state, kind, after)| async move {
        let mut conn = state.read().await?;
        let found = match &kind {
            Some(kind) => of_kind(&mut conn, kind, after.as_ref(), 1000).await?,
            None => page(&mut conn, after.as_ref(), 1000).await?,
        };
        drop(conn);
        let Some(last) = found.last().map(|k| k.finding.id) else {
            return Ok(None);
        };
        Ok::<_, StoreError>(Some((stream::iter(found).map(Ok), (state, kind, Some(last)))))
    })
    .try_flatten()
}

/// Marks a finding as refuted by another; whether it was there and not refuted yet.
pub async fn refute(tx: &mut Tx, id: &FindingId, by: &FindingId, at: Timestamp) -> Result<bool, StoreError> {
    let query = REFUTE.query().bind(id.to_string()).bind(by.to_string()).bind(at.0);
    Ok(execute(tx, &REFUTE, query).await? == 1)
}

/// What kinds of findings that stand rest on an exhibit, by whom, and when the first of each was written.
pub async fn kinds_of(
    conn: &mut AnyConnection,
    exhibit: &ExhibitId,
) -> Result<Vec<(String, String, u32, Timestamp)>, StoreError> {
    const T: &str = "findings";
    let found = rows(conn, &KINDS_OF, KINDS_OF.query().bind(exhibit.to_string())).await?;
    found
        .iter()
        .map(|r| {
            let version: i64 = get(r, T, "version")?;
            let bad = |_| StoreError::row(T, "?", "column version is out of range");
            let first: i64 = get(r, T, "first")?;
            Ok((
                get(r, T, "kind")?,
                get(r, T, "examiner")?,
                u32::try_from(version).map_err(bad)?,
                Timestamp(first),
            ))
        })
        .collect()
}

/// How many findings of each kind there are.
pub async fn count(conn: &mut AnyConnection) -> Result<Vec<(String, u64)>, StoreError> {
    let found = rows(conn, &COUNT, COUNT.query()).await?;
    found.iter().map(|r| Ok((get(r, "findings", "kind")?, size(r, "findings", "n")?))).collect()
}

fn text(after: Option<&FindingId>) -> String {
    after.map(ToString::to_string).unwrap_or_default()
}

fn read(r: &AnyRow) -> Result<Kept, StoreError> {
    const T: &str = "findings";
    let version: i64 = get(r, T, "version")?;
    let confidence: i64 = get(r, T, "confidence")?;
    let bad = |what: &str| StoreError::row(T, "?", format!("column {what} is out of range"));
    let confidence = u8::try_from(confidence).map_err(|_| bad("confidence"))?;
    Ok(Kept {
        finding: Finding {
            id: parsed(r, T, "id")?,
            exhibits: from_json(r, T, "exhibits")?,
            examiner: get(r, T, "examiner")?,
            version: u32::try_from(version).map_err(|_| bad("version"))?,
            confidence: Confidence::try_from(confidence).map_err(|e| StoreError::row(T, "?", e))?,
            reason: get(r, T, "reason")?,
            body: from_json(r, T, "body")?,
        },
        found_at: Timestamp(get(r, T, "found_at")?),
        refuted_by: parsed_or(r, T, "refuted_by")?,
    })
}
