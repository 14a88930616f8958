//! What a plan is made from: the situation at one moment, as plain data that the node fills from agreements,
//! asset sheets, findings, authorities and partners' answers.
//!
//! Elsewhere: the plan's own types (`plan`), the authority document (`authority`).
//! Bounds: [`Situation::check_bounds`] refuses more than 100,000 targets, groups, powers, authorities or answers,
//! a horizon above 366 days, and more than 10,000 names of one target.

use crate::Authority;
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{
    AssetClass, AssetSheet, Channel, ClauseId, Day, DgaSpec, FindingId, Instrument, MemberId, PartnerId,
    Place, Standing, Timestamp,
};

/// Most rows of any one list of a situation.
pub const MAX_ROWS: usize = 100_000;
/// Most days of a horizon.
pub const MAX_HORIZON_DAYS: u16 = 366;

/// Everything a plan rests on. The checker recomputes a plan from this value alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Situation {
    /// When the plan is made.
    pub now: Timestamp,
    /// The one hour at which every action falls.
    pub hour: Timestamp,
    /// Days, from the hour's own day on, over which bots must stay silent; 1 to 366.
    pub horizon_days: u16,
    /// Bots by the channels their variant knows.
    pub groups: Vec<BotGroup>,
    /// The generation algorithms that signatures name (`dga:…`).
    pub algorithms: Vec<Algorithm>,
    /// What could be acted on.
    pub targets: Vec<Target>,
    /// Powers of agreements in force at the hour. A partner whose members act lists one row for each member.
    pub powers: Vec<PowerGrant>,
    /// Authorities, in force or not.
    pub authorities: Vec<Authority>,
    /// What partners answered when asked privately about targets.
    pub deconfliction: Vec<Answer>,
    /// How many taken channels the operator is able to bring back.
    pub rebuild_budget: u32,
    /// Most innocent tenants that may be cut off, over the whole plan: a hard cap.
    pub collateral_cap: u64,
}

/// Bots that know the same channels. They survive while any of these survives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotGroup {
    /// Keys of the channels: `Channel::key`, or the key of an [`Algorithm`]. An empty signature counts as surviving:
    /// nothing is known that could be taken from them.
    pub signature: Vec<String>,
    /// How many.
    pub bots: u64,
}

/// A domain-generation algorithm: one channel per day of the horizon, and it is dead only when every name of every
/// day is out of the criminals' hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Algorithm {
    /// Its key in signatures: `dga:` and a name (`dga:harbour-1`).
    pub key: String,
    /// How names come about.
    pub spec: DgaSpec,
}

impl Algorithm {
    /// The algorithm with its usual key, `dga:` and the algorithm's name.
    pub fn new(spec: DgaSpec) -> Self {
        Self { key: format!("dga:{}", spec.algorithm), spec }
    }
}

/// What a target is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Asset {
    /// A fixed domain, or a server behind a fixed address.
    Channel {
        /// The channel.
        channel: Channel,
    },
    /// All names that an algorithm generates on one day at one registry: one target, one order.
    Generated {
        /// Key of the [`Algorithm`].
        algorithm: String,
        /// The day.
        day: Day,
        /// The registry's suffix; the names end with it.
        suffix: String,
        /// The names, in the algorithm's order.
        names: Vec<String>,
    },
    /// An account of the organisation.
    Account {
        /// As its institution names it.
        account: String,
        /// The institution.
        institution: String,
    },
}

impl Asset {
    /// The target's own key, unique in a situation.
    pub fn key(&self) -> String {
        match self {
            Self::Channel { channel } => channel.key(),
            Self::Generated { algorithm, day, suffix, .. } => format!("{algorithm}/{day}/{suffix}"),
            Self::Account { account, institution } => format!("account:{institution}/{account}"),
        }
    }
    /// The key of the channel that the target is (a part of), as signatures name it; none for an account.
    pub fn channel_key(&self) -> Option<String> {
        match self {
            Self::Channel { channel } => Some(channel.key()),
            Self::Generated { algorithm, .. } => Some(algorithm.clone()),
            Self::Account { .. } => None,
        }
    }
}

/// Something that could be acted on, with what its asset sheet says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What it is.
    pub asset: Asset,
    /// As powers name it.
    pub class: AssetClass,
    /// Under whose law it stands; `ZZ` where not known, and then no power reaches it.
    pub place: Place,
    /// Whose it is; none where no asset sheet says so, and then nothing may be done to it.
    pub standing: Option<Standing>,
    /// Registry, hoster or institution that holds it.
    pub holder: String,
    /// Innocent tenants that would be cut off with it.
    pub tenants: u32,
    /// Findings that show it is what it is said to be.
    pub evidence: Vec<FindingId>,
    /// Why it should be taken even where that silences no bot (money contained, evidence secured); none for most.
    pub worth: Option<String>,
}

/// What a partner can do under an agreement once it holds an authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerGrant {
    /// The clause that gives it.
    pub clause: ClauseId,
    /// Whose power it is.
    pub partner: PartnerId,
    /// The member that acts; none where the partner acts itself.
    pub member: Option<MemberId>,
    /// What may be done.
    pub instrument: Instrument,
    /// To what.
    pub class: AssetClass,
    /// Where.
    pub places: Vec<Place>,
    /// Minutes from asking for an authority to having it served.
    pub lead_minutes: u32,
    /// Cost of one action, in cents.
    pub cost_cents: u64,
}

/// What a partner answered when asked privately whether an asset is its own concern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The domain, address without port, or account that was asked about.
    pub asset: String,
    /// Who answered.
    pub partner: PartnerId,
    /// Whether it is the partner's concern (a case, a covert asset, a sinkhole).
    pub hit: bool,
    /// Whom to speak to.
    pub contact: Option<String>,
    /// Until when nothing may be done; none with a hit: until the contact agrees.
    pub delay_until: Option<Timestamp>,
}

