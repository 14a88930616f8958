//! Reports of others about infected machines: Shadowserver's CSV and Microsoft's CTIP, one event at a time.
//!
//! Here: telling the two apart ([`recognise`]), reading them in bounded memory ([`read`]), the event that both come down to.
//! Elsewhere: the telemetry tables (`botnet`), who is told of an event ([`crate::notice`]).
//! Sources: the Shadowserver Foundation's published report formats (a header line, RFC 4180, times in UTC); the fields of
//! Microsoft's Cyber Threat Intelligence Program feed, one JSON object a line, times as Windows FILETIME.
//! Bounds: a record of 1 MiB, 512 columns, 100 characters of a name. A report may be of any length.

mod csv;
mod ctip;
mod shadowserver;
mod value;

use std::borrow::Cow;
use std::io::Read;
use std::net::IpAddr;
use std::ops::ControlFlow;
use terms::{Channel, ExhibitKind, Place, Timestamp};

pub use csv::{MAX_COLUMNS, MAX_RECORD};

/// One event of a report: which machine, when, seen by whom as what. What a report says beside that is in
/// [`Event::rest`]: nothing is dropped.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// When it was seen.
    pub at: Timestamp,
    /// The machine's address, as it stands.
    pub source: IpAddr,
    /// Its port: what tells customers behind one shared address apart. None where it is not noted.
    pub port: Option<u16>,
    /// Autonomous system number of its network, as the report says; none for 0.
    pub network: Option<u32>,
    /// Its country, as the report says; none for `ZZ`.
    pub place: Option<Place>,
    /// The infection, `family/name` where the report tells both apart; none where it speaks of an open service, a site or
    /// a spoofed address, and of no bot.
    pub infection: Option<String>,
    /// Whom it called.
    pub destination: Option<IpAddr>,
    /// The port called.
    pub destination_port: Option<u16>,
    /// The host name it asked for.
    pub host: Option<Cow<'a, str>>,
    rest: Rest<'a>,
}

#[derive(Debug, Clone)]
enum Rest<'a> {
    Csv(csv::Row<'a>, &'a shadowserver::Columns),
    Json(&'a [u8]),
}

impl Event<'_> {
    /// The channel on which the bot was seen: the host name it asked for, else address and port.
    pub fn channel(&self) -> Option<Channel> {
        if let Some(name) = self.host.as_deref().and_then(value::domain) {
            return Some(Channel::domain(&name));
        }
        Some(Channel::Address { ip: self.destination?, port: self.destination_port? })
    }

    /// Hands over every column (name, value) that no field of this event stands for; of JSON every member at the top,
    /// its value as JSON text. Text that is not UTF-8 comes with replacement characters.
    pub fn rest(&self, on: &mut dyn FnMut(&str, &str)) {
        match &self.rest {
            Rest::Csv(row, columns) => columns.rest(row, on),
            Rest::Json(line) => ctip::rest(line, on),
        }
    }
}

/// Records left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Stable code.
    pub code: &'static str,
    /// The reason in words.
    pub reason: &'static str,
    /// Number of the first such record, from 1; the header counts.
    pub first: u64,
    /// How many; 0 where what follows is missing and nobody can count it.
    pub records: u64,
}

/// What one reading gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events handed over.
    pub events: u64,
    /// What was left out, in order of first place.
    pub skipped: Vec<Skipped>,
}

/// Why a record is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Long,
    Quotes,
    Columns,
    Time,
    Address,
    Number,
    Header,
    Json,
    Torn,
}

impl Why {
    const fn code(self) -> &'static str {
        match self {
            Self::Long => "CMT-1460",
            Self::Quotes => "CMT-1461",
            Self::Columns => "CMT-1462",
            Self::Time => "CMT-1463",
            Self::Address => "CMT-1464",
            Self::Number => "CMT-1465",
            Self::Header => "CMT-1466",
            Self::Json => "CMT-1467",
            Self::Torn => "CMT-1468",
        }
    }
    const fn text(self) -> &'static str {
        match self {
            Self::Long => "the record is longer than 1 MiB or has more than 512 columns",
            Self::Quotes => "a quoted field does not end where a field ends",
            Self::Columns => "the record has another number of columns than the header",
            Self::Time => "the time cannot be read",
            Self::Address => "the address of the machine cannot be read",
            Self::Number => "a port or a network's number cannot be read",
            Self::Header => "no header with a time and an address comes before it",
            Self::Json => "the line is not a JSON object with the needed fields",
            Self::Torn => "the report is cut short or damaged here; what follows is missing",
        }
    }
}

impl Summary {
    fn skip(&mut self, why: Why, first: u64, records: u64) {
        let code = why.code();
        match self.skipped.iter_mut().find(|s| s.code == code) {
            Some(known) => known.records += records,
            None => self.skipped.push(Skipped { code, reason: why.text(), first, records }),
        }
    }
}

/// Which report begins with `head`, if one does: [`ExhibitKind::Shadowserver`] by the columns of its first line,
/// [`ExhibitKind::Ctip`] by the members of its first object.
pub fn recognise(head: &[u8]) -> Option<ExhibitKind> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    match head.first()? {
        b'{' => ctip::begins(head).then_some(ExhibitKind::Ctip),
        _ => shadowserver::begins(head).then_some(ExhibitKind::Shadowserver),
    }
}

/// Why a text that looks like a report as CSV is not read as one (code, reason); `None` where it looks like none, or is read.
pub fn resembles(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if shadowserver::begins(head) { None } else { shadowserver::resembles(head).map(|why| ("CMT-1475", why)) }
}

/// Reads a report and hands over its events until its end, or until `on` breaks. Never panics, whatever the bytes; what
/// cannot be read is counted with its reason and first place, and the rest is read. `None` where the kind is no report.
pub fn read(
    kind: ExhibitKind,
    source: &mut dyn Read,
    on: &mut dyn FnMut(&Event<'_>) -> ControlFlow<()>,
) -> Option<Summary> {
    match kind {
        ExhibitKind::Shadowserver => Some(shadowserver::read(source, on)),
        ExhibitKind::Ctip => Some(ctip::read(source, on)),
        _ => None,
    }
}
