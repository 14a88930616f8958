//! Reveal: the asker learns which of its items the holder has.
//!
//! 1. The asker blinds each item with a blind of its own and sends the elements: a [`Question`].
//! 2. The holder raises each to its key and sends them back in the same order, with its own set as a [`Filter`] of
//!    `F(key, item)`: the answer. In verified mode each chunk carries a [`Proof`].
//! 3. The asker takes its blinds away and looks each `F(key, item)` up.
//!
//! On the wire: 32 bytes an item to the holder; 32 bytes an item and about 5.7 bytes for each of the holder's items back.
//!
//! The holder's key belongs to one agreement, one period and one state of its set (the caller names all three to
//! [`Holder::key`]): then a set is prepared once and answers many questions; and what an asker keeps of earlier answers
//! tells nothing of items that were added since, because these stand under another key.
//!
//! An answer: the beginning of [`super::wire`], the question's commitment (32), the holder's public key (32), the elements,
//! the proofs of the chunks (64 each; verified mode only), the filter.

use super::filter::Filter;
use super::oprf::{Blinder, Mode, OUTPUT, PublicKey, SecretKey};
use super::proof::{PROOF, Proof};
use super::wire::{self, Commitment, Protocol, Question};
use super::{CHUNK, ELEMENT, Items, Progress, PsiError};
use crate::Key;
use curve25519_dalek::scalar::Scalar;
use hmac::{Hmac, Mac as _};
use rayon::prelude::*;
use sha2::Sha512;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Items that one thread works on at a time: enough to share an inversion, few enough to balance two cores.
pub(crate) const BATCH: usize = 256;

/// Secret scalars by number, from one key.
pub(crate) struct Scalars(Hmac<Sha512>);

impl Scalars {
    /// `use_` is fixed text: scalars of different uses have nothing in common.
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub fn new(key: &Key, use_: &'static [u8]) -> Self {
        let key = key.mac(&[b"comity.psi/1 scalars", use_]);
        Self(Hmac::new_from_slice(key.as_slice()).expect("HMAC takes a key of any length"))
    }

    /// Scalar number `n`: 512 bits reduced, so uniform but for 2^-256, and never 0.
    pub fn get(&self, n: usize, more: &[u8]) -> Scalar {
        let mut mac = self.0.clone();
        mac.update(&(n as u64).to_le_bytes());
        mac.update(more);
        let scalar = Scalar::from_bytes_mod_order_wide(&mac.finalize().into_bytes().into());
        if scalar == Scalar::ZERO { Scalar::ONE } else { scalar }
    }
}

fn mode(protocol: Protocol) -> Result<Mode, PsiError> {
    match protocol {
        Protocol::Reveal => Ok(Mode::Oprf),
        Protocol::Verified => Ok(Mode::Voprf),
        Protocol::SizeOnly => Err(PsiError::Message { why: "it asks for the size only" }),
    }
}

/// Works on all items in batches on every core and keeps their order.
pub(crate) fn in_batches<T: Send>(
    size: usize,
    progress: Progress<'_>,
    work: impl Fn(Range<usize>) -> Result<Vec<T>, PsiError> + Sync,
) -> Result<Vec<T>, PsiError> {
    let done = AtomicUsize::new(0);
    let mut out: Vec<T> = Vec::with_capacity(size);
    let round = CHUNK * 8;
    for start in (0..size).step_by(round) {
        let end = size.min(start + round);
        let starts: Vec<usize> = (start..end).step_by(BATCH).collect();
        let parts: Vec<Vec<T>> = (starts.into_par_iter())
            .map(|from| {
                let range = from..end.min(from + BATCH);
                let part = work(range.clone())?;
                progress(done.fetch_add(range.len(), Ordering::Relaxed) + range.len(), size);
                Ok(part)
            })
            .collect::<Result<_, PsiError>>()?;
        out.extend(parts.into_iter().flatten());
    }
    Ok(out)
}

/// The asking side of one session. The secret is drawn for it and used for no other.
pub struct Asker<'s> {
    protocol: Protocol,
    blinder: Blinder,
    blinds: Scalars,
    items: &'s Items,
}

impl<'s> Asker<'s> {
    /// A session of [`Protocol::Reveal`] or [`Protocol::Verified`].
    ///
    /// # Errors
    /// CMT-1231 for [`Protocol::SizeOnly`].
    pub fn new(protocol: Protocol, secret: &Key, items: &'s Items) -> Result<Self, PsiError> {
        let blinder = Blinder::new(mode(protocol)?);
        Ok(Self { protocol, blinder, blinds: Scalars::new(secret, b"reveal"), items })
    }

