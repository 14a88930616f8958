//! Long connections, strobes, DNS command channels, bursts of missing names, fast flux and layers of peers: for each a
//! true case, near-misses that must not fire, and the same rows out of order, twice and with a shifted clock.

use crate::data::{Tables, prepare, tables};
use botnet::rows::{DnsRow, FlowRow, Row, Transport};
use botnet::telemetry::{
    BurstOptions, DnsChannelOptions, FluxOptions, Found, LongOptions, PeerOptions, StrobeOptions,
};
use std::net::IpAddr;
use terms::{FindingBody, MICROS_PER_DAY, Place};

const START: i64 = 20_514 * MICROS_PER_DAY;
const SERVER: [u8; 4] = [198, 18, 7, 10];

#[derive(Clone, Copy)]
enum Ask {
    Long,
    Strobes,
    DnsChannels,
    Bursts,
    Flux,
    OwnedFlux,
    Peers,
}

async fn ask(t: &Tables, question: Ask) -> Vec<Found> {
    // The second octet is the owner.
    let owner = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (Place::UNKNOWN, 64_000 + u32::from(ip.octets()[1])),
        IpAddr::V6(_) => (Place::UNKNOWN, 0),
    };
    let t = &t.telemetry;
    match question {
        Ask::Long => t.long_connections(&LongOptions::default()).await,
        Ask::Strobes => t.strobes(&StrobeOptions::default()).await,
        Ask::DnsChannels => t.dns_channels(&DnsChannelOptions::default()).await,
        Ask::Bursts => t.nxdomain_bursts(&BurstOptions::default()).await,
        Ask::Flux => t.fast_flux(&FluxOptions::default()).await,
        Ask::OwnedFlux => t.fast_flux(&FluxOptions { owner: Some(&owner), ..FluxOptions::default() }).await,
        Ask::Peers => t.peer_layers(&PeerOptions::default()).await,
    }
    .unwrap()
}

