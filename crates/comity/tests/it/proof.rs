//! `agree prove` and `agree diff` as a person runs them. Where no solver is, what needs one is skipped with a message.

use super::support::{comity, said};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The solver: `COMITY_SOLVER`, or the repository's own where Python has the bindings.
fn solver() -> Option<PathBuf> {
    let named = std::env::var_os("COMITY_SOLVER").map(PathBuf::from);
    let program = named.unwrap_or_else(|| root().join("tools/cvc5-smtlib"));
    let works = Command::new(&program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !works {
        assert!(std::env::var_os("COMITY_SOLVER").is_none(), "COMITY_SOLVER does not start");
        eprintln!("skipped: no solver here (pip install cvc5, or set COMITY_SOLVER)");
    }
    works.then_some(program)
}

fn agree(args: &[&str]) -> Output {
    // No home is needed, and none is made.
    let nowhere = Path::new("/nonexistent/home");
    comity(nowhere).arg("agree").args(args).output().unwrap()
}

fn out(done: &Output) -> String {
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn without_a_solver_it_says_how_to_get_one() {
    let text = root().join("agreements/company-police.mou.md");
    let done = agree(&["prove", text.to_str().unwrap(), "--solver", "/nonexistent/cvc5"]);
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    let told = String::from_utf8_lossy(&done.stderr);
    let code = if cfg!(feature = "prove") { "CMT-1166" } else { "CMT-1167" };
    assert!(told.contains(code), "{told}");
    assert!(!cfg!(feature = "prove") || told.contains("pip install cvc5"), "{told}");
}

#[cfg(feature = "prove")]
#[test]
fn ten_theorems_of_each_agreement_and_one_sentence_for_a_broken_text() {
    let Some(solver) = solver() else { return };
    let solver = solver.to_str().unwrap();
    let texts: Vec<String> = ["company-police", "company-region", "company-fintech"]
        .iter()
        .map(|n| root().join(format!("agreements/{n}.mou.md")).display().to_string())
        .collect();
    let mut args = vec!["prove", "--solver", solver];
    args.extend(texts.iter().map(String::as_str));
    let done = agree(&args);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert_eq!(out(&done).matches("  proved  ").count(), 30, "{}", out(&done));

    let broken = root().join("conformance/agreement/broken-indicator-and-address.mou.md");
    let done = agree(&["prove", "--solver", solver, broken.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(4), "{}", said(&done));
    let words: Vec<String> = out(&done).split_whitespace().map(str::to_owned).collect();
    let words = words.join(" ");
    let sentence = "the company could give the police a record that is both network-indicator and victim-ip in the clear for malware-analysis: clause 3.2 lets it pass and no clause forbids it.";
    assert!(words.contains(sentence), "{words}");
}

#[cfg(feature = "prove")]
#[test]
fn a_certificate_is_written_checked_and_refused_for_another_text() {
    let Some(solver) = solver() else { return };
    let solver = solver.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("certificate.json");
    let certificate = path.to_str().unwrap();
    let text = root().join("conformance/agreement/broken-none.mou.md");
    let text = text.to_str().unwrap();
    let done = agree(&["prove", text, "--solver", solver, "--out", certificate]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    for more in [vec!["--no-solver"], vec!["--solver", solver]] {
        let done = agree(&[vec!["prove", text, "--check", certificate], more].concat());
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    }
    let other = folder.path().join("other.mou.md");
    let changed = std::fs::read_to_string(text).unwrap().replace("aggregate(10)", "aggregate(11)");
    std::fs::write(&other, changed).unwrap();
    let done = agree(&["prove", other.to_str().unwrap(), "--check", certificate, "--no-solver"]);
    assert_eq!(done.status.code(), Some(4), "{}", said(&done));
    assert!(String::from_utf8_lossy(&done.stderr).contains("CMT-0243"), "{}", said(&done));

    // What the amendment changes: counts over eleven for counts over ten.
    let done = agree(&["diff", text, other.to_str().unwrap(), "--solver", solver]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let words: Vec<String> = out(&done).split_whitespace().map(str::to_owned).collect();
    let words = words.join(" ");
    assert!(words.contains("widens: 0 kinds of request narrows: 1 kind of request"), "{words}");
    assert!(
        words.contains("victim-ip as counts over at least 10 for botnet-measurement: the old text"),
        "{words}"
    );
    let done = agree(&["diff", text, text, "--solver", solver]);
    assert!(out(&done).starts_with("neither:"), "{}", said(&done));
}
