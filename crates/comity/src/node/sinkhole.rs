//! What a sinkhole needs of its home, and the way of its log into telemetry.
//!
//! Here: pseudonyms, places and seals for it ([`ForSinkhole`]; of addresses for notification: `victims`), whether its authority is here and holds, the configuration of a
//! plan's actions, taking its segments in. Elsewhere: listening and the log (`sinkhole`), reading segments (`botnet`).
//!
//! A sinkhole runs beside a home that others work in: it holds the home only while it begins, and while it takes segments in.

use super::error::NodeError;
use super::ingest::{Ingested, Manner, Source};
use super::keys::Keys;
use super::plan;
use super::protect::{Geo, pseudonymiser};
use super::{Node, ingest};
use evidence::custody::Act;
use privacy::{Period, Pseudonymiser};
use sinkhole::{Config, Custodian, DnsAnswer, Kind, Listen, Notification, SinkholeError};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use takedown::{Authority, Basis};
use terms::{Instrument, Obtained, Place, Timestamp};

/// Bodies of one sealed file that are opened.
const MOST_BODIES: usize = 512 << 20;

/// The home's side of a running sinkhole: keys in memory, the home itself let go.
pub struct ForSinkhole {
    keys: Arc<Keys>,
    geo: Geo,
    /// The public half to which addresses of bots are sealed, where they may be told.
    victims: Option<evidence::sealed::Recipient>,
    month: Mutex<Option<(Period, Arc<Pseudonymiser>)>>,
}

impl ForSinkhole {
    fn pseudonyms(&self, at: Timestamp) -> Arc<Pseudonymiser> {
        let period = Period::of(at);
        let mut month = self.month.lock().unwrap_or_else(PoisonError::into_inner);
        match &*month {
            Some((known, pseudonyms)) if *known == period => pseudonyms.clone(),
            _ => {
                let pseudonyms = Arc::new(pseudonymiser(&self.keys.pseudonym, at));
                *month = Some((period, pseudonyms.clone()));
                pseudonyms
            }
        }
    }
}

impl sinkhole::Home for ForSinkhole {
    fn address(&self, ip: IpAddr, at: Timestamp) -> String {
        self.pseudonyms(at).address(ip)
    }
    fn bot(&self, id: &str, at: Timestamp) -> String {
        self.pseudonyms(at).id(id)
    }
    fn locate(&self, ip: IpAddr) -> (Place, u32) {
        self.geo.locate(ip)
    }
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, String> {
        evidence::sealed::seal(&self.keys.sealing.recipient(), plain).map_err(|e| e.to_string())
    }
    fn seal_victims(&self, plain: &[u8]) -> Result<Vec<u8>, String> {
        let key = self.victims.as_ref().ok_or("this home gave no key for notification")?;
        evidence::sealed::seal(key, plain).map_err(|e| e.to_string())
    }
}

/// What `act PLAN sinkhole` is told beside the plan.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Who is asked about the sinkhole.
    pub contact: String,
    /// Addresses it listens on, and answers with.
    pub addresses: Vec<IpAddr>,
    /// Under what its bots may be told, and until when; none: no address is kept.
    pub notification: Option<Notification>,
}

impl Node {
    /// The home's side of a sinkhole; it outlives the open home.
    ///
    /// # Errors
    /// CMT-1413 where its victims are to be told, and nothing allows that.
    pub async fn for_sinkhole(&self, config: &Config) -> Result<Arc<ForSinkhole>, NodeError> {
        let (keys, geo) = (self.keys.clone(), self.geo.clone());
        let victims = self.victim_key(config).await?;
        Ok(Arc::new(ForSinkhole { keys, geo, victims, month: Mutex::default() }))
    }

    /// Refuses a configuration whose authorities are not in this home, are not in force, do not last as long, or do not name
    /// all that it answers for.
    ///
    /// # Errors
    /// CMT-1409.
    pub async fn may_sinkhole(&self, config: &Config) -> Result<(), NodeError> {
        let now = self.clock.now();
        let (all, _) = plan::documents(self).await?;
        let taking = [Instrument::Sinkhole, Instrument::Seize];
        covers(&all, &config.authority, &taking, config, now)?;
        match &config.payloads.keep_under {
            // Keeping what victims lost is more than answering: only an act that takes into custody allows it.
            Some(id) => Ok(covers(&all, id, &[Instrument::Seize], config, now)?),
            None => Ok(()),
        }
    }

