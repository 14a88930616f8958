//! Networks as they are written in a configuration (`198.18.0.0/15`, `2001:db8::/32`).

use serde::{Serialize, Serializer};
use std::{fmt, net::IpAddr, str::FromStr};

/// An address block (CIDR, RFC 4632; RFC 4291 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether an address is in it. An IPv4 address written as IPv6 (`::ffff:1.2.3.4`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(a)) => {
                same(net.to_bits().into(), a.to_bits().into(), self.prefix, 32)
            }
            (IpAddr::V6(net), IpAddr::V6(a)) => same(net.to_bits(), a.to_bits(), self.prefix, 128),
            _ => false,
        }
    }
    /// Its first address.
    pub fn address(&self) -> IpAddr {
        self.address
    }
    /// Bits that are fixed, 0 to 32 or 128.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }
}

fn same(a: u128, b: u128, prefix: u8, width: u32) -> bool {
    let loose = width.saturating_sub(u32::from(prefix));
    (a ^ b).checked_shr(loose).unwrap_or(0) == 0
}

impl FromStr for Network {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let bad =
            || format!("`{}` is not a network as 198.18.0.0/15", s.chars().take(80).collect::<String>());
        let (address, prefix) = s.split_once('/').ok_or_else(bad)?;
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let prefix: u8 = prefix.parse().map_err(|_| bad())?;
        let (bits, width) = match address {
            IpAddr::V4(a) => (u128::from(a.to_bits()), 32),
            IpAddr::V6(a) => (a.to_bits(), 128),
        };
        let loose = u32::checked_sub(width, u32::from(prefix)).ok_or_else(bad)?;
        if bits.trailing_zeros() < loose && bits != 0 {
            return Err(format!("`{s}` has bits set behind its prefix of {prefix}"));
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
