//! What could be acted on, with the asset sheets that say where it stands and whose it is.
//!
//! Here: matching channels and accounts with sheets; pure. Elsewhere: generated names as targets
//! (`takedown::generated_targets`), what may be done to a target (`takedown`).

use super::census::Knowledge;
use std::collections::{BTreeMap, BTreeSet};
use takedown::{Algorithm, Asset, Target};
use terms::{AssetClass, AssetSheet, Channel, Day, Finding, FindingBody, FindingId, Place, Standing};
use threat::{MoneyRole, Threat};

/// The names by which partners are asked about a channel and sheets speak of it: its key and, of an address, the
/// address without port; in lower case.
pub(crate) fn names_of(channel: &Channel) -> Vec<String> {
    let ip = channel.ip().map(|ip| ip.to_string());
    ip.into_iter().chain([channel.key()]).map(|n| normal(&n)).collect()
}

fn normal(asset: &str) -> String {
    asset.trim().trim_end_matches('.').to_ascii_lowercase()
}

/// One sheet for each asset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Register {
    sheets: BTreeMap<String, AssetSheet>,
    findings: BTreeMap<String, BTreeSet<FindingId>>,
    /// Sentences about assets on which sheets disagree.
    pub disputes: Vec<String>,
}

/// How much a standing protects an asset: the more, the less may be done.
fn protection(standing: Standing) -> u8 {
    match standing {
        Standing::Criminal => 0,
        Standing::Shared => 1,
        Standing::Compromised => 2,
        Standing::Sinkhole => 3,
    }
}

impl Register {
    /// The sheets among findings. Where two sheets of one asset disagree, the one that protects it more counts, and
    /// the dispute is said.
    pub(crate) fn of(findings: &[Finding]) -> Self {
        let mut out = Self::default();
        let mut disputed = BTreeSet::new();
        for finding in findings {
            let FindingBody::Asset { sheet } = &finding.body else { continue };
            let asset = normal(&sheet.asset);
            out.findings.entry(asset.clone()).or_default().insert(finding.id);
            let sheet = AssetSheet { asset: asset.clone(), ..sheet.clone() };
            let known = out.sheets.get(&asset);
            let differs = |k: &AssetSheet| {
                (k.standing, k.place, k.tenants) != (sheet.standing, sheet.place, sheet.tenants)
            };
            if known.is_some_and(differs) {
                disputed.insert(asset.clone());
            }
            let order = |s: &AssetSheet| (protection(s.standing), s.tenants, s.place, s.holder.clone());
            if known.is_none_or(|k| order(&sheet) > order(k)) {
                out.sheets.insert(asset, sheet);
            }
        }
        out.disputes = disputed
            .into_iter()
            .map(|a| {
                format!(
                    "Sheets disagree on {a}: the one that protects it more counts until its holder is asked."
                )
            })
            .collect();
        out
    }

    /// Every sheet, assets in lower case.
    pub(crate) fn sheets(&self) -> Vec<AssetSheet> {
        self.sheets.values().cloned().collect()
    }

    /// The findings that hold the sheet of an asset.
    fn evidence(&self, asset: &str) -> impl Iterator<Item = FindingId> {
        self.findings.get(asset).into_iter().flatten().copied()
    }

    /// The sheet of an address without its port, of a full domain name, or else of the longest suffix of it.
    fn of_channel(&self, channel: &Channel) -> Option<&AssetSheet> {
        if let Some(ip) = channel.ip() {
            return self.sheets.get(&ip.to_string()).or_else(|| self.sheets.get(&channel.key()));
        }
        let name = normal(channel.name()?);
        let mut part = name.as_str();
        loop {
            if let Some(sheet) = self.sheets.get(part) {
                return Some(sheet);
            }
            part = part.split_once('.')?.1;
        }
    }

    fn target(&self, channel: &Channel, mut evidence: BTreeSet<FindingId>) -> Target {
        let sheet = self.of_channel(channel);
        let own = sheet.is_some_and(|s| names_of(channel).contains(&s.asset));
        evidence.extend(sheet.into_iter().flat_map(|s| self.evidence(&s.asset)));
        let (class, nobody) = match channel.name() {
            Some(name) => (AssetClass::Domain, format!("registry of {name}")),
            None => (AssetClass::Server, format!("hoster of {}", channel.key())),
        };
        Target {
            asset: Asset::Channel { channel: channel.clone() },
            class,
            place: sheet.map_or(Place::UNKNOWN, |s| s.place),
            standing: sheet.map(|s| s.standing),
            holder: sheet.map_or(nobody, |s| s.holder.clone()),
            // Tenants of a whole suffix are not this name's.
            tenants: sheet.filter(|_| own).map_or(0, |s| s.tenants),
            evidence: evidence.into_iter().collect(),
            worth: None,
        }
    }
}

