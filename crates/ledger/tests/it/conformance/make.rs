//! Makes the vectors from fixed keys.

use super::run::folder;
use crate::home::{Home, ORIGIN, leaf, leaves, log_keys, node};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::SigningKey;
use ledger::{
    Head, NoteKey, NoteSigner, checkpoint, dsse,
    heads::{Earlier, Shown},
    proof::{self, TlogProof, leaf_hash},
    request,
    statement::PAYLOAD_TYPE,
    witness,
};
use std::collections::BTreeMap;
use terms::{Digest, Timestamp};

/// 2026-03-10T00:00:00Z.
pub const NOW: Timestamp = Timestamp(1_773_100_800_000_000);

pub fn witness_signer(n: u8) -> NoteSigner {
    NoteSigner::new(&format!("witness-{n}.comity/witness"), SigningKey::from_bytes(&[60 + n; 32])).unwrap()
}

type Files = BTreeMap<String, Vec<u8>>;

struct Made {
    files: BTreeMap<String, Vec<u8>>,
}

fn key_line(key: &NoteKey) -> String {
    format!("{} {}", key.name(), hex::encode(key.key().as_bytes()))
}

fn head_line(head: &Head) -> String {
    format!("{} {}", head.size, head.root)
}

impl Made {
    fn add(&mut self, name: &str, expect: &str, because: &str, fields: &[(&str, String)], body: &[u8]) {
        let expect = if expect == "accept" { expect.to_owned() } else { format!("refuse CMT-{expect}") };
        let mut text = format!("expect: {expect}\nbecause: {because}\n");
        for (field, value) in fields {
            text.push_str(&format!("{field}: {value}\n"));
        }
        text.push('\n');
        let bytes = [text.as_bytes(), body].concat();
        assert!(self.files.insert(name.to_owned(), bytes).is_none(), "{name} twice");
    }

    fn note(&mut self, name: &str, expect: &str, because: &str, demand: usize, body: &[u8]) {
        let mut fields = vec![
            ("kind", "checkpoint".to_owned()),
            ("origin", ORIGIN.to_owned()),
            ("key", key_line(&log_keys()[0])),
        ];
        fields.extend((1..=3).map(|n| ("witness", key_line(witness_signer(n).public()))));
        fields.push(("demand", demand.to_string()));
        self.add(&format!("checkpoint-{name}"), expect, because, &fields, body);
    }

    fn travelling(&mut self, name: &str, expect: &str, because: &str, leaf: &[u8], body: &[u8]) {
        let fields = [
            ("kind", "tlog-proof".to_owned()),
            ("origin", ORIGIN.to_owned()),
            ("key", key_line(&log_keys()[0])),
            ("witness", key_line(witness_signer(1).public())),
            ("demand", "1".to_owned()),
            ("leaf", hex::encode(leaf)),
        ];
        self.add(&format!("tlog-proof-{name}"), expect, because, &fields, body);
    }

    fn inclusion(
        &mut self,
        name: &str,
        expect: &str,
        because: &str,
        of: (&Head, u64, Digest),
        path: &[Digest],
    ) {
        let (head, index, leaf) = of;
        let fields = [
            ("kind", "inclusion".to_owned()),
            ("origin", head.origin.clone()),
            ("head", head_line(head)),
            ("index", index.to_string()),
            ("leaf-hash", leaf.to_string()),
        ];
        self.add(&format!("inclusion-{name}"), expect, because, &fields, lines(path).as_bytes());
    }

    fn consistency(&mut self, name: &str, expect: &str, because: &str, of: (&Head, &Head), path: &[Digest]) {
        let fields = [
            ("kind", "consistency".to_owned()),
            ("origin", of.0.origin.clone()),
            ("old", head_line(of.0)),
            ("head", head_line(of.1)),
        ];
        self.add(&format!("consistency-{name}"), expect, because, &fields, lines(path).as_bytes());
    }

    fn request(&mut self, name: &str, expect: &str, because: &str, seen: Option<&Head>, body: &[u8]) {
        let mut fields = vec![
            ("kind", "request".to_owned()),
            ("origin", ORIGIN.to_owned()),
            ("key", key_line(&log_keys()[0])),
        ];
        fields.extend(seen.map(|h| ("seen", head_line(h))));
        self.add(&format!("request-{name}"), expect, because, &fields, body);
    }

