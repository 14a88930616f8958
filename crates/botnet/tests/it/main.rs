//! Outside tests of the botnet laboratory, one program.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed test should stop; real logs are read from disk"
)]

mod beacon;
mod beacon_model;
mod c2_priors;
mod captures;
mod compact;
mod data;
mod folder;
mod generated;
mod lexical;
mod logs;
mod population;
mod questions;
mod real;
mod rollups;
mod routing;
mod sensors;
mod shapes;
mod talks;
mod web;
