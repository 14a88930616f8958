//! Events of Suricata (`eve.json`, <https://docs.suricata.io>, "EVE JSON format"), one object a line: flows, DNS, HTTP, TLS.
//!
//! Other events (alerts, statistics, files) have no table and are passed over without being counted as left out.
//! DNS is logged as question and as answer: both become one row, a question alone where no answer follows.
//! Bounds: 65,536 open questions; when they are too many, all are handed over.

use super::flow_table::{Seen, state};
use super::{Out, ReadError, Why, lines, values, web, zeek_rows};
use crate::rows::{DnsRow, FlowRow, HttpRow, Row, TlsRow, Transport};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::BufRead;
use std::net::IpAddr;
use std::ops::ControlFlow;

const MAX_QUESTIONS: usize = 1 << 16;

type Text<'a> = Option<Cow<'a, str>>;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(default)]
    flow_id: u64,
    #[serde(borrow, default)]
    src_ip: Text<'a>,
    #[serde(default)]
    src_port: u16,
    #[serde(borrow, default)]
    dest_ip: Text<'a>,
    #[serde(default)]
    dest_port: u16,
    #[serde(borrow, default)]
    proto: Text<'a>,
    #[serde(borrow, default)]
    app_proto: Text<'a>,
    #[serde(default)]
    icmp_type: Option<u16>,
    #[serde(default)]
    icmp_code: Option<u16>,
    #[serde(borrow, default)]
    flow: Option<Flow<'a>>,
    #[serde(borrow, default)]
    tcp: Option<Tcp<'a>>,
    #[serde(borrow, default)]
    dns: Option<Dns<'a>>,
    #[serde(borrow, default)]
    http: Option<Http<'a>>,
    #[serde(borrow, default)]
    tls: Option<Tls<'a>>,
}

#[derive(Deserialize)]
struct Flow<'a> {
    #[serde(default)]
    pkts_toclient: u64,
    #[serde(default)]
    bytes_toserver: u64,
    #[serde(default)]
    bytes_toclient: u64,
    #[serde(borrow, default)]
    start: Text<'a>,
    #[serde(borrow, default)]
    end: Text<'a>,
}

#[derive(Deserialize)]
struct Tcp<'a> {
    /// Flags of the caller's packets together, in hexadecimal.
    #[serde(borrow, default)]
    tcp_flags_ts: Text<'a>,
    #[serde(borrow, default)]
    tcp_flags_tc: Text<'a>,
}

#[derive(Deserialize)]
struct Dns<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    id: u16,
    #[serde(borrow, default)]
    rrname: Text<'a>,
    #[serde(borrow, default)]
    rrtype: Text<'a>,
    #[serde(borrow, default)]
    rcode: Text<'a>,
    #[serde(borrow, default)]
    answers: Option<Vec<Answer<'a>>>,
    /// Version 3 keeps the question here.
    #[serde(borrow, default)]
    queries: Option<Vec<Query<'a>>>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    rdata: Text<'a>,
}

#[derive(Deserialize)]
struct Query<'a> {
    #[serde(borrow, default)]
    rrname: Text<'a>,
    #[serde(borrow, default)]
    rrtype: Text<'a>,
}

#[derive(Deserialize)]
struct Http<'a> {
    #[serde(borrow, default)]
    hostname: Text<'a>,
    #[serde(borrow, default)]
    url: Text<'a>,
    #[serde(borrow, default)]
    http_user_agent: Text<'a>,
    #[serde(borrow, default)]
    http_content_type: Text<'a>,
    #[serde(borrow, default)]
    http_refer: Text<'a>,
    #[serde(borrow, default)]
    http_method: Text<'a>,
    #[serde(borrow, default)]
    protocol: Text<'a>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    length: u64,
}

#[derive(Deserialize)]
struct Tls<'a> {
    #[serde(borrow, default)]
    subject: Text<'a>,
    #[serde(borrow, default)]
    issuerdn: Text<'a>,
    #[serde(borrow, default)]
    fingerprint: Text<'a>,
    #[serde(borrow, default)]
    sni: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    notbefore: Text<'a>,
    #[serde(borrow, default)]
    notafter: Text<'a>,
    #[serde(borrow, default)]
    ja3: Option<Print<'a>>,
    #[serde(borrow, default)]
    ja3s: Option<Print<'a>>,
    #[serde(borrow, default)]
    ja4: Text<'a>,
    #[serde(default)]
    session_resumed: bool,
}

#[derive(Deserialize)]
struct Print<'a> {
    #[serde(borrow, default)]
    hash: Text<'a>,
}

type Questions = HashMap<(u64, u16, String), DnsRow>;

