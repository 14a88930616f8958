//! How much one source may ask: a bucket of tokens each, and one in common for those that find no place.
//!
//! A source is an IPv4 address or an IPv6 /64: a household gets no less. Bounds: 65,536 sources; above, idle ones are
//! forgotten, and where none is idle newcomers share one bucket, so that a flood from many sources costs no memory.

use crate::networks::number;
use std::collections::HashMap;
use std::net::IpAddr;

/// Sources that are counted by themselves.
const MOST: usize = 65_536;
/// Idle for so long, a source is forgotten, in milliseconds.
const IDLE: u64 = 10_000;
/// How many sources' worth of tokens the newcomers share where the table is full.
const SHARED: f32 = 500.0;

/// Sources that are counted, by what each may still ask.
#[derive(Debug)]
pub struct Sources {
    rate: f32,
    burst: f32,
    buckets: HashMap<u128, Bucket>,
    common: Bucket,
    swept: u64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f32,
    at: u64,
}

impl Sources {
    /// `rate` tokens a second, at most `burst` at once.
    pub fn new(rate: u32, burst: u32) -> Self {
        let (rate, burst) = (rate as f32, burst as f32);
        Self {
            rate,
            burst,
            buckets: HashMap::new(),
            common: Bucket { tokens: burst * SHARED, at: 0 },
            swept: 0,
        }
    }

    /// Takes one token of a source; `now` in milliseconds of any clock that does not go back.
    pub fn allow(&mut self, ip: IpAddr, now: u64) -> bool {
        let key = source(ip);
        if let Some(bucket) = self.buckets.get_mut(&key) {
            return bucket.take(self.rate, self.burst, now);
        }
        if self.buckets.len() >= MOST && now.saturating_sub(self.swept) >= 1_000 {
            self.swept = now;
            self.buckets.retain(|_, b| now.saturating_sub(b.at) < IDLE);
        }
        if self.buckets.len() >= MOST {
            return self.common.take(self.rate * SHARED, self.burst * SHARED, now);
        }
        let mut bucket = Bucket { tokens: self.burst, at: now };
        let allowed = bucket.take(self.rate, self.burst, now);
        self.buckets.insert(key, bucket);
        allowed
    }
}

impl Bucket {
    fn take(&mut self, rate: f32, burst: f32, now: u64) -> bool {
        let passed = now.saturating_sub(self.at) as f32 / 1_000.0;
        self.tokens = (self.tokens + passed * rate).min(burst);
        self.at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

/// What counts as one source: the address, or the /64 of IPv6.
pub(crate) fn source(ip: IpAddr) -> u128 {
    match ip.to_canonical() {
        v4 @ IpAddr::V4(_) => number(v4),
        v6 => number(v6) & !u128::from(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn a_source_has_its_burst_then_its_rate_and_others_are_not_its_hostages() {
        let mut sources = Sources::new(10, 5);
        let one = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
        let other = IpAddr::from(Ipv4Addr::new(192, 0, 2, 2));
        let allowed = |s: &mut Sources, ip, now, n| (0..n).filter(|_| s.allow(ip, now)).count();
        assert_eq!(allowed(&mut sources, one, 1_000, 100), 5);
        assert_eq!(allowed(&mut sources, other, 1_000, 100), 5);
        assert_eq!(allowed(&mut sources, one, 1_300, 100), 3);
        assert_eq!(allowed(&mut sources, one, 60_000, 100), 5);
    }

    #[test]
    fn a_household_of_ipv6_is_one_source() {
        let at = |last| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, last));
        let mut sources = Sources::new(1, 2);
        assert_eq!((1..100).filter(|n| sources.allow(at(*n), 5)).count(), 2);
    }

    #[test]
    fn a_flood_from_everywhere_keeps_to_the_table_and_the_common_bucket() {
        let mut sources = Sources::new(1, 2);
        let ip = |n: u32| IpAddr::from(Ipv4Addr::from(n));
        let allowed = (0..200_000u32).filter(|n| sources.allow(ip(*n), 5)).count();
        assert_eq!(sources.buckets.len(), MOST);
        assert_eq!(allowed, MOST + 1_000);
        // A minute later the strangers are forgotten and a newcomer has a bucket of its own again.
        assert!(sources.allow(ip(900_000), 60_005));
        assert_eq!(sources.buckets.len(), 1);
    }
}
