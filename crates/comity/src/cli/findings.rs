//! Findings as people read them: the telling ones in short tables, one of them in full.

use super::args::Analyze;
use super::errors::Fault;
use super::laboratory::more;
use super::out::{Out, Table, count, cut, money, short};
use crate::node::Node;
use crate::node::error::NodeError;
use crate::store::findings::{self, Kept};
use crate::store::{exhibits, exhibits::Exhibit};
use futures::TryStreamExt as _;
use serde::Serialize;
use std::collections::BTreeMap;
use terms::{ExhibitId, Finding, FindingBody};

/// Rows of each kind where nobody says how many.
const TOP: usize = 10;
/// Characters of a host or pseudonym in a table.
const HOST: usize = 15;
/// Exhibits that are listed below one finding.
const MOST_EXHIBITS: usize = 50;

/// A finding as programs get it (`comity.finding/1`).
#[derive(Debug, Serialize)]
struct Line<'a> {
    schema: &'static str,
    #[serde(flatten)]
    kept: &'a Kept,
}

impl<'a> Line<'a> {
    fn of(kept: &'a Kept) -> Self {
        Self { schema: "comity.finding/1", kept }
    }
}

/// Prints the findings that stand: all of them for programs, the telling ones for people.
pub async fn list(node: &Node, args: &Analyze, out: &mut Out) -> Result<(), Fault> {
    if out.for_programs() {
        return stream(node, args, out).await;
    }
    let top = args.top.unwrap_or(TOP);
    match &args.kind {
        Some(kind) => show(node, kind, top, out).await,
        None => {
            for kind in
                ["configuration", "beacon", "generated-names", "activity", "account", "similar", "unreadable"]
            {
                show(node, kind, top, out).await?;
            }
            Ok(())
        }
    }
}

async fn stream(node: &Node, args: &Analyze, out: &mut Out) -> Result<(), Fault> {
    let mut all = Box::pin(findings::stream(&node.state, args.kind.clone()));
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    while let Some(kept) = all.try_next().await? {
        if kept.refuted_by.is_some() {
            continue;
        }
        let seen = shown.entry(findings::kind(&kept.finding.body)).or_default();
        *seen += 1;
        if args.top.is_none_or(|top| *seen <= top) {
            out.object(&Line::of(&kept));
        }
    }
    Ok(())
}

async fn show(node: &Node, kind: &str, top: usize, out: &mut Out) -> Result<(), Fault> {
    let mut found = node.of_kind(kind).await?;
    if found.is_empty() {
        return Ok(());
    }
    found.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then(a.id.cmp(&b.id)));
    out.heading(heading(kind));
    if kind == "unreadable" {
        unreadable(&found, top, out);
        return Ok(());
    }
    let mut table = Table::new(columns(kind));
    for finding in found.iter().take(top) {
        table.row(cells(finding));
    }
    out.table(&table);
    more(found.len(), top, out);
    Ok(())
}

/// What comes first in a list of one kind.
fn weight(finding: &Finding) -> f64 {
    match &finding.body {
        FindingBody::Beacon { score, .. } => *score,
        FindingBody::GeneratedNames { names, .. } => *names as f64,
        FindingBody::Activity { bots, .. } => *bots as f64,
        FindingBody::Similar { distance, .. } => -f64::from(*distance),
        FindingBody::Account { cents, .. } => *cents as f64,
        _ => f64::from(finding.confidence.percent()),
    }
}

fn heading(kind: &str) -> &'static str {
    match kind {
        "configuration" => "Configurations taken out of samples:",
        "beacon" => "Remote endpoints called like command and control, most likely first:",
        "generated-names" => "Hosts that ask for generated names:",
        "activity" => "Channels with bots seen on them, busiest day first:",
        "account" => "Accounts through which money moved:",
        "similar" => "Samples that are alike, nearest first:",
        "unreadable" => "Sealed, but not or not wholly readable:",
        _ => "Findings:",
    }
}

fn columns(kind: &str) -> &'static [&'static str] {
    match kind {
        "configuration" => &["id", "family", "campaign", "channels"],
        "beacon" => &["id", "score", "remote", "caller", "times", "every", "why"],
        "generated-names" => &["id", "host", "names", "not there", "such as"],
        "activity" => &["id", "day", "channel", "bots", "addresses", "places"],
        "account" => &["id", "account", "institution", "sum", "role"],
        "similar" => &["id", "distance", "of", "other"],
        _ => &["id", "sure", "states"],
    }
}

