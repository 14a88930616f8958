//! How clauses become rules and duties of the policy.
//!
//! Here: one `permit` per share and emergency clause; `forbid` for protect, handling, onward and place clauses; the
//! standing prohibitions as `forbid` above every agreement; and, apart from the rules, the duties a request brings.
//! Elsewhere: the schema they are written against, and their validation (`policy`).

use crate::{
    Act, Agreement, IepActions, Prohibition,
    clause::{
        Body, DutyRule, Emergency, Form, HandlingClause, Limits, Members, Onward, OnwardRule, Party,
        PlaceClause, Protect, Retain, Scope, Share, holds,
    },
    policy::{rank, tlp_rank},
};
use std::{collections::BTreeMap, fmt::Write as _};
use terms::{Category, HandlingCode, MemberId, PartnerId, Protection, Purpose, Tlp};

impl Limits {
    /// What a request must meet, each as a condition.
    fn conditions(&self) -> Vec<String> {
        let mut and = Vec::new();
        and.extend(self.records.map(|n| format!("context.records <= {n}")));
        // A cap for each case counts for nothing where no case is stated.
        and.extend(self.case.map(|n| format!("context.case && context.inCase <= {n}")));
        and.extend(self.month.map(|n| format!("context.inMonth <= {n}")));
        and.extend(self.total.map(|n| format!("context.inTotal <= {n}")));
        and
    }
}

fn partner(id: &PartnerId) -> String {
    format!("Comity::Partner::\"{id}\"")
}
fn action(act: Act) -> String {
    format!("Comity::Action::\"{act}\"")
}
fn set<S: ToString>(items: impl IntoIterator<Item = S>) -> String {
    let items: Vec<String> = items.into_iter().map(|i| format!("\"{}\"", i.to_string())).collect();
    format!("[{}]", items.join(", "))
}
/// Any of the conditions, as a balanced tree: Cedar evaluates by recursion and refuses a chain of some dozens.
fn any(conditions: &[String]) -> String {
    match conditions {
        [] => "false".into(),
        [only] => only.clone(),
        more => {
            let (left, right) = more.split_at(more.len() / 2);
            format!("({} || {})", any(left), any(right))
        }
    }
}

/// The rules and the duties of an agreement, as Cedar text.
pub(crate) fn write(agreement: &Agreement) -> (String, String) {
    let writer = Writer { a: agreement };
    (writer.rules(), writer.duties())
}

struct Writer<'a> {
    a: &'a Agreement,
}

