//! Who asks: bot, crawler or researcher, by rules with reasons. The first rule that fits decides.
//!
//! 1. a declared network of researchers is a researcher's;
//! 2. who asks for the declaration or for `robots.txt` is no bot;
//! 3. what fits the check-in of the family whose channel was asked is that family's bot, whatever it calls itself;
//! 4. what calls itself a search engine, scanner or tool is a crawler;
//! 5. what asks a channel of a family whose check-in is known, and does not fit it, is *other*: it is not counted;
//! 6. what asks a seized channel of which no check-in is known is a bot;
//! 7. the rest is *other*.
//!
//! A rule errs where a bot imitates a search engine without its family's check-in being configured, and where a person
//! types a seized name: the reason stands with every hit, so that a later reader can judge anew.

use crate::config::Family;
use crate::{Class, Networks, SinkholeError};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Words by which crawlers and scanners name themselves, in lower case.
const CRAWLERS: [&str; 29] = [
    "googlebot",
    "bingbot",
    "yandex",
    "baiduspider",
    "duckduckbot",
    "applebot",
    "petalbot",
    "ahrefs",
    "semrush",
    "mj12bot",
    "dotbot",
    "facebookexternalhit",
    "ccbot",
    "gptbot",
    "bytespider",
    "crawler",
    "spider",
    "masscan",
    "zgrab",
    "nmap",
    "censys",
    "shodan",
    "internet-measurement",
    "nuclei",
    "nikto",
    "l9explore",
    "python-requests",
    "curl/",
    "wget/",
];
/// Distinct clients whose words are remembered; the memory begins anew above.
const REMEMBERED: usize = 1_024;

/// The path under which a sinkhole says who keeps it.
pub const DECLARATION: &str = "/.well-known/sinkhole";

/// What was asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// From where.
    pub source: IpAddr,
    /// Whether a seized name or channel was asked.
    pub seized: bool,
    /// The family of that channel, by its place in the configuration.
    pub family: Option<usize>,
    /// Method of a request, empty otherwise.
    pub method: &'a str,
    /// Path of a request without query, empty otherwise.
    pub path: &'a str,
    /// What the client says it is.
    pub agent: &'a str,
    /// First bytes over raw TCP and UDP.
    pub raw: &'a [u8],
}

/// What the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Who.
    pub class: Class,
    /// Why.
    pub why: &'static str,
    /// The botnet.
    pub botnet: Option<Arc<str>>,
    /// Whether the check-in of its family was met: then its bot id is read.
    pub fits: bool,
}

/// The rules.
#[derive(Debug)]
pub struct Rules {
    researchers: Networks,
    families: Vec<Rule>,
    agents: HashMap<Box<str>, bool>,
}

#[derive(Debug)]
struct Rule {
    name: Arc<str>,
    method: Option<String>,
    path: Option<String>,
    agent: Option<String>,
    raw: Option<Vec<u8>>,
}

impl Rule {
    /// Whether anything is known of how it checks in.
    fn known(&self) -> bool {
        self.method.is_some() || self.path.is_some() || self.agent.is_some() || self.raw.is_some()
    }

    fn fits(&self, asked: &Asked<'_>) -> bool {
        let request = self.method.is_some() || self.path.is_some() || self.agent.is_some();
        if asked.method.is_empty() {
            return self.raw.as_ref().is_some_and(|r| asked.raw.starts_with(r));
        }
        request
            && self.method.as_deref().is_none_or(|m| m == asked.method)
            && self.agent.as_deref().is_none_or(|a| asked.agent.contains(a))
            && self.path.as_deref().is_none_or(|p| match p.strip_suffix('*') {
                Some(start) => asked.path.starts_with(start),
                None => p == asked.path,
            })
    }
}

impl Rules {
    /// Rules for these researchers and families.
    ///
    /// # Errors
    /// CMT-1401.
    pub fn new(researchers: &[String], families: &[Family]) -> Result<Self, SinkholeError> {
        let rule = |f: &Family| Rule {
            name: f.name.as_str().into(),
            method: f.method.clone(),
            path: f.path.clone(),
            agent: f.agent.clone(),
            raw: f.raw.as_deref().and_then(|r| hex::decode(r).ok()),
        };
        Ok(Self {
            researchers: Networks::parse(researchers.iter().map(String::as_str))?,
            families: families.iter().map(rule).collect(),
            agents: HashMap::new(),
        })
    }

    /// Who asks.
    pub fn judge(&mut self, asked: &Asked<'_>) -> Verdict {
        let rule = asked.family.and_then(|f| self.families.get(f));
        let botnet = rule.map(|r| r.name.clone());
        let fits = rule.is_some_and(|r| r.fits(asked));
        let known = rule.is_some_and(Rule::known);
        let say = |class, why| Verdict { class, why, botnet: botnet.clone(), fits };
        if self.researchers.hold(asked.source) {
            return say(Class::Researcher, "its network is declared a researcher's");
        }
        if asked.path == DECLARATION {
            return say(Class::Other, "it asks who keeps this sinkhole");
        }
        if asked.path == "/robots.txt" {
            return say(Class::Crawler, "it asks for robots.txt");
        }
        if fits {
            return say(Class::Bot, "it fits its family's check-in");
        }
        if self.crawls(asked.agent) {
            return say(Class::Crawler, "it calls itself a crawler, scanner or tool");
        }
        match (asked.seized, known) {
            (true, true) => {
                say(Class::Other, "it asks a seized channel and does not fit its family's check-in")
            }
            (true, false) => say(Class::Bot, "it asks a seized channel of which no check-in is known"),
            (false, _) => say(Class::Other, "it names nothing that was seized"),
        }
    }

    fn crawls(&mut self, agent: &str) -> bool {
        if agent.is_empty() {
            return false;
        }
        if let Some(known) = self.agents.get(agent) {
            return *known;
        }
        if self.agents.len() >= REMEMBERED {
            self.agents.clear();
        }
        let lower = agent.to_ascii_lowercase();
        let crawls = CRAWLERS.iter().any(|w| lower.contains(w));
        self.agents.insert(agent.into(), crawls);
        crawls
    }
}
