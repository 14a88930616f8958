//! Bots on channels: per channel and day, per place, by set of channels, and one place's victims.

use super::{Found, Telemetry, TelemetryError, Window, list};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use terms::{Channel, Confidence, Day, ExhibitId, FindingBody, Place, Sighting, Timestamp, Unsealed};

/// Name of the correlator in findings.
pub const EXAMINER: &str = "botnet.activity";
/// Its version.
pub const VERSION: u32 = 1;
/// Most channel-days of one answer.
const MAX_DAYS: usize = 200_000;
/// Most different sets of channels.
const MAX_SIGNATURES: usize = 100_000;

/// Distinct bots of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceBots {
    /// The place.
    pub place: Place,
    /// Distinct bots.
    pub bots: u64,
}

/// Bots that were seen on the same set of channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Keys of the channels, sorted.
    pub channels: Vec<String>,
    /// Distinct bots.
    pub bots: u64,
    /// Whether channels beyond the cap were left out.
    pub cut: bool,
}

/// One victim's machine behind one address, both as pseudonyms.
#[derive(Debug, Clone, PartialEq)]
pub struct Victim {
    /// The bot.
    pub bot: String,
    /// The address.
    pub source: String,
    /// Autonomous system number, 0 where not known.
    pub network: u32,
    /// First time seen there.
    pub first: Timestamp,
    /// Last time seen there.
    pub last: Timestamp,
    /// How often.
    pub sightings: u64,
    /// The botnet, where known.
    pub botnet: Option<String>,
    /// Keys of the channels.
    pub channels: Vec<String>,
    /// Where it was seen.
    pub exhibits: Vec<ExhibitId>,
}

/// SQL for the day of a time, also before 1970.
pub(super) fn day(column: &str) -> String {
    format!("utc_day({column})")
}

impl Telemetry {
    /// One `Activity` finding per channel and day: distinct bots, distinct addresses, distinct bots per place. With no
    /// channels given, all that were seen. A generated channel counts on every day on which it was seen.
    ///
    /// # Errors
    /// When the tables cannot be read or the answer is too large.
    pub async fn activity(&self, channels: &[Channel], window: Window) -> Result<Vec<Found>, TelemetryError> {
        let known: HashMap<String, &Channel> = channels.iter().map(|c| (c.key(), c)).collect();
        let mut filter = window.sql("event");
        if !known.is_empty() {
            let keys: BTreeSet<&str> = known.keys().map(String::as_str).collect();
            filter = format!("{filter} AND channel IN ({})", list(keys.into_iter()));
        }
        let day = day("event");
        let sql = format!(
            "SELECT channel, {day} AS day, place, count(DISTINCT bot) FROM sightings WHERE {filter}
             GROUP BY channel, {day}, place"
        );
        let mut places: HashMap<(String, i64), Vec<(Place, u64)>> = HashMap::new();
        let by_place = self.rows("activity.places", &sql, MAX_DAYS * 8, |c, i| {
            let place = c.text(2, i)?.parse().unwrap_or(Place::UNKNOWN);
            Ok(((c.text(0, i)?.to_owned(), c.int(1, i)?), place, c.int(3, i)? as u64))
        });
        for (key, place, bots) in by_place.await? {
            places.entry(key).or_default().push((place, bots));
        }
        let sql = format!(
            "SELECT channel, {day} AS day, count(DISTINCT bot), count(DISTINCT source),
                    string_agg(DISTINCT exhibit, ',')
             FROM sightings WHERE {filter} GROUP BY channel, {day} ORDER BY channel, day"
        );
        let rows = self.rows("activity.days", &sql, MAX_DAYS, |c, i| {
            let (key, day) = (c.text(0, i)?.to_owned(), c.int(1, i)?);
            Ok((key, day, c.int(2, i)? as u64, c.int(3, i)? as u64, c.exhibits(4, i)?))
        });
        Ok(rows
            .await?
            .into_iter()
            .map(|(key, day, bots, addresses, exhibits)| {
                let mut places = places.remove(&(key.clone(), day)).unwrap_or_default();
                places.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
                let channel = known.get(&key).map_or_else(|| channel_of(&key), |c| (*c).clone());
                let day = Day(i32::try_from(day).unwrap_or(i32::MAX));
                let reason = format!(
                    "{bots} bots (by their own ids, by address where they carry none) called {key} on {day}, from {addresses} addresses in {} \
                     places",
                    places.len()
                );
                let body = FindingBody::Activity { channel, day, bots, addresses, places };
                let finding = Unsealed {
                    examiner: EXAMINER.to_owned(),
                    version: VERSION,
                    confidence: Confidence::new(95),
                    reason,
                    body,
                };
                Found { finding, exhibits }
            })
            .collect())
    }

