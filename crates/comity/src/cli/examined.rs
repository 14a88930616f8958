//! What `analyze PATH…` says of each exhibit: an object for programs, what matters first for people.
//!
//! Here: which exhibits (those of the paths, and what was taken out of them), what a responder is told first, and in how
//! many lines. Elsewhere: findings by kind over the whole home (`findings`).

use super::errors::Fault;
use super::findings::statement;
use super::laboratory::more;
use super::out::{Out, Table, bytes, count, counted, cut, short};
use crate::node::Node;
use crate::store::exhibits::{self, Exhibit};
use crate::store::{erasure, findings};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use terms::{ExhibitId, ExhibitKind, Finding, FindingBody};

/// Exhibits that people are told of one by one.
const TELLING: usize = 10;
/// Lines on one exhibit below its name.
const LINES: usize = 6;
/// Statements of one kind that stand together on a line.
const TOGETHER: usize = 4;
/// Characters of one statement.
const WORDS: usize = 160;
/// Findings of one exhibit that are read: more are counted.
const MOST: usize = 5_000;
/// Kinds of what could not be read that people get.
const UNREAD: usize = 8;

/// One exhibit with what was found in it (`comity.examined/1`).
#[derive(Debug, Serialize)]
pub struct Examined {
    schema: &'static str,
    /// SHA-256 of its bytes.
    exhibit: ExhibitId,
    names: Vec<String>,
    kind: ExhibitKind,
    size: u64,
    /// What it was taken out of.
    derived_from: Option<ExhibitId>,
    /// Digests that others name it by.
    digests: BTreeMap<String, String>,
    /// Findings that stand, by kind and then id.
    findings: Vec<Finding>,
    /// Findings beyond those listed.
    more: u64,
}

async fn examined(node: &Node, exhibit: Exhibit, inside: Option<ExhibitId>) -> Result<Examined, Fault> {
    let mut conn = node.state.read().await?;
    let (mut found, mut after, mut more) = (Vec::new(), None, 0);
    loop {
        let page = findings::of_exhibit(&mut conn, &exhibit.id, after.as_ref(), 1000).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.finding.id);
        for kept in page.into_iter().filter(|k| k.refuted_by.is_none()) {
            if found.len() < MOST { found.push(kept.finding) } else { more += 1 }
        }
    }
    // Of what must not be viewed nothing else is shown, whatever was found before it was listed.
    if found.iter().any(|f| matches!(f.body, FindingBody::Withheld { .. })) {
        let this = BTreeSet::from([exhibit.id]);
        found.retain(|f| Node::shown(&this, f));
    }
    if exhibit.kind == ExhibitKind::RuleSet {
        // What its rules found is told of what they fired on.
        found.retain(|f| !matches!(f.body, FindingBody::RuleMatch { .. } | FindingBody::Scanned { .. }));
    }
    found.sort_by_cached_key(|f| (findings::kind(&f.body), f.id));
    let digests = found.iter().find_map(|f| match &f.body {
        FindingBody::Hashes { digests } => Some(digests.iter().cloned().collect()),
        _ => None,
    });
    Ok(Examined {
        schema: "comity.examined/1",
        exhibit: exhibit.id,
        names: exhibit.names,
        kind: exhibit.kind,
        size: exhibit.size,
        derived_from: inside.or(exhibit.derived_from),
        digests: digests.unwrap_or_default(),
        findings: found,
        more,
    })
}

/// Says what is known of these exhibits and of what was taken out of them: each after what it lies in, once. What had
/// been here before is told like what is new.
pub async fn tell(node: &Node, of: &[ExhibitId], out: &mut Out) -> Result<(), Fault> {
    let mut report = Report::default();
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<(ExhibitId, Option<ExhibitId>)> = of.iter().rev().map(|id| (*id, None)).collect();
    while let Some((id, inside)) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        let mut conn = node.state.read().await?;
        let Some(exhibit) = exhibits::find(&mut conn, &id).await?.filter(|e| e.erased_at.is_none()) else {
            continue;
        };
        let mut below = erasure::unpacked(&mut conn, &id).await?;
        drop(conn);
        let one = examined(node, exhibit, inside).await?;
        // The same bytes may lie in several containers; the exhibit names the first one only.
        below.extend(one.findings.iter().filter_map(|f| match &f.body {
            FindingBody::Derived { exhibit, .. } => Some(*exhibit),
            _ => None,
        }));
        waiting.extend(below.into_iter().rev().map(|b| (b, Some(id))));
        report.exhibits += 1;
        if out.for_programs() {
            out.object(&one);
        } else {
            report.add(one);
        }
    }
    report.print(out);
    Ok(())
}

