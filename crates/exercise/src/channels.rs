//! The operator's channels: what there is, who knows which, and what each of them leads to.

use std::net::Ipv4Addr;
use terms::{AssetClass, Channel, DgaSpec, Instrument, Place, Standing};

use crate::dice::key;

pub(crate) const BOTNET: &str = "harbourlight";
pub(crate) const FAMILY: &str = "harbourlight";
pub(crate) const CAMPAIGN: &str = "spring-tide";

/// Where the company's sinkhole answers.
pub(crate) const COMPANY_SINKHOLE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 53);
/// Where another researcher's sinkhole answers.
pub(crate) const OTHER_SINKHOLE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 53);
/// The operator's own server: names that the operator holds lead to it.
pub(crate) const DEDICATED: Ipv4Addr = Ipv4Addr::new(198, 18, 7, 10);
/// The covert server of the police.
pub(crate) const COVERT: Ipv4Addr = Ipv4Addr::new(198, 18, 9, 9);
/// Innocent tenants on the shared host.
pub(crate) const SHARED_TENANTS: u32 = 143;

/// Suffixes of generated names with the places of their registries, and those registries.
pub(crate) const SUFFIXES: [(&str, &str, &str); 4] = [
    ("com.example", "NL", "Lowland Registry"),
    ("net.example", "SE", "Skerry Registry"),
    ("org.example", "BR", "Estuary Registry"),
    ("biz.example", "CR", "Isthmus Registry"),
];

/// Of a day's generated names: the one that the operator registers first.
pub(crate) const OPERATOR_INDEX: usize = 3;
/// Of a day's generated names: the one that the company's sinkhole answers for.
pub(crate) const COMPANY_INDEX: usize = 11;
/// Of one day's generated names: the one that another researcher answers for.
pub(crate) const OTHER_INDEX: usize = 23;

/// A fixed channel.
pub(crate) struct Fixed {
    /// Domain name; empty for an address.
    pub(crate) name: &'static str,
    pub(crate) ip: Ipv4Addr,
    /// 0 for a domain.
    pub(crate) port: u16,
    pub(crate) place: &'static str,
    pub(crate) standing: Standing,
    pub(crate) falls_to: &'static [Instrument],
    /// Whether a faultless plan acts on it.
    pub(crate) act: bool,
    pub(crate) why: &'static str,
}

const NAME_FALLS: &[Instrument] = &[Instrument::Seize, Instrument::Sinkhole];
const SERVER_FALLS: &[Instrument] = &[Instrument::Seize, Instrument::NullRoute];

/// Index of the fixed domain that the company's sinkhole answers for until the hour of the takedown.
pub(crate) const HANDED_OVER: usize = 0;

/// The fixed channels: three domains, four addresses.
pub(crate) const FIXED: [Fixed; 7] = [
    Fixed {
        name: "relay-one.com.example",
        ip: DEDICATED,
        port: 0,
        place: "NL",
        standing: Standing::Criminal,
        falls_to: NAME_FALLS,
        act: true,
        why: "the operator's domain; its registry lets the company's sinkhole answer it until the hour of the takedown, \
              after which it is the operator's again unless it is taken",
    },
    Fixed {
        name: "sync-two.net.example",
        ip: DEDICATED,
        port: 0,
        place: "SE",
        standing: Standing::Criminal,
        falls_to: NAME_FALLS,
        act: false,
        why: "the operator's domain; the orders that covered it expire the day before the takedown",
    },
    Fixed {
        name: "beacon-three.org.example",
        ip: DEDICATED,
        port: 0,
        place: "GY",
        standing: Standing::Criminal,
        falls_to: NAME_FALLS,
        act: false,
        why: "the operator's domain, held at a registrar in a place where nobody has an authority yet",
    },
    Fixed {
        name: "",
        ip: DEDICATED,
        port: 4443,
        place: "DE",
        standing: Standing::Criminal,
        falls_to: SERVER_FALLS,
        act: true,
        why: "the operator's own server; an order for it is in force",
    },
    Fixed {
        name: "",
        ip: Ipv4Addr::new(198, 18, 80, 20),
        port: 8443,
        place: "PL",
        standing: Standing::Shared,
        falls_to: SERVER_FALLS,
        act: false,
        why: "a hoster's machine with 143 innocent tenants; the hoster does not answer",
    },
    Fixed {
        name: "",
        ip: Ipv4Addr::new(198, 18, 120, 31),
        port: 443,
        place: "PA",
        standing: Standing::Compromised,
        falls_to: &[Instrument::Notify],
        act: true,
        why: "a clinic's server that was broken into; the clinic cleans it when told",
    },
    Fixed {
        name: "",
        ip: COVERT,
        port: 4443,
        place: "RO",
        standing: Standing::Criminal,
        falls_to: SERVER_FALLS,
        act: false,
        why: "looks like the operator's, and is a covert server of the police",
    },
];

impl Fixed {
    pub(crate) fn key(&self) -> String {
        self.channel().key()
    }
    pub(crate) fn channel(&self) -> Channel {
        if self.port == 0 {
            Channel::domain(self.name)
        } else {
            Channel::Address { ip: self.ip.into(), port: self.port }
        }
    }
    pub(crate) fn class(&self) -> AssetClass {
        if self.port == 0 { AssetClass::Domain } else { AssetClass::Server }
    }
    pub(crate) fn place(&self) -> Place {
        self.place.parse().unwrap_or(Place::UNKNOWN)
    }
}

/// Bots that know the same channels.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    /// Share of the bots, in percent.
    pub(crate) percent: u64,
    /// Indices into [`FIXED`], in the order in which a bot tries them.
    pub(crate) fixed: &'static [usize],
    pub(crate) dga: bool,
}

/// The six groups. Every one knows `relay-one`, so that the sinkhole can see it.
pub(crate) const GROUPS: [Group; 6] = [
    Group { name: "1a", percent: 40, fixed: &[0, 3], dga: true },
    Group { name: "2a", percent: 26, fixed: &[0, 3, 5], dga: true },
    Group { name: "1b", percent: 10, fixed: &[0, 1], dga: true },
    Group { name: "2b", percent: 9, fixed: &[0, 2, 3], dga: true },
    Group { name: "1c", percent: 8, fixed: &[0, 3, 4], dga: false },
    Group { name: "2c", percent: 7, fixed: &[0, 1, 6], dga: false },
];

impl Group {
    pub(crate) fn channels(&self) -> impl Iterator<Item = (usize, &'static Fixed)> {
        self.fixed.iter().filter_map(|&i| Some((i, FIXED.get(i)?)))
    }
    pub(crate) fn domains(&self) -> impl Iterator<Item = &'static Fixed> {
        self.channels().map(|(_, f)| f).filter(|f| f.port == 0)
    }
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &'static Fixed> {
        self.channels().map(|(_, f)| f).filter(|f| f.port != 0)
    }
}

/// The operator's generator of domains under a seed.
pub(crate) fn dga_spec(seed: u64) -> DgaSpec {
    DgaSpec {
        algorithm: "harbour-1".into(),
        seed: key(seed, "dga") >> 1,
        per_day: 40,
        suffixes: SUFFIXES.iter().map(|(suffix, _, _)| (*suffix).to_owned()).collect(),
    }
}
