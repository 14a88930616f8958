//! Lines that a stranger can send, and that must not take the answers to everything else away.

use crate::support;
use comity::demo::Operation;
use comity::node::ingest::{Manner, sources};
use exercise::Spec;
use std::fmt::Write as _;
use terms::Day;

/// A line of a sinkhole's log.
fn line(day: Day, channel: &str) -> String {
    format!(
        r#"{{"schema":"comity.sinkhole/1","event":"{day}T00:00:01Z","observed":"{day}T00:00:02Z","source":"240.0.0.1","source_port":1024,"channel":"{channel}","bot":"0123456789abcdef","botnet":null}}"#
    )
}

async fn take_in(node: &comity::node::Node, folder: &std::path::Path, name: &str, text: &str) {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    let (found, _) = sources(&[file], node.home.root());
    let taken = node.ingest(found, &Manner::house("a test"), &|_| ()).await.unwrap();
    assert_eq!(taken.rows(), text.lines().count() as u64, "{taken:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_far_days_leave_the_other_answers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let spec = Spec { seed: 7, bots: 300, days: 7, hosts: 8 };
    let operation = Operation::begin(folder.path(), &spec, &support::program(), &mut |_| ()).await.unwrap();
    operation.clock.set("2026-03-09T09:00:00Z".parse().unwrap());
    let company = operation.node("company");
    let (found, _) = sources(&[folder.path().join("operation/company")], company.home.root());
    company.ingest(found, &Manner::house("a test"), &|_| ()).await.unwrap();
    company.analyze(&|_| ()).await.unwrap();
    let before = company.population(None, None).await.unwrap();

    let far: Day = "9999-12-30".parse().unwrap();
    take_in(company, folder.path(), "far.ndjson", &(line(far, "late.example") + "\n")).await;
    let after = company.population(None, None).await.unwrap();
    assert_eq!((after.from, after.until), (before.from, before.until));
    assert_eq!(after.estimate, before.estimate);

    // More days than one answer may have: that question is told, the others are answered.
    let mut many = String::new();
    for day in 0..200_001 {
        writeln!(many, "{}", line(Day(day), "early.example")).unwrap();
    }
    take_in(company, folder.path(), "many.ndjson", &many).await;
    let analyzed = company.analyze(&|_| ()).await.unwrap();
    let left: Vec<_> = analyzed.unanswered.iter().map(|u| (u.question, u.code.as_str())).collect();
    assert_eq!(left, [("bots per channel and day", "CMT-0636")]);
    assert!(analyzed.findings["activity"] > 0, "what was found before stands: {:?}", analyzed.findings);
    assert!(!company.of_kind("beacon").await.unwrap().is_empty());
    operation.end().await.unwrap();
}
