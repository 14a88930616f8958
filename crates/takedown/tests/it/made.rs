//! Situations made for tests: by hand, and at random with the truth known by construction.

use takedown::{
    Algorithm, Asset, Authority, AuthorityKind, BotGroup, PowerGrant, Situation, Target, generated_targets,
};
use terms::{
    AssetClass, AssetSheet, Channel, ClauseId, DgaSpec, ExhibitId, FindingId, Instrument, MemberId,
    PartnerId, Place, Standing, Timestamp,
};

pub fn time(s: &str) -> Timestamp {
    s.parse().unwrap()
}
pub fn place(s: &str) -> Place {
    s.parse().unwrap()
}
pub fn partner(s: &str) -> PartnerId {
    PartnerId::new(s).unwrap()
}
pub fn clause(n: &str) -> ClauseId {
    ClauseId { agreement: "company-police".parse().unwrap(), number: n.to_owned() }
}
pub fn finding(n: u8) -> FindingId {
    FindingId(ExhibitId::of(&[n]).0)
}

/// Nothing in it: the operation's own day and hour, a week's horizon.
pub fn empty() -> Situation {
    Situation {
        now: time("2026-03-09T10:00:00Z"),
        hour: time("2026-03-10T10:00:00Z"),
        horizon_days: 7,
        groups: vec![],
        algorithms: vec![],
        targets: vec![],
        powers: vec![],
        authorities: vec![],
        deconfliction: vec![],
        rebuild_budget: 1,
        collateral_cap: 0,
    }
}

pub fn group(bots: u64, signature: &[&str]) -> BotGroup {
    BotGroup { signature: signature.iter().map(|s| (*s).to_owned()).collect(), bots }
}

pub fn domain(name: &str, place_: &str, standing: Option<Standing>) -> Target {
    target(Asset::Channel { channel: Channel::domain(name) }, AssetClass::Domain, place_, standing)
}
pub fn server(ip: &str, place_: &str, standing: Option<Standing>) -> Target {
    let channel = Channel::Address { ip: ip.parse().unwrap(), port: 4443 };
    target(Asset::Channel { channel }, AssetClass::Server, place_, standing)
}
fn target(asset: Asset, class: AssetClass, place_: &str, standing: Option<Standing>) -> Target {
    Target {
        asset,
        class,
        place: place(place_),
        standing,
        holder: format!("holder in {place_}"),
        tenants: 0,
        evidence: vec![finding(1)],
        worth: None,
    }
}

pub fn power(
    n: &str,
    instrument: Instrument,
    class: AssetClass,
    places: &[&str],
    lead: u32,
    cost: u64,
) -> PowerGrant {
    PowerGrant {
        clause: clause(n),
        partner: partner("police"),
        member: None,
        instrument,
        class,
        places: places.iter().map(|p| place(p)).collect(),
        lead_minutes: lead,
        cost_cents: cost,
    }
}

pub fn act(id: &str, of: &PowerGrant, targets: &[&str], until: &str) -> Authority {
    Authority {
        schema: Authority::SCHEMA.to_owned(),
        id: id.to_owned(),
        issuer: "District Court of Harbourstadt".into(),
        kind: AuthorityKind::Order,
        holder: of.partner.clone(),
        member: Some(MemberId::new("de").unwrap()),
        instrument: of.instrument,
        class: of.class,
        targets: targets.iter().map(|t| (*t).to_owned()).collect(),
        places: of.places.clone(),
        offence: "computer-sabotage".into(),
        served: Some(time("2026-03-05T09:00:00Z")),
        from: time("2026-03-05T00:00:00Z"),
        until: time(until),
    }
}

