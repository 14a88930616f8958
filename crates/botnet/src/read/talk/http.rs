//! HTTP/1 messages (RFC 9112) out of ordered bytes: heads are read, bodies are only counted.
//!
//! Bounds: a head of at most [`MAX_HEAD`], at most [`MAX_OPEN`] requests without response. A gap in a body is counted as
//! body; a gap in a head ends the reading of that direction, as do a tunnel and another protocol after `101`.

use super::{Emit, Ends};
use crate::read::web;
use crate::rows::{HttpRow, Row};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Longest head that is read, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// Longest line that says how long a chunk is.
const MAX_CHUNK_LINE: usize = 1 << 10;
/// Requests that wait for their responses.
const MAX_OPEN: usize = 64;

/// Where in a message a direction is.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum At {
    #[default]
    Head,
    /// Bytes of the body that are still to come.
    Body(u64),
    ChunkSize,
    /// Bytes of the chunk that are still to come.
    Chunk(u64),
    /// The line end behind a chunk, then the next size.
    ChunkEnd,
    Trailer,
    UntilClose,
    Lost,
}

#[derive(Default)]
struct Way {
    at: At,
    held: Vec<u8>,
    /// When the head that is held began.
    began: Option<i64>,
}

/// Both directions of one connection.
#[derive(Default)]
pub(super) struct Talk {
    requests: Way,
    responses: Way,
    open: VecDeque<HttpRow>,
    /// The request whose response is arriving.
    answered: Option<HttpRow>,
}

/// Whether bytes begin a request: a method and a space.
pub(super) fn begins(start: &[u8]) -> bool {
    const METHODS: [&[u8]; 9] =
        [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"PATCH ", b"TRACE "];
    METHODS.iter().any(|m| start.starts_with(m))
}

impl Talk {
    pub(super) fn held(&self) -> usize {
        let text = |t: &Option<String>| t.as_ref().map_or(0, String::capacity);
        let row = |r: &HttpRow| {
            let texts = [&r.method, &r.host, &r.uri, &r.user_agent, &r.referrer, &r.version, &r.mime];
            texts.into_iter().map(text).sum::<usize>()
        };
        let rows = self.open.iter().chain(&self.answered).map(row).sum::<usize>();
        let room = self.open.capacity() * size_of::<HttpRow>();
        size_of::<Self>() + self.requests.held.capacity() + self.responses.held.capacity() + rows + room
    }

    pub(super) fn bytes(
        &mut self,
        ends: Ends,
        ts: i64,
        forward: bool,
        mut data: &[u8],
        emit: &mut Emit,
    ) -> ControlFlow<()> {
        while !data.is_empty() {
            let way = if forward { &mut self.requests } else { &mut self.responses };
            match way.at {
                At::Lost => return ControlFlow::Continue(()),
                At::UntilClose => {
                    self.count(forward, data.len() as u64);
                    return ControlFlow::Continue(());
                }
                At::Body(left) | At::Chunk(left) => {
                    let n = left.min(data.len() as u64);
                    data = data.get(n as usize..).unwrap_or(b"");
                    self.body(forward, n, emit)?;
                }
                At::Head | At::Trailer => {
                    let began = *way.began.get_or_insert(ts);
                    let Some(rest) = way.block(data) else { return ControlFlow::Continue(()) };
                    data = rest;
                    let head = std::mem::take(&mut way.held);
                    way.began = None;
                    if way.at == At::Trailer {
                        way.at = At::Head;
                        self.complete(forward, emit)?;
                    } else if forward {
                        self.request(ends, began, &head, emit)?;
                    } else {
                        self.response(ends, began, &head, emit)?;
                    }
                }
                At::ChunkSize | At::ChunkEnd => {
                    let Some(rest) = way.line(data) else { return ControlFlow::Continue(()) };
                    data = rest;
                    let line = std::mem::take(&mut way.held);
                    way.chunk(&line);
                }
            }
        }
        ControlFlow::Continue(())
    }

    pub(super) fn gap(&mut self, forward: bool, missing: usize, emit: &mut Emit) -> ControlFlow<()> {
        let missing = missing as u64;
        let way = if forward { &mut self.requests } else { &mut self.responses };
        match way.at {
            At::Body(left) | At::Chunk(left) if missing <= left => self.body(forward, missing, emit),
            At::UntilClose => {
                self.count(forward, missing);
                ControlFlow::Continue(())
            }
            _ => {
                way.at = At::Lost;
                way.held = Vec::new();
                ControlFlow::Continue(())
            }
        }
    }

