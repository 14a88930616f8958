//! A two-faced node is found at its next message, whatever it did to its log and whatever it says about it; an honest one
//! is never accused, also when messages are lost or overtake each other.

use crate::home::{Home, ORIGIN, log_keys};
use ed25519_dalek::SigningKey;
use ledger::{
    Head, LedgerError, NoteSigner, checkpoint,
    heads::{Earlier, Judgement, Remembered, Shown, judge},
    proof,
    request::{self, Request},
    witness,
};
use proptest::prelude::*;
use terms::{Digest, Timestamp};

fn leaf(history: u64, n: u64) -> Vec<u8> {
    format!("{history}/{n}").into_bytes()
}

fn grow(home: &mut Home, history: u64, to: u64) {
    let new: Vec<_> = (home.log.size()..to).map(|n| leaf(history, n)).collect();
    home.append(&new);
}

/// What a node says to one reader: its head now, joined to all it told that reader and that was not confirmed yet.
fn say(home: &Home, told: &[Head], at: i64) -> Shown {
    let now = home.head();
    let join = |old: &Head| {
        let proof = proof::prove_consistency(&home.read(), old, &now).unwrap();
        Earlier { size: old.size, root: old.root, proof }
    };
    Shown::new(Timestamp(at), text(home), told.iter().map(join).collect(), 0)
}

fn text(home: &Home) -> String {
    String::from_utf8(home.files[checkpoint::FILE].clone()).unwrap()
}

fn hear(memory: &mut Remembered, shown: &Shown) -> Judgement {
    let signed = checkpoint::open(shown.checkpoint.as_bytes(), ORIGIN, &log_keys()).unwrap();
    let judgement = judge(memory, shown, &signed).unwrap();
    if let Judgement::Continues(heads) = &judgement {
        memory.roots.extend(heads.iter().copied());
        memory.at = memory.at.max(Some(shown.at));
    }
    judgement
}

#[derive(Debug, Clone)]
enum Step {
    Grow(u64),
    /// A message to a partner; it arrives at once, later, or never.
    Say(usize, Fate),
    /// The last message that is under way to a partner arrives.
    Arrive(usize),
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Arrives,
    Waits,
    Lost,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate = prop_oneof![3 => Just(Fate::Arrives), 1 => Just(Fate::Waits), 1 => Just(Fate::Lost)];
    let step = prop_oneof![
        2 => (0u64..300).prop_map(Step::Grow),
        4 => (0usize..3, fate).prop_map(|(to, fate)| Step::Say(to, fate)),
        1 => (0usize..3).prop_map(Step::Arrive),
    ];
    prop::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn honest_growth_is_never_flagged(steps in steps()) {
        let mut home = Home::new();
        let mut told: [Vec<Head>; 3] = Default::default();
        let mut memory: [Remembered; 3] = Default::default();
        let mut under_way: [Vec<Shown>; 3] = Default::default();
        for (at, step) in (1i64..).zip(steps) {
            match step {
                Step::Grow(n) => {
                    let to = home.log.size() + n;
                    grow(&mut home, 0, to);
                }
                Step::Say(to, fate) => {
                    let shown = say(&home, &told[to], at);
                    told[to].push(home.head());
                    match fate {
                        Fate::Lost => {}
                        Fate::Waits => under_way[to].push(shown),
                        Fate::Arrives => {
                            let judged = hear(&mut memory[to], &shown);
                            prop_assert!(matches!(judged, Judgement::Continues(_)), "{judged:?}");
                            // A receipt came back: what was told before need not be joined any more.
                            told[to] = vec![home.head()];
                        }
                    }
                }
                Step::Arrive(to) => {
                    if let Some(shown) = under_way[to].pop() {
                        let judged = hear(&mut memory[to], &shown);
                        prop_assert!(
                            matches!(judged, Judgement::Continues(_) | Judgement::Overtaken), "{judged:?}"
                        );
                    }
                }
            }
        }
    }
}

