//! `match`: the three steps of a private match as a person or a program sees them.

use super::args::Match;
use super::home::Meant;
use super::out::{Out, counted};
use super::sharing::{rests_on, writable};
use super::{Done, Outcome};
use crate::node::Node;
use crate::node::error::{Ending, NodeError};
use crate::node::matching::{MatchWish, Matched};
use privacy::psi::{Kind, Protocol};
use std::path::Path;
use terms::{CaseId, Category, PartnerId};

/// The largest file of items, in bytes.
const MOST_ITEMS_FILE: u64 = 1 << 30;
/// Lines without an item that people get; programs get what was listed.
const SHOWN: usize = 10;

/// Asks, answers or finishes.
pub async fn run(meant: &Meant, args: &Match, out: &mut Out) -> Done {
    let to = args.out.as_deref().filter(|_| !args.dry_run);
    to.map(writable).transpose()?;
    let done = if let Some(bundle) = &args.finish {
        let bundle = read(bundle, exchange::MAX_BUNDLE as u64)?;
        let node = meant.open("match").await?;
        let done = node.match_finish(&bundle).await?;
        node.close().await?;
        done
    } else if let (Some(bundle), Some(against)) = (&args.answer, &args.against) {
        let (bundle, against) = (read(bundle, exchange::MAX_BUNDLE as u64)?, text(against)?);
        let node = meant.open("match").await?;
        let done = node.match_answer(&bundle, &against, args.dry_run).await?;
        node.close().await?;
        done
    } else {
        let wish = wish(args)?;
        let node = meant.open("match").await?;
        let done = node.match_ask(&wish, args.dry_run).await?;
        node.close().await?;
        done
    };
    if let Some(path) = to {
        Node::write_bundle(path, &done.bundle)?;
    }
    out.object(&done);
    told(&done, to, out);
    Ok(if done.unread.is_empty() { Outcome::Done } else { Ending::Partly.into() })
}

fn wish(args: &Match) -> Result<MatchWish, NodeError> {
    let needed = |what: &str| NodeError::Value { what: format!("a question needs {what}") };
    let file = args.file.as_deref().ok_or_else(|| needed("a file of items"))?;
    let protocol = match (args.size_only, args.verified) {
        (true, _) => Protocol::SizeOnly,
        (_, true) => Protocol::Verified,
        _ => Protocol::Reveal,
    };
    Ok(MatchWish {
        items: text(file)?,
        kind: args.kind.unwrap_or_else(|| usual(args.category)),
        category: args.category,
        with: PartnerId::new(args.with.as_deref().unwrap_or_default())?,
        case: CaseId::new(args.case.as_deref().unwrap_or_default())?,
        reason: args.reason.clone().unwrap_or_default(),
        purpose: args.purpose.ok_or_else(|| needed("--purpose"))?,
        protocol,
        reveal: args.reveal,
    })
}

/// What items of a category are, where nobody says.
fn usual(category: Category) -> Kind {
    match category {
        Category::AccountCredential => Kind::Email,
        Category::BankAccount => Kind::Account,
        Category::PaymentCard => Kind::Card,
        Category::VictimIp | Category::NetworkIndicator | Category::SinkholeLog => Kind::Address,
        Category::C2Infrastructure => Kind::Domain,
        _ => Kind::Text,
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, NodeError> {
    let size = std::fs::metadata(path).map_err(|e| NodeError::file("reading", path, e))?.len();
    if size > most {
        let why = format!("it is larger than {} MiB", most >> 20);
        return Err(NodeError::file("reading", path, std::io::Error::other(why)));
    }
    std::fs::read(path).map_err(|e| NodeError::file("reading", path, e))
}

fn text(path: &Path) -> Result<String, NodeError> {
    let bytes = read(path, MOST_ITEMS_FILE)?;
    String::from_utf8(bytes)
        .map_err(|_| NodeError::file("reading", path, std::io::Error::other("it is not UTF-8 text")))
}

fn told(done: &Matched, path: Option<&Path>, out: &mut Out) {
    let asked = counted(done.set, "item");
    let held = done.holds.map(|n| counted(n, "item")).unwrap_or_default();
    let would = if done.session.is_none() { "would be permitted: " } else { "" };
    match (done.step, done.hits) {
        ("question", _) => {
            out.line(format!("{would}{asked} asked of {} for case {}", done.partner, done.case))
        }
        ("answer", _) => {
            out.line(format!("{would}{asked} of {} answered against {held}", done.partner));
            out.line(format!("  reveals at most {}", done.reveal));
        }
        (_, hits) => out.line(format!(
            "{} of {asked} are among the {held} of {}",
            hits.unwrap_or_default(),
            done.partner
        )),
    }
    done.matches.iter().for_each(|m| out.line(m));
    rests_on(&done.clauses, &done.duties, out);
    for (line, why) in done.unread.iter().take(SHOWN) {
        out.talk(format!("line {line} takes no part: {why}"));
    }
    if let Some(why) = done.enumerable {
        out.talk(format!("these items can be asked through: {why}; every session counts under the caps"));
    }
    if let Some(path) = path {
        out.line(format!("  bundle  {}", path.display()));
        let next = if done.step == "question" { "--answer" } else { "--finish" };
        out.talk(format!("next: hand the bundle to {}, who takes it with comity match {next}", done.partner));
    }
}
