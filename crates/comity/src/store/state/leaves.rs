//! The outbox: leaves on their way to the ledger.
//!
//! A leaf is queued in the transaction it speaks of. The sequencer first gives leaves their places here, in one fenced
//! transaction, and only then writes them: which leaf stands where is decided once, in the state store, so that whoever
//! writes after a crash writes the same bytes at the same places.

use super::{Tx, execute, get, row, rows, signed, size, statement::Statement};
use crate::store::StoreError;
use sqlx::{AnyConnection, any::AnyRow};
use terms::Timestamp;
use uuid::Uuid;

/// Most bytes of one leaf (C2SP tlog-tiles, entry bundles: the length is a u16).
pub const MOST_LEAF: usize = 65_535;

/// A leaf to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLeaf {
    /// Its id; a second leaf of the same id is not queued.
    pub id: String,
    /// Its bytes, as they will stand on the ledger: no personal data, no salt.
    pub body: Vec<u8>,
}

impl NewLeaf {
    /// A leaf with a new id, later than every id this process gave before.
    pub fn new(body: Vec<u8>) -> Self {
        Self { id: Uuid::now_v7().to_string(), body }
    }
}

/// A leaf with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its id.
    pub id: String,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Its index on the ledger, where it has one.
    pub place: Option<u64>,
    /// When a checkpoint first covered it.
    pub published_at: Option<Timestamp>,
}

/// What the state store knows of the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeafCount {
    /// Leaves without a place.
    pub waiting: u64,
    /// Leaves with a place that no checkpoint covers yet.
    pub placed: u64,
    /// Leaves that a checkpoint covers.
    pub published: u64,
}

const ADD: Statement = Statement {
    name: "leaves.add",
    sql: "INSERT INTO leaves (id, body, queued_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
};
const PLACE: Statement = Statement {
    name: "leaves.place",
    sql: "UPDATE leaves SET place = $1 + n.rank FROM \
          (SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS rank FROM \
           (SELECT id FROM leaves WHERE place IS NULL ORDER BY id LIMIT $2) AS w) AS n WHERE leaves.id = n.id",
};
const FROM: Statement = Statement {
    name: "leaves.from",
    sql: "SELECT id, body, place, published_at FROM leaves WHERE place >= $1 ORDER BY place LIMIT $2",
};
const PUBLISH: Statement = Statement {
    name: "leaves.publish",
    sql: "UPDATE leaves SET published_at = $3 WHERE place >= $1 AND place < $2",
};
const GET: Statement =
    Statement { name: "leaves.get", sql: "SELECT id, body, place, published_at FROM leaves WHERE id = $1" };
const COUNT: Statement =
    Statement { name: "leaves.count_waiting", sql: "SELECT COUNT(*) AS n FROM leaves WHERE place IS NULL" };
const UNTIL: Statement = Statement {
    name: "leaves.published_until",
    sql: "SELECT MIN(place) AS first FROM leaves WHERE place IS NOT NULL AND (published_at IS NULL OR published_at > $1)",
};
const HOLD: Statement = Statement {
    name: "sequencer.hold",
    sql: "UPDATE sequencer SET epoch = epoch + 1, holder = $1, lease_until = $2 \
          WHERE id = 1 AND (lease_until <= $3 OR holder = $1) RETURNING epoch, size, published",
};
const RENEW: Statement = Statement {
    name: "sequencer.renew",
    sql: "UPDATE sequencer SET lease_until = $2 WHERE id = 1 AND epoch = $1 RETURNING epoch, size, published",
};
const GROW: Statement =
    Statement { name: "sequencer.grow", sql: "UPDATE sequencer SET size = $2 WHERE id = 1 AND epoch = $1" };
const COVER: Statement = Statement {
    name: "sequencer.cover",
    sql: "UPDATE sequencer SET published = $2 WHERE id = 1 AND epoch = $1",
};
const LET_GO: Statement = Statement {
    name: "sequencer.let_go",
    sql: "UPDATE sequencer SET lease_until = 0 WHERE id = 1 AND epoch = $1",
};
const HEAD: Statement =
    Statement { name: "sequencer.head", sql: "SELECT epoch, size, published FROM sequencer WHERE id = 1" };
pub(crate) const STATEMENTS: &[&Statement] =
    &[&ADD, &PLACE, &FROM, &PUBLISH, &GET, &COUNT, &UNTIL, &HOLD, &RENEW, &GROW, &COVER, &LET_GO, &HEAD];

/// Queues a leaf; false where its id is known already.
///
/// Errors: CMT-1023 above 65,535 bytes.
pub async fn queue(tx: &mut Tx, leaf: &NewLeaf, at: Timestamp) -> Result<bool, StoreError> {
    if leaf.body.len() > MOST_LEAF {
        return Err(StoreError::TooLarge {
            what: "a leaf",
            size: leaf.body.len() as u64,
            most: MOST_LEAF as u64,
        });
    }
    let query = ADD.query().bind(leaf.id.clone()).bind(leaf.body.clone()).bind(at.0);
    Ok(execute(tx, &ADD, query).await? == 1)
}

