//! One door to all readers: an exhibit of a kind that this crate recognises becomes findings.
//!
//! Elsewhere: bundles ([`crate::open_bundle`]) and receipts ([`crate::receipt`]), which need keys.

use crate::findings::{Reporter, Sink, Summary};
use crate::{accounts, assets, authority, compulsion, list, question, stix};
use std::io::Read;
use terms::{ExhibitKind, FindingBody, Unsealed};

/// Reads an exhibit of this kind and hands its findings to `sink`. `None` where the kind is not one of: STIX bundle,
/// domain, address or hash list, asset register, accounts, authority, compulsion, covert list. Never panics, whatever the bytes;
/// what cannot be read is listed as `Unreadable`.
pub fn examine(kind: ExhibitKind, source: &mut dyn Read, sink: Sink<'_>) -> Option<Summary> {
    Some(match kind {
        ExhibitKind::StixBundle => stix::read(source, sink),
        ExhibitKind::DomainList | ExhibitKind::AddressList | ExhibitKind::HashList => {
            list::read(source, sink)
        }
        ExhibitKind::AssetRegister => assets::read(source, sink),
        ExhibitKind::Accounts => accounts::read(source, sink),
        ExhibitKind::Authority => document(
            source,
            authority::MAX_DOCUMENT,
            ("exchange.authority", "CMT-0950"),
            authority::finding,
            sink,
        ),
        ExhibitKind::Compulsion => {
            let examiner = ("exchange.compulsion", "CMT-0250");
            document(source, agreement::MAX_COMPULSION, examiner, compulsion::finding, sink)
        }
        ExhibitKind::CovertList => covert_list(source, sink),
        _ => return None,
    })
}

fn document(
    source: &mut dyn Read,
    most: usize,
    (examiner, code): (&'static str, &str),
    finding: fn(&[u8]) -> Unsealed,
    sink: Sink<'_>,
) -> Summary {
    // One byte more than is allowed, so that a larger one is refused rather than cut.
    let finding = match whole(source, most + 1) {
        Ok(bytes) => finding(&bytes),
        Err(why) => return unread(examiner, code, &why, sink),
    };
    let unreadable = matches!(finding.body, FindingBody::Unreadable { .. });
    sink(finding);
    Summary { read: u64::from(!unreadable), unreadable: u64::from(unreadable) }
}

fn covert_list(source: &mut dyn Read, sink: Sink<'_>) -> Summary {
    match whole(source, question::MAX_COVERT_BYTES + 1) {
        Ok(bytes) => {
            let mut report = Reporter::new("exchange.covert", sink);
            question::covert_finding(&bytes, &mut report);
            report.finish()
        }
        Err(why) => unread("exchange.covert", "CMT-0932", &why, sink),
    }
}

fn whole(source: &mut dyn Read, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source.take(most as u64).read_to_end(&mut bytes).map_err(|e| format!("reading failed, {e}"))?;
    Ok(bytes)
}

fn unread(examiner: &'static str, code: &str, why: &str, sink: Sink<'_>) -> Summary {
    let mut report = Reporter::new(examiner, sink);
    report.unreadable(code, "the document".into(), why);
    report.finish()
}
