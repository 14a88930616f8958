//! Configuration: what wins, where it comes from, what is refused; and the clock.

use super::databases::{Store, each};
use comity::store::{Flags, Network, NodeClock, SetClock, Sources, clock, config};
use miette::Diagnostic as _;
use std::{net::IpAddr, sync::Arc};
use terms::{PersonId, Timestamp};

fn pairs(environment: &[(&str, &str)]) -> Vec<(String, String)> {
    environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn the_nearer_word_wins_and_its_origin_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (person, home) = (folder.path().join("person.toml"), folder.path().join("home.toml"));
    std::fs::write(
        &person,
        "partner = 'police'\nclock_tolerance_ms = 5\ncustomer_networks = ['198.18.0.0/15']\n",
    )
    .unwrap();
    std::fs::write(&home, "clock_tolerance_ms = 6\nstate = 'postgres://me:secret@db.example/comity'\n")
        .unwrap();
    let sources = Sources {
        person: Some(person.clone()),
        home: Some(home.clone()),
        environment: pairs(&[
            ("COMITY_CUSTOMER_NETWORKS", "203.0.113.0/24, 2001:db8::/32"),
            ("COMITY_HOME", "/elsewhere"),
            ("COMITY_SOLVER", "/usr/bin/cvc5"),
            ("COMITY_LOG", "debug"),
            ("PATH", "/bin"),
            ("COMITY_CLOCK_TOLERANCE_MS", "7"),
            ("COMITY_EPSILON_BUDGET", "0.5"),
            ("COMITY_LEAST_FREE_MIB", "9"),
        ]),
        flags: Flags { allow_no_sandbox: Some(true), ..Flags::default() },
    };
    let loaded = config::load(&sources).unwrap();
    let c = &loaded.config;
    assert_eq!(c.partner.as_ref().unwrap().as_str(), "police");
    assert_eq!((c.clock_tolerance_ms, c.allow_no_sandbox), (7, true));
    assert_eq!(c.state.as_deref(), Some("postgres://me:secret@db.example/comity"));
    assert_eq!(c.customer_networks.len(), 2);
    let origins: Vec<(&str, String)> = loaded.settings.iter().map(|s| (s.key, s.origin.clone())).collect();
    let (person, home) = (person.display().to_string(), home.display().to_string());
    let expected = [
        ("state", home.as_str()),
        ("vault", "default"),
        ("telemetry", "default"),
        ("cluster", "default"),
        ("cluster_tasks", "default"),
        ("customer_networks", "COMITY_CUSTOMER_NETWORKS"),
        ("geo", "default"),
        ("stamp_roots", "default"),
        ("partner", person.as_str()),
        ("clock_tolerance_ms", "COMITY_CLOCK_TOLERANCE_MS"),
        ("least_free_mib", "COMITY_LEAST_FREE_MIB"),
        ("allow_no_sandbox", "flag --allow-no-sandbox"),
        ("withheld_lists", "default"),
        ("withheld_report_hours", "default"),
        ("rules_withdrawn", "default"),
        ("rules_seconds", "default"),
        ("epsilon_budget", "COMITY_EPSILON_BUDGET"),
        ("ledger_publish", "default"),
        ("ledger_publish_delay_s", "default"),
    ];
    assert_eq!(origins, expected.map(|(k, o)| (k, o.to_owned())));
    assert_eq!(loaded.settings[0].value, "postgres://me@db.example/comity");
    assert!(!serde_json::to_string(&loaded.settings).unwrap().contains("secret"));
}

#[test]
fn without_any_source_the_defaults_hold() {
    let loaded = config::load(&Sources::default()).unwrap();
    assert_eq!(loaded.config, config::Config::default());
    assert!(loaded.settings.iter().all(|s| s.origin == "default"));
    let keys: Vec<&str> = loaded.settings.iter().map(|s| s.key).collect();
    assert_eq!(keys, config::KEYS);
}

/// The budget that a file gives, as it is shown.
fn of(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("home.toml");
    std::fs::write(&file, text).unwrap();
    let loaded = config::load(&Sources { home: Some(file), ..Sources::default() }).unwrap();
    loaded.config.epsilon_budget.to_string()
}

