//! The second grid: populations that live otherwise than the estimator supposes. Nothing here is shared with it, nor
//! with crate `exercise`: own chance, own lives, own leases.
//!
//! Truth, as in the first grid, is how many bots are infected at noon (UTC) of each day.

/// What is out of the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Leases with a Pareto tail: most last hours, some for ever.
    HeavyLeases,
    /// Office machines off at night and on weekends, homes on in the evening, in five time zones.
    Cycles,
    /// On the night of the middle day a provider with half of the lines gives all of them new addresses.
    Renumbered,
    /// Most bots are infected within two days of a campaign; lives are Weibull's with a shape of .6.
    Bursts,
    /// Machines are on for days and off for days: spells, not days of their own.
    Spells,
    /// All of these at once.
    Everything,
}

pub const ALL: [Process; 6] = [
    Process::HeavyLeases,
    Process::Cycles,
    Process::Renumbered,
    Process::Bursts,
    Process::Spells,
    Process::Everything,
];

/// One call.
pub struct Hit {
    pub bot: u64,
    pub day: usize,
    pub second: u32,
    pub address: u64,
    pub network: u32,
    pub kind: u16,
}

/// What happened.
pub struct World {
    pub hits: Vec<Hit>,
    pub truth: Vec<u64>,
}

/// PCG (O'Neill 2014), the output of 32 bits twice.
struct Chance(u64);

impl Chance {
    fn of(seed: u64, what: u64) -> Self {
        let mut chance =
            Self(seed.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ what.wrapping_mul(0xda94_2042_e4dd_58b5));
        for _ in 0..3 {
            chance.half();
        }
        chance
    }
    fn half(&mut self) -> u64 {
        let old = self.0;
        self.0 = old.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (((old >> 18) ^ old) >> 27) as u32;
        u64::from(mixed.rotate_right((old >> 59) as u32))
    }
    fn whole(&mut self) -> u64 {
        self.half() << 32 | self.half()
    }
    /// Above 0, below 1.
    fn unit(&mut self) -> f64 {
        (self.half() as f64 + 0.5) / 4_294_967_296.0
    }
    fn is(&mut self, p: f64) -> bool {
        self.unit() < p
    }
    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().ln()
    }
}

const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;

/// The world of `process` with about `bots` infected, over `days` days.
pub fn world(process: Process, seed: u64, bots: usize, days: usize) -> World {
    let is = |p: Process| process == p || process == Process::Everything;
    let mut truth = vec![0; days];
    let mut hits = Vec::new();
    let end = days as f64 * DAY;
    // With bursts most come within the window; else a steady turnover of two in a hundred a day.
    let total = if is(Process::Bursts) { bots * 2 } else { bots + bots * days / 50 };
    let mut line = 0u64;
    let mut left_in_line = 0u32;
    for bot in 0..total as u64 {
        let mut chance = Chance::of(seed, bot + 1);
        if left_in_line == 0 {
            line += 1;
            // Homes with more than one infected machine: each further one with a chance of one in eight.
            left_in_line = 1;
            while chance.is(0.125) {
                left_in_line += 1;
            }
        }
        left_in_line -= 1;
        let (start, stop) = life(&mut chance, is(Process::Bursts), bot as usize, bots, end);
        for (day, sum) in truth.iter_mut().enumerate() {
            let noon = (day as f64 + 0.5) * DAY;
            *sum += u64::from(start <= noon && noon < stop);
        }
        let mut own = Chance::of(seed ^ 0x11e5, line);
        let network = (own.unit() * 4.0) as u32;
        let addresses = leases(&mut own, network, is(Process::HeavyLeases), is(Process::Renumbered), end);
        let kind = (24.0 * chance.unit() * chance.unit()) as u16;
        let machine = Machine::new(&mut chance, is(Process::Cycles), is(Process::Spells));
        let mut on_spell = chance.is(machine.presence);
        for day in 0..days {
            on_spell = machine.next(&mut chance, on_spell);
            let Some((on, length)) = machine.hours(&mut chance, day, on_spell) else { continue };
            let mut t = day as f64 * DAY + on;
            let off = t + length;
            while t < off {
                if t >= start && t < stop && t < end {
                    let at = addresses.partition_point(|(from, _)| *from <= t).saturating_sub(1);
                    hits.push(Hit {
                        bot,
                        day: (t / DAY) as usize,
                        second: (t % DAY) as u32,
                        address: addresses[at].1,
                        network,
                        kind,
                    });
                }
                t += machine.interval * (0.9 + 0.2 * chance.unit());
            }
        }
    }
    World { hits, truth }
}