impl Writer<'_> {
    fn rules(&self) -> String {
        let mut out = String::new();
        self.standing(&mut out);
        for (clause, body) in self.a.bodies() {
            let rule = match body {
                Body::Share(s) => Some(("permit", self.share_rule(s))),
                Body::Emergency(e) => Some(("permit", self.emergency_rule(clause.number(), e))),
                Body::Protect(p) => Some(("forbid", self.protect_rule(p))),
                Body::Handling(h) => Some(("forbid", handling_rule(h))),
                Body::Onward(o) => Some(("forbid", onward_rule(o))),
                Body::Place(p) => Some(("forbid", place_rule(p))),
                _ => None,
            };
            if let Some((effect, condition)) = rule {
                // Writing to a String cannot fail.
                let _ = writeln!(
                    out,
                    "@clause(\"{}\")\n{effect}(principal, action, resource)\nwhen {{ {condition} }};",
                    clause.number()
                );
            }
        }
        out
    }

    fn duties(&self) -> String {
        let mut out = String::new();
        for (clause, body) in self.a.bodies() {
            let everything = Scope::default();
            let (scope, duty) = match body {
                Body::Handling(h) => match handling_duty(h) {
                    Some(duty) => (&everything, duty),
                    None => continue,
                },
                Body::Retain(r) => (&r.scope, retain_duty(r)),
                Body::Duty(d) => (
                    &d.scope,
                    match d.rule {
                        DutyRule::ReportBack(h) => format!("report-back-hours={h}"),
                        DutyRule::Pseudonymise => "pseudonymise=1".to_owned(),
                    },
                ),
                _ => continue,
            };
            let _ = writeln!(
                out,
                "@clause(\"{}\")\n@duty(\"{duty}\")\npermit(principal, action, resource)\nwhen {{ {} }};",
                clause.number(),
                scope_condition(scope)
            );
        }
        out
    }

    fn party_list(&self) -> Vec<&Party> {
        self.a.bodies().filter_map(|(_, b)| if let Body::Party(p) = b { Some(p) } else { None }).collect()
    }

    /// A share without its categories: who, what act, what for, for which member, how many.
    fn share_condition(&self, s: &Share) -> String {
        let mut and = vec![
            format!("principal == {}", partner(&s.to.value)),
            format!("context.from == \"{}\"", s.from.value),
            format!("action in [{}]", s.act.iter().map(|a| action(a.value)).collect::<Vec<_>>().join(", ")),
            format!("{}.contains(context.purpose)", set(s.purpose.iter().map(|p| p.value))),
        ];
        let receiver = self.a.party(&s.to.value);
        and.push(members_condition(&s.members, &s.to.value));
        if s.own {
            let member = "(context.member != \"\" && context.concerns == [context.memberPlace])".to_owned();
            let seat = (receiver.filter(|p| p.members.is_empty()))
                .map(|p| format!("(context.member == \"\" && context.concerns == [\"{}\"])", p.place));
            and.push(any(&seat.into_iter().chain([member]).collect::<Vec<_>>()));
        }
        and.extend(s.limits.conditions());
        and.join(" && ")
    }

    /// An emergency without its categories: declared, begun, not over, and no longer than the clause allows.
    fn emergency_condition(&self, number: &str, e: &Emergency) -> String {
        let givers = self.party_list().into_iter().map(|p| &p.id.value).filter(|id| **id != e.to.value);
        format!(
            "context.emergency == \"{number}\" && context.emergencyFrom <= context.now \
             && context.now < context.emergencyUntil && context.emergencyHours <= {} \
             && principal == {} && {}.contains(context.from) && action == {} && {}.contains(context.purpose) && {}",
            e.hours,
            partner(&e.to.value),
            set(givers),
            action(Act::Receive),
            set(e.purpose.iter().map(|p| p.value)),
            members_condition(&e.members, &e.to.value)
        )
    }

    fn emergency_rule(&self, number: &str, e: &Emergency) -> String {
        format!(
            "{}.containsAny(context.categories) && {}",
            set(e.categories.iter().map(|c| c.value)),
            self.emergency_condition(number, e)
        )
    }

    /// The emergencies that widen `category`, each as a condition.
    fn emergencies(&self, category: Category) -> Vec<String> {
        (self.a.bodies())
            .filter_map(|(c, b)| match b {
                Body::Emergency(e) if holds(Some(&e.categories), category) => {
                    Some(format!("({})", self.emergency_condition(c.number(), e)))
                }
                _ => None,
            })
            .collect()
    }

    fn share_rule(&self, s: &Share) -> String {
        format!(
            "{}.containsAny(context.categories) && {}",
            set(s.categories.iter().map(|c| c.value)),
            self.share_condition(s)
        )
    }

    fn standing(&self, out: &mut String) {
        let mut forbid = |p: Prohibition, when: &str, unless: &str| {
            let unless = if unless.is_empty() { String::new() } else { format!("\nunless {{ {unless} }}") };
            let _ = writeln!(
                out,
                "@standing(\"{}\")\nforbid(principal, action, resource)\nwhen {{ {when} }}{unless};",
                p.word()
            );
        };
        forbid(
            Prohibition::VictimIdentity,
            &format!(
                "context.categories.contains(\"victim-identity\") && context.forms[\"victim-identity\"] < {}",
                rank(Protection::Pseudonym)
            ),
            "",
        );
        for c in Category::ALL {
            let mut shares: Vec<String> = (self.a.bodies())
                .filter_map(|(_, b)| match b {
                    Body::Share(s) if holds(Some(&s.categories), *c) => {
                        Some(format!("({})", self.share_condition(s)))
                    }
                    _ => None,
                })
                .collect();
            shares.extend(self.emergencies(*c));
            let unless = if shares.is_empty() { String::new() } else { any(&shares) };
            forbid(Prohibition::EachCategory, &format!("context.categories.contains(\"{c}\")"), &unless);
        }
        let reshare = format!("action == {}", action(Act::Reshare));
        forbid(
            Prohibition::Reshare,
            &format!(
                "{reshare} && (context.tlp >= {} || (context.code == \"{}\" && !context.consent))",
                tlp_rank(Tlp::AmberStrict),
                HandlingCode::H2
            ),
            "",
        );
        let (from, end) = self.a.term();
        forbid(Prohibition::Term, "true", &format!("context.now >= {} && context.now < {}", from.0, end.0));
        let own: Vec<String> = (self.party_list().iter())
            .map(|p| {
                let id = &p.id.value;
                format!("(principal == {} && context.memberOf == \"{id}\")", partner(id))
            })
            .collect();
        forbid(
            Prohibition::OptedOut,
            "context.onward == \"\" && context.member != \"\"",
            &format!(
                "{} && context.memberSince <= context.now && context.now < context.memberUntil",
                any(&own)
            ),
        );
        // Once more from the dates of the text alone, members with the same dates together.
        for p in self.party_list() {
            let mut dates: BTreeMap<(i64, Option<i64>), Vec<&MemberId>> = BTreeMap::new();
            for m in &p.members {
                let out = m.opted_out.as_ref().map(|d| d.value.start().0);
                dates.entry((m.since.value.start().0, out)).or_default().push(&m.id.value);
            }
            for ((since, out), members) in dates {
                let mut outside = format!("context.now < {since}");
                if let Some(out) = out {
                    let _ = write!(outside, " || context.now >= {out}");
                }
                forbid(
                    Prohibition::OptedOut,
                    &format!(
                        "principal == {} && context.onward == \"\" && {}.contains(context.member) && ({outside})",
                        partner(&p.id.value),
                        set(members)
                    ),
                    "",
                );
            }
        }
        let court =
            format!("context.purpose == \"evidence-in-court\" || action == {}", action(Act::UseInCourt));
        forbid(
            Prohibition::Court,
            &format!("context.code == \"{}\" && !context.consent && ({court})", HandlingCode::H1),
            "",
        );
        let granted = (self.a.bodies())
            .filter_map(|(_, b)| if let Body::Purpose(p) = b { Some(p) } else { None })
            .flat_map(|p| p.purposes.iter().map(|p| p.value));
        forbid(Prohibition::Purpose, "true", &format!("{}.contains(context.purpose)", set(granted)));
        forbid(
            Prohibition::Purpose,
            &format!("action == {}", action(Act::UseInCourt)),
            "context.purpose == \"evidence-in-court\"",
        );
        let parties = self.party_list();
        let mut ways = Vec::new();
        for a in &parties {
            for b in parties.iter().filter(|b| b.id.value != a.id.value) {
                ways.push(format!(
                    "(principal == {} && context.from == \"{}\")",
                    partner(&a.id.value),
                    b.id.value
                ));
            }
        }
        forbid(Prohibition::Parties, "true", &any(&ways));
        for c in Category::ALL {
            let granted: Vec<String> = (self.a.bodies())
                .filter_map(|(_, b)| match b {
                    Body::Onward(o)
                        if o.rule.value != OnwardRule::None
                            && holds(o.scope.categories.as_deref(), *c)
                            && holds(o.scope.act.as_deref(), Act::Reshare) =>
                    {
                        let scope = Scope { categories: None, act: None, ..o.scope.clone() };
                        Some(format!("({})", scope_condition(&scope)))
                    }
                    _ => None,
                })
                .collect();
            let unless = if granted.is_empty() { String::new() } else { any(&granted) };
            forbid(
                Prohibition::Onward,
                &format!("{reshare} && context.categories.contains(\"{c}\")"),
                &unless,
            );
        }
        forbid(
            Prohibition::NoFishing,
            &format!("action == {}", action(Act::PsiMatch)),
            "context.case && context.reason",
        );
        forbid(
            Prohibition::NoisyCounts,
            &format!("action == {} && context.purpose == \"evidence-in-court\"", action(Act::DpCount)),
            "",
        );
    }

    fn protect_rule(&self, p: &Protect) -> String {
        let rest = scope_condition(&Scope { categories: None, ..p.scope.clone() });
        let categories = p.scope.categories.as_deref().unwrap_or_default();
        // For each category the condition under which the form is not reached, unless an emergency widens it.
        let unmet = |asked: &dyn Fn(Category) -> String| {
            let each: Vec<String> = (categories.iter())
                .map(|c| {
                    let c = c.value;
                    let widened = self.emergencies(c);
                    let but =
                        if widened.is_empty() { String::new() } else { format!(" && !{}", any(&widened)) };
                    format!("(context.categories.contains(\"{c}\"){}{but})", asked(c))
                })
                .collect();
            format!("{rest} && {}", any(&each))
        };
        match &p.form.value {
            Form::Plain(Protection::Never) => {
                let named = set(categories.iter().map(|c| c.value));
                format!("{rest} && context.categories.containsAny({named})")
            }
            Form::Plain(form) => unmet(&|c| format!(" && context.forms[\"{c}\"] < {}", rank(*form))),
            Form::Psi { set, reveal } => {
                let matching = action(Act::PsiMatch);
                unmet(&|_| {
                    format!(
                        " && !(action == {matching} && context.set <= {set} && context.reveal <= {reveal})"
                    )
                })
            }
            Form::Dp { epsilon, unit, period } => {
                let count = action(Act::DpCount);
                unmet(&|_| {
                    format!(
                        " && !(action == {count} && context.epsilon <= {epsilon} \
                         && context.unit == \"{unit}\" && context.period == \"{period}\")"
                    )
                })
            }
        }
    }
}

