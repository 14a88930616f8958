//! Two workers, any order of events: what a job does, it does once.

use super::databases::{Store, postgres, sqlite};
use comity::store::{
    SetClock, StoreError, commit,
    commit::{Batch, write},
    jobs::{Job, NewJob, Queue},
    records::{CASES, Record},
};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use std::sync::Arc;
use terms::Timestamp;

const LEASE: i64 = 1000;
const JOBS: usize = 3;

#[derive(Debug, Clone)]
enum Event {
    Claim(usize),
    Beat(usize),
    Complete(usize),
    Fail(usize),
    GiveBack(usize),
    /// The worker forgets everything, as if killed.
    Die(usize),
    Wait(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let worker = 0..2_usize;
    prop_oneof![
        4 => worker.clone().prop_map(Event::Claim),
        1 => worker.clone().prop_map(Event::Beat),
        2 => worker.clone().prop_map(Event::Complete),
        1 => worker.clone().prop_map(Event::Fail),
        1 => worker.clone().prop_map(Event::GiveBack),
        1 => worker.prop_map(Event::Die),
        3 => (1..2 * LEASE).prop_map(Event::Wait),
    ]
}

struct World {
    store: Store,
    clock: Arc<SetClock>,
    queues: [Queue; 2],
    round: u32,
}

impl World {
    fn new(store: Store) -> Self {
        let clock = Arc::new(SetClock::new(Timestamp(0)));
        let queues = ["w0", "w1"].map(|w| Queue::new(store.state.clone(), clock.clone(), w, LEASE));
        Self { store, clock, queues, round: 0 }
    }

    /// The effect of a job: a record with a new id for each time it took effect, written with the completion.
    async fn complete(&self, job: &Job) -> Result<(), StoreError> {
        let mut tx = self.store.state.begin().await?;
        let effect = Record {
            id: uuid::Uuid::now_v7().to_string(),
            belongs: job.subject.clone(),
            status: "done".to_owned(),
            at: Timestamp(0),
            until: None,
            body: job.attempt,
        };
        CASES.put(&mut tx, &effect).await?;
        write(&mut tx, &Batch { completes: Some(job.clone()), ..Batch::default() }, Timestamp(0)).await?;
        tx.commit().await
    }

    async fn run(&mut self, events: Vec<Event>) {
        self.round += 1;
        let subjects: Vec<String> = (0..JOBS).map(|n| format!("{}-{n}", self.round)).collect();
        let job =
            |s: &String| NewJob { max_attempts: 1000, ..NewJob::new("work", s, &1, Timestamp(0)).unwrap() };
        let jobs = subjects.iter().map(job).collect();
        commit(&self.store.state, &Batch { jobs, ..Batch::default() }, Timestamp(0)).await.unwrap();
        let mut held: [Vec<Job>; 2] = Default::default();
        for event in events {
            self.step(event, &mut held).await;
        }
        // In the end somebody lives long enough.
        loop {
            self.clock.advance(4_000_000_000);
            match self.queues[0].claim().await.unwrap() {
                Some(job) => self.complete(&job).await.unwrap(),
                None => break,
            }
        }
        let mut conn = self.store.state.read().await.unwrap();
        for subject in &subjects {
            let effects = CASES.of::<u32>(&mut conn, subject).await.unwrap();
            assert_eq!(effects.len(), 1, "job {subject}");
        }
    }

    async fn step(&self, event: Event, held: &mut [Vec<Job>; 2]) {
        // Whether a lease still counts is the store's to say; both answers are right here, a third is not.
        let fine = |done: Result<(), StoreError>| {
            assert!(matches!(done, Ok(()) | Err(StoreError::LeaseLost { .. })), "{done:?}");
        };
        match event {
            Event::Claim(w) => held[w].extend(self.queues[w].claim().await.unwrap()),
            Event::Beat(w) => {
                if let Some(job) = held[w].last() {
                    fine(self.queues[w].heartbeat(job).await);
                }
            }
            // A worker that completes does not know that it lost the lease: it keeps what it holds and tries again.
            Event::Complete(w) => {
                if let Some(job) = held[w].first() {
                    fine(self.complete(job).await);
                }
            }
            Event::Fail(w) => {
                if let Some(job) = held[w].pop() {
                    fine(self.queues[w].fail(&job, "no").await);
                }
            }
            Event::GiveBack(w) => {
                if let Some(job) = held[w].pop() {
                    fine(self.queues[w].give_back(&job).await);
                }
            }
            Event::Die(w) => held[w].clear(),
            Event::Wait(micros) => self.clock.advance(micros),
        }
    }
}

fn try_all(store: Option<Store>, runtime: &tokio::runtime::Runtime, cases: u32) {
    let Some(store) = store else { return };
    let world = tokio::sync::Mutex::new(World::new(store));
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&vec(event(), 1..40), |events| {
        runtime.block_on(async { world.lock().await.run(events).await });
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn every_job_takes_effect_once_whatever_the_workers_do() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (one, two) = runtime.block_on(async { (sqlite().await, postgres().await) });
    try_all(Some(one), &runtime, 48);
    try_all(two, &runtime, 24);
}
