//! The page itself.

use super::{MOST_ROWS, Report, charts, graph};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeSet;

const STYLE: &str = "
body{font:16px/1.5 system-ui,sans-serif;color:#263242;background:#fff;max-width:1140px;margin:0 auto;padding:1.5rem}
h1{font-size:1.7rem;margin:.2rem 0}h2{font-size:1.25rem;margin:2.2rem 0 .6rem;border-bottom:2px solid #1f619e;padding-bottom:.2rem}
nav a{margin-right:1rem}a{color:#1f619e}table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #e2e7ed}th{background:#f4f6f9}
code,.id{font-family:ui-monospace,monospace;font-size:.85em}.muted{color:#5d6b7c}.big{font-size:1.06rem}
.score{display:inline-block;min-width:2.4em;text-align:center;background:#1f619e;color:#fff;border-radius:4px}
.floor{border-left:5px solid #d0621e;padding:.4rem .9rem;background:#fdf4ee}:target{background:#fff6d6}
figure{margin:0}figcaption{color:#5d6b7c;font-size:.9rem}td.n{white-space:nowrap}
@media print{nav{display:none}}";

/// The first 16 digits name an anchor; 64 bits are enough within one page.
fn short(id: &str) -> &str {
    id.get(..16).unwrap_or(id)
}

struct Anchors<'a> {
    findings: BTreeSet<&'a str>,
    exhibits: BTreeSet<&'a str>,
}

impl<'a> Anchors<'a> {
    fn of(report: &'a Report) -> Self {
        Self {
            findings: report.findings.iter().take(MOST_ROWS).map(|f| short(&f.id)).collect(),
            exhibits: report.exhibits.iter().take(MOST_ROWS).map(|e| short(&e.id)).collect(),
        }
    }

    /// A link where the page has the row, plain text where it has not.
    fn link(&self, id: &str) -> Markup {
        let at = short(id);
        let text = at.get(..8).unwrap_or(at);
        if self.findings.contains(at) {
            html! { a.id href={ "#f-" (at) } { (text) } }
        } else if self.exhibits.contains(at) {
            html! { a.id href={ "#e-" (at) } { (text) } }
        } else {
            html! { span.id { (text) } }
        }
    }

    fn links(&self, ids: &[String]) -> Markup {
        html! {
            @for id in ids.iter().take(6) { (self.link(id)) " " }
            @if ids.len() > 6 { span.muted { "and " (ids.len() - 6) " more" } }
        }
    }
}

fn more(total: usize) -> Markup {
    html! { @if total > MOST_ROWS { p.muted { (total - MOST_ROWS) " more are in the home; `comity analyze --json` lists them all." } } }
}

pub(super) fn page(report: &Report) -> Markup {
    let anchors = Anchors::of(report);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                title { (report.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                p.muted { "Case " code { (report.case) } " · " (report.partner) " · made " (report.made) }
                h1 { (report.title) }
                nav {
                    a href="#summary" { "Summary" } a href="#threats" { "Threats" } a href="#graph" { "Entity graph" }
                    a href="#timeline" { "Timeline" } a href="#plan" { "Plan" } a href="#outcome" { "Outcome" }
                    a href="#findings" { "Findings" } a href="#exhibits" { "Exhibits" }
                }
                h2 #summary { "Summary" }
                @for line in &report.summary { p.big { (line) } }
                (threats(report, &anchors))
                h2 #graph { "Entity graph" }
                figure {
                    (PreEscaped(graph::draw(report)))
                    figcaption { "From left to right as the evidence leads. A larger dot carries more findings or bots; a line means that a finding joins the two." }
                }
                @if !report.places.is_empty() {
                    figure {
                        (PreEscaped(charts::places(&report.places)))
                        figcaption { "Bots by country before the operation, counted by identity and not by address; places with fewer than ten are left out." }
                    }
                }
                (timeline(report, &anchors))
                (plan(report, &anchors))
                (outcome(report))
                (findings(report, &anchors))
                (exhibits(report))
                p.muted { "Ledger: " code { (report.ledger) } ". This page loads nothing from elsewhere." }
            }
        }
    }
}

fn threats(report: &Report, anchors: &Anchors<'_>) -> Markup {
    html! {
        h2 #threats { "Threats" }
        @if report.threats.is_empty() { p { "None was found." } }
        @else {
            table {
                tr { th { "Score" } th { "Threat" } th { "Why (points)" } th { "Findings" } }
                @for t in report.threats.iter().take(20) {
                    tr {
                        td { span.score { (t.score) } }
                        td { (t.title) br; span.id.muted { (t.id) } }
                        td { @for (why, points) in &t.reasons { (why) " (" (points) ")" br; } }
                        td { (anchors.links(&t.findings)) }
                    }
                }
            }
            @if report.threats.len() > 20 { p.muted { (report.threats.len() - 20) " of lower score are not shown." } }
        }
    }
}

fn timeline(report: &Report, anchors: &Anchors<'_>) -> Markup {
    html! {
        h2 #timeline { "Timeline" }
        table {
            tr { th { "When (UTC)" } th { "What" } th { "Rests on" } }
            @for m in report.timeline.iter().take(MOST_ROWS) {
                tr { td.n { (m.at) } td { (m.what) } td { @if let Some(id) = &m.rests_on { (anchors.link(id)) } } }
            }
        }
        (more(report.timeline.len()))
    }
}

fn plan(report: &Report, anchors: &Anchors<'_>) -> Markup {
    html! {
        h2 #plan { "Plan" }
        @if let Some(plan) = &report.plan {
            p { "Plan " code { (plan.id) } ": " (plan.actions.len()) " actions at one hour, " strong { (plan.hour) } ". "
                (plan.before) " bots before; " (plan.surviving) " are expected to survive. " (plan.checked) }
            div.floor {
                strong { "The floor: what no partner can reach" }
                ul { @for line in &plan.floor { li { (line) } } }
            }
            table {
                tr { th { "Target" } th { "Instrument" } th { "By" } th { "Place" } th { "Power and authority" } th { "Why" } th { "Evidence" } }
                @for a in plan.actions.iter().take(MOST_ROWS) {
                    tr { td { (a.target) } td { (a.instrument) } td { (a.by) } td { (a.place) } td { (a.under) } td { (a.why) } td { (anchors.links(&a.findings)) } }
                }
            }
            (more(plan.actions.len()))
            @if !plan.blocked.is_empty() {
                h3 { "Not done, and why" }
                table {
                    tr { th { "Target" } th { "Reason" } }
                    @for (target, why) in plan.blocked.iter().take(MOST_ROWS) { tr { td { (target) } td { (why) } } }
                }
            }
        } @else { p { "No plan has been made." } }
    }
}

fn outcome(report: &Report) -> Markup {
    html! {
        h2 #outcome { "Outcome" }
        @if let Some(outcome) = &report.outcome {
            @for line in &outcome.sentences { p { (line) } }
            figure {
                (PreEscaped(charts::curve(outcome)))
                figcaption { "Bots that can be commanded on each day. Truth is known only because this is an exercise; without one the page shows the measured line alone." }
            }
            @if let Some(survival) = &outcome.survival {
                figure {
                    (PreEscaped(charts::survival(survival)))
                    figcaption { "Of the machines that were infected at the hour, the share that still is, with its 95 % interval; countries with most machines beside all." }
                }
            }
            table {
                tr { th { "After the hour" } th { "Measured" } th { "Truth of the exercise" } }
                @for (name, measured, truth) in &outcome.shares {
                    tr { td { (name) } td.n { (format!("{measured:.0}")) } td.n { @if let Some(t) = truth { (format!("{t:.0}")) } @else { "–" } } }
                }
            }
        } @else { p { "Not measured yet." } }
    }
}

fn findings(report: &Report, anchors: &Anchors<'_>) -> Markup {
    html! {
        h2 #findings { "Findings" }
        table {
            tr { th { "Id" } th { "Examiner" } th { "Sure" } th { "What and why" } th { "Exhibits" } }
            @for f in report.findings.iter().take(MOST_ROWS) {
                tr id={ "f-" (short(&f.id)) } {
                    td { span.id title=(f.id) { (f.id.get(..8).unwrap_or(&f.id)) } }
                    td { (f.examiner) } td.n { (f.confidence) " %" } td { (f.reason) } td { (anchors.links(&f.exhibits)) }
                }
            }
        }
        (more(report.findings.len()))
    }
}

fn exhibits(report: &Report) -> Markup {
    html! {
        h2 #exhibits { "Exhibits" }
        table {
            tr { th { "SHA-256" } th { "Kind" } th { "Taken in as" } th { "Bytes" } th { "Sealed (UTC)" } }
            @for e in report.exhibits.iter().take(MOST_ROWS) {
                tr id={ "e-" (short(&e.id)) } {
                    td { span.id style="word-break:break-all" { (e.id) } } td { (e.kind) } td { (e.name) } td.n { (e.size) } td { (e.sealed) }
                }
            }
        }
        (more(report.exhibits.len()))
    }
}
