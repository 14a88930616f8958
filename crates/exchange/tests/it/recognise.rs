//! What an exhibit is, from its first bytes: one row each.

use exchange::recognise;
use terms::ExhibitKind::{self, *};

#[track_caller]
fn row(head: &[u8], expected: Option<ExhibitKind>) {
    assert_eq!(recognise(head), expected, "{}", String::from_utf8_lossy(head));
}

#[test]
fn each_kind_by_its_content() {
    for (head, kind) in [
        (r#"{"type":"bundle","id":"bundle--1","objects":[]}"#, StixBundle),
        ("{\n  \"type\" : \"bundle\",\n  \"objects\": [\n", StixBundle),
        ("\u{feff}{ \"type\": \"bundle\" }", StixBundle),
        (r#"{"objects":[{"id":"malware--x","type":"malware","name":"cut of"#, StixBundle),
        (r#"{"objects":[{"created":"2026-03-02T00:00:00Z"}],"type":"bundle"}"#, StixBundle),
        (r#"{"spec_version":"2.0","id":"bundle--x","objects":[{"a":"#, StixBundle),
        (r#"[{"type":"ipv4-addr","id":"ipv4-addr--1","value":"198.18.0.1"}]"#, StixBundle),
        (r#"{"type":"feature","objects":[{"id":"x--1","type":"y"}]}"#, Text),
        (r#"{"nested":{"type":"bundle"}}"#, Text),
        ("comity-bundle/1\n{\"schema\"", Bundle),
        (
            r#"{"payload":"e30=","payloadType":"application/vnd.comity.receipt+json","signatures":[]}"#,
            Receipt,
        ),
        (r#"{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}"#, Text),
        (r#"{"schema":"comity.asset/1","asset":"com.example"}"#, AssetRegister),
        ("{\"schema\":\"comity.account/1\"}\n{\"schema\":\"comity.transaction/1\"}\n", Accounts),
        (r#"{"schema":"comity.transaction/1","at":"2026-03-02T00:00:00Z"}"#, Accounts),
        (r#"{"account":"x","schema":"comity.credential/1"}"#, Accounts),
        ("{\n  \"issuer\": \"a court\",\n  \"schema\": \"comity.authority/1\"\n}", Authority),
        (r#"{"schema":"comity.covert/1","asset":"198.18.9.9"}"#, CovertList),
        ("relay-one.com.example\nsync-two.net.example\n", DomainList),
        ("# channels\nrelay-one[.]com.example # first\n\n", DomainList),
        ("198.18.7.10\n2001:db8::1\n198.18.0.0/15\n198.18.7.10:4443\n[2001:db8::1]:443\n", AddressList),
        ("d41d8cd98f00b204e9800998ecf8427e\n", HashList),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709  empty.bin\n", HashList),
        ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 *empty.bin\r\n", HashList),
        ("a.example\nb.example\nc.example\nd.example\nnot one of them\n", DomainList),
        ("a.example\nb.example\nc.example\nnot one of them\n", Text),
        ("a.example\nb.example\nc.example\nd.exa", DomainList),
        ("See relay-one.com.example for the rest.\nIt moved.\n", Text),
        ("198.18.7.10\nrelay-one.com.example\n", Text),
        ("1.2\n3.4\n5.6\n", Text),
        ("# only a comment\n", Text),
        ("plain words", Text),
    ] {
        row(head.as_bytes(), Some(kind));
    }
}

#[test]
fn what_others_read_or_nobody_does_is_none() {
    row(b"", None);
    row(b"\x7fELF\x02\x01\x01\x00", None);
    row(b"MZ\x90\x00\x03", None);
    row(b"abc\x00def", None);
    row(b"\xff\xfe\x41", None);
    row(br#"{"schema":"comity.sinkhole/1","event":"2026-03-02T00:00:01Z"}"#, None);
    row(b"comity-bundle/2\n\x00", None);
}

#[test]
fn a_character_cut_by_the_end_of_the_head_is_still_text() {
    let text = "Küste".as_bytes();
    row(&text[..2], Some(Text));
}
