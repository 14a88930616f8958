//! Questions before a plan: does the partner keep one of these assets covertly?
//!
//! Here: the question (`comity.question/1`, an item of a payload), the covert list (`comity.covert/1`, which never
//! leaves its home) and the answers that ride in the receipt. Elsewhere: what a plan makes of an answer (`takedown`).
//! Bounds: 10,000 assets in a question, 100,000 in a covert list, 256 characters an asset or contact.
//!
//! An answer is a hit or none, with a contact and a "delay until"; it says nothing else of a covert asset.

use crate::ExchangeError;
use crate::findings::Reporter;
use crate::payload::Item;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};
use terms::{Category, Obtained, Protection, Timestamp};

/// Media type of an item that asks.
pub const MEDIA_TYPE: &str = "application/vnd.comity.question+json";
/// Schema of a question.
pub const SCHEMA: &str = "comity.question/1";
/// Most assets of one question.
pub const MAX_ASSETS: usize = 10_000;
/// Most assets of a covert list.
pub const MAX_COVERT: usize = 100_000;
/// Largest covert list in bytes.
pub const MAX_COVERT_BYTES: usize = 64 << 20;
const MAX_TEXT: usize = 256;

/// The assets a partner asks about, before it acts against them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Always `comity.question/1`.
    pub schema: String,
    /// The assets: domain names, addresses, accounts; sorted, each once.
    pub assets: BTreeSet<String>,
}

impl Question {
    /// A question about these assets.
    ///
    /// # Errors
    /// CMT-0932 for none, too many, or one that is no name.
    pub fn new(assets: impl IntoIterator<Item = String>) -> Result<Self, ExchangeError> {
        let question = Self { schema: SCHEMA.into(), assets: assets.into_iter().collect() };
        question.check()?;
        Ok(question)
    }

    /// Reads the bytes of an item of [`MEDIA_TYPE`].
    ///
    /// # Errors
    /// CMT-0932 for anything but a question.
    pub fn parse(bytes: &[u8]) -> Result<Self, ExchangeError> {
        let question: Self = serde_json::from_slice(bytes)
            .map_err(|e| refused("the question", &format!("it does not read ({e})")))?;
        question.check()?;
        Ok(question)
    }

    fn check(&self) -> Result<(), ExchangeError> {
        if self.schema != SCHEMA {
            return Err(refused("the question", "its schema is not `comity.question/1`"));
        }
        if self.assets.is_empty() || self.assets.len() > MAX_ASSETS || !self.assets.iter().all(|a| fits(a)) {
            return Err(refused("the question", "it needs 1 to 10,000 assets of 1 to 256 characters"));
        }
        Ok(())
    }

    /// The question as an item of a payload: criminals' infrastructure, in clear.
    ///
    /// # Errors
    /// CMT-0932 if it does not serialise.
    pub fn item(&self, name: &str) -> Result<Item, ExchangeError> {
        Ok(Item {
            name: name.into(),
            media_type: MEDIA_TYPE.into(),
            categories: BTreeSet::from([Category::C2Infrastructure]),
            protection: Protection::Clear,
            obtained: Obtained::Requested,
            records: self.assets.len() as u64,
            bytes: serde_json::to_vec(self).map_err(|e| refused("the question", &e.to_string()))?,
            labels: Vec::new(),
        })
    }
}

/// The answer on one asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeconflictionAnswer {
    /// The asset as it was asked.
    pub asset: String,
    /// Whether the partner has a stake in it.
    pub hit: bool,
    /// Whom to speak to. Only with a hit.
    pub contact: Option<String>,
    /// Until when not to act. Only with a hit.
    pub until: Option<Timestamp>,
}

/// What the home says of one covert asset when a partner asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Say {
    /// Not before `until`, and speak to us.
    Delay,
    /// Speak to us.
    Contact,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CovertLine {
    schema: String,
    asset: String,
    contact: String,
    answer: Say,
    #[serde(default)]
    until: Option<Timestamp>,
}

