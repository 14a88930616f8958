//! What the targets of `malware` check; the tests of the crate replay the same.

#[path = "../../crates/malware/tests/fuzzed/mod.rs"]
pub mod fuzzed;
