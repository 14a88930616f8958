//! Generates an operation: `cargo run -p exercise --example generate -- DIR [BOTS] [SEED] [DAYS]`.
//!
//! With `/usr/bin/time -v` in front it shows that memory does not grow with the number of bots.

use exercise::{ExerciseError, Spec, generate};
use std::{path::PathBuf, process::ExitCode};

fn run() -> Result<(), ExerciseError> {
    let mut words = std::env::args().skip(1);
    let dir = PathBuf::from(words.next().unwrap_or_else(|| "harbour-lights".into()));
    let mut number = |default: u64| words.next().and_then(|w| w.parse().ok()).unwrap_or(default);
    let standard = Spec::default();
    let bots = u32::try_from(number(u64::from(standard.bots))).unwrap_or(u32::MAX);
    let seed = number(standard.seed);
    let days = u32::try_from(number(u64::from(standard.days))).unwrap_or(u32::MAX);
    let spec = Spec { bots, seed, days, ..standard };
    let truth = generate(&spec, &dir, &mut |p| eprint!("\r{} {}/{}   ", p.stage, p.done, p.total))?;
    eprintln!();
    println!(
        "{}: {} bots, {} seen, {} sightings",
        dir.display(),
        bots,
        truth.population.seen_total,
        truth.population.sightings
    );
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}
