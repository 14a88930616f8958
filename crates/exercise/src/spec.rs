//! What is to be generated, and how its making is told.

use crate::ExerciseError;
use serde::{Deserialize, Serialize};
use terms::{Instrument, Timestamp};

/// What operation to generate. The same values give the same bytes on every machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Chooses everything that is left to chance.
    pub seed: u64,
    /// Bots that ever live, 50 to 1,000,000.
    pub bots: u32,
    /// Days of the window before the takedown, beginning 2026-03-02, 2 to 28. The takedown is at 10:00 UTC on the
    /// second day after the window, the window after it has seven days and begins on the day after the takedown.
    pub days: u32,
    /// Hosts in the customer's network, 8 to 2,000. Six of them are bots.
    pub hosts: u32,
}

impl Default for Spec {
    fn default() -> Self {
        Self { seed: 7, bots: 5_000, days: 7, hosts: 60 }
    }
}

impl Spec {
    /// Refuses what is out of bounds (CMT-1301 to CMT-1303).
    pub fn validate(&self) -> Result<(), ExerciseError> {
        if !(50..=1_000_000).contains(&self.bots) {
            return Err(ExerciseError::Bots(self.bots));
        }
        if !(2..=28).contains(&self.days) {
            return Err(ExerciseError::Days(self.days));
        }
        if !(8..=2_000).contains(&self.hosts) {
            return Err(ExerciseError::Hosts(self.hosts));
        }
        Ok(())
    }
}

/// One action that was really done against a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The channel's key (`terms::Channel::key`); an address without a port stands for each of its ports. Or an
    /// account, in any case.
    pub channel_key: String,
    /// What was done.
    pub instrument: Instrument,
    /// When.
    pub at: Timestamp,
}

/// How far the generator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being written, in words (`sinkhole`).
    pub stage: &'static str,
    /// Steps done of this stage.
    pub done: u64,
    /// Steps of this stage.
    pub total: u64,
}
