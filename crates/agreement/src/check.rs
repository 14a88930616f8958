//! Rules between clauses: what each block may say alone, and not together with the rest.
//!
//! Here: required clauses, known parties and members, purposes within those granted, gaps that would leave a category
//! unprotected. Elsewhere: what a single block may say (`clause`), contradictions (`clash`).
//! A rule is skipped where a clause it would need is broken, so that one mistake is reported once.

use crate::{
    Act, Clause, Kind,
    clause::{Body, Form, Members, OnwardRule, Party, Protect, Share, holds},
    diagnostics::Problem,
    fields::{At, list, nearest},
};
use std::{collections::BTreeSet, ops::Range};
use terms::{Category, MemberId, PartnerId, Protection, Purpose};

pub(crate) fn check(
    text: &str,
    clauses: &[Clause],
    broken: &BTreeSet<Option<Kind>>,
    problems: &mut Vec<Problem>,
) {
    let c = Checker { text, clauses, broken };
    c.required(problems);
    if c.whole(&[Kind::Party]) {
        let before = problems.len();
        c.parties(problems);
        // Where it is not clear who the parties are, nobody is reported as unknown.
        if problems.len() == before {
            c.known_parties(problems);
            c.known_members(problems);
            c.legal_basis(problems);
        }
    }
    if c.whole(&[Kind::Purpose]) {
        c.granted_purposes(problems);
    }
    if c.whole(&[Kind::Party]) && c.whole(&[Kind::Place]) {
        c.grounds(problems);
    }
    c.survivals(problems);
    c.doubled_entries(problems);
    c.contradictions(problems);
    c.rivals(problems);
    c.shares(problems);
    if c.whole(&[Kind::Protect]) {
        c.emergencies(problems);
    }
    if c.whole(&[Kind::Retain]) {
        c.emergencies_retained(problems);
    }
}

pub(crate) struct Checker<'a> {
    text: &'a str,
    pub(crate) clauses: &'a [Clause],
    broken: &'a BTreeSet<Option<Kind>>,
}

impl<'a> Checker<'a> {
    /// Whether every clause of these kinds could be read.
    fn whole(&self, kinds: &[Kind]) -> bool {
        !self.broken.contains(&None) && kinds.iter().all(|k| !self.broken.contains(&Some(*k)))
    }

    fn parties_of(&self) -> Vec<(&'a Clause, &'a Party)> {
        (self.clauses.iter())
            .filter_map(|c| if let Body::Party(p) = &c.body { Some((c, p)) } else { None })
            .collect()
    }

    fn title_span(&self) -> Range<usize> {
        0..self.text.find('\n').unwrap_or(0)
    }

    fn required(&self, problems: &mut Vec<Problem>) {
        for (kind, least, most) in
            [(Kind::Party, 2, 2), (Kind::Purpose, 1, 2_000), (Kind::Term, 1, 1), (Kind::Handling, 1, 1)]
        {
            if !self.whole(&[kind]) || self.clauses.is_empty() {
                continue;
            }
            let all: Vec<&Clause> = self.clauses.iter().filter(|c| c.kind() == kind).collect();
            if all.len() < least {
                problems.push(
                    Problem::new("CMT-0128", format!("the agreement has {} of {least} `{kind}` clauses", all.len()))
                        .label(self.title_span(), format!("a `{kind}` clause is missing"))
                        .help("every agreement has two `party`, one `term`, one `handling` and at least one `purpose` clause"),
                );
            }
            if let Some(extra) = all.get(most) {
                problems.push(
                    Problem::new("CMT-0129", format!("one `{kind}` clause too many"))
                        .label(extra.number_span.clone(), format!("at most {most} may stand in an agreement"))
                        .help("bring them together in one clause; an agreement has exactly two parties"),
                );
            }
        }
    }

