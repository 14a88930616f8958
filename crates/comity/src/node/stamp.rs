//! Time stamps of others (RFC 3161) over an exhibit, the ledger's checkpoint, or a package's signature.
//!
//! Here: finding what a token stamps, verifying it against the operator's roots, keeping it beside. Elsewhere: the token
//! itself (`evidence::timestamp`). Nothing here asks an authority: the operator brings the token, made for the digest that
//! `comity case stamp` prints when it is given none.

use super::Node;
use super::error::NodeError;
use super::verify::bounded;
use crate::store::exhibits;
use crate::store::records::{self, Record};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use evidence::custody::{Act, Why};
use evidence::timestamp::{Hash, Roots, Stamp, Token};
use ledger::checkpoint;
use serde::{Deserialize, Serialize};
use sha2::{Sha256, Sha384, Sha512};
use std::io::Read;
use std::path::{Path, PathBuf};
use terms::{Digest, ExhibitId};

/// Largest token that is read.
const MOST_TOKEN: u64 = 64 << 10;
/// Largest file of roots.
const MOST_ROOTS: u64 = 8 << 20;
/// The signature of a package, which a token about a package stamps.
const SIGNATURE: &str = "signature.ed25519";

/// A token as it is kept (`comity.stamped/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    /// Always `comity.stamped/1`.
    pub schema: String,
    /// SHA-256 of the token.
    pub id: Digest,
    /// What it stamps: an exhibit's id, `checkpoint SIZE`, or `package DIGEST`.
    pub on: String,
    /// What it says: the witness's time among it.
    pub stamp: Stamp,
    /// The token itself, DER in base64.
    pub token: String,
    /// For a checkpoint: the stamped text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The roots in a file.
///
/// # Errors
/// CMT-1121 unreadable, CMT-0440 no certificates.
pub fn roots(path: &Path) -> Result<Roots, NodeError> {
    let bytes = read(path, MOST_ROOTS)?;
    Ok(Roots::read(&bytes).map_err(evidence::EvidenceError::from)?)
}

/// Verifies a token over a file, without a home. A folder is a package: its signature is what is stamped.
///
/// # Errors
/// CMT-0440 with what does not hold, CMT-1121 unreadable.
pub fn verify(token: &Path, on: &Path, roots: &Roots, nonce: Option<&[u8]>) -> Result<Stamp, NodeError> {
    let token = token_in(token)?;
    let path = if on.is_dir() { on.join(SIGNATURE) } else { on.to_owned() };
    let file = std::fs::File::open(&path).map_err(|e| NodeError::file("opening", &path, e))?;
    let digest = digest(token.hash(), file).map_err(|e| NodeError::file("reading", &path, e))?;
    Ok(token.verify(&digest, roots, nonce).map_err(evidence::EvidenceError::from)?)
}

/// Whether a file begins as a token does (DER: a sequence whose length fits the file).
pub fn looks_like_token(bytes: &[u8]) -> bool {
    Token::read(bytes).is_ok()
}

