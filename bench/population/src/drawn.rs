//! The grid on which widths are set: each seed draws a world of its own, how many bots there are, how they are used,
//! how they come and go, what their networks do. Nothing here is shared with the other two grids, nor with the estimator.
//!
//! What is drawn is a belief about worlds before any is seen, and the reasons for it are these. Scales (windows, bots,
//! turnover, lives, leases) are drawn evenly on the logarithmic scale, since botnets differ in them by orders. Hardships
//! (spells of absence, weeks, trends, campaigns, clean-ups, lost calls, shared lines, renumbering) come together or not at all:
//! a world first draws how troubled it is, evenly from not at all to twice the mean, and each hardship is there with a
//! chance that goes by that. Leases are of what providers give: of random length, of a fixed one, or with a long tail; some
//! networks are carriers whose few addresses many share; bots may call more in one network than in another.
//!
//! Truth, as there, is how many bots are infected at noon (UTC) of each day.

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
    /// What was drawn, in short.
    pub told: String,
    pub days: usize,
    pub hits: Vec<Hit>,
    pub truth: Vec<u64>,
}

/// xoshiro256++ (Blackman and Vigna 2019), its state filled by a Weyl sequence.
struct Lot([u64; 4]);

impl Lot {
    fn of(seed: u64, what: u64) -> Self {
        let mut w =
            seed.wrapping_mul(0xd129_0d3d_1a2b_4f17).wrapping_add(what.wrapping_mul(0xa076_1d64_78bd_642f));
        let state = [0; 4].map(|_: u64| {
            w = w.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (w ^ (w >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
            let z = (z ^ (z >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
            z ^ (z >> 33)
        });
        Self(state)
    }
    fn whole(&mut self) -> u64 {
        let s = &mut self.0;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }
    fn unit(&mut self) -> f64 {
        ((self.whole() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
    fn is(&mut self, p: f64) -> bool {
        self.unit() < p
    }
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
    /// Evenly on the logarithmic scale.
    fn times(&mut self, low: f64, high: f64) -> f64 {
        (self.between(low.ln(), high.ln())).exp()
    }
    /// Something of 0 to `most` in a part of the worlds, else nothing.
    fn some(&mut self, worlds: f64, most: f64) -> f64 {
        let value = self.between(0.1, 1.0) * most;
        if self.is(worlds) { value } else { 0.0 }
    }
    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// How the bots of one world live.
struct Habits {
    bots: usize,
    days: usize,
    /// Kumaraswamy's two shapes for the share of days on which a machine is used.
    presence: (f64, f64),
    /// Share of machines in spells; median days off and on; deviation of their logarithms.
    spells: (f64, f64, f64, f64),
    /// Share of machines off at the week's end, share of those on then only, how strictly.
    weeks: (f64, f64, f64),
    /// Newly infected in a day, as a share of those of the first day; how this grows in a day.
    turnover: (f64, f64),
    /// Weibull's shape and scale in days.
    lives: (f64, f64),
    /// Share of machines that are cleaned within hours.
    brief: f64,
    /// Campaigns: day, size as a share of the first day's bots, days in which they fade.
    campaigns: Vec<(f64, f64, f64)>,
    /// A clean-up: day and share.
    cleaned: Option<(f64, f64)>,
    /// A sensor that lost a share of the calls on a day.
    lost: Option<(usize, f64)>,
    /// Share of lines with two machines.
    pairs: f64,
    networks: Vec<Network>,
    /// On a night, one network gives all of its lines new addresses.
    renumbered: Option<(f64, usize)>,
}

/// How one network gives out its addresses.
struct Network {
    /// Days of a lease, in the mean or always.
    lease: f64,
    /// How long one is: `Lease`.
    kind: Lease,
    /// Pauses between calls there, in times of those elsewhere.
    pause: f64,
}

#[derive(Clone, Copy)]
enum Lease {
    Random,
    Fixed,
    /// Pareto's, of this shape.
    Tail(f64),
    /// So many addresses, of which each lease is one.
    Carrier(u64),
}

impl Habits {
    fn drawn(seed: u64) -> Self {
        let lot = &mut Lot::of(seed, 0);
        let trouble = 2.0 * lot.unit();
        let days = lot.times(8.0, 57.0) as usize;
        let bots = lot.times(800.0, 9_000.0) as usize;
        let presence = (lot.times(0.9, 7.0), lot.times(0.3, 1.6));
        let spells =
            (lot.some(0.4 * trouble, 0.8), lot.times(1.5, 5.0), lot.times(3.0, 15.0), lot.between(0.2, 0.9));
        let weeks = (lot.some(0.35 * trouble, 0.6), lot.some(0.25 * trouble, 0.2), lot.between(0.85, 1.0));
        let sign = if lot.is(0.5) { -1.0 } else { 1.0 };
        let turnover = (lot.times(0.001, 0.08), lot.some(0.25 * trouble, 0.06) * sign);
        let lives = (lot.times(0.6, 1.8), lot.times(8.0, 250.0));
        let brief = lot.some(0.2 * trouble, 0.25);
        let span = days as f64;
        let many = (0..3).filter(|_| lot.is(0.25 * trouble)).count();
        let campaigns = (0..many)
            .map(|_| (span * lot.between(0.05, 0.9), lot.times(0.1, 0.9), lot.times(0.4, 5.0)))
            .collect();
        let cleaned = lot.is(0.15 * trouble).then(|| (span * lot.between(0.2, 0.8), lot.between(0.1, 0.6)));
        let lost = lot.is(0.2 * trouble).then(|| ((span * lot.unit()) as usize, lot.between(0.2, 0.9)));
        let pairs = lot.some(0.4 * trouble, 0.2);
        let networks: Vec<Network> =
            (0..2 + (lot.unit() * 4.0) as usize).map(|_| Network::drawn(lot, trouble, bots)).collect();
        let renumbered = lot
            .is(0.12 * trouble)
            .then(|| ((span * lot.unit()).floor() + 0.1, (lot.unit() * networks.len() as f64) as usize));
        Self {
            bots,
            days,
            presence,
            spells,
            weeks,
            turnover,
            lives,
            brief,
            campaigns,
            cleaned,
            lost,
            pairs,
            networks,
            renumbered,
        }
    }

    fn told(&self) -> String {
        let mut told = format!("{} days {} bots", self.days, self.bots);
        let mut add = |on: bool, text: &str| {
            if on {
                told.push(' ');
                told.push_str(text);
            }
        };
        add(self.spells.0 > 0.0, "spells");
        add(self.weeks.0 > 0.0, "office");
        add(self.weeks.1 > 0.0, "leisure");
        add(self.turnover.1 != 0.0, "trend");
        add(self.brief > 0.0, "brief");
        add(!self.campaigns.is_empty(), "campaigns");
        add(self.cleaned.is_some(), "cleaned");
        add(self.lost.is_some(), "lost");
        add(self.pairs > 0.0, "pairs");
        add(self.renumbered.is_some(), "renumbered");
        told
    }

    /// From when until when, in days, each bot is infected.
    fn lives(&self, seed: u64) -> Vec<(f64, f64)> {
        let lot = &mut Lot::of(seed, 1);
        let mut lives: Vec<(f64, f64)> = Vec::new();
        // Those of the first day came over the time before it, as far back as one lives.
        let far = self.lives.1 * 2.0;
        while lives.len() < self.bots {
            let start = -far * lot.unit();
            let end = start + self.life(lot);
            if end > 0.0 {
                lives.push((start, end));
            }
        }
        let per_day = self.turnover.0 * self.bots as f64;
        for day in 0..self.days {
            let many = per_day * (self.turnover.1 * day as f64).exp();
            let many = many as usize + usize::from(lot.is(many.fract()));
            for _ in 0..many {
                let start = day as f64 + lot.unit();
                lives.push((start, start + self.life(lot)));
            }
        }
        for (from, size, fade) in &self.campaigns {
            for _ in 0..(size * self.bots as f64) as usize {
                let start = from - fade * lot.unit().ln();
                lives.push((start, start + self.life(lot)));
            }
        }
        if let Some((day, share)) = self.cleaned {
            for life in &mut lives {
                if life.0 < day && day < life.1 && lot.is(share) {
                    life.1 = day + 0.5 * lot.unit();
                }
            }
        }
        lives
    }

    fn life(&self, lot: &mut Lot) -> f64 {
        if lot.is(self.brief) {
            lot.between(0.1, 1.5)
        } else {
            self.lives.1 * (-lot.unit().ln()).powf(1.0 / self.lives.0)
        }
    }

    /// On which days a machine is used.
    fn used(&self, lot: &mut Lot) -> Vec<bool> {
        let (a, b) = self.presence;
        let p = (1.0 - (1.0 - lot.unit()).powf(1.0 / b)).powf(1.0 / a).max(0.06);
        let keeps = lot.unit();
        let (office, leisure) = (keeps < self.weeks.0, keeps > 1.0 - self.weeks.1);
        let mut used: Vec<bool> = (0..self.days)
            .map(|day| {
                let weekend = (day + 2) % 7 < 2;
                let off = (office && weekend) || (leisure && !weekend);
                lot.is(p) && !(off && lot.is(self.weeks.2))
            })
            .collect();
        if lot.is(self.spells.0) {
            let (_, off, on, spread) = self.spells;
            let mut day = -60.0;
            while day < self.days as f64 {
                day += on * (spread * lot.normal()).exp();
                let back = day + off * (spread * lot.normal()).exp();
                let away = |d: usize| (d as f64) >= day && (d as f64) < back;
                used.iter_mut().enumerate().filter(|(d, _)| away(*d)).for_each(|(_, u)| *u = false);
                day = back;
            }
        }
        used
    }
}

impl Network {
    fn drawn(lot: &mut Lot, trouble: f64, bots: usize) -> Self {
        let kind = match lot.unit() {
            u if u < 0.4 => Lease::Random,
            u if u < 0.6 => Lease::Fixed,
            u if u < 0.85 => Lease::Tail(lot.between(0.6, 2.0)),
            _ => Lease::Carrier((bots as f64 / lot.times(15.0, 300.0)) as u64 + 1),
        };
        let lease = lot.times(0.2, 300.0);
        let pause = (lot.some(0.25 * trouble, 0.2) * lot.normal()).exp();
        Self { lease, kind, pause }
    }

    /// From when on a line has which address.
    fn addresses(&self, own: &mut Lot, days: f64) -> Vec<(f64, u64)> {
        let one = |own: &mut Lot| match self.kind {
            // The carrier's own, told from other networks' by its lease.
            Lease::Carrier(many) => self.lease.to_bits() ^ (own.whole() % many),
            _ => own.whole(),
        };
        let mut all = vec![(-1.0, one(own))];
        // A fixed lease is anywhere within its time when the window begins.
        let mut from = match self.kind {
            Lease::Fixed => -self.lease * own.unit(),
            _ => 0.0,
        };
        while from < days {
            from += match self.kind {
                Lease::Fixed => self.lease,
                Lease::Tail(shape) => 0.3 * self.lease.min(30.0) * own.unit().powf(-1.0 / shape),
                Lease::Random | Lease::Carrier(_) => -self.lease * own.unit().ln(),
            };
            if from > 0.0 {
                all.push((from, one(own)));
            }
        }
        all
    }
}

/// The world that a seed draws.
pub fn world(seed: u64) -> World {
    let habits = Habits::drawn(seed);
    let mut truth = vec![0; habits.days];
    let mut hits = Vec::new();
    let mut line = 0u64;
    let mut second_of_line = false;
    for (bot, (start, stop)) in habits.lives(seed).into_iter().enumerate() {
        let lot = &mut Lot::of(seed, 10 + bot as u64);
        for (day, sum) in truth.iter_mut().enumerate() {
            let noon = day as f64 + 0.5;
            *sum += u64::from(start <= noon && noon < stop);
        }
        second_of_line = !second_of_line && lot.is(habits.pairs);
        line += u64::from(!second_of_line);
        let own = &mut Lot::of(seed ^ 0xadd7, line);
        let network = (own.unit() * habits.networks.len() as f64) as usize;
        let at_home = &habits.networks[network];
        let addresses = at_home.addresses(own, habits.days as f64);
        let renumbered =
            habits.renumbered.filter(|(_, n)| *n == network).map(|(night, _)| (night, own.whole()));
        let kind = (18.0 * lot.unit().powf(1.5)) as u16;
        let (begin, length, pause) =
            (lot.unit(), lot.times(0.05, 0.5), lot.times(0.02, 0.12) * at_home.pause);
        let used = habits.used(lot);
        for day in (0..habits.days).filter(|day| used[*day]) {
            let mut t = day as f64 + (begin + 0.06 * lot.unit()) % 1.0;
            let off = t + length;
            while t < off {
                let today = t as usize;
                let lost = habits.lost.is_some_and(|(d, share)| d == today && lot.is(share));
                if t >= start && t < stop && today < habits.days && !lost {
                    let at = addresses.partition_point(|(from, _)| *from <= t).saturating_sub(1);
                    // Whoever has the old address later is of another line: the new one is made of it.
                    let moved = renumbered.map_or(0, |(night, new)| if t >= night { new } else { 0 });
                    hits.push(Hit {
                        bot: bot as u64,
                        day: today,
                        second: (t.fract() * 86_400.0) as u32,
                        address: addresses[at].1 ^ moved,
                        network: network as u32,
                        kind,
                    });
                }
                t += pause * (0.8 + 0.4 * lot.unit());
            }
        }
    }
    World { told: habits.told(), days: habits.days, hits, truth }
}
