//! The border of a node: the formats of others, sealed bundles, and the only door through which data leaves.
//!
//! Here: telling exhibits of partners' formats apart ([`recognise`]) and reading them into findings ([`examine`],
//! [`stix`], [`list`], [`assets`], [`accounts`], [`authority`]), or into events of infected machines ([`reports`]); what crosses ([`payload`]), its release under a permit
//! ([`release()`]), taking it in ([`open_bundle`], [`receive()`]), receipts ([`receipt`]) with answers to questions
//! ([`question`]); noisy counts ([`counts`]); steps of a private match ([`matching`]); victims for one member's own team
//! ([`victims`]); notices to recipients without a node, with the letter for a victim ([`notice`]).
//! Elsewhere: rulings (`agreement`), protection of records (`privacy`), files, state and the ledger (`comity`).
//! WALL: no file, no socket, no clock: bytes in, bytes out; "now" is an argument. Nothing leaves without a
//! [`agreement::Permit`] bound to the final bytes. Two doors stand beside this one: a package that a person hands over
//! under an authority, and the sinkhole's one fixed answer.
//! Bounds: stated by each module; everything hostile is bounded before it is kept.
#![deny(missing_docs)]

pub mod accounts;
pub mod assets;
pub mod authority;
mod bundle;
mod compulsion;
pub mod counts;
mod encoding;
mod error;
mod examine;
mod findings;
mod line;
pub mod list;
pub mod matching;
pub mod notice;
pub mod payload;
pub mod question;
pub mod receipt;
mod receive;
mod recognise;
mod release;
pub mod reports;
mod scan;
mod signer;
pub mod stix;
pub mod victims;

pub use bundle::{Header, MAX_BUNDLE, Received, header, open_bundle};
pub use error::{ExchangeError, Refusal};
pub use examine::examine;
pub use findings::{MAX_LISTED, Sink, Summary};
pub use payload::{Item, Payload};
pub use receipt::Receipt;
pub use receive::{Accepted, asked, ordered, receive, receive_compelled, session};
pub use recognise::{BUNDLE_MAGIC, recognise};
pub use release::{ReleaseRecord, Released, Signer, release, release_showing};