/// What people get: built up exhibit by exhibit, so that only the telling ones are held.
#[derive(Default)]
struct Report {
    exhibits: usize,
    /// The most telling ones, by weight.
    telling: Vec<(u32, Examined)>,
    /// How many exhibits had something to tell.
    with_something: usize,
    /// Names of all, to say where something lay.
    names: BTreeMap<ExhibitId, String>,
    kinds: BTreeMap<ExhibitKind, (u64, u64)>,
    unread: BTreeMap<(String, String), (u64, String)>,
}

impl Report {
    fn add(&mut self, one: Examined) {
        let name = name(&one);
        let (exhibits, size) = self.kinds.entry(one.kind).or_default();
        (*exhibits, *size) = (*exhibits + 1, *size + one.size);
        for finding in &one.findings {
            if let FindingBody::Unreadable { code, .. } = &finding.body {
                let entry = self.unread.entry((code.clone(), finding.reason.clone()));
                entry.or_insert_with(|| (0, name.clone())).0 += 1;
            }
        }
        self.names.insert(one.exhibit, name);
        let weight = telling(&one.findings);
        if weight == 0 {
            return;
        }
        self.with_something += 1;
        let place = self.telling.partition_point(|(w, _)| *w >= weight);
        self.telling.insert(place, (weight, one));
        self.telling.truncate(TELLING);
    }

    fn print(&self, out: &mut Out) {
        if out.for_programs() || self.exhibits == 0 {
            return;
        }
        if self.with_something == 0 {
            out.heading("Nothing in them stands out.");
        }
        for (n, (_, one)) in self.telling.iter().enumerate() {
            self.exhibit(n + 1, one, out);
        }
        more(self.with_something, TELLING, out);
        let mut table = Table::new(&["kind", "exhibits", "size"]);
        for (kind, (exhibits, size)) in &self.kinds {
            table.row([kind.to_string(), count(*exhibits), bytes(*size)]);
        }
        out.heading("All of them:");
        out.table(&table);
        self.unreadable(out);
    }

