//! From rows as read to rows as they rest: which side is a person's, its pseudonym, its place.
//!
//! Here: the rules (DESIGN section 5, "personal data at rest"). Elsewhere: keys, declared networks and place tables,
//! which the node hands in as a [`Home`].

use crate::rows::{DnsRow, FlowRow, HitRow, Row};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use terms::{ExhibitId, Place, Timestamp};

/// What only the node knows.
pub trait Home {
    /// Whether the address lies in a declared customer network. Private ranges count without being declared.
    fn customer(&self, ip: IpAddr) -> bool;
    /// The keyed pseudonym of an address (`p:` and 32 hexadecimal digits).
    fn address(&self, ip: IpAddr) -> String;
    /// The keyed pseudonym of a bot's own id.
    fn bot(&self, id: &str) -> String;
    /// Country and autonomous system number of an address; `Place::UNKNOWN` and 0 where not known.
    fn locate(&self, ip: IpAddr) -> (Place, u32);
}

/// Row of table `flows`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedFlow {
    /// First packet, microseconds UTC.
    pub ts: i64,
    /// Who called: a pseudonym where it is a person's.
    pub source: String,
    /// Whether the source is a person's.
    pub source_personal: bool,
    /// Country of the source.
    pub source_place: Place,
    /// Autonomous system number of the source, 0 where not known.
    pub source_network: i64,
    /// Who was called: a pseudonym where it is a person's.
    pub remote: String,
    /// Whether the remote is a person's.
    pub remote_personal: bool,
    /// Port called.
    pub remote_port: i32,
    /// `tcp`, `udp`, `icmp`, `other`.
    pub transport: String,
    /// Recognised service.
    pub service: Option<String>,
    /// Microseconds from first to last packet.
    pub duration_us: Option<i64>,
    /// Payload bytes from the source.
    pub sent: i64,
    /// Payload bytes from the remote.
    pub received: i64,
    /// Zeek `conn_state`.
    pub state: Option<String>,
    /// Where the row comes from.
    pub exhibit: ExhibitId,
}

/// Row of table `dns`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedDns {
    /// When it was asked, microseconds UTC.
    pub ts: i64,
    /// Who asked: a pseudonym where it is a person's.
    pub client: String,
    /// Whether the client is a person's.
    pub client_personal: bool,
    /// Who was asked: a pseudonym where it is a person's.
    pub server: String,
    /// The name, lower case, without final dot.
    pub query: String,
    /// Type asked for.
    pub qtype: Option<String>,
    /// Response code.
    pub rcode: Option<String>,
    /// Answers, comma separated.
    pub answers: String,
    /// Where the row comes from.
    pub exhibit: ExhibitId,
}

/// Row of table `sightings`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedSighting {
    /// When it happened, microseconds UTC.
    pub event: i64,
    /// When the sensor saw it.
    pub observed: i64,
    /// When the home took it in.
    pub ingested: i64,
    /// The bot's pseudonym; the source's where the protocol carries no id, and then it is no identity.
    pub bot: String,
    /// The source's pseudonym.
    pub source: String,
    /// The botnet, where known.
    pub botnet: Option<String>,
    /// The channel's key.
    pub channel: String,
    /// Autonomous system number of the source, 0 where not known.
    pub network: i64,
    /// Country of the source.
    pub place: Place,
    /// Where the row comes from.
    pub exhibit: ExhibitId,
}

/// A row that may rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Prepared {
    /// For table `flows`.
    Flow(PreparedFlow),
    /// For table `dns`.
    Dns(PreparedDns),
    /// For table `sightings`.
    Sighting(PreparedSighting),
}

/// Applies the rules to the rows of one exhibit.
#[derive(Clone, Copy)]
pub struct Preparer<'a> {
    /// Keys, networks, places.
    pub home: &'a dyn Home,
    /// The exhibit that the rows come from.
    pub exhibit: ExhibitId,
    /// When the home took it in.
    pub ingested: Timestamp,
}

impl Preparer<'_> {
    /// Makes one row ready to rest.
    pub fn prepare(&self, row: Row) -> Prepared {
        match row {
            Row::Flow(row) => Prepared::Flow(self.flow(row)),
            Row::Dns(row) => Prepared::Dns(self.dns(row)),
            Row::Hit(row) => Prepared::Sighting(self.sighting(&row)),
        }
    }

    /// A person's are: what the home declares, private ranges, and what the sensor calls its own side.
    fn personal(&self, ip: IpAddr, local: Option<bool>) -> bool {
        !nobody(ip) && (local == Some(true) || private(ip) || self.home.customer(ip))
    }

    fn text(&self, ip: IpAddr, personal: bool) -> String {
        if personal { self.home.address(ip) } else { ip.to_string() }
    }

    fn flow(&self, row: FlowRow) -> PreparedFlow {
        let source_personal = self.personal(row.source, row.source_local);
        let remote_personal = self.personal(row.remote, row.remote_local);
        let (source_place, network) = self.home.locate(row.source);
        PreparedFlow {
            ts: row.ts,
            source: self.text(row.source, source_personal),
            source_personal,
            source_place,
            source_network: i64::from(network),
            remote: self.text(row.remote, remote_personal),
            remote_personal,
            remote_port: i32::from(row.remote_port),
            transport: row.transport.word().to_owned(),
            service: row.service,
            duration_us: row.duration,
            sent: row.sent,
            received: row.received,
            state: row.state,
            exhibit: self.exhibit,
        }
    }

    fn dns(&self, row: DnsRow) -> PreparedDns {
        let client_personal = self.personal(row.client, None);
        PreparedDns {
            ts: row.ts,
            client: self.text(row.client, client_personal),
            client_personal,
            server: self.text(row.server, self.personal(row.server, None)),
            query: row.query,
            qtype: row.qtype,
            rcode: row.rcode,
            answers: row.answers.join(","),
            exhibit: self.exhibit,
        }
    }

    /// Every source that a sinkhole sees is a victim's.
    fn sighting(&self, row: &HitRow) -> PreparedSighting {
        let (place, network) = self.home.locate(row.source);
        let source = self.home.address(row.source);
        PreparedSighting {
            event: row.event,
            observed: row.observed,
            ingested: self.ingested.0,
            bot: row.bot.as_deref().map_or_else(|| source.clone(), |id| self.home.bot(id)),
            source,
            botnet: row.botnet.clone(),
            channel: row.channel.clone(),
            network: i64::from(network),
            place,
            exhibit: self.exhibit,
        }
    }
}

/// Addresses of a house and not of the world: RFC 1918, RFC 6598 (carrier NAT), RFC 3927 and RFC 4291 link-local,
/// RFC 4193 unique local, loopback.
pub fn private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Addresses that no machine has: multicast, broadcast, unspecified.
pub fn nobody(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_multicast() || ip.is_unspecified(),
    }
}
