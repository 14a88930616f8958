//! Calls of a population whose size is known day by day: for judging who counts it.
//!
//! Bots are infected and cured, are switched off at night and on some days, share addresses and change them. Truth is
//! how many are infected at noon (UTC) of each day. Here: a population in memory, call by call; elsewhere: a whole
//! operation with its files (`generate`).
//! A spec gives the same calls on every machine, in the order of bots.

use crate::dice::{Dice, at, key};

/// On which days, and for how long on them, machines are switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// On 95 % of the days.
    Steady,
    /// 70 % of machines on 95 % of the days, 20 % on 60 %, 10 % on 15 %.
    Mixed,
    /// Each machine on its own share of the days, from 10 % to 60 %.
    Seldom,
    /// As `Mixed`; and 40 % of machines are in use for one to three weeks and then away for two to nine days, in turn.
    Away,
    /// As `Mixed`; and half of the machines are off on two days of each week, the same for all.
    Office,
}

/// How long a line keeps its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// For the whole time.
    Fixed,
    /// A month in one network, a week in the other.
    Long,
    /// Five networks: 24, 96, 12, 720 and 6 hours.
    Mixed,
    /// A day, everywhere.
    Day,
}

/// Who shares an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// Nobody.
    Nobody,
    /// 16 % of pairs of machines live behind one line.
    Homes,
    /// As `Homes`; and the lines of the first network stand behind a carrier's few addresses.
    Carrier,
}

/// What population is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChurnSpec {
    /// Chooses all that is left to chance.
    pub seed: u64,
    /// Bots on the first day.
    pub bots: u32,
    /// Days, at most 62.
    pub days: u32,
    /// Of a thousand bots, how many are cured in a day; as many are newly infected.
    pub cured: u32,
    /// The duty cycle.
    pub duty: Duty,
    /// The lives of addresses.
    pub lease: Lease,
    /// Shared addresses.
    pub shared: Shared,
}

/// One call of one bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Seconds since the start of the first day.
    pub second: u32,
    /// The bot.
    pub bot: u64,
    /// The public address it calls from.
    pub address: u64,
    /// The network that the address belongs to.
    pub network: u32,
    /// What the call shows of the machine beside its address (a kind of user agent), one of 40.
    pub kind: u16,
}

/// Share of lines in percent, hours of a lease.
type Networks = &'static [(u64, u64)];
const FIXED: Networks = &[(60, 1_000_000), (40, 1_000_000)];
const LONG: Networks = &[(60, 720), (40, 168)];
const MIXED: Networks = &[(42, 24), (26, 96), (16, 12), (10, 720), (6, 6)];
const DAY: Networks = &[(60, 24), (40, 24)];
/// Kinds of machines, in no even shares.
const KINDS: u64 = 40;

/// Makes all calls, and says how many bots are infected at noon of each day.
pub fn churn(spec: &ChurnSpec, mut each: impl FnMut(Call)) -> Vec<u64> {
    let [lives, homes, lines, leases, dailies, offs] =
        ["life", "home", "line", "lease", "day", "off"].map(|k| key(spec.seed, k));
    let days = spec.days.min(62);
    let window = u64::from(days) * 86_400;
    let networks = match spec.lease {
        Lease::Fixed => FIXED,
        Lease::Long => LONG,
        Lease::Mixed => MIXED,
        Lease::Day => DAY,
    };
    let newly = u64::from(spec.bots) * u64::from(spec.cured) / 1_000 * u64::from(days);
    let pool = u64::from(spec.bots / 800).max(4);
    let mut truth = vec![0; days as usize];
    for n in 0..u64::from(spec.bots) + newly {
        let mut dice = Dice::new(lives, n, 0);
        let joined = if n < u64::from(spec.bots) { 0 } else { dice.below(window) };
        let left = joined + life(&mut dice, spec.cured, window);
        for (day, sum) in truth.iter_mut().enumerate() {
            let noon = day as u64 * 86_400 + 43_200;
            *sum += u64::from(joined <= noon && noon < left);
        }
        let paired = spec.shared != Shared::Nobody && Dice::new(homes, n / 2, 0).permille(160);
        let line = if paired { n & !1 } else { n };
        let mut home = Dice::new(lines, line, 0);
        let network = home.weighted(networks.iter().map(|n| n.0));
        let lease = at(networks, network).1;
        let phase = home.below(lease);
        let daily = daily(&mut dice, spec.duty);
        let off = off(Dice::new(offs, n, 0), spec.duty);
        let (on, length) = (dice.below(86_400), dice.between(2 * 3_600, 14 * 3_600));
        let interval = dice.between(5_400, 14_400);
        let kind = u16::try_from(dice.below(KINDS).min(dice.below(KINDS))).unwrap_or(0);
        for day in 0..u64::from(days) {
            let mut today = Dice::new(dailies, n, day);
            if !today.permille(daily) || off >> day & 1 == 1 {
                continue;
            }
            let late = today.below(1_800);
            for k in 0..=(length / interval) {
                let moment = on + late + k * interval + today.below(interval / 5);
                let second = day * 86_400 + moment % 86_400;
                if second < joined || second >= left {
                    continue;
                }
                let epoch = (second / 3_600 + phase) / lease;
                let lot = Dice::new(leases, line, epoch).next();
                let carried = spec.shared == Shared::Carrier && network == 0;
                let address = if carried { lot % pool } else { lot | 1 << 63 };
                each(Call {
                    second: u32::try_from(second).unwrap_or(u32::MAX),
                    bot: n + 1,
                    address,
                    network: u32::try_from(network).unwrap_or(0),
                    kind,
                });
            }
        }
    }
    truth
}

/// Seconds until a bot is cured.
fn life(dice: &mut Dice, cured: u32, window: u64) -> u64 {
    let days = (0..window / 86_400).take_while(|_| !dice.permille(u64::from(cured))).count() as u64;
    // Without a cure within the window: past its end.
    if days >= window / 86_400 { window * 2 } else { days * 86_400 + dice.below(86_400) }
}

/// Days of a thousand on which a machine is switched on.
fn daily(dice: &mut Dice, duty: Duty) -> u64 {
    let lot = dice.below(10);
    let any = dice.between(100, 600);
    match duty {
        Duty::Steady => 950,
        Duty::Seldom => any,
        _ if lot < 7 => 950,
        _ if lot < 9 => 600,
        _ => 150,
    }
}

/// Days on which a machine is not in use at all, one bit each.
fn off(mut dice: Dice, duty: Duty) -> u64 {
    match duty {
        Duty::Away if dice.permille(400) => {
            let (mut map, mut day) = (0, dice.below(30));
            // It has been so for long: the first day is any of its turns.
            while day < 30 + 62 {
                let away = dice.between(2, 9);
                map |= (day..day + away).filter(|d| (30..92).contains(d)).fold(0, |m, d| m | 1 << (d - 30));
                day += away + dice.between(7, 21);
            }
            map
        }
        Duty::Office if dice.permille(500) => (0..62).filter(|d| d % 7 >= 5).fold(0, |m, d| m | 1 << d),
        _ => 0,
    }
}
