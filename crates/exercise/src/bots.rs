//! The bots: each is a function of the seed and its number, and none is kept.

use crate::{
    Spec,
    calendar::{Calendar, DAY_0},
    channels::GROUPS,
    dice::{Dice, at, key},
    world::{COUNTRIES, NETWORKS, address, country},
};
use terms::{Day, MICROS_PER_DAY, MICROS_PER_SECOND, Timestamp};

/// The first six bots are hosts of the customer's network, one of each group.
pub(crate) const OFFICE_BOTS: u32 = 6;
/// The household of the customer's network: behind one address that never changes.
const OFFICE: u64 = u64::MAX;
/// No session begins so late that its calls would fall on the next day.
const LAST_SECOND: u64 = 86_400 - 120;

/// One victim's machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bot {
    pub(crate) index: u32,
    /// The raw id that the protocol carries; never 0.
    pub(crate) id: u64,
    pub(crate) country: usize,
    pub(crate) network: usize,
    pub(crate) group: usize,
    household: u64,
    joined: Timestamp,
    left: Timestamp,
    /// Chance of being switched on at all on a day, in a thousand.
    daily: u64,
    /// Second of the day (UTC) at which it is switched on, and for how long.
    on: u64,
    length: u64,
    /// Seconds between sessions.
    interval: u64,
}

impl Bot {
    pub(crate) fn alive(&self, t: Timestamp) -> bool {
        self.joined <= t && t < self.left
    }
    pub(crate) fn alive_on(&self, day: Day) -> bool {
        self.joined < day.plus(1).start() && self.left > day.start()
    }
    pub(crate) fn is_office(&self) -> bool {
        self.household == OFFICE
    }
}

/// All bots of an operation.
pub(crate) struct Roster {
    pub(crate) spec: Spec,
    pub(crate) calendar: Calendar,
    keys: Keys,
    office_country: usize,
    /// Addresses of a carrier's pool.
    pool: u64,
}

struct Keys {
    bot: u64,
    pair: u64,
    household: u64,
    day: u64,
    lease: u64,
    call: u64,
    cure: u64,
}

