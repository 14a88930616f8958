//! Channels: every way a bot can be commanded.

use crate::Day;
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// Any way a bot can be commanded. A bot survives while any of its channels survives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Channel {
    /// A fixed domain name, lower case, without a final dot.
    Domain {
        /// The name.
        name: String,
    },
    /// A generated domain of one day: one channel per day of the horizon.
    Generated {
        /// The name.
        name: String,
        /// The day (UTC) on which bots ask for it.
        day: Day,
    },
    /// A fixed address.
    Address {
        /// The address.
        ip: IpAddr,
        /// The port, TCP unless a finding says otherwise.
        port: u16,
    },
}

impl Channel {
    /// A domain channel; the name is put in lower case and a final dot removed.
    pub fn domain(name: &str) -> Self {
        Self::Domain { name: name.trim_end_matches('.').to_ascii_lowercase() }
    }
    /// The domain name of a domain or generated channel.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Domain { name } | Self::Generated { name, .. } => Some(name),
            Self::Address { .. } => None,
        }
    }
    /// The address of an address channel.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Address { ip, .. } => Some(*ip),
            _ => None,
        }
    }
    /// The channel's text key: the name, or `ip:port` (`[v6]:port`). Two channels with one key are one target.
    pub fn key(&self) -> String {
        match self {
            Self::Domain { name } | Self::Generated { name, .. } => name.clone(),
            Self::Address { ip: IpAddr::V4(ip), port } => format!("{ip}:{port}"),
            Self::Address { ip: IpAddr::V6(ip), port } => format!("[{ip}]:{port}"),
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain { name } => f.write_str(name),
            Self::Generated { name, day } => write!(f, "{name} ({day})"),
            Self::Address { .. } => f.write_str(&self.key()),
        }
    }
}

/// The parameters of a seeded domain-generation algorithm, as read from a sample's configuration.
///
/// The algorithm `harbour-1` is the exercise's own: for day `d` (days since 1970-01-01), index `i` (0-based) and
/// seed `s`, take `h = SHA-256("harbour-1" ‖ s as 8 bytes LE ‖ d as 4 bytes LE ‖ i as 4 bytes LE)`; the label is 12
/// letters `a` + (h[k] mod 26) for k in 0..12; the suffix is `suffixes[h[12] mod len]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DgaSpec {
    /// Name of the algorithm (`harbour-1`).
    pub algorithm: String,
    /// Its seed.
    pub seed: u64,
    /// Names generated per day, 1 to 10,000.
    pub per_day: u32,
    /// Suffixes, without a leading dot.
    pub suffixes: Vec<String>,
}

impl DgaSpec {
    /// The names of one day, in order. Empty for an algorithm that is not known here or without suffixes;
    /// at most 10,000.
    pub fn names(&self, day: Day) -> Vec<String> {
        use sha2::{Digest as _, Sha256};
        if self.algorithm != "harbour-1" {
            return Vec::new();
        }
        (0..self.per_day.min(10_000))
            .filter_map(|i| {
                let mut hash = Sha256::new();
                hash.update(b"harbour-1");
                hash.update(self.seed.to_le_bytes());
                hash.update(day.0.to_le_bytes());
                hash.update(i.to_le_bytes());
                let h: [u8; 32] = hash.finalize().into();
                let (letters, rest) = h.split_at(12);
                let label: String = letters.iter().map(|b| char::from(b'a' + b % 26)).collect();
                let pick = usize::from(*rest.first()?).checked_rem(self.suffixes.len())?;
                Some(format!("{label}.{}", self.suffixes.get(pick)?))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_are_the_days_own() {
        let spec = DgaSpec {
            algorithm: "harbour-1".into(),
            seed: 7,
            per_day: 40,
            suffixes: vec!["com.example".into(), "net.example".into()],
        };
        let (one, two) = (spec.names(Day(20_000)), spec.names(Day(20_001)));
        assert_eq!(one.len(), 40);
        assert_eq!(one, spec.names(Day(20_000)));
        assert!(one.iter().all(|n| !two.contains(n)));
        assert!(DgaSpec { suffixes: vec![], ..spec.clone() }.names(Day(1)).is_empty());
        assert!(DgaSpec { algorithm: "other".into(), ..spec }.names(Day(1)).is_empty());
    }
}
