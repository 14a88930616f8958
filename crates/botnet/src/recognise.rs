//! What an exhibit is, told by its first bytes and never by its name.
//!
//! Here: captures, Zeek logs, events of Suricata, passive DNS, flow exports, sinkhole logs. Elsewhere: binaries (`malware`), lists and bundles (`exchange`).

use crate::read::{netflow, zeek_tsv};
use serde_json::Value;
use terms::ExhibitKind;

/// How many decompressed bytes are worth handing to [`recognise`]; fewer do where the exhibit is shorter.
pub const HEAD: usize = 64 * 1024;

/// The kind of exhibit that begins with `head`; none where it is nothing this crate reads or lists.
pub fn recognise(head: &[u8]) -> Option<ExhibitKind> {
    capture(head).or_else(|| text(head)).or_else(|| netflow::begins(head).then_some(ExhibitKind::NetFlow))
}

fn capture(head: &[u8]) -> Option<ExhibitKind> {
    match head {
        // Micro- and nanosecond captures, either byte order, and Kuznetzov's modified format.
        [0xd4, 0xc3, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0xc3, 0xd4, ..]
        | [0x4d, 0x3c, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0x3c, 0x4d, ..]
        | [0x34, 0xcd, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0xcd, 0x34, ..] => Some(ExhibitKind::Pcap),
        // Section header block, then its length, then the byte-order magic.
        [0x0a, 0x0d, 0x0d, 0x0a, _, _, _, _, 0x4d, 0x3c, 0x2b, 0x1a, ..]
        | [0x0a, 0x0d, 0x0d, 0x0a, _, _, _, _, 0x1a, 0x2b, 0x3c, 0x4d, ..] => Some(ExhibitKind::Pcapng),
        _ => None,
    }
}

fn text(head: &[u8]) -> Option<ExhibitKind> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let first = head.iter().position(|b| !b.is_ascii_whitespace()).and_then(|i| head.get(i..))?;
    match first.first()? {
        b'#' => zeek_text(first),
        b'{' => json_line(first),
        _ => None,
    }
}

/// A Zeek log in text: `#separator` or `#fields` among the lines that begin with `#` before the first record.
fn zeek_text(head: &[u8]) -> Option<ExhibitKind> {
    let mut header = zeek_tsv::Header::default();
    for line in head.split(|&b| b == b'\n').take(64) {
        if !line.starts_with(b"#") {
            break;
        }
        header.take(line);
    }
    if !header.seen() {
        return None;
    }
    Some(header.kind().unwrap_or(ExhibitKind::ZeekOther))
}

/// One JSON object a line, judged by the first.
fn json_line(head: &[u8]) -> Option<ExhibitKind> {
    let line = head.split(|&b| b == b'\n').next()?;
    let Ok(Value::Object(first)) = serde_json::from_slice::<Value>(line) else { return None };
    let schema = first.get("schema").and_then(Value::as_str);
    if matches!(schema, Some("comity.sinkhole/1" | "comity.sinkhole-segment/1")) {
        return Some(ExhibitKind::SinkholeLog);
    }
    if schema == Some("comity.sinkhole-victims/1") {
        return Some(ExhibitKind::SinkholeVictims);
    }
    let has = |name: &str| first.contains_key(name);
    if has("event_type") && has("timestamp") {
        return Some(ExhibitKind::SuricataEve);
    }
    if has("rrname") && has("rrtype") && has("rdata") {
        return Some(ExhibitKind::PassiveDns);
    }
    let host =
        has("id.orig_h") || has("id_orig_h") || first.get("id").is_some_and(|id| id.get("orig_h").is_some());
    match first.get("_path").and_then(Value::as_str) {
        Some("conn") if host => return Some(ExhibitKind::ZeekConn),
        Some("dns") if host => return Some(ExhibitKind::ZeekDns),
        Some("http") if host => return Some(ExhibitKind::ZeekHttp),
        Some("ssl") if host => return Some(ExhibitKind::ZeekSsl),
        Some("x509") if has("ts") => return Some(ExhibitKind::ZeekX509),
        Some(_) if has("ts") => return Some(ExhibitKind::ZeekOther),
        _ => {}
    }
    if !has("ts") {
        return None;
    }
    if has("certificate.subject") || has("certificate_subject") {
        return Some(ExhibitKind::ZeekX509);
    }
    if !host {
        return has("uid").then_some(ExhibitKind::ZeekOther);
    }
    // A DNS record always has its transaction or its question; a connection record always has `proto`, and its
    // state or history; a request its depth; a handshake says whether it was established.
    if has("query") || (has("trans_id") && has("proto")) || has("qtype_name") {
        Some(ExhibitKind::ZeekDns)
    } else if has("conn_state")
        || (has("proto") && (has("history") || has("orig_pkts") || has("missed_bytes")))
    {
        Some(ExhibitKind::ZeekConn)
    } else if has("trans_depth") && (has("method") || has("host") || has("status_code")) {
        Some(ExhibitKind::ZeekHttp)
    } else if has("established") && has("resumed") {
        Some(ExhibitKind::ZeekSsl)
    } else {
        Some(ExhibitKind::ZeekOther)
    }
}
