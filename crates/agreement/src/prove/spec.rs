//! When a request would break a guarantee, as conditions of their own, made from the clauses and not from the policy.
//!
//! Here: for each guarantee a list of Cedar conditions, any of which makes a request bad. WALL: nothing here is taken
//! from `policy`: what is shared with it is the schema (attribute names, the numbers of forms and marks), so that a
//! compiler that writes a wrong rule is caught.
//! Elsewhere: that no bad request passes (`query`), how one is told (`tell`).

use super::{Guarantee, emergency};
use crate::{
    Act, Agreement, Clause, Period, Unit,
    clause::{Body, Form, Members, Onward, OnwardRule, Party, Protect, Share},
    fields::At,
};
use terms::{Category, PartnerId, Protection, Purpose, Tlp};

/// The number of a form in the schema, restated: clear 0, token 1, pseudonym 2.
const PSEUDONYM: i64 = 2;

/// The ways in which a request breaks `guarantee`, over the whole policy. Empty for [`Guarantee::NoError`], which is
/// about rules and not about requests.
pub(crate) fn whole(a: &Agreement, guarantee: Guarantee) -> Vec<String> {
    match guarantee {
        Guarantee::VictimIdentity => vec![both(&[
            contains(Category::VictimIdentity),
            format!("context.forms[\"victim-identity\"] < {PSEUDONYM}"),
        ])],
        Guarantee::Term => {
            let (from, end) = a.term();
            vec![format!("!({} <= context.now && context.now < {})", from.0, end.0)]
        }
        Guarantee::Purposes => purposes(a),
        Guarantee::Red => {
            let strict = Tlp::ALL.iter().take_while(|t| **t != Tlp::AmberStrict).count();
            vec![both(&[act_is(Act::Reshare), format!("context.tlp >= {strict}")])]
        }
        Guarantee::Court => vec![both(&[
            "context.code == \"h1\"".to_owned(),
            "context.consent == false".to_owned(),
            either(&[act_is(Act::UseInCourt), "context.purpose == \"evidence-in-court\"".to_owned()]),
        ])],
        Guarantee::Emergency => not_by_clause(a),
        Guarantee::Onward => {
            Category::ALL.iter().map(|c| both(&[contains(*c), not_handed_on(a, *c)])).collect()
        }
        Guarantee::OptedOut => strangers(a),
        Guarantee::NoError => Vec::new(),
        Guarantee::Never => nevers(a)
            .flat_map(|p| {
                let scope = scope(p);
                (p.scope.categories.iter().flatten()).map(move |c| both(&[contains(c.value), scope.clone()]))
            })
            .collect(),
    }
}

/// The ways in which the clauses by themselves, without the standing prohibitions that look at a record's categories
/// one by one, would open a door. Asked of the guarantees that a text can keep by its own words; of the others no
/// clause can speak.
pub(crate) fn by_clauses(a: &Agreement, guarantee: Guarantee) -> Vec<String> {
    let personal = Category::ALL.iter().copied().filter(|c| c.personal());
    match guarantee {
        Guarantee::VictimIdentity => {
            let mut out = whole(a, guarantee);
            out.extend(personal.filter(|c| *c != Category::VictimIdentity).map(|c| {
                both(&[contains(c), format!("context.forms[\"{c}\"] == 0"), negated(&named_by(a, c, true))])
            }));
            out
        }
        Guarantee::Onward => personal.map(|c| both(&[contains(c), not_handed_on(a, c)])).collect(),
        Guarantee::Never => (personal.filter(|c| nevers(a).any(|p| names(p, *c))))
            .map(|c| both(&[contains(c), negated(&named_by(a, c, true))]))
            .collect(),
        _ => Vec::new(),
    }
}

