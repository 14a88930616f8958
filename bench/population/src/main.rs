//! How near the counts of the infected come to the truth: `cargo run --release -p comity-bench-population` in `bench/`;
//! `--small` takes seconds, `--first` leaves the second grid out, `--second` the first, `--drawn` takes the third alone, `--seed N` takes other populations, `--million` counts
//! a million bots over 28 days and says how long that took.
//!
//! Three grids of generated populations, reported apart. The first, from crate `exercise`, is churn × duty cycle (× lease
//! × shared addresses where there are only addresses). The second (`wild`) shares no code with the estimator and was not
//! used to set anything. In the third (`drawn`, only with `--drawn`) each seed draws a way to live of its own: widths of
//! intervals were set on its seeds below 300 (`weights`: `--signs`, `--weights`, `--check`); it is judged on others.
//! With a coverage stands its standard error, as if cells were independent; cells of one process are less than that.
//! Bars, for each of the first two grids: median absolute relative error at most 10 %, intervals of level 90 % hold the truth in 85 to
//! 95 of 100 cells, at most 20 % of cells refused. What is judged is the population at noon in the mean of the window's
//! days; the error of the last day alone is printed beside it. Exit 1 below the bars.

#[path = "../../../crates/exercise/src/churn.rs"]
mod churn;
#[path = "../../../crates/exercise/src/dice.rs"]
#[allow(dead_code)]
mod dice;
mod drawn;
#[path = "../../figure.rs"]
#[allow(dead_code, reason = "not every program has every kind of line")]
mod figure;
#[path = "../../../crates/botnet/src/population/mod.rs"]
#[allow(dead_code, unused_imports)]
mod population;
mod weights;
mod wild;

use churn::{ChurnSpec, Duty, Lease, Shared, churn};
use population::{Addresses, Contact, Count, Histories, Refusal, count_addresses, count_ids};
use std::collections::HashMap;
use std::process::ExitCode;

const LEVEL: f64 = 0.9;

