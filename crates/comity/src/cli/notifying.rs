//! `act PLAN notify`, `verify letter`, `measure --notices`: who would be told, who was, which receipts came, whose letter
//! is genuine, and whether telling helped.

use super::args::Act;
use super::errors::Fault;
use super::home::Meant;
use super::out::{Out, Table, count, counted};
use super::progress::Progress;
use super::{Done, Outcome};
use crate::node::error::Ending;
use crate::node::letter::LetterReport;
use crate::node::notify::{NotifyReport, Wish};
use crate::node::remedied::{Effect, Remedied};

/// Networks of one reason that people get; programs get all.
const SHOWN: usize = 8;

/// Tells recipients of a plan's victims, or notes what became of a notice.
pub(super) async fn notify(meant: &Meant, args: &Act, out: &mut Out) -> Done {
    let receipt = args.arrived.as_ref().map(|r| (r, true)).or(args.bounced.as_ref().map(|r| (r, false)));
    if let Some((release, arrived)) = receipt {
        let node = meant.open("act").await?;
        node.noted_arrival(release, arrived).await?;
        node.close().await?;
        let what = if arrived { "arrived" } else { "came back" };
        out.line(format!("notice {release}: noted on the ledger that it {what}"));
        return Ok(Outcome::Done);
    }
    let contact = match &args.contact {
        Some(contact) => contact.clone(),
        // Nothing leaves on a dry run: the place of the address is held.
        None if args.dry_run => "notices@home.example".into(),
        None => {
            return Err(Fault::usage("no address for answers is given", "name it with --contact ADDRESS"));
        }
    };
    let wish = Wish { later: args.later, places: args.places.clone(), contact };
    let node = meant.open("act").await?;
    let bar = Progress::open(out, "sorting hits");
    let report = node.notify(&args.plan, &wish, &args.out, args.dry_run).await?;
    drop(bar);
    node.close().await?;
    out.object(&report);
    told(&report, out);
    if report.without_key.is_empty() { Ok(Outcome::Done) } else { Ok(Ending::Incomplete.into()) }
}

fn told(report: &NotifyReport, out: &mut Out) {
    let would = if report.dry { "would be written" } else { "written and sealed" };
    let n = counted(report.told.len() as u64, "notice");
    out.line(format!("{n} {would} for plan {}", report.plan));
    out.line("");
    let mut table = Table::new(&["recipient", "for", "rows", "clauses", "erase by", "file"]);
    for one in &report.told {
        let member = one.member.as_ref().map(|m| format!("/{m}")).unwrap_or_default();
        table.row([
            one.recipient.clone(),
            format!("{}{member}", one.partner),
            count(one.rows),
            one.clauses.join(", "),
            one.erase_by.map(|t| t.day().to_string()).unwrap_or_default(),
            one.file.as_ref().map(|f| f.display().to_string()).unwrap_or_default(),
        ]);
    }
    out.table(&table);
    for (recipient, rows) in &report.without_key {
        let hits = counted(*rows, "hit");
        out.paragraph(
            0,
            &format!(
                "waits: {hits} of `{recipient}`, for whom the agreement names no key, or no sealed mail"
            ),
        );
    }
    if !report.unrouted.is_empty() {
        out.heading("To nobody:");
    }
    for left in &report.unrouted {
        let known: Vec<String> =
            left.networks.iter().filter(|n| **n != 0).take(SHOWN).map(|n| format!("AS{n}")).collect();
        let networks = if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) };
        let hits =
            format!("{} in {}", counted(left.hits, "hit"), counted(left.in_networks as u64, "network"));
        out.paragraph(2, &format!("{hits}: {}{networks}", left.why));
    }
    if report.overdue > 0 {
        let exhibits = counted(report.overdue, "exhibit");
        out.paragraph(0, &format!("nothing is told of {exhibits} whose day of erasure has passed"));
    }
    if report.erased > 0 {
        let keys = counted(report.erased, "key");
        out.paragraph(
            0,
            &format!("{keys} for notification went on their day, with all victims that were sealed to them"),
        );
    }
    if report.other > 0 {
        out.paragraph(0, &format!("{} on channels of no part in this plan", counted(report.other, "hit")));
    }
    if !report.dry && !report.told.is_empty() {
        out.talk("next: hand the messages to your mail system; then comity act PLAN notify --arrived NOTICE");
    }
}

/// What is known of the code on a letter.
pub(super) fn letter(report: &LetterReport, out: &mut Out) {
    let Some(code) = &report.code else {
        out.line("NOT genuine as read: this is no code of a letter");
        out.paragraph(
            0,
            "A sign is wrong or missing. Have it read out again, sign by sign; there is no I, L, O or U.",
        );
        return;
    };
    for notice in &report.notices {
        let member = notice.member.as_ref().map(|m| format!("/{m}")).unwrap_or_default();
        let day = notice.at.day();
        out.line(format!("genuine: {code} stands in {} to {}{member} of {day}", notice.release, notice.to));
    }
    if report.notices.is_empty() {
        out.line(format!("NOT genuine as far as this home can tell: {code} stands in none of its notices"));
    }
    let opened = counted(report.opened, "notice");
    let erased = counted(report.erased, "notice");
    out.paragraph(
        0,
        &format!("{opened} looked through; {erased} erased on their day, of which nobody can tell any more"),
    );
}

/// What telling did.
pub(super) fn remedied(report: &Remedied, out: &mut Out) -> Outcome {
    let ((a, b), (c, d)) = (report.before, report.after);
    out.line(format!("notices of {} for plan {}", report.at.day(), report.plan));
    out.line(format!("machines of {a} to {b} that were seen nowhere from {c} to {d}"));
    out.line("");
    let mut table =
        Table::new(&["recipient", "receipts", "told", "gone", "waiting", "gone", "effect, 95 % interval"]);
    let mut row = |name: &str, receipts: String, e: &Effect| {
        let share = |gone: u64, of: u64| match of {
            0 => "-".to_owned(),
            _ => format!("{:.1} %", gone as f64 / of as f64 * 100.0),
        };
        let effect = e.remedy.map_or("cannot tell".to_owned(), |r| {
            let (best, low, high) = r.effect;
            format!("{:+.1} ({:+.1} to {:+.1}) points", best * 100.0, low * 100.0, high * 100.0)
        });
        let told = format!("{} in {}", count(e.told.machines), counted(e.told.networks, "network"));
        let later = format!("{} in {}", count(e.later.machines), counted(e.later.networks, "network"));
        table.row([
            name.to_owned(),
            receipts,
            told,
            share(e.told.gone, e.told.machines),
            later,
            share(e.later.gone, e.later.machines),
            effect,
        ]);
    };
    for one in &report.recipients {
        let receipts: Vec<String> = one.notices.iter().map(|(status, n)| format!("{n} {status}")).collect();
        row(&one.recipient, receipts.join(", "), &one.effect);
    }
    row("all", String::new(), &report.all);
    out.table(&table);
    if report.of_no_group > 0 {
        let machines = counted(report.of_no_group, "machine");
        out.paragraph(
            0,
            &format!("{machines} of no group: seen in several networks, or in one that is not known"),
        );
    }
    if let Some(why) = &report.all.cannot {
        out.paragraph(0, &format!("the data cannot tell whether telling helped: {why}"));
    }
    // What cannot be told of all together may be told of one recipient, and the other way round.
    let known = report.all.remedy.is_some() || report.recipients.iter().any(|r| r.effect.remedy.is_some());
    if known { Outcome::Done } else { Ending::CannotTell.into() }
}
