//! `plan`, `act` and `measure`: one operation decided, handed out, and its effect counted.

use super::args::{Act, ActWhat, Measure, PlanArgs};
use super::errors::Fault;
use super::home::Meant;
use super::laboratory::more;
use super::out::{Out, Table, count, counted, money};
use super::progress::Progress;
use super::{Done, Outcome, notifying, surviving};
use crate::node::Node;
use crate::node::act::{ActReport, PackedReport};
use crate::node::error::NodeError;
use crate::node::measure::{MeasureReport, PopulationReport};
use crate::node::plan::{PlanOptions, PlanReport};
use crate::node::rollups::RolledUp;
use crate::node::sinkhole::Wanted;
use sinkhole::Notification;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use takedown::{Action, Basis, Blocked, Floor, Plan};
use terms::{Instrument, Place, Timestamp};

/// Rows of one list that people get; programs get all.
const SHOWN: usize = 40;
/// Countries and networks beside an outcome.
const BRIEF: usize = 8;
/// Targets that are stopped in one way and taken in another, as people get them.
const OTHERWISE: usize = 6;
/// Targets that are named of one group of actions.
const TARGETS: usize = 3;

/// Makes a plan for a case, or shows one that was made.
pub async fn plan(meant: &Meant, args: &PlanArgs, out: &mut Out) -> Done {
    let node = meant.open("plan").await?;
    let bar = Progress::open(out, "planning");
    let report = match (&args.show, &args.case) {
        (Some(plan), _) => node.plan_show(plan).await?,
        (None, Some(case)) => {
            let options = PlanOptions {
                hour: args.hour,
                horizon: args.horizon,
                collateral: args.collateral,
                rebuild: args.rebuild,
            };
            node.plan(case, options).await?
        }
        (None, None) => return Err(Fault::usage("no case is named", "`comity case list` lists the cases")),
    };
    drop(bar);
    node.close().await?;
    out.object(&report);
    told(&report, out);
    out.talk(format!(
        "next: ask partners with comity share question --of {0} …, plan again, then comity act PLAN",
        report.plan.id
    ));
    Ok(Outcome::Done)
}

fn told(report: &PlanReport, out: &mut Out) {
    let plan = &report.plan;
    out.line(format!("plan {} for case {}, all at {}", plan.id, report.case, plan.hour));
    out.paragraph(0, &format!("{}.", report.situation.counted.join("; ")));
    out.paragraph(
        0,
        "Counted here are the bots of this case's threats that were infected at some time within these days, not on one day.",
    );
    actions(&plan.actions, out);
    notifications(plan, out);
    blocked(&plan.blocked, out);
    floor(&plan.floor, plan, out);
    let (cost, innocent) = (money(plan.cost_cents), count(plan.collateral));
    let back = counted(plan.expected_recovery, "bot");
    out.line("");
    out.paragraph(
        0,
        &format!("Cost {cost}; innocent tenants cut off {innocent}; the operator may win back {back}."),
    );
    out.paragraph(0, &report.checked);
    for warning in &report.warnings {
        out.paragraph(0, &format!("note: {warning}"));
    }
}

fn actor(partner: &impl ToString, member: Option<&terms::MemberId>) -> String {
    match member {
        Some(member) => format!("{}/{member}", partner.to_string()),
        None => partner.to_string(),
    }
}

/// One row for each partner, state, instrument and clause.
fn actions(actions: &[Action], out: &mut Out) {
    if actions.is_empty() {
        return out.heading("Nothing can be done.");
    }
    out.heading(&format!("{}:", counted(actions.len() as u64, "action")));
    let mut groups: BTreeMap<(String, Place, Instrument, String), Vec<&Action>> = BTreeMap::new();
    for action in actions {
        let by = actor(&action.partner, action.member.as_ref());
        let key = (by, action.place, action.instrument, action.clause.to_string());
        groups.entry(key).or_default().push(action);
    }
    let mut table = Table::new(&["by", "in", "instrument", "n", "under", "targets"]);
    for ((by, place, instrument, clause), of) in groups {
        let under = format!("{clause}; {}", authorities(&of));
        table.row([
            by,
            place.to_string(),
            instrument.to_string(),
            count(of.len() as u64),
            under,
            targets(&of),
        ]);
    }
    out.table(&table);
}

