//! Questions to small tables whose answers can be told by hand or by an independent count.

use crate::data::{prepare, tables};
use botnet::prepare::Prepared;
use botnet::rows::{DnsRow, FlowRow, HitRow, Row, Transport};
use botnet::telemetry::{C2Options, NameOptions, Outcome, Window, look};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use terms::{Channel, Day, DgaSpec, ExhibitId, FindingBody, MICROS_PER_DAY, Place, Timestamp};

const DAY0: i32 = 20_514;

fn hit(day: i32, at: i64, bot: Option<&str>, source: [u8; 4], channel: &str) -> Row {
    let event = i64::from(DAY0 + day) * MICROS_PER_DAY + at;
    Row::Hit(HitRow {
        event,
        observed: event + 1,
        source: IpAddr::V4(Ipv4Addr::from(source)),
        source_port: None,
        channel: channel.into(),
        bot: bot.map(str::to_owned),
        botnet: Some("harbourlight".into()),
    })
}

fn when(day: i32, at: i64) -> Timestamp {
    Timestamp(i64::from(DAY0 + day) * MICROS_PER_DAY + at)
}

fn window(from: i32, until: i32) -> Window {
    Window { from: Day(DAY0 + from).start(), until: Day(DAY0 + until).start() }
}

/// Bots 1 and 2 in DE (240.0), bot 3 in BR (240.1); bot 1 changes its address; a source without id.
fn small() -> Vec<Prepared> {
    let first = vec![
        hit(0, 5, Some("1"), [240, 0, 0, 1], "relay-one.com.example"),
        hit(0, 6, Some("1"), [240, 0, 0, 9], "relay-one.com.example"),
        hit(0, 7, Some("2"), [240, 0, 0, 2], "relay-one.com.example"),
        hit(0, 8, Some("3"), [240, 1, 0, 3], "relay-one.com.example"),
        hit(0, 9, Some("3"), [240, 1, 0, 3], "198.18.7.10:4443"),
        hit(1, 5, Some("1"), [240, 0, 0, 1], "sync-two.net.example"),
        hit(1, 6, None, [240, 0, 0, 77], "sync-two.net.example"),
    ];
    let second = vec![
        hit(9, 5, Some("1"), [240, 0, 0, 1], "relay-one.com.example"),
        hit(9, 6, Some("3"), [240, 1, 0, 3], "198.18.7.10:4443"),
        hit(9, 7, Some("3"), [240, 1, 0, 3], "relay-one.com.example"),
        hit(9, 8, Some("4"), [240, 1, 0, 4], "198.18.7.10:4443"),
        hit(9, 9, Some("5"), [240, 1, 0, 5], "relay-one.com.example"),
    ];
    let mut all = prepare(b"first log", first);
    all.extend(prepare(b"second log", second));
    all
}

