//! The stores of a node: its home, clock, configuration, state, vault, telemetry, ledger.
//!
//! Here: where things rest and in which order they become durable. Elsewhere: what they mean (`evidence`, `threat`,
//! `agreement` …), who acts (`cli`, `work`).
//!
//! The order of a commit, kept by [`commit`]: vault object with `fsync` → one state transaction with the results, the
//! telemetry manifest and the ledger's leaves in the outbox → the sequencer. *Acknowledged* means that the state
//! transaction is durable. Killing the process at any instant loses nothing acknowledged.
//!
//! ```text
//! home/  format  lock  config.toml  state.db  keys/  vault/  telemetry/  ledger/  tmp/  outbox/
//! ```

pub mod clock;
pub mod commit;
pub mod config;
pub mod doctor;
mod error;
pub mod files;
pub mod home;
pub mod lock;
pub mod network;
pub mod sequencer;
pub mod state;
pub mod telemetry;
pub mod vault;
pub mod writer;

pub use clock::{Clock, ClockAnswer, NodeClock, SetClock, SystemClock};
pub use commit::{Acknowledged, Batch, commit, commit_and_publish};
pub use config::{Config, Flags, Loaded, Setting, Sources};
pub use error::StoreError;
pub use home::{Home, InitOptions, Mode};
pub use network::Network;
pub use sequencer::{Published, Sequencer};
pub use state::{
    Conn, State, Tx, compacted, crossings, custody, erasure, exhibits, findings, heads, jobs, leaves,
    manifest, odometers, records, settings, statements,
};
pub use telemetry::{Draft, TelemetryStore};
