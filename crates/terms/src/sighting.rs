//! One telemetry event.

use crate::{Place, Timestamp};
use serde::{Deserialize, Serialize};

/// One event seen of a bot: when, which bot (a keyed pseudonym), which botnet, on which channel, from where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// When it happened.
    pub event: Timestamp,
    /// When the sensor saw it.
    pub observed: Timestamp,
    /// When the home took it in.
    pub ingested: Timestamp,
    /// The bot, as a keyed pseudonym.
    pub bot: String,
    /// The source address, as a keyed pseudonym.
    pub source: String,
    /// The botnet, where the sensor knows it.
    pub botnet: Option<String>,
    /// The channel's key (`Channel::key`).
    pub channel: String,
    /// Autonomous system number of the source's network; 0 where not known.
    pub network: u32,
    /// Country of the source.
    pub place: Place,
}
