//! Puts a solved choice into words: actions, notifications, what is blocked, and the floor.

use crate::{
    Action, Because, Blocked, Floor, FloorGroup, Gap, Notification, Plan, Situation, SituationError, Stop,
    StopCode, floor,
    problem::{Problem, Reading, Take},
    solve::{evaluate, solve},
    ways::{Way, stop},
};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use terms::{ActionId, Digest, PlanId, Standing};

/// The best plan for a situation.
///
/// An action stands in it only where a power of an agreement in force, and an authority in force at the hour or the
/// time to obtain one, let that partner do that to that target; where the target is the criminals'; where no partner
/// asked for delay; and where it helps to silence bots or the target's stated worth asks for it. The solver works
/// under a time limit: a large situation at the limit can give different plans on different machines, and then the
/// plan's gap says that it is not proven.
///
/// # Errors
/// Refuses a situation that is too large, an hour in the past, and a target listed twice.
pub fn plan(situation: &Situation) -> Result<Plan, SituationError> {
    situation.check_bounds()?;
    let reading = Reading::of(situation);
    let problem = Problem::of(situation, &reading);
    let solved = solve(&problem);
    let value = evaluate(&problem, &solved.takes);
    let chosen = chosen(&problem, &solved.takes);
    let taken: HashSet<usize> = chosen.keys().copied().collect();
    let actions = actions(situation, &reading, &chosen);
    let digest = digest(situation);
    let spread = value.surviving.saturating_sub(solved.bound);
    Ok(Plan {
        schema: "comity.plan/1".to_owned(),
        id: plan_id(&digest, &actions),
        situation: digest,
        hour: situation.hour,
        notifications: notifications(situation, &reading),
        blocked: blocked(situation, &reading, &taken),
        floor: floor_of(situation, &reading, &taken, value.collateral),
        population: situation.groups.iter().map(|g| g.bots).sum(),
        expected_surviving: value.surviving,
        expected_recovery: value.recovery,
        cost_cents: value.cost_cents,
        collateral: value.collateral,
        gap: Gap {
            surviving: if spread == 0 { 0.0 } else { spread as f64 / value.surviving.max(1) as f64 },
            bound: solved.bound,
            proven: solved.proven,
            method: solved.method.to_owned(),
        },
        actions,
    })
}

/// SHA-256 of a situation as JSON: what a plan says it was made from.
fn digest(situation: &Situation) -> Digest {
    Digest::of(serde_json::to_string(situation).unwrap_or_default().as_bytes())
}

#[expect(clippy::expect_used, reason = "hexadecimal digits and `-` are letters of an id")]
fn plan_id(situation: &Digest, actions: &[Action]) -> PlanId {
    let content = format!("{situation}{}", serde_json::to_string(actions).unwrap_or_default());
    let short: String = Digest::of(content.as_bytes()).to_string().chars().take(16).collect();
    PlanId::new(&format!("plan-{short}")).expect("an id")
}

#[expect(clippy::expect_used, reason = "digits and `-` are letters of an id")]
fn action_id(n: usize) -> ActionId {
    ActionId::new(&format!("a-{n:03}")).expect("an id")
}

fn chosen(problem: &Problem, takes: &[Take]) -> BTreeMap<usize, usize> {
    let each = problem.parts.iter().zip(takes);
    each.filter_map(|(part, take)| match take {
        Take::By(way) => Some((part.target, *way)),
        Take::Leave => None,
    })
    .collect()
}

fn actions(situation: &Situation, reading: &Reading<'_>, chosen: &BTreeMap<usize, usize>) -> Vec<Action> {
    let mut known: BTreeMap<&str, u64> = BTreeMap::new();
    for group in &situation.groups {
        for key in group.signature.iter().collect::<BTreeSet<_>>() {
            *known.entry(key).or_default() += group.bots;
        }
    }
    let mut out = Vec::new();
    for (target, way) in chosen {
        let (Some(row), Some(way)) =
            (situation.targets.get(*target), reading.ways.get(*target).and_then(|w| w.ways.get(*way)))
        else {
            continue;
        };
        let bots = row.asset.channel_key().and_then(|k| known.get(k.as_str()).copied()).unwrap_or(0);
        out.push(action(out.len() + 1, row, way, bots));
    }
    out
}

