//! The compiled policy: an agreement as Cedar rules, validated strictly against one schema.
//!
//! Here: one `permit` per share clause; `forbid` for protect, handling, onward and place clauses; the standing
//! prohibitions as `forbid` above every agreement; and, apart from the rules, the duties a request brings.
//! Elsewhere: the facts of one request (`ask`), what is made of the answer (`agreements`).
//! A rule names its clause in `@clause`, a prohibition in `@standing`; duties ride in `@duty`. Every text in a rule is
//! an id or a word of the vocabulary: no prose and no name reaches Cedar.
//! Bounds: a policy is refused above about 64 MiB. Every attribute of a request is required, so no rule can err on a missing one (Cedar skips a `forbid` that errs).

use crate::{
    Act, Agreement, Prohibition,
    clause::{
        Body, DutyRule, Form, HandlingClause, Members, Onward, OnwardRule, Party, PlaceClause, Protect,
        Retain, Scope, Share, holds,
    },
};
use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use std::fmt::Write as _;
use terms::{Category, Digest, HandlingCode, PartnerId, Protection, Tlp};

/// Largest policy that is written, as estimated from the text, in bytes.
const MAX_POLICY: usize = 64 << 20;

/// What a form counts as in the policy: the higher, the stronger. A form in which nothing can be sent is not one.
pub(crate) fn rank(form: Protection) -> i64 {
    match form {
        Protection::Clear | Protection::Never => 0,
        Protection::Token => 1,
        Protection::Pseudonym => 2,
        Protection::Aggregate(k) => 10 + i64::from(k),
    }
}

/// TLP 2.0 from widest (0) to narrowest (4).
pub(crate) fn tlp_rank(tlp: Tlp) -> i64 {
    Tlp::ALL.iter().position(|t| *t == tlp).and_then(|i| i64::try_from(i).ok()).unwrap_or(i64::MAX)
}

/// Why a text that was read could not become a policy. It rules nothing: every request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("the policy of agreement `{agreement}` is not valid: {why}")]
#[diagnostic(
    code("CMT-0206"),
    help("do not sign this text; report it with the text to the makers of this program")
)]
pub struct PolicyError {
    /// The agreement.
    pub agreement: terms::AgreementId,
    /// What the validator says.
    pub why: String,
}

/// A compiled agreement: rules and duties in the Cedar language, checked against the schema.
#[derive(Debug, Clone)]
pub struct Policy {
    text: String,
    pub(crate) rules: PolicySet,
    pub(crate) duties: PolicySet,
    pub(crate) schema: Schema,
}