    /// Bots by the set of channels they were seen on, largest group first. `fold` maps a channel's key to another (all
    /// names of one algorithm to one key); sets are cut at `cap` channels.
    ///
    /// # Errors
    /// When the tables cannot be read or there are too many sets.
    pub async fn signatures(
        &self,
        window: Window,
        fold: &HashMap<String, String>,
        cap: usize,
    ) -> Result<Vec<Signature>, TelemetryError> {
        const NAME: &str = "activity.signatures";
        let sql = format!(
            "SELECT DISTINCT bot, channel FROM sightings WHERE {} AND bot <> source ORDER BY bot",
            window.sql("event")
        );
        let mut groups: BTreeMap<(Vec<String>, bool), u64> = BTreeMap::new();
        let (mut bot, mut set, mut cut) = (String::new(), BTreeSet::new(), false);
        self.each(NAME, &sql, &mut |batch| {
            let c = super::Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                let (who, channel) = (c.text(0, i)?, c.text(1, i)?);
                if who != bot {
                    close(&mut groups, &mut set, &mut cut);
                    who.clone_into(&mut bot);
                }
                let channel = fold.get(channel).map_or(channel, String::as_str);
                if set.len() < cap || set.contains(channel) {
                    set.insert(channel.to_owned());
                } else {
                    cut = true;
                }
                if groups.len() > MAX_SIGNATURES {
                    return Err(TelemetryError::TooMuch { name: NAME, limit: MAX_SIGNATURES });
                }
            }
            Ok(())
        })
        .await?;
        close(&mut groups, &mut set, &mut cut);
        let mut all: Vec<Signature> =
            groups.into_iter().map(|((channels, cut), bots)| Signature { channels, bots, cut }).collect();
        all.sort_by(|a, b| b.bots.cmp(&a.bots).then_with(|| a.channels.cmp(&b.channels)));
        Ok(all)
    }

    /// Distinct bots per place, largest first; places with fewer than `k` bots are left out.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn per_place(&self, window: Window, k: u64) -> Result<Vec<PlaceBots>, TelemetryError> {
        let sql = format!(
            "SELECT place, count(DISTINCT bot) AS bots FROM sightings WHERE {} GROUP BY place
             HAVING count(DISTINCT bot) >= {k} ORDER BY bots DESC, place",
            window.sql("event")
        );
        self.rows("activity.per-place", &sql, 100_000, |c, i| {
            Ok(PlaceBots {
                place: c.text(0, i)?.parse().unwrap_or(Place::UNKNOWN),
                bots: c.int(1, i)? as u64,
            })
        })
        .await
    }

    /// How often each bot was seen in each place, at most `limit` rows: for counting each bot once.
    ///
    /// # Errors
    /// When the tables cannot be read or there are more than `limit`.
    pub async fn bots_by_place(
        &self,
        window: Window,
        limit: usize,
    ) -> Result<Vec<(String, Place, u64)>, TelemetryError> {
        let sql = format!(
            "SELECT bot, place, count(*) FROM sightings WHERE {} GROUP BY bot, place",
            window.sql("event")
        );
        self.rows("activity.bots-by-place", &sql, limit, |c, i| {
            let place = c.text(1, i)?.parse().unwrap_or(Place::UNKNOWN);
            Ok((c.text(0, i)?.to_owned(), place, c.int(2, i)? as u64))
        })
        .await
    }

    /// Different bots from roll-ups: per channel and country (with the sightings they stand for), and over all of them.
    /// Days are both included; without one the time is open on that side.
    ///
    /// # Errors
    /// When the tables cannot be read or the answer is too large.
    pub async fn rolled_bots(
        &self,
        (from, until): (Option<Day>, Option<Day>),
    ) -> Result<(Vec<(String, String, u64, u64)>, u64), TelemetryError> {
        let from = from.map_or("true".to_owned(), |d| format!("day >= {}", d.0));
        let until = until.map_or("true".to_owned(), |d| format!("day <= {}", d.0));
        let sql = format!(
            "SELECT channel, place, bots(period, bots), sum(sightings) FROM sighting_days WHERE {from} AND {until}
             GROUP BY channel, place ORDER BY channel, place"
        );
        let parts = self.rows("activity.rolled", &sql, MAX_DAYS, |c, i| {
            Ok((c.text(0, i)?.to_owned(), c.text(1, i)?.to_owned(), c.int(2, i)? as u64, c.int(3, i)? as u64))
        });
        let parts = parts.await?;
        let sql = format!("SELECT bots(period, bots) FROM sighting_days WHERE {from} AND {until}");
        let all = self.rows("activity.rolled-all", &sql, 1, |c, i| Ok(c.int(0, i)? as u64)).await?;
        Ok((parts, all.first().copied().unwrap_or(0)))
    }

    /// The victims of one place and of no other, ordered by bot and first time, at most `limit`.
    ///
    /// # Errors
    /// When the tables cannot be read or there are more than `limit`.
    pub async fn victims(
        &self,
        place: Place,
        window: Window,
        limit: usize,
    ) -> Result<Vec<Victim>, TelemetryError> {
        let sql = format!(
            "SELECT bot, source, max(network), min(event) AS first, max(event), count(*), max(botnet),
                    string_agg(DISTINCT channel, chr(31)), string_agg(DISTINCT exhibit, ',')
             FROM sightings WHERE place = {} AND {} GROUP BY bot, source ORDER BY bot, first, source",
            super::literal(place.as_str()),
            window.sql("event")
        );
        self.rows("activity.victims", &sql, limit, |c, i| {
            let mut channels: Vec<String> = c.text(7, i)?.split('\u{1f}').map(str::to_owned).collect();
            channels.sort_unstable();
            Ok(Victim {
                bot: c.text(0, i)?.to_owned(),
                source: c.text(1, i)?.to_owned(),
                network: u32::try_from(c.int(2, i)?).unwrap_or(0),
                first: Timestamp(c.int(3, i)?),
                last: Timestamp(c.int(4, i)?),
                sightings: c.int(5, i)? as u64,
                botnet: c.maybe(6, i)?.map(str::to_owned),
                channels,
                exhibits: c.exhibits(8, i)?,
            })
        })
        .await
    }

    /// Sightings of a time in order, at most `limit`, each with its exhibit.
    ///
    /// # Errors
    /// When the tables cannot be read or there are more than `limit`.
    pub async fn sightings_between(
        &self,
        window: Window,
        limit: usize,
    ) -> Result<Vec<(Sighting, ExhibitId)>, TelemetryError> {
        let sql = format!(
            "SELECT event, observed, ingested, bot, source, botnet, channel, network, place, exhibit
             FROM sightings WHERE {} ORDER BY event, bot, channel",
            window.sql("event")
        );
        self.rows("activity.sightings", &sql, limit, |c, i| {
            let sighting = Sighting {
                event: Timestamp(c.int(0, i)?),
                observed: Timestamp(c.int(1, i)?),
                ingested: Timestamp(c.int(2, i)?),
                bot: c.text(3, i)?.to_owned(),
                source: c.text(4, i)?.to_owned(),
                botnet: c.maybe(5, i)?.map(str::to_owned),
                channel: c.text(6, i)?.to_owned(),
                network: u32::try_from(c.int(7, i)?).unwrap_or(0),
                place: c.text(8, i)?.parse().unwrap_or(Place::UNKNOWN),
            };
            Ok((sighting, c.exhibit(9, i)?))
        })
        .await
    }
}

fn close(groups: &mut BTreeMap<(Vec<String>, bool), u64>, set: &mut BTreeSet<String>, cut: &mut bool) {
    if !set.is_empty() {
        let key = (std::mem::take(set).into_iter().collect(), std::mem::take(cut));
        *groups.entry(key).or_default() += 1;
    }
}

/// A channel from its key: an address with port, or else a name.
fn channel_of(key: &str) -> Channel {
    match key.parse::<SocketAddr>() {
        Ok(end) => Channel::Address { ip: end.ip(), port: end.port() },
        Err(_) => Channel::domain(key),
    }
}
