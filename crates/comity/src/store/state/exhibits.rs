//! The exhibits of a home, by the SHA-256 of their bytes. The same bytes twice are one exhibit with two names.

use super::{
    Tx, execute, get, parsed, parsed_or, records::bounded, row, rows, signed, size, statement::Statement,
    word,
};
use crate::store::StoreError;
use ::ledger::Commitment;
use serde::Serialize;
use sqlx::{AnyConnection, any::AnyRow};
use std::collections::HashMap;
use terms::{Compression, ExhibitId, ExhibitKind, Obtained, Timestamp};

/// Most bytes of one name; longer ones are cut.
const MOST_NAME: usize = 4096;

/// What a home knows of an exhibit beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exhibit {
    /// SHA-256 of its bytes.
    pub id: ExhibitId,
    /// What it is, told by its content.
    pub kind: ExhibitKind,
    /// How its bytes are compressed.
    pub compression: Compression,
    /// Bytes.
    pub size: u64,
    /// Names under which it came, sorted. Never used to tell what it is.
    pub names: Vec<String>,
    /// How it came.
    pub obtained: Obtained,
    /// When it was first sealed here.
    pub sealed_at: Timestamp,
    /// The salted commitment that stands for it on the ledger.
    pub commitment: Commitment,
    /// The exhibit it was unpacked from.
    pub derived_from: Option<ExhibitId>,
    /// When its key, salt and bytes were destroyed.
    pub erased_at: Option<Timestamp>,
}

const ADD: Statement = Statement {
    name: "exhibits.add",
    sql: "INSERT INTO exhibits (id, kind, compression, size, obtained, sealed_at, commitment, derived_from) \
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
};
const RESEAL: Statement = Statement {
    name: "exhibits.reseal",
    sql: "UPDATE exhibits SET sealed_at = $2, commitment = $3, erased_at = NULL \
          WHERE id = $1 AND erased_at IS NOT NULL",
};
const NAME: Statement = Statement {
    name: "exhibits.name",
    sql: "INSERT INTO exhibit_names (exhibit, name) VALUES ($1, $2) ON CONFLICT (exhibit, name) DO NOTHING",
};
const GET: Statement = Statement {
    name: "exhibits.get",
    sql: "SELECT id, kind, compression, size, obtained, sealed_at, commitment, derived_from, erased_at \
          FROM exhibits WHERE id = $1",
};
const PAGE: Statement = Statement {
    name: "exhibits.page",
    sql: "SELECT id, kind, compression, size, obtained, sealed_at, commitment, derived_from, erased_at \
          FROM exhibits WHERE id > $1 ORDER BY id LIMIT $2",
};
const OF_KIND: Statement = Statement {
    name: "exhibits.of_kind",
    sql: "SELECT id, kind, compression, size, obtained, sealed_at, commitment, derived_from, erased_at \
          FROM exhibits WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3",
};
const NAMES: Statement = Statement {
    name: "exhibits.names",
    sql: "SELECT exhibit, name FROM exhibit_names WHERE exhibit >= $1 AND exhibit <= $2 ORDER BY exhibit, name",
};
const NAMES_OF_KIND: Statement = Statement {
    name: "exhibits.names_of_kind",
    sql: "SELECT exhibit, name FROM exhibit_names WHERE exhibit >= $1 AND exhibit <= $2 \
          AND exhibit IN (SELECT id FROM exhibits WHERE kind = $3) ORDER BY exhibit, name",
};
const ERASE: Statement = Statement {
    name: "exhibits.erase",
    sql: "UPDATE exhibits SET erased_at = $2 WHERE id = $1 AND erased_at IS NULL",
};
const FORGET_NAMES: Statement =
    Statement { name: "exhibits.forget_names", sql: "DELETE FROM exhibit_names WHERE exhibit = $1" };
