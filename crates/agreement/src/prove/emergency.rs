//! What an emergency widens, as its clause says it.

use super::{spec, witness::Case};
use crate::{
    Act, Agreement,
    clause::{Body, Emergency, Members},
};
use serde_json::{Value, json};
use terms::{Category, MICROS_PER_SECOND};

const HOUR: i64 = 3_600 * MICROS_PER_SECOND;

fn clauses(a: &Agreement) -> impl Iterator<Item = (&str, &Emergency)> {
    a.bodies().filter_map(|(c, b)| if let Body::Emergency(e) = b { Some((c.number(), e)) } else { None })
}

/// The numbers of its emergency clauses with their hours.
pub(crate) fn hours(a: &Agreement) -> Vec<(String, u32)> {
    clauses(a).map(|(n, e)| (n.to_owned(), e.hours)).collect()
}

/// Where an emergency that lasts lets the category pass: declared under a clause that names it, begun and not over,
/// no longer than the clause says, to whom and for what the clause says.
pub(crate) fn lasts(a: &Agreement, category: Category) -> String {
    let each: Vec<String> = clauses(a)
        .filter(|(_, e)| e.categories.iter().any(|c| c.value == category))
        .map(|(number, e)| {
            spec::both(&[
                between(a, e),
                spec::act_is(Act::Receive),
                members(e),
                format!("context.emergency == \"{number}\""),
                "!(context.now < context.emergencyFrom)".to_owned(),
                "context.emergencyUntil > context.now".to_owned(),
                format!("!(context.emergencyHours > {})", e.hours),
            ])
        })
        .collect();
    spec::either(&each)
}

/// Between whom and for what an emergency could let the category pass.
pub(crate) fn names(a: &Agreement, category: Category) -> String {
    let each: Vec<String> = clauses(a)
        .filter(|(_, e)| e.categories.iter().any(|c| c.value == category))
        .map(|(_, e)| between(a, e))
        .collect();
    spec::either(&each)
}

fn between(a: &Agreement, e: &Emergency) -> String {
    let others: Vec<String> = spec::parties(a)
        .filter(|p| p.id.value != e.to.value)
        .map(|p| format!("context.from == \"{}\"", p.id.value))
        .collect();
    spec::both(&[
        spec::one_of("context.purpose", &spec::values(&e.purpose)),
        spec::to(&e.to.value),
        spec::either(&others),
    ])
}

fn members(e: &Emergency) -> String {
    let itself = "context.member == \"\"".to_owned();
    match &e.members {
        Members::None => itself,
        Members::All => spec::either(&[itself, format!("context.memberOf == \"{}\"", e.to.value)]),
        Members::These(these) => {
            spec::one_of("context.member", &these.iter().map(|m| &m.value).collect::<Vec<_>>())
        }
    }
}

/// What the attributes of an emergency are when there is none, and when there is one.
pub(crate) fn plain_values(a: &Agreement, case: &Case) -> Vec<(&'static str, Vec<Value>)> {
    let now = case.long("now");
    let hours =
        hours(a).into_iter().find(|(n, _)| n == case.text("emergency")).map_or(1, |(_, h)| i64::from(h));
    vec![
        ("emergency", vec![json!("")]),
        ("emergencyFrom", vec![json!(i64::MAX), json!(now - HOUR), json!(now)]),
        ("emergencyUntil", vec![json!(i64::MIN), json!(now + (hours - 1) * HOUR), json!(now)]),
        ("emergencyHours", vec![json!(i64::MAX), json!(hours)]),
    ]
}
