//! Why a request was refused, in one sentence: which share clause came nearest, and what it asks for.
//!
//! Here: words only. The decision stands already when this runs; nothing here can open a door.

use crate::{
    Act, Agreement, Clause, Condition, Denial, Grading, IepActions, Prohibition,
    ask::{Facts, in_order},
    clause::{Body, Form, Members, OnwardRule, Share, holds},
    fields::list,
    policy::{rank, tlp_rank},
};
use std::collections::BTreeSet;
use terms::{Category, ClauseId, Place, Protection};

/// What is asked for: the condition and its words.
type Ask = (Condition, String);
/// One condition of a share that a request does not meet: how far it is from it, and what is asked for.
type Unmet = (u32, Ask);

/// Explains a refusal by the policy of `agreement`.
pub(crate) fn explain(
    agreement: &Agreement,
    facts: &Facts,
    clauses: Vec<String>,
    standing: BTreeSet<Prohibition>,
) -> Denial {
    let id = agreement.id();
    let clauses = in_order(clauses);
    let uncovered = facts.categories.iter().rev().copied().find(|c| {
        !shares(agreement)
            .any(|(_, s)| holds(Some(&s.categories), *c) && unmet(agreement, s, facts, *c).is_empty())
    });
    // Where every category is covered, a rule forbids; the strictest category is the one to speak of.
    let category =
        uncovered.or_else(|| weakly_protected(agreement, facts)).or(facts.categories.last().copied());
    let category = category.unwrap_or(Category::STRICTEST);
    let nearest = shares(agreement)
        .map(|(c, s)| (unmet(agreement, s, facts, category), c, s))
        .min_by_key(|(u, _, _)| u.iter().map(|(d, _)| *d).sum::<u32>());
    let forbidding: Vec<Ask> = (clauses.iter())
        .filter_map(|n| agreement.clause(n))
        .map(|c| {
            let (condition, why) = why(c, facts);
            (condition, format!("clause {} {why}", c.number()))
        })
        .collect();
    // What the uncovered category already says need not be said again as a standing rule.
    let rules: Vec<Ask> = (standing.iter())
        .filter(|p| **p != Prohibition::EachCategory)
        .map(|p| (Condition::from(*p), prohibition(*p, facts, agreement)))
        .collect();

    let receiver = match (&facts.onward, &facts.member) {
        (Some(partner), Some(m)) => format!("`{m}` of `{partner}`"),
        (Some(partner), None) => format!("`{partner}`"),
        (None, Some(m)) => format!("`{m}` of `{}`", facts.getter),
        (None, None) => format!("`{}`", facts.getter),
    };
    let near = nearest.as_ref().map(|(unmet, c, _)| {
        let ask = match unmet.first() {
            Some((_, ask)) => ask.clone(),
            None => asked_form(agreement, facts, category)
                .unwrap_or_else(|| (Condition::Share, "meets the request".into())),
        };
        (c.number().to_owned(), ask)
    });
    let mut sentence = String::new();
    if uncovered.is_some() {
        sentence =
            format!("no clause of `{id}` lets `{category}` pass to {receiver} for `{}`", facts.purpose);
        if let Some((number, (_, ask))) = &near {
            sentence.push_str(&format!("; nearest is {number}, which {ask}"));
        }
    }
    for (i, (_, part)) in forbidding.iter().chain(&rules).enumerate() {
        let lead = match (sentence.is_empty(), i) {
            (true, _) => format!("`{id}` refuses it: "),
            (false, 0) => "; and ".to_owned(),
            (false, _) => "; ".to_owned(),
        };
        sentence.push_str(&lead);
        sentence.push_str(part);
    }
    let code = match (clauses.is_empty(), uncovered, rules.is_empty()) {
        (false, _, _) => "CMT-0203",
        (true, None, false) => "CMT-0204",
        (true, _, _) => "CMT-0202",
    };
    let (condition, missing) = match (uncovered, &near) {
        (Some(_), Some((_, ask))) => ask.clone(),
        _ => forbidding
            .first()
            .or(rules.first())
            .cloned()
            .unwrap_or_else(|| (Condition::Share, format!("a `share` clause that names `{category}`"))),
    };
    if sentence.is_empty() {
        sentence = format!("no clause of `{id}` lets `{category}` pass to {receiver}");
    }
    Denial {
        code,
        agreement: Some(id.clone()),
        clauses: clauses.iter().map(|n| agreement.clause_id(n)).collect(),
        prohibitions: standing.into_iter().collect(),
        nearest: near.map(|(number, _)| ClauseId { agreement: id.clone(), number }),
        condition,
        missing,
        sentence,
    }
}

