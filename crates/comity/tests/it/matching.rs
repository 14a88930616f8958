//! A private match between two homes: a provider of financial technology finds which of its institutions' accounts stand
//! on a company's list of stolen credentials; and everything that must be refused on the way.

use super::support::{PASSPHRASE, program};
use comity::node::error::NodeError;
use comity::node::matching::{MatchWish, Matched};
use comity::node::{Birth, Node, Options, agree};
use comity::store::{SetClock, records};
use privacy::psi::{Kind, Protocol};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use terms::{CaseId, Category, PartnerId, PersonId, Purpose, Timestamp};

const TEXT: &str = include_str!("../../../../agreements/company-fintech.mou.md");
const LIMITS: &str = "limits = { per-case = 1_000_000, total = 10_000_000 }";
const FORM: &str = "form = \"psi(100000, 5000)\"";

struct World {
    _folder: TempDir,
    company: Node,
    fintech: Node,
}

fn now() -> Timestamp {
    "2026-03-09T09:00:00Z".parse().unwrap()
}

fn options(dir: &Path) -> Options {
    let mut options = Options::new(dir, PASSPHRASE).unwrap();
    options.clock = Arc::new(SetClock::new(now()));
    options.program = program();
    options
}

async fn home(folder: &Path, name: &str) -> Node {
    let birth = Birth {
        partner: PartnerId::new(name).unwrap(),
        person: PersonId("analyst-1".into()),
        customer_networks: Vec::new(),
        geo: None,
    };
    Node::init(&options(&folder.join(name)), &birth).await.unwrap()
}

/// Two homes under the sample agreement with these limits of its matching clause, and an open case at the asker.
async fn world(limits: &str, form: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    let (company, fintech) = (home(folder.path(), "company").await, home(folder.path(), "fintech").await);
    assert!(TEXT.contains(LIMITS) && TEXT.contains(FORM), "the sample's clause has changed");
    let keys = [("company.key", company.organisation_key()), ("fintech.key", fintech.organisation_key())];
    let values: Vec<(&str, &str)> = keys.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let text = agreement::fill(&TEXT.replace(LIMITS, limits).replace(FORM, form), &values);
    let parsed = agree::parse("company-fintech.mou.md", &text).unwrap();
    let both = fintech.sign(&parsed, Some(company.sign(&parsed, None).unwrap())).unwrap();
    company.join(&text, both.clone()).await.unwrap();
    fintech.join(&text, both).await.unwrap();
    case(&fintech).await;
    World { _folder: folder, company, fintech }
}

async fn case(node: &Node) {
    let case = threat::Case::open(CaseId::new("mules").unwrap(), "Mules", now()).unwrap();
    let record = records::Record {
        id: "mules".into(),
        belongs: String::new(),
        status: "open".into(),
        at: now(),
        until: None,
        body: case,
    };
    let mut tx = node.state.begin().await.unwrap();
    records::CASES.put(&mut tx, &record).await.unwrap();
    tx.commit().await.unwrap();
}

fn users(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|n| format!("Holder-{n}@Bank.Example\n")).collect()
}

fn wish(items: String, protocol: Protocol) -> MatchWish {
    MatchWish {
        items,
        kind: Kind::Email,
        category: Category::AccountCredential,
        with: PartnerId::new("company").unwrap(),
        case: CaseId::new("mules").unwrap(),
        reason: "credentials seen in the loader's drop".into(),
        purpose: Purpose::VictimNotification,
        protocol,
        reveal: None,
    }
}

async fn session(world: &World, wish: &MatchWish, held: &str) -> Result<Matched, NodeError> {
    let question = world.fintech.match_ask(wish, false).await?;
    let answer = world.company.match_answer(&question.bundle, held, false).await?;
    assert!(answer.matches.is_empty() && answer.hits.is_none(), "the holder learns of no match");
    world.fintech.match_finish(&answer.bundle).await
}

