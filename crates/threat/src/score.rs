//! Turns one cluster of findings into a threat: channels, samples, dates, and points with their reasons.
//!
//! The points are rules that a person can repeat: a configuration 30, further samples up to 10, a beacon up to 50 by
//! its score, generated names up to 25, bots by powers of ten up to 30, each supporting indicator 2 up to 10.
//! A cluster all of whose channels are others' sinkholes scores 0: it is not an enemy's.

use crate::{
    ChannelView, Reason, Threat,
    assess::{Names, is_command, normal},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use terms::{Channel, DgaSpec, ExhibitId, Finding, FindingBody, FindingId, Standing, ThreatId};

/// Findings that belong together.
pub(crate) struct Cluster<'a> {
    pub findings: Vec<&'a Finding>,
    pub names: &'a Names,
}

/// What never makes a threat and supports one: indicators by value, asset sheets by asset.
pub(crate) struct Support<'a> {
    indicators: HashMap<String, Vec<FindingId>>,
    sheets: HashMap<String, (&'a terms::AssetSheet, FindingId)>,
    digests: HashMap<ExhibitId, BTreeSet<String>>,
}

impl<'a> Support<'a> {
    pub(crate) fn of(findings: &[&'a Finding]) -> Self {
        let mut out = Self { indicators: HashMap::new(), sheets: HashMap::new(), digests: HashMap::new() };
        for finding in findings {
            match &finding.body {
                FindingBody::Indicator { value, .. } => {
                    for value in indicator_values(value) {
                        out.indicators.entry(value).or_default().push(finding.id);
                    }
                }
                FindingBody::Asset { sheet } => {
                    out.sheets.entry(normal(&sheet.asset)).or_insert((sheet, finding.id));
                }
                FindingBody::Hashes { digests } => {
                    for exhibit in &finding.exhibits {
                        let set = out.digests.entry(*exhibit).or_default();
                        set.extend(digests.iter().map(|(_, d)| d.to_ascii_lowercase()));
                    }
                }
                _ => {}
            }
        }
        out
    }
    fn sheet(&self, channel: &Channel) -> Option<(&'a terms::AssetSheet, FindingId)> {
        let own = match channel.ip() {
            Some(ip) => self.sheets.get(&ip.to_string()),
            None => None,
        };
        own.or_else(|| self.sheets.get(&normal(&channel.key()))).copied()
    }
}

/// A plain value is itself; of a STIX pattern, every quoted literal is one (at most 100).
fn indicator_values(value: &str) -> Vec<String> {
    if value.starts_with('[') {
        value.split('\'').skip(1).step_by(2).take(100).map(normal).collect()
    } else {
        vec![normal(value)]
    }
}

/// What is collected from a cluster before it is scored.
#[derive(Default)]
struct Gathered {
    families: BTreeMap<String, Vec<FindingId>>,
    campaigns: BTreeSet<String>,
    channels: BTreeMap<Channel, BTreeSet<FindingId>>,
    algorithms: Vec<DgaSpec>,
    samples: BTreeMap<ExhibitId, BTreeSet<FindingId>>,
    callers: BTreeSet<String>,
    beacons: Vec<(f64, FindingId)>,
    generated: Vec<(u64, bool, FindingId)>,
    bots: Vec<(u64, FindingId)>,
    days: BTreeSet<terms::Day>,
}

fn gather(cluster: &Cluster<'_>) -> Gathered {
    let mut g = Gathered::default();
    for finding in &cluster.findings {
        let id = finding.id;
        let mut on = |c: &Channel| {
            g.channels.entry(c.clone()).or_default().insert(id);
        };
        match &finding.body {
            FindingBody::Configuration { family, campaign, channels, dga, .. } => {
                channels.iter().for_each(&mut on);
                g.families.entry(family.to_ascii_lowercase()).or_default().push(id);
                g.campaigns.extend(campaign.clone());
                g.algorithms.extend(dga.clone().filter(|d| !g.algorithms.contains(d)));
                g.samples.entries(&finding.exhibits, id);
            }
            FindingBody::Similar { other, .. } => {
                g.samples.entries(&finding.exhibits, id);
                g.samples.entries(&[*other], id);
            }
            FindingBody::Beacon { source, remote, score, .. } => {
                on(&seen(remote, cluster.names));
                g.callers.insert(source.clone());
                let score = if score.is_finite() { score.clamp(0.0, 1.0) } else { 0.0 };
                if is_command(finding) {
                    g.beacons.push((score, id));
                }
            }
            FindingBody::GeneratedNames { source, examples, nonexistent, .. } => {
                let known = examples.iter().any(|e| cluster.names.by_name.contains_key(&normal(e)));
                g.callers.insert(source.clone());
                g.generated.push((*nonexistent, known, id));
            }
            FindingBody::Activity { channel, day, bots, .. } => {
                on(&seen(channel, cluster.names));
                g.days.insert(*day);
                g.bots.push((*bots, id));
            }
            _ => {}
        }
    }
    g
}

/// A plain domain that is a generated name is shown with its day.
fn seen(channel: &Channel, names: &Names) -> Channel {
    match channel.name().map(normal).and_then(|n| names.by_name.get(&n).map(|(_, day)| (n, *day))) {
        Some((name, day)) => Channel::Generated { name, day },
        None => channel.clone(),
    }
}

trait Entries {
    fn entries(&mut self, exhibits: &[ExhibitId], id: FindingId);
}
impl Entries for BTreeMap<ExhibitId, BTreeSet<FindingId>> {
    fn entries(&mut self, exhibits: &[ExhibitId], id: FindingId) {
        for exhibit in exhibits {
            self.entry(*exhibit).or_default().insert(id);
        }
    }
}

pub(crate) fn judge(cluster: &Cluster<'_>, support: &Support<'_>) -> Threat {
    let g = gather(cluster);
    let mut channels = Vec::new();
    let mut sheets = Vec::new();
    for (channel, findings) in &g.channels {
        let mut findings = findings.clone();
        let sheet = support.sheet(channel);
        if let Some((sheet, id)) = sheet {
            findings.insert(id);
            sheets.push((channel.key(), sheet.standing, id));
        }
        let standing = sheet.map(|(s, _)| s.standing);
        channels.push(ChannelView {
            channel: channel.clone(),
            standing,
            findings: findings.into_iter().collect(),
        });
    }
    let mut reasons = reasons(&g, support, cluster.names);
    reasons.extend(standing_reasons(&sheets));
    let others = !channels.is_empty() && channels.iter().all(|c| c.standing == Some(Standing::Sinkhole));
    if others && g.samples.is_empty() {
        reasons.iter_mut().for_each(|r| r.points = 0);
    }
    reasons.sort_by_key(|r| std::cmp::Reverse(r.points));
    let points = reasons.iter().map(|r| u32::from(r.points)).sum::<u32>().min(100);
    let findings: BTreeSet<FindingId> = cluster
        .findings
        .iter()
        .map(|f| f.id)
        .chain(reasons.iter().flat_map(|r| r.findings.clone()))
        .collect();
    let own: Vec<FindingId> = cluster.findings.iter().map(|f| f.id).collect();
    // The most often named family leads; of equals the first by name.
    let family = g.families.iter().rev().max_by_key(|(_, ids)| ids.len()).map(|(name, _)| name.clone());
    Threat {
        id: id_of(family.as_deref(), &own),
        title: title(family.as_deref(), &g),
        family,
        campaigns: g.campaigns.into_iter().collect(),
        channels,
        algorithms: g.algorithms,
        samples: g.samples.into_keys().collect(),
        callers: g.callers.into_iter().collect(),
        bots: g.bots.iter().map(|(n, _)| *n).max().unwrap_or(0),
        first_day: g.days.first().copied(),
        last_day: g.days.last().copied(),
        score: u8::try_from(points).unwrap_or(100),
        beacon: g.beacons.iter().map(|(s, _)| *s).fold(0.0, f64::max),
        reasons,
        findings: findings.into_iter().collect(),
    }
}

/// The family as an id, else the lowest finding's.
pub(crate) fn id_of(family: Option<&str>, findings: &[FindingId]) -> ThreatId {
    let slug: Option<String> = family.map(|f| {
        let plain = f.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
        plain.take(100).collect::<String>().trim_matches('-').to_owned()
    });
    let lowest = findings.iter().min().map(|f| f.to_string().chars().take(16).collect::<String>());
    slug.and_then(|s| ThreatId::new(&s).ok())
        .or_else(|| ThreatId::new(&format!("t-{}", lowest.unwrap_or_default())).ok())
        .unwrap_or_else(fallback_id)
}

#[expect(clippy::expect_used, reason = "the text is a constant of the allowed letters")]
fn fallback_id() -> ThreatId {
    ThreatId::new("t-0").expect("constant")
}

fn title(family: Option<&str>, g: &Gathered) -> String {
    let first = g.channels.keys().next().map(Channel::key);
    match (family, first) {
        (Some(f), _) => format!("Malware family {f}"),
        (None, Some(c)) if !g.bots.is_empty() => format!("Bots calling {c}"),
        (None, Some(c)) => format!("Regular calls to {c}"),
        (None, None) if !g.generated.is_empty() => "A host that asks for generated names".to_owned(),
        (None, None) => "Samples that are alike".to_owned(),
    }
}

fn reason(text: &str, points: u32, findings: impl IntoIterator<Item = FindingId>) -> Reason {
    let findings: BTreeSet<FindingId> = findings.into_iter().collect();
    let short: Vec<String> =
        findings.iter().take(3).map(|f| f.to_string().chars().take(12).collect()).collect();
    let more = if findings.len() > 3 { format!(" and {} more", findings.len() - 3) } else { String::new() };
    Reason {
        text: format!("{text} [{}{more}]", short.join(", ")),
        points: u8::try_from(points).unwrap_or(u8::MAX),
        findings: findings.into_iter().collect(),
    }
}

fn reasons(g: &Gathered, support: &Support<'_>, names: &Names) -> Vec<Reason> {
    let mut out = Vec::new();
    for (family, ids) in &g.families {
        let text = format!("{} of {family} carried by a sample", plural(ids.len() as u64, "configuration"));
        out.push(reason(&text, 30, ids.iter().copied()));
    }
    if g.samples.len() > 1 {
        let points = (g.samples.len() as u32 - 1).min(10);
        let text = format!("{} samples belong together", g.samples.len());
        out.push(reason(&text, points, g.samples.values().flatten().copied()));
    }
    if let Some((score, _)) = g.beacons.iter().max_by(|a, b| a.0.total_cmp(&b.0)) {
        let text = format!("Hosts call a channel regularly: beacon score {score:.3}");
        // Whole points only; the exact score breaks ties in the ranking.
        out.push(reason(&text, (score * 50.0).floor() as u32, g.beacons.iter().map(|(_, id)| *id)));
    }
    out.extend(generated_reason(g));
    if let Some((bots, _)) = g.bots.iter().max() {
        let points = (bots.checked_ilog10().map_or(0, |p| p + 1) * 6).min(30);
        let text = format!("Up to {} on one channel in one day", plural(*bots, "bot"));
        out.push(reason(&text, points, g.bots.iter().map(|(_, id)| *id)));
    }
    let supporting = supporting(g, support);
    if !supporting.is_empty() {
        let text = format!("{} of other lists name its channels or samples", supporting.len());
        out.push(reason(&text, (supporting.len() as u32 * 2).min(10), supporting));
    }
    if names.cut && !g.algorithms.is_empty() {
        let ids = g.families.values().flatten().copied();
        out.push(reason("Not every day's generated names were compared: there were too many", 0, ids));
    }
    out
}

fn generated_reason(g: &Gathered) -> Option<Reason> {
    let nonexistent = g.generated.iter().map(|(n, _, _)| *n).max()?;
    let known = g.generated.iter().any(|(_, known, _)| *known);
    let points = (5 + nonexistent / 20).min(if known { 25 } else { 15 });
    let text = match known {
        true => "Hosts ask for names that its algorithm generates".to_owned(),
        false => format!("A host asks for generated-looking names; {nonexistent} of them do not exist"),
    };
    Some(reason(&text, u32::try_from(points).unwrap_or(25), g.generated.iter().map(|(_, _, id)| *id)))
}

fn supporting(g: &Gathered, support: &Support<'_>) -> BTreeSet<FindingId> {
    let mut values: BTreeSet<String> = BTreeSet::new();
    for channel in g.channels.keys() {
        values.insert(normal(&channel.key()));
        values.extend(channel.ip().map(|ip| ip.to_string()));
    }
    for sample in g.samples.keys() {
        values.insert(sample.to_string());
        values.extend(support.digests.get(sample).into_iter().flatten().cloned());
    }
    values.iter().filter_map(|v| support.indicators.get(v)).flatten().copied().collect()
}

fn standing_reasons(sheets: &[(String, Standing, FindingId)]) -> Vec<Reason> {
    Standing::ALL
        .iter()
        .filter_map(|standing| {
            let of: Vec<_> = sheets.iter().filter(|(_, s, _)| s == standing).collect();
            let names: Vec<&str> = of.iter().take(5).map(|(k, _, _)| k.as_str()).collect();
            let words = match standing {
                Standing::Criminal => "serve the criminals only",
                Standing::Compromised => "are innocent owners' and abused",
                Standing::Shared => "have innocent tenants beside the criminals",
                Standing::Sinkhole => "are others' sinkholes and no enemy's",
            };
            let text = format!("Asset sheets: {} {words}", names.join(", "));
            (!of.is_empty()).then(|| reason(&text, 0, of.iter().map(|(_, _, id)| *id)))
        })
        .collect()
}

fn plural(n: u64, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}
