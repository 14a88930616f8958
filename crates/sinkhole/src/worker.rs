//! The loop of one core: its own listeners, its own connections, its own limits. Nothing in it waits but for the kernel.
//!
//! Connections end in the order in which they began, because all may last as long; so the oldest stands first in a queue:
//! it is the first to be too slow, and the first to make room when a flood fills the table.

use crate::classify::{Asked, Rules, Verdict};
use crate::config::{Config, Kind};
use crate::connection::Connection;
use crate::dns::{self, Outcome, Reading, Zone};
use crate::hit::{By, Hit};
use crate::limit::{Sources, source};
use crate::pending::{Batch, Shared, add};
use crate::polite::{Answers, Declaration};
use crate::sockets::Bound;
use crate::{Names, Networks, SinkholeError, now};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::net::{MMsgHdr, RecvFlags, SendAncillaryBuffer, SendFlags, SocketAddrAny, SocketFlags};
use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Connections accepted, and datagrams read, of one listener before the others have their turn.
const TURN: usize = 64;
/// Nanoseconds after which a loop looks at the clock though nothing came.
const TICK: i64 = 50_000_000;
/// Bytes read at once.
const SCRATCH: usize = 16 << 10;

/// The seized channel that something was asked on.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub channel: Option<Arc<str>>,
    pub family: Option<usize>,
}

/// What every connection of a loop needs.
pub(crate) struct Desk {
    pub config: Arc<Config>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub answers: Answers,
    pub raw: Vec<u8>,
    pub scratch: Vec<u8>,
    /// The answer to the last question.
    pub out: Vec<u8>,
    pub ended: bool,
    names: Arc<Names>,
    zone: Zone,
    reading: Reading,
    rules: Rules,
    customers: Networks,
    channels: Vec<About>,
    declarations: [Vec<u8>; 2],
    sources: Sources,
    resolvers: Sources,
    shared: Arc<Shared>,
    slot: usize,
    batch: Batch,
    now: i64,
    elapsed: i64,
    alive: bool,
}

impl Desk {
    pub fn new(
        config: &Arc<Config>,
        names: &Arc<Names>,
        tls: Option<Arc<rustls::ServerConfig>>,
        shared: &Arc<Shared>,
        slot: usize,
    ) -> Result<Self, SinkholeError> {
        let limits = &config.limits;
        let about = |l: &crate::config::Listen| About {
            channel: l.channel.as_deref().map(Into::into),
            family: l
                .channel
                .as_ref()
                .and_then(|c| config.family.iter().position(|f| f.channels.contains(c))),
        };
        Ok(Self {
            config: config.clone(),
            tls,
            answers: Answers::new(config),
            raw: hex::decode(&config.raw.hex).unwrap_or_default(),
            scratch: vec![0; SCRATCH],
            out: Vec::new(),
            ended: false,
            names: names.clone(),
            zone: Zone::new(config),
            reading: Reading::default(),
            rules: Rules::new(&config.researchers, &config.family)?,
            customers: Networks::parse(config.customers.iter().map(String::as_str))?,
            channels: config.listen.iter().map(about).collect(),
            declarations: [false, true].map(|ended| Declaration::of(config, ended).over_http()),
            sources: Sources::new(limits.per_source, limits.burst),
            resolvers: Sources::new(
                limits.questions_per_source,
                limits.questions_per_source.saturating_mul(2),
            ),
            shared: shared.clone(),
            slot,
            batch: Batch::default(),
            now: 0,
            elapsed: 0,
            alive: false,
        })
    }

    fn tick(&mut self) {
        self.now = now();
        self.elapsed = self.shared.elapsed();
        self.alive = self.shared.alive(self.elapsed);
        self.ended = self.now >= self.config.until.0;
    }

    /// Hands over to the log what was taken.
    fn hand_over(&mut self) {
        if !self.batch.is_empty() {
            self.shared.hand_over(self.slot, &mut self.batch);
        }
    }

    /// Whether the log can take what would be answered.
    pub fn may_answer(&self) -> bool {
        let may = self.alive && !self.batch.full();
        if !may {
            add(&self.shared.counters.silent, 1);
        }
        may
    }

