//! What a recipient is named for: networks and address blocks that are its own, and the key that mail to it is sealed with.

use serde::Serialize;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use terms::IdError;

/// A network or an address block, as a clause writes it: `AS64500`, `198.51.100.0/24`, `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Covered {
    /// An autonomous system, never 0.
    Network(u32),
    /// An address block: its first address and the length of its prefix.
    Block(IpAddr, u8),
}

impl FromStr for Covered {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError {
            text: text.chars().take(80).collect(),
            expected: "a network like `AS64500` or an address block like `198.51.100.0/24`",
        };
        if let Some(digits) = text.strip_prefix("AS") {
            let plain = !digits.starts_with(['0', '+']);
            return digits.parse().ok().filter(|_| plain).map(Self::Network).ok_or_else(wrong);
        }
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let (address, prefix): (IpAddr, u8) =
            (address.parse().map_err(|_| wrong())?, prefix.parse().map_err(|_| wrong())?);
        let (bits, width) = match address {
            IpAddr::V4(a) => (u128::from(a.to_bits()), 32u32),
            IpAddr::V6(a) => (a.to_bits(), 128),
        };
        let loose = width.checked_sub(u32::from(prefix)).ok_or_else(wrong)?;
        // Nobody owns half the world's addresses: a slip of the pen must not make one recipient everybody's.
        if prefix < 8 || (bits != 0 && bits.trailing_zeros() < loose) {
            return Err(wrong());
        }
        Ok(Self::Block(address, prefix))
    }
}

impl fmt::Display for Covered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(number) => write!(f, "AS{number}"),
            Self::Block(address, prefix) => write!(f, "{address}/{prefix}"),
        }
    }
}

impl Serialize for Covered {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A sealing key as age writes it (`age1…`); whether it is one is checked where it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealingKey(pub String);

impl FromStr for SealingKey {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let good = text.len() == 62
            && text.starts_with("age1")
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let wrong =
            IdError { text: text.chars().take(80).collect(), expected: "a sealing key like `age1…`" };
        good.then(|| Self(text.to_owned())).ok_or(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_blocks_are_read_in_one_spelling() {
        for text in
            ["AS64500", "AS4294967295", "198.51.100.0/24", "192.0.2.7/32", "2001:db8::/32", "10.0.0.0/8"]
        {
            assert_eq!(text.parse::<Covered>().map(|c| c.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "",
            "AS",
            "AS0",
            "AS01",
            "AS+1",
            "as1",
            "AS4294967296",
            "64500",
            "198.51.100.1/24",
            "0.0.0.0/0",
            "::/0",
            "128.0.0.0/1",
            "198.51.100.0/33",
            "198.51.100.0",
            "2001:db8::1/32",
            "x/24",
        ] {
            assert!(text.parse::<Covered>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_sealing_key_is_refused() {
        assert!(format!("age1{}", "q".repeat(58)).parse::<SealingKey>().is_ok());
        for text in ["", "age1", &format!("AGE1{}", "Q".repeat(58)), &format!("age1{}", "q".repeat(59))] {
            assert!(text.parse::<SealingKey>().is_err(), "{text}");
        }
    }
}
