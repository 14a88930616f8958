//! Zeek logs as text, read by their own header: columns in any order, several headers in one file.

use super::{Out, ReadError, Why, lines, values};
use crate::rows::{DnsRow, FlowRow, Row, Transport};
use std::io::BufRead;
use std::ops::ControlFlow;
use terms::ExhibitKind;

/// Columns that are read; all others are passed over, labels of a data set among them.
const COLUMNS: [&[u8]; 20] = [
    b"ts",
    b"id.orig_h",
    b"id.orig_p",
    b"id.resp_h",
    b"id.resp_p",
    b"proto",
    b"service",
    b"duration",
    b"orig_bytes",
    b"resp_bytes",
    b"conn_state",
    b"local_orig",
    b"local_resp",
    b"query",
    b"qtype_name",
    b"qtype",
    b"rcode_name",
    b"rcode",
    b"answers",
    b"rtt",
];
const TS: usize = 0;
const ORIG_H: usize = 1;
const ORIG_P: usize = 2;
const RESP_H: usize = 3;
const RESP_P: usize = 4;
const PROTO: usize = 5;
const SERVICE: usize = 6;
const DURATION: usize = 7;
const ORIG_BYTES: usize = 8;
const RESP_BYTES: usize = 9;
const STATE: usize = 10;
const LOCAL_ORIG: usize = 11;
const LOCAL_RESP: usize = 12;
const QUERY: usize = 13;
const QTYPE_NAME: usize = 14;
const QTYPE: usize = 15;
const RCODE_NAME: usize = 16;
const RCODE: usize = 17;
const ANSWERS: usize = 18;

/// Most columns a header may name.
const MAX_COLUMNS: usize = 1024;

/// What the `#` lines say.
pub(crate) struct Header {
    separator: u8,
    set_separator: u8,
    empty: Vec<u8>,
    unset: Vec<u8>,
    path: Vec<u8>,
    separated: bool,
    /// For each column of the log, which of `COLUMNS` it is.
    columns: Vec<Option<usize>>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            separator: b'\t',
            set_separator: b',',
            empty: b"(empty)".to_vec(),
            unset: b"-".to_vec(),
            path: Vec::new(),
            separated: false,
            columns: Vec::new(),
        }
    }
}

impl Header {
    /// Takes one `#` line in.
    pub(crate) fn take(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(rest) = line.strip_prefix(b"#separator") {
            *self = Self {
                separator: byte(rest.trim_ascii()).unwrap_or(b'\t'),
                separated: true,
                ..Self::default()
            };
            return;
        }
        let separator = self.separator;
        let mut parts = line.split(|&b| b == separator);
        let (key, rest) = (parts.next().unwrap_or(b""), parts.clone().next().unwrap_or(b""));
        match key {
            b"#set_separator" => self.set_separator = byte(rest).unwrap_or(b','),
            b"#empty_field" => self.empty = rest.to_vec(),
            b"#unset_field" => self.unset = rest.to_vec(),
            b"#path" => self.path = rest.to_vec(),
            b"#fields" => {
                let known = |name: &[u8]| COLUMNS.iter().position(|c| *c == name);
                self.columns = parts.take(MAX_COLUMNS).map(known).collect();
            }
            _ => {}
        }
    }

    /// Whether anything said that this is a Zeek log.
    pub(crate) fn seen(&self) -> bool {
        self.separated || self.columns.iter().flatten().count() >= 2
    }

    fn has(&self, column: usize) -> bool {
        self.columns.contains(&Some(column))
    }

    /// Which log the header announces, by its columns and then by its path.
    pub(crate) fn kind(&self) -> Option<ExhibitKind> {
        let ends = [TS, ORIG_H, RESP_H].iter().all(|&c| self.has(c));
        if ends && self.has(PROTO) && (self.has(STATE) || (self.path == b"conn" && !self.has(QUERY))) {
            Some(ExhibitKind::ZeekConn)
        } else if ends && self.has(QUERY) && (self.has(QTYPE) || self.has(QTYPE_NAME) || self.path == b"dns")
        {
            Some(ExhibitKind::ZeekDns)
        } else if self.columns.is_empty() {
            match self.path.as_slice() {
                b"conn" => Some(ExhibitKind::ZeekConn),
                b"dns" => Some(ExhibitKind::ZeekDns),
                _ => None,
            }
        } else {
            None
        }
    }
}

/// A separator as Zeek writes it: itself, or `\x09`.
fn byte(text: &[u8]) -> Option<u8> {
    match text {
        [b'\\', b'x', digits @ ..] => {
            u8::from_str_radix(std::str::from_utf8(digits.get(..2)?).ok()?, 16).ok()
        }
        [one, ..] => Some(*one),
        [] => None,
    }
}

