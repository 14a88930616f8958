//! One hit as it waits for the log, and its line.
//!
//! A source's address is in memory only, until the line is made: what is written is its pseudonym.
//! The line (`comity.sinkhole-hit/1`) holds the second-exact time and the source port beside the pseudonym, because a provider
//! behind shared addresses finds its customer by these (RFC 6302); without the home's key they say nothing.

use serde::Serialize;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use terms::{Place, Timestamp};

/// Who asks, as far as rules can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A bot: only these become sightings.
    Bot,
    /// A search engine, scanner or other machine that asks everybody.
    Crawler,
    /// A researcher of a declared network.
    Researcher,
    /// A resolver that asks for others.
    Resolver,
    /// Nothing that the rules know.
    Other,
}

impl Class {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Crawler => "crawler",
            Self::Researcher => "researcher",
            Self::Resolver => "resolver",
            Self::Other => "other",
        }
    }
}

/// By which protocol a hit came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// A question of DNS.
    Dns,
    /// A request over HTTP.
    Http,
    /// A request over HTTP inside TLS.
    Https,
    /// A handshake of TLS without a request.
    Tls,
    /// Anything over TCP.
    Tcp,
    /// Anything over UDP.
    Udp,
}

impl By {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Http => "http",
            Self::Https => "https",
            Self::Tls => "tls",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A hit that waits for the log.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub at: i64,
    pub source: IpAddr,
    pub port: u16,
    pub by: By,
    /// The seized name or address; none where nothing of ours was named.
    pub channel: Option<Arc<str>>,
    pub class: Class,
    pub why: &'static str,
    pub botnet: Option<Arc<str>>,
    /// The bot's own id in the clear: it gets a pseudonym before it is written.
    pub bot: Option<Box<str>>,
    /// Method and path, or the type of a question.
    pub asked: Option<Box<str>>,
    pub agent: Option<Box<str>>,
    /// Bytes of the body or datagram.
    pub bytes: u64,
    pub customer: bool,
    /// Questions that this one line stands for.
    pub times: u32,
    pub payload: Option<Box<[u8]>>,
}

/// What the log knows of a source when it writes.
pub(crate) struct Source<'a> {
    pub pseudonym: &'a str,
    pub place: Place,
    pub network: u32,
    pub bot: Option<&'a str>,
    /// SHA-256 of a body that is kept, as hexadecimal digits.
    pub kept: Option<&'a str>,
}

/// Writes times, remembering the last second.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    second: Option<i64>,
    text: String,
}

impl Stamps {
    /// RFC 3339, UTC, with six digits of microseconds.
    pub fn write(&mut self, at: i64, out: &mut Vec<u8>) {
        let second = at.div_euclid(1_000_000);
        if self.second != Some(second) {
            self.text = Timestamp(second.saturating_mul(1_000_000)).to_string();
            self.text.pop();
            self.second = Some(second);
        }
        // Writing into memory does not fail.
        let _ = write!(out, "{}.{:06}Z", self.text, at.rem_euclid(1_000_000));
    }
}

/// Text as JSON.
pub(crate) fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    out.extend_from_slice(key.as_bytes());
    let plain = value.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    } else {
        // Writing into memory does not fail.
        let _ = serde_json::to_writer(out, value);
    }
}

impl Hit {
    /// Appends the line.
    pub fn line(&self, source: &Source<'_>, stamps: &mut Stamps, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"schema\":\"comity.sinkhole-hit/1\",\"event\":\"");
        stamps.write(self.at, out);
        text(out, "\",\"source\":", source.pseudonym);
        // Writing into memory does not fail.
        let _ = write!(
            out,
            ",\"port\":{},\"place\":\"{}\",\"network\":{}",
            self.port, source.place, source.network
        );
        text(out, ",\"by\":", self.by.word());
        text(out, ",\"class\":", self.class.word());
        text(out, ",\"why\":", self.why);
        let optional = [
            (",\"channel\":", self.channel.as_deref()),
            (",\"botnet\":", self.botnet.as_deref()),
            (",\"bot\":", source.bot),
            (",\"asked\":", self.asked.as_deref()),
            (",\"agent\":", self.agent.as_deref()),
            (",\"kept\":", source.kept),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                text(out, key, value);
            }
        }
        if self.bytes > 0 {
            let _ = write!(out, ",\"bytes\":{}", self.bytes);
        }
        if self.times > 1 {
            let _ = write!(out, ",\"times\":{}", self.times);
        }
        if self.customer {
            out.extend_from_slice(b",\"customer\":true");
        }
        out.extend_from_slice(b"}\n");
    }
}
