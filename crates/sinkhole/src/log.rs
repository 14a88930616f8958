//! The log: one segment after the other in one folder, written in batches, each durable before the next.
//!
//! ```text
//! FOLDER/hits-000007.ndjson    a segment: see `chain`
//!        head.json             the last segment that ended, and its chain: what comes next continues it
//!        payloads-000007-3.age bodies that an authority allows to keep, sealed for the home
//!        victims-000007.sealed addresses of its bots, sealed for notification alone: see `victims`
//!        torn-000007.bin       what a kill left behind the last whole batch: cut off, kept for whoever wants to look
//!        lock
//! ```
//! A segment that ended is taken in as an exhibit and then removed ([`closed`]); the head stays.
//! What cannot be written is kept and tried again, as the same bytes: no batch is written twice and none is skipped.

use crate::chain::{self, BATCH, MARK, SEGMENT, START, Whole};
use crate::hit::{Class, Hit, Source, Stamps, text};
use crate::pending::Batch;
use crate::victims::{self, Telling};
use crate::{By, Config, Home, SinkholeError, Told, now};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use terms::{Place, Timestamp};

/// Sources whose place is remembered; the memory begins anew above.
const REMEMBERED: usize = 200_000;

/// The last segment that ended (`comity.sinkhole-head/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Always `comity.sinkhole-head/1`.
    pub schema: String,
    /// Its number; 0 before the first.
    pub segment: u64,
    /// Its chain at the end, 64 hexadecimal digits.
    pub chain: String,
}

/// What a check of a folder found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Segments that are here.
    pub segments: u64,
    /// Segments that ended and are here no more: they were taken in, or removed.
    pub gone: u64,
    /// Batches in them.
    pub batches: u64,
    /// Lines of hits in them.
    pub lines: u64,
    /// Bytes behind the last whole batch of the last segment.
    pub torn: u64,
    /// The chain at the end, 64 hexadecimal digits.
    pub chain: String,
}

