//! Shadowserver reports: CSV whose first line names the columns. Every report is read by the columns that they have in
//! common; which report it is, is not in it.

use super::csv::{Next, Records, Row};
use super::{Event, Rest, Summary, Why, value};
use std::io::Read;
use std::ops::ControlFlow;
use terms::Timestamp;

/// Where the columns stand that an event has fields for.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    names: Vec<String>,
    at: Option<usize>,
    source: Option<usize>,
    port: Option<usize>,
    network: Option<usize>,
    place: Option<usize>,
    infection: Option<usize>,
    family: Option<usize>,
    destination: Option<usize>,
    destination_port: Option<usize>,
    host: Option<usize>,
}

/// Bytes of a first line that are looked at.
const MOST_HEADER: usize = 8 << 10;

/// What a report calls something that is no bot: who lets others' addresses be spoofed is told too, but is not infected.
const NO_BOT: &[&[u8]] = &[b"ip-spoofer"];

impl Columns {
    /// Reads a header; none where it names no time or no address.
    fn of(row: &Row<'_>) -> Option<Self> {
        let names: Vec<String> = (0..row.len()).map(|i| row.text(i).trim().to_ascii_lowercase()).collect();
        let find = |wanted: &[&str]| wanted.iter().find_map(|w| names.iter().position(|n| n == w));
        let bot = find(&["src_ip"]);
        let columns = Self {
            at: find(&["timestamp"]),
            source: bot.or_else(|| find(&["ip", "http_referer_ip"])),
            port: find(&["src_port", "port", "http_referer_port"]),
            network: find(&["src_asn", "asn", "http_referer_asn"]),
            place: find(&["src_geo", "geo", "http_referer_geo"]),
            // Only who called was seen as a bot; a scanned, listed or referring address was not.
            infection: bot.and_then(|_| find(&["infection"])),
            family: bot.and_then(|_| find(&["family"])),
            destination: find(&["dst_ip"]),
            destination_port: find(&["dst_port"]),
            host: bot.and_then(|_| find(&["http_host"])),
            names,
        };
        (columns.at.is_some() && columns.source.is_some()).then_some(columns)
    }

    fn used(&self, index: usize) -> bool {
        [
            self.at,
            self.source,
            self.port,
            self.network,
            self.place,
            self.infection,
            self.family,
            self.destination,
            self.destination_port,
            self.host,
        ]
        .contains(&Some(index))
    }

    pub fn rest(&self, row: &Row<'_>, on: &mut dyn FnMut(&str, &str)) {
        for (index, name) in self.names.iter().enumerate().filter(|(i, _)| !self.used(*i)) {
            on(name, &row.text(index));
        }
    }
}

/// Whether a report begins here: its first line names a time and an address.
pub(super) fn begins(head: &[u8]) -> bool {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let mut source = line;
    // The word alone is cheap to look for, and no other kind of text begins with it.
    if !line.starts_with(b"\"timestamp\",") && !line.starts_with(b"timestamp,") {
        return false;
    }
    matches!(Records::new(&mut source).next(), Next::Row(_, row) if Columns::of(&row).is_some())
}

/// Why what looks like a report is not read, by its first line: it names a time, in columns.
pub(super) fn resembles(head: &[u8]) -> Option<&'static str> {
    let line = head.split(|b| *b == b'\n').next()?;
    let line = std::str::from_utf8(line.get(..MOST_HEADER).unwrap_or(line)).ok()?;
    let columns = |by: char| -> Vec<String> {
        line.split(by).map(|c| c.trim().trim_matches('"').to_ascii_lowercase()).collect()
    };
    let named = |by: char| Some(columns(by)).filter(|c| c.len() > 2 && c.iter().any(|c| c == "timestamp"));
    if [';', '\t', '|'].into_iter().any(|by| named(by).is_some()) {
        return Some(
            "it looks like a report as CSV whose columns are not parted by commas: write it with commas",
        );
    }
    let columns = named(',')?;
    let machine = columns.iter().any(|c| matches!(c.as_str(), "src_ip" | "ip" | "http_referer_ip"));
    Some(match machine {
        true => "it looks like a report as CSV whose first column is not `timestamp`: put that first",
        false => {
            "it looks like a report as CSV without a column `src_ip` or `ip` for the machine: name that so"
        }
    })
}

pub(super) fn read(source: &mut dyn Read, on: &mut dyn FnMut(&Event<'_>) -> ControlFlow<()>) -> Summary {
    let (mut summary, mut records) = (Summary::default(), Records::new(source));
    let mut columns: Option<Columns> = None;
    loop {
        match records.next() {
            Next::End => return summary,
            Next::Torn(number) => {
                summary.skip(Why::Torn, number, 0);
                return summary;
            }
            Next::Bad(number, why) => summary.skip(why, number, 1),
            // A header again: reports were put one behind the other.
            Next::Row(number, row) if number == 1 || row.raw(0) == b"timestamp" => {
                columns = Columns::of(&row);
                if columns.is_none() {
                    summary.skip(Why::Header, number, 1);
                }
            }
            Next::Row(number, row) => match columns.as_ref().ok_or(Why::Header).and_then(|c| event(c, row)) {
                Ok(event) => {
                    summary.events += 1;
                    if on(&event).is_break() {
                        return summary;
                    }
                }
                Err(why) => summary.skip(why, number, 1),
            },
        }
    }
}

fn event<'a>(columns: &'a Columns, row: Row<'a>) -> Result<Event<'a>, Why> {
    if row.len() != columns.names.len() {
        return Err(Why::Columns);
    }
    let raw = |at: Option<usize>| at.map_or(&b""[..], |i| row.raw(i));
    let at: Timestamp = value::time(raw(columns.at)).ok_or(Why::Time)?;
    let source = value::address(raw(columns.source)).ok_or(Why::Address)?;
    let port = |at| value::number::<u16>(raw(at)).map_err(|()| Why::Number);
    let network = value::number::<u32>(raw(columns.network)).map_err(|()| Why::Number)?;
    let infection = value::infection(raw(columns.family), raw(columns.infection));
    let infection = infection.filter(|_| !NO_BOT.contains(&raw(columns.infection)));
    Ok(Event {
        at,
        source,
        port: port(columns.port)?,
        network: network.filter(|n| *n != 0),
        place: std::str::from_utf8(raw(columns.place))
            .ok()
            .and_then(|p| p.parse().ok())
            .filter(|p| *p != terms::Place::UNKNOWN),
        infection,
        destination: value::address(raw(columns.destination)),
        destination_port: port(columns.destination_port)?,
        host: columns.host.map(|i| row.text(i)).filter(|h| !h.is_empty()),
        rest: Rest::Csv(row, columns),
    })
}
