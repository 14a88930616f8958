//! The facts of one request as one agreement sees them, and Cedar's answer.
//!
//! Here: [`Facts`], the Cedar request made of them, [`Answer`]. Elsewhere: which agreement is asked (`agreements`),
//! how a refusal is explained (`nearest`).

use crate::{
    Act, Agreement, Policy, Prohibition, Request,
    policy::{rank, tlp_rank},
};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, RestrictedExpression,
};
use std::collections::{BTreeMap, BTreeSet};
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
    pub act: Act,
    pub categories: BTreeSet<Category>,
    pub purpose: Purpose,
    pub forms: BTreeMap<Category, Protection>,
    pub handling: Handling,
    pub consent: bool,
    pub place: Place,
    pub concerns: BTreeSet<Place>,
    pub records: u64,
}

impl Facts {
    /// The request itself, between giver and getter.
    pub fn direct(request: &Request, act: Act, agreement: &Agreement, now: Timestamp) -> Self {
        let member = (request.member.as_ref()).and_then(|id| {
            agreement.members(&request.to, now).into_iter().find(|m| m.id == *id).map(|m| m.place)
        });
        // A member that is not known has no seat; the standing rule refuses it anyway.
        let seat = match &request.member {
            Some(_) => member,
            None => agreement.seat(&request.to),
        };
        Self {
            now,
            giver: request.from.clone(),
            getter: request.to.clone(),
            onward: None,
            member: request.member.clone(),
            act,
            categories: request.counted_categories(),
            purpose: request.purpose,
            forms: Category::ALL.iter().map(|c| (*c, request.counted_form(*c))).collect(),
            handling: request.handling,
            consent: request.consent.is_some(),
            place: request.place.or(seat).unwrap_or(Place::UNKNOWN),
            concerns: request.concerns.clone(),
            records: request.records,
        }
    }

    /// The same records as the agreement with their provider sees them: handed on by `request.from`.
    pub fn handed_on(request: &Request, provider: &PartnerId, agreement: &Agreement, now: Timestamp) -> Self {
        let direct = Self::direct(request, Act::Reshare, agreement, now);
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
    let authorizer = Authorizer::new();
    let entities = Entities::empty();
    let response = authorizer.is_authorized(&request, &policy.rules, &entities);
    if let Some(e) = response.diagnostics().errors().next() {
        return Answer::Unreadable(e.to_string());
    }
    let mut clauses = Vec::new();
    let mut standing = BTreeSet::new();
    for id in response.diagnostics().reason() {
        if let Some(clause) = policy.rules.annotation(id, "clause") {
            clauses.push(clause.to_owned());
        }
        standing.extend(policy.rules.annotation(id, "standing").and_then(Prohibition::from_word));
    }
    if response.decision() != Decision::Allow {
        return Answer::Deny { clauses: in_order(clauses), standing };
    }
    let owed = authorizer.is_authorized(&request, &policy.duties, &entities);
    if let Some(e) = owed.diagnostics().errors().next() {
        return Answer::Unreadable(e.to_string());
    }
    let duties = (owed.diagnostics().reason())
        .filter_map(|id| {
            let note = |key| policy.duties.annotation(id, key).map(str::to_owned);
            Some((note("clause")?, note("duty")?))
        })
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

fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind: EntityTypeName = format!("Comity::{kind}").parse().map_err(|e| format!("{e}"))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn cedar_request(policy: &Policy, f: &Facts) -> Result<cedar_policy::Request, String> {
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
    // A count too large for the policy language is refused rather than cut.
    let records = i64::try_from(f.records).map_err(|_| "too many records".to_owned())?;
    let context = Context::from_pairs([
        ("now".to_owned(), long(f.now.0)),
        ("from".to_owned(), text(f.giver.as_str())),
        ("member".to_owned(), text(f.member.as_ref().map_or("", MemberId::as_str))),
        ("onward".to_owned(), text(f.onward.as_ref().map_or("", PartnerId::as_str))),
        ("categories".to_owned(), texts(f.categories.iter().map(ToString::to_string).collect())),
        ("purpose".to_owned(), text(f.purpose.word())),
        ("forms".to_owned(), forms),
        ("tlp".to_owned(), long(tlp_rank(f.handling.tlp))),
        ("code".to_owned(), text(f.handling.code.word())),
        ("consent".to_owned(), RestrictedExpression::new_bool(f.consent)),
        ("place".to_owned(), text(f.place.as_str())),
        ("concerns".to_owned(), texts(f.concerns.iter().map(ToString::to_string).collect())),
        ("records".to_owned(), long(records)),
    ])
    .map_err(|e| e.to_string())?;
    cedar_policy::Request::new(
        uid("Partner", f.getter.as_str())?,
        uid("Action", f.act.word())?,
        uid("Release", "asked")?,
        context,
        Some(&policy.schema),
    )
    .map_err(|e| e.to_string())
}
