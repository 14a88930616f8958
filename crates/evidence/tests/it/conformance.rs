//! `conformance/package`: vectors that any language can run. Here is the list they are made from, and their runner, which
//! knows the files alone.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use evidence::{
    EvidenceError,
    package::{Item, PAYLOAD_TYPE, public_key_pem, verify_package, write_package},
};
use ledger::dsse;
use miette::Diagnostic as _;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use terms::{Day, Digest};

const DAY: Day = Day(20_514);
const WHOLE: &str = "accept-whole.json";

type Files = BTreeMap<String, Vec<u8>>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/package")
}

/// Keys of the vectors: worth nothing, and known to everybody.
fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn read(dir: &Path) -> Files {
    let name = |f: &Path| f.strip_prefix(dir).unwrap().to_string_lossy().into_owned();
    crate::vault::files(dir).iter().map(|f| (name(f), fs::read(f).unwrap())).collect()
}

fn packed(items: Vec<Item<'_>>) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("p");
    write_package(&dir, items, &[("Source-Organization", "Meridian Software")], DAY, &key(1)).unwrap();
    read(&dir)
}

fn whole() -> Files {
    packed(vec![
        Item::payload("letter.txt", &b"To the prosecutor.\n"[..]),
        Item::payload("orders/order-de-114.json", &b"{\"order\":1}\n"[..]),
        Item::payload("exhibits/sample.bin", &[0u8, 255, 7][..]),
        Item::proof("package.tlog-proof", &b"c2sp.org/tlog-proof@v1\n"[..]),
    ])
}

fn text(files: &Files, name: &str) -> String {
    String::from_utf8(files[name].clone()).unwrap()
}

