//! The chain of a log: each batch carries the hash of everything before it.
//!
//! A segment is NDJSON: a first line (`comity.sinkhole-segment/1`) with the hash at which the segment before ended, lines of
//! hits, and behind each batch one line
//!
//! ```text
//! {"schema":"comity.sinkhole-batch/1","batch":3,"lines":40,"at":"…","ends":false,…,"chain":"64 hexadecimal digits"}
//! ```
//!
//! whose `chain` is SHA-256 over the chain before (32 bytes) and every byte since the batch line before, up to and with the
//! text `"chain":"` of its own line. So anybody with `sha256sum` can follow it. What stands behind the last batch line was
//! never acknowledged.
//!
//! What the chain does not show: that whole batches were cut off its end, or all of it written anew. The exhibit that a
//! segment becomes stands on the ledger; from then on that shows, too.
//! Bounds: a line of 16 KiB, a segment of any length in flat memory.

use sha2::{Digest as _, Sha256};
use std::io::{self, BufRead, Read as _};

/// Bytes of a line.
const LINE: u64 = 16 << 10;
/// How a segment begins.
pub(crate) const SEGMENT: &[u8] = b"{\"schema\":\"comity.sinkhole-segment/1\"";
/// How the line of a batch begins.
pub(crate) const BATCH: &[u8] = b"{\"schema\":\"comity.sinkhole-batch/1\"";
/// What stands before the hash, and is covered by it.
pub(crate) const MARK: &[u8] = b"\"chain\":\"";
/// What stands behind it.
pub(crate) const CLOSE: &[u8] = b"\"}\n";

/// The chain before the first segment of a log.
pub const START: [u8; 32] = [0; 32];

/// What is whole of a segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whole {
    /// The chain that it says it continues.
    pub prior: [u8; 32],
    /// The chain at its last whole batch.
    pub chain: [u8; 32],
    /// Batches.
    pub batches: u64,
    /// Lines of hits in them.
    pub lines: u64,
    /// Bytes up to the end of the last batch.
    pub bytes: u64,
    /// Bytes behind it, which belong to no batch.
    pub torn: u64,
    /// Whether its last batch says that it ends.
    pub ends: bool,
    /// What its whole batches say of the file of victims beside it, in order.
    pub victims: Vec<crate::victims::Mark>,
}

/// Why a segment is not as it was written.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It is no segment.
    #[error("it does not begin as a segment does")]
    NoSegment,
    /// A hash is another than what stands before it gives.
    #[error("batch {0} carries another hash than what stands before it gives")]
    Hash(u64),
    /// A batch says another number or count than it has.
    #[error("batch {0} says another number, or another count of lines, than it has")]
    Count(u64),
    /// Something stands behind the end.
    #[error("{0} bytes stand behind the segment's end")]
    Behind(u64),
}

/// Follows the chain of one segment.
///
/// A batch that is cut short at the very end is *torn* and no fault; whatever else does not hold is.
///
/// # Errors
/// What is broken, and where.
pub fn verify(reader: impl io::Read) -> Result<Whole, Broken> {
    let mut reader = io::BufReader::with_capacity(1 << 16, reader);
    let (mut line, mut hash) = (Vec::new(), Sha256::new());
    let (mut lines, mut since) = (0u64, 0u64);
    let mut whole: Option<Whole> = None;
    loop {
        line.clear();
        (&mut reader).take(LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        since += line.len() as u64;
        let complete = line.last() == Some(&b'\n');
        let Some(known) = whole.as_mut() else {
            if !complete && line.len() < usize::try_from(LINE).unwrap_or(usize::MAX) {
                return Ok(Whole { torn: since, ..Whole::default() });
            }
            let Some(prior) = prior(&line) else { return Err(Broken::NoSegment) };
            hash.update(prior);
            hash.update(&line);
            let (chain, batches, bytes, torn) = (prior, 0, 0, 0);
            whole = Some(Whole {
                prior,
                chain,
                batches,
                lines: 0,
                bytes,
                torn,
                ends: false,
                victims: Vec::new(),
            });
            continue;
        };
        if known.ends {
            let rest = io::copy(&mut reader, &mut io::sink())?;
            return Err(Broken::Behind(since + rest));
        }
        if complete && line.starts_with(BATCH) {
            let number = known.batches + 1;
            let (covered, stated) = parted(&line).ok_or(Broken::Hash(number))?;
            hash.update(covered);
            let chain: [u8; 32] = std::mem::take(&mut hash).finalize().into();
            if chain != stated {
                return Err(Broken::Hash(number));
            }
            let said = serde_json::from_slice::<Batch>(&line).map_err(|_| Broken::Count(number))?;
            if said.batch != number || said.lines != lines {
                return Err(Broken::Count(number));
            }
            hash.update(chain);
            known.chain = chain;
            known.batches = number;
            known.lines += lines;
            known.bytes += since;
            known.ends = said.ends;
            known.victims.extend(said.victims);
            (lines, since) = (0, 0);
        } else {
            hash.update(&line);
            lines += u64::from(complete);
        }
    }
    // A file of no bytes was made and nothing more.
    let mut whole = whole.unwrap_or_default();
    whole.torn = since;
    Ok(whole)
}

#[derive(serde::Deserialize)]
struct Batch {
    batch: u64,
    lines: u64,
    ends: bool,
    victims: Option<crate::victims::Mark>,
}

#[derive(serde::Deserialize)]
struct First {
    prior: String,
}

fn prior(line: &[u8]) -> Option<[u8; 32]> {
    if !line.starts_with(SEGMENT) {
        return None;
    }
    digest(serde_json::from_slice::<First>(line).ok()?.prior.as_bytes())
}

/// The part of a batch line that its hash covers, and the hash.
fn parted(line: &[u8]) -> Option<(&[u8], [u8; 32])> {
    let rest = line.strip_suffix(CLOSE)?;
    let at = rest.len().checked_sub(64)?;
    let (covered, digits) = rest.split_at_checked(at)?;
    covered.ends_with(MARK).then_some(())?;
    Some((covered, digest(digits)?))
}

pub(crate) fn digest(digits: &[u8]) -> Option<[u8; 32]> {
    let lower = digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut out = [0u8; 32];
    (lower && hex::decode_to_slice(digits, &mut out).is_ok()).then_some(out)
}

/// Appends the hash of all of `bytes` after the chain `prior` and closes the batch line; `bytes` ends with [`MARK`].
pub(crate) fn close(prior: &[u8; 32], bytes: &mut Vec<u8>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(prior);
    hash.update(&*bytes);
    let chain: [u8; 32] = hash.finalize().into();
    bytes.extend_from_slice(hex::encode(chain).as_bytes());
    bytes.extend_from_slice(CLOSE);
    chain
}
