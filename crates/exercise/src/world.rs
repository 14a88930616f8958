//! The world of the operation: states, their networks, and the blocks of 240.0.0.0/4 that stand for them.

use crate::dice::at;
use std::net::Ipv4Addr;
use terms::Place;

/// A state with bots.
pub(crate) struct Country {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) region: Region,
    /// Share of the bots, relative.
    pub(crate) weight: u64,
    /// Hours that its clocks are ahead of UTC.
    pub(crate) zone: i64,
    /// Whether its largest network puts many households behind one address.
    pub(crate) carrier_nat: bool,
}

/// Whose member a state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    Europe,
    Americas,
}

use Region::{Americas as A, Europe as E};

const fn c(
    code: &'static str,
    name: &'static str,
    region: Region,
    weight: u64,
    zone: i64,
    carrier_nat: bool,
) -> Country {
    Country { code, name, region, weight, zone, carrier_nat }
}

/// 27 and 34 states, in alphabetical order of code.
pub(crate) const COUNTRIES: [Country; 61] = [
    c("AG", "Antigua and Barbuda", A, 3, -4, false),
    c("AR", "Argentina", A, 62, -3, false),
    c("AT", "Austria", E, 18, 1, false),
    c("BB", "Barbados", A, 4, -4, false),
    c("BE", "Belgium", E, 22, 1, false),
    c("BG", "Bulgaria", E, 16, 2, false),
    c("BO", "Bolivia", A, 14, -4, true),
    c("BR", "Brazil", A, 160, -3, true),
    c("BS", "Bahamas", A, 4, -5, false),
    c("BZ", "Belize", A, 4, -6, false),
    c("CA", "Canada", A, 55, -5, false),
    c("CL", "Chile", A, 36, -4, false),
    c("CO", "Colombia", A, 58, -5, true),
    c("CR", "Costa Rica", A, 12, -6, false),
    c("CY", "Cyprus", E, 5, 2, false),
    c("CZ", "Czechia", E, 22, 1, false),
    c("DE", "Germany", E, 110, 1, false),
    c("DK", "Denmark", E, 12, 1, false),
    c("DM", "Dominica", A, 3, -4, false),
    c("DO", "Dominican Republic", A, 16, -4, true),
    c("EC", "Ecuador", A, 24, -5, true),
    c("EE", "Estonia", E, 5, 2, false),
    c("ES", "Spain", E, 64, 1, false),
    c("FI", "Finland", E, 10, 2, false),
    c("FR", "France", E, 78, 1, false),
    c("GD", "Grenada", A, 3, -4, false),
    c("GR", "Greece", E, 20, 2, false),
    c("GT", "Guatemala", A, 18, -6, true),
    c("GY", "Guyana", A, 5, -4, false),
    c("HN", "Honduras", A, 12, -6, true),
    c("HR", "Croatia", E, 9, 1, false),
    c("HT", "Haiti", A, 8, -5, true),
    c("HU", "Hungary", E, 18, 1, false),
    c("IE", "Ireland", E, 12, 0, false),
    c("IT", "Italy", E, 76, 1, false),
    c("JM", "Jamaica", A, 8, -5, false),
    c("KN", "Saint Kitts and Nevis", A, 3, -4, false),
    c("LC", "Saint Lucia", A, 3, -4, false),
    c("LT", "Lithuania", E, 8, 2, false),
    c("LU", "Luxembourg", E, 4, 1, false),
    c("LV", "Latvia", E, 6, 2, false),
    c("MT", "Malta", E, 3, 1, false),
    c("MX", "Mexico", A, 120, -6, true),
    c("NI", "Nicaragua", A, 10, -6, false),
    c("NL", "Netherlands", E, 36, 1, false),
    c("PA", "Panama", A, 10, -5, false),
    c("PE", "Peru", A, 44, -5, true),
    c("PL", "Poland", E, 58, 1, false),
    c("PT", "Portugal", E, 22, 0, false),
    c("PY", "Paraguay", A, 12, -4, true),
    c("RO", "Romania", E, 34, 2, false),
    c("SE", "Sweden", E, 18, 1, false),
    c("SI", "Slovenia", E, 6, 1, false),
    c("SK", "Slovakia", E, 12, 1, false),
    c("SR", "Suriname", A, 4, -3, false),
    c("SV", "El Salvador", A, 12, -6, true),
    c("TT", "Trinidad and Tobago", A, 6, -4, false),
    c("US", "United States", A, 190, -6, false),
    c("UY", "Uruguay", A, 12, -3, false),
    c("VC", "Saint Vincent and the Grenadines", A, 3, -4, false),
    c("VE", "Venezuela", A, 40, -4, true),
];

/// Networks of a state: share of its bots in percent, and hours that an address stays with a household.
pub(crate) const NETWORKS: [(u64, u64); 5] = [(42, 24), (26, 96), (16, 12), (10, 720), (6, 6)];

/// Addresses in a network's block (a /13).
const BLOCK: u32 = 1 << 19;
const FIRST: u32 = 240 << 24;

impl Country {
    pub(crate) fn place(&self) -> Place {
        self.code.parse().unwrap_or(Place::UNKNOWN)
    }
}

/// A state by its index; the index wraps.
pub(crate) fn country(index: usize) -> &'static Country {
    at(&COUNTRIES, index)
}

/// The number of a network (private range of RFC 6996 section 5).
pub(crate) fn network_number(country: usize, network: usize) -> u32 {
    4_200_000_000 + u32::try_from(country * 10 + network).unwrap_or(0)
}

/// First address of a network's /13: each state has a /10 of 240.0.0.0/4, in the order of the table.
pub(crate) fn block_start(country: usize, network: usize) -> u32 {
    FIRST + u32::try_from(country * 8 + network).unwrap_or(0) * BLOCK
}

/// The `n`-th usable address of a network's block; wraps.
pub(crate) fn address(country: usize, network: usize, n: u64) -> u32 {
    block_start(country, network) + 1 + u32::try_from(n % u64::from(BLOCK - 2)).unwrap_or(0)
}

/// Every block: first address, prefix length, country index, network number.
pub(crate) fn blocks() -> impl Iterator<Item = (Ipv4Addr, u8, usize, u32)> {
    (0..COUNTRIES.len()).flat_map(|c| {
        (0..NETWORKS.len()).map(move |n| (Ipv4Addr::from(block_start(c, n)), 13, c, network_number(c, n)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_the_members_in_order_and_blocks_stay_in_the_reserved_range() {
        assert!(COUNTRIES.iter().zip(COUNTRIES.iter().skip(1)).all(|(a, b)| a.code < b.code));
        assert_eq!(COUNTRIES.iter().filter(|c| c.region == Region::Europe).count(), 27);
        assert_eq!(COUNTRIES.iter().filter(|c| c.region == Region::Americas).count(), 34);
        let mut starts: Vec<u32> = blocks().map(|(a, ..)| u32::from(a)).collect();
        assert!(starts.iter().all(|&s| s >> 28 == 15 && s.checked_add(BLOCK).is_some()));
        starts.sort_unstable();
        assert!(starts.iter().zip(starts.iter().skip(1)).all(|(a, b)| b - a >= BLOCK));
        assert_eq!(NETWORKS.iter().map(|(share, _)| share).sum::<u64>(), 100);
    }
}
