//! The checker's own view of what stands: the floor, the reasons, the notifications, and actions without effect.

use super::{
    Desk, law,
    numbers::{Numbers, held, silent, whole},
};
use crate::StopCode;
use std::collections::{BTreeMap, BTreeSet};
use terms::Standing;

pub(super) fn recompute(desk: &mut Desk<'_>, n: &Numbers) {
    let takeable: BTreeSet<String> = desk
        .situation
        .targets
        .iter()
        .filter(|t| {
            law::untouchable(desk.situation, t).is_none() && !law::allowed(desk.situation, t).is_empty()
        })
        .map(|t| t.asset.key())
        .collect();
    effect(desk, n);
    floor(desk, n);
    missed(desk, n, &takeable);
    improvement(desk, n, &takeable);
    blocked(desk, n, &takeable);
    notified(desk);
}

/// Every action silences bots together with the others, or its target's worth is stated.
fn effect(desk: &mut Desk<'_>, n: &Numbers) {
    let mut useful: BTreeSet<&String> = BTreeSet::new();
    for group in desk.situation.groups.iter().filter(|g| g.bots > 0 && silent(g, &n.closed)) {
        useful.extend(group.signature.iter().filter_map(|k| n.parts.get(k)).flatten());
    }
    let idle: Vec<_> = desk.plan.actions.iter().filter(|a| !useful.contains(&a.target)).collect();
    for action in idle {
        let stated = desk.targets.get(&action.target).is_some_and(|t| t.worth.is_some());
        if !stated {
            desk.object(action.id.as_str(), "it silences no bot and no worth is stated");
        }
    }
}

fn floor(desk: &mut Desk<'_>, n: &Numbers) {
    let plan = desk.plan;
    desk.same("floor", plan.floor.surviving, n.surviving);
    let mut expected = BTreeMap::new();
    for (index, group) in desk.situation.groups.iter().enumerate() {
        if group.bots > 0 && !silent(group, &n.closed) {
            let open: BTreeSet<&String> = group.signature.iter().filter(|k| !n.closed.contains(*k)).collect();
            expected.insert(index, (group, open));
        }
    }
    let mut listed = BTreeSet::new();
    for row in &plan.floor.groups {
        let right = expected.get(&row.group).is_some_and(|(group, open)| {
            group.bots == row.bots && group.signature == row.signature && *open == row.open.iter().collect()
        });
        if !right || !listed.insert(row.group) {
            desk.object("floor", format!("group {} is not as the situation gives it", row.group));
        }
    }
    if listed.len() != expected.len() {
        desk.object("floor", format!("{} groups survive, {} are listed", expected.len(), listed.len()));
    }
    let explained: BTreeSet<&str> = plan.floor.because.iter().map(|b| b.channel.as_str()).collect();
    for (index, (_, open)) in &expected {
        let told = if open.is_empty() {
            explained.contains("")
        } else {
            open.iter().any(|k| explained.contains(k.as_str()))
        };
        if !told {
            desk.object("floor", format!("nothing says why group {index} survives"));
        }
    }
    for row in &plan.floor.because {
        let bots: u64 = expected
            .values()
            .filter(
                |(_, open)| {
                    if row.channel.is_empty() { open.is_empty() } else { open.contains(&row.channel) }
                },
            )
            .map(|(group, _)| group.bots)
            .sum();
        desk.same("floor", row.bots, bots);
    }
}

/// Targets of a channel that are neither acted on nor held.
fn undone<'n>(desk: &Desk<'_>, n: &'n Numbers, key: &str) -> Vec<&'n String> {
    let of = n.parts.get(key).map(Vec::as_slice).unwrap_or_default();
    of.iter().filter(|t| !desk.acted.contains_key(t.as_str()) && !held(desk, t)).collect()
}

fn tenants(desk: &Desk<'_>, keys: &BTreeSet<&String>) -> u64 {
    keys.iter().filter_map(|k| desk.targets.get(*k)).map(|t| u64::from(t.tenants)).sum()
}

/// The first aim is surviving bots: a group that could lawfully be silenced beside all that is done must be.
fn missed(desk: &mut Desk<'_>, n: &Numbers, takeable: &BTreeSet<String>) {
    let mut found = Vec::new();
    for (index, group) in desk.situation.groups.iter().enumerate() {
        if group.bots == 0 || group.signature.is_empty() || silent(group, &n.closed) {
            continue;
        }
        let complete = group
            .signature
            .iter()
            .all(|k| whole(desk, k, n.parts.get(k).map(Vec::as_slice).unwrap_or_default()));
        let further: BTreeSet<&String> = group.signature.iter().flat_map(|k| undone(desk, n, k)).collect();
        let fits = n.collateral + tenants(desk, &further) <= desk.situation.collateral_cap;
        if complete && fits && further.iter().all(|t| takeable.contains(*t)) {
            found.push(index);
        }
    }
    for index in found {
        desk.object("floor", format!("group {index} could lawfully be silenced within the cap"));
    }
}

