//! What holds of the readers of others' reports whatever the bytes: one function for each reader.
//!
//! `fuzz/` calls these with inputs that it looks for, the tests with seeds and with changes of them. A function returns
//! where everything holds and panics where something does not.

use exchange::reports::{Event, Summary, read, recognise};
use std::io::Read;
use std::ops::ControlFlow;
use terms::{ExhibitKind, Place};

/// A check by the name of its target.
type Check = (&'static str, fn(&[u8]));

/// All of them.
pub const CHECKS: &[Check] = &[("exchange_ctip", ctip), ("exchange_shadowserver", shadowserver)];

/// CSV of Shadowserver.
pub fn shadowserver(bytes: &[u8]) {
    report(ExhibitKind::Shadowserver, bytes);
}

/// JSON lines of CTIP.
pub fn ctip(bytes: &[u8]) {
    report(ExhibitKind::Ctip, bytes);
}

/// A source that gives a few bytes at a time: readers must not lean on how a report is cut.
struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let some = buffer.len().min(self.1);
        self.0.read(buffer.get_mut(..some).unwrap_or_default())
    }
}

fn report(kind: ExhibitKind, bytes: &[u8]) {
    let (events, summary) = all(kind, &mut { bytes });
    assert_eq!(summary.events, events.len() as u64, "the summary counts what was handed over");
    for (n, skipped) in summary.skipped.iter().enumerate() {
        assert!(skipped.first >= 1 && skipped.records + summary.events <= bytes.len() as u64 + 1);
        let again = summary.skipped.iter().skip(n + 1).any(|s| s.code == skipped.code);
        assert!(!again, "each reason is listed once");
    }
    let drop = 1 + bytes.first().map_or(0, |b| usize::from(*b) % 7);
    assert_eq!(all(kind, &mut Drops(bytes, drop)), (events.clone(), summary), "cut in drops of {drop}");
    // Who has enough of it is handed no more.
    let mut taken = 0;
    let stopped = read(kind, &mut { bytes }, &mut |_| {
        taken += 1;
        ControlFlow::Break(())
    });
    assert_eq!((taken, stopped.map(|s| s.events)), (events.len().min(1), Some(events.len().min(1) as u64)));
    // What is known by its first line as one report is none of the other kind.
    assert!(recognise(bytes).is_none_or(|k| matches!(k, ExhibitKind::Shadowserver | ExhibitKind::Ctip)));
}

fn all(kind: ExhibitKind, source: &mut dyn Read) -> (Vec<String>, Summary) {
    let mut events = Vec::new();
    let summary = read(kind, source, &mut |event| {
        events.push(shown(event));
        ControlFlow::Continue(())
    });
    (events, summary.expect("the kind is a report"))
}

/// Everything of an event, in one text; what its fields promise is checked on the way.
fn shown(event: &Event<'_>) -> String {
    assert_eq!(event.source, event.source.to_canonical(), "an IPv4 address is one however it was written");
    assert!(event.network != Some(0) && event.place != Some(Place::UNKNOWN), "not known is none");
    if let Some(infection) = &event.infection {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-/".contains(&b);
        assert!(infection.len() <= 201 && infection.bytes().all(good), "{infection:?}");
        assert!(infection.split('/').count() <= 2 && infection.split('/').all(|p| !p.is_empty()));
    }
    let channel = event.channel().map(|c| c.key());
    assert!(
        channel.as_ref().is_none_or(|c| !c.is_empty() && !c.contains(char::is_whitespace)),
        "{channel:?}"
    );
    let mut rest = String::new();
    event.rest(&mut |name, value| rest.push_str(&format!(" {name}={value}")));
    format!("{:?} {:?} {channel:?} {:?}{rest}", event.at, (event.source, event.port), event.infection)
}
