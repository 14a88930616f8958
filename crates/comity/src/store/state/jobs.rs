//! The queue of jobs: leases, heartbeats, backoff, a dead-letter list.
//!
//! A job is queued in the transaction that causes it and completed in the transaction that keeps its results; so each
//! counts once, however often it was begun. A lease that ran out is another worker's to take. What a job does is
//! elsewhere (`work`).

use super::{
    Backend, State, Tx, execute, get, json, records::bounded, row, rows, size, statement::Statement,
};
use crate::store::{Clock, StoreError};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{AnyConnection, any::AnyRow};
use std::sync::Arc;
use terms::{MICROS_PER_SECOND, Timestamp};
use uuid::Uuid;

/// Attempts after which a job is dead, unless it says otherwise.
pub const ATTEMPTS: u32 = 5;
/// How long a worker holds a job without a heartbeat, in microseconds.
pub const LEASE: i64 = 60 * MICROS_PER_SECOND;
/// The longest wait between two attempts, in microseconds.
pub const MOST_BACKOFF: i64 = 3600 * MICROS_PER_SECOND;

/// A job to be queued.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// What kind of work (`analyze`).
    pub kind: String,
    /// On what: a kind and a subject together are one job, however often they are queued.
    pub subject: String,
    /// What the worker needs to know.
    pub body: serde_json::Value,
    /// Attempts after which it is dead; at least 1.
    pub max_attempts: u32,
    /// Not before.
    pub run_at: Timestamp,
}

impl NewJob {
    /// A job that may run at once.
    ///
    /// Errors: CMT-1014 for a body that is no JSON.
    pub fn new<T: Serialize>(
        kind: &str,
        subject: &str,
        body: &T,
        run_at: Timestamp,
    ) -> Result<Self, StoreError> {
        let body = serde_json::to_value(body).map_err(|e| StoreError::row("jobs", subject, e))?;
        Ok(Self { kind: kind.to_owned(), subject: subject.to_owned(), body, max_attempts: ATTEMPTS, run_at })
    }
}

/// A job that a worker holds. Its turn is the token of the lease: whoever takes it next has another.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What kind of work.
    pub kind: String,
    /// On what.
    pub subject: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Attempts after which it is dead.
    pub max_attempts: u32,
    body: String,
    turn: i64,
}

impl Job {
    /// What the worker needs to know.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_str(&self.body).map_err(|e| StoreError::row("jobs", &self.id, e))
    }
}

/// A dead job, for a person to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadJob {
    /// Its id.
    pub id: String,
    /// What kind of work.
    pub kind: String,
    /// On what.
    pub subject: String,
    /// Attempts made.
    pub attempts: u64,
    /// What the last one failed with.
    pub error: String,
}

/// Ends every lease: whoever held one is gone. Only for a home that one process owns.
pub async fn let_go(tx: &mut Tx) -> Result<(), StoreError> {
    execute(tx, &LET_GO, LET_GO.query()).await.map(|_| ())
}

/// How many jobs stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct JobCount {
    /// Waiting, due or not.
    pub queued: u64,
    /// Held by a worker.
    pub running: u64,
    /// Completed.
    pub done: u64,
    /// Given up.
    pub dead: u64,
}