fn shares(a: &Agreement) -> impl Iterator<Item = (&Clause, &Share)> {
    a.bodies().filter_map(|(c, b)| if let Body::Share(s) = b { Some((c, s)) } else { None })
}

/// The conditions of a share that the request does not meet for `category`, furthest first.
fn unmet(a: &Agreement, s: &Share, f: &Facts, category: Category) -> Vec<Unmet> {
    let mut out: Vec<Unmet> = Vec::new();
    if s.from.value != f.giver || s.to.value != f.getter {
        out.push((16, (Condition::Way, format!("runs from `{}` to `{}`", s.from.value, s.to.value))));
    }
    if !holds(Some(&s.categories), category) {
        let named: Vec<&str> = s.categories.iter().map(|c| c.value.word()).collect();
        out.push((8, (Condition::Category, format!("speaks of {}", list(&named)))));
    }
    if !holds(Some(&s.act), f.act) {
        let acts: Vec<&str> = s.act.iter().map(|a| a.value.word()).collect();
        out.push((4, (Condition::Act, format!("allows the act {}", list(&acts)))));
    }
    if !holds(Some(&s.purpose), f.purpose) {
        let purposes: Vec<&str> = s.purpose.iter().map(|p| p.value.word()).collect();
        out.push((3, (Condition::Purpose, format!("asks for the purpose {}", list(&purposes)))));
    }
    if f.act != Act::Reshare
        && let Some(ask) = member_unmet(s, f)
    {
        out.push((2, (Condition::Member, ask)));
    }
    if let Some(ask) = own_unmet(a, s, f) {
        out.push((2, (Condition::OwnPlace, ask)));
    }
    let [in_case, in_month, in_total] = f.sums;
    for (most, asked, condition, what) in [
        (s.limits.records, f.records, Condition::Records, ""),
        (s.limits.case, in_case, Condition::PerCase, " in one case"),
        (s.limits.month, in_month, Condition::PerMonth, " in a month"),
        (s.limits.total, in_total, Condition::Total, " over all sessions"),
    ] {
        if let Some(n) = most.filter(|n| asked > *n) {
            let ask = format!("asks for at most {n} records{what}{}", passed(asked, f.records));
            out.push((1, (condition, ask)));
        }
    }
    if s.limits.case.is_some() && !f.case {
        out.push((1, (Condition::Case, "asks for a case".to_owned())));
    }
    out
}

/// How many passed before, where that was counted.
fn passed(sum: u64, records: u64) -> String {
    match sum.saturating_sub(records) {
        0 => String::new(),
        _ if sum == u64::MAX => ", and what passed before was not counted".to_owned(),
        before => format!(", of which {before} passed before"),
    }
}

fn member_unmet(s: &Share, f: &Facts) -> Option<String> {
    let met = match (&s.members, &f.member) {
        (Members::None | Members::All, None) => true,
        (Members::None, Some(_)) | (Members::These(_), None) => false,
        (Members::All, Some(_)) => f.seat.as_ref().is_some_and(|seat| seat.of == s.to.value),
        (Members::These(these), Some(m)) => these.iter().any(|t| t.value == *m),
    };
    (!met).then(|| match &s.members {
        Members::None => format!("is for `{}` itself", s.to.value),
        Members::All => format!("is for the members of `{}`", s.to.value),
        Members::These(these) if these.len() <= 8 => {
            let ids: Vec<&str> = these.iter().map(|t| t.value.as_str()).collect();
            format!("is for {}", list(&ids))
        }
        Members::These(these) => format!("is for {} named members", these.len()),
    })
}

