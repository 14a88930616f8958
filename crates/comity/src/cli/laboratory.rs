//! `ingest` and `analyze`: what came in, what was found in it.

use super::args::{Analyze, Ingest};
use super::errors::Fault;
use super::home::Meant;
use super::out::{Out, Table, bytes, count, counted, short};
use super::progress::Progress;
use super::screen::{self, Rest};
use super::{Done, Outcome, examined, findings, sharing, similar};
use crate::node::Node;
use crate::node::analyze::{Analyzed, Step, Unanswered};
use crate::node::error::{Ending, NodeError};
use crate::node::ingest::{Ingested, Manner, Taken, sources};
use crate::node::receive::{ReceivedBundle, ReceivedReceipt};
use crate::store::jobs;
use evidence::custody::Act;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use terms::ExhibitKind;

/// Rows of a list that people get; programs get all.
const SHOWN: usize = 20;

/// The last line of `ingest --json` (`comity.ingest-summary/1`).
#[derive(Debug, Serialize)]
struct Summary {
    schema: &'static str,
    exhibits: usize,
    fresh: usize,
    bytes: u64,
    rows: u64,
    partly_unreadable: usize,
    not_sealed: usize,
    bundles: usize,
    receipts: usize,
    refused: usize,
}

/// What crossed a border among what came in.
#[derive(Default)]
struct Crossed {
    bundles: Vec<ReceivedBundle>,
    receipts: Vec<ReceivedReceipt>,
    refused: Vec<Fault>,
}

/// Seals, reads, takes bundles and receipts in.
pub async fn ingest(meant: &Meant, args: &Ingest, out: &mut Out) -> Done {
    let node = meant.open("ingest").await?;
    let (found, left) = sources(&args.paths, node.home.root());
    let manner = Manner { obtained: args.obtained.into(), why: args.why.clone(), act: Act::Seal, from: None };
    let bar = Progress::over(out, found.len() as u64, "sealing");
    let mut ingested = node.ingest(found, &manner, &|name| bar.tick(name)).await?;
    drop(bar);
    ingested.not_sealed.extend(left);
    let crossed = cross(&node, &ingested).await;
    node.close().await?;
    told_to_programs(&ingested, &crossed, out);
    told_to_people(&ingested, &crossed, out);
    for fault in &crossed.refused {
        out.fault(fault);
    }
    Ok(match crossed.refused.first() {
        Some(first) => Outcome::Exit(first.exit()),
        // Nothing at all could be sealed: that is no part of anything.
        None if ingested.taken.is_empty() && !ingested.not_sealed.is_empty() => Ending::Error.into(),
        None if ingested.partly() => Ending::Partly.into(),
        None => Outcome::Done,
    })
}

/// One by one: a bundle that is refused does not keep the others out.
async fn cross(node: &Node, ingested: &Ingested) -> Crossed {
    let mut crossed = Crossed::default();
    let borders = |t: &&Taken| matches!(t.kind, ExhibitKind::Bundle | ExhibitKind::Receipt);
    for taken in ingested.taken.iter().filter(borders) {
        let one = Ingested { taken: vec![taken.clone()], not_sealed: Vec::new() };
        match node.cross(&one).await {
            Ok((bundles, receipts)) => {
                crossed.bundles.extend(bundles);
                crossed.receipts.extend(receipts);
            }
            Err(e) => crossed.refused.push(e.into()),
        }
    }
    crossed
}

fn summary(ingested: &Ingested, crossed: &Crossed) -> Summary {
    let taken = &ingested.taken;
    Summary {
        schema: "comity.ingest-summary/1",
        exhibits: taken.len(),
        fresh: taken.iter().filter(|t| t.fresh).count(),
        bytes: taken.iter().map(|t| t.size).sum(),
        rows: ingested.rows(),
        partly_unreadable: taken.iter().filter(|t| !t.unreadable.is_empty()).count(),
        not_sealed: ingested.not_sealed.len(),
        bundles: crossed.bundles.len(),
        receipts: crossed.receipts.len(),
        refused: crossed.refused.len(),
    }
}

fn told_to_programs(ingested: &Ingested, crossed: &Crossed, out: &mut Out) {
    ingested.taken.iter().for_each(|t| out.object(t));
    ingested.not_sealed.iter().for_each(|u| out.object(u));
    crossed.bundles.iter().for_each(|b| out.object(b));
    crossed.receipts.iter().for_each(|r| out.object(r));
    out.object(&summary(ingested, crossed));
}

