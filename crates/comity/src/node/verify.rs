//! `verify`: whether a home, a package or a receipt is what was once signed and sealed.
//!
//! Here: every check of a home against itself, and what is wrong as a list that names files. Elsewhere: the recomputing
//! of a log (`ledger`), of a package (`evidence`), of a receipt (`exchange`); what is merely unwell (`store::doctor`).
//! Every stored byte of the ledger, the vault and telemetry is read. What a killed process leaves (a sealed object that
//! no exhibit names yet, a leaf that waits) is a note; what was acknowledged and is not there is a problem.
//! Bounds: one page of rows and, of each file, a few chunks in memory; at most 1,000 problems and notes are listed.

use super::error::NodeError;
use super::{Node, Options, batches, keys, origin};
use crate::store::custody::{self, CustodyRow};
use crate::store::exhibits::{self, Exhibit};
use crate::store::leaves::{self, Leaf};
use crate::store::{doctor, manifest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::VerifyingKey;
use evidence::EvidenceError;
use evidence::custody::{Act, Event};
use futures::{StreamExt as _, stream};
use ledger::dsse;
use ledger::{Head, LedgerError, NoteKey, Report, Trust, checkpoint, verify_log};
use miette::Diagnostic;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use terms::{Digest, ExhibitId, PartnerId};

/// Where a package carries its ledger's public key, which is the key of the node that signed it; so it can be checked
/// without a home. It says so itself: compare the key with the one in the agreement before believing who it is.
pub const SIGNER: &str = "proofs/log.vkey";
/// The largest signer file that is read.
const MOST_SIGNER: u64 = 4096;
/// Signature type of Ed25519 in a verifier key.
const ED25519: u8 = 1;
/// Largest ledger file that is read (a full entry bundle is below 17 MiB).
const MOST_LEDGER_FILE: u64 = 17 << 20;
/// Problems or notes that are listed.
const MOST_LISTED: usize = 1000;
/// Exhibits opened at the same time: one per core.
const TOGETHER: usize = 2;
/// Leaves compared at a time.
const STEP: u32 = 512;

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable code.
    pub code: String,
    /// What, in a sentence.
    pub what: String,
    /// The file, below the home or the package; empty where no file is to blame.
    pub file: String,
}

/// The signed head of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerHead {
    /// Whose log it is.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// Merkle root.
    pub root: Digest,
}

/// What was verified and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Always `comity.verified/1`.
    pub schema: &'static str,
    /// `home`, `package` or `receipt`.
    pub what: &'static str,
    /// The ledger's signed head, where it verifies.
    pub ledger: Option<LedgerHead>,
    /// Exhibits that were opened and hashed; a package's payload files.
    pub exhibits: u64,
    /// Files that were read.
    pub files: u64,
    /// Bytes that were read and compared; of exhibits, their own bytes.
    pub bytes: u64,
    /// Key ids that signed, of a package or receipt.
    pub signed_by: Vec<String>,
    /// The record of a proof of a ruling, with what was ruled on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ruled: Option<agreement::RuledRecord>,
    /// What is not as it was; empty is good.
    pub problems: Vec<Problem>,
    /// What is no harm and worth knowing.
    pub notes: Vec<Problem>,
    /// Problems and notes beyond those that are listed.
    pub unlisted: u64,
}

impl Verified {
    pub(super) fn of(what: &'static str) -> Self {
        Self { schema: "comity.verified/1", what, ..Self::default() }
    }

    pub(super) fn problem(&mut self, code: &str, what: impl Into<String>, file: impl Into<String>) {
        if self.problems.len() >= MOST_LISTED {
            self.unlisted += 1;
            return;
        }
        self.problems.push(Problem { code: code.to_owned(), what: what.into(), file: file.into() });
    }

    pub(super) fn error(&mut self, error: &dyn Diagnostic, file: impl Into<String>) {
        let code = error.code().map_or_else(String::new, |c| c.to_string());
        self.problem(&code, error.to_string(), file);
    }

    fn note(&mut self, code: &str, what: impl Into<String>, file: impl Into<String>) {
        if self.notes.len() >= MOST_LISTED {
            self.unlisted += 1;
            return;
        }
        self.notes.push(Problem { code: code.to_owned(), what: what.into(), file: file.into() });
    }