fn own_unmet(a: &Agreement, s: &Share, f: &Facts) -> Option<String> {
    if !s.own {
        return None;
    }
    let none_named = a.party(&s.to.value).is_some_and(|p| p.members.is_empty());
    let own = match &f.member {
        None if none_named => a.seat(&s.to.value),
        None => None,
        Some(_) => f.seat.as_ref().map(|seat| seat.place),
    };
    let met = own.is_some_and(|p| f.concerns == BTreeSet::from([p]));
    (!met).then(|| "asks that every record concern the receiving member's own place and no other".to_owned())
}

/// The protect clause that asks more for `category` than the request gives.
fn asked_form(a: &Agreement, f: &Facts, category: Category) -> Option<Ask> {
    a.bodies().find_map(|(_, b)| match b {
        Body::Protect(p) if p.scope.covers(category, f.purpose, f.act, &f.getter) => match &p.form.value {
            Form::Plain(Protection::Never) => None,
            Form::Plain(form) if rank(form_of(f, category)) >= rank(*form) => None,
            Form::Psi { set, reveal } if f.act == Act::PsiMatch && psi_met(f, *set, *reveal) => None,
            Form::Dp { .. } if dp_missing(f, &p.form.value).is_none() => None,
            form => Some((form_condition(form), format!("asks for protection `{form}`"))),
        },
        _ => None,
    })
}

fn form_condition(form: &Form) -> Condition {
    match form {
        Form::Plain(Protection::Never) => Condition::Never,
        Form::Plain(_) => Condition::Form,
        Form::Psi { .. } => Condition::Psi,
        Form::Dp { .. } => Condition::Dp,
    }
}

fn psi_met(f: &Facts, set: u64, reveal: u64) -> bool {
    let [declared, revealed] = f.matching;
    declared <= set && revealed <= reveal
}

/// What a noisy count lacks to lie within `form`, as the rest of a sentence.
fn dp_missing(f: &Facts, form: &Form) -> Option<String> {
    let Form::Dp { epsilon, unit, period } = form else { return None };
    let (asked, of, over) = f.budget;
    if f.act != Act::DpCount {
        Some(String::new())
    } else if of != unit.word() || over != period.word() {
        Some(format!(", and no budget for one `{unit}` in a `{period}` was stated"))
    } else if asked > *epsilon {
        Some(format!(", and with what was spent it would be {asked} millionths of epsilon"))
    } else {
        None
    }
}

fn weakly_protected(a: &Agreement, f: &Facts) -> Option<Category> {
    f.categories.iter().rev().copied().find(|c| asked_form(a, f, *c).is_some())
}

fn form_of(f: &Facts, category: Category) -> Protection {
    f.forms.get(&category).copied().unwrap_or(Protection::Clear)
}

fn worse(given: Grading, asked: Grading) -> bool {
    given.source_rank() > asked.source_rank() || given.information() > asked.information()
}

/// Why a forbidding clause forbids, as the rest of "clause 4.1 …".
fn why(clause: &Clause, f: &Facts) -> Ask {
    let condition = match &clause.body {
        Body::Protect(p) => form_condition(&p.form.value),
        Body::Handling(h) if tlp_rank(f.handling.tlp) < tlp_rank(h.floor) => Condition::Tlp,
        Body::Handling(h) if h.grading.is_some_and(|g| worse(f.grading, g)) => Condition::Grading,
        Body::Handling(h) if h.codes.contains(&f.handling.code) => Condition::Actions,
        Body::Handling(_) => Condition::Code,
        Body::Onward(_) => Condition::Onward,
        Body::Place(_) => Condition::Place,
        _ => Condition::Policy,
    };
    (condition, said_why(clause, f))
}

