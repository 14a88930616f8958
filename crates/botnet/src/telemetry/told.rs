//! Machines that are gone, network by network: what telling their owners is measured by ([`crate::routing::remedy`]).

use super::{Columns, Telemetry, TelemetryError, Window, list};
use crate::routing::remedy::Network;
use std::collections::BTreeMap;
use terms::Place;

/// Most networks of one question; each country has a few thousand.
const MAX_NETWORKS: usize = 200_000;

/// One network in one place, with its machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkBots {
    /// Country; `Place::UNKNOWN` where `network` is 0.
    pub place: Place,
    /// Autonomous system number. 0 stands for all machines that were seen in several networks or places, or in one that
    /// is not known: nobody can say to which group they belong.
    pub network: u32,
    /// Its machines.
    pub machines: Network,
}

impl Telemetry {
    /// Counts the bots with ids of their own that called one of `channels` in `before`, by the one network in which they
    /// were seen in that time, and those of them that were seen nowhere on any channel in `after`. Both windows lie in
    /// one month, because pseudonyms change with it: that is for the caller to see to.
    ///
    /// # Errors
    /// When the tables cannot be read, or hold more than 200,000 networks.
    pub async fn gone(
        &self,
        before: Window,
        after: Window,
        channels: &[String],
    ) -> Result<Vec<NetworkBots>, TelemetryError> {
        const NAME: &str = "told.gone";
        let (then, now) = (before.sql("event"), after.sql("event"));
        let ours = list(channels.iter().map(String::as_str));
        let sql = format!(
            "WITH seen AS (
                SELECT bot, bool_or({then} AND channel IN ({ours})) AS was, bool_or({now}) AS still,
                       min(CASE WHEN {then} THEN network END) AS low, max(CASE WHEN {then} THEN network END) AS high,
                       min(CASE WHEN {then} THEN place END) AS here, max(CASE WHEN {then} THEN place END) AS there
                FROM sightings WHERE bot <> source AND (({then}) OR ({now})) GROUP BY bot)
             SELECT low, high, here, there, count(*), count(*) FILTER (WHERE NOT still)
            FROM seen WHERE was GROUP BY low, high, here, there"
        );
        let mut found: BTreeMap<(Place, u32), Network> = BTreeMap::new();
        self.each(NAME, &sql, &mut |batch| {
            let c = Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                let one = c.int(0, i)? == c.int(1, i)? && c.text(2, i)? == c.text(3, i)?;
                let network = u32::try_from(c.int(0, i)?).ok().filter(|n| one && *n != 0).unwrap_or(0);
                let place = c.text(2, i)?.parse().ok().filter(|_| network != 0).unwrap_or(Place::UNKNOWN);
                let machines = found.entry((place, network)).or_insert(Network { before: 0, gone: 0 });
                machines.before += c.int(4, i)? as u64;
                machines.gone += c.int(5, i)? as u64;
            }
            if found.len() > MAX_NETWORKS {
                return Err(TelemetryError::TooMuch { name: NAME, limit: MAX_NETWORKS });
            }
            Ok(())
        })
        .await?;
        Ok(found
            .into_iter()
            .map(|((place, network), machines)| NetworkBots { place, network, machines })
            .collect())
    }
}
