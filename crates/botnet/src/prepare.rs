//! From rows as read to rows as they rest: which side is a person's, its pseudonym, its place.
//!
//! Here: the rules (DESIGN section 5, "personal data at rest"). Elsewhere: keys, declared networks and place tables,
//! which the node hands in as a [`Home`].

use crate::rows::{DnsRow, FlowRow, HitRow, HttpRow, Row, SeenRow, TlsRow};
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
    /// Who asked: a pseudonym where it is a person's; none in passive DNS.
    pub client: Option<String>,
    /// Whether the client is a person's.
    pub client_personal: bool,
    /// Who was asked: a pseudonym where it is a person's; none in passive DNS.
    pub server: Option<String>,
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

/// Row of table `http`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedHttp {
    /// When it was asked, microseconds UTC.
    pub ts: i64,
    /// Who asked: a pseudonym where it is a person's.
    pub source: String,
    /// Whether the source is a person's.
    pub source_personal: bool,
    /// Who was asked: a pseudonym where it is a person's.
    pub remote: String,
    /// Whether the remote is a person's.
    pub remote_personal: bool,
    /// Port asked.
    pub remote_port: i32,
    /// Method.
    pub method: Option<String>,
    /// Host asked for; a pseudonym stands for an address that is a person's.
    pub host: Option<String>,
    /// Target without query.
    pub uri: Option<String>,
    /// Bytes of the target that were left out.
    pub uri_dropped: i64,
    /// What the client says it is.
    pub user_agent: Option<String>,
    /// The page that led here, without query.
    pub referrer: Option<String>,
    /// Version of HTTP.
    pub version: Option<String>,
    /// Status of the response.
    pub status: Option<i32>,
    /// Bytes of the request's body.
    pub sent: i64,
    /// Bytes of the response's body.
    pub received: i64,
    /// Type of the response's body.
    pub mime: Option<String>,
    /// Where the row comes from.
    pub exhibit: ExhibitId,
}

