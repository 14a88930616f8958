//! Templates and the fields of a record: numbers as IANA lists them ("IPFIX Information Elements"), the first 79 of which
//! are those of NetFlow version 9.

use crate::rows::{FlowRow, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use terms::MICROS_PER_SECOND;

const MAX_FIELDS: usize = 256;
/// Seconds from 1900, where NTP counts from (RFC 7011 section 6.1.9), to 1970.
const NTP_EPOCH: i64 = 2_208_988_800;
/// The enterprise whose numbers are counters of the other direction (RFC 5103).
const REVERSE: u32 = 29_305;
/// A field whose length stands before each value (RFC 7011 section 7).
const VARIABLE: u16 = u16::MAX;

/// An unsigned number of 1 to 8 bytes, most significant first.
pub(super) fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(length)?).filter(|p| !p.is_empty() && p.len() <= 8)?;
    Some(part.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
}

/// What a packet says about times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// When it was exported, microseconds UTC.
    exported: i64,
    /// Milliseconds that the exporter had been running.
    uptime: Option<u32>,
}

impl Clock {
    pub(super) fn of(seconds: Option<u64>, nanos: Option<u64>, uptime: Option<u64>) -> Option<Self> {
        let micros = i64::try_from(nanos? / 1000).ok()?;
        let exported = i64::try_from(seconds?).ok()?.checked_mul(MICROS_PER_SECOND)?.checked_add(micros)?;
        Some(Self { exported, uptime: uptime.map(|u| u as u32) })
    }

    /// A time in milliseconds of the exporter's running, whose counter comes round every 49.7 days.
    fn uptime(self, millis: u64) -> Option<i64> {
        let before = self.uptime?.wrapping_sub(millis as u32).cast_signed();
        Some(self.exported - i64::from(before) * 1000)
    }
}

#[derive(Debug, Clone, Copy)]
struct Field {
    id: u16,
    enterprise: u32,
    length: u16,
}

/// How the records of a data set are built.
#[derive(Debug, Clone)]
pub(super) struct Template {
    fields: Vec<Field>,
    /// Records about the exporter itself: they are stepped over.
    options: bool,
}

/// The template at `at` of a template set: its number, itself, and where the next begins.
pub(super) fn template(version: u16, set: &[u8], at: usize, options: bool) -> Option<(u16, Template, usize)> {
    let id = number(set, at, 2).filter(|id| *id >= 256)? as u16;
    let (count, mut at) = match (version, options) {
        // Lengths in bytes of scope and options (RFC 3954 section 6.1).
        (9, true) => ((number(set, at + 2, 2)? + number(set, at + 4, 2)?) as usize / 4, at + 6),
        (10, true) => (number(set, at + 2, 2)? as usize, at + 6),
        _ => (number(set, at + 2, 2)? as usize, at + 4),
    };
    let mut fields = Vec::new();
    for _ in 0..count {
        let (id, length) = (number(set, at, 2)? as u16, number(set, at + 2, 2)? as u16);
        at += 4;
        let mut enterprise = 0;
        if version == 10 && id & 0x8000 != 0 {
            enterprise = number(set, at, 4)? as u32;
            at += 4;
        }
        if fields.len() >= MAX_FIELDS {
            return None;
        }
        fields.push(Field { id: if version == 10 { id & 0x7fff } else { id }, enterprise, length });
    }
    Some((id, Template { fields, options }, at))
}

/// What was read of one record.
#[derive(Default)]
struct Record {
    source: Option<IpAddr>,
    remote: Option<IpAddr>,
    source_port: u16,
    remote_port: u16,
    protocol: Option<u64>,
    icmp: Option<(u16, u16)>,
    sent: u64,
    received: u64,
    first: Option<i64>,
    last: Option<i64>,
}

impl Template {
    /// The record at `at`: its row, where it has both ends, and where the next begins. None where no whole record is left.
    pub(super) fn record(&self, set: &[u8], at: usize, clock: Clock) -> Option<(Option<FlowRow>, usize)> {
        let mut record = Record::default();
        let mut next = at;
        for field in &self.fields {
            let length = match field.length {
                VARIABLE => {
                    let short = number(set, next, 1)? as usize;
                    next += 1;
                    if short < 255 {
                        short
                    } else {
                        next += 2;
                        number(set, next - 2, 2)? as usize
                    }
                }
                fixed => usize::from(fixed),
            };
            let value = set.get(next..next.checked_add(length)?)?;
            record.take(*field, value, clock);
            next += length;
        }
        // A record of no length would be found again for ever.
        if next <= at {
            return None;
        }
        Some((record.row(clock).filter(|_| !self.options), next))
    }
}