fn cells(finding: &Finding) -> Vec<String> {
    let id = short(finding.id);
    match &finding.body {
        FindingBody::Configuration { family, campaign, variant, channels, dga } => {
            let name = variant.as_ref().map_or_else(|| family.clone(), |v| format!("{family}/{v}"));
            let mut keys: Vec<String> = channels.iter().map(terms::Channel::key).collect();
            keys.extend(dga.as_ref().map(|d| format!("{} names a day by {}", d.per_day, d.algorithm)));
            vec![id, name, campaign.clone().unwrap_or_default(), keys.join(", ")]
        }
        FindingBody::Beacon { source, remote, transport, connections, interval, score } => vec![
            id,
            format!("{score:.2}"),
            format!("{remote}/{transport}"),
            cut(source, HOST),
            count(*connections),
            seconds(*interval),
            finding.reason.clone(),
        ],
        FindingBody::GeneratedNames { source, names, nonexistent, examples } => {
            vec![id, cut(source, HOST), count(*names), count(*nonexistent), examples.join(", ")]
        }
        FindingBody::Activity { channel, day, bots, addresses, places } => {
            let most: Vec<String> =
                places.iter().take(4).map(|(p, n)| format!("{p} {}", count(*n))).collect();
            vec![id, day.to_string(), channel.key(), count(*bots), count(*addresses), most.join(", ")]
        }
        FindingBody::Account { account, institution, role, cents } => {
            let sum = money(cents.unsigned_abs());
            vec![id, account.clone(), institution.clone(), sum, role.clone()]
        }
        FindingBody::Similar { other, distance } => {
            let one = finding.exhibits.iter().find(|e| *e != other).map(short).unwrap_or_default();
            vec![id, distance.to_string(), one, short(other)]
        }
        body => vec![id, finding.confidence.to_string(), statement(body)],
    }
}

