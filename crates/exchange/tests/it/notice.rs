//! Notices: the four formats, the code, the letter in every language, and the sealed mail.

use crate::world::{NOW, World, at, partner};
use evidence::sealed;
use exchange::notice::letter::{BLANK, Letter};
use exchange::notice::mail::{self, Mailbox};
use exchange::notice::{Language, MAX_ROWS, Notice, Victim, code, items};
use exchange::{Payload, reports};
use ledger::Salt;
use miette::Diagnostic as _;
use proptest::prelude::*;
use serde_json::Value;
use std::ops::ControlFlow;
use terms::{
    Category, ExhibitKind, Handling, HandlingCode, MemberId, PartnerId, Protection, Purpose, ReleaseId,
    Timestamp, Tlp,
};

fn key() -> Salt {
    Salt::from_bytes([7; 32])
}

fn victim(source: &str, port: Option<u16>) -> Victim {
    Victim {
        at: at("2026-03-02T00:00:01.999Z"),
        source: source.parse().unwrap(),
        port,
        network: 64_500,
        place: "DE".parse().unwrap(),
        infection: "harbour/two".into(),
        channel: "relay.example".into(),
        code: code::of(&key(), 0),
    }
}

fn notice<'a>(from: &'a PartnerId, languages: &'a [Language]) -> Notice<'a> {
    Notice {
        from,
        from_name: "Meridian Software",
        contact: "notices@meridian.example",
        to: "csirt-de",
        at: at(NOW),
        languages,
    }
}

fn file(name: &str, rows: &[Victim]) -> String {
    let from = partner("company");
    let all = items(&notice(&from, &[]), rows).unwrap();
    String::from_utf8(all.into_iter().find(|i| i.name == name).unwrap().bytes).unwrap()
}

#[test]
fn csv_reads_back_as_a_report() {
    let text = file("victims.csv", &[victim("240.1.2.3", Some(51_234)), victim("2001:db8::1", None)]);
    let mut found = Vec::new();
    let kind = reports::recognise(text.as_bytes()).unwrap();
    assert_eq!(kind, ExhibitKind::Shadowserver);
    let summary = reports::read(kind, &mut text.as_bytes(), &mut |e| {
        found.push((e.at.to_string(), e.source.to_string(), e.port, e.network, e.infection.clone().unwrap()));
        ControlFlow::Continue(())
    });
    assert!(summary.unwrap().skipped.is_empty());
    let at = "2026-03-02T00:00:01Z".to_owned();
    assert_eq!(
        found,
        [
            (at.clone(), "240.1.2.3".into(), Some(51_234), Some(64_500), "harbour/harbour-two".into()),
            (at, "2001:db8::1".into(), None, Some(64_500), "harbour/harbour-two".into()),
        ]
    );
}

#[test]
fn xarf_has_every_field_that_its_schema_requires() {
    let text = file("xarf.ndjson", &[victim("240.1.2.3", Some(51_234)), victim("2001:db8::1", None)]);
    let reports: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(reports.len(), 2);
    for report in &reports {
        for (field, expected) in [
            ("xarf_version", "4.0.0"),
            ("category", "infrastructure"),
            ("type", "botnet"),
            ("timestamp", "2026-03-02T00:00:01Z"),
        ] {
            assert_eq!(report[field], expected);
        }
        for side in ["reporter", "sender"] {
            assert_eq!(
                report[side],
                serde_json::json!({ "org": "Meridian Software", "contact": "notices@meridian.example", "domain": "meridian.example" })
            );
        }
        assert!(
            report["compromise_evidence"].is_string() && report["report_id"].as_str().unwrap().len() == 36
        );
    }
    assert_eq!(
        (&reports[0]["source_identifier"], &reports[0]["source_port"]),
        (&"240.1.2.3".into(), &51_234.into())
    );
    assert!(reports[1].get("source_port").is_none());
    assert_ne!(reports[0]["report_id"], reports[1]["report_id"]);
}

