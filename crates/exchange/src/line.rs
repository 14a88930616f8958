//! Lines of a text, one at a time, each bounded.
//!
//! Here: splitting at `\n`, dropping `\r`, skipping what is too long. Elsewhere: what a line means.
//! Bounds: the caller's cap per line; a line of any length costs no more memory than that.

use std::io::{ErrorKind, Read};

/// Longest line that is read from a list or a register.
pub(crate) const MAX_LINE: usize = 64 << 10;
const CHUNK: usize = 64 << 10;

/// One line, or why there is none.
pub(crate) enum Line<'a> {
    /// The bytes of line `number` (from 1), without its end.
    Text { number: u64, bytes: &'a [u8] },
    /// Line `number` is longer than the cap.
    TooLong { number: u64 },
    /// Reading failed in line `number`.
    Failed { number: u64, why: String },
}

/// Hands over every line of `source`.
pub(crate) fn lines(source: &mut dyn Read, cap: usize, on: &mut dyn FnMut(Line<'_>)) {
    let (mut line, mut number, mut too_long) = (Vec::new(), 1u64, false);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match source.read(&mut chunk) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return on(Line::Failed { number, why: e.to_string() }),
            Ok(n) => n,
        };
        if read == 0 {
            if too_long || !line.is_empty() {
                hand_over(&line, number, too_long, on);
            }
            return;
        }
        for part in chunk.get(..read).unwrap_or_default().split_inclusive(|&b| b == b'\n') {
            let (text, ended) = part.strip_suffix(b"\n").map_or((part, false), |t| (t, true));
            if line.len() + text.len() > cap {
                too_long = true;
            } else if !too_long {
                line.extend_from_slice(text);
            }
            if ended {
                hand_over(&line, number, too_long, on);
                line.clear();
                too_long = false;
                number += 1;
            }
        }
    }
}

fn hand_over(line: &[u8], number: u64, too_long: bool, on: &mut dyn FnMut(Line<'_>)) {
    if too_long {
        return on(Line::TooLong { number });
    }
    let bytes = line.strip_suffix(b"\r").unwrap_or(line);
    let bytes = if number == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
    on(Line::Text { number, bytes });
}