    fn parties(&self, problems: &mut Vec<Problem>) {
        let parties = self.parties_of();
        if let [(_, a), (_, b), ..] = parties.as_slice() {
            if a.id.value == b.id.value {
                problems.push(
                    Problem::new("CMT-0126", format!("`{}` is a party twice", b.id.value))
                        .label(b.id.span.clone(), "again")
                        .label(a.id.span.clone(), "first named here")
                        .help("give each party its own id"),
                );
            }
            if a.key.value == b.key.value {
                problems.push(
                    Problem::new("CMT-0136", "both parties have the same key")
                        .label(b.key.span.clone(), "the other party's key")
                        .label(a.key.span.clone(), "used here")
                        .help("each party signs with a key that only it holds"),
                );
            }
        }
        for (_, p) in &parties {
            let mut seen = BTreeSet::new();
            for m in &p.members {
                if !seen.insert(&m.id.value) {
                    problems.push(
                        Problem::new("CMT-0126", format!("`{}` is a member twice", m.id.value))
                            .label(m.id.span.clone(), "listed before")
                            .help("list each member once"),
                    );
                }
                if let Some(out) = m.opted_out.as_ref().filter(|o| o.value < m.since.value) {
                    problems.push(
                        Problem::new("CMT-0120", format!("`{}` opted out before it acceded", m.id.value))
                            .label(out.span.clone(), format!("earlier than {}", m.since.value))
                            .help("`opted-out` is the first day on which the member receives nothing"),
                    );
                }
            }
        }
    }

