//! What ledgers have shown: partners' heads and alarms, our own checkpoints, who was told of them and who cosigned.
//!
//! Elsewhere: the judgement (`ledger::heads`), what follows from it (`node::heads`).

use super::{Tx, execute, get, parsed, row, rows, signed, size, statement::Statement};
use crate::store::StoreError;
use ::ledger::heads::{MAX_EARLIER, MAX_REMEMBERED, Remembered};
use serde::Serialize;
use sqlx::AnyConnection;
use terms::{Digest, PartnerId, Timestamp};
use uuid::Uuid;

/// A head of a partner's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartnerHead {
    /// Whose ledger.
    pub partner: PartnerId,
    /// The log's origin.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// Root.
    pub root: Digest,
    /// When it was shown, by the partner's clock.
    pub shown_at: Timestamp,
    /// When it was heard here.
    pub heard_at: Timestamp,
    /// The signed checkpoint; empty where the head was only joined to one by proof.
    pub checkpoint: String,
}

/// A two-faced ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Its id.
    pub id: String,
    /// Whose ledger.
    pub partner: PartnerId,
    /// When it was found.
    pub at: Timestamp,
    /// How it shows.
    pub why: String,
    /// The exhibit that holds both signed heads.
    pub exhibit: String,
    /// When a person said why; until then nothing is taken in.
    pub answered_at: Option<Timestamp>,
    /// Who.
    pub person: Option<String>,
    /// What they said.
    pub reason: Option<String>,
}

/// A cosignature on one of our checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cosignature {
    /// The checkpoint's size.
    pub size: u64,
    /// The partner that cosigned.
    pub witness: PartnerId,
    /// When, by its clock.
    pub at: Timestamp,
    /// The signature line.
    pub line: String,
}

const REMEMBER: Statement = Statement {
    name: "heads.remember",
    sql: "INSERT INTO heads (origin, size, root, partner, shown_at, heard_at, checkpoint) \
          VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (origin, size) DO UPDATE SET \
          shown_at = CASE WHEN excluded.shown_at > heads.shown_at THEN excluded.shown_at ELSE heads.shown_at END, \
          checkpoint = CASE WHEN heads.checkpoint = '' THEN excluded.checkpoint ELSE heads.checkpoint END",
};
const OF: Statement = Statement {
    name: "heads.of",
    sql: "SELECT origin, size, root, partner, shown_at, heard_at, checkpoint FROM heads WHERE origin = $1 \
          ORDER BY size DESC LIMIT $2",
};
const LARGEST: Statement = Statement {
    name: "heads.largest",
    sql: "SELECT h.origin, h.size, h.root, h.partner, h.shown_at, h.heard_at, h.checkpoint FROM heads AS h \
          JOIN (SELECT origin, MAX(size) AS most FROM heads GROUP BY origin) AS m \
          ON h.origin = m.origin AND h.size = m.most ORDER BY h.partner",
};
const PRUNE: Statement = Statement {
    name: "heads.prune",
    sql: "DELETE FROM heads WHERE origin = $1 AND size <= \
          (SELECT size FROM heads WHERE origin = $1 ORDER BY size DESC LIMIT 1 OFFSET $2)",
};
const FORGET: Statement = Statement { name: "heads.forget", sql: "DELETE FROM heads WHERE partner = $1" };
const RAISE: Statement = Statement {
    name: "head_alarms.raise",
    sql: "INSERT INTO head_alarms (id, partner, at, why, exhibit) VALUES ($1, $2, $3, $4, $5)",
};
const ALARMS: Statement = Statement {
    name: "head_alarms.all",
    sql: "SELECT id, partner, at, why, exhibit, answered_at, person, reason FROM head_alarms ORDER BY id LIMIT 1000",
};
const OPEN: Statement = Statement {
    name: "head_alarms.open",
    sql: "SELECT id, partner, at, why, exhibit, answered_at, person, reason FROM head_alarms \
          WHERE partner = $1 AND answered_at IS NULL ORDER BY id LIMIT 1",
};
const ANSWER: Statement = Statement {
    name: "head_alarms.answer",
    sql: "UPDATE head_alarms SET answered_at = $2, person = $3, reason = $4 WHERE partner = $1 AND answered_at IS NULL",
};
const CHECKPOINT: Statement = Statement {
    name: "checkpoints.put",
    sql: "INSERT INTO checkpoints (size, root, at, checkpoint) VALUES ($1, $2, $3, $4) ON CONFLICT (size) DO NOTHING",
};
const CHECKPOINT_AT: Statement = Statement {
    name: "checkpoints.get",
    sql: "SELECT size, root, checkpoint FROM checkpoints WHERE size = $1",
};
const CHECKPOINTS: Statement = Statement {
    name: "checkpoints.latest",
    sql: "SELECT size, checkpoint FROM checkpoints ORDER BY size DESC LIMIT 64",
};
const COSIGNED: Statement = Statement {
    name: "cosignatures.all",
    sql: "SELECT size, witness, at, line FROM cosignatures ORDER BY size DESC, witness LIMIT 1000",
};
const COSIGN: Statement = Statement {
    name: "cosignatures.put",
    sql: "INSERT INTO cosignatures (size, witness, at, line) VALUES ($1, $2, $3, $4) \
          ON CONFLICT (size, witness) DO UPDATE SET at = excluded.at, line = excluded.line",
};
const TELL: Statement = Statement {
    name: "told.add",
    sql: "INSERT INTO told (partner, size, at, message) VALUES ($1, $2, $3, $4) ON CONFLICT (partner, message) \
          DO UPDATE SET size = excluded.size, at = excluded.at",
};
const TOLD: Statement = Statement {
    name: "told.of",
    sql: "SELECT DISTINCT c.size, c.root FROM told AS t JOIN checkpoints AS c ON c.size = t.size WHERE t.partner = $1 \
          ORDER BY c.size DESC LIMIT $2",
};
const TOLD_WITH: Statement =
    Statement { name: "told.with", sql: "SELECT size FROM told WHERE partner = $1 AND message = $2" };