    pub(super) fn finish(mut self, emit: &mut Emit) -> ControlFlow<()> {
        let mut rows = self.answered.take().into_iter().chain(self.open);
        rows.try_for_each(|row| emit(Row::Http(Box::new(row))))
    }

    fn count(&mut self, forward: bool, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        if forward {
            if let Some(row) = self.open.back_mut().or(self.answered.as_mut()) {
                row.sent = row.sent.saturating_add(bytes);
            }
        } else if let Some(row) = &mut self.answered {
            row.received = row.received.saturating_add(bytes);
        }
    }

    fn body(&mut self, forward: bool, bytes: u64, emit: &mut Emit) -> ControlFlow<()> {
        self.count(forward, bytes);
        let way = if forward { &mut self.requests } else { &mut self.responses };
        match way.at {
            At::Body(left) if left > bytes => way.at = At::Body(left - bytes),
            At::Body(_) => {
                way.at = At::Head;
                return self.complete(forward, emit);
            }
            At::Chunk(left) if left > bytes => way.at = At::Chunk(left - bytes),
            At::Chunk(_) => way.at = At::ChunkEnd,
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn complete(&mut self, forward: bool, emit: &mut Emit) -> ControlFlow<()> {
        match self.answered.take_if(|_| !forward) {
            Some(row) => emit(Row::Http(Box::new(row))),
            None => ControlFlow::Continue(()),
        }
    }

    fn request(&mut self, ends: Ends, ts: i64, head: &[u8], emit: &mut Emit) -> ControlFlow<()> {
        let head = Head::of(head);
        let mut words = head.first.splitn(3, |&b| b == b' ');
        let (method, target, version) = (words.next(), words.next(), words.next());
        let (Some(method), Some(target), Some(version)) =
            (method, target, version.and_then(|v| v.trim_ascii().strip_prefix(b"HTTP/")))
        else {
            self.requests.at = At::Lost;
            return ControlFlow::Continue(());
        };
        let (uri, uri_dropped) = web::target(target);
        let row = HttpRow {
            method: web::short(method),
            host: head.field(b"host").and_then(web::host),
            uri,
            uri_dropped,
            user_agent: head.field(b"user-agent").and_then(|a| web::text(a, web::MAX_AGENT)),
            referrer: head.field(b"referer").and_then(web::referrer),
            version: web::short(version),
            ..empty(ends, ts)
        };
        self.requests.at = head.length().unwrap_or(At::Head);
        self.open.push_back(row);
        let much = self.open.len() > MAX_OPEN;
        match self.open.pop_front_if(|_| much) {
            Some(row) => emit(Row::Http(Box::new(row))),
            None => ControlFlow::Continue(()),
        }
    }

    fn response(&mut self, ends: Ends, ts: i64, head: &[u8], emit: &mut Emit) -> ControlFlow<()> {
        let head = Head::of(head);
        let status = head.first.strip_prefix(b"HTTP/").and_then(|rest| rest.split(|&b| b == b' ').nth(1));
        let status = status.and_then(|s| std::str::from_utf8(s).ok()?.trim().parse::<u16>().ok());
        let Some(status) = status.filter(|s| (100..1000).contains(s)) else {
            self.responses.at = At::Lost;
            return ControlFlow::Continue(());
        };
        if matches!(status, 100 | 102..=199) {
            return ControlFlow::Continue(());
        }
        let mut row = self.open.pop_front().unwrap_or_else(|| empty(ends, ts));
        row.status = Some(status);
        row.mime = head.field(b"content-type").and_then(web::mime);
        let method = row.method.as_deref().unwrap_or("");
        let tunnel = status == 101 || (method == "CONNECT" && (200..300).contains(&status));
        let bare = method == "HEAD" || matches!(status, 204 | 304);
        if tunnel {
            self.requests.at = At::Lost;
            self.responses.at = At::Lost;
            return emit(Row::Http(Box::new(row)));
        }
        // Without a length the body ends with the connection (RFC 9112 section 6.3).
        self.responses.at = if bare { At::Head } else { head.length().unwrap_or(At::UntilClose) };
        if self.responses.at == At::Head {
            return emit(Row::Http(Box::new(row)));
        }
        self.answered = Some(row);
        ControlFlow::Continue(())
    }
}

fn empty(ends: Ends, ts: i64) -> HttpRow {
    HttpRow {
        ts,
        source: ends.from.0,
        source_port: ends.from.1,
        remote: ends.to.0,
        remote_port: ends.to.1,
        method: None,
        host: None,
        uri: None,
        uri_dropped: 0,
        user_agent: None,
        referrer: None,
        version: None,
        status: None,
        sent: 0,
        received: 0,
        mime: None,
        source_local: None,
        remote_local: None,
    }
}

impl Way {
    /// Gathers up to and with the empty line that ends a head, then gives what follows; none where it has not come.
    fn block<'a>(&mut self, data: &'a [u8]) -> Option<&'a [u8]> {
        let before = self.held.len();
        let room = (MAX_HEAD + 4).saturating_sub(before);
        self.held.extend_from_slice(data.get(..room).unwrap_or(data));
        let from = before.saturating_sub(3);
        let found = self.held.get(from..).and_then(end_of_head).map(|at| from + at);
        // A trailer without fields is one line end.
        let bare = match (self.at, self.held.as_slice()) {
            (At::Trailer, [b'\n', ..]) => Some(1),
            (At::Trailer, [b'\r', b'\n', ..]) => Some(2),
            _ => None,
        };
        match bare.or(found) {
            Some(end) => {
                self.held.truncate(end);
                data.get(end.saturating_sub(before)..)
            }
            None => {
                if self.held.len() > MAX_HEAD {
                    *self = Self { at: At::Lost, ..Self::default() };
                }
                None
            }
        }
    }

