//! `case label`: of which categories exhibits are, who says so and why.

use super::errors::Fault;
use super::out::{Out, count, counted, short};
use crate::node::Node;
use crate::node::label::{Labelled, Said, words};
use terms::Labelling;
use threat::Case;

/// Exhibits of a list that people get; programs get all.
const SHOWN: usize = 100;

/// Labels by hand where categories are given, and shows what counts.
pub async fn label(
    node: &Node,
    case: &str,
    on: &[String],
    of: &[String],
    why: Option<&str>,
    out: &mut Out,
) -> Result<(), Fault> {
    let all = match of {
        [] => node.labels(case, on).await?,
        of => node.label(case, on, of, why).await?,
    };
    all.iter().for_each(|one| out.object(one));
    if all.is_empty() {
        out.line("the case holds no exhibit");
    }
    for one in all.iter().take(SHOWN) {
        out.line(format!("{}  {}  {}", short(one.exhibit), one.kind, counts_as(one)));
        one.labels.iter().for_each(|said| out.paragraph(4, &told(said)));
    }
    super::laboratory::more(all.len(), SHOWN, out);
    let unlabelled = all.iter().filter(|l| l.unlabelled && !l.erased).count() as u64;
    if unlabelled > 0 {
        out.talk(format!(
            "{} not labelled by a person: unlabelled counts as the strictest",
            counted(unlabelled, "exhibit")
        ));
    }
    Ok(())
}

/// What an exhibit counts as, in a few words.
pub fn counts_as(one: &Labelled) -> String {
    match (one.erased, one.unlabelled) {
        (true, _) => "(erased)".to_owned(),
        (_, true) => format!("{} (unlabelled)", words(&one.categories)),
        _ => words(&one.categories),
    }
}

/// One label as a sentence.
fn told(said: &Said) -> String {
    let label = &said.label;
    let who = said.name.as_ref().map_or_else(|| label.by.to_string(), ToString::to_string);
    let why = label.reason.as_ref().map_or_else(String::new, |r| format!(": {r}"));
    let replaced = if said.counts { "" } else { ", replaced since" };
    format!("{} says {who} ({}, {}{replaced}){why}", words(&label.categories), label.how, label.at.day())
}

/// The line of `case show`.
pub async fn line(node: &Node, case: &Case, out: &mut Out) -> Result<(), Fault> {
    let (by_hand, all) = (node.labelled_by_hand(case).await? as u64, case.exhibits.len() as u64);
    let told = format!("{} of {} labelled {}", count(by_hand), counted(all, "exhibit"), Labelling::ByHand);
    out.labelled("labels", &format!("{told}; comity case label {}", case.id));
    Ok(())
}
