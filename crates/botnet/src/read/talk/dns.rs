//! DNS over TCP (RFC 1035 section 4.2.2): messages behind their length.
//!
//! Bounds: a message of at most [`MAX_MESSAGE`], at most [`MAX_OPEN`] questions without answer.

use super::{Emit, Ends};
use crate::read::dns_message::{self, Message};
use crate::rows::{DnsRow, Row};
use std::ops::ControlFlow;

const MAX_MESSAGE: usize = 16 << 10;
const MAX_OPEN: usize = 32;

#[derive(Default)]
struct Way {
    held: Vec<u8>,
    lost: bool,
}

#[derive(Default)]
pub(super) struct Talk {
    ours: Way,
    theirs: Way,
    /// Number, name, type and time of questions.
    open: Vec<(u16, String, u16, i64)>,
}

impl Talk {
    pub(super) fn held(&self) -> usize {
        let names = self.open.iter().map(|o| size_of_val(o) + o.1.capacity()).sum::<usize>();
        size_of::<Self>() + self.ours.held.capacity() + self.theirs.held.capacity() + names
    }

    pub(super) fn gap(&mut self, forward: bool) {
        let way = if forward { &mut self.ours } else { &mut self.theirs };
        *way = Way { held: Vec::new(), lost: true };
    }

    pub(super) fn bytes(
        &mut self,
        ends: Ends,
        ts: i64,
        forward: bool,
        data: &[u8],
        emit: &mut Emit,
    ) -> ControlFlow<()> {
        let way = if forward { &mut self.ours } else { &mut self.theirs };
        if way.lost {
            return ControlFlow::Continue(());
        }
        way.held.extend_from_slice(data);
        loop {
            let way = if forward { &mut self.ours } else { &mut self.theirs };
            let [high, low, rest @ ..] = way.held.as_slice() else { return ControlFlow::Continue(()) };
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if length > MAX_MESSAGE {
                *way = Way { held: Vec::new(), lost: true };
                return ControlFlow::Continue(());
            }
            let Some(message) = rest.get(..length) else { return ControlFlow::Continue(()) };
            let message = dns_message::parse(message);
            way.held.drain(..2 + length);
            if let Some(m) = message {
                self.message(ends, ts, m, emit)?;
            }
        }
    }

    fn message(&mut self, ends: Ends, ts: i64, m: Message, emit: &mut Emit) -> ControlFlow<()> {
        if !m.response {
            if self.open.len() < MAX_OPEN {
                self.open.push((m.id, m.query, m.qtype, ts));
            }
            return ControlFlow::Continue(());
        }
        let asked = self.open.iter().position(|o| o.0 == m.id && o.1 == m.query);
        let ts = asked.map_or(ts, |at| self.open.swap_remove(at).3);
        emit(Row::Dns(DnsRow {
            ts,
            client: Some(ends.from.0),
            server: Some(ends.to.0),
            query: m.query,
            qtype: Some(dns_message::type_name(m.qtype)),
            rcode: Some(dns_message::rcode_name(m.rcode)),
            answers: m.answers,
        }))
    }

    pub(super) fn finish(self, ends: Ends, emit: &mut Emit) -> ControlFlow<()> {
        self.open.into_iter().try_for_each(|(_, query, qtype, ts)| {
            emit(Row::Dns(DnsRow {
                ts,
                client: Some(ends.from.0),
                server: Some(ends.to.0),
                query,
                qtype: Some(dns_message::type_name(qtype)),
                rcode: None,
                answers: Vec::new(),
            }))
        })
    }
}
