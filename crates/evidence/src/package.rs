//! Packages: what one addressee gets, as a BagIt 1.0 folder (RFC 8493) that verifies offline.
//!
//! Here: writing, and the names and texts both sides share. Verifying is [`verify_package`]. Elsewhere: what goes in
//! (`takedown`, `comity`), and turning a folder into an archive.
//!
//! ```text
//! bagit.txt  bag-info.txt  manifest-sha256.txt  tagmanifest-sha256.txt   RFC 8493: `bagit.py --validate`, `sha256sum -c`
//! data/…                                                                 the payload
//! proofs/…                                                               ledger proofs (tag files)
//! proofs/signer.pem                                                      the signer's public key (RFC 8410)
//! README.txt                                                             how to verify with tools that are not ours
//! signature.dsse.json                                                    DSSE over the tag manifest's digest
//! signature.ed25519                                                      RFC 8032 over the tag manifest: `openssl pkeyutl`
//! ```
//! The signatures cover the tag manifest, which covers every tag file and the payload manifest, which covers every
//! payload file: no byte can change, and no file come or go, unseen. Rights and times of files are no part of it: they
//! do not survive the ways packages travel.
//! Bounds: 100,000 files, names of 512 characters, a manifest of 64 MiB.

pub use crate::package_verify::{PackageReport, verify_package};
use crate::{EvidenceError, durable::flush, package_readme::readme, secret::TEMP_PREFIX};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use ledger::dsse;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{BufWriter, Read, Write as _},
    path::{Path, PathBuf},
};
use terms::{Day, Digest};

/// DSSE payload type of a package's signature.
pub const PAYLOAD_TYPE: &str = "application/vnd.comity.package+json";
pub(crate) const SCHEMA: &str = "comity.package/2";
pub(crate) const BAGIT: &str = "bagit.txt";
pub(crate) const BAGIT_TEXT: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
pub(crate) const INFO: &str = "bag-info.txt";
pub(crate) const MANIFEST: &str = "manifest-sha256.txt";
pub(crate) const TAG_MANIFEST: &str = "tagmanifest-sha256.txt";
pub(crate) const SIGNATURE: &str = "signature.dsse.json";
pub(crate) const DETACHED: &str = "signature.ed25519";
pub(crate) const README: &str = "README.txt";
pub(crate) const PEM: &str = "proofs/signer.pem";
/// DER of an Ed25519 SubjectPublicKeyInfo up to the key (RFC 8410 section 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
pub(crate) const MAX_FILES: usize = 100_000;
const MAX_NAME: usize = 512;
const MAX_INFO: usize = 1024;

/// One file to pack.
pub struct Item<'a> {
    path: String,
    bytes: Box<dyn Read + 'a>,
}

impl<'a> Item<'a> {
    /// A payload file: `path` stands below `data/`.
    pub fn payload(path: &str, bytes: impl Read + 'a) -> Self {
        Self { path: format!("data/{path}"), bytes: Box::new(bytes) }
    }
    /// A ledger proof: `path` stands below `proofs/`.
    pub fn proof(path: &str, bytes: impl Read + 'a) -> Self {
        Self { path: format!("proofs/{path}"), bytes: Box::new(bytes) }
    }
}

impl std::fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)
    }
}

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Payload files.
    pub files: u64,
    /// Payload bytes.
    pub bytes: u64,
    /// SHA-256 of `tagmanifest-sha256.txt`: names the whole package.
    pub digest: Digest,
}

/// The public key as `openssl` reads it: SubjectPublicKeyInfo in PEM (RFC 8410 section 4, RFC 7468 section 13).
pub fn public_key_pem(key: &VerifyingKey) -> String {
    let der = [&SPKI[..], key.as_bytes()].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

/// What the signature covers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signed {
    pub schema: String,
    pub tagmanifest: Digest,
}