fn action(n: usize, row: &crate::Target, way: &Way<'_>, bots: u64) -> Action {
    let why = match (&row.worth, bots) {
        (Some(worth), 0) => worth.clone(),
        (Some(worth), n) => format!("{n} bots know it; {worth}"),
        (None, n) => format!("{n} bots know it, and every other channel of bots that it silences falls too"),
    };
    Action {
        id: action_id(n),
        target: row.asset.key(),
        asset: row.asset.clone(),
        instrument: way.power.instrument,
        partner: way.power.partner.clone(),
        member: way.member.clone(),
        place: row.place,
        clause: way.power.clause.clone(),
        authority: way.basis.clone(),
        cost_cents: way.power.cost_cents,
        collateral: u64::from(row.tenants),
        firm: way.firm,
        why,
        evidence: row.evidence.clone(),
    }
}

fn notifications(situation: &Situation, reading: &Reading<'_>) -> Vec<Notification> {
    let mut out = Vec::new();
    for (row, ways) in situation.targets.iter().zip(&reading.ways) {
        let key = row.asset.key();
        let (to, code, why) = match (ways.hit, row.standing) {
            (Some(hit), _) => (
                hit.contact.clone().unwrap_or_else(|| hit.partner.to_string()),
                StopCode::Deconfliction,
                format!("{key} came up in an operation; nothing is done to it before {} agrees", hit.partner),
            ),
            (None, Some(Standing::Compromised)) => (
                row.holder.clone(),
                StopCode::Compromised,
                format!("criminals use {key} without its owner's knowledge; please have it cleaned"),
            ),
            (None, Some(Standing::Shared)) => (
                row.holder.clone(),
                StopCode::SharedHost,
                format!(
                    "one customer on {key} commands a botnet; please end that customer's use and spare the rest"
                ),
            ),
            _ => continue,
        };
        // A partner's contact is told by the partner who asked, not through a power over the asset.
        let teller = if ways.hit.is_some() { None } else { reading.law.teller(row) };
        out.push(Notification {
            target: key,
            to,
            place: row.place,
            code: code.code().to_owned(),
            why,
            partner: teller.map(|t| t.partner.clone()),
            member: teller.and_then(|t| t.member.clone()),
            clause: teller.map(|t| t.clause.clone()),
            evidence: row.evidence.clone(),
        });
    }
    out
}

/// Groups that survive, by index.
fn survivors(situation: &Situation, reading: &Reading<'_>, taken: &HashSet<usize>) -> Vec<FloorGroup> {
    let mut out = Vec::new();
    for (n, group) in situation.groups.iter().enumerate().filter(|(_, g)| g.bots > 0) {
        let open: BTreeSet<&String> =
            group.signature.iter().filter(|k| !reading.channel_closed(k, taken)).collect();
        if !open.is_empty() || group.signature.is_empty() {
            out.push(FloorGroup {
                group: n,
                signature: group.signature.clone(),
                bots: group.bots,
                open: open.into_iter().cloned().collect(),
            });
        }
    }
    out
}

/// Why a target that is not taken stands, weightiest first.
fn reasons(
    situation: &Situation,
    reading: &Reading<'_>,
    target: usize,
    capped: &BTreeSet<usize>,
) -> Vec<Stop> {
    let (Some(row), Some(ways)) = (situation.targets.get(target), reading.ways.get(target)) else {
        return Vec::new();
    };
    if ways.ways.is_empty() {
        return ways.stops.clone();
    }
    let key = row.asset.key();
    if capped.contains(&target) {
        let text = format!(
            "taking all that its bots know would cut off more than {} innocent tenants ({key}: {})",
            situation.collateral_cap, row.tenants
        );
        vec![stop(StopCode::CollateralCap, text)]
    } else {
        let text = format!("{key} could be taken, but that would silence no bot");
        vec![stop(StopCode::NoEffect, text)]
    }
}

