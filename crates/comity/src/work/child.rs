//! The child's side: confine, receive one exhibit, examine it, answer, end.

use super::protocol::{Frame, Member, Mode, Opening, REQUEST_LIMIT, Request, Summary};
use super::sandbox::{self, Limits, SandboxError};
use super::{forks, scanning};
use botnet::rows::{HitRow, Row};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use sha2::Digest as _;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use terms::{Compression, ExhibitKind, Unsealed};

/// The hidden argument that makes this program a child.
pub const ARGUMENT: &str = "__child";
/// The hidden argument by which the home's setting `allow_no_sandbox` reaches a child.
pub const UNCONFINED: &str = "--unconfined";
/// The hidden argument of a child that compiles rules and scans with them.
pub const WITH_RULES: &str = "--rules";
/// Exit status of a child that could not be confined.
pub const EXIT_UNCONFINED: u8 = 97;
/// Exit status of a child to which a limit of its caller leaves too little.
pub const EXIT_LIMITED: u8 = 98;
/// Rows per frame.
const BATCH: usize = 2048;
/// How much of an exhibit is looked at to tell its kind.
const HEAD: usize = 64 << 10;

/// Runs a child to its end; never returns to the node's own code.
pub fn run(arguments: &[String]) -> u8 {
    let has = |word: &str| arguments.iter().any(|a| a == word);
    let (unconfined, rules) = (has(UNCONFINED), has(WITH_RULES));
    if forks::asked(arguments) {
        match forks::serve() {
            // From here on this is a child like one that was started.
            Ok(true) => {}
            Ok(false) => return 0,
            Err(_) => return 1,
        }
    }
    end_with_the_parent();
    let limits = if rules { Limits::rules() } else { Limits::default() };
    if let Err(why) = sandbox::enter(limits)
        && !unconfined
    {
        let _ = writeln!(io::stderr(), "{why}");
        return if matches!(why, SandboxError::Limit(..)) { EXIT_LIMITED } else { EXIT_UNCONFINED };
    }
    match if rules { scanning::serve() } else { serve() } {
        Ok(()) => 0,
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}");
            1
        }
    }
}

/// Has the kernel end this process when nobody reads its standard error any more, also while it works: the parent, who alone
/// reads it and only after the child's end, is gone then. A closed pipe raises SIGIO for whoever asked (fcntl(2), O_ASYNC),
/// and SIGIO ends a process that does not handle it.
#[expect(unsafe_code, reason = "no safe interface names the owner of a pipe's signals")]
fn end_with_the_parent() {
    let (fd, me) = (libc::STDERR_FILENO, std::process::id().cast_signed());
    let pipe = rustix::fs::fstat(rustix::stdio::stderr())
        .is_ok_and(|s| rustix::fs::FileType::from_raw_mode(s.st_mode) == rustix::fs::FileType::Fifo);
    if !pipe {
        return;
    }
    // SAFETY: these operations take and give numbers; no memory of this process is named.
    unsafe {
        if libc::fcntl(fd, libc::F_SETOWN, me) == 0 {
            let flags = libc::fcntl(fd, libc::F_GETFL);
            let _ = libc::fcntl(fd, libc::F_SETFL, flags | libc::O_ASYNC);
        }
    }
}

/// Waits for one request with its file descriptor. `None` when the parent has gone.
pub(super) fn receive() -> io::Result<Option<(Request, File)>> {
    let mut buffer = [0u8; REQUEST_LIMIT];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(
        rustix::stdio::stdin(),
        &mut [IoSliceMut::new(&mut buffer)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    if got.bytes == 0 {
        return Ok(None);
    }
    let mut file = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            file = fds.map(File::from).next();
        }
    }
    let bytes = buffer.get(..got.bytes).unwrap_or_default();
    let request = postcard::from_bytes(bytes).map_err(io::Error::other)?;
    let file = file.ok_or_else(|| io::Error::other("a request came without its exhibit"))?;
    Ok(Some((request, file)))
}

