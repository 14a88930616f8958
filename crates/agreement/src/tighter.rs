//! A clause that forbids or obliges only ever tightens, whatever else a text says; and of several permits the strictest
//! duty of each kind holds.
//!
//! Texts are made by chance, and a clause is added to them without the checks of a text, which would refuse most such
//! pairs as a contradiction: the property is the compiler's own. Policy and independent interpreter have to agree on
//! every answer, before and after.

use crate::{
    Policy, Request, compile,
    model::{
        ask::Asker,
        decide::Answer,
        dice::Dice,
        made::{ACTS, CATEGORIES, PURPOSES},
        text::{Scope, Words},
    },
    mutants::{World, world},
};
use std::collections::BTreeMap;
use terms::Timestamp;

/// Texts made by chance, with these seeds from 200 on.
const TEXTS: u64 = 3;
/// Requests within the scope of each added clause, or just outside of it.
const ASKED: usize = 120;

/// Clauses that forbid or oblige, by what they say. The scope is added to those that have one.
const ADDED: &[(&str, &str)] = &[
    ("never", "kind = \"protect\"\nform = \"never\"\n"),
    ("a stronger form", "kind = \"protect\"\nform = \"aggregate(1000)\"\n"),
    ("a match only", "kind = \"protect\"\nform = \"psi(1, 1)\"\n"),
    ("a noisy count only", "kind = \"protect\"\nform = \"dp(0.000001, bot, day)\"\n"),
    ("nothing onward", "kind = \"onward\"\nonward = \"none\"\n"),
    ("to report back", "kind = \"duty\"\nduty = \"report-back\"\nhours = 1\n"),
    ("to pseudonymise", "kind = \"duty\"\nduty = \"pseudonymise\"\n"),
    ("to erase", "kind = \"retain\"\ndays = 1\nreview = 1\nproof = 1\n"),
    ("to rest in one place", "kind = \"place\"\nplaces = [\"PA\"]\nground = \"treaty\"\n"),
];

/// The scope of a share, or a part of it, in the words of a block; and the same for the asker.
fn scope(w: &World, dice: &mut Dice, kind: &str) -> (String, Scope) {
    let share = dice.pick(&w.text.shares).clone();
    if kind.contains("place") {
        let near = Scope { to: Some(share.to.clone()), ..share.scope };
        return (format!("party = \"{}\"\n", share.to), near);
    }
    let one = |dice: &mut Dice, words: Words, all: &[&'static str]| {
        let set: Vec<usize> = (0..all.len()).filter(|i| words & (1 << i) != 0).collect();
        *dice.pick(&set)
    };
    let c = one(dice, share.scope.categories, &CATEGORIES);
    let mut near = Scope { categories: 1 << c, to: None, ..share.scope.clone() };
    let mut block = format!("categories = [\"{}\"]\n", CATEGORIES.get(c).unwrap());
    if dice.chance(50) {
        let p = one(dice, share.scope.purposes, &PURPOSES);
        near.purposes = 1 << p;
        block.push_str(&format!("purpose = [\"{}\"]\n", PURPOSES.get(p).unwrap()));
    }
    // What is handed on is handed on by one act.
    if dice.chance(40) && !kind.contains("onward") {
        let a = one(dice, share.scope.acts, &ACTS);
        near.acts = 1 << a;
        block.push_str(&format!("act = [\"{}\"]\n", ACTS.get(a).unwrap()));
    }
    if dice.chance(40) {
        near.to = Some(share.to.clone());
        block.push_str(&format!("to = \"{}\"\n", share.to));
    }
    (block, near)
}

/// What policy and interpreter say, which must be the same.
fn answer(w: &World, policy: &Policy, asked: &(Request, Timestamp)) -> Option<Answer> {
    let (said, expected) = w.both(policy, asked)?;
    assert_eq!(said, expected, "{asked:?}");
    Some(said)
}

/// Whether the second answer is at least as tight as the first; why not.
fn tighter(before: &Answer, after: &Answer) -> Result<(), &'static str> {
    match (before, after) {
        (Answer::Deny { .. }, Answer::Permit { .. }) => Err("what was refused passes"),
        (Answer::Permit { .. }, Answer::Deny { .. }) => Ok(()),
        (Answer::Deny { clauses: a, standing: s }, Answer::Deny { clauses: b, standing: t }) => {
            (a.is_subset(b) && s.is_subset(t)).then_some(()).ok_or("something no longer refuses")
        }
        (Answer::Permit { clauses: a, duties: owed }, Answer::Permit { clauses: b, duties: owing }) => {
            if !a.is_subset(b) {
                return Err("a clause is no longer cited");
            }
            let kept = owed.iter().all(|(kind, n)| owing.get(kind).is_some_and(|m| m <= n));
            kept.then_some(()).ok_or("a duty is weaker")
        }
    }
}

#[test]
fn a_clause_that_forbids_or_obliges_never_loosens() {
    let mut changed: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..TEXTS {
        let w = world(200 + seed);
        let policy = compile(&w.agreement).unwrap();
        let mut dice = Dice::new(seed);
        for (what, block) in ADDED {
            let (scope, near) = scope(&w, &mut dice, block);
            let block = format!("{block}{scope}");
            let after = w.with("99.9", &block);
            let tight = compile(&after.agreement).unwrap();
            let mut asker = Asker::new(std::slice::from_ref(&w.text), seed);
            asker.near = Some(near);
            for _ in 0..ASKED {
                let asked = asker.next();
                let Some(before) = answer(&w, &policy, &asked) else { continue };
                let after = answer(&after, &tight, &asked).unwrap();
                if let Err(why) = tighter(&before, &after) {
                    panic!("text {seed}, {what}: {why}\n{block}\n{asked:?}\n{before:?}\n{after:?}");
                }
                *changed.entry(what).or_default() += usize::from(before != after);
            }
        }
    }
    println!("answers changed: {changed:?}");
    // None of the clauses is without effect.
    assert!(ADDED.iter().all(|(what, _)| changed.get(what).is_some_and(|n| *n >= 3)), "{changed:?}");
}

#[test]
fn of_several_permits_the_strictest_duty_of_each_kind_holds() {
    let (mut several, mut differing) = (0, 0);
    for seed in 0..TEXTS {
        let w = world(200 + seed);
        let policy = compile(&w.agreement).unwrap();
        let mut asker = Asker::new(std::slice::from_ref(&w.text), 7 + seed);
        for _ in 0..1_500 {
            let (request, now) = asker.next();
            if request.categories.len() < 2 {
                continue;
            }
            let asked = (request, now);
            let Some(Answer::Permit { clauses, duties }) = answer(&w, &policy, &asked) else { continue };
            let (mut strictest, mut cited) = (BTreeMap::new(), std::collections::BTreeSet::new());
            let mut differs = false;
            for c in &asked.0.categories {
                let mut alone = asked.clone();
                alone.0.categories = std::collections::BTreeSet::from([*c]);
                let Some(Answer::Permit { clauses, duties }) = answer(&w, &policy, &alone) else {
                    panic!("`{c}` passes beside others and not alone: {asked:?}");
                };
                cited.extend(clauses);
                for (kind, n) in duties {
                    let least = strictest.entry(kind).or_insert(n);
                    differs |= *least != n;
                    *least = n.min(*least);
                }
            }
            assert_eq!((&clauses, &duties), (&cited, &strictest), "{asked:?}");
            several += 1;
            differing += usize::from(differs);
        }
    }
    println!("{several} permits of several categories, {differing} with figures that differ");
    assert!(several >= 100 && differing >= 20, "{several}, {differing}");
}
