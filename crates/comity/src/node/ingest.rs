//! `ingest`: seal first, recognise and read after; what cannot be read is sealed all the same and listed.
//!
//! Each exhibit is acknowledged by its own state transaction: killed at any instant, everything acknowledged is there
//! and a second run completes the rest. The same bytes twice are one exhibit with two custody events.

use super::Node;
use super::error::NodeError;
use super::keys::Keys;
use super::protect::{Geo, Protection};
use super::withheld::{Listed, Named};
use crate::store::commit::write;
use crate::store::exhibits::{self, Exhibit};
use crate::store::jobs::NewJob;
use crate::store::manifest::TelemetryFile;
use crate::store::{Batch, Draft, TelemetryStore, commit};
use crate::work::input::{Filling, MEMORY_LIMIT};
use crate::work::protocol::{Frame, Mode, Skipped, Summary};
use crate::work::{Input, WorkError, sandbox};
use botnet::prepare::{Prepared, Preparer};
use botnet::tables::{File as TableFile, Files};
use evidence::Sealed;
use evidence::custody::{Act, Event};
use futures::{StreamExt as _, stream};
use privacy::Period;
use privacy::customer::Networks;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use terms::{
    Compression, Confidence, ExhibitId, ExhibitKind, Finding, FindingBody, Obtained, Timestamp, Unsealed,
};
use tokio::io::{AsyncRead, ReadBuf};

/// Exhibits worked on at the same time: one per core.
const TOGETHER: usize = 2;
/// Exhibits after which the ledger follows within a long run.
const PUBLISH_EVERY: usize = 256;
/// Rows that any exhibit may give, and how many more for each of its bytes: a row is at least twenty bytes of text, and
/// text is packed at most three hundred to one. What gives more is no honest child.
const ROWS_AT_LEAST: u64 = 1_000_000;
const ROWS_PER_BYTE: u64 = 16;
/// Children that read one exhibit, where each before was killed from outside.
const READINGS: u32 = 3;
/// Connections between strangers below which nothing is said of networks: a few are in every log.
const FEWEST_STRANGERS: u64 = 20;
/// Months whose keys are held at the same time; a log of more is a strange one, and costs derivations only.
const MONTHS: usize = 24;
/// The code by which an intake tells of what must not be viewed.
pub(super) const WITHHELD: &str = "CMT-1114";
/// Characters of the reason for an intake: it stands on the ledger.
const MOST_WHY: usize = 500;
/// Folders inside folders that are entered.
const DEPTH: usize = 64;

/// One exhibit's line of the report.
#[derive(Debug, Clone, Serialize)]
pub struct Taken {
    /// Always `comity.ingested/1`.
    pub schema: &'static str,
    /// Its id.
    pub exhibit: ExhibitId,
    /// Where it came from.
    pub name: String,
    /// What it is.
    pub kind: ExhibitKind,
    /// How it is compressed.
    pub compression: Compression,
    /// Bytes.
    pub size: u64,
    /// Whether the home did not hold it before.
    pub fresh: bool,
    /// Rows read into telemetry.
    pub rows: u64,
    /// Connections read into telemetry.
    pub flows: u64,
    /// Those between two addresses of which neither is known to be a person's: nobody is asked about who calls there.
    pub strangers: u64,
    /// What of it could not be read.
    pub unreadable: Vec<Left>,
}

/// What could not be read, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Left {
    /// Stable code.
    pub code: String,
    /// Where.
    pub at: String,
    /// Why, in words.
    pub why: String,
    /// Records left out; 0 where nobody can count them.
    pub records: u64,
}

/// A path of which nothing could be sealed.
#[derive(Debug, Clone, Serialize)]
pub struct Unsealable {
    /// Always `comity.not-sealed/1`.
    pub schema: &'static str,
    /// The path.
    pub name: String,
    /// Stable code.
    pub code: &'static str,
    /// Why.
    pub why: String,
}

