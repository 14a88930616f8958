//! Whose an address is, against a bit-by-bit model.

use privacy::{PrivacyError, customer::Networks};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn code(result: Result<Networks, PrivacyError>) -> String {
    use miette::Diagnostic as _;
    let error = result.unwrap_err();
    assert!(error.help().is_some());
    error.code().unwrap().to_string()
}

#[test]
fn private_ranges_are_personal_without_a_declaration() {
    let home = Networks::default();
    for (ip, personal) in [
        ("10.0.0.0", true),
        ("10.255.255.255", true),
        ("11.0.0.0", false),
        ("9.255.255.255", false),
        ("172.16.0.1", true),
        ("172.31.255.255", true),
        ("172.32.0.0", false),
        ("192.168.1.255", true),
        ("192.169.0.0", false),
        ("100.64.0.1", true),
        ("100.128.0.0", false),
        ("169.254.7.7", true),
        ("fe80::1", true),
        ("febf:ffff::1", true),
        ("fec0::1", false),
        ("fc00::1", true),
        ("fdff::1", true),
        ("::ffff:10.1.1.1", true),
        ("::ffff:198.51.100.1", false),
        ("0.0.0.0", false),
        ("::", false),
        ("255.255.255.255", false),
        ("224.0.0.251", false),
        ("ff02::fb", false),
        ("127.0.0.1", false),
        ("::1", false),
        ("198.18.7.10", false),
        ("2001:db8::1", false),
    ] {
        assert_eq!(home.is_personal(ip.parse().unwrap()), personal, "{ip}");
    }
}

#[test]
fn a_bad_declaration_is_refused_whole() {
    for (bad, expected) in [
        ("customers", "CMT-1201"),
        ("", "CMT-1201"),
        ("203.0.113.0-203.0.113.9", "CMT-1201"),
        ("203.0.113.0/33", "CMT-1202"),
        ("203.0.113.0/", "CMT-1202"),
        ("203.0.113.0/+8", "CMT-1202"),
        ("203.0.113.0/24/24", "CMT-1202"),
        ("2001:db8::/129", "CMT-1202"),
        ("203.0.113.1/24", "CMT-1203"),
        ("2001:db8::1/48", "CMT-1203"),
        ("0.0.0.0/0", "CMT-1204"),
        ("::/0", "CMT-1204"),
    ] {
        assert_eq!(code(Networks::parse(["198.51.100.0/24", bad])), expected, "{bad}");
    }
    assert_eq!(code(Networks::parse(std::iter::repeat_n("203.0.113.0/24", 10_001))), "CMT-1205");
    let meant = Networks::parse(["203.0.113.77/24"]).unwrap_err();
    assert!(matches!(meant, PrivacyError::HostBits { meant, .. } if meant == "203.0.113.0/24"));
}

/// Whether the first `prefix` bits are equal, one bit at a time.
fn inside(ip: &[u8], base: &[u8], prefix: usize) -> bool {
    let bit = |bytes: &[u8], i: usize| bytes[i / 8] >> (7 - i % 8) & 1;
    ip.len() == base.len() && (0..prefix).all(|i| bit(ip, i) == bit(base, i))
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

proptest! {
    #[test]
    fn declared_networks_are_exactly_personal(
        nets in prop::collection::vec((0u32..1 << 24, 9usize..=32), 0..20),
        nets6 in prop::collection::vec((0u16..64, 20usize..=48), 0..8),
        asked in prop::collection::vec((0u32..1 << 24, 0u16..64), 1..30),
    ) {
        // All inside 203.0.0.0/8 and 2001:d00::/24, where nothing is private, so that hits are common.
        let v4 = |n: u32| Ipv4Addr::from_bits(203 << 24 | n);
        let v6 = |n: u16| Ipv6Addr::new(0x2001, 0x0d00 | n, n << 10, 0, 0, 0, 0, 0);
        let mut declared: Vec<(IpAddr, usize)> = nets
            .iter()
            .map(|(n, p)| (IpAddr::V4(Ipv4Addr::from_bits(v4(*n).to_bits() & (u32::MAX << (32 - p)))), *p))
            .collect();
        declared.extend(nets6.iter().map(|(n, p)| {
            (IpAddr::V6(Ipv6Addr::from_bits(v6(*n).to_bits() & (u128::MAX << (128 - p)))), *p)
        }));
        let texts: Vec<String> = declared.iter().map(|(ip, p)| format!("{ip}/{p}")).collect();
        let home = Networks::parse(texts.iter().map(String::as_str)).unwrap();
        let edges = declared.iter().map(|(ip, _)| *ip);
        for ip in asked.iter().flat_map(|(n, m)| [IpAddr::V4(v4(*n)), IpAddr::V6(v6(*m))]).chain(edges) {
            let expected = declared.iter().any(|(base, p)| inside(&octets(ip), &octets(*base), *p));
            prop_assert_eq!(home.is_personal(ip), expected, "{}", ip);
        }
    }
    #[test]
    fn no_text_stops_it(text in "[0-9a-f:./ ]{0,40}|\\PC{0,40}") {
        let _ = Networks::parse([text.as_str()]);
    }
}