    fn blinds(&self, range: Range<usize>) -> Vec<Scalar> {
        range.map(|n| self.blinds.get(n, &[])).collect()
    }

    /// The question: every item blinded. The same secret and items give the same question.
    ///
    /// # Errors
    /// CMT-1237 with negligible probability.
    pub fn question(&self, progress: Progress<'_>) -> Result<Question, PsiError> {
        let elements = in_batches(self.items.len(), progress, |range| {
            self.blinder.blind(&self.items.part(range.clone()), &self.blinds(range))
        })?;
        Question::new(self.protocol, elements)
    }

    /// The places of the items that the holder has, ascending. A place is wrongly among them with probability 2⁻⁴⁰.
    ///
    /// # Errors
    /// CMT-1231 for what is no answer, CMT-1235 for the answer to another question, CMT-1230 for bytes that are no
    /// element, CMT-1234 for a proof that does not hold: then nothing of the answer is used.
    pub fn finish(
        &self,
        question: &Question,
        answer: &Answer,
        progress: Progress<'_>,
    ) -> Result<Vec<usize>, PsiError> {
        answer.fits(question, self.protocol)?;
        if question.items() != self.items.len() {
            return Err(PsiError::Differs { what: "the number of items" });
        }
        if self.protocol == Protocol::Verified {
            self.verify(question, answer)?;
        }
        let hits = in_batches(self.items.len(), progress, |range| {
            let evaluated = answer.elements.get(range.clone()).unwrap_or_default();
            let (items, mut blinds) = (self.items.part(range.clone()), self.blinds(range.clone()));
            let outputs = self.blinder.finalize(&items, &mut blinds, evaluated, range.start)?;
            Ok(outputs.iter().map(|o| answer.filter.contains(o)).collect())
        })?;
        Ok(hits.iter().enumerate().filter_map(|(place, hit)| hit.then_some(place)).collect())
    }

    fn verify(&self, question: &Question, answer: &Answer) -> Result<(), PsiError> {
        let pairs = question.elements().par_chunks(CHUNK).zip(answer.elements.par_chunks(CHUNK));
        pairs.zip(&answer.proofs).enumerate().try_for_each(|(n, ((asked, answered), proof))| {
            let first = n * CHUNK;
            let place = |e| match e {
                PsiError::NotAnElement { place } => PsiError::NotAnElement { place: first + place },
                other => other,
            };
            match self.blinder.verify(&answer.key, asked, answered, proof).map_err(place)? {
                true => Ok(()),
                false => Err(PsiError::Proof { first, last: first + asked.len().saturating_sub(1) }),
            }
        })
    }
}

/// The holding side: a key and the set prepared under it. It answers any number of questions.
#[derive(Debug)]
pub struct Holder {
    key: SecretKey,
    filter: Filter,
}

impl Holder {
    /// The key for one agreement, one period and one state of the set, all three named in `label`.
    ///
    /// # Errors
    /// CMT-1231 for [`Protocol::SizeOnly`], CMT-1237 with negligible probability.
    pub fn key(protocol: Protocol, master: &Key, label: &[u8]) -> Result<SecretKey, PsiError> {
        let seed = master.mac(&[b"comity.psi/1 holder", label]);
        SecretKey::derive(mode(protocol)?, &seed, b"comity.psi/1")
    }

    /// Prepares a set.
    ///
    /// # Errors
    /// CMT-1237 and CMT-1236 with negligible probability.
    pub fn prepare(key: SecretKey, items: &Items, progress: Progress<'_>) -> Result<Self, PsiError> {
        // Sixteen bytes of each output are all a filter looks at.
        let outputs: Vec<[u8; super::filter::VALUE]> = in_batches(items.len(), progress, |range| {
            let outputs = key.evaluate(&items.part(range))?;
            Ok(outputs.iter().filter_map(|o: &[u8; OUTPUT]| o.first_chunk().copied()).collect())
        })?;
        let filter = Filter::build(outputs.iter().map(<[u8; 16]>::as_slice))?;
        Ok(Self { key, filter })
    }

    /// A set that was prepared before, from its [`Self::prepared`] bytes and the same key.
    ///
    /// # Errors
    /// CMT-1231 for bytes that are no filter.
    pub fn again(key: SecretKey, prepared: &[u8]) -> Result<Self, PsiError> {
        Ok(Self { key, filter: Filter::read(prepared)? })
    }

