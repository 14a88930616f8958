//! Rows as the readers give them: addresses as they stand in the exhibit, nothing pseudonymised yet.
//!
//! Elsewhere: reading (`read`), the personal side, places and pseudonyms (the node, through `prepare`), tables (`tables`).
//! The types travel between processes in `postcard`, so no field is ever left out and no enum is tagged inside.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How a flow travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Transport {
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
    /// ICMP and ICMPv6; ports are type and code, as Zeek writes them.
    Icmp,
    /// Anything else.
    Other,
}

impl Transport {
    /// The word in tables: `tcp`, `udp`, `icmp`, `other`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Other => "other",
        }
    }
}

/// One flow: who called whom, when, how much, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowRow {
    /// First packet, microseconds UTC since 1970; small where the log counts from its own start.
    pub ts: i64,
    /// Who opened it.
    pub source: IpAddr,
    /// Its port.
    pub source_port: u16,
    /// Who was called.
    pub remote: IpAddr,
    /// Its port.
    pub remote_port: u16,
    /// Transport.
    pub transport: Transport,
    /// The service a sensor recognised in the content (`ssl`, `http`, `dns`), never guessed from a port.
    pub service: Option<String>,
    /// Microseconds from first to last packet, where known.
    pub duration: Option<i64>,
    /// Payload bytes from the source; 0 where not known. Of whole packets where a sensor counts those.
    pub sent: i64,
    /// Payload bytes from the remote; 0 where not known.
    pub received: i64,
    /// Zeek `conn_state` (`S0` no answer, `REJ` refused, `SF` complete, `OTH` middle of a connection, …).
    pub state: Option<String>,
    /// Whether the sensor says that the source is on its own side.
    pub source_local: Option<bool>,
    /// Whether the sensor says that the remote is on its own side.
    pub remote_local: Option<bool>,
}

/// One DNS question with its answer, where one was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRow {
    /// When it was asked, microseconds UTC since 1970.
    pub ts: i64,
    /// Who asked; none in passive DNS, which keeps names and no askers.
    pub client: Option<IpAddr>,
    /// Who was asked; none in passive DNS.
    pub server: Option<IpAddr>,
    /// The name: lower case, no final dot; empty where the log has none.
    pub query: String,
    /// Type asked for (`A`, `AAAA`, `TXT`).
    pub qtype: Option<String>,
    /// Response code (`NOERROR`, `NXDOMAIN`); none where no answer was seen.
    pub rcode: Option<String>,
    /// Answers as text; at most 64 of at most 300 bytes.
    pub answers: Vec<String>,
}

/// One HTTP request with its response, where one was seen (RFC 9110, RFC 9112).
///
/// Queries, fragments, path parameters and credentials in addresses are never in it (`docs/telemetry.md` says why).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRow {
    /// When it was asked, microseconds UTC since 1970.
    pub ts: i64,
    /// Who asked.
    pub source: IpAddr,
    /// Its port.
    pub source_port: u16,
    /// Who was asked.
    pub remote: IpAddr,
    /// Its port.
    pub remote_port: u16,
    /// Method (`GET`); none where only the response was seen.
    pub method: Option<String>,
    /// Field `Host`: lower case, with its port where one is written; at most 300 bytes.
    pub host: Option<String>,
    /// Target without query; at most 1,024 bytes.
    pub uri: Option<String>,
    /// Bytes of the target that were left out because they may hold personal data; 0 where nothing was.
    pub uri_dropped: u32,
    /// Field `User-Agent`; at most 512 bytes.
    pub user_agent: Option<String>,
    /// Field `Referer` without query; at most 1,024 bytes.
    pub referrer: Option<String>,
    /// Version as written (`1.1`).
    pub version: Option<String>,
    /// Status of the response.
    pub status: Option<u16>,
    /// Bytes of the request's body; 0 where not known.
    pub sent: i64,
    /// Bytes of the response's body; 0 where not known.
    pub received: i64,
    /// Type of the response's body, without parameters (`text/html`): what the sensor found, or the server says.
    pub mime: Option<String>,
    /// Whether the sensor says that the source is on its own side.
    pub source_local: Option<bool>,
    /// Whether the sensor says that the remote is on its own side.
    pub remote_local: Option<bool>,
}