/// Numbers by a seed (splitmix64), so that a fork that is missed can be named.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One leaf is another; the rest is as it was, and the log grew.
    Rewritten,
    /// The end was cut off.
    Truncated,
    /// Another end, longer than the one that was seen.
    OtherTail,
    /// Another end of the same length.
    SameSize,
    /// An old copy was put back and shown as it is.
    Rollback,
}

const KINDS: [Kind; 5] = [Kind::Rewritten, Kind::Truncated, Kind::OtherTail, Kind::SameSize, Kind::Rollback];

/// The log after the deed; `seen` is the largest size that was shown before, `heads` all sizes that were.
fn forked(kind: Kind, dice: &mut Dice, heads: &[u64]) -> Home {
    let seen = *heads.last().unwrap();
    let place = dice.below(seen);
    let mut home = Home::new();
    match kind {
        Kind::Rewritten => {
            grow(&mut home, 0, place);
            grow(&mut home, 1, place + 1);
            grow(&mut home, 0, seen + dice.below(200));
        }
        Kind::Truncated => grow(&mut home, 0, place),
        Kind::OtherTail => {
            grow(&mut home, 0, place);
            grow(&mut home, 1, seen + 1 + dice.below(200));
        }
        Kind::SameSize => {
            grow(&mut home, 0, place);
            grow(&mut home, 1, seen);
        }
        Kind::Rollback => {
            let old = dice.below(heads.len() as u64 - 1);
            grow(&mut home, 0, heads[usize::try_from(old).unwrap()]);
        }
    }
    home
}

/// What the forger says of the heads it showed before.
fn lie(dice: &mut Dice, home: &Home, told: &[Head], at: i64) -> (Shown, bool) {
    let now = home.head();
    match dice.below(3) {
        // It believes its own new log.
        0 => {
            let own = |old: &Head| ledger::earlier::head(&home.read(), &now, old.size).ok();
            let own: Vec<Head> = told.iter().filter_map(own).collect();
            let silent = own.iter().all(|h| told.last().is_none_or(|t| t.size != h.size));
            (say(home, &own, at), silent)
        }
        // It knows what it said, and makes a proof up.
        1 => {
            let made_up = |old: &Head| {
                let proof = (0..dice.below(12)).map(|n| Digest([n as u8; 32])).collect();
                Earlier { size: old.size, root: old.root, proof }
            };
            let earlier = told.iter().map(made_up).collect();
            (Shown::new(Timestamp(at), text(home), earlier, 0), false)
        }
        // It says nothing of them.
        _ => (Shown::new(Timestamp(at), text(home), Vec::new(), 0), true),
    }
}

#[test]
fn a_thousand_forks_are_all_found_at_the_next_message() {
    let (mut proved, mut refused) = (0, 0);
    for seed in 0..1000 {
        let mut dice = Dice(seed);
        let kind = KINDS[usize::try_from(dice.below(5)).unwrap()];
        let mut home = Home::new();
        let (mut memory, mut told, mut heads) = (Remembered::default(), Vec::new(), Vec::new());
        let messages = 2 + dice.below(4);
        for at in 1..=messages {
            let to = home.log.size() + 1 + dice.below(250);
            grow(&mut home, 0, to);
            let judged = hear(&mut memory, &say(&home, &told, at as i64));
            assert!(matches!(judged, Judgement::Continues(_)), "{seed}: {judged:?}");
            told.push(home.head());
            heads.push(home.log.size());
        }
        let other = forked(kind, &mut dice, &heads);
        let (shown, silent) = lie(&mut dice, &other, &told, messages as i64 + 1);
        let before = memory.clone();
        match hear(&mut memory, &shown) {
            Judgement::Forked(_) => proved += 1,
            // Nothing it signed contradicts what is remembered, and nothing is taken from it either.
            Judgement::NotShown(_) if silent => refused += 1,
            other => panic!("seed {seed}: {kind:?} passed as {other:?}"),
        }
        assert_eq!(memory, before, "seed {seed}: a fork is not remembered as history");
    }
    assert_eq!(proved + refused, 1000);
    assert!(proved > 700, "{proved} are proved by two signed words of the node's own");
}