    /// The configurations that a plan's sinkhole actions of this partner make: one for each authority.
    ///
    /// # Errors
    /// CMT-1123 no such plan, CMT-1410 where no such action has an authority in force, CMT-1413 where its bots are to be
    /// told and nothing allows that.
    pub async fn sinkholes_of(&self, plan_id: &str, wanted: &Wanted) -> Result<Vec<Config>, NodeError> {
        let kept = self.kept_plan(plan_id).await?;
        let plan = &kept.report.plan;
        let (all, _) = plan::documents(self).await?;
        let mut by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let ours = |a: &&takedown::Action| a.instrument == Instrument::Sinkhole && a.partner == self.partner;
        for action in plan.actions.iter().filter(ours) {
            if let Basis::InForce { authority } | Basis::ToServe { authority, .. } = &action.authority {
                by.entry(authority).or_default().push(&action.target);
            }
        }
        let mut out = Vec::new();
        for (id, targets) in by {
            let Some(authority) = all.iter().find(|a| a.id == id) else { continue };
            out.push(self.sinkhole_under(plan.id.as_str(), authority, &targets, wanted).await?);
        }
        if out.is_empty() {
            return Err(self.no_sinkhole(plan).into());
        }
        Ok(out)
    }

    /// Why there is nothing to configure, and whose the plan's sinkholes are.
    fn no_sinkhole(&self, plan: &takedown::Plan) -> SinkholeError {
        let sinkholes = || plan.actions.iter().filter(|a| a.instrument == Instrument::Sinkhole);
        let mut whose: BTreeMap<String, u64> = BTreeMap::new();
        for action in sinkholes() {
            let of = match (&action.partner, &action.member) {
                (partner, Some(member)) => format!("{partner}/{member}"),
                (partner, None) => partner.to_string(),
            };
            *whose.entry(of).or_default() += 1;
        }
        let named: Vec<String> = whose.iter().map(|(of, n)| format!("{of} ({n})")).collect();
        let why = match (named.is_empty(), sinkholes().any(|a| a.partner == self.partner)) {
            (true, _) => "the plan has no sinkhole action at all".to_owned(),
            (_, true) => "the authority for it is still to be obtained, or is not in this home".to_owned(),
            (_, false) => format!("its sinkhole actions and their authorities are of {}", named.join(", ")),
        };
        SinkholeError::NoAction { plan: plan.id.to_string(), home: self.partner.to_string(), why }
    }

    /// The configuration of one authority's sinkhole, for these targets of a plan.
    ///
    /// # Errors
    /// CMT-1401 for what cannot be done, CMT-1413 where its bots are to be told and nothing allows that.
    pub async fn sinkhole_under(
        &self,
        plan: &str,
        authority: &Authority,
        targets: &[&str],
        wanted: &Wanted,
    ) -> Result<Config, NodeError> {
        let kinds = [(Kind::DnsUdp, 53), (Kind::DnsTcp, 53), (Kind::Http, 80), (Kind::Tls, 443)];
        let at = |(kind, port)| {
            wanted.addresses.iter().map(move |ip| Listen {
                kind,
                at: SocketAddr::new(*ip, port),
                channel: None,
            })
        };
        let word: String = format!("{plan}-{}", authority.id)
            .to_ascii_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(64)
            .collect();
        let mut dns = DnsAnswer::default();
        for ip in &wanted.addresses {
            match ip {
                IpAddr::V4(v4) => dns.v4 = dns.v4.or(Some(*v4)),
                IpAddr::V6(v6) => dns.v6 = dns.v6.or(Some(*v6)),
            }
        }
        let config = Config {
            schema: "comity.sinkhole-config/1".into(),
            id: word,
            authority: authority.id.clone(),
            until: authority.until,
            zones: targets.iter().map(|t| (*t).to_owned()).collect(),
            names: Vec::new(),
            researchers: Vec::new(),
            customers: self.config.customer_networks.iter().map(ToString::to_string).collect(),
            custodian: Custodian { organisation: self.partner.to_string(), contact: wanted.contact.clone() },
            dns,
            http: Default::default(),
            raw: Default::default(),
            limits: Default::default(),
            payloads: Default::default(),
            notification: wanted.notification.clone(),
            listen: kinds.into_iter().flat_map(at).collect(),
            family: Vec::new(),
        };
        // Read as a sinkhole will read it; and whether victims may be told is said now, not only when it begins.
        let config = Config::read(&config.write()?)?;
        if let Some(n) = &config.notification {
            let now = self.ruling_clock.ruling_time(&self.state).await?;
            self.may_tell(&config, &n.ground, n.erase, now).await?;
        }
        Ok(config)
    }

