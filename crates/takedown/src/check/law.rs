//! The checker's own reading of powers and authorities.

use crate::{Asset, Authority, AuthorityKind, Basis, PowerGrant, Situation, Target};
use terms::{AssetClass, ClauseId, Instrument, MemberId, PartnerId, Place, Standing, Timestamp};

/// Something that may be done to a target.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Allowed {
    pub clause: ClauseId,
    pub partner: PartnerId,
    pub member: Option<MemberId>,
    pub instrument: Instrument,
    pub basis: Basis,
    pub cost: u64,
    pub firm: bool,
}

/// Why nobody may act on a target, whatever power and authority there is.
pub(super) fn untouchable(s: &Situation, t: &Target) -> Option<String> {
    let word = match t.standing {
        Some(Standing::Criminal) => return asked_for(s, t),
        Some(other) => other.word(),
        None => "of unknown standing",
    };
    Some(format!("{} is {word}: nothing may be done to it", t.asset.key()))
}

/// A partner's request that nothing be done, still running at the hour.
pub(super) fn asked_for(s: &Situation, t: &Target) -> Option<String> {
    for answer in s.deconfliction.iter().filter(|a| a.hit) {
        if let Some(until) = answer.delay_until
            && until <= s.hour
        {
            continue;
        }
        let asked = answer.asset.as_str();
        let same = match &t.asset {
            Asset::Channel { channel } => {
                let bare = channel.ip().map(|ip| ip.to_string());
                asked.eq_ignore_ascii_case(&channel.key())
                    || bare.is_some_and(|b| b.eq_ignore_ascii_case(asked))
            }
            Asset::Generated { names, .. } => names.iter().any(|n| n.eq_ignore_ascii_case(asked)),
            Asset::Account { account, .. } => account.eq_ignore_ascii_case(asked),
        };
        if same {
            return Some(format!(
                "partner {} asked that nothing be done to {}",
                answer.partner,
                t.asset.key()
            ));
        }
    }
    None
}

/// Everything that any partner may lawfully do to take a target that is the criminals'.
pub(super) fn allowed(s: &Situation, t: &Target) -> Vec<Allowed> {
    let mut out = Vec::new();
    if t.place == Place::UNKNOWN {
        return out;
    }
    for p in &s.powers {
        let removes = match (p.class, p.instrument) {
            (_, Instrument::Notify) => false,
            (AssetClass::Account, i) => i == Instrument::Freeze || i == Instrument::Seize,
            (AssetClass::Server, i) => i != Instrument::Freeze,
            (_, i) => i == Instrument::Seize || i == Instrument::Sinkhole,
        };
        if !removes || p.class != t.class || !p.places.contains(&t.place) {
            continue;
        }
        under(s, t, p, &mut out);
    }
    out
}

fn under(s: &Situation, t: &Target, p: &PowerGrant, out: &mut Vec<Allowed>) {
    let lead = i64::from(p.lead_minutes) * 60 * 1_000_000;
    let start = Timestamp(s.hour.0.saturating_sub(lead));
    let in_time = s.now.0 <= start.0;
    let end = s.hour.day().plus(i32::from(s.horizon_days)).start();
    let allow = |basis: Basis, member: Option<MemberId>, lasts: bool| Allowed {
        clause: p.clause.clone(),
        partner: p.partner.clone(),
        member,
        instrument: p.instrument,
        basis,
        cost: p.cost_cents,
        firm: lasts && p.instrument != Instrument::NullRoute,
    };
    for a in s.authorities.iter().filter(|a| fits(a, p, t)) {
        if s.hour < a.from || s.hour >= a.until {
            continue;
        }
        let member = if p.member.is_some() { p.member.clone() } else { a.member.clone() };
        let binds = match (a.kind, a.served) {
            (AuthorityKind::Order, None) => false,
            (AuthorityKind::Order, Some(at)) => at <= s.hour,
            _ => true,
        };
        if binds {
            out.push(allow(Basis::InForce { authority: a.id.clone() }, member, a.until >= end));
        } else if in_time {
            out.push(allow(Basis::ToServe { authority: a.id.clone(), by: start }, member, a.until >= end));
        }
    }
    if in_time {
        let basis = Basis::ToObtain { ask_by: start, lead_minutes: p.lead_minutes };
        out.push(allow(basis, p.member.clone(), true));
    }
}

/// Whether an authority is this power's, and speaks of this target.
fn fits(a: &Authority, p: &PowerGrant, t: &Target) -> bool {
    if a.holder != p.partner || a.instrument != p.instrument || a.class != p.class {
        return false;
    }
    if p.member.is_some() && a.member != p.member {
        return false;
    }
    if !a.places.contains(&t.place) {
        return false;
    }
    let has = |name: &str| a.targets.iter().any(|x| x.to_lowercase() == name.to_lowercase());
    if has("*") {
        return true;
    }
    match &t.asset {
        Asset::Channel { channel } => match channel.ip() {
            Some(ip) => has(&ip.to_string()),
            None => has(&channel.key()),
        },
        Asset::Account { account, .. } => has(account),
        Asset::Generated { algorithm, suffix, names, .. } => {
            let every = !names.is_empty() && a.targets.len() >= names.len() && names.iter().all(|n| has(n));
            has(algorithm) || has(suffix) || every
        }
    }
}
