//! Erasure: nothing of an erased exhibit is in the home any more, in any byte; a copy of the vault is closed for ever; the
//! ledger still proves what it proved; what is held stays.

use crate::canary::{Canaries, Search};
use crate::support;
use comity::node::error::{Ending, NodeError};
use comity::node::hold::Ground;
use comity::node::ingest::Source;
use comity::node::{Node, Options};
use comity::store::records::{self, Record};
use evidence::sealed::{self, Identity};
use evidence::{EvidenceError, FileKeystore, Keystore as _};
use ledger::proof::{TlogProof, prove_inclusion, read_leaf};
use ledger::{NoteKey, checkpoint};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use terms::{PersonId, Role, Timestamp};

struct Home {
    folder: tempfile::TempDir,
    options: Options,
    case: String,
}

impl Home {
    fn root(&self) -> PathBuf {
        self.folder.path().join("home")
    }
}

/// A home whose case holds everything the canaries were planted in, and that talks of them wherever a home can.
async fn planted(canaries: &Canaries) -> (Home, Node) {
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = support::options(&folder.path().join("home"));
    let node = support::init(&options).await;
    for (name, role) in
        [("dpo-1", Role::DataProtectionOfficer), ("auditor-1", Role::Auditor), ("lead-1", Role::CaseLead)]
    {
        node.person_add(&PersonId(name.into()), role).await.unwrap();
    }
    let from = folder.path().join("evidence");
    support::lay_out(&from, &canaries.evidence());
    std::fs::write(from.join("sample.bin"), support::sample(1)).unwrap();
    let done = support::ingest(&node, &[&from]).await;
    assert!(done.not_sealed.is_empty());
    // What was refused is kept, so that it can be shown what did not leave: it goes with what it was made of.
    let told = format!("to nobody: {}\n", canaries.domains[1]);
    let refused = Source::Bytes("refused release".into(), told.into_bytes());
    let manner = comity::node::ingest::Manner::house("test");
    node.ingest(vec![refused], &manner, &|_| ()).await.unwrap();
    node.analyze(&|_| ()).await.unwrap();
    let threats = node.assess().await.unwrap();
    let case = node.case_open("Harbour lights", &[threats[0].id.clone()]).await.unwrap();
    let case = case.id.to_string();
    let ids: Vec<String> = done.taken.iter().map(|t| t.exhibit.to_string()).collect();
    node.gather(&case, &ids).await.unwrap();
    node.case_note(&case, &format!("The owner of {} called.", canaries.domains[7])).await.unwrap();
    node.case_note(&case, "The harbour is quiet.").await.unwrap();
    // Whoever labels says why, in words that may name somebody.
    for (on, name) in ids.iter().zip(&canaries.names) {
        let (on, of) = ([on.clone()], ["network-indicator".to_owned()]);
        node.label(&case, &on, &of, Some(&format!("{name} agreed to it"))).await.unwrap();
    }
    let mut tx = node.state.begin().await.unwrap();
    for noun in [&records::PLANS, &records::ANSWERS] {
        let record = Record {
            id: format!("talks/{}", canaries.accounts[3].to_lowercase()),
            belongs: case.clone(),
            status: "planned".into(),
            at: Timestamp(0),
            until: None,
            body: serde_json::json!({ "target": canaries.accounts[3] }),
        };
        noun.put(&mut tx, &record).await.unwrap();
    }
    tx.commit().await.unwrap();
    let root = folder.path().join("home");
    std::fs::write(root.join("outbox/letter.txt"), format!("Dear {}", canaries.mails[0])).unwrap();
    std::fs::write(root.join("report.html"), format!("<p>{}</p>", canaries.names[1])).unwrap();
    std::fs::write(root.join("tmp/half.parquet"), canaries.sources.join(" ")).unwrap();
    (Home { folder, options, case }, node)
}

/// The proof of every leaf, with the leaf.
fn proofs(node: &Node) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (folder, origin, key) = ledger_of(node);
    let read = |path: &str| std::fs::read(folder.join(path)).map(Some);
    let bytes = std::fs::read(folder.join(checkpoint::FILE)).unwrap();
    let head = checkpoint::open(&bytes, &origin, &[key]).unwrap();
    (0..head.head().size)
        .map(|index| {
            let path = prove_inclusion(&read, head.head(), index).unwrap();
            let leaf = read_leaf(&read, head.head(), index).unwrap();
            (TlogProof { index, path, checkpoint: bytes.clone() }.to_text(), leaf)
        })
        .collect()
}

