//! What of a row is a person's, under which key it is hidden, and where it comes from.
//!
//! Here: the node's side of `botnet::prepare`. Elsewhere: the cipher (`privacy`), which row has which sides (`botnet`).

use super::error::NodeError;
use botnet::prepare::Home;
use maxminddb::Reader;
use privacy::customer::Networks;
use privacy::{Key, Period, Pseudonymiser};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use terms::{Place, Timestamp};

/// Distinct addresses whose pseudonym and place are remembered; the cache begins anew above.
const CACHE: usize = 200_000;

/// Country and network of an address, from the operator's own file.
#[derive(Clone)]
pub struct Geo(Option<Arc<Reader<Vec<u8>>>>);

#[derive(serde::Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    country: Option<Country<'a>>,
    #[serde(borrow)]
    country_code: Option<&'a str>,
    autonomous_system_number: Option<u32>,
}

#[derive(serde::Deserialize)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

impl Geo {
    /// Knows no place.
    pub fn none() -> Self {
        Self(None)
    }

    /// Whether there is a file that knows places.
    pub fn knows(&self) -> bool {
        self.0.is_some()
    }

    /// Reads an MMDB file (MaxMind DB 2.0) whole.
    pub fn open(file: &Path) -> Result<Self, NodeError> {
        let refuse = |why: String| NodeError::Geo { path: file.display().to_string(), why };
        let bytes = std::fs::read(file).map_err(|e| refuse(e.to_string()))?;
        let reader = Reader::from_source(bytes).map_err(|e| refuse(e.to_string()))?;
        Ok(Self(Some(Arc::new(reader))))
    }

    /// Country and autonomous system number; `ZZ` and 0 where the file does not say.
    pub fn locate(&self, ip: IpAddr) -> (Place, u32) {
        let unknown = (Place::UNKNOWN, 0);
        let Some(reader) = &self.0 else { return unknown };
        let Ok(found) = reader.lookup(ip) else { return unknown };
        let Ok(Some(record)) = found.decode::<Record<'_>>() else { return unknown };
        let code = record.country.and_then(|c| c.iso_code).or(record.country_code);
        (
            code.and_then(|c| c.parse().ok()).unwrap_or(Place::UNKNOWN),
            record.autonomous_system_number.unwrap_or(0),
        )
    }
}

/// One reading's view of keys, networks and places. Pseudonyms are under the home's key of the period of `at`.
pub struct Protection {
    networks: Arc<Networks>,
    pseudonyms: Pseudonymiser,
    geo: Geo,
    cache: RefCell<HashMap<IpAddr, (String, Place, u32)>>,
}

/// The label under which the home's own telemetry is pseudonymised.
pub const LABEL: &str = "home/telemetry";

/// The home's pseudonymiser of one period.
pub fn pseudonymiser(master: &Key, at: Timestamp) -> Pseudonymiser {
    Pseudonymiser::new(&Key::derive(master, LABEL, Period::of(at)))
}

impl Protection {
    /// The view for rows of the period of `at`.
    pub fn new(networks: Arc<Networks>, master: &Key, at: Timestamp, geo: Geo) -> Self {
        Self { networks, pseudonyms: pseudonymiser(master, at), geo, cache: RefCell::default() }
    }

    fn known<T>(&self, ip: IpAddr, take: impl Fn(&(String, Place, u32)) -> T) -> T {
        let mut cache = self.cache.borrow_mut();
        if cache.len() > CACHE {
            cache.clear();
        }
        take(cache.entry(ip).or_insert_with(|| {
            let (place, network) = self.geo.locate(ip);
            (self.pseudonyms.address(ip), place, network)
        }))
    }
}

impl Home for Protection {
    fn customer(&self, ip: IpAddr) -> bool {
        self.networks.is_personal(ip)
    }
    fn address(&self, ip: IpAddr) -> String {
        self.known(ip, |k| k.0.clone())
    }
    fn bot(&self, id: &str) -> String {
        self.pseudonyms.id(id)
    }
    fn locate(&self, ip: IpAddr) -> (Place, u32) {
        self.known(ip, |k| (k.1, k.2))
    }
}
