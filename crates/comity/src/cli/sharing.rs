//! `share`, and what `ingest` says of bundles and receipts: one crossing of a border, seen from both sides.

use super::args::Share;
use super::errors::Fault;
use super::home::Meant;
use super::out::{Out, bytes, counted, short};
use super::{Done, Outcome};
use crate::node::Node;
use crate::node::compel::{Compelled, Under};
use crate::node::compelled::CompelledRelease;
use crate::node::error::NodeError;
use crate::node::filter::Stays;
use crate::node::measure::days;
use crate::node::noisy::{Asked, Cost};
use crate::node::receive::{ReceivedBundle, ReceivedReceipt};
use crate::node::share::{Shared, What, Wish};
use agreement::RuledRecord;
use botnet::telemetry::Window;
use evidence::sealed::Recipient;
use exchange::counts::Counts;
use privacy::Epsilon;
use std::io;
use std::path::Path;
use terms::{MemberId, PartnerId, PersonId};

/// Rows of one list that people get; programs get all.
const SHOWN: usize = 20;

/// Asks for the ruling, releases, and writes the sealed bundle; on a dry run only asks.
pub async fn share(meant: &Meant, args: &Share, out: &mut Out) -> Done {
    let wish = Wish {
        what: args.what,
        of: args.of.clone().unwrap_or_default(),
        with: PartnerId::new(&args.with).map_err(NodeError::from)?,
        member: args.member.as_deref().map(MemberId::new).transpose().map_err(NodeError::from)?,
        purpose: args.purpose,
        noisy: noisy(args)?,
        seen: seen(args)?,
    };
    // What is released is on the ledger: where it cannot be written, it is not released.
    let to = args.out.as_deref().filter(|_| !args.dry_run);
    to.map(writable).transpose()?;
    let under = under(args)?;
    let node = meant.open("share").await?;
    let shared = match &under {
        Some(under) => node.share_compelled(&wish, under, args.dry_run).await?,
        None => node.share(&wish, args.dry_run).await?,
    };
    if let Some(path) = to {
        Node::write_bundle(path, &shared.bundle)?;
    }
    node.close().await?;
    out.object(&shared);
    told(&shared, to, out);
    Ok(Outcome::Done)
}

/// Counts with noise, where epsilon or a period is stated.
fn noisy(args: &Share) -> Result<Option<Asked>, Fault> {
    if args.under.is_some() || (args.epsilon.is_none() && args.period.is_none()) {
        return Ok(None);
    }
    if args.what != What::Counts {
        return Err(Fault::usage("only counts have an epsilon and a period", "comity share counts --help"));
    }
    Ok(Some(Asked { epsilon: args.epsilon.unwrap_or(Epsilon::USUAL), span: args.period }))
}

/// The days of which victims and sightings are shared.
fn seen(args: &Share) -> Result<Window, Fault> {
    let stated = args.from.is_some() || args.until.is_some();
    if stated && !matches!(args.what, What::Victims | What::Sightings) {
        let why = "only victims and sightings are shared by the days on which they were seen";
        return Err(Fault::usage(why, "comity share victims --help"));
    }
    let whole = days(args.from, args.until);
    if whole.from >= whole.until {
        return Err(Fault::usage("--from lies after --until", "comity share victims --help"));
    }
    Ok(if stated { whole } else { Window::ALL })
}

/// The order under which something is shared, where one is stated.
fn under(args: &Share) -> Result<Option<Under>, Fault> {
    let (Some(order), Some(counsel), Some(second)) = (&args.under, &args.counsel, &args.second) else {
        return Ok(None);
    };
    let seal_to = args.seal_to.as_deref().map(str::parse::<Recipient>).transpose();
    Ok(Some(Under {
        order: order.clone(),
        counsel: PersonId(counsel.clone()),
        second: PersonId(second.clone()),
        period: args.period,
        seal_to: seal_to.map_err(|e| NodeError::Value { what: e.to_string() })?,
    }))
}

/// Whether a file can be made there.
pub(super) fn writable(path: &Path) -> Result<(), Fault> {
    let refuse = |why: &str| Err(NodeError::file("writing", path, io::Error::other(why.to_owned())).into());
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return refuse("it is a folder");
    }
    match tempfile::tempfile_in(folder) {
        Ok(_) => Ok(()),
        Err(e) => Err(NodeError::file("writing in", folder, e).into()),
    }
}

fn told(shared: &Shared, path: Option<&Path>, out: &mut Out) {
    let to = match &shared.member {
        Some(member) => format!("{} for {member}", shared.to),
        None => shared.to.to_string(),
    };
    let what = format!("{} ({})", counted(shared.records, "record"), bytes(shared.bytes));
    match &shared.release {
        Some(release) => out.line(format!("released {what} to {to}: release {release}")),
        None => out.line(format!("would be permitted: {what} to {to}")),
    }
    rests_on(&shared.clauses, &shared.duties, out);
    if let Some(compelled) = &shared.compelled {
        under_order(compelled, out);
    }
    stays(&shared.stays, out);
    if let Some(batch) = &shared.batch {
        out.line(format!("  batch   {batch}"));
    }
    if let Some(cost) = &shared.cost {
        costs(cost, out);
    }
    if let Some(path) = path {
        out.line(format!("  bundle  {}", path.display()));
        out.talk(format!(
            "next: hand the bundle to {}, and take its receipt in with comity ingest",
            shared.to
        ));
    }
}