fn targets(of: &[&Action]) -> String {
    let named: Vec<&str> = of.iter().take(TARGETS).map(|a| a.target.as_str()).collect();
    let more = of.len().saturating_sub(TARGETS);
    let rest = if more > 0 { format!(" and {} more", count(more as u64)) } else { String::new() };
    format!("{}{rest}", named.join(", "))
}

/// The authorities of some actions, each once; of those still to be obtained the first day to ask.
fn authorities(of: &[&Action]) -> String {
    let mut named: BTreeSet<String> = BTreeSet::new();
    let mut ask: Option<Timestamp> = None;
    for action in of {
        let name = match &action.authority {
            Basis::InForce { authority } => authority.clone(),
            Basis::ToServe { authority, by } => format!("{authority}, serve by {}", by.day()),
            Basis::ToObtain { ask_by, .. } => {
                ask = Some(ask.map_or(*ask_by, |a| a.min(*ask_by)));
                continue;
            }
        };
        named.insert(name);
    }
    named.extend(ask.map(|by| format!("ask by {}", by.day())));
    named.into_iter().collect::<Vec<_>>().join(", ")
}

fn notifications(plan: &Plan, out: &mut Out) {
    if plan.notifications.is_empty() {
        return;
    }
    out.heading("Told instead of acted against:");
    let mut table = Table::new(&["target", "in", "who", "told by", "why"]);
    for one in plan.notifications.iter().take(SHOWN) {
        let by = one.partner.as_ref().map(|p| actor(p, one.member.as_ref())).unwrap_or_default();
        table.row([one.target.clone(), one.place.to_string(), one.to.clone(), by, one.why.clone()]);
    }
    out.table(&table);
    more(plan.notifications.len(), SHOWN, out);
}

fn blocked(blocked: &[Blocked], out: &mut Out) {
    for (heading, otherwise, shown) in
        [("Not done:", false, SHOWN), ("Done in another way, because:", true, OTHERWISE)]
    {
        let of: Vec<&Blocked> = blocked.iter().filter(|b| b.planned_otherwise == otherwise).collect();
        if of.is_empty() {
            continue;
        }
        out.heading(heading);
        for one in of.iter().take(shown) {
            out.line(format!("  {}", one.target));
            for stop in &one.why {
                out.paragraph(4, &format!("{}: {}", stop.code.code(), stop.sentence));
            }
        }
        more(of.len(), shown, out);
    }
}

fn floor(floor: &Floor, plan: &Plan, out: &mut Out) {
    out.heading(&format!(
        "Floor: {} of {} survive what the partners can reach.",
        count(floor.surviving),
        counted(plan.population, "bot")
    ));
    for because in floor.because.iter().take(SHOWN) {
        let channel = if because.channel.is_empty() { "unknown channels" } else { &because.channel };
        let bots = counted(because.bots, "bot");
        out.paragraph(
            2,
            &format!("{channel} keeps {bots}: {} ({})", because.why.sentence, because.why.code.code()),
        );
    }
    more(floor.because.len(), SHOWN, out);
    if let Some(better) = &floor.improvement {
        let bots = counted(better.bots, "bot");
        out.paragraph(2, &format!("Cheapest improvement, {bots} fewer: {}", better.acts.join(" ")));
    }
}

/// Writes one package for each addressee.
pub async fn act(meant: &Meant, args: &Act, out: &mut Out) -> Done {
    if args.what == Some(ActWhat::Notify) {
        return notifying::notify(meant, args, out).await;
    }
    let node = meant.open("act").await?;
    if args.what == Some(ActWhat::Sinkhole) {
        let done = sinkholes(&node, args, out).await;
        node.close().await?;
        return done;
    }
    let report = node.act(&args.plan, &args.out, args.dry_run).await?;
    node.close().await?;
    out.object(&report);
    packages(&report, out);
    if !report.dry {
        out.talk(format!(
            "next: hand each package over; after {}, comity measure --plan {}",
            report.hour, report.plan
        ));
    }
    Ok(Outcome::Done)
}