/// Who and what, with the number that the finding counts.
fn told(found: &[Found]) -> Vec<String> {
    found
        .iter()
        .map(|f| match &f.finding.body {
            FindingBody::Beacon { source, remote, connections, .. } => {
                format!("{source} {remote} {connections}")
            }
            FindingBody::GeneratedNames { source, names, .. } => format!("{source} {names}"),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// What rows are told as; and again backwards and twice, and three hours back.
async fn of(rows: Vec<Row>, question: Ask) -> Vec<String> {
    let plain = told(&ask(&tables(prepare(b"log", rows.clone())).await, question).await);
    let mut turned: Vec<_> = prepare(b"log", rows.clone());
    turned.reverse();
    turned.extend(prepare(b"copy", rows.clone()));
    assert_eq!(told(&ask(&tables(turned).await, question).await), plain, "backwards and twice");
    let back = rows.into_iter().map(|mut row| {
        match &mut row {
            Row::Flow(flow) => flow.ts -= 10_800_000_000,
            Row::Dns(dns) => dns.ts -= 10_800_000_000,
            _ => {}
        }
        row
    });
    assert_eq!(
        told(&ask(&tables(prepare(b"log", back.collect())).await, question).await),
        plain,
        "three hours back"
    );
    plain
}

fn flow(seconds: f64, host: u8, remote: [u8; 4]) -> FlowRow {
    FlowRow {
        ts: START + (seconds * 1e6) as i64,
        source: IpAddr::from([10, 0, 0, host]),
        source_port: 40_000,
        remote: IpAddr::from(remote),
        remote_port: 4_443,
        transport: Transport::Tcp,
        service: None,
        duration: None,
        sent: 120,
        received: 80,
        state: Some("SF".into()),
        source_local: None,
        remote_local: None,
    }
}

fn open(hours: f64, host: u8, lasts: f64, state: &str) -> Row {
    let duration = Some((lasts * 3.6e9) as i64);
    Row::Flow(FlowRow { duration, state: Some(state.into()), ..flow(hours * 3_600.0, host, SERVER) })
}

fn dns(seconds: i64, host: u8, query: &str, qtype: &str, rcode: &str, answers: &[[u8; 4]]) -> Row {
    Row::Dns(DnsRow {
        ts: START + seconds * 1_000_000,
        client: Some(IpAddr::from([10, 0, 0, host])),
        server: Some(IpAddr::from([192, 0, 2, 53])),
        query: query.into(),
        qtype: Some(qtype.into()),
        rcode: Some(rcode.into()),
        answers: answers.iter().map(|a| IpAddr::from(*a).to_string()).collect(),
    })
}

#[tokio::test]
async fn long_connections_are_told_and_many_short_ones_are_not() {
    let mut rows = vec![open(0.0, 1, 9.0, "SF"), open(1.0, 1, 2.0, "SF")];
    // Cut by the sensor every two hours: one connection.
    rows.extend((0..4).map(|i| open(f64::from(i) * 2.0, 2, 1.99, if i == 0 { "S1" } else { "OTH" })));
    rows.push(open(0.0, 3, 0.99, "SF"));
    rows.extend((0..40).map(|i| open(f64::from(i) * 0.3, 4, 0.25, "SF")));
    // Pieces with hours between them are no connection.
    rows.extend((0..4).map(|i| open(f64::from(i) * 4.0, 5, 0.9, "OTH")));
    assert_eq!(of(rows, Ask::Long).await, ["p:10.0.0.1 198.18.7.10:4443 2", "p:10.0.0.2 198.18.7.10:4443 1"]);
    let one = tables(prepare(b"log", vec![open(0.0, 1, 9.0, "SF"), open(1.0, 1, 10.0, "SF")])).await;
    let reason = ask(&one, Ask::Long).await[0].finding.reason.clone();
    assert_eq!(
        reason,
        "open for 10.0 h without a break, 11.0 h in all over 2 connections, 240 bytes sent and 160 received, no known \
         service"
    );
}

#[tokio::test]
async fn a_strobe_is_600_calls_in_ten_minutes_and_not_599() {
    let calls = |host, n: i32, every: f64, service: Option<&'static str>| {
        (0..n).map(move |i| {
            Row::Flow(FlowRow {
                service: service.map(str::to_owned),
                ..flow(f64::from(i) * every, host, SERVER)
            })
        })
    };
    let rows = calls(1, 720, 0.5, None)
        .chain(calls(2, 599, 0.5, None))
        .chain(calls(3, 3_000, 2.0, None))
        .chain(calls(4, 720, 0.5, Some("dns")));
    let rows: Vec<Row> = rows
        .map(|mut row| {
            // Each host to an endpoint of its own, so that one's service is not another's.
            if let (Row::Flow(f), IpAddr::V4(ip)) = (&mut row, IpAddr::from(SERVER)) {
                let IpAddr::V4(host) = f.source else { panic!() };
                f.remote = IpAddr::from([ip.octets()[0], ip.octets()[1], 7, host.octets()[3]]);
            }
            row
        })
        .collect();
    assert_eq!(of(rows, Ask::Strobes).await, ["p:10.0.0.1 198.18.7.1:4443 720"]);
}

/// Base32 of a counter mixed well: what a tunnel writes.
fn encoded(i: u64, length: usize) -> String {
    let mut z = i;
    (0..length)
        .map(|_| {
            z = (z ^ (z >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9).wrapping_add(0x9E37_79B9_7F4A_7C15);
            char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(z >> 59) as usize])
        })
        .collect()
}

#[tokio::test]
async fn a_tunnel_is_told_from_content_networks_lookups_and_lists() {
    let mut rows = Vec::new();
    for i in 0..200i64 {
        let data = encoded(i as u64, 52);
        rows.push(dns(i, 1, &format!("{data}.t.relay.example"), "TXT", "NOERROR", &[]));
        // The same amount of: short hosts of a content network, words, reputation with loopback answers, a block list,
        // reverse names.
        rows.push(dns(i, 2, &format!("{}.cdn.example", &data[..12]), "A", "NOERROR", &[[203, 0, 113, 7]]));
        rows.push(dns(i, 2, &format!("holiday-pictures-of-summer-{i}.photos.example"), "A", "NOERROR", &[]));
        rows.push(dns(i, 3, &format!("{}.avts.example", &data[..32]), "A", "NOERROR", &[[127, 0, 0, 4]]));
        rows.push(dns(i, 3, &format!("{i}.113.0.203.list.example"), "TXT", "NXDOMAIN", &[]));
        rows.push(dns(i, 3, &format!("{i}.113.0.203.in-addr.arpa"), "PTR", "NXDOMAIN", &[]));
        // A service that half of the house uses, each host with names of its own.
        for host in 4..10u8 {
            let own = encoded(i as u64 * 31 + u64::from(host), 40);
            rows.push(dns(i, host, &format!("{own}.reputation.example"), "TXT", "NOERROR", &[]));
        }
    }
    for i in 0..99i64 {
        rows.push(dns(i, 11, &format!("{}.small.example", encoded(i as u64, 52)), "TXT", "NOERROR", &[]));
    }
    assert_eq!(of(rows, Ask::DnsChannels).await, ["p:10.0.0.1 relay.example 200"]);
}

#[tokio::test]
async fn missing_names_burst_by_different_domains_within_ten_minutes() {
    let mut rows = Vec::new();
    for i in 0..40i64 {
        let word = ["silver", "river", "harbour", "winter", "garden"][i as usize % 5];
        // Words of a dictionary burst as well as letters.
        rows.push(dns(i * 5, 1, &format!("{word}{i}lantern.example"), "A", "NXDOMAIN", &[]));
        rows.push(dns(i * 5, 2, &format!("{word}{i}lantern.example"), "A", "NOERROR", &[[203, 0, 113, 7]]));
        rows.push(dns(i * 5, 3, &format!("host{i}.corp.example"), "A", "NXDOMAIN", &[]));
        rows.push(dns(i * 5, 4, "gone.example", "A", "NXDOMAIN", &[]));
        rows.push(dns(i * 5, 5, &encoded(i as u64, 10), "A", "NXDOMAIN", &[]));
        rows.push(dns(i * 60, 6, &format!("{word}{i}lantern.example"), "A", "NXDOMAIN", &[]));
    }
    assert_eq!(of(rows, Ask::Bursts).await, ["p:10.0.0.1 40"]);
}

#[tokio::test]
async fn fast_flux_is_told_from_content_networks_and_pools() {
    let mut rows = Vec::new();
    for i in 0..48i64 {
        let (t, n) = (i * 1_800, i as u8);
        // New addresses of new owners every half hour; three at once.
        rows.push(dns(
            t,
            1,
            "flux.example",
            "A",
            "NOERROR",
            &[[198, n, 1, 1], [198, n + 60, 1, 2], [198, n + 120, 3, 1]],
        ));
        // A content network: as many addresses, of two owners.
        rows.push(dns(t, 1, "cdn.example", "A", "NOERROR", &[[203, 7, n, 1], [203, 8, n, 2]]));
        // A pool of many owners whose members come again.
        rows.push(dns(
            t,
            1,
            "pool.example",
            "A",
            "NOERROR",
            &[[192, n % 12, 1, 1], [192, n % 12 + 20, 1, 1]],
        ));
    }
    for i in 0..10u8 {
        // As many owners, but only for minutes.
        rows.push(dns(
            i64::from(i) * 60,
            2,
            "brief.example",
            "A",
            "NOERROR",
            &[[198, i, 9, 1], [198, i + 50, 9, 1]],
        ));
    }
    assert_eq!(of(rows.clone(), Ask::OwnedFlux).await, ["p:10.0.0.1 flux.example 144"]);
    assert_eq!(
        of(rows, Ask::Flux).await,
        ["p:10.0.0.1 flux.example 144"],
        "neighbourhoods stand in for owners"
    );
}

#[tokio::test]
async fn peers_are_hosts_with_mutual_contacts_both_ways() {
    let mut rows = Vec::new();
    for peer in 0..30u8 {
        for host in 1..=3u8 {
            // Each bot meets two of three peers of the layer.
            if (peer + host) % 3 > 0 {
                rows.push(Row::Flow(flow(f64::from(peer) * 60.0, host, [198, 51, 100, peer])));
            }
        }
        // The same peers without an answer; a recognised service; strangers of one's own.
        rows.push(Row::Flow(FlowRow {
            received: 0,
            ..flow(f64::from(peer) * 60.0, 4, [198, 51, 100, peer])
        }));
        let spoken = Some("ssl".to_owned());
        rows.push(Row::Flow(FlowRow {
            service: spoken,
            ..flow(f64::from(peer) * 60.0, 5, [198, 51, 100, peer])
        }));
        rows.push(Row::Flow(flow(f64::from(peer) * 60.0, 6, [203, 0, 113, peer])));
        // What everybody uses.
        for host in 1..=9u8 {
            rows.push(Row::Flow(flow(f64::from(peer) * 60.0 + 5.0, host, [192, 0, 2, peer])));
        }
    }
    // Four mutual contacts are one too few.
    for peer in 0..4u8 {
        rows.push(Row::Flow(flow(9.0, 7, [198, 18, 1, peer])));
        rows.push(Row::Flow(flow(9.0, 8, [198, 18, 1, peer])));
    }
    let found = of(rows, Ask::Peers).await;
    let hosts: std::collections::BTreeSet<&str> =
        found.iter().map(|f| f.split(' ').next().unwrap()).collect();
    assert_eq!(
        hosts.into_iter().collect::<Vec<_>>(),
        ["p:10.0.0.1", "p:10.0.0.2", "p:10.0.0.3"],
        "{found:?}"
    );
    assert!(found.iter().all(|f| f.ends_with(" 20")), "{found:?}");
}

#[tokio::test]
async fn empty_tables_have_no_shapes() {
    let t = tables([]).await;
    for question in
        [Ask::Long, Ask::Strobes, Ask::DnsChannels, Ask::Bursts, Ask::Flux, Ask::OwnedFlux, Ask::Peers]
    {
        assert!(ask(&t, question).await.is_empty());
    }
}
