//! A compiler that forgets a rule: the theorem it guarded falls, and no other text hides it.

use super::{
    Guarantee, Standing,
    enumerate::each_request,
    model::{LANES, Rules},
    prove, solver,
};
use crate::{Agreement, Policy, Prohibition, compile, parse};
use cedar_policy::{Authorizer, Decision, Entities};

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

#[test]
fn a_rule_that_can_err_is_found() {
    if !solver::present() {
        return;
    }
    let a = text();
    let policy = compile(&a).unwrap();
    let mut rules = policy.rules.clone();
    let sum = "@clause(\"9.9\") forbid(principal, action, resource) when { context.records + 1 > 1000 };";
    rules.add(cedar_policy::Policy::parse(Some(cedar_policy::PolicyId::new("sum")), sum).unwrap()).unwrap();
    assert_eq!(fallen(&a, &with(&policy, rules)), [Guarantee::NoError]);
}
