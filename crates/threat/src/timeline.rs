//! A case's timeline: what is dated in its findings, its notes and its decisions.

use crate::Case;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use terms::{Day, Finding, FindingBody, FindingId};

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// The day (UTC).
    pub day: Day,
    /// `activity`, `opened`, `note` or `decision`.
    pub kind: String,
    /// In a sentence.
    pub text: String,
    /// What it rests on, sorted.
    pub findings: Vec<FindingId>,
}

/// The moments of a case, by day. Activity is summed up to one line a day: the channel with most bots, and how many
/// channels were active.
pub fn timeline(case: &Case, findings: &[Finding]) -> Vec<Moment> {
    let mut days: BTreeMap<Day, Vec<(u64, String, FindingId)>> = BTreeMap::new();
    for finding in findings.iter().filter(|f| case.findings.contains(&f.id)) {
        if let FindingBody::Activity { channel, day, bots, .. } = &finding.body {
            days.entry(*day).or_default().push((*bots, channel.key(), finding.id));
        }
    }
    let mut out: Vec<Moment> = days.into_iter().map(|(day, seen)| active(day, seen)).collect();
    let opened = format!("Case \"{}\" was opened", case.title);
    out.push(Moment { day: case.opened.day(), kind: "opened".into(), text: opened, findings: Vec::new() });
    for (kind, entries) in [("note", &case.notes), ("decision", &case.decisions)] {
        out.extend(entries.iter().map(|e| Moment {
            day: e.at.day(),
            kind: kind.into(),
            text: format!("{} ({})", e.text, e.by),
            findings: e.findings.clone(),
        }));
    }
    out.sort();
    out
}

fn active(day: Day, mut seen: Vec<(u64, String, FindingId)>) -> Moment {
    seen.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let text = match seen.first() {
        Some((bots, channel, _)) => {
            format!("{} channels active; most bots ({bots}) on {channel}", seen.len())
        }
        None => String::new(),
    };
    let mut findings: Vec<FindingId> = seen.into_iter().map(|(_, _, id)| id).collect();
    findings.sort_unstable();
    Moment { day, kind: "activity".into(), text, findings }
}