pub(super) fn rests_on(clauses: &[String], duties: &[String], out: &mut Out) {
    clauses.iter().for_each(|c| out.line(format!("  clause  {c}")));
    duties.iter().for_each(|d| out.line(format!("  duty    {d}")));
}

/// The order behind a release, who approved it, and what it overrides.
fn under_order(compelled: &Compelled, out: &mut Out) {
    out.line(format!("  order   {} (exhibit {})", compelled.order, short(compelled.authority)));
    if let (Some(counsel), Some(second)) = (&compelled.counsel, &compelled.second) {
        out.line(format!("  approved by counsel {counsel} and {second}"));
    }
    if let Some(overridden) = &compelled.overrides {
        out.paragraph(2, &format!("overrides: {}", overridden.sentence));
        let clauses = overridden.clauses.iter().map(ToString::to_string);
        let standing = overridden.prohibitions.iter().map(|p| format!("standing prohibition {p}"));
        clauses.chain(standing).for_each(|o| out.line(format!("  against {o}")));
    }
}

/// What orders compelled, as far as the person at work may know.
pub(super) fn compelled(all: &[CompelledRelease], out: &mut Out) {
    for release in all {
        out.object(release);
        out.line(format!("{} to {} on {}", release.release, release.to, release.released));
        under_order(&release.compelled, out);
        match release.compelled.gag {
            Some(gag) if release.silent => out.line(format!("  silent  nobody may be told before {gag}")),
            Some(gag) => out.line(format!("  silent  until {gag}")),
            None => {}
        }
    }
    if all.is_empty() {
        out.line("no order compelled anything that you may know of");
    }
}

/// Records that stay home, each kind with the clause that came nearest.
fn stays(stays: &[Stays], out: &mut Out) {
    for kind in stays.iter().take(SHOWN) {
        let nearest = kind.nearest.as_ref().map_or_else(String::new, |c| format!(" (nearest {c})"));
        let records = counted(kind.records, "record");
        out.paragraph(2, &format!("stays   {records}{nearest}: {} [{}]", kind.why, kind.code));
    }
    super::laboratory::more(stays.len(), SHOWN, out);
}

/// What was ruled on one record.
pub(super) fn ruled(record: &RuledRecord, out: &mut Out) {
    let ruled = &record.ruled;
    out.line(format!("record {}: {}", record.record, ruled.ruling));
    let duties: Vec<String> = ruled.duties.iter().map(ToString::to_string).collect();
    rests_on(&ruled.clauses, &duties, out);
    ruled.nearest.iter().for_each(|c| out.line(format!("  nearest {c}")));
    ruled.sentence.iter().for_each(|why| out.paragraph(2, &format!("why     {why}")));
}

fn costs(cost: &Cost, out: &mut Out) {
    out.line(format!("  noise   epsilon {}, each count within ± {} (95 %)", cost.epsilon, cost.error));
    let again = if cost.again { " (drawn before: the same answer)" } else { "" };
    out.line(format!("  cost    {}{again}", cost.cost));
    for set in &cost.data_sets {
        out.line(format!("  left    {} of {} for {}, over all partners", set.left, set.budget, set.data_set));
    }
}

/// Noisy counts, largest first, each with how far it may be off; those that noise alone could make are left to programs.
fn with_noise(counts: &Counts, out: &mut Out) {
    out.line(format!(
        "  bots per place in {}, each within ± {} ({} %)",
        counts.span, counts.error, counts.confidence
    ));
    let mut rows: Vec<_> = counts.places.iter().filter(|(_, n)| *n > counts.error).collect();
    rows.sort_by_key(|(place, n)| (std::cmp::Reverse(*n), *place));
    rows.iter().take(SHOWN).for_each(|(place, n)| out.line(format!("    {place} {n} ± {}", counts.error)));
    super::laboratory::more(rows.len(), SHOWN, out);
}

/// A bundle that was taken in.
pub fn received(bundle: &ReceivedBundle, out: &mut Out) {
    let exhibits = counted(bundle.exhibits.len() as u64, "exhibit");
    out.heading(&format!("Received release {} from {}: {exhibits}", bundle.release, bundle.from));
    rests_on(&bundle.clauses, &bundle.duties, out);
    if let Some(compelled) = &bundle.compelled {
        under_order(compelled, out);
    }
    if bundle.hits > 0 {
        out.line(format!("  answer  {} of what was asked is this home's concern", bundle.hits));
    }
    bundle.counts.iter().for_each(|c| with_noise(c, out));
    out.line(format!("  receipt {}", bundle.receipt));
    out.talk(format!("next: hand the receipt back to {}", bundle.from));
}

/// A receipt that was taken in.
pub fn receipted(receipt: &ReceivedReceipt, out: &mut Out) {
    out.heading(&format!(
        "{} has release {} since {}",
        receipt.by,
        short(&receipt.release),
        receipt.received
    ));
    for (asset, contact, until) in receipt.hits.iter().take(SHOWN) {
        let until = until.map_or_else(|| "until told otherwise".to_owned(), |t| format!("until {t}"));
        let contact = contact.as_ref().map_or_else(String::new, |c| format!("; speak to {c}"));
        out.paragraph(2, &format!("do not act on {asset} {until}{contact}"));
    }
    super::laboratory::more(receipt.hits.len(), SHOWN, out);
}
