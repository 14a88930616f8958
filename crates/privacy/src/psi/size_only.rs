//! Size only: the asker learns how many of its items the holder has, and not which.
//!
//! 1. The asker raises the hash of each item to one secret `a` and sends the elements sorted: `sort(H(x)^a)`.
//! 2. The holder raises them to a secret `b` of this session and gives them as a [`Filter`] of `H(x)^ab`, which can be
//!    asked and not listed; with it its own items, `sort(H(y)^b)`.
//! 3. The asker raises those to `a` and counts how many `H(y)^ba` the filter holds.
//!
//! Sorting by the spelling of pseudorandom elements is the shuffle: the order is a function of the set of elements
//! alone, whatever order the items came in, and tells as much of them as any random order. A message whose elements are
//! not ascending is refused, so neither side can mark an item by its place.
//!
//! The holder learns the number of items asked. The asker learns the number of the holder's items and the size of the
//! intersection. Neither can undo its own exponent on an element that it cannot tell from another (decisional
//! Diffie–Hellman in ristretto255, the hash as a random oracle).
//!
//! What it does not stop: an asker that leaves the protocol can raise each item to a secret of its own and so find which
//! one matched; and whoever asks twice with one item more learns of that item. So the asker commits to its elements
//! first: one secret and the items make the same commitment again ([`Asker::question`]), which an audit asks for; sets
//! below [`SMALLEST`] are refused; and every session counts under the caps.
//!
//! On the wire: 32 bytes for each item asked, about 5.7 bytes for each of them and 32 for each of the holder's back.
//! An answer: the beginning of [`super::wire`], the question's commitment (32), the number of the holder's items (4), their
//! elements, the filter.

use super::filter::Filter;
use super::group::{self, Expander};
use super::reveal::{Scalars, in_batches};
use super::wire::{self, Commitment, Protocol, Question};
use super::{ELEMENT, Items, Progress, PsiError};
use crate::Key;
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest as _, Sha512};

/// The smallest set that is asked or answered: the size of the intersection with fewer says too much of each.
pub const SMALLEST: usize = 10;

/// The hash into the group, under a tag of this protocol's own.
fn hash() -> Expander {
    Expander::new(&[b"comity.psi/1 size-only HashToGroup-", b"ristretto255-SHA512"])
}

/// The items raised to one scalar, sorted.
fn raised(items: &Items, scalar: Scalar, progress: Progress<'_>) -> Result<Vec<[u8; ELEMENT]>, PsiError> {
    let size = items.len();
    if size < SMALLEST {
        return Err(PsiError::TooFew { size, least: SMALLEST });
    }
    let (hash, half) = (hash(), scalar.div_by_2());
    let mut out = in_batches(size, progress, |range| {
        let halves = std::iter::repeat_n(half, range.len());
        group::hashed_times(&hash, items.part(range).into_iter(), halves)
    })?;
    out.sort_unstable();
    Ok(out)
}

/// What the filter looks at: a hash of both sides' exponents on one item.
fn both(element: &[u8; ELEMENT]) -> [u8; 64] {
    Sha512::new().chain_update(b"comity.psi/1 size-only both").chain_update(element).finalize().into()
}

/// A stranger's elements raised to one scalar, as the filter looks at them.
fn raised_again(
    elements: &[[u8; ELEMENT]],
    scalar: Scalar,
    progress: Progress<'_>,
) -> Result<Vec<[u8; 16]>, PsiError> {
    let half = scalar.div_by_2();
    in_batches(elements.len(), progress, |range| {
        let part = elements.get(range.clone()).unwrap_or_default();
        let twice = group::read_times(part, std::iter::repeat_n(half, part.len()), range.start)?;
        Ok(twice.iter().filter_map(|e| both(e).first_chunk().copied()).collect())
    })
}

/// The asking side of one session. The secret is drawn for it and used for no other.
pub struct Asker<'s> {
    secret: Scalar,
    items: &'s Items,
}

impl<'s> Asker<'s> {
    /// A session.
    pub fn new(secret: &Key, items: &'s Items) -> Self {
        Self { secret: Scalars::new(secret, b"size-only asker").get(0, &[]), items }
    }

