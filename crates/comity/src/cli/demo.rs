//! `demo`: the whole operation on generated evidence, told step by step.

use super::args::Demo;
use super::errors::Fault;
use super::home::Meant;
use super::out::Out;
use super::{Done, Outcome};
use crate::demo::tell;
use crate::node::error::NodeError;
use exercise::Spec;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs the operation and says where everything lies.
pub async fn demo(meant: &Meant, args: &Demo, out: &mut Out) -> Done {
    let spec = Spec { seed: args.seed, bots: args.bots, ..Spec::default() };
    spec.validate().map_err(NodeError::from)?;
    let dir = folder(args.dir.as_deref())?;
    let program = meant.options()?.program;
    let told = tell(&dir, &spec, &program, &mut |line| out.line_now(line)).await?;
    out.object(&told);
    if !args.headless && std::io::stdout().is_terminal() {
        open(&told.report);
    }
    Ok(Outcome::Done)
}

/// The folder named, which must hold nothing yet, or a new one beside the temporary files.
fn folder(named: Option<&Path>) -> Result<PathBuf, Fault> {
    let Some(dir) = named else {
        let made = tempfile::Builder::new().prefix("comity-demo-").tempdir();
        let failed = |e| NodeError::file("making a folder in", &std::env::temp_dir(), e);
        return Ok(made.map_err(failed)?.keep());
    };
    let failed = |e| NodeError::file("using", dir, e);
    std::fs::create_dir_all(dir).map_err(failed)?;
    if std::fs::read_dir(dir).map_err(failed)?.next().is_some() {
        let help = "name a folder that is empty or not there yet";
        return Err(Fault::usage(format!("`{}` is not empty", dir.display()), help));
    }
    Ok(std::fs::canonicalize(dir).map_err(failed)?)
}

/// Shows the report where a desktop is there. Where none is, its path was printed.
fn open(report: &Path) {
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|v| std::env::var_os(v).is_some());
    if desktop {
        let mut viewer = Command::new("xdg-open");
        let _ = viewer.arg(report).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    }
}
