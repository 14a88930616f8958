//! Checkpoints: the signed head of a log (C2SP tlog-checkpoint in a C2SP signed-note).
//!
//! Here: heads, Ed25519 note keys, signing, strict opening. Elsewhere: cosignatures ([`crate::witness`]).
//! Bounds: a checkpoint is at most 64 KiB with 100 signature lines.

use crate::{LedgerError, tile::MAX_LEAVES};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use signed_note::{Note, Signature as NoteSignature};
use std::fmt;
use terms::Digest;
use tlog_tiles::{Checkpoint, Hash};

/// Largest checkpoint in bytes that is read.
pub const MAX_CHECKPOINT: usize = 64 << 10;
/// The file name of the checkpoint beside `tile/`.
pub const FILE: &str = "checkpoint";
const ALG_ED25519: u8 = 1;

/// What a checkpoint says: which log, how many leaves, which root. Not signed by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The log's identity (`company.comity/ledger`).
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root of the Merkle tree over them (RFC 6962 section 2.1).
    pub root: Digest,
}

impl Head {
    /// The head of a log without leaves.
    ///
    /// # Errors
    /// CMT-0320 when a signed note cannot carry the name.
    pub fn empty(origin: &str) -> Result<Self, LedgerError> {
        check_name(origin)?;
        Ok(Self { origin: origin.to_owned(), size: 0, root: Digest(tlog_tiles::EMPTY_HASH.0) })
    }

    /// The note text that is signed: three lines.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, Hash(self.root.0))
    }
}

/// A public key under the name that stands on its signature lines.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    key: VerifyingKey,
}

impl NoteKey {
    /// A key by name.
    ///
    /// # Errors
    /// CMT-0320 when a signed note cannot carry the name.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, LedgerError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), key })
    }
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The key.
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }
    /// Key id of a signature type (C2SP signed-note, "Signatures"): first 4 bytes of
    /// `SHA-256(name ‖ 0x0A ‖ type ‖ key)`.
    pub(crate) fn id(&self, algorithm: u8) -> u32 {
        let mut typed = vec![algorithm];
        typed.extend_from_slice(self.key.as_bytes());
        signed_note::key_id(&self.name, &typed)
    }
    pub(crate) fn fits(&self, text: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|s| self.key.verify_strict(text, &s).is_ok())
    }
    /// The key as the vkey text other tools of this family read (`name+id+base64`).
    pub fn to_vkey(&self) -> String {
        signed_note::new_ed25519_verifier_key(&self.name, &self.key)
    }
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_vkey())
    }
}

/// A private key under the name that stands on its signature lines. Its `Debug` shows the public half.
#[derive(Clone)]
pub struct NoteSigner {
    public: NoteKey,
    key: SigningKey,
}

impl NoteSigner {
    /// A signer by name; a log's signer bears the log's origin.
    ///
    /// # Errors
    /// CMT-0320 when a signed note cannot carry the name.
    pub fn new(name: &str, key: SigningKey) -> Result<Self, LedgerError> {
        Ok(Self { public: NoteKey::new(name, key.verifying_key())?, key })
    }
    /// Its public half.
    pub const fn public(&self) -> &NoteKey {
        &self.public
    }
    pub(crate) fn line(&self, algorithm: u8, prefix: &[u8], text: &[u8]) -> Result<Vec<u8>, LedgerError> {
        let mut bytes = prefix.to_vec();
        bytes.extend_from_slice(&self.key.sign(text).to_bytes());
        let signature = NoteSignature::new(self.public.name.clone(), self.public.id(algorithm), bytes)
            .map_err(|_| LedgerError::Name(self.public.name.clone()))?;
        Ok(signature.to_bytes())
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.public.fmt(f)
    }
}

/// A checkpoint whose log signature was checked. Only [`open`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedHead {
    head: Head,
    text: Vec<u8>,
    others: Vec<NoteSignature>,
}

impl SignedHead {
    /// What it says.
    pub const fn head(&self) -> &Head {
        &self.head
    }
    /// The signed text.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }
    /// Signature lines of others than the log's keys, not checked yet.
    pub(crate) fn others(&self) -> &[NoteSignature] {
        &self.others
    }
}

