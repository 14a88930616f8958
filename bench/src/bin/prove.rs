//! The proof of an agreement of 200 clauses: all ten guarantees together, and each of them alone, on two workers.
//!
//! `COMITY_SOLVER` names the solver (cvc5 1.3 or newer); its processor seconds are those of this program's children.
//! Peer: the way proofs are usually written, one guarantee at a time, everything compiled anew for each.

use agreement::{
    Agreement, Policy, compile, parse,
    prove::{Guarantee, LocalSolver, Proof, SolverError, prove},
};
use std::time::Instant;

#[path = "../../../crates/agreement/tests/it/prove/large.rs"]
mod large;

const WORKERS: usize = 2;

fn start() -> Result<LocalSolver, SolverError> {
    let program = std::env::var_os("COMITY_SOLVER").unwrap_or_else(|| "cvc5".into());
    let mut command = tokio::process::Command::new(program);
    LocalSolver::from_command(command.args(["--lang", "smt", "--tlimit-per=120000"]).kill_on_drop(true))
}

/// Seconds by the clock, and processor seconds of this program and of the solvers that ended.
fn timed(work: impl FnOnce() -> Proof) -> (Proof, f64, f64) {
    let (cpu, wall) = (spent(), Instant::now());
    let proof = work();
    (proof, wall.elapsed().as_secs_f64(), spent() - cpu)
}

/// User and system time of this process and of its children that were waited for, from `/proc/self/stat`.
fn spent() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after.split_whitespace().skip(11).take(4).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn all(a: &Agreement, p: &Policy, which: &[Guarantee]) -> Proof {
    prove(a, p, which, WORKERS, start, &|_, _| {}).expect("the solver answers")
}

fn main() {
    let clauses = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(200);
    let agreement = parse("large", &large::text(clauses)).expect("the text is in order");
    let policy = compile(&agreement).expect("it compiles");
    let (rules, duties) = policy.len();
    println!("{} clauses, {rules} rules, {duties} duties, {WORKERS} workers", agreement.clauses().len());
    let (proof, wall, cpu) = timed(|| all(&agreement, &policy, Guarantee::ALL));
    let asked: usize = proof.theorems.iter().map(|t| t.asked).sum();
    println!("all ten: {wall:.2} s, {cpu:.2} CPU s, {asked} questions, holds: {}", proof.holds());
    let mut sum = 0.0;
    for guarantee in Guarantee::ALL {
        let (proof, wall, cpu) = timed(|| all(&agreement, &policy, &[*guarantee]));
        sum += cpu;
        println!("{:>16}: {wall:.2} s, {cpu:.2} CPU s, holds: {}", guarantee.word(), proof.holds());
    }
    println!("one at a time, compiled anew for each: {sum:.2} CPU s");
}
