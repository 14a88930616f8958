//! Whom agreements name for an address.

use super::Unrouted;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use terms::Place;

/// How closely a recipient is named: the closest that is named for an address gets its hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An institution, for its own address ranges and networks.
    Institution,
    /// The owner of networks.
    NetworkOwner,
    /// The incident response team of a member's place.
    Csirt,
    /// A member state, where it has no team of its own.
    MemberState,
}

/// What one recipient may be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The recipient's number, for the caller.
    pub recipient: u16,
    /// What it is.
    pub kind: Kind,
    /// Address blocks (address, prefix length); only of an institution.
    pub ranges: Vec<(IpAddr, u8)>,
    /// Autonomous systems; of an institution or a network owner.
    pub networks: Vec<u32>,
    /// The place of the member for which it receives: nothing of another place goes to it.
    pub place: Option<Place>,
}

/// Who is named, once or more often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    One(u16),
    Several,
}

impl Named {
    fn and(this: Option<Self>, recipient: u16) -> Self {
        match this {
            None => Self::One(recipient),
            Some(Self::One(same)) if same == recipient => Self::One(recipient),
            Some(_) => Self::Several,
        }
    }
    fn sole(self) -> Result<u16, Unrouted> {
        match self {
            Self::One(recipient) => Ok(recipient),
            Self::Several => Err(Unrouted::Ambiguous),
        }
    }
}

/// Who gets which hits.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    /// From this address (IPv4 mapped into IPv6) on.
    ranges: Vec<(u128, Option<Named>)>,
    institutions: HashMap<u32, Named>,
    owners: HashMap<u32, Named>,
    teams: HashMap<Place, Named>,
    states: HashMap<Place, Named>,
    places: HashMap<u16, Place>,
}

impl Routes {
    /// The routes of these claims. What a claim's kind has no use for is not looked at; a team or a state without a place
    /// gets nothing.
    pub fn new(claims: &[Claim]) -> Self {
        let mut routes = Self::default();
        let mut edges: BTreeMap<u128, Vec<(bool, u16)>> = BTreeMap::new();
        for claim in claims {
            let add = |map: &mut HashMap<u32, Named>| {
                for network in claim.networks.iter().filter(|n| **n != 0) {
                    let named = Named::and(map.get(network).copied(), claim.recipient);
                    map.insert(*network, named);
                }
            };
            match claim.kind {
                Kind::Institution => {
                    add(&mut routes.institutions);
                    for (address, prefix) in &claim.ranges {
                        let (first, last) = block(*address, *prefix);
                        edges.entry(first).or_default().push((true, claim.recipient));
                        if let Some(after) = last.checked_add(1) {
                            edges.entry(after).or_default().push((false, claim.recipient));
                        }
                    }
                }
                Kind::NetworkOwner => add(&mut routes.owners),
                Kind::Csirt | Kind::MemberState => {
                    let Some(place) = claim.place.filter(|p| *p != Place::UNKNOWN) else { continue };
                    let map = if claim.kind == Kind::Csirt { &mut routes.teams } else { &mut routes.states };
                    let named = Named::and(map.get(&place).copied(), claim.recipient);
                    map.insert(place, named);
                }
            }
            if let Some(place) = claim.place {
                routes.places.insert(claim.recipient, place);
            }
        }
        routes.ranges = flattened(edges);
        routes
    }

    /// The one recipient for an address that was in this place and network.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(&self, address: IpAddr, place: Place, network: u32) -> Result<u16, Unrouted> {
        // Closest first. Who is named closest for the address decides; a wider one never takes what is disputed.
        let known = |map: &HashMap<u32, Named>| map.get(&network).copied().filter(|_| network != 0);
        let found = self
            .range(address)
            .or_else(|| known(&self.institutions))
            .or_else(|| known(&self.owners))
            .or_else(|| self.teams.get(&place).copied())
            .or_else(|| self.states.get(&place).copied());
        let Some(found) = found else {
            let nothing = place == Place::UNKNOWN && network == 0;
            return Err(if nothing { Unrouted::Unknown } else { Unrouted::Nobody });
        };
        let recipient = found.sole()?;
        match self.places.get(&recipient) {
            Some(own) if *own != place => Err(Unrouted::OtherPlace),
            _ => Ok(recipient),
        }
    }

    fn range(&self, address: IpAddr) -> Option<Named> {
        let at = number(address);
        let after = self.ranges.partition_point(|(from, _)| *from <= at);
        self.ranges.get(after.checked_sub(1)?)?.1
    }
}

/// An address as a number, IPv4 as IPv6 writes it.
fn number(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(a) => a.to_ipv6_mapped().to_bits(),
        IpAddr::V6(a) => a.to_bits(),
    }
}

fn block(address: IpAddr, prefix: u8) -> (u128, u128) {
    let width = if address.to_canonical().is_ipv4() { 32u32 } else { 128 };
    let loose = width.saturating_sub(u32::from(prefix));
    let mask = u128::MAX.checked_shl(loose).unwrap_or(0);
    let first = number(address) & mask;
    (first, first | !mask)
}

/// Disjoint stretches out of blocks that may overlap, each with who is named for it.
fn flattened(edges: BTreeMap<u128, Vec<(bool, u16)>>) -> Vec<(u128, Option<Named>)> {
    let mut open: BTreeMap<u16, u32> = BTreeMap::new();
    let mut out = Vec::new();
    for (at, changes) in edges {
        for (begins, recipient) in changes {
            let count = open.entry(recipient).or_default();
            *count = if begins { *count + 1 } else { count.saturating_sub(1) };
        }
        open.retain(|_, count| *count > 0);
        let named = match (open.keys().next(), open.len()) {
            (Some(one), 1) => Some(Named::One(*one)),
            (Some(_), _) => Some(Named::Several),
            (None, _) => None,
        };
        out.push((at, named));
    }
    out
}
