//! Records of a CSV (RFC 4180), one at a time and bounded: a quote that is never closed costs one record, not the memory.

use super::Why;
use memchr::{memchr, memchr2};
use std::borrow::Cow;
use std::io::{ErrorKind, Read};

/// Longest record in bytes.
pub const MAX_RECORD: usize = 1 << 20;
/// Most columns.
pub const MAX_COLUMNS: usize = 512;
const CHUNK: usize = 256 << 10;
/// Records that do not end, after which a text is taken for damaged: each may cost a look at 1 MiB.
const MAX_RESTARTS: u32 = 1_000;

/// Where a field lies, without its quotes.
#[derive(Debug, Clone, Copy)]
struct Field {
    start: usize,
    end: usize,
    /// Whether two quotes inside stand for one.
    doubled: bool,
}

/// One record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    bytes: &'a [u8],
    fields: &'a [Field],
}

impl<'a> Row<'a> {
    pub fn len(&self) -> usize {
        self.fields.len()
    }
    /// A field as it stands between its quotes; empty where there is none.
    pub fn raw(&self, index: usize) -> &'a [u8] {
        self.fields.get(index).and_then(|f| self.bytes.get(f.start..f.end)).unwrap_or_default()
    }
    /// A field as text.
    pub fn text(&self, index: usize) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(self.raw(index));
        match self.fields.get(index) {
            Some(f) if f.doubled => Cow::Owned(text.replace("\"\"", "\"")),
            _ => text,
        }
    }
}

pub(super) enum Next<'a> {
    Row(u64, Row<'a>),
    Bad(u64, Why),
    /// Reading failed, or the text is damaged beyond reading on.
    Torn(u64),
    End,
}

enum Step {
    /// The record ends before this offset.
    Whole(usize),
    /// The record is malformed and ends before this offset.
    Bad(Why, usize),
    /// It does not end within what is there.
    More,
}

/// The records that `source` gives.
pub(super) struct Records<'r> {
    source: &'r mut dyn Read,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
    broken: bool,
    number: u64,
    restarts: u32,
    fields: Vec<Field>,
}

impl<'r> Records<'r> {
    pub fn new(source: &'r mut dyn Read) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            at: 0,
            ended: false,
            broken: false,
            number: 0,
            restarts: 0,
            fields: Vec::new(),
        }
    }

    /// The next record that is not empty.
    pub fn next(&mut self) -> Next<'_> {
        if self.number == 0 && self.buffer.is_empty() {
            self.fill();
            self.at = if self.buffer.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        }
        let (step, start) = loop {
            let step = split(self.buffer.get(self.at..).unwrap_or_default(), self.ended, &mut self.fields);
            let held = self.buffer.len() - self.at;
            match step {
                Step::More if held > MAX_RECORD => break (self.restart(Why::Long), self.at),
                Step::More if !self.ended => self.fill(),
                Step::More if held == 0 => return if self.broken { self.torn() } else { Next::End },
                // A quote is still open at the end: what follows its own line may be whole.
                Step::More => break (self.restart(Why::Quotes), self.at),
                Step::Whole(used) if used > MAX_RECORD => break (Step::Bad(Why::Long, used), self.at),
                Step::Whole(used) if self.empty() => self.at += used,
                step => break (step, self.at),
            }
        };
        self.number += 1;
        match step {
            Step::Whole(used) => {
                self.at += used;
                let bytes = self.buffer.get(start..self.at).unwrap_or_default();
                Next::Row(self.number, Row { bytes, fields: &self.fields })
            }
            Step::Bad(why, used) => {
                self.at += used;
                Next::Bad(self.number, why)
            }
            Step::More => self.torn(),
        }
    }

    fn torn(&mut self) -> Next<'static> {
        (self.broken, self.ended, self.at) = (false, true, self.buffer.len());
        Next::Torn(self.number + 1)
    }

    /// Only white space on the line.
    fn empty(&self) -> bool {
        matches!(self.fields.as_slice(), [one] if one.start == one.end)
    }

    /// The record's first line is left out and reading begins anew behind it.
    fn restart(&mut self, why: Why) -> Step {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            self.broken = true;
            return Step::More;
        }
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        match memchr(b'\n', rest) {
            Some(end) => Step::Bad(why, end + 1),
            None if self.ended => Step::Bad(why, rest.len()),
            None => {
                self.pass_line();
                Step::Bad(why, 0)
            }
        }
    }

    /// Passes over the rest of a line that nobody holds.
    fn pass_line(&mut self) {
        loop {
            self.buffer.clear();
            self.at = 0;
            self.fill();
            match memchr(b'\n', &self.buffer) {
                Some(end) => return self.at = end + 1,
                None if self.ended => return self.at = self.buffer.len(),
                None => {}
            }
        }
    }

    fn fill(&mut self) {
        self.buffer.drain(..self.at);
        self.at = 0;
        let held = self.buffer.len();
        self.buffer.resize(held + CHUNK, 0);
        let mut filled = held;
        while let Some(space) = self.buffer.get_mut(filled..).filter(|s| !s.is_empty()) {
            match self.source.read(space) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(n) => filled += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    (self.ended, self.broken) = (true, true);
                    break;
                }
            }
        }
        self.buffer.truncate(filled);
    }
}