    /// Whether everything is as it was.
    pub fn whole(&self) -> bool {
        self.problems.is_empty()
    }

    /// The result as an error where something is wrong, for callers that go on only with what is whole.
    ///
    /// # Errors
    /// CMT-1127 with the first problem.
    pub fn into_result(self) -> Result<Self, NodeError> {
        let Some(first) = self.problems.first() else { return Ok(self) };
        let more = match self.problems.len() - 1 {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        let file = if first.file.is_empty() { String::new() } else { format!("{}: ", first.file) };
        Err(NodeError::NotVerified { what: format!("{file}{}{more}", first.what) })
    }
}

/// Verifies the home in a folder, which must not be in use. What a killed process left is looked at as it is.
///
/// # Errors
/// When the home cannot be opened. What is found wrong inside is in the result.
pub async fn home(options: &Options, tick: &(dyn Fn(&str) + Sync)) -> Result<Verified, NodeError> {
    let node = Node::open_as_it_is(options, "verify").await?;
    let verified = node.verify_home(tick).await;
    node.state.close().await;
    verified
}

/// Verifies the package in a folder: one of `keys` signed it and nobody else did; no file was changed, added or taken
/// away. With no keys the package's own word for its key is taken, and a note says so.
pub fn verify_package(dir: &Path, keys: &[VerifyingKey]) -> Verified {
    let mut out = Verified::of("package");
    let mut known: Vec<VerifyingKey> = keys.to_vec();
    if known.is_empty() {
        match signer_of(dir) {
            Some(signer) => {
                let what = format!(
                    "the key {} stands in the package itself: compare it with the one that an agreement gives the node of `{}`",
                    keys::shown(signer.key()),
                    signer.name()
                );
                out.note("CMT-1150", what, SIGNER);
                known.push(*signer.key());
            }
            None => out.problem(
                "CMT-1151",
                "no key is known that could have signed it; give one with --key",
                SIGNER,
            ),
        }
    }
    let named: Vec<_> = known.iter().map(|k| (dsse::keyid(k), *k)).collect();
    match evidence::package::verify_package(dir, &named) {
        Ok(report) => {
            out.exhibits = report.payload.len() as u64;
            out.files = report.files;
            out.bytes = report.bytes;
            out.signed_by = report.signed_by;
        }
        Err(error) => {
            let file = match &error {
                EvidenceError::PackageChanged { file, .. } => file.clone(),
                EvidenceError::PackageMissing(file) | EvidenceError::PackageStray(file) => file.clone(),
                EvidenceError::PackageSignature(_) => "signature.dsse.json".into(),
                EvidenceError::File { path, .. } => path.clone(),
                _ => String::new(),
            };
            out.error(&error, file);
        }
    }
    out
}

/// The node key that a package names, with the origin of its ledger (C2SP signed-note, "verifier keys":
/// `name+id+base64(type ‖ key)`). Not verified.
fn signer_of(dir: &Path) -> Option<NoteKey> {
    let bytes = bounded(&dir.join(SIGNER), MOST_SIGNER).ok()??;
    let text = std::str::from_utf8(&bytes).ok()?.strip_suffix('\n')?;
    let mut parts = text.splitn(3, '+');
    let (name, encoded) = (parts.next()?, parts.nth(1)?);
    let typed = BASE64_STANDARD.decode(encoded).ok()?;
    let key: [u8; 32] = typed.strip_prefix(&[ED25519])?.try_into().ok()?;
    let named = NoteKey::new(name, VerifyingKey::from_bytes(&key).ok()?).ok()?;
    // One spelling, the id included.
    (named.to_vkey() == text).then_some(named)
}

/// A file's bytes up to a bound; none where it is not there. What is larger is an error and is not read.
pub(super) fn bounded(path: &Path, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(std::io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(Some(bytes))
}

/// Every file of the ledger's folder but the checkpoint: those that belong to the log by their name, and what a
/// cut-short write left (`name#123`).
pub(super) fn ledger_files(root: &Path) -> (Vec<String>, Vec<String>) {
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    let (mut stored, mut cut) = (Vec::new(), Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(inside) = path.strip_prefix(root) else { continue };
            let inside = inside.to_string_lossy().into_owned();
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                folders.push(path);
            } else if inside.contains('#') {
                cut.push(inside);
            } else if inside != checkpoint::FILE {
                stored.push(inside);
            }
        }
    }
    stored.sort_unstable();
    cut.sort_unstable();
    (stored, cut)
}

