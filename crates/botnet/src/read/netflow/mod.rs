//! Flow exports: NetFlow version 5 and 9 (RFC 3954) and IPFIX (RFC 7011), as packets one after the other in a file or as
//! payloads of a capture.
//!
//! Here: packets and their sets. Elsewhere: templates and the fields of a record (`fields`).
//! A record is one direction of a conversation, unless the exporter counts both (RFC 5103); its bytes are those of whole
//! packets. Sampling is not multiplied out. A data set that comes before its template is counted and passed over.
//! Bounds: a packet of at most 128 KiB (version 9: one set beyond 64 KiB), 4,096 templates of at most 256 fields.

mod fields;

use super::{Out, ReadError, Why};
use crate::rows::FlowRow;
use fields::{Clock, Template, number};
use std::collections::HashMap;
use std::io::{self, BufRead, Read as _};
use std::ops::ControlFlow;

/// Ports that exports customarily go to.
pub(super) const PORTS: [u16; 4] = [2055, 4739, 9995, 9996];
const MAX_TEMPLATES: usize = 4096;
/// Where a packet of version 9 ends at the latest.
const MAX_PACKET: usize = 1 << 16;
const V5_HEADER: usize = 24;
const V5_RECORD: usize = 48;
const V9_HEADER: usize = 20;
const IPFIX_HEADER: usize = 16;

/// Who reads rows of exports: a row, or why something is left out.
pub(super) type Take<'t> = dyn FnMut(Result<FlowRow, Why>) -> ControlFlow<()> + 't;

/// Templates by version, exporter's domain and number.
#[derive(Default)]
pub(super) struct Exports {
    templates: HashMap<(u16, u32, u16), Template>,
}

/// Whether a file begins like an export packet whose parts fit together.
pub(crate) fn begins(head: &[u8]) -> bool {
    let Some(version) = number(head, 0, 2) else { return false };
    let count = number(head, 2, 2).unwrap_or(0);
    // No exporter is older than 2000 or younger than 2100.
    let dated = |at| number(head, at, 4).is_some_and(|t| (946_684_800..4_102_444_800).contains(&t));
    match version {
        5 => {
            let next = number(head, V5_HEADER + count as usize * V5_RECORD, 2);
            (1..=30).contains(&count) && dated(8) && next.is_none_or(|v| matches!(v, 5 | 9 | 10))
        }
        9 => (1..=1000).contains(&count) && dated(8) && set(head, V9_HEADER, 9),
        10 => count >= 20 && dated(4) && set(head, IPFIX_HEADER, 10),
        _ => false,
    }
}

fn set(head: &[u8], at: usize, version: u64) -> bool {
    let known = |id| if version == 9 { id <= 1 } else { id == 2 || id == 3 };
    number(head, at, 2).is_some_and(|id| known(id) || id >= 256)
        && number(head, at + 2, 2).is_some_and(|n| n > 4)
}

/// Reads packets one after the other.
pub(super) fn read(reader: &mut dyn BufRead, out: &mut Out) -> Result<(), ReadError> {
    let mut exports = Exports::default();
    let mut source = Source { reader, ahead: Vec::new() };
    let mut packets = 0u64;
    loop {
        let packet = match source.next() {
            Ok(packet) if packet.is_empty() => return Ok(()),
            Ok(packet) => packet,
            Err(e) => return out.torn(e, format!("after export packet {packets}")),
        };
        packets += 1;
        let whole = exports.packet(&packet, &mut |row| match row {
            Ok(row) => out.row(crate::rows::Row::Flow(row)),
            Err(why) => {
                out.skip(why, 1, || format!("export packet {packets}"));
                ControlFlow::Continue(())
            }
        });
        match whole {
            ControlFlow::Continue(true) => {}
            // Where the next packet begins is unknown after one that is none.
            ControlFlow::Continue(false) => {
                out.skip(Why::Torn, 0, || format!("after export packet {packets}"));
                return Ok(());
            }
            ControlFlow::Break(()) => return Ok(()),
        }
    }
}

/// A reader that can give back what it has read too far.
struct Source<'r> {
    reader: &'r mut dyn BufRead,
    ahead: Vec<u8>,
}

