//! What a home knows beside its flows: channels of its samples, generated names, sinkholes, software, who owns networks.
//!
//! In this order, the first that holds:
//! 1. a known **sinkhole** is no live command and control and is left out, whatever calls it;
//! 2. an address that a configuration names as a channel has at least .95; an address that a configuration's domain or
//!    a known algorithm's name of that day (a clock may be a day off) resolved to has at least .9 and .85. Not where more
//!    than [`SHARED`] other names gave the same address: what is hosted together is not judged together;
//! 3. an address that a known **software**'s name resolved to has half;
//! 4. what is recognised and **prevalent** loses up to half: by the share of the home's hosts that call the endpoint, or
//!    half the share that calls anything recognised in its owner's network, where the home has at least five hosts. What
//!    nobody recognises loses nothing: an outbreak is prevalent too.

use crate::telemetry::{Columns, Telemetry, TelemetryError, Window, list};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use terms::{Channel, Day, Place, Timestamp};

/// Other names of one address from which it counts as shared.
pub const SHARED: usize = 8;
/// Fewest hosts of a home in which prevalence says anything.
const HOSTS: i64 = 5;
/// Addresses that are asked for by name in the statement.
const MAX_NAMED: usize = 10_000;

/// Country and autonomous system number of an address; `Place::UNKNOWN` and 0 where not known.
pub type Owner<'a> = dyn Fn(IpAddr) -> (Place, u32) + Sync + 'a;

/// What the home knows. The default is nothing.
#[derive(Clone, Copy, Default)]
pub struct Priors<'a> {
    /// Channels that samples' configurations name.
    pub channels: &'a [Channel],
    /// Names that known algorithms give, with the day on which bots ask for them.
    pub generated: &'a [(String, Day)],
    /// Addresses of known sinkholes.
    pub sinkholes: &'a [IpAddr],
    /// Domains under which known software calls its makers.
    pub software: &'a [String],
    /// Who owns an address.
    pub owner: Option<&'a Owner<'a>>,
}

impl std::fmt::Debug for Priors<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Priors({} channels, {} names)", self.channels.len(), self.generated.len())
    }
}

/// Names that gave one address.
#[derive(Default)]
struct Names {
    configured: Option<String>,
    generated: Option<String>,
    software: Option<String>,
    others: BTreeSet<String>,
}

/// The priors beside the tables.
pub(super) struct Known<'a> {
    priors: Priors<'a>,
    sinkholes: BTreeSet<IpAddr>,
    channels: BTreeMap<IpAddr, BTreeSet<u16>>,
    names: HashMap<IpAddr, Names>,
    /// Hosts that call something recognised in a network.
    networks: HashMap<u32, u64>,
}

impl<'a> Priors<'a> {
    /// Reads from the tables what the priors need of them; reads nothing where they are empty.
    pub(super) async fn look_up(
        &self,
        telemetry: &Telemetry,
        window: Window,
    ) -> Result<Known<'a>, TelemetryError> {
        let mut channels: BTreeMap<IpAddr, BTreeSet<u16>> = BTreeMap::new();
        for channel in self.channels {
            if let Channel::Address { ip, port } = channel {
                channels.entry(*ip).or_default().insert(*port);
            }
        }
        let sinkholes = self.sinkholes.iter().copied().collect();
        let names = self.names(telemetry, window).await?;
        let networks = self.networks(telemetry, window).await?;
        Ok(Known { priors: *self, sinkholes, channels, names, networks })
    }

    async fn names(
        &self,
        telemetry: &Telemetry,
        window: Window,
    ) -> Result<HashMap<IpAddr, Names>, TelemetryError> {
        const NAME: &str = "c2.names";
        let configured: BTreeSet<&str> = self.channels.iter().filter_map(Channel::name).collect();
        let mut generated: HashMap<&str, Vec<Day>> = HashMap::new();
        for (name, day) in self.generated {
            generated.entry(name).or_default().push(*day);
        }
        let mut found: HashMap<IpAddr, Names> = HashMap::new();
        if configured.is_empty() && generated.is_empty() && self.software.is_empty() {
            return Ok(found);
        }
        let sql = format!(
            "SELECT query, answers, min(ts), max(ts) FROM dns WHERE answers <> '' AND {} GROUP BY query, answers",
            window.sql("ts")
        );
        let mut take = |query: &str, answers: &str, span: (Day, Day)| {
            for ip in answers.split(',').filter_map(|a| a.trim().parse::<IpAddr>().ok()) {
                let names = found.entry(ip).or_default();
                let near = |d: &Day| d.plus(1) >= span.0 && d.plus(-1) <= span.1;
                if configured.contains(query) {
                    names.configured.get_or_insert_with(|| query.to_owned());
                } else if generated.get(query).is_some_and(|days| days.iter().any(near)) {
                    names.generated.get_or_insert_with(|| query.to_owned());
                } else if self.software.iter().any(|s| under(query, s)) {
                    names.software.get_or_insert_with(|| query.to_owned());
                } else if names.others.len() <= SHARED {
                    names.others.insert(query.to_owned());
                }
            }
        };
        telemetry
            .each(NAME, &sql, &mut |batch| {
                let c = Columns { name: NAME, batch };
                for i in 0..batch.num_rows() {
                    let span = (Timestamp(c.int(2, i)?).day(), Timestamp(c.int(3, i)?).day());
                    take(c.text(0, i)?, c.text(1, i)?, span);
                }
                Ok(())
            })
            .await?;
        Ok(found)
    }

    async fn networks(
        &self,
        telemetry: &Telemetry,
        window: Window,
    ) -> Result<HashMap<u32, u64>, TelemetryError> {
        const NAME: &str = "c2.networks";
        let Some(owner) = self.owner else { return Ok(HashMap::new()) };
        let sql = format!(
            "SELECT DISTINCT source, remote FROM flows
             WHERE source_personal AND NOT remote_personal AND service IS NOT NULL AND {} ORDER BY source",
            window.sql("ts")
        );
        let (mut counts, mut caller, mut seen) = (HashMap::new(), String::new(), BTreeSet::new());
        telemetry
            .each(NAME, &sql, &mut |batch| {
                let c = Columns { name: NAME, batch };
                for i in 0..batch.num_rows() {
                    if c.text(0, i)? != caller {
                        c.text(0, i)?.clone_into(&mut caller);
                        seen.clear();
                    }
                    let network = c.text(1, i)?.parse().map_or(0, |ip| owner(ip).1);
                    if network != 0 && seen.insert(network) {
                        *counts.entry(network).or_default() += 1;
                    }
                }
                Ok(())
            })
            .await?;
        Ok(counts)
    }
}