/// What every request that this program makes is like: used to find a counterexample that can be told.
pub(crate) fn askable(a: &Agreement) -> String {
    let ids: Vec<String> = parties(a).map(|p| p.id.value.to_string()).collect();
    let or_none = |words: Vec<String>| [vec![String::new()], words].concat();
    let members = parties(a).flat_map(|p| p.members.iter().map(|m| m.id.value.to_string())).collect();
    let forms: Vec<String> = (Category::ALL.iter())
        .map(|c| {
            let f = format!("context.forms[\"{c}\"]");
            either(&[format!("(0 <= {f} && {f} <= 2)"), format!("(11 < {f} && {f} < 1000)")])
        })
        .collect();
    let within = |what: &str, least: i64, most: i64| {
        format!("({least} <= context.{what} && context.{what} <= {most})")
    };
    let words = |all: Vec<&str>| or_none(all.into_iter().map(str::to_owned).collect());
    let emergencies = emergency::hours(a);
    let hours: Vec<String> = (emergencies.iter())
        .map(|(n, h)| format!("(context.emergency == \"{n}\" && context.emergencyHours == {h})"))
        .collect();
    both(&[
        one_of("context.from", &ids),
        either(&parties(a).map(|p| to(&p.id.value)).collect::<Vec<_>>()),
        one_of("context.member", &or_none(members)),
        one_of("context.memberOf", &or_none(ids)),
        format!("{}.containsAll(context.categories)", list(Category::ALL)),
        one_of("context.purpose", Purpose::ALL),
        one_of("context.code", terms::HandlingCode::ALL),
        within("tlp", 0, i64::try_from(Tlp::ALL.len()).unwrap_or(1) - 1),
        within("source", 1, 4),
        within("information", 1, 4),
        "0 < context.records".to_owned(),
        "context.records <= context.inCase".to_owned(),
        "context.inCase <= context.inMonth".to_owned(),
        "context.inMonth <= context.inTotal".to_owned(),
        "context.records <= context.set".to_owned(),
        "0 <= context.reveal".to_owned(),
        "0 < context.epsilon".to_owned(),
        one_of("context.unit", &words(Unit::ALL.iter().map(|u| u.word()).collect())),
        one_of("context.period", &words(Period::ALL.iter().map(|p| p.word()).collect())),
        either(&[vec!["context.emergency == \"\"".to_owned()], hours].concat()),
        both(&forms),
    ])
}

/// What no share names, or what is weaker than a clause asks, and what no emergency that lasts widens.
fn not_by_clause(a: &Agreement) -> Vec<String> {
    let unnamed = (Category::ALL.iter())
        .map(|c| both(&[contains(*c), negated(&shared(a, *c, true)), negated(&emergency::lasts(a, *c))]));
    let weaker =
        a.bodies().filter_map(|(_, b)| if let Body::Protect(p) = b { Some(p) } else { None }).flat_map(|p| {
            let (scope, unmet) = (scope(p), move |c| unmet(&p.form.value, c));
            (p.scope.categories.iter().flatten()).map(move |c| {
                let c = c.value;
                both(&[contains(c), scope.clone(), unmet(c), negated(&emergency::lasts(a, c))])
            })
        });
    unnamed.chain(weaker).collect()
}

/// Where a category is sent weaker than the form asks.
fn unmet(form: &Form, category: Category) -> String {
    let below = |least: i64| format!("context.forms[\"{category}\"] < {least}");
    match form {
        Form::Plain(Protection::Never) => "true".to_owned(),
        Form::Plain(Protection::Clear) => "false".to_owned(),
        Form::Plain(Protection::Token) => below(1),
        Form::Plain(Protection::Pseudonym) => below(PSEUDONYM),
        Form::Plain(Protection::Aggregate(k)) => below(10 + i64::from(*k)),
        Form::Psi { set, reveal } => negated(&both(&[
            act_is(Act::PsiMatch),
            format!("!(context.set > {set})"),
            format!("!(context.reveal > {reveal})"),
        ])),
        Form::Dp { epsilon, unit, period } => negated(&both(&[
            act_is(Act::DpCount),
            format!("!(context.epsilon > {epsilon})"),
            format!("context.unit == \"{unit}\""),
            format!("context.period == \"{period}\""),
        ])),
    }
}

fn purposes(a: &Agreement) -> Vec<String> {
    let granted: Vec<Purpose> = (a.bodies())
        .filter_map(|(_, b)| if let Body::Purpose(p) = b { Some(p) } else { None })
        .flat_map(|p| p.purposes.iter().map(|p| p.value))
        .collect();
    let mut out = vec![
        negated(&one_of("context.purpose", &granted)),
        both(&[act_is(Act::UseInCourt), "context.purpose != \"evidence-in-court\"".to_owned()]),
    ];
    out.extend(Category::ALL.iter().map(|c| both(&[contains(*c), negated(&named_by(a, *c, false))])));
    out
}

