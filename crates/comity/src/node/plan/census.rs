//! Who is seen in a window, grouped by the channels that their variant knows.
//!
//! Here: which bots a case is about, which channels each knows, and the counts that estimates rest on; all of it pure.
//! Elsewhere: reading sightings (`botnet`), how many bots there are in truth (`botnet::telemetry::estimate`).
//!
//! What a bot knows is decided in this order:
//! 1. its sightings are labelled `family/variant` and a configuration of that variant is known: the union of the
//!    channels that configurations of the variant name;
//! 2. else, the variants that know every known channel it was seen on: the union of theirs, where there are several.
//!    This is pessimistic: a bot that is taken to know more channels survives more takedowns;
//! 3. else, the channels it was seen on.

use botnet::telemetry::{Calls, Window};
use privacy::Period;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use terms::{Channel, Day, Finding, Timestamp};
use threat::{Signature, Threat};

/// Days before and after a window for which generated names are known.
const AROUND: i32 = 2;
/// Fewest days in which a population can be estimated; a shorter part of a window is not preferred.
const FEWEST_DAYS: i64 = 4;
/// Days that a window before the hour reaches back from the last sighting.
pub(crate) const WINDOW_DAYS: i64 = 14;
/// Channels of one bot that count beyond what its variant knows; more of them are noise.
const MOST_OBSERVED: usize = 100;

/// What is known of a case's channels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Knowledge {
    /// The variants of the case's families.
    pub signatures: Vec<Signature>,
    /// Keys of the channels that each variant knows, by label.
    keys: BTreeMap<String, BTreeSet<String>>,
    /// The families, in lower case.
    families: BTreeSet<String>,
    /// Every known key: fixed channels, algorithms.
    all: BTreeSet<String>,
    /// Generated names of the days around, each with its algorithm's key.
    names: HashMap<String, String>,
}

impl Knowledge {
    /// What threats and configurations tell, with the generated names of `days` and of the days around them.
    pub(crate) fn new(threats: &[Threat], findings: &[Finding], days: impl IntoIterator<Item = Day>) -> Self {
        let families: BTreeSet<String> =
            threats.iter().filter_map(|t| t.family.as_ref()).map(|f| f.to_ascii_lowercase()).collect();
        let all = threat::signatures(findings);
        let signatures: Vec<Signature> =
            all.into_iter().filter(|s| families.contains(&s.family.to_ascii_lowercase())).collect();
        let mut out = Self { families, ..Self::default() };
        for signature in &signatures {
            let keys: BTreeSet<String> = signature.keys().into_iter().collect();
            out.all.extend(keys.iter().cloned());
            out.keys.insert(signature.label.to_ascii_lowercase(), keys);
        }
        let fixed = threats.iter().flat_map(|t| &t.channels).map(|v| &v.channel);
        out.all.extend(fixed.filter(|c| !matches!(c, Channel::Generated { .. })).map(Channel::key));
        let days: BTreeSet<Day> =
            days.into_iter().flat_map(|d| (-AROUND..=AROUND).map(move |n| d.plus(n))).collect();
        let specs: BTreeMap<&String, _> = signatures.iter().flat_map(|s| &s.algorithms).collect();
        for (key, spec) in specs {
            for day in &days {
                out.names.extend(spec.names(*day).into_iter().map(|name| (name, key.clone())));
            }
        }
        // A generated name that a threat lists as seen is the algorithm's, not a channel of its own.
        out.all.retain(|k| !out.names.contains_key(k));
        out.signatures = signatures;
        out
    }

    /// A channel's key as signatures have it: a generated name's algorithm, else the key itself.
    pub(crate) fn fold<'a>(&'a self, key: &'a str) -> &'a str {
        self.names.get(key).map_or(key, String::as_str)
    }

