//! Findings as people read them: the telling ones in short tables, one of them in full.

use super::args::Analyze;
use super::errors::Fault;
use super::labels::counts_as;
use super::laboratory::more;
use super::out::{Out, Table, count, cut, money, short};
use crate::node::Node;
use crate::node::error::NodeError;
use crate::node::label::Labelled;
use crate::store::findings::{self, Kept};
use crate::store::{exhibits, exhibits::Exhibit};
use futures::TryStreamExt as _;
use serde::Serialize;
use std::collections::BTreeMap;
use terms::{ExhibitId, Finding, FindingBody};

/// Rows of each kind where nobody says how many.
const TOP: usize = 6;
/// Rows of the kinds that a first responder acts on.
const TOP_TELLING: usize = 12;
/// Names that are given as examples.
const EXAMPLES: usize = 3;
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
    let kinds: &[&str] = match &args.kind {
        Some(kind) => &[kind.as_str()],
        None => &[
            "withheld",
            "configuration",
            "beacon",
            "generated-names",
            "activity",
            "family",
            "rule-match",
            "active-content",
            "capability",
            "text",
            "account",
            "similar",
            "shared-code",
            "unreadable",
        ],
    };
    for kind in kinds {
        let usual = if matches!(*kind, "configuration" | "beacon") { TOP_TELLING } else { TOP };
        show(node, kind, args.top.unwrap_or(usual), out).await?;
    }
    Ok(())
}

async fn stream(node: &Node, args: &Analyze, out: &mut Out) -> Result<(), Fault> {
    let mut all = Box::pin(findings::stream(&node.state, args.kind.clone()));
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    let withheld = node.withheld().await?;
    while let Some(kept) = all.try_next().await? {
        if kept.refuted_by.is_some() || !Node::shown(&withheld, &kept.finding) {
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
    let withheld = node.withheld().await?;
    found.retain(|f| Node::shown(&withheld, f));
    if found.is_empty() {
        return Ok(());
    }
    found.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then(a.id.cmp(&b.id)));
    // Other questions to the traffic answer in the same words, with scores of their own: they are told apart.
    let (found, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|f| kind != "beacon" || threat::is_command(f));
    if !found.is_empty() {
        tell(kind, heading(kind), &found, top, out);
    }
    let mut by: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    others.into_iter().for_each(|f| by.entry(f.examiner.clone()).or_default().push(f));
    for (examiner, found) in by {
        tell(kind, traffic(&examiner), &found, top, out);
    }
    Ok(())
}

/// One table of findings, which are in the order in which they are told.
fn tell(kind: &str, heading: &str, found: &[Finding], top: usize, out: &mut Out) {
    out.heading(heading);
    let mut names = columns(kind).to_vec();
    // The ranking of command and control has a scale of its own; what other questions give is none of it.
    if let (Some(name), true) = (names.get_mut(1), kind == "beacon" && !found.iter().all(threat::is_command))
    {
        *name = "strength";
    }
    let mut table = Table::new(&names);
    let rows = match kind {
        "configuration" => configurations(found),
        "activity" => activity(found),
        "unreadable" => unreadable(found),
        _ => found.iter().map(cells).collect(),
    };
    let all = rows.len();
    rows.into_iter().take(top).for_each(|row| table.row(row));
    out.table(&table);
    more(all, top, out);
}

/// What a question to the traffic found, by its correlator.
fn traffic(examiner: &str) -> &'static str {
    match examiner {
        "botnet.long-connection" => "Connections that stayed open for hours, longest first:",
        "botnet.strobe" => "Endpoints called very often in a short time:",
        "botnet.fast-flux" => "Names whose addresses change all the time:",
        "botnet.peer-layer" => "Hosts that share contacts as peers do:",
        _ => "Also in the traffic:",
    }
}

/// One row for each configuration, however many samples carry it.
fn configurations(found: &[Finding]) -> Vec<Vec<String>> {
    let mut rows: Vec<(Vec<String>, u64)> = Vec::new();
    for finding in found {
        let row = cells(finding);
        let same = |(known, _): &&mut (Vec<String>, u64)| known.get(1..) == row.get(1..);
        match rows.iter_mut().find(same) {
            Some((_, samples)) => *samples += 1,
            None => rows.push((row, 1)),
        }
    }
    rows.sort_by(|(a, _), (b, _)| a.get(1..).cmp(&b.get(1..)));
    let counted = |(mut row, samples): (Vec<String>, u64)| {
        row.insert(2, count(samples));
        row
    };
    rows.into_iter().map(counted).collect()
}

