//! Verifying a package (see [`crate::package`]): signature, manifests, every byte, and nothing beside.

use crate::{
    EvidenceError,
    package::{
        BAGIT, BAGIT_TEXT, DETACHED, INFO, MANIFEST, MAX_FILES, PAYLOAD_TYPE, PEM, README, SCHEMA, SIGNATURE,
        Signed, TAG_MANIFEST, good_path, public_key_pem,
    },
    secret::read_bounded,
};
use ed25519_dalek::{Signature, VerifyingKey};
use ledger::dsse;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Read as _,
    path::Path,
};
use terms::Digest;

const MAX_MANIFEST: usize = 64 << 20;
const MAX_TAG: usize = 1 << 20;
/// Tag files that every package has.
const OURS: [&str; 5] = [BAGIT, INFO, MANIFEST, README, PEM];

/// What a verified package holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageReport {
    /// SHA-256 of the tag manifest: names the whole package.
    pub digest: Digest,
    /// Key ids that signed, all of them known.
    pub signed_by: Vec<String>,
    /// Payload files, by path below the package's folder.
    pub payload: BTreeMap<String, Digest>,
    /// Proofs and other tag files that were packed.
    pub tags: BTreeMap<String, Digest>,
    /// Payload bytes.
    pub bytes: u64,
    /// All files of the folder.
    pub files: u64,
    /// The lines of `bag-info.txt`.
    pub info: Vec<(String, String)>,
}

/// Verifies the package in the folder `dir`: at least one of `keys` signed and nobody unknown did; every file is what was
/// signed; none is missing and none was added.
///
/// # Errors
/// CMT-0422 to CMT-0425, naming the file; CMT-0408 unreadable.
pub fn verify_package(dir: &Path, keys: &[(String, VerifyingKey)]) -> Result<PackageReport, EvidenceError> {
    let Listing { files: there, empty } = files(dir)?;
    let read = |name: &str, max| {
        if there.contains(name) { read_bounded(&dir.join(name), max) } else { Err(missing(name)) }
    };
    let (signed_by, signed) = signature(&read(SIGNATURE, MAX_TAG)?, keys)?;
    let tag_manifest = read(TAG_MANIFEST, MAX_MANIFEST)?;
    if Digest::of(&tag_manifest) != signed {
        return Err(changed(TAG_MANIFEST, "its digest is not the signed one"));
    }
    let mut tags = manifest(TAG_MANIFEST, &tag_manifest, |p| !p.starts_with("data/"))?;
    if let Some(name) = OURS.iter().find(|name| !tags.contains_key(**name)) {
        return Err(changed(TAG_MANIFEST, &format!("it does not list {name}")));
    }
    let signer = detached(&read(DETACHED, MAX_TAG)?, &tag_manifest, &signed_by, keys)?;
    // Tag files first: the payload manifest is believed only once its own bytes are right.
    check_files(dir, &there, &tags)?;
    let payload = manifest(MANIFEST, &read(MANIFEST, MAX_MANIFEST)?, |p| p.starts_with("data/"))?;
    nothing_beside(&there, &empty, &tags, &payload)?;
    let bytes = check_files(dir, &there, &payload)?;
    if read(BAGIT, MAX_TAG)? != BAGIT_TEXT.as_bytes() {
        return Err(changed(BAGIT, "it is not BagIt 1.0 in UTF-8"));
    }
    if read(PEM, MAX_TAG)? != public_key_pem(&signer).as_bytes() {
        return Err(changed(PEM, "it is not the key that signed"));
    }
    let info = info(&read(INFO, MAX_TAG)?)?;
    let oxum = format!("{bytes}.{}", payload.len());
    if !info.iter().any(|(label, value)| label == "Payload-Oxum" && *value == oxum) {
        return Err(changed(INFO, "its Payload-Oxum does not fit the payload"));
    }
    for ours in OURS {
        tags.remove(ours);
    }
    Ok(PackageReport { digest: signed, signed_by, payload, tags, bytes, info, files: there.len() as u64 })
}

fn changed(file: &str, why: &str) -> EvidenceError {
    EvidenceError::PackageChanged { file: file.to_owned(), why: why.to_owned() }
}

fn missing(file: &str) -> EvidenceError {
    EvidenceError::PackageMissing(file.to_owned())
}

fn signature(json: &[u8], keys: &[(String, VerifyingKey)]) -> Result<(Vec<String>, Digest), EvidenceError> {
    let refuse = |why: String| EvidenceError::PackageSignature(why);
    let envelope = dsse::Envelope::from_canonical_json(json).map_err(|e| refuse(e.to_string()))?;
    let payload = dsse::verify(&envelope, PAYLOAD_TYPE, keys).map_err(|e| refuse(e.to_string()))?;
    let by = dsse::verified_keyids(&envelope, PAYLOAD_TYPE, keys).map_err(|e| refuse(e.to_string()))?;
    // A line nobody can check could change unseen.
    if let Some(unknown) = envelope.signatures().iter().find(|s| !by.iter().any(|id| id == s.keyid())) {
        return Err(refuse(format!("key `{}` signed too, and is not known", unknown.keyid())));
    }
    if by.len() != envelope.signatures().len() {
        return Err(refuse("a key signed twice".into()));
    }
    let signed: Signed = serde_json::from_slice(payload).map_err(|e| refuse(e.to_string()))?;
    if signed.schema != SCHEMA {
        return Err(refuse(format!("it is not of {SCHEMA}")));
    }
    Ok((by, signed.tagmanifest))
}

