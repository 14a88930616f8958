//! The ranking with what a home knows beside its flows: each prior has a case that fires and a near-miss that does not.

use crate::data::{prepare, tables};
use botnet::rows::{DnsRow, FlowRow, Row, Transport};
use botnet::telemetry::{C2Options, Priors, Ranked};
use std::net::IpAddr;
use terms::{Channel, Day, MICROS_PER_DAY, Place};

const DAY: i32 = 20_514;
const SERVER: [u8; 4] = [198, 18, 7, 10];
const OTHER: [u8; 4] = [203, 0, 113, 5];

fn at(seconds: i64) -> i64 {
    i64::from(DAY) * MICROS_PER_DAY + seconds * 1_000_000
}

fn call(seconds: i64, host: u8, remote: [u8; 4], state: &str, service: Option<&str>) -> Row {
    Row::Flow(FlowRow {
        ts: at(seconds),
        source: IpAddr::from([10, 0, 0, host]),
        source_port: 40_000,
        remote: IpAddr::from(remote),
        remote_port: 443,
        transport: Transport::Tcp,
        service: service.map(str::to_owned),
        duration: None,
        sent: 120,
        received: 80,
        state: Some(state.into()),
        source_local: None,
        remote_local: None,
    })
}

fn asked(day: i32, query: &str, answer: [u8; 4]) -> Row {
    Row::Dns(DnsRow {
        ts: i64::from(DAY + day) * MICROS_PER_DAY + 500,
        client: Some(IpAddr::from([10, 0, 0, 1])),
        server: Some(IpAddr::from([192, 0, 2, 53])),
        query: query.into(),
        qtype: Some("A".into()),
        rcode: Some("NOERROR".into()),
        answers: vec![IpAddr::from(answer).to_string()],
    })
}

/// A timer on one host; what else the rows say comes behind.
fn timer(host: u8, remote: [u8; 4], service: Option<&str>) -> impl Iterator<Item = Row> {
    (0..60).map(move |i| call(i * 300, host, remote, "SF", service))
}

async fn ranked(rows: Vec<Row>, priors: &Priors<'_>) -> Vec<Ranked> {
    let t = tables(prepare(b"log", rows)).await;
    t.telemetry.command_and_control_knowing(&C2Options::default(), priors).await.unwrap()
}

async fn score(rows: Vec<Row>, priors: &Priors<'_>) -> f64 {
    let of = Channel::Address { ip: IpAddr::from(SERVER), port: 443 };
    ranked(rows, priors).await.iter().find(|r| r.channel == of).map_or(0.0, |r| r.score)
}

#[tokio::test]
async fn a_sinkhole_is_no_live_server_whatever_calls_it() {
    let sinkholes = [IpAddr::from(SERVER)];
    let rows: Vec<Row> = timer(1, SERVER, None).chain(timer(1, OTHER, None)).collect();
    let told = ranked(rows, &Priors { sinkholes: &sinkholes, ..Priors::default() }).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].channel.ip(), Some(IpAddr::from(OTHER)));
}

#[tokio::test]
async fn channels_of_a_configuration_are_found_by_two_calls() {
    let two = || vec![call(5, 1, SERVER, "SF", Some("ssl")), call(9_000, 1, SERVER, "SF", Some("ssl"))];
    let address = |port| [Channel::Address { ip: IpAddr::from(SERVER), port }];
    assert_eq!(score(two(), &Priors::default()).await, 0.0, "two calls alone are nothing");
    let right = address(443);
    let found = ranked(two(), &Priors { channels: &right, ..Priors::default() }).await;
    assert!(found[0].score >= 0.95 && found[0].alert, "{found:?}");
    assert!(
        found[0].finding.reason.contains("a sample's configuration names it"),
        "{}",
        found[0].finding.reason
    );
    let wrong = address(8_443);
    assert!(score(two(), &Priors { channels: &wrong, ..Priors::default() }).await < 0.25, "another port");

    let domain = [Channel::domain("relay-one.com.example")];
    let priors = Priors { channels: &domain, ..Priors::default() };
    let resolved = || two().into_iter().chain([asked(0, "relay-one.com.example", SERVER)]);
    assert!(score(resolved().collect(), &priors).await >= 0.9);
    let elsewhere = two().into_iter().chain([asked(0, "relay-one.com.example", OTHER)]);
    assert_eq!(score(elsewhere.collect(), &priors).await, 0.0, "resolved to another address");
    let tenants = (0..9).map(|i| asked(0, &format!("shop-{i}.com.example"), SERVER));
    assert_eq!(score(resolved().chain(tenants).collect(), &priors).await, 0.0, "hosted with nine others");
}