const OWN: Statement = Statement {
    name: "exhibits.own",
    sql: "UPDATE exhibits SET derived_from = NULL WHERE id = $1 AND derived_from IS NOT NULL",
};
const BELOW: Statement = Statement {
    name: "exhibits.below",
    sql: "WITH RECURSIVE tree(id, size) AS (SELECT id, size FROM exhibits WHERE derived_from = $1 \
          UNION SELECT e.id, e.size FROM exhibits e JOIN tree t ON e.derived_from = t.id) \
          SELECT COUNT(*) AS n, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM tree",
};
const COUNT: Statement = Statement {
    name: "exhibits.count",
    sql: "SELECT kind, COUNT(*) AS n, CAST(SUM(size) AS BIGINT) AS bytes FROM exhibits \
          WHERE erased_at IS NULL GROUP BY kind ORDER BY kind",
};
pub(crate) const STATEMENTS: &[&Statement] = &[
    &ADD,
    &RESEAL,
    &NAME,
    &GET,
    &PAGE,
    &OF_KIND,
    &NAMES,
    &NAMES_OF_KIND,
    &ERASE,
    &FORGET_NAMES,
    &OWN,
    &BELOW,
    &COUNT,
];

/// Lists an exhibit; whether it is new here. Bytes that are known already gain the names and keep the rest. Bytes that
/// were erased and came again are sealed under a new key: they count as new, with their new commitment.
pub async fn put(tx: &mut Tx, exhibit: &Exhibit) -> Result<bool, StoreError> {
    let id = exhibit.id.to_string();
    let query = ADD
        .query()
        .bind(id.clone())
        .bind(exhibit.kind.word())
        .bind(exhibit.compression.word())
        .bind(signed(exhibit.size))
        .bind(exhibit.obtained.word())
        .bind(exhibit.sealed_at.0)
        .bind(exhibit.commitment.to_string())
        .bind(exhibit.derived_from.map(|d| d.to_string()));
    let mut new = execute(tx, &ADD, query).await? == 1;
    if !new {
        let query =
            RESEAL.query().bind(id.clone()).bind(exhibit.sealed_at.0).bind(exhibit.commitment.to_string());
        new = execute(tx, &RESEAL, query).await? == 1;
    }
    for name in &exhibit.names {
        execute(tx, &NAME, NAME.query().bind(id.clone()).bind(cut(name).to_owned())).await?;
    }
    Ok(new)
}

fn cut(name: &str) -> &str {
    let end = name.floor_char_boundary(MOST_NAME.min(name.len()));
    // PostgreSQL has no NUL in text.
    let end = name.find('\0').map_or(end, |nul| nul.min(end));
    name.get(..end).unwrap_or_default()
}

/// One exhibit.
pub async fn find(conn: &mut AnyConnection, id: &ExhibitId) -> Result<Option<Exhibit>, StoreError> {
    let found = rows(conn, &GET, GET.query().bind(id.to_string())).await?;
    Ok(read(conn, &found, None).await?.pop())
}

/// Exhibits in the order of their ids after `after`; at most `limit` and 1,000.
pub async fn page(
    conn: &mut AnyConnection,
    after: Option<&ExhibitId>,
    limit: u32,
) -> Result<Vec<Exhibit>, StoreError> {
    let after = after.map(ToString::to_string).unwrap_or_default();
    let found = rows(conn, &PAGE, PAGE.query().bind(after).bind(bounded(limit))).await?;
    read(conn, &found, None).await
}

/// Exhibits of one kind in the order of their ids after `after`; at most `limit` and 1,000.
pub async fn of_kind(
    conn: &mut AnyConnection,
    kind: ExhibitKind,
    after: Option<&ExhibitId>,
    limit: u32,
) -> Result<Vec<Exhibit>, StoreError> {
    let after = after.map(ToString::to_string).unwrap_or_default();
    let found =
        rows(conn, &OF_KIND, OF_KIND.query().bind(kind.word()).bind(after).bind(bounded(limit))).await?;
    read(conn, &found, Some(kind)).await
}