/// The algorithms of the case's variants, each once.
pub(crate) fn algorithms(knowledge: &Knowledge) -> Vec<Algorithm> {
    let all: BTreeMap<&String, _> = knowledge.signatures.iter().flat_map(|s| &s.algorithms).collect();
    all.into_iter().map(|(key, spec)| Algorithm { key: key.clone(), spec: spec.clone() }).collect()
}

/// Every target of a case: fixed channels, generated names of the days, accounts that money went through.
pub(crate) fn targets(
    threats: &[Threat],
    knowledge: &Knowledge,
    findings: &[Finding],
    register: &Register,
    days: &[Day],
) -> Vec<Target> {
    let mut out: Vec<Target> = fixed(threats, knowledge)
        .into_iter()
        .map(|(channel, evidence)| register.target(&channel, evidence))
        .collect();
    let sheets = register.sheets();
    for algorithm in algorithms(knowledge) {
        let knows = knowledge.signatures.iter().filter(|s| s.algorithms.contains_key(&algorithm.key));
        let evidence: BTreeSet<FindingId> = knows.flat_map(|s| s.findings.iter().copied()).collect();
        let evidence: Vec<FindingId> = evidence.into_iter().collect();
        let made = takedown::generated_targets(&algorithm, days.iter().copied(), &sheets, &evidence);
        out.extend(made.into_iter().map(|mut target| {
            if let Asset::Generated { suffix, .. } = &target.asset {
                target.evidence.extend(register.evidence(suffix));
            }
            target
        }));
    }
    out.extend(accounts(findings, register));
    out
}

/// Fixed channels with the findings that name them.
fn fixed(threats: &[Threat], knowledge: &Knowledge) -> BTreeMap<Channel, BTreeSet<FindingId>> {
    let mut out: BTreeMap<Channel, BTreeSet<FindingId>> = BTreeMap::new();
    for view in threats.iter().flat_map(|t| &t.channels) {
        let generated = matches!(view.channel, Channel::Generated { .. });
        let key = view.channel.key();
        if !generated && knowledge.fold(&key) == key {
            out.entry(view.channel.clone()).or_default().extend(&view.findings);
        }
    }
    for signature in &knowledge.signatures {
        for channel in signature.channels.iter().filter(|c| !matches!(c, Channel::Generated { .. })) {
            out.entry(channel.clone()).or_default().extend(&signature.findings);
        }
    }
    out
}

