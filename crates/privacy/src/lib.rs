//! Pseudonyms and protected counts: what of a person's data may stay at rest or leave, in which form.
//!
//! Here: keys per label and period ([`Key`], [`Period`]), pseudonyms of addresses, bots and accounts
//! ([`Pseudonymiser`]), tokens that keep a number's form ([`Tokeniser`]), noisy counts ([`dp`]) and what they cost
//! ([`Odometer`]), counts without small numbers ([`suppress`], [`suppress_under_total`]), private set intersection
//! ([`psi`]), and which address is a person's ([`customer::Networks`]).
//! Elsewhere: where keys rest and who may ask (`evidence`, `comity`), which form a clause wants (`agreement`),
//! what leaves (`exchange`). This crate sees no agreement, no file, no socket and no clock.
//! Bounds: 10,000 declared networks; a pseudonym is 34 characters.
#![deny(missing_docs)]

mod count;
pub mod customer;
pub mod dp;
mod error;
mod key;
mod odometer;
mod period;
mod pseudonym;
pub mod psi;
mod span;
mod token;

pub use count::{Counts, suppress, suppress_under_total};
pub use error::PrivacyError;
pub use key::Key;
pub use odometer::{Epsilon, Odometer};
pub use period::Period;
pub use pseudonym::Pseudonymiser;
pub use span::Span;
pub use token::{LEAST_DOMAIN, Tokeniser};