/// What an ingest did.
#[derive(Debug, Default)]
pub struct Ingested {
    /// Exhibits, in the order of their paths.
    pub taken: Vec<Taken>,
    /// Paths that could not be read at all.
    pub not_sealed: Vec<Unsealable>,
}

impl Ingested {
    /// Whether something was left out.
    pub fn partly(&self) -> bool {
        !self.not_sealed.is_empty() || self.taken.iter().any(|t| !t.unreadable.is_empty())
    }
    /// Rows read into telemetry.
    pub fn rows(&self) -> u64 {
        self.taken.iter().map(|t| t.rows).sum()
    }
    /// Connections between two addresses of which neither is known to be a person's, and all; none where they are too few
    /// to say that a network was not declared.
    pub fn strangers(&self) -> Option<(u64, u64)> {
        let sum = |of: fn(&Taken) -> u64| self.taken.iter().map(of).sum::<u64>();
        let (strangers, flows) = (sum(|t| t.strangers), sum(|t| t.flows));
        (strangers >= FEWEST_STRANGERS && strangers * 10 >= flows).then_some((strangers, flows))
    }
}

/// Where bytes come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Standard,
    /// Bytes with a name (items of a bundle).
    Bytes(String, Vec<u8>),
}

/// How it is taken.
#[derive(Debug, Clone)]
pub struct Manner {
    /// How it was obtained.
    pub obtained: Obtained,
    /// Why, for custody.
    pub why: String,
    /// The act: sealed here, received over a border, or derived.
    pub act: Act,
    /// What it was unpacked from, for what was derived.
    pub from: Option<Box<Exhibit>>,
}

impl Manner {
    /// Sealed here, given freely.
    pub fn house(why: &str) -> Self {
        Self { obtained: Obtained::Voluntary, why: why.to_owned(), act: Act::Seal, from: None }
    }
}

/// The files below these paths, folders recursively, in the order of their names; `-` is standard input. Symbolic links
/// to files are followed, to folders they are not (they may turn in circles). The home itself is passed over.
pub fn sources(paths: &[PathBuf], home: &Path) -> (Vec<Source>, Vec<Unsealable>) {
    let (mut found, mut left) = (Vec::new(), Vec::new());
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(Source::Standard);
        } else {
            let root = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            walk(path, (home, &root), 0, &mut found, &mut left);
        }
    }
    (found, left)
}

fn unsealable(path: &Path, code: &'static str, why: impl ToString) -> Unsealable {
    Unsealable { schema: "comity.not-sealed/1", name: path.display().to_string(), code, why: why.to_string() }
}

/// `within` is the home, which is passed over, and the folder that was named. A link that leads out of it is not followed:
/// what lies there was not meant.
fn walk(
    path: &Path,
    within: (&Path, &Path),
    depth: usize,
    found: &mut Vec<Source>,
    left: &mut Vec<Unsealable>,
) {
    let (home, root) = within;
    if depth > 0
        && path.is_symlink()
        && let Ok(target) = std::fs::canonicalize(path)
    {
        if target.is_dir() {
            return left.push(unsealable(
                path,
                "CMT-1142",
                "it is a link to a folder; name the folder itself",
            ));
        }
        if !target.starts_with(root) {
            return left.push(unsealable(
                path,
                "CMT-1142",
                "it is a link that leads out of the folder; name its target",
            ));
        }
    }
    if std::fs::canonicalize(path).is_ok_and(|p| p.starts_with(home)) {
        // Keys and stores are no evidence. What lies around the home passes it over without a word.
        if depth == 0 {
            left.push(unsealable(path, "CMT-1141", "it belongs to this home itself"));
        }
        return;
    }
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) => return left.push(unsealable(path, "CMT-1140", e)),
    };
    if meta.is_file() {
        return found.push(Source::File(path.to_owned()));
    }
    if !meta.is_dir() {
        return left.push(unsealable(path, "CMT-1141", "it is neither a file nor a folder"));
    }

    if depth >= DEPTH {
        return left.push(unsealable(path, "CMT-1143", format!("it lies more than {DEPTH} folders deep")));
    }
    let mut inside = match std::fs::read_dir(path) {
        Ok(entries) => entries.filter_map(Result::ok).map(|e| e.path()).collect::<Vec<_>>(),
        Err(e) => return left.push(unsealable(path, "CMT-1140", e)),
    };
    inside.sort();
    inside.iter().for_each(|p| walk(p, within, depth + 1, found, left));
}

