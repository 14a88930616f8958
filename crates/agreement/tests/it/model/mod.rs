//! An independent interpreter of agreements: the clause blocks read as plain TOML and decided on without Cedar, sound
//! agreements made by chance, and requests near the edges of what they allow.
//!
//! It shares with the crate under test the request and the words of `terms`, and nothing else.

pub mod ask;
pub mod decide;
pub mod dice;
pub mod made;
pub mod nearest;
pub mod text;
