//! Numbering bots and gathering their days. Plain values in and out, so that a benchmark can take it without the tables.

use roaring::RoaringBitmap;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

/// One sighting.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Pseudonym period (100 × year + month).
    pub period: i32,
    /// Days since 1970.
    pub day: i64,
    /// The bot's pseudonym.
    pub bot: &'a str,
    /// The channel's key.
    pub channel: &'a str,
    /// The country.
    pub place: &'a str,
}

/// The bots of one channel, day and country.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    /// Pseudonym period.
    pub period: i32,
    /// Days since 1970.
    pub day: i64,
    /// The channel's key.
    pub channel: String,
    /// The country.
    pub place: String,
    /// Numbers of the bots.
    pub bots: RoaringBitmap,
    /// How many sightings.
    pub sightings: u64,
}

/// The number of a bot in its period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Pseudonym period.
    pub period: i32,
    /// The number, from 0.
    pub number: u32,
    /// The bot's pseudonym.
    pub bot: Bot,
}

/// What names a bot; written out as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bot {
    /// A pseudonym of 128 bits, as the home writes them: `p:` and 32 lower-case hexadecimal digits.
    Short(u64, u64),
    /// Whatever else names a bot.
    Other(String),
}

impl fmt::Display for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(high, low) => write!(f, "p:{high:016x}{low:016x}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// Numbers bots and gathers their days.
#[derive(Debug, Default)]
pub struct Gatherer {
    periods: BTreeMap<i32, Period>,
}

/// Looking a bot up mostly waits for memory: several that are looked up one right after the other wait together, so
/// that rows wait for their number until there are a few, and for their bitmap until there are many.
#[derive(Debug, Default)]
struct Period {
    short: HashMap<(u64, u64), u32, BuildHasherDefault<Mixed>>,
    other: HashMap<String, u32>,
    /// The next number.
    next: u64,
    fresh: Vec<(u32, Bot)>,
    channels: Texts,
    places: Texts,
    /// For each day the groups by the numbers of channel and place in one.
    days: BTreeMap<i64, usize>,
    by_day: Vec<HashMap<u64, u32, BuildHasherDefault<Mixed>>>,
    groups: Vec<Group>,
    /// The day of the row before and where it is in `by_day`: rows lie in order of time.
    before: Option<(i64, usize)>,
    /// Rows that have no number yet: pseudonym and group.
    waiting: Vec<((u64, u64), u32)>,
    /// Rows that are in no bitmap yet: group and number.
    rows: Vec<u64>,
}

/// Rows that wait for their numbers.
const WAITING: usize = 512;
/// Rows that wait for their bitmaps while a day goes on.
const ROWS: usize = 1 << 20;
/// Rows for which bitmaps are worth making when a day ends.
const ROWS_OF_A_DAY: usize = 1 << 16;

#[derive(Debug)]
struct Group {
    day: i64,
    channel: u32,
    place: u32,
    bots: RoaringBitmap,
    sightings: u64,
}

/// Texts by number.
#[derive(Debug, Default)]
struct Texts {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
    /// Numbers that were looked up lately, by a cheap look at the text; 0 is none, else one more than the number.
    lately: Vec<u32>,
}

/// Places of [`Texts::lately`], as a power of two.
const LATELY: u32 = 10;

impl Texts {
    fn number(&mut self, text: &str) -> Option<u32> {
        self.lately.resize(1 << LATELY, 0);
        let at = look(text.as_bytes());
        let lately = self.lately.get(at).and_then(|n| n.checked_sub(1));
        if let Some(number) = lately
            && self.names.get(number as usize).is_some_and(|n| n == text)
        {
            return Some(number);
        }
        let number = match self.numbers.get(text) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.names.len()).ok().filter(|n| *n < u32::MAX)?;
                self.names.push(text.to_owned());
                self.numbers.insert(text.to_owned(), number);
                number
            }
        };
        if let Some(place) = self.lately.get_mut(at) {
            *place = number + 1;
        }
        Some(number)
    }

    fn name(&self, number: u32) -> String {
        self.names.get(number as usize).cloned().unwrap_or_default()
    }
}

/// A place in [`Texts::lately`] by the two ends of a text.
fn look(text: &[u8]) -> usize {
    let ends = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(head), Some(tail)) => u64::from_le_bytes(*head) ^ u64::from_le_bytes(*tail).rotate_left(29),
        _ => text.iter().fold(0, |all, b| all << 8 | u64::from(*b)),
    };
    (ends.wrapping_add(text.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - LATELY)) as usize
}

impl Gatherer {
    /// Takes in the number that a bot has already. Nothing where another bot has it, or the bot another number.
    pub fn known(&mut self, period: i32, number: u32, bot: &str) -> Option<()> {
        let of = self.periods.entry(period).or_default();
        of.next = of.next.max(u64::from(number) + 1);
        let before = match pseudonym(bot) {
            Some(short) => of.short.insert(short, number),
            None => of.other.insert(bot.to_owned(), number),
        };
        before.is_none_or(|b| b == number).then_some(())
    }