/// Hands on what it reads and keeps a copy for the child, as long as that stays within the limit.
struct Tee<R> {
    inner: R,
    copy: Option<Filling>,
    /// Digests by which lists name what must not be viewed, where a list asks for them.
    hashed: Option<malware::Hashed>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Tee<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let done = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = &done {
            let new = buf.filled().get(before..).unwrap_or_default();
            if let Some(hashed) = &mut self.hashed {
                hashed.add(new);
            }
            let fits = self
                .copy
                .as_mut()
                .is_some_and(|c| c.size() + new.len() as u64 <= MEMORY_LIMIT && c.add(new).is_ok());
            if !fits {
                self.copy = None;
            }
        }
        done
    }
}

/// What a child said of one exhibit.
struct Heard {
    compression: Compression,
    kind: ExhibitKind,
    summary: Summary,
    files: Vec<TelemetryFile>,
    /// Digests of what a compressed stream holds.
    inner: Option<Named>,
    /// Connections, and those of them between two addresses that are nobody's.
    flows: u64,
    strangers: u64,
}

impl Heard {
    fn nothing() -> Self {
        Self {
            compression: Compression::None,
            kind: ExhibitKind::Unknown,
            summary: Summary::default(),
            files: Vec::new(),
            inner: None,
            flows: 0,
            strangers: 0,
        }
    }
}

impl Node {
    /// Takes in these sources. `tick` is called after each with its name.
    pub async fn ingest(
        &self,
        sources: Vec<Source>,
        manner: &Manner,
        tick: &(dyn Fn(&str) + Sync),
    ) -> Result<Ingested, NodeError> {
        if manner.why.chars().count() > MOST_WHY {
            let what = format!("the reason for the intake has more than {MOST_WHY} characters");
            return Err(NodeError::Value { what });
        }
        let mut report = Ingested::default();
        let mut sources = sources.into_iter();
        loop {
            let part: Vec<Source> = sources.by_ref().take(PUBLISH_EVERY).collect();
            if part.is_empty() {
                return Ok(report);
            }
            self.take_in_part(part, manner, tick, &mut report).await?;
            // Only when every exhibit of the part has come to its end: one that stands still in the middle of its own
            // transaction would keep the ledger waiting for the same lock, and wait for it.
            self.sequencer.run().await?;
        }
    }