    /// Whether a channel was known: configured, generated, or named by a threat.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.all.contains(self.fold(key))
    }

    /// Whether a bot belongs to the case: by its label, or, without one, by calling one of the channels.
    pub(crate) fn concerns(&self, calls: &Calls<'_>) -> bool {
        match calls.botnet {
            Some(label) if !self.families.is_empty() => {
                let family = label.split_once('/').map_or(label, |(family, _)| family);
                self.families.contains(&family.to_ascii_lowercase())
            }
            _ => calls.seen.iter().any(|(_, channel)| self.knows(channel)),
        }
    }

    /// Keys of the channels that the variant behind a label knows.
    pub(crate) fn of_label(&self, label: &str) -> Option<&BTreeSet<String>> {
        self.keys.get(&label.to_ascii_lowercase())
    }

    /// Keys of the channels that a bot is taken to know, sorted; see the top of this file.
    pub(crate) fn signature(&self, calls: &Calls<'_>) -> Vec<String> {
        if let Some(keys) = calls.botnet.and_then(|l| self.of_label(l)) {
            return keys.iter().cloned().collect();
        }
        let seen: BTreeSet<&str> = calls.seen.iter().map(|(_, c)| self.fold(c)).collect();
        let known: BTreeSet<&str> = seen.iter().copied().filter(|k| self.all.contains(*k)).collect();
        let fits = |keys: &&BTreeSet<String>| !known.is_empty() && known.iter().all(|k| keys.contains(*k));
        let union: BTreeSet<&String> = self.keys.values().filter(fits).flatten().collect();
        if union.is_empty() {
            seen.into_iter().take(MOST_OBSERVED).map(str::to_owned).collect()
        } else {
            union.into_iter().cloned().collect()
        }
    }
}

/// Counts of the bots of a case in one window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Census {
    /// Distinct bots by what they know.
    pub groups: BTreeMap<Vec<String>, u64>,
    /// Distinct bots.
    pub seen: u64,
    /// Of these, how many a label assigned to a known variant.
    pub labelled: u64,
    /// Distinct bots a day.
    pub days: BTreeMap<Day, u64>,
    /// Distinct bots on a day or the next one, by the first of the two.
    pub pairs: BTreeMap<Day, u64>,
    /// Keys that these bots called, folded.
    pub channels: BTreeSet<String>,
    /// Bots by on how many days each was seen.
    times: BTreeMap<usize, u64>,
}

impl Census {
    /// Counts a bot, if the case is about it.
    pub(crate) fn add(&mut self, knowledge: &Knowledge, calls: &Calls<'_>) {
        if !knowledge.concerns(calls) {
            return;
        }
        *self.groups.entry(knowledge.signature(calls)).or_default() += 1;
        self.seen += 1;
        self.labelled += u64::from(calls.botnet.and_then(|l| knowledge.of_label(l)).is_some());
        let days: BTreeSet<Day> = calls.seen.iter().map(|(day, _)| *day).collect();
        *self.times.entry(days.len()).or_default() += 1;
        let pairs: BTreeSet<Day> = days.iter().flat_map(|d| [d.plus(-1), *d]).collect();
        for day in days {
            *self.days.entry(day).or_default() += 1;
        }
        for first in pairs {
            *self.pairs.entry(first).or_default() += 1;
        }
        for (_, channel) in calls.seen {
            let key = knowledge.fold(channel);
            if !self.channels.contains(key) {
                self.channels.insert(key.to_owned());
            }
        }
    }

    /// What the estimator takes: at index `k - 1` the bots seen on exactly `k` days.
    pub(crate) fn counts(&self) -> Vec<u64> {
        (1..=self.days.len()).map(|k| self.times.get(&k).copied().unwrap_or(0)).collect()
    }

    /// The mean chance that one of `bots` is seen on one day, and on at least one of two days that follow each other.
    /// None where no two such days were watched.
    pub(crate) fn chances(&self, bots: f64) -> Option<(f64, f64)> {
        let watched = |d: &Day| self.days.contains_key(d) && self.days.contains_key(&d.plus(1));
        let pairs: Vec<u64> = self.pairs.iter().filter(|(d, _)| watched(d)).map(|(_, n)| *n).collect();
        if pairs.is_empty() || bots <= 0.0 {
            return None;
        }
        let mean = |sum: u64, n: usize| (sum as f64 / n as f64 / bots).min(1.0);
        Some((mean(self.days.values().sum(), self.days.len()), mean(pairs.iter().sum(), pairs.len())))
    }
}

