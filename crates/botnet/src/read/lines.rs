//! Lines of a stream, none of them held beyond [`MAX_LINE`]. A line that lies whole in the reader's buffer is looked at there
//! and not copied.

use super::{Out, ReadError, Why};
use std::io::{self, BufRead};
use std::ops::ControlFlow;

/// Longest line that is read, in bytes without its end. A longer one is passed over without being held.
pub const MAX_LINE: usize = 1 << 20;

/// What is done with a line.
pub(super) type Each<'e> = dyn FnMut(&mut Out<'_>, u64, &[u8]) -> ControlFlow<()> + 'e;

/// A line of which only a part has come so far.
#[derive(Default)]
struct Part {
    held: Vec<u8>,
    any: bool,
    long: bool,
}

impl Part {
    fn take(&mut self, part: &[u8]) {
        self.any = true;
        self.long |= self.held.len() + part.len() > MAX_LINE;
        if self.long {
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(part);
        }
    }
}

struct Lines<'o, 's, 'e> {
    out: &'o mut Out<'s>,
    each: &'o mut Each<'e>,
    number: u64,
    part: Part,
}

/// Calls `each` with every line's number (from 1) and bytes (without line end), counting lines that are too long.
pub(super) fn for_each(
    reader: &mut dyn BufRead,
    out: &mut Out,
    each: &mut Each<'_>,
) -> Result<(), ReadError> {
    let mut lines = Lines { out, each, number: 0, part: Part::default() };
    loop {
        let chunk = match reader.fill_buf() {
            Ok(chunk) => chunk,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => {
                let number = lines.number + 1;
                return lines.out.torn(e, format!("line {number}"));
            }
        };
        let used = chunk.len();
        let flow = if used == 0 { lines.end() } else { lines.chunk(chunk) };
        if used == 0 || flow.is_break() {
            return Ok(());
        }
        reader.consume(used);
    }
}

impl Lines<'_, '_, '_> {
    fn chunk(&mut self, chunk: &[u8]) -> ControlFlow<()> {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', chunk) {
            let line = chunk.get(start..end).unwrap_or(b"");
            start = end + 1;
            if self.part.any {
                self.part.take(line);
                self.held()?;
            } else {
                self.line(line)?;
            }
        }
        if let Some(rest) = chunk.get(start..).filter(|r| !r.is_empty()) {
            self.part.take(rest);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self) -> ControlFlow<()> {
        if self.part.any { self.held() } else { ControlFlow::Continue(()) }
    }

    /// The line that came in parts.
    fn held(&mut self) -> ControlFlow<()> {
        let mut part = std::mem::take(&mut self.part);
        if part.long {
            return self.long();
        }
        let flow = self.line(&part.held);
        part.held.clear();
        self.part.held = part.held;
        flow
    }

    fn long(&mut self) -> ControlFlow<()> {
        self.number += 1;
        let number = self.number;
        self.out.skip(Why::LongLine, 1, || format!("line {number}"));
        ControlFlow::Continue(())
    }

    fn line(&mut self, line: &[u8]) -> ControlFlow<()> {
        if line.len() > MAX_LINE {
            return self.long();
        }
        self.number += 1;
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        let text = if self.number == 1 { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) } else { text };
        if text.is_empty() {
            return ControlFlow::Continue(());
        }
        (self.each)(self.out, self.number, text)
    }
}
