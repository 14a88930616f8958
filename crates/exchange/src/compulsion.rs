//! The finding that an order arrived which compels this home (`comity.compulsion/1`).
//!
//! Elsewhere: reading the document and what it compels (`agreement`). The finding names no target and no offence: an order
//! may have to be kept silent, and findings are listed to everybody of a home.

use agreement::Compulsion;
use terms::{Confidence, ExhibitKind, FindingBody, Unsealed};

/// The finding that this document arrived, with its main words; an `Unreadable` one where it does not read.
pub(crate) fn finding(bytes: &[u8]) -> Unsealed {
    let (reason, body) = match Compulsion::parse(bytes) {
        Ok(order) => (
            format!("{} {} is addressed to {}.", order.instrument(), order.id(), order.addressee()),
            FindingBody::Format { kind: ExhibitKind::Compulsion, features: features(&order) },
        ),
        Err(e) => (
            e.to_string(),
            FindingBody::Unreadable { code: "CMT-0250".into(), at: "the document".into(), records: 1 },
        ),
    };
    Unsealed {
        examiner: "exchange.compulsion".into(),
        version: 1,
        confidence: Confidence::new(100),
        reason,
        body,
    }
}

fn features(order: &Compulsion) -> Vec<(String, String)> {
    [
        ("id", order.id().to_owned()),
        ("instrument", order.instrument().to_string()),
        ("addressee", order.addressee().to_string()),
        ("from", order.from().to_string()),
        ("until", order.until().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