fn serve() -> io::Result<()> {
    let Some((request, file)) = receive()? else { return Ok(()) };
    let mut out = BufWriter::with_capacity(256 << 10, io::stdout().lock());
    match request.mode {
        Mode::Probe => Frame::Escapes(sandbox::escapes()).write(&mut out)?,
        Mode::Read => read(file, &mut out)?,
        Mode::Examine => examine(file, request.opening.as_ref(), &mut out)?,
        Mode::Rules | Mode::Scan => return Err(io::Error::other("this child has no rules")),
    }
    out.flush()
}

/// An exhibit, decompressed, with its beginning looked at.
pub(super) struct Opened {
    compression: Compression,
    kind: ExhibitKind,
    pub(super) reader: Box<dyn BufRead>,
}

pub(super) fn open(file: File) -> io::Result<Opened> {
    let (compression, inner) = botnet::decompress::open(BufReader::with_capacity(256 << 10, file))?;
    let mut inner = inner;
    let mut head = vec![0u8; HEAD];
    let mut filled = 0;
    let mut damage = None;
    while let Some(space) = head.get_mut(filled..).filter(|s| !s.is_empty()) {
        match inner.read(space) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // A damaged archive still has a beginning; the reader is told of the damage at the place where it was met.
            Err(e) => {
                damage = Some(e);
                break;
            }
        }
    }
    head.truncate(filled);
    let kind = recognise(&head);
    let reader = Box::new(BufReader::with_capacity(
        256 << 10,
        io::Cursor::new(head).chain(Damaged { damage, rest: inner }),
    ));
    Ok(Opened { compression, kind, reader })
}

/// The rest of an exhibit, behind the damage that was met while its beginning was looked at. A decompressor says so
/// once and then pretends to be at its end; so the error is kept for the reader.
struct Damaged<R> {
    damage: Option<io::Error>,
    rest: R,
}

impl<R: Read> Read for Damaged<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.damage.take() {
            Some(e) => Err(e),
            None => self.rest.read(buffer),
        }
    }
}

/// What the beginning of an exhibit says it is: programs first, then traffic and logs, then containers, then lists and the
/// papers of partners, then texts that act. Who is more certain of theirs is asked earlier.
pub fn recognise(head: &[u8]) -> ExhibitKind {
    malware::recognise(head)
        .or_else(|| malware::recognise_feed(head))
        .or_else(|| botnet::recognise(head))
        .or_else(|| exchange::reports::recognise(head))
        .or_else(|| malware::recognise_container(head))
        .or_else(|| malware::rules::is_rules(head).then_some(ExhibitKind::RuleSet))
        .or_else(|| exchange::recognise(head).filter(|kind| *kind != ExhibitKind::Text))
        .or_else(|| malware::recognise_text(head))
        .unwrap_or_else(|| if plain_text(head) { ExhibitKind::Text } else { ExhibitKind::Unknown })
}

/// Text of a form that nobody here reads. The head may end in the middle of a character.
fn plain_text(head: &[u8]) -> bool {
    let readable = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => {
            head.get(..e.valid_up_to()).and_then(|h| std::str::from_utf8(h).ok()).unwrap_or("")
        }
        Err(_) => "",
    };
    !readable.is_empty() && !readable.contains('\0')
}

fn read(file: File, out: &mut impl Write) -> io::Result<()> {
    let mut opened = open(file)?;
    Frame::Kind(opened.compression, opened.kind).write(out)?;
    let packed = opened.compression != Compression::None;
    let summary = match opened.kind.telemetry() {
        true => rows(opened, out)?,
        false => {
            let unread = Summary { skipped: resembling(&mut opened), ..Summary::default() };
            if packed {
                return inner(opened.reader, unread, out);
            }
            unread
        }
    };
    Frame::Summary(summary).write(out)
}

fn skipped(code: &str, reason: &str, at: String, records: u64) -> botnet::rows::Skipped {
    botnet::rows::Skipped { code: code.into(), reason: reason.into(), at, records }
}