/// SplitMix64: the same situations on every machine.
pub struct Dice(pub u64);
impl Dice {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What is true of a target by construction.
#[derive(Debug, Clone)]
pub struct Truth {
    /// Its channel.
    pub channel: String,
    /// Cost and firmness of every lawful way.
    pub ways: Vec<(u64, bool)>,
    /// Out of the criminals' hands already.
    pub held: bool,
    pub tenants: u64,
    pub worth: bool,
}

/// A random situation and the truth about its targets, in the same order. Every target stands in a place of its own,
/// so that what is lawful there is known without reading the law.
pub fn random(seed: u64, channels: u64) -> (Situation, Vec<Truth>) {
    let mut dice = Dice(seed);
    let mut s = empty();
    s.horizon_days = 2;
    s.rebuild_budget = dice.below(3) as u32;
    s.collateral_cap = [0, 3, 8, 1000][dice.below(4) as usize];
    let mut targets = Vec::new();
    for n in 0..channels {
        if dice.one_in(2) {
            targets.push(domain(&format!("c{n}.com.example"), "ZZ", None));
        } else {
            targets.push(server(&format!("198.18.7.{n}"), "ZZ", None));
        }
    }
    if dice.one_in(2) {
        let spec = DgaSpec {
            algorithm: "harbour-1".into(),
            seed,
            per_day: 2,
            suffixes: vec!["com.example".into(), "net.example".into()],
        };
        let algorithm = Algorithm::new(spec);
        targets.extend(generated_targets(&algorithm, s.days(), &[], &[finding(2)]));
        s.algorithms.push(algorithm);
    }
    let mut truths = Vec::new();
    for (n, mut t) in targets.into_iter().enumerate() {
        let here = format!("{}{}", char::from(b'A' + (n / 26 % 26) as u8), char::from(b'A' + (n % 26) as u8));
        t.place = place(&here);
        let truth = furnish(&mut dice, &mut s, &mut t, &here);
        s.targets.push(t);
        truths.push(truth);
    }
    let keys: Vec<String> = truths.iter().map(|t| t.channel.clone()).collect();
    for _ in 0..1 + dice.below(5) {
        let know = 1 + dice.below(3);
        let signature = (0..know).map(|_| keys[dice.below(keys.len() as u64) as usize].clone()).collect();
        s.groups.push(BotGroup { signature, bots: dice.below(200) });
    }
    if dice.one_in(8) {
        s.groups.push(group(5, &[]));
    }
    if dice.one_in(8) {
        s.groups.push(group(7, &["unknown.com.example"]));
    }
    (s, truths)
}

fn furnish(dice: &mut Dice, s: &mut Situation, t: &mut Target, here: &str) -> Truth {
    t.standing = match dice.below(12) {
        0 => None,
        1 => Some(Standing::Compromised),
        2 => Some(Standing::Shared),
        3 => Some(Standing::Sinkhole),
        _ => Some(Standing::Criminal),
    };
    if t.standing == Some(Standing::Shared) || dice.one_in(3) {
        t.tenants = 1 + dice.below(5) as u32;
    }
    if dice.one_in(6) {
        t.worth = Some("it holds the operators' files".into());
    }
    let key = t.asset.key();
    let named = match &t.asset {
        Asset::Generated { algorithm, .. } => algorithm.clone(),
        Asset::Channel { channel } => channel.ip().map_or(key, |ip| ip.to_string()),
        Asset::Account { account, .. } => account.clone(),
    };
    let mut hit = false;
    if dice.one_in(12) {
        let asked = match &t.asset {
            Asset::Generated { names, .. } => names[0].clone(),
            _ => named.clone(),
        };
        // Half of the requests end before the hour.
        hit = dice.one_in(2);
        let until = if hit { "2026-05-01" } else { "2026-03-10" };
        s.deconfliction.push(takedown::Answer {
            asset: asked,
            partner: partner("police"),
            hit: true,
            contact: Some("desk-7@police.example".into()),
            delay_until: Some(time(until)),
        });
    }
    let mut ways = Vec::new();
    for w in 0..dice.below(4) {
        let number = format!("{}.{w}", s.targets.len());
        let cost = 100 * dice.below(6);
        let null = t.class == AssetClass::Server && dice.one_in(2);
        let instrument = if null { Instrument::NullRoute } else { Instrument::Seize };
        // One day of time is left: a lead of one hour suffices, one of two days does not.
        let (short, long) = (60, 2_880);
        let mut grant = power(&number, instrument, t.class, &[here], long, cost);
        // Powers of one place and instrument share authorities; a partner of its own keeps them apart.
        grant.partner = partner(&format!("p{w}"));
        let id = format!("order-{number}");
        let mut order = act(&id, &grant, &[&named], "2026-04-05");
        match dice.below(8) {
            0 => order.until = time("2026-03-10T10:00:00Z"),
            1 => order.places = vec![place("QQ")],
            2 => order.targets = vec!["other.com.example".into()],
            3 => {
                order.until = time("2026-03-11");
                ways.push((cost, false));
            }
            4 => {
                order.served = None;
                if dice.one_in(2) {
                    grant.lead_minutes = short;
                    ways.push((cost, !null));
                }
            }
            5 => {
                grant.lead_minutes = short;
                order.from = time("2026-03-20");
                ways.push((cost, !null));
            }
            _ => ways.push((cost, !null)),
        }
        s.powers.push(grant);
        s.authorities.push(order);
    }
    if t.standing != Some(Standing::Criminal) || hit {
        ways.clear();
    }
    Truth {
        channel: t.asset.channel_key().unwrap(),
        ways,
        held: t.standing == Some(Standing::Sinkhole) && !hit,
        tenants: u64::from(t.tenants),
        worth: t.worth.is_some(),
    }
}

/// The asset sheets of the operation's registries.
pub fn sheet(asset: &str, class: AssetClass, place_: &str, standing: Standing) -> AssetSheet {
    AssetSheet {
        schema: "comity.asset/1".into(),
        asset: asset.into(),
        class,
        place: place(place_),
        standing,
        holder: format!("registry of {asset}"),
        tenants: 0,
        source: "answer of the registry".into(),
    }
}