/// One leaf by its id.
pub async fn find(conn: &mut AnyConnection, id: &str) -> Result<Option<Leaf>, StoreError> {
    row(conn, &GET, GET.query().bind(id.to_owned())).await?.map(|r| read(&r)).transpose()
}

/// How many leaves stand where.
pub async fn count(conn: &mut AnyConnection) -> Result<LeafCount, StoreError> {
    let waiting = row(conn, &COUNT, COUNT.query()).await?.map_or(Ok(0), |r| size(&r, "leaves", "n"))?;
    let lease = row(conn, &HEAD, HEAD.query()).await?.map(|r| lease(&r)).transpose()?;
    let (places, published) = lease.map_or((0, 0), |l| (l.places, l.published));
    Ok(LeafCount { waiting, placed: places.saturating_sub(published), published })
}

/// Leaves that have a place, from place `from` on, in order; at most `limit`.
pub async fn placed_from(conn: &mut AnyConnection, from: u64, limit: u32) -> Result<Vec<Leaf>, StoreError> {
    let query = FROM.query().bind(signed(from)).bind(i64::from(limit));
    rows(conn, &FROM, query).await?.iter().map(read).collect()
}

/// How many leaves from the first on a checkpoint covered at `until` or before.
pub async fn published_until(conn: &mut AnyConnection, until: Timestamp) -> Result<u64, StoreError> {
    let found = row(conn, &UNTIL, UNTIL.query().bind(until.0)).await?;
    let first: Option<i64> = found.map(|r| get(&r, "leaves", "first")).transpose()?.flatten();
    match first {
        Some(place) => u64::try_from(place).map_err(|_| StoreError::row("leaves", place, "negative place")),
        None => places(conn).await,
    }
}

/// Places given so far: the size the ledger has or will have.
pub async fn places(conn: &mut AnyConnection) -> Result<u64, StoreError> {
    row(conn, &HEAD, HEAD.query()).await?.map_or(Ok(0), |r| size(&r, "sequencer", "size"))
}

/// The lease on the ledger and how far the ledger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub epoch: i64,
    /// Places given so far.
    pub places: u64,
    /// Leaves that a checkpoint covers, as far as it was noted.
    pub published: u64,
}

fn lease(r: &AnyRow) -> Result<Lease, StoreError> {
    const T: &str = "sequencer";
    Ok(Lease { epoch: get(r, T, "epoch")?, places: size(r, T, "size")?, published: size(r, T, "published")? })
}

/// Takes the lease on the ledger with a new epoch; none while another holds it.
pub(crate) async fn hold(
    tx: &mut Tx,
    holder: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<Option<Lease>, StoreError> {
    let query = HOLD.query().bind(holder.to_owned()).bind(until.0).bind(now.0);
    row(tx, &HOLD, query).await?.map(|r| lease(&r)).transpose()
}

/// Renews the lease and locks it for the rest of the transaction.
///
/// Errors: CMT-1016 where another epoch has begun.
pub(crate) async fn renew(tx: &mut Tx, epoch: i64, until: Timestamp) -> Result<Lease, StoreError> {
    match row(tx, &RENEW, RENEW.query().bind(epoch).bind(until.0)).await? {
        Some(r) => lease(&r),
        None => Err(StoreError::Fenced { epoch }),
    }
}

/// Gives the next waiting leaves their places; the number of places after it. The transaction holds the lease
/// (`renew`).
pub(crate) async fn place(tx: &mut Tx, lease: &Lease, limit: u32) -> Result<u64, StoreError> {
    // One statement for all: a turn of the database for each leaf would be the slowest part of the ledger.
    let query = PLACE.query().bind(signed(lease.places)).bind(i64::from(limit));
    let next = lease.places + execute(tx, &PLACE, query).await?;
    if next != lease.places {
        let query = GROW.query().bind(lease.epoch).bind(signed(next));
        still_held(execute(tx, &GROW, query).await?, lease.epoch)?;
    }
    Ok(next)
}

/// Marks leaves below `size` as published. The transaction holds the lease (`renew`).
pub(crate) async fn publish(tx: &mut Tx, lease: &Lease, size: u64, at: Timestamp) -> Result<(), StoreError> {
    let query = PUBLISH.query().bind(signed(lease.published)).bind(signed(size)).bind(at.0);
    execute(tx, &PUBLISH, query).await?;
    let query = COVER.query().bind(lease.epoch).bind(signed(size));
    still_held(execute(tx, &COVER, query).await?, lease.epoch)
}

fn still_held(changed: u64, epoch: i64) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(StoreError::Fenced { epoch }) }
}

/// Gives the lease up early.
pub(crate) async fn let_go(tx: &mut Tx, epoch: i64) -> Result<(), StoreError> {
    execute(tx, &LET_GO, LET_GO.query().bind(epoch)).await.map(|_| ())
}

fn read(r: &AnyRow) -> Result<Leaf, StoreError> {
    const T: &str = "leaves";
    let place: Option<i64> = get(r, T, "place")?;
    Ok(Leaf {
        id: get(r, T, "id")?,
        body: get(r, T, "body")?,
        place: place
            .map(|p| u64::try_from(p).map_err(|_| StoreError::row(T, p, "negative place")))
            .transpose()?,
        published_at: get::<Option<i64>>(r, T, "published_at")?.map(Timestamp),
    })
}
