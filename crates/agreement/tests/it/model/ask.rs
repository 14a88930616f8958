//! Requests near the edges of what the texts allow: one that a share lets pass in everything, then none, one or some
//! of its facts moved over an edge.

use super::dice::Dice;
use super::made::{ACTS, CATEGORIES, PLACES, PURPOSES};
use super::text::{DAY, Emergency, Form, Onward, Rule, Share, TLP, Text, Who};
use crate::tested::{Act, Budget, Grading, Matching, Period, Request, Spent, Unit};
use std::collections::BTreeSet;
use terms::{
    CaseId, Category, Digest, ExhibitId, Handling, HandlingCode, MemberId, PartnerId, Protection, Purpose,
    Timestamp, Tlp,
};

pub struct Asker<'t> {
    texts: &'t [Text],
    dice: Dice,
    bytes: Digest,
    letter: ExhibitId,
    /// The share that requests are made for more often than for others, by text and number.
    pub aim: Option<(usize, String)>,
    /// A rule within whose scope, or just outside of it, more requests are made.
    pub near: Option<super::text::Scope>,
}

fn partner(id: &str) -> PartnerId {
    PartnerId::new(id).unwrap()
}
fn category(i: usize) -> Category {
    Category::from_word(CATEGORIES[i]).unwrap()
}
fn form(strength: u64) -> Protection {
    match strength {
        0 => Protection::Clear,
        1 => Protection::Token,
        2 => Protection::Pseudonym,
        k => Protection::Aggregate((k - 100).try_into().unwrap()),
    }
}

impl<'t> Asker<'t> {
    pub fn new(texts: &'t [Text], seed: u64) -> Self {
        let (bytes, letter) = (Digest::of(b"asked"), ExhibitId::of(b"letter"));
        Self { texts, dice: Dice::new(seed), bytes, letter, aim: None, near: None }
    }

    fn bits(&mut self, words: u32, all: usize) -> usize {
        let set: Vec<usize> = (0..all).filter(|i| words & (1 << i) != 0).collect();
        *self.dice.pick(&set)
    }

    /// The next request, and when it is made.
    pub fn next(&mut self) -> (Request, Timestamp) {
        let (text, share) = loop {
            let t = self.dice.below(self.texts.len());
            match self.aim.clone() {
                Some((t, number)) if self.dice.chance(60) => {
                    let text = &self.texts[t];
                    if let Some(s) = text.shares.iter().find(|s| s.number == number) {
                        break (text, s);
                    }
                }
                _ => {}
            }
            let text = &self.texts[t];
            if !text.shares.is_empty() {
                break (text, self.dice.pick(&text.shares));
            }
        };
        let (mut r, mut now) = self.met(text, share);
        if let Some(near) = self.near.clone().filter(|_| self.dice.chance(70)) {
            self.within(text, &near, &mut r);
        }
        if !text.declared.is_empty() && self.dice.chance(15) {
            self.in_emergency(text, &mut r, &mut now);
        }
        let edges = [0, 0, 0, 1, 1, 1, 1, 2, 2, 4][self.dice.below(10)];
        for _ in 0..edges {
            self.over_an_edge(text, share, &mut r, &mut now);
        }
        (r, Timestamp(now))
    }

