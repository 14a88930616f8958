//! Records are ruled on one by one: what no clause permits stays home and is told, and what was ruled can be shown and
//! cannot be changed.

use crate::support;
use comity::demo::Operation;
use comity::node::Node;
use comity::node::batches::RulingProof;
use comity::node::error::NodeError;
use comity::node::filter::{KeptBatch, KeptRecords};
use comity::node::ingest::{Manner, sources};
use comity::node::share::{Shared, What, Wish};
use comity::store::crossings::{self, Crossing};
use comity::store::records::{self, Record};
use exercise::Spec;
use miette::Diagnostic as _;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use terms::{MemberId, PartnerId, Purpose};

const SPEC: Spec = Spec { seed: 7, bots: 200, days: 3, hosts: 8 };
/// What clause 3.3 of the sample text lets pass in a month.
const CAP: u64 = 100_000_000;

pub async fn operation(folder: &Path) -> Operation {
    let operation = Operation::begin(folder, &SPEC, &support::program(), &mut |_| ()).await.unwrap();
    operation.sign().await.unwrap();
    let company = operation.node("company");
    let (found, _) = sources(&[folder.join("operation/company")], company.home.root());
    company.ingest(found, &Manner::house("test"), &|_| ()).await.unwrap();
    // The states have acceded by then.
    operation.clock.set("2026-03-09T09:00:00Z".parse().unwrap());
    operation
}

pub fn sightings(member: Option<&str>, purpose: Purpose, case: &str) -> Wish {
    Wish {
        what: What::Sightings,
        of: case.to_owned(),
        with: PartnerId::new("police").unwrap(),
        member: member.map(|m| MemberId::new(m).unwrap()),
        purpose,
        noisy: None,
        seen: botnet::telemetry::Window::ALL,
    }
}

async fn leaves(node: &Node) -> u64 {
    let mut conn = node.state.read().await.unwrap();
    let count = comity::store::leaves::count(&mut conn).await.unwrap();
    count.waiting + count.placed + count.published
}

/// Takes the bundle in at the police; the one file in it.
async fn received(operation: &Operation, shared: &Shared) -> String {
    let file = operation.dir.join("shared.bundle");
    Node::write_bundle(&file, &shared.bundle).unwrap();
    let node = operation.node("police");
    let (found, _) = sources(&[file], node.home.root());
    let ingested = node.ingest(found, &Manner::house("handed over"), &|_| ()).await.unwrap();
    let (bundles, _) = node.cross(&ingested).await.unwrap();
    String::from_utf8(node.vault.read(&bundles[0].exhibits[0], 64 << 20).await.unwrap()).unwrap()
}

