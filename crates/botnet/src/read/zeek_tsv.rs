//! Zeek logs as text, read by their own header: columns in any order, several headers in one file.

use super::{Out, ReadError, Why, lines, zeek_rows};
use std::io::BufRead;
use std::ops::ControlFlow;
use terms::ExhibitKind;

/// Columns that are read; all others are passed over, labels of a data set among them.
macro_rules! columns {
    ($($field:ident $name:literal)*) => {
        /// A column that is read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Field { $($field),* }
        const COLUMNS: &[(&[u8], Field)] = &[$(($name, Field::$field)),*];
    };
}

columns! {
    Ts b"ts"
    OrigH b"id.orig_h"
    OrigP b"id.orig_p"
    RespH b"id.resp_h"
    RespP b"id.resp_p"
    LocalOrig b"local_orig"
    LocalResp b"local_resp"
    // conn
    Proto b"proto"
    Service b"service"
    Duration b"duration"
    OrigBytes b"orig_bytes"
    RespBytes b"resp_bytes"
    State b"conn_state"
    // dns
    Query b"query"
    QtypeName b"qtype_name"
    Qtype b"qtype"
    RcodeName b"rcode_name"
    Rcode b"rcode"
    Answers b"answers"
    // http
    Method b"method"
    Host b"host"
    Uri b"uri"
    Referrer b"referrer"
    Version b"version"
    UserAgent b"user_agent"
    StatusCode b"status_code"
    RequestBody b"request_body_len"
    ResponseBody b"response_body_len"
    RespMime b"resp_mime_types"
    // ssl
    Cipher b"cipher"
    ServerName b"server_name"
    Resumed b"resumed"
    Established b"established"
    NextProtocol b"next_protocol"
    ChainPrints b"cert_chain_fps"
    ChainFiles b"cert_chain_fuids"
    Subject b"subject"
    Issuer b"issuer"
    Ja3 b"ja3"
    Ja3s b"ja3s"
    Ja4 b"ja4"
    // x509
    Fingerprint b"fingerprint"
    FileId b"id"
    CertSubject b"certificate.subject"
    CertIssuer b"certificate.issuer"
    NotBefore b"certificate.not_valid_before"
    NotAfter b"certificate.not_valid_after"
    HostCert b"host_cert"
    ClientCert b"client_cert"
}

/// Most columns a header may name.
const MAX_COLUMNS: usize = 1024;

/// What the `#` lines say.
pub(crate) struct Header {
    separator: u8,
    pub(super) set_separator: u8,
    empty: Vec<u8>,
    unset: Vec<u8>,
    path: Vec<u8>,
    separated: bool,
    /// For each column of the log, which of `COLUMNS` it is.
    columns: Vec<Option<Field>>,
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
                let known = |name: &[u8]| COLUMNS.iter().find(|(c, _)| *c == name).map(|(_, field)| *field);
                self.columns = parts.take(MAX_COLUMNS).map(known).collect();
            }
            _ => {}
        }
    }

    /// Whether anything said that this is a Zeek log.
    pub(crate) fn seen(&self) -> bool {
        self.separated || self.columns.iter().flatten().count() >= 2
    }

    fn has(&self, column: Field) -> bool {
        self.columns.contains(&Some(column))
    }

    /// Which log the header announces, by its columns and then by its path.
    pub(crate) fn kind(&self) -> Option<ExhibitKind> {
        let path = |name: &[u8]| self.path == name;
        if self.columns.is_empty() {
            return match self.path.as_slice() {
                b"conn" => Some(ExhibitKind::ZeekConn),
                b"dns" => Some(ExhibitKind::ZeekDns),
                b"http" => Some(ExhibitKind::ZeekHttp),
                b"ssl" => Some(ExhibitKind::ZeekSsl),
                b"x509" => Some(ExhibitKind::ZeekX509),
                _ => None,
            };
        }
        if self.has(Field::Ts) && self.has(Field::CertSubject) {
            return Some(ExhibitKind::ZeekX509);
        }
        if ![Field::Ts, Field::OrigH, Field::RespH].iter().all(|&c| self.has(c)) {
            return None;
        }
        let (query, proto) = (self.has(Field::Query), self.has(Field::Proto));
        if proto && (self.has(Field::State) || (path(b"conn") && !query)) {
            Some(ExhibitKind::ZeekConn)
        } else if query && (self.has(Field::Qtype) || self.has(Field::QtypeName) || path(b"dns")) {
            Some(ExhibitKind::ZeekDns)
        } else if self.has(Field::Method) && (self.has(Field::Uri) || self.has(Field::Host)) {
            Some(ExhibitKind::ZeekHttp)
        } else if self.has(Field::ServerName) && self.has(Field::Cipher) {
            Some(ExhibitKind::ZeekSsl)
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
        let row = fields(&header, line)
            .and_then(|f| zeek_rows::row(current.unwrap_or(ExhibitKind::ZeekConn), &header, &f));
        match row {
            Ok(row) => out.row(row),
            Err(why) => {
                out.skip(why, 1, place);
                ControlFlow::Continue(())
            }
        }
    })
}