fn told_to_people(ingested: &Ingested, crossed: &Crossed, out: &mut Out) {
    if out.for_programs() {
        return;
    }
    let s = summary(ingested, crossed);
    let again = match s.exhibits - s.fresh {
        0 => String::new(),
        n => format!(", {} here already", count(n as u64)),
    };
    let sealed = counted(s.fresh as u64, "new exhibit");
    out.line(format!("sealed {sealed}{again}, {}, {} read", bytes(s.bytes), counted(s.rows, "row")));
    kinds(&ingested.taken, out);
    unreadable(&ingested.taken, out);
    not_sealed(ingested, out);
    crossed.bundles.iter().for_each(|b| sharing::received(b, out));
    crossed.receipts.iter().for_each(|r| sharing::receipted(r, out));
    if let Some((strangers, flows)) = ingested.strangers() {
        out.talk(format!(
            "{} of {} connections are between addresses of which neither is private or in a declared network of this \
             partner: they rest in the clear, and nobody is asked which of them calls a server of criminals. \
             Declare the networks (`customer_networks` in config.toml) and take the logs into a home that knows them",
            count(strangers),
            count(flows)
        ));
    }
    out.talk("next: comity analyze");
}

fn kinds(taken: &[Taken], out: &mut Out) {
    let mut of: BTreeMap<ExhibitKind, (u64, u64, u64)> = BTreeMap::new();
    for one in taken {
        let (exhibits, size, rows) = of.entry(one.kind).or_default();
        (*exhibits, *size, *rows) = (*exhibits + 1, *size + one.size, *rows + one.rows);
    }
    let mut table = Table::new(&["kind", "exhibits", "rows", "size"]);
    for (kind, (exhibits, size, rows)) in of {
        table.row([kind.to_string(), count(exhibits), count(rows), bytes(size)]);
    }
    out.line("");
    out.table(&table);
}

/// What could not be read, by reason: a thousand files of one unknown format are one line.
fn unreadable(taken: &[Taken], out: &mut Out) {
    let mut of: BTreeMap<(&str, &str), (u64, u64, String)> = BTreeMap::new();
    for one in taken {
        for left in &one.unreadable {
            let example = || format!("{}: {}", one.name, left.at);
            let row = of.entry((&left.code, &left.why)).or_insert_with(|| (0, 0, example()));
            row.0 += 1;
            row.1 += left.records;
        }
    }
    if of.is_empty() {
        return;
    }
    out.heading("Sealed, but not or not wholly readable:");
    let mut table = Table::new(&["code", "times", "records", "where", "why"]);
    let mut rows: Vec<_> = of.into_iter().collect();
    rows.sort_by_key(|(_, (times, records, _))| std::cmp::Reverse((*times, *records)));
    for ((code, why), (times, records, example)) in rows.iter().take(SHOWN) {
        let place = if *times > 1 { format!("{example}, …") } else { example.clone() };
        // Nobody can count the records of what has none.
        let records = if *records > 0 { count(*records) } else { "–".to_owned() };
        table.row([(*code).to_owned(), count(*times), records, place, (*why).to_owned()]);
    }
    out.table(&table);
    more(rows.len(), SHOWN, out);
}

fn not_sealed(ingested: &Ingested, out: &mut Out) {
    if ingested.not_sealed.is_empty() {
        return;
    }
    out.heading("Not sealed:");
    let mut table = Table::new(&["code", "path", "why"]);
    for one in ingested.not_sealed.iter().take(SHOWN) {
        table.row([one.code.to_owned(), one.name.clone(), one.why.clone()]);
    }
    out.table(&table);
    more(ingested.not_sealed.len(), SHOWN, out);
}

/// Says how many rows a list has beyond those shown.
pub fn more(all: usize, shown: usize, out: &mut Out) {
    if all > shown {
        out.line(format!("  … and {} more; --json lists all", count((all - shown) as u64)));
    }
}

