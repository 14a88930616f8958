//! The recipe of the model in `src/lexical/model.bin`.
//!
//! 1. `cargo run --release -p comity-bench-names --bin names-recipe -- rows DIR` in `bench/`: tables of ordinary names; rows of features of
//!    other ordinary names and of made-up generators. No malware family is read.
//! 2. `python3 names/train.py DIR` (packages `numpy`, `lightgbm`): trees.
//! 3. `cargo run --release -p comity-bench-names --bin names-recipe -- model DIR`: the model as one file, DIR/model.bin.
//!
//! DIR holds `tranco.txt` and `crux.txt`, or they are taken from the package `pymispwarninglists` (see `lists.rs`).
//! Names are dealt by a hash of the registrable domain (`lists.rs`), so that no domain is on two sides.
mod families;
mod learn;
#[path = "../../../crates/botnet/src/lexical/mod.rs"]
#[allow(dead_code, unused_imports)]
mod lexical;
mod lists;
mod random;
mod synthetic;

use lexical::model::{COUNT, LEVELS, MAGIC, NAMES, Tables, features, split};
use lists::Part;
use std::io::Write as _;
use std::path::Path;

/// Made-up generators, and names of each.
const GENERATORS: usize = 1_440;
const EACH: usize = 100;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (what, folder) = (arguments.next(), arguments.next());
    match (what.as_deref(), folder) {
        (Some("rows"), Some(folder)) => rows(Path::new(&folder)),
        (Some("model"), Some(folder)) => model(Path::new(&folder)),
        _ => {
            eprintln!("usage: names-recipe rows DIR | names-recipe model DIR");
            std::process::exit(2);
        }
    }
}

/// Header, lengths, sections.
fn joined(sections: &[&[u8]]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for section in sections {
        bytes.extend(u32::try_from(section.len()).unwrap().to_le_bytes());
    }
    bytes.extend(sections.concat());
    bytes
}

fn rows(folder: &Path) {
    let lists = lists::load(folder);
    let names = lists.part(Part::Tables);
    let learnt = learn::learn(&names);
    eprintln!("{} names, {} words", names.len(), learnt.words.len());
    let none = vec![0u8; COUNT * 2 * LEVELS.len() * 4];
    let sections: [&[u8]; 6] =
        [&learnt.pairs, &learnt.grams, &learnt.pieces, &learnt.suffixes, &none, &[0; 8]];
    let bytes = joined(&sections);
    let tables = Tables::read(&bytes).unwrap();
    let mut rows = std::io::BufWriter::new(std::fs::File::create(folder.join("rows.f32")).unwrap());
    let mut kinds = std::io::BufWriter::new(std::fs::File::create(folder.join("rows.txt")).unwrap());
    let mut row = |kind: &str, name: &str| {
        for value in features(&tables, &split(name)).0.0 {
            rows.write_all(&value.to_le_bytes()).unwrap();
        }
        writeln!(kinds, "{kind}\t{name}").unwrap();
    };
    let mut columns = vec![Vec::new(); COUNT];
    for (kind, part) in [("train", Part::Trees), ("threshold", Part::Threshold)] {
        for name in lists.part(part) {
            row(kind, &name);
            for (column, value) in columns.iter_mut().zip(features(&tables, &split(&name)).0.0) {
                column.push(value);
            }
        }
    }
    let material = synthetic::Material {
        words: &learnt.words,
        labels: &learnt.labels,
        suffixes: &learnt.known_suffixes,
    };
    for (_, name) in synthetic::names(1, GENERATORS, EACH, &material) {
        row("made", &name);
    }
    for (list, kind) in ["tranco", "crux"].iter().enumerate() {
        for name in lists.of(list, Part::Test) {
            row(kind, &name);
        }
    }
    for (family, names) in families::load() {
        for name in names {
            row(&format!("real:{family}"), &name);
        }
    }
    let levels: Vec<u8> = columns.iter_mut().flat_map(|c| levels(c)).collect();
    for (name, section) in ["pairs", "grams", "pieces", "suffixes", "levels"].iter().zip([
        &learnt.pairs,
        &learnt.grams,
        &learnt.pieces,
        &learnt.suffixes,
        &levels,
    ]) {
        std::fs::write(folder.join(name), section).unwrap();
    }
    std::fs::write(folder.join("features.txt"), NAMES.join("\n")).unwrap();
}

/// Values of one feature beyond which the shares of [`LEVELS`] lie, above and below.
fn levels(column: &mut [f32]) -> Vec<u8> {
    column.sort_by(f32::total_cmp);
    let at = |share: f32| ((column.len() as f32 * share) as usize).min(column.len() - 1);
    let above = LEVELS.iter().map(|s| column[column.len() - 1 - at(*s)]);
    let below = LEVELS.iter().map(|s| column[at(*s)]);
    above.chain(below).flat_map(f32::to_le_bytes).collect()
}

fn model(folder: &Path) {
    let sections = ["pairs", "grams", "pieces", "suffixes", "levels", "trees"]
        .map(|name| std::fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name} in DIR: {e}")));
    let bytes = joined(&sections.each_ref().map(Vec::as_slice));
    Tables::read(&bytes).expect("sections of one model");
    std::fs::write(folder.join("model.bin"), &bytes).unwrap();
    println!("{} bytes", bytes.len());
}
