//! The one writer of the ledger.
//!
//! Here: taking leaves from the outbox in order, giving them their places, and who may write. The lease in the state
//! store has an epoch: whoever takes it over fences off the one before. A late writer cannot pass: its tiles hold the very
//! bytes that its successor writes, and it signs only while it holds the folder and its epoch's row, in this order, so that
//! one that slept in between is either waited for or refused. Elsewhere: the writing (`writer`), the bytes (`ledger`), the
//! outbox's rows (`state::leaves`).
//!
//! One run, and what a crash after each step leaves:
//! 1. places are given in one fenced transaction (crash: leaves stand at their places and are not written yet);
//! 2. entry bundles and tiles, each durable (crash: files that no checkpoint covers; the next run writes the same bytes
//!    again, because places are never given anew);
//! 3. the checkpoint, durable (crash: leaves that are covered and not marked; the next run marks them);
//! 4. leaves are marked as published.
//!
//! Bounds: 2,048 leaves a step; a leaf has at most 65,535 bytes.

use super::files::Files;
use super::state::{State, leaves};
use super::writer::{WriteError, Writer};
use super::{Clock, StoreError};
use ::ledger::{Head, LedgerError, NoteKey, NoteSigner, checkpoint, log::Append};
use std::{io, sync::Arc};
use terms::{MICROS_PER_SECOND, Timestamp};
use tokio::sync::Mutex;

/// Leaves of one step.
const STEP: u32 = 2048;
/// How long the lease lasts without renewal, in microseconds; each step renews it.
const LEASE: i64 = 30 * MICROS_PER_SECOND;

/// What a run left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The head that is signed now.
    pub head: Head,
    /// Leaves that this run wrote.
    pub written: u64,
}

/// Writes the ledger of one home.
#[derive(Debug, Clone)]
pub struct Sequencer {
    state: State,
    files: Arc<dyn Files>,
    signer: NoteSigner,
    keys: Vec<NoteKey>,
    clock: Arc<dyn Clock>,
    holder: String,
    /// One run at a time inside this process: a second would fence off the first.
    turn: Arc<Mutex<()>>,
}

/// What to do where the ledger's folder is behind what the state store knows to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Refuse,
    WriteAgain,
}

impl Sequencer {
    /// A sequencer that signs with `signer`, whose name is the log's origin. `earlier` are keys of the same origin that
    /// may have signed the checkpoint that is there. `holder` names the home: the same after a restart, another in
    /// another home.
    pub fn new(
        state: State,
        files: Arc<dyn Files>,
        signer: NoteSigner,
        earlier: &[NoteKey],
        clock: Arc<dyn Clock>,
        holder: &str,
    ) -> Self {
        let mut keys = vec![signer.public().clone()];
        keys.extend(earlier.iter().cloned());
        Self { state, files, signer, keys, clock, holder: holder.to_owned(), turn: Arc::default() }
    }

    /// Writes every waiting leaf. None where another process holds the lease: it writes them.
    ///
    /// Errors: CMT-1016 fenced off, CMT-1017 ledger and state store disagree (nothing is written then), CMT-1018 the
    /// ledger cannot be read or written, CMT-1008 disk full. Leaves wait on and are not lost.
    pub async fn run(&self) -> Result<Option<Published>, StoreError> {
        self.run_with(Behind::Refuse).await
    }

    /// As [`Self::run`], for a `ledger/` that was restored from a backup older than the state store: writes again what
    /// is missing, the same bytes at the same places. A person decides this.
    pub async fn write_again(&self) -> Result<Option<Published>, StoreError> {
        self.run_with(Behind::WriteAgain).await
    }

    /// The head that is signed now, with its signature checked; the empty head before the first checkpoint.
    pub async fn head(&self) -> Result<Head, StoreError> {
        match self.read_head().await? {
            Some(head) => Ok(head),
            None => Head::empty(self.signer.public().name()).map_err(ledger_error),
        }
    }

    /// The signed checkpoint, as it lies in the folder; before the first leaf that of an empty log, signed anew.
    pub async fn checkpoint(&self) -> Result<Vec<u8>, StoreError> {
        let files = Arc::clone(&self.files);
        let bytes = blocking(move || {
            files.read(checkpoint::FILE).map_err(|e| io_error(&*files, checkpoint::FILE, e))
        })
        .await?;
        match bytes {
            Some(bytes) => Ok(bytes),
            None => {
                let empty = Head::empty(self.signer.public().name()).map_err(ledger_error)?;
                checkpoint::sign(&empty, &[&self.signer]).map_err(ledger_error)
            }
        }
    }

    async fn run_with(&self, behind: Behind) -> Result<Option<Published>, StoreError> {
        let _turn = self.turn.lock().await;
        let now = self.clock.now();
        let mut tx = self.state.begin().await?;
        let held = leaves::hold(&mut tx, &self.holder, now.plus_micros(LEASE), now).await?;
        tx.commit().await?;
        let Some(lease) = held else { return Ok(None) };
        let head = self.recover(lease.epoch, behind).await?;
        let published = self.steps(lease.epoch, head).await?;
        let mut tx = self.state.begin().await?;
        leaves::let_go(&mut tx, lease.epoch).await?;
        tx.commit().await?;
        Ok(Some(published))
    }

