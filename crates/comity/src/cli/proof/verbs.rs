//! `agree prove`: texts in, theorems out.

use super::print;
use super::solver::Program;
use crate::cli::args::Prove;
use crate::cli::errors::Fault;
use crate::cli::out::Out;
use crate::cli::partners::{read, shown, write};
use crate::cli::progress::Progress;
use crate::cli::{Done, Outcome};
use crate::node::agree::{compile, parse};
use crate::node::error::{Ending, NodeError};
use agreement::prove::{
    Certificate, CertificateError, Guarantee, MAX_CERTIFICATE, Proof, ProofError, SolverName, Unanswered,
};
use agreement::{Agreement, Policy};
use ed25519_dalek::SigningKey;
use std::path::Path;
use std::time::{Duration, Instant};

/// Proves each text; one that fails does not hide the others.
pub fn prove(args: &Prove, out: &mut Out) -> Done {
    let one = args.out.as_ref().or(args.check.as_ref());
    if one.is_some() && args.files.len() != 1 {
        return Err(Fault::usage("a certificate is of one text", "name one FILE with `--out` or `--check`"));
    }
    if let Some(certificate) = &args.check {
        return check(args, certificate, out);
    }
    let program = Program::find(&args.solver)?;
    let mut all = true;
    for file in &args.files {
        let (agreement, stands_in) = text(file, out)?;
        let policy = compile(&agreement)?;
        let (proof, took) = run(args, &agreement, &policy, Some(&program), out)?;
        all &= proof.holds();
        print::proof(&shown(file), &proof, &program.name, took, out);
        if let Some(to) = &args.out {
            if stands_in {
                return Err(Fault::usage(
                    "the text is not filled, so its certificate would be of no text that is signed",
                    "fill it with `comity agree fill` first",
                ));
            }
            if proof.holds() {
                let certificate = Certificate::of(&proof, program.name.clone()).map_err(ProofError::from)?;
                // The file's own SHA-256 is what is signed.
                write(to, &certificate.to_bytes())?;
                out.labelled("certificate", &certificate.digest().to_string());
                out.talk(format!("next: comity agree sign {} --certificate {}", shown(file), shown(to)));
            }
        }
    }
    Ok(if all { Outcome::Done } else { Ending::NotVerified.into() })
}

/// Makes the questions of a certificate again, and asks them again unless told not to.
fn check(args: &Prove, path: &Path, out: &mut Out) -> Done {
    let Some(file) = args.files.first() else { return Ok(Outcome::Done) };
    let certificate = certificate(path)?;
    let (agreement, _) = text(file, out)?;
    let policy = compile(&agreement)?;
    let program = if args.no_solver { None } else { Some(Program::find(&args.solver)?) };
    let (again, took) = run(args, &agreement, &policy, program.as_ref(), out)?;
    certificate.check(&again).map_err(ProofError::from)?;
    print::checked(&shown(file), &certificate, program.as_ref().map(|p| &p.name), took, out);
    Ok(Outcome::Done)
}

/// Reads a certificate of bounded size.
pub fn certificate(path: &Path) -> Result<Certificate, Fault> {
    let text = read(path)?;
    if text.len() > MAX_CERTIFICATE {
        return Err(ProofError::from(CertificateError("it is larger than 64 KiB".to_owned())).into());
    }
    Ok(Certificate::from_bytes(text.as_bytes()).map_err(ProofError::from)?)
}

fn run(
    args: &Prove,
    agreement: &Agreement,
    policy: &Policy,
    program: Option<&Program>,
    out: &mut Out,
) -> Result<(Proof, Duration), Fault> {
    let began = Instant::now();
    let progress = Progress::over(out, 0, "proving");
    let told = |_, of| progress.reach(of);
    let workers = workers(args.solver.workers);
    let proof = match program {
        Some(p) => agreement::prove::prove(agreement, policy, Guarantee::ALL, workers, || p.start(), &told),
        None => agreement::prove::prove(agreement, policy, Guarantee::ALL, workers, || Ok(Unanswered), &told),
    }?;
    Ok((proof, began.elapsed()))
}

/// How many solvers work at once.
pub fn workers(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(2, usize::from), usize::from)
}

/// A text, and whether keys had to be stood in for.
pub fn text(file: &Path, out: &mut Out) -> Result<(Agreement, bool), NodeError> {
    let text = read(file)?;
    let left = agreement::placeholders(&text);
    let keys: Vec<(String, String)> = (left.iter().filter(|name| name.ends_with(".key")).enumerate())
        .map(|(n, name)| {
            // No guarantee speaks of keys; these belong to nobody.
            let key = SigningKey::from_bytes(&[u8::try_from(n + 1).unwrap_or(255); 32]);
            (name.clone(), agreement::key_text(&key.verifying_key()))
        })
        .collect();
    if !keys.is_empty() {
        out.talk(format!("note: {} is not filled; keys of nobody stand in for its own", shown(file)));
    }
    let values: Vec<(&str, &str)> = keys.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    Ok((parse(&shown(file), &agreement::fill(&text, &values))?, !keys.is_empty()))
}

/// The solver's own words about itself.
pub fn named(name: &SolverName) -> String {
    format!("{} {}", name.name, name.version)
}
