//! Sinkhole hits, one JSON object a line: with addresses in the clear (`comity.sinkhole/1`), or as a sinkhole of this home wrote
//! them, with pseudonyms and places in their stead (`comity.sinkhole-hit/1` between the lines of a segment).
//!
//! Of a segment only hits of class `bot` become rows: a resolver asks for others, a crawler and a researcher are no bots. Whether
//! its chain holds is not asked here (`sinkhole::chain`).

use super::{Out, ReadError, Why, lines, values};
use crate::rows::{HitRow, Row, SeenRow};
use serde::Deserialize;
use std::borrow::Cow;
use std::io::BufRead;
use std::ops::ControlFlow;
use terms::{Place, Timestamp};

#[derive(Deserialize)]
struct Hit<'a> {
    #[serde(borrow)]
    schema: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    observed: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(default)]
    source_port: Option<u16>,
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(borrow, default)]
    bot: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    botnet: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    place: Place,
    network: u32,
    #[serde(borrow)]
    class: Cow<'a, str>,
    #[serde(borrow, default)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    bot: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    botnet: Option<Cow<'a, str>>,
}

/// How each line of a segment begins: its writer puts the schema first.
const SEGMENT: [&[u8]; 2] =
    [b"{\"schema\":\"comity.sinkhole-segment/1\"", b"{\"schema\":\"comity.sinkhole-batch/1\""];
const SEEN: &[u8] = b"{\"schema\":\"comity.sinkhole-hit/1\"";

pub(super) fn read(reader: &mut dyn BufRead, out: &mut Out) -> Result<(), ReadError> {
    lines::for_each(reader, out, &mut |out, number, line| {
        if SEGMENT.iter().any(|s| line.starts_with(s)) {
            return ControlFlow::Continue(());
        }
        let read = if line.starts_with(SEEN) {
            serde_json::from_slice::<Seen>(line).map_err(|_| Why::Json).and_then(seen)
        } else {
            serde_json::from_slice::<Hit>(line)
                .map_err(|_| Why::Json)
                .and_then(row)
                .map(|r| Some(Row::Hit(r)))
        };
        match read {
            Ok(Some(row)) => out.row(row),
            Ok(None) => ControlFlow::Continue(()),
            Err(why) => {
                out.skip(why, 1, || format!("line {number}"));
                ControlFlow::Continue(())
            }
        }
    })
}

/// A hit that is pseudonymous already; none of what is no bot, or named nothing that was seized.
fn seen(hit: Seen) -> Result<Option<Row>, Why> {
    let Some(channel) = hit.channel.filter(|_| hit.class == "bot") else { return Ok(None) };
    if !pseudonym(&hit.source, "p:") || !hit.bot.as_deref().is_none_or(|b| pseudonym(b, "b:")) {
        return Err(Why::Address);
    }
    Ok(Some(Row::Seen(Box::new(SeenRow {
        event: hit.event.parse::<Timestamp>().map_err(|_| Why::Time)?.0,
        source: hit.source.into_owned(),
        place: hit.place,
        network: hit.network,
        channel: values::name(channel.as_bytes())?,
        bot: hit.bot.map(Cow::into_owned),
        botnet: hit.botnet.map(|b| values::word(b.as_bytes())).transpose()?,
    }))))
}

/// A pseudonym as `privacy` spells it: a tag and 32 lower-case hexadecimal digits.
fn pseudonym(text: &str, tag: &str) -> bool {
    text.strip_prefix(tag)
        .is_some_and(|d| d.len() == 32 && d.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn row(hit: Hit) -> Result<HitRow, Why> {
    if hit.schema != "comity.sinkhole/1" {
        return Err(Why::Schema);
    }
    let time = |t: &str| t.parse::<Timestamp>().map(|t| t.0).map_err(|_| Why::Time);
    let event = time(&hit.event)?;
    Ok(HitRow {
        event,
        observed: hit.observed.map_or(Ok(event), |t| time(&t))?,
        source: values::address(hit.source.as_bytes())?,
        source_port: hit.source_port,
        channel: values::name(hit.channel.as_bytes())?,
        bot: hit.bot.map(|b| values::word(b.as_bytes())).transpose()?,
        botnet: hit.botnet.map(|b| values::word(b.as_bytes())).transpose()?,
    })
}