const CONFIRM: Statement =
    Statement { name: "told.confirm", sql: "DELETE FROM told WHERE partner = $1 AND size < $2" };
pub(crate) const STATEMENTS: &[&Statement] = &[
    &REMEMBER,
    &OF,
    &LARGEST,
    &PRUNE,
    &FORGET,
    &RAISE,
    &ALARMS,
    &OPEN,
    &ANSWER,
    &CHECKPOINT,
    &CHECKPOINT_AT,
    &CHECKPOINTS,
    &COSIGNED,
    &COSIGN,
    &TELL,
    &TOLD,
    &TOLD_WITH,
    &CONFIRM,
];

/// What is remembered of one ledger, and the signed checkpoints of it, largest first.
pub async fn remembered(
    conn: &mut AnyConnection,
    origin: &str,
) -> Result<(Remembered, Vec<PartnerHead>), StoreError> {
    let query = OF.query().bind(origin.to_owned()).bind(signed(MAX_REMEMBERED as u64));
    let all: Vec<PartnerHead> = rows(conn, &OF, query).await?.iter().map(read).collect::<Result<_, _>>()?;
    let roots = all.iter().map(|h| (h.size, h.root)).collect();
    Ok((Remembered { roots, at: all.first().map(|h| h.shown_at) }, all))
}

/// The largest head of each partner's ledger.
pub async fn largest(conn: &mut AnyConnection) -> Result<Vec<PartnerHead>, StoreError> {
    rows(conn, &LARGEST, LARGEST.query()).await?.iter().map(read).collect()
}

/// Remembers heads that belong to one history; the oldest beyond 4,096 go.
pub async fn remember(tx: &mut Tx, heads: &[PartnerHead]) -> Result<(), StoreError> {
    for head in heads {
        let query =
            REMEMBER.query().bind(head.origin.clone()).bind(signed(head.size)).bind(head.root.to_string());
        let query = query.bind(head.partner.to_string()).bind(head.shown_at.0).bind(head.heard_at.0);
        execute(tx, &REMEMBER, query.bind(head.checkpoint.clone())).await?;
    }
    if let Some(head) = heads.first() {
        let query = PRUNE.query().bind(head.origin.clone()).bind(signed(MAX_REMEMBERED as u64));
        execute(tx, &PRUNE, query).await?;
    }
    Ok(())
}

/// Raises an alarm.
pub async fn raise(
    tx: &mut Tx,
    partner: &PartnerId,
    why: &str,
    exhibit: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let query = RAISE.query().bind(Uuid::now_v7().to_string()).bind(partner.to_string()).bind(at.0);
    execute(tx, &RAISE, query.bind(why.to_owned()).bind(exhibit.to_owned())).await.map(|_| ())
}

/// All alarms, answered ones too; at most 1,000.
pub async fn alarms(conn: &mut AnyConnection) -> Result<Vec<Alarm>, StoreError> {
    rows(conn, &ALARMS, ALARMS.query()).await?.iter().map(alarm).collect()
}

/// The alarm about a partner that nobody has answered.
pub async fn open_alarm(conn: &mut AnyConnection, partner: &PartnerId) -> Result<Option<Alarm>, StoreError> {
    row(conn, &OPEN, OPEN.query().bind(partner.to_string())).await?.map(|r| alarm(&r)).transpose()
}

/// Notes what a person says of a partner's alarms, and forgets its heads: the next one it shows is the first. How many
/// alarms this answered.
pub async fn answer(
    tx: &mut Tx,
    partner: &PartnerId,
    person: &str,
    reason: &str,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let query = ANSWER.query().bind(partner.to_string()).bind(at.0).bind(person.to_owned());
    let answered = execute(tx, &ANSWER, query.bind(reason.to_owned())).await?;
    if answered > 0 {
        execute(tx, &FORGET, FORGET.query().bind(partner.to_string())).await?;
    }
    Ok(answered)
}

