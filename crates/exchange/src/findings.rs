//! What readers share: building findings and listing what could not be read.
//!
//! Here: [`Summary`], the list of what was left out. Bounds: 1,000 places are listed one by one, the rest is counted.

use terms::{Confidence, FindingBody, Unsealed};

/// Where findings go, in the order of the input.
pub type Sink<'a> = &'a mut dyn FnMut(Unsealed);

/// How many unreadable places a reader lists one by one; further ones are counted in one last finding.
pub const MAX_LISTED: u64 = 1_000;

/// What a reader did with one exhibit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Records (objects, lines) that were read.
    pub read: u64,
    /// Records that were left out; each is listed or counted in an `Unreadable` finding.
    pub unreadable: u64,
}

/// Code of a line that is not of its file's kind.
pub(crate) const LINE_UNKNOWN: &str = "CMT-0901";
/// Code of a line that is too long.
pub(crate) const LINE_TOO_LONG: &str = "CMT-0902";
/// Code of a STIX object that is not one.
pub(crate) const OBJECT_BAD: &str = "CMT-0903";
/// Code of a STIX object above the size cap.
pub(crate) const OBJECT_TOO_LARGE: &str = "CMT-0904";
/// Code of a text that breaks off.
pub(crate) const BROKEN_OFF: &str = "CMT-0905";
/// Code of a table that is full.
pub(crate) const TABLE_FULL: &str = "CMT-0906";
/// Code of the findings that were counted instead of listed.
pub(crate) const NOT_LISTED: &str = "CMT-0907";

/// Makes the findings of one examiner and counts what it left out.
pub(crate) struct Reporter<'a> {
    examiner: &'static str,
    sink: Sink<'a>,
    summary: Summary,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(examiner: &'static str, sink: Sink<'a>) -> Self {
        Self { examiner, sink, summary: Summary::default() }
    }

    /// Counts one record as read.
    pub(crate) fn count(&mut self) {
        self.summary.read += 1;
    }

    pub(crate) fn state(&mut self, confidence: Confidence, reason: String, body: FindingBody) {
        (self.sink)(Unsealed { examiner: self.examiner.into(), version: 1, confidence, reason, body });
    }

    /// Lists one record that was left out.
    pub(crate) fn unreadable(&mut self, code: &str, at: String, why: &str) {
        self.summary.unreadable += 1;
        if self.summary.unreadable <= MAX_LISTED {
            self.state(
                Confidence::new(100),
                format!("Left out, {at}: {why}."),
                FindingBody::Unreadable { code: code.into(), at, records: 1 },
            );
        }
    }

    pub(crate) fn finish(mut self) -> Summary {
        let summary = self.summary;
        if let Some(records @ 1..) = summary.unreadable.checked_sub(MAX_LISTED) {
            self.state(
                Confidence::new(100),
                format!(
                    "{records} more records were left out; the first {MAX_LISTED} are listed one by one."
                ),
                FindingBody::Unreadable { code: NOT_LISTED.into(), at: "further on".into(), records },
            );
        }
        summary
    }
}
