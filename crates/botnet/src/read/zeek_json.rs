//! Zeek logs as JSON, one object a line, with names as Zeek, Corelight (`id_orig_h`) or nested (`id: {orig_h}`) has them.

use super::{Out, ReadError, Why, lines, values, zeek_json_web, zeek_rows};
use crate::rows::{DnsRow, FlowRow, Row};
use serde::Deserialize;
use std::borrow::Cow;
use std::io::BufRead;
use std::net::IpAddr;
use std::ops::ControlFlow;
use terms::{ExhibitKind, Timestamp};

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Time<'a> {
    Seconds(f64),
    Text(#[serde(borrow)] Cow<'a, str>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Word<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Number(u64),
}

#[derive(Deserialize, Default)]
pub(super) struct Ends<'a> {
    #[serde(borrow, default)]
    pub(super) orig_h: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) orig_p: Option<u16>,
    #[serde(borrow, default)]
    pub(super) resp_h: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) resp_p: Option<u16>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    ts: Time<'a>,
    #[serde(borrow, default)]
    id: Option<Ends<'a>>,
    #[serde(borrow, default, rename = "id.orig_h", alias = "id_orig_h")]
    orig_h: Option<Cow<'a, str>>,
    #[serde(default, rename = "id.orig_p", alias = "id_orig_p")]
    orig_p: Option<u16>,
    #[serde(borrow, default, rename = "id.resp_h", alias = "id_resp_h")]
    resp_h: Option<Cow<'a, str>>,
    #[serde(default, rename = "id.resp_p", alias = "id_resp_p")]
    resp_p: Option<u16>,
    #[serde(borrow, default)]
    proto: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    service: Option<Cow<'a, str>>,
    #[serde(default)]
    duration: Option<f64>,
    #[serde(default)]
    orig_bytes: Option<u64>,
    #[serde(default)]
    resp_bytes: Option<u64>,
    #[serde(borrow, default)]
    conn_state: Option<Cow<'a, str>>,
    #[serde(default)]
    local_orig: Option<bool>,
    #[serde(default)]
    local_resp: Option<bool>,
    #[serde(borrow, default)]
    query: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    qtype_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    qtype: Option<Word<'a>>,
    #[serde(borrow, default)]
    rcode_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    rcode: Option<Word<'a>>,
    #[serde(borrow, default)]
    answers: Option<Vec<Cow<'a, str>>>,
}

pub(super) fn read(kind: ExhibitKind, reader: &mut dyn BufRead, out: &mut Out) -> Result<(), ReadError> {
    lines::for_each(reader, out, &mut |out, number, line| {
        let row = match kind {
            ExhibitKind::ZeekConn => record(line).and_then(flow).map(Row::Flow),
            ExhibitKind::ZeekDns => record(line).and_then(dns).map(Row::Dns),
            _ => zeek_json_web::row(kind, line),
        };
        match row {
            Ok(row) => out.row(row),
            Err(why) => {
                out.skip(why, 1, || format!("line {number}"));
                ControlFlow::Continue(())
            }
        }
    })
}

fn record(line: &[u8]) -> Result<Record<'_>, Why> {
    serde_json::from_slice(line).map_err(|_| Why::Json)
}

pub(super) fn time(t: &Time) -> Result<i64, Why> {
    match t {
        Time::Seconds(s) => values::seconds(*s).ok_or(Why::Time),
        Time::Text(text) => match text.parse::<Timestamp>() {
            Ok(at) => Ok(at.0),
            Err(_) => values::micros(text.as_bytes()).ok_or(Why::Time),
        },
    }
}

pub(super) fn end(flat: Option<&Cow<str>>, nested: Option<&Cow<str>>) -> Result<IpAddr, Why> {
    values::address(flat.or(nested).ok_or(Why::Address)?.as_bytes())
}

fn words(text: Option<&Cow<str>>) -> Result<Option<String>, Why> {
    text.map(|t| values::word(t.as_bytes())).transpose()
}

fn flow(r: Record) -> Result<FlowRow, Why> {
    let id = r.id.unwrap_or_default();
    let bytes = |n: Option<u64>| i64::try_from(n.unwrap_or(0)).map_err(|_| Why::Number);
    Ok(FlowRow {
        ts: time(&r.ts)?,
        source: end(r.orig_h.as_ref(), id.orig_h.as_ref())?,
        source_port: r.orig_p.or(id.orig_p).unwrap_or(0),
        remote: end(r.resp_h.as_ref(), id.resp_h.as_ref())?,
        remote_port: r.resp_p.or(id.resp_p).unwrap_or(0),
        transport: zeek_rows::transport(r.proto.as_deref().unwrap_or("").as_bytes()),
        service: words(r.service.as_ref())?,
        duration: r.duration.map(|d| values::seconds(d).ok_or(Why::Number)).transpose()?,
        sent: bytes(r.orig_bytes)?,
        received: bytes(r.resp_bytes)?,
        state: words(r.conn_state.as_ref())?,
        source_local: r.local_orig,
        remote_local: r.local_resp,
    })
}

fn dns(r: Record) -> Result<DnsRow, Why> {
    let id = r.id.unwrap_or_default();
    let code = |name: Option<&Cow<str>>, number: Option<Word>| -> Result<Option<String>, Why> {
        match (name, number) {
            (Some(name), _) => words(Some(name)),
            (None, Some(Word::Text(t))) => words(Some(&t)),
            (None, Some(Word::Number(n))) => Ok(Some(n.to_string())),
            (None, None) => Ok(None),
        }
    };
    let answers = r.answers.unwrap_or_default();
    Ok(DnsRow {
        ts: time(&r.ts)?,
        client: Some(end(r.orig_h.as_ref(), id.orig_h.as_ref())?),
        server: Some(end(r.resp_h.as_ref(), id.resp_h.as_ref())?),
        query: r.query.map(|q| values::name(q.as_bytes())).transpose()?.unwrap_or_default(),
        qtype: code(r.qtype_name.as_ref(), r.qtype)?,
        rcode: code(r.rcode_name.as_ref(), r.rcode)?,
        answers: answers.iter().take(values::MAX_ANSWERS).map(|a| values::answer(a)).collect(),
    })
}