    /// A request that this share lets pass, unless a rule of the text stands in the way whatever is done.
    fn met(&mut self, text: &Text, s: &Share) -> (Request, i64) {
        let purpose_at = self.bits(s.scope.purposes, PURPOSES.len());
        let act_at = self.bits(s.scope.acts, ACTS.len());
        let purpose = Purpose::from_word(PURPOSES[purpose_at]).unwrap();
        let (act, getter) = (Act::from_word(ACTS[act_at]).unwrap(), text.party(&s.to).unwrap());
        let tlp = text.floor + self.dice.below(TLP.len() - text.floor);
        let code = self.dice.pick(&text.codes).clone();
        let marks = Handling { tlp: Tlp::ALL[tlp], code: HandlingCode::from_word(&code).unwrap() };
        let mut r = Request::new(partner(&s.from), partner(&s.to), act, purpose, marks, self.bytes);
        let mut now = text.from
            + (text.end - text.from) / 365 * self.dice.below(365) as i64
            + self.dice.below(1000) as i64;
        // The member, and a time at which it belongs to the agreement.
        let named: Vec<_> = match &s.who {
            Who::Partner => Vec::new(),
            Who::All => getter.members.iter().collect(),
            Who::These(these) => getter.members.iter().filter(|m| these.contains(&m.id)).collect(),
        };
        let needed = matches!(s.who, Who::These(_)) || s.own || act == Act::Reshare;
        let mut home = getter.place.clone();
        if !named.is_empty() && (needed || self.dice.chance(60)) {
            let m = *self.dice.pick(&named);
            home = m.place.clone();
            r.member = Some(MemberId::new(&m.id).unwrap());
            let until = m.out.unwrap_or(text.end).min(text.end);
            let since = m.since.max(text.from);
            if now < since || now >= until {
                now = since + self.dice.below(usize::try_from((until - since).max(1)).unwrap()) as i64;
            }
        }
        if s.own || self.dice.chance(30) {
            r.concerns.insert(home.parse().unwrap());
        }
        if self.dice.chance(80) {
            self.good_place(text, &s.to, &mut r);
        }
        let most = s.caps.iter().flatten().min().copied().unwrap_or(2_000);
        r.records = match self.dice.below(3) {
            0 => most,
            1 => 1,
            _ => 1 + self.dice.below(usize::try_from(most.min(2_000)).unwrap()) as u64,
        };
        self.counted(s, &mut r);
        if self.dice.chance(85) {
            let (source, information) = text.marks.grading.unwrap_or((4, 4));
            let grading = format!("{}{information}", ["a", "b", "c", "x"][source - 1]);
            r.grading = Some(grading.parse().unwrap());
        }
        if self.dice.chance(50) {
            r.consent = Some(self.letter);
        }
        let several = [1, 1, 1, 2, 2, 3][self.dice.below(6)];
        for _ in 0..several {
            let c = self.bits(s.scope.categories, CATEGORIES.len());
            self.add(text, c, &mut r);
        }
        if act == Act::Reshare {
            self.hand_on(text, s, &mut r);
        }
        (r, now)
    }

    /// The same request moved into the scope of a rule, in all its words but sometimes one.
    fn within(&mut self, text: &Text, near: &super::text::Scope, r: &mut Request) {
        let out = self.dice.below(10);
        if out != 0 {
            let n = self.bits(near.purposes, PURPOSES.len());
            r.purpose = Purpose::from_word(PURPOSES[n]).unwrap();
        }
        if out != 1 {
            let n = self.bits(near.acts, ACTS.len());
            r.act = Act::from_word(ACTS[n]).unwrap();
        }
        if let Some(to) = near.to.as_deref().filter(|to| out != 2 && r.to.as_str() != *to) {
            let giver = text.parties.iter().find(|p| p.id != to).unwrap();
            (r.from, r.to, r.member) = (partner(&giver.id), partner(to), None);
        }
        if r.act == Act::Reshare {
            r.origin = Some(r.from.clone());
            r.from = r.to.clone();
            if r.member.is_none() {
                // Within a house only to a member: else to somebody else.
                r.to = partner("region");
            }
        }
        if out != 3 {
            if self.dice.chance(80) {
                r.categories.clear();
            }
            let c = self.bits(near.categories, CATEGORIES.len());
            self.add(text, c, r);
            // One step weaker, half of the time.
            let sent = r.protection.get(&category(c)).copied();
            let weaker = match sent {
                Some(Protection::Aggregate(k)) => Protection::Aggregate(k.saturating_sub(1)),
                Some(Protection::Pseudonym) => Protection::Token,
                Some(other) if other != Protection::Token => other,
                _ => Protection::Clear,
            };
            if self.dice.chance(50) {
                r.protection.insert(category(c), weaker);
            }
        }
    }

    /// A category in the form that the text asks for, or a stronger one.
    fn add(&mut self, text: &Text, c: usize, r: &mut Request) {
        let (purpose, act) = (1 << at(&PURPOSES, r.purpose.word()), 1 << at(&ACTS, r.act.word()));
        let asked = |p: &&Rule<Form>| p.scope.holds(1 << c, purpose, act, r.to.as_str());
        let mut least = if CATEGORIES[c] == "victim-identity" { 2 } else { 0 };
        for p in text.protects.iter().filter(asked) {
            match p.says {
                Form::Least(n) => least = least.max(n),
                Form::Psi { set, reveal } => {
                    r.records = r.records.min(set);
                    let set = if self.dice.chance(60) { set } else { r.records };
                    r.matching = Some(Matching { set, reveal });
                }
                Form::Dp { epsilon, ref unit, ref period } => {
                    let spent = epsilon / 2 * self.dice.below(2) as u64;
                    r.budget = Some(Budget {
                        asked: epsilon - spent,
                        spent,
                        unit: Unit::from_word(unit).unwrap(),
                        period: Period::from_word(period).unwrap(),
                    });
                }
                Form::Never => {}
            }
        }
        let sent = if self.dice.chance(70) { least } else { least.max(self.dice.below(3) as u64) };
        r.categories.insert(category(c));
        r.protection.insert(category(c), form(sent));
    }

