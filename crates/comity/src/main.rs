//! The door: a child when it is started as one, else the command line.

use comity::work::child;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    // Before anything else: what a child does not have yet, hostile bytes cannot reach.
    if args.next().is_some_and(|a| a == child::ARGUMENT) {
        return ExitCode::from(child::run(
            &args.map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>(),
        ));
    }
    comity::cli::run(std::env::args_os())
}