/// Row of table `tls`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedTls {
    /// When it began, microseconds UTC.
    pub ts: i64,
    /// Who called: a pseudonym where it is a person's; none in a log of certificates.
    pub source: Option<String>,
    /// Whether the source is a person's.
    pub source_personal: bool,
    /// Who was called: a pseudonym where it is a person's; none in a log of certificates.
    pub remote: Option<String>,
    /// Whether the remote is a person's.
    pub remote_personal: bool,
    /// Port called; 0 in a log of certificates.
    pub remote_port: i32,
    /// Version agreed on.
    pub version: Option<String>,
    /// Cipher suite agreed on.
    pub cipher: Option<String>,
    /// Name asked for; a pseudonym stands for an address that is a person's.
    pub sni: Option<String>,
    /// Protocol above TLS.
    pub alpn: Option<String>,
    /// JA3 of the client.
    pub ja3: Option<String>,
    /// JA3S of the server.
    pub ja3s: Option<String>,
    /// JA4 of the client.
    pub ja4: Option<String>,
    /// Which certificate the server showed.
    pub certificate: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// Its issuer.
    pub issuer: Option<String>,
    /// From when it is valid, microseconds UTC.
    pub not_before: Option<i64>,
    /// Until when it is valid.
    pub not_after: Option<i64>,
    /// Whether an earlier session was taken up again.
    pub resumed: Option<bool>,
    /// Whether the handshake came to its end.
    pub established: Option<bool>,
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
    /// For table `http`.
    Http(Box<PreparedHttp>),
    /// For table `tls`.
    Tls(Box<PreparedTls>),
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
            Row::Seen(row) => Prepared::Sighting(self.seen(*row)),
            Row::Http(row) => Prepared::Http(Box::new(self.http(*row))),
            Row::Tls(row) => Prepared::Tls(Box::new(self.tls(*row))),
        }
    }

    /// A person's are: what the home declares, private ranges, and what the sensor calls its own side.
    fn personal(&self, ip: IpAddr, local: Option<bool>) -> bool {
        !nobody(ip) && (local == Some(true) || private(ip) || self.home.customer(ip))
    }

    fn text(&self, ip: IpAddr, personal: bool) -> String {
        if personal { self.home.address(ip) } else { ip.to_string() }
    }

    /// An end that may be unknown: as it may rest, and whether it is a person's.
    fn end(&self, ip: Option<IpAddr>, local: Option<bool>) -> (Option<String>, bool) {
        let personal = ip.is_some_and(|ip| self.personal(ip, local));
        (ip.map(|ip| self.text(ip, personal)), personal)
    }

    /// A host as clients write it: where it is an address of a person's side, the pseudonym stands in its place.
    /// `known` are the ends of the same row that are a person's.
    fn host(&self, host: String, known: [Option<IpAddr>; 2]) -> String {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
                (name, Some(port))
            }
            _ => (host.as_str(), None),
        };
        let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
        // An IPv6 address without brackets ends in what looks like a port.
        let Some((ip, port)) = host
            .parse::<IpAddr>()
            .map(|ip| (ip, None))
            .or_else(|_| bare.parse::<IpAddr>().map(|ip| (ip, port)))
            .ok()
        else {
            return host;
        };
        let ip = ip.to_canonical();
        if !known.contains(&Some(ip)) && !self.personal(ip, None) {
            return host;
        }
        let pseudonym = self.home.address(ip);
        port.map_or_else(|| pseudonym.clone(), |port| format!("{pseudonym}:{port}"))
    }

    /// The same inside a target or referrer that names its host (`http://192.0.2.7/a`).
    fn hosted(&self, uri: String, known: [Option<IpAddr>; 2]) -> String {
        let Some(start) = uri.find("://").map(|at| at + 3) else { return uri };
        let end = uri.get(start..).and_then(|rest| rest.find('/')).map_or(uri.len(), |at| start + at);
        match (uri.get(..start), uri.get(start..end), uri.get(end..)) {
            (Some(before), Some(host), Some(after)) => {
                format!("{before}{}{after}", self.host(host.to_owned(), known))
            }
            _ => uri,
        }
    }

    fn http(&self, row: HttpRow) -> PreparedHttp {
        let source_personal = self.personal(row.source, row.source_local);
        let remote_personal = self.personal(row.remote, row.remote_local);
        let known =
            [Some(row.source).filter(|_| source_personal), Some(row.remote).filter(|_| remote_personal)];
        PreparedHttp {
            ts: row.ts,
            source: self.text(row.source, source_personal),
            source_personal,
            remote: self.text(row.remote, remote_personal),
            remote_personal,
            remote_port: i32::from(row.remote_port),
            method: row.method,
            host: row.host.map(|h| self.host(h, known)),
            uri: row.uri.map(|u| self.hosted(u, known)),
            uri_dropped: i64::from(row.uri_dropped),
            user_agent: row.user_agent,
            referrer: row.referrer.map(|u| self.hosted(u, known)),
            version: row.version,
            status: row.status.map(i32::from),
            sent: row.sent,
            received: row.received,
            mime: row.mime,
            exhibit: self.exhibit,
        }
    }

    fn tls(&self, row: TlsRow) -> PreparedTls {
        let (source, source_personal) = self.end(row.source, row.source_local);
        let (remote, remote_personal) = self.end(row.remote, row.remote_local);
        let known = [row.source.filter(|_| source_personal), row.remote.filter(|_| remote_personal)];
        PreparedTls {
            ts: row.ts,
            source,
            source_personal,
            remote,
            remote_personal,
            remote_port: i32::from(row.remote_port),
            version: row.version,
            cipher: row.cipher,
            sni: row.sni.map(|h| self.host(h, known)),
            alpn: row.alpn,
            ja3: row.ja3,
            ja3s: row.ja3s,
            ja4: row.ja4,
            certificate: row.certificate,
            subject: row.subject,
            issuer: row.issuer,
            not_before: row.not_before,
            not_after: row.not_after,
            resumed: row.resumed,
            established: row.established,
            exhibit: self.exhibit,
        }
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
        let (client, client_personal) = self.end(row.client, None);
        PreparedDns {
            ts: row.ts,
            client,
            client_personal,
            server: self.end(row.server, None).0,
            query: row.query,
            qtype: row.qtype,
            rcode: row.rcode,
            answers: row.answers.join(","),
            exhibit: self.exhibit,
        }
    }

    /// Pseudonymous since it was written; nothing of it is in the clear.
    fn seen(&self, row: SeenRow) -> PreparedSighting {
        PreparedSighting {
            event: row.event,
            observed: row.event,
            ingested: self.ingested.0,
            bot: row.bot.unwrap_or_else(|| row.source.clone()),
            source: row.source,
            botnet: row.botnet,
            channel: row.channel,
            network: i64::from(row.network),
            place: row.place,
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
