//! Tokens keep a number's form, come back, never pass for a real number, and are refused where they could be guessed.

use crate::pseudonym::key;
use fpe::ff1::{FF1, FlexibleNumeralString};
use miette::Diagnostic as _;
use privacy::{Key, Period, PrivacyError, Tokeniser};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn month(s: &str) -> Period {
    s.parse().unwrap()
}

fn maker(k: u8, agreement: &str, period: &str) -> Tokeniser {
    Tokeniser::new(&key(k), agreement, month(period)).unwrap()
}

fn ours() -> Tokeniser {
    maker(1, "company-fintech", "2026-03")
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, PrivacyError>, code: &str) {
    assert_eq!(result.unwrap_err().code().unwrap().to_string(), code);
}

/// Numerals 0-9 a-z and back.
fn numerals(text: &str) -> Vec<u16> {
    text.chars().map(|c| c.to_digit(36).unwrap() as u16).collect()
}

#[test]
fn the_cipher_is_nists() {
    fn run<C>(key: &[u8], radix: u32, tweak: &[u8], from: &str) -> (Vec<u16>, Vec<u16>)
    where
        C: aes::cipher::KeyInit + aes::cipher::BlockCipherEncrypt + Clone,
    {
        let cipher = FF1::<C>::new(key, radix).unwrap();
        let made: Vec<u16> =
            cipher.encrypt(tweak, &FlexibleNumeralString::from(numerals(from))).unwrap().into();
        let back = cipher.decrypt(tweak, &FlexibleNumeralString::from(made.clone())).unwrap();
        (made, back.into())
    }
    let mut rows = 0;
    for line in include_str!("vectors/ff1.txt").lines().filter(|l| !l.starts_with('#')) {
        let fields: Vec<&str> = line.split(' ').collect();
        let [key, radix, tweak, from, to] = fields[..] else { panic!("{line}") };
        let (key, tweak) = (hex::decode(key).unwrap(), hex::decode(tweak.replace('-', "")).unwrap());
        let radix = radix.parse().unwrap();
        let (made, back) = match key.len() {
            16 => run::<aes::Aes128>(&key, radix, &tweak, from),
            24 => run::<aes::Aes192>(&key, radix, &tweak, from),
            _ => run::<aes::Aes256>(&key, radix, &tweak, from),
        };
        assert_eq!((made, back), (numerals(to), numerals(from)), "{line}");
        rows += 1;
    }
    assert_eq!(rows, 9);
}

#[test]
fn a_form_of_a_million_values_is_the_smallest() {
    for good in ["123456", "1234-56", "abcd1000", "ab 12 34", "abcde"] {
        let token = ours().account("harbour-bank", good).unwrap();
        assert_eq!(ours().reveal_account("harbour-bank", &token).unwrap(), good, "{token}");
    }
    // Sizes: 10^5, 26 * 10^4, 26^4 = 456,976, 1, 1.
    for small in ["12345", "a1234", "abcd", "", "--- ---"] {
        refused(ours().account("harbour-bank", small), "CMT-1260");
    }
    let told = ours().account("harbour-bank", "98765").unwrap_err().to_string();
    assert!(told.contains("100000") && !told.contains("98765"), "an error repeats no account: {told}");
    for other in ["12345\u{e9}6", "1234567\n", &"1".repeat(65), &"1".repeat(64)] {
        refused(ours().account("harbour-bank", other), "CMT-1261");
    }
}

#[test]
fn a_card_keeps_its_length_and_is_no_card() {
    // Published test numbers of card schemes, 13 to 16 digits, and one of 19.
    for card in
        ["4222222222222", "378282246310005", "4111111111111111", "5555555555554444", "6304000000000000000"]
    {
        let token = ours().card(card).unwrap();
        assert_eq!(token.len(), card.len());
        assert!(token.bytes().all(|b| b.is_ascii_digit()) && token != card);
        refused(ours().card(&token), "CMT-1261");
        assert_eq!(ours().reveal_card(&token).unwrap(), card);
        refused(ours().reveal_card(card), "CMT-1261");
    }
    for bad in [
        "4111111111111112",
        "4111 1111 1111 1111",
        "41111111111",
        "41111111111111111111",
        "",
        "411111111111111x",
    ] {
        refused(ours().card(bad), "CMT-1261");
    }
}

