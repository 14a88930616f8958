//! The node's tests, as one program: the story, the stores, the command line, crashes and hostile input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed test should stop"
)]

mod batches;
mod canary;
mod cli;
#[cfg(feature = "cluster")]
mod cluster;
mod compulsion;
mod counts;
mod crash;
mod custody;
mod erase;
mod foreign;
mod homes;
mod hostile;
mod labels;
mod laboratory;
mod matching;
mod notified;
mod notify;
mod poison;
mod proof;
mod real;
mod refusals;
mod reported;
mod rules;
mod sandbox;
mod sinkhole;
mod store;
mod story;
mod support;
mod traffic;
mod verify;
mod victims;
mod withheld;
mod witness;
