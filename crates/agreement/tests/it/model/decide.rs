//! The decision on a request by the blocks of the texts, without Cedar.
//!
//! It says not only whether, but on which clauses and with which duties, and of a refusal every clause and standing
//! prohibition that refuses: a policy that is right for a wrong reason does not agree with it.

use super::made::{ACTS, CATEGORIES, PURPOSES};
use super::text::{
    DAY, Emergency, Form, Onward, Party, Share, TLP, Text, Who, Words, bit, grading, strength,
};
use crate::tested::{Act, Request};
use std::collections::{BTreeMap, BTreeSet};

/// What one agreement says of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Permit { clauses: BTreeSet<String>, duties: BTreeMap<&'static str, i64> },
    Deny { clauses: BTreeSet<String>, standing: BTreeSet<&'static str> },
}

/// What all agreements together say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Permit {
        clauses: BTreeSet<String>,
        duties: BTreeMap<&'static str, i64>,
    },
    /// By the agreement with this id.
    Deny {
        agreement: String,
        clauses: BTreeSet<String>,
        standing: BTreeSet<&'static str>,
    },
    /// No agreement in force, or a request that says too little: the code.
    Cannot(&'static str),
}

/// A request as one agreement sees it.
pub struct Seen<'a> {
    pub giver: &'a str,
    pub getter: &'a str,
    /// To whom the holder hands them on; `None`: it stays in the holder's house, or nothing is handed on.
    pub onward: Option<&'a str>,
    pub act: Act,
}

pub struct Facts<'a> {
    pub r: &'a Request,
    pub seen: &'a Seen<'a>,
    pub getter: Option<&'a Party>,
    pub member: Option<&'a str>,
    pub categories: Words,
    pub purpose: Words,
    pub act: Words,
    pub reshare: bool,
    pub consent: bool,
    pub tlp: usize,
    pub now: i64,
    /// The declared emergency that is called upon, with its first instant.
    pub emergency: Option<(&'a Emergency, i64)>,
}

fn categories(r: &Request) -> Words {
    match r.categories.is_empty() {
        true => bit(&CATEGORIES, "victim-identity"),
        false => r.categories.iter().map(|c| bit(&CATEGORIES, c.word())).sum(),
    }
}

pub fn each(words: Words) -> impl Iterator<Item = usize> {
    (0..CATEGORIES.len()).filter(move |i| words & (1 << i) != 0)
}