    fn log(&mut self, name: &str, expect: &str, because: &str, home: &Home) {
        let fields = [
            ("kind", "log".to_owned()),
            ("origin", ORIGIN.to_owned()),
            ("key", key_line(&log_keys()[0])),
            ("node", hex::encode(node().verifying_key().as_bytes())),
            ("demand", "0".to_owned()),
        ];
        let files: BTreeMap<&String, String> =
            home.files.iter().map(|(p, b)| (p, STANDARD.encode(b))).collect();
        self.add(&format!("log-{name}"), expect, because, &fields, &serde_json::to_vec(&files).unwrap());
    }

    fn leaf(&mut self, name: &str, expect: &str, because: &str, body: &[u8]) {
        let node = hex::encode(node().verifying_key().as_bytes());
        let fields = [("kind", "leaf".to_owned()), ("node", node)];
        self.add(&format!("leaf-{name}"), expect, because, &fields, body);
    }

    fn shown(
        &mut self,
        name: &str,
        expect: &str,
        because: &str,
        remembered: &[&Head],
        at: i64,
        shown: &Shown,
    ) {
        let mut fields = vec![
            ("kind", "shown".to_owned()),
            ("origin", ORIGIN.to_owned()),
            ("key", key_line(&log_keys()[0])),
        ];
        fields.extend(remembered.iter().map(|h| ("remembered", head_line(h))));
        fields.push(("remembered-at", at.to_string()));
        self.add(&format!("shown-{name}"), expect, because, &fields, &serde_json::to_vec(shown).unwrap());
    }
}

fn lines(path: &[Digest]) -> String {
    path.iter().map(|d| format!("{}\n", STANDARD.encode(d.0))).collect()
}

fn grown(n: u64) -> Home {
    let mut home = Home::new();
    home.append(&leaves(0, n));
    home
}

fn other(n: u64, from: u64) -> Home {
    let mut home = Home::new();
    home.append(&leaves(0, from));
    home.append(&leaves(1_000_000, n - from));
    home
}

fn point(home: &Home) -> Vec<u8> {
    home.files[checkpoint::FILE].clone()
}

fn cosigned(bytes: &[u8], n: u8, at: Timestamp) -> Vec<u8> {
    witness::cosign(bytes, ORIGIN, &log_keys(), &None, &[], &witness_signer(n), at).unwrap().0
}

fn replace(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{from:?} in {text:?}");
    text.replacen(from, to, 1).into_bytes()
}

/// The lines of a note: three of text, an empty one, then signatures.
fn note_lines(bytes: &[u8]) -> Vec<String> {
    std::str::from_utf8(bytes).unwrap().lines().map(|l| format!("{l}\n")).collect()
}

/// Signs any text as the log does, also one that is no checkpoint.
fn signed(text: &str) -> Vec<u8> {
    use ed25519_dalek::Signer as _;
    let key = &log_keys()[0];
    let id = signed_note::key_id(key.name(), &[&[1], key.key().as_bytes().as_slice()].concat());
    let signature = [&id.to_be_bytes(), node().sign(text.as_bytes()).to_bytes().as_slice()].concat();
    format!("{text}\n\u{2014} {ORIGIN} {}\n", STANDARD.encode(signature)).into_bytes()
}

