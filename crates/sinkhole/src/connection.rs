//! One connection: what came in, what goes out, and how far both are. No clock and no waiting here.

use crate::config::Kind;
use crate::hit::{By, Class, Hit};
use crate::http::{self, Body};
use crate::sockets::Stream;
use crate::worker::Desk;
use rustix::fd::OwnedFd;
use rustix::net::Shutdown;
use rustls::ServerConnection;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;

/// Bytes that are read away after an answer, so that the answer is not lost to a reset.
const AWAY: u64 = 1 << 20;
/// First bytes of a raw protocol that are looked at.
const RAW: usize = 512;
/// Bytes of a question over TCP.
const QUESTION: usize = 4 << 10;
/// Questions on one connection.
const QUESTIONS: u16 = 64;

/// A connection.
pub(crate) struct Connection {
    pub fd: OwnedFd,
    pub peer: SocketAddr,
    pub born: i64,
    pub listener: usize,
    kind: Kind,
    input: Vec<u8>,
    output: Vec<u8>,
    tls: Option<Box<ServerConnection>>,
    state: State,
    requests: u16,
    /// Whether a hit was taken.
    seen: bool,
}

enum State {
    /// Waits for a request.
    Head,
    /// Reads the body of one away.
    Body { left: u64, hit: Box<Hit>, keep: Option<Vec<u8>>, more: bool, rest: bool },
    /// Reads away what still comes, unlooked at.
    Away(u64),
    /// Nothing more is expected.
    Done,
}

/// How a read ended.
#[derive(PartialEq)]
enum Got {
    Some,
    Nothing,
    End,
}

impl Connection {
    pub fn new(
        fd: OwnedFd,
        peer: SocketAddr,
        born: i64,
        listener: usize,
        kind: Kind,
        desk: &Desk,
    ) -> Option<Self> {
        let tls = match kind {
            Kind::Tls => {
                let config = desk.tls.clone()?;
                let mut tls = ServerConnection::new(config).ok()?;
                tls.set_buffer_limit(Some(64 << 10));
                Some(Box::new(tls))
            }
            _ => None,
        };
        let (input, output) = (Vec::new(), Vec::new());
        Some(Self {
            fd,
            peer,
            born,
            listener,
            kind,
            input,
            output,
            tls,
            state: State::Head,
            requests: 0,
            seen: false,
        })
    }

