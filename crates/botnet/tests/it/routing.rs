//! Who is told of which hit: rows of claims and addresses, and that nobody ever gets another's.

use botnet::routing::remedy::{Network, Untold, remedy};
use botnet::routing::{Claim, Heaps, Hit, Kind, Later, Places, Routes, Rows, Shelf, Unrouted};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use terms::{Place, Timestamp};

const DAY: i64 = 86_400_000_000;

fn place(code: &str) -> Place {
    code.parse().unwrap()
}

/// `10.PLACE.NETWORK.x`-like addresses of the test, by hand: the second byte is the place, the third the network.
const PLACES: [&str; 4] = ["ZZ", "PE", "BR", "AR"];

struct Made {
    /// Before this time no table is there.
    from: Timestamp,
    /// From this time on every network is in Brazil.
    moved: Timestamp,
}

impl Places for Made {
    fn at(&self, address: IpAddr, at: Timestamp) -> Option<(Place, u32)> {
        let IpAddr::V4(v4) = address else { return Some((Place::UNKNOWN, 0)) };
        let [_, country, network, _] = v4.octets();
        let country = if at >= self.moved { "BR" } else { PLACES[usize::from(country) % 4] };
        (at >= self.from).then(|| (place(country), u32::from(network)))
    }
}

#[derive(Default)]
struct Held(BTreeMap<u16, Vec<u8>>);
impl Shelf for Held {
    fn append(&mut self, recipient: u16, bytes: &[u8]) -> std::io::Result<()> {
        self.0.entry(recipient).or_default().extend_from_slice(bytes);
        Ok(())
    }
}

fn claim(recipient: u16, kind: Kind, ranges: &[(&str, u8)], networks: &[u32], at: Option<&str>) -> Claim {
    let ranges = ranges.iter().map(|(a, p)| (a.parse().unwrap(), *p)).collect();
    Claim { recipient, kind, ranges, networks: networks.to_vec(), place: at.map(place) }
}

/// 1 a bank with ranges; 2 and 3 owners of networks, both of 9; 4 the team of Peru; 5 the state of Brazil; 6 a bank that overlaps 1.
fn claims() -> Vec<Claim> {
    vec![
        claim(1, Kind::Institution, &[("198.1.7.0", 24), ("2001:db8::", 32)], &[], None),
        claim(2, Kind::NetworkOwner, &[], &[7, 9], None),
        claim(3, Kind::NetworkOwner, &[], &[8, 9], Some("PE")),
        claim(4, Kind::Csirt, &[], &[], Some("PE")),
        claim(5, Kind::MemberState, &[], &[], Some("BR")),
        claim(6, Kind::Institution, &[("198.1.7.128", 25)], &[], None),
    ]
}

#[test]
fn the_closest_named_gets_it_and_only_one() {
    let routes = Routes::new(&claims());
    for (address, country, network, expected) in [
        ("198.1.7.1", "PE", 7, Ok(1)),
        ("198.1.7.127", "PE", 7, Ok(1)),
        ("198.1.7.128", "PE", 7, Err(Unrouted::Ambiguous)),
        ("198.1.6.255", "PE", 7, Ok(2)),
        ("198.1.8.0", "PE", 7, Ok(2)),
        ("::ffff:198.1.7.1", "PE", 7, Ok(1)),
        ("2001:db8:ffff::1", "ZZ", 0, Ok(1)),
        ("2001:db9::1", "PE", 1, Ok(4)),
        ("198.1.9.1", "PE", 9, Err(Unrouted::Ambiguous)),
        ("198.1.9.1", "PE", 8, Ok(3)),
        ("198.1.9.1", "BR", 8, Err(Unrouted::OtherPlace)),
        ("198.1.9.1", "ZZ", 8, Err(Unrouted::OtherPlace)),
        ("198.1.9.1", "PE", 1, Ok(4)),
        ("198.1.9.1", "PE", 0, Ok(4)),
        ("198.1.9.1", "BR", 1, Ok(5)),
        ("198.1.9.1", "AR", 1, Err(Unrouted::Nobody)),
        ("198.1.9.1", "ZZ", 1, Err(Unrouted::Nobody)),
        ("198.1.9.1", "ZZ", 0, Err(Unrouted::Unknown)),
    ] {
        let found = routes.of(address.parse().unwrap(), place(country), network);
        assert_eq!(found, expected, "{address} {country} {network}");
    }
    assert_eq!(Routes::default().of("198.1.7.1".parse().unwrap(), place("PE"), 7), Err(Unrouted::Nobody));
}

