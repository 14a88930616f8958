//! How many bots there are: on which days each was seen, out of `sightings`, for the estimator (`crate::population`).

use super::activity::day;
use super::{Columns, Telemetry, TelemetryError, Window, literal};
use crate::population::{Count, Estimate, Histories, MAX_DAYS, Refusal, count_ids};

/// Level of the intervals that [`Telemetry::population`] gives.
const LEVEL: f64 = 0.95;

impl Telemetry {
    /// Estimates how many bots are infected on a day of `window`, in the mean of its days and with a 95 % interval.
    /// See [`Self::population_by_day`].
    ///
    /// # Errors
    /// Inside, a [`Refusal`] when the data cannot tell; outside, when the tables cannot be read.
    pub async fn population(
        &self,
        window: Window,
        botnet: Option<&str>,
    ) -> Result<Result<Estimate, Refusal>, TelemetryError> {
        Ok(self.population_by_day(window, botnet, LEVEL).await?.map(|count| count.mean))
    }

    /// Counts bots, seen or not, from the days on which each was seen between the first and the last sighting of
    /// `window`. Only bots that carry an id of their own count; `botnet` narrows to one. `level` is that of the
    /// intervals (0.9 for 90 %).
    ///
    /// # Errors
    /// Inside, a [`Refusal`] when the data cannot tell; outside, when the tables cannot be read.
    pub async fn population_by_day(
        &self,
        window: Window,
        botnet: Option<&str>,
        level: f64,
    ) -> Result<Result<Count, Refusal>, TelemetryError> {
        const NAME: &str = "population.histories";
        let mut filter = format!("{} AND bot <> source", window.sql("event"));
        if let Some(name) = botnet {
            filter = format!("{filter} AND botnet = {}", literal(name));
        }
        let day = day("event");
        let sql = format!("SELECT count(*), min({day}), max({day}) FROM sightings WHERE {filter}");
        let span = self.rows("population.days", &sql, 1, |c, i| {
            Ok((c.int(0, i)? > 0).then_some((c.int(1, i)?, c.int(2, i)?)))
        });
        let Some((first, last)) = span.await?.into_iter().flatten().next() else {
            return Ok(Err(Refusal::Nothing));
        };
        let days = usize::try_from(last.saturating_sub(first).saturating_add(1)).unwrap_or(usize::MAX);
        if days > MAX_DAYS {
            return Ok(Err(Refusal::TooLong { days, most: MAX_DAYS }));
        }
        // One bit a day; equal histories are counted where they lie.
        let sql = format!(
            "SELECT days, count(*) FROM (
                SELECT bot, bit_or(CAST(1 AS BIGINT) << ({day} - CAST({first} AS BIGINT))) AS days
                FROM sightings WHERE {filter} GROUP BY bot)
             GROUP BY days"
        );
        let mut seen = Histories::new(days);
        self.each(NAME, &sql, &mut |batch| {
            let c = Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                seen.add_many(c.int(0, i)?.cast_unsigned(), c.int(1, i)?.cast_unsigned());
            }
            Ok(())
        })
        .await?;
        Ok(count_ids(&seen, level))
    }
}
