//! Reading a bundle, or a bare array of objects, one object at a time.
//!
//! Here: one `StixObject` finding for every object, and `Indicator` findings for what an indicator names.
//! Bounds: one object in memory, at most [`MAX_OBJECT`] bytes of it; patterns above [`MAX_PATTERN`] are left out.
//! A bad object costs itself; where the text breaks off, what came before is kept.

use super::pattern;
use crate::findings::{BROKEN_OFF, OBJECT_BAD, OBJECT_TOO_LARGE, Reporter, Sink, Summary};
use crate::scan::{self, Element, Fit};
use serde::Deserialize;
use std::{borrow::Cow, io::Read};
use terms::{Confidence, FindingBody};

/// Largest object that is read, in bytes of JSON.
pub const MAX_OBJECT: usize = 8 << 20;
/// Longest pattern that is read, in bytes.
pub const MAX_PATTERN: usize = 64 << 10;
/// Longest name or id that a finding carries, in characters.
const MAX_NAME: usize = 256;

/// The properties looked at; all others are passed over unread.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(rename = "type", borrow)]
    object: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(default, borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(default)]
    confidence: Option<u8>,
    #[serde(default, borrow)]
    pattern: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pattern_type: Option<Cow<'a, str>>,
}

/// Reads a STIX bundle: every object becomes a `StixObject` finding, in the order of the bundle; an indicator also
/// gives an `Indicator` finding for each domain, address, URL and hash that its pattern compares for equality, or one
/// with the whole pattern where there is none.
///
/// What cannot be read becomes an `Unreadable` finding (CMT-0903 not an object, CMT-0904 too large, CMT-0905 the text
/// breaks off) with the object's index, counted from 0.
pub fn read(source: &mut dyn Read, sink: Sink<'_>) -> Summary {
    let mut report = Reporter::new("exchange.stix", sink);
    let ended = scan::document(source, "objects", MAX_OBJECT, &mut |Element { index, raw, fit }| {
        element(index, raw, fit, &mut report);
    });
    if let Err(broken) = ended {
        let place = broken.element.map_or(String::new(), |e| format!(" (object {e})"));
        let at = format!("byte {}{place}", broken.offset);
        report.unreadable(BROKEN_OFF, at, &format!("the bundle breaks off there, {}", broken.why));
    }
    report.finish()
}

fn element(index: u64, raw: &[u8], fit: Fit, report: &mut Reporter<'_>) {
    let at = format!("object {index}");
    match fit {
        Fit::Whole => {}
        Fit::TooLarge => return report.unreadable(OBJECT_TOO_LARGE, at, "it is larger than 8 MiB"),
        Fit::TooDeep => return report.unreadable(OBJECT_TOO_LARGE, at, "its brackets go deeper than 128"),
    }
    let object = match serde_json::from_slice::<Object<'_>>(raw) {
        Ok(object) => object,
        Err(e) => return report.unreadable(OBJECT_BAD, at, &format!("it is not a STIX object ({e})")),
    };
    if !named_by_type(&object) {
        return report.unreadable(OBJECT_BAD, at, "its id does not begin with its type and `--`");
    }
    arrived(index, &object, report);
    if object.object == "indicator" {
        indicator(&at, &object, report);
    }
}

/// STIX 2.1 section 2.9: an identifier is `object-type--UUID`.
fn named_by_type(object: &Object<'_>) -> bool {
    let rest = object.id.strip_prefix(object.object.as_ref()).and_then(|r| r.strip_prefix("--"));
    !object.object.is_empty() && object.id.len() <= MAX_NAME && rest.is_some_and(|r| !r.is_empty())
}

fn arrived(index: u64, object: &Object<'_>, report: &mut Reporter<'_>) {
    report.count();
    let name = object.name.as_deref().map(cut);
    let called = name.as_deref().map_or(String::new(), |n| format!(", `{n}`"));
    report.state(
        Confidence::new(100),
        format!("Object {index} of the bundle is a {}{called}.", object.object),
        FindingBody::StixObject {
            id: object.id.as_ref().into(),
            object: object.object.as_ref().into(),
            name,
        },
    );
}

fn indicator(at: &str, object: &Object<'_>, report: &mut Reporter<'_>) {
    let Some(pattern) = object.pattern.as_deref() else {
        return report.unreadable(
            OBJECT_BAD,
            format!("{at}, its pattern"),
            "an indicator without a pattern names nothing",
        );
    };
    if pattern.len() > MAX_PATTERN {
        return report.unreadable(OBJECT_TOO_LARGE, format!("{at}, its pattern"), "it is longer than 64 KiB");
    }
    let confidence = Confidence::new(object.confidence.unwrap_or(50));
    let label = object.name.as_deref().map(cut);
    // STIX 2.0 knows one language of patterns only and does not name it.
    let language = object.pattern_type.as_deref().unwrap_or("stix");
    let named = if language == "stix" { pattern::named(pattern) } else { Vec::new() };
    if named.is_empty() {
        report.state(
            confidence,
            format!("The indicator {} gives a {} pattern.", object.id, cut(language)),
            FindingBody::Indicator { kind: "indicator".into(), value: pattern.into(), label },
        );
        return;
    }
    for thing in named {
        let value = if thing.kind == "url" { thing.value } else { thing.value.to_ascii_lowercase() };
        report.state(
            confidence,
            format!("The pattern of the indicator {} names this {}.", object.id, thing.kind),
            FindingBody::Indicator { kind: thing.kind.into(), value, label: label.clone() },
        );
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}