/// A text that looks like a report and is not read as one: nobody should wait for its sightings.
fn resembling(opened: &mut Opened) -> Vec<botnet::rows::Skipped> {
    if opened.kind != ExhibitKind::Text {
        return Vec::new();
    }
    // Its beginning was read already; where it is damaged, its examination says so.
    let head = opened.reader.fill_buf().unwrap_or_default();
    let told = exchange::reports::resembles(head);
    told.map(|(code, why)| skipped(code, why, "the whole".into(), 0)).into_iter().collect()
}

/// The digests of what is packed: a list names that, and not what it was packed into.
fn inner(mut reader: Box<dyn BufRead>, unread: Summary, out: &mut impl Write) -> io::Result<()> {
    let (mut sha256, mut others) = (sha2::Sha256::new(), malware::Hashed::default());
    let mut piece = vec![0u8; 64 << 10];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => {
                let bytes = piece.get(..n).unwrap_or_default();
                sha256.update(bytes);
                others.add(bytes);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // What is cut short or damaged is compared as far as it goes; its examination tells the damage.
            Err(_) => break,
        }
    }
    let (md5, sha1) = others.finish();
    Frame::Inner(sha256.finalize().into(), md5, sha1).write(out)?;
    Frame::Summary(unread).write(out)
}

fn rows(opened: Opened, out: &mut impl Write) -> io::Result<Summary> {
    let mut reader = opened.reader;
    let mut batch: Vec<Row> = Vec::with_capacity(BATCH);
    let mut broken: Option<io::Error> = None;
    let mut count = 0u64;
    let result = telemetry(opened.kind, &mut reader, &mut |row| {
        batch.push(row);
        count += 1;
        if batch.len() < BATCH {
            return ControlFlow::Continue(());
        }
        let sent = Frame::write_rows(out, &batch);
        batch.clear();
        match sent {
            Ok(()) => ControlFlow::Continue(()),
            Err(e) => {
                broken = Some(e);
                ControlFlow::Break(())
            }
        }
    });
    if let Some(e) = broken {
        return Err(e);
    }
    Frame::write_rows(out, &batch)?;
    Ok(match result {
        Ok(s) => Summary { rows: s.rows, skipped: s.skipped, fatal: None },
        Err(e) => {
            Summary { rows: count, skipped: Vec::new(), fatal: Some((e.code().to_owned(), e.to_string())) }
        }
    })
}

/// Rows of captures and logs, and of partners' reports.
fn telemetry(
    kind: ExhibitKind,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Row) -> ControlFlow<()>,
) -> Result<botnet::rows::Summary, botnet::ReadError> {
    if !matches!(kind, ExhibitKind::Shadowserver | ExhibitKind::Ctip) {
        return botnet::read(kind, reader, sink);
    }
    let (mut rows, mut others, mut first) = (0u64, 0u64, 0u64);
    let (mut number, mut stopped) = (0u64, false);
    let read = exchange::reports::read(kind, &mut { reader }, &mut |event| {
        number += 1;
        let Some(row) = hit(event) else {
            first = if others == 0 { number } else { first };
            others += 1;
            return ControlFlow::Continue(());
        };
        rows += 1;
        let flow = sink(Row::Hit(row));
        stopped |= flow.is_break();
        flow
    });
    let mut left: Vec<_> = (read.unwrap_or_default().skipped.iter())
        .map(|s| skipped(s.code, s.reason, format!("record {}", s.first), s.records))
        .collect();
    if others > 0 {
        let why = "the event is of no bot on a channel (an open service, say): it stays in the exhibit alone";
        left.push(skipped("CMT-1469", why, format!("event {first}"), others));
    }
    Ok(botnet::rows::Summary { rows, skipped: left, stopped })
}

/// A sighting, where the event is one: of a bot, on a channel.
fn hit(event: &exchange::reports::Event<'_>) -> Option<HitRow> {
    Some(HitRow {
        event: event.at.0,
        observed: event.at.0,
        source: event.source,
        source_port: event.port,
        channel: event.channel()?.key(),
        bot: None,
        botnet: Some(event.infection.clone()?),
    })
}

