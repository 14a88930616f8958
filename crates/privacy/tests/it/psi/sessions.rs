//! Sessions from question to result, against plain set intersection.

use super::{key, users};
use privacy::psi::{CHUNK, Items, Kind, Protocol, PsiError, filter::Filter, quietly, reveal, size_only};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

const LABEL: &[u8] = b"company-fintech 2026-03 list 1";

pub fn holder(protocol: Protocol, items: &Items) -> reveal::Holder {
    reveal::Holder::prepare(reveal::Holder::key(protocol, &key(1), LABEL).unwrap(), items, &quietly).unwrap()
}

/// The places found by a whole session.
fn found(protocol: Protocol, mine: &Items, theirs: &Items) -> Vec<usize> {
    let (holder, asker) = (holder(protocol, theirs), reveal::Asker::new(protocol, &key(2), mine).unwrap());
    let question = asker.question(&quietly).unwrap();
    let sent = privacy::psi::Question::read(&question.bytes()).unwrap();
    let answer = holder.answer(&sent, &key(3), &quietly).unwrap();
    asker.finish(&question, &reveal::Answer::read(&answer).unwrap(), &quietly).unwrap()
}

/// The size found by a whole session.
fn counted(mine: &Items, theirs: &Items) -> usize {
    let asker = size_only::Asker::new(&key(2), mine);
    let question = asker.question(&quietly).unwrap();
    let answer = size_only::answer(&key(3), theirs, &question, &quietly).unwrap();
    asker.finish(&question, &size_only::Answer::read(&answer).unwrap(), &quietly).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_protocol_finds_what_plain_intersection_finds(
        a in prop::collection::btree_set(0u32..400, 10..120),
        b in prop::collection::btree_set(0u32..400, 10..120),
    ) {
        let both: BTreeSet<u32> = a.intersection(&b).copied().collect();
        let (mine, theirs) = (users(a), users(b));
        let expected: Vec<usize> = (0..mine.len())
            .filter(|i| both.iter().any(|n| mine.get(*i) == users([*n]).get(0)))
            .collect();
        prop_assert_eq!(found(Protocol::Reveal, &mine, &theirs), expected.clone());
        prop_assert_eq!(found(Protocol::Verified, &mine, &theirs), expected);
        prop_assert_eq!(counted(&mine, &theirs), both.len());
    }
}

#[test]
fn sets_larger_than_a_chunk_and_progress_to_the_end() {
    let size = CHUNK as u32 + 700;
    let (mine, theirs) = (users(0..size), users(size - 50..size + 500));
    let last = AtomicUsize::new(0);
    let watch = |done: usize, of: usize| {
        assert_eq!(of, mine.len());
        last.fetch_max(done, Ordering::Relaxed);
    };
    let asker = reveal::Asker::new(Protocol::Verified, &key(2), &mine).unwrap();
    let question = asker.question(&watch).unwrap();
    assert_eq!(last.load(Ordering::Relaxed), mine.len());
    let answer = holder(Protocol::Verified, &theirs).answer(&question, &key(3), &quietly).unwrap();
    let answer = reveal::Answer::read(&answer).unwrap();
    assert_eq!(asker.finish(&question, &answer, &quietly).unwrap().len(), 50);
    assert_eq!(answer.holds(), theirs.len());
}

#[test]
fn a_prepared_set_answers_as_the_set_does() {
    let (mine, theirs) = (users(0..40), users(30..90));
    let first = holder(Protocol::Reveal, &theirs);
    let secret = reveal::Holder::key(Protocol::Reveal, &key(1), LABEL).unwrap();
    let again = reveal::Holder::again(secret, &first.prepared()).unwrap();
    let asker = reveal::Asker::new(Protocol::Reveal, &key(2), &mine).unwrap();
    let question = asker.question(&quietly).unwrap();
    let answers = [&first, &again].map(|h| h.answer(&question, &key(3), &quietly).unwrap());
    let [one, two] =
        answers.map(|a| asker.finish(&question, &reveal::Answer::read(&a).unwrap(), &quietly).unwrap());
    assert_eq!((one.len(), &one), (10, &two));
}

#[test]
fn another_state_of_the_set_stands_under_another_key() {
    let of = |label: &[u8]| reveal::Holder::key(Protocol::Reveal, &key(1), label).unwrap().public().bytes();
    assert_ne!(of(b"company-fintech 2026-03 list 1"), of(b"company-fintech 2026-03 list 2"));
    assert_ne!(of(b"company-fintech 2026-03 list 1"), of(b"company-police 2026-03 list 1"));
}

