//! Delayed publication: the ledger as it stood a while ago, in a folder that others may read or serve.
//!
//! Time is cut into slots as long as the delay. What is published in a slot is the ledger as it stood one delay before the
//! slot began, cut down to a multiple of 256 leaves: hash tiles and a checkpoint that the node signs for that size.
//! It hides: when inside a slot anything happened; how much, below 256 leaves; that anything happened at all, until 256
//! leaves are full; and what, because entry bundles are not published. It does not hide: how many hundreds of leaves a
//! node writes over many slots. (Filling slots up with empty leaves would hide that too, and would grow every ledger for
//! ever.) No other command publishes, since a folder that changes when the node is used would tell just that: let a timer
//! run `comity verify publish` once a slot, at the slot's beginning.
//! Old partial tiles stay until their full tile is there (C2SP tlog-tiles), and file times are the slot's.

use super::error::NodeError;
use super::{Node, origin};
use crate::store::files::{Disk, Files as _};
use crate::store::{State, StoreError, leaves};
use ledger::log::FileBytes;
use ledger::{Head, NoteKey, NoteSigner, checkpoint, earlier};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use terms::{MICROS_PER_SECOND, Timestamp};

/// Leaves by which what is published grows.
pub const STEP: u64 = 256;
/// Tiles written together.
const TOGETHER: usize = 256;

/// What publishing did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Always `comity.published/1`.
    pub schema: &'static str,
    /// The folder.
    pub folder: String,
    /// Leaves that the published checkpoint covers.
    pub size: u64,
    /// Tiles that were written.
    pub tiles: u64,
    /// Where the present slot began: what is published is at least one delay older.
    pub slot: Timestamp,
    /// When the next slot begins.
    pub next: Timestamp,
}

/// The beginning of the slot that `now` lies in.
pub fn slot(now: Timestamp, delay_s: u64) -> Timestamp {
    let length = i64::try_from(delay_s.max(1)).unwrap_or(i64::MAX).saturating_mul(MICROS_PER_SECOND);
    Timestamp(now.0.div_euclid(length).saturating_mul(length))
}

impl Node {
    /// Publishes what the present slot may show. The same slot again changes nothing.
    ///
    /// # Errors
    /// CMT-1130 when no folder is configured, CMT-1194 when the folder holds another
    /// history; a clock that went back publishes nothing.
    pub async fn publish(&self) -> Result<Published, NodeError> {
        let folder = self.config.ledger_publish.clone().ok_or_else(|| NodeError::First {
            what: "the configuration names no folder to publish to".into(),
            help: "set `ledger_publish` (and `ledger_publish_delay_s`) in the home's config.toml",
        })?;
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let delay = self.config.ledger_publish_delay_s;
        let slot = slot(now, delay);
        let to = publishable(&self.state, slot, delay).await?;
        let (ledger, name) = (self.home.ledger(), origin(&self.partner));
        let signer = NoteSigner::new(&name, self.keys.node.clone())?;
        let present = self.sequencer.head().await?;
        let shown = folder.clone();
        let work = move || write(&ledger, &shown, &present, to, &signer, slot);
        let ended = tokio::task::spawn_blocking(work).await;
        let (size, tiles) = ended
            .map_err(|e| NodeError::NotVerified { what: format!("the publishing thread ended: {e}") })??;
        let step = i64::try_from(delay.max(1)).unwrap_or(i64::MAX).saturating_mul(MICROS_PER_SECOND);
        let next = Timestamp(slot.0.saturating_add(step));
        let folder = folder.display().to_string();
        Ok(Published { schema: "comity.published/1", folder, size, tiles, slot, next })
    }
}

/// How many leaves a slot may show: those that a checkpoint covered one delay before it began, in whole steps.
///
/// # Errors
/// When the state store cannot be asked.
pub async fn publishable(state: &State, slot: Timestamp, delay_s: u64) -> Result<u64, StoreError> {
    let mut conn = state.read().await?;
    let old = leaves::published_until(&mut conn, before(slot, delay_s)).await?;
    Ok(old - old % STEP)
}

/// One delay before.
fn before(slot: Timestamp, delay_s: u64) -> Timestamp {
    let length = i64::try_from(delay_s).unwrap_or(i64::MAX).saturating_mul(MICROS_PER_SECOND);
    Timestamp(slot.0.saturating_sub(length))
}

