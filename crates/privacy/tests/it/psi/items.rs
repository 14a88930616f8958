//! One spelling for each item.

use Kind::{Account, Address, Card, Domain, Email, Text};
use privacy::psi::{Items, Kind, PsiError};

#[test]
fn what_means_the_same_is_the_same_item() {
    let rows: &[(Kind, &[&str])] = &[
        (Address, &["203.0.113.7", " 203.0.113.7 ", "::ffff:203.0.113.7"]),
        (Address, &["2001:db8::1", "2001:0DB8:0:0::0:1"]),
        (Email, &["Mole@Bank.Example", "mole@bank.example\t"]),
        (Account, &["NL91 ABNA 0417 1643 00", "nl91abna0417164300", "NL91-ABNA-0417-1643-00"]),
        (Card, &["4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111"]),
        (Domain, &["Relay.COM.example.", "relay.com.example"]),
        (Text, &["Kestrel 7", "  Kestrel 7"]),
    ];
    for (kind, texts) in rows {
        let one = kind.canonical(texts[0]).unwrap();
        assert!(one.starts_with(kind.word().as_bytes()), "the kind is part of the item");
        for text in *texts {
            assert_eq!(kind.canonical(text).unwrap(), one, "{text}");
        }
    }
    assert_ne!(Text.canonical("Kestrel 7").unwrap(), Text.canonical("kestrel 7").unwrap());
}

#[test]
fn what_is_none_of_its_kind_is_told() {
    let long = "x".repeat(300);
    let rows: &[(Kind, &str)] = &[
        (Address, "203.0.113.256"),
        (Address, "203.0.113.0/24"),
        (Address, "relay.example"),
        (Email, "nobody"),
        (Email, "a@b@c"),
        (Email, "@bank.example"),
        (Email, "a b@bank.example"),
        (Account, "123"),
        (Account, "NL91_ABNA"),
        (Card, "4111111111111112"),
        (Card, "41111111"),
        (Card, "4111x11111111111"),
        (Domain, "a..b"),
        (Domain, "a b"),
        (Text, &long),
    ];
    for (kind, text) in rows {
        let refused = kind.canonical(text);
        assert!(matches!(refused, Err(PsiError::Item { .. })), "{} `{text}`: {refused:?}", kind.word());
    }
}

#[test]
fn a_set_is_sorted_once_and_knows_its_lines() {
    let lines = ["# accounts", "", "b@bank.example", "A@bank.example", "nonsense", "a@bank.example"];
    let (items, unread) = Items::read(Email, lines).unwrap();
    assert_eq!((items.len(), items.line(0), items.line(1)), (2, Some(3), Some(2)));
    assert_eq!(items.get(0), Email.canonical("a@bank.example").unwrap());
    assert_eq!(unread.iter().map(|u| u.line).collect::<Vec<_>>(), [5]);
    assert!(matches!(Items::read(Email, ["", "# nothing"]), Err(PsiError::Size { size: 0, .. })));
    let other = Items::read(Email, ["a@bank.example", "c@bank.example"]).unwrap().0;
    assert_ne!(items.digest(), other.digest());
}

#[test]
fn domains_that_can_be_walked_through_say_so() {
    for (kind, warned) in
        [(Address, true), (Card, true), (Account, true), (Email, false), (Domain, false), (Text, false)]
    {
        assert_eq!(kind.enumerable().is_some(), warned, "{}", kind.word());
    }
}