#[test]
fn what_does_not_fit_is_an_error_with_its_origin() {
    type Pairs = &'static [(&'static str, &'static str)];
    assert_eq!(of("epsilon_budget = 2"), "2");
    assert_eq!(of("epsilon_budget = 0.25"), "0.25");
    let rows: [(&str, Pairs, &str); 11] = [
        ("stat = 'x'", &[], "`stat` is not a key"),
        ("clock_tolerance_ms = -1", &[], "clock_tolerance_ms"),
        ("clock_tolerance_ms = 'soon'", &[], "clock_tolerance_ms"),
        ("partner = 'The Police'", &[], "a partner id"),
        ("customer_networks = ['198.18.0.1/15']", &[], "bits set behind its prefix"),
        ("customer_networks = ['everything']", &[], "not a network"),
        ("allow_no_sandbox = 'perhaps'", &[], "allow_no_sandbox"),
        ("epsilon_budget = 0", &[], "epsilon_budget"),
        ("epsilon_budget = 'much'", &[], "is no epsilon"),
        ("", &[("COMITY_STAT", "x")], "`stat` is not a key"),
        ("not toml at all =", &[], "home.toml"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("home.toml");
    for (text, environment, expected) in rows {
        std::fs::write(&file, text).unwrap();
        let sources =
            Sources { home: Some(file.clone()), environment: pairs(environment), ..Sources::default() };
        let refused = config::load(&sources).unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "CMT-1010");
        let told = refused.to_string();
        assert!(told.contains(expected), "{told}");
        let origin = if environment.is_empty() { "home.toml" } else { "COMITY_STAT" };
        assert!(told.contains(origin), "{told}");
    }
}

#[test]
fn networks_hold_their_addresses_only() {
    let rows = [
        ("198.18.0.0/15", "198.19.255.255", true),
        ("198.18.0.0/15", "198.20.0.0", false),
        ("198.18.0.0/15", "::ffff:198.18.0.1", true),
        ("198.18.0.0/15", "2001:db8::1", false),
        ("203.0.113.7/32", "203.0.113.7", true),
        ("203.0.113.7/32", "203.0.113.6", false),
        ("0.0.0.0/0", "203.0.113.7", true),
        ("::/0", "203.0.113.7", false),
        ("::/0", "2001:db8::1", true),
        ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
    ];
    for (network, address, inside) in rows {
        let network: Network = network.parse().unwrap();
        assert_eq!(network.contains(address.parse::<IpAddr>().unwrap()), inside, "{network} {address}");
    }
    for bad in ["", "198.18.0.0", "198.18.0.0/33", "198.18.0.0/-1", "2001:db8::/129", "a/8", "198.18.0.1/15"]
    {
        assert!(bad.parse::<Network>().is_err(), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_went_back_rules_nothing_until_a_person_says_why() {
    each(|Store { state, .. }| async move {
        let hand = Arc::new(SetClock::new(Timestamp(10_000_000)));
        let node = NodeClock::new(hand.clone(), 2000);
        assert_eq!(node.ruling_time(&state).await.unwrap(), Timestamp(10_000_000));
        hand.set(Timestamp(8_000_000));
        // Within the tolerance: the time given out does not go back.
        assert_eq!(node.ruling_time(&state).await.unwrap(), Timestamp(10_000_000));
        hand.set(Timestamp(7_999_999));
        let refused = node.ruling_time(&state).await.unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "CMT-1007", "{refused}");
        // Also after a restart.
        let node = NodeClock::new(hand.clone(), 2000);
        assert!(node.ruling_time(&state).await.is_err());
        let person = PersonId("operator-1".into());
        let mut tx = state.begin().await.unwrap();
        let silent = node.acknowledge_clock(&mut tx, "  ", &person).await.unwrap_err();
        assert_eq!(silent.code().unwrap().to_string(), "CMT-1020");
        let answer = node.acknowledge_clock(&mut tx, "the battery was changed", &person).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((answer.at, answer.highest), (Timestamp(7_999_999), Timestamp(10_000_000)));
        assert_eq!(node.ruling_time(&state).await.unwrap(), Timestamp(7_999_999));
        hand.set(Timestamp(20_000_000));
        assert_eq!(node.ruling_time(&state).await.unwrap(), Timestamp(20_000_000));
        let mut conn = state.read().await.unwrap();
        assert_eq!(clock::highest(&mut conn).await.unwrap(), Some(Timestamp(20_000_000)));
        assert_eq!(clock::answers(&mut conn).await.unwrap(), [answer]);
    })
    .await;
}
