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
    /// Payload bytes from the source; 0 where not known.
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
    /// Who asked.
    pub client: IpAddr,
    /// Who was asked.
    pub server: IpAddr,
    /// The name: lower case, no final dot; empty where the log has none.
    pub query: String,
    /// Type asked for (`A`, `AAAA`, `TXT`).
    pub qtype: Option<String>,
    /// Response code (`NOERROR`, `NXDOMAIN`); none where no answer was seen.
    pub rcode: Option<String>,
    /// Answers as text; at most 64 of at most 300 bytes.
    pub answers: Vec<String>,
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

/// One row of any table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Row {
    /// For table `flows`.
    Flow(FlowRow),
    /// For table `dns`.
    Dns(DnsRow),
    /// For table `sightings`.
    Hit(HitRow),
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