#[test]
fn a_node_with_two_faces_gets_no_cosignature_for_the_second() {
    let witness = NoteSigner::new("police.comity/witness", SigningKey::from_bytes(&[50; 32])).unwrap();
    let now = Timestamp(1_773_100_800_000_000);
    for seed in 0..1000 {
        let mut dice = Dice(seed ^ 0xfeed);
        let kind = KINDS[usize::try_from(dice.below(4)).unwrap()];
        let mut face = Home::new();
        let first = 1 + dice.below(200);
        grow(&mut face, 0, first);
        let second = first + 1 + dice.below(200);
        // One face grows before the witness's eyes.
        let ask = |home: &Home, seen: Option<&Head>| {
            let point = home.files[checkpoint::FILE].clone();
            request::ask(&home.read(), point, ORIGIN, &log_keys(), seen).unwrap()
        };
        let asked = ask(&face, None);
        let (_, seen) = request::answer(&asked, ORIGIN, &log_keys(), None, &witness, now).unwrap();
        grow(&mut face, 0, second);
        let asked = ask(&face, Some(&seen));
        let (_, seen) = request::answer(&asked, ORIGIN, &log_keys(), Some(&seen), &witness, now).unwrap();
        // The other one asks for the witness's word too, with what proof it can make.
        let other = forked(kind, &mut dice, &[first, second]);
        let old = ledger::earlier::head(&other.read(), &other.head(), second.min(other.log.size())).unwrap();
        let proof = proof::prove_consistency(&other.read(), &old, &other.head()).unwrap();
        let checkpoint = other.files[checkpoint::FILE].clone();
        let asked = Request { old: seen.size, proof, checkpoint };
        let refused = request::answer(&asked, ORIGIN, &log_keys(), Some(&seen), &witness, now);
        assert!(
            matches!(refused, Err(LedgerError::Fork { .. } | LedgerError::Proof(_))),
            "seed {seed}: {kind:?} gave {refused:?}"
        );
        // And without it the reader who demands the witness takes nothing.
        let point = &other.files[checkpoint::FILE];
        let signed = checkpoint::open(point, ORIGIN, &log_keys()).unwrap();
        let demanded = witness::demand(&signed, std::slice::from_ref(witness.public()), 1);
        assert!(matches!(demanded, Err(LedgerError::TooFewWitnesses { .. })));
    }
}

#[test]
fn an_earlier_log_is_cut_from_todays_tiles() {
    for (old, now) in [(1, 1), (5, 300), (256, 257), (255, 70_000), (65_536, 65_537), (66_000, 70_000)] {
        let (mut then, mut home) = (Home::new(), Home::new());
        grow(&mut then, 0, old);
        grow(&mut home, 0, now);
        assert_eq!(ledger::earlier::head(&home.read(), &home.head(), old).unwrap(), then.head());
        let mut cut = std::collections::BTreeMap::new();
        ledger::earlier::tiles::<LedgerError>(&home.read(), &home.head(), 0, old, &mut |file| {
            cut.insert(file.path, file.bytes);
            Ok(())
        })
        .unwrap();
        let hashes = |home: &Home| -> std::collections::BTreeMap<String, Vec<u8>> {
            let mut files = home.files.clone();
            files.retain(|p, _| p.starts_with("tile/") && !p.starts_with("tile/entries"));
            files
        };
        assert_eq!(cut, hashes(&then), "{old} of {now}");
        // What is new since then, and what may go, make the one folder of the other.
        ledger::earlier::tiles::<LedgerError>(&home.read(), &home.head(), old, now, &mut |file| {
            cut.insert(file.path, file.bytes);
            Ok(())
        })
        .unwrap();
        for path in ledger::earlier::replaced(old, now) {
            assert!(cut.remove(&path).is_some(), "{path}");
        }
        let wanted = hashes(&home);
        assert!(wanted.iter().all(|(path, bytes)| cut.get(path) == Some(bytes)), "{old} of {now}");
        // A partial tile whose full one is not there yet stays, for those who read the old checkpoint.
        assert!(cut.keys().all(|path| wanted.contains_key(path) || path.contains(".p/")));
    }
    let home = Home::new();
    assert!(ledger::earlier::head(&home.read(), &home.head(), 1).is_err());
}
