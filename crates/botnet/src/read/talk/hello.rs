//! TLS hello messages (RFC 8446 section 4.1, RFC 5246 section 7.4.1): the numbers that fingerprints are made of.
//!
//! Every list is read as far as it is there; a message whose fixed part is cut short is none.

/// Fields of bytes that may end anywhere.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    pub(super) fn u24(&mut self) -> Option<usize> {
        let bytes = self.take(3)?;
        Some(bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
    }

    /// A list behind its length in one byte.
    pub(super) fn list8(&mut self) -> Option<Bytes<'a>> {
        let n = self.u8()?;
        self.take(usize::from(n)).map(Bytes)
    }

    /// A list behind its length in two bytes.
    pub(super) fn list16(&mut self) -> Option<Bytes<'a>> {
        let n = self.u16()?;
        self.take(usize::from(n)).map(Bytes)
    }

    pub(super) fn numbers(mut self) -> Vec<u16> {
        std::iter::from_fn(|| self.u16()).collect()
    }
}

/// What a client offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClientHello {
    pub version: u16,
    pub session: Vec<u8>,
    pub ciphers: Vec<u16>,
    /// Types of extensions, in order.
    pub extensions: Vec<u16>,
    pub sni: Option<Vec<u8>>,
    /// The first protocol offered.
    pub alpn: Option<Vec<u8>>,
    pub groups: Vec<u16>,
    pub formats: Vec<u8>,
    pub signatures: Vec<u16>,
    /// Supported versions; none where the extension is not there.
    pub versions: Option<Vec<u16>>,
}

/// What a server picks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServerHello {
    pub version: u16,
    pub session: Vec<u8>,
    pub cipher: u16,
    pub extensions: Vec<u16>,
    pub alpn: Option<Vec<u8>>,
    /// Version picked by extension (TLS 1.3).
    pub selected: Option<u16>,
    /// Whether it asks for another hello first (RFC 8446 section 4.1.4).
    pub again: bool,
}

impl ClientHello {
    /// Bytes that its lists hold.
    pub(super) fn held(&self) -> usize {
        let numbers = [&self.ciphers, &self.extensions, &self.groups, &self.signatures];
        let texts = [self.sni.as_ref(), self.alpn.as_ref(), Some(&self.session), Some(&self.formats)];
        2 * numbers.into_iter().chain(&self.versions).map(Vec::capacity).sum::<usize>()
            + texts.into_iter().flatten().map(Vec::capacity).sum::<usize>()
    }
}

impl ServerHello {
    /// Bytes that its lists hold.
    pub(super) fn held(&self) -> usize {
        2 * self.extensions.capacity() + self.session.capacity() + self.alpn.as_ref().map_or(0, Vec::capacity)
    }
}

/// The random of a hello retry request.
const AGAIN: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

const SERVER_NAME: u16 = 0;
const GROUPS: u16 = 10;
const FORMATS: u16 = 11;
const SIGNATURES: u16 = 13;
const ALPN: u16 = 16;
pub(super) const PRE_SHARED_KEY: u16 = 41;
const VERSIONS: u16 = 43;

/// Reads the body of a client hello.
pub(super) fn client(body: &[u8]) -> Option<ClientHello> {
    let mut b = Bytes(body);
    let version = b.u16()?;
    b.take(32)?;
    let session = b.list8()?.0.to_vec();
    let ciphers = b.list16()?.numbers();
    b.list8()?;
    let mut hello = ClientHello { version, session, ciphers, ..ClientHello::default() };
    for (kind, mut data) in extensions(b) {
        hello.extensions.push(kind);
        match kind {
            SERVER_NAME => hello.sni = name(data),
            GROUPS => hello.groups = data.list16().map(Bytes::numbers).unwrap_or_default(),
            FORMATS => hello.formats = data.list8().map(|f| f.0.to_vec()).unwrap_or_default(),
            SIGNATURES => hello.signatures = data.list16().map(Bytes::numbers).unwrap_or_default(),
            ALPN => hello.alpn = protocol(data),
            VERSIONS => hello.versions = data.list8().map(Bytes::numbers),
            _ => {}
        }
    }
    Some(hello)
}

/// Reads the body of a server hello.
pub(super) fn server(body: &[u8]) -> Option<ServerHello> {
    let mut b = Bytes(body);
    let version = b.u16()?;
    let again = b.take(32)? == AGAIN;
    let session = b.list8()?.0.to_vec();
    let cipher = b.u16()?;
    b.u8()?;
    let mut hello = ServerHello { version, session, cipher, again, ..ServerHello::default() };
    for (kind, mut data) in extensions(b) {
        hello.extensions.push(kind);
        match kind {
            ALPN => hello.alpn = protocol(data),
            VERSIONS => hello.selected = data.u16(),
            _ => {}
        }
    }
    Some(hello)
}

fn extensions(mut b: Bytes<'_>) -> impl Iterator<Item = (u16, Bytes<'_>)> {
    let mut list = b.list16().unwrap_or(Bytes(b""));
    std::iter::from_fn(move || Some((list.u16()?, list.list16()?)))
}

/// The first host name (RFC 6066 section 3).
fn name(mut data: Bytes) -> Option<Vec<u8>> {
    let mut list = data.list16()?;
    (list.u8()? == 0).then(|| list.list16().map(|n| n.0.to_vec()))?
}

/// The first protocol (RFC 7301 section 3.1).
fn protocol(mut data: Bytes) -> Option<Vec<u8>> {
    data.list16()?.list8().map(|p| p.0.to_vec())
}