    /// What is kept of a prepared set: pseudorandom without the key.
    pub fn prepared(&self) -> Vec<u8> {
        self.filter.bytes()
    }
    /// How many items the set has.
    pub fn items(&self) -> usize {
        self.filter.items()
    }

    /// The answer. `nonces` is a secret of this holder; a proof's nonce follows from it and from all that is proven, so
    /// none is used for two batches.
    ///
    /// # Errors
    /// CMT-1231 for a question in another protocol than the key's, CMT-1230 for bytes that are no element: the question
    /// is answered whole or not at all.
    pub fn answer(
        &self,
        question: &Question,
        nonces: &Key,
        progress: Progress<'_>,
    ) -> Result<Vec<u8>, PsiError> {
        if mode(question.protocol())? != self.key.mode() {
            return Err(PsiError::Message { why: "it asks for another mode than the set is prepared for" });
        }
        let elements = in_batches(question.items(), progress, |range| {
            let asked = question.elements().get(range.clone()).unwrap_or_default();
            self.key.blind_evaluate(asked, range.start)
        })?;
        let proofs = match question.protocol() {
            Protocol::Verified => self.proofs(question, &elements, nonces)?,
            _ => Vec::new(),
        };
        let filter = self.filter.bytes();
        let length = elements.len() * ELEMENT + proofs.len() * PROOF + filter.len() + 128;
        let mut out = Vec::with_capacity(length);
        wire::begun(&mut out, b'2', question.protocol(), elements.len());
        out.extend(question.commitment().0);
        out.extend(self.key.public().bytes());
        out.extend_from_slice(elements.as_flattened());
        proofs.iter().for_each(|p| out.extend(p.bytes()));
        out.extend(filter);
        Ok(out)
    }

    fn proofs(
        &self,
        question: &Question,
        elements: &[[u8; ELEMENT]],
        nonces: &Key,
    ) -> Result<Vec<Proof>, PsiError> {
        let nonces = Scalars::new(nonces, b"proof");
        let pairs = question.elements().par_chunks(CHUNK).zip(elements.par_chunks(CHUNK)).enumerate();
        pairs
            .map(|(n, (asked, answered))| {
                let about = [asked.as_flattened(), answered.as_flattened(), &self.key.public().bytes()];
                self.key.prove(asked, answered, nonces.get(n, &about.concat()))
            })
            .collect()
    }
}

/// An answer that was read. Whether its elements are of the group and its proofs hold shows when it is finished.
#[derive(Debug, Clone)]
pub struct Answer {
    protocol: Protocol,
    to: Commitment,
    key: PublicKey,
    elements: Vec<[u8; ELEMENT]>,
    proofs: Vec<Proof>,
    filter: Filter,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// CMT-1231 for anything else, CMT-1232 for a number of items out of bounds, CMT-1230 for a key that is none.
    pub fn read(bytes: &[u8]) -> Result<Self, PsiError> {
        let (protocol, size, rest) = wire::begin(bytes, b'2')?;
        mode(protocol)?;
        let (to, rest) = wire::array::<32>(rest)?;
        let (key, rest) = wire::array::<ELEMENT>(rest)?;
        let (elements, mut rest) = wire::elements(rest, size)?;
        let chunks = if protocol == Protocol::Verified { size.div_ceil(CHUNK) } else { 0 };
        let mut proofs = Vec::with_capacity(chunks);
        for _ in 0..chunks {
            let (proof, after) = wire::array::<PROOF>(rest)?;
            proofs.push(Proof::read(proof).ok_or(PsiError::Message { why: "it holds no proof" })?);
            rest = after;
        }
        Ok(Self {
            protocol,
            to: Commitment(*to),
            key: PublicKey::read(key)?,
            elements: elements.to_vec(),
            proofs,
            filter: Filter::read(rest)?,
        })
    }

    /// The question it answers.
    pub fn to(&self) -> Commitment {
        self.to
    }
    /// How many items the holder has.
    pub fn holds(&self) -> usize {
        self.filter.items()
    }
    /// The holder's key.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    fn fits(&self, question: &Question, protocol: Protocol) -> Result<(), PsiError> {
        let what = if self.protocol != protocol || question.protocol() != protocol {
            "the protocol"
        } else if self.elements.len() != question.items() {
            "the number of items"
        } else if self.to != question.commitment() {
            "the commitment"
        } else {
            return Ok(());
        };
        Err(PsiError::Differs { what })
    }
}
