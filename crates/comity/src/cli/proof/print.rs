//! What a proof looks like.

use super::verbs::named;
use crate::cli::out::{Out, counted};
use agreement::prove::{Certificate, Counterexample, Proof, SolverName, Standing, Theorem};
use std::time::Duration;

/// Ten theorems, and under each that does not stand the sentence that shows it.
pub fn proof(file: &str, proof: &Proof, solver: &SolverName, took: Duration, out: &mut Out) {
    out.object(&serde_json::json!({
        "schema": "comity.proof/1", "file": file, "agreement": proof.agreement, "number": proof.number,
        "text": proof.text, "policy": proof.policy, "solver": solver, "seconds": took.as_secs_f64(),
        "holds": proof.holds(), "theorems": proof.theorems.iter().map(object).collect::<Vec<_>>(),
    }));
    out.heading(&format!("{file}: {} version {}", proof.agreement, proof.number));
    for (n, theorem) in proof.theorems.iter().enumerate() {
        out.line(format!("  {:>2}  {:<7} {}", n + 1, theorem.standing.word(), theorem.guarantee));
        if let Some(counter) = counterexample(theorem) {
            out.paragraph(14, &counter.sentence);
            if !counter.held_by.is_empty() {
                let held = counter.held_by.join(", ");
                out.paragraph(14, &format!("Only the standing prohibition {held} holds that door."));
            }
        }
    }
    let proved = proof.theorems.iter().filter(|t| t.standing == Standing::Proved).count();
    let asked: usize = proof.theorems.iter().map(|t| t.asked).sum();
    let asked = counted(asked as u64, "question");
    out.line(format!(
        "  {proved} of {} proved by {}: {asked}, {:.1} s",
        proof.theorems.len(),
        named(solver),
        took.as_secs_f64()
    ));
}

fn counterexample(theorem: &Theorem) -> Option<&Counterexample> {
    match &theorem.standing {
        Standing::Broken(c) | Standing::Open(c) => Some(c),
        _ => None,
    }
}

fn object(t: &Theorem) -> serde_json::Value {
    serde_json::json!({
        "guarantee": t.guarantee, "title": t.guarantee.title(), "promise": t.guarantee.promise(),
        "standing": t.standing.word(), "asked": t.asked, "folded": t.folded, "questions": t.questions,
        "counterexample": counterexample(t),
    })
}

/// A certificate that was borne out.
pub fn checked(file: &str, it: &Certificate, solver: Option<&SolverName>, took: Duration, out: &mut Out) {
    out.object(&serde_json::json!({
        "schema": "comity.certificate-checked/1", "file": file, "agreement": it.agreement, "text": it.text,
        "policy": it.policy, "certificate": it.digest(), "asked_again": solver.is_some(), "solver": solver,
        "seconds": took.as_secs_f64(),
    }));
    let how = match solver {
        Some(name) => format!("{} answered every question again", named(name)),
        None => "its questions are those of this text; none was asked".to_owned(),
    };
    out.line(format!("the certificate of {} fits: {how}", it.agreement));
    out.labelled("certificate", &it.digest().to_string());
}
