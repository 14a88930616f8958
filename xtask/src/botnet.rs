//! `cargo xtask bench botnet`: the programs of `bench/` one after the other, and their figures as one table.
//!
//! A program prints what it measured on lines that begin with `#figure` or `#missing` (`bench/figure.rs`); what else it
//! says is shown as it comes.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The programs, with words that they take beside `--small`.
const PROGRAMS: [(&str, &[&str]); 7] = [
    ("readers", &[]),
    ("beacons", &[]),
    ("rollups", &[]),
    ("shadowserver", &[]),
    ("routing", &[]),
    ("sinkhole", &[]),
    ("population", &["--million"]),
];

/// What the peers' Python holds.
const PEERS: [&str; 4] = ["duckdb", "polars", "numpy", "pyarrow"];

/// One row of the table.
#[derive(Default)]
struct Row {
    what: String,
    unit: String,
    ours: f64,
    asked: f64,
    /// Name, and what it gave or why it did not run.
    peers: Vec<(String, Result<f64, String>)>,
}

impl Row {
    /// A rate is better when it is more, a time when it is less.
    fn more_is_better(&self) -> bool {
        self.unit.contains('/')
    }

    fn line(&self) -> String {
        let better = |ours: f64, other: f64| if self.more_is_better() { ours / other } else { other / ours };
        let peers: Vec<String> = self
            .peers
            .iter()
            .map(|(who, gave)| match gave {
                Ok(value) => format!("{who} {} (× {:.2})", number(*value), better(self.ours, *value)),
                Err(why) => format!("{who}: not run: {why}"),
            })
            .collect();
        let asked = if self.asked > 0.0 {
            let sign = if self.more_is_better() { '≥' } else { '≤' };
            let reached = if better(self.ours, self.asked) >= 1.0 { "" } else { ": **not reached**" };
            format!("{sign} {}{reached}", number(self.asked))
        } else {
            "–".into()
        };
        let peers = if peers.is_empty() { "–".into() } else { peers.join("; ") };
        format!("| {} | {} {} | {peers} | {asked} |", self.what, number(self.ours), self.unit)
    }
}

/// Three figures are enough.
fn number(value: f64) -> String {
    match value {
        v if v >= 1e8 => format!("{:.0} M", v / 1e6),
        v if v >= 1e6 => format!("{:.2} M", v / 1e6),
        v if v >= 1e4 => format!("{:.0} k", v / 1e3),
        v if v >= 100.0 => format!("{v:.0}"),
        v => format!("{v:.1}"),
    }
}

/// Takes a line that a program printed; whether it was one for the table.
fn gather(line: &str, rows: &mut Vec<Row>) -> bool {
    let fields: Vec<&str> = line.split('\t').collect();
    match fields.as_slice() {
        ["#figure", what, "ours", value, unit, asked] => {
            let row = row(what, rows);
            row.ours = value.parse().unwrap_or(0.0);
            row.unit = (*unit).to_owned();
            row.asked = asked.parse().unwrap_or(0.0);
        }
        ["#figure", what, who, value, ..] => {
            let gave = value.parse().map_err(|_| "no number".to_owned());
            row(what, rows).peers.push(((*who).to_owned(), gave));
        }
        ["#missing", what, who, why] => {
            row(what, rows).peers.push(((*who).to_owned(), Err((*why).to_owned())));
        }
        _ => return false,
    }
    true
}

/// The row of that name, which keeps its place.
#[expect(clippy::indexing_slicing, reason = "a row that was not there has just been put there")]
fn row<'a>(what: &str, rows: &'a mut Vec<Row>) -> &'a mut Row {
    let at = rows.iter().position(|r| r.what == what).unwrap_or(rows.len());
    if at == rows.len() {
        rows.push(Row { what: what.to_owned(), ..Row::default() });
    }
    &mut rows[at]
}

/// The folder of everything fetched for benches.
fn cache() -> PathBuf {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    base.unwrap_or_else(env::temp_dir).join("comity-bench")
}

