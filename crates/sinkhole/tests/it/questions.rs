//! DNS answers, read by an independent hand: hickory's own reader of messages.

use crate::support::{BASE, config};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};
use proptest::prelude::*;
use sinkhole::dns::{Outcome, Reading, Zone};
use sinkhole::{Config, Names};

fn zone() -> (Zone, Names) {
    let config = config(&[("dns-udp", "127.0.0.1:0")], "");
    (Zone::new(&config), config.seized().unwrap())
}

pub fn question(name: &str, kind: RecordType, edns: bool) -> Vec<u8> {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    if edns {
        message.set_edns(Edns::new());
    }
    message.to_vec().unwrap()
}

fn ask(message: &[u8], ended: bool) -> Option<Message> {
    asked(message, (true, ended))
}

fn asked(message: &[u8], how: (bool, bool)) -> Option<Message> {
    let ((zone, names), mut out) = (zone(), Vec::new());
    zone.answer(&names, message, how, &mut Reading::default(), &mut out);
    (!out.is_empty()).then(|| Message::from_vec(&out).expect("an answer that its peer can read"))
}

#[test]
fn every_kind_of_question_has_its_answer() {
    use RecordType as R;
    use ResponseCode::{NoError, Refused};
    // name, type, code, answer as text, whether an SOA stands in its authority
    for (name, kind, code, answer, soa) in [
        ("seized.example.", R::A, NoError, Some("192.0.2.53"), false),
        ("a.b.SEIZED.example.", R::A, NoError, Some("192.0.2.53"), false),
        ("seized.example.", R::AAAA, NoError, Some("2001:db8::53"), false),
        ("one.example.net.", R::A, NoError, Some("192.0.2.53"), false),
        ("x.one.example.net.", R::A, Refused, None, false),
        ("seized.example.", R::MX, NoError, None, true),
        ("www.seized.example.", R::NS, NoError, None, true),
        ("seized.example.", R::NS, NoError, Some("ns.seized.example."), false),
        ("a.seized.example.", R::ANY, NoError, Some("RFC8482 "), false),
        ("seized.example.", R::HINFO, NoError, Some("RFC8482 "), false),
        ("example.", R::A, Refused, None, false),
        (".", R::NS, Refused, None, false),
        ("notseized.example.", R::A, Refused, None, false),
        ("seized.example.org.", R::A, Refused, None, false),
    ] {
        let said = ask(&question(name, kind, false), false).unwrap();
        assert_eq!(said.metadata.response_code, code, "{name} {kind}");
        assert_eq!((said.metadata.id, said.metadata.message_type), (0x1234, MessageType::Response));
        assert!(said.metadata.recursion_desired && !said.metadata.recursion_available);
        assert_eq!(said.metadata.authoritative, code == NoError, "{name}");
        assert_eq!(said.queries[0].name().to_ascii(), name, "the question is repeated as it was spelt");
        assert_eq!(said.answers.first().map(|r| r.data.to_string()).as_deref(), answer, "{name} {kind}");
        let authority = said.authorities.first();
        assert_eq!(authority.is_some_and(|r| matches!(r.data, RData::SOA(_))), soa, "{name} {kind}");
        if let Some(record) = authority {
            assert_eq!(record.name.to_ascii(), "seized.example.");
        }
    }
}

#[test]
fn it_declares_itself_by_txt_also_after_its_end() {
    for ended in [false, true] {
        let txt = question("deep.below.seized.example.", RecordType::TXT, false);
        let said = asked(&txt, (false, ended)).unwrap();
        let text = said.answers[0].data.to_string();
        for word in ["sinkhole", "Example Partner", "abuse@partner.example", "order-de-114", "2199-01-01"] {
            assert!(text.contains(word), "{text}");
        }
        assert_eq!(text.contains("ended"), ended);
        // Over UDP anybody could have asked in a victim's name: it is to be asked over TCP.
        let short = ask(&question("seized.example.", RecordType::TXT, false), ended).unwrap();
        assert!(short.metadata.truncation && short.answers.is_empty());
        let a = ask(&question("seized.example.", RecordType::A, false), ended).unwrap();
        assert_eq!(a.metadata.response_code == ResponseCode::Refused, ended);
        assert_eq!(a.answers.is_empty(), ended);
    }
}

#[test]
fn extensions_are_answered_and_what_is_too_long_is_cut() {
    let said = ask(&question("seized.example.", RecordType::A, true), false).unwrap();
    assert_eq!(said.edns.as_ref().unwrap().max_payload(), 1_232);
    assert!(ask(&question("seized.example.", RecordType::A, false), false).unwrap().edns.is_none());
    // A long name and a long custodian leave no room in 512 octets.
    let long = format!("{}.{}.{}.seized.example.", "a".repeat(63), "b".repeat(63), "c".repeat(63));
    let organisation = "Example Partner ".repeat(12);
    let text = format!("{BASE}[[listen]]\nkind = \"dns-udp\"\nat = \"127.0.0.1:0\"\n");
    let config = Config::read(&text.replace("Example Partner", organisation.trim())).unwrap();
    let (zone, names) = (Zone::new(&config), config.seized().unwrap());
    for (udp, edns, cut) in [(true, false, true), (true, true, false), (false, false, false)] {
        // 262 bytes were asked: three times as many are allowed, and would be said where 1,232 are taken.
        let mut out = Vec::new();
        let message = question(&long, RecordType::TXT, edns);
        zone.answer(&names, &message, (udp, false), &mut Reading::default(), &mut out);
        let said = Message::from_vec(&out).unwrap();
        assert_eq!(said.metadata.truncation, cut);
        assert_eq!(said.answers.is_empty(), cut);
        assert!(!cut || out.len() <= 512);
    }
}

