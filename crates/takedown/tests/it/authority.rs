//! Authority documents: what is read and what is refused.

use takedown::{Authority, AuthorityError, MAX_AUTHORITY_BYTES};

const GOOD: &str = r#"{"schema":"comity.authority/1","id":"order-de-114","issuer":"District Court of Harbourstadt",
"kind":"order","holder":"police","member":"de","instrument":"seize","class":"server","targets":["198.18.7.10"],
"places":["DE"],"offence":"computer-sabotage","served":"2026-03-05T09:00:00Z","from":"2026-03-05T00:00:00Z",
"until":"2026-04-05T00:00:00Z"}"#;

#[test]
fn a_document_reads_and_writes_back() {
    let act = Authority::parse(GOOD.as_bytes()).unwrap();
    assert_eq!((act.id.as_str(), act.places.len()), ("order-de-114", 1));
    let again = serde_json::to_vec(&act).unwrap();
    assert_eq!(Authority::parse(&again).unwrap(), act);
    let unserved = GOOD.replace("\"2026-03-05T09:00:00Z\",\"from\"", "null,\"from\"");
    assert_eq!(Authority::parse(unserved.as_bytes()).unwrap().served, None);
}

#[test]
fn what_is_not_an_authority_is_refused() {
    for (from, to) in [
        ("comity.authority/1", "comity.authority/2"),
        ("\"order\"", "\"wish\""),
        ("\"seize\"", "\"burn\""),
        ("[\"198.18.7.10\"]", "[]"),
        ("[\"198.18.7.10\"]", "[\"\"]"),
        ("[\"DE\"]", "[]"),
        ("[\"DE\"]", "[\"Germany\"]"),
        ("2026-04-05T00", "2026-03-01T00"),
        ("order-de-114", ""),
        ("\"holder\":\"police\",", ""),
    ] {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "{from}");
        assert!(Authority::parse(text.as_bytes()).is_err(), "{from} -> {to}");
    }
    let long = vec![b' '; MAX_AUTHORITY_BYTES + 1];
    assert!(matches!(Authority::parse(&long), Err(AuthorityError::TooLarge { .. })));
    assert!(Authority::parse(b"").is_err());
}

proptest::proptest! {
    #[test]
    fn no_bytes_stop_the_reader(cut in 0usize..GOOD.len(), byte: u8) {
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[cut] = byte;
        drop(Authority::parse(&bytes));
        drop(Authority::parse(&bytes[..cut]));
    }
}