fn checkpoints(made: &mut Made) {
    let home = grown(5);
    let own = point(&home);
    let two = cosigned(&cosigned(&own, 1, NOW), 2, NOW.plus_days(1));
    let root = STANDARD.encode(home.head().root.0);
    made.note("signed", "accept", "the log signed it; no witness is demanded", 0, &own);
    made.note("two-of-three", "accept", "two of three witnesses cosigned and two are demanded", 2, &two);
    made.note("empty", "accept", "an empty log has the root of the empty tree", 0, &point(&Home::new()));
    let stranger = cosigned(&own, 9, NOW);
    made.note(
        "stranger-beside",
        "accept",
        "a line of an unknown key is ignored (C2SP signed-note)",
        0,
        &stranger,
    );
    made.note("three-demanded", "0312", "three are demanded, two cosigned", 3, &two);
    made.note("stranger-counts-not", "0312", "the one cosignature is of no known witness", 1, &stranger);
    let line = note_lines(&two)[5].clone();
    let twice = [two.as_slice(), line.as_bytes()].concat();
    made.note("cosigned-twice", "0309", "one witness's line stands twice: it would count as two", 2, &twice);
    let own_line = note_lines(&own)[4].clone();
    made.note(
        "signed-twice",
        "0309",
        "the log's line stands twice",
        0,
        &[own.as_slice(), own_line.as_bytes()].concat(),
    );
    let late = cosigned(&own, 1, NOW.plus_days(2));
    let late = note_lines(&late)[5].clone();
    let moved = |from: &str, to: &str| {
        let typed = |l: &str| STANDARD.decode(l.trim_end().rsplit(' ').next().unwrap()).unwrap();
        let (mut a, b) = (typed(from), typed(to));
        a[4..12].copy_from_slice(&b[4..12]);
        let name = from.split(' ').nth(1).unwrap();
        format!("\u{2014} {name} {}\n", STANDARD.encode(a))
    };
    let other_time = [own.as_slice(), moved(&line, &late).as_bytes()].concat();
    made.note(
        "cosignature-other-time",
        "0311",
        "its time is another than the one that was signed",
        1,
        &other_time,
    );
    let elsewhere = note_lines(&cosigned(&point(&grown(6)), 1, NOW))[5].clone();
    let elsewhere = [own.as_slice(), elsewhere.as_bytes()].concat();
    made.note("cosignature-other-head", "0311", "the witness cosigned another head", 1, &elsewhere);
    let timeless = {
        use ed25519_dalek::Signer as _;
        let key = SigningKey::from_bytes(&[61; 32]);
        let text: String = note_lines(&own)[..3].concat();
        let signature = key.sign(format!("cosignature/v1\ntime 0\n{text}").as_bytes()).to_bytes();
        let id = signed_note::key_id(
            "witness-1.comity/witness",
            &[&[4], key.verifying_key().as_bytes().as_slice()].concat(),
        );
        let bytes = [&id.to_be_bytes(), [0; 8].as_slice(), &signature].concat();
        [own.as_slice(), format!("\u{2014} witness-1.comity/witness {}\n", STANDARD.encode(bytes)).as_bytes()]
            .concat()
    };
    made.note(
        "cosignature-without-time",
        "0311",
        "time 0 says that no time is stated (C2SP tlog-cosignature)",
        1,
        &timeless,
    );
    let [a, b, c, blank, sig] = &note_lines(&own)[..] else { panic!() };
    let unsigned = [a.as_str(), b, c].concat();
    made.note("unsigned", "0309", "no signature line follows", 0, unsigned.as_bytes());
    let line_of = |signer: &NoteSigner| {
        let head = Head { origin: signer.public().name().to_owned(), ..home.head() };
        note_lines(&checkpoint::sign(&head, &[signer]).unwrap())[4].clone()
    };
    let unknown = NoteSigner::new("police.comity/ledger", SigningKey::from_bytes(&[9; 32])).unwrap();
    let unknown = [unsigned.as_str(), blank, &line_of(&unknown)].concat();
    made.note("unknown-key-only", "0311", "only a key that is not known signed", 0, unknown.as_bytes());
    let impostor = NoteSigner::new(ORIGIN, SigningKey::from_bytes(&[9; 32])).unwrap();
    let impostor = checkpoint::sign(&home.head(), &[&impostor]).unwrap();
    made.note("known-name-unknown-key", "0311", "the name is the log's, the key is not", 0, &impostor);
    let flipped = {
        let last = sig.trim_end().rsplit(' ').next().unwrap();
        let mut bytes = STANDARD.decode(last).unwrap();
        *bytes.last_mut().unwrap() ^= 0x10;
        replace(&own, last, &STANDARD.encode(bytes))
    };
    made.note("signature-flipped", "0311", "one bit of the log's signature is another", 0, &flipped);
    made.note(
        "root-changed",
        "0311",
        "the root is another than the one that was signed",
        0,
        &replace(&own, &root, &STANDARD.encode([7; 32])),
    );
    made.note(
        "size-changed",
        "0311",
        "the size is another than the one that was signed",
        0,
        &replace(&own, "\n5\n", "\n6\n"),
    );
    made.note("other-origin", "0310", "it is of another log", 0, &{
        let other = NoteSigner::new("police.comity/ledger", node()).unwrap();
        let head = Head { origin: "police.comity/ledger".into(), ..home.head() };
        checkpoint::sign(&head, &[&other]).unwrap()
    });
    made.note(
        "leading-zero",
        "0309",
        "the size is written with a leading zero",
        0,
        &signed(&format!("{ORIGIN}\n05\n{root}\n")),
    );
    made.note(
        "size-overflow",
        "0309",
        "the size is 2^64",
        0,
        &signed(&format!("{ORIGIN}\n18446744073709551616\n{root}\n")),
    );
    made.note(
        "size-negative",
        "0309",
        "the size is negative",
        0,
        &signed(&format!("{ORIGIN}\n-5\n{root}\n")),
    );
    made.note(
        "size-above-bound",
        "0309",
        "the size is above 2^40",
        0,
        &signed(&format!("{ORIGIN}\n1099511627777\n{root}\n")),
    );
    made.note(
        "root-short",
        "0309",
        "the root has 31 bytes",
        0,
        &signed(&format!("{ORIGIN}\n5\n{}\n", STANDARD.encode([7; 31]))),
    );
    made.note(
        "root-url-base64",
        "0309",
        "the root is in the URL alphabet",
        0,
        &signed(&format!("{ORIGIN}\n5\n{}\n", STANDARD.encode([0xff; 32]).replace('/', "_"))),
    );
    made.note(
        "root-without-padding",
        "0309",
        "the root's base64 lacks its padding",
        0,
        &signed(&format!("{ORIGIN}\n5\n{}\n", root.trim_end_matches('='))),
    );
    made.note(
        "empty-with-a-root",
        "0309",
        "an empty log has one root only",
        0,
        &signed(&format!("{ORIGIN}\n0\n{root}\n")),
    );
    made.note(
        "extension-line",
        "0309",
        "it has an extension line, which this profile does not write and does not read",
        0,
        &signed(&format!("{ORIGIN}\n5\n{root}\nmore\n")),
    );
    made.note("crlf", "0309", "its lines end in CR LF", 0, &replace(&own, "\n5\n", "\r\n5\r\n"));
    made.note("no-final-newline", "0309", "the last line does not end", 0, own.strip_suffix(b"\n").unwrap());
    made.note(
        "two-dashes",
        "0309",
        "the signature line begins with a hyphen",
        0,
        &replace(&own, "\u{2014}", "-"),
    );
    made.note(
        "trailing-text",
        "0309",
        "text follows the signatures",
        0,
        &[own.as_slice(), b"more\n"].concat(),
    );
    made.note("nothing", "0309", "it is empty", 0, b"");
    made.note("not-utf8", "0309", "a byte of it is no UTF-8", 0, &[&[0xff], own.as_slice()].concat());
}

