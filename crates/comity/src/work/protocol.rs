//! What parent and child say to each other.
//!
//! Down: one [`Request`] (postcard) beside the file descriptor of the input. Up: frames of one tag byte, a length
//! (u32, little endian) and a body; rows in postcard, findings and the summary in JSON. The parent checks every
//! length before it allocates and every body against its type.

use botnet::rows::Row;
pub use botnet::rows::Skipped;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use terms::{Compression, ExhibitId, ExhibitKind, Unsealed};

/// The largest frame body, in bytes.
pub const FRAME_LIMIT: usize = 8 << 20;
/// The largest request, in bytes.
pub const REQUEST_LIMIT: usize = 16 << 10;
/// Bytes of a derived exhibit in one frame.
pub const PART: usize = 1 << 20;

/// What a child shall do with its exhibit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Say what it is; read rows out of it where it fills telemetry.
    Read,
    /// Examine it and state findings.
    Examine,
    /// Compile rule sets, then scan what follows with them. The input is the sets ([`RuleTexts`]).
    Rules,
    /// Scan one exhibit with the rules that were compiled before.
    Scan,
    /// Try what the sandbox must forbid and report what succeeded (used by tests and `doctor`).
    Probe,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What to do.
    pub mode: Mode,
    /// Bytes of input the child may expect; only a hint for buffers.
    pub size: u64,
    /// How far a container is opened; nothing is taken out of one where it is absent.
    pub opening: Option<Opening>,
}

/// Rule sets as a scanning child gets them: id and text of each, in postcard.
pub type RuleTexts = Vec<(ExhibitId, Vec<u8>)>;

/// How far a container is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Containers inside containers that may still be opened, this one counted.
    pub depth: u32,
    /// Derived exhibits that may come out of it.
    pub derived: u64,
    /// Bytes that may be decoded.
    pub total: u64,
    /// Passwords to try beside the customary one.
    pub passwords: Vec<String>,
    /// Whether digests are wanted of what lies in it and is not taken out, for the lists of what must not be viewed.
    pub digests: bool,
}

/// A derived exhibit that a child announces; its bytes follow in frames of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its path inside the container. It names no place in any file system.
    pub path: String,
    /// How it was taken out.
    pub how: String,
    /// Bytes that follow.
    pub size: u64,
}

/// The last word of a child.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Rows that were read.
    pub rows: u64,
    /// What was left out, by reason.
    pub skipped: Vec<Skipped>,
    /// What broke off the reading, if something did: code and sentence.
    pub fatal: Option<(String, String)>,
}

/// One frame from a child.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// What the exhibit is.
    Kind(Compression, ExhibitKind),
    /// SHA-256, MD5 and SHA-1 of what a compressed stream holds, or of what lies in a container and is not taken out: by
    /// these lists name it.
    Inner([u8; 32], [u8; 16], [u8; 20]),
    /// Rows for telemetry.
    Rows(Vec<Row>),
    /// One finding.
    Finding(Box<Unsealed>),
    /// One finding that also rests on a rule set.
    OfSet(ExhibitId, Box<Unsealed>),
    /// A derived exhibit begins.
    Member(Member),
    /// The next bytes of the derived exhibit that was announced last.
    Part(Vec<u8>),
    /// What a probe could do though it must not.
    Escapes(Vec<String>),
    /// The end.
    Summary(Summary),
}

fn bad(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

fn put(out: &mut impl Write, tag: u8, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).map_err(bad)?;
    if body.len() > FRAME_LIMIT {
        return Err(bad("frame above the limit"));
    }
    out.write_all(&[tag])?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(body)
}

