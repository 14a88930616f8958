//! Evidence from outside: sealing, erasing, crashing, packing.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed test should stop; tests make their own stores"
)]

mod conformance;
mod crash;
mod keystore;
mod memory;
mod package;
mod telltale;
mod timestamp;
mod vault;
