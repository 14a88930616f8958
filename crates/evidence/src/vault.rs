//! The vault: exhibits sealed one by one under keys of their own.
//!
//! Layout in the store: `objects/xx/<name>` one age file per exhibit, `tmp/` what is on its way. A name is 128 random
//! bits, kept with the key. It is not the exhibit's SHA-256, in clear or keyed: whoever reads the store (a cloud, a
//! stolen copy) could else ask it "do you hold this known sample?", and after an erasure the name would still tell.
//! Order of a seal: object durable under its temporary name, a mark, the rename, the name durable, the key durable. So a
//! key always has its object, and an object without a key is what `sweep` removes, led there by the mark.
//! Bounds: an exhibit up to 80 GiB, memory about 9 MiB per seal whatever its size.

pub use crate::stream::BlockingReader;
use crate::{
    Clearance, Durability, EvidenceError, Keystore, ObjectKey,
    durable::blocking,
    stream::{self, CHUNK, Drain, Plain},
    upload::Upload,
};
use futures::TryStreamExt as _;
use ledger::{Commitment, Salt};
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, path::Path};
use rand_core::{OsRng, RngCore as _};
use sha2::{Digest as _, Sha256};
use std::{
    io::{Cursor, Write as _},
    iter,
    pin::Pin,
    sync::Arc,
};
use terms::{Digest, ExhibitId, Timestamp};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::Mutex,
};
use tokio_util::io::StreamReader;

/// Seals, opens, checks and erases exhibits.
#[derive(Debug)]
pub struct Vault {
    store: Arc<dyn ObjectStore>,
    keys: Arc<dyn Keystore>,
    durability: Arc<dyn Durability>,
    /// Begins every temporary name of this vault value, so that `sweep` spares what is on its way here.
    session: String,
    /// Held while a key and its object are brought together or parted.
    one: Mutex<()>,
}

/// What sealing an input gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The exhibit: SHA-256 of the bytes.
    pub id: ExhibitId,
    /// How many bytes were read.
    pub size: u64,
    /// The exhibit's salted commitment, for the ledger.
    pub commitment: Commitment,
    /// Whether the vault did not hold these bytes before.
    pub fresh: bool,
}

/// What a check found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Bytes of the exhibit.
    pub size: u64,
}

/// What an erasure destroyed: enough for the receipt and the custody event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The exhibit.
    pub id: ExhibitId,
    /// Its commitment on the ledger, which nobody can open any more.
    pub commitment: Commitment,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Temporary objects that were removed.
    pub temporary: u64,
    /// Sealed objects without a key that were removed.
    pub keyless: u64,
}

/// Plain text of an exhibit as it is read. It ends in an error when the object was changed, so read to the end before
/// believing that the whole is right; each chunk alone is authenticated.
pub type Reader = Pin<Box<dyn AsyncRead + Send>>;