/// Signs a head as a checkpoint with the log's keys (several while a node key rotates).
///
/// # Errors
/// CMT-0320 when the origin cannot be carried or no signer is given.
pub fn sign(head: &Head, signers: &[&NoteSigner]) -> Result<Vec<u8>, LedgerError> {
    check_name(&head.origin)?;
    if signers.is_empty() || signers.iter().any(|s| s.public.name != head.origin) {
        return Err(LedgerError::Name(head.origin.clone()));
    }
    let text = head.to_text().into_bytes();
    let mut out = text.clone();
    out.push(b'\n');
    for signer in signers {
        out.extend(signer.line(ALG_ED25519, &[], &text)?);
    }
    Ok(out)
}

/// Opens a checkpoint of the log `origin`: at least one of `keys` signed it, none of its lines that name one of `keys`
/// is wrong, and it is written in the one allowed spelling.
///
/// # Errors
/// CMT-0309 not a checkpoint, CMT-0310 another log, CMT-0311 wrong or missing signature.
pub fn open(bytes: &[u8], origin: &str, keys: &[NoteKey]) -> Result<SignedHead, LedgerError> {
    let bad = |why: &str| LedgerError::Checkpoint { file: FILE.into(), why: why.into() };
    if bytes.len() > MAX_CHECKPOINT {
        return Err(bad("it is above 64 KiB"));
    }
    let note = Note::from_bytes(bytes).map_err(|_| bad("it is not a signed note"))?;
    let head = read_text(note.text()).ok_or_else(|| bad("its text is not a tree head"))?;
    if head.origin != origin {
        return Err(LedgerError::Origin { expected: origin.to_owned(), found: head.origin });
    }
    let signatures =
        read_lines(bytes, note.text().len()).ok_or_else(|| bad("a signature line cannot be read"))?;
    let mut signed = false;
    let mut others: Vec<NoteSignature> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for line in signatures {
        // One key, one line: a second one could only repeat or contradict the first.
        if !seen.insert((line.name().to_owned(), line.id())) {
            return Err(bad("a key signs it twice"));
        }
        let named = keys.iter().find(|k| k.name == line.name() && k.id(ALG_ED25519) == line.id());
        match named {
            Some(key) if key.name == origin && key.fits(note.text(), line.signature()) => signed = true,
            Some(key) => {
                return Err(LedgerError::CheckpointSignature {
                    name: key.name.clone(),
                    why: "does not fit".into(),
                });
            }
            None => others.push(line),
        }
    }
    if !signed {
        return Err(LedgerError::CheckpointSignature { name: origin.to_owned(), why: "is missing".into() });
    }
    Ok(SignedHead { head, text: note.text().to_vec(), others })
}

fn read_text(text: &[u8]) -> Option<Head> {
    let checkpoint = Checkpoint::from_bytes(text).ok()?;
    let head = Head {
        origin: checkpoint.origin().to_owned(),
        size: checkpoint.size(),
        root: Digest(checkpoint.hash().0),
    };
    // No extension lines: this program writes none, and one more line would be one more thing to disagree about.
    // RFC 6962 section 2.1: the empty tree has one root.
    let empty = head.size > 0 || head.root.0 == tlog_tiles::EMPTY_HASH.0;
    (empty && checkpoint.size() <= MAX_LEAVES && head.to_text().as_bytes() == text).then_some(head)
}

/// The length of a note's text in bytes, its final newline included.
pub(crate) fn text_length(bytes: &[u8]) -> Option<usize> {
    Some(Note::from_bytes(bytes).ok()?.text().len())
}

/// The signature lines after the text; `None` unless each is spelled as it would be written.
fn read_lines(bytes: &[u8], text: usize) -> Option<Vec<NoteSignature>> {
    let lines = bytes.get(text + 1..)?.strip_suffix(b"\n")?;
    lines
        .split(|b| *b == b'\n')
        .map(|line| {
            let signature = NoteSignature::from_bytes(line).ok()?;
            (signature.to_bytes().strip_suffix(b"\n") == Some(line)).then_some(signature)
        })
        .collect()
}

pub(crate) fn check_name(name: &str) -> Result<(), LedgerError> {
    let visible = |c: char| !c.is_control() && !c.is_whitespace() && c != '+';
    if name.is_empty() || name.len() > 255 || !name.chars().all(visible) {
        return Err(LedgerError::Name(name.chars().take(80).collect()));
    }
    Ok(())
}