/// The key whose detached signature this is: one of those that signed the envelope.
fn detached(
    signature: &[u8],
    tag_manifest: &[u8],
    signed_by: &[String],
    keys: &[(String, VerifyingKey)],
) -> Result<VerifyingKey, EvidenceError> {
    let signature =
        Signature::from_slice(signature).map_err(|_| changed(DETACHED, "it is no Ed25519 signature"))?;
    let mut known = keys.iter().filter(|(id, _)| signed_by.contains(id));
    known
        .find(|(_, key)| key.verify_strict(tag_manifest, &signature).is_ok())
        .map(|(_, key)| *key)
        .ok_or_else(|| changed(DETACHED, "no key that signed the envelope made it"))
}

/// Reads a manifest as `sha256sum` writes it: digest, two blanks, path; ascending, each path once.
fn manifest(
    name: &str,
    bytes: &[u8],
    belongs: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Digest>, EvidenceError> {
    let bad = |line: usize, why: &str| changed(name, &format!("line {line} {why}"));
    let text = std::str::from_utf8(bytes).map_err(|_| changed(name, "it is not UTF-8"))?;
    let mut out = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let at = at + 1;
        let (digest, path) = line.split_once("  ").ok_or_else(|| bad(at, "is not `digest  path`"))?;
        let digest: Digest = digest.parse().map_err(|_| bad(at, "has no SHA-256"))?;
        if !good_path(path) || !belongs(path) {
            return Err(bad(at, "leads outside, or to a name that no package has"));
        }
        if out.insert(path.to_owned(), digest).is_some() {
            return Err(bad(at, "names a file for the second time"));
        }
        if out.len() > MAX_FILES {
            return Err(bad(at, "is one file too many"));
        }
    }
    Ok(out)
}

fn nothing_beside(
    there: &BTreeSet<String>,
    empty: &[String],
    tags: &BTreeMap<String, Digest>,
    payload: &BTreeMap<String, Digest>,
) -> Result<(), EvidenceError> {
    let listed = |p: &String| {
        tags.contains_key(p)
            || payload.contains_key(p)
            || [SIGNATURE, DETACHED, TAG_MANIFEST].contains(&p.as_str())
    };
    if let Some(stray) = there.iter().find(|p| !listed(p)) {
        return Err(EvidenceError::PackageStray(stray.clone()));
    }
    if let Some(gone) = payload.keys().find(|p| !there.contains(*p)) {
        return Err(missing(gone));
    }
    // An empty payload is a package; any other empty folder was added.
    match empty.iter().find(|folder| *folder != "data") {
        Some(folder) => Err(EvidenceError::PackageStray(folder.clone())),
        None => Ok(()),
    }
}

struct Listing {
    files: BTreeSet<String>,
    empty: Vec<String>,
}

/// Every file and empty folder of the folder by its path with `/`. Links, devices and names that no package has are
/// refused: nothing in a package may lead elsewhere.
fn files(dir: &Path) -> Result<Listing, EvidenceError> {
    let (mut out, mut hollow) = (BTreeSet::new(), Vec::new());
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let path = dir.join(&folder);
        let told = |e| EvidenceError::file("list", &path, &e);
        let mut empty = true;
        for entry in fs::read_dir(&path).map_err(told)? {
            let entry = entry.map_err(told)?;
            empty = false;
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let kind = entry.file_type().map_err(told)?;
            if !good_path(&name) || out.len() + hollow.len() + folders.len() > MAX_FILES {
                return Err(EvidenceError::PackageStray(name));
            }
            if kind.is_dir() {
                folders.push(name);
            } else if kind.is_file() {
                out.insert(name);
            } else {
                return Err(EvidenceError::PackageStray(name));
            }
        }
        if empty && !folder.is_empty() {
            hollow.push(folder);
        }
    }
    Ok(Listing { files: out, empty: hollow })
}

/// Hashes listed files; their bytes in sum.
fn check_files(
    dir: &Path,
    there: &BTreeSet<String>,
    listed: &BTreeMap<String, Digest>,
) -> Result<u64, EvidenceError> {
    let mut bytes = 0u64;
    for (path, expected) in listed {
        if !there.contains(path) {
            return Err(missing(path));
        }
        bytes += hash_file(dir, path, expected)?;
    }
    Ok(bytes)
}

fn hash_file(dir: &Path, name: &str, expected: &Digest) -> Result<u64, EvidenceError> {
    let path = dir.join(name);
    let mut file = File::open(&path).map_err(|e| EvidenceError::file("open", &path, &e))?;
    let (mut hash, mut size) = (Sha256::new(), 0u64);
    let mut buffer = vec![0u8; 256 << 10];
    loop {
        let n = file.read(&mut buffer).map_err(|e| EvidenceError::file("read", &path, &e))?;
        let Some(chunk) = buffer.get(..n).filter(|c| !c.is_empty()) else { break };
        hash.update(chunk);
        size += n as u64;
    }
    if Digest(hash.finalize().into()) == *expected {
        Ok(size)
    } else {
        Err(changed(name, "its SHA-256 is not the listed one"))
    }
}

fn info(bytes: &[u8]) -> Result<Vec<(String, String)>, EvidenceError> {
    let text = std::str::from_utf8(bytes).map_err(|_| changed(INFO, "it is not UTF-8"))?;
    text.lines()
        .map(|line| {
            let (label, value) = line.split_once(": ").ok_or_else(|| changed(INFO, "a line has no label"))?;
            Ok((label.to_owned(), value.to_owned()))
        })
        .collect()
}
