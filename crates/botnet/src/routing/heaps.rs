//! One heap of rows for each recipient, which spill to a shelf when memory is used up.

use super::{Hit, Later, Places, Routed, Routes, Unrouted};
use crate::prepare::{nobody, private};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use terms::{Place, Timestamp};

/// Rows in memory, in bytes, before the largest heaps spill.
const MEMORY: usize = 64 << 20;
/// Different infections and channels.
const MAX_NAMES: usize = 1 << 18;
/// Bytes of one row on the shelf.
const ROW: usize = 40;
/// Addresses whose place is remembered within one day; the memory begins anew above.
const REMEMBERED: usize = 1 << 18;

/// Where heaps spill to. Rows hold victims' addresses in the clear: a shelf on disk keeps them sealed or goes with the run.
pub trait Shelf {
    /// Puts bytes behind those of the same recipient.
    ///
    /// # Errors
    /// When they cannot be kept; the routing then ends.
    fn append(&mut self, recipient: u16, bytes: &[u8]) -> io::Result<()>;
}

/// The heaps of one run.
pub struct Heaps<S> {
    routes: Routes,
    later: Later,
    shelf: S,
    heaps: BTreeMap<u16, Vec<u8>>,
    held: usize,
    names: Names,
    routed: BTreeMap<u16, u64>,
    unrouted: BTreeMap<(Unrouted, Place, u32), u64>,
    networks: HashMap<(u16, Place, u32), bool>,
    remembered: HashMap<(IpAddr, i32), Option<(Place, u32)>>,
}

/// Infections and channels by number, so that a row has one size.
#[derive(Debug, Default)]
struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> io::Result<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        let number = self.names.len();
        if number >= MAX_NAMES {
            return Err(io::Error::other("more than 262,144 different infections and channels"));
        }
        self.numbers.insert(name.to_owned(), number as u32);
        self.names.push(name.to_owned());
        Ok(number as u32)
    }
}

/// Unrouted hits that are listed by place and network before the rest is counted by reason alone.
const MAX_LISTED: usize = 100_000;

impl<S: Shelf> Heaps<S> {
    /// Empty heaps.
    pub fn new(routes: Routes, later: Later, shelf: S) -> Self {
        Self {
            routes,
            later,
            shelf,
            heaps: BTreeMap::new(),
            held: 0,
            names: Names::default(),
            routed: BTreeMap::new(),
            unrouted: BTreeMap::new(),
            networks: HashMap::new(),
            remembered: HashMap::new(),
        }
    }

    /// Puts a hit on its recipient's heap, or among the unrouted.
    ///
    /// # Errors
    /// When the shelf takes no more, or names are too many.
    pub fn push(&mut self, hit: &Hit<'_>, places: &impl Places) -> io::Result<()> {
        let (place, network) = match self.whose(hit, places) {
            Ok(found) => found,
            Err(why) => return self.leave(why, Place::UNKNOWN, 0),
        };
        let recipient = match self.routes.of(hit.source, place, network) {
            Err(why) => return self.leave(why, place, network),
            Ok(recipient) => recipient,
        };
        let waits = self.later.holds(network);
        // One that is not known is no unit that could be counted before and after.
        if network != 0 && self.networks.len() < MAX_LISTED {
            self.networks.insert((recipient, place, network), waits);
        }
        match waits {
            true => self.leave(Unrouted::Later, place, network),
            false => self.keep(recipient, hit, place, network),
        }
    }

    fn whose(&mut self, hit: &Hit<'_>, places: &impl Places) -> Result<(Place, u32), Unrouted> {
        if private(hit.source) || nobody(hit.source) {
            return Err(Unrouted::Private);
        }
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        // Tables change from day to day, not within one.
        let key = (hit.source, hit.at.day().0);
        let found = *self.remembered.entry(key).or_insert_with(|| places.at(hit.source, hit.at));
        found.ok_or(Unrouted::NoTable)
    }

    fn leave(&mut self, why: Unrouted, place: Place, network: u32) -> io::Result<()> {
        let whole = self.unrouted.len() >= MAX_LISTED && !self.unrouted.contains_key(&(why, place, network));
        let key = if whole { (why, Place::UNKNOWN, 0) } else { (why, place, network) };
        *self.unrouted.entry(key).or_default() += 1;
        Ok(())
    }

