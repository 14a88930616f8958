//! A threat: samples, channels and callers judged together, with the reasons.
//!
//! Elsewhere: how threats are found (`assess`), how they are drawn (`graph`).

use serde::{Deserialize, Serialize};
use terms::{Channel, Day, DgaSpec, ExhibitId, FindingId, Standing, ThreatId};

/// The days over which generated names are expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Horizon {
    /// The first day.
    pub from: Day,
    /// How many days; above 366 counts as 366.
    pub days: u16,
}

impl Horizon {
    /// The days, in order.
    pub fn days(self) -> impl Iterator<Item = Day> {
        (0..i32::from(self.days.min(366))).map(move |n| self.from.plus(n))
    }
}

/// A cluster of evidence judged together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threat {
    /// The family's name where one is known, else `t-` and the first 16 digits of the lowest finding id.
    pub id: ThreatId,
    /// For people.
    pub title: String,
    /// Malware family, where a configuration names it.
    pub family: Option<String>,
    /// Operators' campaign ids.
    pub campaigns: Vec<String>,
    /// Fixed channels, and generated names that were really seen.
    pub channels: Vec<ChannelView>,
    /// Domain-generation algorithms.
    pub algorithms: Vec<DgaSpec>,
    /// Exhibits that are samples of it.
    pub samples: Vec<ExhibitId>,
    /// Hosts that called or asked, as findings name them (pseudonyms where they are customers').
    pub callers: Vec<String>,
    /// Largest number of distinct bots that one finding counted on one channel and day: a lower bound.
    pub bots: u64,
    /// First day with activity.
    pub first_day: Option<Day>,
    /// Last day with activity.
    pub last_day: Option<Day>,
    /// 0 to 100: the sum of the reasons' points, at most 100.
    pub score: u8,
    /// Highest score of a beacon in it, 0 to 1: breaks ties between scores.
    pub beacon: f64,
    /// Why, each with its points and the findings it rests on.
    pub reasons: Vec<Reason>,
    /// Everything it rests on, sorted.
    pub findings: Vec<FindingId>,
}

/// A channel of a threat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelView {
    /// The channel.
    pub channel: Channel,
    /// Whose it is, where an asset sheet says so.
    pub standing: Option<Standing>,
    /// Findings that name it, sorted.
    pub findings: Vec<FindingId>,
}

/// One reason of a judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// In words; ends with the first finding ids in short form.
    pub text: String,
    /// What it adds to the score; 0 where it only explains.
    pub points: u8,
    /// The findings it rests on, sorted.
    pub findings: Vec<FindingId>,
}