impl Facts<'_> {
    /// The strength of the form in which a category is sent.
    pub fn sent(&self, category: usize) -> u64 {
        let form = self.r.protection.iter().find(|(c, _)| c.word() == CATEGORIES[category]);
        form.map_or(0, |(_, form)| strength(&form.to_string()))
    }
    fn place(&self) -> String {
        if let Some(p) = &self.r.place {
            return p.to_string();
        }
        if self.seen.onward.is_some() {
            return "ZZ".to_owned();
        }
        let seat = match (self.getter, self.member) {
            (Some(g), Some(m)) => g.member(m).map(|m| m.place.clone()),
            (Some(g), None) => Some(g.place.clone()),
            (None, _) => None,
        };
        seat.unwrap_or_else(|| "ZZ".to_owned())
    }
    pub fn code(&self) -> &'static str {
        self.r.handling.code.word()
    }
    fn court(&self) -> bool {
        self.r.purpose.word() == "evidence-in-court"
    }

    /// Whether a share lets everything but the category pass.
    fn shared(&self, s: &Share) -> bool {
        s.from == self.seen.giver
            && s.to == self.seen.getter
            && s.scope.purposes & self.purpose != 0
            && s.scope.acts & self.act != 0
            && self.belongs(&s.who)
            && (!s.own || self.own())
            && self.within(&s.caps)
    }

    /// Whether every record concerns the receiver's own place and no other.
    pub fn own(&self) -> bool {
        let home = match (self.getter, self.member) {
            // A member in its own place; handed to another partner, the house has no member there.
            (Some(g), Some(m)) if self.seen.onward.is_none() => g.member(m).map(|m| m.place.as_str()),
            (Some(g), None) if g.members.is_empty() => Some(g.place.as_str()),
            _ => None,
        };
        self.r.concerns.len() == 1 && self.r.concerns.iter().all(|c| Some(c.as_str()) == home)
    }

    pub fn belongs(&self, who: &Who) -> bool {
        // To whom received records are handed on is the onward clauses' matter.
        self.reshare
            || match (who, self.member) {
                (Who::Partner, m) => m.is_none(),
                (Who::All, None) => true,
                (Who::All, Some(m)) => self.getter.is_some_and(|g| g.member(m).is_some()),
                (Who::These(these), m) => m.is_some_and(|m| these.iter().any(|t| t == m)),
            }
    }

    fn within(&self, caps: &[Option<u64>; 4]) -> bool {
        let spent = &self.r.spent;
        let before =
            [Some(0), self.r.case.as_ref().map(|_| spent.case), Some(spent.month), Some(spent.total)];
        caps.iter().zip(before).all(|(cap, before)| {
            cap.is_none_or(|cap| {
                before.is_some_and(|b| u128::from(b) + u128::from(self.r.records) <= u128::from(cap))
            })
        })
    }

    /// Whether the emergency that is called upon widens a category.
    fn widened(&self, category: usize) -> bool {
        self.emergency.is_some_and(|(e, from)| {
            e.categories & (1 << category) != 0
                && from <= self.now
                && self.now < from + e.hours * 3_600_000_000
                && self.seen.getter == e.to
                && self.seen.giver != e.to
                && self.seen.act == Act::Receive
                && e.purposes & self.purpose != 0
                && self.belongs(&e.who)
        })
    }
}

impl Text {
    /// What this agreement says: with a declared emergency only where nothing else helps.
    pub fn answer(&self, r: &Request, seen: &Seen<'_>, now: i64) -> Answer {
        let plain = self.answer_with(r, seen, now, None);
        let called = |(number, from): &(String, i64)| {
            let e = self.emergencies.iter().find(|e| e.number == *number).unwrap();
            let widened = self.answer_with(r, seen, now, Some((e, *from)));
            matches!(widened, Answer::Permit { .. }).then_some(widened)
        };
        match plain {
            Answer::Deny { .. } => self.declared.iter().find_map(called).unwrap_or(plain),
            permit => permit,
        }
    }

    /// The same with this emergency called upon, or with none.
    pub fn answer_with(
        &self,
        r: &Request,
        seen: &Seen<'_>,
        now: i64,
        emergency: Option<(&Emergency, i64)>,
    ) -> Answer {
        let f = self.facts(r, seen, now, emergency);
        let sharing: Vec<&Share> = self.shares.iter().filter(|s| f.shared(s)).collect();
        let clauses = self.refusing(&f);
        let standing = self.standing(&f, &sharing);
        if !clauses.is_empty() || !standing.is_empty() {
            return Answer::Deny { clauses, standing };
        }
        let mut clauses: BTreeSet<String> = sharing
            .iter()
            .filter(|s| s.scope.categories & f.categories != 0)
            .map(|s| s.number.clone())
            .collect();
        if each(f.categories).any(|c| f.widened(c)) {
            clauses.extend(f.emergency.iter().map(|(e, _)| e.number.clone()));
        }
        let mut duties: BTreeMap<&'static str, i64> = BTreeMap::new();
        for d in self.duties.iter().filter(|d| d.scope.holds(f.categories, f.purpose, f.act, seen.getter)) {
            clauses.insert(d.number.clone());
            for (kind, n) in &d.says {
                duties.entry(*kind).and_modify(|m| *m = (*m).min(*n)).or_insert(*n);
            }
        }
        let kept = duties.get("days").map(|days| f.now + days * DAY);
        let end = (!self.kept).then_some(self.end);
        if let Some(by) = kept.into_iter().chain(end).min() {
            duties.insert("erase", by);
        }
        Answer::Permit { clauses, duties }
    }

