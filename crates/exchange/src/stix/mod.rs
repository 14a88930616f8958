//! STIX 2.1 (OASIS standard, 10 June 2021), and 2.0 for reading.
//!
//! Here: [`read`] (every object of a bundle arrives as a finding) and [`write()`] (findings as a bundle).
//! Elsewhere: matching patterns against telemetry, TAXII. Bounds: see [`MAX_OBJECT`] and [`MAX_PATTERN`].

pub(crate) mod id;
mod pattern;
mod read;
mod write;

pub use read::{MAX_OBJECT, MAX_PATTERN, read};
pub use write::{Producer, Written, write};