/// One row for each channel, over all its days, with its busiest.
fn activity(found: &[Finding]) -> Vec<Vec<String>> {
    let mut days: BTreeMap<String, u64> = BTreeMap::new();
    for finding in found {
        if let FindingBody::Activity { channel, .. } = &finding.body {
            *days.entry(channel.key()).or_default() += 1;
        }
    }
    let row = |finding: &Finding| {
        let FindingBody::Activity { channel, day, bots, places, .. } = &finding.body else { return None };
        // The busiest day comes first, so the other days of a channel find it taken.
        let seen = days.remove(&channel.key())?;
        let most: Vec<String> = places.iter().take(4).map(|(p, n)| format!("{p} {}", count(*n))).collect();
        Some(vec![
            short(finding.id),
            channel.key(),
            count(seen),
            day.to_string(),
            count(*bots),
            most.join(", "),
        ])
    };
    found.iter().filter_map(row).collect()
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
        "active-content" => "What documents and containers would do, or hide, when opened:",
        "beacon" => "Remote endpoints called like command and control, most likely first:",
        "generated-names" => "Hosts that ask for generated names:",
        "activity" => {
            "Channels with bots seen on them; counted are the different bots seen on the busiest day of each:"
        }
        "account" => "Accounts through which money moved:",
        "similar" => "Samples that are alike, nearest first:",
        "rule-match" => "Rules that fired:",
        "capability" => "What samples can do, by their code:",
        "text" => "Texts in samples that lead on:",
        "signature" => "Signatures of programs:",
        "shared-code" => "Samples that share code:",
        "family" => "Families by the names that others give:",
        "withheld" => "Not to be viewed, and to be reported:",
        "unreadable" => "Sealed, but not or not wholly readable:",
        _ => "Findings:",
    }
}

fn columns(kind: &str) -> &'static [&'static str] {
    match kind {
        "configuration" => &["id", "family", "samples", "campaign", "channels"],
        "beacon" => &["id", "c2 score", "remote", "why"],
        "generated-names" => &["id", "host", "names", "not there", "such as"],
        "activity" => &["id", "channel", "days", "busiest", "bots then", "where"],
        "unreadable" => &["id", "times", "code", "why"],
        "account" => &["id", "account", "institution", "sum", "role"],
        "similar" => &["id", "distance", "of", "other"],
        "rule-match" => &["id", "sample and set", "rule", "says"],
        _ => &["id", "sure", "states"],
    }
}

