//! The recipe of the weights of `population::interval`: from the signs of worlds and what their counts were off by.
//!
//! 1. `--signs FROM UNTIL` prints, for each of these worlds of the third grid, truth, count and signs: a line each.
//! 2. `--weights FILE…` fits them, for ids and for addresses, and prints the tables as the crate has them, and how often and
//!    how widely intervals held worlds that were left out of the fit. `--check FILE…` behind it judges the tables by other
//!    worlds, which set nothing.
//!
//! Worlds that the count refuses are not printed; one that is refused as too wide is missing by the tables as they are.
//!
//! No randomness: the search goes along one weight after the other.

use crate::Row;
use crate::population::{PARTS, Signs};
use std::io;
use std::path::Path;

/// Degrees of freedom of Student's distribution: errors have longer tails than the normal one.
const FREEDOM: f64 = 5.0;
/// What a weight costs, so that parts that tell nothing have none.
const COST: f64 = 0.05;
/// A side's weight is at least this share of the other's.
const LEAST: f64 = 0.25;
/// Least weight of the parts that are chance (the first two): itself. Of the floor: some thousandths.
const CHANCE: f64 = 1.0;
const FLOOR: f64 = 0.003;
/// Worlds are left out in as many turns.
const TURNS: usize = 6;
const LEVELS: [f64; 5] = [0.5, 0.8, 0.9, 0.95, 0.99];

/// A world as a fit sees it.
#[derive(Clone)]
struct Seen {
    /// Logarithm of truth over count.
    error: f64,
    /// Squared parts, the floor last.
    parts: [f64; PARTS + 1],
}

/// Weights of one side and the other, the floor last: lower, upper.
#[derive(Clone, Copy)]
struct Weights([[f64; PARTS + 1]; 2]);

/// Prints a row for [`fit_files`].
pub fn print(grid: &str, seed: u64, row: &Row) {
    let Ok(count) = &row.count else { return };
    let s: &Signs = &count.signs;
    let all = [
        s.followed, s.hidden, s.misfit, s.turnover, s.comers, s.doubt, s.absent, s.unequal, s.others, s.lines,
    ];
    let told: Vec<String> = all.iter().map(|v| format!("{v:.6}")).collect();
    println!("{grid}\t{seed}\t{:.3}\t{:.3}\t{}\t{}", row.truth, count.mean.bots, told.join("\t"), row.cell);
}

fn read(grid: &str, files: &[String]) -> io::Result<Vec<Seen>> {
    let mut out = Vec::new();
    for file in files {
        for line in std::fs::read_to_string(Path::new(file))?.lines() {
            let mut fields = line.split('\t');
            if fields.next() != Some(grid) {
                continue;
            }
            let n: Vec<f64> = fields.skip(1).map_while(|f| f.parse().ok()).collect();
            let [
                truth,
                count,
                followed,
                hidden,
                misfit,
                turnover,
                comers,
                doubt,
                absent,
                unequal,
                others,
                lines,
            ] = n[..]
            else {
                return Err(io::Error::other(format!("{file}: not a line of --signs: {line}")));
            };
            let signs =
                Signs { followed, hidden, misfit, turnover, comers, doubt, absent, unequal, others, lines };
            let mut parts = [1.0; PARTS + 1];
            parts.iter_mut().zip(signs.parts()).for_each(|(p, sign)| *p = sign * sign);
            out.push(Seen { error: (truth / count).ln(), parts });
        }
    }
    Ok(out)
}

impl Weights {
    /// What the sides do not share and do: whatever is drawn, neither side is less than [`LEAST`] of the other.
    fn of(own: &[f64]) -> Self {
        let side = |mine: usize, other: usize| {
            std::array::from_fn(|k| own[mine * (PARTS + 1) + k] + LEAST * own[other * (PARTS + 1) + k])
        };
        Self([side(0, 1), side(1, 0)])
    }

    /// As the crate has them.
    fn rounded(mut self) -> Self {
        self.0.iter_mut().flatten().for_each(|w| *w = (*w * 1e4).round() / 1e4);
        self
    }

    /// One error of a world, to below and to above.
    fn errors(&self, world: &Seen) -> [f64; 2] {
        self.0.map(|side| side.iter().zip(world.parts).map(|(w, p)| w * w * p).sum::<f64>().sqrt())
    }

    /// Error in times of what the parts say.
    fn score(&self, world: &Seen) -> f64 {
        let [low, high] = self.errors(world);
        world.error.abs() / if world.error > 0.0 { high } else { low }
    }

