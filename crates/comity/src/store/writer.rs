//! The writer of a log: leaves in, durable tiles and checkpoint out, and the group commit around it.
//!
//! Here: the one order of writing ([`Writer`]: tiles durable, then the checkpoint durable, then old partial tiles may go),
//! which the sequencer uses too; and [`Group`], which takes leaves from many tasks and commits together whatever came in
//! while the disk was busy. Elsewhere: the bytes (`ledger::log`), which leaf comes when and who may write
//! (`sequencer`), how a file becomes durable (`files`).
//! Nothing is answered before the checkpoint that covers it is durable. After a failure nothing is guessed: the files of
//! the failed batch are taken back, and where that or the checkpoint's own writing fails the writer stops.
//! Bounds: 32,768 leaves or 16 MiB a commit, and as many again waiting; a leaf has at most 65,535 bytes.

use super::files::Files;
use ledger::{Head, LedgerError, Log, NoteKey, NoteSigner, checkpoint, log::Append};
use std::{
    io,
    sync::{Arc, mpsc},
    thread,
};
use tokio::sync::oneshot;

/// Most leaves of one commit.
const MOST_LEAVES: usize = 32_768;
/// Bytes of leaves from which on a commit takes no more.
const MOST_BYTES: usize = 16 << 20;

/// Why a log was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// What the log itself says.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file could not be read or written.
    #[error("`{path}`: {why}")]
    File {
        /// Which.
        path: String,
        /// What kind of failure.
        kind: io::ErrorKind,
        /// In words.
        why: String,
    },
    /// An earlier failure left the folder in doubt, or the writer was closed.
    #[error("the writer of this log has stopped: {0}")]
    Stopped(String),
}

fn file_error(path: &str, e: &io::Error) -> WriteError {
    WriteError::File { path: path.to_owned(), kind: e.kind(), why: e.to_string() }
}

/// The right edge of a log with the folder it is written to.
#[derive(Debug)]
pub struct Writer {
    files: Arc<dyn Files>,
    signer: NoteSigner,
    log: Log,
}

impl Writer {
    /// A writer that goes on from a checked head.
    ///
    /// # Errors
    /// As [`Log::resume`].
    pub fn at(files: Arc<dyn Files>, signer: NoteSigner, head: &Head) -> Result<Self, WriteError> {
        let log = Log::resume(head, &|path| files.read(path))?;
        Ok(Self { files, signer, log })
    }

    /// A writer that goes on from the durable checkpoint, or begins a log, after removing what a killed writer left
    /// beyond it. For a folder that one writer owns.
    ///
    /// # Errors
    /// As [`checkpoint::open`] and [`Log::resume`]; CMT-0319 for a file that no log writes; a file that cannot be removed.
    pub fn open(files: Arc<dyn Files>, signer: NoteSigner, earlier: &[NoteKey]) -> Result<Self, WriteError> {
        let read = files.read(checkpoint::FILE).map_err(|e| file_error(checkpoint::FILE, &e))?;
        let origin = signer.public().name();
        let keys = [std::slice::from_ref(signer.public()), earlier].concat();
        let head = match read {
            Some(bytes) => checkpoint::open(&bytes, origin, &keys)?.head().clone(),
            None => Head::empty(origin)?,
        };
        let writer = Self::at(files, signer, &head)?;
        let stored = writer.files.tiles().map_err(|e| file_error("tile", &e))?;
        for path in writer.log.leftovers(&stored)? {
            writer.files.remove(&path).map_err(|e| file_error(&path, &e))?;
        }
        Ok(writer)
    }

    /// The log as far as its checkpoint is durable.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Makes the bundles and tiles of these leaves durable. No checkpoint covers them yet. With `compare` a file that
    /// holds the right bytes already is left alone.
    ///
    /// # Errors
    /// As [`Log::append`]; a file that cannot be written. Some of them may be there then.
    pub fn tiles<L: AsRef<[u8]>>(&self, leaves: &[L], compare: bool) -> Result<Append, WriteError> {
        let append = self.log.append(leaves)?;
        let mut files = append.files.clone();
        if compare {
            files.retain(|file| !self.is_there(file));
        }
        self.files.write_all(&files).map_err(|e| file_error("tile", &e))?;
        Ok(append)
    }

    /// Takes the files of leaves away that were not committed: other leaves will come in their place, and a narrow
    /// partial file of these would then lie within a larger checkpoint. For a folder that one writer owns.
    fn take_back<L: AsRef<[u8]>>(&self, leaves: &[L]) -> Result<(), WriteError> {
        for file in self.log.append(leaves)?.files {
            self.files.remove(&file.path).map_err(|e| file_error(&file.path, &e))?;
        }
        Ok(())
    }