    /// Takes in a sighting. Nothing where the period has no number left for its bot, or for one before it.
    pub fn push(&mut self, row: &Row<'_>) -> Option<()> {
        let of = self.periods.entry(row.period).or_default();
        let group = of.group(row)?;
        if let Some(short) = pseudonym(row.bot) {
            of.waiting.push((short, group));
            return if of.waiting.len() < WAITING { Some(()) } else { of.number_waiting() };
        }
        // Numbers go by the order in which bots are met.
        of.number_waiting()?;
        let number = match of.other.get(row.bot) {
            Some(number) => *number,
            None => {
                let number = of.fresh(Bot::Other(row.bot.to_owned()))?;
                of.other.insert(row.bot.to_owned(), number);
                number
            }
        };
        of.rows.push(u64::from(group) << 32 | u64::from(number));
        Some(())
    }

    /// Days in the order period, day, channel, place; numbers that are new in the order period, number. Nothing where a
    /// period has no number left for a bot.
    pub fn finish(self) -> Option<(Vec<Gathered>, Vec<Named>)> {
        let (mut days, mut named) = (Vec::new(), Vec::new());
        for (period, mut of) in self.periods {
            of.number_waiting()?;
            of.settle();
            let Period { groups, channels, places, fresh, .. } = of;
            days.extend(groups.into_iter().map(|g| Gathered {
                period,
                day: g.day,
                channel: channels.name(g.channel),
                place: places.name(g.place),
                bots: g.bots,
                sightings: g.sightings,
            }));
            named.extend(fresh.into_iter().map(|(number, bot)| Named { period, number, bot }));
        }
        days.sort_unstable_by(|a, b| {
            (a.period, a.day, &a.channel, &a.place).cmp(&(b.period, b.day, &b.channel, &b.place))
        });
        Some((days, named))
    }
}

impl Period {
    fn fresh(&mut self, bot: Bot) -> Option<u32> {
        let number = u32::try_from(self.next).ok()?;
        self.next += 1;
        self.fresh.push((number, bot));
        Some(number)
    }

    /// Gives the rows that wait their numbers.
    fn number_waiting(&mut self) -> Option<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let first = self.rows.len();
        // A loop of nothing but look-ups; a number that is not there yet stands above all numbers.
        let short = &self.short;
        self.rows.extend(waiting.iter().map(|(bot, group)| {
            short.get(bot).map_or(u64::MAX, |number| u64::from(*group) << 32 | u64::from(*number))
        }));
        for (at, (bot, group)) in (first..).zip(&waiting) {
            if self.rows.get(at) == Some(&u64::MAX) {
                let number = match self.short.get(bot) {
                    Some(number) => *number,
                    None => {
                        let number = self.fresh(Bot::Short(bot.0, bot.1))?;
                        self.short.insert(*bot, number);
                        number
                    }
                };
                if let Some(row) = self.rows.get_mut(at) {
                    *row = u64::from(*group) << 32 | u64::from(number);
                }
            }
        }
        waiting.clear();
        self.waiting = waiting;
        if self.rows.len() >= ROWS {
            self.settle();
        }
        Some(())
    }

    /// Puts rows into their bitmaps, which take numbers in order much faster than at random.
    fn settle(&mut self) {
        self.rows.sort_unstable();
        for run in self.rows.chunk_by(|a, b| a >> 32 == b >> 32) {
            let at = run.first().map_or(0, |row| row >> 32) as usize;
            let Some(group) = self.groups.get_mut(at) else { continue };
            group.sightings += run.len() as u64;
            let numbers = run.chunk_by(|a, b| a == b).filter_map(|same| same.first()).map(|row| *row as u32);
            // Sorted, hence in order.
            if let Ok(more) = RoaringBitmap::from_sorted_iter(numbers) {
                group.bots |= more;
            }
        }
        self.rows.clear();
    }

    fn group(&mut self, row: &Row<'_>) -> Option<u32> {
        let (channel, place) = (self.channels.number(row.channel)?, self.places.number(row.place)?);
        let at = match self.before {
            Some((before, at)) if before == row.day => at,
            _ => self.day(row.day)?,
        };
        let groups = &mut self.groups;
        match self.by_day.get_mut(at)?.entry(u64::from(channel) << 32 | u64::from(place)) {
            Entry::Occupied(known) => Some(*known.get()),
            Entry::Vacant(new) => {
                let number = u32::try_from(groups.len()).ok().filter(|n| *n < u32::MAX)?;
                groups.push(Group { day: row.day, channel, place, bots: RoaringBitmap::new(), sightings: 0 });
                Some(*new.insert(number))
            }
        }
    }

    fn day(&mut self, day: i64) -> Option<usize> {
        if self.rows.len() >= ROWS_OF_A_DAY {
            self.number_waiting()?;
            self.settle();
        }
        let at = *self.days.entry(day).or_insert_with(|| {
            self.by_day.push(HashMap::default());
            self.by_day.len() - 1
        });
        self.before = Some((day, at));
        Some(at)
    }
}