pub(super) fn read(reader: &mut dyn BufRead, out: &mut Out) -> Result<(), ReadError> {
    let mut header = Header::default();
    let mut current: Option<ExhibitKind> = None;
    lines::for_each(reader, out, &mut |out, number, line| {
        if line.starts_with(b"#") {
            header.take(line);
            current = header.kind();
            return ControlFlow::Continue(());
        }
        let place = || format!("line {number}");
        if header.columns.is_empty() || current.is_none() {
            let why = if header.columns.is_empty() { Why::NoHeader } else { Why::OtherLog };
            out.skip(why, 1, place);
            return ControlFlow::Continue(());
        }
        let row = fields(&header, line).and_then(|f| match current {
            Some(ExhibitKind::ZeekDns) => dns(&header, &f).map(Row::Dns),
            _ => flow(&f).map(Row::Flow),
        });
        match row {
            Ok(row) => out.row(row),
            Err(why) => {
                out.skip(why, 1, place);
                ControlFlow::Continue(())
            }
        }
    })
}

type Fields<'a> = [Option<&'a [u8]>; COLUMNS.len()];

fn fields<'a>(header: &Header, line: &'a [u8]) -> Result<Fields<'a>, Why> {
    let mut found: Fields<'a> = [None; COLUMNS.len()];
    let mut parts = line.split(|&b| b == header.separator);
    for column in &header.columns {
        let value = parts.next().ok_or(Why::Columns)?;
        let Some(slot) = column.and_then(|c| found.get_mut(c)) else { continue };
        if value != header.unset.as_slice() && value != header.empty.as_slice() {
            *slot = Some(value);
        }
    }
    if parts.next().is_some() { Err(Why::Columns) } else { Ok(found) }
}

fn get<'a>(f: &Fields<'a>, column: usize) -> Option<&'a [u8]> {
    f.get(column).copied().flatten()
}

fn optional<T>(value: Option<&[u8]>, read: impl Fn(&[u8]) -> Result<T, Why>) -> Result<Option<T>, Why> {
    value.map(read).transpose()
}

fn flag(value: Option<&[u8]>) -> Option<bool> {
    match value {
        Some(b"T") => Some(true),
        Some(b"F") => Some(false),
        _ => None,
    }
}

pub(super) fn transport(text: &[u8]) -> Transport {
    match text {
        b"tcp" => Transport::Tcp,
        b"udp" => Transport::Udp,
        b"icmp" => Transport::Icmp,
        _ => Transport::Other,
    }
}

fn flow(f: &Fields) -> Result<FlowRow, Why> {
    Ok(FlowRow {
        ts: get(f, TS).and_then(values::micros).ok_or(Why::Time)?,
        source: values::address(get(f, ORIG_H).ok_or(Why::Address)?)?,
        source_port: optional(get(f, ORIG_P), values::number)?.unwrap_or(0),
        remote: values::address(get(f, RESP_H).ok_or(Why::Address)?)?,
        remote_port: optional(get(f, RESP_P), values::number)?.unwrap_or(0),
        transport: transport(get(f, PROTO).unwrap_or(b"")),
        service: optional(get(f, SERVICE), values::word)?,
        duration: optional(get(f, DURATION), |d| values::micros(d).ok_or(Why::Number))?,
        sent: optional(get(f, ORIG_BYTES), values::number)?.unwrap_or(0),
        received: optional(get(f, RESP_BYTES), values::number)?.unwrap_or(0),
        state: optional(get(f, STATE), values::word)?,
        source_local: flag(get(f, LOCAL_ORIG)),
        remote_local: flag(get(f, LOCAL_RESP)),
    })
}

fn dns(header: &Header, f: &Fields) -> Result<DnsRow, Why> {
    let answers = get(f, ANSWERS).unwrap_or(b"");
    let answers = answers.split(|&b| b == header.set_separator).filter(|a| !a.is_empty());
    Ok(DnsRow {
        ts: get(f, TS).and_then(values::micros).ok_or(Why::Time)?,
        client: values::address(get(f, ORIG_H).ok_or(Why::Address)?)?,
        server: values::address(get(f, RESP_H).ok_or(Why::Address)?)?,
        query: optional(get(f, QUERY), values::name)?.unwrap_or_default(),
        qtype: optional(get(f, QTYPE_NAME).or(get(f, QTYPE)), values::word)?,
        rcode: optional(get(f, RCODE_NAME).or(get(f, RCODE)), values::word)?,
        answers: answers
            .take(values::MAX_ANSWERS)
            .map(|a| values::answer(&String::from_utf8_lossy(a)))
            .collect(),
    })
}