/// Writes a package into the folder `dir`, which must not exist. It appears whole, flushed, or not at all.
///
/// `info` becomes lines of `bag-info.txt` in the given order, after the date and the payload's size (RFC 8493 section
/// 2.2.2); `External-Identifier` and `Source-Organization` are usual labels.
///
/// # Errors
/// CMT-0420 a name, CMT-0421 the folder exists, CMT-0426 a label or value, CMT-0408 reading or writing.
pub fn write_package<'a>(
    dir: &Path,
    items: impl IntoIterator<Item = Item<'a>>,
    info: &[(&str, &str)],
    date: Day,
    signer: &SigningKey,
) -> Result<Packed, EvidenceError> {
    if dir.try_exists().map_err(|e| EvidenceError::file("read", dir, &e))? {
        return Err(EvidenceError::PackageExists(dir.display().to_string()));
    }
    let above = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    // Packages are handed over: their folder is as its owner makes folders.
    fs::create_dir_all(above).map_err(|e| EvidenceError::file("make", above, &e))?;
    let build = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .tempdir_in(above)
        .map_err(|e| EvidenceError::file("write in", above, &e))?;
    let mut bag = Bag {
        root: build.path().to_owned(),
        payload: Manifest::new(),
        tags: Manifest::new(),
        folded: BTreeSet::from([PEM.to_owned()]),
        size: 0,
    };
    for item in items {
        bag.add(item)?;
    }
    let packed = bag.close(info, date, signer)?;
    flush_tree(build.path())?;
    open_to_readers(build.path())?;
    let build = build.keep();
    fs::rename(&build, dir).map_err(|e| {
        // Leave nothing half-named behind; what cannot be removed is an unnamed folder beside the package.
        let _ = fs::remove_dir_all(&build);
        EvidenceError::file("place", dir, &e)
    })?;
    flush(above)?;
    Ok(packed)
}

type Manifest = BTreeMap<String, Digest>;

struct Bag {
    root: PathBuf,
    payload: Manifest,
    tags: Manifest,
    folded: BTreeSet<String>,
    size: u64,
}

impl Bag {
    fn add(&mut self, mut item: Item<'_>) -> Result<(), EvidenceError> {
        let bad = || EvidenceError::PackagePath(item.path.chars().take(MAX_NAME).collect());
        if !good_path(&item.path) || self.payload.len() + self.tags.len() >= MAX_FILES {
            return Err(bad());
        }
        // Names that differ in case only collide on the systems of many prosecutors.
        if !self.folded.insert(item.path.to_ascii_lowercase()) {
            return Err(bad());
        }
        let (digest, size) = self.write(&item.path, &mut item.bytes)?;
        if item.path.starts_with("data/") {
            self.payload.insert(item.path, digest);
            self.size += size;
        } else {
            self.tags.insert(item.path, digest);
        }
        Ok(())
    }

