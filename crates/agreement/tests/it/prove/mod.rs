//! The standing guarantees, proved of the sample agreements and refuted of the broken texts.

mod large;
mod solver;

use agreement::{
    Agreement, compile, parse,
    prove::{
        Certificate, Guarantee, LocalSolver, Proof, Side, SolverError, SolverName, Standing, Unanswered,
        diff, diff_by_model, enumerate, prove,
    },
};
use std::path::PathBuf;

fn proof(a: &Agreement) -> Proof {
    prove(a, &compile(a).unwrap(), Guarantee::ALL, 2, solver::start, &|_, _| {}).unwrap()
}

fn read(name: &str, text: &str) -> Agreement {
    parse(name, text).unwrap_or_else(|e| panic!("{}", e.render()))
}

/// What is said of each guarantee that does not stand proved.
fn said(proof: &Proof) -> Vec<String> {
    let tell = |t: &agreement::prove::Theorem| match &t.standing {
        Standing::Broken(c) | Standing::Open(c) => {
            Some(format!("{} {}: {}", t.standing.word(), t.guarantee.word(), c.sentence))
        }
        Standing::Proved => None,
        other => Some(format!("{} {}", other.word(), t.guarantee.word())),
    };
    proof.theorems.iter().filter_map(tell).collect()
}

/// What a small model, gone through from end to end, says falls.
fn fallen(a: &Agreement) -> Vec<String> {
    let said = enumerate(a, &compile(a).unwrap(), Guarantee::ALL).unwrap();
    assert!(said.requests > 1_000_000, "{}", said.requests);
    said.fallen.iter().map(|g| g.word().to_owned()).collect()
}

