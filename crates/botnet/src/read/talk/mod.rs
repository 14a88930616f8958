//! What is said over one TCP connection of a capture: bytes put in order, then HTTP, TLS or DNS.
//!
//! Here: order, overlaps, gaps, and which protocol it is by its first bytes. Elsewhere: the protocols (`http`, `tls`,
//! `dns`). QUIC is not read.
//! Bounds: of each direction at most [`MAX_WAITING`] segments and [`MAX_WAITING_BYTES`] wait for what comes before them;
//! what then is still missing is a gap. Of bytes that overlap the first that came count (RFC 9293 leaves it open).

mod dns;
mod fingerprint;
mod hello;
mod http;
mod tls;

use super::flow_table::End;
use crate::rows::Row;
use std::ops::ControlFlow;

/// Segments of one direction that wait for earlier ones.
const MAX_WAITING: usize = 16;
/// Their bytes.
const MAX_WAITING_BYTES: usize = 32 << 10;
/// First bytes of the caller that tell the protocol.
const START: usize = 8;

/// Where rows go.
pub(super) type Emit<'e> = dyn FnMut(Row) -> ControlFlow<()> + 'e;

/// Who speaks with whom: the caller first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub from: End,
    pub to: End,
}

/// One direction's bytes in order.
#[derive(Default)]
struct Way {
    next: Option<u32>,
    waiting: Vec<Waiting>,
}

struct Waiting {
    seq: u32,
    data: Vec<u8>,
    /// Bytes on the wire; more than `data` has where the capture cut them.
    wire: usize,
}

enum Said {
    Start(Vec<u8>),
    Http(Box<http::Talk>),
    Tls(Box<tls::Talk>),
    Dns(Box<dns::Talk>),
    /// Nothing more is wanted of it.
    Passed,
}

/// A connection that is followed.
pub(super) struct Talk {
    ends: Ends,
    ours: Way,
    theirs: Way,
    said: Said,
}

/// A TCP segment with payload.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    pub ts: i64,
    /// Whether the caller sent it.
    pub forward: bool,
    pub seq: u32,
    /// As captured.
    pub data: &'a [u8],
    /// Bytes on the wire.
    pub wire: usize,
}

impl Talk {
    /// A connection whose openings had these sequence numbers, where they were seen.
    pub(super) fn new(ends: Ends, ours: Option<u32>, theirs: Option<u32>) -> Self {
        let way = |syn: Option<u32>| Way { next: syn.map(|s| s.wrapping_add(1)), waiting: Vec::new() };
        Self { ends, ours: way(ours), theirs: way(theirs), said: Said::Start(Vec::new()) }
    }

    /// Whether nothing more is wanted of this connection.
    pub(super) fn passed(&self) -> bool {
        matches!(self.said, Said::Passed)
    }

    /// Bytes that are held for it, by what is reserved and not by what is filled.
    pub(super) fn held(&self) -> usize {
        let waiting = |w: &Way| w.waiting.iter().map(|s| size_of_val(s) + s.data.capacity()).sum::<usize>();
        let said = match &self.said {
            Said::Start(start) => start.capacity(),
            Said::Http(t) => t.held(),
            Said::Tls(t) => t.held(),
            Said::Dns(t) => t.held(),
            Said::Passed => 0,
        };
        waiting(&self.ours) + waiting(&self.theirs) + said
    }

    /// Takes a segment in.
    pub(super) fn segment(&mut self, s: Segment, emit: &mut Emit) -> ControlFlow<()> {
        if self.passed() || s.wire == 0 {
            return ControlFlow::Continue(());
        }
        let way = if s.forward { &mut self.ours } else { &mut self.theirs };
        let next = *way.next.get_or_insert(s.seq);
        // Distances in the ring of sequence numbers (RFC 9293 section 3.4).
        if s.seq.wrapping_sub(next).cast_signed() <= 0 {
            self.place(s, emit)?;
        } else {
            way.waiting.push(Waiting { seq: s.seq, data: s.data.to_vec(), wire: s.wire });
        }
        self.settle(s.ts, s.forward, false, emit)?;
        if self.passed() {
            (self.ours.waiting, self.theirs.waiting) = (Vec::new(), Vec::new());
        }
        ControlFlow::Continue(())
    }

