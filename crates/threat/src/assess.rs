//! Clusters findings by shared evidence and ranks the clusters.
//!
//! Two findings join when they speak of one exhibit that is a sample, one family, one channel (also a generated name
//! of a day of the horizon or of a day with activity), or one similar sample. Indicators join nothing: they support
//! what is there. Elsewhere: points and their reasons (`score`).
//! Bounds: 1,000,000 expanded names in all; time and memory are linear in the findings beside that.

use crate::{
    Horizon, Threat,
    score::{self, Cluster},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use terms::{Channel, Day, DgaSpec, Finding, FindingBody};

/// Most generated names expanded in one assessment.
const MAX_NAMES: usize = 1_000_000;
/// Samples farther apart than this (TLSH) are not one family.
const NEAR: u32 = 60;

/// Judges findings together and ranks what comes out, worst first.
///
/// Give every finding of the home, or of a case: refuted ones left out. Formats, hashes, asset sheets, accounts and
/// indicators make no threat by themselves. A beacon or a host that asks for generated names, and joins nothing, is a
/// threat of its own; among such lone beacons the ranking follows the beacon score.
pub fn assess(findings: &[Finding], horizon: Horizon) -> Vec<Threat> {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_unstable_by_key(|f| f.id);
    sorted.dedup_by_key(|f| f.id);
    let names = expand(&sorted, horizon);
    let mut links = Links::default();
    for (n, finding) in sorted.iter().enumerate() {
        for key in keys(finding, &names) {
            links.tie(n, key);
        }
    }
    let mut clusters: BTreeMap<usize, Vec<&Finding>> = BTreeMap::new();
    for (n, finding) in sorted.iter().enumerate() {
        if links.tied.contains(&n) {
            let root = links.root(n);
            clusters.entry(root).or_default().push(finding);
        }
    }
    let support = score::Support::of(&sorted);
    let mut threats: Vec<Threat> = clusters
        .into_values()
        .filter(|c| c.iter().any(|f| makes_threat(f)))
        .map(|findings| score::judge(&Cluster { findings, names: &names }, &support))
        .collect();
    rank(&mut threats);
    distinct_ids(&mut threats);
    threats
}

/// What generated names stand for.
#[derive(Default)]
pub(crate) struct Names {
    /// Name to the algorithm's number and the day on which bots ask for it.
    pub by_name: HashMap<String, (usize, Day)>,
    /// The algorithms, in the order of the findings that name them.
    pub specs: Vec<DgaSpec>,
    /// Whether names were left out because there were too many.
    pub cut: bool,
}

fn expand(findings: &[&Finding], horizon: Horizon) -> Names {
    let mut days: BTreeSet<Day> = horizon.days().collect();
    let mut names = Names::default();
    for finding in findings {
        match &finding.body {
            FindingBody::Activity { day, .. } => {
                days.insert(*day);
            }
            FindingBody::Configuration { dga: Some(spec), .. } if !names.specs.contains(spec) => {
                // A linear look-up is enough: beyond this many algorithms nothing more is expanded.
                if names.specs.len() < 1_000 {
                    names.specs.push(spec.clone());
                } else {
                    names.cut = true;
                }
            }
            _ => {}
        }
    }
    for (n, spec) in names.specs.iter().enumerate() {
        for day in &days {
            if names.by_name.len() + spec.per_day.min(10_000) as usize > MAX_NAMES {
                names.cut = true;
                return names;
            }
            for name in spec.names(*day) {
                names.by_name.entry(name).or_insert((n, *day));
            }
        }
    }
    names
}

/// What two findings can share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Sample(String),
    Family(String),
    Channel(String),
    Algorithm(usize),
    Asking(String),
}

