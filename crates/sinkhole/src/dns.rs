//! Authoritative DNS for what was seized (RFC 1034, RFC 1035, RFC 6891 as far as a responder without extensions needs).
//!
//! Questions are read by `hickory-proto`. Answers are written here: header, the question as it was asked (with its spelling,
//! which resolvers compare), and at most one record, whose name points back to the question.
//!
//! | asked | answer |
//! |---|---|
//! | A, AAAA of a seized name | the configured address; empty with the zone's SOA where none of that kind is configured |
//! | TXT | who keeps this sinkhole, under which authority and until when |
//! | ANY, HINFO | `RFC8482` as HINFO: not everything there is (RFC 8482 section 4.2) |
//! | NS, SOA | of the seized zone |
//! | another type | empty, with the zone's SOA |
//! | a name that is not ours, another class, or after the end date | REFUSED |
//! | another kind of message | NOTIMP |
//! | a question that cannot be read | FORMERR; silence where there is not even a header, or where it is an answer |
//!
//! Only TXT is still answered after the end date, so that it can be asked why the rest is silent.
//! Who asks over UDP may be somebody else than whose address is written on the question: an answer that is longer than
//! three times what was asked is cut (TC), and asked for again over TCP. That is most TXT, and hardly anything else.
//! Bounds: a question of 1,232 bytes over UDP; one question a message; an answer of 1,024 bytes, over UDP also cut above
//! 512 where the question does not say that it takes more.

use crate::{Config, Declaration, Names, Seized};
use hickory_proto::op::{Header, MessageType, OpCode, Query};
use hickory_proto::rr::{DNSClass, RecordType};
use hickory_proto::serialize::binary::{BinDecodable as _, BinDecoder};

/// Bytes of a question over UDP.
pub const QUESTION: usize = 1_232;
/// Bytes of an answer over UDP to who does not say that more is taken (RFC 1035 section 4.2.1).
const PLAIN: usize = 512;
/// How many bytes are answered over UDP for each that was asked: what RFC 9000 section 8.1 allows towards an address that
/// nobody has proved to be its sender's.
const TIMES: usize = 3;
/// Record data of the answer to ANY (RFC 8482 section 4.2).
const NOT_ANY: &[u8] = b"\x07RFC8482\x00";
/// Bytes of a header.
const HEADER: usize = 12;

/// No options, 1,232 bytes, version 0 (RFC 6891 section 6.1.2).
const OPTIONS: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];

const NOERROR: u8 = 0;
const FORMERR: u8 = 1;
const NOTIMP: u8 = 4;
const REFUSED: u8 = 5;

/// What is answered, ready as record data.
#[derive(Debug, Clone)]
pub struct Zone {
    v4: Option<[u8; 4]>,
    v6: Option<[u8; 16]>,
    ttl: u32,
    /// TXT data while it holds, and after the end.
    declares: [Vec<u8>; 2],
    /// The mailbox of the SOA as a name (RFC 1035 section 3.3.13).
    mailbox: Vec<u8>,
    serial: u32,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Nothing is said.
    Silent,
    /// An error was answered.
    Error,
    /// A name that is not ours.
    NotOurs,
    /// A seized name was asked.
    Ours {
        /// It, or its zone.
        seized: &'a Seized,
        /// The type asked for.
        kind: RecordType,
        /// Whether the answer says who keeps this sinkhole.
        declares: bool,
    },
}

/// Where a question is read into: the same memory for every question.
#[derive(Debug, Default)]
pub struct Reading {
    /// The name asked for in lower case without final dot; a dot inside a label is not one.
    pub name: Vec<u8>,
}

impl Zone {
    /// The data of a configuration.
    pub fn new(config: &Config) -> Self {
        let texts = |ended| {
            let mut data = Vec::new();
            for text in Declaration::of(config, ended).texts() {
                string(text.as_bytes(), &mut data);
            }
            data
        };
        let mut mailbox = Vec::new();
        let (local, domain) = config.custodian.contact.split_once('@').unwrap_or(("hostmaster", "invalid"));
        for label in std::iter::once(local).chain(domain.split('.')) {
            let label: Vec<u8> = label.bytes().filter(u8::is_ascii_graphic).take(63).collect();
            if !label.is_empty() && mailbox.len() + label.len() < 200 {
                string(&label, &mut mailbox);
            }
        }
        mailbox.push(0);
        let serial = u32::try_from(config.until.0 / 1_000_000).unwrap_or(1);
        Self {
            v4: config.dns.v4.map(|a| a.octets()),
            v6: config.dns.v6.map(|a| a.octets()),
            ttl: config.dns.ttl,
            declares: [texts(false), texts(true)],
            mailbox,
            serial,
        }
    }

