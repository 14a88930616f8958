//! Notices' routing: from hits on a sinkhole to one heap of rows for each recipient that an agreement names.
//!
//! Here: who gets a hit ([`Routes`]), heaps that spill ([`Heaps`]), which networks are told later ([`Later`]), and whether
//! telling them helped ([`remedy`]). Elsewhere: places of addresses (the node, through [`Places`]), whom agreements name
//! (`agreement`), what a recipient is sent (`exchange`).
//! **Strict:** a hit goes to exactly one recipient, or to none. Where nobody is named, where two are, or where it is not
//! known whose the address was at the time of the hit, it is [`Unrouted`] with the reason. There is no recipient by default.
//! Bounds: 65,535 recipients, 1,000,000 ranges and networks, 64 MiB of rows in memory, 262,144 different names.

mod heaps;
mod later;
pub mod remedy;
mod routes;

pub use heaps::{Heaps, Rows, Shelf};
pub use later::Later;
pub use routes::{Claim, Kind, Routes};

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use terms::{Place, Timestamp};

/// Where addresses were.
pub trait Places {
    /// Country and autonomous system number of an address at a time, `Place::UNKNOWN` and 0 where the table does not
    /// say. `None`: no table goes back to that time. The same for all times of one day (UTC): tables begin at midnight.
    fn at(&self, address: IpAddr, at: Timestamp) -> Option<(Place, u32)>;
}

/// One hit, as it is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'a> {
    /// When.
    pub at: Timestamp,
    /// The machine's address.
    pub source: IpAddr,
    /// Its port, where noted.
    pub port: Option<u16>,
    /// The infection.
    pub infection: &'a str,
    /// The channel's key.
    pub channel: &'a str,
}

/// A hit that has its recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed<'a> {
    /// The hit.
    pub hit: Hit<'a>,
    /// Country of the address at the time of the hit.
    pub place: Place,
    /// Autonomous system number at that time; 0 where not known.
    pub network: u32,
}

/// Why a hit goes to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unrouted {
    /// The address is of a house and not of the world.
    Private,
    /// No table of places goes back to the time of the hit.
    NoTable,
    /// The table knows neither place nor network.
    Unknown,
    /// No agreement names a recipient for this network or place.
    Nobody,
    /// Two recipients are named for it, and neither more closely than the other.
    Ambiguous,
    /// The recipient named for the network receives for a member in another place.
    OtherPlace,
    /// The network belongs to the control group: it is told later.
    Later,
}

impl Unrouted {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::Private,
        Self::NoTable,
        Self::Unknown,
        Self::Nobody,
        Self::Ambiguous,
        Self::OtherPlace,
        Self::Later,
    ];
    /// The reason in words.
    pub const fn why(self) -> &'static str {
        match self {
            Self::Private => "the address is of a house and not of the world",
            Self::NoTable => "no table of places goes back to the time of the hit",
            Self::Unknown => "the table of that time knows neither place nor network of the address",
            Self::Nobody => "no agreement in force names a recipient for this network or place",
            Self::Ambiguous => "two recipients are named for it, and neither more closely than the other",
            Self::OtherPlace => "the recipient of its network receives for a member in another place",
            Self::Later => "its network belongs to the control group and is told later",
        }
    }
}
