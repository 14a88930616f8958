//! Zeek http, ssl and x509 logs as JSON, one object a line.

use super::zeek_json::{Ends, Time, end, time};
use super::{Why, web};
use crate::rows::{HttpRow, Row, TlsRow};
use serde::Deserialize;
use std::borrow::Cow;
use terms::ExhibitKind;

type Text<'a> = Option<Cow<'a, str>>;

/// What the three logs have in common or alone; all else is passed over.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    ts: Time<'a>,
    #[serde(borrow, default)]
    id: Option<Id<'a>>,
    #[serde(borrow, default, rename = "id.orig_h", alias = "id_orig_h")]
    orig_h: Text<'a>,
    #[serde(default, rename = "id.orig_p", alias = "id_orig_p")]
    orig_p: Option<u16>,
    #[serde(borrow, default, rename = "id.resp_h", alias = "id_resp_h")]
    resp_h: Text<'a>,
    #[serde(default, rename = "id.resp_p", alias = "id_resp_p")]
    resp_p: Option<u16>,
    #[serde(default)]
    local_orig: Option<bool>,
    #[serde(default)]
    local_resp: Option<bool>,
    #[serde(borrow, default)]
    method: Text<'a>,
    #[serde(borrow, default)]
    host: Text<'a>,
    #[serde(borrow, default)]
    uri: Text<'a>,
    #[serde(borrow, default)]
    referrer: Text<'a>,
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    user_agent: Text<'a>,
    #[serde(default)]
    status_code: Option<u16>,
    #[serde(default)]
    request_body_len: Option<u64>,
    #[serde(default)]
    response_body_len: Option<u64>,
    #[serde(borrow, default)]
    resp_mime_types: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    cipher: Text<'a>,
    #[serde(borrow, default)]
    server_name: Text<'a>,
    #[serde(borrow, default)]
    next_protocol: Text<'a>,
    #[serde(default)]
    resumed: Option<bool>,
    #[serde(default)]
    established: Option<bool>,
    #[serde(borrow, default)]
    cert_chain_fps: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    cert_chain_fuids: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default, alias = "certificate.subject", alias = "certificate_subject")]
    subject: Text<'a>,
    #[serde(borrow, default, alias = "certificate.issuer", alias = "certificate_issuer")]
    issuer: Text<'a>,
    #[serde(borrow, default)]
    ja3: Text<'a>,
    #[serde(borrow, default)]
    ja3s: Text<'a>,
    #[serde(borrow, default)]
    ja4: Text<'a>,
    #[serde(borrow, default)]
    fingerprint: Text<'a>,
    #[serde(
        borrow,
        default,
        rename = "certificate.not_valid_before",
        alias = "certificate_not_valid_before"
    )]
    not_before: Option<Time<'a>>,
    #[serde(borrow, default, rename = "certificate.not_valid_after", alias = "certificate_not_valid_after")]
    not_after: Option<Time<'a>>,
    #[serde(default)]
    host_cert: Option<bool>,
    #[serde(default)]
    client_cert: Option<bool>,
}

/// Ends as an object, or the file id of a certificate.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id<'a> {
    Ends(#[serde(borrow)] Ends<'a>),
    File(#[serde(borrow)] Cow<'a, str>),
}

/// The row of one line of a log of this kind.
pub(super) fn row(kind: ExhibitKind, line: &[u8]) -> Result<Row, Why> {
    let record = serde_json::from_slice::<Record>(line).map_err(|_| Why::Json)?;
    match kind {
        ExhibitKind::ZeekHttp => http(record).map(|r| Row::Http(Box::new(r))),
        ExhibitKind::ZeekSsl => ssl(record).map(|r| Row::Tls(Box::new(r))),
        _ => x509(&record).map(|r| Row::Tls(Box::new(r))),
    }
}

fn kept(text: &Text, keep: impl Fn(&[u8]) -> Option<String>) -> Option<String> {
    text.as_deref().and_then(|t| keep(t.as_bytes()))
}

fn subject(text: &Text) -> Option<String> {
    kept(text, |t| web::text(t, web::MAX_SUBJECT))
}

fn first<'a>(list: Option<&'a Vec<Cow<str>>>) -> Option<&'a [u8]> {
    list.and_then(|l| l.first()).map(|t| t.as_bytes())
}

