//! Microsoft's CTIP feed of infected machines: one JSON object a line.

use super::csv::MAX_RECORD;
use super::{Event, Rest, Summary, Why, value};
use crate::line::{Line, lines};
use serde::Deserialize;
use std::borrow::Cow;
use std::io::Read;
use std::ops::ControlFlow;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a> {
    #[serde(borrow)]
    #[expect(dead_code, reason = "an object without it is none of this feed")]
    data_feed: Cow<'a, str>,
    date_time_received_utc: u64,
    #[serde(borrow, default)]
    malware: Cow<'a, str>,
    #[serde(borrow, default)]
    threat_code: Cow<'a, str>,
    #[serde(borrow)]
    source_ip: Cow<'a, str>,
    #[serde(default)]
    source_port: Option<u16>,
    #[serde(borrow, default)]
    destination_ip: Cow<'a, str>,
    #[serde(default)]
    destination_port: Option<u16>,
    #[serde(borrow, default)]
    source_ip_info: Info<'a>,
    #[serde(borrow, default)]
    http_info: Http<'a>,
}

#[derive(Default, Deserialize)]
struct Info<'a> {
    #[serde(borrow, default, rename = "SourceIpAsnNumber")]
    network: Cow<'a, str>,
    #[serde(borrow, default, rename = "SourceIpCountryCode")]
    place: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
struct Http<'a> {
    #[serde(borrow, default, rename = "HttpHost")]
    host: Cow<'a, str>,
}

/// Whether the first line is an object of this feed.
pub(super) fn begins(head: &[u8]) -> bool {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<Record<'_>>(line).is_ok()
}

pub(super) fn read(source: &mut dyn Read, on: &mut dyn FnMut(&Event<'_>) -> ControlFlow<()>) -> Summary {
    let (mut summary, mut stopped) = (Summary::default(), false);
    lines(source, MAX_RECORD, &mut |line| match line {
        _ if stopped => {}
        Line::TooLong { number } => summary.skip(Why::Long, number, 1),
        Line::Failed { number, .. } => summary.skip(Why::Torn, number, 0),
        Line::Text { bytes, .. } if bytes.iter().all(u8::is_ascii_whitespace) => {}
        Line::Text { number, bytes } => match event(bytes) {
            Ok(event) => {
                summary.events += 1;
                stopped = on(&event).is_break();
            }
            Err(why) => summary.skip(why, number, 1),
        },
    });
    summary
}

fn event(line: &[u8]) -> Result<Event<'_>, Why> {
    let record: Record<'_> = serde_json::from_slice(line).map_err(|_| Why::Json)?;
    let network = value::number::<u32>(record.source_ip_info.network.as_bytes()).map_err(|()| Why::Number)?;
    Ok(Event {
        at: value::filetime(record.date_time_received_utc).ok_or(Why::Time)?,
        source: value::address(record.source_ip.as_bytes()).ok_or(Why::Address)?,
        port: record.source_port,
        network: network.filter(|n| *n != 0),
        place: record.source_ip_info.place.parse().ok().filter(|p| *p != terms::Place::UNKNOWN),
        infection: value::infection(record.malware.as_bytes(), record.threat_code.as_bytes()),
        destination: value::address(record.destination_ip.as_bytes()),
        destination_port: record.destination_port,
        host: Some(record.http_info.host).filter(|h| !h.is_empty()),
        rest: Rest::Json(line),
    })
}

/// Members that an event has fields for; those inside others are handed over with them.
const USED: &[&str] = &[
    "DateTimeReceivedUtc",
    "Malware",
    "ThreatCode",
    "SourceIp",
    "SourcePort",
    "DestinationIp",
    "DestinationPort",
];

pub(super) fn rest(line: &[u8], on: &mut dyn FnMut(&str, &str)) {
    let Ok(members) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(line) else {
        return;
    };
    for (name, value) in members.iter().filter(|(name, _)| !USED.contains(&name.as_str())) {
        on(name, &value.to_string());
    }
}