impl Frame {
    fn encode(&self) -> io::Result<(u8, Vec<u8>)> {
        Ok(match self {
            Self::Kind(c, k) => (b'K', serde_json::to_vec(&(c, k))?),
            Self::Inner(sha256, md5, sha1) => (b'I', postcard::to_stdvec(&(sha256, md5, sha1)).map_err(bad)?),
            Self::Rows(rows) => (b'R', postcard::to_stdvec(rows).map_err(bad)?),
            Self::Finding(f) => (b'F', serde_json::to_vec(f)?),
            Self::OfSet(set, f) => (b'O', serde_json::to_vec(&(set, f))?),
            Self::Member(m) => (b'M', serde_json::to_vec(m)?),
            Self::Part(bytes) => (b'P', bytes.clone()),
            Self::Escapes(list) => (b'E', serde_json::to_vec(list)?),
            Self::Summary(s) => (b'S', serde_json::to_vec(s)?),
        })
    }

    fn decode(tag: u8, body: &[u8]) -> io::Result<Self> {
        Ok(match tag {
            b'K' => {
                let (c, k) = serde_json::from_slice(body)?;
                Self::Kind(c, k)
            }
            b'I' => {
                let (sha256, md5, sha1) = postcard::from_bytes(body).map_err(bad)?;
                Self::Inner(sha256, md5, sha1)
            }
            b'R' => Self::Rows(postcard::from_bytes(body).map_err(bad)?),
            b'F' => Self::Finding(serde_json::from_slice(body)?),
            b'O' => {
                let (set, finding) = serde_json::from_slice(body)?;
                Self::OfSet(set, finding)
            }
            b'M' => Self::Member(serde_json::from_slice(body)?),
            b'P' => Self::Part(body.to_vec()),
            b'E' => Self::Escapes(serde_json::from_slice(body)?),
            b'S' => Self::Summary(serde_json::from_slice(body)?),
            _ => return Err(bad(format!("unknown frame {tag}"))),
        })
    }

    /// Writes the frame. A frame above the limit is refused.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (tag, body) = self.encode()?;
        put(out, tag, &body)
    }

    /// Writes a derived exhibit: what it is called, then its bytes in parts.
    pub fn write_member(out: &mut impl Write, member: &Member, bytes: &[u8]) -> io::Result<()> {
        Self::Member(member.clone()).write(out)?;
        bytes.chunks(PART).try_for_each(|part| put(out, b'P', part))
    }

    /// Writes rows as one frame, or as several where one would be above the limit.
    pub fn write_rows(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let body = postcard::to_stdvec(rows).map_err(bad)?;
        if body.len() > FRAME_LIMIT && rows.len() > 1 {
            let (left, right) = rows.split_at(rows.len() / 2);
            Self::write_rows(out, left)?;
            return Self::write_rows(out, right);
        }
        put(out, b'R', &body)
    }

    /// Reads one frame; `None` at the end of the pipe.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut tag = [0u8; 1];
        if from.read(&mut tag)? == 0 {
            return Ok(None);
        }
        let mut length = [0u8; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > FRAME_LIMIT {
            return Err(bad("a child announced a frame above the limit"));
        }
        let mut body = vec![0u8; length];
        from.read_exact(&mut body)?;
        let [tag] = tag;
        Self::decode(tag, &body).map(Some)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_read_back() {
        let frames = [
            Frame::Kind(Compression::Gzip, ExhibitKind::ZeekConn),
            Frame::Rows(Vec::new()),
            Frame::Member(Member { path: "a/b".into(), how: "deflate".into(), size: 3 }),
            Frame::Part(vec![1, 2, 3]),
            Frame::Summary(Summary {
                rows: 3,
                skipped: vec![],
                fatal: Some(("CMT-0601".into(), "cut".into())),
            }),
        ];
        let mut bytes = Vec::new();
        frames.iter().for_each(|f| f.write(&mut bytes).unwrap());
        let mut from = bytes.as_slice();
        for frame in frames {
            assert_eq!(Frame::read(&mut from).unwrap(), Some(frame));
        }
        assert_eq!(Frame::read(&mut from).unwrap(), None);
    }

    #[test]
    fn a_frame_that_announces_too_much_is_refused_before_it_is_held() {
        assert!(Frame::read(&mut [b'S', 0xff, 0xff, 0xff, 0xff].as_slice()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_from_a_child_give_a_frame_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Frame::read(&mut bytes.as_slice());
        }
    }
}
