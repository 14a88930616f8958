//! Decompression by magic, with a bound on what comes out.
//!
//! Here: plain, gzip (RFC 1952, several members), Zstandard (RFC 8878, several frames, windows up to 128 MiB).
//! The first `fill_buf` of what is opened shows as much as there is, up to 64 KiB, which is what `recognise` needs.
//! A bomb ends the reading with [`BOMB`] inside the `io::Error`, a torn stream with the decoder's own error;
//! [`crate::read()`] tells one from the other.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use terms::Compression;

/// How much may come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in all.
    pub output: u64,
    /// Bytes out for each byte in, once `grace` bytes have come out.
    pub ratio: u64,
    /// Bytes that may come out before the ratio counts: a short log of one repeated line is no bomb.
    pub grace: u64,
}

impl Default for Limits {
    /// 64 GiB in all, 300 to 1 after the first 256 MiB.
    fn default() -> Self {
        Self { output: 64 << 30, ratio: 300, grace: 256 << 20 }
    }
}

/// The stream grew beyond its limits: code `CMT-0622`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{read} bytes unpack to more than {wrote} bytes")]
pub struct Bomb {
    /// Compressed bytes read so far.
    pub read: u64,
    /// Bytes that had come out.
    pub wrote: u64,
}

/// Stable code of [`Bomb`].
pub const BOMB: &str = "CMT-0622";

/// How a beginning of at least 4 bytes is compressed.
pub fn sniff(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, 8, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        // A skippable frame (RFC 8878, 3.1.2) may come first.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// Says how `reader` is compressed and gives what is inside, under the default [`Limits`].
///
/// # Errors
/// When the first bytes cannot be read.
pub fn open<'a, R: Read + Send + 'a>(reader: R) -> io::Result<(Compression, Box<dyn BufRead + Send + 'a>)> {
    open_within(reader, Limits::default())
}

/// Like [`open`], under given limits.
///
/// # Errors
/// When the first bytes cannot be read.
pub fn open_within<'a, R: Read + Send + 'a>(
    mut reader: R,
    limits: Limits,
) -> io::Result<(Compression, Box<dyn BufRead + Send + 'a>)> {
    let mut head = Vec::with_capacity(4);
    reader.by_ref().take(4).read_to_end(&mut head)?;
    let kind = sniff(&head);
    let whole = io::Cursor::new(head).chain(reader);
    let taken = Arc::new(AtomicU64::new(0));
    let input =
        BufReader::with_capacity(1 << 16, Counted { inner: whole, taken: Arc::clone(&taken), late: None });
    let inner: Box<dyn Read + Send + 'a> = match kind {
        Compression::None => return Ok((kind, Box::new(input))),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(input)?),
    };
    let bounded = Bounded { inner, taken, wrote: 0, limits, late: None };
    Ok((kind, Box::new(BufReader::with_capacity(1 << 17, bounded))))
}

/// Reads until the buffer is full or nothing is left, so that whoever peeks sees a whole head.
fn fill(inner: &mut dyn Read, late: &mut Option<io::Error>, buf: &mut [u8]) -> io::Result<usize> {
    if let Some(error) = late.take() {
        return Err(error);
    }
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..).filter(|r| !r.is_empty()) {
        match inner.read(rest) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if done == 0 => return Err(e),
            Err(e) => {
                *late = Some(e);
                break;
            }
        }
    }
    Ok(done)
}

struct Counted<R> {
    inner: R,
    taken: Arc<AtomicU64>,
    late: Option<io::Error>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = fill(&mut self.inner, &mut self.late, buf)?;
        self.taken.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

struct Bounded<'a> {
    inner: Box<dyn Read + Send + 'a>,
    taken: Arc<AtomicU64>,
    wrote: u64,
    limits: Limits,
    late: Option<io::Error>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = fill(&mut *self.inner, &mut self.late, buf)?;
        self.wrote = self.wrote.saturating_add(n as u64);
        let read = self.taken.load(Ordering::Relaxed);
        let steep = self.wrote > self.limits.grace && self.wrote > read.saturating_mul(self.limits.ratio);
        if steep || self.wrote > self.limits.output {
            return Err(io::Error::other(Bomb { read, wrote: self.wrote }));
        }
        Ok(n)
    }
}
