//! The one way in which results become durable.
//!
//! The order: vault objects and telemetry files are durable before a [`Batch`] names them (`vault`, `telemetry`) → one
//! state transaction with everything of the batch → the sequencer. Acknowledged means that the transaction is durable:
//! what the sequencer cannot write yet waits in the outbox and is written by the next run.

use super::StoreError;
use super::sequencer::{Published, Sequencer};
use super::state::{
    State, Tx,
    custody::{self, CustodyRow},
    exhibits::{self, Exhibit},
    findings, jobs,
    leaves::{self, NewLeaf},
    manifest::{self, TelemetryFile},
};
use terms::{Finding, Timestamp};

/// What belongs together: all of it is kept, or nothing.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Exhibits whose sealed bytes and keys are durable already.
    pub exhibits: Vec<Exhibit>,
    /// Acts of custody.
    pub custody: Vec<CustodyRow<serde_json::Value>>,
    /// Findings.
    pub findings: Vec<Finding>,
    /// Telemetry files that were taken in (`TelemetryStore::adopt`).
    pub telemetry: Vec<TelemetryFile>,
    /// Leaves for the ledger.
    pub leaves: Vec<NewLeaf>,
    /// Jobs that follow from it.
    pub jobs: Vec<jobs::NewJob>,
    /// The job that this completes.
    pub completes: Option<jobs::Job>,
}

/// What is durable now.
#[derive(Debug, Default)]
pub struct Acknowledged {
    /// Exhibits that were not known before.
    pub new_exhibits: u64,
    /// Findings that were not known before.
    pub new_findings: u64,
    /// Telemetry files that count from now on; the others of the batch counted already and are swept.
    pub new_telemetry: u64,
    /// Jobs that were not queued before.
    pub new_jobs: u64,
}

/// Writes a batch into a transaction of the caller, who adds what is his and commits.
///
/// Errors: CMT-1015 where the job is another worker's by now: drop the transaction.
pub async fn write(tx: &mut Tx, batch: &Batch, at: Timestamp) -> Result<Acknowledged, StoreError> {
    let mut done = Acknowledged::default();
    // First, so that a lost lease costs nothing; the row stays locked until the end.
    if let Some(job) = &batch.completes {
        jobs::complete(tx, job, at).await?;
    }
    for exhibit in &batch.exhibits {
        done.new_exhibits += u64::from(exhibits::put(tx, exhibit).await?);
    }
    for act in &batch.custody {
        custody::add(tx, act).await?;
    }
    done.new_findings = findings::put(tx, &batch.findings, at).await?;
    for file in &batch.telemetry {
        done.new_telemetry += u64::from(manifest::add(tx, file, at).await?);
    }
    for leaf in &batch.leaves {
        leaves::queue(tx, leaf, at).await?;
    }
    for job in &batch.jobs {
        done.new_jobs += u64::from(jobs::enqueue(tx, job).await?);
    }
    Ok(done)
}

/// Makes a batch durable: when this returns, it is acknowledged.
pub async fn commit(state: &State, batch: &Batch, at: Timestamp) -> Result<Acknowledged, StoreError> {
    let mut tx = state.begin().await?;
    let done = write(&mut tx, batch, at).await?;
    tx.commit().await?;
    Ok(done)
}

/// Makes a batch durable and the ledger follow. The first answer stands whatever the second says.
pub async fn commit_and_publish(
    state: &State,
    sequencer: &Sequencer,
    batch: &Batch,
    at: Timestamp,
) -> Result<(Acknowledged, Result<Option<Published>, StoreError>), StoreError> {
    let done = commit(state, batch, at).await?;
    Ok((done, sequencer.run().await))
}
