//! The authority document (`comity.authority/1`): the legal act that allows one thing.
//!
//! Elsewhere: whether it allows a given action (the planner and the checker each decide that on their own).
//! Bounds: a document above 256 KiB, with more than 10,000 targets or 400 places is refused.

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use terms::{AssetClass, Instrument, MemberId, PartnerId, Place, Timestamp};

/// Largest document, in bytes.
pub const MAX_AUTHORITY_BYTES: usize = 256 * 1024;

/// What kind of legal act it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthorityKind {
    /// A court's or prosecutor's order: binds once served.
    Order,
    /// A statute.
    Statute,
    /// A contract with the holder.
    Contract,
    /// The holder's consent.
    Consent,
}

/// One legal act, as its document says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// Always `comity.authority/1`.
    pub schema: String,
    /// The act's own number (`order-de-114`).
    pub id: String,
    /// Who issued it.
    pub issuer: String,
    /// What it is.
    pub kind: AuthorityKind,
    /// The partner that holds it.
    pub holder: PartnerId,
    /// The member that holds it, where a member does.
    pub member: Option<MemberId>,
    /// What it allows.
    pub instrument: Instrument,
    /// To what.
    pub class: AssetClass,
    /// To which: domain names, addresses without port, accounts, registry suffixes or algorithm keys for generated
    /// names; `*` for every asset of the class in `places`.
    pub targets: Vec<String>,
    /// Where.
    pub places: Vec<Place>,
    /// The offence it is for.
    pub offence: String,
    /// When it was served; none while it is not.
    pub served: Option<Timestamp>,
    /// From when it holds.
    pub from: Timestamp,
    /// Until when it holds; from this instant on it is expired.
    pub until: Timestamp,
}

/// Why a document is not an authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum AuthorityError {
    /// Too large.
    #[error("the document has {bytes} bytes; an authority has at most 262144")]
    #[diagnostic(
        code("CMT-0830"),
        help("hand in the structured document, and the scan as an exhibit of its own")
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not the expected fields.
    #[error("the document is not an authority: {reason}")]
    #[diagnostic(
        code("CMT-0831"),
        help("compare it with `comity.authority/1` in the manual; dates are RFC 3339, places ISO 3166-1")
    )]
    Form {
        /// What is wrong and where.
        reason: String,
    },
    /// The fields contradict each other or say nothing.
    #[error("authority `{id}`: {reason}")]
    #[diagnostic(code("CMT-0832"), help("ask its issuer for a corrected document"))]
    Sense {
        /// Its id.
        id: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Authority {
    /// The schema this reads.
    pub const SCHEMA: &'static str = "comity.authority/1";

    /// Reads one document.
    ///
    /// # Errors
    /// Refuses what is too large, is not this schema, names no target or place, or ends before it begins.
    pub fn parse(bytes: &[u8]) -> Result<Self, AuthorityError> {
        if bytes.len() > MAX_AUTHORITY_BYTES {
            return Err(AuthorityError::TooLarge { bytes: bytes.len() });
        }
        let act: Self =
            serde_json::from_slice(bytes).map_err(|e| AuthorityError::Form { reason: e.to_string() })?;
        if act.schema != Self::SCHEMA {
            let reason = format!("its schema is `{}`", act.schema.chars().take(80).collect::<String>());
            return Err(AuthorityError::Form { reason });
        }
        match act.nonsense() {
            Some(reason) => Err(AuthorityError::Sense { id: act.id.chars().take(80).collect(), reason }),
            None => Ok(act),
        }
    }

    fn nonsense(&self) -> Option<&'static str> {
        if self.id.is_empty() || self.id.len() > 128 {
            Some("its id is empty or longer than 128 bytes")
        } else if self.targets.is_empty() || self.targets.len() > 10_000 {
            Some("it names no target, or more than 10,000")
        } else if self.targets.iter().any(String::is_empty) {
            Some("one of its targets is empty")
        } else if self.places.is_empty() || self.places.len() > 400 {
            Some("it names no place, or more than 400")
        } else if self.until <= self.from {
            Some("it ends before it begins")
        } else {
            None
        }
    }
}
