//! The node's clock, which may not go back unnoticed.
//!
//! The state store keeps the highest time seen. A clock behind it by more than the tolerance refuses rulings until a
//! person says why. Times given out never go back.

use super::StoreError;
use super::state::{self, State, Tx, statement::Statement};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use terms::{PersonId, Timestamp};
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now, UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |m| -m),
        };
        Timestamp(micros)
    }
}

/// A clock that is set by hand: for exercises, which live in their own time, and for tests.
#[derive(Debug, Default)]
pub struct SetClock(AtomicI64);

impl SetClock {
    /// A clock that shows `start` until it is set.
    pub fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }
    /// Sets it, also back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }
    /// Moves it on by `micros` (back if negative).
    pub fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

const HIGHEST: Statement = Statement { name: "clock.highest", sql: "SELECT highest FROM clock WHERE id = 1" };
const RAISE: Statement = Statement {
    name: "clock.raise",
    sql: "INSERT INTO clock (id, highest) VALUES (1, $1) \
          ON CONFLICT (id) DO UPDATE SET highest = excluded.highest WHERE clock.highest < excluded.highest",
};
const SET_BACK: Statement =
    Statement { name: "clock.set_back", sql: "UPDATE clock SET highest = $1 WHERE id = 1" };
const ANSWER: Statement = Statement {
    name: "clock.answer",
    sql: "INSERT INTO clock_answers (id, at, highest, person, reason) VALUES ($1, $2, $3, $4, $5)",
};
const ANSWERS: Statement = Statement {
    name: "clock.answers",
    sql: "SELECT id, at, highest, person, reason FROM clock_answers ORDER BY id LIMIT 1000",
};
pub(crate) const STATEMENTS: &[&Statement] = &[&HIGHEST, &RAISE, &SET_BACK, &ANSWER, &ANSWERS];

/// What a person said when the clock had gone back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ClockAnswer {
    /// The time that counts from then on.
    pub at: Timestamp,
    /// The highest time that had been seen.
    pub highest: Timestamp,
    /// Who said it.
    pub person: PersonId,
    /// Why the clock went back.
    pub reason: String,
}

/// The clock of one node.
#[derive(Debug, Clone)]
pub struct NodeClock {
    clock: Arc<dyn Clock>,
    tolerance: i64,
}

impl NodeClock {
    /// A node's clock that may be `tolerance_ms` milliseconds behind what was seen.
    pub fn new(clock: Arc<dyn Clock>, tolerance_ms: u64) -> Self {
        let tolerance = i64::try_from(tolerance_ms).unwrap_or(i64::MAX).saturating_mul(1000);
        Self { clock, tolerance }
    }

    /// What the clock says, unchecked: for logs and for the times at which exhibits come in.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time on which a ruling may rest: checked against the highest time seen, never going back, and kept.
    ///
    /// Errors: CMT-1007 when the clock went back more than the tolerance.
    pub async fn ruling_time(&self, state: &State) -> Result<Timestamp, StoreError> {
        let now = self.clock.now();
        let mut conn = state.read().await?;
        let highest = highest(&mut conn).await?;
        drop(conn);
        let now = self.check(now, highest)?;
        if highest.is_none_or(|h| h < now) {
            let mut tx = state.begin().await?;
            state::execute(&mut tx, &RAISE, RAISE.query().bind(now.0)).await?;
            tx.commit().await?;
        }
        Ok(now)
    }

    /// Whether `now` may follow `highest`; the later of the two.
    pub(crate) fn check(&self, now: Timestamp, highest: Option<Timestamp>) -> Result<Timestamp, StoreError> {
        match highest {
            Some(highest) if now < highest.plus_micros(-self.tolerance) => {
                Err(StoreError::ClockBack { now, highest })
            }
            Some(highest) => Ok(now.max(highest)),
            None => Ok(now),
        }
    }

    /// A person says why the clock went back: from this transaction on, the clock's time counts. The caller puts the
    /// answer on the ledger in the same transaction.
    ///
    /// Errors: CMT-1020 without a reason.
    pub async fn acknowledge_clock(
        &self,
        tx: &mut Tx,
        reason: &str,
        person: &PersonId,
    ) -> Result<ClockAnswer, StoreError> {
        if reason.trim().is_empty() {
            return Err(StoreError::NoReason { person: person.clone() });
        }
        let at = self.clock.now();
        let before = highest(tx).await?.unwrap_or(at);
        state::execute(tx, &SET_BACK, SET_BACK.query().bind(at.0)).await?;
        let query = ANSWER
            .query()
            .bind(Uuid::now_v7().to_string())
            .bind(at.0)
            .bind(before.0)
            .bind(person.0.clone())
            .bind(reason.trim().to_owned());
        state::execute(tx, &ANSWER, query).await?;
        Ok(ClockAnswer { at, highest: before, person: person.clone(), reason: reason.trim().to_owned() })
    }
}

/// The highest time this node has seen; none before the first ruling.
pub async fn highest(conn: &mut sqlx::AnyConnection) -> Result<Option<Timestamp>, StoreError> {
    let row = state::row(conn, &HIGHEST, HIGHEST.query()).await?;
    row.map(|r| state::get::<i64>(&r, "clock", "highest").map(Timestamp)).transpose()
}

/// What people said about a clock set back, oldest first; at most 1,000.
pub async fn answers(conn: &mut sqlx::AnyConnection) -> Result<Vec<ClockAnswer>, StoreError> {
    let rows = state::rows(conn, &ANSWERS, ANSWERS.query()).await?;
    rows.iter()
        .map(|r| {
            Ok(ClockAnswer {
                at: Timestamp(state::get(r, "clock_answers", "at")?),
                highest: Timestamp(state::get(r, "clock_answers", "highest")?),
                person: PersonId(state::get(r, "clock_answers", "person")?),
                reason: state::get(r, "clock_answers", "reason")?,
            })
        })
        .collect()
}
