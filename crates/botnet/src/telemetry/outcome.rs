//! What became of the bots seen before an operation: found by identity, not by address.

use super::{Telemetry, TelemetryError, Window, list};
use std::collections::BTreeSet;

/// Bots seen before, by what was seen of them after; and those that are new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Distinct bots seen before.
    pub before: u64,
    /// Of these: seen after on a channel that was not taken.
    pub migrated: u64,
    /// Of these: seen after on taken channels only (still infected, out of the criminals' reach).
    pub contained: u64,
    /// Of these: not seen after (cured, or silent for another reason).
    pub silent: u64,
    /// Seen after on a channel that was not taken, and never before: resurgence.
    pub new: u64,
}

impl Telemetry {
    /// Follows the bots of `before` into `after`. `taken` are the keys of the channels that now answer with a sinkhole
    /// or not at all, generated names of the days after among them.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn follow(
        &self,
        before: Window,
        after: Window,
        taken: &[String],
    ) -> Result<Outcome, TelemetryError> {
        let keys: BTreeSet<&str> = taken.iter().map(String::as_str).collect();
        let free = if keys.is_empty() {
            "true".to_owned()
        } else {
            format!("channel NOT IN ({})", list(keys.into_iter()))
        };
        let (then, now) = (before.sql("event"), after.sql("event"));
        let sql = format!(
            "WITH seen AS (
                SELECT bot, bool_or({then}) AS was, bool_or({now}) AS is_now, bool_or({now} AND {free}) AS free
                FROM sightings WHERE bot <> source AND (({then}) OR ({now})) GROUP BY bot)
             SELECT count(*) FILTER (WHERE was), count(*) FILTER (WHERE was AND free),
                    count(*) FILTER (WHERE was AND is_now AND NOT free), count(*) FILTER (WHERE was AND NOT is_now),
                    count(*) FILTER (WHERE NOT was AND free) FROM seen"
        );
        let rows = self.rows("outcome.follow", &sql, 1, |c, i| {
            let count = |at| c.int(at, i).map(|n| n as u64);
            Ok(Outcome {
                before: count(0)?,
                migrated: count(1)?,
                contained: count(2)?,
                silent: count(3)?,
                new: count(4)?,
            })
        });
        Ok(rows.await?.first().copied().unwrap_or_default())
    }
}