/// Which files an error of the ledger blames, below the home.
fn blamed(error: &LedgerError) -> Vec<String> {
    let at = |file: &str| format!("ledger/{file}");
    match error {
        LedgerError::Changed(files) => files.iter().map(|f| at(f)).collect(),
        LedgerError::FileMissing(file) | LedgerError::Stray(file) => vec![at(file)],
        LedgerError::Unreadable { file, .. } | LedgerError::Leaf { file, .. } => vec![at(file)],
        _ => vec![at(checkpoint::FILE)],
    }
}

/// What a file that cannot be verified alone looks like, in words.
fn looks_like(bytes: &[u8]) -> String {
    if super::stamp::looks_like_token(bytes) {
        return "a time-stamp token: say what it stamps with --stamps, and whom you trust with --roots"
            .into();
    }
    if bytes.is_empty() {
        return "an empty file".into();
    }
    let known = malware::recognise(bytes).or_else(|| exchange::recognise(bytes));
    let known = known.or_else(|| botnet::recognise(bytes));
    match known {
        Some(kind) => format!("`{}`: `comity ingest` takes it in as an exhibit", kind.word()),
        None => "nothing that is known here".into(),
    }
}

/// Where an exhibit's key lies, below the home.
fn key_file(id: &ExhibitId) -> String {
    let name = id.to_string();
    format!("keys/objects/{}/{name}", name.get(..2).unwrap_or("00"))
}

impl Node {
    /// Verifies this home: the ledger to its last byte and every leaf's signature; every exhibit opened under its key,
    /// hashed, and its custody on the ledger; every telemetry file; every agreement's signatures; the public keys.
    /// `tick` is called with each step's name.
    ///
    /// # Errors
    /// When the state store cannot be asked. What is found wrong is in the result.
    pub async fn verify_home(&self, tick: &(dyn Fn(&str) + Sync)) -> Result<Verified, NodeError> {
        let mut out = Verified::of("home");
        tick("keys");
        self.verify_keys(&mut out);
        tick("state.db");
        for check in doctor::state(&self.state).await.into_iter().filter(|c| c.name == "state" && !c.ok) {
            out.problem(check.code.as_deref().unwrap_or("CMT-1011"), check.what, "state.db");
        }
        tick("ledger");
        let head = self.verify_ledger(&mut out).await?;
        if let Some(head) = &head {
            self.verify_leaves(head, &mut out).await?;
        }
        self.verify_exhibits(head.map_or(0, |h| h.size), &mut out, tick).await?;
        tick("telemetry");
        self.verify_telemetry(&mut out).await?;
        tick("rulings");
        self.verify_batches(&mut out).await?;
        tick("labels");
        self.verify_labels(&mut out).await?;
        tick("agreements");
        if let Err(error) = self.agreements().await {
            out.error(&error, "state.db");
        }
        Ok(out)
    }

    /// Verifies a file by what it is: a receipt, a partner's proof of erasure, or a proof of a ruling.
    ///
    /// # Errors
    /// CMT-1183 for anything else, naming what it looks like; when the file cannot be read.
    pub async fn verify_file(&self, path: &Path) -> Result<Verified, NodeError> {
        let most = batches::MOST_PROOF.max(exchange::receipt::MAX_RECEIPT as u64);
        let bytes = bounded(path, most);
        let bytes = bytes.map_err(|e| NodeError::file("reading", path, e))?.unwrap_or_default();
        if let Some(proof) = batches::claimed(&bytes) {
            return self.verify_ruling_proof(path, &bytes, &proof).await;
        }
        match dsse::Envelope::from_json(&bytes) {
            Ok(envelope) if envelope.payload_type() == super::retain::ERASED_TYPE => {
                self.verify_erasure_proof(path, &bytes).await
            }
            Ok(envelope) if envelope.payload_type() != exchange::receipt::PAYLOAD_TYPE => {
                Err(NodeError::NotVerifiable {
                    file: path.display().to_string(),
                    what: format!("a signed envelope of `{}`", envelope.payload_type()),
                })
            }
            Ok(_) => self.verify_receipt(path).await,
            Err(_) if !path.exists() => self.verify_receipt(path).await,
            Err(_) => {
                Err(NodeError::NotVerifiable { file: path.display().to_string(), what: looks_like(&bytes) })
            }
        }
    }