fn proofs(made: &mut Made) {
    let home = grown(300);
    let head = home.head();
    let path = proof::prove_inclusion(&home.read(), &head, 270).unwrap();
    let hash = leaf_hash(&leaf(270));
    let of = (&head, 270, hash);
    made.inclusion("holds", "accept", "leaf 270 of 300", of, &path);
    let one = grown(1);
    made.inclusion(
        "single-leaf",
        "accept",
        "the only leaf is the root",
        (&one.head(), 0, leaf_hash(&leaf(0))),
        &[],
    );
    made.inclusion("one-hash-short", "0317", "its last hash is missing", of, &path[..path.len() - 1]);
    made.inclusion(
        "one-hash-more",
        "0317",
        "one hash stands there too many",
        of,
        &[&path[..], &[Digest([0; 32])]].concat(),
    );
    let mut swapped = path.clone();
    swapped.swap(1, 2);
    made.inclusion("swapped-hashes", "0317", "two hashes changed places", of, &swapped);
    made.inclusion(
        "other-index",
        "0317",
        "it is the proof of leaf 270, not of 271",
        (&head, 271, hash),
        &path,
    );
    made.inclusion("index-beyond", "0317", "the log has no leaf 300", (&head, 300, hash), &path);
    made.inclusion("other-leaf", "0317", "the leaf is another", (&head, 270, leaf_hash(&leaf(271))), &path);
    let wrong = Head { root: Digest([9; 32]), ..head.clone() };
    made.inclusion("wrong-root", "0317", "the root is another", (&wrong, 270, hash), &path);
    let node = Head { size: 299, ..head.clone() };
    made.inclusion(
        "wrong-size",
        "0317",
        "the size is another than the proof's",
        (&node, 270, hash),
        &path[..path.len() - 1],
    );
    let old = grown(200);
    let old = old.head();
    let path = proof::prove_consistency(&home.read(), &old, &head).unwrap();
    made.consistency("holds", "accept", "300 leaves continue 200", (&old, &head), &path);
    made.consistency("same", "accept", "a log continues itself and needs no hash", (&head, &head), &[]);
    made.consistency(
        "one-hash-short",
        "0317",
        "200 to 300 needs one hash more",
        (&old, &head),
        &path[..path.len() - 1],
    );
    made.consistency("first-hash-missing", "0317", "its first hash is missing", (&old, &head), &path[1..]);
    let mut swapped = path.clone();
    swapped.swap(0, 1);
    made.consistency("swapped-hashes", "0317", "two hashes changed places", (&old, &head), &swapped);
    made.consistency("backwards", "0317", "200 leaves do not continue 300", (&head, &old), &path);
    let forked = other(300, 100).head();
    made.consistency(
        "other-tail",
        "0317",
        "the new log left the old one at leaf 100",
        (&old, &forked),
        &path,
    );
    made.consistency("same-size-other-root", "0317", "one size, two roots", (&head, &forked), &[]);
    let empty = Home::new().head();
    made.consistency(
        "from-empty-with-a-proof",
        "0317",
        "nothing has to be proved from an empty log",
        (&empty, &head),
        &path[..1],
    );
    let false_empty = Head { root: Digest([9; 32]), ..empty };
    made.consistency("empty-with-a-root", "0317", "an empty log has one root", (&false_empty, &head), &[]);
}

