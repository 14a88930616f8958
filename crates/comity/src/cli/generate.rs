//! `generate`: shell completions and man pages, made of the same declarations that read the command line.

use super::args::{Cli, Generate, Generated};
use super::errors::Fault;
use super::out::Out;
use super::{Done, Outcome};
use crate::node::error::NodeError;
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::path::{Path, PathBuf};

/// Writes what is asked for and names each file.
pub fn generate(args: &Generate, out: &mut Out) -> Done {
    let failed = |e| Fault::from(NodeError::file("writing", &args.out, e));
    std::fs::create_dir_all(&args.out).map_err(failed)?;
    let written = match args.what {
        Generated::Bash => vec![completions(Shell::Bash, &args.out).map_err(failed)?],
        Generated::Zsh => vec![completions(Shell::Zsh, &args.out).map_err(failed)?],
        Generated::Fish => vec![completions(Shell::Fish, &args.out).map_err(failed)?],
        Generated::Man => pages(&args.out).map_err(failed)?,
    };
    for path in written {
        out.line(path.display().to_string());
        out.object(&serde_json::json!({ "schema": "comity.written/1", "path": path }));
    }
    Ok(Outcome::Done)
}

fn completions(shell: Shell, folder: &Path) -> std::io::Result<PathBuf> {
    clap_complete::generate_to(shell, &mut Cli::command(), "comity", folder)
}

/// One page for the program and one for each verb (`comity-agree-join.1`), also for the one that help does not list.
fn pages(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    clap_mangen::generate_to(Cli::command().mut_subcommand("generate", |c| c.hide(false)), folder)?;
    let mut written: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| {
            let name = p.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            name.starts_with("comity") && name.ends_with(".1")
        })
        .collect();
    written.sort();
    Ok(written)
}