/// One TLS handshake (RFC 8446, RFC 5246), or one certificate that a sensor keeps a log of its own for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsRow {
    /// When it began, microseconds UTC since 1970.
    pub ts: i64,
    /// Who called; none in a log of certificates.
    pub source: Option<IpAddr>,
    /// Its port.
    pub source_port: u16,
    /// Who was called; none in a log of certificates.
    pub remote: Option<IpAddr>,
    /// Its port.
    pub remote_port: u16,
    /// Version agreed on, as Zeek writes it (`TLSv12`); none where the server did not answer.
    pub version: Option<String>,
    /// Cipher suite agreed on: its IANA name, or its number in four hexadecimal digits.
    pub cipher: Option<String>,
    /// Name that the client asked for (RFC 6066 section 3): lower case, no final dot.
    pub sni: Option<String>,
    /// Protocol agreed on above TLS (RFC 7301), or the first that the client offers in a capture of TLS 1.3.
    pub alpn: Option<String>,
    /// JA3 of the client: 32 hexadecimal digits.
    pub ja3: Option<String>,
    /// JA3S of the server: 32 hexadecimal digits.
    pub ja3s: Option<String>,
    /// JA4 of the client.
    pub ja4: Option<String>,
    /// SHA-256 of the server's own certificate, 64 hexadecimal digits; `fuid:` and Zeek's file id, or `sha1:` and 40
    /// digits, where a log has no better.
    pub certificate: Option<String>,
    /// The certificate's subject; none for a client's certificate, which names a person.
    pub subject: Option<String>,
    /// The certificate's issuer.
    pub issuer: Option<String>,
    /// From when it is valid, microseconds UTC since 1970.
    pub not_before: Option<i64>,
    /// Until when it is valid.
    pub not_after: Option<i64>,
    /// Whether an earlier session was taken up again.
    pub resumed: Option<bool>,
    /// Whether the handshake came to its end.
    pub established: Option<bool>,
    /// Whether the sensor says that the source is on its own side.
    pub source_local: Option<bool>,
    /// Whether the sensor says that the remote is on its own side.
    pub remote_local: Option<bool>,
}

/// One hit on a sinkhole (`comity.sinkhole/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HitRow {
    /// When it happened, microseconds UTC since 1970.
    pub event: i64,
    /// When the sinkhole saw it.
    pub observed: i64,
    /// The victim's address, as it is: pseudonymise before it rests anywhere.
    pub source: IpAddr,
    /// Its port, where noted.
    pub source_port: Option<u16>,
    /// The channel's key (`terms::Channel::key`), in lower case.
    pub channel: String,
    /// The bot's own id as its protocol carries it, raw: pseudonymise before it rests anywhere.
    pub bot: Option<String>,
    /// The botnet, where the sinkhole knows it.
    pub botnet: Option<String>,
}

/// A hit that a sinkhole of this home wrote under pseudonyms (`comity.sinkhole-hit/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRow {
    /// When it came, microseconds UTC.
    pub event: i64,
    /// The source's pseudonym, under the home's key of that month.
    pub source: String,
    /// Country of the source.
    pub place: terms::Place,
    /// Autonomous system number of the source, 0 where not known.
    pub network: u32,
    /// The channel's key.
    pub channel: String,
    /// The pseudonym of the bot's own id.
    pub bot: Option<String>,
    /// The botnet, where known.
    pub botnet: Option<String>,
}

/// One row of any table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Row {
    /// For table `flows`.
    Flow(FlowRow),
    /// For table `dns`.
    Dns(DnsRow),
    /// For table `sightings`.
    Hit(HitRow),
    /// For table `http`.
    Http(Box<HttpRow>),
    /// For table `tls`.
    Tls(Box<TlsRow>),
    /// For table `sightings`, from a sinkhole that pseudonymised it.
    Seen(Box<SeenRow>),
}

impl Row {
    /// When it happened, microseconds UTC since 1970.
    pub const fn ts(&self) -> i64 {
        match self {
            Self::Flow(r) => r.ts,
            Self::Dns(r) => r.ts,
            Self::Hit(r) => r.event,
            Self::Http(r) => r.ts,
            Self::Tls(r) => r.ts,
            Self::Seen(r) => r.event,
        }
    }
}

/// Records left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Stable code of the reason (`CMT-0602`).
    pub code: String,
    /// The reason in words.
    pub reason: String,
    /// The first place, in words (`line 17`, `packet 5`).
    pub at: String,
    /// How many records; 0 where what follows is missing and nobody can count it.
    pub records: u64,
}

/// What one reading gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Rows handed over.
    pub rows: u64,
    /// What was left out, one entry a reason, in order of first place.
    pub skipped: Vec<Skipped>,
    /// Whether whoever took the rows asked to stop before the end.
    pub stopped: bool,
}
