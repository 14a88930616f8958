//! Sinkhole hits, one JSON object a line (`comity.sinkhole/1`).

use super::{Out, ReadError, Why, lines, values};
use crate::rows::{HitRow, Row};
use serde::Deserialize;
use std::borrow::Cow;
use std::io::BufRead;
use std::ops::ControlFlow;
use terms::Timestamp;

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

pub(super) fn read(reader: &mut dyn BufRead, out: &mut Out) -> Result<(), ReadError> {
    lines::for_each(reader, out, &mut |out, number, line| match serde_json::from_slice::<Hit>(line)
        .map_err(|_| Why::Json)
        .and_then(row)
    {
        Ok(row) => out.row(Row::Hit(row)),
        Err(why) => {
            out.skip(why, 1, || format!("line {number}"));
            ControlFlow::Continue(())
        }
    })
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
