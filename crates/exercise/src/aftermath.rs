//! What becomes of the operation once somebody acted: the logs of the window after, and the truth about it.

use crate::{
    Aftermath, DayCount, ExerciseError, GroupAftermath, PlaceAftermath, Progress, Taken, Truth,
    bots::{Bot, Roster},
    channels::{FIXED, GROUPS},
    customer::{self, Customer},
    dice::at,
    fate::{Fate, Reach},
    out::{Folder, io},
    sightings::Window,
    world,
};
use std::{collections::BTreeMap, fs, path::Path};
use terms::{Day, Place};

/// Writes `dir/after` for an operation that [`crate::generate`] wrote into `dir`, and says what is true after it (also
/// in `after/truth.json`, which is written last). Files of an earlier aftermath are replaced.
///
/// `taken` are the actions that were really done; those against anything but a channel or an
/// account of the criminals change nothing and are listed as wrongly taken, unless they only tell an owner; one with an empty key is refused (CMT-1308). Names that were seized or sinkholed lead to the company's
/// sinkhole from then on, servers that were seized or null-routed to nowhere, and a compromised host is clean twelve
/// hours after its owner was told. `notified` are the countries whose victims were told: a share of them, drawn per
/// country, cleans its machine one to six days after the takedown.
pub fn aftermath(
    dir: &Path,
    taken: &[Taken],
    notified: &[Place],
    progress: &mut dyn FnMut(Progress),
) -> Result<Aftermath, ExerciseError> {
    let path = dir.join("truth.json");
    let bytes = fs::read(&path).map_err(io(&path))?;
    let truth: Truth =
        serde_json::from_slice(&bytes).map_err(|source| ExerciseError::Truth { path, source })?;
    truth.spec.validate()?;
    let after = dir.join("after");
    if after.try_exists().map_err(io(&after))? {
        fs::remove_dir_all(&after).map_err(io(&after))?;
    }
    let folder = Folder::new(dir);
    let roster = Roster::new(&truth.spec);
    let calendar = roster.calendar;
    let accounts = [truth.money.mules, truth.money.collectors].concat();
    let fate = Fate::new(truth.spec.seed, calendar, taken, &accounts)?;
    let days: Vec<Day> = calendar.after().collect();
    let cured = |bot: &Bot| {
        notified.contains(&world::country(bot.country).place()).then(|| roster.cured_on(bot)).flatten()
    };
    let customer = Customer { roster: &roster, fate: &fate, cured: &cured };
    customer::write_logs(&customer, &days, calendar.strike_day().plus(3), &folder, "after/zeek", progress)?;
    let window = Window {
        roster: &roster,
        fate: &fate,
        days: days.clone(),
        sinkhole: "after/sinkhole",
        provider: Some("after/provider"),
        cured: &cured,
    };
    let seen = window.write(&folder, progress)?;
    let mut result = count(&roster, &fate, &days, notified, &cured);
    result.taken = taken.to_vec();
    result.seen = seen.total;
    folder.json("after/truth.json", &result)?;
    Ok(result)
}

/// What became of each bot that was alive at the hour of the takedown.
fn count(
    roster: &Roster,
    fate: &Fate,
    days: &[Day],
    notified: &[Place],
    cured: &dyn Fn(&Bot) -> Option<Day>,
) -> Aftermath {
    let reachable = fate.reachable();
    let mut surviving = vec![0u64; days.len()];
    let mut places: Vec<PlaceAftermath> =
        world::COUNTRIES.iter().map(|_| PlaceAftermath::default()).collect();
    let mut groups: Vec<PlaceAftermath> = GROUPS.iter().map(|_| PlaceAftermath::default()).collect();
    let mut all = PlaceAftermath::default();
    for bot in roster.all().filter(|b| b.alive(roster.calendar.takedown())) {
        let (cure, open) = (cured(&bot), at(&reachable, bot.group));
        for ((n, &day), &reached) in surviving.iter_mut().zip(days).zip(open) {
            *n += u64::from(reached && cure.is_none_or(|c| day < c) && bot.alive_on(day));
        }
        let migrated = open.iter().any(|&reached| reached);
        let place = places.get_mut(bot.country);
        for tally in [Some(&mut all), place, groups.get_mut(bot.group)].into_iter().flatten() {
            match (cure.is_some(), migrated) {
                (true, _) => tally.cured += 1,
                (false, true) => tally.migrated += 1,
                (false, false) => tally.contained += 1,
            }
        }
    }
    let places: BTreeMap<Place, PlaceAftermath> = (0..)
        .zip(places)
        .map(|(i, tally)| {
            let place = world::country(i).place();
            let cure_percent = if notified.contains(&place) { roster.cure_percent(i) } else { 0 };
            (place, PlaceAftermath { cure_percent, ..tally })
        })
        .collect();
    Aftermath {
        schema: "comity.aftermath/1".into(),
        taken: Vec::new(),
        notified: notified.to_vec(),
        before: all.contained + all.migrated + all.cured,
        contained: all.contained,
        migrated: all.migrated,
        cured: all.cured,
        surviving: days.iter().zip(surviving).map(|(&day, bots)| DayCount { day, bots }).collect(),
        places,
        groups: group_results(fate, days, &groups),
        surviving_channels: surviving_channels(fate, days),
        surviving_names: surviving_names(fate, days),
        frozen: fate.frozen(),
        wrongly_taken: fate.wrong.iter().cloned().collect(),
        seen: 0,
    }
}

fn group_results(fate: &Fate, days: &[Day], tallies: &[PlaceAftermath]) -> Vec<GroupAftermath> {
    GROUPS
        .iter()
        .zip(tallies)
        .map(|(group, tally)| {
            let mut over: Vec<String> = days.iter().flat_map(|&d| fate.ways(group, d)).collect();
            over.sort_unstable();
            over.dedup();
            GroupAftermath {
                name: group.name.into(),
                contained: tally.contained,
                migrated: tally.migrated,
                cured: tally.cured,
                over,
            }
        })
        .collect()
}

fn surviving_channels(fate: &Fate, days: &[Day]) -> Vec<String> {
    let open = |i: usize| days.iter().any(|d| matches!(fate.fixed(i, d.start()), Reach::Operator(_)));
    FIXED.iter().enumerate().filter(|(i, _)| open(*i)).map(|(_, f)| f.key()).collect()
}

fn surviving_names(fate: &Fate, days: &[Day]) -> Vec<String> {
    let held = |day: &Day| {
        let names = fate.names(*day);
        names.live.and_then(|i| names.names.get(i).cloned())
    };
    days.iter().filter_map(held).collect()
}
