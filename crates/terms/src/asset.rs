//! Assets and what can be done to them.

use crate::{Place, category::word_enum};
use serde::{Deserialize, Serialize};
use std::fmt;

word_enum! {
    /// What is done to a target: the legal power used and its effect.
    Instrument {
        /// Take into custody of the law.
        Seize = "seize",
        /// Point at a sinkhole.
        Sinkhole = "sinkhole",
        /// Drop its traffic.
        NullRoute = "null-route",
        /// Freeze an account.
        Freeze = "freeze",
        /// Tell the owner.
        Notify = "notify",
    }
}

word_enum! {
    /// What a target is, as powers name it.
    AssetClass {
        /// A registered domain name.
        Domain = "domain",
        /// A generated name, registered or not, blocked or registered at the registry.
        GeneratedDomain = "generated-domain",
        /// A server behind an address.
        Server = "server",
        /// An account at an institution.
        Account = "account",
    }
}

word_enum! {
    /// Whose an asset is. A compromised or shared asset is notified, never seized.
    Standing {
        /// It serves the criminals only.
        Criminal = "criminal",
        /// An innocent owner's, abused by the criminals.
        Compromised = "compromised",
        /// Innocent tenants live beside the criminals.
        Shared = "shared",
        /// A researcher's or partner's sinkhole: not an enemy's at all.
        Sinkhole = "sinkhole",
    }
}

/// One line of an asset register (`comity.asset/1`): where an asset stands and whose it is, as a registry, hoster or
/// institution answered an investigator. Nothing about a target is ever looked up by the program itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AssetSheet {
    /// Always `comity.asset/1`.
    pub schema: String,
    /// The domain suffix, domain name, address or account the line speaks of, in lower case.
    pub asset: String,
    /// What it is.
    pub class: AssetClass,
    /// Under whose law it stands.
    pub place: Place,
    /// Whose it is.
    pub standing: Standing,
    /// Registry, hoster or institution that holds it.
    pub holder: String,
    /// Innocent tenants that would be cut off with it.
    #[serde(default)]
    pub tenants: u32,
    /// Who says so, in words.
    pub source: String,
}