/// Whether the folder shows what the slot before this one had to show, for `doctor`; a sentence about it.
///
/// # Errors
/// CMT-1194 when it is overdue; as [`published`].
pub async fn look(
    state: &State,
    folder: &Path,
    delay_s: u64,
    key: &NoteKey,
    now: Timestamp,
) -> Result<String, NodeError> {
    let last = before(slot(now, delay_s), delay_s);
    let due = publishable(state, last, delay_s).await?;
    let size = published(folder, std::slice::from_ref(key), key.name())?.map_or(0, |h| h.size);
    if size < due {
        return Err(NodeError::Publish {
            what: format!("`{}` shows {size} leaves, {due} are due", folder.display()),
            help: "let a timer run `comity verify publish` once a slot",
        });
    }
    Ok(format!("{size} leaves are published, at least {delay_s} seconds old"))
}

/// The head that is published in a folder, with its signature checked; none where nothing is.
///
/// # Errors
/// CMT-0309 to CMT-0311 for a checkpoint that is not ours.
pub fn published(folder: &Path, keys: &[NoteKey], name: &str) -> Result<Option<Head>, NodeError> {
    if !folder.join(checkpoint::FILE).exists() {
        return Ok(None);
    }
    let disk = Disk::new(folder)?;
    let bytes = disk.read(checkpoint::FILE).map_err(|e| NodeError::file("reading", folder, e))?;
    let open = |b: Vec<u8>| checkpoint::open(&b, name, keys).map(|s| s.head().clone());
    Ok(bytes.map(open).transpose()?)
}

fn write(
    ledger: &Path,
    folder: &Path,
    present: &Head,
    to: u64,
    signer: &NoteSigner,
    slot: Timestamp,
) -> Result<(u64, u64), NodeError> {
    crate::store::files::make_folders(folder).map_err(|e| NodeError::file("making", folder, e))?;
    let keys = [signer.public().clone()];
    let known = published(folder, &keys, signer.public().name())?;
    let from = known.as_ref().map_or(0, |h| h.size);
    if to <= from && known.is_some() {
        return Ok((from, 0));
    }
    let home = Disk::new(ledger)?;
    let read = |path: &str| home.read(path);
    let target = earlier::head(&read, present, to)?;
    if let Some(old) = &known {
        // What was published once stays true, or nothing more is. Both are beginnings of the one log: they fit each other.
        if earlier::head(&read, present, from)? != *old {
            return Err(NodeError::Publish {
                what: format!("`{}` holds another history of {from} leaves", folder.display()),
                help: "nothing was written: find out which folder was restored, then publish into a new one",
            });
        }
    }
    let out = Disk::new(folder)?;
    let (mut tiles, mut waiting) = (0, Vec::new());
    earlier::tiles::<NodeError>(&read, present, from, to, &mut |file| {
        waiting.push(file);
        tiles += 1;
        if waiting.len() >= TOGETHER { flush(&out, folder, &mut waiting, slot) } else { Ok(()) }
    })?;
    flush(&out, folder, &mut waiting, slot)?;
    let bytes = checkpoint::sign(&target, &[signer])?;
    let point = FileBytes { path: checkpoint::FILE.into(), bytes };
    flush(&out, folder, &mut vec![point], slot)?;
    for path in earlier::replaced(from, to) {
        out.remove(&path).map_err(|e| NodeError::file("removing", &folder.join(&path), e))?;
    }
    Ok((to, tiles))
}

/// Makes files durable and gives them the slot's time, so that theirs do not say when the command ran.
fn flush(out: &Disk, folder: &Path, files: &mut Vec<FileBytes>, slot: Timestamp) -> Result<(), NodeError> {
    out.write_all(files).map_err(|e| NodeError::file("publishing to", folder, e))?;
    let seconds = u64::try_from(slot.0.div_euclid(MICROS_PER_SECOND)).unwrap_or(0);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    for file in files.drain(..) {
        let path: PathBuf = folder.join(&file.path);
        std::fs::File::options()
            .write(true)
            .open(&path)
            .and_then(|f| f.set_modified(time))
            .map_err(|e| NodeError::file("dating", &path, e))?;
    }
    Ok(())
}