    /// The question. The same secret and items give the same question, in whatever order the items came.
    ///
    /// # Errors
    /// CMT-1238 for fewer than [`SMALLEST`] items, CMT-1237 with negligible probability.
    pub fn question(&self, progress: Progress<'_>) -> Result<Question, PsiError> {
        Question::new(Protocol::SizeOnly, raised(self.items, self.secret, progress)?)
    }

    /// How many of the items the holder has; each of the holder's items counts wrongly with probability 2⁻⁴⁰.
    ///
    /// # Errors
    /// CMT-1235 for the answer to another question, CMT-1230 for bytes that are no element.
    pub fn finish(
        &self,
        question: &Question,
        answer: &Answer,
        progress: Progress<'_>,
    ) -> Result<usize, PsiError> {
        if answer.to != question.commitment() || answer.asked != question.items() {
            return Err(PsiError::Differs { what: "the commitment" });
        }
        let theirs = raised_again(&answer.elements, self.secret, progress)?;
        let count = theirs.iter().filter(|v| answer.filter.contains(v.as_slice())).count();
        // A holder that counts more than was asked has not kept to the protocol.
        if count > question.items() {
            return Err(PsiError::Differs { what: "the number of items" });
        }
        Ok(count)
    }
}

/// The holder's answer. `secret` is drawn for this session and used for no other.
///
/// # Errors
/// CMT-1231 for a question in another protocol, CMT-1238 for fewer than [`SMALLEST`] items on either side, CMT-1230 for
/// bytes that are no element.
pub fn answer(
    secret: &Key,
    items: &Items,
    question: &Question,
    progress: Progress<'_>,
) -> Result<Vec<u8>, PsiError> {
    if question.protocol() != Protocol::SizeOnly {
        return Err(PsiError::Message { why: "it asks which items match" });
    }
    if question.items() < SMALLEST {
        return Err(PsiError::TooFew { size: question.items(), least: SMALLEST });
    }
    let secret = Scalars::new(secret, b"size-only holder").get(0, &[]);
    let (asked, all) = (question.items(), question.items() + items.len());
    let twice = raised_again(question.elements(), secret, &|done, _| progress(done, all))?;
    let own = raised(items, secret, &|done, _| progress(asked + done, all))?;
    let filter = Filter::build(twice.iter().map(<[u8; 16]>::as_slice))?.bytes();
    let mut out = Vec::with_capacity(own.len() * ELEMENT + filter.len() + 64);
    wire::begun(&mut out, b'2', Protocol::SizeOnly, asked);
    out.extend(question.commitment().0);
    out.extend(u32::try_from(own.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(own.as_flattened());
    out.extend(filter);
    Ok(out)
}

/// An answer that was read.
#[derive(Debug, Clone)]
pub struct Answer {
    to: Commitment,
    asked: usize,
    elements: Vec<[u8; ELEMENT]>,
    filter: Filter,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// CMT-1231 for anything else, CMT-1232 for a number of items out of bounds, CMT-1238 for fewer than [`SMALLEST`].
    pub fn read(bytes: &[u8]) -> Result<Self, PsiError> {
        let (protocol, asked, rest) = wire::begin(bytes, b'2')?;
        if protocol != Protocol::SizeOnly {
            return Err(PsiError::Message { why: "it answers which items match" });
        }
        let (to, rest) = wire::array::<32>(rest)?;
        let (size, rest) = wire::number(rest)?;
        if size < SMALLEST {
            return Err(PsiError::TooFew { size, least: SMALLEST });
        }
        let (elements, rest) = wire::elements(rest, size)?;
        if !elements.is_sorted_by(|a, b| a < b) {
            return Err(PsiError::Message { why: "its elements are not in order, each once" });
        }
        let filter = Filter::read(rest)?;
        if filter.items() != asked {
            return Err(PsiError::Message { why: "its filter is of another number of items" });
        }
        Ok(Self { to: Commitment(*to), asked, elements: elements.to_vec(), filter })
    }

    /// The question it answers.
    pub fn to(&self) -> Commitment {
        self.to
    }
    /// How many items the holder has.
    pub fn holds(&self) -> usize {
        self.elements.len()
    }
}
