//! What belongs together is one threat; what does not, is not; and the order is right.

use crate::made::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use terms::{Channel, Finding, FindingBody, Standing};
use threat::{Threat, assess};

fn one(findings: &[Finding]) -> Threat {
    let mut threats = assess(findings, horizon());
    assert_eq!(threats.len(), 1, "{:#?}", threats.iter().map(|t| &t.title).collect::<Vec<_>>());
    threats.remove(0)
}

fn relay() -> Channel {
    Channel::domain("relay-one.com.example")
}

#[test]
fn everything_about_one_family_is_one_threat() {
    let generated = spec().names(day(3))[5].clone();
    let all = [
        configuration("sample-a", "harbourlight", &[relay(), address("198.18.7.10")], Some(spec())),
        configuration("sample-b", "harbourlight", &[Channel::domain("sync-two.net.example")], None),
        similar("sample-a", "sample-c", 20),
        beacon(address("198.18.7.10"), 0.9),
        activity(Channel::domain("Sync-Two.net.example."), day(1), 700),
        activity(Channel::domain(&generated), day(3), 40),
        names("p:2", 60, &[&generated.to_ascii_uppercase()]),
        indicator("relay-one.com.example"),
        indicator("[domain-name:value = 'relay-one.com.example']"),
        sheet("198.18.7.10", Standing::Criminal),
    ];
    let t = one(&all);
    assert_eq!(t.id.as_str(), "harbourlight");
    assert_eq!(t.family.as_deref(), Some("harbourlight"));
    assert_eq!(t.samples.len(), 3);
    assert_eq!((t.bots, t.first_day, t.last_day), (700, Some(day(1)), Some(day(3))));
    assert_eq!(t.findings.len(), all.len());
    let server = t.channels.iter().find(|c| c.channel == address("198.18.7.10")).unwrap();
    assert_eq!((server.standing, server.findings.len()), (Some(Standing::Criminal), 3));
    assert!(
        t.channels.iter().any(|c| c.channel == Channel::Generated { name: generated.clone(), day: day(3) })
    );
    assert_eq!(u32::from(t.score), t.reasons.iter().map(|r| u32::from(r.points)).sum::<u32>().min(100));
    for reason in &t.reasons {
        assert!(!reason.findings.is_empty(), "{}", reason.text);
        assert!(
            reason.findings.iter().any(|f| reason.text.contains(&f.to_string()[..12])),
            "{}",
            reason.text
        );
    }
}

#[test]
fn what_shares_nothing_stays_apart() {
    let rows: &[(&str, usize, Vec<Finding>)] = &[
        ("two families", 2, vec![configuration("a", "one", &[], None), configuration("b", "two", &[], None)]),
        (
            "two families with one channel",
            1,
            vec![configuration("a", "one", &[relay()], None), configuration("b", "two", &[relay()], None)],
        ),
        ("far samples", 1, vec![configuration("a", "one", &[], None), similar("a", "b", 200)]),
        ("another port", 2, {
            let other = Channel::Address { ip: "198.18.7.10".parse().unwrap(), port: 80 };
            vec![configuration("a", "one", &[address("198.18.7.10")], None), beacon(other, 0.5)]
        }),
        ("two callers of one remote", 1, {
            let remote = address("203.0.113.5");
            vec![beacon_from("p:1", remote.clone(), 0.5), beacon_from("p:2", remote, 0.6)]
        }),
        ("a name of a day beyond the horizon", 2, {
            let late = spec().names(day(400))[0].clone();
            vec![configuration("a", "one", &[], Some(spec())), names("p:1", 10, &[&late])]
        }),
        ("lists, sheets and accounts alone", 0, {
            vec![
                indicator("relay-one.com.example"),
                sheet("198.18.7.10", Standing::Criminal),
                account("1", "mule", 5),
            ]
        }),
        ("hashes alone", 0, {
            vec![finding("a", FindingBody::Hashes { digests: vec![("md5".into(), "00".into())] })]
        }),
        ("nothing", 0, vec![]),
    ];
    for (name, expected, findings) in rows {
        assert_eq!(assess(findings, horizon()).len(), *expected, "{name}");
    }
}

#[test]
fn a_far_sample_does_not_join() {
    let t = one(&[configuration("a", "one", &[], None), similar("a", "b", 200)]);
    assert_eq!(t.samples.len(), 1);
}

#[test]
fn another_researchers_sinkhole_is_no_enemy() {
    let sinkhole = address("198.51.100.53");
    let all =
        [activity(sinkhole, day(1), 900), sheet("198.51.100.53", Standing::Sinkhole), beacon(relay(), 0.1)];
    let threats = assess(&all, horizon());
    assert_eq!(threats[1].score, 0);
    assert!(threats[1].reasons.iter().any(|r| r.text.contains("no enemy's")));
}

