//! The configuration: what was seized, by whose authority and until when, where we listen, and the one harmless answer.
//!
//! TOML, unknown words are errors. Bounds: a file of 4 MiB, 1,000 families, 64 listeners, an answer of 16 KiB.

use crate::{Names, Networks, SinkholeError};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use terms::Timestamp;

/// Bytes of the file.
const MOST: usize = 4 << 20;
/// Families.
const FAMILIES: usize = 1_000;
/// Listeners.
const LISTENERS: usize = 64;
/// Bytes of an answer's body.
const ANSWER: usize = 16 << 10;

/// A sinkhole (`comity.sinkhole-config/1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Always `comity.sinkhole-config/1`.
    pub schema: String,
    /// This sinkhole's own name: lower-case letters, digits, `-`.
    pub id: String,
    /// The authority under which names and addresses were seized, by its own number.
    pub authority: String,
    /// From this instant on nothing is answered any more.
    pub until: Timestamp,
    /// Zones that were seized, with everything below them.
    #[serde(default)]
    pub zones: Vec<String>,
    /// Single names that were seized.
    #[serde(default)]
    pub names: Vec<String>,
    /// Networks of known researchers.
    #[serde(default)]
    pub researchers: Vec<String>,
    /// Networks of this partner's own customers: their hits are marked.
    #[serde(default)]
    pub customers: Vec<String>,
    /// Who keeps it.
    pub custodian: Custodian,
    /// What the names resolve to.
    #[serde(default)]
    pub dns: DnsAnswer,
    /// What is said over HTTP.
    #[serde(default)]
    pub http: HttpAnswer,
    /// What is said over raw TCP and UDP.
    #[serde(default)]
    pub raw: RawAnswer,
    /// How much is borne.
    #[serde(default)]
    pub limits: Limits,
    /// Whether bodies are kept.
    #[serde(default)]
    pub payloads: Payloads,
    /// Whether victims may be told; none: no address is written, sealed or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<Notification>,
    /// Where we listen.
    #[serde(default)]
    pub listen: Vec<Listen>,
    /// How the families' bots check in.
    #[serde(default)]
    pub family: Vec<Family>,
}

/// Who keeps a sinkhole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custodian {
    /// The organisation.
    pub organisation: String,
    /// How to reach it: a mail address.
    pub contact: String,
}

/// What seized names resolve to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DnsAnswer {
    /// The address for questions of type A; without it such a question has an empty answer.
    pub v4: Option<Ipv4Addr>,
    /// The address for questions of type AAAA.
    pub v6: Option<Ipv6Addr>,
    /// Seconds for which it may be remembered.
    pub ttl: u32,
}

impl Default for DnsAnswer {
    fn default() -> Self {
        Self { v4: None, v6: None, ttl: 300 }
    }
}

/// The one answer over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// The type of its body; none where it is empty.
    pub media_type: Option<String>,
    /// Its body.
    pub body: String,
}

impl Default for HttpAnswer {
    /// `204 No Content`.
    fn default() -> Self {
        Self { status: 204, media_type: None, body: String::new() }
    }
}

/// The one answer over raw TCP and UDP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawAnswer {
    /// Bytes as hexadecimal digits; nothing is said where it is empty.
    pub hex: String,
}

/// How much is borne.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Hits a second that one source has answered, and at once.
    pub per_source: u32,
    /// As many at once.
    pub burst: u32,
    /// Questions of DNS a second that one source has answered: resolvers ask for many.
    pub questions_per_source: u32,
    /// Open connections of one source.
    pub connections_per_source: u16,
    /// Open connections of each core.
    pub connections: usize,
    /// Milliseconds that a connection may last.
    pub life_ms: u64,
    /// Bytes of a body that are read away before the answer.
    pub body: usize,
    /// Requests on one connection.
    pub requests: u16,
    /// Threads that listen; 0 is one for each core.
    pub threads: usize,
    /// Milliseconds after which the log is made durable, at most 900.
    pub commit_ms: u64,
    /// Bytes after which a segment of the log ends.
    pub segment_bytes: u64,
    /// Seconds after which it ends.
    pub segment_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_source: 20,
            burst: 100,
            questions_per_source: 1_000,
            connections_per_source: 64,
            connections: 4_096,
            life_ms: 10_000,
            body: 64 << 10,
            requests: 16,
            threads: 0,
            commit_ms: 250,
            segment_bytes: 64 << 20,
            segment_seconds: 600,
        }
    }
}

