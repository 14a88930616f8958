//! The sinkhole with real sockets on this machine's own loopback.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a failed test should stop"
)]

mod chained;
mod classes;
mod configuration;
mod floods;
mod hostile;
mod listening;
mod questions;
mod support;
mod victims;
