//! The plan as a value: actions at one hour, what stops the rest, and the floor. Shared by planner and checker.
//!
//! Elsewhere: how a plan is found (`solve`), how it is recomputed (`check`).

use crate::Asset;
use serde::{Deserialize, Serialize};
use terms::{
    ActionId, ClauseId, Digest, FindingId, Instrument, MemberId, PartnerId, Place, PlanId, Timestamp,
};

/// A set of actions at one hour, with what it leaves alive and why (`comity.plan/1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Always `comity.plan/1`.
    pub schema: String,
    /// Follows from the situation: the same situation gives the same plan and id.
    pub id: PlanId,
    /// SHA-256 of the situation as JSON.
    pub situation: Digest,
    /// The one hour.
    pub hour: Timestamp,
    /// What is done at the hour.
    pub actions: Vec<Action>,
    /// Who is told, where acting is not allowed or would hurt the innocent.
    pub notifications: Vec<Notification>,
    /// Targets that no action of this plan takes although they were wanted, with the reasons; and orders that stop
    /// one way where another was found (`planned_otherwise`).
    pub blocked: Vec<Blocked>,
    /// What no partner can reach, why, and what would lower it.
    pub floor: Floor,
    /// Bots in all groups.
    pub population: u64,
    /// Bots that still have a channel after the hour, over the whole horizon.
    pub expected_surviving: u64,
    /// Most bots that the operator wins back by bringing back as many loosely taken channels as its budget allows.
    /// Exact up to 2,000 sets of such channels; above, the sum over those that bring back most: an upper bound.
    pub expected_recovery: u64,
    /// Cost of all actions, in cents.
    pub cost_cents: u64,
    /// Innocent tenants cut off by all actions.
    pub collateral: u64,
    /// How far from the best possible plan this may be.
    pub gap: Gap,
}

/// The order in which plans are compared: smaller is better, the first difference decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Objective {
    /// Bots that survive.
    pub surviving: u64,
    /// Bots the operator can win back.
    pub recovery: u64,
    /// Targets of stated worth that are left although they could be taken.
    pub worth_left: u64,
    /// Cents.
    pub cost_cents: u64,
    /// Innocent tenants.
    pub collateral: u64,
}

/// What is proven about the distance to the best plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Share of the surviving bots, 0 to 1, by which the best plan might leave fewer; 0 where proven best.
    pub surviving: f64,
    /// No plan leaves fewer surviving bots than this.
    pub bound: u64,
    /// Whether the whole objective, down to cost and collateral, is proven best.
    pub proven: bool,
    /// How it was solved, in words.
    pub method: String,
}

/// What an action rests on beside its power.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Basis {
    /// An authority in force at the hour.
    InForce {
        /// Its id.
        authority: String,
    },
    /// An order that exists and has still to be served.
    ToServe {
        /// Its id.
        authority: String,
        /// Latest instant at which serving has to begin.
        by: Timestamp,
    },
    /// None exists; the lead time suffices to obtain one.
    ToObtain {
        /// Latest instant at which to ask.
        ask_by: Timestamp,
        /// Minutes from asking to served.
        lead_minutes: u32,
    },
}

/// One act on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Its id within the plan (`a-001`).
    pub id: ActionId,
    /// Key of the target.
    pub target: String,
    /// What the target is.
    pub asset: Asset,
    /// What is done.
    pub instrument: Instrument,
    /// Who is responsible.
    pub partner: PartnerId,
    /// Which of its members acts.
    pub member: Option<MemberId>,
    /// Under whose law.
    pub place: Place,
    /// The clause that gives the power.
    pub clause: ClauseId,
    /// The authority, or by when it has to be obtained.
    pub authority: Basis,
    /// Cost in cents.
    pub cost_cents: u64,
    /// Innocent tenants cut off.
    pub collateral: u64,
    /// Whether the operator cannot bring it back within the horizon: not a null route, and the authority lasts.
    pub firm: bool,
    /// Why, in a sentence.
    pub why: String,
    /// Findings it rests on.
    pub evidence: Vec<FindingId>,
}

