//! Labels, from an exhibit that nobody labelled to the ruling that says who did: refused, labelled, released; and who may not.

use crate::custody::case_with;
use crate::homes::{new_node, options};
use crate::support;
use comity::demo::Operation;
use comity::node::Node;
use comity::node::error::{Ending, NodeError};
use comity::node::ingest::{Manner, Source, sources};
use comity::node::label::{KeptLabel, Labelled};
use comity::node::share::{Shared, What, Wish};
use comity::store::records::{self, Record};
use comity::store::{exhibits, exhibits::Exhibit};
use ledger::proof::read_leaf;
use ledger::statement::{PredicateType, Statement};
use ledger::{NoteKey, checkpoint, dsse};
use miette::Diagnostic as _;
use serde_json::Value;
use std::collections::BTreeSet;
use terms::{Category, ExhibitId, Labelling, PartnerId, PersonId, Purpose, Role};

const SMALL: exercise::Spec = exercise::Spec { seed: 7, bots: 50, days: 2, hosts: 8 };

fn wish(case: &str, exhibit: ExhibitId) -> Wish {
    Wish {
        what: What::Exhibit,
        of: format!("{case}/{exhibit}"),
        with: PartnerId::new("police").unwrap(),
        member: None,
        purpose: Purpose::Investigation,
        noisy: None,
        seen: botnet::telemetry::Window::ALL,
    }
}

fn code(error: &NodeError) -> String {
    error.code().unwrap().to_string()
}