/// A span of time as people say it.
fn seconds(s: f64) -> String {
    match s {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// By reason: a thousand files of one unknown format are one line.
fn unreadable(found: &[Finding], top: usize, out: &mut Out) {
    let mut of: BTreeMap<(String, &str), (u64, String)> = BTreeMap::new();
    for finding in found {
        let FindingBody::Unreadable { code, at, .. } = &finding.body else { continue };
        let why = finding
            .reason
            .strip_prefix(at.as_str())
            .map_or(finding.reason.as_str(), |r| r.trim_start_matches(": "));
        of.entry((code.clone(), why)).or_insert_with(|| (0, short(finding.id))).0 += 1;
    }
    let mut rows: Vec<_> = of.into_iter().collect();
    rows.sort_by_key(|(_, (times, _))| std::cmp::Reverse(*times));
    let mut table = Table::new(&["id", "times", "code", "why"]);
    for ((code, why), (times, id)) in rows.iter().take(top) {
        table.row([id.clone(), count(*times), code.clone(), (*why).to_owned()]);
    }
    out.table(&table);
    more(rows.len(), top, out);
}

/// One finding in full: what it states, what it rests on, who says so and why.
pub async fn explain(node: &Node, id: &str, out: &mut Out) -> Result<(), Fault> {
    let mut conn = node.state.read().await?;
    let kept = findings::find_prefix(&mut conn, id).await?.ok_or_else(|| NodeError::Missing {
        what: "finding that alone begins with",
        id: id.to_owned(),
        list: "`comity analyze --json` (at least 6 digits)",
    })?;
    let mut rests: Vec<(ExhibitId, Option<Exhibit>)> = Vec::new();
    for exhibit in kept.finding.exhibits.iter().take(MOST_EXHIBITS) {
        rests.push((*exhibit, exhibits::find(&mut conn, exhibit).await?));
    }
    out.object(&Explained { line: Line::of(&kept), rests_on: rests.iter().map(rests_on).collect() });
    let finding = &kept.finding;
    out.labelled("finding", &finding.id.to_string());
    out.labelled("states", &statement(&finding.body));
    out.labelled("because", &finding.reason);
    out.labelled("sure", &finding.confidence.to_string());
    out.labelled("examiner", &format!("{} version {}", finding.examiner, finding.version));
    out.labelled("found", &kept.found_at.to_string());
    if let Some(by) = &kept.refuted_by {
        out.labelled("refuted", &format!("by {by}"));
    }
    out.heading("It rests on:");
    let mut table = Table::new(&["exhibit", "kind", "name"]);
    for (id, exhibit) in &rests {
        let kind = exhibit.as_ref().map(|e| e.kind.to_string()).unwrap_or_default();
        let names = exhibit.as_ref().map(|e| e.names.join(", ")).unwrap_or_default();
        table.row([id.to_string(), kind, names]);
    }
    out.table(&table);
    more(finding.exhibits.len(), MOST_EXHIBITS, out);
    body(&finding.body, out);
    Ok(())
}

/// A finding with the exhibits it rests on (`comity.finding/1`).
#[derive(Debug, Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    line: Line<'a>,
    rests_on: Vec<serde_json::Value>,
}

fn rests_on((id, exhibit): &(ExhibitId, Option<Exhibit>)) -> serde_json::Value {
    match exhibit {
        Some(e) => serde_json::json!({ "exhibit": id, "kind": e.kind, "names": e.names, "size": e.size }),
        None => serde_json::json!({ "exhibit": id }),
    }
}

/// Every value of the body, as it is kept.
fn body(body: &FindingBody, out: &mut Out) {
    let Ok(serde_json::Value::Object(values)) = serde_json::to_value(body) else { return };
    out.heading("In full:");
    for (name, value) in values {
        let text = match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        out.paragraph(2, &format!("{name}: {text}"));
    }
}

/// What a finding states, in one sentence.
fn statement(body: &FindingBody) -> String {
    match body {
        FindingBody::Format { kind, features } => {
            let told: Vec<String> = features.iter().map(|(n, v)| format!("{n} {v}")).collect();
            format!("it is {kind}: {}", told.join(", "))
        }
        FindingBody::Hashes { digests } => {
            digests.iter().map(|(n, v)| format!("{n} {v}")).collect::<Vec<_>>().join(", ")
        }
        FindingBody::Configuration { family, channels, .. } => {
            format!("a sample of {family} knows {} fixed channels", channels.len())
        }
        FindingBody::Similar { other, distance } => format!("it is like {other} (distance {distance})"),
        FindingBody::Beacon { source, remote, connections, interval, .. } => {
            let every = seconds(*interval);
            format!("{source} called {remote} {} times, about every {every}", count(*connections))
        }
        FindingBody::GeneratedNames { source, names, .. } => {
            format!("{source} asked for {} names that look generated", count(*names))
        }
        FindingBody::Activity { channel, day, bots, .. } => {
            format!("{} bots were seen on {channel} on {day}", count(*bots))
        }
        FindingBody::Indicator { kind, value, label } => {
            label.as_ref().map_or_else(|| format!("{kind} {value}"), |l| format!("{kind} {value} ({l})"))
        }
        FindingBody::StixObject { id, object, name } => {
            name.as_ref().map_or_else(|| format!("{object} {id}"), |n| format!("{object} “{n}” ({id})"))
        }
        FindingBody::Asset { sheet } => {
            format!("an asset register speaks of {} ({})", sheet.asset, sheet.class)
        }
        FindingBody::Account { account, institution, role, cents } => {
            format!("{} passed through {account} at {institution} ({role})", money(cents.unsigned_abs()))
        }
        FindingBody::Unreadable { code, at, records } => match records {
            0 => format!("it could not be read ({code}, {at})"),
            n => format!("{} records could not be read ({code}, {at})", count(*n)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::KINDS;
    use super::*;

    #[test]
    fn every_kind_of_finding_can_be_asked_for() {
        let bodies = [
            FindingBody::Hashes { digests: vec![] },
            FindingBody::Indicator { kind: "domain".into(), value: "a.example".into(), label: None },
            FindingBody::Unreadable { code: "CMT-1144".into(), at: "the whole".into(), records: 0 },
        ];
        for body in bodies {
            assert!(KINDS.contains(&findings::kind(&body)));
            assert!(!statement(&body).contains('\n'));
        }
    }

    #[test]
    fn spans_are_said_shortly() {
        for (s, said) in [(5.0, "5 s"), (300.0, "5 min"), (9_000.0, "2.5 h")] {
            assert_eq!(seconds(s), said);
        }
    }
}