    fn write(&self, name: &str, bytes: &mut dyn Read) -> Result<(Digest, u64), EvidenceError> {
        let path = self.root.join(name);
        let told = |act: &'static str| {
            move |e: std::io::Error| EvidenceError::File { act, path: name.to_owned(), why: e.to_string() }
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(told("make the folder of"))?;
        }
        let mut file = BufWriter::new(File::create_new(&path).map_err(told("write"))?);
        let (mut hash, mut size) = (Sha256::new(), 0u64);
        let mut buffer = vec![0u8; 256 << 10];
        loop {
            let n = bytes.read(&mut buffer).map_err(told("read what becomes"))?;
            let Some(chunk) = buffer.get(..n).filter(|c| !c.is_empty()) else { break };
            hash.update(chunk);
            size += n as u64;
            file.write_all(chunk).map_err(told("write"))?;
        }
        file.flush().map_err(told("write"))?;
        Ok((Digest(hash.finalize().into()), size))
    }

    fn tag(&mut self, name: &str, text: &str) -> Result<(), EvidenceError> {
        let (digest, _) = self.write(name, &mut text.as_bytes())?;
        self.tags.insert(name.to_owned(), digest);
        Ok(())
    }

    fn close(
        mut self,
        info: &[(&str, &str)],
        date: Day,
        signer: &SigningKey,
    ) -> Result<Packed, EvidenceError> {
        let data = self.root.join("data");
        fs::create_dir_all(&data).map_err(|e| EvidenceError::file("make", &data, &e))?;
        let files = self.payload.len() as u64;
        let stamps: Vec<&str> = self.tags.keys().filter_map(|n| n.strip_suffix(".tsr")).collect();
        let text = readme(self.payload.contains_key("data/case.jsonld"), &stamps);
        self.tag(README, &text)?;
        self.tag(PEM, &public_key_pem(&signer.verifying_key()))?;
        self.tag(BAGIT, BAGIT_TEXT)?;
        self.tag(INFO, &info_text(info, date, self.size, files)?)?;
        self.tag(MANIFEST, &manifest_text(&self.payload))?;
        let tags = manifest_text(&self.tags);
        let (digest, _) = self.write(TAG_MANIFEST, &mut tags.as_bytes())?;
        self.write(DETACHED, &mut signer.sign(tags.as_bytes()).to_bytes().as_slice())?;
        let signed = Signed { schema: SCHEMA.into(), tagmanifest: digest };
        let signed =
            serde_json::to_vec(&signed).map_err(|e| EvidenceError::PackageSignature(e.to_string()))?;
        let envelope = dsse::sign(PAYLOAD_TYPE, &signed, signer)?.to_json();
        self.write(SIGNATURE, &mut envelope.as_slice())?;
        Ok(Packed { files, bytes: self.size, digest })
    }
}

fn info_text(info: &[(&str, &str)], date: Day, bytes: u64, files: u64) -> Result<String, EvidenceError> {
    let mut out = format!("Bagging-Date: {date}\nPayload-Oxum: {bytes}.{files}\n");
    for (label, value) in info {
        let line = |s: &str| !s.trim().is_empty() && s.len() <= MAX_INFO && !s.chars().any(char::is_control);
        let label_good = line(label) && !label.contains(':') && label.trim() == *label;
        let ours = ["bagging-date", "payload-oxum"].contains(&label.to_ascii_lowercase().as_str());
        if !label_good || ours || !line(value) || value.trim() != *value {
            return Err(EvidenceError::PackageInfo(label.chars().take(80).collect()));
        }
        out.push_str(&format!("{label}: {value}\n"));
    }
    Ok(out)
}

fn manifest_text(manifest: &Manifest) -> String {
    manifest.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect()
}

/// A name every system can carry and no reader can be led astray by.
pub(crate) fn good_path(path: &str) -> bool {
    let part = |p: &str| {
        !p.is_empty()
            && p != "."
            && p != ".."
            && !p.ends_with('.')
            && p.len() <= 255
            && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    path.len() <= MAX_NAME && path.split('/').count() <= 16 && path.split('/').all(part)
}

/// Flushes every file and folder below `folder`, deepest first.
fn flush_tree(folder: &Path) -> Result<(), EvidenceError> {
    let told = |e| EvidenceError::file("list", folder, &e);
    for entry in fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.is_dir() { flush_tree(&path)? } else { flush(&path)? }
    }
    flush(folder)
}

/// A package is handed over: its folder gets the rights of any new folder instead of a temporary one's.
#[cfg(unix)]
fn open_to_readers(folder: &Path) -> Result<(), EvidenceError> {
    use std::os::unix::fs::PermissionsExt as _;
    let data = folder.join("data");
    let usual = fs::metadata(&data).map_err(|e| EvidenceError::file("read", &data, &e))?.permissions();
    fs::set_permissions(folder, fs::Permissions::from_mode(usual.mode()))
        .map_err(|e| EvidenceError::file("write", folder, &e))
}

#[cfg(not(unix))]
fn open_to_readers(_: &Path) -> Result<(), EvidenceError> {
    Ok(())
}