    /// Writes the answer to a message into `out`, which is emptied before; empty it stays where nothing is to be said.
    pub fn answer<'a>(
        &self,
        names: &'a Names,
        message: &[u8],
        (udp, ended): (bool, bool),
        reading: &mut Reading,
        out: &mut Vec<u8>,
    ) -> Outcome<'a> {
        out.clear();
        let mut decoder = BinDecoder::new(message);
        let Ok(header) = Header::read(&mut decoder) else { return Outcome::Silent };
        if header.metadata.message_type != MessageType::Query {
            return Outcome::Silent;
        }
        if header.metadata.op_code != OpCode::Query {
            head(message, NOTIMP, 0, out);
            return Outcome::Error;
        }
        if header.counts.queries != 1 {
            head(message, FORMERR, 0, out);
            return Outcome::Error;
        }
        let Ok(query) = Query::read(&mut decoder) else {
            head(message, FORMERR, 0, out);
            return Outcome::Error;
        };
        let end = decoder.index();
        spell(&query, &mut reading.name);
        // A question of one name stands there as it is: a pointer in it would point at nothing.
        let wire = if reading.name.is_empty() { 1 } else { reading.name.len() + 2 };
        let Some(question) = message.get(HEADER..end).filter(|q| q.len() == wire + 4) else {
            head(message, FORMERR, 0, out);
            return Outcome::Error;
        };
        let edns = header.counts.additionals > 0
            && header.counts.answers == 0
            && header.counts.authorities == 0
            && message.get(end..end + 3) == Some(&[0, 0, 41]);
        head(message, NOERROR, 1, out);
        out.extend_from_slice(question);
        let seized = names.find(&reading.name).filter(|_| query.query_class() == DNSClass::IN);
        let kind = query.query_type();
        let declares = kind == RecordType::TXT;
        let outcome = match seized {
            Some(seized) if declares || !ended => {
                let apex = reading.name.len() == seized.name.len();
                let at = HEADER + reading.name.len() - seized.name.len();
                self.records(kind, apex, at, declares, ended, out);
                Outcome::Ours { seized, kind, declares }
            }
            _ => {
                refuse(out);
                Outcome::NotOurs
            }
        };
        let most = message.len().saturating_mul(TIMES).min(if edns { QUESTION } else { PLAIN });
        let options: &[u8] = if edns { &OPTIONS } else { &[] };
        if udp && out.len() + options.len() > most {
            cut(HEADER + question.len(), out);
        }
        if edns {
            out.extend_from_slice(options);
            count(11, out);
        }
        outcome
    }

    /// The records of a seized name; `at` is where its zone begins in the message.
    fn records(
        &self,
        kind: RecordType,
        apex: bool,
        at: usize,
        declares: bool,
        ended: bool,
        out: &mut Vec<u8>,
    ) {
        let pointer = (0xc000 | u16::try_from(at).unwrap_or(12)).to_be_bytes();
        let [high, low] = pointer;
        match kind {
            _ if declares => {
                let [now, after] = &self.declares;
                // Not remembered for long: who keeps it may change with a new authority.
                record([0xc0, 12], 16, 60, if ended { after } else { now }, out);
                count(7, out);
            }
            RecordType::A if self.v4.is_some() => {
                record([0xc0, 12], 1, self.ttl, self.v4.as_ref().map_or(&[], |a| a.as_slice()), out);
                count(7, out);
            }
            RecordType::AAAA if self.v6.is_some() => {
                record([0xc0, 12], 28, self.ttl, self.v6.as_ref().map_or(&[], |a| a.as_slice()), out);
                count(7, out);
            }
            RecordType::ANY | RecordType::HINFO => {
                record([0xc0, 12], 13, self.ttl, NOT_ANY, out);
                count(7, out);
            }
            RecordType::NS if apex => {
                record(pointer, 2, self.ttl, &[2, b'n', b's', high, low], out);
                count(7, out);
            }
            RecordType::SOA if apex => {
                self.soa(pointer, &self.mailbox, out);
                count(7, out);
            }
            _ => {
                // Without a mailbox: what is empty is asked for most, and stays short.
                self.soa(pointer, &[0], out);
                count(9, out);
            }
        }
    }

    fn soa(&self, zone: [u8; 2], mailbox: &[u8], out: &mut Vec<u8>) {
        let [high, low] = zone;
        let mut data = Vec::with_capacity(64);
        data.extend_from_slice(&[2, b'n', b's', high, low]);
        data.extend_from_slice(mailbox);
        // Refresh, retry, expire, and for how long an empty answer is remembered (RFC 2308).
        for number in [self.serial, 3_600, 600, 86_400, self.ttl] {
            data.extend_from_slice(&number.to_be_bytes());
        }
        record(zone, 6, self.ttl, &data, out);
    }
}

/// A character string (RFC 1035 section 3.3).
fn string(text: &[u8], out: &mut Vec<u8>) {
    let text = text.get(..255).unwrap_or(text);
    out.push(u8::try_from(text.len()).unwrap_or(255));
    out.extend_from_slice(text);
}

fn spell(query: &Query, out: &mut Vec<u8>) {
    out.clear();
    for label in query.name().iter() {
        if !out.is_empty() {
            out.push(b'.');
        }
        out.extend(label.iter().map(|b| if *b == b'.' { 0xff } else { b.to_ascii_lowercase() }));
    }
}

/// A header that answers the message's own: its id, its wish for recursion, which is not offered.
fn head(message: &[u8], code: u8, questions: u8, out: &mut Vec<u8>) {
    let (id, flags) = match message {
        [a, b, flags, ..] => ([*a, *b], *flags),
        _ => ([0, 0], 0),
    };
    let authoritative = if code == NOERROR { 0x04 } else { 0 };
    out.extend_from_slice(&id);
    out.extend_from_slice(&[0x80 | (flags & 0x79) | authoritative, code, 0, questions, 0, 0, 0, 0, 0, 0]);
}

fn refuse(out: &mut [u8]) {
    if let [_, _, flags, code, ..] = out {
        *flags &= !0x04;
        *code = REFUSED;
    }
}

/// Takes the records off, and says that over TCP there is more.
fn cut(to: usize, out: &mut Vec<u8>) {
    out.truncate(to);
    for at in [7, 9] {
        if let Some(byte) = out.get_mut(at) {
            *byte = 0;
        }
    }
    if let Some(flags) = out.get_mut(2) {
        *flags |= 0x02;
    }
}

fn count(at: usize, out: &mut [u8]) {
    if let Some(byte) = out.get_mut(at) {
        *byte = byte.saturating_add(1);
    }
}

fn record(name: [u8; 2], kind: u16, ttl: u32, data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&name);
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    out.extend_from_slice(&ttl.to_be_bytes());
    out.extend_from_slice(&u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(data);
}
