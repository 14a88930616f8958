//! Which share clause comes nearest to a request that one agreement refuses, and which condition is missing: the rules
//! of `conformance/agreement/rulings/README.md`, once more and from the clause blocks alone.

use super::decide::{Answer, Facts, Seen, each};
use super::made::CATEGORIES;
use super::text::{Form, Share, Text};
use crate::tested::{Act, Request};

/// The standing prohibitions in the order in which they are told, with the condition each asks for.
const STANDING: [(&str, &str); 10] = [
    ("victim-identity", "victim-identity"),
    ("reshare", "reshare"),
    ("term", "term"),
    ("opted-out", "opted-out"),
    ("court", "court"),
    ("purpose", "purpose"),
    ("parties", "parties"),
    ("onward", "onward"),
    ("noisy-counts", "noisy-counts"),
    ("no-fishing", "no-fishing"),
];

impl Facts<'_> {
    /// The conditions of a share that are not met for one category, in their order, with their weights.
    fn unmet(&self, s: &Share, category: usize) -> Vec<(u32, &'static str)> {
        let r = self.r;
        let past = |cap: Option<u64>, before: u64| {
            cap.is_some_and(|cap| u128::from(before) + u128::from(r.records) > u128::from(cap))
        };
        let [records, case, month, total] = s.caps;
        [
            (16, "way", s.from != self.seen.giver || s.to != self.seen.getter),
            (8, "category", s.scope.categories & (1 << category) == 0),
            (4, "act", s.scope.acts & self.act == 0),
            (3, "purpose", s.scope.purposes & self.purpose == 0),
            (2, "member", !self.belongs_to(s)),
            (2, "own-place", s.own && !self.own()),
            (1, "records", past(records, 0)),
            (1, "per-case", past(case, r.spent.case)),
            (1, "per-month", past(month, r.spent.month)),
            (1, "total", past(total, r.spent.total)),
            (1, "case", case.is_some() && r.case.is_none()),
        ]
        .into_iter()
        .filter_map(|(weight, word, lacks)| lacks.then_some((weight, word)))
        .collect()
    }

    /// As for the share's own receiver, whichever way it runs.
    fn belongs_to(&self, s: &Share) -> bool {
        let its = s.to == self.seen.getter || !matches!(s.who, super::text::Who::All);
        self.belongs(&s.who) && (its || self.reshare || self.member.is_none())
    }
}

impl Text {
    /// The nearest share and the missing condition, of a request that this text refuses without any emergency.
    pub fn nearest(&self, r: &Request, seen: &Seen<'_>, now: i64) -> (Option<String>, &'static str) {
        let f = self.facts(r, seen, now, None);
        let Answer::Deny { clauses, standing } = self.answer_with(r, seen, now, None) else {
            panic!("it is not refused: {r:?}");
        };
        let strictest_first = || CATEGORIES.iter().enumerate().map(|(i, _)| i).rev();
        let asked: Vec<usize> = strictest_first().filter(|i| each(f.categories).any(|c| c == *i)).collect();
        let uncovered =
            asked.iter().copied().find(|c| !self.shares.iter().any(|s| f.unmet(s, *c).is_empty()));
        let weak = asked.iter().copied().find(|c| self.weak(&f, *c));
        let category = uncovered.or(weak).unwrap_or(asked[0]);
        let mut nearest: Option<(u32, &Share)> = None;
        for s in &self.shares {
            let far = f.unmet(s, category).iter().map(|(w, _)| w).sum();
            if nearest.is_none_or(|(least, _)| far < least) {
                nearest = Some((far, s));
            }
        }
        let number = nearest.map(|(_, s)| s.number.clone());
        if let (Some(_), Some((_, s))) = (uncovered, nearest) {
            return (number, f.unmet(s, category)[0].1);
        }
        let mut forbidding: Vec<&String> = clauses.iter().collect();
        forbidding.sort_by_key(|n| n.split('.').map(|p| p.parse::<u32>().unwrap()).collect::<Vec<_>>());
        let missing = match forbidding.first() {
            Some(first) => self.asks(&f, first),
            None => STANDING.iter().find(|(p, _)| standing.contains(p)).map_or("share", |(_, c)| c),
        };
        (number, missing)
    }

    /// Whether a protect clause that can be met at all asks more for a category than is given.
    fn weak(&self, f: &Facts<'_>, category: usize) -> bool {
        self.protects.iter().any(|p| {
            let speaks = p.scope.holds(1 << category, f.purpose, f.act, f.seen.getter);
            speaks
                && match &p.says {
                    Form::Never => false,
                    Form::Least(least) => f.sent(category) < *least,
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
                }
        })
    }

    /// What a clause that refuses asks for.
    fn asks(&self, f: &Facts<'_>, number: &str) -> &'static str {
        if let Some(p) = self.protects.iter().find(|p| p.number == number) {
            return match p.says {
                Form::Never => "never",
                Form::Least(_) => "form",
                Form::Psi { .. } => "psi",
                Form::Dp { .. } => "dp",
            };
        }
        if self.onwards.iter().any(|o| o.number == number) {
            return "onward";
        }
        if self.places.iter().any(|p| p.number == number) {
            return "place";
        }
        let graded = f.r.grading.map_or((4, 4), |g| super::text::grading(&g.to_string()));
        if f.tlp < self.floor {
            "tlp"
        } else if self.marks.grading.is_some_and(|(s, i)| graded.0 > s || graded.1 > i) {
            "grading"
        } else if self.codes.iter().any(|c| c == f.code()) {
            "actions"
        } else {
            "code"
        }
    }
}