fn keys(finding: &Finding, names: &Names) -> Vec<Key> {
    let sample = || finding.exhibits.first().map(|e| Key::Sample(e.to_string()));
    let channel = |c: &Channel| channel_key(c, names);
    match &finding.body {
        FindingBody::Configuration { family, channels, dga, .. } => {
            let mut out = vec![Key::Family(family.to_ascii_lowercase())];
            out.extend(sample());
            out.extend(channels.iter().map(channel));
            out.extend(
                dga.as_ref().and_then(|d| names.specs.iter().position(|s| s == d)).map(Key::Algorithm),
            );
            out
        }
        FindingBody::Similar { other, distance } if *distance <= NEAR => {
            let others = finding.exhibits.iter().chain([other]);
            others.map(|e| Key::Sample(e.to_string())).collect()
        }
        FindingBody::Beacon { remote, .. } => vec![channel(remote)],
        FindingBody::Activity { channel: c, .. } => vec![channel(c)],
        FindingBody::GeneratedNames { source, examples, .. } => {
            let known = examples.iter().filter_map(|e| names.by_name.get(&normal(e)));
            let mut out: Vec<Key> = known.map(|(n, _)| Key::Algorithm(*n)).collect();
            if out.is_empty() {
                out.push(Key::Asking(source.clone()));
            }
            out
        }
        FindingBody::Format { .. } | FindingBody::Hashes { .. } => sample().into_iter().collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn channel_key(channel: &Channel, names: &Names) -> Key {
    match channel.name().and_then(|n| names.by_name.get(&normal(n))) {
        Some((n, _)) => Key::Algorithm(*n),
        None => Key::Channel(normal(&channel.key())),
    }
}

/// Formats and hashes only describe a sample that something else made a threat of; two alike samples of unknown
/// family are one.
fn makes_threat(finding: &Finding) -> bool {
    match &finding.body {
        FindingBody::Beacon { .. } => is_command(finding),
        FindingBody::Configuration { .. }
        | FindingBody::Similar { .. }
        | FindingBody::GeneratedNames { .. }
        | FindingBody::Activity { .. } => true,
        _ => false,
    }
}

/// Whether a correlator that weighs everything a host did said so. A connection that stays open, very many calls, ever new
/// addresses and mutual contacts are also what harmless programs do: they join a threat that others made of the same
/// channel, and make none.
pub fn is_command(finding: &Finding) -> bool {
    !matches!(
        finding.examiner.as_str(),
        "botnet.long-connection" | "botnet.strobe" | "botnet.fast-flux" | "botnet.peer-layer"
    )
}

/// Union-find over findings by shared keys (path halving).
#[derive(Default)]
struct Links {
    parent: HashMap<usize, usize>,
    first: HashMap<Key, usize>,
    tied: BTreeSet<usize>,
}

impl Links {
    fn root(&mut self, mut n: usize) -> usize {
        loop {
            let up = self.parent.get(&n).copied().unwrap_or(n);
            if up == n {
                return n;
            }
            let above = self.parent.get(&up).copied().unwrap_or(up);
            self.parent.insert(n, above);
            n = above;
        }
    }
    fn tie(&mut self, n: usize, key: Key) {
        self.tied.insert(n);
        let first = *self.first.entry(key).or_insert(n);
        let (a, b) = (self.root(first), self.root(n));
        // The lower index is the root, so that a cluster's order never depends on the order of ties.
        self.parent.insert(a.max(b), a.min(b));
    }
}

fn rank(threats: &mut [Threat]) {
    threats.sort_by(|a, b| {
        b.score
            .cmp(&a.score)
            .then(b.beacon.total_cmp(&a.beacon))
            .then(b.bots.cmp(&a.bots))
            .then(a.findings.first().cmp(&b.findings.first()))
    });
}

/// Two clusters of one family name cannot be: the name joins them. Slugs of different names can be equal, so the
/// later one takes its lowest finding's id.
fn distinct_ids(threats: &mut [Threat]) {
    let mut seen = BTreeSet::new();
    for threat in threats {
        if !seen.insert(threat.id.clone()) {
            threat.id = score::id_of(None, &threat.findings);
            seen.insert(threat.id.clone());
        }
    }
}
