//! What the smaller questions share: the finding they give, registrable domains, times in words.

use super::Found;
use std::collections::BTreeSet;
use terms::{Channel, Confidence, ExhibitId, FindingBody, Unsealed};

/// Exhibits a finding names.
pub(super) const MAX_EXHIBITS: usize = 256;

/// Microseconds as seconds.
pub(super) fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// A finding about one host and one channel, as `Beacon`: the examiner says of which kind it is.
pub(super) struct Shape {
    pub examiner: &'static str,
    pub source: String,
    pub remote: Channel,
    pub transport: String,
    pub connections: u64,
    pub interval: f64,
    pub score: f64,
    pub reason: String,
    pub exhibits: BTreeSet<ExhibitId>,
}

impl Shape {
    /// Confidence is half the score in per cent: none of these shapes is command and control by itself.
    pub fn found(self) -> Option<Found> {
        if self.exhibits.is_empty() {
            return None;
        }
        let score = self.score.clamp(0.0, 1.0);
        let finding = Unsealed {
            examiner: self.examiner.to_owned(),
            version: 1,
            confidence: Confidence::new((score * 50.0).round() as u8),
            reason: self.reason,
            body: FindingBody::Beacon {
                source: self.source,
                remote: self.remote,
                transport: self.transport,
                connections: self.connections,
                interval: self.interval,
                score,
            },
        };
        Some(Found { finding, exhibits: self.exhibits.into_iter().take(MAX_EXHIBITS).collect() })
    }
}

/// Highest score first; equals by their reason, so that the order never depends on the tables'.
pub(super) fn ranked(mut found: Vec<Found>, top: usize) -> Vec<Found> {
    let score = |f: &Found| match f.finding.body {
        FindingBody::Beacon { score, .. } => score,
        _ => 0.0,
    };
    found.sort_by(|a, b| score(b).total_cmp(&score(a)).then_with(|| a.finding.reason.cmp(&b.finding.reason)));
    found.truncate(top);
    found
}

/// Labels that registries of countries put before the name (`co.uk`, `com.br`).
const SECOND: [&str; 12] = ["co", "com", "net", "org", "gov", "edu", "ac", "or", "ne", "go", "gob", "mil"];

/// What is left of the registrable domain, and the domain. Without the Public Suffix List, by rule: two labels, or three
/// where a country's registry has a customary second label. Names of shared suffixes (`github.io`) so count as one.
pub(super) fn registrable(name: &str) -> Option<(&str, &str)> {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let (last, second) = (dots.next()?, dots.next());
    let label = name.get(second.map_or(0, |s| s + 1)..last)?;
    let country = name.len() - last - 1 == 2;
    let start = if country && SECOND.contains(&label) {
        dots.next().map(|at| at + 1).or(second.map(|_| 0))
    } else {
        second.map(|s| s + 1).or(Some(0))
    };
    let start = start?;
    Some((name.get(..start.saturating_sub(1))?, name.get(start..)?))
}

#[cfg(test)]
mod tests {
    use super::registrable;

    #[test]
    fn registrable_domains_are_two_labels_or_three() {
        for (name, left, domain) in [
            ("a.b.relay.example", "a.b", "relay.example"),
            ("relay.example", "", "relay.example"),
            ("x.y.shop.co.uk", "x.y", "shop.co.uk"),
            ("shop.co.uk", "", "shop.co.uk"),
            ("www.co.example", "www", "co.example"),
        ] {
            assert_eq!(registrable(name), Some((left, domain)), "{name}");
        }
        assert_eq!(registrable("localhost"), None);
        assert_eq!(registrable("co.uk"), None);
        assert_eq!(registrable(""), None);
    }
}
