//! What the targets of `malware` and of others' reports check; the tests of the crates replay the same.

#[path = "../../crates/malware/tests/fuzzed/mod.rs"]
pub mod fuzzed;

#[cfg(feature = "partners")]
#[path = "../../crates/exchange/tests/fuzzed/mod.rs"]
pub mod reports;