impl Source<'_> {
    /// Appends `n` bytes, fewer where the end comes first. Says whether all came.
    fn more(&mut self, packet: &mut Vec<u8>, n: usize) -> io::Result<bool> {
        let before = packet.len();
        let held = self.ahead.len().min(n);
        packet.extend(self.ahead.drain(..held));
        (&mut *self.reader).take((n - held) as u64).read_to_end(packet)?;
        Ok(packet.len() - before == n)
    }

    /// The bytes of the next packet; empty at the end, short where it is cut.
    fn next(&mut self) -> io::Result<Vec<u8>> {
        let mut packet = Vec::new();
        if !self.more(&mut packet, 4)? {
            return Ok(packet);
        }
        let at = |at| number(&packet, at, 2).unwrap_or(0) as usize;
        match (at(0), at(2)) {
            (5, count) => self.more(&mut packet, V5_HEADER - 4 + count * V5_RECORD)?,
            (10, length) => self.more(&mut packet, length.saturating_sub(4))?,
            (9, _) => self.more(&mut packet, V9_HEADER - 4)? && self.sets(&mut packet)?,
            _ => false,
        };
        Ok(packet)
    }

    /// The header of version 9 says no length: sets go on until something else begins. Numbers below 256, other than 0 and
    /// 1, are no sets (RFC 3954 section 5.2), so a version cannot be taken for one.
    fn sets(&mut self, packet: &mut Vec<u8>) -> io::Result<bool> {
        while packet.len() < MAX_PACKET {
            let mut head = Vec::new();
            let whole = self.more(&mut head, 4)?;
            let (id, length) = (number(&head, 0, 2).unwrap_or(9), number(&head, 2, 2).unwrap_or(0));
            if !whole || (2..256).contains(&id) {
                self.ahead.splice(0..0, head);
                return Ok(true);
            }
            packet.extend(head);
            match (length as usize).checked_sub(4) {
                Some(rest) if self.more(packet, rest)? => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl Exports {
    /// Reads one packet. Says whether it was whole.
    pub(super) fn packet(&mut self, packet: &[u8], take: &mut Take) -> ControlFlow<(), bool> {
        match number(packet, 0, 2) {
            Some(5) => version_5(packet, take),
            Some(9) => self.sets(9, packet, V9_HEADER, take),
            Some(10) => self.sets(10, packet, IPFIX_HEADER, take),
            _ => {
                take(Err(Why::Export))?;
                ControlFlow::Continue(false)
            }
        }
    }

    fn sets(&mut self, version: u16, packet: &[u8], header: usize, take: &mut Take) -> ControlFlow<(), bool> {
        let get = |at| number(packet, at, 4);
        let (clock, domain) = match version {
            9 => (Clock::of(get(8), Some(0), get(4)), get(16)),
            _ => (Clock::of(get(4), Some(0), None), get(12)),
        };
        let (Some(clock), Some(domain)) = (clock, domain) else {
            take(Err(Why::Export))?;
            return ControlFlow::Continue(false);
        };
        let domain = domain as u32;
        let mut at = header;
        while at < packet.len() {
            let (id, length) = (number(packet, at, 2), number(packet, at + 2, 2).map(|n| n as usize));
            let body = length.filter(|n| *n >= 4).and_then(|n| packet.get(at + 4..at + n));
            let (Some(id), Some(length), Some(body)) = (id, length, body) else {
                take(Err(Why::Export))?;
                // An IPFIX packet says its own length: the next one still begins where it should.
                return ControlFlow::Continue(version == 10 && length.is_some() && at + 4 < packet.len());
            };
            match (version, id) {
                (9, 0) | (10, 2) => self.learn(version, domain, body, false),
                (9, 1) | (10, 3) => self.learn(version, domain, body, true),
                (_, 256..) => self.data(version, domain, id as u16, body, clock, take)?,
                _ => {}
            }
            at += length;
        }
        ControlFlow::Continue(true)
    }

    fn learn(&mut self, version: u16, domain: u32, body: &[u8], options: bool) {
        let mut at = 0;
        while let Some((id, template, next)) = fields::template(version, body, at, options) {
            let key = (version, domain, id);
            if self.templates.len() < MAX_TEMPLATES || self.templates.contains_key(&key) {
                self.templates.insert(key, template);
            }
            at = next;
        }
    }

    fn data(
        &self,
        version: u16,
        domain: u32,
        id: u16,
        body: &[u8],
        clock: Clock,
        take: &mut Take,
    ) -> ControlFlow<()> {
        let Some(template) = self.templates.get(&(version, domain, id)) else {
            return take(Err(Why::NoTemplate));
        };
        let mut at = 0;
        while let Some((row, next)) = template.record(body, at, clock) {
            if let Some(row) = row {
                take(Ok(row))?;
            }
            at = next;
        }
        ControlFlow::Continue(())
    }
}

fn version_5(packet: &[u8], take: &mut Take) -> ControlFlow<(), bool> {
    let get = |at| number(packet, at, 4);
    let clock = Clock::of(get(8), get(12), get(4));
    let (Some(clock), Some(count)) = (clock, number(packet, 2, 2)) else {
        take(Err(Why::Export))?;
        return ControlFlow::Continue(false);
    };
    for i in 0..count as usize {
        let start = V5_HEADER + i * V5_RECORD;
        let Some(record) = packet.get(start..start + V5_RECORD) else {
            take(Err(Why::Export))?;
            return ControlFlow::Continue(false);
        };
        if let Some(row) = fields::version_5(record, clock) {
            take(Ok(row))?;
        }
    }
    ControlFlow::Continue(true)
}
