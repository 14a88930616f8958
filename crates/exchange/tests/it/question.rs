//! Questions and covert lists: what hits, what does not, and every refusal.

use crate::{collect, unreadable};
use exchange::question::{CovertList, Question};
use exchange::{Item, examine};
use terms::{Category, ExhibitKind, FindingBody};

const LIST: &str = r#"{"schema":"comity.covert/1","asset":"198.18.9.9","contact":"desk-7@police.example","answer":"delay","until":"2026-05-01T00:00:00Z"}
{"schema":"comity.covert/1","asset":"Quiet.NET.example","contact":"desk-8@police.example","answer":"contact"}

"#;

#[test]
fn an_answer_is_a_hit_or_none_and_says_nothing_else() {
    let list = CovertList::parse(LIST.as_bytes()).unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(format!("{list:?}"), "CovertList of 2");
    for (asset, contact, until) in [
        ("198.18.9.9", Some("desk-7@police.example"), Some("2026-05-01T00:00:00Z")),
        ("198.18.9.9:4443", Some("desk-7@police.example"), Some("2026-05-01T00:00:00Z")),
        ("198.18.9.90", None, None),
        ("198.18.9.8", None, None),
        ("quiet.net.example", Some("desk-8@police.example"), None),
        ("a.b.QUIET.net.example.", Some("desk-8@police.example"), None),
        ("net.example", None, None),
        ("unquiet.net.example", None, None),
    ] {
        let question = Question::new([asset.to_owned()]).unwrap();
        let answers = list.answer(&question);
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].asset, asset);
        assert_eq!(answers[0].hit, contact.is_some(), "{asset}");
        assert_eq!(answers[0].contact.as_deref(), contact, "{asset}");
        assert_eq!(answers[0].until.map(|t| t.to_string()).as_deref(), until, "{asset}");
    }
}

#[test]
fn a_question_is_an_item_that_reads_back() {
    let question = Question::new(["b.example".into(), "a.example".into(), "b.example".into()]).unwrap();
    let item: Item = question.item("question.json").unwrap();
    assert_eq!((item.records, item.categories), (2, [Category::C2Infrastructure].into()));
    assert_eq!(Question::parse(&item.bytes).unwrap(), question);
    for bad in [
        r#"{}"#,
        r#"{"schema":"comity.question/2","assets":["a"]}"#,
        r#"{"schema":"comity.question/1","assets":[]}"#,
        r#"{"schema":"comity.question/1","assets":[""]}"#,
        r#"{"schema":"comity.question/1","assets":["a"],"x":1}"#,
    ] {
        assert!(Question::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(Question::new((0..10_001).map(|n| format!("n{n}"))).is_err());
}

#[test]
fn one_bad_line_refuses_the_list() {
    for bad in [
        "nonsense",
        r#"{"schema":"comity.covert/2","asset":"a","contact":"b","answer":"contact"}"#,
        r#"{"schema":"comity.covert/1","asset":"","contact":"b","answer":"contact"}"#,
        r#"{"schema":"comity.covert/1","asset":"a","contact":"b","answer":"delay"}"#,
        r#"{"schema":"comity.covert/1","asset":"a","contact":"b","answer":"maybe"}"#,
        r#"{"schema":"comity.covert/1","asset":"198.18.9.9:80","contact":"b","answer":"contact"}"#,
    ] {
        let text = format!("{LIST}{bad}\n");
        let error = CovertList::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("line 4"), "{error}");
        let findings = collect(|sink| {
            examine(ExhibitKind::CovertList, &mut text.as_bytes(), sink).unwrap();
        });
        assert_eq!(unreadable(&findings).len(), 1);
    }
}

#[test]
fn the_finding_shows_none_of_the_assets() {
    let findings = collect(|sink| {
        examine(ExhibitKind::CovertList, &mut LIST.as_bytes(), sink).unwrap();
    });
    let shown = serde_json::to_string(&findings).unwrap();
    assert!(matches!(&findings[0].body, FindingBody::Format { kind: ExhibitKind::CovertList, .. }));
    assert!(!shown.contains("198.18") && !shown.contains("quiet") && !shown.contains("desk"), "{shown}");
}