fn travelling(made: &mut Made) {
    let home = grown(300);
    let path = proof::prove_inclusion(&home.read(), &home.head(), 270).unwrap();
    let text = |checkpoint: Vec<u8>| TlogProof { index: 270, path: path.clone(), checkpoint }.to_text();
    let good = text(cosigned(&point(&home), 1, NOW));
    let leaf_bytes = leaf(270);
    let mut add = |name: &str, expect: &str, because: &str, body: &[u8]| {
        made.travelling(name, expect, because, &leaf_bytes, body);
    };
    add("holds", "accept", "leaf, path, checkpoint and one witness of one", &good);
    add("no-witness", "0312", "the witness's line is missing", &text(point(&home)));
    add("no-header", "0317", "its first line is missing", &good[b"c2sp.org/tlog-proof@v1\n".len()..]);
    add("other-version", "0317", "it says to be version 2", &replace(&good, "@v1", "@v2"));
    add(
        "extra-data",
        "0317",
        "it carries extra data, which no signature covers; this profile refuses it",
        &replace(&good, "index 270", "extra AAAA\nindex 270"),
    );
    add(
        "index-leading-zero",
        "0317",
        "the index has a leading zero",
        &replace(&good, "index 270", "index 0270"),
    );
    add(
        "index-overflow",
        "0317",
        "the index is 2^64",
        &replace(&good, "index 270", "index 18446744073709551616"),
    );
    add("index-missing", "0317", "it has no index", &replace(&good, "index 270\n", ""));
    add("other-index", "0317", "the index is of another leaf", &replace(&good, "index 270", "index 269"));
    let first = STANDARD.encode(path[0].0);
    add("one-hash-short", "0317", "one hash is missing", &replace(&good, &format!("{first}\n"), ""));
    add(
        "hash-without-padding",
        "0317",
        "a hash's base64 lacks its padding",
        &replace(&good, &first, first.trim_end_matches('=')),
    );
    add("crlf", "0317", "its lines end in CR LF", &replace(&good, "index 270\n", "index 270\r\n"));
    add("no-blank-line", "0317", "no empty line stands before the checkpoint", &replace(&good, "\n\n", "\n"));
    add(
        "other-checkpoint",
        "0317",
        "the checkpoint is of an earlier size",
        &text(cosigned(&point(&grown(299)), 1, NOW)),
    );
    add(
        "no-final-newline",
        "0309",
        "the checkpoint's last line does not end",
        good.strip_suffix(b"\n").unwrap(),
    );
    made.travelling("other-leaf", "0317", "the leaf is another", &leaf(271), &good);
}