    /// The request with what this text knows of it.
    pub fn facts<'a>(
        &'a self,
        r: &'a Request,
        seen: &'a Seen<'a>,
        now: i64,
        emergency: Option<(&'a Emergency, i64)>,
    ) -> Facts<'a> {
        Facts {
            r,
            seen,
            getter: self.party(seen.getter),
            member: r.member.as_ref().map(|m| m.as_str()),
            categories: categories(r),
            purpose: bit(&PURPOSES, r.purpose.word()),
            act: bit(&ACTS, seen.act.word()),
            reshare: seen.act == Act::Reshare,
            consent: r.consent.is_some(),
            tlp: TLP.iter().position(|t| *t == r.handling.tlp.word()).unwrap(),
            now,
            // Only what one party gives the other.
            emergency: emergency.filter(|_| self.party(seen.giver).is_some()),
        }
    }

    /// The clauses that refuse it.
    pub fn refusing(&self, f: &Facts<'_>) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        let getter = f.seen.getter;
        for p in &self.protects {
            let weak = |c: usize| {
                if !p.scope.holds(1 << c, f.purpose, f.act, getter) {
                    return false;
                }
                let unmet = match &p.says {
                    Form::Never => return true,
                    Form::Least(least) => f.sent(c) < *least,
                    Form::Psi { set, reveal } => {
                        let fits =
                            f.r.matching
                                .is_some_and(|m| m.set.max(f.r.records) <= *set && m.reveal <= *reveal);
                        f.seen.act != Act::PsiMatch || !fits
                    }
                    Form::Dp { epsilon, unit, period } => {
                        let fits = f.r.budget.is_some_and(|b| {
                            b.asked.saturating_add(b.spent) <= *epsilon
                                && b.unit.word() == unit
                                && b.period.word() == period
                        });
                        f.seen.act != Act::DpCount || !fits
                    }
                };
                unmet && !f.widened(c)
            };
            if each(f.categories).any(weak) {
                out.insert(p.number.clone());
            }
        }
        let graded = f.r.grading.map_or((4, 4), |g| grading(&g.to_string()));
        let worse = self.marks.grading.is_some_and(|(s, i)| graded.0 > s || graded.1 > i);
        // FIRST IEP 2.0: what the work for a purpose lets others see.
        let needs = match f.r.purpose.word() {
            "takedown" | "victim-notification" | "evidence-in-court" => 4,
            "investigation" => 3,
            _ => 2,
        };
        let beyond = self.marks.actions.is_some_and(|most| needs > most);
        if f.tlp < self.floor || !self.codes.iter().any(|c| c == f.code()) || worse || beyond {
            out.insert(self.handling.clone());
        }
        for o in self.onwards.iter().filter(|_| f.reshare) {
            let allowed = match &o.says {
                Onward::None => false,
                Onward::Members => f.seen.onward.is_none() && f.member.is_some(),
                Onward::Named(names) => f.seen.onward.is_some_and(|to| names.iter().any(|n| n == to)),
                Onward::Consent => f.consent,
            };
            if !allowed && o.scope.holds(f.categories, f.purpose, f.act, getter) {
                out.insert(o.number.clone());
            }
        }
        for p in self.places.iter().filter(|p| p.party == getter) {
            if !p.places.contains(&f.place()) {
                out.insert(p.number.clone());
            }
        }
        out
    }

    /// The standing prohibitions that refuse it.
    fn standing(&self, f: &Facts<'_>, sharing: &[&Share]) -> BTreeSet<&'static str> {
        let mut out = BTreeSet::new();
        let mut refuse = |word: &'static str, when: bool| {
            if when {
                out.insert(word);
            }
        };
        let (giver, getter) = (f.seen.giver, f.seen.getter);
        let identity = CATEGORIES.len() - 1;
        refuse("victim-identity", f.categories & (1 << identity) != 0 && f.sent(identity) < 2);
        refuse(
            "each-category",
            each(f.categories)
                .any(|c| !f.widened(c) && !sharing.iter().any(|s| s.scope.categories & (1 << c) != 0)),
        );
        refuse("reshare", f.reshare && (f.tlp >= 3 || (f.code() == "h2" && !f.consent)));
        refuse("term", f.now < self.from || f.now >= self.end);
        if let (Some(member), None) = (f.member, f.seen.onward) {
            let known = f.getter.and_then(|g| g.member(member));
            let active = known.is_some_and(|m| m.since <= f.now && m.out.is_none_or(|out| f.now < out));
            refuse("opted-out", !active);
        }
        let in_court = f.court() || f.seen.act == Act::UseInCourt;
        refuse("court", f.code() == "h1" && !f.consent && in_court);
        refuse("purpose", self.purposes & f.purpose == 0 || (f.seen.act == Act::UseInCourt && !f.court()));
        refuse("parties", giver == getter || self.party(giver).is_none() || f.getter.is_none());
        let granted = |c: usize| {
            self.onwards
                .iter()
                .any(|o| !matches!(o.says, Onward::None) && o.scope.holds(1 << c, f.purpose, f.act, getter))
        };
        refuse("onward", f.reshare && each(f.categories).any(|c| !granted(c)));
        let said = f.r.reason.as_deref().is_some_and(|r| !r.trim().is_empty());
        refuse("no-fishing", f.seen.act == Act::PsiMatch && !(f.r.case.is_some() && said));
        refuse("noisy-counts", f.seen.act == Act::DpCount && f.court());
        out
    }
}