/// Examines what waits and shows what stands; `--why` explains one finding instead.
pub async fn analyze(meant: &Meant, args: &Analyze, out: &mut Out) -> Done {
    let node = meant.open("analyze").await?;
    if let Some(id) = &args.why {
        findings::explain(&node, id, out).await?;
        node.close().await?;
        return Ok(Outcome::Done);
    }
    if let Some(what) = &args.near {
        similar::near(&node, what, args.top, out).await?;
        node.close().await?;
        return Ok(Outcome::Done);
    }
    if args.retry {
        let again = retry(&node).await?;
        out.talk(format!("{} that had been given up will run again", counted(again, "job")));
    }
    let taken = if args.paths.is_empty() { None } else { Some(take_in(&node, &args.paths, out).await?) };
    let bar = Progress::over(out, node.queued().await?, "examining");
    let shown = |step: Step<'_>| bar.step(&Step { name: &short(step.name), ..step });
    let analyzed = node.analyze_with(&args.password, &shown).await?;
    drop(bar);
    let mut partly =
        !analyzed.failed.is_empty() || !analyzed.rules_in_part.is_empty() || !analyzed.unanswered.is_empty();
    let mut outcome = Outcome::Done;
    if let Some(ingested) = taken {
        let of: Vec<_> = ingested.taken.iter().map(|t| t.exhibit).collect();
        ingested.not_sealed.iter().for_each(|u| out.object(u));
        let rest = Rest {
            beginning: screen::beginning(of.len(), &analyzed),
            not_sealed: &ingested.not_sealed,
            failed: &analyzed.failed,
        };
        let told = examined::tell(&node, &of, args, &rest, out).await?;
        partly |= !ingested.not_sealed.is_empty() || !told.rules_in_part.is_empty();
        if of.is_empty() && !ingested.not_sealed.is_empty() {
            outcome = Ending::Error.into();
        }
        if ingested.taken.iter().any(|t| t.kind == ExhibitKind::HashList) {
            out.talk(
                "the digests of a hash list are indicators; what must not be viewed is named by the setting `withheld_lists`",
            );
        }
    } else {
        told(&node, &analyzed, out).await?;
        findings::list(&node, args, out).await?;
    }
    for one in &analyzed.unanswered {
        let Unanswered { question, code, why } = one;
        out.talk(format!("not answered: {question}: {why} [{code}]; what was found of it before stands"));
    }
    if matches!(outcome, Outcome::Done) && partly {
        outcome = Ending::Partly.into();
    }
    node.close().await?;
    out.object(&analyzed);
    out.talk("comity analyze --why ID explains a finding; next: comity assess");
    Ok(outcome)
}

/// Seals what lies under these paths, as `ingest` does.
async fn take_in(node: &Node, paths: &[PathBuf], out: &mut Out) -> Result<Ingested, Fault> {
    let (found, left) = sources(paths, node.home.root());
    let manner = Manner::house("analyze");
    let bar = Progress::over(out, found.len() as u64, "sealing");
    let mut ingested = node.ingest(found, &manner, &|name| bar.tick(name)).await?;
    drop(bar);
    ingested.not_sealed.extend(left);
    Ok(ingested)
}

/// Every job that was given up may run again; how many there are.
async fn retry(node: &Node) -> Result<u64, NodeError> {
    let (mut again, mut after) = (0, String::new());
    let mut tx = node.state.begin().await?;
    loop {
        let page = jobs::dead(&mut tx, &after, 1000).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for job in &page {
            again += u64::from(jobs::retry(&mut tx, &job.id, node.clock.now()).await?);
        }
    }
    tx.commit().await?;
    Ok(again + node.examine_failed_again().await?)
}

async fn told(node: &Node, analyzed: &Analyzed, out: &mut Out) -> Result<(), Fault> {
    if out.for_programs() {
        return Ok(());
    }
    let failed = if analyzed.failed.is_empty() {
        String::new()
    } else {
        format!("; {} could not be examined", counted(analyzed.failed.len() as u64, "exhibit"))
    };
    let (examined, new) =
        (counted(analyzed.examined, "exhibit"), counted(analyzed.new_findings, "new finding"));
    let kinds: Vec<String> = analyzed.findings.iter().map(|(k, n)| format!("{} {k}", count(*n))).collect();
    let all: u64 = analyzed.findings.values().sum();
    let asked = match analyzed.rows {
        0 => String::new(),
        rows => format!(" and {} of telemetry", counted(rows, "row")),
    };
    out.line(format!("examined {examined}{asked}: {new}{failed}"));
    withheld(node, out).await?;
    if all > 0 {
        out.paragraph(0, &format!("the home holds {}: {}", counted(all, "finding"), kinds.join(", ")));
    }
    for part in &analyzed.rules_in_part {
        out.paragraph(0, &screen::in_part(part, &short(part.exhibit)));
    }
    screen::failed(&analyzed.failed).iter().for_each(|line| out.line(line));
    Ok(())
}

/// With how many lists the home is compared, and what follows from them: before anything else.
async fn withheld(node: &Node, out: &mut Out) -> Result<(), Fault> {
    let withheld = node.withheld().await?;
    let lists = node.config.withheld_lists.len() as u64;
    if lists == 0 && withheld.is_empty() {
        return Ok(());
    }
    let (lists, of) = (counted(lists, "list"), counted(withheld.len() as u64, "exhibit"));
    let then = if withheld.is_empty() { "" } else { ", to be reported and shown by --kind withheld" };
    out.paragraph(0, &format!("compared with {lists} of what must not be viewed: {of} withheld{then}"));
    Ok(())
}
