//! The facts of one request as one agreement sees them, and Cedar's answer.
//!
//! Here: [`Facts`], the Cedar request made of them, [`Answer`]. Elsewhere: which agreement is asked (`agreements`),
//! how a refusal is explained (`nearest`).

use crate::{
    Act, Grading, Lasting, Policy, Prohibition, Request, SignedAgreement,
    policy::{rank, tlp_rank},
    slice::{Known, Slices},
};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, RestrictedExpression,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};
use terms::{Category, Handling, MemberId, PartnerId, Place, Protection, Purpose, Timestamp};

/// One request as one agreement sees it. For a reshare the giver is the provider of the records, the getter their
/// holder, and `onward` the partner they are handed to (`None`: within the holder's own house).
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub now: Timestamp,
    pub giver: PartnerId,
    pub getter: PartnerId,
    pub onward: Option<PartnerId>,
    pub member: Option<MemberId>,
    /// Where the member stands, when it is one of the getter's.
    pub seat: Option<Seat>,
    pub act: Act,
    pub categories: BTreeSet<Category>,
    pub purpose: Purpose,
    pub forms: BTreeMap<Category, Protection>,
    pub handling: Handling,
    pub consent: bool,
    pub place: Place,
    pub concerns: BTreeSet<Place>,
    pub records: u64,
    pub case: bool,
    pub reason: bool,
    /// The records with those that passed before: in the case, in the month, ever.
    pub sums: [u64; 3],
    /// Items declared for a match, and matches that may be revealed.
    pub matching: [u64; 2],
    /// Epsilon asked and spent, in millionths; unit and period.
    pub budget: (u64, &'static str, &'static str),
    pub grading: Grading,
    /// The emergency that is called upon.
    pub emergency: Option<Lasting>,
}

/// A member of the getter: its place and the time within which it belongs to the agreement.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub of: PartnerId,
    pub place: Place,
    pub since: Timestamp,
    pub until: Timestamp,
}

impl Facts {
    /// The request itself, between giver and getter.
    pub fn direct(request: &Request, act: Act, signed: &SignedAgreement, now: Timestamp) -> Self {
        let seat = (request.member.as_ref()).and_then(|id| {
            let m = signed.members(&request.to, now).into_iter().find(|m| m.id == *id)?;
            let until = m.opted_out.unwrap_or(Timestamp(i64::MAX));
            Some(Seat { of: request.to.clone(), place: m.place, since: m.since, until })
        });
        // A member that is not known has no seat; the standing rule refuses it anyway.
        let home = match &request.member {
            Some(_) => seat.as_ref().map(|s| s.place),
            None => signed.agreement().seat(&request.to),
        };
        let spent = request.spent;
        let matching = request.matching;
        Self {
            now,
            giver: request.from.clone(),
            getter: request.to.clone(),
            onward: None,
            member: request.member.clone(),
            seat,
            act,
            categories: request.counted_categories(),
            purpose: request.purpose,
            forms: Category::ALL.iter().map(|c| (*c, request.counted_form(*c))).collect(),
            handling: request.handling,
            consent: request.consent.is_some(),
            place: request.place.or(home).unwrap_or(Place::UNKNOWN),
            concerns: request.concerns.clone(),
            records: request.records,
            case: request.case.is_some(),
            reason: request.reason.as_ref().is_some_and(|r| !r.trim().is_empty()),
            sums: [spent.case, spent.month, spent.total].map(|n| n.saturating_add(request.records)),
            // As many items as records at least, whatever was declared.
            matching: matching.map_or([u64::MAX; 2], |m| [m.set.max(request.records), m.reveal]),
            budget: request.budget.map_or((u64::MAX, "", ""), |b| {
                (b.asked.saturating_add(b.spent), b.unit.word(), b.period.word())
            }),
            grading: request.grading.unwrap_or(Grading::WORST),
            emergency: None,
        }
    }

    /// What decides which rules can matter.
    fn known(&self) -> Known {
        Known {
            getter: self.getter.to_string(),
            giver: self.giver.to_string(),
            act: self.act,
            purpose: self.purpose,
        }
    }

    /// The same records as the agreement with their provider sees them: handed on by `request.from`.
    pub fn handed_on(
        request: &Request,
        provider: &PartnerId,
        signed: &SignedAgreement,
        now: Timestamp,
    ) -> Self {
        let direct = Self::direct(request, Act::Reshare, signed, now);
        let elsewhere = request.to != request.from;
        Self {
            giver: provider.clone(),
            getter: request.from.clone(),
            onward: elsewhere.then(|| request.to.clone()),
            place: if elsewhere { request.place.unwrap_or(Place::UNKNOWN) } else { direct.place },
            ..direct
        }
    }
}

/// What the policy says.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The share clauses that let it pass, and the duties with their clauses.
    Permit { clauses: Vec<String>, duties: Vec<(String, String)> },
    /// What forbids it; nothing where no clause permits.
    Deny { clauses: Vec<String>, standing: BTreeSet<Prohibition> },
    /// The policy could not be evaluated: counts as a refusal.
    Unreadable(String),
}