/// The segments of a folder in order.
fn segments(folder: &Path) -> Result<Vec<(u64, PathBuf)>, SinkholeError> {
    let listing = std::fs::read_dir(folder).map_err(|e| SinkholeError::file("reading", folder, e))?;
    let mut found = Vec::new();
    for entry in listing {
        let path = entry.map_err(|e| SinkholeError::file("reading", folder, e))?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let number = name.strip_prefix("hits-").and_then(|n| n.strip_suffix(".ndjson"));
        if let Some(number) = number.and_then(|n| n.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

fn head(folder: &Path) -> Result<Head, SinkholeError> {
    let path = folder.join("head.json");
    let read = match std::fs::read(&path) {
        Ok(read) => read,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Ok(Head {
                schema: "comity.sinkhole-head/1".into(),
                segment: 0,
                chain: hex::encode(START),
            });
        }
        Err(e) => return Err(SinkholeError::file("reading", &path, e)),
    };
    let head: Option<Head> = serde_json::from_slice(&read).ok();
    head.filter(|h| chain::digest(h.chain.as_bytes()).is_some())
        .ok_or_else(|| SinkholeError::Chain { path, why: "it names no segment and chain".into() })
}

/// The segments that ended and wait to be taken in, in order.
///
/// # Errors
/// CMT-1404, CMT-1405.
pub fn closed(folder: &Path) -> Result<Vec<PathBuf>, SinkholeError> {
    let head = head(folder)?;
    Ok(segments(folder)?.into_iter().filter(|(n, _)| *n <= head.segment).map(|(_, p)| p).collect())
}

/// The files of victims beside segments that ended and wait to be taken in, in order; each is held against its segment.
///
/// # Errors
/// CMT-1404, CMT-1405, CMT-1412.
pub fn victims(folder: &Path) -> Result<Vec<PathBuf>, SinkholeError> {
    let head = head(folder)?;
    let mut out = Vec::new();
    for (number, segment) in segments(folder)?.into_iter().filter(|(n, _)| *n <= head.segment) {
        let path = victims::beside(folder, number);
        let marks = verified(&segment)?.victims;
        let is_there = path.try_exists().map_err(|e| SinkholeError::file("looking at", &path, e))?;
        // A file that is gone was taken in before its segment was.
        if is_there {
            victims::check(&path, &marks)?;
            out.push(path);
        }
    }
    Ok(out)
}

/// The files of bodies that were kept and wait to be taken in, in no order.
///
/// # Errors
/// CMT-1404.
pub fn kept(folder: &Path) -> Result<Vec<PathBuf>, SinkholeError> {
    let listing = std::fs::read_dir(folder).map_err(|e| SinkholeError::file("reading", folder, e))?;
    let paths = listing.filter_map(|e| Some(e.ok()?.path()));
    Ok(paths.filter(|p| p.extension().is_some_and(|e| e == "age")).collect())
}

fn verified(path: &Path) -> Result<Whole, SinkholeError> {
    let file = File::open(path).map_err(|e| SinkholeError::file("opening", path, e))?;
    chain::verify(file).map_err(|e| SinkholeError::Chain { path: path.to_owned(), why: e.to_string() })
}

/// Follows the chain through all segments of a folder.
///
/// # Errors
/// CMT-1405 where it does not hold; CMT-1404 where a file cannot be read.
pub fn check(folder: &Path) -> Result<Checked, SinkholeError> {
    let head = head(folder)?;
    let all = segments(folder)?;
    let here = all.iter().filter(|(n, _)| *n <= head.segment).count() as u64;
    let gone = head.segment.saturating_sub(here);
    let mut out = Checked { gone, chain: head.chain.clone(), ..Checked::default() };
    let broken = |path: &Path, why: &str| SinkholeError::Chain { path: path.to_owned(), why: why.into() };
    let mut before: Option<(u64, [u8; 32])> = None;
    for (i, (number, path)) in all.iter().enumerate() {
        let whole = verified(path)?;
        let last = i + 1 == all.len();
        if whole.batches == 0 && last {
            out.segments += 1;
            out.torn = whole.torn;
            break;
        }
        if before.is_some_and(|(n, chain)| n + 1 != *number || chain != whole.prior) {
            return Err(broken(path, "it does not continue the segment before it"));
        }
        if *number == head.segment && hex::encode(whole.chain) != head.chain {
            return Err(broken(path, "its chain is another than the one that was noted when it ended"));
        }
        if *number == head.segment + 1 && hex::encode(whole.prior) != head.chain && before.is_none() {
            return Err(broken(path, "it does not continue the last segment that ended"));
        }
        if !last && (!whole.ends || whole.torn > 0) {
            return Err(broken(path, "it has no end, and another follows"));
        }
        before = Some((*number, whole.chain));
        out.segments += 1;
        out.batches += whole.batches;
        out.lines += whole.lines;
        out.torn = whole.torn;
        out.chain = hex::encode(whole.chain);
    }
    Ok(out)
}

/// The log as its one writer holds it.
pub(crate) struct Log {
    folder: PathBuf,
    _lock: File,
    first: First,
    telling: Option<Telling>,
    home: Arc<dyn Home>,
    number: u64,
    chain: [u8; 32],
    open: Option<Segment>,
    /// What was handed over and is no batch yet.
    waiting: Batch,
    /// A batch that is made and not yet durable.
    ready: Option<Ready>,
    places: HashMap<IpAddr, (Place, u32)>,
    stamps: Stamps,
    most_bytes: u64,
    most_time: Duration,
    told: Arc<dyn Fn(Told) + Send + Sync>,
}

/// What stands at the head of each segment.
struct First {
    id: String,
    authority: String,
    custodian: String,
}

struct Segment {
    file: File,
    path: PathBuf,
    bytes: u64,
    batch: u64,
    began: Instant,
    /// Bytes of the file of victims beside it.
    victims: u64,
}

struct Ready {
    bytes: Vec<u8>,
    chain: [u8; 32],
    ends: bool,
    /// Sealed bodies, and the name of their file.
    payloads: Option<(PathBuf, Vec<u8>)>,
    /// What is appended to the file of victims, and where that file ends then.
    victims: Option<(Vec<u8>, u64)>,
}

impl Log {
    /// Opens a folder, mends what a kill left, and continues its chain.
    pub fn open(
        folder: &Path,
        config: &Config,
        home: Arc<dyn Home>,
        told: Arc<dyn Fn(Told) + Send + Sync>,
    ) -> Result<Self, SinkholeError> {
        let file = |doing, path: &Path, e| SinkholeError::file(doing, path, e);
        std::fs::create_dir_all(folder).map_err(|e| file("making", folder, e))?;
        let path = folder.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.map_err(|e| file("opening", &path, e))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| SinkholeError::InUse { path: folder.to_owned() })?;
        let mut log = Self {
            folder: folder.to_owned(),
            _lock: lock,
            first: First {
                id: config.id.clone(),
                authority: config.authority.clone(),
                custodian: config.custodian.organisation.clone(),
            },
            telling: Telling::of(config),
            home,
            number: 0,
            chain: START,
            open: None,
            waiting: Batch::default(),
            ready: None,
            places: HashMap::new(),
            stamps: Stamps::default(),
            most_bytes: config.limits.segment_bytes,
            most_time: Duration::from_secs(config.limits.segment_seconds),
            told,
        };
        log.recover()?;
        Ok(log)
    }

    fn recover(&mut self) -> Result<(), SinkholeError> {
        check(&self.folder)?;
        let head = head(&self.folder)?;
        self.number = head.segment;
        self.chain = chain::digest(head.chain.as_bytes()).unwrap_or(START);
        let Some((number, path)) = segments(&self.folder)?.pop().filter(|(n, _)| *n > head.segment) else {
            return Ok(());
        };
        let doing = "mending";
        let whole = verified(&path)?;
        if whole.torn > 0 {
            let bytes = std::fs::read(&path).map_err(|e| SinkholeError::file(doing, &path, e))?;
            let at = usize::try_from(whole.bytes).unwrap_or(usize::MAX);
            let aside = self.folder.join(format!("torn-{number:06}.bin"));
            let tail = bytes.get(at..).unwrap_or_default();
            std::fs::write(&aside, tail).map_err(|e| SinkholeError::file(doing, &aside, e))?;
            let lines = tail.iter().filter(|b| **b == b'\n').count() as u64;
            (self.told)(Told::Cut { path: path.clone(), bytes: whole.torn, lines });
        }
        let end = whole.victims.last().map_or(0, |m| m.end);
        self.cut_victims(number, end).map_err(|e| SinkholeError::file(doing, &path, e))?;
        if whole.batches == 0 {
            // Nothing in it was ever acknowledged: its number is free.
            return std::fs::remove_file(&path).map_err(|e| SinkholeError::file(doing, &path, e));
        }
        (self.number, self.chain) = (number, whole.chain);
        let file = OpenOptions::new().write(true).open(&path);
        let file = file.map_err(|e| SinkholeError::file(doing, &path, e))?;
        file.set_len(whole.bytes).map_err(|e| SinkholeError::file(doing, &path, e))?;
        let (bytes, batch) = (whole.bytes, whole.batches);
        let segment = Segment { file, path: path.clone(), bytes, batch, began: Instant::now(), victims: end };
        if whole.ends {
            return self.ended(segment).map_err(|e| SinkholeError::file(doing, &path, e));
        }
        self.open = Some(segment);
        self.commit(Batch::default(), true).map_err(|e| SinkholeError::file(doing, &path, e))
    }

    /// Cuts off victims behind the last whole batch: they were never acknowledged.
    fn cut_victims(&self, segment: u64, end: u64) -> io::Result<()> {
        let path = victims::beside(&self.folder, segment);
        match OpenOptions::new().write(true).open(&path) {
            Ok(_) if end == 0 => std::fs::remove_file(&path),
            Ok(file) => file.set_len(end).and_then(|()| file.sync_all()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Makes durable what was handed over.
    ///
    /// # Errors
    /// What the disk or the seal says. Nothing is lost then: the next call tries again, and takes nothing new before
    /// ([`Self::waits`]).
    pub fn commit(&mut self, batch: Batch, ends: bool) -> io::Result<()> {
        if !batch.is_empty() {
            self.waiting = batch;
        }
        self.flush()?;
        let old = self.open.as_ref().is_some_and(|s| s.began.elapsed() >= self.most_time);
        let ends = ends || old;
        if self.waiting.is_empty() && !(ends && self.open.is_some()) {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.waiting);
        match self.render(&batch, ends) {
            Ok(ready) => self.ready = Some(ready),
            Err(why) => {
                self.waiting = batch;
                return Err(io::Error::other(why));
            }
        }
        self.flush()
    }

    /// Whether something that was handed over is not durable yet.
    pub fn waits(&self) -> bool {
        self.ready.is_some() || !self.waiting.is_empty()
    }

    fn render(&mut self, batch: &Batch, ends: bool) -> Result<Ready, String> {
        let mut out = Vec::with_capacity(512 + batch.hits.len() * 384);
        let at = now();
        let segment = self.open.as_ref();
        let number = segment.map_or(1, |s| s.batch + 1);
        if segment.is_none() {
            out.extend_from_slice(SEGMENT);
            let _ = write!(out, ",\"segment\":{}", self.number + 1);
            text(&mut out, ",\"sinkhole\":", &self.first.id);
            text(&mut out, ",\"custodian\":", &self.first.custodian);
            text(&mut out, ",\"authority\":", &self.first.authority);
            text(&mut out, ",\"began\":", &Timestamp(at).to_string());
            text(&mut out, ",\"prior\":", &hex::encode(self.chain));
            out.extend_from_slice(b"}\n");
        }
        let lines = batch.hits.len() + batch.questions.len();
        let mut bodies = Vec::new();
        for hit in &batch.hits {
            let kept = hit.payload.as_ref().map(|body| {
                let digest = hex::encode(Sha256::digest(body));
                let line = serde_json::json!({ "schema": "comity.sinkhole-payload/1", "sha256": digest,
                    "event": Timestamp(hit.at), "channel": hit.channel.as_deref(), "hex": hex::encode(body) });
                let _ = writeln!(bodies, "{line}");
                digest
            });
            self.line(hit, kept.as_deref(), &mut out);
        }
        for ((source, channel, kind), times) in &batch.questions {
            self.line(&question(at, *source, channel.clone(), *kind, *times), None, &mut out);
        }
        let segment = if self.open.is_some() { self.number } else { self.number + 1 };
        let victims = self.victims(batch, segment, at)?;
        let beside =
            self.open.as_ref().map_or(0, |s| s.victims) + victims.as_ref().map_or(0, |v| v.0.len() as u64);
        // What stands beside it is as much of a segment as its lines are.
        let full = segment_bytes(&self.open) + out.len() as u64 + beside >= self.most_bytes;
        let ends = ends || full;
        out.extend_from_slice(BATCH);
        let _ = write!(out, ",\"batch\":{number},\"lines\":{lines},\"ends\":{ends}");
        text(&mut out, ",\"at\":", &Timestamp(at).to_string());
        if let Some((_, mark)) = &victims {
            let _ = write!(out, ",\"victims\":{{\"end\":{}", mark.end);
            text(&mut out, ",\"sha256\":", &mark.sha256);
            out.push(b'}');
        }
        out.push(b',');
        out.extend_from_slice(MARK);
        let chain = chain::close(&self.chain, &mut out);
        let payloads = match bodies.is_empty() {
            true => None,
            false => {
                let name = self.folder.join(format!("payloads-{segment:06}-{number}.age"));
                Some((name, self.home.seal(&bodies)?))
            }
        };
        Ok(Ready { bytes: out, chain, ends, payloads, victims: victims.map(|(part, mark)| (part, mark.end)) })
    }

    /// The bots of a batch, sealed for their notification; none where that is not configured, or is over.
    fn victims(
        &mut self,
        batch: &Batch,
        segment: u64,
        at: i64,
    ) -> Result<Option<(Vec<u8>, victims::Mark)>, String> {
        let Some(telling) = self.telling.as_ref().filter(|t| t.lasts(at)) else { return Ok(None) };
        let lines = telling.lines(&batch.hits, &mut self.stamps);
        if lines.is_empty() {
            return Ok(None);
        }
        let sealed = self.home.seal_victims(&lines)?;
        let end = self.open.as_ref().map_or(0, |s| s.victims);
        telling.part(segment, end, &sealed).map(Some)
    }

    fn line(&mut self, hit: &Hit, kept: Option<&str>, out: &mut Vec<u8>) {
        if self.places.len() >= REMEMBERED {
            self.places.clear();
        }
        let home = &self.home;
        let (place, network) = *self.places.entry(hit.source).or_insert_with(|| home.locate(hit.source));
        let at = Timestamp(hit.at);
        let bot = hit.bot.as_deref().map(|id| home.bot(id, at));
        let pseudonym = home.address(hit.source, at);
        let source = Source { pseudonym: &pseudonym, place, network, bot: bot.as_deref(), kept };
        hit.line(&source, &mut self.stamps, out);
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(ready) = &self.ready else { return Ok(()) };
        if let Some((path, sealed)) = &ready.payloads {
            durable(path, sealed)?;
        }
        if self.open.is_none() {
            let path = self.folder.join(format!("hits-{:06}.ndjson", self.number + 1));
            // A try that failed half-way may have made it; nothing in it was acknowledged.
            let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
            File::open(&self.folder)?.sync_all()?;
            self.open = Some(Segment { file, path, bytes: 0, batch: 0, began: Instant::now(), victims: 0 });
            self.number += 1;
        }
        let Some(segment) = &mut self.open else { return Ok(()) };
        if let Some((part, end)) = &ready.victims {
            let path = victims::beside(&self.folder, self.number);
            let fresh = segment.victims == 0;
            // A part that a kill left behind the last batch was cut off when the log was opened.
            let file = OpenOptions::new().create(true).truncate(fresh).write(true).mode(0o600).open(&path)?;
            file.write_all_at(part, segment.victims).and_then(|()| file.sync_data())?;
            if fresh {
                File::open(&self.folder)?.sync_all()?;
            }
            debug_assert_eq!(segment.victims + part.len() as u64, *end);
        }
        // Where a part was written before, it is written over: the same bytes at the same place.
        let written = segment.file.write_all_at(&ready.bytes, segment.bytes);
        written.and_then(|()| segment.file.sync_data())?;
        segment.bytes += ready.bytes.len() as u64;
        segment.batch += 1;
        if let Some((_, end)) = &ready.victims {
            segment.victims = *end;
        }
        self.chain = ready.chain;
        let ends = ready.ends;
        self.ready = None;
        if ends && let Some(segment) = self.open.take() {
            self.ended(segment)?;
        }
        Ok(())
    }

    /// Notes that a segment ended.
    fn ended(&mut self, segment: Segment) -> io::Result<()> {
        let head = Head {
            schema: "comity.sinkhole-head/1".into(),
            segment: self.number,
            chain: hex::encode(self.chain),
        };
        durable(&self.folder.join("head.json"), &serde_json::to_vec(&head).map_err(io::Error::other)?)?;
        (self.told)(Told::Closed { path: segment.path });
        Ok(())
    }
}

fn segment_bytes(open: &Option<Segment>) -> u64 {
    open.as_ref().map_or(0, |s| s.bytes)
}

/// A question of DNS, as one line for all of its kind within a batch.
fn question(at: i64, source: IpAddr, channel: Arc<str>, kind: u16, times: u32) -> Hit {
    let word = hickory_proto::rr::RecordType::from(kind).to_string();
    Hit {
        at,
        source,
        port: 0,
        by: By::Dns,
        channel: Some(channel),
        class: Class::Resolver,
        why: "it asks for a seized name",
        botnet: None,
        bot: None,
        asked: Some(word.into()),
        agent: None,
        bytes: 0,
        customer: false,
        times,
        payload: None,
    }
}

/// Writes a file whole or not at all.
fn durable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