/// A state gets the sightings of its own territory out of a log of the whole world; the rest stays, with the clause that
/// came nearest; and each ruling can be shown to an auditor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_gets_its_own_out_of_the_whole_log() {
    let folder = tempfile::tempdir().unwrap();
    let operation = operation(folder.path()).await;
    let company = operation.node("company");
    let tables = company.tables().await.unwrap();
    let all = tables.sightings_between(botnet::telemetry::Window::ALL, 1 << 20).await.unwrap();
    let own = all.iter().filter(|(s, _)| s.place.as_str() == "DE").count() as u64;
    assert!(own > 0 && own < all.len() as u64, "{own} of {}", all.len());

    let wish = sightings(Some("de"), Purpose::VictimNotification, "");
    let before = leaves(company).await;
    let dry = company.share(&wish, true).await.unwrap();
    assert_eq!((dry.records, dry.batch.as_ref(), leaves(company).await), (own, None, before), "no leaf");
    // One day of it.
    let day = all.last().unwrap().0.event.day();
    let seen = botnet::telemetry::Window { from: day.start(), until: day.plus(1).start() };
    let last = company.share(&Wish { seen, ..wish.clone() }, true).await.unwrap();
    let of_day = all.iter().filter(|(s, _)| s.place.as_str() == "DE" && s.event.day() == day).count() as u64;
    assert_eq!(last.records, of_day);
    assert!(of_day > 0 && of_day < own, "{of_day} of {own}");
    let shared = company.share(&wish, false).await.unwrap();
    assert_eq!((shared.records, &shared.stays), (own, &dry.stays));
    let stay: u64 = shared.stays.iter().map(|s| s.records).sum();
    assert_eq!(stay, all.len() as u64 - own);
    let first = &shared.stays[0];
    assert_eq!((first.code.as_str(), first.nearest.as_deref()), ("CMT-0202", Some("company-police 3.5")));
    assert!(first.why.contains("own place"), "{}", first.why);
    // One leaf for all the rulings, one for the release, one for its custody.
    assert_eq!(leaves(company).await, before + 3);

    // The police rules on it again and takes it in: Germany and nothing else.
    let text = received(&operation, &shared).await;
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(lines.len() as u64, own);
    assert!(lines.iter().all(|l| l.ends_with(",DE")), "{text}");

    // An auditor is shown what was ruled on one record, and checks it.
    let batch = shared.batch.clone().unwrap();
    let release = shared.release.as_ref().unwrap().to_string();
    let (mut permitted, mut denied) = (0, 0);
    for index in 0..20 {
        let proof = company.ruling_proof(&batch, index).await.unwrap();
        assert_eq!(company.ruling_proof(&release, index).await.unwrap().record, proof.record);
        let file = folder.path().join("ruling.json");
        std::fs::write(&file, serde_json::to_vec(&proof).unwrap()).unwrap();
        for node in [company, operation.node("police")] {
            let seen = node.verify_file(&file).await.unwrap();
            assert!(seen.whole() && seen.signed_by.len() == 1, "{:?}", seen.problems);
            let ruled = seen.ruled.unwrap();
            if !ruled.ruled.permitted() {
                denied += 1;
                continue;
            }
            permitted += 1;
            // The salt ties it to one line of what the police holds, and to no other.
            let opens = |line: &&&str| {
                let digest = terms::Digest(Sha256::digest(line.as_bytes()).into());
                let salt = ledger::Salt::from_hex(proof.salt.as_ref().unwrap()).unwrap();
                ruled.record.opens_to(&salt, &digest)
            };
            assert_eq!(lines.iter().filter(opens).count(), 1);
        }
        for changed in forged(&proof) {
            std::fs::write(&file, changed).unwrap();
            match company.verify_file(&file).await {
                Ok(seen) => assert!(!seen.whole(), "{:?}", seen.ruled),
                Err(e) => assert!(e.code().is_some()),
            }
        }
    }
    assert!(permitted > 0 && denied > 0, "{permitted} {denied}");
    assert!(company.ruling_proof(&batch, all.len() as u64).await.is_err());
    assert!(company.ruling_proof("nothing", 0).await.is_err());

    changed_records_are_found(company, &batch).await;
    operation.end().await.unwrap();
}

/// The proof with one thing changed in it.
fn forged(proof: &RulingProof) -> Vec<Vec<u8>> {
    let as_text = |p: &RulingProof| serde_json::to_vec(p).unwrap();
    let with = |f: &dyn Fn(&mut RulingProof)| {
        let mut other = proof.clone();
        f(&mut other);
        as_text(&other)
    };
    let turned = match proof.record.contains("\"deny\"") {
        true => proof.record.replace("\"ruling\":\"deny\"", "\"ruling\":\"permit\""),
        false => proof.record.replace("\"ruling\":\"permit-with\"", "\"ruling\":\"deny\""),
    };
    assert_ne!(turned, proof.record);
    vec![
        with(&|p| p.record = turned.clone()),
        with(&|p| p.record = p.record.replace("company-police 3.5", "company-police 3.3")),
        with(&|p| p.index += 1),
        with(&|p| p.records += 1),
        with(&|p| p.path[0].0[0] ^= 1),
        with(&|p| p.path.truncate(1)),
        with(&|p| p.leaf = p.leaf.replacen("\"payload\":\"e", "\"payload\":\"f", 1)),
        with(&|p| p.by = PartnerId::new("region").unwrap()),
        with(&|p| p.proof = p.proof.replacen("index ", "index 1", 1)),
        with(&|p| p.salt = Some("00".into())),
    ]
}

