//! The cluster's tests, as one program, which is also every role of the cluster: it starts itself.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed test should stop")]

mod bucket;
mod greetings;
mod house;
mod made;
mod queries;
