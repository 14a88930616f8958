//! What readers can see agrees with the truth.

use super::{SMALL, files, lines, made, text};
use exercise::{Spec, Variant};
use std::collections::{BTreeMap, BTreeSet};
use terms::{AssetSheet, Channel};

#[test]
fn the_sinkhole_sees_most_bots_and_no_others() {
    let (dir, truth) = made(&Spec { bots: 1_000, ..SMALL });
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut sources, mut count) = (BTreeSet::new(), 0);
    for line in lines(dir.path(), "company/sinkhole") {
        let hit: serde_json::Value = serde_json::from_str(&line).unwrap();
        count += 1;
        if let Some(bot) = hit["bot"].as_str() {
            let day = hit["event"].as_str().unwrap()[..10].to_owned();
            seen.entry(day).or_default().insert(bot.to_owned());
            sources.insert(hit["source"].as_str().unwrap().to_owned());
        }
        let channel = hit["channel"].as_str().unwrap();
        let known = truth.channels.iter().find(|c| c.key == channel).unwrap();
        assert!(known.key == "relay-one.com.example" || known.why.contains("company"), "{channel}");
    }
    let all: BTreeSet<&String> = seen.values().flatten().collect();
    assert_eq!(count, truth.population.sightings);
    assert_eq!(all.len() as u64, truth.population.seen_total);
    assert_eq!(sources.len() as u64, truth.population.addresses);
    for (day, (name, bots)) in truth.population.seen.iter().zip(&seen) {
        assert_eq!((day.day.to_string(), day.bots), (name.clone(), bots.len() as u64));
    }
    let share = all.len() as u64 * 100 / truth.population.total;
    assert!((85..100).contains(&share), "{share} percent");
    assert!(sources.len() > all.len(), "addresses must churn");
    let alive = truth.population.alive.iter().zip(&truth.population.seen).all(|(a, s)| s.bots <= a.bots);
    assert!(alive && truth.population.at_takedown < truth.population.total);
}

#[test]
fn counts_add_up_and_every_group_and_region_has_bots() {
    let (_dir, truth) = made(&Spec { bots: 5_000, hosts: 8, days: 2, ..SMALL });
    assert_eq!(truth.places.len(), 61);
    assert_eq!(truth.places.values().sum::<u64>(), truth.population.total);
    assert_eq!(truth.groups.iter().map(|g| g.bots).sum::<u64>(), truth.population.total);
    assert!(truth.groups.iter().all(|g| g.bots > 200));
    assert!(truth.places.values().filter(|&&n| n > 0).count() >= 58);
}

#[test]
fn every_channel_is_seen_in_a_log_or_a_sample() {
    let (dir, truth) = made(&SMALL);
    let company = files(&dir.path().join("company"));
    let logs: Vec<String> = company
        .iter()
        .filter(|(name, _)| name.starts_with("sinkhole") || name.starts_with("zeek"))
        .map(|(name, bytes)| text(name, bytes))
        .collect();
    let known: Vec<String> =
        Variant::all().iter().map(|v| serde_json::to_string(&v.configuration(7)).unwrap()).collect();
    let dns_day = "2026-03-06".parse().unwrap();
    for channel in &truth.channels {
        let in_log = logs.iter().any(|log| match &channel.channel {
            Channel::Address { ip, port } => log.contains(&format!("\t{ip}\t{port}\t")),
            _ => log.contains(&channel.key),
        });
        let in_sample = match &channel.channel {
            Channel::Generated { name, day } => truth.dga.names(*day).contains(name),
            _ => known.iter().any(|k| k.contains(&channel.key)),
        };
        assert!(in_sample, "{} in a sample", channel.key);
        let logged = !matches!(&channel.channel, Channel::Generated { day, .. } if *day != dns_day);
        assert!(in_log || !logged, "{} in a log", channel.key);
    }
    for host in &truth.infected_hosts {
        assert!(logs.iter().any(|log| log.contains(&format!("\t{}\t", host.address))));
    }
    assert!(logs.iter().any(|log| log.contains("\t198.51.100.53\t")), "the other researcher's sinkhole");
}

