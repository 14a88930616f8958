//! The solver: which program, started how.

use crate::cli::args::SolverArgs;
use crate::cli::errors::Fault;
use agreement::prove::{LocalSolver, SolverError, SolverName};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// The oldest cvc5 whose theory of sets answers.
const OLDEST: (u32, u32) = (1, 3);

/// A program that answered `--version`.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    seconds: u32,
    /// What it is.
    pub name: SolverName,
}

impl Program {
    /// The solver that the flags, the environment or the path name.
    pub fn find(args: &SolverArgs) -> Result<Self, Fault> {
        let named = args.solver.clone().or_else(|| {
            ["COMITY_SOLVER", "CVC5"]
                .iter()
                .find_map(|v| std::env::var_os(v).filter(|v| !v.is_empty()))
                .map(PathBuf::from)
        });
        let tried = match named {
            Some(path) => vec![path],
            None => vec![PathBuf::from("cvc5"), PathBuf::from("cvc5-smtlib")],
        };
        let mut why = Vec::new();
        for path in tried {
            match version(&path) {
                Ok(version) => {
                    let name = SolverName { name: "cvc5".to_owned(), version };
                    return Ok(Self { path, seconds: args.seconds, name });
                }
                Err(e) => why.push(format!("`{}` {e}", path.display())),
            }
        }
        Err(Fault::NoSolver { why: why.join(", ") })
    }

    /// Starts one.
    pub fn start(&self) -> Result<LocalSolver, SolverError> {
        let mut command = tokio::process::Command::new(&self.path);
        command.args(["--lang", "smt"]);
        command.arg(OsString::from(format!("--tlimit-per={}", u64::from(self.seconds) * 1_000)));
        LocalSolver::from_command(command.kill_on_drop(true))
    }
}

fn version(program: &PathBuf) -> Result<String, String> {
    let out = Command::new(program).arg("--version").output().map_err(|e| format!("does not start: {e}"))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        return Err(format!("does not start: {}", said.lines().last().unwrap_or("it says nothing").trim()));
    }
    let said = String::from_utf8_lossy(&out.stdout);
    let words: Vec<&str> = said.split_whitespace().take(12).collect();
    let version = (words.windows(2))
        .find_map(|w| if let ["version", v] = w { Some((*v).to_owned()) } else { None })
        .filter(|_| words.contains(&"cvc5"))
        .ok_or("is not cvc5")?;
    let number = |n: usize| version.split(['.', '-']).nth(n).and_then(|p| p.parse::<u32>().ok()).unwrap_or(0);
    if (number(0), number(1)) < OLDEST {
        return Err(format!("is cvc5 {version}, and {}.{} or newer is needed", OLDEST.0, OLDEST.1));
    }
    Ok(version)
}
