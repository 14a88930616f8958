//! What must be refused: points that are none, other keys, other questions, any changed byte.

use super::sessions::holder;
use super::{key, users};
use privacy::psi::oprf::{Blinder, blind_from, is_identity};
use privacy::psi::{
    Items, Mode, Protocol, PsiError, PublicKey, Question, SecretKey, quietly, reveal, size_only,
};
use proptest::prelude::*;

/// RFC 9496 appendix A.3 and A.2: encodings that are not of the group, and the identity.
const NO_ELEMENTS: [&str; 8] = [
    // not the one spelling of a field element
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    // negative field elements
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    // no square root: not on the curve
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
    // the identity
    "0000000000000000000000000000000000000000000000000000000000000000",
];

fn element(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn session(protocol: Protocol, items: &Items) -> (reveal::Asker<'_>, Question, Vec<u8>) {
    let asker = reveal::Asker::new(protocol, &key(2), items).unwrap();
    let question = asker.question(&quietly).unwrap();
    let answer = holder(protocol, &users(5..25)).answer(&question, &key(3), &quietly).unwrap();
    (asker, question, answer)
}

fn finish(asker: &reveal::Asker<'_>, question: &Question, answer: &[u8]) -> Result<Vec<usize>, PsiError> {
    asker.finish(question, &reveal::Answer::read(answer)?, &quietly)
}

#[test]
fn what_is_no_element_is_refused_wherever_it_stands() {
    let key_of = SecretKey::derive(Mode::Oprf, &[1; 32], b"x").unwrap();
    assert!(is_identity(&element(NO_ELEMENTS[7])));
    for text in NO_ELEMENTS {
        let bad = element(text);
        let refused = Err(PsiError::NotAnElement { place: 7 });
        assert_eq!(key_of.blind_evaluate(&[bad], 7), refused, "{text}");
        let mut blinds = [blind_from([1; 32]).unwrap()];
        let finalized = Blinder::new(Mode::Oprf).finalize(&[b"x"], &mut blinds, &[bad], 7);
        assert_eq!(finalized.map(|_| ()), Err(PsiError::NotAnElement { place: 7 }), "{text}");
        assert_eq!(PublicKey::read(&bad), Err(PsiError::NotAnElement { place: 0 }));
    }
}

#[test]
fn one_bad_element_refuses_the_whole_question() {
    let items = users(0..20);
    let (_, question, _) = session(Protocol::Reveal, &items);
    let mut bytes = question.bytes();
    let at = bytes.len() - 64;
    bytes[at..at + 32].copy_from_slice(&element(NO_ELEMENTS[5]));
    let forged = Question::read(&bytes).unwrap();
    let answered = holder(Protocol::Reveal, &users(5..25)).answer(&forged, &key(3), &quietly);
    assert_eq!(answered, Err(PsiError::NotAnElement { place: 18 }));
}

#[test]
fn a_holder_with_another_key_for_some_items_is_caught_in_verified_mode() {
    let items = users(0..20);
    let (asker, question, honest) = session(Protocol::Verified, &items);
    assert_eq!(finish(&asker, &question, &honest).unwrap().len(), 15);
    // The same holder answers one element, then several, under another key. Everything else stays as it was.
    let other = SecretKey::derive(Mode::Voprf, &[9; 32], b"another").unwrap();
    let start = 13 + 2 + 4 + 32 + 32;
    for marked in [vec![3], vec![0, 7, 19], (0..20).collect()] {
        let mut forged = honest.clone();
        for place in &marked {
            let element = other.blind_evaluate(&[question.elements()[*place]], 0).unwrap()[0];
            forged[start + place * 32..start + (place + 1) * 32].copy_from_slice(&element);
        }
        let refused = finish(&asker, &question, &forged);
        assert_eq!(refused, Err(PsiError::Proof { first: 0, last: 19 }), "{marked:?}");
    }
    // In reveal mode the same fraud passes unseen and costs matches: that is what verified mode is for.
    let (asker, question, mut answer) = session(Protocol::Reveal, &items);
    let other = SecretKey::derive(Mode::Oprf, &[9; 32], b"another").unwrap();
    let element = other.blind_evaluate(&[question.elements()[10]], 0).unwrap()[0];
    answer[start + 320..start + 352].copy_from_slice(&element);
    assert_eq!(finish(&asker, &question, &answer).unwrap().len(), 14);
}

#[test]
fn an_answer_to_another_question_is_refused() {
    let (items, others) = (users(0..20), users(1..21));
    let (asker, question, _) = session(Protocol::Reveal, &items);
    let (_, _, answer) = session(Protocol::Reveal, &others);
    assert_eq!(finish(&asker, &question, &answer), Err(PsiError::Differs { what: "the commitment" }));
    let (_, _, verified) = session(Protocol::Verified, &items);
    assert_eq!(finish(&asker, &question, &verified), Err(PsiError::Differs { what: "the protocol" }));
    let mine = size_only::Asker::new(&key(2), &items);
    let asked = mine.question(&quietly).unwrap();
    let elsewhere = size_only::Asker::new(&key(8), &items).question(&quietly).unwrap();
    let answer = size_only::answer(&key(3), &others, &elsewhere, &quietly).unwrap();
    let answer = size_only::Answer::read(&answer).unwrap();
    assert_eq!(mine.finish(&asked, &answer, &quietly), Err(PsiError::Differs { what: "the commitment" }));
}

#[test]
fn a_size_only_message_out_of_order_or_with_an_element_twice_is_refused() {
    let items = users(0..20);
    let question = size_only::Asker::new(&key(2), &items).question(&quietly).unwrap();
    let bytes = question.bytes();
    let (head, body) = bytes.split_at(bytes.len() - 20 * 32);
    let mut swapped = body.to_vec();
    swapped.rotate_left(32);
    let twice = [&body[..32], &body[..19 * 32]].concat();
    for bad in [swapped, twice] {
        let refused = Question::read(&[head, &bad].concat());
        assert!(matches!(refused, Err(PsiError::Message { .. })), "{refused:?}");
    }
}

#[test]
fn protocols_are_not_mixed() {
    let items = users(0..20);
    let size = size_only::Asker::new(&key(2), &items).question(&quietly).unwrap();
    let (_, plain, _) = session(Protocol::Reveal, &items);
    assert!(holder(Protocol::Reveal, &items).answer(&size, &key(3), &quietly).is_err());
    assert!(holder(Protocol::Verified, &items).answer(&plain, &key(3), &quietly).is_err());
    assert!(size_only::answer(&key(3), &items, &plain, &quietly).is_err());
    assert!(reveal::Asker::new(Protocol::SizeOnly, &key(2), &items).is_err());
}

#[test]
fn any_changed_byte_of_a_verified_answer_is_refused_or_harmless_to_what_was_proven() {
    let items = users(0..12);
    let (asker, question, answer) = session(Protocol::Verified, &items);
    let honest = finish(&asker, &question, &answer).unwrap();
    let proven = 13 + 2 + 4 + 32 + 32 + 12 * 32 + 64;
    for at in 0..proven {
        let mut forged = answer.clone();
        forged[at] ^= 1 << (at % 8);
        assert!(finish(&asker, &question, &forged).is_err(), "byte {at}");
    }
    // What follows is the holder's own set, which it may choose: it reads or is refused, and never stops the node.
    for at in proven..answer.len() {
        let mut forged = answer.clone();
        forged[at] ^= 1 << (at % 8);
        assert!(finish(&asker, &question, &forged).map_or(true, |places| places.len() <= 12), "byte {at}");
    }
    for cut in 0..answer.len() {
        assert!(reveal::Answer::read(&answer[..cut]).is_err(), "cut at {cut}");
    }
    assert_eq!(finish(&asker, &question, &answer).unwrap(), honest);
}

proptest! {
    #[test]
    fn no_bytes_stop_a_reader(bytes in prop::collection::vec(any::<u8>(), 0..400), step in prop::sample::select(vec![b'1', b'2']), protocol in prop::sample::select(vec![b'0', b'1', b'2'])) {
        let framed = [b"comity-psi/1\n".as_slice(), &[step, protocol], &bytes].concat();
        for message in [&bytes, &framed] {
            let _ = Question::read(message);
            let _ = reveal::Answer::read(message);
            let _ = size_only::Answer::read(message);
            let _ = privacy::psi::filter::Filter::read(message).map(|f| f.contains(&[7; 16]));
        }
    }
}