const ADD: Statement = Statement {
    name: "jobs.add",
    sql: "INSERT INTO jobs (id, kind, subject, body, state, attempts, turn, max_attempts, run_at, \
          queued_at) VALUES ($1, $2, $3, $4, 'queued', 0, 0, $5, $6, $6) ON CONFLICT (kind, subject) DO NOTHING",
};
const AGAIN: Statement = Statement {
    name: "jobs.again",
    sql: "UPDATE jobs SET state = 'queued', attempts = 0, body = $3, run_at = $4, error = NULL, ended_at = NULL \
          WHERE kind = $1 AND subject = $2 AND (state = 'done' OR state = 'dead')",
};
const CLAIM: Statement = Statement {
    name: "jobs.claim",
    sql: "UPDATE jobs SET state = 'running', attempts = attempts + 1, turn = turn + 1, worker = $1, lease_until = $2 \
          WHERE id = (SELECT id FROM jobs WHERE (state = 'queued' AND run_at <= $3) \
              OR (state = 'running' AND lease_until <= $3) ORDER BY run_at, id LIMIT 1) \
          RETURNING id, kind, subject, body, attempts, max_attempts, turn",
};
const CLAIM_POSTGRES: Statement = Statement {
    name: "jobs.claim (postgres)",
    sql: "UPDATE jobs SET state = 'running', attempts = attempts + 1, turn = turn + 1, worker = $1, lease_until = $2 \
          WHERE id = (SELECT id FROM jobs WHERE (state = 'queued' AND run_at <= $3) \
              OR (state = 'running' AND lease_until <= $3) ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) \
          RETURNING id, kind, subject, body, attempts, max_attempts, turn",
};
const BURY: Statement = Statement {
    name: "jobs.bury",
    sql: "UPDATE jobs SET state = 'dead', ended_at = $1, lease_until = NULL, \
          error = 'every worker that held it ended without a word' \
          WHERE state = 'running' AND lease_until <= $1 AND attempts >= max_attempts",
};
const BEAT: Statement = Statement {
    name: "jobs.beat",
    sql: "UPDATE jobs SET lease_until = $3 WHERE id = $1 AND turn = $2 AND state = 'running'",
};
const COMPLETE: Statement = Statement {
    name: "jobs.complete",
    sql: "UPDATE jobs SET state = 'done', ended_at = $3, lease_until = NULL, error = NULL \
          WHERE id = $1 AND turn = $2 AND state = 'running'",
};
const FAIL: Statement = Statement {
    name: "jobs.fail",
    sql: "UPDATE jobs SET state = $3, run_at = $4, error = $5, lease_until = NULL, ended_at = $6 \
          WHERE id = $1 AND turn = $2 AND state = 'running'",
};
const GIVE_BACK: Statement = Statement {
    name: "jobs.give_back",
    sql: "UPDATE jobs SET state = 'queued', lease_until = NULL, attempts = attempts - 1 \
          WHERE id = $1 AND turn = $2 AND state = 'running'",
};
const LET_GO: Statement =
    Statement { name: "jobs.let_go", sql: "UPDATE jobs SET lease_until = 0 WHERE state = 'running'" };
const RETRY: Statement = Statement {
    name: "jobs.retry",
    sql: "UPDATE jobs SET state = 'queued', attempts = 0, run_at = $2, error = NULL, ended_at = NULL \
          WHERE id = $1 AND state = 'dead'",
};
const DEAD: Statement = Statement {
    name: "jobs.dead",
    sql: "SELECT id, kind, subject, attempts, error FROM jobs WHERE state = 'dead' AND id > $1 ORDER BY id LIMIT $2",
};
const COUNT: Statement =
    Statement { name: "jobs.count", sql: "SELECT state, COUNT(*) AS n FROM jobs GROUP BY state" };
const OPEN: Statement = Statement {
    name: "jobs.open",
    sql: "SELECT COUNT(*) AS n FROM jobs WHERE subject = $1 AND state <> 'done'",
};
const NEXT: Statement =
    Statement { name: "jobs.next", sql: "SELECT MIN(run_at) AS t FROM jobs WHERE state = 'queued'" };
pub(crate) const STATEMENTS: &[&Statement] = &[
    &ADD,
    &AGAIN,
    &CLAIM,
    &CLAIM_POSTGRES,
    &BURY,
    &BEAT,
    &COMPLETE,
    &FAIL,
    &GIVE_BACK,
    &RETRY,
    &DEAD,
    &COUNT,
    &NEXT,
    &OPEN,
];

