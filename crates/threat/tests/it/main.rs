//! What the threat crate promises, seen from outside.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test should stop")]

mod assess;
mod case;
mod graph;
mod made;
mod money;
mod signature;