/// The values of one line by column; empty where the log has none.
pub(super) struct Fields<'a>([&'a [u8]; COLUMNS.len()]);

impl<'a> Fields<'a> {
    /// The value of a column; none where it is unset, empty or no column of this log.
    pub(super) fn get(&self, field: Field) -> Option<&'a [u8]> {
        self.0.get(field as usize).copied().filter(|v| !v.is_empty())
    }
}

fn fields<'a>(header: &Header, line: &'a [u8]) -> Result<Fields<'a>, Why> {
    let mut found = Fields([b""; COLUMNS.len()]);
    let mut columns = header.columns.iter();
    let mut start = 0;
    let mut take = |end: usize| {
        let column = columns.next()?;
        if let Some(slot) = column.and_then(|c| found.0.get_mut(c as usize)) {
            let value = line.get(start..end).unwrap_or(b"");
            if value != header.unset.as_slice() && value != header.empty.as_slice() {
                *slot = value;
            }
        }
        start = end + 1;
        Some(())
    };
    each_place(header.separator, line, &mut take).and_then(|()| take(line.len())).ok_or(Why::Columns)?;
    if columns.next().is_some() { Err(Why::Columns) } else { Ok(found) }
}

/// Calls `take` with every place of a byte, until it wants no more. Values are a few bytes long, so that a search that is
/// begun anew for each costs more than it saves: eight bytes are looked at in one number.
fn each_place(byte: u8, line: &[u8], take: &mut impl FnMut(usize) -> Option<()>) -> Option<()> {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let wanted = u64::from_ne_bytes([byte; 8]);
    let (eights, rest) = line.as_chunks::<8>();
    for (i, eight) in eights.iter().enumerate() {
        let x = u64::from_le_bytes(*eight) ^ wanted;
        // The top bit of each byte that is 0, and of no other.
        let mut zeros = !(((x & LOW) + LOW) | x | LOW);
        while zeros != 0 {
            take(8 * i + zeros.trailing_zeros() as usize / 8)?;
            zeros &= zeros - 1;
        }
    }
    let start = 8 * eights.len();
    rest.iter().enumerate().filter(|(_, b)| **b == byte).try_for_each(|(i, _)| take(start + i))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_place_is_found(line in prop::collection::vec(prop_oneof![Just(9u8), Just(8), Just(0x89), any::<u8>()], 0..80)) {
            let mut found = Vec::new();
            each_place(9, &line, &mut |at| { found.push(at); Some(()) });
            let expect: Vec<usize> = (0..line.len()).filter(|&i| line.get(i) == Some(&9)).collect();
            prop_assert_eq!(found, expect);
        }
    }
}
