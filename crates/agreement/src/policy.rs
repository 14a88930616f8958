//! The compiled policy: an agreement as Cedar rules, validated strictly against one schema.
//!
//! Here: the schema, and the check of what was written. Elsewhere: how clauses become rules (`rules`), the facts of one
//! request (`ask`), what is made of the answer (`agreements`).
//! A rule names its clause in `@clause`, a prohibition in `@standing`; duties ride in `@duty`. Every text in a rule is
//! an id or a word of the vocabulary: no prose and no name reaches Cedar.
//! Bounds: a policy is refused above about 64 MiB. Every attribute of a request is required, so no rule can err on a missing one (Cedar skips a `forbid` that errs).

use crate::{Act, Agreement, clause::Body, rules, slice::Slices};
use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use std::sync::{Arc, OnceLock};
use terms::{Category, Digest, Protection, Tlp};

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
    pub(crate) text: String,
    pub(crate) rules: PolicySet,
    pub(crate) duties: PolicySet,
    pub(crate) schema: Schema,
    pub(crate) slices: Arc<OnceLock<Slices>>,
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
        .map(|s| (s.categories.len() + 1) * (s.members.named() * 140 + 1_200))
        .sum();
    if size > MAX_POLICY {
        return Err(fail("it would be too large: fewer `share` clauses or members".to_owned()));
    }
    let (rules_text, duties_text) = rules::write(agreement);
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
    Ok(Policy { text, rules, duties, schema, slices: Arc::default() })
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
  // Times are UTC microseconds; sums are made, and held at the largest number, before they are handed in: no rule adds.
  // What is not known has its strictest value: \"\" for a text, the largest number for a count.
  type Ask = {{
    now: Long, from: String, onward: String,
    member: String, memberOf: String, memberPlace: String, memberSince: Long, memberUntil: Long,
    categories: Set<String>, purpose: String, forms: Forms,
    tlp: Long, code: String, consent: Bool, source: Long, information: Long,
    place: String, concerns: Set<String>,
    records: Long, case: Bool, reason: Bool, inCase: Long, inMonth: Long, inTotal: Long,
    set: Long, reveal: Long, epsilon: Long, unit: String, period: String,
    emergency: String, emergencyFrom: Long, emergencyUntil: Long, emergencyHours: Long
  }};
  action {} appliesTo {{ principal: Partner, resource: Release, context: Ask }};
}}
",
        forms.join(",\n"),
        acts.join(", ")
    )
}