/// Examines one exhibit by its kind. Kinds that fill telemetry have no findings of their own: correlators read the
/// tables.
fn examine(file: File, opening: Option<&Opening>, out: &mut impl Write) -> io::Result<()> {
    let opened = open(file)?;
    Frame::Kind(opened.compression, opened.kind).write(out)?;
    if let Some(opening) = opening.filter(|_| malware::opened(opened.kind)) {
        return unpack(opened, opening, out);
    }
    let digests = opening.is_some_and(|o| o.digests);
    let mut broken: Option<io::Error> = None;
    let mut sink = |finding: Unsealed| {
        if broken.is_none() {
            broken = Frame::Finding(Box::new(finding)).write(out).err();
        }
    };
    match opened.kind {
        // What nobody recognises may be a sample without its head: it has digests, and may hold a configuration.
        ExhibitKind::Pe
        | ExhibitKind::Elf
        | ExhibitKind::MachO
        | ExhibitKind::Unknown
        | ExhibitKind::Text => {
            let kind = opened.kind;
            let Some(sample) = sample(opened, &mut sink) else { return last_word(broken, out) };
            sample.examine().into_iter().for_each(&mut sink);
            if kind == ExhibitKind::Text {
                malware::examine_text(sample.held()).into_iter().for_each(&mut sink);
            }
            if digests {
                inside(sample.held(), sample.len(), kind, out)?;
            }
        }
        kind if digests => {
            // Nobody reads it as a whole otherwise: reports and papers of partners may carry files as texts.
            let mut reader = opened.reader;
            let mut held = Vec::new();
            reader.by_ref().take(malware::SAMPLE).read_to_end(&mut held)?;
            let len = held.len() as u64 + u64::from(!reader.fill_buf().unwrap_or_default().is_empty());
            let mut whole = io::Cursor::new(&held).chain(reader);
            if matches!(kind, ExhibitKind::SandboxReport | ExhibitKind::DatabaseDump) {
                malware::examine_feed(kind, &mut whole, &mut sink);
            } else {
                exchange::examine(kind, &mut whole, &mut sink);
            }
            inside(&held, len, ExhibitKind::Text, out)?;
        }
        kind @ (ExhibitKind::SandboxReport | ExhibitKind::DatabaseDump) => {
            let mut reader = opened.reader;
            malware::examine_feed(kind, &mut reader, &mut sink);
        }
        kind => {
            let mut reader = opened.reader;
            // `None`: a kind without findings of its own.
            exchange::examine(kind, &mut reader, &mut sink);
        }
    }
    last_word(broken, out)
}

fn last_word(broken: Option<io::Error>, out: &mut impl Write) -> io::Result<()> {
    match broken {
        Some(e) => Err(e),
        None => Frame::Summary(Summary::default()).write(out),
    }
}

/// The sample; where its stream is a bomb or is damaged, a finding instead.
pub(super) fn sample(opened: Opened, sink: &mut dyn FnMut(Unsealed)) -> Option<malware::Sample> {
    let mut reader = opened.reader;
    match malware::Sample::read(&mut reader) {
        Ok(sample) => Some(sample),
        Err(e) => {
            sink(unread(&e));
            None
        }
    }
}

/// What ended the reading of a stream. The code is the one that a log with this trouble has.
fn unread(why: &io::Error) -> Unsealed {
    let bomb = why.get_ref().is_some_and(|e| e.is::<botnet::decompress::Bomb>());
    let code = if bomb { botnet::decompress::BOMB } else { TORN };
    Unsealed {
        examiner: "comity.work".into(),
        version: 1,
        confidence: terms::Confidence::new(100),
        reason: format!("what is packed in it is not examined: {why}"),
        body: terms::FindingBody::Unreadable { code: code.into(), at: "the stream".into(), records: 0 },
    }
}