#[test]
fn an_indicator_supports_and_changes_no_cluster() {
    let plain = one(&[beacon(relay(), 0.5)]);
    let supported =
        one(&[beacon(relay(), 0.5), indicator("RELAY-one.com.example."), indicator("else.net.example")]);
    assert_eq!(supported.score, plain.score + 2);
    assert_eq!((supported.findings.len(), supported.id), (2, plain.id));
    let hashed = one(&[
        configuration("a", "one", &[], None),
        finding("a", FindingBody::Hashes { digests: vec![("md5".into(), "0f".repeat(16))] }),
        indicator(&"0F".repeat(16)),
    ]);
    assert!(hashed.reasons.iter().any(|r| r.text.contains("other lists")));
}

#[test]
fn a_connection_that_stays_open_joins_a_threat_and_makes_none() {
    let long =
        |remote| Finding { examiner: "botnet.long-connection".into(), ..beacon_from("p:2", remote, 1.0) };
    let other = address("198.18.7.99");
    assert!(assess(&[long(other)], horizon()).is_empty());
    let threat = one(&[beacon(relay(), 0.4), long(relay())]);
    assert_eq!((threat.beacon, threat.callers.len(), threat.findings.len()), (0.4, 2, 2));
}

#[test]
fn strange_numbers_do_no_harm() {
    for score in [f64::NAN, f64::INFINITY, -1.0, 7.0] {
        let t = one(&[beacon(relay(), score)]);
        assert!(t.beacon.is_finite() && (0.0..=1.0).contains(&t.beacon));
    }
    let t = one(&[activity(relay(), day(0), u64::MAX)]);
    assert!(t.score <= 100);
}

#[test]
fn too_many_generated_names_are_left_out_and_said() {
    let mut big = spec();
    big.per_day = u32::MAX;
    let findings = [configuration("a", "one", &[], Some(big))];
    let long = threat::Horizon { from: day(0), days: u16::MAX };
    let threats = assess(&findings, long);
    assert!(threats[0].reasons.iter().any(|r| r.text.contains("too many")));
}

proptest! {
    #[test]
    fn lone_beacons_rank_by_their_score(scores in prop::collection::btree_set(0u32..1_000_000, 1..40)) {
        let findings: Vec<Finding> = scores
            .iter()
            .enumerate()
            .map(|(n, s)| beacon(address(&format!("203.0.113.{n}")), f64::from(*s) / 1e6))
            .collect();
        let ranked: Vec<f64> = assess(&findings, horizon()).iter().map(|t| t.beacon).collect();
        let expected: Vec<f64> = scores.iter().rev().map(|s| f64::from(*s) / 1e6).collect();
        prop_assert_eq!(ranked, expected);
    }

    /// The order in which findings arrive, and arriving twice, change nothing.
    #[test]
    fn the_judgement_follows_the_evidence_only(picks in prop::collection::vec((0u8..6, 0u8..5), 1..25), turn in 0usize..25) {
        let made = |(kind, n): &(u8, u8)| {
            let channel = Channel::domain(&format!("c{n}.net.example"));
            match kind {
                0 => configuration(&format!("s{n}"), &format!("family-{}", n % 3), &[channel], None),
                1 => beacon(channel, 0.1 * f64::from(*n)),
                2 => activity(channel, day(i32::from(*n)), 10),
                3 => similar(&format!("s{n}"), &format!("s{}", (n + 1) % 5), 30),
                4 => names(&format!("p:{n}"), 10, &["abc.com.example"]),
                _ => indicator(&format!("c{n}.net.example")),
            }
        };
        let findings: Vec<Finding> = picks.iter().map(made).collect();
        let mut turned = findings.clone();
        turned.rotate_left(turn % findings.len());
        turned.extend(findings.clone());
        let (a, b) = (assess(&findings, horizon()), assess(&turned, horizon()));
        prop_assert_eq!(&a, &b);
        let ids: BTreeSet<_> = a.iter().map(|t| &t.id).collect();
        prop_assert_eq!(ids.len(), a.len());
        // No channel and no sample is in two threats.
        let channels: Vec<_> = a.iter().flat_map(|t| &t.channels).map(|c| &c.channel).collect();
        prop_assert_eq!(channels.iter().collect::<BTreeSet<_>>().len(), channels.len());
        let samples: Vec<_> = a.iter().flat_map(|t| &t.samples).collect();
        prop_assert_eq!(samples.iter().collect::<BTreeSet<_>>().len(), samples.len());
    }
}
