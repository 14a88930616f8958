//! Bytes between the store (asynchronous) and age (synchronous), a few chunks at a time.

use crate::{EvidenceError, keystore::ObjectKey};
use futures::{Stream, StreamExt as _};
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use sha2::{Digest as _, Sha256};
use std::{
    io::{self, Cursor, Read, Write},
    iter,
    sync::{Arc, Mutex, PoisonError},
};
use terms::{Digest, ExhibitId};
use tokio::sync::mpsc;

/// Bytes of plain text handled at a time.
pub(crate) const CHUNK: usize = 64 << 10;
/// Chunks that may wait between two tasks.
const WAITING: usize = 4;

/// Where age writes: taken out after each chunk.
#[derive(Clone, Default)]
pub(crate) struct Drain(Arc<Mutex<Vec<u8>>>);

impl Drain {
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Drain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The plain text of an exhibit on its way out, verified chunk by chunk; the last item is an error when the whole is not
/// what its id says.
pub(crate) type Plain = mpsc::Receiver<Result<Vec<u8>, EvidenceError>>;

/// Reads and decrypts an object. Every chunk handed out was authenticated under the exhibit's own key.
pub(crate) async fn decrypt(
    store: Arc<dyn ObjectStore>,
    path: Path,
    id: ExhibitId,
    key: ObjectKey,
) -> Result<Plain, EvidenceError> {
    let found = match store.get(&path).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => return Err(EvidenceError::ObjectMissing(id)),
        Err(e) => return Err(EvidenceError::store("read", &path, &e)),
    };
    let (into, sealed) = mpsc::channel::<io::Result<Vec<u8>>>(WAITING);
    let (out, plain) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut stream = found.into_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map(|b| b.to_vec()).map_err(io::Error::other);
            if into.send(chunk).await.is_err() {
                break; // the reader went away
            }
        }
    });
    tokio::task::spawn_blocking(move || {
        let sealed = Incoming { chunks: sealed, current: Cursor::default() };
        if let Err(why) = pump(sealed, &id, &key, &out) {
            let _ = out.blocking_send(Err(EvidenceError::Damaged { id, object: path.to_string(), why }));
        }
    });
    Ok(plain)
}

fn pump(
    sealed: Incoming,
    id: &ExhibitId,
    key: &ObjectKey,
    out: &mpsc::Sender<Result<Vec<u8>, EvidenceError>>,
) -> Result<(), String> {
    let decryptor = age::Decryptor::new(sealed).map_err(|e| e.to_string())?;
    let mut reader = (decryptor.decrypt(iter::once(&key.identity().0 as &dyn age::Identity)))
        .map_err(|e| e.to_string())?;
    let mut hash = Sha256::new();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        (&mut reader).take(CHUNK as u64).read_to_end(&mut chunk).map_err(|e| e.to_string())?;
        if chunk.is_empty() {
            break;
        }
        hash.update(&chunk);
        if out.blocking_send(Ok(chunk)).is_err() {
            return Ok(()); // the reader went away
        }
    }
    let digest = Digest(hash.finalize().into());
    if digest == id.0 { Ok(()) } else { Err(format!("it holds the bytes of {digest}")) }
}

/// Chunks from an asynchronous task as a synchronous reader.
struct Incoming {
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    current: Cursor<Vec<u8>>,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.current.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = Cursor::new(chunk?),
                None => return Ok(0),
            }
        }
    }
}

/// An exhibit's plain text as a synchronous reader, for threads that may block.
#[derive(Debug)]
pub struct BlockingReader {
    pub(crate) plain: Plain,
    pub(crate) current: Cursor<Vec<u8>>,
}

impl Read for BlockingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.current.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            match self.plain.blocking_recv() {
                Some(chunk) => self.current = Cursor::new(chunk.map_err(io::Error::other)?),
                None => return Ok(0),
            }
        }
    }
}

/// The plain text as a stream of chunks.
pub(crate) fn chunks(plain: Plain) -> impl Stream<Item = io::Result<Cursor<Vec<u8>>>> + Send {
    futures::stream::unfold(plain, |mut plain| async move {
        let chunk = plain.recv().await?;
        Some((chunk.map(Cursor::new).map_err(io::Error::other), plain))
    })
}
