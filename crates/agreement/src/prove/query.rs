//! One question to the solver: whether a request of one act can pass and be bad.
//!
//! Rules are compiled once for each act and asked about every guarantee; a rule for another act folds away.

use super::{Guarantee, ProofError, asked::Asked, spec};
use crate::{Act, Agreement, Policy, Prohibition};
use cedar_policy::{EntityId, EntityTypeName, EntityUid, PolicySet, RequestEnv};
use cedar_policy_symcc::{
    CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env, SymEnv, WellFormedAsserts, disjoint_asserts,
    err::Error, never_errors_asserts, solver::Solver, term_type::TermType,
};
use terms::Digest;

/// Which rules a question is put to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rules {
    /// Everything that is compiled.
    Whole,
    /// Without the standing prohibitions that look at a record's categories one by one.
    Clauses,
}

impl Rules {
    pub const ALL: &'static [Self] = &[Self::Whole, Self::Clauses];
}

/// The standing prohibitions that no clause of a text says, and that alone hold a door between clauses.
const ABOVE: &[Prohibition] = &[Prohibition::VictimIdentity, Prohibition::EachCategory, Prohibition::Onward];

/// The rules that a question is put to.
pub(crate) fn rules(policy: &Policy, which: Rules) -> Result<PolicySet, ProofError> {
    let above = |p: &cedar_policy::Policy| {
        p.annotation("standing").and_then(Prohibition::from_word).is_some_and(|s| ABOVE.contains(&s))
    };
    let kept = policy.rules.policies().filter(|p| which == Rules::Whole || !above(p)).cloned();
    PolicySet::from_policies(kept).map_err(|e| ProofError::Internal(e.to_string()))
}

/// The requests that would be bad, as a policy of its own: it permits exactly those. `None`: there is nothing to be
/// bad.
pub(crate) fn bad(
    agreement: &Agreement,
    guarantee: Guarantee,
    which: Rules,
    also: &str,
) -> Result<Option<PolicySet>, ProofError> {
    let ways = match which {
        Rules::Whole => spec::whole(agreement, guarantee),
        Rules::Clauses => spec::by_clauses(agreement, guarantee),
    };
    let when = spec::either(&ways);
    if when == "false" {
        return Ok(None);
    }
    permits(&spec::both(&[also.to_owned(), when])).map(Some)
}

/// The policy that permits what `condition` says.
pub(crate) fn permits(condition: &str) -> Result<PolicySet, ProofError> {
    let text = format!("permit(principal, action, resource) when {{ {condition} }};");
    text.parse().map_err(|e| ProofError::Internal(format!("{e:?}")))
}

pub(crate) fn uid(kind: &str, id: &str) -> Result<EntityUid, ProofError> {
    Ok(EntityUid::from_type_name_and_id(type_name(kind)?, EntityId::new(id)))
}
fn type_name(kind: &str) -> Result<EntityTypeName, ProofError> {
    format!("Comity::{kind}").parse().map_err(|e| ProofError::Internal(format!("{e}")))
}
fn request_env(act: Act) -> Result<RequestEnv, ProofError> {
    Ok(RequestEnv::new(type_name("Partner")?, uid("Action", act.word())?, type_name("Release")?))
}

/// The names of every attribute of a request.
pub(crate) fn attributes(policy: &Policy, act: Act) -> Result<Vec<String>, ProofError> {
    match SymEnv::new(&policy.schema, &request_env(act)?)?.request.context.type_of() {
        TermType::Record { rty } => Ok(rty.keys().map(ToString::to_string).collect()),
        _ => Err(ProofError::Internal("the context is not a record".to_owned())),
    }
}

/// The rules as a formula over the requests of one act.
pub(crate) fn compile(policy: &Policy, act: Act, set: &PolicySet) -> Result<CompiledPolicySet, ProofError> {
    Ok(CompiledPolicySet::compile(set, &request_env(act)?, &policy.schema)?)
}

/// What became of one question.
#[derive(Debug)]
pub(crate) struct Answer {
    pub found: Found,
    /// SHA-256 of the script; `None` where the formula folded to a constant and nothing had to be asked.
    pub script: Option<Digest>,
}

#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    /// A request that passes and is bad.
    Request(Box<Env>),
    /// The solver did not say.
    Unknown,
}

/// A solver at work.
pub(crate) struct Asker<S: Solver + Unpin + Send>(CedarSymCompiler<Asked<S>>);

impl<S: Solver + Unpin + Send> Asker<S> {
    pub fn new(solver: S) -> Result<Self, ProofError> {
        Ok(Self(CedarSymCompiler::new(Asked::new(solver))?))
    }

    /// Whether some request is let pass by both.
    pub async fn together(
        &mut self,
        rules: &CompiledPolicySet,
        bad: &CompiledPolicySet,
    ) -> Result<Answer, ProofError> {
        self.ask(&disjoint_asserts(rules, bad)).await
    }

    /// Whether some request makes the rule fail.
    pub async fn errs(
        &mut self,
        policy: &Policy,
        act: Act,
        rule: &cedar_policy::Policy,
    ) -> Result<Answer, ProofError> {
        let compiled = CompiledPolicy::compile(rule, &request_env(act)?, &policy.schema)?;
        self.ask(&never_errors_asserts(&compiled)).await
    }

    pub async fn ask(&mut self, asserts: &WellFormedAsserts<'_>) -> Result<Answer, ProofError> {
        let found = self.0.check_sat(asserts).await;
        let script = self.0.solver_mut().take();
        let found = match found {
            Ok(None) => Found::Nothing,
            Ok(Some(env)) => Found::Request(Box::new(env)),
            Err(Error::SolverUnknown) => Found::Unknown,
            Err(e) => return Err(e.into()),
        };
        Ok(Answer { found, script })
    }
}
