//! Bots on channels: per channel and day, per place, by set of channels, and one place's victims.

use super::{Found, Telemetry, TelemetryError, Window, list};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use terms::{
    Channel, Confidence, Day, ExhibitId, FindingBody, MICROS_PER_DAY, Place, Sighting, Timestamp, Unsealed,
};

/// Name of the correlator in findings.
pub const EXAMINER: &str = "botnet.activity";
/// Its version.
pub const VERSION: u32 = 1;
/// Most channel-days of one answer.
const MAX_DAYS: usize = 200_000;
/// Sightings of one part of a long time, about: a day is not cut.
const ROWS_AT_ONCE: i64 = 2_000_000;
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

impl Victim {
    /// Takes in what another channel or exhibit says of the same machine behind the same address.
    fn join(&mut self, other: Self) {
        self.network = self.network.max(other.network);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.sightings += other.sightings;
        self.botnet = self.botnet.take().max(other.botnet);
        for channel in other.channels {
            if let Err(at) = self.channels.binary_search(&channel) {
                self.channels.insert(at, channel);
            }
        }
        for exhibit in other.exhibits {
            if let Err(at) = self.exhibits.binary_search(&exhibit) {
                self.exhibits.insert(at, exhibit);
            }
        }
    }
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
        let mut all: Vec<(String, Active)> = Vec::new();
        for part in self.parts(window).await? {
            let mut filter = part.sql("event");
            if !known.is_empty() {
                let keys: BTreeSet<&str> = known.keys().map(String::as_str).collect();
                filter = format!("{filter} AND channel IN ({})", list(keys.into_iter()));
            }
            all.extend(self.active(&filter).await?);
            if all.len() > MAX_DAYS {
                return Err(TelemetryError::TooMuch { name: "activity.days", limit: MAX_DAYS });
            }
        }
        all.sort_by(|(a, x), (b, y)| (a, x.day).cmp(&(b, y.day)));
        Ok(all.into_iter().map(|(key, active)| active.told(&key, &known)).collect())
    }

    /// A window cut between days into parts of about [`ROWS_AT_ONCE`] sightings: a day's bots are counted within the day,
    /// so the parts need not know of each other, and memory holds one.
    async fn parts(&self, window: Window) -> Result<Vec<Window>, TelemetryError> {
        let day = day("event");
        let sql = format!(
            "SELECT {day} AS day, count(*) FROM sightings WHERE {} GROUP BY {day} ORDER BY day",
            window.sql("event")
        );
        let days = self.rows("activity.parts", &sql, MAX_DAYS, |c, i| Ok((c.int(0, i)?, c.int(1, i)?)));
        Ok(cut(&days.await?, window, ROWS_AT_ONCE))
    }

    /// The channels and days of one part. Each count is of its own, over distinct rows: such a question may spill, and
    /// several distinct counts of one question may not.
    async fn active(&self, filter: &str) -> Result<Vec<(String, Active)>, TelemetryError> {
        let day = day("event");
        let mut all: BTreeMap<(String, i64), Active> = BTreeMap::new();
        let distinct = |what: &str| {
            format!("SELECT DISTINCT channel, {day} AS day, {what} FROM sightings WHERE {filter}")
        };
        for (name, what) in [("activity.bots", "bot"), ("activity.addresses", "source")] {
            let sql =
                format!("SELECT channel, day, count(*) FROM ({}) GROUP BY channel, day", distinct(what));
            let rows = self.rows(name, &sql, MAX_DAYS, |c, i| {
                Ok(((c.text(0, i)?.to_owned(), c.int(1, i)?), c.int(2, i)?.cast_unsigned()))
            });
            for ((channel, day), count) in rows.await? {
                let active = all.entry((channel, day)).or_default();
                *(if what == "bot" { &mut active.bots } else { &mut active.addresses }) = count;
            }
        }
        let sql = format!(
            "SELECT channel, day, place, count(*) FROM ({}) GROUP BY channel, day, place",
            distinct("place, bot")
        );
        let rows = self.rows("activity.places", &sql, MAX_DAYS * 8, |c, i| {
            let place = c.text(2, i)?.parse().unwrap_or(Place::UNKNOWN);
            Ok(((c.text(0, i)?.to_owned(), c.int(1, i)?), (place, c.int(3, i)?.cast_unsigned())))
        });
        for (key, place) in rows.await? {
            all.entry(key).or_default().places.push(place);
        }
        let sql = distinct("exhibit");
        let rows = self.rows("activity.exhibits", &sql, MAX_DAYS * 8, |c, i| {
            Ok(((c.text(0, i)?.to_owned(), c.int(1, i)?), c.exhibit(2, i)?))
        });
        for (key, exhibit) in rows.await? {
            all.entry(key).or_default().exhibits.insert(exhibit);
        }
        let day = |day| Day(i32::try_from(day).unwrap_or(i32::MAX));
        Ok(all.into_iter().map(|((key, on), active)| (key, Active { day: day(on), ..active })).collect())
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
        const NAME: &str = "activity.victims";
        // A group for each channel and exhibit, put together as they come: lists inside a group would not spill.
        let sql = format!(
            "SELECT bot, source, channel, exhibit, max(network), min(event), max(event), count(*), max(botnet)
             FROM sightings WHERE place = {} AND {} GROUP BY bot, source, channel, exhibit
             ORDER BY bot, source, channel, exhibit",
            super::literal(place.as_str()),
            window.sql("event")
        );
        let mut all: Vec<Victim> = Vec::new();
        self.each(NAME, &sql, &mut |batch| {
            let c = super::Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                let part = Victim {
                    bot: c.text(0, i)?.to_owned(),
                    source: c.text(1, i)?.to_owned(),
                    network: u32::try_from(c.int(4, i)?).unwrap_or(0),
                    first: Timestamp(c.int(5, i)?),
                    last: Timestamp(c.int(6, i)?),
                    sightings: c.int(7, i)?.cast_unsigned(),
                    botnet: c.maybe(8, i)?.map(str::to_owned),
                    channels: vec![c.text(2, i)?.to_owned()],
                    exhibits: vec![c.exhibit(3, i)?],
                };
                let full = all.len() >= limit;
                match all.last_mut().filter(|v| v.bot == part.bot && v.source == part.source) {
                    Some(victim) => victim.join(part),
                    None if full => return Err(TelemetryError::TooMuch { name: NAME, limit }),
                    None => all.push(part),
                }
            }
            Ok(())
        })
        .await?;
        all.sort_by(|a, b| (&a.bot, a.first, &a.source).cmp(&(&b.bot, b.first, &b.source)));
        Ok(all)
    }

    /// For each day how many rows [`Self::victims`] would give of it alone, in the order of days.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn victims_by_day(
        &self,
        place: Place,
        window: Window,
    ) -> Result<Vec<(Day, u64)>, TelemetryError> {
        let sql = format!(
            "SELECT day, count(*) FROM (
                SELECT DISTINCT {} AS day, bot, source FROM sightings WHERE place = {} AND {})
             GROUP BY day ORDER BY day",
            day("event"),
            super::literal(place.as_str()),
            window.sql("event")
        );
        self.rows("activity.victims-by-day", &sql, MAX_DAYS, |c, i| {
            Ok((Day(i32::try_from(c.int(0, i)?).unwrap_or(i32::MAX)), c.int(1, i)?.cast_unsigned()))
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

/// Cuts a window between days so that each part has at most `most` rows, or one day. `days` are days and their rows, in
/// order; a day without rows is in no part or in any.
fn cut(days: &[(i64, i64)], window: Window, most: i64) -> Vec<Window> {
    let start = |day: i64| Timestamp(day.saturating_mul(MICROS_PER_DAY));
    let (mut parts, mut rows) = (Vec::<Window>::new(), 0_i64);
    for (day, more) in days {
        let from = start(*day).max(window.from);
        let until = start(day.saturating_add(1)).min(window.until);
        match parts.last_mut().filter(|_| rows.saturating_add(*more) <= most) {
            Some(part) => part.until = until,
            None => {
                parts.push(Window { from, until });
                rows = 0;
            }
        }
        rows = rows.saturating_add(*more);
    }
    parts
}

/// What was seen of one channel on one day.
#[derive(Debug, Default)]
struct Active {
    day: Day,
    bots: u64,
    addresses: u64,
    places: Vec<(Place, u64)>,
    exhibits: BTreeSet<ExhibitId>,
}

impl Active {
    fn told(mut self, key: &str, known: &HashMap<String, &Channel>) -> Found {
        self.places.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let channel = known.get(key).map_or_else(|| channel_of(key), |c| (*c).clone());
        let Self { day, bots, addresses, places, exhibits } = self;
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
        Found { finding, exhibits: exhibits.into_iter().collect() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_cut_between_days_and_loses_none() {
        let at = |day: i64| Timestamp(day * MICROS_PER_DAY);
        let days = [(-1, 3), (0, 4), (5, 9), (6, 20), (7, 1), (8, 1)];
        for (window, most, expected) in [
            (Window::ALL, 100, vec![(at(-1), at(9))]),
            (Window::ALL, 10, vec![(at(-1), at(1)), (at(5), at(6)), (at(6), at(7)), (at(7), at(9))]),
            // Less than any day: each is a part of its own.
            (
                Window { from: Timestamp(at(-1).0 + 5), until: Timestamp(at(8).0 + 7) },
                0,
                vec![
                    (Timestamp(at(-1).0 + 5), at(0)),
                    (at(0), at(1)),
                    (at(5), at(6)),
                    (at(6), at(7)),
                    (at(7), at(8)),
                    (at(8), Timestamp(at(8).0 + 7)),
                ],
            ),
        ] {
            let parts: Vec<_> = cut(&days, window, most).into_iter().map(|w| (w.from, w.until)).collect();
            assert_eq!(parts, expected, "{window:?} {most}");
        }
        assert!(cut(&[], Window::ALL, 1).is_empty());
    }
}