pub(super) fn read(reader: &mut dyn BufRead, out: &mut Out) -> Result<(), ReadError> {
    let mut questions = Questions::new();
    let mut stopped = false;
    lines::for_each(reader, out, &mut |out, number, line| {
        let event = serde_json::from_slice::<Event>(line).map_err(|_| Why::Json);
        let flow = match event.and_then(|event| event.row(&mut questions)) {
            Ok(Some(row)) => out.row(row),
            Ok(None) if questions.len() >= MAX_QUESTIONS => unanswered(&mut questions, out),
            Ok(None) => ControlFlow::Continue(()),
            Err(why) => {
                out.skip(why, 1, || format!("line {number}"));
                ControlFlow::Continue(())
            }
        };
        stopped |= flow.is_break();
        flow
    })?;
    if !stopped {
        let _ = unanswered(&mut questions, out);
    }
    Ok(())
}

/// Questions without answer, in the order of their times, so that one log always gives the same rows.
fn unanswered(questions: &mut Questions, out: &mut Out) -> ControlFlow<()> {
    let mut rows: Vec<((u64, u16, String), DnsRow)> = questions.drain().collect();
    rows.sort_by(|a, b| (a.1.ts, &a.0).cmp(&(b.1.ts, &b.0)));
    rows.into_iter().try_for_each(|(_, row)| out.row(Row::Dns(row)))
}

fn kept(text: &Text, keep: impl Fn(&[u8]) -> Option<String>) -> Option<String> {
    text.as_deref().and_then(|t| keep(t.as_bytes()))
}

impl Event<'_> {
    fn row(self, questions: &mut Questions) -> Result<Option<Row>, Why> {
        match &*self.event_type {
            "flow" => self.flow().map(|r| Some(Row::Flow(r))),
            "dns" => self.dns(questions),
            "http" => self.http().map(|r| Some(Row::Http(Box::new(r)))),
            "tls" => self.tls().map(|r| Some(Row::Tls(Box::new(r)))),
            _ => Ok(None),
        }
    }

    fn ends(&self) -> Result<(IpAddr, IpAddr), Why> {
        let end = |ip: &Text| values::address(ip.as_deref().ok_or(Why::Address)?.as_bytes());
        Ok((end(&self.src_ip)?, end(&self.dest_ip)?))
    }

    fn flow(&self) -> Result<FlowRow, Why> {
        let (source, remote) = self.ends()?;
        let flow = self.flow.as_ref().ok_or(Why::Json)?;
        let bytes = |n: u64| i64::try_from(n).map_err(|_| Why::Number);
        let start = time(flow.start.as_deref().unwrap_or(&self.timestamp))?;
        let end = flow.end.as_deref().map(time).transpose()?;
        let transport = zeek_rows::transport(
            self.proto.as_deref().unwrap_or("").to_ascii_lowercase().trim_start_matches("ipv6-").as_bytes(),
        );
        let flags = |text: Option<&Text>, any: bool| {
            let text = text.and_then(|t| t.as_deref()).unwrap_or("");
            Seen::flags(any, u8::from_str_radix(text, 16).unwrap_or(0))
        };
        let tcp = self.tcp.as_ref();
        let (ours, theirs) = (
            flags(tcp.map(|t| &t.tcp_flags_ts), true),
            flags(tcp.map(|t| &t.tcp_flags_tc), flow.pkts_toclient > 0),
        );
        // Without flags nothing is known of a TCP connection.
        let known = transport != Transport::Tcp || tcp.is_some_and(|t| t.tcp_flags_ts.is_some());
        Ok(FlowRow {
            ts: start,
            source,
            source_port: self.icmp_type.unwrap_or(self.src_port),
            remote,
            remote_port: self.icmp_code.unwrap_or(self.dest_port),
            transport,
            service: self.service(),
            duration: end.map(|end| end.saturating_sub(start).max(0)),
            sent: bytes(flow.bytes_toserver)?,
            received: bytes(flow.bytes_toclient)?,
            state: known.then(|| state(transport, &ours, &theirs).to_owned()),
            source_local: None,
            remote_local: None,
        })
    }

    /// As Zeek calls it; Suricata says `failed` where it knows nothing.
    fn service(&self) -> Option<String> {
        match self.app_proto.as_deref()? {
            "failed" | "unknown" => None,
            "tls" => Some("ssl".to_owned()),
            other => web::short(other.as_bytes()),
        }
    }

    fn dns(&self, questions: &mut Questions) -> Result<Option<Row>, Why> {
        let (client, server) = self.ends()?;
        let dns = self.dns.as_ref().ok_or(Why::Json)?;
        let query = dns.queries.as_ref().and_then(|q| q.first());
        let name = dns.rrname.as_deref().or_else(|| query.and_then(|q| q.rrname.as_deref()));
        let qtype = dns.rrtype.as_ref().or_else(|| query.and_then(|q| q.rrtype.as_ref()));
        let name = values::name(name.unwrap_or("").as_bytes())?;
        let key = (self.flow_id, dns.id, name.clone());
        let mut row = DnsRow {
            ts: time(&self.timestamp)?,
            client: Some(client),
            server: Some(server),
            query: name,
            qtype: qtype.and_then(|t| web::short(t.as_bytes())),
            rcode: None,
            answers: Vec::new(),
        };
        match dns.kind.as_deref() {
            Some("query" | "request") => {
                questions.entry(key).or_insert(row);
                Ok(None)
            }
            Some("answer" | "response") => {
                let answers = dns.answers.iter().flatten().filter_map(|a| a.rdata.as_deref());
                row.answers = answers.take(values::MAX_ANSWERS).map(values::answer).collect();
                row.rcode = kept(&dns.rcode, web::short);
                if let Some(asked) = questions.remove(&key) {
                    row.ts = asked.ts;
                }
                Ok(Some(Row::Dns(row)))
            }
            _ => Err(Why::Json),
        }
    }

    fn http(&self) -> Result<HttpRow, Why> {
        let (source, remote) = self.ends()?;
        let http = self.http.as_ref().ok_or(Why::Json)?;
        let (uri, uri_dropped) = http.url.as_deref().map_or((None, 0), |u| web::target(u.as_bytes()));
        Ok(HttpRow {
            ts: time(&self.timestamp)?,
            source,
            source_port: self.src_port,
            remote,
            remote_port: self.dest_port,
            method: kept(&http.http_method, web::short),
            host: kept(&http.hostname, web::host),
            uri,
            uri_dropped,
            user_agent: kept(&http.http_user_agent, |a| web::text(a, web::MAX_AGENT)),
            referrer: kept(&http.http_refer, web::referrer),
            version: kept(&http.protocol, |v| web::short(v.strip_prefix(b"HTTP/").unwrap_or(v))),
            status: http.status,
            sent: 0,
            received: i64::try_from(http.length).map_err(|_| Why::Number)?,
            mime: kept(&http.http_content_type, web::mime),
            source_local: None,
            remote_local: None,
        })
    }

    fn tls(&self) -> Result<TlsRow, Why> {
        let (source, remote) = self.ends()?;
        let tls = self.tls.as_ref().ok_or(Why::Json)?;
        let print = |p: &Option<Print>| p.as_ref().and_then(|p| kept(&p.hash, |d| web::digest(d, 32)));
        let valid = |t: &Text| t.as_deref().map(|t| time(t).or_else(|_| time(&format!("{t}Z")))).transpose();
        Ok(TlsRow {
            ts: time(&self.timestamp)?,
            source: Some(source),
            source_port: self.src_port,
            remote: Some(remote),
            remote_port: self.dest_port,
            version: tls.version.as_deref().and_then(version),
            sni: kept(&tls.sni, web::host),
            ja3: print(&tls.ja3),
            ja3s: print(&tls.ja3s),
            ja4: kept(&tls.ja4, web::short),
            certificate: kept(&tls.fingerprint, |d| web::digest(d, 40)).map(|d| format!("sha1:{d}")),
            subject: kept(&tls.subject, |s| web::text(s, web::MAX_SUBJECT)),
            issuer: kept(&tls.issuerdn, |s| web::text(s, web::MAX_SUBJECT)),
            not_before: valid(&tls.notbefore)?,
            not_after: valid(&tls.notafter)?,
            resumed: Some(tls.session_resumed),
            ..TlsRow::default()
        })
    }
}

