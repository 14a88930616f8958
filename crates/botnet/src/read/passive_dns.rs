//! Passive DNS in the common output format (draft-dulaunoy-dnsop-passive-dns-cof), one JSON object a line.
//!
//! A record says that a name had an answer from one time until another, seen by nobody in particular: it becomes a row
//! without client and server at the first time, and another at the last where that is later.

use super::{Out, ReadError, Why, lines, values, web};
use crate::rows::{DnsRow, Row};
use serde::Deserialize;
use std::borrow::Cow;
use std::io::BufRead;
use std::ops::ControlFlow;

#[derive(Deserialize)]
#[serde(untagged)]
enum Moment<'a> {
    Seconds(f64),
    Text(#[serde(borrow)] Cow<'a, str>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Data<'a> {
    One(#[serde(borrow)] Cow<'a, str>),
    Many(#[serde(borrow)] Vec<Cow<'a, str>>),
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    rrname: Cow<'a, str>,
    #[serde(borrow)]
    rrtype: Cow<'a, str>,
    #[serde(borrow)]
    rdata: Data<'a>,
    /// Of what a resolver saw, or of the zone file it stood in.
    #[serde(borrow, default, alias = "zone_time_first")]
    time_first: Option<Moment<'a>>,
    #[serde(borrow, default, alias = "zone_time_last")]
    time_last: Option<Moment<'a>>,
}

pub(super) fn read(reader: &mut dyn BufRead, out: &mut Out) -> Result<(), ReadError> {
    lines::for_each(reader, out, &mut |out, number, line| match serde_json::from_slice::<Record>(line)
        .map_err(|_| Why::Json)
        .and_then(|r| rows(&r))
    {
        Ok((first, last)) => {
            out.row(Row::Dns(first))?;
            last.map_or(ControlFlow::Continue(()), |row| out.row(Row::Dns(row)))
        }
        Err(why) => {
            out.skip(why, 1, || format!("line {number}"));
            ControlFlow::Continue(())
        }
    })
}

fn rows(r: &Record) -> Result<(DnsRow, Option<DnsRow>), Why> {
    let time = |m: &Moment| match m {
        Moment::Seconds(s) => values::seconds(*s).ok_or(Why::Time),
        Moment::Text(t) => values::micros(t.as_bytes()).map_or_else(|| values::instant(t), Ok),
    };
    let first = time(r.time_first.as_ref().ok_or(Why::Time)?)?;
    let last = r.time_last.as_ref().map(time).transpose()?;
    let answers = match &r.rdata {
        Data::One(one) => vec![values::answer(one)],
        Data::Many(many) => many.iter().take(values::MAX_ANSWERS).map(|a| values::answer(a)).collect(),
    };
    let row = DnsRow {
        ts: first,
        client: None,
        server: None,
        query: values::name(r.rrname.as_bytes())?,
        qtype: web::short(r.rrtype.as_bytes()),
        // Only answers are collected.
        rcode: Some("NOERROR".to_owned()),
        answers,
    };
    let later = last.filter(|last| *last > first).map(|ts| DnsRow { ts, ..row.clone() });
    Ok((row, later))
}
