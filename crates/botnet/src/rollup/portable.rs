//! Roaring bitmaps read where they lie, in the portable format (github.com/RoaringBitmap/RoaringFormatSpec): counting over
//! roll-ups wants every number once, and thousands of small containers put into memory first cost most of its time.

/// Beginning of a bitmap without runs.
const PLAIN: u32 = 12_346;
/// Beginning of a bitmap with runs, in its lower half.
const WITH_RUNS: u16 = 12_347;
/// Containers with runs have offsets from so many on.
const OFFSETS: usize = 4;
/// Most numbers of a container that lists them.
const LISTED: usize = 4_096;

/// The numbers of one container: the lower halves of those that have its upper half.
pub(super) enum Container<'a> {
    /// Each by itself, in order.
    List(&'a [[u8; 2]]),
    /// A bit for each of 65,536; 1,024 words.
    Bits(&'a [[u8; 8]]),
    /// First and how many more, in order, apart.
    Runs(&'a [[u8; 4]]),
}

/// Calls `take` with the upper half and the numbers of every container; gives what lies after the bitmap. Nothing where
/// the bytes are no bitmap: containers before the fault were taken then.
pub(super) fn containers<'a>(bytes: &'a [u8], take: &mut impl FnMut(u16, Container<'a>)) -> Option<&'a [u8]> {
    let (cookie, rest) = bytes.split_first_chunk::<4>()?;
    let cookie = u32::from_le_bytes(*cookie);
    let (runs, size, rest) = if cookie == PLAIN {
        let (size, rest) = rest.split_first_chunk::<4>()?;
        (None, usize::try_from(u32::from_le_bytes(*size)).ok().filter(|s| *s <= 1 << 16)?, rest)
    } else if cookie as u16 == WITH_RUNS {
        let size = (cookie >> 16) as usize + 1;
        let (runs, rest) = rest.split_at_checked(size.div_ceil(8))?;
        (Some(runs), size, rest)
    } else {
        return None;
    };
    let (about, rest) = chunks::<4>(rest, size)?;
    let offsets = runs.is_none() || size >= OFFSETS;
    let (_, mut rest) = chunks::<4>(rest, if offsets { size } else { 0 })?;
    let mut before = None;
    for (i, [a, b, c, d]) in about.iter().enumerate() {
        let key = u16::from_le_bytes([*a, *b]);
        if before.replace(key).is_some_and(|b| b >= key) {
            return None;
        }
        let count = usize::from(u16::from_le_bytes([*c, *d])) + 1;
        let run = runs.is_some_and(|r| r.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1));
        let container;
        (container, rest) = one(rest, count, run)?;
        take(key, container);
    }
    Some(rest)
}

fn one(bytes: &[u8], count: usize, run: bool) -> Option<(Container<'_>, &[u8])> {
    if run {
        let (runs, rest) = bytes.split_first_chunk::<2>()?;
        let (runs, rest) = chunks::<4>(rest, usize::from(u16::from_le_bytes(*runs)))?;
        return apart(runs).then_some((Container::Runs(runs), rest));
    }
    if count <= LISTED {
        let (list, rest) = chunks::<2>(bytes, count)?;
        let in_order = list.is_sorted_by(|a, b| u16::from_le_bytes(*a) < u16::from_le_bytes(*b));
        return in_order.then_some((Container::List(list), rest));
    }
    let (bits, rest) = chunks::<8>(bytes, 1_024)?;
    let there: u32 = bits.iter().map(|b| u64::from_ne_bytes(*b).count_ones()).sum();
    (there as usize == count).then_some((Container::Bits(bits), rest))
}

/// Whether there are runs, in order, inside the container, with a gap between each two.
fn apart(runs: &[[u8; 4]]) -> bool {
    let mut next = 0;
    let fits = runs.iter().all(|run| {
        let (first, last) = ends(*run);
        let fits = first >= next && last <= u32::from(u16::MAX);
        next = last + 2;
        fits
    });
    fits && !runs.is_empty()
}

/// First and last of a run.
pub(super) fn ends([a, b, c, d]: [u8; 4]) -> (u32, u32) {
    let first = u32::from(u16::from_le_bytes([a, b]));
    (first, first + u32::from(u16::from_le_bytes([c, d])))
}

fn chunks<const N: usize>(bytes: &[u8], count: usize) -> Option<(&[[u8; N]], &[u8])> {
    let (mine, rest) = bytes.split_at_checked(N * count)?;
    Some((mine.as_chunks::<N>().0, rest))
}