    fn keep(&mut self, recipient: u16, hit: &Hit<'_>, place: Place, network: u32) -> io::Result<()> {
        let (infection, channel) = (self.names.number(hit.infection)?, self.names.number(hit.channel)?);
        let heap = self.heaps.entry(recipient).or_default();
        let address = match hit.source {
            IpAddr::V4(a) => a.to_ipv6_mapped(),
            IpAddr::V6(a) => a,
        };
        heap.extend_from_slice(&address.octets());
        heap.extend_from_slice(&hit.at.0.to_be_bytes());
        heap.extend_from_slice(&network.to_be_bytes());
        heap.extend_from_slice(place.as_str().as_bytes());
        // Port 0 is nobody's source port: it stands for one that was not noted.
        heap.extend_from_slice(&hit.port.unwrap_or(0).to_be_bytes());
        heap.extend_from_slice(&infection.to_be_bytes());
        heap.extend_from_slice(&channel.to_be_bytes());
        self.held += ROW;
        *self.routed.entry(recipient).or_default() += 1;
        if self.held >= MEMORY { self.spill() } else { Ok(()) }
    }

    /// Every heap goes to the shelf: few large writes, whatever the number of recipients.
    fn spill(&mut self) -> io::Result<()> {
        for (recipient, heap) in &mut self.heaps {
            if !heap.is_empty() {
                self.shelf.append(*recipient, heap)?;
                heap.clear();
            }
        }
        // A heap that was large once must not keep its memory while others grow.
        self.heaps.clear();
        self.held = 0;
        Ok(())
    }

    /// Ends the run: what there is for whom, what is for nobody, and how rows read back.
    ///
    /// # Errors
    /// When the shelf takes no more.
    pub fn finish(mut self) -> io::Result<(S, Rows)> {
        self.spill()?;
        let rows = Rows {
            names: self.names.names,
            routed: self.routed,
            unrouted: self.unrouted,
            networks: self.networks.into_iter().collect(),
        };
        Ok((self.shelf, rows))
    }
}

/// What a run gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    names: Vec<String>,
    /// Rows for each recipient.
    pub routed: BTreeMap<u16, u64>,
    /// Hits for nobody, by reason, place and network; beyond 100,000 such groups by reason alone.
    pub unrouted: BTreeMap<(Unrouted, Place, u32), u64>,
    /// Networks with hits of a recipient, by place, and whether they belong to the control group; at most 100,000.
    pub networks: BTreeMap<(u16, Place, u32), bool>,
}

impl Rows {
    /// Bytes of one row on the shelf: a shelf is read in multiples of it.
    pub const SIZE: usize = ROW;

    /// The rows of a heap as it lies on the shelf, in the order in which hits came. Rows that cannot be (a shelf that was
    /// changed) end it.
    pub fn read<'a>(&'a self, heap: &'a [u8]) -> impl Iterator<Item = Routed<'a>> + 'a {
        heap.chunks_exact(ROW).map_while(|row| self.row(row))
    }

    fn row<'a>(&'a self, row: &[u8]) -> Option<Routed<'a>> {
        let (address, rest) = row.split_first_chunk::<16>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (network, rest) = rest.split_first_chunk::<4>()?;
        let (place, rest) = rest.split_first_chunk::<2>()?;
        let (port, rest) = rest.split_first_chunk::<2>()?;
        let (infection, rest) = rest.split_first_chunk::<4>()?;
        let (channel, _) = rest.split_first_chunk::<4>()?;
        let name = |n: &[u8; 4]| self.names.get(u32::from_be_bytes(*n) as usize).map(String::as_str);
        Some(Routed {
            hit: Hit {
                at: Timestamp(i64::from_be_bytes(*at)),
                source: IpAddr::V6(Ipv6Addr::from(*address)).to_canonical(),
                port: Some(u16::from_be_bytes(*port)).filter(|p| *p != 0),
                infection: name(infection)?,
                channel: name(channel)?,
            },
            place: std::str::from_utf8(place).ok()?.parse().ok()?,
            network: u32::from_be_bytes(*network),
        })
    }
}
