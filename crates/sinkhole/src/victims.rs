//! The machines of a segment for their notification alone: address, source port and time of each bot, sealed before they are
//! written.
//!
//! Only where the configuration has `[notification]`, and only until its day of erasure. The process holds the public half of a
//! key; what it wrote, it cannot read again. One file stands beside each segment that has any:
//!
//! ```text
//! FOLDER/victims-000007.sealed
//!   {"schema":"comity.sinkhole-victims/1","sinkhole":"…","segment":7,"ground":"…","erase":"…"}   one line
//!   for each batch with bots: four bytes of length, most significant first, and as many bytes that the home sealed
//! ```
//!
//! Inside a seal stand lines of `comity.sinkhole/1`. The line of the batch says where its part ends and its SHA-256, so that
//! the chain covers what the log does not show; a part behind the last whole batch was never acknowledged and is cut off.
//! Bounds: a first line of 4 KiB, a sealed part of 1 GiB.

use crate::hit::{Class, Hit, Stamps, text};
use crate::{Config, SinkholeError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use terms::Timestamp;

/// Bytes of a first line.
const HEAD: u64 = 4 << 10;
/// Bytes of one sealed part: a batch of all loops, each of whose lines is short.
pub const PART: u32 = 1 << 30;

/// The first line of a file (`comity.sinkhole-victims/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Always `comity.sinkhole-victims/1`.
    pub schema: String,
    /// The sinkhole.
    pub sinkhole: String,
    /// The segment beside which it stands.
    pub segment: u64,
    /// The agreement or authority under which victims are told.
    pub ground: String,
    /// When nothing of it may be here any more.
    pub erase: Timestamp,
}

/// What a batch's line says of its part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mark {
    /// Bytes of the file up to the end of the part.
    pub end: u64,
    /// SHA-256 of the part with its length, and with the first line where it is the first: 64 hexadecimal digits.
    pub sha256: String,
}

/// The file beside a segment.
pub(crate) fn beside(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("victims-{segment:06}.sealed"))
}

/// The first line's values but for the segment.
pub(crate) struct Telling {
    head: Head,
}

impl Telling {
    pub fn of(config: &Config) -> Option<Self> {
        let wanted = config.notification.as_ref()?;
        Some(Self {
            head: Head {
                schema: "comity.sinkhole-victims/1".into(),
                sinkhole: config.id.clone(),
                segment: 0,
                ground: wanted.ground.clone(),
                erase: wanted.erase,
            },
        })
    }

    /// Whether anything is written at this instant.
    pub fn lasts(&self, at: i64) -> bool {
        at < self.head.erase.0
    }

    /// The lines of the bots among these hits; empty where there are none.
    pub fn lines(&self, hits: &[Hit], stamps: &mut Stamps) -> Vec<u8> {
        let mut out = Vec::new();
        for hit in hits.iter().filter(|h| h.class == Class::Bot) {
            let Some(channel) = hit.channel.as_deref() else { continue };
            out.extend_from_slice(b"{\"schema\":\"comity.sinkhole/1\",\"event\":\"");
            stamps.write(hit.at, &mut out);
            // Writing into memory does not fail.
            let _ = write!(out, "\",\"source\":\"{}\",\"source_port\":{}", hit.source, hit.port);
            text(&mut out, ",\"channel\":", channel);
            if let Some(botnet) = hit.botnet.as_deref() {
                text(&mut out, ",\"botnet\":", botnet);
            }
            out.extend_from_slice(b"}\n");
        }
        out
    }

    /// What is appended at `end` of the file beside `segment`, and what the batch says of it.
    ///
    /// # Errors
    /// In words, for a part that is too large.
    pub fn part(&self, segment: u64, end: u64, sealed: &[u8]) -> Result<(Vec<u8>, Mark), String> {
        let long = u32::try_from(sealed.len()).ok().filter(|n| *n <= PART);
        let long = long.ok_or("the victims of one batch are too many for one seal")?;
        let mut out = Vec::with_capacity(sealed.len() + 512);
        if end == 0 {
            let head = Head { segment, ..self.head.clone() };
            serde_json::to_writer(&mut out, &head).map_err(|e| e.to_string())?;
            out.push(b'\n');
        }
        out.extend_from_slice(&long.to_be_bytes());
        out.extend_from_slice(sealed);
        let mark = Mark { end: end + out.len() as u64, sha256: hex::encode(Sha256::digest(&out)) };
        Ok((out, mark))
    }
}