/// Queues a job in the causing transaction; false where the same work on the same subject is known already, be it
/// waiting, running, done or dead.
pub async fn enqueue(tx: &mut Tx, job: &NewJob) -> Result<bool, StoreError> {
    let query = ADD
        .query()
        .bind(Uuid::now_v7().to_string())
        .bind(job.kind.clone())
        .bind(job.subject.clone())
        .bind(json("jobs", &job.body)?)
        .bind(i64::from(job.max_attempts.max(1)))
        .bind(job.run_at.0);
    Ok(execute(tx, &ADD, query).await? == 1)
}

/// Queues work anew that is done or dead (a new version of an examiner), or queues it for the first time; false where
/// it waits or runs already.
pub async fn enqueue_again(tx: &mut Tx, job: &NewJob) -> Result<bool, StoreError> {
    if enqueue(tx, job).await? {
        return Ok(true);
    }
    let query = AGAIN
        .query()
        .bind(job.kind.clone())
        .bind(job.subject.clone())
        .bind(json("jobs", &job.body)?)
        .bind(job.run_at.0);
    Ok(execute(tx, &AGAIN, query).await? == 1)
}

/// Completes a job in the transaction that keeps its results.
///
/// Errors: CMT-1015 where another worker took it: the transaction must then be dropped, and with it the results.
pub async fn complete(tx: &mut Tx, job: &Job, at: Timestamp) -> Result<(), StoreError> {
    let query = COMPLETE.query().bind(job.id.clone()).bind(job.turn).bind(at.0);
    held(execute(tx, &COMPLETE, query).await?, job)
}

fn held(changed: u64, job: &Job) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(StoreError::LeaseLost { job: job.id.clone() }) }
}

/// How long to wait after attempt `attempt` (from 1): 1 s, 2 s, 4 s … to an hour; in microseconds.
pub fn backoff(attempt: u32) -> i64 {
    let doubled = 1_i64.checked_shl(attempt.saturating_sub(1).min(40)).unwrap_or(i64::MAX);
    doubled.saturating_mul(MICROS_PER_SECOND).min(MOST_BACKOFF)
}

/// One worker's hand on the queue.
#[derive(Debug, Clone)]
pub struct Queue {
    state: State,
    clock: Arc<dyn Clock>,
    worker: String,
    lease: i64,
}

impl Queue {
    /// A worker's queue; `lease` in microseconds ([`LEASE`]).
    pub fn new(state: State, clock: Arc<dyn Clock>, worker: &str, lease: i64) -> Self {
        Self { state, clock, worker: worker.to_owned(), lease: lease.max(1) }
    }

    /// Takes the next due job, or one whose lease ran out; none where nothing is due.
    pub async fn claim(&self) -> Result<Option<Job>, StoreError> {
        let now = self.clock.now();
        let mut tx = self.state.begin().await?;
        execute(&mut tx, &BURY, BURY.query().bind(now.0)).await?;
        let statement = match tx.backend() {
            Backend::Sqlite => &CLAIM,
            Backend::Postgres => &CLAIM_POSTGRES,
        };
        let query =
            statement.query().bind(self.worker.clone()).bind(now.plus_micros(self.lease).0).bind(now.0);
        let job = row(&mut tx, statement, query).await?.map(|r| read(&r)).transpose()?;
        tx.commit().await?;
        Ok(job)
    }

    /// Says that the job is still being worked on.
    ///
    /// Errors: CMT-1015 where another worker took it: stop working on it.
    pub async fn heartbeat(&self, job: &Job) -> Result<(), StoreError> {
        let until = self.clock.now().plus_micros(self.lease);
        let mut tx = self.state.begin().await?;
        let query = BEAT.query().bind(job.id.clone()).bind(job.turn).bind(until.0);
        held(execute(&mut tx, &BEAT, query).await?, job)?;
        tx.commit().await
    }