fn text(ids: &[ExhibitId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

async fn label(
    node: &Node,
    case: &str,
    on: ExhibitId,
    of: &[&str],
    why: Option<&str>,
) -> Result<Labelled, NodeError> {
    Ok(node.label(case, &text(&[on]), &words(of), why).await?.remove(0))
}

#[track_caller]
fn sentence(refused: Result<Shared, NodeError>) -> String {
    match refused {
        Err(NodeError::Refused { sentence, .. }) => sentence,
        other => panic!("not refused: {other:?}"),
    }
}

/// What the ledger says, leaf by leaf.
fn ledger_of(node: &Node) -> Vec<Statement> {
    let (folder, origin) = (node.home.ledger(), comity::node::origin(&node.partner));
    let key = node.keys.node.verifying_key();
    let read = |path: &str| std::fs::read(folder.join(path)).map(Some);
    let bytes = std::fs::read(folder.join(checkpoint::FILE)).unwrap();
    let head = checkpoint::open(&bytes, &origin, &[NoteKey::new(&origin, key).unwrap()]).unwrap();
    let keys = [(dsse::keyid(&key), key)];
    let leaf = |i| Statement::open(&read_leaf(&read, head.head(), i).unwrap(), &keys).unwrap();
    (0..head.head().size).map(leaf).collect()
}

fn said(node: &Node, kind: PredicateType, has: &str) -> Vec<Value> {
    let all = ledger_of(node).into_iter().filter(|s| s.predicate_type() == kind);
    all.map(|s| s.predicate().clone()).filter(|p| p.to_string().contains(has)).collect()
}

async fn exhibit(node: &Node, id: ExhibitId) -> Exhibit {
    exhibits::find(&mut node.state.read().await.unwrap(), &id).await.unwrap().unwrap()
}

/// The police takes the bundle in.
async fn handed(operation: &Operation, shared: &Shared) -> Vec<ExhibitId> {
    let file = operation.dir.join(format!("{}.bundle", shared.release.as_ref().unwrap()));
    Node::write_bundle(&file, &shared.bundle).unwrap();
    let (found, _) = sources(&[file], operation.police.home.root());
    let taken = operation.police.ingest(found, &Manner::house("handed over"), &|_| ()).await.unwrap();
    let (bundles, _) = operation.police.cross(&taken).await.unwrap();
    bundles[0].exhibits.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhibit_passes_when_a_person_labelled_it_and_the_ruling_says_who_and_how() {
    let folder = tempfile::tempdir().unwrap();
    let operation = Operation::begin(folder.path(), &SMALL, &support::program(), &mut |_| ()).await.unwrap();
    operation.sign().await.unwrap();
    let company = &operation.company;
    let (case, ids) = case_with(company, &[("letter.txt", b"a letter\n")]).await;
    let (sample, letter) = (ids[0], ids[1]);

    // Nobody labelled the sample. What recognised it says what it is, and cannot take the strictest away.
    let before = company.labels(&case, &text(&[sample])).await.unwrap().remove(0);
    assert!(before.unlabelled && before.labels.iter().all(|l| l.label.how == Labelling::Rule), "{before:?}");
    assert_eq!(before.categories, [Category::MalwareSample, Category::VictimIdentity].into());
    for dry in [true, false] {
        let refused = sentence(company.share(&wish(&case, sample), dry).await);
        assert!(refused.contains("comity case label"), "{refused}");
    }
    let denied = said(company, PredicateType::Ruling, "\"deny\"");
    assert_eq!(denied.len(), 1, "the dry run wrote nothing");
    assert_eq!(denied[0]["labels"]["victim-identity"], serde_json::json!([]));
    assert_eq!(denied[0]["labels"]["malware-sample"][0]["how"], "rule");

    // Weaker without a reason: refused, and nothing changed. With one it counts.
    let refused = label(company, &case, sample, &["malware-sample"], None).await.unwrap_err();
    assert_eq!((code(&refused).as_str(), refused.ending()), ("CMT-1282", Ending::Refused));
    let secret = "Unpacked it: Ada Harbour's name is not in it";
    let after = label(company, &case, sample, &["malware-sample"], Some(secret)).await.unwrap();
    assert!(!after.unlabelled && after.categories == [Category::MalwareSample].into(), "{after:?}");
    let by_hand = after.labels.iter().find(|l| l.label.how == Labelling::ByHand).unwrap();
    assert_eq!(by_hand.name, Some(company.person.clone()));
    assert_eq!(by_hand.label.reason.as_deref(), Some(secret));

    // It passes under the clause for samples, and both sides hold the same bytes.
    let dry = company.share(&wish(&case, sample), true).await.unwrap();
    let shared = company.share(&wish(&case, sample), false).await.unwrap();
    assert_eq!(shared.clauses, dry.clauses);
    assert!(shared.clauses.contains(&"company-police 3.2".to_owned()), "{:?}", shared.clauses);
    assert_eq!(handed(&operation, &shared).await, [sample]);

    // The ledger says who labelled and how, by a pseudonym, and neither the name nor the reason.
    let pseudonym = PersonId::of_key(&company.keys.public.people[&company.person.0]).0;
    let ruled = said(company, PredicateType::Ruling, "\"by-hand\"");
    assert_eq!(ruled.len(), 1, "the dry run wrote nothing");
    let told = &ruled[0]["labels"]["malware-sample"][0];
    assert_eq!((&told["how"], &told["by"]["person"]), (&"by-hand".into(), &pseudonym.clone().into()));
    assert_eq!(told["by"]["node"], dsse::keyid(&company.keys.node.verifying_key()));
    let custody = said(company, PredicateType::Custody, "\"what\":\"label\"");
    assert_eq!(custody.len(), 1, "the refused label left no leaf");
    assert_eq!(
        (&custody[0]["who"], &custody[0]["categories"]),
        (&pseudonym.into(), &serde_json::json!(["malware-sample"]))
    );
    for leaf in ledger_of(company) {
        let words = leaf.predicate().to_string();
        assert!(!words.contains("Harbour's") && !words.contains(&company.person.0), "{words}");
    }
    let acts: Vec<_> = support::custody(company, &sample).await.iter().map(|e| e.what).collect();
    assert!(acts.ends_with(&[evidence::custody::Act::Label, evidence::custody::Act::Release]), "{acts:?}");

    // A later label as strict or stricter needs no reason, and closes the door again.
    let stricter = label(company, &case, sample, &["victim-ip"], None).await.unwrap();
    assert_eq!(stricter.categories, [Category::MalwareSample, Category::VictimIp].into());
    sentence(company.share(&wish(&case, sample), false).await);
    // Another exhibit is not opened by it.
    sentence(company.share(&wish(&case, letter), false).await);

    // At the police the giver's marking stands as the source's, and only makes it stricter; what was received is the
    // giver's to share.
    let police = &operation.police;
    let seen = police.labelled(&exhibit(police, sample).await).await.unwrap();
    assert!(seen.unlabelled && seen.labels.iter().any(|l| l.label.how == Labelling::Source), "{seen:?}");
    for node in [company, police] {
        let verified = node.verify_home(&|_| ()).await.unwrap();
        assert!(verified.whole(), "{:?}", verified.problems);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_said_of_a_list_holds_of_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let operation = Operation::begin(folder.path(), &SMALL, &support::program(), &mut |_| ()).await.unwrap();
    operation.sign().await.unwrap();
    let company = &operation.company;
    let (case, ids) =
        case_with(company, &[("list.txt", b"relay-one.com.example\nclinic.harbour.example\n")]).await;
    company.analyze(&|_| ()).await.unwrap();
    company.gather(&case, &text(&ids)).await.unwrap();
    let indicators = Wish { what: What::Indicators, of: case.clone(), ..wish(&case, ids[1]) };
    company.share(&indicators, true).await.unwrap();
    let list = label(company, &case, ids[1], &["network-indicator", "victim-identity"], None).await.unwrap();
    assert_eq!(list.categories, [Category::NetworkIndicator, Category::VictimIdentity].into());
    let refused = sentence(company.share(&indicators, false).await);
    assert!(refused.contains("victim-identity"), "{refused}");
    let told = said(company, PredicateType::Ruling, "\"deny\"");
    assert_eq!(told[0]["labels"]["victim-identity"][0]["how"], "derived");
    // The infected host was taken off the list; whoever looked again says so.
    label(company, &case, ids[1], &["network-indicator"], Some("a shared host, nobody's machine"))
        .await
        .unwrap();
    company.share(&indicators, true).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_and_what_cannot_be_labelled_is_refused_with_a_code() {
    let (folder, node) = new_node().await;
    let (case, ids) =
        case_with(&node, &[("a.txt", b"alpha\n"), ("gone.txt", b"gone with 198.51.100.77\n")]).await;
    let house = Manner::house("test");
    let source = Source::Bytes("other.txt".into(), b"of no case\n".to_vec());
    let other = node.ingest(vec![source], &house, &|_| ()).await.unwrap().taken[0].exhibit;
    node.person_add(&PersonId("dpo-1".into()), Role::DataProtectionOfficer).await.unwrap();
    node.person_add(&PersonId("auditor-1".into()), Role::Auditor).await.unwrap();
    node.erase(&case, &text(&ids[2..]), "mistaken", &PersonId("dpo-1".into())).await.unwrap();
    let why = Some("read it");
    for (on, of, why, expected, name) in [
        (ids[1], &["customer-data"][..], why, "CMT-1281", "a word that is no category"),
        (ids[1], &[], why, "CMT-1281", "no category"),
        (ids[1], &["traffic"], Some(" \t"), "CMT-1132", "a reason without words"),
        (ids[1], &["traffic"], None, "CMT-1282", "weaker, and no reason"),
        (ExhibitId::of(b"never seen"), &["traffic"], why, "CMT-1123", "not in the home"),
        (other, &["traffic"], why, "CMT-1123", "not of this case"),
        (ids[2], &["victim-identity"], why, "CMT-1284", "erased"),
    ] {
        let refused = label(&node, &case, on, of, why).await.unwrap_err();
        assert_eq!(code(&refused), expected, "{name}: {refused}");
    }
    let none = label(&node, "no-such-case", ids[1], &["traffic"], why).await.unwrap_err();
    assert_eq!(code(&none), "CMT-1123");
    // All or none: the second is not of the case, so the first is not labelled either.
    let both = node.label(&case, &text(&[ids[1], other]), &words(&["traffic"]), why).await.unwrap_err();
    assert_eq!(code(&both), "CMT-1123");
    // A person who is not active any more, or whose key is another one, is not believed.
    for (status, body) in [("revoked", None), ("active", Some("00".repeat(32)))] {
        let mut tx = node.state.begin().await.unwrap();
        let was: Record<String> = records::PEOPLE.get(&mut tx, "analyst-1").await.unwrap().unwrap();
        let body = body.unwrap_or_else(|| was.body.clone());
        let row = Record { status: status.to_owned(), body, ..was.clone() };
        records::PEOPLE.put(&mut tx, &row).await.unwrap();
        tx.commit().await.unwrap();
        let refused = label(&node, &case, ids[1], &["traffic"], why).await.unwrap_err();
        assert_eq!((code(&refused).as_str(), refused.ending()), ("CMT-1283", Ending::Refused), "{refused}");
        let mut tx = node.state.begin().await.unwrap();
        records::PEOPLE.put(&mut tx, &was).await.unwrap();
        tx.commit().await.unwrap();
    }
    let labels = node.labels(&case, &[]).await.unwrap();
    assert!(labels.iter().all(|l| l.labels.iter().all(|s| s.label.how != Labelling::ByHand)), "{labels:?}");
    assert!(said(&node, PredicateType::Custody, "\"what\":\"label\"").is_empty());
    node.close().await.unwrap();
    // An auditor sees no evidence and labels none.
    let mut auditor = options(&folder.path().join("home"));
    auditor.person = Some(PersonId("auditor-1".into()));
    let node = Node::open(&auditor, "test").await.unwrap();
    let refused = label(&node, &case, ids[1], &["traffic"], why).await.unwrap_err();
    assert_eq!(code(&refused), "CMT-1180");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_goes_with_its_exhibit_and_what_others_say_of_it_is_blanked() {
    let (_folder, node) = new_node().await;
    let (case, ids) = case_with(&node, &[("a.txt", b"alpha\n"), ("gone.txt", b"from 198.51.100.77\n")]).await;
    node.person_add(&PersonId("dpo-1".into()), Role::DataProtectionOfficer).await.unwrap();
    label(&node, &case, ids[1], &["traffic"], Some("as the one of 198.51.100.77")).await.unwrap();
    label(&node, &case, ids[2], &["traffic"], Some("the clinic's own machine")).await.unwrap();
    let erased = node.erase(&case, &text(&ids[2..]), "mistaken", &PersonId("dpo-1".into())).await.unwrap();
    assert_eq!((erased.exhibits.as_slice(), erased.blanked), (&ids[2..], 1));
    let labels = node.labels(&case, &text(&ids[1..])).await.unwrap();
    let of = |id| labels.iter().find(|l| l.exhibit == id).unwrap();
    assert!(of(ids[2]).erased && of(ids[2]).labels.is_empty(), "{labels:?}");
    // The other keeps what it counts as, and who decided it.
    assert_eq!(of(ids[1]).categories, [Category::Traffic].into());
    let reason = of(ids[1]).labels[0].label.reason.clone().unwrap();
    assert!(reason.contains("erased") && !reason.contains("198.51.100.77"), "{reason}");
    // Nothing of the words is in custody, which stays.
    let told: String = support::custody(&node, &ids[2]).await.iter().map(|e| format!("{e:?}")).collect();
    assert!(told.contains("Label") && !told.contains("clinic"), "{told}");
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
    // The same bytes come in again: nobody labelled them.
    let source = Source::Bytes("gone.txt".into(), b"from 198.51.100.77\n".to_vec());
    node.ingest(vec![source], &Manner::house("test"), &|_| ()).await.unwrap();
    assert!(node.labels(&case, &text(&ids[2..])).await.unwrap()[0].unlabelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn examiners_add_and_a_decision_stands_until_somebody_adds() {
    let (_folder, node) = new_node().await;
    let account = b"{\"schema\":\"comity.account/1\",\"account\":\"NL91HARB0417164300\",\"institution\":\"harbour-bank\",\"role\":\"mule\"}\n";
    let (case, ids) = case_with(&node, &[("accounts.ndjson", account)]).await;
    let categories = async |i: usize| -> BTreeSet<Category> {
        node.labels(&case, &text(&ids[i..=i])).await.unwrap().remove(0).categories
    };
    use Category::{BankAccount, Transaction, VictimIdentity, Wallet};
    assert_eq!(categories(1).await, [Transaction, BankAccount, VictimIdentity].into());
    label(&node, &case, ids[1], &["wallet"], Some("wallets only, the field is misnamed")).await.unwrap();
    assert_eq!(categories(1).await, [Wallet].into());
    // An examiner finds an account after that: it adds, and takes nothing away.
    node.analyze(&|_| ()).await.unwrap();
    assert_eq!(categories(1).await, [Wallet, BankAccount].into());
    // A second person is as strict: both stand. Who decides weaker says why, and the history stays.
    label(&node, &case, ids[1], &["bank-account", "subscriber"], Some("a holder's name")).await.unwrap();
    assert!(categories(1).await.is_superset(&[Wallet, BankAccount].into()));
    let all = label(&node, &case, ids[1], &["victim-identity"], None).await.unwrap();
    assert!(all.categories.contains(&VictimIdentity) && !all.unlabelled);
    let by_hand = all.labels.iter().filter(|l| l.label.how == Labelling::ByHand).count();
    assert_eq!(by_hand, 3, "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_unpacked_has_the_labels_of_what_it_came_from() {
    let (_folder, node) = new_node().await;
    let (case, ids) = case_with(&node, &[("archive.bin", b"archive\n")]).await;
    // As an examiner that unpacks would list it.
    let inner = Exhibit {
        id: ExhibitId::of(b"inner"),
        derived_from: Some(ids[1]),
        names: vec![],
        ..exhibit(&node, ids[1]).await
    };
    let mut tx = node.state.begin().await.unwrap();
    exhibits::put(&mut tx, &inner).await.unwrap();
    tx.commit().await.unwrap();
    assert!(node.labelled(&inner).await.unwrap().unlabelled);
    label(&node, &case, ids[1], &["traffic"], Some("a switch's log")).await.unwrap();
    let seen = node.labelled(&inner).await.unwrap();
    assert_eq!((seen.categories, seen.unlabelled), ([Category::Traffic].into(), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_leaves_is_not_shared_as_an_exhibit_either() {
    let folder = tempfile::tempdir().unwrap();
    let operation = Operation::begin(folder.path(), &SMALL, &support::program(), &mut |_| ()).await.unwrap();
    operation.sign().await.unwrap();
    let company = &operation.company;
    let covert = b"{\"schema\":\"comity.covert/1\",\"asset\":\"198.18.9.9\",\"contact\":\"desk-7\",\"answer\":\"contact\"}\n";
    let (case, ids) = case_with(company, &[("covert.ndjson", covert)]).await;
    label(company, &case, ids[1], &["c2-infrastructure"], Some("an address of criminals")).await.unwrap();
    let refused = company.share(&wish(&case, ids[1]), false).await.unwrap_err();
    assert_eq!(code(&refused), "CMT-1284", "{refused}");
    for of in [case.clone(), format!("{case}/zz"), format!("no-such-case/{}", ids[0])] {
        let refused = company.share(&Wish { of, ..wish(&case, ids[0]) }, true).await.unwrap_err();
        assert!(matches!(code(&refused).as_str(), "CMT-1132" | "CMT-1123"), "{refused}");
    }
    // What a partner gave is not handed on: agreements do not chain.
    label(company, &case, ids[0], &["malware-sample"], Some("unpacked it")).await.unwrap();
    let shared = company.share(&wish(&case, ids[0]), false).await.unwrap();
    let received = handed(&operation, &shared).await;
    let (theirs, _) = case_with(&operation.police, &[]).await;
    operation.police.gather(&theirs, &text(&received)).await.unwrap();
    label(&operation.police, &theirs, received[0], &["malware-sample"], Some("looked")).await.unwrap();
    let back = Wish { with: PartnerId::new("region").unwrap(), ..wish(&theirs, received[0]) };
    let refused = operation.police.share(&back, false).await.unwrap_err();
    assert_eq!(code(&refused), "CMT-1284", "{refused}");
}

#[test]
fn the_command_shows_who_says_what() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let run = |args: &[&str]| support::comity(&home).args(args).output().unwrap();
    assert!(run(&["init", "--partner", "company"]).status.success());
    let file = folder.path().join("sample.bin");
    std::fs::write(&file, support::sample(1)).unwrap();
    let lines = |args: &[&str]| -> Vec<Value> {
        let done = run(args);
        assert!(done.status.success(), "{args:?}: {}", support::said(&done));
        String::from_utf8(done.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    };
    lines(&["ingest", "--json", file.to_str().unwrap()]);
    let findings = lines(&["analyze", "--json"]);
    let threats = lines(&["assess", "--json"]);
    let case =
        lines(&["case", "open", "Spring tide", "--json", "--threat", threats[0]["id"].as_str().unwrap()]);
    let case = case[0]["id"].as_str().unwrap().to_owned();
    let shown = lines(&["case", "label", &case, "--json"]);
    assert_eq!((&shown[0]["schema"], &shown[0]["unlabelled"]), (&"comity.labels/1".into(), &true.into()));
    let id: String = shown[0]["exhibit"].as_str().unwrap().chars().take(10).collect();
    let base = ["case", "label", &case, "--exhibit", &id];
    for (more, code, said) in [
        (&["--category", "malware-sample"][..], 3, "CMT-1282"),
        (&["--category", "samples", "--reason", "x"], 2, "CMT-1281"),
        (&["--category", "malware-sample", "--reason", " "], 2, "CMT-1132"),
    ] {
        let refused = run(&[&base[..], more].concat());
        assert_eq!(refused.status.code(), Some(code), "{}", support::said(&refused));
        assert!(support::said(&refused).contains(said), "{}", support::said(&refused));
    }
    let done = run(&[&base[..], &["--category", "malware-sample", "--reason", "unpacked it"]].concat());
    let told = support::said(&done);
    assert!(
        told.contains("malware-sample says analyst-1 (by-hand, ") && told.contains("unpacked it"),
        "{told}"
    );
    let told = support::said(&run(&["case", "show", &case]));
    assert!(told.contains("1 of 1 exhibit labelled by-hand"), "{told}");
    let finding = findings.iter().find_map(|f| f["id"].as_str()).unwrap();
    let why = lines(&["analyze", "--json", "--why", finding]);
    assert_eq!(why[0]["rests_on"][0]["label"]["categories"], serde_json::json!(["malware-sample"]));
    assert_eq!(run(&["verify"]).status.code(), Some(0));
}

/// Whoever can write into the state store labels nothing: a label counts with its act of custody only, whose leaf is on the
/// ledger. One that was taken out of the store is missed as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_its_act_of_custody_labels_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let operation = Operation::begin(folder.path(), &SMALL, &support::program(), &mut |_| ()).await.unwrap();
    operation.sign().await.unwrap();
    let company = &operation.company;
    let (case, ids) = case_with(company, &[("letter.txt", b"a letter\n")]).await;
    label(company, &case, ids[0], &["malware-sample"], Some("unpacked and read")).await.unwrap();
    company.share(&wish(&case, ids[0]), true).await.unwrap();
    let real: Record<KeptLabel> = {
        let mut conn = company.state.read().await.unwrap();
        records::LABELS.of(&mut conn, &ids[0].to_string()).await.unwrap().remove(0)
    };
    let put = async |record: &Record<KeptLabel>| {
        let mut tx = company.state.begin().await.unwrap();
        records::LABELS.put(&mut tx, record).await.unwrap();
        tx.commit().await.unwrap();
    };
    let noticed = async |exhibit: ExhibitId, why: &str| {
        for dry in [true, false] {
            let refused = company.share(&wish(&case, exhibit), dry).await.unwrap_err();
            assert_eq!(
                (code(&refused).as_str(), refused.ending()),
                ("CMT-1127", Ending::NotVerified),
                "{why}"
            );
        }
        let seen = company.verify_home(&|_| ()).await.unwrap();
        let told: Vec<_> = seen.problems.iter().map(|p| p.code.as_str()).collect();
        assert_eq!(told, ["CMT-1159"], "{why}: {:?}", seen.problems);
    };
    // Wider than what the person said.
    let mut other = real.clone();
    other.body.label.categories = [Category::NetworkIndicator].into();
    put(&other).await;
    noticed(ids[0], "other categories").await;
    put(&real).await;
    assert!(company.verify_home(&|_| ()).await.unwrap().whole());
    // The same words about another exhibit.
    let mut copied = real.clone();
    copied.body.exhibit = ids[1];
    (copied.id, copied.belongs) = (format!("{}/000000", ids[1]), ids[1].to_string());
    put(&copied).await;
    noticed(ids[1], "about another exhibit").await;
    operation.end().await.unwrap();
}