impl Vault {
    /// A vault over a store, a keystore and what makes the store's writes durable. The three are made by `comity::store`.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        keys: Arc<dyn Keystore>,
        durability: Arc<dyn Durability>,
    ) -> Self {
        Self { store, keys, durability, session: random_name(), one: Mutex::new(()) }
    }

    /// Seals all bytes of `input`. Durable when it returns. The same bytes twice are one object.
    ///
    /// # Errors
    /// CMT-0406 when the input fails, CMT-0407 or CMT-0408 when store or keystore do; then nothing is kept.
    pub async fn seal(&self, input: impl AsyncRead + Unpin + Send) -> Result<Sealed, EvidenceError> {
        let name = random_name();
        let key = ObjectKey::generate(&name);
        let temporary = Path::from(format!("tmp/{}-{name}", self.session));
        let mut upload = Upload::new(Arc::clone(&self.store), temporary.clone());
        match encrypt(input, &key, &mut upload).await {
            Ok((id, size)) => {
                let placed = self.place(&temporary, id, key).await;
                if placed.is_err() {
                    // Best effort: what stays is swept.
                    let _ = self.store.delete(&temporary).await;
                }
                placed.map(|(commitment, fresh)| Sealed { id, size, commitment, fresh })
            }
            Err(e) => {
                upload.abort().await;
                Err(e)
            }
        }
    }

    /// Seals bytes that are in memory.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub async fn seal_bytes(&self, bytes: &[u8]) -> Result<Sealed, EvidenceError> {
        self.seal(bytes).await
    }

    async fn place(
        &self,
        temporary: &Path,
        id: ExhibitId,
        key: ObjectKey,
    ) -> Result<(Commitment, bool), EvidenceError> {
        let _one = self.one.lock().await;
        if let Some(known) = self.key(&id).await? {
            if self.has_object(&known).await? {
                self.delete(temporary).await?;
                return Ok((known.commitment(&id), false));
            }
            // The object was lost and its bytes are here again: the old key opens nothing any more.
            let keys = Arc::clone(&self.keys);
            blocking(move || keys.destroy(&id)).await?;
        }
        self.durability.bytes(temporary).await?;
        let mark = mark_path(key.object());
        self.put_mark(&mark, &id).await?;
        let object = object_path(key.object());
        self.store
            .rename(temporary, &object)
            .await
            .map_err(|e| EvidenceError::store("place", &object, &e))?;
        self.durability.name(&object).await?;
        let commitment = key.commitment(&id);
        let keys = Arc::clone(&self.keys);
        let name = key.object().to_owned();
        let kept = blocking(move || keys.put(&id, &key)).await?;
        if !kept {
            // Another process sealed the same bytes meanwhile: its key stands.
            self.delete(&object_path(&name)).await?;
        }
        self.delete(&mark).await?;
        if kept {
            return Ok((commitment, true));
        }
        let theirs = self.key(&id).await?.ok_or(EvidenceError::Unknown(id))?;
        Ok((theirs.commitment(&id), false))
    }

    /// Whether this home holds the exhibit's key.
    ///
    /// # Errors
    /// CMT-0408, CMT-0409.
    pub async fn contains(&self, id: &ExhibitId) -> Result<bool, EvidenceError> {
        Ok(self.key(id).await?.is_some())
    }

    /// The exhibit's commitment, as the ledger holds it.
    ///
    /// # Errors
    /// CMT-0401, CMT-0408, CMT-0409.
    pub async fn commitment(&self, id: &ExhibitId) -> Result<Commitment, EvidenceError> {
        Ok(self.need_key(id).await?.commitment(id))
    }

    /// The salt of the exhibit's commitments, for disclosure in a package: who has it and the exhibit can check every
    /// leaf that speaks of it.
    ///
    /// # Errors
    /// CMT-0401, CMT-0408, CMT-0409.
    pub async fn disclose_salt(&self, id: &ExhibitId) -> Result<Salt, EvidenceError> {
        Ok(self.need_key(id).await?.salt().clone())
    }

    /// Opens an exhibit as a stream.
    ///
    /// # Errors
    /// CMT-0401 unknown, CMT-0402 lost, CMT-0407 to CMT-0409. A changed byte shows as an error while reading.
    pub async fn open(&self, id: &ExhibitId) -> Result<Reader, EvidenceError> {
        let plain = self.plain(id).await?;
        Ok(Box::pin(StreamReader::new(Box::pin(stream::chunks(plain)))))
    }

    /// Opens an exhibit for a thread that may block (a package writer, a child's memory file).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_blocking(&self, id: &ExhibitId) -> Result<BlockingReader, EvidenceError> {
        Ok(BlockingReader { plain: self.plain(id).await?, current: Cursor::default() })
    }

    /// Opens an exhibit of at most `max` bytes, all of it checked against its id.
    ///
    /// # Errors
    /// As [`open`](Self::open), CMT-0403 changed, CMT-0404 larger.
    pub async fn read(&self, id: &ExhibitId, max: u64) -> Result<Vec<u8>, EvidenceError> {
        let mut plain = self.plain(id).await?;
        let mut out = Vec::new();
        while let Some(chunk) = plain.recv().await {
            let chunk = chunk?;
            if (out.len() as u64).saturating_add(chunk.len() as u64) > max {
                return Err(EvidenceError::TooLarge { id: *id, max });
            }
            out.extend_from_slice(&chunk);
        }
        Ok(out)
    }

    /// Decrypts an exhibit and recomputes its SHA-256: any changed byte of its object is found.
    ///
    /// # Errors
    /// CMT-0401 unknown, CMT-0402 lost, CMT-0403 changed, CMT-0407 to CMT-0409.
    pub async fn check(&self, id: &ExhibitId) -> Result<Checked, EvidenceError> {
        let mut plain = self.plain(id).await?;
        let mut size = 0u64;
        while let Some(chunk) = plain.recv().await {
            size += chunk?.len() as u64;
        }
        Ok(Checked { size })
    }

    /// Erases an exhibit for good: its key and salt first, so that every copy of its object is closed for ever, then the
    /// object. Durable when it returns. After a crash in between, `sweep` removes the closed object.
    ///
    /// # Errors
    /// CMT-0401 when there is nothing (more) to erase, CMT-0407, CMT-0408. (Holds are refused before: see [`crate::hold::clear`].)
    pub async fn erase(&self, clearance: Clearance) -> Result<Erased, EvidenceError> {
        let id = *clearance.exhibit();
        let _one = self.one.lock().await;
        let key = match self.need_key(&id).await {
            Err(EvidenceError::KeyDamaged(_)) => {
                // Torn while it was overwritten, or damaged before: it opens nothing, and goes. Its object's mark leads
                // `sweep` to the object.
                let keys = Arc::clone(&self.keys);
                blocking(move || keys.destroy(&id)).await?;
                return Err(EvidenceError::Unknown(id));
            }
            key => key?,
        };
        let erased = Erased { id, commitment: key.commitment(&id) };
        let (mark, object) = (mark_path(key.object()), object_path(key.object()));
        drop(key);
        self.put_mark(&mark, &id).await?;
        self.durability.bytes(&mark).await?;
        self.durability.name(&mark).await?;
        let keys = Arc::clone(&self.keys);
        blocking(move || keys.destroy(&id)).await?;
        self.delete(&object).await?;
        self.durability.name(&object).await?;
        self.delete(&mark).await?;
        Ok(erased)
    }

    /// Every exhibit this home can open, in ascending order.
    ///
    /// # Errors
    /// CMT-0408.
    pub async fn list(&self) -> Result<Vec<ExhibitId>, EvidenceError> {
        let keys = Arc::clone(&self.keys);
        blocking(move || keys.list()).await
    }

    /// Removes what killed processes left: temporary objects last written before `before`, and objects whose seal or
    /// erasure did not come to its end. What this vault value itself is writing is spared. In a home of one process give
    /// the present; where several processes share a store, give a time before the longest seal began.
    ///
    /// # Errors
    /// CMT-0407 to CMT-0409.
    pub async fn sweep(&self, before: Timestamp) -> Result<Swept, EvidenceError> {
        let _one = self.one.lock().await;
        let folder = Path::from("tmp");
        let left: Vec<_> = (self.store.list(Some(&folder)).try_collect().await)
            .map_err(|e| EvidenceError::store("list", &folder, &e))?;
        let mut swept = Swept::default();
        for meta in left {
            let path: Path = meta.location;
            let name = path.filename().unwrap_or_default().to_owned();
            if name.starts_with(&self.session) || meta.last_modified.timestamp_micros() >= before.0 {
                continue;
            }
            if let Some(object) = name.strip_suffix(MARK) {
                swept.keyless += u64::from(self.sweep_marked(&path, meta.size, object).await?);
            }
            self.delete(&path).await?;
            swept.temporary += 1;
        }
        Ok(swept)
    }

    /// Removes the object a mark leads to, unless a key opens it.
    async fn sweep_marked(&self, mark: &Path, size: u64, object: &str) -> Result<bool, EvidenceError> {
        let whole = if size == MARK_SIZE {
            let told = |e| EvidenceError::store("read", mark, &e);
            let bytes = self.store.get_range(mark, 0..MARK_SIZE).await.map_err(told)?;
            std::str::from_utf8(&bytes).ok().and_then(|t| t.parse::<ExhibitId>().ok())
        } else {
            None
        };
        // A mark that a power cut emptied still names the object; then every key is asked, which is slow and rare.
        let candidates = match whole {
            Some(id) => vec![id],
            None => self.list().await?,
        };
        for id in candidates {
            if self.key(&id).await?.is_some_and(|key| key.object() == object) {
                return Ok(false);
            }
        }
        let path = object_path(object);
        let there = self.exists(&path).await?;
        self.delete(&path).await?;
        Ok(there)
    }

    async fn plain(&self, id: &ExhibitId) -> Result<Plain, EvidenceError> {
        let key = self.need_key(id).await?;
        stream::decrypt(Arc::clone(&self.store), object_path(key.object()), *id, key).await
    }

    async fn key(&self, id: &ExhibitId) -> Result<Option<ObjectKey>, EvidenceError> {
        let (keys, id) = (Arc::clone(&self.keys), *id);
        blocking(move || keys.get(&id)).await
    }

    async fn need_key(&self, id: &ExhibitId) -> Result<ObjectKey, EvidenceError> {
        self.key(id).await?.ok_or(EvidenceError::Unknown(*id))
    }

    async fn has_object(&self, key: &ObjectKey) -> Result<bool, EvidenceError> {
        self.exists(&object_path(key.object())).await
    }

    async fn exists(&self, path: &Path) -> Result<bool, EvidenceError> {
        match self.store.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(EvidenceError::store("read", path, &e)),
        }
    }

    async fn put_mark(&self, mark: &Path, id: &ExhibitId) -> Result<(), EvidenceError> {
        let payload = PutPayload::from(id.to_string().into_bytes());
        self.store.put(mark, payload).await.map_err(|e| EvidenceError::store("write", mark, &e)).map(|_| ())
    }

    async fn delete(&self, path: &Path) -> Result<(), EvidenceError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(EvidenceError::store("remove", path, &e)),
        }
    }
}