/// Someone who is told instead of acted against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Key of the target.
    pub target: String,
    /// Who is told: the holder, the owner through the holder, or a partner's contact.
    pub to: String,
    /// Where the target stands.
    pub place: Place,
    /// The reason's stable code.
    pub code: String,
    /// What they are told, in a sentence.
    pub why: String,
    /// The partner that tells, where an agreement gives it the power to notify there.
    pub partner: Option<PartnerId>,
    /// Its member, where a member does.
    pub member: Option<MemberId>,
    /// The clause of that power.
    pub clause: Option<ClauseId>,
    /// Findings that say so.
    pub evidence: Vec<FindingId>,
}

/// Why something is stopped. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StopCode {
    /// The authority is expired at the hour.
    #[serde(rename = "CMT-0801")]
    Expired,
    /// Innocent tenants live beside the criminals.
    #[serde(rename = "CMT-0802")]
    SharedHost,
    /// It is an innocent owner's.
    #[serde(rename = "CMT-0803")]
    Compromised,
    /// A partner asks that nothing be done.
    #[serde(rename = "CMT-0804")]
    Deconfliction,
    /// It is another's sinkhole.
    #[serde(rename = "CMT-0805")]
    OthersSinkhole,
    /// Nobody has said whose it is.
    #[serde(rename = "CMT-0806")]
    UnknownStanding,
    /// No agreement in force gives a power there.
    #[serde(rename = "CMT-0807")]
    NoPower,
    /// No authority, and no time to obtain one.
    #[serde(rename = "CMT-0808")]
    NoAuthorityNoTime,
    /// It would pass the cap on innocent tenants.
    #[serde(rename = "CMT-0809")]
    CollateralCap,
    /// The channel is known from bots, but no target is.
    #[serde(rename = "CMT-0810")]
    NoTarget,
    /// Some generated names of the horizon are nobody's target.
    #[serde(rename = "CMT-0811")]
    NamesMissing,
    /// The group's channels are not known.
    #[serde(rename = "CMT-0812")]
    NoChannel,
    /// It could be taken, but bots that know it keep another channel, so taking it would spend without effect.
    #[serde(rename = "CMT-0813")]
    NoEffect,
}

impl StopCode {
    /// The stable code, `CMT-0801` and so on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => "CMT-0801",
            Self::SharedHost => "CMT-0802",
            Self::Compromised => "CMT-0803",
            Self::Deconfliction => "CMT-0804",
            Self::OthersSinkhole => "CMT-0805",
            Self::UnknownStanding => "CMT-0806",
            Self::NoPower => "CMT-0807",
            Self::NoAuthorityNoTime => "CMT-0808",
            Self::CollateralCap => "CMT-0809",
            Self::NoTarget => "CMT-0810",
            Self::NamesMissing => "CMT-0811",
            Self::NoChannel => "CMT-0812",
            Self::NoEffect => "CMT-0813",
        }
    }
}

/// One reason with its sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Stable code.
    pub code: StopCode,
    /// In plain words: what, whose, until when, and what would mend it.
    pub sentence: String,
}

/// A target that is not acted on, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// Key of the target, or of the channel where no target is known.
    pub target: String,
    /// Every reason, the weightiest first.
    pub why: Vec<Stop>,
    /// True where only one way is stopped (an expired order) and the plan takes the target by another.
    pub planned_otherwise: bool,
}

/// What no partner can reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Bots that survive.
    pub surviving: u64,
    /// The groups they are in.
    pub groups: Vec<FloorGroup>,
    /// Which channels keep them alive, and why these stand; most bots first.
    pub because: Vec<Because>,
    /// The cheapest improvement: fewest new acts first, then most bots; none where nothing lawful would help.
    pub improvement: Option<Improvement>,
}

/// A group that survives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloorGroup {
    /// Index of the group in the situation.
    pub group: usize,
    /// Its signature.
    pub signature: Vec<String>,
    /// Its bots.
    pub bots: u64,
    /// Which of its channels stay open after the plan.
    pub open: Vec<String>,
}

/// A channel (or part of one) that keeps bots alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// The channel, as signatures name it; empty for groups whose channels are not known.
    pub channel: String,
    /// The targets of it that stand, at most the first ten.
    pub targets: Vec<String>,
    /// Why.
    pub why: Stop,
    /// Bots of surviving groups that know it.
    pub bots: u64,
}

/// What would lower the floor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Improvement {
    /// The new acts, each a sentence.
    pub acts: Vec<String>,
    /// The targets that could then be taken.
    pub targets: Vec<String>,
    /// Bots that would no longer survive.
    pub bots: u64,
    /// The cap on innocent tenants that this needs.
    pub collateral_cap: u64,
}
