//! Lines that `cargo xtask bench botnet` gathers into one table; a program that prints them still reads well alone.

use std::path::Path;
use std::process::Command;

/// Whether `--small` was asked for: the same work on less, in seconds.
#[must_use]
pub fn small() -> bool {
    std::env::args().any(|a| a == "--small")
}

/// The middle of what several rounds gave; 0 where there was none.
#[must_use]
pub fn middle(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds.get(rounds.len() / 2).copied().unwrap_or(0.0)
}

/// What ours gave; `asked` in the same unit, 0 where nothing is asked. A unit `…/CPU-s` is better when it is more, any
/// other when it is less.
pub fn ours(what: &str, value: f64, unit: &str, asked: f64) {
    println!("#figure\t{what}\tours\t{value}\t{unit}\t{asked}");
}

/// What a peer gave on the same input.
pub fn peer(what: &str, who: &str, value: f64, unit: &str) {
    println!("#figure\t{what}\t{who}\t{value}\t{unit}\t0");
}

/// A peer that did not run, and why.
pub fn missing(what: &str, who: &str, why: &str) {
    println!("#missing\t{what}\t{who}\t{why}");
}

/// The peers that are asked in Python: their script prints the same lines. Without Python each of `rows` says so.
pub fn python(script: &Path, arguments: &[&std::ffi::OsStr], rows: &[(&str, &str)]) {
    let python = std::env::var_os("COMITY_BENCH_PYTHON").unwrap_or_else(|| "python3".into());
    let ran = Command::new(&python).arg(script).args(arguments).output();
    let why = match ran {
        Ok(out) if out.status.success() => {
            print!("{}", String::from_utf8_lossy(&out.stdout));
            return;
        }
        Ok(out) => {
            print!("{}", String::from_utf8_lossy(&out.stdout));
            let told = String::from_utf8_lossy(&out.stderr);
            told.lines().last().unwrap_or("its script failed").to_owned()
        }
        Err(e) => format!("{}: {e}", python.display()),
    };
    for (what, who) in rows {
        missing(what, who, &why);
    }
}