impl Roster {
    pub(crate) fn new(spec: &Spec) -> Self {
        let k = |kind| key(spec.seed, kind);
        Self {
            spec: spec.clone(),
            calendar: Calendar::of(spec),
            keys: Keys {
                bot: k("bot"),
                pair: k("pair"),
                household: k("household"),
                day: k("day"),
                lease: k("lease"),
                call: k("call"),
                cure: k("cure"),
            },
            office_country: COUNTRIES.iter().position(|c| c.code == "NL").unwrap_or(0),
            pool: u64::from(spec.bots / 800).max(4),
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Bot> {
        (0..self.spec.bots).map(|i| self.bot(i))
    }

    /// Bot number `index`.
    pub(crate) fn bot(&self, index: u32) -> Bot {
        let n = u64::from(index);
        let office = index < OFFICE_BOTS;
        // Some machines share a household with the next one.
        let shares = Dice::new(self.keys.pair, n / 2, 0).permille(160);
        let household = if office {
            OFFICE
        } else if shares {
            n & !1
        } else {
            n
        };
        let mut home = Dice::new(self.keys.household, household, 0);
        let country = home.weighted(COUNTRIES.iter().map(|c| c.weight));
        let network = home.weighted(NETWORKS.iter().map(|(share, _)| *share));
        let mut dice = Dice::new(self.keys.bot, n, 0);
        let group = dice.weighted(GROUPS.iter().map(|g| g.percent));
        let id = dice.next() | 1;
        let (joined, left) = self.life(&mut dice, office);
        let daily = match dice.below(10) {
            _ if office => 1_000,
            0..7 => 950,
            7..9 => 600,
            _ => 150,
        };
        let zone = if office { 1 } else { crate::world::country(country).zone };
        let (local, length) = (dice.between(6 * 3_600, 20 * 3_600), dice.between(2 * 3_600, 14 * 3_600));
        let (local, length) = if office { (8 * 3_600, 11 * 3_600) } else { (local, length) };
        let on = (local.cast_signed() - zone * 3_600).rem_euclid(86_400).unsigned_abs();
        let interval = dice.between(5_400, 14_400);
        let (country, network, group) = if office {
            (self.office_country, 1, usize::try_from(index).unwrap_or(0))
        } else {
            (country, network, group)
        };
        Bot { index, id, country, network, group, household, joined, left, daily, on, length, interval }
    }

    /// When a bot is infected and when its owner replaces the machine without being told.
    fn life(&self, dice: &mut Dice, office: bool) -> (Timestamp, Timestamp) {
        let window = u64::from(self.spec.days) * 86_400;
        let second = |s: u64| DAY_0.start().plus_micros(s.cast_signed() * MICROS_PER_SECOND);
        let (joins, leaves) = (dice.permille(60), dice.permille(30));
        let (a, b) = (dice.below(window * 9 / 10), dice.below(window));
        let joined = if joins && !office { second(a) } else { DAY_0.plus(-20).start() };
        let left = second(b);
        (joined, if leaves && !office && left > joined { left } else { DAY_0.plus(4_000).start() })
    }

    /// The times at which a bot calls home on a day: it walks its channels then. With each, its own choices.
    pub(crate) fn sessions(&self, bot: &Bot, day: Day, mut each: impl FnMut(u64, Timestamp, Dice)) {
        let mut dice = Dice::new(self.keys.day, u64::from(bot.index), u64::from(day.0.unsigned_abs()));
        if !dice.permille(bot.daily) {
            return;
        }
        let late = dice.below(1_800);
        for k in 0..=(bot.length / bot.interval) {
            let second = (bot.on + late + k * bot.interval + dice.below(bot.interval / 5)) % 86_400;
            let micros = (second.min(LAST_SECOND) * 1_000_000 + dice.below(1_000_000)).cast_signed();
            let t = day.start().plus_micros(micros);
            if bot.alive(t) {
                let what = (u64::from(day.0.unsigned_abs()) << 8) | k;
                each(k, t, Dice::new(self.keys.call, u64::from(bot.index), what));
            }
        }
    }

    /// Seconds of the day between which a bot is switched on (it may be past midnight, then it ends at midnight).
    pub(crate) fn window(&self, bot: &Bot) -> (u64, u64) {
        (bot.on, (bot.on + bot.length).min(LAST_SECOND))
    }

    /// The public address a bot calls from at `t`.
    pub(crate) fn address(&self, bot: &Bot, t: Timestamp) -> u32 {
        let lease = at(&NETWORKS, bot.network).1;
        let phase = Dice::new(self.keys.lease, bot.household, u64::MAX).below(lease);
        let hour = t.0.div_euclid(MICROS_PER_DAY / 24).unsigned_abs() + phase;
        let epoch = if bot.is_office() { 0 } else { hour / lease };
        let n = Dice::new(self.keys.lease, bot.household, epoch).next();
        let behind_carrier = bot.network == 0 && country(bot.country).carrier_nat;
        address(bot.country, bot.network, if behind_carrier { 1_000 + n % self.pool } else { n >> 20 })
    }

    /// In which percentage of cases a told owner of this country cleans the machine within the window.
    pub(crate) fn cure_percent(&self, country: usize) -> u64 {
        Dice::new(self.keys.cure, country as u64, u64::MAX).between(18, 42)
    }

    /// The day on which a told owner cleans a bot, if so: one to six days after the takedown.
    pub(crate) fn cured_on(&self, bot: &Bot) -> Option<Day> {
        let mut dice = Dice::new(self.keys.cure, u64::from(bot.index), 0);
        let days = i32::try_from(dice.between(1, 6)).unwrap_or(1);
        (dice.below(100) < self.cure_percent(bot.country)).then(|| self.calendar.strike_day().plus(days))
    }
}

/// One bit a bot.
pub(crate) struct Marks(Vec<u64>);

impl Marks {
    pub(crate) fn new(size: u32) -> Self {
        Self(vec![0; usize::try_from(size / 64 + 1).unwrap_or(1)])
    }
    /// Marks `n`; whether it was not marked before.
    pub(crate) fn mark(&mut self, n: u32) -> bool {
        let bit = 1u64 << (n % 64);
        let Some(word) = usize::try_from(n / 64).ok().and_then(|i| self.0.get_mut(i)) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}
