//! Exhibits, sealing, custody statements, holds and packages.
//!
//! Here: the vault that seals exhibits under keys that can be destroyed ([`vault`], [`keystore`]), what makes a write
//! durable ([`durable`]), secrets at rest ([`secret`]), bytes sealed for one home ([`sealed`]), custody events as leaves
//! ([`custody`]), holds ([`hold`]), disclosure schedules ([`disclosure`]), packages for court ([`package`], [`case_uco`],
//! [`archive`]), time stamps of others ([`timestamp`]).
//! Elsewhere: which store (`comity::store` makes it and hands it in), what is allowed (`agreement`), the Merkle log
//! (`ledger`). This crate knows no partner protocol and is the only home of the `age` crate.
//! WALL: no network, no clock, no store of its own making.
#![deny(missing_docs)]

pub mod archive;
pub mod case_uco;
pub mod custody;
pub mod disclosure;
pub mod durable;
mod error;
pub mod hold;
pub mod keystore;
mod keystore_file;
pub mod package;
mod package_readme;
mod package_verify;
pub mod sealed;
pub mod secret;
mod stream;
pub mod timestamp;
mod upload;
pub mod vault;

pub use durable::{Durability, LocalFolder, StoreIsDurable};
pub use error::EvidenceError;
pub use hold::{Clearance, Hold};
pub use keystore::{Keystore, MemoryKeystore, ObjectKey};
pub use keystore_file::FileKeystore;
pub use vault::{Sealed, Vault};
