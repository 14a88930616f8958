//! What is true of an operation: `truth.json` (`comity.truth/1`) and `after/truth.json` (`comity.aftermath/1`).
//!
//! Only scoring reads these files: no examiner, planner or node may.

use crate::{Format, Spec, Taken};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::{AssetClass, Channel, Day, DgaSpec, Instrument, Place, Standing, Timestamp};

/// Everything that is true of an operation before anybody acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Always `comity.truth/1`.
    pub schema: String,
    /// What was asked for.
    pub spec: Spec,
    /// The botnet's name.
    pub botnet: String,
    /// The malware family.
    pub family: String,
    /// The operator's campaign.
    pub campaign: String,
    /// First day of the window before.
    pub first_day: Day,
    /// Last day of the window before.
    pub last_day: Day,
    /// The hour of the takedown.
    pub takedown: Timestamp,
    /// First day of the window after.
    pub after_first: Day,
    /// Last day of the window after.
    pub after_last: Day,
    /// How many bots live and are seen.
    pub population: Population,
    /// Bots that ever lived in the window, by country.
    pub places: BTreeMap<Place, u64>,
    /// Bots by channel signature.
    pub groups: Vec<GroupTruth>,
    /// The generator of domains that some groups know.
    pub dga: DgaSpec,
    /// Every channel that a bot could use in the window before; generated names only where somebody registered them.
    pub channels: Vec<ChannelTruth>,
    /// What no plan may act against, with the reason.
    pub untouchable: Vec<Untouchable>,
    /// Harmless endpoints that appear in the logs.
    pub benign: Benign,
    /// The files under `company/samples`.
    pub samples: Vec<SampleTruth>,
    /// Infected hosts of the customer's network.
    pub infected_hosts: Vec<InfectedHost>,
    /// The company's own sinkhole.
    pub sinkhole: String,
    /// Accounts and what moved between them.
    pub money: Money,
    /// Ids of authority documents that are in force at the hour of the takedown.
    pub authorities: Vec<String>,
    /// Ids of authority documents that have expired by the hour of the takedown.
    pub expired: Vec<String>,
}

/// How many bots there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Population {
    /// Bots alive at some instant of the window before.
    pub total: u64,
    /// Bots alive at the hour of the takedown.
    pub at_takedown: u64,
    /// Bots alive on each day of the window before.
    pub alive: Vec<DayCount>,
    /// Distinct bots that the sinkhole saw on each day.
    pub seen: Vec<DayCount>,
    /// Distinct bots that the sinkhole saw in the window before.
    pub seen_total: u64,
    /// Distinct addresses that bots called the sinkhole from (churn makes it larger than the population).
    pub addresses: u64,
    /// Lines of the sinkhole's logs.
    pub sightings: u64,
}

/// A count on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount {
    /// The day (UTC).
    pub day: Day,
    /// Distinct bots.
    pub bots: u64,
}

/// Bots that know the same channels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTruth {
    /// Build and variant (`1a`).
    pub name: String,
    /// Keys of the fixed channels.
    pub channels: Vec<String>,
    /// Whether it knows the generated domains.
    pub dga: bool,
    /// Bots alive at some instant of the window before.
    pub bots: u64,
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelTruth {
    /// `terms::Channel::key`.
    pub key: String,
    /// The channel.
    pub channel: Channel,
    /// What powers call it.
    pub class: AssetClass,
    /// Under whose law it stands.
    pub place: Place,
    /// Whose it is.
    pub standing: Standing,
    /// What would bring it down, whether it may be done or not. The owner of a compromised host cleans it when told.
    pub falls_to: Vec<Instrument>,
    /// Whether a faultless plan acts on it.
    pub act: bool,
    /// Why, in words.
    pub why: String,
}

/// Something that no plan may act against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untouchable {
    /// Domain name or address.
    pub asset: String,
    /// Why, in words.
    pub why: String,
}

/// Harmless endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Benign {
    /// Names.
    pub domains: Vec<String>,
    /// Addresses.
    pub addresses: Vec<String>,
}

/// One file under `company/samples`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleTruth {
    /// Path inside the operation's folder.
    pub file: String,
    /// Digest of its bytes.
    pub sha256: String,
    /// File format.
    pub format: Format,
    /// Group that it makes bots of (`1a`); none for a decoy.
    pub group: Option<String>,
}

/// An infected host of the customer's network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfectedHost {
    /// Its private address.
    pub address: String,
    /// The raw id that its bot carries.
    pub bot: String,
    /// Its group.
    pub group: String,
}

/// Accounts and what moved between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Mule accounts.
    pub mules: Vec<String>,
    /// Accounts where the money ends.
    pub collectors: Vec<String>,
    /// Accounts of victims that money was taken from.
    pub victims: Vec<String>,
    /// Stolen from victims, in cents.
    pub stolen_cents: u64,
    /// What reached the collectors, in cents.
    pub collected_cents: u64,
    /// Ordinary payments beside it.
    pub ordinary: u64,
    /// Accounts that stolen credentials name.
    pub credentials: Vec<String>,
}

/// What became of the bots after the takedown. Each bot alive at its hour is in exactly one of the three.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aftermath {
    /// Always `comity.aftermath/1`.
    pub schema: String,
    /// The actions it follows from.
    pub taken: Vec<Taken>,
    /// Countries whose owners were told.
    pub notified: Vec<Place>,
    /// Bots alive at the hour.
    pub before: u64,
    /// Neither cured nor reachable by the operator.
    pub contained: u64,
    /// Reachable by the operator over a channel that survived.
    pub migrated: u64,
    /// Cleaned by their owners.
    pub cured: u64,
    /// Bots that the operator can still reach, on each day of the window after.
    pub surviving: Vec<DayCount>,
    /// The three by country.
    pub places: BTreeMap<Place, PlaceAftermath>,
    /// The three by group.
    pub groups: Vec<GroupAftermath>,
    /// Keys of the fixed channels that survived.
    pub surviving_channels: Vec<String>,
    /// Generated names that the operator holds in the window after.
    pub surviving_names: Vec<String>,
    /// Accounts of mules and collectors that were frozen.
    pub frozen: Vec<String>,
    /// Keys that were acted on and should never have been.
    pub wrongly_taken: Vec<String>,
    /// Distinct bots that the sinkhole or the providers saw in the window after.
    pub seen: u64,
}

/// What became of the bots of one country.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceAftermath {
    /// Neither cured nor reachable.
    pub contained: u64,
    /// Reachable.
    pub migrated: u64,
    /// Cleaned.
    pub cured: u64,
    /// Share of the told owners that clean their machine within the window, in percent; 0 where nobody was told.
    pub cure_percent: u64,
}

/// What became of the bots of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAftermath {
    /// Build and variant (`1a`).
    pub name: String,
    /// Neither cured nor reachable.
    pub contained: u64,
    /// Reachable.
    pub migrated: u64,
    /// Cleaned.
    pub cured: u64,
    /// Channels over which it is reachable; `generated` stands for the generated names.
    pub over: Vec<String>,
}
