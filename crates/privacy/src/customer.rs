//! Which address is a person's: the home's declared customer networks and the private ranges.
//!
//! Here: reading the declaration and asking it. Elsewhere: which side of a flow is asked about (`botnet`, `comity`);
//! every source that a sinkhole sees is a person's without asking here.
//! Bounds: 10,000 declared networks; a question costs one binary search.

use crate::{PrivacyError, error::cut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks read at most.
const MOST: usize = 10_000;
/// The shortest prefixes accepted: an internet registry's own allocation is no wider (IANA gives /8 of IPv4 and /12 of IPv6).
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 12;

/// Ranges whose hosts are always a person's or a customer's own:
/// RFC 1918, RFC 6598 (shared by a provider's customers), RFC 3927 and RFC 4291 (link-local), RFC 4193 (unique local).
const PRIVATE: [(IpAddr, u8); 7] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
];

/// The customer networks of a home, with the private ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks {
    /// First and last address of each range in the 128-bit space, sorted, disjoint.
    ranges: Vec<(u128, u128)>,
}

impl Default for Networks {
    /// The private ranges alone.
    fn default() -> Self {
        Self { ranges: joined(private()) }
    }
}

impl Networks {
    /// Reads declared networks (`203.0.113.0/24`, `2001:db8:5::/48`, or one address) and adds the private ranges.
    ///
    /// # Errors
    /// CMT-1201 no network, CMT-1202 no valid prefix length, CMT-1203 bits set behind the prefix, CMT-1204 wider than
    /// /8 (IPv4) or /12 (IPv6), CMT-1205 more than 10,000. One bad entry refuses the whole list: a customer network
    /// left out would leave its people in the clear.
    pub fn parse<'a>(declared: impl IntoIterator<Item = &'a str>) -> Result<Self, PrivacyError> {
        let mut ranges = private();
        for (n, text) in declared.into_iter().enumerate() {
            if n >= MOST {
                return Err(PrivacyError::TooMany { most: MOST });
            }
            ranges.push(range(text)?);
        }
        Ok(Self { ranges: joined(ranges) })
    }

    /// Whether an address is a person's. Addresses of no host (unspecified, multicast, limited broadcast) and the
    /// machine's own loopback are not; an IPv4-mapped IPv6 address is the IPv4 address.
    pub fn is_personal(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let nobody = ip.is_unspecified() || ip.is_multicast() || ip.is_loopback();
        if nobody || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return false;
        }
        let at = number(ip);
        let after = self.ranges.partition_point(|(first, _)| *first <= at);
        after.checked_sub(1).and_then(|i| self.ranges.get(i)).is_some_and(|(_, last)| at <= *last)
    }
}

/// Both kinds of address in one space: IPv4 as `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2).
fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// First and last address of a network; both equal with a full prefix. `prefix` counts in the address's own kind.
fn span(ip: IpAddr, prefix: u8) -> (u128, u128) {
    let bits = if ip.is_ipv4() { 96 + u32::from(prefix) } else { u32::from(prefix) };
    let hosts = u128::MAX.checked_shr(bits).unwrap_or(0);
    (number(ip) & !hosts, number(ip) | hosts)
}

fn private() -> Vec<(u128, u128)> {
    PRIVATE.iter().map(|(ip, prefix)| span(*ip, *prefix)).collect()
}

fn range(text: &str) -> Result<(u128, u128), PrivacyError> {
    let given = || cut(text);
    let text = text.trim();
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let ip: IpAddr = address.parse().map_err(|_| PrivacyError::NotANetwork { text: given() })?;
    let (longest, widest) = if ip.is_ipv4() { (32, WIDEST_V4) } else { (128, WIDEST_V6) };
    let prefix = match prefix {
        None => longest,
        Some(digits) => digits
            .parse()
            .ok()
            .filter(|n| *n <= longest && digits.bytes().all(|b| b.is_ascii_digit()))
            .ok_or_else(|| PrivacyError::BadPrefix { text: given(), longest })?,
    };
    if prefix < widest {
        return Err(PrivacyError::TooWide { text: given(), widest });
    }
    let (first, last) = span(ip, prefix);
    if first != number(ip) {
        let base = Ipv6Addr::from_bits(first);
        let meant = if ip.is_ipv4() { IpAddr::V6(base).to_canonical() } else { IpAddr::V6(base) };
        return Err(PrivacyError::HostBits { text: given(), meant: format!("{meant}/{prefix}") });
    }
    Ok((first, last))
}

/// Sorted and disjoint.
fn joined(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut out: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match out.last_mut() {
            Some((_, end)) if first <= *end => *end = last.max(*end),
            _ => out.push((first, last)),
        }
    }
    out
}
