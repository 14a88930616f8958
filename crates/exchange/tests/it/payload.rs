//! The payload: one spelling, every refusal, and the facts a ruling looks at.

use crate::world::{ACT, item, partner, payload};
use exchange::{ExchangeError, Payload};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use terms::{Category, Digest, Protection};

fn refused(change: impl FnOnce(&mut Payload)) -> String {
    let mut payload = payload();
    change(&mut payload);
    match payload.canonical() {
        Err(ExchangeError::Payload { why }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_refusal() {
    for (why, expected) in [
        (refused(|p| p.schema = "comity.payload/2".into()), "schema"),
        (refused(|p| p.to = partner("company")), "same partner"),
        (refused(|p| p.items.clear()), "1 to 10,000"),
        (refused(|p| p.items[1].name = "domains.txt".into()), "two items"),
        (refused(|p| p.items[0].name = "../evil".into()), "no name"),
        (refused(|p| p.items[0].name = ".hidden".into()), "no name"),
        (refused(|p| p.items[0].name = "a\nb".into()), "no name"),
        (refused(|p| p.items[0].name = String::new()), "no name"),
        (refused(|p| p.items[0].name = "a".repeat(201)), "no name"),
        (refused(|p| p.items[0].media_type = "text".into()), "media type"),
        (refused(|p| p.items[0].media_type = "text/".into()), "media type"),
        (refused(|p| p.items[0].media_type = "a/b/c".into()), "media type"),
        (refused(|p| p.items[0].records = 0), "no record"),
        (refused(|p| p.items[0].bytes = vec![0; 50 << 20]), "64 MiB"),
    ] {
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn another_spelling_is_refused() {
    let bytes = payload().canonical().unwrap();
    assert_eq!(Payload::parse(&bytes).unwrap(), payload());
    let text = String::from_utf8(bytes.clone()).unwrap();
    for other in [
        format!(" {text}"),
        format!("{text}\n"),
        text.replacen(":", ": ", 1),
        text.replacen("\"member\":null,", "", 1),
        text.replacen("\"items\"", "\"more\":1,\"items\"", 1),
        text.replacen("company", "c\\u006fmpany", 1),
    ] {
        assert_ne!(other, text);
        assert!(Payload::parse(other.as_bytes()).is_err(), "{other}");
    }
}

#[test]
fn a_ruling_sees_the_weakest_form_of_each_category() {
    let mut payload = payload();
    let rows = [
        (Category::VictimIp, Protection::Pseudonym),
        (Category::VictimIp, Protection::Aggregate(1)),
        (Category::SinkholeLog, Protection::Aggregate(5)),
        (Category::SinkholeLog, Protection::Token),
        (Category::Wallet, Protection::Never),
    ];
    payload.items = (rows.iter().enumerate()).map(|(n, (c, p))| item(&format!("{n}.txt"), *c, *p)).collect();
    payload.items[0].records = 41;
    payload.items.push(item("plain.txt", Category::Wallet, Protection::Pseudonym));
    payload.items[5].categories = BTreeSet::new();
    let request = payload.request(Digest::of(b"x"));
    let expected = BTreeMap::from([
        (Category::VictimIp, Protection::Clear),
        (Category::SinkholeLog, Protection::Token),
        (Category::Wallet, Protection::Clear),
        (Category::VictimIdentity, Protection::Pseudonym),
    ]);
    assert_eq!(request.protection, expected);
    assert_eq!(request.categories, expected.keys().copied().collect());
    assert_eq!((request.records, request.act), (46, ACT));
}

proptest! {
    #[test]
    fn the_spelling_is_one(names in proptest::collection::btree_set("[a-z]{1,8}", 1..6), bytes in any::<Vec<u8>>()) {
        let mut payload = payload();
        payload.items = names.iter().map(|n| item(n, Category::NetworkIndicator, Protection::Clear)).collect();
        payload.items[0].bytes = bytes;
        let text = payload.canonical().unwrap();
        let read = Payload::parse(&text).unwrap();
        prop_assert_eq!(&read, &payload);
        prop_assert_eq!(read.canonical().unwrap(), text);
    }

    #[test]
    fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
        prop_assert!(Payload::parse(&bytes).is_err());
    }
}
