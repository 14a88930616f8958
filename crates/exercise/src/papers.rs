//! What investigators and authorities hold on paper: asset sheets, orders, the covert list, the members of the region.

use crate::{
    ExerciseError,
    calendar::Calendar,
    channels::{COMPANY_SINKHOLE, DEDICATED, FIXED, OTHER_SINKHOLE, SHARED_TENANTS, SUFFIXES},
    out::Folder,
    world::{COUNTRIES, Region},
};
use serde::Serialize;
use serde_json::json;
use std::net::Ipv4Addr;
use terms::{AssetClass, AssetSheet, Instrument, Place, Standing, Timestamp};

/// Address of a fixed channel by its index.
fn server(i: usize) -> String {
    FIXED.get(i).map_or(DEDICATED, |f| f.ip).to_string()
}

/// The register of assets, as registries and hosters answered the company's investigators.
pub(crate) fn sheets() -> Vec<AssetSheet> {
    let sheet =
        |asset: String, class, place: &str, standing, holder: &str, tenants, source: &str| AssetSheet {
            schema: "comity.asset/1".into(),
            asset,
            class,
            place: place.parse().unwrap_or(Place::UNKNOWN),
            standing,
            holder: holder.into(),
            tenants,
            source: source.into(),
        };
    let (domain, host) = (AssetClass::Domain, AssetClass::Server);
    let mut out: Vec<AssetSheet> = SUFFIXES
        .iter()
        .map(|&(suffix, place, holder)| {
            let source =
                "registry's answer to an enquiry of 2026-02-24: names under this suffix are held here";
            sheet(suffix.into(), domain, place, Standing::Criminal, holder, 0, source)
        })
        .collect();
    let registrar = "registrar's answer of 2026-02-26: it holds this name itself, under a registry lock";
    out.push(sheet(
        "beacon-three.org.example".into(),
        domain,
        "GY",
        Standing::Criminal,
        "Demerara Names",
        0,
        registrar,
    ));
    for (i, standing, place, holder, tenants, source) in [
        (
            3,
            Standing::Criminal,
            "DE",
            "Elbe Colocation",
            0,
            "hoster's answer of 2026-02-25: one customer, false papers",
        ),
        (
            4,
            Standing::Shared,
            "PL",
            "Vistula Webspace",
            SHARED_TENANTS,
            "reverse names and the hoster's price list: many customers on one machine",
        ),
        (
            5,
            Standing::Compromised,
            "PA",
            "Clinica Santa Rosa",
            0,
            "the clinic's provider, 2026-02-27: a patient portal that was broken into",
        ),
        (
            6,
            Standing::Criminal,
            "RO",
            "Carpathia Racks",
            0,
            "hoster's answer of 2026-02-27: a customer like any other",
        ),
    ] {
        out.push(sheet(server(i), host, place, standing, holder, tenants, source));
    }
    let own = "the company's own sinkhole";
    out.push(sheet(
        COMPANY_SINKHOLE.to_string(),
        host,
        "NL",
        Standing::Sinkhole,
        "Meridian Software",
        0,
        own,
    ));
    let other = "list of known sinkholes kept by researchers";
    out.push(sheet(
        OTHER_SINKHOLE.to_string(),
        host,
        "CA",
        Standing::Sinkhole,
        "Northlight Research",
        0,
        other,
    ));
    out
}

/// An authority document (`comity.authority/1`).
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Authority {
    schema: &'static str,
    pub(crate) id: &'static str,
    issuer: &'static str,
    kind: &'static str,
    holder: &'static str,
    member: &'static str,
    instrument: Instrument,
    class: AssetClass,
    targets: Vec<String>,
    places: Vec<Place>,
    offence: &'static str,
    served: Option<Timestamp>,
    from: Timestamp,
    pub(crate) until: Timestamp,
}

/// Partner, id, issuer, kind, member, instrument, class, targets, place, whether it has expired.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Instrument,
    AssetClass,
    &'static str,
    &'static str,
    bool,
);

use AssetClass::{Account, Domain, GeneratedDomain, Server};
use Instrument::{Freeze, Notify, NullRoute, Seize, Sinkhole};

