//! What a lawyer reads: `golden/refusals.txt` holds requests in the form of `story`, each with the sentence of its refusal,
//! the nearest clause and the missing condition. `UPDATE_EXPECT=1 cargo test -p agreement` rewrites it; read the difference.

use crate::samples::all;
use crate::story::request;
use agreement::Ruling;
use std::{collections::BTreeSet, path::PathBuf};

#[test]
fn every_refusal_reads_as_a_sentence() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/refusals.txt");
    let golden = std::fs::read_to_string(&path).unwrap();
    let agreements = all();
    let (mut said, mut conditions) = (String::new(), BTreeSet::new());
    let asked = golden.lines().filter(|l| !l.is_empty() && !l.starts_with(' '));
    for line in asked {
        let (request, now) = request(line);
        let Ruling::Deny(d) = agreements.rule(&request, now) else { panic!("{line} is not refused") };
        let nearest = d.nearest.as_ref().map_or("none".to_owned(), ToString::to_string);
        said.push_str(&format!(
            "{line}\n  {} {}\n  nearest: {nearest}\n  missing: {}: {}\n\n",
            d.code,
            d.sentence(),
            d.condition,
            d.missing
        ));
        // Where a policy was asked the sentence says it in the same words.
        let asked = ["CMT-0202", "CMT-0203", "CMT-0204"].contains(&d.code);
        assert!(!asked || d.sentence().contains(&d.missing), "{line}: the sentence says what is missing");
        conditions.insert(d.condition);
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    assert_eq!(said, std::fs::read_to_string(&path).unwrap(), "UPDATE_EXPECT=1 rewrites it");
    let rows = said.lines().filter(|l| l.starts_with("  nearest")).count();
    assert!(rows >= 25 && conditions.len() >= 15, "{rows} rows of {} conditions", conditions.len());
}
