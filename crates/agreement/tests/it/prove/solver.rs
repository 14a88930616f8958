//! The solver of this machine, for tests that need one.

use super::{LocalSolver, SolverError};
use std::{path::PathBuf, process::Command, sync::OnceLock};

/// The program that answers: `COMITY_SOLVER`, a `cvc5` on the path, or the repository's own over Python's bindings.
fn program() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            if let Some(named) = std::env::var_os("COMITY_SOLVER") {
                let named = PathBuf::from(named);
                assert!(works(&named), "COMITY_SOLVER names {named:?}, which does not start");
                return Some(named);
            }
            let ours = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tools/cvc5-smtlib");
            [PathBuf::from("cvc5"), ours].into_iter().find(works)
        })
        .as_ref()
}

fn works(program: &PathBuf) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success())
}

/// Whether there is one; where not, says so.
pub fn present() -> bool {
    let there = program().is_some();
    if !there {
        eprintln!("skipped: no solver here (pip install cvc5, or set COMITY_SOLVER)");
    }
    there
}

pub fn start() -> Result<LocalSolver, SolverError> {
    let mut command = tokio::process::Command::new(program().unwrap());
    LocalSolver::from_command(command.args(["--lang", "smt", "--tlimit-per=60000"]).kill_on_drop(true))
}