fn hit(address: &str, at: i64) -> Hit<'static> {
    Hit {
        at: Timestamp(at),
        source: address.parse().unwrap(),
        port: Some(50_001),
        infection: "harbour",
        channel: "relay.example",
    }
}

fn run(hits: &[Hit<'_>], later: &Later) -> (BTreeMap<u16, Vec<u8>>, Rows) {
    let routes = Routes::new(&claims());
    let mut heaps = Heaps::new(routes, later.clone(), Held::default());
    let made = Made { from: Timestamp(DAY), moved: Timestamp(DAY * 10) };
    for hit in hits {
        heaps.push(hit, &made).unwrap();
    }
    let (shelf, rows) = heaps.finish().unwrap();
    (shelf.0, rows)
}

#[test]
fn the_place_is_that_of_the_time_of_the_hit() {
    let hits = [
        hit("198.1.1.1", DAY - 1),
        hit("198.1.1.1", DAY),
        hit("198.1.1.1", DAY * 11),
        hit("192.168.1.1", DAY),
        hit("224.0.0.1", DAY),
    ];
    let (shelf, rows) = run(&hits, &Later::NOBODY);
    assert_eq!(rows.routed, BTreeMap::from([(4, 1), (5, 1)]));
    let unknown = |why| (why, Place::UNKNOWN, 0);
    assert_eq!(
        rows.unrouted,
        BTreeMap::from([(unknown(Unrouted::Private), 2), (unknown(Unrouted::NoTable), 1)])
    );
    let read: Vec<_> = rows.read(&shelf[&5]).collect();
    assert_eq!((read.len(), &read[0].hit, read[0].place, read[0].network), (1, &hits[2], place("BR"), 1));
}

#[test]
fn whole_networks_wait_and_are_told_of_as_waiting() {
    let later = Later { seed: [7; 32], per_mille: 500 };
    let hits: Vec<Hit<'_>> = (0..200u8)
        .flat_map(|n| [hit(&format!("198.1.{n}.1"), DAY), hit(&format!("198.1.{n}.2"), DAY + 6_000)])
        .collect();
    let (_, rows) = run(&hits, &later);
    let waiting: Vec<(u32, u64)> = rows
        .unrouted
        .iter()
        .filter(|((why, ..), _)| *why == Unrouted::Later)
        .map(|((_, _, n), count)| (*n, *count))
        .collect();
    assert!((60..140).contains(&waiting.len()), "{}", waiting.len());
    assert!(waiting.iter().all(|(network, count)| later.holds(*network) && *count == 2));
    let told: u64 = rows.routed.values().sum();
    let left: u64 = rows.unrouted.values().sum();
    assert_eq!(told + left, 400);
    // Every network of a recipient stands with it, and whether it waits; nobody's stand nowhere.
    let mut waits: Vec<u32> =
        rows.networks.iter().filter(|(_, waits)| **waits).map(|((.., n), _)| *n).collect();
    waits.sort_unstable();
    assert_eq!(waits, waiting.iter().map(|(n, _)| *n).collect::<Vec<_>>());
    let theirs: u64 =
        rows.unrouted.iter().filter(|((why, ..), _)| *why != Unrouted::Later).map(|(_, n)| *n).sum();
    // (The two hits of network 0, which is not known, are told and count for no network.)
    assert_eq!(rows.networks.len() as u64 * 2, told + left - theirs - 2);
    assert!(!later.holds(0) && !(0..1_000).any(|n| Later::NOBODY.holds(n)));
}

proptest! {
    /// A plain model: every hit by itself, with the claims read one by one. What the heaps give is the same, row for row.
    #[test]
    fn nobody_gets_anothers(addresses in proptest::collection::vec((0u8..4, 0u8..12, any::<u8>(), 0i64..2_000_000_000_000), 0..200)) {
        let hits: Vec<Hit<'_>> = addresses
            .iter()
            .map(|(country, network, last, at)| Hit {
                source: IpAddr::V4(Ipv4Addr::new(198, *country, *network, *last)), at: Timestamp(*at),
                port: (last % 2 == 0).then_some(u16::from(*last) + 1), infection: "harbour", channel: if last % 3 == 0 { "a.example" } else { "b.example" },
            })
            .collect();
        let (shelf, rows) = run(&hits, &Later::NOBODY);
        let mut expected: BTreeMap<u16, Vec<&Hit<'_>>> = BTreeMap::new();
        for hit in &hits {
            let IpAddr::V4(v4) = hit.source else { continue };
            let [_, country, network, last] = v4.octets();
            if hit.at < Timestamp(DAY) {
                continue;
            }
            let country = if hit.at >= Timestamp(DAY * 10) { "BR" } else { PLACES[usize::from(country)] };
            let whose = match (country, network, v4.octets()[1]) {
                (_, 7, 1) if last < 128 => Some(1),
                (_, 7, 1) => None,
                (_, 7, _) => Some(2),
                ("PE", 8, _) => Some(3),
                (_, 8 | 9, _) => None,
                ("PE", ..) => Some(4),
                ("BR", ..) => Some(5),
                _ => None,
            };
            if let Some(whose) = whose {
                expected.entry(whose).or_default().push(hit);
            }
        }
        let found: BTreeMap<u16, Vec<_>> = shelf.iter().map(|(r, heap)| (*r, rows.read(heap).collect())).collect();
        let found: BTreeMap<u16, Vec<&Hit<'_>>> = found.iter().map(|(r, of)| (*r, of.iter().map(|x| &x.hit).collect())).collect();
        prop_assert_eq!(found, expected);
    }
}

fn networks(of: &[(u64, u64)]) -> Vec<Network> {
    of.iter().map(|(before, gone)| Network { before: *before, gone: *gone }).collect()
}

#[test]
fn the_effect_of_telling() {
    let told = networks(&[
        (100, 60),
        (80, 50),
        (120, 66),
        (90, 54),
        (110, 70),
        (60, 36),
        (100, 55),
        (140, 90),
        (75, 0),
    ]);
    let later = networks(&[
        (100, 20),
        (90, 22),
        (110, 18),
        (100, 25),
        (80, 16),
        (120, 20),
        (70, 15),
        (95, 19),
        (0, 0),
    ]);
    let found = remedy(&told, &later).unwrap();
    // By hand: 481 of 875 and 155 of 765.
    assert!(
        (found.told.share - 481.0 / 875.0).abs() < 1e-12 && (found.later.share - 155.0 / 765.0).abs() < 1e-12
    );
    assert_eq!((found.told.networks, found.later.networks, found.told.machines), (9, 8, 875));
    let (effect, low, high) = found.effect;
    assert!(
        (effect - (481.0 / 875.0 - 155.0 / 765.0)).abs() < 1e-12 && low > 0.15 && high < 0.55,
        "{found:?}"
    );
    // No effect: the interval holds 0.
    let (_, low, high) = remedy(&later, &later).unwrap().effect;
    assert!(low < 0.0 && high > 0.0);
}

#[test]
fn where_the_data_cannot_tell_nothing_is_said() {
    let nine = networks(&[(10, 5); 9]);
    let few = networks(&[(10, 5), (10, 1), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)]);
    assert_eq!(remedy(&nine, &few), Err(Untold::FewNetworks { told: 9, later: 2 }));
    let mut heavy = nine.clone();
    heavy.extend(networks(&[(1_000, 10)]));
    assert_eq!(remedy(&heavy, &nine), Err(Untold::OneNetwork { percent: 91, group: "told" }));
    assert_eq!(remedy(&networks(&[(1, 2)]), &nine), Err(Untold::Impossible { gone: 2, before: 1 }));
}

/// The interval holds the true effect about as often as it says, over groups that differ more between networks than machines do.
#[test]
fn the_interval_is_honest() {
    let mut state = 1u64;
    let mut dice = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1u64 << 31) as f64
    };
    let (mut held, runs) = (0, 2_000);
    for _ in 0..runs {
        let mut group = |mean: f64| -> Vec<Network> {
            (0..15)
                .map(|_| {
                    let rate = mean + (dice() - 0.5) * 0.4;
                    let before = 20 + (dice() * 80.0) as u64;
                    let gone = (0..before).filter(|_| dice() < rate).count() as u64;
                    Network { before, gone }
                })
                .collect()
        };
        let (told, later) = (group(0.6), group(0.3));
        let (_, low, high) = remedy(&told, &later).unwrap().effect;
        held += u32::from(low <= 0.3 && 0.3 <= high);
    }
    let percent = f64::from(held) * 100.0 / f64::from(runs);
    assert!((92.0..98.0).contains(&percent), "{percent}");
}
