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

/// The cipher under our pseudonyms against draft-denis-ipcrypt, appendix "Test Vectors", ipcrypt-deterministic.
#[test]
fn the_cipher_is_the_drafts() {
    for (key, ip, expected) in [
        ("0123456789abcdeffedcba9876543210", "0.0.0.0", "bde9:6789:d353:824c:d7c6:f58a:6bd2:26eb"),
        ("1032547698badcfeefcdab8967452301", "255.255.255.255", "aed2:92f6:ea23:58c3:48fd:8b8:74e8:45d8"),
        ("2b7e151628aed2a6abf7158809cf4f3c", "192.0.2.1", "1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777"),
    ] {
        let mut bytes = [0; 16];
        hex::decode_to_slice(key, &mut bytes).unwrap();
        let ip: IpAddr = ip.parse().unwrap();
        let cipher = ipcrypt_rs::Ipcrypt::new(bytes);
        assert_eq!(cipher.encrypt_ipaddr(ip).to_string(), expected);
        assert_eq!(cipher.decrypt_ipaddr(expected.parse().unwrap()), ip);
    }
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
        let (b, a) = (m.id(&text), m.account(&text, &text));
        prop_assert!(b.starts_with("b:") && a.starts_with("a:"));
    }
}
