//! Generated operations with known truth, for the demo, tests and training.
//!
//! Here: "Harbour Lights", an operation of four partners against the botnet `harbourlight`: samples that hold no
//! code that acts, sinkhole hits, Zeek logs, a capture, registers, orders, money, and a truth file for scoring; and
//! its aftermath, once somebody acted. Start at [`generate`] and [`aftermath`]. Beside it, [`churn`]: the calls of a
//! population alone, whose size is known day by day, for judging who counts it.
//! Elsewhere: everything that reads what is written here. No core crate uses this one outside its tests.
//! A seed gives the same bytes on every machine: all choices are integers drawn from one ChaCha20 generator, nothing
//! reads a clock, and archives carry no time. Bots are derived from the seed one by one and never kept: memory does
//! not grow with their number (but for a few bits a bot).
//! Bounds: 50 to 1,000,000 bots, 2 to 28 days, 8 to 2,000 hosts in the customer's network.

mod aftermath;
mod bots;
mod calendar;
mod capture;
mod channels;
mod churn;
mod customer;
mod dice;
mod error;
mod fate;
mod feeds;
mod generate;
mod geo;
mod money;
mod out;
mod papers;
mod sample;
mod sightings;
mod spec;
mod truth;
mod world;
mod zeek;

pub use aftermath::aftermath;
pub use churn::{Call, ChurnSpec, Duty, Lease, Shared, churn};
pub use error::ExerciseError;
pub use generate::generate;
pub use sample::{Configuration, Format, Variant, blob, decoy, elf, pe, sample};
pub use spec::{Progress, Spec, Taken};
pub use truth::{
    Aftermath, Benign, ChannelTruth, DayCount, GroupAftermath, GroupTruth, InfectedHost, Money,
    PlaceAftermath, Population, SampleTruth, Truth, Untouchable,
};
pub use zeek::{zeek_close, zeek_conn_header};
