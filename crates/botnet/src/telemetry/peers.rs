//! Layers of peers by mutual contacts (correlator `botnet.peer-layer`).
//!
//! Bots of one peer-to-peer layer meet the same strangers far more often than other hosts do (Coskun, Dietrich, Memon
//! 2010). A contact is an outside address with which a person's host exchanged payload in both directions over nothing
//! that a sensor recognises. Contacts of more than half of the home's hosts, and of more than 64, are popular and say
//! nothing. Two hosts belong together that share at least [`PeerOptions::min_shared`] contacts (5), which are at least a
//! fifth of those of the one that has fewer; hosts that so hang together are a layer.
//!
//! It says that hosts are in one overlay, not in whose: programs that share files look alike. Family evidence has to
//! tell.

use super::shape::{self, Shape, seconds};
use super::{Columns, Found, Telemetry, TelemetryError, Window};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use terms::{Channel, ExhibitId};

/// Name of the correlator in findings.
pub const EXAMINER: &str = "botnet.peer-layer";
const NAME: &str = "peers.contacts";
/// Hosts of one contact above which it is popular in any home.
const POPULAR: usize = 64;
/// Pairs of hosts that are held.
const MAX_PAIRS: usize = 1_000_000;
/// Least share of the contacts of the host with fewer.
const SHARE: f64 = 0.2;

/// How to look.
#[derive(Debug, Clone, Copy)]
pub struct PeerOptions {
    /// Only flows of this time.
    pub window: Window,
    /// Fewest contacts that two hosts share.
    pub min_shared: u32,
    /// Most findings.
    pub top: usize,
}

impl Default for PeerOptions {
    /// All of time, 5 shared contacts, 100 findings.
    fn default() -> Self {
        Self { window: Window::ALL, min_shared: 5, top: 100 }
    }
}

/// One host's flows with one contact.
struct Contact {
    host: usize,
    port: u16,
    transport: String,
    calls: i64,
}

#[derive(Default)]
struct Host {
    name: String,
    contacts: u32,
    first: i64,
    last: i64,
    exhibits: BTreeSet<ExhibitId>,
}

impl Telemetry {
    /// Hosts that belong to a layer of peers, as `Beacon` findings, one a host: the contact that it shares with most others is
    /// the channel, shared contacts are the connections.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn peer_layers(&self, options: &PeerOptions) -> Result<Vec<Found>, TelemetryError> {
        let window = options.window.sql("ts");
        let sql = format!(
            "SELECT remote, source, max(remote_port), max(transport), count(DISTINCT ts), min(ts), max(ts), min(exhibit)
             FROM flows
             WHERE source_personal AND NOT remote_personal AND transport IN ('tcp', 'udp') AND service IS NULL
               AND sent > 0 AND received > 0 AND {window}
             GROUP BY remote, source ORDER BY remote, source"
        );
        let all = self
            .rows(
                "peers.hosts",
                &format!("SELECT count(DISTINCT source) FROM flows WHERE source_personal AND {window}"),
                1,
                |c, i| c.int(0, i),
            )
            .await?;
        let mut layer = Layer { all: all.first().copied().unwrap_or(0) as usize, ..Layer::default() };
        self.each(NAME, &sql, &mut |batch| {
            let c = Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                layer.row(
                    c.text(0, i)?,
                    c.text(1, i)?,
                    (c.int(5, i)?, c.int(6, i)?),
                    c.exhibit(7, i)?,
                    |host| {
                        Ok(Contact {
                            host,
                            port: u16::try_from(c.int(2, i)?).unwrap_or(0),
                            transport: c.text(3, i)?.to_owned(),
                            calls: c.int(4, i)?,
                        })
                    },
                )?;
            }
            Ok(())
        })
        .await?;
        layer.end_contact();
        Ok(shape::ranked(layer.findings(options), options.top))
    }
}

#[derive(Default)]
struct Layer {
    all: usize,
    hosts: Vec<Host>,
    by_name: BTreeMap<String, usize>,
    remote: String,
    here: Vec<Contact>,
    /// Shared contacts of two hosts, the lower number first.
    shared: BTreeMap<(usize, usize), u32>,
    /// Contacts with at least two hosts: address, hosts, and with which port each spoke.
    mutual: BTreeMap<IpAddr, Vec<Contact>>,
}