    /// Minus the logarithm of the likelihood: Student's distribution with a scale for each side.
    fn unlikely(&self, worlds: &[Seen]) -> f64 {
        let one = |w: &Seen| {
            let [low, high] = self.errors(w);
            ((low + high) / 2.0).ln() + (FREEDOM + 1.0) / 2.0 * (self.score(w).powi(2) / FREEDOM).ln_1p()
        };
        worlds.iter().map(one).sum()
    }

    fn fit(worlds: &[Seen]) -> Self {
        let least = |k: usize| match k % (PARTS + 1) {
            0 | 1 => CHANCE / (1.0 + LEAST),
            PARTS => FLOOR / (1.0 + LEAST),
            _ => 0.0,
        };
        let mut own: Vec<f64> = (0..2 * (PARTS + 1)).map(|k| least(k).max(0.2)).collect();
        own[PARTS] = 0.01;
        own[2 * PARTS + 1] = 0.01;
        let cost = |own: &[f64]| Self::of(own).unlikely(worlds) + COST * own.iter().sum::<f64>();
        let (mut best, mut step) = (cost(&own), 1.0);
        while step > 0.004 {
            let before = best;
            for k in 0..own.len() {
                let was = own[k];
                for tried in [least(k), was + 0.3 * step, was * (1.0 + step), was / (1.0 + step)] {
                    let now = own[k];
                    own[k] = tried.max(least(k));
                    let new = cost(&own);
                    if new < best - 1e-9 { best = new } else { own[k] = now }
                }
            }
            if before - best < 1e-3 {
                step /= 2.0;
            }
        }
        Self::of(&own)
    }
}

/// The score that as many worlds as a level says stay below, by the rank that holds for one more world.
fn quantile(scores: &[f64], level: f64) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = ((sorted.len() + 1) as f64 * level).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn judge(what: &str, worlds: &[Seen], widths: &[f64], held: usize) {
    let n = worlds.len().max(1) as f64;
    let coverage = held as f64 / n;
    let mut sorted = widths.to_vec();
    sorted.sort_by(f64::total_cmp);
    println!(
        "// {what}: {} worlds, held {:.1} % ± {:.1}, median relative width {:.1} %",
        worlds.len(),
        100.0 * coverage,
        100.0 * (coverage * (1.0 - coverage) / n).sqrt(),
        100.0 * sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    );
}

fn width([low, high]: [f64; 2], score: f64) -> f64 {
    (score * high).exp() - (-score * low).exp()
}

fn table(name: &str, grid: &str, files: &[String], checks: &[String]) -> io::Result<()> {
    let worlds = read(grid, files)?;
    let mut scores = vec![0.0; worlds.len()];
    let mut errors = vec![[0.0; 2]; worlds.len()];
    for turn in 0..TURNS {
        let kept: Vec<Seen> =
            worlds.iter().enumerate().filter(|(i, _)| i % TURNS != turn).map(|(_, w)| w.clone()).collect();
        let weights = Weights::fit(&kept);
        for i in (turn..worlds.len()).step_by(TURNS) {
            scores[i] = weights.score(&worlds[i]);
            errors[i] = weights.errors(&worlds[i]);
        }
    }
    let levels = LEVELS.map(|level| (100.0 * quantile(&scores, level)).round() / 100.0);
    let weights = Weights::fit(&worlds).rounded();
    let [low, high] = weights.0;
    println!("pub(super) const {name}: Table = Table {{");
    println!("    low: {:?},\n    high: {:?},", &low[..PARTS], &high[..PARTS]);
    println!("    floor: ({:?}, {:?}),\n    scores: {levels:?},\n}};", low[PARTS], high[PARTS]);
    println!("// likelihood {:.3}", -weights.unlikely(&worlds) / worlds.len() as f64);
    for (at, level) in [(2, "90 %"), (3, "95 %")] {
        let held = scores.iter().filter(|s| **s <= levels[at]).count();
        let widths: Vec<f64> = errors.iter().map(|e| width(*e, levels[at])).collect();
        judge(&format!("{level}, left out of the fit"), &worlds, &widths, held);
        for check in checks {
            let others = read(grid, std::slice::from_ref(check))?;
            let held = others.iter().filter(|w| weights.score(w) <= levels[at]).count();
            let widths: Vec<f64> = others.iter().map(|w| width(weights.errors(w), levels[at])).collect();
            judge(&format!("{level}, {check}"), &others, &widths, held);
        }
    }
    Ok(())
}

/// Fits both tables.
///
/// # Errors
/// A file that cannot be read, or is none of `--signs`.
pub fn fit_files(files: &[String], checks: &[String]) -> io::Result<()> {
    table("IDS", "ids", files, checks)?;
    table("ADDRESSES", "addresses", files, checks)
}
