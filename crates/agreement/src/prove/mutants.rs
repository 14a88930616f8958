//! A compiler that forgets a rule: the theorem it guarded falls, and no other text hides it.

use super::{
    Guarantee, ProofError, Standing,
    enumerate::each_request,
    model::{LANES, Rules},
    prove, solver,
    witness::{Case, error_of},
};
use crate::{Agreement, Policy, Prohibition, compile, parse};
use cedar_policy::{Authorizer, Decision, Entities};
use miette::Diagnostic;

fn text() -> Agreement {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance/agreement/broken-none.mou.md");
    parse("broken-none", &std::fs::read_to_string(folder).unwrap()).unwrap()
}

fn fallen(a: &Agreement, policy: &Policy) -> Vec<Guarantee> {
    let proof = prove(a, policy, Guarantee::ALL, 2, solver::start, &|_, _| {}).unwrap();
    let fell = |t: &&super::Theorem| matches!(t.standing, Standing::Broken(_));
    proof.theorems.iter().filter(fell).map(|t| t.guarantee).collect()
}

#[test]
fn the_models_evaluator_and_cedars_agree() {
    let a = text();
    let policy = compile(&a).unwrap();
    let rules = Rules::read(&policy.rules).unwrap();
    let (mut looked, mut passed, mut at) = (0, 0, 0);
    let mut here = rules.clone();
    each_request(&a, &mut |point, new| {
        at += 1;
        if new {
            here = point.scene(&rules)?;
        }
        let word = here.allowed(&|path: &str| point.known(path))?;
        // Some of the words in which something passes, and a few of the rest.
        if at % if word == 0 { 1_999 } else { 3 } != 0 {
            return Ok(());
        }
        for lane in
            (0..LANES).step_by(7).chain(usize::try_from(word.trailing_zeros()).ok().filter(|l| *l < LANES))
        {
            let request = point.case(lane).unwrap().cedar(&policy)?;
            let answer = Authorizer::new().is_authorized(&request, &policy.rules, &Entities::empty());
            let allowed = answer.decision() == Decision::Allow;
            assert_eq!(word >> lane & 1 == 1, allowed, "{request}");
            looked += 1;
            passed += u32::from(allowed);
        }
        Ok(())
    })
    .unwrap();
    assert!(looked > 1_000 && passed > 100, "{looked} looked at, {passed} passed");
}

fn without(policy: &Policy, drop: impl Fn(&cedar_policy::Policy) -> bool) -> Policy {
    let kept = policy.rules.policies().filter(|p| !drop(p)).cloned();
    with(policy, cedar_policy::PolicySet::from_policies(kept).unwrap())
}

fn with(policy: &Policy, rules: cedar_policy::PolicySet) -> Policy {
    let mut out = policy.clone();
    out.rules = rules;
    out
}

#[test]
fn a_forgotten_rule_is_found() {
    if !solver::present() {
        return;
    }
    let a = text();
    let policy = compile(&a).unwrap();
    // What a clause of this text says as well is not lost with the standing rule; what it says not, is.
    let rows: &[(Prohibition, &[Guarantee])] = &[
        (Prohibition::EachCategory, &[Guarantee::Purposes, Guarantee::Emergency]),
        (Prohibition::Reshare, &[Guarantee::Red]),
        (Prohibition::Term, &[Guarantee::Term]),
        (Prohibition::OptedOut, &[Guarantee::OptedOut]),
    ];
    for (rule, expected) in rows {
        let mutant = without(&policy, |p| p.annotation("standing") == Some(rule.word()));
        assert_eq!(&fallen(&a, &mutant), expected, "{rule:?}");
        let model = super::enumerate(&a, &mutant, Guarantee::ALL).unwrap();
        assert!(expected.iter().all(|g| model.fallen.contains(g)), "{rule:?}: {:?}", model.fallen);
    }
    let never = without(&policy, |p| p.annotation("clause") == Some("4.4"));
    assert!(fallen(&a, &never).is_empty(), "each category still needs a clause that names it");
    let both = without(&policy, |p| {
        p.annotation("clause") == Some("4.4") || p.annotation("standing") == Some("each-category")
    });
    assert!(fallen(&a, &both).contains(&Guarantee::Never));
    let weaker = without(&policy, |p| p.annotation("clause") == Some("4.2"));
    assert_eq!(fallen(&a, &weaker), [Guarantee::Emergency], "a form weaker than its clause asks");
}

/// The policy with one more rule, which adds to what was asked and so can err: Cedar has no number above the largest.
fn erring(policy: &Policy, effect: &str) -> Policy {
    let sum = format!(
        "@clause(\"9.9\") {effect}(principal, action, resource) when {{ context.records + 1 > 1000 }};"
    );
    let rule = cedar_policy::Policy::parse(Some(cedar_policy::PolicyId::new("sum")), sum).unwrap();
    let mut out = policy.clone();
    let set = if effect == "forbid" { &mut out.rules } else { &mut out.duties };
    set.add(rule).unwrap();
    out
}

#[test]
fn a_rule_that_can_err_is_found_and_the_evaluator_fails_on_the_same_request() {
    if !solver::present() {
        return;
    }
    let a = text();
    let policy = compile(&a).unwrap();
    // A rule that is skipped opens a door; a duty that is skipped is owed no longer.
    for effect in ["forbid", "permit"] {
        let errs = erring(&policy, effect);
        let proof = prove(&a, &errs, &[Guarantee::NoError], 2, solver::start, &|_, _| {}).unwrap();
        let Standing::Broken(found) = &proof.theorems[0].standing else { panic!("{effect}: not found") };
        assert_eq!(found.clauses, ["9.9"]);
        assert!(found.sentence.contains("overflow"), "the evaluator's own words: {}", found.sentence);
        let (act, to) = (found.request["act"].clone(), found.request["to"].as_str().unwrap().to_owned());
        let context = found.request["context"].as_object().unwrap().clone();
        let case = Case { act: serde_json::from_value(act).unwrap(), to, context };
        assert_eq!(case.long("records"), i64::MAX, "the one number to which nothing can be added");
        let set = if effect == "forbid" { &errs.rules } else { &errs.duties };
        let answer = Authorizer::new().is_authorized(&case.cedar(&errs).unwrap(), set, &Entities::empty());
        let failed: Vec<String> = answer.diagnostics().errors().map(ToString::to_string).collect();
        assert!(failed.len() == 1 && failed[0].contains("`sum`"), "no other rule errs: {failed:?}");
    }
    assert_eq!(fallen(&a, &erring(&policy, "forbid")), [Guarantee::NoError]);
}

#[test]
fn what_the_evaluator_does_not_show_is_no_finding() {
    let a = text();
    let policy = compile(&a).unwrap();
    let errs = erring(&policy, "forbid");
    let rule = errs.rules.policy(&cedar_policy::PolicyId::new("sum")).unwrap();
    let mut requests = Vec::new();
    each_request(&a, &mut |point, _| {
        if requests.is_empty() {
            requests.extend(point.case(0));
        }
        Ok(())
    })
    .unwrap();
    let mut case = requests.pop().unwrap();
    // As a solver that is wrong would say: here the rule can be evaluated.
    case.context.insert("records".to_owned(), 1.into());
    let said = error_of(&policy, rule, &case).unwrap_err();
    assert!(matches!(said, ProofError::NotReproduced { .. }), "{said}");
    assert_eq!(said.code().unwrap().to_string(), "CMT-0244");
    case.context.insert("records".to_owned(), i64::MAX.into());
    assert!(error_of(&policy, rule, &case).unwrap().contains("overflow"));
}
