//! Rules in the home: each set is applied once to what may be a sample, and says what became of it.

use crate::support;
use comity::node::Node;
use comity::node::ingest::{Manner, Source};
use std::collections::BTreeSet;
use terms::{ExhibitId, Finding, FindingBody, PersonId, Role};

const SET: &str = r#"import "pe"
rule harbour_note : test { meta: description = "a note of the harbour" strings: $a = "harbour" condition: $a }
rule small_program { condition: pe.number_of_sections > 1 and filesize < 1MB }
rule broken { condition: not_there_at_all }
"#;

async fn take_in(node: &Node, name: &str, bytes: &[u8]) -> ExhibitId {
    let source = Source::Bytes(name.into(), bytes.to_vec());
    node.ingest(vec![source], &Manner::house("test"), &|_| ()).await.unwrap().taken[0].exhibit
}

fn fired(findings: &[Finding], on: ExhibitId) -> BTreeSet<String> {
    let rule = |f: &Finding| match &f.body {
        FindingBody::RuleMatch { rule, .. } if f.exhibits.contains(&on) => Some(rule.clone()),
        _ => None,
    };
    findings.iter().filter_map(rule).collect()
}

fn scans(findings: &[Finding], set: ExhibitId) -> usize {
    let of = |f: &&Finding| matches!(f.body, FindingBody::Scanned { .. }) && f.exhibits.contains(&set);
    findings.iter().filter(of).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_set_is_applied_once_to_everything_that_may_be_a_sample() {
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = support::options(&folder.path().join("home"));
    let node = support::init(&options).await;
    let dpo = PersonId("dpo-1".into());
    node.person_add(&dpo, Role::DataProtectionOfficer).await.unwrap();
    let set = take_in(&node, "set.yar", SET.as_bytes()).await;
    let note = take_in(&node, "note.txt", b"the harbour is quiet tonight\n").await;
    let sample = take_in(&node, "sample.exe", &support::sample_of(exercise::Format::Pe, 1)).await;
    let log = take_in(&node, "conn.log", support::conn_log(1, 20).as_bytes()).await;
    let done = node.analyze(&|_| ()).await.unwrap();
    assert!(done.failed.is_empty(), "{done:?}");

    let findings = node.standing().await.unwrap();
    assert_eq!(fired(&findings, note), ["harbour_note".to_owned()].into());
    assert!(fired(&findings, sample).contains("small_program"), "{findings:?}");
    assert_eq!(fired(&findings, log), BTreeSet::new());
    assert_eq!(fired(&findings, set).len(), 2, "a match rests on its set, too");
    assert_eq!(scans(&findings, set), 2, "the log is no sample, nor is the set itself");
    let compiled = findings.iter().find(|f| matches!(f.body, FindingBody::RuleSet { .. })).unwrap();
    assert_eq!(compiled.exhibits, [set]);
    assert!(matches!(compiled.body, FindingBody::RuleSet { rules: 2, left_out: 1 }), "{compiled:?}");
    let left =
        findings.iter().find(|f| f.exhibits == [set] && matches!(f.body, FindingBody::Unreadable { .. }));
    let Some(Finding { body: FindingBody::Unreadable { code, at, .. }, .. }) = left else {
        panic!("{findings:?}")
    };
    assert_eq!((code.as_str(), at.as_str()), ("CMT-0560", "rule `broken`, line 4"));

    // Nothing new: nothing is scanned again, and custody does not grow.
    let acts = support::custody(&node, &note).await.len();
    assert_eq!(node.analyze(&|_| ()).await.unwrap().new_findings, 0);
    assert_eq!(support::custody(&node, &note).await.len(), acts);

    // A second set is applied to what was here before; one in which nothing works says so, and is applied to nothing.
    let other = take_in(&node, "other.yar", b"rule quiet { strings: $q = \"quiet\" condition: $q }\n").await;
    let bad = take_in(&node, "bad.yar", b"rule bad { condition: nothing_of_the_kind }\n").await;
    node.analyze(&|_| ()).await.unwrap();
    let findings = node.standing().await.unwrap();
    assert_eq!(fired(&findings, note), ["harbour_note".to_owned(), "quiet".to_owned()].into());
    assert_eq!((scans(&findings, set), scans(&findings, other), scans(&findings, bad)), (2, 2, 0));
    assert_eq!(node.analyze(&|_| ()).await.unwrap().new_findings, 0);

    // An erased set is applied to nothing more, and its matches are gone.
    let threats = node.assess().await.unwrap();
    let case = node.case_open("Harbour", &[threats[0].id.clone()]).await.unwrap().id.to_string();
    node.gather(&case, &[set.to_string()]).await.unwrap();
    node.erase(&case, &[set.to_string()], "withdrawn", &dpo).await.unwrap();
    let late = take_in(&node, "late.txt", b"the harbour is quiet again\n").await;
    node.analyze(&|_| ()).await.unwrap();
    let findings = node.standing().await.unwrap();
    assert_eq!(fired(&findings, late), ["quiet".to_owned()].into());
    assert_eq!(fired(&findings, note), ["quiet".to_owned()].into());
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

/// Who sends a sample does not choose the rules.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_set_out_of_a_sample_is_not_armed() {
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = support::options(&folder.path().join("home"));
    let node = support::init(&options).await;
    let quiet = b"rule quiet { strings: $q = \"quiet\" condition: $q }\n";
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("quiet.yar", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut writer, quiet).unwrap();
    take_in(&node, "sample.zip", &writer.finish().unwrap().into_inner()).await;
    let note = take_in(&node, "note.txt", b"the harbour is quiet tonight\n").await;
    node.analyze(&|_| ()).await.unwrap();
    assert_eq!(fired(&node.standing().await.unwrap(), note), BTreeSet::new());
    // Taken in by itself, it is the operator's.
    let set = take_in(&node, "quiet.yar", quiet).await;
    node.analyze(&|_| ()).await.unwrap();
    assert_eq!(fired(&node.standing().await.unwrap(), note), ["quiet".to_owned()].into());
    node.close().await.unwrap();

    // Withdrawn: applied to nothing that comes.
    let config = folder.path().join("home/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("rules_withdrawn = [\"{}\"]\n{text}", &set.to_string()[..8])).unwrap();
    let node = Node::open(&options, "test").await.unwrap();
    let late = take_in(&node, "late.txt", b"the harbour is quiet again\n").await;
    node.analyze(&|_| ()).await.unwrap();
    assert_eq!(fired(&node.standing().await.unwrap(), late), BTreeSet::new());
}

/// Two sets that would keep their engine busy for a quarter of an hour, one to compile and one to scan: each is found,
/// told and applied to nothing more, and the third works.
#[tokio::test(flavor = "multi_thread")]
async fn rules_that_take_too_long_cost_themselves_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = support::options(&folder.path().join("home"));
    support::init(&options).await.close().await.unwrap();
    let config = folder.path().join("home/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("rules_seconds = 4\n{text}")).unwrap();
    let node = Node::open(&options, "test").await.unwrap();
    // Loops in loops, rule by rule: little text, much code of the machine.
    let one = |n: u32| {
        let (byte, all) = (n % 255, "for any i in (0..9): (for any j in (0..9)");
        format!(
            "rule r{n} {{ condition: {all}: (uint8(i) == {byte} and uint16(j) == {n} and uint32(i + j) == 3)) }}\n"
        )
    };
    let dear: String = (0..1500).map(one).collect();
    let dear = take_in(&node, "dear.yar", dear.as_bytes()).await;
    let slow = b"rule slow { condition: for all i in (0..filesize - 1) : (for all j in (0..filesize - 1) : \
        (for all k in (1..1000) : (uint8(i) + uint8(j) + k >= 0))) }\n";
    let slow = take_in(&node, "slow.yar", slow).await;
    let quiet = take_in(&node, "quiet.yar", b"rule quiet { strings: $q = \"quiet\" condition: $q }\n").await;
    let mut notes = Vec::new();
    for n in 0..12 {
        let text = format!("the harbour is quiet, {n}\n").repeat(200);
        notes.push(take_in(&node, &format!("{n}.txt"), text.as_bytes()).await);
    }
    let done = node.analyze(&|_| ()).await.unwrap();
    let why = |set: ExhibitId| -> Vec<&str> {
        done.failed.iter().filter(|(id, ..)| *id == set).map(|(_, code, _)| code.as_str()).collect()
    };
    assert_eq!((why(dear), why(slow), why(quiet)), (vec!["CMT-1290"], vec!["CMT-1292"], vec![]), "{done:?}");
    let findings = node.standing().await.unwrap();
    let late = notes.iter().filter(|n| why(**n) == ["CMT-1291"]).count();
    assert!((5..=6).contains(&late), "five in a row, and one that was under way: {done:?}");
    let with_quiet = notes.iter().filter(|n| !fired(&findings, **n).is_empty()).count();
    assert_eq!(late + with_quiet, notes.len(), "the rest was scanned without the slow set");
    assert_eq!((scans(&findings, dear), scans(&findings, slow)), (0, 0));
    let told = findings.iter().find(|f| f.exhibits == [dear]).unwrap();
    assert!(told.reason.contains("4 s of processor time"), "{told:?}");
    node.close().await.unwrap();

    // It is not compiled again while the setting stays.
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("rules_withdrawn = [\"{}\"]\n{text}", &slow.to_string()[..8])).unwrap();
    let node = Node::open(&options, "test").await.unwrap();
    let done = node.analyze(&|_| ()).await.unwrap();
    let failed: Vec<(ExhibitId, &str)> =
        done.failed.iter().map(|(id, code, _)| (*id, code.as_str())).collect();
    assert_eq!(failed, [(dear, "CMT-1290")], "{done:?}");
    assert!(done.failed[0].2.contains("it took too long"), "{done:?}");
    let findings = node.standing().await.unwrap();
    assert!(notes.iter().all(|n| !fired(&findings, *n).is_empty()), "each has its scan by now");
}
