//! The chain: what it shows, and what a torn end leaves.

use crate::support::{config, exchange, lines, start, until};
use sinkhole::{Kind, SinkholeError, Told, chain, log};
use std::path::{Path, PathBuf};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: plain.example\r\nConnection: close\r\n\r\n";

/// A folder with the segments of so many runs, three hits in each.
fn written(folder: &Path, runs: usize) -> Vec<PathBuf> {
    for _ in 0..runs {
        let running = start(config(&[("http", "127.0.0.1:0")], ""), folder);
        for _ in 0..3 {
            exchange(running.at(Kind::Http), GET);
        }
        running.sinkhole.stop().unwrap();
    }
    log::closed(folder).unwrap()
}

#[test]
fn segments_continue_each_other_and_survive_their_removal() {
    let folder = tempfile::tempdir().unwrap();
    let first = written(folder.path(), 2);
    assert_eq!(first.len(), 2);
    let checked = log::check(folder.path()).unwrap();
    assert_eq!((checked.segments, checked.lines, checked.torn), (2, 6, 0));
    // Taken in elsewhere, they are removed; what follows continues the chain all the same.
    first.iter().for_each(|p| std::fs::remove_file(p).unwrap());
    assert_eq!(log::check(folder.path()).unwrap().chain, checked.chain);
    let third = written(folder.path(), 1);
    assert!(third[0].ends_with("hits-000003.ndjson"));
    let whole = chain::verify(std::fs::File::open(&third[0]).unwrap()).unwrap();
    assert!(whole.ends);
    assert_eq!(terms::Digest(whole.prior).to_string(), checked.chain);
}

#[test]
fn whoever_changes_a_byte_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), 1).remove(0);
    let good = std::fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        let told = chain::verify(bytes.as_slice());
        assert!(told.is_err() || told.unwrap().torn > 0, "byte {at}");
    }
    let mut behind = good.clone();
    behind.extend_from_slice(b"{}\n");
    assert!(matches!(chain::verify(behind.as_slice()), Err(chain::Broken::Behind(3))));
    // A line left out, or said twice.
    let text = String::from_utf8(good).unwrap();
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    for (i, _) in all.iter().enumerate() {
        let without: String = all.iter().enumerate().filter(|(n, _)| *n != i).map(|(_, l)| *l).collect();
        let told = chain::verify(without.as_bytes());
        let cut_at_the_end = i + 1 == all.len();
        assert_eq!(told.is_ok_and(|w| w.torn > 0 || !w.ends), cut_at_the_end, "line {i}");
    }
}

#[test]
fn a_torn_end_is_cut_told_and_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), 1).remove(0);
    let good = std::fs::read(&path).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    // As a kill leaves it: the head does not know the segment yet, and its last batch stands there in part.
    std::fs::remove_file(folder.path().join("head.json")).unwrap();
    let last = text.trim_end().rfind('\n').unwrap();
    for cut in [0, 1, 40, last, last + 20, good.len() - 1] {
        std::fs::write(&path, &good[..cut]).unwrap();
        let before = chain::verify(&good[..cut]).unwrap();
        let running = start(config(&[("http", "127.0.0.1:0")], ""), folder.path());
        let told = running.told.lock().unwrap().clone();
        let torn = told.iter().any(|t| matches!(t, Told::Cut { bytes, .. } if *bytes == before.torn));
        assert_eq!(torn, before.torn > 0, "cut at {cut}: {told:?}");
        exchange(running.at(Kind::Http), GET);
        running.sinkhole.stop().unwrap();
        let checked = log::check(folder.path()).unwrap();
        assert_eq!(checked.lines, before.lines + 1, "cut at {cut}");
        for old in log::closed(folder.path()).unwrap() {
            std::fs::remove_file(old).unwrap();
        }
        std::fs::remove_file(folder.path().join("head.json")).unwrap();
    }
}

#[test]
fn a_changed_log_is_not_continued_and_two_do_not_write_one() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(&[("http", "127.0.0.1:0")], ""), folder.path());
    let begin = || {
        let home = std::sync::Arc::new(crate::support::Stand::default());
        let config = config(&[("http", "127.0.0.1:0")], "");
        sinkhole::Sinkhole::start(config, home, folder.path(), std::sync::Arc::new(|_| ())).err()
    };
    assert!(matches!(begin(), Some(SinkholeError::InUse { .. })));
    exchange(running.at(Kind::Http), GET);
    running.sinkhole.stop().unwrap();
    let path = log::closed(folder.path()).unwrap().remove(0);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("plain.example", "other.example")).unwrap();
    assert!(matches!(begin(), Some(SinkholeError::Chain { .. })));
}

#[test]
fn a_segment_ends_on_request_while_hits_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(&[("http", "127.0.0.1:0")], ""), folder.path());
    exchange(running.at(Kind::Http), GET);
    // An answer may be with the asker before its hit is in the log, and a log without hits has no segment to end.
    until("the first hit", || lines(folder.path()).len() == 1);
    running.sinkhole.rotate();
    until("the end of a segment", || log::closed(folder.path()).is_ok_and(|c| c.len() == 1));
    exchange(running.at(Kind::Http), GET);
    running.sinkhole.stop().unwrap();
    assert_eq!(log::check(folder.path()).unwrap().segments, 2);
    assert_eq!(lines(folder.path()).len(), 2);
}