fn requests(made: &mut Made) {
    let (old, home) = (grown(3), grown(7));
    let seen = old.head();
    let ask =
        |seen: Option<&Head>| request::ask(&home.read(), point(&home), ORIGIN, &log_keys(), seen).unwrap();
    let good = ask(Some(&seen));
    let text = good.to_text();
    made.request("first", "accept", "nothing was cosigned before", None, &ask(None).to_text());
    made.request("grown", "accept", "7 leaves continue the 3 that were cosigned", Some(&seen), &text);
    made.request(
        "first-with-a-proof",
        "0317",
        "nothing was cosigned before: no proof belongs there",
        None,
        &{
            let mut r = ask(None);
            r.proof.push(Digest([1; 32]));
            r.to_text()
        },
    );
    made.request(
        "other-old-size",
        "0324",
        "3 leaves were cosigned last, not 2",
        Some(&seen),
        &replace(&text, "old 3", "old 2"),
    );
    made.request(
        "old-above-new",
        "0322",
        "the old size is above the checkpoint's",
        Some(&seen),
        &replace(&text, "old 3", "old 8"),
    );
    made.request("no-proof", "0317", "the proof is missing", Some(&seen), &{
        let mut r = good.clone();
        r.proof.clear();
        r.to_text()
    });
    made.request("one-hash-short", "0317", "one hash is missing", Some(&seen), &{
        let mut r = good.clone();
        r.proof.pop();
        r.to_text()
    });
    made.request(
        "shrunk",
        "0318",
        "7 leaves were cosigned, 3 are shown",
        Some(&home.head()),
        &request::ask(&old.read(), point(&old), ORIGIN, &log_keys(), None).unwrap().to_text(),
    );
    made.request("same-size-other-root", "0318", "one size, two roots", Some(&other(7, 2).head()), &{
        let mut r = good.clone();
        r.old = 7;
        r.proof.clear();
        r.to_text()
    });
    made.request(
        "old-leading-zero",
        "0322",
        "the old size has a leading zero",
        Some(&seen),
        &replace(&text, "old 3", "old 03"),
    );
    made.request("64-hashes", "0322", "more than 63 hashes (C2SP tlog-witness)", Some(&seen), &{
        let mut r = good.clone();
        r.proof = vec![Digest([1; 32]); 64];
        r.to_text()
    });
    made.request("no-old-line", "0322", "it does not begin with the old size", Some(&seen), &text[6..]);
    made.request("not-signed-by-the-log", "0311", "the checkpoint is signed by another key", Some(&seen), &{
        let mut r = good.clone();
        let impostor = NoteSigner::new(ORIGIN, SigningKey::from_bytes(&[9; 32])).unwrap();
        r.checkpoint = checkpoint::sign(&home.head(), &[&impostor]).unwrap();
        r.to_text()
    });
}

