//! What may be kept of requests and handshakes, whichever sensor saw them: bounds, and what never enters a row.
//!
//! Queries, fragments, path parameters (RFC 3986 sections 3.3 to 3.5) and credentials in addresses (section 3.2.1) hold
//! names, mail addresses, session ids and passwords; they are cut here, before anything else sees them.

/// Longest target and referrer kept, in bytes.
pub(super) const MAX_URI: usize = 1024;
/// Longest host kept, in bytes.
pub(super) const MAX_HOST: usize = 300;
/// Longest user agent kept, in bytes.
pub(super) const MAX_AGENT: usize = 512;
/// Longest subject and issuer kept, in bytes.
pub(super) const MAX_SUBJECT: usize = 512;
/// Longest method, version, type, cipher and protocol kept, in bytes.
pub(super) const MAX_SHORT: usize = 64;

/// The text cut to `max` bytes; control characters and what is no UTF-8 become `U+FFFD`. None where it is empty.
pub(super) fn text(bytes: &[u8], max: usize) -> Option<String> {
    // One character more than fits, so that a cut one is not taken for a broken one.
    let all = String::from_utf8_lossy(bytes.get(..max + 4).unwrap_or(bytes));
    let mut kept = String::with_capacity(all.len().min(max));
    for c in all.chars() {
        let c = if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        if kept.len() + c.len_utf8() > max {
            break;
        }
        kept.push(c);
    }
    (!kept.is_empty()).then_some(kept)
}

/// A short word: method, version, cipher.
pub(super) fn short(bytes: &[u8]) -> Option<String> {
    text(bytes, MAX_SHORT)
}

/// The target of a request without query, fragment, parameters and credentials, and how many bytes that left out.
pub(super) fn target(bytes: &[u8]) -> (Option<String>, u32) {
    let path = bytes.split(|b| matches!(b, b'?' | b'#' | b';')).next().unwrap_or(bytes);
    let (before, after) = credentials(path);
    let kept = text(&[before, after].concat(), MAX_URI);
    // Replacement characters are longer than what they replace.
    let dropped = bytes.len().saturating_sub((before.len() + after.len()).min(MAX_URI));
    (kept, u32::try_from(dropped).unwrap_or(u32::MAX))
}

/// A referrer, cut like a target.
pub(super) fn referrer(bytes: &[u8]) -> Option<String> {
    target(bytes).0
}

/// What stands before and after `name:password@` in an address with a host.
fn credentials(path: &[u8]) -> (&[u8], &[u8]) {
    let nothing = (path, &b""[..]);
    let Some(start) = memchr::memmem::find(path, b"://").map(|at| at + 3) else { return nothing };
    let rest = path.get(start..).unwrap_or(b"");
    let end = memchr::memchr(b'/', rest).unwrap_or(rest.len());
    match rest.get(..end).and_then(|authority| memchr::memrchr(b'@', authority)) {
        Some(at) => (path.get(..start).unwrap_or(b""), rest.get(at + 1..).unwrap_or(b"")),
        None => nothing,
    }
}

/// A host, with its port where one is written: lower case, no final dot, no credentials.
pub(super) fn host(bytes: &[u8]) -> Option<String> {
    let bytes = memchr::memrchr(b'@', bytes).and_then(|at| bytes.get(at + 1..)).unwrap_or(bytes);
    let bytes = bytes.trim_ascii();
    text(bytes.strip_suffix(b".").unwrap_or(bytes), MAX_HOST).map(|h| h.to_lowercase())
}

/// A media type without its parameters (RFC 9110 section 8.3.1).
pub(super) fn mime(bytes: &[u8]) -> Option<String> {
    let bare = bytes.split(|&b| b == b';' || b == b',').next().unwrap_or(bytes);
    short(bare.trim_ascii()).map(|m| m.to_ascii_lowercase())
}

/// A digest of `digits` hexadecimal digits, with or without colons between them, in lower case.
pub(super) fn digest(bytes: &[u8], digits: usize) -> Option<String> {
    let hex: Vec<u8> = bytes.iter().filter(|b| **b != b':').take(digits + 1).copied().collect();
    let good = hex.len() == digits && hex.iter().all(u8::is_ascii_hexdigit);
    good.then(|| String::from_utf8_lossy(&hex).to_ascii_lowercase())
}

/// Which certificate: its SHA-256, or the id that Zeek gave its file.
pub(super) fn certificate(sha256: Option<&[u8]>, file: Option<&[u8]>) -> Option<String> {
    let print = |id: &[u8]| digest(id, 64);
    let file_id = |id: &[u8]| short(id).map(|id| format!("fuid:{id}"));
    sha256.and_then(print).or_else(|| file.and_then(|id| print(id).or_else(|| file_id(id))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_personal_is_cut() {
        for (given, kept, dropped) in [
            ("/gate.php?id=ada&mail=ada@example.org", Some("/gate.php"), 28),
            ("/a;jsessionid=9f0c", Some("/a"), 16),
            ("/a#part", Some("/a"), 5),
            ("/", Some("/"), 0),
            ("?x", None, 2),
            ("http://ada:secret@shop.example/a?b", Some("http://shop.example/a"), 13),
            ("http://shop.example/a@b", Some("http://shop.example/a@b"), 0),
            ("http://ada@shop.example", Some("http://shop.example"), 4),
            ("/a\u{7}b", Some("/a\u{fffd}b"), 0),
        ] {
            assert_eq!(target(given.as_bytes()), (kept.map(str::to_owned), dropped), "{given}");
        }
        let long = [b"/".as_slice(), &[b'a'; 4000]].concat();
        let (kept, dropped) = target(&long);
        assert_eq!((kept.map(|k| k.len()), dropped), (Some(MAX_URI), 4001 - MAX_URI as u32));
    }

    #[test]
    fn hosts_types_and_digests_are_made_alike() {
        assert_eq!(host(b"Shop.Example.").as_deref(), Some("shop.example"));
        assert_eq!(host(b"ada:pw@shop.example:8080").as_deref(), Some("shop.example:8080"));
        assert_eq!(host(b""), None);
        assert_eq!(mime(b"Text/HTML; charset=utf-8").as_deref(), Some("text/html"));
        assert_eq!(digest(b"AA:bb", 4).as_deref(), Some("aabb"));
        assert_eq!((digest(b"aabbc", 4), digest(b"aabg", 4)), (None, None));
        let sha = "ab".repeat(32);
        assert_eq!(certificate(None, Some(sha.as_bytes())), Some(sha.clone()));
        assert_eq!(certificate(Some(sha.as_bytes()), Some(b"F1")), Some(sha));
        assert_eq!(certificate(None, Some(b"F1")).as_deref(), Some("fuid:F1"));
        // A cut never leaves half a character.
        assert_eq!(text("ää".as_bytes(), 3).as_deref(), Some("ä"));
    }
}