    async fn take_in_part(
        &self,
        part: Vec<Source>,
        manner: &Manner,
        tick: &(dyn Fn(&str) + Sync),
        report: &mut Ingested,
    ) -> Result<(), NodeError> {
        let mut work = stream::iter(part)
            .map(|source| async move {
                let name = name_of(&source);
                let done = self.take_in(source, manner).await;
                tick(&name);
                (name, done)
            })
            .buffered(TOGETHER);
        while let Some((name, done)) = work.next().await {
            match done {
                Ok(taken) => report.taken.push(taken),
                // This path could not be read; the others are not its hostages.
                Err(NodeError::File { source, .. }) => {
                    report.not_sealed.push(unsealable(Path::new(&name), "CMT-1140", source));
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    pub(super) async fn take_in(&self, source: Source, manner: &Manner) -> Result<Taken, NodeError> {
        let name = name_of(&source);
        let (sealed, copy, others) = match source {
            Source::File(path) => {
                let file =
                    tokio::fs::File::open(&path).await.map_err(|e| NodeError::file("opening", &path, e))?;
                self.seal(&path, file).await?
            }
            Source::Standard => {
                use std::os::fd::AsFd as _;
                let fd = io::stdin().as_fd().try_clone_to_owned();
                let file = fd.map_err(|e| NodeError::file("opening", Path::new("-"), e))?;
                self.seal(Path::new("-"), tokio::fs::File::from_std(file.into())).await?
            }
            Source::Bytes(_, bytes) => self.seal(Path::new(&name), io::Cursor::new(bytes)).await?,
        };
        let mut conn = self.state.read().await?;
        let known = exhibits::find(&mut conn, &sealed.id).await?.filter(|e| e.erased_at.is_none());
        drop(conn);
        let listed = self.lists().await?.find(&Named { sha256: sealed.id.0.0, others });
        match known {
            Some(known) => {
                if let Some(listed) = listed {
                    self.withhold_again(&known, listed).await?;
                }
                self.again(&name, &sealed, &known, manner).await
            }
            None => self.first_time(name, sealed, copy, listed, manner).await,
        }
    }

    /// The event of taking something in: what was derived names what it was unpacked from.
    fn taking(&self, commitment: ledger::Commitment, manner: &Manner) -> Event {
        let mut event = self.intake(commitment, manner.act, &manner.why, manner.obtained);
        if let Some(from) = &manner.from {
            event.derived = Some(from.commitment);
            event.how.tool = malware::UNPACKER.to_owned();
            event.how.sandbox = Some(sandbox::PROFILE.to_owned());
        }
        event
    }

    async fn seal(
        &self,
        path: &Path,
        from: impl AsyncRead + Unpin + Send,
    ) -> Result<(Sealed, Option<Filling>, Option<([u8; 16], [u8; 20])>), NodeError> {
        let hashed = self.lists().await?.want_others().then(malware::Hashed::default);
        let mut tee = Tee { inner: from, copy: Filling::new().ok(), hashed };
        let sealed = match self.vault.seal(&mut tee).await {
            Ok(sealed) => sealed,
            Err(e @ evidence::EvidenceError::Input { .. }) => {
                return Err(NodeError::file("reading", path, io::Error::other(e.to_string())));
            }
            Err(e) => return Err(e.into()),
        };
        Ok((sealed, tee.copy, tee.hashed.map(malware::Hashed::finish)))
    }

    /// Bytes that are here already: one more name, one more custody event.
    async fn again(
        &self,
        name: &str,
        sealed: &Sealed,
        known: &Exhibit,
        manner: &Manner,
    ) -> Result<Taken, NodeError> {
        // Unpacked again from the same container (a retried job, another password): nothing is new.
        let told = manner.from.as_ref().is_some_and(|f| known.derived_from == Some(f.id))
            && known.names.iter().any(|n| n == name);
        if !told {
            let event = self.taking(sealed.commitment, manner);
            let (custody, leaf) = self.custody(sealed.id, &event)?;
            let exhibit = Exhibit { names: vec![name.to_owned()], ..known.clone() };
            let batch = Batch {
                exhibits: vec![exhibit],
                custody: vec![custody],
                leaves: vec![leaf],
                ..Batch::default()
            };
            let mut tx = self.state.begin().await?;
            write(&mut tx, &batch, event.when).await?;
            if manner.from.is_none() {
                exhibits::on_its_own(&mut tx, &sealed.id).await?;
            }
            tx.commit().await?;
        }
        Ok(Taken {
            schema: "comity.ingested/1",
            exhibit: sealed.id,
            name: name.to_owned(),
            kind: known.kind,
            compression: known.compression,
            size: known.size,
            fresh: false,
            rows: 0,
            flows: 0,
            strangers: 0,
            unreadable: Vec::new(),
        })
    }

    async fn first_time(
        &self,
        name: String,
        sealed: Sealed,
        copy: Option<Filling>,
        listed: Option<Listed>,
        manner: &Manner,
    ) -> Result<Taken, NodeError> {
        let now = self.clock.now();
        // What must not be viewed is read by nobody, not even to tell its kind.
        let heard = match listed {
            Some(_) => Ok(Heard::nothing()),
            None => self.read_until_heard(&sealed, copy, now).await,
        };
        let (heard, trouble) = match heard {
            Ok(heard) => (heard, None),
            // A refusal is ours (a full disk); anything else is the exhibit's own doing and costs only itself.
            Err(e) if e.of_the_machine() => return Err(e.into()),
            Err(e) => (Heard::nothing(), Some(e)),
        };
        // A list names a picture, and not the gzip stream around it.
        let packed = match heard.inner {
            Some(named) => self.lists().await?.find(&named),
            None => None,
        };
        let heard = if packed.is_some() { Heard::nothing() } else { heard };
        let listed = listed.or(packed);
        let (unreadable, findings): (Vec<Left>, Vec<Finding>) = match listed {
            Some(listed) => {
                let why =
                    "it is on a list of material that must not be viewed; it is sealed, and to be reported";
                let left =
                    Left { code: WITHHELD.into(), at: "the whole".into(), why: why.into(), records: 0 };
                (vec![left], vec![self.must_not_be_viewed(sealed.id, listed, false, now)])
            }
            None => {
                let left = left_out(heard.kind, sealed.size, &heard.summary, trouble.as_ref());
                let found = left.iter().map(|l| unreadable_finding(l, sealed.id)).collect();
                (left, found)
            }
        };
        let event = self.taking(sealed.commitment, manner);
        let (custody, leaf) = self.custody(sealed.id, &event)?;
        let exhibit = Exhibit {
            id: sealed.id,
            kind: heard.kind,
            compression: heard.compression,
            size: sealed.size,
            names: vec![name.clone()],
            obtained: manner.obtained,
            sealed_at: event.when,
            commitment: sealed.commitment,
            derived_from: manner.from.as_ref().map(|f| f.id),
            erased_at: None,
        };
        let mut jobs = Vec::new();
        if listed.is_none() && examined(heard.kind) {
            jobs.push(NewJob::new("examine", &sealed.id.to_string(), &heard.kind, now)?);
        }
        let rows = heard.files.iter().map(|f| f.records).sum();
        let batch = Batch {
            exhibits: vec![exhibit],
            custody: vec![custody],
            findings,
            telemetry: heard.files,
            leaves: vec![leaf],
            jobs,
            completes: None,
        };
        // The same bytes may have been taken in at the same moment under another name: only one of the two is the first.
        let done = commit(&self.state, &batch, event.when).await?;
        Ok(Taken {
            schema: "comity.ingested/1",
            exhibit: sealed.id,
            name,
            kind: heard.kind,
            compression: heard.compression,
            size: sealed.size,
            fresh: done.new_exhibits > 0,
            rows: if done.new_telemetry > 0 { rows } else { 0 },
            flows: heard.flows,
            strangers: heard.strangers,
            unreadable,
        })
    }

    /// A child's input: the copy made while sealing, or the sealed bytes streamed where they are large.
    pub(super) async fn input(
        &self,
        sealed: &ExhibitId,
        size: u64,
        copy: Option<Filling>,
    ) -> Result<Input, NodeError> {
        let broken = |e| NodeError::file("preparing", Path::new("a child's input"), e);
        if let Some(copy) = copy {
            return copy.seal().map_err(broken);
        }
        let mut reader = self.vault.open_blocking(sealed).await?;
        if size <= MEMORY_LIMIT {
            return tokio::task::spawn_blocking(move || {
                let mut filling = Filling::new()?;
                io::copy(&mut reader, &mut filling)?;
                filling.seal()
            })
            .await
            .map_err(|e| broken(io::Error::other(e)))?
            .map_err(broken);
        }
        let (input, mut writer) = Input::pipe(size).map_err(broken)?;
        std::thread::spawn(move || {
            // A child that stops early closes the pipe: that is its affair.
            let _ = io::copy(&mut reader, &mut writer).and_then(|_| writer.flush());
        });
        Ok(input)
    }

    /// A child that was killed from outside says nothing of the exhibit: another one reads it, a few times.
    async fn read_until_heard(
        &self,
        sealed: &Sealed,
        copy: Option<Filling>,
        now: Timestamp,
    ) -> Result<Heard, WorkError> {
        let mut heard = self.read_in_child(sealed, copy, now).await;
        for _ in 1..READINGS {
            if !matches!(heard, Err(WorkError::Killed)) {
                break;
            }
            heard = self.read_in_child(sealed, None, now).await;
        }
        heard
    }

    async fn read_in_child(
        &self,
        sealed: &Sealed,
        copy: Option<Filling>,
        now: Timestamp,
    ) -> Result<Heard, WorkError> {
        let input =
            self.input(&sealed.id, sealed.size, copy).await.map_err(|e| WorkError::Refused(e.to_string()))?;
        let mut intake = Intake {
            protections: BTreeMap::new(),
            exhibit: sealed.id,
            now,
            keys: self.keys.clone(),
            networks: self.networks.clone(),
            geo: self.geo.clone(),
            telemetry: self.telemetry.clone(),
            seen: 0,
            most: ROWS_AT_LEAST.saturating_add(sealed.size.saturating_mul(ROWS_PER_BYTE)),
            files: Files::new(),
            parts: Default::default(),
            heard: Heard::nothing(),
        };
        let pool = self.pool.clone();
        // Rows are prepared on this thread while the child parses on another core.
        let work = move || {
            pool.run(Mode::Read, input, |frame| intake.frame(frame))?;
            intake.finish()
        };
        let heard = tokio::task::spawn_blocking(work)
            .await
            .map_err(|e| WorkError::Refused(format!("the reading thread ended: {e}")))??;
        self.telemetry.settle(&heard.files).await.map_err(|e| WorkError::Refused(e.to_string()))?;
        Ok(heard)
    }
}

/// Turns a child's frames into telemetry files.
struct Intake {
    /// One view per month: a pseudonym's key is that of its row's own time, by which it is revealed.
    protections: BTreeMap<Period, Protection>,
    exhibit: ExhibitId,
    now: Timestamp,
    keys: Arc<Keys>,
    networks: Arc<Networks>,
    geo: Geo,
    telemetry: TelemetryStore,
    /// Rows so far, and the most that an exhibit of this size can hold.
    seen: u64,
    most: u64,
    files: Files,
    parts: BTreeMap<&'static str, u32>,
    heard: Heard,
}

impl Intake {
    fn frame(&mut self, frame: Frame) -> Result<(), WorkError> {
        match frame {
            Frame::Kind(compression, kind) => (self.heard.compression, self.heard.kind) = (compression, kind),
            Frame::Inner(sha256, md5, sha1) => {
                self.heard.inner = Some(Named { sha256, others: Some((md5, sha1)) });
            }
            Frame::Rows(rows) => {
                self.seen = self.seen.saturating_add(rows.len() as u64);
                if self.seen > self.most {
                    return Err(WorkError::Protocol {
                        why: format!("more than {} rows came from one exhibit", self.most),
                    });
                }
                for row in rows {
                    let at = Timestamp(row.ts());
                    if self.protections.len() >= MONTHS {
                        self.protections.clear();
                    }
                    let protection = self.protections.entry(Period::of(at)).or_insert_with(|| {
                        Protection::new(self.networks.clone(), &self.keys.pseudonym, at, self.geo.clone())
                    });
                    let preparer = Preparer { home: protection, exhibit: self.exhibit, ingested: self.now };
                    let row = preparer.prepare(row);
                    if let Prepared::Flow(flow) = &row {
                        self.heard.flows += 1;
                        self.heard.strangers += u64::from(!flow.source_personal && !flow.remote_personal);
                    }
                    if let Some(file) = self.files.push(row).map_err(strange)? {
                        self.keep(&file)?;
                    }
                }
            }
            Frame::Summary(summary) => self.heard.summary = summary,
            Frame::Finding(_) | Frame::OfSet(..) | Frame::Escapes(_) | Frame::Member(_) | Frame::Part(_) => {
                return Err(WorkError::Protocol { why: "a reading child states no findings".into() });
            }
        }
        Ok(())
    }

    fn keep(&mut self, file: &TableFile) -> Result<(), WorkError> {
        let path = self.telemetry.draft();
        std::fs::write(&path, &file.bytes)
            .map_err(|e| WorkError::Refused(format!("writing telemetry: {e}")))?;
        let part = self.parts.entry(file.table.name()).or_default();
        let draft = Draft {
            path: &path,
            table: file.table.name(),
            exhibit: self.exhibit,
            part: *part,
            records: file.rows,
            span: Some((Timestamp(file.first), Timestamp(file.last))),
        };
        *part += 1;
        self.heard.files.push(self.telemetry.adopt(&draft).map_err(|e| WorkError::Refused(e.to_string()))?);
        Ok(())
    }

    fn finish(mut self) -> Result<Heard, WorkError> {
        for file in std::mem::take(&mut self.files).finish().map_err(strange)? {
            self.keep(&file)?;
        }
        Ok(self.heard)
    }
}

/// Rows that make no file are a child's doing, not the disk's.
fn strange(e: impl ToString) -> WorkError {
    WorkError::Protocol { why: e.to_string() }
}

fn name_of(source: &Source) -> String {
    match source {
        Source::File(path) => path.display().to_string(),
        Source::Standard => "-".into(),
        Source::Bytes(name, _) => name.clone(),
    }
}

/// Whether an examiner knows this kind.
pub fn examined(kind: ExhibitKind) -> bool {
    !kind.telemetry()
        && !matches!(
            kind,
            ExhibitKind::ZeekOther
                | ExhibitKind::SinkholeVictims
                | ExhibitKind::Bundle
                | ExhibitKind::Receipt
        )
}

fn left_out(kind: ExhibitKind, size: u64, summary: &Summary, trouble: Option<&WorkError>) -> Vec<Left> {
    let skipped = |s: &Skipped| Left {
        code: s.code.clone(),
        at: s.at.clone(),
        why: s.reason.clone(),
        records: s.records,
    };
    let mut out: Vec<Left> = summary.skipped.iter().map(skipped).collect();
    if kind == ExhibitKind::Unknown && trouble.is_none() {
        let why = if size == 0 { "it is empty" } else { "it has no format that this program reads" };
        out.push(Left { code: "CMT-1144".into(), at: "the whole".into(), why: why.into(), records: 0 });
    }
    if let Some((code, why)) = &summary.fatal {
        out.push(Left { code: code.clone(), at: "the rest".into(), why: why.clone(), records: 0 });
    }
    if let Some(e) = trouble {
        let code = miette::Diagnostic::code(e).map_or_else(String::new, |c| c.to_string());
        out.push(Left { code, at: "the whole".into(), why: e.to_string(), records: 0 });
    }
    out
}

pub(super) fn unreadable_finding(left: &Left, exhibit: ExhibitId) -> Finding {
    Unsealed {
        examiner: "comity.work".into(),
        version: 1,
        confidence: Confidence::new(100),
        reason: format!("{}: {}", left.at, left.why),
        body: FindingBody::Unreadable { code: left.code.clone(), at: left.at.clone(), records: left.records },
    }
    .seal(vec![exhibit])
}