    /// Gathers one line, then gives what follows.
    fn line<'a>(&mut self, data: &'a [u8]) -> Option<&'a [u8]> {
        match memchr::memchr(b'\n', data) {
            Some(end) => {
                self.held.extend_from_slice(data.get(..end.min(MAX_CHUNK_LINE)).unwrap_or(b""));
                data.get(end + 1..)
            }
            None => {
                self.held.extend_from_slice(data.get(..MAX_CHUNK_LINE).unwrap_or(data));
                if self.held.len() > MAX_CHUNK_LINE {
                    *self = Self { at: At::Lost, ..Self::default() };
                }
                None
            }
        }
    }

    /// What follows a line between chunks (RFC 9112 section 7.1).
    fn chunk(&mut self, line: &[u8]) {
        if self.at == At::ChunkEnd {
            self.at = At::ChunkSize;
            return;
        }
        let size = line.split(|&b| b == b';').next().unwrap_or(b"").trim_ascii();
        let size = std::str::from_utf8(size).ok().and_then(|s| u64::from_str_radix(s, 16).ok());
        self.at = match size {
            Some(0) => At::Trailer,
            Some(n) => At::Chunk(n),
            None => At::Lost,
        };
    }
}

/// Where the first empty line ends.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| match bytes.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        _ => None,
    })
}

/// A head in lines.
struct Head<'a> {
    first: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Head<'a> {
    fn of(head: &'a [u8]) -> Self {
        // Some clients end a body with a line end that nobody counted (RFC 9112 section 2.2).
        let start = head.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(0);
        let head = head.get(start..).unwrap_or(b"");
        let end = memchr::memchr(b'\n', head).unwrap_or(head.len());
        Self { first: head.get(..end).unwrap_or(b"").trim_ascii_end(), rest: head.get(end..).unwrap_or(b"") }
    }

    /// The value of the first field of this lower-case name.
    fn field(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.rest.split(|&b| b == b'\n').find_map(|line| {
            let (key, value) = line.split_at_checked(name.len())?;
            let value = value.strip_prefix(b":").filter(|_| key.eq_ignore_ascii_case(name))?;
            Some(value.trim_ascii()).filter(|v| !v.is_empty())
        })
    }

    /// How the body goes on; none where no field says it.
    fn length(&self) -> Option<At> {
        let coding = self.field(b"transfer-encoding").map(<[u8]>::to_ascii_lowercase);
        if coding.is_some_and(|c| memchr::memmem::find(&c, b"chunked").is_some()) {
            return Some(At::ChunkSize);
        }
        let length = self.field(b"content-length")?;
        let length = std::str::from_utf8(length).ok()?.parse::<u64>().ok()?;
        Some(if length == 0 { At::Head } else { At::Body(length) })
    }
}