fn envelope(tags: &str, schema: &str, kind: &str, signer: &SigningKey) -> dsse::Envelope {
    let signed = format!(r#"{{"schema":"{schema}","tagmanifest":"{}"}}"#, Digest::of(tags.as_bytes()));
    dsse::sign(kind, signed.as_bytes(), signer).unwrap()
}

/// Lists and signs everything anew: what a hostile packer with a known key can do.
fn sign_again(files: &mut Files, tags: Option<String>) {
    let listed = |n: &&String| {
        !n.starts_with("data/") && !n.starts_with("signature.") && *n != "tagmanifest-sha256.txt"
    };
    let tags = tags.unwrap_or_else(|| {
        files.keys().filter(listed).map(|n| format!("{}  {n}\n", Digest::of(&files[n]))).collect()
    });
    let signed = envelope(&tags, "comity.package/2", PAYLOAD_TYPE, &key(1));
    files.insert("signature.dsse.json".into(), signed.to_json());
    files.insert("signature.ed25519".into(), key(1).sign(tags.as_bytes()).to_bytes().to_vec());
    files.insert("tagmanifest-sha256.txt".into(), tags.into_bytes());
}

fn flip(files: &mut Files, name: &str, at: usize) {
    files.get_mut(name).unwrap()[at] ^= 1;
}

fn replace(files: &mut Files, name: &str, from: &str, to: &str) {
    let changed = text(files, name).replacen(from, to, 1);
    assert_ne!(changed, text(files, name), "{from} in {name}");
    files.insert(name.into(), changed.into_bytes());
}

fn manifest(files: &mut Files, from: &str, to: &str) {
    replace(files, "manifest-sha256.txt", from, to);
    sign_again(files, None);
}

struct Vector {
    name: String,
    expect: String,
    file: &'static str,
    because: &'static str,
    files: Files,
    links: Value,
    folders: Value,
}

type Change = fn(&mut Files);

/// Name, code, file to blame, reason, and how the whole package is changed.
#[rustfmt::skip]
const REFUSED: &[(&str, &str, &str, &str, Change)] = &[
    ("payload-bit", "CMT-0422", "data/letter.txt", "one bit of a payload file is another", |f| flip(f, "data/letter.txt", 3)),
    ("payload-longer", "CMT-0422", "data/letter.txt", "a payload file is one byte longer", |f| f.get_mut("data/letter.txt").unwrap().push(b'\n')),
    ("payload-emptied", "CMT-0422", "data/letter.txt", "a payload file is empty", |f| f.get_mut("data/letter.txt").unwrap().clear()),
    ("payload-missing", "CMT-0423", "data/letter.txt", "a payload file is gone", |f| { f.remove("data/letter.txt"); }),
    ("payload-added", "CMT-0424", "data/more.txt", "a file lies in the payload that nobody listed", |f| { f.insert("data/more.txt".into(), b"x".to_vec()); }),
    ("payload-renamed", "CMT-0424", "data/Letter.txt", "a payload file has another name, which differs in case only", |f| { let b = f.remove("data/letter.txt").unwrap(); f.insert("data/Letter.txt".into(), b); }),
    ("payload-swapped", "CMT-0422", "data/letter.txt", "two payload files have changed places", |f| { let (a, b) = (f["data/letter.txt"].clone(), f["data/orders/order-de-114.json"].clone()); f.insert("data/letter.txt".into(), b); f.insert("data/orders/order-de-114.json".into(), a); }),
    ("proof-bit", "CMT-0422", "proofs/package.tlog-proof", "one bit of a proof is another", |f| flip(f, "proofs/package.tlog-proof", 0)),
    ("proof-missing", "CMT-0423", "proofs/package.tlog-proof", "a proof is gone", |f| { f.remove("proofs/package.tlog-proof"); }),
    ("proof-added", "CMT-0424", "proofs/second.tlog-proof", "a proof lies there that nobody listed", |f| { f.insert("proofs/second.tlog-proof".into(), b"x".to_vec()); }),
    ("beside", "CMT-0424", "note.txt", "a file lies beside the package's own", |f| { f.insert("note.txt".into(), b"x".to_vec()); }),
    ("second-manifest", "CMT-0424", "manifest-md5.txt", "a manifest of a weaker digest lies beside", |f| { f.insert("manifest-md5.txt".into(), b"x".to_vec()); }),
    ("readme-bit", "CMT-0422", "README.txt", "the way to verify says something else", |f| flip(f, "README.txt", 100)),
    ("info-bit", "CMT-0422", "bag-info.txt", "the description says something else", |f| flip(f, "bag-info.txt", 20)),
    ("manifest-bit", "CMT-0422", "manifest-sha256.txt", "a listed digest is another", |f| flip(f, "manifest-sha256.txt", 2)),
    ("manifest-shorter", "CMT-0422", "manifest-sha256.txt", "a line of the payload manifest is gone, and its file with it", |f| { f.remove("data/letter.txt"); let t: String = text(f, "manifest-sha256.txt").lines().filter(|l| !l.ends_with("letter.txt")).map(|l| format!("{l}\n")).collect(); f.insert("manifest-sha256.txt".into(), t.into_bytes()); }),
    ("tagmanifest-bit", "CMT-0422", "tagmanifest-sha256.txt", "the signed list is another", |f| flip(f, "tagmanifest-sha256.txt", 2)),
    ("tagmanifest-missing", "CMT-0423", "tagmanifest-sha256.txt", "the signed list is gone", |f| { f.remove("tagmanifest-sha256.txt"); }),
    ("signature-bit", "CMT-0425", "", "one bit of the envelope's signature is another", |f| { let t = text(f, "signature.dsse.json"); let at = t.find("\"sig\":\"").unwrap() + 12; let b = f.get_mut("signature.dsse.json").unwrap(); b[at] = if b[at] == b'A' { b'B' } else { b'A' }; }),
    ("signature-missing", "CMT-0423", "signature.dsse.json", "nobody signed an envelope", |f| { f.remove("signature.dsse.json"); }),
    ("signature-spaced", "CMT-0425", "", "the envelope is in another spelling", |f| f.get_mut("signature.dsse.json").unwrap().push(b'\n')),
    ("signature-of-a-stranger", "CMT-0425", "", "somebody signed whose key is not known", |f| { let t = text(f, "tagmanifest-sha256.txt"); f.insert("signature.dsse.json".into(), envelope(&t, "comity.package/2", PAYLOAD_TYPE, &key(2)).to_json()); }),
    ("signature-with-a-stranger", "CMT-0425", "", "somebody signed too whose key is not known", |f| { let t = text(f, "tagmanifest-sha256.txt"); let mut e = envelope(&t, "comity.package/2", PAYLOAD_TYPE, &key(1)); e.add_signature(&key(2)).unwrap(); f.insert("signature.dsse.json".into(), e.to_json()); }),
    ("signature-of-another-kind", "CMT-0425", "", "the signed text is of another payload type", |f| { let t = text(f, "tagmanifest-sha256.txt"); f.insert("signature.dsse.json".into(), envelope(&t, "comity.package/2", "text/plain", &key(1)).to_json()); }),
    ("signature-of-another-schema", "CMT-0425", "", "the signed text is of another schema", |f| { let t = text(f, "tagmanifest-sha256.txt"); f.insert("signature.dsse.json".into(), envelope(&t, "comity.package/1", PAYLOAD_TYPE, &key(1)).to_json()); }),
    ("signature-of-another-package", "CMT-0422", "tagmanifest-sha256.txt", "both signatures are good, and of another package", |f| { let other = packed(vec![Item::payload("letter.txt", &b"To somebody else.\n"[..])]); for n in ["signature.dsse.json", "signature.ed25519"] { f.insert(n.into(), other[n].clone()); } }),
    ("detached-bit", "CMT-0422", "signature.ed25519", "one bit of the detached signature is another", |f| flip(f, "signature.ed25519", 40)),
    ("detached-missing", "CMT-0423", "signature.ed25519", "the detached signature is gone", |f| { f.remove("signature.ed25519"); }),
    ("detached-cut", "CMT-0422", "signature.ed25519", "the detached signature has 63 bytes", |f| { f.get_mut("signature.ed25519").unwrap().pop(); }),
    ("detached-of-a-stranger", "CMT-0422", "signature.ed25519", "the detached signature is another signer's", |f| { let s = key(2).sign(&f["tagmanifest-sha256.txt"]).to_bytes().to_vec(); f.insert("signature.ed25519".into(), s); }),
    ("detached-in-another-form", "CMT-0422", "signature.ed25519", "its scalar is not below the group's order (RFC 8032 section 5.1.7)", |f| add_order(f.get_mut("signature.ed25519").unwrap())),
    ("pem-of-a-stranger", "CMT-0422", "proofs/signer.pem", "the enclosed key is not the signer's", |f| { f.insert("proofs/signer.pem".into(), public_key_pem(&key(2).verifying_key()).into_bytes()); sign_again(f, None); }),
    ("bagit-version", "CMT-0422", "bagit.txt", "signed anew, of another version of BagIt", |f| { replace(f, "bagit.txt", "1.0", "0.97"); sign_again(f, None); }),
    ("oxum", "CMT-0422", "bag-info.txt", "signed anew, the stated size is not the payload's", |f| { replace(f, "bag-info.txt", ".3\n", ".4\n"); sign_again(f, None); }),
    ("unlisted-info", "CMT-0422", "tagmanifest-sha256.txt", "signed anew, the description is not listed", |f| { let t: String = text(f, "tagmanifest-sha256.txt").lines().filter(|l| !l.ends_with("bag-info.txt")).map(|l| format!("{l}\n")).collect(); sign_again(f, Some(t)); }),
    ("unlisted-readme", "CMT-0422", "tagmanifest-sha256.txt", "signed anew, README.txt is not listed", |f| { let t: String = text(f, "tagmanifest-sha256.txt").lines().filter(|l| !l.ends_with("README.txt")).map(|l| format!("{l}\n")).collect(); sign_again(f, Some(t)); }),
    ("leads-up", "CMT-0422", "manifest-sha256.txt", "signed anew, a listed name leads above the folder", |f| manifest(f, "data/letter.txt", "data/../../letter.txt")),
    ("leads-to-the-root", "CMT-0422", "manifest-sha256.txt", "signed anew, a listed name is absolute", |f| manifest(f, "data/letter.txt", "/etc/hostname")),
    ("leads-to-a-tag", "CMT-0422", "manifest-sha256.txt", "signed anew, the payload manifest lists a tag file", |f| manifest(f, "data/letter.txt", "bagit.txt")),
    ("listed-twice", "CMT-0422", "manifest-sha256.txt", "signed anew, a file stands in the list twice", |f| { let t = text(f, "manifest-sha256.txt"); f.insert("manifest-sha256.txt".into(), t.repeat(2).into_bytes()); sign_again(f, None); }),
    ("one-blank", "CMT-0422", "manifest-sha256.txt", "signed anew, digest and name are one blank apart", |f| manifest(f, "  data/letter.txt", " data/letter.txt")),
    ("no-digest", "CMT-0422", "manifest-sha256.txt", "signed anew, a digest is too short", |f| { let t = text(f, "manifest-sha256.txt"); f.insert("manifest-sha256.txt".into(), t.as_bytes()[2..].to_vec()); sign_again(f, None); }),
    ("listed-and-absent", "CMT-0423", "data/lettre.txt", "signed anew, a listed file is not there, and the one that is there is not listed", |f| { manifest(f, "data/letter.txt", "data/lettre.txt"); f.remove("data/letter.txt"); }),
];

/// Adds the order of the base point to the scalar of a signature: the same signature, if scalars were not bounded.
fn add_order(signature: &mut [u8]) {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0u16;
    for (byte, add) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
}

fn vectors() -> Vec<Vector> {
    let plain = |name: &str, expect: &str, file, because, files| Vector {
        name: format!("{name}.json"),
        expect: expect.into(),
        file,
        because,
        files,
        links: json!({}),
        folders: json!([]),
    };
    let mut all = vec![
        plain("accept-whole", "accept", "", "it is as it was packed", whole()),
        plain("accept-nothing-in-it", "accept", "", "a payload may be empty", packed(vec![])),
    ];
    let mut again = whole();
    replace(&mut again, "bag-info.txt", "Meridian Software", "Ledgerline");
    sign_again(&mut again, None);
    all.push(plain("accept-signed-anew", "accept", "", "a known key signed this description", again));
    for (name, code, file, because, change) in REFUSED {
        let mut files = whole();
        change(&mut files);
        all.push(plain(&format!("refuse-{name}"), &format!("refuse {code}"), file, because, files));
    }
    let mut linked = whole();
    linked.remove("data/letter.txt");
    all.push(Vector {
        links: json!({ "data/letter.txt": "../README.txt" }),
        ..plain("refuse-link", "refuse CMT-0424", "data/letter.txt", "a link stands where a file was", linked)
    });
    all.push(Vector {
        folders: json!(["data/void"]),
        ..plain("refuse-empty-folder", "refuse CMT-0424", "data/void", "an empty folder was added", whole())
    });
    all
}

fn content(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// The vector as it stands in its file: against the whole package only what differs.
fn written(vector: &Vector) -> String {
    let based = vector.name != WHOLE;
    let base = if based { whole() } else { Files::new() };
    let set: serde_json::Map<String, Value> = (vector.files.iter())
        .filter(|(n, bytes)| base.get(*n) != Some(bytes))
        .map(|(n, bytes)| (n.clone(), content(bytes)))
        .collect();
    let remove: Vec<&String> = base.keys().filter(|n| !vector.files.contains_key(*n)).collect();
    let base = if based { json!(WHOLE) } else { Value::Null };
    let out = json!({
        "expect": vector.expect, "file": vector.file, "because": vector.because, "key": "signer.pem", "base": base,
        "remove": remove, "set": set, "links": vector.links, "folders": vector.folders,
    });
    serde_json::to_string_pretty(&out).unwrap() + "\n"
}

/// The committed files are the list above, neither more nor less.
#[test]
fn the_vectors_are_those_of_the_list() {
    let bless = std::env::var_os("COMITY_BLESS").is_some();
    let mut listed: Vec<String> = vec!["README.md".into(), "signer.pem".into()];
    let pem = public_key_pem(&key(1).verifying_key());
    if bless {
        fs::write(folder().join("signer.pem"), &pem).unwrap();
    }
    assert_eq!(fs::read_to_string(folder().join("signer.pem")).unwrap(), pem);
    let all = vectors();
    assert!(all.len() >= 40 && all.iter().filter(|v| v.expect == "accept").count() == 3);
    for vector in &all {
        let path = folder().join(&vector.name);
        if bless {
            fs::write(&path, written(vector)).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            written(vector),
            "{}: COMITY_BLESS=1 writes it",
            vector.name
        );
        listed.push(vector.name.clone());
    }
    listed.sort();
    let mut there: Vec<String> =
        fs::read_dir(folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    assert_eq!(there, listed);
}

fn lay_out(vector: &Value, dir: &Path) {
    if let Some(base) = vector["base"].as_str() {
        let base: Value = serde_json::from_slice(&fs::read(folder().join(base)).unwrap()).unwrap();
        lay_out(&base, dir);
    }
    for name in vector["remove"].as_array().unwrap() {
        let path = dir.join(name.as_str().unwrap());
        fs::remove_file(&path).unwrap();
        // A folder goes with its last file; this fails where others are in it.
        let _ = fs::remove_dir(path.parent().unwrap());
    }
    for (name, content) in vector["set"].as_object().unwrap() {
        let bytes = match content["text"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => STANDARD.decode(content["base64"].as_str().unwrap()).unwrap(),
        };
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    #[cfg(unix)]
    for (name, target) in vector["links"].as_object().unwrap() {
        std::os::unix::fs::symlink(target.as_str().unwrap(), dir.join(name)).unwrap();
    }
    for name in vector["folders"].as_array().unwrap() {
        fs::create_dir_all(dir.join(name.as_str().unwrap())).unwrap();
    }
    // `data/` is part of every package, also of one without a payload.
    fs::create_dir_all(dir.join("data")).unwrap();
}

fn known(pem: &Path) -> Vec<(String, VerifyingKey)> {
    let text = fs::read_to_string(pem).unwrap();
    let der = STANDARD.decode(text.lines().filter(|l| !l.starts_with('-')).collect::<String>()).unwrap();
    let key = VerifyingKey::from_bytes(der[12..].try_into().unwrap()).unwrap();
    vec![(dsse::keyid(&key), key)]
}

/// Every vector file, by its own word alone.
#[test]
fn every_vector_is_judged_as_it_says() {
    let mut judged = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let vector: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let place = tempfile::tempdir().unwrap();
        lay_out(&vector, place.path());
        let keys = known(&folder().join(vector["key"].as_str().unwrap()));
        let (said, file) = match verify_package(place.path(), &keys) {
            Ok(_) => ("accept".to_owned(), String::new()),
            Err(e) => {
                let file = match &e {
                    EvidenceError::PackageChanged { file, .. } => file.clone(),
                    EvidenceError::PackageMissing(file) | EvidenceError::PackageStray(file) => file.clone(),
                    _ => String::new(),
                };
                (format!("refuse {}", e.code().unwrap()), file)
            }
        };
        let expected = (vector["expect"].as_str().unwrap(), vector["file"].as_str().unwrap());
        assert_eq!((said.as_str(), file.as_str()), expected, "{}", path.display());
        judged += 1;
    }
    assert!(judged >= 40, "{judged}");
}