#[tokio::test]
async fn activity_counts_bots_by_identity() {
    let t = tables(small()).await;
    let found = t.telemetry.activity(&[], Window::ALL).await.unwrap();
    let told: Vec<String> = found
        .iter()
        .map(|f| match &f.finding.body {
            FindingBody::Activity { channel, day, bots, addresses, places } => {
                let places: Vec<String> = places.iter().map(|(p, n)| format!("{p}{n}")).collect();
                format!("{channel} {} {bots} {addresses} {}", day.0 - DAY0, places.join(" "))
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            "198.18.7.10:4443 0 1 1 BR1",
            "198.18.7.10:4443 9 2 2 BR2",
            "relay-one.com.example 0 3 4 DE2 BR1",
            "relay-one.com.example 9 3 3 BR2 DE1",
            "sync-two.net.example 1 2 2 DE2"
        ]
    );
    assert_eq!(found[0].exhibits, [ExhibitId::of(b"first log")]);
    let generated = Channel::Generated { name: "sync-two.net.example".into(), day: Day(DAY0 + 1) };
    let one = t.telemetry.activity(std::slice::from_ref(&generated), Window::ALL).await.unwrap();
    assert!(
        matches!(&one[..], [f] if matches!(&f.finding.body, FindingBody::Activity { channel, .. } if *channel == generated))
    );
}

#[tokio::test]
async fn sets_of_channels_places_and_victims() {
    let t = tables(small()).await;
    let fold = HashMap::from([("sync-two.net.example".to_owned(), "two".to_owned())]);
    let signatures = t.telemetry.signatures(window(0, 7), &fold, 8).await.unwrap();
    let told: Vec<String> =
        signatures.iter().map(|s| format!("{} {}", s.channels.join("+"), s.bots)).collect();
    assert_eq!(
        told,
        [
            "198.18.7.10:4443+relay-one.com.example 1",
            "relay-one.com.example 1",
            "relay-one.com.example+two 1"
        ]
    );
    let cut = t.telemetry.signatures(window(0, 7), &fold, 1).await.unwrap();
    assert!(cut.iter().any(|s| s.cut) && cut.iter().all(|s| s.channels.len() == 1));

    let places = t.telemetry.per_place(window(0, 7), 1).await.unwrap();
    let told: Vec<String> = places.iter().map(|p| format!("{}{}", p.place, p.bots)).collect();
    assert_eq!(told, ["DE3", "BR1"]);
    assert_eq!(t.telemetry.per_place(window(0, 7), 2).await.unwrap().len(), 1);

    let de: Place = "DE".parse().unwrap();
    let victims = t.telemetry.victims(de, Window::ALL, 100).await.unwrap();
    let told: Vec<String> = victims
        .iter()
        .map(|v| format!("{} {} {} {}", v.bot, v.source, v.sightings, v.channels.join("+")))
        .collect();
    assert_eq!(
        told,
        [
            "b:1 p:240.0.0.1 3 relay-one.com.example+sync-two.net.example",
            "b:1 p:240.0.0.9 1 relay-one.com.example",
            "b:2 p:240.0.0.2 1 relay-one.com.example",
            "p:240.0.0.77 p:240.0.0.77 1 sync-two.net.example"
        ]
    );
    assert_eq!(victims[0].exhibits.len(), 2);
    assert_eq!((victims[0].first, victims[0].last), (when(0, 5), when(9, 5)));
    assert_eq!(t.telemetry.victims(de, Window::ALL, 4).await.unwrap().len(), 4);
    assert!(t.telemetry.victims(de, Window::ALL, 3).await.is_err(), "a limit that is passed is an error");
    let by_day = t.telemetry.victims_by_day(de, Window::ALL).await.unwrap();
    assert_eq!(by_day, [(Day(DAY0), 3), (Day(DAY0 + 1), 2), (Day(DAY0 + 9), 1)]);
    let between = t.telemetry.sightings_between(window(1, 2), 10).await.unwrap();
    assert_eq!(between.len(), 2);
    assert!(between[0].0.event < between[1].0.event && between[0].1 == ExhibitId::of(b"first log"));
}

#[tokio::test]
async fn each_bot_comes_once_with_its_days_and_channels() {
    let t = tables(small()).await;
    let mut told: Vec<String> = Vec::new();
    let mut take = |calls: &botnet::telemetry::Calls<'_>| {
        let seen: Vec<String> = calls.seen.iter().map(|(d, c)| format!("{} {c}", d.0 - DAY0)).collect();
        told.push(format!("{} {}", calls.botnet.unwrap_or("-"), seen.join(", ")));
    };
    t.telemetry.each_bot(window(0, 7), &mut take).await.unwrap();
    told.sort();
    // The source without an id is nobody.
    assert_eq!(
        told,
        [
            "harbourlight 0 198.18.7.10:4443, 0 relay-one.com.example",
            "harbourlight 0 relay-one.com.example",
            "harbourlight 0 relay-one.com.example, 1 sync-two.net.example",
        ]
    );
    let span = t.telemetry.span(window(0, 7)).await.unwrap().unwrap();
    assert_eq!((span.0.day(), span.1.0 % MICROS_PER_DAY), (Day(DAY0), 6));
    assert_eq!(t.telemetry.span(window(3, 5)).await.unwrap(), None);
}