/// Asks the policy. Any error of evaluation is a refusal, because Cedar skips a rule that errs.
pub(crate) fn ask(policy: &Policy, facts: &Facts) -> Answer {
    let request = match cedar_request(policy, facts) {
        Ok(r) => r,
        Err(why) => return Answer::Unreadable(why),
    };
    let slices = policy.slices.get_or_init(|| Slices::new(&policy.rules, &policy.duties));
    let slice = slices.of(facts.known());
    let (rules, duties) = match &slice {
        Some(s) => (&s.rules, &s.duties),
        None => (&policy.rules, &policy.duties),
    };
    let authorizer = Authorizer::new();
    let entities = Entities::empty();
    let response = authorizer.is_authorized(&request, rules, &entities);
    if let Some(e) = response.diagnostics().errors().next() {
        return Answer::Unreadable(e.to_string());
    }
    let mut clauses = Vec::new();
    let mut standing = BTreeSet::new();
    for id in response.diagnostics().reason() {
        let Some(note) = slices.rule(id) else { continue };
        clauses.extend(note.clause.clone());
        standing.extend(note.standing.as_deref().and_then(Prohibition::from_word));
    }
    if response.decision() != Decision::Allow {
        return Answer::Deny { clauses: in_order(clauses), standing };
    }
    let owed = authorizer.is_authorized(&request, duties, &entities);
    if let Some(e) = owed.diagnostics().errors().next() {
        return Answer::Unreadable(e.to_string());
    }
    let duties = (owed.diagnostics().reason())
        .filter_map(|id| slices.duty(id).and_then(|n| Some((n.clause.clone()?, n.duty.clone()?))))
        .collect();
    Answer::Permit { clauses: in_order(clauses), duties }
}

/// Clause numbers each once, in the order of their parts (3.2 before 3.10).
pub(crate) fn in_order(mut clauses: Vec<String>) -> Vec<String> {
    clauses.sort_by_cached_key(|c| clause_order(c));
    clauses.dedup();
    clauses
}

pub(crate) fn clause_order(number: &str) -> Vec<u32> {
    number.split('.').filter_map(|n| n.parse().ok()).collect()
}

/// The names of the entity types, read once: reading one takes longer than a decision.
static KINDS: LazyLock<Result<[EntityTypeName; 3], String>> = LazyLock::new(|| {
    let read = |name: &str| name.parse::<EntityTypeName>().map_err(|e| e.to_string());
    Ok([read("Comity::Partner")?, read("Comity::Action")?, read("Comity::Release")?])
});

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

pub(crate) fn cedar_request(policy: &Policy, f: &Facts) -> Result<cedar_policy::Request, String> {
    let text = |s: &str| RestrictedExpression::new_string(s.to_owned());
    let long = RestrictedExpression::new_long;
    let texts = |items: Vec<String>| {
        RestrictedExpression::new_set(items.into_iter().map(RestrictedExpression::new_string))
    };
    let forms =
        RestrictedExpression::new_record(Category::ALL.iter().map(|c| {
            (c.word().to_owned(), long(rank(f.forms.get(c).copied().unwrap_or(Protection::Clear))))
        }))
        .map_err(|e| e.to_string())?;
    // What is too large for the policy language counts as its largest number, above every cap.
    let count = |n: u64| long(i64::try_from(n).unwrap_or(i64::MAX));
    let [in_case, in_month, in_total] = f.sums;
    let [set, reveal] = f.matching;
    let (epsilon, unit, period) = f.budget;
    let seat = f.seat.as_ref();
    let emergency = f.emergency.as_ref();
    let pairs = [
        ("now", long(f.now.0)),
        ("from", text(f.giver.as_str())),
        ("onward", text(f.onward.as_ref().map_or("", PartnerId::as_str))),
        ("member", text(f.member.as_ref().map_or("", MemberId::as_str))),
        ("memberOf", text(seat.map_or("", |s| s.of.as_str()))),
        ("memberPlace", text(seat.map_or("", |s| s.place.as_str()))),
        ("memberSince", long(seat.map_or(i64::MAX, |s| s.since.0))),
        ("memberUntil", long(seat.map_or(i64::MIN, |s| s.until.0))),
        ("categories", texts(f.categories.iter().map(ToString::to_string).collect())),
        ("purpose", text(f.purpose.word())),
        ("forms", forms),
        ("tlp", long(tlp_rank(f.handling.tlp))),
        ("code", text(f.handling.code.word())),
        ("consent", RestrictedExpression::new_bool(f.consent)),
        ("source", long(f.grading.source_rank())),
        ("information", long(i64::from(f.grading.information()))),
        ("place", text(f.place.as_str())),
        ("concerns", texts(f.concerns.iter().map(ToString::to_string).collect())),
        ("records", count(f.records)),
        ("case", RestrictedExpression::new_bool(f.case)),
        ("reason", RestrictedExpression::new_bool(f.reason)),
        ("inCase", count(in_case)),
        ("inMonth", count(in_month)),
        ("inTotal", count(in_total)),
        ("set", count(set)),
        ("reveal", count(reveal)),
        ("epsilon", count(epsilon)),
        ("unit", text(unit)),
        ("period", text(period)),
        ("emergency", text(emergency.map_or("", |e| e.clause.as_str()))),
        ("emergencyFrom", long(emergency.map_or(i64::MAX, |e| e.from.0))),
        ("emergencyUntil", long(emergency.map_or(i64::MIN, |e| e.until.0))),
        ("emergencyHours", long(emergency.map_or(i64::MAX, |e| i64::from(e.hours)))),
    ];
    let context = Context::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value)))
        .map_err(|e| e.to_string())?;
    let [partner, action, release] = KINDS.as_ref().map_err(Clone::clone)?;
    cedar_policy::Request::new(
        uid(partner, f.getter.as_str()),
        uid(action, f.act.word()),
        uid(release, "asked"),
        context,
        Some(&policy.schema),
    )
    .map_err(|e| e.to_string())
}