    fn exhibit(&self, n: usize, one: &Examined, out: &mut Out) {
        let inside = one.derived_from.and_then(|id| self.names.get(&id));
        let inside = inside.map(|name| format!(", in {}", cut(name, 40))).unwrap_or_default();
        let name = self.names.get(&one.exhibit).map_or_else(String::new, |n| cut(n, 70));
        out.line("");
        out.hanging("", &format!("{n:>2}  {name}  ({}, {}{inside})", one.kind, bytes(one.size)));
        out.hanging("    ", &format!("sha256 {}", one.exhibit));
        let mut groups: Vec<(&'static str, u32, Vec<&Finding>)> = Vec::new();
        for finding in one.findings.iter().filter(|f| weight(f) > 0) {
            let kind = findings::kind(&finding.body);
            match groups.iter_mut().find(|(k, ..)| *k == kind) {
                Some((_, most, list)) => {
                    *most = (*most).max(weight(finding));
                    list.push(finding);
                }
                None => groups.push((kind, weight(finding), vec![finding])),
            }
        }
        groups.sort_by_key(|(_, most, _)| std::cmp::Reverse(*most));
        for (kind, _, mut list) in groups.into_iter().take(LINES) {
            list.sort_by_key(|f| (std::cmp::Reverse(weight(f)), far(f)));
            let told: Vec<String> = list
                .iter()
                .take(TOGETHER)
                .map(|f| format!("{} [{}]", cut(&said(f, one.exhibit), WORDS), short(f.id)))
                .collect();
            let rest = match list.len().saturating_sub(TOGETHER) {
                0 => String::new(),
                n => format!("; and {} more", count(n as u64)),
            };
            out.hanging(&format!("    {kind:<15} "), &format!("{}{rest}", told.join("; ")));
        }
    }

    fn unreadable(&self, out: &mut Out) {
        if self.unread.is_empty() {
            return;
        }
        out.heading("Not, or not wholly, readable:");
        let mut rows: Vec<_> = self.unread.iter().collect();
        rows.sort_by_key(|(_, (times, _))| std::cmp::Reverse(*times));
        let mut table = Table::new(&["code", "times", "where", "why"]);
        for ((code, why), (times, example)) in rows.iter().take(UNREAD) {
            let place = if *times > 1 { format!("{}, …", cut(example, 40)) } else { cut(example, 40) };
            table.row([(*code).clone(), count(*times), place, cut(why, WORDS)]);
        }
        out.table(&table);
        more(rows.len(), UNREAD, out);
    }
}

fn name(one: &Examined) -> String {
    // The shortest name is the one that people know it by.
    one.names.iter().min_by_key(|n| n.len()).cloned().unwrap_or_else(|| short(one.exhibit))
}

/// A statement without what the line's beginning says already.
fn said(finding: &Finding, on: ExhibitId) -> String {
    // Of two that are alike the reader looks at one: what is meant is the other.
    let other = || finding.exhibits.iter().find(|e| **e != on).map_or_else(String::new, short);
    match &finding.body {
        FindingBody::Configuration { family, campaign, variant, channels, dga, .. } => {
            let mut parts =
                vec![variant.as_ref().map_or_else(|| family.clone(), |v| format!("{family}/{v}"))];
            parts.extend(campaign.as_ref().map(|c| format!("campaign {c}")));
            parts.extend(channels.iter().take(6).map(terms::Channel::key));
            parts.extend(dga.as_ref().map(|d| format!("{} names a day by {}", d.per_day, d.algorithm)));
            parts.join(", ")
        }
        FindingBody::Capability { capability, techniques, .. } if techniques.is_empty() => capability.clone(),
        FindingBody::Capability { capability, techniques, .. } => {
            format!("{capability} ({})", techniques.join(", "))
        }
        FindingBody::Text { what, value, .. } => format!("{what} {value}"),
        FindingBody::RuleMatch { rule, .. } => rule.clone(),
        FindingBody::Family { family, .. } => family.clone(),
        FindingBody::Signature { verdict, signer, .. } => {
            signer.as_ref().map_or_else(|| verdict.clone(), |s| format!("{verdict}: {s}"))
        }
        FindingBody::Similar { distance, .. } => format!("like {} (distance {distance})", other()),
        FindingBody::SharedCode { percent, .. } => format!("{percent} % of code with {}", other()),
        body => statement(body),
    }
}

/// Of what is alike the nearest comes first.
fn far(finding: &Finding) -> u32 {
    match &finding.body {
        FindingBody::Similar { distance, .. } => *distance,
        FindingBody::SharedCode { percent, .. } => 100u32.saturating_sub(u32::from(*percent)),
        _ => 0,
    }
}

/// How much an exhibit says: of each kind as much as is told of it, so that many addresses are not more than one
/// configuration.
fn telling(all: &[Finding]) -> u32 {
    let mut kinds: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for finding in all {
        kinds.entry(findings::kind(&finding.body)).or_default().push(weight(finding));
    }
    let told = |mut weights: Vec<u32>| -> u32 {
        weights.sort_unstable_by_key(|w| std::cmp::Reverse(*w));
        weights.iter().take(TOGETHER).sum()
    };
    kinds.into_values().map(told).sum()
}

/// How much a finding says to a responder; 0 for what every exhibit has.
fn weight(finding: &Finding) -> u32 {
    let sure = u32::from(finding.confidence.percent());
    match &finding.body {
        FindingBody::Withheld { .. } => 10_000,
        FindingBody::Configuration { .. } => 1_000,
        FindingBody::Signature { verdict, .. } => match verdict.as_str() {
            "valid" => 0,
            "tampered" | "bad-signature" => 500,
            _ => 20,
        },
        FindingBody::Family { .. } => 400,
        FindingBody::RuleMatch { .. } => 200,
        // A script names many calls; what a document would do by itself tells more.
        FindingBody::ActiveContent { what, .. } if what == "suspicious-call" => sure / 4,
        FindingBody::ActiveContent { .. } => 100,
        FindingBody::Capability { .. } => sure / 5,
        FindingBody::Text { what, .. } => match what.as_str() {
            "wallet" | "onion" | "inject-target" => 100,
            "url" | "address" => 5,
            _ => 1,
        },
        FindingBody::SharedCode { .. } | FindingBody::Similar { .. } => 10,
        FindingBody::Indicator { .. } => 2,
        _ => 0,
    }
}

/// One line on how much came in and was examined.
pub fn beginning(files: usize, exhibits: u64, new: u64, failed: usize, out: &mut Out) {
    let failed = match failed {
        0 => String::new(),
        n => format!("; {} could not be examined", counted(n as u64, "exhibit")),
    };
    let (files, exhibits) = (counted(files as u64, "file"), counted(exhibits, "exhibit"));
    out.line(format!("took in {files}, examined {exhibits}: {}{failed}", counted(new, "new finding")));
}
