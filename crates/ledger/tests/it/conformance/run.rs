//! Reads each vector and does what its kind says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::VerifyingKey;
use ledger::{
    Head, LedgerError, NoteKey, Trust, checkpoint, dsse,
    heads::{Judgement, Remembered, Shown, judge},
    proof::{self, TlogProof},
    request::{self, Request},
    statement::Statement,
    verify_log, witness,
};
use miette::Diagnostic as _;
use std::{collections::BTreeMap, path::PathBuf};
use terms::{Digest, Timestamp};

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance/ledger")
}

/// One vector: its header's lines by name, in order, and its bytes.
struct Vector {
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Vector {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(2).position(|w| w == b"\n\n").unwrap();
        let header = std::str::from_utf8(&bytes[..end]).unwrap();
        let fields = header.split('\n').map(|l| {
            let (name, value) = l.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        Self { fields: fields.collect(), body: bytes[end + 2..].to_vec() }
    }
    fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }
    fn get(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_else(|| panic!("the header lacks `{name}`"))
    }
    fn number(&self, name: &str) -> u64 {
        self.get(name).parse().unwrap()
    }
    fn digest(&self, name: &str) -> Digest {
        digest(self.get(name))
    }
    fn head(&self, of: &str) -> Head {
        let (size, root) = self.get(of).split_once(' ').unwrap();
        Head { origin: self.get("origin").to_owned(), size: size.parse().unwrap(), root: digest(root) }
    }
    /// `name hex` lines.
    fn keys(&self, field: &str) -> Vec<NoteKey> {
        let read = |line: &str| {
            let (name, key) = line.split_once(' ').unwrap();
            NoteKey::new(name, public(key)).unwrap()
        };
        self.all(field).into_iter().map(read).collect()
    }
    /// One base64 hash a line.
    fn hashes(&self) -> Vec<Digest> {
        let text = std::str::from_utf8(&self.body).unwrap();
        text.lines().map(|l| Digest(STANDARD.decode(l).unwrap().try_into().unwrap())).collect()
    }
}

fn digest(hex: &str) -> Digest {
    hex.parse().unwrap()
}

fn public(hex: &str) -> VerifyingKey {
    VerifyingKey::from_bytes(&hex::decode(hex).unwrap().try_into().unwrap()).unwrap()
}

/// What happens to a vector.
fn outcome(v: &Vector) -> Result<(), LedgerError> {
    match v.get("kind") {
        "checkpoint" => {
            let signed = checkpoint::open(&v.body, v.get("origin"), &v.keys("key"))?;
            witness::demand(&signed, &v.keys("witness"), v.number("demand") as usize).map(|_| ())
        }
        "tlog-proof" => {
            let leaf = hex::decode(v.get("leaf")).unwrap();
            let proof = TlogProof::parse(&v.body)?;
            let signed = proof.check(&leaf, v.get("origin"), &v.keys("key"))?;
            witness::demand(&signed, &v.keys("witness"), v.number("demand") as usize).map(|_| ())
        }
        "inclusion" => {
            let head = v.head("head");
            proof::check_inclusion(&head, v.number("index"), v.digest("leaf-hash"), &v.hashes())
        }
        "consistency" => proof::check_consistency(&v.head("old"), &v.head("head"), &v.hashes()),
        "request" => {
            let request = Request::parse(&v.body)?;
            let seen = (!v.all("seen").is_empty()).then(|| v.head("seen"));
            let signer = super::make::witness_signer(1);
            let keys = v.keys("key");
            request::answer(&request, v.get("origin"), &keys, seen.as_ref(), &signer, super::make::NOW)
                .map(|_| ())
        }
        "log" => log(v),
        "leaf" => {
            let key = public(v.get("node"));
            Statement::open(&v.body, &[(dsse::keyid(&key), key)]).map(|_| ())
        }
        "shown" => shown(v),
        other => panic!("kind `{other}`"),
    }
}

fn log(v: &Vector) -> Result<(), LedgerError> {
    let files: BTreeMap<String, String> = serde_json::from_slice(&v.body).unwrap();
    let files: BTreeMap<String, Vec<u8>> =
        files.into_iter().map(|(p, b)| (p, STANDARD.decode(b).unwrap())).collect();
    let stored: Vec<String> = files.keys().filter(|p| *p != checkpoint::FILE).cloned().collect();
    let node = public(v.get("node"));
    let resolve = |id: &str| (id == dsse::keyid(&node)).then_some(node);
    let (keys, witnesses) = (v.keys("key"), v.keys("witness"));
    let trust = Trust {
        origin: v.get("origin"),
        keys: &keys,
        witnesses: &witnesses,
        demanded: v.number("demand") as usize,
        resolve: &resolve,
    };
    verify_log(&|p| Ok(files.get(p).cloned()), &trust, Some(&stored)).map(|_| ())
}

fn shown(v: &Vector) -> Result<(), LedgerError> {
    let shown: Shown = serde_json::from_slice(&v.body).map_err(|e| LedgerError::Shown(e.to_string()))?;
    let signed = checkpoint::open(shown.checkpoint.as_bytes(), v.get("origin"), &v.keys("key"))?;
    let pair = |line: &str| {
        let (size, root) = line.split_once(' ').unwrap();
        (size.parse().unwrap(), digest(root))
    };
    let remembered = Remembered {
        roots: v.all("remembered").into_iter().map(pair).collect(),
        at: v.all("remembered-at").first().map(|t| Timestamp(t.parse().unwrap())),
    };
    match judge(&remembered, &shown, &signed)? {
        Judgement::Continues(_) | Judgement::Overtaken => Ok(()),
        Judgement::Forked(why) => Err(LedgerError::Fork { origin: v.get("origin").to_owned(), why }),
        Judgement::NotShown(why) => Err(LedgerError::Proof(why)),
    }
}

#[test]
fn every_vector_meets_the_fate_in_its_header() {
    let (mut accepted, mut refused) = (0, 0);
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "md") {
            continue;
        }
        let vector = Vector::read(&std::fs::read(&path).unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!vector.get("because").is_empty());
        match (vector.get("expect"), outcome(&vector)) {
            ("accept", Ok(())) => accepted += 1,
            ("accept", Err(e)) => panic!("{name} is refused: {e}"),
            (expect, Ok(())) => panic!("{name} is accepted; {expect}"),
            (expect, Err(e)) => {
                let code = e.code().unwrap().to_string();
                assert_eq!(expect, format!("refuse {code}"), "{name}: {e}");
                refused += 1;
            }
        }
    }
    assert!(accepted >= 8 && refused >= 35, "{accepted} accepted, {refused} refused");
}