fn ledger_of(node: &Node) -> (PathBuf, String, NoteKey) {
    let origin = comity::node::origin(&node.partner);
    let key = NoteKey::new(&origin, node.keys.node.verifying_key()).unwrap();
    (node.home.ledger(), origin, key)
}

/// How many sealed objects of a folder one of these keys opens.
fn opened(objects: &Path, keys: &[Identity]) -> usize {
    let files = support::files_below(objects, "");
    let sealed = files.iter().map(|f| std::fs::read(objects.join(f)).unwrap());
    sealed.filter(|s| keys.iter().any(|k| sealed::open(k, s, 64 << 20).is_ok())).count()
}

/// Every key by which anything in the home can be decrypted.
fn every_key(node: &Node) -> Vec<Identity> {
    let store = FileKeystore::open(&node.home.keys().join("objects"), node.keys.home.clone()).unwrap();
    let mut keys = vec![node.keys.home.clone(), node.keys.sealing.clone()];
    for id in store.list().unwrap() {
        keys.push(store.get(&id).unwrap().unwrap().identity().clone());
    }
    keys
}

fn copy(from: &Path, to: &Path) {
    for name in support::files_below(from, "") {
        let target = to.join(&name);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(from.join(&name), target).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_the_home_holds_what_was_erased() {
    let canaries = Canaries::new(1000);
    let texts = canaries.all();
    let search = Search::new(&texts);
    let (home, node) = planted(&canaries).await;
    let dpo = PersonId("dpo-1".into());

    // Before: the search finds them where they lie in the clear, so that finding none afterwards means something.
    node.state.close().await;
    let before = search.below(&home.root());
    drop(node);
    let seen = search.anywhere(&home.root());
    println!("in the clear before: {} of {}: {before:?}", seen.len(), texts.len());
    assert!(seen.len() >= 9_500, "only {} of 10,000 were found: {before:?}", seen.len());
    let in_state: usize = before.iter().filter(|(f, _)| f.starts_with("state.db")).map(|(_, n)| *n).sum();
    for file in ["state.db", "outbox/letter.txt", "report.html", "tmp/half.parquet"] {
        assert!(before.iter().any(|(f, _)| f == file), "{file} in {before:?}");
    }
    assert!(in_state >= 7_000, "only {in_state} of 10,000 were found in the state store: {before:?}");
    assert!(before.iter().any(|(f, _)| f.starts_with("telemetry/")), "{before:?}");
    // The vault gives nothing away by itself.
    assert!(!before.iter().any(|(f, _)| f.starts_with("vault/") || f.starts_with("keys/")), "{before:?}");

    let node = Node::open_as_it_is(&home.options, "test").await.unwrap();
    let old = proofs(&node);
    let stolen = home.folder.path().join("stolen");
    copy(&home.root().join("vault"), &stolen);
    let sealed = support::files_below(&stolen, "objects").len();
    let keys = every_key(&node);
    assert_eq!(
        opened(&stolen.join("objects"), &keys[2..]),
        sealed,
        "the copy opens under the keys of before"
    );

    let began = std::time::Instant::now();
    let erased = node.erase(&home.case, &[], "the court ordered it", &dpo).await.unwrap();
    println!("erased {} exhibits in {:?}: {:?}", erased.exhibits.len(), began.elapsed(), erased.taken_out);
    assert_eq!(
        (erased.status.as_str(), erased.exhibits.len()),
        ("done", sealed),
        "the refused release joined"
    );
    assert_eq!(erased.joined.len(), 1);
    assert!(erased.findings > 5_000 && erased.blanked >= 1, "{erased:?}");
    assert_eq!(erased.taken_out["plans"].len(), 1);

    // While the home is open; and again below, when it is closed.
    let after = search.below(&home.root());
    assert!(after.is_empty(), "{after:?}");
    let case = node.case_show(&home.case).await.unwrap();
    assert!(
        case.findings.is_empty() && case.notes.iter().any(|n| n.text == "The harbour is quiet."),
        "{case:?}"
    );

    // The copy of the vault and the home as it is now decrypt nothing, whichever key is tried.
    let keys = every_key(&node);
    assert_eq!(opened(&stolen.join("objects"), &keys), 0, "under {} keys", keys.len());
    // Every old proof still verifies, and the log continues the one of before.
    let (folder, origin, key) = ledger_of(&node);
    for (text, leaf) in &old {
        TlogProof::parse(text).unwrap().check(leaf, &origin, std::slice::from_ref(&key)).unwrap();
    }
    assert!(old.len() > 100, "{}", old.len());
    assert!(
        std::fs::read(folder.join(checkpoint::FILE)).unwrap()
            != TlogProof::parse(&old[0].0).unwrap().checkpoint
    );
    let seen = node.verify_home(&|_| ()).await.unwrap();
    assert!(seen.whole(), "{:?}", seen.problems);
    assert!(node.erase(&home.case, &[], "again", &dpo).await.is_err(), "there is nothing left to erase");
    node.close().await.unwrap();
    assert!(search.below(&home.root()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn four_eyes_of_fitting_roles_and_no_hold() {
    let canaries = Canaries::new(20);
    let (home, node) = planted(&canaries).await;
    let person = |name: &str| PersonId(name.into());
    for (second, why) in [
        ("analyst-1", "oneself"),
        ("auditor-1", "an auditor sees no evidence"),
        ("lead-1", "neither is counsel nor data-protection officer"),
        ("nobody-1", "nobody"),
    ] {
        let refused = node.erase(&home.case, &[], "x", &person(second)).await.unwrap_err();
        assert!(matches!(refused, NodeError::FourEyes { .. }), "{why}: {refused}");
        assert_eq!(refused.ending(), Ending::Refused);
    }
    assert!(node.erase(&home.case, &[], "  ", &person("dpo-1")).await.is_err(), "no reason");
    // One exhibit is held: nothing at all is erased, and the answer says until when.
    let schedule = node.disclosure(&home.case).await.unwrap();
    let held = schedule.items[3].exhibit;
    let until: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
    support::authority(&node, "order-de-114").await;
    node.hold(&held.to_string(), Some(until), Ground::Authority("order-de-114".into())).await.unwrap();
    let refused = node.erase(&home.case, &[], "the court ordered it", &person("dpo-1")).await.unwrap_err();
    assert!(
        matches!(&refused, NodeError::Evidence(EvidenceError::Held { exhibit, until: Some(u), .. }) if *exhibit == held && *u == until),
        "{refused}"
    );
    assert!(refused.to_string().contains("until 2026-05-01"), "{refused}");
    assert!(node.erasures().await.unwrap().is_empty());
    node.vault.read(&held, 1 << 20).await.unwrap();
    // The others can go, by name; the held one stays and opens.
    let other = schedule.items.iter().find(|i| i.exhibit != held).unwrap().exhibit;
    let gone = node.erase(&home.case, &[other.to_string()], "mistaken", &person("dpo-1")).await.unwrap();
    assert_eq!(gone.status, "done");
    assert!(node.vault.read(&other, 1 << 20).await.is_err());
    node.vault.read(&held, 1 << 20).await.unwrap();
    // An analyst lifts no hold; the officer does, and then it can go.
    assert!(matches!(node.lift("hold-1", "over").await, Err(NodeError::FourEyes { .. })));
    node.close().await.unwrap();
    let mut options = home.options.clone();
    options.person = Some(person("dpo-1"));
    let node = Node::open(&options, "test").await.unwrap();
    node.lift("hold-1", "the order ended").await.unwrap();
    node.erase(&home.case, &[held.to_string()], "the court ordered it", &person("analyst-1")).await.unwrap();
    assert!(node.vault.read(&held, 1 << 20).await.is_err());
    let seen = node.verify_home(&|_| ()).await.unwrap();
    assert!(seen.whole(), "{:?}", seen.problems);
    node.close().await.unwrap();
}

/// What was released of an exhibit is kept here as it crossed, its items in base64: it goes too, and what was released of
/// others stays. The exhibit is packed; its words are found all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_released_of_it_goes_too() {
    use std::io::Write as _;
    let (home, node) = planted(&Canaries::new(8)).await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(b"2026-03-02T00:00:00Z the-victim.harbour.example called\n").unwrap();
    let manner = comity::node::ingest::Manner::house("test");
    let seal = async |name: &str, bytes: Vec<u8>| {
        let source = Source::Bytes(name.to_owned(), bytes);
        node.ingest(vec![source], &manner, &|_| ()).await.unwrap().taken[0].exhibit
    };
    let exhibit = seal("calls.txt.gz", packed.finish().unwrap()).await;
    node.gather(&home.case, &[exhibit.to_string()]).await.unwrap();
    let mut payloads = Vec::new();
    for (release, text) in
        [("release-of-it", "the-victim.harbour.example"), ("release-of-others", "other.harbour.example")]
    {
        let handling = terms::Handling { tlp: terms::Tlp::Amber, code: terms::HandlingCode::H1 };
        let parties = ["company", "police"].map(|p| terms::PartnerId::new(p).unwrap());
        let [from, to] = parties;
        let mut payload = exchange::Payload::new(from, to, terms::Purpose::Investigation, handling);
        payload.items.push(exchange::Item {
            name: "list.txt".into(),
            media_type: "text/plain".into(),
            categories: [terms::Category::NetworkIndicator].into(),
            protection: terms::Protection::Clear,
            obtained: terms::Obtained::Voluntary,
            records: 1,
            bytes: text.as_bytes().to_vec(),
            labels: Vec::new(),
        });
        let kept = seal(release, payload.canonical().unwrap()).await;
        let zero = "0".repeat(64);
        let body = serde_json::json!({
            "record": { "schema": "comity.release-record/1", "payload": zero, "bundle": zero, "header": {
                "schema": "comity.release/1", "release": release, "from": "company", "to": "police", "member": null,
                "purpose": "investigation", "agreement": "company-police", "version": zero, "clauses": [], "duties": [],
                "erase_by": null, "released": "2026-03-01T00:00:00Z", "size": 1 } },
            "exhibit": kept, "erase_by": null
        });
        let _reads: comity::node::share::KeptRelease = serde_json::from_value(body.clone()).unwrap();
        let record = Record {
            id: release.to_owned(),
            belongs: "police".into(),
            status: "released".into(),
            at: Timestamp(0),
            until: None,
            body,
        };
        let mut tx = node.state.begin().await.unwrap();
        records::RELEASES.put(&mut tx, &record).await.unwrap();
        tx.commit().await.unwrap();
        payloads.push(kept);
    }
    let dpo = PersonId("dpo-1".into());
    let erased = node.erase(&home.case, &[exhibit.to_string()], "the court ordered it", &dpo).await.unwrap();
    assert_eq!(erased.joined.keys().collect::<Vec<_>>(), [&payloads[0]], "{erased:?}");
    assert!(node.vault.read(&payloads[0], 1 << 20).await.is_err());
    node.vault.read(&payloads[1], 1 << 20).await.unwrap();
    let seen = node.verify_home(&|_| ()).await.unwrap();
    assert!(seen.whole(), "{:?}", seen.problems);
    node.close().await.unwrap();
}

/// The program's own answer: exit 3, the code, the date.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_refuses_what_is_held_with_its_date() {
    let (home, node) = planted(&Canaries::new(8)).await;
    support::authority(&node, "order-de-114").await;
    node.close().await.unwrap();
    let run = |args: &[&str]| support::comity(&home.root()).args(args).output().unwrap();
    let held = run(&["case", "hold", &home.case, "--until", "2030-01-01", "--authority", "order-de-114"]);
    assert!(held.status.success(), "{}", support::said(&held));
    let args = ["case", "erase", &home.case, "--reason", "tidy up", "--second", "dpo-1", "--json"];
    let refused = run(&args);
    let said = support::said(&refused);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("CMT-0405") && said.contains("until 2030-01-01"), "{said}");
}

/// Killed at any instant, the erasure is finished by whoever opens the home next, and never called done before.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_erasure_is_finished_and_never_half_done() {
    let canaries = Canaries::new(30);
    let texts = canaries.all();
    let search = Search::new(&texts);
    let (home, node) = planted(&canaries).await;
    node.close().await.unwrap();
    let mut half = 0;
    for (round, wait) in [80u64, 300, 450, 600, 750, 1000].into_iter().enumerate() {
        let again = home.folder.path().join(format!("round-{round}"));
        let made = std::process::Command::new("cp").arg("-a").args([&home.root(), &again]).status().unwrap();
        assert!(made.success());
        let mut child = support::comity(&again)
            .args(["case", "erase", &home.case, "--reason", "the court ordered it", "--second", "dpo-1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let _ = child.kill();
        child.wait().unwrap();
        let mut options = home.options.clone();
        options.dir.clone_from(&again);
        // The program's own clock: what it has seen is behind it.
        options.clock = std::sync::Arc::new(comity::store::SystemClock);
        let look = Node::open_as_it_is(&options, "look").await.unwrap();
        let before = look.erasures().await.unwrap();
        let done = before.iter().any(|e| e.status == "done");
        if done {
            assert!(search.below(&again).is_empty(), "round {round}: it says done");
        }
        half += usize::from(!done && !before.is_empty());
        look.state.close().await;
        drop(look);
        let node = Node::open(&options, "finish").await.unwrap();
        if before.is_empty() {
            node.erase(&home.case, &[], "the court ordered it", &PersonId("dpo-1".into())).await.unwrap();
        }
        let after = node.erasures().await.unwrap();
        assert!(after.iter().all(|e| e.status == "done") && after.len() == 1, "round {round}: {after:?}");
        assert!(node.verify_home(&|_| ()).await.unwrap().whole(), "round {round}");
        node.close().await.unwrap();
        let left = search.below(&again);
        assert!(left.is_empty(), "round {round}: {left:?}");
        std::fs::remove_dir_all(&again).unwrap();
    }
    println!("{half} of 6 kills met an erasure half-way");
}

/// A bitmap cannot forget one exhibit: what was rolled up goes with it as a whole, and is made anew of what is left.
#[tokio::test(flavor = "multi_thread")]
async fn roll_ups_forget_with_the_sightings_they_were_made_of() {
    let (home, node) = planted(&Canaries::new(20)).await;
    let log = |n: u64| Source::Bytes(format!("{n}.ndjson"), support::sinkhole_log(n, 300).into_bytes());
    let manner = comity::node::ingest::Manner::house("test");
    let done = node.ingest(vec![log(1), log(2)], &manner, &|_| ()).await.unwrap();
    let [first, second] =
        done.taken.iter().map(|t| t.exhibit.to_string()).collect::<Vec<_>>().try_into().unwrap();
    node.gather(&home.case, &[first.clone(), second]).await.unwrap();
    let before = node.rolled_up(None, None).await.unwrap();
    let telemetry = home.root().join("telemetry");
    let rolled = || {
        let of = |table: &str| support::files_below(&telemetry, table);
        [of("sighting_days"), of("bot_numbers")].concat()
    };
    let made = rolled();
    assert!(made.len() >= 2, "{made:?}");

    node.erase(&home.case, &[first], "mistaken", &PersonId("dpo-1".into())).await.unwrap();
    assert!(rolled().is_empty(), "{:?}", rolled());
    let after = node.rolled_up(None, None).await.unwrap();
    assert_eq!(before.bots - after.bots, 300, "{before:?}, {after:?}");
    assert!(rolled().iter().all(|f| !made.contains(f)), "{:?}", rolled());
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

/// Put together with others, rows go all the same; what lay beside them stays, and nothing is counted twice.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_together_forgets_one_exhibit_and_keeps_the_others() {
    let (home, node) = planted(&Canaries::new(20)).await;
    let log = |n: u64| Source::Bytes(format!("{n}.ndjson"), support::sinkhole_log(n, 30).into_bytes());
    let manner = comity::node::ingest::Manner::house("test");
    let done = node.ingest((10..20).map(log).collect(), &manner, &|_| ()).await.unwrap();
    let ids: Vec<String> = done.taken.iter().map(|t| t.exhibit.to_string()).collect();
    node.gather(&home.case, &ids).await.unwrap();
    let telemetry = home.root().join("telemetry");
    let files = || support::files_below(&telemetry, "sightings");
    let naming = |id: &str| {
        let has = |f: &String| {
            let bytes = std::fs::read(telemetry.join(f)).unwrap();
            bytes.windows(id.len()).any(|w| w == id.as_bytes())
        };
        files().iter().filter(|f| has(f)).count()
    };
    let before = node.rolled_up(None, None).await.unwrap();
    let small = files().len();

    let compacted = node.compact().await.unwrap();
    assert!(compacted.files >= 10 && compacted.into >= 1, "{compacted:?}");
    assert_eq!(files().len() as u64, small as u64 - compacted.files + compacted.into);
    assert!(ids.iter().all(|id| naming(id) == 1));
    let after = node.rolled_up(None, None).await.unwrap();
    assert_eq!((after.files, after.anew), (0, false), "what is rolled up stays rolled up");
    assert_eq!((&after.channels, after.bots), (&before.channels, before.bots));
    assert_eq!(node.compact().await.unwrap().files, 0);
    let again = node.ingest((10..20).map(log).collect(), &manner, &|_| ()).await.unwrap();
    assert_eq!(again.taken.len(), 10);
    assert_eq!(node.rolled_up(None, None).await.unwrap().bots, before.bots, "taken in again, counted once");

    node.erase(&home.case, &[ids[3].clone()], "mistaken", &PersonId("dpo-1".into())).await.unwrap();
    assert_eq!(naming(&ids[3]), 0, "no file has a row of it");
    assert!(ids.iter().filter(|id| **id != ids[3]).all(|id| naming(id) == 1));
    let left = node.rolled_up(None, None).await.unwrap();
    assert_eq!(left.bots, before.bots - 30);
    // One after the other, to the last of them.
    for id in ids.iter().filter(|id| **id != ids[3]) {
        node.erase(&home.case, std::slice::from_ref(id), "mistaken", &PersonId("dpo-1".into()))
            .await
            .unwrap();
    }
    assert!(ids.iter().all(|id| naming(id) == 0));
    assert_eq!(node.rolled_up(None, None).await.unwrap().bots, before.bots - 300);
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}
