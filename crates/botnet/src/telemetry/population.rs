//! How many bots there are: counts of days seen per bot, out of `sightings`, for the estimator (`estimate`).

use super::activity::day;
use super::{Estimate, Refusal, Telemetry, TelemetryError, Window, estimate, literal};

impl Telemetry {
    /// Estimates how many bots there are, seen or not, from on how many days each was seen in `window`. Only bots that
    /// carry an id of their own count; `botnet` narrows to one.
    ///
    /// # Errors
    /// Inside, a [`Refusal`] when the data cannot tell; outside, when the tables cannot be read.
    pub async fn population(
        &self,
        window: Window,
        botnet: Option<&str>,
    ) -> Result<Result<Estimate, Refusal>, TelemetryError> {
        let mut filter = format!("{} AND bot <> source", window.sql("event"));
        if let Some(name) = botnet {
            filter = format!("{filter} AND botnet = {}", literal(name));
        }
        let day = day("event");
        let sql = format!("SELECT count(DISTINCT {day}) FROM sightings WHERE {filter}");
        let days = self.rows("population.days", &sql, 1, |c, i| c.int(0, i)).await?;
        let days = usize::try_from(days.first().copied().unwrap_or(0)).unwrap_or(usize::MAX);
        if days > estimate::MAX_DAYS {
            return Ok(Err(Refusal::TooLong { days, most: estimate::MAX_DAYS }));
        }
        let sql = format!(
            "SELECT days, count(*) FROM (
                SELECT bot, count(DISTINCT {day}) AS days FROM sightings WHERE {filter} GROUP BY bot)
             GROUP BY days ORDER BY days"
        );
        let counts =
            self.rows("population.counts", &sql, estimate::MAX_DAYS, |c, i| Ok((c.int(0, i)?, c.int(1, i)?)));
        let mut seen = vec![0u64; days];
        for (times, bots) in counts.await? {
            let slot = usize::try_from(times).ok().and_then(|t| seen.get_mut(t.saturating_sub(1)));
            if let Some(slot) = slot {
                *slot = bots as u64;
            }
        }
        Ok(estimate::estimate(&seen))
    }
}
