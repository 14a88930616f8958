//! Tables `http` and `tls`: their columns and files.

use super::{File, Table, TableError, exhibits, file, flag, int, maybe, text};
use crate::prepare::{PreparedHttp, PreparedTls};
use DataType::{Boolean, Int32, Int64, Utf8};
use datafusion::arrow::array::{ArrayRef, BooleanArray, Int32Array, Int64Array};
use datafusion::arrow::datatypes::DataType;
use std::sync::Arc;

/// Name, type and whether it may be missing.
type Columns = &'static [(&'static str, DataType, bool)];

pub(super) const HTTP: Columns = &[
    ("ts", Int64, false),
    ("source", Utf8, false),
    ("source_personal", Boolean, false),
    ("remote", Utf8, false),
    ("remote_personal", Boolean, false),
    ("remote_port", Int32, false),
    ("method", Utf8, true),
    ("host", Utf8, true),
    ("uri", Utf8, true),
    ("uri_dropped", Int64, false),
    ("user_agent", Utf8, true),
    ("referrer", Utf8, true),
    ("version", Utf8, true),
    ("status", Int32, true),
    ("sent", Int64, false),
    ("received", Int64, false),
    ("mime", Utf8, true),
    ("exhibit", Utf8, false),
];

pub(super) const TLS: Columns = &[
    ("ts", Int64, false),
    ("source", Utf8, true),
    ("source_personal", Boolean, false),
    ("remote", Utf8, true),
    ("remote_personal", Boolean, false),
    ("remote_port", Int32, false),
    ("version", Utf8, true),
    ("cipher", Utf8, true),
    ("sni", Utf8, true),
    ("alpn", Utf8, true),
    ("ja3", Utf8, true),
    ("ja3s", Utf8, true),
    ("ja4", Utf8, true),
    ("certificate", Utf8, true),
    ("subject", Utf8, true),
    ("issuer", Utf8, true),
    ("not_before", Int64, true),
    ("not_after", Int64, true),
    ("resumed", Boolean, true),
    ("established", Boolean, true),
    ("exhibit", Utf8, false),
];

fn small(values: impl Iterator<Item = i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}

fn maybe_int(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

fn maybe_flag(values: impl Iterator<Item = Option<bool>>) -> ArrayRef {
    Arc::new(values.collect::<BooleanArray>())
}

/// The file of these requests.
pub(super) fn http(mut rows: Vec<PreparedHttp>) -> Result<File, TableError> {
    rows.sort_by(|a, b| (a.ts, &a.source, &a.remote, &a.uri).cmp(&(b.ts, &b.source, &b.remote, &b.uri)));
    let r = &rows;
    let columns = vec![
        int(r.iter().map(|r| r.ts)),
        text(r.iter().map(|r| r.source.as_str())),
        flag(r.iter().map(|r| r.source_personal)),
        text(r.iter().map(|r| r.remote.as_str())),
        flag(r.iter().map(|r| r.remote_personal)),
        small(r.iter().map(|r| r.remote_port)),
        maybe(r.iter().map(|r| r.method.as_deref())),
        maybe(r.iter().map(|r| r.host.as_deref())),
        maybe(r.iter().map(|r| r.uri.as_deref())),
        int(r.iter().map(|r| r.uri_dropped)),
        maybe(r.iter().map(|r| r.user_agent.as_deref())),
        maybe(r.iter().map(|r| r.referrer.as_deref())),
        maybe(r.iter().map(|r| r.version.as_deref())),
        Arc::new(r.iter().map(|r| r.status).collect::<Int32Array>()) as ArrayRef,
        int(r.iter().map(|r| r.sent)),
        int(r.iter().map(|r| r.received)),
        maybe(r.iter().map(|r| r.mime.as_deref())),
        exhibits(r.iter().map(|r| r.exhibit)),
    ];
    file(Table::Http, columns, r.first().map_or(0, |r| r.ts), r.last().map_or(0, |r| r.ts))
}

/// The file of these handshakes and certificates.
pub(super) fn tls(mut rows: Vec<PreparedTls>) -> Result<File, TableError> {
    rows.sort_by(|a, b| {
        (a.ts, &a.source, &a.remote, &a.certificate).cmp(&(b.ts, &b.source, &b.remote, &b.certificate))
    });
    let r = &rows;
    let columns = vec![
        int(r.iter().map(|r| r.ts)),
        maybe(r.iter().map(|r| r.source.as_deref())),
        flag(r.iter().map(|r| r.source_personal)),
        maybe(r.iter().map(|r| r.remote.as_deref())),
        flag(r.iter().map(|r| r.remote_personal)),
        small(r.iter().map(|r| r.remote_port)),
        maybe(r.iter().map(|r| r.version.as_deref())),
        maybe(r.iter().map(|r| r.cipher.as_deref())),
        maybe(r.iter().map(|r| r.sni.as_deref())),
        maybe(r.iter().map(|r| r.alpn.as_deref())),
        maybe(r.iter().map(|r| r.ja3.as_deref())),
        maybe(r.iter().map(|r| r.ja3s.as_deref())),
        maybe(r.iter().map(|r| r.ja4.as_deref())),
        maybe(r.iter().map(|r| r.certificate.as_deref())),
        maybe(r.iter().map(|r| r.subject.as_deref())),
        maybe(r.iter().map(|r| r.issuer.as_deref())),
        maybe_int(r.iter().map(|r| r.not_before)),
        maybe_int(r.iter().map(|r| r.not_after)),
        maybe_flag(r.iter().map(|r| r.resumed)),
        maybe_flag(r.iter().map(|r| r.established)),
        exhibits(r.iter().map(|r| r.exhibit)),
    ];
    file(Table::Tls, columns, r.first().map_or(0, |r| r.ts), r.last().map_or(0, |r| r.ts))
}
