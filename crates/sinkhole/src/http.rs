//! The head of a request of HTTP/1.x (RFC 9112), by `httparse`: what was asked, and how long its body is.
//!
//! Bounds: a head of 8 KiB with 64 fields; what is kept of it is the method (16), the path without query (96), the host
//! (253), what the client says it is (96 characters) and a bot's id (128). Nothing is decoded.

/// Bytes of a head.
pub const HEAD: usize = 8 << 10;
/// Fields of a head.
const FIELDS: usize = 64;
/// Characters kept of a path and of a client's word about itself.
const KEPT: usize = 96;
/// Characters of a bot's own id.
const ID: usize = 128;

/// A request's head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Bytes of the head.
    pub length: usize,
    /// Its method.
    pub method: Box<str>,
    /// Its path without query.
    pub path: Box<str>,
    /// The host asked for in lower case without port, empty where none is named.
    pub host: Box<str>,
    /// What the client says it is.
    pub agent: Box<str>,
    /// The body that follows.
    pub body: Body,
    /// Whether another request may follow on the connection.
    pub more: bool,
}

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    None,
    /// So many bytes.
    Length(u64),
    /// Nobody says how many: nothing after it can be read.
    Open,
}

/// What bytes are, as far as they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// More is needed.
    More,
    /// A whole head.
    Head(Head),
    /// No request of HTTP, or one beyond the bounds.
    Bad,
}

/// Reads a head from the first bytes of a request.
pub fn read(bytes: &[u8]) -> Read {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD => length,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD => return Read::More,
        _ => return Read::Bad,
    };
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Read::Bad;
    };
    let mut head = Head {
        length,
        method: method.chars().take(16).collect(),
        path: path(target),
        more: version == 1,
        ..Head::default()
    };
    if let Some(host) = authority(target) {
        head.host = bare(host.as_bytes());
    }
    let mut stated: Option<u64> = None;
    for field in request.headers.iter() {
        let name = field.name;
        if name.eq_ignore_ascii_case("host") && head.host.is_empty() {
            head.host = bare(field.value);
        } else if name.eq_ignore_ascii_case("user-agent") {
            head.agent = kept(field.value, KEPT);
        } else if name.eq_ignore_ascii_case("content-length") {
            let digits = !field.value.is_empty() && field.value.iter().all(u8::is_ascii_digit);
            let length =
                std::str::from_utf8(field.value).ok().filter(|_| digits).and_then(|v| v.parse().ok());
            // Two lengths that differ are how requests are smuggled (RFC 9112 section 6.3).
            match (length, stated) {
                (Some(new), None) => stated = Some(new),
                (Some(new), Some(old)) if new == old => {}
                _ => return Read::Bad,
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            head.body = Body::Open;
        } else if name.eq_ignore_ascii_case("connection") && field.value.eq_ignore_ascii_case(b"close") {
            head.more = false;
        }
    }
    match (head.body, stated) {
        (Body::Open, Some(_)) => return Read::Bad,
        (Body::Open, None) => head.more = false,
        (_, Some(0) | None) => {}
        (_, Some(length)) => head.body = Body::Length(length),
    }
    Read::Head(head)
}

/// A bot's id: the value of a field (`header:NAME`) or of the query (`query:NAME`) of a head that [`read`] took.
pub fn id(bytes: &[u8], rule: &str) -> Option<Box<str>> {
    let (place, name) = rule.split_once(':')?;
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    if !request.parse(bytes).is_ok_and(|s| s.is_complete()) {
        return None;
    }
    let value = match place {
        "header" => request.headers.iter().find(|f| f.name.eq_ignore_ascii_case(name))?.value,
        _ => {
            let (_, query) = request.path?.split_once('?')?;
            query.split('&').find_map(|pair| pair.split_once('=').filter(|(k, _)| *k == name))?.1.as_bytes()
        }
    };
    let id = kept(value, ID);
    (!id.is_empty()).then_some(id)
}

/// The path of a target, without query; of a target with scheme and host as well (RFC 9112 section 3.2.2).
fn path(target: &str) -> Box<str> {
    let after = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => target,
    };
    let bare = after.split(['?', '#']).next().unwrap_or_default();
    kept(bare.as_bytes(), KEPT)
}

fn authority(target: &str) -> Option<&str> {
    let (_, rest) = target.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?']))?;
    rest.split(['/', '?', '#']).next().map(|a| a.rsplit('@').next().unwrap_or(a))
}

/// A host without its port, in lower case without final dot.
fn bare(host: &[u8]) -> Box<str> {
    let text = kept(host, 255);
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => &text,
    };
    name.trim_end_matches('.').to_ascii_lowercase().into()
}

/// Printable characters, so many at most; others become `?`.
fn kept(bytes: &[u8], most: usize) -> Box<str> {
    let printable = |b: &u8| if (0x20..0x7f).contains(b) { char::from(*b) } else { '?' };
    bytes.iter().take(most).map(printable).collect()
}