#[tokio::test]
async fn a_cohort_comes_with_its_calls_before_and_after_and_the_network_it_was_in() {
    let t = tables(small()).await;
    let mut told: Vec<String> = Vec::new();
    let mut names: BTreeMap<String, std::sync::Arc<str>> = BTreeMap::new();
    let mut take = |bot: &botnet::telemetry::Followable<'_>| {
        for (_, channel) in bot.calls.seen {
            let held = names.entry(channel.to_string()).or_insert_with(|| channel.clone());
            assert!(std::sync::Arc::ptr_eq(held, channel), "{channel} is held twice");
        }
        let seen: Vec<String> = bot.calls.seen.iter().map(|(d, c)| format!("{} {c}", d.0 - DAY0)).collect();
        told.push(format!("{} {} {}", bot.place, bot.network, seen.join(", ")));
    };
    t.telemetry.each_followed(window(0, 7), window(9, 16), &mut take).await.unwrap();
    told.sort();
    // Bots 4 and 5 were not seen before.
    assert_eq!(
        told,
        [
            "BR 64513 0 198.18.7.10:4443, 0 relay-one.com.example, 9 198.18.7.10:4443, 9 relay-one.com.example",
            "DE 64512 0 relay-one.com.example",
            "DE 64512 0 relay-one.com.example, 1 sync-two.net.example, 9 relay-one.com.example",
        ]
    );
}

#[tokio::test]
async fn bots_are_followed_by_identity() {
    let t = tables(small()).await;
    let taken = ["relay-one.com.example".to_owned(), "sync-two.net.example".to_owned()];
    let outcome = t.telemetry.follow(window(0, 7), window(9, 16), &taken).await.unwrap();
    assert_eq!(outcome, Outcome { before: 3, migrated: 1, contained: 1, silent: 1, new: 1 });
    let nothing = t.telemetry.follow(window(0, 7), window(9, 16), &[]).await.unwrap();
    assert_eq!(nothing, Outcome { before: 3, migrated: 2, contained: 0, silent: 1, new: 2 });
}

#[tokio::test]
async fn machines_that_are_gone_are_counted_by_the_one_network_they_were_in() {
    let (known, other) = ("relay-one.com.example", "unrelated.example");
    let rows = vec![
        // Two of DE: one is seen again, on whatever channel.
        hit(0, 1, Some("1"), [240, 0, 0, 1], known),
        hit(1, 1, Some("1"), [240, 0, 0, 9], known),
        hit(9, 1, Some("1"), [240, 0, 0, 9], other),
        hit(0, 2, Some("2"), [240, 0, 0, 2], known),
        // One of BR that has moved since: it is not gone.
        hit(2, 3, Some("3"), [240, 1, 0, 3], known),
        hit(9, 3, Some("3"), [240, 5, 0, 3], known),
        // One in two networks, and one in none that is known: of no group.
        hit(0, 4, Some("4"), [240, 0, 0, 4], known),
        hit(3, 4, Some("4"), [240, 1, 0, 4], known),
        hit(0, 5, Some("5"), [192, 0, 2, 5], known),
        // Another botnet, a machine without an id, and one that is new.
        hit(0, 6, Some("6"), [240, 0, 0, 6], other),
        hit(0, 7, None, [240, 0, 0, 7], known),
        hit(9, 8, Some("8"), [240, 0, 0, 8], known),
    ];
    let t = tables(prepare(b"log", rows)).await;
    let told = async |before: Window, after: Window, channels: &[String]| {
        let found = t.telemetry.gone(before, after, channels).await.unwrap();
        let line = |n: &botnet::telemetry::NetworkBots| {
            format!("{} {} {} {}", n.place, n.network, n.machines.before, n.machines.gone)
        };
        found.iter().map(line).collect::<Vec<_>>()
    };
    let channels = [known.to_owned()];
    assert_eq!(
        told(window(0, 7), window(8, 10), &channels).await,
        ["BR 64513 1 0", "DE 64512 2 1", "ZZ 0 2 2"]
    );
    // Nothing is told of a time in which nothing was seen before, nor without channels.
    assert!(told(window(7, 8), window(8, 10), &channels).await.is_empty());
    assert!(told(window(0, 7), window(8, 10), &[]).await.is_empty());
}

#[tokio::test]
async fn empty_tables_have_empty_answers() {
    let t = tables([]).await;
    assert!(t.telemetry.command_and_control(&C2Options::default()).await.unwrap().is_empty());
    assert!(t.telemetry.generated_names(&NameOptions::default(), &[]).await.unwrap().is_empty());
    assert!(t.telemetry.activity(&[], Window::ALL).await.unwrap().is_empty());
    let refusal = t.telemetry.population(Window::ALL, None).await.unwrap().unwrap_err();
    assert_eq!(refusal.code(), "CMT-0640");
    let none = t.telemetry.follow(window(0, 1), window(1, 2), &[]).await.unwrap();
    assert_eq!(none, Outcome::default());
}