/// Keeps one of our own checkpoints.
pub async fn keep_checkpoint(
    tx: &mut Tx,
    leaves: u64,
    root: Digest,
    checkpoint: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let query = CHECKPOINT.query().bind(signed(leaves)).bind(root.to_string()).bind(at.0);
    execute(tx, &CHECKPOINT, query.bind(checkpoint.to_owned())).await.map(|_| ())
}

/// Our own checkpoint of a size, where it was kept.
pub async fn checkpoint(conn: &mut AnyConnection, leaves: u64) -> Result<Option<String>, StoreError> {
    let found = row(conn, &CHECKPOINT_AT, CHECKPOINT_AT.query().bind(signed(leaves))).await?;
    found.map(|r| get(&r, "checkpoints", "checkpoint")).transpose()
}

/// The latest 64 of our own checkpoints that were shown or asked a cosignature for, largest first.
pub async fn checkpoints(conn: &mut AnyConnection) -> Result<Vec<(u64, String)>, StoreError> {
    const T: &str = "checkpoints";
    let found = rows(conn, &CHECKPOINTS, CHECKPOINTS.query()).await?;
    found.iter().map(|r| Ok((size(r, T, "size")?, get(r, T, "checkpoint")?))).collect()
}

/// Notes that a partner is told of our head of this size with a message (a release's id and its direction).
pub async fn tell(
    tx: &mut Tx,
    partner: &PartnerId,
    leaves: u64,
    message: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let query = TELL.query().bind(partner.to_string()).bind(signed(leaves)).bind(at.0);
    execute(tx, &TELL, query.bind(message.to_owned())).await.map(|_| ())
}

/// The heads of ours that a partner was told of and may have seen last, smallest first; at most 64.
pub async fn told(conn: &mut AnyConnection, partner: &PartnerId) -> Result<Vec<(u64, Digest)>, StoreError> {
    let query = TOLD.query().bind(partner.to_string()).bind(signed(MAX_EARLIER as u64));
    let found = rows(conn, &TOLD, query).await?;
    let each =
        |r: &sqlx::any::AnyRow| Ok((size(r, "checkpoints", "size")?, parsed(r, "checkpoints", "root")?));
    let mut all: Vec<(u64, Digest)> = found.iter().map(each).collect::<Result<_, StoreError>>()?;
    all.reverse();
    Ok(all)
}

/// The size of our head that went with a message.
pub async fn told_with(
    conn: &mut AnyConnection,
    partner: &PartnerId,
    message: &str,
) -> Result<Option<u64>, StoreError> {
    let query = TOLD_WITH.query().bind(partner.to_string()).bind(message.to_owned());
    row(conn, &TOLD_WITH, query).await?.map(|r| size(&r, "told", "size")).transpose()
}

/// The partner has seen our head of this size: what it was told before need not be joined any more.
pub async fn confirm(tx: &mut Tx, partner: &PartnerId, leaves: u64) -> Result<(), StoreError> {
    let query = CONFIRM.query().bind(partner.to_string()).bind(signed(leaves));
    execute(tx, &CONFIRM, query).await.map(|_| ())
}

/// Keeps a cosignature on our checkpoint; a later one of the same witness on the same size replaces it.
pub async fn cosign(tx: &mut Tx, by: &Cosignature) -> Result<(), StoreError> {
    let query = COSIGN.query().bind(signed(by.size)).bind(by.witness.to_string()).bind(by.at.0);
    execute(tx, &COSIGN, query.bind(by.line.clone())).await.map(|_| ())
}

/// The cosignatures on our checkpoints, of the largest size first; at most 1,000.
pub async fn cosignatures(conn: &mut AnyConnection) -> Result<Vec<Cosignature>, StoreError> {
    const T: &str = "cosignatures";
    let found = rows(conn, &COSIGNED, COSIGNED.query()).await?;
    let each = |r: &sqlx::any::AnyRow| {
        Ok(Cosignature {
            size: size(r, T, "size")?,
            witness: parsed(r, T, "witness")?,
            at: Timestamp(get(r, T, "at")?),
            line: get(r, T, "line")?,
        })
    };
    found.iter().map(each).collect()
}

fn read(r: &sqlx::any::AnyRow) -> Result<PartnerHead, StoreError> {
    const T: &str = "heads";
    Ok(PartnerHead {
        partner: parsed(r, T, "partner")?,
        origin: get(r, T, "origin")?,
        size: size(r, T, "size")?,
        root: parsed(r, T, "root")?,
        shown_at: Timestamp(get(r, T, "shown_at")?),
        heard_at: Timestamp(get(r, T, "heard_at")?),
        checkpoint: get(r, T, "checkpoint")?,
    })
}

fn alarm(r: &sqlx::any::AnyRow) -> Result<Alarm, StoreError> {
    const T: &str = "head_alarms";
    Ok(Alarm {
        id: get(r, T, "id")?,
        partner: parsed(r, T, "partner")?,
        at: Timestamp(get(r, T, "at")?),
        why: get(r, T, "why")?,
        exhibit: get(r, T, "exhibit")?,
        answered_at: get::<Option<i64>>(r, T, "answered_at")?.map(Timestamp),
        person: get(r, T, "person")?,
        reason: get(r, T, "reason")?,
    })
}
