//! What `analyze PATH…` says of each exhibit: an object for programs, what matters first for people.
//!
//! Here: which exhibits (those of the paths, and what was taken out of them) and what is known of each. Elsewhere: what is
//! dangerous (`danger`), the screen that people get (`screen`), findings by kind over the whole home (`findings`).

use super::args::Analyze;
use super::errors::Fault;
use super::out::Out;
use super::screen::{Rest, Screen};
use crate::node::Node;
use crate::node::rules::RulesInPart;
use crate::store::exhibits::{self, Exhibit};
use crate::store::{erasure, findings};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use terms::{ExhibitId, ExhibitKind, Finding, FindingBody};

/// Findings of one exhibit that are read: more are counted.
const MOST: usize = 5_000;

/// One exhibit with what was found in it (`comity.examined/1`).
#[derive(Debug, Serialize)]
pub struct Examined {
    schema: &'static str,
    /// SHA-256 of its bytes.
    pub exhibit: ExhibitId,
    pub names: Vec<String>,
    pub kind: ExhibitKind,
    pub size: u64,
    /// What it was taken out of.
    pub derived_from: Option<ExhibitId>,
    /// Digests that others name it by.
    digests: BTreeMap<String, String>,
    /// Findings that stand, by kind and then id.
    pub findings: Vec<Finding>,
    /// Findings beyond those listed.
    more: u64,
}

async fn examined(
    node: &Node,
    exhibit: Exhibit,
    inside: Option<ExhibitId>,
    withheld: &BTreeSet<ExhibitId>,
) -> Result<Examined, Fault> {
    let mut conn = node.state.read().await?;
    let (mut found, mut after, mut more) = (Vec::new(), None, 0);
    loop {
        let page = findings::of_exhibit(&mut conn, &exhibit.id, after.as_ref(), 1000).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.finding.id);
        // Of what must not be viewed nothing else is shown, whatever was found before it was listed, nor what it has in
        // common with others.
        for kept in page.into_iter().filter(|k| k.refuted_by.is_none() && Node::shown(withheld, &k.finding)) {
            if found.len() < MOST { found.push(kept.finding) } else { more += 1 }
        }
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

/// What was told of the exhibits.
#[derive(Default)]
pub struct Told {
    /// Rule sets among them that work in part.
    pub rules_in_part: Vec<RulesInPart>,
}

/// Says what is known of these exhibits and of what was taken out of them: each after what it lies in, once. What had
/// been here before is told like what is new. Of `--kind` only exhibits with such findings, and these; `--top` so many
/// exhibits for people, and so many findings of a kind for programs.
pub async fn tell(
    node: &Node,
    of: &[ExhibitId],
    args: &Analyze,
    rest: &Rest<'_>,
    out: &mut Out,
) -> Result<Told, Fault> {
    let mut screen = Screen::new(args);
    let mut told = Told::default();
    let mut seen = BTreeSet::new();
    let withheld = node.withheld().await?;
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
        let mut one = examined(node, exhibit, inside, &withheld).await?;
        // The same bytes may lie in several containers; the exhibit names the first one only.
        below.extend(one.findings.iter().filter_map(|f| match &f.body {
            FindingBody::Derived { exhibit, .. } => Some(*exhibit),
            _ => None,
        }));
        waiting.extend(below.into_iter().rev().map(|b| (b, Some(id))));
        told.rules_in_part.extend(one.findings.iter().filter_map(|f| RulesInPart::of(id, &f.body)));
        if let Some(kind) = &args.kind {
            one.findings.retain(|f| findings::kind(&f.body) == kind);
            if one.findings.is_empty() {
                screen.pass_over(&one);
                continue;
            }
        }
        if out.for_programs() {
            one.first(args.top);
            out.object(&one);
        } else {
            screen.add(one);
        }
    }
    screen.print(rest, out);
    Ok(told)
}

impl Examined {
    /// Keeps so many findings of each kind; the others are counted.
    fn first(&mut self, top: Option<usize>) {
        let Some(top) = top else { return };
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let before = self.findings.len();
        self.findings.retain(|f| {
            let seen = seen.entry(findings::kind(&f.body)).or_default();
            *seen += 1;
            *seen <= top
        });
        self.more += (before - self.findings.len()) as u64;
    }

    /// The name that people know it by: the shortest.
    pub fn name(&self) -> String {
        self.names.iter().min_by_key(|n| n.len()).cloned().unwrap_or_else(|| super::out::short(self.exhibit))
    }
}
