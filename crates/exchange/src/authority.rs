//! Authority documents: `comity.authority/1`, the legal act that allows one thing.
//!
//! Here: reading and checking the document, and the finding that it arrived. Elsewhere: whether it allows an action
//! (`takedown`). Bounds: 256 KiB, 10,000 targets, 300 places.

use crate::ExchangeError;
use serde::{Deserialize, Serialize};
use terms::{
    AssetClass, Confidence, ExhibitKind, FindingBody, Instrument, MemberId, PartnerId, Place, Timestamp,
    Unsealed,
};

/// Largest document in bytes.
pub const MAX_DOCUMENT: usize = 256 << 10;

/// What kind of legal act it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthorityKind {
    /// A court's or prosecutor's order.
    Order,
    /// A statute that applies without an order.
    Statute,
    /// A contract with the asset's holder.
    Contract,
    /// The consent of whom it concerns.
    Consent,
}

/// One authority document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityDoc {
    /// Always `comity.authority/1`.
    pub schema: String,
    /// Its own id, as its issuer files it.
    pub id: String,
    /// Who issued it.
    pub issuer: String,
    /// What it is.
    pub kind: AuthorityKind,
    /// The partner that holds it.
    pub holder: PartnerId,
    /// The member whose authority acts, where it is one's.
    #[serde(default)]
    pub member: Option<MemberId>,
    /// What it allows.
    pub instrument: Instrument,
    /// On what.
    pub class: AssetClass,
    /// The assets by name; `*` is any asset of the class in the places.
    pub targets: Vec<String>,
    /// Where.
    pub places: Vec<Place>,
    /// For what offence.
    pub offence: String,
    /// When it was served, if it was.
    #[serde(default)]
    pub served: Option<Timestamp>,
    /// From when it holds.
    pub from: Timestamp,
    /// The first instant at which it no longer holds.
    pub until: Timestamp,
}

/// Reads an authority document.
///
/// # Errors
/// CMT-0950 for anything but one whole document with targets, places and a term.
pub fn parse(bytes: &[u8]) -> Result<AuthorityDoc, ExchangeError> {
    let refuse = |why: &str| Err(ExchangeError::Authority { why: why.into() });
    if bytes.len() > MAX_DOCUMENT {
        return refuse("it is larger than 256 KiB");
    }
    let doc: AuthorityDoc = serde_json::from_slice(bytes)
        .map_err(|e| ExchangeError::Authority { why: format!("it does not read ({e})") })?;
    let named = |s: &String| (1..=256).contains(&s.len()) && !s.chars().any(char::is_control);
    match &doc {
        d if d.schema != "comity.authority/1" => refuse("its schema is not `comity.authority/1`"),
        d if ![&d.id, &d.issuer, &d.offence].into_iter().all(named) => {
            refuse("id, issuer and offence need 1 to 256 characters")
        }
        d if d.targets.is_empty() || d.targets.len() > 10_000 || !d.targets.iter().all(named) => {
            refuse("it needs 1 to 10,000 targets of 1 to 256 characters")
        }
        d if d.places.is_empty() || d.places.len() > 300 => refuse("it needs 1 to 300 places"),
        d if d.from >= d.until => refuse("it ends before it begins"),
        _ => Ok(doc),
    }
}

/// The finding that this document arrived, with its main words; an `Unreadable` one where it does not read.
pub(crate) fn finding(bytes: &[u8]) -> Unsealed {
    let (reason, body) = match parse(bytes) {
        Ok(doc) => {
            (sentence(&doc), FindingBody::Format { kind: ExhibitKind::Authority, features: features(&doc) })
        }
        Err(e) => (
            e.to_string(),
            FindingBody::Unreadable { code: "CMT-0950".into(), at: "the document".into(), records: 1 },
        ),
    };
    Unsealed {
        examiner: "exchange.authority".into(),
        version: 1,
        confidence: Confidence::new(100),
        reason,
        body,
    }
}

fn sentence(doc: &AuthorityDoc) -> String {
    let AuthorityDoc { issuer, holder, instrument, class, from, until, .. } = doc;
    format!("{issuer} allows {holder} to {instrument} a {class} from {from} until {until}.")
}

fn features(doc: &AuthorityDoc) -> Vec<(String, String)> {
    let places: Vec<String> = doc.places.iter().map(Place::to_string).collect();
    let text = |v: Option<String>| v.unwrap_or_else(|| "-".into());
    [
        ("id", doc.id.clone()),
        ("issuer", doc.issuer.clone()),
        ("holder", doc.holder.to_string()),
        ("member", text(doc.member.as_ref().map(MemberId::to_string))),
        ("instrument", doc.instrument.to_string()),
        ("class", doc.class.to_string()),
        ("targets", doc.targets.join(" ")),
        ("places", places.join(" ")),
        ("served", text(doc.served.map(|t| t.to_string()))),
        ("from", doc.from.to_string()),
        ("until", doc.until.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