const ROWS: [Row; 18] = [
    (
        "police",
        "order-de-114",
        "District Court of Harbourstadt",
        "order",
        "de",
        Seize,
        Server,
        "198.18.7.10",
        "DE",
        false,
    ),
    (
        "police",
        "order-de-115",
        "District Court of Harbourstadt",
        "order",
        "de",
        NullRoute,
        Server,
        "198.18.7.10",
        "DE",
        false,
    ),
    (
        "police",
        "order-nl-201",
        "Court of Lowhaven",
        "order",
        "nl",
        Seize,
        Domain,
        "relay-one.com.example",
        "NL",
        false,
    ),
    (
        "police",
        "order-nl-202",
        "Court of Lowhaven",
        "order",
        "nl",
        Sinkhole,
        Domain,
        "relay-one.com.example",
        "NL",
        false,
    ),
    (
        "police",
        "statute-nl-203",
        "Cybercrime Act, section 12",
        "statute",
        "nl",
        Sinkhole,
        GeneratedDomain,
        "*",
        "NL",
        false,
    ),
    (
        "police",
        "order-se-077",
        "Court of Skerryvik",
        "order",
        "se",
        Seize,
        Domain,
        "sync-two.net.example",
        "SE",
        true,
    ),
    (
        "police",
        "order-se-078",
        "Court of Skerryvik",
        "order",
        "se",
        Sinkhole,
        Domain,
        "sync-two.net.example",
        "SE",
        true,
    ),
    (
        "police",
        "statute-se-079",
        "Network Misuse Act, section 4",
        "statute",
        "se",
        Sinkhole,
        GeneratedDomain,
        "*",
        "SE",
        false,
    ),
    (
        "police",
        "order-pl-031",
        "Court of Vistulin",
        "order",
        "pl",
        Seize,
        Server,
        "198.18.80.20",
        "PL",
        false,
    ),
    ("police", "order-ro-012", "Tribunal of Carpathia", "order", "ro", Seize, Server, "*", "RO", false),
    (
        "region",
        "statute-br-310",
        "Internet Framework, article 19",
        "statute",
        "br",
        Sinkhole,
        GeneratedDomain,
        "*",
        "BR",
        false,
    ),
    (
        "region",
        "statute-cr-044",
        "Domain Ordinance, article 7",
        "statute",
        "cr",
        Sinkhole,
        GeneratedDomain,
        "*",
        "CR",
        false,
    ),
    (
        "region",
        "statute-pa-008",
        "Information Duty Act, article 3",
        "statute",
        "pa",
        Notify,
        Server,
        "*",
        "PA",
        false,
    ),
    (
        "fintech",
        "contract-hb-01",
        "Harbour Bank, client terms 9.2",
        "contract",
        "harbour-bank",
        Freeze,
        Account,
        "*",
        "NL",
        false,
    ),
    (
        "fintech",
        "contract-nq-01",
        "North Quay Credit, client terms 9.2",
        "contract",
        "north-quay-credit",
        Freeze,
        Account,
        "*",
        "IE",
        false,
    ),
    (
        "fintech",
        "contract-ts-01",
        "Tidewater Savings, client terms 9.2",
        "contract",
        "tidewater-savings",
        Freeze,
        Account,
        "*",
        "US",
        false,
    ),
    (
        "fintech",
        "contract-op-01",
        "Old Pier Bank, client terms 9.2",
        "contract",
        "old-pier-bank",
        Freeze,
        Account,
        "*",
        "PA",
        false,
    ),
    (
        "fintech",
        "contract-hb-02",
        "Harbour Bank, client terms 9.4",
        "contract",
        "harbour-bank",
        Notify,
        Account,
        "*",
        "NL",
        false,
    ),
];

/// The authority documents of all partners, with whether each has expired by the hour of the takedown.
pub(crate) fn authorities(calendar: Calendar) -> Vec<(Authority, bool)> {
    let hour = |t: Timestamp, h: i64| t.plus_micros(h * 3_600_000_000);
    let strike = calendar.strike_day().start();
    ROWS.iter()
        .map(|&(holder, id, issuer, kind, member, instrument, class, target, place, expired)| {
            let paper = Authority {
                schema: "comity.authority/1",
                id,
                issuer,
                kind,
                holder,
                member,
                instrument,
                class,
                targets: vec![target.to_owned()],
                places: vec![place.parse().unwrap_or(Place::UNKNOWN)],
                offence: if class == Account { "money-laundering" } else { "computer-sabotage" },
                served: (kind == "order").then(|| hour(strike.plus_days(-5), 9)),
                from: strike.plus_days(if kind == "order" { -5 } else { -400 }),
                until: strike.plus_days(if expired { -1 } else { 40 }),
            };
            (paper, expired)
        })
        .collect()
}

/// Writes registers, orders, the covert list and the members.
pub(crate) fn write(folder: &Folder, calendar: Calendar) -> Result<(), ExerciseError> {
    folder.lines("company/registers/assets.ndjson", sheets())?;
    for (paper, _) in authorities(calendar) {
        folder.json(&format!("{}/authorities/{}.json", paper.holder, paper.id), &paper)?;
    }
    let covert = [server(6), Ipv4Addr::new(198, 18, 9, 40).to_string(), "quiet-lantern.example".to_owned()];
    let until = calendar.strike_day().start().plus_days(52);
    folder.lines(
        "police/covert.ndjson",
        covert.iter().map(|asset| {
            json!({"schema": "comity.covert/1", "asset": asset, "contact": "desk-7@police.example", "answer": "delay", "until": until})
        }),
    )?;
    let members: Vec<_> = COUNTRIES
        .iter()
        .filter(|c| c.region == Region::Americas)
        .enumerate()
        .map(|(i, c)| json!({"id": c.code.to_ascii_lowercase(), "name": c.name, "place": c.code, "node": i % 2 == 0}))
        .collect();
    folder.json(
        "region/members.json",
        &json!({"schema": "comity.members/1", "partner": "region", "members": members}),
    )
}
