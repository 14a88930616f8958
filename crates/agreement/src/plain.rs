//! An agreement as a table: what may pass, in which form, for what, and what it obliges to.
//!
//! Here: [`Permission`], one row for each share clause, category and form, purposes and acts with the same duties
//! together; and one for each emergency. Elsewhere: the decision itself (`agreements`): a row is for reading, and the
//! standing prohibitions count beside it.

use crate::{
    Act, Agreement, Clause,
    clause::{Body, DutyRule, Emergency, Form, Limits, Members, OnwardRule, Scope, Share, role_word},
    fields::list,
};
use serde::Serialize;
use terms::{Category, ClauseId, PartnerId, Protection, Purpose};

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permission {
    /// The `share` or `emergency` clause.
    pub clause: ClauseId,
    /// Who gives.
    pub from: PartnerId,
    /// Who gets.
    pub to: PartnerId,
    /// What kind of data.
    pub category: Category,
    /// The weakest form in which it may leave, as the `protect` clause says it.
    pub form: String,
    /// The clause that asks for the form.
    pub form_clause: Option<ClauseId>,
    /// What for.
    pub purposes: Vec<Purpose>,
    /// What may be done.
    pub acts: Vec<Act>,
    /// For whom at the receiving partner, in words.
    pub members: String,
    /// The caps and conditions, in words; empty where there is none.
    pub limits: Vec<String>,
    /// What the receiver owes, in words; empty where nothing.
    pub duties: Vec<String>,
}

impl Agreement {
    /// What may pass under this text, as a table in the order of its clauses.
    pub fn permissions(&self) -> Vec<Permission> {
        let mut out: Vec<Permission> = Vec::new();
        for (clause, body) in self.bodies() {
            match body {
                Body::Share(s) => self.shared(clause, s, &mut out),
                Body::Emergency(e) => self.widened(clause, e, &mut out),
                _ => {}
            }
        }
        out
    }

    fn shared(&self, clause: &Clause, s: &Share, out: &mut Vec<Permission>) {
        let first = out.len();
        for category in &s.categories {
            for purpose in &s.purpose {
                for act in &s.act {
                    let (category, purpose, act) = (category.value, purpose.value, act.value);
                    if impossible(purpose, act) {
                        continue;
                    }
                    let Some((form, form_clause)) = self.weakest(category, purpose, act, &s.to.value) else {
                        continue;
                    };
                    let mut limits = caps(&s.limits);
                    if s.own {
                        limits.push("only records of the receiver's own place".to_owned());
                    }
                    if act == Act::PsiMatch {
                        limits.push("with a case and a reason".to_owned());
                    }
                    if act == Act::Reshare {
                        limits.extend(self.handed_on(category, purpose, &s.to.value));
                    }
                    let duties = self.owed(category, purpose, act, &s.to.value);
                    let row = Permission {
                        clause: self.clause_id(clause.number()),
                        from: s.from.value.clone(),
                        to: s.to.value.clone(),
                        category,
                        form,
                        form_clause,
                        purposes: vec![purpose],
                        acts: vec![act],
                        members: self.for_whom(&s.members, &s.to.value),
                        limits,
                        duties,
                    };
                    add(out, first, row);
                }
            }
        }
    }

    fn widened(&self, clause: &Clause, e: &Emergency, out: &mut Vec<Permission>) {
        let roles: Vec<&str> = e.roles.iter().map(|r| role_word(*r)).collect();
        let first = out.len();
        let givers = self.parties().into_iter().filter(|p| **p != e.to.value);
        for giver in givers {
            for category in &e.categories {
                for purpose in &e.purpose {
                    let row = Permission {
                        clause: self.clause_id(clause.number()),
                        from: giver.clone(),
                        to: e.to.value.clone(),
                        category: category.value,
                        form: Protection::Clear.to_string(),
                        form_clause: None,
                        purposes: vec![purpose.value],
                        acts: vec![Act::Receive],
                        members: self.for_whom(&e.members, &e.to.value),
                        limits: vec![format!(
                            "in an emergency of {} hours that {} declare together",
                            e.hours,
                            list(&roles)
                        )],
                        duties: self.owed(category.value, purpose.value, Act::Receive, &e.to.value),
                    };
                    add(out, first, row);
                }
            }
        }
    }

