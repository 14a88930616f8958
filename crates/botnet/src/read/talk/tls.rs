//! TLS handshakes out of ordered bytes: both hellos and, where it is sent in the clear (before TLS 1.3), the server's
//! certificate.
//!
//! Bounds: of each direction at most [`MAX_HANDSHAKE`] bytes of handshake. Records of a direction are read until its first
//! ciphered one, its first alert, a gap, or something that is no record.

use super::{Ends, fingerprint, hello};
use crate::read::web;
use crate::rows::TlsRow;
use hello::{Bytes, ClientHello, ServerHello};
use sha2::{Digest as _, Sha256};
use terms::MICROS_PER_SECOND;
use x509_cert::der::Decode as _;

/// Most bytes of one direction's handshake: certificates with their chain are a few thousand.
const MAX_HANDSHAKE: usize = 48 << 10;
/// Longest record (RFC 5246 section 6.2.3).
const MAX_RECORD: usize = (16 << 10) + 2048;

#[derive(Default)]
struct Way {
    records: Vec<u8>,
    handshake: Vec<u8>,
    /// Nothing more in the clear.
    over: bool,
    /// It ended in ciphered records and not in an alert or a gap.
    ciphered: bool,
}

#[derive(Default)]
pub(super) struct Talk {
    ts: Option<i64>,
    ours: Way,
    theirs: Way,
    client: Option<ClientHello>,
    server: Option<ServerHello>,
    certificate: Option<Vec<u8>>,
}

impl Talk {
    pub(super) fn held(&self) -> usize {
        let way = |w: &Way| w.records.capacity() + w.handshake.capacity();
        let hellos = self.client.as_ref().map_or(0, ClientHello::held)
            + self.server.as_ref().map_or(0, ServerHello::held)
            + self.certificate.as_ref().map_or(0, Vec::capacity);
        size_of::<Self>() + way(&self.ours) + way(&self.theirs) + hellos
    }

    pub(super) fn over(&self) -> bool {
        self.ours.over && self.theirs.over
    }

    pub(super) fn gap(&mut self, forward: bool) {
        let way = if forward { &mut self.ours } else { &mut self.theirs };
        *way = Way { over: true, ciphered: way.ciphered, ..Way::default() };
    }

    pub(super) fn bytes(&mut self, ts: i64, forward: bool, data: &[u8]) {
        self.ts.get_or_insert(ts);
        let way = if forward { &mut self.ours } else { &mut self.theirs };
        if way.over {
            return;
        }
        way.records.extend_from_slice(data);
        way.unpack();
        while let Some((kind, body)) = way.message() {
            match (kind, forward) {
                (1, true) if self.client.is_none() => self.client = hello::client(&body),
                (2, false) if self.server.is_none() => {
                    self.server = hello::server(&body).filter(|h| !h.again);
                }
                (11, false) if self.certificate.is_none() => self.certificate = leaf(&body),
                _ => {}
            }
        }
        if way.handshake.len() > MAX_HANDSHAKE {
            way.over = true;
        }
        if way.over {
            (way.records, way.handshake) = (Vec::new(), Vec::new());
        }
    }

    /// The row; none where no hello could be read.
    pub(super) fn row(self, ends: Ends) -> Option<TlsRow> {
        if self.client.is_none() && self.server.is_none() {
            return None;
        }
        let client = self.client.as_ref();
        let server = self.server.as_ref();
        let picked = server.and_then(|s| s.alpn.as_deref());
        let offered = client.and_then(|c| c.alpn.as_deref());
        let mut row = TlsRow {
            ts: self.ts.unwrap_or(0),
            source: Some(ends.from.0),
            source_port: ends.from.1,
            remote: Some(ends.to.0),
            remote_port: ends.to.1,
            version: server.map(|s| version(s.selected.unwrap_or(s.version))),
            cipher: server.map(|s| format!("{:04x}", s.cipher)),
            sni: client.and_then(|c| c.sni.as_deref()).and_then(web::host),
            // In TLS 1.3 the choice is ciphered.
            alpn: picked
                .or_else(|| offered.filter(|_| server.is_none_or(|s| s.selected.is_some())))
                .and_then(web::short),
            ja3: client.map(fingerprint::ja3),
            ja3s: server.map(fingerprint::ja3s),
            ja4: client.map(fingerprint::ja4),
            resumed: client.zip(server).map(|(c, s)| resumed(c, s)),
            established: Some(self.ours.ciphered && self.theirs.ciphered),
            ..TlsRow::default()
        };
        if let Some(certificate) = &self.certificate {
            told(certificate, &mut row);
        }
        Some(row)
    }
}

impl Way {
    /// Moves whole handshake records to the handshake.
    fn unpack(&mut self) {
        let mut used = 0;
        while let Some(rest) = self.records.get(used..).filter(|_| !self.over) {
            let mut b = Bytes(rest);
            let (Some(kind), Some(version), Some(length)) = (b.u8(), b.u16(), b.u16()) else { break };
            let length = usize::from(length);
            match kind {
                20 | 23 if version >> 8 == 3 => (self.over, self.ciphered) = (true, true),
                22 if version >> 8 == 3 && length <= MAX_RECORD => {
                    let Some(body) = b.take(length) else { break };
                    self.handshake.extend_from_slice(body);
                    used += 5 + length;
                }
                _ => self.over = true,
            }
        }
        self.records.drain(..used);
    }

    /// Takes the next whole message out.
    fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut b = Bytes(&self.handshake);
        let (kind, length) = (b.u8()?, b.u24()?);
        let body = b.take(length)?.to_vec();
        self.handshake.drain(..4 + length);
        Some((kind, body))
    }
}

/// The first certificate of the message (RFC 5246 section 7.4.2).
fn leaf(body: &[u8]) -> Option<Vec<u8>> {
    let mut b = Bytes(body);
    b.u24()?;
    let length = b.u24()?;
    b.take(length).map(<[u8]>::to_vec)
}

/// What a certificate says of itself; one that is not DER to the letter has its digest only.
fn told(certificate: &[u8], row: &mut TlsRow) {
    row.certificate = Some(hex::encode(Sha256::digest(certificate)));
    let Ok(read) = x509_cert::Certificate::from_der(certificate) else { return };
    let tbs = &read.tbs_certificate;
    let name = |name: &x509_cert::name::Name| web::text(name.to_string().as_bytes(), web::MAX_SUBJECT);
    let micros = |time: x509_cert::time::Time| {
        i64::try_from(time.to_unix_duration().as_secs()).ok()?.checked_mul(MICROS_PER_SECOND)
    };
    row.subject = name(&tbs.subject);
    row.issuer = name(&tbs.issuer);
    row.not_before = micros(tbs.validity.not_before);
    row.not_after = micros(tbs.validity.not_after);
}

/// By pre-shared key in TLS 1.3; before, by the session id that the server repeats (RFC 5246 section 7.4.1.3).
fn resumed(client: &ClientHello, server: &ServerHello) -> bool {
    if server.selected.is_some() {
        return server.extensions.contains(&hello::PRE_SHARED_KEY);
    }
    !client.session.is_empty() && client.session == server.session
}

/// As Zeek writes it.
fn version(version: u16) -> String {
    match version {
        0x0300 => "SSLv3".to_owned(),
        0x0301 => "TLSv10".to_owned(),
        0x0302 => "TLSv11".to_owned(),
        0x0303 => "TLSv12".to_owned(),
        0x0304 => "TLSv13".to_owned(),
        other => format!("{other:04x}"),
    }
}
