//! Places: where an asset stands, where a power reaches, where data may rest.

use crate::IdError;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A state or territory by its ISO 3166-1 alpha-2 code, in capitals (`DE`); `ZZ` where it is not known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place([u8; 2]);

impl Place {
    /// A place that is not known (user-assigned code `ZZ`).
    pub const UNKNOWN: Self = Self(*b"ZZ");
    /// The two letters.
    pub fn as_str(&self) -> &str {
        // Only ASCII capitals are ever stored.
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Place {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        match s.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err(IdError {
                text: s.chars().take(80).collect(),
                expected: "a place (two letters, ISO 3166-1)",
            }),
        }
    }
}
impl TryFrom<String> for Place {
    type Error = IdError;
    fn try_from(s: String) -> Result<Self, IdError> {
        s.parse()
    }
}
impl From<Place> for String {
    fn from(p: Place) -> String {
        p.as_str().to_owned()
    }
}