#[test]
fn stix_and_misp_name_machine_port_and_second_and_no_sign_to_block() {
    let rows = [victim("240.1.2.3", Some(51_234)), victim("240.1.2.3", Some(51_235))];
    let stix: Value = serde_json::from_str(&file("stix.json", &rows)).unwrap();
    let objects = stix["objects"].as_array().unwrap();
    let of = |kind: &str| objects.iter().filter(|o| o["type"] == kind).collect::<Vec<_>>();
    assert_eq!(
        (
            of("ipv4-addr").len(),
            of("network-traffic").len(),
            of("observed-data").len(),
            of("indicator").len()
        ),
        (1, 2, 2, 0)
    );
    let ids: Vec<&Value> = objects.iter().map(|o| &o["id"]).collect();
    for observed in of("observed-data") {
        assert_eq!(
            (&observed["first_observed"], &observed["number_observed"]),
            (&"2026-03-02T00:00:01.000Z".into(), &1.into())
        );
        assert!(observed["object_refs"].as_array().unwrap().iter().all(|r| ids.contains(&r)));
    }
    let ports: Vec<u64> = of("network-traffic").iter().map(|t| t["src_port"].as_u64().unwrap()).collect();
    assert_eq!(ports.iter().sum::<u64>(), 51_234 + 51_235);
    let misp: Value = serde_json::from_str(&file("misp.json", &rows)).unwrap();
    let objects = misp["Event"]["Object"].as_array().unwrap();
    assert_eq!((objects.len(), &misp["Event"]["distribution"]), (2, &"0".into()));
    let attributes = |o: &Value| o["Attribute"].as_array().unwrap().clone();
    assert!(objects.iter().flat_map(attributes).all(|a| a["to_ids"] == false));
    let values: Vec<Value> = attributes(&objects[0]).iter().map(|a| a["value"].clone()).collect();
    assert_eq!(values, ["240.1.2.3", "2026-03-02T00:00:01Z", "51234"]);
}

#[test]
fn every_refusal_names_its_row() {
    let from = partner("company");
    let refused = |rows: &[Victim]| items(&notice(&from, &[]), rows).unwrap_err().code().unwrap().to_string();
    assert_eq!(refused(&[]), "CMT-1470");
    assert_eq!(refused(&vec![victim("240.1.2.3", None); MAX_ROWS + 1]), "CMT-1470");
    for bad in [
        Victim { infection: "=cmd".into(), ..victim("240.1.2.3", None) },
        Victim { infection: "a\"b".into(), ..victim("240.1.2.3", None) },
        Victim { infection: "a/".into(), ..victim("240.1.2.3", None) },
        Victim { channel: "a\",\"b".into(), ..victim("240.1.2.3", None) },
        Victim { channel: "=a".into(), ..victim("240.1.2.3", None) },
        Victim { code: "7K3M-9QX3".into(), ..victim("240.1.2.3", None) },
        Victim { at: Timestamp(i64::MAX), ..victim("240.1.2.3", None) },
    ] {
        assert_eq!(refused(&[victim("240.1.2.3", None), bad.clone()]), "CMT-1471", "{bad:?}");
    }
}

#[test]
fn a_code_survives_the_telephone() {
    let written = code::of(&key(), 5);
    assert_eq!(written.len(), 9);
    assert_eq!(code::read(&written.to_lowercase().replace('-', " ")), Some(written.clone()));
    assert_eq!(code::read(&written.replace('0', "O").replace('1', "l")), Some(written.clone()));
    for bad in ["", "7K3M", "7K3M-9QX", "UUUU-UUUU", "----------", "7K3M-9QX2-7"] {
        assert_eq!(code::read(bad), None, "{bad}");
    }
    let codes: std::collections::BTreeSet<String> = (0..10_000).map(|i| code::of(&key(), i)).collect();
    assert_eq!(codes.len(), 10_000);
}

proptest! {
    #[test]
    fn one_wrong_sign_is_no_code(index in any::<u64>(), place in 0usize..8, other in 1u8..32) {
        const SIGNS: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut signs: Vec<u8> = code::of(&key(), index).bytes().filter(|b| *b != b'-').collect();
        prop_assert!(code::read(std::str::from_utf8(&signs).unwrap()).is_some());
        let was = SIGNS.iter().position(|s| *s == signs[place]).unwrap();
        signs[place] = SIGNS[(was + usize::from(other)) % 32];
        prop_assert_eq!(code::read(std::str::from_utf8(&signs).unwrap()), None);
    }
    #[test]
    fn no_text_stops_the_reading_of_a_code(text in ".{0,40}") {
        let _ = code::read(&text);
    }
}