/// The part of a window in which one bot has one pseudonym: pseudonyms change with the month. The later part, unless
/// it is too short to estimate from and the earlier one is longer.
pub(crate) fn one_period(window: Window) -> Window {
    let last = window.until.plus_micros(-1);
    let mut turn = last.day();
    while turn.start() > window.from && Period::of(turn.plus(-1).start()) == Period::of(last) {
        turn = turn.plus(-1);
    }
    let turn = turn.start();
    if turn <= window.from {
        return window;
    }
    let (late, early) = (window.until.0 - turn.0, turn.0 - window.from.0);
    if late < FEWEST_DAYS * terms::MICROS_PER_DAY && early > late {
        one_period(Window { from: window.from, until: turn })
    } else {
        Window { from: turn, until: window.until }
    }
}

/// The window of the last two weeks up to and with the day of the last sighting.
pub(crate) fn weeks_before(last: Timestamp) -> Window {
    let until = last.day().plus(1).start();
    one_period(Window { from: until.plus_days(-WINDOW_DAYS), until })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;
    use std::sync::Arc;
    use terms::{Confidence, DgaSpec, ExhibitId, FindingBody, ThreatId, Unsealed};

    fn configuration(variant: &str, domains: &[&str], dga: bool) -> Finding {
        Unsealed {
            examiner: "test".into(),
            version: 1,
            confidence: Confidence::new(90),
            reason: "read".into(),
            body: FindingBody::Configuration {
                family: "harbourlight".into(),
                campaign: None,
                variant: Some(variant.into()),
                channels: domains.iter().map(|d| Channel::domain(d)).collect(),
                dga: dga.then(|| DgaSpec {
                    algorithm: "harbour-1".into(),
                    seed: 7,
                    per_day: 5,
                    suffixes: vec!["com.example".into()],
                }),
                values: vec![],
            },
        }
        .seal(vec![ExhibitId::of(variant.as_bytes())])
    }

    fn knowledge() -> Knowledge {
        let findings = [
            configuration("1a", &["one.example"], true),
            configuration("1b", &["one.example", "two.example"], false),
            configuration("2b", &["two.example", "three.example"], false),
        ];
        let threats = threat::assess(&findings, threat::Horizon { from: Day(100), days: 3 });
        Knowledge::new(&threats, &findings, [Day(100)])
    }

    fn calls<'a>(label: Option<&'a str>, seen: &'a [(Day, Arc<str>)]) -> Calls<'a> {
        Calls { botnet: label, seen }
    }

    fn on(pairs: &[(i32, &str)]) -> Vec<(Day, Arc<str>)> {
        pairs.iter().map(|(d, c)| (Day(*d), Arc::from(*c))).collect()
    }

    #[test]
    fn what_a_bot_knows() {
        let k = knowledge();
        let name = DgaSpec {
            algorithm: "harbour-1".into(),
            seed: 7,
            per_day: 5,
            suffixes: vec!["com.example".into()],
        }
        .names(Day(100))
        .remove(2);
        for (label, seen, expected) in [
            // The label decides, whatever was seen.
            (Some("harbourlight/1a"), vec!["two.example"], Some(vec!["dga:harbour-1", "one.example"])),
            (Some("HarbourLight/1B"), vec!["one.example"], Some(vec!["one.example", "two.example"])),
            // An unknown variant: all that know what it called.
            (
                Some("harbourlight/9z"),
                vec!["two.example"],
                Some(vec!["one.example", "three.example", "two.example"]),
            ),
            (Some("harbourlight"), vec![name.as_str()], Some(vec!["dga:harbour-1", "one.example"])),
            (None, vec!["one.example", "two.example"], Some(vec!["one.example", "two.example"])),
            // No variant knows both: what was seen.
            (None, vec!["one.example", "three.example"], Some(vec!["one.example", "three.example"])),
            (Some("harbourlight"), vec!["new.example"], Some(vec!["new.example"])),
            // Another botnet's, and nobody's.
            (Some("other/1a"), vec!["one.example"], None),
            (None, vec!["new.example"], None),
        ] {
            let pairs: Vec<(i32, &str)> = seen.iter().map(|c| (100, *c)).collect();
            let seen = on(&pairs);
            let calls = calls(label, &seen);
            let found = k.concerns(&calls).then(|| k.signature(&calls));
            let expected = expected.map(|e| e.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(found, expected, "{label:?} on {pairs:?}");
        }
    }

    #[test]
    fn a_census_counts_bots_days_and_pairs_of_days() {
        let k = knowledge();
        let mut census = Census::default();
        for (label, seen) in [
            ("harbourlight/1a", on(&[(100, "one.example"), (101, "one.example"), (101, "two.example")])),
            ("harbourlight/1a", on(&[(102, "one.example")])),
            ("harbourlight/1b", on(&[(100, "one.example")])),
            ("other", on(&[(100, "one.example")])),
        ] {
            census.add(&k, &calls(Some(label), &seen));
        }
        assert_eq!((census.seen, census.labelled), (3, 3));
        assert_eq!(census.groups.values().copied().collect::<Vec<_>>(), [2, 1]);
        assert_eq!(census.days, BTreeMap::from([(Day(100), 2), (Day(101), 1), (Day(102), 1)]));
        assert_eq!(census.counts(), [2, 1, 0]);
        // Pairs 100/101: bots 1 and 3; 101/102: bots 1 and 2.
        assert_eq!(census.chances(4.0), Some((4.0 / 3.0 / 4.0, 0.5)));
        assert!(Census::default().chances(4.0).is_none());
    }

    #[test]
    fn a_window_lies_in_one_month() {
        let day = |s: &str| s.parse::<Day>().unwrap().start();
        for (from, until, expected) in [
            ("2026-03-02", "2026-03-09", ("2026-03-02", "2026-03-09")),
            ("2026-02-25", "2026-03-09", ("2026-03-01", "2026-03-09")),
            // Two days of March are too few.
            ("2026-02-17", "2026-03-03", ("2026-02-17", "2026-03-01")),
            ("2026-01-25", "2026-03-03", ("2026-02-01", "2026-03-01")),
            ("2026-02-28", "2026-03-02", ("2026-03-01", "2026-03-02")),
        ] {
            let found = one_period(Window { from: day(from), until: day(until) });
            assert_eq!((found.from, found.until), (day(expected.0), day(expected.1)), "{from} to {until}");
        }
    }

    #[test]
    fn a_threat_without_family_is_known_by_its_channels() {
        let threat = Threat { id: ThreatId::new("t-1").unwrap(), family: None, ..beacon() };
        let k = Knowledge::new(&[threat], &[], [Day(100)]);
        let seen = on(&[(100, "198.18.7.10:4443")]);
        assert!(k.concerns(&calls(None, &seen)) && k.concerns(&calls(Some("any"), &seen)));
        assert_eq!(k.signature(&calls(None, &seen)), ["198.18.7.10:4443"]);
    }

    fn beacon() -> Threat {
        let channel = Channel::Address { ip: "198.18.7.10".parse().unwrap(), port: 4443 };
        let finding = Unsealed {
            examiner: "test".into(),
            version: 1,
            confidence: Confidence::new(90),
            reason: "regular".into(),
            body: FindingBody::Beacon {
                source: "p:0".into(),
                remote: channel,
                transport: "tcp".into(),
                connections: 100,
                interval: 60.0,
                score: 0.9,
            },
        }
        .seal(vec![ExhibitId::of(b"log")]);
        threat::assess(&[finding], threat::Horizon { from: Day(100), days: 1 }).remove(0)
    }
}