fn address(value: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(value) {
        return Some(IpAddr::V4(Ipv4Addr::from(v4)));
    }
    <[u8; 16]>::try_from(value).ok().map(|v6| IpAddr::V6(Ipv6Addr::from(v6)).to_canonical())
}

/// An NTP time: seconds since 1900 and their fraction in 2^-32.
fn ntp(n: u64) -> i64 {
    let fraction = ((n & 0xffff_ffff) * MICROS_PER_SECOND as u64) >> 32;
    ((n >> 32) as i64 - NTP_EPOCH) * MICROS_PER_SECOND + fraction as i64
}

impl Record {
    fn take(&mut self, field: Field, value: &[u8], clock: Clock) {
        let n = number(value, 0, value.len()).unwrap_or(0);
        match (field.enterprise, field.id) {
            (REVERSE, 1 | 85) => self.received = n,
            (0, 8 | 27) => self.source = address(value).or(self.source),
            (0, 12 | 28) => self.remote = address(value).or(self.remote),
            (0, 7) => self.source_port = n as u16,
            (0, 11) => self.remote_port = n as u16,
            (0, 4) => self.protocol = Some(n),
            (0, 1 | 85) => self.sent = n,
            // Type and code in one, as in version 5.
            (0, 32 | 139) => self.icmp = Some(((n >> 8) as u16 & 0xff, n as u16 & 0xff)),
            (0, 176 | 178) => self.icmp = Some((n as u16, self.icmp.map_or(0, |i| i.1))),
            (0, 177 | 179) => self.icmp = Some((self.icmp.map_or(0, |i| i.0), n as u16)),
            (0, 22) => self.first = clock.uptime(n).or(self.first),
            (0, 21) => self.last = clock.uptime(n).or(self.last),
            (0, 150 | 152 | 154 | 156) => self.first = absolute(field.id - 150, n).or(self.first),
            (0, 151 | 153 | 155 | 157) => self.last = absolute(field.id - 151, n).or(self.last),
            // Microseconds before the export (section 6.1.10).
            (0, 158) => self.first = i64::try_from(n).ok().and_then(|n| clock.exported.checked_sub(n)),
            (0, 159) => self.last = i64::try_from(n).ok().and_then(|n| clock.exported.checked_sub(n)),
            _ => {}
        }
    }

    fn row(self, clock: Clock) -> Option<FlowRow> {
        let transport = match self.protocol {
            Some(6) => Transport::Tcp,
            Some(17) => Transport::Udp,
            Some(1 | 58) => Transport::Icmp,
            _ => Transport::Other,
        };
        let icmp = self.icmp.filter(|_| transport == Transport::Icmp);
        let first = self.first.or(self.last).unwrap_or(clock.exported);
        Some(FlowRow {
            // Half the range of i64, so that a difference of two times cannot overflow.
            ts: Some(first).filter(|t| t.unsigned_abs() < u64::MAX >> 2)?,
            source: self.source?,
            source_port: icmp.map_or(self.source_port, |i| i.0),
            remote: self.remote?,
            remote_port: icmp.map_or(self.remote_port, |i| i.1),
            transport,
            service: None,
            duration: self.last.map(|last| last.saturating_sub(first).max(0)),
            sent: i64::try_from(self.sent).unwrap_or(i64::MAX),
            received: i64::try_from(self.received).unwrap_or(i64::MAX),
            state: None,
            source_local: None,
            remote_local: None,
        })
    }
}

/// Times since 1970 by the distance of their element from the one in seconds: seconds, milliseconds, and two NTP times.
fn absolute(unit: u16, n: u64) -> Option<i64> {
    match unit {
        0 => i64::try_from(n).ok()?.checked_mul(MICROS_PER_SECOND),
        2 => i64::try_from(n).ok()?.checked_mul(1000),
        _ => Some(ntp(n)),
    }
}

/// A record of version 5, whose fields stand at fixed places.
pub(super) fn version_5(record: &[u8], clock: Clock) -> Option<FlowRow> {
    let field =
        |at, length, id| (Field { id, enterprise: 0, length: length as u16 }, record.get(at..at + length));
    let mut read = Record::default();
    let places = [
        (0, 4, 8),
        (4, 4, 12),
        (20, 4, 1),
        (24, 4, 22),
        (28, 4, 21),
        (32, 2, 7),
        (34, 2, 11),
        (38, 1, 4),
        // ICMP's type and code stand in the port called.
        (34, 2, 32),
    ];
    for (at, length, id) in places {
        let (field, value) = field(at, length, id);
        read.take(field, value?, clock);
    }
    read.row(clock)
}
