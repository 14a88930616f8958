//! What became of the bots seen before an operation: found by identity, not by address.

use super::{Columns, Telemetry, TelemetryError, Window, activity::day, list};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use terms::{Day, Timestamp};

/// One bot that carries an id of its own, with what was seen of it in a window.
#[derive(Debug, Clone, Copy)]
pub struct Calls<'a> {
    /// What its latest labelled sighting says it is of: `family/variant`, or the family alone.
    pub botnet: Option<&'a str>,
    /// On which day it called which channel (by key); each pair once, in the order of days.
    pub seen: &'a [(Day, Arc<str>)],
}

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

/// Keys of channels, each held once: many bots call the same few.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    pub(super) fn of(&mut self, key: &str) -> Arc<str> {
        if let Some(known) = self.0.get(key) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(key);
        self.0.insert(Arc::clone(&name));
        name
    }
}

impl Telemetry {
    /// Hands over every bot of a window that carries an id of its own, one after the other: memory holds one bot.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn each_bot(
        &self,
        window: Window,
        take: &mut (dyn FnMut(&Calls<'_>) + Send),
    ) -> Result<(), TelemetryError> {
        const NAME: &str = "outcome.each-bot";
        let day = day("event");
        let sql = format!(
            "SELECT DISTINCT bot, {day} AS day, botnet, channel FROM sightings
             WHERE {} AND bot <> source ORDER BY bot, day, channel, botnet",
            window.sql("event")
        );
        let mut names = Names::default();
        let (mut bot, mut label, mut seen) = (String::new(), None::<String>, Vec::new());
        self.each(NAME, &sql, &mut |batch| {
            let c = Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                let (who, key) = (c.text(0, i)?, c.text(3, i)?);
                if who != bot {
                    hand_over(&label, &mut seen, take);
                    who.clone_into(&mut bot);
                    label = None;
                }
                if let Some(text) = c.maybe(2, i)? {
                    label = Some(text.to_owned());
                }
                seen.push((Day(i32::try_from(c.int(1, i)?).unwrap_or(i32::MAX)), names.of(key)));
            }
            Ok(())
        })
        .await?;
        hand_over(&label, &mut seen, take);
        Ok(())
    }

    /// First and last sighting of a window; none where it has none.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn span(&self, window: Window) -> Result<Option<(Timestamp, Timestamp)>, TelemetryError> {
        let sql =
            format!("SELECT count(*), min(event), max(event) FROM sightings WHERE {}", window.sql("event"));
        let rows = self.rows("outcome.span", &sql, 1, |c, i| {
            Ok((c.int(0, i)? > 0).then_some((Timestamp(c.int(1, i)?), Timestamp(c.int(2, i)?))))
        });
        Ok(rows.await?.first().copied().flatten())
    }

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

fn hand_over(
    label: &Option<String>,
    seen: &mut Vec<(Day, Arc<str>)>,
    take: &mut (dyn FnMut(&Calls<'_>) + Send),
) {
    if !seen.is_empty() {
        // One pair can come twice, under two labels of one day.
        seen.dedup();
        take(&Calls { botnet: label.as_deref(), seen });
        seen.clear();
    }
}