/// The most bytes that are said over UDP for each byte that is asked, over every type.
fn amplified(seized: &str, below: &str) -> f64 {
    let text = format!("{BASE}[[listen]]\nkind = \"dns-udp\"\nat = \"127.0.0.1:0\"\n");
    let config = Config::read(&text.replace("plain.example", seized)).unwrap();
    let (zone, names) = (Zone::new(&config), config.seized().unwrap());
    let (mut reading, mut out, mut most) = (Reading::default(), Vec::new(), 0.0f64);
    for (name, edns) in [(seized, false), (seized, true), (below, false), (below, true)] {
        let mut message = question(&format!("{name}."), RecordType::A, edns);
        let kind = 12 + name.len() + 2;
        for (n, ended) in (0..=u16::MAX).flat_map(|n| [(n, false), (n, true)]) {
            message[kind..kind + 2].copy_from_slice(&n.to_be_bytes());
            zone.answer(&names, &message, (true, ended), &mut reading, &mut out);
            assert!(!out.is_empty() && out.len() <= 3 * message.len(), "{name} {n} {edns}: {}", out.len());
            most = most.max(out.len() as f64 / message.len() as f64);
        }
    }
    most
}

#[test]
fn who_asks_in_a_victims_name_gets_no_flood_out_of_it() {
    // What `docs/sinkhole.md` says: the zone's SOA, with the mailbox in it; of the shortest name only to who takes more.
    assert_eq!(format!("{:.2}", amplified("seized.example", "www.seized.example")), "2.88");
    assert_eq!(format!("{:.2}", amplified("a.bc", "d.a.bc")), "2.82");
}

#[test]
fn other_messages_get_an_error_or_silence() {
    let good = question("seized.example.", RecordType::A, false);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        ask(&bytes, false).map(|m| m.metadata.response_code)
    };
    assert_eq!(with(2, 0x81), None, "an answer is not answered: two servers would talk for ever");
    assert_eq!(with(2, 0x28), Some(ResponseCode::NotImp), "an update");
    assert_eq!(with(5, 0), Some(ResponseCode::FormErr), "no question");
    assert_eq!(with(5, 2), Some(ResponseCode::FormErr), "two questions");
    assert_eq!(with(12, 0xc0), Some(ResponseCode::FormErr), "a pointer");
    assert_eq!(ask(&good[..11], false), None);
    assert_eq!(ask(&good[..14], false).unwrap().metadata.response_code, ResponseCode::FormErr);
    let chaos = {
        let mut query = Query::query(Name::from_ascii("seized.example.").unwrap(), RecordType::TXT);
        query.set_query_class(DNSClass::CH);
        let mut message = Message::new(1, MessageType::Query, OpCode::Query);
        message.add_query(query);
        ask(&message.to_vec().unwrap(), false).unwrap()
    };
    assert_eq!(chaos.metadata.response_code, ResponseCode::Refused);
}

#[test]
fn a_dot_inside_a_label_is_no_border_of_a_zone() {
    // `x.seized` as one label below `example`: not our zone.
    let mut message = question("aaaaaaaa.example.", RecordType::A, false);
    message[13..21].copy_from_slice(b"x.seized");
    let ((zone, names), mut out) = (zone(), Vec::new());
    let outcome = zone.answer(&names, &message, (true, false), &mut Reading::default(), &mut out);
    assert_eq!(outcome, Outcome::NotOurs);
}

proptest! {
    #[test]
    fn changed_questions_never_stop_it_and_every_answer_can_be_read(
        changes in prop::collection::vec((0usize..64, any::<u8>()), 0..6),
        cut in 0usize..64,
        edns in any::<bool>(),
        udp in any::<bool>(),
    ) {
        let mut message = question("www.seized.example.", RecordType::A, edns);
        for (at, byte) in changes {
            let at = at % message.len();
            message[at] = byte;
        }
        message.truncate(message.len().saturating_sub(cut % 20));
        let ((zone, names), mut out) = (zone(), Vec::new());
        let outcome = zone.answer(&names, &message, (udp, false), &mut Reading::default(), &mut out);
        prop_assert_eq!(out.is_empty(), outcome == Outcome::Silent);
        prop_assert!(out.len() <= 1_024);
        if !out.is_empty() {
            let said = Message::from_vec(&out);
            prop_assert!(said.is_ok(), "{:?} {:?}", out, said);
            prop_assert_eq!(&out[..2], &message[..2]);
        }
    }

    #[test]
    fn any_bytes_at_all(message in prop::collection::vec(any::<u8>(), 0..300)) {
        let ((zone, names), mut out) = (zone(), Vec::new());
        zone.answer(&names, &message, (true, false), &mut Reading::default(), &mut out);
        prop_assert!(out.len() <= 1_024);
    }
}