    /// Takes in the segments of a sinkhole's log that ended, and the bodies it kept, and removes them there once they are
    /// acknowledged here. The chain is followed first; a segment that does not hold stays where it is.
    ///
    /// # Errors
    /// CMT-1405 where the chain does not hold; what `ingest` refuses.
    pub async fn take_in_hits(&self, folder: &Path, config: &Config) -> Result<Ingested, NodeError> {
        sinkhole::log::check(folder)?;
        let manner = Manner {
            obtained: Obtained::Voluntary,
            why: format!("sinkhole {} under {}", config.id, config.authority),
            act: Act::Seal,
            from: None,
        };
        // Before the segments: what they say of these files is gone with them.
        let mut all = self.take_in_victims(folder, &manner).await?;
        let mut found = Vec::new();
        for path in sinkhole::log::closed(folder)? {
            found.push((Source::File(path.clone()), path));
        }
        for path in sinkhole::log::kept(folder)? {
            let sealed = std::fs::read(&path).map_err(|e| NodeError::file("reading", &path, e))?;
            let opened = evidence::sealed::open(&self.keys.sealing, &sealed, MOST_BODIES);
            let bytes = opened
                .map_err(|e| NodeError::file("opening", &path, std::io::Error::other(e.to_string())))?;
            found.push((Source::Bytes(path.display().to_string(), bytes), path));
        }
        for (source, path) in found {
            let done = self.ingest(vec![source], &manner, &|_| ()).await?;
            if done.not_sealed.is_empty() {
                std::fs::remove_file(&path).map_err(|e| NodeError::file("removing", &path, e))?;
            }
            all.taken.extend(done.taken);
            all.not_sealed.extend(done.not_sealed);
        }
        // A sinkhole makes a small file with every segment. What was taken in is, whatever becomes of this.
        if let Err(e) = self.compact().await {
            tracing::warn!(
                "small telemetry files stay as they are: {e}; `comity doctor --compact` puts them together"
            );
        }
        Ok(all)
    }
}

/// Whether the authority of this number is here, in force until the configuration's end, and names all of it.
pub(super) fn covers(
    all: &[Authority],
    id: &str,
    instruments: &[Instrument],
    config: &Config,
    now: Timestamp,
) -> Result<(), SinkholeError> {
    let refuse = |why: &str| Err(SinkholeError::Authority { authority: id.to_owned(), why: why.to_owned() });
    let of: Vec<&Authority> = all.iter().filter(|a| a.id == id).collect();
    if of.is_empty() {
        return refuse("no document of this number is in this home");
    }
    let fits = |a: &&&Authority| instruments.contains(&a.instrument);
    let Some(first) = of.iter().find(fits) else {
        let words: Vec<&str> = instruments.iter().map(|i| i.word()).collect();
        return refuse(&format!("it does not allow to {}", words.join(" or ")));
    };
    if first.served.is_none_or(|s| s > now) || first.from > now || first.until <= now {
        return refuse("it was not served yet, or is not in force now");
    }
    if first.until < config.until {
        return refuse(&format!("it ends at {}, before the sinkhole does", first.until));
    }
    let channels = config.listen.iter().filter_map(|l| l.channel.as_ref());
    for name in config.zones.iter().chain(&config.names).chain(channels) {
        let bare = name.trim_end_matches('.').to_ascii_lowercase();
        // Authorities name addresses without a port.
        let address = bare.parse::<SocketAddr>().map_or_else(|_| bare.clone(), |a| a.ip().to_string());
        let named = first.targets.iter().any(|t| t == "*" || t.eq_ignore_ascii_case(&bare) || *t == address);
        if !named {
            return refuse(&format!("it does not name `{name}`"));
        }
    }
    Ok(())
}

/// Whether something of an ingest was left out; a sinkhole says so.
pub fn told(done: &ingest::Ingested) -> String {
    let left = if done.partly() { "; something could not be read: `comity ingest` lists it" } else { "" };
    format!("{} taken in, {} sightings{left}", done.taken.len(), done.rows())
}