/// Whether bodies are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Payloads {
    /// The authority in the home that allows it; none: bodies are dropped unread.
    pub keep_under: Option<String>,
}

/// Under what victims are told, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// The agreement or the authority in the home that allows it, by its id or number.
    pub ground: String,
    /// From this instant on no address is written any more, and what was written has to be erased.
    pub erase: Timestamp,
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// DNS over UDP.
    DnsUdp,
    /// DNS over TCP.
    DnsTcp,
    /// HTTP.
    Http,
    /// HTTP inside TLS.
    Tls,
    /// Anything over TCP.
    Tcp,
    /// Anything over UDP.
    Udp,
}

impl Kind {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::DnsUdp => "dns-udp",
            Self::DnsTcp => "dns-tcp",
            Self::Http => "http",
            Self::Tls => "tls",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
    /// Whether it is of datagrams.
    pub const fn datagrams(self) -> bool {
        matches!(self, Self::DnsUdp | Self::Udp)
    }
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// What it speaks.
    pub kind: Kind,
    /// Address and port.
    pub at: SocketAddr,
    /// The channel that was seized with this address (`198.51.100.7:443`): what arrives here without a seized name is its.
    #[serde(default)]
    pub channel: Option<String>,
}

/// How the bots of a family check in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// The botnet.
    pub name: String,
    /// Its seized zones, names and channels of listeners.
    #[serde(default)]
    pub channels: Vec<String>,
    /// The method of its request.
    #[serde(default)]
    pub method: Option<String>,
    /// The path of its request, without query; `*` at the end stands for anything.
    #[serde(default)]
    pub path: Option<String>,
    /// Words in what its client says it is.
    #[serde(default)]
    pub agent: Option<String>,
    /// How its raw protocol begins, as hexadecimal digits.
    #[serde(default)]
    pub raw: Option<String>,
    /// Where its request carries the bot's own id: `query:NAME` or `header:NAME`. Only its pseudonym is written.
    #[serde(default)]
    pub bot: Option<String>,
}

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// CMT-1400 for what is no configuration, CMT-1401 for what cannot be done.
    pub fn read(text: &str) -> Result<Self, SinkholeError> {
        if text.len() > MOST {
            return Err(SinkholeError::Form { why: format!("it has more than {MOST} bytes") });
        }
        let config: Self = toml::from_str(text).map_err(|e| SinkholeError::Form { why: e.to_string() })?;
        config.check()?;
        Ok(config)
    }

    /// The configuration as text.
    ///
    /// # Errors
    /// CMT-1400.
    pub fn write(&self) -> Result<String, SinkholeError> {
        toml::to_string(self).map_err(|e| SinkholeError::Form { why: e.to_string() })
    }

    /// The table of what was seized, with families.
    ///
    /// # Errors
    /// CMT-1401.
    pub fn seized(&self) -> Result<Names, SinkholeError> {
        let mut names =
            Names::new(self.zones.iter().map(String::as_str), self.names.iter().map(String::as_str))?;
        for (i, family) in self.family.iter().enumerate() {
            for channel in &family.channels {
                let listened = self.listen.iter().any(|l| l.channel.as_ref() == Some(channel));
                if !names.belongs(channel, i) && !listened {
                    return Err(SinkholeError::Sense {
                        why: format!(
                            "family `{}` names `{channel}`, which is neither seized nor a listener's channel",
                            family.name
                        ),
                    });
                }
            }
        }
        Ok(names)
    }

    fn check(&self) -> Result<(), SinkholeError> {
        if self.schema != "comity.sinkhole-config/1" {
            return Err(SinkholeError::Form {
                why: format!("its schema is `{}` and not `comity.sinkhole-config/1`", cut(&self.schema)),
            });
        }
        let named = (1..=64).contains(&self.id.len())
            && self.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !named {
            return refuse(format!("`{}` is no name of a sinkhole", cut(&self.id)));
        }
        for (what, text) in [
            ("authority", &self.authority),
            ("organisation", &self.custodian.organisation),
            ("contact", &self.custodian.contact),
        ] {
            // They stand in TXT records of 255 octets, each with its label.
            if text.trim().is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
                return refuse(format!(
                    "`{what}` is empty, longer than 200 bytes or holds control characters"
                ));
            }
        }
        if let Some(notification) = &self.notification {
            let ground = &notification.ground;
            if ground.trim().is_empty() || ground.len() > 200 || ground.chars().any(char::is_control) {
                return refuse(
                    "the `ground` of `[notification]` is empty, longer than 200 bytes or holds control characters".into(),
                );
            }
        }
        if self.listen.is_empty() || self.listen.len() > LISTENERS || self.family.len() > FAMILIES {
            return refuse(format!("there are 1 to {LISTENERS} listeners and at most {FAMILIES} families"));
        }
        let channel = self.listen.iter().any(|l| l.channel.is_some());
        if self.zones.is_empty() && self.names.is_empty() && !channel {
            return refuse("nothing was seized: name a zone, a name or a listener's channel".into());
        }
        self.check_answers()?;
        self.check_limits()?;
        Networks::parse(self.researchers.iter().map(String::as_str))?;
        Networks::parse(self.customers.iter().map(String::as_str))?;
        self.seized().map(|_| ())
    }

    fn check_answers(&self) -> Result<(), SinkholeError> {
        let http = &self.http;
        let clean = |t: &str| t.bytes().all(|b| (0x20..0x7f).contains(&b));
        if !(200..=599).contains(&http.status) || !http.media_type.as_deref().is_none_or(clean) {
            return refuse("the answer over HTTP has no status of 200 to 599, or no plain media type".into());
        }
        if matches!(http.status, 204 | 304) && !http.body.is_empty() {
            return refuse(format!(
                "an answer of status {} has no body (RFC 9110 section 6.4.1)",
                http.status
            ));
        }
        // A redirect sends a bot to somebody else.
        if (300..400).contains(&http.status) {
            return refuse("a sinkhole does not send bots elsewhere: no status of 300 to 399".into());
        }
        if http.body.len() > ANSWER || self.raw.hex.len() > 2 * ANSWER || hex::decode(&self.raw.hex).is_err()
        {
            return refuse(format!(
                "an answer has more than {ANSWER} bytes, or is not of hexadecimal digits"
            ));
        }
        for family in &self.family {
            let raw = family.raw.as_deref().is_none_or(|r| !r.is_empty() && hex::decode(r).is_ok());
            let id = family.bot.as_deref().is_none_or(|b| {
                b.split_once(':').is_some_and(|(k, n)| matches!(k, "query" | "header") && !n.is_empty())
            });
            if family.name.is_empty() || family.name.len() > 64 || !raw || !id {
                return refuse(format!("family `{}` has a rule that cannot be read", cut(&family.name)));
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), SinkholeError> {
        let l = &self.limits;
        let fits = l.per_source > 0
            && l.burst > 0
            && l.questions_per_source > 0
            && l.connections_per_source > 0
            && (16..=65_536).contains(&l.connections)
            && (100..=60_000).contains(&l.life_ms)
            && l.body <= 1 << 20
            && l.requests > 0
            && l.threads <= 256
            && (10..=900).contains(&l.commit_ms)
            && (4_096..=1 << 30).contains(&l.segment_bytes)
            && (1..=86_400).contains(&l.segment_seconds);
        if fits {
            Ok(())
        } else {
            refuse("a limit is zero or too large; `docs/sinkhole.md` lists the ranges".into())
        }
    }
}

fn refuse(why: String) -> Result<(), SinkholeError> {
    Err(SinkholeError::Sense { why })
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
