//! The store, on SQLite and on PostgreSQL.
//!
//! `databases` starts PostgreSQL and gives each test a store of its own; `contract` runs every repository method on
//! both; `crash` stops the sequencer after every step.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed test should stop")]

mod contract;
mod crash;
mod databases;
mod home;
mod jobs;
mod killed;
mod look;
mod odometers;
mod queue;
mod settings;