    async fn verify_erasure_proof(&self, path: &Path, bytes: &[u8]) -> Result<Verified, NodeError> {
        use super::retain::{ERASED_TYPE, ErasureProof};
        let mut out = Verified::of("proof of erasure");
        (out.files, out.bytes) = (1, bytes.len() as u64);
        let envelope = dsse::Envelope::from_json(bytes)?;
        let refuse = |what: String| NodeError::NotVerified { what };
        let claimed: ErasureProof = serde_json::from_slice(envelope.unverified_payload())
            .map_err(|e| refuse(format!("the proof does not read: {e}")))?;
        let keys: Vec<_> = (self.agreements().await?.node_keys(&claimed.by, self.clock.now()).into_iter())
            .map(|k| (dsse::keyid(&k), k))
            .collect();
        if let Err(error) = dsse::verify(&envelope, ERASED_TYPE, &keys) {
            out.error(&error, path.display().to_string());
            return Ok(out);
        }
        let mut conn = self.state.read().await?;
        let given: Option<crate::store::records::Record<super::share::KeptRelease>> =
            crate::store::records::RELEASES.get(&mut conn, claimed.release.as_str()).await?;
        let ours = given.is_some_and(|r| {
            r.body.record.header.to == claimed.by && r.body.record.header.from == self.partner
        });
        if !ours || claimed.from != self.partner {
            let what = format!("no release `{}` was given to {} by this home", claimed.release, claimed.by);
            out.problem("CMT-1127", what, path.display().to_string());
        }
        out.signed_by = dsse::verified_keyids(&envelope, ERASED_TYPE, &keys)?;
        Ok(out)
    }