/// Why a situation cannot be planned on at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum SituationError {
    /// A list is too long.
    #[error("the situation lists {count} {what}; at most {most} are planned together")]
    #[diagnostic(code("CMT-0820"), help("split the operation, or leave out what no longer matters"))]
    TooMany {
        /// Which list.
        what: &'static str,
        /// How many it has.
        count: usize,
        /// How many it may have.
        most: usize,
    },
    /// The horizon is empty or too long.
    #[error("a horizon of {days} days cannot be planned")]
    #[diagnostic(code("CMT-0821"), help("give `--horizon` between 1 and 366 days"))]
    Horizon {
        /// What was asked.
        days: u16,
    },
    /// The hour lies in the past.
    #[error("the hour {hour} has passed: it is {now}")]
    #[diagnostic(code("CMT-0822"), help("give an `--hour` that is still to come"))]
    HourPassed {
        /// The hour.
        hour: Timestamp,
        /// When the plan is made.
        now: Timestamp,
    },
    /// Two targets, or two algorithms, with one key.
    #[error("target `{key}` is listed twice")]
    #[diagnostic(
        code("CMT-0823"),
        help("keep one asset sheet for each asset; where two disagree, ask the holder")
    )]
    Twice {
        /// The key.
        key: String,
    },
    /// The bots cannot be counted.
    #[error("the groups hold more bots than can be counted exactly")]
    #[diagnostic(code("CMT-0824"), help("`comity measure` shows the population; correct the groups' sizes"))]
    Population,
}

impl Situation {
    /// The days of the horizon, from the hour's own day on.
    pub fn days(&self) -> impl Iterator<Item = Day> + use<> {
        let first = self.hour.day();
        (0..i32::from(self.horizon_days)).map(move |n| first.plus(n))
    }
    /// The instant at which the horizon ends.
    pub fn horizon_end(&self) -> Timestamp {
        self.hour.day().plus(i32::from(self.horizon_days)).start()
    }
    /// Refuses what is too large or cannot be meant.
    pub fn check_bounds(&self) -> Result<(), SituationError> {
        let names = self.targets.iter().map(|t| match &t.asset {
            Asset::Generated { names, .. } => names.len(),
            _ => 0,
        });
        for (what, count, most) in [
            ("targets", self.targets.len(), MAX_ROWS),
            ("groups of bots", self.groups.len(), MAX_ROWS),
            ("powers", self.powers.len(), MAX_ROWS),
            ("authorities", self.authorities.len(), MAX_ROWS),
            ("answers", self.deconfliction.len(), MAX_ROWS),
            ("algorithms", self.algorithms.len(), 100),
            ("names of one target", names.max().unwrap_or(0), 10_000),
            (
                "channels of one signature",
                self.groups.iter().map(|g| g.signature.len()).max().unwrap_or(0),
                1_000,
            ),
        ] {
            if count > most {
                return Err(SituationError::TooMany { what, count, most });
            }
        }
        if self.horizon_days == 0 || self.horizon_days > MAX_HORIZON_DAYS {
            return Err(SituationError::Horizon { days: self.horizon_days });
        }
        if self.hour < self.now {
            return Err(SituationError::HourPassed { hour: self.hour, now: self.now });
        }
        let mut keys = BTreeSet::new();
        let algorithms = self.algorithms.iter().map(|a| a.key.clone());
        for key in self.targets.iter().map(|t| t.asset.key()).chain(algorithms) {
            if !keys.insert(key.clone()) {
                return Err(SituationError::Twice { key });
            }
        }
        let most = 1u64 << 50;
        let total = self.groups.iter().try_fold(0u64, |sum, g| sum.checked_add(g.bots));
        if total.is_none_or(|sum| sum > most) { Err(SituationError::Population) } else { Ok(()) }
    }
}

/// The targets that generated names of the horizon make: one for each day and registry, with the registry's place
/// and holder from the asset sheet of the suffix, and one of its own for each name that has a sheet of its own
/// (so that a name another researcher already holds is not planned against).
///
/// `sheets` is the whole register; a suffix without a sheet gives targets in place `ZZ` of unknown standing.
/// Names under a suffix whose sheet says `criminal` are the criminals' to register and can be acted on.
pub fn generated_targets(
    algorithm: &Algorithm,
    days: impl IntoIterator<Item = Day>,
    sheets: &[AssetSheet],
    evidence: &[FindingId],
) -> Vec<Target> {
    let by_asset: std::collections::BTreeMap<&str, &AssetSheet> =
        sheets.iter().map(|s| (s.asset.as_str(), s)).collect();
    let mut out = Vec::new();
    for day in days {
        let mut parts: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
        for name in algorithm.spec.names(day) {
            let suffix = name.split_once('.').map(|(_, s)| s.to_owned()).unwrap_or_default();
            let part = if by_asset.contains_key(name.as_str()) { name.clone() } else { suffix };
            parts.entry(part).or_default().push(name);
        }
        for (suffix, names) in parts {
            let sheet = by_asset.get(suffix.as_str());
            let asset =
                Asset::Generated { algorithm: algorithm.key.clone(), day, suffix: suffix.clone(), names };
            out.push(Target {
                asset,
                class: AssetClass::GeneratedDomain,
                place: sheet.map_or(Place::UNKNOWN, |s| s.place),
                standing: sheet.map(|s| s.standing),
                holder: sheet.map_or_else(|| format!("registry of {suffix}"), |s| s.holder.clone()),
                tenants: 0,
                evidence: evidence.to_vec(),
                worth: None,
            });
        }
    }
    out
}
