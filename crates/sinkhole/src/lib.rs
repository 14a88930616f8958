//! Answers for seized names and addresses: takes a hit, says one harmless thing, writes what was seen.
//!
//! Here: the configuration ([`Config`]), names that were seized, authoritative DNS ([`dns`]), HTTP/1.x ([`http`]), TLS, raw
//! TCP and UDP; the loop of each core ([`Sinkhole`]); who asks, and why we think so ([`classify`]); the chained log
//! ([`log`], [`chain`]). Elsewhere: keys, places and what is sealed (handed in as a [`Home`]), the way of the log into
//! telemetry and the authority (`comity`), generated names and fingerprints of TLS (`botnet`).
//!
//! WALL: nothing but the configured harmless answer goes to whoever asks, and on request the declaration of who keeps this
//! sinkhole, under which authority and until when. No body, header or query of a hit is ever repeated to its sender;
//! a DNS answer repeats its question, because its protocol asks for it (RFC 1035 section 4.1.2).
//! WALL: no address of a source is written in the clear. The log holds pseudonyms under the home's key of the month; where the
//! configuration has `[notification]`, addresses of bots stand beside it, sealed to a key whose other half is not here ([`victims`]).
//! WALL: nothing is answered that cannot be made durable within a second: where the disk is full or slow, the sinkhole falls
//! silent, and says so to its operator.
//!
//! Bounds: a head of HTTP 8 KiB, a body that is read away 64 KiB, a datagram 1,232 bytes, a connection ten seconds, 4,096
//! connections and 65,536 sources that are counted for each core, 65,536 hits that wait for the log.
#![deny(missing_docs)]

pub mod chain;
pub mod classify;
mod config;
mod connection;
pub mod dns;
mod error;
mod hit;
pub mod http;
mod limit;
pub mod log;
mod names;
mod networks;
mod pending;
mod polite;
mod server;
mod sockets;
mod tls;
pub mod victims;
mod worker;

pub use config::{
    Config, Custodian, DnsAnswer, Family, HttpAnswer, Kind, Limits, Listen, Notification, Payloads, RawAnswer,
};
pub use error::SinkholeError;
pub use hit::{By, Class};
pub use names::{Names, Seized};
pub use networks::Networks;
pub use pending::Counts;
pub use polite::Declaration;
pub use server::{Home, Sinkhole, Told};

/// Microseconds since 1970, UTC, by the machine's clock.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