fn said_why(clause: &Clause, f: &Facts) -> String {
    match &clause.body {
        Body::Protect(p) => {
            let named =
                p.scope.categories.iter().flatten().map(|c| c.value).filter(|c| f.categories.contains(c));
            match &p.form.value {
                Form::Plain(Protection::Never) => {
                    let named: Vec<&str> = named.map(Category::word).collect();
                    format!("says that {} never leaves", list(&named))
                }
                Form::Plain(form) => {
                    let weak: Vec<String> = named
                        .filter(|c| rank(form_of(f, *c)) < rank(*form))
                        .map(|c| format!("`{c}` was to be sent as `{}`", form_of(f, c)))
                        .collect();
                    format!("asks for protection `{form}`, and {}", weak.join(" and "))
                }
                Form::Psi { set, reveal } => {
                    format!(
                        "allows it by `psi-match` over at most {set} records with at most {reveal} revealed only"
                    )
                }
                form @ Form::Dp { .. } => {
                    let lacks = dp_missing(f, form).unwrap_or_default();
                    format!("allows it by `dp-count` within `{form}` only{lacks}")
                }
            }
        }
        Body::Handling(h) if tlp_rank(f.handling.tlp) < tlp_rank(h.floor) => {
            format!("asks for the mark TLP `{}` or narrower, and `{}` was given", h.floor, f.handling.tlp)
        }
        Body::Handling(h) if h.grading.is_some_and(|g| worse(f.grading, g)) => {
            let asked = h.grading.unwrap_or(Grading::WORST);
            format!("asks for records graded `{asked}` or better, and `{}` was given", f.grading)
        }
        Body::Handling(h) if h.codes.contains(&f.handling.code) => {
            let most = h.actions.unwrap_or(IepActions::ExternallyVisibleDirect);
            format!("lets receivers act as `{most}` allows, and the purpose `{}` needs more", f.purpose)
        }
        Body::Handling(h) => {
            let codes: Vec<&str> = h.codes.iter().map(|c| c.word()).collect();
            format!("accepts the handling codes {}, and `{}` was given", list(&codes), f.handling.code)
        }
        Body::Onward(o) => match &o.rule.value {
            OnwardRule::None => "says that nothing is handed on".to_owned(),
            OnwardRule::MembersOnly => format!("lets it be handed on to members of `{}` only", f.getter),
            OnwardRule::Named(names) => format!("lets it be handed on to {} only", list(names)),
            OnwardRule::OnConsent => {
                "lets it be handed on with the provider's written consent only".to_owned()
            }
        },
        Body::Place(_) if f.place == Place::UNKNOWN => {
            "says where it may rest, and where it would rest was not stated".to_owned()
        }
        Body::Place(p) if p.places.len() <= 8 => {
            let places: Vec<&str> = p.places.iter().map(|p| p.value.as_str()).collect();
            format!("lets it rest in {} only, and `{}` was given", list(&places), f.place)
        }
        Body::Place(p) => {
            format!("lets it rest in {} named places, and `{}` is none of them", p.places.len(), f.place)
        }
        _ => "forbids it".to_owned(),
    }
}

fn prohibition(p: Prohibition, f: &Facts, a: &Agreement) -> String {
    let (from, end) = a.term();
    let said = match p {
        Prohibition::VictimIdentity => {
            "`victim-identity` never leaves in a form weaker than `pseudonym`".to_owned()
        }
        Prohibition::EachCategory => "each category needs a clause that names it".to_owned(),
        Prohibition::Reshare => match f.handling.code {
            terms::HandlingCode::H2 if tlp_rank(f.handling.tlp) < 3 => {
                "records marked `h2` are handed on with the provider's written consent only".to_owned()
            }
            _ => format!("records marked TLP `{}` are never reshared", f.handling.tlp),
        },
        Prohibition::Term => {
            format!("nothing passes outside the term from {} to {}", from.day(), end.plus_micros(-1).day())
        }
        Prohibition::OptedOut => match &f.member {
            Some(m) => format!("`{m}` is not an active member of `{}` on {}", f.getter, f.now.day()),
            None => format!("only active members of `{}` receive", f.getter),
        },
        Prohibition::Court => {
            "records marked `h1` are not for evidence in court without the provider's written consent"
                .to_owned()
        }
        Prohibition::Purpose if f.act == Act::UseInCourt => {
            "a court gets records for the purpose `evidence-in-court` only".to_owned()
        }
        Prohibition::Purpose => format!("the parties did not agree on the purpose `{}`", f.purpose),
        Prohibition::Parties => "it is between its two parties only".to_owned(),
        Prohibition::Onward => "no `onward` clause lets it be handed on".to_owned(),
        Prohibition::NoFishing => "a match needs a case and a reason".to_owned(),
        Prohibition::NoisyCounts => "noisy counts never enter a court's package".to_owned(),
    };
    format!("above every agreement, {said}")
}