#[test]
fn every_request_of_a_small_model_agrees_with_the_samples_proofs() {
    for name in crate::samples::TEXTS {
        assert_eq!(fallen(&crate::samples::sample(name)), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_request_of_a_small_model_agrees_with_each_header() {
    for row in rows() {
        let (mut expect, mut fell) = (row.expect, fallen(&read(&row.name, &row.text)));
        expect.sort();
        fell.sort();
        assert_eq!(fell, expect, "{}", row.name);
    }
}

#[test]
fn the_sample_agreements_keep_every_guarantee() {
    if !solver::present() {
        return;
    }
    for name in crate::samples::TEXTS {
        let proof = proof(&crate::samples::sample(name));
        assert_eq!(said(&proof), Vec::<String>::new(), "{name}");
        assert_eq!(proof.theorems.len(), 10);
        // Not proved by saying nothing: the solver was asked.
        assert!(proof.theorems.iter().map(|t| t.asked).sum::<usize>() > 10, "{name}");
    }
}

/// One row of `conformance/agreement`: a text, and beside it what its proof must say.
struct Row {
    name: String,
    text: String,
    expect: Vec<String>,
    clauses: Vec<String>,
}

fn rows() -> Vec<Row> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance/agreement");
    let mut out = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()?.strip_suffix(".proof")) else { continue };
        let header = std::fs::read_to_string(&path).unwrap();
        let line = |word: &str| {
            header.lines().find_map(|l| l.strip_prefix(word)).map(|v| v.trim().to_owned()).unwrap_or_default()
        };
        let list =
            |text: &str| text.split(", ").filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let expect = line("expect:");
        assert!(!line("because:").is_empty(), "{name} does not say why");
        let expect = match expect.strip_prefix("open ") {
            Some(open) => list(open),
            None => {
                assert_eq!(expect, "proved", "{name}");
                Vec::new()
            }
        };
        let text = std::fs::read_to_string(path.with_file_name(format!("{name}.mou.md"))).unwrap();
        out.push(Row { name: name.to_owned(), text, expect, clauses: list(&line("clauses:")) });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

#[test]
fn a_broken_text_is_told_in_one_sentence_with_its_clauses() {
    let rows = rows();
    assert!(rows.iter().filter(|r| !r.expect.is_empty()).count() >= 12);
    if !solver::present() {
        return;
    }
    for row in rows {
        let proof = proof(&read(&row.name, &row.text));
        let mut open: Vec<String> = Vec::new();
        for theorem in &proof.theorems {
            match &theorem.standing {
                Standing::Proved => {}
                Standing::Open(c) => {
                    open.push(theorem.guarantee.word().to_owned());
                    eprintln!("{}: {}", row.name, c.sentence);
                    let s = &c.sentence;
                    assert!(s.starts_with("On 20") && s.ends_with("no clause forbids it."), "{s}");
                    assert!(!c.clauses.is_empty() && !c.held_by.is_empty(), "{s}");
                    assert!(c.clauses.iter().all(|n| s.contains(n)), "{s}");
                    if open.len() == 1 {
                        assert!(row.clauses.iter().all(|n| c.clauses.contains(n)), "{}: {s}", row.name);
                    }
                }
                other => panic!("{}: {} {}", row.name, theorem.guarantee.word(), other.word()),
            }
        }
        let (mut expect, mut open) = (row.expect, open);
        expect.sort();
        open.sort();
        assert_eq!(open, expect, "{}", row.name);
    }
}

#[test]
fn a_certificate_is_made_again_by_anybody() {
    if !solver::present() {
        return;
    }
    let a = crate::samples::sample("company-fintech");
    let proof = proof(&a);
    let name = SolverName { name: "cvc5".into(), version: "1.4".into() };
    let certificate = Certificate::of(&proof, name.clone()).unwrap();
    let bytes = certificate.to_bytes();
    assert_eq!(Certificate::from_bytes(&bytes).unwrap(), certificate);
    // Without a solver the questions are written down again, and are the same.
    let unasked = || Ok(Unanswered);
    let policy = compile(&a).unwrap();
    let again = prove(&a, &policy, Guarantee::ALL, 1, unasked, &|_, _| {}).unwrap();
    certificate.check(&again).unwrap();
    assert!(Certificate::of(&again, name.clone()).is_err(), "what was not asked is not proved");
    // With one they are answered again.
    certificate.check(&proof).unwrap();

    // Another text, another policy, another question: refused.
    let other = crate::samples::sample("company-region");
    let elsewhere = prove(&other, &compile(&other).unwrap(), Guarantee::ALL, 1, unasked, &|_, _| {}).unwrap();
    assert!(certificate.check(&elsewhere).unwrap_err().to_string().contains("text"));
    let mut forged = proof.clone();
    forged.theorems[2].questions = forged.theorems[3].questions;
    assert!(certificate.check(&forged).unwrap_err().to_string().contains("purposes"));
    // Any byte changed is refused, or changes the digest that is signed.
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        match Certificate::from_bytes(&changed) {
            Ok(c) => assert_ne!(c.digest(), certificate.digest()),
            Err(e) => assert!(e.to_string().contains("certificate"), "{e}"),
        }
    }
    // An open door has no certificate.
    let row = rows().into_iter().find(|r| r.name == "broken-indicator-and-address").unwrap();
    assert!(Certificate::of(&self::proof(&read(&row.name, &row.text)), name).is_err());
}

/// The base of the broken texts with one edit.
fn amended(from: &str, to: &str) -> Agreement {
    let row = rows().into_iter().find(|r| r.name == "broken-none").unwrap();
    assert!(row.text.contains(from), "{from}");
    read("amended", &row.text.replace(from, to))
}

#[test]
fn an_amendment_is_told_by_what_it_widens_and_narrows() {
    if !solver::present() {
        return;
    }
    let old = amended("Three years.", "Three years.");
    // What is edited, and a fragment of what widens and what narrows; empty: nothing does.
    let table: &[(&str, &str, &str, &str)] = &[
        ("Three years.", "Three years, no more.", "", ""),
        ("aggregate(10)", "aggregate(12)", "", "victim-ip as counts over at least 10 for botnet-measurement"),
        ("aggregate(10)", "aggregate(8)", "victim-ip as counts over at least 8 for botnet-measurement", ""),
        ("{ records = 1000 }", "{ records = 2000 }", "1001 records that are victim-ip", ""),
        (
            "until = 2028-12-31",
            "until = 2029-12-31",
            "in the old text the standing prohibition term refuses it",
            "",
        ),
        (
            "categories = [\"c2-infrastructure\"]\npurpose = [\"malware-analysis\"]",
            "categories = [\"c2-infrastructure\"]\npurpose = [\"botnet-measurement\"]",
            "c2-infrastructure in the clear for botnet-measurement: the new text lets it pass by clause 3.1",
            "c2-infrastructure in the clear for malware-analysis: the old text lets it pass by clause 3.1",
        ),
        ("codes = [\"h0\", \"h1\"]", "codes = [\"h0\"]", "", "marked H1"),
    ];
    for (from, to, widens, narrows) in table {
        let new = amended(from, to);
        let (was, is) = (compile(&old).unwrap(), compile(&new).unwrap());
        let (was, is) = (Side { agreement: &old, policy: &was }, Side { agreement: &new, policy: &is });
        let changes = diff(was, is, solver::start).unwrap();
        assert!(changes.proved && !changes.more);
        for (fragment, found) in [(widens, &changes.widens), (narrows, &changes.narrows)] {
            let told: Vec<&str> = found.iter().map(|c| c.sentence.as_str()).collect();
            assert_eq!(fragment.is_empty(), told.is_empty(), "{to}: {told:#?}");
            assert!(fragment.is_empty() || told.iter().any(|s| s.contains(fragment)), "{to}: {told:#?}");
        }
        // The model sees no widening where it was proved that there is none.
        let model = diff_by_model(was, is).unwrap();
        assert!(!model.proved);
        assert!(model.widens.is_empty() || !changes.widens.is_empty(), "{to}");
        assert!(model.narrows.is_empty() || !changes.narrows.is_empty(), "{to}");
    }
}

#[test]
fn two_hundred_clauses_are_proved() {
    if !solver::present() {
        return;
    }
    let a = read("large", &large::text(200));
    assert_eq!(a.clauses().len(), 200);
    assert_eq!(said(&proof(&a)), Vec::<String>::new());
}