    /// Verifies a receipt in a file: its signature by the partner's node key, and that it fits a release of this home.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn verify_receipt(&self, path: &Path) -> Result<Verified, NodeError> {
        let mut out = Verified::of("receipt");
        let most = exchange::receipt::MAX_RECEIPT as u64;
        let bytes = bounded(path, most).map_err(|e| NodeError::file("reading", path, e))?;
        let bytes = bytes.ok_or_else(|| {
            NodeError::file("reading", path, std::io::Error::from(std::io::ErrorKind::NotFound))
        })?;
        (out.files, out.bytes) = (1, bytes.len() as u64);
        match self.check_receipt(&bytes).await {
            Ok(receipt) => out.signed_by.push(receipt.by.to_string()),
            Err(error @ NodeError::Store(_)) => return Err(error),
            Err(error) => out.error(&error, path.display().to_string()),
        }
        Ok(out)
    }

    /// Keys by which a package can be signed as far as this home knows: its own node key, and those that partners of
    /// agreements in force delegate.
    ///
    /// # Errors
    /// When the agreements cannot be read.
    pub async fn package_keys(&self) -> Result<Vec<VerifyingKey>, NodeError> {
        let mut known = vec![self.keys.node.verifying_key()];
        let agreements = self.agreements().await?;
        let now = self.clock.now();
        let parties: BTreeSet<PartnerId> =
            agreements.all().iter().flat_map(|s| s.agreement().parties().into_iter().cloned()).collect();
        for party in parties {
            for key in agreements.node_keys(&party, now) {
                if !known.contains(&key) {
                    known.push(key);
                }
            }
        }
        Ok(known)
    }

    fn verify_keys(&self, out: &mut Verified) {
        const FILE: &str = "keys/public.json";
        let public = match keys::read_public(&self.home.keys()) {
            Ok(public) => public,
            Err(error) => return out.error(&error, FILE),
        };
        let same = public.organisation == keys::shown(&self.keys.organisation.verifying_key())
            && public.node == keys::shown(&self.keys.node.verifying_key())
            && public.sealing == self.keys.recipient().to_string();
        if !same {
            out.problem("CMT-1152", "the public keys do not fit the private ones", FILE);
        }
        for (person, key) in &public.people {
            let file = format!("keys/person-{person}.age");
            match self.keys.of_person(&self.home.keys(), &terms::PersonId(person.clone())) {
                Ok(own) if keys::shown(&own.verifying_key()) == *key => out.files += 1,
                Ok(_) => out.problem("CMT-1152", format!("the public key of {person} is another's"), file),
                Err(error) => out.error(&error, file),
            }
        }
    }

    /// The ledger alone; its head where it verifies and has one.
    async fn verify_ledger(&self, out: &mut Verified) -> Result<Option<Head>, NodeError> {
        let mut conn = self.state.read().await?;
        let count = leaves::count(&mut conn).await?;
        drop(conn);
        let root = self.home.ledger();
        let (stored, cut) = ledger_files(&root);
        for file in cut {
            out.note(
                "CMT-1153",
                "left by a write that was cut short; no part of the log",
                format!("ledger/{file}"),
            );
        }
        if stored.is_empty() && count.published == 0 && !root.join(checkpoint::FILE).exists() {
            return Ok(None);
        }
        let (name, key) = (origin(&self.partner), self.keys.node.verifying_key());
        let verified = tokio::task::spawn_blocking(move || verify_folder(&root, &name, key, &stored)).await;
        let verified =
            verified.map_err(|e| NodeError::Value { what: format!("the verifying thread ended: {e}") })?;
        let report = match verified {
            Ok(report) => report,
            Err(error) => {
                for file in blamed(&error) {
                    out.error(&error, file);
                }
                return Ok(None);
            }
        };
        out.files += report.files;
        out.bytes += report.bytes;
        for file in report.beyond {
            out.note(
                "CMT-1153",
                "written before a crash; no checkpoint covers it yet",
                format!("ledger/{file}"),
            );
        }
        let head = report.head;
        let places = count.published + count.placed;
        if head.size < count.published || head.size > places {
            let what = format!(
                "the checkpoint covers {} leaves; the state store knows {} published of {places}",
                head.size, count.published
            );
            out.problem("CMT-1017", what, "ledger/checkpoint");
        }
        let waiting = count.waiting + places.saturating_sub(head.size);
        if waiting > 0 {
            out.note("CMT-1154", format!("{waiting} leaves wait; the next command writes them"), "state.db");
        }
        out.ledger = Some(LedgerHead { origin: head.origin.clone(), size: head.size, root: head.root });
        Ok(Some(head))
    }

    /// The leaves in the state store are those on the ledger, each at its place.
    async fn verify_leaves(&self, head: &Head, out: &mut Verified) -> Result<(), NodeError> {
        let root = self.home.ledger();
        let mut next = 0;
        while next < head.size {
            let mut conn = self.state.read().await?;
            let mut page = leaves::placed_from(&mut conn, next, STEP).await?;
            drop(conn);
            page.retain(|l| l.place.is_some_and(|p| p < head.size));
            let Some(last) = page.last().and_then(|l| l.place) else { break };
            let expected = last + 1 - next;
            if page.len() as u64 != expected {
                let what =
                    format!("of the leaves {next} to {last} only {} are in the state store", page.len());
                out.problem("CMT-1017", what, "state.db");
            }
            let (root, head) = (root.clone(), head.clone());
            let wrong = tokio::task::spawn_blocking(move || other_leaves(&root, &head, &page)).await;
            let wrong =
                wrong.map_err(|e| NodeError::Value { what: format!("the verifying thread ended: {e}") })?;
            for place in wrong {
                out.problem(
                    "CMT-1017",
                    format!("leaf {place} is another one in the state store"),
                    "state.db",
                );
            }
            next = last + 1;
        }
        if next < head.size {
            out.problem(
                "CMT-1017",
                format!("the leaves from {next} on are not in the state store"),
                "state.db",
            );
        }
        Ok(())
    }

    async fn verify_exhibits(
        &self,
        published: u64,
        out: &mut Verified,
        tick: &(dyn Fn(&str) + Sync),
    ) -> Result<(), NodeError> {
        let mut keyed: BTreeSet<ExhibitId> = match self.vault.list().await {
            Ok(keyed) => keyed.into_iter().collect(),
            Err(error) => {
                out.error(&error, "keys/objects");
                BTreeSet::new()
            }
        };
        let mut after: Option<ExhibitId> = None;
        loop {
            let mut conn = self.state.read().await?;
            let page = exhibits::page(&mut conn, after.as_ref(), 1000).await?;
            drop(conn);
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let mut work = stream::iter(&page)
                .map(|e| async move {
                    (e, if e.erased_at.is_none() { Some(self.vault.check(&e.id).await) } else { None })
                })
                .buffered(TOGETHER);
            while let Some((exhibit, checked)) = work.next().await {
                let has_key = keyed.remove(&exhibit.id);
                match checked {
                    Some(checked) => self.verify_sealed(exhibit, checked, out).await,
                    None if has_key => {
                        let what = format!("exhibit {} was erased and its key is still here", exhibit.id);
                        out.problem("CMT-1155", what, key_file(&exhibit.id));
                    }
                    None => {}
                }
                self.verify_custody(exhibit, published, out).await?;
                tick(&exhibit.id.to_string());
            }
        }
        for id in keyed {
            let what = format!(
                "{id} is sealed and no exhibit: left by a command that was cut short; ingest it again"
            );
            out.note("CMT-1028", what, key_file(&id));
        }
        Ok(())
    }

    async fn verify_sealed(
        &self,
        exhibit: &Exhibit,
        checked: Result<evidence::vault::Checked, EvidenceError>,
        out: &mut Verified,
    ) {
        let vault = self.config.vault.as_deref().unwrap_or("vault");
        match checked {
            Ok(checked) => {
                out.exhibits += 1;
                out.files += 1;
                out.bytes += checked.size;
                if checked.size != exhibit.size {
                    let what =
                        format!("exhibit {} has {} bytes, not {}", exhibit.id, checked.size, exhibit.size);
                    out.problem("CMT-1156", what, "state.db");
                }
            }
            Err(error) => {
                let file = match &error {
                    EvidenceError::Damaged { object, .. } | EvidenceError::Store { object, .. } => {
                        format!("{vault}/{object}")
                    }
                    EvidenceError::ObjectMissing(_) => format!("{vault}/objects"),
                    _ => key_file(&exhibit.id),
                };
                return out.error(&error, file);
            }
        }
        match self.vault.commitment(&exhibit.id).await {
            Ok(commitment) if commitment == exhibit.commitment => {}
            Ok(_) => {
                let what = format!("the salt of exhibit {} does not give its commitment", exhibit.id);
                out.problem("CMT-1157", what, key_file(&exhibit.id));
            }
            Err(error) => out.error(&error, key_file(&exhibit.id)),
        }
    }

    /// Every act on an exhibit has its leaf, says the same there, and one of them took the exhibit in.
    async fn verify_custody(
        &self,
        exhibit: &Exhibit,
        published: u64,
        out: &mut Verified,
    ) -> Result<(), NodeError> {
        let mut conn = self.state.read().await?;
        let node = self.keys.node.verifying_key();
        let ours = [(dsse::keyid(&node), node)];
        let (mut after, mut taken_in) = (String::new(), false);
        loop {
            let page: Vec<CustodyRow<serde_json::Value>> =
                custody::of(&mut conn, &exhibit.id, &after, 1000).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            for row in &page {
                let told = format!("custody act `{}` of exhibit {}", row.act, exhibit.id);
                let Some(leaf) = leaves::find(&mut conn, &row.leaf).await? else {
                    out.problem("CMT-1158", format!("{told} has no leaf"), "state.db");
                    continue;
                };
                let event = match Event::open(&leaf.body, &ours) {
                    Ok(event) => event,
                    Err(error) => {
                        out.problem("CMT-1158", format!("the leaf of {told}: {error}"), "state.db");
                        continue;
                    }
                };
                // A leaf that is marked as published was compared with the ledger; one that says so and is not, is a lie.
                if leaf.published_at.is_some() && leaf.place.is_none_or(|p| p >= published) && published > 0 {
                    out.problem("CMT-1158", format!("the leaf of {told} is not on the ledger"), "state.db");
                }
                let same = self.same_act(&event, row);
                if !same {
                    out.problem("CMT-1159", format!("{told} says something else than its leaf"), "state.db");
                }
                let intake = matches!(event.what, Act::Seal | Act::Receive | Act::Derive | Act::Release);
                taken_in |= intake && event.exhibits.contains(&exhibit.commitment);
            }
        }
        if !taken_in {
            let what = format!("no leaf of custody takes exhibit {} in under its commitment", exhibit.id);
            out.problem("CMT-1158", what, "state.db");
        }
        Ok(())
    }

    /// Whether a row of custody says what its leaf says, in the form that the ledger holds. Leaves of earlier versions
    /// hold the event as the row does.
    fn same_act(&self, on_ledger: &Event, row: &CustodyRow<serde_json::Value>) -> bool {
        let Ok(at_home) = serde_json::from_value::<Event>(row.body.clone()) else { return false };
        let value = |e: &Event| serde_json::to_value(e).ok();
        let leaf = value(on_ledger);
        leaf.is_some()
            && (leaf == value(&self.on_ledger(&at_home, &row.leaf)) || leaf == value(&at_home))
            && at_home.who == row.who
            && at_home.when == row.at
    }

    async fn verify_telemetry(&self, out: &mut Verified) -> Result<(), NodeError> {
        let mut conn = self.state.read().await?;
        let mut on_disk: BTreeSet<String> =
            self.telemetry.listed().await?.into_iter().map(|(path, _)| path).collect();
        let mut after = String::new();
        loop {
            let page = manifest::page(&mut conn, &after, 1000).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.path);
            for file in &page {
                on_disk.remove(&file.path);
                let shown = format!("telemetry/{}", file.path);
                match self.telemetry.digest(&file.path).await {
                    Ok((sha256, size)) if sha256 == file.sha256 && size == file.size => {
                        out.files += 1;
                        out.bytes += size;
                    }
                    Ok(_) => out.problem("CMT-1021", "its SHA-256 is not the one of the manifest", shown),
                    Err(e) => out.problem("CMT-1021", format!("it cannot be read: {e}"), shown),
                }
            }
        }
        for path in on_disk {
            let what =
                "no row of the manifest names it: left by a command that was cut short; no question sees it";
            out.note("CMT-1145", what, format!("telemetry/{path}"));
        }
        Ok(())
    }
}

