//! The ordinary names: Tranco and Chrome's user experience report, a million each, as the Python package
//! `pymispwarninglists` holds them (CC0; CrUX: CC BY-SA 4.0). They are fetched by name and never kept in the project.

#![allow(dead_code, reason = "each program uses a part")]

use super::lexical::model::{HASH, hashed, split};
use std::collections::HashSet;
use std::path::Path;

/// Release of the package; another one deals other names.
const PACKAGE: &str = "pymispwarninglists==1.7.0";
const WHERE: &str = "pymispwarninglists/data/misp-warninglists/lists";
const LISTS: [(&str, &str); 2] = [("tranco", "tranco"), ("crux", "google-chrome-crux-1million")];

/// What a domain is used for; no domain is used for two things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Tables of letters, pieces and suffixes.
    Tables,
    /// Training of the trees.
    Trees,
    /// Choice of the threshold.
    Threshold,
    /// The test.
    Test,
}

/// The part of a domain, by a hash of its registrable label and suffix.
pub fn part(name: &str) -> Part {
    let parts = split(name);
    let hash = parts.label.bytes().chain([b'.']).chain(parts.suffix.bytes()).fold(HASH, hashed);
    match (hash ^ (hash >> 31)) % 100 {
        0..=59 => Part::Tables,
        60..=74 => Part::Trees,
        75..=84 => Part::Threshold,
        _ => Part::Test,
    }
}

/// Both lists.
pub struct Lists(pub [Vec<String>; 2]);

impl Lists {
    /// One part of both lists, one name a registrable domain.
    pub fn part(&self, wanted: Part) -> Vec<String> {
        let all = self.0.iter().flatten().map(String::as_str);
        unique(all, wanted)
    }

    /// One part of one list, one name a registrable domain.
    pub fn of(&self, list: usize, wanted: Part) -> Vec<String> {
        unique(self.0[list].iter().map(String::as_str), wanted)
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>, wanted: Part) -> Vec<String> {
    let mut seen = HashSet::new();
    names
        .filter(|name| {
            let parts = split(name);
            part(name) == wanted && seen.insert((parts.label, parts.suffix))
        })
        .map(str::to_owned)
        .collect()
}

/// The lists of `folder`, into which the package is put where they are absent.
pub fn load(folder: &Path) -> Lists {
    Lists(LISTS.map(|(name, inside)| {
        let text = folder.join(format!("{name}.txt"));
        if !text.is_file() {
            let list = folder.join(WHERE).join(inside).join("list.json");
            if !list.is_file() {
                install(folder);
            }
            let bytes = std::fs::read(&list).unwrap_or_else(|e| panic!("{}: {e}", list.display()));
            let value: serde_json::Value = serde_json::from_slice(&bytes).expect("a list of names");
            let names: Vec<&str> =
                value["list"].as_array().expect("a list").iter().filter_map(|n| n.as_str()).collect();
            std::fs::write(&text, names.join("\n")).expect("a folder that can be written");
        }
        let text = std::fs::read_to_string(&text).expect("names");
        text.lines().map(|l| l.trim().to_ascii_lowercase()).filter(|l| !l.is_empty()).collect()
    }))
}

fn install(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder that can be written");
    let done = std::process::Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
        .arg(folder)
        .arg(PACKAGE)
        .status();
    assert!(done.is_ok_and(|s| s.success()), "`python3 -m pip install {PACKAGE}` has to work once");
}
