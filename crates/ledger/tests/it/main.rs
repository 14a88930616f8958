//! The ledger from outside: against an independent tree, against flipped bytes, against crashes, against two faces.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed test should stop")]

mod conformance;
mod crash;
mod flipped;
mod forks;
mod home;
mod oracle;
mod request;
mod witness;
