//! Pseudonyms are one to one, reversible only where promised, and equal to the draft's vectors.

use privacy::{Key, PrivacyError, Pseudonymiser};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub fn key(byte: u8) -> Key {
    Key::new(zeroize::Zeroizing::new([byte; 32]))
}

fn maker() -> Pseudonymiser {
    Pseudonymiser::new(&key(1))
}

fn bytes<const N: usize>(hexadecimal: &str) -> [u8; N] {
    hex::decode(hexadecimal).unwrap().try_into().unwrap()
}

/// The cipher under our pseudonyms against every published vector, also of the modes that we do not offer: they rest on the
/// same AES and the same 16 bytes of an address.
#[test]
fn the_cipher_is_the_drafts() {
    let mut modes = std::collections::BTreeMap::new();
    for line in include_str!("vectors/ipcrypt.txt").lines().filter(|l| !l.starts_with('#')) {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, mode, key, ip, tweak, expected] = fields[..] else { panic!("{line}") };
        let ip: IpAddr = ip.parse().unwrap();
        let (made, back) = match mode {
            "det" => {
                let cipher = ipcrypt_rs::Ipcrypt::new(bytes(key));
                let made = cipher.encrypt_ipaddr(ip);
                (made.to_string(), cipher.decrypt_ipaddr(made))
            }
            "pfx" => {
                let cipher = ipcrypt_rs::IpcryptPfx::new(bytes(key));
                let made = cipher.encrypt_ipaddr(ip);
                (made.to_string(), cipher.decrypt_ipaddr(made))
            }
            "nd" => {
                let cipher = ipcrypt_rs::IpcryptNd::new(bytes(key));
                let made = cipher.encrypt_ipaddr(ip, Some(bytes(tweak)));
                (hex::encode(made), cipher.decrypt_ipaddr(&made))
            }
            "ndx" => {
                let cipher = ipcrypt_rs::IpcryptNdx::new(bytes(key));
                let made = cipher.encrypt_ipaddr(ip, Some(bytes(tweak)));
                (hex::encode(made), cipher.decrypt_ipaddr(&made))
            }
            _ => panic!("{line}"),
        };
        assert_eq!((made.as_str(), back), (expected, ip), "{line}");
        *modes.entry(mode).or_insert(0) += 1;
    }
    assert_eq!(modes.into_iter().collect::<Vec<_>>(), [("det", 5), ("nd", 7), ("ndx", 7), ("pfx", 16)]);
}

/// How many leading bits two texts of hexadecimal digits share.
fn shared(a: &str, b: &str) -> u32 {
    let bits = |t: &str| -> Vec<bool> {
        t.chars().flat_map(|c| (0..4).rev().map(move |i| c.to_digit(16).unwrap() >> i & 1 == 1)).collect()
    };
    bits(a).iter().zip(bits(b)).take_while(|(x, y)| *x == y).count() as u32
}

#[test]
fn only_the_one_spelling_is_a_pseudonym() {
    let good = maker().address("198.18.0.1".parse().unwrap());
    assert_eq!(maker().reveal(&good).unwrap().to_string(), "198.18.0.1");
    for bad in [
        good[1..].to_owned(),
        good.to_uppercase(),
        good.replace("p:", "b:"),
        format!("{good}0"),
        good[..33].to_owned(),
        format!(" {good}"),
        String::new(),
        "p:".repeat(1000),
        "p:zz".into(),
        maker().id("x"),
    ] {
        assert!(matches!(maker().reveal(&bad), Err(PrivacyError::NotAPseudonym { .. })), "{bad}");
    }
}

#[test]
fn kinds_and_institutions_do_not_meet() {
    let m = maker();
    let (bot, one) = (m.id("HB-1"), m.account("harbour-bank", "HB-1"));
    assert_eq!((bot.len(), &bot[..2], one.len(), &one[..2]), (34, "b:", 34, "a:"));
    assert_ne!(bot[2..], one[2..]);
    assert_ne!(one, m.account("old-pier-bank", "HB-1"));
    assert_ne!(m.account("ab", "c"), m.account("a", "bc"));
}

#[test]
fn a_mapped_address_is_the_ipv4_address() {
    let (v4, mapped) = ("192.0.2.9".parse().unwrap(), "::ffff:192.0.2.9".parse().unwrap());
    assert_eq!(maker().address(v4), maker().address(mapped));
    assert_eq!(maker().reveal(&maker().address(mapped)).unwrap(), v4);
}

