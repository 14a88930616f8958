//! Heads of HTTP that are wrong, changed or none: read within bounds or refused, never more.

use proptest::prelude::*;
use sinkhole::http::{Body, HEAD, Read, id, read};

fn head(text: &str) -> sinkhole::http::Head {
    match read(text.as_bytes()) {
        Read::Head(head) => head,
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn a_head_says_what_was_asked() {
    // request, method, path, host, body, whether more may follow
    for (text, method, path, host, body, more) in [
        (
            "GET / HTTP/1.1\r\nHost: A.Seized.Example:80\r\n\r\n",
            "GET",
            "/",
            "a.seized.example",
            Body::None,
            true,
        ),
        ("GET /a?id=7#x HTTP/1.1\r\nHost: s.example.\r\n\r\n", "GET", "/a", "s.example", Body::None, true),
        (
            "GET http://u@s.example:8080/p?q HTTP/1.1\r\nHost: o\r\n\r\n",
            "GET",
            "/p",
            "s.example",
            Body::None,
            true,
        ),
        ("GET http://s.example HTTP/1.1\r\n\r\n", "GET", "/", "s.example", Body::None, true),
        ("POST /g HTTP/1.1\r\nContent-Length: 12\r\n\r\n", "POST", "/g", "", Body::Length(12), true),
        ("POST /g HTTP/1.0\r\nContent-Length: 0\r\n\r\n", "POST", "/g", "", Body::None, false),
        ("POST /g HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "POST", "/g", "", Body::Open, false),
        ("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", "GET", "/", "", Body::None, false),
        ("GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", "GET", "/", "[2001:db8::1]", Body::None, true),
    ] {
        let head = head(text);
        let told = (&*head.method, &*head.path, &*head.host, head.body, head.more);
        assert_eq!(told, (method, path, host, body, more), "{text:?}");
        assert_eq!(head.length, text.len());
    }
}

#[test]
fn what_smuggles_or_floods_is_refused() {
    for text in [
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}".to_owned(),
        "GET / HTTP/2.0\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65)),
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(HEAD)),
    ] {
        assert_eq!(read(text.as_bytes()), Read::Bad, "{:?}", &text[..40.min(text.len())]);
    }
    assert_eq!(read(b"GET / HTTP/1.1\r\nHost: a"), Read::More);
    assert_eq!(read(b""), Read::More);
}

#[test]
fn a_bots_id_is_found_where_its_family_carries_it() {
    let text = b"POST /gate?v=2&id=bot-7&x HTTP/1.1\r\nX-Id: 0af3\r\nEmpty:\r\n\r\n";
    let found = |rule| id(text, rule);
    assert_eq!(found("query:id").as_deref(), Some("bot-7"));
    assert_eq!(found("header:x-id").as_deref(), Some("0af3"));
    assert_eq!(found("query:no"), None);
    assert_eq!(found("header:empty"), None);
    assert_eq!(id(b"POST /gate?id=1", "query:id"), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_within_bounds(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Read::Head(head) = read(&bytes) {
            prop_assert!(head.length <= bytes.len());
            prop_assert!(head.path.len() <= 96 && head.agent.len() <= 96 && head.host.len() <= 255);
        }
    }

    #[test]
    fn changed_heads_are_read_or_refused(
        changes in prop::collection::vec((0usize..200, any::<u8>()), 1..8),
        cut in 0usize..200,
    ) {
        let mut bytes = b"POST /gate.php?id=bot-7 HTTP/1.1\r\nHost: www.seized.example\r\nUser-Agent: Mozilla/5.0\r\n\
            Content-Length: 12\r\nConnection: keep-alive\r\n\r\nhello world!".to_vec();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() - cut % bytes.len());
        if let Read::Head(head) = read(&bytes) {
            prop_assert!(head.length <= bytes.len());
            prop_assert!(head.path.bytes().all(|b| (0x20..0x7f).contains(&b)));
        }
        let _ = id(&bytes, "query:id");
    }
}