    /// Reads what is there, refuses contradictions, and marks what an earlier run published without marking.
    async fn recover(&self, epoch: i64, behind: Behind) -> Result<Head, StoreError> {
        let head = self.head().await?;
        let mut tx = self.state.begin().await?;
        let lease = leaves::renew(&mut tx, epoch, self.until()).await?;
        let (places, known) = (lease.places, lease.published);
        if head.size > places {
            let why =
                format!("the checkpoint covers {} leaves, the state store gave {places} places", head.size);
            return Err(StoreError::LedgerDisagrees { why });
        }
        if head.size < known && behind == Behind::Refuse {
            let why = format!("{known} leaves were published, the checkpoint covers {}", head.size);
            return Err(StoreError::LedgerDisagrees { why });
        }
        if head.size > known {
            leaves::publish(&mut tx, &lease, head.size, self.clock.now()).await?;
        }
        tx.commit().await?;
        Ok(head)
    }

    async fn steps(&self, epoch: i64, head: Head) -> Result<Published, StoreError> {
        let start = head.size;
        let mut writer = self.writer(head).await?;
        // Only the first step can meet files that a crash left.
        let mut compare = true;
        loop {
            let size = writer.log().size();
            let mut tx = self.state.begin().await?;
            let lease = leaves::renew(&mut tx, epoch, self.until()).await?;
            let room = u64::from(STEP).saturating_sub(lease.places.saturating_sub(size));
            let places = leaves::place(&mut tx, &lease, u32::try_from(room).unwrap_or(STEP)).await?;
            let batch = leaves::placed_from(&mut tx, size, STEP).await?;
            tx.commit().await?;
            if batch.is_empty() {
                if places != size {
                    let why = format!("leaves {size} to {places} have left the state store");
                    return Err(StoreError::LedgerDisagrees { why });
                }
                return Ok(Published { head: writer.log().head(), written: size - start });
            }
            let bodies = in_order(size, batch)?;
            let (kept, append) = blocking(move || {
                let append = writer.tiles(&bodies, compare)?;
                Ok((writer, append))
            })
            .await?;
            writer = self.sign(epoch, kept, append).await?;
            compare = false;
        }
    }

    async fn writer(&self, head: Head) -> Result<Writer, StoreError> {
        let (files, signer) = (Arc::clone(&self.files), self.signer.clone());
        blocking(move || Ok(Writer::at(files, signer, &head)?)).await
    }

    /// Signs the new head while the folder is held and the lease's row is locked, so that nobody can have taken over in
    /// between, nor take over before the checkpoint is durable.
    async fn sign(&self, epoch: i64, mut writer: Writer, append: Append) -> Result<Writer, StoreError> {
        let head = append.log.head();
        let files = Arc::clone(&self.files);
        let _held =
            blocking(move || files.hold().map_err(|e| io_error(&*files, checkpoint::FILE, e))).await?;
        let mut tx = self.state.begin().await?;
        let lease = leaves::renew(&mut tx, epoch, self.until()).await?;
        if self.head().await?.size != writer.log().size() {
            return Err(StoreError::Fenced { epoch });
        }
        let writer = blocking(move || {
            writer.checkpoint(append)?;
            Ok(writer)
        })
        .await?;
        if head.size > lease.published {
            leaves::publish(&mut tx, &lease, head.size, self.clock.now()).await?;
        }
        tx.commit().await?;
        Ok(writer)
    }

    async fn read_head(&self) -> Result<Option<Head>, StoreError> {
        let files = Arc::clone(&self.files);
        let bytes = blocking(move || {
            files.read(checkpoint::FILE).map_err(|e| io_error(&*files, checkpoint::FILE, e))
        })
        .await?;
        let origin = self.signer.public().name();
        let open = |b: Vec<u8>| checkpoint::open(&b, origin, &self.keys).map(|s| s.head().clone());
        bytes.map(open).transpose().map_err(ledger_error)
    }

    fn until(&self) -> Timestamp {
        self.clock.now().plus_micros(LEASE)
    }
}

/// The bodies of leaves that stand without a gap from `first` on.
fn in_order(first: u64, batch: Vec<leaves::Leaf>) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut bodies = Vec::with_capacity(batch.len());
    for (place, leaf) in (first..).zip(batch) {
        if leaf.place != Some(place) {
            let why = format!("no leaf stands at place {place}");
            return Err(StoreError::LedgerDisagrees { why });
        }
        bodies.push(leaf.body);
    }
    Ok(bodies)
}

/// Runs file work beside the asynchronous threads.
async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => Err(StoreError::Ledger { why: format!("the writing thread ended: {e}") }),
    }
}

fn io_error(files: &dyn Files, path: &str, source: io::Error) -> StoreError {
    StoreError::io("writing the ledger:", &std::path::Path::new(&files.place()).join(path), source)
}

impl From<WriteError> for StoreError {
    fn from(e: WriteError) -> Self {
        match e {
            WriteError::File { path, kind, why } => {
                Self::io("writing the ledger:", std::path::Path::new(&path), io::Error::new(kind, why))
            }
            other => Self::Ledger { why: other.to_string() },
        }
    }
}

fn ledger_error(e: LedgerError) -> StoreError {
    StoreError::Ledger { why: e.to_string() }
}
