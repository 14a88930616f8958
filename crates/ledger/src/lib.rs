//! The ledger: an append-only Merkle log of custody, rulings and receipts.
//!
//! Here: signed envelopes ([`dsse`]), statements without personal data ([`statement`]), salted commitments
//! ([`commitment`]), tile bytes of C2SP tlog-tiles ([`log`]), signed checkpoints ([`checkpoint`]), proofs ([`proof`]),
//! cosignatures ([`witness`]), the tree over a batch ([`tree`]), and the verifier that recomputes everything ([`verify`]).
//! Elsewhere: where tiles are kept and fenced (`comity::store`), who may append (`agreement`), transport (`exchange`).
//! WALL: bytes in, bytes out. No file, no socket, no clock.
//! Bounds: a leaf is at most 65,535 bytes, an envelope's payload 16 MiB, a checkpoint 64 KiB, a log 2^40 leaves.
#![deny(missing_docs)]

pub mod checkpoint;
pub mod commitment;
pub mod dsse;
pub mod earlier;
mod error;
pub mod heads;
pub mod log;
pub mod proof;
pub mod request;
pub mod statement;
mod tile;
pub mod tree;
pub mod verify;
pub mod witness;

pub use checkpoint::{Head, NoteKey, NoteSigner};
pub use commitment::{Commitment, Salt, commit};
pub use error::LedgerError;
pub use log::Log;
pub use verify::{Report, Trust, verify_log, verify_tree};

/// How bytes of a log are read: the text of a path below the log's folder (`tile/0/000`) to the file's bytes, `None`
/// where there is no such file. The reader must bound what it loads: no file of a log is above 17 MiB.
pub type Read<'a> = dyn Fn(&str) -> std::io::Result<Option<Vec<u8>>> + 'a;