impl Layer {
    fn row(
        &mut self,
        remote: &str,
        source: &str,
        span: (i64, i64),
        exhibit: ExhibitId,
        contact: impl Fn(usize) -> Result<Contact, TelemetryError>,
    ) -> Result<(), TelemetryError> {
        if remote != self.remote {
            self.end_contact();
            remote.clone_into(&mut self.remote);
        }
        let new = self.hosts.len();
        let number = *self.by_name.entry(source.to_owned()).or_insert(new);
        if number == new {
            self.hosts.push(Host { name: source.to_owned(), first: span.0, last: span.1, ..Host::default() });
        }
        if let Some(host) = self.hosts.get_mut(number) {
            host.contacts += 1;
            (host.first, host.last) = (host.first.min(span.0), host.last.max(span.1));
            if host.exhibits.len() < shape::MAX_EXHIBITS {
                host.exhibits.insert(exhibit);
            }
        }
        self.here.push(contact(number)?);
        Ok(())
    }

    fn end_contact(&mut self) {
        let here = std::mem::take(&mut self.here);
        // In a home of two hosts both may be bots: half of the home is popular only where it is more than three hosts.
        let popular = here.len() > POPULAR || (here.len() > 3 && here.len() * 2 > self.all);
        let Ok(ip) = self.remote.parse::<IpAddr>() else { return };
        if here.len() < 2 || popular || crate::prepare::nobody(ip) || crate::prepare::private(ip) {
            return;
        }
        let mut numbers: Vec<usize> = here.iter().map(|c| c.host).collect();
        numbers.sort_unstable();
        for (i, a) in numbers.iter().enumerate() {
            for b in numbers.iter().skip(i + 1) {
                let full = self.shared.len() >= MAX_PAIRS;
                match self.shared.get_mut(&(*a, *b)) {
                    Some(n) => *n += 1,
                    None if full => {}
                    None => {
                        self.shared.insert((*a, *b), 1);
                    }
                }
            }
        }
        self.mutual.insert(ip, here);
    }

    fn together(&self, pair: (usize, usize), shared: u32, options: &PeerOptions) -> bool {
        let contacts = |h: usize| self.hosts.get(h).map_or(u32::MAX, |h| h.contacts);
        let fewer = contacts(pair.0).min(contacts(pair.1));
        shared >= options.min_shared.max(1) && f64::from(shared) >= SHARE * f64::from(fewer)
    }

    fn findings(self, options: &PeerOptions) -> Vec<Found> {
        let mut friends: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (pair, shared) in &self.shared {
            if self.together(*pair, *shared, options) {
                friends.entry(pair.0).or_default().insert(pair.1);
                friends.entry(pair.1).or_default().insert(pair.0);
            }
        }
        let mut findings = Vec::new();
        for (host, with) in &friends {
            let size = reach(&friends, *host);
            // Contacts that one of its friends has too, and the one that most have.
            let (mut shared, mut best): (u64, Option<(usize, IpAddr, &Contact)>) = (0, None);
            for (ip, contacts) in &self.mutual {
                let Some(own) = contacts.iter().find(|c| c.host == *host) else { continue };
                let others = contacts.iter().filter(|c| with.contains(&c.host)).count();
                shared += u64::from(others > 0);
                if others > best.map_or(0, |b| b.0) {
                    best = Some((others, *ip, own));
                }
            }
            let (Some((_, ip, contact)), Some(host)) = (best, self.hosts.get(*host)) else { continue };
            let share = shared as f64 / f64::from(host.contacts.max(1));
            findings.extend(
                Shape {
                    examiner: EXAMINER,
                    source: host.name.clone(),
                    remote: Channel::Address { ip, port: contact.port },
                    transport: contact.transport.clone(),
                    connections: shared,
                    interval: seconds(host.last.saturating_sub(host.first)) / (contact.calls - 1).max(1) as f64,
                    score: share.min(1.0) * (1.0 - 0.5 * f64::from(options.min_shared) / (shared as f64).max(1.0)),
                    reason: format!(
                        "shares {shared} of its {} unrecognised two-way contacts outside with {} hosts, in a layer of {size}; \
                         {ip} is known to most of them",
                        host.contacts,
                        with.len()
                    ),
                    exhibits: host.exhibits.clone(),
                }
                .found(),
            );
        }
        findings
    }
}

/// Hosts that hang together with one, itself among them.
fn reach(friends: &BTreeMap<usize, BTreeSet<usize>>, from: usize) -> usize {
    let (mut seen, mut open) = (BTreeSet::from([from]), vec![from]);
    while let Some(host) = open.pop() {
        for friend in friends.get(&host).into_iter().flatten() {
            if seen.insert(*friend) {
                open.push(*friend);
            }
        }
    }
    seen.len()
}
