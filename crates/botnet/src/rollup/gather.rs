//! Numbering bots and gathering their days. Plain values in and out, so that a benchmark can take it without the tables.

use roaring::RoaringBitmap;
use std::collections::{BTreeMap, HashMap};
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
    pub bot: String,
}

/// Numbers bots and gathers their days.
#[derive(Debug, Default)]
pub struct Gatherer {
    periods: BTreeMap<i32, Period>,
}

#[derive(Debug, Default)]
struct Period {
    /// Pseudonyms of 128 bits, as the home writes them.
    short: HashMap<(u64, u64), u32, BuildHasherDefault<Mixed>>,
    /// Whatever else names a bot.
    other: HashMap<String, u32>,
    /// The next number.
    next: u64,
    fresh: Vec<(u32, String)>,
    channels: Texts,
    places: Texts,
    days: BTreeMap<i64, usize>,
    /// For each day, by the numbers of channel and place in one.
    groups: Vec<HashMap<u64, Group, BuildHasherDefault<Mixed>>>,
    /// The day of the row before and where its groups are: rows lie in order of time.
    before: Option<(i64, usize)>,
}

/// Texts by number.
#[derive(Debug, Default)]
struct Texts {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
    /// Numbers that were looked up lately, by a cheap look at the text; 0 is none, else one more than the number.
    lately: Vec<u32>,
}

/// Places of [`Texts::lately`].
const LATELY: usize = 1_024;

impl Texts {
    fn number(&mut self, text: &str) -> Option<u32> {
        self.lately.resize(LATELY, 0);
        let at = text.bytes().fold(text.len() as u32, |all, b| all.wrapping_mul(31).wrapping_add(b.into()));
        let at = at as usize % LATELY;
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

    fn name(&self, number: u64) -> String {
        usize::try_from(number).ok().and_then(|n| self.names.get(n)).cloned().unwrap_or_default()
    }
}

/// What waits is sorted in when there is enough of it: a bitmap takes numbers in order much faster than at random.
#[derive(Debug, Default)]
struct Group {
    bots: RoaringBitmap,
    waiting: Vec<u32>,
    sightings: u64,
}

/// Numbers that wait before they are sorted into a bitmap.
const WAITING: usize = 4_096;

impl Group {
    fn settle(&mut self) {
        self.waiting.sort_unstable();
        self.waiting.dedup();
        // Sorted, hence in order.
        if let Ok(more) = RoaringBitmap::from_sorted_iter(self.waiting.drain(..)) {
            self.bots |= more;
        }
    }
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

    /// Takes in a sighting. Nothing where the period has no number left for its bot.
    pub fn push(&mut self, row: &Row<'_>) -> Option<()> {
        let of = self.periods.entry(row.period).or_default();
        let number = of.number(row.bot)?;
        let channel = of.channels.number(row.channel)?;
        let place = of.places.number(row.place)?;
        let day = of.day(row.day);
        let group = of.groups.get_mut(day)?.entry((u64::from(channel) << 32) | u64::from(place)).or_default();
        group.sightings += 1;
        group.waiting.push(number);
        if group.waiting.len() >= WAITING {
            group.settle();
        }
        Some(())
    }

    /// Days in the order period, day, channel, place; numbers that are new in the order period, number.
    pub fn finish(self) -> (Vec<Gathered>, Vec<Named>) {
        let (mut days, mut named) = (Vec::new(), Vec::new());
        for (period, mut of) in self.periods {
            for (day, at) in of.days {
                for (key, mut group) in of.groups.get_mut(at).map(std::mem::take).unwrap_or_default() {
                    group.settle();
                    let Group { bots, sightings, .. } = group;
                    let (channel, place) = (of.channels.name(key >> 32), of.places.name(key & 0xffff_ffff));
                    days.push(Gathered { period, day, channel, place, bots, sightings });
                }
            }
            named.extend(of.fresh.into_iter().map(|(number, bot)| Named { period, number, bot }));
        }
        days.sort_unstable_by(|a, b| {
            (a.period, a.day, &a.channel, &a.place).cmp(&(b.period, b.day, &b.channel, &b.place))
        });
        (days, named)
    }
}

impl Period {
    fn number(&mut self, bot: &str) -> Option<u32> {
        let short = pseudonym(bot);
        let known = match short {
            Some(short) => self.short.get(&short),
            None => self.other.get(bot),
        };
        if let Some(number) = known {
            return Some(*number);
        }
        let number = u32::try_from(self.next).ok()?;
        self.next += 1;
        match short {
            Some(short) => self.short.insert(short, number),
            None => self.other.insert(bot.to_owned(), number),
        };
        self.fresh.push((number, bot.to_owned()));
        Some(number)
    }

    fn day(&mut self, day: i64) -> usize {
        if let Some((before, at)) = self.before
            && before == day
        {
            return at;
        }
        let at = *self.days.entry(day).or_insert_with(|| {
            self.groups.push(HashMap::default());
            self.groups.len() - 1
        });
        self.before = Some((day, at));
        at
    }
}

/// `p:` and 32 lower-case hexadecimal digits as two numbers: one text, one pair.
fn pseudonym(bot: &str) -> Option<(u64, u64)> {
    let digits = bot.strip_prefix("p:").filter(|d| d.len() == 32)?;
    let (high, low) = digits.as_bytes().split_at_checked(16)?;
    Some((half(high)?, half(low)?))
}

fn half(digits: &[u8]) -> Option<u64> {
    let (mut all, mut wrong) = (0_u64, 0_u8);
    for b in digits {
        // The mark of a byte that is no digit outlives the loop, so that the loop has no branch.
        let digit = DIGITS.get(usize::from(*b)).copied().unwrap_or(0xff);
        wrong |= digit;
        all = (all << 4) | u64::from(digit & 15);
    }
    (wrong < 16).then_some(all)
}

/// What each byte is as a lower-case hexadecimal digit; 255 where it is none.
static DIGITS: [u8; 256] = {
    let mut all = [0xff_u8; 256];
    let mut i = 0;
    #[expect(
        clippy::indexing_slicing,
        reason = "computed while compiling: what does not fit does not compile"
    )]
    while i < 16 {
        all[b"0123456789abcdef"[i] as usize] = i as u8;
        i += 1;
    }
    all
};

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