/// Whether some share clause, or an emergency, names the category between these two for this purpose; `strictly`: and
/// for this act, member, place and number as well.
fn named_by(a: &Agreement, category: Category, strictly: bool) -> String {
    let widened = if strictly { emergency::lasts(a, category) } else { emergency::names(a, category) };
    either(&[shared(a, category, strictly), widened])
}

fn shared(a: &Agreement, category: Category, strictly: bool) -> String {
    let clauses: Vec<String> = shares(a)
        .filter(|(_, s)| s.categories.iter().any(|c| c.value == category))
        .map(|(_, s)| {
            let mut all = vec![
                one_of("context.purpose", &values(&s.purpose)),
                format!("context.from == \"{}\"", s.from.value),
                to(&s.to.value),
            ];
            if strictly {
                all.push(either(&s.act.iter().map(|x| act_is(x.value)).collect::<Vec<_>>()));
                all.push(receiver(a, s));
                all.extend(caps(s));
            }
            both(&all)
        })
        .collect();
    either(&clauses)
}

/// For whom a share clause is: the partner, its members, and with `concerns = "own"` whose records.
fn receiver(a: &Agreement, s: &Share) -> String {
    let Some(party) = parties(a).find(|p| p.id.value == s.to.value) else { return "false".to_owned() };
    // To whom received records are handed on is the onward clauses' matter.
    let mut meant = vec![act_is(Act::Reshare)];
    match &s.members {
        Members::None => meant.push("context.member == \"\"".to_owned()),
        Members::All => meant
            .extend(["context.member == \"\"".to_owned(), format!("context.memberOf == \"{}\"", s.to.value)]),
        Members::These(these) => {
            meant.push(one_of("context.member", &these.iter().map(|m| &m.value).collect::<Vec<_>>()));
        }
    }
    let mut whose = vec![both(&[
        "!(context.member == \"\")".to_owned(),
        "context.concerns == [context.memberPlace]".to_owned(),
    ])];
    if party.members.is_empty() {
        whose.push(both(&[
            "context.member == \"\"".to_owned(),
            format!("context.concerns == [\"{}\"]", party.place),
        ]));
    }
    both(&[either(&meant), if s.own { either(&whose) } else { "true".to_owned() }])
}

/// How many records a share clause lets pass, and whether it needs a case.
fn caps(s: &Share) -> Vec<String> {
    let most = |what: &str, n: Option<u64>| n.map(|n| format!("!(context.{what} > {n})"));
    let mut out: Vec<String> = [
        most("records", s.limits.records),
        most("inCase", s.limits.case),
        most("inMonth", s.limits.month),
        most("inTotal", s.limits.total),
    ]
    .into_iter()
    .flatten()
    .collect();
    out.extend(s.limits.case.map(|_| "context.case".to_owned()));
    out
}

fn not_handed_on(a: &Agreement, category: Category) -> String {
    let granted: Vec<String> = (a.bodies())
        .filter_map(|(_, b)| if let Body::Onward(o) = b { Some(o) } else { None })
        .filter(|o| {
            o.scope.categories.as_deref().is_none_or(|c| c.iter().any(|c| c.value == category))
                && o.scope.act.as_deref().is_none_or(|x| x.iter().any(|x| x.value == Act::Reshare))
        })
        .map(handed_on)
        .collect();
    both(&[act_is(Act::Reshare), negated(&either(&granted))])
}

fn handed_on(o: &Onward) -> String {
    let mut all = vec![match &o.rule.value {
        OnwardRule::None => "false".to_owned(),
        OnwardRule::MembersOnly => "(context.onward == \"\" && !(context.member == \"\"))".to_owned(),
        OnwardRule::Named(names) => one_of("context.onward", names),
        OnwardRule::OnConsent => "context.consent == true".to_owned(),
    }];
    if let Some(p) = &o.scope.purpose {
        all.push(one_of("context.purpose", &values(p)));
    }
    all.extend(o.scope.to.as_ref().map(|p| to(&p.value)));
    both(&all)
}