    /// Whether this source may have something taken and answered.
    pub fn may_take(&mut self, ip: IpAddr) -> bool {
        if !self.sources.allow(ip, self.elapsed.unsigned_abs()) {
            add(&self.shared.counters.limited, 1);
            return false;
        }
        self.may_answer()
    }

    pub fn malformed(&self) {
        add(&self.shared.counters.malformed, 1);
    }

    pub fn not_any_more(&self) {
        add(&self.shared.counters.ended, 1);
    }

    pub fn declaration(&self) -> &[u8] {
        let [now, after] = &self.declarations;
        if self.ended { after } else { now }
    }

    pub fn keeps(&self) -> bool {
        self.config.payloads.keep_under.is_some()
    }

    pub fn bot_rule(&self, family: usize) -> Option<&str> {
        self.config.family.get(family)?.bot.as_deref()
    }

    /// What was asked: a seized host, else a seized name of the handshake, else the channel of the listener.
    pub fn about(&self, host: &str, sni: Option<&str>, listener: usize) -> About {
        let named = self.names.find(host.as_bytes()).or_else(|| self.names.find(sni?.as_bytes()));
        match named {
            Some(seized) => About { channel: Some(seized.name.clone()), family: seized.family },
            None => self.channels.get(listener).cloned().unwrap_or_default(),
        }
    }

    pub fn judge(
        &mut self,
        source: IpAddr,
        about: &About,
        (method, path, agent): (&str, &str, &str),
        raw: &[u8],
    ) -> Verdict {
        let seized = about.channel.is_some();
        self.rules.judge(&Asked { source, seized, family: about.family, method, path, agent, raw })
    }

    pub fn hit(&self, peer: SocketAddr, by: By, about: About, judged: Verdict) -> Hit {
        Hit {
            at: self.now,
            source: peer.ip().to_canonical(),
            port: peer.port(),
            by,
            channel: about.channel,
            class: judged.class,
            why: judged.why,
            botnet: judged.botnet,
            bot: None,
            asked: None,
            agent: None,
            bytes: 0,
            customer: self.customers.hold(peer.ip()),
            times: 1,
            payload: None,
        }
    }

    pub fn take(&mut self, hit: Hit) {
        add(&self.shared.counters.answered, 1);
        self.batch.hits.push(hit);
    }

    /// Puts the answer to a question into `out`; nothing where nothing is to be said.
    pub fn question(&mut self, message: &[u8], from: IpAddr, udp: bool) {
        self.out.clear();
        if !self.resolvers.allow(from, self.elapsed.unsigned_abs()) {
            return add(&self.shared.counters.limited, 1);
        }
        if !self.may_answer() {
            return;
        }
        let how = (udp, self.ended);
        let counters = &self.shared.counters;
        match self.zone.answer(&self.names, message, how, &mut self.reading, &mut self.out) {
            Outcome::Silent | Outcome::Error => add(&counters.malformed, 1),
            Outcome::NotOurs if self.ended => add(&counters.ended, 1),
            Outcome::NotOurs => add(&counters.not_ours, 1),
            Outcome::Ours { .. } if self.ended => {}
            Outcome::Ours { seized, kind, .. } => {
                add(&counters.answered, 1);
                let question = (from.to_canonical(), seized.name.clone(), u16::from(kind));
                let times = self.batch.questions.entry(question).or_default();
                *times = times.saturating_add(1);
            }
        }
    }

    /// One datagram of a raw protocol; the answer in `out` is never longer than what was sent, so that a forged
    /// source is not flooded.
    fn datagram(&mut self, listener: usize, peer: SocketAddr, bytes: &[u8]) {
        self.out.clear();
        if self.ended {
            return self.not_any_more();
        }
        if !self.may_take(peer.ip()) {
            return;
        }
        let about = self.about("", None, listener);
        let judged = self.judge(peer.ip(), &about, ("", "", ""), bytes);
        let mut hit = self.hit(peer, By::Udp, about, judged);
        hit.bytes = bytes.len() as u64;
        self.take(hit);
        if self.raw.len() <= bytes.len() {
            self.out.extend_from_slice(&self.raw);
        }
    }
}

