//! The words of Comity as types.
//!
//! Here: ids, time, place, partners, categories, handling, purposes, protections, exhibit kinds, channels,
//! findings, labels, sightings, instruments. Every public type has its entry in `GLOSSARY.md`.
//! Elsewhere: what is *done* with them. This crate knows no other crate of ours and does no IO.
//! A type enters only when two crates that must not know each other need it.
#![deny(missing_docs)]

mod asset;
mod category;
mod channel;
mod exhibit;
mod finding;
mod handling;
mod id;
mod label;
mod partner;
mod place;
mod sighting;
mod time;

pub use asset::{AssetClass, AssetSheet, Instrument, Standing};
pub use category::{Category, Protection, Purpose};
pub use channel::{Channel, DgaSpec};
pub use exhibit::{Compression, ExhibitKind, Obtained};
pub use finding::{Confidence, Finding, FindingBody, FiredString, Unsealed};
pub use handling::{Handling, HandlingCode, Tlp};
pub use id::{
    ActionId, AgreementId, CaseId, ClauseId, Digest, ExhibitId, FindingId, IdError, MemberId, PartnerId,
    PlanId, ReleaseId, ThreatId,
};
pub use label::{Label, Labeller, Labelling, Settled, weaker};
pub use partner::{PersonId, Role};
pub use place::Place;
pub use sighting::Sighting;
pub use time::{Day, MICROS_PER_DAY, MICROS_PER_SECOND, TimeError, Timestamp};