/// How many exhibits and bytes of each kind rest here, erased ones left out.
pub async fn count(conn: &mut AnyConnection) -> Result<Vec<(ExhibitKind, u64, u64)>, StoreError> {
    let found = rows(conn, &COUNT, COUNT.query()).await?;
    found
        .iter()
        .map(|r| {
            let kind = word(r, "exhibits", "kind", ExhibitKind::from_word)?;
            Ok((kind, size(r, "exhibits", "n")?, size(r, "exhibits", "bytes")?))
        })
        .collect()
}

/// Notes that an exhibit also came in on its own: it no longer goes when that goes from which it was unpacked.
pub async fn on_its_own(tx: &mut Tx, id: &ExhibitId) -> Result<bool, StoreError> {
    Ok(execute(tx, &OWN, OWN.query().bind(id.to_string())).await? == 1)
}

/// How many exhibits, and bytes of them, were unpacked from this one over all depths.
pub async fn below(conn: &mut AnyConnection, root: &ExhibitId) -> Result<(u64, u64), StoreError> {
    let found = row(conn, &BELOW, BELOW.query().bind(root.to_string())).await?;
    found.map_or(Ok((0, 0)), |r| Ok((size(&r, "exhibits", "n")?, size(&r, "exhibits", "bytes")?)))
}

/// Marks an exhibit as erased and forgets its names; whether it was there and not erased yet. The vault's key is
/// destroyed by the caller, before this is acknowledged.
pub async fn erase(tx: &mut Tx, id: &ExhibitId, at: Timestamp) -> Result<bool, StoreError> {
    let done = execute(tx, &ERASE, ERASE.query().bind(id.to_string()).bind(at.0)).await? == 1;
    execute(tx, &FORGET_NAMES, FORGET_NAMES.query().bind(id.to_string())).await?;
    Ok(done)
}

/// Whether an exhibit is listed and not erased.
pub async fn is_here(conn: &mut AnyConnection, id: &ExhibitId) -> Result<bool, StoreError> {
    let found = row(conn, &GET, GET.query().bind(id.to_string())).await?;
    found.map_or(Ok(false), |r| Ok(get::<Option<i64>>(&r, "exhibits", "erased_at")?.is_none()))
}

/// Rows with their names, which lie in a table of their own: two questions for a page.
async fn read(
    conn: &mut AnyConnection,
    found: &[AnyRow],
    kind: Option<ExhibitKind>,
) -> Result<Vec<Exhibit>, StoreError> {
    let mut exhibits = found.iter().map(exhibit).collect::<Result<Vec<_>, _>>()?;
    let (Some(first), Some(last)) = (exhibits.first(), exhibits.last()) else {
        return Ok(exhibits);
    };
    let (from, to) = (first.id.to_string(), last.id.to_string());
    let found = match kind {
        None => rows(conn, &NAMES, NAMES.query().bind(from).bind(to)).await?,
        Some(k) => {
            rows(conn, &NAMES_OF_KIND, NAMES_OF_KIND.query().bind(from).bind(to).bind(k.word())).await?
        }
    };
    let mut names: HashMap<ExhibitId, Vec<String>> = HashMap::new();
    for r in &found {
        let id: ExhibitId = parsed(r, "exhibit_names", "exhibit")?;
        names.entry(id).or_default().push(get(r, "exhibit_names", "name")?);
    }
    for exhibit in &mut exhibits {
        exhibit.names = names.remove(&exhibit.id).unwrap_or_default();
        exhibit.names.sort_unstable();
    }
    Ok(exhibits)
}

fn exhibit(r: &AnyRow) -> Result<Exhibit, StoreError> {
    const T: &str = "exhibits";
    Ok(Exhibit {
        id: parsed(r, T, "id")?,
        kind: word(r, T, "kind", ExhibitKind::from_word)?,
        compression: word(r, T, "compression", Compression::from_word)?,
        size: size(r, T, "size")?,
        names: Vec::new(),
        obtained: word(r, T, "obtained", Obtained::from_word)?,
        sealed_at: Timestamp(get(r, T, "sealed_at")?),
        commitment: parsed(r, T, "commitment")?,
        derived_from: parsed_or(r, T, "derived_from")?,
        erased_at: get::<Option<i64>>(r, T, "erased_at")?.map(Timestamp),
    })
}