/// The assets a home keeps covertly. It shows none of them but in an answer.
#[derive(Default)]
pub struct CovertList {
    assets: BTreeMap<String, CovertLine>,
}

impl std::fmt::Debug for CovertList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CovertList of {}", self.assets.len())
    }
}

impl CovertList {
    /// Reads a covert list. One bad line refuses the whole list: an asset that is left out would be struck.
    ///
    /// # Errors
    /// CMT-0932 with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, ExchangeError> {
        if bytes.len() > MAX_COVERT_BYTES {
            return Err(refused("the covert list", "it is larger than 64 MiB"));
        }
        let mut list = Self::default();
        for (index, line) in bytes.split(|&b| b == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let bad = |why: &str| refused("the covert list", &format!("line {}: {why}", index + 1));
            let line: CovertLine =
                serde_json::from_slice(line).map_err(|e| bad(&format!("it does not read ({e})")))?;
            if line.schema != "comity.covert/1" || !fits(&line.asset) || !fits(&line.contact) {
                return Err(bad("it needs the schema `comity.covert/1`, an asset and a contact"));
            }
            if line.answer == Say::Delay && line.until.is_none() {
                return Err(bad("a delay needs its `until`"));
            }
            if list.assets.len() >= MAX_COVERT {
                return Err(bad("more than 100,000 assets"));
            }
            if list.assets.insert(plain(&line.asset), line).is_some() {
                return Err(bad("the asset stands twice"));
            }
        }
        Ok(list)
    }

    /// Adds the assets of another list; of two lines on one asset the later stays.
    pub fn add(&mut self, other: Self) {
        self.assets.extend(other.assets);
    }

    /// How many assets it holds.
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }

    /// The answer on every asset of the question, in its order. An address is found with or without its port, a domain
    /// also by a name below it. A delay that is over is still a hit, with its `until` in the past: an asset does not
    /// become an enemy's because a date went by.
    pub fn answer(&self, question: &Question) -> Vec<DeconflictionAnswer> {
        question.assets.iter().map(|asset| self.answer_one(asset)).collect()
    }

    fn answer_one(&self, asset: &str) -> DeconflictionAnswer {
        let hit = self.find(&plain(asset));
        DeconflictionAnswer {
            asset: asset.to_owned(),
            hit: hit.is_some(),
            contact: hit.map(|line| line.contact.clone()),
            until: hit.filter(|line| line.answer == Say::Delay).and_then(|line| line.until),
        }
    }

    fn find(&self, asset: &str) -> Option<&CovertLine> {
        if asset.parse::<IpAddr>().is_ok() {
            return self.assets.get(asset);
        }
        let mut name = asset;
        loop {
            if let Some(line) = self.assets.get(name) {
                return Some(line);
            }
            name = name.split_once('.')?.1;
        }
    }
}

/// One spelling of an asset: lower case, an address without its port, a name without a final dot.
fn plain(asset: &str) -> String {
    let asset = asset.trim().to_ascii_lowercase();
    if let Ok(socket) = asset.parse::<SocketAddr>() {
        return socket.ip().to_string();
    }
    match asset.parse::<IpAddr>() {
        Ok(ip) => ip.to_string(),
        Err(_) => asset.trim_end_matches('.').to_owned(),
    }
}

fn fits(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn refused(what: &'static str, why: &str) -> ExchangeError {
    ExchangeError::Question { what, why: why.into() }
}

/// The finding that a covert list arrived: how long it is, and nothing of what it holds.
pub(crate) fn covert_finding(bytes: &[u8], report: &mut Reporter<'_>) {
    match CovertList::parse(bytes) {
        Ok(list) => {
            report.count();
            report.state(
                terms::Confidence::new(100),
                format!(
                    "A covert list of {} assets; it answers partners' questions and is shown to nobody.",
                    list.len()
                ),
                terms::FindingBody::Format {
                    kind: terms::ExhibitKind::CovertList,
                    features: vec![("assets".into(), list.len().to_string())],
                },
            );
        }
        Err(e) => report.unreadable("CMT-0932", "the covert list".into(), &e.to_string()),
    }
}