fn logs(made: &mut Made) {
    let mut home = Home::new();
    home.append(&leaves(0, 2));
    home.append(&leaves(2, 3));
    let with = |change: &dyn Fn(&mut Files)| {
        let mut home = home.clone();
        change(&mut home.files);
        home
    };
    let (tile, bundle) = ("tile/0/000.p/5", "tile/entries/000.p/5");
    made.log("whole", "accept", "five leaves, written in two appends", &home);
    made.log(
        "tile-too-narrow",
        "0315",
        "the tile holds four hashes and is named for five",
        &with(&|f| f.get_mut(tile).unwrap().truncate(128)),
    );
    made.log(
        "tile-too-wide",
        "0315",
        "the tile holds six hashes and is named for five",
        &with(&|f| f.get_mut(tile).unwrap().extend([0; 32])),
    );
    made.log(
        "tile-swapped",
        "0315",
        "two hashes of the tile changed places",
        &with(&|f| f.get_mut(tile).unwrap().rotate_left(32)),
    );
    made.log(
        "tile-missing",
        "0313",
        "the tile of the signed size is missing",
        &with(&|f| drop(f.remove(tile))),
    );
    made.log(
        "bundle-missing",
        "0313",
        "the bundle of the signed size is missing",
        &with(&|f| drop(f.remove(bundle))),
    );
    made.log(
        "bundle-length",
        "0315",
        "a leaf's length is one too many",
        &with(&|f| f.get_mut(bundle).unwrap()[1] += 1),
    );
    made.log(
        "bundle-byte",
        "0315",
        "one byte of a leaf is another",
        &with(&|f| f.get_mut(bundle).unwrap()[40] ^= 1),
    );
    made.log(
        "older-tile-changed",
        "0315",
        "the partial tile of the earlier size is another",
        &with(&|f| f.get_mut("tile/0/000.p/2").unwrap()[0] ^= 1),
    );
    made.log(
        "stray-file",
        "0319",
        "a file lies there that no log writes",
        &with(&|f| drop(f.insert("tile/0/01".into(), vec![]))),
    );
    made.log(
        "level-64",
        "0319",
        "no log has a level 64",
        &with(&|f| drop(f.insert("tile/64/000".into(), vec![]))),
    );
    let mut foreign = Home::new();
    let stranger =
        dsse::sign(PAYLOAD_TYPE, &statement(), &SigningKey::from_bytes(&[9; 32])).unwrap().to_json();
    foreign.append(&[leaf(0), stranger]);
    made.log("leaf-of-a-stranger", "0316", "leaf 1 is signed by a key that is not the node's", &foreign);
    let mut rewritten = home.clone();
    rewritten.files.extend(other(5, 2).files.into_iter().filter(|(p, _)| p != checkpoint::FILE));
    made.log("rewritten", "0315", "all bundles and tiles were made anew; the checkpoint was not", &rewritten);
}

fn statement() -> Vec<u8> {
    dsse::Envelope::from_json(&leaf(0)).unwrap().unverified_payload().to_vec()
}

