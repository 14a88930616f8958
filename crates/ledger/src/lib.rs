//! The ledger: an append-only Merkle log of custody, rulings and receipts.
//!
//! Here: signed envelopes ([`dsse`]), statements without personal data ([`statement`]), salted commitments
//! ([`commitment`]), tile and checkpoint bytes of C2SP tlog-tiles ([`log`]), proofs and cosignatures ([`proof`],
//! [`witness`]), and the verifier that recomputes everything ([`verify`]).
//! Elsewhere: where tiles are kept and fenced (`comity::store`), who may append (`agreement`), transport (`exchange`).
//! WALL: bytes in, bytes out. No file, no socket, no clock.
//! Bounds: a leaf is at most 65,535 bytes, an envelope's payload 16 MiB, a checkpoint 64 KiB, a log 2^40 leaves.
#![deny(missing_docs)]

pub mod dsse;
mod error;

pub use error::LedgerError;
