//! Readers: from a decompressed exhibit to rows, one at a time, in bounded memory.
//!
//! A bad record is counted with its reason and first place, and the rest is read. Only what destroys the rest is an
//! error. A stream that is torn in the middle gives the rows before the tear and lists the tear.
//! Bounds: a line of at most [`MAX_LINE`] is held; flow and question tables of captures are capped (`capture`).

mod capture;
mod dns_message;
mod eve;
mod flow_table;
mod lines;
pub(crate) mod netflow;
mod passive_dns;
mod sinkhole;
mod talk;
mod values;
mod web;
mod zeek_json;
mod zeek_json_web;
mod zeek_rows;
pub(crate) mod zeek_tsv;

use crate::decompress::Bomb;
use crate::rows::{Row, Skipped, Summary};
use std::io::{self, BufRead};
use std::ops::ControlFlow;
use terms::ExhibitKind;

pub use flow_table::{FLOW_IDLE, MAX_FLOWS, MAX_HELD};
pub use lines::MAX_LINE;

/// What ends a reading. Rows handed over before stand.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ReadError {
    /// Nothing in such an exhibit is for the tables.
    #[error("an exhibit of kind `{0}` holds no telemetry")]
    #[diagnostic(
        code("CMT-0620"),
        help("`comity ingest` seals it all the same; `comity analyze` examines it")
    )]
    NotTelemetry(ExhibitKind),
    /// The store or disk below failed.
    #[error("the exhibit cannot be read: {0}")]
    #[diagnostic(
        code("CMT-0621"),
        help("check the disk or the vault's store, then run `comity ingest` again")
    )]
    Io(#[source] io::Error),
    /// It unpacks to more than is allowed.
    #[error("the exhibit is a decompression bomb: {0}")]
    #[diagnostic(code("CMT-0622"), help("unpack it elsewhere and ingest the part that is wanted"))]
    Bomb(Bomb),
    /// The beginning of a capture is damaged, so nothing after it has a meaning.
    #[error("the capture's own header cannot be read: {0}")]
    #[diagnostic(code("CMT-0623"), help("ask the source for the capture again; the exhibit stays sealed"))]
    CaptureHeader(&'static str),
}

impl ReadError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotTelemetry(_) => "CMT-0620",
            Self::Io(_) => "CMT-0621",
            Self::Bomb(_) => "CMT-0622",
            Self::CaptureHeader(_) => "CMT-0623",
        }
    }
}

/// Reads an exhibit of a given kind from its decompressed bytes and hands each row to `sink`, until the end or until
/// `sink` breaks.
///
/// # Errors
/// See [`ReadError`].
pub fn read(
    kind: ExhibitKind,
    reader: &mut dyn BufRead,
    sink: &mut dyn FnMut(Row) -> ControlFlow<()>,
) -> Result<Summary, ReadError> {
    let mut out = Out { sink, summary: Summary::default() };
    match kind {
        ExhibitKind::ZeekConn
        | ExhibitKind::ZeekDns
        | ExhibitKind::ZeekHttp
        | ExhibitKind::ZeekSsl
        | ExhibitKind::ZeekX509 => zeek(kind, reader, &mut out)?,
        ExhibitKind::SuricataEve => eve::read(reader, &mut out)?,
        ExhibitKind::PassiveDns => passive_dns::read(reader, &mut out)?,
        ExhibitKind::NetFlow => netflow::read(reader, &mut out)?,
        ExhibitKind::SinkholeLog => sinkhole::read(reader, &mut out)?,
        ExhibitKind::Pcap | ExhibitKind::Pcapng => capture::read(kind, reader, &mut out)?,
        other => return Err(ReadError::NotTelemetry(other)),
    }
    Ok(out.summary)
}