#[test]
fn an_iban_keeps_its_country_and_is_no_iban() {
    // Examples of the IBAN registry (SWIFT), release 97.
    for iban in [
        "DE89370400440532013000",
        "GB29NWBK60161331926819",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
        "FR1420041010050500013M02606",
    ] {
        let token = ours().iban(iban).unwrap();
        assert_eq!((token.len(), &token[..2], &token[2..4]), (iban.len(), &iban[..2], "00"));
        for (a, b) in token[4..].bytes().zip(iban[4..].bytes()) {
            assert_eq!(a.is_ascii_digit(), b.is_ascii_digit(), "{token}");
        }
        refused(ours().iban(&token), "CMT-1261");
        assert_eq!(ours().reveal_iban(&token).unwrap(), iban);
        refused(ours().reveal_iban(iban), "CMT-1261");
    }
    for bad in
        ["DE88370400440532013000", "de89370400440532013000", "DE89 3704 0044", "", "00DE370400440532013000"]
    {
        refused(ours().iban(bad), "CMT-1261");
    }
}

#[test]
fn tokens_join_within_one_agreement_period_kind_and_institution_only() {
    let number = "10009973";
    let seen = |t: &Tokeniser, at: &str| t.account(at, number).unwrap();
    let tokens: BTreeSet<String> = [
        seen(&ours(), "harbour-bank"),
        seen(&ours(), "old-pier-bank"),
        seen(&maker(1, "company-police", "2026-03"), "harbour-bank"),
        seen(&maker(1, "company-fintech", "2026-04"), "harbour-bank"),
        seen(&maker(2, "company-fintech", "2026-03"), "harbour-bank"),
    ]
    .into();
    assert_eq!(tokens.len(), 5);
    assert_eq!(seen(&ours(), "harbour-bank"), seen(&ours(), "harbour-bank"));
    // Whoever takes the wrong key gets a number of the same form and another one: nothing tells, as with a pad.
    let wrong = maker(2, "company-fintech", "2026-03");
    let opened = wrong.reveal_account("harbour-bank", &seen(&ours(), "harbour-bank")).unwrap();
    assert!(opened.len() == 8 && opened != number);
    assert_eq!(format!("{:?}", ours()), "Tokeniser(secret)");
}

#[test]
fn a_whole_small_domain_is_permuted() {
    // Every account of the smallest form with digits: one to one and onto, by counting.
    let t = ours();
    let tokens: BTreeSet<String> =
        (0..1000).map(|n| t.account("b", &format!("{:06}", n * 1000)).unwrap()).collect();
    assert_eq!(tokens.len(), 1000);
    let back: BTreeSet<String> = tokens.iter().map(|x| t.reveal_account("b", x).unwrap()).collect();
    assert!(back.iter().enumerate().all(|(i, n)| *n == format!("{:06}", i * 1000)));
}

proptest! {
    #[test]
    fn what_is_made_is_revealed(number in "[0-9a-z]{2}[0-9 /.-]{0,3}[0-9]{6,20}", k: u8, at in "[a-z]{1,9}") {
        let key = Key::derive(&key(k), "link", month("2026-03"));
        let t = Tokeniser::new(&key, "a-b", month("2026-03")).unwrap();
        let token = t.account(&at, &number).unwrap();
        prop_assert_eq!(token.len(), number.len() + 2);
        for (a, b) in token[2..].bytes().zip(number.bytes()) {
            prop_assert_eq!(a.is_ascii_digit(), b.is_ascii_digit());
            prop_assert!(a.is_ascii_alphanumeric() || a == b);
        }
        prop_assert_eq!(t.reveal_account(&at, &token).unwrap(), number.clone());
        prop_assert_eq!(t.account(&at, &number.to_ascii_uppercase()).unwrap(), token);
    }
    #[test]
    fn no_text_stops_it(text in "\\PC{0,70}|[0-9A-Za-z]{0,40}") {
        let t = ours();
        let _ = (t.card(&text), t.iban(&text), t.account(&text, &text));
        let _ = (t.reveal_card(&text), t.reveal_iban(&text), t.reveal_account("x", &text));
        let _ = t.reveal_account("x", &format!("t:{text}"));
    }
}