#[tokio::test]
async fn the_population_is_counted_by_id_and_not_by_address() {
    // 600 bots on five or six days of seven, each day from another address.
    let rows = (0..600u32).flat_map(|bot| {
        (0..7).filter(move |day| (bot * 31 + day * 17) % 7 > bot % 2).map(move |day| {
            let [_, _, b, c] = (bot * 7 + day).to_be_bytes();
            hit(
                day as i32,
                i64::from(bot),
                Some(&format!("{bot:016x}")),
                [240, 0, b, c],
                "relay-one.com.example",
            )
        })
    });
    let t = tables(prepare(b"log", rows.collect())).await;
    let e = t.telemetry.population(window(0, 7), Some("harbourlight")).await.unwrap().unwrap();
    assert_eq!(e.seen, 600);
    assert!((e.bots - 600.0).abs() < 30.0, "{e:?}");
    assert!(t.telemetry.population(window(0, 7), Some("it's another")).await.unwrap().is_err());
}

fn call(ts: f64, source: [u8; 4], remote: [u8; 4], port: u16, state: &str, service: Option<&str>) -> Row {
    Row::Flow(FlowRow {
        ts: (ts * 1e6) as i64,
        source: IpAddr::V4(source.into()),
        source_port: 40_000,
        remote: IpAddr::V4(remote.into()),
        remote_port: port,
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

#[tokio::test]
async fn what_calls_like_a_bot_stands_first_and_a_known_service_below() {
    let bot = [10, 0, 0, 7];
    let mut rows = Vec::new();
    for i in 0..60 {
        let t = f64::from(i) * 300.0;
        rows.push(call(t + f64::from(i % 3), bot, [198, 18, 7, 10], 4_443, "S0", None));
        rows.push(call(t, bot, [203, 0, 113, 5], 443, "SF", Some("ssl")));
        // A scan from outside, a resolver, traffic in the house, a group address, the middle of a long connection.
        rows.push(call(t, [203, 0, 113, 9], bot, 4_443, "S0", None));
        rows.push(call(t, bot, [203, 0, 113, 53], 53, "SF", Some("dns")));
        rows.push(call(t, bot, [10, 0, 0, 8], 4_443, "S0", None));
        rows.push(call(t, bot, [239, 255, 255, 250], 1_900, "S0", None));
        rows.push(call(t, bot, [203, 0, 113, 77], 8_883, "OTH", None));
    }
    let t = tables(prepare(b"log", rows)).await;
    let ranked = t.telemetry.command_and_control(&C2Options::default()).await.unwrap();
    let told: Vec<String> = ranked.iter().map(|r| r.channel.key()).collect();
    assert_eq!(told, ["198.18.7.10:4443", "203.0.113.5:443"]);
    assert!(ranked[0].score > 0.8 && ranked[1].score < 0.5, "{} {}", ranked[0].score, ranked[1].score);
    assert_eq!(
        ranked[0].finding.reason,
        "60 connections in 4 h to one endpoint, 100 % unanswered, median interval 301 s ± 0.00 s, asked by one host, \
         no known service, called in 100 % of the time the host was active, \
         beacon score 1.00 (timestamp 1.00, data size 1.00, duration 1.00, histogram 1.00)"
    );
    let FindingBody::Beacon { source, connections, .. } = &ranked[0].finding.body else { panic!() };
    assert_eq!((source.as_str(), *connections), ("p:10.0.0.7", 60));
    let later =
        C2Options { window: Window { from: Timestamp(1), until: Timestamp(2) }, ..C2Options::default() };
    assert!(t.telemetry.command_and_control(&later).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_same_flows_in_two_exhibits_count_once() {
    let rows: Vec<Row> = (0..30)
        .map(|i| call(f64::from(i) * 60.0, [10, 0, 0, 7], [198, 18, 7, 10], 4_443, "REJ", None))
        .collect();
    let mut all = prepare(b"conn.log", rows.clone());
    all.extend(prepare(b"labeled-conn.log", rows));
    let t = tables(all).await;
    let ranked = t.telemetry.command_and_control(&C2Options::default()).await.unwrap();
    let FindingBody::Beacon { connections, interval, .. } = &ranked[0].finding.body else { panic!() };
    assert_eq!((*connections, *interval, ranked[0].exhibits.len()), (30, 60.0, 2));
}

fn asked(day: i32, client: [u8; 4], query: &str, rcode: &str) -> Row {
    Row::Dns(DnsRow {
        ts: i64::from(DAY0 + day) * MICROS_PER_DAY + 1_000,
        client: Some(IpAddr::V4(client.into())),
        server: Some(IpAddr::V4([192, 0, 2, 53].into())),
        query: query.into(),
        qtype: Some("A".into()),
        rcode: Some(rcode.into()),
        answers: vec![],
    })
}

const WORDS: [&str; 24] = [
    "weather",
    "bookshop",
    "localnews",
    "mailserver",
    "cloudstorage",
    "university",
    "streaming",
    "photogallery",
    "musicstore",
    "trainstation",
    "government",
    "healthcare",
    "insurance",
    "restaurant",
    "newspaper",
    "television",
    "engineering",
    "marketplace",
    "travelagency",
    "homegarden",
    "football",
    "library",
    "museum",
    "calendar",
];

#[tokio::test]
async fn generated_names_are_found_by_list_and_by_look() {
    let spec = DgaSpec {
        algorithm: "harbour-1".into(),
        seed: 7,
        per_day: 40,
        suffixes: vec!["com.example".into(), "net.example".into()],
    };
    let mut rows = Vec::new();
    for name in spec.names(Day(DAY0)) {
        rows.push(asked(0, [10, 0, 0, 1], &name, "NXDOMAIN"));
        rows.push(asked(5, [10, 0, 0, 2], &name, "NXDOMAIN"));
    }
    for word in WORDS {
        rows.push(asked(0, [10, 0, 0, 3], &format!("{word}.com.example"), "NXDOMAIN"));
        rows.push(asked(0, [10, 0, 0, 1], &format!("{word}.com.example"), "NOERROR"));
    }
    let t = tables(prepare(b"dns.log", rows)).await;
    let known: Vec<(String, Day)> = spec.names(Day(DAY0)).into_iter().map(|n| (n, Day(DAY0))).collect();
    let of = |found: Vec<botnet::telemetry::Found>| -> BTreeMap<String, (u64, u64)> {
        found
            .into_iter()
            .map(|f| match f.finding.body {
                FindingBody::GeneratedNames { source, names, nonexistent, examples } => {
                    assert!(examples.len() <= 10 && !examples.is_empty());
                    (source, (names, nonexistent))
                }
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let by_list = of(t
        .telemetry
        .generated_names(&NameOptions { min_look: 2.0, ..NameOptions::default() }, &known)
        .await
        .unwrap());
    assert_eq!(
        by_list,
        BTreeMap::from([("p:10.0.0.1".into(), (40, 40))]),
        "names of another day are not the list's"
    );
    let by_look = of(t.telemetry.generated_names(&NameOptions::default(), &[]).await.unwrap());
    assert!(!by_look.contains_key("p:10.0.0.3"), "words that do not exist are no algorithm: {by_look:?}");
    for client in ["p:10.0.0.1", "p:10.0.0.2"] {
        assert!(by_look.get(client).is_some_and(|(n, missing)| *n >= 25 && n == missing), "{by_look:?}");
    }
}

/// Two words each, of different domains below suffixes of every kind.
const JOINED: [&str; 12] = [
    "lanternsalmon.mv",
    "carefuldesk.pk",
    "windowpurchased.hn",
    "threelightweight.su",
    "missesharbour.ad",
    "exceptionkettle.la",
    "traderhillside.pw",
    "spotdaughter.cx",
    "reproducedpencil.nf",
    "groundvideo.sx",
    "lateralmarbles.gd",
    "followingsaddle.tl",
];

#[tokio::test]
async fn names_of_words_look_generated_together_and_not_alone() {
    let mut rows = Vec::new();
    for name in JOINED {
        assert!(look(name) < f64::from(botnet::lexical::THRESHOLD), "{name}: {}", look(name));
        rows.push(asked(0, [10, 0, 0, 1], name, "NXDOMAIN"));
        // They exist: somebody reads many pages.
        rows.push(asked(0, [10, 0, 0, 2], name, "NOERROR"));
        // One domain with a searched suffix is one name.
        rows.push(asked(0, [10, 0, 0, 3], &format!("{}.searched.mv", name.replace('.', "-")), "NXDOMAIN"));
    }
    for word in WORDS {
        // Typing errors and old links do not exist either.
        rows.push(asked(0, [10, 0, 0, 4], &format!("www.{word}.com"), "NXDOMAIN"));
    }
    for name in &JOINED[..4] {
        rows.push(asked(0, [10, 0, 0, 5], name, "NXDOMAIN"));
    }
    let t = tables(prepare(b"dns.log", rows)).await;
    let found = t.telemetry.generated_names(&NameOptions::default(), &[]).await.unwrap();
    let told: Vec<_> = (found.iter())
        .map(|f| match &f.finding.body {
            FindingBody::GeneratedNames { source, names, nonexistent, examples } => {
                (source.as_str(), *names, *nonexistent, examples.len())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [("p:10.0.0.1", 12, 12, 10)]);
    assert!(found[0].finding.reason.contains("together"), "{}", found[0].finding.reason);
}

#[test]
fn looks_are_within_bounds_and_words_look_like_words() {
    for word in WORDS {
        let name = format!("www.{word}.example");
        assert!(look(&name) < NameOptions::default().min_look, "{word}: {}", look(&name));
    }
    assert!(look("xn--bcher-kva.example") < 0.5);
    for odd in ["", ".", "...", "\u{1f30a}.example", "a"] {
        assert_eq!(look(odd), 0.0, "{odd}");
    }
}

/// Whether a hit (day, bot, channel, network) is meant.
type Test<'a> = &'a dyn Fn(&(i32, u8, u8, u8)) -> bool;

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Counts equal those of plain sets.
    #[test]
    fn counts_equal_an_independent_count(
        hits in prop::collection::vec((0i32..14, 0u8..12, 0u8..3, 0u8..4), 1..120),
        taken in prop::collection::btree_set(0u8..3, 0..3),
    ) {
        let channel = |c: u8| format!("c{c}.example");
        let rows = hits.iter().enumerate().map(|(i, (day, bot, c, net))| {
            hit(*day, i as i64, Some(&bot.to_string()), [240, *net, 0, *bot], &channel(*c))
        });
        let prepared = prepare(b"log", rows.collect());
        let taken_keys: Vec<String> = taken.iter().map(|c| channel(*c)).collect();
        let (outcome, places, days) = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let t = tables(prepared).await;
            (
                t.telemetry.follow(window(0, 7), window(7, 14), &taken_keys).await.unwrap(),
                t.telemetry.per_place(Window::ALL, 1).await.unwrap(),
                t.telemetry.activity(&[], Window::ALL).await.unwrap(),
            )
        });
        let set = |test: Test| -> BTreeSet<u8> { hits.iter().filter(|h| test(h)).map(|h| h.1).collect() };
        let before = set(&|h| h.0 < 7);
        let free = set(&|h| h.0 >= 7 && !taken.contains(&h.2));
        let after = set(&|h| h.0 >= 7);
        prop_assert_eq!(outcome.before, before.len() as u64);
        prop_assert_eq!(outcome.migrated, before.intersection(&free).count() as u64);
        prop_assert_eq!(outcome.silent, before.difference(&after).count() as u64);
        prop_assert_eq!(outcome.contained, outcome.before - outcome.migrated - outcome.silent);
        prop_assert_eq!(outcome.new, free.difference(&before).count() as u64);
        for net in 0..4 {
            let bots = set(&|h| h.3 == net).len() as u64;
            let place: Place = ["DE", "BR", "FR", "US"][usize::from(net)].parse().unwrap();
            let told = places.iter().find(|p| p.place == place).map_or(0, |p| p.bots);
            prop_assert_eq!(told, bots);
        }
        let pairs: BTreeSet<(u8, i32)> = hits.iter().map(|h| (h.2, h.0)).collect();
        prop_assert_eq!(days.len(), pairs.len());
    }
}
