//! Private set intersection: which of its items somebody else holds too, or how many, and nothing besides.
//!
//! Here, and what each side learns:
//! - [`oprf`]: the oblivious pseudorandom function of RFC 9497, suite ristretto255-SHA512, modes OPRF and VOPRF.
//! - [`reveal`]: the asker learns which of its own items the holder has, and how many items the holder has. The holder
//!   learns how many items were asked and nothing else: blinded elements are uniformly random points whatever the items
//!   are. In verified mode the asker also knows that one key answered every item.
//! - [`size_only`]: the asker learns how many of its items the holder has, and how many the holder has; not which. The
//!   holder learns how many were asked. For askers that keep to the protocol; see there for those that do not.
//! - [`Items`], [`Kind`]: items in one spelling. [`filter`]: the holder's side as a binary fuse filter.
//!
//! Elsewhere: caps, cases and reasons (`agreement`, `comity`), the crossing (`exchange`). A domain that can be walked
//! through ([`Kind::enumerable`]) is told by enough questions in any protocol of this kind: only the caps stop it.
//! Nothing here draws random numbers: every secret follows from a [`crate::Key`] that the caller draws, so that a session
//! that was committed to can be made again in an audit.
//! Bounds: 1 to [`MOST_ITEMS`] items a side, 1 to [`MOST_ITEM`] bytes an item. Work is done in chunks of [`CHUNK`] on
//! every core.

mod error;
pub mod filter;
mod group;
mod items;
pub mod oprf;
mod proof;
pub mod reveal;
pub mod size_only;
mod wire;

pub use error::PsiError;
pub use items::{Items, Kind, Unread};
pub use oprf::{Mode, PublicKey, SecretKey};
pub use proof::Proof;
pub use wire::{Commitment, ELEMENT, Protocol, Question};

/// Most items of one side.
pub const MOST_ITEMS: usize = 1 << 21;
/// Most bytes of one item in its one spelling.
pub const MOST_ITEM: usize = 256;
/// Elements worked on, and proven, together.
pub const CHUNK: usize = 8192;

/// Told after each chunk: items done so far, and of how many.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// For who wants to be told nothing.
pub fn quietly(_: usize, _: usize) {}