/// Targets that stand although they could be taken, because their groups would pass the cap.
fn capped(situation: &Situation, reading: &Reading<'_>, taken: &HashSet<usize>) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    for group in survivors(situation, reading, taken) {
        let states: Vec<_> = group.open.iter().filter_map(|k| reading.channels.get(k)).collect();
        let open = states.iter().flat_map(|s| &s.targets).filter(|t| !reading.closed(**t, taken));
        let open: Vec<usize> = open.copied().collect();
        let free = |t: &usize| reading.ways.get(*t).is_some_and(|w| !w.ways.is_empty());
        if !group.open.is_empty() && states.iter().all(|s| s.stop.is_none()) && open.iter().all(free) {
            out.extend(open);
        }
    }
    for (n, row) in situation.targets.iter().enumerate() {
        let free = reading.ways.get(n).is_some_and(|w| !w.ways.is_empty());
        if row.worth.is_some() && free && !taken.contains(&n) {
            out.insert(n);
        }
    }
    out
}

fn blocked(situation: &Situation, reading: &Reading<'_>, taken: &HashSet<usize>) -> Vec<Blocked> {
    let capped = capped(situation, reading, taken);
    let mut out = Vec::new();
    for (n, row) in situation.targets.iter().enumerate() {
        let target = row.asset.key();
        if !taken.contains(&n) {
            let why = reasons(situation, reading, n, &capped);
            out.push(Blocked { target, why, planned_otherwise: false });
        } else if let Some(expired) = reading.ways.get(n).map(|w| &w.expired).filter(|e| !e.is_empty()) {
            out.push(Blocked { target, why: expired.clone(), planned_otherwise: true });
        }
    }
    for (key, state) in &reading.channels {
        if let Some(why) = &state.stop {
            out.push(Blocked { target: key.clone(), why: vec![why.clone()], planned_otherwise: false });
        }
    }
    out
}

fn floor_of(situation: &Situation, reading: &Reading<'_>, taken: &HashSet<usize>, collateral: u64) -> Floor {
    let groups = survivors(situation, reading, taken);
    let capped = capped(situation, reading, taken);
    let mut because: Vec<Because> = Vec::new();
    let mut open: BTreeMap<&str, u64> = BTreeMap::new();
    for group in &groups {
        for key in &group.open {
            *open.entry(key).or_default() += group.bots;
        }
    }
    for (key, bots) in open {
        let Some(state) = reading.channels.get(key) else { continue };
        // A channel that could be closed, beside one that cannot, keeps nobody alive by itself.
        let mut by_code: BTreeMap<StopCode, (Stop, Vec<String>)> = BTreeMap::new();
        if let Some(stop) = &state.stop {
            by_code.insert(stop.code, (stop.clone(), Vec::new()));
        }
        for target in state.targets.iter().filter(|t| !reading.closed(**t, taken)) {
            let why = reasons(situation, reading, *target, &capped).into_iter().next();
            if let (Some(why), Some(row)) = (why, situation.targets.get(*target))
                && why.code != StopCode::NoEffect
            {
                by_code.entry(why.code).or_insert((why, Vec::new())).1.push(row.asset.key());
            }
        }
        for (why, mut targets) in by_code.into_values() {
            targets.truncate(10);
            because.push(Because { channel: key.to_owned(), targets, why, bots });
        }
    }
    let nameless: u64 = groups.iter().filter(|g| g.signature.is_empty()).map(|g| g.bots).sum();
    if nameless > 0 {
        let why = stop(StopCode::NoChannel, "no channel of these bots is known".to_owned());
        because.push(Because { channel: String::new(), targets: Vec::new(), why, bots: nameless });
    }
    because.sort_by(|a, b| b.bots.cmp(&a.bots).then(a.channel.cmp(&b.channel)));
    let improvement = floor::cheapest(situation, reading, taken, &groups, collateral);
    Floor { surviving: groups.iter().map(|g| g.bots).sum(), groups, because, improvement }
}