/// A stream that ends early or does not decode (`botnet::read`).
const TORN: &str = "CMT-0621";

/// Digests of what lies in it without being taken out of it, for the lists of what must not be viewed.
fn inside(held: &[u8], len: u64, kind: ExhibitKind, out: &mut impl Write) -> io::Result<()> {
    let mut broken = None;
    let mut told = malware::embedded(held, kind, &mut |d: malware::Listable| {
        if broken.is_none() {
            broken = Frame::Inner(d.sha256, d.md5, d.sha1).write(out).err();
        }
    });
    if (held.len() as u64) < len && told.is_none() {
        told = Some(beyond(held.len()));
    }
    if let Some(e) = broken {
        return Err(e);
    }
    told.map_or(Ok(()), |finding| Frame::Finding(Box::new(finding)).write(out))
}

/// Behind what is held nothing was looked for.
fn beyond(held: usize) -> Unsealed {
    Unsealed {
        examiner: "comity.work".into(),
        version: 1,
        confidence: terms::Confidence::new(100),
        reason: format!("what lies behind its first {held} bytes was not compared with any list"),
        body: terms::FindingBody::Unreadable { code: "CMT-0619".into(), at: "the rest".into(), records: 0 },
    }
}

/// Opens one layer: each member goes up as soon as it is decoded, then what was found.
fn unpack(opened: Opened, opening: &Opening, out: &mut impl Write) -> io::Result<()> {
    let (kind, packed) = (opened.kind, opened.compression != Compression::None);
    let mut findings = Vec::new();
    let Some(sample) = sample(opened, &mut |f| findings.push(f)) else {
        for finding in findings {
            Frame::Finding(Box::new(finding)).write(out)?;
        }
        return Frame::Summary(Summary::default()).write(out);
    };
    findings.append(&mut sample.examine());
    if matches!(kind, ExhibitKind::Script | ExhibitKind::Html | ExhibitKind::Email) {
        findings.append(&mut malware::examine_text(sample.held()));
    }
    if opening.digests {
        inside(sample.held(), sample.len(), kind, out)?;
        if packed {
            let all = malware::Listable::of(sample.held());
            Frame::Inner(all.sha256, all.md5, all.sha1).write(out)?;
        }
    }
    let cut = (sample.held().len() as u64) < sample.len();
    let mut bytes = sample.into_held();
    if cut && kind.program() {
        // An archive behind a program is opened where all of it is held.
        bytes.clear();
    } else if cut {
        // One byte more than a container may have: it is told as too large and not as cut.
        bytes.push(0);
    }
    let most = malware::Limits::default();
    let limits = malware::Limits {
        depth: opening.depth,
        derived: opening.derived.min(most.derived),
        total: opening.total.min(most.total),
        ..most
    };
    let passwords = malware::Passwords::with(opening.passwords.iter().cloned());
    let to = RefCell::new((&mut *out, None::<io::Error>));
    let write = |what: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
        let (out, broken) = &mut *to.borrow_mut();
        if broken.is_none() {
            *broken = what(out).err();
        }
    };
    let mut passing = |d: malware::Listable| {
        write(&|mut out: &mut dyn Write| Frame::Inner(d.sha256, d.md5, d.sha1).write(&mut out));
    };
    let passed: malware::Passed<'_> = if opening.digests { Some(&mut passing) } else { None };
    let mut sink = |member: malware::Derived| {
        let told = Member { path: member.path, how: member.how, size: member.bytes.len() as u64 };
        write(&|mut out: &mut dyn Write| Frame::write_member(&mut out, &told, &member.bytes));
    };
    let unpacked = malware::unpack_passing(&bytes, &limits, &passwords, &mut sink, passed);
    let (out, broken) = to.into_inner();
    if let Some(e) = broken {
        return Err(e);
    }
    for finding in findings.into_iter().chain(unpacked.findings) {
        Frame::Finding(Box::new(finding)).write(out)?;
    }
    Frame::Summary(Summary::default()).write(out)
}
