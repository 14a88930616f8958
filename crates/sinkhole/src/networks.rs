//! Declared networks: researchers', customers'. One binary search a question.
//!
//! Elsewhere: what a home calls its customers' (`privacy::customer`, which adds the private ranges; researchers do not live
//! in those).

use crate::SinkholeError;
use std::net::IpAddr;

/// Networks read at most.
const MOST: usize = 10_000;

/// A set of networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks {
    /// First and last address in the 128-bit space (IPv4 as `::ffff:a.b.c.d`), sorted and disjoint.
    ranges: Vec<(u128, u128)>,
}

impl Networks {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or single addresses.
    ///
    /// # Errors
    /// CMT-1401 for anything else, for bits behind the prefix, and above 10,000 networks.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, SinkholeError> {
        let mut ranges = Vec::new();
        for text in texts {
            if ranges.len() >= MOST {
                return Err(SinkholeError::Sense { why: format!("more than {MOST} networks") });
            }
            ranges.push(range(text).ok_or_else(|| SinkholeError::Sense {
                why: format!("`{}` is no network", text.chars().take(60).collect::<String>()),
            })?);
        }
        ranges.sort_unstable();
        let mut out: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match out.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                _ => out.push((first, last)),
            }
        }
        Ok(Self { ranges: out })
    }

    /// Whether an address lies in one of them.
    pub fn hold(&self, ip: IpAddr) -> bool {
        let at = number(ip);
        let after = self.ranges.partition_point(|(first, _)| *first <= at);
        after.checked_sub(1).and_then(|i| self.ranges.get(i)).is_some_and(|(_, last)| at <= *last)
    }
}

/// Both kinds of address in one space (RFC 4291 section 2.5.5.2).
pub(crate) fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn range(text: &str) -> Option<(u128, u128)> {
    let text = text.trim();
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
    let ip: IpAddr = address.parse().ok()?;
    let (longest, before) = if ip.is_ipv4() { (32u32, 96u32) } else { (128, 0) };
    let prefix = match prefix {
        Some(p) if p.bytes().all(|b| b.is_ascii_digit()) => p.parse().ok().filter(|p| *p <= longest)?,
        Some(_) => return None,
        None => longest,
    };
    let hosts = u128::MAX.checked_shr(before + prefix).unwrap_or(0);
    (number(ip) & hosts == 0).then(|| (number(ip), number(ip) | hosts))
}