/// To whom received records are handed on is the onward clauses' matter.
fn members_condition(members: &Members, to: &PartnerId) -> String {
    let reshare = format!("action == {}", action(Act::Reshare));
    match members {
        Members::None => format!("({reshare} || context.member == \"\")"),
        Members::All => format!("({reshare} || context.member == \"\" || context.memberOf == \"{to}\")"),
        Members::These(these) => {
            format!("({reshare} || {}.contains(context.member))", set(these.iter().map(|m| &m.value)))
        }
    }
}

/// The condition under which a scope holds; categories: any of them.
fn scope_condition(scope: &Scope) -> String {
    let mut and = Vec::new();
    if let Some(c) = &scope.categories {
        and.push(format!("context.categories.containsAny({})", set(c.iter().map(|c| c.value))));
    }
    if let Some(p) = &scope.purpose {
        and.push(format!("{}.contains(context.purpose)", set(p.iter().map(|p| p.value))));
    }
    if let Some(a) = &scope.act {
        and.push(format!("action in [{}]", a.iter().map(|a| action(a.value)).collect::<Vec<_>>().join(", ")));
    }
    if let Some(to) = &scope.to {
        and.push(format!("principal == {}", partner(&to.value)));
    }
    if and.is_empty() { "true".into() } else { and.join(" && ") }
}

