//! The botnet laboratory: capture and log readers, telemetry tables, detection, population.
//!
//! The way through it:
//! 1. [`decompress::open`] and [`recognise`] say what an exhibit is, by its content;
//! 2. [`read`] turns it into [`rows::Row`]s, one at a time, in bounded memory;
//! 3. the node pseudonymises ([`prepare::Preparer`]) and [`tables::Files`] writes immutable Parquet files;
//! 4. [`Telemetry`] asks questions of those files and answers with findings and the exhibits they rest on;
//! 5. [`rollup`] keeps days of sightings as bitmaps, so that bots are counted over months without reading the rows again;
//! 6. [`population`] counts the infected by what was seen of them, or says that the data cannot tell.
//!
//! [`beacon`] is arithmetic alone: how regular one host's calls are.
//! [`generated`] knows the names that bots of known families ask for on a day.
//!
//! [`functions`] are ours in SQL, the same on every engine.
//!
//! Elsewhere: who may ask (`agreement`), what is done about it (`takedown`), where files lie and which count (the
//! state store's manifest). Walls: no socket, no clock, no file opened by a reader (`clippy.toml`).
#![deny(missing_docs)]

pub mod beacon;
pub mod decompress;
pub mod functions;
pub mod generated;
pub mod lexical;
pub mod population;
pub mod prepare;
pub mod read;
mod recognise;
pub mod rollup;
pub mod routing;
pub mod rows;
pub mod tables;
pub mod telemetry;

pub use read::{ReadError, read};
pub use recognise::{HEAD, recognise};
pub use telemetry::{Telemetry, TelemetryError};