/// From when until when a machine is infected.
fn life(chance: &mut Chance, bursty: bool, bot: usize, bots: usize, end: f64) -> (f64, f64) {
    if bursty {
        // A third were there before; two campaigns bring the others.
        let start = match bot % 3 {
            0 => -20.0 * DAY * chance.unit(),
            1 => 0.3 * end + 2.0 * DAY * chance.unit(),
            _ => 0.7 * end + 1.5 * DAY * chance.unit(),
        };
        let lives = 25.0 * DAY * (-chance.unit().ln()).powf(1.0 / 0.6);
        (start, start + lives)
    } else if bot < bots {
        (0.0, chance.exponential(50.0 * DAY))
    } else {
        let start = end * chance.unit();
        (start, start + chance.exponential(50.0 * DAY))
    }
}

/// From when on a line has which address.
fn leases(chance: &mut Chance, network: u32, heavy: bool, renumbered: bool, end: f64) -> Vec<(f64, u64)> {
    let mut all = vec![(-DAY, chance.whole() | 1)];
    let mut t = 0.0;
    let mean = [20.0, 60.0, 8.0, 1.0][network as usize % 4] * DAY;
    while t < end && all.len() < 400 {
        t += if heavy {
            // Pareto: shortest 6 hours (2 days in the first two networks), tail index 1.1.
            let least = if network < 2 { 48.0 } else { 6.0 };
            least * HOUR * chance.unit().powf(-1.0 / 1.1)
        } else {
            chance.exponential(mean)
        };
        all.push((t, chance.whole() | 1));
    }
    if renumbered && network < 2 {
        let night = (end / DAY / 2.0).floor() * DAY + 2.0 * HOUR;
        all.push((night, chance.whole() | 1));
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    all
}

/// How a machine is used.
struct Machine {
    /// Share of the days on which it is on.
    presence: f64,
    office: bool,
    cycles: bool,
    spells: bool,
    /// Hours by which its clock is before UTC.
    zone: f64,
    begin: f64,
    length: f64,
    interval: f64,
}

impl Machine {
    fn new(chance: &mut Chance, cycles: bool, spells: bool) -> Self {
        let office = chance.is(0.4);
        // Most on nearly daily, with a long tail of those on now and then.
        let presence = 0.08 + 0.9 * chance.unit().powf(0.4);
        let zone = [-6.0, -3.0, 0.0, 1.0, 8.0][(chance.unit() * 5.0) as usize % 5];
        let begin = if cycles { if office { 8.0 } else { 17.0 } } else { 24.0 * chance.unit() };
        let length = if cycles && office { 9.0 } else { 3.0 + 9.0 * chance.unit() };
        let interval = HOUR * (1.0 + chance.unit());
        Self { presence, office, cycles, spells, zone, begin, length, interval }
    }

    /// Whether it is in a spell of days on which it is used.
    fn next(&self, chance: &mut Chance, on: bool) -> bool {
        // Spells off last five days in the mean.
        let back = 0.2;
        let away = back * (1.0 - self.presence) / self.presence;
        if on { !chance.is(away.min(1.0)) } else { chance.is(back) }
    }

    /// Second of the day (UTC) and how long, if it is on.
    fn hours(&self, chance: &mut Chance, day: usize, spell: bool) -> Option<(f64, f64)> {
        let on = if self.spells { spell } else { chance.is(self.presence) };
        let weekend = day % 7 >= 5;
        let kept = !(self.cycles && weekend) || !self.office || chance.is(0.08);
        let begin = (self.begin - self.zone + 2.0 * chance.unit()).rem_euclid(24.0);
        let longer = if self.cycles && weekend && !self.office { 3.0 } else { 0.0 };
        (on && kept).then_some((begin * HOUR, (self.length + longer) * HOUR))
    }
}