fn handling_rule(h: &HandlingClause) -> String {
    let mut or = vec![format!(
        "context.tlp < {} || !{}.contains(context.code)",
        tlp_rank(h.floor),
        set(h.codes.iter())
    )];
    if let Some(g) = h.grading {
        or.push(format!("context.source > {} || context.information > {}", g.source_rank(), g.information()));
    }
    if let Some(most) = h.actions {
        let beyond: Vec<Purpose> =
            Purpose::ALL.iter().copied().filter(|p| IepActions::needed(*p) > most).collect();
        if !beyond.is_empty() {
            or.push(format!("{}.contains(context.purpose)", set(beyond)));
        }
    }
    or.join(" || ")
}

/// What the marks oblige to, as numbers: the stricter the attribution, the lower; the fewer the actions, the lower.
fn handling_duty(h: &HandlingClause) -> Option<String> {
    let actions = h.actions.map(|a| format!("actions={}", a as u32));
    let attribution = h.attribution.map(|a| format!("attribution={}", a as u32));
    let parts: Vec<String> = actions.into_iter().chain(attribution).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn onward_rule(o: &Onward) -> String {
    let scope = scope_condition(&Scope { act: None, ..o.scope.clone() });
    let allowed = match &o.rule.value {
        // Nobody at all.
        OnwardRule::None => "false".to_owned(),
        OnwardRule::MembersOnly => "context.onward == \"\" && context.member != \"\"".to_owned(),
        OnwardRule::Named(names) => format!("{}.contains(context.onward)", set(names)),
        OnwardRule::OnConsent => "context.consent".to_owned(),
    };
    let reshare = action(Act::Reshare);
    if holds(o.scope.act.as_deref(), Act::Reshare) {
        format!("action == {reshare} && {scope} && !({allowed})")
    } else {
        format!("action == {reshare} && false")
    }
}

fn place_rule(p: &PlaceClause) -> String {
    format!(
        "principal == {} && !{}.contains(context.place)",
        partner(&p.party.value),
        set(p.places.iter().map(|p| p.value))
    )
}

fn retain_duty(r: &Retain) -> String {
    let mut duty = format!("retain-days={}", r.days.value);
    if let Some(n) = r.review {
        let _ = write!(duty, " review-days={n}");
    }
    if let Some(n) = r.proof {
        let _ = write!(duty, " erase-proof-days={n}");
    }
    duty
}