/// The Python with the peers: named, or made once in the cache. Without either `python3`, and the rows say what it lacks.
fn python(given: &[String]) -> PathBuf {
    let named = given.iter().skip_while(|w| *w != "--python").nth(1).map(PathBuf::from);
    if let Some(python) = named.or_else(|| env::var_os("COMITY_BENCH_PYTHON").map(PathBuf::from)) {
        return python;
    }
    let folder = cache().join("venv-botnet");
    let (python, done) = (folder.join("bin/python3"), folder.join("complete"));
    if done.is_file() {
        return python;
    }
    eprintln!("making {} with {} (about a minute, once)", folder.display(), PEERS.join(", "));
    let ran = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    let made = ran(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        && ran(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PEERS))
        && std::fs::write(&done, "").is_ok();
    if made { python } else { PathBuf::from("python3") }
}

/// Runs one program; what it printed for the table, and whether it ended well.
fn one(name: &str, words: &[&str], small: bool, python: &Path) -> (Vec<Row>, bool) {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench/Cargo.toml");
    let package = format!("comity-bench-{name}");
    let mut command = super::cargo();
    command.args(["run", "--quiet", "--release", "--manifest-path", manifest, "-p", &package, "--"]);
    command.args(words).args(small.then_some("--small")).env("COMITY_BENCH_PYTHON", python);
    let mut rows = Vec::new();
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(e) => {
            eprintln!("{name}: {e}");
            return (rows, false);
        }
    };
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let Ok(line) = line else { break };
        if !gather(&line, &mut rows) {
            println!("  {line}");
        }
    }
    (rows, child.wait().is_ok_and(|status| status.success()))
}

/// All of them, or those that are named; a peer that is missing fails nothing, a program that fails does.
pub fn bench(given: &[String]) -> bool {
    let strange = given.iter().enumerate().find(|(i, word)| {
        let value = i.checked_sub(1).and_then(|before| given.get(before)).is_some_and(|w| w == "--python");
        let known =
            matches!(word.as_str(), "--small" | "--python") || PROGRAMS.iter().any(|(n, _)| n == word);
        !value && !known
    });
    if let Some((_, word)) = strange {
        let names: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
        eprintln!("`{word}` is none of {}, --small, --python PYTHON", names.join(", "));
        return false;
    }
    let small = given.iter().any(|w| w == "--small");
    let chosen: Vec<_> = PROGRAMS.iter().filter(|(name, _)| given.iter().any(|w| w == name)).collect();
    let chosen = if chosen.is_empty() { PROGRAMS.iter().collect() } else { chosen };
    let python = python(given);
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (name, words) in chosen {
        println!("{name}");
        let (told, good) = one(name, words, small, &python);
        rows.extend(told);
        if !good {
            failed.push(*name);
        }
    }
    println!("\n| what | ours | peers (× how many times ours is better) | asked |\n|---|---|---|---|");
    rows.iter().for_each(|row| println!("{}", row.line()));
    if !failed.is_empty() {
        println!("\nfailed: {}", failed.join(", "));
    }
    failed.is_empty()
}

#[cfg(test)]
mod tests {
    use super::gather;

    #[test]
    fn a_program_s_lines_become_a_row_with_its_peers() {
        let mut rows = Vec::new();
        for line in [
            "#figure\tconn.log\tours\t1200000\tlines/CPU-s\t1600000",
            "#figure\tconn.log\tDuckDB 2.0\t1000000\tlines/CPU-s\t0",
            "#missing\tconn.log\tZeek\tit is not installed here",
        ] {
            assert!(gather(line, &mut rows), "{line}");
        }
        assert!(!gather("conn.log to columns, round 1", &mut rows));
        let told: Vec<String> = rows.iter().map(super::Row::line).collect();
        let row = "| conn.log | 1.20 M lines/CPU-s | DuckDB 2.0 1.00 M (× 1.20); Zeek: not run: it is not installed here | ≥ 1.60 M: **not reached** |";
        assert_eq!(told, [row]);
    }

    #[test]
    fn a_time_is_better_when_it_is_less() {
        let mut rows = Vec::new();
        assert!(gather("#figure\t500 M hits\tours\t12.5\tmin\t30", &mut rows));
        let told: Vec<String> = rows.iter().map(super::Row::line).collect();
        assert_eq!(told, ["| 500 M hits | 12.5 min | – | ≤ 30.0 |"]);
    }
}
