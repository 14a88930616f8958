//! What `privacy` promises, checked from outside.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed test should stop")]

mod count;
mod customer;
mod dp;
mod key;
mod odometer;
mod pseudonym;
mod psi;
mod span;
mod token;
