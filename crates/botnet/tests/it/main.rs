//! Outside tests of the botnet laboratory, one program.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed test should stop"
)]

mod captures;
mod data;
mod logs;
mod population;
mod questions;
mod real;