/// The configurations of a plan's sinkholes, written or, dry, shown.
async fn sinkholes(node: &Node, args: &Act, out: &mut Out) -> Done {
    let telling = args.notify_ground.clone().zip(args.erase);
    let wanted = Wanted {
        contact: args.contact.clone().unwrap_or_default(),
        addresses: args.address.clone(),
        notification: telling.map(|(ground, erase)| Notification { ground, erase }),
    };
    for config in node.sinkholes_of(&args.plan, &wanted).await? {
        let text = config.write().map_err(NodeError::from)?;
        let file = args.out.join(format!("{}.toml", config.id));
        if !args.dry_run {
            std::fs::create_dir_all(&args.out).map_err(|e| NodeError::file("making", &args.out, e))?;
            let mut to = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&file)
                .map_err(|e| NodeError::file("writing", &file, e))?;
            to.write_all(text.as_bytes()).map_err(|e| NodeError::file("writing", &file, e))?;
        }
        out.object(&serde_json::json!({
            "schema": "comity.sinkhole-planned/1", "file": file, "dry": args.dry_run, "config": config,
        }));
        let would = if args.dry_run { "would be written" } else { "written" };
        out.line(format!("{} {would}: {}", file.display(), counted(config.zones.len() as u64, "zone")));
        if args.dry_run {
            text.lines().for_each(|line| out.line(format!("  {line}")));
        }
        out.talk(format!("next: comity serve --role sinkhole --config {}", file.display()));
    }
    Ok(Outcome::Done)
}

fn packages(report: &ActReport, out: &mut Out) {
    let would = if report.dry { "would be written" } else { "written and verified" };
    let n = counted(report.packages.len() as u64, "package");
    out.line(format!("{n} {would} for plan {}, hour {}", report.plan, report.hour));
    out.line("");
    let mut table = Table::new(&["addressee", "orders", "notices", "findings", "samples", "folder"]);
    for one in &report.packages {
        table.row([
            addressee(one),
            count(one.orders as u64),
            count(one.notices as u64),
            count(one.findings as u64),
            count(one.exhibits.len() as u64),
            one.folder.display().to_string(),
        ]);
    }
    out.table(&table);
    for warning in &report.warnings {
        out.paragraph(0, &format!("note: {warning}"));
    }
}

fn addressee(one: &PackedReport) -> String {
    match (&one.partner, &one.recipient) {
        (_, Some(recipient)) => recipient.clone(),
        (Some(partner), None) => actor(partner, one.member.as_ref()),
        (None, None) => String::new(),
    }
}

/// Measures what a plan did, or counts the bots of a time.
pub async fn measure(meant: &Meant, args: &Measure, out: &mut Out) -> Done {
    if args.from.zip(args.until).is_some_and(|(from, until)| from.day() > until.day()) {
        return Err(Fault::usage("--from lies after --until", "comity measure --help"));
    }
    let node = meant.open("measure").await?;
    let bar = Progress::open(out, "counting");
    if let (Some(plan), true) = (&args.plan, args.notices) {
        let report = node.remedied(plan, args.until).await?;
        drop(bar);
        node.close().await?;
        out.object(&report);
        return Ok(notifying::remedied(&report, out));
    }
    if let Some(plan) = &args.plan {
        let report = node.measure(plan, args.from, args.until).await?;
        drop(bar);
        out.object(&report);
        if args.survival {
            node.close().await?;
            return Ok(surviving::told(&report, usize::MAX, out));
        }
        outcome(&report, out);
    } else if args.rolled {
        let report = node.rolled_up(args.from, args.until).await?;
        drop(bar);
        out.object(&report);
        rolled(&report, args.top.unwrap_or(SHOWN), out);
    } else {
        let report = node.population(args.from, args.until).await?;
        drop(bar);
        out.object(&report);
        population(&report, out);
    }
    node.close().await?;
    Ok(Outcome::Done)
}