fn ends(id: Option<Id>) -> Ends {
    match id {
        Some(Id::Ends(ends)) => ends,
        _ => Ends::default(),
    }
}

fn http(r: Record) -> Result<HttpRow, Why> {
    let id = ends(r.id);
    let bytes = |n: Option<u64>| i64::try_from(n.unwrap_or(0)).map_err(|_| Why::Number);
    let (uri, uri_dropped) = r.uri.as_deref().map_or((None, 0), |u| web::target(u.as_bytes()));
    Ok(HttpRow {
        ts: time(&r.ts)?,
        source: end(r.orig_h.as_ref(), id.orig_h.as_ref())?,
        source_port: r.orig_p.or(id.orig_p).unwrap_or(0),
        remote: end(r.resp_h.as_ref(), id.resp_h.as_ref())?,
        remote_port: r.resp_p.or(id.resp_p).unwrap_or(0),
        method: kept(&r.method, web::short),
        host: kept(&r.host, web::host),
        uri,
        uri_dropped,
        user_agent: kept(&r.user_agent, |a| web::text(a, web::MAX_AGENT)),
        referrer: kept(&r.referrer, web::referrer),
        version: kept(&r.version, web::short),
        status: r.status_code,
        sent: bytes(r.request_body_len)?,
        received: bytes(r.response_body_len)?,
        mime: first(r.resp_mime_types.as_ref()).and_then(web::mime),
        source_local: r.local_orig,
        remote_local: r.local_resp,
    })
}

fn ssl(r: Record) -> Result<TlsRow, Why> {
    let id = ends(r.id);
    Ok(TlsRow {
        ts: time(&r.ts)?,
        source: Some(end(r.orig_h.as_ref(), id.orig_h.as_ref())?),
        source_port: r.orig_p.or(id.orig_p).unwrap_or(0),
        remote: Some(end(r.resp_h.as_ref(), id.resp_h.as_ref())?),
        remote_port: r.resp_p.or(id.resp_p).unwrap_or(0),
        version: kept(&r.version, web::short),
        cipher: kept(&r.cipher, web::short),
        sni: kept(&r.server_name, web::host),
        alpn: kept(&r.next_protocol, web::short),
        ja3: kept(&r.ja3, |d| web::digest(d, 32)),
        ja3s: kept(&r.ja3s, |d| web::digest(d, 32)),
        ja4: kept(&r.ja4, web::short),
        certificate: web::certificate(first(r.cert_chain_fps.as_ref()), first(r.cert_chain_fuids.as_ref())),
        subject: subject(&r.subject),
        issuer: subject(&r.issuer),
        resumed: r.resumed,
        established: r.established,
        source_local: r.local_orig,
        remote_local: r.local_resp,
        ..TlsRow::default()
    })
}

fn x509(r: &Record) -> Result<TlsRow, Why> {
    let file = match &r.id {
        Some(Id::File(id)) => Some(id.as_bytes()),
        _ => None,
    };
    // A client's certificate names a person.
    let person = r.client_cert == Some(true) && r.host_cert != Some(true);
    Ok(TlsRow {
        ts: time(&r.ts)?,
        certificate: web::certificate(r.fingerprint.as_deref().map(str::as_bytes), file),
        subject: subject(&r.subject).filter(|_| !person),
        issuer: subject(&r.issuer).filter(|_| !person),
        not_before: r.not_before.as_ref().map(time).transpose()?,
        not_after: r.not_after.as_ref().map(time).transpose()?,
        ..TlsRow::default()
    })
}
