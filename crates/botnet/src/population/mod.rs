//! How many bots there are: an honest count of the infected.
//!
//! Three questions, by what the data hold:
//! - [`count_ids`]: the protocol carries bot ids. Capture and recapture in an open population (`open`): bots are
//!   infected and cured within the window, differ in how often they are on, and are away for days on end.
//! - [`count_addresses`]: there are only addresses (`addresses`). Lines that keep their address and hold one machine are
//!   counted as bots are; what share of all calls they make says how many bots make the others.
//! - [`estimate`]: only on how many days each bot was seen; the population is taken to be closed (`closed`).
//!
//! Each refuses where the data cannot tell ([`Refusal`], with what would tell). Beside them: what becomes of a cohort
//! ([`survival`](survival::survival), [`silence`]) and the alarm for a botnet that comes back ([`alarm::Watch`]).
//! All are pure functions: no clock, no randomness; the order of what is seen changes nothing, and neither does seeing
//! the same again. Intervals: [`interval`].

mod addresses;
pub mod alarm;
mod classes;
mod closed;
mod course;
mod histories;
mod ids;
mod interval;
mod open;
mod signs;
pub mod silence;
pub mod survival;

pub use addresses::{Addresses, Contact, count_addresses};
pub use closed::{Estimate, Refusal, estimate};
pub use histories::{Cell, Histories, MAX_DAYS};
pub use ids::{Count, DayCount, count_ids};
pub use interval::{normal, quantile};
pub use signs::{PARTS, Signs};