    /// A case with its reason, and so much spent before that the caps are just reached or not at all.
    fn counted(&mut self, s: &Share, r: &mut Request) {
        if self.dice.chance(85) {
            r.case = Some(CaseId::new("case-1").unwrap());
            r.reason = Some("a lead".to_owned());
        }
        let before = |dice: &mut Dice, cap: Option<u64>| match cap {
            Some(cap) if dice.chance(60) => cap - r.records.min(cap),
            _ => 0,
        };
        let [case, month, total] = [1, 2, 3].map(|i| before(&mut self.dice, s.caps[i]));
        r.spent = Spent { case, month, total };
    }

    /// The request as a declared emergency widens it: in clear, to whom the clause names.
    fn in_emergency(&mut self, text: &Text, r: &mut Request, now: &mut i64) {
        let (number, from) = self.dice.pick(&text.declared).clone();
        let e: &Emergency = text.emergencies.iter().find(|e| e.number == number).unwrap();
        let giver = text.parties.iter().find(|p| p.id != e.to).unwrap();
        let purpose = self.bits(e.purposes, PURPOSES.len());
        r.purpose = Purpose::from_word(PURPOSES[purpose]).unwrap();
        r.act = Act::Receive;
        (r.from, r.to, r.origin) = (partner(&giver.id), partner(&e.to), None);
        if matches!(e.who, Who::Partner) {
            r.member = None;
        }
        r.place = None;
        self.good_place(text, &e.to, r);
        r.categories.clear();
        for _ in 0..1 + self.dice.below(2) {
            let c = self.bits(e.categories, CATEGORIES.len());
            r.categories.insert(category(c));
            let identity = CATEGORIES[c] == "victim-identity" && self.dice.chance(70);
            r.protection
                .insert(category(c), if identity { Protection::Pseudonym } else { Protection::Clear });
        }
        let hours = e.hours * 3_600_000_000;
        let edge = from + *self.dice.pick(&[0, hours, hours / 2, hours / 2]);
        *now = edge + *self.dice.pick(&[-1, 0, 0, 1]);
    }

    /// What a share for handing on is about: the holder's own house, or another partner.
    fn hand_on(&mut self, text: &Text, s: &Share, r: &mut Request) {
        r.origin = Some(partner(&s.from));
        r.from = partner(&s.to);
        let (purpose, act) = (1 << at(&PURPOSES, r.purpose.word()), 1 << at(&ACTS, "reshare"));
        let first = r.categories.iter().next().map_or(0, |c| at(&CATEGORIES, c.word()));
        let rule = text.onwards.iter().find(|o| o.scope.holds(1 << first, purpose, act, &s.to));
        match rule.map(|o| &o.says) {
            Some(Onward::Named(names)) if self.dice.chance(80) => {
                r.to = partner(&self.dice.pick(names).clone());
                r.member = None;
                self.good_place(text, &s.to, r);
            }
            Some(Onward::Consent) => r.consent = Some(self.letter),
            _ => {}
        }
        if self.dice.chance(80) {
            r.handling.tlp = Tlp::ALL[text.floor.min(2) + self.dice.below(3 - text.floor.min(2))];
        }
    }

    fn good_place(&mut self, text: &Text, party: &str, r: &mut Request) {
        if let Some(p) = text.places.iter().find(|p| p.party == party) {
            let all: Vec<&String> = p.places.iter().collect();
            r.place = Some(self.dice.pick(&all).as_str().parse().unwrap());
        }
    }