/// Whether a name is the domain or lies under it.
fn under(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

impl Known<'_> {
    /// Addresses that family evidence names, as SQL literals.
    pub fn addresses(&self) -> String {
        let named = self.names.iter().filter(|(_, n)| n.family()).map(|(ip, _)| *ip);
        let all: BTreeSet<String> =
            self.channels.keys().copied().chain(named).take(MAX_NAMED).map(|ip| ip.to_string()).collect();
        list(all.iter().map(String::as_str))
    }

    /// Whether family evidence names the address.
    pub fn named(&self, remote: &str) -> bool {
        let Ok(ip) = remote.parse::<IpAddr>() else { return false };
        self.channels.contains_key(&ip) || self.names.get(&ip).is_some_and(Names::family)
    }

    /// What the home knows of an endpoint.
    pub fn standing(&self, ip: IpAddr, port: u16, callers: i64, all_hosts: i64) -> Standing {
        if self.sinkholes.contains(&ip) {
            return Standing::SINKHOLE;
        }
        let (place, network) = self.priors.owner.map_or((Place::UNKNOWN, 0), |owner| owner(ip));
        let share =
            |n: i64| if all_hosts < HOSTS { 0.0 } else { (n - 1).max(0) as f64 / (all_hosts - 1) as f64 };
        let in_network = self.networks.get(&network).copied().unwrap_or(0);
        let evidence = if self.channels.get(&ip).is_some_and(|ports| ports.contains(&port)) {
            Evidence::Channel
        } else {
            self.names.get(&ip).map_or(Evidence::None, Names::evidence)
        };
        Standing {
            evidence,
            prevalence: share(callers).max(0.5 * share(in_network as i64)).min(1.0),
            network: (network != 0).then_some((place, network, in_network)),
        }
    }
}

impl Names {
    fn shared(&self) -> bool {
        self.others.len() > SHARED
    }

    fn family(&self) -> bool {
        !self.shared() && (self.configured.is_some() || self.generated.is_some())
    }

    fn evidence(&self) -> Evidence {
        match (&self.configured, &self.generated, &self.software) {
            (Some(name), _, _) if !self.shared() => Evidence::Configured(name.clone()),
            (_, Some(name), _) if !self.shared() => Evidence::Generated(name.clone()),
            (_, _, Some(name)) => Evidence::Software(name.clone()),
            _ => Evidence::None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Evidence {
    None,
    Sinkhole,
    Channel,
    Configured(String),
    Generated(String),
    Software(String),
}

/// What the home knows of one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    evidence: Evidence,
    prevalence: f64,
    network: Option<(Place, u32, u64)>,
}

impl Standing {
    /// A known sinkhole.
    pub const SINKHOLE: Self = Self { evidence: Evidence::Sinkhole, prevalence: 0.0, network: None };

    /// The score of the signs, changed by what is known.
    pub fn weigh(&self, score: f64, unknown_service: f64) -> f64 {
        let common = 1.0 - 0.5 * self.prevalence * (1.0 - unknown_service);
        match self.evidence {
            Evidence::Channel => score.max(0.95),
            Evidence::Configured(_) => score.max(0.9),
            Evidence::Generated(_) => score.max(0.85),
            Evidence::Software(_) => 0.5 * score * common,
            Evidence::Sinkhole => 0.0,
            Evidence::None => score * common,
        }
    }

    /// In words, for a reason.
    pub fn facts(&self) -> Vec<String> {
        let evidence = match &self.evidence {
            Evidence::Channel => Some("a sample's configuration names it as a channel".to_owned()),
            Evidence::Configured(name) => {
                Some(format!("`{name}` of a sample's configuration resolved to it"))
            }
            Evidence::Generated(name) => {
                Some(format!("the generated name `{name}` resolved to it on its day"))
            }
            Evidence::Software(name) => Some(format!("`{name}` of known software resolved to it")),
            Evidence::Sinkhole | Evidence::None => None,
        };
        let network = self.network.map(|(place, number, hosts)| {
            let place = if place == Place::UNKNOWN { String::new() } else { format!(" ({place})") };
            format!("in network AS{number}{place}, where {hosts} hosts call something recognised")
        });
        evidence.into_iter().chain(network).collect()
    }
}