    /// Every place where a clause names a party.
    fn named_parties(&self) -> Vec<&'a At<PartnerId>> {
        let mut out: Vec<&At<PartnerId>> = Vec::new();
        for c in self.clauses {
            match &c.body {
                Body::Share(s) => out.extend([&s.from, &s.to]),
                Body::Protect(p) => out.extend(&p.scope.to),
                Body::Onward(o) => out.extend(&o.scope.to),
                Body::Retain(r) => out.extend(&r.scope.to),
                Body::Duty(d) => out.extend(&d.scope.to),
                Body::Place(p) => out.push(&p.party),
                Body::Emergency(e) => out.push(&e.to),
                Body::Power(p) => out.push(&p.party),
                Body::Recipient(r) => out.push(&r.party),
                Body::Witness(w) => out.extend(&w.witnesses),
                Body::Party(_) | Body::Purpose(_) | Body::Handling(_) | Body::Term(_) | Body::Offence(_) => {}
            }
        }
        out
    }

    fn known_parties(&self, problems: &mut Vec<Problem>) {
        let ids: Vec<&str> = self.parties_of().iter().map(|(_, p)| p.id.value.as_str()).collect();
        for named in self.named_parties() {
            if !ids.contains(&named.value.as_str()) {
                problems.push(unknown(
                    "CMT-0117",
                    "a party of this agreement",
                    named.value.as_str(),
                    &named.span,
                    &ids,
                ));
            }
        }
        for c in self.clauses {
            match &c.body {
                Body::Share(s) if s.from.value == s.to.value => problems.push(
                    Problem::new("CMT-0132", format!("`{}` shares with itself", s.to.value))
                        .label(s.to.span.clone(), "the same party gives and gets")
                        .help("name the other party in `from` or `to`"),
                ),
                Body::Witness(w) if w.needed.value > w.witnesses.len() as u64 => problems.push(
                    Problem::new("CMT-0127", "more witnesses are needed than are named")
                        .label(w.needed.span.clone(), format!("only {} are named", w.witnesses.len()))
                        .help("name more witnesses, or ask for fewer"),
                ),
                _ => {}
            }
        }
    }

    fn known_members(&self, problems: &mut Vec<Problem>) {
        let mut judge = |party: &PartnerId, member: &At<MemberId>| {
            let parties = self.parties_of();
            let Some((_, p)) = parties.iter().find(|(_, p)| p.id.value == *party) else { return };
            let ids: Vec<&str> = p.members.iter().map(|m| m.id.value.as_str()).collect();
            if !ids.contains(&member.value.as_str()) {
                let what = format!("a member of `{party}`");
                problems.push(unknown("CMT-0118", &what, member.value.as_str(), &member.span, &ids));
            }
        };
        for c in self.clauses {
            match &c.body {
                Body::Share(Share { to: party, members: Members::These(these), .. }) => {
                    these.iter().for_each(|m| judge(&party.value, m));
                }
                Body::Power(p) => {
                    if let Members::These(these) = &p.members {
                        these.iter().for_each(|m| judge(&p.party.value, m));
                    }
                }
                Body::Recipient(r) => {
                    r.recipients
                        .iter()
                        .filter_map(|e| e.member.as_ref())
                        .for_each(|m| judge(&r.party.value, m));
                }
                _ => {}
            }
        }
    }

    fn legal_basis(&self, problems: &mut Vec<Problem>) {
        let ids: Vec<&str> = self.parties_of().iter().map(|(_, p)| p.id.value.as_str()).collect();
        for c in self.clauses {
            let Body::Purpose(p) = &c.body else { continue };
            for (party, _) in p.basis.iter().filter(|(k, _)| !ids.contains(&k.value.as_str())) {
                problems.push(unknown(
                    "CMT-0117",
                    "a party of this agreement",
                    &party.value,
                    &party.span,
                    &ids,
                ));
            }
            for id in ids.iter().filter(|id| p.basis.iter().all(|(k, _)| k.value != **id)) {
                problems.push(
                    Problem::new("CMT-0113", format!("`basis` says nothing for `{id}`"))
                        .label(p.basis_span.clone(), "a legal basis is given for each party")
                        .help(format!("add `{id} = \"…\"`: on what law `{id}` rests these purposes")),
                );
            }
        }
    }

    fn granted_purposes(&self, problems: &mut Vec<Problem>) {
        let mut granted: Vec<Purpose> = Vec::new();
        let mut numbers: Vec<&str> = Vec::new();
        for c in self.clauses {
            if let Body::Purpose(p) = &c.body {
                granted.extend(p.purposes.iter().map(|p| p.value));
                numbers.push(&c.number);
            }
        }
        if granted.is_empty() {
            return;
        }
        let words: Vec<&str> = granted.iter().map(|p| p.word()).collect();
        let clause = if numbers.len() == 1 { "clause" } else { "clauses" };
        let verb = if numbers.len() == 1 { "names" } else { "name" };
        for c in self.clauses {
            let used: Vec<&At<Purpose>> = match &c.body {
                Body::Share(s) => s.purpose.iter().collect(),
                Body::Emergency(e) => e.purpose.iter().collect(),
                Body::Power(p) => vec![&p.purpose],
                Body::Protect(p) => p.scope.purpose.iter().flatten().collect(),
                Body::Retain(r) => r.scope.purpose.iter().flatten().collect(),
                Body::Duty(d) => d.scope.purpose.iter().flatten().collect(),
                Body::Onward(o) => o.scope.purpose.iter().flatten().collect(),
                _ => Vec::new(),
            };
            for p in used.into_iter().filter(|p| !granted.contains(&p.value)) {
                problems.push(
                    Problem::new("CMT-0114", "purpose is wider than the parties agreed")
                        .label(
                            p.span.clone(),
                            format!("{clause} {} {verb} {} only", numbers.join(" and "), list(&words)),
                        )
                        .help(format!(
                            "choose among those purposes, or amend clause {} first",
                            numbers.join(" or ")
                        )),
                );
            }
        }
    }

    /// Where records of one party rest outside the other's place, the ground is said.
    fn grounds(&self, problems: &mut Vec<Problem>) {
        for c in self.clauses {
            let Body::Place(p) = &c.body else { continue };
            let giver = self.parties_of().into_iter().find(|(_, q)| q.id.value != p.party.value);
            let Some((_, giver)) = giver.filter(|_| p.ground.is_none()) else { continue };
            if let Some(abroad) = p.places.iter().find(|place| place.value != giver.place) {
                problems.push(
                    Problem::new("CMT-0113", format!("no ground for the transfer to `{}`", abroad.value))
                        .label(
                            abroad.span.clone(),
                            format!("`{}` gives, and its place is `{}`", giver.id.value, giver.place),
                        )
                        .help("add `ground`: `adequacy`, `appropriate-safeguards`, `treaty` or `derogation`"),
                );
            }
        }
    }

    /// What is to survive the end stands in the text.
    fn survivals(&self, problems: &mut Vec<Problem>) {
        for c in self.clauses {
            let Body::Term(t) = &c.body else { continue };
            for s in &t.survives {
                let kind = Kind::ALL.iter().copied().find(|k| k.word() == s.value.word());
                if kind.is_some_and(|k| self.whole(&[k]) && self.clauses.iter().all(|c| c.kind() != k)) {
                    problems.push(
                        Problem::new("CMT-0139", format!("no `{}` clause stands here to survive", s.value))
                            .label(s.span.clone(), "nothing of this kind is agreed")
                            .help("write the clause, or drop the word"),
                    );
                }
            }
        }
    }

    fn doubled_entries(&self, problems: &mut Vec<Problem>) {
        let mut recipients = BTreeSet::new();
        let mut offences = BTreeSet::new();
        for c in self.clauses {
            let doubled: Vec<&At<String>> = match &c.body {
                Body::Recipient(r) => {
                    r.recipients.iter().map(|e| &e.id).filter(|id| !recipients.insert(&id.value)).collect()
                }
                Body::Offence(o) => {
                    o.offences.iter().map(|e| &e.id).filter(|id| !offences.insert(&id.value)).collect()
                }
                _ => Vec::new(),
            };
            for id in doubled {
                problems.push(
                    Problem::new("CMT-0126", format!("`{}` is listed twice", id.value))
                        .label(id.span.clone(), "listed before")
                        .help("list it once"),
                );
            }
        }
    }

    fn emergencies_retained(&self, problems: &mut Vec<Problem>) {
        for c in self.clauses {
            let Body::Emergency(e) = &c.body else { continue };
            // What never leaves is told of already.
            let leaves = |c: &&At<Category>| {
                !self.clauses.iter().any(|p| {
                    matches!(&p.body, Body::Protect(p) if p.form.value == Form::Plain(Protection::Never)
                        && holds(p.scope.categories.as_deref(), c.value))
                })
            };
            for category in e.categories.iter().filter(|c| c.value.personal()).filter(leaves) {
                let kept = |p: &At<Purpose>| {
                    self.clauses.iter().any(|c| {
                        matches!(&c.body, Body::Retain(r)
                            if r.scope.covers(category.value, p.value, Act::Receive, &e.to.value))
                    })
                };
                if let Some(purpose) = e.purpose.iter().find(|p| !kept(p)) {
                    problems.push(
                        Problem::new(
                            "CMT-0125",
                            format!("nothing says how long `{}` is kept", category.value),
                        )
                        .label(
                            category.span.clone(),
                            format!(
                                "speaks of persons; no `retain` clause covers it for `{}` in an emergency",
                                purpose.value
                            ),
                        )
                        .help("add a `retain` clause with `days`"),
                    );
                }
            }
        }
    }

    fn shares(&self, problems: &mut Vec<Problem>) {
        for c in self.clauses {
            let Body::Share(s) = &c.body else { continue };
            if self.whole(&[Kind::Protect]) {
                self.share_protected(s, problems);
            }
            if self.whole(&[Kind::Retain]) {
                self.share_retained(s, problems);
            }
            if self.whole(&[Kind::Onward]) {
                self.share_onward(s, problems);
            }
            let members =
                self.parties_of().iter().any(|(_, p)| p.id.value == s.to.value && !p.members.is_empty());
            if s.own && members && matches!(s.members, Members::None) {
                problems.push(
                    Problem::new("CMT-0113", "`concerns = \"own\"` needs `members`")
                        .label(s.to.span.clone(), "whose own records?")
                        .help("add `members = \"all\"`: each member then gets the records of its own place"),
                );
            }
        }
    }

    /// The combinations of purpose and act a share lets through.
    fn uses(s: &Share) -> impl Iterator<Item = (Purpose, Act)> {
        s.purpose.iter().flat_map(|p| s.act.iter().map(|a| (p.value, a.value)))
    }

    fn share_protected(&self, s: &Share, problems: &mut Vec<Problem>) {
        let rules: Vec<(&Clause, &Protect)> = (self.clauses.iter())
            .filter_map(|c| if let Body::Protect(p) = &c.body { Some((c, p)) } else { None })
            .collect();
        for category in &s.categories {
            for (purpose, act) in Self::uses(s) {
                let covering = || {
                    rules.iter().filter(|(_, p)| p.scope.covers(category.value, purpose, act, &s.to.value))
                };
                let never = covering().find(|(_, p)| p.form.value == Form::Plain(Protection::Never));
                let problem = if let Some((clause, rule)) = never {
                    Problem::new("CMT-0134", format!("`{}` is shared and may never leave", category.value))
                        .label(category.span.clone(), format!("shared for `{purpose}`"))
                        .label(rule.form.span.clone(), format!("clause {} says never", clause.number))
                        .help("take the category out of the share, or narrow the protection")
                } else if covering().next().is_none() {
                    Problem::new("CMT-0124", format!("nothing protects `{}`", category.value))
                        .label(
                            category.span.clone(),
                            format!("no `protect` clause speaks of it for `{purpose}` and `{act}`"),
                        )
                        .help("add a `protect` clause that names it; `form = \"clear\"` if it may leave as it is")
                } else {
                    continue;
                };
                problems.push(problem);
                break;
            }
        }
    }

    fn share_retained(&self, s: &Share, problems: &mut Vec<Problem>) {
        for category in s.categories.iter().filter(|c| c.value.personal()) {
            let gap = Self::uses(s).find(|(purpose, act)| {
                !self.clauses.iter().any(|c| {
                    matches!(&c.body, Body::Retain(r) if r.scope.covers(category.value, *purpose, *act, &s.to.value))
                })
            });
            if let Some((purpose, _)) = gap {
                problems.push(
                    Problem::new("CMT-0125", format!("nothing says how long `{}` is kept", category.value))
                        .label(
                            category.span.clone(),
                            format!("speaks of persons; no `retain` clause covers it for `{purpose}`"),
                        )
                        .help("add a `retain` clause with `days`"),
                );
            }
        }
    }

    fn share_onward(&self, s: &Share, problems: &mut Vec<Problem>) {
        let Some(act) = s.act.iter().find(|a| a.value == Act::Reshare) else { return };
        for category in &s.categories {
            for purpose in &s.purpose {
                let rule = self.clauses.iter().find_map(|c| match &c.body {
                    Body::Onward(o)
                        if o.scope.covers(category.value, purpose.value, Act::Reshare, &s.to.value) =>
                    {
                        Some((c, o))
                    }
                    _ => None,
                });
                let problem = match rule {
                    Some((_, o)) if o.rule.value != OnwardRule::None => continue,
                    Some((c, o)) => Problem::new(
                        "CMT-0123",
                        format!("`{}` may be reshared and may not be handed on", category.value),
                    )
                    .label(act.span.clone(), "reshare is allowed here")
                    .label(o.rule.span.clone(), format!("clause {} says none", c.number))
                    .help("drop `reshare`, or narrow the `onward` clause by `categories`"),
                    None => Problem::new(
                        "CMT-0133",
                        format!("nothing says to whom `{}` may be handed on", category.value),
                    )
                    .label(act.span.clone(), "reshare is allowed here")
                    .help("add an `onward` clause that covers it"),
                };
                problems.push(problem);
                return;
            }
        }
    }

    fn emergencies(&self, problems: &mut Vec<Problem>) {
        for c in self.clauses {
            let Body::Emergency(e) = &c.body else { continue };
            for category in &e.categories {
                let never = self.clauses.iter().find_map(|c| match &c.body {
                    Body::Protect(p)
                        if p.form.value == Form::Plain(Protection::Never)
                            && p.scope.categories.iter().flatten().any(|x| x.value == category.value) =>
                    {
                        Some((c, p))
                    }
                    _ => None,
                });
                if let Some((clause, p)) = never {
                    problems.push(
                        Problem::new(
                            "CMT-0135",
                            format!("an emergency would widen `{}`, which never leaves", category.value),
                        )
                        .label(category.span.clone(), "not even in an emergency")
                        .label(p.form.span.clone(), format!("clause {} says never", clause.number))
                        .help("take the category out of the emergency"),
                    );
                }
            }
        }
    }
}

fn unknown(code: &'static str, what: &str, word: &str, span: &Range<usize>, known: &[&str]) -> Problem {
    let label =
        nearest(word, known).map_or_else(|| "not known here".into(), |w| format!("did you mean `{w}`?"));
    let help = if known.is_empty() {
        "none is named in the text".to_owned()
    } else if known.len() > 8 {
        format!("{} are named in the text", known.len())
    } else {
        format!("the text names {}", list(known))
    };
    Problem::new(code, format!("`{word}` is not {what}")).label(span.clone(), label).help(help)
}
