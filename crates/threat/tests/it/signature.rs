//! Which channels a variant knows.

use crate::made::*;
use terms::{Channel, Finding, FindingBody, Unsealed};
use threat::signatures;

fn variant(sample: &str, of: &str, channels: &[Channel], dga: Option<terms::DgaSpec>) -> Finding {
    let plain = configuration(sample, "harbourlight", channels, dga);
    let FindingBody::Configuration { family, campaign, channels, dga, values, .. } = plain.body.clone()
    else {
        return plain;
    };
    let body =
        FindingBody::Configuration { family, campaign, variant: Some(of.into()), channels, dga, values };
    let Finding { examiner, version, confidence, reason, .. } = plain;
    Unsealed { examiner, version, confidence, reason, body }.seal(vec![exhibit(sample)])
}

#[test]
fn a_variant_knows_what_any_of_its_samples_names() {
    let one = Channel::domain("relay-one.com.example");
    let all = [
        variant("a1", "a", std::slice::from_ref(&one), Some(spec())),
        variant("a2", "a", &[address("198.18.7.10")], None),
        variant("b1", "b", std::slice::from_ref(&one), None),
        beacon(one, 0.5),
    ];
    let rows: Vec<_> =
        signatures(&all).into_iter().map(|s| (s.label.clone(), s.keys(), s.findings.len())).collect();
    let keys = |k: &[&str]| k.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        rows,
        [
            (
                "harbourlight/a".into(),
                keys(&["198.18.7.10:4443", "dga:harbour-1", "relay-one.com.example"]),
                2
            ),
            ("harbourlight/b".into(), keys(&["relay-one.com.example"]), 1),
        ]
    );
}

#[test]
fn two_seeds_of_one_algorithm_are_two_channels() {
    let mut other = spec();
    other.seed = 8;
    let all = [variant("a", "a", &[], Some(spec())), variant("b", "b", &[], Some(other))];
    let keys: Vec<_> = signatures(&all).iter().flat_map(threat::Signature::keys).collect();
    assert_eq!(keys, ["dga:harbour-1-7-0", "dga:harbour-1-8-1"]);
}
