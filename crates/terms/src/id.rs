//! Names of things: each kind of id is its own type, so that a case is never handed in for a threat.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct IdError {
    /// What was given, as given (cut at 80 characters).
    pub text: String,
    /// What it should have been, in words.
    pub expected: &'static str,
}

impl IdError {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), expected }
    }
}

/// A SHA-256 digest (FIPS 180-4), shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        let mut out = [0u8; 32];
        hex::decode_to_slice(s, &mut out)
            .map_err(|_| IdError::new(s, "a SHA-256 digest of 64 hexadecimal digits"))?;
        Ok(Self(out))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! digest_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Digest);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                Ok(Self(s.parse()?))
            }
        }
    };
}

digest_id! {
    /// Names an exhibit by the SHA-256 of its bytes: the same at every partner, for ever.
    ExhibitId
}
digest_id! {
    /// Names a finding by the SHA-256 of its exhibits, examiner, version and content, so that a retried job
    /// changes nothing.
    FindingId
}

impl ExhibitId {
    /// The id of an exhibit with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Digest::of(bytes))
    }
}

/// Lower-case letters, digits, `-` and `.`, beginning with a letter or digit; 1 to 128 characters.
fn slug(s: &str, expected: &'static str) -> Result<String, IdError> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let first = s.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if first && s.len() <= 128 && s.chars().all(good) {
        Ok(s.to_owned())
    } else {
        Err(IdError::new(s, expected))
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads an id; refuses anything but 1 to 128 lower-case letters, digits, `-` and `.`.
            pub fn new(s: &str) -> Result<Self, IdError> {
                slug(s, $expected).map(Self)
            }
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                Self::new(s)
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(s: String) -> Result<Self, IdError> {
                Self::new(&s)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

text_id! {
    /// A partner: an organisation with a node and a key (`company`, `police`).
    PartnerId, "a partner id (lower-case letters, digits, `-`, `.`)"
}
text_id! {
    /// A state or institution that belongs to a partner and acceded to an agreement (`de`, `harbour-bank`).
    MemberId, "a member id (lower-case letters, digits, `-`, `.`)"
}
text_id! {
    /// An agreement (`company-police`).
    AgreementId, "an agreement id (lower-case letters, digits, `-`, `.`)"
}
text_id! {
    /// A case: an investigation. A UUIDv7 or a name a person chose.
    CaseId, "a case id (lower-case letters, digits, `-`, `.`)"
}
text_id! {
    /// A threat: a cluster of samples or channels judged together. Stable while the cluster keeps its oldest evidence.
    ThreatId, "a threat id (lower-case letters, digits, `-`, `.`)"
}
text_id! {
    /// A plan of actions at one hour.
    PlanId, "a plan id (lower-case letters, digits, `-`, `.`)"
}
text_id! {
    /// One action of a plan.
    ActionId, "an action id (lower-case letters, digits, `-`, `.`)"
}
text_id! {
    /// One crossing of a border.
    ReleaseId, "a release id (lower-case letters, digits, `-`, `.`)"
}

/// One numbered clause of an agreement, shown as `company-police 3.1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClauseId {
    /// The agreement it stands in.
    pub agreement: AgreementId,
    /// Its number as printed in the prose (`3.1`).
    pub number: String,
}

impl fmt::Display for ClauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.agreement, self.number)
    }
}