#[track_caller]
fn refused(outcome: Result<Matched, NodeError>, clause: &str) -> String {
    match outcome {
        Err(NodeError::Refused { sentence, clauses, .. }) => {
            assert!(clauses.iter().any(|c| c == clause), "{clauses:?}: {sentence}");
            sentence
        }
        // The other side's own copy refuses what a stranger's node let pass.
        Err(NodeError::Exchange(e)) => {
            let text = e.to_string();
            // The sentence names the agreement and the nearest clause, not always side by side.
            assert!(clause.split(' ').all(|part| text.contains(part)), "{text}");
            text
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[track_caller]
fn coded<T: std::fmt::Debug>(outcome: Result<T, NodeError>, code: &str) {
    let error = outcome.unwrap_err();
    let said = miette::Diagnostic::code(&error).map(|c| c.to_string());
    assert_eq!(said.as_deref(), Some(code), "{error}");
}

/// Every byte of a home's ledger and of its state holds none of these.
fn holds_nothing_of(node: &Node, needles: &[&str]) {
    let root = node.home.root();
    let mut files = super::support::files_below(root, "ledger");
    files.extend(["state.db", "state.db-wal"].map(str::to_owned));
    for file in files {
        let bytes = std::fs::read(root.join(&file)).unwrap_or_default();
        for needle in needles {
            let found = bytes.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle.as_bytes()));
            assert!(!found, "`{needle}` stands in {file}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_finds_stolen_credentials_on_a_companys_list() {
    let world = world(LIMITS, FORM).await;
    let held = users(30..60);
    for protocol in [Protocol::Reveal, Protocol::Verified] {
        let done = session(&world, &wish(users(0..40), protocol), &held).await.unwrap();
        let expected: Vec<String> = (30..40).map(|n| format!("Holder-{n}@Bank.Example")).collect();
        let mut found = done.matches.clone();
        found.sort();
        assert_eq!((found, done.hits, done.holds), (expected, Some(10), Some(30)));
        assert!(done.clauses.iter().any(|c| c == "company-fintech 3.2"), "{:?}", done.clauses);
        assert!(done.duties.iter().any(|d| d.starts_with("erase by")), "{:?}", done.duties);
    }
    let done = session(&world, &wish(users(0..40), Protocol::SizeOnly), &held).await.unwrap();
    assert_eq!((done.hits, done.matches.len(), done.reveal), (Some(10), 0, 0));

    // Both ledgers have it; neither they nor the state hold an item or a reason.
    for node in [&world.company, &world.fintech] {
        let verified = node.verify_home(&|_| ()).await.unwrap();
        assert!(verified.problems.is_empty(), "{:?}", verified.problems);
        holds_nothing_of(node, &["holder-3", "loader's drop"]);
        let ledger = super::support::files_below(node.home.root(), "ledger");
        assert!(!ledger.is_empty());
    }
    let mut conn = world.fintech.state.read().await.unwrap();
    let kept: Vec<records::Record<serde_json::Value>> =
        records::MATCHES.of(&mut conn, "company").await.unwrap();
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|r| r.status == "finished" && r.body["hits"] == 10), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_session_is_answered_and_finished_once_and_only_as_it_was_sent() {
    let world = world(LIMITS, FORM).await;
    let held = users(0..5);
    let question = world.fintech.match_ask(&wish(users(0..20), Protocol::Reveal), false).await.unwrap();
    let other = world.fintech.match_ask(&wish(users(0..20), Protocol::Reveal), false).await.unwrap();
    // Any changed byte of a bundle is refused, at its beginning, in its middle and at its end.
    for at in [20, question.bundle.len() / 2, question.bundle.len() - 1] {
        let mut changed = question.bundle.clone();
        changed[at] ^= 1;
        assert!(world.company.match_answer(&changed, &held, false).await.is_err(), "byte {at}");
    }
    let answer = world.company.match_answer(&question.bundle, &held, false).await.unwrap();
    coded(world.company.match_answer(&question.bundle, &held, false).await, "CMT-1195");
    let mut changed = answer.bundle.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    assert!(world.fintech.match_finish(&changed).await.is_err());
    // A question is no answer, and a bundle that is not ours does not open.
    coded(world.company.match_finish(&question.bundle).await, "CMT-1130");
    assert!(world.fintech.match_finish(&question.bundle).await.is_err());
    assert_eq!(world.fintech.match_finish(&answer.bundle).await.unwrap().hits, Some(5));
    coded(world.fintech.match_finish(&answer.bundle).await, "CMT-1195");
    // The other session is its own, and what it finds is the same.
    let answer = world.company.match_answer(&other.bundle, &held, false).await.unwrap();
    assert_eq!(world.fintech.match_finish(&answer.bundle).await.unwrap().hits, Some(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_case_no_reason_too_many_items_too_many_matches() {
    let world = world(LIMITS, "form = \"psi(50, 20)\"").await;
    let ask = async |wish: &MatchWish, dry| world.fintech.match_ask(wish, dry).await;
    let good = wish(users(0..20), Protocol::Reveal);
    assert!(ask(&good, true).await.unwrap().bundle.is_empty(), "a dry run writes nothing");
    coded(ask(&MatchWish { case: CaseId::new("none").unwrap(), ..good.clone() }, false).await, "CMT-1123");
    refused_by_prohibition(ask(&MatchWish { reason: "  ".into(), ..good.clone() }, false).await);
    refused(ask(&wish(users(0..51), Protocol::SizeOnly), false).await, "company-fintech 4.3");
    refused(ask(&wish(users(0..30), Protocol::Reveal), false).await, "company-fintech 4.3");
    // Thirty items may be asked where at most twenty are to be revealed; and then the holder says how many it could.
    let modest = MatchWish { reveal: Some(20), ..wish(users(0..30), Protocol::Reveal) };
    let question = ask(&modest, false).await.unwrap();
    coded(world.company.match_answer(&question.bundle, &users(0..25), true).await, "CMT-1196");
    let answer = world.company.match_answer(&question.bundle, &users(0..15), false).await.unwrap();
    assert_eq!(answer.reveal, 15);
    assert_eq!(world.fintech.match_finish(&answer.bundle).await.unwrap().hits, Some(15));
}

#[track_caller]
fn refused_by_prohibition(outcome: Result<Matched, NodeError>) {
    let Err(NodeError::Refused { sentence, code, .. }) = outcome else { panic!("not refused: {outcome:?}") };
    assert_eq!(code, "CMT-0204", "{sentence}");
}

/// A partner that walks through a planted /16 of addresses, a thousand at a time, is stopped at the cap: by its own node,
/// and by the holder's where its own has forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_walks_through_a_network_is_stopped_at_the_cap() {
    let world = world("limits = { per-case = 3_000, total = 3_000 }", FORM).await;
    let thousand = |n: u32| -> String {
        (n * 1000..(n + 1) * 1000).map(|a| format!("198.18.{}.{}\n", a >> 8, a & 255)).collect()
    };
    let planted = "198.18.3.7\n198.18.12.4\n198.18.200.9\n203.0.113.1\n";
    let ask = |n| MatchWish { kind: Kind::Address, ..wish(thousand(n), Protocol::Reveal) };
    // The asker's home before anything was asked: what a dishonest asker goes back to.
    let path = world.fintech.home.root().to_path_buf();
    let before = path.with_extension("before");
    world.fintech.sequencer.run().await.unwrap();
    world.fintech.state.purge().await.unwrap();
    copy(&path, &before);
    let mut found = Vec::new();
    for n in 0..3 {
        found.extend(session(&world, &ask(n), planted).await.unwrap().matches);
    }
    assert_eq!(found, ["198.18.3.7"], "the rest of the network was never asked");
    refused(world.fintech.match_ask(&ask(3), false).await, "company-fintech 3.2");
    let forgetful = Node::open(&options(&before), "match").await.unwrap();
    let question = forgetful.match_ask(&ask(3), false).await.unwrap();
    refused(world.company.match_answer(&question.bundle, planted, false).await, "company-fintech 3.2");
}

/// A folder with all that it holds, as private as it was.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, from.metadata().unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => std::fs::copy(&path, &target).map(|_| ()).unwrap(),
        }
    }
}