    /// Says that the attempt failed: the job waits for its next attempt, or is dead after the last.
    ///
    /// Errors: CMT-1015 where another worker took it.
    pub async fn fail(&self, job: &Job, error: &str) -> Result<(), StoreError> {
        let now = self.clock.now();
        let dead = job.attempt >= job.max_attempts;
        let error: String = error.chars().filter(|c| *c != '\0').take(4000).collect();
        let query = FAIL
            .query()
            .bind(job.id.clone())
            .bind(job.turn)
            .bind(if dead { "dead" } else { "queued" })
            .bind(now.plus_micros(backoff(job.attempt)).0)
            .bind(error)
            .bind(dead.then_some(now.0));
        let mut tx = self.state.begin().await?;
        held(execute(&mut tx, &FAIL, query).await?, job)?;
        tx.commit().await
    }

    /// Gives a job back untouched (the process was asked to stop); the attempt does not count.
    pub async fn give_back(&self, job: &Job) -> Result<(), StoreError> {
        let query = GIVE_BACK.query().bind(job.id.clone()).bind(job.turn);
        let mut tx = self.state.begin().await?;
        held(execute(&mut tx, &GIVE_BACK, query).await?, job)?;
        tx.commit().await
    }
}

/// Lets a dead job run again; whether it was there.
pub async fn retry(tx: &mut Tx, id: &str, at: Timestamp) -> Result<bool, StoreError> {
    Ok(execute(tx, &RETRY, RETRY.query().bind(id.to_owned()).bind(at.0)).await? == 1)
}

/// Dead jobs in the order of their ids after `after` (empty: from the first); at most `limit` and 1,000.
pub async fn dead(conn: &mut AnyConnection, after: &str, limit: u32) -> Result<Vec<DeadJob>, StoreError> {
    let found = rows(conn, &DEAD, DEAD.query().bind(after.to_owned()).bind(bounded(limit))).await?;
    found
        .iter()
        .map(|r| {
            Ok(DeadJob {
                id: get(r, "jobs", "id")?,
                kind: get(r, "jobs", "kind")?,
                subject: get(r, "jobs", "subject")?,
                attempts: size(r, "jobs", "attempts")?,
                error: get::<Option<String>>(r, "jobs", "error")?.unwrap_or_default(),
            })
        })
        .collect()
}

/// How many jobs stand where.
pub async fn count(conn: &mut AnyConnection) -> Result<JobCount, StoreError> {
    let mut count = JobCount::default();
    for r in rows(conn, &COUNT, COUNT.query()).await? {
        let n = size(&r, "jobs", "n")?;
        match get::<&str>(&r, "jobs", "state")? {
            "queued" => count.queued = n,
            "running" => count.running = n,
            "done" => count.done = n,
            "dead" => count.dead = n,
            other => return Err(StoreError::row("jobs", other, "not a state that is known")),
        }
    }
    Ok(count)
}

/// Whether work on a subject is not done: it waits, runs, or was given up.
pub async fn open(conn: &mut AnyConnection, subject: &str) -> Result<bool, StoreError> {
    let found = row(conn, &OPEN, OPEN.query().bind(subject.to_owned())).await?;
    Ok(found.map(|r| size(&r, "jobs", "n")).transpose()?.unwrap_or(0) > 0)
}

/// When the next waiting job is due; none where none waits.
pub async fn next_due(conn: &mut AnyConnection) -> Result<Option<Timestamp>, StoreError> {
    let found = row(conn, &NEXT, NEXT.query()).await?;
    Ok(found.map(|r| get::<Option<i64>>(&r, "jobs", "t")).transpose()?.flatten().map(Timestamp))
}

fn read(r: &AnyRow) -> Result<Job, StoreError> {
    const T: &str = "jobs";
    let narrow = |column: &'static str| -> Result<u32, StoreError> {
        let n: i64 = get(r, T, column)?;
        u32::try_from(n).map_err(|_| StoreError::row(T, n, format!("column {column} is out of range")))
    };
    Ok(Job {
        id: get(r, T, "id")?,
        kind: get(r, T, "kind")?,
        subject: get(r, T, "subject")?,
        attempt: narrow("attempts")?,
        max_attempts: narrow("max_attempts")?,
        body: get(r, T, "body")?,
        turn: get(r, T, "turn")?,
    })
}