/// Text or JSON, by the first byte that is not white space.
fn zeek(kind: ExhibitKind, reader: &mut dyn BufRead, out: &mut Out) -> Result<(), ReadError> {
    let head = match reader.fill_buf() {
        Ok(head) => head,
        Err(e) => return out.torn(e, "line 1".to_owned()),
    };
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    match head.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{') => zeek_json::read(kind, reader, out),
        // The log's own header says which log it is.
        _ => zeek_tsv::read(reader, out),
    }
}

/// Why a record is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    LongLine,
    Columns,
    Time,
    Address,
    Number,
    NoHeader,
    Json,
    Torn,
    TornCapture,
    Packet,
    Dns,
    Link,
    Fragment,
    LongText,
    OtherLog,
    Schema,
    Export,
    NoTemplate,
}

impl Why {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::LongLine => "CMT-0601",
            Self::Columns => "CMT-0602",
            Self::Time => "CMT-0603",
            Self::Address => "CMT-0604",
            Self::Number => "CMT-0605",
            Self::NoHeader => "CMT-0606",
            Self::Json => "CMT-0607",
            Self::Torn => "CMT-0608",
            Self::TornCapture => "CMT-0609",
            Self::Packet => "CMT-0610",
            Self::Dns => "CMT-0611",
            Self::Link => "CMT-0612",
            Self::Fragment => "CMT-0613",
            Self::LongText => "CMT-0614",
            Self::OtherLog => "CMT-0615",
            Self::Schema => "CMT-0616",
            Self::Export => "CMT-0617",
            Self::NoTemplate => "CMT-0618",
        }
    }

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::LongLine => "the line is longer than 1 MiB",
            Self::Columns => "the line has another number of columns than `#fields` names",
            Self::Time => "the time cannot be read",
            Self::Address => "an address cannot be read",
            Self::Number => "a port or number cannot be read",
            Self::NoHeader => "no `#fields` line with the needed columns comes before it",
            Self::Json => "the line is not a JSON object with the needed fields",
            Self::Torn => "the exhibit is cut short or damaged here; what follows is missing",
            Self::TornCapture => "the capture is cut short or damaged here; what follows is missing",
            Self::Packet => "the packet's headers cannot be read",
            Self::Dns => "the DNS message cannot be read",
            Self::Link => "packets of this link type are not read",
            Self::Fragment => "fragments of IP packets are not put together",
            Self::LongText => "a text is longer than its field allows",
            Self::OtherLog => "the log changes into one that is not read into tables",
            Self::Export => "the export packet is cut short or its sets do not fit into it",
            Self::NoTemplate => "the data set comes before the template that says how to read it",
            Self::Schema => "the line is not of schema `comity.sinkhole/1`",
        }
    }
}

/// Where rows go and what was left out is noted.
pub(crate) struct Out<'a> {
    sink: &'a mut dyn FnMut(Row) -> ControlFlow<()>,
    summary: Summary,
}

impl Out<'_> {
    fn row(&mut self, row: Row) -> ControlFlow<()> {
        self.summary.rows += 1;
        let flow = (self.sink)(row);
        self.summary.stopped |= flow.is_break();
        flow
    }

    fn skip(&mut self, why: Why, records: u64, at: impl FnOnce() -> String) {
        let code = why.code();
        match self.summary.skipped.iter_mut().find(|s| s.code == code) {
            Some(known) => known.records += records,
            None => self.summary.skipped.push(Skipped {
                code: code.to_owned(),
                reason: why.text().to_owned(),
                at: at(),
                records,
            }),
        }
    }

    /// Notes that the stream broke, or gives the error where it was the disk or a bomb.
    fn torn(&mut self, error: io::Error, at: String) -> Result<(), ReadError> {
        if let Some(bomb) = error.get_ref().and_then(|e| e.downcast_ref::<Bomb>()) {
            return Err(ReadError::Bomb(bomb.clone()));
        }
        if error.raw_os_error().is_some() {
            return Err(ReadError::Io(error));
        }
        self.skip(Why::Torn, 0, || at);
        Ok(())
    }
}