/// Cuts the first record of `text` into fields. `last`: nothing comes after it.
fn split(text: &[u8], last: bool, fields: &mut Vec<Field>) -> Step {
    fields.clear();
    let mut at = 0;
    loop {
        let (field, end) = match text.get(at) {
            Some(b'"') => match quoted(text, at + 1) {
                Some(found) => found,
                None => return Step::More,
            },
            _ => {
                let end =
                    at + memchr2(b',', b'\n', text.get(at..).unwrap_or_default()).unwrap_or(text.len() - at);
                (Field { start: at, end, doubled: false }, end)
            }
        };
        if fields.len() >= MAX_COLUMNS {
            return line_end(text, end, last, Why::Long);
        }
        fields.push(field);
        match text.get(end) {
            Some(b',') => at = end + 1,
            Some(b'\n') => return whole(text, end, fields),
            Some(b'\r') if text.get(end + 1) == Some(&b'\n') => return whole(text, end + 1, fields),
            Some(b'\r') if text.get(end + 1).is_none() && !last => return Step::More,
            None if last && !text.is_empty() => return whole(text, end, fields),
            None => return Step::More,
            // Sensors that escape a quote by a backslash end the field too early: what follows belongs to it.
            Some(_) => match rest_of_field(text, end, last) {
                Some(next) => {
                    fields.pop();
                    fields.push(Field { start: at, end: next, doubled: false });
                    if text.get(next) != Some(&b',') {
                        return whole(text, next, fields);
                    }
                    at = next + 1;
                }
                None => return Step::More,
            },
        }
    }
}

fn whole(text: &[u8], end: usize, fields: &mut [Field]) -> Step {
    // A field without quotes takes the carriage return before the line's end with it.
    if let Some(field) = fields.last_mut()
        && field.end == end
        && text.get(field.start..end).is_some_and(|f| f.ends_with(b"\r"))
    {
        field.end -= 1;
    }
    Step::Whole((end + 1).min(text.len()))
}

fn line_end(text: &[u8], from: usize, last: bool, why: Why) -> Step {
    match memchr(b'\n', text.get(from..).unwrap_or_default()) {
        Some(end) => Step::Bad(why, from + end + 1),
        None if last => Step::Bad(why, text.len()),
        None => Step::More,
    }
}

/// Where a field ends that goes on behind its closing quote: at a comma or at the line's end, whatever quotes come.
fn rest_of_field(text: &[u8], from: usize, last: bool) -> Option<usize> {
    match memchr2(b',', b'\n', text.get(from..).unwrap_or_default()) {
        Some(end) => Some(from + end),
        None => last.then_some(text.len()),
    }
}

/// A quoted field whose content begins at `start`, and the offset behind its closing quote.
fn quoted(text: &[u8], start: usize) -> Option<(Field, usize)> {
    let (mut at, mut doubled) = (start, false);
    loop {
        let quote = at + memchr(b'"', text.get(at..)?)?;
        if text.get(quote + 1) != Some(&b'"') {
            return Some((Field { start, end: quote, doubled }, quote + 1));
        }
        (at, doubled) = (quote + 2, true);
    }
}
