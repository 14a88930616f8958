//! The agreement: its text, diagnostics and signatures, its compilation to Cedar, rulings and permits.
//!
//! Here: reading `*.mou.md` ([`parse`], [`fill`]), what is wrong with a text ([`Diagnostics`]), who signed it
//! ([`sign`], [`countersign`], [`SignedAgreement`]), the policy it compiles to ([`compile`]), and the decision on one
//! request ([`Agreements::rule`]) or on a batch of records ([`Agreements::rule_batch`]); the order that has to be obeyed
//! without an agreement ([`Compulsion`], [`Agreements::compel`]). `rule` and `compel` are the only makers of a
//! [`Permit`].
//! Elsewhere: envelopes (`ledger::dsse`), pseudonyms and other protections (`privacy`), the crossing itself
//! (`exchange`), where texts and envelopes are kept (`comity`).
//! WALL: no file, no socket, no clock; "now" is an argument, so that every ruling can be replayed.
//! Bounds: a text is at most 1 MiB with 2,000 clauses of 64 KiB and lists of 2,000 entries.
#![deny(missing_docs)]

// The interpreter of the outside tests, and the name by which it knows this crate.
#[cfg(test)]
use crate as tested;
#[cfg(test)]
#[path = "../tests/it/model/mod.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "shared with the outside tests, where a failure should stop"
)]
mod model;
#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed test should stop")]
mod mutants;
#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a failed test should stop")]
mod tighter;

mod agreement;
mod agreements;
mod ask;
mod batch;
mod certificate;
mod check;
mod clash;
mod clause;
mod compel;
mod compulsion;
mod condition;
mod covers;
mod declared;
mod diagnostics;
mod fields;
mod figures;
mod guarantee;
mod keys;
mod nearest;
mod plain;
mod policy;
#[cfg(feature = "prove")]
pub mod prove;
mod request;
mod ruled;
mod rules;
mod ruling;
mod signature;
mod slice;
mod state;
mod text;

pub use agreement::{
    Agreement, Clause, Member, Offence, Power, Recipient, WithoutEffect, WitnessRule, amendment, parse,
};
pub use agreements::{Agreements, PERMIT_MICROS};
pub use batch::{Batch, Counts, Passed};
pub use certificate::{Certificate, CertificateError, Line, MAX_CERTIFICATE, SolverName};
pub use clause::{By, Ground, Kind, RecipientKind, Survives};
pub use compel::{
    APPROVAL_MICROS, Approver, COMPEL_APPROVAL_SCHEMA, COMPEL_APPROVAL_TYPE, CompelApproval, Compelled,
    Demanded, Overridden, PermitSource,
};
pub use compulsion::{
    COMPULSION_SCHEMA, Compelling, Compulsion, CompulsionError, DataPeriod, Extent, MAX_COMPULSION,
};
pub use condition::Condition;
pub use covers::Covered;
pub use declared::{Declarer, EMERGENCY_TYPE, Emergency, MEMBERSHIP_TYPE, MemberChange, Membership};
pub use diagnostics::{Diagnostics, Problem};
pub use figures::{Attribution, Budget, Grading, IepActions, Matching, Period, Source, Spent, Unit};
pub use guarantee::Guarantee;
pub use keys::{
    DELEGATION_TYPE, Delegation, MANDATE_TYPE, Mandate, NodeKeys, REVOCATION_TYPE, Revocation, key_text,
    read_key,
};
pub use plain::Permission;
pub use policy::{Policy, PolicyError, compile};
pub use request::{Act, Request};
pub use ruled::{MAX_RULED_RECORD, RULED_RECORD, Ruled, RuledRecord, Rulings};
pub use ruling::{Denial, Duty, Permit, PermitError, Prohibition, Redeemed, Ruling};
pub use signature::{
    AGREEMENT_TYPE, Bound, Lasting, SignatureError, SignedAgreement, Verified, countersign, countersign_with,
    sign, sign_bound, verify, verify_with,
};
pub use state::{STATUS_TYPE, State, Status, StatusChange};
pub use text::{canonical, fill, placeholders};
