//! Sightings of bots: the company's sinkhole logs, and after the takedown what providers of surviving channels see.
//!
//! Both are `comity.sinkhole/1`, one JSON object a line, in the order of time. A day is made in slices of time, each
//! from a pass over all bots, so that memory does not grow with their number.

use crate::{
    ExerciseError, Progress,
    bots::{Bot, Marks, Roster},
    channels::{BOTNET, FIXED, GROUPS},
    dice::{Dice, at, key},
    fate::{DayNames, Fate, Reach},
    out::{Date, Folder, Line, Packing, Stream},
};
use terms::{Day, MICROS_PER_SECOND, Timestamp};

/// Bots whose sightings of a whole day are held at once, at most.
const SLICE: u32 = 250_000;
/// Lines a day of web crawlers that reach the sinkhole and are no bots.
const CRAWLERS: u64 = 40;
/// Distinct addresses there can be in 240.0.0.0/4.
const ADDRESSES: u32 = 1 << 28;

/// Who saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sensor {
    Sinkhole,
    Provider,
}

struct Hit {
    t: Timestamp,
    id: u64,
    bot: u32,
    /// Index into [`GROUPS`]: the bots' protocol carries the build.
    group: usize,
    source: u32,
    port: u16,
    /// Index into [`FIXED`], or after it into the names of the day.
    channel: usize,
    sensor: Sensor,
}

/// What the sensors saw in a window.
pub(crate) struct Seen {
    /// Distinct bots a day.
    pub(crate) days: Vec<(Day, u64)>,
    /// Distinct bots.
    pub(crate) total: u64,
    /// Distinct addresses of bots.
    pub(crate) addresses: u64,
    /// Lines.
    pub(crate) lines: u64,
}

/// A window of days to be written.
pub(crate) struct Window<'a> {
    pub(crate) roster: &'a Roster,
    pub(crate) fate: &'a Fate,
    pub(crate) days: Vec<Day>,
    /// Folder of the sinkhole's logs.
    pub(crate) sinkhole: &'static str,
    /// Folder of the providers' logs, where there are any.
    pub(crate) provider: Option<&'static str>,
    /// From which day on a bot is cured.
    pub(crate) cured: &'a dyn Fn(&Bot) -> Option<Day>,
}

struct Tally {
    ever: Marks,
    addresses: Marks,
    seen: Seen,
}