    /// Goes as far as it can without waiting; false where the connection is at its end.
    pub fn drive(&mut self, desk: &mut Desk) -> bool {
        loop {
            match self.send() {
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
            match self.state {
                State::Done => return false,
                State::Away(0) => return false,
                _ => {}
            }
            let got = match self.receive(desk) {
                Ok(got) => got,
                Err(_) => return false,
            };
            self.process(desk, got == Got::End);
            if !self.output.is_empty() || matches!(self.state, State::Done) {
                continue;
            }
            match got {
                Got::Some => {}
                Got::Nothing => return true,
                Got::End => return false,
            }
        }
    }

    /// What is still to be noted of a connection that ends: a handshake or a connection without a word is a hit, too.
    pub fn end(mut self, desk: &mut Desk) {
        if self.seen || desk.ended {
            return;
        }
        match self.kind {
            Kind::Tcp => self.raw(desk),
            Kind::Tls => {
                if let Some(name) =
                    self.tls.as_ref().and_then(|t| t.server_name()).map(str::to_ascii_lowercase)
                {
                    let about = desk.about(&name, None, self.listener);
                    let judged = desk.judge(self.peer.ip(), &about, ("", "", ""), &[]);
                    if desk.may_take(self.peer.ip()) {
                        let hit = desk.hit(self.peer, By::Tls, about, judged);
                        desk.take(hit);
                    }
                }
            }
            _ => {}
        }
    }

    /// Sends what is to be sent; true where nothing is left.
    fn send(&mut self) -> io::Result<bool> {
        let mut stream = Stream(&self.fd);
        if let Some(tls) = &mut self.tls {
            if !self.output.is_empty() {
                let written = tls.writer().write(&self.output)?;
                self.output.drain(..written);
                if self.output.is_empty() && matches!(self.state, State::Done | State::Away(_)) {
                    tls.send_close_notify();
                }
            }
            while tls.wants_write() {
                match tls.write_tls(&mut stream) {
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                    Err(e) => return Err(e),
                }
            }
            return Ok(self.output.is_empty());
        }
        while !self.output.is_empty() {
            match stream.write(&self.output) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => drop(self.output.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        if matches!(self.state, State::Away(_)) {
            let _ = rustix::net::shutdown(&self.fd, Shutdown::Write);
        }
        Ok(true)
    }

    fn receive(&mut self, desk: &mut Desk) -> io::Result<Got> {
        let Some(tls) = &mut self.tls else {
            return match Stream(&self.fd).read(&mut desk.scratch) {
                Ok(0) => Ok(Got::End),
                Ok(n) => {
                    self.input.extend_from_slice(desk.scratch.get(..n).unwrap_or_default());
                    Ok(Got::Some)
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Got::Nothing),
                Err(e) => Err(e),
            };
        };
        let got = match tls.read_tls(&mut Stream(&self.fd)) {
            Ok(0) => Got::End,
            Ok(_) => Got::Some,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Got::Nothing,
            Err(e) => return Err(e),
        };
        if tls.process_new_packets().is_err() {
            desk.malformed();
            // Its alert goes out, and nothing else.
            let _ = tls.write_tls(&mut Stream(&self.fd));
            return Err(io::ErrorKind::InvalidData.into());
        }
        while let Ok(n @ 1..) = tls.reader().read(&mut desk.scratch) {
            self.input.extend_from_slice(desk.scratch.get(..n).unwrap_or_default());
        }
        Ok(got)
    }

    fn process(&mut self, desk: &mut Desk, end: bool) {
        match self.kind {
            Kind::DnsTcp => self.questions(desk),
            Kind::Tcp if !self.input.is_empty() || end => {
                if let State::Head = self.state {
                    self.raw(desk);
                } else {
                    self.away();
                }
            }
            Kind::Http | Kind::Tls => self.requests(desk),
            _ => {}
        }
    }

    fn raw(&mut self, desk: &mut Desk) {
        self.seen = true;
        self.state = State::Done;
        if desk.ended {
            return desk.not_any_more();
        }
        if !desk.may_take(self.peer.ip()) {
            return;
        }
        let about = desk.about("", None, self.listener);
        let first = self.input.get(..RAW).unwrap_or(&self.input);
        let judged = desk.judge(self.peer.ip(), &about, ("", "", ""), first);
        let mut hit = desk.hit(self.peer, By::Tcp, about, judged);
        hit.bytes = self.input.len() as u64;
        desk.take(hit);
        self.output.extend_from_slice(&desk.raw);
        self.input.clear();
        if !self.output.is_empty() {
            self.state = State::Away(AWAY);
        }
    }

    fn away(&mut self) {
        if let State::Away(left) = &mut self.state {
            *left = left.saturating_sub(self.input.len() as u64);
            self.input.clear();
        }
    }

    fn questions(&mut self, desk: &mut Desk) {
        while let [high, low, ..] = self.input.as_slice() {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if !(12..=QUESTION).contains(&length) || self.requests >= QUESTIONS {
                desk.malformed();
                self.state = State::Done;
                return;
            }
            let Some(message) = self.input.get(2..2 + length) else { return };
            desk.question(message, self.peer.ip(), false);
            if desk.out.is_empty() {
                self.state = State::Done;
                return;
            }
            self.output.extend_from_slice(&u16::try_from(desk.out.len()).unwrap_or(0).to_be_bytes());
            self.output.extend_from_slice(&desk.out);
            self.input.drain(..2 + length);
            self.requests += 1;
        }
    }

    fn requests(&mut self, desk: &mut Desk) {
        loop {
            match &mut self.state {
                State::Done => return,
                State::Away(_) => return self.away(),
                State::Head => {
                    if self.input.is_empty() || !self.output.is_empty() {
                        return;
                    }
                    match http::read(&self.input) {
                        http::Read::More => return,
                        http::Read::Bad => return self.no_request(desk),
                        http::Read::Head(head) => self.request(desk, &head),
                    }
                }
                State::Body { left, keep, .. } => {
                    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(self.input.len());
                    if let (Some(keep), Some(part)) = (keep, self.input.get(..n)) {
                        keep.extend_from_slice(part);
                    }
                    *left -= n as u64;
                    let done = *left == 0;
                    self.input.drain(..n);
                    if !done {
                        return;
                    }
                    self.answer(desk);
                }
            }
        }
    }

    /// Bytes that are no request: a raw protocol on a port of HTTP, or noise.
    fn no_request(&mut self, desk: &mut Desk) {
        desk.malformed();
        self.state = State::Done;
        self.seen = true;
        if desk.ended || !desk.may_take(self.peer.ip()) {
            return;
        }
        let about = desk.about("", self.sni().as_deref(), self.listener);
        let first = self.input.get(..RAW).unwrap_or(&self.input);
        let judged = desk.judge(self.peer.ip(), &about, ("", "", ""), first);
        let mut hit = desk.hit(self.peer, self.by(), about, judged);
        hit.bytes = self.input.len() as u64;
        desk.take(hit);
    }

    fn sni(&self) -> Option<String> {
        self.tls.as_ref()?.server_name().map(str::to_ascii_lowercase)
    }

    fn by(&self) -> By {
        if self.tls.is_some() { By::Https } else { By::Http }
    }

    fn request(&mut self, desk: &mut Desk, head: &http::Head) {
        self.seen = true;
        self.requests += 1;
        let source = self.peer.ip();
        let declares = &*head.path == crate::classify::DECLARATION;
        if desk.ended && !declares {
            self.state = State::Done;
            return desk.not_any_more();
        }
        if !desk.may_take(source) {
            self.state = State::Done;
            return;
        }
        let about = desk.about(&head.host, self.sni().as_deref(), self.listener);
        let judged = desk.judge(source, &about, (&head.method, &head.path, &head.agent), &[]);
        let rule = about.family.filter(|_| judged.fits).and_then(|f| desk.bot_rule(f));
        let mut hit = desk.hit(self.peer, self.by(), about, judged);
        hit.bot = rule.and_then(|rule| http::id(&self.input, rule));
        hit.asked = Some(format!("{} {}", head.method, head.path).into());
        hit.agent = (!head.agent.is_empty()).then(|| head.agent.clone());
        self.input.drain(..head.length.min(self.input.len()));
        if declares {
            if !desk.ended {
                desk.take(hit);
            }
            self.output.extend_from_slice(desk.declaration());
            self.state = State::Away(AWAY);
            return;
        }
        let most = desk.config.limits.body as u64;
        let more = head.more && self.requests < desk.config.limits.requests;
        let keep = (desk.keeps() && hit.class == Class::Bot).then(Vec::new);
        let hit = Box::new(hit);
        self.state = match head.body {
            Body::None => State::Body { left: 0, hit, keep: None, more, rest: false },
            Body::Length(n) => {
                State::Body { left: n.min(most), hit, keep, more: more && n <= most, rest: n > most }
            }
            // Nobody says where it ends: it is answered at once, and the rest read away.
            Body::Open => State::Body { left: 0, hit, keep: None, more: false, rest: true },
        };
        if let State::Body { hit, .. } = &mut self.state {
            hit.bytes = if let Body::Length(n) = head.body { n } else { 0 };
        }
    }

    /// Takes the hit and says the one answer.
    fn answer(&mut self, desk: &mut Desk) {
        let State::Body { mut hit, keep, more, rest, .. } = std::mem::replace(&mut self.state, State::Done)
        else {
            return;
        };
        // The body may have taken a while.
        if !desk.may_answer() {
            return;
        }
        hit.payload = keep.filter(|k| !k.is_empty()).map(Vec::into_boxed_slice);
        desk.take(*hit);
        self.output.extend_from_slice(if more { &desk.answers.more } else { &desk.answers.last });
        self.state = match (more, rest || !self.input.is_empty()) {
            (true, _) => State::Head,
            (false, true) => State::Away(AWAY),
            (false, false) => State::Done,
        };
        if !more {
            self.input.clear();
        }
    }
}
