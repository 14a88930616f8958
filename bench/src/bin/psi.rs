//! Private set intersection of N × N items, both roles in this process, beside OpenMined's PSI on the same items; and a
//! small question against a prepared set.
//!
//! `psi [N] [PYTHON]`: N items a side (default 1,000,000), half of them on both sides; PYTHON is an interpreter that has
//! `openmined-psi` (without one the peer is left out, and the table says so).

use comity_bench::{measured, peak_bytes};
use privacy::Key;
use privacy::psi::{Items, Kind, Protocol, quietly, reveal, size_only};
use std::{error::Error, path::Path, process::Command, time::Duration};

type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let mut args = std::env::args().skip(1);
    let n: usize = args.next().map_or(Ok(1_000_000), |n| n.parse())?;
    let texts = |range: std::ops::Range<usize>| -> Vec<String> {
        range.map(|i| format!("user-{i}@bank.example")).collect()
    };
    let (asked, held) = (texts(0..n), texts(n / 2..n + n / 2));
    println!("{n} x {n} items, {} on both sides", n - n / 2);
    let ((mine, theirs), cpu, _) = measured(|| (read(&asked), read(&held)));
    let (mine, theirs) = (mine?, theirs?);
    row("reading both sets (not counted)", cpu, None);

    let ours = whole(&mine, &theirs, Protocol::Reveal, n)?;
    whole(&mine, &theirs, Protocol::Verified, n)?;
    count(&mine, &theirs, n)?;
    small(&asked, &theirs)?;
    match peak_bytes() {
        Some(bytes) => println!("peak memory of both roles and all of the above: {} MiB", bytes >> 20),
        None => println!("peak memory: not known here"),
    }
    drop((mine, theirs));
    match args.next() {
        Some(python) => peer(&python, &asked, &held, ours),
        None => {
            println!("peer left out: name a python that has openmined-psi");
            Ok(())
        }
    }
}

fn read(texts: &[String]) -> Done<Items> {
    let (items, unread) = Items::read(Kind::Email, texts.iter().map(String::as_str))?;
    if unread.is_empty() { Ok(items) } else { Err("an item was not read".into()) }
}

fn key(n: u8) -> Key {
    Key::new([n; 32].into())
}

/// One session from an unprepared set on; processor seconds of both roles.
fn whole(mine: &Items, theirs: &Items, protocol: Protocol, n: usize) -> Done<f64> {
    println!("{}:", protocol.word());
    let secret = reveal::Holder::key(protocol, &key(1), b"bench")?;
    let (holder, prepare, wall) = measured(|| reveal::Holder::prepare(secret, theirs, &quietly));
    let holder = holder?;
    row("  holder prepares its set", prepare, Some(wall));
    let asker = reveal::Asker::new(protocol, &key(2), mine)?;
    let (question, ask, wall) = measured(|| asker.question(&quietly));
    let question = question?;
    row("  asker blinds", ask, Some(wall));
    let (answer, reply, wall) = measured(|| holder.answer(&question, &key(3), &quietly));
    let answer = answer?;
    row("  holder answers", reply, Some(wall));
    let (found, finish, wall) = measured(|| -> Result<_, privacy::psi::PsiError> {
        asker.finish(&question, &reveal::Answer::read(&answer)?, &quietly)
    });
    row("  asker finishes", finish, Some(wall));
    let total = prepare + ask + reply + finish;
    told(total, found?.len(), n, question.bytes().len() + answer.len())?;
    Ok(total)
}

fn count(mine: &Items, theirs: &Items, n: usize) -> Done<()> {
    println!("size-only:");
    let asker = size_only::Asker::new(&key(4), mine);
    let (question, ask, wall) = measured(|| asker.question(&quietly));
    let question = question?;
    row("  asker raises", ask, Some(wall));
    let (answer, reply, wall) = measured(|| size_only::answer(&key(5), theirs, &question, &quietly));
    let answer = answer?;
    row("  holder answers", reply, Some(wall));
    let (found, finish, wall) = measured(|| -> Result<_, privacy::psi::PsiError> {
        asker.finish(&question, &size_only::Answer::read(&answer)?, &quietly)
    });
    row("  asker counts", finish, Some(wall));
    told(ask + reply + finish, found?, n, question.bytes().len() + answer.len())
}

fn told(total: f64, found: usize, n: usize, bytes: usize) -> Done<()> {
    if found != n - n / 2 {
        return Err(format!("{found} matches instead of {}", n - n / 2).into());
    }
    println!(
        "  together {total:.1} CPU-s, {found} matches, {:.2} bytes for each item of a side",
        bytes as f64 / n as f64
    );
    Ok(())
}

/// A thousand items against a set that was prepared before: 20 sessions, the median.
fn small(asked: &[String], theirs: &Items) -> Done<()> {
    let few = read(asked.get(..1000.min(asked.len())).unwrap_or_default())?;
    for protocol in [Protocol::Reveal, Protocol::Verified] {
        let label = b"bench";
        let prepared =
            reveal::Holder::prepare(reveal::Holder::key(protocol, &key(1), label)?, theirs, &quietly)?
                .prepared();
        let holder = reveal::Holder::again(reveal::Holder::key(protocol, &key(1), label)?, &prepared)?;
        let (mut cpu, mut wall) = (Vec::new(), Vec::new());
        for n in 0..20u8 {
            let asker = reveal::Asker::new(protocol, &key(100 + n), &few)?;
            let (done, seconds, time) = measured(|| -> Result<usize, privacy::psi::PsiError> {
                let question = asker.question(&quietly)?;
                let answer = holder.answer(&question, &key(3), &quietly)?;
                Ok(asker.finish(&question, &reveal::Answer::read(&answer)?, &quietly)?.len())
            });
            done?;
            cpu.push(seconds * 1e3);
            wall.push(time.as_secs_f64() * 1e3);
        }
        cpu.sort_by(f64::total_cmp);
        wall.sort_by(f64::total_cmp);
        let median = |v: &[f64]| comity_bench::percentile(v, 0.5);
        println!(
            "{} items against the prepared set, {}: {:.0} ms CPU, {:.0} ms wall (median of 20, both roles, reading the filter included)",
            few.len(),
            protocol.word(),
            median(&cpu),
            median(&wall)
        );
    }
    Ok(())
}

fn peer(python: &str, asked: &[String], held: &[String], ours: f64) -> Done<()> {
    let folder = std::env::temp_dir().join(format!("comity-bench-psi-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (a, b) = (folder.join("asked.txt"), folder.join("held.txt"));
    std::fs::write(&a, asked.join("\n"))?;
    std::fs::write(&b, held.join("\n"))?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/openmined_psi.py");
    let out = Command::new(python).arg(script).args([&a, &b]).output()?;
    std::fs::remove_dir_all(&folder)?;
    if !out.status.success() {
        return Err(format!("the peer failed: {}", String::from_utf8_lossy(&out.stderr)).into());
    }
    let told: serde_json::Value = serde_json::from_slice(&out.stdout)?;
    let cpu = told["cpu"].as_f64().ok_or("the peer says no figure")?;
    println!("openmined-psi: {told}");
    println!(
        "  together {cpu:.1} CPU-s, {:.2} bytes an item; ours takes {:.2} of it",
        told["bytes"].as_f64().unwrap_or(f64::NAN) / asked.len() as f64,
        ours / cpu
    );
    Ok(())
}

fn row(what: &str, cpu: f64, wall: Option<Duration>) {
    let wall = wall.map_or_else(String::new, |w| format!(", {:.1} s wall", w.as_secs_f64()));
    println!("{what}: {cpu:.1} CPU-s{wall}");
}
