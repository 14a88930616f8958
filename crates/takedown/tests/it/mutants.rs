//! The checker catches every plan that was tampered with.

use crate::made::{place, random};
use takedown::{Basis, Plan, Situation, check, plan};
use terms::{Digest, Instrument, Standing};

/// Changes a situation and its plan into something that must not pass; false where there is nothing to change.
type Mutate = fn(&mut Situation, &mut Plan) -> bool;

/// After a change of the situation the plan is made to speak of it, so that not the digest alone gives it away.
fn rebind(s: &Situation, p: &mut Plan) {
    p.situation = Digest::of(serde_json::to_string(s).unwrap().as_bytes());
}

fn first(p: &mut Plan, change: impl FnOnce(&mut takedown::Action)) -> bool {
    p.actions.first_mut().map(change).is_some()
}

/// The target of the first action whose authority is in force.
fn acted(s: &Situation, p: &Plan) -> Option<(usize, String)> {
    let action = p.actions.iter().find(|a| matches!(a.authority, Basis::InForce { .. }))?;
    let n = s.targets.iter().position(|t| t.asset.key() == action.target)?;
    match &action.authority {
        Basis::InForce { authority } => Some((n, authority.clone())),
        _ => None,
    }
}

const MUTANTS: &[(&str, Mutate)] = &[
    ("another place", |_, p| first(p, |a| a.place = place("QQ"))),
    ("another instrument", |_, p| first(p, |a| a.instrument = Instrument::Notify)),
    ("another clause", |_, p| first(p, |a| a.clause.number.push('9'))),
    ("another partner", |_, p| first(p, |a| a.partner = crate::made::partner("nobody"))),
    ("another member", |_, p| first(p, |a| a.member = Some("xx".parse().unwrap()))),
    ("another authority", |_, p| first(p, |a| a.authority = Basis::InForce { authority: "none".into() })),
    ("an authority to obtain too late", |s, p| {
        let hour = s.hour;
        first(p, |a| a.authority = Basis::ToObtain { ask_by: hour, lead_minutes: 0 })
    }),
    ("cost of one action off by one", |_, p| {
        p.cost_cents += 1;
        first(p, |a| a.cost_cents += 1)
    }),
    ("sum of cost off by one", |_, p| {
        p.cost_cents += 1;
        true
    }),
    ("collateral off by one", |_, p| {
        p.collateral += 1;
        true
    }),
    ("collateral hidden", |_, p| match p.actions.iter_mut().find(|a| a.collateral > 0) {
        Some(a) => {
            p.collateral -= a.collateral;
            a.collateral = 0;
            true
        }
        None => false,
    }),
    ("fewer survivors", |_, p| {
        let some = p.expected_surviving > 0;
        p.expected_surviving = p.expected_surviving.saturating_sub(1);
        some
    }),
    ("recovery off by one", |_, p| {
        p.expected_recovery += 1;
        true
    }),
    ("firmness turned", |_, p| first(p, |a| a.firm = !a.firm)),
    ("population off by one", |_, p| {
        p.population += 1;
        true
    }),
    ("a group missing from the floor", |_, p| p.floor.groups.pop().is_some()),
    ("the floor's sum", |_, p| {
        p.floor.surviving += 1;
        true
    }),
    ("no reason for the floor", |_, p| {
        let some = !p.floor.groups.is_empty();
        p.floor.because.clear();
        some
    }),
    ("an improvement that frees more", |_, p| p.floor.improvement.as_mut().map(|i| i.bots += 1).is_some()),
    ("an improvement at a lower cap", |_, p| match &mut p.floor.improvement {
        Some(i) if i.collateral_cap > 0 => {
            i.collateral_cap -= 1;
            true
        }
        _ => false,
    }),
    ("a blocked target left out", |_, p| {
        let before = p.blocked.len();
        p.blocked.retain(|b| b.planned_otherwise);
        p.blocked.len() < before
    }),
    ("a blocked target without reason", |_, p| match p.blocked.iter_mut().find(|b| !b.planned_otherwise) {
        Some(b) => {
            b.why.clear();
            true
        }
        None => false,
    }),
    ("an action left out and nothing said", |_, p| p.actions.pop().is_some()),
    ("an action twice", |_, p| match p.actions.first().cloned() {
        Some(mut a) => {
            a.id = "a-999".parse().unwrap();
            p.cost_cents += a.cost_cents;
            p.collateral += a.collateral;
            p.actions.push(a);
            true
        }
        None => false,
    }),
    ("another hour", |_, p| {
        p.hour = p.hour.plus_days(1);
        true
    }),
    ("another situation", |s, _| {
        s.rebuild_budget += 1;
        true
    }),
    ("a notification left out", |_, p| p.notifications.pop().is_some()),
    ("a bound above the plan", |_, p| {
        p.gap.bound = p.expected_surviving + 1;
        true
    }),
    ("no evidence", |_, p| first(p, |a| a.evidence.clear())),
    ("the authority has expired", |s, p| match acted(s, p) {
        Some((_, id)) => {
            let hour = s.hour;
            s.authorities.iter_mut().filter(|a| a.id == id).for_each(|a| a.until = hour);
            rebind(s, p);
            true
        }
        None => false,
    }),
    ("the order was never served", |s, p| match acted(s, p) {
        Some((_, id)) => {
            s.authorities.iter_mut().filter(|a| a.id == id).for_each(|a| a.served = None);
            rebind(s, p);
            true
        }
        None => false,
    }),
    ("the host is shared", |s, p| match acted(s, p) {
        Some((n, _)) => {
            s.targets[n].standing = Some(Standing::Shared);
            rebind(s, p);
            true
        }
        None => false,
    }),
    ("the host is an innocent owner's", |s, p| match acted(s, p) {
        Some((n, _)) => {
            s.targets[n].standing = Some(Standing::Compromised);
            rebind(s, p);
            true
        }
        None => false,
    }),
    ("its standing is not known", |s, p| match acted(s, p) {
        Some((n, _)) => {
            s.targets[n].standing = None;
            rebind(s, p);
            true
        }
        None => false,
    }),
    ("a partner asked for delay", |s, p| match acted(s, p) {
        Some((n, _)) => {
            let asset = match &s.targets[n].asset {
                takedown::Asset::Generated { names, .. } => names[0].clone(),
                other => other.key(),
            };
            let partner = crate::made::partner("region");
            s.deconfliction.push(takedown::Answer {
                asset,
                partner,
                hit: true,
                contact: None,
                delay_until: None,
            });
            rebind(s, p);
            true
        }
        None => false,
    }),
    ("the power is gone", |s, p| match p.actions.first() {
        Some(a) => {
            let clause = a.clause.clone();
            s.powers.retain(|g| g.clause != clause);
            rebind(s, p);
            true
        }
        None => false,
    }),
    ("the cap is lower", |s, p| {
        let some = p.collateral > 0;
        s.collateral_cap = p.collateral.saturating_sub(1);
        rebind(s, p);
        some
    }),
    ("an idle action", |s, p| match p.actions.first() {
        // Nobody knows the channel any more, so taking it has no effect.
        Some(a) if s.targets.iter().all(|t| t.worth.is_none()) => {
            let key = a.asset.channel_key().unwrap();
            s.groups.retain(|g| !g.signature.contains(&key));
            rebind(s, p);
            true
        }
        _ => false,
    }),
];

#[test]
fn every_mutant_is_caught() {
    let mut applied = vec![0u32; MUTANTS.len()];
    for seed in 0..120 {
        let (s, _) = random(seed, 5);
        let p = plan(&s).unwrap();
        assert!(check(&s, &p).is_ok(), "seed {seed}: {:?}", check(&s, &p));
        for (n, (name, mutate)) in MUTANTS.iter().enumerate() {
            let (mut s, mut p) = (s.clone(), p.clone());
            if mutate(&mut s, &mut p) {
                applied[n] += 1;
                assert!(check(&s, &p).is_err(), "seed {seed}: not caught: {name}");
            }
        }
    }
    for ((name, _), times) in MUTANTS.iter().zip(applied) {
        assert!(times > 3, "`{name}` was applied {times} times only");
    }
}