/// The agreement between two partners that is in force.
fn between<'t>(texts: &'t [Text], a: &str, b: &str, now: i64) -> Option<&'t Text> {
    texts
        .iter()
        .find(|t| a != b && t.party(a).is_some() && t.party(b).is_some() && t.from <= now && now < t.end)
}

/// The crossings that a request comes down to: the provider's agreement first, then that of giver and getter.
pub fn crossings(r: &Request) -> Result<Vec<Seen<'_>>, &'static str> {
    let (from, to) = (r.from.as_str(), r.to.as_str());
    let foreign = r.origin.as_ref().map(|o| o.as_str()).filter(|o| *o != from);
    let reshare = r.act == Act::Reshare;
    if reshare && (foreign.is_none() || foreign == Some(to)) {
        return Err("CMT-0205");
    }
    let mut out = Vec::new();
    if let Some(provider) = foreign.filter(|o| *o != to) {
        if reshare && from == to && r.member.is_none() {
            return Err("CMT-0205");
        }
        let onward = (from != to).then_some(to);
        out.push(Seen { giver: provider, getter: from, onward, act: Act::Reshare });
    }
    if !(reshare && from == to) {
        let act = if reshare { Act::Receive } else { r.act };
        out.push(Seen { giver: from, getter: to, onward: None, act });
    }
    Ok(out)
}

/// The whole decision.
pub fn decide(texts: &[Text], r: &Request, now: i64) -> Verdict {
    let crossings = match crossings(r) {
        Ok(c) => c,
        Err(code) => return Verdict::Cannot(code),
    };
    let (mut all, mut owed): (BTreeSet<String>, BTreeMap<&'static str, i64>) = Default::default();
    for seen in &crossings {
        let Some(text) = between(texts, seen.giver, seen.getter, now) else {
            return Verdict::Cannot("CMT-0201");
        };
        match text.answer(r, seen, now) {
            Answer::Deny { clauses, standing } => {
                return Verdict::Deny { agreement: text.id.clone(), clauses, standing };
            }
            Answer::Permit { clauses, duties } => {
                all.extend(clauses.iter().map(|n| format!("{} {n}", text.id)));
                for (kind, n) in duties {
                    owed.entry(kind).and_modify(|m| *m = n.min(*m)).or_insert(n);
                }
            }
        }
    }
    Verdict::Permit { clauses: all, duties: owed }
}
