//! What `privacy` promises, checked from outside.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test should stop")]

mod count;
mod customer;
mod key;
mod pseudonym;