fn cells(finding: &Finding) -> Vec<String> {
    let id = short(finding.id);
    match &finding.body {
        FindingBody::Configuration { family, campaign, variant, channels, dga, .. } => {
            let name = variant.as_ref().map_or_else(|| family.clone(), |v| format!("{family}/{v}"));
            let mut keys: Vec<String> = channels.iter().map(terms::Channel::key).collect();
            keys.extend(dga.as_ref().map(|d| format!("{} names a day by {}", d.per_day, d.algorithm)));
            vec![id, name, campaign.clone().unwrap_or_default(), keys.join(", ")]
        }
        FindingBody::Beacon { remote, transport, score, .. } => {
            vec![id, format!("{score:.2}"), format!("{remote}/{transport}"), finding.reason.clone()]
        }
        FindingBody::GeneratedNames { source, names, nonexistent, examples } => {
            let few: Vec<_> = examples.iter().take(EXAMPLES).cloned().collect();
            vec![id, cut(source, HOST), count(*names), count(*nonexistent), few.join(", ")]
        }
        FindingBody::Account { account, institution, role, cents } => {
            let sum = money(cents.unsigned_abs());
            vec![id, account.clone(), institution.clone(), sum, role.clone()]
        }
        FindingBody::Similar { other, distance } => {
            let one = finding.exhibits.iter().find(|e| *e != other).map(short).unwrap_or_default();
            vec![id, distance.to_string(), one, short(other)]
        }
        FindingBody::RuleMatch { rule, meta, strings, .. } => {
            // A match rests on the sample and on the rule set; ids do not tell which is which, `--why` does.
            let rests: Vec<String> = finding.exhibits.iter().map(short).collect();
            let says = meta.iter().find(|(name, _)| name.eq_ignore_ascii_case("description"));
            let names = || strings.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
            vec![id, rests.join(" "), rule.clone(), says.map_or_else(names, |(_, text)| text.clone())]
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

/// By reason: a thousand files of one unknown format are one row.
fn unreadable(found: &[Finding]) -> Vec<Vec<String>> {
    let mut of: BTreeMap<(String, &str), (u64, String)> = BTreeMap::new();
    for finding in found {
        let FindingBody::Unreadable { code, at, .. } = &finding.body else { continue };
        let reason = finding.reason.strip_prefix(at.as_str()).unwrap_or(&finding.reason);
        let why = reason.trim_start_matches(": ");
        of.entry((code.clone(), why)).or_insert_with(|| (0, short(finding.id))).0 += 1;
    }
    let mut rows: Vec<_> = of.into_iter().collect();
    rows.sort_by_key(|(_, (times, _))| std::cmp::Reverse(*times));
    rows.into_iter().map(|((code, why), (times, id))| vec![id, count(times), code, why.to_owned()]).collect()
}

/// One finding in full: what it states, what it rests on, who says so and why.
pub async fn explain(node: &Node, id: &str, out: &mut Out) -> Result<(), Fault> {
    let mut conn = node.state.read().await?;
    let kept = findings::find_prefix(&mut conn, id).await?.ok_or_else(|| NodeError::Missing {
        what: "finding that alone begins with",
        id: id.to_owned(),
        list: "`comity analyze --json` (at least 6 digits)",
    })?;
    drop(conn);
    let withheld = node.withheld().await?;
    if !Node::shown(&withheld, &kept.finding)
        && let Some(exhibit) = kept.finding.exhibits.iter().find(|e| withheld.contains(e))
    {
        return Err(NodeError::Withheld { exhibit: *exhibit }.into());
    }
    let mut conn = node.state.read().await?;
    let mut rests: Vec<Rest> = Vec::new();
    for id in kept.finding.exhibits.iter().take(MOST_EXHIBITS) {
        rests.push(Rest { id: *id, exhibit: exhibits::find(&mut conn, id).await?, label: None });
    }
    drop(conn);
    for rest in &mut rests {
        if let Some(exhibit) = &rest.exhibit {
            rest.label = Some(node.labelled(exhibit).await?);
        }
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
    let mut table = Table::new(&["exhibit", "kind", "counts as", "name"]);
    for Rest { id, exhibit, label } in &rests {
        let kind = exhibit.as_ref().map(|e| e.kind.to_string()).unwrap_or_default();
        let names = exhibit.as_ref().map(|e| e.names.join(", ")).unwrap_or_default();
        table.row([id.to_string(), kind, label.as_ref().map(counts_as).unwrap_or_default(), names]);
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

/// One exhibit that a finding rests on.
struct Rest {
    id: ExhibitId,
    exhibit: Option<Exhibit>,
    label: Option<Labelled>,
}

fn rests_on(Rest { id, exhibit, label }: &Rest) -> serde_json::Value {
    match exhibit {
        Some(e) => serde_json::json!({
            "exhibit": id, "kind": e.kind, "names": e.names, "size": e.size, "label": label,
        }),
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
pub(super) fn statement(body: &FindingBody) -> String {
    match body {
        FindingBody::Format { kind, features } => {
            let told: Vec<String> = features.iter().map(|(n, v)| format!("{n} {v}")).collect();
            format!("it is {kind}: {}", told.join(", "))
        }
        FindingBody::Hashes { digests } => {
            digests.iter().map(|(n, v)| format!("{n} {v}")).collect::<Vec<_>>().join(", ")
        }
        FindingBody::ActiveContent { what, value, at } => format!("{what} at {at}: {value}"),
        FindingBody::Derived { exhibit, path, how } => {
            format!("{exhibit} was derived from it: {path} ({how})")
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
        FindingBody::RuleSet { rules, left_out: 0 } => format!("a rule set of {} rules", count(*rules)),
        FindingBody::RuleSet { rules, left_out } => {
            format!("a rule set of {} rules; {} were left out", count(*rules), count(*left_out))
        }
        FindingBody::Scanned { rules, matched } => {
            format!("{} rules were applied, {} fired", count(*rules), count(*matched))
        }
        FindingBody::RuleMatch { rule, strings, .. } => {
            let names: Vec<&str> = strings.iter().map(|s| s.name.as_str()).collect();
            if names.is_empty() {
                format!("rule {rule} fired")
            } else {
                format!("rule {rule} fired on {}", names.join(", "))
            }
        }
        FindingBody::Signature { verdict, signer, .. } => match signer {
            Some(signer) => format!("its signature is {verdict}: {signer}"),
            None => format!("its signature is {verdict}"),
        },
        FindingBody::Text { what, value, encoding, offset } => {
            format!("{what} {value} ({encoding}, offset {offset:#x})")
        }
        FindingBody::Capability { capability, techniques, .. } if techniques.is_empty() => {
            format!("it can {capability}")
        }
        FindingBody::Capability { capability, techniques, .. } => {
            format!("it can {capability} ({})", techniques.join(", "))
        }
        FindingBody::Code { functions, .. } => format!("code of {} functions", count(*functions)),
        FindingBody::SharedCode { other, percent, .. } => {
            format!("it shares {percent} % of code with {other}")
        }
        FindingBody::Family { family, given } => format!("a sample of {family} ({})", given.join(", ")),
        FindingBody::Withheld { list, digest, report_until, inside } => {
            let whose = if *inside { "of what lies in it, the" } else { "its" };
            format!(
                "it must not be viewed: {whose} {digest} is on the list {list}; report until {report_until}"
            )
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