/// Reads the first line.
///
/// # Errors
/// Of reading; `InvalidData` for what is no such file.
pub fn head(reader: &mut impl io::BufRead) -> io::Result<Head> {
    let mut line = Vec::new();
    reader.by_ref().take(HEAD).read_until(b'\n', &mut line)?;
    let wrong =
        || io::Error::new(io::ErrorKind::InvalidData, "it does not begin as victims of a sinkhole do");
    let head: Head = serde_json::from_slice(&line).map_err(|_| wrong())?;
    if head.schema == "comity.sinkhole-victims/1" && line.ends_with(b"\n") { Ok(head) } else { Err(wrong()) }
}

/// The next sealed part behind the first line; none at the end.
///
/// # Errors
/// Of reading; `InvalidData` for a part that is cut short or longer than [`PART`].
pub fn next(reader: &mut impl io::Read) -> io::Result<Option<Vec<u8>>> {
    let mut long = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut long)?;
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a sealed part of it is cut short or too long");
    if long.is_empty() {
        return Ok(None);
    }
    let long = <[u8; 4]>::try_from(long.as_slice()).map(u32::from_be_bytes).map_err(|_| wrong())?;
    // What is said is not trusted: no more is held than is there.
    let mut part = Vec::new();
    reader.by_ref().take(u64::from(long)).read_to_end(&mut part)?;
    let whole = long <= PART && part.len() as u64 == u64::from(long);
    if whole { Ok(Some(part)) } else { Err(wrong()) }
}

/// Holds a file against what the batches of its segment say of it.
pub(crate) fn check(path: &Path, marks: &[Mark]) -> Result<(), SinkholeError> {
    let file = File::open(path).map_err(|e| SinkholeError::file("opening", path, e))?;
    let mut reader = BufReader::new(file);
    let foreign = |why: &str| SinkholeError::Victims { path: path.to_owned(), why: why.to_owned() };
    let mut at = 0;
    for mark in marks {
        let long =
            mark.end.checked_sub(at).ok_or_else(|| foreign("its log names parts that run backwards"))?;
        let mut hash = Sha256::new();
        let read = io::copy(&mut reader.by_ref().take(long), &mut hash);
        let read = read.map_err(|e| SinkholeError::file("reading", path, e))?;
        if read != long || hex::encode(hash.finalize()) != mark.sha256 {
            return Err(foreign("a part of it is another than the log of its segment names"));
        }
        at = mark.end;
    }
    let behind = reader.fill_buf().map_err(|e| SinkholeError::file("reading", path, e))?;
    if marks.is_empty() || !behind.is_empty() {
        return Err(foreign("the log of its segment does not name all of it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;

    #[test]
    fn parts_are_read_as_they_were_written_and_nothing_else_is() {
        let head_of = Head {
            schema: "comity.sinkhole-victims/1".into(),
            sinkhole: "s-1".into(),
            segment: 0,
            ground: "company-region".into(),
            erase: Timestamp(1_000),
        };
        let telling = Telling { head: head_of.clone() };
        assert!(telling.lasts(999) && !telling.lasts(1_000));
        let (first, mark) = telling.part(7, 0, b"sealed").unwrap();
        let (second, last) = telling.part(7, mark.end, b"more").unwrap();
        let file = [first, second].concat();
        assert_eq!(file.len() as u64, last.end);
        let mut reader = file.as_slice();
        assert_eq!(head(&mut reader).unwrap(), Head { segment: 7, ..head_of });
        assert_eq!(next(&mut reader).unwrap().unwrap(), b"sealed");
        assert_eq!(next(&mut reader).unwrap().unwrap(), b"more");
        assert!(next(&mut reader).unwrap().is_none());
        // However it is cut, no part comes out of it that was not whole.
        for end in 0..file.len() {
            let mut reader = file.get(..end).unwrap();
            if head(&mut reader).is_ok() {
                while let Ok(Some(part)) = next(&mut reader) {
                    assert!(part == b"sealed" || part == b"more");
                }
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let path = beside(dir.path(), 7);
        let marks = [mark, last];
        std::fs::write(&path, &file).unwrap();
        check(&path, &marks).unwrap();
        for changed in [file.iter().map(|b| b ^ 1).collect(), [file.clone(), vec![0]].concat(), vec![]] {
            std::fs::write(&path, changed).unwrap();
            assert!(matches!(check(&path, &marks), Err(SinkholeError::Victims { .. })));
        }
        std::fs::write(&path, &file).unwrap();
        assert!(check(&path, marks.get(..1).unwrap()).is_err() && check(&path, &[]).is_err());
    }
}
