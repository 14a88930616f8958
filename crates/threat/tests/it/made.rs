//! Findings made for tests.

use terms::{
    AssetClass, AssetSheet, Channel, Confidence, Day, DgaSpec, ExhibitId, Finding, FindingBody, Standing,
    Unsealed,
};
use threat::Horizon;

pub fn horizon() -> Horizon {
    Horizon { from: "2026-03-02".parse().unwrap(), days: 16 }
}
pub fn day(n: i32) -> Day {
    horizon().from.plus(n)
}
pub fn exhibit(name: &str) -> ExhibitId {
    ExhibitId::of(name.as_bytes())
}
pub fn finding(exhibit_: &str, body: FindingBody) -> Finding {
    let confidence = Confidence::new(80);
    Unsealed { examiner: "test".into(), version: 1, confidence, reason: "made".into(), body }
        .seal(vec![exhibit(exhibit_)])
}
pub fn spec() -> DgaSpec {
    DgaSpec { algorithm: "harbour-1".into(), seed: 7, per_day: 40, suffixes: vec!["com.example".into()] }
}
pub fn address(ip: &str) -> Channel {
    Channel::Address { ip: ip.parse().unwrap(), port: 4443 }
}
pub fn configuration(sample: &str, family: &str, channels: &[Channel], dga: Option<DgaSpec>) -> Finding {
    let (family, channels) = (family.to_owned(), channels.to_vec());
    finding(
        sample,
        FindingBody::Configuration {
            family,
            campaign: Some("spring-tide".into()),
            variant: None,
            channels,
            dga,
            values: Vec::new(),
        },
    )
}
pub fn beacon(remote: Channel, score: f64) -> Finding {
    beacon_from("p:1", remote, score)
}
pub fn beacon_from(source: &str, remote: Channel, score: f64) -> Finding {
    let body = FindingBody::Beacon {
        source: source.into(),
        remote,
        transport: "tcp".into(),
        connections: 100,
        interval: 60.0,
        score,
    };
    finding("flows", body)
}
pub fn activity(channel: Channel, on: Day, bots: u64) -> Finding {
    let places = vec![("DE".parse().unwrap(), bots)];
    finding(
        "sinkhole",
        FindingBody::Activity { channel, day: on, bots, addresses: bots.saturating_mul(2), places },
    )
}
pub fn names(source: &str, nonexistent: u64, examples: &[&str]) -> Finding {
    let examples = examples.iter().map(|e| (*e).to_owned()).collect();
    let body =
        FindingBody::GeneratedNames { source: source.into(), names: nonexistent + 1, nonexistent, examples };
    finding("dns", body)
}
pub fn similar(a: &str, b: &str, distance: u32) -> Finding {
    finding(a, FindingBody::Similar { other: exhibit(b), distance })
}
pub fn indicator(value: &str) -> Finding {
    finding("list", FindingBody::Indicator { kind: "domain".into(), value: value.into(), label: None })
}
pub fn sheet(asset: &str, standing: Standing) -> Finding {
    let sheet = AssetSheet {
        schema: "comity.asset/1".into(),
        asset: asset.into(),
        class: AssetClass::Server,
        place: "DE".parse().unwrap(),
        standing,
        holder: "Quayside Hosting".into(),
        tenants: 0,
        source: "answer of the hoster".into(),
    };
    finding("register", FindingBody::Asset { sheet })
}
pub fn account(account: &str, role: &str, cents: i64) -> Finding {
    let (account, institution, role) = (account.to_owned(), "harbour-bank".to_owned(), role.to_owned());
    finding("accounts", FindingBody::Account { account, institution, role, cents })
}
