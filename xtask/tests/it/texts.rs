//! The texts at the root say what is true.

use crate::walls::root;
use std::collections::BTreeSet;

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_default()
}

#[test]
fn every_public_type_of_terms_has_its_glossary_entry() {
    let glossary = read("GLOSSARY.md").to_lowercase();
    let lib = read("crates/terms/src/lib.rs");
    let names: BTreeSet<&str> = lib
        .lines()
        .skip_while(|l| !l.starts_with("pub use"))
        .flat_map(|l| l.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|w| {
            w.chars().next().is_some_and(|c| c.is_ascii_uppercase()) && w.chars().any(|c| c.is_lowercase())
        })
        .collect();
    assert!(names.len() > 20, "the list of types was not found");
    for name in names {
        assert!(glossary.contains(&format!("`{}`", name.to_lowercase())), "GLOSSARY.md lacks `{name}`");
    }
}

#[test]
fn every_dependency_has_its_line_of_reason() {
    let reasons = read("docs/dependencies.md");
    let manifest = read("Cargo.toml");
    let table = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names = table.lines().filter_map(|l| l.split_once(" = ")).filter(|(_, v)| !v.contains("path ="));
    let mut count = 0;
    for (name, _) in names {
        count += 1;
        assert!(reasons.contains(&format!("| `{}` |", name.trim())), "docs/dependencies.md lacks `{name}`");
    }
    assert!(count > 30, "the table of dependencies was not found");
}

#[test]
fn the_first_commands_of_the_readme_are_the_two() {
    let readme = read("README.md");
    for command in ["cargo xtask demo", "cargo xtask test", "cargo install --path crates/comity"] {
        assert!(readme.contains(command), "README.md lacks `{command}`");
    }
}