/// `TLS 1.2` as Zeek writes it.
fn version(text: &str) -> Option<String> {
    match text.split_once(' ') {
        Some((name, number)) => web::short(format!("{name}v{}", number.replace('.', "")).as_bytes()),
        None => web::short(text.as_bytes()).filter(|t| t != "UNDETERMINED"),
    }
}

/// Times with their offset, which Suricata writes without a colon (`+0100`).
fn time(text: &str) -> Result<i64, Why> {
    let split = text.len().checked_sub(2).filter(|&at| text.is_char_boundary(at));
    let bare = text.as_bytes().iter().rev().take(5).rposition(|b| matches!(b, b'+' | b'-')) == Some(4);
    match split {
        Some(at) if bare => {
            let (front, back) = text.split_at(at);
            values::instant(&format!("{front}:{back}"))
        }
        _ => values::instant(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_taken_off() {
        for (text, expect) in [
            ("2017-04-07T22:24:37.251547+0100", Ok(1_491_600_277_251_547)),
            ("2017-04-07T21:24:37.251547+00:00", Ok(1_491_600_277_251_547)),
            ("2017-04-07T16:24:37.251547-0500", Ok(1_491_600_277_251_547)),
            ("2017-04-07T21:24:37.251547Z", Ok(1_491_600_277_251_547)),
            ("2017-04-07T21:24:37.251547", Err(Why::Time)),
            ("+0100", Err(Why::Time)),
            ("ä+010", Err(Why::Time)),
            ("", Err(Why::Time)),
        ] {
            assert_eq!(time(text), expect, "{text}");
        }
    }
}