    /// The weakest form in which it may leave, and the clause that says so; nothing where it never leaves.
    fn weakest(
        &self,
        category: Category,
        purpose: Purpose,
        act: Act,
        to: &PartnerId,
    ) -> Option<(String, Option<ClauseId>)> {
        let rule = self.bodies().find_map(|(c, b)| match b {
            Body::Protect(p) if p.scope.covers(category, purpose, act, to) => Some((c, &p.form.value)),
            _ => None,
        });
        match rule {
            Some((_, Form::Plain(Protection::Never))) => None,
            // A form that only another act can have lets nothing pass.
            Some((_, Form::Psi { .. })) if act != Act::PsiMatch => None,
            Some((_, Form::Dp { .. })) if act != Act::DpCount => None,
            Some((c, form)) => Some((spoken(form), Some(self.clause_id(c.number())))),
            None => Some((Protection::Clear.to_string(), None)),
        }
    }

    fn handed_on(&self, category: Category, purpose: Purpose, to: &PartnerId) -> Option<String> {
        self.bodies().find_map(|(_, b)| match b {
            Body::Onward(o) if o.scope.covers(category, purpose, Act::Reshare, to) => {
                Some(match &o.rule.value {
                    OnwardRule::None => "handed on to nobody".to_owned(),
                    OnwardRule::MembersOnly => "handed on to members only".to_owned(),
                    OnwardRule::Named(names) => format!("handed on to {} only", list(names)),
                    OnwardRule::OnConsent => "handed on with the provider's written consent only".to_owned(),
                })
            }
            _ => None,
        })
    }

    fn owed(&self, category: Category, purpose: Purpose, act: Act, to: &PartnerId) -> Vec<String> {
        let covers = |s: &Scope| s.covers(category, purpose, act, to);
        let mut out = Vec::new();
        for (clause, body) in self.bodies() {
            let number = clause.number();
            match body {
                Body::Retain(r) if covers(&r.scope) => {
                    let review = r.review.map(|n| format!(", reviewed after {n}")).unwrap_or_default();
                    let proof = r.proof.map(|n| format!(", erasure proven within {n}")).unwrap_or_default();
                    out.push(format!("kept {} days{review}{proof} ({number})", r.days.value));
                }
                Body::Duty(d) if covers(&d.scope) => out.push(match d.rule {
                    DutyRule::ReportBack(h) => format!("report back within {h} hours ({number})"),
                    DutyRule::Pseudonymise => format!("pseudonymise before storing ({number})"),
                }),
                Body::Handling(h) => {
                    out.extend(h.actions.map(|a| format!("act at most as {a} allows ({number})")));
                    out.extend(h.attribution.map(|a| format!("provider {a} be named ({number})")));
                }
                _ => {}
            }
        }
        out
    }

    fn for_whom(&self, members: &Members, to: &PartnerId) -> String {
        match members {
            Members::None => format!("{to} itself"),
            Members::All => format!("{to} and every member"),
            Members::These(these) => these.iter().map(|m| m.value.as_str()).collect::<Vec<_>>().join(", "),
        }
    }
}

/// What the standing prohibitions leave no room for.
fn impossible(purpose: Purpose, act: Act) -> bool {
    let court = purpose == Purpose::EvidenceInCourt;
    (act == Act::UseInCourt && !court) || (act == Act::DpCount && court)
}

/// Rows that differ in the purpose only stand together.
fn add(out: &mut Vec<Permission>, first: usize, row: Permission) {
    let same = |r: &&mut Permission| {
        r.category == row.category
            && (&r.from, &r.form, &r.form_clause) == (&row.from, &row.form, &row.form_clause)
            && (&r.limits, &r.duties) == (&row.limits, &row.duties)
            && r.acts == row.acts
    };
    match out.iter_mut().skip(first).find(same) {
        Some(known) => known.purposes.extend(row.purposes),
        None => out.push(row),
    }
}

fn caps(limits: &Limits) -> Vec<String> {
    [
        (limits.records, "at once"),
        (limits.case, "for one case"),
        (limits.month, "in a month"),
        (limits.total, "over all sessions"),
    ]
    .into_iter()
    .filter_map(|(most, what)| most.map(|n| format!("at most {n} records {what}")))
    .collect()
}

fn spoken(form: &Form) -> String {
    match form {
        Form::Plain(Protection::Aggregate(k)) => format!("counts over at least {k}"),
        Form::Plain(form) => form.to_string(),
        Form::Psi { set, reveal } => {
            format!("private match of at most {set} items, {reveal} revealed")
        }
        Form::Dp { unit, period, .. } => {
            format!("noisy counts within {form} that hide one {unit} a {period}")
        }
    }
}
