//! From the fields of a Zeek log in text to rows.

use super::zeek_tsv::{Field, Fields, Header};
use super::{Why, values, web};
use crate::rows::{DnsRow, FlowRow, HttpRow, Row, TlsRow, Transport};
use std::net::IpAddr;
use terms::ExhibitKind;

/// The row of one line of a log of this kind.
pub(super) fn row(kind: ExhibitKind, header: &Header, f: &Fields) -> Result<Row, Why> {
    match kind {
        ExhibitKind::ZeekDns => dns(header, f).map(Row::Dns),
        ExhibitKind::ZeekHttp => http(header, f).map(|r| Row::Http(Box::new(r))),
        ExhibitKind::ZeekSsl => ssl(header, f).map(|r| Row::Tls(Box::new(r))),
        ExhibitKind::ZeekX509 => x509(f).map(|r| Row::Tls(Box::new(r))),
        _ => flow(f).map(Row::Flow),
    }
}

fn optional<T>(value: Option<&[u8]>, read: impl Fn(&[u8]) -> Result<T, Why>) -> Result<Option<T>, Why> {
    value.map(read).transpose()
}

fn flag(value: Option<&[u8]>) -> Option<bool> {
    match value {
        Some(b"T") => Some(true),
        Some(b"F") => Some(false),
        _ => None,
    }
}

pub(super) fn transport(text: &[u8]) -> Transport {
    match text {
        b"tcp" => Transport::Tcp,
        b"udp" => Transport::Udp,
        b"icmp" => Transport::Icmp,
        _ => Transport::Other,
    }
}

fn time(f: &Fields) -> Result<i64, Why> {
    f.get(Field::Ts).and_then(values::micros).ok_or(Why::Time)
}

fn address(f: &Fields, field: Field) -> Result<IpAddr, Why> {
    values::address(f.get(field).ok_or(Why::Address)?)
}

fn port(f: &Fields, field: Field) -> Result<u16, Why> {
    f.get(field).map_or(Ok(0), values::number)
}

fn first<'a>(header: &Header, list: Option<&'a [u8]>) -> Option<&'a [u8]> {
    list.and_then(|l| l.split(|&b| b == header.set_separator).find(|part| !part.is_empty()))
}

fn flow(f: &Fields) -> Result<FlowRow, Why> {
    Ok(FlowRow {
        ts: time(f)?,
        source: address(f, Field::OrigH)?,
        source_port: port(f, Field::OrigP)?,
        remote: address(f, Field::RespH)?,
        remote_port: port(f, Field::RespP)?,
        transport: transport(f.get(Field::Proto).unwrap_or(b"")),
        service: optional(f.get(Field::Service), values::word)?,
        duration: optional(f.get(Field::Duration), |d| values::micros(d).ok_or(Why::Number))?,
        sent: f.get(Field::OrigBytes).map_or(Ok(0), values::number)?,
        received: f.get(Field::RespBytes).map_or(Ok(0), values::number)?,
        state: optional(f.get(Field::State), values::word)?,
        source_local: flag(f.get(Field::LocalOrig)),
        remote_local: flag(f.get(Field::LocalResp)),
    })
}

fn dns(header: &Header, f: &Fields) -> Result<DnsRow, Why> {
    let answers = f.get(Field::Answers).unwrap_or(b"");
    let answers = answers.split(|&b| b == header.set_separator).filter(|a| !a.is_empty());
    Ok(DnsRow {
        ts: time(f)?,
        client: Some(address(f, Field::OrigH)?),
        server: Some(address(f, Field::RespH)?),
        query: optional(f.get(Field::Query), values::name)?.unwrap_or_default(),
        qtype: optional(f.get(Field::QtypeName).or(f.get(Field::Qtype)), values::word)?,
        rcode: optional(f.get(Field::RcodeName).or(f.get(Field::Rcode)), values::word)?,
        answers: answers
            .take(values::MAX_ANSWERS)
            .map(|a| values::answer(&String::from_utf8_lossy(a)))
            .collect(),
    })
}

fn http(header: &Header, f: &Fields) -> Result<HttpRow, Why> {
    let (uri, uri_dropped) = f.get(Field::Uri).map_or((None, 0), web::target);
    Ok(HttpRow {
        ts: time(f)?,
        source: address(f, Field::OrigH)?,
        source_port: port(f, Field::OrigP)?,
        remote: address(f, Field::RespH)?,
        remote_port: port(f, Field::RespP)?,
        method: f.get(Field::Method).and_then(web::short),
        host: f.get(Field::Host).and_then(web::host),
        uri,
        uri_dropped,
        user_agent: f.get(Field::UserAgent).and_then(|a| web::text(a, web::MAX_AGENT)),
        referrer: f.get(Field::Referrer).and_then(web::referrer),
        version: f.get(Field::Version).and_then(web::short),
        status: optional(f.get(Field::StatusCode), values::number)?,
        sent: f.get(Field::RequestBody).map_or(Ok(0), values::number)?,
        received: f.get(Field::ResponseBody).map_or(Ok(0), values::number)?,
        mime: first(header, f.get(Field::RespMime)).and_then(web::mime),
        source_local: flag(f.get(Field::LocalOrig)),
        remote_local: flag(f.get(Field::LocalResp)),
    })
}

fn ssl(header: &Header, f: &Fields) -> Result<TlsRow, Why> {
    let list = |field| first(header, f.get(field));
    Ok(TlsRow {
        ts: time(f)?,
        source: Some(address(f, Field::OrigH)?),
        source_port: port(f, Field::OrigP)?,
        remote: Some(address(f, Field::RespH)?),
        remote_port: port(f, Field::RespP)?,
        version: f.get(Field::Version).and_then(web::short),
        cipher: f.get(Field::Cipher).and_then(web::short),
        sni: f.get(Field::ServerName).and_then(web::host),
        alpn: f.get(Field::NextProtocol).and_then(web::short),
        ja3: f.get(Field::Ja3).and_then(|d| web::digest(d, 32)),
        ja3s: f.get(Field::Ja3s).and_then(|d| web::digest(d, 32)),
        ja4: f.get(Field::Ja4).and_then(web::short),
        certificate: web::certificate(list(Field::ChainPrints), list(Field::ChainFiles)),
        subject: f.get(Field::Subject).and_then(|s| web::text(s, web::MAX_SUBJECT)),
        issuer: f.get(Field::Issuer).and_then(|s| web::text(s, web::MAX_SUBJECT)),
        resumed: flag(f.get(Field::Resumed)),
        established: flag(f.get(Field::Established)),
        source_local: flag(f.get(Field::LocalOrig)),
        remote_local: flag(f.get(Field::LocalResp)),
        ..TlsRow::default()
    })
}

fn x509(f: &Fields) -> Result<TlsRow, Why> {
    let valid = |field| optional(f.get(field), |t| values::micros(t).ok_or(Why::Time));
    // A client's certificate names a person.
    let person = flag(f.get(Field::ClientCert)) == Some(true) && flag(f.get(Field::HostCert)) != Some(true);
    let named = |field| f.get(field).filter(|_| !person).and_then(|s| web::text(s, web::MAX_SUBJECT));
    Ok(TlsRow {
        ts: time(f)?,
        certificate: web::certificate(f.get(Field::Fingerprint), f.get(Field::FileId)),
        subject: named(Field::CertSubject),
        issuer: named(Field::CertIssuer),
        not_before: valid(Field::NotBefore)?,
        not_after: valid(Field::NotAfter)?,
        ..TlsRow::default()
    })
}