#[test]
fn a_question_tells_nothing_of_its_items_but_their_number() {
    // The same items under two secrets, and two sets under one: no element is seen twice, so nothing can be compared.
    let elements = |secret: u8, from: u32| -> BTreeSet<[u8; 32]> {
        let items = users(from..from + 50);
        let asker = reveal::Asker::new(Protocol::Reveal, &key(secret), &items).unwrap();
        asker.question(&quietly).unwrap().elements().iter().copied().collect()
    };
    assert!(elements(1, 0).is_disjoint(&elements(2, 0)));
    assert_eq!(elements(1, 0), elements(1, 0), "an audit makes the same question again");
    assert_ne!(elements(1, 0), elements(1, 1));
}

#[test]
fn the_order_of_a_size_only_session_is_a_function_of_the_set_alone() {
    let texts: Vec<String> = (0..60).map(|n| format!("user-{n}@bank.example")).collect();
    let read =
        |order: &[usize]| Items::read(Kind::Email, order.iter().map(|n| texts[*n].as_str())).unwrap().0;
    let forward: Vec<usize> = (0..60).collect();
    let backward: Vec<usize> = (0..60).rev().collect();
    let session = |secret: u8, order: &[usize]| {
        let items = read(order);
        let question = size_only::Asker::new(&key(secret), &items).question(&quietly).unwrap();
        let answer = size_only::answer(&key(secret + 1), &items, &question, &quietly).unwrap();
        (question, size_only::Answer::read(&answer).unwrap())
    };
    let ((one, _), (two, _)) = (session(7, &forward), session(7, &backward));
    assert_eq!(one.bytes(), two.bytes(), "the order in which items come is not in the message");
    assert!(one.elements().is_sorted(), "the order in the message is that of the spelled elements");
}

/// With fresh secrets, each item is as often in each part of the message: its place tells nothing of it.
#[test]
fn where_an_item_stands_in_a_size_only_message_is_chance() {
    const ITEMS: u32 = 10;
    const ROUNDS: u32 = 400;
    let all = users(0..ITEMS);
    let rest = users(1..ITEMS);
    let mut places = [0u32; ITEMS as usize];
    for round in 0..ROUNDS {
        let mut secret = [0u8; 32];
        secret[..4].copy_from_slice(&round.to_le_bytes());
        let secret = privacy::Key::new(secret.into());
        let with = size_only::Asker::new(&secret, &all).question(&quietly).unwrap();
        // Of the same secret, but with another first item: the element that is missing is the first item's.
        let others = users((1..ITEMS).chain([ITEMS]));
        assert_eq!(rest.len() + 1, others.len());
        let without = size_only::Asker::new(&secret, &others).question(&quietly).unwrap();
        let place = with.elements().iter().position(|e| !without.elements().contains(e)).unwrap();
        places[place] += 1;
    }
    // Chi-squared with 9 degrees of freedom: 27.9 is the bound for one in a thousand; the secrets are fixed, so it holds or not.
    let expected = f64::from(ROUNDS) / f64::from(ITEMS);
    let chi: f64 = places.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
    assert!(chi < 27.9, "{places:?}: {chi}");
}

#[test]
fn the_size_of_too_small_a_set_is_not_told() {
    let (few, enough) = (users(0..9), users(0..10));
    let few_asked = size_only::Asker::new(&key(2), &few).question(&quietly);
    assert!(matches!(few_asked, Err(PsiError::TooFew { size: 9, least: 10 })));
    let question = size_only::Asker::new(&key(2), &enough).question(&quietly).unwrap();
    let few_held = size_only::answer(&key(3), &few, &question, &quietly);
    assert!(matches!(few_held, Err(PsiError::TooFew { size: 9, least: 10 })));
}

#[test]
fn a_filter_misses_nothing_and_agrees_with_its_builder() {
    use xorf::Filter as _;
    let outputs: Vec<[u8; 16]> = (0..5_000u64)
        .map(|n| {
            let mut out = [0u8; 16];
            out[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
            out[8..].copy_from_slice(&n.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1).to_le_bytes());
            out
        })
        .collect();
    let filter = Filter::build(outputs.iter().map(<[u8; 16]>::as_slice)).unwrap();
    let read = Filter::read(&filter.bytes()).unwrap();
    assert!(outputs.iter().all(|o| read.contains(o)));
    // The wide half as its builder reads it: equal on what is there and on what is not.
    let first = |o: &[u8; 16]| u64::from_le_bytes(o[..8].try_into().unwrap());
    let theirs = xorf::BinaryFuse32::try_from(outputs.iter().map(first).collect::<Vec<_>>()).unwrap();
    let strangers = (0..200_000u64).map(|n| {
        let mut out = [0u8; 16];
        out[..8].copy_from_slice(&(n.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ 0x55).to_le_bytes());
        out
    });
    let wrong = strangers.filter(|o| read.contains(o) && !theirs.contains(&first(o))).count();
    assert_eq!(wrong, 0, "nothing is there that the builder's own reader does not see");
    let size = filter.bytes().len() as f64 / 5_000.0;
    assert!(size < 7.0, "{size} bytes an item");
}