impl Policy {
    /// The policy as text: schema, rules, duties. Anybody can load the three parts into Cedar 4.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The SHA-256 of the text, which the parties sign together with that of the agreement.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }
    /// How many rules and duties it has.
    pub fn len(&self) -> (usize, usize) {
        (self.rules.policies().count(), self.duties.policies().count())
    }
    /// Whether it has no rule at all, which no agreement compiles to.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// Compiles an agreement and validates the result strictly.
///
/// # Errors
/// CMT-0206 when the result does not validate: a mistake of this program, on which nothing may rest.
pub fn compile(agreement: &Agreement) -> Result<Policy, PolicyError> {
    let fail = |why: String| PolicyError { agreement: agreement.id().clone(), why };
    let schema_text = schema_text();
    let (schema, _) = Schema::from_cedarschema_str(&schema_text).map_err(|e| fail(e.to_string()))?;
    // Each share is written once for each of its categories, with the members it names: bounded before it is written.
    let size: usize = (agreement.bodies())
        .filter_map(|(_, b)| if let Body::Share(s) = b { Some(s) } else { None })
        .map(|s| {
            let members = agreement.party(&s.to.value).map_or(0, |p| p.members.len());
            (s.categories.len() + 1) * (members * if s.own { 400 } else { 140 } + 1_000)
        })
        .sum();
    if size > MAX_POLICY {
        return Err(fail("it would be too large: fewer `share` clauses or members".to_owned()));
    }
    let (rules_text, duties_text) = (Writer { a: agreement }.rules(), Writer { a: agreement }.duties());
    let rules: PolicySet = rules_text.parse().map_err(|e| fail(format!("{e:?}")))?;
    let duties: PolicySet = duties_text.parse().map_err(|e| fail(format!("{e:?}")))?;
    let validator = Validator::new(schema.clone());
    for set in [&rules, &duties] {
        let result = validator.validate(set, ValidationMode::Strict);
        if let Some(e) = result.validation_errors().next() {
            return Err(fail(e.to_string()));
        }
    }
    let text = format!("// schema\n{schema_text}\n// rules\n{rules_text}\n// duties\n{duties_text}");
    Ok(Policy { text, rules, duties, schema })
}

fn schema_text() -> String {
    let forms: Vec<String> = Category::ALL.iter().map(|c| format!("    \"{c}\": Long")).collect();
    let acts: Vec<String> = Act::ALL.iter().map(|a| format!("\"{a}\"")).collect();
    format!(
        "namespace Comity {{
  entity Partner;
  entity Release;
  // The form in which each category is sent: 0 clear, 1 token, 2 pseudonym, 10 + k counts over at least k.
  type Forms = {{\n{}\n  }};
  type Ask = {{
    now: Long, from: String, member: String, onward: String, categories: Set<String>, purpose: String,
    forms: Forms, tlp: Long, code: String, consent: Bool, place: String, concerns: Set<String>, records: Long
  }};
  action {} appliesTo {{ principal: Partner, resource: Release, context: Ask }};
}}
",
        forms.join(",\n"),
        acts.join(", ")
    )
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
                Body::Protect(p) => Some(("forbid", protect_rule(p))),
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
            let (scope, duty) = match body {
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
        let members = receiver.map(|p| p.members.as_slice()).unwrap_or_default();
        // To whom received records are handed on is the onward clauses' matter.
        let reshare = format!("action == {}", action(Act::Reshare));
        match &s.members {
            Members::None => and.push(format!("({reshare} || context.member == \"\")")),
            Members::All if members.is_empty() => {
                and.push(format!("({reshare} || context.member == \"\")"));
            }
            Members::All => and.push(format!(
                "({reshare} || context.member == \"\" || {}.contains(context.member))",
                set(members.iter().map(|m| &m.id.value))
            )),
            Members::These(these) => and.push(format!(
                "({reshare} || {}.contains(context.member))",
                set(these.iter().map(|m| &m.value))
            )),
        }
        if s.own {
            let own: Vec<String> = if members.is_empty() {
                receiver.map(|p| format!("context.concerns == [\"{}\"]", p.place)).into_iter().collect()
            } else {
                let named = members.iter().filter(|m| match &s.members {
                    Members::These(these) => these.iter().any(|t| t.value == m.id.value),
                    _ => true,
                });
                named
                    .map(|m| {
                        format!(
                            "(context.member == \"{}\" && context.concerns == [\"{}\"])",
                            m.id.value, m.place
                        )
                    })
                    .collect()
            };
            and.push(any(&own));
        }
        if let Some(n) = s.records {
            and.push(format!("context.records <= {n}"));
        }
        and.join(" && ")
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
            let shares: Vec<String> = (self.a.bodies())
                .filter_map(|(_, b)| match b {
                    Body::Share(s) if holds(Some(&s.categories), *c) => {
                        Some(format!("({})", self.share_condition(s)))
                    }
                    _ => None,
                })
                .collect();
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
        for p in self.party_list() {
            let here = format!("principal == {} && context.onward == \"\"", partner(&p.id.value));
            let known = set(p.members.iter().map(|m| &m.id.value));
            let stranger = if p.members.is_empty() {
                format!("{here} && context.member != \"\"")
            } else {
                format!("{here} && context.member != \"\" && !{known}.contains(context.member)")
            };
            forbid(Prohibition::OptedOut, &stranger, "");
            for m in &p.members {
                let since = m.since.value.start().0;
                let mut outside = format!("context.now < {since}");
                if let Some(d) = &m.opted_out {
                    let _ = write!(outside, " || context.now >= {}", d.value.start().0);
                }
                forbid(
                    Prohibition::OptedOut,
                    &format!("{here} && context.member == \"{}\" && ({outside})", m.id.value),
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
            Prohibition::NoisyCounts,
            &format!("action == {} && context.purpose == \"evidence-in-court\"", action(Act::DpCount)),
            "",
        );
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

fn protect_rule(p: &Protect) -> String {
    let rest = scope_condition(&Scope { categories: None, ..p.scope.clone() });
    let categories = p.scope.categories.as_deref().unwrap_or_default();
    let named = format!("context.categories.containsAny({})", set(categories.iter().map(|c| c.value)));
    match &p.form.value {
        Form::Plain(Protection::Never) => format!("{rest} && {named}"),
        Form::Plain(form) => {
            let weaker: Vec<String> = (categories.iter())
                .map(|c| {
                    let c = c.value;
                    format!(
                        "(context.categories.contains(\"{c}\") && context.forms[\"{c}\"] < {})",
                        rank(*form)
                    )
                })
                .collect();
            format!("{rest} && {}", any(&weaker))
        }
        Form::Psi { set, .. } => {
            format!("{rest} && {named} && !(action == {} && context.records <= {set})", action(Act::PsiMatch))
        }
        Form::Dp { .. } => format!("{rest} && {named} && action != {}", action(Act::DpCount)),
    }
}

fn handling_rule(h: &HandlingClause) -> String {
    format!("context.tlp < {} || !{}.contains(context.code)", tlp_rank(h.floor), set(h.codes.iter()))
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
