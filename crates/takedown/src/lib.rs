//! Takedown: targets, powers and places, one plan of actions at one hour, an independent checker, what each
//! addressee gets, and the measured outcome.
//!
//! Start at [`plan`]; [`check`] recomputes a plan from the [`Situation`] alone and shares no code with the planner.
//! WALL: opens no socket and no file. A plan is a value; people carry it out under their authorities.
//! WALL: reads no clock. "Now" stands in the situation, so that a plan can be replayed in court.
//! WALL: people are never targets. Infrastructure and accounts are.
//! Bounds: see [`Situation::check_bounds`].
#![deny(missing_docs)]

mod authority;
mod check;
mod floor;
mod milp;
mod outcome;
mod packages;
mod plan;
mod planner;
mod problem;
mod situation;
mod solve;
mod ways;

pub use authority::{Authority, AuthorityError, AuthorityKind, MAX_AUTHORITY_BYTES};
pub use check::{Verdict, Violation, check};
pub use outcome::{
    CannotTell, CurvePoint, DayCount, Estimate, FollowUp, Outcome, Population, Resurgence, Seen, outcome,
};
pub use packages::{Addressee, AssetLine, Order, packages};
pub use plan::{
    Action, Basis, Because, Blocked, Floor, FloorGroup, Gap, Improvement, Notification, Objective, Plan,
    Stop, StopCode,
};
pub use planner::plan;
pub use situation::{
    Algorithm, Answer, Asset, BotGroup, MAX_HORIZON_DAYS, MAX_ROWS, PowerGrant, Situation, SituationError,
    Target, generated_targets,
};
