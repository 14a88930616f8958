//! The queue's rules, one by one.

use super::databases::{Store, each};
use comity::store::{
    SetClock, State, commit,
    commit::Batch,
    jobs::{self, JobCount, LEASE, NewJob, Queue, backoff},
};
use miette::Diagnostic as _;
use std::sync::Arc;
use terms::{MICROS_PER_SECOND, Timestamp};

async fn count(state: &State) -> JobCount {
    let mut conn = state.read().await.unwrap();
    jobs::count(&mut conn).await.unwrap()
}

fn job(subject: &str, at: i64) -> NewJob {
    NewJob::new("analyze", subject, &subject, Timestamp(at)).unwrap()
}

async fn queue_all(state: &State, jobs: Vec<NewJob>) {
    commit(state, &Batch { jobs, ..Batch::default() }, Timestamp(0)).await.unwrap();
}

async fn complete(state: &State, job: &jobs::Job) -> Result<(), comity::store::StoreError> {
    let batch = Batch { completes: Some(job.clone()), ..Batch::default() };
    commit(state, &batch, Timestamp(0)).await.map(|_| ())
}

#[test]
fn waiting_doubles_up_to_an_hour() {
    let seconds: Vec<i64> = (0..16).map(|n| backoff(n) / MICROS_PER_SECOND).collect();
    assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600, 3600]);
    assert_eq!(backoff(u32::MAX), 3600 * MICROS_PER_SECOND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_when_due_in_order_and_once() {
    each(|Store { state, .. }| async move {
        let clock = Arc::new(SetClock::new(Timestamp(100)));
        let queue = Queue::new(state.clone(), clock.clone(), "w1", LEASE);
        assert_eq!(queue.claim().await.unwrap(), None);
        queue_all(&state, vec![job("late", 200), job("second", 50), job("first", 10), job("first", 5)]).await;
        let first = queue.claim().await.unwrap().unwrap();
        assert_eq!(
            (first.subject.as_str(), first.attempt, first.body::<String>().unwrap().as_str()),
            ("first", 1, "first")
        );
        assert_eq!(queue.claim().await.unwrap().unwrap().subject, "second");
        assert_eq!(queue.claim().await.unwrap(), None);
        let mut conn = state.read().await.unwrap();
        assert_eq!(jobs::next_due(&mut conn).await.unwrap(), Some(Timestamp(200)));
        drop(conn);
        complete(&state, &first).await.unwrap();
        let twice = complete(&state, &first).await.unwrap_err();
        assert_eq!(twice.code().unwrap().to_string(), "CMT-1015");
        assert_eq!(count(&state).await, JobCount { queued: 1, running: 1, done: 1, dead: 0 });
        // Done work is not queued again by accident, and again on purpose.
        let mut tx = state.begin().await.unwrap();
        assert!(!jobs::enqueue(&mut tx, &job("first", 0)).await.unwrap());
        assert!(jobs::enqueue_again(&mut tx, &job("first", 0)).await.unwrap());
        assert!(!jobs::enqueue_again(&mut tx, &job("second", 0)).await.unwrap());
        tx.commit().await.unwrap();
        let again = queue.claim().await.unwrap().unwrap();
        assert_eq!((again.subject.as_str(), again.attempt), ("first", 1));
        // The old lease has the same number of attempts and is worth nothing.
        assert_eq!(complete(&state, &first).await.unwrap_err().code().unwrap().to_string(), "CMT-1015");
        complete(&state, &again).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ran_out_is_another_s() {
    each(|Store { state, .. }| async move {
        let clock = Arc::new(SetClock::new(Timestamp(0)));
        let one = Queue::new(state.clone(), clock.clone(), "w1", 1000);
        let two = Queue::new(state.clone(), clock.clone(), "w2", 1000);
        queue_all(&state, vec![job("a", 0)]).await;
        let first = one.claim().await.unwrap().unwrap();
        clock.advance(999);
        assert_eq!(two.claim().await.unwrap(), None);
        one.heartbeat(&first).await.unwrap();
        clock.advance(999);
        assert_eq!(two.claim().await.unwrap(), None);
        clock.advance(1);
        let second = two.claim().await.unwrap().unwrap();
        assert_eq!((second.id.as_str(), second.attempt), (first.id.as_str(), 2));
        for lost in [
            one.heartbeat(&first).await,
            one.fail(&first, "late").await,
            one.give_back(&first).await,
            complete(&state, &first).await,
        ] {
            assert_eq!(lost.unwrap_err().code().unwrap().to_string(), "CMT-1015");
        }
        two.give_back(&second).await.unwrap();
        let third = one.claim().await.unwrap().unwrap();
        assert_eq!(third.attempt, 2);
        complete(&state, &third).await.unwrap();
        assert_eq!(count(&state).await, JobCount { done: 1, ..JobCount::default() });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_to_the_end_is_dead_and_can_be_retried() {
    each(|Store { state, .. }| async move {
        let clock = Arc::new(SetClock::new(Timestamp(0)));
        let queue = Queue::new(state.clone(), clock.clone(), "w1", 1000);
        let mut silent = job("silent", 0);
        silent.max_attempts = 1;
        let mut loud = job("loud", 0);
        loud.max_attempts = 2;
        queue_all(&state, vec![loud]).await;
        let first = queue.claim().await.unwrap().unwrap();
        queue.fail(&first, "no\0 good").await.unwrap();
        assert_eq!(queue.claim().await.unwrap(), None, "it waits for a second");
        clock.advance(MICROS_PER_SECOND);
        let second = queue.claim().await.unwrap().unwrap();
        queue.fail(&second, "no good").await.unwrap();
        // A worker that dies without a word counts as an attempt.
        queue_all(&state, vec![silent]).await;
        queue.claim().await.unwrap().unwrap();
        clock.advance(1000);
        assert_eq!(queue.claim().await.unwrap(), None);
        assert_eq!(count(&state).await, JobCount { dead: 2, ..JobCount::default() });
        let mut conn = state.read().await.unwrap();
        let dead = jobs::dead(&mut conn, "", 10).await.unwrap();
        drop(conn);
        let told: Vec<(&str, u64, &str)> =
            dead.iter().map(|d| (d.subject.as_str(), d.attempts, d.error.as_str())).collect();
        assert_eq!(
            told,
            [("loud", 2, "no good"), ("silent", 1, "every worker that held it ended without a word")]
        );
        let mut tx = state.begin().await.unwrap();
        assert!(jobs::retry(&mut tx, &dead[0].id, Timestamp(0)).await.unwrap());
        assert!(!jobs::retry(&mut tx, &dead[0].id, Timestamp(0)).await.unwrap());
        tx.commit().await.unwrap();
        let again = queue.claim().await.unwrap().unwrap();
        assert_eq!((again.subject.as_str(), again.attempt), ("loud", 1));
    })
    .await;
}

/// Eight workers at once: nobody takes what another holds.
#[tokio::test(flavor = "multi_thread")]
async fn many_workers_share_the_queue() {
    each(|Store { state, .. }| async move {
        let clock = Arc::new(SetClock::new(Timestamp(0)));
        queue_all(&state, (0..80).map(|n| job(&format!("job-{n}"), 0)).collect()).await;
        let workers: Vec<_> = (0..8)
            .map(|n| {
                let queue = Queue::new(state.clone(), clock.clone(), &format!("w{n}"), LEASE);
                let state = state.clone();
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    while let Some(job) = queue.claim().await.unwrap() {
                        complete(&state, &job).await.unwrap();
                        mine.push(job.subject);
                    }
                    mine
                })
            })
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.await.unwrap());
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 80);
        assert_eq!(count(&state).await, JobCount { done: 80, ..JobCount::default() });
    })
    .await;
}
