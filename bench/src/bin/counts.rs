//! Noisy counts: how far off they are, over how large a count, at which epsilon; and what drawing them costs. Beside them
//! tokens and pseudonyms, because a release makes one for each of its rows.
//!
//! There is no peer to run beside: the noise is OpenDP's own, called through our crate. What is measured is that our
//! bounds and its scale give the accuracy that the design asks for (median error at most 1 % for counts of 1,000 and more
//! at epsilon 0.1).

use comity_bench::{measured, percentile};
use privacy::dp::{PLACES, draw, error_bar};
use privacy::{Epsilon, Key, Period, Pseudonymiser, Tokeniser};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};

/// Tables of 195 places for each row.
const TABLES: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    println!("| epsilon | count | median error | 95 % of errors below | error bar (95 %) |");
    println!("|---|---|---|---|---|");
    for epsilon in ["0.01", "0.1", "0.5", "1"] {
        let epsilon: Epsilon = epsilon.parse()?;
        for count in [100u64, 1_000, 10_000, 100_000] {
            accuracy(epsilon, count)?;
        }
    }
    println!();
    cost()
}

fn accuracy(epsilon: Epsilon, count: u64) -> Result<(), Box<dyn Error>> {
    let counts = vec![count; PLACES.len()];
    let mut errors = Vec::with_capacity(TABLES * counts.len());
    for _ in 0..TABLES {
        let drawn = draw(&counts, 1, epsilon)?;
        errors.extend(drawn.into_iter().map(|n| (n.max(0) as f64 - count as f64).abs() / count as f64));
    }
    errors.sort_by(f64::total_cmp);
    println!(
        "| {epsilon} | {count} | {:.3} % | {:.3} % | ± {} |",
        percentile(&errors, 0.5) * 100.0,
        percentile(&errors, 0.95) * 100.0,
        error_bar(1, epsilon, 0.95)
    );
    Ok(())
}

fn cost() -> Result<(), Box<dyn Error>> {
    let counts = vec![1_000; PLACES.len()];
    let (drawn, cpu, _) =
        measured(|| (0..1_000).map(|_| draw(&counts, 1, Epsilon::USUAL)).collect::<Result<Vec<_>, _>>());
    let draws = drawn?.len() * counts.len();
    println!("draws at epsilon 0.1: {:.0} per CPU second", draws as f64 / cpu);
    let key = Key::new([7; 32].into());
    let period: Period = "2026-03".parse()?;
    let tokens = Tokeniser::new(&key, "company-fintech", period)?;
    let of = |n: u64| tokens.account("harbour-bank", &format!("hb-{:08}", n * 4_973));
    let (made, cpu, _) = measured(|| (0..20_000).map(of).collect::<Result<Vec<_>, _>>());
    println!("tokens of accounts (FF1): {:.0} per CPU second", made?.len() as f64 / cpu);
    let pseudonyms = Pseudonymiser::new(&key);
    let rate = |make: &dyn Fn(IpAddr) -> String, n: u32| {
        let (letters, cpu, _) =
            measured(|| (0..n).map(|i| make(Ipv4Addr::from_bits(i * 7_919).into()).len()).sum::<usize>());
        assert!(letters > 0);
        f64::from(n) / cpu
    };
    let (plain, kept) =
        (rate(&|ip| pseudonyms.address(ip), 500_000), rate(&|ip| pseudonyms.network(ip), 100_000));
    println!("pseudonyms of addresses (deterministic): {plain:.0} per CPU second");
    println!("pseudonyms of addresses (prefix-preserving): {kept:.0} per CPU second");
    Ok(())
}
