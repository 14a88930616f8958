//! Which channels each variant of a family knows: what makes bots of one variant survive together.
//!
//! Elsewhere: how many bots there are of each (the botnet laboratory), what is done about it (the takedown crate).

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use terms::{Channel, DgaSpec, Finding, FindingBody, FindingId};

/// The channels that one variant knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The family.
    pub family: String,
    /// The variant, where the configuration names one.
    pub variant: Option<String>,
    /// How a sensor labels its bots: `family/variant`, or the family alone.
    pub label: String,
    /// Fixed channels.
    pub channels: BTreeSet<Channel>,
    /// Algorithms by their keys: `dga:` and the algorithm's name; with the seed where several share the name.
    pub algorithms: BTreeMap<String, DgaSpec>,
    /// The configurations that say so.
    pub findings: BTreeSet<FindingId>,
}

impl Signature {
    /// The keys of all its channels, sorted: `Channel::key` and the algorithms' keys.
    pub fn keys(&self) -> Vec<String> {
        let fixed = self.channels.iter().map(Channel::key).chain(self.algorithms.keys().cloned());
        fixed.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// What tells two specs of one algorithm apart: seed, names a day, suffixes.
type Parameters<'a> = (u64, u32, &'a [String]);

/// One signature for each family and variant that configurations name, by label.
///
/// Configurations of one variant are joined: a bot is taken to know every channel that any of them names, so that it
/// counts as silenced only when all of these are closed.
pub fn signatures(findings: &[Finding]) -> Vec<Signature> {
    let mut seeds: BTreeMap<&str, BTreeSet<Parameters<'_>>> = BTreeMap::new();
    for finding in findings {
        if let FindingBody::Configuration { dga: Some(spec), .. } = &finding.body {
            seeds.entry(&spec.algorithm).or_default().insert((spec.seed, spec.per_day, &spec.suffixes));
        }
    }
    let key = |spec: &DgaSpec| {
        let of = seeds.get(spec.algorithm.as_str());
        let same = of.and_then(|s| s.iter().position(|p| *p == (spec.seed, spec.per_day, &spec.suffixes)));
        match same {
            Some(n) if of.is_some_and(|s| s.len() > 1) => {
                format!("dga:{}-{:x}-{n}", spec.algorithm, spec.seed)
            }
            _ => format!("dga:{}", spec.algorithm),
        }
    };
    let mut out: BTreeMap<String, Signature> = BTreeMap::new();
    for finding in findings {
        let FindingBody::Configuration { family, variant, channels, dga, .. } = &finding.body else {
            continue;
        };
        let label = match variant {
            Some(v) => format!("{family}/{v}"),
            None => family.clone(),
        };
        let signature = out.entry(label.clone()).or_insert_with(|| Signature {
            family: family.clone(),
            variant: variant.clone(),
            label,
            channels: BTreeSet::new(),
            algorithms: BTreeMap::new(),
            findings: BTreeSet::new(),
        });
        signature.channels.extend(channels.iter().cloned());
        signature.algorithms.extend(dga.iter().map(|spec| (key(spec), spec.clone())));
        signature.findings.insert(finding.id);
    }
    out.into_values().collect()
}
