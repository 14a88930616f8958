//! What waits for the log between the loops of the cores and the one thread that writes.
//!
//! A loop answers only while the log was durable a moment ago ([`Shared::alive`]): where the disk is full or slow, or the
//! writer has ended, all loops fall silent within a second, and no hit that was answered is lost beyond that second.

use crate::hit::Hit;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Hits of one loop that wait, before it falls silent.
pub(crate) const MOST: usize = 65_536;
/// From here on the writer is woken early.
const WAKE: usize = 8_192;
/// Distinct questions of one loop that wait, before the writer is woken and the loop falls silent.
pub(crate) const QUESTIONS: usize = 65_536;
/// Milliseconds since the log was last durable, after which nothing is answered.
pub(crate) const SILENT: i64 = 900;

/// Resolver, seized name, type asked for.
pub(crate) type Question = (IpAddr, Arc<str>, u16);

/// What one loop hands over.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub hits: Vec<Hit>,
    pub questions: HashMap<Question, u32>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty() && self.questions.is_empty()
    }
    pub fn full(&self) -> bool {
        self.hits.len() >= MOST || self.questions.len() >= QUESTIONS
    }
    /// Takes all of another one, whose room is kept for what comes next.
    pub fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        self.hits.append(&mut other.hits);
        for (question, times) in other.questions.drain() {
            let count = self.questions.entry(question).or_default();
            *count = count.saturating_add(times);
        }
    }
}

/// How often what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Hits that were answered, questions among them.
    pub answered: u64,
    /// Asked more than a source may.
    pub limited: u64,
    /// Connections that took too long.
    pub slow: u64,
    /// Connections that made room for newer ones, or found none.
    pub crowded: u64,
    /// What could not be read as its protocol.
    pub malformed: u64,
    /// Questions for names that are not ours.
    pub not_ours: u64,
    /// Left without an answer because the log was not durable.
    pub silent: u64,
    /// Left without an answer because the end date has passed.
    pub ended: u64,
}

/// The same as they are counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub answered: AtomicU64,
    pub limited: AtomicU64,
    pub slow: AtomicU64,
    pub crowded: AtomicU64,
    pub malformed: AtomicU64,
    pub not_ours: AtomicU64,
    pub silent: AtomicU64,
    pub ended: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl Counters {
    pub fn now(&self) -> Counts {
        let get = |c: &AtomicU64| c.load(Ordering::Relaxed);
        Counts {
            answered: get(&self.answered),
            limited: get(&self.limited),
            slow: get(&self.slow),
            crowded: get(&self.crowded),
            malformed: get(&self.malformed),
            not_ours: get(&self.not_ours),
            silent: get(&self.silent),
            ended: get(&self.ended),
        }
    }
}

/// What loops and writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub slots: Vec<Mutex<Batch>>,
    pub counters: Counters,
    pub stop: AtomicBool,
    /// Ends the segment at the next commit.
    pub rotate: AtomicBool,
    began: Instant,
    durable: AtomicI64,
    woken: Mutex<bool>,
    wake: Condvar,
}

/// A poisoned lock still holds whole batches: they are taken out or put in as one.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(loops: usize) -> Self {
        Self {
            slots: (0..loops).map(|_| Mutex::default()).collect(),
            counters: Counters::default(),
            stop: AtomicBool::new(false),
            rotate: AtomicBool::new(false),
            began: Instant::now(),
            durable: AtomicI64::new(0),
            woken: Mutex::new(false),
            wake: Condvar::new(),
        }
    }

    /// Milliseconds since the beginning, by a clock that does not go back.
    pub fn elapsed(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Everything handed over before `at` is durable.
    pub fn durable(&self, at: i64) {
        self.durable.store(at, Ordering::Release);
    }

    /// Whether the log was durable a moment ago.
    pub fn alive(&self, now: i64) -> bool {
        now.saturating_sub(self.durable.load(Ordering::Acquire)) < SILENT
    }

    /// Hands over what a loop has; where too much waits, `batch` keeps it.
    pub fn hand_over(&self, slot: usize, batch: &mut Batch) {
        let Some(slot) = self.slots.get(slot) else { return };
        let mut waits = locked(slot);
        if !waits.full() {
            waits.append(batch);
        }
        let many = waits.hits.len() >= WAKE || waits.questions.len() >= WAKE;
        drop(waits);
        if many {
            self.wake();
        }
    }

    /// Wakes the writer.
    pub fn wake(&self) {
        *locked(&self.woken) = true;
        self.wake.notify_one();
    }

    /// Waits for that, or for so long.
    pub fn wait(&self, long: Duration) {
        let woken = locked(&self.woken);
        let waited = self.wake.wait_timeout_while(woken, long, |woken| !*woken);
        let (mut woken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *woken = false;
    }
}
