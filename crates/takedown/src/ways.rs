//! The planner's reading of the law: in which ways a target could be taken, and what stops the others.
//!
//! The checker answers the same questions again in its own words (`check::law`) and uses nothing from here.

use crate::{Answer, Asset, Authority, AuthorityKind, Basis, PowerGrant, Situation, Stop, StopCode, Target};
use std::collections::HashMap;
use terms::{AssetClass, Channel, Instrument, MemberId, PartnerId, Place, Standing};

/// One lawful way to take a target.
#[derive(Debug, Clone)]
pub(crate) struct Way<'a> {
    pub power: &'a PowerGrant,
    pub member: Option<MemberId>,
    pub basis: Basis,
    pub firm: bool,
}

/// What the planner knows about one target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ways<'a> {
    /// Ways worth considering: the cheapest, and the cheapest firm one where that is another.
    pub ways: Vec<Way<'a>>,
    /// Why nothing may be done, weightiest first; empty where a way exists.
    pub stops: Vec<Stop>,
    /// Expired orders that stop one way, whether another exists or not.
    pub expired: Vec<Stop>,
    /// Already out of the criminals' hands, without us.
    pub held: bool,
    /// A partner's concern: nobody but the contact is told.
    pub hit: Option<&'a Answer>,
}

type Acts<'a> = HashMap<(&'a PartnerId, Instrument, AssetClass), Vec<&'a Authority>>;

/// Powers, authorities and answers by what they are looked up by.
pub(crate) struct Law<'a> {
    situation: &'a Situation,
    powers: HashMap<(AssetClass, Place), Vec<&'a PowerGrant>>,
    acts: Acts<'a>,
    answers: HashMap<String, Vec<&'a Answer>>,
}

impl<'a> Law<'a> {
    pub(crate) fn of(situation: &'a Situation) -> Self {
        let mut powers: HashMap<_, Vec<_>> = HashMap::new();
        for power in &situation.powers {
            for place in &power.places {
                powers.entry((power.class, *place)).or_default().push(power);
            }
        }
        let mut acts: Acts<'a> = HashMap::new();
        for act in &situation.authorities {
            acts.entry((&act.holder, act.instrument, act.class)).or_default().push(act);
        }
        let mut answers: HashMap<_, Vec<_>> = HashMap::new();
        for answer in situation.deconfliction.iter().filter(|a| a.hit) {
            answers.entry(answer.asset.to_ascii_lowercase()).or_default().push(answer);
        }
        Self { situation, powers, acts, answers }
    }

