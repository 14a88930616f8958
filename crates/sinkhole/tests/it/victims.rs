//! Addresses for notification: sealed beside the log, of bots alone, only where that is configured and until its day.

use crate::support::{Stand, config, exchange, lines, start, start_with, until};
use sinkhole::{Config, Kind, SinkholeError, chain, log, victims};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const TOLD: &str = "[notification]\nground = \"company-region\"\nerase = \"2199-01-01T00:00:00Z\"\n";

fn check_in(id: &str) -> Vec<u8> {
    format!("POST /gate?id={id} HTTP/1.1\r\nHost: seized.example\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        .into_bytes()
}

fn with(more: &str) -> Config {
    config(&[("http", "127.0.0.1:0")], more)
}

/// The opened lines of a file of victims.
fn opened(path: &Path) -> Vec<serde_json::Value> {
    let mut file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let head = victims::head(&mut file).unwrap();
    assert_eq!((head.sinkhole.as_str(), head.ground.as_str()), ("s-1", "company-region"));
    let mut out = Vec::new();
    while let Some(part) = victims::next(&mut file).unwrap() {
        let plain: Vec<u8> = part.iter().map(|b| b ^ 0x33).collect();
        out.extend(
            plain
                .split(|b| *b == b'\n')
                .filter(|l| !l.is_empty())
                .map(|l| serde_json::from_slice(l).unwrap()),
        );
    }
    out
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect()
}

/// Whether a file of the folder holds an address as it is.
fn in_the_clear(folder: &Path) -> bool {
    let holds = |p: &PathBuf| std::fs::read(p).unwrap().windows(9).any(|w| w == b"127.0.0.1");
    files(folder).iter().any(holds)
}

#[test]
fn bots_are_sealed_and_nobody_else_is_and_no_address_stands_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(with(TOLD), folder.path());
    let at = running.at(Kind::Http);
    exchange(at, &check_in("bot-a"));
    exchange(
        at,
        b"GET / HTTP/1.1\r\nHost: plain.example\r\nUser-Agent: a crawler\r\nConnection: close\r\n\r\n",
    );
    until("a batch is durable", || lines(folder.path()).len() == 2);
    exchange(at, &check_in("bot-b"));
    running.sinkhole.stop().unwrap();
    let found = log::victims(folder.path()).unwrap();
    assert_eq!(found.len(), 1);
    let told = opened(&found[0]);
    let hits = lines(folder.path());
    let bots: Vec<_> = hits.iter().filter(|h| h["class"] == "bot").collect();
    assert_eq!((told.len(), bots.len(), hits.len()), (2, 2, 3));
    for (line, hit) in told.iter().zip(bots) {
        assert_eq!(line["schema"], "comity.sinkhole/1");
        assert_eq!((&line["event"], &line["source_port"]), (&hit["event"], &hit["port"]));
        assert_eq!((&line["source"], &line["channel"]), (&"127.0.0.1".into(), &hit["channel"]));
        assert_eq!(line["botnet"], "harbour");
        assert!(line.get("bot").is_none(), "for a notification nobody needs the bot's own id");
    }
    assert!(!in_the_clear(folder.path()));
    assert!(log::kept(folder.path()).unwrap().is_empty(), "these are no bodies");
    let checked = log::check(folder.path()).unwrap();
    assert_eq!(checked.lines, 3);
}

#[test]
fn without_the_section_or_after_its_day_no_address_is_written() {
    for more in ["", "[notification]\nground = \"company-region\"\nerase = \"2026-01-01T00:00:00Z\"\n"] {
        let folder = tempfile::tempdir().unwrap();
        let running = start(with(more), folder.path());
        exchange(running.at(Kind::Http), &check_in("bot-a"));
        running.sinkhole.stop().unwrap();
        assert_eq!(lines(folder.path()).len(), 1);
        assert!(files(folder.path()).iter().all(|p| p.extension().is_none_or(|e| e != "sealed")), "{more}");
    }
    for (wrong, why) in
        [("ground = \"\"\nerase = \"2199-01-01T00:00:00Z\"", "CMT-1401"), ("ground = \"x\"", "CMT-1400")]
    {
        let text = format!(
            "{}[[listen]]\nkind = \"http\"\nat = \"127.0.0.1:0\"\n[notification]\n{wrong}\n",
            crate::support::BASE
        );
        let refused = Config::read(&text).unwrap_err();
        assert_eq!(miette::Diagnostic::code(&refused).unwrap().to_string(), why);
    }
}

#[test]
fn where_nothing_seals_nothing_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let home = Arc::new(Stand::default());
    let running = start_with(with(TOLD), folder.path(), home.clone());
    let at = running.at(Kind::Http);
    home.broken.store(true, Ordering::Relaxed);
    exchange(at, &check_in("bot-a"));
    until("it falls silent", || exchange(at, &check_in("bot-b")).is_empty());
    home.broken.store(false, Ordering::Relaxed);
    until("it speaks again", || !exchange(at, &check_in("bot-c")).is_empty());
    running.sinkhole.stop().unwrap();
    let told = opened(&log::victims(folder.path()).unwrap()[0]);
    assert_eq!(told.len(), lines(folder.path()).len(), "each that was answered is there once");
}

#[test]
fn a_torn_part_is_cut_off_and_a_changed_one_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(with(TOLD), folder.path());
    exchange(running.at(Kind::Http), &check_in("bot-a"));
    until("a batch is durable", || lines(folder.path()).len() == 1);
    exchange(running.at(Kind::Http), &check_in("bot-b"));
    running.sinkhole.stop().unwrap();
    let segment = log::closed(folder.path()).unwrap().remove(0);
    let file = log::victims(folder.path()).unwrap().remove(0);
    let (log_bytes, sealed) = (std::fs::read(&segment).unwrap(), std::fs::read(&file).unwrap());
    let marks = chain::verify(log_bytes.as_slice()).unwrap().victims;
    assert_eq!((marks.len(), marks[1].end), (2, sealed.len() as u64));
    for at in [0, sealed.len() / 2, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        std::fs::write(&file, changed).unwrap();
        assert!(matches!(log::victims(folder.path()), Err(SinkholeError::Victims { .. })), "byte {at}");
    }
    std::fs::write(&file, &sealed).unwrap();

    // As a kill leaves it: the part of the second batch is there, its line is not, and the head knows nothing yet.
    std::fs::remove_file(folder.path().join("head.json")).unwrap();
    let first = log_bytes.windows(23).position(|w| w == b"comity.sinkhole-batch/1").unwrap();
    let line = first + log_bytes[first..].iter().position(|b| *b == b'\n').unwrap() + 1;
    std::fs::write(&segment, &log_bytes[..line + 5]).unwrap();
    let again = start(with(TOLD), folder.path());
    exchange(again.at(Kind::Http), &check_in("bot-c"));
    again.sinkhole.stop().unwrap();
    let found = log::victims(folder.path()).unwrap();
    assert_eq!(found.len(), 2, "the mended segment ended, and another began");
    assert_eq!(std::fs::metadata(&found[0]).unwrap().len(), marks[0].end);
    assert_eq!(found.iter().map(|p| opened(p).len()).collect::<Vec<_>>(), [1, 1]);
}
