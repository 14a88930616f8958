//! The vectors of `conformance/ledger/`: what must happen to each stands in its own header.
//!
//! `run` reads the folder and knows nothing of how the vectors were made; `make` makes them again from fixed keys and
//! holds that the folder is what it makes (`CONFORMANCE_WRITE=1` writes it).
#![expect(clippy::disallowed_methods, reason = "vectors are files")]

mod make;
mod run;