    /// Whether and how a target can be taken.
    pub(crate) fn ways(&self, target: &'a Target) -> Ways<'a> {
        let mut out = Ways::default();
        self.standing_stops(target, &mut out);
        if out.stops.is_empty() {
            self.find(target, &mut out);
        }
        out
    }

    /// What lacks if a target's unknown standing turned out to be criminal.
    pub(crate) fn ways_if_criminal(&self, target: &'a Target) -> Ways<'a> {
        let mut out = Ways::default();
        self.find(target, &mut out);
        out
    }

    /// The partner that may tell a target's holder, if an agreement says so.
    pub(crate) fn teller(&self, target: &Target) -> Option<&'a PowerGrant> {
        let there = self.powers.get(&(target.class, target.place))?;
        let may = there.iter().copied().filter(|p| p.instrument == Instrument::Notify);
        may.min_by(|a, b| (a.cost_cents, &a.clause, &a.member).cmp(&(b.cost_cents, &b.clause, &b.member)))
    }

    fn standing_stops(&self, target: &'a Target, out: &mut Ways<'a>) {
        let key = target.asset.key();
        let hour = self.situation.hour;
        let asked = names(&target.asset).into_iter().filter_map(|n| self.answers.get(&n)).flatten();
        out.hit = asked.copied().find(|a| a.delay_until.is_none_or(|until| until > hour));
        if target.standing == Some(Standing::Sinkhole) {
            out.held = true;
            out.stops.push(stop(
                StopCode::OthersSinkhole,
                format!(
                    "{key} is a sinkhole of {}: it is already out of the criminals' hands and is left alone",
                    target.holder
                ),
            ));
        }
        if let Some(hit) = out.hit {
            let contact = hit.contact.as_deref().unwrap_or("its liaison desk");
            let until = match hit.delay_until {
                Some(t) => format!("delay until {t}"),
                None => "nothing may be done before it agrees".to_owned(),
            };
            let text = format!("partner {} asks for {key}: {until}; speak to {contact}", hit.partner);
            out.stops.push(stop(StopCode::Deconfliction, text));
        }
        match target.standing {
            None => out.stops.push(stop(
                StopCode::UnknownStanding,
                format!("nobody has said whose {key} is: ask {} for an asset sheet", target.holder),
            )),
            Some(Standing::Compromised) => out.stops.push(stop(
                StopCode::Compromised,
                format!(
                    "{key} belongs to an innocent owner ({}): the owner is told, it is not seized",
                    target.holder
                ),
            )),
            Some(Standing::Shared) => out.stops.push(stop(
                StopCode::SharedHost,
                format!(
                    "{} innocent tenants share {key}: only its holder {} is told",
                    target.tenants, target.holder
                ),
            )),
            Some(Standing::Criminal | Standing::Sinkhole) => {}
        }
    }

    fn find(&self, target: &'a Target, out: &mut Ways<'a>) {
        let mut found = Vec::new();
        let mut late = Vec::new();
        let there = self.powers.get(&(target.class, target.place)).into_iter().flatten();
        for power in there.copied().filter(|p| takes(p.instrument, p.class) && target.place != Place::UNKNOWN)
        {
            self.under(power, target, &mut found, &mut late, &mut out.expired);
        }
        out.expired.sort_by(|a, b| a.sentence.cmp(&b.sentence));
        out.expired.dedup();
        if found.is_empty() {
            out.stops.extend(out.expired.iter().cloned());
            late.sort_by(|a: &Stop, b| a.sentence.cmp(&b.sentence));
            late.dedup();
            out.stops.append(&mut late);
        }
        if found.is_empty() && out.stops.is_empty() {
            let place = match target.place {
                Place::UNKNOWN => "a place that is not known".to_owned(),
                place => place.to_string(),
            };
            let text = format!(
                "no agreement in force gives anyone a power over a {} in {place} ({})",
                target.class,
                target.asset.key()
            );
            out.stops.push(stop(StopCode::NoPower, text));
        }
        out.ways = worth_considering(found);
    }

    /// Ways under one power: an authority in force, else one that can still be served, else one to obtain.
    fn under(
        &self,
        power: &'a PowerGrant,
        target: &Target,
        found: &mut Vec<Way<'a>>,
        late: &mut Vec<Stop>,
        expired: &mut Vec<Stop>,
    ) {
        let (hour, key) = (self.situation.hour, target.asset.key());
        let begin = hour.plus_micros(-i64::from(power.lead_minutes) * 60_000_000);
        let time = self.situation.now <= begin;
        let lasting = |act: &Authority| act.until >= self.situation.horizon_end();
        let hard = power.instrument != Instrument::NullRoute;
        let acts = self.acts.get(&(&power.partner, power.instrument, power.class));
        let covering = acts.into_iter().flatten().copied().filter(|a| covers(a, power, target));
        let (mut in_force, mut unserved) = (None::<&Authority>, None::<&Authority>);
        let later = |a: Option<&'a Authority>, b: &'a Authority| match a {
            Some(a) if (a.until, &b.id) >= (b.until, &a.id) => Some(a),
            _ => Some(b),
        };
        for act in covering {
            if act.until <= hour {
                let text = format!("{} for {key} expires at {}, before the hour", act.id, act.until);
                expired.push(stop(StopCode::Expired, text));
            } else if act.from <= hour && served(act, self.situation) {
                in_force = later(in_force, act);
            } else if act.from <= hour {
                unserved = later(unserved, act);
            }
        }
        let way = |basis, member: Option<MemberId>, firm| Way { power, member, basis, firm };
        let member = |act: &Authority| power.member.clone().or_else(|| act.member.clone());
        if let Some(act) = in_force {
            found.push(way(Basis::InForce { authority: act.id.clone() }, member(act), hard && lasting(act)));
        } else if let Some(act) = unserved.filter(|_| time) {
            let basis = Basis::ToServe { authority: act.id.clone(), by: begin };
            found.push(way(basis, member(act), hard && lasting(act)));
        } else if time {
            let basis = Basis::ToObtain { ask_by: begin, lead_minutes: power.lead_minutes };
            found.push(way(basis, power.member.clone(), hard));
        } else {
            let text = format!(
                "{} may {} under clause {} but holds no authority in force for {key}, and obtaining one takes {} minutes: it had to be asked for by {begin}",
                who(power),
                power.instrument,
                power.clause,
                power.lead_minutes
            );
            late.push(stop(StopCode::NoAuthorityNoTime, text));
        }
    }
}

fn who(power: &PowerGrant) -> String {
    match &power.member {
        Some(member) => format!("{} ({member})", power.partner),
        None => power.partner.to_string(),
    }
}

pub(crate) fn stop(code: StopCode, sentence: String) -> Stop {
    Stop { code, sentence }
}

/// An order binds once it is served; the rest hold by themselves.
fn served(act: &Authority, situation: &Situation) -> bool {
    act.kind != AuthorityKind::Order || act.served.is_some_and(|at| at <= situation.hour)
}

/// Which instruments take an asset of a class out of the criminals' hands. Telling its owner does not.
fn takes(instrument: Instrument, class: AssetClass) -> bool {
    match class {
        AssetClass::Domain | AssetClass::GeneratedDomain => {
            matches!(instrument, Instrument::Seize | Instrument::Sinkhole)
        }
        AssetClass::Server => {
            matches!(instrument, Instrument::Seize | Instrument::Sinkhole | Instrument::NullRoute)
        }
        AssetClass::Account => matches!(instrument, Instrument::Seize | Instrument::Freeze),
    }
}

fn covers(act: &Authority, power: &PowerGrant, target: &Target) -> bool {
    let member = power.member.is_none() || power.member == act.member;
    member && act.places.contains(&target.place) && names_it(act, &target.asset)
}

fn names_it(act: &Authority, asset: &Asset) -> bool {
    let lists = |name: &str| act.targets.iter().any(|t| t == "*" || t.eq_ignore_ascii_case(name));
    match asset {
        Asset::Channel { channel: Channel::Address { ip, .. } } => lists(&ip.to_string()),
        Asset::Channel { channel } => lists(&channel.key()),
        Asset::Account { account, .. } => lists(account),
        Asset::Generated { algorithm, suffix, names, .. } => {
            let listed = || {
                let all: std::collections::HashSet<String> =
                    act.targets.iter().map(|t| t.to_ascii_lowercase()).collect();
                !names.is_empty() && names.iter().all(|n| all.contains(&n.to_ascii_lowercase()))
            };
            lists(algorithm) || lists(suffix) || listed()
        }
    }
}

/// By which names partners are asked about an asset.
fn names(asset: &Asset) -> Vec<String> {
    let mut out = match asset {
        Asset::Channel { channel } => {
            let mut out = vec![channel.key()];
            out.extend(channel.ip().map(|ip| ip.to_string()));
            out
        }
        Asset::Generated { names, .. } => names.clone(),
        Asset::Account { account, .. } => vec![account.clone()],
    };
    out.iter_mut().for_each(|n| n.make_ascii_lowercase());
    out
}

/// The cheapest way, and the cheapest firm one where that is dearer: no other can be part of a best plan.
fn worth_considering(mut found: Vec<Way<'_>>) -> Vec<Way<'_>> {
    let sure = |b: &Basis| match b {
        Basis::InForce { .. } => 0,
        Basis::ToServe { .. } => 1,
        Basis::ToObtain { .. } => 2,
    };
    found.sort_by(|a, b| {
        (a.power.cost_cents, !a.firm, sure(&a.basis), &a.power.clause, &a.power.member).cmp(&(
            b.power.cost_cents,
            !b.firm,
            sure(&b.basis),
            &b.power.clause,
            &b.power.member,
        ))
    });
    let firm = found.iter().position(|w| w.firm);
    let keep: Vec<usize> =
        if firm == Some(0) { vec![0] } else { [Some(0), firm].into_iter().flatten().collect() };
    found.into_iter().enumerate().filter(|(n, _)| keep.contains(n)).map(|(_, w)| w).collect()
}