fn token_in(path: &Path) -> Result<Token, NodeError> {
    Ok(Token::read(&read(path, MOST_TOKEN)?).map_err(evidence::EvidenceError::from)?)
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, NodeError> {
    let told = |e| NodeError::file("reading", path, e);
    bounded(path, most).map_err(told)?.ok_or_else(|| told(std::io::ErrorKind::NotFound.into()))
}

/// A digest of a stream, a chunk at a time.
fn digest(hash: Hash, mut from: impl Read) -> std::io::Result<Vec<u8>> {
    fn run<D: sha2::Digest>(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
        let mut hash = D::new();
        let mut buffer = vec![0u8; 256 << 10];
        loop {
            let n = from.read(&mut buffer)?;
            let Some(chunk) = buffer.get(..n).filter(|c| !c.is_empty()) else { break };
            hash.update(chunk);
        }
        Ok(hash.finalize().to_vec())
    }
    match hash {
        Hash::Sha256 => run::<Sha256>(&mut from),
        Hash::Sha384 => run::<Sha384>(&mut from),
        Hash::Sha512 => run::<Sha512>(&mut from),
    }
}

impl Node {
    /// The roots that this home's configuration names.
    ///
    /// # Errors
    /// CMT-1130 where it names none.
    pub fn stamp_roots(&self) -> Result<Roots, NodeError> {
        match &self.config.stamp_roots {
            Some(path) => roots(path),
            None => Err(NodeError::First {
                what: "this home trusts no time-stamping authority yet".into(),
                help: "set `stamp_roots` in its config.toml to a PEM file with their root certificates",
            }),
        }
    }

    /// What an authority is asked to stamp: the SHA-256 of an exhibit, of the ledger's checkpoint, or of a package's
    /// signature.
    ///
    /// # Errors
    /// CMT-1123, CMT-1121.
    pub async fn to_be_stamped(&self, on: &str) -> Result<(String, Digest), NodeError> {
        let (on, mut from, _) = self.stamped_thing(on).await?;
        let digest = tokio::task::spawn_blocking(move || digest(Hash::Sha256, &mut from)).await;
        let digest = digest.map_err(|e| NodeError::Value { what: e.to_string() })?;
        let digest = digest.map_err(|e| NodeError::file("reading", Path::new(&on), e))?;
        let digest: [u8; 32] = digest.try_into().unwrap_or_default();
        Ok((on, Digest(digest)))
    }

    /// Verifies a token over an exhibit (its id or first digits), `checkpoint`, or a package's folder, and keeps it. Over
    /// an exhibit it also enters custody.
    ///
    /// # Errors
    /// CMT-0440 with what does not hold, CMT-1130 no roots, CMT-1123 no such exhibit.
    pub async fn stamp(&self, token: &Path, on: &str, nonce: Option<&[u8]>) -> Result<Stamped, NodeError> {
        let roots = self.stamp_roots()?;
        let token = token_in(token)?;
        let (on, from, text) = self.stamped_thing(on).await?;
        let hash = token.hash();
        let digest = tokio::task::spawn_blocking(move || digest(hash, from)).await;
        let digest = digest.map_err(|e| NodeError::Value { what: e.to_string() })?;
        let digest = digest.map_err(|e| NodeError::file("reading", Path::new(&on), e))?;
        let stamp = token.verify(&digest, &roots, nonce).map_err(evidence::EvidenceError::from)?;
        let stamped = Stamped {
            schema: "comity.stamped/1".into(),
            id: Digest::of(token.der()),
            on: on.clone(),
            token: BASE64_STANDARD.encode(token.der()),
            stamp,
            text,
        };
        let now = self.clock.now();
        let mut event = self.event(Vec::new(), Act::Stamp, Why::House("time stamp".into()), false);
        event.document = Some(stamped.id);
        let exhibit: Vec<ExhibitId> = on.parse().into_iter().collect();
        let batch = self.on_each(&exhibit, &event).await?;
        let record = Record {
            id: stamped.id.to_string(),
            belongs: on,
            status: "verified".into(),
            at: now,
            until: None,
            body: stamped.clone(),
        };
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        records::STAMPS.put(&mut tx, &record).await?;
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(stamped)
    }

    /// Tokens kept over one thing.
    pub(super) async fn stamps_on(&self, on: &str) -> Result<Vec<Stamped>, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(records::STAMPS.of(&mut conn, on).await?.into_iter().map(|r| r.body).collect())
    }

    async fn stamped_thing(
        &self,
        on: &str,
    ) -> Result<(String, Box<dyn Read + Send>, Option<String>), NodeError> {
        if on == "checkpoint" {
            let path = self.home.ledger().join(checkpoint::FILE);
            let bytes = read(&path, 1 << 20)?;
            let head = self.sequencer.head().await?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            return Ok((
                format!("checkpoint {}", head.size),
                Box::new(std::io::Cursor::new(bytes)),
                Some(text),
            ));
        }
        let folder = PathBuf::from(on);
        if folder.is_dir() {
            let named: Vec<_> =
                self.package_keys().await?.into_iter().map(|k| (ledger::dsse::keyid(&k), k)).collect();
            let report = evidence::package::verify_package(&folder, &named)?;
            let path = folder.join(SIGNATURE);
            let file = std::fs::File::open(&path).map_err(|e| NodeError::file("opening", &path, e))?;
            return Ok((format!("package {}", report.digest), Box::new(file), None));
        }
        let id = self.exhibit_named(on).await?;
        let mut conn = self.state.read().await?;
        let gone = exhibits::find(&mut conn, &id).await?.is_none_or(|e| e.erased_at.is_some());
        drop(conn);
        if gone {
            return Err(NodeError::Value { what: format!("exhibit {id} was erased") });
        }
        Ok((id.to_string(), Box::new(self.vault.open_blocking(&id).await?), None))
    }
}
