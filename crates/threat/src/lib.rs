//! Threats: clusters of findings judged together, the entity graph, cases and the organisation's money.
//!
//! Start at [`assess`]. Reads findings, never bytes; knows neither the malware nor the botnet laboratory.
//! No IO, no clock: the day is an argument.
//! Bounds: at most 1,000,000 generated names are expanded in one assessment; what is left out is said.
#![deny(missing_docs)]

mod assess;
mod case;
mod graph;
mod money;
mod score;
mod signature;
mod threat;
mod timeline;

pub use assess::{assess, is_command};
pub use case::{Case, CaseError, CaseEvent, CaseState, Entry};
pub use graph::{Edge, Graph, Node, NodeKind, Placement};
pub use money::{AccountView, MoneyRole, money};
pub use signature::{Signature, signatures};
pub use threat::{ChannelView, Horizon, Reason, Threat};
pub use timeline::{Moment, timeline};
