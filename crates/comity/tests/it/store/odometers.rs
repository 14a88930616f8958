//! The odometers, on both databases: exact, never above the budget however many spend at once, never given back.

use super::databases::{Store, each};
use comity::store::odometers::{self, Spend};
use comity::store::{State, StoreError};
use miette::Diagnostic as _;
use privacy::{Epsilon, Odometer};
use std::collections::BTreeMap;
use terms::Timestamp;

const SET: &str = "sightings/2026-03";

fn micros(n: u64) -> Epsilon {
    Epsilon::micros(n)
}

fn spend(release: &str, partner: &str, epsilon: u64) -> Spend {
    Spend {
        release: release.into(),
        data_set: SET.into(),
        partner: partner.into(),
        question: format!("q/{release}"),
        epsilon: micros(epsilon),
        leaf: "leaf".into(),
        at: Timestamp(7),
    }
}

/// Reads the odometer, then spends against what it read, as the node does.
async fn try_spend(state: &State, what: &Spend, budget: u64) -> Result<Odometer, StoreError> {
    let mut conn = state.read().await?;
    let spent = odometers::spent(&mut conn, SET).await?;
    drop(conn);
    let mut tx = state.begin().await?;
    let after = odometers::spend(&mut tx, what, Odometer { budget: micros(budget), spent }).await?;
    odometers::keep(&mut tx, &what.question, &what.release, what.at).await?;
    tx.commit().await?;
    Ok(after)
}

#[tokio::test(flavor = "multi_thread")]
async fn spends_add_up_by_partner_and_are_not_given_back() {
    each(|Store { state, .. }| async move {
        try_spend(&state, &spend("r1", "region", 200_000), 1_000_000).await.unwrap();
        try_spend(&state, &spend("r2", "police", 300_001), 1_000_000).await.unwrap();
        try_spend(&state, &spend("r3", "police", 0), 1_000_000).await.unwrap();
        let refused = try_spend(&state, &spend("r4", "region", 500_000), 1_000_000).await.unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "CMT-1270", "{refused}");
        let after = try_spend(&state, &spend("r5", "region", 499_999), 1_000_000).await.unwrap();
        assert_eq!((after.left(), after.spent), (Epsilon::ZERO, micros(1_000_000)));
        // The same release is not paid for twice, and what was rolled back costs nothing.
        assert!(try_spend(&state, &spend("r5", "region", 0), 1_000_000).await.is_err());
        let mut tx = state.begin().await.unwrap();
        let seen = Odometer { budget: micros(9_000_000), spent: micros(1_000_000) };
        odometers::spend(&mut tx, &spend("r6", "region", 1), seen).await.unwrap();
        tx.rollback().await.unwrap();
        // A budget that was lowered below what is spent gives nothing more, but for what costs nothing.
        assert!(try_spend(&state, &spend("r7", "region", 1), 10).await.is_err());
        try_spend(&state, &spend("r8", "region", 0), 10).await.unwrap();
        let mut conn = state.read().await.unwrap();
        let all = odometers::list(&mut conn).await.unwrap();
        let partners: Vec<_> =
            all[0].partners.iter().map(|p| (p.partner.as_str(), p.spent.in_micros(), p.answers)).collect();
        assert_eq!((all.len(), all[0].spent), (1, micros(1_000_000)));
        assert_eq!(partners, [("police", 300_001, 2), ("region", 699_999, 3)]);
        assert_eq!(odometers::answer::<String>(&mut conn, "q/r5").await.unwrap().as_deref(), Some("r5"));
        assert_eq!(odometers::answer::<String>(&mut conn, "q/r4").await.unwrap(), None);
    })
    .await;
}

/// Whoever saw the odometer where it no longer stands spends nothing, though the budget would suffice.
#[tokio::test(flavor = "multi_thread")]
async fn a_ruling_on_an_old_odometer_spends_nothing() {
    each(|Store { state, .. }| async move {
        let seen = Odometer { budget: micros(1_000_000), spent: Epsilon::ZERO };
        try_spend(&state, &spend("r1", "region", 100_000), 1_000_000).await.unwrap();
        let mut tx = state.begin().await.unwrap();
        let late = odometers::spend(&mut tx, &spend("r2", "police", 100_000), seen).await.unwrap_err();
        assert_eq!(late.code().unwrap().to_string(), "CMT-1036", "{late}");
        drop(tx);
        // And one question has one answer: the second draw is not kept, and its transaction with it.
        let mut tx = state.begin().await.unwrap();
        let second = odometers::keep(&mut tx, "q/r1", &"another", Timestamp(8)).await.unwrap_err();
        assert_eq!(second.code().unwrap().to_string(), "CMT-1036", "{second}");
        drop(tx);
        let mut conn = state.read().await.unwrap();
        assert_eq!(odometers::spent(&mut conn, SET).await.unwrap(), micros(100_000));
    })
    .await;
}

/// Many at once, over two pools as two processes have: the sum of what was acknowledged is what stands, within the budget.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_spend_at_once_never_exceed_the_budget() {
    const BUDGET: u64 = 1_000_000;
    each(|Store { state, url, .. }| async move {
        let other = State::open(&url).await.unwrap();
        let mut tasks = Vec::new();
        for n in 0..40u64 {
            let state = if n % 2 == 0 { state.clone() } else { other.clone() };
            tasks.push(tokio::spawn(async move {
                let cost = 40_000 + n * 1_000;
                for attempt in 0..50 {
                    let what =
                        spend(&format!("r{n}-{attempt}"), if n % 3 == 0 { "police" } else { "region" }, cost);
                    match try_spend(&state, &what, BUDGET).await {
                        Ok(_) => return cost,
                        Err(e) if e.code().unwrap().to_string() == "CMT-1036" => {}
                        Err(e) => {
                            assert_eq!(e.code().unwrap().to_string(), "CMT-1270", "{e}");
                            return 0;
                        }
                    }
                }
                panic!("nobody comes through");
            }));
        }
        let mut acknowledged = BTreeMap::new();
        for (n, task) in tasks.into_iter().enumerate() {
            acknowledged.insert(n, task.await.unwrap());
        }
        let sum: u64 = acknowledged.values().sum();
        let mut conn = state.read().await.unwrap();
        let all = odometers::list(&mut conn).await.unwrap();
        assert_eq!(all[0].spent, micros(sum));
        assert_eq!(all[0].partners.iter().map(|p| p.spent.in_micros()).sum::<u64>(), sum);
        assert!(sum <= BUDGET && sum > BUDGET - 80_000, "{sum}: whoever was refused found no room");
        drop(conn);
        other.close().await;
    })
    .await;
}