/// Collectors' and mules' accounts. Freezing one silences no bot: its worth is the money.
fn accounts(findings: &[Finding], register: &Register) -> Vec<Target> {
    let mut out = Vec::new();
    for view in threat::money(findings) {
        let worth = match view.role {
            MoneyRole::Collector => "money of the organisation comes together in it",
            MoneyRole::Mule => "money passes through it to the organisation",
            MoneyRole::Unclear => continue,
        };
        let sheet = register.sheets.get(&normal(&view.account)).filter(|s| s.class == AssetClass::Account);
        let mut evidence: BTreeSet<FindingId> = view.findings.iter().copied().collect();
        evidence.extend(sheet.into_iter().flat_map(|s| register.evidence(&s.asset)));
        out.push(Target {
            asset: Asset::Account { account: view.account.clone(), institution: view.institution.clone() },
            class: AssetClass::Account,
            place: sheet.map_or(Place::UNKNOWN, |s| s.place),
            standing: sheet.map(|s| s.standing),
            holder: view.institution.clone(),
            tenants: 0,
            evidence: evidence.into_iter().collect(),
            worth: Some(format!("{worth} ({}.{:02} so far)", view.cents / 100, (view.cents % 100).abs())),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test should stop")]
    use super::*;
    use terms::{Confidence, DgaSpec, ExhibitId, Unsealed};

    fn finding(body: FindingBody) -> Finding {
        let unsealed = Unsealed {
            examiner: "test".into(),
            version: 1,
            confidence: Confidence::new(90),
            reason: "r".into(),
            body,
        };
        unsealed.seal(vec![ExhibitId::of(b"x")])
    }

    fn sheet(asset: &str, class: AssetClass, place: &str, standing: Standing, tenants: u32) -> Finding {
        finding(FindingBody::Asset {
            sheet: AssetSheet {
                schema: "comity.asset/1".into(),
                asset: asset.into(),
                class,
                place: place.parse().unwrap(),
                standing,
                holder: format!("holder of {asset}"),
                tenants,
                source: "asked".into(),
            },
        })
    }

    fn address(text: &str, port: u16) -> Channel {
        Channel::Address { ip: text.parse().unwrap(), port }
    }

    #[test]
    fn a_sheet_is_found_by_name_address_or_suffix() {
        let register = Register::of(&[
            sheet("org.example", AssetClass::Domain, "BR", Standing::Criminal, 900),
            sheet("Three.Org.Example.", AssetClass::Domain, "GY", Standing::Criminal, 0),
            sheet("198.18.80.20", AssetClass::Server, "PL", Standing::Shared, 143),
            sheet("2001:db8::1", AssetClass::Server, "SE", Standing::Criminal, 0),
        ]);
        for (channel, expected) in [
            (Channel::domain("three.org.example"), Some(("GY", 0))),
            (Channel::domain("other.org.example"), Some(("BR", 0))),
            (Channel::domain("deep.other.org.example"), Some(("BR", 0))),
            (Channel::domain("org.example.test"), None),
            (address("198.18.80.20", 8443), Some(("PL", 143))),
            (address("198.18.80.2", 8443), None),
            (address("2001:db8::1", 443), Some(("SE", 0))),
        ] {
            let target = register.target(&channel, BTreeSet::new());
            let found = target.standing.map(|_| (target.place.as_str().to_owned(), target.tenants));
            assert_eq!(found, expected.map(|(p, n)| (p.to_owned(), n)), "{channel}");
            assert_eq!(target.evidence.len(), usize::from(expected.is_some()));
            if expected.is_none() {
                assert_eq!(target.place, Place::UNKNOWN);
            }
        }
    }

    #[test]
    fn of_two_sheets_the_protecting_one_counts_in_any_order() {
        let a = sheet("198.18.7.10", AssetClass::Server, "DE", Standing::Criminal, 0);
        let b = sheet("198.18.7.10", AssetClass::Server, "DE", Standing::Compromised, 0);
        for order in [[a.clone(), b.clone()], [b.clone(), a.clone()]] {
            let register = Register::of(&order);
            let target = register.target(&address("198.18.7.10", 1), BTreeSet::new());
            assert_eq!(target.standing, Some(Standing::Compromised));
            assert_eq!((register.disputes.len(), target.evidence.len()), (1, 2));
        }
        assert!(Register::of(&[a.clone(), a]).disputes.is_empty());
    }

    #[test]
    fn targets_are_fixed_channels_generated_names_and_accounts() {
        let spec = DgaSpec {
            algorithm: "harbour-1".into(),
            seed: 7,
            per_day: 6,
            suffixes: vec!["com.example".into()],
        };
        let mut findings = vec![
            finding(FindingBody::Configuration {
                family: "harbourlight".into(),
                campaign: None,
                variant: Some("1a".into()),
                channels: vec![Channel::domain("one.com.example"), address("198.18.7.10", 4443)],
                dga: Some(spec.clone()),
                values: vec![],
            }),
            sheet("com.example", AssetClass::Domain, "NL", Standing::Criminal, 0),
            sheet("hb-1", AssetClass::Account, "NL", Standing::Criminal, 0),
            finding(FindingBody::Account {
                account: "HB-1".into(),
                institution: "harbour-bank".into(),
                role: "mule".into(),
                cents: 123_456,
            }),
        ];
        // A generated name that was seen is no channel of its own.
        let seen = Channel::Generated { name: spec.names(Day(100))[0].clone(), day: Day(100) };
        findings.push(finding(FindingBody::Activity {
            channel: seen,
            day: Day(100),
            bots: 3,
            addresses: 3,
            places: vec![],
        }));
        let threats = threat::assess(&findings, threat::Horizon { from: Day(100), days: 3 });
        let knowledge = Knowledge::new(&threats, &findings, [Day(100)]);
        let found = targets(&threats, &knowledge, &findings, &Register::of(&findings), &[Day(100), Day(101)]);
        let keys: Vec<String> = found.iter().map(|t| t.asset.key()).collect();
        let day = |n| format!("dga:harbour-1/{}/com.example", Day(n));
        assert_eq!(
            keys,
            ["one.com.example", "198.18.7.10:4443", &day(100), &day(101), "account:harbour-bank/HB-1"]
        );
        assert!(found.iter().all(|t| !t.evidence.is_empty()));
        assert_eq!(
            found[4].worth.as_deref(),
            Some("money passes through it to the organisation (1234.56 so far)")
        );
        assert_eq!(found[4].standing, Some(Standing::Criminal));
        assert_eq!(found[1].standing, None, "nobody said whose the server is");
    }
}
