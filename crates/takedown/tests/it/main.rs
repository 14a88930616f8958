//! What the takedown crate promises, seen from outside.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed test should stop")]

mod authority;
mod best;
mod made;
mod mutants;
mod outcome;
mod packages;
mod stops;
