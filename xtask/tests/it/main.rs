//! The walls between the crates, held over `cargo metadata`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test should stop")]

mod texts;
mod walls;