fn improvement(desk: &mut Desk<'_>, n: &Numbers, takeable: &BTreeSet<String>) {
    let Some(claim) = &desk.plan.floor.improvement else { return };
    let new: BTreeSet<&String> = claim.targets.iter().collect();
    for key in &claim.targets {
        let open = desk.targets.get(key).is_some_and(|t| {
            law::asked_for(desk.situation, t).is_none()
                && matches!(t.standing, None | Some(Standing::Criminal))
        });
        if !open || takeable.contains(key) {
            desk.object("improvement", format!("{key} is not what a new act could open"));
        }
    }
    let (mut bots, mut all) = (0, BTreeSet::new());
    for group in desk
        .situation
        .groups
        .iter()
        .filter(|g| g.bots > 0 && !g.signature.is_empty() && !silent(g, &n.closed))
    {
        let complete = group
            .signature
            .iter()
            .all(|k| whole(desk, k, n.parts.get(k).map(Vec::as_slice).unwrap_or_default()));
        let further: BTreeSet<&String> = group.signature.iter().flat_map(|k| undone(desk, n, k)).collect();
        let fits = n.collateral + tenants(desk, &further) <= claim.collateral_cap;
        if complete && fits && further.iter().all(|t| new.contains(t) || takeable.contains(*t)) {
            bots += group.bots;
            all.extend(further);
        }
    }
    let cap = desk.situation.collateral_cap.max(n.collateral + tenants(desk, &all));
    let (claimed_bots, claimed_cap) = (claim.bots, claim.collateral_cap);
    if claim.acts.is_empty() || bots == 0 {
        desk.object("improvement", "it names no act or frees no bot");
    }
    desk.same("improvement", claimed_bots, bots);
    desk.same("improvement's cap", claimed_cap, cap);
}

/// Every target that is not acted on has a reason, and the reason is true.
fn blocked(desk: &mut Desk<'_>, n: &Numbers, takeable: &BTreeSet<String>) {
    let mut expected: BTreeSet<String> =
        desk.targets.keys().filter(|k| !desk.acted.contains_key(k.as_str())).cloned().collect();
    for key in desk.situation.groups.iter().flat_map(|g| &g.signature) {
        if !whole(desk, key, n.parts.get(key).map(Vec::as_slice).unwrap_or_default()) {
            expected.insert(key.clone());
        }
    }
    let mut listed = BTreeSet::new();
    for row in desk.plan.blocked.iter().filter(|b| !b.planned_otherwise) {
        if !expected.contains(&row.target) || !listed.insert(row.target.clone()) {
            desk.object(&row.target, "it is listed as blocked and is not, or twice");
        }
        if row.why.is_empty() {
            desk.object(&row.target, "it is blocked without a reason");
        }
        for why in &row.why {
            if !true_of(desk, &row.target, why.code, takeable) {
                desk.object(&row.target, format!("{} is not so", why.code.code()));
            }
        }
    }
    for key in expected.difference(&listed) {
        desk.object(key, "it is neither acted on nor listed as blocked");
    }
}

fn true_of(desk: &Desk<'_>, key: &str, code: StopCode, takeable: &BTreeSet<String>) -> bool {
    let Some(t) = desk.targets.get(key) else {
        return matches!(code, StopCode::NoTarget | StopCode::NamesMissing);
    };
    let expired =
        desk.situation.authorities.iter().any(|a| a.until <= desk.situation.hour && a.class == t.class);
    let powers = desk.situation.powers.iter().any(|p| p.class == t.class && p.places.contains(&t.place));
    match code {
        StopCode::SharedHost => t.standing == Some(Standing::Shared),
        StopCode::Compromised => t.standing == Some(Standing::Compromised),
        StopCode::OthersSinkhole => t.standing == Some(Standing::Sinkhole),
        StopCode::UnknownStanding => t.standing.is_none(),
        StopCode::Deconfliction => law::asked_for(desk.situation, t).is_some(),
        StopCode::Expired => expired && !takeable.contains(key),
        StopCode::NoPower => !takeable.contains(key),
        StopCode::NoAuthorityNoTime => powers && !takeable.contains(key),
        StopCode::CollateralCap | StopCode::NoEffect => takeable.contains(key),
        StopCode::NoTarget | StopCode::NamesMissing => !whole(desk, key, &[]),
        StopCode::NoChannel => false,
    }
}

/// Innocent owners, holders of shared hosts and partners who asked for delay are told, and nobody else.
fn notified(desk: &mut Desk<'_>) {
    let mut expected = BTreeSet::new();
    for (key, t) in &desk.targets {
        let code = if law::asked_for(desk.situation, t).is_some() {
            StopCode::Deconfliction
        } else {
            match t.standing {
                Some(Standing::Compromised) => StopCode::Compromised,
                Some(Standing::Shared) => StopCode::SharedHost,
                _ => continue,
            }
        };
        expected.insert((key.clone(), code.code().to_owned()));
    }
    let listed: Vec<_> = desk.plan.notifications.iter().map(|n| (n.target.clone(), n.code.clone())).collect();
    if listed.len() != expected.len() || listed.iter().any(|l| !expected.contains(l)) {
        desk.object("notifications", "they are not those that the situation asks for");
    }
}
