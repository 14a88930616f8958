//! Handling marks: how the holder of a record may treat it.

use crate::category::word_enum;
use serde::{Deserialize, Serialize};
use std::fmt;

word_enum! {
    /// Traffic Light Protocol 2.0 (FIRST, August 2022), ordered from widest to narrowest.
    Tlp {
        /// May go anywhere.
        Clear = "clear",
        /// May go to the community.
        Green = "green",
        /// May go to the organisation and its clients who need to know.
        Amber = "amber",
        /// May go to the organisation only.
        AmberStrict = "amber+strict",
        /// For the eyes of the receiving persons only.
        Red = "red",
    }
}

word_enum! {
    /// Handling codes of police cooperation (Europol).
    HandlingCode {
        /// No restriction beyond the agreement.
        H0 = "h0",
        /// Not as evidence in court without the provider's consent.
        H1 = "h1",
        /// Not passed on without the provider's consent.
        H2 = "h2",
        /// Other restrictions, in words.
        H3 = "h3",
    }
}

/// The marks on one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Handling {
    /// Its TLP mark.
    pub tlp: Tlp,
    /// Its handling code.
    pub code: HandlingCode,
}
