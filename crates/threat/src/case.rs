//! A case: an investigation as plain data, changed only by events. The same events in the same order give the same
//! case, so its history can be replayed.
//!
//! Elsewhere: where cases rest (the node's state store), who may act on one (the node's roles).
//! Bounds: texts of events are cut at 20,000 characters.

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{CaseId, ExhibitId, FindingId, PersonId, Role, ThreatId, Timestamp};

/// Longest text of a note, title or decision, in characters.
const MAX_TEXT: usize = 20_000;

/// Whether a case is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseState {
    /// It is worked on.
    Open,
    /// It is closed; only reopening changes it.
    Closed,
}

/// An investigation (`comity.case/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Always `comity.case/1`.
    pub schema: String,
    /// Its id.
    pub id: CaseId,
    /// For people.
    pub title: String,
    /// Threats it is about.
    pub threats: BTreeSet<ThreatId>,
    /// Exhibits gathered.
    pub exhibits: BTreeSet<ExhibitId>,
    /// Findings gathered, without the refuted.
    pub findings: BTreeSet<FindingId>,
    /// Findings that were refuted, with the reason; they are never deleted.
    pub refuted: Vec<(FindingId, String)>,
    /// Who works on it, as what.
    pub people: Vec<(PersonId, Role)>,
    /// Notes, oldest first.
    pub notes: Vec<Entry>,
    /// Decisions, oldest first.
    pub decisions: Vec<Entry>,
    /// When it was opened.
    pub opened: Timestamp,
    /// Whether it is worked on.
    pub state: CaseState,
}

/// A note or decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: PersonId,
    /// What.
    pub text: String,
    /// What it rests on.
    pub findings: Vec<FindingId>,
}

/// What happened to a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum CaseEvent {
    /// A threat joins, with its exhibits and findings.
    Gathered {
        /// The threat.
        threat: Option<ThreatId>,
        /// Exhibits.
        exhibits: Vec<ExhibitId>,
        /// Findings.
        findings: Vec<FindingId>,
    },
    /// A finding turned out wrong.
    Refuted {
        /// Which.
        finding: FindingId,
        /// Why.
        reason: String,
    },
    /// A person joins.
    Assigned {
        /// Who.
        person: PersonId,
        /// As what.
        role: Role,
    },
    /// A person leaves.
    Released {
        /// Who.
        person: PersonId,
    },
    /// A note is written.
    Noted(Entry),
    /// Something is decided; it names what it rests on.
    Decided(Entry),
    /// The title changes.
    Renamed {
        /// The new one.
        title: String,
    },
    /// It is closed.
    Closed,
    /// It is opened again.
    Reopened,
}

/// Why an event does not apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum CaseError {
    /// It is closed.
    #[error("case `{0}` is closed")]
    #[diagnostic(code("CMT-0701"), help("`comity case reopen {0}` opens it again"))]
    Closed(CaseId),
    /// The text is empty or too long.
    #[error("a text of {0} characters is not kept; write 1 to 20,000")]
    #[diagnostic(code("CMT-0702"), help("seal a longer document with `comity ingest` and name its exhibit"))]
    Text(usize),
    /// The finding is not in the case.
    #[error("finding `{0}` is not in this case")]
    #[diagnostic(code("CMT-0703"), help("`comity case show` lists its findings"))]
    NoFinding(FindingId),
    /// The person is not assigned.
    #[error("`{0}` does not work on this case")]
    #[diagnostic(code("CMT-0704"), help("`comity case show` lists who does"))]
    NoPerson(PersonId),
}

impl Case {
    /// A new, empty case.
    ///
    /// # Errors
    /// Refuses an empty title or one above 20,000 characters.
    pub fn open(id: CaseId, title: &str, opened: Timestamp) -> Result<Self, CaseError> {
        Ok(Self {
            schema: "comity.case/1".to_owned(),
            id,
            title: text(title)?,
            threats: BTreeSet::new(),
            exhibits: BTreeSet::new(),
            findings: BTreeSet::new(),
            refuted: Vec::new(),
            people: Vec::new(),
            notes: Vec::new(),
            decisions: Vec::new(),
            opened,
            state: CaseState::Open,
        })
    }

    /// The case after the event; the case given stays as it is.
    ///
    /// # Errors
    /// Refuses an event that does not fit: a closed case, an unknown finding or person, an empty text.
    pub fn with(&self, event: &CaseEvent) -> Result<Self, CaseError> {
        if self.state == CaseState::Closed && *event != CaseEvent::Reopened {
            return Err(CaseError::Closed(self.id.clone()));
        }
        let mut next = self.clone();
        match event {
            CaseEvent::Gathered { threat, exhibits, findings } => {
                next.threats.extend(threat.clone());
                next.exhibits.extend(exhibits);
                let refuted: BTreeSet<_> = self.refuted.iter().map(|(f, _)| *f).collect();
                next.findings.extend(findings.iter().filter(|f| !refuted.contains(f)));
            }
            CaseEvent::Refuted { finding, reason } => {
                if !next.findings.remove(finding) {
                    return Err(CaseError::NoFinding(*finding));
                }
                next.refuted.push((*finding, text(reason)?));
            }
            CaseEvent::Assigned { person, role } => {
                next.people.retain(|(p, _)| p != person);
                next.people.push((person.clone(), *role));
            }
            CaseEvent::Released { person } => {
                next.people.retain(|(p, _)| p != person);
                if next.people.len() == self.people.len() {
                    return Err(CaseError::NoPerson(person.clone()));
                }
            }
            CaseEvent::Noted(entry) => next.notes.push(checked(entry)?),
            CaseEvent::Decided(entry) => next.decisions.push(checked(entry)?),
            CaseEvent::Renamed { title } => next.title = text(title)?,
            CaseEvent::Closed => next.state = CaseState::Closed,
            CaseEvent::Reopened => next.state = CaseState::Open,
        }
        Ok(next)
    }
}

fn text(s: &str) -> Result<String, CaseError> {
    match s.chars().count() {
        0 => Err(CaseError::Text(0)),
        n if n > MAX_TEXT => Err(CaseError::Text(n)),
        _ => Ok(s.to_owned()),
    }
}

fn checked(entry: &Entry) -> Result<Entry, CaseError> {
    text(&entry.text)?;
    Ok(entry.clone())
}