fn letter(language: Language) -> Letter<'static> {
    Letter { language, code: Some("7K3M-9QX2"), from: "Meridian Software" }
}

/// `COMITY_BLESS=1` writes the letters anew; the difference is for people to read.
#[test]
#[expect(clippy::disallowed_methods, reason = "the expected letters lie beside the test")]
fn the_letters_are_as_they_were_approved() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden");
    for language in Language::ALL {
        for (ending, text) in [("txt", letter(*language).text()), ("html", letter(*language).html())] {
            let path = folder.join(format!("letter-{}.{ending}", language.word()));
            if std::env::var_os("COMITY_BLESS").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            assert_eq!(text, std::fs::read_to_string(&path).unwrap_or_default(), "{}", path.display());
        }
    }
}

#[test]
fn a_code_is_looked_up_however_it_was_read_out() {
    let [one, other] = [0, 1].map(|index| code::of(&key(), index));
    let mut second = victim("240.1.2.4", None);
    second.code = other.clone();
    let text = file("victims.csv", &[victim("240.1.2.3", Some(51_234)), second]);
    let spoken = one.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
    for (said, expected) in [
        (one.as_str(), true),
        (spoken.as_str(), true),
        (other.as_str(), true),
        (code::of(&key(), 2).as_str(), false),
        ("harbour", false),
        ("", false),
    ] {
        let listed = code::read(said).is_some_and(|c| code::listed(text.as_bytes(), &c));
        assert_eq!(listed, expected, "{said}");
    }
    // Only a code in its own spelling is looked for: a column that ends like one is none.
    assert!(!code::listed(text.as_bytes(), "harbour") && !code::listed(b"x,\"\"", ""));
}

#[test]
fn a_letter_is_plain_has_no_link_and_holds_its_code() {
    for language in Language::ALL {
        let text = letter(*language).text();
        let html = letter(*language).html();
        for whole in [&text, &html] {
            for link in ["http", "www", "href", "src=", "@media screen", ".com", "<script", "<img"] {
                assert!(!whole.contains(link), "{} has {link}", language.word());
            }
            assert!(whole.contains("7K3M-9QX2") && whole.contains("Meridian Software"));
        }
        assert!(text.lines().all(|l| l.chars().count() <= 62), "{}", language.word());
        let sentences: Vec<usize> = text
            .split(['.', '?', '!', ':'])
            .map(|s| s.split_whitespace().filter(|w| w.chars().any(char::is_alphabetic)).count())
            .filter(|n| *n > 0)
            .collect();
        let mean = sentences.iter().sum::<usize>() as f64 / sentences.len() as f64;
        let longest = sentences.iter().max().unwrap();
        assert!(
            mean <= 9.0 && *longest <= 20,
            "{}: {mean:.1} words a sentence, {longest} at most",
            language.word()
        );
        let blank = Letter { code: None, ..letter(*language) };
        assert!(blank.text().contains(BLANK) && blank.html().contains(BLANK));
    }
    let named = Letter { from: "<b>&", ..letter(Language::English) };
    assert!(named.html().contains("&lt;b&gt;&amp;"));
}

fn payload(world_from: &PartnerId) -> Payload {
    let mut payload = Payload::new(
        world_from.clone(),
        partner("police"),
        Purpose::VictimNotification,
        Handling { tlp: Tlp::Amber, code: HandlingCode::H1 },
    );
    payload.member = Some(MemberId::new("de").unwrap());
    payload.concerns = ["DE".parse().unwrap()].into();
    payload.items =
        items(&notice(world_from, &[Language::English]), &[victim("240.1.2.3", Some(51_234))]).unwrap();
    payload
}

const FROM: Mailbox<'_> = Mailbox { name: "Meridian Software", address: "notices@meridian.example" };
const TO: Mailbox<'_> = Mailbox { name: "Team of Ruritania", address: "duty@csirt-de.example" };