    fn is_there(&self, file: &ledger::log::FileBytes) -> bool {
        match self.files.read(&file.path) {
            Ok(Some(old)) if old == file.bytes => true,
            Ok(Some(_)) => {
                let path = &file.path;
                tracing::warn!(path, "a ledger file that no checkpoint covers is written anew");
                false
            }
            Ok(None) | Err(_) => false,
        }
    }

    /// Makes the checkpoint of an append durable, takes its log, and lets old partial tiles go. The signed checkpoint.
    ///
    /// # Errors
    /// When signing or writing fails: then it is in doubt which checkpoint a power cut would leave, and this writer must
    /// not go on; [`Writer::open`] looks.
    pub fn checkpoint(&mut self, append: Append) -> Result<Vec<u8>, WriteError> {
        let bytes = checkpoint::sign(&append.log.head(), &[&self.signer])?;
        self.files.write(checkpoint::FILE, &bytes).map_err(|e| file_error(checkpoint::FILE, &e))?;
        self.log = append.log;
        for path in append.replaced {
            // A partial tile that stays does no harm.
            if let Err(error) = self.files.remove(&path) {
                tracing::warn!(path, %error, "an old partial tile stays");
            }
        }
        Ok(bytes)
    }
}

/// Where a leaf stands, and the durable checkpoint that covers it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its index, from 0.
    pub index: u64,
    /// The signed checkpoint.
    pub checkpoint: Arc<[u8]>,
}

struct Waiting {
    leaf: Vec<u8>,
    answer: oneshot::Sender<Result<Placed, WriteError>>,
}

/// A log that many tasks append to: one thread writes, and commits together what came in while the disk was busy.
/// Cheap to clone; the log is closed when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Group {
    queue: mpsc::SyncSender<Waiting>,
}

impl Group {
    /// Begins writing in a thread of its own; joining the handle after the last [`Group`] was dropped gives the writer
    /// back.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn begin(writer: Writer) -> io::Result<(Self, thread::JoinHandle<Writer>)> {
        let (queue, waiting) = mpsc::sync_channel(MOST_LEAVES);
        let thread = thread::Builder::new().name("ledger".into()).spawn(move || run(writer, &waiting))?;
        Ok((Self { queue }, thread))
    }

    /// Appends a leaf: its place, once tiles and checkpoint are durable. Waits where too many others do.
    ///
    /// # Errors
    /// CMT-0307 for a leaf that is too large, whatever the others are; [`WriteError`] where its batch was not written.
    pub async fn append(&self, leaf: Vec<u8>) -> Result<Placed, WriteError> {
        self.send(leaf)?.await.map_err(|_| closed())?
    }

    /// As [`Self::append`], for a caller that waits itself.
    ///
    /// # Errors
    /// As [`Self::append`], for the leaf's size and where the writer has stopped.
    pub fn send(&self, leaf: Vec<u8>) -> Result<oneshot::Receiver<Result<Placed, WriteError>>, WriteError> {
        if leaf.len() > ledger::log::MAX_LEAF {
            return Err(LedgerError::LeafTooLarge { index: 0, size: leaf.len() }.into());
        }
        let (answer, placed) = oneshot::channel();
        self.queue.send(Waiting { leaf, answer }).map_err(|_| closed())?;
        Ok(placed)
    }
}

fn closed() -> WriteError {
    WriteError::Stopped("its thread has ended".into())
}

fn run(mut writer: Writer, waiting: &mpsc::Receiver<Waiting>) -> Writer {
    let mut stopped = None;
    while let Ok(first) = waiting.recv() {
        let mut bytes = first.leaf.len();
        let mut leaves = vec![first.leaf];
        let mut answers = vec![first.answer];
        while leaves.len() < MOST_LEAVES && bytes < MOST_BYTES {
            let Ok(next) = waiting.try_recv() else { break };
            bytes += next.leaf.len();
            leaves.push(next.leaf);
            answers.push(next.answer);
        }
        let done = match &stopped {
            Some(why) => Err(WriteError::Stopped(String::clone(why))),
            None => commit(&mut writer, &leaves, &mut stopped),
        };
        for (n, answer) in answers.into_iter().enumerate() {
            let told = done.clone().map(|(first, checkpoint)| Placed { index: first + n as u64, checkpoint });
            // Whoever does not wait any more does not need the answer; the leaf stands all the same.
            let _ = answer.send(told);
        }
    }
    writer
}

fn commit(
    writer: &mut Writer,
    leaves: &[Vec<u8>],
    stopped: &mut Option<String>,
) -> Result<(u64, Arc<[u8]>), WriteError> {
    let append = writer.tiles(leaves, false).inspect_err(|e| {
        if let Err(again) = writer.take_back(leaves) {
            *stopped = Some(format!("{e}; and what was written could not be removed: {again}"));
        }
    })?;
    let first = append.first;
    let bytes = writer.checkpoint(append).inspect_err(|e| *stopped = Some(e.to_string()))?;
    Ok((first, bytes.into()))
}
