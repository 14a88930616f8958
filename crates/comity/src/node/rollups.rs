//! Daily roll-ups of sightings, kept beside them under the same manifest, and distinct bots counted from them.
//!
//! Roll-ups are made of what they do not cover yet; nothing is read twice. Where a file that they cover is gone (an erasure
//! takes all roll-ups with it, for a bitmap cannot forget one exhibit), they are made anew from the rows that are left.
//! Elsewhere: what a roll-up is (`botnet::rollup`).

use super::Node;
use super::error::NodeError;
use crate::store::commit::write;
use crate::store::manifest::{self, TelemetryFile};
use crate::store::{Batch, compacted};
use botnet::rollup::{Builder, covered};
use botnet::tables::Table;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use terms::Timestamp;

/// The schema of what is told, and the beginning of the name of a file.
const SCHEMA: &str = "comity.rollup/1";

/// What the roll-ups say of a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolledUp {
    /// `comity.rollup/1`.
    pub schema: &'static str,
    /// Files of sightings that were rolled up now.
    pub files: u64,
    /// Whether roll-ups of files that are gone were made anew.
    pub anew: bool,
    /// Per channel and country.
    pub channels: Vec<ChannelBots>,
    /// Different bots over all of them.
    pub bots: u64,
}

/// Different bots of one channel over the time, from one country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelBots {
    /// The channel's key.
    pub channel: String,
    /// The country.
    pub place: String,
    /// Different bots.
    pub bots: u64,
    /// Sightings.
    pub sightings: u64,
}

impl Node {
    /// Brings the roll-ups up to date and counts different bots per channel and country, from one day to another, both
    /// included.
    ///
    /// # Errors
    /// From the stores; CMT-0630, CMT-0631 where a file is not what the manifest says.
    pub async fn rolled_up(
        &self,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<RolledUp, NodeError> {
        let (files, anew) = self.roll_up().await?;
        let days = (from.map(Timestamp::day), until.map(Timestamp::day));
        let (channels, bots) = self.tables().await?.rolled_bots(days).await?;
        let channels = channels
            .into_iter()
            .map(|(channel, place, bots, sightings)| ChannelBots { channel, place, bots, sightings })
            .collect();
        Ok(RolledUp { schema: SCHEMA, files, anew, channels, bots })
    }

    /// Rolls up what is not yet; how many files that were, and whether everything was made anew.
    pub(super) async fn roll_up(&self) -> Result<(u64, bool), NodeError> {
        let ([sightings, days, numbers], members) = {
            let mut conn = self.state.read().await?;
            let mut all = Vec::new();
            for table in [Table::Sightings, Table::SightingDays, Table::BotNumbers] {
                all.push(manifest::of_table(&mut conn, table.name()).await?);
            }
            let members = compacted::of_table(&mut conn, Table::Sightings.name()).await?;
            (<[Vec<TelemetryFile>; 3]>::try_from(all).unwrap_or_default(), members)
        };
        // What was put together since it was rolled up is known by the paths it had before.
        let mut firsts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        members.iter().for_each(|m| firsts.entry(&m.path).or_default().push(&m.was));
        let mut known = BTreeSet::new();
        for file in &days {
            known.extend(covered(self.telemetry.read(&file.path).await?)?);
        }
        let there: BTreeSet<&str> =
            sightings.iter().map(|f| f.path.as_str()).chain(members.iter().map(|m| m.was.as_str())).collect();
        let mut anew = known.iter().any(|path| !there.contains(path.as_str()));
        let of = |f: &TelemetryFile, known: &BTreeSet<String>| {
            let firsts = firsts.get(f.path.as_str()).map_or(&[][..], Vec::as_slice);
            let seen = firsts.iter().filter(|was| known.contains(**was)).count();
            (known.contains(&f.path) || (seen > 0 && seen == firsts.len()), seen > 0)
        };
        // Rolled up in part: a bitmap does not say which part.
        anew |= sightings.iter().any(|f| matches!(of(f, &known), (false, true)));
        if anew {
            known.clear();
        }
        let wanting: Vec<&TelemetryFile> = sightings.iter().filter(|f| !of(f, &known).0).collect();
        if wanting.is_empty() && !anew {
            return Ok((0, false));
        }
        let mut builder = Builder::default();
        for file in numbers.iter().filter(|_| !anew) {
            builder.known_file(self.telemetry.read(&file.path).await?)?;
        }
        for file in &wanting {
            builder.sightings_file(&file.path, self.telemetry.read(&file.path).await?)?;
        }
        let stale: Vec<&TelemetryFile> = days.iter().chain(&numbers).filter(|_| anew).collect();
        self.keep_rolled(builder, &wanting, &stale).await?;
        Ok((wanting.len() as u64, anew))
    }

    /// Makes roll-ups count, and others not any more, in one transaction.
    async fn keep_rolled(
        &self,
        builder: Builder,
        of: &[&TelemetryFile],
        stale: &[&TelemetryFile],
    ) -> Result<(), NodeError> {
        let names: Vec<&str> = of.iter().map(|f| f.path.as_str()).collect();
        let mut batch = Batch::default();
        for file in builder.finish()? {
            batch.telemetry.push(self.keep_made(&file, SCHEMA, &names)?);
        }
        self.telemetry.settle(&batch.telemetry).await?;
        let mut tx = self.state.begin().await?;
        for file in stale {
            manifest::remove(&mut tx, &file.path).await?;
        }
        write(&mut tx, &batch, self.clock.now()).await?;
        tx.commit().await?;
        for file in stale {
            self.telemetry.shred(&file.path).await?;
        }
        Ok(())
    }
}
