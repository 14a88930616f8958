//! Exhibits, sealing, custody statements, holds and packages.