/// `p:` and 32 lower-case hexadecimal digits as two numbers: one text, one pair.
fn pseudonym(bot: &str) -> Option<(u64, u64)> {
    let (quarters, rest) = bot.as_bytes().strip_prefix(b"p:")?.as_chunks::<8>();
    let ([a, b, c, d], []) = (quarters, rest) else { return None };
    Some((half(*a, *b)?, half(*c, *d)?))
}

fn half(high: [u8; 8], low: [u8; 8]) -> Option<u64> {
    Some(u64::from(eight(high)?) << 32 | u64::from(eight(low)?))
}

/// Eight lower-case hexadecimal digits as a number, all at once.
fn eight(digits: [u8; 8]) -> Option<u32> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_be_bytes(digits);
    // Letters have the bit of 64, and the lower half of `a` is 1.
    let value = (text & (15 * EACH)) + 9 * ((text >> 6) & EACH);
    let letter = ((value + 6 * EACH) >> 4) & EACH;
    // What is no digit is not what the value is written as, or has too large a value.
    let written = value + u64::from(b'0') * EACH + (u64::from(b'a' - b'0') - 10) * letter;
    if written != text || value & (0xf0 * EACH) != 0 {
        return None;
    }
    let pairs = (value | value >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some((fours | fours >> 16) as u32)
}

/// A pseudonym is the output of a cipher under a key that nobody outside has: its own bits spread it.
#[derive(Debug, Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0.rotate_left(5) ^ u64::from(*b)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(32) ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail")]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_pseudonym_is_thirty_two_lower_case_digits_and_nothing_else() {
        let good = "p:0123456789abcdef9876543210fedcba";
        assert_eq!(pseudonym(good), Some((0x0123_4567_89ab_cdef, 0x9876_5432_10fe_dcba)));
        assert_eq!(Bot::Short(0x0123_4567_89ab_cdef, 0x9876_5432_10fe_dcba).to_string(), good);
        // Every byte at every place, against what the standard library reads.
        for at in 2..good.len() {
            for byte in 0..128_u8 {
                let mut bytes = good.as_bytes().to_vec();
                bytes.splice(at..=at, [byte]);
                let text = String::from_utf8(bytes).unwrap_or_default();
                let digit = byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                let plain = u128::from_str_radix(text.get(2..).unwrap_or(""), 16).ok().filter(|_| digit);
                let expect = plain.map(|n| ((n >> 64) as u64, n as u64));
                assert_eq!(pseudonym(&text), expect, "{text}");
            }
        }
        for other in [
            "",
            "p:",
            "p:0",
            &good[..33],
            &format!("{good}0"),
            &good.replace("p:", "s:"),
            "p:0123456789abcdeé9876543210fedcb",
        ] {
            assert_eq!(pseudonym(other), None, "{other}");
        }
    }
    /// Against plain maps, with more rows than may wait, days in turn and in order, and names of both kinds.
    #[test]
    fn many_rows_gather_as_plain_maps_do() {
        let (mut gatherer, mut numbers) = (Gatherer::default(), BTreeMap::new());
        let mut plain: BTreeMap<_, (BTreeSet<u32>, u64)> = BTreeMap::new();
        let mut n = 7_u64;
        for i in 0..150_000_u64 {
            n = n.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            let (bot, more) = ((n >> 40) % 9_000, n >> 33);
            let text = if bot % 400 == 0 {
                format!("bot {bot}")
            } else {
                format!("p:{bot:016x}{i:016x}", i = bot * 3)
            };
            let day = if i < 80_000 { (i / 20_000) as i64 } else { (more % 3) as i64 };
            let (channel, place) =
                (format!("channel-{}.example", more % 7), ["DE", "BR", "ZZ"][(more % 3) as usize]);
            let row = Row { period: 202_601, day, bot: &text, channel: &channel, place };
            assert!(gatherer.push(&row).is_some());
            let next = numbers.len() as u32;
            let number = *numbers.entry(text).or_insert(next);
            let group = plain.entry((day, channel, place.to_owned())).or_default();
            group.0.insert(number);
            group.1 += 1;
        }
        let (days, named) = gatherer.finish().unwrap_or_default();
        assert!(
            days.iter().map(|g| (&g.day, &g.channel, &g.place)).eq(plain.keys().map(|(d, c, p)| (d, c, p)))
        );
        for (ours, (bots, sightings)) in days.iter().zip(plain.values()) {
            assert!(ours.bots.iter().eq(bots.iter().copied()));
            assert_eq!(ours.sightings, *sightings);
        }
        assert!(named.iter().map(|n| n.number).eq(0..numbers.len() as u32));
        assert!(named.iter().all(|n| numbers.get(&n.bot.to_string()) == Some(&n.number)));
    }
}