impl Window<'_> {
    pub(crate) fn write(
        &self,
        folder: &Folder,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Seen, ExerciseError> {
        let bots = self.roster.spec.bots;
        let mut tally = Tally {
            ever: Marks::new(bots),
            addresses: Marks::new(ADDRESSES),
            seen: Seen { days: Vec::new(), total: 0, addresses: 0, lines: 0 },
        };
        let passes = i64::from(bots.div_ceil(SLICE));
        let steps = passes.unsigned_abs() * self.days.len() as u64;
        let mut done = 0;
        for &day in &self.days {
            let date = Date::new(day);
            let names = self.fate.names(day);
            let open = |name: &str| folder.stream(&format!("{name}/day-{day}.ndjson.zst"), Packing::Zstd);
            let mut sinkhole = open(self.sinkhole)?;
            let mut provider = self.provider.map(open).transpose()?;
            let mut today = Marks::new(bots);
            let mut count = 0;
            for pass in 0..passes {
                let edge = |p: i64| day.start().plus_micros(86_400 * p / passes * MICROS_PER_SECOND);
                let hits = self.slice(day, &names, edge(pass), edge(pass + 1));
                for hit in &hits {
                    if hit.id != 0 {
                        count += u64::from(today.mark(hit.bot));
                        tally.seen.total += u64::from(tally.ever.mark(hit.bot));
                        tally.seen.addresses += u64::from(tally.addresses.mark(hit.source & (ADDRESSES - 1)));
                    }
                }
                let into = |stream: &mut Stream, sensor| write_hits(stream, &hits, sensor, &names, &date);
                tally.seen.lines += into(&mut sinkhole, Sensor::Sinkhole)?;
                if let Some(stream) = &mut provider {
                    tally.seen.lines += into(stream, Sensor::Provider)?;
                }
                done += 1;
                progress(Progress { stage: self.sinkhole, done, total: steps });
            }
            sinkhole.finish()?;
            provider.map(Stream::finish).transpose()?;
            tally.seen.days.push((day, count));
        }
        Ok(tally.seen)
    }

    /// What is seen from `from` up to `to`, in the order of time.
    fn slice(&self, day: Day, names: &DayNames, from: Timestamp, to: Timestamp) -> Vec<Hit> {
        let mut hits = Vec::new();
        for bot in self.roster.all() {
            if !bot.alive_on(day) || (self.cured)(&bot).is_some_and(|cured| day >= cured) {
                continue;
            }
            self.roster.sessions(&bot, day, |_, t, dice| {
                // A walk over the channels takes less than two minutes.
                if t < to && t.plus_micros(120 * MICROS_PER_SECOND) >= from {
                    self.walk(&bot, t, dice, names, &mut |hit| {
                        if from <= hit.t && hit.t < to {
                            hits.push(hit);
                        }
                    });
                }
            });
        }
        let mut dice = Dice::new(key(self.roster.spec.seed, "crawler"), u64::from(day.0.unsigned_abs()), 0);
        for _ in 0..CRAWLERS {
            let t = day.start().plus_micros(dice.below(86_400_000_000).cast_signed());
            let source = u32::from_be_bytes([192, 0, 2, u8::try_from(dice.between(10, 90)).unwrap_or(10)]);
            let port = u16::try_from(dice.between(1_024, 65_535)).unwrap_or(1_024);
            if from <= t && t < to && matches!(self.fate.fixed(0, t), Reach::Sinkhole) {
                hits.push(Hit {
                    t,
                    id: 0,
                    bot: u32::MAX,
                    group: 0,
                    source,
                    port,
                    channel: 0,
                    sensor: Sensor::Sinkhole,
                });
            }
        }
        hits.sort_unstable_by_key(|hit| (hit.t, hit.bot, hit.channel));
        hits
    }

    /// One session: the bot tries its channels one after the other, and does not get through all of them each time.
    fn walk(&self, bot: &Bot, start: Timestamp, mut dice: Dice, names: &DayNames, each: &mut dyn FnMut(Hit)) {
        let group = at(&GROUPS, bot.group);
        let mut t = start;
        let mut call = |dice: &mut Dice, channel: usize, reach: Reach, chance: u64| {
            t = t.plus_micros(dice.between(300_000, 9_000_000).cast_signed());
            let (tries, known) = (dice.permille(chance), !dice.permille(5));
            let port = u16::try_from(dice.between(1_024, 65_535)).unwrap_or(1_024);
            let sensor = match reach {
                Reach::Sinkhole => Sensor::Sinkhole,
                Reach::Operator(_) if self.provider.is_some() => Sensor::Provider,
                // Nobody of ours is there to see it.
                Reach::Operator(_) | Reach::OtherSinkhole | Reach::Nothing => return,
            };
            if tries {
                let (id, source) = (if known { bot.id } else { 0 }, self.roster.address(bot, t));
                each(Hit { t, id, bot: bot.index, group: bot.group, source, port, channel, sensor });
            }
        };
        for (i, fixed) in group.channels() {
            let chance = if fixed.port == 0 { 850 } else { 700 };
            call(&mut dice, i, self.fate.fixed(i, start), chance);
        }
        if group.dga {
            let sunk = dice.below(names.sunk.len() as u64);
            if let Some(&i) = usize::try_from(sunk).ok().and_then(|i| names.sunk.get(i)) {
                call(&mut dice, FIXED.len() + i, Reach::Sinkhole, 350);
            }
            if let Some(i) = names.live {
                call(&mut dice, FIXED.len() + i, Reach::Operator(crate::channels::DEDICATED), 700);
            }
        }
    }
}

/// Writes the lines of one sensor; how many.
fn write_hits(
    stream: &mut Stream,
    hits: &[Hit],
    sensor: Sensor,
    names: &DayNames,
    date: &Date,
) -> Result<u64, ExerciseError> {
    let keys: Vec<String> = FIXED.iter().map(|f| f.key()).chain(names.names.iter().cloned()).collect();
    let mut lines = Line::default();
    let mut count = 0;
    for hit in hits.iter().filter(|hit| hit.sensor == sensor) {
        // The sensor's clock and queue: the log says when it was written down.
        let observed = hit.t.plus_micros(1_000 + i64::from(hit.port) * 7);
        lines.text(r#"{"schema":"comity.sinkhole/1","event":""#).time(hit.t, date);
        lines.text(r#"","observed":""#).time(observed, date);
        lines.text(r#"","source":""#).ip(hit.source);
        lines.text(r#"","source_port":"#).number(u64::from(hit.port));
        lines.text(r#","channel":""#).text(at::<String>(&keys, hit.channel)).text(r#"","bot":"#);
        if hit.id == 0 {
            lines.text("null");
        } else {
            lines.text("\"").hex(hit.id).text("\"");
        }
        if hit.bot == u32::MAX {
            lines.text(",\"botnet\":null}\n");
        } else {
            let variant = at(&GROUPS, hit.group).name;
            lines.text(r#","botnet":""#).text(BOTNET).text("/").text(variant).text("\"}\n");
        }
        count += 1;
        if lines.0.len() > 1 << 16 {
            stream.write(&lines.0)?;
            lines.0.clear();
        }
    }
    stream.write(&lines.0)?;
    Ok(count)
}