/// Members that must receive nothing: not known as the receiver's, not yet acceded, opted out; and by the dates of the
/// text, whatever is said of them elsewhere.
fn strangers(a: &Agreement) -> Vec<String> {
    let here = both(&["context.onward == \"\"".to_owned(), "!(context.member == \"\")".to_owned()]);
    let its: Vec<String> = parties(a)
        .map(|p| both(&[to(&p.id.value), format!("context.memberOf == \"{}\"", p.id.value)]))
        .collect();
    let away = either(&[
        negated(&either(&its)),
        "context.memberSince > context.now".to_owned(),
        "context.memberUntil <= context.now".to_owned(),
    ]);
    let mut out = vec![both(&[here, away])];
    for p in parties(a) {
        out.extend(p.members.iter().map(|m| {
            let mut away = vec![format!("{} > context.now", m.since.value.start().0)];
            away.extend(m.opted_out.as_ref().map(|d| format!("{} <= context.now", d.value.start().0)));
            let named = format!("context.member == \"{}\"", m.id.value);
            both(&[to(&p.id.value), "context.onward == \"\"".to_owned(), named, either(&away)])
        }));
    }
    out
}

fn nevers(a: &Agreement) -> impl Iterator<Item = &Protect> {
    a.bodies().filter_map(|(_, b)| match b {
        Body::Protect(p) if p.form.value == Form::Plain(Protection::Never) => Some(p),
        _ => None,
    })
}

fn names(p: &Protect, category: Category) -> bool {
    p.scope.categories.iter().flatten().any(|c| c.value == category)
}

/// Where a protect clause holds, categories aside.
fn scope(p: &Protect) -> String {
    let mut all = Vec::new();
    if let Some(purpose) = &p.scope.purpose {
        all.push(one_of("context.purpose", &values(purpose)));
    }
    if let Some(act) = &p.scope.act {
        all.push(either(&act.iter().map(|x| act_is(x.value)).collect::<Vec<_>>()));
    }
    all.extend(p.scope.to.as_ref().map(|p| to(&p.value)));
    both(&all)
}

pub(crate) fn shares(a: &Agreement) -> impl Iterator<Item = (&Clause, &Share)> {
    a.bodies().filter_map(|(c, b)| if let Body::Share(s) = b { Some((c, s)) } else { None })
}
pub(crate) fn parties(a: &Agreement) -> impl Iterator<Item = &Party> {
    a.bodies().filter_map(|(_, b)| if let Body::Party(p) = b { Some(p) } else { None })
}

pub(crate) fn values<T: Copy>(of: &[At<T>]) -> Vec<T> {
    of.iter().map(|x| x.value).collect()
}
fn contains(c: Category) -> String {
    format!("context.categories.contains(\"{c}\")")
}
pub(crate) fn act_is(act: Act) -> String {
    format!("action == Comity::Action::\"{act}\"")
}
pub(crate) fn to(id: &PartnerId) -> String {
    format!("principal == Comity::Partner::\"{id}\"")
}
fn list<T: ToString>(of: &[T]) -> String {
    let all: Vec<String> = of.iter().map(|x| format!("\"{}\"", x.to_string())).collect();
    format!("[{}]", all.join(", "))
}
pub(crate) fn one_of<T: ToString>(what: &str, of: &[T]) -> String {
    if of.is_empty() { "false".to_owned() } else { format!("{}.contains({what})", list(of)) }
}
pub(crate) fn negated(condition: &str) -> String {
    match condition {
        "true" => "false".to_owned(),
        "false" => "true".to_owned(),
        other => format!("!({other})"),
    }
}

/// All of the conditions. Halved again and again: Cedar reads and evaluates by recursion.
pub(crate) fn both(all: &[String]) -> String {
    join(all, "&&", "true", "false")
}
/// Any of the conditions.
pub(crate) fn either(any: &[String]) -> String {
    join(any, "||", "false", "true")
}
fn join(all: &[String], word: &str, neutral: &str, absorbing: &str) -> String {
    if all.iter().any(|c| c == absorbing) {
        return absorbing.to_owned();
    }
    let kept: Vec<&String> = all.iter().filter(|c| *c != neutral).collect();
    fn tree(kept: &[&String], word: &str, neutral: &str) -> String {
        match kept {
            [] => neutral.to_owned(),
            [only] => (*only).clone(),
            more => {
                let (left, right) = more.split_at(more.len() / 2);
                format!("({} {word} {})", tree(left, word, neutral), tree(right, word, neutral))
            }
        }
    }
    tree(&kept, word, neutral)
}
