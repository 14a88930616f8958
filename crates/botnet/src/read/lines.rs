//! Lines of a stream, none of them held beyond [`MAX_LINE`].

use super::{Out, ReadError, Why};
use std::io::{self, BufRead};
use std::ops::ControlFlow;

/// Longest line that is read, in bytes without its end. A longer one is passed over without being held.
pub const MAX_LINE: usize = 1 << 20;

enum Next {
    Line,
    TooLong,
    End,
}

/// What is done with a line.
pub(super) type Each<'e> = dyn FnMut(&mut Out<'_>, u64, &[u8]) -> ControlFlow<()> + 'e;

/// Calls `each` with every line's number (from 1) and bytes (without line end), counting lines that are too long.
pub(super) fn for_each(
    reader: &mut dyn BufRead,
    out: &mut Out,
    each: &mut Each<'_>,
) -> Result<(), ReadError> {
    let mut line = Vec::new();
    let mut number = 0u64;
    loop {
        number += 1;
        match next(reader, &mut line) {
            Ok(Next::End) => return Ok(()),
            Ok(Next::TooLong) => out.skip(Why::LongLine, 1, || format!("line {number}")),
            Ok(Next::Line) => {
                let text = line.strip_suffix(b"\r").unwrap_or(&line);
                let text =
                    if number == 1 { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) } else { text };
                if !text.is_empty() && each(out, number, text).is_break() {
                    return Ok(());
                }
            }
            Err(e) => return out.torn(e, format!("line {number}")),
        }
    }
}

fn next(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Next> {
    line.clear();
    let (mut long, mut any) = (false, false);
    loop {
        let chunk = match reader.fill_buf() {
            Ok(chunk) => chunk,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if chunk.is_empty() {
            return Ok(match (any, long) {
                (false, _) => Next::End,
                (true, true) => Next::TooLong,
                (true, false) => Next::Line,
            });
        }
        any = true;
        let end = memchr::memchr(b'\n', chunk);
        let part = end.and_then(|i| chunk.get(..i)).unwrap_or(chunk);
        long |= line.len() + part.len() > MAX_LINE;
        if !long {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(if long { Next::TooLong } else { Next::Line });
        }
    }
}