/// Reads, hashes and encrypts the input into the store, a chunk at a time.
async fn encrypt(
    mut input: impl AsyncRead + Unpin + Send,
    key: &ObjectKey,
    upload: &mut Upload,
) -> Result<(ExhibitId, u64), EvidenceError> {
    let failed = |e: &dyn std::fmt::Display| EvidenceError::Encrypt(e.to_string());
    let recipient = key.identity().recipient().0;
    let drain = Drain::default();
    let encryptor = age::Encryptor::with_recipients(iter::once(&recipient as &dyn age::Recipient))
        .map_err(|e| failed(&e))?;
    let mut writer = encryptor.wrap_output(drain.clone()).map_err(|e| failed(&e))?;
    let mut hash = Sha256::new();
    let mut size = 0u64;
    let mut buffer = vec![0u8; CHUNK];
    loop {
        let n = input.read(&mut buffer).await;
        let n = n.map_err(|e| EvidenceError::Input { read: size, why: e.to_string() })?;
        let Some(chunk) = buffer.get(..n).filter(|c| !c.is_empty()) else { break };
        hash.update(chunk);
        size += n as u64;
        writer.write_all(chunk).map_err(|e| failed(&e))?;
        upload.push(&drain.take()).await?;
    }
    writer.finish().map_err(|e| failed(&e))?;
    upload.push(&drain.take()).await?;
    upload.finish().await?;
    Ok((ExhibitId(Digest(hash.finalize().into())), size))
}

const MARK: &str = ".mark";
/// A mark holds an exhibit's id as hexadecimal digits.
const MARK_SIZE: u64 = 64;

fn object_path(name: &str) -> Path {
    let shelf = name.get(..2).unwrap_or("00");
    Path::from(format!("objects/{shelf}/{name}"))
}

fn mark_path(name: &str) -> Path {
    Path::from(format!("tmp/{name}{MARK}"))
}

fn random_name() -> String {
    let mut bytes = [0u8; 16];
    OsRng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}
