//! Command and control inside DNS questions (correlator `botnet.dns-channel`).
//!
//! Who speaks through DNS writes what it has to say into names, each one new, under a domain of its own. For each client
//! and registrable domain:
//! - **names**: different names asked for, at least 100 (RITA version 5's default);
//! - **length**: characters left of the domain in the mean; nothing below 12, full from 44;
//! - **encoded**: the share of names whose longest label looks generated (the look of `botnet.generated-names`) or is
//!   40 characters and longer;
//! - **alone**: the share of names that no other client asked for;
//! - **types**: the share of questions for TXT, NULL and other types that carry much.
//!
//! The score is encoded × length × (.6 + .2 alone + .2 types) × (.7 + .3 of the way from 100 to 1,000 names). Told apart:
//! reverse lookups (`arpa`) are not looked at; reputation and antivirus services answer with loopback addresses (RFC
//! 5782) or are asked by half of the home's clients, five at least, each with many names; block lists are asked for
//! reversed addresses; content networks have names that are short or are asked for by others too.

use super::names::label_look;
use super::shape::{self, Shape, registrable, seconds};
use super::{Columns, Found, Telemetry, TelemetryError, Window};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use terms::{Channel, ExhibitId};

/// Name of the correlator in findings.
pub const EXAMINER: &str = "botnet.dns-channel";
const NAME: &str = "dns_channel.names";
/// Fewest clients that make a service of the house.
const CLIENTS: usize = 5;
const MAX_EXAMPLES: usize = 3;

/// How to look.
#[derive(Debug, Clone, Copy)]
pub struct DnsChannelOptions {
    /// Only questions of this time.
    pub window: Window,
    /// Fewest different names.
    pub min_names: u64,
    /// Lowest score that is told.
    pub min_score: f64,
    /// Most findings.
    pub top: usize,
}

impl Default for DnsChannelOptions {
    /// All of time, 100 names, score 0.4, 100 findings.
    fn default() -> Self {
        Self { window: Window::ALL, min_names: 100, min_score: 0.4, top: 100 }
    }
}

/// Names of one client under one domain.
#[derive(Default)]
struct Under {
    names: u64,
    questions: i64,
    carrying: i64,
    length: u64,
    encoded: u64,
    alone: u64,
    reversed: u64,
    loopback: u64,
    first: i64,
    last: i64,
    examples: Vec<String>,
    exhibits: BTreeSet<ExhibitId>,
}

