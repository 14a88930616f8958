//! Clauses that contradict each other: each is right alone, and not beside the other.
//!
//! Here: two rules of one kind for one request, and two clauses that give the same on different conditions. Elsewhere:
//! gaps and unknown names (`check`).

use crate::{
    Clause, Kind,
    check::Checker,
    clause::{Body, OnwardRule, Scope},
    diagnostics::Problem,
    fields::{At, list},
};
use std::ops::Range;
use terms::{Category, PartnerId};

impl Checker<'_> {
    /// Two rules of one kind that speak of the same request must say the same.
    pub(crate) fn contradictions(&self, problems: &mut Vec<Problem>) {
        let mut rules: Vec<(Kind, &Clause, Scope, String, Range<usize>)> = Vec::new();
        for c in self.clauses {
            match &c.body {
                Body::Protect(p) => rules.push((
                    Kind::Protect,
                    c,
                    p.scope.clone(),
                    p.form.value.to_string(),
                    p.form.span.clone(),
                )),
                Body::Retain(r) => rules.push((
                    Kind::Retain,
                    c,
                    r.scope.clone(),
                    format!("{} days", r.days.value),
                    r.days.span.clone(),
                )),
                Body::Onward(o) => {
                    let rule = match &o.rule.value {
                        OnwardRule::None => "none".to_owned(),
                        OnwardRule::MembersOnly => "members-only".to_owned(),
                        OnwardRule::OnConsent => "on-consent".to_owned(),
                        OnwardRule::Named(n) => format!("named {}", list(n)),
                    };
                    rules.push((Kind::Onward, c, o.scope.clone(), rule, o.rule.span.clone()));
                }
                // One purpose on two grounds for the same party.
                Body::Purpose(p) => {
                    for (party, basis) in &p.basis {
                        let scope = Scope {
                            purpose: Some(p.purposes.clone()),
                            to: PartnerId::new(&party.value)
                                .ok()
                                .map(|value| At { value, span: party.span.clone() }),
                            ..Scope::default()
                        };
                        rules.push((Kind::Purpose, c, scope, basis.clone(), party.span.clone()));
                    }
                }
                Body::Witness(w) => {
                    let mut names: Vec<&str> = w.witnesses.iter().map(|w| w.value.as_str()).collect();
                    names.sort_unstable();
                    let says = format!("{} of {}", w.needed.value, names.join(", "));
                    rules.push((Kind::Witness, c, Scope::default(), says, w.needed.span.clone()));
                }
                Body::Place(p) => {
                    let mut places: Vec<&str> = p.places.iter().map(|p| p.value.as_str()).collect();
                    places.sort_unstable();
                    let scope = Scope { to: Some(p.party.clone()), ..Scope::default() };
                    rules.push((Kind::Place, c, scope, places.join(" "), p.party.span.clone()));
                }
                _ => {}
            }
        }
        for (i, (kind, clause, scope, says, span)) in rules.iter().enumerate() {
            let clash = rules
                .iter()
                .take(i)
                .find(|(k, _, s, other, _)| k == kind && other != says && s.overlaps(scope));
            if let Some((_, first, _, other, first_span)) = clash {
                let (about, help) = match kind {
                    Kind::Purpose => ("for the same purpose", "rest each purpose of a party on one law"),
                    Kind::Witness => {
                        ("of the same ledgers", "name the witnesses and their number in one clause")
                    }
                    Kind::Place => ("for the same party", "name the places of a party in one clause"),
                    _ => (
                        "for some of the same records",
                        "narrow one of them by `categories`, `purpose`, `act` or `to`, so that one rule speaks of each record",
                    ),
                };
                problems.push(
                    Problem::new(
                        "CMT-0123",
                        format!("clauses {} and {} contradict each other", first.number, clause.number),
                    )
                    .label(span.clone(), format!("says `{says}`"))
                    .label(first_span.clone(), format!("says `{other}` {about}"))
                    .help(help),
                );
            }
        }
    }

    /// Two clauses that give the same on different conditions: the narrower would say nothing.
    pub(crate) fn rivals(&self, problems: &mut Vec<Problem>) {
        for (i, c) in self.clauses.iter().enumerate() {
            let rival = self.clauses.iter().take(i).find_map(|d| Some((d, rival(&d.body, &c.body)?)));
            let Some((first, Rival { word, earlier, differs })) = rival else { continue };
            problems.push(
                Problem::new(
                    "CMT-0123",
                    format!("clauses {} and {} contradict each other", first.number, c.number),
                )
                .label(word, format!("gives the same with {differs} of its own"))
                .label(earlier, "given here before")
                .help("give each thing by one clause, or narrow one of them; of two the wider alone would count"),
            );
        }
    }
}

/// Where two clauses give the same, and which condition differs.
struct Rival {
    word: Range<usize>,
    earlier: Range<usize>,
    differs: &'static str,
}

/// Whether two clauses give the same on different conditions.
fn rival(first: &Body, second: &Body) -> Option<Rival> {
    let categories = |a: &[At<Category>], b: &[At<Category>], differs| {
        let word = common(a, b)?;
        let earlier = a.iter().find(|c| c.value == word.value)?.span.clone();
        Some(Rival { word: word.span.clone(), earlier, differs })
    };
    match (first, second) {
        (Body::Share(a), Body::Share(b)) => {
            let both = a.from.value == b.from.value
                && a.to.value == b.to.value
                && common(&a.purpose, &b.purpose).is_some()
                && common(&a.act, &b.act).is_some()
                && a.members.meet(&b.members);
            let differs = if a.limits != b.limits { Some("caps") } else { None };
            let differs = differs.or_else(|| (a.own != b.own).then_some("`concerns`")).filter(|_| both)?;
            categories(&a.categories, &b.categories, differs)
        }
        (Body::Emergency(a), Body::Emergency(b)) => {
            let both = a.to.value == b.to.value && common(&a.purpose, &b.purpose).is_some();
            let differ = (a.hours, &a.roles) != (b.hours, &b.roles);
            (both && differ).then(|| categories(&a.categories, &b.categories, "roles or hours")).flatten()
        }
        (Body::Power(a), Body::Power(b)) => {
            let places = match (&a.places, &b.places) {
                (Some(a), Some(b)) => a.iter().any(|p| b.contains(p)),
                (None, None) => true,
                _ => false,
            };
            let both = a.party.value == b.party.value
                && a.instrument == b.instrument
                && a.purpose.value == b.purpose.value
                && a.class.iter().any(|c| b.class.contains(c))
                && a.members.meet(&b.members)
                && places;
            let differ = (a.lead_minutes, a.cost_cents) != (b.lead_minutes, b.cost_cents);
            (both && differ).then(|| Rival {
                word: b.party.span.clone(),
                earlier: a.party.span.clone(),
                differs: "a lead time or cost",
            })
        }
        _ => None,
    }
}

/// The first entry of `b` that `a` has too.
fn common<'b, T: PartialEq>(a: &[At<T>], b: &'b [At<T>]) -> Option<&'b At<T>> {
    b.iter().find(|y| a.iter().any(|x| x.value == y.value))
}