/// Recomputes the log in a folder.
fn verify_folder(
    root: &Path,
    name: &str,
    key: VerifyingKey,
    stored: &[String],
) -> Result<Report, LedgerError> {
    let (keys, id) = ([NoteKey::new(name, key)?], dsse::keyid(&key));
    let resolve = |named: &str| (named == id).then_some(key);
    let trust = Trust { origin: name, keys: &keys, witnesses: &[], demanded: 0, resolve: &resolve };
    verify_log(&|path| bounded(&root.join(path), MOST_LEDGER_FILE), &trust, Some(stored))
}

/// The places at which the ledger holds other bytes than the state store. The log was verified before.
fn other_leaves(root: &Path, head: &Head, page: &[Leaf]) -> Vec<u64> {
    // Neighbours stand in one bundle: it is read once.
    let last: RefCell<(String, Option<Vec<u8>>)> = RefCell::default();
    let read = |path: &str| {
        if last.borrow().0 != path {
            *last.borrow_mut() = (path.to_owned(), bounded(&root.join(path), MOST_LEDGER_FILE)?);
        }
        Ok(last.borrow().1.clone())
    };
    let differs = |leaf: &&Leaf| {
        let place = leaf.place.unwrap_or(u64::MAX);
        ledger::proof::read_leaf(&read, head, place).map_or(true, |on_ledger| on_ledger != leaf.body)
    };
    page.iter().filter(differs).filter_map(|l| l.place).collect()
}
