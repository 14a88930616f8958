//! The situations of the model: who receives and when, under which marks, with how many records, in which emergency.

use super::{
    emergency,
    model::{LANES, Situations, Value},
    spec,
};
use crate::{Agreement, clause::Members};
use std::collections::{BTreeMap, BTreeSet};
use terms::{MICROS_PER_DAY, MICROS_PER_SECOND};

/// What differs from an ordinary request.
type Turn = Vec<(&'static str, Value)>;

fn text(s: impl ToString) -> Value {
    Value::Text(s.to_string())
}

/// An ordinary request in the middle of the term: to the partner itself, one record, a case, room under every cap.
fn ordinary(now: i64, place: Value) -> BTreeMap<&'static str, Value> {
    let long = Value::Long;
    BTreeMap::from([
        ("now", long(now)),
        ("onward", text("")),
        ("member", text("")),
        ("memberOf", text("")),
        ("memberPlace", text("")),
        ("memberSince", long(i64::MAX)),
        ("memberUntil", long(i64::MIN)),
        ("tlp", long(2)),
        ("code", text("h0")),
        ("consent", Value::Truth(false)),
        ("source", long(1)),
        ("information", long(1)),
        ("place", place),
        ("concerns", Value::Set(BTreeSet::new())),
        ("records", long(1)),
        ("case", Value::Truth(true)),
        ("reason", Value::Truth(true)),
        ("inCase", long(1)),
        ("inMonth", long(1)),
        ("inTotal", long(1)),
        ("set", long(1)),
        ("reveal", long(0)),
        ("epsilon", long(1)),
        ("unit", text("bot")),
        ("period", text("month")),
        ("emergency", text("")),
        ("emergencyFrom", long(i64::MAX)),
        ("emergencyUntil", long(i64::MIN)),
        ("emergencyHours", long(i64::MAX)),
    ])
}

/// Who receives, when, and how many: at most 32 turns.
fn turns(a: &Agreement, to: &str, now: i64) -> Vec<Turn> {
    let (from, end) = a.term();
    let own = |place: &Value| ("concerns", Value::Set(BTreeSet::from([place.clone()])));
    let mut out: Vec<Turn> = vec![
        vec![],
        vec![("now", Value::Long(end.0))],
        vec![("now", Value::Long(from.0 - 1))],
        vec![("place", text("ZZ"))],
        vec![("onward", text("a-stranger")), ("place", text("ZZ"))],
        vec![("onward", text("a-stranger")), ("member", text("somebody"))],
        vec![("member", text("somebody"))],
        vec![("case", Value::Truth(false))],
        vec![("reason", Value::Truth(false))],
    ];
    let party = spec::parties(a).find(|p| p.id.value.as_str() == to);
    let members = party.map(|p| p.members.as_slice()).unwrap_or_default();
    let is = |m: &crate::clause::PartyMember| -> Turn {
        let until = m.opted_out.as_ref().map_or(i64::MAX, |d| d.value.start().0);
        vec![
            ("member", text(&m.id.value)),
            ("memberOf", text(to)),
            ("memberPlace", text(m.place)),
            ("memberSince", Value::Long(m.since.value.start().0)),
            ("memberUntil", Value::Long(until)),
            ("place", text(m.place)),
        ]
    };
    let with = |turn: Turn, more: Turn| [turn, more].concat();
    if let Some(m) = members.first() {
        let place = text(m.place);
        out.push(is(m));
        out.push(with(is(m), vec![own(&place)]));
        out.push(with(is(m), vec![own(&text("ZZ"))]));
        out.push(with(is(m), vec![("onward", text("a-stranger"))]));
        out.push(with(is(m), vec![("now", Value::Long(m.since.value.start().0 - 1))]));
        out.push(with(is(m), vec![("memberUntil", Value::Long(now))]));
        out.push(with(is(m), vec![("memberOf", text("another"))]));
    }
    if let Some(m) = members.iter().find(|m| m.opted_out.is_some()) {
        let gone = m.opted_out.as_ref().map_or(0, |d| d.value.start().0);
        out.push(with(is(m), vec![("now", Value::Long(gone))]));
        // Even where it is said elsewhere that it takes part again.
        out.push(with(is(m), vec![("now", Value::Long(gone)), ("memberUntil", Value::Long(i64::MAX))]));
    }
    if let Some(m) = named_alone(a) {
        out.extend(members.iter().find(|x| x.id.value.as_str() == m).map(is));
    }
    for n in caps(a) {
        let sums = |n| ["records", "inCase", "inMonth", "inTotal", "set"].map(|name| (name, Value::Long(n)));
        out.push(sums(n + 1).to_vec());
        if let Some(m) = members.first() {
            let more = [sums(n + 1).to_vec(), vec![own(&text(m.place))]].concat();
            out.push(with(is(m), more));
        }
    }
    for (number, hours) in emergency::hours(a).into_iter().take(2) {
        let hour = 3_600 * MICROS_PER_SECOND;
        let declared = |until: i64, hours: u32| -> Turn {
            vec![
                ("emergency", text(&number)),
                ("emergencyFrom", Value::Long(now - hour)),
                ("emergencyUntil", Value::Long(until)),
                ("emergencyHours", Value::Long(i64::from(hours))),
            ]
        };
        out.push(declared(now + hour, hours));
        out.push(declared(now, hours));
        out.push(declared(now + hour, hours + 1));
        out.extend(members.first().map(|m| with(is(m), declared(now + hour, hours))));
    }
    out.truncate(LANES / MARKS);
    out
}

/// A member that some share is for alone.
fn named_alone(a: &Agreement) -> Option<String> {
    spec::shares(a).find_map(|(_, s)| match &s.members {
        Members::These(these) => these.last().map(|m| m.value.to_string()),
        _ => None,
    })
}

/// The least and the greatest number of records that a share lets pass at once.
fn caps(a: &Agreement) -> BTreeSet<i64> {
    let all: BTreeSet<i64> =
        (spec::shares(a)).filter_map(|(_, s)| s.limits.records.and_then(|n| i64::try_from(n).ok())).collect();
    all.first().into_iter().chain(all.last()).copied().collect()
}

const MARKS: usize = 4;

fn marks() -> [Turn; MARKS] {
    let code = |c: &str| ("code", text(c));
    let consent = ("consent", Value::Truth(true));
    [vec![], vec![("tlp", Value::Long(4)), consent.clone()], vec![code("h1")], vec![code("h1"), consent]]
}

/// The situations of requests to `to`. Where there are fewer than a word holds, the last are the first again.
pub(crate) fn situations(a: &Agreement, to: &str) -> Situations {
    let (from, end) = a.term();
    // Well after every member's first day, and before the last tenth of the term.
    let now = from.0 + (end.0 - from.0) / 2 / MICROS_PER_DAY * MICROS_PER_DAY;
    let seat = spec::parties(a).find(|p| p.id.value.as_str() == to).map_or(text("ZZ"), |p| text(p.place));
    let turns = turns(a, to, now);
    let mut out = Situations::new();
    let all = turns.iter().flat_map(|turn| marks().into_iter().map(move |m| [turn.clone(), m].concat()));
    for turn in all.collect::<Vec<_>>().iter().cycle().take(LANES) {
        let mut one = ordinary(now, seat.clone());
        one.extend(turn.iter().cloned());
        for (name, value) in one {
            out.entry(format!("context.{name}")).or_default().push(value);
        }
    }
    out
}