impl Telemetry {
    /// Clients that seem to speak through DNS, as `Beacon` findings with the registrable domain as channel.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn dns_channels(&self, options: &DnsChannelOptions) -> Result<Vec<Found>, TelemetryError> {
        let window = options.window.sql("ts");
        let sql = format!(
            "WITH asked AS (
                SELECT DISTINCT client, query, qtype, answers, ts FROM dns
                WHERE client IS NOT NULL AND strpos(query, '.') > 0 AND query NOT LIKE '%.arpa' AND {window}),
             shared AS (SELECT query, count(DISTINCT client) AS clients FROM asked GROUP BY query),
             source AS (SELECT client, query, min(exhibit) AS exhibit FROM dns
                WHERE client IS NOT NULL AND {window} GROUP BY client, query)
             SELECT a.client, a.query, count(*),
                    count(*) FILTER (WHERE a.qtype IN ('TXT', 'NULL', 'CNAME', 'MX', 'SRV', '16', '10', '5', '15', '33')),
                    min(a.ts), max(a.ts), max(s.clients), min(x.exhibit), max(a.answers)
             FROM asked a JOIN shared s ON a.query = s.query
             JOIN source x ON a.client = x.client AND a.query = x.query
             GROUP BY a.client, a.query ORDER BY a.client, a.query"
        );
        let (mut client, mut domains) = (String::new(), HashMap::<String, Under>::new());
        let mut all: Vec<(String, String, Under)> = Vec::new();
        let mut clients = 0usize;
        let min = options.min_names.max(2);
        let mut end = |client: &mut String, domains: &mut HashMap<String, Under>| {
            let many = std::mem::take(domains).into_iter().filter(|(_, u)| u.names >= min);
            all.extend(many.map(|(domain, u)| (client.clone(), domain, u)));
        };
        self.each(NAME, &sql, &mut |batch| {
            let c = Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                if c.text(0, i)? != client {
                    end(&mut client, &mut domains);
                    c.text(0, i)?.clone_into(&mut client);
                    clients += 1;
                }
                let query = c.text(1, i)?;
                let Some((left, domain)) = registrable(query).filter(|(left, _)| !left.is_empty()) else {
                    continue;
                };
                let under = match domains.get_mut(domain) {
                    Some(under) => under,
                    None => domains.entry(domain.to_owned()).or_default(),
                };
                under.take(left, query, c.text(8, i)?, c.int(6, i)? < 2);
                under.questions += c.int(2, i)?;
                under.carrying += c.int(3, i)?;
                under.seen(c.int(4, i)?, c.int(5, i)?);
                if under.exhibits.len() < shape::MAX_EXHIBITS {
                    under.exhibits.insert(c.exhibit(7, i)?);
                }
            }
            Ok(())
        })
        .await?;
        end(&mut client, &mut domains);
        let mut askers: HashMap<String, usize> = HashMap::new();
        for (_, domain, _) in &all {
            *askers.entry(domain.clone()).or_default() += 1;
        }
        let service = |domain: &str| {
            let n = askers.get(domain).copied().unwrap_or(0);
            n >= CLIENTS && n * 2 >= clients
        };
        let found = all.into_iter().filter(|(_, domain, _)| !service(domain));
        let found = found.filter_map(|(client, domain, under)| under.found(client, &domain, options));
        Ok(shape::ranked(found.collect(), options.top))
    }
}

impl Under {
    fn take(&mut self, left: &str, query: &str, answers: &str, alone: bool) {
        let longest = left.split('.').max_by_key(|l| l.len()).unwrap_or("");
        self.names += 1;
        self.length += left.len() as u64;
        self.encoded += u64::from(longest.len() >= 40 || label_look(longest) >= 0.5);
        self.alone += u64::from(alone);
        self.reversed += u64::from(left.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        let loopback = |a: &str| a.trim().parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        self.loopback += u64::from(answers.split(',').any(loopback));
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(query.chars().take(80).collect());
        }
    }

    fn seen(&mut self, first: i64, last: i64) {
        (self.first, self.last) =
            if self.names == 1 { (first, last) } else { (self.first.min(first), self.last.max(last)) };
    }

    fn found(self, client: String, domain: &str, options: &DnsChannelOptions) -> Option<Found> {
        let n = self.names as f64;
        let share = |part: u64| part as f64 / n;
        if share(self.reversed) > 0.5 || share(self.loopback) > 0.5 {
            return None;
        }
        let length = self.length as f64 / n;
        let types = self.carrying as f64 / (self.questions as f64).max(1.0);
        let many = (n / 100.0).max(1.0).log10().min(1.0);
        let score = share(self.encoded)
            * ((length - 12.0) / 32.0).clamp(0.0, 1.0)
            * (0.6 + 0.2 * share(self.alone) + 0.2 * types)
            * (0.7 + 0.3 * many);
        if score < options.min_score {
            return None;
        }
        let span = seconds(self.last.saturating_sub(self.first));
        Shape {
            examiner: EXAMINER,
            source: client,
            remote: Channel::domain(domain),
            transport: "dns".to_owned(),
            connections: u64::try_from(self.questions).unwrap_or(0),
            interval: span / (self.questions as f64 - 1.0).max(1.0),
            score,
            reason: format!(
                "{} different names under {domain} in {:.0} min, {length:.0} characters before it in the mean, {:.0} % \
                 look encoded, {:.0} % asked for by nobody else, {:.0} % of questions for types that carry much; among them {}",
                self.names,
                span / 60.0,
                100.0 * share(self.encoded),
                100.0 * share(self.alone),
                100.0 * types,
                self.examples.join(", ")
            ),
            exhibits: self.exhibits,
        }
        .found()
    }
}