    fn over_an_edge(&mut self, text: &Text, s: &Share, r: &mut Request, now: &mut i64) {
        match self.dice.below(22) {
            0 => r.records = s.caps[0].unwrap_or(r.records).saturating_add(1),
            1 => r.records = *self.dice.pick(&[1, 500, 501, 1_000_000, u64::MAX]),
            17 => {
                let slot = match self.dice.below(3) {
                    0 => &mut r.spent.case,
                    1 => &mut r.spent.month,
                    _ => &mut r.spent.total,
                };
                *slot = slot.saturating_add(1);
            }
            18 if self.dice.chance(50) => r.case = None,
            18 => r.reason = [None, Some(" ".to_owned())][self.dice.below(2)].clone(),
            19 => match (&mut r.matching, self.dice.below(3)) {
                (Some(m), 0) => m.set += 1,
                (Some(m), 1) => m.reveal += 1,
                (m, _) => *m = None,
            },
            20 => match (&mut r.budget, self.dice.below(4)) {
                (Some(b), 0) => b.asked += 1,
                (Some(b), 1) => b.unit = Unit::Person,
                (Some(b), 2) => b.period = Period::Day,
                (b, _) => *b = None,
            },
            21 => {
                let all: [Option<Grading>; 5] = [
                    None,
                    Some("a1".parse().unwrap()),
                    Some("c2".parse().unwrap()),
                    Some("b3".parse().unwrap()),
                    Some("a4".parse().unwrap()),
                ];
                r.grading = *self.dice.pick(&all);
            }
            2 => r.purpose = Purpose::from_word(self.dice.word(&PURPOSES)).unwrap(),
            3 => r.act = *self.dice.pick(Act::ALL),
            4 => {
                let c = self.dice.below(CATEGORIES.len());
                self.add(text, c, r);
            }
            5 => {
                // One step weaker, or stronger.
                let all: Vec<Category> = r.categories.iter().copied().collect();
                if !all.is_empty() {
                    let c = *self.dice.pick(&all);
                    let stepped = match r.protection.get(&c) {
                        Some(Protection::Aggregate(k)) => Protection::Aggregate(if self.dice.chance(70) {
                            k.saturating_sub(1)
                        } else {
                            k + 1
                        }),
                        Some(Protection::Pseudonym) => {
                            *self.dice.pick(&[Protection::Token, Protection::Aggregate(2)])
                        }
                        Some(Protection::Token) => {
                            *self.dice.pick(&[Protection::Clear, Protection::Pseudonym])
                        }
                        _ => {
                            *self.dice.pick(&[Protection::Token, Protection::Never, Protection::Aggregate(1)])
                        }
                    };
                    r.protection.insert(c, stepped);
                }
            }
            6 => r.handling.tlp = *self.dice.pick(&Tlp::ALL[text.floor.saturating_sub(1)..]),
            7 => r.handling.code = *self.dice.pick(HandlingCode::ALL),
            8 => {
                r.consent = match r.consent {
                    None => Some(self.letter),
                    Some(_) => None,
                }
            }
            9 => r.place = Some((self.dice.pick(&PLACES)).parse().unwrap()),
            10 => {
                let p = (self.dice.pick(&PLACES)).parse().unwrap();
                match self.dice.below(3) {
                    0 => r.concerns = BTreeSet::new(),
                    1 => r.concerns = BTreeSet::from([p]),
                    _ => drop(r.concerns.insert(p)),
                }
            }
            11 => self.other_member(text, r),
            12 | 13 => self.other_time(text, r, now),
            14 => {
                r.categories.pop_last();
            }
            15 => {
                let parties = ["company", "police", "region", "fintech"];
                match self.dice.below(4) {
                    0 => r.from = partner(self.dice.word(&parties)),
                    1 => r.to = partner(self.dice.word(&parties)),
                    2 => std::mem::swap(&mut r.from, &mut r.to),
                    _ => r.member = None,
                }
            }
            _ => {
                r.origin = match self.dice.below(3) {
                    0 => None,
                    1 => Some(partner(&s.from)),
                    _ => Some(partner(self.dice.word(&["company", "police", "region", "fintech"]))),
                }
            }
        }
    }

    fn other_member(&mut self, text: &Text, r: &mut Request) {
        let all: Vec<&String> = text.parties.iter().flat_map(|p| p.members.iter().map(|m| &m.id)).collect();
        r.member = match all.is_empty() || self.dice.chance(25) {
            true => self.dice.chance(50).then(|| MemberId::new("nobody").unwrap()),
            false => Some(MemberId::new(self.dice.pick(&all).as_str()).unwrap()),
        };
    }

    /// A time at an edge: of the term, or of the member's own.
    fn other_time(&mut self, text: &Text, r: &Request, now: &mut i64) {
        let mut edges = vec![text.from, text.end];
        let member = r.member.as_ref().and_then(|m| text.parties.iter().find_map(|p| p.member(m.as_str())));
        if let Some(m) = member {
            // Twice: these are the rarer ones.
            edges.extend([Some(m.since), m.out, Some(m.since), m.out].into_iter().flatten());
        }
        let edge = *self.dice.pick(&edges);
        *now = edge + *self.dice.pick(&[-DAY, -1, -1, 0, 0, 1, DAY]);
    }
}

pub fn at(all: &[&str], word: &str) -> usize {
    all.iter().position(|w| *w == word).unwrap()
}
