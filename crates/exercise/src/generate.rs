//! The whole operation before anybody acts, in the order in which its files are written.

use crate::{
    Benign, ChannelTruth, DayCount, ExerciseError, GroupTruth, InfectedHost, Population, Progress,
    SampleTruth, Spec, Truth, Untouchable, Variant,
    bots::{Bot, OFFICE_BOTS, Roster},
    calendar::{Calendar, DAY_0},
    capture,
    channels::{BOTNET, CAMPAIGN, COMPANY_SINKHOLE, FAMILY, FIXED, GROUPS, OTHER_SINKHOLE},
    customer::{self, Customer},
    decoy,
    dice::at,
    fate::{Fate, Reach},
    feeds, geo, money,
    out::{Folder, io},
    papers, sample,
    sightings::{Seen, Window},
    world,
};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fs, net::Ipv4Addr, path::Path};
use terms::{AssetClass, Channel, Day, Instrument, Place, Standing};

/// Writes the operation's folder and says what is true of it (also in `truth.json`, which is written last).
///
/// `dir` is created if need be; a folder that holds a `truth.json` is refused (CMT-1305). `spec` is validated first
/// (CMT-1301 to CMT-1303). Writes about 6 MB, and 0.7 kB a bot for each
/// seven days, packed.
pub fn generate(spec: &Spec, dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Truth, ExerciseError> {
    spec.validate()?;
    fs::create_dir_all(dir).map_err(io(dir))?;
    if dir.join("truth.json").try_exists().map_err(io(dir))? {
        return Err(ExerciseError::Occupied(dir.to_owned()));
    }
    let folder = Folder::new(dir);
    let roster = Roster::new(spec);
    let calendar = roster.calendar;
    let fate = Fate::new(spec.seed, calendar, &[], &[])?;
    let days: Vec<Day> = calendar.before().collect();
    let never: &dyn Fn(&Bot) -> Option<Day> = &|_| None;

    geo::write(&folder)?;
    let samples = write_samples(&folder, spec.seed)?;
    feeds::write(&folder, spec.seed, &samples)?;
    papers::write(&folder, calendar)?;
    let money = money::write(&folder, spec.seed, calendar)?;
    progress(Progress { stage: "papers", done: 1, total: 1 });
    let customer = Customer { roster: &roster, fate: &fate, cured: never };
    customer::write_logs(&customer, &days, calendar.dns_day(), &folder, "company/zeek", progress)?;
    let (from, to) = customer::capture_hours(calendar.dns_day());
    let packets = customer::of_host(customer.day(calendar.dns_day()), customer.infected_host(0), from, to);
    folder.write("company/capture.pcap", &capture::pcap(&packets))?;
    let window = Window {
        roster: &roster,
        fate: &fate,
        days,
        sinkhole: "company/sinkhole",
        provider: None,
        cured: never,
    };
    let seen = window.write(&folder, progress)?;

    let infected_hosts = (0..OFFICE_BOTS)
        .map(|n| {
            let bot = roster.bot(n);
            InfectedHost {
                address: Ipv4Addr::from(customer.infected_host(n)).to_string(),
                bot: format!("{:016x}", bot.id),
                group: at(&GROUPS, bot.group).name.to_owned(),
            }
        })
        .collect();
    let (population, places, groups) = census(&roster, &seen);
    let papers = papers::authorities(calendar);
    let ids = |expired| papers.iter().filter(|(_, e)| *e == expired).map(|(p, _)| p.id.to_owned()).collect();
    let truth = Truth {
        schema: "comity.truth/1".into(),
        spec: spec.clone(),
        botnet: BOTNET.into(),
        family: FAMILY.into(),
        campaign: CAMPAIGN.into(),
        first_day: DAY_0,
        last_day: calendar.last(),
        takedown: calendar.takedown(),
        after_first: calendar.strike_day().plus(1),
        after_last: calendar.after().last().unwrap_or_default(),
        population,
        places,
        groups,
        dga: fate.dga.clone(),
        channels: channels(&fate, calendar),
        untouchable: untouchable(&fate, calendar),
        benign: benign(),
        samples,
        infected_hosts,
        sinkhole: COMPANY_SINKHOLE.to_string(),
        money,
        authorities: ids(false),
        expired: ids(true),
    };
    folder.json("truth.json", &truth)?;
    Ok(truth)
}

fn write_samples(folder: &Folder, seed: u64) -> Result<Vec<SampleTruth>, ExerciseError> {
    let mut out = Vec::new();
    let mut put = |format, group, bytes: Vec<u8>| {
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let file = format!("company/samples/{}.bin", sha256.get(..16).unwrap_or(&sha256));
        folder.write(&file, &bytes)?;
        out.push(SampleTruth { file, sha256, format, group });
        Ok::<_, ExerciseError>(())
    };
    for variant in Variant::all() {
        put(variant.format, Some(variant.group()), sample(variant, seed)?)?;
    }
    for n in 0..3 {
        let (format, bytes) = decoy(n, seed)?;
        put(format, None, bytes)?;
    }
    Ok(out)
}

/// Counts all bots, by day, country and group.
fn census(roster: &Roster, seen: &Seen) -> (Population, BTreeMap<Place, u64>, Vec<GroupTruth>) {
    let days: Vec<Day> = roster.calendar.before().collect();
    let mut alive = vec![0u64; days.len()];
    let (mut places, mut groups) = (vec![0u64; world::COUNTRIES.len()], vec![0u64; GROUPS.len()]);
    let mut at_takedown = 0;
    let add = |counts: &mut Vec<u64>, i: usize| {
        if let Some(n) = counts.get_mut(i) {
            *n += 1;
        }
    };
    for bot in roster.all() {
        days.iter().enumerate().filter(|(_, d)| bot.alive_on(**d)).for_each(|(i, _)| add(&mut alive, i));
        add(&mut places, bot.country);
        add(&mut groups, bot.group);
        at_takedown += u64::from(bot.alive(roster.calendar.takedown()));
    }
    let population = Population {
        total: u64::from(roster.spec.bots),
        at_takedown,
        alive: days.into_iter().zip(alive).map(|(day, bots)| DayCount { day, bots }).collect(),
        seen: seen.days.iter().map(|&(day, bots)| DayCount { day, bots }).collect(),
        seen_total: seen.total,
        addresses: seen.addresses,
        sightings: seen.lines,
    };
    let places = (0..).zip(places).map(|(i, n)| (world::country(i).place(), n)).collect();
    let groups = GROUPS
        .iter()
        .zip(groups)
        .map(|(g, bots)| GroupTruth {
            name: g.name.into(),
            channels: g.channels().map(|(_, f)| f.key()).collect(),
            dga: g.dga,
            bots,
        })
        .collect();
    (population, places, groups)
}

/// The fixed channels, and of the generated names those that somebody registered in the window before.
fn channels(fate: &Fate, calendar: Calendar) -> Vec<ChannelTruth> {
    let mut out: Vec<ChannelTruth> = FIXED
        .iter()
        .map(|f| ChannelTruth {
            key: f.key(),
            channel: f.channel(),
            class: f.class(),
            place: f.place(),
            standing: f.standing,
            falls_to: f.falls_to.to_vec(),
            act: f.act,
            why: f.why.into(),
        })
        .collect();
    for day in calendar.before() {
        let names = fate.names(day);
        for (name, reach) in names.names.iter().zip(&names.reach) {
            let (standing, why) = match reach {
                Reach::Operator(_) => {
                    (Standing::Criminal, "registered by the operator for its day, which is over")
                }
                Reach::Sinkhole => {
                    (Standing::Sinkhole, "registered by the company, answers with its sinkhole")
                }
                Reach::OtherSinkhole => (Standing::Sinkhole, "registered by another researcher"),
                Reach::Nothing => continue,
            };
            out.push(ChannelTruth {
                key: name.clone(),
                channel: Channel::Generated { name: name.clone(), day },
                class: AssetClass::GeneratedDomain,
                place: registry(name),
                standing,
                falls_to: vec![Instrument::Seize, Instrument::Sinkhole],
                act: false,
                why: why.into(),
            });
        }
    }
    out
}

/// The place of a name's registry.
fn registry(name: &str) -> Place {
    let suffixes = &crate::channels::SUFFIXES;
    let found = suffixes.iter().find(|(suffix, ..)| name.ends_with(suffix));
    found.and_then(|(_, place, _)| place.parse().ok()).unwrap_or(Place::UNKNOWN)
}

fn untouchable(fate: &Fate, calendar: Calendar) -> Vec<Untouchable> {
    let names = fate.names(calendar.dns_day());
    let others = names.names.iter().zip(&names.reach).filter(|(_, r)| **r == Reach::OtherSinkhole);
    let mut out: Vec<(String, &str)> =
        others.map(|(n, _)| (n.clone(), "another researcher's sinkhole")).collect();
    out.push((OTHER_SINKHOLE.to_string(), "another researcher's sinkhole"));
    out.push((COMPANY_SINKHOLE.to_string(), "the company's own sinkhole"));
    out.push(("198.18.80.20:8443".into(), "a shared host with 143 innocent tenants"));
    out.push(("198.18.120.31:443".into(), "an innocent clinic's server: it may be told, and nothing else"));
    out.push(("198.18.9.9:4443".into(), "a covert server of the police"));
    out.push((feeds::FALSE_POSITIVE.into(), "a content network that a partner's feed lists by mistake"));
    out.extend(feeds::OTHERS.map(|name| (name.to_owned(), "another botnet's, not of this operation")));
    out.into_iter().map(|(asset, why)| Untouchable { asset, why: why.into() }).collect()
}

fn benign() -> Benign {
    let all = customer::benign();
    let mut addresses: Vec<Ipv4Addr> = all.iter().map(|(_, ip)| *ip).collect();
    addresses.push(customer::RESOLVER.into());
    addresses.sort_unstable();
    addresses.dedup();
    let mut domains: Vec<String> = all.into_iter().map(|(name, _)| name).collect();
    domains.sort_unstable();
    Benign { domains, addresses: addresses.iter().map(Ipv4Addr::to_string).collect() }
}
