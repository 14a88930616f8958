//! What follows from actions.

use super::{SMALL, lines, made};
use exercise::{Aftermath, Spec, Taken, Truth, aftermath};
use std::{collections::BTreeSet, path::Path};
use terms::{Instrument, Place};

fn acts(truth: &Truth, rows: &[(&str, Instrument)]) -> Vec<Taken> {
    let at = truth.takedown;
    rows.iter().map(|&(key, instrument)| Taken { channel_key: key.into(), instrument, at }).collect()
}

/// Every generated name of the two weeks from the takedown on.
fn names(truth: &Truth) -> Vec<Taken> {
    let days = (0..14).map(|n| truth.takedown.day().plus(n));
    let names = days.flat_map(|d| truth.dga.names(d));
    let take = |channel_key| Taken { channel_key, instrument: Instrument::Sinkhole, at: truth.takedown };
    names.map(take).collect()
}

const EASY: [(&str, Instrument); 3] = [
    ("relay-one.com.example", Instrument::Sinkhole),
    ("198.18.7.10:4443", Instrument::Seize),
    ("198.18.120.31:443", Instrument::Notify),
];

/// Which actions; whether the generated names go with them; groups that survive; how many were wrong.
type Row<'a> = (&'a [(&'a str, Instrument)], bool, &'a [&'a str], usize);

/// Names of the groups of which some bot can still be reached.
fn migrated(result: &Aftermath) -> Vec<&str> {
    result.groups.iter().filter(|g| g.migrated > 0).map(|g| g.name.as_str()).collect()
}

#[test]
fn a_group_is_contained_when_all_its_channels_are_taken() {
    use Instrument::{NullRoute, Seize};
    let (dir, truth) = made(&Spec { bots: 400, hosts: 8, ..SMALL });
    let rest = [
        ("sync-two.net.example", Seize),
        ("beacon-three.org.example", Seize),
        ("198.18.80.20", NullRoute),
        ("198.18.9.9:4443", Seize),
    ];
    let rows: [Row<'_>; 6] = [
        (&[], false, &["1a", "2a", "1b", "2b", "1c", "2c"], 0),
        (&EASY, false, &["1a", "2a", "1b", "2b", "1c", "2c"], 0),
        (&EASY, true, &["1b", "2b", "1c", "2c"], 0),
        (&[EASY[0], EASY[1]], true, &["2a", "1b", "2b", "1c", "2c"], 0),
        (&[EASY[0], EASY[1], EASY[2], rest[0], rest[1]], true, &["1c", "2c"], 0),
        (&[EASY[0], EASY[1], EASY[2], rest[0], rest[1], rest[2], rest[3]], true, &[], 2),
    ];
    for (rows, generated, survive, wrong) in rows {
        let mut taken = acts(&truth, rows);
        if generated {
            taken.extend(names(&truth));
        }
        let result = aftermath(dir.path(), &taken, &[], &mut |_| {}).unwrap();
        assert_eq!(migrated(&result), survive, "{rows:?}");
        assert_eq!(result.wrongly_taken.len(), wrong, "{:?}", result.wrongly_taken);
        assert_eq!(result.cured, 0);
        assert_eq!(result.contained + result.migrated, truth.population.at_takedown);
        check_logs(dir.path(), &result);
    }
}

/// The providers see surviving channels only, and only when there are some.
fn check_logs(dir: &Path, result: &Aftermath) {
    let mut over = BTreeSet::new();
    for line in lines(dir, "after/provider") {
        let hit: serde_json::Value = serde_json::from_str(&line).unwrap();
        over.insert(hit["channel"].as_str().unwrap().to_owned());
    }
    let surviving: BTreeSet<String> =
        result.surviving_channels.iter().chain(&result.surviving_names).cloned().collect();
    assert_eq!(over, surviving);
    assert_eq!(result.migrated == 0, over.is_empty());
    assert!(result.seen <= result.before);
    let written: Aftermath =
        serde_json::from_slice(&std::fs::read(dir.join("after/truth.json")).unwrap()).unwrap();
    assert_eq!(&written, result);
}

#[test]
fn told_owners_cure_a_share_of_their_machines() {
    let (dir, truth) = made(&Spec { bots: 2_000, hosts: 8, ..SMALL });
    let told: Vec<Place> = ["DE", "BR", "US"].map(|p| p.parse().unwrap()).to_vec();
    let result = aftermath(dir.path(), &acts(&truth, &EASY), &told, &mut |_| {}).unwrap();
    for (place, tally) in &result.places {
        let all = tally.cured + tally.contained + tally.migrated;
        if told.contains(place) {
            let share = tally.cured * 100 / all;
            assert!(share.abs_diff(tally.cure_percent) <= 15, "{place}: {share} for {}", tally.cure_percent);
        } else {
            assert_eq!((tally.cured, tally.cure_percent), (0, 0), "{place}");
        }
    }
    let sum: u64 = result.places.values().map(|t| t.cured + t.contained + t.migrated).sum();
    assert_eq!((sum, result.before), (truth.population.at_takedown, truth.population.at_takedown));
    assert_eq!(result.cured, result.groups.iter().map(|g| g.cured).sum::<u64>());
    let counts: Vec<u64> = result.surviving.iter().map(|d| d.bots).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b) && counts.first() > counts.last(), "{counts:?}");
}

#[test]
fn what_should_never_be_acted_on_is_named() {
    let (dir, truth) = made(&Spec { bots: 50, hosts: 8, ..SMALL });
    for asset in &truth.untouchable {
        let taken = acts(&truth, &[(&asset.asset, Instrument::Seize)]);
        let result = aftermath(dir.path(), &taken, &[], &mut |_| {}).unwrap();
        assert_eq!(result.wrongly_taken, std::slice::from_ref(&asset.asset));
    }
    let frozen = |account: &str| {
        aftermath(dir.path(), &acts(&truth, &[(account, Instrument::Freeze)]), &[], &mut |_| {}).unwrap()
    };
    let mule = &truth.money.mules[0];
    let right = frozen(&mule.to_ascii_lowercase());
    assert_eq!((right.frozen.as_slice(), right.wrongly_taken.len()), (std::slice::from_ref(mule), 0));
    let wrong = frozen(&truth.money.victims[0]);
    assert_eq!((wrong.frozen.len(), wrong.wrongly_taken.len()), (0, 1));
    let empty = acts(&truth, &[(" ", Instrument::Seize)]);
    let error = aftermath(dir.path(), &empty, &[], &mut |_| {}).unwrap_err();
    assert_eq!(miette::Diagnostic::code(&error).unwrap().to_string(), "CMT-1308");
}
