//! `agree diff`: what an amendment widens and what it narrows.

use super::solver::Program;
use super::verbs::text;
use crate::cli::args::DiffArgs;
use crate::cli::errors::Fault;
use crate::cli::out::{Out, counted};
use crate::cli::progress::Progress;
use crate::cli::{Done, Outcome};
use crate::node::agree::compile;
use agreement::prove::{Change, Changes, Side};

/// Compares two texts by what they let pass.
pub fn diff(args: &DiffArgs, out: &mut Out) -> Done {
    let (old, _) = text(&args.old, out)?;
    let (new, _) = text(&args.new, out)?;
    if old.parties() != new.parties() {
        return Err(Fault::usage(
            "the two texts are between other parties",
            "give two versions of one agreement, the older one first",
        ));
    }
    let (old_policy, new_policy) = (compile(&old)?, compile(&new)?);
    let (was, is) =
        (Side { agreement: &old, policy: &old_policy }, Side { agreement: &new, policy: &new_policy });
    let bar = Progress::open(out, "comparing");
    let (changes, how) = match Program::find(&args.solver) {
        Ok(program) => {
            let changes = agreement::prove::diff(was, is, || program.start())?;
            (changes, format!("proved by {}", super::verbs::named(&program.name)))
        }
        // A solver that was named and does not answer is a mistake; none at all is not.
        Err(fault) if args.solver.solver.is_some() => return Err(fault),
        Err(fault) => {
            out.talk(format!("note: {fault}"));
            (
                agreement::prove::diff_by_model(was, is)?,
                "not proved: no solver, so a small model only".to_owned(),
            )
        }
    };
    drop(bar);
    print(&changes, &how, out);
    out.object(&serde_json::json!({
        "schema": "comity.agreement-diff/1", "old": old.version(), "new": new.version(), "proved": changes.proved,
        "more": changes.more, "members": changes.members, "widens": changes.widens, "narrows": changes.narrows,
    }));
    Ok(Outcome::Done)
}

fn print(changes: &Changes, how: &str, out: &mut Out) {
    if changes.none() {
        out.line(format!("neither: both texts let the same pass ({how})"));
        return;
    }
    section("widens", &changes.widens, out);
    section("narrows", &changes.narrows, out);
    if !changes.members.is_empty() {
        out.heading("members");
        changes.members.iter().for_each(|m| out.paragraph(4, m));
    }
    if changes.more {
        out.line("There are more: the list was cut short.");
    }
    out.line(how);
}

fn section(title: &str, changes: &[Change], out: &mut Out) {
    out.heading(&format!("{title}: {} of request", counted(changes.len() as u64, "kind")));
    for change in changes {
        out.hanging("  - ", &change.sentence);
    }
}