#[test]
fn another_key_opens_no_ipv4_pseudonym_as_ipv4() {
    let good = maker().address("198.18.0.1".parse().unwrap());
    let opened: Vec<_> = (2..=255).map(|b| Pseudonymiser::new(&key(b)).reveal(&good)).collect();
    assert!(opened.iter().flatten().all(|ip| ip.is_ipv6()));
    let refused = opened.iter().filter(|r| matches!(r, Err(PrivacyError::WrongKey { .. }))).count();
    // Six in seven of 254; the keys are fixed, so the count is too.
    assert!(refused > 200, "{refused}");
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|n| IpAddr::V4(Ipv4Addr::from_bits(n))),
        (any::<u128>(), prop::sample::select(vec![(3, 0x2000u128), (7, 0xfc00), (10, 0xfe80), (32, 0)]))
            .prop_map(|(n, (bits, top))| {
                let top = if bits == 32 { 0x0064_ff9b << 96 } else { top << 112 };
                IpAddr::V6(Ipv6Addr::from_bits(top | (n >> bits)))
            }),
    ]
}

proptest! {
    /// Two addresses share as many first bits as their pseudonyms, of either kind of address; and they come back.
    #[test]
    fn networks_stay_comparable_and_nothing_else(a: u128, at in 0u32..128, k: u8, v4: bool) {
        let flip = |bits: u32, at: u32| 1u128 << (bits - 1 - at);
        let (ip, other, at) = if v4 {
            let at = at % 32;
            let n = a as u32;
            (IpAddr::from(Ipv4Addr::from_bits(n)), IpAddr::from(Ipv4Addr::from_bits(n ^ flip(32, at) as u32)), at)
        } else {
            let n = a | 1 << 127;
            let at = at.max(1);
            (IpAddr::from(Ipv6Addr::from_bits(n)), IpAddr::from(Ipv6Addr::from_bits(n ^ flip(128, at))), at)
        };
        let m = Pseudonymiser::new(&key(k));
        let (p, q) = (m.network(ip), m.network(other));
        prop_assert_eq!(p.len(), if v4 { 10 } else { 34 });
        prop_assert_eq!(shared(&p[2..], &q[2..]), at);
        prop_assert_eq!(m.reveal_network(&p), Ok(ip));
        // The two kinds of pseudonym are of two keys: one does not open the other.
        prop_assert!(m.reveal(&p).is_err() && m.reveal_network(&m.address(ip)).is_err());
    }
    /// The same address under two agreements, or in two months, has nothing in common that a reader could join on.
    #[test]
    fn agreements_and_months_do_not_join(ip in address(), a in "[a-z]{1,8}", b in "[a-z]{1,8}", m in 1i64..500) {
        prop_assume!(a != b);
        let month = |n: i64| privacy::Period::of(terms::Timestamp(n * 31 * 86_400_000_000));
        let of = |label: &str, n: i64| Pseudonymiser::new(&Key::derive(&key(9), label, month(n)));
        let (one, other, later) = (of(&a, m), of(&b, m), of(&a, m + 1));
        for apart in [&other, &later] {
            prop_assert_ne!(one.address(ip), apart.address(ip));
            prop_assert_ne!(one.id("bot"), apart.id("bot"));
            prop_assert_ne!(apart.reveal(&one.address(ip)).ok(), Some(ip));
            // 32 bits agree by chance once in 2^32.
            prop_assert_ne!(one.network(ip), apart.network(ip));
        }
    }
    #[test]
    fn what_is_made_is_revealed_and_two_are_two(a in address(), b in address(), k: u8) {
        let m = Pseudonymiser::new(&key(k));
        let (p, q) = (m.address(a), m.address(b));
        prop_assert_eq!(p.len(), 34);
        prop_assert_eq!(m.reveal(&p), Ok(a));
        prop_assert_eq!(p == q, a == b);
        prop_assert_eq!(Pseudonymiser::new(&key(k)).address(a), p);
    }
    #[test]
    fn no_text_stops_it(text in "\\PC{0,80}") {
        let m = maker();
        let _ = m.reveal(&text);
        let _ = m.reveal_network(&text);
        let (b, a) = (m.id(&text), m.account(&text, &text));
        prop_assert!(b.starts_with("b:") && a.starts_with("a:"));
    }
}
