//! `assess` and `case`: threats ranked with their reasons, investigations opened on them.

use super::args::{Assess, CaseVerb};
use super::errors::Fault;
use super::home::Meant;
use super::laboratory::more;
use super::out::{Out, Table, count, counted};
use super::{Done, Outcome, custody, labels};
use crate::node::Node;
use crate::node::error::NodeError;
use serde::Serialize;
use std::path::Path;
use terms::{Role, ThreatId};
use threat::{Case, CaseState, Threat};

/// Channels of one threat that are named.
const CHANNELS: usize = 6;
/// Reasons of one threat that are told.
const REASONS: usize = 8;

/// A threat as programs get it (`comity.threat/1`).
#[derive(Debug, Serialize)]
struct Line<'a> {
    schema: &'static str,
    rank: usize,
    #[serde(flatten)]
    threat: &'a Threat,
}

/// Judges the findings and ranks the threats.
pub async fn assess(meant: &Meant, args: &Assess, out: &mut Out) -> Done {
    let node = meant.open("assess").await?;
    let threats = node.assess().await?;
    node.close().await?;
    for (i, threat) in threats.iter().enumerate().take(args.top) {
        out.object(&Line { schema: "comity.threat/1", rank: i + 1, threat });
        told(i + 1, threat, out);
    }
    if threats.is_empty() {
        out.line("no threat stands out");
        out.talk("next: take in more with `comity ingest`, then `comity analyze`");
    } else {
        more(threats.len(), args.top, out);
        out.talk("next: comity case open TITLE --threat ID");
    }
    Ok(Outcome::Done)
}

fn told(rank: usize, threat: &Threat, out: &mut Out) {
    out.line("");
    out.line(format!("{rank:>2}. {:>3}  {}", threat.score, threat.title));
    out.line(format!("         {}", threat.id));
    let bots = if threat.bots > 0 { format!(", {}", counted(threat.bots, "bot")) } else { String::new() };
    let days = match (threat.first_day, threat.last_day) {
        (Some(first), Some(last)) => format!(", seen {first} to {last}"),
        _ => String::new(),
    };
    let (samples, channels) = (threat.samples.len() as u64, threat.channels.len() as u64);
    let told = format!("{}, {}{bots}{days}", counted(samples, "sample"), counted(channels, "channel"));
    out.paragraph(9, &told);
    let mut keys: Vec<String> = threat.channels.iter().take(CHANNELS).map(|c| c.channel.key()).collect();
    if threat.channels.len() > CHANNELS {
        keys.push(format!("and {} more", count(channels - CHANNELS as u64)));
    }
    if !keys.is_empty() {
        out.paragraph(9, &keys.join(", "));
    }
    for reason in threat.reasons.iter().take(REASONS) {
        out.hanging(&format!("       {:>+4}  ", reason.points), &reason.text);
    }
    more(threat.reasons.len(), REASONS, out);
}

/// What is done with cases.
pub async fn case(meant: &Meant, verb: &CaseVerb, out: &mut Out) -> Done {
    let node = meant.open("case").await?;
    match verb {
        CaseVerb::Open { title, threat } => open(&node, title, threat, out).await?,
        CaseVerb::List => list(&node, out).await?,
        CaseVerb::Show { case } => {
            let case = node.case_show(case).await?;
            show(&case, out);
            labels::line(&node, &case, out).await?;
        }
        CaseVerb::Label { case, exhibit, category, reason } => {
            labels::label(&node, case, exhibit, category, reason.as_deref(), out).await?
        }
        CaseVerb::Note { case, text } => show(&node.case_note(case, text).await?, out),
        CaseVerb::Gather { case, exhibit } => show(&node.gather(case, exhibit).await?, out),
        CaseVerb::Refresh { case } => show(&node.case_refresh(case).await?, out),
        CaseVerb::Close { case } => show(&node.case_close(case).await?, out),
        CaseVerb::Reopen { case } => show(&node.case_reopen(case).await?, out),
        CaseVerb::Report { case, out: to } => report(&node, case, to, out).await?,
        other => {
            let done = custody::custody(&node, other, out).await;
            node.close().await?;
            return done;
        }
    }
    node.close().await?;
    Ok(Outcome::Done)
}

async fn open(node: &Node, title: &str, threats: &[ThreatId], out: &mut Out) -> Result<(), Fault> {
    let case = node.case_open(title, threats).await?;
    show(&case, out);
    out.talk(format!("next: comity plan {}", case.id));
    Ok(())
}

async fn list(node: &Node, out: &mut Out) -> Result<(), Fault> {
    let mut table = Table::new(&["case", "state", "opened", "threats", "findings", "plans", "title"]);
    for case in node.case_list().await? {
        out.object(&case);
        table.row([
            case.id.to_string(),
            state(case.state).to_owned(),
            case.opened.day().to_string(),
            count(case.threats.len() as u64),
            count(case.findings as u64),
            case.plans.join(" "),
            case.title,
        ]);
    }
    if table.is_empty() {
        out.line("no case is kept here");
    }
    out.table(&table);
    Ok(())
}

const fn state(state: CaseState) -> &'static str {
    match state {
        CaseState::Open => "open",
        CaseState::Closed => "closed",
    }
}

fn show(case: &Case, out: &mut Out) {
    out.object(case);
    out.labelled("case", case.id.as_str());
    out.labelled("title", &case.title);
    out.labelled("state", &format!("{}, opened {}", state(case.state), case.opened));
    let people: Vec<String> = case.people.iter().map(|(p, r)| format!("{p} ({})", word(r))).collect();
    out.labelled("people", &people.join(", "));
    let (findings, exhibits) = (case.findings.len() as u64, case.exhibits.len() as u64);
    out.labelled("rests on", &format!("{}, {}", counted(findings, "finding"), counted(exhibits, "exhibit")));
    for threat in &case.threats {
        out.labelled("threat", threat.as_str());
    }
    for (heading, entries) in [("Notes:", &case.notes), ("Decisions:", &case.decisions)] {
        if !entries.is_empty() {
            out.heading(heading);
        }
        for entry in entries {
            out.line(format!("  {} by {}", entry.at, entry.by));
            entry.text.lines().for_each(|l| out.paragraph(4, l));
        }
    }
}

/// A role in the word in which it is kept.
fn word(role: &Role) -> String {
    serde_json::to_value(role).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The case as one page, whole or not at all.
async fn report(node: &Node, case: &str, to: &Path, out: &mut Out) -> Result<(), Fault> {
    let report = node.case_report(case, None).await?;
    let page = report.html();
    crate::store::files::write_durably(to, page.as_bytes()).map_err(|e| NodeError::file("writing", to, e))?;
    out.line(to.display().to_string());
    out.object(&serde_json::json!({ "schema": "comity.written/1", "path": to, "bytes": page.len() }));
    Ok(())
}
