//! Holds, retention, disclosure, admission, packages of a case, time stamps: what counsel does with evidence.

use crate::homes::{new_node, options};
use crate::support;
use comity::node::Node;
use comity::node::error::{Ending, NodeError};
use comity::node::hand::Addressed;
use comity::node::hold::Ground;
use comity::node::ingest::{Manner, Source};
use comity::node::retain::Standing;
use comity::node::share::KeptRelease;
use comity::store::records::{self, Record};
use evidence::custody::Act;
use evidence::disclosure::Mark;
use miette::Diagnostic as _;
use std::path::{Path, PathBuf};
use terms::{ExhibitId, Obtained, PersonId, Role, Timestamp};

/// The tokens of the evidence crate's tests.
pub fn stamp_data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../evidence/tests/data/timestamp").join(name)
}

/// Seals bytes under a name.
async fn seal(node: &Node, name: &str, bytes: &[u8], manner: &Manner) -> ExhibitId {
    let source = Source::Bytes(name.to_owned(), bytes.to_vec());
    node.ingest(vec![source], manner, &|_| ()).await.unwrap().taken[0].exhibit
}

/// A case on one sample, and more exhibits in it.
pub async fn case_with(node: &Node, more: &[(&str, &[u8])]) -> (String, Vec<ExhibitId>) {
    let house = Manner::house("test");
    let sample = seal(node, "sample.bin", &support::sample(1), &house).await;
    node.analyze(&|_| ()).await.unwrap();
    let threats = node.assess().await.unwrap();
    let case = node.case_open("Harbour lights", &[threats[0].id.clone()]).await.unwrap().id.to_string();
    let again = node.case_open(" harbour Lights", &[threats[0].id.clone()]).await.unwrap_err().to_string();
    assert!(again.contains("is here already") && again.contains(&case), "{again}");
    let mut ids = vec![sample];
    for (name, bytes) in more {
        ids.push(seal(node, name, bytes, &house).await);
    }
    node.gather(&case, &ids.iter().map(ToString::to_string).collect::<Vec<_>>()).await.unwrap();
    (case, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_says_who_marked_what_when_and_why() {
    let (_folder, node) = new_node().await;
    let (case, ids) = case_with(&node, &[("a.txt", b"alpha"), ("b.txt", b"bravo")]).await;
    let text = |i: usize| ids[i].to_string();
    node.mark(&case, &[text(0)], vec![Mark::Used], "the charge rests on it").await.unwrap();
    node.mark(&case, &[text(1)[..8].to_owned()], vec![Mark::Unused, Mark::Sensitive], "names a source")
        .await
        .unwrap();
    node.mark(&case, &[text(1)], vec![Mark::Exculpatory, Mark::Sensitive], "on reading it again")
        .await
        .unwrap();
    let schedule = node.disclosure(&case).await.unwrap();
    let of = |i: usize| schedule.items.iter().find(|item| item.exhibit == ids[i]).unwrap();
    assert_eq!(of(0).marks, [Mark::Used]);
    assert_eq!(of(1).marks, [Mark::Exculpatory, Mark::Sensitive]);
    assert_eq!(of(1).reason.as_deref(), Some("on reading it again"));
    assert!(of(2).marks.is_empty());
    // Both markings stand in custody, with their marks; the verification of the home agrees.
    let custody = support::custody(&node, &ids[1]).await;
    let marked: Vec<_> =
        custody.iter().filter(|e| e.what == Act::Disclose).map(|e| e.marks.clone()).collect();
    assert_eq!(marked, [vec![Mark::Unused, Mark::Sensitive], vec![Mark::Exculpatory, Mark::Sensitive]]);
    for (on, marks, why) in [
        (text(0), vec![Mark::Used, Mark::Unused], "both"),
        (text(0), vec![], "none"),
        (text(0), vec![Mark::Used], " "),
        ("ff".repeat(32), vec![Mark::Used], "not here"),
    ] {
        assert!(node.mark(&case, &[on], marks, why).await.is_err(), "{why}");
    }
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn intelligence_becomes_evidence_and_both_stand_in_custody() {
    let (_folder, node) = new_node().await;
    let asked =
        Manner { obtained: Obtained::Requested, why: "asked the hoster".into(), act: Act::Seal, from: None };
    let id = seal(&node, "list.txt", b"from the hoster", &asked).await;
    let order = || Ground::Authority("order-de-114".into());
    let without = node.admit(&id.to_string(), order(), None).await.unwrap_err();
    assert_eq!(without.code().unwrap().to_string(), "CMT-1130", "its document is not here: {without}");
    assert_eq!(support::custody(&node, &id).await.len(), 1, "nothing was noted");
    support::authority(&node, "order-de-114").await;
    let admitted = node
        .admit(&id.to_string(), Ground::Authority("order-de-114".into()), Some(Obtained::Compelled))
        .await
        .unwrap();
    assert_eq!(admitted.exhibit, id);
    let custody = support::custody(&node, &id).await;
    let told: Vec<_> = custody.iter().map(|e| (e.what, e.obtained)).collect();
    assert_eq!(told, [(Act::Seal, Some(Obtained::Requested)), (Act::Admit, Some(Obtained::Compelled))]);
    assert!(node.admit(&"0".repeat(64), Ground::Reason("x".into()), None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_cover_what_a_case_holds_and_end() {
    let (folder, node) = new_node().await;
    let (case, ids) = case_with(&node, &[("a.txt", b"alpha")]).await;
    let until: Timestamp = "2026-03-20T00:00:00Z".parse().unwrap();
    let hold = node.hold(&case, Some(until), Ground::Reason("a disclosure duty".into())).await.unwrap();
    assert_eq!((hold.id.as_str(), hold.exhibits.len()), ("hold-1", 2));
    // What the case is given later is covered too.
    let later = seal(&node, "later.txt", b"later", &Manner::house("test")).await;
    node.gather(&case, &[later.to_string()]).await.unwrap();
    let now = node.clock.now();
    let holds = node.holds().await.unwrap();
    for id in [ids[0], ids[1], later] {
        assert!(evidence::hold::clear(id, &holds, now).is_err());
        assert!(evidence::hold::clear(id, &holds, until).is_ok(), "it ends by itself");
    }
    let order = || Ground::Authority("order-nl-3".into());
    assert!(node.hold("everything", None, order()).await.is_err(), "its document is not here");
    support::authority(&node, "order-nl-3").await;
    let everything = node.hold("everything", None, order()).await.unwrap();
    assert_eq!(everything.id, "hold-2");
    assert!(evidence::hold::clear(ExhibitId::of(b"any"), &node.holds().await.unwrap(), until).is_err());
    assert!(node.hold("no-such-case", None, Ground::Reason("x".into())).await.is_err());
    assert!(node.hold(&case, Some(now), Ground::Reason("x".into())).await.is_err(), "it would have ended");
    node.person_add(&PersonId("counsel-1".into()), Role::Counsel).await.unwrap();
    node.close().await.unwrap();
    let mut counsel = options(&folder.path().join("home"));
    counsel.person = Some(PersonId("counsel-1".into()));
    let node = Node::open(&counsel, "test").await.unwrap();
    node.lift("hold-2", "the order ended").await.unwrap();
    assert!(node.lift("hold-2", "again").await.is_err(), "lifted already");
    assert!(evidence::hold::clear(ExhibitId::of(b"any"), &node.holds().await.unwrap(), now).is_ok());
    let acts: Vec<Act> = support::custody(&node, &ids[1]).await.iter().map(|e| e.what).collect();
    assert_eq!(acts, [Act::Seal, Act::Assign, Act::Hold]);
}

/// A release that was taken in, as `receive` keeps it.
async fn received(node: &Node, name: &str, erase_by: Timestamp) -> (ExhibitId, ExhibitId) {
    let manner = |act| Manner {
        obtained: Obtained::Voluntary,
        why: format!("release {name} under a 1"),
        act,
        from: None,
    };
    let house = Manner::house("bundle");
    let bundle = seal(node, "bundle", format!("sealed {name}").as_bytes(), &house).await;
    let item = seal(node, "list.txt", format!("content of {name}").as_bytes(), &manner(Act::Receive)).await;
    let zero = "0".repeat(64);
    let kept: KeptRelease = serde_json::from_value(serde_json::json!({
        "record": { "schema": "comity.release-record/1", "payload": zero, "bundle": zero, "header": {
            "schema": "comity.release/1", "release": name, "from": "police", "to": "company", "member": null,
            "purpose": "investigation", "agreement": "company-police", "version": zero, "clauses": ["company-police 5.1"],
            "duties": [], "erase_by": erase_by, "released": "2026-03-01T00:00:00Z", "size": 1 } },
        "exhibit": bundle, "erase_by": erase_by, "items": [item], "proof_days": 7
    }))
    .unwrap();
    let record = Record {
        id: name.to_owned(),
        belongs: "police".into(),
        status: "received".into(),
        at: node.clock.now(),
        until: Some(erase_by),
        body: kept,
    };
    let mut tx = node.state.begin().await.unwrap();
    records::RELEASES.put(&mut tx, &record).await.unwrap();
    tx.commit().await.unwrap();
    (bundle, item)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_agreements_oblige_to_erase_is_erased_and_what_is_held_is_listed() {
    let (_folder, node) = new_node().await;
    let day = |d: u32| -> Timestamp { format!("2026-03-{d:02}T00:00:00Z").parse().unwrap() };
    let (bundle, item) = received(&node, "release-due", day(5)).await;
    let (_, held) = received(&node, "release-held", day(6)).await;
    let (_, later) = received(&node, "release-later", day(30)).await;
    // The same bytes also came another way: they are not the release's alone.
    let (_, shared) = received(&node, "release-shared", day(7)).await;
    seal(&node, "own.txt", b"content of release-shared", &Manner::house("own find")).await;
    support::authority(&node, "order-de-114").await;
    node.hold(&held.to_string(), Some(day(25)), Ground::Authority("order-de-114".into())).await.unwrap();
    node.person_add(&PersonId("dpo-1".into()), Role::DataProtectionOfficer).await.unwrap();

    let standing = |all: &[comity::node::retain::Retained]| -> Vec<(String, Standing)> {
        all.iter().map(|r| (r.release.to_string(), r.standing)).collect()
    };
    let listed = node.retention(None).await.unwrap();
    use Standing::{Due, Erased, Held, Kept};
    let expected = |due| {
        [("release-due", due), ("release-held", Held), ("release-shared", due), ("release-later", Kept)]
            .map(|(n, s)| (n.to_owned(), s))
    };
    assert_eq!(standing(&listed), expected(Due));
    assert_eq!(listed[1].hold, Some(("hold-1".into(), "order-de-114".into(), Some(day(25)))));
    assert_eq!((listed[2].also_ours.as_slice(), listed[0].proof_by), (&[shared][..], Some(day(12))));
    let done = node.retention(Some(&PersonId("dpo-1".into()))).await.unwrap();
    assert_eq!(standing(&done), expected(Erased));
    for gone in [bundle, item] {
        assert!(node.vault.read(&gone, 1 << 20).await.is_err());
        assert_eq!(support::custody(&node, &gone).await.last().unwrap().what, Act::Erase);
    }
    for here in [held, later, shared] {
        node.vault.read(&here, 1 << 20).await.unwrap();
    }
    // The giver gets a signed proof; here nobody's keys are known, so it is not believed.
    let proof = done[0].proof.clone().unwrap();
    let seen = node.verify_file(&proof).await.unwrap();
    assert_eq!((seen.what, seen.whole()), ("proof of erasure", false));
    assert_eq!(node.retention(None).await.unwrap()[0].standing, Erased);
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_holds_what_is_used_and_lists_what_is_sensitive() {
    let (folder, node) = new_node().await;
    let noisy = br#"{"schema":"comity.counts/1","counts":[["DE",41]]}"#;
    let (case, ids) = case_with(
        &node,
        &[
            ("used.txt", b"used words"),
            ("secret.txt", b"secret words"),
            ("counts.json", noisy),
            ("open.txt", b"unmarked words"),
        ],
    )
    .await;
    let mark = async |i: usize, marks: &[Mark]| {
        node.mark(&case, &[ids[i].to_string()], marks.to_vec(), "it names a source").await.unwrap();
    };
    mark(0, &[Mark::Used]).await;
    mark(1, &[Mark::Unused, Mark::Exculpatory]).await;
    mark(2, &[Mark::Used, Mark::Sensitive]).await;
    mark(3, &[Mark::Used]).await;
    support::authority(&node, "order-de-114").await;
    node.admit(&ids[1].to_string(), Ground::Authority("order-de-114".into()), None).await.unwrap();
    let out = folder.path().join("package");
    let to = Addressed {
        to: "Prosecutor at Harbour".into(),
        out: out.clone(),
        seal_to: None,
        authority: Some("order-de-114".into()),
    };
    let dry = node.hand(&case, &to, true).await.unwrap();
    assert!(dry.digest.is_none() && !out.exists());
    let handed = node.hand(&case, &to, false).await.unwrap();
    let mut expected = vec![ids[0], ids[1]];
    expected.sort();
    assert_eq!(handed.exhibits, expected);
    assert_eq!((handed.sensitive, handed.unmarked, handed.noisy), (1, 1, 1));
    assert!(handed.proofs >= 6, "{handed:?}");
    let verified = comity::node::verify::verify_package(&out, &[node.keys.node.verifying_key()]);
    assert!(verified.whole(), "{:?}", verified.problems);
    // Nothing of the sensitive, the noisy and the unmarked is in any byte of it.
    let all: Vec<u8> = support::files_below(&out, "")
        .iter()
        .flat_map(|f| [f.as_bytes().to_vec(), std::fs::read(out.join(f)).unwrap()].concat())
        .collect();
    let holds = |needle: &str| all.windows(needle.len()).any(|w| w == needle.as_bytes());
    for absent in ["secret words", &ids[2].to_string(), "comity.counts/", "unmarked words"] {
        assert!(!holds(absent), "{absent}");
    }
    for present in ["used words", "order-de-114", "comity.disclosure/1", "became_evidence"] {
        assert!(holds(present), "{present}");
    }
    let schedule: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("data/disclosure.json")).unwrap()).unwrap();
    assert_eq!(schedule["items"].as_array().unwrap().len(), 5, "the sensitive one is listed");
    assert!(matches!(
        node.hand(&case, &to, false).await,
        Err(NodeError::Evidence(evidence::EvidenceError::PackageExists(_)))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stamp_is_verified_kept_and_packed() {
    let (folder, node) = new_node().await;
    let message = std::fs::read(stamp_data("message.txt")).unwrap();
    let (case, ids) = case_with(&node, &[("message.txt", &message)]).await;
    let id = ids[1].to_string();
    let token = stamp_data("p256-sha256.token");
    let unset = node.stamp(&token, &id, None).await.unwrap_err();
    assert!(matches!(unset, NodeError::First { .. }), "no roots are configured: {unset}");
    node.close().await.unwrap();
    let config = folder.path().join("home/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let roots = stamp_data("roots.pem");
    std::fs::write(&config, format!("stamp_roots = {:?}\n{text}", roots.display().to_string())).unwrap();
    let node = Node::open(&options(&folder.path().join("home")), "test").await.unwrap();
    assert_eq!(node.to_be_stamped(&id).await.unwrap().1, ids[1].0);
    let stamped = node.stamp(&token, &id, None).await.unwrap();
    assert_eq!((stamped.on.as_str(), stamped.schema.as_str()), (id.as_str(), "comity.stamped/1"));
    for (on, token) in [
        (ids[0].to_string(), "p256-sha256.token"),
        (id.clone(), "expired.token"),
        (id.clone(), "message.txt"),
    ] {
        let refused = node.stamp(&stamp_data(token), &on, None).await.unwrap_err();
        assert_eq!(refused.ending(), Ending::NotVerified, "{token}: {refused}");
    }
    let custody = support::custody(&node, &ids[1]).await;
    assert_eq!(custody.last().unwrap().document, Some(stamped.id));
    node.mark(&case, &[id], vec![Mark::Used], "it shows the hour").await.unwrap();
    let out = folder.path().join("package");
    node.hand(
        &case,
        &Addressed { to: "Court".into(), out: out.clone(), seal_to: None, authority: None },
        false,
    )
    .await
    .unwrap();
    let name: String = stamped.id.to_string().chars().take(16).collect();
    assert_eq!(
        std::fs::read(out.join(format!("proofs/stamp-{name}.tsr"))).unwrap(),
        std::fs::read(&token).unwrap()
    );
    node.close().await.unwrap();
    // Without a home, as a court has none.
    let run = |token: &str, on: &Path| {
        let mut command = support::comity(&folder.path().join("nowhere"));
        command.arg("verify").arg(stamp_data(token)).arg("--stamps").arg(on).arg("--roots").arg(&roots);
        command.output().unwrap()
    };
    let message = stamp_data("message.txt");
    for (token, on, code) in [
        ("p256-sha256.token", &message, 0),
        ("answer.tsr", &message, 0),
        ("stranger.token", &message, 4),
        ("p256-sha256.token", &stamp_data("other.txt"), 4),
    ] {
        let output = run(token, on);
        assert_eq!(output.status.code(), Some(code), "{token}: {}", support::said(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_verified_is_called_by_its_name() {
    let (folder, node) = new_node().await;
    let file = folder.path().join("file");
    for (bytes, said) in [
        (support::sample(1), "ingest"),
        (b"just words\n".to_vec(), "text"),
        (std::fs::read(stamp_data("rsa-sha256.token")).unwrap(), "--stamps"),
        (Vec::new(), "empty"),
    ] {
        std::fs::write(&file, &bytes).unwrap();
        let refused = node.verify_file(&file).await.unwrap_err();
        assert!(matches!(refused, NodeError::NotVerifiable { .. }) && refused.ending() == Ending::Usage);
        assert!(refused.to_string().contains(said), "{refused}");
    }
    assert!(node.verify_file(&folder.path().join("absent")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_persons_key_is_found() {
    let (folder, node) = new_node().await;
    node.person_add(&PersonId("counsel-1".into()), Role::Counsel).await.unwrap();
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
    let keys = folder.path().join("home/keys");
    std::fs::copy(keys.join("person-analyst-1.age"), keys.join("person-counsel-1.age")).unwrap();
    let seen = node.verify_home(&|_| ()).await.unwrap();
    assert_eq!(seen.problems[0].file, "keys/person-counsel-1.age", "{seen:?}");
    std::fs::remove_file(keys.join("person-counsel-1.age")).unwrap();
    assert_eq!(node.verify_home(&|_| ()).await.unwrap().problems[0].file, "keys/person-counsel-1.age");
}
