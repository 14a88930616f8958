//! All outside tests of `agreement` in one program.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a failed test should stop, and tests read their rows from files"
)]

use agreement as tested;

mod agrees;
mod batch;
mod compile_fail;
mod compulsion;
mod declared;
mod golden;
mod labels;
mod model;
mod plain;
mod rulings;
mod samples;
mod sentences;
mod signatures;
mod story;

#[cfg(feature = "prove")]
mod prove;