/// A kept record, ruling or root that was changed afterwards is found.
async fn changed_records_are_found(node: &Node, batch: &str) {
    let whole = node.verify_home(&|_| ()).await.unwrap();
    assert!(whole.problems.is_empty(), "{:?}", whole.problems);
    let mut conn = node.state.read().await.unwrap();
    let kept: Record<KeptBatch> = records::BATCHES.get(&mut conn, batch).await.unwrap().unwrap();
    let part: Record<KeptRecords> =
        records::BATCH_PARTS.get(&mut conn, &format!("{batch}/000000")).await.unwrap().unwrap();
    drop(conn);
    let mut others = vec![kept.clone(); 3];
    let permit = others[0].body.kinds.iter().position(|k| k.permitted()).unwrap();
    others[0].body.kinds[permit].clauses.push("company-police 9.9".into());
    others[1].body.root.0[0] ^= 1;
    others[2].body.records += 1;
    let mut parts = vec![part.clone(); 3];
    parts[0].body.kinds.swap(0, 1);
    parts[0].body.kinds[0] = u32::from(part.body.kinds[0] == 0);
    let at = &parts[1].body.commitments[..1];
    let other = if at == "A" { "B" } else { "A" };
    parts[1].body.commitments.replace_range(..1, other);
    let last = parts[2].body.kinds.len() - 1;
    parts[2].body.kinds.truncate(last);
    for n in 0..3 {
        for (b, p) in [(&others[n], &part), (&kept, &parts[n])] {
            put(node, b, p).await;
            let seen = node.verify_home(&|_| ()).await.unwrap();
            // The number of records alone decides nothing; what it stands for is counted.
            assert!(
                seen.problems.iter().any(|p| p.code == "CMT-1199" && p.what.contains(batch)),
                "{n}: {:?}",
                seen.problems
            );
            assert!(node.ruling_proof(batch, 0).await.is_err() || n == 2);
        }
    }
    put(node, &kept, &part).await;
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

async fn put(node: &Node, batch: &Record<KeptBatch>, part: &Record<KeptRecords>) {
    let mut tx = node.state.begin().await.unwrap();
    records::BATCHES.put(&mut tx, batch).await.unwrap();
    records::BATCH_PARTS.put(&mut tx, part).await.unwrap();
    tx.commit().await.unwrap();
}

/// A cap within the log: exactly the first records pass, and the others are told with it. Then nothing passes any more, and
/// that is on the ledger too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cap_lets_exactly_the_first_records_pass() {
    let folder = tempfile::tempdir().unwrap();
    let operation = operation(folder.path()).await;
    let company = operation.node("company");
    company.analyze(&|_| ()).await.unwrap();
    let threats = company.assess().await.unwrap();
    let case = company.case_open("Harbour Lights", std::slice::from_ref(&threats[0].id)).await.unwrap();
    let wish = sightings(None, Purpose::Investigation, case.id.as_str());
    let all = company.share(&wish, true).await.unwrap().records;
    assert!(all > 100, "{all}");

    let mut tx = company.state.begin().await.unwrap();
    let crossing = Crossing {
        release: "an earlier one".into(),
        clauses: vec!["company-police 3.3".into()],
        case: None,
        records: CAP - 37,
        at: comity::store::Clock::now(&*company.clock),
    };
    crossings::add(&mut tx, &crossing).await.unwrap();
    tx.commit().await.unwrap();

    let shared = company.share(&wish, false).await.unwrap();
    assert_eq!((shared.records, shared.stays.len()), (37, 1));
    let stays = &shared.stays[0];
    assert_eq!((stays.records, stays.nearest.as_deref()), (all - 37, Some("company-police 3.3")));
    assert!(stays.why.contains("100000000 records in a month"), "{}", stays.why);
    assert_eq!(received(&operation, &shared).await.lines().count(), 38);

    for dry in [true, false] {
        let before = leaves(company).await;
        let none = company.share(&wish, dry).await;
        let Err(NodeError::Refused { sentence, clauses, .. }) = none else { panic!("{none:?}") };
        assert_eq!(clauses, ["company-police 3.3"], "{sentence}");
        assert_eq!(leaves(company).await, before + if dry { 0 } else { 2 });
    }
    let seen = company.verify_home(&|_| ()).await.unwrap();
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    operation.end().await.unwrap();
}
