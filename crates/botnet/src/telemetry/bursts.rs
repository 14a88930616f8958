//! Bursts of names that do not exist (correlator `botnet.nxdomain-burst`).
//!
//! A bot that looks for its server asks for one generated name after the other until one exists. Told is a client with
//! at least [`BurstOptions::min_names`] different nonexistent names (30) under at least
//! [`BurstOptions::min_domains`] different registrable domains (20) in some ten minutes (sliding). Not by looks: words
//! joined from a dictionary burst as well. Names without a dot (a browser tests its network so), reverse lookups, and one
//! broken or searched suffix however often it is asked, do not burst.

use super::shape::{self, registrable};
use super::{Columns, Found, Telemetry, TelemetryError, Window};
use std::collections::{BTreeSet, HashMap, VecDeque};
use terms::{Confidence, ExhibitId, FindingBody, Timestamp, Unsealed};

/// Name of the correlator in findings.
pub const EXAMINER: &str = "botnet.nxdomain-burst";
const NAME: &str = "bursts.missing";
/// Time of a burst, microseconds.
const SPAN: i64 = 600_000_000;
/// Names of one span that are held; more count as so many.
const MAX_HELD: usize = 20_000;
const MAX_EXAMPLES: usize = 10;

/// How to look.
#[derive(Debug, Clone, Copy)]
pub struct BurstOptions {
    /// Only questions of this time.
    pub window: Window,
    /// Fewest different names that do not exist.
    pub min_names: usize,
    /// Fewest different registrable domains of them.
    pub min_domains: usize,
    /// Most findings.
    pub top: usize,
}

impl Default for BurstOptions {
    /// All of time, 30 names of 20 domains, 100 findings.
    fn default() -> Self {
        Self { window: Window::ALL, min_names: 30, min_domains: 20, top: 100 }
    }
}

#[derive(Default)]
struct Client {
    name: String,
    held: VecDeque<(i64, String)>,
    names: HashMap<String, u32>,
    domains: HashMap<String, u32>,
    /// Most names at once, their domains, when.
    peak: (usize, usize, i64),
    examples: Vec<String>,
    exhibits: BTreeSet<ExhibitId>,
}

impl Telemetry {
    /// Clients with a burst, largest first, as `GeneratedNames` findings: names of the largest burst, all nonexistent.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn nxdomain_bursts(&self, options: &BurstOptions) -> Result<Vec<Found>, TelemetryError> {
        let sql = format!(
            "SELECT client, ts, query, min(exhibit) FROM dns
             WHERE client IS NOT NULL AND rcode IN ('NXDOMAIN', '3') AND strpos(query, '.') > 0
               AND query NOT LIKE '%.arpa' AND {}
             GROUP BY client, ts, query ORDER BY client, ts, query",
            options.window.sql("ts")
        );
        let (mut client, mut found) = (Client::default(), Vec::new());
        self.each(NAME, &sql, &mut |batch| {
            let c = Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                if c.text(0, i)? != client.name {
                    found.extend(std::mem::take(&mut client).found(options));
                    c.text(0, i)?.clone_into(&mut client.name);
                }
                client.take(c.int(1, i)?, c.text(2, i)?, options);
                if client.exhibits.len() < shape::MAX_EXHIBITS {
                    client.exhibits.insert(c.exhibit(3, i)?);
                }
            }
            Ok(())
        })
        .await?;
        found.extend(client.found(options));
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.finding.reason.cmp(&b.1.finding.reason)));
        Ok(found.into_iter().take(options.top).map(|(_, f)| f).collect())
    }
}

fn drop_one(counts: &mut HashMap<String, u32>, key: &str) {
    if let Some(n) = counts.get_mut(key) {
        *n -= 1;
        if *n == 0 {
            counts.remove(key);
        }
    }
}

impl Client {
    fn take(&mut self, ts: i64, query: &str, options: &BurstOptions) {
        let Some((_, domain)) = registrable(query) else { return };
        while self.held.front().is_some_and(|(t, _)| ts.saturating_sub(*t) > SPAN)
            || self.held.len() >= MAX_HELD
        {
            let Some((_, old)) = self.held.pop_front() else { break };
            drop_one(&mut self.names, &old);
            if let Some((_, domain)) = registrable(&old) {
                drop_one(&mut self.domains, domain);
            }
        }
        self.held.push_back((ts, query.to_owned()));
        *self.names.entry(query.to_owned()).or_default() += 1;
        *self.domains.entry(domain.to_owned()).or_default() += 1;
        let (names, domains) = (self.names.len(), self.domains.len());
        if domains >= options.min_domains && names > self.peak.0 {
            if self.peak.0 < options.min_names && names >= options.min_names {
                let all: BTreeSet<&String> = self.names.keys().collect();
                self.examples = all.into_iter().take(MAX_EXAMPLES).cloned().collect();
            }
            self.peak = (names, domains, self.held.front().map_or(ts, |(t, _)| *t));
        }
    }

    fn found(self, options: &BurstOptions) -> Option<(usize, Found)> {
        let (names, domains, begun) = self.peak;
        if names < options.min_names.max(2) || self.exhibits.is_empty() {
            return None;
        }
        let over = 1.0 - options.min_names as f64 / (2.0 * names as f64);
        let finding = Unsealed {
            examiner: EXAMINER.to_owned(),
            version: 1,
            confidence: Confidence::new((90.0 * over).round() as u8),
            reason: format!(
                "one host asked within ten minutes from {} for {names} different names under {domains} domains that do \
                 not exist",
                Timestamp(begun)
            ),
            body: FindingBody::GeneratedNames {
                source: self.name,
                names: names as u64,
                nonexistent: names as u64,
                examples: self.examples,
            },
        };
        Some((names, Found { finding, exhibits: self.exhibits.into_iter().collect() }))
    }
}