    /// Places what waited and may now go on; all of it where too much waits or `all` is asked for.
    fn settle(&mut self, ts: i64, forward: bool, all: bool, emit: &mut Emit) -> ControlFlow<()> {
        loop {
            let way = if forward { &mut self.ours } else { &mut self.theirs };
            let Some(next) = way.next else { return ControlFlow::Continue(()) };
            let ahead = |s: &Waiting| s.seq.wrapping_sub(next).cast_signed();
            let Some((at, first)) = way.waiting.iter().enumerate().min_by_key(|(_, s)| ahead(s)) else {
                return ControlFlow::Continue(());
            };
            let gap = ahead(first);
            let bytes: usize = way.waiting.iter().map(|s| s.data.len()).sum();
            let full = way.waiting.len() > MAX_WAITING || bytes > MAX_WAITING_BYTES;
            if gap > 0 && !full && !all {
                return ControlFlow::Continue(());
            }
            let s = way.waiting.swap_remove(at);
            if let Ok(missing @ 1..) = usize::try_from(gap) {
                way.next = Some(s.seq);
                self.gap(forward, missing, emit)?;
            }
            self.place(Segment { ts, forward, seq: s.seq, data: &s.data, wire: s.wire }, emit)?;
            if self.passed() {
                return ControlFlow::Continue(());
            }
        }
    }

    /// A segment that begins at or before the next byte.
    fn place(&mut self, s: Segment, emit: &mut Emit) -> ControlFlow<()> {
        let way = if s.forward { &mut self.ours } else { &mut self.theirs };
        let next = way.next.unwrap_or(s.seq);
        let known = next.wrapping_sub(s.seq) as usize;
        if known >= s.wire {
            return ControlFlow::Continue(());
        }
        let fresh = s.wire - known;
        way.next = Some(next.wrapping_add(u32::try_from(fresh).unwrap_or(u32::MAX)));
        let data = s.data.get(known..).unwrap_or(b"");
        self.bytes(s.ts, s.forward, data, emit)?;
        match fresh.saturating_sub(data.len()) {
            0 => ControlFlow::Continue(()),
            cut => self.gap(s.forward, cut, emit),
        }
    }

    fn bytes(&mut self, ts: i64, forward: bool, data: &[u8], emit: &mut Emit) -> ControlFlow<()> {
        if data.is_empty() {
            return ControlFlow::Continue(());
        }
        let ends = self.ends;
        match &mut self.said {
            Said::Start(_) if !forward => {
                // Whoever is called and speaks first speaks none of the three.
                self.said = Said::Passed;
                ControlFlow::Continue(())
            }
            Said::Start(start) => {
                start.extend_from_slice(data);
                if start.len() < START {
                    return ControlFlow::Continue(());
                }
                let start = std::mem::take(start);
                self.said = told(&start, ends);
                self.bytes(ts, forward, &start, emit)
            }
            Said::Http(talk) => talk.bytes(ends, ts, forward, data, emit),
            Said::Tls(talk) => {
                talk.bytes(ts, forward, data);
                self.ended(emit)
            }
            Said::Dns(talk) => talk.bytes(ends, ts, forward, data, emit),
            Said::Passed => ControlFlow::Continue(()),
        }
    }

    fn gap(&mut self, forward: bool, missing: usize, emit: &mut Emit) -> ControlFlow<()> {
        match &mut self.said {
            Said::Start(_) => self.said = Said::Passed,
            Said::Http(talk) => return talk.gap(forward, missing, emit),
            Said::Tls(talk) => {
                talk.gap(forward);
                return self.ended(emit);
            }
            Said::Dns(talk) => talk.gap(forward),
            Said::Passed => {}
        }
        ControlFlow::Continue(())
    }

    /// Hands a handshake over as soon as it is over: what follows is ciphered.
    fn ended(&mut self, emit: &mut Emit) -> ControlFlow<()> {
        match &self.said {
            Said::Tls(talk) if talk.over() => self.finish_said(emit),
            _ => ControlFlow::Continue(()),
        }
    }

    fn finish_said(&mut self, emit: &mut Emit) -> ControlFlow<()> {
        match std::mem::replace(&mut self.said, Said::Passed) {
            Said::Http(talk) => talk.finish(emit),
            Said::Tls(talk) => {
                talk.row(self.ends).map_or(ControlFlow::Continue(()), |r| emit(Row::Tls(Box::new(r))))
            }
            Said::Dns(talk) => talk.finish(self.ends, emit),
            Said::Start(_) | Said::Passed => ControlFlow::Continue(()),
        }
    }

    /// The connection has ended, or is followed no longer: hands over what there is.
    pub(super) fn finish(&mut self, ts: i64, emit: &mut Emit) -> ControlFlow<()> {
        for forward in [true, false] {
            if !self.passed() {
                self.settle(ts, forward, true, emit)?;
            }
        }
        self.finish_said(emit)
    }
}

/// The protocol that a caller's first bytes show.
fn told(start: &[u8], ends: Ends) -> Said {
    match start {
        // A handshake record (RFC 8446 section 5.1) whose first message is a client hello.
        [0x16, 3, 0..=4, _, _, 1, ..] => Said::Tls(Box::default()),
        _ if ends.to.1 == 53 => Said::Dns(Box::default()),
        _ if http::begins(start) => Said::Http(Box::default()),
        _ => Said::Passed,
    }
}