/// The agreement of these tests lets no victim's address pass in the clear: the mail is made for indicators that do.
fn allowed() -> Payload {
    let mut payload = payload(&partner("company"));
    for item in &mut payload.items {
        item.categories = [Category::C2Infrastructure].into();
        item.labels.clear();
    }
    payload.purpose = Purpose::Takedown;
    payload
}

#[test]
fn victims_that_no_clause_lets_pass_get_no_permit() {
    let world = World::new();
    let payload = payload(&partner("company"));
    let bytes = terms::Digest::of(&payload.canonical().unwrap());
    assert!(world.agreements.rule(&payload.request(bytes), at(NOW)).denied());
    assert!(
        payload
            .items
            .iter()
            .all(|i| i.categories == [Category::VictimIp].into() && i.protection == Protection::Clear)
    );
}

#[test]
fn a_notice_leaves_only_for_victims_and_only_as_ruled() {
    let world = World::new();
    let (id, to) = (ReleaseId::new("notice-1").unwrap(), world.identity.recipient());
    // A permit for another purpose is none for a notice.
    let payload = allowed();
    let bytes = payload.canonical().unwrap();
    let refused =
        mail::release(world.permit(&payload), &bytes, id.clone(), FROM, TO, &to, at(NOW)).unwrap_err();
    assert_eq!(refused.code().unwrap().to_string(), "CMT-1472");
    // Other bytes than those that were ruled on.
    let mut other = payload.clone();
    other.items.pop();
    let refused =
        mail::release(world.permit(&payload), &other.canonical().unwrap(), id, FROM, TO, &to, at(NOW));
    assert_eq!(refused.unwrap_err().code().unwrap().to_string(), "CMT-0222");
}

#[test]
fn the_mail_opens_with_the_recipients_key_alone_and_says_nothing_outside() {
    let world = World::notifying();
    let (id, to) = (ReleaseId::new("notice-1").unwrap(), world.identity.recipient());
    let payload = payload(&partner("company"));
    let bytes = payload.canonical().unwrap();
    let make = || mail::release(world.permit(&payload), &bytes, id.clone(), FROM, TO, &to, at(NOW)).unwrap();
    let sealed = make();
    let text = String::from_utf8(sealed.message.clone()).unwrap();
    for header in [
        "From: \"Meridian Software\" <notices@meridian.example>",
        "To: \"Team of Ruritania\" <duty@csirt-de.example>",
        "Message-ID: <notice-notice-1@meridian.example>",
        "Date: Sun, 8 Mar 2026 10:00:00 +0000",
    ] {
        assert!(text.contains(header), "{header} in\n{}", text.chars().take(800).collect::<String>());
    }
    for secret in ["240.1.2.3", "51234", "harbour", "relay.example"] {
        assert!(!text.contains(secret));
    }
    // The attachments, read as MIME has them: base64 between the boundaries.
    let mut opened = Vec::new();
    for part in text.split("--notice-notice-1").skip(2) {
        let Some((head, body)) = part.split_once("\r\n\r\n") else { continue };
        let name = head.split("filename=\"").nth(1).unwrap().split('"').next().unwrap();
        let raw: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        use base64::Engine as _;
        let bytes = base64::prelude::BASE64_STANDARD.decode(raw).unwrap();
        opened.push((name.to_owned(), sealed::open(&world.identity, &bytes, 1 << 20).unwrap()));
        assert!(sealed::open(&sealed::Identity::generate(), &bytes, 1 << 20).is_err());
    }
    let expected: Vec<(String, Vec<u8>)> =
        payload.items.iter().map(|i| (format!("{}.age", i.name), i.bytes.clone())).collect();
    assert_eq!(opened, expected);
    for address in
        ["nobody", "a@b", "a@b.example\r\nBcc: c@d.example", "a b@c.example", "a@b.example,c@d.example"]
    {
        let to_bad = Mailbox { name: "x", address };
        let refused = mail::release(world.permit(&payload), &bytes, id.clone(), FROM, to_bad, &to, at(NOW))
            .unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "CMT-1472", "{address:?}");
    }
}