#[test]
fn nothing_harmless_is_a_channel_and_registers_know_every_channel() {
    let (dir, truth) = made(&SMALL);
    let keys: BTreeSet<&str> = truth.channels.iter().map(|c| c.key.as_str()).collect();
    assert!(truth.benign.domains.iter().all(|d| !keys.contains(d.as_str())));
    assert!(truth.benign.addresses.iter().all(|a| keys.iter().all(|k| !k.starts_with(&format!("{a}:")))));
    let sheets: Vec<AssetSheet> =
        lines(dir.path(), "company/registers").iter().map(|l| serde_json::from_str(l).unwrap()).collect();
    for channel in &truth.channels {
        let host = channel.key.split(':').next().unwrap();
        let best = sheets
            .iter()
            .filter(|s| host == s.asset || host.ends_with(&format!(".{}", s.asset)))
            .max_by_key(|s| s.asset.len())
            .unwrap_or_else(|| panic!("{} has no sheet", channel.key));
        assert_eq!(best.place, channel.place, "{}", channel.key);
    }
    assert!(sheets.iter().any(|s| s.tenants == 143));
}

#[test]
fn papers_and_money_are_as_the_truth_says() {
    let (dir, truth) = made(&SMALL);
    let all = files(dir.path());
    let mut ids = (BTreeSet::new(), BTreeSet::new());
    for (name, bytes) in all.iter().filter(|(n, _)| n.contains("/authorities/")) {
        let paper: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let until: terms::Timestamp = paper["until"].as_str().unwrap().parse().unwrap();
        assert!(name.starts_with(paper["holder"].as_str().unwrap()));
        let id = paper["id"].as_str().unwrap().to_owned();
        if until > truth.takedown {
            ids.0.insert(id)
        } else {
            ids.1.insert(id)
        };
    }
    assert_eq!(ids, (truth.authorities.iter().cloned().collect(), truth.expired.iter().cloned().collect()));
    assert!(!truth.expired.is_empty());

    let members: serde_json::Value = serde_json::from_slice(&all["region/members.json"]).unwrap();
    let members = members["members"].as_array().unwrap();
    assert_eq!((members.len(), members.iter().filter(|m| m["node"] == true).count()), (34, 17));

    let mut into: BTreeMap<String, u64> = BTreeMap::new();
    let mut ordinary = 0;
    for line in lines(dir.path(), "fintech").iter().filter(|l| l.contains("comity.transaction/1")) {
        let move_: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_ne!(move_["from"], move_["to"]);
        *into.entry(move_["to"].as_str().unwrap().to_owned()).or_default() +=
            move_["cents"].as_u64().unwrap();
        ordinary += u64::from(!["transfer", "loan", "goods"].contains(&move_["memo"].as_str().unwrap()));
    }
    let collected: u64 = truth.money.collectors.iter().map(|c| into[c]).sum();
    assert_eq!((collected, ordinary), (truth.money.collected_cents, truth.money.ordinary));
    assert!(truth.money.mules.iter().all(|m| into.contains_key(m)) && collected < truth.money.stolen_cents);
    let distinct: BTreeSet<&String> = truth.money.mules.iter().chain(&truth.money.collectors).collect();
    assert_eq!(distinct.len(), 26);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() })]
    #[test]
    fn any_seed_makes_a_consistent_operation(seed: u64, bots in 50u32..90, days in 2u32..5, hosts in 8u32..40) {
        let (dir, truth) = made(&Spec { seed, bots, days, hosts });
        let names = truth.dga.names(truth.first_day);
        proptest::prop_assert!(names.iter().collect::<BTreeSet<_>>().len() == 40);
        proptest::prop_assert_eq!(truth.places.values().sum::<u64>(), u64::from(bots));
        proptest::prop_assert!(truth.population.seen_total <= u64::from(bots));
        let hosts: BTreeSet<&String> = truth.infected_hosts.iter().map(|h| &h.address).collect();
        let groups: BTreeSet<&String> = truth.infected_hosts.iter().map(|h| &h.group).collect();
        proptest::prop_assert_eq!((hosts.len(), groups.len()), (6, 6));
        let reread: exercise::Truth = serde_json::from_slice(&files(dir.path())["truth.json"]).unwrap();
        proptest::prop_assert_eq!(reread, truth);
    }
}
