//! Telling what an exhibit is from its first bytes, never from its name.
//!
//! Here: the formats this crate reads, and plain text. Elsewhere: samples (`malware`), captures and logs (`botnet`),
//! which are asked first, because a log is text too. Bounds: the first 1 MiB.

use crate::list::{self, EntryKind};
use crate::scan;
use terms::ExhibitKind;

/// First line of a sealed bundle.
pub const BUNDLE_MAGIC: &[u8] = b"comity-bundle/1\n";
/// How much of an exhibit is looked at.
const MAX_HEAD: usize = 1 << 20;
/// Payload type of a receipt's envelope.
pub(crate) const RECEIPT_TYPE: &str = "application/vnd.comity.receipt+json";

/// What the exhibit that begins with `head` is. Give 64 KiB or the whole exhibit, decompressed. `None` for what is
/// neither one of this crate's formats nor UTF-8 text, and for JSON of a `comity.` schema that others read.
pub fn recognise(head: &[u8]) -> Option<ExhibitKind> {
    let head = head.get(..MAX_HEAD).unwrap_or(head);
    if head.is_empty() {
        return None;
    }
    if head.starts_with(BUNDLE_MAGIC) {
        return Some(ExhibitKind::Bundle);
    }
    let text = text(head)?;
    match text.trim_start_matches('\u{feff}').trim_start().as_bytes().first() {
        Some(b'{') => object(head),
        Some(b'[') if bare_array(text) => Some(ExhibitKind::StixBundle),
        _ => Some(list_kind(text).unwrap_or(ExhibitKind::Text)),
    }
}

/// The head as text; a character cut at its end is dropped. `None` for binary data.
fn text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => std::str::from_utf8(head.get(..e.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let binary = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}');
    (!text.is_empty() && !text.contains(binary)).then_some(text)
}

#[derive(Default)]
struct Seen {
    schema: Option<String>,
    bundle: bool,
    receipt: bool,
}

fn object(head: &[u8]) -> Option<ExhibitKind> {
    let mut seen = Seen::default();
    scan::members(head, &mut |key, raw| {
        let value = serde_json::from_slice::<String>(raw).ok();
        match (key, value.as_deref()) {
            ("schema", Some(schema)) => seen.schema = Some(schema.to_owned()),
            ("type", Some("bundle")) => seen.bundle = true,
            ("id", Some(id)) if id.starts_with("bundle--") => seen.bundle = true,
            ("objects", _) => seen.bundle |= begins_with_stix(raw),
            ("payloadType", Some(kind)) => seen.receipt = kind == RECEIPT_TYPE,
            _ => {}
        }
    });
    if seen.receipt {
        return Some(ExhibitKind::Receipt);
    }
    match seen.schema.as_deref() {
        Some("comity.asset/1") => Some(ExhibitKind::AssetRegister),
        Some("comity.account/1" | "comity.transaction/1" | "comity.credential/1") => {
            Some(ExhibitKind::Accounts)
        }
        Some("comity.authority/1") => Some(ExhibitKind::Authority),
        Some(agreement::COMPULSION_SCHEMA) => Some(ExhibitKind::Compulsion),
        Some("comity.covert/1") => Some(ExhibitKind::CovertList),
        Some(other) if other.starts_with("comity.") => None,
        _ if seen.bundle => Some(ExhibitKind::StixBundle),
        _ => Some(ExhibitKind::Text),
    }
}

/// Whether the text is an array whose first element is a STIX object.
fn bare_array(text: &str) -> bool {
    begins_with_stix(text.trim_start_matches('\u{feff}').trim_start().as_bytes())
}

/// Whether `raw` is an array, cut short or not, whose first element is named as STIX names objects: `type--UUID`.
fn begins_with_stix(raw: &[u8]) -> bool {
    let Some(inside) = raw.strip_prefix(b"[") else { return false };
    let (mut object, mut id) = (None, None);
    scan::members(inside, &mut |key, raw| match key {
        "type" => object = serde_json::from_slice::<String>(raw).ok(),
        "id" => id = serde_json::from_slice::<String>(raw).ok(),
        _ => {}
    });
    match (object, id) {
        (Some(object), Some(id)) => id.strip_prefix(&object).is_some_and(|rest| rest.starts_with("--")),
        _ => false,
    }
}

/// The kind of list of which at least four lines in five are; a line cut by the end of the head does not count.
fn list_kind(text: &str) -> Option<ExhibitKind> {
    let (mut lines, mut domains, mut addresses, mut hashes) = (0u64, 0u64, 0u64, 0u64);
    for part in text.trim_start_matches('\u{feff}').split_inclusive('\n') {
        let Some(line) = list::content(part.as_bytes()) else { continue };
        if line.is_empty() {
            continue;
        }
        let kind = list::entry(line).map(|e| e.kind);
        if kind.is_none() && !part.ends_with('\n') && lines > 0 {
            continue;
        }
        lines += 1;
        match kind {
            Some(EntryKind::Domain) => domains += 1,
            Some(EntryKind::Address) => addresses += 1,
            Some(EntryKind::Hash) => hashes += 1,
            None => {}
        }
    }
    let enough = |n: u64| lines > 0 && n * 5 >= lines * 4;
    match () {
        () if enough(domains) => Some(ExhibitKind::DomainList),
        () if enough(addresses) => Some(ExhibitKind::AddressList),
        () if enough(hashes) => Some(ExhibitKind::HashList),
        () => None,
    }
}
