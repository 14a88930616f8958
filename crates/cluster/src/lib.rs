//! The same plans on many machines: scheduler and executor roles on Apache DataFusion Ballista.
//!
//! A scheduler takes plans in and cuts them into tasks, executors run tasks and hand each other what they made, a client
//! ([`connect`]) asks. All three are this one program: [`session`] is the one place that says which functions they know and
//! which store they read, and [`greeting`] the words by which they tell that they are of one version.
//!
//! Walls: no query of its own. **Nobody proves who they are**: whoever reaches a port can run plans over the telemetry that
//! the roles can read. A cluster is an enclave of machines that trust each other; roles bind to loopback, and elsewhere only
//! when told so ([`Reach`]). Credentials of the store stay in each role's own environment and never travel with a plan.
//!
//! What is lost when a role dies: an executor's tasks are run again by others, after [`Patience`]; a scheduler holds
//! running queries in memory, and who asked has to ask again.
#![deny(missing_docs)]

mod client;
mod error;
mod executor;
pub mod greeting;
mod reach;
mod scheduler;
pub mod session;

pub use client::connect;
pub use error::ClusterError;
pub use executor::{ExecutorOptions, execute};
pub use reach::Reach;
pub use scheduler::{Patience, SchedulerOptions, schedule};
pub use session::Readable;
