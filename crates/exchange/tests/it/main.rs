//! The outside tests of `exchange`, one program.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "a failed test should stop"
)]

#[path = "../fuzzed/mod.rs"]
mod fuzzed;

mod accounts;
mod authority;
mod compelled;
mod counts;
mod crossing;
mod golden;
mod hostile;
mod lists;
mod notice;
mod payload;
mod question;
mod real;
mod recognise;
mod replay;
mod reports;
mod stix_read;
mod stix_write;
mod victims;
mod world;

use terms::{FindingBody, Unsealed};

/// Everything a reader hands over.
fn collect(read: impl FnOnce(&mut dyn FnMut(Unsealed))) -> Vec<Unsealed> {
    let mut out = Vec::new();
    read(&mut |finding| out.push(finding));
    out
}

/// Code, place and number of records of each `Unreadable` finding.
fn unreadable(findings: &[Unsealed]) -> Vec<(String, String, u64)> {
    findings
        .iter()
        .filter_map(|f| match &f.body {
            FindingBody::Unreadable { code, at, records } => Some((code.clone(), at.clone(), *records)),
            _ => None,
        })
        .collect()
}