fn leaf_vectors(made: &mut Made) {
    let sealed = |text: &str| dsse::sign(PAYLOAD_TYPE, text.as_bytes(), &node()).unwrap().to_json();
    let text = String::from_utf8(statement()).unwrap();
    made.leaf(
        "statement",
        "accept",
        "an in-toto statement with one commitment, signed by the node",
        &leaf(0),
    );
    made.leaf(
        "bare-digest",
        "0306",
        "its subject is a digest and no salted commitment",
        &sealed(&text.replace("hmac-sha256", "sha256")),
    );
    made.leaf(
        "no-subject",
        "0306",
        "it speaks of nothing",
        &sealed(&format!(
            "{},{}",
            r#"{"_type":"https://in-toto.io/Statement/v1","subject":[]"#,
            text.split_once("],").unwrap().1
        )),
    );
    made.leaf(
        "network-address",
        "0306",
        "it holds an address",
        &sealed(&text.replace(r#""n":0"#, r#""n":"203.0.113.7""#)),
    );
    made.leaf(
        "mail-address",
        "0306",
        "it holds a mail address",
        &sealed(&text.replace(r#""n":0"#, r#""n":"someone@mail.example""#)),
    );
    made.leaf(
        "unknown-predicate",
        "0306",
        "its predicate type is not known",
        &sealed(&text.replace("custody/v1", "gossip/v1")),
    );
    made.leaf(
        "other-payload-type",
        "0302",
        "the envelope holds another kind of thing",
        &dsse::sign("text/plain", &statement(), &node()).unwrap().to_json(),
    );
    made.leaf(
        "not-signed-by-the-node",
        "0303",
        "another key signed it",
        &dsse::sign(PAYLOAD_TYPE, &statement(), &SigningKey::from_bytes(&[9; 32])).unwrap().to_json(),
    );
    made.leaf("payload-changed", "0305", "the payload is another than the one that was signed", &{
        let changed = STANDARD.encode(text.replace(r#""n":0"#, r#""n":1"#));
        replace(&leaf(0), &STANDARD.encode(&text), &changed)
    });
    made.leaf("no-envelope", "0301", "it is a statement without an envelope", text.as_bytes());
}

fn shown_vectors(made: &mut Made) {
    let (first, home) = (grown(3), grown(7));
    let (seen, now) = (first.head(), home.head());
    let text = |home: &Home| String::from_utf8(point(home)).unwrap();
    let join = |home: &Home, old: &Head| Earlier {
        size: old.size,
        root: old.root,
        proof: proof::prove_consistency(&home.read(), old, &home.head()).unwrap(),
    };
    let at = NOW.0;
    let say = |home: &Home, earlier: Vec<Earlier>, at: i64| Shown::new(Timestamp(at), text(home), earlier, 0);
    let grew = say(&home, vec![join(&home, &seen)], at + 1);
    made.shown("grown", "accept", "7 leaves, joined to the 3 that are remembered", &[&seen], at, &grew);
    made.shown(
        "overtaken",
        "accept",
        "an older message arrives late: its head is remembered",
        &[&seen, &now],
        at,
        &say(&first, vec![], at - 1),
    );
    made.shown(
        "shrank",
        "0318",
        "it showed 7 leaves and later shows 3",
        &[&seen, &now],
        at,
        &say(&first, vec![], at + 1),
    );
    let fork = other(7, 2);
    made.shown(
        "same-size-other-root",
        "0318",
        "one size, two roots",
        &[&now],
        at,
        &say(&fork, vec![], at + 1),
    );
    let own = ledger::earlier::head(&fork.read(), &fork.head(), 3).unwrap();
    made.shown(
        "other-history",
        "0318",
        "it signs another root for a size that is remembered",
        &[&seen],
        at,
        &say(&fork, vec![join(&fork, &own)], at + 1),
    );
    made.shown(
        "false-proof",
        "0318",
        "it signs that it continues what was seen, and the proof does not hold",
        &[&seen],
        at,
        &say(&fork, vec![Earlier { proof: vec![Digest([1; 32]); 3], ..join(&home, &seen) }], at + 1),
    );
    made.shown(
        "not-joined",
        "0317",
        "nothing joins it to what is remembered",
        &[&seen],
        at,
        &say(&home, vec![], at + 1),
    );
    let mut many = grew.clone();
    many.earlier = vec![join(&home, &seen); 65];
    made.shown("too-many", "0323", "it joins more than 64 heads", &[&seen], at, &many);
    let schema = Shown { schema: "comity.ledger-shown/2".into(), ..grew };
    made.shown("other-schema", "0323", "it is of a schema that is not known", &[&seen], at, &schema);
}

#[test]
fn the_folder_is_what_the_fixed_keys_make() {
    let mut made = Made { files: BTreeMap::new() };
    checkpoints(&mut made);
    proofs(&mut made);
    travelling(&mut made);
    requests(&mut made);
    logs(&mut made);
    leaf_vectors(&mut made);
    shown_vectors(&mut made);
    if std::env::var_os("CONFORMANCE_WRITE").is_some() {
        std::fs::create_dir_all(folder()).unwrap();
        for (name, bytes) in &made.files {
            std::fs::write(folder().join(name), bytes).unwrap();
        }
    }
    let names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|n| n != "README.md")
        .collect();
    assert_eq!(names.len(), made.files.len(), "files that nothing makes lie in the folder");
    for (name, bytes) in &made.files {
        assert!(std::fs::read(folder().join(name)).is_ok_and(|b| b == *bytes), "{name} is another");
    }
}
