//! Fast flux: one name, many short-lived addresses in many people's networks (correlator `botnet.fast-flux`).
//!
//! A fast-flux name is served by infected machines: its addresses lie in many networks, each stays for a short time, and
//! new ones keep coming (Holz, Gorecki, Rieck, Freiling 2008). For each name that was asked for:
//! - **addresses**: different ones in its answers, at least 12;
//! - **networks**: different owners of them, at least 5; a content network has few, its own. Where the home cannot say who
//!   owns an address, the first 16 bits (32 of IPv6) stand in, and twice as many are asked for;
//! - **short-lived**: the mean share of the name's time in which an address was seen. A content network's addresses come
//!   again all day. At most .3;
//! - **growing**: the share of addresses that were first seen in the second half of the name's time. A pool of servers
//!   is known by then. At least .25.
//!
//! A name must have been asked for over at least [`FluxOptions::min_span`], three hours. Content networks with thousands of
//! addresses of few owners, and round robins of many owners (pools of time servers), are so told apart: of the latter
//! only where the pool is known by half time or its members come again.

use super::c2::priors::Owner;
use super::shape::{self, Shape, seconds};
use super::{Columns, Found, Telemetry, TelemetryError, Window};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use terms::{Channel, ExhibitId};

/// Name of the correlator in findings.
pub const EXAMINER: &str = "botnet.fast-flux";
const NAME: &str = "flux.answers";
/// Addresses of one name that are held.
const MAX_ADDRESSES: usize = 50_000;

/// How to look.
#[derive(Clone, Copy)]
pub struct FluxOptions<'a> {
    /// Only questions of this time.
    pub window: Window,
    /// Fewest addresses.
    pub min_addresses: usize,
    /// Fewest networks.
    pub min_networks: usize,
    /// Shortest time over which the name was asked for, microseconds.
    pub min_span: i64,
    /// Who owns an address.
    pub owner: Option<&'a Owner<'a>>,
    /// Most findings.
    pub top: usize,
}

impl std::fmt::Debug for FluxOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FluxOptions({} addresses, {} networks)", self.min_addresses, self.min_networks)
    }
}

impl Default for FluxOptions<'_> {
    /// All of time, 12 addresses of 5 networks over three hours, owners not known, 100 findings.
    fn default() -> Self {
        Self {
            window: Window::ALL,
            min_addresses: 12,
            min_networks: 5,
            min_span: 10_800_000_000,
            owner: None,
            top: 100,
        }
    }
}

#[derive(Default)]
struct Name {
    name: String,
    asker: Option<String>,
    questions: u64,
    /// First and last time of each address.
    addresses: BTreeMap<IpAddr, (i64, i64)>,
    exhibits: BTreeSet<ExhibitId>,
}

impl Telemetry {
    /// Names in fast flux, as `Beacon` findings with the name as channel, its addresses as connections and the median
    /// seconds for which one was seen as interval. The source is one of the askers; none in passive DNS.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn fast_flux(&self, options: &FluxOptions<'_>) -> Result<Vec<Found>, TelemetryError> {
        let sql = format!(
            "SELECT query, answers, ts, min(client), min(exhibit) FROM dns
             WHERE answers <> '' AND query NOT LIKE '%.arpa' AND {}
             GROUP BY query, answers, ts ORDER BY query, ts, answers",
            options.window.sql("ts")
        );
        let (mut name, mut found) = (Name::default(), Vec::new());
        self.each(NAME, &sql, &mut |batch| {
            let c = Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                if c.text(0, i)? != name.name {
                    found.extend(std::mem::take(&mut name).found(options));
                    c.text(0, i)?.clone_into(&mut name.name);
                }
                let ts = c.int(2, i)?;
                name.questions += 1;
                for ip in c.text(1, i)?.split(',').filter_map(|a| a.trim().parse::<IpAddr>().ok()) {
                    let room = name.addresses.len() < MAX_ADDRESSES;
                    if let Some(seen) = name.addresses.get_mut(&ip) {
                        seen.1 = seen.1.max(ts);
                    } else if room {
                        name.addresses.insert(ip, (ts, ts));
                    }
                }
                if name.asker.is_none() {
                    name.asker = c.maybe(3, i)?.map(str::to_owned);
                }
                if name.exhibits.len() < shape::MAX_EXHIBITS {
                    name.exhibits.insert(c.exhibit(4, i)?);
                }
            }
            Ok(())
        })
        .await?;
        found.extend(name.found(options));
        Ok(shape::ranked(found, options.top))
    }
}

/// What stands in for an owner.
fn prefix(ip: IpAddr) -> u32 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip) >> 16,
        IpAddr::V6(ip) => (u128::from(ip) >> 96) as u32,
    }
}

impl Name {
    fn found(self, options: &FluxOptions<'_>) -> Option<Found> {
        let n = self.addresses.len();
        let public = |ip: &IpAddr| !crate::prepare::private(*ip) && !crate::prepare::nobody(*ip);
        if n < options.min_addresses.max(2) || !self.addresses.keys().all(public) {
            return None;
        }
        let first = self.addresses.values().map(|s| s.0).min()?;
        let last = self.addresses.values().map(|s| s.1).max()?;
        let span = last.saturating_sub(first);
        if span < options.min_span.max(1) {
            return None;
        }
        let owned: BTreeSet<u32> = self
            .addresses
            .keys()
            .filter_map(|ip| options.owner.map(|o| o(*ip).1))
            .filter(|n| *n != 0)
            .collect();
        let (networks, asked, word) = if owned.is_empty() {
            let all: BTreeSet<u32> = self.addresses.keys().map(|ip| prefix(*ip)).collect();
            (all.len(), 2 * options.min_networks, "neighbourhoods (owners are not known)")
        } else {
            (owned.len(), options.min_networks, "networks")
        };
        let mut lives: Vec<i64> = self.addresses.values().map(|(a, b)| b.saturating_sub(*a)).collect();
        lives.sort_unstable();
        let share = lives.iter().map(|l| *l as f64).sum::<f64>() / n as f64 / span as f64;
        let middle = first.saturating_add(span / 2);
        let late = self.addresses.values().filter(|s| s.0 >= middle).count() as f64 / n as f64;
        if networks < asked || share > 0.3 || late < 0.25 {
            return None;
        }
        let life = seconds(lives.get(n / 2).copied().unwrap_or(0));
        Shape {
            examiner: EXAMINER,
            source: self.asker.unwrap_or_default(),
            remote: Channel::domain(&self.name),
            transport: "dns".to_owned(),
            connections: n as u64,
            interval: life,
            score: (1.0 - share) * (0.5 + 0.5 * (networks as f64 / n as f64)) * (0.5 + late.min(0.5)),
            reason: format!(
                "`{}` had {n} addresses in {networks} {word} over {:.1} h, each seen for {:.0} min in the middle, \
                 {:.0} % of them first in the second half",
                self.name,
                seconds(span) / 3_600.0,
                life / 60.0,
                100.0 * late
            ),
            exhibits: self.exhibits,
        }
        .found()
    }
}
