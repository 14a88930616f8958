//! Exhibits, sealing, custody statements, holds and packages.

pub mod sealed;