/// The loop.
pub(crate) struct Worker {
    desk: Desk,
    epoll: OwnedFd,
    listeners: Vec<Bound>,
    table: Vec<Option<Connection>>,
    marks: Vec<u32>,
    free: Vec<usize>,
    order: VecDeque<(usize, u32)>,
    open: HashMap<u128, u16>,
    answers: Vec<(SocketAddrAny, Vec<u8>)>,
}

impl Worker {
    pub fn new(desk: Desk, listeners: Vec<Bound>) -> Result<Self, SinkholeError> {
        let begin = |e: rustix::io::Errno| SinkholeError::Begin(e.into());
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(begin)?;
        for (i, bound) in listeners.iter().enumerate() {
            epoll::add(&epoll, &bound.fd, EventData::new_u64(i as u64), EventFlags::IN).map_err(begin)?;
        }
        let (table, marks, free) = (Vec::new(), Vec::new(), Vec::new());
        let (order, open, answers) = (VecDeque::new(), HashMap::new(), Vec::new());
        Ok(Self { desk, epoll, listeners, table, marks, free, order, open, answers })
    }

    /// Runs until it is stopped.
    pub fn run(mut self) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(256);
        let tick = Timespec { tv_sec: 0, tv_nsec: TICK };
        while !self.desk.shared.stop.load(Ordering::Relaxed) {
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&tick)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
            self.desk.tick();
            for event in &events {
                let data = event.data.u64();
                let (mark, at) = ((data >> 32) as u32, (data & 0xffff_ffff) as usize);
                match mark {
                    0 => self.listener(at),
                    mark => self.ready(at, mark),
                }
            }
            self.expire();
            self.desk.hand_over();
        }
        while let Some((slot, mark)) = self.order.pop_front() {
            if self.marks.get(slot) == Some(&mark) {
                self.remove(slot);
            }
        }
        self.desk.hand_over();
        Ok(())
    }

    fn listener(&mut self, at: usize) {
        match self.listeners.get(at).map(|l| l.kind) {
            Some(kind) if kind.datagrams() => self.datagrams(at, kind),
            Some(kind) => self.accept(at, kind),
            None => {}
        }
    }

    fn accept(&mut self, at: usize, kind: Kind) {
        for _ in 0..TURN {
            let Some(bound) = self.listeners.get(at) else { return };
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            // Where no descriptor is left, the oldest connection makes room, and the next turn finds it.
            let (fd, peer) = match rustix::net::acceptfrom_with(&bound.fd, flags) {
                Ok((fd, Some(peer))) => (fd, peer),
                Ok(_) | Err(rustix::io::Errno::CONNABORTED | rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => return self.make_room(),
                Err(_) => return,
            };
            let Ok(peer) = SocketAddr::try_from(peer) else { continue };
            let (born, listen) = (self.desk.elapsed, bound.listen);
            let Some(mut new) = Connection::new(fd, peer, born, listen, kind, &self.desk) else { continue };
            // Most say all at once: they are answered and gone before they would find a place in the table.
            if new.drive(&mut self.desk) {
                self.keep(new);
            } else {
                new.end(&mut self.desk);
            }
        }
    }

    fn keep(&mut self, new: Connection) {
        let key = source(new.peer.ip());
        let most = self.desk.config.limits.connections_per_source;
        let open = self.open.entry(key).or_default();
        if *open >= most {
            add(&self.desk.shared.counters.crowded, 1);
            return;
        }
        *open += 1;
        // The queue still names connections that ended; the table does not.
        if self.table.len() - self.free.len() >= self.desk.config.limits.connections {
            self.make_room();
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.table.push(None);
            self.marks.push(0);
            self.table.len() - 1
        });
        let (Some(place), Some(mark)) = (self.table.get_mut(slot), self.marks.get_mut(slot)) else { return };
        // 0 is the mark of listeners.
        *mark = mark.wrapping_add(1).max(1);
        let data = EventData::new_u64(u64::from(*mark) << 32 | slot as u64);
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let added = epoll::add(&self.epoll, &new.fd, data, flags).is_ok();
        *place = Some(new);
        self.order.push_back((slot, *mark));
        if !added {
            self.remove(slot);
        }
    }

    fn ready(&mut self, slot: usize, mark: u32) {
        if self.marks.get(slot) != Some(&mark) {
            return;
        }
        let Some(Some(connection)) = self.table.get_mut(slot) else { return };
        if !connection.drive(&mut self.desk) {
            self.remove(slot);
        }
    }

    /// Ends a connection; its place in the queue is passed over later.
    fn remove(&mut self, slot: usize) {
        let Some(gone) = self.table.get_mut(slot).and_then(Option::take) else { return };
        let key = source(gone.peer.ip());
        if let Some(open) = self.open.get_mut(&key) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.open.remove(&key);
            }
        }
        self.free.push(slot);
        gone.end(&mut self.desk);
    }

    /// The oldest connection ends for a newer one.
    fn make_room(&mut self) {
        while let Some((slot, mark)) = self.order.pop_front() {
            if self.marks.get(slot) == Some(&mark) && self.table.get(slot).is_some_and(Option::is_some) {
                add(&self.desk.shared.counters.crowded, 1);
                return self.remove(slot);
            }
        }
    }

    /// Ends what has lasted too long.
    fn expire(&mut self) {
        let life = i64::try_from(self.desk.config.limits.life_ms).unwrap_or(i64::MAX);
        while let Some((slot, mark)) = self.order.front().copied() {
            let there =
                self.table.get(slot).and_then(Option::as_ref).filter(|_| self.marks.get(slot) == Some(&mark));
            match there {
                Some(c) if self.desk.elapsed.saturating_sub(c.born) < life => return,
                Some(_) => {
                    add(&self.desk.shared.counters.slow, 1);
                    self.remove(slot);
                }
                None => {}
            }
            self.order.pop_front();
        }
    }

    fn datagrams(&mut self, at: usize, kind: Kind) {
        let Some(bound) = self.listeners.get(at) else { return };
        let mut buffer = [0u8; dns::QUESTION];
        for _ in 0..TURN {
            let received = rustix::net::recvfrom(&bound.fd, &mut buffer[..], RecvFlags::TRUNC);
            let (read, length, peer) = match received {
                Ok((read, length, Some(peer))) => (read, length, peer),
                Err(rustix::io::Errno::INTR) => continue,
                _ => break,
            };
            let Ok(from) = SocketAddr::try_from(peer.clone()) else { continue };
            let bytes = buffer.get(..read).unwrap_or_default();
            match kind {
                // A question that was cut is none.
                Kind::DnsUdp if length <= dns::QUESTION => self.desk.question(bytes, from.ip(), true),
                Kind::DnsUdp => {
                    self.desk.malformed();
                    continue;
                }
                _ => self.desk.datagram(bound.listen, from, bytes),
            }
            if !self.desk.out.is_empty() {
                self.answers.push((peer, std::mem::take(&mut self.desk.out)));
            }
        }
        send(&bound.fd, &self.answers);
        // The memory of one answer serves the next.
        if let Some((_, out)) = self.answers.pop() {
            self.desk.out = out;
        }
        self.answers.clear();
    }
}

/// Sends datagrams together. What the kernel has no room for is lost, as datagrams are.
fn send(fd: &OwnedFd, answers: &[(SocketAddrAny, Vec<u8>)]) {
    if answers.is_empty() {
        return;
    }
    let slices: Vec<[IoSlice<'_>; 1]> = answers.iter().map(|(_, out)| [IoSlice::new(out)]).collect();
    let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> =
        answers.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let mut messages: Vec<MMsgHdr<'_>> = answers
        .iter()
        .zip(&slices)
        .zip(&mut controls)
        .map(|(((peer, _), slice), control)| MMsgHdr::new_with_addr(peer, slice, control))
        .collect();
    let mut rest = messages.as_mut_slice();
    while !rest.is_empty() {
        let sent = match rustix::net::sendmmsg(fd, rest, SendFlags::empty()) {
            Ok(sent) => sent,
            Err(rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::AGAIN) => return,
            // One address that cannot be reached is passed over, not its neighbours with it.
            Err(_) => 1,
        };
        let (_, after) = rest.split_at_mut(sent.clamp(1, rest.len()));
        rest = after;
    }
}