#[tokio::test]
async fn a_generated_name_counts_on_its_day_and_a_day_beside() {
    for (asked_on, least, most) in [(0, 0.85, 1.0), (1, 0.85, 1.0), (3, 0.0, 0.0)] {
        let rows = vec![
            call(5, 1, SERVER, "SF", Some("ssl")),
            call(900, 1, SERVER, "SF", Some("ssl")),
            asked(asked_on, "qhzkwvtrplmn.com.example", SERVER),
        ];
        let known = [("qhzkwvtrplmn.com.example".to_owned(), Day(DAY))];
        let s = score(rows, &Priors { generated: &known, ..Priors::default() }).await;
        assert!((least..=most).contains(&s), "asked {asked_on} days later: {s}");
    }
}

#[tokio::test]
async fn known_software_explains_a_timer_and_a_name_that_ends_alike_does_not() {
    let software = ["updates.example".to_owned()];
    let priors = Priors { software: &software, ..Priors::default() };
    let alone = score(timer(1, SERVER, Some("ssl")).collect(), &Priors::default()).await;
    let of = |name: &'static str| timer(1, SERVER, Some("ssl")).chain([asked(0, name, SERVER)]).collect();
    assert!((score(of("eu.updates.example"), &priors).await - alone / 2.0).abs() < 1e-9);
    assert_eq!(score(of("notupdates.example"), &priors).await, alone);
}

/// The more of the home's hosts call a recognised service the less it is; an outbreak of a strange one stays.
#[tokio::test]
async fn what_everybody_calls_is_less_unless_nobody_recognises_it() {
    let quiet = |from: u8| (from..=6).map(|host| call(10, host, OTHER, "SF", Some("ssl")));
    let by = |hosts: u8, service: Option<&'static str>| -> Vec<Row> {
        (1..=hosts).flat_map(|h| timer(h, SERVER, service)).chain(quiet(1)).collect()
    };
    let none = Priors::default();
    let (one, all) = (score(by(1, Some("ssl")), &none).await, score(by(6, Some("ssl")), &none).await);
    assert!(all < 0.25 && one >= 0.25, "{one} {all}");
    assert!(score(by(6, None), &none).await >= 0.5);

    let owner = |ip: IpAddr| {
        (
            "DE".parse::<Place>().unwrap(),
            if ip == IpAddr::from(SERVER) || ip == IpAddr::from(OTHER) { 64_500 } else { 0 },
        )
    };
    let known = Priors { owner: Some(&owner), ..Priors::default() };
    let told = ranked(by(1, Some("ssl")), &known).await;
    assert!(told[0].score < one, "its network is everybody's: {told:?}");
    assert!(
        told[0].finding.reason.ends_with("in network AS64500 (DE), where 6 hosts call something recognised"),
        "{}",
        told[0].finding.reason
    );
}

#[tokio::test]
async fn who_seeks_many_endpoints_in_vain_is_not_obeying_each_of_them() {
    let seeking = |many: u8| -> Vec<Row> {
        (0..many)
            .flat_map(|d| {
                (0..10).map(move |i| call(i * 300 + i64::from(d), 1, [198, 51, 100, d], "S0", None))
            })
            .chain((0..10).map(|i| call(i * 300, 1, SERVER, "S0", None)))
            .collect()
    };
    let none = Priors::default();
    let (few, many) = (score(seeking(3), &none).await, score(seeking(200), &none).await);
    assert!(few > 0.75 && many < 0.1, "{few} {many}");
    // Closed without an opening: the sensor missed the answer.
    let missed: Vec<Row> = (0..10).map(|i| call(i * 300, 1, SERVER, "SH", None)).collect();
    let told = ranked(missed, &none).await;
    assert_eq!(told[0].signs.unanswered, 0.0);
}

#[tokio::test]
async fn order_doubles_and_a_shifted_clock_change_nothing() {
    let rows: Vec<Row> = timer(1, SERVER, None).chain(timer(2, OTHER, Some("ssl"))).collect();
    let told =
        |all: &[Ranked]| -> Vec<(String, f64)> { all.iter().map(|r| (r.channel.key(), r.score)).collect() };
    let none = Priors::default();
    let plain = told(&ranked(rows.clone(), &none).await);
    assert_eq!(plain.len(), 2);
    let mut turned = rows.clone();
    turned.reverse();
    turned.extend(rows.clone());
    assert_eq!(told(&ranked(turned, &none).await), plain, "backwards and twice");
    let skewed = rows.into_iter().map(|mut row| {
        if let Row::Flow(flow) = &mut row {
            flow.ts -= 3 * 3_600_000_000;
        }
        row
    });
    assert_eq!(told(&ranked(skewed.collect(), &none).await), plain, "three hours back");
}
