//! A case changes by events only.

use crate::made::*;
use terms::{CaseId, Channel, PersonId, Role, Timestamp};
use threat::{Case, CaseError, CaseEvent, CaseState, Entry, timeline};

fn open() -> Case {
    let id = CaseId::new("harbour-lights").unwrap();
    Case::open(id, "Harbour Lights", day(0).start()).unwrap()
}
fn person() -> PersonId {
    PersonId("analyst-1".into())
}
fn entry(text: &str) -> Entry {
    let at = Timestamp(day(2).start().0 + 5);
    Entry { at, by: person(), text: text.into(), findings: vec![] }
}

#[test]
fn events_build_a_case_and_leave_the_old_one_alone() {
    let seen = activity(Channel::domain("relay-one.com.example"), day(1), 700);
    let empty = open();
    let mut case = empty.clone();
    for event in [
        CaseEvent::Gathered {
            threat: Some("harbourlight".parse().unwrap()),
            exhibits: seen.exhibits.clone(),
            findings: vec![seen.id],
        },
        CaseEvent::Assigned { person: person(), role: Role::Analyst },
        CaseEvent::Assigned { person: person(), role: Role::CaseLead },
        CaseEvent::Noted(entry("the relay is busy")),
        CaseEvent::Decided(entry("plan for the tenth")),
        CaseEvent::Renamed { title: "Harbour Lights, spring".into() },
    ] {
        case = case.with(&event).unwrap();
    }
    assert_eq!(empty, open());
    assert_eq!(case.people, [(person(), Role::CaseLead)]);
    assert_eq!((case.notes.len(), case.decisions.len(), case.findings.len()), (1, 1, 1));
    let lines: Vec<_> = timeline(&case, &[seen]).into_iter().map(|m| (m.day, m.kind)).collect();
    let expected = [(0, "opened"), (1, "activity"), (2, "decision"), (2, "note")];
    assert_eq!(lines, expected.map(|(n, k)| (day(n), k.to_owned())));
    let json = serde_json::to_string(&case).unwrap();
    assert_eq!(serde_json::from_str::<Case>(&json).unwrap(), case);
}

#[test]
fn a_refuted_finding_is_kept_as_refuted_and_does_not_come_back() {
    let id = activity(Channel::domain("a.com.example"), day(1), 1).id;
    let gather = CaseEvent::Gathered { threat: None, exhibits: vec![], findings: vec![id] };
    let case = open().with(&gather).unwrap();
    let case = case.with(&CaseEvent::Refuted { finding: id, reason: "a test machine".into() }).unwrap();
    let case = case.with(&gather).unwrap();
    assert!(case.findings.is_empty());
    assert_eq!(case.refuted, [(id, "a test machine".to_owned())]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let id = activity(Channel::domain("a.com.example"), day(1), 1).id;
    let closed = open().with(&CaseEvent::Closed).unwrap();
    assert_eq!(closed.with(&CaseEvent::Noted(entry("late"))), Err(CaseError::Closed(closed.id.clone())));
    assert_eq!(closed.with(&CaseEvent::Reopened).unwrap().state, CaseState::Open);
    let refute = CaseEvent::Refuted { finding: id, reason: "x".into() };
    assert_eq!(open().with(&refute), Err(CaseError::NoFinding(id)));
    let release = CaseEvent::Released { person: person() };
    assert_eq!(open().with(&release), Err(CaseError::NoPerson(person())));
    assert_eq!(open().with(&CaseEvent::Noted(entry(""))), Err(CaseError::Text(0)));
    let long = "x".repeat(20_001);
    assert_eq!(open().with(&CaseEvent::Renamed { title: long }), Err(CaseError::Text(20_001)));
}