fn rolled(report: &RolledUp, top: usize, out: &mut Out) {
    let mut table = Table::new(&["channel", "country", "bots", "sightings"]);
    let mut rows: Vec<_> = report.channels.iter().collect();
    // In the order of the report where as many bots were seen.
    rows.sort_by_key(|c| std::cmp::Reverse(c.bots));
    for c in rows.iter().take(top) {
        table.row([c.channel.clone(), c.place.clone(), count(c.bots), count(c.sightings)]);
    }
    out.table(&table);
    more(rows.len(), top, out);
    out.paragraph(
        0,
        &format!(
            "{} different bots by their pseudonyms, each month apart: everybody who was seen on any of the days, not how many \
             were infected at one time (`comity measure` estimates that)",
            count(report.bots)
        ),
    );
    if report.anew {
        out.talk("a file that the roll-ups covered is gone: they were made anew");
    }
}

/// A number of bots with its interval.
fn about(best: f64, low: f64, high: f64) -> [String; 2] {
    // Bots are counted: what is below nothing or beyond counting was refused before.
    let whole = |n: f64| count(n.max(0.0).round() as u64);
    [whole(best), format!("{} to {}", whole(low), whole(high))]
}

fn outcome(report: &MeasureReport, out: &mut Out) {
    let o = &report.outcome;
    let ((a, b), (c, d)) = (report.before, report.after);
    out.line(format!("plan {}: {a} to {b} against {c} to {d}, by the bots' own ids", report.plan));
    out.line("");
    let mut table = Table::new(&["what", "bots", "95 % interval", "how"]);
    let mut row = |what: &str, [best, range]: [String; 2], how: &str| {
        table.row([what.to_owned(), best, range, how.to_owned()]);
    };
    let how =
        |e: &takedown::Estimate| if e.measured { "measured" } else { "from the plan: no sensor sees it" };
    row("infected before", about(o.before.bots, o.before.low, o.before.high), &report.estimate.method);
    for (what, e) in [
        ("commanded by nobody", &o.contained),
        ("migrated to new channels", &o.migrated),
        ("on channels that stand", &o.surviving),
        ("cured", &o.cured),
    ] {
        row(what, about(e.bots, e.low, e.high), how(e));
    }
    out.table(&table);
    out.line("");
    out.line(format!("the plan expected {} to survive", counted(o.expected_surviving, "bot")));
    if let Some(alarm) = &o.resurgence {
        out.paragraph(0, &format!("ALARM since {}: {}", alarm.since, alarm.why));
    }
    report.sentences.iter().for_each(|s| out.paragraph(0, s));
    out.line("");
    surviving::told(report, BRIEF, out);
}

fn population(report: &PopulationReport, out: &mut Out) {
    let e = &report.estimate;
    let [best, range] = about(e.bots, e.lower, e.upper);
    out.line(format!(
        "{best} bots ({range}) from {} to {}; {} seen",
        report.from,
        report.until,
        count(e.seen)
    ));
    out.paragraph(
        0,
        "counted is how many are infected on a day, in the mean of these days, also those that were not seen; \"seen\" is \
         everybody who was, on any of them",
    );
    out.paragraph(0, &format!("method: {}", e.method));
    e.reasons.iter().for_each(|r| out.paragraph(2, r));
    let mut labels = Table::new(&["botnet", "bots seen"]);
    for (label, bots) in report.labels.iter().take(SHOWN) {
        let label = if label.is_empty() { "(not labelled)" } else { label };
        labels.row([label.to_owned(), count(*bots)]);
    }
    out.line("");
    out.table(&labels);
    more(report.labels.len(), SHOWN, out);
    let mut days = Table::new(&["day", "bots seen"]);
    for (day, bots) in report.days.iter().take(SHOWN) {
        days.row([day.to_string(), count(*bots)]);
    }
    out.line("");
    out.table(&days);
}