fn main() -> ExitCode {
    if std::env::args().any(|a| a == "--million") {
        million();
        return ExitCode::SUCCESS;
    }
    let args: Vec<String> = std::env::args().collect();
    let behind = |name: &str| {
        let rest = args.iter().skip_while(move |a| *a != name).skip(1);
        rest.take_while(|a| !a.starts_with("--")).cloned().collect::<Vec<String>>()
    };
    if let [from, until, ..] = &behind("--signs")[..] {
        let number = |text: &String| text.parse().unwrap_or(0);
        for seed in number(from)..number(until) {
            for (grid, ids) in [("ids", true), ("addresses", false)] {
                third(seed..seed + 1, ids).iter().for_each(|row| weights::print(grid, seed, row));
            }
        }
        return ExitCode::SUCCESS;
    }
    if args.iter().any(|a| a == "--weights") {
        return match weights::fit_files(&behind("--weights"), &behind("--check")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        };
    }
    let small = std::env::args().any(|a| a == "--small");
    let seed = std::env::args().skip_while(|a| a != "--seed").nth(1).and_then(|s| s.parse().ok());
    let first = std::env::args().any(|a| a == "--first");
    let second_alone = std::env::args().any(|a| a == "--second");
    let size = Size::new(small, seed.unwrap_or(1));
    println!(
        "{:<58} {:>8} {:>8} {:>17} {:>7} {:>7}  held",
        "cell", "truth", "count", "interval", "error", "last"
    );
    let mut good = true;
    if std::env::args().any(|a| a == "--drawn") {
        let seeds = 1_000 * seed.unwrap_or(1)..1_000 * seed.unwrap_or(1) + if small { 12 } else { 100 };
        good &= Grid::judge("third grid, ids", third(seeds.clone(), true));
        good &= Grid::judge("third grid, addresses", third(seeds, false));
        return if good { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if !second_alone {
        good &= Grid::judge("first grid, ids", first_ids(&size));
        good &= Grid::judge("first grid, addresses", first_addresses(&size));
    }
    if !first {
        good &= Grid::judge("second grid, ids", second(&size, true));
        good &= Grid::judge("second grid, addresses", second(&size, false));
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Size {
    seeds: Vec<u64>,
    bots: u32,
    days: Vec<u32>,
}

impl Size {
    fn new(small: bool, from: u64) -> Self {
        if small {
            Self { seeds: vec![from], bots: 2_500, days: vec![14] }
        } else {
            Self { seeds: vec![from, from + 1], bots: 6_000, days: vec![14, 28] }
        }
    }
}

/// One cell's result.
struct Row {
    cell: String,
    truth: f64,
    last: f64,
    /// Distinct addresses (or ids) over the truth: the naive count.
    naive: f64,
    count: Result<Count, Refusal>,
}

impl Row {
    fn new(cell: String, truth: &[u64], naive: usize, count: Result<Count, Refusal>) -> Self {
        let mean = truth.iter().sum::<u64>() as f64 / truth.len() as f64;
        Self { cell, truth: mean, last: truth[truth.len() - 1] as f64, naive: naive as f64 / mean, count }
    }
}

struct Grid;

impl Grid {
    /// Prints a grid and holds it against the bars.
    fn judge(name: &str, rows: Vec<Row>) -> bool {
        println!("\n{name}");
        let (mut errors, mut held, mut refused, mut naive) = (Vec::new(), 0usize, 0usize, Vec::new());
        let (mut days, mut days_held, mut widths) = (0usize, 0usize, Vec::new());
        for row in &rows {
            naive.push(row.naive);
            match &row.count {
                Err(why) => {
                    refused += 1;
                    println!("{:<58} {:>8.0} refused {}: {why}", row.cell, row.truth, why.code());
                }
                Ok(count) => {
                    let e = &count.mean;
                    let error = e.bots / row.truth - 1.0;
                    let inside = e.lower <= row.truth && row.truth <= e.upper;
                    let last = count.days.last().map_or(f64::NAN, |d| d.bots / row.last - 1.0);
                    days += 1;
                    days_held += usize::from(
                        count.days.last().is_some_and(|d| d.lower <= row.last && row.last <= d.upper),
                    );
                    errors.push(error.abs());
                    widths.push((e.upper - e.lower) / e.bots);
                    held += usize::from(inside);
                    println!(
                        "{:<58} {:>8.0} {:>8.0} {:>8.0}–{:<8.0} {:>+6.1}% {:>+6.1}%  {} hidden {:.3} misfit {:.1}",
                        row.cell,
                        row.truth,
                        e.bots,
                        e.lower,
                        e.upper,
                        100.0 * error,
                        100.0 * last,
                        if inside { "yes" } else { "NO" },
                        count.hidden,
                        count.misfit
                    );
                }
            }
        }
        errors.sort_by(f64::total_cmp);
        naive.sort_by(f64::total_cmp);
        widths.sort_by(f64::total_cmp);
        let at = |part: f64| errors.get((errors.len() as f64 * part) as usize).copied().unwrap_or(1.0);
        let coverage = held as f64 / errors.len().max(1) as f64;
        let share = refused as f64 / rows.len().max(1) as f64;
        println!(
            "{name}: {} cells; median error {:.1} %, nine in ten below {:.1} %; 90 % intervals held {:.1} % ± {:.1} (last day alone {:.1} %), in the median {:.1} % of the count wide; refused {:.1} %; distinct seen over truth, median {:.1}, most {:.1}",
            rows.len(),
            100.0 * at(0.5),
            100.0 * at(0.9),
            100.0 * coverage,
            100.0 * (coverage * (1.0 - coverage) / errors.len().max(1) as f64).sqrt(),
            100.0 * days_held as f64 / days.max(1) as f64,
            100.0 * widths.get(widths.len() / 2).copied().unwrap_or(0.0),
            100.0 * share,
            naive.get(naive.len() / 2).copied().unwrap_or(0.0),
            naive.last().copied().unwrap_or(0.0),
        );
        let good = at(0.5) <= 0.10 && (0.85..=0.95).contains(&coverage) && share <= 0.20;
        println!("{name}: {}", if good { "bars reached" } else { "BARS NOT REACHED" });
        good
    }
}

fn first_ids(size: &Size) -> Vec<Row> {
    let mut rows = Vec::new();
    for &seed in &size.seeds {
        for &days in &size.days {
            for duty in [Duty::Steady, Duty::Mixed, Duty::Seldom, Duty::Away, Duty::Office] {
                for cured in [0, 20, 60] {
                    for bots in [size.bots / 4, size.bots * 2] {
                        let (lease, shared) = (Lease::Mixed, Shared::Homes);
                        let seed = seed.wrapping_mul(7_919) + rows.len() as u64;
                        let spec = ChurnSpec { seed, bots, days, cured, duty, lease, shared };
                        let mut maps: HashMap<u64, u64> = HashMap::new();
                        let truth =
                            churn(&spec, |c| *maps.entry(c.bot).or_default() |= 1 << (c.second / 86_400));
                        let mut seen = Histories::new(days as usize);
                        maps.values().for_each(|&map| seen.add(map));
                        let cell = format!("{days} days, {bots} bots, {duty:?}, {cured} ‰ cured a day");
                        rows.push(Row::new(cell, &truth, maps.len(), count_ids(&seen, LEVEL)));
                    }
                }
            }
        }
    }
    rows
}

fn first_addresses(size: &Size) -> Vec<Row> {
    let mut rows = Vec::new();
    let days = 28;
    for &seed in &size.seeds {
        for lease in [Lease::Fixed, Lease::Long, Lease::Mixed, Lease::Day] {
            for shared in [Shared::Nobody, Shared::Homes, Shared::Carrier] {
                for duty in [Duty::Steady, Duty::Mixed, Duty::Seldom, Duty::Away] {
                    // Where every lease is a day long nothing can be told: a cell for each is enough.
                    let churns: &[u32] = if lease == Lease::Day { &[20] } else { &[0, 30] };
                    for &cured in churns {
                        let seed = seed.wrapping_mul(6_007) + rows.len() as u64;
                        let spec = ChurnSpec { seed, bots: size.bots, days, cured, duty, lease, shared };
                        let mut contacts: Vec<Vec<Contact>> = vec![Vec::new(); days as usize];
                        let truth = churn(&spec, |c| {
                            contacts[(c.second / 86_400) as usize].push(Contact {
                                address: c.address,
                                second: c.second % 86_400,
                                network: c.network + 1,
                                kind: Some(c.kind),
                            });
                        });
                        let cell =
                            format!("leases {lease:?}, shared by {shared:?}, {duty:?}, {cured} ‰ cured");
                        rows.push(by_addresses(cell, &truth, contacts));
                    }
                }
            }
        }
    }
    rows
}

fn by_addresses(cell: String, truth: &[u64], contacts: Vec<Vec<Contact>>) -> Row {
    let mut seen = Addresses::new(contacts.len());
    for (day, all) in contacts.into_iter().enumerate() {
        seen.add_day(day, all);
    }
    Row::new(cell, truth, seen.lines(), count_addresses(&seen, LEVEL))
}

fn second(size: &Size, ids: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for (n, seed) in size.seeds.iter().flat_map(|&s| [s, s + 500, s + 900]).enumerate() {
        for process in wild::ALL {
            for bots in [size.bots / 2, size.bots] {
                let days = if ids && n % 2 == 1 { 14 } else { 28 };
                let world = wild::world(process, seed, bots as usize, days);
                let cell = format!("{process:?}, {bots} bots, {days} days");
                if ids {
                    let mut maps: HashMap<u64, u64> = HashMap::new();
                    world.hits.iter().for_each(|h| *maps.entry(h.bot).or_default() |= 1 << h.day);
                    let mut seen = Histories::new(days);
                    maps.values().for_each(|&map| seen.add(map));
                    rows.push(Row::new(cell, &world.truth, maps.len(), count_ids(&seen, LEVEL)));
                } else {
                    let mut contacts: Vec<Vec<Contact>> = vec![Vec::new(); days];
                    for h in &world.hits {
                        contacts[h.day].push(Contact {
                            address: h.address,
                            second: h.second,
                            network: h.network + 1,
                            kind: Some(h.kind),
                        });
                    }
                    rows.push(by_addresses(cell, &world.truth, contacts));
                }
            }
        }
    }
    rows
}

fn third(seeds: std::ops::Range<u64>, ids: bool) -> Vec<Row> {
    let of = |seed| {
        let world = drawn::world(seed);
        let cell = format!("{seed}: {}", world.told);
        if ids {
            let mut maps: HashMap<u64, u64> = HashMap::new();
            world.hits.iter().for_each(|h| *maps.entry(h.bot).or_default() |= 1 << h.day);
            let mut seen = Histories::new(world.days);
            maps.values().for_each(|&map| seen.add(map));
            return Row::new(cell, &world.truth, maps.len(), count_ids(&seen, LEVEL));
        }
        let mut contacts: Vec<Vec<Contact>> = vec![Vec::new(); world.days];
        for h in &world.hits {
            let (network, kind) = (h.network + 1, Some(h.kind));
            contacts[h.day].push(Contact { address: h.address, second: h.second, network, kind });
        }
        by_addresses(cell, &world.truth, contacts)
    };
    seeds.map(of).collect()
}

/// A million bots over 28 days: from their days to the count.
fn million() {
    let bots = if figure::small() { 100_000 } else { 1_000_000 };
    let spec = ChurnSpec {
        seed: 5,
        bots,
        days: 28,
        cured: 20,
        duty: Duty::Mixed,
        lease: Lease::Mixed,
        shared: Shared::Homes,
    };
    let mut maps = vec![0u64; 2 * bots as usize];
    let truth = churn(&spec, |c| maps[c.bot as usize] |= 1 << (c.second / 86_400));
    let mean = truth.iter().sum::<u64>() as f64 / truth.len() as f64;
    let began = std::time::Instant::now();
    let mut seen = Histories::new(28);
    maps.iter().for_each(|&map| seen.add(map));
    let table = began.elapsed();
    match count_ids(&seen, LEVEL) {
        Err(why) => println!("refused: {why}"),
        Ok(count) => println!(
            "{} bots seen, truth {mean:.0} a day, counted {:.0} ({:.0} to {:.0}); table {table:.2?}, all {:.2?}",
            seen.seen(),
            count.mean.bots,
            count.mean.lower,
            count.mean.upper,
            began.elapsed()
        ),
    }
    let speed = f64::from(bots) / began.elapsed().as_secs_f64();
    figure::ours("population by ids, 28 days, from bots' days to the count", speed, "bots/s", 0.0);
}
